/* Evaluation of a model on a table: values by definition, intervals that behave as intervals do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/tree/model.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 400, FEATURES = 3, ROUNDS = 6 };

static gbt_model *some_model(const char *objective)
{
    return random_model(&(random_model_spec){.seed = 12,
                                             .objective = objective,
                                             .n_classes = 3,
                                             .n_features = FEATURES,
                                             .max_bins = 30,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = 2,
                                             .max_leaves = 20});
}

/* Row i of the test file, features and raw scores. */
static void row_of(int i, float x[FEATURES])
{
    x[0] = (float)(i % 41) * 0.5f;
    x[1] = (float)(i % 29) - 7.0f;
    x[2] = (float)(i % 17) * 2.0f;
}

static float weight_of(int i)
{
    return (float)(i % 4) * 0.5f;
}

static gbt_table *make_table(const gbt_model *model, int labels, bool weighted, int last_label)
{
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    static char text[ROWS * 80 + 200];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "target,weight,column_0,"
                                "\"with \"\"quotes\"\" & <tags> 1\",column_2\n");
    for (int i = 0; i < ROWS; i++) {
        float x[FEATURES];
        row_of(i, x);
        n += (size_t)snprintf(text + n, sizeof text - n, "%d,%g,%g,%g,%g\n",
                              i == ROWS - 1 ? last_label : i % labels * 10, (double)weight_of(i),
                              (double)x[0], (double)x[1], (double)x[2]);
    }
    gbt_params *params = NULL;
    gbt_table *table = NULL;
    if (temp_dir_open(&folder) && temp_dir_write(&folder, "t.csv", text, n, path) &&
        gbt_params_create(&params) == GBT_OK &&
        gbt_params_set(params, "label", "target") == GBT_OK &&
        (!weighted || gbt_params_set(params, "weight", "weight") == GBT_OK)) {
        EXPECT_C_OK(gbt_table_read(params, path, model, &table));
    }
    gbt_params_free(params);
    temp_dir_close(&folder);
    return table;
}

static double plain_l2(const gbt_model *model, bool weighted)
{
    double sum = 0.0, weights = 0.0;
    for (int i = 0; i < ROWS; i++) {
        float x[FEATURES], score = 0.0f;
        row_of(i, x);
        plain_score(model, x, 0, ROUNDS, &score);
        const double error = (double)score - (i == ROWS - 1 ? 3.0 : i % 5 * 10.0);
        const double weight = weighted ? (double)weight_of(i) : 1.0;
        sum += weight * error * error;
        weights += weight;
    }
    return sum / weights;
}

TEST_C(Evaluate, ValuesAreThoseOfTheDefinitionWithAndWithoutWeights)
{
    gbt_model *model = some_model("regression");
    ASSERT_C_TRUE(model != NULL);
    for (int weighted = 0; weighted < 2; weighted++) {
        gbt_table *table = make_table(model, 5, weighted != 0, 3);
        ASSERT_C_TRUE(table != NULL);
        gbt_metric_result out[4];
        int n = 0;
        const double l2 = plain_l2(model, weighted != 0);
        ASSERT_C_OK(gbt_model_evaluate(model, table, "l2,rmse", 0, 0, out, 4, &n));
        EXPECT_C_EQ_INT(n, 2);
        EXPECT_C_EQ_TEXT(out[0].name, "l2");
        EXPECT_C_NEAR(out[0].value, l2, 1e-6 * l2);
        EXPECT_C_NEAR(out[0].low, out[0].value, 0.0);
        EXPECT_C_NEAR(out[0].high, out[0].value, 0.0);
        EXPECT_C_EQ_TEXT(out[1].name, "rmse");
        EXPECT_C_NEAR(out[1].value, sqrt(l2), 1e-6 * l2);
        gbt_table_free(table);
    }
    gbt_model_free(model);
}

TEST_C(Evaluate, IntervalsHoldTheValueAndHaveTheWidthOfTheStandardError)
{
    gbt_model *model = some_model("regression");
    gbt_table *table = make_table(model, 5, false, 3);
    ASSERT_C_TRUE(model != NULL && table != NULL);
    gbt_metric_result out[1];
    int n = 0;
    ASSERT_C_OK(gbt_model_evaluate(model, table, "l2", 2000, 0, out, 1, &n));
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < ROWS; i++) {
        float x[FEATURES], score = 0.0f;
        row_of(i, x);
        plain_score(model, x, 0, ROUNDS, &score);
        const double error = (double)score - (i == ROWS - 1 ? 3.0 : i % 5 * 10.0);
        sum += error * error;
        squares += error * error * error * error;
    }
    const double mean = sum / ROWS, spread = sqrt((squares / ROWS - mean * mean) / ROWS);
    EXPECT_C_NEAR(out[0].low, mean - 1.96 * spread, 0.25 * spread); /* normal approximation */
    EXPECT_C_NEAR(out[0].high, mean + 1.96 * spread, 0.25 * spread);
    gbt_table_free(table);
    gbt_model_free(model);
}

TEST_C(Evaluate, ThreadsDoNotMatterAndTheSeedDoes)
{
    gbt_model *model = some_model("binary");
    gbt_table *table = make_table(model, 2, true, 10);
    ASSERT_C_TRUE(model != NULL && table != NULL);
    gbt_metric_result one[3], other[3];
    int n = 0;
    ASSERT_C_OK(gbt_model_evaluate(model, table, "auc,logloss,error", 50, 1, one, 3, &n));
    EXPECT_C_EQ_INT(n, 3);
    for (int threads = 2; threads < 5; threads++) {
        ASSERT_C_OK(
            gbt_model_evaluate(model, table, "auc,logloss,error", 50, threads, other, 3, &n));
        for (int m = 0; m < 3; m++) {
            EXPECT_C_EQ_BYTES(&one[m].value, &other[m].value, 3 * sizeof(double));
            EXPECT_C_TRUE(one[m].low <= one[m].value && one[m].value <= one[m].high);
            EXPECT_C_TRUE(one[m].low < one[m].high);
        }
    }
    model->params->seed = 5;
    ASSERT_C_OK(gbt_model_evaluate(model, table, "auc,logloss,error", 50, 1, other, 3, &n));
    EXPECT_C_EQ_BYTES(&one[0].value, &other[0].value, sizeof(double));
    EXPECT_C_FALSE(one[0].low >= other[0].low && one[0].low <= other[0].low);
    gbt_table_free(table);
    gbt_model_free(model);
}

TEST_C(Evaluate, LabelsAreMatchedToTheModelsClasses)
{
    gbt_model *model = some_model("multiclass"); /* labels 0, 10, 20 */
    gbt_table *table = make_table(model, 3, false, 20), *strange = make_table(model, 3, false, 7);
    ASSERT_C_TRUE(model != NULL && table != NULL && strange != NULL);
    double wrong = 0.0;
    for (int i = 0; i < ROWS; i++) {
        float x[FEATURES], score[3];
        int best = 0;
        row_of(i, x);
        plain_score(model, x, 0, ROUNDS, score);
        for (int k = 1; k < 3; k++) {
            best = score[k] > score[best] ? k : best;
        }
        wrong += best != (i == ROWS - 1 ? 2 : i % 3);
    }
    gbt_metric_result out[2];
    int n = 0;
    ASSERT_C_OK(gbt_model_evaluate(model, table, "multi_error", 0, 0, out, 2, &n));
    EXPECT_C_NEAR(out[0].value, wrong / ROWS, 1e-12);
    ASSERT_C_OK(gbt_model_evaluate(model, table, NULL, 0, 0, out, 2, &n)); /* the model's own */
    EXPECT_C_EQ_TEXT(out[0].name, "multi_logloss");
    EXPECT_C_STATUS(gbt_model_evaluate(model, strange, "multi_error", 0, 0, out, 2, &n),
                    GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "row 400: the label 7 is not a class of the model");
    gbt_table_free(table);
    gbt_table_free(strange);
    gbt_model_free(model);
}

TEST_C(Evaluate, WrongArgumentsAreRefused)
{
    gbt_model *model = some_model("regression");
    gbt_table *table = make_table(model, 5, false, 3);
    ASSERT_C_TRUE(model != NULL && table != NULL);
    gbt_metric_result out[1];
    int n = -7;
    EXPECT_C_STATUS(gbt_model_evaluate(NULL, table, "l2", 0, 0, out, 1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, NULL, "l2", 0, 0, out, 1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, table, "l2", -1, 0, out, 1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, table, "l2", 0, -1, out, 1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, table, "l2", 0, 0, out, 0, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, table, "nonsense", 0, 0, out, 1, &n), GBT_ERR_PARAM);
    EXPECT_C_STATUS(gbt_model_evaluate(model, table, "auc_mu", 0, 0, out, 1, &n), GBT_ERR_PARAM);
    EXPECT_C_EQ_INT(n, -7);
    ASSERT_C_OK(gbt_model_evaluate(model, table, "l2,mae", 0, 0, out, 1, &n)); /* room for one */
    EXPECT_C_EQ_INT(n, 1);
    gbt_table_free(table);
    gbt_model_free(model);
}
