/* The CSV reader: passes over the file and the types of columns. Types come from the first block; a
 * column of numbers that meets a text later is dropped and read again as text in a second pass over
 * the file, so each file is parsed once or twice. Blocks are the job of csv_blocks.c, cells that of
 * csv_rows.c. Cost: bound by the latter; one extra look at each byte to count lines. */
#include "datasets/csv.h"

#include <string.h>

#include "datasets/csv_blocks.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

#define CHUNK_BYTES ((size_t)1 << 18)
#define CHUNKS_A_THREAD 16 /* in a block, so that threads rarely wait for the slowest */
#define MOST_BLOCK_BYTES ((size_t)1 << 25)

/* ---- Passes ---------------------------------------------------------------------------------- */

/* Reads all rows, or those of the first block only; `*is_whole`: that was the whole file. */
static gbt_status read_pass(gbt_csv_reader *reader, bool only_first_block, bool *is_whole)
{
    size_t bytes = reader->chunk_bytes;
    size_t skip = reader->header.size;
    if (!only_first_block) {
        bytes *= (size_t)(CHUNKS_A_THREAD * reader->threads);
        bytes = bytes < MOST_BLOCK_BYTES ? bytes : MOST_BLOCK_BYTES;
    }
    GBT_TRY(gbt_source_rewind(reader->source));
    memset(reader->flipped, 0, (size_t)reader->threads * (size_t)reader->layout.n_columns);
    reader->n_rows = 0;
    reader->row_capacity = 0;
    reader->line = 1;
    *is_whole = false;
    do {
        gbt_block block;
        GBT_TRY(gbt_csv_next_block(reader, bytes, skip, &block));
        if (block.size == 0) {
            *is_whole = true;
            return GBT_OK;
        }
        skip = 0;
        GBT_TRY(gbt_csv_read_block(reader, &block));
        *is_whole = block.is_last || reader->n_rows == reader->row_limit;
    } while (!*is_whole && !only_first_block);
    return GBT_OK;
}

/* Modes of the first pass; the caller says which columns are certain. */
static gbt_status open_columns(gbt_csv_reader *reader)
{
    const gbt_csv_options *options = reader->options;
    int32_t n = reader->header.n_columns;
    GBT_TRY(GBT_NEW_ZERO(reader->table->column, n));
    reader->table->n_columns = n;
    GBT_TRY(GBT_NEW_ZERO(reader->target, n));
    GBT_TRY(GBT_NEW_ZERO(reader->texts, n));
    GBT_TRY(GBT_NEW_ZERO(reader->flipped, (int64_t)reader->threads * n));
    reader->layout.target = reader->target;
    for (int32_t c = 0; c < n; c++) {
        char *name = reader->header.name[c];
        gbt_csv_kind kind = options->kind_of != NULL
                                ? options->kind_of(options->context, name, c, n)
                                : GBT_CSV_AUTO;
        reader->table->column[c].name = name;
        reader->header.name[c] = NULL;
        reader->target[c].is_strict = kind == GBT_CSV_NUMBER;
        reader->target[c].mode = kind == GBT_CSV_TEXT   ? GBT_CSV_MODE_CHECK
                                 : kind == GBT_CSV_SKIP ? GBT_CSV_MODE_SKIP
                                                        : GBT_CSV_MODE_NUMBER;
    }
    return GBT_OK;
}

/* Columns known to be text by now are read as such; true when there are any. */
static bool start_texts(gbt_csv_reader *reader)
{
    bool has_any = false;
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        if (reader->target[c].mode == GBT_CSV_MODE_CHECK) {
            reader->target[c].mode = GBT_CSV_MODE_TEXT;
            reader->table->column[c].is_text = true;
            has_any = true;
        }
    }
    return has_any;
}

static void forget_numbers(gbt_csv_reader *reader)
{
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        gbt_release(reader->table->column[c].number);
        reader->table->column[c].number = NULL;
    }
}

static void skip_finished(gbt_csv_reader *reader)
{
    for (int32_t c = 0; c < reader->layout.n_columns; c++) {
        if (reader->target[c].mode != GBT_CSV_MODE_CHECK) {
            reader->target[c].mode = GBT_CSV_MODE_SKIP;
        }
    }
}

static gbt_status read_rows(gbt_csv_reader *reader)
{
    bool is_whole = false;
    GBT_TRY(read_pass(reader, true, &is_whole));
    if (!start_texts(reader) && is_whole) {
        return GBT_OK;
    }
    forget_numbers(reader);
    GBT_TRY(read_pass(reader, false, &is_whole));
    int64_t n_rows = reader->n_rows;
    skip_finished(reader);
    if (start_texts(reader)) {
        GBT_TRY(read_pass(reader, false, &is_whole));
    }
    return reader->n_rows == n_rows ? GBT_OK
                                    : gbt_fail(GBT_ERR_IO, "%s: the file changed while it was read",
                                               reader->table->source);
}

/* ---- Finishing ------------------------------------------------------------------------------- */

static gbt_status finish(gbt_csv_reader *reader)
{
    gbt_table *table = reader->table;
    if (reader->n_rows == 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: no rows%s", table->source,
                        reader->header.is_present ? " after the header" : "");
    }
    table->n_rows = reader->n_rows;
    for (int32_t c = 0; c < table->n_columns; c++) {
        gbt_table_column *column = &table->column[c];
        if (column->is_text) {
            GBT_TRY(
                gbt_csv_texts_settle(&reader->texts[c], reader->threads, table->n_rows, column));
        }
    }
    gbt_table_count_missing(table, reader->threads);
    return GBT_OK;
}

static void close_reader(gbt_csv_reader *reader)
{
    for (int32_t c = 0; reader->texts != NULL && c < reader->header.n_columns; c++) {
        gbt_csv_texts_close(&reader->texts[c]);
    }
    gbt_csv_header_close(&reader->header);
    gbt_release(reader->target);
    gbt_release(reader->texts);
    gbt_release(reader->flipped);
    gbt_release(reader->chunk);
    gbt_release(reader->spans);
    gbt_table_free(reader->table);
}

gbt_status gbt_csv_read_source(gbt_source *source, const gbt_csv_options *options,
                               size_t chunk_bytes, gbt_table **out)
{
    gbt_status status = GBT_OK;
    gbt_csv_reader reader = {.source = source, .options = options};
    *out = NULL;
    reader.threads = gbt_thread_count(options->threads);
    reader.chunk_bytes = chunk_bytes > 0 ? chunk_bytes : CHUNK_BYTES;
    reader.row_limit = options->max_rows > 0 ? options->max_rows : INT64_MAX;
    GBT_TRY_OR_DONE(gbt_table_open(gbt_source_name(source), &reader.table));
    GBT_TRY_OR_DONE(gbt_source_rewind(source));
    GBT_TRY_OR_DONE(gbt_csv_header_read(source, options, &reader.layout, &reader.header));
    GBT_TRY_OR_DONE(open_columns(&reader));
    GBT_TRY_OR_DONE(read_rows(&reader));
    GBT_TRY_OR_DONE(finish(&reader));
    *out = reader.table;
    reader.table = NULL;
done:
    close_reader(&reader);
    return status;
}

gbt_status gbt_csv_read(const char *path, const gbt_csv_options *options, gbt_table **out)
{
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_open(path, &source));
    gbt_status status = gbt_csv_read_source(source, options, 0, out);
    gbt_source_close(source);
    return status;
}
