/* Many values of one numeric feature -> bins. All paths return the same bytes; they differ in
 * speed. */
#ifndef GBT_DATA_BINS_SEARCH_H
#define GBT_DATA_BINS_SEARCH_H

#include <stdbool.h>

#include "gbt/base/status.h"

enum { GBT_SEARCH_NODES = 256 };

/* The cut points of one feature as a balanced search tree in breadth-first order (children of
 * node k: 2k + 1 and 2k + 2), and ascending; both padded with +infinity. */
typedef struct gbt_search_table {
    float node[GBT_SEARCH_NODES];
    float cut[GBT_SEARCH_NODES];
    int32_t n_levels; /* 4..8: 2^n_levels - 1 nodes in use */
    uint8_t missing;  /* bin of NaN */
} gbt_search_table;

void gbt_search_prepare(gbt_search_table *, const float *upper, int32_t n_cuts);

typedef enum gbt_search_path {
    GBT_SEARCH_PLAIN = 0,
    GBT_SEARCH_AVX2 = 1,
    GBT_SEARCH_AVX512 = 2
} gbt_search_path;

bool gbt_search_usable(gbt_search_path); /* by this build on this processor */
gbt_search_path gbt_search_best(void);

/* Bins of x [n] to out [n]; returns whether some value was missing. */
bool gbt_search_bins(gbt_search_path, const gbt_search_table *, const float *x, int64_t n,
                     uint8_t *out);

#endif
