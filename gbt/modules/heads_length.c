/* How far to go along a fitted step. Newton: A / B with A = sum v r f and B = sum v h f^2 over all
 * rows and outputs [EmamiMartinez23 eq. 7], r the residual, h the second derivative of the loss, v
 * the weight; 1 for the squared loss. The guarded length, ours:
 *   - B is at least 1e-12 sum v f^2, so vanished Hessians do not divide by nothing;
 *   - no score moves by more than 10 (losses with a link: scores are logarithms);
 *   - absolute and quantile-like losses have no curvature to tell a length: it is doubled while the
 *     training loss falls;
 *   - it is halved, at most ten times, until the training loss does not rise; if it still does, the
 *     length is 0.
 * Binary: the paper's F is half our score s = 2 F, its residual 2 y / (1 + exp(2 y F)) is 2 r and
 * its step fits twice ours, so its A is 4 A, its B is 4 B x 4, its length a quarter of ours and
 * 2 x length x step the same: one model. Softmax: h = p (1 - p), without the factor K / (K - 1)
 * that trees use. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/heads_internal.h"

static const double largest_move = 10.0, least_curvature = 1e-12;
enum { MOST_HALVINGS = 10, MOST_DOUBLINGS = 60 };

/* ---- Sums over rows -------------------------------------------------------------------------- */

typedef struct sums_job {
    const float *grad, *hess, *weight;
    const double *f;
    int64_t n;
    int32_t n_outputs;
    double *partial;
} sums_job;

static void sum_piece(void *context, int64_t first, int64_t last, int thread)
{
    const sums_job *j = context;
    double numerator = 0.0, denominator = 0.0;
    (void)thread;
    for (int32_t k = 0; k < j->n_outputs; k++) {
        const int64_t at = k * j->n;
        for (int64_t i = first; i < last; i++) {
            const double v = j->weight ? (double)j->weight[i] : 1.0;
            const double f = j->f[at + i];
            numerator += v * (double)-j->grad[at + i] * f;
            denominator += v * (j->hess ? (double)j->hess[at + i] : 1.0) * f * f;
        }
    }
    j->partial[first / GBT_LENGTH_ROWS * 2] = numerator;
    j->partial[first / GBT_LENGTH_ROWS * 2 + 1] = denominator;
}

void gbt_head_newton_sums(const float *grad, const float *hess, const double *f,
                          const float *weight, int64_t n, int32_t n_outputs, int threads,
                          double *partial, double *numerator, double *denominator)
{
    sums_job job = {grad, hess, weight, f, n, n_outputs, partial};
    gbt_for_chunks(threads, n, GBT_LENGTH_ROWS, sum_piece, &job);
    *numerator = *denominator = 0.0;
    for (int64_t i = 0; i < gbt_chunk_count(n, GBT_LENGTH_ROWS); i++) {
        *numerator += partial[2 * i];
        *denominator += partial[2 * i + 1];
    }
}

/* ---- Setup ----------------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(name, *list) == 0) {
            return true;
        }
    }
    return false;
}

gbt_status gbt_head_length_open(gbt_head_length *l, const gbt_model *frame,
                                const gbt_objective *objective, const gbt_head_rows *rows,
                                const gbt_head_settings *settings)
{
    static const char *const flat[] = {"mae", "huber", "fair", "quantile", "mape", NULL};
    const char *name = gbt_model_objective(frame);
    const int32_t n_outputs = gbt_objective_outputs(objective);
    *l = (gbt_head_length){.objective = objective,
                           .rows = rows,
                           .n_outputs = n_outputs,
                           .kind = (gbt_step_length)settings->step_length,
                           .is_squared = strcmp(name, "regression") == 0,
                           .is_flat = is_one_of(name, flat),
                           .hess_factor = 1.0,
                           .learning_rate = settings->learning_rate,
                           .threads = settings->threads};
    if (strcmp(name, "multiclass") == 0) {
        l->hess_factor = (double)n_outputs / (n_outputs - 1.0);
    }
    GBT_TRY(GBT_NEW(l->trial, n_outputs * rows->n_rows));
    return GBT_NEW(l->partial, 2 * gbt_chunk_count(rows->n_rows, GBT_LENGTH_ROWS));
}

void gbt_head_length_close(gbt_head_length *l)
{
    gbt_release(l->trial);
    gbt_release(l->partial);
    *l = (gbt_head_length){0};
}

/* ---- Length ---------------------------------------------------------------------------------- */

/* Loss after learning_rate x length x f; the scores stay in `trial`. */
static gbt_status try_length(const gbt_head_length *l, double length, double *loss)
{
    const gbt_head_rows *rows = l->rows;
    const double factor = l->learning_rate * length;
    for (int64_t i = 0; i < rows->n_rows * l->n_outputs; i++) {
        l->trial[i] = (float)(rows->score[i] + factor * rows->step[i]);
    }
    return gbt_objective_value(l->objective, l->trial, rows->label, rows->weight, rows->n_rows,
                               loss);
}

static double newton_length(const gbt_head_length *l, const float *grad, const float *hess)
{
    const gbt_head_rows *rows = l->rows;
    double a = 0.0, b = 0.0, ignored = 0.0, squares = 0.0;
    gbt_head_newton_sums(grad, hess, rows->step, rows->weight, rows->n_rows, l->n_outputs,
                         l->threads, l->partial, &a, &b);
    b /= l->hess_factor;
    if (l->kind == GBT_LENGTH_GUARDED) {
        gbt_head_newton_sums(grad, NULL, rows->step, rows->weight, rows->n_rows, l->n_outputs,
                             l->threads, l->partial, &ignored, &squares);
        b = fmax(b, least_curvature * squares);
    }
    return b > 0.0 ? a / b : 0.0;
}

static double clipped(const gbt_head_length *l, double length)
{
    double largest = 0.0;
    for (int64_t i = 0; i < l->rows->n_rows * l->n_outputs; i++) {
        largest = fmax(largest, fabs(l->rows->step[i]));
    }
    const double most = largest > 0.0 ? largest_move / largest : (double)INFINITY;
    return fmin(fmax(length, -most), most);
}

/* Doubles the length while the loss at the whole of it falls. */
static gbt_status stretch(const gbt_head_length *l, double *length)
{
    double best = (double)INFINITY;
    GBT_TRY(try_length(l, *length / l->learning_rate, &best));
    for (int i = 0; i < MOST_DOUBLINGS; i++) {
        double loss = 0.0;
        GBT_TRY(try_length(l, 2.0 * *length / l->learning_rate, &loss));
        if (!(loss < best)) {
            break;
        }
        best = loss;
        *length *= 2.0;
    }
    return GBT_OK;
}

gbt_status gbt_head_length_find(const gbt_head_length *l, const float *grad, const float *hess,
                                double *loss, double *out)
{
    const double before = *loss;
    double length = 1.0;
    if (l->kind != GBT_LENGTH_ONE && !l->is_squared) {
        length = newton_length(l, grad, hess);
    }
    if (l->kind == GBT_LENGTH_GUARDED && l->is_flat) {
        GBT_TRY(stretch(l, &length));
    } else if (l->kind == GBT_LENGTH_GUARDED && !l->is_squared) {
        length = clipped(l, length);
    }
    GBT_TRY(try_length(l, length, loss));
    for (int i = 0; l->kind == GBT_LENGTH_GUARDED && !(*loss <= before); i++) {
        length = i < MOST_HALVINGS ? 0.5 * length : 0.0;
        GBT_TRY(try_length(l, length, loss));
        if (length == 0.0) {
            break;
        }
    }
    *out = length;
    return GBT_OK;
}
