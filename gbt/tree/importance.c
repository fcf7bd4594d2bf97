/* Importance of the features: sums over all splits of a feature of the gain, of one, or of the
 * Hessian sum that reaches the split (cover). Sums, not means; added in tree and node order.
 * Cost: one pass over the nodes. */
#include "gbt/tree/model.h"

gbt_status gbt_model_importance(const gbt_model *model, gbt_importance_kind kind, double *out,
                                int64_t n)
{
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", model ? "out" : "model");
    }
    if (kind < GBT_IMPORTANCE_GAIN || kind > GBT_IMPORTANCE_COVER) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%d is not a gbt_importance_kind", (int)kind);
    }
    if (n != model->schema->n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld numbers, the model has %d features",
                        (long long)n, model->schema->n_features);
    }
    for (int64_t f = 0; f < n; f++) {
        out[f] = 0.0;
    }
    for (int32_t t = 0; t < model->n_trees; t++) {
        const gbt_tree *tree = model->trees[t];
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            if (tree->feature[node] >= 0) {
                out[tree->feature[node]] += kind == GBT_IMPORTANCE_GAIN ? (double)tree->gain[node]
                                            : kind == GBT_IMPORTANCE_COVER
                                                ? (double)tree->cover[node]
                                                : 1.0;
            }
        }
    }
    return GBT_OK;
}
