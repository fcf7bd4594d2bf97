/* Prediction from binned rows against prediction from the raw values: the same bits and the same
 * leaves, whatever the layout of the bins, the threads and the rounds. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "gbt/data/dataset.h"
#include "gbt/tree/model.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

enum { ROWS = 1300, FEATURES = 12, CLASSES = 3, ROUNDS = 6 };

static gbt_model *some_model(uint64_t seed, const char *objective, int32_t n_categorical,
                             int32_t max_bins, int32_t max_leaves)
{
    return random_model(&(random_model_spec){.seed = seed,
                                             .objective = objective,
                                             .n_classes = CLASSES,
                                             .n_features = FEATURES,
                                             .n_categorical = n_categorical,
                                             .max_bins = max_bins,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = 1,
                                             .max_leaves = max_leaves});
}

/* Rows in the bins of the model: from a dense matrix, or from its cells that are not 0. */
static gbt_dataset *bin_rows(const gbt_model *model, const float *x, int64_t n, bool is_sparse)
{
    const int32_t width = model->cuts->n_features;
    gbt_params *params = NULL;
    gbt_dataset *like = NULL, *data = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    EXPECT_C_OK(gbt_dataset_like_model(model, &like));
    if (!is_sparse) {
        const gbt_matrix matrix = {x, GBT_F32, n, width, width, 1};
        EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, like, &data));
    } else {
        int64_t *start = gbt_alloc(n + 1, sizeof *start), used = 0;
        int32_t *column = gbt_alloc(n * width, sizeof *column);
        float *value = gbt_alloc(n * width, sizeof *value);
        for (int64_t i = 0; i < n * width; i++) {
            start[i / width] = i % width == 0 ? used : start[i / width];
            if (!(x[i] >= 0.0f && x[i] <= 0.0f)) {
                column[used] = (int32_t)(i % width);
                value[used++] = x[i];
            }
        }
        start[n] = used;
        const gbt_csr csr = {start, column, value, GBT_F32, n, width};
        EXPECT_C_OK(gbt_dataset_from_csr(params, &csr, NULL, like, &data));
        gbt_release(start);
        gbt_release(column);
        gbt_release(value);
    }
    gbt_params_free(params);
    gbt_dataset_free(like);
    return data;
}

/* Leaves 0 in most cells and at most one feature per row away from it, so that features share
 * columns. */
static void thin_out(float *x, int64_t n, int32_t width)
{
    for (int64_t i = 0; i < n * width; i++) {
        if (i % width != i / width * 31 % (40 * (int64_t)width)) {
            x[i] = 0.0f;
        }
    }
}

static void compare_scores(const gbt_model *model, const gbt_dataset *data, const float *x,
                           int64_t n, gbt_predict_kind kind, int32_t first, int32_t n_rounds)
{
    const int32_t width = model->cuts->n_features;
    const int64_t size = n * (kind == GBT_PREDICT_CLASS ? 1 : model->objective.n_outputs);
    const gbt_matrix matrix = {x, GBT_F32, n, width, width, 1};
    float *want = gbt_alloc(size, sizeof *want), *got = gbt_alloc(size, sizeof *got);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, kind, first, n_rounds, 1, want, size));
    for (int threads = 0; threads <= 4; threads++) {
        memset(got, 0xff, (size_t)size * sizeof *got);
        EXPECT_C_OK(
            gbt_model_predict_dataset(model, data, kind, first, n_rounds, threads, got, size));
        EXPECT_C_EQ_BYTES(got, want, (size_t)size * sizeof *got);
    }
    gbt_release(want);
    gbt_release(got);
}

/* Against the definition: node by node, by the floats. */
static void compare_leaves(const gbt_model *model, const gbt_dataset *data, const float *x,
                           int64_t n, int32_t first, int32_t n_rounds)
{
    const int32_t n_outputs = model->objective.n_outputs;
    const int32_t rounds = n_rounds > 0 ? n_rounds : gbt_model_rounds(model) - first;
    const int64_t n_trees = (int64_t)rounds * n_outputs;
    int32_t *got = gbt_alloc(n_trees * n, sizeof *got);
    for (int threads = 1; threads <= 3; threads++) {
        int64_t wrong = 0;
        memset(got, 0xff, (size_t)(n_trees * n) * sizeof *got);
        EXPECT_C_OK(
            gbt_model_leaves_dataset(model, data, first, n_rounds, threads, got, n_trees * n));
        for (int64_t i = 0; i < n_trees * n; i++) {
            const gbt_tree *tree = model->trees[first * n_outputs + i / n];
            const float *row = x + i % n * model->cuts->n_features;
            wrong += got[i] != tree->left[plain_leaf(tree, model->cuts, 0, row)];
        }
        EXPECT_C_EQ_INT(wrong, 0);
    }
    gbt_release(got);
}

static void compare_all(const gbt_model *model, const gbt_dataset *data, const float *x, int64_t n)
{
    compare_scores(model, data, x, n, GBT_PREDICT_RAW, 0, 0);
    compare_scores(model, data, x, n, GBT_PREDICT_RESPONSE, 0, 0);
    if (model->objective.n_classes > 0) {
        compare_scores(model, data, x, n, GBT_PREDICT_CLASS, 0, 0);
    }
    compare_scores(model, data, x, n, GBT_PREDICT_RAW, 2, 1);
    compare_scores(model, data, x, n, GBT_PREDICT_RAW, 1, 4);
    compare_scores(model, data, x, n, GBT_PREDICT_RAW, ROUNDS, 0);
    compare_leaves(model, data, x, n, 0, 0);
    compare_leaves(model, data, x, n, 3, 2);
}

TEST_C(ModelBinned, DenseBinsGiveTheBitsAndLeavesOfTheRawValues)
{
    static const struct {
        const char *objective;
        int32_t n_categorical, max_bins, max_leaves;
    } cases[] = {{"regression", 0, 255, 31}, {"regression", 3, 20, 40}, {"binary", 12, 255, 300},
                 {"multiclass", 2, 60, 12},  {"multiclass", 0, 2, 5},   {"regression", 1, 1, 9}};
    float *x = gbt_alloc(ROWS * FEATURES, sizeof *x);
    for (uint64_t seed = 0; seed < sizeof cases / sizeof *cases; seed++) {
        gbt_model *model = some_model(seed, cases[seed].objective, cases[seed].n_categorical,
                                      cases[seed].max_bins, cases[seed].max_leaves);
        ASSERT_C_TRUE(model != NULL);
        random_rows(model, seed + 100, ROWS, x);
        gbt_dataset *data = bin_rows(model, x, ROWS, false);
        compare_all(model, data, x, ROWS);
        gbt_dataset_free(data);
        gbt_model_free(model);
    }
    gbt_release(x);
}

TEST_C(ModelBinned, EveryNumberOfRowsIsRight)
{
    gbt_model *model = some_model(3, "multiclass", 2, 30, 20);
    ASSERT_C_TRUE(model != NULL);
    float *x = gbt_alloc(200 * FEATURES, sizeof *x);
    random_rows(model, 9, 200, x);
    for (int64_t n = 1; n <= 200; n += n < 20 ? 1 : 17) {
        gbt_dataset *data = bin_rows(model, x, n, false);
        compare_scores(model, data, x, n, GBT_PREDICT_RAW, 0, 0);
        compare_leaves(model, data, x, n, 1, 0);
        gbt_dataset_free(data);
    }
    gbt_release(x);
    gbt_model_free(model);
}

TEST_C(ModelBinned, SharedColumnsGiveTheSame)
{
    float *x = gbt_alloc(ROWS * FEATURES, sizeof *x);
    for (uint64_t seed = 0; seed < 6; seed++) {
        gbt_model *model =
            some_model(seed, seed % 2 ? "multiclass" : "regression", (int32_t)seed % 3, 40, 50);
        ASSERT_C_TRUE(model != NULL);
        random_rows(model, seed, ROWS, x);
        thin_out(x, ROWS, FEATURES);
        gbt_dataset *data = bin_rows(model, x, ROWS, true);
        ASSERT_C_TRUE(data != NULL);
        EXPECT_C_TRUE(data->bins.n_columns < FEATURES);
        compare_all(model, data, x, ROWS);
        gbt_dataset_free(data);
        gbt_model_free(model);
    }
    gbt_release(x);
}

TEST_C(ModelBinned, RowsTooWideForAWholeBatchGiveTheSame)
{
    enum { WIDE = 70000, FEW = 130 };
    gbt_model *model = random_model(&(random_model_spec){.seed = 8,
                                                         .objective = "regression",
                                                         .n_features = WIDE,
                                                         .max_bins = 3,
                                                         .n_rounds = ROUNDS,
                                                         .min_leaves = 5,
                                                         .max_leaves = 60});
    ASSERT_C_TRUE(model != NULL);
    float *x = gbt_alloc((int64_t)FEW * WIDE, sizeof *x);
    random_rows(model, 5, FEW, x);
    for (int64_t i = 0; i < (int64_t)FEW * WIDE; i++) {
        x[i] = gbt_rng_u64(77, (uint64_t)i) % 50 != 0 ? 0.0f : x[i];
    }
    gbt_dataset *data = bin_rows(model, x, FEW, true);
    compare_scores(model, data, x, FEW, GBT_PREDICT_RAW, 0, 0);
    compare_leaves(model, data, x, FEW, 0, 0);
    gbt_release(x);
    gbt_dataset_free(data);
    gbt_model_free(model);
}

TEST_C(ModelBinned, ASubsetIsPredictedLikeItsRows)
{
    gbt_model *model = some_model(4, "binary", 2, 60, 70);
    ASSERT_C_TRUE(model != NULL);
    float *x = gbt_alloc(ROWS * FEATURES, sizeof *x), picked[50 * FEATURES];
    int64_t rows[50];
    random_rows(model, 6, ROWS, x);
    gbt_dataset *data = bin_rows(model, x, ROWS, false), *subset = NULL;
    for (int64_t i = 0; i < 50; i++) {
        rows[i] = i * 997 % ROWS;
        memcpy(picked + i * FEATURES, x + rows[i] * FEATURES, FEATURES * sizeof *x);
    }
    ASSERT_C_OK(gbt_dataset_subset(data, rows, 50, &subset));
    compare_all(model, subset, picked, 50);
    gbt_release(x);
    gbt_dataset_free(data);
    gbt_dataset_free(subset);
    gbt_model_free(model);
}

TEST_C(ModelBinned, InitScoresAreAddedBeforeTheTrees)
{
    enum { N = 300 };
    gbt_model *model = some_model(5, "multiclass", 1, 30, 20);
    ASSERT_C_TRUE(model != NULL);
    float *x = gbt_alloc(N * FEATURES, sizeof *x), init[N * CLASSES];
    float want[N * CLASSES], got[N * CLASSES];
    random_rows(model, 1, N, x);
    gbt_dataset *data = bin_rows(model, x, N, false);
    for (int i = 0; i < N * CLASSES; i++) {
        init[i] = (float)gbt_rng_unit(3, (uint64_t)i) * 4.0f - 2.0f;
    }
    model->uses_init_score = true;
    EXPECT_C_STATUS(
        gbt_model_predict_dataset(model, data, GBT_PREDICT_RAW, 0, 0, 1, got, N * CLASSES),
        GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no init score");
    ASSERT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, init, GBT_F32, N * CLASSES));
    for (int i = 0; i < N * CLASSES; i++) { /* the definition */
        want[i] = (float)model->base_score[i % CLASSES] + init[i];
        for (int32_t t = i % CLASSES; t < model->n_trees; t += CLASSES) {
            const gbt_tree *tree = model->trees[t];
            want[i] += tree->value[plain_leaf(tree, model->cuts, 0, x + i / CLASSES * FEATURES)];
        }
    }
    ASSERT_C_OK(gbt_model_predict_dataset(model, data, GBT_PREDICT_RAW, 0, 0, 2, got, N * CLASSES));
    EXPECT_C_EQ_BYTES(got, want, sizeof got);
    ASSERT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, init, GBT_F32, N));
    EXPECT_C_STATUS(
        gbt_model_predict_dataset(model, data, GBT_PREDICT_RAW, 0, 0, 1, got, N * CLASSES),
        GBT_ERR_DATA);
    compare_leaves(model, data, x, N, 0, 0); /* leaves ask for none */
    gbt_release(x);
    gbt_dataset_free(data);
    gbt_model_free(model);
}

TEST_C(ModelBinned, WrongArgumentsAreRefused)
{
    gbt_model *model = some_model(6, "regression", 0, 30, 20);
    gbt_model *other = some_model(7, "regression", 0, 30, 20);
    ASSERT_C_TRUE(model != NULL && other != NULL);
    float x[4 * FEATURES], out[4] = {7.0f, 7.0f, 7.0f, 7.0f};
    int32_t leaf[4 * ROUNDS];
    random_rows(model, 2, 4, x);
    gbt_dataset *data = bin_rows(model, x, 4, false), *foreign = bin_rows(other, x, 4, false);
    const gbt_predict_kind raw = GBT_PREDICT_RAW;
    EXPECT_C_STATUS(gbt_model_predict_dataset(NULL, data, raw, 0, 0, 0, out, 4), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, NULL, raw, 0, 0, 0, out, 4), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, raw, 0, 0, 0, NULL, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, raw, 0, 0, 0, out, 5), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, raw, 0, ROUNDS + 1, 0, out, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, raw, -1, 0, 0, out, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, raw, 0, 0, -1, out, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, data, GBT_PREDICT_CLASS, 0, 0, 0, out, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_dataset(model, foreign, raw, 0, 0, 0, out, 4),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "not binned with the cuts of the model");
    EXPECT_C_NEAR((double)out[0], 7.0, 0.0);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(NULL, data, 0, 0, 0, leaf, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(model, NULL, 0, 0, 0, leaf, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(model, data, 0, 0, 0, NULL, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(model, data, 1, 0, 0, leaf, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(model, foreign, 0, 0, 0, leaf, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_dataset(model, data, 0, 0, -2, leaf, 4 * ROUNDS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_model_leaves_dataset(model, data, ROUNDS, 0, 0, leaf, 0));
    gbt_dataset *like = NULL; /* no rows at all */
    ASSERT_C_OK(gbt_dataset_like_model(model, &like));
    EXPECT_C_OK(gbt_model_predict_dataset(model, like, raw, 0, 0, 0, out, 0));
    EXPECT_C_OK(gbt_model_leaves_dataset(model, like, 0, 0, 0, leaf, 0));
    gbt_dataset_free(like);
    gbt_dataset_free(data);
    gbt_dataset_free(foreign);
    gbt_model_free(model);
    gbt_model_free(other);
}

TEST_C(ModelBinned, AFailedAllocationLeavesNothingBehind)
{
    enum { N = 400 };
    float out[N * CLASSES];
    int32_t leaf[N * ROUNDS * CLASSES];
    for (int64_t n = 1;; n++) {
        fail_alloc_install(0);
        gbt_model *model = some_model(9, "multiclass", 2, 30, 20);
        float *x = gbt_alloc(N * FEATURES, sizeof *x);
        random_rows(model, 2, N, x);
        gbt_dataset *data = bin_rows(model, x, N, false);
        fail_alloc_install(n);
        gbt_status status =
            gbt_model_predict_dataset(model, data, GBT_PREDICT_CLASS, 0, 0, 2, out, N);
        if (status == GBT_OK) {
            status = gbt_model_leaves_dataset(model, data, 0, 0, 2, leaf, N * ROUNDS * CLASSES);
        }
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        fail_alloc_install(0);
        gbt_release(x);
        gbt_dataset_free(data);
        gbt_model_free(model);
        fail_alloc_remove();
        if (!refused) {
            break;
        }
    }
}
