/* Views of the caller: element types, and every field of a bad view is named. */
#include <math.h>

#include "gbt/data/features.h"
#include "gbt/data/matrix.h"
#include "tests/support/gtest_c.h"

static const float cells[6] = {1, 2, 3, 4, 5, 6};

static gbt_matrix rows_of_three(void)
{
    return (gbt_matrix){cells, GBT_F32, 2, 3, 3, 1};
}

TEST_C(Matrix, StridesReachEveryCellInBothOrders)
{
    const gbt_matrix rows = rows_of_three(), columns = {cells, GBT_F32, 3, 2, 1, 3};
    EXPECT_C_TRUE(gbt_matrix_at(&rows, 1, 2) == 6.0f);
    EXPECT_C_TRUE(gbt_matrix_at(&columns, 2, 0) == 3.0f);
    EXPECT_C_TRUE(gbt_matrix_at(&columns, 0, 1) == 4.0f);
}

TEST_C(Matrix, EveryElementTypeBecomesFloat)
{
    const double real[2] = {0.1, -2.5};
    const int32_t whole[2] = {-7, 1 << 24};
    EXPECT_C_TRUE(gbt_element(real, GBT_F64, 0) == 0.1f);
    EXPECT_C_TRUE(gbt_element(real, GBT_F64, 1) == -2.5f);
    EXPECT_C_TRUE(gbt_element(whole, GBT_I32, 0) == -7.0f);
    EXPECT_C_TRUE(gbt_element(whole, GBT_I32, 1) == 16777216.0f);
}

TEST_C(Matrix, GoodViewsPassEvenWhenEmptyOrReversed)
{
    gbt_matrix view = rows_of_three();
    EXPECT_C_OK(gbt_matrix_check(&view));
    view.data = &cells[5];
    view.row_stride = -3;
    view.col_stride = -1;
    EXPECT_C_OK(gbt_matrix_check(&view));
    const gbt_matrix empty = {NULL, GBT_F64, 0, 5, 0, 0};
    EXPECT_C_OK(gbt_matrix_check(&empty));
}

TEST_C(Matrix, TheFieldOfABadViewIsNamed)
{
    EXPECT_C_STATUS(gbt_matrix_check(NULL), GBT_ERR_ARGUMENT);
    gbt_matrix view = rows_of_three();
    view.data = NULL;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.data");
    view = rows_of_three();
    view.dtype = (gbt_dtype)9;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.dtype");
    view = rows_of_three();
    view.n_rows = (int64_t)1 << 32;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.n_rows");
    view = rows_of_three();
    view.n_cols = -1;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.n_cols");
    view = rows_of_three();
    view.row_stride = INT64_MAX / 8;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.row_stride");
    view = rows_of_three();
    view.col_stride = INT64_MIN;
    EXPECT_C_STATUS(gbt_matrix_check(&view), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "matrix.col_stride");
}

TEST_C(Matrix, SparseRowsMustAscendAndStayInRange)
{
    const int64_t start[3] = {0, 2, 3};
    int32_t column[3] = {0, 2, 1};
    gbt_csr csr = {start, column, cells, GBT_F32, 2, 3};
    EXPECT_C_OK(gbt_csr_check(&csr));
    column[2] = 3;
    EXPECT_C_STATUS(gbt_csr_check(&csr), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "csr.column[2]: 3 in row 1");
    column[2] = 0;
    column[1] = 0;
    EXPECT_C_STATUS(gbt_csr_check(&csr), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "must ascend");
    const int64_t falling[3] = {0, 2, 1};
    column[1] = 2;
    csr.row_start = falling;
    EXPECT_C_STATUS(gbt_csr_check(&csr), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "csr.row_start[2]");
    csr.row_start = start;
    csr.value = NULL;
    EXPECT_C_STATUS(gbt_csr_check(&csr), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "csr.value");
    csr.row_start = NULL;
    EXPECT_C_STATUS(gbt_csr_check(&csr), GBT_ERR_ARGUMENT);
}

/* A tile holds what element access gives, for all types, orders and odd sizes. */
TEST_C(Features, TilesAreTheCells)
{
    enum { ROWS = 37, COLUMNS = 12 };
    float single[ROWS * COLUMNS];
    double real[ROWS * COLUMNS];
    int32_t whole[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        whole[i] = i * i % 101;
        single[i] = 0.5f * (float)whole[i];
        real[i] = 0.25 * (double)whole[i];
    }
    const void *data[3] = {single, real, whole};
    for (int dtype = 0; dtype < 3; dtype++) {
        for (int by_column = 0; by_column < 2; by_column++) {
            const gbt_matrix matrix = {data[dtype], (gbt_dtype)dtype,        ROWS,
                                       COLUMNS,     by_column ? 1 : COLUMNS, by_column ? ROWS : 1};
            const gbt_features features = {
                .n_rows = ROWS, .n_features = COLUMNS, .matrix = &matrix};
            float scratch[ROWS * COLUMNS], picked[2];
            const float *x[COLUMNS];
            gbt_features_tile(&features, 1, 10, 2, 35, scratch, x);
            int wrong = 0;
            for (int f = 0; f < 10; f++) {
                for (int row = 0; row < 35; row++) {
                    wrong += x[f][row] != gbt_matrix_at(&matrix, row + 2, f + 1);
                }
            }
            EXPECT_C_EQ_INT(wrong, 0);
            const int64_t rows[2] = {36, 3};
            gbt_features_pick(&features, 4, rows, 2, picked);
            EXPECT_C_TRUE(picked[0] == gbt_matrix_at(&matrix, 36, 4));
            EXPECT_C_TRUE(picked[1] == gbt_matrix_at(&matrix, 3, 4));
        }
    }
}

TEST_C(Features, CodesGoThroughTheMapAndNegativeOnesAreMissing)
{
    const int32_t code[4] = {0, -1, 2, 1}, map[3] = {5, -1, 7};
    const gbt_feature_column column = {NULL, code, map};
    const gbt_features features = {.n_rows = 4, .n_features = 1, .column = &column};
    float scratch[4];
    const float *x = NULL;
    gbt_features_tile(&features, 0, 1, 0, 4, scratch, &x);
    EXPECT_C_TRUE(x[0] == 5.0f);
    EXPECT_C_TRUE(isnan(x[1]));
    EXPECT_C_TRUE(x[2] == 7.0f);
    EXPECT_C_TRUE(isnan(x[3]));
}
