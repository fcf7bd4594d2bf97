/* Split search of the ref backend: plain enumeration of the candidates of backend.h. */
#ifndef GBT_BACKEND_REF_REF_SPLIT_H
#define GBT_BACKEND_REF_REF_SPLIT_H

#include "gbt/backend/backend.h"

/* What one bin of a histogram, or one side of a split, holds. */
typedef struct gbt_ref_cell {
    int64_t grad, hess, rows;
} gbt_ref_cell;

/* Bins of one feature, the missing bin included. */
enum { GBT_REF_CELLS = GBT_MAX_BINS + 1 };

/* One search over `n` nodes for one common split, or over one node (n = 1) for its own. */
typedef struct gbt_ref_search {
    const gbt_backend_config *config;
    gbt_quant quant;
    const gbt_search *task; /* [n] */
    int32_t n;
    bool is_common;  /* compare totals of gains, else the gains of the two sides */
    int32_t feature; /* under search */
    int32_t n_bins;  /* its value bins; the missing bin has this number */
    gbt_ref_cell
        *cells; /* [(n + 1) x GBT_REF_CELLS] histograms of it; the last: sum over all nodes */
    gbt_ref_cell *left; /* [n + 1] scratch: left side that grows bin by bin */
    gbt_split *trial;   /* [n] scratch: the candidate under evaluation */
    gbt_split *best;    /* [n] result */
    double best_score;  /* of `best`, once has_best */
    bool has_best;
} gbt_ref_search;

/* Allocates what a search over n nodes needs; `best` starts as no split. */
gbt_status gbt_ref_search_open(gbt_ref_search *, const gbt_backend_config *, gbt_quant,
                               const gbt_search *task, int32_t n, bool is_common, gbt_split *best);
void gbt_ref_search_close(gbt_ref_search *); /* a zeroed one is closed */

/* Compares all candidates of the feature whose histograms are in `cells` (the sum over all nodes is
 * made here) with the best so far. */
void gbt_ref_search_feature(gbt_ref_search *, int32_t feature, int32_t n_bins, bool is_categorical);

#endif
