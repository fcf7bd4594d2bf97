/* Shared by the files of the influence module: what every estimator starts from, and the table of
 * estimators. influence.c prepares and dispatches; each influence_<method>.c fills one or more
 * rows of the table. Formulas: gbt/modules/INFLUENCE.md [Brophy23].
 *
 * Notation: t rounds, k outputs, tree t * n_outputs + k; g, h at the scores before the tree. */
#ifndef GBT_MODULES_INFLUENCE_INTERNAL_H
#define GBT_MODULES_INFLUENCE_INTERNAL_H

#include <stdbool.h>

#include "gbt/base/status.h"
#include "gbt/gbt.h"

typedef struct gbt_influence_ops gbt_influence_ops;

/* What the in-bag training rows of a leaf sum up to, at the scores before its tree. */
typedef struct gbt_leaf_sums {
    double grad, hess; /* weighted sums G, H */
    double divisor;    /* D = H + reg_lambda (+ cat_l2 below a split on sorted categories) */
    double theta;      /* -G / D: the leaf value before shrinkage */
    int64_t n_rows;
} gbt_leaf_sums;

struct gbt_influence {
    const gbt_influence_ops *ops;
    gbt_params *params;       /* owned: keys of [influence] and training keys of the model */
    gbt_model *model;         /* a copy */
    gbt_objective *objective; /* of the model */
    gbt_dataset *train;       /* a second handle */
    int threads;
    int64_t memory_limit; /* bytes; 0: none */
    int64_t n_rows;
    int32_t n_outputs, n_rounds, n_trees;
    double rate;       /* learning rate: stored leaf value = rate * theta */
    double reg_lambda; /* D_l = H_l + reg_lambda */
    double cat_l2;     /* added to reg_lambda in the children of a split on sorted categories */
    float *label;      /* [n_rows] or [n_outputs x n_rows], as gbt_model_labels */
    int64_t n_labels;  /* values in `label`: n_rows, or n_outputs * n_rows */
    float *weight;     /* [n_rows] or NULL */
    double *base; /* [n_outputs x n_rows] scores before the first tree (init scores included) */
    int32_t *n_leaves;        /* [n_trees] */
    int32_t most_leaves;      /* of a tree; at least 1 */
    int64_t *leaf_start;      /* [n_trees + 1] of the leaves of a tree among those of all trees */
    double *leaf_value;       /* [leaf_start[n_trees]] as stored in the model */
    bool has_bags;            /* rounds were grown on a part of the rows: gbt_model_in_bag */
    uint16_t *leaf;           /* [n_trees x n_rows] leaves of the training rows; NULL: not kept */
    gbt_leaf_sums *leaf_sums; /* [leaf_start[n_trees]]; by `prepare` where needs_newton_leaves */
    float *features; /* [n_rows x n_features] from gbt_influence_set_features; NULL: not given */
    int32_t n_features;
    int64_t bytes_held; /* counted by gbt_influence_reserve */
    void *state;        /* of the estimator; its `close` frees it */
};

/* Counts `bytes` that the estimator is about to hold. GBT_ERR_MEMORY, with `what` in the message,
 * when all that is held would exceed memory_limit. Only while preparing. */
gbt_status gbt_influence_reserve(gbt_influence *, int64_t bytes, const char *what);

/* A number of a matrix whose dtype is known to be right. */
double gbt_influence_cell(const gbt_matrix *, int64_t row, int64_t column);

/* Final raw scores of the training rows [n_outputs x n_rows], from `leaf`. */
void gbt_influence_final_scores(const gbt_influence *, double *score);

/* Fills `leaf` if it is not there yet. GBT_ERR_MEMORY. Only while preparing. */
gbt_status gbt_influence_keep_leaves(gbt_influence *);

/* Targets of one call with what estimators ask about them; made by influence.c. */
typedef struct gbt_target_set {
    int64_t n;
    const gbt_dataset *rows;
    const gbt_matrix *features; /* of these rows, or NULL */
    float *label;               /* [n] or [n_outputs x n] */
    int32_t *leaf;              /* [n_trees x n] */
    double *grad;               /* [n_trees x n] g of the target before each tree */
    double *score;              /* [n_outputs x n] final raw scores */
} gbt_target_set;

/* Progress of one call: `fn` may be NULL. An estimator reports 0 to 1 for its own part. */
typedef struct gbt_influence_progress {
    gbt_progress_fn fn;
    void *user;
    double start, last; /* gbt_clock() when the call began, and of the latest report */
    double from, span;  /* the part at hand is [from, from + span] of the whole */
} gbt_influence_progress;

/* Reports `done` of the part at hand at most ten times a second; GBT_ERR_CANCELLED when the caller
 * stops. Call it from the calling thread, between parallel regions. */
gbt_status gbt_influence_report(gbt_influence_progress *, double done);

/* An estimator. What is NULL: sums and `self` follow from `block`; `relabel` is refused. */
struct gbt_influence_ops {
    const char *name; /* value of the key `method` */
    /* Whether the estimator reads leaf sums, so that every leaf value must be the Newton step of
     * its rows: models with reg_alpha, renewed leaves and the like are refused, and `prepare`
     * checks the values as it computes the sums. */
    bool needs_newton_leaves;
    gbt_status (*prepare)(gbt_influence *, gbt_influence_progress *);
    void (*close)(gbt_influence *);
    /* Influence on targets [first, first + n): out [n x n_rows], zeroed by the caller. */
    gbt_status (*block)(const gbt_influence *, const gbt_target_set *, int64_t first, int64_t n,
                        float *out, gbt_influence_progress *);
    gbt_status (*sum)(const gbt_influence *, const gbt_target_set *, double *out,
                      gbt_influence_progress *);
    gbt_status (*self)(const gbt_influence *, double *out, gbt_influence_progress *);
    gbt_status (*relabel)(const gbt_influence *, const gbt_target_set *, const float *new_label,
                          int64_t first, int64_t n, float *out, gbt_influence_progress *);
    /* In place of `sum`, when a sum over targets is a function of sums per leaf: adds those of the
     * set to totals [leaves of all trees]; and makes the sum over all targets from them. */
    gbt_status (*add_totals)(const gbt_influence *, const gbt_target_set *, double *totals);
    gbt_status (*sum_totals)(const gbt_influence *, const double *totals, double *out,
                             gbt_influence_progress *);
};

/* The body of gbt_influence_interval; `validation` may be NULL. influence_ibug.c */
gbt_status gbt_influence_ibug_interval(const gbt_influence *, const gbt_target_set *,
                                       const gbt_target_set *validation, double *location,
                                       double *scale);

/* One array of rows per file; influence.c searches them in this order. */
extern const gbt_influence_ops gbt_influence_boostin_ops[];  /* boostin, _w1, _w2 */
extern const gbt_influence_ops gbt_influence_lca_ops[];      /* boostin_lca */
extern const gbt_influence_ops gbt_influence_leaf_ops[];     /* leaf_influence, _sp, leaf_refit */
extern const gbt_influence_ops gbt_influence_trex_ops[];     /* trex */
extern const gbt_influence_ops gbt_influence_sim_ops[];      /* leaf_sim, tree_sim, input_sim */
extern const gbt_influence_ops gbt_influence_retrain_ops[];  /* loo, subsample, shapley */
extern const gbt_influence_ops gbt_influence_baseline_ops[]; /* random, target, minority, loss */
extern const gbt_influence_ops gbt_influence_ibug_ops[];     /* ibug: affinities as influence */
enum {
    GBT_N_BOOSTIN_OPS = 3,
    GBT_N_LCA_OPS = 1,
    GBT_N_LEAF_OPS = 3,
    GBT_N_TREX_OPS = 1,
    GBT_N_SIM_OPS = 3,
    GBT_N_RETRAIN_OPS = 3,
    GBT_N_BASELINE_OPS = 4,
    GBT_N_IBUG_OPS = 1
};

#endif
