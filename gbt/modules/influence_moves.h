/* How all leaf values move when one training row goes, with the splits kept: the part of
 * leaf_influence and leaf_refit in which other rows follow. Private to these. */
#ifndef GBT_MODULES_INFLUENCE_MOVES_H
#define GBT_MODULES_INFLUENCE_MOVES_H

#include "gbt/modules/influence_core.h"

typedef struct gbt_moves {
    float *shift; /* [leaves of all trees x n_rows] change of the leaf value, column = the row */
    double *own;  /* [n_outputs x n_rows] change of the row's own final score */
} gbt_moves;

/* Which rows follow in a tree: all (-1), or those of the `update_set` leaves whose rows have moved
 * most before, and the row itself (>= 1). 0, the row itself, is not handled here. */

/* shift = derivative of the leaf value by the weight of the row, [Sharchilev18] LeafInfluence. */
gbt_status gbt_moves_by_slope(gbt_influence *, int32_t update_set, gbt_moves *,
                              gbt_influence_progress *);
/* shift = leaf value without the row less that with it, LeafRefit. */
gbt_status gbt_moves_by_refit(gbt_influence *, int32_t update_set, gbt_moves *,
                              gbt_influence_progress *);

/* Memory for the results. GBT_ERR_MEMORY. */
gbt_status gbt_moves_open(gbt_moves *, gbt_influence *);
void gbt_moves_close(gbt_moves *); /* a zeroed one is closed */

/* Marks the `update_set` leaves with the largest `moved` [n_leaves]; of equal ones first the row's
 * own leaf, then the lowest. */
void gbt_moves_choose(const double *moved, int32_t n_leaves, int32_t own_leaf, int32_t update_set,
                      uint8_t *chosen);

/* out[s][i] += sign * sum over trees of factor * shift[leaf of target s][i]; factor
 * [n_outputs x targets->n] or NULL: 1. As gbt_spread with is_final. */
void gbt_moves_spread(const gbt_moves *, const gbt_influence *, const gbt_target_set *,
                      int64_t first, int64_t n, const double *factor, double sign, float *out,
                      int64_t output_step);
/* out[i] += sum over all leaves of totals * shift[leaf][i]; totals as of gbt_totals_add. */
void gbt_moves_sum(const gbt_moves *, const gbt_influence *, const double *totals, double *out);

#endif
