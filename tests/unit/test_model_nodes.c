/* Nodes of trees as the public view shows them, against the trees and against predictions. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/tree/model.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

enum { ROWS = 200, FEATURES = 6, ROUNDS = 5 };

static gbt_model *some_model(uint64_t seed, int32_t n_categorical)
{
    return random_model(&(random_model_spec){.seed = seed,
                                             .objective = "regression",
                                             .n_features = FEATURES,
                                             .n_categorical = n_categorical,
                                             .max_bins = 30,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = 1,
                                             .max_leaves = 60});
}

/* To be released. */
static gbt_node *nodes_of(const gbt_model *model, int32_t tree, int32_t *n)
{
    EXPECT_C_OK(gbt_model_tree_nodes(model, tree, n));
    gbt_node *node = gbt_alloc(*n, sizeof *node);
    EXPECT_C_OK(gbt_model_nodes(model, tree, node, *n));
    return node;
}

TEST_C(ModelNodes, TheyLinkUpFromTheRootDown)
{
    gbt_model *model = some_model(1, 2);
    ASSERT_C_TRUE(model != NULL);
    for (int32_t t = 0; t < model->n_trees; t++) {
        int32_t n = 0, n_leaves = 0, leaves = 0;
        gbt_node *node = nodes_of(model, t, &n);
        EXPECT_C_OK(gbt_model_tree_leaves(model, t, &n_leaves));
        EXPECT_C_EQ_INT(n, 2 * n_leaves - 1);
        EXPECT_C_EQ_INT(node[0].parent, -1);
        EXPECT_C_EQ_INT(node[0].depth, 0);
        for (int32_t i = 0; i < n; i++) {
            if (i > 0) {
                const gbt_node *parent = &node[node[i].parent];
                EXPECT_C_TRUE(node[i].parent < i && (parent->left == i || parent->right == i));
                EXPECT_C_EQ_INT(node[i].depth, parent->depth + 1);
            }
            const bool is_leaf = node[i].leaf >= 0;
            leaves += is_leaf;
            EXPECT_C_EQ_INT(is_leaf, node[i].feature < 0);
            EXPECT_C_EQ_INT(is_leaf, node[i].left < 0);
            EXPECT_C_EQ_INT(is_leaf, node[i].right < 0);
            if (!is_leaf) {
                EXPECT_C_EQ_INT(node[i].rows, node[node[i].left].rows + node[node[i].right].rows);
            }
        }
        EXPECT_C_EQ_INT(leaves, n_leaves);
        gbt_release(node);
    }
    gbt_model_free(model);
}

/* Walks by the public description alone; categorical splits ask the tree. */
TEST_C(ModelNodes, WalkingThemEndsInThePredictedLeaf)
{
    float x[ROWS * FEATURES];
    int32_t want[ROWS * ROUNDS];
    for (uint64_t seed = 0; seed < 4; seed++) {
        gbt_model *model = some_model(seed, (int32_t)seed % 3);
        ASSERT_C_TRUE(model != NULL);
        const gbt_matrix matrix = {x, GBT_F32, ROWS, FEATURES, FEATURES, 1};
        random_rows(model, seed, ROWS, x);
        ASSERT_C_OK(gbt_model_leaves(model, &matrix, 1, want, ROWS * ROUNDS));
        for (int32_t t = 0; t < ROUNDS; t++) {
            int32_t n = 0;
            float value[64];
            gbt_node *node = nodes_of(model, t, &n);
            ASSERT_C_OK(gbt_model_leaf_values(model, t, value, n / 2 + 1));
            for (int row = 0; row < ROWS; row++) {
                int32_t at = 0;
                while (node[at].leaf < 0) {
                    const int32_t feature = node[at].feature;
                    const float v = x[row * FEATURES + feature];
                    const int32_t bin = gbt_cuts_bin_of(model->cuts, feature, v);
                    const bool is_missing = bin == model->cuts->n_bins[feature];
                    EXPECT_C_EQ_INT(node[at].is_categorical,
                                    gbt_model_feature_is_categorical(model, feature));
                    const bool left = is_missing ? node[at].missing_left != 0
                                      : node[at].is_categorical
                                          ? gbt_tree_goes_left(model->trees[t], at, bin, -1)
                                          : v <= node[at].threshold;
                    at = left ? node[at].left : node[at].right;
                }
                EXPECT_C_EQ_INT(node[at].leaf, want[row * ROUNDS + t]);
                EXPECT_C_EQ_BYTES(&node[at].value, &value[node[at].leaf], sizeof *value);
            }
            gbt_release(node);
        }
        gbt_model_free(model);
    }
}

TEST_C(ModelNodes, GainsAddUpToTheImportance)
{
    gbt_model *model = some_model(7, 2);
    ASSERT_C_TRUE(model != NULL);
    double want[FEATURES], got[FEATURES] = {0};
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, want, FEATURES));
    for (int32_t t = 0; t < model->n_trees; t++) {
        int32_t n = 0;
        gbt_node *node = nodes_of(model, t, &n);
        for (int32_t i = 0; i < n; i++) {
            if (node[i].feature >= 0) {
                got[node[i].feature] += (double)node[i].gain;
            }
        }
        gbt_release(node);
    }
    EXPECT_C_EQ_BYTES(got, want, sizeof got);
    gbt_model_free(model);
}

TEST_C(ModelNodes, WrongArgumentsAreRefused)
{
    gbt_model *model = some_model(8, 0);
    ASSERT_C_TRUE(model != NULL);
    int32_t n = 0;
    gbt_node *node = nodes_of(model, 0, &n);
    EXPECT_C_STATUS(gbt_model_tree_nodes(NULL, 0, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_nodes(model, 0, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_nodes(model, -1, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_nodes(model, ROUNDS, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(NULL, 0, node, n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(model, 0, NULL, n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(model, 0, node, n - 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(model, 0, node, n + 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(model, ROUNDS, node, n), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no tree 5, the model has 5");
    gbt_release(node);
    gbt_model_free(model);
}

TEST_C(ModelNodes, CategoriesCountTextsAndCodes)
{
    gbt_model *model = some_model(9, 2);
    ASSERT_C_TRUE(model != NULL);
    const gbt_cuts *cuts = model->cuts;
    const int32_t codes =
        (int32_t)(cuts->category_first[FEATURES - 1] - cuts->category_first[FEATURES - 2]);
    EXPECT_C_TRUE(codes > 0);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(model, 0), 0);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(model, FEATURES - 2), codes);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(model, FEATURES - 1), 5);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(model, FEATURES), 0);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(model, -1), 0);
    EXPECT_C_EQ_INT(gbt_model_feature_categories(NULL, 0), 0);
    EXPECT_C_TRUE(gbt_model_task_name(model, 0) == NULL);
    EXPECT_C_TRUE(gbt_model_task_name(NULL, 0) == NULL);
    gbt_model_free(model);
}
