/* Reads the data files of the side modules: a file becomes a table, the table a data set and, when
 * asked for, a matrix of raw values. Cost: that of reading and binning once. */
#include "gbt/cli/module_data.h"

#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"

/* The caller's parameters, but with the model's own view of unseen categories. */
static gbt_status params_for(const gbt_params *params, const gbt_model *model, gbt_params **out)
{
    char unseen[32];
    gbt_params *of_model = NULL;
    gbt_status status = gbt_model_params(model, &of_model);
    status = status == GBT_OK ? gbt_params_get(of_model, "unseen", unseen, sizeof unseen) : status;
    status = status == GBT_OK ? gbt_params_copy(params, out) : status;
    status = status == GBT_OK ? gbt_params_set(*out, "unseen", unseen) : status;
    gbt_params_free(of_model);
    return status;
}

static gbt_status read_with_model(const gbt_params *params, const gbt_model *model,
                                  gbt_file_rows *rows)
{
    gbt_status status = GBT_OK;
    gbt_params *own = NULL;
    gbt_dataset *cuts = NULL;
    GBT_TRY_OR_DONE(params_for(params, model, &own));
    GBT_TRY_OR_DONE(gbt_table_read(params, rows->path, model, &rows->table));
    GBT_TRY_OR_DONE(gbt_dataset_like_model(model, &cuts));
    GBT_TRY_OR_DONE(gbt_dataset_from_table(own, rows->table, cuts, &rows->data));
done:
    gbt_dataset_free(cuts);
    gbt_params_free(own);
    return status;
}

gbt_status gbt_file_rows_read(const gbt_params *params, const char *path, const gbt_model *model,
                              const gbt_dataset *like, gbt_file_rows *out)
{
    gbt_status status = GBT_OK;
    memset(out, 0, sizeof *out);
    out->path = path;
    if (model) {
        GBT_TRY_OR_DONE(read_with_model(params, model, out));
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(like ? gbt_table_read_like(params, path, like, &out->table)
                         : gbt_table_read(params, path, NULL, &out->table));
    GBT_TRY_OR_DONE(gbt_dataset_from_table(params, out->table, like, &out->data));
    return GBT_OK;
done:
    gbt_file_rows_close(out);
    return status;
}

gbt_status gbt_file_rows_take_features(gbt_file_rows *rows)
{
    const int64_t n = gbt_dataset_rows(rows->data), m = gbt_dataset_features(rows->data);
    GBT_TRY(GBT_NEW(rows->value, n * m));
    rows->features = (gbt_matrix){rows->value, GBT_F32, n, m, m, 1};
    return gbt_dataset_features_of(rows->data, rows->table, rows->value, n * m);
}

gbt_status gbt_file_rows_need_label(const gbt_file_rows *rows, const char *why)
{
    if (gbt_dataset_field_size(rows->data, GBT_LABEL) > 0) {
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_DATA, "%s: no label; %s: name its column with label =", rows->path,
                    why);
}

void gbt_file_rows_drop_table(gbt_file_rows *rows)
{
    gbt_table_free(rows->table);
    rows->table = NULL;
}

void gbt_file_rows_close(gbt_file_rows *rows)
{
    gbt_table_free(rows->table);
    gbt_dataset_free(rows->data);
    gbt_release(rows->value);
    memset(rows, 0, sizeof *rows);
}

void gbt_file_rows_print(const gbt_command *command, const gbt_file_rows *rows, double seconds)
{
    if (command->verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld rows, %d features, read in %.2f s\n", rows->path,
                (long long)gbt_dataset_rows(rows->data), (int)gbt_dataset_features(rows->data),
                seconds);
    }
}

const gbt_matrix *gbt_file_rows_features(const gbt_file_rows *rows)
{
    return rows->value ? &rows->features : NULL;
}

int gbt_valid_only(const gbt_command *command, const gbt_valid_list *list, const char **path)
{
    *path = list->n > 0 ? list->path[0] : NULL;
    if (list->n > 1) {
        return gbt_usage_error("valid lists %d files; gbt %s takes one", list->n, command->verb);
    }
    return GBT_EXIT_OK;
}
