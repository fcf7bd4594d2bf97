/* Dense features that share columns: as many as the rows allow, and the bins read back are those of
 * their values, also where the sample of rows promised too much. */
#include <math.h>
#include <stdlib.h>

#include "gbt/base/rng.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/cuts_learn.h"
#include "tests/support/gtest_c.h"

/* Forty indicators of four categories with ten values each, then three numbers, counts that are
 * mostly 0, a category, and numbers that are mostly missing. */
enum { INDICATORS = 40, NUMBERS = 43, COUNTS = 46, CATEGORY = 47, MISSING = 48, COLUMNS = 49 };
enum { NOT_SAMPLED = 300 }; /* a row of a tile that no sample of MANY_ROWS has */
enum { MANY_ROWS = 60000 };

static float cell(int64_t row, int32_t f)
{
    const uint64_t draw = gbt_rng_u64((uint64_t)f + 100, (uint64_t)row);
    if (f < INDICATORS) {
        const uint64_t value = gbt_rng_u64((uint64_t)(f / 10), (uint64_t)row) % 10;
        return value == (uint64_t)(f % 10) ? 1.0f : 0.0f;
    }
    if (f < NUMBERS) {
        return (float)(draw >> 40);
    }
    if (f < COUNTS) { /* two of them never together */
        const uint64_t when = gbt_rng_u64(99, (uint64_t)row) % 40;
        return when == (uint64_t)(f % 2) ? (float)(draw % 30) : 0.0f;
    }
    if (f == CATEGORY) {
        return (float)(draw % 3 == 0 ? draw % 7 : 0);
    }
    return draw % 20 == 0 ? (float)(draw % 11) : NAN;
}

typedef struct dense_case {
    int64_t n_rows;
    float *x; /* [n_rows x COLUMNS] */
    gbt_matrix matrix;
    gbt_features features;
    gbt_cuts *cuts;
    gbt_bins bins;
} dense_case;

static void open_case(dense_case *c, int64_t n_rows)
{
    *c = (dense_case){.n_rows = n_rows};
    c->x = malloc((size_t)(n_rows * COLUMNS) * sizeof *c->x);
    for (int64_t i = 0; i < n_rows * COLUMNS; i++) {
        c->x[i] = cell(i / COLUMNS, (int32_t)(i % COLUMNS));
    }
    c->matrix = (gbt_matrix){c->x, GBT_F32, n_rows, COLUMNS, COLUMNS, 1};
    c->features = (gbt_features){.n_rows = n_rows, .n_features = COLUMNS, .matrix = &c->matrix};
}

/* Learns the cuts and fills the matrix. */
static void fill(dense_case *c, int threads)
{
    uint8_t kinds[COLUMNS] = {0};
    kinds[CATEGORY] = 1;
    const gbt_cuts_config config = {63, 3, 5000, 0, 1};
    ASSERT_C_OK(gbt_cuts_learn(&c->features, kinds, &config, &c->cuts));
    ASSERT_C_OK(gbt_bins_fill(&c->features, c->cuts, threads, &c->bins));
}

static void close_case(dense_case *c)
{
    free(c->x);
    gbt_cuts_release(c->cuts);
    gbt_bins_close(&c->bins);
}

/* Cells and marks of missing values that are not as the values say. */
static int64_t count_wrong(const dense_case *c)
{
    int64_t wrong = 0;
    for (int32_t f = 0; f < COLUMNS; f++) {
        bool has_missing = false;
        for (int64_t row = 0; row < c->n_rows; row++) {
            const int32_t want = gbt_cuts_bin_of(c->cuts, f, c->x[row * COLUMNS + f]);
            wrong += gbt_bins_at(&c->bins, row, f) != want;
            has_missing |= want == c->cuts->n_bins[f];
        }
        wrong += c->bins.has_missing[f] != has_missing;
    }
    for (int32_t column = 0; column < c->bins.n_columns; column++) {
        for (int64_t row = 0; row < c->n_rows; row++) {
            wrong += c->bins.base[row * c->bins.row_step + column] >= c->bins.n_codes[column];
        }
    }
    return wrong;
}

static bool is_shared(const dense_case *c, int32_t feature)
{
    return c->bins.place[feature].default_bin >= 0;
}

TEST_C(BundleDense, FeaturesThatAreNeverAwayTogetherShareColumns)
{
    const int64_t n_rows[4] = {40, 700, 8192, MANY_ROWS};
    for (int i = 0; i < 4; i++) {
        dense_case c;
        open_case(&c, n_rows[i]);
        fill(&c, 2);
        EXPECT_C_EQ_INT(count_wrong(&c), 0);
        EXPECT_C_TRUE(!is_shared(&c, CATEGORY));
        for (int32_t f = INDICATORS; f < NUMBERS && n_rows[i] > 40; f++) {
            EXPECT_C_TRUE(!is_shared(&c, f));
        }
        if (n_rows[i] >= 700) { /* ten values of a category fill one or two columns */
            EXPECT_C_TRUE(c.bins.n_columns <= 16);
        }
        close_case(&c);
    }
}

TEST_C(BundleDense, FeaturesThatMeetOutsideTheSampleAreParted)
{
    dense_case c;
    open_case(&c, MANY_ROWS);
    for (int32_t f = 0; f < 10; f++) { /* a category with two values in one row */
        c.x[NOT_SAMPLED * COLUMNS + f] = f == 3 || f == 7 ? 1.0f : 0.0f;
    }
    fill(&c, 2);
    EXPECT_C_EQ_INT(count_wrong(&c), 0);
    EXPECT_C_TRUE(!is_shared(&c, 3) || !is_shared(&c, 7) ||
                  c.bins.place[3].column != c.bins.place[7].column);
    EXPECT_C_TRUE(is_shared(&c, 0) && is_shared(&c, 1) && c.bins.n_columns <= 18);
    close_case(&c);
}

TEST_C(BundleDense, AFeatureThatMissesValuesOutsideTheSampleLeavesItsColumn)
{
    dense_case c;
    open_case(&c, MANY_ROWS);
    for (int32_t f = 0; f < 10; f++) {
        c.x[NOT_SAMPLED * COLUMNS + f] = f == 4 ? NAN : 0.0f;
    }
    fill(&c, 2);
    EXPECT_C_EQ_INT(count_wrong(&c), 0);
    EXPECT_C_TRUE(!is_shared(&c, 4));
    EXPECT_C_TRUE(is_shared(&c, 0) && is_shared(&c, 1));
    close_case(&c);
}

TEST_C(BundleDense, ThreadsDoNotMatter)
{
    dense_case one, many;
    open_case(&one, MANY_ROWS);
    one.x[NOT_SAMPLED * COLUMNS] = one.x[NOT_SAMPLED * COLUMNS + 1] = 1.0f;
    fill(&one, 1);
    for (int threads = 2; threads <= 8; threads += 3) {
        many = one;
        ASSERT_C_OK(gbt_bins_fill(&one.features, one.cuts, threads, &many.bins));
        EXPECT_C_EQ_INT(many.bins.n_columns, one.bins.n_columns);
        EXPECT_C_EQ_BYTES(many.bins.base, one.bins.base, (size_t)(one.n_rows * one.bins.row_step));
        EXPECT_C_EQ_BYTES(many.bins.place, one.bins.place, COLUMNS * sizeof *one.bins.place);
        gbt_bins_close(&many.bins);
    }
    close_case(&one);
}
