/* Checks of the caller's views before anything reads through them. Does not look at the values;
 * that is the job of whoever uses them. Cost: nothing for a matrix, one pass over the columns of
 * a CSR. */
#include "gbt/data/matrix.h"

#include <inttypes.h>
#include <stdbool.h>

enum { MAX_COLUMNS = 1 << 24 };

static gbt_status check_shape(const char *what, gbt_dtype dtype, int64_t n_rows, int64_t n_cols)
{
    if (dtype != GBT_F32 && dtype != GBT_F64 && dtype != GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s.dtype: %d is none of GBT_F32, GBT_F64, GBT_I32", what,
                        (int)dtype);
    }
    if (n_rows < 0 || n_rows > UINT32_MAX) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s.n_rows: %" PRId64 " is outside 0 .. 2^32 - 1", what,
                        n_rows);
    }
    if (n_cols < 0 || n_cols >= MAX_COLUMNS) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s.n_cols: %" PRId64 " is outside 0 .. 2^24 - 1", what,
                        n_cols);
    }
    return GBT_OK;
}

/* Whether (n - 1) * |stride| stays far below the end of the address space. */
static bool is_reachable(int64_t n, int64_t stride)
{
    const int64_t most = INT64_MAX / 32;
    if (stride < -most || stride > most) {
        return false;
    }
    const int64_t step = stride < 0 ? -stride : stride;
    return n <= 1 || step == 0 || step <= most / (n - 1);
}

gbt_status gbt_matrix_check(const gbt_matrix *matrix)
{
    if (matrix == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "matrix: a null pointer was given");
    }
    GBT_TRY(check_shape("matrix", matrix->dtype, matrix->n_rows, matrix->n_cols));
    if (matrix->data == NULL && matrix->n_rows > 0 && matrix->n_cols > 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "matrix.data: a null pointer was given");
    }
    if (!is_reachable(matrix->n_rows, matrix->row_stride)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "matrix.row_stride: %" PRId64 " leaves the address space",
                        matrix->row_stride);
    }
    if (!is_reachable(matrix->n_cols, matrix->col_stride)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "matrix.col_stride: %" PRId64 " leaves the address space",
                        matrix->col_stride);
    }
    return GBT_OK;
}

static gbt_status check_csr_row(const gbt_csr *csr, int64_t row)
{
    const int64_t first = csr->row_start[row], last = csr->row_start[row + 1];
    for (int64_t at = first; at < last; at++) {
        const int32_t column = csr->column[at];
        if (column < 0 || column >= csr->n_cols) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "csr.column[%" PRId64 "]: %d in row %" PRId64
                            " is outside 0 .. n_cols - 1 = %" PRId64,
                            at, column, row, csr->n_cols - 1);
        }
        if (at > first && column <= csr->column[at - 1]) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "csr.column[%" PRId64 "]: %d follows %d in row %" PRId64
                            "; columns of a row must ascend",
                            at, column, csr->column[at - 1], row);
        }
    }
    return GBT_OK;
}

gbt_status gbt_csr_check(const gbt_csr *csr)
{
    if (csr == NULL || csr->row_start == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "csr.row_start: a null pointer was given");
    }
    GBT_TRY(check_shape("csr", csr->dtype, csr->n_rows, csr->n_cols));
    if (csr->row_start[0] < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "csr.row_start[0]: %" PRId64 " is negative",
                        csr->row_start[0]);
    }
    for (int64_t row = 0; row < csr->n_rows; row++) {
        if (csr->row_start[row + 1] < csr->row_start[row]) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "csr.row_start[%" PRId64 "]: %" PRId64 " after %" PRId64
                            "; the starts must not fall",
                            row + 1, csr->row_start[row + 1], csr->row_start[row]);
        }
    }
    if (csr->row_start[csr->n_rows] > csr->row_start[0] &&
        (csr->column == NULL || csr->value == NULL)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "csr.%s: a null pointer was given",
                        csr->column == NULL ? "column" : "value");
    }
    for (int64_t row = 0; row < csr->n_rows; row++) {
        GBT_TRY(check_csr_row(csr, row));
    }
    return GBT_OK;
}
