/* Loss and derivatives of single rows in double precision: for methods that differentiate what
 * training did. The same formulas, caps and floors as loss.h, which stays the reference for
 * notation and names; float32 is what training rounds them to.
 *
 * A derivative by the score is 0 where a cap or a floor holds, and at a kink it is that of the
 * side that loss.h counts the kink to (fair at d = 0: 0, the mean of both sides).
 * Not for many rows: one thread, one exponential or two a row and output. */
#include "gbt/loss/objective.h"

/* All of one output of one row. */
typedef struct point {
    double loss, grad, hess, grad_slope, hess_slope;
} point;

static const double CAP = 1e30;       /* GBT_LOSS_CAP */
static const double MIN_HESS = 1e-16; /* GBT_LOSS_MIN_HESS */

static double cap(double x)
{
    return x > CAP ? CAP : x;
}

/* Derivative of cap(x), when x has the derivative `slope`. */
static double cap_slope(double x, double slope)
{
    return x > CAP ? 0.0 : slope;
}

static double sign(double x)
{
    return (x > 0.0 ? 1.0 : 0.0) - (x < 0.0 ? 1.0 : 0.0);
}

/* The Hessian as training has it: not below the floor, and flat there. */
static point floor_hess(point at)
{
    if (at.hess < MIN_HESS) {
        at.hess = MIN_HESS;
        at.hess_slope = 0.0;
    }
    return at;
}

/* ---- Regression ------------------------------------------------------------------------------ */

static point squared(double d)
{
    return (point){0.5 * d * d, d, 1.0, 1.0, 0.0};
}

static point absolute(double d)
{
    return (point){fabs(d), sign(d), 1.0, 0.0, 0.0};
}

static point huber(double d, double delta)
{
    const bool is_inside = fabs(d) <= delta;
    return (point){gbt_huber_point(d, delta), is_inside ? d : sign(d) * delta, 1.0,
                   is_inside ? 1.0 : 0.0, 0.0};
}

static point fair(double d, double c)
{
    const double nearness = c / (c + fabs(d));
    const double square = nearness * nearness;
    return floor_hess((point){gbt_fair_point(d, c), nearness * d, square, square,
                              -2.0 * sign(d) * square * nearness / c});
}

static point quantile(double d, double level)
{
    return (point){gbt_quantile_point(d, level), d < 0.0 ? -level : 1.0 - level, 1.0, 0.0, 0.0};
}

static point mape(double d, double label)
{
    const double size = fabs(label);
    const double scale = 1.0 / (size > 1.0 ? size : 1.0);
    return (point){fabs(d) * scale, sign(d) * scale, 1.0, 0.0, 0.0};
}

static point poisson(double score, double label, double max_delta)
{
    const double mean = gbt_exp(score);
    const double capped = cap(mean);
    const double slope = cap_slope(mean, mean);
    const double safe = capped * gbt_exp(max_delta);
    return floor_hess((point){mean - label * score, capped - label, cap(safe), slope,
                              cap_slope(safe, slope * gbt_exp(max_delta))});
}

static point gamma_point(double score, double label)
{
    const double ratio = label * gbt_exp(-score);
    const double slope = cap_slope(ratio, ratio);
    return floor_hess((point){ratio + score, 1.0 - cap(ratio), cap(ratio), slope, -slope});
}

static point tweedie(double score, double label, double power)
{
    const double falling = power - 1.0, rising = 2.0 - power;
    const double pull = label * gbt_exp(-falling * score);
    const double push = gbt_exp(rising * score);
    const double pull_slope = cap_slope(pull, -falling * pull);
    const double push_slope = cap_slope(push, rising * push);
    return floor_hess((point){pull / falling + push / rising, cap(push) - cap(pull),
                              falling * cap(pull) + rising * cap(push), push_slope - pull_slope,
                              falling * pull_slope + rising * push_slope});
}

/* ---- Classes --------------------------------------------------------------------------------- */

static point cross_entropy(double score, double label)
{
    const double e = gbt_exp(-fabs(score));
    const double larger = 1.0 / (1.0 + e), smaller = e * larger;
    const double p = score < 0.0 ? smaller : larger, rest = score < 0.0 ? larger : smaller;
    const double loss = gbt_loss_log1p(e) + (score > 0.0 ? (1.0 - label) * score : -label * score);
    return floor_hess(
        (point){loss, p * (1.0 - label) - rest * label, p * rest, p * rest, p * rest * (rest - p)});
}

static point logistic(double score, bool is_positive, double positive_weight)
{
    const double weight = is_positive ? positive_weight : 1.0;
    const point at = cross_entropy(score, is_positive ? 1.0 : 0.0);
    return (point){at.loss * weight, at.grad * weight, at.hess * weight, at.grad_slope * weight,
                   at.hess_slope * weight};
}

/* One output of softmax; p its probability. The loss of the row stands with its own class. */
static point softmax(double p, bool is_own, double own_loss, int32_t n_classes)
{
    const double factor = (double)n_classes / (double)(n_classes - 1);
    const double square = p * (1.0 - p);
    return floor_hess((point){is_own ? own_loss : 0.0, p - (is_own ? 1.0 : 0.0), factor * square,
                              square, factor * square * (1.0 - 2.0 * p)});
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static point point_of(const gbt_loss *loss, double score, double label)
{
    const double shape = (double)loss->shape;
    const double d = score - label;
    switch (loss->kind) {
    case GBT_LOSS_ABSOLUTE:
        return absolute(d);
    case GBT_LOSS_HUBER:
        return huber(d, shape);
    case GBT_LOSS_FAIR:
        return fair(d, shape);
    case GBT_LOSS_QUANTILE:
        return quantile(d, shape);
    case GBT_LOSS_MAPE:
        return mape(d, label);
    case GBT_LOSS_POISSON:
        return poisson(score, label, shape);
    case GBT_LOSS_GAMMA:
        return gamma_point(score, label);
    case GBT_LOSS_TWEEDIE:
        return tweedie(score, label, shape);
    case GBT_LOSS_CROSS_ENTROPY:
        return cross_entropy(score, label);
    case GBT_LOSS_LOGISTIC:
        return logistic(score, label > 0.5, (double)loss->positive_weight);
    case GBT_LOSS_SQUARED:
    case GBT_LOSS_SOFTMAX:
    case GBT_LOSS_ONE_VS_ALL:
        break;
    }
    return squared(d);
}

/* Where results go; any may be NULL. */
typedef struct results {
    double *loss;                                  /* [n] */
    double *grad, *hess, *grad_slope, *hess_slope; /* [n_outputs x n] */
    int64_t n;
} results;

static void store(const results *to, int64_t row, int32_t output, point at)
{
    const int64_t cell = output * to->n + row;
    if (to->loss) {
        to->loss[row] = output == 0 ? at.loss : to->loss[row] + at.loss;
    }
    if (to->grad) {
        to->grad[cell] = at.grad;
    }
    if (to->hess) {
        to->hess[cell] = at.hess;
    }
    if (to->grad_slope) {
        to->grad_slope[cell] = at.grad_slope;
    }
    if (to->hess_slope) {
        to->hess_slope[cell] = at.hess_slope;
    }
}

static void softmax_row(const gbt_objective *o, const double *score, float label, int64_t row,
                        const results *to)
{
    const int64_t n = to->n;
    double largest = score[row], own = score[row], sum = 0.0;
    for (int32_t k = 1; k < o->n_outputs; k++) {
        const double s = score[k * n + row];
        largest = s > largest ? s : largest;
        own = label == (float)k ? s : own;
    }
    for (int32_t k = 0; k < o->n_outputs; k++) {
        sum += gbt_exp(score[k * n + row] - largest);
    }
    const double own_loss = gbt_log(sum) + (largest - own);
    for (int32_t k = 0; k < o->n_outputs; k++) {
        const double p = gbt_exp(score[k * n + row] - largest) / sum;
        store(to, row, k, softmax(p, label == (float)k, own_loss, o->n_outputs));
    }
}

gbt_status gbt_objective_derivatives(const gbt_objective *o, const double *scores,
                                     const float *label, int64_t n, double *loss, double *grad,
                                     double *hess, double *grad_slope, double *hess_slope)
{
    if (o == NULL || scores == NULL || label == NULL || n < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_objective_derivatives: %s",
                        o == NULL        ? "objective is NULL"
                        : scores == NULL ? "scores is NULL"
                        : label == NULL  ? "label is NULL"
                                         : "n is negative");
    }
    GBT_TRY(gbt_objective_check_labels(o, label, n));
    const results to = {loss, grad, hess, grad_slope, hess_slope, n};
    for (int64_t row = 0; row < n; row++) {
        if (o->loss.kind == GBT_LOSS_SOFTMAX) {
            softmax_row(o, scores, label[row], row, &to);
            continue;
        }
        for (int32_t k = 0; k < o->n_outputs; k++) {
            const double s = scores[k * n + row];
            const float y = gbt_objective_labels_of(o, label, n, k)[row];
            store(&to, row, k,
                  o->loss.kind == GBT_LOSS_ONE_VS_ALL
                      ? logistic(s, y == (float)k, (double)o->loss.positive_weight)
                      : point_of(&o->loss, s, (double)y));
        }
    }
    return GBT_OK;
}
