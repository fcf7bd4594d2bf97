/* Feature values of a table in the terms of a schema and its cuts, for those who need numbers and
 * not bins. Cost: one pass over the cells, and a look-up for each category. */
#include <inttypes.h>
#include <math.h>

#include "gbt/data/columns.h"
#include "gbt/data/dataset.h"

enum { BLOCK_ROWS = 256 };

/* A category that training never saw is missing, whatever it is called. */
static void drop_unseen(const gbt_cuts *cuts, int32_t feature, int64_t n, float *out)
{
    for (int64_t row = 0; row < n; row++) {
        float *value = &out[row * cuts->n_features + feature];
        if (gbt_cuts_bin_of(cuts, feature, *value) == cuts->n_bins[feature]) {
            *value = NAN;
        }
    }
}

static void read_rows(const gbt_view *view, const gbt_cuts *cuts, float *out)
{
    const int64_t n_rows = view->table->n_rows;
    for (int64_t row = 0; row < n_rows; row += BLOCK_ROWS) {
        const int64_t n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        float *block = out + row * cuts->n_features;
        gbt_view_rows(view, row, n, block);
        for (int32_t f = 0; f < cuts->n_features; f++) {
            if (cuts->is_categorical[f]) {
                drop_unseen(cuts, f, n, block);
            }
        }
    }
}

gbt_status gbt_features_of_table(const gbt_table *table, const gbt_schema *schema,
                                 const gbt_cuts *cuts, bool refuses_unseen, float *out, int64_t n)
{
    gbt_status status = GBT_OK;
    gbt_view view = {0};
    const int64_t width = schema->n_features;
    if (width == 0 ? n != 0 : n / width != table->n_rows || n % width != 0) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "room for %" PRId64 " numbers, %" PRId64 " rows of %d features were asked "
                        "for",
                        n, table->n_rows, schema->n_features);
    }
    GBT_TRY(gbt_view_open(table, schema, &view));
    if (refuses_unseen) {
        GBT_TRY_OR_DONE(gbt_view_refuse_unseen(&view));
    }
    read_rows(&view, cuts, out);
done:
    gbt_view_close(&view);
    return status;
}

gbt_status gbt_dataset_features_of(const gbt_dataset *like, const gbt_table *table, float *out,
                                   int64_t n)
{
    if (like == NULL || table == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        like == NULL    ? "like"
                        : table == NULL ? "table"
                                        : "out");
    }
    return gbt_features_of_table(table, like->schema, like->cuts, false, out, n);
}
