/* Which features of dense rows may share a column. */
#ifndef GBT_DATA_BUNDLE_DENSE_H
#define GBT_DATA_BUNDLE_DENSE_H

#include "gbt/data/bins_place.h"
#include "gbt/data/bins_search.h"
#include "gbt/data/features.h"

/* Looks at a sample of the rows for numeric features that are mostly in one bin and never away from
 * it together. Whether that holds for all rows is for the caller to check, as is that only those
 * features miss values for which n_codes has room. table [n_features]: of the numeric ones. `out`
 * is open. Deterministic. ERR_MEMORY. */
gbt_status gbt_bundle_dense(const gbt_features *, const gbt_cuts *, const gbt_search_table *table,
                            gbt_search_path, gbt_bundling *out);

#endif
