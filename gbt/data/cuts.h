/* Cut points of numeric features and bins of categories.
 *
 * Feature f has `n_bins[f]` value bins, 0 .. n_bins[f] - 1 (at most 255); missing values have
 * the bin number n_bins[f]. Numeric: bin b holds x <= upper[first[f] + b]; the last bin has no
 * upper end, so there are n_bins[f] - 1 cut points, float32, strictly ascending. Categorical:
 * category code c has bin category_bin[category_first[f] + c]; codes beyond the table, negative,
 * fractional or NaN are missing, and so are codes inside it that training never saw (their entry
 * is n_bins[f]). The most frequent categories have bins of their own (bin 0 the most frequent,
 * ties by code); when there are more than fit, the last bin collects the rest. */
#ifndef GBT_DATA_CUTS_H
#define GBT_DATA_CUTS_H

#include <math.h>
#include <stdbool.h>

#include "gbt/base/bytes.h"
#include "gbt/base/hd.h"
#include "gbt/base/status.h"

enum { GBT_MAX_BINS = 255 };           /* value bins; one more for missing */
enum { GBT_MAX_CATEGORIES = 1 << 24 }; /* codes 0 .. 2^24 - 1: exact as float32 */

typedef struct gbt_cuts {
    int32_t n_features;
    int32_t *n_bins;         /* [n_features] >= 1 */
    uint8_t *is_categorical; /* [n_features] */
    int64_t *first;          /* [n_features + 1] */
    float *upper;            /* [first[n_features]] */
    int64_t *category_first; /* [n_features + 1] */
    uint8_t *category_bin;   /* [category_first[n_features]] */
    int32_t references;      /* atomic */
} gbt_cuts;

/* Zeroed tables with one reference; `upper` and `category_bin` are left NULL. */
gbt_status gbt_cuts_create(int32_t n_features, gbt_cuts **out);
gbt_cuts *gbt_cuts_retain(gbt_cuts *);
void gbt_cuts_release(gbt_cuts *); /* NULL is a no-op */
bool gbt_cuts_equal(const gbt_cuts *, const gbt_cuts *);
int64_t gbt_cuts_bytes(const gbt_cuts *);
void gbt_cuts_write(gbt_writer *, const gbt_cuts *);
gbt_status gbt_cuts_read(gbt_reader *, gbt_cuts **out); /* checks all of the above */

/* Bin of a category's code: the table's, or `missing` when the value is no code of the table. */
GBT_HD int32_t gbt_category_bin_of(const uint8_t *category_bin, int64_t n, int32_t missing,
                                   float value)
{
    if (!(value >= 0.0f && value < (float)n) || value != floorf(value)) {
        return missing;
    }
    return category_bin[(int64_t)value];
}

/* Bin of one value of feature f, missing included. */
int32_t gbt_cuts_bin_of(const gbt_cuts *, int32_t feature, float value);

#endif
