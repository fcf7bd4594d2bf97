/* The results of a cross-validation as CSV and JSON. */
#include "gbt/cli/cv_table.h"

#include <math.h>

#include "gbt/base/alloc.h"

static const char *const part_name[] = {"held_out", "train"}; /* by gbt_cv_part */

/* The curves of one metric on one part. */
typedef struct curves {
    gbt_cv_info info;
    double *mean, *deviation; /* [n_rounds] */
    double *model;            /* [n_rounds x n_models] value of each, by round */
    double *one;              /* [n_rounds] scratch */
} curves;

static int n_parts(const gbt_cv_info *info)
{
    return info->has_train ? 2 : 1;
}

static int32_t n_models(const gbt_cv_info *info)
{
    return info->n_folds * info->n_repeats;
}

static gbt_status curves_open(curves *c, const gbt_cv *cv)
{
    GBT_TRY(gbt_cv_describe(cv, &c->info));
    GBT_TRY(GBT_NEW(c->mean, c->info.n_rounds));
    GBT_TRY(GBT_NEW(c->deviation, c->info.n_rounds));
    GBT_TRY(GBT_NEW(c->one, c->info.n_rounds));
    return GBT_NEW(c->model, n_models(&c->info));
}

static void curves_close(curves *c)
{
    gbt_release(c->mean);
    gbt_release(c->deviation);
    gbt_release(c->one);
    gbt_release(c->model);
}

/* Mean and deviation of every round, and the value of each model at the best one. */
static gbt_status curves_take(curves *c, const gbt_cv *cv, int part, int metric)
{
    const int64_t n = c->info.n_rounds;
    GBT_TRY(gbt_cv_curve(cv, (gbt_cv_part)part, metric, c->mean, c->deviation, n));
    for (int32_t m = 0; m < n_models(&c->info); m++) {
        GBT_TRY(gbt_cv_model_curve(cv, (gbt_cv_part)part, metric, m, c->one, n));
        c->model[m] = c->one[c->info.best_round - 1];
    }
    return GBT_OK;
}

/* ---- Table ----------------------------------------------------------------------------------- */

/* Empty when there is no such number. */
static void print_cell(gbt_writer *text, double value)
{
    gbt_write_u8(text, ',');
    if (!isnan(value)) {
        gbt_print(text, "%.8g", value);
    }
}

static void print_row(gbt_writer *text, const gbt_cv *cv, const curves *c, int part, int metric)
{
    const int32_t at = c->info.best_round - 1;
    gbt_print(text, "%s,%s,%d", part_name[part], gbt_cv_metric_name(cv, metric), (int)at + 1);
    print_cell(text, c->mean[at]);
    print_cell(text, c->deviation[at]);
    for (int32_t m = 0; m < n_models(&c->info); m++) {
        print_cell(text, c->model[m]);
    }
    gbt_write_u8(text, '\n');
}

static void print_header(gbt_writer *text, const gbt_cv_info *info)
{
    gbt_print(text, "data,metric,n_trees,mean,deviation");
    for (int32_t m = 0; m < n_models(info); m++) {
        if (info->n_repeats > 1) {
            gbt_print(text, ",repeat_%d_fold_%d", (int)(m / info->n_folds),
                      (int)(m % info->n_folds));
        } else {
            gbt_print(text, ",fold_%d", (int)m);
        }
    }
    gbt_write_u8(text, '\n');
}

gbt_status gbt_print_cv_table(gbt_writer *text, const gbt_cv *cv)
{
    gbt_status status = GBT_OK;
    curves c = {0};
    GBT_TRY_OR_DONE(curves_open(&c, cv));
    print_header(text, &c.info);
    for (int part = 0; part < n_parts(&c.info); part++) {
        for (int m = 0; m < c.info.n_metrics; m++) {
            GBT_TRY_OR_DONE(curves_take(&c, cv, part, m));
            print_row(text, cv, &c, part, m);
        }
    }
done:
    curves_close(&c);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* "rmse": {"mean": 0.5, "deviation": 0.1, "folds": [[0.4, 0.6]]}, a list for every repeat. */
static void print_metric_json(gbt_writer *text, const gbt_cv *cv, const curves *c, int metric)
{
    const int32_t at = c->info.best_round - 1;
    gbt_print(text, "%s\"%s\": {\"mean\": ", metric > 0 ? ", " : "",
              gbt_cv_metric_name(cv, metric));
    gbt_print_number(text, c->mean[at]);
    gbt_print(text, ", \"deviation\": ");
    gbt_print_number(text, c->deviation[at]);
    gbt_print(text, ", \"folds\": [");
    for (int32_t m = 0; m < n_models(&c->info); m++) {
        const int32_t fold = m % c->info.n_folds;
        gbt_print(text, "%s", m == 0 ? "[" : fold == 0 ? "], [" : ", ");
        gbt_print_number(text, c->model[m]);
    }
    gbt_print(text, "]]}");
}

gbt_status gbt_print_cv_json(gbt_writer *text, const gbt_cv *cv, const gbt_cv_times *times)
{
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    curves c = {0};
    GBT_TRY_OR_DONE(curves_open(&c, cv));
    GBT_TRY_OR_DONE(gbt_cv_model(cv, 0, &model));
    gbt_print(text,
              "{\"objective\": \"%s\", \"rows\": %lld, \"folds\": %d, \"repeats\": %d, "
              "\"stratified\": %s, \"rounds\": %d, \"n_trees\": %d, \"metrics\": {",
              gbt_model_objective(model), (long long)c.info.n_rows, (int)c.info.n_folds,
              (int)c.info.n_repeats, c.info.is_stratified ? "true" : "false", (int)c.info.n_rounds,
              (int)c.info.best_round);
    for (int part = 0; part < n_parts(&c.info); part++) {
        gbt_print(text, "%s\"%s\": {", part > 0 ? ", " : "", part_name[part]);
        for (int m = 0; m < c.info.n_metrics; m++) {
            GBT_TRY_OR_DONE(curves_take(&c, cv, part, m));
            print_metric_json(text, cv, &c, m);
        }
        gbt_print(text, "}");
    }
    gbt_print(text, "}, \"interrupted\": %s, \"seconds_read\": %.6f, \"seconds_train\": %.6f}\n",
              times->is_interrupted ? "true" : "false", times->seconds_read, times->seconds_train);
done:
    gbt_model_free(model);
    curves_close(&c);
    return status;
}

/* ---- Log ------------------------------------------------------------------------------------- */

/* All curves of one kind: {"held_out": {"rmse": 0.5}, "train": {"rmse": 0.4}}. */
static void print_log_values(gbt_writer *text, const gbt_cv *cv, const gbt_cv_info *info,
                             const double *value, int32_t at)
{
    gbt_print(text, "{");
    for (int part = 0; part < n_parts(info); part++) {
        gbt_print(text, "%s\"%s\": {", part > 0 ? ", " : "", part_name[part]);
        for (int m = 0; m < info->n_metrics; m++) {
            gbt_print(text, "%s\"%s\": ", m > 0 ? ", " : "", gbt_cv_metric_name(cv, m));
            gbt_print_number(text,
                             value[(int64_t)(part * info->n_metrics + m) * info->n_rounds + at]);
        }
        gbt_print(text, "}");
    }
    gbt_print(text, "}");
}

gbt_status gbt_print_cv_log(gbt_writer *text, const gbt_cv *cv)
{
    gbt_status status = GBT_OK;
    gbt_cv_info info;
    double *mean = NULL, *deviation = NULL; /* [n_parts x n_metrics x n_rounds] */
    GBT_TRY(gbt_cv_describe(cv, &info));
    const int n_curves = n_parts(&info) * info.n_metrics;
    GBT_TRY_OR_DONE(GBT_NEW(mean, (int64_t)n_curves * info.n_rounds));
    GBT_TRY_OR_DONE(GBT_NEW(deviation, (int64_t)n_curves * info.n_rounds));
    for (int c = 0; c < n_curves; c++) {
        const int64_t first = (int64_t)c * info.n_rounds;
        GBT_TRY_OR_DONE(gbt_cv_curve(cv, (gbt_cv_part)(c / info.n_metrics), c % info.n_metrics,
                                     mean + first, deviation + first, info.n_rounds));
    }
    for (int32_t at = 0; at < info.n_rounds; at++) {
        gbt_print(text, "{\"round\": %d, \"metrics\": ", (int)at + 1);
        print_log_values(text, cv, &info, mean, at);
        gbt_print(text, ", \"deviations\": ");
        print_log_values(text, cv, &info, deviation, at);
        gbt_print(text, "}\n");
    }
done:
    gbt_release(mean);
    gbt_release(deviation);
    return status;
}

/* ---- Predictions ----------------------------------------------------------------------------- */

static void print_predictions_header(gbt_writer *text, const gbt_cv_info *info,
                                     const gbt_model *model, bool has_id, bool is_raw)
{
    gbt_print(text, "%s%s,fold", has_id ? "id" : "row", info->n_repeats > 1 ? ",repeat" : "");
    for (int32_t k = 0; k < info->n_outputs; k++) {
        gbt_write_u8(text, ',');
        gbt_print_output_column(text, model, is_raw, k);
    }
    gbt_write_u8(text, '\n');
}

/* One row of one repeat; what was never held out has neither fold nor prediction. */
static void print_prediction(gbt_writer *text, const gbt_cv_info *info, int32_t repeat,
                             int32_t fold, const float *value)
{
    if (info->n_repeats > 1) {
        gbt_print(text, ",%d", (int)repeat);
    }
    gbt_write_u8(text, ',');
    if (fold >= 0) {
        gbt_print(text, "%d", (int)fold);
    }
    for (int32_t k = 0; k < info->n_outputs; k++) {
        gbt_write_u8(text, ',');
        if (fold >= 0) {
            gbt_print_float(text, value[k]);
        }
    }
    gbt_write_u8(text, '\n');
}

gbt_status gbt_print_cv_predictions(gbt_writer *text, const gbt_cv *cv, const gbt_table *ids,
                                    bool is_raw)
{
    gbt_status status = GBT_OK;
    gbt_cv_info info;
    gbt_model *model = NULL;
    int32_t *fold = NULL; /* [n_rows] */
    float *value = NULL;  /* [n_rows x n_outputs] */
    GBT_TRY(gbt_cv_describe(cv, &info));
    GBT_TRY_OR_DONE(gbt_cv_model(cv, 0, &model));
    GBT_TRY_OR_DONE(GBT_NEW(fold, info.n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(value, info.n_rows * info.n_outputs));
    print_predictions_header(text, &info, model, ids != NULL, is_raw);
    for (int32_t r = 0; r < info.n_repeats; r++) {
        GBT_TRY_OR_DONE(gbt_cv_fold_of(cv, r, fold, info.n_rows));
        GBT_TRY_OR_DONE(gbt_cv_predict(cv, r, is_raw ? GBT_PREDICT_RAW : GBT_PREDICT_RESPONSE,
                                       value, info.n_rows * info.n_outputs));
        for (int64_t i = 0; i < info.n_rows; i++) {
            if (ids) {
                gbt_print_csv_text(text, gbt_table_id(ids, i));
            } else {
                gbt_print(text, "%lld", (long long)i);
            }
            print_prediction(text, &info, r, fold[i], value + i * info.n_outputs);
        }
    }
done:
    gbt_model_free(model);
    gbt_release(fold);
    gbt_release(value);
    return status;
}
