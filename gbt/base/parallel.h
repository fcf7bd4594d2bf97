/* Threads: OpenMP when built with it, else one. Work is cut into chunks of a fixed size that does
 * not depend on the number of threads, so sums added up chunk by chunk never do either. */
#ifndef GBT_BASE_PARALLEL_H
#define GBT_BASE_PARALLEL_H

#include "gbt/base/status.h"

enum { GBT_MAX_THREADS = 256 };

/* Handles elements [first, last) of chunk `first / chunk_size`. `thread` only selects scratch
 * memory; results must not depend on it. Nothing fallible in here. */
typedef void (*gbt_chunk_fn)(void *context, int64_t first, int64_t last, int thread);

/* Threads to use for a request (0 = all the process may use), 1..GBT_MAX_THREADS. */
int gbt_thread_count(int requested);

int64_t gbt_chunk_count(int64_t n, int64_t chunk_size);

/* Calls `fn` for every chunk of [0, n); chunks are handed out dynamically. One thread or one chunk:
 * no parallel region is opened. */
void gbt_for_chunks(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn, void *context);

/* The same, but chunk c is for thread c % threads: passes over the same rows find in the thread's
 * own cache what an earlier one has written. From another core's it costs some 40 ns a line. */
void gbt_for_own_chunks(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn, void *context);

/* Calls `fn(context, t, t + 1, t)` once for every t in [0, threads), at the same time where threads
 * are to be had. */
void gbt_on_threads(int threads, gbt_chunk_fn fn, void *context);

/* Calls `fn(context)` on this thread and returns what it returns; meanwhile `threads - 1` others
 * wait for its calls of the functions above: these then start in well under a microsecond. For a
 * sequence of short jobs, the longer the better: at its end it waits for threads that have no
 * processor just now, some milliseconds where others compete for it. */
gbt_status gbt_with_threads(int threads, gbt_status (*fn)(void *context), void *context);

#endif
