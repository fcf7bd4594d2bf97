/* The working set of a tree: the codes of every sampled row in the columns that the tree may
 * use, and the row's quantised gradient, as one record. Made anew for every tree in one pass
 * over the rows; from then on the data set's own bins and the float gradients are not read.
 *
 * Record: one byte a column; then the gradient at a multiple of 4 (narrow: hess in the low, grad
 * in the high 16 bits of a uint32) or 8 (wide: grad, hess as int32); padded to 16 bytes.
 *
 * Thread t owns part t. Stripes of rows go to the parts in turn, so that sorted data does not
 * give one thread all rows of a node. Cost: about 2 ns a row of 32 bytes. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

#if defined(_OPENMP)
#define VECTOR_SUMS \
    _Pragma(        \
        "omp simd reduction(+ : grad_sum, hess_sum) reduction(min : least) reduction(max : most)")
#else
#define VECTOR_SUMS
#endif

/* Sums and extremes of what one thread quantised. */
typedef struct part_total {
    gbt_sum sum;
    int32_t hess_least, hess_most;
    char pad[40]; /* a cache line each */
} part_total;

typedef struct copy_task {
    gbt_backend *backend;
    const float *grad, *hess; /* [n_rows] of the output */
    bool takes_first;         /* the records' columns are the first of the bin matrix */
    gbt_pick_fn *pick;        /* else */
    part_total total[GBT_MAX_THREADS];
} copy_task;

/* Gradients of a block on their way into the records. */
typedef struct row_block {
    int32_t n;
    const uint32_t *row;
    float grad[GBT_CPU_BLOCK_ROWS], hess[GBT_CPU_BLOCK_ROWS];
    int32_t unit_grad[GBT_CPU_BLOCK_ROWS], unit_hess[GBT_CPU_BLOCK_ROWS];
} row_block;

/* Units of every row; the way of rounding is a constant where this is inlined. */
static ALWAYS_INLINE void quantise_rows(gbt_quant q, bool to_nearest, row_block *block)
{
    q.rounds_to_nearest = to_nearest;
    GBT_VECTOR_LOOP
    for (int32_t i = 0; i < block->n; i++) {
        gbt_quant_row(&q, block->grad[i], block->hess[i], block->row[i], &block->unit_grad[i],
                      &block->unit_hess[i]);
    }
}

GBT_CLONES static void quantise(const gbt_quant *quant, row_block *block)
{
    if (quant->rounds_to_nearest) {
        quantise_rows(*quant, true, block);
    } else {
        quantise_rows(*quant, false, block);
    }
}

GBT_CLONES static void add_up(const row_block *block, part_total *total)
{
    int64_t grad_sum = 0;
    int64_t hess_sum = 0;
    int32_t least = total->hess_least;
    int32_t most = total->hess_most;
    VECTOR_SUMS
    for (int32_t i = 0; i < block->n; i++) {
        grad_sum += block->unit_grad[i];
        hess_sum += block->unit_hess[i];
        least = block->unit_hess[i] < least ? block->unit_hess[i] : least;
        most = block->unit_hess[i] > most ? block->unit_hess[i] : most;
    }
    total->sum.grad += grad_sum;
    total->sum.hess += hess_sum;
    total->hess_least = least;
    total->hess_most = most;
}

/* Writes the records of a block; the arguments but `block` are constants where it matters. */
static ALWAYS_INLINE void write_records(const gbt_backend *b, uint8_t *to, int64_t step,
                                        bool is_wide, bool takes_first, const row_block *block)
{
    const gbt_bins *bins = &b->data->bins;
    for (int32_t i = 0; i < block->n; i++, to += step) {
        if (takes_first) { /* and a little more, never read or overwritten now: */
            memcpy(to, bins->base + block->row[i] * bins->row_step, (size_t)step);
        }
        if (is_wide) {
            const int32_t pair[2] = {block->unit_grad[i], block->unit_hess[i]};
            memcpy(to + b->grad_at, pair, sizeof pair);
        } else {
            const uint32_t pair =
                (uint32_t)block->unit_grad[i] << 16 | (uint32_t)block->unit_hess[i];
            memcpy(to + b->grad_at, &pair, sizeof pair);
        }
    }
}

static void copy_records(const copy_task *task, uint8_t *to, const row_block *block)
{
    const gbt_backend *b = task->backend;
    if (!task->takes_first) {
        const gbt_bins *bins = &b->data->bins;
        task->pick(&b->picker, bins->base, bins->row_step, block->row, block->n, to, b->step);
    }
    if (!task->takes_first || b->quant.is_wide) {
        write_records(b, to, b->step, b->quant.is_wide, task->takes_first, block);
        return;
    }
    switch (b->step) {
    case 16:
        write_records(b, to, 16, false, true, block);
        break;
    case 32:
        write_records(b, to, 32, false, true, block);
        break;
    case 48:
        write_records(b, to, 48, false, true, block);
        break;
    default:
        write_records(b, to, b->step, false, true, block);
        break;
    }
}

/* Sampled rows [first, first + n) become records `at` and on. */
static void copy_block(const copy_task *task, int64_t first, int32_t n, int64_t at,
                       row_block *block, part_total *total)
{
    const gbt_backend *b = task->backend;
    uint32_t *row = b->row + at;
    block->n = n;
    block->row = row;
    if (b->sample.rows) {
        memcpy(row, b->sample.rows + first, (size_t)n * sizeof *row);
        for (int32_t i = 0; i < n; i++) {
            block->grad[i] = task->grad[row[i]];
            block->hess[i] = task->hess[row[i]];
        }
    } else {
        GBT_VECTOR_LOOP
        for (int32_t i = 0; i < n; i++) {
            row[i] = (uint32_t)first + (uint32_t)i;
        }
        memcpy(block->grad, task->grad + first, (size_t)n * sizeof(float));
        memcpy(block->hess, task->hess + first, (size_t)n * sizeof(float));
    }
    quantise(&b->quant, block);
    add_up(block, total);
    copy_records(task, b->record + at * b->step, block);
}

static void copy_part(void *context, int64_t part, int64_t last, int thread)
{
    copy_task *task = context;
    const gbt_backend *b = task->backend;
    const gbt_cpu_run run = gbt_cpu_runs(b, 0)[part];
    part_total total = {.hess_least = INT32_MAX, .hess_most = 0};
    row_block block;
    int64_t at = run.first;
    (void)last;
    (void)thread;
    for (int64_t stripe = part * b->stripe; stripe < b->sample.n_rows;
         stripe += b->n_parts * b->stripe) {
        const int64_t left = b->sample.n_rows - stripe;
        const int64_t end = stripe + (left < b->stripe ? left : b->stripe);
        for (int64_t first = stripe; first < end; first += GBT_CPU_BLOCK_ROWS) {
            const int64_t rest = end - first;
            const int32_t n = rest < GBT_CPU_BLOCK_ROWS ? (int32_t)rest : GBT_CPU_BLOCK_ROWS;
            copy_block(task, first, n, at, &block, &total);
            at += n;
        }
    }
    assert(at == run.last);
    task->total[part] = total;
}

static void mark_sampled(gbt_backend *b)
{
    if (b->sample.rows == NULL) {
        return;
    }
    memset(b->sampled, 0, (size_t)(b->n_rows / 32 + 1) * sizeof *b->sampled);
    for (int64_t i = 0; i < b->sample.n_rows; i++) {
        b->sampled[b->sample.rows[i] >> 5] |= 1u << (b->sample.rows[i] & 31);
    }
}

gbt_status gbt_cpu_begin_tree(gbt_backend *b, int32_t round, int32_t output,
                              const gbt_sample *sample, gbt_root *root)
{
    copy_task task = {.backend = b,
                      .grad = b->grad + output * b->n_rows,
                      .hess = b->hess + output * b->n_rows,
                      .pick = gbt_pick_find(-1)};
    GBT_TRY(gbt_cpu_choose_quant(b, round, output));
    b->sample = *sample;
    if (sample->rows == NULL) {
        b->sample.n_rows = b->n_rows;
    }
    gbt_cpu_lay_out(b);
    mark_sampled(b);
    gbt_cpu_pool_reset(b);
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        b->node[i] = (gbt_cpu_node){.histogram = -1};
    }
    b->node[0] = (gbt_cpu_node){.n_rows = b->sample.n_rows, .histogram = -1, .is_open = true};
    task.takes_first =
        (b->n_recorded == 0 || b->column[b->n_recorded - 1].source < b->n_recorded) &&
        b->step - b->n_recorded <= GBT_CPU_COPY_SLACK;
    gbt_on_threads(b->n_parts, copy_part, &task);

    *root = (gbt_root){.n_rows = b->sample.n_rows, .quant = b->quant};
    b->hess_least = INT32_MAX;
    b->hess_most = 0;
    for (int32_t part = 0; part < b->n_parts; part++) {
        const part_total *total = &task.total[part];
        root->sum.grad += total->sum.grad;
        root->sum.hess += total->sum.hess;
        b->hess_least = total->hess_least < b->hess_least ? total->hess_least : b->hess_least;
        b->hess_most = total->hess_most > b->hess_most ? total->hess_most : b->hess_most;
    }
    gbt_cpu_share_columns(b);
    gbt_cpu_search_begin(b);
    return GBT_OK;
}
