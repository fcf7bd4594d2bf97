/* Training as users drive it: callback, custom gradients, continued models, weights, init
 * scores, the booster by hand against gbt_train, the estimate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 800 };

typedef struct problem {
    toy data, other;
    gbt_params *params;
    gbt_dataset *train, *valid;
} problem;

static void problem_open(problem *p, toy_label label, bool weighted, const char *options)
{
    toy_make(&p->data, ROWS, label, 1);
    toy_make(&p->other, ROWS, label, 2);
    p->params = toy_params(options);
    p->train = toy_dataset(&p->data, p->params, NULL, weighted);
    p->valid = toy_dataset(&p->other, p->params, p->train, false);
}

static void problem_close(problem *p)
{
    gbt_dataset_free(p->train);
    gbt_dataset_free(p->valid);
    gbt_params_free(p->params);
    toy_free(&p->data);
    toy_free(&p->other);
}

/* Consumes both models. */
static void expect_same_model(gbt_model *a, gbt_model *b)
{
    size_t n = 0, m = 0;
    if (EXPECT_C_TRUE(a != NULL && b != NULL)) {
        void *x = toy_bytes(a, &n), *y = toy_bytes(b, &m);
        if (EXPECT_C_EQ_INT(n, m)) {
            EXPECT_C_EQ_BYTES(x, y, n);
        }
        gbt_memory_free(x);
        gbt_memory_free(y);
    }
    gbt_model_free(a);
    gbt_model_free(b);
}

static int64_t rounds_of(const gbt_model *model)
{
    int64_t n = -1;
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_ROUNDS, &n));
    return n;
}

/* ---- The callback ---------------------------------------------------------------------------- */

typedef struct diary {
    int n_calls, stop_at;
    int32_t round[64];
    double value[64][4];
    double train_loss;
    bool is_consistent;
} diary;

static int write_diary(const gbt_round_info *info, void *user)
{
    diary *d = user;
    d->is_consistent = (d->n_calls > 0 ? d->is_consistent : true) && info->n_values == 4 &&
                       strcmp(info->metric[0], "logloss") == 0 &&
                       strcmp(info->metric[1], "auc") == 0 && strcmp(info->data[1], "other") == 0 &&
                       strcmp(info->data[2], "self") == 0 && info->seconds >= 0.0 &&
                       info->booster != NULL && gbt_booster_rounds(info->booster) == info->round &&
                       gbt_booster_metric(info->booster, -1, 0, &d->train_loss) == GBT_OK;
    if (d->n_calls < 64) {
        d->round[d->n_calls] = info->round;
        memcpy(d->value[d->n_calls], info->value, sizeof d->value[0]);
    }
    d->n_calls++;
    return d->n_calls == d->stop_at;
}

static gbt_model *train_with_diary(const problem *p, diary *d)
{
    const gbt_dataset *const sets[] = {p->valid, p->train};
    static const char *const names[] = {"other", "self"};
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_train(p->params, p->train, sets, names, 2, write_diary, d, &model));
    return model;
}

TEST_C(Callback, SeesEveryRoundAndTheMetricsOfEverySet)
{
    problem p;
    diary d = {.stop_at = 0};
    problem_open(&p, TOY_BINARY, false,
                 "objective=binary n_trees=6 metric=logloss,auc early_stopping_rounds=0 threads=1");
    gbt_model *model = train_with_diary(&p, &d);
    EXPECT_C_TRUE(d.is_consistent);
    EXPECT_C_EQ_INT(d.n_calls, 6);
    for (int i = 0; i < 6; i++) {
        EXPECT_C_EQ_INT(d.round[i], i + 1);
        EXPECT_C_TRUE(i == 0 ||
                      d.value[i][2] < d.value[i - 1][2]); /* the loss of the training rows falls */
    }
    EXPECT_C_TRUE(d.train_loss == d.value[5][2]); /* the same rows by another way */
    gbt_model_free(model);
    problem_close(&p);
}

TEST_C(Callback, IsCalledEveryMetricEveryRoundsAndAtTheEnd)
{
    problem p;
    diary d = {.stop_at = 0};
    problem_open(&p, TOY_BINARY, false,
                 "objective=binary n_trees=8 metric=logloss,auc early_stopping_rounds=0 "
                 "metric_every=3 threads=1");
    gbt_model_free(train_with_diary(&p, &d));
    EXPECT_C_EQ_INT(d.n_calls, 3);
    EXPECT_C_TRUE(d.round[0] == 3 && d.round[1] == 6 && d.round[2] == 8);
    problem_close(&p);
}

TEST_C(Callback, StopsTrainingAndTheModelSoFarIsKept)
{
    problem p;
    diary d = {.stop_at = 3};
    problem_open(
        &p, TOY_BINARY, false,
        "objective=binary n_trees=50 metric=logloss,auc early_stopping_rounds=0 threads=1");
    gbt_model *stopped = train_with_diary(&p, &d);
    EXPECT_C_EQ_INT(d.n_calls, 3);
    EXPECT_C_EQ_INT(rounds_of(stopped), 3);
    EXPECT_C_OK(gbt_model_verify(stopped));
    float a[ROWS], b[ROWS];
    const gbt_matrix matrix = toy_matrix(&p.data);
    gbt_model *whole = toy_train(p.params, p.train);
    EXPECT_C_OK(gbt_model_predict(stopped, &matrix, GBT_PREDICT_RAW, 0, 0, 1, a, ROWS));
    EXPECT_C_OK(gbt_model_predict(whole, &matrix, GBT_PREDICT_RAW, 0, 3, 1, b, ROWS));
    EXPECT_C_EQ_BYTES(a, b, sizeof a);
    gbt_model_free(stopped);
    gbt_model_free(whole);
    problem_close(&p);
}

/* With early stopping the model is cut at the best round, which the model remembers. */
TEST_C(Callback, EarlyStoppingKeepsTheBestRound)
{
    problem p;
    diary d = {.stop_at = 0};
    int64_t best = 0;
    problem_open(&p, TOY_BINARY, false,
                 "objective=binary n_trees=60 learning_rate=0.9 metric=logloss,auc "
                 "early_stopping_rounds=4 threads=1");
    gbt_model *model = train_with_diary(&p, &d);
    int first_best = 0;
    for (int i = 1; i < d.n_calls; i++) {
        first_best = d.value[i][0] < d.value[first_best][0] ? i : first_best;
    }
    EXPECT_C_EQ_INT(d.n_calls, first_best + 1 + 4);
    EXPECT_C_EQ_INT(rounds_of(model), first_best + 1);
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_BEST_ROUND, &best));
    EXPECT_C_EQ_INT(best, first_best + 1);
    gbt_model_free(model);
    problem_close(&p);
}

/* ---- The booster by hand --------------------------------------------------------------------- */

static gbt_booster *booster_of(const problem *p)
{
    gbt_booster *booster = NULL;
    EXPECT_C_OK(gbt_booster_create(p->params, p->train, &booster));
    return booster;
}

static gbt_model *finish(gbt_booster *booster)
{
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    gbt_booster_free(booster);
    return model;
}

static void step(gbt_booster *booster, int n)
{
    int stopped = 0;
    for (int r = 0; r < n; r++) {
        EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    }
}

TEST_C(Booster, StepsGiveTheModelOfGbtTrain)
{
    problem p;
    problem_open(&p, TOY_CLASSES, true,
                 "objective=multiclass n_trees=5 subsample=0.7 early_stopping_rounds=0 threads=2");
    gbt_booster *booster = booster_of(&p);
    EXPECT_C_EQ_INT(gbt_booster_outputs(booster), 3);
    step(booster, 5);
    EXPECT_C_EQ_INT(gbt_booster_rounds(booster), 5);
    expect_same_model(finish(booster), toy_train(p.params, p.train));
    problem_close(&p);
}

TEST_C(Booster, FinishWithFewerRoundsGivesTheShorterModel)
{
    problem p;
    problem_open(&p, TOY_QUANTITY, false, "objective=regression n_trees=9 threads=1");
    gbt_booster *longer = booster_of(&p), *shorter = booster_of(&p);
    gbt_model *model = NULL;
    step(longer, 7);
    step(shorter, 4);
    EXPECT_C_OK(gbt_booster_finish(longer, 4, &model));
    gbt_booster_free(longer);
    expect_same_model(model, finish(shorter));
    problem_close(&p);
}

/* gbt_objective_gradients and gbt_booster_step_custom together are gbt_booster_step. */
static void drive_by_gradients(toy_label label, const char *options)
{
    problem p;
    gbt_objective *objective = NULL;
    int stopped = 0;
    problem_open(&p, label, true, options);
    gbt_booster *built_in = booster_of(&p), *custom = booster_of(&p);
    const int32_t n_outputs = gbt_booster_outputs(custom);
    const int64_t n = (int64_t)ROWS * n_outputs;
    float *buffer = malloc((size_t)n * 3 * sizeof *buffer);
    float *scores = buffer, *grad = buffer + n, *hess = buffer + 2 * n;
    EXPECT_C_OK(gbt_objective_create(p.params, &objective));
    EXPECT_C_EQ_INT(gbt_objective_outputs(objective), n_outputs);
    for (int r = 0; r < 4; r++) {
        EXPECT_C_OK(gbt_booster_step(built_in, &stopped));
        EXPECT_C_OK(gbt_booster_scores(custom, -1, scores, n));
        EXPECT_C_OK(gbt_objective_gradients(objective, scores, p.data.label, p.data.weight, ROWS,
                                            grad, hess));
        EXPECT_C_OK(gbt_booster_step_custom(custom, grad, hess, n, &stopped));
    }
    expect_same_model(finish(built_in), finish(custom));
    gbt_objective_free(objective);
    free(buffer);
    problem_close(&p);
}

TEST_C(Booster, BuiltInLogisticGradientsGivenByTheCallerMakeTheSameModel)
{
    drive_by_gradients(TOY_BINARY, "objective=binary scale_pos_weight=2 threads=2");
}

TEST_C(Booster, BuiltInSoftmaxGradientsGivenByTheCallerMakeTheSameModel)
{
    drive_by_gradients(TOY_CLASSES, "objective=multiclass num_class=3 subsample=0.5 threads=2");
}

TEST_C(Booster, CustomGradientsOfTheReferenceBackendMakeTheSameModel)
{
    drive_by_gradients(TOY_POSITIVE, "objective=poisson device=ref");
}

TEST_C(Booster, StopsWhenNothingCanBeSplit)
{
    problem p;
    int stopped = 0;
    problem_open(&p, TOY_QUANTITY, false, "objective=regression min_child_samples=500 threads=1");
    gbt_booster *booster = booster_of(&p);
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    EXPECT_C_EQ_INT(stopped, 1);
    gbt_model *model = finish(booster), *trained = toy_train(p.params, p.train);
    EXPECT_C_EQ_INT(rounds_of(model), 1);
    EXPECT_C_EQ_INT(rounds_of(trained), 1);
    gbt_model_free(model);
    gbt_model_free(trained);
    problem_close(&p);
}

TEST_C(Booster, ScoresOfAValidationSetArePredictions)
{
    problem p;
    float binned[3 * ROWS], raw[3 * ROWS];
    int n_different = 0;
    problem_open(&p, TOY_CLASSES, false, "objective=multiclass threads=2");
    gbt_booster *booster = booster_of(&p);
    step(booster, 2); /* a set that joins late has the scores of the rounds before */
    EXPECT_C_OK(gbt_booster_add_valid(booster, p.valid, "late"));
    step(booster, 2);
    EXPECT_C_OK(gbt_booster_scores(booster, 0, binned, 3 * ROWS));
    gbt_model *model = finish(booster);
    const gbt_matrix matrix = toy_matrix(&p.other);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 2, raw, 3 * ROWS));
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < 3; k++) {
            n_different += memcmp(&binned[k * ROWS + i], &raw[i * 3 + k], sizeof raw[0]) != 0;
        }
    }
    EXPECT_C_EQ_INT(n_different, 0);
    gbt_model_free(model);
    problem_close(&p);
}

/* ---- Continued models ------------------------------------------------------------------------ */

TEST_C(Continued, ContinueFromAFileEqualsTrainingAtOnce)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    problem p;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "half.gbt", path);
    problem_open(&p, TOY_BINARY, true, "objective=binary n_trees=8 threads=2");
    gbt_model *whole = toy_train(p.params, p.train);
    EXPECT_C_OK(gbt_params_set(p.params, "n_trees", "3"));
    gbt_model *half = toy_train(p.params, p.train);
    EXPECT_C_OK(gbt_model_save(half, path));
    EXPECT_C_OK(gbt_params_set(p.params, "n_trees", "8"));
    EXPECT_C_OK(gbt_params_set(p.params, "continue_from", path));
    gbt_dataset *like = NULL;
    EXPECT_C_OK(gbt_dataset_like_model(half, &like));
    EXPECT_C_EQ_INT(gbt_dataset_rows(like), 0);
    EXPECT_C_EQ_INT(gbt_dataset_features(like), TOY_FEATURES);
    gbt_dataset *binned = toy_dataset(&p.data, p.params, like, true);
    expect_same_model(toy_train(p.params, binned), whole);
    gbt_dataset_free(like);
    gbt_dataset_free(binned);
    gbt_model_free(half);
    problem_close(&p);
    temp_dir_close(&dir);
}

TEST_C(Continued, ValidationScoresIncludeTheFirstModel)
{
    problem p;
    double early = 0.0, late = 0.0;
    problem_open(&p, TOY_BINARY, false, "objective=binary n_trees=8 threads=1");
    gbt_booster *first = booster_of(&p);
    step(first, 4);
    gbt_model *model = finish(first);
    for (int order = 0; order < 2; order++) { /* the set may come before or after the model */
        gbt_booster *booster = booster_of(&p);
        if (order == 0) {
            EXPECT_C_OK(gbt_booster_add_valid(booster, p.valid, NULL));
        }
        EXPECT_C_OK(gbt_booster_continue(booster, model));
        if (order == 1) {
            EXPECT_C_OK(gbt_booster_add_valid(booster, p.valid, NULL));
        }
        step(booster, 1);
        EXPECT_C_EQ_INT(gbt_booster_rounds(booster), 5);
        EXPECT_C_OK(gbt_booster_metric(booster, 0, 0, order == 0 ? &early : &late));
        gbt_booster_free(booster);
    }
    EXPECT_C_TRUE(early == late && early > 0.0);
    gbt_model_free(model);
    problem_close(&p);
}

/* ---- Weights, init scores, hold-out ---------------------------------------------------------- */

TEST_C(Fields, EqualWeightsChangeNoPredictionAndZeroWeightsDropRows)
{
    problem p;
    float weight[ROWS], all[ROWS], part[ROWS];
    int64_t rows[ROWS];
    int64_t n = 0;
    gbt_dataset *subset = NULL;
    /* Row counts must not matter for rows of weight zero, so no limit on them binds. */
    problem_open(&p, TOY_DYADIC, false,
                 "objective=regression boost_from_average=false learning_rate=0.5 n_trees=1 "
                 "min_child_samples=1 "
                 "min_child_weight=20 max_cat_to_onehot=64 threads=1");
    for (int64_t i = 0; i < ROWS; i++) {
        weight[i] = i % 3 == 0 ? 0.0f : 1.0f;
        rows[n] = i;
        n += i % 3 != 0;
    }
    EXPECT_C_OK(gbt_dataset_subset(p.train, rows, n, &subset));
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_WEIGHT, weight, GBT_F32, ROWS));
    gbt_model *weighted = toy_train(p.params, p.train), *dropped = toy_train(p.params, subset);
    const gbt_matrix matrix = toy_matrix(&p.other);
    EXPECT_C_OK(gbt_model_predict(weighted, &matrix, GBT_PREDICT_RAW, 0, 0, 1, all, ROWS));
    EXPECT_C_OK(gbt_model_predict(dropped, &matrix, GBT_PREDICT_RAW, 0, 0, 1, part, ROWS));
    EXPECT_C_EQ_BYTES(all, part, sizeof all);
    gbt_model_free(weighted);
    gbt_model_free(dropped);
    gbt_dataset_free(subset);
    problem_close(&p);
}

TEST_C(Fields, WeightsOfOneAreNoWeights)
{
    problem p;
    double ones[ROWS];
    problem_open(&p, TOY_BINARY, false, "objective=binary n_trees=4 threads=1");
    for (int i = 0; i < ROWS; i++) {
        ones[i] = 1.0;
    }
    gbt_model *without = toy_train(p.params, p.train);
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_WEIGHT, ones, GBT_F64, ROWS));
    expect_same_model(without, toy_train(p.params, p.train));
    problem_close(&p);
}

/* The scores of one model as init score of the next: the second goes on where the first stopped. */
TEST_C(Fields, InitScoresContinueAnotherModel)
{
    problem p;
    float scores[ROWS], first_part[ROWS], second_part[ROWS];
    int64_t uses = 0;
    int n_different = 0;
    problem_open(&p, TOY_BINARY, false, "objective=binary n_trees=4 threads=1");
    gbt_booster *booster = booster_of(&p);
    step(booster, 3);
    EXPECT_C_OK(gbt_booster_scores(booster, -1, scores, ROWS));
    gbt_model *first = finish(booster);
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_INIT_SCORE, scores, GBT_F32, ROWS));
    booster = booster_of(&p);
    float before[ROWS], after[ROWS];
    EXPECT_C_OK(gbt_booster_scores(booster, -1, before, ROWS));
    EXPECT_C_EQ_BYTES(before, scores, sizeof scores); /* nothing but the init score */
    step(booster, 1);
    EXPECT_C_OK(gbt_booster_scores(booster, -1, after, ROWS));
    gbt_model *second = finish(booster);
    EXPECT_C_OK(gbt_model_shape(second, GBT_SHAPE_USES_INIT_SCORE, &uses));
    EXPECT_C_EQ_INT(uses, 1);
    const gbt_matrix matrix = toy_matrix(&p.data);
    EXPECT_C_OK(gbt_model_predict(first, &matrix, GBT_PREDICT_RAW, 0, 0, 1, first_part, ROWS));
    EXPECT_C_OK(gbt_model_predict(second, &matrix, GBT_PREDICT_RAW, 0, 0, 1, second_part, ROWS));
    for (int i = 0; i < ROWS; i++) {
        n_different += first_part[i] + second_part[i] != after[i]; /* one tree: one addition */
    }
    EXPECT_C_EQ_INT(n_different, 0);
    gbt_model_free(first);
    gbt_model_free(second);
    problem_close(&p);
}

TEST_C(Fields, InitScoresNeedOneValueForEveryOutput)
{
    problem p;
    float scores[3 * ROWS] = {0.0f};
    gbt_booster *booster = NULL;
    problem_open(&p, TOY_CLASSES, false, "objective=multiclass n_trees=2 threads=1");
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_INIT_SCORE, scores, GBT_F32, 2 * ROWS));
    EXPECT_C_STATUS(gbt_booster_create(p.params, p.train, &booster), GBT_ERR_DATA);
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_INIT_SCORE, scores, GBT_F32, 3 * ROWS));
    EXPECT_C_EQ_INT(gbt_dataset_field_size(p.train, GBT_INIT_SCORE), 3 * ROWS);
    EXPECT_C_OK(gbt_booster_create(p.params, p.train, &booster));
    gbt_booster_free(booster);
    problem_close(&p);
}

static int count_held_out(const gbt_round_info *info, void *user)
{
    *(int *)user += info->n_values == 1 && strcmp(info->data[0], "held_out") == 0;
    return 0;
}

/* The rows that are held out take no part: their share is as asked, the same rows every time. */
TEST_C(Fields, ValidFractionHoldsOutItsShareOfTheRows)
{
    problem p;
    int n_seen = 0;
    int64_t rows = 0;
    gbt_model *model = NULL;
    problem_open(&p, TOY_QUANTITY, false,
                 "objective=regression n_trees=3 valid_fraction=0.25 threads=1");
    EXPECT_C_OK(gbt_train(p.params, p.train, NULL, NULL, 0, count_held_out, &n_seen, &model));
    EXPECT_C_EQ_INT(n_seen, 3);
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_TRAIN_ROWS, &rows));
    EXPECT_C_NEAR((double)rows, 0.75 * ROWS,
                  4.0 * sqrt(0.25 * 0.75 * ROWS)); /* binomial, four sigma */
    expect_same_model(model, toy_train(p.params, p.train));
    problem_close(&p);
}

TEST_C(Fields, ValidFractionKeepsGroupsTogether)
{
    problem p;
    int32_t group[ROWS];
    double label[ROWS];
    int64_t rows = 0;
    problem_open(&p, TOY_QUANTITY, false,
                 "objective=regression n_trees=1 valid_fraction=0.5 threads=1");
    for (int i = 0; i < ROWS; i++) {
        group[i] = i / 8;
        label[i] = i % 8;
    }
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_GROUP, group, GBT_I32, ROWS));
    EXPECT_C_OK(gbt_dataset_set(p.train, GBT_LABEL, label, GBT_F64, ROWS));
    gbt_model *model = toy_train(p.params, p.train);
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_TRAIN_ROWS, &rows));
    EXPECT_C_EQ_INT(rows % 8, 0);
    EXPECT_C_TRUE(rows > 0 && rows < ROWS);
    /* Whole groups have the mean 3.5 exactly, whichever they are. */
    double base = 0.0;
    EXPECT_C_OK(gbt_model_base_score(model, &base, 1));
    EXPECT_C_NEAR(base, 3.5, 1e-6);
    gbt_model_free(model);
    problem_close(&p);
}

TEST_C(Fields, TheEstimateGrowsWithTheRows)
{
    problem p;
    int64_t few = 0, many = 0;
    double quick = 0.0, slow = 0.0;
    problem_open(&p, TOY_BINARY, false, "objective=binary n_trees=100 threads=1");
    EXPECT_C_OK(gbt_train_estimate(p.params, p.train, ROWS, &few, &quick));
    EXPECT_C_OK(gbt_train_estimate(p.params, p.train, 1000 * ROWS, &many, &slow));
    EXPECT_C_TRUE(few >= gbt_dataset_bytes(p.train) && many > few);
    EXPECT_C_TRUE(quick > 0.0 && slow > 100.0 * quick);
    EXPECT_C_STATUS(gbt_train_estimate(NULL, p.train, ROWS, &few, &quick), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_train_estimate(p.params, p.train, -1, &few, &quick), GBT_ERR_ARGUMENT);
    problem_close(&p);
}
