/* Labels and weights of a table in a model's terms: what metrics of some of its rows are computed
 * from. Cost: one pass over the columns. */
#include "gbt/base/alloc.h"
#include "gbt/data/columns.h"
#include "gbt/train/classes.h"
#include "gbt/tree/model.h"

static gbt_status read_labels(const gbt_model *model, const gbt_view *view, float *out)
{
    gbt_status status = GBT_OK;
    float *rows = NULL; /* [n_rows x width] as in the file */
    const int64_t n_rows = view->table->n_rows;
    const int32_t width = gbt_view_width(view, GBT_ROLE_LABEL);
    if (!gbt_view_has_label(view)) {
        return gbt_fail(GBT_ERR_DATA, "%s has no label", view->table->source);
    }
    GBT_TRY_OR_DONE(GBT_NEW(rows, n_rows * width));
    GBT_TRY_OR_DONE(gbt_view_label(view, rows));
    GBT_TRY_OR_DONE(gbt_labels_to_target(&model->objective, model->class_label, rows, width, n_rows,
                                         view->table->source, out));
done:
    gbt_release(rows);
    return status;
}

gbt_status gbt_model_labels_table(const gbt_model *model, const gbt_table *table, float *out,
                                  int64_t n, float *weight)
{
    if (!model || !table || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_labels_table: %s is NULL",
                        !model   ? "model"
                        : !table ? "table"
                                 : "out");
    }
    const int64_t want = table->n_rows * gbt_objective_labels(&model->objective);
    if (n != want) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_model_labels_table: room for %lld labels, rows x labels is %lld",
                        (long long)n, (long long)want);
    }
    const gbt_view view = {.table = table, .schema = model->schema};
    GBT_TRY(read_labels(model, &view, out));
    if (weight && !gbt_view_numbers(&view, GBT_ROLE_WEIGHT, weight)) {
        for (int64_t row = 0; row < table->n_rows; row++) {
            weight[row] = 1.0f;
        }
    }
    return GBT_OK;
}
