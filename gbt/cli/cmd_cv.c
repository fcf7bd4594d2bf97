/* gbt cv: config -> metrics on held-out rows, the best number of trees, and when asked for the
 * predictions of every row by the model that did not see it. Saves no model. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/cv_data.h"
#include "gbt/cli/cv_table.h"
#include "gbt/cli/report.h"

typedef struct job {
    gbt_command command;
    gbt_params *params; /* without the keys of other verbs */
    char train_path[GBT_PATH_CHARS], predictions[GBT_PATH_CHARS], log_path[GBT_PATH_CHARS];
    bool is_raw; /* predictions are raw scores */
    gbt_cv_rows rows;
    gbt_cv *result;
    double seconds_read, seconds_train;
} job;

/* ---- What is asked for ----------------------------------------------------------------------- */

static int take_paths(job *j)
{
    const gbt_command *command = &j->command;
    int code = gbt_command_input(command, "train", false, j->train_path);
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "predictions", true, j->predictions)
                               : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "log_json", true, j->log_path) : code;
    const gbt_used_file file[] = {{"predictions", j->predictions, true},
                                  {"log_json", j->log_path, true},
                                  {"train", j->train_path, false},
                                  {"the config", command->config, false}};
    return code == GBT_EXIT_OK ? gbt_check_files(file, (int)(sizeof file / sizeof file[0])) : code;
}

static int take_output(job *j)
{
    char text[32];
    const int code = gbt_command_text(&j->command, "output", text, sizeof text);
    if (code != GBT_EXIT_OK || !gbt_command_typed(&j->command, "output")) {
        return code;
    }
    if (!j->predictions[0]) {
        return gbt_usage_error("output has no effect: it needs predictions=FILE");
    }
    j->is_raw = strcmp(text, "raw") == 0;
    return j->is_raw || strcmp(text, "response") == 0
               ? GBT_EXIT_OK
               : gbt_usage_error("output = %s is not possible in gbt cv; response and raw are",
                                 text);
}

/* Keys of a config for gbt train that would change its result, and do nothing here. */
static void say_unused(const job *j)
{
    static const char *const unused[] = {"valid", "valid_fraction", "continue_from"};
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        if (gbt_params_is_set(j->command.params, unused[i]) > 0 &&
            j->command.verbosity > GBT_QUIET) {
            fprintf(stderr, "%s is not used: gbt cv holds parts of train out and starts anew\n",
                    unused[i]);
        }
    }
}

/* ---- Running --------------------------------------------------------------------------------- */

static int read_data(job *j)
{
    const double start = gbt_clock();
    const int code =
        gbt_cv_rows_read(j->params, j->train_path, j->predictions[0] != '\0', &j->rows);
    j->seconds_read = gbt_clock() - start;
    if (code == GBT_EXIT_OK && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld rows, %d features, read in %.2f s\n", j->train_path,
                (long long)gbt_dataset_rows(j->rows.data), (int)gbt_dataset_features(j->rows.data),
                j->seconds_read);
    }
    return code;
}

static int run_folds(job *j)
{
    gbt_report report;
    const double start = gbt_clock();
    gbt_report_open(&report, &j->command, false);
    gbt_catch_signals();
    const int64_t n_folds = j->rows.fold ? gbt_dataset_rows(j->rows.data) : 0;
    const int code = gbt_exit_of(
        gbt_cv_run_features(j->params, j->rows.data, j->rows.value ? &j->rows.features : NULL,
                            j->rows.fold, n_folds, gbt_report_round, &report, &j->result));
    gbt_report_close(&report);
    j->seconds_train = gbt_clock() - start;
    return code;
}

static int say_best(const job *j)
{
    gbt_cv_info info;
    int code = gbt_exit_of(gbt_cv_describe(j->result, &info));
    if (code == GBT_EXIT_OK && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "n_trees = %d is best of %d, %d models on %d folds, trained in %.2f s%s\n",
                (int)info.best_round, (int)info.n_rounds, (int)(info.n_folds * info.n_repeats),
                (int)info.n_folds, j->seconds_train, gbt_is_interrupted() ? " (interrupted)" : "");
    }
    return code;
}

/* Files first: when one cannot be written, standard output stays empty. */
static int write_results(const job *j)
{
    gbt_writer text = {0}, log = {0}, predictions = {0};
    const gbt_cv_times times = {j->seconds_read, j->seconds_train, gbt_is_interrupted()};
    gbt_status status = j->log_path[0] ? gbt_print_cv_log(&log, j->result) : GBT_OK;
    if (status == GBT_OK && j->predictions[0]) {
        status = gbt_print_cv_predictions(&predictions, j->result, j->rows.table, j->is_raw);
    }
    if (status == GBT_OK) {
        status = j->command.is_json ? gbt_print_cv_json(&text, j->result, &times)
                                    : gbt_print_cv_table(&text, j->result);
    }
    int code = gbt_exit_of(status);
    code = code == GBT_EXIT_OK && j->log_path[0] ? gbt_put(j->log_path, &log) : code;
    code = code == GBT_EXIT_OK && j->predictions[0] ? gbt_put(j->predictions, &predictions) : code;
    code = code == GBT_EXIT_OK ? gbt_put("", &text) : code;
    gbt_writer_close(&text);
    gbt_writer_close(&log);
    gbt_writer_close(&predictions);
    return code;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int run(job *j)
{
    int code = take_paths(j);
    code = code == GBT_EXIT_OK ? take_output(j) : code;
    code = code == GBT_EXIT_OK ? gbt_command_own_params(&j->command, &j->params) : code;
    if (code == GBT_EXIT_OK) {
        say_unused(j);
        code = read_data(j);
    }
    code = code == GBT_EXIT_OK ? run_folds(j) : code;
    code = code == GBT_EXIT_OK ? say_best(j) : code;
    code = code == GBT_EXIT_OK ? write_results(j) : code;
    return code == GBT_EXIT_OK && gbt_is_interrupted() ? GBT_EXIT_STOPPED : code;
}

int gbt_cmd_cv(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "cv", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        gbt_cv_free(j->result);
        gbt_cv_rows_close(&j->rows);
        gbt_params_free(j->params);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
