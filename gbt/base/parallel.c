/* Threads by OpenMP, or none. The only file that knows OpenMP. Chunks are a function of the length
 * alone; which thread handles which chunk is not fixed and must not matter. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/base/parallel.h"

#if defined(_OPENMP)
#include <omp.h>
#include <stdbool.h>
#include <unistd.h>

/* The threads that OpenMP keeps for this thread do not exist in the child of a fork, where GNU's
 * runtime would wait for them for ever: a child works alone. The results are the same. */
static bool may_start_threads(void)
{
    static _Thread_local pid_t process; /* that this thread first started a team in */
    const pid_t now = getpid();
    process = process == 0 ? now : process;
    return process == now;
}
#endif

int gbt_thread_count(int requested)
{
#if defined(_OPENMP)
    /* Inside the caller's own parallel region each caller gets one thread. */
    int n = requested > 0 ? requested : omp_in_parallel() ? 1 : omp_get_max_threads();
#else
    int n = 1;
    (void)requested;
#endif
    return n < 1 ? 1 : n > GBT_MAX_THREADS ? GBT_MAX_THREADS : n;
}

int64_t gbt_chunk_count(int64_t n, int64_t chunk_size)
{
    return n <= 0 ? 0 : (n - 1) / chunk_size + 1;
}

static void run_chunk(int64_t chunk, int64_t n, int64_t chunk_size, int thread, gbt_chunk_fn fn,
                      void *context)
{
    int64_t first = chunk * chunk_size;
    int64_t last = n - first > chunk_size ? first + chunk_size : n;
    fn(context, first, last, thread);
}

void gbt_for_chunks(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn, void *context)
{
    int64_t n_chunks = gbt_chunk_count(n, chunk_size);
#if defined(_OPENMP)
    int team = threads < n_chunks ? threads : (int)n_chunks;
    if (team > 1 && may_start_threads()) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
        for (int64_t chunk = 0; chunk < n_chunks; chunk++) {
            run_chunk(chunk, n, chunk_size, omp_get_thread_num(), fn, context);
        }
        return;
    }
#else
    (void)threads;
#endif
    for (int64_t chunk = 0; chunk < n_chunks; chunk++) {
        run_chunk(chunk, n, chunk_size, 0, fn, context);
    }
}

void gbt_on_threads(int threads, gbt_chunk_fn fn, void *context)
{
#if defined(_OPENMP)
    if (threads > 1 && may_start_threads()) {
        /* The runtime may grant fewer threads than asked for; each share is handled all the same.
         * */
#pragma omp parallel num_threads(threads)
        {
            for (int t = omp_get_thread_num(); t < threads; t += omp_get_num_threads()) {
                fn(context, t, (int64_t)t + 1, t);
            }
        }
        return;
    }
#endif
    for (int t = 0; t < threads; t++) {
        fn(context, t, (int64_t)t + 1, t);
    }
}
