/* Data sets from tables and files: the schema of a table, its feature columns handed to the binning
 * without a copy, its side columns as fields. Reading is columns.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/columns.h"
#include "gbt/data/dataset.h"

/* ---- Schema of a training table -------------------------------------------------------------- */

/* Names of the columns with a role, in order, joined by commas. A label whose name has a comma
 * itself would be taken for a list, so the model does not remember it. */
static gbt_status name_role(const gbt_roles *roles, gbt_column_role role, char **out)
{
    int32_t n = gbt_roles_count(roles, role);
    if (role == GBT_ROLE_LABEL && n == 1 && strchr(roles->name[roles->label[0]], ',') != NULL) {
        n = 0;
    }
    size_t bytes = 1;
    for (int32_t i = 0; i < n; i++) {
        bytes += strlen(roles->name[gbt_roles_column(roles, role, i)]) + 1;
    }
    char *text = gbt_alloc((int64_t)bytes, 1);
    GBT_TRY(text ? GBT_OK : GBT_ERR_MEMORY);
    size_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        const char *name = roles->name[gbt_roles_column(roles, role, i)];
        at += (size_t)snprintf(text + at, bytes - at, "%s%s", i > 0 ? "," : "", name);
    }
    text[at] = '\0';
    gbt_release(*out);
    *out = text;
    return GBT_OK;
}

static gbt_status describe_roles(const gbt_table *table, const gbt_roles *roles, gbt_schema *schema)
{
    for (int role = GBT_ROLE_LABEL; role <= GBT_ROLE_ID; role++) {
        GBT_TRY(name_role(roles, (gbt_column_role)role, &schema->role[role]));
    }
    if (table->sparse != NULL) {
        schema->is_sparse = true;
        schema->index_base = table->sparse->index_base;
        return GBT_OK;
    }
    const int32_t label = roles->column[GBT_ROLE_LABEL], task = roles->column[GBT_ROLE_TASK];
    if (roles->n_label == 1 && table->column[label].is_text) {
        GBT_TRY(gbt_dictionary_copy(&table->column[label].dictionary, &schema->label));
    }
    if (task >= 0 && table->column[task].is_text) {
        GBT_TRY(gbt_dictionary_copy(&table->column[task].dictionary, &schema->task));
    }
    return GBT_OK;
}

static gbt_status describe_feature(const gbt_table *table, const gbt_roles *roles, int32_t column,
                                   gbt_schema *schema, int32_t feature)
{
    schema->name[feature] = gbt_copy_text(roles->name[column]);
    GBT_TRY(schema->name[feature] ? GBT_OK : GBT_ERR_MEMORY);
    schema->is_categorical[feature] = roles->is_categorical[column];
    if (table->sparse != NULL || !table->column[column].is_text) {
        return GBT_OK;
    }
    const gbt_dictionary *dictionary = &table->column[column].dictionary;
    if (dictionary->n > GBT_MAX_CATEGORIES) {
        return gbt_fail(GBT_ERR_DATA, "%s: column \"%s\" has %d different texts; 2^24 are possible",
                        table->source, roles->name[column], dictionary->n);
    }
    return gbt_dictionary_copy(dictionary, &schema->dictionary[feature]);
}

static gbt_status describe_table(const gbt_table *table, gbt_schema **out)
{
    gbt_status status = GBT_OK;
    const gbt_roles *roles = gbt_table_roles(table);
    gbt_schema *schema = NULL;
    int32_t n = 0;
    for (int32_t c = 0; c < roles->n_columns; c++) {
        n += roles->role[c] == GBT_ROLE_FEATURE;
    }
    GBT_TRY(gbt_schema_create(n, &schema));
    for (int32_t c = 0, feature = 0; c < roles->n_columns; c++) {
        if (roles->role[c] == GBT_ROLE_FEATURE) {
            GBT_TRY_OR_DONE(describe_feature(table, roles, c, schema, feature++));
        }
    }
    GBT_TRY_OR_DONE(describe_roles(table, roles, schema));
    GBT_TRY_OR_DONE(gbt_schema_seal(schema));
    *out = schema;
    schema = NULL;
done:
    gbt_schema_release(schema);
    return status;
}

/* ---- Features and fields --------------------------------------------------------------------- */

static gbt_status build_dense(const gbt_params *params, const gbt_view *view, gbt_schema *schema,
                              gbt_cuts *cuts, gbt_dataset **out)
{
    gbt_feature_column *column = NULL;
    GBT_TRY(GBT_NEW(column, schema->n_features));
    for (int32_t f = 0; f < schema->n_features; f++) {
        const gbt_table_column *from = &view->table->column[view->column[f]];
        column[f] = (gbt_feature_column){from->number, from->code, view->code_map[f]};
    }
    const gbt_features features = {
        .n_rows = view->table->n_rows, .n_features = schema->n_features, .column = column};
    const gbt_status status =
        gbt_dataset_build(params, &features, schema, cuts, view->table->source, out);
    gbt_release(column);
    return status;
}

static gbt_status build_sparse(const gbt_params *params, const gbt_view *view, gbt_schema *schema,
                               gbt_cuts *cuts, gbt_dataset **out)
{
    const gbt_sparse_rows *sparse = view->table->sparse;
    const gbt_csr csr = {.row_start = sparse->row_start,
                         .column = sparse->column,
                         .value = sparse->value,
                         .dtype = GBT_F32,
                         .n_rows = view->table->n_rows,
                         .n_cols = sparse->n_columns};
    const gbt_features features = {.n_rows = csr.n_rows,
                                   .n_features = schema->n_features,
                                   .sparse = &csr,
                                   .feature_of = view->feature_of};
    return gbt_dataset_build(params, &features, schema, cuts, view->table->source, out);
}

/* Real-valued fields of the table. `buffer` [n_rows x widest]. */
static gbt_status set_reals(const gbt_view *view, float *buffer, gbt_dataset *dataset)
{
    const int64_t n = dataset->n_rows;
    if (gbt_view_has_label(view)) {
        const int64_t width = gbt_view_width(view, GBT_ROLE_LABEL);
        GBT_TRY(gbt_view_label(view, buffer));
        GBT_TRY(gbt_dataset_set(dataset, GBT_LABEL, buffer, GBT_F32, n * width));
        dataset->has_text_label = view->schema->label.n > 0;
    }
    if (gbt_view_numbers(view, GBT_ROLE_WEIGHT, buffer)) {
        GBT_TRY(gbt_dataset_set(dataset, GBT_WEIGHT, buffer, GBT_F32, n));
    }
    if (gbt_view_numbers(view, GBT_ROLE_INIT_SCORE, buffer)) {
        const int64_t width = gbt_view_width(view, GBT_ROLE_INIT_SCORE);
        GBT_TRY(gbt_dataset_set(dataset, GBT_INIT_SCORE, buffer, GBT_F32, n * width));
    }
    return GBT_OK;
}

/* A task text that the schema does not know counts as one more task, as an unknown number does. */
static gbt_status set_tasks(const gbt_view *view, int32_t *code, gbt_dataset *dataset)
{
    GBT_TRY(gbt_view_tasks(view, code));
    for (int64_t row = 0; row < dataset->n_rows; row++) {
        code[row] = code[row] >= 0 ? code[row] : view->schema->task.n;
    }
    return gbt_dataset_set(dataset, GBT_TASK, code, GBT_I32, dataset->n_rows);
}

static gbt_status set_fields(const gbt_view *view, gbt_dataset *dataset)
{
    gbt_status status = GBT_OK;
    const int64_t n = dataset->n_rows;
    const int64_t n_labels = gbt_view_width(view, GBT_ROLE_LABEL);
    const int64_t n_init = gbt_view_width(view, GBT_ROLE_INIT_SCORE);
    const int64_t width = n_labels > n_init ? n_labels : n_init;
    float *real = NULL;
    int32_t *code = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(real, n * (width > 1 ? width : 1)));
    GBT_TRY_OR_DONE(GBT_NEW(code, n));
    GBT_TRY_OR_DONE(set_reals(view, real, dataset));
    if (gbt_view_width(view, GBT_ROLE_GROUP) > 0) {
        GBT_TRY_OR_DONE(gbt_view_codes(view, GBT_ROLE_GROUP, code));
        GBT_TRY_OR_DONE(gbt_dataset_set(dataset, GBT_GROUP, code, GBT_I32, n));
    }
    if (gbt_view_width(view, GBT_ROLE_TASK) > 0) {
        GBT_TRY_OR_DONE(set_tasks(view, code, dataset));
    }
done:
    gbt_release(real);
    gbt_release(code);
    return status;
}

gbt_status gbt_dataset_from_table(const gbt_params *params, const gbt_table *table,
                                  const gbt_dataset *same_cuts, gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (params == NULL || out == NULL || table == NULL || gbt_table_roles(table) == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s",
                        params == NULL || out == NULL ? "params, out: a null pointer was given"
                                                      : "table: one from gbt_table_read is needed");
    }
    gbt_status status = GBT_OK;
    gbt_schema *schema = NULL;
    gbt_dataset *dataset = NULL;
    gbt_view view = {0};
    if (same_cuts != NULL) {
        schema = gbt_schema_retain(same_cuts->schema);
    } else {
        GBT_TRY(describe_table(table, &schema));
    }
    gbt_cuts *cuts = same_cuts != NULL ? same_cuts->cuts : NULL;
    GBT_TRY_OR_DONE(gbt_view_open(table, schema, &view));
    if (params->unseen == GBT_UNSEEN_ERROR) {
        GBT_TRY_OR_DONE(gbt_view_refuse_unseen(&view));
    }
    GBT_TRY_OR_DONE(table->sparse != NULL ? build_sparse(params, &view, schema, cuts, &dataset)
                                          : build_dense(params, &view, schema, cuts, &dataset));
    GBT_TRY_OR_DONE(set_fields(&view, dataset));
    *out = dataset;
    dataset = NULL;
done:
    gbt_view_close(&view);
    gbt_schema_release(schema);
    gbt_dataset_free(dataset);
    return status;
}

gbt_status gbt_table_read_like(const gbt_params *params, const char *path, const gbt_dataset *like,
                               gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (like == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "like: a null pointer was given");
    }
    return gbt_table_read_as(params, path, like->schema, 0, out);
}

gbt_status gbt_dataset_from_file(const gbt_params *params, const char *path,
                                 const gbt_dataset *same_cuts, gbt_dataset **out)
{
    if (out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "out: a null pointer was given");
    }
    *out = NULL;
    gbt_table *table = NULL;
    GBT_TRY(
        gbt_table_read_as(params, path, same_cuts != NULL ? same_cuts->schema : NULL, 0, &table));
    const gbt_status status = gbt_dataset_from_table(params, table, same_cuts, out);
    gbt_table_free(table);
    return status;
}
