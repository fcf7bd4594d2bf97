/* gbt heads: config -> a network of one hidden layer trained a few units a step, its weights as
 * arrays when asked for, and its metrics on test rows. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/module_data.h"
#include "gbt/cli/module_output.h"
#include "gbt/cli/report.h"

enum { MOST_METRICS = 32, RESAMPLES = 200, N_ARRAYS = 4 };

typedef struct job {
    gbt_command command;
    gbt_params *params; /* without the keys of other verbs */
    gbt_valid_list list;
    char train_path[GBT_PATH_CHARS], data_path[GBT_PATH_CHARS], leaf_path[GBT_PATH_CHARS];
    char model_path[GBT_PATH_CHARS], weights_path[GBT_PATH_CHARS], log_path[GBT_PATH_CHARS];
    const char *valid_path;
    gbt_model *leaf_model; /* or NULL */
    gbt_file_rows train, valid, test;
    gbt_heads *result;
    gbt_metric_result metric[MOST_METRICS];
    int n_metrics;
    gbt_writer text;
    double seconds_train;
} job;

/* ---- What is asked for ----------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t size = strlen(text), tail = strlen(ending);
    return size > tail && strcmp(text + size - tail, ending) == 0;
}

/* The leaves of a tree model are inputs, or there is no such model. */
static int check_inputs(const job *j)
{
    char inputs[32];
    const int code = gbt_command_text(&j->command, "inputs", inputs, sizeof inputs);
    const bool needs_leaves = strcmp(inputs, "columns") != 0;
    if (code == GBT_EXIT_OK && needs_leaves && !j->leaf_path[0]) {
        return gbt_usage_error("inputs = %s needs leaf_model=FILE, a tree model", inputs);
    }
    if (code == GBT_EXIT_OK && !needs_leaves && j->leaf_path[0]) {
        return gbt_usage_error("leaf_model has no effect with inputs = columns");
    }
    return code;
}

static int check_weights_path(const job *j)
{
    const char *path = j->weights_path;
    if (path[0] && !ends_with(path, ".npz") && !ends_with(path, ".csv")) {
        return gbt_usage_error("export_weights = %s: the name must end in .npz or .csv", path);
    }
    return GBT_EXIT_OK;
}

static int take_paths(job *j)
{
    const gbt_command *command = &j->command;
    int code = gbt_command_input(command, "train", false, j->train_path);
    code = code == GBT_EXIT_OK ? gbt_command_input(command, "data", true, j->data_path) : code;
    code =
        code == GBT_EXIT_OK ? gbt_command_input(command, "leaf_model", true, j->leaf_path) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_open(command, &j->list) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_only(command, &j->list, &j->valid_path) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "model", false, j->model_path) : code;
    code = code == GBT_EXIT_OK
               ? gbt_command_output(command, "export_weights", true, j->weights_path)
               : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "log_json", true, j->log_path) : code;
    code = code == GBT_EXIT_OK ? check_inputs(j) : code;
    code = code == GBT_EXIT_OK ? check_weights_path(j) : code;
    const gbt_used_file file[] = {
        {"model", j->model_path, true},  {"export_weights", j->weights_path, true},
        {"log_json", j->log_path, true}, {"train", j->train_path, false},
        {"data", j->data_path, false},   {"leaf_model", j->leaf_path, false},
        {"valid", j->valid_path, false}, {"the config", command->config, false}};
    return code == GBT_EXIT_OK ? gbt_check_files(file, (int)(sizeof file / sizeof file[0])) : code;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static gbt_status read_rows(const job *j, const char *path, const char *why, gbt_file_rows *out)
{
    GBT_TRY(gbt_file_rows_read(j->params, path, j->leaf_model, j->train.data, out));
    GBT_TRY(gbt_file_rows_need_label(out, why));
    return gbt_file_rows_take_features(out);
}

static gbt_status read_data(job *j)
{
    const double start = gbt_clock();
    if (j->leaf_path[0]) {
        GBT_TRY(gbt_model_load(j->leaf_path, &j->leaf_model));
    }
    GBT_TRY(read_rows(j, j->train_path, "training needs one", &j->train));
    gbt_file_rows_drop_table(&j->train);
    if (j->valid_path) {
        GBT_TRY(read_rows(j, j->valid_path, "validation needs one", &j->valid));
        gbt_file_rows_drop_table(&j->valid);
    }
    if (j->data_path[0]) {
        GBT_TRY(
            gbt_file_rows_read(j->params, j->data_path, j->leaf_model, j->train.data, &j->test));
        GBT_TRY(gbt_file_rows_need_label(&j->test, "metrics need one"));
    }
    gbt_file_rows_print(&j->command, &j->train, gbt_clock() - start);
    return GBT_OK;
}

/* ---- Weights --------------------------------------------------------------------------------- */

static int64_t shape_of(const job *j, gbt_heads_key key)
{
    int64_t n = 0;
    (void)gbt_heads_shape(j->result, key, &n);
    return n;
}

/* array,row,column,value; a bias has one column. */
static void print_csv(gbt_writer *text, const gbt_array *array)
{
    gbt_print(text, "array,row,column,value\n");
    for (int a = 0; a < N_ARRAYS; a++) {
        const int64_t n_cols = array[a].n_cols > 0 ? array[a].n_cols : 1;
        for (int64_t i = 0; i < array[a].n_rows * n_cols; i++) {
            gbt_print(text, "%s,%lld,%lld,", array[a].name, (long long)(i / n_cols),
                      (long long)(i % n_cols));
            gbt_print_float(text, array[a].value[i]);
            gbt_write_u8(text, '\n');
        }
    }
}

static gbt_status print_weights(const job *j, gbt_writer *text)
{
    const int64_t units = shape_of(j, GBT_HEADS_UNITS), inputs = shape_of(j, GBT_HEADS_INPUTS);
    const int64_t outputs = shape_of(j, GBT_HEADS_OUTPUTS);
    gbt_status status = GBT_OK;
    float *value = NULL;
    GBT_TRY(GBT_NEW(value, units * inputs + units + outputs * units + outputs));
    float *hidden_bias = value + units * inputs;
    float *out_weight = hidden_bias + units, *out_bias = out_weight + outputs * units;
    const gbt_array array[N_ARRAYS] = {{"hidden_weight", units, inputs, value},
                                       {"hidden_bias", units, 0, hidden_bias},
                                       {"out_weight", outputs, units, out_weight},
                                       {"out_bias", outputs, 0, out_bias}};
    GBT_TRY_OR_DONE(gbt_heads_weights(j->result, value, hidden_bias, out_weight, out_bias));
    if (ends_with(j->weights_path, ".npz")) {
        GBT_TRY_OR_DONE(gbt_print_npz(text, array, N_ARRAYS));
    } else {
        print_csv(text, array);
    }
    status = text->status;
done:
    gbt_release(value);
    return status;
}

static int write_weights(const job *j)
{
    gbt_writer text = {0};
    int code = gbt_exit_of(print_weights(j, &text));
    code = code == GBT_EXIT_OK ? gbt_put(j->weights_path, &text) : code;
    gbt_writer_close(&text);
    return code;
}

/* ---- Training and metrics -------------------------------------------------------------------- */

static void print_summary(const job *j)
{
    if (j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld units in %lld steps, %lld inputs, %s, trained in %.2f s%s\n",
                j->model_path, (long long)shape_of(j, GBT_HEADS_UNITS),
                (long long)shape_of(j, GBT_HEADS_STEPS), (long long)shape_of(j, GBT_HEADS_INPUTS),
                gbt_model_objective(gbt_heads_frame(j->result)), j->seconds_train,
                gbt_is_interrupted() ? " (interrupted)" : "");
    }
}

static int train_and_save(job *j)
{
    gbt_report report;
    const double start = gbt_clock();
    gbt_report_open(&report, &j->command, j->log_path[0] != '\0');
    int code = gbt_exit_of(
        gbt_heads_train(j->params, j->train.data, gbt_file_rows_features(&j->train), j->valid.data,
                        gbt_file_rows_features(&j->valid), gbt_report_round, &report, &j->result));
    j->seconds_train = gbt_clock() - start;
    code = code == GBT_EXIT_OK ? gbt_exit_of_write(gbt_heads_save(j->result, j->model_path)) : code;
    code = code == GBT_EXIT_OK && j->weights_path[0] ? write_weights(j) : code;
    code = code == GBT_EXIT_OK && j->log_path[0] ? gbt_put(j->log_path, &report.log) : code;
    gbt_report_close(&report);
    if (code == GBT_EXIT_OK) {
        print_summary(j);
    }
    return code;
}

static gbt_status measure(job *j)
{
    gbt_status status = GBT_OK;
    const int threads = gbt_command_int(&j->command, "threads");
    const int64_t n = gbt_table_rows(j->test.table) * shape_of(j, GBT_HEADS_OUTPUTS);
    float *score = NULL; /* [rows x outputs] */
    GBT_TRY(GBT_NEW(score, n));
    GBT_TRY_OR_DONE(
        gbt_heads_predict_table(j->result, j->test.table, GBT_PREDICT_RAW, 0, threads, score, n));
    GBT_TRY_OR_DONE(gbt_model_evaluate_scores(gbt_heads_frame(j->result), j->test.table, score,
                                              NULL, RESAMPLES, threads, j->metric, MOST_METRICS,
                                              &j->n_metrics));
done:
    gbt_release(score);
    return status;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static void print_json(job *j)
{
    gbt_writer *text = &j->text;
    gbt_print(text, "{\"model\": ");
    gbt_print_json_text(text, j->model_path);
    gbt_print(text,
              ", \"objective\": \"%s\", \"steps\": %lld, \"units\": %lld, \"inputs\": %lld, "
              "\"outputs\": %lld, \"best_step\": %lld, \"interrupted\": %s, "
              "\"seconds_train\": %.6f",
              gbt_model_objective(gbt_heads_frame(j->result)),
              (long long)shape_of(j, GBT_HEADS_STEPS), (long long)shape_of(j, GBT_HEADS_UNITS),
              (long long)shape_of(j, GBT_HEADS_INPUTS), (long long)shape_of(j, GBT_HEADS_OUTPUTS),
              (long long)shape_of(j, GBT_HEADS_BEST_STEP), gbt_is_interrupted() ? "true" : "false",
              j->seconds_train);
    if (j->n_metrics > 0) {
        gbt_print(text,
                  ", \"rows\": %lld, \"metrics\": ", (long long)gbt_table_rows(j->test.table));
        gbt_print_metrics_json(text, j->metric, j->n_metrics);
    }
    gbt_print(text, "}\n");
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int run(job *j)
{
    int code = take_paths(j);
    code = code == GBT_EXIT_OK ? gbt_command_own_params(&j->command, &j->params) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(read_data(j)) : code;
    if (code != GBT_EXIT_OK) {
        return code;
    }
    gbt_catch_signals();
    code = train_and_save(j);
    if (code == GBT_EXIT_OK && j->data_path[0] && !gbt_is_interrupted()) {
        code = gbt_exit_of(measure(j));
    }
    if (code == GBT_EXIT_OK && j->command.is_json) {
        print_json(j);
    } else if (code == GBT_EXIT_OK && j->n_metrics > 0) {
        gbt_print(&j->text, "metric,value,low,high\n");
        gbt_print_metrics(&j->text, "", j->metric, j->n_metrics);
    }
    code = code == GBT_EXIT_OK ? gbt_put("", &j->text) : code;
    return code == GBT_EXIT_OK && gbt_is_interrupted() ? GBT_EXIT_STOPPED : code;
}

int gbt_cmd_heads(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "heads", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        gbt_writer_close(&j->text);
        gbt_heads_free(j->result);
        gbt_file_rows_close(&j->test);
        gbt_file_rows_close(&j->valid);
        gbt_file_rows_close(&j->train);
        gbt_model_free(j->leaf_model);
        gbt_valid_close(&j->list);
        gbt_params_free(j->params);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
