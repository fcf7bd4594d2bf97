/* The end of a tree: leaf values as quantiles of residuals, and new scores. Leaf numbers go to
 * the rows first, two bytes each in any order, so that scores change in sequence: 0.4 ns a row
 * instead of up to 5. Rows outside the sample go through the tree (binned_tree.h). */
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"

static void write_leaves_of_part(void *context, int64_t part, int64_t last, int thread)
{
    const gbt_backend *b = context;
    (void)last;
    (void)thread;
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (!b->node[i].is_open) {
            continue;
        }
        const gbt_cpu_run run = gbt_cpu_runs(b, i)[part];
        const uint16_t leaf = b->node[i].leaf;
        for (int64_t at = run.first; at < run.last; at++) {
            b->leaf[b->row[at]] = leaf;
        }
    }
}

static bool is_sampled(const gbt_backend *b, int64_t row)
{
    return b->sample.rows == NULL || (b->sampled[row >> 5] >> (row & 31) & 1u);
}

/* Quantile of the residuals of each leaf. */
typedef struct renew_task {
    const gbt_backend *backend;
    float *out;
} renew_task;

static void renew_leaves(void *context, int64_t first, int64_t last, int thread)
{
    const renew_task *task = context;
    const gbt_backend *b = task->backend;
    (void)thread;
    for (int64_t leaf = first; leaf < last; leaf++) {
        const int64_t at = b->leaf_first[leaf];
        const int64_t n = b->leaf_first[leaf + 1] - at;
        task->out[leaf] =
            n > 0 ? (float)gbt_weighted_quantile(b->residual + at, b->residual_weight + at, n,
                                                 b->objective->renew_level)
                  : 0.0f;
    }
}

/* Puts the residuals of each leaf side by side, in order of rows: a quantile with weights adds
 * them up, and its last bit must not depend on where threads left the rows. leaf_first becomes
 * the borders. */
static void gather_residuals(gbt_backend *b, int32_t output, int32_t n_leaves)
{
    const float *scores = b->scores + output * b->n_rows;
    const float *target = gbt_objective_labels_of(b->objective, b->target, b->n_rows, output);
    int64_t *next = b->leaf_first + 1; /* [n_leaves] becomes the ends */
    memset(b->leaf_first, 0, ((size_t)n_leaves + 1) * sizeof *b->leaf_first);
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (b->node[i].is_open && b->node[i].leaf + 1 < n_leaves) {
            next[b->node[i].leaf + 1] += b->node[i].n_rows;
        }
    }
    for (int32_t leaf = 1; leaf < n_leaves; leaf++) {
        next[leaf] += next[leaf - 1];
    }
    for (int64_t row = 0; row < b->n_rows; row++) {
        if (is_sampled(b, row)) {
            const int64_t at = next[b->leaf[row]]++;
            b->residual[at] = target[row] - scores[row];
            b->residual_weight[at] = gbt_objective_renew_weight(b->objective, target[row]) *
                                     (b->weight ? b->weight[row] : 1.0f);
        }
    }
}

gbt_status gbt_cpu_renew(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                         int32_t n_leaves, float *out)
{
    renew_task task = {b, out};
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (b->node[i].is_open) {
            b->node[i].leaf = (uint16_t)leaf_of_node[i];
        }
    }
    gbt_on_threads(b->n_parts, write_leaves_of_part, b);
    gather_residuals(b, output, n_leaves);
    gbt_for_chunks(b->config.threads, n_leaves, 1, renew_leaves, &task);
    return GBT_OK;
}

/* New scores of one output. */
typedef struct score_task {
    const gbt_backend *backend;
    float *scores; /* [n_rows] */
} score_task;

/* Sampled rows get the value of their leaf, the others -0, which changes nothing: a branch would
 * be a matter of luck. These go through the tree, many at a time. */
static void update_sampled(const gbt_backend *b, int64_t first, int64_t last, float *scores)
{
    enum { MANY = 512 };
    uint32_t outside[MANY];
    const int32_t no_leaf = b->config.max_nodes;
    int32_t n = 0;
    for (int64_t row = first; row < last; row++) {
        const int32_t is_inside = (int32_t)(b->sampled[row >> 5] >> (row & 31) & 1u);
        scores[row] += b->leaf_value[no_leaf + ((b->leaf[row] - no_leaf) & -is_inside)];
        outside[n] = (uint32_t)row;
        n += 1 - is_inside;
        if (n == MANY) {
            gbt_binned_tree_add_rows(&b->outside, &b->data->bins, outside, n, scores);
            n = 0;
        }
    }
    gbt_binned_tree_add_rows(&b->outside, &b->data->bins, outside, n, scores);
}

static void update_scores(void *context, int64_t first, int64_t last, int thread)
{
    const score_task *task = context;
    const gbt_backend *b = task->backend;
    (void)thread;
    if (b->sample.rows) {
        update_sampled(b, first, last, task->scores);
        return;
    }
    for (int64_t row = first; row < last; row++) {
        task->scores[row] += b->leaf_value[b->leaf[row]];
    }
}

gbt_status gbt_cpu_end_tree(gbt_backend *b, int32_t output, const gbt_tree *tree,
                            const int32_t *leaf_node_of_node)
{
    score_task task = {b, b->scores + output * b->n_rows};
    int32_t n_leaves = 0;
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (b->node[i].is_open && b->node[i].n_rows > 0) {
            b->node[i].leaf = (uint16_t)n_leaves;
            b->leaf_value[n_leaves++] = tree->value[leaf_node_of_node[i]];
        }
    }
    if (b->sample.rows) {
        gbt_binned_tree_set(&b->outside, tree, b->data);
    }
    b->leaf_value[b->config.max_nodes] = -0.0f;
    gbt_on_threads(b->n_parts, write_leaves_of_part, b);
    gbt_for_own_chunks(b->config.threads, b->n_rows, b->stripe, update_scores, &task);
    return GBT_OK;
}
