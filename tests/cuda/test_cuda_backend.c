/* The device's training backend under the emulation against ref, bit by bit: the random cases and
 * orders of calls of tests/parity, threads and blocks in shuffled orders, and a histogram pool that
 * is large or the least. The build shrinks tiles and groups, so that few rows reach every path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cuda/emulate.h"
#include "tests/parity/backend_drive.h"
#include "tests/support/gtest_c.h"

extern const gbt_backend_ops gbt_backend_cuda;

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW_BUILD 1
#endif
#endif
#if defined(SLOW_BUILD)
enum { SHARE = 10 }; /* one case of so many */
#else
enum { SHARE = 1 };
#endif

/* Both ways to run a case: pool and order of threads. False, and the message, at a difference. */
static bool agrees_with_ref(const backend_case *c, char message[DRIVE_MESSAGE])
{
    static const int64_t histogram_bytes[] = {(int64_t)1 << 30, 1};
    drive_trace want, got;
    bool is_equal = drive_backend(&gbt_backend_ref, c, 1, 1, &want, message);
    for (size_t i = 0; is_equal && i < 2; i++) {
        gbt_emulate_seed(2 * c->seed + i);
        is_equal = drive_backend(&gbt_backend_cuda, c, 1, histogram_bytes[i], &got, message) &&
                   drive_trace_equal(&want, &got, message);
        drive_trace_close(&got);
    }
    drive_trace_close(&want);
    return is_equal;
}

/* Seeds first .. first + n - 1, or the one that GBT_PARITY_SEED names. */
static void compare(uint64_t first, uint64_t n, const case_limits *limits)
{
    const char *asked = getenv("GBT_PARITY_SEED");
    n = asked != NULL ? 1 : (n + SHARE - 1) / SHARE;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t seed = asked != NULL ? strtoull(asked, NULL, 10) : first + i;
        backend_case c;
        char why[DRIVE_MESSAGE / 2];
        char what[DRIVE_MESSAGE];
        char message[2 * DRIVE_MESSAGE];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, limits));
        backend_case_describe(&c, why, sizeof why);
        const bool is_equal = agrees_with_ref(&c, what);
        backend_case_close(&c);
        if (!is_equal) {
            snprintf(message, sizeof message, "%s: %s", why, what);
            FAIL_C(message);
            return;
        }
    }
    EXPECT_C_EQ_INT(gbt_emulate_device_blocks(), 0);
}

TEST_C(CudaBackend, SmallCasesAgreeWithRef)
{
    compare(1000, 200, &(case_limits){.max_rows = 600, .max_features = 12, .max_cells = 4000});
}

TEST_C(CudaBackend, LongCasesAgreeWithRef)
{
    compare(2000, 6, &(case_limits){.max_rows = 20000, .max_features = 8, .max_cells = 60000});
}

TEST_C(CudaBackend, WideCasesAgreeWithRef)
{
    compare(3000, 10, &(case_limits){.max_rows = 4000, .max_features = 200, .max_cells = 40000});
}

/* Gives nearly all rows of the first column one bin and the same large hessian: more than 32 bits
 * hold. False: the case is not of use. */
static bool fill_one_bin(backend_case *c)
{
    const int64_t n = c->data.n_rows;
    gbt_bins *bins = &c->data.bins;
    if (n * 32768 < (int64_t)5 << 30 || bins->n_codes[0] < 2 || bins->n_columns <= 16 ||
        c->objective.n_outputs != 1) {
        return false;
    }
    free(c->grad);
    free(c->hess);
    c->grad = calloc((size_t)n, sizeof *c->grad);
    c->hess = calloc((size_t)n, sizeof *c->hess);
    if (c->grad == NULL || c->hess == NULL) {
        return false;
    }
    c->sets_gradients = true;
    c->config.gradient_bits = 16;
    c->config.max_nodes = 7;
    c->row_rate = c->feature_rate = 2.0;
    for (int64_t row = 0; row < n; row++) {
        bins->base[row * bins->row_step] = row % 500 == 0;
        c->grad[row] = row % 500 == 0 ? -1.0f : 0.5f;
        c->hess[row] = row % 500 == 1 ? 0.75f : 1.0f;
    }
    return true;
}

TEST_C(CudaBackend, ABinWithMoreThanThirtyTwoBitsAgreesWithRef)
{
    const case_limits limits = {.max_rows = 200000, .max_features = 20, .max_cells = 4000000};
    bool is_compared = false;
    gbt_emulate_processors(1); /* few tiles: as many rows in each as its sums can hold */
    for (uint64_t seed = 4000; seed < 4200 && !is_compared; seed++) {
        backend_case c;
        char message[DRIVE_MESSAGE];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        if (fill_one_bin(&c)) {
            EXPECT_C_TRUE(backend_case_fault(&c) == NULL);
            if (!agrees_with_ref(&c, message)) {
                FAIL_C(message);
            }
            is_compared = true;
        }
        backend_case_close(&c);
    }
    gbt_emulate_processors(4);
    EXPECT_C_TRUE(is_compared);
}

/* Residuals and weights on a coarse grid: many equal values, sums that meet the level exactly, rows
 * and whole leaves without a weight. */
TEST_C(CudaBackend, RenewedLeavesWithTiesAgreeWithRef)
{
    const case_limits limits = {.max_rows = 24, .max_features = 3, .max_cells = 72};
    const uint64_t last = 6000 + 1000 / SHARE;
    int n_renewing = 0;
    for (uint64_t seed = 6000; seed < last; seed++) {
        backend_case c;
        char message[DRIVE_MESSAGE];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        for (int64_t row = 0; row < c.data.n_rows; row++) {
            const bool has_weight = c.weight == NULL || row % 7 % 3 > 0;
            c.target[row] = (float)(int)(2.0f * c.target[row]) * 0.5f + (has_weight ? 4.0f : 4.1f);
            c.scores[row] = 0.0f;
            if (c.weight != NULL) {
                c.weight[row] = (float)(row % 7 % 3);
            }
        }
        n_renewing += c.objective.renews_leaves;
        const bool is_equal = !c.objective.renews_leaves || agrees_with_ref(&c, message);
        backend_case_close(&c);
        if (!is_equal) {
            FAIL_C(message);
            return;
        }
    }
    EXPECT_C_TRUE(n_renewing > 300 / SHARE);
}

/* A case of some 500 rows. */
static bool open_case(backend_case *c, uint64_t seed)
{
    const case_limits limits = {.max_rows = 500, .max_features = 3, .max_cells = 1500};
    return backend_case_open(c, seed, NULL, 0, &limits);
}

TEST_C(CudaBackend, ABadGradientIsRefusedWithItsRowInRefsWords)
{
    backend_case c;
    gbt_backend *cuda = NULL;
    gbt_backend *ref = NULL;
    gbt_root root;
    char want[256];
    ASSERT_C_TRUE(open_case(&c, 5));
    const gbt_sample sample = {.n_rows = c.data.n_rows};
    const size_t n = (size_t)(c.data.n_rows * c.objective.n_outputs);
    float *grad = calloc(n, sizeof *grad);
    float *hess = calloc(n, sizeof *hess);
    ASSERT_C_TRUE(grad != NULL && hess != NULL);
    hess[c.data.n_rows / 2] = -0.5f;
    ASSERT_C_OK(gbt_backend_ref.open(&c.config, &c.data, &c.objective, c.target, c.weight, &ref));
    ASSERT_C_OK(gbt_backend_cuda.open(&c.config, &c.data, &c.objective, c.target, c.weight, &cuda));
    EXPECT_C_OK(gbt_backend_ref.set_gradients(ref, grad, hess));
    EXPECT_C_OK(gbt_backend_cuda.set_gradients(cuda, grad, hess));
    EXPECT_C_STATUS(gbt_backend_ref.begin_tree(ref, 3, 0, &sample, &root), GBT_ERR_NUMERIC);
    snprintf(want, sizeof want, "%s", gbt_last_error());
    EXPECT_C_STATUS(gbt_backend_cuda.begin_tree(cuda, 3, 0, &sample, &root), GBT_ERR_NUMERIC);
    EXPECT_C_EQ_TEXT(gbt_last_error(), want);
    gbt_backend_ref.close(ref);
    gbt_backend_cuda.close(cuda);
    free(grad);
    free(hess);
    backend_case_close(&c);
}

TEST_C(CudaBackend, OpenGivesBackAllMemoryWhicheverBlockIsRefused)
{
    int n_refused = 0;
    for (int64_t left = 0; left < 100; left++) {
        backend_case c;
        gbt_backend *backend = NULL;
        ASSERT_C_TRUE(open_case(&c, 11));
        gbt_emulate_device_limit(left);
        const gbt_status status =
            gbt_backend_cuda.open(&c.config, &c.data, &c.objective, c.target, c.weight, &backend);
        gbt_emulate_device_limit(INT64_MAX);
        if (status == GBT_OK) {
            gbt_backend_cuda.close(backend);
            left = 100;
        } else {
            EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
            EXPECT_C_TRUE(backend == NULL);
            n_refused++;
        }
        EXPECT_C_EQ_INT(gbt_emulate_device_blocks(), 0);
        backend_case_close(&c);
    }
    EXPECT_C_TRUE(n_refused > 20 && n_refused < 100);
}

TEST_C(CudaBackend, TheEstimateOfDeviceMemoryIsWhatOpenTakes)
{
    int n_tried = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        backend_case c;
        gbt_backend *backend = NULL;
        ASSERT_C_TRUE(open_case(&c, seed));
        if (!c.objective.renews_leaves && c.weight != NULL && c.objective.n_outputs == 1) {
            const int64_t before = gbt_emulate_device_bytes();
            ASSERT_C_OK(gbt_backend_cuda.open(&c.config, &c.data, &c.objective, c.target, c.weight,
                                              &backend));
            gbt_backend_cuda.close(backend);
            const int64_t taken = gbt_emulate_device_bytes() - before;
            const int64_t said = gbt_backend_cuda.device_bytes(&c.config, &c.data, 1);
            EXPECT_C_TRUE(said >= taken && said < taken + 40 * 256); /* 256: alignment */
            n_tried++;
        }
        backend_case_close(&c);
    }
    EXPECT_C_TRUE(n_tried > 3);
}
