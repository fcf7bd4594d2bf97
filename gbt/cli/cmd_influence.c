/* gbt influence: model + the rows it was trained on + target rows -> which row helped or harmed
 * which prediction, as a table and, when asked for, as a whole matrix. Targets are taken in blocks,
 * so memory does not grow with their number. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/influence_table.h"
#include "gbt/cli/module_data.h"
#include "gbt/cli/module_output.h"

/* Bytes of a block of results, and the most lines that the table may have. */
enum { BLOCK_BYTES = 1 << 26, MOST_LINES = 100000000 };

typedef enum scope { SCOPE_LOCAL, SCOPE_GLOBAL, SCOPE_SELF } scope;

typedef struct job {
    gbt_command command;
    gbt_params *params; /* without the keys of other verbs */
    gbt_valid_list list;
    char model_path[GBT_PATH_CHARS], train_path[GBT_PATH_CHARS], data_path[GBT_PATH_CHARS];
    char predictions[GBT_PATH_CHARS], matrix_path[GBT_PATH_CHARS];
    const char *valid_path;
    char method[32];
    scope scope;
    bool is_interval; /* method = ibug: location and scale of every target */
    bool needs_features;
    int64_t top_k;
    gbt_model *model;
    gbt_file_rows train, targets, valid;
    gbt_influence *influence;
    gbt_progress progress;
    gbt_influence_table table;
    gbt_npy_file matrix;
} job;

/* ---- What is asked for ----------------------------------------------------------------------- */

static int refuse_key(const job *j, const char *key)
{
    static const char *const names[] = {"local", "global", "self"}; /* by scope */
    return gbt_usage_error("%s has no effect with method = %s and scope = %s", key, j->method,
                           names[j->scope]);
}

/* Keys of [influence] were meant for this verb wherever they stand; data and valid may stand in a
 * config file for other verbs. What each method reads is checked by gbt_influence_create(). */
static int check_keys(const job *j)
{
    const gbt_params *params = j->command.params;
    if (gbt_params_is_set(params, "matrix") > 0 && (j->scope != SCOPE_LOCAL || j->is_interval)) {
        return refuse_key(j, "matrix");
    }
    if (gbt_params_is_set(params, "top_k") > 0 && j->is_interval) {
        return refuse_key(j, "top_k");
    }
    if (gbt_command_typed(&j->command, "data") && j->scope == SCOPE_SELF) {
        return refuse_key(j, "data");
    }
    if (gbt_command_typed(&j->command, "valid") && !j->is_interval) {
        return refuse_key(j, "valid");
    }
    return GBT_EXIT_OK;
}

static int take_options(job *j)
{
    char text[32];
    int code = gbt_command_text(&j->command, "method", j->method, sizeof j->method);
    code = code == GBT_EXIT_OK ? gbt_command_text(&j->command, "scope", text, sizeof text) : code;
    if (code != GBT_EXIT_OK) {
        return code;
    }
    j->scope = strcmp(text, "self") == 0     ? SCOPE_SELF
               : strcmp(text, "global") == 0 ? SCOPE_GLOBAL
                                             : SCOPE_LOCAL;
    j->is_interval = j->scope == SCOPE_LOCAL && strcmp(j->method, "ibug") == 0;
    j->needs_features = strcmp(j->method, "input_sim") == 0;
    j->top_k = gbt_command_int(&j->command, "top_k");
    return check_keys(j);
}

static int take_paths(job *j)
{
    const gbt_command *command = &j->command;
    int code = gbt_command_input(command, "model", false, j->model_path);
    code = code == GBT_EXIT_OK ? gbt_command_input(command, "train", false, j->train_path) : code;
    if (j->scope != SCOPE_SELF) {
        code = code == GBT_EXIT_OK ? gbt_command_input(command, "data", false, j->data_path) : code;
    }
    if (j->is_interval) {
        code = code == GBT_EXIT_OK ? gbt_valid_open(command, &j->list) : code;
        code = code == GBT_EXIT_OK ? gbt_valid_only(command, &j->list, &j->valid_path) : code;
    }
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "predictions", true, j->predictions)
                               : code;
    code = code == GBT_EXIT_OK ? gbt_command_output(command, "matrix", true, j->matrix_path) : code;
    const gbt_used_file file[] = {
        {"predictions", j->predictions, true}, {"matrix", j->matrix_path, true},
        {"model", j->model_path, false},       {"train", j->train_path, false},
        {"data", j->data_path, false},         {"valid", j->valid_path, false},
        {"the config", command->config, false}};
    return code == GBT_EXIT_OK ? gbt_check_files(file, (int)(sizeof file / sizeof file[0])) : code;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static gbt_status read_rows(const job *j, const char *path, const char *why, gbt_file_rows *out)
{
    GBT_TRY(gbt_file_rows_read(j->params, path, j->model, NULL, out));
    if (why) {
        GBT_TRY(gbt_file_rows_need_label(out, why));
    }
    return j->needs_features ? gbt_file_rows_take_features(out) : GBT_OK;
}

static gbt_status read_data(job *j)
{
    const double start = gbt_clock();
    GBT_TRY(read_rows(j, j->train_path, "a model is trained on labels", &j->train));
    gbt_file_rows_print(&j->command, &j->train, gbt_clock() - start);
    if (j->scope != SCOPE_SELF) {
        GBT_TRY(read_rows(j, j->data_path,
                          j->is_interval ? NULL : "influence is measured on the loss of targets",
                          &j->targets));
    }
    if (j->valid_path) {
        GBT_TRY(
            read_rows(j, j->valid_path, "neighbors are chosen by the fit to labels", &j->valid));
    }
    const int64_t n_rows = gbt_dataset_rows(j->train.data);
    j->top_k = j->top_k < n_rows ? j->top_k : n_rows;
    return GBT_OK;
}

/* Results that would not fit into a table are refused before any work. */
static int check_lines(const job *j)
{
    const double n_rows = (double)gbt_dataset_rows(j->train.data);
    const double n_targets = (double)gbt_dataset_rows(j->targets.data);
    const double each = j->top_k > 0 ? 2.0 * (double)j->top_k : n_rows;
    if (n_targets * each > (double)MOST_LINES) {
        return gbt_usage_error(
            "top_k = %d on %.0f targets makes a table of %.0f lines; take fewer, "
            "or name a file for all influences with matrix=",
            gbt_command_int(&j->command, "top_k"), n_targets, n_targets * each);
    }
    return GBT_EXIT_OK;
}

/* ---- Influence on single targets ------------------------------------------------------------- */

/* Targets [first, first + n) as a set of their own; `*part` is NULL when they are all. */
static gbt_status take_block(const job *j, int64_t first, int64_t n, gbt_dataset **part,
                             gbt_matrix *features, gbt_targets *out)
{
    int64_t *rows = NULL;
    gbt_status status = GBT_OK;
    *part = NULL;
    if (n < gbt_dataset_rows(j->targets.data)) {
        GBT_TRY(GBT_NEW(rows, n));
        for (int64_t i = 0; i < n; i++) {
            rows[i] = first + i;
        }
        status = gbt_dataset_subset(j->targets.data, rows, n, part);
        gbt_release(rows);
    }
    *features = j->targets.features;
    features->n_rows = n;
    features->data = j->targets.value ? j->targets.value + first * features->row_stride : NULL;
    *out = (gbt_targets){*part ? *part : j->targets.data, j->targets.value ? features : NULL};
    return status;
}

/* All influences on a block: into the matrix and, from there, into the table. */
static gbt_status explain_dense(job *j, const gbt_targets *targets, int64_t first, int64_t n,
                                float *value)
{
    const int64_t n_rows = gbt_dataset_rows(j->train.data);
    GBT_TRY(gbt_influence_dense(j->influence, targets, gbt_progress_report, &j->progress, value,
                                n * n_rows));
    if (j->matrix_path[0]) {
        GBT_TRY(gbt_npy_append(&j->matrix, value, n * n_rows));
    }
    for (int64_t i = 0; i < n; i++) {
        gbt_influence_table_add(&j->table, first + i, value + i * n_rows);
    }
    return j->table.text.status;
}

static gbt_status explain_top(job *j, const gbt_targets *targets, int64_t first, int64_t n,
                              int64_t *row, float *value)
{
    const int64_t each = 2 * j->top_k;
    GBT_TRY(gbt_influence_top(j->influence, targets, (int32_t)j->top_k, gbt_progress_report,
                              &j->progress, row, value, n * each));
    for (int64_t i = 0; i < n; i++) {
        gbt_influence_table_add_top(&j->table, first + i, row + i * each, value + i * each);
    }
    return j->table.text.status;
}

static gbt_status explain_blocks(job *j, bool is_dense, int64_t size, int64_t *row, float *value)
{
    const int64_t n_targets = gbt_dataset_rows(j->targets.data);
    gbt_status status = GBT_OK;
    gbt_progress_begin(&j->progress, j->method, (n_targets + size - 1) / size);
    for (int64_t first = 0; first < n_targets && status == GBT_OK; first += size) {
        const int64_t n = n_targets - first < size ? n_targets - first : size;
        gbt_dataset *part = NULL;
        gbt_matrix features;
        gbt_targets targets;
        status = take_block(j, first, n, &part, &features, &targets);
        if (status == GBT_OK) {
            status = is_dense ? explain_dense(j, &targets, first, n, value)
                              : explain_top(j, &targets, first, n, row, value);
        }
        gbt_dataset_free(part);
        j->progress.part++;
    }
    return status;
}

static gbt_status explain_targets(job *j)
{
    gbt_status status = GBT_OK;
    const int64_t n_targets = gbt_dataset_rows(j->targets.data);
    const int64_t n_rows = gbt_dataset_rows(j->train.data);
    const bool is_dense = j->matrix_path[0] || j->top_k == 0;
    const int64_t width = is_dense ? n_rows : 2 * j->top_k; /* results of a target */
    int64_t size = BLOCK_BYTES / (width * (is_dense ? 4 : 12));
    int64_t *row = NULL; /* [size x width] */
    float *value = NULL; /* [size x width] */
    size = size < n_targets ? size : n_targets;
    size = size > 1 ? size : 1;
    GBT_TRY_OR_DONE(
        gbt_influence_table_open(&j->table, j->train.table, j->targets.table, j->top_k));
    if (j->matrix_path[0]) {
        GBT_TRY_OR_DONE(gbt_npy_open(&j->matrix, j->matrix_path, n_targets, n_rows));
    }
    GBT_TRY_OR_DONE(is_dense ? GBT_OK : GBT_NEW(row, size * width));
    GBT_TRY_OR_DONE(GBT_NEW(value, size * width));
    GBT_TRY_OR_DONE(explain_blocks(j, is_dense, size, row, value));
done:
    gbt_release(row);
    gbt_release(value);
    return status;
}

/* ---- Influence on all targets, on itself, intervals ------------------------------------------ */

static gbt_targets all_targets(const job *j)
{
    return (gbt_targets){j->targets.data, gbt_file_rows_features(&j->targets)};
}

static gbt_status explain_sums(job *j)
{
    gbt_status status = GBT_OK;
    const int64_t n_rows = gbt_dataset_rows(j->train.data);
    const gbt_targets targets = all_targets(j);
    double *value = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(value, n_rows));
    GBT_TRY_OR_DONE(gbt_influence_table_open(&j->table, j->train.table, NULL, j->top_k));
    gbt_progress_begin(&j->progress, j->method, 1);
    GBT_TRY_OR_DONE(
        j->scope == SCOPE_SELF
            ? gbt_influence_self(j->influence, gbt_progress_report, &j->progress, value, n_rows)
            : gbt_influence_sum(j->influence, &targets, gbt_progress_report, &j->progress, value,
                                n_rows));
    gbt_influence_table_add_sums(&j->table, value);
    status = j->table.text.status;
done:
    gbt_release(value);
    return status;
}

static gbt_status print_intervals(job *j)
{
    gbt_status status = GBT_OK;
    const int64_t n = gbt_dataset_rows(j->targets.data);
    const gbt_targets targets = all_targets(j);
    double *location = NULL, *scale = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(location, n));
    GBT_TRY_OR_DONE(GBT_NEW(scale, n));
    GBT_TRY_OR_DONE(
        gbt_influence_interval(j->influence, &targets, j->valid.data, location, scale, n));
    gbt_print_intervals(&j->table.text, j->targets.table, location, scale);
    status = j->table.text.status;
done:
    gbt_release(location);
    gbt_release(scale);
    return status;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static gbt_status explain(job *j)
{
    gbt_progress_begin(&j->progress, "preparing", 1);
    GBT_TRY(gbt_influence_create(j->params, j->model, j->train.data, gbt_progress_report,
                                 &j->progress, &j->influence));
    if (j->needs_features) {
        GBT_TRY(gbt_influence_set_features(j->influence, &j->train.features));
    }
    return j->is_interval            ? print_intervals(j)
           : j->scope == SCOPE_LOCAL ? explain_targets(j)
                                     : explain_sums(j);
}

static void print_summary(const job *j, double seconds)
{
    if (j->command.verbosity > GBT_QUIET) {
        fprintf(
            stderr, "%s: %s, %lld training rows, %lld targets, %.2f s\n", j->model_path, j->method,
            (long long)gbt_dataset_rows(j->train.data),
            (long long)gbt_dataset_rows(j->scope == SCOPE_SELF ? j->train.data : j->targets.data),
            seconds);
    }
}

/* A method that has no definition for the model or the scope is a matter of the arguments. */
static int exit_of(gbt_status status)
{
    const int code = gbt_exit_of(status);
    return status == GBT_ERR_UNSUPPORTED ? GBT_EXIT_USAGE
           : status == GBT_ERR_IO        ? GBT_EXIT_FAILED
                                         : code;
}

static int run(job *j)
{
    int code = take_options(j);
    code = code == GBT_EXIT_OK ? take_paths(j) : code;
    code = code == GBT_EXIT_OK ? gbt_command_own_params(&j->command, &j->params) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_model_load(j->model_path, &j->model)) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(read_data(j)) : code;
    if (j->scope == SCOPE_LOCAL && !j->is_interval) {
        code = code == GBT_EXIT_OK ? check_lines(j) : code;
    }
    if (code != GBT_EXIT_OK) {
        return code;
    }
    gbt_catch_signals();
    gbt_progress_open(&j->progress, &j->command, j->method);
    const double start = gbt_clock();
    code = exit_of(explain(j));
    const bool has_matrix = j->matrix.file != NULL;
    if (code == GBT_EXIT_OK && has_matrix) {
        code = gbt_exit_of_write(gbt_npy_finish(&j->matrix));
    }
    code = code == GBT_EXIT_OK ? gbt_put(j->predictions, &j->table.text) : code;
    if (code == GBT_EXIT_OK && has_matrix) {
        code = gbt_exit_of_write(gbt_npy_keep(&j->matrix));
    }
    if (code == GBT_EXIT_OK) {
        print_summary(j, gbt_clock() - start);
    }
    return code;
}

int gbt_cmd_influence(int argc, char **argv)
{
    job *j = NULL;
    int code = gbt_exit_of(GBT_NEW_ZERO(j, 1));
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_open(&j->command, "influence", argc, argv);
    if (code == GBT_EXIT_OK) {
        code = run(j);
        gbt_npy_close(&j->matrix);
        gbt_influence_table_close(&j->table);
        gbt_influence_free(j->influence);
        gbt_file_rows_close(&j->valid);
        gbt_file_rows_close(&j->targets);
        gbt_file_rows_close(&j->train);
        gbt_model_free(j->model);
        gbt_valid_close(&j->list);
        gbt_params_free(j->params);
        gbt_command_close(&j->command);
    }
    gbt_release(j);
    return code;
}
