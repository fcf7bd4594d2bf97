/* Proves that a model is what training may produce: structure of the trees, cut points
 * ascending, row counts that add up and respect min_child_samples. Reading a file checks what
 * safety needs; this checks the rest too. Cost: one pass over cuts and nodes. */
#include <math.h>

#include "gbt/tree/model.h"

static gbt_status verify_cuts(const gbt_model *model)
{
    const gbt_cuts *cuts = model->cuts;
    if (cuts->n_features != model->schema->n_features) {
        return gbt_fail(GBT_ERR_FORMAT, "cuts for %d features, the model has %d", cuts->n_features,
                        model->schema->n_features);
    }
    for (int32_t f = 0; f < cuts->n_features; f++) {
        if (cuts->n_bins[f] < 1 || cuts->n_bins[f] > GBT_MAX_BINS) {
            return gbt_fail(GBT_ERR_FORMAT, "feature %d (%s): %d bins, not one of 1 .. %d", f,
                            model->schema->name[f], cuts->n_bins[f], GBT_MAX_BINS);
        }
        const float *upper = cuts->upper + cuts->first[f];
        for (int64_t b = 0; b < cuts->first[f + 1] - cuts->first[f]; b++) {
            if (!isfinite(upper[b]) || (b > 0 && !(upper[b - 1] < upper[b]))) {
                return gbt_fail(GBT_ERR_FORMAT,
                                "feature %d (%s): cut %lld is not above the one before", f,
                                model->schema->name[f], (long long)b);
            }
        }
    }
    return GBT_OK;
}

/* A tree of a single leaf holds whatever rows there are. */
static gbt_status verify_rows(const gbt_tree *tree, int32_t number, int32_t min_child_samples)
{
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] < 0) {
            if (tree->n_nodes > 1 && tree->rows[node] < (uint32_t)min_child_samples) {
                return gbt_fail(GBT_ERR_FORMAT,
                                "tree %d: leaf %d has %u training rows, min_child_samples is %d",
                                number, tree->left[node], tree->rows[node], min_child_samples);
            }
        } else if ((uint64_t)tree->rows[tree->left[node]] + tree->rows[tree->right[node]] !=
                   tree->rows[node]) {
            return gbt_fail(GBT_ERR_FORMAT,
                            "tree %d: node %d: %u rows are not those of its children", number, node,
                            tree->rows[node]);
        }
    }
    return GBT_OK;
}

gbt_status gbt_model_verify(const gbt_model *model)
{
    if (!model) {
        return gbt_fail(GBT_ERR_ARGUMENT, "model is NULL");
    }
    GBT_TRY(verify_cuts(model));
    if (model->n_trees % model->objective.n_outputs != 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%d trees for %d outputs", model->n_trees,
                        model->objective.n_outputs);
    }
    for (int32_t t = 0; t < model->n_trees; t++) {
        GBT_TRY(gbt_tree_check(model->trees[t], model->cuts, t));
        GBT_TRY(verify_rows(model->trees[t], t, model->params->min_child_samples));
    }
    return GBT_OK;
}
