/* The fit of trex: the minimum of the penalised loss of a linear model on kernel vectors, by L-BFGS
 * in two stages, from 0. Values of f agree to about 1e-16, which leaves the gradient at about the
 * root of that. The second stage therefore minimises f(W + d) - f(W) as the line integral of the
 * gradient, (g(W) + g(W + d)) d / 2, which keeps its digits as d goes to 0.
 *
 * Rows are known by their leaves: an evaluation adds up table entries and never sees a vector. Sums
 * are in a fixed order, whatever the number of threads. Cost: n_rows x trees x outputs for every
 * evaluation, some hundreds of them. */
#include "gbt/modules/influence_trex_fit.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/optim.h"

enum { ROWS = 1024, MOST_ITERATIONS = 3000, POLISHES = 3, DECADES = 13 };
/* Of the largest entry of the gradient at the start: what is aimed at first, what is aimed at in
 * the end, and what is still good enough. */
static const double rough = 1e-7, fine = 1e-13, enough = 1e-9;

/* ---- The objective of the fit ---------------------------------------------------------------- */

/* What an evaluation of f reads and writes. */
typedef struct fit {
    const gbt_influence *of;
    const gbt_tree_kernel *kernel;
    double lambda, total_weight;
    const gbt_trex_aim *aim;
    int32_t n_label_columns;
    int64_t n_coordinates;
    double *leaf_score; /* [n_outputs x leaves of all trees] */
    double *pull;       /* [n_outputs x n_rows] w_i dPhi/df_i / sum of w */
    double *chunk_loss; /* [chunks of rows] */
    double *room;       /* [threads x room_size] */
    int64_t room_size;
    double *node_room; /* [threads x most_nodes] */
    double *grad;      /* of the evaluation at hand */
    /* The second stage: d, counted from `origin`. */
    double *origin, *origin_grad, *shifted; /* [n_outputs x n_coordinates]; NULL in the first */
    double start_gradient, reached;
    gbt_influence_progress *progress;
    gbt_status status;
} fit;

/* Loss and slopes of rows [first, first + n) of hard labels: [n], [n_outputs x n]. */
static gbt_status slopes_of_labels(const fit *f, int64_t first, int64_t n, const double *score,
                                   float *label, double *loss, double *slope)
{
    for (int32_t c = 0; c < f->n_label_columns; c++) {
        memcpy(label + c * n, f->aim->label + c * f->of->n_rows + first, (size_t)n * sizeof *label);
    }
    return gbt_objective_derivatives(f->of->objective, score, label, n, loss, slope, NULL, NULL,
                                     NULL);
}

/* The same of rows that belong to every class by a share. */
static gbt_status slopes_of_shares(const fit *f, int64_t first, int64_t n, const double *score,
                                   float *label, double *loss, double *slope, double *room)
{
    const int64_t n_cells = n * f->of->n_outputs;
    double *part_loss = room, *part = room + n;
    memset(loss, 0, (size_t)n * sizeof *loss);
    memset(slope, 0, (size_t)n_cells * sizeof *slope);
    for (int32_t c = 0; c < f->aim->n_shares; c++) {
        const double *share = f->aim->share + c * f->of->n_rows + first;
        for (int64_t i = 0; i < n; i++) {
            label[i] = (float)c;
        }
        GBT_TRY(gbt_objective_derivatives(f->of->objective, score, label, n, part_loss, part, NULL,
                                          NULL, NULL));
        for (int64_t i = 0; i < n; i++) {
            loss[i] += share[i] * part_loss[i];
        }
        for (int64_t cell = 0; cell < n_cells; cell++) {
            slope[cell] += share[cell % n] * part[cell];
        }
    }
    return GBT_OK;
}

/* Scores of rows from the leaves, then their losses and slopes. */
static void run_rows(void *context, int64_t first, int64_t last, int thread)
{
    fit *f = context;
    const gbt_influence *of = f->of;
    const int64_t n = last - first, n_leaves = of->leaf_start[of->n_trees];
    const int32_t n_outputs = of->n_outputs;
    double *score = f->room + thread * f->room_size, *slope = score + n_outputs * ROWS;
    double *loss = slope + n_outputs * ROWS, *more = loss + ROWS;
    float *label = (float *)(more + (n_outputs + 1) * ROWS);
    for (int32_t k = 0; k < n_outputs; k++) {
        double *own = score + k * n;
        memset(own, 0, (size_t)n * sizeof *own);
        for (int32_t t = 0; t < of->n_trees; t++) {
            const uint16_t *leaf = of->leaf + t * of->n_rows + first;
            const double *table = f->leaf_score + k * n_leaves + of->leaf_start[t];
            for (int64_t i = 0; i < n; i++) {
                own[i] += table[leaf[i]];
            }
        }
    }
    const gbt_status status = f->aim->share
                                  ? slopes_of_shares(f, first, n, score, label, loss, slope, more)
                                  : slopes_of_labels(f, first, n, score, label, loss, slope);
    double sum = status == GBT_OK ? 0.0 : (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        const double weight = (of->weight ? (double)of->weight[first + i] : 1.0) / f->total_weight;
        sum += weight * loss[i];
        for (int32_t k = 0; k < n_outputs; k++) {
            f->pull[k * of->n_rows + first + i] = weight * slope[k * n + i];
        }
    }
    f->chunk_loss[first / ROWS] = sum;
}

static void run_trees(void *context, int64_t first, int64_t last, int thread)
{
    fit *f = context;
    double *node_room = f->node_room + (int64_t)thread * f->kernel->most_nodes;
    for (int64_t t = first; t < last; t++) {
        for (int32_t k = 0; k < f->of->n_outputs; k++) {
            gbt_kernel_add_pull(f->kernel, (int32_t)t, f->pull + k * f->of->n_rows, node_room,
                                f->grad + k * f->n_coordinates);
        }
    }
}

/* f and its gradient at x. */
static double evaluate(fit *f, const double *x, double *grad)
{
    const gbt_influence *of = f->of;
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    const int64_t n = of->n_outputs * f->n_coordinates;
    double loss = 0.0, square = 0.0;
    f->grad = grad;
    for (int32_t k = 0; k < of->n_outputs; k++) {
        gbt_kernel_leaf_scores(f->kernel, x + k * f->n_coordinates, f->node_room,
                               f->leaf_score + k * n_leaves);
    }
    for (int64_t i = 0; i < n; i++) {
        grad[i] = 2.0 * f->lambda * x[i];
        square += x[i] * x[i];
    }
    gbt_for_chunks(of->threads, of->n_rows, ROWS, run_rows, f);
    gbt_for_chunks(of->threads, of->n_trees, 1, run_trees, f);
    for (int64_t chunk = 0; chunk < gbt_chunk_count(of->n_rows, ROWS); chunk++) {
        loss += f->chunk_loss[chunk];
    }
    return loss + f->lambda * square;
}

static double largest_of(const double *x, int64_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(x[i]));
    }
    return largest;
}

/* How far the fit has come, on a logarithmic scale; a caller that stops makes f undefined. */
static double report(fit *f, double value, double gradient)
{
    f->reached = fmin(f->reached, gradient);
    int steps = 0; /* factors of 10 */
    for (double size = f->reached; size < 0.5 * f->start_gradient && steps < DECADES;
         size *= 10.0) {
        steps++;
    }
    if (f->status == GBT_OK) {
        f->status = gbt_influence_report(f->progress, (double)steps / DECADES);
    }
    return f->status == GBT_OK ? value : (double)NAN;
}

static double first_stage(void *context, const double *x, double *grad)
{
    fit *f = context;
    const double value = f->status == GBT_OK ? evaluate(f, x, grad) : (double)NAN;
    return report(f, value, largest_of(grad, f->of->n_outputs * f->n_coordinates));
}

static double second_stage(void *context, const double *x, double *grad)
{
    fit *f = context;
    const int64_t n = f->of->n_outputs * f->n_coordinates;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        f->shifted[i] = f->origin[i] + x[i];
    }
    const double value = f->status == GBT_OK ? evaluate(f, f->shifted, grad) : (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        sum += 0.5 * (f->origin_grad[i] + grad[i]) * x[i];
    }
    return report(f, isfinite(value) ? sum : value, largest_of(grad, n));
}

/* ---- The fit --------------------------------------------------------------------------------- */

static void fit_close(fit *f)
{
    gbt_release(f->leaf_score);
    gbt_release(f->pull);
    gbt_release(f->chunk_loss);
    gbt_release(f->room);
    gbt_release(f->node_room);
    gbt_release(f->origin);
    gbt_release(f->origin_grad);
    gbt_release(f->shifted);
}

static gbt_status fit_open(fit *f)
{
    const gbt_influence *of = f->of;
    const int64_t n = of->n_outputs * f->n_coordinates;
    f->room_size = (3 * (int64_t)of->n_outputs + 2 + f->n_label_columns) * ROWS;
    GBT_TRY(GBT_NEW(f->leaf_score, of->n_outputs * of->leaf_start[of->n_trees]));
    GBT_TRY(GBT_NEW(f->pull, of->n_outputs * of->n_rows));
    GBT_TRY(GBT_NEW(f->chunk_loss, gbt_chunk_count(of->n_rows, ROWS)));
    GBT_TRY(GBT_NEW(f->room, of->threads * f->room_size));
    GBT_TRY(GBT_NEW(f->node_room, (int64_t)of->threads * f->kernel->most_nodes));
    GBT_TRY(GBT_NEW(f->origin, n));
    GBT_TRY(GBT_NEW(f->origin_grad, n));
    return GBT_NEW(f->shifted, n);
}

/* From where the first stage or an earlier polish ended, towards `fine`. */
static gbt_minimise_result polish(fit *f, gbt_lbfgs *lbfgs, gbt_minimise_options *options,
                                  double *step, double *x)
{
    const int64_t n = f->of->n_outputs * f->n_coordinates;
    memcpy(f->origin, x, (size_t)n * sizeof *x);
    (void)evaluate(f, f->origin, f->origin_grad);
    memset(step, 0, (size_t)n * sizeof *step);
    options->gradient_tolerance = fine * f->start_gradient;
    const gbt_minimise_result result = gbt_lbfgs_minimise(lbfgs, n, second_stage, f, options, step);
    for (int64_t i = 0; i < n; i++) {
        x[i] = f->origin[i] + step[i];
    }
    return result;
}

/* Minimises from x = 0 and leaves the pulls of the minimum in the fit. */
static gbt_status minimise(fit *f, double *x)
{
    gbt_status status = GBT_OK;
    gbt_lbfgs *lbfgs = NULL;
    double *step = NULL; /* of the polish; the gradient at the start and at the end */
    const int64_t n = f->of->n_outputs * f->n_coordinates;
    gbt_minimise_options options = gbt_minimise_defaults();
    options.max_iterations = MOST_ITERATIONS;
    options.relative_decrease = 0.0;
    GBT_TRY_OR_DONE(gbt_lbfgs_open(n, &lbfgs));
    GBT_TRY_OR_DONE(GBT_NEW(step, n));
    memset(x, 0, (size_t)n * sizeof *x);
    (void)evaluate(f, x, step);
    f->start_gradient = f->reached = largest_of(step, n);
    options.gradient_tolerance = rough * f->start_gradient;
    gbt_minimise_result result = gbt_lbfgs_minimise(lbfgs, n, first_stage, f, &options, x);
    for (int i = 0; i < POLISHES && result.end != GBT_MINIMISE_NOT_FINITE; i++) {
        if (result.gradient <= fine * f->start_gradient || f->status != GBT_OK) {
            break;
        }
        result = polish(f, lbfgs, &options, step, x);
    }
    GBT_TRY_OR_DONE(f->status);
    (void)evaluate(f, x, step);
    const double gradient = largest_of(step, n);
    if (!(gradient <= enough * f->start_gradient)) {
        status =
            gbt_fail(GBT_ERR_NUMERIC,
                     "the linear model of trex did not settle: its gradient fell from %g to %g "
                     "only; take a larger trex_lambda or another tree_kernel",
                     f->start_gradient, gradient);
    }
done:
    gbt_lbfgs_close(lbfgs);
    gbt_release(step);
    return status;
}

static double total_weight(const gbt_influence *of)
{
    double sum = 0.0;
    for (int64_t i = 0; i < of->n_rows; i++) {
        sum += of->weight ? (double)of->weight[i] : 1.0;
    }
    return sum;
}

gbt_status gbt_trex_fit(const gbt_tree_kernel *kernel, double lambda, const gbt_trex_aim *aim,
                        double *weight, double *alpha, gbt_influence_progress *progress)
{
    const gbt_influence *of = kernel->of;
    gbt_status status = GBT_OK;
    fit f = {.of = of,
             .kernel = kernel,
             .lambda = lambda,
             .total_weight = total_weight(of),
             .aim = aim,
             .n_label_columns = (int32_t)(of->n_labels / of->n_rows),
             .n_coordinates = gbt_kernel_coordinates(kernel),
             .progress = progress};
    GBT_TRY_OR_DONE(fit_open(&f));
    GBT_TRY_OR_DONE(minimise(&f, weight));
    for (int64_t i = 0; i < of->n_outputs * of->n_rows; i++) {
        alpha[i] = -f.pull[i] / (2.0 * lambda);
    }
done:
    fit_close(&f);
    return status;
}
