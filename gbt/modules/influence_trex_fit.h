/* The linear model of trex on the vectors of a tree kernel. */
#ifndef GBT_MODULES_INFLUENCE_TREX_FIT_H
#define GBT_MODULES_INFLUENCE_TREX_FIT_H

#include "gbt/modules/influence_kernel.h"

/* What is fitted: labels, or classes that a row belongs to by shares that sum to 1. */
typedef struct gbt_trex_aim {
    const float *label; /* as gbt_influence.label; not used with shares */
    double *share;      /* [n_shares x n_rows] or NULL */
    int32_t n_shares;   /* classes */
    float *own_label;   /* memory behind `label`, or NULL */
} gbt_trex_aim;

/* Minimises sum_i w_i Phi(W phi_i, y_i) / sum_i w_i + lambda |W|^2 until no entry of the gradient
 * is above 1e-9 of the largest one at W = 0, mostly 1e-13: weight [n_outputs x coordinates] W, and
 * alpha [n_outputs x n_rows] = -w_i dPhi/df_i / (2 lambda sum_i w_i), so that
 * W = sum_i alpha_i phi_i. GBT_ERR_MEMORY, GBT_ERR_NUMERIC, GBT_ERR_CANCELLED. */
gbt_status gbt_trex_fit(const gbt_tree_kernel *, double lambda, const gbt_trex_aim *,
                        double *weight, double *alpha, gbt_influence_progress *);

#endif
