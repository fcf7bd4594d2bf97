/* The calls of the influence module: they agree with each other, do not depend on threads, memory
 * or the company of a target, refuse what has no meaning, and survive failures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/modules/influence_internal.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/influence_case.h"

static const char *const methods[] = {
    "method=boostin ",        "method=boostin_w2 leaf_term=reference ",
    "method=boostin_lca ",    "method=leaf_influence_sp ",
    "method=leaf_influence ", "method=leaf_refit update_set=0 ",
    "method=leaf_refit ",
};
enum { N_METHODS = sizeof methods / sizeof methods[0], N_ROWS = 90, N_TARGETS = 70 };

static influence_case open_case(const char *more)
{
    influence_case c;
    char options[512] = "min_child_samples=5 max_leaves=6 n_trees=6 ";
    strcat(options, more);
    const bool has_classes = strstr(more, "multiclass") != NULL;
    influence_case_open(&c, options, has_classes ? TOY_CLASSES : TOY_BINARY, N_ROWS, N_TARGETS,
                        true);
    return c;
}

static gbt_influence *with_options(const influence_case *c, const char *method, const char *more)
{
    char options[256];
    snprintf(options, sizeof options, "%s%s", method, more);
    return influence_of(c, options);
}

/* ---- Agreement ------------------------------------------------------------------------------- */

static void check_sum(const gbt_influence *influence, const gbt_targets *targets,
                      const float *dense, int64_t n_targets, int64_t n_rows, const char *method)
{
    double *sum = calloc((size_t)n_rows, sizeof *sum);
    EXPECT_C_OK(gbt_influence_sum(influence, targets, NULL, NULL, sum, n_rows));
    for (int64_t i = 0; i < n_rows; i++) {
        double expected = 0.0, size = 1e-6;
        for (int64_t s = 0; s < n_targets; s++) {
            expected += (double)dense[s * n_rows + i];
            size += fabs((double)dense[s * n_rows + i]);
        }
        if (!EXPECT_C_NEAR(sum[i], expected, 2e-6 * size)) {
            FAIL_C(method);
        }
    }
    free(sum);
}

TEST_C(InfluenceCalls, TheSumIsThatOfTheDenseMatrix)
{
    influence_case c = open_case("objective=multiclass subsample=0.8");
    for (int at = 0; at < N_METHODS; at++) {
        gbt_influence *influence = with_options(&c, methods[at], "threads=2");
        float *dense = influence_dense_of(&c, methods[at]);
        const gbt_targets targets = {c.targets, NULL};
        check_sum(influence, &targets, dense, N_TARGETS, N_ROWS, methods[at]);
        gbt_influence_free(influence);
        free(dense);
    }
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, SelfInfluenceIsTheDiagonal)
{
    influence_case c = open_case("objective=multiclass subsample=0.8");
    for (int at = 0; at < N_METHODS; at++) {
        gbt_influence *influence = with_options(&c, methods[at], "threads=2");
        const gbt_targets targets = {c.train, NULL};
        float *dense = calloc(N_ROWS * N_ROWS, sizeof *dense);
        double self[N_ROWS];
        EXPECT_C_OK(gbt_influence_dense(influence, &targets, NULL, NULL, dense, N_ROWS * N_ROWS));
        EXPECT_C_OK(gbt_influence_self(influence, NULL, NULL, self, N_ROWS));
        for (int i = 0; i < N_ROWS; i++) {
            if (!EXPECT_C_NEAR(self[i], (double)dense[i * N_ROWS + i], 1e-6)) {
                FAIL_C(methods[at]);
            }
        }
        gbt_influence_free(influence);
        free(dense);
    }
    influence_case_close(&c);
}

/* Row i stands before row j in the list of the largest (sign 1) or the smallest (-1). */
static void check_list(const float *value, float sign, const int64_t *row, const float *top,
                       int32_t k)
{
    bool is_listed[N_ROWS] = {false};
    for (int32_t at = 0; at < k; at++) {
        EXPECT_C_TRUE(row[at] >= 0 && row[at] < N_ROWS && !is_listed[row[at]]);
        is_listed[row[at]] = true;
        EXPECT_C_TRUE(top[at] == value[row[at]]);
        if (at > 0) {
            EXPECT_C_TRUE(sign * top[at - 1] > sign * top[at] ||
                          (top[at - 1] == top[at] && row[at - 1] < row[at]));
        }
    }
    for (int64_t i = 0; i < N_ROWS; i++) {
        if (!is_listed[i]) {
            EXPECT_C_TRUE(sign * value[i] < sign * top[k - 1] ||
                          (value[i] == top[k - 1] && i > row[k - 1]));
        }
    }
}

TEST_C(InfluenceCalls, TopIsTheSortedDenseMatrix)
{
    static const int32_t counts[] = {1, 7, 40, N_ROWS};
    influence_case c = open_case("objective=binary n_trees=3"); /* few trees: many rows have 0 */
    float *dense = influence_dense_of(&c, "method=boostin"),
          *value = calloc(N_TARGETS * 2 * N_ROWS, 4);
    int64_t *row = calloc(N_TARGETS * 2 * N_ROWS, sizeof *row);
    gbt_influence *influence = influence_of(&c, "method=boostin threads=2");
    const gbt_targets targets = {c.targets, NULL};
    for (int at = 0; at < 4; at++) {
        const int32_t k = counts[at];
        EXPECT_C_OK(gbt_influence_top(influence, &targets, k, NULL, NULL, row, value,
                                      N_TARGETS * 2 * (int64_t)k));
        for (int64_t s = 0; s < N_TARGETS; s++) {
            const int64_t from = s * 2 * k;
            check_list(dense + s * N_ROWS, 1.0f, row + from, value + from, k);
            check_list(dense + s * N_ROWS, -1.0f, row + from + k, value + from + k, k);
        }
    }
    gbt_influence_free(influence);
    free(dense);
    free(row);
    free(value);
    influence_case_close(&c);
}

/* ---- What must not matter -------------------------------------------------------------------- */

/* Every answer of an estimator in one block of memory. */
static float *answers(const influence_case *c, const char *method, const char *more, int64_t *n_out)
{
    const gbt_targets targets = {c->targets, NULL};
    const int64_t cells = c->n_targets * c->n_rows;
    gbt_influence *influence = with_options(c, method, more);
    double *wide = calloc((size_t)c->n_rows, sizeof *wide);
    *n_out = 2 * cells + 4 * c->n_rows;
    float *out = calloc((size_t)*n_out, sizeof *out), *label = calloc((size_t)c->n_rows, 4);
    for (int64_t i = 0; i < c->n_rows; i++) {
        label[i] = c->label[(i + 1) % c->n_rows];
    }
    EXPECT_C_OK(gbt_influence_dense(influence, &targets, NULL, NULL, out, cells));
    if (strstr(method, "boostin ") || strstr(method, "_sp")) {
        EXPECT_C_OK(
            gbt_influence_relabel(influence, &targets, label, NULL, NULL, out + cells, cells));
    }
    EXPECT_C_OK(gbt_influence_sum(influence, &targets, NULL, NULL, wide, c->n_rows));
    memcpy(out + 2 * cells, wide, (size_t)c->n_rows * sizeof *wide);
    EXPECT_C_OK(gbt_influence_self(influence, NULL, NULL, wide, c->n_rows));
    memcpy(out + 2 * cells + 2 * c->n_rows, wide, (size_t)c->n_rows * sizeof *wide);
    gbt_influence_free(influence);
    free(wide);
    free(label);
    return out;
}

static void expect_same_answers(const influence_case *c, const char *method, const char *a,
                                const char *b)
{
    int64_t n = 0;
    float *first = answers(c, method, a, &n), *second = answers(c, method, b, &n);
    if (!EXPECT_C_EQ_BYTES(first, second, (size_t)n * sizeof *first)) {
        FAIL_C(method);
    }
    free(first);
    free(second);
}

TEST_C(InfluenceCalls, ThreadsChangeNoBit)
{
    influence_case c = open_case("objective=multiclass subsample=0.8");
    for (int at = 0; at < N_METHODS; at++) {
        expect_same_answers(&c, methods[at], "threads=1", "threads=2");
        expect_same_answers(&c, methods[at], "threads=1", "threads=7");
    }
    influence_case_close(&c);
    influence_case_open(&c, "objective=binary n_trees=4 max_leaves=40", TOY_BINARY, 40000, 3, true);
    expect_same_answers(&c, "method=boostin ", "threads=1", "threads=5");
    expect_same_answers(&c, "method=boostin_lca ", "threads=1", "threads=5");
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, LittleMemoryChangesNoBit)
{
    influence_case c;
    influence_case_open(&c, "objective=binary n_trees=100 max_leaves=12", TOY_BINARY, 3000, 150,
                        false);
    gbt_influence *roomy = influence_of(&c, "method=boostin"),
                  *tight = influence_of(&c, "method=boostin memory_limit=600K");
    EXPECT_C_TRUE(roomy->leaf != NULL && tight->leaf == NULL);
    EXPECT_C_TRUE(tight->bytes_held < 600 * 1024 && roomy->bytes_held > 6 * 3000 * 100);
    gbt_influence_free(roomy);
    gbt_influence_free(tight);
    for (int at = 0; at < 4; at++) {
        expect_same_answers(&c, methods[at], "threads=2", "threads=2 memory_limit=600K");
    }
    int64_t n = 0;
    float *first = answers(&c, "method=leaf_refit update_set=0 ", "threads=2", &n),
          *second = answers(&c, "method=leaf_refit update_set=0 ", "memory_limit=600K", &n);
    EXPECT_C_EQ_BYTES(first, second, (size_t)(2 * c.n_targets * c.n_rows) * sizeof *first);
    free(first);
    free(second);
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, WhatDoesNotFitIsRefusedWithItsSize)
{
    influence_case c;
    gbt_influence *influence = NULL;
    influence_case_open(&c, "objective=binary n_trees=100 max_leaves=12", TOY_BINARY, 3000, 2,
                        false);
    gbt_params *params = toy_params("method=leaf_influence memory_limit=8M");
    EXPECT_C_STATUS(gbt_influence_create(params, c.model, c.train, NULL, NULL, &influence),
                    GBT_ERR_MEMORY);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "memory_limit is 8 MiB");
    EXPECT_C_TRUE(influence == NULL);
    gbt_params_free(params);
    influence_case_close(&c);
}

/* Two leaves a tree: what is kept takes 1.5 MiB, what is needed on the way 2.5 MiB more. */
TEST_C(InfluenceCalls, WhatIsNeededOnTheWayCountsAsWell)
{
    static const struct {
        const char *options;
        gbt_status status;
    } tries[] = {
        {"method=leaf_influence threads=1 memory_limit=3M", GBT_ERR_MEMORY},
        {"method=leaf_influence threads=1 memory_limit=6M", GBT_OK},
    };
    influence_case c;
    influence_case_open(&c, "objective=binary n_trees=100 max_leaves=2", TOY_BINARY, 1500, 2,
                        false);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        gbt_influence *influence = NULL;
        gbt_params *params = toy_params(tries[i].options);
        EXPECT_C_STATUS(gbt_influence_create(params, c.model, c.train, NULL, NULL, &influence),
                        tries[i].status);
        if (tries[i].status != GBT_OK) {
            EXPECT_C_HAS_TEXT(gbt_last_error(), "following the training rows");
        }
        gbt_influence_free(influence);
        gbt_params_free(params);
    }
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, ATargetDoesNotDependOnTheOthers)
{
    static const int64_t rows[] = {66};
    influence_case c = open_case("objective=multiclass");
    gbt_dataset *alone = NULL;
    EXPECT_C_OK(gbt_dataset_subset(c.targets, rows, 1, &alone));
    const gbt_targets one = {alone, NULL};
    for (int at = 0; at < N_METHODS; at++) {
        float *dense = influence_dense_of(&c, methods[at]), out[N_ROWS];
        gbt_influence *influence = with_options(&c, methods[at], "");
        EXPECT_C_OK(gbt_influence_dense(influence, &one, NULL, NULL, out, N_ROWS));
        EXPECT_C_EQ_BYTES(out, dense + 66 * N_ROWS, sizeof out);
        gbt_influence_free(influence);
        free(dense);
    }
    gbt_dataset_free(alone);
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, PermutedTrainingRowsPermuteTheInfluence)
{
    influence_case c = open_case("objective=binary");
    int64_t order[N_ROWS];
    gbt_dataset *shuffled = NULL, *ordered = c.train;
    for (int64_t i = 0; i < N_ROWS; i++) {
        order[i] = i * 37 % N_ROWS; /* 37 and 90 have no common factor */
    }
    EXPECT_C_OK(gbt_dataset_subset(c.train, order, N_ROWS, &shuffled));
    for (int at = 0; at < N_METHODS; at++) {
        float *before = influence_dense_of(&c, methods[at]);
        c.train = shuffled;
        float *after = influence_dense_of(&c, methods[at]);
        c.train = ordered;
        for (int64_t s = 0; s < N_TARGETS; s++) {
            for (int64_t i = 0; i < N_ROWS; i++) {
                EXPECT_C_NEAR((double)after[s * N_ROWS + i], (double)before[s * N_ROWS + order[i]],
                              1e-6);
            }
        }
        free(before);
        free(after);
    }
    gbt_dataset_free(shuffled);
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, EqualRowsHaveEqualInfluence)
{
    influence_case c = open_case("objective=binary");
    int64_t twice[2 * N_ROWS];
    gbt_dataset *doubled = NULL;
    gbt_model *model = NULL;
    for (int64_t i = 0; i < 2 * N_ROWS; i++) {
        twice[i] = i % N_ROWS;
    }
    EXPECT_C_OK(gbt_dataset_subset(c.train, twice, 2 * N_ROWS, &doubled));
    EXPECT_C_OK(gbt_train(c.params, doubled, NULL, NULL, 0, NULL, NULL, &model));
    gbt_dataset_free(c.train);
    gbt_model_free(c.model);
    c.train = doubled;
    c.model = model;
    c.n_rows = 2 * N_ROWS;
    for (int at = 0; at < N_METHODS; at++) {
        float *dense = influence_dense_of(&c, methods[at]);
        for (int64_t s = 0; s < N_TARGETS; s++) {
            for (int64_t i = 0; i < N_ROWS; i++) {
                EXPECT_C_NEAR((double)dense[s * 2 * N_ROWS + i],
                              (double)dense[s * 2 * N_ROWS + N_ROWS + i], 1e-7);
            }
        }
        free(dense);
    }
    influence_case_close(&c);
}

/* ---- The check of leaf values ---------------------------------------------------------------- */

/* Sorted and one-hot splits, missing values: the divisor is the one that the leaf was made with, so
 * that the steps agree to the quantisation of 32 bits. */
TEST_C(InfluenceCheck, CategoriesAndMissingValuesGiveTheStoredLeaves)
{
    static const char *const options[] = {"cat_l2=10", "cat_l2=25 max_cat_to_onehot=60",
                                          "cat_l2=3 max_cat_to_onehot=4 min_data_per_group=5"};
    for (int at = 0; at < 3; at++) {
        influence_case c;
        char text[256];
        snprintf(text, sizeof text,
                 "objective=regression gradient_bits=32 n_trees=20 max_leaves=20 cat_smooth=1 %s",
                 options[at]);
        influence_case_open(&c, text, TOY_QUANTITY, 3000, 2, true);
        gbt_influence *influence = influence_of(&c, "method=boostin");
        int64_t n_with = 0;
        for (int64_t leaf = 0; leaf < influence->leaf_start[influence->n_trees]; leaf++) {
            const gbt_leaf_sums *sums = &influence->leaf_sums[leaf];
            n_with += sums->divisor > sums->hess + 2.0;
            EXPECT_C_NEAR(c.rate * sums->theta, influence->leaf_value[leaf], 1e-6);
        }
        EXPECT_C_TRUE(at == 1 ? n_with == 0 : n_with > 4);
        gbt_influence_free(influence);
        influence_case_close(&c);
    }
}

static void expect_refused(const gbt_params *params, const influence_case *c, gbt_status status,
                           const char *text)
{
    gbt_influence *influence = NULL;
    EXPECT_C_STATUS(gbt_influence_create(params, c->model, c->train, NULL, NULL, &influence),
                    status);
    EXPECT_C_HAS_TEXT(gbt_last_error(), text);
    EXPECT_C_TRUE(influence == NULL);
    gbt_influence_free(influence);
}

TEST_C(InfluenceCheck, OtherLabelsWeightsOrRowsAreFound)
{
    influence_case c = open_case("objective=binary gradient_bits=16");
    gbt_params *params = toy_params("method=boostin");
    float label[N_ROWS];
    gbt_dataset *ordered = c.train, *other = NULL;
    int64_t order[N_ROWS];
    memcpy(label, c.label, sizeof label);
    for (int i = 0; i < 3; i++) {
        label[i] = 1.0f - label[i];
    }
    EXPECT_C_OK(gbt_dataset_set(c.train, GBT_LABEL, label, GBT_F32, N_ROWS));
    expect_refused(params, &c, GBT_ERR_DATA, "tree 0 (round 0, output 0), leaf ");
    EXPECT_C_OK(gbt_dataset_set(c.train, GBT_LABEL, c.label, GBT_F32, N_ROWS));
    EXPECT_C_OK(gbt_dataset_set(c.train, GBT_WEIGHT, NULL, GBT_F32, 0));
    expect_refused(params, &c, GBT_ERR_DATA, "the training rows give");
    for (int i = 0; i < N_ROWS; i++) {
        order[i] = i / 2;
    }
    EXPECT_C_OK(gbt_dataset_subset(ordered, order, N_ROWS, &other));
    c.train = other;
    expect_refused(params, &c, GBT_ERR_DATA, "training rows there, the data has");
    gbt_dataset_free(other);
    EXPECT_C_OK(gbt_dataset_subset(ordered, order, N_ROWS - 1, &other));
    c.train = other;
    expect_refused(params, &c, GBT_ERR_DATA, "valid_fraction");
    gbt_dataset_free(other);
    c.train = ordered;
    gbt_params_free(params);
    influence_case_close(&c);
}

/* What training makes is never refused, however coarse its gradients are. */
TEST_C(InfluenceCheck, EveryTrainedModelPasses)
{
    static const char *const options[] = {
        "objective=binary gradient_bits=3 max_leaves=60 min_child_samples=1 n_trees=30",
        "objective=binary gradient_bits=3 gradient_rounding=nearest max_leaves=60 n_trees=30",
        "objective=regression gradient_bits=5 max_leaves=200 min_child_samples=1 n_trees=40",
        "objective=regression learning_rate=1 reg_lambda=0 max_leaves=100 n_trees=50",
        "objective=poisson learning_rate=0.5 n_trees=60 min_child_samples=1",
        "objective=gamma learning_rate=0.5 n_trees=60 min_child_samples=1",
        "objective=tweedie n_trees=60 subsample=0.3",
        "objective=huber n_trees=60 colsample_bynode=0.5",
        "objective=binary is_unbalance=true n_trees=100 min_child_weight=0 reg_lambda=0.1",
        "objective=fair n_trees=60 gradient_bits=32",
    };
    static const toy_label labels[] = {TOY_BINARY,   TOY_BINARY,   TOY_QUANTITY, TOY_QUANTITY,
                                       TOY_POSITIVE, TOY_POSITIVE, TOY_POSITIVE, TOY_QUANTITY,
                                       TOY_BINARY,   TOY_QUANTITY};
    for (size_t at = 0; at < sizeof options / sizeof options[0]; at++) {
        influence_case c;
        influence_case_open(&c, options[at], labels[at], 2000, 2, at % 2 == 1);
        gbt_params *params = toy_params("method=boostin threads=2");
        gbt_influence *influence = NULL;
        if (!EXPECT_C_OK(gbt_influence_create(params, c.model, c.train, NULL, NULL, &influence))) {
            FAIL_C(options[at]);
        }
        gbt_influence_free(influence);
        gbt_params_free(params);
        influence_case_close(&c);
    }
}

/* ---- Refusals -------------------------------------------------------------------------------- */

TEST_C(InfluenceRefusals, KeysThatTheMethodDoesNotReadAreRefused)
{
    static const char *const pairs[][2] = {
        {"method=boostin update_set=0", "update_set has no effect with method = boostin"},
        {"update_set=-1", "update_set has no effect with method = boostin"},
        {"method=leaf_refit leaf_term=reference", "leaf_term has no effect"},
        {"method=boostin_lca leaf_term=exact", "belongs to boostin,boostin_w1,boostin_w2"},
        {"method=leaf_influence_sp update_set=1", "leaf_influence,leaf_refit"},
        {"method=leaf_sim similarity=cosine", "similarity has no effect"},
        {"method=input_sim tree_kernel=lp", "tree_kernel has no effect"},
        {"method=loo retrainings=10", "retrainings has no effect"},
        {"method=shapley retrain_fraction=0.5", "retrain_fraction has no effect"},
        {"method=boostin neighbors=3", "neighbors has no effect"},
        {"method=tree_sim trex_lambda=1", "trex_lambda has no effect"},
        {"method=random trex_target=predicted", "trex_target has no effect"},
    };
    influence_case c = open_case("objective=binary");
    for (size_t at = 0; at < sizeof pairs / sizeof pairs[0]; at++) {
        gbt_params *params = toy_params(pairs[at][0]);
        expect_refused(params, &c, GBT_ERR_PARAM, pairs[at][1]);
        gbt_params_free(params);
    }
    influence_case_close(&c);
}

TEST_C(InfluenceRefusals, LeafValuesThatAreNoNewtonStepsAreRefused)
{
    static const struct {
        const char *options, *text;
        toy_label label;
    } models[] = {
        {"objective=mae", "objective = mae", TOY_QUANTITY},
        {"objective=quantile quantile=0.9", "quantiles of residuals", TOY_QUANTITY},
        {"objective=mape", "objective = mape", TOY_QUANTITY},
        {"objective=binary reg_alpha=0.5", "reg_alpha = 0.5", TOY_BINARY},
        {"objective=binary max_delta_step=1", "max_delta_step = 1", TOY_BINARY},
        {"objective=binary path_smooth=2", "path_smooth = 2", TOY_BINARY},
    };
    for (size_t at = 0; at < sizeof models / sizeof models[0]; at++) {
        influence_case c;
        influence_case_open(&c, models[at].options, models[at].label, 200, 2, false);
        gbt_params *params = toy_params("method=leaf_influence_sp");
        expect_refused(params, &c, GBT_ERR_UNSUPPORTED, models[at].text);
        gbt_params_free(params);
        influence_case_close(&c);
    }
}

TEST_C(InfluenceRefusals, WrongArgumentsAreNamed)
{
    influence_case c = open_case("objective=binary");
    gbt_params *params = toy_params("method=leaf_refit update_set=0");
    gbt_influence *influence = NULL;
    EXPECT_C_STATUS(gbt_influence_create(params, c.model, c.train, NULL, NULL, NULL),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_create(NULL, c.model, c.train, NULL, NULL, &influence),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_create(params, NULL, c.train, NULL, NULL, &influence),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_create(params, c.model, NULL, NULL, NULL, &influence),
                    GBT_ERR_ARGUMENT);
    gbt_influence_free(NULL);
    EXPECT_C_OK(gbt_influence_create(params, c.model, c.train, NULL, NULL, &influence));
    const gbt_targets targets = {c.targets, NULL}, none = {NULL, NULL};
    float *out = calloc(N_TARGETS * N_ROWS, sizeof *out);
    double sum[N_ROWS];
    int64_t row[N_TARGETS * 2];
    const int64_t n = N_TARGETS * N_ROWS;
    EXPECT_C_STATUS(gbt_influence_dense(NULL, &targets, NULL, NULL, out, n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_dense(influence, NULL, NULL, NULL, out, n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_dense(influence, &none, NULL, NULL, out, n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_dense(influence, &targets, NULL, NULL, NULL, n),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_dense(influence, &targets, NULL, NULL, out, n - 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "must be 6300 (70 targets)");
    EXPECT_C_STATUS(gbt_influence_sum(influence, &targets, NULL, NULL, sum, N_ROWS + 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_self(influence, NULL, NULL, NULL, N_ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_self(NULL, NULL, NULL, sum, N_ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_self(influence, NULL, NULL, sum, 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_top(influence, &targets, 0, NULL, NULL, row, out, 0),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(
        gbt_influence_top(influence, &targets, N_ROWS + 1, NULL, NULL, row, out, N_TARGETS * 2),
        GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "must be 1 to 90");
    EXPECT_C_STATUS(gbt_influence_top(influence, &targets, 1, NULL, NULL, row, NULL, N_TARGETS * 2),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_relabel(influence, &targets, NULL, NULL, NULL, out, n),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_relabel(influence, &targets, c.label, NULL, NULL, out, n),
                    GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_influence_set_features(influence, NULL), GBT_ERR_ARGUMENT);
    const gbt_matrix narrow = {out, GBT_F32, N_ROWS, 2, 2, 1};
    EXPECT_C_STATUS(gbt_influence_set_features(influence, &narrow), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_influence_interval(influence, &targets, NULL, sum, sum, N_TARGETS),
                    GBT_ERR_UNSUPPORTED);
    gbt_influence_free(influence);
    gbt_params_free(params);
    free(out);
    influence_case_close(&c);
}

TEST_C(InfluenceRefusals, ALabelOutsideTheLossIsNamed)
{
    influence_case c = open_case("objective=binary");
    gbt_influence *influence = influence_of(&c, "method=boostin");
    const gbt_targets targets = {c.targets, NULL};
    float label[N_ROWS], *out = calloc(N_TARGETS * N_ROWS, sizeof *out);
    memcpy(label, c.label, sizeof label);
    label[5] = 2.0f;
    EXPECT_C_STATUS(
        gbt_influence_relabel(influence, &targets, label, NULL, NULL, out, N_TARGETS * N_ROWS),
        GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "row 5");
    EXPECT_C_OK(gbt_dataset_set(c.targets, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_C_STATUS(gbt_influence_dense(influence, &targets, NULL, NULL, out, N_TARGETS * N_ROWS),
                    GBT_ERR_DATA);
    gbt_influence_free(influence);
    free(out);
    influence_case_close(&c);
}

TEST_C(InfluenceCalls, NoTargetsAreNoWork)
{
    influence_case c = open_case("objective=binary");
    gbt_dataset *empty = NULL;
    gbt_influence *influence = influence_of(&c, "method=boostin");
    float out = 0.0f;
    double sum[N_ROWS];
    int64_t row = 0;
    EXPECT_C_OK(gbt_dataset_like_model(c.model, &empty));
    const gbt_targets targets = {empty, NULL};
    EXPECT_C_OK(gbt_influence_dense(influence, &targets, NULL, NULL, &out, 0));
    EXPECT_C_OK(gbt_influence_top(influence, &targets, 3, NULL, NULL, &row, &out, 0));
    EXPECT_C_OK(gbt_influence_sum(influence, &targets, NULL, NULL, sum, N_ROWS));
    EXPECT_C_TRUE(sum[0] == 0.0 && sum[N_ROWS - 1] == 0.0);
    gbt_dataset_free(empty);
    gbt_influence_free(influence);
    influence_case_close(&c);
}

/* ---- Progress and failures ------------------------------------------------------------------- */

typedef struct watch {
    double last;
    int n_calls, stop_at;
    bool falls;
} watch;

static int look(double done, double seconds, void *user)
{
    watch *w = user;
    w->falls |= done < w->last || done > 1.0 || seconds < 0.0;
    w->last = done;
    return ++w->n_calls == w->stop_at;
}

TEST_C(InfluenceCalls, ProgressRisesToOneAndCanStop)
{
    influence_case c = open_case("objective=binary");
    gbt_params *params = toy_params("method=boostin");
    gbt_influence *influence = NULL;
    watch creating = {0.0, 0, 0, false}, stopping = {0.0, 0, 1, false};
    EXPECT_C_OK(gbt_influence_create(params, c.model, c.train, look, &creating, &influence));
    EXPECT_C_TRUE(creating.n_calls > 0 && creating.last == 1.0 && !creating.falls);
    const gbt_targets targets = {c.targets, NULL};
    float *out = calloc(N_TARGETS * N_ROWS, sizeof *out);
    EXPECT_C_STATUS(
        gbt_influence_dense(influence, &targets, look, &stopping, out, N_TARGETS * N_ROWS),
        GBT_ERR_CANCELLED);
    gbt_influence_free(influence);
    watch early = {0.0, 0, 1, false};
    influence = NULL;
    EXPECT_C_STATUS(gbt_influence_create(params, c.model, c.train, look, &early, &influence),
                    GBT_ERR_CANCELLED);
    EXPECT_C_TRUE(influence == NULL);
    gbt_params_free(params);
    free(out);
    influence_case_close(&c);
}

/* Everything that allocates. */
static gbt_status ask_all(const influence_case *c, const gbt_params *params, bool relabels)
{
    gbt_influence *influence = NULL;
    const gbt_targets targets = {c->targets, NULL};
    float top[5 * 8], dense[5 * N_ROWS];
    double sum[N_ROWS];
    int64_t row[5 * 8];
    gbt_status status = gbt_influence_create(params, c->model, c->train, NULL, NULL, &influence);
    if (status == GBT_OK) {
        status = gbt_influence_dense(influence, &targets, NULL, NULL, dense, 5 * N_ROWS);
    }
    if (status == GBT_OK) {
        status = gbt_influence_top(influence, &targets, 4, NULL, NULL, row, top, 5 * 8);
    }
    if (status == GBT_OK) {
        status = gbt_influence_sum(influence, &targets, NULL, NULL, sum, N_ROWS);
    }
    if (status == GBT_OK) {
        status = gbt_influence_self(influence, NULL, NULL, sum, N_ROWS);
    }
    if (status == GBT_OK && relabels) {
        status =
            gbt_influence_relabel(influence, &targets, c->label, NULL, NULL, dense, 5 * N_ROWS);
    }
    gbt_influence_free(influence);
    return status;
}

/* One run on handles of its own in which request `nth` after the case is made fails; 0: none.
 * Returns whether it came; `n_before` becomes the requests of making the case. */
static bool run_failing(const char *options, bool relabels, int64_t nth, int64_t *n_before)
{
    influence_case c;
    fail_alloc_install(nth == 0 ? 0 : *n_before + nth);
    influence_case_open(&c, "objective=multiclass subsample=0.8 n_trees=2 max_leaves=4 threads=1",
                        TOY_CLASSES, N_ROWS, 5, true);
    gbt_params *params = toy_params(options);
    *n_before = fail_alloc_calls();
    const int64_t n_live = fail_alloc_live();
    const gbt_status status = ask_all(&c, params, relabels);
    const bool refused = fail_alloc_refused();
    if (!EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK)) {
        FAIL_C(options);
    }
    EXPECT_C_EQ_INT(fail_alloc_live(), n_live);
    gbt_params_free(params);
    influence_case_close(&c);
    fail_alloc_remove();
    return refused;
}

TEST_C(InfluenceCalls, EveryAllocationMayFail)
{
    static const char *const all[] = {
        "method=boostin threads=1",
        "method=boostin threads=1 memory_limit=8K",
        "method=boostin_lca threads=1",
        "method=leaf_influence_sp threads=1",
        "method=leaf_influence update_set=1 threads=1",
        "method=leaf_refit threads=1",
        "method=leaf_refit update_set=0 threads=1",
    };
    for (size_t at = 0; at < sizeof all / sizeof all[0]; at++) {
        const bool relabels = strstr(all[at], "boostin ") || strstr(all[at], "_sp");
        int64_t n_before = 0, n = 1;
        EXPECT_C_FALSE(run_failing(all[at], relabels, 0, &n_before));
        while (run_failing(all[at], relabels, n, &n_before)) {
            n++;
        }
        EXPECT_C_TRUE(n > 50);
    }
}
