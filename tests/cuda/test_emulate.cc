/* The emulation itself: barriers, warp operations, what it reports, what it finds. */
#include "cuda/kernel.cuh"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { THREADS = 96, BLOCKS = 7 };

static gbt_device device;

/* A total order of pairs, for gbt_warp_best. */
struct ranked {
    double value;
    int32_t at;
};

static bool gbt_is_better(const ranked &a, const ranked &b)
{
    return a.value > b.value || (a.value == b.value && a.at < b.at);
}

GBT_KERNEL number_threads(uint32_t *out)
{
    out[gbt_grid_thread()] = gbt_block() * 1000 + gbt_thread();
}

GBT_KERNEL reverse_block(uint32_t *out)
{
    GBT_SHARED(uint32_t, slot);
    slot[gbt_thread()] = gbt_thread();
    gbt_barrier();
    out[gbt_grid_thread()] = slot[gbt_threads() - 1 - gbt_thread()];
}

/* The same with the barrier left out. */
GBT_KERNEL reverse_early(uint32_t *out)
{
    GBT_SHARED(uint32_t, slot);
    slot[gbt_thread()] = gbt_thread();
    out[gbt_grid_thread()] = slot[gbt_threads() - 1 - gbt_thread()];
}

GBT_KERNEL wait_in_part(uint32_t n)
{
    if (gbt_thread() < n) {
        gbt_barrier();
    }
}

GBT_KERNEL exchange_in_part(uint32_t n)
{
    if (gbt_thread() < n) {
        (void)gbt_ballot(true);
    } else {
        gbt_barrier();
    }
}

GBT_KERNEL use_warps(uint32_t *bad)
{
    const uint32_t thread = gbt_thread();
    const uint32_t lane = gbt_lane();
    uint32_t even_lanes = 0;
    for (uint32_t i = 0; i < GBT_WARP; i += 2) {
        even_lanes |= 1u << i;
    }
    const bool holds = gbt_ballot(lane % 2 == 0) == even_lanes &&
                       gbt_shuffle(thread, 5u) == thread - lane + 5 &&
                       gbt_shuffle_up(thread, 3u) == (lane < 3 ? thread : thread - 3) &&
                       gbt_shuffle_xor(thread, 9u) == (thread ^ 9u) && gbt_warp_sum(lane) == 496 &&
                       gbt_warp_prefix(1u) == lane + 1;
    gbt_atomic_add(bad, holds ? 0u : 1u);
}

GBT_KERNEL compare_ways(uint64_t key, uint32_t *bad)
{
    const uint64_t draw = gbt_rng_u64(key, static_cast<uint64_t>(gbt_grid_thread()));
    const ranked own = {static_cast<double>(draw % 5), static_cast<int32_t>(gbt_lane())};
    const ranked best = gbt_warp_best(own);
    const ranked same = gbt_warp_best_by_shuffles(own);
    const bool holds = gbt_warp_prefix(draw) == gbt_warp_prefix_by_shuffles(draw) &&
                       best.value == same.value && best.at == same.at;
    gbt_atomic_add(bad, holds ? 0u : 1u);
}

TEST_C(Emulate, EveryThreadOfEveryBlockRunsOnce)
{
    uint32_t out[BLOCKS * THREADS] = {0};
    const uint64_t before = gbt_emulate_switches();
    ASSERT_C_OK(GBT_LAUNCH(&device, number_threads, BLOCKS, THREADS, 0, out));
    for (uint32_t i = 0; i < BLOCKS * THREADS; i++) {
        EXPECT_C_EQ_INT(out[i], i / THREADS * 1000 + i % THREADS);
    }
    /* Threads that never wait share one fibre: there and back for each block. */
    EXPECT_C_EQ_INT(gbt_emulate_switches() - before, 2 * BLOCKS);
}

TEST_C(Emulate, BarriersHoldInEveryOrderAndMissingOnesShow)
{
    uint32_t out[THREADS];
    int n_wrong_runs = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint32_t n_right = 0;
        gbt_emulate_seed(seed);
        ASSERT_C_OK(GBT_LAUNCH(&device, reverse_block, 1, THREADS, sizeof out, out));
        for (uint32_t i = 0; i < THREADS; i++) {
            EXPECT_C_EQ_INT(out[i], THREADS - 1 - i);
        }
        ASSERT_C_OK(GBT_LAUNCH(&device, reverse_early, 1, THREADS, sizeof out, out));
        for (uint32_t i = 0; i < THREADS; i++) {
            n_right += out[i] == THREADS - 1 - i;
        }
        n_wrong_runs += n_right < THREADS;
    }
    EXPECT_C_EQ_INT(n_wrong_runs, 20);
}

TEST_C(Emulate, ABarrierThatSomeThreadsNeverReachIsReported)
{
    EXPECT_C_STATUS(GBT_LAUNCH(&device, wait_in_part, 1, THREADS, 0, 5), GBT_ERR_DEVICE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "wait_in_part, block 0");
    EXPECT_C_HAS_TEXT(gbt_last_error(), "barrier");
    EXPECT_C_STATUS(GBT_LAUNCH(&device, exchange_in_part, 1, THREADS, 0, 40), GBT_ERR_DEVICE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "lanes of a warp");
    EXPECT_C_OK(GBT_LAUNCH(&device, wait_in_part, BLOCKS, THREADS, 0, THREADS)); /* as before */
    EXPECT_C_STATUS(GBT_LAUNCH(&device, wait_in_part, 1, 40, 0, 40), GBT_ERR_DEVICE);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "40 threads");
}

TEST_C(Emulate, WarpOperationsDoWhatTheDeviceDoes)
{
    uint32_t bad = 0;
    ASSERT_C_OK(GBT_LAUNCH(&device, use_warps, BLOCKS, THREADS, 0, &bad));
    EXPECT_C_EQ_INT(bad, 0);
}

TEST_C(Emulate, ShortWaysAgreeWithShuffles)
{
    uint32_t bad = 0;
    for (uint64_t key = 0; key < 50; key++) {
        ASSERT_C_OK(GBT_LAUNCH(&device, compare_ways, BLOCKS, THREADS, 0, key, &bad));
    }
    EXPECT_C_EQ_INT(bad, 0);
}
