/* Prediction on a device against the CPU, bit by bit: random models with numeric and categorical
 * features, missing values, several outputs, chains, trees too large for shared memory, rows too
 * wide for it. Runs on the emulation, and as it is on a device. */
#include <string.h>

#include "gbt/backend/device_library.h"
#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

#if defined(GBT_REAL_DEVICE)
enum { BLOCK_ROWS = 1 << 18 };
#else
#include "tests/cuda/emulate.h"
#include "tests/support/fail_alloc.h"
enum { BLOCK_ROWS = 1024 };
#endif

#define SKIP_WITHOUT_DEVICE()                 \
    do {                                      \
        if (!gbt_backend_available("cuda")) { \
            SKIP_C(gbt_last_error());         \
        }                                     \
    } while (0)

static gbt_model *on_device(const gbt_model *model)
{
    gbt_model *copy = NULL;
    EXPECT_C_OK(gbt_model_to_device(model, "cuda", &copy));
    return copy;
}

/* Every kind of output of both models for rounds [first, first + n_rounds). */
static void compare_scores(const gbt_model *cpu, const gbt_model *device, const gbt_matrix *x,
                           int32_t first, int32_t n_rounds)
{
    const int64_t n = x->n_rows * cpu->objective.n_outputs;
    float *want = NULL, *got = NULL;
    ASSERT_C_OK(GBT_NEW_ZERO(want, n + 1));
    ASSERT_C_OK(GBT_NEW_ZERO(got, n + 1));
    for (int kind = GBT_PREDICT_RAW; kind <= GBT_PREDICT_CLASS; kind++) {
        if (kind == GBT_PREDICT_CLASS && cpu->objective.n_classes == 0) {
            continue;
        }
        const int64_t size = kind == GBT_PREDICT_CLASS ? x->n_rows : n;
        EXPECT_C_OK(
            gbt_model_predict(cpu, x, (gbt_predict_kind)kind, first, n_rounds, 1, want, size));
        EXPECT_C_OK(
            gbt_model_predict(device, x, (gbt_predict_kind)kind, first, n_rounds, 1, got, size));
        EXPECT_C_EQ_BYTES(want, got, (size_t)size * sizeof *want);
    }
    gbt_release(want);
    gbt_release(got);
}

static void compare_leaves(const gbt_model *cpu, const gbt_model *device, const gbt_matrix *x)
{
    const int64_t n = x->n_rows * cpu->n_trees;
    int32_t *want = NULL, *got = NULL;
    ASSERT_C_OK(GBT_NEW_ZERO(want, n + 1));
    ASSERT_C_OK(GBT_NEW_ZERO(got, n + 1));
    EXPECT_C_OK(gbt_model_leaves(cpu, x, 1, want, n));
    EXPECT_C_OK(gbt_model_leaves(device, x, 1, got, n));
    EXPECT_C_EQ_BYTES(want, got, (size_t)n * sizeof *want);
    gbt_release(want);
    gbt_release(got);
}

/* The model of the spec on both sides, all its outputs for n rows, all rounds and some. */
static void compare(const random_model_spec *spec, int64_t n)
{
    gbt_model *cpu = random_model(spec);
    ASSERT_C_TRUE(cpu != NULL);
    gbt_model *device = on_device(cpu);
    const int32_t width = spec->n_features, rounds = gbt_model_rounds(cpu);
    float *rows = NULL;
    ASSERT_C_TRUE(device != NULL);
    ASSERT_C_OK(GBT_NEW(rows, n * width + 1));
    random_rows(cpu, spec->seed + 1, n, rows);
    const gbt_matrix x = {rows, GBT_F32, n, width, width, 1};
    compare_scores(cpu, device, &x, 0, 0);
    compare_scores(cpu, device, &x, rounds / 3, rounds - rounds / 3 - rounds / 4);
    compare_leaves(cpu, device, &x);
    gbt_release(rows);
    gbt_model_free(device);
    gbt_model_free(cpu);
}

TEST_C(CudaInfer, ScoresAndLeavesHaveTheBitsOfTheCpu)
{
    SKIP_WITHOUT_DEVICE();
    const char *const objectives[] = {"regression", "binary", "multiclass"};
    for (uint64_t seed = 0; seed < 30; seed++) {
        const uint64_t key = gbt_rng_key(seed, 7, 0, GBT_RNG_SYNTH);
        const uint64_t draw = gbt_rng_u64(key, 0);
        const int32_t n_features = 1 + (int32_t)(draw % 9);
        const random_model_spec spec = {.seed = seed,
                                        .objective = objectives[seed % 3],
                                        .n_classes = seed % 3 == 2 ? 2 + (int32_t)(seed % 5) : 0,
                                        .n_features = n_features,
                                        .n_categorical = (int32_t)((draw >> 8) % 3) % n_features,
                                        .max_bins = 2 + (int32_t)((draw >> 16) % 200),
                                        .n_rounds = 1 + (int32_t)((draw >> 24) % 12),
                                        .min_leaves = 1,
                                        .max_leaves = 1 + (int32_t)((draw >> 32) % 40),
                                        .is_chain = seed % 7 == 3};
        compare(&spec, 1 + (int64_t)((draw >> 40) % 300));
    }
}

TEST_C(CudaInfer, RowsOfAnyNumberFillBlocksOrNot)
{
    SKIP_WITHOUT_DEVICE();
    const random_model_spec spec = {.seed = 5,
                                    .objective = "binary",
                                    .n_features = 3,
                                    .max_bins = 20,
                                    .n_rounds = 2,
                                    .min_leaves = 2,
                                    .max_leaves = 6};
    const int64_t sizes[] = {1, 31, 32, 33, 127, 128, 129, 512, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        compare(&spec, sizes[i]);
    }
}

/* 6,000 leaves are 188 KiB of nodes: more than the shared memory for trees. */
TEST_C(CudaInfer, TreesTooLargeForSharedMemoryAreReadWhereTheyAre)
{
    SKIP_WITHOUT_DEVICE();
    const random_model_spec spec = {.seed = 11,
                                    .objective = "regression",
                                    .n_features = 40,
                                    .n_categorical = 2,
                                    .max_bins = 255,
                                    .n_rounds = 6,
                                    .min_leaves = 1,
                                    .max_leaves = 9000};
    compare(&spec, 150);
}

/* 600 features by 128 rows are 300 KiB. */
TEST_C(CudaInfer, RowsTooWideForSharedMemoryAreReadWhereTheyAre)
{
    SKIP_WITHOUT_DEVICE();
    const random_model_spec spec = {.seed = 12,
                                    .objective = "multiclass",
                                    .n_classes = 3,
                                    .n_features = 600,
                                    .n_categorical = 50,
                                    .max_bins = 30,
                                    .n_rounds = 5,
                                    .min_leaves = 2,
                                    .max_leaves = 60};
    compare(&spec, 140);
}

/* Five blocks take the two lanes in turn. */
TEST_C(CudaInfer, BlocksOfRowsFollowEachOther)
{
    SKIP_WITHOUT_DEVICE();
    const random_model_spec spec = {.seed = 13,
                                    .objective = "regression",
                                    .n_features = 1,
                                    .max_bins = 8,
                                    .n_rounds = 2,
                                    .min_leaves = 2,
                                    .max_leaves = 5};
    compare(&spec, 4 * BLOCK_ROWS + 77);
}

TEST_C(CudaInfer, EveryLayoutOfAMatrixAndSparseRowsGiveTheSame)
{
    SKIP_WITHOUT_DEVICE();
    enum { N = 70, F = 3 };
    const random_model_spec spec = {.seed = 21,
                                    .objective = "binary",
                                    .n_features = F,
                                    .n_categorical = 1,
                                    .max_bins = 12,
                                    .n_rounds = 4,
                                    .min_leaves = 2,
                                    .max_leaves = 9};
    float rows[N * F], want[N], got[N];
    double columns[N * F];
    gbt_model *cpu = random_model(&spec);
    ASSERT_C_TRUE(cpu != NULL);
    gbt_model *device = on_device(cpu);
    ASSERT_C_TRUE(device != NULL);
    random_rows(cpu, 4, N, rows);
    for (int i = 0; i < N; i++) {
        for (int f = 0; f < F; f++) {
            columns[f * N + i] = (double)rows[i * F + f];
        }
    }
    const gbt_matrix plain = {rows, GBT_F32, N, F, F, 1};
    const gbt_matrix turned = {columns, GBT_F64, N, F, 1, N};
    EXPECT_C_OK(gbt_model_predict(cpu, &plain, GBT_PREDICT_RESPONSE, 0, 0, 1, want, N));
    EXPECT_C_OK(gbt_model_predict(device, &turned, GBT_PREDICT_RESPONSE, 0, 0, 2, got, N));
    EXPECT_C_EQ_BYTES(want, got, sizeof want);
    /* Every second row is empty. */
    int64_t start[N + 1] = {0};
    int32_t column[N * F];
    float value[N * F];
    for (int i = 0; i < N; i++) {
        start[i + 1] = start[i];
        for (int32_t f = 0; f < F && i % 2 == 0; f++) {
            column[start[i + 1]] = f;
            value[start[i + 1]++] = rows[i * F + f];
        }
    }
    const gbt_csr csr = {start, column, value, GBT_F32, N, F};
    EXPECT_C_OK(gbt_model_predict_csr(cpu, &csr, GBT_PREDICT_RAW, 0, 0, 1, want, N));
    EXPECT_C_OK(gbt_model_predict_csr(device, &csr, GBT_PREDICT_RAW, 0, 0, 2, got, N));
    EXPECT_C_EQ_BYTES(want, got, sizeof want);
    gbt_model_free(device);
    gbt_model_free(cpu);
}

TEST_C(CudaInfer, AModelWithoutTreesGivesItsBaseScore)
{
    SKIP_WITHOUT_DEVICE();
    const random_model_spec spec = {.seed = 30,
                                    .objective = "regression",
                                    .n_features = 2,
                                    .max_bins = 4,
                                    .n_rounds = 0,
                                    .min_leaves = 1,
                                    .max_leaves = 1};
    compare(&spec, 40);
    compare(&spec, 0);
}

#if !defined(GBT_REAL_DEVICE)

/* Few processors: many rows share a copy of the trees; many: every one gets a block. */
TEST_C(CudaInfer, TheNumberOfProcessorsChangesNothing)
{
    const random_model_spec spec = {.seed = 41,
                                    .objective = "multiclass",
                                    .n_classes = 3,
                                    .n_features = 30,
                                    .n_categorical = 3,
                                    .max_bins = 40,
                                    .n_rounds = 9,
                                    .min_leaves = 2,
                                    .max_leaves = 400};
    for (int32_t n = 1; n <= 200; n += 66) {
        gbt_emulate_processors(n);
        gbt_emulate_seed((uint64_t)n);
        compare(&spec, 700);
    }
    gbt_emulate_processors(4);
}

/* Moves a model and predicts, all on the device; the first failure. */
static gbt_status move_and_predict(const gbt_model *model, const gbt_matrix *x, float *out)
{
    gbt_model *copy = NULL;
    gbt_status status = gbt_model_to_device(model, "cuda", &copy);
    if (status == GBT_OK) {
        status = gbt_model_predict(copy, x, GBT_PREDICT_RAW, 0, 0, 1, out, x->n_rows);
    }
    gbt_model_free(copy);
    return status;
}

TEST_C(CudaInfer, WithoutDeviceMemoryItFailsCleanlyAtEveryBlock)
{
    enum { N = 60 };
    const random_model_spec spec = {.seed = 51,
                                    .objective = "regression",
                                    .n_features = 2,
                                    .max_bins = 9,
                                    .n_rounds = 3,
                                    .min_leaves = 2,
                                    .max_leaves = 8};
    float rows[2 * N], want[N], got[N];
    gbt_model *model = random_model(&spec);
    ASSERT_C_TRUE(model != NULL);
    random_rows(model, 3, N, rows);
    const gbt_matrix x = {rows, GBT_F32, N, 2, 2, 1};
    EXPECT_C_OK(gbt_model_predict(model, &x, GBT_PREDICT_RAW, 0, 0, 1, want, N));
    const int64_t before = gbt_emulate_device_blocks();
    int64_t limit = 0;
    for (gbt_status status = GBT_ERR_MEMORY; status != GBT_OK && limit < 100; limit++) {
        gbt_emulate_device_limit(limit);
        status = move_and_predict(model, &x, got);
        EXPECT_C_TRUE(status == GBT_OK || status == GBT_ERR_MEMORY);
        EXPECT_C_EQ_INT(gbt_emulate_device_blocks(), before);
    }
    gbt_emulate_device_limit(INT64_MAX);
    EXPECT_C_TRUE(limit >= 5 && limit < 100); /* forest, rows and scores on both sides */
    EXPECT_C_EQ_BYTES(want, got, sizeof want);
    gbt_model_free(model);
}

TEST_C(CudaInfer, WithoutHostMemoryItFailsCleanlyAtEveryAllocation)
{
    enum { N = 60 };
    const random_model_spec spec = {.seed = 52,
                                    .objective = "binary",
                                    .n_features = 2,
                                    .n_categorical = 1,
                                    .max_bins = 9,
                                    .n_rounds = 2,
                                    .min_leaves = 2,
                                    .max_leaves = 4};
    float rows[2 * N], got[N];
    const int64_t before = gbt_emulate_device_blocks();
    for (int64_t n = 1;; n++) {
        fail_alloc_install(n);
        gbt_model *model = random_model(&spec);
        gbt_status status = model ? GBT_OK : GBT_ERR_MEMORY;
        if (model) {
            random_rows(model, 3, N, rows);
            const gbt_matrix x = {rows, GBT_F32, N, 2, 2, 1};
            status = move_and_predict(model, &x, got);
        }
        gbt_model_free(model);
        const bool was_refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_EQ_INT(gbt_emulate_device_blocks(), before);
        if (!was_refused) {
            EXPECT_C_OK(status);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
}

#endif
