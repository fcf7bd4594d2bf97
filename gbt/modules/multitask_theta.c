/* The task weights: random start, unit of the penalty, gradient sums of a task, and the step. Cost:
 * two numbers a row and output. */
#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/modules/multitask_internal.h"

/* A Newton step moves theta by at most this before the learning rate: near 0 and 1 the slope of the
 * sigmoid vanishes and the step would leave the region where it means anything. */
static const double MOST_NEWTON = 0.5;

/* Beyond it sigmoid(-theta) falls below 1e-13. */
static const double MOST_THETA = 30.0;

/* Standard normal by the polar method [MarsagliaBray64]: of 32 points of the square the first one
 * inside the circle. */
static double normal(uint64_t key, int64_t position)
{
    for (uint64_t attempt = 0; attempt < 32; attempt++) {
        const uint64_t at = (uint64_t)position * 64 + 2 * attempt;
        const double x = 2.0 * gbt_rng_unit(key, at) - 1.0;
        const double y = 2.0 * gbt_rng_unit(key, at + 1) - 1.0;
        const double square = x * x + y * y;
        if (square < 1.0 && square > 0.0) {
            return x * sqrt(-2.0 * gbt_log(square) / square);
        }
    }
    return 0.0;
}

/* theta_l2 in units of the loss: times sum g^2 / sum h at the base score, the variance of a
 * regression target and about 1 for classes, so that the key means the same on any scale. */
static gbt_status scale_penalty(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    const gbt_task_rows *train = &run->train;
    const int64_t n = train->n_rows, n_scores = n * run->model->n_outputs;
    double *base = NULL, squares = 0.0, curvature = 0.0;
    GBT_TRY_OR_DONE(GBT_NEW(base, run->model->n_outputs));
    GBT_TRY_OR_DONE(gbt_model_base_score(run->model->frame, base, run->model->n_outputs));
    for (int64_t i = 0; i < n_scores; i++) {
        train->score[i] = (float)base[i / n];
    }
    GBT_TRY_OR_DONE(gbt_objective_gradients(run->objective, train->score, train->label,
                                            train->weight, n, run->grad, run->hess));
    for (int64_t i = 0; i < n_scores; i++) {
        const double weight = train->weight ? (double)train->weight[i % n] : 1.0; /* once in g */
        const double grad = (double)run->grad[i];
        squares += weight > 0.0 ? grad * grad / weight : 0.0;
        curvature += (double)run->hess[i];
    }
    run->set.theta_l2 *= curvature > 0.0 ? squares / curvature : 1.0;
done:
    gbt_release(base);
    return status;
}

gbt_status gbt_theta_start(gbt_task_run *run, const double *given)
{
    const uint64_t key = gbt_rng_key(run->set.seed, 0, 0, GBT_RNG_TASK_WEIGHTS);
    for (int32_t r = 0; r < run->model->n_tasks; r++) {
        run->model->theta[r] = given ? given[r] : run->set.theta_scale * normal(key, r);
    }
    return run->set.theta_l2 > 0.0 ? scale_penalty(run) : GBT_OK;
}

gbt_theta_sums gbt_theta_sum(const gbt_task_rows *rows, int32_t n_outputs, int32_t task,
                             const float *grad, const float *hess)
{
    const float *ordinary = rows->block[GBT_SCORE_ORDINARY];
    const float *outlier = rows->block[GBT_SCORE_OUTLIER];
    gbt_theta_sums sums = {0.0, 0.0, 0.0};
    for (int64_t at = rows->first[task]; at < rows->first[task + 1]; at++) {
        const int64_t row = rows->order[at];
        sums.weight += rows->weight ? (double)rows->weight[row] : 1.0;
        for (int32_t k = 0; k < n_outputs; k++) {
            const int64_t i = k * rows->n_rows + row;
            const double delta = (double)outlier[i] - (double)ordinary[i];
            sums.along -= (double)grad[i] * delta;
            sums.curvature += (double)hess[i] * delta * delta;
        }
    }
    return sums;
}

double gbt_theta_step(const gbt_task_settings *set, gbt_theta_sums sums, double theta)
{
    const double slope = gbt_sigmoid(theta) * gbt_sigmoid(-theta); /* of w by theta */
    const double along = slope * sums.along;
    double step = 0.0;
    if (set->theta_rule == GBT_THETA_SUM) {
        step = along - set->theta_l2 * theta;
    } else if (set->theta_rule == GBT_THETA_MEAN) {
        step = (sums.weight > 0.0 ? along / sums.weight : 0.0) - set->theta_l2 * theta;
    } else {
        const double down = along - set->theta_l2 * theta;
        const double curvature = slope * slope * sums.curvature + set->theta_l2;
        step = down == 0.0                            ? 0.0
               : fabs(down) < MOST_NEWTON * curvature ? down / curvature
                                                      : (down > 0.0 ? MOST_NEWTON : -MOST_NEWTON);
    }
    const double moved = theta + set->theta_rate * step;
    return moved > MOST_THETA ? MOST_THETA : moved < -MOST_THETA ? -MOST_THETA : moved;
}

static void update_tasks(void *context, int64_t first, int64_t last, int thread)
{
    const gbt_task_run *run = context;
    double *theta = run->model->theta;
    (void)thread;
    for (int32_t r = (int32_t)first; r < last; r++) {
        const gbt_theta_sums sums =
            gbt_theta_sum(&run->train, run->model->n_outputs, r, run->grad, run->hess);
        theta[r] = gbt_theta_step(&run->set, sums, theta[r]);
    }
}

void gbt_theta_update(const gbt_task_run *run)
{
    gbt_for_chunks(gbt_thread_count(run->set.threads), run->model->n_tasks, 1, update_tasks,
                   (gbt_task_run *)run);
}
