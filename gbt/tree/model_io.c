/* The model file: a header with a table of sections, then the sections, each under its own CRC-32.
 * The header states the whole length, so that a file cut short anywhere is noticed. Nothing read
 * is trusted: every byte comes through the bounds-checked reader and every tree is checked.
 * README.md describes the format byte by byte. Cost: one pass over the bytes.
 *
 * Versions: a section whose tag begins with a lower-case letter is optional, readers that do
 * not know it skip it; any other change raises GBT_MODEL_FORMAT, and older readers refuse the
 * file. */
#include "gbt/tree/model_io.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"

enum { MAGIC_BYTES = 8, TAG_BYTES = 4, HEADER_BYTES = 28, ENTRY_BYTES = 16, CRC_BYTES = 4 };
enum { MOST_SECTIONS = 64, WHERE_CHARS = 300 };

/* The first byte is not ASCII and the line ends notice a transfer as text, as in PNG. */
static const char magic[MAGIC_BYTES + 1] = "\x89GBT\r\n\x1a\n";
static const char kind[TAG_BYTES + 1] = "TREE";

typedef enum section_id { PARAMS, SCHEMA, CUTS, SUMMARY, TREES, N_SECTIONS } section_id;

static const struct {
    const char *tag, *name;
} section_row[N_SECTIONS] = {
    {"PARM", "parameters"}, {"SCHM", "columns"}, {"CUTS", "cuts"},
    {"SUMM", "summary"},    {"FRST", "trees"},
};

/* ---- Writing -------------------------------------------------------------------------------- */

static void write_summary(gbt_writer *writer, const gbt_model *model)
{
    const gbt_objective *objective = &model->objective;
    gbt_write_text(writer, objective->name);
    gbt_write_i32(writer, objective->n_outputs);
    gbt_write_i32(writer, objective->n_classes);
    gbt_write_f32(writer, objective->loss.positive_weight);
    gbt_write_f64s(writer, model->base_score, objective->n_outputs);
    gbt_write_u64(writer, (uint64_t)model->train_rows);
    gbt_write_i32(writer, model->best_round);
    gbt_write_f64(writer, model->best_value);
    gbt_write_u8(writer, model->uses_init_score);
    gbt_write_u8(writer, model->class_name != NULL);
    for (int32_t c = 0; model->class_name && c < objective->n_classes; c++) {
        gbt_write_text(writer, model->class_name[c]);
    }
    gbt_write_u8(writer, model->class_label != NULL);
    if (model->class_label) {
        gbt_write_f32s(writer, model->class_label, objective->n_classes);
    }
}

static gbt_status write_section(gbt_writer *writer, const gbt_model *model, section_id section)
{
    switch (section) {
    case PARAMS:
        return gbt_params_write(writer, model->params);
    case SCHEMA:
        gbt_schema_write(writer, model->schema);
        break;
    case CUTS:
        gbt_cuts_write(writer, model->cuts);
        break;
    case SUMMARY:
        write_summary(writer, model);
        break;
    case TREES:
    case N_SECTIONS:
        gbt_write_u64(writer, (uint64_t)model->n_trees);
        for (int32_t t = 0; t < model->n_trees; t++) {
            gbt_tree_write(writer, model->trees[t]);
        }
        break;
    }
    return writer->status;
}

gbt_status gbt_model_write(gbt_writer *writer, const gbt_model *model)
{
    gbt_status status = GBT_OK;
    gbt_writer body = {0}, head = {0};
    size_t end[N_SECTIONS];
    for (int s = 0; s < N_SECTIONS; s++) {
        GBT_TRY_OR_DONE(write_section(&body, model, (section_id)s));
        end[s] = body.size;
    }
    gbt_write_bytes(&head, magic, MAGIC_BYTES);
    gbt_write_bytes(&head, kind, TAG_BYTES);
    gbt_write_u32(&head, GBT_MODEL_FORMAT);
    gbt_write_u64(&head, HEADER_BYTES + N_SECTIONS * ENTRY_BYTES + CRC_BYTES + body.size);
    gbt_write_u32(&head, N_SECTIONS);
    for (int s = 0; s < N_SECTIONS; s++) {
        const size_t begin = s > 0 ? end[s - 1] : 0;
        gbt_write_bytes(&head, section_row[s].tag, TAG_BYTES);
        gbt_write_u32(&head, gbt_crc32(body.data + begin, end[s] - begin));
        gbt_write_u64(&head, end[s] - begin);
    }
    GBT_TRY_OR_DONE(head.status);
    gbt_write_bytes(writer, head.data, head.size);
    gbt_write_u32(writer, gbt_crc32(head.data, head.size));
    gbt_write_bytes(writer, body.data, body.size);
    status = writer->status;
done:
    gbt_writer_close(&head);
    gbt_writer_close(&body);
    return status;
}

/* ---- Reading: header ------------------------------------------------------------------------ */

typedef struct file_view {
    const char *name;
    const unsigned char *section[N_SECTIONS]; /* borrowed; NULL: not there */
    size_t size[N_SECTIONS];
} file_view;

static gbt_status read_header(gbt_reader *reader, uint32_t *n_sections)
{
    const char *name = reader->where;
    unsigned char start[MAGIC_BYTES], found_kind[TAG_BYTES];
    if (reader->size < HEADER_BYTES) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %zu bytes are too few for a gbt model file", name,
                        reader->size);
    }
    gbt_read_bytes(reader, start, MAGIC_BYTES);
    if (memcmp(start, magic, MAGIC_BYTES) != 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: not a gbt model file", name);
    }
    gbt_read_bytes(reader, found_kind, TAG_BYTES);
    const uint32_t version = gbt_read_u32(reader);
    const uint64_t total = gbt_read_u64(reader);
    *n_sections = gbt_read_u32(reader);
    if (memcmp(found_kind, kind, TAG_BYTES) != 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: a gbt file, but not a model of trees", name);
    }
    if (version != GBT_MODEL_FORMAT) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: format version %u, this library (%s) reads version %d",
                        name, version, gbt_version(), GBT_MODEL_FORMAT);
    }
    if (total != reader->size) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: %zu bytes, the header says %llu", name,
                        reader->size < total ? "cut short" : "bytes behind the end", reader->size,
                        (unsigned long long)total);
    }
    if (*n_sections > MOST_SECTIONS ||
        reader->size < HEADER_BYTES + (size_t)*n_sections * ENTRY_BYTES + CRC_BYTES) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: %u sections", name, *n_sections);
    }
    return GBT_OK;
}

static int find_section(const unsigned char tag[TAG_BYTES])
{
    for (int s = 0; s < N_SECTIONS; s++) {
        if (memcmp(tag, section_row[s].tag, TAG_BYTES) == 0) {
            return s;
        }
    }
    return -1;
}

/* One line of the table; `*at` is where its section begins and moves on. */
static gbt_status read_entry(gbt_reader *reader, size_t *at, file_view *out)
{
    unsigned char tag[TAG_BYTES];
    gbt_read_bytes(reader, tag, TAG_BYTES);
    const uint32_t crc = gbt_read_u32(reader);
    const uint64_t size = gbt_read_u64(reader);
    const int s = find_section(tag);
    const char *name = s >= 0 ? section_row[s].name : "an optional section";
    if (s < 0 && !(tag[0] >= 'a' && tag[0] <= 'z')) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: unknown section; a newer library wrote this file",
                        out->name);
    }
    if (size > reader->size - *at) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: longer than the file", out->name, name);
    }
    if (s >= 0 && out->section[s]) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: there twice", out->name, name);
    }
    const unsigned char *data = reader->data + *at;
    if (gbt_crc32(data, (size_t)size) != crc) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: damaged (wrong checksum)", out->name, name);
    }
    if (s >= 0) {
        out->section[s] = data;
        out->size[s] = (size_t)size;
    }
    *at += (size_t)size;
    return GBT_OK;
}

static gbt_status open_file(const void *data, size_t size, file_view *out)
{
    gbt_reader reader = {.data = data, .size = size, .where = out->name};
    uint32_t n_sections = 0;
    GBT_TRY(read_header(&reader, &n_sections));
    const size_t head = HEADER_BYTES + (size_t)n_sections * ENTRY_BYTES;
    gbt_reader tail = {.data = data, .size = size, .at = head, .where = out->name};
    if (gbt_read_u32(&tail) != gbt_crc32(data, head)) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: damaged (wrong checksum)", out->name);
    }
    size_t at = head + CRC_BYTES;
    for (uint32_t s = 0; s < n_sections; s++) {
        GBT_TRY(read_entry(&reader, &at, out));
    }
    if (at != size) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: the sections end at byte %zu of %zu",
                        out->name, at, size);
    }
    for (int s = 0; s < N_SECTIONS; s++) {
        if (!out->section[s]) {
            return gbt_fail(GBT_ERR_FORMAT, "%s: %s: missing", out->name, section_row[s].name);
        }
    }
    return GBT_OK;
}

/* ---- Reading: sections ---------------------------------------------------------------------- */

/* What the sections before the model itself give; all owned until the model takes them. */
typedef struct parts {
    gbt_params *params;
    gbt_schema *schema;
    gbt_cuts *cuts;
    gbt_objective objective;
} parts;

static gbt_reader section_reader(const file_view *file, section_id section, char where[WHERE_CHARS])
{
    snprintf(where, WHERE_CHARS, "%s: %s", file->name, section_row[section].name);
    return (gbt_reader){
        .data = file->section[section], .size = file->size[section], .where = where};
}

static gbt_status at_end(gbt_reader *reader)
{
    if (reader->status == GBT_OK && reader->at != reader->size) {
        return gbt_reader_fail(reader, "%zu bytes are left over", reader->size - reader->at);
    }
    return reader->status;
}

static gbt_status read_parts(const file_view *file, parts *out)
{
    char where[WHERE_CHARS];
    gbt_reader reader = section_reader(file, PARAMS, where);
    GBT_TRY(gbt_params_read(&reader, &out->params));
    GBT_TRY(at_end(&reader));
    if (gbt_objective_init(out->params, &out->objective) != GBT_OK) {
        return gbt_reader_fail(&reader, "no objective can be made of them");
    }
    reader = section_reader(file, SCHEMA, where);
    GBT_TRY(gbt_schema_read(&reader, &out->schema));
    GBT_TRY(at_end(&reader));
    reader = section_reader(file, CUTS, where);
    GBT_TRY(gbt_cuts_read(&reader, &out->cuts));
    GBT_TRY(at_end(&reader));
    if (out->cuts->n_features != out->schema->n_features) {
        return gbt_reader_fail(&reader, "%d features, but the model has %d", out->cuts->n_features,
                               out->schema->n_features);
    }
    for (int32_t f = 0; f < out->cuts->n_features; f++) {
        if ((out->cuts->is_categorical[f] != 0) != (out->schema->is_categorical[f] != 0)) {
            return gbt_reader_fail(&reader, "feature %d: numeric or categorical?", f);
        }
    }
    return GBT_OK;
}

static gbt_status read_classes(gbt_reader *reader, gbt_model *model)
{
    const int32_t n_classes = model->objective.n_classes;
    if (gbt_read_u8(reader)) {
        GBT_TRY(GBT_NEW_ZERO(model->class_name, n_classes));
        for (int32_t c = 0; c < n_classes; c++) {
            model->class_name[c] = gbt_read_text(reader);
            GBT_TRY(reader->status);
        }
    }
    if (gbt_read_u8(reader)) {
        GBT_TRY(GBT_NEW_ZERO(model->class_label, n_classes));
        gbt_read_f32s(reader, model->class_label, n_classes);
        for (int32_t c = 0; c < n_classes; c++) {
            if (!isfinite(model->class_label[c])) {
                return gbt_reader_fail(reader, "the label of class %d is not finite", c);
            }
        }
    }
    return reader->status;
}

static gbt_status read_summary(gbt_reader *reader, gbt_model *model)
{
    gbt_objective *objective = &model->objective;
    char *name = gbt_read_text(reader);
    const bool is_same = name && strcmp(name, objective->name) == 0;
    gbt_release(name);
    const int32_t n_outputs = gbt_read_i32(reader);
    const int32_t n_classes = gbt_read_i32(reader);
    GBT_TRY(reader->status);
    if (!is_same || n_outputs != objective->n_outputs || n_classes != objective->n_classes) {
        return gbt_reader_fail(reader, "the objective differs from that of the parameters");
    }
    objective->loss.positive_weight = gbt_read_f32(reader);
    gbt_read_f64s(reader, model->base_score, n_outputs);
    const uint64_t train_rows = gbt_read_u64(reader);
    model->best_round = gbt_read_i32(reader);
    model->best_value = gbt_read_f64(reader);
    model->uses_init_score = gbt_read_u8(reader) != 0;
    GBT_TRY(reader->status);
    for (int32_t k = 0; k < n_outputs; k++) {
        if (!isfinite(model->base_score[k])) {
            return gbt_reader_fail(reader, "the base score of output %d is not finite", k);
        }
    }
    if (!isfinite(objective->loss.positive_weight) || train_rows > INT64_MAX ||
        model->best_round < 0) {
        return gbt_reader_fail(reader, "a number is out of range");
    }
    model->train_rows = (int64_t)train_rows;
    GBT_TRY(read_classes(reader, model));
    return at_end(reader);
}

static gbt_status read_trees(const file_view *file, gbt_model *model)
{
    char where[WHERE_CHARS];
    gbt_reader reader = section_reader(file, TREES, where);
    const size_t prefix = strlen(where);
    const int64_t n_trees = gbt_read_count(&reader, INT32_MAX, 10);
    GBT_TRY(reader.status);
    if (n_trees % model->objective.n_outputs != 0) {
        return gbt_reader_fail(&reader, "%lld trees for %d outputs", (long long)n_trees,
                               model->objective.n_outputs);
    }
    for (int64_t t = 0; t < n_trees; t++) {
        gbt_tree *tree = NULL;
        snprintf(where + prefix, WHERE_CHARS - prefix, " (tree %lld)", (long long)t);
        GBT_TRY(gbt_tree_read(&reader, model->cuts, &tree));
        const gbt_status status = gbt_model_append(model, tree);
        if (status != GBT_OK) {
            gbt_tree_free(tree);
            return status;
        }
    }
    return at_end(&reader);
}

static gbt_status read_model(const file_view *file, const parts *from, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    char where[WHERE_CHARS];
    GBT_TRY(gbt_model_create(from->params, from->schema, from->cuts, &from->objective, 0, &model));
    gbt_reader reader = section_reader(file, SUMMARY, where);
    GBT_TRY_OR_DONE(read_summary(&reader, model));
    GBT_TRY_OR_DONE(read_trees(file, model));
    GBT_TRY_OR_DONE(gbt_model_seal(model));
    *out = model;
    model = NULL;
done:
    gbt_model_free(model);
    return status;
}

gbt_status gbt_model_read(const void *data, size_t size, const char *name, gbt_model **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    parts from = {0};
    file_view file = {.name = name};
    GBT_TRY(open_file(data, size, &file));
    GBT_TRY_OR_DONE(read_parts(&file, &from));
    GBT_TRY_OR_DONE(read_model(&file, &from, out));
done:
    gbt_params_free(from.params);
    gbt_schema_release(from.schema);
    gbt_cuts_release(from.cuts);
    return status;
}

/* ---- Public --------------------------------------------------------------------------------- */

gbt_status gbt_model_load(const char *path, gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!path || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", path ? "out" : "path");
    }
    unsigned char *data = NULL;
    size_t size = 0;
    GBT_TRY(gbt_file_read(path, &data, &size));
    const gbt_status status = gbt_model_read(data, size, path, out);
    gbt_release(data);
    return status;
}

gbt_status gbt_model_save(const gbt_model *model, const char *path)
{
    if (!model || !path) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", model ? "path" : "model");
    }
    gbt_status status = GBT_OK;
    gbt_writer writer = {0};
    GBT_TRY_OR_DONE(gbt_model_write(&writer, model));
    GBT_TRY_OR_DONE(gbt_file_write(path, writer.data, writer.size));
done:
    gbt_writer_close(&writer);
    return status;
}

gbt_status gbt_model_from_bytes(const void *data, size_t size, gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!data || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", data ? "out" : "data");
    }
    return gbt_model_read(data, size, "memory", out);
}

gbt_status gbt_model_to_bytes(const gbt_model *model, void **data, size_t *size)
{
    if (!model || !data || !size) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", !model ? "model" : !data ? "data" : "size");
    }
    *data = NULL;
    gbt_writer writer = {0};
    const gbt_status status = gbt_model_write(&writer, model);
    if (status != GBT_OK) {
        gbt_writer_close(&writer);
        return status;
    }
    *data = writer.data;
    *size = writer.size;
    return GBT_OK;
}

void gbt_memory_free(void *memory)
{
    gbt_release(memory);
}
