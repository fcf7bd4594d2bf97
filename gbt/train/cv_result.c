/* The result of a cross-validation: models and predictions at the best round, and the questions
 * that callers ask. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/train/cv.h"

/* ---- Collecting ------------------------------------------------------------------------------ */

/* Predictions of model m, to their places among all rows. */
static gbt_status predict_held_out(gbt_cv_run_state *run, int32_t m)
{
    gbt_cv *cv = run->cv;
    const int32_t n_outputs = cv->info.n_outputs, which = m % cv->info.n_folds;
    const int64_t first = m / cv->info.n_folds * cv->info.n_rows; /* of the repeat */
    const int64_t n = gbt_dataset_rows(run->held_out[m]) * n_outputs;
    float *score = NULL; /* [held-out rows x n_outputs] */
    GBT_TRY(GBT_NEW(score, n));
    const gbt_status status = gbt_model_predict_dataset(
        cv->model[m], run->held_out[m], GBT_PREDICT_RAW, 0, 0, run->params->threads, score, n);
    for (int64_t i = 0, at = 0; status == GBT_OK && i < cv->info.n_rows; i++) {
        if (cv->fold[first + i] == which) {
            memcpy(cv->raw + (first + i) * n_outputs, score + at,
                   (size_t)n_outputs * sizeof *score);
            at += n_outputs;
        }
    }
    gbt_release(score);
    return status;
}

gbt_status gbt_cv_collect(gbt_cv_run_state *run)
{
    gbt_cv *cv = run->cv;
    GBT_TRY(GBT_NEW_ZERO(cv->model, cv->n_models));
    GBT_TRY(GBT_NEW_ZERO(cv->raw, cv->info.n_repeats * cv->info.n_rows * cv->info.n_outputs));
    for (int32_t m = 0; m < cv->n_models; m++) {
        GBT_TRY(gbt_booster_finish(run->booster[m], cv->info.best_round, &cv->model[m]));
        gbt_booster_free(run->booster[m]);
        run->booster[m] = NULL;
        GBT_TRY(predict_held_out(run, m));
        gbt_dataset_free(run->held_out[m]);
        run->held_out[m] = NULL;
    }
    return GBT_OK;
}

void gbt_cv_free(gbt_cv *cv)
{
    if (!cv) {
        return;
    }
    for (int32_t m = 0; cv->model && m < cv->n_models; m++) {
        gbt_model_free(cv->model[m]);
    }
    gbt_release(cv->model);
    gbt_release(cv->raw);
    gbt_release(cv->fold);
    for (int part = 0; part < GBT_CV_PARTS; part++) {
        gbt_release(cv->value[part]);
    }
    gbt_release(cv);
}

/* ---- Curves ---------------------------------------------------------------------------------- */

double *gbt_cv_value(const gbt_cv *cv, int part, int metric, int32_t model, int32_t round)
{
    const int64_t before = (int64_t)(round - 1) * cv->info.n_metrics + metric;
    return &cv->value[part][before * cv->n_models + model];
}

double gbt_cv_mean(const gbt_cv *cv, int part, int metric, int32_t round, double *deviation)
{
    double sum = 0.0, squares = 0.0;
    int32_t n = 0;
    for (int32_t m = 0; m < cv->n_models; m++) {
        if (!isnan(*gbt_cv_value(cv, part, metric, m, 1))) {
            sum += *gbt_cv_value(cv, part, metric, m, round);
            n++;
        }
    }
    const double mean = n > 0 ? sum / n : (double)NAN;
    for (int32_t m = 0; m < cv->n_models; m++) {
        if (!isnan(*gbt_cv_value(cv, part, metric, m, 1))) {
            const double off = *gbt_cv_value(cv, part, metric, m, round) - mean;
            squares += off * off;
        }
    }
    if (deviation) {
        *deviation = n > 1 ? sqrt(squares / (n - 1)) : (double)NAN;
    }
    return mean;
}

/* ---- Questions ------------------------------------------------------------------------------- */

gbt_status gbt_cv_describe(const gbt_cv *cv, gbt_cv_info *out)
{
    if (!cv || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_cv_describe: %s is NULL", cv ? "out" : "cv");
    }
    *out = cv->info;
    return GBT_OK;
}

const char *gbt_cv_metric_name(const gbt_cv *cv, int metric)
{
    return cv && metric >= 0 && metric < cv->info.n_metrics ? cv->metric_name[metric] : NULL;
}

/* `index` counts `what`, of which there are `most`; `n` is the room given, `want` that needed. */
static gbt_status check_index(const gbt_cv *cv, const char *call, const char *what, int32_t index,
                              int32_t most)
{
    if (!cv) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: cv is NULL", call);
    }
    return index >= 0 && index < most ? GBT_OK
                                      : gbt_fail(GBT_ERR_ARGUMENT, "%s: %s %d is outside 0 .. %d",
                                                 call, what, (int)index, (int)most - 1);
}

static gbt_status check_room(const char *call, const void *out, int64_t n, int64_t want)
{
    return out && n == want
               ? GBT_OK
               : gbt_fail(GBT_ERR_ARGUMENT, "%s: room for %lld values is needed, not %lld", call,
                          (long long)want, out ? (long long)n : 0LL);
}

static gbt_status check_curve(const gbt_cv *cv, const char *call, gbt_cv_part part, int metric)
{
    GBT_TRY(check_index(cv, call, "metric", metric, cv ? cv->info.n_metrics : 0));
    GBT_TRY(check_index(cv, call, "part", (int32_t)part, GBT_CV_PARTS));
    return cv->value[part] ? GBT_OK
                           : gbt_fail(GBT_ERR_STATE,
                                      "%s: the training parts were not measured; train_metric = "
                                      "true does it",
                                      call);
}

gbt_status gbt_cv_curve(const gbt_cv *cv, gbt_cv_part part, int metric, double *mean,
                        double *deviation, int64_t n)
{
    GBT_TRY(check_curve(cv, "gbt_cv_curve", part, metric));
    GBT_TRY(check_room("gbt_cv_curve", cv, n, cv->info.n_rounds));
    for (int32_t round = 1; round <= cv->info.n_rounds; round++) {
        double off = 0.0;
        const double value = gbt_cv_mean(cv, (int)part, metric, round, &off);
        if (mean) {
            mean[round - 1] = value;
        }
        if (deviation) {
            deviation[round - 1] = off;
        }
    }
    return GBT_OK;
}

gbt_status gbt_cv_model_curve(const gbt_cv *cv, gbt_cv_part part, int metric, int32_t model,
                              double *out, int64_t n)
{
    GBT_TRY(check_curve(cv, "gbt_cv_model_curve", part, metric));
    GBT_TRY(check_index(cv, "gbt_cv_model_curve", "model", model, cv->n_models));
    GBT_TRY(check_room("gbt_cv_model_curve", out, n, cv->info.n_rounds));
    for (int32_t round = 1; round <= cv->info.n_rounds; round++) {
        out[round - 1] = *gbt_cv_value(cv, (int)part, metric, model, round);
    }
    return GBT_OK;
}

gbt_status gbt_cv_fold_of(const gbt_cv *cv, int32_t repeat, int32_t *out, int64_t n)
{
    GBT_TRY(check_index(cv, "gbt_cv_fold_of", "repeat", repeat, cv ? cv->info.n_repeats : 0));
    GBT_TRY(check_room("gbt_cv_fold_of", out, n, cv->info.n_rows));
    memcpy(out, cv->fold + repeat * cv->info.n_rows, (size_t)n * sizeof *out);
    return GBT_OK;
}

gbt_status gbt_cv_predict(const gbt_cv *cv, int32_t repeat, gbt_predict_kind kind, float *out,
                          int64_t n)
{
    GBT_TRY(check_index(cv, "gbt_cv_predict", "repeat", repeat, cv ? cv->info.n_repeats : 0));
    const int64_t n_rows = cv->info.n_rows;
    const int32_t width = kind == GBT_PREDICT_CLASS ? 1 : cv->info.n_outputs;
    const int32_t *fold = cv->fold + repeat * n_rows;
    GBT_TRY(check_room("gbt_cv_predict", out, n, n_rows * width));
    GBT_TRY(gbt_model_link(cv->model[0], cv->raw + repeat * n_rows * cv->info.n_outputs, kind,
                           n_rows, out));
    for (int64_t i = 0; i < n; i++) {
        if (fold[i / width] < 0) {
            out[i] = NAN;
        }
    }
    return GBT_OK;
}

gbt_status gbt_cv_model(const gbt_cv *cv, int32_t model, gbt_model **out)
{
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_cv_model: out is NULL");
    }
    *out = NULL;
    GBT_TRY(check_index(cv, "gbt_cv_model", "model", model, cv ? cv->n_models : 0));
    const gbt_model *one = cv->model[model];
    const double weight = 1.0;
    return gbt_model_combine(&one, &weight, 1, out);
}
