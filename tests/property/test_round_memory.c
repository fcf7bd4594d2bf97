/* From round 2 on a round allocates its trees and nothing else. (The reference backend may do as
 * it likes.) */
#include <stdio.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 2000, ROUNDS = 8 };

typedef struct round_case {
    toy_label label;
    const char *options;
} round_case;

static const round_case cases[] = {
    {TOY_QUANTITY, "objective=regression metric=rmse,mae"},
    {TOY_QUANTITY, "objective=mae metric=mae"}, /* leaves are renewed */
    {TOY_QUANTITY, "objective=quantile quantile=0.9 grow_policy=depthwise max_leaves=20"},
    {TOY_BINARY, "objective=binary metric=auc,logloss,error subsample=0.6 subsample_freq=2"},
    {TOY_BINARY, "objective=binary grow_policy=symmetric max_depth=5 colsample_bytree=0.5"},
    {TOY_BINARY,
     "objective=binary colsample_bylevel=0.6 colsample_bynode=0.6 min_data_per_group=10"},
    {TOY_CLASSES, "objective=multiclass metric=multi_logloss,multi_error"},
    {TOY_CLASSES, "objective=multiclassova gradient_bits=32"},
    {TOY_BINARY, "objective=binary gradient_bits=8 max_leaves=255 min_child_samples=2"},
};

enum { N_CASES = (int)(sizeof cases / sizeof cases[0]) };

/* A round with all that a user reads after it. */
static void do_round(gbt_booster *booster, float *scores, int64_t n)
{
    int stopped = 0;
    double value = 0.0;
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    for (int data = -1; data < 2; data++) {
        for (int m = 0; m < gbt_booster_metric_count(booster); m++) {
            EXPECT_C_OK(gbt_booster_metric(booster, data, m, &value));
        }
        EXPECT_C_OK(gbt_booster_scores(booster, data, scores, n));
    }
}

/* The library's allocations in each of the rounds 2, 3, ... */
static void count_rounds(const round_case *c, const char *more)
{
    char text[256];
    toy data, other;
    gbt_booster *booster = NULL;
    snprintf(text, sizeof text, "%s %s", c->options, more);
    toy_make(&data, ROWS, c->label, 3);
    toy_make(&other, ROWS, c->label, 4);
    fail_alloc_install(0);
    gbt_params *params = toy_params(text);
    gbt_dataset *train = toy_dataset(&data, params, NULL, true);
    gbt_dataset *valid = toy_dataset(&other, params, train, false);
    EXPECT_C_OK(gbt_booster_create(params, train, &booster));
    EXPECT_C_OK(gbt_booster_add_valid(booster, valid, "a"));
    EXPECT_C_OK(gbt_booster_add_valid(booster, valid, "b"));
    const int32_t n_outputs = gbt_booster_outputs(booster);
    const int64_t n = (int64_t)ROWS * n_outputs;
    float *scores = malloc((size_t)n * sizeof *scores);
    do_round(booster, scores, n);
    for (int r = 2; r <= ROUNDS; r++) {
        const int64_t before = fail_alloc_calls(), own_before = gbt_alloc_calls(),
                      live = fail_alloc_live();
        do_round(booster, scores, n);
        const bool is_exact = EXPECT_C_EQ_INT(fail_alloc_calls() - before, n_outputs) &&
                              EXPECT_C_EQ_INT(gbt_alloc_calls() - own_before, n_outputs) &&
                              EXPECT_C_EQ_INT(fail_alloc_live() - live, n_outputs);
        if (!is_exact) {
            printf("round %d: %s\n", r, text);
            break;
        }
    }
    free(scores);
    gbt_booster_free(booster);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    gbt_params_free(params);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
    toy_free(&data);
    toy_free(&other);
}

TEST_C(RoundMemory, ARoundOfTheCpuBackendAllocatesItsTreesOnly)
{
    for (int i = 0; i < N_CASES; i++) {
        count_rounds(&cases[i], "threads=1");
    }
}

TEST_C(RoundMemory, ARoundWithThreadsAllocatesItsTreesOnly)
{
    for (int i = 0; i < N_CASES; i++) {
        count_rounds(&cases[i], "threads=3");
    }
}

/* Custom gradients too. */
TEST_C(RoundMemory, ARoundOnCustomGradientsAllocatesItsTreeOnly)
{
    toy data;
    gbt_booster *booster = NULL;
    int stopped = 0;
    float grad[ROWS], hess[ROWS];
    toy_make(&data, ROWS, TOY_QUANTITY, 3);
    gbt_params *params = toy_params("objective=regression threads=2");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_OK(gbt_booster_create(params, train, &booster));
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < ROWS; i++) {
            grad[i] = -data.label[i] * (float)(r + 1);
            hess[i] = 1.0f;
        }
        const int64_t before = gbt_alloc_calls();
        EXPECT_C_OK(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped));
        EXPECT_C_TRUE(r == 0 || gbt_alloc_calls() - before == 1);
    }
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}
