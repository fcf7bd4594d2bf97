/* Metrics that are a weighted mean over rows: what each row costs. y label, p response, s raw
 * score.
 *
 *   rmse, l2        (p - y)^2; rmse takes the root of the mean
 *   mae             |p - y|
 *   mape            |p - y| / max(1, |y|)                          LightGBM; scikit-learn: no 1
 *   huber           (p - y)^2 / 2 inside delta, else delta (|p - y| - delta / 2)
 *   fair            c^2 (x - log(1 + x)), x = |p - y| / c
 *   quantile        level (y - p) above, (1 - level) (p - y) below: scikit-learn mean_pinball_loss
 *   poisson         p - y log p                                    LightGBM; XGBoost adds log y!
 *   gamma           y / p + log p                                  LightGBM, XGBoost
 *   gamma_deviance  2 (y / p - log(y / p) - 1)                     scikit-learn (LightGBM: the sum)
 *   tweedie         -y p^(1 - r) / (1 - r) + p^(2 - r) / (2 - r)   LightGBM, XGBoost
 *   logloss         -y log p - (1 - y) log(1 - p), y in [0, 1]: scikit-learn log_loss
 *   error           1 when s > 0 differs from y > 0: LightGBM, XGBoost
 *   multi_logloss   -log of the response of the row's class
 *   multi_error     1 unless the row's class has the largest score; of equal scores the first class
 *                   counts, as in prediction (LightGBM calls every tie an error)
 *
 * p is at least 1e-10 where it is divided by or logged (LightGBM). Log losses are computed from raw
 * scores and therefore never clip a probability (others clip at 1e-15). Response and exponentials
 * are float32 with errors of about 1e-7, sums are double. Losses are finite for all finite
 * inputs. */
#include "gbt/base/clones.h"
#include "gbt/loss/metric_table.h"

enum { BLOCK = GBT_METRIC_BLOCK };

static inline double gamma_deviance_point(float p, float label)
{
    double ratio = (double)label / (double)p;
    return 2.0 * (ratio - gbt_log(ratio) - 1.0);
}

static inline double tweedie_point(float log_p, float label, float power)
{
    float pull = gbt_expf((1.0f - power) * log_p);
    float push = gbt_expf((2.0f - power) * log_p);
    return (double)label * (double)pull / (double)(power - 1.0f) +
           (double)push / (double)(2.0f - power);
}

#define ROWS(loss_of_row)             \
    do {                              \
        GBT_VECTOR_LOOP               \
        for (int i = 0; i < n; i++) { \
            loss[i] = loss_of_row;    \
        }                             \
    } while (0)

/* The same for losses that need the logarithm in double, which has branches. */
#define SCALAR_ROWS(loss_of_row)      \
    do {                              \
        for (int i = 0; i < n; i++) { \
            loss[i] = loss_of_row;    \
        }                             \
    } while (0)

/* Losses that are defined for every response: p [n], label [n], loss [n]. */
GBT_CLONES
static void real_losses(gbt_metric_id id, const gbt_objective *o, const float *restrict p,
                        const float *restrict label, int n, double *restrict loss)
{
    const double delta = (double)o->huber_delta;
    const double c = (double)o->fair_c;
    const double level = (double)o->quantile;
    switch (id) {
    case GBT_METRIC_RMSE:
    case GBT_METRIC_L2:
        ROWS(((double)p[i] - (double)label[i]) * ((double)p[i] - (double)label[i]));
        break;
    case GBT_METRIC_MAE:
        ROWS(fabs((double)p[i] - (double)label[i]));
        break;
    case GBT_METRIC_MAPE:
        ROWS(fabs((double)p[i] - (double)label[i]) * (double)gbt_mape_scale(label[i]));
        break;
    case GBT_METRIC_HUBER:
        ROWS(gbt_huber_point((double)p[i] - (double)label[i], delta));
        break;
    case GBT_METRIC_FAIR:
        SCALAR_ROWS(gbt_fair_point((double)p[i] - (double)label[i], c));
        break;
    case GBT_METRIC_QUANTILE:
        ROWS(gbt_quantile_point((double)p[i] - (double)label[i], level));
        break;
    default:
        break;
    }
}

/* Losses of positive responses. Bounds and logarithms get loops of their own: compilers merge the
 * comparisons inside them into branches otherwise, and then do not vectorise. */
GBT_CLONES
static void positive_losses(gbt_metric_id id, float power, const float *restrict response,
                            const float *restrict label, int n, double *restrict loss)
{
    float p[BLOCK];
    float log_p[BLOCK];
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        p[i] = response[i] < 1e-10f ? 1e-10f : response[i];
    }
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        log_p[i] = gbt_logf(p[i]);
    }
    switch (id) {
    case GBT_METRIC_POISSON:
        ROWS((double)p[i] - (double)label[i] * (double)log_p[i]);
        break;
    case GBT_METRIC_GAMMA:
        ROWS((double)label[i] / (double)p[i] + (double)log_p[i]);
        break;
    case GBT_METRIC_GAMMA_DEVIANCE:
        SCALAR_ROWS(gamma_deviance_point(p[i], label[i]));
        break;
    case GBT_METRIC_TWEEDIE:
        ROWS(tweedie_point(log_p[i], label[i], power));
        break;
    default:
        break;
    }
}

/* Response of n rows with one output. */
GBT_CLONES
static void respond(gbt_loss_kind kind, const float *restrict score, int n, float *restrict p)
{
    switch (kind) {
    case GBT_LOSS_POISSON:
    case GBT_LOSS_GAMMA:
    case GBT_LOSS_TWEEDIE:
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            p[i] = gbt_expf(score[i]);
        }
        break;
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_CROSS_ENTROPY:
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            p[i] = gbt_loss_odds(score[i]).p;
        }
        break;
    default:
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            p[i] = score[i];
        }
        break;
    }
}

GBT_CLONES
static void two_class_losses(gbt_metric_id id, const float *restrict score,
                             const float *restrict label, int n, double *restrict loss)
{
    if (id == GBT_METRIC_LOGLOSS) {
        ROWS(gbt_cross_entropy_point(score[i], label[i]));
    } else {
        ROWS((score[i] > 0.0f) == (label[i] > 0.0f) ? 0.0 : 1.0);
    }
}

/* Score of the row's own class, and the largest score. */
GBT_CLONES
static void own_and_largest(int32_t n_classes, const float *restrict score, int64_t stride,
                            const float *restrict label, int n, float *restrict own,
                            float *restrict largest)
{
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        own[i] = score[i];
        largest[i] = score[i];
    }
    for (int32_t k = 1; k < n_classes; k++) {
        const float *s = score + k * stride;
        const float class_index = (float)k;
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            own[i] = label[i] == class_index ? s[i] : own[i];
            largest[i] = s[i] > largest[i] ? s[i] : largest[i];
        }
    }
}

GBT_CLONES
static void softmax_losses(int32_t n_classes, const float *restrict score, int64_t stride,
                           const float *restrict label, int n, double *restrict loss)
{
    float own[BLOCK];
    float largest[BLOCK];
    own_and_largest(n_classes, score, stride, label, n, own, largest);
    ROWS(0.0);
    for (int32_t k = 0; k < n_classes; k++) {
        const float *s = score + k * stride;
        ROWS(loss[i] + (double)gbt_expf(s[i] - largest[i]));
    }
    ROWS(gbt_loss_log(loss[i]) + ((double)largest[i] - (double)own[i]));
}

GBT_CLONES
static void one_vs_all_losses(int32_t n_classes, const float *restrict score, int64_t stride,
                              const float *restrict label, int n, double *restrict loss)
{
    float own[BLOCK];
    float largest[BLOCK];
    own_and_largest(n_classes, score, stride, label, n, own, largest);
    ROWS(gbt_cross_entropy_point(own[i], 1.0f));
}

GBT_CLONES
static void class_errors(int32_t n_classes, const float *restrict score, int64_t stride,
                         const float *restrict label, int n, double *restrict loss)
{
    float best[BLOCK];
    float class_of_best[BLOCK];
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        best[i] = score[i];
        class_of_best[i] = 0.0f;
    }
    for (int32_t k = 1; k < n_classes; k++) {
        const float *s = score + k * stride;
        const float class_index = (float)k;
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            class_of_best[i] = s[i] > best[i] ? class_index : class_of_best[i];
            best[i] = s[i] > best[i] ? s[i] : best[i];
        }
    }
    ROWS(class_of_best[i] == label[i] ? 0.0 : 1.0);
}

void gbt_metric_losses(gbt_metric_id id, const gbt_objective *o, const float *score, int64_t stride,
                       const float *label, int n, double *loss)
{
    float p[BLOCK];
    switch (id) {
    case GBT_METRIC_LOGLOSS:
    case GBT_METRIC_ERROR:
        two_class_losses(id, score, label, n, loss);
        break;
    case GBT_METRIC_MULTI_LOGLOSS:
        if (o->loss.kind == GBT_LOSS_SOFTMAX) {
            softmax_losses(o->n_outputs, score, stride, label, n, loss);
        } else {
            one_vs_all_losses(o->n_outputs, score, stride, label, n, loss);
        }
        break;
    case GBT_METRIC_MULTI_ERROR:
        class_errors(o->n_outputs, score, stride, label, n, loss);
        break;
    case GBT_METRIC_POISSON:
    case GBT_METRIC_GAMMA:
    case GBT_METRIC_GAMMA_DEVIANCE:
    case GBT_METRIC_TWEEDIE:
        respond(o->loss.kind, score, n, p);
        positive_losses(id, o->tweedie_power, p, label, n, loss);
        break;
    default:
        respond(o->loss.kind, score, n, p);
        real_losses(id, o, p, label, n, loss);
        break;
    }
}
