/* Element access for gbt_matrix and gbt_csr: every dtype becomes float32. */
#ifndef GBT_DATA_MATRIX_H
#define GBT_DATA_MATRIX_H

#include "gbt/base/status.h"

static inline float gbt_element(const void *data, gbt_dtype dtype, int64_t at)
{
    switch (dtype) {
    case GBT_F64:
        return (float)((const double *)data)[at];
    case GBT_I32:
        return (float)((const int32_t *)data)[at];
    case GBT_F32:
    default:
        return ((const float *)data)[at];
    }
}

static inline float gbt_matrix_at(const gbt_matrix *matrix, int64_t row, int64_t col)
{
    return gbt_element(matrix->data, matrix->dtype,
                       row * matrix->row_stride + col * matrix->col_stride);
}

/* Pointers present, sizes not negative, cells addressable. ERR_ARGUMENT names the field. */
gbt_status gbt_matrix_check(const gbt_matrix *);
/* The same for a CSR view, and columns ascending and in range. Costs one pass. */
gbt_status gbt_csr_check(const gbt_csr *);

#endif
