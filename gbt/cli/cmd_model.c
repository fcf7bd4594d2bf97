/* The verbs that look at a saved model: eval, info, dump, importance, verify. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

enum { MOST_METRICS = 32, RESAMPLES = 200, N_IMPORTANCE = 3 };

/* What such a verb holds. */
typedef struct job {
    gbt_command command;
    char path[GBT_PATH_CHARS];
    gbt_model *model;
    gbt_writer text; /* for stdout */
} job;

/* Opens the command and loads model=; an exit code. */
static int open_job(job *j, const char *verb, int argc, char **argv)
{
    memset(j, 0, sizeof *j);
    int code = gbt_command_open(&j->command, verb, argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(&j->command, "model", false, j->path);
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_model_load(j->path, &j->model)) : code;
    if (code != GBT_EXIT_OK) {
        gbt_command_close(&j->command);
    }
    return code;
}

/* Prints when all went well, releases everything, passes the exit code on. */
static int finish(job *j, int code)
{
    code = code == GBT_EXIT_OK ? gbt_put("", &j->text) : code;
    gbt_writer_close(&j->text);
    gbt_model_free(j->model);
    gbt_command_close(&j->command);
    return code;
}

/* ---- eval ------------------------------------------------------------------------------------ */

static void write_metrics_json(gbt_writer *text, const gbt_metric_result *metrics, int n,
                               int64_t n_rows)
{
    gbt_print(text, "{\"rows\": %lld, \"metrics\": {", (long long)n_rows);
    for (int m = 0; m < n; m++) {
        gbt_print(text, "%s\"%s\": {\"value\": ", m > 0 ? ", " : "", metrics[m].name);
        gbt_print_number(text, metrics[m].value);
        gbt_print(text, ", \"low\": ");
        gbt_print_number(text, metrics[m].low);
        gbt_print(text, ", \"high\": ");
        gbt_print_number(text, metrics[m].high);
        gbt_print(text, "}");
    }
    gbt_print(text, "}}\n");
}

static void write_metrics(gbt_writer *text, const gbt_metric_result *metrics, int n)
{
    gbt_print(text, "metric,value,low,high\n");
    for (int m = 0; m < n; m++) {
        gbt_print(text, "%s,%.8g,%.6g,%.6g\n", metrics[m].name, metrics[m].value, metrics[m].low,
                  metrics[m].high);
    }
}

/* A column of weights that was asked for must be there. */
static gbt_status check_weight(const gbt_params *params, const gbt_table *table, const char *path)
{
    gbt_column_info info;
    char *name = gbt_command_copy(params, "weight");
    gbt_status status = name ? GBT_OK : GBT_ERR_MEMORY;
    bool is_there = name && !name[0];
    for (int32_t c = 0; status == GBT_OK && !is_there && c < gbt_table_columns(table); c++) {
        status = gbt_table_describe(table, c, &info);
        is_there = status == GBT_OK && info.role == GBT_ROLE_WEIGHT;
    }
    if (status == GBT_OK && !is_there) {
        status = gbt_fail(GBT_ERR_PARAM, "weight: no column \"%s\" in %s", name, path);
    }
    gbt_release(name);
    return status;
}

static int evaluate(job *j, const char *data)
{
    gbt_metric_result metrics[MOST_METRICS];
    gbt_table *table = NULL;
    int n = 0;
    char *list = gbt_command_copy(j->command.params, "metric");
    gbt_status status = list ? GBT_OK : GBT_ERR_MEMORY;
    if (status == GBT_OK) {
        status = gbt_table_read(j->command.params, data, j->model, &table);
    }
    if (status == GBT_OK) {
        status = check_weight(j->command.params, table, data);
    }
    if (status == GBT_OK) {
        status =
            gbt_model_evaluate(j->model, table, list, RESAMPLES,
                               gbt_command_int(&j->command, "threads"), metrics, MOST_METRICS, &n);
    }
    if (status == GBT_OK && j->command.is_json) {
        write_metrics_json(&j->text, metrics, n, gbt_table_rows(table));
    } else if (status == GBT_OK) {
        write_metrics(&j->text, metrics, n);
    }
    gbt_table_free(table);
    gbt_release(list);
    return gbt_exit_of(status);
}

int gbt_cmd_eval(int argc, char **argv)
{
    job j;
    char data[GBT_PATH_CHARS];
    int code = open_job(&j, "eval", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(&j.command, "data", false, data);
    return finish(&j, code == GBT_EXIT_OK ? evaluate(&j, data) : code);
}

/* ---- info ------------------------------------------------------------------------------------ */

/* The parameters that shaped the model, as lines of a config or as members of a JSON object. */
static int write_params(job *j)
{
    gbt_writer *text = &j->text;
    gbt_params *params = NULL;
    const char *section = "";
    int code = gbt_exit_of(gbt_model_params(j->model, &params));
    for (int i = 0; i < gbt_param_count() && code == GBT_EXIT_OK; i++) {
        gbt_param_info info;
        code = gbt_exit_of(gbt_param_describe(i, &info));
        if (code != GBT_EXIT_OK || strcmp(info.section, "data") == 0 ||
            strcmp(info.section, "device") == 0 || strcmp(info.section, "output") == 0) {
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

/* Whole numbers of `gbt info`, in order: name in JSON, words for people, key. */
static const struct {
    const char *name, *words;
    gbt_shape_key key;
} counts[] = {
    {"outputs", "outputs", GBT_SHAPE_OUTPUTS},
    {"rounds", "rounds", GBT_SHAPE_ROUNDS},
    {"trees", "trees", GBT_SHAPE_TREES},
    {"leaves", "leaves", GBT_SHAPE_LEAVES},
    {"train_rows", "training rows", GBT_SHAPE_TRAIN_ROWS},
    {"best_round", "best round", GBT_SHAPE_BEST_ROUND},
};
enum { N_COUNTS = (int)(sizeof counts / sizeof counts[0]) };

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

static void write_info_text(job *j, const double *base)
{
    gbt_writer *text = &j->text;
    const gbt_model *model = j->model;
    gbt_print(text, "%-14s %s\n", "objective", gbt_model_objective(model));
    for (int i = 0; i < N_COUNTS; i++) {
        const long long n = gbt_model_count(model, counts[i].key);
        const bool is_off = counts[i].key == GBT_SHAPE_BEST_ROUND && n == 0;
        gbt_print(text, "%-14s %lld%s\n", counts[i].words, n, is_off ? " (no early stopping)" : "");
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

static void write_info_json(job *j, const double *base)
{
    gbt_writer *text = &j->text;
    const gbt_model *model = j->model;
    gbt_print(text, "{\"objective\": \"%s\"", gbt_model_objective(model));
    for (int i = 0; i < N_COUNTS; i++) {
        gbt_print(text, ", \"%s\": %lld", counts[i].name,
                  (long long)gbt_model_count(model, counts[i].key));
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
    gbt_print(text, "], \"params\": {");
}

int gbt_cmd_info(int argc, char **argv)
{
    job j;
    double *base = NULL;
    int code = open_job(&j, "info", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int64_t n_outputs = gbt_model_count(j.model, GBT_SHAPE_OUTPUTS);
    code = gbt_exit_of(GBT_NEW(base, n_outputs));
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_model_base_score(j.model, base, n_outputs));
    }
    if (code == GBT_EXIT_OK) {
        (j.command.is_json ? write_info_json : write_info_text)(&j, base);
        code = write_params(&j);
        gbt_print(&j.text, "%s", j.command.is_json ? "}}\n" : "");
    }
    gbt_release(base);
    return finish(&j, code);
}

/* ---- dump and verify ------------------------------------------------------------------------- */

int gbt_cmd_dump(int argc, char **argv)
{
    job j;
    char *dump = NULL;
    size_t size = 0;
    int code = open_job(&j, "dump", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_exit_of(gbt_model_dump(j.model, j.command.dump_format, &dump, &size));
    if (code == GBT_EXIT_OK) {
        gbt_write_bytes(&j.text, dump, size);
    }
    gbt_memory_free(dump);
    return finish(&j, code);
}

int gbt_cmd_verify(int argc, char **argv)
{
    job j;
    int code = open_job(&j, "verify", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_exit_of(gbt_model_verify(j.model));
    gbt_print(&j.text,
              j.command.is_json ? "{\"good\": true, \"trees\": %lld, \"leaves\": %lld}\n"
                                : "good: checksums, %lld trees, %lld leaves\n",
              (long long)gbt_model_count(j.model, GBT_SHAPE_TREES),
              (long long)gbt_model_count(j.model, GBT_SHAPE_LEAVES));
    return finish(&j, code);
}

/* ---- importance ------------------------------------------------------------------------------ */

typedef struct ranked {
    int32_t feature;
    double value[N_IMPORTANCE]; /* by gbt_importance_kind */
} ranked;

static int by_gain(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const double p = x->value[GBT_IMPORTANCE_GAIN], q = y->value[GBT_IMPORTANCE_GAIN];
    return p != q ? (p < q) - (p > q) : (x->feature > y->feature) - (x->feature < y->feature);
}

static void write_importance(job *j, const ranked *rows, int64_t n)
{
    gbt_writer *text = &j->text;
    const bool is_json = j->command.is_json;
    gbt_print(text, "%s", is_json ? "[" : "feature,gain,split,cover\n");
    for (int64_t i = 0; i < n; i++) {
        const char *name = gbt_model_feature_name(j->model, rows[i].feature);
        const double *value = rows[i].value;
        if (is_json) {
            gbt_print(text, "%s{\"feature\": ", i > 0 ? ", " : "");
            gbt_print_json_text(text, name);
            gbt_print(text, ", \"gain\": %.9g, \"split\": %.9g, \"cover\": %.9g}", value[0],
                      value[1], value[2]);
        } else {
            gbt_print_csv_text(text, name);
            gbt_print(text, ",%.9g,%.9g,%.9g\n", value[0], value[1], value[2]);
        }
    }
    gbt_print(text, "%s", is_json ? "]\n" : "");
}

/* Features with their three importances, the largest gain first. */
static gbt_status rank_features(const gbt_model *model, int64_t n, ranked *rows)
{
    double *value = NULL; /* [n] */
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(value, n));
    for (int kind = 0; kind < N_IMPORTANCE; kind++) {
        GBT_TRY_OR_DONE(gbt_model_importance(model, (gbt_importance_kind)kind, value, n));
        for (int64_t f = 0; f < n; f++) {
            rows[f].feature = (int32_t)f;
            rows[f].value[kind] = value[f];
        }
    }
    qsort(rows, (size_t)n, sizeof *rows, by_gain);
done:
    gbt_release(value);
    return status;
}

int gbt_cmd_importance(int argc, char **argv)
{
    job j;
    ranked *rows = NULL; /* [n] */
    int code = open_job(&j, "importance", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int64_t n = gbt_model_count(j.model, GBT_SHAPE_FEATURES);
    code = gbt_exit_of(GBT_NEW(rows, n));
    code = code == GBT_EXIT_OK ? gbt_exit_of(rank_features(j.model, n, rows)) : code;
    if (code == GBT_EXIT_OK) {
        write_importance(&j, rows, n);
    }
    gbt_release(rows);
    return finish(&j, code);
}
