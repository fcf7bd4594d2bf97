/* Tasks: which there are, which rows are theirs, and the score F of rows from the scores of the
 * blocks. Cost: a sort of the task numbers at setup; a pass over the rows for a blend. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/multitask_internal.h"

enum { BLEND_ROWS = 4096 };

/* ---- The dictionary -------------------------------------------------------------------------- */

gbt_status gbt_task_numbers(const gbt_dataset *data, const char *what, int32_t *out)
{
    if (gbt_dataset_field_size(data, GBT_TASK) == 0) {
        return gbt_fail(GBT_ERR_DATA, "the %s rows have no task; name its column with task=", what);
    }
    return gbt_dataset_get(data, GBT_TASK, out, GBT_I32, gbt_dataset_rows(data));
}

static int compare_numbers(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

gbt_status gbt_tasks_learn(gbt_multitask *model, const gbt_dataset *train)
{
    gbt_status status = GBT_OK;
    int32_t *sorted = NULL;
    const int64_t n = gbt_dataset_rows(train);
    GBT_TRY(GBT_NEW(sorted, n));
    GBT_TRY_OR_DONE(gbt_task_numbers(train, "training", sorted));
    qsort(sorted, (size_t)n, sizeof *sorted, compare_numbers);
    for (int64_t i = 0; i < n; i++) {
        model->n_tasks += i == 0 || sorted[i] != sorted[i - 1];
    }
    GBT_TRY_OR_DONE(gbt_multitask_reserve(model));
    int32_t r = -1;
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            model->number[++r] = sorted[i];
        }
        model->rows[r]++;
    }
done:
    gbt_release(sorted);
    return status;
}

gbt_status gbt_tasks_name(gbt_multitask *model)
{
    for (int32_t r = 0; r < model->n_tasks; r++) {
        char number[16];
        const char *text = gbt_model_task_name(model->frame, model->number[r]);
        (void)snprintf(number, sizeof number, "%" PRId32, model->number[r]);
        model->name[r] = gbt_copy_text(text ? text : number);
        if (!model->name[r]) {
            return GBT_ERR_MEMORY;
        }
    }
    return GBT_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* Rows by task, ascending within: a counting sort. */
static void order_rows(gbt_task_rows *rows, int32_t n_tasks)
{
    for (int64_t i = 0; i < rows->n_rows; i++) {
        rows->first[rows->task[i] + 1]++;
    }
    for (int32_t r = 0; r < n_tasks; r++) {
        rows->first[r + 1] += rows->first[r];
    }
    for (int64_t i = 0; i < rows->n_rows; i++) {
        rows->order[rows->first[rows->task[i]]++] = i;
    }
    for (int32_t r = n_tasks; r > 0; r--) { /* every start has moved to the next one */
        rows->first[r] = rows->first[r - 1];
    }
    rows->first[0] = 0;
}

static gbt_status read_labels(gbt_task_rows *rows, const gbt_multitask *model)
{
    int64_t n_classes = 0;
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_CLASSES, &n_classes));
    const int64_t n = rows->n_rows * (n_classes > 0 ? 1 : model->n_outputs);
    GBT_TRY(GBT_NEW(rows->label, n));
    GBT_TRY(gbt_model_labels(model->frame, rows->data, rows->label, n));
    if (gbt_dataset_field_size(rows->data, GBT_WEIGHT) > 0) {
        GBT_TRY(GBT_NEW(rows->weight, rows->n_rows));
        GBT_TRY(gbt_dataset_get(rows->data, GBT_WEIGHT, rows->weight, GBT_F32, rows->n_rows));
    }
    return GBT_OK;
}

gbt_status gbt_task_rows_open(gbt_task_rows *rows, const gbt_multitask *model, gbt_dataset *data)
{
    *rows = (gbt_task_rows){.data = data, .n_rows = gbt_dataset_rows(data)};
    const int64_t n_scores = rows->n_rows * model->n_outputs;
    GBT_TRY(GBT_NEW(rows->task, rows->n_rows));
    GBT_TRY(gbt_task_numbers(data, "training", rows->task));
    for (int64_t i = 0; i < rows->n_rows; i++) {
        rows->task[i] = gbt_multitask_find(model, rows->task[i]);
    }
    GBT_TRY(GBT_NEW(rows->order, rows->n_rows));
    GBT_TRY(GBT_NEW_ZERO(rows->first, (int64_t)model->n_tasks + 1));
    order_rows(rows, model->n_tasks);
    for (int b = 0; b < GBT_N_SCORES; b++) {
        GBT_TRY(GBT_NEW_ZERO(rows->block[b], n_scores));
    }
    GBT_TRY(GBT_NEW_ZERO(rows->score, n_scores));
    return read_labels(rows, model);
}

void gbt_task_rows_close(gbt_task_rows *rows)
{
    for (int b = 0; b < GBT_N_SCORES; b++) {
        gbt_release(rows->block[b]);
    }
    gbt_release(rows->score);
    gbt_release(rows->label);
    gbt_release(rows->weight);
    gbt_release(rows->task);
    gbt_release(rows->order);
    gbt_release(rows->first);
    gbt_dataset_free(rows->data);
    *rows = (gbt_task_rows){0};
}

/* ---- Scores ---------------------------------------------------------------------------------- */

typedef struct blend_job {
    gbt_task_rows *rows;
    const double *ordinary, *outlier;
    int32_t n_outputs;
} blend_job;

static void blend_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const blend_job *job = context;
    gbt_task_rows *rows = job->rows;
    (void)thread;
    for (int32_t k = 0; k < job->n_outputs; k++) {
        const int64_t start = k * rows->n_rows;
        for (int64_t i = start + first; i < start + last; i++) {
            const int32_t task = rows->task[i - start];
            const double robust = job->ordinary[task] * (double)rows->block[GBT_SCORE_ORDINARY][i] +
                                  job->outlier[task] * (double)rows->block[GBT_SCORE_OUTLIER][i];
            rows->score[i] = (float)((double)rows->block[GBT_SCORE_SHARED][i] + robust +
                                     (double)rows->block[GBT_SCORE_TASK][i]);
        }
    }
}

void gbt_task_blend(gbt_task_rows *rows, const gbt_multitask *model, const double *ordinary,
                    const double *outlier, int threads)
{
    blend_job job = {rows, ordinary, outlier, model->n_outputs};
    gbt_for_chunks(threads, rows->n_rows, BLEND_ROWS, blend_chunk, &job);
}

gbt_status gbt_task_model_scores(const gbt_model *model, const gbt_dataset *data,
                                 int32_t first_round, int32_t n_rounds, int threads, float *out)
{
    gbt_status status = GBT_OK;
    float *by_row = NULL;
    int64_t n_outputs = 0;
    const int64_t n_rows = gbt_dataset_rows(data);
    GBT_TRY(gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs));
    if (n_outputs == 1) {
        return gbt_model_predict_dataset(model, data, GBT_PREDICT_RAW, first_round, n_rounds,
                                         threads, out, n_rows);
    }
    GBT_TRY_OR_DONE(GBT_NEW(by_row, n_rows * n_outputs));
    GBT_TRY_OR_DONE(gbt_model_predict_dataset(model, data, GBT_PREDICT_RAW, first_round, n_rounds,
                                              threads, by_row, n_rows * n_outputs));
    for (int64_t i = 0; i < n_rows; i++) {
        for (int64_t k = 0; k < n_outputs; k++) {
            out[k * n_rows + i] = by_row[i * n_outputs + k];
        }
    }
done:
    gbt_release(by_row);
    return status;
}
