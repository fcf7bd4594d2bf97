/* Filling a bin matrix from feature values and cut points. */
#ifndef GBT_DATA_BINS_FILL_H
#define GBT_DATA_BINS_FILL_H

#include "gbt/data/bins.h"
#include "gbt/data/bins_search.h"
#include "gbt/data/features.h"

/* Bins all values of `features` (n_features of them, as the cuts have) with `threads` threads.
 * Features that are mostly in one bin share columns (bundle.h, bundle_dense.h). The result is
 * closed by gbt_bins_close; on failure it is closed already. */
gbt_status gbt_bins_fill(const gbt_features *, const gbt_cuts *, int threads, gbt_bins *out);

/* The two halves of the above; the path is for tests. */
gbt_status gbt_bins_fill_dense(const gbt_features *, const gbt_cuts *, gbt_search_path, int threads,
                               gbt_bins *out);
gbt_status gbt_bins_fill_sparse(const gbt_features *, const gbt_cuts *, int threads, gbt_bins *out);

/* `place`, `has_missing` for n_features, `n_codes` for n_columns, all zero; no rows yet. */
gbt_status gbt_bins_open(int32_t n_features, gbt_bins *out);
/* Allocates `base` for n_rows x n_columns (both set), the bytes behind the end zero. */
gbt_status gbt_bins_allocate(gbt_bins *);

/* A copy of the rows `row` [n]: same columns, same codes. */
gbt_status gbt_bins_subset(const gbt_bins *, const int64_t *row, int64_t n, gbt_bins *out);
/* Plain columns of `cuts` and no rows. */
gbt_status gbt_bins_empty(const gbt_cuts *, gbt_bins *out);
int64_t gbt_bins_bytes(const gbt_bins *);

#endif
