/* gbt_train(): the convenience loop around a booster: hold-out, continued model, rounds,
 * progress, early stopping, time limit. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/train/booster.h"
#include "gbt/train/resolve.h"

/* What the loop remembers between rounds. */
typedef struct progress {
    gbt_booster *booster;
    int32_t n_values;
    const char **metric; /* [n_values] */
    const char **data;   /* [n_values] */
    double *value;       /* [n_values] */
    int32_t best_round;
    double best_value, start;
    gbt_round_fn callback;
    void *user;
} progress;

static void progress_close(progress *p)
{
    gbt_release(p->metric);
    gbt_release(p->data);
    gbt_release(p->value);
}

static gbt_status progress_open(progress *p)
{
    gbt_booster *booster = p->booster;
    p->n_values = booster->n_valid * booster->n_metrics;
    p->best_value = gbt_metric_worst(booster->metrics[0].metric);
    GBT_TRY(GBT_NEW(p->metric, p->n_values));
    GBT_TRY(GBT_NEW(p->data, p->n_values));
    GBT_TRY(GBT_NEW(p->value, p->n_values));
    for (int32_t i = 0; i < p->n_values; i++) {
        p->metric[i] = booster->metrics[i % booster->n_metrics].name;
        p->data[i] = booster->valid[i / booster->n_metrics].name;
    }
    return GBT_OK;
}

static gbt_status measure(progress *p)
{
    for (int32_t i = 0; i < p->n_values; i++) {
        GBT_TRY(gbt_booster_metric(p->booster, i / p->booster->n_metrics, i % p->booster->n_metrics,
                                   &p->value[i]));
    }
    if (p->n_values > 0 &&
        (p->best_round == 0 ||
         gbt_metric_is_better(p->booster->metrics[0].metric, p->value[0], p->best_value))) {
        p->best_round = p->booster->round;
        p->best_value = p->value[0];
    }
    return GBT_OK;
}

/* Non-zero when the callback wants to stop. */
static int report(const progress *p, int32_t n_rounds)
{
    const gbt_round_info info = {.booster = p->booster,
                                 .round = p->booster->round,
                                 .n_rounds = n_rounds,
                                 .n_values = p->n_values,
                                 .metric = p->metric,
                                 .data = p->data,
                                 .value = p->value,
                                 .best_round = p->best_round,
                                 .best_value = p->best_value,
                                 .seconds = gbt_clock() - p->start};
    return p->callback ? p->callback(&info, p->user) : 0;
}

static gbt_status run_rounds(void *context)
{
    progress *p = context;
    gbt_booster *booster = p->booster;
    const gbt_params *params = booster->params;
    const int32_t patience = params->early_stopping_rounds;
    int stopped = 0;
    while (booster->round < params->n_trees && !stopped) {
        GBT_TRY(gbt_booster_step(booster, &stopped));
        if (stopped) {
            gbt_log_line(GBT_LOG_INFO, "round %d: no leaf can be split any more",
                         (int)booster->round);
        }
        if (params->max_seconds > 0.0 && gbt_clock() - p->start >= params->max_seconds &&
            !stopped) {
            gbt_log_line(GBT_LOG_INFO, "round %d: max_seconds reached", (int)booster->round);
            stopped = 1;
        }
        const bool is_last = stopped || booster->round == params->n_trees;
        const bool is_due = is_last || booster->round % params->metric_every == 0;
        if (is_due || patience > 0) {
            GBT_TRY(measure(p));
        }
        const bool is_over = patience > 0 && booster->round - p->best_round >= patience;
        if ((is_due || is_over) && report(p, params->n_trees) != 0) {
            gbt_log_line(GBT_LOG_INFO, "round %d: stopped by the callback", (int)booster->round);
            return GBT_OK;
        }
        if (is_over) {
            gbt_log_line(GBT_LOG_INFO, "round %d: early stop, best round %d", (int)booster->round,
                         (int)p->best_round);
            return GBT_OK;
        }
    }
    return GBT_OK;
}

/* Splits off the share of the rows (whole groups when there are any) that is only watched. */
static gbt_status hold_out(const gbt_params *params, const gbt_dataset *all, gbt_dataset **train,
                           gbt_dataset **valid)
{
    const uint64_t key = gbt_rng_key((uint64_t)params->seed, 0, 0, GBT_RNG_HOLD_OUT);
    gbt_status status = GBT_OK;
    int64_t *rows = NULL; /* [n_rows] training rows from the front, held-out rows from the back */
    int64_t n_train = 0, n_valid = 0;
    GBT_TRY(GBT_NEW(rows, all->n_rows));
    for (int64_t i = 0; i < all->n_rows; i++) {
        const uint64_t unit = all->group ? (uint64_t)(uint32_t)all->group[i] : (uint64_t)i;
        if (gbt_rng_unit(key, unit) < params->valid_fraction) {
            rows[all->n_rows - ++n_valid] = i;
        } else {
            rows[n_train++] = i;
        }
    }
    if (n_train == 0 || n_valid == 0) {
        status =
            gbt_fail(GBT_ERR_DATA, "valid_fraction = %g leaves no rows for %s: %lld rows in all",
                     params->valid_fraction, n_train == 0 ? "training" : "validation",
                     (long long)all->n_rows);
        goto done;
    }
    for (int64_t i = n_train, j = all->n_rows - 1; i < j;
         i++, j--) { /* held-out rows ascending too */
        const int64_t swap = rows[i];
        rows[i] = rows[j];
        rows[j] = swap;
    }
    GBT_TRY_OR_DONE(gbt_dataset_subset(all, rows, n_train, train));
    GBT_TRY_OR_DONE(gbt_dataset_subset(all, rows + n_train, n_valid, valid));
    gbt_log_line(GBT_LOG_INFO, "valid_fraction: %lld rows train, %lld validate", (long long)n_train,
                 (long long)n_valid);
done:
    gbt_release(rows);
    return status;
}

static gbt_status continue_model(const gbt_params *params, gbt_booster *booster)
{
    gbt_model *start = NULL;
    GBT_TRY(gbt_model_load(params->continue_from, &start));
    const gbt_status status = gbt_booster_continue(booster, start);
    gbt_model_free(start);
    return status;
}

/* The booster with everything that is to be watched. */
static gbt_status prepare(const gbt_params *params, const gbt_dataset *train,
                          const gbt_dataset *const *valid, const char *const *valid_names,
                          int n_valid, gbt_booster **out)
{
    gbt_dataset *kept = NULL, *held_out = NULL;
    gbt_booster *booster = NULL;
    gbt_status status = GBT_OK;
    if (params->valid_fraction > 0.0) {
        GBT_TRY_OR_DONE(hold_out(params, train, &kept, &held_out));
    }
    GBT_TRY_OR_DONE(gbt_booster_create(params, kept ? kept : train, &booster));
    if (params->continue_from[0]) {
        GBT_TRY_OR_DONE(continue_model(params, booster));
    }
    if (held_out) {
        GBT_TRY_OR_DONE(gbt_booster_add_valid(booster, held_out, "held_out"));
    }
    for (int v = 0; v < n_valid; v++) {
        GBT_TRY_OR_DONE(
            gbt_booster_add_valid(booster, valid[v], valid_names ? valid_names[v] : NULL));
    }
    *out = booster;
done:
    gbt_dataset_free(kept);
    gbt_dataset_free(held_out);
    if (status != GBT_OK) {
        gbt_booster_free(booster);
    }
    return status;
}

gbt_status gbt_train(const gbt_params *params, const gbt_dataset *train,
                     const gbt_dataset *const *valid, const char *const *valid_names, int n_valid,
                     gbt_round_fn callback, void *user, gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    gbt_status status = GBT_OK;
    gbt_params *resolved = NULL;
    progress p = {.callback = callback, .user = user, .start = gbt_clock()};
    if (!params || !train || !out || n_valid < 0 || (n_valid > 0 && !valid)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_train: a pointer is NULL or n_valid is negative");
    }
    GBT_TRY(gbt_params_copy(params, &resolved));
    GBT_TRY_OR_DONE(gbt_resolve_stopping(resolved, n_valid > 0 || params->valid_fraction > 0.0));
    GBT_TRY_OR_DONE(prepare(resolved, train, valid, valid_names, n_valid, &p.booster));
    GBT_TRY_OR_DONE(progress_open(&p));
    GBT_TRY_OR_DONE(gbt_with_threads(p.booster->threads, run_rounds, &p));
    const bool uses_best = resolved->early_stopping_rounds > 0 && p.best_round > 0;
    if (uses_best) {
        p.booster->model->best_round = p.best_round;
        p.booster->model->best_value = p.best_value;
    }
    GBT_TRY_OR_DONE(gbt_booster_finish(p.booster, uses_best ? p.best_round : 0, out));
done:
    progress_close(&p);
    gbt_booster_free(p.booster);
    gbt_params_free(resolved);
    return status;
}
