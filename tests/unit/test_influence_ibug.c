/* IBUG: affinities, neighbours and their tuning, against plain sorts and loops. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/influence_toy.h"

static const char training[] = "objective=regression n_trees=15 max_leaves=8 min_child_samples=5";

/* Trees in which both rows reach the same leaf: [rows x train rows]. */
static int *count_shared(const influence_toy *it, const gbt_dataset *rows)
{
    const int64_t n = gbt_dataset_rows(rows);
    int64_t n_trees = 0;
    EXPECT_C_OK(gbt_model_shape(it->model, GBT_SHAPE_TREES, &n_trees));
    int32_t *a = malloc((size_t)(n_trees * n) * sizeof *a);
    int32_t *b = malloc((size_t)(n_trees * it->n) * sizeof *b);
    int *out = calloc((size_t)(n * it->n), sizeof *out);
    EXPECT_C_OK(gbt_model_leaves_dataset(it->model, rows, 0, 0, 1, a, n_trees * n));
    EXPECT_C_OK(gbt_model_leaves_dataset(it->model, it->train, 0, 0, 1, b, n_trees * it->n));
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < it->n; i++) {
            for (int64_t t = 0; t < n_trees; t++) {
                out[j * it->n + i] += a[t * n + j] == b[t * it->n + i];
            }
        }
    }
    free(a);
    free(b);
    return out;
}

TEST_C(InfluenceIbug, AffinityCountsTheTreesWithTheSameLeaf)
{
    influence_toy it;
    int64_t n_trees = 0;
    influence_toy_make(&it, TOY_CLASSES, 200, 9, "objective=multiclass n_trees=6", false);
    ASSERT_C_OK(gbt_model_shape(it.model, GBT_SHAPE_TREES, &n_trees));
    gbt_influence *of = influence_toy_open(&it, "method=ibug");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    int *want = count_shared(&it, it.targets);
    for (int64_t cell = 0; cell < it.n * it.n_targets; cell++) {
        EXPECT_C_TRUE((double)found[cell] == (double)want[cell]);
    }
    double *self = malloc((size_t)it.n * sizeof *self);
    ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, self, it.n));
    for (int64_t i = 0; i < it.n; i++) {
        EXPECT_C_TRUE(self[i] == (double)n_trees);
    }
    free(self);
    free(found);
    free(want);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

/* Standard deviation of the labels of the k rows of most shared leaves, found one after another;
 * of equal ones the lowest row. */
static double spread_of_nearest(const influence_toy *it, const int *shared, int64_t k)
{
    bool *taken = calloc((size_t)it->n, sizeof *taken);
    double sum = 0.0, squares = 0.0;
    for (int64_t step = 0; step < k; step++) {
        int64_t best = -1;
        for (int64_t i = 0; i < it->n; i++) {
            best = !taken[i] && (best < 0 || shared[i] > shared[best]) ? i : best;
        }
        taken[best] = true;
        sum += (double)it->train_rows.label[best];
    }
    for (int64_t i = 0; i < it->n; i++) {
        const double d = (double)it->train_rows.label[i] - sum / (double)k;
        squares += taken[i] ? d * d : 0.0;
    }
    free(taken);
    return sqrt(squares / (double)k);
}

TEST_C(InfluenceIbug, WithoutValidationTheScaleIsThatOfTheNearestRows)
{
    influence_toy it;
    double location[12], scale[12];
    float prediction[12];
    influence_toy_make(&it, TOY_QUANTITY, 130, 12, training, false);
    gbt_influence *of = influence_toy_open(&it, "method=ibug neighbors=17");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_interval(of, &targets, NULL, location, scale, 12));
    ASSERT_C_OK(gbt_model_predict_dataset(it.model, it.targets, GBT_PREDICT_RESPONSE, 0, 0, 1,
                                          prediction, 12));
    int *shared = count_shared(&it, it.targets);
    for (int j = 0; j < 12; j++) {
        EXPECT_C_TRUE(location[j] == (double)prediction[j]);
        const double want = spread_of_nearest(&it, shared + j * it.n, 17);
        EXPECT_C_NEAR(scale[j], want, 1e-9 * want);
    }
    free(shared);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceIbug, MoreNeighboursThanRowsAreAllRows)
{
    influence_toy it;
    double location[1], scale[1];
    influence_toy_make(&it, TOY_QUANTITY, 40, 1, training, false);
    gbt_influence *of = influence_toy_open(&it, "method=ibug neighbors=100");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_interval(of, &targets, NULL, location, scale, 1));
    int *shared = count_shared(&it, it.targets);
    EXPECT_C_NEAR(scale[0], spread_of_nearest(&it, shared, 40), 1e-9);
    free(shared);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

static double likelihood(const double *location, const double *scale, const float *label, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double d = ((double)label[i] - location[i]) / scale[i];
        sum += log(scale[i]) + 0.5 * d * d + 0.5 * log(2.0 * acos(-1.0));
    }
    return sum / (double)n;
}

/* The published procedure, step by step, on the same rows as validation. */
TEST_C(InfluenceIbug, ValidationRowsChooseNeighboursAndCalibration)
{
    enum { N_VALID = 60, N_ASKED = 10 };
    static const int64_t asked[N_ASKED] = {3, 5, 7, 9, 11, 15, 31, 61, 91, 121};
    influence_toy it;
    toy valid_rows;
    double location[8], scale[8], valid_location[N_VALID], own[N_VALID], moved[N_VALID];
    double best = (double)INFINITY, best_scale[N_VALID];
    float response[N_VALID];
    int64_t k = 0;
    influence_toy_make(&it, TOY_QUANTITY, 130, 8, training, false);
    toy_make(&valid_rows, N_VALID, TOY_QUANTITY, 991);
    for (int i = 0; i < N_VALID; i++) { /* less certain than the model thinks */
        valid_rows.label[i] += i % 2 ? 1.5f : -1.5f;
    }
    gbt_dataset *valid = toy_dataset(&valid_rows, NULL, it.train, false);
    gbt_influence *of = influence_toy_open(&it, "method=ibug");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_interval(of, &targets, valid, location, scale, 8));

    ASSERT_C_OK(gbt_model_predict_dataset(it.model, valid, GBT_PREDICT_RESPONSE, 0, 0, 1, response,
                                          N_VALID));
    int *shared = count_shared(&it, valid), *target_shared = count_shared(&it, it.targets);
    for (int a = 0; a < N_ASKED; a++) {
        for (int i = 0; i < N_VALID; i++) {
            valid_location[i] = (double)response[i];
            own[i] = spread_of_nearest(&it, shared + i * it.n, asked[a]) + 1e-15;
        }
        const double value = likelihood(valid_location, own, valid_rows.label, N_VALID);
        if (value < best) {
            best = value;
            k = asked[a];
            memcpy(best_scale, own, sizeof own);
        }
    }
    double smallest = (double)INFINITY, gamma = 1.0, delta = 0.0;
    for (int i = 0; i < N_VALID; i++) {
        smallest = best_scale[i] > 1e-15 ? fmin(smallest, best_scale[i]) : smallest;
    }
    best = (double)INFINITY;
    for (int candidate = 0; candidate < 2 * 13 * 3; candidate++) {
        static const double factors[] = {1.0, 2.5, 5.0};
        const int power = candidate / 3 % 13 - 9; /* -9 stands for 0 */
        const double amount = power == -9 ? 0.0 : factors[candidate % 3] * pow(10.0, power);
        const bool is_product = candidate >= 13 * 3;
        if (is_product && amount == 0.0) {
            continue;
        }
        for (int i = 0; i < N_VALID; i++) {
            moved[i] = is_product ? best_scale[i] * amount : best_scale[i] + amount;
        }
        const double value = likelihood(valid_location, moved, valid_rows.label, N_VALID);
        if (value < best - 1e-12) {
            best = value;
            gamma = is_product ? amount : 1.0;
            delta = is_product ? 0.0 : amount;
        }
    }
    EXPECT_C_TRUE(gamma != 1.0 || delta != 0.0); /* else this test shows little */
    for (int j = 0; j < 8; j++) {
        const double want =
            fmax(spread_of_nearest(&it, target_shared + j * it.n, k), smallest) * gamma + delta;
        EXPECT_C_NEAR(scale[j], want, 1e-7 * want);
    }
    free(shared);
    free(target_shared);
    gbt_influence_free(of);
    gbt_dataset_free(valid);
    toy_free(&valid_rows);
    influence_toy_free(&it);
}

TEST_C(InfluenceIbug, IntervalsDoNotDependOnThreads)
{
    influence_toy it;
    double location[2][150], scale[2][150];
    influence_toy_make(&it, TOY_QUANTITY, 900, 150, training, false);
    for (int run = 0; run < 2; run++) {
        gbt_influence *of =
            influence_toy_open(&it, run == 0 ? "method=ibug threads=1" : "method=ibug threads=4");
        ASSERT_C_TRUE(of != NULL);
        const gbt_targets targets = {it.targets, NULL};
        ASSERT_C_OK(
            gbt_influence_interval(of, &targets, it.targets, location[run], scale[run], 150));
        gbt_influence_free(of);
    }
    EXPECT_C_EQ_BYTES(location[0], location[1], sizeof location[0]);
    EXPECT_C_EQ_BYTES(scale[0], scale[1], sizeof scale[0]);
    influence_toy_free(&it);
}

TEST_C(InfluenceIbug, IntervalsOfClassesAreRefused)
{
    influence_toy it;
    double location[1], scale[1];
    influence_toy_make(&it, TOY_BINARY, 60, 1, "objective=binary n_trees=3", false);
    gbt_influence *of = influence_toy_open(&it, "method=ibug");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    EXPECT_C_STATUS(gbt_influence_interval(of, &targets, NULL, location, scale, 1),
                    GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "binary");
    gbt_influence_free(of);
    influence_toy_free(&it);
}

static gbt_status ask(const gbt_influence *of, const gbt_targets *targets)
{
    float out[60];
    double location[2], scale[2];
    const gbt_status status = gbt_influence_dense(of, targets, NULL, NULL, out, 60);
    return status == GBT_OK ? gbt_influence_interval(of, targets, targets->rows, location, scale, 2)
                            : status;
}

TEST_C(InfluenceIbug, RefusedAllocationsLeakNothing)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, 30, 2, "objective=regression n_trees=2", false);
    EXPECT_C_EQ_TEXT(influence_toy_refusals(&it, "method=ibug threads=1", ask), NULL);
    influence_toy_free(&it);
}
