/* Threads by OpenMP, or none. The only file that knows OpenMP. Chunks are a function of the length
 * alone; which thread handles which chunk is not fixed and must not matter.
 *
 * A team (gbt_with_threads) is one OpenMP region in which the helpers serve the leader's jobs. A
 * job is over when its chunks are done, whoever did them: the leader waits for a helper only while
 * that helper handles a chunk, never for one that has no processor just now. Idle helpers look out
 * for the next job for some hundred microseconds, then sleep. So short jobs follow each other
 * without the cost of a barrier, and on a machine that is shared with others a team is not slower
 * than one thread. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/base/parallel.h"

#if defined(_OPENMP)
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>
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

typedef struct job {
    gbt_chunk_fn fn;
    void *context;
    int64_t n, chunk_size, n_chunks;
    int threads;    /* most that may take part */
    int has_shares; /* 1: chunk t is the share of thread t, whoever handles it */
} job;

static void run_chunk(const job *j, int64_t chunk, int thread)
{
    const int64_t first = chunk * j->chunk_size;
    const int64_t last = j->n - first > j->chunk_size ? first + j->chunk_size : j->n;
    j->fn(j->context, first, last, j->has_shares ? (int)chunk : thread);
}

static void run_alone(const job *j)
{
    for (int64_t chunk = 0; chunk < j->n_chunks; chunk++) {
        run_chunk(j, chunk, 0);
    }
}

#if defined(_OPENMP)

/* The threads that OpenMP keeps for this thread do not exist in the child of a fork, where GNU's
 * runtime would wait for them for ever: a child works alone. The results are the same. */
static bool may_start_threads(void)
{
    static _Thread_local pid_t process; /* that this thread first started a team in */
    const pid_t now = getpid();
    process = process == 0 ? now : process;
    return process == now;
}

/* ---- Teams ---------------------------------------------------------------------------------- */

enum { LOOKS = 5000 }; /* before a helper sleeps */

#define FINISHED UINT64_MAX

typedef struct team {
    int n_threads;
    job job;                             /* valid while `state` is odd or `inside` > 0 */
    _Alignas(64) _Atomic uint64_t state; /* 2 x job number, + 1 while the job is open; FINISHED */
    _Alignas(64) _Atomic int64_t next;   /* chunk that nobody has taken yet */
    _Alignas(64) _Atomic int inside;     /* helpers that may read the job */
    _Atomic int asleep;
    pthread_mutex_t lock;
    pthread_cond_t wake;
} team;

/* The team that this thread leads and that has no job just now. */
static _Thread_local team *free_team;

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_chunks(team *t, int thread)
{
    for (;;) {
        const int64_t chunk = atomic_fetch_add(&t->next, 1);
        if (chunk >= t->job.n_chunks) {
            return;
        }
        run_chunk(&t->job, chunk, thread);
    }
}

static bool is_news(uint64_t state, uint64_t seen)
{
    return state == FINISHED || ((state & 1) != 0 && state != seen);
}

/* The state of the next job after `seen`, or FINISHED. */
static uint64_t wait_for_job(team *t, uint64_t seen)
{
    for (int i = 0; i < LOOKS; i++) {
        const uint64_t state = atomic_load(&t->state);
        if (is_news(state, seen)) {
            return state;
        }
        relax();
    }
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->asleep, 1);
    while (!is_news(atomic_load(&t->state), seen)) {
        pthread_cond_wait(&t->wake, &t->lock);
    }
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->lock);
    return atomic_load(&t->state);
}

static void help(team *t, int thread)
{
    uint64_t seen = 0;
    while ((seen = wait_for_job(t, seen)) != FINISHED) {
        atomic_fetch_add(&t->inside, 1);
        /* Still open: the leader will wait until this helper has left. */
        if (atomic_load(&t->state) == seen && (seen & 1) != 0 && thread < t->job.threads) {
            take_chunks(t, thread);
        }
        atomic_fetch_sub(&t->inside, 1);
    }
}

static void announce(team *t, uint64_t state)
{
    atomic_store(&t->state, state);
    if (atomic_load(&t->asleep) > 0) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
    }
}

static void run_in_team(team *t, const job *j)
{
    free_team = NULL; /* a chunk that asks for threads itself gets none */
    const uint64_t state = atomic_load(&t->state);
    t->job = *j;
    atomic_store(&t->next, 0);
    announce(t, state + 1);
    take_chunks(t, 0);
    atomic_store(&t->state, state + 2);
    for (int i = 0; atomic_load(&t->inside) > 0; i++) {
        if (i < LOOKS) {
            relax();
        } else {
            sched_yield();
        }
    }
    free_team = t;
}

gbt_status gbt_with_threads(int threads, gbt_status (*fn)(void *context), void *context)
{
    gbt_status status = GBT_OK;
    if (threads < 2 || free_team || omp_in_parallel() || !may_start_threads()) {
        return fn(context);
    }
    team t = {.n_threads = threads};
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.wake, NULL);
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
        if (thread > 0) {
            help(&t, thread);
        } else {
            free_team = &t;
            status = fn(context);
            free_team = NULL;
            announce(&t, FINISHED);
        }
    }
    pthread_cond_destroy(&t.wake);
    pthread_mutex_destroy(&t.lock);
    return status;
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

/* Outside a team: a region of its own. The runtime may grant fewer threads than asked for. */
static void run_in_region(const job *j)
{
#pragma omp parallel for schedule(dynamic, 1) \
    num_threads(j->threads < j->n_chunks ? j->threads : (int)j->n_chunks)
    for (int64_t chunk = 0; chunk < j->n_chunks; chunk++) {
        run_chunk(j, chunk, omp_get_thread_num());
    }
}

static void run(const job *j)
{
    if (j->threads < 2 || j->n_chunks < 2) {
        run_alone(j);
    } else if (free_team) {
        run_in_team(free_team, j);
    } else if (may_start_threads()) {
        run_in_region(j);
    } else {
        run_alone(j);
    }
}

#else

gbt_status gbt_with_threads(int threads, gbt_status (*fn)(void *context), void *context)
{
    (void)threads;
    return fn(context);
}

static void run(const job *j)
{
    run_alone(j);
}

#endif

void gbt_for_chunks(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn, void *context)
{
    const job j = {fn, context, n, chunk_size, gbt_chunk_count(n, chunk_size), threads, 0};
    run(&j);
}

void gbt_on_threads(int threads, gbt_chunk_fn fn, void *context)
{
    const job j = {fn, context, threads, 1, threads, threads, 1};
    run(&j);
}

typedef struct own_chunks {
    gbt_chunk_fn fn;
    void *context;
    int64_t n, chunk_size;
    int threads;
} own_chunks;

static void run_own_chunks(void *context, int64_t share, int64_t last, int thread)
{
    const own_chunks *own = context;
    const int64_t size = own->chunk_size;
    (void)last;
    for (int64_t first = share * size; first < own->n; first += own->threads * size) {
        own->fn(own->context, first, own->n - first < size ? own->n : first + size, thread);
    }
}

void gbt_for_own_chunks(int threads, int64_t n, int64_t chunk_size, gbt_chunk_fn fn, void *context)
{
    own_chunks own = {fn, context, n, chunk_size, threads};
    gbt_on_threads(threads, run_own_chunks, &own);
}
