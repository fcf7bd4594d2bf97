/* Data sets from memory: shared cuts, fields and their checks, subsets, references, refused
 * memory. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/data/dataset.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { ROWS = 60, COLUMNS = 3 };

static float cells[ROWS * COLUMNS];

static gbt_matrix sample_matrix(void)
{
    for (uint64_t i = 0; i < ROWS * COLUMNS; i++) {
        cells[i] = (float)(gbt_rng_u64(5, i) % 12);
    }
    return (gbt_matrix){cells, GBT_F32, ROWS, COLUMNS, COLUMNS, 1};
}

static gbt_params *params_with(const char *key, const char *value)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    if (key != NULL) {
        EXPECT_C_OK(gbt_params_set(params, key, value));
    }
    return params;
}

static gbt_dataset *sample_dataset(void)
{
    gbt_params *params = params_with(NULL, NULL);
    const gbt_matrix matrix = sample_matrix();
    gbt_dataset *dataset = NULL;
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dataset));
    gbt_params_free(params);
    return dataset;
}

TEST_C(Dataset, ShapesAreThoseOfTheMatrix)
{
    gbt_dataset *dataset = sample_dataset();
    ASSERT_C_TRUE(dataset != NULL);
    EXPECT_C_EQ_INT(gbt_dataset_rows(dataset), ROWS);
    EXPECT_C_EQ_INT(gbt_dataset_features(dataset), COLUMNS);
    EXPECT_C_TRUE(gbt_dataset_bins(dataset, 0) > 3 && gbt_dataset_bins(dataset, 0) <= 12);
    EXPECT_C_EQ_INT(gbt_dataset_bins(dataset, COLUMNS), 0);
    EXPECT_C_EQ_INT(gbt_dataset_bins(dataset, -1), 0);
    EXPECT_C_TRUE(gbt_dataset_bytes(dataset) > ROWS * COLUMNS);
    EXPECT_C_EQ_TEXT(dataset->schema->name[2], "f2");
    EXPECT_C_EQ_TEXT(dataset->source, "");
    gbt_dataset_free(dataset);
    gbt_dataset_free(NULL);
}

TEST_C(Dataset, OtherRowsUseTheSameCuts)
{
    gbt_dataset *train = sample_dataset(), *valid = NULL;
    gbt_params *params = params_with(NULL, NULL);
    const double other[2 * COLUMNS] = {0, 100, -100, (double)NAN, 3, 3};
    gbt_matrix matrix = {other, GBT_F64, 2, COLUMNS, COLUMNS, 1};
    ASSERT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, train, &valid));
    EXPECT_C_TRUE(valid->cuts == train->cuts && valid->schema == train->schema);
    for (int i = 0; i < 2 * COLUMNS; i++) {
        EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, i / COLUMNS, i % COLUMNS),
                        gbt_cuts_bin_of(train->cuts, i % COLUMNS, (float)other[i]));
    }
    EXPECT_C_EQ_INT(gbt_dataset_bins(valid, 0), gbt_dataset_bins(train, 0) + 1);
    gbt_dataset_free(train); /* in any order */
    EXPECT_C_EQ_INT(valid->cuts->n_features, COLUMNS);
    gbt_dataset *again = NULL;
    matrix.n_cols = 2;
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, NULL, valid, &again),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "2 columns, but same_cuts has 3");
    matrix.n_cols = COLUMNS;
    const char *const names[COLUMNS] = {"f0", "g1", "f2"};
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, names, valid, &again),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "\"g1\", but \"f1\"");
    EXPECT_C_TRUE(again == NULL);
    gbt_dataset_free(valid);
    gbt_params_free(params);
}

TEST_C(Dataset, CategoricalColumnsAreNamedOrCounted)
{
    const char *const names[COLUMNS] = {"age", "town", "size"};
    const char *const lists[3] = {"town,size", "1,2", " town , 2"};
    const gbt_matrix matrix = sample_matrix();
    for (int i = 0; i < 3; i++) {
        gbt_params *params = params_with("categorical", lists[i]);
        gbt_dataset *dataset = NULL;
        ASSERT_C_OK(gbt_dataset_from_matrix(params, &matrix, names, NULL, &dataset));
        const uint8_t want[COLUMNS] = {0, 1, 1};
        EXPECT_C_EQ_BYTES(dataset->cuts->is_categorical, want, COLUMNS);
        EXPECT_C_EQ_BYTES(dataset->schema->is_categorical, want, COLUMNS);
        gbt_dataset_free(dataset);
        gbt_params_free(params);
    }
}

static void expect_refusal(const char *key, const char *value, const char *const *names,
                           gbt_status want, const char *part)
{
    gbt_params *params = params_with(key, value);
    const gbt_matrix matrix = sample_matrix();
    gbt_dataset *dataset = NULL;
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, names, NULL, &dataset), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    EXPECT_C_TRUE(dataset == NULL);
    gbt_params_free(params);
}

TEST_C(Dataset, UnknownAndRepeatedNamesAreRefused)
{
    const char *const names[COLUMNS] = {"age", "town", "size"};
    const char *const twice[COLUMNS] = {"age", "town", "age"};
    const char *const odd[COLUMNS] = {"age", "0", "size"};
    const char *const absent[COLUMNS] = {"age", NULL, "size"};
    expect_refusal("categorical", "tonw", names, GBT_ERR_PARAM,
                   "no column \"tonw\"; the nearest is \"town\"");
    expect_refusal("categorical", "3", names, GBT_ERR_PARAM, "column 3 is outside 0 .. 2");
    expect_refusal("categorical", "0", odd, GBT_ERR_PARAM, "could be column number 0");
    expect_refusal(NULL, NULL, twice, GBT_ERR_ARGUMENT, "both called \"age\"");
    expect_refusal(NULL, NULL, absent, GBT_ERR_ARGUMENT, "names[1]");
}

TEST_C(Dataset, NullPointersAndEmptyMatricesAreRefused)
{
    gbt_params *params = params_with(NULL, NULL);
    gbt_matrix matrix = sample_matrix();
    gbt_dataset *dataset = NULL;
    EXPECT_C_STATUS(gbt_dataset_from_matrix(NULL, &matrix, NULL, NULL, &dataset), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, NULL, NULL, NULL, &dataset), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, NULL), GBT_ERR_ARGUMENT);
    matrix.n_rows = 0;
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dataset), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no rows");
    matrix.n_rows = ROWS;
    matrix.n_cols = 0;
    EXPECT_C_STATUS(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dataset), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no features");
    gbt_params_free(params);
}

TEST_C(Dataset, SparseRowsBecomeTheSameBins)
{
    const gbt_matrix matrix = sample_matrix();
    int64_t start[ROWS + 1] = {0};
    int32_t column[ROWS * COLUMNS];
    int32_t value[ROWS * COLUMNS];
    int64_t at = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        if (cells[i] != 0) {
            column[at] = i % COLUMNS;
            value[at++] = (int32_t)cells[i];
        }
        start[i / COLUMNS + 1] = at;
    }
    const gbt_csr csr = {start, column, value, GBT_I32, ROWS, COLUMNS};
    gbt_params *params = params_with(NULL, NULL);
    gbt_dataset *dense = NULL, *sparse = NULL;
    ASSERT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dense));
    ASSERT_C_OK(gbt_dataset_from_csr(params, &csr, NULL, NULL, &sparse));
    EXPECT_C_TRUE(gbt_cuts_equal(dense->cuts, sparse->cuts));
    EXPECT_C_TRUE(sparse->schema->is_sparse);
    int wrong = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        wrong += gbt_bins_at(&dense->bins, i / COLUMNS, i % COLUMNS) !=
                 gbt_bins_at(&sparse->bins, i / COLUMNS, i % COLUMNS);
    }
    EXPECT_C_EQ_INT(wrong, 0);
    gbt_dataset_free(dense);
    gbt_dataset_free(sparse);
    gbt_params_free(params);
}

/* ---- Fields ---------------------------------------------------------------------------------- */

TEST_C(DatasetFields, ValuesComeBackInEveryType)
{
    gbt_dataset *dataset = sample_dataset();
    ASSERT_C_TRUE(dataset != NULL);
    const gbt_field fields[5] = {GBT_LABEL, GBT_WEIGHT, GBT_GROUP, GBT_TASK, GBT_INIT_SCORE};
    int32_t whole[ROWS], whole_back[ROWS];
    double real[ROWS], real_back[ROWS];
    float single_back[ROWS];
    for (int i = 0; i < ROWS; i++) {
        whole[i] = i * 7 % 50;
        real[i] = whole[i];
    }
    for (int f = 0; f < 5; f++) {
        EXPECT_C_EQ_INT(gbt_dataset_field_size(dataset, fields[f]), 0);
        EXPECT_C_STATUS(gbt_dataset_get(dataset, fields[f], real_back, GBT_F64, ROWS),
                        GBT_ERR_STATE);
        EXPECT_C_OK(gbt_dataset_set(dataset, fields[f], f % 2 ? (void *)whole : (void *)real,
                                    f % 2 ? GBT_I32 : GBT_F64, ROWS));
        EXPECT_C_EQ_INT(gbt_dataset_field_size(dataset, fields[f]), ROWS);
        EXPECT_C_OK(gbt_dataset_get(dataset, fields[f], whole_back, GBT_I32, ROWS));
        EXPECT_C_EQ_BYTES(whole_back, whole, sizeof whole);
        EXPECT_C_OK(gbt_dataset_get(dataset, fields[f], real_back, GBT_F64, ROWS));
        EXPECT_C_EQ_BYTES(real_back, real, sizeof real);
        EXPECT_C_OK(gbt_dataset_get(dataset, fields[f], single_back, GBT_F32, ROWS));
        EXPECT_C_TRUE(single_back[ROWS - 1] == (float)whole[ROWS - 1]);
        EXPECT_C_STATUS(gbt_dataset_get(dataset, fields[f], real_back, GBT_F64, ROWS - 1),
                        GBT_ERR_ARGUMENT);
        EXPECT_C_OK(gbt_dataset_set(dataset, fields[f], NULL, GBT_F32, 0));
        EXPECT_C_EQ_INT(gbt_dataset_field_size(dataset, fields[f]), 0);
    }
    gbt_dataset_free(dataset);
}

TEST_C(DatasetFields, InitScoresMayBeSeveralARow)
{
    gbt_dataset *dataset = sample_dataset();
    ASSERT_C_TRUE(dataset != NULL);
    float scores[3 * ROWS];
    for (int i = 0; i < 3 * ROWS; i++) {
        scores[i] = 0.5f * (float)i;
    }
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_INIT_SCORE, scores, GBT_F32, 3 * ROWS));
    EXPECT_C_EQ_INT(dataset->n_init, 3);
    EXPECT_C_EQ_INT(gbt_dataset_field_size(dataset, GBT_INIT_SCORE), 3 * ROWS);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_INIT_SCORE, scores, GBT_F32, 2 * ROWS + 1),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_INT(dataset->n_init, 3);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_WEIGHT, scores, GBT_F32, 3 * ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "weight: 180 values for 60 rows");
    int32_t whole[3 * ROWS];
    EXPECT_C_STATUS(gbt_dataset_get(dataset, GBT_INIT_SCORE, whole, GBT_I32, 3 * ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "value 1, 0.5");
    gbt_dataset_free(dataset);
}

/* Every rule of every field, with the row in the message and the old values kept. */
TEST_C(DatasetFields, BadValuesAreRefusedWithTheirRow)
{
    static const struct {
        gbt_field field;
        double bad;
    } cases[] = {{GBT_LABEL, (double)NAN},
                 {GBT_LABEL, HUGE_VAL},
                 {GBT_LABEL, 1e300},
                 {GBT_WEIGHT, -0.5},
                 {GBT_WEIGHT, (double)NAN},
                 {GBT_WEIGHT, HUGE_VAL},
                 {GBT_GROUP, 0.5},
                 {GBT_GROUP, 2147483648.0},
                 {GBT_GROUP, -2147483649.0},
                 {GBT_GROUP, (double)NAN},
                 {GBT_TASK, -1},
                 {GBT_TASK, 1.5},
                 {GBT_INIT_SCORE, (double)NAN},
                 {GBT_INIT_SCORE, -HUGE_VAL}};
    gbt_dataset *dataset = sample_dataset();
    ASSERT_C_TRUE(dataset != NULL);
    double values[ROWS];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int i = 0; i < ROWS; i++) {
            values[i] = 1;
        }
        EXPECT_C_OK(gbt_dataset_set(dataset, cases[c].field, values, GBT_F64, ROWS));
        values[41] = cases[c].bad;
        EXPECT_C_STATUS(gbt_dataset_set(dataset, cases[c].field, values, GBT_F64, ROWS),
                        GBT_ERR_DATA);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "row 41 (from 0)");
        EXPECT_C_OK(gbt_dataset_get(dataset, cases[c].field, values, GBT_F64, ROWS));
        EXPECT_C_TRUE(values[41] == 1);
    }
    memset(values, 0, sizeof values);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_WEIGHT, values, GBT_F64, ROWS), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "all 60 weights are 0");
    EXPECT_C_STATUS(gbt_dataset_set(dataset, (gbt_field)7, values, GBT_F64, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_LABEL, values, (gbt_dtype)7, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_LABEL, NULL, GBT_F64, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_set(NULL, GBT_LABEL, values, GBT_F64, ROWS), GBT_ERR_ARGUMENT);
    gbt_dataset_free(dataset);
}

TEST_C(DatasetFields, ADatasetInUseIsReadOnly)
{
    gbt_dataset *dataset = sample_dataset();
    ASSERT_C_TRUE(dataset != NULL);
    float label[ROWS] = {0};
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_LABEL, label, GBT_F32, ROWS));
    gbt_dataset *held = gbt_dataset_retain(dataset);
    gbt_dataset_pin(held);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_LABEL, label, GBT_F32, ROWS), GBT_ERR_STATE);
    EXPECT_C_STATUS(gbt_dataset_set(dataset, GBT_LABEL, NULL, GBT_F32, 0), GBT_ERR_STATE);
    gbt_dataset_unpin(held);
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_LABEL, label, GBT_F32, ROWS));
    gbt_dataset_free(dataset);
}

/* ---- Subsets --------------------------------------------------------------------------------- */

TEST_C(DatasetSubset, RowsAndFieldsAreThoseAskedFor)
{
    gbt_dataset *dataset = sample_dataset(), *subset = NULL;
    ASSERT_C_TRUE(dataset != NULL);
    float value[2 * ROWS];
    int32_t group[ROWS];
    for (int i = 0; i < 2 * ROWS; i++) {
        value[i] = (float)i;
    }
    for (int i = 0; i < ROWS; i++) {
        group[i] = 1000 + i;
    }
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_LABEL, value, GBT_F32, ROWS));
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_INIT_SCORE, value, GBT_F32, 2 * ROWS));
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_GROUP, group, GBT_I32, ROWS));
    const int64_t rows[4] = {59, 0, 7, 7};
    ASSERT_C_OK(gbt_dataset_subset(dataset, rows, 4, &subset));
    EXPECT_C_EQ_INT(gbt_dataset_rows(subset), 4);
    EXPECT_C_TRUE(subset->cuts == dataset->cuts && subset->weight == NULL && subset->task == NULL);
    for (int i = 0; i < 4; i++) {
        EXPECT_C_TRUE(subset->label[i] == (float)rows[i]);
        EXPECT_C_EQ_INT(subset->group[i], 1000 + rows[i]);
        EXPECT_C_TRUE(subset->init_score[2 * i + 1] == (float)(2 * rows[i] + 1));
        for (int f = 0; f < COLUMNS; f++) {
            EXPECT_C_EQ_INT(gbt_bins_at(&subset->bins, i, f),
                            gbt_bins_at(&dataset->bins, rows[i], f));
        }
    }
    gbt_dataset_free(dataset);
    EXPECT_C_EQ_INT(gbt_dataset_features(subset), COLUMNS);
    gbt_dataset_free(subset);
}

TEST_C(DatasetSubset, RowsOutOfRangeAndAllWithoutWeightAreRefused)
{
    gbt_dataset *dataset = sample_dataset(), *subset = NULL;
    ASSERT_C_TRUE(dataset != NULL);
    float weight[ROWS] = {0};
    weight[0] = 1;
    const int64_t low[2] = {0, -1}, high[2] = {0, ROWS}, weightless[2] = {1, 2};
    EXPECT_C_STATUS(gbt_dataset_subset(dataset, low, 2, &subset), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_subset(dataset, high, 2, &subset), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "rows[1]: 60 is outside 0 .. 59");
    EXPECT_C_STATUS(gbt_dataset_subset(dataset, low, 0, &subset), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_subset(dataset, NULL, 2, &subset), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_dataset_set(dataset, GBT_WEIGHT, weight, GBT_F32, ROWS));
    EXPECT_C_STATUS(gbt_dataset_subset(dataset, weightless, 2, &subset), GBT_ERR_DATA);
    EXPECT_C_TRUE(subset == NULL);
    gbt_dataset_free(dataset);
}

TEST_C(Dataset, AnEmptyOneCarriesTheCuts)
{
    gbt_dataset *dataset = sample_dataset(), *empty = NULL, *other = NULL;
    ASSERT_C_TRUE(dataset != NULL);
    ASSERT_C_OK(gbt_dataset_create_empty(dataset->schema, dataset->cuts, &empty));
    EXPECT_C_EQ_INT(gbt_dataset_rows(empty), 0);
    EXPECT_C_EQ_INT(gbt_dataset_bins(empty, 1), gbt_dataset_bins(dataset, 1));
    gbt_params *params = params_with(NULL, NULL);
    const gbt_matrix matrix = sample_matrix();
    ASSERT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, empty, &other));
    EXPECT_C_EQ_BYTES(other->bins.base, dataset->bins.base, ROWS * COLUMNS);
    gbt_params_free(params);
    gbt_dataset_free(empty);
    gbt_dataset_free(dataset);
    gbt_dataset_free(other);
}

/* ---- Refused memory -------------------------------------------------------------------------- */

static gbt_status use_everything(void)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *dataset = NULL, *valid = NULL, *subset = NULL, *empty = NULL;
    const gbt_matrix matrix = sample_matrix();
    const int64_t rows[2] = {1, 2};
    GBT_TRY_OR_DONE(gbt_params_create(&params));
    GBT_TRY_OR_DONE(gbt_params_set(params, "categorical", "f2"));
    GBT_TRY_OR_DONE(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dataset));
    GBT_TRY_OR_DONE(gbt_dataset_set(dataset, GBT_LABEL, cells, GBT_F32, ROWS));
    GBT_TRY_OR_DONE(gbt_dataset_set(dataset, GBT_TASK, cells, GBT_F32, ROWS));
    GBT_TRY_OR_DONE(gbt_dataset_from_matrix(params, &matrix, NULL, dataset, &valid));
    GBT_TRY_OR_DONE(gbt_dataset_subset(dataset, rows, 2, &subset));
    GBT_TRY_OR_DONE(gbt_dataset_create_empty(dataset->schema, dataset->cuts, &empty));
done:
    gbt_params_free(params);
    gbt_dataset_free(dataset);
    gbt_dataset_free(valid);
    gbt_dataset_free(subset);
    gbt_dataset_free(empty);
    return status;
}

TEST_C(Dataset, EveryRefusedAllocationIsReportedAndNothingLeaks)
{
    for (int64_t n = 1; n < 1000; n++) {
        fail_alloc_install(n);
        const gbt_status status = use_everything();
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            EXPECT_C_TRUE(n > 50);
            return;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
    FAIL_C("the number of allocations has no end");
}
