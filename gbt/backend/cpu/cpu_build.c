/* Which histograms are made, from what, by whom. The smaller child's comes from its rows, the
 * larger one's is the parent's less the smaller one's, in the parent's place. From rows as well:
 * a larger child whose parent has no histogram any more, and one that is the first on its branch
 * to have few enough rows for the counted format, since its parent holds no counts.
 *
 * Large nodes are shared: every thread adds up its own part, then each sums its share of the
 * columns over the parts. Of small nodes each thread builds its share of the columns; with few
 * columns, or listed ones, whose entries cannot be cut by columns, they go to one thread each. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

static gbt_cpu_histogram *histogram_of(const gbt_backend *b, int32_t node)
{
    return &b->pool[b->node[node].histogram];
}

GBT_CLONES static void add_words(uint64_t *restrict to, const uint64_t *restrict more, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] += more[i];
    }
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

static void subtract_rows(const gbt_backend *b, gbt_cpu_range columns, gbt_cpu_histogram *from,
                          const gbt_cpu_histogram *less)
{
    for (int32_t k = columns.first; k < columns.last; k++) {
        const gbt_cpu_column *column = &b->column[k];
        const int32_t last = column->is_counted ? column->slot + column->n_codes : 0;
        for (int32_t i = column->slot; i < last; i++) {
            from->rows[i] -=
                less->format == GBT_CPU_COUNTED
                    ? (uint32_t)gbt_cpu_counted_rows(((const uint64_t *)less->slots)[i])
                    : less->rows[i];
        }
    }
}

/* The listed features that a narrowed histogram keeps. */
static void subtract_open(const gbt_backend *b, gbt_cpu_range columns, gbt_cpu_histogram *from,
                          const gbt_cpu_histogram *less)
{
    const int32_t n = b->n_features;
    for (int32_t i = 0; (i = gbt_cpu_next_set(from->open, i, n)) < n; i++) {
        const gbt_cpu_feature *feature = &b->feature[i];
        if (feature->is_listed && feature->column >= columns.first &&
            feature->column < columns.last) {
            const int32_t first = feature->slot + feature->place.first;
            subtract_slots(from, less, first, first + feature->place.n_codes);
        }
    }
}

/* Takes the columns of the smaller child off the parent, whose histogram becomes the larger's. */
static void subtract_columns(const gbt_backend *b, gbt_cpu_range columns, int32_t large,
                             gbt_cpu_histogram *from, const gbt_cpu_histogram *less)
{
    const gbt_cpu_range slots = gbt_cpu_whole_slots(b, columns, from);
    subtract_slots(from, less, slots.first, slots.last);
    if (gbt_cpu_format_of(b, b->node[large].n_rows) != GBT_CPU_COUNTED) {
        subtract_rows(b, columns, from, less);
    }
    if (from->is_narrowed) {
        subtract_open(b, columns, from, less);
    }
    if (gbt_cpu_has_entries(b, columns)) {
        for (int32_t f = 0; f < b->n_away; f++) {
            from->away[f] -= less->away[f];
        }
    }
}

/* What is left to do when all columns of the parent are those of its larger child. */
static void finish_large(const gbt_backend *b, int32_t large)
{
    gbt_cpu_histogram *histogram = histogram_of(b, large);
    const gbt_cpu_format result = gbt_cpu_format_of(b, b->node[large].n_rows);
    if (histogram->format != result) {
        pack_slots(histogram, b->n_slots);
        histogram->format = result;
    }
}

typedef struct build_task {
    gbt_backend *backend;
    const gbt_cpu_job *job; /* [n] */
    int32_t n;
} build_task;

static gbt_cpu_range share_of(const gbt_backend *b, int64_t share)
{
    return (gbt_cpu_range){b->share_column[share], b->share_column[share + 1]};
}

static void build_columns(const gbt_backend *b, gbt_cpu_range columns, const gbt_cpu_job *job,
                          int thread)
{
    const gbt_cpu_range parts = {0, b->n_parts};
    gbt_cpu_histogram *to = histogram_of(b, job->node);
    gbt_cpu_add_rows(b, columns, parts, job->node, thread, to);
    if (job->large >= 0) {
        subtract_columns(b, columns, job->large, histogram_of(b, job->large), to);
    }
}

/* One share of the columns of all jobs. */
static void build_share(void *context, int64_t share, int64_t last, int thread)
{
    const build_task *task = context;
    (void)last;
    for (int32_t i = 0; i < task->n; i++) {
        build_columns(task->backend, share_of(task->backend, share), &task->job[i], thread);
    }
}

/* All columns of one job after the other. */
static void build_jobs(void *context, int64_t first, int64_t last, int thread)
{
    const build_task *task = context;
    const gbt_cpu_range columns = {0, task->backend->n_columns};
    for (int64_t i = first; i < last; i++) {
        build_columns(task->backend, columns, &task->job[i], thread);
    }
}

static void add_own_part(void *context, int64_t part, int64_t last, int thread)
{
    const build_task *task = context;
    gbt_backend *b = task->backend;
    const gbt_cpu_range columns = {0, b->n_columns};
    (void)thread;
    b->scratch[part].format = histogram_of(b, task->job->node)->format;
    memcpy(b->scratch[part].entry_slot, b->entry_slot, (size_t)b->n_away * sizeof *b->entry_slot);
    gbt_cpu_add_rows(b, columns, (gbt_cpu_range){(int32_t)part, (int32_t)last}, task->job->node,
                     (int)part, &b->scratch[part]);
}

static void sum_slots(const gbt_backend *b, gbt_cpu_range slots, gbt_cpu_histogram *to)
{
    const int64_t words = to->format == GBT_CPU_WIDE ? 2 : 1;
    uint64_t *sum = (uint64_t *)to->slots + slots.first * words;
    const int64_t n = (slots.last - slots.first) * words;
    memcpy(sum, (const uint64_t *)b->scratch[0].slots + slots.first * words,
           (size_t)n * sizeof *sum);
    for (int32_t part = 1; part < b->n_parts; part++) {
        add_words(sum, (const uint64_t *)b->scratch[part].slots + slots.first * words, n);
    }
}

static void sum_rows(const gbt_backend *b, gbt_cpu_range columns, gbt_cpu_histogram *to)
{
    for (int32_t k = columns.first; k < columns.last; k++) {
        const gbt_cpu_column *column = &b->column[k];
        const int32_t last = column->is_counted ? column->slot + column->n_codes : 0;
        for (int32_t i = column->slot; i < last; i++) {
            to->rows[i] = 0;
            for (int32_t part = 0; part < b->n_parts; part++) {
                to->rows[i] += b->scratch[part].rows[i];
            }
        }
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

/* One share of the columns of all parts, summed into the node's histogram and taken off its
 * parent's. */
static void sum_share(void *context, int64_t share, int64_t last, int thread)
{
    const build_task *task = context;
    const gbt_backend *b = task->backend;
    const gbt_cpu_range columns = share_of(b, share);
    gbt_cpu_histogram *to = histogram_of(b, task->job->node);
    (void)last;
    (void)thread;
    sum_slots(b, gbt_cpu_slots(b, columns), to);
    if (to->format != GBT_CPU_COUNTED) {
        sum_rows(b, columns, to);
    }
    if (gbt_cpu_has_entries(b, columns)) {
        sum_away(b, to);
    }
    if (task->job->large >= 0) {
        subtract_columns(b, columns, task->job->large, histogram_of(b, task->job->large), to);
    }
}

/* Is it cheaper that every thread adds up the rows of its own part than that each thread reads all
 * rows for its columns? The former costs a histogram from every other core, the latter the others'
 * rows, which then have to be fetched back for the partition. */
static bool is_large(const gbt_backend *b, int64_t rows)
{
    if (b->n_parts == 1) {
        return false;
    }
    if (b->n_columns > b->n_recorded) {
        return rows * b->n_columns >= GBT_CPU_SHARED_UPDATES;
    }
    return rows * b->step >= GBT_CPU_SHARED_HISTOGRAMS * b->n_slots * (int64_t)sizeof(uint64_t);
}

/* Makes the histograms of n jobs; large nodes first, they need all threads. */
static void run_jobs(gbt_backend *b, gbt_cpu_job *job, int32_t n)
{
    int32_t n_small = 0;
    int64_t work = 0;
    for (int32_t i = 0; i < n; i++) {
        const int64_t rows = b->node[job[i].node].n_rows;
        histogram_of(b, job[i].node)->format = gbt_cpu_format_of(b, rows);
        if (is_large(b, rows)) {
            build_task task = {b, &job[i], 1};
            gbt_on_threads(b->n_parts, add_own_part, &task);
            gbt_on_threads(b->n_shares, sum_share, &task);
        } else {
            const gbt_cpu_job small = job[i];
            work += rows * b->n_columns + b->n_slots;
            job[i] = job[n_small];
            job[n_small++] = small;
        }
    }
    build_task task = {b, job, n_small};
    if (work < GBT_CPU_REGION_WORK) {
        build_jobs(&task, 0, n_small, 0);
    } else if (b->n_shares > 1 && b->n_columns == b->n_recorded) {
        gbt_on_threads(b->n_shares, build_share, &task);
    } else {
        gbt_for_chunks(b->config.threads, n_small, 1, build_jobs, &task);
    }
    for (int32_t i = 0; i < n; i++) {
        if (job[i].large >= 0) {
            finish_large(b, job[i].large);
        }
    }
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

/* A histogram for `node`, whose parent's open features are noted, and the job to fill it; nothing
 * when the pool has none: it will be made when the node is searched. */
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
        gbt_cpu_pool_note_open(b, task->parent);
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
        gbt_cpu_pool_note_open(b, -1);
        if (!plan(b, node, -1, &n_jobs)) {
            return false;
        }
        run_jobs(b, b->job, n_jobs);
    }
    histogram_of(b, node)->stamp = b->stamp;
    return true;
}
