/* Tables from columns in memory: names, kinds, tokens for missing cells, room for batches, and the
 * finished table. What becomes of the cells is frame_cells.c. Cost: that of the latter. */
#include "datasets/frame.h"

#include <math.h>

#include "datasets/frame_cells.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

/* ---- Life ------------------------------------------------------------------------------------ */

void gbt_frame_close(gbt_frame *frame)
{
    if (frame == NULL) {
        return;
    }
    for (int32_t c = 0; frame->column != NULL && c < frame->n_columns; c++) {
        gbt_csv_texts_close(&frame->column[c].texts);
    }
    gbt_table_free(frame->table);
    gbt_release(frame->column);
    gbt_release(frame->missing_number);
    gbt_release(frame->coding);
    gbt_release(frame->printed);
    gbt_release(frame);
}

static gbt_status take_tokens(gbt_frame *frame)
{
    const gbt_frame_options *options = &frame->options;
    GBT_TRY(GBT_NEW(frame->missing_number, options->n_missing));
    for (int32_t i = 0; i < options->n_missing; i++) {
        double number = 0;
        frame->may_be_missing[(unsigned char)options->missing[i][0]] = 1;
        if (gbt_parse_real(gbt_slice_of(options->missing[i]), &number) && !isnan(number)) {
            frame->missing_number[frame->n_missing_numbers++] = number;
        }
    }
    return GBT_OK;
}

static gbt_status check_name(const char *source, const gbt_frame_column *column, int32_t c,
                             gbt_csv_texts *seen)
{
    if (column->name == NULL || column->name[0] == '\0') {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: column %d (from 0) has no name; every column needs one", source, c);
    }
    const gbt_slice name = gbt_slice_of(column->name);
    if (!gbt_is_utf8(name)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: the name of column %d (from 0) is no valid UTF-8",
                        source, c);
    }
    const int32_t number = gbt_csv_texts_code(seen, name);
    return number == c ? GBT_OK
                       : gbt_fail(GBT_ERR_ARGUMENT,
                                  "%s: columns %d and %d (from 0) are both called \"%s\"; names "
                                  "must differ",
                                  source, number, c, column->name);
}

static gbt_status take_names(gbt_frame *frame, const gbt_frame_column *column, int32_t n_columns)
{
    gbt_csv_texts seen = {0};
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_csv_texts_reserve(&seen, (int64_t)n_columns + 1));
    for (int32_t c = 0; c < n_columns; c++) {
        GBT_TRY_OR_DONE(check_name(frame->options.source, &column[c], c, &seen));
        frame->table->column[c].name = gbt_copy_text(column[c].name);
        GBT_TRY_OR_DONE(frame->table->column[c].name ? GBT_OK : GBT_ERR_MEMORY);
    }
done:
    gbt_csv_texts_close(&seen);
    return status;
}

gbt_status gbt_frame_open(const gbt_frame_options *options, const gbt_frame_column *column,
                          int32_t n_columns, gbt_frame **out)
{
    gbt_status status = GBT_OK;
    gbt_frame *frame = NULL;
    *out = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(frame, 1));
    frame->options = *options;
    frame->threads = gbt_thread_count(options->threads);
    GBT_TRY_OR_DONE(gbt_table_open(options->source, &frame->table));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(frame->table->column, n_columns));
    frame->n_columns = frame->table->n_columns = n_columns;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(frame->column, n_columns));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(frame->coding, n_columns));
    GBT_TRY_OR_DONE(GBT_NEW(frame->printed, GBT_FRAME_BLOCK));
    GBT_TRY_OR_DONE(take_tokens(frame));
    GBT_TRY_OR_DONE(take_names(frame, column, n_columns));
    for (int32_t c = 0; c < n_columns; c++) {
        const gbt_csv_kind kind = options->kind_of != NULL
                                      ? options->kind_of(options->context, &column[c], c)
                                      : GBT_CSV_AUTO;
        const bool is_text = kind == GBT_CSV_TEXT || (kind == GBT_CSV_AUTO && column[c].is_text);
        frame->column[c].is_auto = kind == GBT_CSV_AUTO;
        frame->column[c].mode = kind == GBT_CSV_SKIP ? GBT_FRAME_SKIP
                                : is_text            ? GBT_FRAME_TEXT
                                                     : GBT_FRAME_NUMBER;
        frame->table->column[c].is_text = is_text;
    }
    *out = frame;
    frame = NULL;
done:
    gbt_frame_close(frame);
    return status;
}

bool gbt_frame_skips(const gbt_frame *frame, int32_t column)
{
    return frame->column[column].mode == GBT_FRAME_SKIP;
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* Exactly enough for the first batch, which is often the only one; then half as much again. */
static gbt_status make_room(gbt_frame *frame, int64_t n_more)
{
    const int64_t needed = frame->n_rows + n_more;
    if (n_more > INT64_MAX / 64 - frame->n_rows) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: too many rows", frame->options.source);
    }
    if (needed <= frame->capacity) {
        return GBT_OK;
    }
    const int64_t grown = frame->capacity + frame->capacity / 2;
    const int64_t capacity = needed > grown ? needed : grown;
    for (int32_t c = 0; c < frame->n_columns; c++) {
        gbt_table_column *column = &frame->table->column[c];
        if (frame->column[c].mode == GBT_FRAME_NUMBER) {
            float *larger = gbt_grow(column->number, frame->n_rows, capacity, sizeof *larger);
            GBT_TRY(larger ? GBT_OK : GBT_ERR_MEMORY);
            column->number = larger;
        } else if (frame->column[c].mode == GBT_FRAME_TEXT) {
            int32_t *larger = gbt_grow(column->code, frame->n_rows, capacity, sizeof *larger);
            GBT_TRY(larger ? GBT_OK : GBT_ERR_MEMORY);
            column->code = larger;
        }
    }
    frame->capacity = capacity;
    return GBT_OK;
}

gbt_status gbt_frame_add(gbt_frame *frame, const gbt_cells *cells, int64_t n_rows)
{
    if (n_rows == 0) {
        return GBT_OK;
    }
    GBT_TRY(make_room(frame, n_rows));
    for (int32_t c = 0; c < frame->n_columns; c++) {
        if (frame->column[c].mode != GBT_FRAME_SKIP) {
            GBT_TRY(gbt_frame_add_cells(frame, c, &cells[c]));
        }
    }
    GBT_TRY(gbt_frame_add_texts(frame, cells, n_rows));
    frame->n_rows += n_rows;
    return GBT_OK;
}

/* A file with this column would have empty cells only, which are missing numbers. */
static gbt_status make_missing_numbers(gbt_table_column *column, int64_t n_rows)
{
    GBT_TRY(GBT_NEW(column->number, n_rows));
    for (int64_t row = 0; row < n_rows; row++) {
        column->number[row] = NAN;
    }
    gbt_release(column->code);
    column->code = NULL;
    column->is_text = false;
    return GBT_OK;
}

gbt_status gbt_frame_finish(gbt_frame *frame, gbt_table **out)
{
    gbt_table *table = frame->table;
    *out = NULL;
    if (frame->n_rows == 0) {
        return gbt_fail(GBT_ERR_DATA, "%s: no rows", table->source);
    }
    table->n_rows = frame->n_rows;
    for (int32_t c = 0; c < table->n_columns; c++) {
        gbt_frame_target *column = &frame->column[c];
        if (column->mode == GBT_FRAME_TEXT && column->is_auto && column->texts.n == 0) {
            GBT_TRY(make_missing_numbers(&table->column[c], table->n_rows));
        } else if (column->mode == GBT_FRAME_TEXT) {
            GBT_TRY(gbt_csv_texts_settle(&column->texts, frame->threads, table->n_rows,
                                         &table->column[c]));
        }
    }
    gbt_table_count_missing(table, frame->threads);
    frame->table = NULL;
    *out = table;
    return GBT_OK;
}
