/* Trees: memory, coding and the check, whose every fault is provoked once. */
#include "gbt/tree/tree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

static gbt_model *some_model(int32_t leaves)
{
    return random_model(&(random_model_spec){.seed = 5,
                                             .objective = "regression",
                                             .n_features = 6,
                                             .n_categorical = 2,
                                             .max_bins = 255,
                                             .n_rounds = 3,
                                             .min_leaves = leaves,
                                             .max_leaves = leaves});
}

/* First node that is a leaf, a numeric split or a categorical split. */
static int32_t find_node(const gbt_tree *tree, bool leaf, bool categorical)
{
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        const bool is_categorical = (tree->flags[node] & GBT_NODE_CATEGORICAL) != 0;
        if (leaf ? tree->feature[node] < 0
                 : tree->feature[node] >= 0 && is_categorical == categorical) {
            return node;
        }
    }
    return -1;
}

TEST_C(Tree, HasRoomForExactlyItsNodesAndStartsZeroed)
{
    gbt_tree *tree = NULL;
    ASSERT_C_OK(gbt_tree_create(131071, 65535, &tree));
    EXPECT_C_EQ_INT(tree->n_leaves, 65536);
    int64_t bad = 0;
    for (int32_t i = 0; i < 131071; i++) {
        bad +=
            tree->feature[i] != 0 || tree->rows[i] != 0 || tree->flags[i] != 0 || tree->set[i] != 0;
        tree->feature[i] = tree->left[i] = tree->right[i] = tree->set[i] = i;
        tree->threshold[i] = tree->value[i] = tree->gain[i] = tree->cover[i] = (float)i;
        tree->rows[i] = (uint32_t)i;
        tree->bin[i] = tree->flags[i] = (uint8_t)i;
    }
    for (int32_t i = 0; i < 65535 * GBT_SET_WORDS; i++) {
        bad += tree->sets[i] != 0;
        tree->sets[i] = ~0u;
    }
    EXPECT_C_EQ_INT(bad, 0);
    for (int32_t i = 0; i < 131071; i++) { /* the arrays do not overlap */
        const uint32_t u = (uint32_t)i;
        bad +=
            tree->feature[i] != i || tree->left[i] != i || tree->right[i] != i || tree->set[i] != i;
        bad += tree->rows[i] != u || tree->bin[i] != (uint8_t)i || tree->flags[i] != (uint8_t)i;
        bad += (int32_t)tree->threshold[i] != i || (int32_t)tree->cover[i] != i;
        bad += (int32_t)tree->value[i] != i || (int32_t)tree->gain[i] != i;
    }
    EXPECT_C_EQ_INT(bad, 0);
    gbt_tree_free(tree);
    gbt_tree_free(NULL);
}

TEST_C(Tree, RefusesImpossibleSizes)
{
    gbt_tree *tree = NULL;
    EXPECT_C_STATUS(gbt_tree_create(0, 0, &tree), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_tree_create(4, 0, &tree), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_tree_create(131073, 0, &tree), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_tree_create(3, 2, &tree), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(tree == NULL);
}

TEST_C(Tree, IsOneAllocation)
{
    fail_alloc_install(0);
    gbt_tree *tree = NULL;
    EXPECT_C_OK(gbt_tree_create(61, 10, &tree));
    EXPECT_C_EQ_INT(fail_alloc_calls(), 1);
    gbt_tree_free(tree);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
}

TEST_C(Tree, ThresholdOfABinIsItsUpperEndAndOfTheLastBinInfinity)
{
    gbt_model *model = some_model(10);
    ASSERT_C_TRUE(model != NULL);
    const gbt_cuts *cuts = model->cuts;
    EXPECT_C_EQ_INT(cuts->n_bins[0], 255);
    EXPECT_C_EQ_BYTES(&cuts->upper[253], &(float){gbt_tree_threshold(cuts, 0, 253)}, 4);
    EXPECT_C_TRUE(isinf(gbt_tree_threshold(cuts, 0, 254)));
    gbt_model_free(model);
}

static bool same_tree(const gbt_tree *a, const gbt_tree *b)
{
    const size_t n = (size_t)a->n_nodes;
    return a->n_nodes == b->n_nodes && a->n_sets == b->n_sets && a->n_leaves == b->n_leaves &&
           memcmp(a->feature, b->feature, n * 4) == 0 && memcmp(a->left, b->left, n * 4) == 0 &&
           memcmp(a->right, b->right, n * 4) == 0 && memcmp(a->set, b->set, n * 4) == 0 &&
           memcmp(a->threshold, b->threshold, n * 4) == 0 && memcmp(a->bin, b->bin, n) == 0 &&
           memcmp(a->flags, b->flags, n) == 0 && memcmp(a->value, b->value, n * 4) == 0 &&
           memcmp(a->gain, b->gain, n * 4) == 0 && memcmp(a->cover, b->cover, n * 4) == 0 &&
           memcmp(a->rows, b->rows, n * 4) == 0 &&
           memcmp(a->sets, b->sets, (size_t)a->n_sets * GBT_SET_WORDS * 4) == 0;
}

TEST_C(Tree, ReadsBackWhatWasWrittenInTensOfBytesANode)
{
    const int32_t leaves[] = {1, 2, 31, 300, 2000};
    for (int i = 0; i < 5; i++) {
        gbt_model *model = some_model(leaves[i]);
        ASSERT_C_TRUE(model != NULL);
        for (int32_t t = 0; t < model->n_trees; t++) {
            gbt_writer writer = {0};
            gbt_tree *back = NULL;
            gbt_tree_write(&writer, model->trees[t]);
            ASSERT_C_OK(writer.status);
            gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "memory"};
            ASSERT_C_OK(gbt_tree_read(&reader, model->cuts, &back));
            EXPECT_C_EQ_INT(reader.at, reader.size);
            EXPECT_C_TRUE(same_tree(model->trees[t], back));
            const int64_t sets = 32 * (int64_t)back->n_sets;
            EXPECT_C_TRUE((int64_t)writer.size <= 2 + 24 * (int64_t)back->n_nodes + sets);
            gbt_tree_free(back);
            gbt_writer_close(&writer);
        }
        gbt_model_free(model);
    }
}

TEST_C(Tree, EveryTruncationIsRefused)
{
    gbt_model *model = some_model(20);
    ASSERT_C_TRUE(model != NULL);
    gbt_writer writer = {0};
    gbt_tree_write(&writer, model->trees[0]);
    for (size_t size = 0; size < writer.size; size++) {
        gbt_tree *back = NULL;
        gbt_reader reader = {.data = writer.data, .size = size, .where = "memory"};
        EXPECT_C_STATUS(gbt_tree_read(&reader, model->cuts, &back), GBT_ERR_FORMAT);
        EXPECT_C_TRUE(back == NULL);
    }
    gbt_writer_close(&writer);
    gbt_model_free(model);
}

TEST_C(Tree, ChangedBytesAreRefusedOrGiveASoundTree)
{
    gbt_model *model = some_model(20);
    ASSERT_C_TRUE(model != NULL);
    gbt_writer writer = {0};
    gbt_tree_write(&writer, model->trees[0]);
    int64_t refused = 0;
    for (size_t at = 0; at < writer.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            gbt_tree *back = NULL;
            gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "memory"};
            writer.data[at] ^= (unsigned char)(1 << bit);
            if (gbt_tree_read(&reader, model->cuts, &back) == GBT_OK) {
                EXPECT_C_OK(gbt_tree_check(back, model->cuts, 0));
            } else {
                refused++;
            }
            gbt_tree_free(back);
            writer.data[at] ^= (unsigned char)(1 << bit);
        }
    }
    EXPECT_C_TRUE(refused > (int64_t)writer.size);
    gbt_writer_close(&writer);
    gbt_model_free(model);
}

/* The check must name this fault, and accept the tree again once it is mended. */
#define EXPECT_FAULT(tree, field, wrong, message)                                 \
    do {                                                                          \
        const gbt_tree before = *(tree);                                          \
        const double keep = (double)(field);                                      \
        (field) = (wrong);                                                        \
        EXPECT_C_STATUS(gbt_tree_check((tree), model->cuts, 17), GBT_ERR_FORMAT); \
        EXPECT_C_HAS_TEXT(gbt_last_error(), "tree 17: ");                         \
        EXPECT_C_HAS_TEXT(gbt_last_error(), (message));                           \
        *(tree) = before;                                                         \
        (field) = (__typeof__(field))keep;                                        \
        EXPECT_C_OK(gbt_tree_check((tree), model->cuts, 17));                     \
    } while (0)

TEST_C(Tree, TheCheckNamesEveryFault)
{
    gbt_model *model = some_model(60);
    ASSERT_C_TRUE(model != NULL);
    gbt_tree *tree = model->trees[0];
    const int32_t leaf = find_node(tree, true, false);
    const int32_t split = find_node(tree, false, false), sets = find_node(tree, false, true);
    ASSERT_C_TRUE(leaf > 0 && split >= 0 && sets >= 0);
    EXPECT_FAULT(tree, tree->n_nodes, 117, "do not make a tree");
    EXPECT_FAULT(tree, tree->feature[split], 6, "feature 6");
    EXPECT_FAULT(tree, tree->feature[split], -2, "feature -2");
    EXPECT_FAULT(tree, tree->flags[split], 4, "unknown flags");
    EXPECT_FAULT(tree, tree->flags[sets], 0, "categorical");
    EXPECT_FAULT(tree, tree->flags[split], GBT_NODE_CATEGORICAL, "categorical");
    EXPECT_FAULT(tree, tree->set[sets], tree->n_sets, "category set");
    EXPECT_FAULT(tree, tree->set[sets], -1, "category set");
    EXPECT_FAULT(tree, tree->threshold[split], 1e9f, "upper end");
    EXPECT_FAULT(tree, tree->threshold[split], NAN, "upper end");
    EXPECT_FAULT(tree, tree->left[split], split, "child");
    EXPECT_FAULT(tree, tree->right[split], 119, "child");
    EXPECT_FAULT(tree, tree->right[0], tree->left[0], "two parents");
    EXPECT_FAULT(tree, tree->left[leaf], 60, "leaf number");
    EXPECT_FAULT(tree, tree->right[leaf], 0, "leaf number");
    EXPECT_FAULT(tree, tree->left[leaf], (tree->left[leaf] + 1) % 60, "occurs twice");
    EXPECT_FAULT(tree, tree->value[leaf], INFINITY, "not finite");
    EXPECT_FAULT(tree, tree->gain[split], NAN, "not finite");
    EXPECT_FAULT(tree, tree->cover[split], NAN, "not finite");
    gbt_model_free(model);
}

TEST_C(Tree, ABinBeyondTheFeatureIsAFault)
{
    gbt_model *model = some_model(60);
    ASSERT_C_TRUE(model != NULL);
    gbt_tree *tree = model->trees[0];
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        const int32_t f = tree->feature[node];
        if (f > 0 && !model->cuts->is_categorical[f] && model->cuts->n_bins[f] < 255) {
            tree->bin[node] = (uint8_t)model->cuts->n_bins[f];
            EXPECT_C_STATUS(gbt_tree_check(tree, model->cuts, 0), GBT_ERR_FORMAT);
            EXPECT_C_HAS_TEXT(gbt_last_error(), "bin");
            break;
        }
    }
    gbt_model_free(model);
}

TEST_C(Tree, AnOverlongCountIsRefused)
{
    gbt_model *model = some_model(1);
    ASSERT_C_TRUE(model != NULL);
    const unsigned char padded[] = {0x81, 0x00, 0x00};            /* 1 in two bytes */
    const unsigned char large[] = {0x81, 0x80, 0x80, 0x80, 0x10}; /* 2^32 + 1 */
    gbt_tree *tree = NULL;
    gbt_reader reader = {.data = padded, .size = sizeof padded, .where = "memory"};
    EXPECT_C_STATUS(gbt_tree_read(&reader, model->cuts, &tree), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "badly coded");
    reader = (gbt_reader){.data = large, .size = sizeof large, .where = "memory"};
    EXPECT_C_STATUS(gbt_tree_read(&reader, model->cuts, &tree), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "badly coded");
    gbt_model_free(model);
}
