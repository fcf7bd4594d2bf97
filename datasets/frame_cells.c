/* Cells to numbers and codes. A column of the table is numbers or text; its cells come as numbers,
 * texts, or positions in a dictionary of either. Each entry of a dictionary that occurs is read
 * once, then rows are a look-up. Threads share the rows of a number column, and the text columns
 * among them. Cost: bound by memory for numbers and codes, a probe of a hash table for each cell
 * of text. */
#include "datasets/frame_cells.h"

#include <inttypes.h>
#include <math.h>

#include "datasets/lines.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

/* ---- What is missing, what is wrong ---------------------------------------------------------- */

static bool is_missing_text(const gbt_frame *frame, gbt_slice text)
{
    if (text.size == 0) {
        return true;
    }
    for (int32_t i = 0;
         frame->may_be_missing[(unsigned char)text.data[0]] && i < frame->options.n_missing; i++) {
        if (gbt_slice_equal(text, frame->options.missing[i])) {
            return true;
        }
    }
    return false;
}

static bool is_missing_number(const gbt_frame *frame, double number)
{
    for (int32_t i = 0; i < frame->n_missing_numbers; i++) {
        if (number == frame->missing_number[i]) {
            return true;
        }
    }
    return isnan(number);
}

/* `row` counts from the first row of the batch. */
static gbt_status fail_row(const gbt_frame *frame, int32_t c, int64_t row, gbt_status code,
                           const char *what, gbt_slice text)
{
    char quoted[GBT_QUOTE_CHARS] = "";
    gbt_quote_text(quoted, text.data, text.size);
    return gbt_fail(code, "%s: column \"%s\", data row %" PRId64 " (from 1): %s%s%s%s",
                    frame->options.source, frame->table->column[c].name, frame->n_rows + row + 1,
                    text.size > 0 ? "'" : "", quoted, text.size > 0 ? "' " : "", what);
}

static gbt_status fail_coding(const gbt_frame *frame, int32_t c, const gbt_frame_coding *work,
                              int64_t cell, gbt_status code, const char *what)
{
    return work->is_used == NULL
               ? fail_row(frame, c, cell, code, what, (gbt_slice){"", 0})
               : gbt_fail(code, "%s: column \"%s\", category %" PRId64 " (from 0): %s",
                          frame->options.source, frame->table->column[c].name, cell, what);
}

static gbt_status fail_code(const gbt_frame *frame, int32_t c, int64_t row)
{
    return fail_row(frame, c, row, GBT_ERR_DATA, "the code is past the end of the dictionary",
                    (gbt_slice){"", 0});
}

/* ---- Cells to codes -------------------------------------------------------------------------- */

static gbt_status start_coding(gbt_frame *frame, int32_t c, gbt_frame_coding *work)
{
    gbt_csv_texts *texts = &frame->column[c].texts;
    work->n_before = texts->n;
    work->broken = -1;
    work->printed = frame->printed;
    return gbt_csv_texts_reserve(texts, work->last - work->first);
}

static void run_coding(const gbt_frame *frame, gbt_csv_texts *texts, gbt_frame_coding *work)
{
    const bool is_text = work->cells->type == GBT_CELL_TEXT;
    for (int64_t i = work->first; i < work->last; i++) {
        gbt_slice text = {NULL, 0};
        int32_t *code = &work->code[i - work->first];
        *code = -1;
        if (work->is_used != NULL && !work->is_used[i]) {
            continue;
        }
        if (is_text) {
            const gbt_text_state state = gbt_cells_text(work->cells, i, &text);
            if (state == GBT_TEXT_BROKEN) {
                work->broken = i;
                return;
            }
            if (state == GBT_TEXT_MISSING || is_missing_text(frame, text)) {
                continue;
            }
        } else {
            if (is_missing_number(frame, gbt_cells_number(work->cells, i))) {
                continue;
            }
            text.data = work->printed[i - work->first];
            text.size = (size_t)gbt_cells_print(work->cells, i, work->printed[i - work->first]);
        }
        *code = gbt_csv_texts_code(texts, text);
    }
}

static gbt_status finish_coding(gbt_frame *frame, int32_t c, const gbt_frame_coding *work)
{
    gbt_csv_texts *texts = &frame->column[c].texts;
    if (work->broken >= 0) {
        return fail_coding(frame, c, work, work->broken, GBT_ERR_ARGUMENT,
                           "the text does not lie within its buffer");
    }
    for (int32_t code = work->n_before; code < texts->n; code++) {
        if (!gbt_is_utf8(texts->text[code])) {
            int64_t cell = work->first;
            while (work->code[cell - work->first] != code) {
                cell++;
            }
            return fail_coding(frame, c, work, cell, GBT_ERR_DATA,
                               "the text is no valid UTF-8, or has a NUL");
        }
    }
    return gbt_csv_texts_keep(texts);
}

/* All cells in blocks, on this thread: numbers as text, or the entries of a dictionary. */
static gbt_status code_cells(gbt_frame *frame, int32_t c, const gbt_cells *cells,
                             const uint8_t *is_used, int32_t *code)
{
    for (int64_t first = 0; first < cells->n; first += GBT_FRAME_BLOCK) {
        const int64_t last =
            first + GBT_FRAME_BLOCK < cells->n ? first + GBT_FRAME_BLOCK : cells->n;
        gbt_frame_coding work = {
            .cells = cells, .is_used = is_used, .first = first, .last = last, .code = code + first};
        GBT_TRY(start_coding(frame, c, &work));
        run_coding(frame, &frame->column[c].texts, &work);
        GBT_TRY(finish_coding(frame, c, &work));
    }
    return GBT_OK;
}

static void run_codings(void *context, int64_t first, int64_t last, int thread)
{
    gbt_frame *frame = context;
    (void)thread;
    for (int64_t c = first; c < last; c++) {
        if (frame->coding[c].cells != NULL) {
            run_coding(frame, &frame->column[c].texts, &frame->coding[c]);
        }
    }
}

/* The columns of plain texts side by side, block by block. */
gbt_status gbt_frame_add_texts(gbt_frame *frame, const gbt_cells *cells, int64_t n_rows)
{
    const int32_t n = frame->n_columns;
    bool has_any = false;
    for (int32_t c = 0; c < n; c++) {
        const bool is_meant = frame->column[c].mode == GBT_FRAME_TEXT &&
                              cells[c].dictionary == NULL && cells[c].type == GBT_CELL_TEXT;
        frame->coding[c].cells = is_meant ? &cells[c] : NULL;
        has_any |= is_meant;
    }
    for (int64_t first = 0; has_any && first < n_rows; first += GBT_FRAME_BLOCK) {
        for (int32_t c = 0; c < n; c++) {
            gbt_frame_coding *work = &frame->coding[c];
            if (work->cells != NULL) {
                work->first = first;
                work->last = first + GBT_FRAME_BLOCK < n_rows ? first + GBT_FRAME_BLOCK : n_rows;
                work->code = frame->table->column[c].code + frame->n_rows + first;
                GBT_TRY(start_coding(frame, c, work));
            }
        }
        gbt_for_chunks(frame->threads, n, 1, run_codings, frame);
        for (int32_t c = 0; c < n; c++) {
            if (frame->coding[c].cells != NULL) {
                GBT_TRY(finish_coding(frame, c, &frame->coding[c]));
            }
        }
    }
    return GBT_OK;
}

/* ---- Coded cells ----------------------------------------------------------------------------- */

typedef struct map_job {
    const gbt_cells *cells;
    const int32_t *map; /* [dictionary] */
    int32_t *code;      /* [rows] */
} map_job;

static void map_codes(void *context, int64_t first, int64_t last, int thread)
{
    const map_job *job = context;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        const int64_t code = gbt_cells_code(job->cells, row);
        job->code[row] = code < 0 ? -1 : job->map[code];
    }
}

/* Marks the entries of the dictionary that occur. */
static gbt_status mark_used(const gbt_frame *frame, int32_t c, const gbt_cells *cells,
                            uint8_t *is_used)
{
    for (int64_t row = 0; row < cells->n; row++) {
        const int64_t code = gbt_cells_code(cells, row);
        if (code >= 0) {
            is_used[code] = 1;
        } else if (code == -2) {
            return fail_code(frame, c, row);
        }
    }
    return GBT_OK;
}

static gbt_status add_coded_text(gbt_frame *frame, int32_t c, const gbt_cells *cells)
{
    gbt_status status = GBT_OK;
    uint8_t *is_used = NULL;
    int32_t *map = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(is_used, cells->dictionary->n));
    GBT_TRY_OR_DONE(GBT_NEW(map, cells->dictionary->n));
    GBT_TRY_OR_DONE(mark_used(frame, c, cells, is_used));
    GBT_TRY_OR_DONE(code_cells(frame, c, cells->dictionary, is_used, map));
    map_job job = {cells, map, frame->table->column[c].code + frame->n_rows};
    gbt_for_chunks(frame->threads, cells->n, GBT_FRAME_BLOCK, map_codes, &job);
done:
    gbt_release(is_used);
    gbt_release(map);
    return status;
}

/* ---- Cells to numbers ------------------------------------------------------------------------ */

typedef struct number_job {
    const gbt_frame *frame;
    const gbt_cells *cells;
    float *out; /* [rows] */
} number_job;

static void copy_numbers(void *context, int64_t first, int64_t last, int thread)
{
    const number_job *job = context;
    (void)thread;
    gbt_cells_numbers(job->cells, first, last, job->out + first);
    for (int64_t row = first; job->frame->n_missing_numbers > 0 && row < last; row++) {
        if (is_missing_number(job->frame, gbt_cells_number(job->cells, row))) {
            job->out[row] = NAN;
        }
    }
}

/* The number that a cell is or spells; `row` is for the message. */
static gbt_status read_number(const gbt_frame *frame, int32_t c, const gbt_cells *cells,
                              int64_t cell, int64_t row, float *out)
{
    double number = (double)NAN;
    gbt_slice text = {NULL, 0};
    *out = NAN;
    if (cells->type != GBT_CELL_TEXT) {
        number = gbt_cells_number(cells, cell);
        *out = is_missing_number(frame, number) ? NAN : (float)number;
        return GBT_OK;
    }
    const gbt_text_state state = gbt_cells_text(cells, cell, &text);
    if (state == GBT_TEXT_BROKEN) {
        return fail_row(frame, c, row, GBT_ERR_ARGUMENT, "the text does not lie within its buffer",
                        text);
    }
    text = state == GBT_TEXT_FOUND ? gbt_slice_trim(text) : text;
    if (state == GBT_TEXT_MISSING || is_missing_text(frame, text)) {
        return GBT_OK;
    }
    if (!gbt_parse_real(text, &number)) {
        return fail_row(frame, c, row, GBT_ERR_DATA, "is no number, and the column must be numbers",
                        text);
    }
    *out = (float)number;
    return GBT_OK;
}

/* Numbers from texts, or from a dictionary, each entry of which is read when it first occurs. */
static gbt_status add_spelled_numbers(gbt_frame *frame, int32_t c, const gbt_cells *cells)
{
    gbt_status status = GBT_OK;
    const gbt_cells *dictionary = cells->dictionary;
    float *to = frame->table->column[c].number + frame->n_rows;
    float *value = NULL;
    uint8_t *is_known = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(value, dictionary != NULL ? dictionary->n : 0));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(is_known, dictionary != NULL ? dictionary->n : 0));
    for (int64_t row = 0; row < cells->n; row++) {
        if (dictionary == NULL) {
            GBT_TRY_OR_DONE(read_number(frame, c, cells, row, row, &to[row]));
            continue;
        }
        const int64_t code = gbt_cells_code(cells, row);
        if (code == -2) {
            status = fail_code(frame, c, row);
            goto done;
        }
        if (code >= 0 && !is_known[code]) {
            GBT_TRY_OR_DONE(read_number(frame, c, dictionary, code, row, &value[code]));
            is_known[code] = 1;
        }
        to[row] = code < 0 ? NAN : value[code];
    }
done:
    gbt_release(value);
    gbt_release(is_known);
    return status;
}

gbt_status gbt_frame_add_cells(gbt_frame *frame, int32_t c, const gbt_cells *cells)
{
    const bool is_spelled = cells->dictionary != NULL || cells->type == GBT_CELL_TEXT;
    if (frame->column[c].mode == GBT_FRAME_NUMBER) {
        if (is_spelled) {
            return add_spelled_numbers(frame, c, cells);
        }
        number_job job = {frame, cells, frame->table->column[c].number + frame->n_rows};
        gbt_for_chunks(frame->threads, cells->n, GBT_FRAME_BLOCK, copy_numbers, &job);
        return GBT_OK;
    }
    if (cells->dictionary != NULL) {
        return add_coded_text(frame, c, cells);
    }
    return is_spelled
               ? GBT_OK /* gbt_frame_add_texts() reads them */
               : code_cells(frame, c, cells, NULL, frame->table->column[c].code + frame->n_rows);
}
