/* The libsvm reader: blocks cut into chunks at line ends, chunks parsed side by side into scratch
 * rooms, rooms appended to the table in order. Cost: bound by the parser of libsvm_rows.c, plus one
 * copy of eight bytes an entry. */
#include "datasets/libsvm.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "datasets/libsvm_rows.h"
#include "datasets/lines.h"
#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"

#define CHUNK_BYTES ((size_t)1 << 18)
#define CHUNKS_A_THREAD 16 /* in a block, so that threads rarely wait for the slowest */
#define MOST_BLOCK_BYTES ((size_t)1 << 25)

typedef struct libsvm_reader {
    gbt_source *source;
    const gbt_libsvm_options *options;
    gbt_table *table;
    gbt_sparse_rows *sparse; /* of the table; `label` holds only the labels that are there */
    int threads;
    size_t chunk_bytes;

    gbt_libsvm_chunk *chunk; /* [chunk_capacity] of the block */
    int64_t n_chunks, chunk_capacity;
    gbt_libsvm_row *row; /* [row_room] shared by the chunks */
    int32_t *index;      /* [entry_room] */
    float *value;        /* [entry_room] */
    float *label;        /* [label_room] */
    int64_t row_room, entry_room, label_room;

    int32_t *label_count; /* [row_capacity] labels of each row */
    int64_t n_rows, row_capacity;
    int64_t n_entries, entry_capacity;
    int64_t n_labels, label_capacity;
    int64_t row_limit;
    bool has_queries; /* as the first row has */
    int64_t line;     /* of the block's first byte */
} libsvm_reader;

/* ---- Messages -------------------------------------------------------------------------------- */

static gbt_status report(const libsvm_reader *reader, const gbt_block *block,
                         gbt_libsvm_fault fault, const char *at)
{
    static const char *const what[] = {
        [GBT_LIBSVM_BAD_LABEL] = "is not a label, expected a number",
        [GBT_LIBSVM_BAD_QUERY] = "is not a query number, expected an integer of 32 bits",
        [GBT_LIBSVM_SOME_QUERIES] =
            "begins a row unlike the first one: expected qid: in every row or in none",
        [GBT_LIBSVM_BAD_INDEX] = "is not an entry, expected index:value",
        [GBT_LIBSVM_NEGATIVE_INDEX] = "has a negative index, expected 0 or more",
        [GBT_LIBSVM_LARGE_INDEX] = "has an index beyond 2147483646",
        [GBT_LIBSVM_ZERO_INDEX] = "has index 0, but indices begin at 1 here",
        [GBT_LIBSVM_NOT_ASCENDING] = "has an index that is not larger than the one before it",
        [GBT_LIBSVM_NO_COLON] = "lacks its value, expected index:value",
        [GBT_LIBSVM_BAD_VALUE] = "is not a value, expected a number",
    };
    const char *block_end = block->data + block->size, *end = at;
    while (end < block_end && *end != ' ' && *end != '\n' && *end != '\r' && *end != '\t') {
        end++;
    }
    char text[GBT_QUOTE_CHARS];
    gbt_quote_text(text, at, (size_t)(end - at));
    gbt_place place = gbt_place_of(block->data, at, reader->line);
    return gbt_fail(GBT_ERR_FORMAT, "%s:%" PRId64 ":%" PRId64 ": '%s' %s",
                    gbt_source_name(reader->source), place.line, place.column, text, what[fault]);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

static gbt_status split_block(libsvm_reader *reader, const gbt_block *block)
{
    const char *data = block->data, *end = data + block->size;
    int64_t most = (int64_t)(block->size / reader->chunk_bytes) + 1;
    if (most > reader->chunk_capacity) {
        gbt_release(reader->chunk);
        reader->chunk = NULL;
        reader->chunk_capacity = 0;
        GBT_TRY(GBT_NEW(reader->chunk, most));
        reader->chunk_capacity = most;
    }
    reader->n_chunks = 0;
    while (data < end) {
        bool is_rest = (size_t)(end - data) <= reader->chunk_bytes;
        const char *next = is_rest ? end : gbt_next_line(data + reader->chunk_bytes - 1, end);
        reader->chunk[reader->n_chunks++] = (gbt_libsvm_chunk){
            .data = data,
            .end = next,
            .least_index = reader->options->index_base == 1,
            .row_limit = reader->row_limit - reader->n_rows,
        };
        data = next;
    }
    return GBT_OK;
}

static void count_chunks(void *context, int64_t first, int64_t last, int thread)
{
    libsvm_reader *reader = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        gbt_libsvm_count(&reader->chunk[i]);
    }
}

static void parse_chunks(void *context, int64_t first, int64_t last, int thread)
{
    libsvm_reader *reader = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        gbt_libsvm_parse(&reader->chunk[i]);
    }
}

/* Shares the scratch rooms among the chunks after making them large enough. */
static gbt_status give_room(libsvm_reader *reader)
{
    int64_t rows = 0, entries = 0, labels = 0;
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        rows += reader->chunk[i].n_lines;
        entries += reader->chunk[i].n_colons;
        labels += reader->chunk[i].n_lines + reader->chunk[i].n_commas;
    }
    if (rows > reader->row_room || entries > reader->entry_room || labels > reader->label_room) {
        gbt_release(reader->row);
        gbt_release(reader->index);
        gbt_release(reader->value);
        gbt_release(reader->label);
        reader->row = NULL;
        reader->index = NULL;
        reader->value = NULL;
        reader->label = NULL;
        reader->row_room = rows + rows / 4;
        reader->entry_room = entries + entries / 4;
        reader->label_room = labels + labels / 4;
        GBT_TRY(GBT_NEW(reader->row, reader->row_room));
        GBT_TRY(GBT_NEW(reader->index, reader->entry_room));
        GBT_TRY(GBT_NEW(reader->value, reader->entry_room));
        GBT_TRY(GBT_NEW(reader->label, reader->label_room));
    }
    rows = entries = labels = 0;
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        gbt_libsvm_chunk *chunk = &reader->chunk[i];
        chunk->row = reader->row + rows;
        chunk->index = reader->index + entries;
        chunk->value = reader->value + entries;
        chunk->label = reader->label + labels;
        rows += chunk->n_lines;
        entries += chunk->n_colons;
        labels += chunk->n_lines + chunk->n_commas;
    }
    return GBT_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

/* Needs a local `void *larger`. */
#define GROW(array, used, capacity)                                    \
    ((larger = gbt_grow((array), (used), (capacity), sizeof *(array))) \
         ? ((array) = larger, GBT_OK)                                  \
         : GBT_ERR_MEMORY)

/* One element more than needed, so that no array is NULL even when nothing is in it. */
static gbt_status grow_table(libsvm_reader *reader, int64_t rows, int64_t entries, int64_t labels)
{
    gbt_sparse_rows *sparse = reader->sparse;
    void *larger;
    if (reader->n_rows + rows >= reader->row_capacity) {
        int64_t capacity = gbt_source_expect(reader->source, reader->n_rows + rows + 1);
        GBT_TRY(GROW(sparse->row_start, reader->n_rows, capacity));
        GBT_TRY(GROW(reader->label_count, reader->n_rows, capacity));
        GBT_TRY(GROW(sparse->query, reader->n_rows, capacity));
        reader->row_capacity = capacity;
    }
    if (reader->n_entries + entries >= reader->entry_capacity) {
        int64_t capacity = gbt_source_expect(reader->source, reader->n_entries + entries + 1);
        GBT_TRY(GROW(sparse->column, reader->n_entries, capacity));
        GBT_TRY(GROW(sparse->value, reader->n_entries, capacity));
        reader->entry_capacity = capacity;
    }
    if (reader->n_labels + labels >= reader->label_capacity) {
        int64_t capacity = gbt_source_expect(reader->source, reader->n_labels + labels + 1);
        GBT_TRY(GROW(sparse->label, reader->n_labels, capacity));
        reader->label_capacity = capacity;
    }
    return GBT_OK;
}

/* Takes the rows of one chunk over, except for their entries and labels, whose places it fixes.
 * Rows beyond the limit are left out. Room is there. */
static gbt_status take_rows(libsvm_reader *reader, const gbt_block *block, gbt_libsvm_chunk *chunk)
{
    gbt_sparse_rows *sparse = reader->sparse;
    int64_t rest = reader->row_limit - reader->n_rows;
    int64_t n_rows = chunk->n_rows < rest ? chunk->n_rows : rest;
    chunk->first_entry = reader->n_entries;
    chunk->first_label = reader->n_labels;
    for (int64_t i = 0; i < n_rows; i++) {
        const gbt_libsvm_row *row = &chunk->row[i];
        if (reader->n_rows == 0) {
            reader->has_queries = row->has_query;
        } else if (row->has_query != reader->has_queries) {
            return report(reader, block, GBT_LIBSVM_SOME_QUERIES, row->start);
        }
        sparse->query[reader->n_rows] = row->query;
        reader->label_count[reader->n_rows] = row->n_labels;
        sparse->n_labels = row->n_labels > sparse->n_labels ? row->n_labels : sparse->n_labels;
        sparse->row_start[reader->n_rows++] = reader->n_entries;
        reader->n_entries += row->n_entries;
        reader->n_labels += row->n_labels;
    }
    chunk->n_entries = reader->n_entries - chunk->first_entry;
    chunk->n_labels = reader->n_labels - chunk->first_label;
    if (chunk->fault != GBT_LIBSVM_FINE && n_rows < rest) {
        return report(reader, block, chunk->fault, chunk->fault_at);
    }
    return GBT_OK;
}

static void copy_chunks(void *context, int64_t first, int64_t last, int thread)
{
    const libsvm_reader *reader = context;
    const gbt_sparse_rows *sparse = reader->sparse;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        const gbt_libsvm_chunk *chunk = &reader->chunk[i];
        size_t entry_bytes = (size_t)chunk->n_entries * sizeof(float);
        memcpy(sparse->column + chunk->first_entry, chunk->index, entry_bytes);
        memcpy(sparse->value + chunk->first_entry, chunk->value, entry_bytes);
        memcpy(sparse->label + chunk->first_label, chunk->label,
               (size_t)chunk->n_labels * sizeof(float));
    }
}

static gbt_status read_block(libsvm_reader *reader, const gbt_block *block)
{
    GBT_TRY(split_block(reader, block));
    gbt_for_chunks(reader->threads, reader->n_chunks, 1, count_chunks, reader);
    GBT_TRY(give_room(reader));
    gbt_for_chunks(reader->threads, reader->n_chunks, 1, parse_chunks, reader);
    int64_t rows = 0, entries = 0, labels = 0, lines = 0;
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        lines += reader->chunk[i].n_lines - 1;
        rows += reader->chunk[i].n_rows;
        entries += reader->chunk[i].n_entries;
        labels += reader->chunk[i].n_labels;
    }
    GBT_TRY(grow_table(reader, rows, entries, labels));
    for (int64_t i = 0; i < reader->n_chunks; i++) {
        GBT_TRY(take_rows(reader, block, &reader->chunk[i]));
    }
    gbt_for_chunks(reader->threads, reader->n_chunks, 1, copy_chunks, reader);
    reader->line += lines;
    return GBT_OK;
}

static gbt_status read_rows(libsvm_reader *reader)
{
    size_t bytes = reader->chunk_bytes * (size_t)(CHUNKS_A_THREAD * reader->threads);
    bytes = bytes < MOST_BLOCK_BYTES ? bytes : MOST_BLOCK_BYTES;
    gbt_block block;
    do {
        GBT_TRY(gbt_source_next(reader->source, bytes, &block));
        if (block.size > 0) {
            GBT_TRY(read_block(reader, &block));
        }
    } while (block.size > 0 && !block.is_last && reader->n_rows < reader->row_limit);
    if (reader->n_rows == 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: no rows", gbt_source_name(reader->source));
    }
    reader->table->n_rows = reader->n_rows;
    reader->sparse->row_start[reader->n_rows] = reader->n_entries;
    if (!reader->has_queries) {
        gbt_release(reader->sparse->query);
        reader->sparse->query = NULL;
    }
    return GBT_OK;
}

/* ---- Finishing ------------------------------------------------------------------------------- */

/* Smallest and largest index of all rows; they ascend in each. */
static void find_range(const libsvm_reader *reader, int32_t *least, int32_t *largest)
{
    const gbt_sparse_rows *sparse = reader->sparse;
    *least = INT32_MAX;
    *largest = -1;
    for (int64_t row = 0; row < reader->n_rows; row++) {
        int64_t begin = sparse->row_start[row], end = sparse->row_start[row + 1];
        if (end > begin) {
            int32_t low = sparse->column[begin], high = sparse->column[end - 1];
            *least = low < *least ? low : *least;
            *largest = high > *largest ? high : *largest;
        }
    }
}

static void lower_indices(void *context, int64_t first, int64_t last, int thread)
{
    int32_t *column = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        column[i]--;
    }
}

static void decide_base(libsvm_reader *reader)
{
    gbt_sparse_rows *sparse = reader->sparse;
    int32_t least, largest, base = reader->options->index_base;
    find_range(reader, &least, &largest);
    if (base < 0) {
        base = least == 0 ? 0 : 1;
        gbt_log_line(GBT_LOG_INFO, "%s: indices begin at %d (index 0 %s)", reader->table->source,
                     base, base == 0 ? "occurs" : "does not occur");
    }
    if (base == 1) {
        gbt_for_chunks(reader->threads, reader->n_entries, 1 << 18, lower_indices, sparse->column);
    }
    sparse->index_base = base;
    sparse->n_columns = largest < 0 ? 0 : largest - base + 1;
}

/* Labels to [n_rows x n_labels], NaN where a row has fewer. */
static gbt_status spread_labels(libsvm_reader *reader)
{
    gbt_sparse_rows *sparse = reader->sparse;
    sparse->n_labels = sparse->n_labels > 0 ? sparse->n_labels : 1;
    if (reader->n_labels == reader->n_rows * sparse->n_labels) {
        return GBT_OK;
    }
    float *matrix = NULL;
    GBT_TRY(GBT_NEW(matrix, reader->n_rows * sparse->n_labels));
    const float *from = sparse->label;
    for (int64_t row = 0; row < reader->n_rows; row++) {
        for (int32_t k = 0; k < sparse->n_labels; k++) {
            matrix[row * sparse->n_labels + k] = k < reader->label_count[row] ? *from++ : NAN;
        }
    }
    gbt_release(sparse->label);
    sparse->label = matrix;
    return GBT_OK;
}

gbt_status gbt_libsvm_read_source(gbt_source *source, const gbt_libsvm_options *options,
                                  size_t chunk_bytes, gbt_table **out)
{
    gbt_status status = GBT_OK;
    libsvm_reader reader = {.source = source, .options = options, .line = 1};
    *out = NULL;
    reader.threads = gbt_thread_count(options->threads);
    reader.chunk_bytes = chunk_bytes > 0 ? chunk_bytes : CHUNK_BYTES;
    reader.row_limit = options->max_rows > 0 ? options->max_rows : INT64_MAX;
    GBT_TRY_OR_DONE(gbt_table_open(gbt_source_name(source), &reader.table));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(reader.sparse, 1));
    reader.table->sparse = reader.sparse;
    GBT_TRY_OR_DONE(gbt_source_rewind(source));
    GBT_TRY_OR_DONE(read_rows(&reader));
    decide_base(&reader);
    GBT_TRY_OR_DONE(spread_labels(&reader));
    *out = reader.table;
    reader.table = NULL;
done:
    gbt_release(reader.chunk);
    gbt_release(reader.row);
    gbt_release(reader.index);
    gbt_release(reader.value);
    gbt_release(reader.label);
    gbt_release(reader.label_count);
    gbt_table_free(reader.table);
    return status;
}

gbt_status gbt_libsvm_read(const char *path, const gbt_libsvm_options *options, gbt_table **out)
{
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_open(path, &source));
    gbt_status status = gbt_libsvm_read_source(source, options, 0, out);
    gbt_source_close(source);
    return status;
}
