/* The public prediction calls: every source of rows and number of threads gives the same bits, and
 * every wrong argument is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/tree/model.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 5000, FEATURES = 6, OUTPUTS = 3, ROUNDS = 8 };

static gbt_model *some_model(const char *objective, int32_t n_categorical)
{
    return random_model(&(random_model_spec){.seed = 31,
                                             .objective = objective,
                                             .n_classes = OUTPUTS,
                                             .n_features = FEATURES,
                                             .n_categorical = n_categorical,
                                             .max_bins = 60,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = 1,
                                             .max_leaves = 300});
}

static gbt_matrix matrix_of(const float *x, int64_t n_rows)
{
    return (gbt_matrix){x, GBT_F32, n_rows, FEATURES, FEATURES, 1};
}

static float *rows_of(const gbt_model *model, int64_t n)
{
    float *x = gbt_alloc(n * FEATURES, sizeof *x);
    random_rows(model, 77, n, x);
    return x;
}

static float *plain_scores(const gbt_model *model, const float *x, int64_t n)
{
    const int32_t n_outputs = model->objective.n_outputs;
    float *want = gbt_alloc(n * n_outputs, sizeof *want);
    for (int64_t row = 0; row < n; row++) {
        plain_score(model, x + row * FEATURES, 0, ROUNDS, want + row * n_outputs);
    }
    return want;
}

TEST_C(Infer, ThreadsAndLayoutsOfTheMatrixDoNotMatter)
{
    gbt_model *model = some_model("multiclass", 2);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, ROWS), *want = plain_scores(model, x, ROWS);
    float *got = gbt_alloc(ROWS * OUTPUTS, sizeof *got);
    float *columns = gbt_alloc(ROWS * FEATURES, sizeof *columns);
    double *wide = gbt_alloc(ROWS * 2 * FEATURES, sizeof *wide);
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        columns[i % FEATURES * ROWS + i / FEATURES] = x[i];
        wide[i / FEATURES * 2 * FEATURES + 2 * (i % FEATURES)] = (double)x[i];
    }
    const gbt_matrix layouts[] = {
        matrix_of(x, ROWS),
        {columns, GBT_F32, ROWS, FEATURES, 1, ROWS},
        {wide, GBT_F64, ROWS, FEATURES, 2 * FEATURES, 2},
        {x + (ROWS - 1) * FEATURES, GBT_F32, ROWS, FEATURES, -FEATURES, 1},
    };
    for (int layout = 0; layout < 4; layout++) {
        for (int threads = 0; threads <= 5; threads++) {
            memset(got, 0xff, ROWS * OUTPUTS * sizeof *got);
            ASSERT_C_OK(gbt_model_predict(model, &layouts[layout], GBT_PREDICT_RAW, 0, 0, threads,
                                          got, ROWS * OUTPUTS));
            for (int64_t row = 0; layout == 3 && row < ROWS / 2; row++) { /* turn the rows round */
                for (int k = 0; k < OUTPUTS; k++) {
                    const float keep = got[row * OUTPUTS + k];
                    got[row * OUTPUTS + k] = got[(ROWS - 1 - row) * OUTPUTS + k];
                    got[(ROWS - 1 - row) * OUTPUTS + k] = keep;
                }
            }
            EXPECT_C_EQ_BYTES(got, want, ROWS * OUTPUTS * sizeof *got);
        }
    }
    for (int64_t n = 1; n < 200; n += 7) { /* any number of rows */
        const gbt_matrix matrix = matrix_of(x, n);
        ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 2, got, n * OUTPUTS));
        EXPECT_C_EQ_BYTES(got, want, (size_t)n * OUTPUTS * sizeof *got);
    }
    gbt_release(x);
    gbt_release(want);
    gbt_release(got);
    gbt_release(columns);
    gbt_release(wide);
    gbt_model_free(model);
}

TEST_C(Infer, FewRowsAllocateNothing)
{
    gbt_model *model = some_model("multiclass", 2);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, 64);
    double x64[64 * FEATURES];
    float got[64 * OUTPUTS];
    for (int i = 0; i < 64 * FEATURES; i++) {
        x64[i] = (double)x[i];
    }
    const gbt_matrix one = matrix_of(x, 1), many = matrix_of(x, 64);
    const gbt_matrix wide = {x64, GBT_F64, 64, FEATURES, FEATURES, 1};
    const int64_t before = gbt_alloc_calls();
    EXPECT_C_OK(gbt_model_predict(model, &one, GBT_PREDICT_RESPONSE, 0, 0, 0, got, OUTPUTS));
    EXPECT_C_OK(gbt_model_predict(model, &many, GBT_PREDICT_RAW, 0, 0, 0, got, 64 * OUTPUTS));
    EXPECT_C_OK(gbt_model_predict(model, &wide, GBT_PREDICT_CLASS, 0, 0, 0, got, 64));
    EXPECT_C_EQ_INT(gbt_alloc_calls(), before);
    gbt_release(x);
    gbt_model_free(model);
}

TEST_C(Infer, ResponseIsTheLinkOfRawAndClassItsLargest)
{
    gbt_model *model = some_model("multiclass", 1);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, 300), *raw = plain_scores(model, x, 300);
    float response[300 * OUTPUTS], classes[300];
    const gbt_matrix matrix = matrix_of(x, 300);
    ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 0, response, 900));
    ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_CLASS, 0, 0, 0, classes, 300));
    for (int row = 0; row < 300; row++) {
        float want[OUTPUTS];
        int best = 0;
        gbt_objective_link(&model->objective, raw + row * OUTPUTS, want);
        EXPECT_C_EQ_BYTES(response + row * OUTPUTS, want, sizeof want);
        for (int k = 1; k < OUTPUTS; k++) {
            best = want[k] > want[best] ? k : best;
        }
        EXPECT_C_EQ_INT(classes[row], best);
        EXPECT_C_NEAR((double)want[0] + (double)want[1] + (double)want[2], 1.0, 1e-5);
    }
    gbt_release(x);
    gbt_release(raw);
    gbt_model_free(model);
}

TEST_C(Infer, ABinaryModelSaysOneAboveOneHalf)
{
    gbt_model *model = some_model("binary", 0);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, 200);
    float response[200], classes[200];
    int64_t ones = 0;
    const gbt_matrix matrix = matrix_of(x, 200);
    ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 0, response, 200));
    ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_CLASS, 0, 0, 0, classes, 200));
    for (int row = 0; row < 200; row++) {
        EXPECT_C_EQ_INT(classes[row], response[row] > 0.5f);
        ones += response[row] > 0.5f;
    }
    EXPECT_C_TRUE(ones > 0 && ones < 200);
    gbt_release(x);
    gbt_model_free(model);
}

TEST_C(Infer, RoundsAddUp)
{
    gbt_model *model = some_model("regression", 0);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, 50);
    const gbt_matrix matrix = matrix_of(x, 50);
    for (int32_t first = 0; first <= ROUNDS; first++) {
        for (int32_t n = 0; n <= ROUNDS - first; n++) {
            float got[50], want = 0.0f;
            const int32_t last = n > 0 ? first + n : ROUNDS;
            ASSERT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, first, n, 0, got, 50));
            for (int row = 0; row < 50; row++) {
                plain_score(model, x + row * FEATURES, first, last, &want);
                EXPECT_C_EQ_BYTES(&got[row], &want, sizeof want);
            }
        }
    }
    gbt_release(x);
    gbt_model_free(model);
}

TEST_C(Infer, SparseRowsAreDenseRowsWithZeros)
{
    gbt_model *model = some_model("multiclass", 1);
    ASSERT_C_TRUE(model != NULL);
    float *x = rows_of(model, ROWS);
    int64_t *start = gbt_alloc(ROWS + 1, sizeof *start);
    int32_t *column = gbt_alloc(ROWS * FEATURES, sizeof *column);
    double *value = gbt_alloc(ROWS * FEATURES, sizeof *value);
    int64_t n = 0;
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        start[i / FEATURES] = i % FEATURES == 0 ? n : start[i / FEATURES];
        if (i * 2654435761u % 7 < 4) {
            x[i] = 0.0f;
        } else {
            column[n] = (int32_t)(i % FEATURES);
            value[n++] = (double)x[i];
        }
    }
    start[ROWS] = n;
    float *want = plain_scores(model, x, ROWS), *got = gbt_alloc(ROWS * OUTPUTS, sizeof *got);
    const gbt_csr csr = {start, column, value, GBT_F64, ROWS, FEATURES};
    for (int threads = 1; threads <= 3; threads++) {
        ASSERT_C_OK(gbt_model_predict_csr(model, &csr, GBT_PREDICT_RAW, 0, 0, threads, got,
                                          ROWS * OUTPUTS));
        EXPECT_C_EQ_BYTES(got, want, ROWS * OUTPUTS * sizeof *got);
    }
    gbt_release(x);
    gbt_release(start);
    gbt_release(column);
    gbt_release(value);
    gbt_release(want);
    gbt_release(got);
    gbt_model_free(model);
}

TEST_C(Infer, LeavesAreThoseOfTheDefinition)
{
    gbt_model *model = some_model("multiclass", 2);
    ASSERT_C_TRUE(model != NULL);
    const int64_t n_trees = model->n_trees;
    float *x = rows_of(model, 1500);
    int32_t *got = gbt_alloc(1500 * n_trees, sizeof *got);
    const gbt_matrix matrix = matrix_of(x, 1500);
    ASSERT_C_OK(gbt_model_leaves(model, &matrix, 2, got, 1500 * n_trees));
    int64_t wrong = 0;
    for (int64_t i = 0; i < 1500 * n_trees; i++) {
        const gbt_tree *tree = model->trees[i % n_trees];
        wrong += got[i] != tree->left[plain_leaf(tree, model->cuts, 0, x + i / n_trees * FEATURES)];
    }
    EXPECT_C_EQ_INT(wrong, 0);
    EXPECT_C_STATUS(gbt_model_leaves(model, &matrix, 2, got, 1500), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves(model, &matrix, -1, got, 1500 * n_trees), GBT_ERR_ARGUMENT);
    gbt_release(x);
    gbt_release(got);
    gbt_model_free(model);
}

TEST_C(Infer, WrongArgumentsAreRefused)
{
    gbt_model *model = some_model("regression", 0);
    ASSERT_C_TRUE(model != NULL);
    float x[2 * FEATURES] = {0}, out[2] = {7.0f, 7.0f};
    gbt_matrix m = matrix_of(x, 2);
    const gbt_predict_kind raw = GBT_PREDICT_RAW;
    EXPECT_C_STATUS(gbt_model_predict(NULL, &m, raw, 0, 0, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, NULL, raw, 0, 0, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, 0, 0, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, 0, 0, out, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, 0, 0, out, -2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, -1, 0, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, ROUNDS + 1, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, ROUNDS + 1, 0, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 2, INT32_MAX, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, 0, -1, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, (gbt_predict_kind)3, 0, 0, 0, out, 2),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &m, GBT_PREDICT_CLASS, 0, 0, 0, out, 2),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "regression has no classes");
    m.n_cols = 5;
    EXPECT_C_STATUS(gbt_model_predict(model, &m, raw, 0, 0, 0, out, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "5 columns, the model has 6 features");
    EXPECT_C_NEAR((double)out[0], 7.0, 0.0);
    m = matrix_of(x, 0);
    EXPECT_C_OK(gbt_model_predict(model, &m, raw, 0, 0, 0, out, 0));
    gbt_model_free(model);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static gbt_table *read_table(const gbt_model *model, const char *text, const char *init_score)
{
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    gbt_params *params = NULL;
    gbt_table *table = NULL;
    if (temp_dir_open(&folder) && temp_dir_write(&folder, "t.csv", text, strlen(text), path) &&
        gbt_params_create(&params) == GBT_OK &&
        (!init_score || gbt_params_set(params, "init_score", init_score) == GBT_OK)) {
        EXPECT_C_OK(gbt_table_read(params, path, model, &table));
    }
    gbt_params_free(params);
    temp_dir_close(&folder);
    return table;
}

/* The file has the features in another order, a column more, and a category as text. */
static const char table_text[] = "column_5,extra,column_2,column_4,column_3,base,column_0,"
                                 "\"with \"\"quotes\"\" & <tags> 1\"\n"
                                 "cyan,1,0.5,1,2,0.25,-3,4\n"
                                 "amber,2,,1e6,-7,-2,1,2\n"
                                 "purple,3,8,3,40,1.5,,-1\n";
static const float table_rows[3][FEATURES] = {
    {-3.0f, 4.0f, 0.5f, 2.0f, 1.0f, 2.0f},
    {1.0f, 2.0f, NAN, -7.0f, 1e6f, 0.0f},
    {NAN, -1.0f, 8.0f, 40.0f, 3.0f, NAN},
};

TEST_C(Infer, ATableIsMatchedByNamesAndItsCategoriesByText)
{
    gbt_model *model = some_model("regression", 1);
    ASSERT_C_TRUE(model != NULL);
    gbt_table *table = read_table(model, table_text, NULL);
    ASSERT_C_TRUE(table != NULL);
    float got[3], want = 0.0f;
    int32_t leaf[3 * ROUNDS];
    ASSERT_C_OK(gbt_model_predict_table(model, table, GBT_PREDICT_RAW, 0, 0, 0, got, 3));
    ASSERT_C_OK(gbt_model_leaves_table(model, table, 0, leaf, 3 * ROUNDS));
    for (int row = 0; row < 3; row++) {
        plain_score(model, table_rows[row], 0, ROUNDS, &want);
        EXPECT_C_EQ_BYTES(&got[row], &want, sizeof want);
        for (int t = 0; t < ROUNDS; t++) {
            const gbt_tree *tree = model->trees[t];
            const int32_t node = plain_leaf(tree, model->cuts, 0, table_rows[row]);
            EXPECT_C_EQ_INT(leaf[row * ROUNDS + t], tree->left[node]);
        }
    }
    model->params->unseen = GBT_UNSEEN_ERROR; /* purple */
    EXPECT_C_STATUS(gbt_model_predict_table(model, table, GBT_PREDICT_RAW, 0, 0, 0, got, 3),
                    GBT_ERR_DATA);
    gbt_table_free(table);
    gbt_model_free(model);
}

TEST_C(Infer, InitScoresOfTheTableAreAddedAndMissedWhenTheModelNeedsThem)
{
    gbt_model *model = some_model("regression", 1);
    ASSERT_C_TRUE(model != NULL);
    gbt_table *with = read_table(model, table_text, "base"),
              *without = read_table(model, table_text, NULL);
    ASSERT_C_TRUE(with != NULL && without != NULL);
    float got[3];
    const float init[] = {0.25f, -2.0f, 1.5f};
    ASSERT_C_OK(gbt_model_predict_table(model, with, GBT_PREDICT_RAW, 0, 0, 0, got, 3));
    for (int row = 0; row < 3; row++) { /* the definition: base, init, then the trees */
        float want = (float)model->base_score[0] + init[row];
        for (int t = 0; t < ROUNDS; t++) {
            const gbt_tree *tree = model->trees[t];
            want += tree->value[plain_leaf(tree, model->cuts, 0, table_rows[row])];
        }
        EXPECT_C_EQ_BYTES(&got[row], &want, sizeof want);
    }
    model->uses_init_score = true;
    EXPECT_C_OK(gbt_model_predict_table(model, with, GBT_PREDICT_RAW, 0, 0, 0, got, 3));
    EXPECT_C_STATUS(gbt_model_predict_table(model, without, GBT_PREDICT_RAW, 0, 0, 0, got, 3),
                    GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no init score column");
    gbt_table_free(with);
    gbt_table_free(without);
    gbt_model_free(model);
    model = some_model("multiclass", 1);
    float out[9];
    with = read_table(model, table_text, "base");
    ASSERT_C_TRUE(model != NULL && with != NULL);
    EXPECT_C_STATUS(gbt_model_predict_table(model, with, GBT_PREDICT_RAW, 0, 0, 0, out, 9),
                    GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "1 init score columns, the model has 3 outputs");
    gbt_table_free(with);
    gbt_model_free(model);
}
