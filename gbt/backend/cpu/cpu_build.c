/* Which histograms are made, from what, by whom. The smaller child's comes from its rows, the
 * larger one's is the parent's less the smaller one's, in the parent's place. From rows as well:
 * a larger child whose parent has no histogram any more, and one that is the first on its branch
 * to have few enough rows for the counted format, since its parent holds no counts.
 *
 * Large nodes are shared: every thread adds up its own part, then the parts' histograms are
 * summed slot range by slot range. Small nodes go to one thread each. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

enum { SUM_SLOTS = 1024 }; /* slots that a thread sums at a time */

static gbt_cpu_histogram *histogram_of(const gbt_backend *b, int32_t node)
{
    return &b->pool[b->node[node].histogram];
}

GBT_CLONES static void subtract_words(uint64_t *restrict from, const uint64_t *restrict less,
                                      int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        from[i] -= less[i];
    }
}

GBT_CLONES static void subtract_counted_words(uint64_t *restrict from,
                                              const uint64_t *restrict less, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        from[i] -= gbt_cpu_pack(gbt_cpu_counted_grad(less[i]), gbt_cpu_counted_hess(less[i]));
    }
}

GBT_CLONES static void subtract_packed_from_pairs(gbt_sum *restrict from,
                                                  const uint64_t *restrict less, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        from[i].grad -= gbt_cpu_packed_grad(less[i]);
        from[i].hess -= gbt_cpu_packed_hess(less[i]);
    }
}

static gbt_sum sum_at(const gbt_cpu_histogram *histogram, int64_t i)
{
    if (histogram->format == GBT_CPU_WIDE) {
        return ((const gbt_sum *)histogram->slots)[i];
    }
    const uint64_t word = ((const uint64_t *)histogram->slots)[i];
    return histogram->format == GBT_CPU_PACKED
               ? (gbt_sum){gbt_cpu_packed_grad(word), gbt_cpu_packed_hess(word)}
               : (gbt_sum){gbt_cpu_counted_grad(word), gbt_cpu_counted_hess(word)};
}

/* Slots [first, last) of a parent that keeps its format as its larger child. */
static void subtract_slots(gbt_cpu_histogram *from, const gbt_cpu_histogram *less, int64_t first,
                           int64_t last)
{
    gbt_sum *pair = from->slots;
    uint64_t *word = from->slots;
    if (from->format == less->format) {
        const int64_t words = from->format == GBT_CPU_WIDE ? 2 : 1;
        subtract_words(word + first * words, (const uint64_t *)less->slots + first * words,
                       (last - first) * words);
    } else if (from->format == GBT_CPU_PACKED) {
        subtract_counted_words(word + first, (const uint64_t *)less->slots + first, last - first);
    } else if (less->format == GBT_CPU_PACKED) {
        subtract_packed_from_pairs(pair + first, (const uint64_t *)less->slots + first,
                                   last - first);
    } else {
        for (int64_t i = first; i < last; i++) {
            const gbt_sum small = sum_at(less, i);
            pair[i].grad -= small.grad;
            pair[i].hess -= small.hess;
        }
    }
}

/* Turns pairs into packed words at the front of the same memory. */
static void pack_slots(gbt_cpu_histogram *histogram, int64_t n)
{
    const gbt_sum *pair = histogram->slots;
    uint64_t *word = histogram->slots;
    for (int64_t i = 0; i < n; i++) {
        word[i] = gbt_cpu_pack(pair[i].grad, pair[i].hess);
    }
}

static void subtract_away(const gbt_backend *b, gbt_cpu_histogram *from,
                          const gbt_cpu_histogram *less)
{
    for (int32_t f = 0; f < b->n_away; f++) {
        from->away[f] -= less->away[f];
    }
}

static void subtract_rows(const gbt_backend *b, gbt_cpu_histogram *from,
                          const gbt_cpu_histogram *less)
{
    for (int32_t k = 0; k < b->n_counted; k++) {
        const gbt_cpu_column *column = &b->column[b->counted[k]];
        for (int32_t i = column->slot; i < column->slot + column->n_codes; i++) {
            from->rows[i] -=
                less->format == GBT_CPU_COUNTED
                    ? (uint32_t)gbt_cpu_counted_rows(((const uint64_t *)less->slots)[i])
                    : less->rows[i];
        }
    }
}

/* What is left to do when the slots of the parent are those of its larger child. */
static void finish_large(const gbt_backend *b, gbt_cpu_histogram *from,
                         const gbt_cpu_histogram *less, int64_t n_rows)
{
    const gbt_cpu_format result = gbt_cpu_format_of(b, n_rows);
    if (from->format != result) {
        pack_slots(from, b->n_slots);
        from->format = result;
    }
    subtract_away(b, from, less);
    if (result != GBT_CPU_COUNTED) {
        subtract_rows(b, from, less);
    }
}

typedef struct build_task {
    gbt_backend *backend;
    const gbt_cpu_job *job; /* [n] */
} build_task;

static void run_job(void *context, int64_t first, int64_t last, int thread)
{
    const build_task *task = context;
    gbt_backend *b = task->backend;
    (void)last;
    const gbt_cpu_job *job = &task->job[first];
    gbt_cpu_histogram *to = histogram_of(b, job->node);
    gbt_cpu_add_rows(b, to, 0, b->n_parts, job->node, thread);
    if (job->large >= 0) {
        subtract_slots(histogram_of(b, job->large), to, 0, b->n_slots);
        finish_large(b, histogram_of(b, job->large), to, b->node[job->large].n_rows);
    }
}

static void add_own_part(void *context, int64_t part, int64_t last, int thread)
{
    const build_task *task = context;
    gbt_backend *b = task->backend;
    (void)thread;
    gbt_cpu_add_rows(b, &b->scratch[part], (int32_t)part, (int32_t)last, task->job->node,
                     (int)part);
}

/* Slots [first, last) of all parts, summed into the node's histogram and taken off its parent's. */
static void sum_slots(void *context, int64_t first, int64_t last, int thread)
{
    const build_task *task = context;
    const gbt_backend *b = task->backend;
    gbt_cpu_histogram *to = histogram_of(b, task->job->node);
    const int64_t words = to->format == GBT_CPU_WIDE ? 2 : 1;
    uint64_t *sum = to->slots;
    (void)thread;
    memcpy(sum + first * words, (const uint64_t *)b->scratch[0].slots + first * words,
           (size_t)((last - first) * words) * sizeof *sum);
    for (int32_t part = 1; part < b->n_parts; part++) {
        const uint64_t *share = b->scratch[part].slots;
        for (int64_t i = first * words; i < last * words; i++) {
            sum[i] += share[i];
        }
    }
    if (task->job->large >= 0) {
        subtract_slots(histogram_of(b, task->job->large), to, first, last);
    }
}

static void sum_away(const gbt_backend *b, gbt_cpu_histogram *to)
{
    for (int32_t f = 0; f < b->n_away; f++) {
        to->away[f] = 0;
        for (int32_t part = 0; part < b->n_parts; part++) {
            to->away[f] += b->scratch[part].away[f];
        }
    }
}

static void sum_rows(const gbt_backend *b, gbt_cpu_histogram *to)
{
    for (int32_t k = 0; k < b->n_counted && to->format != GBT_CPU_COUNTED; k++) {
        const gbt_cpu_column *column = &b->column[b->counted[k]];
        for (int32_t i = column->slot; i < column->slot + column->n_codes; i++) {
            to->rows[i] = 0;
            for (int32_t part = 0; part < b->n_parts; part++) {
                to->rows[i] += b->scratch[part].rows[i];
            }
        }
    }
}

/* All threads on one node. */
static void run_shared(gbt_backend *b, const gbt_cpu_job *job)
{
    build_task task = {b, job};
    gbt_cpu_histogram *to = histogram_of(b, job->node);
    gbt_on_threads(b->n_parts, add_own_part, &task);
    to->format = b->scratch[0].format;
    gbt_for_chunks(b->n_parts, b->n_slots, SUM_SLOTS, sum_slots, &task);
    sum_away(b, to);
    sum_rows(b, to);
    if (job->large >= 0) {
        finish_large(b, histogram_of(b, job->large), to, b->node[job->large].n_rows);
    }
}

/* Makes the histograms of n jobs; large nodes first, they need all threads. */
static void run_jobs(gbt_backend *b, gbt_cpu_job *job, int32_t n)
{
    int32_t n_small = 0;
    int64_t work = 0;
    for (int32_t i = 0; i < n; i++) {
        const int64_t updates = b->node[job[i].node].n_rows * b->n_columns;
        if (b->n_parts > 1 && updates >= GBT_CPU_SHARED_UPDATES) {
            run_shared(b, &job[i]);
        } else {
            work += updates + b->n_slots;
            job[n_small++] = job[i];
        }
    }
    build_task task = {b, job};
    const int threads = work < GBT_CPU_REGION_WORK ? 1 : b->config.threads;
    gbt_for_chunks(threads, n_small, 1, run_job, &task);
}

/* Can the larger child's histogram be the parent's less the smaller one's? */
static bool can_subtract(const gbt_backend *b, const gbt_build *build)
{
    if (build->parent < 0 || build->large < 0 || b->node[build->parent].histogram < 0) {
        return false;
    }
    return gbt_cpu_format_of(b, b->node[build->large].n_rows) != GBT_CPU_COUNTED ||
           histogram_of(b, build->parent)->format == GBT_CPU_COUNTED;
}

/* A histogram for `node` and the job to fill it; nothing when the pool has none: it will be made
 * when the node is searched. */
static bool plan(gbt_backend *b, int32_t node, int32_t large, int32_t *n_jobs)
{
    gbt_cpu_pool_give(b, node);
    if (!gbt_cpu_pool_take(b, node)) {
        return false;
    }
    b->job[(*n_jobs)++] = (gbt_cpu_job){node, large};
    return true;
}

gbt_status gbt_cpu_build(gbt_backend *b, const gbt_build *build, int32_t n)
{
    int32_t n_jobs = 0;
    b->stamp++;
    /* Parents of this batch are not dropped in favour of its first nodes. */
    for (int32_t i = 0; i < n; i++) {
        if (build[i].parent >= 0 && b->node[build[i].parent].histogram >= 0) {
            histogram_of(b, build[i].parent)->stamp = b->stamp;
        }
    }
    for (int32_t i = 0; i < n; i++) {
        const gbt_build *task = &build[i];
        assert(b->node[task->small].is_open);
        if (can_subtract(b, task)) {
            gbt_cpu_pool_pass(b, task->parent, task->large);
            if (!plan(b, task->small, task->large, &n_jobs)) {
                gbt_cpu_pool_give(b, task->large);
            }
            continue;
        }
        if (task->parent >= 0) {
            gbt_cpu_pool_give(b, task->parent);
        }
        (void)plan(b, task->small, -1, &n_jobs);
        if (task->large >= 0) {
            (void)plan(b, task->large, -1, &n_jobs);
        }
    }
    run_jobs(b, b->job, n_jobs);
    return GBT_OK;
}

bool gbt_cpu_build_missing(gbt_backend *b, int32_t node)
{
    if (b->node[node].histogram < 0) {
        int32_t n_jobs = 0;
        if (!plan(b, node, -1, &n_jobs)) {
            return false;
        }
        run_jobs(b, b->job, n_jobs);
    }
    histogram_of(b, node)->stamp = b->stamp;
    return true;
}
