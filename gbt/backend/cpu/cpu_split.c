/* Split search of single nodes: every feature's best candidate, then the best feature.
 *
 * Row counts, which min_child_samples needs exactly, are in the slots of small nodes only.
 * Elsewhere numeric features are searched as if all candidates had enough rows; when the
 * winner's sides turn out to have too few, the rows of that one feature are counted and it is
 * searched again, until a winner has enough. The result is the best candidate
 * that has enough rows. Cost: a scan of the slots (cpu_scan.c), with L1 or clipped weights about
 * five times that. */
#include <math.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_split.h"

enum { GROUP_FEATURES = 65536, LEAST_GROUP = 4 };

int32_t gbt_cpu_group_nodes(int32_t n_features)
{
    const int32_t n = GROUP_FEATURES / (n_features > 0 ? n_features : 1);
    return n < LEAST_GROUP ? LEAST_GROUP : n;
}

/* The smallest hessian sum that is at least min_child_weight and above zero with lambda. */
static int64_t hess_of_weight(const gbt_backend *b)
{
    const double unit = b->quant.hess_unit;
    const double least = b->config.min_child_weight;
    if (least / unit >= 0x1p62) {
        return INT64_MAX;
    }
    int64_t hess = (int64_t)ceil(least / unit);
    while (hess > 0 && (double)(hess - 1) * unit >= least) {
        hess--;
    }
    return hess < 1 && !(b->config.regular.lambda > 0.0) ? 1 : hess;
}

void gbt_cpu_search_begin(gbt_backend *b)
{
    const int64_t of_weight = hess_of_weight(b);
    const int64_t rows =
        b->config.min_child_samples > b->n_rows ? b->n_rows + 1 : b->config.min_child_samples;
    const int64_t of_rows = rows * (b->hess_least > b->hess_most ? 0 : b->hess_least);
    b->least_hess = of_weight > of_rows ? of_weight : of_rows;
    gbt_cpu_measure_away(b);
}

static gbt_side side_of(const gbt_backend *b, gbt_sum sum, int64_t rows)
{
    return (gbt_side){(double)sum.grad * b->quant.grad_unit, (double)sum.hess * b->quant.hess_unit,
                      (double)rows};
}

static gbt_sum rest_of(const gbt_search *task, gbt_sum left)
{
    return (gbt_sum){task->sum.grad - left.grad, task->sum.hess - left.hess};
}

gbt_cpu_view gbt_cpu_view_of(const gbt_backend *b, const gbt_search *task)
{
    const int32_t at = b->node[task->node].histogram;
    const double gain =
        gbt_node_gain(side_of(b, task->sum, task->n_rows), &b->config.regular, task->weight);
    gbt_cpu_view view = {
        .backend = b,
        .task = task,
        .histogram = at < 0 ? NULL : &b->pool[at],
        .node_gain = gain,
        .floor = gbt_gain_floor(gain, b->config.min_split_gain),
        .scan = {.sum = task->sum,
                 .least_hess = b->least_hess,
                 .n_rows = task->n_rows,
                 .least_rows = b->config.min_child_samples,
                 .grad_unit = b->quant.grad_unit,
                 .hess_unit = b->quant.hess_unit,
                 .lambda = b->config.regular.lambda},
    };
    gbt_cpu_scan_node_finish(&view.scan);
    return view;
}

bool gbt_cpu_weigh(const gbt_cpu_view *view, gbt_sum left, int64_t left_rows, double extra_lambda,
                   double *sides)
{
    const gbt_backend_config *config = &view->backend->config;
    const int64_t right_rows = view->task->n_rows - left_rows;
    if (left_rows >= 0 &&
        (left_rows < config->min_child_samples || right_rows < config->min_child_samples)) {
        return false;
    }
    const gbt_side l = side_of(view->backend, left, left_rows);
    const gbt_side r = side_of(view->backend, rest_of(view->task, left), right_rows);
    gbt_regular regular = config->regular;
    regular.lambda += extra_lambda;
    if (!(l.hess >= config->min_child_weight && r.hess >= config->min_child_weight) ||
        !(l.hess + regular.lambda > 0.0 && r.hess + regular.lambda > 0.0)) {
        return false;
    }
    *sides = gbt_split_gain(l, r, &regular, view->task->weight);
    return *sides > view->floor;
}

void gbt_cpu_no_split(gbt_split *split)
{
    memset(split, 0, sizeof *split);
    split->feature = -1;
}

void gbt_cpu_fill_split(const gbt_cpu_view *view, const gbt_cpu_feature *feature, gbt_sum left,
                        double sides, gbt_split *split)
{
    split->feature = feature->feature;
    split->gain = sides - view->node_gain;
    split->left = left;
    split->right = rest_of(view->task, left);
}

/* Every candidate of unpacked bins, with row counts if they are there. */
static gbt_cpu_found search_unpacked(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                                     const gbt_cpu_unpacked *bins)
{
    const gbt_sum missing = bins->sum[feature->n_bins];
    const bool has_missing = missing.grad != 0 || missing.hess != 0;
    const int64_t missing_rows = bins->rows[feature->n_bins];
    gbt_cpu_found best = {view->floor, 0, false, bins->has_rows};
    gbt_sum left = {0, 0};
    int64_t rows = 0;
    for (int32_t bin = 0; bin < feature->n_bins - (has_missing ? 0 : 1); bin++) {
        left.grad += bins->sum[bin].grad;
        left.hess += bins->sum[bin].hess;
        rows += bins->rows[bin];
        const bool is_left_heavy = left.hess >= view->task->sum.hess - left.hess;
        for (int32_t d = has_missing || !is_left_heavy ? 0 : 1;
             d < (has_missing || is_left_heavy ? 2 : 1); d++) {
            const gbt_sum with = {left.grad + (d ? missing.grad : 0),
                                  left.hess + (d ? missing.hess : 0)};
            const int64_t with_rows = bins->has_rows ? rows + (d ? missing_rows : 0) : -1;
            double sides = 0.0;
            if (gbt_cpu_weigh(view, with, with_rows, 0.0, &sides) && sides > best.sides) {
                best = (gbt_cpu_found){sides, bin, d == 1, bins->has_rows};
            }
        }
    }
    return best;
}

gbt_cpu_found gbt_cpu_search_exactly(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                                     bool needs_rows)
{
    gbt_cpu_unpacked bins;
    gbt_cpu_unpack(view, feature, needs_rows, &bins);
    return search_unpacked(view, feature, &bins);
}

static gbt_cpu_found search_categorical(const gbt_cpu_view *view, const gbt_cpu_feature *feature)
{
    gbt_cpu_unpacked bins;
    gbt_cpu_cat_plan plan;
    double gains[GBT_CPU_MAX_CANDIDATES];
    gbt_cpu_found best = {view->floor, 0, false, true};
    gbt_cpu_unpack(view, feature, true, &bins);
    gbt_cpu_cat_plan_make(view->backend, feature, &bins, view->task->n_rows, &plan);
    gbt_cpu_cat_weigh(&plan, view, &bins, gains);
    for (int32_t i = 0; i < gbt_cpu_cat_candidates(&plan); i++) {
        if (gains[i] > best.sides) {
            best.sides = gains[i];
            best.candidate = i;
        }
    }
    return best;
}

static gbt_cpu_found search_feature(const gbt_cpu_view *view, const gbt_cpu_feature *feature)
{
    const gbt_regular *regular = &view->backend->config.regular;
    if (!gbt_cpu_is_allowed(view->task, feature->feature)) {
        return (gbt_cpu_found){(double)-INFINITY, 0, false, true};
    }
    if (feature->is_categorical) {
        return search_categorical(view, feature);
    }
    if (gbt_regular_is_plain(regular)) {
        return gbt_cpu_search_plain(view, feature);
    }
    return gbt_cpu_search_exactly(
        view, feature, regular->path_smooth > 0.0 || view->histogram->format == GBT_CPU_COUNTED);
}

static void fill_numeric(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                         const gbt_cpu_found *found, gbt_split *split)
{
    gbt_cpu_unpacked bins;
    gbt_sum left = {0, 0};
    gbt_cpu_unpack(view, feature, false, &bins);
    const gbt_sum missing = bins.sum[feature->n_bins];
    for (int32_t bin = 0; bin <= found->candidate; bin++) {
        left.grad += bins.sum[bin].grad;
        left.hess += bins.sum[bin].hess;
    }
    const bool has_missing = missing.grad != 0 || missing.hess != 0;
    const bool missing_left =
        has_missing ? found->missing_left : left.hess >= view->task->sum.hess - left.hess;
    if (missing_left) {
        left.grad += missing.grad;
        left.hess += missing.hess;
    }
    split->bin = (uint8_t)found->candidate;
    split->missing_left = missing_left;
    gbt_cpu_fill_split(view, feature, left, found->sides, split);
}

static void fill_categorical(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                             const gbt_cpu_found *found, gbt_split *split)
{
    gbt_cpu_unpacked bins;
    gbt_cpu_cat_plan plan;
    gbt_cpu_unpack(view, feature, true, &bins);
    gbt_cpu_cat_plan_make(view->backend, feature, &bins, view->task->n_rows, &plan);
    const gbt_sum left = gbt_cpu_cat_choose(&plan, found->candidate, &bins, split);
    gbt_cpu_fill_split(view, feature, left, found->sides, split);
}

/* Rows of the left side, from counts beside the sums. */
static int64_t count_left(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                          const gbt_split *split)
{
    gbt_cpu_unpacked bins;
    int64_t rows = 0;
    gbt_cpu_unpack(view, feature, true, &bins);
    for (int32_t bin = 0; bin <= feature->n_bins; bin++) {
        rows += gbt_split_goes_left(split, bin, feature->n_bins) ? bins.rows[bin] : 0;
    }
    return rows;
}

/* Have both sides enough rows? The sums may prove it, every row's hessian being at most hess_most;
 * else rows are looked at until both sides have them, mostly a few hundred, unless the column is
 * counted. */
static bool has_enough_rows(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                            const gbt_split *split)
{
    const gbt_backend *b = view->backend;
    const int64_t enough = b->config.min_child_samples;
    const int64_t least =
        split->left.hess < split->right.hess ? split->left.hess : split->right.hess;
    if (b->hess_most > 0 && (least + b->hess_most - 1) / b->hess_most >= enough) {
        return true;
    }
    if (view->histogram && b->column[feature->column].is_counted) {
        const int64_t left = count_left(view, feature, split);
        return left >= enough && view->task->n_rows - left >= enough;
    }
    const bool has_rows = gbt_cpu_has_rows(b, view->task->node, split, enough);
    if (!has_rows) { /* all rows were looked at, and all will be counted */
        b->looked[b->column[feature->column].source] += 2 * view->task->n_rows;
    }
    return has_rows;
}

/* The best feature of one node, given each feature's best candidate. */
static void choose_feature(const gbt_cpu_view *view, gbt_cpu_found *found, gbt_split *split)
{
    const gbt_backend *b = view->backend;
    const uint8_t *open = view->histogram->open;
    for (;;) {
        double best = view->floor;
        int32_t winner = -1;
        for (int32_t i = 0; (i = gbt_cpu_next_set(open, i, b->n_features)) < b->n_features; i++) {
            if (found[i].sides > best) {
                best = found[i].sides;
                winner = i;
            }
        }
        gbt_cpu_no_split(split);
        if (winner < 0) {
            return;
        }
        const gbt_cpu_feature *feature = &b->feature[winner];
        if (feature->is_categorical) {
            fill_categorical(view, feature, &found[winner], split);
        } else {
            fill_numeric(view, feature, &found[winner], split);
        }
        if (found[winner].is_certain || has_enough_rows(view, feature, split)) {
            return;
        }
        found[winner] = gbt_cpu_search_exactly(view, feature, true);
    }
}

/* A group of nodes that all have histograms. */
typedef struct group {
    gbt_backend *backend;
    const gbt_search *task; /* [n] */
    gbt_split *best;        /* [n] */
    int32_t n;
} group;

/* Searches the open ones of features [first, last), and closes those with too few rows. */
static void search_features(const group *g, int64_t node, int32_t first, int32_t last)
{
    gbt_backend *b = g->backend;
    gbt_cpu_view view = gbt_cpu_view_of(b, &g->task[node]);
    uint8_t *open = view.histogram->open;
    for (int32_t i = first; (i = gbt_cpu_next_set(open, i, last)) < last; i++) {
        const gbt_cpu_feature *feature = &b->feature[i];
        if (feature->is_listed &&
            gbt_cpu_has_few_away(b, feature, view.histogram->away[feature->feature])) {
            open[i] = 0;
            view.histogram->entry_slot[feature->feature] = b->waste_slot;
            continue;
        }
        const gbt_cpu_found found = search_feature(&view, feature);
        b->found[node * b->n_features + i] = found;
        if (found.is_certain && found.sides > view.floor) {
            view.floor = found.sides; /* what is not better need not be known exactly */
        }
    }
}

/* Items are features of node 0, then those of node 1, ... */
static void search_items(void *context, int64_t first, int64_t last, int thread)
{
    const group *g = context;
    const int32_t n_features = g->backend->n_features;
    (void)thread;
    for (int64_t item = first; item < last;) {
        const int64_t node = item / n_features;
        const int64_t end = last < (node + 1) * n_features ? last : (node + 1) * n_features;
        search_features(g, node, (int32_t)(item - node * n_features),
                        (int32_t)(end - node * n_features));
        item = end;
    }
}

/* The features of one share of the columns in all nodes. */
static void search_share(void *context, int64_t share, int64_t last, int thread)
{
    const group *g = context;
    (void)last;
    (void)thread;
    for (int64_t node = 0; node < g->n; node++) {
        search_features(g, node, g->backend->share_feature[share],
                        g->backend->share_feature[share + 1]);
    }
}

static void choose_for_node(void *context, int64_t first, int64_t last, int thread)
{
    const group *g = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        const gbt_cpu_view view = gbt_cpu_view_of(g->backend, &g->task[i]);
        choose_feature(&view, g->backend->found + i * g->backend->n_features, &g->best[i]);
    }
}

static void search_group(group *g)
{
    const gbt_backend *b = g->backend;
    const int64_t n_items = (int64_t)g->n * b->n_features;
    const int threads = (int64_t)g->n * b->n_slots < GBT_CPU_REGION_WORK ? 1 : b->config.threads;
    if (threads == 1) {
        search_items(g, 0, n_items, 0);
    } else if (b->n_shares > 1 && b->searches_by_share) {
        gbt_on_threads(b->n_shares, search_share, g);
    } else {
        gbt_for_chunks(threads, n_items, n_items / (2 * threads) + 1, search_items, g);
    }
    gbt_for_chunks(threads, g->n, 1, choose_for_node, g);
}

gbt_status gbt_cpu_search(gbt_backend *b, const gbt_search *task, int32_t n, bool is_common,
                          gbt_split *best)
{
    if (is_common) {
        gbt_cpu_search_common(b, task, n, best);
    }
    for (int32_t first = 0; first < n && !is_common;) {
        /* As many nodes as can have their histograms at the same time. */
        int32_t last = first;
        b->stamp++;
        while (last < n && last - first < b->group_nodes &&
               gbt_cpu_build_missing(b, task[last].node)) {
            last++;
        }
        group g = {b, task + first, best + first, last - first};
        search_group(&g);
        first = last;
    }
    return GBT_OK;
}
