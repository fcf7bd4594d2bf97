/* From raw scores to what a prediction reports, for scores that are not those of one model alone.
 * Cost: one pass. */
#include <string.h>

#include "gbt/tree/model.h"

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
            out[row] = gbt_objective_class(&model->objective, raw + row * n_outputs);
        }
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_ARGUMENT, "%s does not predict this kind (%d)", model->objective.name,
                    (int)kind);
}
