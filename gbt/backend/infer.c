/* The public prediction calls: what they demand of their arguments. The work is in infer_job.c. */
#include "gbt/backend/infer.h"

#include <math.h>

#include "gbt/backend/infer_job.h"
#include "gbt/base/alloc.h"
#include "gbt/data/matrix.h"

typedef gbt_infer_job job;

/* ---- Checks ---------------------------------------------------------------------------------- */

static gbt_status check_pointers(const gbt_model *model, const void *rows, const void *out)
{
    if (!model || !rows || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL",
                        !model  ? "model"
                        : !rows ? "the data"
                                : "out");
    }
    if (!model->forest) {
        return gbt_fail(GBT_ERR_STATE, "the model is not finished");
    }
    return GBT_OK;
}

static gbt_status check_columns(const gbt_model *model, int64_t n_cols)
{
    if (n_cols != model->schema->n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%lld columns, the model has %d features",
                        (long long)n_cols, model->schema->n_features);
    }
    return GBT_OK;
}

/* Rounds and threads; sets the rounds of the job. */
static gbt_status check_rounds(job *j, int32_t first_round, int32_t n_rounds, int threads)
{
    const int32_t rounds = gbt_model_rounds(j->model);
    if (first_round < 0 || first_round > rounds || n_rounds < 0 ||
        n_rounds > rounds - first_round) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%d rounds from round %d on, the model has %d", n_rounds,
                        first_round, rounds);
    }
    if (threads < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%d threads; 0 means all", threads);
    }
    j->first = first_round;
    j->last = n_rounds > 0 ? first_round + n_rounds : rounds;
    return GBT_OK;
}

static gbt_status check_size(const job *j, int64_t width, int64_t n)
{
    if (width == 0 ? n != 0 : n / width != j->source.n_rows || n % width != 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld numbers, %lld rows need %lld each",
                        (long long)n, (long long)j->source.n_rows, (long long)width);
    }
    return GBT_OK;
}

static gbt_status check_request(job *j, int32_t first_round, int32_t n_rounds, int threads,
                                int64_t n)
{
    const gbt_objective *objective = &j->model->objective;
    if (j->kind < GBT_PREDICT_RAW || j->kind > GBT_PREDICT_CLASS) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%d is not a gbt_predict_kind", (int)j->kind);
    }
    if (j->kind == GBT_PREDICT_CLASS && objective->n_classes == 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "a model with the objective %s has no classes",
                        objective->name);
    }
    GBT_TRY(check_rounds(j, first_round, n_rounds, threads));
    return check_size(j, j->kind == GBT_PREDICT_CLASS ? 1 : objective->n_outputs, n);
}

/* All trees, row by row. */
static gbt_status check_leaves(job *j, int threads, int64_t n)
{
    GBT_TRY(check_rounds(j, 0, 0, threads));
    j->leaf_row_step = j->model->n_trees;
    j->leaf_tree_step = 1;
    return check_size(j, j->model->n_trees, n);
}

/* ---- Public: arrays -------------------------------------------------------------------------- */

gbt_status gbt_model_predict(const gbt_model *model, const gbt_matrix *matrix,
                             gbt_predict_kind kind, int32_t first_round, int32_t n_rounds,
                             int threads, float *out, int64_t n)
{
    GBT_TRY(check_pointers(model, matrix, out));
    GBT_TRY(gbt_matrix_check(matrix));
    GBT_TRY(check_columns(model, matrix->n_cols));
    job j = {.model = model,
             .source = {.matrix = matrix, .n_rows = matrix->n_rows},
             .kind = kind,
             .out = out};
    GBT_TRY(check_request(&j, first_round, n_rounds, threads, n));
    return gbt_infer_job_run(&j, threads);
}

gbt_status gbt_model_predict_csr(const gbt_model *model, const gbt_csr *csr, gbt_predict_kind kind,
                                 int32_t first_round, int32_t n_rounds, int threads, float *out,
                                 int64_t n)
{
    GBT_TRY(check_pointers(model, csr, out));
    GBT_TRY(gbt_csr_check(csr));
    GBT_TRY(check_columns(model, csr->n_cols));
    job j = {
        .model = model, .source = {.csr = csr, .n_rows = csr->n_rows}, .kind = kind, .out = out};
    GBT_TRY(check_request(&j, first_round, n_rounds, threads, n));
    return gbt_infer_job_run(&j, threads);
}

gbt_status gbt_model_leaves(const gbt_model *model, const gbt_matrix *matrix, int threads,
                            int32_t *out, int64_t n)
{
    GBT_TRY(check_pointers(model, matrix, out));
    GBT_TRY(gbt_matrix_check(matrix));
    GBT_TRY(check_columns(model, matrix->n_cols));
    job j = {.model = model, .source = {.matrix = matrix, .n_rows = matrix->n_rows}, .leaf = out};
    GBT_TRY(check_leaves(&j, threads, n));
    return gbt_infer_job_run(&j, threads);
}

/* ---- Public: tables -------------------------------------------------------------------------- */

/* The init scores of the table, NULL when it has none. */
static gbt_status read_init_scores(const gbt_model *model, const gbt_view *view, float **out)
{
    const int32_t width = gbt_view_width(view, GBT_ROLE_INIT_SCORE);
    const int32_t n_outputs = model->objective.n_outputs;
    const int64_t n_rows = view->table->n_rows;
    *out = NULL;
    if (width == 0 && model->uses_init_score) {
        return gbt_fail(GBT_ERR_DATA,
                        "%s: no init score column, the model was trained with one (%s)",
                        view->table->source, gbt_model_column(model, GBT_ROLE_INIT_SCORE));
    }
    if (width == 0) {
        return GBT_OK;
    }
    if (width != n_outputs) {
        return gbt_fail(GBT_ERR_DATA, "%s: %d init score columns, the model has %d outputs",
                        view->table->source, width, n_outputs);
    }
    float *score = NULL;
    GBT_TRY(GBT_NEW(score, n_rows * n_outputs));
    gbt_view_numbers(view, GBT_ROLE_INIT_SCORE, score);
    for (int64_t i = 0; i < n_rows * n_outputs; i++) {
        if (!isfinite(score[i])) {
            gbt_release(score);
            return gbt_fail(GBT_ERR_DATA, "%s: row %lld: the init score is missing or not finite",
                            view->table->source, (long long)(i / n_outputs + 1));
        }
    }
    *out = score;
    return GBT_OK;
}

/* With its init scores, when scores are wanted. */
static gbt_status run_view(job *j, const gbt_view *view, int threads)
{
    float *init_score = NULL;
    j->source.view = view;
    if (!j->leaf) {
        GBT_TRY(read_init_scores(j->model, view, &init_score));
        j->init_score = init_score;
    }
    const gbt_status status = gbt_infer_job_run(j, threads);
    gbt_release(init_score);
    return status;
}

static gbt_status run_table(job *j, const gbt_table *table, int threads)
{
    gbt_status status = GBT_OK;
    gbt_view view = {0};
    GBT_TRY(gbt_view_open(table, j->model->schema, &view));
    if (j->model->params->unseen == GBT_UNSEEN_ERROR) {
        GBT_TRY_OR_DONE(gbt_view_refuse_unseen(&view));
    }
    GBT_TRY_OR_DONE(run_view(j, &view, threads));
done:
    gbt_view_close(&view);
    return status;
}

gbt_status gbt_infer_view(const gbt_model *model, const gbt_view *view, int32_t first, int32_t last,
                          int threads, float *out)
{
    job j = {.model = model,
             .source = {.n_rows = view->table->n_rows},
             .kind = GBT_PREDICT_RAW,
             .first = first,
             .last = last,
             .out = out};
    return run_view(&j, view, threads);
}

gbt_status gbt_model_predict_table(const gbt_model *model, const gbt_table *table,
                                   gbt_predict_kind kind, int32_t first_round, int32_t n_rounds,
                                   int threads, float *out, int64_t n)
{
    GBT_TRY(check_pointers(model, table, out));
    job j = {.model = model, .source = {.n_rows = table->n_rows}, .kind = kind, .out = out};
    GBT_TRY(check_request(&j, first_round, n_rounds, threads, n));
    return run_table(&j, table, threads);
}

gbt_status gbt_model_leaves_table(const gbt_model *model, const gbt_table *table, int threads,
                                  int32_t *out, int64_t n)
{
    GBT_TRY(check_pointers(model, table, out));
    job j = {.model = model, .source = {.n_rows = table->n_rows}, .leaf = out};
    GBT_TRY(check_leaves(&j, threads, n));
    return run_table(&j, table, threads);
}

/* ---- Public: data sets ----------------------------------------------------------------------- */

static gbt_status check_dataset(const gbt_model *model, const gbt_dataset *data)
{
    if (!gbt_cuts_equal(model->cuts, data->cuts)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "the data set was not binned with the cuts of the model; use "
                        "gbt_dataset_like_model as same_cuts");
    }
    return GBT_OK;
}

static gbt_status check_init_scores(const gbt_model *model, const gbt_dataset *data)
{
    const int32_t n_outputs = model->objective.n_outputs;
    if (!data->init_score && model->uses_init_score) {
        return gbt_fail(GBT_ERR_DATA,
                        "the data set has no init score, the model was trained with one");
    }
    if (data->init_score && data->n_init != n_outputs) {
        return gbt_fail(GBT_ERR_DATA, "%d init scores a row, the model has %d outputs",
                        data->n_init, n_outputs);
    }
    return GBT_OK;
}

static gbt_status run_dataset(job *j, const gbt_dataset *data, int threads)
{
    gbt_binned_rows binned = {0};
    const int32_t n_outputs = j->model->objective.n_outputs;
    GBT_TRY(
        gbt_binned_rows_open(j->model, data, j->first * n_outputs, j->last * n_outputs, &binned));
    j->source.binned = &binned;
    const gbt_status status = gbt_infer_job_run(j, threads);
    gbt_binned_rows_close(&binned);
    return status;
}

gbt_status gbt_model_predict_dataset(const gbt_model *model, const gbt_dataset *data,
                                     gbt_predict_kind kind, int32_t first_round, int32_t n_rounds,
                                     int threads, float *out, int64_t n)
{
    GBT_TRY(check_pointers(model, data, out));
    job j = {.model = model,
             .source = {.n_rows = data->n_rows},
             .kind = kind,
             .init_score = data->init_score,
             .out = out};
    GBT_TRY(check_dataset(model, data));
    GBT_TRY(check_request(&j, first_round, n_rounds, threads, n));
    GBT_TRY(check_init_scores(model, data));
    return run_dataset(&j, data, threads);
}

gbt_status gbt_model_leaves_dataset(const gbt_model *model, const gbt_dataset *data,
                                    int32_t first_round, int32_t n_rounds, int threads,
                                    int32_t *out, int64_t n)
{
    GBT_TRY(check_pointers(model, data, out));
    job j = {.model = model,
             .source = {.n_rows = data->n_rows},
             .leaf = out,
             .leaf_row_step = 1,
             .leaf_tree_step = data->n_rows};
    GBT_TRY(check_dataset(model, data));
    GBT_TRY(check_rounds(&j, first_round, n_rounds, threads));
    GBT_TRY(check_size(&j, (int64_t)(j.last - j.first) * model->objective.n_outputs, n));
    return run_dataset(&j, data, threads);
}
