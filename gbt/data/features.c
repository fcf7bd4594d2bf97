/* Reads tiles of dense features. One plain loop per element type, so the compiler sees constant
 * types; no checks: the views were checked on entry. Cost: one load and one store per value; rows
 * of adjacent float32 are turned four by four, at a third of that. */
#include "gbt/data/features.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "gbt/data/matrix.h"
#include "gbt/data/turn.h"

enum { ROWS_AT_ONCE = 8, LINE_BYTES = 64 };

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

/* copy_tile() for rows of adjacent float32: blocks of four by four, then the rest. */
static void turn_tile(const gbt_matrix *matrix, int64_t at, int32_t n_columns, int64_t n,
                      float *out)
{
    const float *from = (const float *)matrix->data + at;
    const int64_t row_step = matrix->row_stride, whole_rows = n & ~(int64_t)(ROWS_AT_ONCE - 1);
    const int32_t whole_columns = n_columns & ~3;
    for (int64_t row = 0; row < whole_rows; row += ROWS_AT_ONCE) {
        for (int32_t column = 0; column < whole_columns; column += 4) {
            const float *block = from + row * row_step + column;
            gbt_turn_floats(block, row_step, out + column * n + row, n);
            gbt_turn_floats(block + 4 * row_step, row_step, out + column * n + row + 4, n);
        }
    }
    for (int64_t row = 0; row < n; row++) {
        for (int32_t column = row < whole_rows ? whole_columns : 0; column < n_columns; column++) {
            out[column * n + row] = from[row * row_step + column];
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
        if (matrix->col_stride == 1) {
            turn_tile(matrix, at, n_columns, n, out);
        } else {
            copy_tile(matrix, GBT_F32, at, n_columns, n, out);
        }
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

/* A request for each cache line of [from, from + n) elements, the last one perhaps left out. */
static void expect(const void *data, size_t element, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i += LINE_BYTES / (int64_t)element) {
        __builtin_prefetch((const char *)data + (size_t)(from + i) * element);
    }
}

void gbt_features_expect(const gbt_features *features, int32_t feature, int32_t n_features,
                         int64_t first, int64_t n, int32_t part)
{
    const gbt_matrix *matrix = features->matrix;
    n = features->n_rows - first < n ? features->n_rows - first : n;
    if (matrix == NULL) {
        const gbt_feature_column *column = &features->column[feature + part];
        expect(column->number != NULL ? (const void *)column->number : column->code, sizeof(float),
               first, n);
        return;
    }
    const size_t element = matrix->dtype == GBT_F64 ? sizeof(double) : sizeof(float);
    if (matrix->row_stride == 1) {
        expect(matrix->data, element, first + (feature + part) * matrix->col_stride, n);
    } else if (matrix->col_stride == 1) {
        const int64_t last = first + n * (part + 1) / n_features;
        for (int64_t row = first + n * part / n_features; row < last; row++) {
            expect(matrix->data, element, row * matrix->row_stride + feature, n_features);
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
