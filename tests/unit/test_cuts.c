/* Cut points: ties, sizes of bins, values apart, independence of threads and layout, categories,
 * and the binary form. Definitions are checked by brute force. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/data/cuts_learn.h"
#include "tests/support/gtest_c.h"

enum { MOST = 5000 };

static const gbt_cuts_config usual = {255, 3, 200000, 0, 1};

/* ---- One feature ----------------------------------------------------------------------------- */

TEST_C(CutsTally, DistinctValuesAscendWithTheirCounts)
{
    float value[MOST], kept[MOST];
    uint32_t count[MOST], scratch[MOST];
    for (int kind = 0; kind < 4; kind++) {
        int n_present = 0;
        for (int i = 0; i < MOST; i++) {
            const uint64_t draw = gbt_rng_u64(11, (uint64_t)(kind * MOST + i));
            const uint32_t bits = (uint32_t)draw;
            float any = 0;
            memcpy(&any, &bits, sizeof any); /* any bit pattern: denormals, infinities, NaN */
            value[i] = kind == 0 ? any : (float)(draw % 97) * (kind == 1 ? 1.0f : -0.01f);
            value[i] = kind == 3 && draw % 3 == 0 ? NAN : value[i];
            kept[i] = value[i];
            n_present += !isnan(value[i]);
        }
        const int64_t n = gbt_cuts_tally(value, MOST, count, scratch);
        int64_t total = 0, wrong = 0;
        for (int64_t i = 0; i < n; i++) {
            uint32_t want = 0;
            for (int k = 0; k < MOST && kind > 0; k++) {
                want += kept[k] == value[i];
            }
            wrong += (kind > 0 && want != count[i]) || (i > 0 && !(value[i - 1] < value[i]));
            total += count[i];
        }
        EXPECT_C_EQ_INT(wrong, 0);
        EXPECT_C_EQ_INT(total, n_present);
    }
}

TEST_C(CutsTally, BothZerosAreOneValueAndInfinitiesCount)
{
    float value[6] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -0.0f};
    uint32_t count[6], scratch[6];
    ASSERT_C_EQ_INT(gbt_cuts_tally(value, 6, count, scratch), 3);
    EXPECT_C_TRUE(value[0] == -INFINITY && value[1] == 0 && value[2] == INFINITY);
    EXPECT_C_FALSE(signbit(value[1]));
    EXPECT_C_EQ_INT(count[1], 3);
    EXPECT_C_EQ_INT(gbt_cuts_tally(value, 0, count, scratch), 0);
}

TEST_C(CutsBetween, TheCutSeparatesItsNeighboursExactly)
{
    const float edge[] = {-INFINITY, -FLT_MAX, -1.0f, -FLT_MIN, 0.0f,    1e-45f,
                          FLT_MIN,   1.0f,     3.0f,  FLT_MAX,  INFINITY};
    const int n = (int)(sizeof edge / sizeof *edge);
    for (int a = 0; a < n; a++) {
        for (int b = a + 1; b < n; b++) {
            const float cut = gbt_cuts_between(edge[a], edge[b]);
            EXPECT_C_TRUE(edge[a] <= cut && cut < edge[b]);
        }
    }
    int wrong = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        const float low = (float)(gbt_rng_unit(3, i) * 200 - 100);
        const float next = nextafterf(low, INFINITY), far = low + (float)gbt_rng_unit(4, i);
        wrong += !(low <= gbt_cuts_between(low, next) && gbt_cuts_between(low, next) < next);
        wrong +=
            far > low && !(low <= gbt_cuts_between(low, far) && gbt_cuts_between(low, far) < far);
    }
    EXPECT_C_EQ_INT(wrong, 0);
    EXPECT_C_TRUE(gbt_cuts_between(1.0f, 4.0f) == 2.5f);
    EXPECT_C_FALSE(signbit(gbt_cuts_between(-1.0f, 1.0f)));
}

/* Bins of the cuts over the tallied values: checks order, number and sizes; returns the largest
 * bin. */
static int64_t check_bins(const float *value, const uint32_t *count, int64_t n, int32_t max_bin,
                          int32_t min_rows, const float *upper, int32_t n_cuts)
{
    int64_t largest = 0, total = 0, at = 0;
    EXPECT_C_TRUE(n_cuts >= 0 && n_cuts < max_bin);
    for (int64_t i = 0; i < n; i++) {
        total += count[i];
    }
    for (int32_t b = 0; b <= n_cuts; b++) {
        int64_t rows = 0;
        while (at < n && (b == n_cuts || value[at] <= upper[b])) {
            rows += count[at++];
        }
        EXPECT_C_TRUE(rows >= min_rows || (n_cuts == 0 && rows == total));
        EXPECT_C_TRUE(b == 0 || b == n_cuts || upper[b] > upper[b - 1]);
        largest = rows > largest ? rows : largest;
    }
    EXPECT_C_EQ_INT(at, n);
    return largest;
}

TEST_C(CutsPlace, BinsAreNeverTooManyNorTooSmall)
{
    float value[MOST], upper[GBT_MAX_BINS];
    uint32_t count[MOST];
    for (uint64_t round = 0; round < 400; round++) {
        const uint64_t key = gbt_rng_key(round, 0, 0, GBT_RNG_SYNTH);
        const int64_t n = 1 + (int64_t)(gbt_rng_u64(key, 0) % (round % 4 == 0 ? 20 : 1500));
        const int32_t max_bin = 2 + (int32_t)(gbt_rng_u64(key, 1) % 254);
        const int32_t min_rows = 1 + (int32_t)(gbt_rng_u64(key, 2) % (round % 3 == 0 ? 1 : 30));
        for (int64_t i = 0; i < n; i++) {
            value[i] = (float)i - 100.0f;
            const double unit = gbt_rng_unit(key, (uint64_t)i + 10);
            count[i] = 1 + (uint32_t)(round % 2 == 0 ? 3 * unit : 1000 * pow(unit, 40));
        }
        const int32_t n_cuts = gbt_cuts_place(value, count, n, max_bin, min_rows, upper);
        check_bins(value, count, n, max_bin, min_rows, upper, n_cuts);
    }
}

TEST_C(CutsPlace, FewValuesGetABinEachWithCutsHalfWayBetween)
{
    const float value[4] = {-2, 0, 1, 8};
    const uint32_t count[4] = {3, 100, 3, 7};
    float upper[GBT_MAX_BINS];
    ASSERT_C_EQ_INT(gbt_cuts_place(value, count, 4, 255, 3, upper), 3);
    EXPECT_C_TRUE(upper[0] == -1.0f && upper[1] == 0.5f && upper[2] == 4.5f);
    /* A rare value joins its neighbour: below the next one, or the last bin. */
    const uint32_t rare[4] = {2, 100, 3, 2};
    ASSERT_C_EQ_INT(gbt_cuts_place(value, rare, 4, 255, 3, upper), 1);
    EXPECT_C_TRUE(upper[0] == 0.5f);
    EXPECT_C_EQ_INT(gbt_cuts_place(value, rare, 1, 255, 3, upper), 0);
    EXPECT_C_EQ_INT(gbt_cuts_place(value, rare, 0, 255, 3, upper), 0);
}

TEST_C(CutsPlace, DifferentValuesFillBinsOfEqualSize)
{
    static float value[MOST];
    static uint32_t count[MOST];
    float upper[GBT_MAX_BINS];
    for (int i = 0; i < MOST; i++) {
        value[i] = (float)i;
        count[i] = 1;
    }
    for (int32_t max_bin = 2; max_bin <= 255; max_bin++) {
        const int32_t n_cuts = gbt_cuts_place(value, count, MOST, max_bin, 3, upper);
        EXPECT_C_EQ_INT(n_cuts, max_bin - 1);
        const int64_t largest = check_bins(value, count, MOST, max_bin, 3, upper, n_cuts);
        EXPECT_C_TRUE(largest <= (MOST + max_bin - 1) / max_bin);
    }
}

TEST_C(CutsPlace, AHeavyValueStandsAloneAndTheRestIsSharedOut)
{
    static float value[2001];
    static uint32_t count[2001];
    float upper[GBT_MAX_BINS];
    for (int i = 0; i <= 2000; i++) {
        value[i] = (float)i;
        count[i] = i == 1000 ? 100000 : 1;
    }
    const int32_t n_cuts = gbt_cuts_place(value, count, 2001, 101, 1, upper);
    EXPECT_C_EQ_INT(n_cuts, 100);
    int32_t cut = 0;
    while (upper[cut] < 1000) {
        cut++;
    }
    EXPECT_C_TRUE(upper[cut - 1] >= 999 && upper[cut] < 1001);
    /* 100 bins for 2000 light rows: about 20 each on both sides. */
    for (int32_t b = 1; b < cut; b++) {
        EXPECT_C_NEAR((double)(upper[b] - upper[b - 1]), 20.0, 1.01);
    }
    for (int32_t b = cut + 1; b < n_cuts; b++) {
        EXPECT_C_NEAR((double)(upper[b] - upper[b - 1]), 20.0, 1.01);
    }
}

/* Heavy values among light ones: none shares its bin with another heavy one. */
TEST_C(CutsPlace, HeavyValuesDoNotShareABin)
{
    static float value[4000];
    static uint32_t count[4000];
    float upper[GBT_MAX_BINS];
    for (int i = 0; i < 4000; i++) {
        value[i] = (float)i;
        count[i] = i % 100 == 50 ? 500 : 1;
    }
    const int32_t n_cuts = gbt_cuts_place(value, count, 4000, 255, 1, upper);
    check_bins(value, count, 4000, 255, 1, upper, n_cuts);
    int32_t at = 0, last_bin = -1;
    for (int i = 0; i < 4000; i++) {
        while (at < n_cuts && value[i] > upper[at]) {
            at++;
        }
        if (count[i] == 500) {
            EXPECT_C_TRUE(at > last_bin);
            last_bin = at;
        }
    }
}

/* ---- All features ---------------------------------------------------------------------------- */

enum { ROWS = 3000, COLUMNS = 7 };

/* Continuous, ties, constant, all missing, some missing, infinities, categories. */
static void fill_sample(float *x, int64_t row_step, int64_t column_step)
{
    for (uint64_t row = 0; row < ROWS; row++) {
        const double unit = gbt_rng_unit(21, row);
        const float cell[COLUMNS] = {
            (float)(unit * unit),
            (float)(gbt_rng_u64(22, row) % 40),
            5.0f,
            NAN,
            gbt_rng_u64(23, row) % 4 == 0 ? NAN : (float)gbt_rng_unit(24, row) - 0.5f,
            gbt_rng_u64(25, row) % 5 == 0   ? INFINITY
            : gbt_rng_u64(25, row) % 5 == 1 ? -INFINITY
                                            : (float)(gbt_rng_u64(26, row) % 3),
            gbt_rng_u64(27, row) % 9 == 0 ? -1.0f : (float)(gbt_rng_u64(28, row) % 700),
        };
        for (int64_t f = 0; f < COLUMNS; f++) {
            x[(int64_t)row * row_step + f * column_step] = cell[f];
        }
    }
}

static const uint8_t sample_kinds[COLUMNS] = {0, 0, 0, 0, 0, 0, 1};

static gbt_cuts *learn_sample(bool by_column, const gbt_cuts_config *config)
{
    static float x[ROWS * COLUMNS];
    fill_sample(x, by_column ? 1 : COLUMNS, by_column ? ROWS : 1);
    const gbt_matrix matrix = {
        x, GBT_F32, ROWS, COLUMNS, by_column ? 1 : COLUMNS, by_column ? ROWS : 1};
    const gbt_features features = {.n_rows = ROWS, .n_features = COLUMNS, .matrix = &matrix};
    gbt_cuts *cuts = NULL;
    EXPECT_C_OK(gbt_cuts_learn(&features, sample_kinds, config, &cuts));
    return cuts;
}

TEST_C(Cuts, KindsOfColumnsGetTheirBins)
{
    gbt_cuts *cuts = learn_sample(false, &usual);
    ASSERT_C_TRUE(cuts != NULL);
    EXPECT_C_EQ_INT(cuts->n_bins[0], 255);
    EXPECT_C_EQ_INT(cuts->n_bins[1], 40);
    EXPECT_C_EQ_INT(cuts->n_bins[2], 1);
    EXPECT_C_EQ_INT(cuts->n_bins[3], 1);
    EXPECT_C_EQ_INT(cuts->n_bins[4], 255);
    EXPECT_C_EQ_INT(cuts->n_bins[5], 5);
    EXPECT_C_EQ_INT(cuts->n_bins[6], 255);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, -INFINITY), 0);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, -FLT_MAX), 0); /* cuts are finite */
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, nextafterf(-FLT_MAX, 0.0f)), 1);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, 2), 3);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, FLT_MAX), 3);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, INFINITY), 4);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 5, NAN), 5);
    gbt_cuts_release(cuts);
}

TEST_C(Cuts, DoNotDependOnThreadsNorLayout)
{
    gbt_cuts_config config = usual;
    config.sample_for_bins = 1000;
    gbt_cuts *one = learn_sample(false, &config);
    ASSERT_C_TRUE(one != NULL);
    for (int threads = 1; threads <= 8; threads++) {
        config.threads = threads;
        gbt_cuts *other = learn_sample(threads % 2 == 0, &config);
        ASSERT_C_TRUE(other != NULL);
        EXPECT_C_TRUE(gbt_cuts_equal(one, other));
        gbt_cuts_release(other);
    }
    config.seed = 1;
    gbt_cuts *reseeded = learn_sample(false, &config);
    EXPECT_C_FALSE(gbt_cuts_equal(one, reseeded));
    gbt_cuts_release(one);
    gbt_cuts_release(reseeded);
}

TEST_C(Cuts, AnIncreasingMapOfAFeatureGivesTheSameBins)
{
    float plain[ROWS], mapped[ROWS];
    for (uint64_t i = 0; i < ROWS; i++) {
        plain[i] = (float)(gbt_rng_u64(31, i) % 1200) * 0.125f - 60.0f;
        mapped[i] = plain[i] * plain[i] * plain[i] + plain[i];
    }
    gbt_cuts *cuts[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        const gbt_matrix matrix = {i == 0 ? plain : mapped, GBT_F32, ROWS, 1, 1, 1};
        const gbt_features features = {.n_rows = ROWS, .n_features = 1, .matrix = &matrix};
        const uint8_t numeric = 0;
        ASSERT_C_OK(gbt_cuts_learn(&features, &numeric, &usual, &cuts[i]));
    }
    EXPECT_C_EQ_INT(cuts[0]->n_bins[0], cuts[1]->n_bins[0]);
    int differ = 0;
    for (int i = 0; i < ROWS; i++) {
        differ += gbt_cuts_bin_of(cuts[0], 0, plain[i]) != gbt_cuts_bin_of(cuts[1], 0, mapped[i]);
    }
    EXPECT_C_EQ_INT(differ, 0);
    gbt_cuts_release(cuts[0]);
    gbt_cuts_release(cuts[1]);
}

/* Sparse and dense forms of the same numbers lead to the same cuts, with zeros and missing
 * cells. */
TEST_C(Cuts, SparseRowsAreTheSameNumbers)
{
    enum { N = 800, F = 6 };
    float dense[N * F], value[N * F];
    int64_t start[N + 1] = {0};
    int32_t column[N * F];
    for (int64_t row = 0; row < N; row++) {
        int64_t at = start[row];
        for (int32_t f = 0; f < F; f++) {
            const uint64_t draw = gbt_rng_u64(41, (uint64_t)(row * F + f));
            const float x = draw % 7 == 0 ? NAN : draw % 3 == 0 ? (float)(draw % 50) - 20.0f : 0.0f;
            dense[row * F + f] = f == 5 ? fabsf(x) : x;
            if (dense[row * F + f] != 0 || draw % 11 == 0) { /* some explicit zeros */
                column[at] = f;
                value[at++] = dense[row * F + f];
            }
        }
        start[row + 1] = at;
    }
    const gbt_matrix matrix = {dense, GBT_F32, N, F, F, 1};
    const gbt_csr csr = {start, column, value, GBT_F32, N, F};
    const gbt_features features[2] = {{.n_rows = N, .n_features = F, .matrix = &matrix},
                                      {.n_rows = N, .n_features = F, .sparse = &csr}};
    const uint8_t kinds[F] = {0, 0, 0, 0, 0, 1};
    gbt_cuts_config config = usual;
    for (int sampled = 0; sampled < 2; sampled++) {
        gbt_cuts *cuts[2] = {NULL, NULL};
        config.sample_for_bins = sampled ? 300 : N;
        for (int i = 0; i < 2; i++) {
            ASSERT_C_OK(gbt_cuts_learn(&features[i], kinds, &config, &cuts[i]));
        }
        EXPECT_C_TRUE(gbt_cuts_equal(cuts[0], cuts[1]));
        EXPECT_C_TRUE(cuts[0]->n_bins[0] > 10);
        gbt_cuts_release(cuts[0]);
        gbt_cuts_release(cuts[1]);
    }
}

/* ---- Categories ------------------------------------------------------------------------------ */

TEST_C(CutsCategories, FrequentOnesComeFirstAndTiesGoByCode)
{
    const uint32_t count[6] = {3, 9, 0, 9, 1, 3};
    uint8_t bin[6];
    int32_t n_bins = 0;
    ASSERT_C_OK(gbt_cuts_rank_categories(count, 6, 255, bin, &n_bins));
    EXPECT_C_EQ_INT(n_bins, 5);
    const uint8_t want[6] = {2, 0, 5, 1, 4, 3}; /* code 2 was never seen: missing, 5 */
    EXPECT_C_EQ_BYTES(bin, want, 6);
    ASSERT_C_OK(gbt_cuts_rank_categories(count, 6, 3, bin, &n_bins));
    EXPECT_C_EQ_INT(n_bins, 3);
    const uint8_t shared[6] = {2, 0, 3, 1, 2, 2}; /* the last bin collects the rest */
    EXPECT_C_EQ_BYTES(bin, shared, 6);
    ASSERT_C_OK(gbt_cuts_rank_categories(count, 0, 3, bin, &n_bins));
    EXPECT_C_EQ_INT(n_bins, 1);
}

TEST_C(CutsCategories, OddValuesAreMissingAtLookUpAndRefusedInTraining)
{
    float x[6] = {0, 2, 2, NAN, -3, 1};
    const gbt_matrix matrix = {x, GBT_F32, 6, 1, 1, 1};
    const gbt_features features = {.n_rows = 6, .n_features = 1, .matrix = &matrix};
    const uint8_t categorical = 1;
    gbt_cuts *cuts = NULL;
    ASSERT_C_OK(gbt_cuts_learn(&features, &categorical, &usual, &cuts));
    EXPECT_C_EQ_INT(cuts->n_bins[0], 3);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 0, 2), 0);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 0, 0), 1);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 0, -0.0f), 1);
    EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 0, 1), 2);
    const float missing[] = {3, -1, 0.5f, NAN, INFINITY, -INFINITY, 1e30f};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        EXPECT_C_EQ_INT(gbt_cuts_bin_of(cuts, 0, missing[i]), 3);
    }
    gbt_cuts_release(cuts);
    const float bad[3] = {0.5f, 16777216.0f, INFINITY};
    for (int i = 0; i < 3; i++) {
        x[4] = bad[i];
        EXPECT_C_STATUS(gbt_cuts_learn(&features, &categorical, &usual, &cuts), GBT_ERR_DATA);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "row 4, feature 0");
        EXPECT_C_TRUE(cuts == NULL);
    }
}

/* ---- Binary form ----------------------------------------------------------------------------- */

TEST_C(Cuts, TheBinaryFormIsExact)
{
    gbt_cuts *cuts = learn_sample(false, &usual), *copy = NULL;
    ASSERT_C_TRUE(cuts != NULL);
    gbt_writer writer = {0};
    gbt_cuts_write(&writer, cuts);
    gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "test"};
    ASSERT_C_OK(gbt_cuts_read(&reader, &copy));
    EXPECT_C_EQ_INT(reader.at, writer.size);
    EXPECT_C_TRUE(gbt_cuts_equal(cuts, copy));
    copy->upper[3] = nextafterf(copy->upper[3], INFINITY);
    EXPECT_C_FALSE(gbt_cuts_equal(cuts, copy));
    gbt_cuts_release(copy);
    for (size_t size = 0; size < writer.size; size += 1 + size / 64) {
        gbt_reader cut_short = {.data = writer.data, .size = size, .where = "test"};
        EXPECT_C_STATUS(gbt_cuts_read(&cut_short, &copy), GBT_ERR_FORMAT);
        EXPECT_C_TRUE(copy == NULL);
    }
    gbt_writer_close(&writer);
    gbt_cuts_release(cuts);
}

TEST_C(Cuts, ImpossibleContentsAreRefused)
{
    gbt_cuts *cuts = learn_sample(false, &usual), *copy = NULL;
    ASSERT_C_TRUE(cuts != NULL);
    for (int fault = 0; fault < 4; fault++) {
        const int32_t n_bins = cuts->n_bins[2];
        const float upper = cuts->upper[1];
        const uint8_t bin = cuts->category_bin[0];
        cuts->n_bins[2] = fault == 0 ? 0 : n_bins;
        cuts->upper[1] = fault == 1 ? cuts->upper[0] : fault == 2 ? NAN : upper;
        cuts->n_bins[6] = fault == 3 ? 100 : 255;
        gbt_writer writer = {0};
        gbt_cuts_write(&writer, cuts);
        gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "test"};
        EXPECT_C_STATUS(gbt_cuts_read(&reader, &copy), GBT_ERR_FORMAT);
        gbt_writer_close(&writer);
        cuts->n_bins[2] = n_bins;
        cuts->upper[1] = upper;
        cuts->category_bin[0] = bin;
    }
    gbt_cuts_release(cuts);
}
