/* Tables as users see them: single cells as text, and features and tasks in the terms of a model or
 * of training data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

static gbt_table *read_text(const char *name, const char *text, const char *options,
                            const gbt_model *model)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_params *params = NULL;
    gbt_table *table = NULL;
    EXPECT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, name, text, strlen(text), path));
    EXPECT_C_OK(gbt_params_create(&params));
    if (*options != '\0') {
        EXPECT_C_OK(gbt_params_set(params, "task", options));
    }
    EXPECT_C_OK(gbt_table_read(params, path, model, &table));
    gbt_params_free(params);
    temp_dir_close(&dir);
    return table;
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static void expect_cell(const gbt_table *table, int32_t column, int64_t row, const char *want)
{
    char text[64] = "unchanged";
    EXPECT_C_OK(gbt_table_text(table, column, row, text, sizeof text));
    EXPECT_C_EQ_TEXT(text, want);
    memset(text, '#', sizeof text);
    EXPECT_C_OK(gbt_table_text(table, column, row, text, strlen(want) + 1)); /* just fits */
    EXPECT_C_EQ_TEXT(text, want);
    EXPECT_C_EQ_INT(text[strlen(want) + 1], '#');
    memset(text, '#', sizeof text);
    EXPECT_C_STATUS(gbt_table_text(table, column, row, text, strlen(want)), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_INT(text[0], '#');
}

TEST_C(ApiTables, CellsOfADenseTableAreTheirShortestText)
{
    gbt_table *table = read_text("t.csv",
                                 "n,colour,label\n"
                                 "0.1,red,1\n"
                                 "1e10,,-2.50\n"
                                 ",\"a, \"\"b\"\"\",NA\n"
                                 "-0,blue,16777216\n",
                                 "", NULL);
    ASSERT_C_TRUE(table != NULL);
    static const char *const want[4][3] = {{"0.1", "red", "1"},
                                           {"10000000000", "", "-2.5"},
                                           {"", "a, \"b\"", ""},
                                           {"-0", "blue", "16777216"}};
    for (int row = 0; row < 4; row++) {
        for (int column = 0; column < 3; column++) {
            expect_cell(table, column, row, want[row][column]);
        }
    }
    char out[8];
    EXPECT_C_STATUS(gbt_table_text(NULL, 0, 0, out, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, 0, 0, NULL, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, -1, 0, out, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, 3, 0, out, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, 0, -1, out, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, 0, 4, out, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_text(table, 0, 0, out, 0), GBT_ERR_ARGUMENT);
    gbt_table_free(table);
}

TEST_C(ApiTables, CellsOfASparseTableAreZeroWhereNothingStands)
{
    gbt_table *table = read_text("t.svm",
                                 "1 qid:7 1:0.5 4:-3\n"
                                 "0 qid:7\n"
                                 "2.5 qid:9 2:nan 3:8 4:1\n",
                                 "", NULL);
    ASSERT_C_TRUE(table != NULL);
    ASSERT_C_EQ_INT(gbt_table_columns(table), 6);
    static const char *const want[3][6] = {{"1", "0.5", "0", "0", "-3", "7"},
                                           {"0", "0", "0", "0", "0", "7"},
                                           {"2.5", "0", "", "8", "1", "9"}};
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 6; column++) {
            expect_cell(table, column, row, want[row][column]);
        }
    }
    gbt_table_free(table);
}

TEST_C(ApiTables, SeveralLabelsOfASparseRowStayAList)
{
    gbt_table *table = read_text("t.svm", "1,-2.5,3 1:1\n4 1:2\n5,6 1:3\n", "", NULL);
    ASSERT_C_TRUE(table != NULL);
    expect_cell(table, 0, 0, "1,-2.5,3");
    expect_cell(table, 0, 1, "4");
    expect_cell(table, 0, 2, "5,6");
    gbt_table_free(table);
}

/* ---- Features and tasks ---------------------------------------------------------------------- */

typedef struct trained {
    gbt_dataset *data;
    gbt_model *model;
} trained;

static gbt_params *quick_params(void)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    EXPECT_C_OK(gbt_params_set(params, "n_trees", "4"));
    EXPECT_C_OK(gbt_params_set(params, "min_child_samples", "1"));
    EXPECT_C_OK(gbt_params_set(params, "min_data_in_bin", "1"));
    EXPECT_C_OK(gbt_params_set(params, "objective", "regression"));
    return params;
}

static void train_on(const gbt_table *table, trained *out)
{
    gbt_params *params = quick_params();
    *out = (trained){NULL, NULL};
    EXPECT_C_OK(gbt_dataset_from_table(params, table, NULL, &out->data));
    EXPECT_C_OK(gbt_train(params, out->data, NULL, NULL, 0, NULL, NULL, &out->model));
    gbt_params_free(params);
}

static void drop(trained *t)
{
    gbt_dataset_free(t->data);
    gbt_model_free(t->model);
}

static const char train_csv[] = "n,colour,shop,label\n"
                                "1,red,b,1\n"
                                "2,blue,a,3\n"
                                "3,red,c,2\n"
                                "4,green,b,5\n"
                                ",blue,a,4\n"
                                "6,green,c,9\n";

/* The columns stand elsewhere, with a category and a task that training did not see. */
static const char other_csv[] = "colour,extra,shop,n\n"
                                "green,1,c,7.5\n"
                                "purple,2,zoo,2\n"
                                ",3,a,\n";

TEST_C(ApiTables, FeaturesAreMatchedByNameAndCategoriesCoded)
{
    gbt_table *table = read_text("t.csv", train_csv, "shop", NULL);
    trained t;
    train_on(table, &t);
    gbt_table *other = read_text("o.csv", other_csv, "shop", t.model);
    ASSERT_C_TRUE(t.model != NULL && other != NULL);
    const float want[6] = {7.5f, 1.0f, 2.0f, NAN, NAN, NAN}; /* blue, green, red */
    float got[6], like[6], from_table[3], from_features[3];
    ASSERT_C_OK(gbt_model_features(t.model, other, got, 6));
    ASSERT_C_OK(gbt_dataset_features_of(t.data, other, like, 6));
    for (int i = 0; i < 6; i++) {
        EXPECT_C_TRUE(isnan(want[i]) ? isnan(got[i]) : got[i] >= want[i] && got[i] <= want[i]);
    }
    EXPECT_C_EQ_BYTES(like, got, sizeof got);
    const gbt_matrix matrix = {got, GBT_F32, 3, 2, 2, 1};
    ASSERT_C_OK(gbt_model_predict_table(t.model, other, GBT_PREDICT_RAW, 0, 0, 1, from_table, 3));
    ASSERT_C_OK(gbt_model_predict(t.model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, from_features, 3));
    EXPECT_C_EQ_BYTES(from_features, from_table, sizeof from_table);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(t.model, 0), 0);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(t.model, 1), 3);
    EXPECT_C_STATUS(gbt_model_features(NULL, other, got, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_features(t.model, NULL, got, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_features(t.model, other, NULL, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_features(t.model, other, got, 5), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_features(t.model, other, got, 7), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_features_of(NULL, other, got, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_features_of(t.data, NULL, got, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_features_of(t.data, other, NULL, 6), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_features_of(t.data, other, got, 4), GBT_ERR_ARGUMENT);
    gbt_table_free(table);
    gbt_table_free(other);
    drop(&t);
}

TEST_C(ApiTables, AModelThatRefusesUnseenCategoriesRefusesThemHereToo)
{
    gbt_table *table = read_text("t.csv", train_csv, "shop", NULL);
    gbt_params *params = quick_params();
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    float x[12];
    ASSERT_C_OK(gbt_params_set(params, "unseen", "error"));
    ASSERT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    ASSERT_C_OK(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model));
    gbt_table *other = read_text("o.csv", other_csv, "shop", model);
    EXPECT_C_OK(gbt_model_features(model, table, x, 12));
    EXPECT_C_STATUS(gbt_model_features(model, other, x, 6), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "colour");
    EXPECT_C_OK(gbt_dataset_features_of(data, other, x, 6));
    gbt_table_free(table);
    gbt_table_free(other);
    gbt_model_free(model);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

TEST_C(ApiTables, NumbersThatAreNoKnownCategoryAreMissing)
{
    static const char csv[] = "k,x,label\n3,1,1\n0,2,2\n3,3,3\n5,4,4\n";
    gbt_params *params = quick_params();
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_dataset *data = NULL;
    gbt_table *other = NULL;
    ASSERT_C_OK(gbt_params_set(params, "categorical", "0"));
    ASSERT_C_TRUE(temp_dir_open(&dir));
    ASSERT_C_TRUE(temp_dir_write(&dir, "t.csv", csv, sizeof csv - 1, path));
    ASSERT_C_OK(gbt_dataset_from_file(params, path, NULL, &data));
    ASSERT_C_OK(gbt_table_read(params, path, NULL, &other));
    float x[8];
    ASSERT_C_OK(gbt_dataset_features_of(data, other, x, 8));
    static const char *const text[] = {"3", "0", "3", "5"};
    for (int row = 0; row < 4; row++) { /* text codes in byte order: "0", "3", "5" */
        EXPECT_C_EQ_INT(x[2 * row], text[row][0] == '0' ? 0 : text[row][0] == '3' ? 1 : 2);
        EXPECT_C_EQ_INT(x[2 * row + 1], row + 1);
    }
    temp_dir_close(&dir);
    gbt_table_free(other);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

TEST_C(ApiTables, TasksAreThoseOfTraining)
{
    gbt_table *table = read_text("t.csv", train_csv, "shop", NULL);
    trained t;
    train_on(table, &t);
    gbt_table *other = read_text("o.csv", other_csv, "", t.model);
    ASSERT_C_TRUE(t.model != NULL && other != NULL);
    int32_t task[6];
    ASSERT_C_OK(gbt_model_tasks(t.model, table, task, 6));
    static const int32_t want[] = {1, 0, 2, 1, 0, 2};
    EXPECT_C_EQ_BYTES(task, want, sizeof want);
    ASSERT_C_OK(gbt_model_tasks(t.model, other, task, 3));
    EXPECT_C_EQ_INT(task[0], 2);
    EXPECT_C_EQ_INT(task[1], -1);
    EXPECT_C_EQ_INT(task[2], 0);
    EXPECT_C_EQ_TEXT(gbt_model_task_name(t.model, 2), "c");
    EXPECT_C_TRUE(gbt_model_task_name(t.model, 3) == NULL);
    EXPECT_C_TRUE(gbt_model_task_name(t.model, -1) == NULL);
    EXPECT_C_STATUS(gbt_model_tasks(NULL, other, task, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tasks(t.model, NULL, task, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tasks(t.model, other, NULL, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tasks(t.model, other, task, 4), GBT_ERR_ARGUMENT);
    gbt_table_free(table);
    gbt_table_free(other);
    drop(&t);
}

TEST_C(ApiTables, TasksThatCannotBeReadAreRefused)
{
    gbt_table *table = read_text("t.csv", train_csv, "shop", NULL);
    trained t;
    train_on(table, &t);
    int32_t task[2];
    gbt_table *none = read_text("n.csv", "n,colour\n1,red\n2,blue\n", "", t.model);
    gbt_table *gap = read_text("g.csv", "n,colour,shop\n1,red,a\n2,blue,\n", "", t.model);
    gbt_table *number = read_text("i.csv", "n,colour,shop\n1,red,1\n2,blue,2\n", "shop", NULL);
    EXPECT_C_STATUS(gbt_model_tasks(t.model, none, task, 2), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "there is no task column");
    EXPECT_C_STATUS(gbt_model_tasks(t.model, gap, task, 2), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "data row 2 (from 1) has no task");
    EXPECT_C_STATUS(gbt_model_tasks(t.model, number, task, 2), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "holds numbers, that of the training data text");
    gbt_table_free(none);
    gbt_table_free(gap);
    gbt_table_free(number);
    gbt_table_free(table);
    drop(&t);
}

/* ---- A model without trees ------------------------------------------------------------------- */

TEST_C(ApiTables, AModelWithoutTreesIsEvaluatedByItsBaseScore)
{
    gbt_table *table = read_text("t.csv", train_csv, "", NULL);
    gbt_params *params = quick_params();
    gbt_dataset *data = NULL;
    gbt_booster *booster = NULL;
    gbt_model *model = NULL;
    gbt_metric_result result;
    int n = 0;
    float raw[6];
    ASSERT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    ASSERT_C_OK(gbt_booster_create(params, data, &booster));
    ASSERT_C_OK(gbt_booster_finish(booster, 0, &model));
    ASSERT_C_OK(gbt_model_evaluate(model, table, "l2", 10, 1, &result, 1, &n));
    EXPECT_C_EQ_INT(n, 1);
    EXPECT_C_NEAR(result.value, 40.0 / 6.0, 1e-5); /* 1, 3, 2, 5, 4, 9 around their mean 4 */
    ASSERT_C_OK(gbt_model_predict_table(model, table, GBT_PREDICT_RAW, 0, 0, 1, raw, 6));
    for (int i = 0; i < 6; i++) {
        EXPECT_C_NEAR((double)raw[i], 4.0, 0.0);
    }
    gbt_model_free(model);
    gbt_booster_free(booster);
    gbt_dataset_free(data);
    gbt_params_free(params);
    gbt_table_free(table);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

TEST_C(ApiTables, AFailedAllocationLeavesNothingBehind)
{
    float x[6];
    int32_t task[3];
    for (int64_t n = 1;; n++) {
        fail_alloc_install(0);
        gbt_table *table = read_text("t.csv", train_csv, "shop", NULL);
        trained t;
        train_on(table, &t);
        gbt_table *other = read_text("o.csv", other_csv, "shop", NULL);
        fail_alloc_install(n);
        gbt_status status = gbt_model_features(t.model, other, x, 6);
        status = status ? status : gbt_dataset_features_of(t.data, other, x, 6);
        status = status ? status : gbt_model_tasks(t.model, other, task, 3);
        const bool refused = fail_alloc_refused();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        gbt_table_free(table);
        gbt_table_free(other);
        drop(&t);
        fail_alloc_remove();
        if (!refused) {
            break;
        }
    }
}
