/* Prediction against the definition: every way through the trees gives the same bits. */
#include "gbt/tree/forest.h"

#include <math.h>
#include <stdalign.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

enum { ROWS = 1100, BLOCK = GBT_MOST_GROUPS * GBT_ROW_GROUP };

static void base_scores(const gbt_model *model, int64_t n, float *out)
{
    const int32_t n_outputs = model->objective.n_outputs;
    for (int64_t i = 0; i < n * n_outputs; i++) {
        out[i] = (float)model->base_score[i % n_outputs];
    }
}

/* All versions of the loops and several batch sizes against plain_score. */
static void compare_scores(const gbt_model *model, int32_t first, int32_t last)
{
    const int32_t n_features = model->cuts->n_features, n_outputs = model->objective.n_outputs;
    const int64_t sizes[] = {1,  2,  7,   11,  12,  13,  63,  64,  65,
                             75, 76, 128, 200, 256, 300, 512, 513, ROWS};
    float *x = gbt_alloc((int64_t)ROWS * n_features, sizeof *x);
    float *want = gbt_alloc((int64_t)ROWS * n_outputs, sizeof *want);
    float *got = gbt_alloc((int64_t)ROWS * n_outputs, sizeof *got);
    random_rows(model, 99, ROWS, x);
    for (int64_t row = 0; row < ROWS; row++) {
        plain_score(model, x + row * n_features, first, last, want + row * n_outputs);
    }
    for (int which = 0; gbt_predict_kernels_find(which); which++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            base_scores(model, sizes[s], got);
            gbt_forest_add_by(model->forest, gbt_predict_kernels_find(which), x, sizes[s], first,
                              last, got);
            EXPECT_C_EQ_BYTES(got, want, (size_t)(sizes[s] * n_outputs) * sizeof *got);
        }
    }
    for (int64_t row = 0; row < ROWS; row++) { /* one by one */
        base_scores(model, 1, got);
        gbt_forest_add(model->forest, x + row * n_features, 1, first, last, got);
        EXPECT_C_EQ_BYTES(got, want + row * n_outputs, (size_t)n_outputs * sizeof *got);
    }
    gbt_release(x);
    gbt_release(want);
    gbt_release(got);
}

static void compare_leaves(const gbt_model *model)
{
    const int32_t n_features = model->cuts->n_features;
    float *x = gbt_alloc((int64_t)ROWS * n_features, sizeof *x);
    int32_t *got = gbt_alloc((int64_t)ROWS * model->n_trees, sizeof *got);
    const int64_t sizes[] = {3, ROWS};
    random_rows(model, 7, ROWS, x);
    for (int s = 0; s < 2; s++) {
        int64_t wrong = 0;
        gbt_forest_leaves(model->forest, x, sizes[s], 0, gbt_model_rounds(model), model->n_trees, 1,
                          got);
        for (int64_t i = 0; i < sizes[s] * model->n_trees; i++) {
            const gbt_tree *tree = model->trees[i % model->n_trees];
            const float *row = x + i / model->n_trees * n_features;
            wrong += got[i] != tree->left[plain_leaf(tree, model->cuts, 0, row)];
        }
        EXPECT_C_EQ_INT(wrong, 0);
    }
    gbt_release(x);
    gbt_release(got);
}

static void compare(const random_model_spec *spec)
{
    gbt_model *model = random_model(spec);
    ASSERT_C_TRUE(model != NULL);
    ASSERT_C_OK(gbt_model_verify(model));
    compare_scores(model, 0, spec->n_rounds);
    compare_leaves(model);
    gbt_model_free(model);
}

/* ---- The mask form by itself ----------------------------------------------------------------- */

typedef enum tree_shape { COMPLETE, LEFT_CHAIN, RIGHT_CHAIN, RANDOM, N_SHAPES } tree_shape;

enum { COLUMNS = 5, MEMBERS = 2 };

static uint64_t next(uint64_t *state)
{
    return gbt_rng_mix((*state)++);
}

/* The first leaf of the right child of a node with leaves [first, last). */
static int32_t first_on_the_right(tree_shape shape, int32_t first, int32_t last, uint64_t *state)
{
    switch (shape) {
    case COMPLETE:
        return first + (last - first) / 2;
    case LEFT_CHAIN:
        return last - 1;
    case RIGHT_CHAIN:
        return first + 1;
    default:
        return first + 1 + (int32_t)(next(state) % (uint64_t)(last - first - 1));
    }
}

/* Steps of a tree, parents first, with bins over the whole range. */
static void make_steps(tree_shape shape, int32_t n_leaves, uint64_t *state, gbt_mask_step *step)
{
    int32_t n = 0;
    if (n_leaves > 1) {
        step[n++] = (gbt_mask_step){.first = 0, .last = (uint16_t)n_leaves};
    }
    for (int32_t s = 0; s < n; s++) {
        const int32_t first = step[s].first, last = step[s].last;
        const int32_t middle = first_on_the_right(shape, first, last, state);
        const uint64_t draw = next(state);
        step[s].place = (uint8_t)middle;
        step[s].bin = (int8_t)(draw % 255 - 128);
        step[s].column =
            (int16_t)(((int)(draw / 255 % (COLUMNS + MEMBERS)) - MEMBERS) * GBT_ROW_GROUP);
        if (middle - first > 1) {
            step[n++] = (gbt_mask_step){.first = (uint16_t)first, .last = (uint16_t)middle};
        }
        if (last - middle > 1) {
            step[n++] = (gbt_mask_step){.first = (uint16_t)middle, .last = (uint16_t)last};
        }
    }
}

/* The leaf of a row, node by node. */
static int32_t walk_steps(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                          int32_t groups, int32_t row)
{
    int32_t first = 0, last = n_leaves;
    for (int32_t s = 0; last - first > 1; s++) {
        if (step[s].first == first && step[s].last == last) {
            const bool goes_right = column[step[s].column * groups + row] > step[s].bin;
            first = goes_right ? step[s].place : first;
            last = goes_right ? last : step[s].place;
        }
    }
    return first;
}

static void compare_places(const gbt_predict_kernels *kernels, tree_shape shape, int32_t n_leaves,
                           int32_t groups)
{
    enum { COLUMN_BYTES = (COLUMNS + MEMBERS) * BLOCK, SET_BYTES = (GBT_MASK_LEAVES + 1) * 64 };
    alignas(64) static int8_t bytes[COLUMN_BYTES];
    alignas(64) static uint8_t sets[SET_BYTES], place[BLOCK];
    gbt_mask_step step[GBT_MASK_LEAVES];
    uint64_t state = (uint64_t)(n_leaves * N_SHAPES + (int32_t)shape);
    for (int32_t i = 0; i < COLUMN_BYTES; i++) {
        bytes[i] = (int8_t)(next(&state) % 256 - 128);
    }
    make_steps(shape, n_leaves, &state, step);
    const int8_t *column = bytes + MEMBERS * groups * GBT_ROW_GROUP;
    kernels->place(step, n_leaves, column, groups, sets, place);
    int32_t wrong = 0;
    for (int32_t r = 0; r < groups * GBT_ROW_GROUP; r++) {
        wrong += place[r] != walk_steps(step, n_leaves, column, groups, r);
    }
    EXPECT_C_EQ_INT(wrong, 0);
}

TEST_C(Predict, EveryVersionPlacesRowsAsAWalkDoesForEveryShapeAndBlock)
{
    const int32_t leaves[] = {1, 2, 3, 8, 9, 64, 127, 128, 129, 255, 256};
    for (int which = 0; gbt_predict_kernels_find(which); which++) {
        for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
            for (int shape = 0; shape < N_SHAPES; shape++) {
                for (int32_t groups = 1; groups <= GBT_MOST_GROUPS; groups *= 2) {
                    compare_places(gbt_predict_kernels_find(which), (tree_shape)shape, leaves[i],
                                   groups);
                }
            }
        }
    }
}

/* Codes by their definition: GBT_LADDER a threshold on a short ladder, else 1. */
static void compare_codes(const gbt_predict_kernels *kernels, int32_t n_thresholds, int32_t n)
{
    const bool is_single = n_thresholds < GBT_LADDER;
    static float ladder[(2 + 2 * GBT_LADDER) * GBT_LADDER];
    float *step = is_single ? ladder : ladder + GBT_LADDER;
    for (int32_t i = 0; i < GBT_LADDER * GBT_LADDER; i++) {
        step[i] = i < n_thresholds ? (float)i : INFINITY;
    }
    for (int32_t g = 0; g < GBT_LADDER && !is_single; g++) {
        ladder[g] = step[g * GBT_LADDER + GBT_LADDER - 1];
    }
    float x[2 * GBT_ROW_GROUP];
    int8_t left[GBT_ROW_GROUP], right[GBT_ROW_GROUP], only_left[GBT_ROW_GROUP];
    uint64_t state = (uint64_t)n_thresholds;
    for (int32_t i = 0; i < 2 * n; i++) {
        const uint64_t draw = next(&state);
        x[i] = draw % 8 == 0 ? NAN : draw % 8 == 1 ? INFINITY : (float)(draw / 8 % 600) / 2 - 10;
    }
    kernels->code(ladder, is_single, x, 2, n, left, right);
    kernels->code(ladder, is_single, x, 2, n, only_left, NULL);
    int32_t wrong = 0;
    for (int32_t r = 0; r < n; r++) {
        int32_t count = 0;
        for (int32_t i = 0; i < n_thresholds; i++) {
            count += x[2 * r] > (float)i;
        }
        const int32_t code = GBT_LEAST_CODE + count * (is_single ? GBT_LADDER : 1);
        wrong += left[r] != code || only_left[r] != code;
        wrong += right[r] != (isnan(x[2 * r]) ? GBT_MOST_CODE : code);
    }
    EXPECT_C_EQ_INT(wrong, 0);
}

TEST_C(Predict, EveryVersionCodesValuesByTheThresholdsBelowThem)
{
    for (int which = 0; gbt_predict_kernels_find(which); which++) {
        for (int32_t n_thresholds = 1; n_thresholds <= 255; n_thresholds++) {
            compare_codes(gbt_predict_kernels_find(which), n_thresholds, GBT_ROW_GROUP);
            compare_codes(gbt_predict_kernels_find(which), n_thresholds,
                          1 + n_thresholds % GBT_ROW_GROUP);
        }
    }
}

/* ---- Whole models ---------------------------------------------------------------------------- */

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionForSmallTrees)
{
    for (int32_t leaves = 1; leaves <= 40; leaves++) {
        compare(&(random_model_spec){.seed = (uint64_t)leaves,
                                     .objective = "regression",
                                     .n_features = 5,
                                     .max_bins = 1 + leaves % 20,
                                     .n_rounds = 9,
                                     .min_leaves = leaves,
                                     .max_leaves = leaves});
    }
}

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionForCategoricalSplits)
{
    for (int32_t bins = 1; bins <= 255; bins += 23) {
        compare(&(random_model_spec){.seed = (uint64_t)bins,
                                     .objective = "binary",
                                     .n_features = 6,
                                     .n_categorical = 4,
                                     .max_bins = bins,
                                     .n_rounds = 12,
                                     .min_leaves = 1,
                                     .max_leaves = 70});
    }
}

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionAroundTheLimitsOfTheMaskForm)
{
    const int32_t leaves[] = {2, 3, 31, 32, 33, 64, 65, 128, 129, 255, 256, 257, 300, 2000};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        compare(&(random_model_spec){.seed = i,
                                     .objective = "regression",
                                     .n_features = 8,
                                     .n_categorical = (int32_t)(i % 3),
                                     .max_bins = 255,
                                     .n_rounds = 5,
                                     .min_leaves = leaves[i],
                                     .max_leaves = leaves[i]});
    }
}

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionForChains)
{
    const int32_t leaves[] = {2, 100, 256, 1500};
    for (size_t i = 0; i < 4; i++) {
        compare(&(random_model_spec){.seed = i,
                                     .objective = "regression",
                                     .n_features = 3,
                                     .n_categorical = 1,
                                     .max_bins = 200,
                                     .n_rounds = 4,
                                     .min_leaves = leaves[i],
                                     .max_leaves = leaves[i],
                                     .is_chain = true});
    }
}

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionForManyColumnsAndSegments)
{
    compare(&(random_model_spec){.seed = 3,
                                 .objective = "regression",
                                 .n_features = 900,
                                 .n_categorical = 50,
                                 .max_bins = 30,
                                 .n_rounds = 30,
                                 .min_leaves = 200,
                                 .max_leaves = 270});
    compare(&(random_model_spec){.seed = 4,
                                 .objective = "regression",
                                 .n_features = 258,
                                 .max_bins = 30,
                                 .n_rounds = 250,
                                 .min_leaves = 20,
                                 .max_leaves = 40});
}

TEST_C(Predict, WideForestsReallyHaveSeveralSegmentsInTheMaskForm)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 4,
                                                         .objective = "regression",
                                                         .n_features = 258,
                                                         .max_bins = 30,
                                                         .n_rounds = 250,
                                                         .min_leaves = 20,
                                                         .max_leaves = 40});
    ASSERT_C_TRUE(model != NULL);
    int32_t masked = 0;
    for (int32_t s = 0; s < model->forest->n_segments; s++) {
        const gbt_segment *segment = &model->forest->segment[s];
        masked += segment->is_walked ? 0 : segment->last_tree - segment->first_tree;
    }
    EXPECT_C_TRUE(model->forest->n_segments > 1);
    EXPECT_C_FALSE(model->forest->has_large);
    EXPECT_C_TRUE(masked > 100);
    gbt_model_free(model);
}

TEST_C(Predict, EveryWayGivesTheBitsOfTheDefinitionForSeveralOutputsAndPartsOfTheRounds)
{
    const random_model_spec spec = {.seed = 11,
                                    .objective = "multiclass",
                                    .n_classes = 5,
                                    .n_features = 400,
                                    .n_categorical = 20,
                                    .max_bins = 60,
                                    .n_rounds = 23,
                                    .min_leaves = 1,
                                    .max_leaves = 280};
    gbt_model *model = random_model(&spec);
    ASSERT_C_TRUE(model != NULL);
    EXPECT_C_TRUE(model->forest->n_segments > 1);
    compare_scores(model, 0, 23);
    compare_scores(model, 4, 5);
    compare_scores(model, 7, 23);
    compare_scores(model, 9, 9);
    compare_leaves(model);
    gbt_model_free(model);
}

TEST_C(Predict, BinsReachTheLeafThatFloatsReach)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 21,
                                                         .objective = "regression",
                                                         .n_features = 7,
                                                         .n_categorical = 3,
                                                         .max_bins = 255,
                                                         .n_rounds = 10,
                                                         .min_leaves = 2,
                                                         .max_leaves = 300});
    ASSERT_C_TRUE(model != NULL);
    static float x[ROWS * 7];
    random_rows(model, 5, ROWS, x);
    int64_t wrong = 0;
    for (int64_t i = 0; i < (int64_t)ROWS * model->n_trees; i++) {
        const gbt_tree *tree = model->trees[i % model->n_trees];
        const float *row = x + i / model->n_trees * 7;
        int32_t node = 0;
        while (tree->feature[node] >= 0) {
            const int32_t f = tree->feature[node];
            const int32_t bin = gbt_cuts_bin_of(model->cuts, f, row[f]);
            node = gbt_tree_goes_left(tree, node, bin, model->cuts->n_bins[f]) ? tree->left[node]
                                                                               : tree->right[node];
        }
        wrong += node != plain_leaf(tree, model->cuts, 0, row);
    }
    EXPECT_C_EQ_INT(wrong, 0);
    gbt_model_free(model);
}

TEST_C(Predict, ScoringAllocatesNothing)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 2,
                                                         .objective = "regression",
                                                         .n_features = 9,
                                                         .n_categorical = 3,
                                                         .max_bins = 40,
                                                         .n_rounds = 20,
                                                         .min_leaves = 2,
                                                         .max_leaves = 400});
    ASSERT_C_TRUE(model != NULL);
    static float x[ROWS * 9], sum[ROWS];
    random_rows(model, 1, ROWS, x);
    const int64_t before = gbt_alloc_calls();
    gbt_forest_add(model->forest, x, ROWS, 0, 20, sum);
    gbt_forest_add(model->forest, x, 1, 0, 20, sum);
    EXPECT_C_EQ_INT(gbt_alloc_calls(), before);
    gbt_model_free(model);
}
