/* Training again, on many threads with one thread each. A failure on another thread is carried over
 * with its message. Cost: a training and a copy of its rows for every model. */
#include "gbt/modules/influence_retrainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/maths.h"
#include "gbt/base/parallel.h"

enum { MESSAGE_BYTES = 512, JOBS_A_THREAD = 4 };

/* ---- Opening --------------------------------------------------------------------------------- */

void gbt_retrainer_close(gbt_retrainer *r)
{
    gbt_params_free(r->params);
    gbt_dataset_free(r->train);
    memset(r, 0, sizeof *r);
}

static gbt_status set_number(gbt_params *params, const char *key, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return gbt_params_set(params, key, text);
}

/* The parameters of the model are resolved: nothing is left to be chosen by the data. */
static gbt_status choose_params(gbt_retrainer *r)
{
    GBT_TRY(gbt_model_params(r->of->model, &r->params));
    GBT_TRY(gbt_params_set(r->params, "device", "cpu"));
    GBT_TRY(gbt_params_set(r->params, "valid_fraction", "0"));
    GBT_TRY(set_number(r->params, "early_stopping_rounds", 0));
    GBT_TRY(set_number(r->params, "threads", 1));
    return set_number(r->params, "n_trees", r->of->n_rounds);
}

/* All rows, with class numbers as labels. */
static gbt_status number_classes(gbt_retrainer *r)
{
    const gbt_influence *of = r->of;
    gbt_status status = GBT_OK;
    int64_t *rows = NULL;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_CLASSES, &r->n_classes));
    if (r->n_classes == 0) {
        return gbt_dataset_share(of->train, &r->train);
    }
    GBT_TRY(GBT_NEW(rows, of->n_rows));
    for (int64_t i = 0; i < of->n_rows; i++) {
        rows[i] = i;
    }
    GBT_TRY_OR_DONE(gbt_dataset_subset(of->train, rows, of->n_rows, &r->train));
    GBT_TRY_OR_DONE(gbt_dataset_set(r->train, GBT_LABEL, of->label, GBT_F32, of->n_rows));
done:
    gbt_release(rows);
    return status;
}

/* Where probabilities of 1e-5 and 1 - 1e-5 lie. */
static void choose_cuts(gbt_retrainer *r)
{
    const double least = 1e-5, most = 1.0 - 1e-5;
    const char *name = gbt_model_objective(r->of->model);
    r->most_score = (double)INFINITY;
    r->least_loss = -(double)INFINITY;
    r->most_loss = (double)INFINITY;
    if (strcmp(name, "multiclass") == 0) {
        r->least_loss = -gbt_log(most);
        r->most_loss = -gbt_log(least);
    } else if (r->n_classes > 0 || strcmp(name, "cross_entropy") == 0) {
        r->most_score = gbt_log(most / least);
    }
}

static gbt_status raw_scores(const gbt_model *model, const gbt_dataset *rows, int64_t n_values,
                             float **out)
{
    GBT_TRY(GBT_NEW(*out, n_values));
    return gbt_model_predict_dataset(model, rows, GBT_PREDICT_RAW, 0, 0, 1, *out, n_values);
}

/* Does training give the model? */
static gbt_status check_model(const gbt_retrainer *r)
{
    const gbt_influence *of = r->of;
    const int64_t n_values = of->n_rows * of->n_outputs;
    gbt_status status = GBT_OK;
    gbt_model *again = NULL;
    float *old_score = NULL, *new_score = NULL;
    gbt_log_hush(1);
    status = gbt_train(r->params, r->train, NULL, NULL, 0, NULL, NULL, &again);
    gbt_log_hush(0);
    GBT_TRY_OR_DONE(status);
    GBT_TRY_OR_DONE(raw_scores(of->model, of->train, n_values, &old_score));
    GBT_TRY_OR_DONE(raw_scores(again, of->train, n_values, &new_score));
    for (int64_t i = 0; i < n_values && status == GBT_OK; i++) {
        if (old_score[i] != new_score[i]) {
            status = gbt_fail(GBT_ERR_DATA,
                              "method = %s trains the model again, but training on these rows with "
                              "the parameters in the model gives another one: row %" PRId64
                              " has the score %g instead of %g. Models that were continued, "
                              "trained with own gradients or with rows held out cannot be "
                              "trained again",
                              of->ops->name, i / of->n_outputs, (double)new_score[i],
                              (double)old_score[i]);
        }
    }
done:
    gbt_model_free(again);
    gbt_release(old_score);
    gbt_release(new_score);
    return status;
}

gbt_status gbt_retrainer_open(gbt_retrainer *r, const gbt_influence *of)
{
    gbt_status status = GBT_OK;
    memset(r, 0, sizeof *r);
    r->of = of;
    GBT_TRY_OR_DONE(choose_params(r));
    GBT_TRY_OR_DONE(number_classes(r));
    choose_cuts(r);
    GBT_TRY_OR_DONE(check_model(r));
done:
    if (status != GBT_OK) {
        gbt_retrainer_close(r);
    }
    return status;
}

/* ---- Row sets -------------------------------------------------------------------------------- */

static bool has_weight(const gbt_influence *of, const int64_t *rows, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!of->weight || of->weight[rows[i]] > 0.0f) {
            return true;
        }
    }
    return false;
}

static bool has_class(const gbt_influence *of, int64_t c, const int64_t *rows, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if ((int64_t)of->label[rows[i]] == c) {
            return true;
        }
    }
    return false;
}

bool gbt_retrainer_has_classes(const gbt_retrainer *r, const int64_t *rows, int64_t n)
{
    for (int64_t c = 0; c < r->n_classes; c++) {
        if (!has_class(r->of, c, rows, n)) {
            return false;
        }
    }
    return has_weight(r->of, rows, n);
}

/* With several outputs num_class is in the parameters, and a class may be missing. */
bool gbt_retrainer_can(const gbt_retrainer *r, const int64_t *rows, int64_t n)
{
    return r->of->n_outputs > 1 ? has_weight(r->of, rows, n)
                                : gbt_retrainer_has_classes(r, rows, n);
}

/* ---- One model ------------------------------------------------------------------------------- */

gbt_status gbt_retrain(const gbt_retrainer *r, const int64_t *rows, int64_t n, gbt_model **out)
{
    gbt_dataset *subset = NULL;
    GBT_TRY(gbt_dataset_subset(r->train, rows, n, &subset));
    const gbt_status status = gbt_train(r->params, subset, NULL, NULL, 0, NULL, NULL, out);
    gbt_dataset_free(subset);
    return status;
}

gbt_status gbt_retrain_relabelled(const gbt_retrainer *r, int64_t row, const float *label,
                                  gbt_model **out)
{
    const gbt_influence *of = r->of;
    const int64_t a_row = of->n_labels / of->n_rows;
    gbt_status status = GBT_OK;
    int64_t *rows = NULL;
    float *changed = NULL; /* [n_rows x a_row] */
    gbt_dataset *copy = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(rows, of->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(changed, of->n_labels));
    for (int64_t i = 0; i < of->n_rows; i++) {
        rows[i] = i;
        for (int64_t k = 0; k < a_row; k++) {
            changed[i * a_row + k] = i == row ? label[k] : of->label[k * of->n_rows + i];
        }
    }
    GBT_TRY_OR_DONE(gbt_dataset_subset(r->train, rows, of->n_rows, &copy));
    GBT_TRY_OR_DONE(gbt_dataset_set(copy, GBT_LABEL, changed, GBT_F32, of->n_labels));
    GBT_TRY_OR_DONE(gbt_train(r->params, copy, NULL, NULL, 0, NULL, NULL, out));
done:
    gbt_release(rows);
    gbt_release(changed);
    gbt_dataset_free(copy);
    return status;
}

/* ---- Losses ---------------------------------------------------------------------------------- */

void gbt_loss_rows_close(gbt_loss_rows *l)
{
    gbt_dataset_free(l->owned);
    gbt_release(l->label);
    memset(l, 0, sizeof *l);
}

gbt_status gbt_loss_rows_open(gbt_loss_rows *l, const gbt_influence *of, const gbt_dataset *all,
                              const float *label, int64_t n_all, int64_t first, int64_t n)
{
    const int64_t a_row = of->n_labels / of->n_rows;
    gbt_status status = GBT_OK;
    int64_t *rows = NULL;
    memset(l, 0, sizeof *l);
    l->n = n;
    l->rows = all;
    GBT_TRY_OR_DONE(GBT_NEW(l->label, a_row * n));
    for (int64_t k = 0; k < a_row; k++) {
        memcpy(l->label + k * n, label + k * n_all + first, (size_t)n * sizeof *label);
    }
    if (n < n_all) {
        GBT_TRY_OR_DONE(GBT_NEW(rows, n));
        for (int64_t i = 0; i < n; i++) {
            rows[i] = first + i;
        }
        GBT_TRY_OR_DONE(gbt_dataset_subset(all, rows, n, &l->owned));
        l->rows = l->owned;
    }
done:
    gbt_release(rows);
    if (status != GBT_OK) {
        gbt_loss_rows_close(l);
    }
    return status;
}

static double cut(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

gbt_status gbt_retrainer_losses(const gbt_retrainer *r, const gbt_model *model,
                                const gbt_loss_rows *l, double *out)
{
    const int64_t n_outputs = r->of->n_outputs, n_values = l->n * n_outputs;
    gbt_status status = GBT_OK;
    float *raw = NULL;
    double *score = NULL; /* [n_outputs x n] */
    GBT_TRY_OR_DONE(raw_scores(model, l->rows, n_values, &raw));
    GBT_TRY_OR_DONE(GBT_NEW(score, n_values));
    for (int64_t i = 0; i < n_values; i++) {
        score[i % n_outputs * l->n + i / n_outputs] =
            cut((double)raw[i], -r->most_score, r->most_score);
    }
    GBT_TRY_OR_DONE(gbt_objective_derivatives(r->of->objective, score, l->label, l->n, out, NULL,
                                              NULL, NULL, NULL));
    for (int64_t i = 0; i < l->n; i++) {
        out[i] = cut(out[i], r->least_loss, r->most_loss);
    }
done:
    gbt_release(raw);
    gbt_release(score);
    return status;
}

/* ---- Many models ----------------------------------------------------------------------------- */

/* The first failure on a thread. */
typedef struct failure {
    gbt_status status;
    int64_t job;
    char message[MESSAGE_BYTES];
} failure;

typedef struct crew {
    gbt_retrain_fn fn;
    void *context;
    int64_t first;
    failure *failed; /* [threads] */
} crew;

static void run_jobs(void *context, int64_t first, int64_t last, int thread)
{
    crew *c = context;
    failure *own = &c->failed[thread];
    gbt_log_hush(1);
    for (int64_t job = c->first + first; job < c->first + last && own->status == GBT_OK; job++) {
        own->status = c->fn(c->context, job);
        if (own->status != GBT_OK) {
            own->job = job;
            (void)snprintf(own->message, sizeof own->message, "%s", gbt_last_error());
        }
    }
    gbt_log_hush(0);
}

gbt_status gbt_retrain_jobs(const gbt_influence *of, int64_t first, int64_t last, gbt_retrain_fn fn,
                            void *context)
{
    crew c = {.fn = fn, .context = context, .first = first};
    const failure *lowest = NULL;
    GBT_TRY(GBT_NEW_ZERO(c.failed, of->threads));
    gbt_for_chunks(of->threads, last - first, 1, run_jobs, &c);
    for (int t = 0; t < of->threads; t++) {
        if (c.failed[t].status != GBT_OK && (lowest == NULL || c.failed[t].job < lowest->job)) {
            lowest = &c.failed[t];
        }
    }
    const gbt_status status = lowest ? gbt_fail(lowest->status, "%s", lowest->message) : GBT_OK;
    gbt_release(c.failed);
    return status;
}

int64_t gbt_retrain_batch(const gbt_influence *of)
{
    return (int64_t)of->threads * JOBS_A_THREAD;
}
