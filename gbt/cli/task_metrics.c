/* Sorts the rows by task and measures each run of rows. Cost: a sort, and one pass per metric. */
#include "gbt/cli/task_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"

/* ---- Rows by task ---------------------------------------------------------------------------- */

typedef struct place {
    int32_t task;
    int64_t row;
} place;

static int by_task(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return x->task != y->task ? (x->task > y->task) - (x->task < y->task)
                              : (x->row > y->row) - (x->row < y->row);
}

/* Task numbers ascend in a model. */
static int by_number(const void *a, const void *b)
{
    const gbt_task_info *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Index of the task of every row in the model, -1: unseen. */
static gbt_status find_tasks(const gbt_multitask *model, const gbt_table *table, place *order)
{
    gbt_status status = GBT_OK;
    const int32_t n_tasks = gbt_multitask_tasks(model);
    const int64_t n = gbt_table_rows(table);
    gbt_task_info *info = NULL;
    int32_t *number = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(info, n_tasks));
    GBT_TRY_OR_DONE(GBT_NEW(number, n));
    for (int32_t i = 0; i < n_tasks; i++) {
        GBT_TRY_OR_DONE(gbt_multitask_task(model, i, &info[i]));
    }
    GBT_TRY_OR_DONE(gbt_model_tasks(gbt_multitask_frame(model), table, number, n));
    for (int64_t row = 0; row < n; row++) {
        const gbt_task_info wanted = {.number = number[row]};
        const gbt_task_info *found =
            bsearch(&wanted, info, (size_t)n_tasks, sizeof *info, by_number);
        order[row] = (place){found ? (int32_t)(found - info) : -1, row};
    }
done:
    gbt_release(info);
    gbt_release(number);
    return status;
}

static gbt_status split_rows(gbt_task_metrics *metrics, const gbt_table *table)
{
    const int64_t n = metrics->n_rows;
    place *order = NULL;
    GBT_TRY(GBT_NEW(order, n));
    const gbt_status status = find_tasks(metrics->model, table, order);
    metrics->n_parts = 1;
    if (status == GBT_OK) {
        qsort(order, (size_t)n, sizeof *order, by_task);
        for (int64_t i = 0; i < n; i++) {
            if (i == 0 || order[i].task != order[i - 1].task) {
                metrics->task[metrics->n_parts] = order[i].task;
                metrics->first[metrics->n_parts++] = i;
            }
            metrics->row[i] = order[i].row;
        }
        metrics->first[metrics->n_parts] = n;
    }
    gbt_release(order);
    return status;
}

static gbt_status reserve(gbt_task_metrics *metrics)
{
    const int64_t n = metrics->n_rows;
    const int64_t most_parts = 2 + (int64_t)gbt_multitask_tasks(metrics->model);
    GBT_TRY(GBT_NEW(metrics->task, most_parts));
    GBT_TRY(GBT_NEW(metrics->first, most_parts + 1));
    GBT_TRY(GBT_NEW(metrics->row, n));
    GBT_TRY(GBT_NEW(metrics->label, n * metrics->n_labels));
    GBT_TRY(GBT_NEW(metrics->weight, n));
    GBT_TRY(GBT_NEW(metrics->part_score, n * metrics->n_outputs));
    GBT_TRY(GBT_NEW(metrics->part_label, n * metrics->n_labels));
    return GBT_NEW(metrics->part_weight, n);
}

gbt_status gbt_task_metrics_open(gbt_task_metrics *metrics, const gbt_multitask *model,
                                 const gbt_table *table)
{
    gbt_status status = GBT_OK;
    const gbt_model *frame = gbt_multitask_frame(model);
    const bool has_classes = gbt_model_count(frame, GBT_SHAPE_CLASSES) > 0;
    memset(metrics, 0, sizeof *metrics);
    metrics->model = model;
    metrics->n_rows = gbt_table_rows(table);
    metrics->n_outputs = gbt_model_count(frame, GBT_SHAPE_OUTPUTS);
    metrics->n_labels = has_classes ? 1 : metrics->n_outputs;
    GBT_TRY_OR_DONE(reserve(metrics));
    GBT_TRY_OR_DONE(gbt_model_labels_table(frame, table, metrics->label,
                                           metrics->n_rows * metrics->n_labels, metrics->weight));
    GBT_TRY_OR_DONE(split_rows(metrics, table));
    return GBT_OK;
done:
    gbt_task_metrics_close(metrics);
    return status;
}

void gbt_task_metrics_close(gbt_task_metrics *metrics)
{
    gbt_release(metrics->task);
    gbt_release(metrics->first);
    gbt_release(metrics->row);
    gbt_release(metrics->label);
    gbt_release(metrics->weight);
    gbt_release(metrics->part_score);
    gbt_release(metrics->part_label);
    gbt_release(metrics->part_weight);
    memset(metrics, 0, sizeof *metrics);
}

int64_t gbt_task_metrics_rows(const gbt_task_metrics *metrics, int32_t part)
{
    return part == 0 ? metrics->n_rows : metrics->first[part + 1] - metrics->first[part];
}

gbt_status gbt_task_metrics_task(const gbt_task_metrics *metrics, int32_t part, gbt_task_info *out)
{
    if (metrics->task[part] >= 0) {
        return gbt_multitask_task(metrics->model, metrics->task[part], out);
    }
    *out = (gbt_task_info){.number = -1, .name = "(unseen)", .outlier = (double)NAN};
    return GBT_OK;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

/* Copies the rows of a part, output by output. */
static void gather(gbt_task_metrics *metrics, const float *score, int32_t part)
{
    const int64_t n = gbt_task_metrics_rows(metrics, part);
    const int64_t *from = metrics->row + (part > 0 ? metrics->first[part] : 0);
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = from[i];
        for (int64_t k = 0; k < metrics->n_outputs; k++) {
            metrics->part_score[k * n + i] = score[row * metrics->n_outputs + k];
        }
        for (int64_t k = 0; k < metrics->n_labels; k++) {
            metrics->part_label[k * n + i] = metrics->label[k * metrics->n_rows + row];
        }
        metrics->part_weight[i] = metrics->weight[row];
    }
}

gbt_status gbt_task_metrics_measure(gbt_task_metrics *metrics, const char *const *metric,
                                    int n_metrics, const float *score, int threads, double *value)
{
    const gbt_model *frame = gbt_multitask_frame(metrics->model);
    for (int32_t part = 0; part < metrics->n_parts; part++) {
        gather(metrics, score, part);
        for (int m = 0; m < n_metrics; m++) {
            double *out = value + (int64_t)part * n_metrics + m;
            const gbt_status status = gbt_model_metric(
                frame, metric[m], metrics->part_score, metrics->part_label, metrics->part_weight,
                gbt_task_metrics_rows(metrics, part), threads, out);
            if (status == GBT_ERR_DATA && part > 0) {
                *out = (double)NAN;
            } else {
                GBT_TRY(status);
            }
        }
    }
    return GBT_OK;
}
