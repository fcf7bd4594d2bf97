/* Sparse values of every type, by rows and by columns, in any order, against a dense matrix. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { ROWS = 23, COLS = 11, CELLS = ROWS * COLS };

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* A dense matrix and its entries by lines, the entries of a line shuffled or not. */
typedef struct sample {
    float dense[CELLS];
    bool is_there[CELLS];
    int64_t start[ROWS + COLS], index[CELLS];
    double value[CELLS];
} sample;

static void make_sample(sample *s, bool is_by_column, bool is_shuffled, uint64_t seed)
{
    const int n_lines = is_by_column ? COLS : ROWS, n_crossing = is_by_column ? ROWS : COLS;
    int64_t n = 0;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < CELLS; i++) {
        s->is_there[i] = draw(&seed) % 3 == 0;
        s->dense[i] = s->is_there[i] ? (float)((int)(draw(&seed) % 100) - 50) : 0;
    }
    for (int line = 0; line < n_lines; line++) {
        for (int k = 0; k < n_crossing; k++) {
            const int at = is_by_column ? k * COLS + line : line * COLS + k;
            if (s->is_there[at]) {
                s->index[n] = k;
                s->value[n++] = (double)s->dense[at];
            }
        }
        s->start[line + 1] = n;
        for (int64_t i = s->start[line]; is_shuffled && i < n; i++) {
            const int64_t j = i + (int64_t)(draw(&seed) % (uint64_t)(n - i));
            const int64_t index = s->index[i];
            const double value = s->value[i];
            s->index[i] = s->index[j];
            s->value[i] = s->value[j];
            s->index[j] = index;
            s->value[j] = value;
        }
    }
}

static void expect_rows(const gbt_csr *csr, const sample *s)
{
    int64_t at = 0;
    ASSERT_C_EQ_INT(csr->n_rows, ROWS);
    ASSERT_C_EQ_INT(csr->n_cols, COLS);
    ASSERT_C_EQ_INT(csr->dtype, GBT_F32);
    for (int row = 0; row < ROWS; row++) {
        EXPECT_C_EQ_INT(csr->row_start[row], at);
        for (int col = 0; col < COLS; col++) {
            if (s->is_there[row * COLS + col]) {
                EXPECT_C_EQ_INT(csr->column[at], col);
                EXPECT_C_NEAR((double)((const float *)csr->value)[at],
                              (double)s->dense[row * COLS + col], 0);
                at++;
            }
        }
    }
    EXPECT_C_EQ_INT(csr->row_start[ROWS], at);
}

TEST_C(ApiSparse, RowsAndColumnsInAnyOrderGiveTheSameRows)
{
    for (int way = 0; way < 16; way++) {
        const bool is_by_column = way & 1, is_shuffled = way & 2, is_narrow = way & 4;
        sample s;
        int32_t start[ROWS + COLS], index[CELLS];
        float value[CELLS];
        make_sample(&s, is_by_column, is_shuffled, (uint64_t)way);
        for (int i = 0; i < CELLS; i++) {
            index[i] = (int32_t)s.index[i];
            value[i] = (float)s.value[i];
        }
        for (int i = 0; i < ROWS + COLS; i++) {
            start[i] = (int32_t)s.start[i];
        }
        gbt_sparse sparse = {.start = s.start,
                             .index = s.index,
                             .value = s.value,
                             .start_type = GBT_CELL_I64,
                             .index_type = GBT_CELL_I64,
                             .value_type = GBT_CELL_F64,
                             .is_by_column = is_by_column,
                             .n_rows = ROWS,
                             .n_cols = COLS};
        if (is_narrow) {
            sparse.start = start;
            sparse.index = index;
            sparse.start_type = sparse.index_type = GBT_CELL_I32;
        }
        if (way & 8) {
            sparse.value = value;
            sparse.value_type = GBT_CELL_F32;
        }
        gbt_csr csr;
        ASSERT_C_OK(gbt_csr_open(&sparse, &csr));
        expect_rows(&csr, &s);
        gbt_csr_close(&csr);
        EXPECT_C_TRUE(csr.row_start == NULL && csr.column == NULL && csr.value == NULL);
        gbt_csr_close(&csr);
    }
}

TEST_C(ApiSparse, ColumnsTrainTheSameDataSetAsRows)
{
    sample rows, cols;
    gbt_params *params = NULL;
    gbt_dataset *a = NULL, *b = NULL;
    gbt_csr csr;
    make_sample(&rows, false, false, 3);
    make_sample(&cols, true, true, 3);
    ASSERT_C_OK(gbt_params_create(&params));
    ASSERT_C_OK(gbt_params_set(params, "min_data_in_bin", "1"));
    const gbt_sparse sparse = {cols.start,   cols.index, cols.value, GBT_CELL_I64, GBT_CELL_I64,
                               GBT_CELL_F64, 1,          ROWS,       COLS};
    int32_t column[CELLS];
    for (int i = 0; i < CELLS; i++) {
        column[i] = (int32_t)rows.index[i];
    }
    const gbt_csr direct = {rows.start, column, rows.value, GBT_F64, ROWS, COLS};
    ASSERT_C_OK(gbt_csr_open(&sparse, &csr));
    ASSERT_C_OK(gbt_dataset_from_csr(params, &csr, NULL, NULL, &a));
    ASSERT_C_OK(gbt_dataset_from_csr(params, &direct, NULL, NULL, &b));
    for (int32_t f = 0; f < COLS; f++) {
        EXPECT_C_EQ_INT(gbt_dataset_bins(a, f), gbt_dataset_bins(b, f));
    }
    EXPECT_C_EQ_INT(gbt_dataset_bytes(a), gbt_dataset_bytes(b));
    gbt_csr_close(&csr);
    gbt_dataset_free(a);
    gbt_dataset_free(b);
    gbt_params_free(params);
}

static void expect_fault(const gbt_sparse *sparse, gbt_status want, const char *message)
{
    gbt_csr csr = {.n_rows = 5};
    EXPECT_C_STATUS(gbt_csr_open(sparse, &csr), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), message);
    EXPECT_C_TRUE(csr.row_start == NULL && csr.n_rows == 0);
}

TEST_C(ApiSparse, FaultyViewsAndRepeatedCellsAreRefused)
{
    static const int32_t start[] = {0, 2, 3}, index[] = {1, 0, 2}, value[] = {1, 2, 3};
    static const int32_t falling[] = {0, 3, 2}, late[] = {1, 2, 3}, twice[] = {1, 1, 2};
    static const int32_t past[] = {1, 3, 0}, negative[] = {1, -1, 0};
    const gbt_sparse good = {start, index, value, GBT_CELL_I32, GBT_CELL_I32, GBT_CELL_I32,
                             0,     2,     3};
    gbt_csr csr;
    ASSERT_C_OK(gbt_csr_open(&good, &csr));
    EXPECT_C_EQ_INT(csr.column[0], 0);
    gbt_csr_close(&csr);
    gbt_sparse bad = good;
    bad.start = falling;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.start[2]");
    bad.start = late;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.start[0]");
    bad.start = NULL;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.start");
    bad = good;
    bad.index = twice;
    expect_fault(&bad, GBT_ERR_DATA, "row 0, column 1");
    bad.index = past;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.index[1]");
    bad.index = negative;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.index[1]");
    bad.index = NULL;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.index");
    bad = good;
    bad.value = NULL;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.value");
    bad = good;
    bad.start_type = GBT_CELL_U32;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.start_type");
    bad = good;
    bad.index_type = GBT_CELL_F32;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.index_type");
    bad = good;
    bad.value_type = GBT_CELL_TEXT;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.value_type");
    bad = good;
    bad.n_rows = -1;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.n_rows");
    bad = good;
    bad.n_cols = 1 << 24;
    expect_fault(&bad, GBT_ERR_ARGUMENT, "sparse.n_cols");
    expect_fault(NULL, GBT_ERR_ARGUMENT, "sparse");
    EXPECT_C_STATUS(gbt_csr_open(&good, NULL), GBT_ERR_ARGUMENT);
    gbt_csr_close(NULL);
}

TEST_C(ApiSparse, EveryAllocationMayFail)
{
    for (int way = 0; way < 4; way++) {
        sample s;
        make_sample(&s, way & 1, way & 2, 8);
        const gbt_sparse sparse = {s.start,      s.index, s.value, GBT_CELL_I64, GBT_CELL_I64,
                                   GBT_CELL_F64, way & 1, ROWS,    COLS};
        bool was_refused = true;
        for (int64_t n = 1; was_refused && n < 100; n++) {
            gbt_csr csr;
            fail_alloc_install(n);
            const gbt_status status = gbt_csr_open(&sparse, &csr);
            was_refused = fail_alloc_refused();
            gbt_csr_close(&csr);
            EXPECT_C_EQ_INT(fail_alloc_live(), 0);
            fail_alloc_remove();
            EXPECT_C_EQ_INT(status, was_refused ? GBT_ERR_MEMORY : GBT_OK);
        }
        EXPECT_C_FALSE(was_refused);
    }
}
