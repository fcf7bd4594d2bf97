/* The table of influences: one line a pair of target and training row.
 *
 *   target     row of data= from 0, or its id; left out where there is no single target
 *   rank       1 is the strongest of its kind; of all rows when top_k = 0
 *   row        row of train= from 0, or its id
 *   influence  positive: without the row the loss of the target is estimated to rise
 *   kind       helpful, harmful, or none for an influence of zero
 *   label      of the training row, as in the file; several labels: label_<column> each */
#ifndef GBT_CLI_INFLUENCE_TABLE_H
#define GBT_CLI_INFLUENCE_TABLE_H

#include "gbt/cli/cli.h"

/* A training row and its influence. */
typedef struct gbt_ranked {
    double value;
    int64_t row;
} gbt_ranked;

typedef struct gbt_influence_table {
    gbt_writer text;
    const gbt_table *train, *targets; /* borrowed; targets NULL: no target column */
    int64_t n_rows;                   /* of train */
    int64_t k;                        /* lines of a kind for a target; 0: all rows */
    gbt_ranked *room;                 /* [n_rows], or [2k] */
} gbt_influence_table;

/* Prints the header. `k` is at most the number of training rows. */
gbt_status gbt_influence_table_open(gbt_influence_table *, const gbt_table *train,
                                    const gbt_table *targets, int64_t k);
void gbt_influence_table_close(gbt_influence_table *);

/* The lines of one target (-1: of all together) from the influence of every row [n_rows] ... */
void gbt_influence_table_add(gbt_influence_table *, int64_t target, const float *value);
void gbt_influence_table_add_sums(gbt_influence_table *, const double *value);
/* ... or from the k most helpful and the k most harmful rows, as gbt_influence_top gives them
 * [2k]. */
void gbt_influence_table_add_top(gbt_influence_table *, int64_t target, const int64_t *row,
                                 const float *value);

/* The other table, target,location,scale: a line for every row of `targets`. */
void gbt_print_intervals(gbt_writer *, const gbt_table *targets, const double *location,
                         const double *scale);

#endif
