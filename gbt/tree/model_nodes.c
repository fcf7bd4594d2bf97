/* The public questions about single trees: their leaves, their nodes. Cost: one pass over the nodes
 * of the tree. */
#include "gbt/tree/model.h"

static gbt_status find_tree(const gbt_model *model, int32_t number, const void *out,
                            const gbt_tree **tree)
{
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", model ? "out" : "model");
    }
    if (number < 0 || number >= model->n_trees) {
        return gbt_fail(GBT_ERR_ARGUMENT, "no tree %d, the model has %d", number, model->n_trees);
    }
    *tree = model->trees[number];
    return GBT_OK;
}

gbt_status gbt_model_tree_leaves(const gbt_model *model, int32_t number, int32_t *n_leaves)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(find_tree(model, number, n_leaves, &tree));
    *n_leaves = tree->n_leaves;
    return GBT_OK;
}

gbt_status gbt_model_leaf_values(const gbt_model *model, int32_t number, float *out, int64_t n)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(find_tree(model, number, out, &tree));
    if (n != tree->n_leaves) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld leaf values, tree %d has %d leaves",
                        (long long)n, number, tree->n_leaves);
    }
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] < 0) {
            out[tree->left[node]] = tree->value[node];
        }
    }
    return GBT_OK;
}

gbt_status gbt_model_tree_nodes(const gbt_model *model, int32_t number, int32_t *n_nodes)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(find_tree(model, number, n_nodes, &tree));
    *n_nodes = tree->n_nodes;
    return GBT_OK;
}

/* All but parent and depth. */
static gbt_node describe(const gbt_tree *tree, const gbt_cuts *cuts, int32_t at)
{
    const int32_t feature = tree->feature[at];
    gbt_node node = {.parent = -1,
                     .left = -1,
                     .right = -1,
                     .leaf = -1,
                     .feature = feature,
                     .value = tree->value[at],
                     .gain = tree->gain[at],
                     .cover = tree->cover[at],
                     .rows = tree->rows[at]};
    if (feature < 0) {
        node.leaf = tree->left[at];
        return node;
    }
    node.left = tree->left[at];
    node.right = tree->right[at];
    node.is_categorical = (tree->flags[at] & GBT_NODE_CATEGORICAL) != 0;
    node.missing_left = gbt_tree_goes_left(tree, at, cuts->n_bins[feature], cuts->n_bins[feature]);
    node.threshold = node.is_categorical ? 0.0f : tree->threshold[at];
    return node;
}

gbt_status gbt_model_nodes(const gbt_model *model, int32_t number, gbt_node *out, int64_t n)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(find_tree(model, number, out, &tree));
    if (n != tree->n_nodes) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld nodes, tree %d has %d", (long long)n,
                        number, tree->n_nodes);
    }
    for (int32_t at = 0; at < tree->n_nodes; at++) {
        out[at] = describe(tree, model->cuts, at);
    }
    for (int32_t at = 0; at < tree->n_nodes; at++) { /* children follow their parent */
        const int32_t child[] = {out[at].left, out[at].right};
        for (int side = 0; side < 2 && child[side] >= 0; side++) {
            out[child[side]].parent = at;
            out[child[side]].depth = out[at].depth + 1;
        }
    }
    return GBT_OK;
}
