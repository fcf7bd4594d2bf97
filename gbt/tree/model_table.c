/* Reads a data file or a data frame the way a model needs it: its features by name and kind, its
 * own tokens for missing cells unless the caller set others; and tells features and tasks of a
 * table in the model's terms. All else is data/columns.c and data/view.c. */
#include "gbt/data/columns.h"
#include "gbt/data/dataset.h"
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

static gbt_frame_request request_for(const gbt_params *params, const gbt_model *model)
{
    gbt_frame_request request = {.params = params};
    if (params != NULL && model != NULL) {
        request.schema = model->schema;
        request.missing = params->is_set[GBT_KEY_missing] ? NULL : model->params->missing;
    }
    return request;
}

gbt_status gbt_table_from_columns(const gbt_params *params, const gbt_column *columns,
                                  int32_t n_columns, int64_t n_rows, const gbt_model *model,
                                  gbt_table **out)
{
    const gbt_frame_request request = request_for(params, model);
    return gbt_table_copy_columns(&request, columns, n_columns, n_rows, out);
}

gbt_status gbt_table_from_arrow(const gbt_params *params, struct ArrowArrayStream *stream,
                                const gbt_model *model, gbt_table **out)
{
    const gbt_frame_request request = request_for(params, model);
    return gbt_table_copy_arrow(&request, stream, out);
}

static gbt_status check_pointers(const gbt_model *model, const gbt_table *table, const void *out)
{
    if (!model || !table || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL",
                        !model   ? "model"
                        : !table ? "table"
                                 : "out");
    }
    return GBT_OK;
}

gbt_status gbt_model_features(const gbt_model *model, const gbt_table *table, float *out, int64_t n)
{
    GBT_TRY(check_pointers(model, table, out));
    return gbt_features_of_table(table, model->schema, model->cuts,
                                 model->params->unseen == GBT_UNSEEN_ERROR, out, n);
}

gbt_status gbt_model_tasks(const gbt_model *model, const gbt_table *table, int32_t *out, int64_t n)
{
    GBT_TRY(check_pointers(model, table, out));
    if (n != table->n_rows) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld tasks, the table has %lld rows",
                        (long long)n, (long long)table->n_rows);
    }
    const gbt_view view = {.table = table, .schema = model->schema};
    return gbt_view_tasks(&view, out);
}
