/* Predictions of a multi-task model. Rows go through in blocks; within a block those of a task are
 * brought together, so that every model is asked once. Cost: the trees of the shared parts on every
 * row, those of its own task once, and a copy of the rows that a part is not asked about all. */
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/multitask_internal.h"

enum { BLOCK_ROWS = 1 << 16 };

/* One call. */
typedef struct job {
    const gbt_multitask *model;
    const gbt_matrix *matrix;
    const int32_t *task; /* [n_rows] numbers */
    int threads;
    double *ordinary, *outlier; /* [n_tasks + 1] */
    double *share;              /* [n_groups] of the training rows */
    int64_t n_unseen;
    /* Of the block at hand. */
    int64_t first, n;
    int32_t *index; /* [BLOCK] task index; n_tasks: unseen */
    int64_t *order; /* [BLOCK] places in the block by task */
    int64_t *start; /* [n_tasks + 2] where a task begins in `order` */
    double *sum;    /* [BLOCK x n_outputs] */
    float *score;   /* [BLOCK x n_outputs] of one part */
    char *cells;    /* [BLOCK x n_cols] rows that were brought together, of the matrix's type */
} job;

/* ---- Rows of a part -------------------------------------------------------------------------- */

static size_t cell_bytes(gbt_dtype dtype)
{
    return dtype == GBT_F64 ? sizeof(double) : sizeof(float);
}

static const char *row_of(const gbt_matrix *matrix, int64_t row)
{
    return (const char *)matrix->data +
           row * matrix->row_stride * (int64_t)cell_bytes(matrix->dtype);
}

/* Copies rows of the block, places `place` [n], and asks a model about them. */
static gbt_status ask_some(job *j, const gbt_model *part, const int64_t *place, int64_t n)
{
    const gbt_matrix *matrix = j->matrix;
    const size_t bytes = cell_bytes(matrix->dtype);
    char *to = j->cells;
    for (int64_t i = 0; i < n; i++) {
        const char *row = row_of(matrix, j->first + place[i]);
        if (matrix->col_stride == 1) {
            memcpy(to, row, (size_t)matrix->n_cols * bytes);
            to += (size_t)matrix->n_cols * bytes;
            continue;
        }
        for (int64_t column = 0; column < matrix->n_cols; column++, to += bytes) {
            memcpy(to, row + column * matrix->col_stride * (int64_t)bytes, bytes);
        }
    }
    const gbt_matrix some = {j->cells, matrix->dtype, n, matrix->n_cols, matrix->n_cols, 1};
    return gbt_model_predict(part, &some, GBT_PREDICT_RAW, 0, 0, j->threads, j->score,
                             n * j->model->n_outputs);
}

static gbt_status ask_all(job *j, const gbt_model *part)
{
    gbt_matrix all = *j->matrix;
    all.data = row_of(j->matrix, j->first);
    all.n_rows = j->n;
    return gbt_model_predict(part, &all, GBT_PREDICT_RAW, 0, 0, j->threads, j->score,
                             j->n * j->model->n_outputs);
}

/* sum += score, for places [n] of the block. */
static void add_some(job *j, const int64_t *place, int64_t n, double weight)
{
    const int32_t n_outputs = j->model->n_outputs;
    for (int64_t i = 0; i < n; i++) {
        for (int32_t k = 0; k < n_outputs; k++) {
            j->sum[place[i] * n_outputs + k] += weight * (double)j->score[i * n_outputs + k];
        }
    }
}

/* ---- Terms ----------------------------------------------------------------------------------- */

/* A: one model, or that of the task's group and all of them for unseen tasks. */
static gbt_status add_shared(job *j)
{
    const gbt_multitask *model = j->model;
    const int64_t *unseen = j->order + j->start[model->n_tasks];
    const int64_t n_unseen = j->n - j->start[model->n_tasks];
    if (model->n_groups == 1 && model->mode != GBT_TASKS_SINGLE) {
        GBT_TRY(ask_all(j, model->part[0]));
        for (int64_t i = 0; i < j->n * model->n_outputs; i++) {
            j->sum[i] = (double)j->score[i];
        }
        return GBT_OK;
    }
    for (int32_t r = 0; r < model->n_tasks && model->mode != GBT_TASKS_SINGLE; r++) {
        const int64_t *place = j->order + j->start[r], n = j->start[r + 1] - j->start[r];
        if (n > 0) {
            GBT_TRY(ask_some(j, model->part[model->group[r]], place, n));
            add_some(j, place, n, 1.0);
        }
    }
    for (int32_t g = 0; g < model->n_groups && n_unseen > 0; g++) {
        GBT_TRY(ask_some(j, model->part[g], unseen, n_unseen));
        add_some(j, unseen, n_unseen, j->share[g]);
    }
    return GBT_OK;
}

/* o B + w C, added up before it joins the rest: swapping the two changes no bit. */
static gbt_status add_robust(job *j)
{
    const gbt_multitask *model = j->model;
    const int32_t part = gbt_multitask_ordinary(model), n_outputs = model->n_outputs;
    gbt_status status = GBT_OK;
    double *robust = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(robust, j->n * n_outputs));
    GBT_TRY_OR_DONE(ask_all(j, model->part[part]));
    for (int64_t i = 0; i < j->n * n_outputs; i++) {
        robust[i] = j->ordinary[j->index[i / n_outputs]] * (double)j->score[i];
    }
    GBT_TRY_OR_DONE(ask_all(j, model->part[part + 1]));
    for (int64_t i = 0; i < j->n * n_outputs; i++) {
        j->sum[i] += robust[i] + j->outlier[j->index[i / n_outputs]] * (double)j->score[i];
    }
done:
    gbt_release(robust);
    return status;
}

static gbt_status add_task_trees(job *j)
{
    const gbt_multitask *model = j->model;
    for (int32_t r = 0; r < model->n_tasks; r++) {
        const gbt_model *part = model->part[gbt_multitask_first_task(model) + r];
        const int64_t *place = j->order + j->start[r], n = j->start[r + 1] - j->start[r];
        if (n > 0) {
            GBT_TRY(ask_some(j, part, place, n));
            add_some(j, place, n, 1.0);
        }
    }
    return GBT_OK;
}

/* mode = feature: the one model reads the task itself. */
static gbt_status ask_with_feature(job *j)
{
    const int32_t n_tasks = j->model->n_tasks;
    const int64_t n_cols = j->matrix->n_cols + 1;
    float *wide = (float *)(void *)j->cells;
    for (int64_t i = 0; i < j->n; i++) {
        j->index[i] = j->index[i] == n_tasks ? -1 : j->index[i];
    }
    gbt_feature_widen(j->matrix, NULL, j->first, j->n, j->index, wide);
    const gbt_matrix matrix = {wide, GBT_F32, j->n, n_cols, n_cols, 1};
    GBT_TRY(gbt_model_predict(j->model->part[0], &matrix, GBT_PREDICT_RAW, 0, 0, j->threads,
                              j->score, j->n * j->model->n_outputs));
    for (int64_t i = 0; i < j->n * j->model->n_outputs; i++) {
        j->sum[i] = (double)j->score[i];
    }
    return GBT_OK;
}

/* ---- A block --------------------------------------------------------------------------------- */

/* Which task each row is of, and the rows by task: a counting sort. */
static void sort_block(job *j)
{
    const gbt_multitask *model = j->model;
    memset(j->start, 0, ((size_t)model->n_tasks + 2) * sizeof *j->start);
    for (int64_t i = 0; i < j->n; i++) {
        const int32_t r = gbt_multitask_find(model, j->task[j->first + i]);
        j->index[i] = r < 0 ? model->n_tasks : r;
        j->n_unseen += r < 0;
        j->start[j->index[i] + 1]++;
    }
    for (int32_t r = 0; r <= model->n_tasks; r++) {
        j->start[r + 1] += j->start[r];
    }
    for (int64_t i = 0; i < j->n; i++) {
        j->order[j->start[j->index[i]]++] = i;
    }
    for (int32_t r = model->n_tasks + 1; r > 0; r--) { /* every start has moved to the next one */
        j->start[r] = j->start[r - 1];
    }
    j->start[0] = 0;
}

static gbt_status score_block(job *j)
{
    const gbt_multitask *model = j->model;
    sort_block(j);
    memset(j->sum, 0, (size_t)(j->n * model->n_outputs) * sizeof *j->sum);
    if (model->mode == GBT_TASKS_FEATURE) {
        return ask_with_feature(j);
    }
    GBT_TRY(add_shared(j));
    if (gbt_multitask_rounds(model, GBT_BLOCK_ROBUST) > 0) {
        GBT_TRY(add_robust(j));
    }
    return gbt_tasks_have_trees(model->mode) ? add_task_trees(j) : GBT_OK;
}

/* ---- A call ---------------------------------------------------------------------------------- */

static gbt_status open_job(job *j)
{
    const gbt_multitask *model = j->model;
    const int64_t n = j->matrix->n_rows < BLOCK_ROWS ? j->matrix->n_rows : BLOCK_ROWS;
    double n_rows = 0.0;
    GBT_TRY(GBT_NEW(j->ordinary, (int64_t)model->n_tasks + 1));
    GBT_TRY(GBT_NEW(j->outlier, (int64_t)model->n_tasks + 1));
    gbt_multitask_weights(model, j->ordinary, j->outlier);
    GBT_TRY(GBT_NEW_ZERO(j->share, model->n_groups));
    for (int32_t r = 0; r < model->n_tasks; r++) {
        j->share[model->group[r]] += (double)model->rows[r];
        n_rows += (double)model->rows[r];
    }
    for (int32_t g = 0; g < model->n_groups; g++) {
        j->share[g] /= n_rows;
    }
    GBT_TRY(GBT_NEW(j->index, n));
    GBT_TRY(GBT_NEW(j->order, n));
    GBT_TRY(GBT_NEW(j->start, (int64_t)model->n_tasks + 2));
    GBT_TRY(GBT_NEW(j->sum, n * model->n_outputs));
    GBT_TRY(GBT_NEW(j->score, n * model->n_outputs));
    j->cells = gbt_alloc(n * (j->matrix->n_cols + 1), cell_bytes(j->matrix->dtype));
    return j->cells ? GBT_OK : GBT_ERR_MEMORY;
}

static void close_job(job *j)
{
    gbt_release(j->ordinary);
    gbt_release(j->outlier);
    gbt_release(j->share);
    gbt_release(j->index);
    gbt_release(j->order);
    gbt_release(j->start);
    gbt_release(j->sum);
    gbt_release(j->score);
    gbt_release(j->cells);
}

static gbt_status check_call(const job *j, gbt_predict_kind kind, const float *out, int64_t n)
{
    const gbt_multitask *model = j->model;
    int64_t n_features = 0;
    if (!model || !j->matrix || !j->task || !out || j->threads < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_multitask_predict: a pointer is NULL, or threads is negative");
    }
    GBT_TRY(gbt_model_shape(model->frame, GBT_SHAPE_FEATURES, &n_features));
    if (j->matrix->n_cols != n_features || j->matrix->n_rows < 0 ||
        (!j->matrix->data && j->matrix->n_rows > 0) || (unsigned)j->matrix->dtype > GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_multitask_predict: a matrix of %lld rows and %lld columns without "
                        "data or of no known type; the model has %lld features",
                        (long long)j->matrix->n_rows, (long long)j->matrix->n_cols,
                        (long long)n_features);
    }
    const int64_t want = j->matrix->n_rows * (kind == GBT_PREDICT_CLASS ? 1 : model->n_outputs);
    if (n != want) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_multitask_predict: room for %lld numbers, the predictions are %lld",
                        (long long)n, (long long)want);
    }
    return gbt_model_link(model->frame, out, kind, 0, (float *)out); /* no such kind: an error */
}

gbt_status gbt_multitask_predict(const gbt_multitask *model, const gbt_matrix *matrix,
                                 const int32_t *task, gbt_predict_kind kind, int threads,
                                 float *out, int64_t n, int64_t *n_unseen)
{
    gbt_status status = GBT_OK;
    job j = {.model = model, .matrix = matrix, .task = task, .threads = threads};
    GBT_TRY(check_call(&j, kind, out, n));
    const int32_t n_outputs = model->n_outputs;
    GBT_TRY_OR_DONE(open_job(&j));
    for (; j.first < matrix->n_rows; j.first += j.n) {
        j.n = matrix->n_rows - j.first < BLOCK_ROWS ? matrix->n_rows - j.first : BLOCK_ROWS;
        GBT_TRY_OR_DONE(score_block(&j));
        for (int64_t i = 0; i < j.n * n_outputs; i++) {
            j.score[i] = (float)j.sum[i];
        }
        GBT_TRY_OR_DONE(
            gbt_model_link(model->frame, j.score, kind, j.n,
                           out + j.first * (kind == GBT_PREDICT_CLASS ? 1 : n_outputs)));
    }
    if (n_unseen) {
        *n_unseen = j.n_unseen;
    }
done:
    close_job(&j);
    return status;
}

gbt_status gbt_multitask_predict_table(const gbt_multitask *model, const gbt_table *table,
                                       gbt_predict_kind kind, int threads, float *out, int64_t n,
                                       int64_t *n_unseen)
{
    gbt_status status = GBT_OK;
    float *features = NULL;
    int32_t *task = NULL;
    int64_t n_features = 0;
    if (!model || !table) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_predict_table: %s is NULL",
                        model ? "table" : "model");
    }
    const int64_t n_rows = gbt_table_rows(table);
    GBT_TRY_OR_DONE(gbt_model_shape(model->frame, GBT_SHAPE_FEATURES, &n_features));
    GBT_TRY_OR_DONE(GBT_NEW(features, n_rows * n_features));
    GBT_TRY_OR_DONE(GBT_NEW(task, n_rows));
    GBT_TRY_OR_DONE(gbt_model_features(model->frame, table, features, n_rows * n_features));
    GBT_TRY_OR_DONE(gbt_model_tasks(model->frame, table, task, n_rows));
    const gbt_matrix matrix = {features, GBT_F32, n_rows, n_features, n_features, 1};
    GBT_TRY_OR_DONE(gbt_multitask_predict(model, &matrix, task, kind, threads, out, n, n_unseen));
done:
    gbt_release(features);
    gbt_release(task);
    return status;
}
