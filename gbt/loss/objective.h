/* Objective: the loss with its name, outputs, base score and the loops over rows. Knows no data
 * set. */
#ifndef GBT_LOSS_OBJECTIVE_H
#define GBT_LOSS_OBJECTIVE_H

#include "gbt/base/status.h"
#include "gbt/loss/loss.h"
#include "gbt/params/params.h"

struct gbt_objective {
    const char *name; /* canonical: "binary", ... static */
    gbt_loss loss;
    int32_t n_outputs;          /* trees a round */
    int32_t n_classes;          /* 0: regression; 2 for binary */
    bool renews_leaves;         /* leaf value = a weighted quantile of the residuals in the leaf */
    double renew_level;         /* its level */
    const char *default_metric; /* static */
    float quantile, huber_delta, fair_c, tweedie_power; /* of the metrics with these names */
};

enum { GBT_MAX_LABELS = 1 << 16 };

/* From resolved parameters (objective not auto, num_class known); one output unless there are
 * classes. ERR_PARAM. */
gbt_status gbt_objective_init(const gbt_params *, gbt_objective *out);

/* One output for each of several labels. ERR_PARAM: a classification has one label. */
gbt_status gbt_objective_set_labels(gbt_objective *, int32_t n_labels);

/* Labels a row: one class index, else one for each output. */
static inline int32_t gbt_objective_labels(const gbt_objective *o)
{
    return o->n_classes > 0 ? 1 : o->n_outputs;
}

/* The labels of one output [n] among all of them. Everywhere below labels are
 * [gbt_objective_labels() x n]. */
static inline const float *gbt_objective_labels_of(const gbt_objective *o, const float *label,
                                                   int64_t n, int32_t output)
{
    return o->n_classes > 0 ? label : label + output * n;
}

/* Are all labels inside the loss's domain? ERR_DATA names the first row that is not and the
 * domain. */
gbt_status gbt_objective_check_labels(const gbt_objective *, const float *label, int64_t n);

/* The best constant raw score of each output, the minimiser of the weighted loss: out [n_outputs].
 * Weighted mean, its link, weighted median or quantile; huber and fair by root finding. Means and
 * frequencies are kept away from 0 and 1 by 1e-15 before the link. The same for any thread count.
 * weight may be NULL. ERR_MEMORY. */
gbt_status gbt_objective_base_score(const gbt_objective *, const float *label, const float *weight,
                                    int64_t n, int threads, double *out);

/* Gradient pairs of rows [first, last): scores, grad, hess are [n_outputs x n] and do not overlap.
 * Multiplied by the weight (NULL: 1). Straight-line loops: vectorise. One thread. */
void gbt_objective_gpairs(const gbt_objective *, const float *scores, const float *label,
                          const float *weight, int64_t n, int64_t first, int64_t last, float *grad,
                          float *hess);

/* Response of one row: raw [n_outputs] -> out [n_outputs], may be the same array. */
void gbt_objective_link(const gbt_objective *, const float *raw, float *out);

/* The most probable class of a row, the first of equals, from its raw scores; with one output class
 * 1 when its probability exceeds one half. */
static inline float gbt_objective_class(const gbt_objective *o, const float *raw)
{
    if (o->n_outputs == 1) {
        return raw[0] > 0.0f ? 1.0f : 0.0f;
    }
    int32_t best = 0;
    for (int32_t k = 1; k < o->n_outputs; k++) {
        best = raw[k] > raw[best] ? k : best;
    }
    return (float)best;
}

/* Weight of a row's residual when leaves are renewed (mape: 1 / max(1, |label|), else 1). */
float gbt_objective_renew_weight(const gbt_objective *, float label);

/* Weighted quantile of `value` (reordered) with `weight` (reordered alike, or NULL for 1): the
 * smallest value whose cumulated weight reaches level * total; when it is met exactly, the middle
 * of it and the next value that has a weight. Does not depend on the order of the rows: weights are
 * summed as whole numbers, in steps of about 2^-62 of n times the largest. Weights all 0 count as
 * all 1; n = 0: 0. Expected cost O(n); allocates nothing. */
double gbt_weighted_quantile(float *value, float *weight, int64_t n, double level);

#endif
