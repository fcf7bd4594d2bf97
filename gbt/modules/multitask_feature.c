/* The task as one more categorical column (mode = feature): raw rows with the task index behind
 * their own columns. Cost: a copy of the rows. */
#include <math.h>

#include "gbt/modules/multitask_internal.h"

gbt_status gbt_feature_check(const char *name, const gbt_model *frame, const gbt_matrix *matrix,
                             int64_t n_rows)
{
    int64_t n_features = 0;
    if (!matrix || !matrix->data) {
        return gbt_fail(GBT_ERR_ARGUMENT, "mode = feature needs the raw %s", name);
    }
    if ((unsigned)matrix->dtype > GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: %d is not a gbt_dtype", name, (int)matrix->dtype);
    }
    GBT_TRY(gbt_model_shape(frame, GBT_SHAPE_FEATURES, &n_features));
    if (matrix->n_cols != n_features || matrix->n_rows != n_rows) {
        return gbt_fail(
            GBT_ERR_ARGUMENT,
            "the %s are %lld x %lld values; the data set has %lld rows and %lld columns", name,
            (long long)matrix->n_rows, (long long)matrix->n_cols, (long long)n_rows,
            (long long)n_features);
    }
    return GBT_OK;
}

static float cell(const gbt_matrix *matrix, int64_t row, int64_t column)
{
    const int64_t at = row * matrix->row_stride + column * matrix->col_stride;
    return matrix->dtype == GBT_F32   ? ((const float *)matrix->data)[at]
           : matrix->dtype == GBT_F64 ? (float)((const double *)matrix->data)[at]
                                      : (float)((const int32_t *)matrix->data)[at];
}

void gbt_feature_widen(const gbt_matrix *matrix, const int64_t *rows, int64_t first, int64_t n,
                       const int32_t *task, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        float *to = out + i * (matrix->n_cols + 1);
        for (int64_t column = 0; column < matrix->n_cols; column++) {
            to[column] = cell(matrix, rows ? rows[i] : first + i, column);
        }
        to[matrix->n_cols] = task[i] < 0 ? NAN : (float)task[i];
    }
}
