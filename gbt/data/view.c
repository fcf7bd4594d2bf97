/* A table seen through a schema: features by name, texts through dictionaries, side columns by
 * role. Used to bin a file and to predict from one. Cost: opening takes a search per column and
 * per text, and a pass over the columns that hold unseen texts. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/data/columns.h"
#include "gbt/data/names.h"

/* ---- Opening --------------------------------------------------------------------------------- */

static gbt_status refuse_absent(const gbt_view *view, int32_t feature)
{
    const char *wanted = view->schema->name[feature];
    const gbt_roles *roles = gbt_table_roles(view->table);
    const char *nearest =
        roles != NULL ? gbt_name_nearest(gbt_slice_of(wanted), roles->name, roles->n_columns) : "";
    return gbt_fail(GBT_ERR_DATA,
                    "%s: no column \"%s\" to take the feature from; the nearest is \"%s\"",
                    view->table->source, wanted, nearest);
}

static bool is_feature(const gbt_table *table, int32_t column)
{
    const gbt_roles *roles = gbt_table_roles(table);
    const gbt_table_column *from = &table->column[column];
    return (from->number != NULL || from->code != NULL) &&
           (roles == NULL || roles->role[column] == GBT_ROLE_FEATURE);
}

/* Codes of the table's texts in the schema; NULL when they are the same. */
static gbt_status map_codes(const gbt_dictionary *from, const gbt_dictionary *to, int32_t **out)
{
    *out = NULL;
    int32_t *map = NULL;
    bool is_same = true;
    GBT_TRY(GBT_NEW(map, from->n));
    for (int32_t code = 0; code < from->n; code++) {
        map[code] = gbt_dictionary_find(to, gbt_slice_of(from->text[code]));
        is_same = is_same && map[code] == code;
    }
    if (is_same) {
        gbt_release(map);
        map = NULL;
    }
    *out = map;
    return GBT_OK;
}

/* Cells of feature f with a text that the schema does not know. */
static void count_unseen(gbt_view *view, int32_t f)
{
    const int32_t *map = view->code_map[f];
    const gbt_table_column *column = &view->table->column[view->column[f]];
    int32_t first_text = -1;
    for (int32_t code = column->dictionary.n; map != NULL && code-- > 0;) {
        first_text = map[code] < 0 ? code : first_text;
    }
    if (first_text < 0) {
        return;
    }
    for (int64_t row = 0; row < view->table->n_rows; row++) {
        view->unseen[f] += column->code[row] >= 0 && map[column->code[row]] < 0;
    }
    view->n_unseen += view->unseen[f];
    if (view->unseen[f] > 0) {
        gbt_log_line(GBT_LOG_WARN,
                     "%s: column \"%s\": %" PRId64
                     " cells hold a category not seen in training, such as "
                     "\"%s\"; they are taken as missing",
                     view->table->source, column->name, view->unseen[f],
                     column->dictionary.text[first_text]);
    }
}

static gbt_status match_feature(gbt_view *view, int32_t f)
{
    const gbt_table *table = view->table;
    if (view->column[f] < 0) {
        return refuse_absent(view, f);
    }
    const gbt_table_column *column = &table->column[view->column[f]];
    const gbt_dictionary *known = &view->schema->dictionary[f];
    if (column->is_text) {
        if (!view->schema->is_categorical[f]) {
            return gbt_fail(GBT_ERR_DATA, "%s: column \"%s\" holds text, the feature is a number",
                            table->source, column->name);
        }
        GBT_TRY(map_codes(&column->dictionary, known, &view->code_map[f]));
        count_unseen(view, f);
    } else if (known->n > 0 && column->n_missing < table->n_rows) {
        return gbt_fail(GBT_ERR_DATA,
                        "%s: column \"%s\" holds numbers, the feature has texts; read it with "
                        "the model or list it in `categorical`",
                        table->source, column->name);
    }
    return GBT_OK;
}

static gbt_status open_dense(gbt_view *view)
{
    const gbt_table *table = view->table;
    const int32_t n = view->schema->n_features;
    GBT_TRY(GBT_NEW(view->column, n));
    GBT_TRY(GBT_NEW_ZERO(view->code_map, n));
    for (int32_t f = 0; f < n; f++) {
        view->column[f] = -1;
    }
    for (int32_t c = 0; c < table->n_columns; c++) {
        const int32_t f = gbt_schema_find(view->schema, gbt_slice_of(table->column[c].name));
        if (f >= 0 && is_feature(table, c)) {
            view->column[f] = c;
        }
    }
    for (int32_t f = 0; f < n; f++) {
        GBT_TRY(match_feature(view, f));
    }
    return GBT_OK;
}

/* The index in "f<index>", or -1. */
static int64_t index_in(const char *name)
{
    const gbt_slice digits = gbt_slice_of(name + 1);
    int64_t index = 0;
    if (name[0] != 'f' || !gbt_item_is_index(digits) || !gbt_parse_int(digits, &index)) {
        return -1;
    }
    return index;
}

/* A feature beyond the columns of the file is 0 in every row: libsvm files leave zeros out. */
static gbt_status open_sparse(gbt_view *view)
{
    const gbt_sparse_rows *sparse = view->table->sparse;
    const gbt_roles *roles = gbt_table_roles(view->table);
    GBT_TRY(GBT_NEW(view->feature_of, sparse->n_columns));
    for (int32_t c = 0; c < sparse->n_columns; c++) {
        view->feature_of[c] = -1;
    }
    for (int32_t f = 0; f < view->schema->n_features; f++) {
        const int64_t column = index_in(view->schema->name[f]) - sparse->index_base;
        if (column < 0) {
            return refuse_absent(view, f);
        }
        if (view->schema->dictionary[f].n > 0) {
            return gbt_fail(GBT_ERR_DATA,
                            "%s: feature \"%s\" has texts, a libsvm file has numbers only",
                            view->table->source, view->schema->name[f]);
        }
        if (column < sparse->n_columns &&
            (roles == NULL || roles->role[column + 1] == GBT_ROLE_FEATURE)) {
            view->feature_of[column] = f;
        }
    }
    return GBT_OK;
}

gbt_status gbt_view_open(const gbt_table *table, const gbt_schema *schema, gbt_view *out)
{
    *out = (gbt_view){.table = table, .schema = schema};
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->unseen, schema->n_features));
    GBT_TRY_OR_DONE(table->sparse != NULL ? open_sparse(out) : open_dense(out));
    return GBT_OK;
done:
    gbt_view_close(out);
    return status;
}

void gbt_view_close(gbt_view *view)
{
    for (int32_t f = 0; view->code_map != NULL && f < view->schema->n_features; f++) {
        gbt_release(view->code_map[f]);
    }
    gbt_release(view->column);
    gbt_release(view->code_map);
    gbt_release(view->feature_of);
    gbt_release(view->unseen);
    *view = (gbt_view){0};
}

gbt_status gbt_view_refuse_unseen(const gbt_view *view)
{
    for (int32_t f = 0; f < view->schema->n_features; f++) {
        if (view->unseen[f] > 0) {
            return gbt_fail(GBT_ERR_DATA,
                            "%s: column \"%s\": %" PRId64
                            " cells hold a category not seen in training; "
                            "unseen = missing would take them as missing",
                            view->table->source, view->schema->name[f], view->unseen[f]);
        }
    }
    return GBT_OK;
}

/* ---- Feature values -------------------------------------------------------------------------- */

static void dense_rows(const gbt_view *view, int32_t f, int64_t first, int64_t n, float *out)
{
    const gbt_table_column *column = &view->table->column[view->column[f]];
    const int32_t *map = view->code_map[f];
    const int64_t step = view->schema->n_features;
    for (int64_t i = 0; i < n; i++) {
        float value = NAN;
        if (column->number != NULL) {
            value = column->number[first + i];
        } else {
            int32_t code = column->code[first + i];
            code = code >= 0 && map != NULL ? map[code] : code;
            value = code >= 0 ? (float)code : NAN;
        }
        out[i * step + f] = value;
    }
}

void gbt_view_rows(const gbt_view *view, int64_t first, int64_t n, float *out)
{
    const int32_t n_features = view->schema->n_features;
    if (view->feature_of == NULL) {
        for (int32_t f = 0; f < n_features; f++) {
            dense_rows(view, f, first, n, out);
        }
        return;
    }
    const gbt_sparse_rows *sparse = view->table->sparse;
    memset(out, 0, (size_t)(n * n_features) * sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t at = sparse->row_start[first + i]; at < sparse->row_start[first + i + 1];
             at++) {
            const int32_t f = view->feature_of[sparse->column[at]];
            if (f >= 0) {
                out[i * n_features + f] = sparse->value[at];
            }
        }
    }
}

/* ---- Side columns ---------------------------------------------------------------------------- */

/* The `i`-th column with the role, which exists. Dense tables only. */
static const gbt_table_column *side_column(const gbt_view *view, gbt_column_role role, int32_t i)
{
    const gbt_roles *roles = gbt_table_roles(view->table);
    return &view->table->column[gbt_roles_column(roles, role, i)];
}

int32_t gbt_view_width(const gbt_view *view, gbt_column_role role)
{
    const gbt_sparse_rows *sparse = view->table->sparse;
    const gbt_roles *roles = gbt_table_roles(view->table);
    if (sparse != NULL) {
        return (role == GBT_ROLE_LABEL && sparse->n_labels > 0) ||
               (role == GBT_ROLE_GROUP && sparse->query != NULL);
    }
    return roles != NULL ? gbt_roles_count(roles, role) : 0;
}

bool gbt_view_has_label(const gbt_view *view)
{
    const gbt_sparse_rows *sparse = view->table->sparse;
    if (sparse == NULL) {
        return gbt_view_width(view, GBT_ROLE_LABEL) > 0;
    }
    for (int64_t row = 0; row < view->table->n_rows; row++) {
        if (!isnan(sparse->label[row * sparse->n_labels])) {
            return true;
        }
    }
    return false;
}

static gbt_status refuse_missing(const gbt_view *view, const char *what, int64_t row)
{
    return gbt_fail(GBT_ERR_DATA, "%s: data row %" PRId64 " (from 1) has no %s",
                    view->table->source, row + 1, what);
}

static gbt_status refuse_text(const gbt_view *view, const gbt_table_column *column, int64_t row,
                              const char *what)
{
    return gbt_fail(GBT_ERR_DATA,
                    "%s: data row %" PRId64 " (from 1): the %s \"%s\" was not in the training "
                    "data",
                    view->table->source, row + 1, what, column->dictionary.text[column->code[row]]);
}

static gbt_status sparse_label(const gbt_view *view, float *out)
{
    const gbt_sparse_rows *sparse = view->table->sparse;
    if (sparse->n_labels != 1) {
        return gbt_fail(GBT_ERR_DATA, "%s: rows have up to %d labels, one is possible",
                        view->table->source, sparse->n_labels);
    }
    if (view->schema->label.n > 0) {
        return gbt_fail(GBT_ERR_DATA, "%s: the labels are numbers, the training data had texts",
                        view->table->source);
    }
    for (int64_t row = 0; row < view->table->n_rows; row++) {
        out[row] = sparse->label[row];
        if (isnan(out[row])) {
            return refuse_missing(view, "label", row);
        }
    }
    return GBT_OK;
}

/* Numbers of the i-th of `width` label columns, to every `width`-th place of `out`. */
static gbt_status number_label(const gbt_view *view, int32_t i, int32_t width, float *out)
{
    const gbt_table_column *column = side_column(view, GBT_ROLE_LABEL, i);
    if (column->is_text) {
        return gbt_fail(GBT_ERR_DATA,
                        "%s: the label \"%s\" is text; several labels must all be numbers",
                        view->table->source, column->name);
    }
    for (int64_t row = 0; row < view->table->n_rows; row++) {
        const float value = column->number[row];
        out[row * width + i] = value;
        if (isnan(value) && width > 1) {
            return gbt_fail(GBT_ERR_DATA, "%s: data row %" PRId64 " (from 1) has no label \"%s\"",
                            view->table->source, row + 1, column->name);
        }
        if (isnan(value)) {
            return refuse_missing(view, "label", row);
        }
    }
    return GBT_OK;
}

/* A text label: positions in the schema's dictionary. */
static gbt_status text_label(const gbt_view *view, const gbt_table_column *column, float *out)
{
    gbt_status status = GBT_OK;
    int32_t *map = NULL;
    GBT_TRY(map_codes(&column->dictionary, &view->schema->label, &map));
    for (int64_t row = 0; row < view->table->n_rows; row++) {
        const int32_t code = column->code[row];
        if (code < 0) {
            status = refuse_missing(view, "label", row);
            break;
        }
        const int32_t mapped = map != NULL ? map[code] : code;
        if (mapped < 0) {
            status = refuse_text(view, column, row, "label");
            break;
        }
        out[row] = (float)mapped;
    }
    gbt_release(map);
    return status;
}

gbt_status gbt_view_label(const gbt_view *view, float *out)
{
    const gbt_table *table = view->table;
    if (!gbt_view_has_label(view)) {
        return gbt_fail(GBT_ERR_DATA, "%s: no label; name its column with label =", table->source);
    }
    if (table->sparse != NULL) {
        return sparse_label(view, out);
    }
    const gbt_table_column *column = side_column(view, GBT_ROLE_LABEL, 0);
    const int32_t width = gbt_view_width(view, GBT_ROLE_LABEL);
    if (column->is_text != (view->schema->label.n > 0) && width == 1) {
        return gbt_fail(GBT_ERR_DATA, "%s: the label \"%s\" is %s here and %s in the training data",
                        table->source, column->name, column->is_text ? "text" : "a number",
                        column->is_text ? "a number" : "text");
    }
    if (column->is_text && width == 1) {
        return text_label(view, column, out);
    }
    for (int32_t i = 0; i < width; i++) {
        GBT_TRY(number_label(view, i, width, out));
    }
    return GBT_OK;
}

bool gbt_view_numbers(const gbt_view *view, gbt_column_role role, float *out)
{
    const int32_t width = gbt_view_width(view, role);
    if (view->table->sparse != NULL || width == 0) {
        return false;
    }
    for (int32_t i = 0; i < width; i++) {
        const gbt_table_column *column = side_column(view, role, i);
        for (int64_t row = 0; row < view->table->n_rows; row++) {
            out[row * width + i] =
                column->number != NULL ? column->number[row] : (float)column->code[row];
        }
    }
    return true;
}

/* Code of one cell: a position in the texts, or a whole number from 0. -1: missing, -2: no code. */
static int64_t code_of_cell(const gbt_table_column *column, const int32_t *map, int64_t row)
{
    if (column->is_text) {
        const int32_t code = column->code[row];
        return code < 0 ? -1 : map == NULL ? code : map[code] < 0 ? -2 : map[code];
    }
    const float number = column->number[row];
    if (isnan(number)) {
        return -1;
    }
    return number >= 0 && number < (float)(1 << 24) && number == floorf(number) ? (int64_t)number
                                                                                : -2;
}

/* Positions of the column's task texts in the schema, or NULL. */
static gbt_status map_tasks(const gbt_view *view, const gbt_table_column *column, int32_t **out)
{
    const bool was_text = view->schema->task.n > 0;
    *out = NULL;
    if (column->is_text != was_text) {
        return gbt_fail(GBT_ERR_DATA,
                        "%s: the task column \"%s\" holds %s, that of the training data %s",
                        view->table->source, column->name, column->is_text ? "text" : "numbers",
                        was_text ? "text" : "numbers");
    }
    return was_text ? map_codes(&column->dictionary, &view->schema->task, out) : GBT_OK;
}

static gbt_status read_codes(const gbt_view *view, gbt_column_role role, bool takes_unseen,
                             int32_t *out)
{
    const gbt_table *table = view->table;
    const char *what = role == GBT_ROLE_GROUP ? "group" : "task";
    const gbt_table_column *column = side_column(view, role, 0);
    int32_t *map = NULL;
    if (role == GBT_ROLE_TASK) {
        GBT_TRY(map_tasks(view, column, &map));
    }
    gbt_status status = GBT_OK;
    for (int64_t row = 0; row < table->n_rows && status == GBT_OK; row++) {
        const int64_t code = code_of_cell(column, map, row);
        out[row] = code >= 0 ? (int32_t)code : -1;
        if (code == -1) {
            status = refuse_missing(view, what, row);
        } else if (code < 0 && column->is_text && !takes_unseen) {
            status = refuse_text(view, column, row, what);
        } else if (code < 0 && !column->is_text) {
            status = gbt_fail(GBT_ERR_DATA,
                              "%s: data row %" PRId64 " (from 1): %g is no %s number; whole "
                              "numbers from 0 are",
                              table->source, row + 1, (double)column->number[row], what);
        }
    }
    gbt_release(map);
    return status;
}

gbt_status gbt_view_codes(const gbt_view *view, gbt_column_role role, int32_t *out)
{
    const gbt_table *table = view->table;
    if (gbt_view_width(view, role) == 0) {
        return gbt_fail(GBT_ERR_DATA, "%s: there is no %s column", table->source,
                        role == GBT_ROLE_GROUP ? "group" : "task");
    }
    if (table->sparse != NULL) {
        memcpy(out, table->sparse->query, (size_t)table->n_rows * sizeof *out);
        return GBT_OK;
    }
    return read_codes(view, role, false, out);
}

gbt_status gbt_view_tasks(const gbt_view *view, int32_t *out)
{
    if (gbt_view_width(view, GBT_ROLE_TASK) == 0) {
        return gbt_fail(GBT_ERR_DATA, "%s: there is no task column", view->table->source);
    }
    return read_codes(view, GBT_ROLE_TASK, true, out);
}
