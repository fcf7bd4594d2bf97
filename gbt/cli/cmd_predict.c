/* gbt predict: a model of any kind + data file -> CSV of predictions. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/any_model.h"

typedef enum output_kind { OUT_RESPONSE, OUT_RAW, OUT_CLASS, OUT_LEAF } output_kind;

typedef struct job {
    gbt_command command;
    char model_path[GBT_PATH_CHARS], data[GBT_PATH_CHARS], predictions[GBT_PATH_CHARS];
    output_kind kind;
    int32_t from, rounds; /* rounds 0: all that follow */
    double early_margin;  /* -1: off */
    gbt_any_model model;
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

/* Which rounds; a key without an effect on this kind of model is refused. */
static int take_rounds(job *j)
{
    const int all = (int)gbt_any_rounds(&j->model);
    const int from = gbt_command_int(&j->command, "trees_from");
    const int to = gbt_command_int(&j->command, "trees_to");
    const char *words = gbt_any_words(&j->model);
    if (j->model.kind == GBT_FILE_MULTITASK && (from > 0 || to > 0)) {
        return gbt_usage_error("%s has no effect: %s is always used as a whole",
                               from > 0 ? "trees_from" : "trees_to", words);
    }
    if (j->model.kind == GBT_FILE_HEADS && from > 0) {
        return gbt_usage_error("trees_from has no effect: %s always begins with its first step",
                               words);
    }
    if (to > all || (from > 0 && from >= all)) {
        return gbt_usage_error("%s = %d: the model has %d %s", to > all ? "trees_to" : "trees_from",
                               to > all ? to : from, all,
                               j->model.kind == GBT_FILE_HEADS ? "steps" : "rounds");
    }
    if (j->kind == OUT_LEAF && (from > 0 || to > 0)) {
        return gbt_usage_error("trees_from and trees_to have no effect with output = leaf");
    }
    j->from = from;
    j->rounds = to > 0 ? to - from : 0;
    return GBT_EXIT_OK;
}

/* A config may hold the key for models of heads; typed, it needs one. */
static int take_early_margin(job *j)
{
    char text[GBT_NUMBER_CHARS];
    const int code = gbt_command_text(&j->command, "early_margin", text, sizeof text);
    if (code != GBT_EXIT_OK || !gbt_parse_real(gbt_slice_of(text), &j->early_margin)) {
        return code != GBT_EXIT_OK ? code : GBT_EXIT_FAILED;
    }
    if (j->model.kind != GBT_FILE_HEADS && gbt_command_typed(&j->command, "early_margin")) {
        return gbt_usage_error("early_margin has no effect: the model is %s",
                               gbt_any_words(&j->model));
    }
    if (j->model.kind != GBT_FILE_HEADS) {
        j->early_margin = -1.0;
    }
    if (j->early_margin >= 0.0 && j->kind != OUT_CLASS) {
        return gbt_usage_error("early_margin = %s needs output = class", text);
    }
    if (j->early_margin >= 0.0 && j->rounds > 0) {
        return gbt_usage_error("trees_to and early_margin exclude each other");
    }
    if (j->early_margin >= 0.0 && gbt_model_count(j->model.frame, GBT_SHAPE_USES_INIT_SCORE) > 0) {
        return gbt_usage_error("early_margin does not know the init scores that the model needs");
    }
    return GBT_EXIT_OK;
}

static int take_output(job *j)
{
    char text[32];
    const int code = gbt_command_text(&j->command, "output", text, sizeof text);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    j->kind = kind_of(text);
    if (j->kind == OUT_LEAF && j->model.kind != GBT_FILE_TREES) {
        return gbt_usage_error("output = leaf needs a tree model; this one is %s",
                               gbt_any_words(&j->model));
    }
    if (j->kind == OUT_CLASS && gbt_model_count(j->model.frame, GBT_SHAPE_CLASSES) == 0) {
        return gbt_usage_error("output = class needs a classification model; this one is %s",
                               gbt_model_objective(j->model.frame));
    }
    return GBT_EXIT_OK;
}

static int read_options(job *j)
{
    int code = gbt_check_task_key(&j->command, &j->model);
    code = code == GBT_EXIT_OK ? take_output(j) : code;
    code = code == GBT_EXIT_OK ? take_rounds(j) : code;
    return code == GBT_EXIT_OK ? take_early_margin(j) : code;
}

/* ---- Predicting ------------------------------------------------------------------------------ */

static gbt_status predict_leaves(job *j, int threads)
{
    j->n_cols = gbt_model_count(j->model.trees, GBT_SHAPE_TREES);
    GBT_TRY(GBT_NEW(j->leaf, j->n_rows * j->n_cols));
    return gbt_model_leaves_table(j->model.trees, j->table, threads, j->leaf,
                                  j->n_rows * j->n_cols);
}

static gbt_status predict_values(job *j, int threads)
{
    const gbt_any_request request = {.kind = j->kind == OUT_RAW     ? GBT_PREDICT_RAW
                                             : j->kind == OUT_CLASS ? GBT_PREDICT_CLASS
                                                                    : GBT_PREDICT_RESPONSE,
                                     .first_round = j->from,
                                     .n_rounds = j->rounds,
                                     .threads = threads};
    int64_t n_unseen = 0;
    j->n_cols = j->kind == OUT_CLASS ? 1 : gbt_model_count(j->model.frame, GBT_SHAPE_OUTPUTS);
    GBT_TRY(GBT_NEW(j->value, j->n_rows * j->n_cols));
    GBT_TRY(
        gbt_any_predict(&j->model, j->table, &request, j->value, j->n_rows * j->n_cols, &n_unseen));
    gbt_any_report_unseen(&j->command, n_unseen);
    return GBT_OK;
}

static void report_steps(const job *j, const int32_t *steps)
{
    double sum = 0.0;
    for (int64_t i = 0; i < j->n_rows; i++) {
        sum += (double)steps[i];
    }
    if (j->n_rows > 0 && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "steps computed a row: %.4g of %d on average\n", sum / (double)j->n_rows,
                (int)gbt_any_rounds(&j->model));
    }
}

/* Classes of a model of heads, each row only as far as its class needs. */
static gbt_status predict_early(job *j, int threads)
{
    gbt_status status = GBT_OK;
    const int64_t width = gbt_model_count(j->model.frame, GBT_SHAPE_FEATURES);
    float *features = NULL; /* [n_rows x width] */
    int32_t *steps = NULL;  /* [n_rows] */
    j->n_cols = 1;
    GBT_TRY_OR_DONE(GBT_NEW(j->value, j->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(features, j->n_rows * width));
    GBT_TRY_OR_DONE(GBT_NEW(steps, j->n_rows));
    GBT_TRY_OR_DONE(gbt_model_features(j->model.frame, j->table, features, j->n_rows * width));
    const gbt_matrix matrix = {features, GBT_F32, j->n_rows, width, width, 1};
    GBT_TRY_OR_DONE(gbt_heads_predict_early(j->model.heads, &matrix, j->early_margin, threads,
                                            j->value, steps, j->n_rows));
    report_steps(j, steps);
done:
    gbt_release(features);
    gbt_release(steps);
    return status;
}

static int predict(job *j)
{
    const int threads = gbt_command_int(&j->command, "threads");
    j->n_rows = gbt_table_rows(j->table);
    return gbt_exit_of(j->kind == OUT_LEAF      ? predict_leaves(j, threads)
                       : j->early_margin >= 0.0 ? predict_early(j, threads)
                                                : predict_values(j, threads));
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_header(const job *j, gbt_writer *text, bool has_id)
{
    gbt_print(text, "%s", has_id ? "id," : "");
    for (int64_t c = 0; c < j->n_cols; c++) {
        gbt_print(text, "%s", c > 0 ? "," : "");
        if (j->kind == OUT_LEAF) {
            gbt_print(text, "tree_%lld", (long long)c);
        } else if (j->kind == OUT_CLASS) {
            gbt_print(text, "class");
        } else {
            gbt_print_output_column(text, j->model.frame, j->kind == OUT_RAW, (int32_t)c);
        }
    }
    gbt_print(text, "\n");
}

static void write_cell(const job *j, gbt_writer *text, int64_t cell)
{
    if (j->kind == OUT_LEAF) {
        gbt_print(text, "%d", (int)j->leaf[cell]);
    } else if (j->kind == OUT_CLASS) {
        gbt_print_csv_text(text, gbt_model_class_name(j->model.frame, (int32_t)j->value[cell]));
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
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_any_open(j->model_path, &j->model)) : code;
    code = code == GBT_EXIT_OK ? read_options(j) : code;
    code = code == GBT_EXIT_OK ? gbt_any_to_device(&j->command, &j->model) : code;
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_table_read(j->command.params, j->data, j->model.frame, &j->table));
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
        gbt_any_close(&j->model);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
