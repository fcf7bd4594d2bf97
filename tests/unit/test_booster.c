/* What a booster sets up: the leaves it makes room for, metrics by canonical names, memory
 * limits, classes of the model. The rounds themselves are proven in property/ and api/. */
#include "gbt/train/booster.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 400 };

static gbt_booster *booster_of(const char *options, toy_label label, gbt_dataset **train)
{
    toy data;
    gbt_booster *booster = NULL;
    toy_make(&data, ROWS, label, 4);
    gbt_params *params = toy_params(options);
    *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_OK(gbt_booster_create(params, *train, &booster));
    gbt_params_free(params);
    toy_free(&data);
    return booster;
}

static void close_booster(gbt_booster *booster, gbt_dataset *train)
{
    gbt_booster_free(booster);
    gbt_dataset_free(train);
}

/* Leaves that the rows cannot fill cost no memory. */
TEST_C(BoosterSetup, RoomIsMadeForLeavesThatTheRowsCanFill)
{
    static const struct {
        const char *options;
        int32_t max_leaves;
    } cases[] = {{"objective=regression max_leaves=65536 min_child_samples=20", ROWS / 20},
                 {"objective=regression max_leaves=10 min_child_samples=20", 10},
                 {"objective=regression max_leaves=31 min_child_samples=100000", 2},
                 {"objective=regression max_leaves=65536 min_child_samples=1", ROWS},
                 {"objective=regression grow_policy=symmetric max_depth=3", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gbt_dataset *train;
        int stopped = 0;
        gbt_booster *booster = booster_of(cases[i].options, TOY_QUANTITY, &train);
        EXPECT_C_EQ_INT(booster->grower.config.max_leaves, cases[i].max_leaves);
        EXPECT_C_OK(gbt_booster_step(booster, &stopped));
        EXPECT_C_TRUE(booster->model->trees[0]->n_leaves <= cases[i].max_leaves);
        close_booster(booster, train);
    }
}

/* Bounding the leaves that way changes no tree: the same as with a bound that the rows can fill. */
TEST_C(BoosterSetup, TheBoundOnLeavesDoesNotBind)
{
    gbt_dataset *train;
    int stopped = 0;
    gbt_booster *booster =
        booster_of("objective=regression max_leaves=65536 min_child_samples=1 min_data_in_bin=1",
                   TOY_QUANTITY, &train);
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    const gbt_tree *tree = booster->model->trees[0];
    EXPECT_C_TRUE(tree->n_leaves <
                  booster->grower.config.max_leaves); /* rows with equal bins stay together */
    close_booster(booster, train);
}

TEST_C(BoosterSetup, MetricsAreKeptByTheirCanonicalNames)
{
    gbt_dataset *train;
    gbt_booster *booster =
        booster_of("objective=binary metric=ROC_AUC,binary_logloss,auc", TOY_BINARY, &train);
    EXPECT_C_EQ_INT(booster->n_metrics, 2);
    EXPECT_C_EQ_TEXT(booster->params->metric, "auc,logloss");
    EXPECT_C_EQ_TEXT(gbt_booster_metric_name(booster, 1), "logloss");
    close_booster(booster, train);
    booster = booster_of("objective=mae", TOY_QUANTITY, &train);
    EXPECT_C_EQ_INT(booster->n_metrics, 1);
    EXPECT_C_EQ_TEXT(booster->params->metric, "mae");
    close_booster(booster, train);
}

TEST_C(BoosterSetup, TheModelKnowsItsClassesAndItsStart)
{
    gbt_dataset *train;
    gbt_booster *booster = booster_of("objective=multiclass", TOY_CLASSES, &train);
    const gbt_model *model = booster->model;
    double sum = 0.0;
    float label[ROWS];
    int32_t n_of[3] = {0, 0, 0};
    EXPECT_C_EQ_INT(booster->objective.n_classes, 3);
    EXPECT_C_OK(gbt_dataset_get(train, GBT_LABEL, label, GBT_F32, ROWS));
    for (int i = 0; i < ROWS; i++) {
        n_of[(int)label[i]]++;
    }
    for (int k = 0; k < 3; k++) {
        EXPECT_C_TRUE(model->class_label[k] == (float)k);
        EXPECT_C_NEAR(model->base_score[k], log((double)n_of[k] / ROWS), 1e-9);
        sum += exp(model->base_score[k]);
    }
    EXPECT_C_NEAR(sum, 1.0, 1e-9);
    EXPECT_C_EQ_INT(model->train_rows, ROWS);
    close_booster(booster, train);
    booster = booster_of("objective=multiclass boost_from_average=false", TOY_CLASSES, &train);
    EXPECT_C_TRUE(booster->model->base_score[0] == 0.0 && booster->model->base_score[2] == 0.0);
    close_booster(booster, train);
}

TEST_C(BoosterSetup, TheMemoryEstimateGrowsWithWhatIsAskedFor)
{
    toy data;
    toy_make(&data, ROWS, TOY_BINARY, 4);
    gbt_params *params = toy_params("objective=binary threads=1"),
               *wide = toy_params("max_leaves=1000 min_child_samples=1 threads=1");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    const int64_t one = gbt_booster_bytes(params, train, 1),
                  three = gbt_booster_bytes(params, train, 3);
    EXPECT_C_TRUE(one > ROWS * 12);             /* gradients and scores at least */
    EXPECT_C_TRUE(three >= one + 2 * ROWS * 4); /* scores of two more outputs */
    EXPECT_C_TRUE(gbt_booster_bytes(wide, train, 1) > one);
    gbt_dataset_free(train);
    gbt_params_free(params);
    gbt_params_free(wide);
    toy_free(&data);
}

TEST_C(BoosterSetup, TooManyTreesAreRefused)
{
    toy data;
    gbt_booster *booster = NULL;
    toy_make(&data, ROWS, TOY_CLASSES, 4);
    gbt_params *params = toy_params("objective=multiclass num_class=65536 n_trees=1000000");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_STATUS(gbt_booster_create(params, train, &booster), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "2^31");
    EXPECT_C_TRUE(booster == NULL);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

/* A training set that has shrunk to nothing by `like_model` cannot be trained on. */
TEST_C(BoosterSetup, NoRowsAreRefused)
{
    gbt_dataset *train, *empty = NULL;
    gbt_booster *booster = booster_of("objective=regression", TOY_QUANTITY, &train), *none = NULL;
    gbt_model *model = NULL;
    gbt_params *params = toy_params("objective=regression");
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 0); /* a model without trees is one */
    EXPECT_C_OK(gbt_dataset_like_model(model, &empty));
    EXPECT_C_STATUS(gbt_booster_create(params, empty, &none), GBT_ERR_DATA);
    EXPECT_C_TRUE(none == NULL);
    gbt_params_free(params);
    gbt_dataset_free(empty);
    gbt_model_free(model);
    close_booster(booster, train);
}

/* A failure in the middle of a round leaves the rounds before it. */
TEST_C(BoosterSetup, AFailedStepLeavesTheRoundsBefore)
{
    gbt_dataset *train;
    gbt_booster *booster = booster_of("objective=regression n_trees=5", TOY_QUANTITY, &train);
    float grad[ROWS], hess[ROWS];
    int stopped = 0;
    gbt_model *model = NULL;
    for (int i = 0; i < ROWS; i++) {
        grad[i] = NAN;
        hess[i] = 1.0f;
    }
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped), GBT_ERR_NUMERIC);
    EXPECT_C_TRUE(booster->fresh[0] == NULL);
    EXPECT_C_EQ_INT(booster->round, 1);
    EXPECT_C_EQ_INT(booster->model->n_trees, 1);
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    EXPECT_C_OK(gbt_model_verify(model));
    gbt_model_free(model);
    close_booster(booster, train);
}

/* Far from the labels all gradients of these losses are equal, so that nothing can be split: the
 * single leaf must bring the scores nearer until something can. */
TEST_C(BoosterSetup, ALeafThatStillMovesTheScoresIsNoEnd)
{
    static const char *const options[] = {
        "objective=mae boost_from_average=false learning_rate=0.5 n_trees=60",
        "objective=quantile quantile=0.3 boost_from_average=false learning_rate=0.5 n_trees=60",
        "objective=huber huber_delta=2 boost_from_average=false learning_rate=0.5 n_trees=60"};
    for (int i = 0; i < 3; i++) {
        toy data;
        int32_t n_split = 0;
        toy_make(&data, ROWS, TOY_QUANTITY, 4);
        for (int r = 0; r < ROWS; r++) {
            data.label[r] += 7.0f; /* all labels far above zero */
        }
        gbt_params *params = toy_params(options[i]);
        gbt_dataset *train = toy_dataset(&data, params, NULL, false);
        gbt_model *model = toy_train(params, train);
        EXPECT_C_EQ_INT(gbt_model_rounds(model), 60);
        EXPECT_C_EQ_INT(model->trees[0]->n_leaves, 1);
        for (int32_t t = 0; t < model->n_trees; t++) {
            n_split += model->trees[t]->n_leaves > 1;
        }
        EXPECT_C_TRUE(n_split > 10);
        gbt_model_free(model);
        gbt_dataset_free(train);
        gbt_params_free(params);
        toy_free(&data);
    }
}

/* Leaves that move the scores by less than the gradients are rounded by do end it. */
TEST_C(BoosterSetup, SettledScoresAreTheEnd)
{
    static const char *const options[] = {
        "objective=regression min_child_samples=300",
        "objective=mae min_child_samples=300",
        "objective=huber min_child_samples=300",
        "objective=quantile quantile=0.9 min_child_samples=300",
        "objective=regression reg_alpha=1e9 boost_from_average=false",
        "min_child_samples=300 boost_from_average=false learning_rate=1 reg_lambda=0"};
    for (int i = 0; i < 6; i++) {
        gbt_dataset *train;
        int stopped = 0, n = 0;
        gbt_booster *booster = booster_of(options[i], TOY_QUANTITY, &train);
        for (; n < 50 && !stopped; n++) {
            EXPECT_C_OK(gbt_booster_step(booster, &stopped));
        }
        EXPECT_C_TRUE(stopped && n <= 3);
        close_booster(booster, train);
    }
}

/* A round that fails after its first tree has changed the scores; no further round may build on
 * them. */
TEST_C(BoosterSetup, ARoundThatFailsHalfWayEndsTheBooster)
{
    gbt_dataset *train;
    gbt_booster *booster = booster_of("objective=multiclass n_trees=5", TOY_CLASSES, &train);
    static float grad[3 * ROWS], hess[3 * ROWS];
    int stopped = 0;
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    for (int i = 0; i < 3 * ROWS; i++) {
        grad[i] = (float)(i % 5) - 2.0f;
        hess[i] = 1.0f;
    }
    grad[2 * ROWS + 7] = NAN; /* of the third output */
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, 3 * ROWS, &stopped),
                    GBT_ERR_NUMERIC);
    EXPECT_C_STATUS(gbt_booster_step(booster, &stopped), GBT_ERR_STATE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "half-way");
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 1);
    EXPECT_C_OK(gbt_model_verify(model));
    gbt_model_free(model);
    close_booster(booster, train);
}
