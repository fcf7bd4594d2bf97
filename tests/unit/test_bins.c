/* Binning: every path, size and thread count gives the bins of the definition. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/cuts_learn.h"
#include "tests/support/gtest_c.h"

static const gbt_search_path paths[3] = {GBT_SEARCH_PLAIN, GBT_SEARCH_AVX2, GBT_SEARCH_AVX512};

/* The definition: the number of cuts below x; NaN is missing. */
static int32_t bin_by_definition(const float *upper, int32_t n_cuts, float x)
{
    if (isnan(x)) {
        return n_cuts + 1;
    }
    int32_t bin = 0;
    while (bin < n_cuts && x > upper[bin]) {
        bin++;
    }
    return bin;
}

TEST_C(BinsSearch, EveryPathFindsTheDefinedBinForEveryNumberOfCuts)
{
    enum { N = 700 };
    float upper[254], x[N];
    uint8_t out[N + 1];
    for (int32_t n_cuts = 0; n_cuts <= 254; n_cuts++) {
        for (int32_t i = 0; i < n_cuts; i++) {
            upper[i] = (float)(i - n_cuts / 2) * 0.75f + (i % 3 == 0 ? 0.1f : 0.0f);
        }
        for (int i = 0; i < N;
             i++) { /* the cuts themselves, their neighbours, and special values */
            const float cut = n_cuts > 0 ? upper[i % n_cuts] : 0.0f;
            const float special[4] = {NAN, INFINITY, -INFINITY, -0.0f};
            x[i] = i < 254   ? cut
                   : i < 508 ? nextafterf(cut, i % 2 ? INFINITY : -INFINITY)
                             : special[i % 4];
        }
        gbt_search_table table;
        gbt_search_prepare(&table, upper, n_cuts);
        for (int p = 0; p < 3; p++) {
            if (!gbt_search_usable(paths[p])) {
                continue;
            }
            int wrong = 0;
            out[N] = 77;
            EXPECT_C_TRUE(gbt_search_bins(paths[p], &table, x, N, out));
            for (int i = 0; i < N; i++) {
                wrong += out[i] != bin_by_definition(upper, n_cuts, x[i]);
            }
            EXPECT_C_EQ_INT(wrong, 0);
            EXPECT_C_EQ_INT(out[N], 77);
        }
    }
}

TEST_C(BinsSearch, ShortInputsTouchNothingElseAndReportMissing)
{
    const float upper[3] = {0, 1, 2};
    gbt_search_table table;
    gbt_search_prepare(&table, upper, 3);
    for (int p = 0; p < 3; p++) {
        for (int n = 0; n <= 70 && gbt_search_usable(paths[p]); n++) {
            float x[80];
            uint8_t out[80];
            memset(out, 99, sizeof out);
            for (int i = 0; i < 80; i++) {
                x[i] = i < n ? (float)(i % 4) - 0.5f : NAN;
            }
            EXPECT_C_FALSE(gbt_search_bins(paths[p], &table, x, n, out));
            for (int i = 0; i < 80; i++) {
                EXPECT_C_EQ_INT(out[i], i < n ? i % 4 : 99);
            }
            if (n > 0) {
                x[n - 1] = NAN;
                EXPECT_C_TRUE(gbt_search_bins(paths[p], &table, x, n, out));
                EXPECT_C_EQ_INT(out[n - 1], 4);
            }
        }
    }
    EXPECT_C_TRUE(gbt_search_usable(GBT_SEARCH_PLAIN));
    EXPECT_C_TRUE(gbt_search_usable(gbt_search_best()));
}

enum { MOST_ROWS = 70000, MOST_COLUMNS = 70 };

/* Columns in turn: continuous, few values, with missing cells, categories. */
static float sample_cell(int64_t row, int32_t f)
{
    const uint64_t draw = gbt_rng_u64((uint64_t)f + 100, (uint64_t)row);
    switch (f % 4) {
    case 0:
        return (float)(draw >> 40);
    case 1:
        return (float)(draw % 10);
    case 2:
        return draw % 5 == 0 ? NAN : (float)(draw % 1000) * 0.1f;
    default:
        return draw % 50 == 0 ? -1.0f : (float)(draw % 300);
    }
}

/* Bins the sample by `path` and threads and compares every cell with gbt_cuts_bin_of. */
static void check_fill(int64_t n_rows, int32_t n_columns, bool by_column)
{
    float *x = malloc((size_t)(n_rows * n_columns) * sizeof *x);
    uint8_t kinds[MOST_COLUMNS];
    const gbt_matrix matrix = {
        x, GBT_F32, n_rows, n_columns, by_column ? 1 : n_columns, by_column ? n_rows : 1};
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t f = 0; f < n_columns; f++) {
            x[row * matrix.row_stride + f * matrix.col_stride] = sample_cell(row, f);
            kinds[f] = f % 4 == 3;
        }
    }
    const gbt_features features = {.n_rows = n_rows, .n_features = n_columns, .matrix = &matrix};
    const gbt_cuts_config config = {255, 3, 2000, 0, 2};
    gbt_cuts *cuts = NULL;
    ASSERT_C_OK(gbt_cuts_learn(&features, kinds, &config, &cuts));
    for (int p = 0; p < 3; p++) {
        if (!gbt_search_usable(paths[p])) {
            continue;
        }
        gbt_bins bins;
        ASSERT_C_OK(gbt_bins_fill_dense(&features, cuts, paths[p], 1 + 3 * p, &bins));
        int64_t wrong = 0;
        for (int32_t f = 0; f < n_columns; f++) {
            bool has_missing = false;
            for (int64_t row = 0; row < n_rows; row++) {
                const int32_t want = gbt_cuts_bin_of(cuts, f, sample_cell(row, f));
                wrong += gbt_bins_at(&bins, row, f) != want;
                has_missing |= want == cuts->n_bins[f];
            }
            wrong += bins.has_missing[f] != has_missing;
            wrong += bins.place[f].n_codes + (bins.place[f].default_bin >= 0) !=
                     cuts->n_bins[f] + has_missing;
        }
        EXPECT_C_EQ_INT(wrong, 0);
        gbt_bins_close(&bins);
    }
    gbt_cuts_release(cuts);
    free(x);
}

TEST_C(Bins, MatrixCellsHaveTheBinsOfTheirValues)
{
    check_fill(1, 1, false);
    check_fill(7, 8, false);
    check_fill(255, 9, false);
    check_fill(256, 16, true);
    check_fill(1031, 33, false);
    check_fill(777, MOST_COLUMNS, true);
    check_fill(MOST_ROWS, 5, false);
}

TEST_C(Bins, ThreadsDoNotMatter)
{
    enum { N = 50001, F = 11 };
    static float x[N * F];
    for (int64_t i = 0; i < (int64_t)N * F; i++) {
        x[i] = sample_cell(i / F, 2 * (int32_t)(i % F));
    }
    const gbt_matrix matrix = {x, GBT_F32, N, F, F, 1};
    const gbt_features features = {.n_rows = N, .n_features = F, .matrix = &matrix};
    const uint8_t kinds[F] = {0};
    const gbt_cuts_config config = {63, 3, 5000, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins one, many;
    ASSERT_C_OK(gbt_cuts_learn(&features, kinds, &config, &cuts));
    ASSERT_C_OK(gbt_bins_fill(&features, cuts, 1, &one));
    for (int threads = 2; threads <= 8; threads++) {
        ASSERT_C_OK(gbt_bins_fill(&features, cuts, threads, &many));
        EXPECT_C_EQ_BYTES(many.base, one.base, (size_t)(N * F));
        EXPECT_C_EQ_BYTES(many.has_missing, one.has_missing, F);
        gbt_bins_close(&many);
    }
    gbt_bins_close(&one);
    gbt_cuts_release(cuts);
}

TEST_C(Bins, ASubsetHoldsTheRowsAskedFor)
{
    enum { N = 100, F = 3 };
    float x[N * F];
    for (int i = 0; i < N * F; i++) {
        x[i] = sample_cell(i / F, i % F);
    }
    const gbt_matrix matrix = {x, GBT_F32, N, F, F, 1};
    const gbt_features features = {.n_rows = N, .n_features = F, .matrix = &matrix};
    const uint8_t kinds[F] = {0};
    const gbt_cuts_config config = {255, 1, 5000, 0, 1};
    const int64_t rows[5] = {99, 3, 3, 0, 50};
    gbt_cuts *cuts = NULL;
    gbt_bins all, some;
    ASSERT_C_OK(gbt_cuts_learn(&features, kinds, &config, &cuts));
    ASSERT_C_OK(gbt_bins_fill(&features, cuts, 1, &all));
    ASSERT_C_OK(gbt_bins_subset(&all, rows, 5, &some));
    EXPECT_C_EQ_INT(some.n_rows, 5);
    for (int i = 0; i < 5; i++) {
        for (int32_t f = 0; f < F; f++) {
            EXPECT_C_EQ_INT(gbt_bins_at(&some, i, f), gbt_bins_at(&all, rows[i], f));
        }
    }
    gbt_bins_close(&all);
    gbt_bins_close(&some);
    gbt_cuts_release(cuts);
}

TEST_C(Bins, AnEmptyMatrixHasPlainColumns)
{
    const float x[2] = {1, 2};
    const gbt_matrix matrix = {x, GBT_F32, 2, 1, 1, 1};
    const gbt_features features = {.n_rows = 2, .n_features = 1, .matrix = &matrix};
    const uint8_t kinds[1] = {0};
    const gbt_cuts_config config = {255, 1, 10, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins bins;
    ASSERT_C_OK(gbt_cuts_learn(&features, kinds, &config, &cuts));
    ASSERT_C_OK(gbt_bins_empty(cuts, &bins));
    EXPECT_C_EQ_INT(bins.n_rows, 0);
    EXPECT_C_EQ_INT(bins.n_columns, 1);
    EXPECT_C_EQ_INT(bins.n_codes[0], 2);
    EXPECT_C_EQ_INT(bins.place[0].default_bin, -1);
    gbt_bins_close(&bins);
    gbt_cuts_release(cuts);
}
