/* The bound that closes sparse features: rows exactly, hessians never less than they are. */
#include "gbt/backend/cpu/cpu_internal.h"
#include "tests/support/gtest_c.h"

static gbt_backend backend_of(int64_t n_rows, int32_t hess_most, int64_t least_hess)
{
    gbt_backend b = {.hess_most = hess_most, .least_hess = least_hess};
    b.sample.n_rows = n_rows;
    b.config.min_child_samples = 3;
    gbt_cpu_measure_away(&b);
    return b;
}

TEST_C(CpuEntries, HessiansOfAllRowsFitTheBoundAndUnitsAreAsSmallAsCanBe)
{
    static const int64_t rows[] = {0, 1, 1000, 65537, 1000000, UINT32_MAX};
    static const int32_t most[] = {0, 1, 4095, 65535, INT32_MAX};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof most / sizeof most[0]; k++) {
            const gbt_backend b = backend_of(rows[i], most[k], 1);
            const int64_t largest = ((int64_t)most[k] + ((int64_t)1 << b.away_shift) - 1) >>
                                    b.away_shift; /* of one row, rounded up */
            EXPECT_C_TRUE(rows[i] * largest <= UINT32_MAX);
            EXPECT_C_TRUE(b.away_shift == 0 ||
                          rows[i] * ((most[k] >> (b.away_shift - 1)) + 1) > UINT32_MAX);
        }
    }
}

TEST_C(CpuEntries, AFeatureIsClosedByTooFewRowsOrTooLittleHessian)
{
    const gbt_cpu_feature numeric = {0};
    const gbt_cpu_feature categorical = {.is_categorical = true};
    const gbt_backend fine = backend_of(1000, 65535, 100);
    EXPECT_C_EQ_INT(fine.away_shift, 0);
    EXPECT_C_TRUE(gbt_cpu_has_few_away(&fine, &numeric, (uint64_t)100 << 32 | 2));
    EXPECT_C_FALSE(gbt_cpu_has_few_away(&fine, &numeric, (uint64_t)100 << 32 | 3));
    EXPECT_C_TRUE(gbt_cpu_has_few_away(&fine, &numeric, (uint64_t)99 << 32 | UINT32_MAX));
    EXPECT_C_FALSE(gbt_cpu_has_few_away(&fine, &categorical, (uint64_t)99 << 32 | 3));

    const gbt_backend coarse = backend_of(1000000, 65535, 100);
    const uint64_t enough = (uint64_t)((100 >> coarse.away_shift) + 1);
    EXPECT_C_TRUE(coarse.away_shift > 0);
    EXPECT_C_FALSE(gbt_cpu_has_few_away(&coarse, &numeric, enough << 32 | 3));
    EXPECT_C_TRUE(gbt_cpu_has_few_away(&coarse, &numeric, (enough - 1) << 32 | 3));
}
