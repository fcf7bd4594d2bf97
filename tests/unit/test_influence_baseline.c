/* random, target, minority, loss: ranges, moments and what they do not depend on. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/influence_toy.h"

TEST_C(InfluenceBaseline, RandomDrawsAreStandardNormal)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, 4000, 25, "objective=regression n_trees=20", false);
    gbt_influence *of = influence_toy_open(&it, "method=random");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    const int64_t n = it.n * it.n_targets;
    double sum = 0.0, squares = 0.0, fourth = 0.0, below = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double x = (double)found[i];
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        below += x < -1.0;
    }
    /* Five standard errors: sqrt(1 / n), sqrt(2 / n), sqrt(96 / n), sqrt(p (1 - p) / n). */
    const double error = 5.0 / sqrt((double)n);
    EXPECT_C_NEAR(sum / (double)n, 0.0, error);
    EXPECT_C_NEAR(squares / (double)n, 1.0, error * sqrt(2.0));
    EXPECT_C_NEAR(fourth / (double)n, 3.0, error * sqrt(96.0));
    EXPECT_C_NEAR(below / (double)n, 0.15865525, error * 0.366);
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceBaseline, SeedsChangeTheDrawsAndNothingElseDoes)
{
    influence_toy it, other;
    influence_toy_make(&it, TOY_BINARY, 100, 8, "objective=binary n_trees=5 seed=1", false);
    influence_toy_make(&other, TOY_BINARY, 100, 8, "objective=binary n_trees=5 seed=2", false);
    gbt_influence *of = influence_toy_open(&it, "method=target threads=1");
    gbt_influence *again = influence_toy_open(&it, "method=target threads=3");
    gbt_influence *seeded = influence_toy_open(&other, "method=target");
    ASSERT_C_TRUE(of != NULL && again != NULL && seeded != NULL);
    float *a = influence_toy_dense(&it, of), *b = influence_toy_dense(&it, again);
    float *c = influence_toy_dense(&other, seeded);
    const size_t bytes = (size_t)(it.n * it.n_targets) * sizeof *a;
    EXPECT_C_EQ_BYTES(a, b, bytes);
    EXPECT_C_TRUE(memcmp(a, c, bytes) != 0);
    /* One target asked alone gets what it got among others. */
    const int64_t row = 5;
    gbt_dataset *alone = NULL;
    ASSERT_C_OK(gbt_dataset_subset(it.targets, &row, 1, &alone));
    const gbt_targets one = {alone, NULL};
    ASSERT_C_OK(gbt_influence_dense(of, &one, NULL, NULL, b, it.n));
    EXPECT_C_EQ_BYTES(b, a + row * it.n, (size_t)it.n * sizeof *a);
    gbt_dataset_free(alone);
    free(a);
    free(b);
    free(c);
    gbt_influence_free(of);
    gbt_influence_free(again);
    gbt_influence_free(seeded);
    influence_toy_free(&it);
    influence_toy_free(&other);
}

TEST_C(InfluenceBaseline, TargetFavoursTheSameClass)
{
    influence_toy it;
    influence_toy_make(&it, TOY_CLASSES, 500, 20, "objective=multiclass n_trees=3", false);
    gbt_influence *of = influence_toy_open(&it, "method=target");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    double sum = 0.0, count = 0.0;
    for (int64_t j = 0; j < it.n_targets; j++) {
        for (int64_t i = 0; i < it.n; i++) {
            const double value = (double)found[j * it.n + i];
            const bool is_same = it.train_rows.label[i] == it.target_rows.label[j];
            EXPECT_C_TRUE(is_same ? value >= 0.0 && value < 1.0 : value >= -1.0 && value < 0.0);
            sum += is_same ? value : value + 1.0;
            count += 1.0;
        }
    }
    EXPECT_C_NEAR(sum / count, 0.5, 5.0 * 0.2887 / sqrt(count));
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceBaseline, TargetOfAQuantityIsInverseDistancePlusOneDraw)
{
    influence_toy it;
    influence_toy_make(&it, TOY_DYADIC, 200, 10, "objective=regression n_trees=3", false);
    gbt_influence *of = influence_toy_open(&it, "method=target");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    int n_equal = 0;
    for (int64_t j = 0; j < it.n_targets; j++) {
        double shift = (double)NAN;
        for (int64_t i = 0; i < it.n; i++) {
            const double distance =
                fabs((double)it.train_rows.label[i] - (double)it.target_rows.label[j]);
            const double value = (double)found[j * it.n + i];
            if (distance == 0.0) {
                EXPECT_C_TRUE(value == (double)FLT_MAX);
                n_equal++;
                continue;
            }
            shift = isnan(shift) ? value - 1.0 / distance : shift;
            EXPECT_C_NEAR(value - 1.0 / distance, shift, 1e-5);
        }
        EXPECT_C_TRUE(fabs(shift) < 30.0 && shift != 0.0);
    }
    EXPECT_C_TRUE(n_equal > 0);
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceBaseline, MinorityRanksClassesByTheirRarity)
{
    influence_toy it;
    double count[3] = {0.0, 0.0, 0.0};
    influence_toy_make(&it, TOY_CLASSES, 400, 1, "objective=multiclass n_trees=3", false);
    gbt_influence *of = influence_toy_open(&it, "method=minority");
    double *found = malloc((size_t)it.n * sizeof *found);
    ASSERT_C_TRUE(of != NULL);
    ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, found, it.n));
    for (int64_t i = 0; i < it.n; i++) {
        count[(int)it.train_rows.label[i]] += 1.0;
    }
    EXPECT_C_TRUE(count[0] != count[1] && count[1] != count[2] && count[0] != count[2]);
    for (int64_t i = 0; i < it.n; i++) {
        const double own = count[(int)it.train_rows.label[i]];
        const double rank = (count[0] < own) + (count[1] < own) + (count[2] < own);
        EXPECT_C_TRUE(found[i] >= -rank && found[i] < 1.0 - rank);
    }
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

TEST_C(InfluenceBaseline, MinorityOfAQuantityIsTheDistanceToTheMedianPlusOneDraw)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, 101, 1, "objective=regression n_trees=3", false);
    gbt_influence *of = influence_toy_open(&it, "method=minority");
    double *found = malloc((size_t)it.n * sizeof *found);
    float *sorted = malloc((size_t)it.n * sizeof *sorted);
    ASSERT_C_TRUE(of != NULL);
    ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, found, it.n));
    memcpy(sorted, it.train_rows.label, (size_t)it.n * sizeof *sorted);
    qsort(sorted, (size_t)it.n, sizeof *sorted, compare);
    const double median = (double)sorted[50];
    const double shift = found[0] - fabs((double)it.train_rows.label[0] - median);
    for (int64_t i = 0; i < it.n; i++) {
        EXPECT_C_NEAR(found[i] - fabs((double)it.train_rows.label[i] - median), shift, 1e-12);
    }
    free(found);
    free(sorted);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceBaseline, LossIsTheRowsOwn)
{
    influence_toy it;
    influence_toy_make(&it, TOY_BINARY, 150, 1, "objective=binary n_trees=10", false);
    gbt_influence *of = influence_toy_open(&it, "method=loss");
    double *found = malloc((size_t)it.n * sizeof *found);
    ASSERT_C_TRUE(of != NULL);
    ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, found, it.n));
    double *score = influence_toy_scores(it.model, it.train);
    for (int64_t i = 0; i < it.n; i++) {
        const double sign = it.train_rows.label[i] > 0.5f ? 1.0 : -1.0;
        EXPECT_C_NEAR(found[i], log(1.0 + exp(-sign * score[i])), 1e-5);
    }
    free(score);
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceBaseline, RankingsOfRowsByThemselvesKnowNoTargets)
{
    static const char *const methods[] = {"method=minority", "method=loss"};
    influence_toy it;
    influence_toy_make(&it, TOY_BINARY, 50, 1, "objective=binary n_trees=2", false);
    for (int m = 0; m < 2; m++) {
        gbt_influence *of = influence_toy_open(&it, methods[m]);
        float out[50];
        double sum[50];
        const gbt_targets targets = {it.targets, NULL};
        ASSERT_C_TRUE(of != NULL);
        EXPECT_C_STATUS(gbt_influence_dense(of, &targets, NULL, NULL, out, 50),
                        GBT_ERR_UNSUPPORTED);
        EXPECT_C_STATUS(gbt_influence_sum(of, &targets, NULL, NULL, sum, 50), GBT_ERR_UNSUPPORTED);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "scope = self");
        gbt_influence_free(of);
    }
    influence_toy_free(&it);
}

static gbt_status ask_targets(const gbt_influence *of, const gbt_targets *targets)
{
    float out[60];
    double self[30];
    const gbt_status status = gbt_influence_dense(of, targets, NULL, NULL, out, 60);
    return status == GBT_OK ? gbt_influence_self(of, NULL, NULL, self, 30) : status;
}

static gbt_status ask_rows(const gbt_influence *of, const gbt_targets *targets)
{
    double self[30];
    (void)targets;
    return gbt_influence_self(of, NULL, NULL, self, 30);
}

TEST_C(InfluenceBaseline, RefusedAllocationsLeakNothing)
{
    static const struct {
        const char *keys;
        influence_toy_use ask;
    } cases[] = {{"method=random threads=1", ask_targets},
                 {"method=target threads=1", ask_targets},
                 {"method=minority threads=1", ask_rows},
                 {"method=loss threads=1", ask_rows}};
    for (int c = 0; c < 8; c++) {
        influence_toy it;
        const bool has_classes = c >= 4;
        influence_toy_make(
            &it, has_classes ? TOY_BINARY : TOY_QUANTITY, 30, 2,
            has_classes ? "objective=binary n_trees=2" : "objective=regression n_trees=2", false);
        EXPECT_C_EQ_TEXT(influence_toy_refusals(&it, cases[c % 4].keys, cases[c % 4].ask), NULL);
        influence_toy_free(&it);
    }
}
