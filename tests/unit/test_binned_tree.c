/* Trees over binned rows: a small tree by hand, and random trees on random data against the
 * definition, one row and node at a time. */
#include "gbt/backend/binned_tree.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/backend_case.h"
#include "tests/support/gtest_c.h"

/* Six rows by three features: numeric, categorical, numeric in a shared column. */
TEST_C(BinnedTree, CodesLeadToTheLeavesOfTheirBins)
{
    uint8_t has_missing[3] = {1, 0, 0};
    uint8_t codes[6 * 2 + 64] = {0, 0, 0, 0, 3, 1, 1, 5, 2, 0, 5, 4};
    int32_t n_bins[3] = {3, 3, 4};
    gbt_bin_place place[3] = {{0, 0, 4, -1}, {1, 0, 3, -1}, {1, 3, 3, 2}};
    gbt_cuts cuts = {.n_features = 3, .n_bins = n_bins};
    gbt_dataset data = {.cuts = &cuts, .n_rows = 6};
    float scores[6] = {10, 20, 30, 40, 50, 60};
    gbt_tree *tree = NULL;
    gbt_binned_tree binned;
    data.bins = (gbt_bins){.n_rows = 6,
                           .n_columns = 2,
                           .n_features = 3,
                           .base = codes,
                           .row_step = 2,
                           .place = place,
                           .has_missing = has_missing};
    ASSERT_C_OK(gbt_tree_create(5, 1, &tree));
    ASSERT_C_OK(gbt_binned_tree_open(5, &binned));
    /* 0: x0 <= bin 0, missing left -> leaf 1, else 2: x2 (default bin 2, bin 1 is code 4) <= 1 ->
     * 3, 4 */
    const int32_t feature[5] = {0, -1, 2, -1, -1};
    const int32_t left[5] = {1, 0, 3, 1, 2};
    const int32_t right[5] = {2, -1, 4, -1, -1};
    const float value[5] = {0, 1, 0, 2, 3};
    memcpy(tree->feature, feature, sizeof feature);
    memcpy(tree->left, left, sizeof left);
    memcpy(tree->right, right, sizeof right);
    memcpy(tree->value, value, sizeof value);
    tree->bin[2] = 1;
    tree->flags[0] = GBT_NODE_MISSING_LEFT;
    gbt_binned_tree_set(&binned, tree, &data);
    gbt_binned_tree_add(&binned, &data.bins, 1, 6, scores);
    EXPECT_C_TRUE(scores[0] == 10);     /* not asked for */
    EXPECT_C_TRUE(scores[1] == 20 + 1); /* x0 in bin 0 */
    EXPECT_C_TRUE(scores[2] == 30 + 1); /* x0 is missing */
    EXPECT_C_TRUE(scores[3] == 40 + 3); /* x2 in bin 3 */
    EXPECT_C_TRUE(scores[4] == 50 + 3); /* x2 at its default, bin 2 */
    EXPECT_C_TRUE(scores[5] == 60 + 2); /* x2 in bin 1 */
    tree->feature[2] = 1;
    tree->flags[2] = GBT_NODE_CATEGORICAL;
    tree->set[2] = 0;
    tree->sets[0] = 1u << 0;
    codes[11] = 1;
    const uint32_t rows[2] = {5, 4};
    gbt_binned_tree_set(&binned, tree, &data);
    gbt_binned_tree_add_rows(&binned, &data.bins, rows, 2, scores);
    EXPECT_C_TRUE(scores[4] == 53 + 2); /* x1 in bin 0, in the set */
    EXPECT_C_TRUE(scores[5] == 62 + 3); /* x1 in bin 1 */
    gbt_binned_tree_close(&binned);
    gbt_tree_free(tree);
}

enum { MOST_LEAVES = 400 };

/* A tree of random splits, lopsided, with some n_leaves leaves. */
static gbt_tree *draw_tree(dice *d, const gbt_cuts *cuts, int32_t n_leaves)
{
    gbt_tree *tree = NULL;
    int32_t leaf[MOST_LEAVES] = {0}, n_nodes = 1;
    if (gbt_tree_create(2 * n_leaves - 1, n_leaves - 1, &tree) != GBT_OK) {
        return NULL;
    }
    tree->feature[0] = -1;
    for (int32_t n = 1; n < n_leaves; n++) {
        const int32_t at = (int32_t)dice_below(d, n);
        const int32_t node = leaf[at];
        const int32_t feature = (int32_t)dice_below(d, cuts->n_features);
        tree->feature[node] = feature;
        tree->left[node] = leaf[at] = n_nodes++;
        tree->right[node] = leaf[n] = n_nodes++;
        tree->feature[leaf[at]] = tree->feature[leaf[n]] = -1;
        tree->bin[node] = (uint8_t)dice_below(d, cuts->n_bins[feature]);
        tree->set[node] = n - 1;
        tree->flags[node] = (uint8_t)((dice_chance(d, 0.5) ? GBT_NODE_MISSING_LEFT : 0) |
                                      (cuts->is_categorical[feature] ? GBT_NODE_CATEGORICAL : 0));
        for (int32_t word = 0; word < GBT_SET_WORDS; word++) {
            tree->sets[(n - 1) * GBT_SET_WORDS + word] = (uint32_t)dice_below(d, UINT32_MAX);
        }
    }
    for (int32_t node = 0; node < n_nodes; node++) {
        tree->value[node] = (float)(node + 1);
    }
    return tree;
}

static float value_of_row(const gbt_tree *tree, const gbt_dataset *data, int64_t row)
{
    int32_t node = 0;
    while (tree->feature[node] >= 0) {
        const int32_t feature = tree->feature[node];
        const int32_t bin = gbt_bins_at(&data->bins, row, feature);
        node = gbt_tree_goes_left(tree, node, bin, data->cuts->n_bins[feature]) ? tree->left[node]
                                                                                : tree->right[node];
    }
    return tree->value[node];
}

TEST_C(BinnedTree, EveryRowReachesItsLeaf)
{
    const case_limits limits = {.max_rows = 900, .max_features = 12, .max_cells = 6000};
    for (uint64_t seed = 0; seed < 200; seed++) {
        backend_case c;
        dice d = {.seed = seed + 1000};
        gbt_binned_tree binned;
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        const int32_t n_leaves = 1 + (int32_t)dice_below(&d, seed % 3 ? 40 : MOST_LEAVES - 1);
        const int64_t n = c.data.n_rows;
        gbt_tree *tree = draw_tree(&d, &c.cuts, n_leaves);
        float *all = calloc((size_t)n, sizeof *all), *some = calloc((size_t)n, sizeof *some);
        uint32_t *rows = calloc((size_t)n, sizeof *rows);
        int32_t n_rows = 0, wrong = 0;
        ASSERT_C_TRUE(tree && all && some && rows);
        for (int64_t row = n - 1; row >= 0; row--) {
            rows[n_rows] = (uint32_t)row;
            n_rows += dice_chance(&d, 0.5);
        }
        ASSERT_C_OK(gbt_binned_tree_open(2 * n_leaves - 1, &binned));
        gbt_binned_tree_set(&binned, tree, &c.data);
        gbt_binned_tree_add(&binned, &c.data.bins, n / 3, n, all);
        gbt_binned_tree_add_rows(&binned, &c.data.bins, rows, n_rows, some);
        for (int64_t row = 0; row < n; row++) {
            wrong += all[row] != (row < n / 3 ? 0.0f : value_of_row(tree, &c.data, row));
        }
        for (int32_t i = 0; i < n_rows; i++) {
            wrong += some[rows[i]] != value_of_row(tree, &c.data, rows[i]);
            some[rows[i]] = 0.0f;
        }
        for (int64_t row = 0; row < n; row++) {
            wrong += some[row] != 0.0f;
        }
        EXPECT_C_EQ_INT(wrong, 0);
        gbt_binned_tree_close(&binned);
        gbt_tree_free(tree);
        backend_case_close(&c);
        free(all);
        free(some);
        free(rows);
    }
}
