/* Loading of the device library: what can be wrong with the file, each with a double of its own
 * (fake_library.c), and what is to be seen of a good one. No device is needed. */
#include <stdio.h>
#include <string.h>

#include "gbt/backend/device_library.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

static const char *double_of(const char *kind)
{
    static _Thread_local char path[4096];
    snprintf(path, sizeof path, "%s/%s/libgbt_cuda.so", GBT_FAKES, kind);
    return path;
}

static const gbt_device_library *good(void)
{
    const gbt_device_library *library = NULL;
    EXPECT_C_OK(gbt_device_library_open(double_of("good"), &library));
    return library;
}

static void expect_refused(const char *kind, const char *says)
{
    const gbt_device_library *library = good();
    EXPECT_C_STATUS(gbt_device_library_open(double_of(kind), &library), GBT_ERR_UNSUPPORTED);
    EXPECT_C_TRUE(library == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "backend cuda: ");
    EXPECT_C_HAS_TEXT(gbt_last_error(), kind);
    EXPECT_C_HAS_TEXT(gbt_last_error(), says);
}

TEST_C(DeviceLibrary, AFileOfAnotherVersionIsRefusedAndNamed)
{
    expect_refused("version", "belongs to gbt 0.0.1, this is gbt " GBT_DEVICE_VERSION);
    EXPECT_C_EQ_TEXT(GBT_DEVICE_VERSION, gbt_version());
}

TEST_C(DeviceLibrary, AFileWithOtherStructsIsRefused)
{
    expect_refused("layout", "from another build of gbt");
}

TEST_C(DeviceLibrary, AFileOfAnotherKindIsRefusedBeforeItsVersionIsRead)
{
    expect_refused("kind", "belongs to gbt of another kind");
}

TEST_C(DeviceLibrary, AFileWithoutTheEntryPointIsRefused)
{
    expect_refused("symbol", "it has no gbt_cuda_library");
}

TEST_C(DeviceLibrary, AMissingFileIsNamed)
{
    expect_refused("nowhere", "cannot be loaded: ");
}

TEST_C(DeviceLibrary, AFileThatIsNoLibraryIsNamed)
{
    const gbt_device_library *library = NULL;
    EXPECT_C_STATUS(gbt_device_library_open("./README.md", &library), GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "README.md cannot be loaded: ");
}

TEST_C(DeviceLibrary, AGoodFileOffersABackendAndItsDevices)
{
    const gbt_device_library *library = good();
    int32_t n = 0;
    ASSERT_C_TRUE(library != NULL);
    EXPECT_C_EQ_TEXT(library->ops->name, "cuda");
    EXPECT_C_TRUE(library->ops->device_bytes != NULL);
    EXPECT_C_OK(library->count(&n));
    EXPECT_C_EQ_INT(n, 2);
    EXPECT_C_TRUE(good() == library);
}

TEST_C(DeviceLibrary, MessagesOfTheLibraryReachTheCaller)
{
    const gbt_device_library *library = NULL;
    int32_t n = 0;
    ASSERT_C_OK(gbt_device_library_open(double_of("driver"), &library));
    EXPECT_C_STATUS(library->count(&n), GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no driver (says the double)");
}

static void open_again(void *context, int64_t first, int64_t last, int thread)
{
    const gbt_device_library **out = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        (void)gbt_device_library_open(double_of(i % 3 == 2 ? "symbol" : "good"), &out[i]);
    }
}

TEST_C(DeviceLibrary, ThreadsMayLoadItAtTheSameTime)
{
    enum { N = 300 };
    const gbt_device_library *found[N];
    gbt_for_chunks(8, N, 1, open_again, found);
    for (int i = 0; i < N; i++) {
        EXPECT_C_TRUE(i % 3 == 2 ? found[i] == NULL : found[i] != NULL && found[i] == found[0]);
    }
}

/* ---- A model on a device, by the interface that every library has --------------------------- */

/* What gbt_model_to_device does, with this library. */
static gbt_model *move_to(const gbt_device_library *library, const gbt_model *model)
{
    gbt_model *copy = NULL;
    EXPECT_C_OK(gbt_model_slice(model, 0, gbt_model_rounds(model), NULL, &copy));
    EXPECT_C_OK(library->forest_open(1, copy->forest, &copy->device_forest));
    copy->device = library;
    copy->close_device = library->forest_close;
    return copy;
}

/* Rows of every source, in blocks that the host gathers with one thread and with several. */
TEST_C(DeviceLibrary, BlocksOfRowsOfEverySourceGiveWhatTheCpuGives)
{
    enum { N = 333, F = 4, K = 3 };
    const random_model_spec spec = {.seed = 3,
                                    .objective = "multiclass",
                                    .n_classes = K,
                                    .n_features = F,
                                    .n_categorical = 1,
                                    .max_bins = 30,
                                    .n_rounds = 6,
                                    .min_leaves = 2,
                                    .max_leaves = 20};
    const gbt_device_library *library = good();
    gbt_model *cpu = random_model(&spec);
    ASSERT_C_TRUE(cpu != NULL && library != NULL);
    gbt_model *device = move_to(library, cpu);
    static float rows[N * F], turned[N * F], want[N * K], got[N * K];
    static int32_t want_leaf[N * K * 6], got_leaf[N * K * 6];
    random_rows(cpu, 8, N, rows);
    for (int i = 0; i < N * F; i++) {
        turned[(i % F) * N + i / F] = rows[i];
    }
    const gbt_matrix x = {rows, GBT_F32, N, F, F, 1}, y = {turned, GBT_F32, N, F, 1, N};
    for (int kind = GBT_PREDICT_RAW; kind <= GBT_PREDICT_CLASS; kind++) {
        const int64_t n = kind == GBT_PREDICT_CLASS ? N : N * K;
        for (int threads = 1; threads <= 4; threads += 3) {
            EXPECT_C_OK(gbt_model_predict(cpu, &x, (gbt_predict_kind)kind, 1, 4, 1, want, n));
            EXPECT_C_OK(
                gbt_model_predict(device, &x, (gbt_predict_kind)kind, 1, 4, threads, got, n));
            EXPECT_C_EQ_BYTES(want, got, (size_t)n * sizeof *want);
            memset(got, 0, sizeof got);
            EXPECT_C_OK(
                gbt_model_predict(device, &y, (gbt_predict_kind)kind, 1, 4, threads, got, n));
            EXPECT_C_EQ_BYTES(want, got, (size_t)n * sizeof *want);
        }
    }
    EXPECT_C_OK(gbt_model_leaves(cpu, &x, 1, want_leaf, N * K * 6));
    EXPECT_C_OK(gbt_model_leaves(device, &x, 2, got_leaf, N * K * 6));
    EXPECT_C_EQ_BYTES(want_leaf, got_leaf, sizeof want_leaf);
    gbt_model_free(device);
    gbt_model_free(cpu);
}

TEST_C(DeviceLibrary, TheCpuIsADeviceForModelsToo)
{
    const random_model_spec spec = {.seed = 4,
                                    .objective = "binary",
                                    .n_features = 2,
                                    .max_bins = 5,
                                    .n_rounds = 3,
                                    .min_leaves = 2,
                                    .max_leaves = 4};
    gbt_model *model = random_model(&spec), *copy = NULL;
    float rows[20], want[10], got[10];
    ASSERT_C_TRUE(model != NULL);
    ASSERT_C_OK(gbt_model_to_device(model, "cpu", &copy));
    random_rows(model, 1, 10, rows);
    const gbt_matrix x = {rows, GBT_F32, 10, 2, 2, 1};
    EXPECT_C_OK(gbt_model_predict(model, &x, GBT_PREDICT_RAW, 0, 0, 1, want, 10));
    gbt_model_free(model);
    EXPECT_C_OK(gbt_model_predict(copy, &x, GBT_PREDICT_RAW, 0, 0, 1, got, 10));
    EXPECT_C_EQ_BYTES(want, got, sizeof want);
    gbt_model_free(copy);
}

TEST_C(DeviceLibrary, MovingAModelSaysWhatIsWrong)
{
    const random_model_spec spec = {.seed = 4,
                                    .objective = "binary",
                                    .n_features = 2,
                                    .max_bins = 5,
                                    .n_rounds = 3,
                                    .min_leaves = 2,
                                    .max_leaves = 4};
    gbt_model *model = random_model(&spec), *copy = model;
    EXPECT_C_STATUS(gbt_model_to_device(NULL, "cpu", &copy), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(copy == NULL);
    EXPECT_C_STATUS(gbt_model_to_device(model, NULL, &copy), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_to_device(model, "cpu", NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_to_device(model, "tpu", &copy), GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_model_to_device(model, "cuda:-1", &copy), GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "number of a device, from 0");
    gbt_model_free(model);
}
