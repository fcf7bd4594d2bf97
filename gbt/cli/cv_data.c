/* The fold column is read as an id column, whose cells keep their text, in a reading of its own:
 * to all other readings it is an ignored column, and there may be ids as well. */
#include "gbt/cli/cv_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"

/* ---- The column ------------------------------------------------------------------------------ */

/* Before the file is read for good: there is such a column, and a place for it. */
static int check_column(const gbt_params *params, const char *path, const char *item)
{
    gbt_table *table = NULL;
    int code = gbt_exit_of(gbt_table_preview(params, path, 1, &table));
    if (code == GBT_EXIT_OK && gbt_table_is_sparse(table)) {
        code = gbt_usage_error("fold = %s: %s is a libsvm file, which has no column for it", item,
                               path);
    }
    gbt_table_free(table);
    return code;
}

/* A cell as a fold: empty -1. */
static gbt_status parse_fold(const char *path, int64_t row, const char *text, int32_t *out)
{
    double number = -1.0;
    if (!text[0]) {
        *out = -1;
        return GBT_OK;
    }
    if (!gbt_parse_real(gbt_slice_of(text), &number) || !(number >= 0.0) ||
        number > (double)INT32_MAX || number != floor(number)) {
        return gbt_fail(GBT_ERR_DATA,
                        "%s: data row %lld (from 1): \"%s\" is no fold; whole numbers from 0 are",
                        path, (long long)row + 1, text);
    }
    *out = (int32_t)number;
    return GBT_OK;
}

static gbt_status take_folds(const gbt_table *table, const char *path, gbt_cv_rows *out)
{
    GBT_TRY(GBT_NEW(out->fold, gbt_table_rows(table)));
    for (int64_t row = 0; row < gbt_table_rows(table); row++) {
        GBT_TRY(parse_fold(path, row, gbt_table_id(table, row), &out->fold[row]));
    }
    return GBT_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The keys that say how a file is read, without roles of columns. */
static gbt_status copy_format(const gbt_params *params, gbt_params **out)
{
    static const char *const keys[] = {"format", "header", "missing"};
    gbt_status status = gbt_params_create(out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == GBT_OK; i++) {
        char *value = gbt_command_copy(params, keys[i]);
        status = value ? gbt_params_set(*out, keys[i], value) : GBT_ERR_MEMORY;
        gbt_release(value);
    }
    return status;
}

static gbt_status read_folds(const gbt_params *params, const char *path, const char *item,
                             gbt_cv_rows *out)
{
    gbt_status status = GBT_OK;
    gbt_params *own = NULL;
    gbt_table *table = NULL;
    GBT_TRY_OR_DONE(copy_format(params, &own));
    GBT_TRY_OR_DONE(gbt_params_set(own, "id", item));
    GBT_TRY_OR_DONE(gbt_table_read(own, path, NULL, &table));
    GBT_TRY_OR_DONE(take_folds(table, path, out));
done:
    gbt_table_free(table);
    gbt_params_free(own);
    return status;
}

/* Raw values, unless the file is sparse: bins of nearly empty columns hardly depend on single rows,
 * and a dense copy may not fit. */
static gbt_status take_features(gbt_cv_rows *rows)
{
    const int64_t n = gbt_dataset_rows(rows->data), m = gbt_dataset_features(rows->data);
    if (gbt_table_is_sparse(rows->table)) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW(rows->value, n * m));
    rows->features = (gbt_matrix){rows->value, GBT_F32, n, m, m, 1};
    return gbt_dataset_features_of(rows->data, rows->table, rows->value, n * m);
}

/* item "": no fold column; else it is none of the features. */
static gbt_status read_rows(const gbt_params *params, const char *path, const char *item,
                            bool keeps_ids, gbt_cv_rows *out)
{
    if (item[0]) {
        GBT_TRY(read_folds(params, path, item, out));
    }
    GBT_TRY(gbt_table_read(params, path, NULL, &out->table));
    GBT_TRY(gbt_dataset_from_table(params, out->table, NULL, &out->data));
    GBT_TRY(take_features(out));
    if (!keeps_ids || gbt_params_is_set(params, "id") <= 0) {
        gbt_table_free(out->table);
        out->table = NULL;
    }
    return GBT_OK;
}

int gbt_cv_rows_read(const gbt_params *params, const char *path, bool keeps_ids, gbt_cv_rows *out)
{
    char *item = gbt_command_copy(params, "fold");
    int code = gbt_exit_of(item ? GBT_OK : GBT_ERR_MEMORY);
    if (code == GBT_EXIT_OK && item[0]) {
        code = check_column(params, path, item);
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(read_rows(params, path, item, keeps_ids, out));
    }
    gbt_release(item);
    return code;
}

void gbt_cv_rows_close(gbt_cv_rows *rows)
{
    gbt_dataset_free(rows->data);
    gbt_table_free(rows->table);
    gbt_release(rows->fold);
    gbt_release(rows->value);
    memset(rows, 0, sizeof *rows);
}
