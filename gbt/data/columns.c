/* Reads data files: format by the file name, columns as the plan of their roles says. Parsing is
 * datasets/; roles are roles.c; what comes of the columns is view.c and dataset_table.c. */
#include "gbt/data/columns.h"

#include <inttypes.h>
#include <string.h>

#include "datasets/csv.h"
#include "datasets/libsvm.h"
#include "gbt/data/roles.h"

static bool ends_with(gbt_slice text, const char *ending)
{
    const size_t n = strlen(ending);
    return text.size > n &&
           gbt_slice_equal_folded((gbt_slice){text.data + text.size - n, n}, ending);
}

static gbt_status format_of(const gbt_params *params, const char *path, int *format)
{
    gbt_slice name = gbt_slice_of(path);
    if (ends_with(name, ".gz")) {
        name.size -= 3;
    }
    *format = params->format != GBT_FORMAT_AUTO                       ? params->format
              : ends_with(name, ".csv")                               ? GBT_FORMAT_CSV
              : ends_with(name, ".tsv")                               ? GBT_FORMAT_TSV
              : ends_with(name, ".svm") || ends_with(name, ".libsvm") ? GBT_FORMAT_LIBSVM
                                                                      : GBT_FORMAT_AUTO;
    if (*format == GBT_FORMAT_AUTO) {
        return gbt_fail(
            GBT_ERR_PARAM,
            "format: \"%s\" does not end in .csv, .tsv, .svm or .libsvm (and .gz); say format = "
            "csv, tsv or libsvm",
            path);
    }
    return GBT_OK;
}

static gbt_csv_kind kind_of(void *context, const char *name, int32_t index, int32_t n_columns)
{
    (void)n_columns;
    return gbt_role_plan_kind(context, name, index);
}

static gbt_status read_csv(const gbt_role_plan *plan, const char *path, char separator,
                           int64_t max_rows, gbt_table **out)
{
    gbt_status status = GBT_OK;
    const gbt_params *params = plan->params;
    gbt_missing_tokens tokens = {0};
    GBT_TRY_OR_DONE(gbt_missing_tokens_open(params->missing, &tokens));
    const gbt_csv_options options = {
        .separator = separator,
        .header = params->header == GBT_HEADER_AUTO ? -1 : params->header == GBT_HEADER_TRUE,
        .missing = tokens.token,
        .n_missing = tokens.n,
        .max_rows = max_rows,
        .threads = params->threads,
        .kind_of = kind_of,
        .context = (void *)plan};
    GBT_TRY_OR_DONE(gbt_csv_read(path, &options, out));
done:
    gbt_missing_tokens_close(&tokens);
    return status;
}

gbt_status gbt_table_read_as(const gbt_params *params, const char *path, const gbt_schema *schema,
                             int64_t max_rows, gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (params == NULL || path == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        params == NULL ? "params"
                        : path == NULL ? "path"
                                       : "out");
    }
    gbt_status status = GBT_OK;
    gbt_table *table = NULL;
    int format = GBT_FORMAT_AUTO;
    gbt_role_plan plan = {0};
    GBT_TRY_OR_DONE(format_of(params, path, &format));
    GBT_TRY_OR_DONE(gbt_role_plan_open(params, schema, &plan));
    if (format == GBT_FORMAT_LIBSVM && params->header != GBT_HEADER_AUTO) {
        status = gbt_fail(GBT_ERR_PARAM, "header has no effect: %s is a libsvm file", path);
        goto done;
    }
    if (format == GBT_FORMAT_LIBSVM) {
        const gbt_libsvm_options options = {
            .max_rows = max_rows,
            .threads = params->threads,
            .index_base = schema != NULL && schema->is_sparse ? schema->index_base : -1};
        GBT_TRY_OR_DONE(gbt_libsvm_read(path, &options, &table));
    } else {
        GBT_TRY_OR_DONE(
            read_csv(&plan, path, format == GBT_FORMAT_TSV ? '\t' : ',', max_rows, &table));
    }
    GBT_TRY_OR_DONE(gbt_role_plan_assign(&plan, table));
    *out = table;
    table = NULL;
done:
    gbt_role_plan_close(&plan);
    gbt_table_free(table);
    return status;
}

gbt_status gbt_table_preview(const gbt_params *params, const char *path, int64_t max_rows,
                             gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (max_rows <= 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "max_rows: %" PRId64 " is not positive", max_rows);
    }
    return gbt_table_read_as(params, path, NULL, max_rows, out);
}
