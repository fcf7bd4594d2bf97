/* Everything before the first round: rows held out, tasks, the frame, parameters of the boosters.
 * Cost: a copy of the rows where some are held out, or for mode = feature. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/modules/holdout.h"
#include "gbt/modules/multitask_internal.h"
#include "gbt/modules/settings.h"

/* Rows of training or validation, in terms of what the caller gave. */
typedef struct row_source {
    const gbt_dataset *data;    /* NULL: no rows */
    const gbt_matrix *features; /* or NULL */
    int64_t *rows;              /* [n_rows] or NULL: all */
    int64_t n_rows;
} row_source;

/* ---- Checks ---------------------------------------------------------------------------------- */

static gbt_status check_data(const gbt_dataset *data, const char *what)
{
    if (gbt_dataset_rows(data) < 1) {
        return gbt_fail(GBT_ERR_DATA, "there are no %s rows", what);
    }
    if (gbt_dataset_field_size(data, GBT_INIT_SCORE) > 0) {
        return gbt_fail(GBT_ERR_DATA,
                        "the %s rows have init scores; multi-task boosting starts from its own "
                        "base score",
                        what);
    }
    return GBT_OK;
}

static gbt_status check_input(const gbt_task_input *input)
{
    if (!input->params || !input->train) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_train: %s is NULL",
                        input->params ? "train" : "params");
    }
    GBT_TRY(gbt_params_check(input->params));
    GBT_TRY(check_data(input->train, "training"));
    return input->valid ? check_data(input->valid, "validation") : GBT_OK;
}

/* Leaves renewed from residuals need the plain loop of a booster; other blocks give it
 * gradients. */
static gbt_status check_objective(const gbt_task_settings *set, const gbt_model *frame)
{
    const char *name = gbt_model_objective(frame);
    const bool renews =
        strcmp(name, "mae") == 0 || strcmp(name, "quantile") == 0 || strcmp(name, "mape") == 0;
    const bool is_plain = set->mode == GBT_TASKS_SINGLE || set->mode == GBT_TASKS_POOLED ||
                          set->mode == GBT_TASKS_FEATURE;
    if (renews && (set->has_mean_leaves || !is_plain)) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "objective = %s: its leaves are quantiles of residuals, which only the "
                        "modes single, pooled and feature with leaf_estimation = newton have; "
                        "huber or fair are alternatives",
                        name);
    }
    return GBT_OK;
}

/* ---- Which rows ------------------------------------------------------------------------------ */

/* Splits the rows of `train` as valid_fraction says, every task alike. */
static gbt_status hold_out(const gbt_task_settings *set, row_source *train, row_source *valid)
{
    gbt_status status = GBT_OK;
    int32_t *task = NULL;
    const int64_t n = gbt_dataset_rows(train->data);
    GBT_TRY_OR_DONE(GBT_NEW(task, n));
    GBT_TRY_OR_DONE(GBT_NEW(train->rows, n));
    GBT_TRY_OR_DONE(GBT_NEW(valid->rows, n));
    GBT_TRY_OR_DONE(gbt_task_numbers(train->data, "training", task));
    GBT_TRY_OR_DONE(gbt_holdout_draw(set->seed, set->valid_fraction, task, n, train->rows,
                                     &train->n_rows, valid->rows, &valid->n_rows));
    if (valid->n_rows == 0) {
        status = gbt_fail(GBT_ERR_DATA,
                          "valid_fraction = %g leaves no rows for validation: every task has one "
                          "row",
                          set->valid_fraction);
        goto done;
    }
    valid->data = train->data;
    valid->features = train->features;
    gbt_log_line(GBT_LOG_INFO, "valid_fraction: %lld rows train, %lld validate",
                 (long long)train->n_rows, (long long)valid->n_rows);
done:
    gbt_release(task);
    return status;
}

/* Leaves validation rows of tasks out that training does not have. */
static gbt_status drop_unseen(const gbt_multitask *model, row_source *valid)
{
    gbt_status status = GBT_OK;
    int32_t *task = NULL;
    int64_t *rows = NULL, n_rows = 0;
    GBT_TRY_OR_DONE(GBT_NEW(task, valid->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(rows, valid->n_rows));
    GBT_TRY_OR_DONE(gbt_task_numbers(valid->data, "validation", task));
    for (int64_t i = 0; i < valid->n_rows; i++) {
        if (gbt_multitask_find(model, task[i]) >= 0) {
            rows[n_rows++] = i;
        }
    }
    if (n_rows == 0) {
        status = gbt_fail(GBT_ERR_DATA, "no validation row is of a task of the training rows");
    } else if (n_rows < valid->n_rows) {
        gbt_log_line(GBT_LOG_WARN,
                     "%lld of %lld validation rows are of tasks that training does not have; they "
                     "are left out",
                     (long long)(valid->n_rows - n_rows), (long long)valid->n_rows);
        valid->rows = rows;
        valid->n_rows = n_rows;
        rows = NULL;
    }
done:
    gbt_release(task);
    gbt_release(rows);
    return status;
}

static gbt_status take_rows(const row_source *source, gbt_dataset **out)
{
    return source->rows ? gbt_dataset_subset(source->data, source->rows, source->n_rows, out)
                        : gbt_dataset_share(source->data, out);
}

/* ---- mode = feature: data sets with the task as a column ------------------------------------- */

/* Name of the new column: that of the task column of the file, or one that is still free. */
static void name_task_column(const gbt_model *frame, int64_t n_features, char *out, size_t capacity)
{
    const char *column = gbt_model_column(frame, GBT_ROLE_TASK);
    bool is_free = false;
    (void)snprintf(out, capacity, "%s", column[0] ? column : "task");
    for (int attempt = 1; !is_free; attempt++) {
        is_free = true;
        for (int32_t f = 0; f < n_features; f++) {
            is_free &= strcmp(gbt_model_feature_name(frame, f), out) != 0;
        }
        if (!is_free) {
            (void)snprintf(out, capacity, "task_%d", attempt);
        }
    }
}

/* The caller's parameters with every categorical column named by its index. */
static gbt_status wide_params(const gbt_params *params, const gbt_model *frame, int32_t n_features,
                              gbt_params **out)
{
    gbt_status status = GBT_OK;
    char *list = NULL;
    size_t used = 0;
    const size_t capacity = 12 * ((size_t)n_features + 1);
    GBT_TRY(gbt_params_copy(params, out));
    GBT_TRY_OR_DONE(GBT_NEW(list, (int64_t)capacity));
    for (int32_t f = 0; f <= n_features; f++) {
        if (f == n_features || gbt_model_feature_is_categorical(frame, f)) {
            used += (size_t)snprintf(list + used, capacity - used, used ? ",%d" : "%d", f);
        }
    }
    status = gbt_params_set(*out, "categorical", list);
done:
    gbt_release(list);
    return status;
}

static gbt_status copy_field(const gbt_dataset *from, gbt_dataset *to, gbt_field field)
{
    const int64_t n = gbt_dataset_field_size(from, field);
    const gbt_dtype dtype = field == GBT_TASK ? GBT_I32 : GBT_F32;
    char *values = NULL;
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW(values, n * 4));
    gbt_status status = gbt_dataset_get(from, field, values, dtype, n);
    if (status == GBT_OK) {
        status = gbt_dataset_set(to, field, values, dtype, n);
    }
    gbt_release(values);
    return status;
}

/* Replaces `*data`, the rows of the source, by the same rows with one more column. */
static gbt_status widen(const gbt_multitask *model, const row_source *source, const char *what,
                        const gbt_params *params, const char *const *names,
                        const gbt_dataset *same_cuts, gbt_dataset **data)
{
    gbt_status status = GBT_OK;
    float *wide = NULL;
    int32_t *task = NULL;
    gbt_dataset *widened = NULL;
    const int64_t n = gbt_dataset_rows(*data);
    GBT_TRY(
        gbt_feature_check(what, model->frame, source->features, gbt_dataset_rows(source->data)));
    const int64_t n_cols = source->features->n_cols + 1;
    GBT_TRY_OR_DONE(GBT_NEW(wide, n * n_cols));
    GBT_TRY_OR_DONE(GBT_NEW(task, n));
    GBT_TRY_OR_DONE(gbt_task_numbers(*data, what, task));
    for (int64_t i = 0; i < n; i++) {
        task[i] = gbt_multitask_find(model, task[i]);
    }
    gbt_feature_widen(source->features, source->rows, 0, n, task, wide);
    const gbt_matrix matrix = {wide, GBT_F32, n, n_cols, n_cols, 1};
    GBT_TRY_OR_DONE(gbt_dataset_from_matrix(params, &matrix, names, same_cuts, &widened));
    GBT_TRY_OR_DONE(copy_field(*data, widened, GBT_LABEL));
    GBT_TRY_OR_DONE(copy_field(*data, widened, GBT_WEIGHT));
    GBT_TRY_OR_DONE(copy_field(*data, widened, GBT_TASK));
    gbt_dataset_free(*data);
    *data = widened;
    widened = NULL;
done:
    gbt_release(wide);
    gbt_release(task);
    gbt_dataset_free(widened);
    return status;
}

static gbt_status widen_all(const gbt_multitask *model, const row_source *train,
                            const row_source *valid, gbt_dataset **train_data,
                            gbt_dataset **valid_data)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    const char **names = NULL;
    char task_name[256];
    int64_t n_features = 0;
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_FEATURES, &n_features));
    GBT_TRY_OR_DONE(wide_params(model->params, model->frame, (int32_t)n_features, &params));
    GBT_TRY_OR_DONE(GBT_NEW(names, n_features + 1));
    for (int32_t f = 0; f < n_features; f++) {
        names[f] = gbt_model_feature_name(model->frame, f);
    }
    name_task_column(model->frame, n_features, task_name, sizeof task_name);
    names[n_features] = task_name;
    GBT_TRY_OR_DONE(
        widen(model, train, "features of the training rows", params, names, NULL, train_data));
    if (*valid_data) {
        GBT_TRY_OR_DONE(widen(model, valid, "features of the validation rows", params, names,
                              *train_data, valid_data));
    }
done:
    gbt_params_free(params);
    gbt_release(names);
    return status;
}

/* ---- Parameters and models that every block needs -------------------------------------------- */

static gbt_status set_number(gbt_params *params, const char *key, int32_t value)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", value);
    return gbt_params_set(params, key, text);
}

/* A booster that does nothing tells classes, resolved parameters and the base score. */
static gbt_status make_frame(gbt_task_run *run, const gbt_dataset *train)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_booster *booster = NULL;
    const int32_t *n = run->set.n_rounds;
    GBT_TRY_OR_DONE(gbt_params_copy(run->model->params, &params));
    GBT_TRY_OR_DONE(set_number(params, "n_trees", n[0] + n[1] + n[2]));
    GBT_TRY_OR_DONE(set_number(params, "early_stopping_rounds", run->set.patience));
    GBT_TRY_OR_DONE(gbt_booster_create(params, train, &booster));
    run->model->n_outputs = gbt_booster_outputs(booster);
    GBT_TRY_OR_DONE(gbt_booster_finish(booster, 0, &run->model->frame));
    GBT_TRY_OR_DONE(check_objective(&run->set, run->model->frame));
    GBT_TRY_OR_DONE(gbt_model_params(run->model->frame, &run->own));
    GBT_TRY_OR_DONE(gbt_objective_of_model(run->model->frame, &run->objective));
done:
    gbt_booster_free(booster);
    gbt_params_free(params);
    return status;
}

static bool shapes_trees(const gbt_param_info *key)
{
    return strcmp(key->section, "tree") == 0 || strcmp(key->section, "sampling") == 0 ||
           strcmp(key->section, "features") == 0 || strcmp(key->name, "device") == 0 ||
           strcmp(key->name, "learning_rate") == 0 || strcmp(key->name, "seed") == 0;
}

/* Parameters of boosters that get all their gradients: only what shapes trees. */
static gbt_status make_bare(const gbt_params *own, gbt_params **out)
{
    char policy[16];
    gbt_param_info key;
    GBT_TRY(gbt_params_create(out));
    GBT_TRY(gbt_params_get(own, "grow_policy", policy, sizeof policy));
    for (int i = 0; i < gbt_param_count(); i++) {
        GBT_TRY(gbt_param_describe(i, &key));
        const bool is_derived =
            strcmp(key.name, "max_leaves") == 0 && strcmp(policy, "depthwise") == 0;
        if (shapes_trees(&key) && (is_derived || gbt_params_is_set(own, key.name) == 1)) {
            char *value = NULL;
            GBT_TRY(gbt_setting_text(own, key.name, &value));
            const gbt_status status = gbt_params_set(*out, key.name, value);
            gbt_release(value);
            GBT_TRY(status);
        }
    }
    GBT_TRY(gbt_params_set(*out, "objective", "regression"));
    GBT_TRY(gbt_params_set(*out, "boost_from_average", "false"));
    return gbt_params_set(*out, "threads", "1");
}

static gbt_status make_zero(const gbt_multitask *model, gbt_model **out)
{
    double *base = NULL;
    GBT_TRY(GBT_NEW_ZERO(base, model->n_outputs));
    const gbt_status status = gbt_model_slice(model->frame, 0, 0, base, out);
    gbt_release(base);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static gbt_status choose_rows(const gbt_task_input *input, const gbt_task_settings *set,
                              row_source *train, row_source *valid)
{
    *train = (row_source){.data = input->train, .features = input->features};
    *valid = (row_source){.data = input->valid, .features = input->valid_features};
    if (set->valid_fraction > 0.0) {
        return hold_out(set, train, valid);
    }
    train->n_rows = gbt_dataset_rows(train->data);
    valid->n_rows = valid->data ? gbt_dataset_rows(valid->data) : 0;
    return GBT_OK;
}

/* Tasks, frame, and the rows bound to them. */
static gbt_status bind_rows(gbt_task_run *run, row_source *train, row_source *valid)
{
    gbt_status status = GBT_OK;
    gbt_multitask *model = run->model;
    gbt_dataset *train_data = NULL, *valid_data = NULL;
    GBT_TRY_OR_DONE(take_rows(train, &train_data));
    GBT_TRY_OR_DONE(gbt_tasks_learn(model, train_data));
    if (valid->data) {
        if (!valid->rows) { /* rows held out have tasks of training */
            GBT_TRY_OR_DONE(drop_unseen(model, valid));
        }
        GBT_TRY_OR_DONE(take_rows(valid, &valid_data));
    }
    GBT_TRY_OR_DONE(make_frame(run, train_data));
    GBT_TRY_OR_DONE(gbt_tasks_name(model));
    if (model->mode == GBT_TASKS_FEATURE) {
        GBT_TRY_OR_DONE(widen_all(model, train, valid, &train_data, &valid_data));
    }
    gbt_dataset *data = train_data;
    train_data = NULL;
    GBT_TRY_OR_DONE(gbt_task_rows_open(&run->train, model, data));
    if (valid_data) {
        data = valid_data;
        valid_data = NULL;
        GBT_TRY_OR_DONE(gbt_task_rows_open(&run->valid, model, data));
    }
done:
    gbt_dataset_free(train_data);
    gbt_dataset_free(valid_data);
    return status;
}

static gbt_status open_run(gbt_task_run *run, const gbt_task_input *input, row_source *train,
                           row_source *valid)
{
    GBT_TRY(check_input(input));
    GBT_TRY(gbt_task_settings_read(input->params, input->valid != NULL, &run->set));
    GBT_TRY(GBT_NEW_ZERO(run->model, 1));
    run->model->mode = run->set.mode;
    run->model->n_groups = 1;
    GBT_TRY(gbt_params_copy(input->params, &run->model->params));
    GBT_TRY(choose_rows(input, &run->set, train, valid));
    run->valid_name = run->set.valid_fraction > 0.0 ? "held_out" : "valid";
    GBT_TRY(bind_rows(run, train, valid));
    GBT_TRY(make_bare(run->own, &run->bare));
    GBT_TRY(make_zero(run->model, &run->zero));
    const int64_t n_scores = run->train.n_rows * run->model->n_outputs;
    GBT_TRY(GBT_NEW(run->ordinary, (int64_t)run->model->n_tasks + 1));
    GBT_TRY(GBT_NEW(run->outlier, (int64_t)run->model->n_tasks + 1));
    GBT_TRY(GBT_NEW(run->grad, n_scores));
    GBT_TRY(GBT_NEW(run->hess, n_scores));
    if (gbt_tasks_have_weights(run->set.mode)) {
        GBT_TRY(gbt_theta_start(run, input->theta_start));
    }
    gbt_multitask_weights(run->model, run->ordinary, run->outlier);
    return gbt_task_watch_open(run);
}

gbt_status gbt_task_run_open(gbt_task_run *run, const gbt_task_input *input)
{
    row_source train = {0}, valid = {0};
    const gbt_task_watch watch = run->watch; /* callback and user */
    *run = (gbt_task_run){.watch = watch};
    const gbt_status status = open_run(run, input, &train, &valid);
    gbt_release(train.rows);
    gbt_release(valid.rows);
    if (status != GBT_OK) {
        gbt_task_run_close(run);
    }
    return status;
}

void gbt_task_run_close(gbt_task_run *run)
{
    gbt_task_watch_close(&run->watch);
    gbt_task_rows_close(&run->train);
    gbt_task_rows_close(&run->valid);
    gbt_release(run->ordinary);
    gbt_release(run->outlier);
    gbt_release(run->grad);
    gbt_release(run->hess);
    gbt_model_free(run->zero);
    gbt_objective_free(run->objective);
    gbt_params_free(run->own);
    gbt_params_free(run->bare);
    gbt_multitask_free(run->model);
    run->model = NULL;
}
