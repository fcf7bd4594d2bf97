/* Similarity as influence [Brophy23]: I(i, s) = sign * sim(i, s). The sign says whether row i pulls
 * the prediction of target s towards the label of s. sim is a dot product, a cosine or 1 / distance
 * of vectors of tree nodes (leaf_sim, tree_sim) or of raw features (input_sim).
 *
 * Signs: classes: + for the same class. Regression: + when both labels lie on the same side of the
 * prediction of s; the side of a label is the sign of the loss's slope there, which is the same and
 * needs no link.
 *
 * Raw features: a missing number counts as the mean of the training rows; a category is a one-hot
 * vector, with one more position for missing. Numbers are taken as they are, without scaling.
 *
 * Cost for every target: n_rows x trees, or n_rows x features. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/influence_kernel.h"
#include "gbt/modules/settings.h"

typedef enum measure { MEASURE_DOT, MEASURE_COSINE, MEASURE_EUCLIDEAN } measure;

typedef struct sim_state {
    measure measure;
    bool has_classes;
    gbt_tree_kernel kernel; /* of leaf_sim and tree_sim */
    double *length;         /* [n_rows] squared lengths, for the cosine of trees */
} sim_state;

static void close_sim(gbt_influence *of)
{
    sim_state *state = of->state;
    if (state != NULL) {
        gbt_kernel_close(&state->kernel);
        gbt_release(state->length);
        gbt_release(state);
        of->state = NULL;
    }
}

static gbt_status open_sim(gbt_influence *of)
{
    sim_state *state = NULL;
    int64_t n_classes = 0;
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_CLASSES, &n_classes));
    state->has_classes = n_classes > 0;
    if (!state->has_classes && of->n_outputs > 1) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "method = %s compares labels with one prediction; this model has %d "
                        "outputs that are not classes",
                        of->ops->name, (int)of->n_outputs);
    }
    return GBT_OK;
}

static gbt_status read_measure(gbt_influence *of)
{
    static const char *const names[] = {"dot", "cosine", "euclidean"};
    int choice = 0;
    GBT_TRY(gbt_setting_choice(of->params, "similarity", names, 3, &choice));
    ((sim_state *)of->state)->measure = (measure)choice;
    return GBT_OK;
}

static gbt_status prepare_leaf_sim(gbt_influence *of, gbt_influence_progress *progress)
{
    const gbt_kernel_kind lpw = {GBT_KERNEL_LEAVES, false, true};
    (void)progress;
    GBT_TRY(open_sim(of));
    return gbt_kernel_open(&((sim_state *)of->state)->kernel, of, lpw);
}

static gbt_status prepare_tree_sim(gbt_influence *of, gbt_influence_progress *progress)
{
    gbt_kernel_kind kind;
    (void)progress;
    GBT_TRY(open_sim(of));
    GBT_TRY(read_measure(of));
    GBT_TRY(gbt_kernel_kind_of(of->params, &kind));
    sim_state *state = of->state;
    GBT_TRY(gbt_kernel_open(&state->kernel, of, kind));
    if (state->measure == MEASURE_COSINE) {
        GBT_TRY(gbt_influence_reserve(of, 8 * of->n_rows, "lengths of the rows' vectors"));
        GBT_TRY(GBT_NEW(state->length, of->n_rows));
        gbt_kernel_lengths(&state->kernel, state->length);
    }
    return GBT_OK;
}

static gbt_status prepare_input_sim(gbt_influence *of, gbt_influence_progress *progress)
{
    (void)progress;
    GBT_TRY(open_sim(of));
    return read_measure(of);
}

/* ---- Signs and values ------------------------------------------------------------------------ */

/* Results of one block and what it needs. */
typedef struct sim_block {
    const gbt_influence *of;
    const sim_state *state;
    const gbt_target_set *targets;
    int64_t first;
    float *out;            /* [n x n_rows] */
    double *slope;         /* [threads x 2 x GBT_PAIR_ROWS] scores, slopes */
    double *target_side;   /* [n] slope of the loss of each target */
    double *target_length; /* [n] squared, for the cosine of trees */
} sim_block;

static void block_close(sim_block *b)
{
    gbt_release(b->slope);
    gbt_release(b->target_side);
    gbt_release(b->target_length);
}

static gbt_status block_open(sim_block *b, int64_t n)
{
    const gbt_target_set *targets = b->targets;
    GBT_TRY(GBT_NEW(b->slope, (int64_t)b->of->threads * 2 * GBT_PAIR_ROWS));
    GBT_TRY(GBT_NEW(b->target_side, n));
    GBT_TRY(GBT_NEW(b->target_length, n));
    if (b->state->has_classes) {
        return GBT_OK;
    }
    return gbt_objective_derivatives(b->of->objective, targets->score + b->first,
                                     targets->label + b->first, n, NULL, b->target_side, NULL, NULL,
                                     NULL);
}

/* Signs of the rows [first, last) for one target: +1 or -1. */
static void signs_of(const sim_block *b, int64_t target, int64_t first, int64_t last, int thread,
                     double *sign)
{
    const int64_t n = last - first;
    const float *label = b->of->label + first;
    if (b->state->has_classes) {
        for (int64_t i = 0; i < n; i++) {
            sign[i] = label[i] == b->targets->label[target] ? 1.0 : -1.0;
        }
        return;
    }
    double *score = b->slope + (int64_t)thread * 2 * GBT_PAIR_ROWS;
    const bool target_is_low = b->target_side[target - b->first] >= 0.0;
    for (int64_t i = 0; i < n; i++) {
        score[i] = b->targets->score[target];
    }
    /* Labels were checked before, so this cannot fail. */
    (void)gbt_objective_derivatives(b->of->objective, score, label, n, NULL, sign, NULL, NULL,
                                    NULL);
    for (int64_t i = 0; i < n; i++) {
        const bool row_is_high = sign[i] <= 0.0;
        sign[i] = target_is_low != row_is_high ? 1.0 : -1.0;
    }
}

static double inverse(double square)
{
    return square > 0.0 ? 1.0 / sqrt(square) : (double)FLT_MAX;
}

static double cosine_of(double dot, double square_a, double square_b)
{
    return square_a > 0.0 && square_b > 0.0 ? dot / (sqrt(square_a) * sqrt(square_b)) : 0.0;
}

/* Out: sign times similarity; identical rows get the largest float instead of infinity. */
static void store(const sim_block *b, int64_t target, int64_t first, int64_t last, int thread,
                  const double *similarity)
{
    double *sign = b->slope + ((int64_t)thread * 2 + 1) * GBT_PAIR_ROWS;
    float *out = b->out + (target - b->first) * b->of->n_rows;
    signs_of(b, target, first, last, thread, sign);
    for (int64_t i = first; i < last; i++) {
        const double value = fmin(similarity[i - first], (double)FLT_MAX);
        out[i] = (float)(sign[i - first] * fmax(value, -(double)FLT_MAX));
    }
}

/* ---- Trees ----------------------------------------------------------------------------------- */

static void take_trees(void *context, int64_t target, int64_t first, int64_t last,
                       const double *value, int thread)
{
    const sim_block *b = context;
    const int64_t n = last - first;
    double similarity[GBT_PAIR_ROWS];
    for (int64_t i = 0; i < n; i++) {
        similarity[i] = b->state->measure == MEASURE_DOT ? value[i]
                        : b->state->measure == MEASURE_COSINE
                            ? cosine_of(value[i], b->state->length[first + i],
                                        b->target_length[target - b->first])
                            : inverse(value[i]);
    }
    store(b, target, first, last, thread, similarity);
}

static gbt_status block_trees(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                              int64_t n, float *out, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    const sim_state *state = of->state;
    sim_block b = {.of = of, .state = state, .targets = targets, .first = first, .out = out};
    GBT_TRY_OR_DONE(block_open(&b, n));
    for (int64_t j = 0; j < n; j++) {
        b.target_length[j] = gbt_kernel_target_length(&state->kernel, targets, first + j);
    }
    GBT_TRY_OR_DONE(gbt_kernel_pairs(
        &state->kernel, state->measure == MEASURE_EUCLIDEAN ? GBT_PAIR_DISTANCE : GBT_PAIR_DOT,
        targets, first, n, take_trees, &b, progress));
done:
    block_close(&b);
    return status;
}

/* Signs of the training rows as targets of their own: + but for a label that the model meets
 * exactly, which lies on both sides. */
static gbt_status self_signs(const gbt_influence *of, double *sign)
{
    gbt_status status = GBT_OK;
    double *score = NULL;
    if (((const sim_state *)of->state)->has_classes) {
        for (int64_t i = 0; i < of->n_rows; i++) {
            sign[i] = 1.0;
        }
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW(score, of->n_rows));
    gbt_influence_final_scores(of, score);
    GBT_TRY_OR_DONE(gbt_objective_derivatives(of->objective, score, of->label, of->n_rows, NULL,
                                              sign, NULL, NULL, NULL));
    for (int64_t i = 0; i < of->n_rows; i++) {
        sign[i] = (sign[i] >= 0.0) != (sign[i] <= 0.0) ? 1.0 : -1.0;
    }
done:
    gbt_release(score);
    return status;
}

/* A vector and itself: its squared length, 1, or the largest float. */
static gbt_status self_trees(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    const sim_state *state = of->state;
    gbt_status status = GBT_OK;
    double *length = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(length, of->n_rows));
    gbt_kernel_lengths(&state->kernel, length);
    GBT_TRY_OR_DONE(self_signs(of, out));
    for (int64_t i = 0; i < of->n_rows; i++) {
        out[i] *= state->measure == MEASURE_DOT      ? length[i]
                  : state->measure == MEASURE_COSINE ? cosine_of(length[i], length[i], length[i])
                                                     : inverse(0.0);
    }
    status = gbt_influence_report(progress, 1.0);
done:
    gbt_release(length);
    return status;
}

/* ---- Raw features ---------------------------------------------------------------------------- */

/* A block of input_sim: rows in the coordinates that are compared. */
typedef struct input_block {
    sim_block common;
    int32_t n_features;
    double *mean;      /* [n_features] of the training rows */
    uint8_t *is_class; /* [n_features] 1: categorical */
    double *target;    /* [n x n_features] */
    int64_t n_targets;
} input_block;

enum { MISSING_CATEGORY = -1 };

/* A category is missing when it is NaN or negative. */
static double fill_in(const input_block *b, int32_t feature, double value)
{
    if (b->is_class[feature]) {
        return value >= 0.0 ? value : (double)MISSING_CATEGORY;
    }
    return isnan(value) ? b->mean[feature] : value;
}

/* Mean of the values that are there; 0 for a column without any. */
static void find_mean(void *context, int64_t first, int64_t last, int thread)
{
    input_block *b = context;
    const gbt_influence *of = b->common.of;
    (void)thread;
    for (int64_t f = first; f < last; f++) {
        double sum = 0.0;
        int64_t n = 0;
        for (int64_t i = 0; i < of->n_rows; i++) {
            const float value = of->features[i * b->n_features + f];
            sum += isnan(value) ? 0.0 : (double)value;
            n += !isnan(value);
        }
        b->mean[f] = n > 0 ? sum / (double)n : 0.0;
    }
}

/* Similarity of two rows, the second of a target. */
static double input_similarity(const input_block *b, const float *row, const double *target)
{
    double dot = 0.0, length = 0.0, target_length = 0.0, distance = 0.0;
    for (int32_t f = 0; f < b->n_features; f++) {
        const double x = fill_in(b, f, (double)row[f]), z = target[f];
        if (b->is_class[f]) {
            dot += x == z ? 1.0 : 0.0;
            distance += x == z ? 0.0 : 2.0;
            length += 1.0;
            target_length += 1.0;
        } else {
            dot += x * z;
            distance += (x - z) * (x - z);
            length += x * x;
            target_length += z * z;
        }
    }
    return b->common.state->measure == MEASURE_DOT      ? dot
           : b->common.state->measure == MEASURE_COSINE ? cosine_of(dot, length, target_length)
                                                        : inverse(distance);
}

static void take_inputs(void *context, int64_t first, int64_t last, int thread)
{
    const input_block *b = context;
    double similarity[GBT_PAIR_ROWS];
    for (int64_t j = 0; j < b->n_targets; j++) {
        for (int64_t i = first; i < last; i++) {
            similarity[i - first] = input_similarity(b, b->common.of->features + i * b->n_features,
                                                     b->target + j * b->n_features);
        }
        store(&b->common, b->common.first + j, first, last, thread, similarity);
    }
}

static gbt_status check_inputs(const gbt_influence *of, const gbt_target_set *targets)
{
    if (of->features == NULL) {
        return gbt_fail(GBT_ERR_STATE, "method = input_sim compares raw features: give those of "
                                       "the training rows to gbt_influence_set_features");
    }
    if (targets->features == NULL || targets->features->n_cols != of->n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "method = input_sim compares raw features: gbt_targets.features needs %d "
                        "columns, found %lld",
                        (int)of->n_features,
                        targets->features ? (long long)targets->features->n_cols : 0LL);
    }
    return GBT_OK;
}

static gbt_status input_open(input_block *b)
{
    const gbt_influence *of = b->common.of;
    const int32_t n = b->n_features;
    GBT_TRY(block_open(&b->common, b->n_targets));
    GBT_TRY(GBT_NEW(b->mean, n));
    GBT_TRY(GBT_NEW(b->is_class, n));
    GBT_TRY(GBT_NEW(b->target, b->n_targets * n));
    for (int32_t f = 0; f < n; f++) {
        b->is_class[f] = gbt_model_feature_is_categorical(of->model, f) == 1;
    }
    gbt_for_chunks(of->threads, n, 1, find_mean, b);
    for (int64_t j = 0; j < b->n_targets; j++) {
        for (int32_t f = 0; f < n; f++) {
            const double value =
                gbt_influence_cell(b->common.targets->features, b->common.first + j, f);
            b->target[j * n + f] = fill_in(b, f, value);
        }
    }
    return GBT_OK;
}

static gbt_status block_inputs(const gbt_influence *of, const gbt_target_set *targets,
                               int64_t first, int64_t n, float *out,
                               gbt_influence_progress *progress)
{
    GBT_TRY(check_inputs(of, targets));
    gbt_status status = GBT_OK;
    input_block b = {
        .common = {.of = of, .state = of->state, .targets = targets, .first = first, .out = out},
        .n_features = of->n_features,
        .n_targets = n};
    GBT_TRY_OR_DONE(input_open(&b));
    gbt_for_chunks(of->threads, of->n_rows, GBT_PAIR_ROWS, take_inputs, &b);
    status = gbt_influence_report(progress, 1.0);
done:
    block_close(&b.common);
    gbt_release(b.mean);
    gbt_release(b.is_class);
    gbt_release(b.target);
    return status;
}

const gbt_influence_ops gbt_influence_sim_ops[] = {
    {.name = "leaf_sim",
     .prepare = prepare_leaf_sim,
     .close = close_sim,
     .block = block_trees,
     .self = self_trees},
    {.name = "tree_sim",
     .prepare = prepare_tree_sim,
     .close = close_sim,
     .block = block_trees,
     .self = self_trees},
    {.name = "input_sim", .prepare = prepare_input_sim, .close = close_sim, .block = block_inputs},
};
