/* Partition of a node's rows: the records themselves move, left ones to the front of each
 * thread's run. A block from the front and a block from the back are looked through for
 * misplaced records, their positions noted without branches, then misplaced pairs change places.
 * The order within a side is arbitrary: nothing depends on it. Cost: 1.0 to 1.2 ns a row of 32
 * bytes. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

enum { BLOCK = 64, LAST_ROWS = 2 * BLOCK };

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* One run of records and how to tell where they go. */
typedef struct run_task {
    uint8_t *record; /* of the run's first row */
    uint32_t *row;   /* likewise */
    int64_t n, step;
    const uint8_t *code;    /* the column's code of the first record, or of row 0 if it is listed */
    int64_t code_step;      /* bytes to the next record's or row's */
    const uint8_t *is_left; /* [GBT_CPU_MAX_CODES] by code of the column */
} run_task;

/* Which way record i of the run goes; is_listed and step are constants where this is inlined. */
static ALWAYS_INLINE bool goes_left(const run_task *t, bool is_listed, int64_t step, int64_t i)
{
    return t->is_left[is_listed ? t->code[t->row[i] * t->code_step] : t->code[i * step]];
}

/* Bytes moved at once: one register where there is AVX2, else two. */
typedef uint64_t piece __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t half_piece __attribute__((vector_size(16), aligned(1), may_alias));

/* Records i and j of the run change places; step is a multiple of 16. */
static ALWAYS_INLINE void exchange(const run_task *t, int64_t step, int64_t i, int64_t j)
{
    uint8_t *a = t->record + i * step;
    uint8_t *z = t->record + j * step;
    int64_t at = 0;
    for (; at + 32 <= step; at += 32) {
        const piece x = *(const piece *)(a + at);
        *(piece *)(a + at) = *(const piece *)(z + at);
        *(piece *)(z + at) = x;
    }
    if (at < step) {
        const half_piece x = *(const half_piece *)(a + at);
        *(half_piece *)(a + at) = *(const half_piece *)(z + at);
        *(half_piece *)(z + at) = x;
    }
    const uint32_t row = t->row[i];
    t->row[i] = t->row[j];
    t->row[j] = row;
}

/* The last rows, few enough to note all misplaced ones at once: those before the border that go
 * right and those behind it that go left are equally many. */
static ALWAYS_INLINE int64_t finish(const run_task *t, bool is_listed, int64_t step, int64_t first,
                                    int64_t last)
{
    uint8_t from_left[LAST_ROWS], from_right[LAST_ROWS];
    int32_t n_left = 0;
    int32_t n = 0;
    for (int64_t i = first; i < last; i++) {
        n_left += goes_left(t, is_listed, step, i);
    }
    for (int32_t i = 0; i < n_left; i++) {
        from_left[n] = (uint8_t)i;
        n += !goes_left(t, is_listed, step, first + i);
    }
    const int64_t border = first + n_left;
    n = 0;
    for (int32_t i = 0; i < last - border; i++) {
        from_right[n] = (uint8_t)i;
        n += goes_left(t, is_listed, step, border + i);
    }
    for (int32_t i = 0; i < n; i++) {
        exchange(t, step, first + from_left[i], border + from_right[i]);
    }
    return border;
}

/* Partitions the run and returns its left rows; `is_listed` and `step` are constants where this is
 * inlined. */
static ALWAYS_INLINE int64_t partition(const run_task *t, bool is_listed, int64_t step)
{
    uint8_t from_left[BLOCK], from_right[BLOCK]; /* misplaced, counted from the block's outer end */
    int32_t n_left = 0, n_right = 0, at_left = 0, at_right = 0;
    int64_t low = 0;
    int64_t high = t->n;
    while (high - low > LAST_ROWS) {
        if (n_left == 0) {
            at_left = 0;
            for (int32_t i = 0; i < BLOCK; i++) {
                from_left[n_left] = (uint8_t)i;
                n_left += !goes_left(t, is_listed, step, low + i);
            }
        }
        if (n_right == 0) {
            at_right = 0;
            for (int32_t i = 0; i < BLOCK; i++) {
                from_right[n_right] = (uint8_t)i;
                n_right += goes_left(t, is_listed, step, high - 1 - i);
            }
        }
        const int32_t n = n_left < n_right ? n_left : n_right;
        for (int32_t i = 0; i < n; i++) {
            exchange(t, step, low + from_left[at_left + i], high - 1 - from_right[at_right + i]);
        }
        n_left -= n;
        n_right -= n;
        at_left += n;
        at_right += n;
        low += n_left == 0 ? BLOCK : 0;
        high -= n_right == 0 ? BLOCK : 0;
    }
    return finish(t, is_listed, step, low, high);
}

GBT_CLONES static int64_t partition_run(const run_task *t, bool is_listed)
{
    if (is_listed) {
        return partition(t, true, t->step);
    }
    switch (t->step) {
    case 16:
        return partition(t, false, 16);
    case 32:
        return partition(t, false, 32);
    case 48:
        return partition(t, false, 48);
    default:
        return partition(t, false, t->step);
    }
}

typedef struct split_task {
    const gbt_backend *backend;
    const gbt_apply *apply; /* [n] */
    int32_t n;
} split_task;

/* The runs of parts [first, last) of every node. */
static void split_parts(void *context, int64_t first, int64_t last, int thread)
{
    const split_task *task = context;
    const gbt_backend *b = task->backend;
    uint8_t is_left[GBT_CPU_MAX_CODES];
    (void)thread;
    for (int32_t i = 0; i < task->n; i++) {
        const gbt_apply *apply = &task->apply[i];
        const gbt_bins *bins = &b->data->bins;
        const gbt_cpu_column *column =
            &b->column[b->column_of[bins->place[apply->split->feature].column]];
        const bool is_listed = column->at < 0;
        gbt_cpu_list_left(b, apply->split, is_left);
        for (int64_t part = first; part < last; part++) {
            const gbt_cpu_run run = gbt_cpu_runs(b, apply->node)[part];
            const run_task t = {
                .record = b->record + run.first * b->step,
                .row = b->row + run.first,
                .n = (int64_t)run.last - run.first,
                .step = b->step,
                .code = is_listed ? bins->base + column->source
                                  : b->record + run.first * b->step + column->at,
                .code_step = bins->row_step,
                .is_left = is_left,
            };
            const uint32_t middle = run.first + (uint32_t)partition_run(&t, is_listed);
            gbt_cpu_runs(b, apply->left)[part] = (gbt_cpu_run){run.first, middle};
            gbt_cpu_runs(b, apply->right)[part] = (gbt_cpu_run){middle, run.last};
        }
    }
}

gbt_status gbt_cpu_split_rows(gbt_backend *b, const gbt_apply *apply, int32_t n, int64_t *left_rows)
{
    split_task task = {b, apply, n};
    int64_t rows = 0;
    for (int32_t i = 0; i < n; i++) {
        assert(b->node[apply[i].node].is_open);
        rows += b->node[apply[i].node].n_rows;
    }
    if (rows < GBT_CPU_REGION_WORK) {
        split_parts(&task, 0, b->n_parts, 0);
    } else {
        gbt_on_threads(b->n_parts, split_parts, &task);
    }
    for (int32_t i = 0; i < n; i++) {
        left_rows[i] = 0;
        for (int32_t part = 0; part < b->n_parts; part++) {
            const gbt_cpu_run run = gbt_cpu_runs(b, apply[i].left)[part];
            left_rows[i] += (int64_t)run.last - run.first;
        }
        gbt_cpu_node *node = &b->node[apply[i].node];
        node->is_open = false;
        b->node[apply[i].left] =
            (gbt_cpu_node){.n_rows = left_rows[i], .histogram = -1, .is_open = true};
        b->node[apply[i].right] =
            (gbt_cpu_node){.n_rows = node->n_rows - left_rows[i], .histogram = -1, .is_open = true};
    }
    return GBT_OK;
}
