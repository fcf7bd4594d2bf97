/* leaf_sim, tree_sim and input_sim against vectors written out. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/influence_toy.h"

static const char *const kernels[] = {"lpw", "lp", "lo", "low", "fp", "fpw", "fo", "fow", "to"};
enum { N_KERNELS = 9 };

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static double similarity(const char *measure, const double *a, const double *b, int64_t n)
{
    if (strcmp(measure, "dot") == 0) {
        return dot(a, b, n);
    }
    if (strcmp(measure, "cosine") == 0) {
        const double length = sqrt(dot(a, a, n)) * sqrt(dot(b, b, n));
        return length > 0.0 ? dot(a, b, n) / length : 0.0;
    }
    double square = 0.0;
    for (int64_t i = 0; i < n; i++) {
        square += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return square > 0.0 ? 1.0 / sqrt(square) : (double)FLT_MAX;
}

/* + when both labels are equal, or on the same side of the prediction. */
static double sign_of(bool has_classes, double row, double target, double prediction)
{
    if (has_classes) {
        return row == target ? 1.0 : -1.0;
    }
    return (target <= prediction) != (row >= prediction) ? 1.0 : -1.0;
}

static bool is_close(double a, double b)
{
    return fabs(a - b) <= 2e-6 * fmax(fabs(a), fabs(b)) + 1e-12;
}

/* Wrong pairs. */
static int64_t count_wrong(const influence_toy *it, const float *found, const double *train,
                           const double *targets, int64_t n_coordinates, const char *measure,
                           bool has_classes)
{
    double *score = influence_toy_scores(it->model, it->targets);
    int64_t n_wrong = 0;
    for (int64_t j = 0; j < it->n_targets; j++) {
        for (int64_t i = 0; i < it->n; i++) {
            const double sign = sign_of(has_classes, (double)it->train_rows.label[i],
                                        (double)it->target_rows.label[j], score[j]);
            const double sim = similarity(measure, train + i * n_coordinates,
                                          targets + j * n_coordinates, n_coordinates);
            n_wrong += !is_close((double)found[j * it->n + i], sign * sim);
        }
    }
    free(score);
    return n_wrong;
}

static void check_trees(toy_label kind, const char *objective, const char *kernel,
                        const char *measure)
{
    influence_toy it;
    char training[256], keys[256];
    int64_t n_coordinates = 0;
    (void)snprintf(training, sizeof training,
                   "objective=%s n_trees=6 max_leaves=7 min_child_samples=3 learning_rate=0.3",
                   objective);
    (void)snprintf(keys, sizeof keys, "method=tree_sim tree_kernel=%s similarity=%s", kernel,
                   measure);
    influence_toy_make(&it, kind, 150, 11, training, false);
    gbt_influence *of = influence_toy_open(&it, keys);
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    ASSERT_C_TRUE(found != NULL);
    double *train = influence_toy_vectors(&it, it.train, kernel, &n_coordinates);
    double *targets = influence_toy_vectors(&it, it.targets, kernel, &n_coordinates);
    if (!EXPECT_C_EQ_INT(
            count_wrong(&it, found, train, targets, n_coordinates, measure, kind != TOY_QUANTITY),
            0)) {
        FAIL_C(keys);
    }
    free(found);
    free(train);
    free(targets);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceSim, TreeSimIsTheMeasureOfTheWrittenOutVectors)
{
    static const char *const measures[] = {"dot", "cosine", "euclidean"};
    for (int k = 0; k < N_KERNELS; k++) {
        for (int m = 0; m < 3; m++) {
            check_trees(TOY_QUANTITY, "regression", kernels[k], measures[m]);
            check_trees(TOY_BINARY, "binary", kernels[k], measures[m]);
        }
    }
}

TEST_C(InfluenceSim, TreeSimCountsTheTreesOfAllClasses)
{
    for (int k = 0; k < N_KERNELS; k++) {
        check_trees(TOY_CLASSES, "multiclass", kernels[k], "dot");
    }
}

TEST_C(InfluenceSim, LeafSimIsTreeSimByDotProductsOfLpw)
{
    influence_toy it;
    influence_toy_make(&it, TOY_BINARY, 200, 9, "objective=binary n_trees=8 max_leaves=9", false);
    gbt_influence *leaf = influence_toy_open(&it, "method=leaf_sim");
    gbt_influence *tree = influence_toy_open(&it, "method=tree_sim tree_kernel=lpw");
    ASSERT_C_TRUE(leaf != NULL && tree != NULL);
    float *a = influence_toy_dense(&it, leaf), *b = influence_toy_dense(&it, tree);
    EXPECT_C_EQ_BYTES(a, b, (size_t)(it.n * it.n_targets) * sizeof *a);
    free(a);
    free(b);
    gbt_influence_free(leaf);
    gbt_influence_free(tree);
    influence_toy_free(&it);
}

/* Identity: sum_i |LeafSim(i, s)| = sum over trees of 1 / rows of the leaf of s. */
TEST_C(InfluenceSim, AbsoluteLeafSimilaritiesSumToTheInverseSizesOfTheLeaves)
{
    influence_toy it;
    int64_t n_trees = 0;
    influence_toy_make(&it, TOY_QUANTITY, 300, 7, "objective=regression n_trees=12", false);
    ASSERT_C_OK(gbt_model_shape(it.model, GBT_SHAPE_TREES, &n_trees));
    gbt_influence *of = influence_toy_open(&it, "method=leaf_sim");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    int32_t *own = malloc((size_t)(n_trees * it.n_targets) * sizeof *own);
    int32_t *leaf = malloc((size_t)(n_trees * it.n) * sizeof *leaf);
    ASSERT_C_OK(
        gbt_model_leaves_dataset(it.model, it.targets, 0, 0, 1, own, n_trees * it.n_targets));
    ASSERT_C_OK(gbt_model_leaves_dataset(it.model, it.train, 0, 0, 1, leaf, n_trees * it.n));
    for (int64_t j = 0; j < it.n_targets; j++) {
        double sum = 0.0, want = 0.0;
        for (int64_t t = 0; t < n_trees; t++) {
            double count = 0.0;
            for (int64_t i = 0; i < it.n; i++) {
                count += leaf[t * it.n + i] == own[t * it.n_targets + j];
            }
            want += 1.0 / count;
        }
        for (int64_t i = 0; i < it.n; i++) {
            sum += fabs((double)found[j * it.n + i]);
        }
        EXPECT_C_NEAR(sum, want, 1e-5 * want);
    }
    free(found);
    free(own);
    free(leaf);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceSim, ARowThatSharesNoLeafHasNoInfluence)
{
    influence_toy it;
    int64_t n_trees = 0, n_apart = 0;
    influence_toy_make(&it, TOY_QUANTITY, 300, 20, "n_trees=2 max_leaves=12 objective=regression",
                       false);
    ASSERT_C_OK(gbt_model_shape(it.model, GBT_SHAPE_TREES, &n_trees));
    gbt_influence *of = influence_toy_open(&it, "method=leaf_sim");
    float *found = influence_toy_dense(&it, of);
    int32_t *own = malloc((size_t)(n_trees * it.n_targets) * sizeof *own);
    int32_t *leaf = malloc((size_t)(n_trees * it.n) * sizeof *leaf);
    ASSERT_C_OK(
        gbt_model_leaves_dataset(it.model, it.targets, 0, 0, 1, own, n_trees * it.n_targets));
    ASSERT_C_OK(gbt_model_leaves_dataset(it.model, it.train, 0, 0, 1, leaf, n_trees * it.n));
    for (int64_t j = 0; j < it.n_targets; j++) {
        for (int64_t i = 0; i < it.n; i++) {
            bool meets = false;
            for (int64_t t = 0; t < n_trees; t++) {
                meets = meets || leaf[t * it.n + i] == own[t * it.n_targets + j];
            }
            n_apart += !meets;
            EXPECT_C_TRUE((found[j * it.n + i] == 0.0f) == !meets);
        }
    }
    EXPECT_C_TRUE(n_apart > 0);
    free(found);
    free(own);
    free(leaf);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

/* ---- Raw features ---------------------------------------------------------------------------- */

/* Numbers as they are, missing ones by the mean of the training rows; column 6 as one-hot over 64
 * categories with one more position for missing. */
static double *written_out(const toy *train, const toy *rows, int64_t *n_coordinates)
{
    enum { CATEGORIES = 64 };
    const int64_t n = rows->n_rows;
    *n_coordinates = TOY_FEATURES - 1 + CATEGORIES + 1;
    double *out = calloc((size_t)(n * *n_coordinates), sizeof *out);
    for (int f = 0; f < TOY_FEATURES; f++) {
        double sum = 0.0, count = 0.0;
        for (int64_t i = 0; i < train->n_rows; i++) {
            const double x = (double)train->x[i * TOY_FEATURES + f];
            sum += isnan(x) ? 0.0 : x;
            count += !isnan(x);
        }
        for (int64_t i = 0; i < n; i++) {
            const double x = (double)rows->x[i * TOY_FEATURES + f];
            double *row = out + i * *n_coordinates;
            if (f == 6) {
                row[TOY_FEATURES - 1 + (isnan(x) || x < 0.0 ? CATEGORIES : (int)x)] = 1.0;
            } else {
                row[f < 6 ? f : f - 1] = isnan(x) ? sum / count : x;
            }
        }
    }
    return out;
}

static void check_inputs(toy_label kind, const char *objective, const char *measure)
{
    influence_toy it;
    char training[128], keys[128];
    int64_t n_coordinates = 0;
    (void)snprintf(training, sizeof training, "objective=%s n_trees=4", objective);
    (void)snprintf(keys, sizeof keys, "method=input_sim similarity=%s", measure);
    influence_toy_make(&it, kind, 120, 13, training, false);
    it.target_rows.x[6] = NAN;                  /* a target without a category */
    it.target_rows.x[TOY_FEATURES + 6] = -3.0f; /* the other way to have none */
    it.train_rows.x[6] = NAN;
    memcpy(it.target_rows.x + 2 * TOY_FEATURES, it.train_rows.x + 5 * TOY_FEATURES,
           TOY_FEATURES * sizeof(float)); /* two equal rows */
    gbt_influence *of = influence_toy_open(&it, keys);
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    ASSERT_C_TRUE(found != NULL);
    double *train = written_out(&it.train_rows, &it.train_rows, &n_coordinates);
    double *targets = written_out(&it.train_rows, &it.target_rows, &n_coordinates);
    EXPECT_C_EQ_INT(
        count_wrong(&it, found, train, targets, n_coordinates, measure, kind != TOY_QUANTITY), 0);
    if (strcmp(measure, "euclidean") == 0) {
        EXPECT_C_TRUE(fabsf(found[2 * it.n + 5]) == FLT_MAX);
    }
    free(found);
    free(train);
    free(targets);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceSim, InputSimComparesRawRows)
{
    static const char *const measures[] = {"dot", "cosine", "euclidean"};
    for (int m = 0; m < 3; m++) {
        check_inputs(TOY_QUANTITY, "regression", measures[m]);
        check_inputs(TOY_BINARY, "binary", measures[m]);
    }
}

TEST_C(InfluenceSim, InputSimAsksForFeatures)
{
    influence_toy it;
    float out[40];
    influence_toy_make(&it, TOY_QUANTITY, 40, 1, "objective=regression n_trees=2", false);
    gbt_params *params = toy_params("method=input_sim");
    gbt_influence *of = NULL;
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_create(params, it.model, it.train, NULL, NULL, &of));
    EXPECT_C_STATUS(gbt_influence_dense(of, &targets, NULL, NULL, out, 40), GBT_ERR_STATE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "gbt_influence_set_features");
    const gbt_matrix features = toy_matrix(&it.train_rows);
    ASSERT_C_OK(gbt_influence_set_features(of, &features));
    EXPECT_C_STATUS(gbt_influence_dense(of, &targets, NULL, NULL, out, 40), GBT_ERR_ARGUMENT);
    gbt_influence_free(of);
    gbt_params_free(params);
    influence_toy_free(&it);
}

/* ---- Entry points, threads, memory ----------------------------------------------------------- */

static const char *const methods[] = {
    "method=leaf_sim", "method=tree_sim tree_kernel=fow", "method=tree_sim similarity=cosine",
    "method=tree_sim tree_kernel=to similarity=euclidean", "method=input_sim similarity=cosine"};
enum { N_METHODS = 5 };

TEST_C(InfluenceSim, SelfIsTheDiagonalAndSumTheSumOfRows)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, 90, 8, "objective=regression n_trees=5", false);
    for (int m = 0; m < N_METHODS; m++) {
        gbt_influence *of = influence_toy_open(&it, methods[m]);
        ASSERT_C_TRUE(of != NULL);
        const gbt_matrix features = toy_matrix(&it.train_rows),
                         others = toy_matrix(&it.target_rows);
        const gbt_targets rows = {it.train, &features}, targets = {it.targets, &others};
        float *square = malloc((size_t)(it.n * it.n) * sizeof *square);
        double *self = malloc((size_t)it.n * sizeof *self),
               *sum = malloc((size_t)it.n * sizeof *sum);
        ASSERT_C_OK(gbt_influence_dense(of, &rows, NULL, NULL, square, it.n * it.n));
        ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, self, it.n));
        float *dense = influence_toy_dense(&it, of);
        ASSERT_C_OK(gbt_influence_sum(of, &targets, NULL, NULL, sum, it.n));
        for (int64_t i = 0; i < it.n; i++) {
            double want = 0.0;
            for (int64_t j = 0; j < it.n_targets; j++) {
                want += (double)dense[j * it.n + i];
            }
            EXPECT_C_TRUE(is_close(sum[i], want));
            EXPECT_C_TRUE(is_close(self[i], (double)square[i * it.n + i]));
        }
        free(square);
        free(self);
        free(sum);
        free(dense);
        gbt_influence_free(of);
    }
    influence_toy_free(&it);
}

/* Order of the training rows, copies of a row and other targets, of these methods and of trex and
 * ibug, for which rows and targets are as interchangeable. */
TEST_C(InfluenceSim, RowsAndTargetsAreInterchangeable)
{
    static const char *const all[] = {"method=leaf_sim",
                                      "method=tree_sim tree_kernel=fpw similarity=euclidean",
                                      "method=ibug", "method=trex"};
    enum { N = 120, N_TARGETS = 18 };
    influence_toy it;
    int64_t order[N], back[N], one = 11;
    gbt_dataset *moved = NULL, *alone = NULL;
    influence_toy_make(&it, TOY_QUANTITY, N, N_TARGETS, "objective=regression n_trees=6", false);
    for (int64_t i = 0; i < N; i++) {
        order[i] = i == 7 ? 0 : i * 77 % N; /* row 7 of the moved rows is a copy of row 0 */
        back[i] = i;
    }
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_dataset_subset(it.targets, &one, 1, &alone));
    for (int m = 0; m < 4; m++) {
        for (int has_copy = 0; has_copy < 2; has_copy++) {
            float found[N * N_TARGETS], again[N * N_TARGETS];
            gbt_params *params = toy_params(all[m]);
            gbt_influence *of = NULL, *other = NULL;
            order[7] = has_copy ? 0 : 7 * 77 % N;
            ASSERT_C_OK(gbt_dataset_subset(it.train, has_copy ? order : back, N, &moved));
            ASSERT_C_OK(gbt_influence_create(params, it.model, moved, NULL, NULL, &of));
            ASSERT_C_OK(gbt_influence_dense(of, &targets, NULL, NULL, found, N * N_TARGETS));
            gbt_dataset_free(moved);
            for (int64_t j = 0; j < N_TARGETS && has_copy; j++) {
                EXPECT_C_TRUE(found[j * N] == found[j * N + 7]); /* order[0] is 0 as well */
            }
            const gbt_targets single = {alone, NULL};
            ASSERT_C_OK(gbt_influence_dense(of, &single, NULL, NULL, again, N));
            EXPECT_C_EQ_BYTES(again, found + one * N, N * sizeof(float));
            if (!has_copy) {
                ASSERT_C_OK(gbt_dataset_subset(it.train, order, N, &moved));
                ASSERT_C_OK(gbt_influence_create(params, it.model, moved, NULL, NULL, &other));
                ASSERT_C_OK(gbt_influence_dense(other, &targets, NULL, NULL, again, N * N_TARGETS));
                gbt_dataset_free(moved);
                for (int64_t cell = 0; cell < N * N_TARGETS; cell++) {
                    EXPECT_C_TRUE(is_close((double)again[cell],
                                           (double)found[cell / N * N + order[cell % N]]));
                }
            }
            gbt_params_free(params);
            gbt_influence_free(of);
            gbt_influence_free(other);
        }
    }
    gbt_dataset_free(alone);
    influence_toy_free(&it);
}

TEST_C(InfluenceSim, ResultsDoNotDependOnThreads)
{
    influence_toy it;
    influence_toy_make(&it, TOY_CLASSES, 2500, 19, "objective=multiclass n_trees=3", false);
    for (int m = 0; m < N_METHODS; m++) {
        char keys[160];
        float *dense[2];
        for (int run = 0; run < 2; run++) {
            (void)snprintf(keys, sizeof keys, "%s threads=%d", methods[m], run == 0 ? 1 : 3);
            gbt_influence *of = influence_toy_open(&it, keys);
            ASSERT_C_TRUE(of != NULL);
            dense[run] = influence_toy_dense(&it, of);
            gbt_influence_free(of);
        }
        EXPECT_C_EQ_BYTES(dense[0], dense[1], (size_t)(it.n * it.n_targets) * sizeof(float));
        free(dense[0]);
        free(dense[1]);
    }
    influence_toy_free(&it);
}

static gbt_status ask(const gbt_influence *of, const gbt_targets *targets)
{
    float out[60];
    double self[30];
    const gbt_status status = gbt_influence_dense(of, targets, NULL, NULL, out, 60);
    return status == GBT_OK ? gbt_influence_self(of, NULL, NULL, self, 30) : status;
}

TEST_C(InfluenceSim, RefusedAllocationsLeakNothing)
{
    for (int m = 0; m < N_METHODS; m++) {
        influence_toy it;
        char keys[160];
        (void)snprintf(keys, sizeof keys, "%s threads=1", methods[m]);
        influence_toy_make(&it, TOY_QUANTITY, 30, 2,
                           "objective=regression n_trees=2 min_child_samples=3", false);
        EXPECT_C_EQ_TEXT(influence_toy_refusals(&it, keys, ask), NULL);
        influence_toy_free(&it);
    }
}
