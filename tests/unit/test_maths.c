/* gbt/base/maths.h against libm, and its bits against values that every compiler must give. */
#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

/* Distance from the true value in units in the last place of a float or double at that value. */
static double ulps_f32(float got, double want)
{
    int exponent;
    (void)frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1, exponent - 24);
}

static double ulps_f64(double got, long double want)
{
    int exponent;
    (void)frexpl(want, &exponent);
    return (double)(fabsl((long double)got - want) / ldexpl(1, exponent - 53));
}

TEST_C(Maths, FloatExpIsWithinTwoUlp)
{
    double worst = 0;
    for (uint32_t bits = 0; bits < 0xff800000u; bits += 997) {
        float x = gbt_f32_of_bits(bits);
        if (x >= -87 && x <= 88) {
            worst = fmax(worst, ulps_f32(gbt_expf(x), exp((double)x)));
        }
    }
    EXPECT_C_NEAR(worst, 0, 2);
    EXPECT_C_TRUE(gbt_expf(0.0f) == 1.0f);
}

TEST_C(Maths, FloatLogIsWithinTwoUlp)
{
    double worst = 0;
    for (uint32_t bits = 0x00800000u; bits < 0x7f800000u; bits += 997) {
        float x = gbt_f32_of_bits(bits);
        worst = fmax(worst, ulps_f32(gbt_logf(x), log((double)x)));
    }
    for (uint32_t bits = 0x3f7f0000u; bits < 0x3f810000u; bits++) { /* around 1 */
        float x = gbt_f32_of_bits(bits);
        if (x != 1.0f) {
            worst = fmax(worst, ulps_f32(gbt_logf(x), log((double)x)));
        }
    }
    EXPECT_C_NEAR(worst, 0, 2);
    EXPECT_C_TRUE(gbt_logf(1.0f) == 0.0f);
}

TEST_C(Maths, DoubleExpAndLogAreWithinTwoUlp)
{
    double worst_exp = 0, worst_log = 0;
    for (uint64_t i = 0; i < 300000; i++) {
        double x = -708 + 1417 * gbt_rng_unit(1, i);
        worst_exp = fmax(worst_exp, ulps_f64(gbt_exp(x), expl((long double)x)));
        double small = (gbt_rng_unit(2, i) - 0.5) * 0x1p-10;
        worst_exp = fmax(worst_exp, ulps_f64(gbt_exp(small), expl((long double)small)));
        double y = gbt_f64_of_bits(gbt_rng_u64(3, i) % 0x7ff0000000000000ull);
        worst_log = fmax(worst_log, ulps_f64(gbt_log(y), logl((long double)y)));
        double near_one = 0.5 + 1.5 * gbt_rng_unit(4, i);
        worst_log = fmax(worst_log, ulps_f64(gbt_log(near_one), logl((long double)near_one)));
        near_one = 1 + small;
        worst_log = fmax(worst_log, ulps_f64(gbt_log(near_one), logl((long double)near_one)));
    }
    EXPECT_C_NEAR(worst_exp, 0, 2);
    EXPECT_C_NEAR(worst_log, 0, 2);
    EXPECT_C_TRUE(gbt_exp(0.0) == 1.0);
    EXPECT_C_TRUE(gbt_log(1.0) == 0.0);
}

TEST_C(Maths, ArgumentsOutsideAreClampedAndNanStaysNan)
{
    EXPECT_C_TRUE(gbt_expf(-INFINITY) == gbt_expf(-87.0f));
    EXPECT_C_TRUE(gbt_expf(INFINITY) == gbt_expf(88.0f));
    EXPECT_C_TRUE(isfinite((double)gbt_expf(1e30f)));
    EXPECT_C_TRUE(gbt_expf(-1e30f) >= 0x1p-126f);
    EXPECT_C_TRUE(isnan((double)gbt_expf(NAN)));
    EXPECT_C_TRUE(gbt_logf(0.0f) == gbt_logf(0x1p-126f));
    EXPECT_C_TRUE(gbt_logf(-3.0f) == gbt_logf(0x1p-126f));
    EXPECT_C_NEAR((double)gbt_logf(0.0f), -87.3, 0.05);
    EXPECT_C_TRUE(isnan((double)gbt_logf(NAN)));
    EXPECT_C_TRUE(gbt_exp(-(double)INFINITY) == gbt_exp(-708.0));
    EXPECT_C_TRUE(gbt_exp((double)INFINITY) == gbt_exp(709.0));
    EXPECT_C_TRUE(isfinite(gbt_exp(1e300)));
    EXPECT_C_TRUE(isnan(gbt_exp((double)NAN)));
    EXPECT_C_TRUE(gbt_log(0.0) == -(double)INFINITY);
    EXPECT_C_TRUE(gbt_log(-0.0) == -(double)INFINITY);
    EXPECT_C_TRUE(isnan(gbt_log(-1.0)));
    EXPECT_C_TRUE(isnan(gbt_log((double)NAN)));
    EXPECT_C_TRUE(gbt_log((double)INFINITY) == (double)INFINITY);
    EXPECT_C_NEAR(gbt_log(0x1p-1074), -1074 * 0.69314718055994531, 1e-10);
}

/* Digest of the results over many arguments: order-dependent, so every bit of every one counts. */
static uint64_t digest_of_f32(const float *x, int64_t n)
{
    uint64_t digest = 0;
    for (int64_t i = 0; i < n; i++) {
        digest = gbt_rng_mix(digest ^ gbt_f32_bits(x[i]));
    }
    return digest;
}

enum { N_POINTS = 1 << 16 };

/* Loops that a compiler may turn into vector code. */
static void fill_exp(const float *x, float *out)
{
    for (int64_t i = 0; i < N_POINTS; i++) {
        out[i] = gbt_expf(x[i]);
    }
}

static void fill_log(const float *x, float *out)
{
    for (int64_t i = 0; i < N_POINTS; i++) {
        out[i] = gbt_logf(x[i]);
    }
}

/* The digests were printed by gcc -O0 and agreed with gcc -O3, clang -O0 and clang -O3, also with
 * -mavx2: they state "the same bits everywhere", not that the values are right (see above). */
TEST_C(Maths, BitsAreTheSameForEveryCompilerAndVectorWidth)
{
    float *x, *out;
    ASSERT_C_OK(GBT_NEW(x, N_POINTS));
    ASSERT_C_OK(GBT_NEW(out, N_POINTS));
    for (uint64_t i = 0; i < N_POINTS; i++) {
        x[i] = (float)(180 * gbt_rng_unit(11, i) - 90);
    }
    fill_exp(x, out);
    EXPECT_C_EQ_INT(digest_of_f32(out, N_POINTS), -7522504158003703897);
    for (uint64_t i = 0; i < N_POINTS; i++) {
        x[i] = gbt_f32_of_bits(gbt_rng_u32(12, (uint32_t)i) % 0x7f800000u);
    }
    fill_log(x, out);
    EXPECT_C_EQ_INT(digest_of_f32(out, N_POINTS), 1756168380729370071);
    uint64_t digest = 0;
    for (uint64_t i = 0; i < N_POINTS; i++) {
        digest = gbt_rng_mix(digest ^ gbt_f64_bits(gbt_exp(1500 * gbt_rng_unit(13, i) - 750)));
        double y = gbt_f64_of_bits(gbt_rng_u64(14, i) % 0x7ff0000000000000ull);
        digest = gbt_rng_mix(digest ^ gbt_f64_bits(gbt_log(y)));
    }
    EXPECT_C_EQ_INT(digest, 8240063946496980956);
    gbt_release(x);
    gbt_release(out);
}

TEST_C(Maths, LoopsGiveTheBitsOfSingleCalls)
{
    float *x, *out;
    ASSERT_C_OK(GBT_NEW(x, N_POINTS));
    ASSERT_C_OK(GBT_NEW(out, N_POINTS));
    for (uint64_t i = 0; i < N_POINTS; i++) {
        x[i] = (float)(200 * gbt_rng_unit(21, i) - 100);
    }
    int64_t n_wrong = 0;
    fill_exp(x, out);
    for (int64_t i = 0; i < N_POINTS; i++) {
        volatile float alone = x[i];
        n_wrong += gbt_f32_bits(gbt_expf(alone)) != gbt_f32_bits(out[i]);
    }
    fill_log(x, out);
    for (int64_t i = 0; i < N_POINTS; i++) {
        volatile float alone = x[i];
        n_wrong += gbt_f32_bits(gbt_logf(alone)) != gbt_f32_bits(out[i]);
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    gbt_release(x);
    gbt_release(out);
}
