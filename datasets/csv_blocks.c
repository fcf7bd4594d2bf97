/* Blocks of CSV: where they may be cut, how the columns grow, and how text cells become codes.
 * Everything that can fail happens on the calling thread; threads only count, parse and look up. */
#include "datasets/csv_blocks.h"

#include <string.h>

#include "datasets/lines.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

#define MOST_RECORD_BYTES ((size_t)1 << 30)

/* ---- Blocks and chunks ----------------------------------------------------------------------- */

static gbt_status add_chunk(gbt_csv_reader *reader, const char *data, const char *end,
                            int64_t n_rows)
{
    if (reader->n_chunks == reader->chunk_capacity) {
        int64_t capacity = 2 * reader->chunk_capacity + 16;
        gbt_csv_chunk *larger =
            gbt_grow(reader->chunk, reader->n_chunks, capacity, sizeof *reader->chunk);
        if (larger == NULL) {
            return GBT_ERR_MEMORY;
        }
        reader->chunk = larger;
        reader->chunk_capacity = capacity;
    }
    reader->chunk[reader->n_chunks++] = (gbt_csv_chunk){.data = data, .end = end, .n_rows = n_rows};
    return GBT_OK;
}

static void count_rows(void *context, int64_t first, int64_t last, int thread)
{
    gbt_csv_reader *reader = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        gbt_csv_count_rows(&reader->layout, &reader->chunk[i]);
    }
}

/* Without quotes every line end ends a record. `*has_quote`: there are some after all. */
static gbt_status split_plain(gbt_csv_reader *reader, const char *data, const char *end,
                              bool *has_quote)
{
    while (data < end) {
        bool is_rest = (size_t)(end - data) <= reader->chunk_bytes;
        const char *next = is_rest ? end : gbt_next_line(data + reader->chunk_bytes - 1, end);
        GBT_TRY(add_chunk(reader, data, next, 0));
        data = next;
    }
    gbt_for_chunks(reader->threads, reader->n_chunks, 1, count_rows, reader);
    *has_quote = false;
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        reader->block_lines += reader->chunk[i].n_lines;
        *has_quote |= reader->chunk[i].has_quote;
    }
    return GBT_OK;
}

/* With quotes the records are walked through one by one. `*rest`: where a record begins that the
 * block does not end; a quote that is open for good is left to the parser. */
static gbt_status split_quoted(gbt_csv_reader *reader, const char *data, const char *end,
                               bool is_final, const char **rest)
{
    const char *first = data;
    int64_t n_rows = 0;
    while (data < end) {
        bool blank, open;
        const char *next = gbt_csv_record_end(&reader->layout, data, end, &blank, &open);
        if (open && !is_final) {
            break;
        }
        n_rows += !blank;
        data = next;
        if ((size_t)(data - first) >= reader->chunk_bytes) {
            GBT_TRY(add_chunk(reader, first, data, n_rows));
            first = data;
            n_rows = 0;
        }
    }
    *rest = data;
    return data > first ? add_chunk(reader, first, data, n_rows) : GBT_OK;
}

gbt_status gbt_csv_next_block(gbt_csv_reader *reader, size_t bytes, size_t skip, gbt_block *block)
{
    const char *file = gbt_source_name(reader->source);
    GBT_TRY(gbt_source_next(reader->source, bytes, block));
    while (block->size < skip) {
        GBT_TRY(gbt_source_extend(reader->source, skip - block->size, block));
    }
    for (;;) {
        const char *data = block->data + skip, *end = block->data + block->size, *rest = end;
        reader->n_chunks = 0;
        if (block->size > 2 * MOST_RECORD_BYTES) {
            return gbt_fail(GBT_ERR_FORMAT, "%s: a line is longer than 2 GB", file);
        }
        if (data == end) {
            return GBT_OK;
        }
        bool has_quote;
        reader->block_lines = gbt_count_byte(block->data, skip, '\n');
        GBT_TRY(split_plain(reader, data, end, &has_quote));
        if (!has_quote) {
            return GBT_OK;
        }
        reader->n_chunks = 0;
        bool is_final = block->is_last || block->size >= MOST_RECORD_BYTES;
        GBT_TRY(split_quoted(reader, data, end, is_final, &rest));
        if (rest > data) {
            gbt_source_give_back(reader->source, (size_t)(end - rest));
            block->size -= (size_t)(end - rest);
            reader->block_lines = gbt_count_byte(block->data, block->size, '\n');
            block->is_last = block->is_last && rest == end;
            return GBT_OK;
        }
        GBT_TRY(gbt_source_extend(reader->source, block->size, block));
    }
}

/* Numbers the rows of the chunks and drops what is beyond the limit; returns the rows of the
 * block. */
static int64_t number_rows(gbt_csv_reader *reader)
{
    int64_t row = reader->n_rows;
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        gbt_csv_chunk *chunk = &reader->chunk[i];
        if (chunk->n_rows >= reader->row_limit - row) {
            chunk->n_rows = reader->row_limit - row;
            reader->n_chunks = i + 1;
        }
        chunk->first_row = row;
        row += chunk->n_rows;
    }
    return row - reader->n_rows;
}

/* ---- Columns that grow ----------------------------------------------------------------------- */

static gbt_status grow_columns(gbt_csv_reader *reader, int64_t n_more)
{
    int64_t needed = reader->n_rows + n_more;
    if (needed <= reader->row_capacity) {
        return GBT_OK;
    }
    int64_t capacity = gbt_source_expect(reader->source, needed);
    capacity = capacity < reader->row_limit ? capacity : reader->row_limit;
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        gbt_table_column *column = &reader->table->column[c];
        uint8_t mode = reader->target[c].mode;
        if (mode == GBT_CSV_MODE_NUMBER) {
            float *larger = gbt_grow(column->number, reader->n_rows, capacity, sizeof *larger);
            if (larger == NULL) {
                return GBT_ERR_MEMORY;
            }
            column->number = larger;
            reader->target[c].number = larger;
        } else if (mode == GBT_CSV_MODE_TEXT) {
            int32_t *larger = gbt_grow(column->code, reader->n_rows, capacity, sizeof *larger);
            if (larger == NULL) {
                return GBT_ERR_MEMORY;
            }
            column->code = larger;
        }
    }
    reader->row_capacity = capacity;
    return GBT_OK;
}

static int64_t count_texts(const gbt_csv_reader *reader)
{
    int64_t n_text = 0;
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        n_text += reader->target[c].mode == GBT_CSV_MODE_TEXT;
    }
    return n_text;
}

/* Room for the text cells of a block and for as many new texts. */
static gbt_status make_text_room(gbt_csv_reader *reader, int64_t n_rows)
{
    int64_t n_text = count_texts(reader);
    if (n_text * n_rows > reader->span_capacity) {
        gbt_release(reader->spans);
        reader->spans = NULL;
        reader->span_capacity = 0;
        GBT_TRY(GBT_NEW(reader->spans, n_text * n_rows));
        reader->span_capacity = n_text * n_rows;
    }
    gbt_csv_span *span = reader->spans;
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        if (reader->target[c].mode == GBT_CSV_MODE_TEXT) {
            GBT_TRY(gbt_csv_texts_reserve(&reader->texts[c], n_rows));
            reader->target[c].span = span;
            span += n_rows;
        }
    }
    return GBT_OK;
}

/* ---- One block ------------------------------------------------------------------------------- */

static void parse_chunks(void *context, int64_t first, int64_t last, int thread)
{
    gbt_csv_reader *reader = context;
    for (int64_t i = first; i < last; i++) {
        gbt_csv_parse_chunk(&reader->layout, &reader->chunk[i],
                            reader->flipped + (int64_t)thread * reader->layout.n_columns);
    }
}

static gbt_status report_first_fault(const gbt_csv_reader *reader, const gbt_block *block)
{
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        const gbt_csv_fault *fault = &reader->chunk[i].fault;
        if (fault->kind != GBT_CSV_FINE) {
            return gbt_csv_report(gbt_source_name(reader->source), fault, block->data, reader->line,
                                  reader->layout.n_columns,
                                  reader->table->column[fault->column].name);
        }
    }
    return GBT_OK;
}

/* Columns in which some thread met a text are numbers no longer. */
static void drop_flipped(gbt_csv_reader *reader)
{
    int32_t n_columns = reader->layout.n_columns;
    for (int32_t c = 0; c < n_columns; c++) {
        bool is_text = false;
        for (int t = 0; t < reader->threads; t++) {
            is_text |= reader->flipped[(int64_t)t * n_columns + c] != 0;
        }
        if (is_text && reader->target[c].mode == GBT_CSV_MODE_NUMBER) {
            reader->target[c].mode = GBT_CSV_MODE_CHECK;
            reader->target[c].number = NULL;
            gbt_release(reader->table->column[c].number);
            reader->table->column[c].number = NULL;
        }
    }
}

/* What the threads share while they turn text cells of a block into codes, a column each. */
typedef struct code_job {
    gbt_csv_reader *reader;
    int64_t n_rows;
} code_job;

static void code_columns(void *context, int64_t first, int64_t last, int thread)
{
    const code_job *job = context;
    gbt_csv_reader *reader = job->reader;
    (void)thread;
    for (int64_t c = first; c < last; c++) {
        if (reader->target[c].mode != GBT_CSV_MODE_TEXT) {
            continue;
        }
        const gbt_csv_span *span = reader->target[c].span;
        int32_t *code = reader->table->column[c].code + reader->n_rows;
        for (int64_t row = 0; row < job->n_rows; row++) {
            code[row] = -1;
            if (span[row].size < GBT_CSV_DOUBLED) {
                gbt_slice text = {reader->layout.block + span[row].start, span[row].size};
                code[row] = gbt_csv_texts_code(&reader->texts[c], text);
            }
        }
    }
}

/* Cells with doubled quotes are rare: one after the other, with memory for the text without
 * them. */
static gbt_status code_doubled(gbt_csv_reader *reader, int32_t c, int64_t n_rows)
{
    gbt_csv_texts *texts = &reader->texts[c];
    int32_t *code = reader->table->column[c].code + reader->n_rows;
    for (int64_t row = 0; row < n_rows; row++) {
        gbt_csv_span span = reader->target[c].span[row];
        if (span.size == GBT_CSV_MISSING || span.size < GBT_CSV_DOUBLED) {
            continue;
        }
        gbt_slice cell = {reader->layout.block + span.start, span.size & ~GBT_CSV_DOUBLED};
        char *text = NULL;
        GBT_TRY(GBT_NEW(text, (int64_t)cell.size));
        code[row] = gbt_csv_texts_code(texts, (gbt_slice){text, gbt_csv_undouble(cell, text)});
        gbt_status status = gbt_csv_texts_keep(texts);
        gbt_release(text);
        GBT_TRY(status);
    }
    return GBT_OK;
}

static gbt_status code_texts(gbt_csv_reader *reader, int64_t n_rows)
{
    code_job job = {reader, n_rows};
    if (count_texts(reader) == 0) {
        return GBT_OK;
    }
    gbt_for_chunks(reader->threads, reader->layout.n_columns, 1, code_columns, &job);
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        if (reader->target[c].mode == GBT_CSV_MODE_TEXT) {
            GBT_TRY(gbt_csv_texts_keep(&reader->texts[c]));
            GBT_TRY(code_doubled(reader, c, n_rows));
        }
    }
    return GBT_OK;
}

/* Parses the chunks, which hold `n_rows` rows, into the columns. */
static gbt_status add_rows(gbt_csv_reader *reader, const gbt_block *block, int64_t n_rows)
{
    GBT_TRY(grow_columns(reader, n_rows));
    GBT_TRY(make_text_room(reader, n_rows));
    reader->layout.block = block->data;
    reader->layout.block_row = reader->n_rows;
    gbt_for_chunks(reader->threads, reader->n_chunks, 1, parse_chunks, reader);
    GBT_TRY(report_first_fault(reader, block));
    drop_flipped(reader);
    GBT_TRY(code_texts(reader, n_rows));
    reader->n_rows += n_rows;
    return GBT_OK;
}

gbt_status gbt_csv_read_block(gbt_csv_reader *reader, const gbt_block *block)
{
    int64_t n_rows = number_rows(reader);
    if (n_rows > 0) {
        GBT_TRY(add_rows(reader, block, n_rows));
    }
    reader->line += reader->block_lines;
    return GBT_OK;
}
