/* Bundling: columns are shared only without conflicts, and the bins read back are those of the
 * plain matrix. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/bundle.h"
#include "gbt/data/cuts_learn.h"
#include "gbt/data/dataset.h"
#include "tests/support/gtest_c.h"

/* ---- Packing --------------------------------------------------------------------------------- */

enum { ROWS = 400, FEATURES = 120 };

typedef struct pack_case {
    int64_t start[FEATURES + 1];
    uint32_t row[ROWS * FEATURES];
    int32_t n_codes[FEATURES];
    uint8_t is_candidate[FEATURES];
    int32_t bundle_of[FEATURES];
} pack_case;

static gbt_bundle_input draw_case(pack_case *c, uint64_t seed, int density)
{
    int64_t at = 0;
    for (int32_t f = 0; f < FEATURES; f++) {
        c->start[f] = at;
        for (uint32_t row = 0; row < ROWS; row++) {
            if ((int)(gbt_rng_u64(seed, (uint64_t)f * ROWS + row) % 1000) < density) {
                c->row[at++] = row;
            }
        }
        c->n_codes[f] = 1 + (int32_t)(gbt_rng_u64(seed + 1, (uint64_t)f) % 100);
        c->is_candidate[f] = gbt_rng_u64(seed + 2, (uint64_t)f) % 10 != 0;
    }
    c->start[FEATURES] = at;
    return (gbt_bundle_input){ROWS, FEATURES, c->n_codes, c->start, c->row, c->is_candidate};
}

TEST_C(Bundle, MembersNeverMeetAndCodesFitIntoAByte)
{
    static pack_case c;
    for (int density = 1; density <= 300; density = 3 * density + 1) {
        const gbt_bundle_input input = draw_case(&c, (uint64_t)density, density);
        int32_t n_bundles = 0;
        ASSERT_C_OK(gbt_bundle_pack(&input, c.bundle_of, &n_bundles));
        EXPECT_C_TRUE(n_bundles > 0 && n_bundles <= FEATURES);
        for (int32_t b = 0; b < n_bundles; b++) {
            uint8_t is_taken[ROWS] = {0};
            int32_t codes = 1, conflicts = 0, members = 0;
            for (int32_t f = 0; f < FEATURES; f++) {
                if (c.bundle_of[f] != b) {
                    continue;
                }
                members++;
                codes += c.n_codes[f];
                for (int64_t i = c.start[f]; i < c.start[f + 1]; i++) {
                    conflicts += is_taken[c.row[i]];
                    is_taken[c.row[i]] = 1;
                }
            }
            EXPECT_C_TRUE(members > 0);
            EXPECT_C_TRUE(codes <= 256);
            EXPECT_C_EQ_INT(conflicts, 0);
        }
        for (int32_t f = 0; f < FEATURES; f++) {
            EXPECT_C_EQ_INT(c.bundle_of[f] >= 0, c.is_candidate[f]);
        }
    }
}

/* Packs features of one code each, whose `n_rows` rows are filled in. */
static int32_t pack_indicators(pack_case *c, int64_t n_rows)
{
    int32_t n_bundles = 0;
    c->start[FEATURES] = n_rows;
    for (int32_t f = 0; f < FEATURES; f++) {
        c->n_codes[f] = c->is_candidate[f] = 1;
    }
    const gbt_bundle_input input = {ROWS, FEATURES, c->n_codes, c->start, c->row, c->is_candidate};
    EXPECT_C_OK(gbt_bundle_pack(&input, c->bundle_of, &n_bundles));
    return n_bundles;
}

TEST_C(Bundle, OneHotColumnsComeTogether)
{
    static pack_case c;
    /* Groups of ten: in each row one feature of every group is set. */
    int64_t at = 0;
    for (int32_t f = 0; f < FEATURES; f++) {
        c.start[f] = at;
        for (uint32_t row = 0; row < ROWS; row++) {
            if ((int32_t)(gbt_rng_u64((uint64_t)(f / 10), row) % 10) == f % 10) {
                c.row[at++] = row;
            }
        }
    }
    const int32_t n_bundles = pack_indicators(&c, at);
    EXPECT_C_TRUE(n_bundles >= FEATURES / 10); /* values of a row: fewer columns cannot hold them */
    EXPECT_C_TRUE(n_bundles <= 2 * FEATURES / 10);
}

TEST_C(Bundle, RareFeaturesDoNotFillTheGapsOfOthers)
{
    static pack_case c;
    int64_t at = 0;
    for (int32_t f = 0; f < FEATURES; f++) {
        const int64_t n = f % 2 ? 19 : 20; /* just below and at the border */
        c.start[f] = at;
        for (int64_t i = 0; i < n; i++) {
            c.row[at++] = (uint32_t)(f * 23 % (ROWS - 20) + i);
        }
    }
    const int32_t n_bundles = pack_indicators(&c, at);
    EXPECT_C_TRUE(n_bundles >= 2 && n_bundles < FEATURES / 2);
    for (int32_t f = 0; f < FEATURES; f++) {
        for (int32_t g = 0; g < f; g++) {
            EXPECT_C_TRUE(c.bundle_of[f] != c.bundle_of[g] || f % 2 == g % 2);
        }
    }
}

/* ---- Sparse matrices ------------------------------------------------------------------------- */

typedef struct sparse_case {
    gbt_csr csr;
    float *dense; /* [n_rows x n_cols] */
    int64_t *start;
    int32_t *column;
    float *value;
} sparse_case;

/* One-hot groups, rare numbers, missing cells, dense columns and a categorical one (the last). */
static void open_case(sparse_case *c, int64_t n_rows, int32_t n_cols, uint64_t seed)
{
    c->dense = calloc((size_t)(n_rows * n_cols), sizeof(float));
    c->start = calloc((size_t)n_rows + 1, sizeof(int64_t));
    c->column = calloc((size_t)(n_rows * n_cols), sizeof(int32_t));
    c->value = calloc((size_t)(n_rows * n_cols), sizeof(float));
    int64_t at = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t f = 0; f < n_cols; f++) {
            const uint64_t draw = gbt_rng_u64(seed, (uint64_t)(row * n_cols + f));
            const uint64_t group = gbt_rng_u64(seed + 1, (uint64_t)(row * n_cols + f / 10));
            float x = 0;
            if (f == n_cols - 1) {
                x = (float)(draw % 8 == 0 ? draw % 5 : 0);
            } else if (f % 30 < 20) {
                x = group % 10 == (uint64_t)(f % 10) ? 1.0f : 0.0f;
            } else if (f % 30 < 28) {
                x = draw % 40 == 0 ? NAN : draw % 15 == 0 ? (float)(draw % 9) - 4.0f : 0.0f;
            } else {
                x = (float)(draw % 400) * 0.5f - 50.0f;
            }
            c->dense[row * n_cols + f] = x;
            if (x != 0 || draw % 100 == 0) {
                c->column[at] = f;
                c->value[at++] = x;
            }
        }
        c->start[row + 1] = at;
    }
    c->csr = (gbt_csr){c->start, c->column, c->value, GBT_F32, n_rows, n_cols};
}

static void close_case(sparse_case *c)
{
    free(c->dense);
    free(c->start);
    free(c->column);
    free(c->value);
}

TEST_C(BinsSparse, SharedColumnsReadBackTheBinsOfPlainOnes)
{
    const int64_t n_rows[4] = {1, 9, 300, 5000};
    for (int i = 0; i < 4; i++) {
        const int32_t n_cols = 91;
        sparse_case c;
        open_case(&c, n_rows[i], n_cols, (uint64_t)i);
        const gbt_matrix matrix = {c.dense, GBT_F32, n_rows[i], n_cols, n_cols, 1};
        const gbt_features dense = {.n_rows = n_rows[i], .n_features = n_cols, .matrix = &matrix};
        const gbt_features sparse = {.n_rows = n_rows[i], .n_features = n_cols, .sparse = &c.csr};
        uint8_t kinds[91] = {0};
        kinds[90] = 1;
        const gbt_cuts_config config = {255, 3, 3000, 0, 1};
        gbt_cuts *cuts = NULL;
        gbt_bins plain, shared;
        ASSERT_C_OK(gbt_cuts_learn(&sparse, kinds, &config, &cuts));
        ASSERT_C_OK(gbt_bins_fill(&dense, cuts, 2, &plain));
        ASSERT_C_OK(gbt_bins_fill(&sparse, cuts, 2, &shared));
        int64_t wrong = 0;
        for (int64_t row = 0; row < n_rows[i]; row++) {
            for (int32_t f = 0; f < n_cols; f++) {
                wrong += gbt_bins_at(&shared, row, f) != gbt_bins_at(&plain, row, f);
            }
        }
        EXPECT_C_EQ_INT(wrong, 0);
        EXPECT_C_EQ_BYTES(shared.has_missing, plain.has_missing, (size_t)n_cols);
        EXPECT_C_TRUE(shared.n_columns < n_cols);
        if (n_rows[i] == 5000) {
            EXPECT_C_TRUE(shared.n_columns <= 50); /* 60 one-hot features fill six columns or so */
        }
        gbt_bins_close(&plain);
        gbt_bins_close(&shared);
        gbt_cuts_release(cuts);
        close_case(&c);
    }
}

TEST_C(BinsSparse, CodesOfAColumnAreDisjointAndCounted)
{
    sparse_case c;
    open_case(&c, 2000, 91, 7);
    const gbt_features sparse = {.n_rows = 2000, .n_features = 91, .sparse = &c.csr};
    const uint8_t kinds[91] = {0};
    const gbt_cuts_config config = {255, 3, 3000, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins bins;
    ASSERT_C_OK(gbt_cuts_learn(&sparse, kinds, &config, &cuts));
    ASSERT_C_OK(gbt_bins_fill(&sparse, cuts, 1, &bins));
    int32_t *used = calloc((size_t)bins.n_columns * 256, sizeof *used);
    int32_t *is_shared = calloc((size_t)bins.n_columns, sizeof *is_shared);
    for (int32_t f = 0; f < 91; f++) {
        const gbt_bin_place *place = &bins.place[f];
        const int32_t n_bins = cuts->n_bins[f] + bins.has_missing[f];
        EXPECT_C_EQ_INT(place->n_codes, place->default_bin < 0 ? n_bins : n_bins - 1);
        is_shared[place->column] |= place->default_bin >= 0;
        for (int32_t k = 0; k < place->n_codes; k++) {
            used[place->column * 256 + place->first + k]++;
            EXPECT_C_TRUE(gbt_bin_of_code(place, place->first + k) != place->default_bin);
        }
        if (place->default_bin >= 0) {
            EXPECT_C_EQ_INT(gbt_bin_of_code(place, 0), gbt_cuts_bin_of(cuts, f, 0));
        }
    }
    int64_t beyond = 0;
    for (int32_t column = 0; column < bins.n_columns; column++) {
        EXPECT_C_TRUE(bins.n_codes[column] >= 1 && bins.n_codes[column] <= 256);
        for (int32_t code = 0; code < 256; code++) {
            const bool is_code = code < bins.n_codes[column] && !(is_shared[column] && code == 0);
            EXPECT_C_EQ_INT(used[column * 256 + code], is_code);
        }
        for (int64_t row = 0; row < bins.n_rows; row++) {
            beyond += bins.base[row * bins.row_step + column] >= bins.n_codes[column];
        }
    }
    EXPECT_C_EQ_INT(beyond, 0);
    free(used);
    free(is_shared);
    gbt_bins_close(&bins);
    gbt_cuts_release(cuts);
    close_case(&c);
}

TEST_C(BinsSparse, ThreadsDoNotMatter)
{
    sparse_case c;
    open_case(&c, 9000, 61, 3);
    const gbt_features sparse = {.n_rows = 9000, .n_features = 61, .sparse = &c.csr};
    const uint8_t kinds[61] = {0};
    gbt_cuts_config config = {255, 3, 3000, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins one;
    ASSERT_C_OK(gbt_cuts_learn(&sparse, kinds, &config, &cuts));
    ASSERT_C_OK(gbt_bins_fill(&sparse, cuts, 1, &one));
    for (int threads = 2; threads <= 8; threads += 3) {
        gbt_cuts *again = NULL;
        gbt_bins many;
        config.threads = threads;
        ASSERT_C_OK(gbt_cuts_learn(&sparse, kinds, &config, &again));
        EXPECT_C_TRUE(gbt_cuts_equal(cuts, again));
        ASSERT_C_OK(gbt_bins_fill(&sparse, again, threads, &many));
        EXPECT_C_EQ_INT(many.n_columns, one.n_columns);
        EXPECT_C_EQ_BYTES(many.base, one.base, (size_t)(one.n_rows * one.row_step));
        EXPECT_C_EQ_BYTES(many.place, one.place, 61 * sizeof *one.place);
        gbt_bins_close(&many);
        gbt_cuts_release(again);
    }
    gbt_bins_close(&one);
    gbt_cuts_release(cuts);
    close_case(&c);
}

/* Rows of another set learn their own layout and may miss what the first set never missed. */
TEST_C(BinsSparse, OtherRowsWithTheSameCutsReadBackToo)
{
    sparse_case train, valid;
    open_case(&train, 1500, 61, 5);
    open_case(&valid, 40, 61, 6);
    const gbt_features first = {.n_rows = 1500, .n_features = 61, .sparse = &train.csr};
    const gbt_features second = {.n_rows = 40, .n_features = 61, .sparse = &valid.csr};
    uint8_t kinds[61] = {0};
    kinds[60] = 1;
    const gbt_cuts_config config = {15, 3, 3000, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins bins;
    ASSERT_C_OK(gbt_cuts_learn(&first, kinds, &config, &cuts));
    cuts->category_bin[cuts->category_first[60]] = (uint8_t)cuts->n_bins[60]; /* 0 is missing now */
    ASSERT_C_OK(gbt_bins_fill(&second, cuts, 1, &bins));
    int wrong = 0;
    for (int64_t row = 0; row < 40; row++) {
        for (int32_t f = 0; f < 61; f++) {
            wrong +=
                gbt_bins_at(&bins, row, f) != gbt_cuts_bin_of(cuts, f, valid.dense[row * 61 + f]);
        }
    }
    EXPECT_C_EQ_INT(wrong, 0);
    EXPECT_C_EQ_INT(bins.has_missing[60], 1);
    gbt_bins_close(&bins);
    gbt_cuts_release(cuts);
    close_case(&train);
    close_case(&valid);
}

TEST_C(BinsSparse, ColumnsCanBeLeftOutAndRenumbered)
{
    const int64_t start[3] = {0, 3, 5};
    const int32_t column[5] = {0, 1, 3, 1, 2}, feature_of[4] = {1, -1, -1, 0};
    const float value[5] = {7, 8, 9, 8, 8};
    const gbt_csr csr = {start, column, value, GBT_F32, 2, 4};
    const gbt_features features = {
        .n_rows = 2, .n_features = 3, .sparse = &csr, .feature_of = feature_of};
    const uint8_t kinds[3] = {0};
    const gbt_cuts_config config = {255, 1, 10, 0, 1};
    gbt_cuts *cuts = NULL;
    gbt_bins bins;
    ASSERT_C_OK(gbt_cuts_learn(&features, kinds, &config, &cuts));
    EXPECT_C_EQ_INT(cuts->n_bins[0], 2);
    EXPECT_C_EQ_INT(cuts->n_bins[1], 2);
    EXPECT_C_EQ_INT(cuts->n_bins[2], 1);
    EXPECT_C_TRUE(cuts->upper[cuts->first[0]] == 4.5f && cuts->upper[cuts->first[1]] == 3.5f);
    ASSERT_C_OK(gbt_bins_fill(&features, cuts, 1, &bins));
    const int32_t want[2][3] = {{1, 1, 0}, {0, 0, 0}};
    for (int row = 0; row < 2; row++) {
        for (int f = 0; f < 3; f++) {
            EXPECT_C_EQ_INT(gbt_bins_at(&bins, row, f), want[row][f]);
        }
    }
    gbt_bins_close(&bins);
    gbt_cuts_release(cuts);
}

TEST_C(BinsSparse, TextsOfRealDataFitIntoFewColumns)
{
    gbt_params *params = NULL;
    gbt_dataset *dataset = NULL;
    ASSERT_C_OK(gbt_params_create(&params));
    const gbt_status status =
        gbt_dataset_from_file(params, "../shared/data/reuters/train.libsvm.gz", NULL, &dataset);
    gbt_params_free(params);
    if (status == GBT_ERR_IO) {
        SKIP_C("../shared/data/reuters is not here: 8,315 features were not tried");
    }
    ASSERT_C_OK(status);
    EXPECT_C_EQ_INT(gbt_dataset_features(dataset), 8315);
    EXPECT_C_TRUE(dataset->bins.n_columns <= 700);
    gbt_dataset_free(dataset);
}
