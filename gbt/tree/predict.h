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

#endif
