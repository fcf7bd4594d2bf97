/* Small models with their training rows and targets for tests of influence, and the definitions
 * that the estimators are held against: plain loops in double over leaves and derivatives. */
#ifndef GBT_TESTS_INFLUENCE_CASE_H
#define GBT_TESTS_INFLUENCE_CASE_H

#include "gbt/gbt.h"
#include "tests/support/toy.h"

typedef struct influence_case {
    gbt_params *params;
    gbt_dataset *train, *targets;
    gbt_model *model;
    int64_t n_rows, n_targets;
    int32_t n_outputs, n_trees;
    double rate, lambda;
    float *label, *target_label; /* class numbers */
    double *weight;              /* [n_rows], 1 without weights */
    uint8_t *bag;                /* [n_trees x n_rows] */
    int32_t *leaf;               /* [n_trees x n_rows] */
    int32_t *target_leaf;        /* [n_trees x n_targets] */
    gbt_objective *objective;
} influence_case;

/* Trains on toy rows with "key=value ..." options; the targets are rows of another seed. Ends the
 * process on failure. */
void influence_case_open(influence_case *, const char *options, toy_label, int64_t n_rows,
                         int64_t n_targets, bool weighted);
/* Stumps on one feature x = 1, 2, ..., n_rows with the given cuts and Newton leaf values, learning
 * rate 0.5 and reg_lambda 1: the worked examples. Targets have x and label. */
void influence_case_stumps(influence_case *, const char *options, const float *label,
                           int64_t n_rows, const int *last_left, int32_t n_trees, float target_x,
                           float target_label);
/* After model, train and targets were set (others zero): fills the rest. */
void influence_case_fill(influence_case *);
void influence_case_close(influence_case *);

/* An estimator by "method=... key=value ..."; ends the process on failure. */
gbt_influence *influence_of(const influence_case *, const char *options);
/* Influence of all rows on all targets, malloc'ed [n_targets x n_rows]. */
float *influence_dense_of(const influence_case *, const char *options);

/* ---- Definitions ----------------------------------------------------------------------------- */

/* What a refit with other row weights and the same splits predicts: scores [n_outputs x n_targets].
 * `weight` [n_rows]; what quantised gradients did to the stored leaf values is kept. */
void plain_refit(const influence_case *, const double *weight, double *score);
/* Loss and gradients [n_outputs x n_targets] of the targets at scores; either may be NULL. */
void plain_losses(const influence_case *, const double *score, double *loss, double *grad);

/* g + theta h over D of row i in tree t, 0 out of the bag, and what else the methods are made
 * of. */
typedef struct plain_tree {
    double *grad, *hess, *grad_slope, *hess_slope; /* [n_rows] before the tree, unweighted */
    double *target_grad;                           /* [n_targets] */
    double *theta, *divisor;                       /* [leaves] */
    int64_t *rows;                                 /* [leaves] */
} plain_tree;

/* All trees, for models whose leaf values have no cat_l2. malloc'ed; free with plain_trees_free. */
plain_tree *plain_trees(const influence_case *);
void plain_trees_free(plain_tree *, int32_t n_trees);

#endif
