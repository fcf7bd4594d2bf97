/* The ref backend: backend.h as plain loops on one thread, the oracle of every other backend. It
 * keeps the rows of a node as a list of row numbers, and makes the histogram of a node from these
 * rows each time it is searched; build and discard only note which nodes may be searched. Nothing
 * is subtracted, packed or skipped. Slow on purpose: a search costs rows x features, and
 * allocates. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "gbt/backend/backend.h"
#include "gbt/backend/ref/ref_split.h"
#include "gbt/base/alloc.h"

typedef struct node_rows {
    int64_t first, n; /* rows[first .. first + n), ascending */
    bool is_used;     /* in this tree */
    bool is_split;
    bool has_histogram;
} node_rows;

struct gbt_backend {
    gbt_backend_config config;
    const gbt_dataset *data; /* borrowed, like the next three */
    const gbt_objective *objective;
    const float *target;            /* [gbt_objective_labels() x n_rows] */
    const float *weight;            /* [n_rows] or NULL */
    float *scores, *grad, *hess;    /* [n_outputs x n_rows] */
    int32_t *unit_grad, *unit_hess; /* [n_rows] quantised gradients of the tree's output */
    gbt_quant quant;
    gbt_sample sample;
    uint32_t *rows;       /* [n_rows] sampled rows, a node's side by side */
    uint32_t *right_rows; /* [n_rows] scratch */
    node_rows *node;      /* [max_nodes] */
};

static int64_t cells_of(const gbt_dataset *data, int32_t n_outputs)
{
    return data->n_rows * n_outputs;
}

static int64_t ref_bytes(const gbt_backend_config *config, const gbt_dataset *data,
                         int32_t n_outputs)
{
    return (int64_t)sizeof(struct gbt_backend) +
           cells_of(data, n_outputs) * 3 * (int64_t)sizeof(float) +
           data->n_rows * 4 * (int64_t)sizeof(uint32_t) +
           config->max_nodes * (int64_t)sizeof(node_rows);
}

static void ref_close(gbt_backend *b)
{
    if (b == NULL) {
        return;
    }
    gbt_release(b->scores);
    gbt_release(b->grad);
    gbt_release(b->hess);
    gbt_release(b->unit_grad);
    gbt_release(b->unit_hess);
    gbt_release(b->rows);
    gbt_release(b->right_rows);
    gbt_release(b->node);
    gbt_release(b);
}

static gbt_status ref_open(const gbt_backend_config *config, const gbt_dataset *data,
                           const gbt_objective *objective, const float *target, const float *weight,
                           gbt_backend **out)
{
    gbt_status status = GBT_OK;
    gbt_backend *b = NULL;
    const int64_t n_cells = cells_of(data, objective->n_outputs);
    assert(config->max_nodes >= 1 && config->min_child_samples >= 1);
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b, 1));
    b->config = *config;
    b->data = data;
    b->objective = objective;
    b->target = target;
    b->weight = weight;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b->scores, n_cells));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b->grad, n_cells));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b->hess, n_cells));
    GBT_TRY_OR_DONE(GBT_NEW(b->unit_grad, data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(b->unit_hess, data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(b->rows, data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(b->right_rows, data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b->node, config->max_nodes));
done:
    if (status != GBT_OK) {
        ref_close(b);
        b = NULL;
    }
    *out = b;
    return status;
}

static size_t score_bytes(const gbt_backend *b)
{
    return (size_t)cells_of(b->data, b->objective->n_outputs) * sizeof(float);
}

static gbt_status ref_set_scores(gbt_backend *b, const float *scores)
{
    memcpy(b->scores, scores, score_bytes(b));
    return GBT_OK;
}

static gbt_status ref_scores(gbt_backend *b, float *out)
{
    memcpy(out, b->scores, score_bytes(b));
    return GBT_OK;
}

static gbt_status ref_gradients(gbt_backend *b)
{
    gbt_objective_gpairs(b->objective, b->scores, b->target, b->weight, b->data->n_rows, 0,
                         b->data->n_rows, b->grad, b->hess);
    return GBT_OK;
}

static gbt_status ref_set_gradients(gbt_backend *b, const float *grad, const float *hess)
{
    memcpy(b->grad, grad, score_bytes(b));
    memcpy(b->hess, hess, score_bytes(b));
    return GBT_OK;
}

/* Largest absolute value and sum of squares of all rows. */
static void measure(const float *x, int64_t n, float *most, double *squares)
{
    *most = 0.0f;
    *squares = 0.0;
    for (int64_t first = 0; first < n; first += GBT_QUANT_CHUNK) {
        const int64_t size = n - first < GBT_QUANT_CHUNK ? n - first : GBT_QUANT_CHUNK;
        *squares += gbt_quant_squares(x + first, (int32_t)size);
    }
    for (int64_t row = 0; row < n; row++) {
        if (fabsf(x[row]) > *most) {
            *most = fabsf(x[row]);
        }
    }
}

/* Fills unit_grad and unit_hess from the gradients of one output. */
static gbt_status quantise(gbt_backend *b, int32_t round, int32_t output)
{
    const int64_t n = b->data->n_rows;
    const float *grad = b->grad + output * n;
    const float *hess = b->hess + output * n;
    const uint64_t key =
        gbt_rng_key(b->config.seed, (uint64_t)round, (uint64_t)output, GBT_RNG_ROUNDING);
    float grad_most, hess_most;
    double grad_squares, hess_squares;
    for (int64_t row = 0; row < n; row++) {
        if (!isfinite(grad[row]) || !isfinite(hess[row]) || hess[row] < 0.0f) {
            return gbt_fail(GBT_ERR_NUMERIC,
                            "round %d, output %d, row %lld: gradient %g, hessian %g; both must be "
                            "finite and the hessian not negative",
                            (int)round, (int)output, (long long)row, (double)grad[row],
                            (double)hess[row]);
        }
    }
    measure(grad, n, &grad_most, &grad_squares);
    measure(hess, n, &hess_most, &hess_squares);
    b->quant = gbt_quant_make(grad_most, hess_most,
                              gbt_quant_bits(b->config.gradient_bits, grad_most, grad_squares,
                                             hess_most, hess_squares, n),
                              b->config.rounds_to_nearest, (uint32_t)key);
    for (int64_t row = 0; row < n; row++) {
        gbt_quant_row(&b->quant, grad[row], hess[row], (uint32_t)row, &b->unit_grad[row],
                      &b->unit_hess[row]);
    }
    return GBT_OK;
}

static gbt_status ref_begin_tree(gbt_backend *b, int32_t round, int32_t output,
                                 const gbt_sample *sample, gbt_root *root)
{
    GBT_TRY(quantise(b, round, output));
    b->sample = *sample;
    if (sample->rows == NULL) {
        b->sample.n_rows = b->data->n_rows;
    }
    memset(root, 0, sizeof *root);
    root->n_rows = b->sample.n_rows;
    root->quant = b->quant;
    for (int64_t i = 0; i < b->sample.n_rows; i++) {
        const uint32_t row = sample->rows != NULL ? sample->rows[i] : (uint32_t)i;
        b->rows[i] = row;
        root->sum.grad += b->unit_grad[row];
        root->sum.hess += b->unit_hess[row];
    }
    memset(b->node, 0, (size_t)b->config.max_nodes * sizeof *b->node);
    b->node[0] = (node_rows){.n = b->sample.n_rows, .is_used = true};
    return GBT_OK;
}

static gbt_status ref_build(gbt_backend *b, const gbt_build *build, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (build[i].parent >= 0) {
            assert(b->node[build[i].parent].has_histogram);
            b->node[build[i].parent].has_histogram = false;
        }
        assert(b->node[build[i].small].is_used && !b->node[build[i].small].is_split);
        b->node[build[i].small].has_histogram = true;
        if (build[i].large >= 0) {
            assert(b->node[build[i].large].is_used && !b->node[build[i].large].is_split);
            b->node[build[i].large].has_histogram = true;
        }
    }
    return GBT_OK;
}

static void ref_discard(gbt_backend *b, int32_t node)
{
    b->node[node].has_histogram = false;
}

/* cells [GBT_REF_CELLS]: histogram of one feature over the rows of a node. */
static void fill_cells(const gbt_backend *b, const gbt_search *task, int32_t feature,
                       gbt_ref_cell *cells)
{
    const node_rows *node = &b->node[task->node];
    gbt_ref_cell all = {0};
    memset(cells, 0, GBT_REF_CELLS * sizeof *cells);
    for (int64_t i = node->first; i < node->first + node->n; i++) {
        const uint32_t row = b->rows[i];
        gbt_ref_cell *cell = &cells[gbt_bins_at(&b->data->bins, row, feature)];
        cell->grad += b->unit_grad[row];
        cell->hess += b->unit_hess[row];
        cell->rows++;
        all.grad += b->unit_grad[row];
        all.hess += b->unit_hess[row];
    }
    assert(node->is_used && !node->is_split && node->has_histogram);
    assert(node->n == task->n_rows && all.grad == task->sum.grad && all.hess == task->sum.hess);
    (void)all;
}

static bool has_feature(const uint32_t *set, int32_t feature)
{
    return set == NULL || gbt_set_has(set, feature);
}

/* One split for n nodes together. */
static gbt_status search_together(gbt_backend *b, const gbt_search *task, int32_t n, bool is_common,
                                  gbt_split *best)
{
    const gbt_cuts *cuts = b->data->cuts;
    gbt_ref_search search;
    GBT_TRY(gbt_ref_search_open(&search, &b->config, b->quant, task, n, is_common, best));
    for (int32_t feature = 0; feature < cuts->n_features; feature++) {
        if (!has_feature(b->sample.features, feature) || !has_feature(task[0].features, feature)) {
            continue;
        }
        for (int32_t t = 0; t < n; t++) {
            fill_cells(b, &task[t], feature, search.cells + (int64_t)t * GBT_REF_CELLS);
        }
        gbt_ref_search_feature(&search, feature, cuts->n_bins[feature],
                               cuts->is_categorical[feature] != 0);
    }
    gbt_ref_search_close(&search);
    return GBT_OK;
}

static gbt_status ref_search(gbt_backend *b, const gbt_search *task, int32_t n, bool is_common,
                             gbt_split *best)
{
    if (is_common) {
        return n > 0 ? search_together(b, task, n, true, best) : GBT_OK;
    }
    for (int32_t t = 0; t < n; t++) {
        GBT_TRY(search_together(b, &task[t], 1, false, &best[t]));
    }
    return GBT_OK;
}

static gbt_status ref_split_rows(gbt_backend *b, const gbt_apply *apply, int32_t n,
                                 int64_t *left_rows)
{
    for (int32_t i = 0; i < n; i++) {
        const gbt_apply *a = &apply[i];
        node_rows *node = &b->node[a->node];
        const int32_t n_bins = b->data->cuts->n_bins[a->split->feature];
        uint32_t *rows = b->rows + node->first;
        int64_t n_left = 0;
        int64_t n_right = 0;
        assert(node->is_used && !node->is_split);
        assert(!b->node[a->left].is_used && !b->node[a->right].is_used && a->left != a->right);
        for (int64_t k = 0; k < node->n; k++) {
            const int32_t bin = gbt_bins_at(&b->data->bins, rows[k], a->split->feature);
            if (gbt_split_goes_left(a->split, bin, n_bins)) {
                rows[n_left++] = rows[k];
            } else {
                b->right_rows[n_right++] = rows[k];
            }
        }
        memcpy(rows + n_left, b->right_rows, (size_t)n_right * sizeof *rows);
        node->is_split = true;
        b->node[a->left] = (node_rows){.first = node->first, .n = n_left, .is_used = true};
        b->node[a->right] =
            (node_rows){.first = node->first + n_left, .n = n_right, .is_used = true};
        left_rows[i] = n_left;
    }
    return GBT_OK;
}

/* value, weight [sampled rows]: residuals of a leaf's rows and their weights; returns how many. */
static int64_t residuals_of_leaf(const gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                                 int32_t leaf, float *value, float *weight)
{
    const int64_t n_rows = b->data->n_rows;
    const float *scores = b->scores + output * n_rows;
    const float *target = gbt_objective_labels_of(b->objective, b->target, n_rows, output);
    int64_t n = 0;
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        const node_rows *node = &b->node[i];
        if (!node->is_used || node->is_split || leaf_of_node[i] != leaf) {
            continue;
        }
        for (int64_t k = node->first; k < node->first + node->n; k++) {
            const uint32_t row = b->rows[k];
            value[n] = target[row] - scores[row];
            weight[n] = gbt_objective_renew_weight(b->objective, target[row]) *
                        (b->weight != NULL ? b->weight[row] : 1.0f);
            n++;
        }
    }
    return n;
}

static gbt_status ref_renew(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                            int32_t n_leaves, float *out)
{
    gbt_status status = GBT_OK;
    float *value = NULL;
    float *weight = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(value, b->sample.n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(weight, b->sample.n_rows));
    for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
        const int64_t n = residuals_of_leaf(b, output, leaf_of_node, leaf, value, weight);
        const double level = b->objective->renew_level;
        out[leaf] = n > 0 ? (float)gbt_weighted_quantile(value, weight, n, level) : 0.0f;
    }
done:
    gbt_release(value);
    gbt_release(weight);
    return status;
}

/* scores [n_rows] += value of the leaf that each row of [first, last) reaches. */
static void add_tree(const gbt_tree *tree, const gbt_dataset *data, int64_t first, int64_t last,
                     float *scores)
{
    for (int64_t row = first; row < last; row++) {
        int32_t node = 0;
        while (tree->feature[node] >= 0) {
            const int32_t feature = tree->feature[node];
            const int32_t bin = gbt_bins_at(&data->bins, row, feature);
            node = gbt_tree_goes_left(tree, node, bin, data->cuts->n_bins[feature])
                       ? tree->left[node]
                       : tree->right[node];
        }
        scores[row] += tree->value[node];
    }
}

static gbt_status ref_end_tree(gbt_backend *b, int32_t output, const gbt_tree *tree,
                               const int32_t *leaf_node_of_node)
{
    float *scores = b->scores + output * b->data->n_rows;
    int64_t next = 0; /* first row that has not been looked at as one outside the sample */
    for (int64_t i = 0; b->sample.rows != NULL && i < b->sample.n_rows; i++) {
        add_tree(tree, b->data, next, b->sample.rows[i], scores);
        next = (int64_t)b->sample.rows[i] + 1;
    }
    if (b->sample.rows != NULL) {
        add_tree(tree, b->data, next, b->data->n_rows, scores);
    }
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        const node_rows *node = &b->node[i];
        if (!node->is_used || node->is_split) {
            continue;
        }
        for (int64_t k = node->first; k < node->first + node->n; k++) {
            scores[b->rows[k]] += tree->value[leaf_node_of_node[i]];
        }
    }
    return GBT_OK;
}

static int32_t ref_batch(int32_t threads)
{
    (void)threads;
    return 1;
}

const gbt_backend_ops gbt_backend_ref = {
    .name = "ref",
    .batch = ref_batch,
    .bytes = ref_bytes,
    .open = ref_open,
    .close = ref_close,
    .set_scores = ref_set_scores,
    .scores = ref_scores,
    .gradients = ref_gradients,
    .set_gradients = ref_set_gradients,
    .begin_tree = ref_begin_tree,
    .build = ref_build,
    .search = ref_search,
    .discard = ref_discard,
    .split_rows = ref_split_rows,
    .renew = ref_renew,
    .end_tree = ref_end_tree,
};
