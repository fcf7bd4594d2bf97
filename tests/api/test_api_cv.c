/* Cross-validation against its definition: the same models by hand from subsets, the same numbers
 * from their predictions; what is refused; memory that runs out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 400, MOST_ROUNDS = 64, MOST_OUTPUTS = 8 };

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct run {
    toy data;
    gbt_params *params;
    gbt_dataset *rows;
    gbt_cv *cv;
    gbt_cv_info info;
} run;

/* Seen by the callback. */
typedef struct watched {
    int n, stop_at; /* 0: never */
    int32_t round, best_round, n_values;
    double value[4];
    char data[4][16], metric[4][24];
} watched;

static int watch(const gbt_round_info *info, void *user)
{
    watched *w = user;
    w->n++;
    w->round = info->round;
    w->best_round = info->best_round;
    w->n_values = info->n_values;
    for (int32_t i = 0; i < info->n_values && i < 4; i++) {
        w->value[i] = info->value[i];
        strncpy(w->data[i], info->data[i], sizeof w->data[i] - 1);
        strncpy(w->metric[i], info->metric[i], sizeof w->metric[i] - 1);
    }
    return w->stop_at > 0 && info->round >= w->stop_at;
}

static void prepare(run *r, const char *keys, toy_label label, bool is_weighted)
{
    memset(r, 0, sizeof *r);
    toy_make(&r->data, ROWS, label, 21);
    r->params = toy_params(keys);
    r->rows = toy_dataset(&r->data, r->params, NULL, is_weighted);
}

static void finish(run *r)
{
    gbt_cv_free(r->cv);
    gbt_dataset_free(r->rows);
    gbt_params_free(r->params);
    toy_free(&r->data);
}

static gbt_status go(run *r, const int32_t *fold, gbt_round_fn fn, void *user)
{
    const gbt_status status =
        gbt_cv_run(r->params, r->rows, fold, fold ? ROWS : 0, fn, user, &r->cv);
    return status == GBT_OK ? gbt_cv_describe(r->cv, &r->info) : status;
}

/* Rows of one model: training rows ascending, then held-out rows. Returns how many train. */
static int64_t split(const run *r, int32_t model, int64_t *row)
{
    static int32_t fold[ROWS];
    int64_t n = 0, n_train = 0;
    EXPECT_C_OK(gbt_cv_fold_of(r->cv, model / r->info.n_folds, fold, ROWS));
    for (int held_out = 0; held_out < 2; held_out++) {
        for (int64_t i = 0; i < ROWS; i++) {
            if ((fold[i] == model % r->info.n_folds) == (held_out == 1)) {
                row[n++] = i;
            }
        }
        n_train = held_out == 0 ? n : n_train;
    }
    return n_train;
}

/* ---- By hand --------------------------------------------------------------------------------- */

static void expect_same_model(const gbt_model *a, const gbt_model *b)
{
    size_t a_size = 0, b_size = 0;
    void *a_bytes = toy_bytes(a, &a_size), *b_bytes = toy_bytes(b, &b_size);
    EXPECT_C_EQ_INT(a_size, b_size);
    if (a_size == b_size) {
        EXPECT_C_EQ_BYTES(a_bytes, b_bytes, a_size);
    }
    gbt_memory_free(a_bytes);
    gbt_memory_free(b_bytes);
}

/* Predictions and metric at the best round from the model and the raw values of the rows. */
static void expect_predictions(const run *r, int32_t m, const gbt_model *model,
                               const gbt_dataset *held_out, const int64_t *row, int64_t n)
{
    static float all[ROWS * MOST_OUTPUTS], own[ROWS * MOST_OUTPUTS], turned[ROWS * MOST_OUTPUTS];
    static float label[ROWS], weight[ROWS];
    static double curve[MOST_ROUNDS];
    const int32_t k = r->info.n_outputs;
    const gbt_matrix matrix = toy_matrix(&r->data);
    double value = 0.0;
    for (int kind = GBT_PREDICT_RAW; kind <= GBT_PREDICT_RESPONSE; kind++) {
        ASSERT_C_OK(gbt_cv_predict(r->cv, m / r->info.n_folds, (gbt_predict_kind)kind, all,
                                   (int64_t)ROWS * k));
        ASSERT_C_OK(gbt_model_predict(model, &matrix, (gbt_predict_kind)kind, 0, 0, 1, own,
                                      (int64_t)ROWS * k));
        for (int64_t i = 0; i < n; i++) {
            EXPECT_C_EQ_BYTES(all + row[i] * k, own + row[i] * k, (size_t)k * sizeof *all);
        }
    }
    ASSERT_C_OK(gbt_model_predict_dataset(model, held_out, GBT_PREDICT_RAW, 0, 0, 1, own, n * k));
    for (int64_t i = 0; i < n * k; i++) {
        turned[i % k * n + i / k] = own[i];
    }
    const bool has_weight = gbt_dataset_field_size(held_out, GBT_WEIGHT) > 0;
    ASSERT_C_OK(gbt_model_labels(model, held_out, label, n));
    if (has_weight) {
        ASSERT_C_OK(gbt_dataset_get(held_out, GBT_WEIGHT, weight, GBT_F32, n));
    }
    for (int metric = 0; metric < r->info.n_metrics; metric++) {
        ASSERT_C_OK(gbt_model_metric(model, gbt_cv_metric_name(r->cv, metric), turned, label,
                                     has_weight ? weight : NULL, n, 1, &value));
        ASSERT_C_OK(gbt_cv_model_curve(r->cv, GBT_CV_HELD_OUT, metric, m, curve, r->info.n_rounds));
        EXPECT_C_TRUE(curve[r->info.best_round - 1] == value);
    }
}

/* The rows of one part, cut out of the bins of all rows, or binned anew: with the cuts of
 * `same_cuts`, NULL their own. */
static gbt_dataset *part_of(const run *r, const int64_t *row, int64_t n, bool is_binned_anew,
                            const gbt_dataset *same_cuts)
{
    static float x[ROWS * TOY_FEATURES], label[ROWS], weight[ROWS];
    gbt_dataset *subset = NULL, *part = NULL;
    EXPECT_C_OK(gbt_dataset_subset(r->rows, row, n, &subset));
    if (!is_binned_anew) {
        return subset;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(x + i * TOY_FEATURES, r->data.x + row[i] * TOY_FEATURES, TOY_FEATURES * sizeof *x);
    }
    const gbt_matrix matrix = {x, GBT_F32, n, TOY_FEATURES, TOY_FEATURES, 1};
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_copy(r->params, &params));
    EXPECT_C_OK(gbt_params_set(params, "categorical", "6"));
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, same_cuts, &part));
    EXPECT_C_OK(gbt_dataset_get(subset, GBT_LABEL, label, GBT_F32, n));
    EXPECT_C_OK(gbt_dataset_set(part, GBT_LABEL, label, GBT_F32, n));
    if (gbt_dataset_field_size(subset, GBT_WEIGHT) > 0) {
        EXPECT_C_OK(gbt_dataset_get(subset, GBT_WEIGHT, weight, GBT_F32, n));
        EXPECT_C_OK(gbt_dataset_set(part, GBT_WEIGHT, weight, GBT_F32, n));
    }
    gbt_params_free(params);
    gbt_dataset_free(subset);
    return part;
}

/* One model of the cross-validation again, from public calls only. */
static void expect_model(const run *r, int32_t m, bool has_own_cuts)
{
    static int64_t row[ROWS];
    static double curve[MOST_ROUNDS];
    gbt_booster *booster = NULL;
    gbt_model *by_hand = NULL, *model = NULL;
    int stopped = 0;
    const int64_t n_train = split(r, m, row);
    gbt_dataset *train = part_of(r, row, n_train, has_own_cuts, NULL);
    gbt_dataset *held_out = part_of(r, row + n_train, ROWS - n_train, has_own_cuts, train);
    ASSERT_C_OK(gbt_booster_create(r->params, train, &booster));
    ASSERT_C_OK(gbt_booster_add_valid(booster, held_out, "v"));
    ASSERT_C_OK(gbt_cv_model_curve(r->cv, GBT_CV_HELD_OUT, 0, m, curve, r->info.n_rounds));
    for (int32_t t = 0; t < r->info.n_rounds; t++) {
        double value = 0.0;
        ASSERT_C_OK(gbt_booster_step(booster, &stopped));
        ASSERT_C_OK(gbt_booster_metric(booster, 0, 0, &value));
        EXPECT_C_TRUE(value == curve[t]);
    }
    ASSERT_C_OK(gbt_booster_finish(booster, r->info.best_round, &by_hand));
    ASSERT_C_OK(gbt_cv_model(r->cv, m, &model));
    expect_same_model(model, by_hand);
    expect_predictions(r, m, model, held_out, row + n_train, ROWS - n_train);
    gbt_model_free(model);
    gbt_model_free(by_hand);
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_dataset_free(held_out);
}

/* The keys that the library would settle are given, so that both ways store the same. */
static void expect_as_by_hand(const char *keys, toy_label label, bool is_weighted)
{
    for (int has_own_cuts = 0; has_own_cuts < 2; has_own_cuts++) {
        run r;
        prepare(&r, keys, label, is_weighted);
        const gbt_matrix matrix = toy_matrix(&r.data);
        EXPECT_C_OK(gbt_cv_run_features(r.params, r.rows, has_own_cuts ? &matrix : NULL, NULL, 0,
                                        NULL, NULL, &r.cv));
        EXPECT_C_OK(gbt_cv_describe(r.cv, &r.info));
        for (int32_t m = 0; m < r.info.n_folds * r.info.n_repeats; m++) {
            expect_model(&r, m, has_own_cuts == 1);
        }
        finish(&r);
    }
}

TEST_C(Cv, ModelsAndNumbersAreThoseOfALoopOverSubsets)
{
    expect_as_by_hand("objective=regression metric=rmse,mae n_trees=30 early_stopping_rounds=4 "
                      "folds=3 learning_rate=0.6 min_child_samples=5",
                      TOY_QUANTITY, true);
    expect_as_by_hand("objective=auto n_trees=12 early_stopping_rounds=0 folds=4 seed=9 "
                      "subsample=0.7 colsample_bytree=0.6 metric=auc,logloss",
                      TOY_BINARY, false);
    expect_as_by_hand("objective=multiclass n_trees=8 early_stopping_rounds=3 folds=2 repeats=2 "
                      "max_leaves=6",
                      TOY_CLASSES, true);
    expect_as_by_hand("objective=mae n_trees=10 early_stopping_rounds=0 folds=3", TOY_QUANTITY,
                      false);
}

/* ---- Curves ---------------------------------------------------------------------------------- */

TEST_C(Cv, MeanAndDeviationAreThoseOfTheModels)
{
    static double mean[MOST_ROUNDS], deviation[MOST_ROUNDS], one[4][MOST_ROUNDS];
    run r;
    prepare(&r, "objective=regression n_trees=6 folds=4 train_metric=true metric=mae", TOY_QUANTITY,
            false);
    ASSERT_C_OK(go(&r, NULL, NULL, NULL));
    EXPECT_C_EQ_INT(r.info.has_train, 1);
    for (int part = 0; part < 2; part++) {
        ASSERT_C_OK(gbt_cv_curve(r.cv, (gbt_cv_part)part, 0, mean, deviation, 6));
        for (int m = 0; m < 4; m++) {
            ASSERT_C_OK(gbt_cv_model_curve(r.cv, (gbt_cv_part)part, 0, m, one[m], 6));
        }
        for (int t = 0; t < 6; t++) {
            const double sum = one[0][t] + one[1][t] + one[2][t] + one[3][t];
            double squares = 0.0;
            for (int m = 0; m < 4; m++) {
                squares += (one[m][t] - sum / 4) * (one[m][t] - sum / 4);
            }
            EXPECT_C_NEAR(mean[t], sum / 4, 1e-14);
            EXPECT_C_NEAR(deviation[t], sqrt(squares / 3), 1e-14);
            EXPECT_C_TRUE(part == 0 || t == 0 || mean[t] < mean[t - 1]);
        }
    }
    finish(&r);
}

TEST_C(Cv, TheBestRoundIsThatOfTheMeanAndTrainingEndsAfterThePatience)
{
    static double mean[MOST_ROUNDS];
    static const char *const keys[] = {"metric=logloss", "metric=auc"};
    for (int k = 0; k < 2; k++) {
        run r;
        watched w = {0};
        char text[128] = "objective=binary n_trees=60 early_stopping_rounds=5 learning_rate=0.9 ";
        prepare(&r, strcat(text, keys[k]), TOY_BINARY, false);
        ASSERT_C_OK(go(&r, NULL, watch, &w));
        const int32_t n = r.info.n_rounds;
        int32_t best = 0;
        ASSERT_C_OK(gbt_cv_curve(r.cv, GBT_CV_HELD_OUT, 0, mean, NULL, n));
        for (int32_t t = 1; t < n; t++) {
            best = (k == 0 ? mean[t] < mean[best] : mean[t] > mean[best]) ? t : best;
        }
        EXPECT_C_EQ_INT(r.info.best_round, best + 1);
        EXPECT_C_EQ_INT(n, best + 1 + 5);
        EXPECT_C_TRUE(n < 60);
        EXPECT_C_EQ_INT(w.round, n);
        EXPECT_C_EQ_INT(w.best_round, best + 1);
        EXPECT_C_EQ_INT(w.n_values, 1);
        EXPECT_C_TRUE(w.value[0] == mean[n - 1]);
        EXPECT_C_EQ_TEXT(w.data[0], "held_out");
        EXPECT_C_EQ_TEXT(w.metric[0], k == 0 ? "logloss" : "auc");
        finish(&r);
    }
}

TEST_C(Cv, TheCallbackIsCalledWhenDueAndStopsWithTheRoundsSoFar)
{
    run r;
    watched w = {.stop_at = 6};
    prepare(&r, "objective=regression n_trees=40 metric_every=3 train_metric=true folds=2",
            TOY_QUANTITY, false);
    ASSERT_C_OK(go(&r, NULL, watch, &w));
    EXPECT_C_EQ_INT(w.n, 2);
    EXPECT_C_EQ_INT(r.info.n_rounds, 6);
    EXPECT_C_TRUE(r.info.best_round >= 1 && r.info.best_round <= 6);
    EXPECT_C_EQ_INT(w.n_values, 2);
    EXPECT_C_EQ_TEXT(w.data[1], "train");
    finish(&r);
}

TEST_C(Cv, AMetricThatSomeFoldsDoNotDefineIsTheMeanOfTheOthers)
{
    static double mean[4], deviation[4], one[4];
    static int32_t fold[ROWS];
    run r;
    prepare(&r, "objective=binary metric=auc n_trees=4", TOY_BINARY, false);
    for (int i = 0, n = 0; i < ROWS; i++) { /* fold 0: ten rows of one class */
        const bool is_taken = r.data.label[i] == r.data.label[0] && n < 10;
        n += is_taken;
        fold[i] = is_taken ? 0 : 1 + i % 2;
    }
    ASSERT_C_OK(go(&r, fold, NULL, NULL));
    ASSERT_C_OK(gbt_cv_curve(r.cv, GBT_CV_HELD_OUT, 0, mean, deviation, 4));
    ASSERT_C_OK(gbt_cv_model_curve(r.cv, GBT_CV_HELD_OUT, 0, 0, one, 4));
    EXPECT_C_TRUE(isnan(one[3]));
    double both[2][4];
    for (int m = 0; m < 2; m++) {
        ASSERT_C_OK(gbt_cv_model_curve(r.cv, GBT_CV_HELD_OUT, 0, 1 + m, both[m], 4));
    }
    EXPECT_C_NEAR(mean[3], (both[0][3] + both[1][3]) / 2, 1e-15);
    EXPECT_C_NEAR(deviation[3], fabs(both[0][3] - both[1][3]) / sqrt(2.0), 1e-15);
    finish(&r);
}

/* ---- Threads --------------------------------------------------------------------------------- */

TEST_C(Cv, ThreadsChangeNothing)
{
    static float a[ROWS * MOST_OUTPUTS], b[ROWS * MOST_OUTPUTS];
    static double x[MOST_ROUNDS], y[MOST_ROUNDS];
    static int32_t fold_a[ROWS], fold_b[ROWS];
    run one, many;
    prepare(&one, "objective=multiclass n_trees=6 folds=3 subsample=0.8 threads=1", TOY_CLASSES,
            true);
    prepare(&many, "objective=multiclass n_trees=6 folds=3 subsample=0.8 threads=4", TOY_CLASSES,
            true);
    ASSERT_C_OK(go(&one, NULL, NULL, NULL));
    ASSERT_C_OK(go(&many, NULL, NULL, NULL));
    const int64_t n = (int64_t)ROWS * one.info.n_outputs;
    ASSERT_C_OK(gbt_cv_fold_of(one.cv, 0, fold_a, ROWS));
    ASSERT_C_OK(gbt_cv_fold_of(many.cv, 0, fold_b, ROWS));
    EXPECT_C_EQ_BYTES(fold_a, fold_b, sizeof fold_a);
    ASSERT_C_OK(gbt_cv_predict(one.cv, 0, GBT_PREDICT_RESPONSE, a, n));
    ASSERT_C_OK(gbt_cv_predict(many.cv, 0, GBT_PREDICT_RESPONSE, b, n));
    EXPECT_C_EQ_BYTES(a, b, (size_t)n * sizeof *a);
    ASSERT_C_OK(gbt_cv_curve(one.cv, GBT_CV_HELD_OUT, 0, x, NULL, 6));
    ASSERT_C_OK(gbt_cv_curve(many.cv, GBT_CV_HELD_OUT, 0, y, NULL, 6));
    EXPECT_C_EQ_BYTES(x, y, 6 * sizeof *x);
    for (int32_t m = 0; m < 3; m++) {
        gbt_model *p = NULL, *q = NULL;
        ASSERT_C_OK(gbt_cv_model(one.cv, m, &p));
        ASSERT_C_OK(gbt_cv_model(many.cv, m, &q));
        expect_same_model(p, q);
        gbt_model_free(p);
        gbt_model_free(q);
    }
    finish(&one);
    finish(&many);
}

/* ---- Folds ----------------------------------------------------------------------------------- */

TEST_C(Cv, ClassesAreSpreadEvenlyUnlessThatIsSwitchedOff)
{
    static int32_t fold[ROWS];
    for (int is_off = 0; is_off < 2; is_off++) {
        run r;
        int positive[5] = {0}, least = ROWS, most = 0;
        prepare(&r, is_off ? "objective=binary n_trees=1 stratified=false" : "n_trees=1",
                TOY_BINARY, false);
        ASSERT_C_OK(go(&r, NULL, NULL, NULL));
        EXPECT_C_EQ_INT(r.info.is_stratified, !is_off);
        EXPECT_C_EQ_INT(r.info.n_folds, 5);
        ASSERT_C_OK(gbt_cv_fold_of(r.cv, 0, fold, ROWS));
        for (int i = 0; i < ROWS; i++) {
            positive[fold[i]] += r.data.label[i] > 0.5f;
        }
        for (int f = 0; f < 5; f++) {
            least = positive[f] < least ? positive[f] : least;
            most = positive[f] > most ? positive[f] : most;
        }
        EXPECT_C_TRUE((most - least <= 1) == !is_off);
        finish(&r);
    }
}

TEST_C(Cv, GroupsOfTheDataSetStayWhole)
{
    static int32_t group[ROWS], fold[ROWS];
    run r;
    prepare(&r, "objective=binary n_trees=2 folds=4 repeats=3", TOY_BINARY, false);
    for (int i = 0; i < ROWS; i++) {
        group[i] = i % 23;
    }
    ASSERT_C_OK(gbt_dataset_set(r.rows, GBT_GROUP, group, GBT_I32, ROWS));
    ASSERT_C_OK(go(&r, NULL, NULL, NULL));
    EXPECT_C_EQ_INT(r.info.is_stratified, 0);
    for (int32_t repeat = 0; repeat < 3; repeat++) {
        ASSERT_C_OK(gbt_cv_fold_of(r.cv, repeat, fold, ROWS));
        for (int i = 23; i < ROWS; i++) {
            EXPECT_C_EQ_INT(fold[i], fold[i % 23]);
        }
    }
    finish(&r);
}

TEST_C(Cv, RowsOfNoFoldAreTrainedOnAndNeverPredicted)
{
    static int32_t given[ROWS], fold[ROWS];
    static float raw[ROWS], class_of[ROWS];
    run r;
    prepare(&r, "objective=binary n_trees=3", TOY_BINARY, false);
    for (int i = 0; i < ROWS; i++) {
        given[i] = i % 4 == 3 ? -7 : 10 * (i % 4);
    }
    ASSERT_C_OK(go(&r, given, NULL, NULL));
    EXPECT_C_EQ_INT(r.info.n_folds, 3);
    EXPECT_C_EQ_INT(r.info.n_repeats, 1);
    ASSERT_C_OK(gbt_cv_fold_of(r.cv, 0, fold, ROWS));
    ASSERT_C_OK(gbt_cv_predict(r.cv, 0, GBT_PREDICT_RAW, raw, ROWS));
    ASSERT_C_OK(gbt_cv_predict(r.cv, 0, GBT_PREDICT_CLASS, class_of, ROWS));
    for (int i = 0; i < ROWS; i++) {
        EXPECT_C_EQ_INT(fold[i], i % 4 == 3 ? -1 : i % 4);
        EXPECT_C_EQ_INT(isnan(raw[i]) != 0, i % 4 == 3);
        EXPECT_C_EQ_INT(isnan(class_of[i]) != 0, i % 4 == 3);
        EXPECT_C_TRUE(i % 4 == 3 || class_of[i] == (raw[i] > 0.0f ? 1.0f : 0.0f));
    }
    for (int32_t m = 0; m < 3; m++) {
        gbt_model *model = NULL;
        int64_t n = 0;
        ASSERT_C_OK(gbt_cv_model(r.cv, m, &model));
        ASSERT_C_OK(gbt_model_shape(model, GBT_SHAPE_TRAIN_ROWS, &n));
        EXPECT_C_EQ_INT(n, ROWS * 3 / 4);
        gbt_model_free(model);
    }
    finish(&r);
}

/* The only row of a class: numbered classes are known to a model that does not see it, others are
 * refused. */
TEST_C(Cv, AClassThatATrainingPartLacks)
{
    static float label[ROWS];
    run r;
    gbt_model *model = NULL;
    int64_t n = 0;
    prepare(&r, "objective=multiclass n_trees=3 folds=3", TOY_CLASSES, false);
    ASSERT_C_OK(gbt_dataset_get(r.rows, GBT_LABEL, label, GBT_F32, ROWS));
    float most = 0.0f;
    for (int i = 0; i < ROWS; i++) {
        most = label[i] > most ? label[i] : most;
    }
    label[17] = most + 1.0f;
    ASSERT_C_OK(gbt_dataset_set(r.rows, GBT_LABEL, label, GBT_F32, ROWS));
    ASSERT_C_OK(go(&r, NULL, NULL, NULL));
    for (int32_t m = 0; m < 3; m++) {
        ASSERT_C_OK(gbt_cv_model(r.cv, m, &model));
        ASSERT_C_OK(gbt_model_shape(model, GBT_SHAPE_CLASSES, &n));
        EXPECT_C_EQ_INT(n, (int64_t)most + 2);
        gbt_model_free(model);
    }
    gbt_cv_free(r.cv);
    label[17] = most + 5.0f;
    ASSERT_C_OK(gbt_dataset_set(r.rows, GBT_LABEL, label, GBT_F32, ROWS));
    EXPECT_C_STATUS(go(&r, NULL, NULL, NULL), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "holds out all 1 rows of class");
    EXPECT_C_TRUE(r.cv == NULL);
    finish(&r);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void expect_refused(const char *keys, toy_label label, const int32_t *fold, gbt_status want,
                           const char *says)
{
    run r;
    watched w = {0};
    prepare(&r, keys, label, false);
    r.cv = (gbt_cv *)&r;
    EXPECT_C_STATUS(go(&r, fold, watch, &w), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), says);
    EXPECT_C_TRUE(r.cv == NULL);
    EXPECT_C_EQ_INT(w.n, 0); /* before the first tree */
    finish(&r);
}

TEST_C(Cv, WhatHasNoEffectOrCannotBeDoneIsRefusedBeforeTheFirstTree)
{
    static int32_t fold[ROWS];
    fold[0] = 1;
    expect_refused("valid_fraction=0.2", TOY_QUANTITY, NULL, GBT_ERR_PARAM, "valid_fraction");
    expect_refused("continue_from=m.gbt", TOY_QUANTITY, NULL, GBT_ERR_PARAM, "continue_from");
    expect_refused("fold=part", TOY_QUANTITY, NULL, GBT_ERR_PARAM, "names a column");
    expect_refused("stratified=true", TOY_QUANTITY, NULL, GBT_ERR_PARAM, "needs classes");
    expect_refused("folds=3", TOY_QUANTITY, fold, GBT_ERR_PARAM, "folds has no effect");
    expect_refused("repeats=3", TOY_QUANTITY, fold, GBT_ERR_PARAM, "repeats has no effect");
    expect_refused("stratified=false", TOY_BINARY, fold, GBT_ERR_PARAM, "stratified has no effect");
    expect_refused("folds=401", TOY_QUANTITY, NULL, GBT_ERR_DATA, "400 rows");
    expect_refused("memory_limit=10000", TOY_QUANTITY, NULL, GBT_ERR_MEMORY, "memory_limit");
    expect_refused("metric=multi_error", TOY_QUANTITY, NULL, GBT_ERR_PARAM, "multi_error");
    fold[0] = 0;
    expect_refused("n_trees=3", TOY_QUANTITY, fold, GBT_ERR_DATA, "nothing is left to train on");
}

TEST_C(Cv, GroupsForbidStratifyingAndTornFolds)
{
    static int32_t group[ROWS], fold[ROWS];
    run r;
    prepare(&r, "objective=binary n_trees=2 stratified=true", TOY_BINARY, false);
    for (int i = 0; i < ROWS; i++) {
        group[i] = i / 10;
        fold[i] = i / 10 % 3 + (i == 55);
    }
    ASSERT_C_OK(gbt_dataset_set(r.rows, GBT_GROUP, group, GBT_I32, ROWS));
    EXPECT_C_STATUS(go(&r, NULL, NULL, NULL), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "groups");
    gbt_params_free(r.params);
    r.params = toy_params("objective=binary n_trees=2");
    EXPECT_C_STATUS(go(&r, fold, NULL, NULL), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "tear a group apart");
    fold[55] = fold[54];
    EXPECT_C_OK(go(&r, fold, NULL, NULL));
    finish(&r);
}

TEST_C(Cv, MemoryLimitCountsAllModelsTogether)
{
    run r;
    prepare(&r, "n_trees=2 memory_limit=8M max_leaves=4 threads=1", TOY_QUANTITY, false);
    EXPECT_C_OK(go(&r, NULL, NULL, NULL)); /* five models */
    gbt_cv_free(r.cv);
    gbt_params_free(r.params);
    r.params = toy_params("n_trees=2 memory_limit=8M max_leaves=4 threads=1 repeats=100 folds=100");
    EXPECT_C_STATUS(go(&r, NULL, NULL, NULL), GBT_ERR_MEMORY);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "10000 models at once");
    finish(&r);
}

TEST_C(Cv, WrongCallsAreToldAndChangeNothing)
{
    static double curve[8];
    static float raw[ROWS];
    static int32_t fold[ROWS];
    run r;
    gbt_cv_info info;
    gbt_model *model = NULL;
    prepare(&r, "n_trees=2 folds=2", TOY_QUANTITY, false);
    EXPECT_C_STATUS(gbt_cv_run(NULL, r.rows, NULL, 0, NULL, NULL, &r.cv), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_run(r.params, NULL, NULL, 0, NULL, NULL, &r.cv), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_run(r.params, r.rows, NULL, 0, NULL, NULL, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_run(r.params, r.rows, fold, ROWS - 1, NULL, NULL, &r.cv),
                    GBT_ERR_ARGUMENT);
    gbt_matrix matrix = toy_matrix(&r.data);
    matrix.n_rows--;
    EXPECT_C_STATUS(gbt_cv_run_features(r.params, r.rows, &matrix, NULL, 0, NULL, NULL, &r.cv),
                    GBT_ERR_ARGUMENT);
    matrix = toy_matrix(&r.data);
    matrix.n_cols--;
    EXPECT_C_STATUS(gbt_cv_run_features(r.params, r.rows, &matrix, NULL, 0, NULL, NULL, &r.cv),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(r.cv == NULL);
    ASSERT_C_OK(go(&r, NULL, NULL, NULL));
    EXPECT_C_STATUS(gbt_cv_describe(NULL, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_describe(r.cv, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(gbt_cv_metric_name(r.cv, 1) == NULL && gbt_cv_metric_name(NULL, 0) == NULL);
    EXPECT_C_TRUE(gbt_cv_metric_name(r.cv, -1) == NULL);
    EXPECT_C_STATUS(gbt_cv_curve(NULL, GBT_CV_HELD_OUT, 0, curve, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_curve(r.cv, GBT_CV_HELD_OUT, 1, curve, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_curve(r.cv, GBT_CV_HELD_OUT, 0, curve, NULL, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_curve(r.cv, (gbt_cv_part)2, 0, curve, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_curve(r.cv, GBT_CV_TRAIN, 0, curve, NULL, 2), GBT_ERR_STATE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "train_metric");
    EXPECT_C_STATUS(gbt_cv_model_curve(r.cv, GBT_CV_HELD_OUT, 0, 2, curve, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_model_curve(r.cv, GBT_CV_HELD_OUT, 0, 0, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_fold_of(r.cv, 1, fold, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_fold_of(r.cv, 0, fold, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_predict(r.cv, 0, GBT_PREDICT_RAW, raw, 7), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_predict(r.cv, -1, GBT_PREDICT_RAW, raw, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_predict(NULL, 0, GBT_PREDICT_RAW, raw, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_model(r.cv, 2, &model), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_model(NULL, 0, &model), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_cv_model(r.cv, 0, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(model == NULL);
    gbt_cv_free(NULL);
    finish(&r);
}

TEST_C(Cv, ResultsOutliveTheDataAndTheParameters)
{
    static float raw[ROWS];
    run r;
    gbt_model *model = NULL;
    const toy *data = &r.data;
    prepare(&r, "n_trees=3 folds=2", TOY_QUANTITY, false);
    ASSERT_C_OK(go(&r, NULL, NULL, NULL));
    gbt_dataset_free(r.rows);
    gbt_params_free(r.params);
    r.rows = NULL;
    r.params = NULL;
    ASSERT_C_OK(gbt_cv_model(r.cv, 1, &model));
    ASSERT_C_OK(gbt_cv_predict(r.cv, 0, GBT_PREDICT_RAW, raw, ROWS));
    gbt_cv_free(r.cv);
    r.cv = NULL;
    const gbt_matrix matrix = toy_matrix(data);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, raw, ROWS));
    gbt_model_free(model);
    finish(&r);
}

/* ---- Memory that runs out -------------------------------------------------------------------- */

static gbt_status session(const toy *data, bool has_groups)
{
    static int32_t group[ROWS];
    gbt_params *params = NULL;
    gbt_dataset *rows = NULL;
    gbt_model *model = NULL;
    gbt_cv *cv = NULL;
    const gbt_matrix matrix = toy_matrix(data);
    gbt_status status = gbt_params_create(&params);
    for (int i = 0; i < ROWS; i++) {
        group[i] = i % 9;
    }
    static const char *const keys[][2] = {
        {"objective", "multiclass"}, {"n_trees", "2"},        {"folds", "2"}, {"threads", "1"},
        {"max_leaves", "3"},         {"train_metric", "true"}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == GBT_OK; i++) {
        status = gbt_params_set(params, keys[i][0], keys[i][1]);
    }
    status =
        status == GBT_OK ? gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &rows) : status;
    status =
        status == GBT_OK ? gbt_dataset_set(rows, GBT_LABEL, data->label, GBT_F32, ROWS) : status;
    if (status == GBT_OK && has_groups) {
        status = gbt_dataset_set(rows, GBT_GROUP, group, GBT_I32, ROWS);
    }
    status = status == GBT_OK ? gbt_cv_run_features(params, rows, &matrix, NULL, 0, NULL, NULL, &cv)
                              : status;
    EXPECT_C_TRUE((status == GBT_OK) == (cv != NULL));
    status = status == GBT_OK ? gbt_cv_model(cv, 1, &model) : status;
    gbt_model_free(model);
    gbt_cv_free(cv);
    gbt_dataset_free(rows);
    gbt_params_free(params);
    return status;
}

TEST_C(Cv, EveryRefusedAllocationIsReportedAndNothingLeaks)
{
    toy data;
    toy_make(&data, ROWS, TOY_CLASSES, 3);
    for (int has_groups = 0; has_groups < 2; has_groups++) {
        for (int64_t n = 1;; n++) {
            fail_alloc_install(n);
            const gbt_status status = session(&data, has_groups == 1);
            const bool refused = fail_alloc_refused();
            EXPECT_C_EQ_INT(fail_alloc_live(), 0);
            fail_alloc_remove();
            if (!refused) {
                EXPECT_C_OK(status);
                EXPECT_C_TRUE(n > 100);
                break;
            }
            EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
        }
    }
    toy_free(&data);
}
