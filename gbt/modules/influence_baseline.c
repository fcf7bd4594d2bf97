/* What an estimator has to beat [Brophy23]: random numbers, random numbers that know the label, and
 * two rankings of the training rows by themselves.
 *
 *   random    N(0, 1)
 *   target    classes: U(0, 1) for rows of the target's class, U(-1, 0) for others;
 *             regression: 1 / |y_i - y| + a normal draw of the target
 *   minority  classes: U(0, 1) for the rarest class, U(-1, 0) for the next, and so on;
 *             regression: |y_i - median| + a normal draw. Of rows on themselves only
 *   loss      the loss of the row. Of rows on themselves only
 *
 * The normal draw of regression is one for all rows, with the standard deviation of the |y_i - .|:
 * it moves no ranking and is kept for comparability. Draws are functions of the seed, the row and
 * what the model sees of the target, its leaves and label: other targets of the call do not matter,
 * and equal targets get equal draws. Cost: one draw a pair. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/modules/influence_internal.h"
#include "gbt/modules/settings.h"

enum { OF_ROWS = 0, OF_TARGETS = 1 }; /* whose draws they are */

typedef struct baseline_state {
    uint64_t seed;
    int64_t n_classes; /* 0: regression */
} baseline_state;

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress)
{
    baseline_state *state = NULL;
    int64_t seed = 0;
    (void)progress;
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    GBT_TRY(gbt_setting_int(of->params, "seed", &seed));
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_CLASSES, &state->n_classes));
    state->seed = (uint64_t)seed;
    return GBT_OK;
}

static gbt_status prepare_by_label(gbt_influence *of, gbt_influence_progress *progress)
{
    GBT_TRY(prepare(of, progress));
    const baseline_state *state = of->state;
    return of->n_labels > of->n_rows && state->n_classes == 0
               ? gbt_fail(GBT_ERR_UNSUPPORTED,
                          "method = %s compares single labels; this model has several outputs",
                          of->ops->name)
               : GBT_OK;
}

static void close_state(gbt_influence *of)
{
    gbt_release(of->state);
    of->state = NULL;
}

/* ---- Draws ----------------------------------------------------------------------------------- */

static uint64_t key_of_rows(const gbt_influence *of)
{
    return gbt_rng_key(((const baseline_state *)of->state)->seed, OF_ROWS, 0, GBT_RNG_INFLUENCE);
}

static uint64_t key_of_target(const gbt_influence *of, const gbt_target_set *targets,
                              int64_t target)
{
    const baseline_state *state = of->state;
    uint64_t key = gbt_rng_key(state->seed, OF_TARGETS, gbt_f32_bits(targets->label[target]),
                               GBT_RNG_INFLUENCE);
    for (int32_t t = 0; t < of->n_trees; t++) {
        key = gbt_rng_mix(key ^ (uint64_t)targets->leaf[t * targets->n + target]);
    }
    return key;
}

/* A standard normal draw by the polar method: pairs of uniform draws until one falls into the unit
 * disc, four of five do. */
static double normal_of(uint64_t key, int64_t position)
{
    const uint64_t own = gbt_rng_u64(key, (uint64_t)position);
    for (uint64_t i = 0;; i += 2) {
        const double u = 2.0 * gbt_rng_unit(own, i) - 1.0, v = 2.0 * gbt_rng_unit(own, i + 1) - 1.0;
        const double square = u * u + v * v;
        if (square > 0.0 && square < 1.0) {
            return u * sqrt(-2.0 * gbt_log(square) / square);
        }
    }
}

/* Standard deviation of |label - centre| over the training rows. */
static double spread_of(const gbt_influence *of, double centre)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < of->n_rows; i++) {
        sum += fabs((double)of->label[i] - centre);
    }
    const double mean = sum / (double)of->n_rows;
    for (int64_t i = 0; i < of->n_rows; i++) {
        const double step = fabs((double)of->label[i] - centre) - mean;
        squares += step * step;
    }
    return sqrt(squares / (double)of->n_rows);
}

/* ---- random, target -------------------------------------------------------------------------- */

typedef struct draw_job {
    const gbt_influence *of;
    const gbt_target_set *targets;
    int64_t first;
    float *out; /* [n x n_rows] */
} draw_job;

static void draw_random(void *context, int64_t first, int64_t last, int thread)
{
    const draw_job *job = context;
    const int64_t n_rows = job->of->n_rows;
    (void)thread;
    for (int64_t j = first; j < last; j++) {
        const uint64_t key = key_of_target(job->of, job->targets, job->first + j);
        for (int64_t i = 0; i < n_rows; i++) {
            job->out[j * n_rows + i] = (float)normal_of(key, i);
        }
    }
}

static void draw_target(void *context, int64_t first, int64_t last, int thread)
{
    const draw_job *job = context;
    const gbt_influence *of = job->of;
    const bool has_classes = ((const baseline_state *)of->state)->n_classes > 0;
    (void)thread;
    for (int64_t j = first; j < last; j++) {
        const uint64_t key = key_of_target(of, job->targets, job->first + j);
        const double label = (double)job->targets->label[job->first + j];
        const double common = has_classes ? 0.0 : spread_of(of, label) * normal_of(key, of->n_rows);
        float *out = job->out + j * of->n_rows;
        for (int64_t i = 0; i < of->n_rows; i++) {
            const double own = (double)of->label[i];
            const double value = has_classes
                                     ? gbt_rng_unit(key, (uint64_t)i) - (own == label ? 0.0 : 1.0)
                                     : 1.0 / fabs(own - label) + common;
            out[i] = (float)fmin(value, (double)FLT_MAX);
        }
    }
}

static gbt_status run_draws(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                            int64_t n, float *out, gbt_chunk_fn fn,
                            gbt_influence_progress *progress)
{
    draw_job job = {of, targets, first, out};
    gbt_for_chunks(of->threads, n, 1, fn, &job);
    return gbt_influence_report(progress, 1.0);
}

static gbt_status block_random(const gbt_influence *of, const gbt_target_set *targets,
                               int64_t first, int64_t n, float *out,
                               gbt_influence_progress *progress)
{
    return run_draws(of, targets, first, n, out, draw_random, progress);
}

static gbt_status block_target(const gbt_influence *of, const gbt_target_set *targets,
                               int64_t first, int64_t n, float *out,
                               gbt_influence_progress *progress)
{
    return run_draws(of, targets, first, n, out, draw_target, progress);
}

static gbt_status self_random(const gbt_influence *of, double *out,
                              gbt_influence_progress *progress)
{
    const uint64_t key = key_of_rows(of);
    for (int64_t i = 0; i < of->n_rows; i++) {
        out[i] = normal_of(key, i);
    }
    return gbt_influence_report(progress, 1.0);
}

/* ---- minority, loss -------------------------------------------------------------------------- */

/* Rank of every class, the rarest first, classes without rows left out; equally rare: the lower
 * number first. */
static gbt_status rank_classes(const gbt_influence *of, int64_t n_classes, int64_t *rank)
{
    int64_t *count = NULL;
    GBT_TRY(GBT_NEW_ZERO(count, n_classes));
    for (int64_t i = 0; i < of->n_rows; i++) {
        count[(int64_t)of->label[i]]++;
    }
    for (int64_t c = 0; c < n_classes; c++) {
        rank[c] = 0;
        for (int64_t d = 0; d < n_classes; d++) {
            rank[c] += count[d] > 0 && (count[d] < count[c] || (count[d] == count[c] && d < c));
        }
    }
    gbt_release(count);
    return GBT_OK;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static gbt_status find_median(const gbt_influence *of, double *out)
{
    float *sorted = NULL;
    const int64_t n = of->n_rows;
    GBT_TRY(GBT_NEW(sorted, n));
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = of->label[i];
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_floats);
    *out = 0.5 * ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]);
    gbt_release(sorted);
    return GBT_OK;
}

static gbt_status self_minority(const gbt_influence *of, double *out,
                                gbt_influence_progress *progress)
{
    const baseline_state *state = of->state;
    const uint64_t key = key_of_rows(of);
    if (state->n_classes > 0) {
        gbt_status status = GBT_OK;
        int64_t *rank = NULL; /* [n_classes] */
        GBT_TRY(GBT_NEW(rank, state->n_classes));
        GBT_TRY_OR_DONE(rank_classes(of, state->n_classes, rank));
        for (int64_t i = 0; i < of->n_rows; i++) {
            out[i] = gbt_rng_unit(key, (uint64_t)i) - (double)rank[(int64_t)of->label[i]];
        }
    done:
        gbt_release(rank);
        return status != GBT_OK ? status : gbt_influence_report(progress, 1.0);
    }
    double median = 0.0;
    GBT_TRY(find_median(of, &median));
    const double common = spread_of(of, median) * normal_of(key, of->n_rows);
    for (int64_t i = 0; i < of->n_rows; i++) {
        out[i] = fabs((double)of->label[i] - median) + common;
    }
    return gbt_influence_report(progress, 1.0);
}

static gbt_status self_loss(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    const int64_t n_values = of->n_rows * of->n_outputs;
    float *raw = NULL;    /* [n_rows x n_outputs] */
    double *score = NULL; /* [n_outputs x n_rows] */
    GBT_TRY_OR_DONE(GBT_NEW(raw, n_values));
    GBT_TRY_OR_DONE(GBT_NEW(score, n_values));
    GBT_TRY_OR_DONE(gbt_model_predict_dataset(of->model, of->train, GBT_PREDICT_RAW, 0, 0,
                                              of->threads, raw, n_values));
    for (int64_t i = 0; i < n_values; i++) {
        score[i % of->n_outputs * of->n_rows + i / of->n_outputs] = (double)raw[i];
    }
    GBT_TRY_OR_DONE(gbt_objective_derivatives(of->objective, score, of->label, of->n_rows, out,
                                              NULL, NULL, NULL, NULL));
    status = gbt_influence_report(progress, 1.0);
done:
    gbt_release(raw);
    gbt_release(score);
    return status;
}

const gbt_influence_ops gbt_influence_baseline_ops[] = {
    {.name = "random",
     .prepare = prepare,
     .close = close_state,
     .block = block_random,
     .self = self_random},
    {.name = "target", .prepare = prepare_by_label, .close = close_state, .block = block_target},
    {.name = "minority", .prepare = prepare_by_label, .close = close_state, .self = self_minority},
    {.name = "loss", .prepare = prepare, .close = close_state, .self = self_loss},
};
