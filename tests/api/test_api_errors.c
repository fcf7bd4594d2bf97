/* Wrong calls: null pointers, wrong sizes, unknown numbers. Every one is a status with a
 * message, no handle comes out, nothing else changes. */
#include <math.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 200 };

/* Pattern that no successful call leaves behind. */
#define STALE(type) ((type *)&stale)
static char stale;

/* The call fails with `want`, sets the handle to NULL and tells something. */
#define EXPECT_NO_HANDLE(call, handle, want)          \
    do {                                              \
        EXPECT_C_STATUS(call, want);                  \
        EXPECT_C_TRUE((handle) == NULL);              \
        EXPECT_C_TRUE(strlen(gbt_last_error()) > 10); \
        (handle) = (void *)&stale;                    \
    } while (0)

TEST_C(Errors, ParameterCallsRefuseNullPointersAndUnknownKeys)
{
    gbt_params *params = toy_params("n_trees=7"), *other = STALE(gbt_params);
    gbt_param_info info;
    char text[64] = "as it was";
    int index = -5;
    EXPECT_C_STATUS(gbt_params_create(NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_params_copy(NULL, &other), other, GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_copy(params, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_set(NULL, "n_trees", "1"), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_set(params, NULL, "1"), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_set(params, "n_trees", NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_set(params, "n_tree", "1"), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "n_trees");
    EXPECT_C_STATUS(gbt_params_set(params, "n_trees", "0"), GBT_ERR_PARAM);
    EXPECT_C_STATUS(gbt_params_set(params, "n_trees", "many"), GBT_ERR_PARAM);
    EXPECT_C_STATUS(gbt_params_get(NULL, "n_trees", text, sizeof text), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_get(params, NULL, text, sizeof text), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_get(params, "n_trees", NULL, 8), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_get(params, "objective", text, 4), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_get(params, "nothing", text, sizeof text), GBT_ERR_PARAM);
    EXPECT_C_EQ_TEXT(text, "as it was");
    EXPECT_C_OK(gbt_params_get(params, "n_trees", text, 2)); /* "7" and its zero just fit */
    EXPECT_C_EQ_TEXT(text, "7");
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "n_estimators"), 1);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "tree.max_depth"), 0);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "nothing"), -1);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, NULL), -1);
    EXPECT_C_EQ_INT(gbt_params_is_set(NULL, "n_trees"), -1);
    EXPECT_C_STATUS(gbt_params_check(NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_describe(-1, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_describe(gbt_param_count(), &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_describe(0, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_find("nothing", &index), GBT_ERR_PARAM);
    EXPECT_C_STATUS(gbt_param_find(NULL, &index), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_find("n_trees", NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_INT(index, -5);
    EXPECT_C_OK(gbt_param_find("n_estimators", &index));
    EXPECT_C_OK(gbt_param_describe(index, &info));
    EXPECT_C_EQ_TEXT(info.name, "n_trees");
    gbt_params_free(params);
}

TEST_C(Errors, AnIniFileThatFailsChangesNothing)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH], text[64];
    gbt_params *params = toy_params("n_trees=7");
    static const char ini[] = "[train]\nn_trees = 9\nlearning_rate = 7\n";
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "not there.ini", path);
    EXPECT_C_STATUS(gbt_params_load_ini(params, path), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_params_load_ini(params, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_params_load_ini(NULL, path), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(temp_dir_write(&dir, "wrong.ini", ini, sizeof ini - 1, path));
    EXPECT_C_STATUS(gbt_params_load_ini(params, path), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "wrong.ini:3");
    EXPECT_C_OK(gbt_params_get(params, "n_trees", text, sizeof text));
    EXPECT_C_EQ_TEXT(text, "7");
    gbt_params_free(params);
    temp_dir_close(&dir);
}

TEST_C(Errors, TableCallsRefuseWrongFilesAndColumns)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_params *params = toy_params("label=y id=name");
    gbt_table *table = STALE(gbt_table);
    gbt_column_info info;
    static const char csv[] = "y,x,name\n1,2,a\n0,,b\n";
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "gone.csv", path);
    EXPECT_NO_HANDLE(gbt_table_read(params, path, NULL, &table), table, GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "gone.csv");
    EXPECT_NO_HANDLE(gbt_table_read(NULL, path, NULL, &table), table, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_table_read(params, NULL, NULL, &table), table, GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_read(params, path, NULL, NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_table_preview(params, path, 0, &table), table, GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(temp_dir_write(&dir, "short.csv", csv, sizeof csv - 4,
                                 path)); /* "0," has one cell too few */
    EXPECT_NO_HANDLE(gbt_table_read(params, path, NULL, &table), table, GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "short.csv:3");
    EXPECT_C_TRUE(temp_dir_write(&dir, "good.csv", csv, sizeof csv - 1, path));
    EXPECT_C_OK(gbt_params_set(params, "weight", "nowhere"));
    EXPECT_NO_HANDLE(gbt_table_read(params, path, NULL, &table), table, GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "nowhere");
    EXPECT_C_OK(gbt_params_set(params, "weight", ""));
    EXPECT_C_OK(gbt_table_read(params, path, NULL, &table));
    EXPECT_C_EQ_INT(gbt_table_rows(table), 2);
    EXPECT_C_EQ_INT(gbt_table_columns(table), 3);
    EXPECT_C_EQ_INT(gbt_table_is_sparse(table), 0);
    EXPECT_C_STATUS(gbt_table_describe(table, 3, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_describe(table, -1, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_describe(table, 0, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_describe(NULL, 0, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_table_describe(table, 1, &info));
    EXPECT_C_EQ_TEXT(info.name, "x");
    EXPECT_C_TRUE(info.role == GBT_ROLE_FEATURE && info.n_missing == 1 && !info.is_text);
    EXPECT_C_EQ_TEXT(gbt_table_id(table, 1), "b");
    EXPECT_C_TRUE(gbt_table_id(table, 2) == NULL && gbt_table_id(table, -1) == NULL);
    gbt_table_free(table);
    gbt_params_free(params);
    temp_dir_close(&dir);
}

TEST_C(Errors, DataSetsRefuseWrongViews)
{
    float cells[6] = {1, 2, 3, 4, 5, 6};
    const char *const names[] = {"a", "b"}, *const twice[] = {"a", "a"},
                      *const hole[] = {"a", NULL};
    gbt_params *params = toy_params("");
    gbt_dataset *data = STALE(gbt_dataset), *same = STALE(gbt_dataset);
    const gbt_matrix good = {
        .data = cells, .n_rows = 3, .n_cols = 2, .row_stride = 2, .col_stride = 1};
    gbt_matrix bad = good;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(NULL, &good, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, NULL, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &good, NULL, NULL, NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &good, twice, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &good, hole, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    bad.data = NULL;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    bad = good;
    bad.n_rows = -1;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    bad = good;
    bad.dtype = (gbt_dtype)7;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    bad = good;
    bad.row_stride = INT64_MAX;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, NULL, &data), data,
                     GBT_ERR_ARGUMENT);
    bad = good;
    bad.n_rows = 0;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, NULL, &data), data, GBT_ERR_DATA);
    EXPECT_C_OK(gbt_params_set(params, "categorical", "nowhere"));
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &good, names, NULL, &data), data,
                     GBT_ERR_PARAM);
    EXPECT_C_OK(gbt_params_set(params, "categorical", "b"));
    cells[3] = 0.5f; /* a category that is no whole number */
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &good, names, NULL, &data), data,
                     GBT_ERR_DATA);
    cells[3] = 4.0f;
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &good, names, NULL, &data));
    bad = good;
    bad.n_cols = 1;
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &bad, NULL, data, &same), same,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_matrix(params, &good, twice, data, &same), same,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_table(params, NULL, NULL, &same), same, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_file(params, "no such file.csv", NULL, &same), same,
                     GBT_ERR_IO);
    EXPECT_NO_HANDLE(gbt_dataset_like_model(NULL, &same), same, GBT_ERR_ARGUMENT);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

TEST_C(Errors, SparseViewsAreCheckedBeforeUse)
{
    const int64_t start[] = {0, 2, 3}, falling[] = {0, 2, 1}, negative[] = {-1, 2, 3};
    const int32_t column[] = {0, 2, 1}, descending[] = {2, 0, 1}, outside[] = {0, 3, 1};
    const float value[] = {1, 2, 3};
    gbt_params *params = toy_params("");
    gbt_dataset *data = STALE(gbt_dataset);
    const gbt_csr good = {
        .row_start = start, .column = column, .value = value, .n_rows = 2, .n_cols = 3};
    gbt_csr bad = good;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, NULL, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(NULL, &good, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad.row_start = falling;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad.row_start = negative;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad.row_start = NULL;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad = good;
    bad.column = descending;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad.column = outside;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad.column = NULL;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    bad = good;
    bad.value = NULL;
    EXPECT_NO_HANDLE(gbt_dataset_from_csr(params, &bad, NULL, NULL, &data), data, GBT_ERR_ARGUMENT);
    gbt_params_free(params);
}

TEST_C(Errors, FieldsAreCheckedAndKeepTheirOldValues)
{
    toy data;
    float values[ROWS], back[ROWS];
    int32_t whole[ROWS];
    int64_t row = 7;
    gbt_dataset *subset = STALE(gbt_dataset);
    toy_make(&data, ROWS, TOY_QUANTITY, 3);
    gbt_dataset *set = toy_dataset(&data, NULL, NULL, false);
    memcpy(values, data.label, sizeof values);
    values[9] = NAN;
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, values, GBT_F32, ROWS), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "9");
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, data.label, GBT_F32, ROWS - 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, data.label, GBT_F32, 2 * ROWS - 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, data.label, GBT_F32, -1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, NULL, GBT_F32, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_LABEL, data.label, (gbt_dtype)9, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(set, (gbt_field)9, data.label, GBT_F32, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(NULL, GBT_LABEL, data.label, GBT_F32, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_dataset_get(set, GBT_LABEL, back, GBT_F32, ROWS));
    EXPECT_C_EQ_BYTES(back, data.label, sizeof back);
    memset(values, 0, sizeof values);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_WEIGHT, values, GBT_F32, ROWS),
                    GBT_ERR_DATA); /* all zero */
    values[3] = -1.0f;
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_WEIGHT, values, GBT_F32, ROWS), GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_TASK, values, GBT_F32, ROWS), GBT_ERR_DATA);
    values[3] = 0.5f;
    EXPECT_C_STATUS(gbt_dataset_set(set, GBT_GROUP, values, GBT_F32, ROWS), GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_dataset_get(set, GBT_WEIGHT, back, GBT_F32, ROWS), GBT_ERR_STATE);
    EXPECT_C_STATUS(gbt_dataset_get(set, GBT_LABEL, back, GBT_F32, ROWS - 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_get(set, GBT_LABEL, whole, GBT_I32, ROWS),
                    GBT_ERR_ARGUMENT); /* fractions */
    EXPECT_C_EQ_INT(gbt_dataset_field_size(set, GBT_WEIGHT), 0);
    EXPECT_C_EQ_INT(gbt_dataset_bins(set, TOY_FEATURES), 0);
    EXPECT_C_EQ_INT(gbt_dataset_bins(set, -1), 0);
    EXPECT_NO_HANDLE(gbt_dataset_subset(NULL, &row, 1, &subset), subset, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_subset(set, NULL, 1, &subset), subset, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_dataset_subset(set, &row, 0, &subset), subset, GBT_ERR_ARGUMENT);
    row = ROWS;
    EXPECT_NO_HANDLE(gbt_dataset_subset(set, &row, 1, &subset), subset, GBT_ERR_ARGUMENT);
    row = -1;
    EXPECT_NO_HANDLE(gbt_dataset_subset(set, &row, 1, &subset), subset, GBT_ERR_ARGUMENT);
    gbt_dataset_free(set);
    toy_free(&data);
}

TEST_C(Errors, TrainingRefusesWhatItCannotUse)
{
    toy data;
    gbt_model *model = STALE(gbt_model);
    gbt_booster *booster = STALE(gbt_booster);
    toy_make(&data, ROWS, TOY_QUANTITY, 4);
    gbt_params *params = toy_params("n_trees=2 objective=regression");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false),
                *other = toy_dataset(&data, params, NULL, false);
    const gbt_dataset *const none[] = {NULL};
    EXPECT_NO_HANDLE(gbt_train(NULL, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_train(params, NULL, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 1, NULL, NULL, &model), model,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_train(params, train, none, NULL, 1, NULL, NULL, &model), model,
                     GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, -1, NULL, NULL, &model), model,
                     GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_booster_create(NULL, train, &booster), booster, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_booster_create(params, NULL, &booster), booster, GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_create(params, train, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_params_set(params, "early_stopping_rounds", "5"));
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_PARAM);
    EXPECT_C_OK(gbt_params_set(params, "early_stopping_rounds", "0"));
    EXPECT_C_OK(gbt_params_set(params, "continue_from", "no such model.gbt"));
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_IO);
    EXPECT_C_OK(gbt_params_set(params, "continue_from", ""));
    EXPECT_C_OK(gbt_params_set(params, "device", "cuda"));
    if (!gbt_backend_available("cuda")) {
        EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                         GBT_ERR_UNSUPPORTED);
    }
    EXPECT_C_OK(gbt_params_set(params, "device", "cpu"));
    EXPECT_C_OK(gbt_params_set(params, "metric", "multi_logloss"));
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_PARAM);
    EXPECT_C_OK(gbt_params_set(params, "metric", ""));
    EXPECT_C_OK(gbt_params_set(params, "memory_limit", "1000"));
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_MEMORY);
    EXPECT_C_OK(gbt_params_set(params, "memory_limit", "0"));
    EXPECT_C_OK(gbt_params_set(params, "objective", "gamma")); /* labels must be positive */
    EXPECT_NO_HANDLE(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_DATA);
    EXPECT_C_OK(gbt_dataset_set(other, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_NO_HANDLE(gbt_train(params, other, NULL, NULL, 0, NULL, NULL, &model), model,
                     GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "label");
    gbt_dataset_free(train);
    gbt_dataset_free(other);
    gbt_params_free(params);
    toy_free(&data);
}

/* Validation data must have the cuts of the training data and fit its labels. */
TEST_C(Errors, ValidationSetsMustFitTheTrainingSet)
{
    toy data, other;
    gbt_booster *booster = NULL;
    float init[ROWS] = {0.0f};
    toy_make(&data, ROWS, TOY_CLASSES, 4);
    toy_make(&other, ROWS, TOY_CLASSES, 5);
    gbt_params *params = toy_params("objective=multiclass");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_dataset *stranger = toy_dataset(&other, params, NULL, false);
    gbt_dataset *valid = toy_dataset(&other, params, train, false);
    ASSERT_C_OK(gbt_booster_create(params, train, &booster));
    EXPECT_C_STATUS(gbt_booster_add_valid(booster, stranger, "x"), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_add_valid(booster, NULL, "x"), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_add_valid(NULL, valid, "x"), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_dataset_set(valid, GBT_INIT_SCORE, init, GBT_F32, ROWS));
    EXPECT_C_STATUS(gbt_booster_add_valid(booster, valid, "x"), GBT_ERR_DATA);
    EXPECT_C_OK(gbt_dataset_set(valid, GBT_INIT_SCORE, NULL, GBT_F32, 0));
    other.label[3] = 17.0f;
    EXPECT_C_OK(gbt_dataset_set(valid, GBT_LABEL, other.label, GBT_F32, ROWS));
    EXPECT_C_STATUS(gbt_booster_add_valid(booster, valid, "x"), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "17");
    EXPECT_C_OK(gbt_dataset_set(valid, GBT_LABEL, data.label, GBT_F32,
                                ROWS)); /* a refused set stays writable */
    EXPECT_C_OK(gbt_booster_add_valid(booster, valid, NULL));
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_dataset_free(stranger);
    gbt_dataset_free(valid);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&other);
}

TEST_C(Errors, BoostersRefuseWrongSizesAndNumbers)
{
    toy data;
    gbt_booster *booster = NULL;
    gbt_model *model = STALE(gbt_model);
    float grad[ROWS], hess[ROWS], scores[ROWS];
    double value = 0.5;
    int stopped = 0;
    toy_make(&data, ROWS, TOY_BINARY, 4);
    gbt_params *params = toy_params("objective=binary metric=auc,logloss");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    ASSERT_C_OK(gbt_booster_create(params, train, &booster));
    for (int i = 0; i < ROWS; i++) {
        grad[i] = (float)(i % 3) - 1.0f;
        hess[i] = 1.0f;
    }
    EXPECT_C_STATUS(gbt_booster_step(NULL, &stopped), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_step(booster, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, NULL, hess, ROWS, &stopped), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, NULL, ROWS, &stopped), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, ROWS - 1, &stopped),
                    GBT_ERR_ARGUMENT);
    grad[17] = NAN;
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped), GBT_ERR_NUMERIC);
    grad[17] = INFINITY;
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped), GBT_ERR_NUMERIC);
    grad[17] = 0.0f;
    hess[17] = -1.0f;
    EXPECT_C_STATUS(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped), GBT_ERR_NUMERIC);
    EXPECT_C_EQ_INT(gbt_booster_rounds(booster), 0); /* nothing came of it, and it goes on */
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    EXPECT_C_STATUS(gbt_booster_scores(booster, 0, scores, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_scores(booster, -2, scores, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_scores(booster, -1, scores, ROWS + 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_scores(booster, -1, NULL, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_metric(booster, 0, 0, &value), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_metric(booster, -1, 2, &value), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_metric(booster, -1, -1, &value), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_metric(booster, -1, 0, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(value == 0.5);
    EXPECT_C_EQ_INT(gbt_booster_metric_count(booster), 2);
    EXPECT_C_EQ_TEXT(gbt_booster_metric_name(booster, 0), "auc");
    EXPECT_C_TRUE(gbt_booster_metric_name(booster, 2) == NULL &&
                  gbt_booster_metric_name(booster, -1) == NULL);
    EXPECT_NO_HANDLE(gbt_booster_finish(booster, 2, &model), model, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_booster_finish(booster, -1, &model), model, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_booster_finish(NULL, 0, &model), model, GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_finish(booster, 0, NULL), GBT_ERR_ARGUMENT);
    gbt_booster_free(booster);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Errors, OnlyAFittingModelIsContinued)
{
    toy data;
    gbt_booster *booster = NULL;
    int stopped = 0;
    toy_make(&data, ROWS, TOY_BINARY, 4);
    gbt_params *params = toy_params("objective=binary n_trees=3"),
               *longer = toy_params("objective=binary n_trees=5");
    gbt_params *quantity = toy_params("objective=regression n_trees=3");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false),
                *other = toy_dataset(&data, params, NULL, false);
    gbt_model *model = toy_train(params, train), *wrong = toy_train(quantity, train);
    ASSERT_C_OK(gbt_booster_create(params, train, &booster));
    EXPECT_C_STATUS(gbt_booster_continue(booster, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_continue(NULL, model), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_booster_continue(booster, wrong), GBT_ERR_PARAM); /* another objective */
    EXPECT_C_STATUS(gbt_booster_continue(booster, model),
                    GBT_ERR_PARAM); /* has all rounds already */
    gbt_booster_free(booster);
    ASSERT_C_OK(gbt_booster_create(longer, train, &booster));
    EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    EXPECT_C_STATUS(gbt_booster_continue(booster, model), GBT_ERR_STATE); /* too late */
    gbt_booster_free(booster);
    float init[ROWS] = {0.0f};
    EXPECT_C_OK(gbt_dataset_set(other, GBT_INIT_SCORE, init, GBT_F32, ROWS));
    ASSERT_C_OK(gbt_booster_create(longer, other, &booster));
    EXPECT_C_STATUS(gbt_booster_continue(booster, model),
                    GBT_ERR_DATA); /* an init score only here */
    gbt_booster_free(booster);
    gbt_model_free(model);
    gbt_model_free(wrong);
    gbt_dataset_free(train);
    gbt_dataset_free(other);
    gbt_params_free(params);
    gbt_params_free(longer);
    gbt_params_free(quantity);
    toy_free(&data);
}

TEST_C(Errors, PredictionRefusesWrongSizesKindsAndRounds)
{
    toy data;
    float out[ROWS];
    int32_t leaf[4 * ROWS];
    int64_t start[ROWS + 1] = {0};
    toy_make(&data, ROWS, TOY_QUANTITY, 4);
    gbt_params *params = toy_params("objective=regression n_trees=3");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_model *model = toy_train(params, train);
    const gbt_matrix good = toy_matrix(&data);
    const gbt_csr sparse = {.row_start = start, .n_rows = ROWS, .n_cols = TOY_FEATURES + 1};
    gbt_matrix bad = good;
    bad.n_cols = TOY_FEATURES - 1;
    EXPECT_C_STATUS(gbt_model_predict(model, &bad, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "8 features");
    EXPECT_C_STATUS(gbt_model_leaves(model, &bad, 1, leaf, 3 * ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_csr(model, &sparse, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(NULL, &good, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, NULL, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 0, 0, 1, NULL, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS - 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 0, 0, -1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, (gbt_predict_kind)9, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_CLASS, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, -1, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 0, 4, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 2, 2, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict(model, &good, GBT_PREDICT_RAW, 4, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves(model, &good, 1, leaf, 3 * ROWS - 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_predict_table(model, NULL, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaves_table(model, NULL, 1, leaf, 3 * ROWS), GBT_ERR_ARGUMENT);
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Errors, ModelQuestionsRefuseWrongNumbers)
{
    toy data;
    double values[TOY_FEATURES];
    float leaf[64];
    int32_t n_leaves = 0;
    int64_t shape = 0;
    size_t size = 0;
    char *text = NULL;
    gbt_metric_result result;
    gbt_params *none = STALE(gbt_params);
    gbt_model *read = STALE(gbt_model);
    void *bytes = NULL;
    int n = 0;
    toy_make(&data, ROWS, TOY_QUANTITY, 4);
    gbt_params *params = toy_params("objective=regression n_trees=2");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_model *model = toy_train(params, train);
    EXPECT_C_STATUS(gbt_model_shape(model, (gbt_shape_key)99, &shape), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_shape(NULL, GBT_SHAPE_TREES, &shape), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_shape(model, GBT_SHAPE_TREES, NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_model_params(NULL, &none), none, GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(gbt_model_feature_name(model, -1) == NULL &&
                  gbt_model_feature_name(model, TOY_FEATURES) == NULL);
    EXPECT_C_TRUE(gbt_model_class_name(model, 0) == NULL);
    EXPECT_C_EQ_INT(gbt_model_feature_is_categorical(model, 6), 1);
    EXPECT_C_EQ_INT(gbt_model_feature_is_categorical(model, 5), 0);
    EXPECT_C_EQ_TEXT(gbt_model_column(model, GBT_ROLE_LABEL), "");
    EXPECT_C_EQ_TEXT(gbt_model_column(model, (gbt_column_role)77), "");
    EXPECT_C_STATUS(gbt_model_base_score(model, values, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, values, 7), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_importance(model, (gbt_importance_kind)9, values, 8),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_leaves(model, 2, &n_leaves), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaf_values(model, 0, leaf, 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaf_values(model, -1, leaf, 64), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_dump(model, (gbt_dump_format)5, &text, &size), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_dump(NULL, GBT_DUMP_TEXT, &text, &size), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_verify(NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate(model, NULL, NULL, 0, 1, &result, 1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_save(model, "no such folder/model.gbt"), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_model_save(model, NULL), GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_model_load("no such model.gbt", &read), read, GBT_ERR_IO);
    EXPECT_NO_HANDLE(gbt_model_load(NULL, &read), read, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_model_load("tests/README.md", &read), read, GBT_ERR_FORMAT);
    EXPECT_NO_HANDLE(gbt_model_from_bytes(NULL, 4, &read), read, GBT_ERR_ARGUMENT);
    EXPECT_NO_HANDLE(gbt_model_from_bytes("", 0, &read), read, GBT_ERR_FORMAT);
    EXPECT_C_STATUS(gbt_model_to_bytes(NULL, &bytes, &size), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(text == NULL && bytes == NULL);
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Errors, ObjectivesRefuseWrongRows)
{
    gbt_params *params = toy_params("objective=binary");
    gbt_objective *objective = STALE(gbt_objective);
    float scores[2] = {0, 0}, label[2] = {0, 1}, wrong[2] = {0, 3}, grad[2], hess[2];
    double value = 0.0;
    EXPECT_NO_HANDLE(gbt_objective_create(NULL, &objective), objective, GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_create(params, NULL), GBT_ERR_ARGUMENT);
    ASSERT_C_OK(gbt_objective_create(params, &objective));
    EXPECT_C_STATUS(gbt_objective_gradients(NULL, scores, label, NULL, 2, grad, hess),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, NULL, label, NULL, 2, grad, hess),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, scores, NULL, NULL, 2, grad, hess),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, scores, label, NULL, 2, NULL, hess),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, scores, label, NULL, 2, grad, NULL),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, scores, label, NULL, -1, grad, hess),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(objective, scores, wrong, NULL, 2, grad, hess),
                    GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_objective_value(objective, scores, wrong, NULL, 2, &value), GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_objective_value(objective, scores, label, NULL, 2, NULL), GBT_ERR_ARGUMENT);
    gbt_objective_free(objective);
    gbt_params_free(params);
}

TEST_C(Errors, BackendsAreKnownByName)
{
    EXPECT_C_EQ_INT(gbt_backend_available("ref"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("cpu"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("tpu"), 0);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "tpu");
    EXPECT_C_EQ_INT(gbt_backend_available(NULL), 0);
}
