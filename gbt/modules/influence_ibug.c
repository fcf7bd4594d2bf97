/* IBUG [Brophy22]: the training rows that share most leaves with a target tell how uncertain its
 * prediction is. As influence: affinity(i, s), the number of trees in which both reach the same
 * leaf. As an interval of a regression model:
 *
 *   N_k(s)    the k rows of highest affinity; equal affinity: the lower row first
 *   location  the prediction of the model
 *   scale     max(std of the labels of N_k, smallest) * gamma + delta
 *
 * Without validation rows k is the key `neighbors`, gamma 1, delta 0, smallest 1e-15. With them k
 * is the candidate of the lowest negative log likelihood of a normal distribution, smallest the
 * least positive scale that it gave, and then gamma or delta is chosen in the same way from
 * {1, 2.5, 5} x 10^-8 .. 10^3 and 0.
 *
 * Cost: n_rows x trees for every row asked about. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/influence_kernel.h"
#include "gbt/modules/settings.h"

static const int64_t candidates[] = {3,   5,   7,   9,   11,  15,  31,  61, 91,
                                     121, 151, 201, 301, 401, 501, 601, 701};
static const double tiny = 1e-15; /* what the scale of validation rows is raised by */
enum {
    N_CANDIDATES = (int)(sizeof candidates / sizeof candidates[0]),
    MOST_AT_A_TIME = 64 /* targets whose affinities are held */
};

/* ---- Affinity -------------------------------------------------------------------------------- */

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress)
{
    const gbt_kernel_kind ones = {GBT_KERNEL_LEAVES, false, false};
    gbt_tree_kernel *kernel = NULL;
    (void)progress;
    GBT_TRY(GBT_NEW_ZERO(kernel, 1));
    of->state = kernel;
    return gbt_kernel_open(kernel, of, ones);
}

static void close_state(gbt_influence *of)
{
    if (of->state != NULL) {
        gbt_kernel_close(of->state);
        gbt_release(of->state);
        of->state = NULL;
    }
}

typedef struct affinity_block {
    int64_t first, n_rows;
    float *out; /* [n x n_rows] */
} affinity_block;

static void take_affinity(void *context, int64_t target, int64_t first, int64_t last,
                          const double *value, int thread)
{
    const affinity_block *b = context;
    float *out = b->out + (target - b->first) * b->n_rows;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        out[i] = (float)value[i - first];
    }
}

static gbt_status block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                        int64_t n, float *out, gbt_influence_progress *progress)
{
    affinity_block b = {first, of->n_rows, out};
    return gbt_kernel_pairs(of->state, GBT_PAIR_DOT, targets, first, n, take_affinity, &b,
                            progress);
}

/* Every row shares all leaves with itself. */
static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    for (int64_t i = 0; i < of->n_rows; i++) {
        out[i] = (double)of->n_trees;
    }
    return gbt_influence_report(progress, 1.0);
}

/* ---- Neighbours ------------------------------------------------------------------------------ */

/* Standard deviations of the labels of the nearest rows, for every number of neighbours asked. */
typedef struct neighbours {
    const gbt_influence *of;
    const int64_t *asked; /* [n_asked] ascending numbers of neighbours */
    int n_asked;
    float *affinity;  /* [MOST_AT_A_TIME x n_rows] */
    int64_t *counts;  /* [threads x (n_trees + 2)] rows by affinity, then where they begin */
    int64_t *nearest; /* [threads x largest number asked] */
    double *scale;    /* [n_asked x n_targets] */
    int64_t n_targets, first, n; /* targets at a time */
} neighbours;

/* The `most` nearest rows in order: a counting sort by affinity, stable in the rows. */
static void sort_nearest(const gbt_influence *of, const float *affinity, int64_t most,
                         int64_t *counts, int64_t *nearest)
{
    memset(counts, 0, ((size_t)of->n_trees + 2) * sizeof *counts);
    for (int64_t i = 0; i < of->n_rows; i++) {
        counts[of->n_trees - (int32_t)affinity[i] + 1]++;
    }
    for (int32_t a = 0; a <= of->n_trees; a++) {
        counts[a + 1] += counts[a];
    }
    for (int64_t i = 0; i < of->n_rows; i++) {
        const int64_t place = counts[of->n_trees - (int32_t)affinity[i]]++;
        if (place < most) {
            nearest[place] = i;
        }
    }
}

static void measure_targets(void *context, int64_t first, int64_t last, int thread)
{
    neighbours *nb = context;
    const int64_t most = nb->asked[nb->n_asked - 1];
    int64_t *nearest = nb->nearest + thread * most;
    for (int64_t j = first; j < last; j++) {
        double mean = 0.0, squares = 0.0; /* running mean and sum of squared deviations */
        int next = 0;
        sort_nearest(nb->of, nb->affinity + j * nb->of->n_rows, most,
                     nb->counts + (int64_t)thread * (nb->of->n_trees + 2), nearest);
        for (int64_t i = 0; i < most; i++) {
            const double label = (double)nb->of->label[nearest[i]], step = label - mean;
            mean += step / (double)(i + 1);
            squares += step * (label - mean);
            if (i + 1 == nb->asked[next]) {
                nb->scale[next * nb->n_targets + nb->first + j] = sqrt(squares / (double)(i + 1));
                next++;
            }
        }
    }
}

/* scale [n_asked x targets] of all targets. */
static gbt_status measure_scales(const gbt_influence *of, const gbt_target_set *targets,
                                 const int64_t *asked, int n_asked, double *scale)
{
    gbt_status status = GBT_OK;
    gbt_influence_progress silent = {.fn = NULL, .span = 1.0};
    neighbours nb = {
        .of = of, .asked = asked, .n_asked = n_asked, .scale = scale, .n_targets = targets->n};
    const int64_t at_a_time = targets->n < MOST_AT_A_TIME ? targets->n : MOST_AT_A_TIME;
    GBT_TRY_OR_DONE(GBT_NEW(nb.affinity, at_a_time * of->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(nb.counts, (int64_t)of->threads * ((int64_t)of->n_trees + 2)));
    GBT_TRY_OR_DONE(GBT_NEW(nb.nearest, of->threads * asked[n_asked - 1]));
    for (nb.first = 0; nb.first < targets->n; nb.first += nb.n) {
        nb.n = targets->n - nb.first < at_a_time ? targets->n - nb.first : at_a_time;
        GBT_TRY_OR_DONE(block(of, targets, nb.first, nb.n, nb.affinity, &silent));
        gbt_for_chunks(of->threads, nb.n, 1, measure_targets, &nb);
    }
done:
    gbt_release(nb.affinity);
    gbt_release(nb.counts);
    gbt_release(nb.nearest);
    return status;
}

/* ---- Tuning ---------------------------------------------------------------------------------- */

typedef struct tuning {
    int64_t k;
    double smallest, gamma, delta;
} tuning;

/* Mean negative log likelihood of the labels less the constant ln(2 pi) / 2. */
static double likelihood_of(const double *location, const double *scale, const float *label,
                            int64_t n, double gamma, double delta)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double width = scale[i] * gamma + delta;
        const double step = ((double)label[i] - location[i]) / width;
        sum += gbt_log(width) + 0.5 * step * step;
    }
    return sum / (double)n;
}

/* gamma or delta of the lowest value, the first of equals: sums before products. */
static void calibrate(const double *location, const double *scale, const float *label, int64_t n,
                      tuning *tuned)
{
    static const double bases[] = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2,
                                   1e-1, 0.0,  1.0,  1e1,  1e2,  1e3};
    static const double factors[] = {1.0, 2.5, 5.0};
    double best = (double)INFINITY;
    for (int is_product = 0; is_product < 2; is_product++) {
        for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
            for (int f = 0; f < 3; f++) {
                const double amount = bases[b] * factors[f];
                const double gamma = is_product ? amount : 1.0, delta = is_product ? 0.0 : amount;
                if (gamma == 0.0) {
                    continue;
                }
                const double value = likelihood_of(location, scale, label, n, gamma, delta);
                if (value < best) {
                    best = value;
                    tuned->gamma = gamma;
                    tuned->delta = delta;
                }
            }
        }
    }
}

/* scale [n_asked x n] of the validation rows: those of the best number are calibrated. */
static void choose(const int64_t *asked, int n_asked, const double *location, double *scale,
                   const float *label, int64_t n, tuning *tuned)
{
    int chosen = 0;
    double best = (double)INFINITY;
    for (int a = 0; a < n_asked; a++) {
        double *own = scale + a * n;
        for (int64_t i = 0; i < n; i++) {
            own[i] += tiny;
        }
        const double value = likelihood_of(location, own, label, n, 1.0, 0.0);
        if (value < best) {
            best = value;
            chosen = a;
        }
    }
    const double *own = scale + chosen * n;
    double smallest = (double)INFINITY;
    for (int64_t i = 0; i < n; i++) {
        smallest = own[i] > tiny && own[i] < smallest ? own[i] : smallest;
    }
    tuned->k = asked[chosen];
    tuned->smallest = smallest < (double)INFINITY ? smallest : tiny;
    calibrate(location, own, label, n, tuned);
}

/* Predictions in units of the label: out [targets]. */
static gbt_status predict(const gbt_influence *of, const gbt_target_set *targets, double *out)
{
    gbt_status status = GBT_OK;
    float *response = NULL;
    GBT_TRY(GBT_NEW(response, targets->n));
    GBT_TRY_OR_DONE(gbt_model_predict_dataset(of->model, targets->rows, GBT_PREDICT_RESPONSE, 0, 0,
                                              of->threads, response, targets->n));
    for (int64_t i = 0; i < targets->n; i++) {
        out[i] = (double)response[i];
    }
done:
    gbt_release(response);
    return status;
}

static gbt_status tune(const gbt_influence *of, const gbt_target_set *validation, tuning *tuned)
{
    gbt_status status = GBT_OK;
    double *location = NULL, *scale = NULL;
    int n_asked = 0;
    while (n_asked < N_CANDIDATES && candidates[n_asked] <= of->n_rows) {
        n_asked++;
    }
    if (n_asked == 0 || validation->n < 1) {
        return gbt_fail(GBT_ERR_DATA,
                        "choosing the number of neighbours needs %d training rows and a "
                        "validation row; there are %lld and %lld",
                        (int)candidates[0], (long long)of->n_rows, (long long)validation->n);
    }
    GBT_TRY_OR_DONE(GBT_NEW(location, validation->n));
    GBT_TRY_OR_DONE(GBT_NEW(scale, n_asked * validation->n));
    GBT_TRY_OR_DONE(predict(of, validation, location));
    GBT_TRY_OR_DONE(measure_scales(of, validation, candidates, n_asked, scale));
    choose(candidates, n_asked, location, scale, validation->label, validation->n, tuned);
done:
    gbt_release(location);
    gbt_release(scale);
    return status;
}

gbt_status gbt_influence_ibug_interval(const gbt_influence *of, const gbt_target_set *targets,
                                       const gbt_target_set *validation, double *location,
                                       double *scale)
{
    tuning tuned = {.smallest = tiny, .gamma = 1.0, .delta = 0.0};
    int64_t n_classes = 0;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_CLASSES, &n_classes));
    if (n_classes > 0 || of->n_outputs > 1) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "an interval needs a regression model with one "
                        "output; the objective of this one is %s",
                        gbt_model_objective(of->model));
    }
    GBT_TRY(gbt_setting_int(of->params, "neighbors", &tuned.k));
    tuned.k = tuned.k < of->n_rows ? tuned.k : of->n_rows;
    if (validation != NULL) {
        GBT_TRY(tune(of, validation, &tuned));
    }
    GBT_TRY(predict(of, targets, location));
    GBT_TRY(measure_scales(of, targets, &tuned.k, 1, scale));
    for (int64_t i = 0; i < targets->n; i++) {
        const double own = scale[i] > tuned.smallest ? scale[i] : tuned.smallest;
        scale[i] = own * tuned.gamma + tuned.delta;
    }
    return GBT_OK;
}

const gbt_influence_ops gbt_influence_ibug_ops[] = {
    {.name = "ibug", .prepare = prepare, .close = close_state, .block = block, .self = self},
};
