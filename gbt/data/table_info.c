/* What a table tells its readers: the public look at columns and their roles. Cost: nothing, but
 * for a pass over the entries when a sparse column is asked for its missing cells. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gbt/data/columns.h"

int64_t gbt_table_rows(const gbt_table *table)
{
    return table->n_rows;
}

int32_t gbt_table_columns(const gbt_table *table)
{
    const gbt_roles *roles = gbt_table_roles(table);
    return roles != NULL ? roles->n_columns : table->n_columns;
}

int gbt_table_is_sparse(const gbt_table *table)
{
    return table->sparse != NULL;
}

/* Missing cells of column `column` (0 the label, the last perhaps the query number). */
static int64_t count_missing(const gbt_sparse_rows *sparse, int64_t n_rows, int32_t column)
{
    int64_t n = 0;
    if (column == 0) {
        for (int64_t row = 0; row < n_rows; row++) {
            n += isnan(sparse->label[row * sparse->n_labels]) != 0;
        }
        return n;
    }
    for (int64_t at = 0; at < sparse->row_start[n_rows]; at++) {
        n += sparse->column[at] == column - 1 && isnan(sparse->value[at]);
    }
    return n;
}

gbt_status gbt_table_describe(const gbt_table *table, int32_t column, gbt_column_info *out)
{
    const gbt_roles *roles = table != NULL ? gbt_table_roles(table) : NULL;
    if (roles == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: a table from gbt_table_read and a place for the result are "
                        "needed",
                        roles == NULL ? "table" : "out");
    }
    if (column < 0 || column >= roles->n_columns) {
        return gbt_fail(GBT_ERR_ARGUMENT, "column: %d is outside 0 .. %d", column,
                        roles->n_columns - 1);
    }
    *out = (gbt_column_info){.name = roles->name[column],
                             .role = (gbt_column_role)roles->role[column]};
    if (table->sparse != NULL) {
        out->n_missing = count_missing(table->sparse, table->n_rows, column);
        return GBT_OK;
    }
    const gbt_table_column *from = &table->column[column];
    out->is_text = from->is_text;
    out->n_missing = from->n_missing;
    out->n_values = from->is_text ? from->dictionary.n : 0;
    return GBT_OK;
}

const char *gbt_table_id(const gbt_table *table, int64_t row)
{
    const gbt_roles *roles = gbt_table_roles(table);
    if (roles == NULL || roles->id_text == NULL || row < 0 || row >= table->n_rows) {
        return NULL;
    }
    return roles->id_text[row];
}
