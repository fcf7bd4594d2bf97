/* gbt train: config -> data sets -> model file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/clock.h"
#include "gbt/cli/report.h"

enum { MOST_VALID = 64, NAME_CHARS = 64 };

typedef struct job {
    gbt_command command;
    char train[GBT_PATH_CHARS], model[GBT_PATH_CHARS], log_json[GBT_PATH_CHARS], importance[GBT_PATH_CHARS];
    gbt_dataset *data, *cuts_of;
    gbt_dataset *valid[MOST_VALID];
    char name[MOST_VALID][NAME_CHARS];
    const char *names[MOST_VALID];
    int n_valid;
    gbt_model *result;
    double seconds_read, seconds_train;
} job;

/* "name:path" -> both; a plain path is named after its file. */
static const char *split_name(const char *item, char name[NAME_CHARS])
{
    const char *colon = strchr(item, ':');
    const char *slash = strrchr(item, '/');
    if (colon && colon > item && !memchr(item, '/', (size_t)(colon - item))) {
        snprintf(name, NAME_CHARS, "%.*s", (int)(colon - item), item);
        return colon + 1;
    }
    snprintf(name, NAME_CHARS, "%s", slash ? slash + 1 : item);
    char *dot = strchr(name + 1, '.');
    if (name[0] && dot) {
        *dot = '\0';
    }
    return item;
}

static int check_outputs(job *j)
{
    int code = gbt_command_input(&j->command, "train", j->train);
    if (code == GBT_EXIT_OK) {
        code = gbt_command_output(&j->command, "model", false, j->model);
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_command_output(&j->command, "log_json", true, j->log_json);
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_command_output(&j->command, "importance", true, j->importance);
    }
    return code == GBT_EXIT_OK ? gbt_exit_of(gbt_params_check(j->command.params)) : code;
}

/* Cuts of the model that training continues from. */
static int read_start(job *j)
{
    char path[GBT_PATH_CHARS];
    gbt_command_text(&j->command, "continue_from", path, sizeof path);
    if (!path[0]) {
        return GBT_EXIT_OK;
    }
    gbt_model *model = NULL;
    int code = gbt_command_input(&j->command, "continue_from", path);
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_model_load(path, &model));
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_dataset_like_model(model, &j->cuts_of));
    }
    gbt_model_free(model);
    return code;
}

static int read_valid(job *j)
{
    char list[GBT_PATH_CHARS];
    gbt_command_text(&j->command, "valid", list, sizeof list);
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (j->n_valid == MOST_VALID) {
            return gbt_usage_error("valid lists more than %d files", MOST_VALID);
        }
        const char *path = split_name(item, j->name[j->n_valid]);
        FILE *probe = fopen(path, "rb");
        if (!probe) {
            return gbt_usage_error("valid = %s: the file cannot be opened", path);
        }
        fclose(probe);
        const int code = gbt_exit_of(gbt_dataset_from_file(j->command.params, path, j->data, &j->valid[j->n_valid]));
        if (code != GBT_EXIT_OK) {
            return code;
        }
        j->names[j->n_valid] = j->name[j->n_valid];
        j->n_valid++;
    }
    return GBT_EXIT_OK;
}

static int read_data(job *j)
{
    const double start = gbt_clock();
    int code = read_start(j);
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_dataset_from_file(j->command.params, j->train, j->cuts_of, &j->data));
    }
    if (code == GBT_EXIT_OK) {
        code = read_valid(j);
    }
    j->seconds_read = gbt_clock() - start;
    if (code == GBT_EXIT_OK && j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld rows, %d features, read in %.2f s\n", j->train,
                (long long)gbt_dataset_rows(j->data), (int)gbt_dataset_features(j->data), j->seconds_read);
    }
    return code;
}

static int write_importance(const job *j)
{
    gbt_writer text = {0};
    int64_t n = 0;
    int code = gbt_exit_of(gbt_model_shape(j->result, GBT_SHAPE_FEATURES, &n));
    double *gain = calloc((size_t)n + 1, sizeof *gain);
    if (!gain) {
        return GBT_EXIT_MEMORY;
    }
    code = gbt_exit_of(gbt_model_importance(j->result, GBT_IMPORTANCE_GAIN, gain, n));
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
    free(gain);
    return code;
}

static int print_summary(const job *j, const gbt_report *report)
{
    int64_t rounds = 0, trees = 0;
    gbt_writer text = {0};
    int code = GBT_EXIT_OK;
    gbt_model_shape(j->result, GBT_SHAPE_ROUNDS, &rounds);
    gbt_model_shape(j->result, GBT_SHAPE_TREES, &trees);
    if (j->command.verbosity > GBT_QUIET) {
        fprintf(stderr, "%s: %lld trees in %lld rounds, %s, trained in %.2f s%s\n", j->model, (long long)trees,
                (long long)rounds, gbt_model_objective(j->result), j->seconds_train,
                gbt_is_interrupted() ? " (interrupted)" : "");
    }
    if (j->command.is_json) {
        gbt_print(&text, "{\"model\": ");
        gbt_print_json_text(&text, j->model);
        gbt_print(&text, ", \"objective\": \"%s\", \"rounds\": %lld, \"trees\": %lld, \"best_round\": %d",
                  gbt_model_objective(j->result), (long long)rounds, (long long)trees, (int)report->best_round);
        gbt_print(&text, ", \"seconds_read\": %.6f, \"seconds_train\": %.6f}\n", j->seconds_read, j->seconds_train);
        code = gbt_put("", &text);
    }
    gbt_writer_close(&text);
    return code;
}

static int train_and_save(job *j)
{
    gbt_report report;
    gbt_report_open(&report, &j->command, j->log_json[0] != '\0');
    gbt_catch_signals();
    const double start = gbt_clock();
    int code = gbt_exit_of(gbt_train(j->command.params, j->data, (const gbt_dataset *const *)j->valid, j->names,
                                     j->n_valid, gbt_report_round, &report, &j->result));
    j->seconds_train = gbt_clock() - start;
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(gbt_model_save(j->result, j->model));
        code = code == GBT_EXIT_DATA ? GBT_EXIT_FAILED : code;
    }
    if (code == GBT_EXIT_OK && j->log_json[0]) {
        code = gbt_put(j->log_json, &report.log);
    }
    if (code == GBT_EXIT_OK && j->importance[0]) {
        code = write_importance(j);
    }
    if (code == GBT_EXIT_OK) {
        code = print_summary(j, &report);
    }
    gbt_report_close(&report);
    return code == GBT_EXIT_OK && gbt_is_interrupted() ? GBT_EXIT_STOPPED : code;
}

int gbt_cmd_train(int argc, char **argv)
{
    job *j = calloc(1, sizeof *j);
    if (!j) {
        return GBT_EXIT_MEMORY;
    }
    int code = gbt_command_open(&j->command, "train", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = check_outputs(j);
        code = code == GBT_EXIT_OK ? read_data(j) : code;
        code = code == GBT_EXIT_OK ? train_and_save(j) : code;
        gbt_model_free(j->result);
        for (int v = 0; v < j->n_valid; v++) {
            gbt_dataset_free(j->valid[v]);
        }
        gbt_dataset_free(j->data);
        gbt_dataset_free(j->cuts_of);
        gbt_command_close(&j->command);
    }
    free(j);
    return code;
}
