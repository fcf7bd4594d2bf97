/* Robust multi-task boosting [Emami25]: the three blocks of training, in the order of the paper.
 *
 *     F(i) = A(i) + (1 - w_r) B(i) + w_r C(i) + S_r(i),   w_r = sigmoid(theta_r), r the task of i
 *
 *     block 1    fit A to the gradients at F                                  all rows
 *     block 2    fit C to w_r g, w_r^2 h and B to (1 - w_r) g, (1 - w_r)^2 h  all rows
 *                theta_r += step of sum -g w_r (1 - w_r) (C - B)              rows of the task
 *     block 3    fit S_r to the gradients at F                                rows of the task
 *
 * The other modes are the same loop with blocks left out. Everything else is in the files beside:
 * setup, units (models of some rows), watch (metrics, early stopping), theta, cluster, predict,
 * file. Cost: n_trees_shared + 2 n_trees_robust + n_trees_task trees on all rows. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/multitask_internal.h"

enum { SCALE_ROWS = 4096 };

/* ---- Boosters on all rows -------------------------------------------------------------------- */

/* A booster on all training rows, and whose scores go to a block of both sets of rows. */
typedef struct side {
    gbt_booster *booster;
    int score; /* the block */
} side;

static gbt_status open_side(const gbt_task_run *run, int score, bool has_base, side *out)
{
    gbt_params *params = NULL;
    *out = (side){.score = score};
    GBT_TRY(gbt_params_copy(run->own, &params));
    gbt_status status = has_base ? GBT_OK : gbt_params_set(params, "boost_from_average", "false");
    if (status == GBT_OK) {
        status = gbt_booster_create(params, run->train.data, &out->booster);
    }
    gbt_params_free(params);
    if (status == GBT_OK && run->valid.n_rows > 0) {
        status = gbt_booster_add_valid(out->booster, run->valid.data, run->valid_name);
    }
    return status;
}

static gbt_status fetch_scores(gbt_task_run *run, const side *from)
{
    const int64_t n_outputs = run->model->n_outputs;
    GBT_TRY(gbt_booster_scores(from->booster, -1, run->train.block[from->score],
                               run->train.n_rows * n_outputs));
    return run->valid.n_rows > 0
               ? gbt_booster_scores(from->booster, 0, run->valid.block[from->score],
                                    run->valid.n_rows * n_outputs)
               : GBT_OK;
}

/* Scores of a part that is final, on rows [n] of a set (NULL: all of its rows). */
static gbt_status score_rows(gbt_task_run *run, gbt_task_rows *set, const gbt_model *part,
                             int score, const int64_t *rows, int64_t n)
{
    gbt_status status = GBT_OK;
    gbt_dataset *data = NULL;
    float *out = NULL;
    const int32_t n_outputs = run->model->n_outputs;
    if (n == 0) {
        return GBT_OK;
    }
    if (!rows) {
        return gbt_task_model_scores(part, set->data, 0, 0, run->set.threads, set->block[score]);
    }
    GBT_TRY_OR_DONE(GBT_NEW(out, n * n_outputs));
    GBT_TRY_OR_DONE(gbt_dataset_subset(set->data, rows, n, &data));
    GBT_TRY_OR_DONE(gbt_task_model_scores(part, data, 0, 0, run->set.threads, out));
    for (int32_t k = 0; k < n_outputs; k++) {
        for (int64_t i = 0; i < n; i++) {
            set->block[score][k * set->n_rows + rows[i]] = out[k * n + i];
        }
    }
done:
    gbt_dataset_free(data);
    gbt_release(out);
    return status;
}

static gbt_status score_part(gbt_task_run *run, const gbt_model *part, int score)
{
    GBT_TRY(score_rows(run, &run->train, part, score, NULL, run->train.n_rows));
    return score_rows(run, &run->valid, part, score, NULL, run->valid.n_rows);
}

/* The first n_kept rounds of a booster as a part of the model; its block gets the final scores. */
static gbt_status close_side(gbt_task_run *run, side *from, int32_t n_kept, gbt_model **part)
{
    gbt_model *all = NULL;
    const bool is_cut = n_kept < gbt_booster_rounds(from->booster);
    GBT_TRY(gbt_booster_finish(from->booster, n_kept, n_kept > 0 ? part : &all));
    if (all) { /* 0 rounds to finish with means all of them */
        const gbt_status status = gbt_model_slice(all, 0, 0, NULL, part);
        gbt_model_free(all);
        GBT_TRY(status);
    }
    return is_cut ? score_part(run, *part, from->score) : GBT_OK;
}

/* ---- Gradients ------------------------------------------------------------------------------- */

/* Gradient pairs of the loss at F on the training rows. */
static gbt_status gradients_at_score(gbt_task_run *run)
{
    gbt_task_rows *train = &run->train;
    gbt_task_blend(train, run->model, run->ordinary, run->outlier, run->set.threads);
    return gbt_objective_gradients(run->objective, train->score, train->label, train->weight,
                                   train->n_rows, run->grad, run->hess);
}

/* By the chain rule: F moves by `factor` of the task where the part moves by one. */
typedef struct scaling {
    const gbt_task_run *run;
    const double *factor; /* [n_tasks], or NULL: 1 */
    float *grad, *hess;   /* [n_outputs x n_rows]; grad may be that of the run */
} scaling;

static void scale_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const scaling *job = context;
    const gbt_task_run *run = job->run;
    (void)thread;
    for (int32_t k = 0; k < run->model->n_outputs; k++) {
        const int64_t start = k * run->train.n_rows;
        for (int64_t row = first; row < last; row++) {
            const double w = job->factor ? job->factor[run->train.task[row]] : 1.0;
            job->grad[start + row] = (float)(w * (double)run->grad[start + row]);
            job->hess[start + row] = !run->set.has_mean_leaves
                                         ? (float)(w * w * (double)run->hess[start + row])
                                     : run->train.weight ? run->train.weight[row]
                                                         : 1.0f; /* leaves are means */
        }
    }
}

static void scale_gradients(const gbt_task_run *run, const double *factor, float *grad, float *hess)
{
    scaling job = {run, factor, grad, hess};
    gbt_for_chunks(run->set.threads, run->train.n_rows, SCALE_ROWS, scale_chunk, &job);
}

/* ---- Block 1: shared trees ------------------------------------------------------------------- */

/* Newton leaves need no gradients from here: this block is plain boosting. */
static gbt_status step_shared(gbt_task_run *run, const side *a, int *stopped)
{
    if (!run->set.has_mean_leaves) {
        return gbt_booster_step(a->booster, stopped);
    }
    GBT_TRY(gradients_at_score(run));
    scale_gradients(run, NULL, run->grad, run->hess);
    return gbt_booster_step_custom(a->booster, run->grad, run->hess,
                                   run->train.n_rows * run->model->n_outputs, stopped);
}

static gbt_status boost_shared(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    side a = {0};
    const int32_t n_rounds = run->set.n_rounds[GBT_BLOCK_SHARED];
    int32_t m = 0;
    int stopped = 0;
    bool is_over = false;
    if (n_rounds == 0) {
        GBT_TRY(gbt_model_slice(run->model->frame, 0, 0, NULL, &run->model->part[0]));
        return run->model->mode == GBT_TASKS_SINGLE
                   ? GBT_OK
                   : score_part(run, run->model->part[0], GBT_SCORE_SHARED);
    }
    GBT_TRY_OR_DONE(open_side(run, GBT_SCORE_SHARED, true, &a));
    GBT_TRY_OR_DONE(fetch_scores(run, &a));
    GBT_TRY_OR_DONE(gbt_task_watch_block(run, n_rounds));
    while (!is_over) {
        GBT_TRY_OR_DONE(step_shared(run, &a, &stopped));
        GBT_TRY_OR_DONE(fetch_scores(run, &a));
        m++;
        GBT_TRY_OR_DONE(gbt_task_watch_round(run, m, stopped || m == n_rounds, &is_over));
    }
    GBT_TRY_OR_DONE(
        close_side(run, &a, gbt_task_watch_keep(run, "shared", m), &run->model->part[0]));
done:
    gbt_booster_free(a.booster);
    return status;
}

/* Rows of every group, ascending. */
static void list_groups(const gbt_task_run *run, gbt_task_unit *unit, int64_t *rows)
{
    const gbt_multitask *model = run->model;
    for (int32_t g = 0; g < model->n_groups; g++) {
        unit[g] = (gbt_task_unit){.rows = rows, .is_alone = true};
        for (int64_t i = 0; i < run->train.n_rows; i++) {
            if (model->group[run->train.task[i]] == g) {
                rows[unit[g].n_rows++] = i;
            }
        }
        rows += unit[g].n_rows;
    }
}

/* Block 1 of mode clustered: a shared model for each group. */
static gbt_status boost_groups(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    gbt_multitask *model = run->model;
    gbt_task_unit *unit = NULL;
    int64_t *rows = NULL, *valid_rows = NULL;
    const int32_t n_rounds = run->set.n_rounds[GBT_BLOCK_SHARED];
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(unit, model->n_groups));
    GBT_TRY_OR_DONE(GBT_NEW(rows, run->train.n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(valid_rows, run->valid.n_rows));
    list_groups(run, unit, rows);
    GBT_TRY_OR_DONE(gbt_task_units_train(run, unit, model->n_groups, n_rounds));
    GBT_TRY_OR_DONE(gbt_task_units_cut(run, unit, model->n_groups, model->group, GBT_SCORE_SHARED,
                                       "shared", n_rounds));
    for (int32_t g = 0; g < model->n_groups; g++) {
        int64_t n_valid = 0;
        for (int64_t i = 0; i < run->valid.n_rows; i++) {
            valid_rows[n_valid] = i;
            n_valid += model->group[run->valid.task[i]] == g;
        }
        GBT_TRY_OR_DONE(score_rows(run, &run->train, unit[g].model, GBT_SCORE_SHARED, unit[g].rows,
                                   unit[g].n_rows));
        GBT_TRY_OR_DONE(
            score_rows(run, &run->valid, unit[g].model, GBT_SCORE_SHARED, valid_rows, n_valid));
        model->part[g] = unit[g].model;
        unit[g].model = NULL;
    }
done:
    gbt_task_units_close(unit, model->n_groups);
    gbt_release(rows);
    gbt_release(valid_rows);
    return status;
}

/* ---- Block 2: ordinary and outlier trees, task weights --------------------------------------- */

/* One iteration; both trees and theta see the scores and weights before it. */
static gbt_status step_robust(gbt_task_run *run, const side *b, const side *c, float *grad,
                              float *hess, int *stopped)
{
    const int64_t n_scores = run->train.n_rows * run->model->n_outputs;
    int b_stopped = 0, c_stopped = 0;
    GBT_TRY(gradients_at_score(run));
    scale_gradients(run, run->outlier, grad, hess);
    GBT_TRY(gbt_booster_step_custom(c->booster, grad, hess, n_scores, &c_stopped));
    scale_gradients(run, run->ordinary, grad, hess);
    GBT_TRY(gbt_booster_step_custom(b->booster, grad, hess, n_scores, &b_stopped));
    gbt_theta_update(run); /* the blocks still hold B and C of before */
    gbt_multitask_weights(run->model, run->ordinary, run->outlier);
    GBT_TRY(fetch_scores(run, b));
    GBT_TRY(fetch_scores(run, c));
    *stopped = b_stopped && c_stopped;
    return GBT_OK;
}

/* Thetas of the best round, when the block is cut back to it. */
static void keep_best_theta(const gbt_task_run *run, int32_t round, double *best)
{
    const bool is_best = !run->watch.has_best || run->watch.best_round == round;
    if (is_best) {
        memcpy(best, run->model->theta, (size_t)run->model->n_tasks * sizeof *best);
    }
}

static gbt_status run_robust(gbt_task_run *run, const side *b, const side *c, double *best_theta,
                             int32_t *n_done)
{
    gbt_status status = GBT_OK;
    float *grad = NULL, *hess = NULL;
    const int32_t n_rounds = run->set.n_rounds[GBT_BLOCK_ROBUST];
    const int64_t n_scores = run->train.n_rows * run->model->n_outputs;
    int stopped = 0;
    bool is_over = false;
    GBT_TRY_OR_DONE(GBT_NEW(grad, n_scores));
    GBT_TRY_OR_DONE(GBT_NEW(hess, n_scores));
    GBT_TRY_OR_DONE(gbt_task_watch_block(run, n_rounds));
    keep_best_theta(run, 0, best_theta);
    for (int32_t m = 1; !is_over; m++) {
        GBT_TRY_OR_DONE(step_robust(run, b, c, grad, hess, &stopped));
        GBT_TRY_OR_DONE(gbt_task_watch_round(run, m, stopped || m == n_rounds, &is_over));
        keep_best_theta(run, m, best_theta);
        *n_done = m;
    }
done:
    gbt_release(grad);
    gbt_release(hess);
    return status;
}

static gbt_status boost_robust(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    gbt_multitask *model = run->model;
    gbt_model **part = model->part + gbt_multitask_ordinary(model);
    side b = {0}, c = {0};
    double *best_theta = NULL;
    int32_t n_done = 0;
    if (run->set.n_rounds[GBT_BLOCK_ROBUST] == 0 || run->watch.is_stopped) {
        GBT_TRY(gbt_model_slice(run->zero, 0, 0, NULL, &part[0]));
        return gbt_model_slice(run->zero, 0, 0, NULL, &part[1]);
    }
    GBT_TRY_OR_DONE(GBT_NEW(best_theta, model->n_tasks));
    GBT_TRY_OR_DONE(open_side(run, GBT_SCORE_ORDINARY, false, &b));
    GBT_TRY_OR_DONE(open_side(run, GBT_SCORE_OUTLIER, false, &c));
    GBT_TRY_OR_DONE(run_robust(run, &b, &c, best_theta, &n_done));
    const int32_t n_kept = gbt_task_watch_keep(run, "robust", n_done);
    if (n_kept < n_done) {
        memcpy(model->theta, best_theta, (size_t)model->n_tasks * sizeof *best_theta);
        gbt_multitask_weights(model, run->ordinary, run->outlier);
    }
    GBT_TRY_OR_DONE(close_side(run, &b, n_kept, &part[0]));
    GBT_TRY_OR_DONE(close_side(run, &c, n_kept, &part[1]));
done:
    gbt_booster_free(b.booster);
    gbt_booster_free(c.booster);
    gbt_release(best_theta);
    return status;
}

/* ---- Block 3: trees of single tasks ---------------------------------------------------------- */

static gbt_status boost_tasks(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    gbt_multitask *model = run->model;
    gbt_model **part = model->part + gbt_multitask_first_task(model);
    const int32_t n_rounds = run->watch.is_stopped ? 0 : run->set.n_rounds[GBT_BLOCK_TASK];
    gbt_task_unit *unit = NULL;
    int32_t *own_number = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(unit, model->n_tasks));
    GBT_TRY_OR_DONE(GBT_NEW(own_number, model->n_tasks));
    for (int32_t r = 0; r < model->n_tasks; r++) {
        const int64_t first = run->train.first[r];
        own_number[r] = r;
        unit[r] = (gbt_task_unit){.rows = run->train.order + first,
                                  .n_rows = run->train.first[r + 1] - first,
                                  .is_alone = model->mode == GBT_TASKS_SINGLE};
    }
    if (n_rounds > 0) {
        GBT_TRY_OR_DONE(gbt_task_units_train(run, unit, model->n_tasks, n_rounds));
        GBT_TRY_OR_DONE(gbt_task_units_cut(run, unit, model->n_tasks, own_number, GBT_SCORE_TASK,
                                           "task", n_rounds));
    }
    for (int32_t r = 0; r < model->n_tasks; r++) {
        if (!unit[r].model) {
            GBT_TRY_OR_DONE(gbt_model_slice(run->zero, 0, 0, NULL, &unit[r].model));
        }
        part[r] = unit[r].model;
        unit[r].model = NULL;
    }
done:
    gbt_task_units_close(unit, model->n_tasks);
    gbt_release(own_number);
    return status;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* B and C are exchangeable: B is the one of more tasks, of more rows where these are equal. */
static void name_outliers(gbt_multitask *model)
{
    gbt_model **part = model->part + gbt_multitask_ordinary(model);
    int64_t tasks = 0, rows = 0, n_outliers = 0;
    double least = 1.0, most = 0.0;
    for (int32_t r = 0; r < model->n_tasks; r++) {
        const int sign = (model->theta[r] > 0.0) - (model->theta[r] < 0.0);
        tasks += sign;
        rows += sign * model->rows[r];
    }
    if (tasks > 0 || (tasks == 0 && rows > 0)) {
        gbt_model *swap = part[0];
        part[0] = part[1];
        part[1] = swap;
        for (int32_t r = 0; r < model->n_tasks; r++) {
            model->theta[r] = -model->theta[r];
        }
    }
    for (int32_t r = 0; r < model->n_tasks; r++) {
        const double w = gbt_sigmoid(model->theta[r]);
        least = w < least ? w : least;
        most = w > most ? w : most;
        n_outliers += w > 0.5;
    }
    gbt_log_line(GBT_LOG_INFO, "outlier weights %.3f to %.3f; above 1/2: %lld of %d tasks", least,
                 most, (long long)n_outliers, model->n_tasks);
}

static gbt_status boost_blocks(gbt_task_run *run)
{
    gbt_multitask *model = run->model;
    gbt_log_line(GBT_LOG_INFO, "%d tasks, %lld training rows", model->n_tasks,
                 (long long)run->train.n_rows);
    if (model->mode == GBT_TASKS_CLUSTERED) {
        GBT_TRY(gbt_tasks_cluster(run));
    }
    GBT_TRY(gbt_multitask_reserve_parts(model));
    GBT_TRY(model->mode == GBT_TASKS_CLUSTERED ? boost_groups(run) : boost_shared(run));
    if (gbt_tasks_have_weights(model->mode)) {
        GBT_TRY(boost_robust(run));
    }
    if (gbt_tasks_have_trees(model->mode)) {
        GBT_TRY(boost_tasks(run));
    }
    if (gbt_multitask_rounds(model, GBT_BLOCK_ROBUST) > 0) {
        name_outliers(model);
    }
    return GBT_OK;
}

gbt_status gbt_multitask_boost(const gbt_task_input *input, gbt_round_fn callback, void *user,
                               gbt_multitask **out)
{
    gbt_task_run run = {.watch = {.callback = callback, .user = user}};
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_train: out is NULL");
    }
    *out = NULL;
    GBT_TRY(gbt_task_run_open(&run, input));
    const gbt_status status = boost_blocks(&run);
    if (status == GBT_OK) {
        *out = run.model;
        run.model = NULL;
    }
    gbt_task_run_close(&run);
    return status;
}

gbt_status gbt_multitask_train(const gbt_params *params, const gbt_dataset *train,
                               const gbt_matrix *features, const gbt_dataset *valid,
                               const gbt_matrix *valid_features, gbt_round_fn callback, void *user,
                               gbt_multitask **out)
{
    const gbt_task_input input = {.params = params,
                                  .train = train,
                                  .valid = valid,
                                  .features = features,
                                  .valid_features = valid_features};
    return gbt_multitask_boost(&input, callback, user, out);
}
