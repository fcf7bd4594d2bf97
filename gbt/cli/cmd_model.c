/* The verbs that look at a saved model: eval, info, dump, importance, verify. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/cli/cli.h"

enum { MOST_METRICS = 16, RESAMPLES = 200 };

/* Opens the command and loads model=; an exit code. */
static int open_model(gbt_command *command, const char *verb, int argc, char **argv, gbt_model **model)
{
    char path[GBT_PATH_CHARS];
    *model = NULL;
    int code = gbt_command_open(command, verb, argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(command, "model", path);
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_model_load(path, model)) : code;
    if (code != GBT_EXIT_OK) {
        gbt_command_close(command);
    }
    return code;
}

static int64_t shape(const gbt_model *model, gbt_shape_key key)
{
    int64_t n = 0;
    gbt_model_shape(model, key, &n);
    return n;
}

/* Prints, releases everything, passes the exit code on. */
static int finish(gbt_command *command, gbt_model *model, gbt_writer *text, int code)
{
    if (code == GBT_EXIT_OK && text->size > 0) {
        code = gbt_put("", text);
    }
    gbt_writer_close(text);
    gbt_model_free(model);
    gbt_command_close(command);
    return code;
}

/* ---- eval ---------------------------------------------------------------------------------------- */

static void write_metrics(gbt_writer *text, const gbt_metric_result *metrics, int n, int64_t n_rows, bool is_json)
{
    gbt_print(text, is_json ? "{\"rows\": %lld, \"metrics\": {" : "metric,value,low,high (95 %% of %lld rows)\n",
              (long long)n_rows);
    for (int m = 0; m < n; m++) {
        if (is_json) {
            gbt_print(text, "%s\"%s\": {\"value\": ", m > 0 ? ", " : "", metrics[m].name);
            gbt_print_number(text, metrics[m].value);
            gbt_print(text, ", \"low\": ");
            gbt_print_number(text, metrics[m].low);
            gbt_print(text, ", \"high\": ");
            gbt_print_number(text, metrics[m].high);
            gbt_print(text, "}");
        } else {
            gbt_print(text, "%s,%.8g,%.6g,%.6g\n", metrics[m].name, metrics[m].value, metrics[m].low,
                      metrics[m].high);
        }
    }
    gbt_print(text, "%s", is_json ? "}}\n" : "");
}

int gbt_cmd_eval(int argc, char **argv)
{
    gbt_command command;
    gbt_model *model;
    gbt_table *table = NULL;
    gbt_writer text = {0};
    char data[GBT_PATH_CHARS], list[1024];
    gbt_metric_result metrics[MOST_METRICS];
    int n = 0;
    int code = open_model(&command, "eval", argc, argv, &model);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(&command, "data", data);
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_table_read(command.params, data, model, &table)) : code;
    if (code == GBT_EXIT_OK) {
        gbt_command_text(&command, "metric", list, sizeof list);
        code = gbt_exit_of(gbt_model_evaluate(model, table, list, RESAMPLES, gbt_command_int(&command, "threads"),
                                              metrics, MOST_METRICS, &n));
    }
    if (code == GBT_EXIT_OK) {
        write_metrics(&text, metrics, n, gbt_table_rows(table), command.is_json);
    }
    gbt_table_free(table);
    return finish(&command, model, &text, code);
}

/* ---- info ---------------------------------------------------------------------------------------- */

static void write_params(gbt_writer *text, const gbt_model *model, bool is_json)
{
    gbt_params *params = NULL;
    const char *section = "";
    bool is_first = true;
    if (gbt_model_params(model, &params) != GBT_OK) {
        return;
    }
    for (int i = 0; i < gbt_param_count(); i++) {
        gbt_param_info info;
        char value[1024];
        if (gbt_param_describe(i, &info) != GBT_OK || gbt_params_get(params, info.name, value, sizeof value) != GBT_OK ||
            strcmp(info.section, "data") == 0 || strcmp(info.section, "device") == 0 ||
            strcmp(info.section, "output") == 0) {
            continue;
        }
        if (is_json) {
            gbt_print(text, "%s\"%s\": ", is_first ? "" : ", ", info.name);
            gbt_print_json_text(text, value);
        } else {
            if (strcmp(section, info.section) != 0) {
                gbt_print(text, "[%s]\n", info.section);
            }
            gbt_print(text, "%s = %s\n", info.name, value);
        }
        section = info.section;
        is_first = false;
    }
    gbt_params_free(params);
}

static void write_info_text(gbt_writer *text, const gbt_model *model)
{
    gbt_print(text, "objective      %s\n", gbt_model_objective(model));
    gbt_print(text, "outputs        %lld\n", (long long)shape(model, GBT_SHAPE_OUTPUTS));
    if (shape(model, GBT_SHAPE_CLASSES) > 0) {
        gbt_print(text, "classes        ");
        for (int32_t k = 0; k < shape(model, GBT_SHAPE_CLASSES); k++) {
            gbt_print(text, "%s%s", k > 0 ? ", " : "", gbt_model_class_name(model, k));
        }
        gbt_print(text, "\n");
    }
    gbt_print(text, "rounds         %lld\n", (long long)shape(model, GBT_SHAPE_ROUNDS));
    gbt_print(text, "trees          %lld with %lld leaves\n", (long long)shape(model, GBT_SHAPE_TREES),
              (long long)shape(model, GBT_SHAPE_LEAVES));
    gbt_print(text, "training rows  %lld\n", (long long)shape(model, GBT_SHAPE_TRAIN_ROWS));
    gbt_print(text, "best round     %lld%s\n", (long long)shape(model, GBT_SHAPE_BEST_ROUND),
              shape(model, GBT_SHAPE_BEST_ROUND) == 0 ? " (no early stopping)" : "");
    gbt_print(text, "label          %s\n", gbt_model_column(model, GBT_ROLE_LABEL));
    gbt_print(text, "features       %lld\n", (long long)shape(model, GBT_SHAPE_FEATURES));
    for (int32_t f = 0; f < shape(model, GBT_SHAPE_FEATURES); f++) {
        gbt_print(text, "  %s%s\n", gbt_model_feature_name(model, f),
                  gbt_model_feature_is_categorical(model, f) ? " (categorical)" : "");
    }
    gbt_print(text, "\n");
    write_params(text, model, false);
}

static void write_info_json(gbt_writer *text, const gbt_model *model)
{
    gbt_print(text, "{\"objective\": \"%s\", \"outputs\": %lld, \"classes\": [", gbt_model_objective(model),
              (long long)shape(model, GBT_SHAPE_OUTPUTS));
    for (int32_t k = 0; k < shape(model, GBT_SHAPE_CLASSES); k++) {
        gbt_print(text, "%s", k > 0 ? ", " : "");
        gbt_print_json_text(text, gbt_model_class_name(model, k));
    }
    gbt_print(text, "], \"rounds\": %lld, \"trees\": %lld, \"leaves\": %lld, \"train_rows\": %lld, \"best_round\": %lld",
              (long long)shape(model, GBT_SHAPE_ROUNDS), (long long)shape(model, GBT_SHAPE_TREES),
              (long long)shape(model, GBT_SHAPE_LEAVES), (long long)shape(model, GBT_SHAPE_TRAIN_ROWS),
              (long long)shape(model, GBT_SHAPE_BEST_ROUND));
    gbt_print(text, ", \"label\": ");
    gbt_print_json_text(text, gbt_model_column(model, GBT_ROLE_LABEL));
    gbt_print(text, ", \"features\": [");
    for (int32_t f = 0; f < shape(model, GBT_SHAPE_FEATURES); f++) {
        gbt_print(text, "%s{\"name\": ", f > 0 ? ", " : "");
        gbt_print_json_text(text, gbt_model_feature_name(model, f));
        gbt_print(text, ", \"categorical\": %s}", gbt_model_feature_is_categorical(model, f) ? "true" : "false");
    }
    gbt_print(text, "], \"params\": {");
    write_params(text, model, true);
    gbt_print(text, "}}\n");
}

int gbt_cmd_info(int argc, char **argv)
{
    gbt_command command;
    gbt_model *model;
    gbt_writer text = {0};
    const int code = open_model(&command, "info", argc, argv, &model);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    if (command.is_json) {
        write_info_json(&text, model);
    } else {
        write_info_text(&text, model);
    }
    return finish(&command, model, &text, code);
}

/* ---- dump, importance, verify ---------------------------------------------------------------------- */

int gbt_cmd_dump(int argc, char **argv)
{
    gbt_command command;
    gbt_model *model;
    gbt_writer text = {0};
    char *dump = NULL;
    size_t size = 0;
    int code = open_model(&command, "dump", argc, argv, &model);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const char *name = command.dump_format ? command.dump_format : command.is_json ? "json" : "text";
    const gbt_dump_format format = strcmp(name, "json") == 0  ? GBT_DUMP_JSON
                                   : strcmp(name, "dot") == 0 ? GBT_DUMP_DOT
                                                              : GBT_DUMP_TEXT;
    if (format == GBT_DUMP_TEXT && strcmp(name, "text") != 0) {
        code = gbt_usage_error("format = %s is not one of text, json, dot", name);
    } else {
        code = gbt_exit_of(gbt_model_dump(model, format, &dump, &size));
    }
    if (code == GBT_EXIT_OK) {
        gbt_write_bytes(&text, dump, size);
    }
    gbt_memory_free(dump);
    return finish(&command, model, &text, code);
}

typedef struct ranked {
    int32_t feature;
    double value[3]; /* by gbt_importance_kind */
} ranked;

static int by_gain(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const double p = x->value[GBT_IMPORTANCE_GAIN], q = y->value[GBT_IMPORTANCE_GAIN];
    return p != q ? (p < q) - (p > q) : (x->feature > y->feature) - (x->feature < y->feature);
}

static void write_importance(gbt_writer *text, const gbt_model *model, const ranked *rows, int64_t n, bool is_json)
{
    gbt_print(text, is_json ? "[" : "feature,gain,split,cover\n");
    for (int64_t i = 0; i < n; i++) {
        const char *name = gbt_model_feature_name(model, rows[i].feature);
        if (is_json) {
            gbt_print(text, "%s{\"feature\": ", i > 0 ? ", " : "");
            gbt_print_json_text(text, name);
            gbt_print(text, ", \"gain\": %.9g, \"split\": %.9g, \"cover\": %.9g}", rows[i].value[0],
                      rows[i].value[1], rows[i].value[2]);
        } else {
            gbt_print_csv_text(text, name);
            gbt_print(text, ",%.9g,%.9g,%.9g\n", rows[i].value[0], rows[i].value[1], rows[i].value[2]);
        }
    }
    gbt_print(text, "%s", is_json ? "]\n" : "");
}

int gbt_cmd_importance(int argc, char **argv)
{
    gbt_command command;
    gbt_model *model;
    gbt_writer text = {0};
    int code = open_model(&command, "importance", argc, argv, &model);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int64_t n = shape(model, GBT_SHAPE_FEATURES);
    ranked *rows = calloc((size_t)n + 1, sizeof *rows);
    double *value = calloc((size_t)n + 1, sizeof *value);
    if (!rows || !value) {
        code = GBT_EXIT_MEMORY;
    }
    for (int kind = 0; kind < 3 && code == GBT_EXIT_OK; kind++) {
        code = gbt_exit_of(gbt_model_importance(model, (gbt_importance_kind)kind, value, n));
        for (int64_t f = 0; f < n; f++) {
            rows[f].feature = (int32_t)f;
            rows[f].value[kind] = value[f];
        }
    }
    if (code == GBT_EXIT_OK) {
        qsort(rows, (size_t)n, sizeof *rows, by_gain);
        write_importance(&text, model, rows, n, command.is_json);
    }
    free(rows);
    free(value);
    return finish(&command, model, &text, code);
}

int gbt_cmd_verify(int argc, char **argv)
{
    gbt_command command;
    gbt_model *model;
    gbt_writer text = {0};
    int code = open_model(&command, "verify", argc, argv, &model);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_exit_of(gbt_model_verify(model));
    if (code == GBT_EXIT_OK) {
        gbt_print(&text, "good: checksums, %lld trees, %lld leaves\n", (long long)shape(model, GBT_SHAPE_TREES),
                  (long long)shape(model, GBT_SHAPE_LEAVES));
    }
    return finish(&command, model, &text, code);
}
