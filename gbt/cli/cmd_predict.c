/* gbt predict: model + data file -> CSV of predictions. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

typedef enum output_kind { OUT_RESPONSE, OUT_RAW, OUT_CLASS, OUT_LEAF } output_kind;

typedef struct job {
    gbt_command command;
    char model_path[GBT_PATH_CHARS], data[GBT_PATH_CHARS], predictions[GBT_PATH_CHARS];
    output_kind kind;
    int32_t from, rounds; /* rounds 0: all that follow */
    gbt_model *model;
    gbt_table *table;
    int64_t n_rows, n_cols; /* of the output */
    float *value;           /* [n_rows x n_cols] or NULL */
    int32_t *leaf;          /* [n_rows x n_cols] or NULL */
} job;

/* ---- What is asked for ----------------------------------------------------------------------- */

static int take_paths(job *j)
{
    int code = gbt_command_input(&j->command, "model", false, j->model_path);
    code = code == GBT_EXIT_OK ? gbt_command_input(&j->command, "data", false, j->data) : code;
    code = code == GBT_EXIT_OK
               ? gbt_command_output(&j->command, "predictions", true, j->predictions)
               : code;
    const gbt_used_file file[] = {{"predictions", j->predictions, true},
                                  {"model", j->model_path, false},
                                  {"data", j->data, false},
                                  {"the config", j->command.config, false}};
    return code == GBT_EXIT_OK ? gbt_check_files(file, 4) : code;
}

static output_kind kind_of(const char *text)
{
    return strcmp(text, "raw") == 0     ? OUT_RAW
           : strcmp(text, "class") == 0 ? OUT_CLASS
           : strcmp(text, "leaf") == 0  ? OUT_LEAF
                                        : OUT_RESPONSE;
}

static int read_options(job *j)
{
    char text[32];
    const long long all = gbt_model_count(j->model, GBT_SHAPE_ROUNDS);
    const int from = gbt_command_int(&j->command, "trees_from");
    const int to = gbt_command_int(&j->command, "trees_to");
    const int code = gbt_command_text(&j->command, "output", text, sizeof text);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    j->kind = kind_of(text);
    j->from = from;
    j->rounds = to > 0 ? to - from : 0;
    if (to > all || (from > 0 && from >= all)) {
        return gbt_usage_error("%s = %d: the model has %lld rounds",
                               to > all ? "trees_to" : "trees_from", to > all ? to : from, all);
    }
    if (j->kind == OUT_LEAF && (from > 0 || to > 0)) {
        return gbt_usage_error("trees_from and trees_to have no effect with output = leaf");
    }
    if (j->kind == OUT_CLASS && gbt_model_count(j->model, GBT_SHAPE_CLASSES) == 0) {
        return gbt_usage_error("output = class needs a classification model; this one is %s",
                               gbt_model_objective(j->model));
    }
    return GBT_EXIT_OK;
}

/* ---- Predicting ------------------------------------------------------------------------------ */

static gbt_status predict_leaves(job *j, int threads)
{
    j->n_cols = gbt_model_count(j->model, GBT_SHAPE_TREES);
    GBT_TRY(GBT_NEW(j->leaf, j->n_rows * j->n_cols));
    return gbt_model_leaves_table(j->model, j->table, threads, j->leaf, j->n_rows * j->n_cols);
}

static gbt_status predict_values(job *j, int threads)
{
    const gbt_predict_kind kind = j->kind == OUT_RAW     ? GBT_PREDICT_RAW
                                  : j->kind == OUT_CLASS ? GBT_PREDICT_CLASS
                                                         : GBT_PREDICT_RESPONSE;
    j->n_cols = j->kind == OUT_CLASS ? 1 : gbt_model_count(j->model, GBT_SHAPE_OUTPUTS);
    GBT_TRY(GBT_NEW(j->value, j->n_rows * j->n_cols));
    return gbt_model_predict_table(j->model, j->table, kind, j->from, j->rounds, threads, j->value,
                                   j->n_rows * j->n_cols);
}

static int predict(job *j)
{
    const int threads = gbt_command_int(&j->command, "threads");
    j->n_rows = gbt_table_rows(j->table);
    return gbt_exit_of(j->kind == OUT_LEAF ? predict_leaves(j, threads)
                                           : predict_values(j, threads));
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* "p_<class>" or "raw_<class>" of one of several outputs. */
static void write_class_column(const job *j, gbt_writer *text, int32_t output)
{
    gbt_writer name = {0};
    gbt_print(&name, "%s_%s", j->kind == OUT_RAW ? "raw" : "p",
              gbt_model_class_name(j->model, output));
    gbt_write_u8(&name, 0);
    if (name.status == GBT_OK) {
        gbt_print_csv_text(text, (const char *)name.data);
    } else {
        text->status = name.status;
    }
    gbt_writer_close(&name);
}

static void write_header(const job *j, gbt_writer *text, bool has_id)
{
    gbt_print(text, "%s", has_id ? "id," : "");
    for (int64_t c = 0; c < j->n_cols; c++) {
        gbt_print(text, "%s", c > 0 ? "," : "");
        if (j->kind == OUT_LEAF) {
            gbt_print(text, "tree_%lld", (long long)c);
        } else if (j->kind == OUT_CLASS) {
            gbt_print(text, "class");
        } else if (j->n_cols == 1) {
            gbt_print(text, "%s", j->kind == OUT_RAW ? "raw" : "prediction");
        } else {
            write_class_column(j, text, (int32_t)c);
        }
    }
    gbt_print(text, "\n");
}

static void write_cell(const job *j, gbt_writer *text, int64_t cell)
{
    if (j->kind == OUT_LEAF) {
        gbt_print(text, "%d", (int)j->leaf[cell]);
    } else if (j->kind == OUT_CLASS) {
        gbt_print_csv_text(text, gbt_model_class_name(j->model, (int32_t)j->value[cell]));
    } else {
        gbt_print_float(text, j->value[cell]);
    }
}

static int write_predictions(const job *j)
{
    gbt_writer text = {0};
    const bool has_id = gbt_table_id(j->table, 0) != NULL;
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
            write_cell(j, &text, i * j->n_cols + c);
        }
        gbt_write_u8(&text, '\n');
    }
    const int code = gbt_put(j->predictions, &text);
    gbt_writer_close(&text);
    return code;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int run(job *j)
{
    int code = take_paths(j);
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_model_load(j->model_path, &j->model)) : code;
    code = code == GBT_EXIT_OK ? read_options(j) : code;
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_table_read(j->command.params, j->data, j->model, &j->table));
    }
    code = code == GBT_EXIT_OK ? predict(j) : code;
    return code == GBT_EXIT_OK ? write_predictions(j) : code;
}

int gbt_cmd_predict(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "predict", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        gbt_release(j->value);
        gbt_release(j->leaf);
        gbt_table_free(j->table);
        gbt_model_free(j->model);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
