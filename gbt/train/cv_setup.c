/* Before the first tree of a cross-validation: keys, labels and classes of all rows, folds, memory;
 * then a booster for every fold with its rows. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/train/cv.h"
#include "gbt/train/resolve.h"

enum { ROUNDS_AT_FIRST = 256 };

/* ---- Keys ------------------------------------------------------------------------------------ */

static gbt_status check_keys(const gbt_params *params, const gbt_dataset *data,
                             const int32_t *given)
{
    static const gbt_param_key dealt[] = {GBT_KEY_folds, GBT_KEY_stratified, GBT_KEY_repeats};
    if (data->n_rows < 2) {
        return gbt_fail(GBT_ERR_DATA, "%lld rows: a cross-validation needs two or more",
                        (long long)data->n_rows);
    }
    if (params->valid_fraction > 0.0 || params->continue_from[0]) {
        return gbt_fail(GBT_ERR_PARAM, "%s has no effect in a cross-validation: leave it out",
                        params->valid_fraction > 0.0 ? "valid_fraction" : "continue_from");
    }
    for (size_t i = 0; given && i < sizeof dealt / sizeof dealt[0]; i++) {
        if (params->is_set[dealt[i]]) {
            return gbt_fail(GBT_ERR_PARAM, "%s has no effect when the folds are given",
                            gbt_param_row_of(dealt[i])->name);
        }
    }
    if (!given && params->fold[0]) {
        return gbt_fail(GBT_ERR_PARAM,
                        "fold = %s names a column, which gbt_cv_run does not read: "
                        "give it the folds",
                        params->fold);
    }
    if (!given && data->group && params->stratified == GBT_STRATIFIED_TRUE) {
        return gbt_fail(GBT_ERR_PARAM, "stratified = true is not possible with groups, which stay "
                                       "whole; leave stratified or group out");
    }
    return GBT_OK;
}

/* The caller's parameters without what speaks of files. */
static gbt_status take_params(gbt_cv_run_state *run, const gbt_params *params)
{
    GBT_TRY(gbt_params_copy(params, &run->params));
    GBT_TRY(gbt_params_set(run->params, "train", ""));
    GBT_TRY(gbt_params_set(run->params, "valid", ""));
    GBT_TRY(gbt_params_check(run->params));
    GBT_TRY(gbt_resolve_growth(run->params));
    return gbt_resolve_stopping(run->params, true);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static bool are_numbered(const gbt_classes *classes)
{
    for (int32_t c = 0; c < classes->n; c++) {
        if (classes->label[c] != (float)c) {
            return false;
        }
    }
    return true;
}

/* Objective, classes and targets of all rows. The objective counts for every model, and so do the
 * classes where a model can learn of one that it does not see: labels 0, 1, ... */
static gbt_status settle_labels(gbt_cv_run_state *run)
{
    gbt_status status = GBT_OK;
    const gbt_dataset *data = run->data;
    gbt_params *all = NULL; /* resolved for all rows */
    GBT_TRY(gbt_params_copy(run->params, &all));
    GBT_TRY_OR_DONE(gbt_classes_resolve(all, data, &run->classes));
    GBT_TRY_OR_DONE(gbt_params_check(all));
    GBT_TRY_OR_DONE(gbt_objective_init(all, &run->objective));
    GBT_TRY_OR_DONE(gbt_objective_set_labels(&run->objective, data->n_labels));
    GBT_TRY_OR_DONE(GBT_NEW(run->target, data->n_rows * gbt_objective_labels(&run->objective)));
    GBT_TRY_OR_DONE(gbt_classes_target(&run->classes, &run->objective, data, run->target));
    GBT_TRY_OR_DONE(gbt_resolve_text(run->params, GBT_KEY_objective,
                                     gbt_param_value_of(GBT_KEY_objective, all->objective)->name,
                                     NULL));
    if (run->classes.n > 0 && all->objective != GBT_OBJECTIVE_BINARY &&
        are_numbered(&run->classes)) {
        GBT_TRY_OR_DONE(gbt_resolve_number(run->params, GBT_KEY_num_class, run->classes.n, NULL));
    }
done:
    gbt_params_free(all);
    return status;
}

/* ---- Folds ----------------------------------------------------------------------------------- */

static gbt_status settle_stratified(gbt_cv_run_state *run)
{
    const bool has_classes = run->classes.n > 0;
    const int asked = run->params->stratified;
    if (asked == GBT_STRATIFIED_TRUE && !has_classes) {
        return gbt_fail(GBT_ERR_PARAM, "stratified = true needs classes; objective = %s has none",
                        run->objective.name);
    }
    run->cv->info.is_stratified = has_classes && !run->data->group && asked != GBT_STRATIFIED_FALSE;
    if (asked == GBT_STRATIFIED_AUTO && (has_classes || run->data->group)) {
        gbt_log_line(GBT_LOG_INFO, "stratified = %s (%s)",
                     run->cv->info.is_stratified ? "true" : "false",
                     run->data->group ? "groups stay whole" : "the label has classes");
    }
    return GBT_OK;
}

static gbt_status deal_folds(gbt_cv_run_state *run)
{
    const gbt_dataset *data = run->data;
    gbt_cv *cv = run->cv;
    for (int32_t r = 0; r < cv->info.n_repeats; r++) {
        int32_t *fold = cv->fold + r * data->n_rows;
        const gbt_fold_deal deal = {.seed = (uint64_t)run->params->seed,
                                    .repeat = r,
                                    .n_folds = cv->info.n_folds,
                                    .n_rows = data->n_rows};
        if (data->group) {
            GBT_TRY(gbt_folds_deal_groups(&deal, data->group, fold));
        } else {
            GBT_TRY(gbt_folds_deal_rows(&deal, cv->info.is_stratified ? run->target : NULL,
                                        run->classes.n, fold));
        }
    }
    return GBT_OK;
}

static gbt_status settle_folds(gbt_cv_run_state *run, const int32_t *given)
{
    const gbt_dataset *data = run->data;
    gbt_cv *cv = run->cv;
    cv->info.n_repeats = given ? 1 : run->params->repeats;
    cv->info.n_folds = run->params->folds;
    GBT_TRY(GBT_NEW(cv->fold, cv->info.n_repeats * data->n_rows));
    if (!given) {
        GBT_TRY(settle_stratified(run));
        GBT_TRY(deal_folds(run));
    } else {
        GBT_TRY(gbt_folds_number(given, data->n_rows, cv->fold, &cv->info.n_folds));
        if (data->group) {
            GBT_TRY(gbt_folds_check_groups(cv->fold, data->group, data->n_rows));
        }
    }
    cv->n_models = cv->info.n_folds * cv->info.n_repeats;
    return GBT_OK;
}

/* Rows of every class inside one fold: count [n_classes]. */
static void count_classes(const gbt_cv_run_state *run, const int32_t *fold, int32_t which,
                          int64_t *count)
{
    memset(count, 0, (size_t)run->classes.n * sizeof *count);
    for (int64_t i = 0; i < run->data->n_rows; i++) {
        if (fold[i] == which) {
            count[(int32_t)run->target[i]]++;
        }
    }
}

/* A model whose training part lacks a class can neither predict nor be measured on it, unless the
 * number of classes tells it. A fold that a class does not reach is only worth a warning. */
static gbt_status check_class_parts(const gbt_cv_run_state *run, int64_t *total, int64_t *inside)
{
    const gbt_cv_info *info = &run->cv->info;
    const int32_t n_classes = run->classes.n;
    const bool tells_classes = run->params->num_class > 0 && are_numbered(&run->classes);
    for (int32_t m = 0; m < run->cv->n_models; m++) {
        const int32_t *fold = run->cv->fold + m / info->n_folds * run->data->n_rows;
        count_classes(run, fold, m % info->n_folds, inside);
        for (int32_t c = 0; c < n_classes; c++) {
            if (total[c] > 0 && inside[c] == total[c] && !tells_classes) {
                return gbt_fail(
                    GBT_ERR_DATA,
                    "fold %d of repeat %d (from 0) holds out all %lld rows of class %s, "
                    "so its model would not know it",
                    (int)(m % info->n_folds), (int)(m / info->n_folds), (long long)total[c],
                    run->classes.name[c]);
            }
        }
    }
    for (int32_t c = 0; info->is_stratified && c < n_classes; c++) {
        if (total[c] > 0 && total[c] < info->n_folds) {
            gbt_log_line(GBT_LOG_WARN, "class %s has %lld rows, fewer than folds = %d",
                         run->classes.name[c], (long long)total[c], (int)info->n_folds);
        }
    }
    return GBT_OK;
}

static gbt_status check_classes(const gbt_cv_run_state *run)
{
    gbt_status status = GBT_OK;
    int64_t *total = NULL, *inside = NULL; /* [n_classes] */
    if (run->classes.n == 0) {
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(total, run->classes.n));
    GBT_TRY_OR_DONE(GBT_NEW(inside, run->classes.n));
    for (int64_t i = 0; i < run->data->n_rows; i++) {
        total[(int32_t)run->target[i]]++;
    }
    GBT_TRY_OR_DONE(check_class_parts(run, total, inside));
done:
    gbt_release(total);
    gbt_release(inside);
    return status;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* All rows once a repeat and fold, boosters of their training parts, results. A part of the rows
 * takes its share of what all take. */
static gbt_status check_memory(const gbt_cv_run_state *run)
{
    const gbt_cv *cv = run->cv;
    const gbt_dataset *data = run->data;
    const int32_t n_outputs = cv->info.n_outputs;
    const double rows = (double)gbt_dataset_bytes(data);
    const double booster = (double)gbt_booster_bytes(run->params, data, n_outputs);
    const double of_valid = 4.0 * (double)data->n_rows * (n_outputs + data->n_labels);
    const double results = 4.0 * (double)data->n_rows * (n_outputs + 1) * cv->info.n_repeats;
    const double raw = run->features ? 4.0 * (double)data->n_rows * data->cuts->n_features : 0.0;
    double need = rows + results + raw;
    for (int32_t m = 0; m < cv->n_models; m++) {
        const int32_t *fold = cv->fold + m / cv->info.n_folds * data->n_rows;
        int64_t n_inside = 0;
        for (int64_t i = 0; i < data->n_rows; i++) {
            n_inside += fold[i] == m % cv->info.n_folds;
        }
        const double inside = (double)n_inside / (double)data->n_rows;
        need += rows + (1.0 - inside) * booster + inside * of_valid;
    }
    gbt_log_line(GBT_LOG_DEBUG, "memory: about %.0f MiB for %d models at once", need / 0x1p20,
                 (int)cv->n_models);
    const int64_t limit = run->params->memory_limit;
    if (limit > 0 && need > (double)limit) {
        return gbt_fail(GBT_ERR_MEMORY,
                        "%d models at once need about %.0f bytes, memory_limit allows %lld; fewer "
                        "folds or repeats need less",
                        (int)cv->n_models, need, (long long)limit);
    }
    return GBT_OK;
}

gbt_status gbt_cv_settle(gbt_cv_run_state *run, const gbt_params *params, const int32_t *given)
{
    GBT_TRY(check_keys(params, run->data, given));
    GBT_TRY(GBT_NEW_ZERO(run->cv, 1));
    GBT_TRY(take_params(run, params));
    GBT_TRY(settle_labels(run));
    run->cv->info.n_rows = run->data->n_rows;
    run->cv->info.n_outputs = run->objective.n_outputs;
    run->cv->info.has_train = run->params->train_metric;
    GBT_TRY(settle_folds(run, given));
    GBT_TRY(check_classes(run));
    return check_memory(run);
}

/* ---- Boosters -------------------------------------------------------------------------------- */

/* row [n_rows] is scratch. */
static gbt_status open_booster(gbt_cv_run_state *run, int32_t m, int64_t *row)
{
    gbt_status status = GBT_OK;
    gbt_dataset *train = NULL;
    GBT_TRY_OR_DONE(gbt_cv_open_rows(run, m, row, &train));
    GBT_TRY_OR_DONE(gbt_booster_create(run->params, train, &run->booster[m]));
    GBT_TRY_OR_DONE(gbt_booster_add_valid(run->booster[m], run->held_out[m], "held_out"));
done:
    gbt_dataset_free(train);
    return status;
}

gbt_status gbt_cv_grow_curves(gbt_cv *cv)
{
    const int32_t more = cv->most_rounds > 0 ? 2 * cv->most_rounds : ROUNDS_AT_FIRST;
    const int64_t a_round = (int64_t)cv->info.n_metrics * cv->n_models;
    for (int part = 0; part <= (cv->info.has_train ? GBT_CV_TRAIN : GBT_CV_HELD_OUT); part++) {
        double *grown =
            gbt_grow(cv->value[part], cv->most_rounds * a_round, more * a_round, sizeof *grown);
        GBT_TRY(grown ? GBT_OK : GBT_ERR_MEMORY);
        cv->value[part] = grown;
    }
    cv->most_rounds = more;
    return GBT_OK;
}

static gbt_status open_curves(gbt_cv_run_state *run)
{
    gbt_cv *cv = run->cv;
    const gbt_booster *booster = run->booster[0];
    cv->info.n_metrics = booster->n_metrics;
    for (int32_t m = 0; m < booster->n_metrics; m++) {
        memcpy(cv->metric_name[m], booster->metrics[m].name, sizeof cv->metric_name[m]);
    }
    return gbt_cv_grow_curves(cv);
}

gbt_status gbt_cv_open_boosters(gbt_cv_run_state *run)
{
    gbt_status status = GBT_OK;
    int64_t *row = NULL; /* [n_rows] */
    GBT_TRY_OR_DONE(GBT_NEW(row, run->data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(run->booster, run->cv->n_models));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(run->held_out, run->cv->n_models));
    for (int32_t m = 0; m < run->cv->n_models; m++) {
        GBT_TRY_OR_DONE(open_booster(run, m, row));
    }
    GBT_TRY_OR_DONE(open_curves(run));
done:
    gbt_release(row);
    return status;
}

void gbt_cv_close_run(gbt_cv_run_state *run)
{
    for (int32_t m = 0; run->cv && m < run->cv->n_models; m++) {
        if (run->booster) {
            gbt_booster_free(run->booster[m]);
        }
        if (run->held_out) {
            gbt_dataset_free(run->held_out[m]);
        }
    }
    gbt_release(run->booster);
    gbt_release(run->held_out);
    gbt_release(run->target);
    gbt_classes_close(&run->classes);
    gbt_params_free(run->params);
    gbt_cv_free(run->cv);
    memset(run, 0, sizeof *run);
}
