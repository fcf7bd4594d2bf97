/* One split for all nodes of a symmetric tree's level: the candidate with the largest total
 * gain. Every candidate is weighed in every node with exact row counts; features are shared out
 * to the threads. Cost: nodes x features x bins gains; nothing is skipped. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_split.h"

/* All nodes of one common search. */
typedef struct common {
    gbt_backend *backend;
    const gbt_search *task; /* [n] */
    int32_t n;
    int64_t n_rows;       /* of all nodes */
    int64_t hess;         /* likewise */
    gbt_cpu_found *found; /* [n_features] */
} common;

/* bins: sums over all nodes. */
static void unpack_all(const common *c, const gbt_cpu_feature *feature, bool needs_rows,
                       gbt_cpu_unpacked *bins)
{
    gbt_cpu_unpacked own;
    memset(bins, 0, sizeof *bins);
    for (int32_t t = 0; t < c->n; t++) {
        const gbt_cpu_view view = gbt_cpu_view_of(c->backend, &c->task[t]);
        gbt_cpu_unpack(&view, feature, needs_rows, &own);
        for (int32_t bin = 0; bin <= feature->n_bins; bin++) {
            bins->sum[bin].grad += own.sum[bin].grad;
            bins->sum[bin].hess += own.sum[bin].hess;
            bins->rows[bin] += own.rows[bin];
        }
    }
}

/* Candidate 2 b + d has bins up to b on the left, missing values right (d = 0) or left (d = 1).
 * is_open [GBT_CPU_MAX_CANDIDATES]: those that exist, by the sums over all nodes. */
static void find_open(const common *c, const gbt_cpu_unpacked *all, int32_t n_bins, bool *is_open)
{
    const gbt_sum missing = all->sum[n_bins];
    const bool has_missing = missing.grad != 0 || missing.hess != 0;
    int64_t left_hess = 0;
    memset(is_open, 0, GBT_CPU_MAX_CANDIDATES * sizeof *is_open);
    for (int32_t bin = 0; bin < n_bins - (has_missing ? 0 : 1); bin++) {
        left_hess += all->sum[bin].hess;
        const bool is_left_heavy = left_hess >= c->hess - left_hess;
        is_open[2 * bin] = has_missing || !is_left_heavy;
        is_open[2 * bin + 1] = has_missing || is_left_heavy;
    }
}

/* Left side of candidate 2 b + d, given the sums up to bin b. */
static gbt_sum with_missing(gbt_sum left, gbt_sum missing, int32_t d)
{
    return d ? (gbt_sum){left.grad + missing.grad, left.hess + missing.hess} : left;
}

/* Adds the gains of one node to the totals. */
static void add_numeric(const gbt_cpu_view *view, const gbt_cpu_unpacked *bins, int32_t n_bins,
                        const bool *is_open, double *total)
{
    gbt_sum left = {0, 0};
    int64_t rows = 0;
    for (int32_t bin = 0; bin < n_bins; bin++) {
        left.grad += bins->sum[bin].grad;
        left.hess += bins->sum[bin].hess;
        rows += bins->rows[bin];
        for (int32_t d = 0; d < 2; d++) {
            double sides = 0.0;
            if (is_open[2 * bin + d] &&
                gbt_cpu_weigh(view, with_missing(left, bins->sum[n_bins], d),
                              rows + (d ? bins->rows[n_bins] : 0), 0.0, &sides)) {
                total[2 * bin + d] += sides - view->node_gain;
            }
        }
    }
}

static void add_categorical(const gbt_cpu_view *view, const gbt_cpu_unpacked *bins,
                            const gbt_cpu_cat_plan *plan, double *total)
{
    double gains[GBT_CPU_MAX_CANDIDATES];
    gbt_cpu_cat_weigh(plan, view, bins, gains);
    for (int32_t i = 0; i < gbt_cpu_cat_candidates(plan); i++) {
        if (gains[i] > (double)-INFINITY) {
            total[i] += gains[i] - view->node_gain;
        }
    }
}

/* The best candidate of one feature; sides is its total, 0 when it is admissible nowhere. */
static gbt_cpu_found search_feature(const common *c, const gbt_cpu_feature *feature)
{
    double total[GBT_CPU_MAX_CANDIDATES] = {0.0};
    bool is_open[GBT_CPU_MAX_CANDIDATES];
    gbt_cpu_unpacked bins;
    gbt_cpu_cat_plan plan;
    gbt_cpu_found found = {0.0, 0, false, true};
    unpack_all(c, feature, feature->is_categorical, &bins);
    if (feature->is_categorical) {
        gbt_cpu_cat_plan_make(c->backend, feature, &bins, c->n_rows, &plan);
    } else {
        find_open(c, &bins, feature->n_bins, is_open);
    }
    for (int32_t t = 0; t < c->n; t++) {
        const gbt_cpu_view view = gbt_cpu_view_of(c->backend, &c->task[t]);
        gbt_cpu_unpack(&view, feature, true, &bins);
        if (feature->is_categorical) {
            add_categorical(&view, &bins, &plan, total);
        } else {
            add_numeric(&view, &bins, feature->n_bins, is_open, total);
        }
    }
    for (int32_t i = 0; i < GBT_CPU_MAX_CANDIDATES; i++) {
        if (total[i] > found.sides) {
            found.sides = total[i];
            found.candidate = i;
        }
    }
    return found;
}

static void search_features(void *context, int64_t first, int64_t last, int thread)
{
    const common *c = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        const gbt_cpu_feature *feature = &c->backend->feature[i];
        c->found[i] = (gbt_cpu_found){0.0, 0, false, true};
        if (gbt_cpu_is_allowed(&c->task[0], feature->feature)) {
            c->found[i] = search_feature(c, feature);
        }
    }
}

/* The numeric candidate in one node. */
static void fill_numeric(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                         int32_t candidate, gbt_split *split)
{
    gbt_cpu_unpacked bins;
    gbt_sum left = {0, 0};
    int64_t rows = 0;
    double sides = 0.0;
    const int32_t d = candidate % 2;
    gbt_cpu_unpack(view, feature, true, &bins);
    for (int32_t bin = 0; bin <= candidate / 2; bin++) {
        left.grad += bins.sum[bin].grad;
        left.hess += bins.sum[bin].hess;
        rows += bins.rows[bin];
    }
    left = with_missing(left, bins.sum[feature->n_bins], d);
    rows += d ? bins.rows[feature->n_bins] : 0;
    if (gbt_cpu_weigh(view, left, rows, 0.0, &sides)) {
        split->bin = (uint8_t)(candidate / 2);
        split->missing_left = (uint8_t)d;
        gbt_cpu_fill_split(view, feature, left, sides, split);
    }
}

/* The categorical candidate in one node. */
static void fill_categorical(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                             const gbt_cpu_cat_plan *plan, int32_t candidate, gbt_split *split)
{
    gbt_cpu_unpacked bins;
    double gains[GBT_CPU_MAX_CANDIDATES];
    gbt_cpu_unpack(view, feature, true, &bins);
    gbt_cpu_cat_weigh(plan, view, &bins, gains);
    if (gains[candidate] > (double)-INFINITY) {
        const gbt_sum left = gbt_cpu_cat_choose(plan, candidate, &bins, split);
        gbt_cpu_fill_split(view, feature, left, gains[candidate], split);
    }
}

static void fill_splits(const common *c, const gbt_cpu_feature *feature, int32_t candidate,
                        gbt_split *best)
{
    gbt_cpu_unpacked bins;
    gbt_cpu_cat_plan plan;
    if (feature->is_categorical) {
        unpack_all(c, feature, true, &bins);
        gbt_cpu_cat_plan_make(c->backend, feature, &bins, c->n_rows, &plan);
    }
    for (int32_t t = 0; t < c->n; t++) {
        const gbt_cpu_view view = gbt_cpu_view_of(c->backend, &c->task[t]);
        if (feature->is_categorical) {
            fill_categorical(&view, feature, &plan, candidate, &best[t]);
        } else {
            fill_numeric(&view, feature, candidate, &best[t]);
        }
    }
}

void gbt_cpu_search_common(gbt_backend *b, const gbt_search *task, int32_t n, gbt_split *best)
{
    common c = {.backend = b, .task = task, .n = n, .found = b->found};
    gbt_cpu_found found = {0.0, 0, false, true};
    int32_t winner = -1;
    b->counts_all = true;
    b->stamp++;
    for (int32_t t = 0; t < n; t++) {
        gbt_cpu_no_split(&best[t]);
        c.n_rows += task[t].n_rows;
        c.hess += task[t].sum.hess;
        (void)gbt_cpu_build_missing(b, task[t].node);
        assert(b->node[task[t].node].histogram < 0 ||
               memchr(b->pool[b->node[task[t].node].histogram].open, 0, (size_t)b->n_features) ==
                   NULL);
    }
    gbt_for_chunks(b->config.threads, b->n_features, 1, search_features, &c);
    for (int32_t i = 0; i < b->n_features; i++) {
        if (c.found[i].sides > found.sides) {
            found = c.found[i];
            winner = i;
        }
    }
    if (winner >= 0) {
        fill_splits(&c, &b->feature[winner], found.candidate, best);
    }
}
