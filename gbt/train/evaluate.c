/* Metrics of a model on a labelled table, with 95 % bootstrap intervals: every resample gives
 * each row a Poisson(1) weight, the limit of drawing n rows from n [HanleyMacGibbon06].
 * A draw is a function of (seed, resample, row), so neither threads nor order matter. Cost: a
 * prediction, then one evaluation of each metric per resample. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/backend/infer.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/loss/metric.h"
#include "gbt/train/classes.h"

enum { MOST_METRICS = 32, MOST_RESAMPLES = 1000000, POISSON_MOST = 12, CHUNK_ROWS = 16384 };

/* What all metrics are computed from. */
typedef struct evaluation {
    int64_t n_rows;
    int threads;
    float *scores;  /* [n_outputs x n_rows] raw */
    float *label;   /* [gbt_objective_labels() x n_rows] */
    float *weight;  /* [n_rows] or NULL */
    float *draw;    /* [n_rows] weights of one resample */
    void *scratch;  /* for the metric that needs most */
    double *sample; /* [resamples] values of one metric */
    uint32_t key;   /* of the resample at hand */
} evaluation;

static void close_evaluation(evaluation *e)
{
    gbt_release(e->scores);
    gbt_release(e->label);
    gbt_release(e->weight);
    gbt_release(e->draw);
    gbt_release(e->scratch);
    gbt_release(e->sample);
}

/* ---- Data ------------------------------------------------------------------------------------ */

static gbt_status read_labels(const gbt_model *model, const gbt_view *view, evaluation *e)
{
    gbt_status status = GBT_OK;
    float *rows = NULL; /* [n_rows x width] as in the file */
    const int32_t width = gbt_view_width(view, GBT_ROLE_LABEL);
    GBT_TRY_OR_DONE(GBT_NEW(rows, e->n_rows * width));
    GBT_TRY_OR_DONE(GBT_NEW(e->label, e->n_rows * gbt_objective_labels(&model->objective)));
    GBT_TRY_OR_DONE(gbt_view_label(view, rows));
    GBT_TRY_OR_DONE(gbt_labels_to_target(&model->objective, model->class_label, rows, width,
                                         e->n_rows, view->table->source, e->label));
done:
    gbt_release(rows);
    return status;
}

static gbt_status read_weights(const gbt_view *view, evaluation *e)
{
    if (gbt_view_width(view, GBT_ROLE_WEIGHT) == 0) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW(e->weight, e->n_rows));
    gbt_view_numbers(view, GBT_ROLE_WEIGHT, e->weight);
    double sum = 0.0;
    for (int64_t row = 0; row < e->n_rows; row++) {
        if (!isfinite(e->weight[row]) || e->weight[row] < 0.0f) {
            return gbt_fail(GBT_ERR_DATA,
                            "%s: row %lld: the weight is missing, negative or not finite",
                            view->table->source, (long long)(row + 1));
        }
        sum += (double)e->weight[row];
    }
    if (!(sum > 0.0)) {
        return gbt_fail(GBT_ERR_DATA, "%s: all weights are 0", view->table->source);
    }
    return GBT_OK;
}

/* Metrics want outputs one after the other. `given` [n_rows x n_outputs], or NULL: the model's. */
static gbt_status read_scores(const gbt_model *model, const gbt_view *view, const float *given,
                              evaluation *e)
{
    const int32_t n_outputs = model->objective.n_outputs;
    gbt_status status = GBT_OK;
    float *rows = NULL; /* [n_rows x n_outputs] */
    GBT_TRY_OR_DONE(GBT_NEW(e->scores, e->n_rows * n_outputs));
    if (!given) {
        GBT_TRY_OR_DONE(GBT_NEW(rows, e->n_rows * n_outputs));
        GBT_TRY_OR_DONE(gbt_infer_view(model, view, 0, gbt_model_rounds(model), e->threads, rows));
        given = rows;
    }
    for (int64_t row = 0; row < e->n_rows; row++) {
        for (int32_t k = 0; k < n_outputs; k++) {
            e->scores[k * e->n_rows + row] = given[row * n_outputs + k];
        }
    }
done:
    gbt_release(rows);
    return status;
}

/* With given scores only the side columns of the table are looked at. */
static gbt_status read_data(const gbt_model *model, const gbt_table *table, const float *given,
                            evaluation *e)
{
    gbt_status status = GBT_OK;
    gbt_view view = {.table = table, .schema = model->schema};
    if (!given) {
        GBT_TRY(gbt_view_open(table, model->schema, &view));
    }
    if (!gbt_view_has_label(&view)) {
        status =
            gbt_fail(GBT_ERR_DATA, "%s: no label column, an evaluation needs one", table->source);
        goto done;
    }
    if (!given && model->params->unseen == GBT_UNSEEN_ERROR) {
        GBT_TRY_OR_DONE(gbt_view_refuse_unseen(&view));
    }
    GBT_TRY_OR_DONE(read_labels(model, &view, e));
    GBT_TRY_OR_DONE(read_weights(&view, e));
    GBT_TRY_OR_DONE(read_scores(model, &view, given, e));
done:
    gbt_view_close(&view);
    return status;
}

/* ---- Bootstrap ------------------------------------------------------------------------------- */

/* Poisson(1) by inversion: the number of entries that the draw is not below. Entry k is
 * 2^32 (1/0! + ... + 1/k!) / e, rounded down. */
static float poisson(uint32_t draw)
{
    static const uint32_t below[POISSON_MOST] = {
        1580030168u, 3160060337u, 3950075421u, 4213413783u, 4279248373u, 4292415291u,
        4294609777u, 4294923276u, 4294962463u, 4294966817u, 4294967252u, 4294967292u};
    int n = 0;
    for (int k = 0; k < POISSON_MOST; k++) {
        n += draw >= below[k];
    }
    return (float)n;
}

static void draw_rows(void *context, int64_t first, int64_t last, int thread)
{
    const evaluation *e = context;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        const float times = poisson(gbt_rng_u32(e->key, (uint32_t)row));
        e->draw[row] = e->weight ? times * e->weight[row] : times;
    }
}

static bool draw_resample(evaluation *e, int64_t seed, int resample)
{
    e->key = (uint32_t)gbt_rng_key((uint64_t)seed, (uint64_t)resample, 0, GBT_RNG_BOOTSTRAP);
    gbt_for_chunks(e->threads, e->n_rows, CHUNK_ROWS, draw_rows, e);
    for (int64_t row = 0; row < e->n_rows; row++) {
        if (e->draw[row] > 0.0f) {
            return true;
        }
    }
    return false;
}

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two sorted values that surround it. */
static double percentile(const double *value, int n, double level)
{
    const double at = level * (n - 1);
    const int below = (int)floor(at);
    const int above = below + 1 < n ? below + 1 : below;
    return value[below] + (at - below) * (value[above] - value[below]);
}

/* A resample without rows or without a value (an AUC of one class) does not count. */
static void evaluate_metric(evaluation *e, const gbt_metric_config *config, int64_t seed,
                            int resamples, gbt_metric_result *out)
{
    int n = 0;
    out->name = gbt_metric_name(config->metric);
    out->value =
        gbt_metric_eval(config, e->scores, e->label, e->weight, e->n_rows, e->threads, e->scratch);
    for (int r = 0; r < resamples; r++) {
        if (draw_resample(e, seed, r)) {
            e->sample[n] = gbt_metric_eval(config, e->scores, e->label, e->draw, e->n_rows,
                                           e->threads, e->scratch);
            n += !isnan(e->sample[n]);
        }
    }
    if (n == 0) {
        out->low = out->high = out->value;
        return;
    }
    qsort(e->sample, (size_t)n, sizeof *e->sample, compare_values);
    out->low = percentile(e->sample, n, 0.025);
    out->high = percentile(e->sample, n, 0.975);
}

/* ---- Public ---------------------------------------------------------------------------------- */

static gbt_status check_arguments(const gbt_model *model, const gbt_table *table, int resamples,
                                  int threads, const gbt_metric_result *out, int capacity,
                                  const int *n_out)
{
    if (!model || !table || !out || !n_out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL",
                        !model   ? "model"
                        : !table ? "table"
                        : !out   ? "out"
                                 : "n_out");
    }
    if (resamples < 0 || resamples > MOST_RESAMPLES || threads < 0 || capacity < 1) {
        return gbt_fail(
            GBT_ERR_ARGUMENT,
            "%d resamples (0 to %d), %d threads (0 or more), room for %d results (1 or more)",
            resamples, MOST_RESAMPLES, threads, capacity);
    }
    if (table->n_rows == 0) {
        return gbt_fail(GBT_ERR_DATA, "%s: no rows to evaluate", table->source);
    }
    return GBT_OK;
}

/* Room for the metric that needs most, and for resamples. */
static gbt_status reserve(evaluation *e, const gbt_metric_config *config, int n, int resamples)
{
    size_t scratch = 0;
    for (int m = 0; m < n; m++) {
        const size_t need = gbt_metric_scratch(config[m].metric, e->n_rows);
        scratch = need > scratch ? need : scratch;
    }
    e->scratch = gbt_alloc((int64_t)scratch, 1);
    GBT_TRY(e->scratch ? GBT_OK : GBT_ERR_MEMORY);
    if (resamples > 0) {
        GBT_TRY(GBT_NEW(e->draw, e->n_rows));
        GBT_TRY(GBT_NEW(e->sample, resamples));
    }
    return GBT_OK;
}

static gbt_status evaluate(const gbt_model *model, const gbt_table *table, const float *given,
                           const char *metrics, int resamples, int threads, gbt_metric_result *out,
                           int capacity, int *n_out)
{
    gbt_status status = GBT_OK;
    gbt_metric_config config[MOST_METRICS];
    evaluation e = {0};
    int n = 0;
    GBT_TRY(check_arguments(model, table, resamples, threads, out, capacity, n_out));
    const char *list = metrics && metrics[0] ? metrics : model->params->metric;
    GBT_TRY(gbt_metric_parse(list, &model->objective, config, MOST_METRICS, &n));
    n = n < capacity ? n : capacity;
    e.n_rows = table->n_rows;
    e.threads = gbt_thread_count(threads);
    GBT_TRY_OR_DONE(read_data(model, table, given, &e));
    GBT_TRY_OR_DONE(reserve(&e, config, n, resamples));
    for (int m = 0; m < n; m++) {
        evaluate_metric(&e, &config[m], model->params->seed, resamples, &out[m]);
    }
    *n_out = n;
done:
    close_evaluation(&e);
    return status;
}

gbt_status gbt_model_evaluate(const gbt_model *model, const gbt_table *table, const char *metrics,
                              int resamples, int threads, gbt_metric_result *out, int capacity,
                              int *n_out)
{
    return evaluate(model, table, NULL, metrics, resamples, threads, out, capacity, n_out);
}

gbt_status gbt_model_evaluate_scores(const gbt_model *model, const gbt_table *table,
                                     const float *scores, const char *metrics, int resamples,
                                     int threads, gbt_metric_result *out, int capacity, int *n_out)
{
    if (!scores) {
        return gbt_fail(GBT_ERR_ARGUMENT, "scores is NULL");
    }
    return evaluate(model, table, scores, metrics, resamples, threads, out, capacity, n_out);
}

/* ---- One metric ------------------------------------------------------------------------------ */

/* The metrics of a list, by default those of the model; 0 when it is not a list of metrics. */
static int find_metrics(const gbt_model *model, const char *list, gbt_metric_config *out)
{
    int n = 0;
    if (!model) {
        (void)gbt_fail(GBT_ERR_ARGUMENT, "model is NULL");
        return 0;
    }
    if (!list || !list[0]) {
        list = model->params->metric;
    }
    return gbt_metric_parse(list, &model->objective, out, MOST_METRICS, &n) == GBT_OK ? n : 0;
}

gbt_status gbt_model_metric(const gbt_model *model, const char *metric, const float *scores,
                            const float *label, const float *weight, int64_t n_rows, int threads,
                            double *out)
{
    gbt_metric_config config[MOST_METRICS];
    int n = 0;
    if (!model || !scores || !label || !out || n_rows < 1 || threads < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_model_metric: a pointer is NULL, or %lld rows (1 or more), %d threads "
                        "(0 or more)",
                        (long long)n_rows, threads);
    }
    const char *list = metric && metric[0] ? metric : model->params->metric;
    GBT_TRY(gbt_metric_parse(list, &model->objective, config, MOST_METRICS, &n));
    GBT_TRY(gbt_objective_check_labels(&model->objective, label, n_rows));
    void *scratch = gbt_alloc((int64_t)gbt_metric_scratch(config[0].metric, n_rows), 1);
    GBT_TRY(scratch ? GBT_OK : GBT_ERR_MEMORY);
    *out = gbt_metric_eval(&config[0], scores, label, weight, n_rows, gbt_thread_count(threads),
                           scratch);
    gbt_release(scratch);
    return GBT_OK;
}

const char *gbt_model_metric_name(const gbt_model *model, int index)
{
    gbt_metric_config config[MOST_METRICS];
    const int n = find_metrics(model, NULL, config);
    return index >= 0 && index < n ? gbt_metric_name(config[index].metric) : NULL;
}

int gbt_model_metric_is_better(const gbt_model *model, const char *metric, double a, double b)
{
    gbt_metric_config config[MOST_METRICS];
    return find_metrics(model, metric, config) > 0 && gbt_metric_is_better(config[0].metric, a, b);
}
