/* Tables from data frames: views of columns, or an Arrow stream, read as a CSV file with the same
 * content would be. Copying is datasets/frame.c and arrow.c; roles are roles.c. */
#include <inttypes.h>
#include <string.h>

#include "datasets/arrow.h"
#include "gbt/base/alloc.h"
#include "gbt/data/dataset.h"
#include "gbt/data/roles.h"

#define SOURCE "data frame"
#define MOST_CELLS (INT64_MAX / 64)

static gbt_csv_kind kind_of(void *context, const gbt_frame_column *column, int32_t index)
{
    const gbt_role_plan *plan = context;
    const gbt_csv_kind kind = gbt_role_plan_kind(plan, column->name, index);
    const bool is_category = kind == GBT_CSV_AUTO && column->is_coded &&
                             gbt_role_plan_is_category(plan, column->name, index);
    return is_category ? GBT_CSV_TEXT : kind;
}

/* ---- Views of columns ------------------------------------------------------------------------ */

static gbt_status fail_column(const gbt_column *column, const char *field, const char *what)
{
    return gbt_fail(GBT_ERR_ARGUMENT, SOURCE ": column \"%s\": %s: %s",
                    column->name != NULL ? column->name : "", field, what);
}

static int64_t start_at(const gbt_texts *texts, int64_t i)
{
    int64_t wide;
    int32_t narrow;
    if (texts->start_type == GBT_CELL_I64) {
        memcpy(&wide, (const char *)texts->start + i * (int64_t)sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, (const char *)texts->start + i * (int64_t)sizeof narrow, sizeof narrow);
    return narrow;
}

/* Texts [first, last) of the column. */
static gbt_status check_texts(const gbt_column *column, int64_t first, int64_t last)
{
    const gbt_texts *texts = &column->text;
    if (texts->start == NULL) {
        return fail_column(column, "text.start", "a null pointer was given");
    }
    if (texts->start_type != GBT_CELL_I32 && texts->start_type != GBT_CELL_I64) {
        return fail_column(column, "text.start_type", "GBT_CELL_I32 or GBT_CELL_I64 are possible");
    }
    if (texts->n < 0 || texts->n < last || texts->n > MOST_CELLS) {
        return fail_column(column, "text.n", "there are fewer texts than cells, or far too many");
    }
    for (int64_t i = first; i < last; i++) {
        if (start_at(texts, i) < 0 || start_at(texts, i + 1) < start_at(texts, i)) {
            return fail_column(column, "text.start", "starts must not fall, nor be negative");
        }
    }
    if (texts->bytes == NULL && start_at(texts, last) > start_at(texts, first)) {
        return fail_column(column, "text.bytes", "a null pointer was given");
    }
    return GBT_OK;
}

static gbt_status check_cells(const gbt_column *column, int64_t n_rows)
{
    const int64_t size = gbt_cell_size(column->type);
    const int64_t n_cells = column->first + n_rows;
    const int64_t step = column->stride < 0 ? -column->stride : column->stride;
    if (column->data == NULL && n_rows > 0) {
        return fail_column(column, "data", "a null pointer was given");
    }
    if (size == 0 && column->stride != 0) {
        return fail_column(column, "stride", "bits stand side by side, 0 is possible");
    }
    if (column->stride < -MOST_CELLS || step > MOST_CELLS / (n_cells > 0 ? n_cells : 1)) {
        return fail_column(column, "stride", "it leaves the address space");
    }
    if (column->is_coded && !gbt_cell_is_whole(column->type)) {
        return fail_column(column, "type", "codes must be whole numbers");
    }
    return column->is_coded ? check_texts(column, 0, column->text.n) : GBT_OK;
}

static gbt_status check_column(const gbt_column *column, int64_t n_rows)
{
    if (column->type < GBT_CELL_F32 || column->type > GBT_CELL_TEXT) {
        return fail_column(column, "type", "it is none of gbt_cell");
    }
    if (column->first < 0 || column->first > MOST_CELLS - n_rows) {
        return fail_column(column, "first", "it is negative, or far too large");
    }
    if (column->mask_kind < GBT_MASK_NONE || column->mask_kind > GBT_MASK_MISSING_BYTES) {
        return fail_column(column, "mask_kind", "it is none of gbt_mask");
    }
    if ((column->mask != NULL) != (column->mask_kind != GBT_MASK_NONE)) {
        return fail_column(column, "mask", "mask and mask_kind are given together or not at all");
    }
    if (column->type != GBT_CELL_TEXT) {
        return check_cells(column, n_rows);
    }
    if (column->is_coded) {
        return fail_column(column, "type", "codes must be whole numbers");
    }
    return check_texts(column, column->first, column->first + n_rows);
}

static gbt_cells cells_of_texts(const gbt_texts *texts, int64_t first, int64_t n)
{
    return (gbt_cells){.type = GBT_CELL_TEXT,
                       .n = n,
                       .first = first,
                       .data = texts->start,
                       .bytes = texts->bytes,
                       .layout = texts->start_type == GBT_CELL_I64 ? GBT_TEXT_STARTS64
                                                                   : GBT_TEXT_STARTS32};
}

static void view_column(const gbt_column *column, int64_t n_rows, gbt_cells *cells,
                        gbt_cells *dictionary)
{
    if (column->type == GBT_CELL_TEXT) {
        *cells = cells_of_texts(&column->text, column->first, n_rows);
    } else {
        *cells = (gbt_cells){.type = column->type,
                             .n = n_rows,
                             .first = column->first,
                             .data = column->data,
                             .stride = column->stride != 0 ? column->stride
                                                           : gbt_cell_size(column->type)};
    }
    cells->mask_kind = column->mask_kind;
    cells->mask = column->mask;
    if (column->is_coded) {
        *dictionary = cells_of_texts(&column->text, 0, column->text.n);
        cells->dictionary = dictionary;
    }
}

/* What copy_columns() copies. */
typedef struct column_list {
    const gbt_column *column; /* [n] */
    int32_t n;
    int64_t n_rows;
} column_list;

static gbt_status check_list(const column_list *list)
{
    if (list->n < 1 || list->column == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "columns: at least one is needed");
    }
    if (list->n_rows < 0 || list->n_rows > MOST_CELLS) {
        return gbt_fail(GBT_ERR_ARGUMENT, "n_rows: %" PRId64 " is negative, or far too large",
                        list->n_rows);
    }
    for (int32_t c = 0; c < list->n; c++) {
        GBT_TRY(check_column(&list->column[c], list->n_rows));
    }
    return GBT_OK;
}

static gbt_status copy_columns(const column_list *list, const gbt_frame_options *options,
                               gbt_table **out)
{
    gbt_status status = GBT_OK;
    const int32_t n = list->n;
    gbt_frame *frame = NULL;
    gbt_frame_column *column = NULL;
    gbt_cells *cells = NULL; /* [2 n]: of the columns, of their dictionaries */
    GBT_TRY_OR_DONE(check_list(list));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(column, n));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(cells, 2 * (int64_t)n));
    for (int32_t c = 0; c < n; c++) {
        const gbt_column *from = &list->column[c];
        column[c] = (gbt_frame_column){.name = from->name,
                                       .is_text = from->is_coded || from->type == GBT_CELL_TEXT,
                                       .is_coded = from->is_coded != 0};
        view_column(from, list->n_rows, &cells[c], &cells[n + c]);
    }
    GBT_TRY_OR_DONE(gbt_frame_open(options, column, n, &frame));
    GBT_TRY_OR_DONE(gbt_frame_add(frame, cells, list->n_rows));
    GBT_TRY_OR_DONE(gbt_frame_finish(frame, out));
done:
    gbt_frame_close(frame);
    gbt_release(column);
    gbt_release(cells);
    return status;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* From the columns, or when these are NULL from the stream. */
static gbt_status read_memory(const gbt_frame_request *request, const column_list *list,
                              struct ArrowArrayStream *stream, gbt_table **out)
{
    gbt_status status = GBT_OK;
    const gbt_params *params = request->params;
    gbt_role_plan plan = {0};
    gbt_missing_tokens tokens = {0};
    gbt_table *table = NULL;
    if (params == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        params == NULL ? "params" : "out");
    }
    const char *missing = request->missing != NULL ? request->missing : params->missing;
    GBT_TRY_OR_DONE(gbt_missing_tokens_open(missing, &tokens));
    GBT_TRY_OR_DONE(gbt_role_plan_open(params, request->schema, &plan));
    const gbt_frame_options options = {.source = SOURCE,
                                       .missing = tokens.token,
                                       .n_missing = tokens.n,
                                       .threads = params->threads,
                                       .kind_of = kind_of,
                                       .context = &plan};
    GBT_TRY_OR_DONE(list != NULL ? copy_columns(list, &options, &table)
                                 : gbt_arrow_read(stream, &options, &table));
    GBT_TRY_OR_DONE(gbt_role_plan_assign(&plan, table));
    *out = table;
    table = NULL;
done:
    gbt_table_free(table);
    gbt_missing_tokens_close(&tokens);
    gbt_role_plan_close(&plan);
    return status;
}

gbt_status gbt_table_copy_columns(const gbt_frame_request *request, const gbt_column *columns,
                                  int32_t n_columns, int64_t n_rows, gbt_table **out)
{
    const column_list list = {.column = columns, .n = n_columns, .n_rows = n_rows};
    if (out != NULL) {
        *out = NULL;
    }
    return read_memory(request, &list, NULL, out);
}

gbt_status gbt_table_copy_arrow(const gbt_frame_request *request, struct ArrowArrayStream *stream,
                                gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    const gbt_status status = read_memory(request, NULL, stream, out);
    gbt_arrow_release(stream);
    return status;
}

gbt_status gbt_table_from_columns_like(const gbt_params *params, const gbt_column *columns,
                                       int32_t n_columns, int64_t n_rows, const gbt_dataset *like,
                                       gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (like == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "like: a null pointer was given");
    }
    const gbt_frame_request request = {.params = params, .schema = like->schema};
    return gbt_table_copy_columns(&request, columns, n_columns, n_rows, out);
}

gbt_status gbt_table_from_arrow_like(const gbt_params *params, struct ArrowArrayStream *stream,
                                     const gbt_dataset *like, gbt_table **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (like == NULL) {
        gbt_arrow_release(stream);
        return gbt_fail(GBT_ERR_ARGUMENT, "like: a null pointer was given");
    }
    const gbt_frame_request request = {.params = params, .schema = like->schema};
    return gbt_table_copy_arrow(&request, stream, out);
}
