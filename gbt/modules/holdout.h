/* The rows that `valid_fraction` holds out for validation. */
#ifndef GBT_MODULES_HOLDOUT_H
#define GBT_MODULES_HOLDOUT_H

#include <stdint.h>

#include "gbt/base/status.h"

/* Splits 0 .. n_rows - 1 into kept and held rows [n_rows each, filled ascending]: of every stratum
 * of m > 1 rows round(fraction * m) are held, at least 1 and at most m - 1; a stratum of one row
 * is kept. stratum [n_rows] >= 0, or NULL for a single one. A function of the seed alone. Cost:
 * a sort. GBT_ERR_MEMORY. */
gbt_status gbt_holdout_draw(uint64_t seed, double fraction, const int32_t *stratum, int64_t n_rows,
                            int64_t *kept, int64_t *n_kept, int64_t *held, int64_t *n_held);

#endif
