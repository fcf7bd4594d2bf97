/* Gradient pairs of many rows: one straight-line loop per loss around the inline functions of
 * loss.h, so that a row has the same bits here, in a scalar call and on a device.
 *
 * Cost on a core with AVX-512: 0.2 to 1.1 ns a row and output from the cache, then memory
 * bandwidth. */
#include "gbt/base/clones.h"
#include "gbt/loss/objective.h"

/* One pair per row, times the weight where there is one. */
#define ROWS(pair_of_row)                        \
    do {                                         \
        if (weight == NULL) {                    \
            GBT_VECTOR_LOOP                      \
            for (int64_t i = 0; i < n; i++) {    \
                gbt_gpair pair = pair_of_row;    \
                grad[i] = pair.grad;             \
                hess[i] = pair.hess;             \
            }                                    \
        } else {                                 \
            GBT_VECTOR_LOOP                      \
            for (int64_t i = 0; i < n; i++) {    \
                gbt_gpair pair = pair_of_row;    \
                grad[i] = pair.grad * weight[i]; \
                hess[i] = pair.hess * weight[i]; \
            }                                    \
        }                                        \
    } while (0)

/* One output of every loss but softmax and one against all; arrays are [n]. */
GBT_CLONES
static void output_rows(const gbt_loss *loss, const float *restrict score,
                        const float *restrict label, const float *restrict weight, int64_t n,
                        float *restrict grad, float *restrict hess)
{
    const float shape = loss->shape;
    const float positive_weight = loss->positive_weight;
    const float safeguard = gbt_expf(shape);
    switch (loss->kind) {
    case GBT_LOSS_SQUARED:
        ROWS(gbt_squared_gpair(score[i], label[i]));
        break;
    case GBT_LOSS_ABSOLUTE:
        ROWS(gbt_absolute_gpair(score[i], label[i]));
        break;
    case GBT_LOSS_HUBER:
        ROWS(gbt_huber_gpair(score[i], label[i], shape));
        break;
    case GBT_LOSS_FAIR:
        ROWS(gbt_fair_gpair(score[i], label[i], shape));
        break;
    case GBT_LOSS_QUANTILE:
        ROWS(gbt_quantile_gpair(score[i], label[i], shape));
        break;
    case GBT_LOSS_MAPE:
        ROWS(gbt_mape_gpair(score[i], label[i]));
        break;
    case GBT_LOSS_POISSON:
        ROWS(gbt_poisson_gpair(score[i], label[i], safeguard));
        break;
    case GBT_LOSS_GAMMA:
        ROWS(gbt_gamma_gpair(score[i], label[i]));
        break;
    case GBT_LOSS_TWEEDIE:
        ROWS(gbt_tweedie_gpair(score[i], label[i], shape));
        break;
    case GBT_LOSS_LOGISTIC:
        ROWS(gbt_logistic_gpair(score[i], label[i], positive_weight));
        break;
    case GBT_LOSS_CROSS_ENTROPY:
        ROWS(gbt_cross_entropy_gpair(score[i], label[i]));
        break;
    case GBT_LOSS_SOFTMAX:
    case GBT_LOSS_ONE_VS_ALL:
        break;
    }
}

/* Output `class_index` of one against all. */
GBT_CLONES
static void one_vs_all_rows(float class_index, float positive_weight, const float *restrict score,
                            const float *restrict label, const float *restrict weight, int64_t n,
                            float *restrict grad, float *restrict hess)
{
    ROWS(gbt_logistic_gpair(score[i], label[i] == class_index ? 1.0f : 0.0f, positive_weight));
}

enum { BLOCK = 256 };

/* Softmax of at most BLOCK rows; output k is at k * stride. The same steps as
 * gbt_softmax_row_gpairs, outputs outside and rows inside; `grad` holds the exponentials
 * between. */
GBT_CLONES
static void softmax_block(int32_t n_classes, const float *restrict score, int64_t stride,
                          const float *restrict label, const float *restrict row_weight, int n,
                          float *restrict grad, float *restrict hess)
{
    float largest[BLOCK];
    float sum[BLOCK]; /* then its inverse */
    const float factor = gbt_softmax_factor(n_classes);
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        largest[i] = score[i];
        sum[i] = 0.0f;
    }
    for (int32_t k = 1; k < n_classes; k++) {
        const float *s = score + k * stride;
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            largest[i] = s[i] > largest[i] ? s[i] : largest[i];
        }
    }
    for (int32_t k = 0; k < n_classes; k++) {
        const float *s = score + k * stride;
        float *g = grad + k * stride;
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            float part = gbt_expf(s[i] - largest[i]);
            g[i] = part;
            sum[i] += part;
        }
    }
    GBT_VECTOR_LOOP
    for (int i = 0; i < n; i++) {
        sum[i] = 1.0f / sum[i];
    }
    for (int32_t k = 0; k < n_classes; k++) {
        const float class_index = (float)k;
        const float *weight = row_weight;
        float *g = grad + k * stride;
        float *h = hess + k * stride;
        GBT_VECTOR_LOOP
        for (int i = 0; i < n; i++) {
            float target = label[i] == class_index ? 1.0f : 0.0f;
            gbt_gpair pair = gbt_softmax_gpair(g[i], sum[i], target, factor);
            g[i] = pair.grad * weight[i];
            h[i] = pair.hess * weight[i];
        }
    }
}

static void softmax_rows(const gbt_objective *o, const float *scores, const float *label,
                         const float *weight, int64_t n, int64_t first, int64_t last, float *grad,
                         float *hess)
{
    float ones[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        ones[i] = 1.0f;
    }
    for (int64_t i = first; i < last; i += BLOCK) {
        int size = last - i < BLOCK ? (int)(last - i) : BLOCK;
        softmax_block(o->n_outputs, scores + i, n, label + i, weight == NULL ? ones : weight + i,
                      size, grad + i, hess + i);
    }
}

void gbt_objective_gpairs(const gbt_objective *o, const float *scores, const float *label,
                          const float *weight, int64_t n, int64_t first, int64_t last, float *grad,
                          float *hess)
{
    const float *row_weight = weight == NULL ? NULL : weight + first;
    if (o->loss.kind == GBT_LOSS_SOFTMAX) {
        softmax_rows(o, scores, label, weight, n, first, last, grad, hess);
        return;
    }
    for (int32_t k = 0; k < o->n_outputs; k++) {
        const float *own_label = gbt_objective_labels_of(o, label, n, k) + first;
        int64_t at = k * n + first;
        if (o->loss.kind == GBT_LOSS_ONE_VS_ALL) {
            one_vs_all_rows((float)k, o->loss.positive_weight, scores + at, own_label, row_weight,
                            last - first, grad + at, hess + at);
        } else {
            output_rows(&o->loss, scores + at, own_label, row_weight, last - first, grad + at,
                        hess + at);
        }
    }
}
