/* Models: rounds, life, the public questions, and verification. */
#include "gbt/tree/model.h"

#include <string.h>

#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

static const random_model_spec three_classes = {.seed = 9,
                                                .objective = "multiclass",
                                                .n_classes = 3,
                                                .n_features = 4,
                                                .n_categorical = 1,
                                                .max_bins = 12,
                                                .n_rounds = 5,
                                                .min_leaves = 2,
                                                .max_leaves = 9};

static int64_t shape(const gbt_model *model, gbt_shape_key key)
{
    int64_t value = -1;
    EXPECT_C_OK(gbt_model_shape(model, key, &value));
    return value;
}

TEST_C(Model, AnswersWhatItIs)
{
    gbt_model *model = random_model(&three_classes);
    ASSERT_C_TRUE(model != NULL);
    int64_t leaves = 0;
    for (int32_t t = 0; t < 15; t++) {
        leaves += model->trees[t]->n_leaves;
    }
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_ROUNDS), 5);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_TREES), 15);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_OUTPUTS), 3);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_FEATURES), 4);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_CLASSES), 3);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_LEAVES), leaves);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_TRAIN_ROWS), 12345);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_BEST_ROUND), 5);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_USES_INIT_SCORE), 0);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_SPARSE), 0);
    EXPECT_C_STATUS(gbt_model_shape(model, (gbt_shape_key)10, &leaves), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_TEXT(gbt_model_objective(model), "multiclass");
    EXPECT_C_EQ_TEXT(gbt_model_feature_name(model, 0), "column_0");
    EXPECT_C_TRUE(gbt_model_feature_name(model, 4) == NULL);
    EXPECT_C_TRUE(gbt_model_feature_name(model, -1) == NULL);
    EXPECT_C_EQ_INT(gbt_model_feature_is_categorical(model, 2), 0);
    EXPECT_C_EQ_INT(gbt_model_feature_is_categorical(model, 3), 1);
    EXPECT_C_EQ_INT(gbt_model_feature_is_categorical(model, 4), 0);
    EXPECT_C_EQ_TEXT(gbt_model_class_name(model, 2), "class 2");
    EXPECT_C_TRUE(gbt_model_class_name(model, 3) == NULL);
    EXPECT_C_EQ_TEXT(gbt_model_column(model, GBT_ROLE_LABEL), "");
    EXPECT_C_EQ_TEXT(gbt_model_column(model, (gbt_column_role)77), "");
    gbt_model_free(model);
}

TEST_C(Model, GivesBaseScoresLeafValuesAndParameters)
{
    gbt_model *model = random_model(&three_classes);
    ASSERT_C_TRUE(model != NULL);
    double base[3];
    EXPECT_C_OK(gbt_model_base_score(model, base, 3));
    EXPECT_C_EQ_BYTES(base, model->base_score, sizeof base);
    EXPECT_C_STATUS(gbt_model_base_score(model, base, 2), GBT_ERR_ARGUMENT);
    for (int32_t t = 0; t < 15; t++) {
        const gbt_tree *tree = model->trees[t];
        float value[9];
        int32_t n_leaves = 0;
        ASSERT_C_OK(gbt_model_tree_leaves(model, t, &n_leaves));
        EXPECT_C_EQ_INT(n_leaves, tree->n_leaves);
        ASSERT_C_OK(gbt_model_leaf_values(model, t, value, n_leaves));
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            if (tree->feature[node] < 0) {
                EXPECT_C_EQ_BYTES(&value[tree->left[node]], &tree->value[node], sizeof(float));
            }
        }
        EXPECT_C_STATUS(gbt_model_leaf_values(model, t, value, n_leaves + 1), GBT_ERR_ARGUMENT);
    }
    int32_t n_leaves = 0;
    EXPECT_C_STATUS(gbt_model_tree_leaves(model, 15, &n_leaves), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_leaves(model, -1, &n_leaves), GBT_ERR_ARGUMENT);
    gbt_params *params = NULL;
    char text[32];
    ASSERT_C_OK(gbt_model_params(model, &params));
    gbt_model_free(model); /* the copy stays */
    ASSERT_C_OK(gbt_params_get(params, "num_class", text, sizeof text));
    EXPECT_C_EQ_TEXT(text, "3");
    gbt_params_free(params);
}

TEST_C(Model, NullPointersAreArgumentErrors)
{
    int64_t value = 0;
    gbt_dataset *dataset = NULL;
    EXPECT_C_STATUS(gbt_model_shape(NULL, GBT_SHAPE_TREES, &value), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_verify(NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_dataset_like_model(NULL, &dataset), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(gbt_model_objective(NULL) == NULL);
    EXPECT_C_TRUE(gbt_model_feature_name(NULL, 0) == NULL);
    EXPECT_C_TRUE(gbt_model_class_name(NULL, 0) == NULL);
    EXPECT_C_EQ_TEXT(gbt_model_column(NULL, GBT_ROLE_LABEL), "");
    gbt_model_free(NULL);
    gbt_memory_free(NULL);
}

TEST_C(Model, TruncatedKeepsTheFirstRounds)
{
    gbt_model *model = random_model(&three_classes);
    ASSERT_C_TRUE(model != NULL);
    gbt_model_truncate(model, 9);
    EXPECT_C_EQ_INT(gbt_model_rounds(model), 5);
    const gbt_tree *last = model->trees[5];
    gbt_model_truncate(model, 2);
    EXPECT_C_EQ_INT(model->n_trees, 6);
    EXPECT_C_TRUE(model->trees[5] == last);
    ASSERT_C_OK(gbt_model_seal(model));
    EXPECT_C_OK(gbt_model_verify(model));
    gbt_model_truncate(model, 0);
    EXPECT_C_EQ_INT(model->n_trees, 0);
    gbt_model_free(model);
}

TEST_C(Model, AppendAllocatesOnlyBeyondItsCapacity)
{
    gbt_model *from = random_model(&three_classes);
    ASSERT_C_TRUE(from != NULL);
    gbt_model *model = NULL;
    ASSERT_C_OK(
        gbt_model_create(from->params, from->schema, from->cuts, &from->objective, 3, &model));
    EXPECT_C_EQ_INT(model->capacity, 3);
    for (int32_t t = 0; t < 9; t++) {
        gbt_tree *tree = NULL;
        ASSERT_C_OK(gbt_tree_create(1, 0, &tree));
        const gbt_tree *const *before = (const gbt_tree *const *)model->trees;
        ASSERT_C_OK(gbt_model_append(model, tree));
        EXPECT_C_TRUE(t >= 3 || before == (const gbt_tree *const *)model->trees);
        EXPECT_C_TRUE(model->trees[t] == tree);
    }
    EXPECT_C_EQ_INT(model->n_trees, 9);
    gbt_model_free(from); /* schema and cuts stay */
    EXPECT_C_EQ_INT(model->cuts->n_features, 4);
    gbt_model_free(model);
}

TEST_C(Model, ADatasetLikeItHasItsColumnsAndCutsAndNoRows)
{
    gbt_model *model = random_model(&three_classes);
    gbt_dataset *dataset = NULL;
    ASSERT_C_TRUE(model != NULL);
    ASSERT_C_OK(gbt_dataset_like_model(model, &dataset));
    gbt_model_free(model);
    EXPECT_C_EQ_INT(gbt_dataset_rows(dataset), 0);
    EXPECT_C_EQ_INT(gbt_dataset_features(dataset), 4);
    gbt_dataset_free(dataset);
}

TEST_C(Model, VerificationFindsRowsThatDoNotAddUpSmallLeavesAndUnorderedCuts)
{
    gbt_model *model = random_model(&three_classes);
    ASSERT_C_TRUE(model != NULL);
    ASSERT_C_OK(gbt_model_verify(model));
    gbt_tree *tree = model->trees[7];
    tree->rows[0]++;
    EXPECT_C_STATUS(gbt_model_verify(model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "tree 7: node 0");
    tree->rows[0]--;
    model->params->min_child_samples = 5000;
    EXPECT_C_STATUS(gbt_model_verify(model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "min_child_samples is 5000");
    model->params->min_child_samples = 20;
    const float keep = model->cuts->upper[4];
    model->cuts->upper[4] = model->cuts->upper[3];
    EXPECT_C_STATUS(gbt_model_verify(model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "feature 0 (column_0): cut 4");
    model->cuts->upper[4] = keep;
    tree->flags[0] = 8;
    EXPECT_C_STATUS(gbt_model_verify(model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "tree 7: node 0: unknown flags");
    gbt_model_free(model);
}

TEST_C(Model, SealingSurvivesRefusedAllocations)
{
    for (int64_t n = 1;; n++) {
        fail_alloc_install(n);
        gbt_model *model = random_model(&three_classes);
        gbt_model_free(model);
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_TRUE(model != NULL);
            break;
        }
    }
}
