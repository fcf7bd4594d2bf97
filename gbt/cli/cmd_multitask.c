/* gbt multitask: config -> a model for many tasks, compared with simpler ways to share on test
 * rows. The compared models are trained, measured and dropped; only the chosen one is saved. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/module_data.h"
#include "gbt/cli/multitask_table.h"
#include "gbt/cli/report.h"

enum { MODE_CHARS = 16 };

typedef struct job {
    gbt_command command;
    gbt_params *params; /* without the keys of other verbs */
    gbt_valid_list list;
    char train_path[GBT_PATH_CHARS], data_path[GBT_PATH_CHARS]; /* read */
    char model_path[GBT_PATH_CHARS], log_path[GBT_PATH_CHARS];  /* written */
    const char *valid_path;
    char mode[GBT_MOST_MODES][MODE_CHARS]; /* the chosen one, then those to compare with */
    int n_modes;
    gbt_file_rows train, valid, test;
    gbt_multitask *chosen;
    gbt_comparison comparison;
    gbt_writer text;
    double seconds_train; /* of the chosen mode */
} job;

/* ---- What is asked for ----------------------------------------------------------------------- */

/* The name of a mode as the table of parameters spells it, from any of its names. */
static int take_mode(job *j, const char *key, gbt_slice name)
{
    char given[64];
    gbt_params *scratch = NULL;
    if (j->n_modes == GBT_MOST_MODES || name.size >= sizeof given) {
        return gbt_usage_error("%s: \"%.*s\" is no mode", key, (int)name.size, name.data);
    }
    memcpy(given, name.data, name.size);
    given[name.size] = '\0';
    gbt_status status = gbt_params_create(&scratch);
    status = status == GBT_OK ? gbt_params_set(scratch, "mode", given) : status;
    status = status == GBT_OK ? gbt_params_get(scratch, "mode", j->mode[j->n_modes], MODE_CHARS)
                              : status;
    gbt_params_free(scratch);
    if (status == GBT_ERR_PARAM) {
        fprintf(stderr, "gbt: %s: %s\n", key, gbt_last_error());
        return GBT_EXIT_USAGE;
    }
    if (status != GBT_OK) {
        return gbt_exit_of(status);
    }
    for (int i = 0; i < j->n_modes; i++) {
        if (strcmp(j->mode[i], j->mode[j->n_modes]) == 0) {
            return gbt_usage_error("%s: %s is %s already", key, j->mode[i],
                                   i == 0 ? "the mode" : "in the list");
        }
    }
    j->n_modes++;
    return GBT_EXIT_OK;
}

static int take_modes(job *j)
{
    char *mode = gbt_command_copy(j->command.params, "mode");
    char *compare = gbt_command_copy(j->command.params, "compare");
    int code = mode && compare ? GBT_EXIT_OK : gbt_exit_of(GBT_ERR_MEMORY);
    code = code == GBT_EXIT_OK ? take_mode(j, "mode", gbt_slice_of(mode)) : code;
    gbt_slice rest = gbt_slice_of(compare ? compare : ""), part;
    while (code == GBT_EXIT_OK && gbt_slice_next(&rest, ',', &part)) {
        code = take_mode(j, "compare", gbt_slice_trim(part));
    }
    gbt_release(mode);
    gbt_release(compare);
    if (code == GBT_EXIT_OK && j->n_modes > 1 && !j->data_path[0]) {
        return gbt_usage_error("compare needs data=FILE: modes are compared on its rows");
    }
    return code;
}

static int take_paths(job *j)
{
    const gbt_command *command = &j->command;
    int code = gbt_command_input(command, "train", false, j->train_path);
    code = code == GBT_EXIT_OK ? gbt_command_input(command, "data", true, j->data_path) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_open(command, &j->list) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_only(command, &j->list, &j->valid_path) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "model", false, j->model_path) : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "log_json", true, j->log_path) : code;
    const gbt_used_file file[] = {
        {"model", j->model_path, true},  {"log_json", j->log_path, true},
        {"train", j->train_path, false}, {"data", j->data_path, false},
        {"valid", j->valid_path, false}, {"the config", command->config, false}};
    return code == GBT_EXIT_OK ? gbt_check_files(file, (int)(sizeof file / sizeof file[0])) : code;
}

static int take_task(const job *j)
{
    char *task = gbt_command_copy(j->command.params, "task");
    int code = task ? GBT_EXIT_OK : gbt_exit_of(GBT_ERR_MEMORY);
    if (task && !task[0]) {
        code = gbt_usage_error("gbt multitask needs task=COLUMN, which tells the tasks apart");
    }
    gbt_release(task);
    return code;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool has_mode(const job *j, const char *mode)
{
    for (int i = 0; i < j->n_modes; i++) {
        if (strcmp(j->mode[i], mode) == 0) {
            return true;
        }
    }
    return false;
}

static gbt_status read_data(job *j)
{
    const gbt_params *params = j->params;
    const bool has_features = has_mode(j, "feature");
    const double start = gbt_clock();
    GBT_TRY(gbt_file_rows_read(params, j->train_path, NULL, NULL, &j->train));
    GBT_TRY(gbt_file_rows_need_label(&j->train, "training needs one"));
    GBT_TRY(has_features ? gbt_file_rows_take_features(&j->train) : GBT_OK);
    gbt_file_rows_drop_table(&j->train);
    if (j->valid_path) {
        GBT_TRY(gbt_file_rows_read(params, j->valid_path, NULL, j->train.data, &j->valid));
        GBT_TRY(gbt_file_rows_need_label(&j->valid, "validation needs one"));
        GBT_TRY(has_features ? gbt_file_rows_take_features(&j->valid) : GBT_OK);
        gbt_file_rows_drop_table(&j->valid);
    }
    if (j->data_path[0]) {
        GBT_TRY(gbt_file_rows_read(params, j->data_path, NULL, j->train.data, &j->test));
        GBT_TRY(gbt_file_rows_need_label(&j->test, "metrics need one"));
    }
    gbt_file_rows_print(&j->command, &j->train, gbt_clock() - start);
    return GBT_OK;
}

/* ---- Training -------------------------------------------------------------------------------- */

/* Trains mode `i`. */
static gbt_status train(job *j, int i, gbt_report *report, gbt_multitask **out)
{
    gbt_params *own = NULL;
    const bool needs_features = strcmp(j->mode[i], "feature") == 0;
    gbt_status status = gbt_params_copy(j->params, &own);
    *out = NULL;
    if (j->n_modes > 1 && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "mode %s\n", j->mode[i]);
    }
    status = status == GBT_OK ? gbt_params_set(own, "mode", j->mode[i]) : status;
    if (status == GBT_OK) {
        status = gbt_multitask_train(
            own, j->train.data, needs_features ? gbt_file_rows_features(&j->train) : NULL,
            j->valid.data, needs_features ? gbt_file_rows_features(&j->valid) : NULL,
            gbt_report_round, report, out);
    }
    gbt_params_free(own);
    return status;
}

static void print_summary(const job *j)
{
    if (j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %s, %s, %d tasks, trained in %.2f s%s\n", j->model_path, j->mode[0],
                gbt_model_objective(gbt_multitask_frame(j->chosen)),
                (int)gbt_multitask_tasks(j->chosen), j->seconds_train,
                gbt_is_interrupted() ? " (interrupted)" : "");
    }
}

static int train_chosen(job *j)
{
    gbt_report report;
    const double start = gbt_clock();
    gbt_report_open(&report, &j->command, j->log_path[0] != '\0');
    int code = gbt_exit_of(train(j, 0, &report, &j->chosen));
    j->seconds_train = gbt_clock() - start;
    code = code == GBT_EXIT_OK ? gbt_exit_of_write(gbt_multitask_save(j->chosen, j->model_path))
                               : code;
    code = code == GBT_EXIT_OK && j->log_path[0] ? gbt_put(j->log_path, &report.log) : code;
    gbt_report_close(&report);
    if (code == GBT_EXIT_OK) {
        print_summary(j);
    }
    return code;
}

/* Measures the chosen model, then trains and measures the others. */
static gbt_status compare(job *j)
{
    const int threads = gbt_command_int(&j->command, "threads");
    GBT_TRY(gbt_comparison_open(&j->comparison, j->chosen, j->test.table));
    GBT_TRY(gbt_comparison_add(&j->comparison, j->mode[0], j->chosen, threads));
    for (int i = 1; i < j->n_modes && !gbt_is_interrupted(); i++) {
        gbt_report report;
        gbt_multitask *other = NULL;
        gbt_report_open(&report, &j->command, false);
        gbt_status status = train(j, i, &report, &other);
        if (status == GBT_OK) {
            status = gbt_comparison_add(&j->comparison, j->mode[i], other, threads);
        }
        gbt_multitask_free(other);
        gbt_report_close(&report);
        GBT_TRY(status);
    }
    return GBT_OK;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static gbt_status print_json(job *j)
{
    gbt_writer *text = &j->text;
    gbt_print(text, "{\"model\": ");
    gbt_print_json_text(text, j->model_path);
    gbt_print(text,
              ", \"mode\": \"%s\", \"objective\": \"%s\", \"rounds\": {\"shared\": %d, "
              "\"robust\": %d, \"task\": %d}, \"interrupted\": %s, \"seconds_train\": %.6f, ",
              j->mode[0], gbt_model_objective(gbt_multitask_frame(j->chosen)),
              (int)gbt_multitask_rounds(j->chosen, 0), (int)gbt_multitask_rounds(j->chosen, 1),
              (int)gbt_multitask_rounds(j->chosen, 2), gbt_is_interrupted() ? "true" : "false",
              j->seconds_train);
    GBT_TRY(gbt_comparison_print_json(text, &j->comparison, j->chosen));
    gbt_print(text, "}\n");
    return text->status;
}

static int run(job *j)
{
    int code = take_task(j);
    code = code == GBT_EXIT_OK ? take_paths(j) : code;
    code = code == GBT_EXIT_OK ? take_modes(j) : code;
    code = code == GBT_EXIT_OK ? gbt_command_own_params(&j->command, &j->params) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(read_data(j)) : code;
    if (code != GBT_EXIT_OK) {
        return code;
    }
    gbt_catch_signals();
    code = train_chosen(j);
    if (code == GBT_EXIT_OK && j->data_path[0] && !gbt_is_interrupted()) {
        code = gbt_exit_of(compare(j));
    }
    if (gbt_is_interrupted()) {
        gbt_comparison_close(&j->comparison); /* half a comparison would mislead */
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(j->command.is_json
                               ? print_json(j)
                               : gbt_comparison_print(&j->text, &j->comparison, j->chosen));
    }
    code = code == GBT_EXIT_OK ? gbt_put("", &j->text) : code;
    return code == GBT_EXIT_OK && gbt_is_interrupted() ? GBT_EXIT_STOPPED : code;
}

int gbt_cmd_multitask(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "multitask", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        gbt_comparison_close(&j->comparison);
        gbt_writer_close(&j->text);
        gbt_multitask_free(j->chosen);
        gbt_file_rows_close(&j->test);
        gbt_file_rows_close(&j->valid);
        gbt_file_rows_close(&j->train);
        gbt_valid_close(&j->list);
        gbt_params_free(j->params);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
