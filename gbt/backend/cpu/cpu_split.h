/* What the files of the split search share: one node under search, one feature's bins, and the
 * weighing of any candidate. */
#ifndef GBT_BACKEND_CPU_CPU_SPLIT_H
#define GBT_BACKEND_CPU_CPU_SPLIT_H

#include "gbt/backend/cpu/cpu_internal.h"

/* One node under search. */
typedef struct gbt_cpu_view {
    const gbt_backend *backend;
    const gbt_search *task;
    const gbt_cpu_histogram *histogram; /* NULL: dropped, bins are made from the rows */
    double node_gain, floor;
    gbt_cpu_scan_node scan;
} gbt_cpu_view;

/* One feature of one node, by bin; bin n_bins is the missing one. */
typedef struct gbt_cpu_unpacked {
    gbt_sum sum[GBT_CPU_MAX_CODES];
    uint32_t rows[GBT_CPU_MAX_CODES];
    bool has_rows;
} gbt_cpu_unpacked;

enum { GBT_CPU_MAX_CANDIDATES = 2 * GBT_CPU_MAX_CODES };

/* The candidates of one categorical feature, in the order of backend.h: each bin of `order`
 * alone, or prefixes of `order` from the low end, then from the high end. */
typedef struct gbt_cpu_cat_plan {
    bool is_one_hot;
    int32_t n_order; /* bins to choose from */
    int32_t n_low, n_high;
    uint8_t order[GBT_CPU_MAX_CODES];
    uint8_t low[GBT_CPU_MAX_CODES],
        high[GBT_CPU_MAX_CODES]; /* lengths of the prefixes that count */
} gbt_cpu_cat_plan;

/* cpu_split.c */
gbt_cpu_view gbt_cpu_view_of(const gbt_backend *, const gbt_search *);
/* Gains of both sides when the candidate is admissible; left_rows = -1: as if there were enough. */
bool gbt_cpu_weigh(const gbt_cpu_view *, gbt_sum left, int64_t left_rows, double extra_lambda,
                   double *sides);
void gbt_cpu_no_split(gbt_split *);
void gbt_cpu_fill_split(const gbt_cpu_view *, const gbt_cpu_feature *, gbt_sum left, double sides,
                        gbt_split *);
static inline bool gbt_cpu_is_allowed(const gbt_search *task, int32_t feature)
{
    return task->features == NULL || gbt_set_has(task->features, feature);
}

/* Every candidate bin by bin; with row counts when asked for. */
gbt_cpu_found gbt_cpu_search_exactly(const gbt_cpu_view *, const gbt_cpu_feature *,
                                     bool needs_rows);

/* cpu_split_plain.c */
gbt_cpu_found gbt_cpu_search_plain(const gbt_cpu_view *, const gbt_cpu_feature *);

/* cpu_unpack.c */
void gbt_cpu_unpack(const gbt_cpu_view *, const gbt_cpu_feature *, bool needs_rows,
                    gbt_cpu_unpacked *);

/* cpu_split_cat.c */
/* bins and n_rows: of the node, or summed over the nodes of a common search. */
void gbt_cpu_cat_plan_make(const gbt_backend *, const gbt_cpu_feature *,
                           const gbt_cpu_unpacked *bins, int64_t n_rows, gbt_cpu_cat_plan *);
int32_t gbt_cpu_cat_candidates(const gbt_cpu_cat_plan *);
/* gains [GBT_CPU_MAX_CANDIDATES]: of the sides of each candidate in this node, -INFINITY when it
 * is not admissible. */
void gbt_cpu_cat_weigh(const gbt_cpu_cat_plan *, const gbt_cpu_view *, const gbt_cpu_unpacked *bins,
                       double *gains);
/* Sets `categorical` and `left_set` of the split; returns the sum of the bins going left. */
gbt_sum gbt_cpu_cat_choose(const gbt_cpu_cat_plan *, int32_t candidate,
                           const gbt_cpu_unpacked *bins, gbt_split *);

/* cpu_split_common.c */
void gbt_cpu_search_common(gbt_backend *, const gbt_search *, int32_t n, gbt_split *best);

#endif
