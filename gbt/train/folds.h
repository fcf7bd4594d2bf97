/* Which rows are held out together: folds dealt by seed, of whole groups, or given by the user. */
#ifndef GBT_TRAIN_FOLDS_H
#define GBT_TRAIN_FOLDS_H

#include "gbt/base/status.h"

enum { GBT_MOST_FOLDS = 1000 };

/* What one deal depends on besides the rows. */
typedef struct gbt_fold_deal {
    uint64_t seed;
    int32_t repeat; /* another deal for each */
    int32_t n_folds;
    int64_t n_rows;
} gbt_fold_deal;

/* Deals the rows out like cards: sizes of the folds differ by one at most, and so do the numbers of
 * rows of any class. class_of [n_rows] whole numbers 0 .. n_classes - 1, or NULL: one class.
 * fold [n_rows]. ERR_DATA: fewer rows than folds. */
gbt_status gbt_folds_deal_rows(const gbt_fold_deal *, const float *class_of, int32_t n_classes,
                               int32_t *fold);

/* Deals whole groups out, the largest first, each to the fold with the fewest rows: the larger of
 * two folds exceeds the smaller by one group at most. group, fold [n_rows]. ERR_DATA: fewer groups
 * than folds. */
gbt_status gbt_folds_deal_groups(const gbt_fold_deal *, const int32_t *group, int32_t *fold);

/* Folds that the user numbered: `given` [n_rows] >= 0 become 0, 1, ... in ascending order, negative
 * numbers -1, never held out. ERR_DATA: more than GBT_MOST_FOLDS, none, or nothing besides one. */
gbt_status gbt_folds_number(const int32_t *given, int64_t n_rows, int32_t *fold, int32_t *n_folds);

/* ERR_DATA: rows of one group are in different folds; names two of them. */
gbt_status gbt_folds_check_groups(const int32_t *fold, const int32_t *group, int64_t n_rows);

/* The rows outside a fold, ascending, then those inside it, ascending: out [n_rows]. Returns how
 * many are outside. */
int64_t gbt_folds_split(const int32_t *fold, int64_t n_rows, int32_t which, int64_t *out);

#endif
