/* What a table tells its readers: the public look at columns, their roles and single cells. Cost:
 * nothing, but for a pass over the entries when a sparse column is asked for its missing cells and
 * a search in the row for one of its cells. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

static gbt_status check_column(const gbt_table *table, int32_t column, const void *out)
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
    return GBT_OK;
}

gbt_status gbt_table_describe(const gbt_table *table, int32_t column, gbt_column_info *out)
{
    GBT_TRY(check_column(table, column, out));
    const gbt_roles *roles = gbt_table_roles(table);
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

/* ---- One cell -------------------------------------------------------------------------------- */

static gbt_status check_room(size_t bytes, size_t capacity)
{
    return bytes <= capacity
               ? GBT_OK
               : gbt_fail(GBT_ERR_ARGUMENT, "the text of the cell needs %zu bytes, there are %zu",
                          bytes, capacity);
}

static gbt_status put_text(const char *text, char *out, size_t capacity)
{
    const size_t bytes = strlen(text) + 1;
    GBT_TRY(check_room(bytes, capacity));
    memcpy(out, text, bytes);
    return GBT_OK;
}

static gbt_status put_number(float value, char *out, size_t capacity)
{
    char text[GBT_NUMBER_CHARS] = "";
    if (!isnan(value)) {
        (void)gbt_print_f32(text, value);
    }
    return put_text(text, out, capacity);
}

/* Value of a feature in a row, 0 when it is absent. Columns ascend in a row. */
static float sparse_value(const gbt_sparse_rows *sparse, int64_t row, int32_t column)
{
    int64_t first = sparse->row_start[row], last = sparse->row_start[row + 1];
    while (first < last) {
        const int64_t middle = first + (last - first) / 2;
        if (sparse->column[middle] == column) {
            return sparse->value[middle];
        }
        if (sparse->column[middle] < column) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return 0.0f;
}

/* Labels of a row with commas between, as in the file; NULL only measures. Returns their length. */
static size_t print_labels(const float *label, int32_t n, char *out)
{
    size_t used = 0;
    for (int32_t i = 0; i < n && !isnan(label[i]); i++) {
        char text[1 + GBT_NUMBER_CHARS] = ",";
        const int skipped = i == 0;
        const size_t length = (size_t)(1 - skipped + gbt_print_f32(text + 1, label[i]));
        if (out != NULL) {
            memcpy(out + used, text + skipped, length);
        }
        used += length;
    }
    return used;
}

static gbt_status put_labels(const gbt_sparse_rows *sparse, int64_t row, char *out, size_t capacity)
{
    const float *label = sparse->label + row * sparse->n_labels;
    const size_t length = print_labels(label, sparse->n_labels, NULL);
    GBT_TRY(check_room(length + 1, capacity));
    (void)print_labels(label, sparse->n_labels, out);
    out[length] = '\0';
    return GBT_OK;
}

static gbt_status put_sparse(const gbt_sparse_rows *sparse, int32_t column, int64_t row, char *out,
                             size_t capacity)
{
    if (column == 0) {
        return put_labels(sparse, row, out, capacity);
    }
    if (column <= sparse->n_columns) {
        return put_number(sparse_value(sparse, row, column - 1), out, capacity);
    }
    char text[16];
    (void)snprintf(text, sizeof text, "%" PRId32, sparse->query[row]);
    return put_text(text, out, capacity);
}

gbt_status gbt_table_text(const gbt_table *table, int32_t column, int64_t row, char *out,
                          size_t capacity)
{
    GBT_TRY(check_column(table, column, out));
    if (row < 0 || row >= table->n_rows) {
        return gbt_fail(GBT_ERR_ARGUMENT, "row: %" PRId64 " is outside 0 .. %" PRId64, row,
                        table->n_rows - 1);
    }
    if (table->sparse != NULL) {
        return put_sparse(table->sparse, column, row, out, capacity);
    }
    const gbt_table_column *from = &table->column[column];
    if (from->number != NULL) {
        return put_number(from->number[row], out, capacity);
    }
    if (from->code == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "column \"%s\" was left out when the table was read",
                        from->name);
    }
    const int32_t code = from->code[row];
    return put_text(code >= 0 ? from->dictionary.text[code] : "", out, capacity);
}

const char *gbt_table_id(const gbt_table *table, int64_t row)
{
    const gbt_roles *roles = gbt_table_roles(table);
    if (roles == NULL || roles->id_text == NULL || row < 0 || row >= table->n_rows) {
        return NULL;
    }
    return roles->id_text[row];
}
