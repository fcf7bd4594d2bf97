/* Between the rounds of a block: metrics of the frame on the validation rows, reports, early
 * stopping. Every block has a best round of its own; the state before the block counts as one when
 * an earlier block has rounds. Cost: the metrics. */
#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"
#include "gbt/modules/multitask_internal.h"

gbt_status gbt_task_watch_open(gbt_task_run *run)
{
    gbt_task_watch *watch = &run->watch;
    const gbt_model *frame = run->model->frame;
    watch->start = gbt_clock();
    int n = 0;
    while (run->valid.n_rows > 0 && gbt_model_metric_name(frame, n)) {
        n++;
    }
    GBT_TRY(GBT_NEW_ZERO(watch->metric, n));
    GBT_TRY(GBT_NEW_ZERO(watch->data_name, n));
    GBT_TRY(GBT_NEW_ZERO(watch->value, n));
    for (int m = 0; m < n; m++) {
        watch->metric[m] = gbt_model_metric_name(frame, m);
        watch->data_name[m] = run->valid_name;
    }
    watch->n_metrics = n;
    for (int b = 0; b < GBT_N_BLOCKS; b++) {
        watch->n_planned += run->set.n_rounds[b];
    }
    return GBT_OK;
}

void gbt_task_watch_close(gbt_task_watch *watch)
{
    gbt_release(watch->metric);
    gbt_release(watch->data_name);
    gbt_release(watch->value);
    *watch = (gbt_task_watch){0};
}

/* Metrics of the validation rows after `round` rounds of the block. */
static gbt_status measure(gbt_task_run *run, int32_t round)
{
    gbt_task_watch *watch = &run->watch;
    const gbt_model *frame = run->model->frame;
    gbt_task_blend(&run->valid, run->model, run->ordinary, run->outlier, run->set.threads);
    for (int m = 0; m < watch->n_metrics; m++) {
        GBT_TRY(gbt_model_metric(frame, watch->metric[m], run->valid.score, run->valid.label,
                                 run->valid.weight, run->valid.n_rows, run->set.threads,
                                 &watch->value[m]));
    }
    if (!watch->has_best ||
        gbt_model_metric_is_better(frame, watch->metric[0], watch->value[0], watch->best_value)) {
        watch->has_best = true;
        watch->best_round = round;
        watch->best_value = watch->value[0];
    }
    return GBT_OK;
}

gbt_status gbt_task_watch_block(gbt_task_run *run, int32_t n_rounds)
{
    gbt_task_watch *watch = &run->watch;
    watch->has_best = false;
    watch->best_round = 0;
    watch->n_block = n_rounds;
    const bool has_state = watch->n_before > 0 && watch->n_metrics > 0;
    return has_state && n_rounds > 0 && run->set.patience > 0 ? measure(run, 0) : GBT_OK;
}

/* Non-zero when the callback wants to stop. */
static int report(const gbt_task_watch *watch, int32_t round)
{
    const gbt_round_info info = {.round = watch->n_before + round,
                                 .n_rounds = watch->n_planned,
                                 .n_values = watch->n_metrics,
                                 .metric = watch->metric,
                                 .data = watch->data_name,
                                 .value = watch->value,
                                 .best_round =
                                     watch->has_best ? watch->n_before + watch->best_round : 0,
                                 .best_value = watch->best_value,
                                 .seconds = gbt_clock() - watch->start};
    return watch->callback ? watch->callback(&info, watch->user) : 0;
}

gbt_status gbt_task_watch_round(gbt_task_run *run, int32_t round, bool is_last, bool *is_over)
{
    gbt_task_watch *watch = &run->watch;
    const int32_t patience = run->set.patience;
    const bool is_due = is_last || round % run->set.metric_every == 0;
    *is_over = is_last;
    if (watch->n_metrics > 0 && (is_due || patience > 0)) {
        GBT_TRY(measure(run, round));
    }
    const bool has_lost = patience > 0 && round - watch->best_round >= patience;
    if ((is_due || has_lost) && report(watch, round) != 0) {
        gbt_log_line(GBT_LOG_INFO, "round %d: stopped by the callback", watch->n_before + round);
        watch->is_stopped = true;
    }
    *is_over = *is_over || has_lost || watch->is_stopped;
    return GBT_OK;
}

int32_t gbt_task_watch_keep(gbt_task_run *run, const char *block, int32_t n_done)
{
    gbt_task_watch *watch = &run->watch;
    const bool is_cut = run->set.patience > 0 && watch->has_best && watch->best_round < n_done;
    const int32_t kept = is_cut ? watch->best_round : n_done;
    if (is_cut) {
        gbt_log_line(GBT_LOG_INFO, "%s block: best after %d of %d rounds, %s %g", block, kept,
                     n_done, watch->metric[0], watch->best_value);
    } else {
        gbt_log_line(GBT_LOG_INFO, "%s block: %d rounds", block, n_done);
    }
    watch->n_before += kept;
    watch->n_planned -= watch->n_block - kept;
    return kept;
}
