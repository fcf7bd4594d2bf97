/* The table of backends and the walk of a tree over binned rows. */
#include <string.h>

#include "gbt/backend/backend.h"
#include "tests/support/backend_case.h"
#include "tests/support/gtest_c.h"

TEST_C(Backend, NamesFindTheirBackend)
{
    const gbt_backend_ops *ops = NULL;
    EXPECT_C_OK(gbt_backend_find("ref", &ops));
    EXPECT_C_TRUE(ops == &gbt_backend_ref);
    EXPECT_C_OK(gbt_backend_find("cpu", &ops));
    EXPECT_C_TRUE(ops == &gbt_backend_cpu);
    EXPECT_C_EQ_TEXT(gbt_backend_ref.name, "ref");
    EXPECT_C_EQ_TEXT(gbt_backend_cpu.name, "cpu");
}

TEST_C(Backend, AMissingBackendSaysWhatIsMissingAndWhatIsThere)
{
    const gbt_backend_ops *ops = &gbt_backend_ref;
    if (!gbt_backend_available("cuda")) {
        EXPECT_C_STATUS(gbt_backend_find("cuda", &ops), GBT_ERR_UNSUPPORTED);
        EXPECT_C_TRUE(ops == NULL);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "backend cuda: ");
    }
    EXPECT_C_STATUS(gbt_backend_find("cuda:x", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_TRUE(ops == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "behind cuda: stands the number of a device");
    EXPECT_C_STATUS(gbt_backend_find("cuda:1000", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_backend_find("tpu", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "'tpu'");
    EXPECT_C_HAS_TEXT(gbt_last_error(), "available: cpu, ref");
    EXPECT_C_STATUS(gbt_backend_find("", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_backend_find(NULL, &ops), GBT_ERR_ARGUMENT);
}

TEST_C(Backend, AvailableIsOneOrZero)
{
    EXPECT_C_EQ_INT(gbt_backend_available("cpu"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("ref"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("cuda:1000"), 0);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "backend cuda");
    EXPECT_C_EQ_INT(gbt_backend_available("CPU"), 0);
    EXPECT_C_EQ_INT(gbt_backend_available(NULL), 0);
}

TEST_C(Backend, ADeviceIsTheNumberBehindTheColon)
{
    EXPECT_C_EQ_INT(gbt_backend_device("cpu"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:0"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:17"), 17);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:-1"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:1x"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:99999999999"), -1);
}

TEST_C(Backend, TheHostsBackendsHaveNoDeviceToFill)
{
    int64_t room = 0;
    EXPECT_C_OK(gbt_backend_room("cpu", &room));
    EXPECT_C_TRUE(room == INT64_MAX);
    EXPECT_C_TRUE(gbt_backend_cpu.device_bytes == NULL && gbt_backend_ref.device_bytes == NULL);
}

/* Two rows by three features: numeric, categorical, numeric in a shared column. */
TEST_C(Backend, TreesAreWalkedInBins)
{
    uint8_t codes[6 * 2 + 64] = {0, 0, 0, 0, 3, 1, 9, 9, 2, 0, 5, 4};
    int32_t n_bins[3] = {3, 3, 4};
    gbt_bin_place place[3] = {{0, 0, 4, -1}, {1, 0, 3, -1}, {1, 3, 3, 2}};
    gbt_cuts cuts = {.n_features = 3, .n_bins = n_bins};
    gbt_dataset data = {.cuts = &cuts, .n_rows = 6};
    float scores[6] = {10, 20, 30, 40, 50, 60};
    gbt_tree *tree = NULL;
    data.bins = (gbt_bins){
        .n_rows = 6, .n_columns = 2, .n_features = 3, .base = codes, .row_step = 2, .place = place};
    ASSERT_C_OK(gbt_tree_create(5, 1, &tree));
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
    codes[6] = 1; /* row 3: not missing */
    codes[7] = 5; /* its x2 is in bin 3 */
    gbt_tree_add_binned(tree, &data, 1, 6, scores);
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
    gbt_tree_add_binned(tree, &data, 4, 6, scores);
    EXPECT_C_TRUE(scores[4] == 53 + 2); /* x1 in bin 0, in the set */
    EXPECT_C_TRUE(scores[5] == 62 + 3); /* x1 in bin 1 */
    gbt_tree_free(tree);
}
