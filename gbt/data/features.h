/* Where feature values come from: a dense view of the caller, columns of a table, or sparse
 * rows. All of them are read as float32; categories are their codes. Borrowed: nothing is copied
 * here. */
#ifndef GBT_DATA_FEATURES_H
#define GBT_DATA_FEATURES_H

#include "gbt/base/status.h"

/* One dense column: numbers, or codes that `code_map` (or nothing) turns into the codes of the
 * cuts. */
typedef struct gbt_feature_column {
    const float *number;     /* [n_rows] or NULL */
    const int32_t *code;     /* [n_rows] or NULL; negative: missing */
    const int32_t *code_map; /* [codes] or NULL; negative: missing */
} gbt_feature_column;

typedef struct gbt_features { /* exactly one of the three sources is set */
    int64_t n_rows;
    int32_t n_features;
    const gbt_matrix *matrix;         /* n_features columns */
    const gbt_feature_column *column; /* [n_features] */
    const gbt_csr *sparse;            /* absent cells are 0 */
    const int32_t *feature_of; /* [sparse->n_cols] feature or -1: left out; NULL: the same number */
} gbt_features;

/* Dense sources only. x[i] [n]: values of feature `feature + i` in rows [first, first + n), for
 * i below `n_features`; either where they are or copied to `scratch` [n_features x n]. */
void gbt_features_tile(const gbt_features *, int32_t feature, int32_t n_features, int64_t first,
                       int64_t n, float *scratch, const float **x);

/* Dense sources only. Asks memory for part `part` of the n_features parts of such a tile, which is
 * wanted soon; rows beyond the last one are left out. Only a hint. */
void gbt_features_expect(const gbt_features *, int32_t feature, int32_t n_features, int64_t first,
                         int64_t n, int32_t part);

/* Dense sources only. out [n]: the values of the rows `row` [n]. */
void gbt_features_pick(const gbt_features *, int32_t feature, const int64_t *row, int64_t n,
                       float *out);

/* Sparse sources only: feature of a column, or -1. */
static inline int32_t gbt_features_of(const gbt_features *features, int32_t column)
{
    return features->feature_of != NULL ? features->feature_of[column] : column;
}

#endif
