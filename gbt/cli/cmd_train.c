/* gbt train: config -> data sets -> model file. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/report.h"

/* Everything that one training run holds. */
typedef struct job {
    gbt_command command;
    gbt_valid_list list;
    char train[GBT_PATH_CHARS], start[GBT_PATH_CHARS];                                /* read */
    char model[GBT_PATH_CHARS], log_json[GBT_PATH_CHARS], importance[GBT_PATH_CHARS]; /* written */
    gbt_dataset *data, *cuts_of;
    gbt_dataset *valid[GBT_MOST_VALID];
    gbt_model *result;
    double seconds_read, seconds_train;
} job;

/* ---- Before training ------------------------------------------------------------------------- */

/* The model may replace the one that it continues; nothing else that is read may be written. */
static int check_files(const job *j)
{
    gbt_used_file file[5 + GBT_MOST_VALID] = {{"model", j->model, true},
                                              {"log_json", j->log_json, true},
                                              {"importance", j->importance, true},
                                              {"train", j->train, false},
                                              {"the config", j->command.config, false}};
    int n = 5;
    for (int v = 0; v < j->list.n; v++) {
        file[n++] = (gbt_used_file){"valid", j->list.path[v], false};
    }
    const int code = gbt_check_files(file, n);
    file[0] = (gbt_used_file){"continue_from", j->start, false};
    return code == GBT_EXIT_OK ? gbt_check_files(file, n) : code;
}

static int take_paths(job *j)
{
    const gbt_command *command = &j->command;
    int code = gbt_command_input(command, "train", false, j->train);
    code = code == GBT_EXIT_OK ? gbt_command_input(command, "continue_from", true, j->start) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_open(command, &j->list) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "model", false, j->model) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "log_json", true, j->log_json) : code;
    code =
        code == GBT_EXIT_OK ? gbt_command_output(command, "importance", true, j->importance) : code;
    return code == GBT_EXIT_OK ? check_files(j) : code;
}

/* Cuts of the model that training continues from. */
static gbt_status read_start(job *j)
{
    gbt_model *model = NULL;
    gbt_status status = gbt_model_load(j->start, &model);
    if (status == GBT_OK) {
        status = gbt_dataset_like_model(model, &j->cuts_of);
    }
    gbt_model_free(model);
    return status;
}

static int read_data(job *j)
{
    const gbt_params *params = j->command.params;
    const double start = gbt_clock();
    gbt_status status = j->start[0] ? read_start(j) : GBT_OK;
    if (status == GBT_OK) {
        status = gbt_dataset_from_file(params, j->train, j->cuts_of, &j->data);
    }
    for (int v = 0; v < j->list.n && status == GBT_OK; v++) {
        status = gbt_dataset_from_file(params, j->list.path[v], j->data, &j->valid[v]);
    }
    j->seconds_read = gbt_clock() - start;
    if (status == GBT_OK && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld rows, %d features, read in %.2f s\n", j->train,
                (long long)gbt_dataset_rows(j->data), (int)gbt_dataset_features(j->data),
                j->seconds_read);
    }
    return gbt_exit_of(status);
}

/* ---- After training -------------------------------------------------------------------------- */

static int write_importance(const job *j)
{
    gbt_writer text = {0};
    const int64_t n = gbt_model_count(j->result, GBT_SHAPE_FEATURES);
    double *gain = NULL;
    int code = gbt_exit_of(GBT_NEW(gain, n));
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_model_importance(j->result, GBT_IMPORTANCE_GAIN, gain, n));
    }
    gbt_print(&text, "feature,gain\n");
    for (int64_t f = 0; f < n && code == GBT_EXIT_OK; f++) {
        gbt_print_csv_text(&text, gbt_model_feature_name(j->result, (int32_t)f));
        gbt_print(&text, ",");
        gbt_print_number(&text, gain[f]);
        gbt_print(&text, "\n");
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_put(j->importance, &text);
    }
    gbt_writer_close(&text);
    gbt_release(gain);
    return code;
}

static int print_summary(const job *j, const gbt_report *report)
{
    const long long rounds = gbt_model_count(j->result, GBT_SHAPE_ROUNDS);
    const long long trees = gbt_model_count(j->result, GBT_SHAPE_TREES);
    const char *objective = gbt_model_objective(j->result);
    if (j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld trees in %lld rounds, %s, trained in %.2f s%s\n", j->model, trees,
                rounds, objective, j->seconds_train, gbt_is_interrupted() ? " (interrupted)" : "");
    }
    if (!j->command.is_json) {
        return GBT_EXIT_OK;
    }
    gbt_writer text = {0};
    gbt_print(&text, "{\"model\": ");
    gbt_print_json_text(&text, j->model);
    gbt_print(&text,
              ", \"objective\": \"%s\", \"rounds\": %lld, \"trees\": %lld, \"best_round\": %d, "
              "\"interrupted\": %s, \"seconds_read\": %.6f, \"seconds_train\": %.6f}\n",
              objective, rounds, trees, (int)report->best_round,
              gbt_is_interrupted() ? "true" : "false", j->seconds_read, j->seconds_train);
    const int code = gbt_put("", &text);
    gbt_writer_close(&text);
    return code;
}

static int train_and_save(job *j)
{
    gbt_report report;
    gbt_report_open(&report, &j->command, j->log_json[0] != '\0');
    gbt_catch_signals();
    const double start = gbt_clock();
    int code =
        gbt_exit_of(gbt_train(j->command.params, j->data, (const gbt_dataset *const *)j->valid,
                              j->list.name, j->list.n, gbt_report_round, &report, &j->result));
    j->seconds_train = gbt_clock() - start;
    code = code == GBT_EXIT_OK ? gbt_exit_of_write(gbt_model_save(j->result, j->model)) : code;
    code = code == GBT_EXIT_OK && j->log_json[0] ? gbt_put(j->log_json, &report.log) : code;
    code = code == GBT_EXIT_OK && j->importance[0] ? write_importance(j) : code;
    code = code == GBT_EXIT_OK ? print_summary(j, &report) : code;
    gbt_report_close(&report);
    return code == GBT_EXIT_OK && gbt_is_interrupted() ? GBT_EXIT_STOPPED : code;
}

int gbt_cmd_train(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "train", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = take_paths(j);
        code = code == GBT_EXIT_OK ? read_data(j) : code;
        code = code == GBT_EXIT_OK ? train_and_save(j) : code;
        gbt_model_free(j->result);
        for (int v = 0; v < j->list.n; v++) {
            gbt_dataset_free(j->valid[v]);
        }
        gbt_dataset_free(j->data);
        gbt_dataset_free(j->cuts_of);
        gbt_valid_close(&j->list);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
