/* gbt predict: model + data file -> CSV of predictions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/cli/cli.h"

typedef enum output_kind { OUT_RESPONSE, OUT_RAW, OUT_CLASS, OUT_LEAF } output_kind;

typedef struct job {
    gbt_command command;
    char model_path[GBT_PATH_CHARS], data[GBT_PATH_CHARS], predictions[GBT_PATH_CHARS];
    output_kind kind;
    int32_t from, rounds;
    gbt_model *model;
    gbt_table *table;
    int64_t n_rows, n_cols; /* of the output */
    float *value;           /* [n_rows x n_cols] or NULL */
    int32_t *leaf;          /* [n_rows x n_cols] or NULL */
} job;

static int64_t shape(const job *j, gbt_shape_key key)
{
    int64_t n = 0;
    gbt_model_shape(j->model, key, &n);
    return n;
}

static int read_options(job *j)
{
    char text[32];
    gbt_command_text(&j->command, "output", text, sizeof text);
    j->kind = strcmp(text, "raw") == 0     ? OUT_RAW
              : strcmp(text, "class") == 0 ? OUT_CLASS
              : strcmp(text, "leaf") == 0  ? OUT_LEAF
                                           : OUT_RESPONSE;
    const int64_t all = shape(j, GBT_SHAPE_ROUNDS);
    const int from = gbt_command_int(&j->command, "trees_from");
    const int to = gbt_command_int(&j->command, "trees_to");
    const bool has_to = gbt_params_is_set(j->command.params, "trees_to") == 1;
    if (from > all || (has_to && to > all)) {
        return gbt_usage_error("trees_from = %d, trees_to = %d: the model has %lld rounds", from, to, (long long)all);
    }
    if (has_to && to > 0 && to <= from) {
        return gbt_usage_error("trees_from = %d is not below trees_to = %d", from, to);
    }
    if (j->kind == OUT_LEAF && (from > 0 || (has_to && to > 0))) {
        return gbt_usage_error("trees_from and trees_to have no effect with output=leaf");
    }
    if (j->kind == OUT_CLASS && shape(j, GBT_SHAPE_CLASSES) == 0) {
        return gbt_usage_error("output=class needs a classification model; this one is %s",
                               gbt_model_objective(j->model));
    }
    j->from = from;
    j->rounds = has_to && to > 0 ? to - from : 0;
    return GBT_EXIT_OK;
}

static int predict(job *j)
{
    const int threads = gbt_command_int(&j->command, "threads");
    j->n_rows = gbt_table_rows(j->table);
    j->n_cols = j->kind == OUT_LEAF    ? shape(j, GBT_SHAPE_TREES)
                : j->kind == OUT_CLASS ? 1
                                       : shape(j, GBT_SHAPE_OUTPUTS);
    const int64_t n = j->n_rows * j->n_cols;
    if (j->kind == OUT_LEAF) {
        j->leaf = malloc((size_t)(n > 0 ? n : 1) * sizeof *j->leaf);
        return j->leaf ? gbt_exit_of(gbt_model_leaves_table(j->model, j->table, threads, j->leaf, n))
                       : GBT_EXIT_MEMORY;
    }
    const gbt_predict_kind kind = j->kind == OUT_RAW     ? GBT_PREDICT_RAW
                                  : j->kind == OUT_CLASS ? GBT_PREDICT_CLASS
                                                         : GBT_PREDICT_RESPONSE;
    j->value = malloc((size_t)(n > 0 ? n : 1) * sizeof *j->value);
    return j->value ? gbt_exit_of(gbt_model_predict_table(j->model, j->table, kind, j->from, j->rounds, threads,
                                                          j->value, n))
                    : GBT_EXIT_MEMORY;
}

static void write_header(const job *j, gbt_writer *text, bool has_id)
{
    gbt_print(text, "%s", has_id ? "id," : "");
    for (int64_t c = 0; c < j->n_cols; c++) {
        const char *comma = c > 0 ? "," : "";
        if (j->kind == OUT_LEAF) {
            gbt_print(text, "%stree_%lld", comma, (long long)c);
        } else if (j->kind == OUT_CLASS) {
            gbt_print(text, "class");
        } else if (j->n_cols == 1) {
            gbt_print(text, j->kind == OUT_RAW ? "raw" : "prediction");
        } else {
            char name[256];
            snprintf(name, sizeof name, "%s_%s", j->kind == OUT_RAW ? "raw" : "p",
                     gbt_model_class_name(j->model, (int32_t)c));
            gbt_print(text, "%s", comma);
            gbt_print_csv_text(text, name);
        }
    }
    gbt_print(text, "\n");
}

static int write_predictions(const job *j)
{
    gbt_writer text = {0};
    const bool has_id = j->n_rows > 0 && gbt_table_id(j->table, 0) != NULL;
    write_header(j, &text, has_id);
    for (int64_t i = 0; i < j->n_rows; i++) {
        if (has_id) {
            gbt_print_csv_text(&text, gbt_table_id(j->table, i));
            gbt_write_u8(&text, ',');
        }
        for (int64_t c = 0; c < j->n_cols; c++) {
            if (c > 0) {
                gbt_write_u8(&text, ',');
            }
            if (j->kind == OUT_LEAF) {
                gbt_print(&text, "%d", (int)j->leaf[i * j->n_cols + c]);
            } else if (j->kind == OUT_CLASS) {
                gbt_print_csv_text(&text, gbt_model_class_name(j->model, (int32_t)j->value[i]));
            } else {
                gbt_print_float(&text, j->value[i * j->n_cols + c]);
            }
        }
        gbt_write_u8(&text, '\n');
    }
    const int code = gbt_put(j->predictions, &text);
    gbt_writer_close(&text);
    return code;
}

static int run(job *j)
{
    int code = gbt_command_input(&j->command, "model", j->model_path);
    code = code == GBT_EXIT_OK ? gbt_command_input(&j->command, "data", j->data) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(&j->command, "predictions", true, j->predictions) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_model_load(j->model_path, &j->model)) : code;
    code = code == GBT_EXIT_OK ? read_options(j) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_table_read(j->command.params, j->data, j->model, &j->table)) : code;
    code = code == GBT_EXIT_OK ? predict(j) : code;
    return code == GBT_EXIT_OK ? write_predictions(j) : code;
}

int gbt_cmd_predict(int argc, char **argv)
{
    job *j = calloc(1, sizeof *j);
    if (!j) {
        return GBT_EXIT_MEMORY;
    }
    int code = gbt_command_open(&j->command, "predict", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        free(j->value);
        free(j->leaf);
        gbt_table_free(j->table);
        gbt_model_free(j->model);
        gbt_command_close(&j->command);
    }
    free(j);
    return code;
}
