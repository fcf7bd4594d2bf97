/* Split search of the ref backend. Every candidate of backend.h is built and weighed on its own, in
 * the order given there; nothing is skipped because it cannot win. Does not make histograms.
 * Cost: bins x nodes for each feature. Reference: [ChenGuestrin16 alg. 1], [Fisher58] for
 * categories. */
#include "gbt/backend/ref/ref_split.h"

#include <assert.h>
#include <string.h>

#include "gbt/base/alloc.h"

gbt_status gbt_ref_search_open(gbt_ref_search *s, const gbt_backend_config *config, gbt_quant quant,
                               const gbt_search *task, int32_t n, bool is_common, gbt_split *best)
{
    gbt_status status = GBT_OK;
    assert(n >= 1 && (is_common || n == 1));
    memset(s, 0, sizeof *s);
    s->config = config;
    s->quant = quant;
    s->task = task;
    s->n = n;
    s->is_common = is_common;
    s->best = best;
    for (int32_t t = 0; t < n; t++) {
        memset(&best[t], 0, sizeof best[t]);
        best[t].feature = -1;
    }
    GBT_TRY_OR_DONE(GBT_NEW(s->cells, ((int64_t)n + 1) * GBT_REF_CELLS));
    GBT_TRY_OR_DONE(GBT_NEW(s->left, (int64_t)n + 1));
    GBT_TRY_OR_DONE(GBT_NEW(s->trial, n));
done:
    if (status != GBT_OK) {
        gbt_ref_search_close(s);
    }
    return status;
}

void gbt_ref_search_close(gbt_ref_search *s)
{
    gbt_release(s->cells);
    gbt_release(s->left);
    gbt_release(s->trial);
    memset(s, 0, sizeof *s);
}

static void add_cell(gbt_ref_cell *to, const gbt_ref_cell *from)
{
    to->grad += from->grad;
    to->hess += from->hess;
    to->rows += from->rows;
}

static gbt_side side_of(const gbt_ref_search *s, int64_t grad, int64_t hess, int64_t rows)
{
    return (gbt_side){(double)grad * s->quant.grad_unit, (double)hess * s->quant.hess_unit,
                      (double)rows};
}

/* Is a split of node t that sends `left` to the left admissible? Then `sides` is the gain of both
 * sides and `node` that of the node. */
static bool weigh(const gbt_ref_search *s, int32_t t, const gbt_ref_cell *left, double extra_lambda,
                  double *sides, double *node)
{
    const gbt_backend_config *c = s->config;
    const gbt_search *task = &s->task[t];
    const int64_t right_rows = task->n_rows - left->rows;
    const gbt_side l = side_of(s, left->grad, left->hess, left->rows);
    const gbt_side r =
        side_of(s, task->sum.grad - left->grad, task->sum.hess - left->hess, right_rows);
    gbt_regular regular = c->regular;
    regular.lambda += extra_lambda;
    if (left->rows < 1 || right_rows < 1) {
        return false;
    }
    if (left->rows < c->min_child_samples || right_rows < c->min_child_samples) {
        return false;
    }
    if (!(l.hess >= c->min_child_weight && r.hess >= c->min_child_weight)) {
        return false;
    }
    if (!(l.hess + regular.lambda > 0.0 && r.hess + regular.lambda > 0.0)) {
        return false;
    }
    *node = gbt_node_gain(side_of(s, task->sum.grad, task->sum.hess, task->n_rows), &c->regular,
                          task->weight);
    *sides = gbt_split_gain(l, r, &regular, task->weight);
    return *sides > gbt_gain_floor(*node, c->min_split_gain);
}

/* Weighs a candidate in every node; left [n] are the sums that it sends to the left. */
static void consider(gbt_ref_search *s, const gbt_split *candidate, const gbt_ref_cell *left,
                     double extra_lambda)
{
    double score = 0.0;
    bool is_admissible = false;
    for (int32_t t = 0; t < s->n; t++) {
        gbt_split *split = &s->trial[t];
        double sides = 0.0;
        double node = 0.0;
        if (!weigh(s, t, &left[t], extra_lambda, &sides, &node)) {
            memset(split, 0, sizeof *split);
            split->feature = -1;
            continue;
        }
        *split = *candidate;
        split->feature = s->feature;
        split->gain = sides - node;
        split->left = (gbt_sum){left[t].grad, left[t].hess};
        split->right =
            (gbt_sum){s->task[t].sum.grad - left[t].grad, s->task[t].sum.hess - left[t].hess};
        score += s->is_common ? split->gain : sides;
        is_admissible = true;
    }
    if (is_admissible && (!s->has_best || score > s->best_score)) {
        s->has_best = true;
        s->best_score = score;
        memcpy(s->best, s->trial, (size_t)s->n * sizeof *s->best);
    }
}

static void clear_left(gbt_ref_search *s)
{
    memset(s->left, 0, ((size_t)s->n + 1) * sizeof *s->left);
}

/* Adds the rows of one bin to the left side, in every node and in their sum. */
static void add_left(gbt_ref_search *s, int32_t bin)
{
    for (int32_t t = 0; t <= s->n; t++) {
        add_cell(&s->left[t], &s->cells[(int64_t)t * GBT_REF_CELLS + bin]);
    }
}

/* Takes them away again. */
static void remove_left(gbt_ref_search *s, int32_t bin)
{
    for (int32_t t = 0; t <= s->n; t++) {
        const gbt_ref_cell *cell = &s->cells[(int64_t)t * GBT_REF_CELLS + bin];
        s->left[t].grad -= cell->grad;
        s->left[t].hess -= cell->hess;
        s->left[t].rows -= cell->rows;
    }
}

/* Values with bin <= candidate->bin are on the left side; weighs it with the missing rows as
 * well. */
static void consider_missing_left(gbt_ref_search *s, gbt_split *candidate)
{
    candidate->missing_left = 1;
    add_left(s, s->n_bins);
    consider(s, candidate, s->left, 0.0);
    remove_left(s, s->n_bins);
    candidate->missing_left = 0;
}

static void search_numeric(gbt_ref_search *s, const gbt_ref_cell *all, int64_t all_hess)
{
    const gbt_ref_cell *missing = &all[s->n_bins];
    const bool has_missing = missing->grad != 0 || missing->hess != 0;
    gbt_split candidate = {0};
    clear_left(s);
    for (int32_t bin = 0; bin < s->n_bins - (has_missing ? 0 : 1); bin++) {
        add_left(s, bin);
        candidate.bin = (uint8_t)bin;
        if (has_missing) {
            consider(s, &candidate, s->left, 0.0);
            consider_missing_left(s, &candidate);
        } else if (s->left[s->n].hess >= all_hess - s->left[s->n].hess) {
            consider_missing_left(s, &candidate);
        } else {
            consider(s, &candidate, s->left, 0.0);
        }
    }
}

static void add_to_set(gbt_split *candidate, int32_t bin)
{
    candidate->left_set[bin >> 5] |= 1u << (bin & 31);
}

/* One bin against the rest. */
static void search_one_hot(gbt_ref_search *s, const int32_t *bins, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        gbt_split candidate = {.categorical = 1};
        add_to_set(&candidate, bins[i]);
        clear_left(s);
        add_left(s, bins[i]);
        consider(s, &candidate, s->left, 0.0);
    }
}

/* Prefixes of `bins`, an order of n bins. */
static void search_prefixes(gbt_ref_search *s, const int32_t *bins, int32_t n, int64_t all_rows)
{
    const gbt_ref_cell *all = &s->cells[(int64_t)s->n * GBT_REF_CELLS];
    gbt_split candidate = {.categorical = 2};
    int64_t group_rows = 0;
    clear_left(s);
    for (int32_t i = 0; i < n - 1 && i < s->config->max_cat_threshold; i++) {
        add_left(s, bins[i]);
        add_to_set(&candidate, bins[i]);
        group_rows += all[bins[i]].rows;
        if (group_rows >= s->config->min_data_per_group &&
            all_rows - s->left[s->n].rows >= s->config->min_data_per_group) {
            consider(s, &candidate, s->left, s->config->cat_l2);
            group_rows = 0;
        }
    }
}

/* What categories are sorted by. */
static double cat_order(const gbt_ref_search *s, const gbt_ref_cell *cell)
{
    const gbt_side side = side_of(s, cell->grad, cell->hess, cell->rows);
    const double den = side.hess + s->config->cat_smooth;
    return den > 0.0 ? side.grad / den : 0.0;
}

static void search_categorical(gbt_ref_search *s, const gbt_ref_cell *all, int64_t all_rows)
{
    int32_t bins[GBT_REF_CELLS];
    int32_t back[GBT_REF_CELLS];
    int32_t n = 0;
    int32_t n_kept = 0;
    for (int32_t bin = 0; bin <= s->n_bins; bin++) {
        if (all[bin].rows > 0) {
            bins[n++] = bin;
        }
    }
    if (n <= s->config->max_cat_to_onehot) {
        search_one_hot(s, bins, n);
        return;
    }
    /* Insertion in ascending order of bins: equal ones keep the order of their bins. */
    for (int32_t i = 0; i < n; i++) {
        const int32_t bin = bins[i];
        int32_t at = n_kept;
        if ((double)all[bin].rows < s->config->cat_smooth) {
            continue;
        }
        while (at > 0 && cat_order(s, &all[bins[at - 1]]) > cat_order(s, &all[bin])) {
            bins[at] = bins[at - 1];
            at--;
        }
        bins[at] = bin;
        n_kept++;
    }
    for (int32_t i = 0; i < n_kept; i++) {
        back[i] = bins[n_kept - 1 - i];
    }
    search_prefixes(s, bins, n_kept, all_rows);
    search_prefixes(s, back, n_kept, all_rows);
}

void gbt_ref_search_feature(gbt_ref_search *s, int32_t feature, int32_t n_bins, bool is_categorical)
{
    gbt_ref_cell *all = &s->cells[(int64_t)s->n * GBT_REF_CELLS];
    int64_t all_hess = 0;
    int64_t all_rows = 0;
    s->feature = feature;
    s->n_bins = n_bins;
    memset(all, 0, GBT_REF_CELLS * sizeof *all);
    for (int32_t t = 0; t < s->n; t++) {
        for (int32_t bin = 0; bin <= n_bins; bin++) {
            add_cell(&all[bin], &s->cells[(int64_t)t * GBT_REF_CELLS + bin]);
        }
        all_hess += s->task[t].sum.hess;
        all_rows += s->task[t].n_rows;
    }
    if (is_categorical) {
        search_categorical(s, all, all_rows);
    } else {
        search_numeric(s, all, all_hess);
    }
}
