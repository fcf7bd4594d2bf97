/* The heap of open leaves against a sorted list. */
#include "gbt/train/frontier.h"

#include <stdlib.h>

#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { MOST = 500 };

static int by_gain_then_age(const void *a, const void *b)
{
    const gbt_open_leaf *x = a, *y = b;
    return x->gain != y->gain ? (x->gain < y->gain) - (x->gain > y->gain)
                              : (x->age > y->age) - (x->age < y->age);
}

/* Pushes n leaves with few different gains, so that many tie; `sorted` in the order they must
 * come out. */
static void fill(gbt_frontier *frontier, int32_t n, uint64_t key, gbt_open_leaf *sorted)
{
    for (int32_t i = 0; i < n; i++) {
        const double gain = (double)(gbt_rng_u64(key, (uint64_t)i) % 12) * 0.25;
        sorted[i] = (gbt_open_leaf){.gain = gain, .age = i, .node = 1000 + i};
        gbt_frontier_push(frontier, 1000 + i, gain);
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_gain_then_age);
}

TEST_C(Frontier, LeavesComeOutByGainAndAge)
{
    for (int32_t n = 0; n <= MOST; n = n < 20 ? n + 1 : n * 2) {
        gbt_frontier frontier;
        gbt_open_leaf sorted[MOST];
        int32_t n_wrong = 0;
        ASSERT_C_OK(gbt_frontier_open(&frontier, MOST));
        fill(&frontier, n, 77 + (uint64_t)n, sorted);
        for (int32_t i = 0; i < n; i++) {
            n_wrong += gbt_frontier_pop(&frontier) != sorted[i].node;
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
        EXPECT_C_EQ_INT(gbt_frontier_pop(&frontier), -1);
        gbt_frontier_close(&frontier);
    }
}

TEST_C(Frontier, PushesAndPopsMixWithoutLosingTheOrder)
{
    gbt_frontier frontier;
    gbt_open_leaf list[MOST];
    int32_t n = 0, n_pushed = 0, n_wrong = 0;
    ASSERT_C_OK(gbt_frontier_open(&frontier, MOST));
    for (uint64_t i = 0; i < 3000; i++) {
        if (n < MOST && gbt_rng_u64(5, i) % 5 < 3) {
            const double gain = (double)(gbt_rng_u64(6, i) % 9);
            gbt_frontier_push(&frontier, (int32_t)i, gain);
            list[n++] = (gbt_open_leaf){.gain = gain, .age = n_pushed++, .node = (int32_t)i};
        } else {
            int32_t best = 0;
            for (int32_t k = 1; k < n; k++) {
                best = by_gain_then_age(&list[k], &list[best]) < 0 ? k : best;
            }
            n_wrong += gbt_frontier_pop(&frontier) != (n > 0 ? list[best].node : -1);
            if (n > 0) {
                list[best] = list[--n];
            }
        }
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    EXPECT_C_EQ_INT(frontier.n, n);
    gbt_frontier_close(&frontier);
}

TEST_C(Frontier, BestLooksWithoutTaking)
{
    gbt_frontier frontier;
    gbt_open_leaf sorted[MOST];
    int32_t nodes[MOST], n_wrong = 0;
    const int32_t n = 130;
    ASSERT_C_OK(gbt_frontier_open(&frontier, n)); /* full: no room beyond the leaves themselves */
    fill(&frontier, n, 3, sorted);
    for (int32_t k = 0; k <= n + 5; k++) {
        const int32_t want = k < n ? k : n;
        EXPECT_C_EQ_INT(gbt_frontier_best(&frontier, k, nodes), want);
        EXPECT_C_EQ_INT(frontier.n, n);
        for (int32_t i = 0; i < want; i++) {
            n_wrong += nodes[i] != sorted[i].node;
        }
    }
    for (int32_t i = 0; i < n; i++) {
        n_wrong += gbt_frontier_pop(&frontier) != sorted[i].node;
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    gbt_frontier_close(&frontier);
}

TEST_C(Frontier, ClearingStartsTheAgesAnew)
{
    gbt_frontier frontier;
    ASSERT_C_OK(gbt_frontier_open(&frontier, 4));
    gbt_frontier_push(&frontier, 1, 1.0);
    gbt_frontier_push(&frontier, 2, 2.0);
    gbt_frontier_clear(&frontier);
    EXPECT_C_EQ_INT(gbt_frontier_pop(&frontier), -1);
    gbt_frontier_push(&frontier, 8, 1.0);
    gbt_frontier_push(&frontier, 9, 1.0);
    EXPECT_C_EQ_INT(frontier.heap[0].age, 0);
    EXPECT_C_EQ_INT(gbt_frontier_pop(&frontier), 8);
    EXPECT_C_EQ_INT(gbt_frontier_pop(&frontier), 9);
    gbt_frontier_close(&frontier);
    gbt_frontier_close(&frontier); /* a zeroed one */
}
