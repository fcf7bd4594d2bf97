/* Learning cut points from data. Numeric: quantiles of a sample of rows. Categorical:
 * frequencies over all rows. The result depends on the values and this struct only, never on
 * threads. */
#ifndef GBT_DATA_CUTS_LEARN_H
#define GBT_DATA_CUTS_LEARN_H

#include "gbt/data/cuts.h"
#include "gbt/data/features.h"

typedef struct gbt_cuts_config {
    int32_t max_bin;         /* 2..GBT_MAX_BINS */
    int32_t min_data_in_bin; /* sampled rows, >= 1 */
    int64_t sample_for_bins; /* rows, >= 1 */
    uint64_t seed;
    int threads; /* as from gbt_thread_count */
} gbt_cuts_config;

/* `is_categorical` [n_features]. ERR_DATA: a category that is no whole number below 2^24. */
gbt_status gbt_cuts_learn(const gbt_features *, const uint8_t *is_categorical,
                          const gbt_cuts_config *, gbt_cuts **out);

/* The steps of one numeric feature, for gbt_cuts_learn and its tests. */

/* Sorts `n` values in place and leaves the distinct ones in value[0 .. result), their numbers of
 * rows in `count` [n]. Missing values are dropped; -0 counts as 0. `scratch` [n]. */
int64_t gbt_cuts_tally(float *value, int64_t n, uint32_t *count, uint32_t *scratch);

/* Cuts between `n` ascending distinct values: at most `max_bin` bins of at least `min_rows` rows
 * each, of equal numbers of rows as far as ties allow; a value with more rows than an average
 * bin gets a bin of its own. upper [max_bin - 1]; returns the number of cuts. */
int32_t gbt_cuts_place(const float *value, const uint32_t *count, int64_t n, int32_t max_bin,
                       int32_t min_rows, float *upper);

/* The float32 nearest to the middle that still separates: lower <= cut < upper. */
float gbt_cuts_between(float lower, float upper);

/* Frequencies of categories -> bins. `count` [n_codes] rows of each code. category_bin [n_codes].
 * Returns the number of value bins (at least 1). ERR_MEMORY through `status`. */
gbt_status gbt_cuts_rank_categories(const uint32_t *count, int64_t n_codes, int32_t max_bin,
                                    uint8_t *category_bin, int32_t *n_bins);

/* Fills the tables of the categorical features of `cuts`: n_bins, category_first, category_bin. */
gbt_status gbt_cuts_learn_categories(const gbt_features *, const gbt_cuts_config *, gbt_cuts *);

#endif
