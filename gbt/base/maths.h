/* exp, log and friends from plain IEEE operations: the same bits on every compiler, libm and
 * device, provided that products and sums are not fused. The float versions are straight-line code
 * without branches, calls or tables so that loops over rows vectorise, with the same bits again.
 *
 * Method: reduction by powers of two with ln 2 in two parts, then a minimax polynomial. The
 * coefficients come from our own Remez exchange in 60-digit arithmetic; the relative error of each
 * polynomial stands beside it. */
#ifndef GBT_BASE_MATHS_H
#define GBT_BASE_MATHS_H

#include <stdint.h>
#include <string.h>

#include "gbt/base/hd.h"

GBT_HD float gbt_expf(float x);  /* error below 2 ulp; clamped to [exp(-87), exp(88)]; nan: nan */
GBT_HD float gbt_logf(float x);  /* error below 2 ulp for x > 0 normal; x <= 0: -87.3; nan: nan */
GBT_HD double gbt_exp(double x); /* error below 2 ulp; clamped to [exp(-708), exp(709)]; nan: nan */
GBT_HD double gbt_expm1(double x); /* exp(x) - 1, error below 4 ulp; clamped alike; nan: nan */
GBT_HD double gbt_log(double x);   /* error below 2 ulp for x > 0; 0: -inf, negative: nan */

/* The bits of a number and back. */
GBT_HD uint32_t gbt_f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

GBT_HD float gbt_f32_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

GBT_HD uint64_t gbt_f64_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

GBT_HD double gbt_f64_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `condition ? yes : no` by bits. The operator itself would be a branch to compilers that keep
 * track of floating-point exceptions, and a branch stops them from vectorising a loop. */
GBT_HD float gbt_f32_select(int condition, float yes, float no)
{
    uint32_t mask = 0u - (uint32_t)condition;
    return gbt_f32_of_bits((gbt_f32_bits(yes) & mask) | (gbt_f32_bits(no) & ~mask));
}

GBT_HD double gbt_f64_select(int condition, double yes, double no)
{
    uint64_t mask = 0u - (uint64_t)condition;
    return gbt_f64_of_bits((gbt_f64_bits(yes) & mask) | (gbt_f64_bits(no) & ~mask));
}

GBT_HD float gbt_expf(float x)
{
    x = gbt_f32_select(x < -87.0f, -87.0f, x);
    x = gbt_f32_select(x > 88.0f, 88.0f, x);
    /* Adding 1.5 * 2^23 rounds to a whole number n that then stands in the low bits. */
    const float magic = 0x1.8p23f;
    float shifted = x * 0x1.715476p+0f + magic;
    float n = shifted - magic;
    float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f; /* |r| <= ln(2) / 2 */
    float p = 0x1.6a23c8p-10f;                              /* (exp(r) - 1 - r) / r^2, 2^-28.3 */
    p = p * r + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f4p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    float power = gbt_f32_of_bits((gbt_f32_bits(shifted) + 127u) << 23); /* 2^n */
    return (1.0f + (r + r * r * p)) * power;
}

GBT_HD float gbt_logf(float x)
{
    const float smallest = 0x1p-126f;
    float positive = gbt_f32_select(x < smallest, smallest, x);
    /* positive = m * 2^e with m in [sqrt(1/2), sqrt(2)) */
    uint32_t bits = gbt_f32_bits(positive);
    int32_t exponent = (int32_t)(bits - 0x3f3504f3u) >> 23;
    float e = (float)exponent;
    float f = gbt_f32_of_bits(bits - ((uint32_t)exponent << 23)) - 1.0f;
    float p = -0x1.38b1cap-4f; /* (log(1 + f) - f + f^2 / 2) / f^3, 2^-27.3 */
    p = p * f + 0x1.056482p-3f;
    p = p * f + -0x1.0d8a26p-3f;
    p = p * f + 0x1.22d94p-3f;
    p = p * f + -0x1.5471b8p-3f;
    p = p * f + 0x1.99a00cp-3f;
    p = p * f + -0x1.000228p-2f;
    p = p * f + 0x1.555554p-2f;
    float square = f * f;
    float tail = square * f * p + e * 0x1.7f7d1cp-20f;
    float result = e * 0x1.62e4p-1f + (f - (0.5f * square - tail));
    return gbt_f32_select(x != x, x, result);
}

/* exp(r) - 1 and 2^n with x = r + n ln(2), |r| <= ln(2) / 2. */
GBT_HD double gbt_exp_parts(double x, double *power)
{
    x = gbt_f64_select(x < -708.0, -708.0, x);
    x = gbt_f64_select(x > 709.0, 709.0, x);
    const double magic = 0x1.8p52;
    double shifted = x * 0x1.71547652b82fep+0 + magic;
    double n = shifted - magic;
    double r = (x - n * 0x1.62e42p-1) - n * 0x1.fdf473de6af28p-22;
    double p = 0x1.1e3cda59e0b8fp-29; /* (exp(r) - 1 - r) / r^2, 2^-64 */
    p = p * r + 0x1.af6c19e7e66d8p-26;
    p = p * r + 0x1.27e5b4ad6c835p-22;
    p = p * r + 0x1.71ddf004c6df0p-19;
    p = p * r + 0x1.a01a013643758p-16;
    p = p * r + 0x1.a01a01b389280p-13;
    p = p * r + 0x1.6c16c16c305f8p-10;
    p = p * r + 0x1.111111110ec42p-7;
    p = p * r + 0x1.5555555555503p-5;
    p = p * r + 0x1.555555555555bp-3;
    p = p * r + 0x1.0000000000000p-1;
    *power = gbt_f64_of_bits((gbt_f64_bits(shifted) + 1023u) << 52);
    return r + r * r * p;
}

GBT_HD double gbt_exp(double x)
{
    double power;
    double part = gbt_exp_parts(x, &power);
    return (1.0 + part) * power;
}

GBT_HD double gbt_expm1(double x)
{
    double power;
    double part = gbt_exp_parts(x, &power);
    return (power - 1.0) + power * part;
}

GBT_HD double gbt_log(double x)
{
    uint64_t bits = gbt_f64_bits(x);
    if (bits - 1 >= 0x7fefffffffffffffull) { /* zero, negative, infinite, nan */
        const double infinity = gbt_f64_of_bits(0x7ff0000000000000ull);
        return x == 0.0 ? -infinity : x > 0.0 ? x : x < 0.0 ? gbt_f64_of_bits(0x7ff8ull << 48) : x;
    }
    double e = 0.0;
    if (bits < 0x0010000000000000ull) { /* subnormal */
        bits = gbt_f64_bits(x * 0x1p54);
        e = -54.0;
    }
    /* x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log(m) = 2 atanh(s), s = (m - 1) / (m + 1) */
    int64_t exponent = (int64_t)(bits - 0x3fe6a09e667f3bcdull) >> 52;
    e += (double)exponent;
    double f = gbt_f64_of_bits(bits - ((uint64_t)exponent << 52)) - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0x1.0f6aa0d8d22c9p-3; /* (2 atanh(s) / s - 2) / s^2, 2^-66.7 */
    p = p * z + 0x1.0f5bf52b56cdfp-3;
    p = p * z + 0x1.3b20b4ea65c39p-3;
    p = p * z + 0x1.745cddff133f0p-3;
    p = p * z + 0x1.c71c7259ab864p-3;
    p = p * z + 0x1.249249242aadfp-2;
    p = p * z + 0x1.9999999999e06p-2;
    p = p * z + 0x1.5555555555555p-1;
    /* 2 s = f - s f = f - (f^2 / 2 - s f^2 / 2) keeps the leading term f exact. */
    double half_square = 0.5 * f * f;
    double tail = s * (half_square + z * p) + e * 0x1.fdf473de6af28p-22;
    return e * 0x1.62e42p-1 + (f - (half_square - tail));
}

#endif
