/* Importance on trees made by hand, where every sum is known. */
#include <string.h>

#include "gbt/tree/model.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

TEST_C(Importance, IsTheSumOverTheSplitsOfAFeature)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 1,
                                                         .objective = "binary",
                                                         .n_features = 5,
                                                         .n_categorical = 2,
                                                         .max_bins = 20,
                                                         .n_rounds = 7,
                                                         .min_leaves = 1,
                                                         .max_leaves = 30});
    ASSERT_C_TRUE(model != NULL);
    double gain[5] = {0}, split[5] = {0}, cover[5] = {0}, got[5];
    for (int32_t t = 0; t < model->n_trees; t++) {
        const gbt_tree *tree = model->trees[t];
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            if (tree->feature[node] >= 0) {
                gain[tree->feature[node]] += (double)tree->gain[node];
                split[tree->feature[node]] += 1.0;
                cover[tree->feature[node]] += (double)tree->cover[node];
            }
        }
    }
    EXPECT_C_TRUE(split[0] > 0.0);
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, got, 5));
    EXPECT_C_EQ_BYTES(got, gain, sizeof got);
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_SPLIT, got, 5));
    EXPECT_C_EQ_BYTES(got, split, sizeof got);
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_COVER, got, 5));
    EXPECT_C_EQ_BYTES(got, cover, sizeof got);
    gbt_model_free(model);
}

TEST_C(Importance, OfTwoSplitsMadeByHand)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 1,
                                                         .objective = "regression",
                                                         .n_features = 3,
                                                         .max_bins = 20,
                                                         .n_rounds = 1,
                                                         .min_leaves = 3,
                                                         .max_leaves = 3});
    ASSERT_C_TRUE(model != NULL);
    gbt_tree *tree = model->trees[0];
    float gain = 8.0f;
    for (int32_t node = 0; node < 5; node++) {
        if (tree->feature[node] >= 0) {
            tree->feature[node] = 2;
            tree->gain[node] = gain;
            tree->cover[node] = 10.0f * gain;
            gain = 0.5f;
        }
    }
    double got[3];
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, got, 3));
    EXPECT_C_EQ_BYTES(got, ((double[]){0.0, 0.0, 8.5}), sizeof got);
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_SPLIT, got, 3));
    EXPECT_C_EQ_BYTES(got, ((double[]){0.0, 0.0, 2.0}), sizeof got);
    ASSERT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_COVER, got, 3));
    EXPECT_C_EQ_BYTES(got, ((double[]){0.0, 0.0, 85.0}), sizeof got);
    gbt_model_free(model);
}

TEST_C(Importance, RefusesAWrongSizeKindOrPointer)
{
    gbt_model *model = random_model(&(random_model_spec){.objective = "regression",
                                                         .n_features = 3,
                                                         .max_bins = 5,
                                                         .min_leaves = 1,
                                                         .max_leaves = 1});
    ASSERT_C_TRUE(model != NULL);
    double got[3] = {-1.0, -1.0, -1.0};
    EXPECT_C_STATUS(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, got, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_importance(model, (gbt_importance_kind)3, got, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_importance(NULL, GBT_IMPORTANCE_GAIN, got, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, NULL, 3), GBT_ERR_ARGUMENT);
    EXPECT_C_NEAR(got[0], -1.0, 0.0);
    gbt_model_free(model);
}
