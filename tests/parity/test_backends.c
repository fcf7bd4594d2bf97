/* Every available backend answers like ref, bit by bit: splits, sums, row counts, renewed leaves,
 * scores, for any number of threads and any size of the histogram pool. README.md tells how to
 * build this alone and how to repeat one seed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/parity/backend_drive.h"
#include "tests/support/gtest_c.h"

static const char *const names[] = {"cpu", "cuda"};

/* Seeds first .. first + n - 1, or the one that GBT_PARITY_SEED names. */
static void compare(const gbt_backend_ops *ops, uint64_t first, uint64_t n,
                    const case_limits *limits)
{
    const char *asked = getenv("GBT_PARITY_SEED");
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t seed = asked != NULL ? strtoull(asked, NULL, 10) : first + i;
        backend_case c;
        char message[DRIVE_MESSAGE];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, limits));
        const bool is_equal = drive_against_ref(ops, &c, message);
        backend_case_close(&c);
        if (!is_equal) {
            FAIL_C(message);
            return;
        }
        if (asked != NULL) {
            return;
        }
    }
}

static void compare_all(uint64_t first, uint64_t n, const case_limits *limits)
{
    int n_compared = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const gbt_backend_ops *ops = NULL;
        if (gbt_backend_find(names[i], &ops) == GBT_OK) {
            compare(ops, first, n, limits);
            n_compared++;
        } else {
            printf("NOT COMPARED: %s\n", gbt_last_error());
        }
    }
    if (n_compared == 0) {
        SKIP_C("no backend beside ref is available");
    }
}

/* Equal answers prove little when all of them are "no split". */
TEST_C(Backends, CasesGrowTreesOfEveryKind)
{
    const case_limits limits = {.max_rows = 600, .max_features = 12, .max_cells = 4000};
    int n_of_kind[3] = {0};
    int n_common = 0;
    int n_wide = 0;
    int n_deep = 0;
    for (uint64_t seed = 1000; seed < 1400; seed++) {
        backend_case c;
        drive_trace trace;
        char message[DRIVE_MESSAGE];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        EXPECT_C_TRUE(drive_backend(&gbt_backend_ref, &c, 1, 1, &trace, message));
        for (int64_t i = 0; i < trace.n_events; i++) {
            const drive_event *e = &trace.event[i];
            n_wide += e->kind == DRIVE_ROOT && e->root.quant.is_wide;
            if (e->kind == DRIVE_SPLIT && e->split.feature >= 0) {
                n_of_kind[e->split.categorical]++;
                n_common += c.is_common;
                n_deep += e->node > 14;
            }
        }
        drive_trace_close(&trace);
        backend_case_close(&c);
    }
    EXPECT_C_TRUE(n_of_kind[0] > 2000);
    EXPECT_C_TRUE(n_of_kind[1] > 150);
    EXPECT_C_TRUE(n_of_kind[2] > 250);
    EXPECT_C_TRUE(n_common > 300);
    EXPECT_C_TRUE(n_wide > 40);
    EXPECT_C_TRUE(n_deep > 500);
}

TEST_C(Backends, SmallCasesAgreeWithRef)
{
    compare_all(1000, 1200, &(case_limits){.max_rows = 600, .max_features = 12, .max_cells = 4000});
}

TEST_C(Backends, LongCasesAgreeWithRef)
{
    compare_all(2000, 50,
                &(case_limits){.max_rows = 70000, .max_features = 30, .max_cells = 400000});
}

TEST_C(Backends, WideCasesAgreeWithRef)
{
    compare_all(3000, 40,
                &(case_limits){.max_rows = 4000, .max_features = 300, .max_cells = 300000});
}

TEST_C(Backends, SparseCasesAgreeWithRef)
{
    compare_all(5000, 80,
                &(case_limits){
                    .max_rows = 6000, .max_features = 200, .max_cells = 400000, .is_sparse = true});
}

TEST_C(Backends, LongSparseCasesAgreeWithRef)
{
    compare_all(
        5200, 12,
        &(case_limits){
            .max_rows = 200000, .max_features = 30, .max_cells = 6000000, .is_sparse = true});
}

TEST_C(Backends, CasesAboveThePackedLimitAgreeWithRef)
{
    compare_all(4000, 12,
                &(case_limits){.max_rows = 140000, .max_features = 4, .max_cells = 560000});
}

/* begin_tree over the first row after gradient and hessian of a row in the middle were set to
 * these: all rows must be sound, whether sampled or not. */
static gbt_status begin_with(const gbt_backend_ops *ops, float grad, float hess)
{
    const case_limits limits = {.max_rows = 500, .max_features = 3, .max_cells = 1500};
    gbt_status status = GBT_ERR_MEMORY;
    gbt_backend *backend = NULL;
    gbt_root root;
    backend_case c;
    if (!backend_case_open(&c, 5, NULL, 0, &limits)) {
        return status;
    }
    const uint32_t first_row[1] = {0};
    const gbt_sample sample = {.rows = first_row, .n_rows = 1};
    const size_t n = (size_t)(c.data.n_rows * c.objective.n_outputs);
    float *grads = calloc(n, sizeof *grads);
    float *hesses = calloc(n, sizeof *hesses);
    if (grads != NULL && hesses != NULL) {
        grads[c.data.n_rows / 2] = grad;
        hesses[c.data.n_rows / 2] = hess;
        GBT_TRY_OR_DONE(ops->open(&c.config, &c.data, &c.objective, c.target, c.weight, &backend));
        GBT_TRY_OR_DONE(ops->set_gradients(backend, grads, hesses));
        GBT_TRY_OR_DONE(ops->begin_tree(backend, 0, 0, &sample, &root));
    }
done:
    if (backend != NULL) {
        ops->close(backend);
    }
    free(grads);
    free(hesses);
    backend_case_close(&c);
    return status;
}

TEST_C(Backends, GradientsThatAreNotFiniteAndNegativeHessiansAreRefused)
{
    static const char *const all[] = {"ref", "cpu", "cuda"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const gbt_backend_ops *ops = NULL;
        if (gbt_backend_find(all[i], &ops) != GBT_OK) {
            printf("NOT COMPARED: %s\n", gbt_last_error());
            continue;
        }
        EXPECT_C_OK(begin_with(ops, -3.0f, 2.0f));
        EXPECT_C_STATUS(begin_with(ops, NAN, 1.0f), GBT_ERR_NUMERIC);
        EXPECT_C_STATUS(begin_with(ops, -INFINITY, 1.0f), GBT_ERR_NUMERIC);
        EXPECT_C_STATUS(begin_with(ops, 1.0f, INFINITY), GBT_ERR_NUMERIC);
        EXPECT_C_STATUS(begin_with(ops, 1.0f, NAN), GBT_ERR_NUMERIC);
        EXPECT_C_STATUS(begin_with(ops, 1.0f, -0.5f), GBT_ERR_NUMERIC);
    }
}
