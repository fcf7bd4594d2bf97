/* gbt check: everything that can be known before training. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gbt/cli/cli.h"

enum { PREVIEW_ROWS = 20000 };

static const char *const role_names[] = {"feature", "label", "weight", "group", "task", "init score", "id", "ignored"};

static void write_columns(gbt_writer *text, const gbt_table *table)
{
    gbt_print(text, "columns (of the first %lld rows)\n", (long long)gbt_table_rows(table));
    for (int32_t c = 0; c < gbt_table_columns(table); c++) {
        gbt_column_info info;
        if (gbt_table_describe(table, c, &info) != GBT_OK) {
            continue;
        }
        gbt_print(text, "  %-24s %-10s ", info.name, role_names[info.role]);
        if (info.is_text) {
            gbt_print(text, "text, %lld values", (long long)info.n_values);
        } else {
            gbt_print(text, "numbers");
        }
        if (info.n_missing > 0) {
            gbt_print(text, ", %lld missing", (long long)info.n_missing);
        }
        gbt_print(text, "\n");
    }
}

static void write_resolved(gbt_writer *text, const gbt_params *params)
{
    const char *section = "";
    for (int i = 0; i < gbt_param_count(); i++) {
        gbt_param_info info;
        char value[GBT_PATH_CHARS];
        if (gbt_param_describe(i, &info) != GBT_OK ||
            gbt_params_get(params, info.name, value, sizeof value) != GBT_OK) {
            continue;
        }
        if (strcmp(section, info.section) != 0) {
            gbt_print(text, "\n[%s]\n", info.section);
        }
        section = info.section;
        gbt_print(text, "%s = %s%s\n", info.name, value, gbt_params_is_set(params, info.name) == 1 ? "" : "  # default");
    }
}

/* Rows of the whole file, from the bytes that the preview's rows take; gzip shrinks about fivefold. */
static int64_t guess_rows(const char *path, const gbt_table *table)
{
    struct stat info;
    const int64_t n_rows = gbt_table_rows(table);
    if (n_rows < PREVIEW_ROWS || stat(path, &info) != 0) {
        return n_rows;
    }
    const size_t length = strlen(path);
    const double factor = length > 3 && strcmp(path + length - 3, ".gz") == 0 ? 5.0 : 1.0;
    const int32_t n_columns = gbt_table_columns(table);
    const double rows = factor * (double)info.st_size / (6.0 * (double)(n_columns > 0 ? n_columns : 1));
    return rows > (double)n_rows ? (int64_t)rows : n_rows;
}

static int check_data(const gbt_command *command, const char *path, gbt_writer *text)
{
    gbt_table *table = NULL;
    gbt_dataset *data = NULL;
    int64_t bytes = 0;
    double seconds = 0.0;
    int code = gbt_exit_of(gbt_table_preview(command->params, path, PREVIEW_ROWS, &table));
    if (code == GBT_EXIT_OK) {
        write_columns(text, table);
        code = gbt_exit_of(gbt_dataset_from_table(command->params, table, NULL, &data));
    }
    if (code == GBT_EXIT_OK) {
        const int64_t n_rows = guess_rows(path, table);
        code = gbt_exit_of(gbt_train_estimate(command->params, data, n_rows, &bytes, &seconds));
        gbt_print(text, "\nestimate for about %lld rows: %.0f MiB of memory, %.1f s of training\n", (long long)n_rows,
                  (double)bytes / 1048576.0, seconds);
    }
    gbt_dataset_free(data);
    gbt_table_free(table);
    return code;
}

int gbt_cmd_check(int argc, char **argv)
{
    gbt_command command;
    gbt_writer text = {0};
    char path[GBT_PATH_CHARS], model[GBT_PATH_CHARS];
    int code = gbt_command_open(&command, "check", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(&command, "train", path);
    code = code == GBT_EXIT_OK ? gbt_command_output(&command, "model", true, model) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_params_check(command.params)) : code;
    code = code == GBT_EXIT_OK ? check_data(&command, path, &text) : code;
    if (code == GBT_EXIT_OK) {
        write_resolved(&text, command.params);
        code = gbt_put("", &text);
    }
    gbt_writer_close(&text);
    gbt_command_close(&command);
    return code;
}
