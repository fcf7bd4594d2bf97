/* gbt_cv_run(): the models of all folds step together, the mean of their held-out metrics decides
 * when to stop and which round is the best. Cost: that of training every model; beside the boosters
 * it holds the binned rows once for every fold of every repeat. */
#include "gbt/train/cv.h"

#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/data/matrix.h"

/* What the loop remembers between rounds. */
typedef struct progress {
    gbt_cv_run_state *run;
    int32_t n_values;
    const char *metric[GBT_CV_PARTS * GBT_MAX_METRICS];
    const char *data[GBT_CV_PARTS * GBT_MAX_METRICS];
    double value[GBT_CV_PARTS * GBT_MAX_METRICS]; /* means */
    double best_value, start;
    gbt_round_fn callback;
    void *user;
} progress;

static void progress_open(progress *p)
{
    static const char *const part_name[GBT_CV_PARTS] = {"held_out", "train"};
    gbt_cv *cv = p->run->cv;
    const int n_parts = cv->info.has_train ? GBT_CV_PARTS : 1;
    for (int part = 0; part < n_parts; part++) {
        for (int m = 0; m < cv->info.n_metrics; m++) {
            p->data[p->n_values] = part_name[part];
            p->metric[p->n_values++] = cv->metric_name[m];
        }
    }
}

/* One round of every model. `*stopped`: no tree of any can be split any more. */
static gbt_status step_all(const gbt_cv_run_state *run, int *stopped)
{
    *stopped = 1;
    for (int32_t i = 0; i < run->cv->n_models; i++) {
        int is_settled = 0;
        GBT_TRY(gbt_booster_step(run->booster[i], &is_settled));
        *stopped = *stopped && is_settled;
    }
    run->cv->info.n_rounds++;
    return GBT_OK;
}

/* The values of the round just done, and their means. */
static gbt_status measure(progress *p)
{
    gbt_cv *cv = p->run->cv;
    const int32_t round = cv->info.n_rounds;
    if (round > cv->most_rounds) {
        GBT_TRY(gbt_cv_grow_curves(cv));
    }
    for (int32_t v = 0; v < p->n_values; v++) {
        const int part = v / cv->info.n_metrics, metric = v % cv->info.n_metrics;
        for (int32_t i = 0; i < cv->n_models; i++) {
            GBT_TRY(gbt_booster_metric(p->run->booster[i], part == GBT_CV_TRAIN ? -1 : 0, metric,
                                       gbt_cv_value(cv, part, metric, i, round)));
        }
        p->value[v] = gbt_cv_mean(cv, part, metric, round, NULL);
    }
    const gbt_metric *first = p->run->booster[0]->metrics[0].metric;
    if (cv->info.best_round == 0 || gbt_metric_is_better(first, p->value[0], p->best_value)) {
        cv->info.best_round = round;
        p->best_value = p->value[0];
    }
    return GBT_OK;
}

/* After the first round: which held-out rows a metric says nothing about. */
static void warn_undefined(const gbt_cv *cv)
{
    for (int m = 0; m < cv->info.n_metrics; m++) {
        int32_t n = 0;
        for (int32_t i = 0; i < cv->n_models; i++) {
            n += isnan(*gbt_cv_value(cv, GBT_CV_HELD_OUT, m, i, 1)) != 0;
        }
        if (n > 0) {
            gbt_log_line(GBT_LOG_WARN,
                         "%s is undefined on the held-out rows of %d of %d models; its mean leaves "
                         "them out",
                         cv->metric_name[m], (int)n, (int)cv->n_models);
        }
    }
}

/* Non-zero when the callback wants to stop. */
static int report(const progress *p)
{
    const gbt_cv_info *cv = &p->run->cv->info;
    const gbt_round_info info = {.round = cv->n_rounds,
                                 .n_rounds = p->run->params->n_trees,
                                 .n_values = p->n_values,
                                 .metric = p->metric,
                                 .data = p->data,
                                 .value = p->value,
                                 .best_round = cv->best_round,
                                 .best_value = p->best_value,
                                 .seconds = gbt_clock() - p->start};
    return p->callback ? p->callback(&info, p->user) : 0;
}

static gbt_status run_rounds(void *context)
{
    progress *p = context;
    const gbt_params *params = p->run->params;
    gbt_cv_info *cv = &p->run->cv->info;
    const int32_t patience = params->early_stopping_rounds;
    int stopped = 0;
    while (cv->n_rounds < params->n_trees && !stopped) {
        GBT_TRY(step_all(p->run, &stopped));
        GBT_TRY(measure(p));
        if (cv->n_rounds == 1) {
            warn_undefined(p->run->cv);
        }
        if (stopped) {
            gbt_log_line(GBT_LOG_INFO, "round %d: no leaf of any model can be split any more",
                         (int)cv->n_rounds);
        } else if (params->max_seconds > 0.0 && gbt_clock() - p->start >= params->max_seconds) {
            gbt_log_line(GBT_LOG_INFO, "round %d: max_seconds reached", (int)cv->n_rounds);
            stopped = 1;
        } else if (patience > 0 && cv->n_rounds - cv->best_round >= patience) {
            gbt_log_line(GBT_LOG_INFO, "round %d: early stop, best round %d", (int)cv->n_rounds,
                         (int)cv->best_round);
            stopped = 1;
        }
        const bool is_due =
            stopped || cv->n_rounds == params->n_trees || cv->n_rounds % params->metric_every == 0;
        if (is_due && report(p) != 0 && !stopped) {
            gbt_log_line(GBT_LOG_INFO, "round %d: stopped by the callback", (int)cv->n_rounds);
            stopped = 1;
        }
    }
    return GBT_OK;
}

static gbt_status check_arguments(const gbt_params *params, const gbt_dataset *data,
                                  const gbt_matrix *features, const int32_t *fold, int64_t n,
                                  gbt_cv *const *out)
{
    if (!params || !data || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_cv_run: %s is NULL",
                        !params ? "params"
                        : !data ? "data"
                                : "out");
    }
    if (fold && n != data->n_rows) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_cv_run: %lld folds for %lld rows; each row has one",
                        (long long)n, (long long)data->n_rows);
    }
    if (!features) {
        return GBT_OK;
    }
    GBT_TRY(gbt_matrix_check(features));
    return features->n_rows == data->n_rows && features->n_cols == data->cuts->n_features
               ? GBT_OK
               : gbt_fail(GBT_ERR_ARGUMENT,
                          "gbt_cv_run_features: features are [%lld x %lld], the data set has %lld "
                          "rows and %d features",
                          (long long)features->n_rows, (long long)features->n_cols,
                          (long long)data->n_rows, (int)data->cuts->n_features);
}

gbt_status gbt_cv_run_features(const gbt_params *params, const gbt_dataset *data,
                               const gbt_matrix *features, const int32_t *fold, int64_t n,
                               gbt_round_fn callback, void *user, gbt_cv **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    GBT_TRY(check_arguments(params, data, features, fold, n, out));
    gbt_status status = GBT_OK;
    gbt_cv_run_state run = {.data = data, .features = features};
    progress p = {.run = &run, .callback = callback, .user = user, .start = gbt_clock()};
    GBT_TRY_OR_DONE(gbt_cv_settle(&run, params, fold));
    GBT_TRY_OR_DONE(gbt_cv_open_boosters(&run));
    progress_open(&p);
    GBT_TRY_OR_DONE(gbt_with_threads(run.booster[0]->threads, run_rounds, &p));
    GBT_TRY_OR_DONE(gbt_cv_collect(&run));
    *out = run.cv;
    run.cv = NULL;
done:
    gbt_cv_close_run(&run);
    return status;
}

gbt_status gbt_cv_run(const gbt_params *params, const gbt_dataset *data, const int32_t *fold,
                      int64_t n, gbt_round_fn callback, void *user, gbt_cv **out)
{
    return gbt_cv_run_features(params, data, NULL, fold, n, callback, user, out);
}
