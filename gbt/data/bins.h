/* The bin matrix: one uint8 column per feature, but features that are never away from their default
 * (sparse rows: the bin of zero, dense ones: the commonest bin) in the same row may share one
 * [Ke17 EFB, without conflicts].
 * The layout belongs to the data set, not to the cuts: another set with the same cuts has its
 * own columns. */
#ifndef GBT_DATA_BINS_H
#define GBT_DATA_BINS_H

#include "gbt/base/hd.h"
#include "gbt/base/status.h"
#include "gbt/data/cuts.h"

/* Where a feature lives. Plain (default_bin = -1): code = bin, `first` = 0. Shared: code 0 is the
 * default of every feature in the column; bin b of this feature, default left out, has code
 * first + (b < default_bin ? b : b - 1). */
typedef struct gbt_bin_place {
    int32_t column;
    int32_t first;   /* first code in the column */
    int32_t n_codes; /* codes in use: its bins (missing included when present), shared: less one */
    int32_t default_bin; /* -1: plain */
} gbt_bin_place;

typedef struct gbt_bins {
    int64_t n_rows;
    int32_t n_columns, n_features;
    uint8_t *base;        /* [n_rows x n_columns] row-major; 64 readable bytes behind the end */
    int64_t row_step;     /* bytes from row to row, >= n_columns */
    gbt_bin_place *place; /* [n_features] */
    uint8_t *has_missing; /* [n_features] some row may miss the feature; 0: none does */
    int32_t *n_codes;     /* [n_columns] codes in use, 1..256: slots that a histogram needs */
} gbt_bins;

/* Bin of a feature (missing: cuts->n_bins[f]) from the code of its column. */
GBT_HD int32_t gbt_bin_of_code(const gbt_bin_place *place, int32_t code)
{
    if (place->default_bin < 0) {
        return code;
    }
    const int32_t at = code - place->first;
    if (at < 0 || at >= place->n_codes) {
        return place->default_bin;
    }
    return at < place->default_bin ? at : at + 1;
}

static inline int32_t gbt_bins_at(const gbt_bins *bins, int64_t row, int32_t feature)
{
    const gbt_bin_place *place = &bins->place[feature];
    return gbt_bin_of_code(place, bins->base[row * bins->row_step + place->column]);
}

void gbt_bins_close(gbt_bins *); /* a zeroed one is closed */

#endif
