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

typedef void (*for_chunks_fn)(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn,
                              void *context);

static void check_chunks(for_chunks_fn for_chunks, int threads, int64_t n, int64_t chunk_size)
{
    marks m;
    ASSERT_C_OK(GBT_NEW_ZERO(m.count, n));
    ASSERT_C_OK(GBT_NEW_ZERO(m.first, n));
    ASSERT_C_OK(GBT_NEW_ZERO(m.on_thread, 64 * GBT_MAX_THREADS));
    for_chunks(threads, n, chunk_size, mark, &m);
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
            check_chunks(gbt_for_chunks, threads, lengths[i], 10);
            check_chunks(gbt_for_chunks, threads, lengths[i], 1000000);
            check_chunks(gbt_for_own_chunks, threads, lengths[i], 10);
            check_chunks(gbt_for_own_chunks, threads, lengths[i], 1000000);
        }
    }
}

static void mark_thread(void *context, int64_t first, int64_t last, int thread)
{
    int *thread_of = context;
    for (int64_t i = first; i < last; i++) {
        thread_of[i] = thread;
    }
}

TEST_C(Parallel, OwnChunksGoToTheSameThreadEveryTime)
{
    int thread_of[1003] = {0};
    for (int threads = 1; threads <= 5; threads++) {
        int64_t n_wrong = 0;
        gbt_for_own_chunks(threads, 1003, 10, mark_thread, thread_of);
        for (int64_t i = 0; i < 1003; i++) {
            n_wrong += thread_of[i] != i / 10 % threads;
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
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

enum { TEAM_ELEMENTS = 1000, TEAM_JOBS = 3000 };

typedef struct team_work {
    int threads;
    int32_t total[TEAM_ELEMENTS]; /* jobs that have handled an element */
    int32_t shares[8 * 16];       /* [threads x 16] a cache line each */
    int64_t wrong;                /* jobs that returned before all of their chunks were done */
} team_work;

static void add_one(void *context, int64_t first, int64_t last, int thread)
{
    team_work *w = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        w->total[i]++;
    }
}

static void add_share(void *context, int64_t first, int64_t last, int thread)
{
    team_work *w = context;
    w->shares[16 * thread] += first == thread && last == first + 1;
}

/* Jobs of all sizes, one right after the other; now and then the helpers have time to sleep. */
static gbt_status do_jobs(void *context)
{
    team_work *w = context;
    int32_t done[TEAM_ELEMENTS] = {0};
    for (int job = 0; job < TEAM_JOBS; job++) {
        const int64_t n = 1 + job * 37 % TEAM_ELEMENTS;
        gbt_for_chunks(w->threads, n, 1 + job % 64, add_one, w);
        for (int64_t i = 0; i < TEAM_ELEMENTS; i++) {
            done[i] += i < n;
            w->wrong += w->total[i] != done[i];
        }
        gbt_on_threads(w->threads, add_share, w);
        for (int t = 0; t < w->threads; t++) {
            w->wrong += w->shares[16 * t] != job + 1;
        }
        for (volatile int wait = 0; job % 500 == 0 && wait < 1000000; wait++) {}
    }
    return w->threads % 2 ? GBT_OK : GBT_ERR_DATA;
}

TEST_C(Parallel, JobsOfATeamAreOverWhenTheirCallReturns)
{
    for (int threads = 1; threads <= 8; threads++) {
        team_work w = {.threads = threads};
        const gbt_status status = gbt_with_threads(threads, do_jobs, &w);
        EXPECT_C_EQ_INT(status, threads % 2 ? GBT_OK : GBT_ERR_DATA);
        EXPECT_C_EQ_INT(w.wrong, 0);
    }
}

static gbt_status count_call(void *context)
{
    ++*(int *)context;
    return GBT_OK;
}

static void start_inner_team(void *context, int64_t first, int64_t last, int thread)
{
    int *count = context; /* [8 x 16] */
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        (void)gbt_with_threads(4, count_call, count + 16 * i);
    }
}

static gbt_status start_outer_jobs(void *context)
{
    gbt_for_chunks(4, 8, 1, start_inner_team, context);
    return gbt_with_threads(4, count_call, context);
}

TEST_C(Parallel, TeamsInsideTeamsRunOnce)
{
    int count[8 * 16] = {0};
    EXPECT_C_OK(gbt_with_threads(4, start_outer_jobs, count));
    for (int i = 0; i < 8; i++) {
        EXPECT_C_EQ_INT(count[16 * i], i == 0 ? 2 : 1);
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
