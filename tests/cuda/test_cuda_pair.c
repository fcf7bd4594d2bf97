/* Several handles at once: boosters and models on a device share nothing, whichever threads drive
 * them, and each gives what it gives alone. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"

enum { N = 300, F = 5, N_BOOSTERS = 3, ROUNDS = 4 };

static const char *const objectives[N_BOOSTERS] = {"regression", "binary", "quantile"};

/* Seeded rows with missing cells, the label of booster b. */
static gbt_status make_data(const gbt_params *params, int b, gbt_dataset **out)
{
    static _Thread_local float x[N * F], y[N];
    uint32_t state = 12345u + (uint32_t)b;
    for (int i = 0; i < N * F; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 16777216.0f;
    }
    for (int i = 0; i < N; i++) {
        const float sum = x[i * F] + x[i * F + 1] * x[i * F + 2];
        y[i] = b == 1 ? (sum > 0.7f ? 1.0f : 0.0f) : sum;
    }
    const gbt_matrix matrix = {x, GBT_F32, N, F, F, 1};
    gbt_status status = gbt_dataset_from_matrix(params, &matrix, NULL, NULL, out);
    if (status == GBT_OK) {
        status = gbt_dataset_set(*out, GBT_LABEL, y, GBT_F32, N);
    }
    return status;
}

static gbt_status make_params(int b, const char *device, gbt_params **out)
{
    static const char *const keys[][2] = {{"max_leaves", "12"}, {"min_child_samples", "5"},
                                          {"threads", "1"},     {"subsample", "0.8"},
                                          {"n_trees", "4"},     {"verbosity", "quiet"}};
    gbt_status status = gbt_params_create(out);
    for (size_t k = 0; status == GBT_OK && k < sizeof keys / sizeof keys[0]; k++) {
        status = gbt_params_set(*out, keys[k][0], keys[k][1]);
    }
    status = status == GBT_OK ? gbt_params_set(*out, "objective", objectives[b]) : status;
    return status == GBT_OK ? gbt_params_set(*out, "device", device) : status;
}

typedef struct run {
    gbt_params *params;
    gbt_dataset *data;
    gbt_booster *booster;
    gbt_status status;
    void *bytes;
    size_t size;
} run;

static gbt_status open_run(run *r, int b, const char *device)
{
    gbt_status status = make_params(b, device, &r->params);
    status = status == GBT_OK ? make_data(r->params, b, &r->data) : status;
    return status == GBT_OK ? gbt_booster_create(r->params, r->data, &r->booster) : status;
}

static gbt_status finish_run(run *r)
{
    gbt_model *model = NULL;
    gbt_status status = gbt_booster_finish(r->booster, 0, &model);
    status = status == GBT_OK ? gbt_model_to_bytes(model, &r->bytes, &r->size) : status;
    gbt_model_free(model);
    return status;
}

static void close_run(run *r)
{
    gbt_memory_free(r->bytes);
    gbt_booster_free(r->booster);
    gbt_dataset_free(r->data);
    gbt_params_free(r->params);
    memset(r, 0, sizeof *r);
}

static void train_alone(run *r, int b, const char *device)
{
    int stopped = 0;
    EXPECT_C_OK(open_run(r, b, device));
    for (int round = 0; round < ROUNDS; round++) {
        EXPECT_C_OK(gbt_booster_step(r->booster, &stopped));
    }
    EXPECT_C_OK(finish_run(r));
}

static void expect_same(const run *a, const run *b)
{
    EXPECT_C_EQ_INT(a->size, b->size);
    if (a->size == b->size) {
        EXPECT_C_EQ_BYTES(a->bytes, b->bytes, a->size);
    }
}

TEST_C(CudaPair, BoostersThatTakeTurnsDoNotDisturbEachOther)
{
    if (!gbt_backend_available("cuda")) {
        SKIP_C(gbt_last_error());
    }
    run alone[N_BOOSTERS] = {{0}}, turns[N_BOOSTERS] = {{0}};
    int stopped = 0;
    for (int b = 0; b < N_BOOSTERS; b++) {
        train_alone(&alone[b], b, "cpu");
        ASSERT_C_OK(open_run(&turns[b], b, "cuda"));
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int b = 0; b < N_BOOSTERS; b++) {
            EXPECT_C_OK(gbt_booster_step(turns[b].booster, &stopped));
        }
    }
    for (int b = 0; b < N_BOOSTERS; b++) {
        EXPECT_C_OK(finish_run(&turns[b]));
        expect_same(&alone[b], &turns[b]);
    }
    for (int b = N_BOOSTERS - 1; b >= 0; b--) {
        close_run(&turns[b]);
        close_run(&alone[b]);
    }
}

#if defined(GBT_REAL_DEVICE)
static void train_one(void *context, int64_t first, int64_t last, int thread)
{
    run *r = (run *)context + first;
    int stopped = 0;
    (void)last;
    (void)thread;
    r->status = open_run(r, (int)first, "cuda");
    for (int round = 0; round < ROUNDS && r->status == GBT_OK; round++) {
        r->status = gbt_booster_step(r->booster, &stopped);
    }
    r->status = r->status == GBT_OK ? finish_run(r) : r->status;
}

/* The emulation has one device for one thread. */
TEST_C(CudaPair, BoostersInThreadsOfTheirOwnDoNotDisturbEachOther)
{
    if (!gbt_backend_available("cuda")) {
        SKIP_C(gbt_last_error());
    }
    run alone[N_BOOSTERS] = {{0}}, together[N_BOOSTERS] = {{0}};
    for (int b = 0; b < N_BOOSTERS; b++) {
        train_alone(&alone[b], b, "cpu");
    }
    gbt_on_threads(N_BOOSTERS, train_one, together);
    for (int b = 0; b < N_BOOSTERS; b++) {
        EXPECT_C_EQ_INT(together[b].status, GBT_OK);
        expect_same(&alone[b], &together[b]);
        close_run(&together[b]);
        close_run(&alone[b]);
    }
}
#endif
