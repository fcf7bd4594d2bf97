/* Grouping of tasks: average linkage and the silhouette against their definitions, and tasks that
 * belong together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/modules/multitask_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/task_toy.h"
#include "tests/support/toy.h"

enum { MOST = 12 };

static void draw_distances(uint64_t seed, int32_t n, int levels, double *distance)
{
    const uint64_t key = gbt_rng_key(seed, 1, 2, GBT_RNG_SYNTH);
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j <= i; j++) { /* few levels: many ties */
            const double draw = gbt_rng_unit(key, (uint64_t)(i * n + j));
            const double d = i == j ? 0.0 : levels > 0 ? 1.0 + floor(draw * levels) : 0.1 + draw;
            distance[i * n + j] = distance[j * n + i] = d;
        }
    }
}

/* Mean of (b - a) / max(a, b) by its definition. */
static double silhouette_by_definition(const double *distance, int32_t n, const int32_t *group)
{
    double total = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double mean[MOST] = {0}, least = HUGE_VAL;
        int32_t count[MOST] = {0};
        for (int32_t j = 0; j < n; j++) {
            if (j != i) {
                mean[group[j]] += distance[i * n + j];
                count[group[j]]++;
            }
        }
        for (int32_t g = 0; g < n; g++) {
            if (g != group[i] && count[g] > 0) {
                least = fmin(least, mean[g] / count[g]);
            }
        }
        if (count[group[i]] > 0) {
            const double own = mean[group[i]] / count[group[i]];
            total += fmax(own, least) > 0.0 ? (least - own) / fmax(own, least) : 0.0;
        }
    }
    return total / n;
}

/* Average linkage from scratch at every step: the mean distance of all pairs. */
static void cluster_by_definition(const double *distance, int32_t n, int32_t k, int32_t *group)
{
    for (int32_t i = 0; i < n; i++) {
        group[i] = i;
    }
    for (int32_t left = n; left > k; left--) {
        double least = HUGE_VAL;
        int32_t a = -1, b = -1;
        for (int32_t g = 0; g < n; g++) {
            for (int32_t h = g + 1; h < n; h++) {
                double sum = 0.0;
                int32_t pairs = 0;
                for (int32_t i = 0; i < n; i++) {
                    for (int32_t j = 0; j < n; j++) {
                        if (group[i] == g && group[j] == h) {
                            sum += distance[i * n + j];
                            pairs++;
                        }
                    }
                }
                if (pairs > 0 && sum / pairs < least - 1e-12) {
                    least = sum / pairs;
                    a = g;
                    b = h;
                }
            }
        }
        for (int32_t i = 0; i < n; i++) {
            group[i] = group[i] == b ? a : group[i];
        }
    }
}

static bool same_partition(const int32_t *a, const int32_t *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < i; j++) {
            if ((a[i] == a[j]) != (b[i] == b[j])) {
                return false;
            }
        }
    }
    return true;
}

TEST_C(MultitaskCluster, TheCutWithTheBestSilhouetteOfAverageLinkageIsFound)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        const int32_t n = 3 + (int32_t)(seed % 9), most = 2 + (int32_t)(seed % 7);
        double distance[MOST * MOST], best = -2.0;
        int32_t group[MOST], want[MOST] = {0}, n_groups = 0;
        draw_distances(seed, n, 0, distance);
        EXPECT_C_OK(gbt_cluster_tasks(distance, n, most, group, &n_groups));
        for (int32_t k = 2; k <= n && k <= most; k++) {
            int32_t tried[MOST];
            cluster_by_definition(distance, n, k, tried);
            const double value = silhouette_by_definition(distance, n, tried);
            EXPECT_C_NEAR(gbt_cluster_silhouette(distance, n, tried), value, 1e-12);
            if (value > best + 1e-12) {
                best = value;
                memcpy(want, tried, sizeof want);
            }
        }
        EXPECT_C_TRUE(same_partition(group, want, n));
        EXPECT_C_TRUE(n_groups >= 2 && n_groups <= most);
    }
}

TEST_C(MultitaskCluster, GroupsAreNumberedByTheirFirstTaskAndTiesHaveOneAnswer)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        double distance[MOST * MOST];
        int32_t group[MOST], n_groups = 0, next = 0;
        draw_distances(seed, MOST, 3, distance);
        EXPECT_C_OK(gbt_cluster_tasks(distance, MOST, MOST, group, &n_groups));
        for (int32_t i = 0; i < MOST; i++) {
            EXPECT_C_TRUE(group[i] >= 0 && group[i] <= next);
            next += group[i] == next;
        }
        EXPECT_C_EQ_INT(next, n_groups);
        EXPECT_C_TRUE(n_groups >= 2);
    }
}

TEST_C(MultitaskCluster, OneOrTwoTasksAreTheirOwnGroups)
{
    const double distance[4] = {0, 0.1, 0.1, 0};
    int32_t group[2], n_groups = 0;
    EXPECT_C_OK(gbt_cluster_tasks(distance, 1, 20, group, &n_groups));
    EXPECT_C_EQ_INT(n_groups, 1);
    EXPECT_C_OK(gbt_cluster_tasks(distance, 2, 20, group, &n_groups));
    EXPECT_C_EQ_INT(n_groups, 2);
    EXPECT_C_EQ_INT(group[1], 1);
}

TEST_C(MultitaskCluster, DistancesAreOneMinusTheCosineOfInverseErrors)
{
    const double error[9] = {0.5, 1.0, 2.0, 1.0, 0.5, 4.0, 3.0, 3.0, 0.25};
    double distance[9];
    gbt_cluster_distances(error, 3, distance);
    const double q[3][3] = {{2.0, 1.0, 0.5}, {1.0, 2.0, 0.25}, {1 / 3.0, 1 / 3.0, 4.0}};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double dot = 0.0, a = 0.0, b = 0.0;
            for (int k = 0; k < 3; k++) {
                dot += q[i][k] * q[j][k];
                a += q[i][k] * q[i][k];
                b += q[j][k] * q[j][k];
            }
            EXPECT_C_NEAR(distance[3 * i + j], 1.0 - dot / sqrt(a * b), 1e-7);
            EXPECT_C_TRUE(distance[3 * i + j] == distance[3 * j + i]);
        }
    }
}

/* Six tasks, of which every second one has the labels of the other kind. */
static void expect_two_groups(task_toy_label label, const char *more, int32_t n_rows)
{
    char options[300];
    task_toy t;
    task_toy_make(&t, n_rows, 6, label, 31);
    for (int64_t i = 0; i < n_rows; i++) {
        const float *x = t.x + i * TASK_TOY_FEATURES;
        const int odd = (t.task[i] - 10) / 3 % 2;
        const double value = odd ? 4.0 * (double)x[2] - 1.0 : 1.0 - 3.0 * (double)x[0];
        t.label[i] = label == TASK_TOY_BINARY ? (float)(value > 0.0) : (float)value;
    }
    (void)snprintf(options, sizeof options,
                   "mode=clustered n_trees_shared=20 n_trees_task=0 min_child_samples=3 %s", more);
    gbt_multitask *model = task_toy_train(&t, options, false);
    if (EXPECT_C_TRUE(model != NULL)) {
        EXPECT_C_EQ_INT(model->n_groups, 2);
        for (int32_t r = 0; r < 6; r++) {
            gbt_task_info info;
            EXPECT_C_OK(gbt_multitask_task(model, r, &info));
            EXPECT_C_EQ_INT(info.cluster, r % 2);
        }
    }
    gbt_multitask_free(model);
    task_toy_free(&t);
}

TEST_C(MultitaskCluster, TwoKindsOfTasksAreExactlyTwoGroups)
{
    expect_two_groups(TASK_TOY_QUANTITY, "objective=regression", 900);
    expect_two_groups(TASK_TOY_QUANTITY, "objective=regression", 2400); /* more than are probed */
    expect_two_groups(TASK_TOY_QUANTITY, "objective=regression cluster_folds=2", 300);
    expect_two_groups(TASK_TOY_BINARY, "objective=binary", 900);
}

TEST_C(MultitaskCluster, TinyTasksAndTasksWithoutWeightDoNotStopClustering)
{
    task_toy t;
    task_toy_make(&t, 200, 4, TASK_TOY_QUANTITY, 5);
    t.task[0] = 500; /* a task of one row */
    t.task[1] = 501;
    t.task[2] = 501; /* two rows, without weight */
    t.weight[1] = t.weight[2] = 0.0f;
    for (int folds = 0; folds <= 4; folds += 2) {
        char options[200];
        (void)snprintf(options, sizeof options,
                       "mode=clustered n_trees_shared=4 n_trees_task=2 cluster_folds=%d "
                       "cluster_trees=5 min_child_samples=3",
                       folds);
        gbt_multitask *model = task_toy_train(&t, options, true);
        ASSERT_C_TRUE(model != NULL);
        EXPECT_C_TRUE(model->n_groups >= 2 && model->n_groups <= 6);
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}
