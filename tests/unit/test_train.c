/* The loop around a booster: when it stops, what it watches, what it says. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/train/booster.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 600, MOST_ROUNDS = 200 };

typedef struct watched {
    int n;
    int32_t round[MOST_ROUNDS], best_round[MOST_ROUNDS];
    double value[MOST_ROUNDS], best_value[MOST_ROUNDS];
} watched;

static int watch(const gbt_round_info *info, void *user)
{
    watched *w = user;
    if (w->n < MOST_ROUNDS) {
        w->round[w->n] = info->round;
        w->best_round[w->n] = info->best_round;
        w->best_value[w->n] = info->best_value;
        w->value[w->n++] = info->n_values > 0 ? info->value[0] : (double)NAN;
    }
    return 0;
}

/* Trains with one validation set of other rows (none: `has_valid` false). */
static gbt_model *run(const char *options, toy_label label, bool has_valid, watched *w)
{
    toy data, other;
    gbt_model *model = NULL;
    toy_make(&data, ROWS, label, 14);
    toy_make(&other, ROWS, label, 15);
    gbt_params *params = toy_params(options);
    gbt_dataset *train = toy_dataset(&data, params, NULL, false),
                *valid = toy_dataset(&other, params, train, false);
    const gbt_dataset *const sets[] = {valid};
    memset(w, 0, sizeof *w);
    EXPECT_C_OK(gbt_train(params, train, sets, NULL, has_valid, watch, w, &model));
    gbt_dataset_free(train);
    gbt_dataset_free(valid);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&other);
    return model;
}

/* The best round by definition: the first with the best value so far. */
static void expect_best(const watched *w, bool larger_is_better)
{
    int best = 0;
    for (int i = 0; i < w->n; i++) {
        best = larger_is_better ? (w->value[i] > w->value[best] ? i : best)
                                : (w->value[i] < w->value[best] ? i : best);
        EXPECT_C_EQ_INT(w->round[i], i + 1);
        EXPECT_C_EQ_INT(w->best_round[i], best + 1);
        EXPECT_C_TRUE(w->best_value[i] == w->value[best]);
    }
}

TEST_C(Train, TheBestRoundIsTheFirstOfTheBestValues)
{
    watched w;
    gbt_model_free(
        run("objective=binary metric=logloss n_trees=40 learning_rate=0.8 early_stopping_rounds=0",
            TOY_BINARY, true, &w));
    EXPECT_C_EQ_INT(w.n, 40);
    expect_best(&w, false);
    gbt_model_free(
        run("objective=binary metric=auc n_trees=40 learning_rate=0.8 early_stopping_rounds=0",
            TOY_BINARY, true, &w));
    EXPECT_C_EQ_INT(w.n, 40);
    expect_best(&w, true);
}

TEST_C(Train, PatienceIsCountedInRoundsNotInReports)
{
    watched w;
    gbt_model *model =
        run("objective=binary metric=logloss n_trees=190 learning_rate=0.9 early_stopping_rounds=6 "
            "metric_every=4",
            TOY_BINARY, true, &w);
    const int last = w.n - 1;
    ASSERT_C_TRUE(last > 0);
    for (int i = 0; i < last; i++) {
        EXPECT_C_EQ_INT(w.round[i], 4 * (i + 1));
    }
    EXPECT_C_EQ_INT(w.round[last], w.best_round[last] + 6); /* reported though not due */
    EXPECT_C_EQ_INT(model->best_round, w.best_round[last]);
    EXPECT_C_TRUE(model->best_value == w.best_value[last]);
    EXPECT_C_EQ_INT(gbt_model_rounds(model), w.best_round[last]);
    gbt_model_free(model);
}

TEST_C(Train, WithoutValidationRowsEveryRoundIsKept)
{
    watched w;
    gbt_model *model = run("objective=regression n_trees=7", TOY_QUANTITY, false, &w);
    EXPECT_C_EQ_INT(w.n, 7);
    EXPECT_C_TRUE(isnan(w.value[0]));
    EXPECT_C_EQ_INT(w.best_round[6], 0);
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 7);
    EXPECT_C_EQ_INT(model->best_round, 0);
    gbt_model_free(model);
}

TEST_C(Train, MaxSecondsEndsAfterTheRoundThatReachesIt)
{
    watched w;
    gbt_model *model =
        run("objective=regression n_trees=1000000 max_seconds=1e-9", TOY_QUANTITY, false, &w);
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 1);
    EXPECT_C_EQ_INT(w.n, 1); /* the last round is reported */
    gbt_model_free(model);
}

/* A sampled round without a split is no end: the next sample may have one. */
TEST_C(Train, AnUnluckySampleDoesNotEndTraining)
{
    watched w;
    gbt_model *model = run("objective=regression n_trees=9 min_child_samples=295 subsample=0.98",
                           TOY_QUANTITY, false, &w);
    bool some_stay_whole = false;
    for (int32_t t = 0; t < model->n_trees; t++) {
        some_stay_whole = some_stay_whole || model->trees[t]->n_leaves == 1;
    }
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 9);
    EXPECT_C_TRUE(some_stay_whole);
    gbt_model_free(model);
    model = run("objective=regression n_trees=9 min_child_samples=400", TOY_QUANTITY, false, &w);
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 1); /* all rows, no split: no later round has one */
    gbt_model_free(model);
}

/* The held-out rows are the same whatever else is asked for, and those of another seed differ. */
TEST_C(Train, TheHeldOutRowsFollowFromTheSeed)
{
    watched a, b, c;
    gbt_model *first =
        run("objective=regression n_trees=3 valid_fraction=0.4 seed=1", TOY_QUANTITY, false, &a);
    gbt_model *deeper =
        run("objective=regression n_trees=3 valid_fraction=0.4 seed=1 max_leaves=3 threads=1",
            TOY_QUANTITY, false, &b);
    gbt_model *other =
        run("objective=regression n_trees=3 valid_fraction=0.4 seed=2", TOY_QUANTITY, false, &c);
    EXPECT_C_TRUE(first->base_score[0] ==
                  deeper->base_score[0]); /* the mean of the same training rows */
    EXPECT_C_TRUE(first->base_score[0] != other->base_score[0]);
    EXPECT_C_TRUE(a.value[2] > 0.0 && a.best_round[2] > 0);
    gbt_model_free(first);
    gbt_model_free(deeper);
    gbt_model_free(other);
}

TEST_C(Train, ATinyFractionThatHoldsOutNothingIsRefused)
{
    toy data;
    gbt_model *model = NULL;
    toy_make(&data, 5, TOY_QUANTITY, 14);
    gbt_params *params = toy_params("objective=regression valid_fraction=0.000001");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_STATUS(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "validation");
    EXPECT_C_OK(gbt_params_set(params, "valid_fraction", "0.999999"));
    EXPECT_C_STATUS(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "training");
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

/* Rounds of a continued model count: n_trees is the total, reports go on with its numbers. */
TEST_C(Train, ReportsOfAContinuedModelCountItsRounds)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    toy data;
    watched w = {0};
    gbt_model *model = NULL, *longer = NULL;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "first.gbt", path);
    toy_make(&data, ROWS, TOY_QUANTITY, 14);
    gbt_params *params = toy_params("objective=regression n_trees=4");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_OK(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model));
    EXPECT_C_OK(gbt_model_save(model, path));
    EXPECT_C_OK(gbt_params_set(params, "continue_from", path));
    EXPECT_C_OK(gbt_params_set(params, "n_trees", "6"));
    EXPECT_C_OK(gbt_train(params, train, NULL, NULL, 0, watch, &w, &longer));
    EXPECT_C_EQ_INT(w.n, 2);
    EXPECT_C_TRUE(w.round[0] == 5 && w.round[1] == 6);
    EXPECT_C_EQ_INT(gbt_model_rounds(longer), 6);
    gbt_model_free(model);
    gbt_model_free(longer);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    temp_dir_close(&dir);
}
