/* quantise.h: scales, bounds, exactness, rounding without bias, the rule for wide gradients. */
#include <float.h>
#include <math.h>

#include "gbt/backend/quantise.h"
#include "tests/support/gtest_c.h"

enum { N = 200000 };

static const int32_t all_bits[] = {3, 4, 5, 8, 12, 15, 16, 32};
enum { N_BITS = sizeof all_bits / sizeof all_bits[0] };

static bool is_power_of_two(double x)
{
    int exponent;
    return x > 0.0 && frexp(x, &exponent) == 0.5;
}

TEST_C(Quantise, ScaleIsTheLargestPowerOfTwoThatFits)
{
    for (int i = 0; i < 2000; i++) {
        const float most = (float)(exp2(60.0 * (gbt_rng_unit(1, (uint64_t)i) - 0.5)));
        const float limit = (float)(1 << (2 + i % 29));
        const float scale = gbt_quant_scale(most, limit);
        EXPECT_C_TRUE(is_power_of_two((double)scale));
        EXPECT_C_TRUE((double)most * (double)scale <= (double)limit);
        EXPECT_C_TRUE(2.0 * (double)most * (double)scale > (double)limit);
    }
}

TEST_C(Quantise, ScaleOfExtremesStaysInItsRange)
{
    EXPECT_C_TRUE(gbt_quant_scale(0.0f, 100.0f) == 1.0f);
    EXPECT_C_TRUE(gbt_quant_scale(1e-45f, 100.0f) == 0x1p100f);
    for (int i = 0; i < N_BITS; i++) {
        const gbt_quant q = gbt_quant_make(FLT_MAX, FLT_MAX, all_bits[i], false, 1);
        int32_t g, h;
        gbt_quant_row(&q, -FLT_MAX, FLT_MAX, 3, &g, &h);
        EXPECT_C_TRUE(g >= -q.grad_most && g < 0);
        EXPECT_C_TRUE(h <= q.hess_most && h > 0);
    }
}

TEST_C(Quantise, UnitsAndLimitsFollowFromTheBits)
{
    for (int i = 0; i < N_BITS; i++) {
        const gbt_quant q = gbt_quant_make(3.7f, 0.25f, all_bits[i], false, 7);
        const bool is_wide = all_bits[i] == 32;
        EXPECT_C_TRUE(q.is_wide == is_wide);
        EXPECT_C_TRUE(q.rounds_to_nearest == is_wide);
        EXPECT_C_EQ_INT(q.grad_most, is_wide ? 1 << 30 : (1 << (all_bits[i] - 1)) - 1);
        EXPECT_C_EQ_INT(q.hess_most, is_wide ? 1 << 30 : (1 << all_bits[i]) - 1);
        EXPECT_C_TRUE(q.grad_unit * (double)q.grad_scale == 1.0);
        EXPECT_C_TRUE(q.hess_unit * (double)q.hess_scale == 1.0);
    }
}

TEST_C(Quantise, FloorIsTheFloor)
{
    static const float values[] = {0.0f,      -0.0f,   0.5f,     -0.5f,     1.0f,
                                   -1.0f,     -1.25f,  32767.0f, -32767.0f, 65534.99f,
                                   -0x1p-30f, 0x1p30f, -0x1p30f};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        EXPECT_C_EQ_INT(gbt_quant_floor(values[i]), (int64_t)floor((double)values[i]));
    }
    for (int i = 0; i < 10000; i++) {
        const float x = (float)(1e5 * (gbt_rng_unit(2, (uint64_t)i) - 0.5));
        EXPECT_C_EQ_INT(gbt_quant_floor(x), (int64_t)floor((double)x));
    }
}

TEST_C(Quantise, UnitsNeverLeaveTheirBoundsNorTheNeighboursOfTheValue)
{
    for (int i = 0; i < N_BITS; i++) {
        for (int nearest = 0; nearest < 2; nearest++) {
            const float grad_most = 2.9f;
            const float hess_most = 0.7f;
            const gbt_quant q = gbt_quant_make(grad_most, hess_most, all_bits[i], nearest == 1, 11);
            for (uint32_t row = 0; row < 5000; row++) {
                const double unit = gbt_rng_unit(3, row);
                const float grad = row < 4 ? (row % 2 ? grad_most : -grad_most)
                                           : grad_most * (float)(2.0 * unit - 1.0);
                const float hess = row < 4 ? hess_most : hess_most * (float)gbt_rng_unit(4, row);
                int32_t g, h;
                gbt_quant_row(&q, grad, hess, row, &g, &h);
                ASSERT_C_TRUE(g >= -q.grad_most && g <= q.grad_most && h >= 0 && h <= q.hess_most);
                const double reach = q.rounds_to_nearest ? 0.5 : 1.0;
                ASSERT_C_TRUE(fabs((double)g - (double)grad * (double)q.grad_scale) <= reach);
                ASSERT_C_TRUE(fabs((double)h - (double)hess * (double)q.hess_scale) <= reach);
            }
        }
    }
}

TEST_C(Quantise, WholeNumbersOfUnitsStayExact)
{
    for (int i = 0; i < N_BITS; i++) {
        const gbt_quant q = gbt_quant_make(3.0f, 3.0f, all_bits[i], false, 5);
        for (uint32_t row = 0; row < 4000; row++) {
            const int32_t want_grad = (int32_t)(row % 7) - 3;
            const int32_t want_hess = (int32_t)(row % 4);
            int32_t g, h;
            gbt_quant_row(&q, (float)want_grad, (float)want_hess, row, &g, &h);
            ASSERT_C_TRUE((double)g * q.grad_unit == (double)want_grad);
            ASSERT_C_TRUE((double)h * q.hess_unit == (double)want_hess);
        }
    }
}

/* The mean over many rows of one value is the value: z is a standard normal, 6 is never exceeded by
 * chance. */
TEST_C(Quantise, StochasticRoundingHasNoBias)
{
    for (int i = 0; i < 12; i++) {
        const float fraction = (float)(i + 1) / 13.0f;
        const gbt_quant q = gbt_quant_make(7.0f, 15.0f, 4, false, 1000u + (uint32_t)i);
        int64_t grad_sum = 0;
        int64_t hess_sum = 0;
        int64_t product = 0;
        for (uint32_t row = 0; row < N; row++) {
            int32_t g, h;
            gbt_quant_row(&q, -3.0f + fraction, 9.0f + fraction, row, &g, &h);
            grad_sum += g + 3;
            hess_sum += h - 9;
            product += (g + 3) * (h - 9);
        }
        const double p = (double)fraction;
        const double spread = sqrt(p * (1.0 - p) / N);
        EXPECT_C_TRUE(fabs((double)grad_sum / N - p) < 6.0 * spread + 0x1p-16);
        EXPECT_C_TRUE(fabs((double)hess_sum / N - p) < 6.0 * spread + 0x1p-16);
        /* Both round independently of each other. */
        const double both = sqrt(p * p * (1.0 - p * p) / N);
        EXPECT_C_TRUE(fabs((double)product / N - p * p) < 6.0 * both + 0x1p-15);
    }
}

TEST_C(Quantise, KeysGiveDifferentRoundings)
{
    const gbt_quant a = gbt_quant_make(7.0f, 15.0f, 4, false, 1);
    const gbt_quant b = gbt_quant_make(7.0f, 15.0f, 4, false, 2);
    int n_different = 0;
    for (uint32_t row = 0; row < 10000; row++) {
        int32_t g[2], h[2];
        gbt_quant_row(&a, 0.5f, 0.5f, row, &g[0], &h[0]);
        gbt_quant_row(&b, 0.5f, 0.5f, row, &g[1], &h[1]);
        n_different += g[0] != g[1];
    }
    EXPECT_C_TRUE(n_different > 4500 && n_different < 5500);
}

TEST_C(Quantise, SquaresAreTheSumOfSquares)
{
    static float x[GBT_QUANT_CHUNK];
    for (int32_t n = 0; n <= GBT_QUANT_CHUNK; n = n < 40 ? n + 1 : n * 2 + 3) {
        double want = 0.0;
        for (int32_t i = 0; i < n; i++) {
            x[i] = (float)(gbt_rng_unit(6, (uint64_t)i) * 8.0 - 4.0);
            want += (double)x[i] * (double)x[i];
        }
        EXPECT_C_NEAR(gbt_quant_squares(x, n), want, 1e-12 * (1.0 + want));
    }
}

/* n values of 1 and one of `most`: the rule compares it with the root mean square. */
static int32_t bits_for(double most, int64_t n, bool in_hess)
{
    const double squares = (double)(n - 1) + most * most;
    return in_hess ? gbt_quant_bits(0, 1.0f, (double)n, (float)most, squares, n)
                   : gbt_quant_bits(0, (float)most, squares, 1.0f, (double)n, n);
}

TEST_C(Quantise, OnlyHeavyTailsAreWide)
{
    EXPECT_C_EQ_INT(gbt_quant_bits(0, 0.0f, 0.0, 0.0f, 0.0, 10), 16);
    for (int in_hess = 0; in_hess < 2; in_hess++) {
        EXPECT_C_EQ_INT(bits_for(1.0, 100, in_hess == 1), 16);
        EXPECT_C_EQ_INT(bits_for(1e6, 100, in_hess == 1), 16); /* 10 times the root mean square */
        EXPECT_C_EQ_INT(bits_for(1000.0, 100000000, in_hess == 1), 16);
        EXPECT_C_EQ_INT(bits_for(1040.0, 100000000, in_hess == 1), 32);
    }
    EXPECT_C_EQ_INT(gbt_quant_bits(8, 1e9f, 1.0, 1.0f, 1.0, 100), 8);
    EXPECT_C_EQ_INT(gbt_quant_bits(32, 1.0f, 100.0, 1.0f, 100.0, 100), 32);
}
