/* The model file: what the sections of a tree model hold. Their container, with its checksums and
 * versions, is gbt/base/sections.h. Nothing read is trusted: every byte comes through the
 * bounds-checked reader and every tree is checked. README.md describes the format byte by byte.
 * Cost: one pass over the bytes. */
#include "gbt/tree/model_io.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/sections.h"

typedef enum section_id { PARAMS, SCHEMA, CUTS, SUMMARY, TREES, N_SECTIONS } section_id;

static const gbt_section known[N_SECTIONS] = {
    [PARAMS] = {.tag = "PARM", .name = "parameters"},
    [SCHEMA] = {.tag = "SCHM", .name = "columns"},
    [CUTS] = {.tag = "CUTS", .name = "cuts"},
    [SUMMARY] = {.tag = "SUMM", .name = "summary"},
    [TREES] = {.tag = "FRST", .name = "trees"},
};

/* ---- Writing --------------------------------------------------------------------------------- */

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
    gbt_writer body = {0};
    gbt_section section[N_SECTIONS];
    memcpy(section, known, sizeof section);
    for (int s = 0; s < N_SECTIONS; s++) {
        const size_t begin = body.size;
        GBT_TRY_OR_DONE(write_section(&body, model, (section_id)s));
        section[s].size = body.size - begin;
    }
    const unsigned char *at = body.data;
    for (int s = 0; s < N_SECTIONS; s++) {
        section[s].data = at;
        at += section[s].size;
    }
    GBT_TRY_OR_DONE(
        gbt_sections_write(writer, GBT_KIND_TREES, GBT_MODEL_FORMAT, section, N_SECTIONS));
done:
    gbt_writer_close(&body);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The sections of a file that was opened. */
typedef struct file_view {
    const char *name;
    gbt_section section[N_SECTIONS];
} file_view;

/* What the sections before the model itself give; all owned until the model takes them. */
typedef struct parts {
    gbt_params *params;
    gbt_schema *schema;
    gbt_cuts *cuts;
    gbt_objective objective;
} parts;

static gbt_status read_parts(const file_view *file, parts *out)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader reader = gbt_section_reader(&file->section[PARAMS], file->name, where);
    GBT_TRY(gbt_params_read(&reader, &out->params));
    GBT_TRY(gbt_section_at_end(&reader));
    if (gbt_objective_init(out->params, &out->objective) != GBT_OK) {
        return gbt_reader_fail(&reader, "no objective can be made of them");
    }
    reader = gbt_section_reader(&file->section[SCHEMA], file->name, where);
    GBT_TRY(gbt_schema_read(&reader, &out->schema));
    GBT_TRY(gbt_section_at_end(&reader));
    reader = gbt_section_reader(&file->section[CUTS], file->name, where);
    GBT_TRY(gbt_cuts_read(&reader, &out->cuts));
    GBT_TRY(gbt_section_at_end(&reader));
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
    const bool has_labels = n_outputs > 1 && n_classes == 0;
    if (is_same && has_labels && gbt_objective_set_labels(objective, n_outputs) == GBT_OK) {
        gbt_release(model->base_score);
        GBT_TRY(GBT_NEW_ZERO(model->base_score, objective->n_outputs));
    }
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
    return gbt_section_at_end(reader);
}

static gbt_status read_trees(const file_view *file, gbt_model *model)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader reader = gbt_section_reader(&file->section[TREES], file->name, where);
    const size_t prefix = strlen(where);
    const int64_t n_trees = gbt_read_count(&reader, INT32_MAX, 10);
    GBT_TRY(reader.status);
    if (n_trees % model->objective.n_outputs != 0) {
        return gbt_reader_fail(&reader, "%lld trees for %d outputs", (long long)n_trees,
                               model->objective.n_outputs);
    }
    for (int64_t t = 0; t < n_trees; t++) {
        gbt_tree *tree = NULL;
        snprintf(where + prefix, GBT_WHERE_CHARS - prefix, " (tree %lld)", (long long)t);
        GBT_TRY(gbt_tree_read(&reader, model->cuts, &tree));
        const gbt_status status = gbt_model_append(model, tree);
        if (status != GBT_OK) {
            gbt_tree_free(tree);
            return status;
        }
    }
    return gbt_section_at_end(&reader);
}

static gbt_status read_model(const file_view *file, const parts *from, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    char where[GBT_WHERE_CHARS];
    GBT_TRY(gbt_model_create(from->params, from->schema, from->cuts, &from->objective, 0, &model));
    gbt_reader reader = gbt_section_reader(&file->section[SUMMARY], file->name, where);
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
    memcpy(file.section, known, sizeof known);
    GBT_TRY(gbt_sections_read(data, size, name, GBT_KIND_TREES, GBT_MODEL_FORMAT, file.section,
                              N_SECTIONS));
    GBT_TRY_OR_DONE(read_parts(&file, &from));
    GBT_TRY_OR_DONE(read_model(&file, &from, out));
done:
    gbt_params_free(from.params);
    gbt_schema_release(from.schema);
    gbt_cuts_release(from.cuts);
    return status;
}

/* ---- Public ---------------------------------------------------------------------------------- */

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
