/* Models of some of the rows, each boosted apart from the others: those of the tasks, of groups of
 * tasks, and the small ones that clustering compares. A unit's rows stay in the cache for all of
 * its rounds, and only as many boosters exist as threads keep busy. What a unit computes depends on
 * its own rows alone, so the threads do not matter. Validation rows are scored afterwards, round by
 * round, by playing the trees again. Cost: that of the trees; one copy of the units' rows. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/multitask_internal.h"

enum { UNITS_A_THREAD = 4, MESSAGE_CHARS = 512 };

/* How a unit gets its gradients. */
typedef enum unit_way {
    WAY_PLAIN,  /* the booster's own loss and base score: gbt_booster_step */
    WAY_OWN,    /* the same, with gradients computed here: leaf_estimation = mean */
    WAY_ON_TOP, /* on top of `fixed`; the booster has no labels */
    WAY_NONE    /* rows without any weight: no trees */
} unit_way;

/* A unit at work. */
typedef struct worker {
    const gbt_task_run *run;
    gbt_task_unit *unit;
    unit_way way;
    int32_t n_rounds;
    gbt_dataset *data;
    gbt_booster *booster;
    double *fixed;              /* [n_outputs x n] below the unit's own score */
    float *score, *grad, *hess; /* [n_outputs x n] */
    float *label, *weight;      /* of its rows; weight NULL: all 1 */
    gbt_status status;          /* of the rounds */
    char message[MESSAGE_CHARS];
} worker;

/* ---- Opening --------------------------------------------------------------------------------- */

/* out [width x n]: the unit's rows of from [width x all rows]. */
static void gather(const gbt_task_unit *unit, const float *from, int64_t n_all, int64_t width,
                   float *out)
{
    for (int64_t k = 0; k < width; k++) {
        for (int64_t i = 0; i < unit->n_rows; i++) {
            out[k * unit->n_rows + i] = from[k * n_all + unit->rows[i]];
        }
    }
}

/* Has the unit rows of every class? */
static gbt_status has_all_classes(const gbt_task_run *run, const gbt_task_unit *unit, bool *out)
{
    int64_t n_classes = 0, n_found = 0;
    uint8_t *is_there = NULL;
    GBT_TRY(gbt_model_shape(run->model->frame, GBT_SHAPE_CLASSES, &n_classes));
    GBT_TRY(GBT_NEW_ZERO(is_there, n_classes));
    for (int64_t i = 0; i < unit->n_rows && n_classes > 0; i++) {
        uint8_t *mark = &is_there[(int64_t)run->train.label[unit->rows[i]]];
        n_found += *mark == 0;
        *mark = 1;
    }
    *out = n_found == n_classes;
    gbt_release(is_there);
    return GBT_OK;
}

static gbt_status choose_way(worker *w)
{
    const gbt_task_run *run = w->run;
    bool is_complete = false;
    double weight = 0.0;
    for (int64_t i = 0; i < w->unit->n_rows; i++) {
        weight += run->train.weight ? (double)run->train.weight[w->unit->rows[i]] : 1.0;
    }
    GBT_TRY(has_all_classes(run, w->unit, &is_complete));
    w->way = !(weight > 0.0)                      ? WAY_NONE
             : !w->unit->is_alone || !is_complete ? WAY_ON_TOP
             : run->set.has_mean_leaves           ? WAY_OWN
                                                  : WAY_PLAIN;
    return GBT_OK;
}

/* What lies below the score of a unit on top: the other blocks, or the pooled base score. */
static gbt_status fill_fixed(worker *w)
{
    gbt_status status = GBT_OK;
    const gbt_task_run *run = w->run;
    const gbt_task_unit *unit = w->unit;
    const int32_t n_outputs = run->model->n_outputs;
    double *base = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(base, n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW(w->fixed, n_outputs * unit->n_rows));
    GBT_TRY_OR_DONE(gbt_model_base_score(run->model->frame, base, n_outputs));
    for (int32_t k = 0; k < n_outputs; k++) {
        for (int64_t i = 0; i < unit->n_rows; i++) {
            const int64_t at = k * run->train.n_rows + unit->rows[i];
            const int32_t r = run->train.task[unit->rows[i]];
            const double robust =
                run->ordinary[r] * (double)run->train.block[GBT_SCORE_ORDINARY][at] +
                run->outlier[r] * (double)run->train.block[GBT_SCORE_OUTLIER][at];
            w->fixed[k * unit->n_rows + i] =
                unit->is_alone ? (double)(float)base[k]
                               : (double)run->train.block[GBT_SCORE_SHARED][at] + robust;
        }
    }
done:
    gbt_release(base);
    return status;
}

/* Labels that say nothing, one for each output: a booster insists on some. */
static gbt_status blank_labels(gbt_dataset *data, int64_t n)
{
    float *zero = NULL;
    GBT_TRY(GBT_NEW_ZERO(zero, n));
    const gbt_status status = gbt_dataset_set(data, GBT_LABEL, zero, GBT_F32, n);
    gbt_release(zero);
    return status;
}

static gbt_status open_booster(worker *w)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    const gbt_task_unit *unit = w->unit;
    GBT_TRY_OR_DONE(gbt_dataset_subset(w->run->train.data, unit->rows, unit->n_rows, &w->data));
    if (w->way == WAY_ON_TOP) {
        GBT_TRY_OR_DONE(blank_labels(w->data, unit->n_rows * w->run->model->n_outputs));
        status = gbt_booster_create(w->run->bare, w->data, &w->booster);
    } else {
        GBT_TRY_OR_DONE(gbt_params_copy(w->run->own, &params));
        GBT_TRY_OR_DONE(gbt_params_set(params, "threads", "1"));
        status = gbt_booster_create(params, w->data, &w->booster);
    }
done:
    gbt_params_free(params);
    return status;
}

static gbt_status open_gradients(worker *w)
{
    const gbt_task_run *run = w->run;
    const gbt_task_unit *unit = w->unit;
    const int64_t n_scores = unit->n_rows * run->model->n_outputs;
    const int64_t n_labels = gbt_dataset_field_size(run->train.data, GBT_LABEL) / run->train.n_rows;
    GBT_TRY(GBT_NEW(w->score, n_scores));
    GBT_TRY(GBT_NEW(w->grad, n_scores));
    GBT_TRY(GBT_NEW(w->hess, n_scores));
    GBT_TRY(GBT_NEW(w->label, unit->n_rows * n_labels));
    gather(unit, run->train.label, run->train.n_rows, n_labels, w->label);
    if (run->train.weight) {
        GBT_TRY(GBT_NEW(w->weight, unit->n_rows));
        gather(unit, run->train.weight, run->train.n_rows, 1, w->weight);
    }
    return GBT_OK;
}

static gbt_status open_worker(const gbt_task_run *run, gbt_task_unit *unit, int32_t n_rounds,
                              worker *w)
{
    *w = (worker){.run = run, .unit = unit, .n_rounds = n_rounds};
    GBT_TRY(choose_way(w));
    if (w->way == WAY_NONE) {
        return GBT_OK;
    }
    GBT_TRY(open_booster(w));
    if (w->way == WAY_ON_TOP) {
        GBT_TRY(fill_fixed(w));
    }
    return w->way == WAY_PLAIN ? GBT_OK : open_gradients(w);
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static gbt_status step_with_gradients(worker *w, int *stopped)
{
    const gbt_task_run *run = w->run;
    const int64_t n = w->unit->n_rows, n_scores = n * run->model->n_outputs;
    GBT_TRY(gbt_booster_scores(w->booster, -1, w->score, n_scores));
    for (int64_t i = 0; i < n_scores && w->fixed; i++) {
        w->score[i] = (float)(w->fixed[i] + (double)w->score[i]);
    }
    GBT_TRY(gbt_objective_gradients(run->objective, w->score, w->label, w->weight, n, w->grad,
                                    w->hess));
    for (int64_t i = 0; i < n_scores && run->set.has_mean_leaves; i++) {
        w->hess[i] = w->weight ? w->weight[i % n] : 1.0f;
    }
    return gbt_booster_step_custom(w->booster, w->grad, w->hess, n_scores, stopped);
}

static gbt_status run_rounds(worker *w)
{
    int stopped = 0;
    for (int32_t m = 0; m < w->n_rounds && !stopped && w->booster; m++) {
        GBT_TRY(w->way == WAY_PLAIN ? gbt_booster_step(w->booster, &stopped)
                                    : step_with_gradients(w, &stopped));
    }
    return GBT_OK;
}

/* The text of a failure belongs to the thread that it happened on. */
static void run_workers(void *context, int64_t first, int64_t last, int thread)
{
    worker *workers = context;
    (void)thread;
    for (int64_t u = first; u < last; u++) {
        workers[u].status = run_rounds(&workers[u]);
        if (workers[u].status != GBT_OK) {
            (void)snprintf(workers[u].message, MESSAGE_CHARS, "%s", gbt_last_error());
        }
    }
}

/* ---- The result ------------------------------------------------------------------------------ */

/* The model of the unit, in terms of the frame, with the base score that its scores began at. */
static gbt_status finish_worker(worker *w)
{
    gbt_status status = GBT_OK;
    gbt_model *raw = NULL, *framed = NULL;
    double *base = NULL;
    const gbt_multitask *model = w->run->model;
    if (w->status != GBT_OK) {
        return gbt_fail(w->status, "%s", w->message);
    }
    if (w->booster) {
        GBT_TRY_OR_DONE(gbt_booster_finish(w->booster, 0, &raw));
    }
    if (w->way == WAY_PLAIN || w->way == WAY_OWN) {
        w->unit->model = raw;
        return GBT_OK;
    }
    const gbt_model *const both[] = {w->run->zero, raw};
    const double ones[] = {1.0, 1.0};
    GBT_TRY_OR_DONE(gbt_model_combine(both, ones, raw ? 2 : 1, &framed));
    if (w->unit->is_alone) {
        GBT_TRY_OR_DONE(GBT_NEW(base, model->n_outputs));
        GBT_TRY_OR_DONE(gbt_model_base_score(model->frame, base, model->n_outputs));
        GBT_TRY_OR_DONE(
            gbt_model_slice(framed, 0, gbt_model_round_count(framed), base, &w->unit->model));
    } else {
        w->unit->model = framed;
        framed = NULL;
    }
done:
    gbt_model_free(raw);
    gbt_model_free(framed);
    gbt_release(base);
    return status;
}

static void close_worker(worker *w)
{
    gbt_booster_free(w->booster);
    gbt_dataset_free(w->data);
    gbt_release(w->fixed);
    gbt_release(w->score);
    gbt_release(w->grad);
    gbt_release(w->hess);
    gbt_release(w->label);
    gbt_release(w->weight);
    *w = (worker){0};
}

gbt_status gbt_task_units_train(gbt_task_run *run, gbt_task_unit *unit, int32_t n_units,
                                int32_t n_rounds)
{
    gbt_status status = GBT_OK;
    worker *workers = NULL;
    const int64_t room = (int64_t)UNITS_A_THREAD * run->set.threads;
    const int64_t at_once = room < n_units ? room : n_units;
    GBT_TRY(GBT_NEW_ZERO(workers, at_once));
    for (int64_t first = 0; first < n_units; first += at_once) {
        const int64_t n = n_units - first < at_once ? n_units - first : at_once;
        for (int64_t u = 0; u < n; u++) {
            GBT_TRY_OR_DONE(open_worker(run, &unit[first + u], n_rounds, &workers[u]));
        }
        gbt_for_chunks(run->set.threads, n, 1, run_workers, workers);
        for (int64_t u = 0; u < n; u++) {
            GBT_TRY_OR_DONE(finish_worker(&workers[u]));
            close_worker(&workers[u]);
        }
    }
done:
    for (int64_t u = 0; u < at_once; u++) {
        close_worker(&workers[u]);
    }
    gbt_release(workers);
    return status;
}

void gbt_task_units_close(gbt_task_unit *unit, int32_t n_units)
{
    for (int32_t u = 0; unit && u < n_units; u++) {
        gbt_model_free(unit[u].model);
    }
    gbt_release(unit);
}
