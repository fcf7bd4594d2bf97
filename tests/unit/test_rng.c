/* gbt/base/rng.h: fixed bits, no visible pattern, streams that do not resemble each other. */
#include <math.h>

#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

/* First outputs of SplitMix64 with seed 1234567, from the reference program of Sebastiano Vigna
 * (prng.di.unimi.it/splitmix64.c); the state grows by the golden gamma before it is mixed. */
TEST_C(Rng, MixIsSplitMix64)
{
    static const uint64_t want[] = {6457827717110365317ull, 3203168211198807973ull,
                                    9817491932198370423ull, 4593380528125082431ull,
                                    16408922859458223821ull};
    uint64_t state = 1234567;
    for (int i = 0; i < 5; i++) {
        EXPECT_C_EQ_INT(gbt_rng_mix(state), want[i]);
        state += 0x9E3779B97F4A7C15ull;
    }
}

TEST_C(Rng, EveryPartOfTheKeyMatters)
{
    uint64_t base = gbt_rng_key(1, 2, 3, GBT_RNG_ROWS);
    EXPECT_C_TRUE(base == gbt_rng_key(1, 2, 3, GBT_RNG_ROWS));
    EXPECT_C_TRUE(base != gbt_rng_key(2, 2, 3, GBT_RNG_ROWS));
    EXPECT_C_TRUE(base != gbt_rng_key(1, 3, 3, GBT_RNG_ROWS));
    EXPECT_C_TRUE(base != gbt_rng_key(1, 2, 4, GBT_RNG_ROWS));
    EXPECT_C_TRUE(base != gbt_rng_key(1, 2, 3, GBT_RNG_ROUNDING));
    EXPECT_C_TRUE(gbt_rng_key(0, 0, 1, GBT_RNG_ROWS) != gbt_rng_key(0, 1, 0, GBT_RNG_ROWS));
}

/* Pearson's statistic of n draws in 256 cells; for a uniform source 255 +- 22.6. */
static double chi_square(const int64_t count[256], int64_t n)
{
    double expected = (double)n / 256, sum = 0;
    for (int i = 0; i < 256; i++) {
        double d = (double)count[i] - expected;
        sum += d * d / expected;
    }
    return sum;
}

TEST_C(Rng, EveryByteOfADrawIsUniform)
{
    const int64_t n = 1 << 18;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t count[256] = {0}, count32[256] = {0};
        for (int64_t i = 0; i < n; i++) {
            count[gbt_rng_u64(99, (uint64_t)i) >> shift & 255]++;
            count32[gbt_rng_u32(99, (uint32_t)i) >> (shift & 31) & 255]++;
        }
        EXPECT_C_NEAR(chi_square(count, n), 255, 6 * 22.6);
        EXPECT_C_NEAR(chi_square(count32, n), 255, 6 * 22.6);
    }
}

TEST_C(Rng, NeighbouringRowsAndKeysAreUncorrelated)
{
    const int n = 1 << 16;
    double by_row = 0, by_key = 0, by_row32 = 0, by_key32 = 0;
    for (int i = 0; i < n; i++) {
        double here = gbt_rng_unit(7, (uint64_t)i) - 0.5;
        by_row += here * (gbt_rng_unit(7, (uint64_t)i + 1) - 0.5);
        by_key += here * (gbt_rng_unit(8, (uint64_t)i) - 0.5);
        double here32 = gbt_rng_u32(7, (uint32_t)i) * 0x1p-32 - 0.5;
        by_row32 += here32 * (gbt_rng_u32(7, (uint32_t)i + 1) * 0x1p-32 - 0.5);
        by_key32 += here32 * (gbt_rng_u32(8, (uint32_t)i) * 0x1p-32 - 0.5);
    }
    double deviation = sqrt((double)n) / 12;
    EXPECT_C_NEAR(by_row, 0, 6 * deviation);
    EXPECT_C_NEAR(by_key, 0, 6 * deviation);
    EXPECT_C_NEAR(by_row32, 0, 6 * deviation);
    EXPECT_C_NEAR(by_key32, 0, 6 * deviation);
}

TEST_C(Rng, UnitDrawsAreIn01WithTheRightMoments)
{
    const int n = 100000;
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        double x = gbt_rng_unit(5, (uint64_t)i);
        EXPECT_C_TRUE(x >= 0 && x < 1);
        sum += x;
        squares += x * x;
    }
    EXPECT_C_NEAR(sum / n, 0.5, 6 * 0.2887 / sqrt(n));
    EXPECT_C_NEAR(squares / n, 1.0 / 3, 6 * 0.2981 / sqrt(n));
}
