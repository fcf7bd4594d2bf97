/* gbt check: everything that can be known before training, from the first rows of the data. The
 * resolved configuration is that of a booster made from these rows, which trains nothing. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

enum { PREVIEW_ROWS = 20000, COUNTED_BYTES = 1 << 22 };

/* What is found out about the training rows. */
typedef struct findings {
    gbt_table *table;      /* the first rows */
    gbt_params *resolved;  /* the configuration with every `auto` replaced that these rows settle */
    bool is_settled;       /* these rows can be trained on, so there are estimates */
    int64_t n_rows, bytes; /* estimates for the whole file */
    int64_t device_bytes;  /* of the device's memory; 0: none is used */
    int64_t device_room;   /* free there now */
    double seconds;
} findings;

/* ---- Finding out ----------------------------------------------------------------------------- */

/* Rows of the file when it goes on as it begins: lines in its first megabytes, and how much of the
 * file these are. */
static int64_t guess_rows(const char *path, int64_t n_preview)
{
    char text[1 << 14];
    struct stat info;
    int64_t n_lines = 0, n_bytes = 0;
    gzFile file = n_preview < PREVIEW_ROWS ? NULL : gzopen(path, "rb");
    if (!file) {
        return n_preview;
    }
    for (int n = 1; n > 0 && n_bytes < COUNTED_BYTES; n_bytes += n) {
        n = gzread(file, text, sizeof text);
        for (int i = 0; i < n; i++) {
            n_lines += text[i] == '\n';
        }
    }
    const double used = (double)gzoffset(file);
    gzclose(file);
    if (stat(path, &info) != 0 || used <= 0.0) {
        return n_preview;
    }
    const int64_t n_rows = (int64_t)((double)n_lines * (double)info.st_size / used);
    return n_rows > n_preview ? n_rows : n_preview;
}

/* Copies the values that a booster settled; what the model file does not keep stays. */
static int merge_resolved(gbt_params *params, const gbt_params *settled)
{
    int code = GBT_EXIT_OK;
    for (int i = 0; i < gbt_param_count() && code == GBT_EXIT_OK; i++) {
        gbt_param_info info;
        code = gbt_exit_of(gbt_param_describe(i, &info));
        if (code != GBT_EXIT_OK ||
            (strcmp(info.section, "objective") != 0 && strcmp(info.section, "tree") != 0)) {
            continue;
        }
        char *value = gbt_command_copy(settled, info.name);
        code = gbt_exit_of(value ? gbt_params_set(params, info.name, value) : GBT_ERR_MEMORY);
        gbt_release(value);
    }
    return code;
}

/* Rows that a preview does not show may have the classes that it lacks: then only a remark. */
static int resolve(const gbt_command *command, const gbt_dataset *data, findings *found)
{
    const bool is_whole = gbt_table_rows(found->table) < PREVIEW_ROWS;
    gbt_booster *booster = NULL;
    gbt_model *model = NULL;
    gbt_params *settled = NULL;
    int code = gbt_exit_of(gbt_params_copy(command->params, &found->resolved));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    gbt_status status = gbt_booster_create(command->params, data, &booster);
    if (status == GBT_ERR_DATA && !is_whole) {
        fprintf(stderr, "the first %d rows alone could not be trained on: %s\n", (int)PREVIEW_ROWS,
                gbt_last_error());
        return GBT_EXIT_OK;
    }
    status = status == GBT_OK ? gbt_booster_finish(booster, 0, &model) : status;
    status = status == GBT_OK ? gbt_model_params(model, &settled) : status;
    code = gbt_exit_of(status);
    code = code == GBT_EXIT_OK ? merge_resolved(found->resolved, settled) : code;
    found->is_settled = code == GBT_EXIT_OK;
    gbt_params_free(settled);
    gbt_model_free(model);
    gbt_booster_free(booster);
    return code;
}

static int check_limit(const gbt_command *command, const findings *found)
{
    char text[GBT_NUMBER_CHARS];
    int64_t limit = 0;
    const int code = gbt_command_text(command, "memory_limit", text, sizeof text);
    (void)gbt_parse_int(gbt_slice_of(text), &limit);
    if (code == GBT_EXIT_OK && limit > 0 && found->bytes > limit) {
        fprintf(stderr, "gbt: training needs about %lld bytes, memory_limit allows %lld\n",
                (long long)found->bytes, (long long)limit);
        return GBT_EXIT_MEMORY;
    }
    if (code == GBT_EXIT_OK && found->device_bytes > found->device_room) {
        fprintf(stderr, "gbt: training needs about %lld bytes on the device, %lld are free there\n",
                (long long)found->device_bytes, (long long)found->device_room);
        return GBT_EXIT_MEMORY;
    }
    return code;
}

static int look_at_data(const gbt_command *command, const char *path, findings *found)
{
    gbt_dataset *data = NULL;
    int code = gbt_exit_of(gbt_table_preview(command->params, path, PREVIEW_ROWS, &found->table));
    if (code == GBT_EXIT_OK) {
        found->n_rows = guess_rows(path, gbt_table_rows(found->table));
        code = gbt_exit_of(gbt_dataset_from_table(command->params, found->table, NULL, &data));
    }
    code = code == GBT_EXIT_OK ? resolve(command, data, found) : code;
    if (code == GBT_EXIT_OK && found->is_settled) {
        code = gbt_exit_of(gbt_train_estimate(found->resolved, data, found->n_rows, &found->bytes,
                                              &found->seconds));
    }
    if (code == GBT_EXIT_OK && found->is_settled) {
        code = gbt_exit_of(gbt_train_estimate_device(found->resolved, data, found->n_rows,
                                                     &found->device_bytes, &found->device_room));
    }
    gbt_dataset_free(data);
    return code == GBT_EXIT_OK ? check_limit(command, found) : code;
}

/* ---- Telling it ------------------------------------------------------------------------------ */

static const char *const role_names[] = {"feature", "label",      "weight", "group",
                                         "task",    "init_score", "id",     "ignored"};

static void write_columns(gbt_writer *text, const gbt_table *table, bool is_json)
{
    gbt_column_info info;
    if (!is_json) {
        gbt_print(text, "columns (of the first %lld rows)\n", (long long)gbt_table_rows(table));
    }
    for (int32_t c = 0;
         c < gbt_table_columns(table) && gbt_table_describe(table, c, &info) == GBT_OK; c++) {
        if (is_json) {
            gbt_print(text, "%s{\"name\": ", c > 0 ? ", " : "");
            gbt_print_json_text(text, info.name);
            gbt_print(text, ", \"role\": \"%s\", \"kind\": \"%s\", \"values\": %lld, ",
                      role_names[info.role], info.is_text ? "text" : "number",
                      (long long)info.n_values);
            gbt_print(text, "\"missing\": %lld}", (long long)info.n_missing);
            continue;
        }
        gbt_print(text, "  %-24s ", info.name);
        if (info.role == GBT_ROLE_IGNORED) {
            gbt_print(text, "ignored\n");
            continue;
        }
        gbt_print(text, "%-10s ", role_names[info.role]);
        gbt_print(text, info.is_text ? "text, %lld values" : "numbers", (long long)info.n_values);
        if (info.n_missing > 0) {
            gbt_print(text, ", %lld missing", (long long)info.n_missing);
        }
        gbt_print(text, "\n");
    }
}

/* One key as a line of a config: commented out when it has its default, as in a template. */
static int write_value(gbt_writer *text, const gbt_command *command, const findings *found,
                       const gbt_param_info *info)
{
    char *value = gbt_command_copy(found->resolved, info->name);
    char *before = gbt_command_copy(command->params, info->name);
    if (value && before) {
        const bool is_settled = strcmp(value, before) != 0;
        const bool is_set = gbt_params_is_set(command->params, info->name) == 1;
        if (command->is_json) {
            gbt_print(text, "\"%s\": ", info->name);
            gbt_print_json_text(text, value);
        } else {
            gbt_print(text, "%s%s =%s%s%s\n", is_set || is_settled ? "" : "# ", info->name,
                      value[0] ? " " : "", value, is_settled ? "  # from the data" : "");
        }
    }
    const int code = gbt_exit_of(value && before ? GBT_OK : GBT_ERR_MEMORY);
    gbt_release(value);
    gbt_release(before);
    return code;
}

static int write_resolved(gbt_writer *text, const gbt_command *command, const findings *found)
{
    const char *section = "";
    int code = GBT_EXIT_OK;
    for (int i = 0; i < gbt_param_count() && code == GBT_EXIT_OK; i++) {
        gbt_param_info info;
        code = gbt_exit_of(gbt_param_describe(i, &info));
        if (code != GBT_EXIT_OK || !gbt_verb_reads("train", &info)) {
            continue;
        }
        if (command->is_json) {
            gbt_print(text, "%s", section[0] ? ", " : "");
        } else if (strcmp(section, info.section) != 0) {
            gbt_print(text, "\n[%s]\n", info.section);
        }
        section = info.section;
        code = write_value(text, command, found, &info);
    }
    return code;
}

static void write_estimate(gbt_writer *text, const findings *found, bool is_json)
{
    const long long n_rows = found->n_rows, bytes = found->bytes;
    if (is_json && found->is_settled) {
        gbt_print(text, "{\"rows\": %lld, \"bytes\": %lld, \"seconds\": %.3g", n_rows, bytes,
                  found->seconds);
        if (found->device_bytes > 0) {
            gbt_print(text, ", \"device_bytes\": %lld, \"device_room\": %lld",
                      (long long)found->device_bytes, (long long)found->device_room);
        }
        gbt_print(text, "}");
    } else if (is_json) {
        gbt_print(text, "null");
    } else if (found->is_settled) {
        gbt_print(text, "\nestimate for about %lld rows: %.0f MiB of memory, %.1f s of training\n",
                  n_rows, (double)bytes / 1048576.0, found->seconds);
        if (found->device_bytes > 0) {
            gbt_print(text, "on the device: %.0f MiB of memory, %.0f MiB are free\n",
                      (double)found->device_bytes / 1048576.0,
                      (double)found->device_room / 1048576.0);
        }
    }
}

static int print_findings(const gbt_command *command, const findings *found)
{
    gbt_writer text = {0};
    const bool is_json = command->is_json;
    gbt_print(&text, "%s", is_json ? "{\"columns\": [" : "");
    write_columns(&text, found->table, is_json);
    gbt_print(&text, "%s", is_json ? "], \"estimate\": " : "");
    write_estimate(&text, found, is_json);
    gbt_print(&text, "%s", is_json ? ", \"params\": {" : "");
    int code = write_resolved(&text, command, found);
    gbt_print(&text, "%s", is_json ? "}}\n" : "");
    code = code == GBT_EXIT_OK ? gbt_put("", &text) : code;
    gbt_writer_close(&text);
    return code;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int check_paths(const gbt_command *command, char train[GBT_PATH_CHARS])
{
    static const char *const written[] = {"model", "log_json", "importance"};
    char path[GBT_PATH_CHARS];
    gbt_valid_list list = {0};
    int code = gbt_command_input(command, "train", false, train);
    code = code == GBT_EXIT_OK ? gbt_command_input(command, "continue_from", true, path) : code;
    code = code == GBT_EXIT_OK ? gbt_valid_open(command, &list) : code;
    for (int i = 0; i < 3 && code == GBT_EXIT_OK; i++) {
        code = gbt_command_output(command, written[i], true, path);
    }
    gbt_valid_close(&list);
    return code;
}

int gbt_cmd_check(int argc, char **argv)
{
    gbt_command command;
    findings found = {0};
    char train[GBT_PATH_CHARS];
    int code = gbt_command_open(&command, "check", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = check_paths(&command, train);
    code = code == GBT_EXIT_OK ? look_at_data(&command, train, &found) : code;
    code = code == GBT_EXIT_OK ? print_findings(&command, &found) : code;
    gbt_table_free(found.table);
    gbt_params_free(found.resolved);
    gbt_command_close(&command);
    return code;
}
