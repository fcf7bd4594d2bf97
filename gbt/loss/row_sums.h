/* Sums over rows that do not depend on the number of threads: chunks of a fixed size, each summed
 * by one thread, added up in order. */
#ifndef GBT_LOSS_ROW_SUMS_H
#define GBT_LOSS_ROW_SUMS_H

#include <stdint.h>

enum { GBT_SUM_CHUNK = 16384 };

/* Sum of weight * value and sum of weight. */
typedef struct gbt_row_sum {
    double value, weight;
} gbt_row_sum;

/* The sum of rows [first, last). */
typedef gbt_row_sum (*gbt_row_sum_fn)(const void *context, int64_t first, int64_t last);

/* Elements that `partial` needs for n rows: at least 1. */
int64_t gbt_row_sum_partials(int64_t n);

gbt_row_sum gbt_sum_rows(gbt_row_sum_fn, const void *context, int64_t n, int threads,
                         gbt_row_sum *partial /* [gbt_row_sum_partials(n)] */);

/* Adds `n` values times their weights (NULL: 1) in eight lanes, a fixed order that vectorises. */
gbt_row_sum gbt_sum_values(const double *value, const float *weight, int64_t n);

#endif
