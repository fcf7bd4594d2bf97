/* Networks with one hidden layer, trained a few units a step by gradient boosting
 * [EmamiMartinez23]:
 *
 *     F <- F0
 *     for each step:  r <- -dL/dF,  f <- units fitted to r on a random subset of the rows,
 *                     length <- Newton step along f,  F <- F + learning_rate x length x f
 *
 * All steps together are one network (heads_network.c). This file: the loop, validation and early
 * stopping. Cost of a step: solver iterations x subset x units of the step x inputs. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/heads_train.h"

/* ---- Watching -------------------------------------------------------------------------------- */

static gbt_status measure(gbt_head_trainer *t, int32_t step)
{
    const gbt_model *frame = t->heads->frame;
    const gbt_head_rows *rows = &t->valid;
    for (int32_t i = 0; i < t->n_metrics; i++) {
        GBT_TRY(gbt_model_metric(frame, t->metric[i], rows->shown, rows->label, rows->weight,
                                 rows->n_rows, t->settings.threads, &t->value[i]));
    }
    if (t->n_metrics > 0 &&
        (t->best_step == 0 ||
         gbt_model_metric_is_better(frame, t->metric[0], t->value[0], t->best_value))) {
        t->best_step = step;
        t->best_value = t->value[0];
    }
    return GBT_OK;
}

/* Non-zero when the callback wants to stop. */
static int report(const gbt_head_trainer *t, int32_t step)
{
    const gbt_round_info info = {.round = step,
                                 .n_rounds = (int32_t)t->settings.n_steps,
                                 .n_values = t->n_metrics,
                                 .metric = t->metric,
                                 .data = t->data_name,
                                 .value = t->value,
                                 .best_round = t->best_step,
                                 .best_value = t->best_value,
                                 .seconds = gbt_clock() - t->start};
    return t->callback ? t->callback(&info, t->user) : 0;
}

/* Metrics, progress and the reasons to stop after a step. */
static gbt_status watch(gbt_head_trainer *t, int32_t step, bool *is_over)
{
    const gbt_head_settings *s = &t->settings;
    const bool is_late = s->max_seconds > 0.0 && gbt_clock() - t->start >= s->max_seconds;
    const bool is_last = *is_over || is_late || step == s->n_steps;
    const bool is_due = is_last || step % s->metric_every == 0;
    if (is_due || s->patience > 0) {
        GBT_TRY(measure(t, step));
    }
    const bool is_worse = s->patience > 0 && step - t->best_step >= s->patience;
    if ((is_due || is_worse) && report(t, step) != 0) {
        gbt_log_line(GBT_LOG_INFO, "step %d: stopped by the callback", (int)step);
        *is_over = true;
    } else if (is_worse) {
        gbt_log_line(GBT_LOG_INFO, "step %d: early stop, best step %d", (int)step,
                     (int)t->best_step);
        *is_over = true;
    } else if (is_late) {
        gbt_log_line(GBT_LOG_INFO, "step %d: max_seconds reached", (int)step);
        *is_over = true;
    }
    return GBT_OK;
}

/* ---- Boosting -------------------------------------------------------------------------------- */

/* residual = -dL/dF; returns its root mean square. */
static double find_residual(gbt_head_trainer *t)
{
    const int64_t n = t->train.n_rows * t->n_outputs;
    double squares = 0.0, ignored = 0.0, weight = 0.0;
    for (int64_t i = 0; i < n; i++) {
        t->residual[i] = -t->grad[i];
        t->train.step[i] = (double)t->grad[i]; /* free until the next step is known */
    }
    gbt_head_newton_sums(t->grad, NULL, t->train.step, t->train.weight, t->train.n_rows,
                         t->n_outputs, t->settings.threads, t->length.partial, &ignored, &squares);
    for (int64_t i = 0; i < t->train.n_rows; i++) {
        weight += t->train.weight ? (double)t->train.weight[i] : 1.0;
    }
    return sqrt(squares / (weight * t->n_outputs));
}

/* One step of boosting; `is_over` when the residuals have vanished and none was made. */
static gbt_status take_step(gbt_head_trainer *t, int32_t step, bool *is_over)
{
    gbt_head_rows *train = &t->train, *valid = &t->valid;
    double length = 0.0;
    GBT_TRY(gbt_objective_gradients(t->objective, train->shown, train->label, NULL, train->n_rows,
                                    t->grad, t->hess));
    const double spread = find_residual(t);
    t->first_spread = step == 0 ? spread : t->first_spread;
    if (!(spread > 1e-6 * t->first_spread)) {
        *is_over = true;
        return GBT_OK;
    }
    const double *theta = gbt_head_fitter_step(t->fitter, step, t->residual, spread);
    gbt_head_fitter_outputs(t->fitter, &train->tiles, theta, train->step, train->n_rows);
    GBT_TRY(gbt_head_length_find(&t->length, t->grad, t->hess, &t->loss, &length));
    if (!isfinite(t->loss)) {
        return gbt_fail(GBT_ERR_NUMERIC,
                        "step %d: the training loss is no longer finite; take step_length = "
                        "guarded or a smaller learning_rate",
                        (int)step + 1);
    }
    length *= t->settings.learning_rate;
    gbt_head_network_append(&t->heads->network, theta, length);
    gbt_head_rows_add(train, t->n_outputs, length);
    if (t->has_valid) {
        gbt_head_fitter_outputs(t->fitter, &valid->tiles, theta, valid->step, valid->n_rows);
        gbt_head_rows_add(valid, t->n_outputs, length);
    }
    return GBT_OK;
}

gbt_status gbt_head_boost(gbt_head_trainer *t)
{
    bool is_over = false;
    GBT_TRY(gbt_objective_value(t->objective, t->train.shown, t->train.label, t->train.weight,
                                t->train.n_rows, &t->loss));
    for (int32_t step = 0; step < t->settings.n_steps && !is_over; step++) {
        GBT_TRY(take_step(t, step, &is_over));
        if (is_over) {
            gbt_log_line(GBT_LOG_INFO, "step %d: the residuals have vanished", (int)step + 1);
        } else {
            GBT_TRY(watch(t, step + 1, &is_over));
        }
    }
    gbt_head_network *net = &t->heads->network;
    if (t->settings.patience > 0 && t->best_step > 0) {
        t->heads->best_step = t->best_step;
        gbt_head_network_truncate(net, t->best_step);
    }
    gbt_head_network_bound(net);
    return GBT_OK;
}
