/* The modes of multi-task boosting: where they are plain boosting they are so byte by byte;
 * objectives, weights, validation rows, callbacks, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/modules/multitask_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/task_toy.h"
#include "tests/support/toy.h"

enum { ROWS = 600, TASKS = 4 };

/* Trees are equal when the bytes of models with the same frame are. */
static bool same_trees(const gbt_model *a, const gbt_model *b)
{
    bool is_same = gbt_model_round_count(a) == gbt_model_round_count(b);
    int64_t n_trees = 0;
    EXPECT_C_OK(gbt_model_shape(a, GBT_SHAPE_TREES, &n_trees));
    for (int32_t t = 0; t < n_trees && is_same; t++) {
        gbt_node x[200], y[200];
        int32_t n_x = 0, n_y = 0;
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        EXPECT_C_OK(gbt_model_tree_nodes(a, t, &n_x));
        EXPECT_C_OK(gbt_model_tree_nodes(b, t, &n_y));
        is_same = n_x == n_y && n_x <= 200;
        if (is_same) {
            EXPECT_C_OK(gbt_model_nodes(a, t, x, n_x));
            EXPECT_C_OK(gbt_model_nodes(b, t, y, n_y));
            is_same = memcmp(x, y, sizeof x) == 0;
        }
    }
    return is_same;
}

/* A plain model on the rows of a task toy; same_cuts may be NULL. */
static gbt_model *train_plain(const task_toy *t, const gbt_dataset *same_cuts, const char *options,
                              bool weighted)
{
    gbt_model *model = NULL;
    gbt_params *params = toy_params(options);
    gbt_dataset *data = task_toy_dataset(t, same_cuts, weighted);
    EXPECT_C_OK(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model));
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

/* ---- Plain boosting -------------------------------------------------------------------------- */

TEST_C(MultitaskModes, PooledIsGbtTrainByteByByte)
{
    static const char *const tree[] = {
        "objective=regression", "objective=mae subsample=0.7",
        "objective=regression grow_policy=symmetric max_depth=3 colsample_bytree=0.6",
        "objective=huber grow_policy=depthwise max_depth=3 huber_delta=2"};
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 1);
    for (size_t c = 0; c < sizeof tree / sizeof tree[0]; c++) {
        char plain[300], pooled[300];
        size_t plain_size = 0, pooled_size = 0;
        gbt_model *whole = NULL;
        (void)snprintf(plain, sizeof plain, "%s n_trees=11 early_stopping_rounds=0", tree[c]);
        (void)snprintf(pooled, sizeof pooled, "%s mode=pooled n_trees_shared=11", tree[c]);
        gbt_model *want = train_plain(&t, NULL, plain, true);
        gbt_multitask *model = task_toy_train(&t, pooled, true);
        ASSERT_C_TRUE(want && model);
        EXPECT_C_OK(gbt_multitask_extract(model, 0, &whole));
        void *x = toy_bytes(want, &plain_size), *y = toy_bytes(whole, &pooled_size);
        EXPECT_C_EQ_INT(plain_size, pooled_size);
        EXPECT_C_EQ_BYTES(x, y, plain_size);
        gbt_memory_free(x);
        gbt_memory_free(y);
        gbt_model_free(want);
        gbt_model_free(whole);
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}

/* Blocks 2 and 3 left empty: the other modes with shared trees are pooled too. */
TEST_C(MultitaskModes, SharedTreesAloneArePlainBoosting)
{
    static const char *const options[] = {
        "mode=robust n_trees_shared=9 n_trees_robust=0 n_trees_task=0",
        "mode=shared n_trees_shared=9 n_trees_task=0"};
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_CLASSES, 1);
    gbt_model *want = train_plain(&t, NULL, "objective=multiclass n_trees=9", false);
    float *plain = malloc(ROWS * 3 * sizeof *plain);
    const gbt_matrix matrix = task_toy_matrix(&t);
    ASSERT_C_TRUE(want && plain);
    EXPECT_C_OK(gbt_model_predict(want, &matrix, GBT_PREDICT_RAW, 0, 0, 1, plain, ROWS * 3));
    for (int c = 0; c < 2; c++) {
        char text[200];
        gbt_task_info info;
        (void)snprintf(text, sizeof text, "objective=multiclass %s", options[c]);
        gbt_multitask *model = task_toy_train(&t, text, false);
        ASSERT_C_TRUE(model != NULL);
        EXPECT_C_TRUE(same_trees(want, model->part[0]));
        float *raw = task_toy_raw(model, &t);
        EXPECT_C_EQ_BYTES(raw, plain, ROWS * 3 * sizeof *raw);
        EXPECT_C_OK(gbt_multitask_task(model, 0, &info));
        EXPECT_C_TRUE(isnan(info.outlier));
        free(raw);
        gbt_multitask_free(model);
    }
    free(plain);
    gbt_model_free(want);
    task_toy_free(&t);
}

/* Task r alone, with the cuts of all rows. */
static void expect_single(task_toy_label label, const char *objective, int32_t n_outputs)
{
    char plain[200], single[200];
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, label, 5);
    gbt_dataset *all = task_toy_dataset(&t, NULL, true);
    (void)snprintf(plain, sizeof plain, "%s n_trees=8 min_child_samples=5 subsample=0.8",
                   objective);
    (void)snprintf(single, sizeof single,
                   "%s mode=single n_trees_task=8 min_child_samples=5 subsample=0.8", objective);
    gbt_multitask *model = task_toy_train(&t, single, true);
    ASSERT_C_TRUE(model != NULL);
    for (int32_t r = 0; r < TASKS; r++) {
        task_toy own;
        gbt_model *extracted = NULL;
        float want[3 * ROWS];
        task_toy_only(&t, 10 + 3 * r, &own);
        gbt_model *alone = train_plain(&own, all, plain, true);
        const gbt_matrix matrix = task_toy_matrix(&own);
        float *raw = task_toy_raw(model, &own);
        EXPECT_C_OK(gbt_model_predict(alone, &matrix, GBT_PREDICT_RAW, 0, 0, 1, want,
                                      own.n_rows * n_outputs));
        EXPECT_C_EQ_BYTES(raw, want, (size_t)(own.n_rows * n_outputs) * sizeof *raw);
        EXPECT_C_OK(gbt_multitask_extract(model, r, &extracted));
        EXPECT_C_TRUE(same_trees(alone, extracted));
        EXPECT_C_OK(gbt_model_predict(extracted, &matrix, GBT_PREDICT_RAW, 0, 0, 1, want,
                                      own.n_rows * n_outputs));
        EXPECT_C_EQ_BYTES(raw, want, (size_t)(own.n_rows * n_outputs) * sizeof *raw);
        free(raw);
        gbt_model_free(alone);
        gbt_model_free(extracted);
        task_toy_free(&own);
    }
    gbt_multitask_free(model);
    gbt_dataset_free(all);
    task_toy_free(&t);
}

TEST_C(MultitaskModes, SingleIsOnePlainModelOnTheRowsOfEachTask)
{
    expect_single(TASK_TOY_QUANTITY, "objective=regression", 1);
    expect_single(TASK_TOY_QUANTITY, "objective=quantile", 1);
    expect_single(TASK_TOY_BINARY, "objective=binary", 1);
    expect_single(TASK_TOY_CLASSES, "objective=multiclass", 3);
    expect_single(TASK_TOY_PAIR, "objective=regression", 2);
    expect_single(TASK_TOY_POSITIVE, "objective=poisson", 1);
}

/* A task with rows of one class only starts from the pooled base score and learns that class. */
TEST_C(MultitaskModes, ATaskThatLacksAClassIsTrainedAllTheSame)
{
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_BINARY, 5);
    for (int64_t i = 0; i < ROWS; i++) {
        t.label[i] = t.task[i] == 13 ? 1.0f : t.label[i];
    }
    gbt_multitask *model = task_toy_train(
        &t, "objective=binary mode=single n_trees_task=20 min_child_samples=5", false);
    ASSERT_C_TRUE(model != NULL);
    float *raw = task_toy_raw(model, &t);
    double base = 0.0;
    EXPECT_C_OK(gbt_model_base_score(gbt_multitask_frame(model), &base, 1));
    for (int64_t i = 0; i < ROWS; i++) {
        EXPECT_C_TRUE(t.task[i] != 13 || (raw[i] > 0.0f && (double)raw[i] > base + 1.0));
    }
    free(raw);
    gbt_multitask_free(model);
    task_toy_free(&t);
}

TEST_C(MultitaskModes, FeatureIsAPlainModelWithTheTaskAsACategory)
{
    task_toy t;
    float *wide = NULL, *want = NULL;
    gbt_dataset *data = NULL;
    gbt_model *plain = NULL;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 6);
    wide = malloc(ROWS * 5 * sizeof *wide);
    want = malloc(ROWS * sizeof *want);
    ASSERT_C_TRUE(wide && want);
    for (int64_t i = 0; i < ROWS; i++) {
        memcpy(wide + 5 * i, t.x + 4 * i, 4 * sizeof *wide);
        wide[5 * i + 4] = (float)((t.task[i] - 10) / 3);
    }
    const gbt_matrix matrix = {wide, GBT_F32, ROWS, 5, 5, 1};
    gbt_params *params =
        toy_params("categorical=3,4 min_data_in_bin=1 n_trees=10 objective=regression");
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &data));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, t.label, GBT_F32, ROWS));
    EXPECT_C_OK(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &plain));
    EXPECT_C_OK(gbt_model_predict(plain, &matrix, GBT_PREDICT_RAW, 0, 0, 1, want, ROWS));
    gbt_multitask *model = task_toy_train(
        &t, "mode=feature n_trees_shared=10 objective=regression min_data_in_bin=1", false);
    ASSERT_C_TRUE(model != NULL);
    float *raw = task_toy_raw(model, &t);
    EXPECT_C_EQ_BYTES(raw, want, ROWS * sizeof *raw);
    EXPECT_C_TRUE(same_trees(plain, model->part[0]));
    gbt_model *none = NULL;
    EXPECT_C_STATUS(gbt_multitask_extract(model, 0, &none), GBT_ERR_UNSUPPORTED);
    free(raw);
    free(wide);
    free(want);
    gbt_multitask_free(model);
    gbt_model_free(plain);
    gbt_dataset_free(data);
    gbt_params_free(params);
    task_toy_free(&t);
}

/* With a cluster for each task, group and task trees together are those of the task alone. */
TEST_C(MultitaskModes, ClustersOfOneTaskAreSingleTasks)
{
    task_toy t;
    task_toy_make(&t, ROWS, 2, TASK_TOY_QUANTITY, 7);
    gbt_multitask *clustered = task_toy_train(
        &t, "mode=clustered n_trees_shared=5 n_trees_task=4 gradient_bits=32 min_child_samples=5",
        false);
    gbt_multitask *single = task_toy_train(
        &t, "mode=single n_trees_task=9 gradient_bits=32 min_child_samples=5", false);
    ASSERT_C_TRUE(clustered && single);
    EXPECT_C_EQ_INT(clustered->n_groups, 2);
    float *x = task_toy_raw(clustered, &t), *y = task_toy_raw(single, &t);
    for (int64_t i = 0; i < ROWS; i++) {
        EXPECT_C_NEAR((double)x[i], (double)y[i], 1e-5);
    }
    free(x);
    free(y);
    gbt_multitask_free(clustered);
    gbt_multitask_free(single);
    task_toy_free(&t);
}

/* ---- Every objective ------------------------------------------------------------------------- */

TEST_C(MultitaskModes, EveryModeLearnsEveryKindOfLabel)
{
    static const struct {
        task_toy_label label;
        const char *objective;
    } kinds[] = {{TASK_TOY_QUANTITY, "regression"},   {TASK_TOY_QUANTITY, "huber"},
                 {TASK_TOY_QUANTITY, "fair"},         {TASK_TOY_BINARY, "binary"},
                 {TASK_TOY_BINARY, "cross_entropy"},  {TASK_TOY_CLASSES, "multiclass"},
                 {TASK_TOY_CLASSES, "multiclassova"}, {TASK_TOY_PAIR, "regression"},
                 {TASK_TOY_POSITIVE, "poisson"},      {TASK_TOY_POSITIVE, "tweedie"}};
    static const char *const modes[] = {"robust", "shared", "single", "clustered", "feature"};
    for (size_t c = 0; c < sizeof kinds / sizeof kinds[0]; c++) {
        task_toy t;
        task_toy_make(&t, ROWS, TASKS, kinds[c].label, 9);
        for (int m = 0; m < 5; m++) {
            for (int is_mean = 0; is_mean < 2; is_mean++) {
                char options[300];
                double start = 0.0, end = 0.0;
                (void)snprintf(options, sizeof options,
                               "mode=%s objective=%s min_child_samples=5 compare=pooled "
                               "n_trees_shared=10 n_trees_robust=10 n_trees_task=10 "
                               "cluster_trees=5 %s",
                               modes[m], kinds[c].objective, is_mean ? "leaf_estimation=mean" : "");
                gbt_multitask *model = task_toy_train(&t, options, true);
                if (!EXPECT_C_TRUE(model != NULL)) {
                    FAIL_C(gbt_last_error());
                    continue;
                }
                gbt_objective *objective = NULL;
                gbt_dataset *data = task_toy_dataset(&t, NULL, true);
                const gbt_model *frame = gbt_multitask_frame(model);
                const int32_t k = model->n_outputs;
                float *by_row = task_toy_raw(model, &t);
                float *score = calloc((size_t)(ROWS * k), sizeof *score);
                float *label = malloc((size_t)(ROWS * k) * sizeof *label);
                double base[3];
                EXPECT_C_OK(gbt_objective_of_model(frame, &objective));
                EXPECT_C_OK(gbt_model_base_score(frame, base, k));
                EXPECT_C_OK(gbt_model_labels(frame, data, label, ROWS * t.n_labels));
                for (int64_t i = 0; i < ROWS * k; i++) {
                    score[i] = (float)base[i / ROWS];
                }
                EXPECT_C_OK(gbt_objective_value(objective, score, label, t.weight, ROWS, &start));
                for (int64_t i = 0; i < ROWS * k; i++) {
                    score[i] = by_row[i % ROWS * k + i / ROWS];
                }
                EXPECT_C_OK(gbt_objective_value(objective, score, label, t.weight, ROWS, &end));
                EXPECT_C_TRUE(end < start);
                free(by_row);
                free(score);
                free(label);
                gbt_objective_free(objective);
                gbt_dataset_free(data);
                gbt_multitask_free(model);
            }
        }
        task_toy_free(&t);
    }
}

TEST_C(MultitaskModes, AWeightOfTwoIsARowTwice)
{
    static const char options[] = "n_trees_shared=4 n_trees_robust=6 n_trees_task=4 reg_lambda=0 "
                                  "min_child_samples=1 max_leaves=3 gradient_bits=32 "
                                  "min_data_in_bin=1 theta_step=sum max_cat_to_onehot=10";
    task_toy t, twice;
    task_toy_make(&t, 200, 3, TASK_TOY_QUANTITY, 12);
    task_toy_make(&twice, 400, 3, TASK_TOY_QUANTITY, 12);
    for (int64_t i = 0; i < 400; i++) {
        memcpy(twice.x + 4 * i, t.x + 4 * (i / 2), 4 * sizeof *t.x);
        twice.label[i] = t.label[i / 2];
        twice.task[i] = t.task[i / 2];
        t.weight[i / 2] = 2.0f;
    }
    gbt_multitask *a = task_toy_train(&t, options, true),
                  *b = task_toy_train(&twice, options, false);
    ASSERT_C_TRUE(a && b);
    float *x = task_toy_raw(a, &t), *y = task_toy_raw(b, &t);
    for (int64_t i = 0; i < 200; i++) {
        EXPECT_C_NEAR((double)x[i], (double)y[i], 1e-4);
    }
    free(x);
    free(y);
    gbt_multitask_free(a);
    gbt_multitask_free(b);
    task_toy_free(&t);
    task_toy_free(&twice);
}

/* ---- Validation rows ------------------------------------------------------------------------- */

enum { MOST_REPORTS = 400 };

typedef struct heard {
    int n, stop_at;
    int32_t round[MOST_REPORTS], best_round[MOST_REPORTS], n_rounds;
    double value[MOST_REPORTS];
    bool has_booster;
} heard;

static int hear(const gbt_round_info *info, void *user)
{
    heard *h = user;
    h->has_booster |= info->booster != NULL;
    h->n_rounds = info->n_rounds;
    h->round[h->n] = info->round;
    h->best_round[h->n] = info->best_round;
    h->value[h->n++] = info->n_values > 0 ? info->value[0] : (double)NAN;
    return h->n == h->stop_at;
}

static gbt_multitask *train_watched(const task_toy *t, const task_toy *other, const char *options,
                                    heard *h)
{
    gbt_multitask *model = NULL;
    gbt_params *params = toy_params(options);
    gbt_dataset *train = task_toy_dataset(t, NULL, false), *valid = NULL;
    const gbt_matrix matrix = task_toy_matrix(t);
    gbt_matrix valid_matrix = {0};
    if (other) {
        valid = task_toy_dataset(other, train, false);
        valid_matrix = task_toy_matrix(other);
    }
    EXPECT_C_OK(gbt_multitask_train(params, train, &matrix, valid, other ? &valid_matrix : NULL,
                                    hear, h, &model));
    gbt_dataset_free(train);
    gbt_dataset_free(valid);
    gbt_params_free(params);
    return model;
}

static double rmse(const gbt_multitask *model, const task_toy *t)
{
    float *raw = task_toy_raw(model, t);
    double sum = 0.0;
    for (int64_t i = 0; i < t->n_rows; i++) {
        sum += ((double)raw[i] - (double)t->label[i]) * ((double)raw[i] - (double)t->label[i]);
    }
    free(raw);
    return sqrt(sum / (double)t->n_rows);
}

/* The model that is kept has the best value that was ever reported, in every mode. */
TEST_C(MultitaskModes, EarlyStoppingKeepsTheBestRoundOfEveryBlock)
{
    static const char *const modes[] = {"robust",    "shared",  "single",
                                        "clustered", "feature", "pooled"};
    task_toy t, other;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 21);
    task_toy_make(&other, 300, TASKS, TASK_TOY_QUANTITY, 22);
    for (int64_t i = 0; i < ROWS; i++) { /* noise to overfit */
        t.label[i] += (float)(i * 37 % 19 - 9) * 0.2f;
    }
    for (int m = 0; m < 6; m++) {
        heard h = {0};
        char options[300];
        double best = (double)INFINITY;
        (void)snprintf(options, sizeof options,
                       "mode=%s metric=rmse learning_rate=0.3 min_child_samples=5 compare=pooled "
                       "early_stopping_rounds=4 n_trees_shared=60 n_trees_robust=30 "
                       "n_trees_task=30",
                       modes[m]);
        gbt_multitask *model = train_watched(&t, &other, options, &h);
        ASSERT_C_TRUE(model != NULL);
        for (int i = 0; i < h.n; i++) {
            best = h.value[i] < best ? h.value[i] : best;
        }
        EXPECT_C_TRUE(h.n >= 5 && h.n < 100);
        EXPECT_C_NEAR(rmse(model, &other), best, 1e-6);
        EXPECT_C_FALSE(h.has_booster);
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
    task_toy_free(&other);
}

TEST_C(MultitaskModes, ValidFractionHoldsOutRowsOfEveryTask)
{
    heard h = {0};
    task_toy t;
    int64_t n_rows = 0;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 23);
    gbt_multitask *model = train_watched(&t, NULL,
                                         "valid_fraction=0.25 n_trees_shared=6 n_trees_robust=4 "
                                         "n_trees_task=3 early_stopping_rounds=0",
                                         &h);
    ASSERT_C_TRUE(model != NULL);
    for (int32_t r = 0; r < TASKS; r++) {
        int64_t n_all = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            n_all += t.task[i] == model->number[r];
        }
        EXPECT_C_EQ_INT(model->rows[r], n_all - (int64_t)(0.25 * (double)n_all + 0.5));
        n_rows += model->rows[r];
    }
    EXPECT_C_TRUE(n_rows < ROWS);
    EXPECT_C_EQ_INT(h.n, 13);
    EXPECT_C_EQ_INT(h.n_rounds, 13);
    for (int i = 0; i < h.n; i++) {
        EXPECT_C_EQ_INT(h.round[i], i + 1);
        EXPECT_C_FALSE(isnan(h.value[i]));
    }
    gbt_multitask_free(model);
    task_toy_free(&t);
}

TEST_C(MultitaskModes, ValidationRowsOfUnknownTasksAreLeftOut)
{
    heard with = {0}, without = {0};
    task_toy t, other;
    static const char options[] = "n_trees_shared=3 n_trees_robust=3 n_trees_task=3";
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 23);
    task_toy_make(&other, 100, TASKS, TASK_TOY_QUANTITY, 24);
    gbt_multitask *a = train_watched(&t, &other, options, &without);
    task_toy more;
    task_toy_make(&more, 130, TASKS, TASK_TOY_QUANTITY, 24);
    for (int64_t i = 100; i < 130; i++) {
        more.task[i] = 77;
    }
    gbt_multitask *b = train_watched(&t, &more, options, &with);
    EXPECT_C_EQ_INT(with.n, without.n);
    EXPECT_C_EQ_BYTES(with.value, without.value, (size_t)with.n * sizeof(double));
    gbt_multitask_free(a);
    gbt_multitask_free(b);
    task_toy_free(&t);
    task_toy_free(&other);
    task_toy_free(&more);
}

TEST_C(MultitaskModes, TheCallbackStopsTrainingAndTheModelSoFarIsKept)
{
    static const struct {
        int stop_at;
        int32_t rounds[3];
    } cases[] = {{2, {2, 0, 0}}, {7, {5, 2, 0}}, {12, {5, 4, 3}}};
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 23);
    for (int c = 0; c < 3; c++) {
        heard h = {.stop_at = cases[c].stop_at};
        gbt_multitask *model =
            train_watched(&t, NULL, "n_trees_shared=5 n_trees_robust=4 n_trees_task=8", &h);
        ASSERT_C_TRUE(model != NULL);
        EXPECT_C_EQ_INT(h.n, cases[c].stop_at);
        for (int b = 0; b < 3; b++) {
            EXPECT_C_EQ_INT(gbt_multitask_rounds(model, b), cases[c].rounds[b]);
        }
        float *raw = task_toy_raw(model, &t);
        free(raw);
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

TEST_C(MultitaskModes, KeysWithoutEffectAreRefused)
{
    static const char *const cases[][2] = {
        {"n_trees=5", "n_trees has no effect on multi-task boosting: set n_trees_shared"},
        {"continue_from=a.gbt", "continue_from has no effect"},
        {"max_seconds=3", "max_seconds has no effect"},
        {"mode=pooled n_trees_task=3", "n_trees_task has no effect with mode = pooled"},
        {"mode=single n_trees_shared=3", "n_trees_shared has no effect with mode = single"},
        {"mode=shared theta_scale=3", "theta_scale has no effect with mode = shared"},
        {"mode=robust max_clusters=3", "max_clusters has no effect with mode = robust"},
        {"n_trees_shared=0 n_trees_robust=0 n_trees_task=0", "the numbers of trees are all 0"},
        {"early_stopping_rounds=3", "needs validation rows"},
        {"objective=mae", "objective = mae: its leaves are quantiles"},
        {"objective=mae mode=pooled leaf_estimation=mean", "its leaves are quantiles"},
    };
    task_toy t;
    task_toy_make(&t, 100, 2, TASK_TOY_QUANTITY, 1);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        EXPECT_C_TRUE(task_toy_train(&t, cases[c][0], false) == NULL);
        EXPECT_C_HAS_TEXT(gbt_last_error(), cases[c][1]);
    }
    gbt_multitask *model = task_toy_train(&t, "compare=single mode=pooled n_trees_task=3", false);
    EXPECT_C_TRUE(model != NULL); /* the key serves the other mode */
    gbt_multitask_free(model);
    task_toy_free(&t);
}

TEST_C(MultitaskModes, DataThatDoNotFitAreRefused)
{
    task_toy t;
    gbt_multitask *model = NULL;
    task_toy_make(&t, 100, 2, TASK_TOY_QUANTITY, 1);
    gbt_params *params = toy_params("mode=feature");
    gbt_dataset *data = task_toy_dataset(&t, NULL, false);
    gbt_matrix matrix = task_toy_matrix(&t);
    EXPECT_C_STATUS(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "mode = feature needs the raw features");
    matrix.n_rows = 99;
    EXPECT_C_STATUS(gbt_multitask_train(params, data, &matrix, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "99 x 4");
    EXPECT_C_STATUS(gbt_multitask_train(NULL, data, NULL, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_train(params, NULL, NULL, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, NULL),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, t.label, GBT_F32, 100));
    EXPECT_C_STATUS(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "init scores");
    EXPECT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, NULL, GBT_F32, 0));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_TASK, NULL, GBT_I32, 0));
    EXPECT_C_STATUS(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model),
                    GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no task");
    EXPECT_C_TRUE(model == NULL);
    gbt_dataset_free(data);
    gbt_params_free(params);
    task_toy_free(&t);
}
