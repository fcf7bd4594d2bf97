/* Which column each feature of a bin matrix gets, once it is known which features share one. */
#ifndef GBT_DATA_BINS_PLACE_H
#define GBT_DATA_BINS_PLACE_H

#include "gbt/data/bins.h"

/* Features that may share a column, all [n_features]. */
typedef struct gbt_bundling {
    int32_t n_bundles;
    int32_t *bundle_of;   /* 0 .. n_bundles - 1; -1: a column of its own */
    int32_t *default_bin; /* of those in a bundle */
    int32_t *n_codes;     /* codes that the feature needs besides its default's */
} gbt_bundling;

/* Every feature on its own. ERR_MEMORY; closed on failure as well. */
gbt_status gbt_bundling_open(int32_t n_features, gbt_bundling *out);
void gbt_bundling_close(gbt_bundling *); /* a zeroed one is closed */

/* Sets n_columns, n_codes and place: a plain column for each feature of no bundle, in order of the
 * features, then one for each bundle. A feature alone in its bundle becomes a plain one, also in
 * `bundling`, unless `stays` [n_features] (NULL: none) says that it is worth the default. Returns
 * the number of plain columns by `n_plain`. */
gbt_status gbt_bins_place(gbt_bins *, gbt_bundling *bundling, const uint8_t *stays,
                          int32_t *n_plain);

#endif
