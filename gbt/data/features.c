/* Reads tiles of dense features. One plain loop per element type, so the compiler sees constant
 * types; no checks: the views were checked on entry. Cost: one load and one store per value. */
#include "gbt/data/features.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "gbt/data/matrix.h"

enum { ROWS_AT_ONCE = 8 };

static float value_of_code(const gbt_feature_column *column, int32_t code)
{
    if (code >= 0 && column->code_map != NULL) {
        code = column->code_map[code];
    }
    return code >= 0 ? (float)code : NAN;
}

/* Inlined with a constant `dtype`. Eight rows at a time: their cache lines stay in reach while the
 * columns are walked, and stores are eight in a row. */
static inline void copy_tile(const gbt_matrix *matrix, gbt_dtype dtype, int64_t at,
                             int32_t n_columns, int64_t n, float *out)
{
    const int64_t row_step = matrix->row_stride, column_step = matrix->col_stride;
    int64_t row = 0;
    for (; row + ROWS_AT_ONCE <= n; row += ROWS_AT_ONCE) {
        for (int32_t column = 0; column < n_columns; column++) {
            const int64_t from = at + row * row_step + column * column_step;
            float *to = out + column * n + row;
            for (int64_t i = 0; i < ROWS_AT_ONCE; i++) {
                to[i] = gbt_element(matrix->data, dtype, from + i * row_step);
            }
        }
    }
    for (; row < n; row++) {
        for (int32_t column = 0; column < n_columns; column++) {
            out[column * n + row] =
                gbt_element(matrix->data, dtype, at + row * row_step + column * column_step);
        }
    }
}

static void matrix_tile(const gbt_matrix *matrix, int64_t at, int32_t n_columns, int64_t n,
                        float *out)
{
    switch (matrix->dtype) {
    case GBT_F64:
        copy_tile(matrix, GBT_F64, at, n_columns, n, out);
        break;
    case GBT_I32:
        copy_tile(matrix, GBT_I32, at, n_columns, n, out);
        break;
    case GBT_F32:
    default:
        copy_tile(matrix, GBT_F32, at, n_columns, n, out);
        break;
    }
}

void gbt_features_tile(const gbt_features *features, int32_t feature, int32_t n_features,
                       int64_t first, int64_t n, float *scratch, const float **x)
{
    const gbt_matrix *matrix = features->matrix;
    if (matrix != NULL) {
        const int64_t at = first * matrix->row_stride + feature * matrix->col_stride;
        const bool is_in_place = matrix->dtype == GBT_F32 && matrix->row_stride == 1;
        if (!is_in_place) {
            matrix_tile(matrix, at, n_features, n, scratch);
        }
        for (int32_t i = 0; i < n_features; i++) {
            x[i] = is_in_place ? (const float *)matrix->data + at + i * matrix->col_stride
                               : scratch + i * n;
        }
        return;
    }
    for (int32_t i = 0; i < n_features; i++) {
        const gbt_feature_column *column = &features->column[feature + i];
        float *copy = scratch + i * n;
        x[i] = column->number != NULL ? column->number + first : copy;
        for (int64_t row = 0; column->number == NULL && row < n; row++) {
            copy[row] = value_of_code(column, column->code[first + row]);
        }
    }
}

void gbt_features_pick(const gbt_features *features, int32_t feature, const int64_t *row, int64_t n,
                       float *out)
{
    const gbt_matrix *matrix = features->matrix;
    if (matrix != NULL) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = gbt_matrix_at(matrix, row[i], feature);
        }
        return;
    }
    const gbt_feature_column *column = &features->column[feature];
    for (int64_t i = 0; i < n; i++) {
        out[i] = column->number != NULL ? column->number[row[i]]
                                        : value_of_code(column, column->code[row[i]]);
    }
}
