/* Blocks of sparse rows against the definition on the same rows made dense: scores and leaf numbers
 * have the same bits. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "gbt/data/matrix.h"
#include "gbt/tree/forest.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

enum { ROWS = 700, SPARE_COLUMNS = 5 };

/* Rows of a model twice: as floats, and as entries in columns of another order, of which some are
 * no feature. */
typedef struct sparse_case {
    const gbt_model *model;
    float *x; /* [ROWS x n_features] */
    int64_t *start;
    int32_t *column, *feature_of;
    double *value;
    float *narrow; /* the values in float32 */
    gbt_csr csr;
} sparse_case;

/* Of 1000 cells `density` have an entry; every 50 rows there is one without any and a full one. */
static void open_case(sparse_case *c, const gbt_model *model, int32_t density, uint64_t seed)
{
    const int32_t n_features = model->cuts->n_features, n_columns = n_features + SPARE_COLUMNS;
    uint64_t state = seed;
    int64_t n = 0;
    c->model = model;
    c->x = gbt_alloc((int64_t)ROWS * n_features, sizeof *c->x);
    c->start = gbt_alloc(ROWS + 1, sizeof *c->start);
    c->column = gbt_alloc((int64_t)ROWS * n_columns, sizeof *c->column);
    c->value = gbt_alloc((int64_t)ROWS * n_columns, sizeof *c->value);
    c->narrow = gbt_alloc((int64_t)ROWS * n_columns, sizeof *c->narrow);
    c->feature_of = gbt_alloc(n_columns, sizeof *c->feature_of);
    random_rows(model, seed, ROWS, c->x);
    for (int32_t i = 0; i < n_columns; i++) { /* backwards, the spare columns between them */
        const int32_t f = n_columns - 1 - i;
        c->feature_of[i] = f < n_features ? f : -1;
    }
    for (int32_t row = 0; row < ROWS; row++) {
        c->start[row] = n;
        for (int32_t i = 0; i < n_columns; i++) {
            const int32_t f = c->feature_of[i];
            const bool is_there =
                row % 50 != 7 && (row % 50 == 8 || gbt_rng_mix(state++) % 1000 < (uint64_t)density);
            float *x = f < 0 ? NULL : &c->x[(int64_t)row * n_features + f];
            if (is_there) {
                c->column[n] = i;
                c->narrow[n] = x ? *x : 1.0f + (float)row;
                c->value[n] = (double)c->narrow[n];
                n++;
            } else if (x) {
                *x = 0.0f;
            }
        }
    }
    c->start[ROWS] = n;
    c->csr = (gbt_csr){c->start, c->column, c->value, GBT_F64, ROWS, n_columns};
}

static void close_case(sparse_case *c)
{
    gbt_release(c->x);
    gbt_release(c->start);
    gbt_release(c->column);
    gbt_release(c->value);
    gbt_release(c->narrow);
    gbt_release(c->feature_of);
}

/* Rows [first, first + n) as a block, with scratch of the exact size that is full of rubbish. */
static gbt_entry_block block_of(const sparse_case *c, int64_t first, int32_t n)
{
    const int64_t bytes =
        gbt_forest_entry_bytes(c->model->forest, n, c->start[first + n] - c->start[first]);
    gbt_entry_block block = {.csr = &c->csr, .feature_of = c->feature_of, .first = first, .n = n};
    block.scratch = gbt_alloc(bytes, 1);
    memset(block.scratch, 0x5a, (size_t)bytes);
    return block;
}

static void compare_scores(const sparse_case *c, int32_t first, int32_t last)
{
    const gbt_model *model = c->model;
    const int32_t n_outputs = model->objective.n_outputs;
    const int32_t sizes[] = {1, 12, 63, 64, 65, 128, 129, 200, 256, 300, 512};
    const int32_t most = gbt_forest_entry_rows(model->forest, ROWS);
    float *want = gbt_alloc((int64_t)ROWS * n_outputs, sizeof *want);
    float *got = gbt_alloc((int64_t)ROWS * n_outputs, sizeof *got);
    ASSERT_C_TRUE(most >= GBT_ROW_GROUP);
    for (int64_t row = 0; row < ROWS; row++) {
        plain_score(model, c->x + row * model->cuts->n_features, first, last,
                    want + row * n_outputs);
    }
    for (int which = 0; gbt_predict_kernels_find(which); which++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes && sizes[s] <= most; s++) {
            const int64_t at = (ROWS - sizes[s]) / 3;
            const gbt_entry_block block = block_of(c, at, sizes[s]);
            for (int64_t i = 0; i < (int64_t)sizes[s] * n_outputs; i++) {
                got[i] = (float)model->base_score[i % n_outputs];
            }
            gbt_forest_add_entries_by(model->forest, gbt_predict_kernels_find(which), &block, first,
                                      last, got);
            EXPECT_C_EQ_BYTES(got, want + at * n_outputs,
                              (size_t)(sizes[s] * n_outputs) * sizeof *got);
            gbt_release(block.scratch);
        }
    }
    gbt_release(want);
    gbt_release(got);
}

static void compare_leaves(const sparse_case *c)
{
    const gbt_model *model = c->model;
    const int32_t most = gbt_forest_entry_rows(model->forest, ROWS), n_trees = model->n_trees;
    int32_t *got = gbt_alloc((int64_t)most * n_trees, sizeof *got);
    const gbt_entry_block block = block_of(c, 1, most);
    int64_t wrong = 0;
    gbt_forest_leaves_entries(model->forest, &block, 0, gbt_model_rounds(model), 1, most, got);
    for (int64_t i = 0; i < (int64_t)most * n_trees; i++) {
        const gbt_tree *tree = model->trees[i / most];
        const float *row = c->x + (1 + i % most) * model->cuts->n_features;
        wrong += got[i] != tree->left[plain_leaf(tree, model->cuts, 0, row)];
    }
    EXPECT_C_EQ_INT(wrong, 0);
    gbt_release(block.scratch);
    gbt_release(got);
}

static void compare(const random_model_spec *spec)
{
    gbt_model *model = random_model(spec);
    ASSERT_C_TRUE(model != NULL);
    const int32_t densities[] = {0, 20, 300, 1000};
    for (int d = 0; d < 4; d++) {
        sparse_case c;
        open_case(&c, model, densities[d], spec->seed + (uint64_t)d);
        compare_scores(&c, 0, spec->n_rounds);
        compare_leaves(&c);
        close_case(&c);
    }
    gbt_model_free(model);
}

TEST_C(PredictEntries, SparseRowsHaveTheBitsOfTheirDenseFormForTreesOfEverySize)
{
    const int32_t leaves[] = {1, 2, 31, 33, 64, 128, 255, 256};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        compare(&(random_model_spec){.seed = 40 + i,
                                     .objective = "regression",
                                     .n_features = 9,
                                     .max_bins = i % 2 ? 255 : 12,
                                     .n_rounds = 6,
                                     .min_leaves = leaves[i],
                                     .max_leaves = leaves[i]});
    }
}

TEST_C(PredictEntries, SparseRowsHaveTheBitsOfTheirDenseFormForCategoricalSplits)
{
    for (int32_t bins = 1; bins <= 255; bins += 50) {
        compare(&(random_model_spec){.seed = (uint64_t)bins,
                                     .objective = "binary",
                                     .n_features = 30,
                                     .n_categorical = 12,
                                     .max_bins = bins,
                                     .n_rounds = 12,
                                     .min_leaves = 1,
                                     .max_leaves = 70});
    }
}

TEST_C(PredictEntries, SparseRowsHaveTheBitsOfTheirDenseFormForSegmentsThatFloatRowsWalk)
{
    const random_model_spec spec = {.seed = 3,
                                    .objective = "regression",
                                    .n_features = 900,
                                    .n_categorical = 50,
                                    .max_bins = 30,
                                    .n_rounds = 60,
                                    .min_leaves = 20,
                                    .max_leaves = 120};
    gbt_model *model = random_model(&spec);
    ASSERT_C_TRUE(model != NULL);
    EXPECT_C_TRUE(model->forest->n_segments > 3);
    EXPECT_C_TRUE(model->forest->segment[0].is_walked);
    gbt_model_free(model);
    compare(&spec);
}

TEST_C(PredictEntries, SparseRowsHaveTheBitsOfTheirDenseFormForOutputsAndPartsOfTheRounds)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 12,
                                                         .objective = "multiclass",
                                                         .n_classes = 5,
                                                         .n_features = 400,
                                                         .n_categorical = 20,
                                                         .max_bins = 60,
                                                         .n_rounds = 23,
                                                         .min_leaves = 1,
                                                         .max_leaves = 90});
    ASSERT_C_TRUE(model != NULL);
    EXPECT_C_TRUE(model->forest->n_segments > 1);
    sparse_case c;
    open_case(&c, model, 60, 12);
    compare_scores(&c, 0, 23);
    compare_scores(&c, 4, 5);
    compare_scores(&c, 7, 23);
    compare_scores(&c, 9, 9);
    compare_leaves(&c);
    close_case(&c);
    gbt_model_free(model);
}

TEST_C(PredictEntries, ValuesOfEveryTypeAndColumnsWithoutAMapAreRead)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 5,
                                                         .objective = "regression",
                                                         .n_features = 8,
                                                         .max_bins = 90,
                                                         .n_rounds = 7,
                                                         .min_leaves = 40,
                                                         .max_leaves = 60});
    ASSERT_C_TRUE(model != NULL);
    const int64_t start[] = {2, 4, 4, 7}; /* the first two entries are of no row */
    const int32_t column[] = {0, 1, 3, 7, 0, 2, 7};
    const int32_t whole[] = {50, 50, -3, 8, 12, 100, 1};
    float narrow[7], x[3 * 8] = {0}, want[3];
    double wide[7];
    for (int row = 0, i = 2; i < 7; i++) {
        row = i >= 4 ? 2 : row;
        x[row * 8 + column[i]] = (float)whole[i];
    }
    for (int i = 0; i < 7; i++) {
        narrow[i] = (float)whole[i];
        wide[i] = whole[i];
    }
    for (int row = 0; row < 3; row++) {
        plain_score(model, x + row * 8, 0, 7, want + row);
    }
    const gbt_csr forms[] = {{start, column, narrow, GBT_F32, 3, 8},
                             {start, column, wide, GBT_F64, 3, 8},
                             {start, column, whole, GBT_I32, 3, 8}};
    void *scratch = gbt_alloc(gbt_forest_entry_bytes(model->forest, 3, 5), 1);
    for (int form = 0; form < 3; form++) {
        const gbt_entry_block block = {.csr = &forms[form], .n = 3, .scratch = scratch};
        float got[3];
        for (int row = 0; row < 3; row++) {
            got[row] = (float)model->base_score[0];
        }
        const int64_t before = gbt_alloc_calls();
        gbt_forest_add_entries(model->forest, &block, 0, 7, got);
        EXPECT_C_EQ_INT(gbt_alloc_calls(), before);
        EXPECT_C_EQ_BYTES(got, want, sizeof got);
    }
    gbt_release(scratch);
    gbt_model_free(model);
}

TEST_C(PredictEntries, LargeTreesAndFewRowsAreLeftToFloatRows)
{
    for (int32_t leaves = 256; leaves <= 257; leaves++) {
        gbt_model *model = random_model(&(random_model_spec){.seed = 6,
                                                             .objective = "regression",
                                                             .n_features = 8,
                                                             .max_bins = 90,
                                                             .n_rounds = 2,
                                                             .min_leaves = leaves,
                                                             .max_leaves = leaves});
        ASSERT_C_TRUE(model != NULL);
        EXPECT_C_EQ_INT(gbt_forest_entry_rows(model->forest, 100000), leaves > 256 ? 0 : 512);
        EXPECT_C_EQ_INT(gbt_forest_entry_rows(model->forest, 12), leaves > 256 ? 0 : 512);
        EXPECT_C_EQ_INT(gbt_forest_entry_rows(model->forest, 11), 0);
        gbt_model_free(model);
    }
}
