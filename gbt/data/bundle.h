/* Exclusive feature bundling: features that are never away from their default in the same row
 * share one column of at most 256 codes [Ke17 EFB, without conflicts]. */
#ifndef GBT_DATA_BUNDLE_H
#define GBT_DATA_BUNDLE_H

#include "gbt/base/status.h"

/* What is to be packed. `feature` lists the candidates; entry lists of the others are not looked
 * at. */
typedef struct gbt_bundle_input {
    int64_t n_rows;
    int32_t n_features;
    const int32_t *n_codes; /* [n_features] codes that a feature needs besides the common default */
    const int64_t *start;   /* [n_features + 1] */
    const uint32_t *row; /* [start[n_features]] rows away from the default, ascending per feature */
    const uint8_t *is_candidate; /* [n_features] */
} gbt_bundle_input;

/* bundle_of [n_features]: number of the bundle, -1 for a feature that is no candidate.
 * `*n_bundles`: 0 .. n_bundles - 1 are in use. Deterministic. Cost: about the number of entries
 * plus a bounded number of tries per feature; memory: one bit per row and open bundle. */
gbt_status gbt_bundle_pack(const gbt_bundle_input *, int32_t *bundle_of, int32_t *n_bundles);

#endif
