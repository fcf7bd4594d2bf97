/* From the stream to the frame: the schema says how each column is read, then every batch becomes
 * views of its buffers, which the frame copies before the batch is released. Cost: that of frame.c;
 * one batch is held at a time. References: Apache Arrow, "The Arrow C data interface", "The Arrow C
 * stream interface", "Arrow columnar format". */
#include "datasets/arrow.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "datasets/arrow_types.h"
#include "gbt/base/alloc.h"

#define MOST_CELLS (INT64_MAX / 64)

typedef struct arrow_reader {
    struct ArrowArrayStream *stream;
    const gbt_frame_options *options;
    struct ArrowSchema schema;
    int32_t n_columns;
    gbt_frame_column *column; /* [n_columns] */
    gbt_arrow_type *type;     /* [n_columns] of the cells, the codes of a dictionary */
    gbt_arrow_type *value;    /* [n_columns] of the entries of a dictionary */
    gbt_cells *cells;         /* [n_columns] of the batch */
    gbt_cells *dictionary;    /* [n_columns] of the batch */
    gbt_frame *frame;
} arrow_reader;

/* ---- The stream ------------------------------------------------------------------------------ */

void gbt_arrow_release(struct ArrowArrayStream *stream)
{
    if (stream != NULL && stream->release != NULL) {
        stream->release(stream);
        stream->release = NULL;
    }
}

static gbt_status fail_stream(const arrow_reader *reader, int code)
{
    struct ArrowArrayStream *stream = reader->stream;
    const char *why = stream->get_last_error != NULL ? stream->get_last_error(stream) : NULL;
    const int first_line = why != NULL ? (int)strcspn(why, "\r\n") : 0;
    return gbt_fail(code == ENOMEM ? GBT_ERR_MEMORY : GBT_ERR_IO,
                    "%s: the Arrow stream failed with code %d%s%.*s", reader->options->source, code,
                    why != NULL ? ": " : "", first_line, why != NULL ? why : "");
}

static gbt_status check_stream(const struct ArrowArrayStream *stream)
{
    if (stream == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "stream: a null pointer was given");
    }
    if (stream->release == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "stream: it was released; an Arrow stream can be read once only");
    }
    if (stream->get_schema == NULL || stream->get_next == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "stream: get_schema or get_next is a null pointer");
    }
    return GBT_OK;
}

/* ---- The schema ------------------------------------------------------------------------------ */

static gbt_status check_root(const arrow_reader *reader)
{
    const char *source = reader->options->source;
    const struct ArrowSchema *schema = &reader->schema;
    const char *format = schema->format != NULL ? schema->format : "";
    if (schema->release == NULL || strcmp(format, "+s") != 0 || schema->dictionary != NULL) {
        return gbt_fail(
            GBT_ERR_ARGUMENT,
            "%s: the Arrow stream has the format \"%s\"; one of record batches, \"+s\", "
            "is needed",
            source, format);
    }
    if (schema->n_children < 1 || schema->n_children >= INT32_MAX || schema->children == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: there are %" PRId64 " columns; 1 .. 2^31 - 2 are "
                        "possible",
                        source, schema->n_children);
    }
    for (int64_t c = 0; c < schema->n_children; c++) {
        const struct ArrowSchema *child = schema->children[c];
        if (child == NULL || child->format == NULL ||
            (child->dictionary != NULL && child->dictionary->format == NULL)) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "%s: the Arrow schema has no format for column %" PRId64 " (from 0)",
                            source, c);
        }
    }
    return GBT_OK;
}

static gbt_status refuse_type(const arrow_reader *reader, int32_t c, const char *format)
{
    const char *name = "", *advice = "";
    gbt_arrow_type_explain(format, &name, &advice);
    return gbt_fail(GBT_ERR_DATA,
                    "%s: column \"%s\" is %s (Arrow format \"%s\"), which cannot be read; %s, or "
                    "name it in ignore",
                    reader->options->source, reader->column[c].name, name, format, advice);
}

/* What a column holds; called also for columns that are skipped, whose type may be any. */
static bool find_types(arrow_reader *reader, int32_t c, const char **unreadable)
{
    const struct ArrowSchema *schema = reader->schema.children[c];
    *unreadable = schema->format;
    if (!gbt_arrow_type_find(schema->format, &reader->type[c])) {
        return false;
    }
    if (schema->dictionary == NULL) {
        reader->column[c].is_text = reader->type[c].type == GBT_CELL_TEXT;
        return true;
    }
    if (!gbt_cell_is_whole(reader->type[c].type)) {
        return false;
    }
    *unreadable = schema->dictionary->format;
    reader->column[c].is_coded = true;
    if (schema->dictionary->dictionary != NULL ||
        !gbt_arrow_type_find(schema->dictionary->format, &reader->value[c])) {
        return false;
    }
    reader->column[c].is_text = reader->value[c].type == GBT_CELL_TEXT;
    return true;
}

static gbt_status read_schema(arrow_reader *reader)
{
    const int code = reader->stream->get_schema(reader->stream, &reader->schema);
    if (code != 0) {
        reader->schema.release = NULL;
        return fail_stream(reader, code);
    }
    GBT_TRY(check_root(reader));
    const int32_t n = (int32_t)reader->schema.n_children;
    reader->n_columns = n;
    GBT_TRY(GBT_NEW_ZERO(reader->column, n));
    GBT_TRY(GBT_NEW_ZERO(reader->type, n));
    GBT_TRY(GBT_NEW_ZERO(reader->value, n));
    GBT_TRY(GBT_NEW_ZERO(reader->cells, n));
    GBT_TRY(GBT_NEW_ZERO(reader->dictionary, n));
    const char *unreadable = NULL;
    for (int32_t c = 0; c < n; c++) {
        reader->column[c].name = reader->schema.children[c]->name;
        (void)find_types(reader, c, &unreadable);
    }
    GBT_TRY(gbt_frame_open(reader->options, reader->column, n, &reader->frame));
    for (int32_t c = 0; c < n; c++) {
        if (!gbt_frame_skips(reader->frame, c) && !find_types(reader, c, &unreadable)) {
            return refuse_type(reader, c, unreadable);
        }
    }
    return GBT_OK;
}

/* ---- Batches --------------------------------------------------------------------------------- */

static gbt_status fail_array(const arrow_reader *reader, int32_t c, const char *what, int64_t found)
{
    return gbt_fail(GBT_ERR_ARGUMENT, "%s: column \"%s\": the Arrow array has %s %" PRId64,
                    reader->options->source, reader->column[c].name, what, found);
}

static bool is_sound(int64_t offset, int64_t length)
{
    return offset >= 0 && length >= 0 && offset <= MOST_CELLS && length <= MOST_CELLS;
}

/* Buffers: which cells missing, cells (texts: starts or views), bytes of texts; views have any
 * number of those and their sizes at the end. Nulls have none at all. */
static gbt_status check_buffers(const arrow_reader *reader, int32_t c,
                                const struct ArrowArray *array, const gbt_arrow_type *type,
                                int64_t n_cells)
{
    const bool is_view = type->type == GBT_CELL_TEXT && type->layout == GBT_TEXT_VIEWS;
    const int64_t wanted = type->type == GBT_CELLS_NULL ? 0 : type->type == GBT_CELL_TEXT ? 3 : 2;
    if (is_view ? array->n_buffers < wanted || array->n_buffers > INT32_MAX
                : array->n_buffers != wanted) {
        return fail_array(reader, c, "a wrong number of buffers:", array->n_buffers);
    }
    if (wanted == 0 || n_cells == 0) {
        return GBT_OK;
    }
    if (array->buffers == NULL || array->buffers[1] == NULL) {
        return fail_array(reader, c, "no cells, its length is", array->length);
    }
    if (array->buffers[0] == NULL && array->null_count > 0) {
        return fail_array(reader, c, "no validity bitmap, but null_count =", array->null_count);
    }
    if (is_view && array->n_buffers > 3 && array->buffers[array->n_buffers - 1] == NULL) {
        return fail_array(reader, c, "no sizes of its text buffers, whose number is",
                          array->n_buffers - 3);
    }
    return GBT_OK;
}

/* Rows [first, first + n) of an array, counted from the array's own offset. */
static gbt_status view_array(const arrow_reader *reader, int32_t c, const struct ArrowArray *array,
                             const gbt_arrow_type *type, int64_t first, int64_t n, gbt_cells *out)
{
    *out = (gbt_cells){.type = type->type, .n = n, .layout = type->layout};
    if (!is_sound(array->offset, array->length)) {
        return fail_array(reader, c, "a faulty offset or length:",
                          array->offset < 0 ? array->offset : array->length);
    }
    if (array->length < first + n) {
        return fail_array(reader, c, "too few cells:", array->length);
    }
    GBT_TRY(check_buffers(reader, c, array, type, n));
    if (type->type == GBT_CELLS_NULL || n == 0) {
        return GBT_OK;
    }
    out->first = array->offset + first;
    out->data = array->buffers[1];
    out->stride = gbt_cell_size(type->type);
    out->mask = array->null_count == 0 ? NULL : array->buffers[0];
    out->mask_kind = out->mask != NULL ? GBT_MASK_VALID_BITS : GBT_MASK_NONE;
    if (type->type == GBT_CELL_TEXT && type->layout == GBT_TEXT_VIEWS) {
        out->n_buffers = array->n_buffers - 3;
        out->buffer = array->buffers + 2;
        out->buffer_size = array->buffers[array->n_buffers - 1];
    } else if (type->type == GBT_CELL_TEXT) {
        out->bytes = array->buffers[2];
    }
    return GBT_OK;
}

static gbt_status view_column(arrow_reader *reader, int32_t c, const struct ArrowArray *batch)
{
    const struct ArrowArray *array = batch->children[c];
    gbt_cells *cells = &reader->cells[c];
    if (array == NULL) {
        return fail_array(reader, c, "a null pointer in a batch with rows:", batch->length);
    }
    if ((array->dictionary != NULL) != reader->column[c].is_coded) {
        return fail_array(reader, c,
                          "other than its schema, dictionaries:", array->dictionary != NULL);
    }
    GBT_TRY(view_array(reader, c, array, &reader->type[c], batch->offset, batch->length, cells));
    if (reader->column[c].is_coded) {
        GBT_TRY(view_array(reader, c, array->dictionary, &reader->value[c], 0,
                           array->dictionary->length, &reader->dictionary[c]));
        cells->dictionary = &reader->dictionary[c];
    }
    return GBT_OK;
}

static gbt_status check_batch(const arrow_reader *reader, const struct ArrowArray *batch)
{
    const char *source = reader->options->source;
    if (!is_sound(batch->offset, batch->length)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: an Arrow batch has the offset %" PRId64 " and the length %" PRId64,
                        source, batch->offset, batch->length);
    }
    if (batch->n_children != reader->n_columns || batch->children == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: an Arrow batch has %" PRId64 " columns, its schema %d", source,
                        batch->n_children, reader->n_columns);
    }
    const bool has_mask =
        batch->n_buffers > 0 && batch->buffers != NULL && batch->buffers[0] != NULL;
    if (batch->null_count > 0 || (batch->null_count < 0 && has_mask)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: an Arrow batch has rows that are missing as a whole; drop them first",
                        source);
    }
    return GBT_OK;
}

static gbt_status add_batch(arrow_reader *reader, const struct ArrowArray *batch)
{
    GBT_TRY(check_batch(reader, batch));
    if (batch->length == 0) {
        return GBT_OK;
    }
    for (int32_t c = 0; c < reader->n_columns; c++) {
        if (!gbt_frame_skips(reader->frame, c)) {
            GBT_TRY(view_column(reader, c, batch));
        }
    }
    return gbt_frame_add(reader->frame, reader->cells, batch->length);
}

static gbt_status read_batches(arrow_reader *reader)
{
    gbt_status status = GBT_OK;
    bool is_end = false;
    while (status == GBT_OK && !is_end) {
        struct ArrowArray batch = {0};
        const int code = reader->stream->get_next(reader->stream, &batch);
        if (code != 0) {
            return fail_stream(reader, code);
        }
        is_end = batch.release == NULL;
        if (!is_end) {
            status = add_batch(reader, &batch);
            batch.release(&batch);
        }
    }
    return status;
}

gbt_status gbt_arrow_read(struct ArrowArrayStream *stream, const gbt_frame_options *options,
                          gbt_table **out)
{
    gbt_status status = GBT_OK;
    arrow_reader reader = {.stream = stream, .options = options};
    *out = NULL;
    GBT_TRY(check_stream(stream));
    GBT_TRY_OR_DONE(read_schema(&reader));
    GBT_TRY_OR_DONE(read_batches(&reader));
    GBT_TRY_OR_DONE(gbt_frame_finish(reader.frame, out));
done:
    gbt_frame_close(reader.frame);
    if (reader.schema.release != NULL) {
        reader.schema.release(&reader.schema);
    }
    gbt_arrow_release(stream);
    gbt_release(reader.column);
    gbt_release(reader.type);
    gbt_release(reader.value);
    gbt_release(reader.cells);
    gbt_release(reader.dictionary);
    return status;
}
