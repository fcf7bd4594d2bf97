/* CPU prediction over raw float values: [rows x features] blocks through all trees. Score of a row:
 * base score as float32, then the leaf values in tree order, added in float32: the same bits as the
 * scores of training. */
#ifndef GBT_TREE_PREDICT_H
#define GBT_TREE_PREDICT_H

#include "gbt/tree/model.h"

gbt_status gbt_forest_create(const gbt_model *, gbt_forest **out);
void gbt_forest_free(gbt_forest *);

/* x [n x n_features] row-major float32, NaN missing (gbt_matrix rows gathered by the caller);
 * rounds [first, last); adds to out [n x n_outputs]. Allocates nothing, starts no thread. */
void gbt_forest_add(const gbt_forest *, const float *x, int64_t n, int32_t first, int32_t last,
                    float *out);
/* Leaf numbers in the trees of rounds [first, last), the t-th of them of row i to
 * out[i * row_step + t * tree_step]. */
void gbt_forest_leaves(const gbt_forest *, const float *x, int64_t n, int32_t first, int32_t last,
                       int64_t row_step, int64_t tree_step, int32_t *out);

/* ---- Sparse rows ----------------------------------------------------------------------------- */

/* Rows [first, first + n) by their entries; cells without one are 0. */
typedef struct gbt_entry_block {
    const gbt_csr *csr;
    const int32_t *feature_of; /* [columns] -1: none; NULL: the same numbers */
    int64_t first;
    int32_t n;
    void *scratch; /* gbt_forest_entry_bytes, 64-byte aligned */
} gbt_entry_block;

/* Most rows of a block by entries; 0 when so many rows are better or only done as float32 rows. */
int32_t gbt_forest_entry_rows(const gbt_forest *, int64_t n_rows);
/* Bytes that a block of so many rows and entries needs; a multiple of 64. */
int64_t gbt_forest_entry_bytes(const gbt_forest *, int32_t n_rows, int64_t n_entries);

/* gbt_forest_add and gbt_forest_leaves for such a block. Allocate nothing, start no thread. */
void gbt_forest_add_entries(const gbt_forest *, const gbt_entry_block *, int32_t first,
                            int32_t last, float *out);
void gbt_forest_leaves_entries(const gbt_forest *, const gbt_entry_block *, int32_t first,
                               int32_t last, int64_t row_step, int64_t tree_step, int32_t *out);

#endif
