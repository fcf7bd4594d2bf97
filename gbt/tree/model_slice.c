/* Some rounds of a model as a model of their own. Cost: a copy of the trees. */
#include "gbt/tree/model.h"

gbt_status gbt_model_slice(const gbt_model *model, int32_t first_round, int32_t n_rounds,
                           const double *base_score, gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_slice: %s is NULL", model ? "out" : "model");
    }
    const int32_t held = gbt_model_rounds(model);
    if (first_round < 0 || n_rounds < 0 || first_round > held || n_rounds > held - first_round) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_model_slice: %d rounds from round %d, the model has %d", n_rounds,
                        first_round, held);
    }
    const int32_t n_outputs = model->objective.n_outputs;
    const double one = 1.0;
    gbt_model window = *model; /* borrows everything, and is only read */
    const gbt_model *seen = &window;
    window.trees = model->trees + (int64_t)first_round * n_outputs;
    window.n_trees = n_rounds * n_outputs;
    if (base_score) {
        window.base_score = (double *)base_score;
    }
    return gbt_model_combine(&seen, &one, 1, out);
}
