/* From raw scores to what a prediction reports, for scores that are not those of one model alone.
 * Cost: one pass. */
#include <string.h>

#include "gbt/tree/model.h"

/* As in a prediction: the most probable class, the first of equals; with one output class 1 when
 * its probability exceeds one half. */
static float class_of(const float *raw, int32_t n_outputs)
{
    int32_t best = 0;
    if (n_outputs == 1) {
        return raw[0] > 0.0f ? 1.0f : 0.0f;
    }
    for (int32_t k = 1; k < n_outputs; k++) {
        best = raw[k] > raw[best] ? k : best;
    }
    return (float)best;
}

gbt_status gbt_model_link(const gbt_model *model, const float *raw, gbt_predict_kind kind,
                          int64_t n_rows, float *out)
{
    if (!model || !raw || !out || n_rows < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_link: a pointer is NULL or n_rows negative");
    }
    const int32_t n_outputs = model->objective.n_outputs;
    switch (kind) {
    case GBT_PREDICT_RAW:
        memmove(out, raw, (size_t)(n_rows * n_outputs) * sizeof *out);
        return GBT_OK;
    case GBT_PREDICT_RESPONSE:
        for (int64_t row = 0; row < n_rows; row++) {
            gbt_objective_link(&model->objective, raw + row * n_outputs, out + row * n_outputs);
        }
        return GBT_OK;
    case GBT_PREDICT_CLASS:
        if (model->objective.n_classes == 0) {
            break;
        }
        for (int64_t row = 0; row < n_rows; row++) {
            out[row] = class_of(raw + row * n_outputs, n_outputs);
        }
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_ARGUMENT, "%s does not predict this kind (%d)", model->objective.name,
                    (int)kind);
}
