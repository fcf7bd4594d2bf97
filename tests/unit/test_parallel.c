/* gbt/base/parallel.c: every element once, chunk borders independent of the threads. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "tests/support/gtest_c.h"

typedef struct marks {
    unsigned char *count; /* [n] how often an element was handled */
    int64_t *first;       /* [n] first element of its chunk */
    unsigned char
        *on_thread; /* [GBT_MAX_THREADS x 64] a cache line each: 1 when the number was used */
} marks;

static void mark(void *context, int64_t first, int64_t last, int thread)
{
    marks *m = context;
    for (int64_t i = first; i < last; i++) {
        m->count[i]++;
        m->first[i] = first;
    }
    m->on_thread[64 * thread] = 1;
}

static void check_chunks(int threads, int64_t n, int64_t chunk_size)
{
    marks m;
    ASSERT_C_OK(GBT_NEW_ZERO(m.count, n));
    ASSERT_C_OK(GBT_NEW_ZERO(m.first, n));
    ASSERT_C_OK(GBT_NEW_ZERO(m.on_thread, 64 * GBT_MAX_THREADS));
    gbt_for_chunks(threads, n, chunk_size, mark, &m);
    int64_t n_wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        n_wrong += m.count[i] != 1 || m.first[i] != i / chunk_size * chunk_size;
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    for (int t = threads; t < GBT_MAX_THREADS; t++) {
        n_wrong += m.on_thread[64 * t];
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    gbt_release(m.count);
    gbt_release(m.first);
    gbt_release(m.on_thread);
}

TEST_C(Parallel, EveryElementIsHandledOnceInItsChunk)
{
    const int64_t lengths[] = {0, 1, 9, 10, 11, 100, 12345};
    for (int threads = 1; threads <= 8; threads++) {
        for (int i = 0; i < 7; i++) {
            check_chunks(threads, lengths[i], 10);
            check_chunks(threads, lengths[i], 1000000);
        }
    }
}

TEST_C(Parallel, ChunkCountsAreRoundedUp)
{
    EXPECT_C_EQ_INT(gbt_chunk_count(0, 4), 0);
    EXPECT_C_EQ_INT(gbt_chunk_count(1, 4), 1);
    EXPECT_C_EQ_INT(gbt_chunk_count(4, 4), 1);
    EXPECT_C_EQ_INT(gbt_chunk_count(5, 4), 2);
    EXPECT_C_EQ_INT(gbt_chunk_count(INT64_MAX, 4), INT64_MAX / 4 + 1);
}

static void count_share(void *context, int64_t first, int64_t last, int thread)
{
    unsigned char *count = context; /* [threads x 64] */
    count[64 * thread] += (unsigned char)(first == thread && last == first + 1);
}

TEST_C(Parallel, EveryThreadGetsItsShareOnce)
{
    for (int threads = 1; threads <= 8; threads++) {
        unsigned char count[8 * 64] = {0};
        gbt_on_threads(threads, count_share, count);
        for (int t = 0; t < 8; t++) {
            EXPECT_C_EQ_INT(count[64 * t], t < threads);
        }
    }
}

TEST_C(Parallel, ThreadCountsStayInBounds)
{
    EXPECT_C_TRUE(gbt_thread_count(0) >= 1);
    EXPECT_C_TRUE(gbt_thread_count(0) <= GBT_MAX_THREADS);
    EXPECT_C_EQ_INT(gbt_thread_count(1), 1);
    EXPECT_C_TRUE(gbt_thread_count(1 << 30) <= GBT_MAX_THREADS);
    EXPECT_C_TRUE(gbt_thread_count(-5) >= 1);
}
