/* Learning rates that change between rounds, and the order of a booster's metrics. */
#include <stdlib.h>

#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 600, ROUNDS = 4 };

/* Steps with a learning rate for each round, 0: leave it. */
static gbt_model *train_with_rates(const toy *data, const char *options, const double *rate)
{
    gbt_params *params = toy_params(options);
    gbt_dataset *train = toy_dataset(data, params, NULL, false);
    gbt_booster *booster = NULL;
    gbt_model *model = NULL;
    int stopped = 0;
    EXPECT_C_OK(gbt_booster_create(params, train, &booster));
    for (int round = 0; round < ROUNDS; round++) {
        if (rate[round] > 0.0) {
            EXPECT_C_OK(gbt_booster_set_learning_rate(booster, rate[round]));
        }
        EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    }
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return model;
}

static void expect_same_predictions(const toy *data, const gbt_model *a, const gbt_model *b)
{
    static float x[ROWS], y[ROWS];
    const gbt_matrix matrix = toy_matrix(data);
    EXPECT_C_OK(gbt_model_predict(a, &matrix, GBT_PREDICT_RAW, 0, 0, 1, x, ROWS));
    EXPECT_C_OK(gbt_model_predict(b, &matrix, GBT_PREDICT_RAW, 0, 0, 1, y, ROWS));
    EXPECT_C_EQ_BYTES(x, y, sizeof x);
}

TEST_C(LearningRate, SetBeforeEveryRoundItIsTheParameter)
{
    toy data;
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    static const double always[ROUNDS] = {0.3, 0, 0, 0}, never[ROUNDS] = {0};
    gbt_model *set = train_with_rates(&data, "objective=regression", always);
    gbt_model *given = train_with_rates(&data, "objective=regression learning_rate=0.3", never);
    expect_same_predictions(&data, set, given);
    gbt_model_free(set);
    gbt_model_free(given);
    toy_free(&data);
}

TEST_C(LearningRate, ALaterRateLeavesTheRoundsBeforeAsTheyAre)
{
    toy data;
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    static const double later[ROUNDS] = {0, 0, 0.01, 0}, never[ROUNDS] = {0};
    gbt_model *changed = train_with_rates(&data, "objective=regression", later);
    gbt_model *plain = train_with_rates(&data, "objective=regression", never);
    gbt_model *first = NULL, *same = NULL;
    EXPECT_C_OK(gbt_model_slice(changed, 0, 2, NULL, &first));
    EXPECT_C_OK(gbt_model_slice(plain, 0, 2, NULL, &same));
    expect_same_predictions(&data, first, same);
    float low[1024], high[1024]; /* leaf values of the third tree: a tenth of the plain ones */
    int32_t n = 0;
    EXPECT_C_OK(gbt_model_tree_leaves(changed, 2, &n));
    EXPECT_C_OK(gbt_model_leaf_values(changed, 2, low, n));
    EXPECT_C_OK(gbt_model_leaf_values(plain, 2, high, n));
    for (int32_t leaf = 0; leaf < n; leaf++) {
        EXPECT_C_NEAR(10.0 * (double)low[leaf], (double)high[leaf], 1e-5);
    }
    gbt_model_free(first);
    gbt_model_free(same);
    gbt_model_free(changed);
    gbt_model_free(plain);
    toy_free(&data);
}

TEST_C(LearningRate, OutsideItsRangeItIsRefused)
{
    toy data;
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    gbt_params *params = toy_params("objective=regression");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_booster *booster = NULL;
    EXPECT_C_OK(gbt_booster_create(params, train, &booster));
    static const double wrong[] = {0.0, -0.1, 1.5};
    for (int i = 0; i < 3; i++) {
        EXPECT_C_EQ_INT(gbt_booster_set_learning_rate(booster, wrong[i]), GBT_ERR_PARAM);
    }
    EXPECT_C_EQ_INT(gbt_booster_set_learning_rate(NULL, 0.1), GBT_ERR_ARGUMENT);
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(BoosterMetric, KnowsWhichValueIsBetter)
{
    toy data;
    toy_make(&data, ROWS, TOY_BINARY, 1);
    gbt_params *params = toy_params("objective=binary metric=logloss,auc");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_booster *booster = NULL;
    EXPECT_C_OK(gbt_booster_create(params, train, &booster));
    EXPECT_C_EQ_INT(gbt_booster_metric_is_better(booster, 0, 0.1, 0.2), 1);
    EXPECT_C_EQ_INT(gbt_booster_metric_is_better(booster, 0, 0.2, 0.2), 0);
    EXPECT_C_EQ_INT(gbt_booster_metric_is_better(booster, 1, 0.1, 0.2), 0);
    EXPECT_C_EQ_INT(gbt_booster_metric_is_better(booster, 1, 0.9, 0.2), 1);
    EXPECT_C_EQ_INT(gbt_booster_metric_is_better(booster, 2, 0.9, 0.2), 0);
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}
