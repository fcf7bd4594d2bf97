/* gbt info: what a model file holds. Objective, columns and classes are the same for every kind of
 * model; how large it is and what it was trained with depend on the kind. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/any_model.h"

/* ---- Parameters ------------------------------------------------------------------------------ */

static gbt_status params_of(const gbt_any_model *model, gbt_params **out)
{
    return model->kind == GBT_FILE_TREES       ? gbt_model_params(model->trees, out)
           : model->kind == GBT_FILE_MULTITASK ? gbt_multitask_params(model->multitask, out)
                                               : gbt_heads_params(model->heads, out);
}

/* Where the data were and where results went is not in a model, nor are keys of other modules. */
static bool is_shown(const gbt_any_model *model, const char *section)
{
    static const char *const never[] = {"data", "device", "output", "cv", "influence"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (strcmp(section, never[i]) == 0) {
            return false;
        }
    }
    return (strcmp(section, "multitask") != 0 || model->kind == GBT_FILE_MULTITASK) &&
           (strcmp(section, "heads") != 0 || model->kind == GBT_FILE_HEADS);
}

/* A key that no model file remembers. */
static bool is_for_a_run(const gbt_param_info *info)
{
    return strcmp(info->kind, "path") == 0 || strcmp(info->name, "compare") == 0 ||
           strcmp(info->name, "early_margin") == 0;
}

/* The parameters that shaped the model, as lines of a config or as members of a JSON object. */
static int write_params(gbt_model_job *j)
{
    gbt_writer *text = &j->text;
    gbt_params *params = NULL;
    const char *section = "";
    int code = gbt_exit_of(params_of(&j->model, &params));
    for (int i = 0; i < gbt_param_count() && code == GBT_EXIT_OK; i++) {
        gbt_param_info info;
        code = gbt_exit_of(gbt_param_describe(i, &info));
        if (code != GBT_EXIT_OK || !is_shown(&j->model, info.section) || is_for_a_run(&info)) {
            continue;
        }
        char *value = gbt_command_copy(params, info.name);
        code = gbt_exit_of(value ? GBT_OK : GBT_ERR_MEMORY);
        if (value && j->command.is_json) {
            gbt_print(text, "%s\"%s\": ", section[0] ? ", " : "", info.name);
            gbt_print_json_text(text, value);
        } else if (value) {
            if (strcmp(section, info.section) != 0) {
                gbt_print(text, "\n[%s]\n", info.section);
            }
            gbt_print(text, "%s =%s%s\n", info.name, value[0] ? " " : "", value);
        }
        section = info.section;
        gbt_release(value);
    }
    gbt_params_free(params);
    return code;
}

/* ---- Size ------------------------------------------------------------------------------------ */

/* Whole numbers of `gbt info`: name in JSON, words for people, value. */
typedef struct count {
    const char *name, *words;
    int64_t value;
} count;

enum { MOST_COUNTS = 10 };

static int count_trees(const gbt_any_model *any, count *out)
{
    const gbt_model *model = any->trees;
    const count counts[] = {
        {"outputs", "outputs", gbt_model_count(model, GBT_SHAPE_OUTPUTS)},
        {"rounds", "rounds", gbt_model_count(model, GBT_SHAPE_ROUNDS)},
        {"trees", "trees", gbt_model_count(model, GBT_SHAPE_TREES)},
        {"leaves", "leaves", gbt_model_count(model, GBT_SHAPE_LEAVES)},
        {"train_rows", "training rows", gbt_model_count(model, GBT_SHAPE_TRAIN_ROWS)},
        {"best_round", "best round", gbt_model_count(model, GBT_SHAPE_BEST_ROUND)},
    };
    memcpy(out, counts, sizeof counts);
    return (int)(sizeof counts / sizeof counts[0]);
}

static int count_multitask(const gbt_any_model *any, count *out)
{
    const gbt_multitask *model = any->multitask;
    const count counts[] = {
        {"outputs", "outputs", gbt_model_count(any->frame, GBT_SHAPE_OUTPUTS)},
        {"rounds_shared", "shared rounds", gbt_multitask_rounds(model, 0)},
        {"rounds_robust", "robust rounds", gbt_multitask_rounds(model, 1)},
        {"rounds_task", "task rounds", gbt_multitask_rounds(model, 2)},
        {"train_rows", "training rows", gbt_model_count(any->frame, GBT_SHAPE_TRAIN_ROWS)},
        {"n_tasks", "tasks", gbt_multitask_tasks(model)},
    };
    memcpy(out, counts, sizeof counts);
    return (int)(sizeof counts / sizeof counts[0]);
}

static int64_t heads_count(const gbt_heads *model, gbt_heads_key key)
{
    int64_t n = 0;
    (void)gbt_heads_shape(model, key, &n);
    return n;
}

static int count_heads(const gbt_any_model *any, count *out)
{
    const count counts[] = {
        {"outputs", "outputs", heads_count(any->heads, GBT_HEADS_OUTPUTS)},
        {"steps", "steps", heads_count(any->heads, GBT_HEADS_STEPS)},
        {"units", "units", heads_count(any->heads, GBT_HEADS_UNITS)},
        {"inputs", "inputs", heads_count(any->heads, GBT_HEADS_INPUTS)},
        {"train_rows", "training rows", gbt_model_count(any->frame, GBT_SHAPE_TRAIN_ROWS)},
        {"best_step", "best step", heads_count(any->heads, GBT_HEADS_BEST_STEP)},
    };
    memcpy(out, counts, sizeof counts);
    return (int)(sizeof counts / sizeof counts[0]);
}

/* out [MOST_COUNTS]; how many there are. */
static int count_all(const gbt_any_model *model, count *out)
{
    return model->kind == GBT_FILE_TREES       ? count_trees(model, out)
           : model->kind == GBT_FILE_MULTITASK ? count_multitask(model, out)
                                               : count_heads(model, out);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* The tasks of a multi-task model: name, rows, outlier weight, cluster. */
static gbt_status write_tasks(gbt_model_job *j)
{
    gbt_writer *text = &j->text;
    const bool is_json = j->command.is_json;
    const int32_t n = gbt_multitask_tasks(j->model.multitask);
    gbt_print(text, "%s", is_json ? ", \"tasks\": [" : "");
    for (int32_t i = 0; i < n; i++) {
        gbt_task_info info;
        GBT_TRY(gbt_multitask_task(j->model.multitask, i, &info));
        if (is_json) {
            gbt_print(text, "%s{\"task\": ", i > 0 ? ", " : "");
            gbt_print_json_text(text, info.name);
            gbt_print(text, ", \"train_rows\": %lld, \"cluster\": %d, \"outlier_weight\": ",
                      (long long)info.train_rows, (int)info.cluster);
            gbt_print_number(text, info.outlier);
            gbt_print(text, "}");
        } else {
            gbt_print(text, "%-14s %s, %lld rows, cluster %d", i == 0 ? "by task" : "", info.name,
                      (long long)info.train_rows, (int)info.cluster);
            gbt_print(text, isnan(info.outlier) ? "\n" : ", outlier weight %.6g\n", info.outlier);
        }
    }
    gbt_print(text, "%s", is_json ? "]" : "");
    return text->status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static long long file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (long long)info.st_size : 0;
}

static void write_base_score(gbt_writer *text, const double *base, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        gbt_print(text, "%s", k > 0 ? ", " : "");
        gbt_print_number(text, base[k]);
    }
}

/* By gbt_file_kind. */
static const char *const kind_name[] = {"trees", "multitask", "heads"};

static void write_info_text(gbt_model_job *j, const double *base)
{
    gbt_writer *text = &j->text;
    const gbt_model *model = j->model.frame;
    count counts[MOST_COUNTS];
    const int n_counts = count_all(&j->model, counts);
    gbt_print(text, "%-14s %s\n", "kind", kind_name[j->model.kind]);
    gbt_print(text, "%-14s %s\n", "objective", gbt_model_objective(model));
    for (int i = 0; i < n_counts; i++) {
        const bool is_off = strncmp(counts[i].name, "best_", 5) == 0 && counts[i].value == 0;
        gbt_print(text, "%-14s %lld%s\n", counts[i].words, (long long)counts[i].value,
                  is_off ? " (no early stopping)" : "");
    }
    gbt_print(text, "%-14s %lld bytes\n", "file", file_bytes(j->path));
    gbt_print(text, "%-14s ", "base score");
    write_base_score(text, base, gbt_model_count(model, GBT_SHAPE_OUTPUTS));
    gbt_print(text, "\n%-14s %s\n", "label", gbt_model_column(model, GBT_ROLE_LABEL));
    const int64_t n_classes = gbt_model_count(model, GBT_SHAPE_CLASSES);
    for (int32_t k = 0; k < n_classes; k++) {
        gbt_print(text, "%-14s %s\n", k == 0 ? "classes" : "", gbt_model_class_name(model, k));
    }
    const int64_t n_features = gbt_model_count(model, GBT_SHAPE_FEATURES);
    for (int32_t f = 0; f < n_features; f++) {
        gbt_print(text, "%-14s %s%s\n", f == 0 ? "features" : "", gbt_model_feature_name(model, f),
                  gbt_model_feature_is_categorical(model, f) ? " (categorical)" : "");
    }
}

static void write_info_json(gbt_model_job *j, const double *base)
{
    gbt_writer *text = &j->text;
    const gbt_model *model = j->model.frame;
    count counts[MOST_COUNTS];
    const int n_counts = count_all(&j->model, counts);
    gbt_print(text, "{\"kind\": \"%s\", \"objective\": \"%s\"", kind_name[j->model.kind],
              gbt_model_objective(model));
    for (int i = 0; i < n_counts; i++) {
        gbt_print(text, ", \"%s\": %lld", counts[i].name, (long long)counts[i].value);
    }
    gbt_print(text, ", \"bytes\": %lld, \"base_score\": [", file_bytes(j->path));
    write_base_score(text, base, gbt_model_count(model, GBT_SHAPE_OUTPUTS));
    gbt_print(text, "], \"label\": ");
    gbt_print_json_text(text, gbt_model_column(model, GBT_ROLE_LABEL));
    gbt_print(text, ", \"classes\": [");
    const int64_t n_classes = gbt_model_count(model, GBT_SHAPE_CLASSES);
    for (int32_t k = 0; k < n_classes; k++) {
        gbt_print(text, "%s", k > 0 ? ", " : "");
        gbt_print_json_text(text, gbt_model_class_name(model, k));
    }
    gbt_print(text, "], \"features\": [");
    const int64_t n_features = gbt_model_count(model, GBT_SHAPE_FEATURES);
    for (int32_t f = 0; f < n_features; f++) {
        gbt_print(text, "%s{\"name\": ", f > 0 ? ", " : "");
        gbt_print_json_text(text, gbt_model_feature_name(model, f));
        gbt_print(text, ", \"categorical\": %s}",
                  gbt_model_feature_is_categorical(model, f) ? "true" : "false");
    }
    gbt_print(text, "]");
}

int gbt_cmd_info(int argc, char **argv)
{
    gbt_model_job j;
    double *base = NULL;
    int code = gbt_model_job_open(&j, "info", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int64_t n_outputs = gbt_model_count(j.model.frame, GBT_SHAPE_OUTPUTS);
    code = gbt_exit_of(GBT_NEW(base, n_outputs));
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_model_base_score(j.model.frame, base, n_outputs));
    }
    if (code == GBT_EXIT_OK) {
        (j.command.is_json ? write_info_json : write_info_text)(&j, base);
        code = j.model.kind == GBT_FILE_MULTITASK ? gbt_exit_of(write_tasks(&j)) : code;
    }
    if (code == GBT_EXIT_OK) {
        gbt_print(&j.text, "%s", j.command.is_json ? ", \"params\": {" : "");
        code = write_params(&j);
        gbt_print(&j.text, "%s", j.command.is_json ? "}}\n" : "");
    }
    gbt_release(base);
    return gbt_model_job_close(&j, code);
}
