/* The estimators that train again beside loo. */
#ifndef GBT_MODULES_INFLUENCE_RETRAIN_H
#define GBT_MODULES_INFLUENCE_RETRAIN_H

#include "gbt/modules/influence_retrainer.h"

/* Into dense [targets x n_rows], or without it the sums over the targets added to sums [n_rows];
 * targets NULL: every row on itself, to sums. `retrainings` models. */
gbt_status gbt_subsample_run(const gbt_influence *, const gbt_loss_rows *targets, float *dense,
                             double *sums, gbt_influence_progress *);
/* The same; `retrainings` passes at most, fewer when the means have settled. */
gbt_status gbt_shapley_run(const gbt_influence *, const gbt_loss_rows *targets, float *dense,
                           double *sums, gbt_influence_progress *);

#endif
