/* Whole trainings on a device, through the public functions: the bytes of the model are those of
 * the CPU's, for every objective, way of growing, sampling, and kind of feature. Runs on the
 * emulation, and as it is on a device. */
#include <stdio.h>
#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

#if defined(GBT_REAL_DEVICE)
#define NEEDS_DEVICE()                       \
    if (!gbt_backend_available("cuda")) {    \
        SKIP_C("there is no device to use"); \
    }
#define SHUFFLE_THREADS(seed) (void)(seed)
#define EXPECT_MEMORY_GIVEN_BACK() (void)0
#else
#include "tests/cuda/emulate.h"
#define NEEDS_DEVICE()
#define SHUFFLE_THREADS(seed) gbt_emulate_seed(seed)
#define EXPECT_MEMORY_GIVEN_BACK() EXPECT_C_EQ_INT(gbt_emulate_device_blocks(), 0)
#endif

/* What the trainings below share; a later assignment of the same key counts. */
static const char shared[] = "n_trees=4 threads=1 min_child_samples=5 verbosity=quiet ";

static gbt_model *train_on(const char *device, const toy *t, const char *settings, bool weighted)
{
    char text[512];
    snprintf(text, sizeof text, "%s%s device=%s", shared, settings, device);
    gbt_params *params = toy_params(text);
    gbt_dataset *data = toy_dataset(t, params, NULL, weighted);
    gbt_model *model = toy_train(params, data);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

static void compare(toy_label label, const char *settings, bool weighted)
{
    toy t;
    size_t want_size = 0;
    size_t got_size = 0;
    NEEDS_DEVICE();
    toy_make(&t, 400, label, 7);
    SHUFFLE_THREADS(strlen(settings));
    gbt_model *want = train_on("cpu", &t, settings, weighted);
    gbt_model *got = train_on("cuda", &t, settings, weighted);
    if (want == NULL || got == NULL) {
        FAIL_C(gbt_last_error());
    } else {
        void *want_bytes = toy_bytes(want, &want_size);
        void *got_bytes = toy_bytes(got, &got_size);
        int32_t n_leaves = 0;
        EXPECT_C_OK(gbt_model_tree_leaves(want, 1, &n_leaves));
        EXPECT_C_TRUE(n_leaves > 3);
        ASSERT_C_EQ_INT(got_size, want_size);
        EXPECT_C_EQ_BYTES(got_bytes, want_bytes, want_size);
        gbt_memory_free(want_bytes);
        gbt_memory_free(got_bytes);
    }
    gbt_model_free(want);
    gbt_model_free(got);
    toy_free(&t);
    EXPECT_MEMORY_GIVEN_BACK();
}

TEST_C(CudaModels, SquaredLeafwise)
{
    compare(TOY_QUANTITY, "objective=regression", false);
}

TEST_C(CudaModels, SquaredSymmetricWeighted)
{
    compare(TOY_QUANTITY, "objective=regression grow_policy=symmetric max_depth=4", true);
}

TEST_C(CudaModels, SquaredDepthwiseWithSampledRowsAndFeatures)
{
    compare(TOY_QUANTITY,
            "objective=regression grow_policy=depthwise subsample=0.6 colsample_bytree=0.7 "
            "colsample_bynode=0.6",
            false);
}

TEST_C(CudaModels, BinaryLeafwise)
{
    compare(TOY_BINARY, "objective=binary max_leaves=31 max_cat_to_onehot=1", false);
}

TEST_C(CudaModels, BinarySymmetricWithSampledRows)
{
    compare(TOY_BINARY, "objective=binary grow_policy=symmetric max_depth=3 subsample=0.5", false);
}

TEST_C(CudaModels, BinaryWithWideGradients)
{
    compare(TOY_BINARY, "objective=binary gradient_bits=32 grow_policy=depthwise", true);
}

TEST_C(CudaModels, MulticlassLeafwise)
{
    compare(TOY_CLASSES, "objective=multiclass n_trees=2", false);
}

TEST_C(CudaModels, OneAgainstAllDepthwiseSampled)
{
    compare(TOY_CLASSES, "objective=multiclassova n_trees=2 grow_policy=depthwise subsample=0.7",
            true);
}

TEST_C(CudaModels, AbsoluteWithRenewedLeaves)
{
    compare(TOY_QUANTITY, "objective=mae", true);
}

TEST_C(CudaModels, QuantileWithRenewedLeavesSampled)
{
    compare(TOY_QUANTITY, "objective=quantile quantile=0.8 subsample=0.7 grow_policy=depthwise",
            false);
}

TEST_C(CudaModels, MapeWithRenewedLeaves)
{
    compare(TOY_POSITIVE, "objective=mape grow_policy=symmetric max_depth=3", false);
}

TEST_C(CudaModels, HuberRegularised)
{
    compare(TOY_QUANTITY, "objective=huber reg_alpha=0.3 max_delta_step=0.5 path_smooth=2", false);
}

TEST_C(CudaModels, FairFewBits)
{
    compare(TOY_QUANTITY, "objective=fair gradient_bits=4 gradient_rounding=nearest", false);
}

TEST_C(CudaModels, Poisson)
{
    compare(TOY_POSITIVE, "objective=poisson min_child_samples=40", false);
}

TEST_C(CudaModels, GammaSampled)
{
    compare(TOY_POSITIVE, "objective=gamma subsample=0.5 seed=3", false);
}

TEST_C(CudaModels, TweedieSymmetric)
{
    compare(TOY_POSITIVE, "objective=tweedie grow_policy=symmetric max_depth=3", true);
}

TEST_C(CudaModels, CrossEntropyOfShares)
{
    compare(TOY_SHARE, "objective=cross_entropy colsample_bylevel=0.5", false);
}
