/* Fixed-point gradients [Shi22]: one power-of-two unit per tree from the largest absolute value,
 * rounding by a hash of (seed, round, output, row). A maximum does not depend on order and a power
 * of two is exact, so every backend gets the same integers.
 *
 * Narrow (3 .. 16 bits): |grad| <= 2^(bits-1) - 1 and hess <= 2^bits - 1 units. Wide (32): both at
 * most 2^30 units, rounded to nearest; 2^32 rows still fit an int64 sum. The rule for bits = 0: 16,
 * but 32 when the largest value exceeds 2^10 times the root mean square, for gradients or
 * hessians. */
#ifndef GBT_BACKEND_QUANTISE_H
#define GBT_BACKEND_QUANTISE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gbt/base/hd.h"
#include "gbt/base/rng.h"

typedef struct gbt_quant {
    double grad_unit, hess_unit;  /* value of one unit: powers of two */
    float grad_scale, hess_scale; /* their inverses */
    int32_t grad_most, hess_most; /* largest units */
    uint32_t key;                 /* of the rounding stream */
    bool is_wide, rounds_to_nearest;
} gbt_quant;

/* Largest power of two s with most * s <= limit (1 for most = 0), exponent kept within [-127, 100]:
 * the low end holds the largest float within 3 bits. */
GBT_HD float gbt_quant_scale(float most, float limit)
{
    if (!(most > 0.0f)) {
        return 1.0f;
    }
    int exponent = 100;
    float scale = 0x1p100f;
    while (exponent > -127 && (double)most * (double)scale > (double)limit) {
        scale *= 0.5f;
        exponent--;
    }
    return scale;
}

GBT_HD gbt_quant gbt_quant_make(float grad_most, float hess_most, int32_t bits,
                                bool rounds_to_nearest, uint32_t key)
{
    gbt_quant q;
    q.is_wide = bits > 16;
    q.grad_most = q.is_wide ? 1 << 30 : (1 << (bits - 1)) - 1;
    q.hess_most = q.is_wide ? 1 << 30 : (1 << bits) - 1;
    q.grad_scale = gbt_quant_scale(grad_most, (float)q.grad_most);
    q.hess_scale = gbt_quant_scale(hess_most, (float)q.hess_most);
    q.grad_unit = 1.0 / (double)q.grad_scale;
    q.hess_unit = 1.0 / (double)q.hess_scale;
    q.rounds_to_nearest = rounds_to_nearest || q.is_wide;
    q.key = key;
    return q;
}

/* Rows of one chunk of gbt_quant_squares: chunk c holds rows [c * this, (c + 1) * this). */
enum { GBT_QUANT_CHUNK = 512, GBT_QUANT_LANES = 8 };

/* Sum of squares of one chunk, n <= GBT_QUANT_CHUNK: element i is added to lane i mod 8, then the
 * lanes are added in order. The chunks' sums are added in order too: a float sum that every backend
 * gets alike, and that vectorises. */
GBT_HD double gbt_quant_squares(const float *x, int32_t n)
{
    double lane[GBT_QUANT_LANES] = {0.0};
    int32_t i = 0;
    for (; i + GBT_QUANT_LANES <= n; i += GBT_QUANT_LANES) {
        for (int32_t k = 0; k < GBT_QUANT_LANES; k++) {
            lane[k] += (double)x[i + k] * (double)x[i + k];
        }
    }
    for (int32_t k = 0; i + k < n; k++) {
        lane[k] += (double)x[i + k] * (double)x[i + k];
    }
    double sum = 0.0;
    for (int32_t k = 0; k < GBT_QUANT_LANES; k++) {
        sum += lane[k];
    }
    return sum;
}

/* Does the largest value exceed 2^10 times the root mean square of n values? */
GBT_HD bool gbt_quant_has_heavy_tail(float most, double squares, int64_t n)
{
    return (double)most * (double)most * (double)n > 0x1p20 * squares;
}

/* Bits to use for the asked ones (0: the rule above), from the largest absolute values and the sums
 * of squares of n rows. */
GBT_HD int32_t gbt_quant_bits(int32_t bits, float grad_most, double grad_squares, float hess_most,
                              double hess_squares, int64_t n)
{
    if (bits != 0) {
        return bits;
    }
    return gbt_quant_has_heavy_tail(grad_most, grad_squares, n) ||
                   gbt_quant_has_heavy_tail(hess_most, hess_squares, n)
               ? 32
               : 16;
}

/* floor for |x| < 2^31 without libm: bits equal everywhere. */
GBT_HD int32_t gbt_quant_floor(float x)
{
    const int32_t cut = (int32_t)x;
    return cut - ((float)cut > x);
}

/* x rounded down, or up when its fraction exceeds `threshold` in [0, 1): exact numbers stay. */
GBT_HD int32_t gbt_quant_round(float x, float threshold)
{
    const int32_t floor = gbt_quant_floor(x);
    return floor + (x - (float)floor > threshold);
}

/* Units of one row's gradient and hessian. Straight-line: vectorises. */
GBT_HD void gbt_quant_row(const gbt_quant *q, float grad, float hess, uint32_t row,
                          int32_t *grad_out, int32_t *hess_out)
{
    const uint32_t draw = gbt_rng_u32(q->key, row);
    const float grad_at = q->rounds_to_nearest ? 0.5f : (float)(int32_t)(draw & 0xffffu) * 0x1p-16f;
    const float hess_at = q->rounds_to_nearest ? 0.5f : (float)(int32_t)(draw >> 16) * 0x1p-16f;
    *grad_out = gbt_quant_round(grad * q->grad_scale, grad_at);
    *hess_out = gbt_quant_round(hess * q->hess_scale, hess_at);
}

#endif
