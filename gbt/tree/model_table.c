/* Reads a data file the way a model needs it: its features by name and kind, its own tokens for
 * missing cells unless the caller set others. All else is data/columns.c. */
#include "gbt/data/columns.h"
#include "gbt/tree/model.h"

gbt_status gbt_table_read(const gbt_params *params, const char *path, const gbt_model *model,
                          gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (params == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        params ? "out" : "params");
    }
    if (model == NULL || params->is_set[GBT_KEY_missing]) {
        return gbt_table_read_as(params, path, model ? model->schema : NULL, 0, out);
    }
    gbt_params *own = NULL;
    GBT_TRY(gbt_params_copy(params, &own));
    gbt_status status =
        gbt_params_assign(own, GBT_KEY_missing, gbt_slice_of(model->params->missing));
    if (status == GBT_OK) {
        status = gbt_table_read_as(own, path, model->schema, 0, out);
    }
    gbt_params_free(own);
    return status;
}
