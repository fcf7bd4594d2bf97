/* Leaf weight and split gain, in double, one definition for every backend [ChenGuestrin16 eq. 5-7].
 *
 * For a node with gradient sum G and hessian sum H:
 *   weight  w = -T(G) / (H + lambda)           T: soft threshold by alpha (L1)
 *   gain      =  T(G)^2 / (H + lambda)         twice the loss reduction, as in LightGBM
 * With max_delta_step the weight is clipped, with path_smooth it is drawn towards the parent's
 * weight by w * r + w_parent * (1 - r), r = n / (n + path_smooth), n rows; then the gain of a
 * weight w is -(2 T(G) w + (H + lambda) w^2).
 *
 * Compiled without contraction everywhere, so that equal integers give equal gains on every
 * device. */
#ifndef GBT_BACKEND_GAIN_H
#define GBT_BACKEND_GAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "gbt/base/hd.h"

typedef struct gbt_regular {
    double lambda, alpha, max_delta_step, path_smooth;
} gbt_regular;

/* Sums of one side in real units, `hess` without lambda. */
typedef struct gbt_side {
    double grad, hess;
    double rows; /* used by path_smooth only */
} gbt_side;

/* True when gains need nothing but G and H + lambda. */
GBT_HD bool gbt_regular_is_plain(const gbt_regular *r)
{
    return r->alpha == 0.0 && r->max_delta_step == 0.0 && r->path_smooth == 0.0;
}

GBT_HD double gbt_soft_threshold(double grad, double alpha)
{
    const double shrunk = (grad < 0.0 ? -grad : grad) - alpha;
    return shrunk <= 0.0 ? 0.0 : (grad < 0.0 ? -shrunk : shrunk);
}

/* Unshrunk leaf weight; 0 when H + lambda is 0. */
GBT_HD double gbt_leaf_weight(gbt_side s, const gbt_regular *r, double parent_weight)
{
    const double den = s.hess + r->lambda;
    double weight = den > 0.0 ? -gbt_soft_threshold(s.grad, r->alpha) / den : 0.0;
    if (r->max_delta_step > 0.0) {
        weight = weight > r->max_delta_step    ? r->max_delta_step
                 : weight < -r->max_delta_step ? -r->max_delta_step
                                               : weight;
    }
    if (r->path_smooth > 0.0) {
        const double keep = s.rows / (s.rows + r->path_smooth);
        weight = weight * keep + parent_weight * (1.0 - keep);
    }
    return weight;
}

/* Gain of one node kept as a leaf. */
GBT_HD double gbt_node_gain(gbt_side s, const gbt_regular *r, double parent_weight)
{
    const double grad = gbt_soft_threshold(s.grad, r->alpha);
    const double den = s.hess + r->lambda;
    if (r->max_delta_step == 0.0 && r->path_smooth == 0.0) {
        return den > 0.0 ? grad * grad / den : 0.0;
    }
    const double weight = gbt_leaf_weight(s, r, parent_weight);
    return -(2.0 * grad * weight + den * weight * weight);
}

/* Sum of both children's gains in the plain case: one division. The dens include lambda and are >
 * 0. */
GBT_HD double gbt_pair_gain(double grad_l, double den_l, double grad_r, double den_r)
{
    return (grad_l * grad_l * den_r + grad_r * grad_r * den_l) / (den_l * den_r);
}

/* Sum of both children's gains; `node_weight` is the weight of the node being split. */
GBT_HD double gbt_split_gain(gbt_side left, gbt_side right, const gbt_regular *r,
                             double node_weight)
{
    if (gbt_regular_is_plain(r)) {
        return gbt_pair_gain(left.grad, left.hess + r->lambda, right.grad, right.hess + r->lambda);
    }
    return gbt_node_gain(left, r, node_weight) + gbt_node_gain(right, r, node_weight);
}

/* The least that the children's gains must exceed for a split: the node's gain plus min_split_gain,
 * and never less than what rounding alone can produce. */
GBT_HD double gbt_gain_floor(double node_gain, double min_split_gain)
{
    const double noise = 1e-10 * (node_gain < 0.0 ? -node_gain : node_gain);
    return node_gain + (min_split_gain > noise ? min_split_gain : noise);
}

#endif
