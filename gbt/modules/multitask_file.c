/* Files of multi-task models: the container of base/sections.h with the frame, the keys of
 * [multitask], the tasks, and all trees as one ordinary model, of which each part has a range of
 * rounds and a base score: cuts are not stored for each. Equal models give equal bytes. Cost: a
 * copy of the trees.
 *
 *     FRAM  the frame, a model file          KEYS  keys of [multitask] (modules/settings.h)
 *     TASK  u32 n, groups; per task: i32 number, text name, u64 rows, i32 group, f64 theta
 *     PART  u32 n; per part: i32 rounds, f64 base score [outputs]
 *     TREE  the rounds of all parts, a model file with base score 0 */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/sections.h"
#include "gbt/modules/multitask_internal.h"
#include "gbt/modules/settings.h"

enum { FORMAT = 1, N_SECTIONS = 5, MOST_TASKS = 1 << 30 };
enum { SECTION_FRAME, SECTION_KEYS, SECTION_TASKS, SECTION_PARTS, SECTION_TREES };

static const char *const tags[N_SECTIONS] = {"FRAM", "KEYS", "TASK", "PART", "TREE"};
static const char *const names[N_SECTIONS] = {"frame", "keys", "tasks", "parts", "trees"};

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_model(gbt_writer *writer, const gbt_model *model)
{
    void *data = NULL;
    size_t size = 0;
    const gbt_status status = gbt_model_to_bytes(model, &data, &size);
    if (status == GBT_OK) {
        gbt_write_bytes(writer, data, size);
    } else if (writer->status == GBT_OK) {
        writer->status = status;
    }
    gbt_memory_free(data);
}

static void write_tasks(gbt_writer *writer, const gbt_multitask *model)
{
    gbt_write_u64(writer, (uint64_t)model->n_tasks);
    gbt_write_u32(writer, (uint32_t)model->n_groups);
    for (int32_t r = 0; r < model->n_tasks; r++) {
        gbt_write_i32(writer, model->number[r]);
        gbt_write_text(writer, model->name[r]);
        gbt_write_u64(writer, (uint64_t)model->rows[r]);
        gbt_write_i32(writer, model->group[r]);
        gbt_write_f64(writer, model->theta[r]);
    }
}

static gbt_status write_parts(gbt_writer *writer, const gbt_multitask *model, double *base)
{
    gbt_write_u32(writer, (uint32_t)model->n_parts);
    for (int32_t p = 0; p < model->n_parts; p++) {
        GBT_TRY(gbt_model_base_score(model->part[p], base, model->n_outputs));
        gbt_write_i32(writer, gbt_model_round_count(model->part[p]));
        gbt_write_f64s(writer, base, model->n_outputs);
    }
    return writer->status;
}

/* All parts one after the other, without a base score. */
static gbt_status join_parts(const gbt_multitask *model, double *base, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_model *joined = NULL;
    double *ones = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(ones, model->n_parts));
    for (int32_t p = 0; p < model->n_parts; p++) {
        ones[p] = 1.0;
    }
    memset(base, 0, (size_t)model->n_outputs * sizeof *base);
    GBT_TRY_OR_DONE(
        gbt_model_combine((const gbt_model *const *)model->part, ones, model->n_parts, &joined));
    status = gbt_model_slice(joined, 0, gbt_model_round_count(joined), base, out);
done:
    gbt_release(ones);
    gbt_model_free(joined);
    return status;
}

static gbt_status write_sections(const gbt_multitask *model, gbt_writer *body)
{
    gbt_status status = GBT_OK;
    gbt_model *trees = NULL;
    double *base = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(base, model->n_outputs));
    write_model(&body[SECTION_FRAME], model->frame);
    gbt_settings_write(&body[SECTION_KEYS], model->params, "multitask");
    write_tasks(&body[SECTION_TASKS], model);
    GBT_TRY_OR_DONE(write_parts(&body[SECTION_PARTS], model, base));
    GBT_TRY_OR_DONE(join_parts(model, base, &trees));
    write_model(&body[SECTION_TREES], trees);
    for (int s = 0; s < N_SECTIONS; s++) {
        GBT_TRY_OR_DONE(body[s].status);
    }
done:
    gbt_model_free(trees);
    gbt_release(base);
    return status;
}

static gbt_status to_writer(const gbt_multitask *model, gbt_writer *writer)
{
    gbt_status status = GBT_OK;
    gbt_writer body[N_SECTIONS] = {{0}};
    gbt_section section[N_SECTIONS];
    GBT_TRY_OR_DONE(write_sections(model, body));
    for (int s = 0; s < N_SECTIONS; s++) {
        section[s] = (gbt_section){tags[s], names[s], body[s].data, body[s].size};
    }
    GBT_TRY_OR_DONE(gbt_sections_write(writer, GBT_KIND_MULTITASK, FORMAT, section, N_SECTIONS));
done:
    for (int s = 0; s < N_SECTIONS; s++) {
        gbt_writer_close(&body[s]);
    }
    return status;
}

gbt_status gbt_multitask_to_bytes(const gbt_multitask *model, void **data, size_t *size)
{
    gbt_writer writer = {0};
    if (!model || !data || !size) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_to_bytes: a pointer is NULL");
    }
    *data = NULL;
    *size = 0;
    const gbt_status status = to_writer(model, &writer);
    if (status != GBT_OK) {
        gbt_writer_close(&writer);
        return status;
    }
    *data = writer.data;
    *size = writer.size;
    return GBT_OK;
}

gbt_status gbt_multitask_save(const gbt_multitask *model, const char *path)
{
    void *data = NULL;
    size_t size = 0;
    if (!model || !path) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_save: %s is NULL",
                        model ? "path" : "model");
    }
    GBT_TRY(gbt_multitask_to_bytes(model, &data, &size));
    const gbt_status status = gbt_file_write(path, data, size);
    gbt_memory_free(data);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static gbt_status read_model(const gbt_section *section, gbt_model **out)
{
    return gbt_model_from_bytes(section->data, section->size, out);
}

static gbt_status read_keys(const gbt_section *section, const char *file, gbt_multitask *model)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader reader = gbt_section_reader(section, file, where);
    GBT_TRY(gbt_model_params(model->frame, &model->params));
    GBT_TRY(gbt_settings_read(&reader, model->params));
    GBT_TRY(gbt_section_at_end(&reader));
    return gbt_task_mode_read(model->params, &model->mode);
}

static gbt_status read_task(gbt_reader *reader, gbt_multitask *model, int32_t r)
{
    model->number[r] = gbt_read_i32(reader);
    model->name[r] = gbt_read_text(reader);
    model->rows[r] = (int64_t)gbt_read_u64(reader);
    model->group[r] = gbt_read_i32(reader);
    model->theta[r] = gbt_read_f64(reader);
    GBT_TRY(reader->status);
    const bool ascends = r == 0 || model->number[r] > model->number[r - 1];
    if (!ascends || model->rows[r] < 1 || model->rows[r] > UINT32_MAX || model->group[r] < 0 ||
        model->group[r] >= model->n_groups || !isfinite(model->theta[r])) {
        return gbt_reader_fail(reader,
                               "task %d does not ascend, or its rows (%lld), group (%d) or "
                               "weight are out of range",
                               r, (long long)model->rows[r], model->group[r]);
    }
    return GBT_OK;
}

static gbt_status read_tasks(const gbt_section *section, const char *file, gbt_multitask *model)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader reader = gbt_section_reader(section, file, where);
    const int64_t n_tasks = gbt_read_count(&reader, MOST_TASKS, 28);
    const uint32_t n_groups = gbt_read_u32(&reader);
    GBT_TRY(reader.status);
    const bool has_groups = model->mode == GBT_TASKS_CLUSTERED;
    if (n_tasks < 1 || n_groups < 1 || n_groups > (has_groups ? (uint64_t)n_tasks : 1)) {
        return gbt_reader_fail(&reader, "%lld tasks in %u groups", (long long)n_tasks, n_groups);
    }
    model->n_tasks = (int32_t)n_tasks;
    model->n_groups = (int32_t)n_groups;
    GBT_TRY(gbt_multitask_reserve(model));
    for (int32_t r = 0; r < model->n_tasks; r++) {
        GBT_TRY(read_task(&reader, model, r));
    }
    return gbt_section_at_end(&reader);
}

/* Takes the trees apart again. */
static gbt_status read_parts(const gbt_section *section, const char *file, const gbt_model *trees,
                             double *base, gbt_multitask *model)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader reader = gbt_section_reader(section, file, where);
    const int32_t n_all = gbt_model_round_count(trees);
    int32_t first = 0;
    GBT_TRY(gbt_multitask_reserve_parts(model));
    if (gbt_read_u32(&reader) != (uint32_t)model->n_parts) {
        return gbt_reader_fail(&reader, "other than %d parts", model->n_parts);
    }
    for (int32_t p = 0; p < model->n_parts; p++) {
        const int32_t n_rounds = gbt_read_i32(&reader);
        gbt_read_f64s(&reader, base, model->n_outputs);
        GBT_TRY(reader.status);
        bool is_good = n_rounds >= 0 && n_rounds <= n_all - first;
        for (int32_t k = 0; k < model->n_outputs; k++) {
            is_good &= isfinite((float)base[k]) != 0;
        }
        if (!is_good) {
            return gbt_reader_fail(&reader, "part %d: its rounds or base score are out of range",
                                   p);
        }
        GBT_TRY(gbt_model_slice(trees, first, n_rounds, base, &model->part[p]));
        first += n_rounds;
    }
    return first == n_all
               ? gbt_section_at_end(&reader)
               : gbt_reader_fail(&reader, "%d rounds of trees belong to no part", n_all - first);
}

/* Do the trees fit the columns and outputs of the frame? */
static gbt_status check_trees(const gbt_multitask *model, const gbt_model *trees, const char *file)
{
    int64_t frame_outputs = 0, frame_features = 0, outputs = 0, features = 0, frame_rounds = 0;
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_OUTPUTS, &frame_outputs));
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_FEATURES, &frame_features));
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_ROUNDS, &frame_rounds));
    GBT_TRY(gbt_model_shape(trees, GBT_SHAPE_OUTPUTS, &outputs));
    GBT_TRY(gbt_model_shape(trees, GBT_SHAPE_FEATURES, &features));
    const int64_t more = model->mode == GBT_TASKS_FEATURE ? 1 : 0;
    if (outputs != frame_outputs || features != frame_features + more || frame_rounds != 0) {
        return gbt_fail(GBT_ERR_FORMAT,
                        "%s: the trees have %lld features and %lld outputs, the frame has %lld "
                        "and %lld and %lld rounds of its own",
                        file, (long long)features, (long long)outputs, (long long)frame_features,
                        (long long)frame_outputs, (long long)frame_rounds);
    }
    return GBT_OK;
}

static gbt_status read_sections(const gbt_section *section, const char *file, gbt_multitask *model)
{
    gbt_status status = GBT_OK;
    gbt_model *trees = NULL;
    double *base = NULL;
    int64_t n_outputs = 0;
    GBT_TRY_OR_DONE(read_model(&section[SECTION_FRAME], &model->frame));
    GBT_TRY_OR_DONE(gbt_model_shape(model->frame, GBT_SHAPE_OUTPUTS, &n_outputs));
    model->n_outputs = (int32_t)n_outputs;
    GBT_TRY_OR_DONE(read_keys(&section[SECTION_KEYS], file, model));
    GBT_TRY_OR_DONE(read_tasks(&section[SECTION_TASKS], file, model));
    GBT_TRY_OR_DONE(read_model(&section[SECTION_TREES], &trees));
    GBT_TRY_OR_DONE(check_trees(model, trees, file));
    GBT_TRY_OR_DONE(GBT_NEW(base, n_outputs));
    GBT_TRY_OR_DONE(read_parts(&section[SECTION_PARTS], file, trees, base, model));
done:
    gbt_model_free(trees);
    gbt_release(base);
    return status;
}

static gbt_status from_memory(const void *data, size_t size, const char *file, gbt_multitask **out)
{
    gbt_section section[N_SECTIONS];
    gbt_multitask *model = NULL;
    for (int s = 0; s < N_SECTIONS; s++) {
        section[s] = (gbt_section){tags[s], names[s], NULL, 0};
    }
    GBT_TRY(gbt_sections_read(data, size, file, GBT_KIND_MULTITASK, FORMAT, section, N_SECTIONS));
    GBT_TRY(GBT_NEW_ZERO(model, 1));
    const gbt_status status = read_sections(section, file, model);
    if (status != GBT_OK) {
        gbt_multitask_free(model);
        return status;
    }
    *out = model;
    return GBT_OK;
}

gbt_status gbt_multitask_from_bytes(const void *data, size_t size, gbt_multitask **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!data || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_from_bytes: %s is NULL",
                        data ? "out" : "data");
    }
    return from_memory(data, size, "memory", out);
}

gbt_status gbt_multitask_load(const char *path, gbt_multitask **out)
{
    unsigned char *data = NULL;
    size_t size = 0;
    if (out != NULL) {
        *out = NULL;
    }
    if (!path || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_load: %s is NULL", path ? "out" : "path");
    }
    GBT_TRY(gbt_file_read(path, &data, &size));
    const gbt_status status = from_memory(data, size, path, out);
    gbt_release(data);
    return status;
}
