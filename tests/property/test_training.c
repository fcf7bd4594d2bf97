/* What must hold for every training run, whatever the data. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 3000 };

typedef struct option_case {
    toy_label label;
    bool weighted;
    const char *options;
} option_case;

/* Every objective, growth, sampling and regularisation at least once. */
static const option_case cases[] = {
    {TOY_QUANTITY, false, "objective=regression"},
    {TOY_QUANTITY, true, "objective=regression grow_policy=depthwise max_leaves=40"},
    {TOY_QUANTITY, false, "objective=regression grow_policy=symmetric max_depth=5"},
    {TOY_QUANTITY, true, "objective=mae"},
    {TOY_QUANTITY, false, "objective=huber huber_delta=0.4 subsample=0.6"},
    {TOY_QUANTITY, false, "objective=fair reg_alpha=2 max_delta_step=0.5"},
    {TOY_QUANTITY, true, "objective=quantile quantile=0.8"},
    {TOY_POSITIVE, false, "objective=mape"},
    {TOY_POSITIVE, true, "objective=poisson min_child_samples=50"},
    {TOY_POSITIVE, false, "objective=gamma path_smooth=5"},
    {TOY_POSITIVE, false, "objective=tweedie tweedie_power=1.3 colsample_bytree=0.5"},
    {TOY_BINARY, true, "objective=binary scale_pos_weight=3"},
    {TOY_BINARY, false,
     "objective=binary is_unbalance=true grow_policy=symmetric max_depth=4 min_child_samples=30"},
    {TOY_BINARY, false,
     "objective=binary colsample_bylevel=0.6 colsample_bynode=0.6 subsample=0.5 subsample_freq=3"},
    {TOY_SHARE, true, "objective=cross_entropy grow_policy=depthwise max_depth=4"},
    {TOY_CLASSES, true, "objective=multiclass"},
    {TOY_CLASSES, false, "objective=multiclassova gradient_bits=8"},
    {TOY_CLASSES, false, "objective=multiclass gradient_bits=32"},
    {TOY_BINARY, false, "objective=binary gradient_bits=5 gradient_rounding=nearest"},
    {TOY_BINARY, false, "objective=binary max_bin=15 max_cat_to_onehot=60"},
    {TOY_BINARY, false,
     "objective=binary min_data_per_group=10 cat_smooth=1 cat_l2=0 max_cat_threshold=5"},
    /* Splits fail for want of rows, so that columns get counted. */
    {TOY_BINARY, false, "objective=binary min_child_samples=550 learning_rate=1"},
    {TOY_POSITIVE, false, "objective=poisson min_child_samples=550 learning_rate=1"},
    {TOY_QUANTITY, false,
     "objective=regression boost_from_average=false min_split_gain=0.5 min_child_weight=10"},
};

enum { N_CASES = (int)(sizeof cases / sizeof cases[0]) };

static gbt_params *params_of(const option_case *c, const char *more)
{
    char text[512];
    snprintf(text, sizeof text, "n_trees=8 %s %s", c->options, more);
    return toy_params(text);
}

/* The bytes of the model that the case gives with more options. */
static void *train_bytes(const option_case *c, const toy *data, const char *more, size_t *size)
{
    gbt_params *params = params_of(c, more);
    gbt_dataset *train = toy_dataset(data, params, NULL, c->weighted);
    gbt_model *model = toy_train(params, train);
    void *bytes = model ? toy_bytes(model, size) : NULL;
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return bytes;
}

static void expect_same_bytes(const char *first, const char *second)
{
    for (int i = 0; i < N_CASES; i++) {
        toy data;
        size_t n = 0, m = 0;
        toy_make(&data, ROWS, cases[i].label, 7);
        void *a = train_bytes(&cases[i], &data, first, &n);
        void *b = train_bytes(&cases[i], &data, second, &m);
        if (!EXPECT_C_TRUE(a != NULL && b != NULL) ||
            !EXPECT_C_TRUE(n == m && memcmp(a, b, n) == 0)) {
            printf("case %d: %s (%s)\n", i, cases[i].options, gbt_last_error());
        }
        gbt_memory_free(a);
        gbt_memory_free(b);
        toy_free(&data);
    }
}

TEST_C(Training, OneAndTwoThreadsGiveTheSameModel)
{
    expect_same_bytes("threads=1", "threads=2");
}

TEST_C(Training, OneAndThreeThreadsGiveTheSameModel)
{
    expect_same_bytes("threads=1", "threads=3");
}

TEST_C(Training, OneAndEightThreadsGiveTheSameModel)
{
    expect_same_bytes("threads=1", "threads=8");
}

TEST_C(Training, ReferenceAndCpuBackendGiveTheSameModel)
{
    expect_same_bytes("threads=2 device=cpu", "device=ref");
}

TEST_C(Training, EverySeedOfASampledRunGivesItsOwnModel)
{
    const option_case sampled = {TOY_BINARY, false, "objective=binary subsample=0.5"};
    toy data;
    size_t n = 0, m = 0;
    toy_make(&data, ROWS, TOY_BINARY, 7);
    void *a = train_bytes(&sampled, &data, "seed=1", &n);
    void *b = train_bytes(&sampled, &data, "seed=2", &m);
    EXPECT_C_FALSE(n == m && memcmp(a, b, n) == 0);
    gbt_memory_free(a);
    gbt_memory_free(b);
    toy_free(&data);
}

/* Runs a booster by hand; `check` sees it after the last round. */
static void with_booster(const option_case *c, int rounds,
                         void (*check)(gbt_booster *, const toy *, gbt_params *))
{
    toy data;
    gbt_booster *booster = NULL;
    int stopped = 0;
    toy_make(&data, ROWS, c->label, 11);
    gbt_params *params = params_of(c, "");
    gbt_dataset *train = toy_dataset(&data, params, NULL, c->weighted);
    if (EXPECT_C_OK(gbt_booster_create(params, train, &booster))) {
        for (int r = 0; r < rounds; r++) {
            EXPECT_C_OK(gbt_booster_step(booster, &stopped));
        }
        check(booster, &data, params);
    }
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

/* Training walks bins, prediction compares floats: the same leaves, the same sums, bit for bit. */
static void check_scores(gbt_booster *booster, const toy *data, gbt_params *params)
{
    gbt_model *model = NULL;
    const int32_t n_outputs = gbt_booster_outputs(booster);
    const int64_t n = data->n_rows * n_outputs;
    const gbt_matrix matrix = toy_matrix(data);
    float *binned = malloc((size_t)n * sizeof *binned), *raw = malloc((size_t)n * sizeof *raw);
    int64_t n_different = 0;
    (void)params;
    EXPECT_C_OK(gbt_booster_scores(booster, -1, binned, n));
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 2, raw, n));
    for (int64_t i = 0; i < data->n_rows; i++) {
        for (int32_t k = 0; k < n_outputs; k++) {
            n_different +=
                memcmp(&binned[k * data->n_rows + i], &raw[i * n_outputs + k], sizeof *raw) != 0;
        }
    }
    EXPECT_C_EQ_INT(n_different, 0);
    EXPECT_C_OK(gbt_model_verify(model));
    gbt_model_free(model);
    free(binned);
    free(raw);
}

TEST_C(Training, PredictionRepeatsTheTrainingScoresBitForBit)
{
    for (int i = 0; i < N_CASES; i++) {
        with_booster(&cases[i], 5, check_scores);
    }
}

static void check_loss_falls(gbt_booster *booster, const toy *data, gbt_params *params)
{
    double before, after;
    int stopped = 0;
    (void)data;
    (void)params;
    EXPECT_C_OK(gbt_booster_metric(booster, -1, 0, &before));
    for (int r = 0; r < 6; r++) {
        EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    }
    EXPECT_C_OK(gbt_booster_metric(booster, -1, 0, &after));
    EXPECT_C_TRUE(after < before);
}

TEST_C(Training, TheTrainingLossFalls)
{
    for (int i = 0; i < N_CASES; i++) {
        with_booster(&cases[i], 1, check_loss_falls);
    }
}

/* Bins see only the order of the values, so an increasing map of a feature changes no
 * prediction. */
TEST_C(Training, AnIncreasingMapOfAFeatureChangesNothing)
{
    toy data;
    toy_make(&data, ROWS, TOY_BINARY, 5);
    float *predictions[2];
    gbt_params *params = toy_params("n_trees=6 objective=binary");
    for (int mapped = 0; mapped < 2; mapped++) {
        gbt_dataset *train = toy_dataset(&data, params, NULL, false);
        gbt_model *model = toy_train(params, train);
        const gbt_matrix matrix = toy_matrix(&data);
        predictions[mapped] = malloc((size_t)data.n_rows * sizeof **predictions);
        EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, predictions[mapped],
                                      data.n_rows));
        gbt_model_free(model);
        gbt_dataset_free(train);
        for (int64_t i = 0; i < data.n_rows; i++) {
            data.x[i * TOY_FEATURES] = data.x[i * TOY_FEATURES] * 1024.0f; /* exact, increasing */
            data.x[i * TOY_FEATURES + 3] = data.x[i * TOY_FEATURES + 3] * 0.03125f;
        }
    }
    EXPECT_C_EQ_BYTES(predictions[0], predictions[1], (size_t)data.n_rows * sizeof **predictions);
    free(predictions[0]);
    free(predictions[1]);
    gbt_params_free(params);
    toy_free(&data);
}

/* Predictions of a single dyadic round, where quantising is exact. */
static float *predict_once(const toy *train_rows, const toy *ask, bool weighted)
{
    /* boost_from_average=false and a dyadic learning rate keep gradients on the grid. */
    gbt_params *params =
        toy_params("n_trees=1 objective=regression boost_from_average=false learning_rate=0.5");
    gbt_dataset *train = toy_dataset(train_rows, params, NULL, weighted);
    gbt_model *model = toy_train(params, train);
    const gbt_matrix matrix = toy_matrix(ask);
    float *out = malloc((size_t)ask->n_rows * sizeof *out);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, out, ask->n_rows));
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return out;
}

TEST_C(Training, PermutedRowsGiveTheSameTreeOnDyadicLabels)
{
    toy data, turned;
    toy_make(&data, ROWS, TOY_DYADIC, 3);
    toy_make(&turned, ROWS, TOY_DYADIC, 3);
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t from = (i * 1009 + 17) % ROWS;
        memcpy(turned.x + i * TOY_FEATURES, data.x + from * TOY_FEATURES,
               TOY_FEATURES * sizeof *data.x);
        turned.label[i] = data.label[from];
    }
    float *a = predict_once(&data, &data, false), *b = predict_once(&turned, &data, false);
    EXPECT_C_EQ_BYTES(a, b, ROWS * sizeof *a);
    free(a);
    free(b);
    toy_free(&data);
    toy_free(&turned);
}

TEST_C(Training, ARowTwiceIsARowOfWeightTwo)
{
    toy once, twice;
    toy_make(&once, 1000, TOY_DYADIC, 4);
    toy_make(&twice, 2000, TOY_DYADIC, 4);
    for (int64_t i = 0; i < 2000; i++) {
        memcpy(twice.x + i * TOY_FEATURES, once.x + i / 2 * TOY_FEATURES,
               TOY_FEATURES * sizeof *once.x);
        twice.label[i] = once.label[i / 2];
        twice.weight[i] = 1.0f;
        once.weight[i / 2] = 2.0f;
    }
    /* Row counts differ, so no limit on them may bind. */
    gbt_params *params =
        toy_params("n_trees=1 objective=regression boost_from_average=false learning_rate=0.5 "
                   "min_child_samples=1 min_child_weight=20 min_data_in_bin=1 "
                   "max_cat_to_onehot=64 max_bin=200");
    float *out[2];
    const toy *rows[2] = {&once, &twice};
    const gbt_matrix matrix = toy_matrix(&once);
    gbt_dataset *cuts = toy_dataset(&once, params, NULL, true);
    for (int k = 0; k < 2; k++) {
        gbt_dataset *train = toy_dataset(rows[k], params, cuts, true);
        gbt_model *model = toy_train(params, train);
        out[k] = malloc(1000 * sizeof **out);
        EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, out[k], 1000));
        gbt_model_free(model);
        gbt_dataset_free(train);
    }
    EXPECT_C_EQ_BYTES(out[0], out[1], 1000 * sizeof **out);
    free(out[0]);
    free(out[1]);
    gbt_dataset_free(cuts);
    gbt_params_free(params);
    toy_free(&once);
    toy_free(&twice);
}

/* An early-stopped model predicts as one that was trained that long, and so does a continued
 * one. */
TEST_C(Training, AnEarlyStoppedModelEqualsOneTrainedThatLong)
{
    toy data, held_out;
    toy_make(&data, 600, TOY_BINARY, 21);
    toy_make(&held_out, 600, TOY_BINARY, 22);
    gbt_params *params =
        toy_params("n_trees=400 objective=binary learning_rate=0.3 early_stopping_rounds=10");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_dataset *valid = toy_dataset(&held_out, params, train, false);
    const gbt_dataset *const sets[] = {valid};
    gbt_model *stopped = NULL;
    int64_t rounds = 0;
    EXPECT_C_OK(gbt_train(params, train, sets, NULL, 1, NULL, NULL, &stopped));
    EXPECT_C_OK(gbt_model_shape(stopped, GBT_SHAPE_ROUNDS, &rounds));
    EXPECT_C_TRUE(rounds > 1 && rounds < 390);
    char text[128];
    snprintf(text, sizeof text, "n_trees=%d objective=binary learning_rate=0.3", (int)rounds);
    gbt_params *exact = toy_params(text);
    gbt_model *long_enough = toy_train(exact, train);
    const gbt_matrix matrix = toy_matrix(&held_out);
    float a[600], b[600];
    EXPECT_C_OK(gbt_model_predict(stopped, &matrix, GBT_PREDICT_RAW, 0, 0, 1, a, 600));
    EXPECT_C_OK(gbt_model_predict(long_enough, &matrix, GBT_PREDICT_RAW, 0, 0, 1, b, 600));
    EXPECT_C_EQ_BYTES(a, b, sizeof a);
    gbt_model_free(stopped);
    gbt_model_free(long_enough);
    gbt_dataset_free(train);
    gbt_dataset_free(valid);
    gbt_params_free(params);
    gbt_params_free(exact);
    toy_free(&data);
    toy_free(&held_out);
}

TEST_C(Training, AContinuedModelEqualsOneTrainedAtOnce)
{
    for (int i = 0; i < N_CASES; i++) {
        toy data;
        gbt_booster *booster = NULL;
        gbt_model *whole = NULL, *half = NULL, *continued = NULL;
        int stopped = 0;
        toy_make(&data, 1500, cases[i].label, 31);
        gbt_params *params = params_of(&cases[i], "");
        gbt_dataset *train = toy_dataset(&data, params, NULL, cases[i].weighted);
        for (int part = 0; part < 2; part++) {
            EXPECT_C_OK(gbt_booster_create(params, train, &booster));
            for (int r = 0; r < (part == 0 ? 6 : 3); r++) {
                EXPECT_C_OK(gbt_booster_step(booster, &stopped));
            }
            EXPECT_C_OK(gbt_booster_finish(booster, 0, part == 0 ? &whole : &half));
            gbt_booster_free(booster);
        }
        EXPECT_C_OK(gbt_booster_create(params, train, &booster));
        EXPECT_C_OK(gbt_booster_continue(booster, half));
        for (int r = 0; r < 3; r++) {
            EXPECT_C_OK(gbt_booster_step(booster, &stopped));
        }
        EXPECT_C_OK(gbt_booster_finish(booster, 0, &continued));
        size_t n = 0, m = 0;
        void *a = toy_bytes(whole, &n), *b = toy_bytes(continued, &m);
        if (!EXPECT_C_TRUE(n == m && memcmp(a, b, n) == 0)) {
            printf("case %d: %s\n", i, cases[i].options);
        }
        gbt_memory_free(a);
        gbt_memory_free(b);
        gbt_booster_free(booster);
        gbt_model_free(whole);
        gbt_model_free(half);
        gbt_model_free(continued);
        gbt_dataset_free(train);
        gbt_params_free(params);
        toy_free(&data);
    }
}
