/* Every loss of the library, one row at a time: gradient pair, link, pointwise loss. One inline
 * function each, compiled unchanged for CPU and CUDA. Float32 in and out; exp and log from
 * base/maths.h.
 *
 * Notation: s raw score, y label, d = s - y, p response (the link applied to s), g and h the first
 * and second derivative of the loss by s. Everything is straight-line code without branches, so
 * loops over rows vectorise. For every finite score and label in the domain g and h are finite
 * (squared: as long as d fits a float) and h > 0:
 *   - exponentials are capped at 1e30, so that a weight can still be multiplied in;
 *   - h that falls towards 0 is floored at 1e-16. XGBoost floors logistic and softmax so, LightGBM
 *     nothing; we floor every loss whose h is not constant.
 * Where the second derivative is 0 or wrong for a step (absolute, huber outside delta, quantile,
 * mape) h is 1, as in LightGBM; leaves of absolute, quantile and mape are renewed afterwards.
 *
 * References: [Friedman01 sec. 4] squared, absolute, huber, logistic; [Fair74]; [KoenkerBassett78]
 * quantile; [Jorgensen87] poisson, gamma, tweedie with log link; [FriedmanHastieTibshirani00]
 * softmax. Does not know parameters, weights or arrays of rows: see objective.h. */
#ifndef GBT_LOSS_LOSS_H
#define GBT_LOSS_LOSS_H

#include <math.h>
#include <stdint.h>

#include "gbt/base/hd.h"
#include "gbt/base/maths.h"

typedef enum gbt_loss_kind {
    GBT_LOSS_SQUARED = 0,
    GBT_LOSS_ABSOLUTE,
    GBT_LOSS_HUBER,
    GBT_LOSS_FAIR,
    GBT_LOSS_QUANTILE,
    GBT_LOSS_MAPE,
    GBT_LOSS_POISSON,
    GBT_LOSS_GAMMA,
    GBT_LOSS_TWEEDIE,
    GBT_LOSS_LOGISTIC,      /* labels 0, 1 */
    GBT_LOSS_CROSS_ENTROPY, /* labels in [0, 1] */
    GBT_LOSS_SOFTMAX,       /* class index; all outputs of a row together */
    GBT_LOSS_ONE_VS_ALL     /* class index; output k is a logistic loss of "class is k" */
} gbt_loss_kind;

typedef struct gbt_loss {
    gbt_loss_kind kind;
    float shape; /* quantile level, huber delta, fair c, tweedie power, poisson max delta */
    float positive_weight; /* logistic, one against all: weight of label 1 */
} gbt_loss;

typedef struct gbt_gpair {
    float grad, hess;
} gbt_gpair;

/* ---- Bounds ---------------------------------------------------------------------------------- */

#define GBT_LOSS_CAP 1e30f
#define GBT_LOSS_MIN_HESS 1e-16f

/* NaN passes through both, so that a broken score is seen and not hidden. */
GBT_HD float gbt_loss_cap(float x)
{
    return x > GBT_LOSS_CAP ? GBT_LOSS_CAP : x;
}

GBT_HD float gbt_loss_floor(float hess)
{
    return hess < GBT_LOSS_MIN_HESS ? GBT_LOSS_MIN_HESS : hess;
}

GBT_HD float gbt_loss_sign(float x)
{
    return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f);
}

/* ---- Regression with identity link ----------------------------------------------------------- */

/* d^2 / 2 */
GBT_HD gbt_gpair gbt_squared_gpair(float score, float label)
{
    gbt_gpair pair = {score - label, 1.0f};
    return pair;
}

/* |d| */
GBT_HD gbt_gpair gbt_absolute_gpair(float score, float label)
{
    gbt_gpair pair = {gbt_loss_sign(score - label), 1.0f};
    return pair;
}

/* d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2) */
GBT_HD gbt_gpair gbt_huber_gpair(float score, float label, float delta)
{
    float d = score - label;
    float low = d < -delta ? -delta : d;
    gbt_gpair pair = {low > delta ? delta : low, 1.0f};
    return pair;
}

/* c^2 (|d| / c - log(1 + |d| / c)) */
GBT_HD gbt_gpair gbt_fair_gpair(float score, float label, float c)
{
    float d = score - label;
    float nearness = c / (c + fabsf(d)); /* 1 at d = 0, falls to 0 */
    gbt_gpair pair = {nearness * d, gbt_loss_floor(nearness * nearness)};
    return pair;
}

/* Pinball: level (-d) for d < 0, else (1 - level) d. At d = 0 the right derivative. */
GBT_HD gbt_gpair gbt_quantile_gpair(float score, float label, float level)
{
    gbt_gpair pair = {score < label ? -level : 1.0f - level, 1.0f};
    return pair;
}

/* 1 / max(1, |y|): what an error of this row costs in mape. Labels below 1 count as 1
 * (LightGBM). */
GBT_HD float gbt_mape_scale(float label)
{
    float size = fabsf(label);
    return 1.0f / (size > 1.0f ? size : 1.0f);
}

/* |d| / max(1, |y|) */
GBT_HD gbt_gpair gbt_mape_gpair(float score, float label)
{
    gbt_gpair pair = {gbt_loss_sign(score - label) * gbt_mape_scale(label), 1.0f};
    return pair;
}

/* ---- Regression with log link ---------------------------------------------------------------- */

/* exp(s) - y s; h = exp(s) * exp(max_delta): the safeguard against steps that overshoot. The caller
 * computes safeguard = gbt_expf(max_delta) once. */
GBT_HD gbt_gpair gbt_poisson_gpair(float score, float label, float safeguard)
{
    float mean = gbt_loss_cap(gbt_expf(score));
    gbt_gpair pair = {mean - label, gbt_loss_floor(gbt_loss_cap(mean * safeguard))};
    return pair;
}

/* y exp(-s) + s */
GBT_HD gbt_gpair gbt_gamma_gpair(float score, float label)
{
    float ratio = gbt_loss_cap(label * gbt_expf(-score));
    gbt_gpair pair = {1.0f - ratio, gbt_loss_floor(ratio)};
    return pair;
}

/* -y exp((1 - r) s) / (1 - r) + exp((2 - r) s) / (2 - r) with power r in (1, 2) */
GBT_HD gbt_gpair gbt_tweedie_gpair(float score, float label, float power)
{
    float pull = gbt_loss_cap(label * gbt_expf((1.0f - power) * score));
    float push = gbt_loss_cap(gbt_expf((2.0f - power) * score));
    gbt_gpair pair = {push - pull, gbt_loss_floor((power - 1.0f) * pull + (2.0f - power) * push)};
    return pair;
}

/* ---- Two classes ----------------------------------------------------------------------------- */

/* p = 1 / (1 + exp(-s)) and 1 - p, both with full relative precision. */
typedef struct gbt_odds {
    float p, rest;
} gbt_odds;

GBT_HD gbt_odds gbt_loss_odds(float score)
{
    float e = gbt_expf(-fabsf(score));
    float larger = 1.0f / (1.0f + e);
    float smaller = e * larger;
    gbt_odds odds = {score < 0.0f ? smaller : larger, score < 0.0f ? larger : smaller};
    return odds;
}

/* -y log(p) - (1 - y) log(1 - p), y in [0, 1]: g = p - y, written so that nothing cancels. */
GBT_HD gbt_gpair gbt_cross_entropy_gpair(float score, float label)
{
    gbt_odds odds = gbt_loss_odds(score);
    gbt_gpair pair = {odds.p * (1.0f - label) - odds.rest * label,
                      gbt_loss_floor(odds.p * odds.rest)};
    return pair;
}

/* The same for y = 0 or 1, times positive_weight where y = 1. */
GBT_HD gbt_gpair gbt_logistic_gpair(float score, float label, float positive_weight)
{
    gbt_odds odds = gbt_loss_odds(score);
    float weight = label > 0.5f ? positive_weight : 1.0f;
    gbt_gpair pair = {(label > 0.5f ? -odds.rest : odds.p) * weight,
                      gbt_loss_floor(odds.p * odds.rest) * weight};
    return pair;
}

/* ---- Several classes: softmax ---------------------------------------------------------------- */

/* h = factor * p (1 - p), factor = K / (K - 1): p (1 - p) is only the diagonal of the Hessian; the
 * factor makes a step along it right for K equal classes (LightGBM; XGBoost takes 2 for every
 * K). */
GBT_HD float gbt_softmax_factor(int32_t n_classes)
{
    return (float)n_classes / (float)(n_classes - 1);
}

/* One output of one row: `part` = exp(s_k - max s), `inverse` = 1 / sum of the parts. */
GBT_HD gbt_gpair gbt_softmax_gpair(float part, float inverse, float target, float factor)
{
    float p = part * inverse;
    gbt_gpair pair = {p - target, gbt_loss_floor(factor * p * (1.0f - p))};
    return pair;
}

/* Probabilities of one row: output k is at k * stride. `out` may be `score` (then with its
 * stride). */
GBT_HD void gbt_softmax_link(const float *score, int64_t stride, int32_t n_classes, float *out,
                             int64_t out_stride)
{
    float largest = score[0];
    for (int32_t k = 1; k < n_classes; k++) {
        float s = score[k * stride];
        largest = s > largest ? s : largest;
    }
    float sum = 0.0f;
    for (int32_t k = 0; k < n_classes; k++) {
        float part = gbt_expf(score[k * stride] - largest);
        out[k * out_stride] = part;
        sum += part;
    }
    float inverse = 1.0f / sum;
    for (int32_t k = 0; k < n_classes; k++) {
        out[k * out_stride] *= inverse;
    }
}

/* Gradient pairs of one row, -log p_y, times `weight`; every array has output k at k * stride. */
GBT_HD void gbt_softmax_row_gpairs(const float *score, int64_t stride, int32_t n_classes,
                                   float label, float weight, float *grad, float *hess)
{
    float factor = gbt_softmax_factor(n_classes);
    float largest = score[0];
    for (int32_t k = 1; k < n_classes; k++) {
        float s = score[k * stride];
        largest = s > largest ? s : largest;
    }
    float sum = 0.0f;
    for (int32_t k = 0; k < n_classes; k++) {
        float part = gbt_expf(score[k * stride] - largest);
        grad[k * stride] = part;
        sum += part;
    }
    float inverse = 1.0f / sum;
    for (int32_t k = 0; k < n_classes; k++) {
        float target = label == (float)k ? 1.0f : 0.0f;
        gbt_gpair pair = gbt_softmax_gpair(grad[k * stride], inverse, target, factor);
        grad[k * stride] = pair.grad * weight;
        hess[k * stride] = pair.hess * weight;
    }
}

/* ---- By kind --------------------------------------------------------------------------------- */

/* Gradient pair of one output; not for softmax, whose outputs depend on each other. One against
 * all: label is 1 when the row's class is this output, else 0. */
GBT_HD gbt_gpair gbt_loss_gpair(const gbt_loss *loss, float score, float label)
{
    switch (loss->kind) {
    case GBT_LOSS_ABSOLUTE:
        return gbt_absolute_gpair(score, label);
    case GBT_LOSS_HUBER:
        return gbt_huber_gpair(score, label, loss->shape);
    case GBT_LOSS_FAIR:
        return gbt_fair_gpair(score, label, loss->shape);
    case GBT_LOSS_QUANTILE:
        return gbt_quantile_gpair(score, label, loss->shape);
    case GBT_LOSS_MAPE:
        return gbt_mape_gpair(score, label);
    case GBT_LOSS_POISSON:
        return gbt_poisson_gpair(score, label, gbt_expf(loss->shape));
    case GBT_LOSS_GAMMA:
        return gbt_gamma_gpair(score, label);
    case GBT_LOSS_TWEEDIE:
        return gbt_tweedie_gpair(score, label, loss->shape);
    case GBT_LOSS_CROSS_ENTROPY:
        return gbt_cross_entropy_gpair(score, label);
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_ONE_VS_ALL:
        return gbt_logistic_gpair(score, label, loss->positive_weight);
    case GBT_LOSS_SQUARED:
    case GBT_LOSS_SOFTMAX:
        break;
    }
    return gbt_squared_gpair(score, label);
}

/* Response of one raw score; softmax: gbt_softmax_link. */
GBT_HD float gbt_loss_link(gbt_loss_kind kind, float score)
{
    switch (kind) {
    case GBT_LOSS_POISSON:
    case GBT_LOSS_GAMMA:
    case GBT_LOSS_TWEEDIE:
        return gbt_expf(score);
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_CROSS_ENTROPY:
    case GBT_LOSS_ONE_VS_ALL:
        return gbt_loss_odds(score).p;
    default:
        return score;
    }
}

/* ---- Pointwise losses: the functions whose derivatives stand above --------------------------- */

/* log(1 + x) for x >= 0: the rounding error of 1 + x is put back. */
GBT_HD float gbt_loss_log1pf(float x)
{
    float u = 1.0f + x;
    return gbt_logf(u) + (x - (u - 1.0f)) / u;
}

GBT_HD double gbt_loss_log1p(double x)
{
    double u = 1.0 + x;
    return gbt_log(u) + (x - (u - 1.0)) / u;
}

/* log(x) of a double x in the range of float, with the relative error of gbt_logf near 1 too: the
 * rounding error of x is put back. */
GBT_HD double gbt_loss_log(double x)
{
    float rounded = (float)x;
    return (double)gbt_logf(rounded) + (x - (double)rounded) / (double)rounded;
}

GBT_HD double gbt_huber_point(double d, double delta)
{
    double size = fabs(d);
    return size <= delta ? 0.5 * d * d : delta * (size - 0.5 * delta);
}

GBT_HD double gbt_fair_point(double d, double c)
{
    double x = fabs(d) / c;
    return c * c * (x - gbt_loss_log1p(x));
}

GBT_HD double gbt_quantile_point(double d, double level)
{
    return d < 0.0 ? -level * d : (1.0 - level) * d;
}

/* Cross entropy from the raw score: finite for every finite score, no clipped probabilities. */
GBT_HD double gbt_cross_entropy_point(float score, float label)
{
    float tail = gbt_loss_log1pf(gbt_expf(-fabsf(score)));
    double s = (double)score;
    double y = (double)label;
    return (double)tail + (s > 0.0 ? (1.0 - y) * s : -y * s);
}

/* Loss of one output; softmax: gbt_softmax_point. */
GBT_HD double gbt_loss_point(const gbt_loss *loss, float score, float label)
{
    double y = (double)label;
    double d = (double)score - y;
    double shape = (double)loss->shape;
    switch (loss->kind) {
    case GBT_LOSS_ABSOLUTE:
        return fabs(d);
    case GBT_LOSS_HUBER:
        return gbt_huber_point(d, shape);
    case GBT_LOSS_FAIR:
        return gbt_fair_point(d, shape);
    case GBT_LOSS_QUANTILE:
        return gbt_quantile_point(d, shape);
    case GBT_LOSS_MAPE:
        return fabs(d) * (double)gbt_mape_scale(label);
    case GBT_LOSS_POISSON:
        return (double)gbt_expf(score) - y * (double)score;
    case GBT_LOSS_GAMMA:
        return y * (double)gbt_expf(-score) + (double)score;
    case GBT_LOSS_TWEEDIE:
        return y * (double)gbt_expf((1.0f - loss->shape) * score) / (shape - 1.0) +
               (double)gbt_expf((2.0f - loss->shape) * score) / (2.0 - shape);
    case GBT_LOSS_CROSS_ENTROPY:
        return gbt_cross_entropy_point(score, label);
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_ONE_VS_ALL:
        return gbt_cross_entropy_point(score, label) *
               (label > 0.5f ? (double)loss->positive_weight : 1.0);
    case GBT_LOSS_SQUARED:
    case GBT_LOSS_SOFTMAX:
        break;
    }
    return 0.5 * d * d;
}

/* -log p_y of one row: log of the sum of exponentials minus the label's score. */
GBT_HD double gbt_softmax_point(const float *score, int64_t stride, int32_t n_classes, float label)
{
    float largest = score[0];
    float own = score[0];
    for (int32_t k = 1; k < n_classes; k++) {
        float s = score[k * stride];
        largest = s > largest ? s : largest;
        own = label == (float)k ? s : own;
    }
    double sum = 0.0;
    for (int32_t k = 0; k < n_classes; k++) {
        sum += (double)gbt_expf(score[k * stride] - largest);
    }
    return gbt_loss_log(sum) + ((double)largest - (double)own);
}

#endif
