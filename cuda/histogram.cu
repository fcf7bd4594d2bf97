/* Histograms from rows, by subtraction, and summed over nodes.
 *
 * A block takes a tile of rows and a plane of 32 columns. A warp takes one row, or several when
 * there are few columns: lane = column. The slots in shared memory are laid out [code][lane], so
 * that lane i always uses bank i: no conflicts whatever the data. Sums are 32-bit words for
 * gradient, hessian and, where hessians differ, rows; a block sees at most 65,535 rows and then
 * adds its words to the 64-bit sums of the pool. Wide gradients come in two halves of 16 bits, each
 * of which goes through the same kernel.
 *
 * Cost: 2 or 3 shared atomics and 9 bytes of loads a row and column plane lane. */
#include "cuda/kernel.cuh"
#include "cuda/spans.cuh"
#include "cuda/training.cuh"

enum { THREADS = 512, COPY_THREADS = 256, AHEAD = 4 };

/* ---- Kernels --------------------------------------------------------------------------------- */

struct histogram_job {
    gbt_cuda_span span;
    int32_t histogram;
};

struct histogram_rows {
    const histogram_job *job;
    int32_t n_jobs;
    uint32_t tile_rows;
    int32_t n_columns, n_planes, n_parts;
    int32_t group; /* lanes that hold different columns: a power of two */
    bool counts_rows;
    const gbt_cuda_column *column;
    const uint8_t *codes;
    int64_t step;
    const uint32_t *packed[2], *rows[2];
    uint64_t *sums;
    uint32_t *slot_rows;
    int32_t most_slots;
};

/* One lane's words: slot [code][lane] of three tables. */
struct lane_words {
    uint32_t *grad, *hess, *rows; /* rows NULL: not counted */
};

GBT_DEVICE void add_row(const lane_words &words, uint32_t code, uint32_t packed)
{
    const uint32_t at = code * GBT_CUDA_LANES;
    const int32_t grad = static_cast<int16_t>(packed & 0xffffu);
    gbt_atomic_add(&words.grad[at], static_cast<uint32_t>(grad));
    gbt_atomic_add(&words.hess[at], packed >> 16);
    if (words.rows != NULL) {
        gbt_atomic_add(&words.rows[at], 1u);
    }
}

/* Rows of the tile that this lane adds up: from `at`, every `by`; loads run ahead of the adds. */
GBT_DEVICE void add_rows(const histogram_rows &h, const uint32_t *rows, const uint32_t *packed,
                         const uint8_t *codes, uint32_t at, uint32_t last, uint32_t by,
                         const lane_words &words)
{
    for (; at + (AHEAD - 1) * by < last; at += AHEAD * by) {
        uint32_t code[AHEAD];
        uint32_t pair[AHEAD];
        GBT_UNROLL
        for (uint32_t k = 0; k < AHEAD; k++) {
            const uint32_t row = rows[at + k * by];
            code[k] = codes[row * h.step];
            pair[k] = packed[row];
        }
        GBT_UNROLL
        for (uint32_t k = 0; k < AHEAD; k++) {
            add_row(words, code[k], pair[k]);
        }
    }
    for (; at < last; at += by) {
        add_row(words, codes[rows[at] * h.step], packed[rows[at]]);
    }
}

/* Adds the block's words to the node's histogram; part 1 is the high half of wide numbers. */
GBT_DEVICE void fold(const histogram_rows &h, int32_t histogram, int32_t first_column, int32_t part,
                     const uint32_t *grad, const uint32_t *hess, const uint32_t *rows)
{
    const int32_t lane = static_cast<int32_t>(gbt_lane());
    const int32_t c = first_column + lane % h.group;
    if (c >= h.n_columns) {
        return;
    }
    const gbt_cuda_column column = h.column[c];
    const int64_t unit = part == 0 ? 1 : 65536;
    uint64_t *grads = h.sums + static_cast<int64_t>(histogram) * 2 * h.most_slots + column.slot;
    uint64_t *hesses = grads + h.most_slots;
    uint32_t *counts = h.slot_rows + static_cast<int64_t>(histogram) * h.most_slots + column.slot;
    for (int32_t code = static_cast<int32_t>(gbt_thread() / GBT_WARP); code < column.n_codes;
         code += static_cast<int32_t>(gbt_threads() / GBT_WARP)) {
        const int32_t at = code * GBT_CUDA_LANES + lane;
        const int64_t g = static_cast<int32_t>(grad[at]) * unit;
        const uint64_t s = static_cast<uint64_t>(hess[at] * unit);
        if (g != 0) {
            gbt_atomic_add(&grads[code], static_cast<uint64_t>(g));
        }
        if (s != 0) {
            gbt_atomic_add(&hesses[code], s);
        }
        if (rows != NULL && rows[at] != 0) {
            gbt_atomic_add(&counts[code], rows[at]);
        }
    }
}

/* Blocks: tile by tile, in each plane by plane, in each part by part. */
GBT_KERNEL add_tiles(histogram_rows h, int32_t most_codes)
{
    GBT_SHARED(uint32_t, words);
    const uint32_t n_words = static_cast<uint32_t>(most_codes) * GBT_CUDA_LANES;
    const uint32_t per_tile = static_cast<uint32_t>(h.n_planes * h.n_parts);
    const uint32_t tile = gbt_block() / per_tile;
    const int32_t part = static_cast<int32_t>(gbt_block() % per_tile) % h.n_parts;
    const int32_t plane = static_cast<int32_t>(gbt_block() % per_tile) / h.n_parts;
    const histogram_job job = h.job[gbt_job_of_tile(h.job, h.n_jobs, tile)];
    const bool counts_rows = h.counts_rows && part == 0;
    uint32_t *grad = words;
    uint32_t *hess = words + n_words;
    uint32_t *rows = counts_rows ? hess + n_words : NULL;
    for (uint32_t i = gbt_thread(); i < (counts_rows ? 3 : 2) * n_words; i += gbt_threads()) {
        words[i] = 0;
    }
    gbt_barrier();
    const uint32_t group = static_cast<uint32_t>(h.group);
    const uint32_t lane = gbt_lane();
    const int32_t c = plane * GBT_CUDA_LANES + static_cast<int32_t>(lane % group);
    if (c < h.n_columns) {
        const uint32_t rows_a_warp = GBT_CUDA_LANES / group;
        const lane_words own = {grad + lane, hess + lane, counts_rows ? rows + lane : NULL};
        uint32_t first = 0;
        uint32_t last = 0;
        gbt_rows_of_tile(job.span, tile, h.tile_rows, &first, &last);
        add_rows(h, job.span.buffer == 0 ? h.rows[0] : h.rows[1],
                 part == 0 ? h.packed[0] : h.packed[1], h.codes + h.column[c].source,
                 first + gbt_thread() / GBT_WARP * rows_a_warp + lane / group, last,
                 gbt_threads() / GBT_WARP * rows_a_warp, own);
    }
    gbt_barrier();
    fold(h, job.histogram, plane * GBT_CUDA_LANES, part, grad, hess, rows);
}

/* Blocks: histogram by histogram, each cut into `per` blocks of slots. */
struct slot_range {
    int64_t slot; /* this thread's */
    int32_t item; /* this block's */
};

GBT_DEVICE slot_range range_of(uint32_t per)
{
    const slot_range range = {static_cast<int64_t>(gbt_block() % per) * gbt_threads() +
                                  gbt_thread(),
                              static_cast<int32_t>(gbt_block() / per)};
    return range;
}

GBT_KERNEL clear_slots(const histogram_job *job, uint32_t per, int32_t n_slots, int32_t most_slots,
                       uint64_t *sums, uint32_t *slot_rows)
{
    const slot_range r = range_of(per);
    if (r.slot < n_slots) {
        const int64_t at = job[r.item].histogram * static_cast<int64_t>(most_slots) + r.slot;
        sums[at + job[r.item].histogram * static_cast<int64_t>(most_slots)] = 0;
        sums[at + (job[r.item].histogram + 1) * static_cast<int64_t>(most_slots)] = 0;
        slot_rows[at] = 0;
    }
}

/* pair [2 x items]: from, less. */
GBT_KERNEL subtract_slots(const int32_t *pair, uint32_t per, int32_t n_slots, int64_t most_slots,
                          uint64_t *sums, uint32_t *slot_rows)
{
    const slot_range r = range_of(per);
    if (r.slot < n_slots) {
        const int64_t from = pair[2 * r.item];
        const int64_t less = pair[2 * r.item + 1];
        sums[from * 2 * most_slots + r.slot] -= sums[less * 2 * most_slots + r.slot];
        sums[(from * 2 + 1) * most_slots + r.slot] -= sums[(less * 2 + 1) * most_slots + r.slot];
        slot_rows[from * most_slots + r.slot] -= slot_rows[less * most_slots + r.slot];
    }
}

GBT_KERNEL add_up_slots(const gbt_cuda_task *task, int32_t n, int32_t n_slots, int64_t most_slots,
                        int64_t to, bool is_first, uint64_t *sums, uint32_t *slot_rows)
{
    const int64_t slot = gbt_grid_thread();
    if (slot >= n_slots) {
        return;
    }
    uint64_t *grad = &sums[to * 2 * most_slots + slot];
    uint64_t *hess = grad + most_slots;
    uint32_t *rows = &slot_rows[to * most_slots + slot];
    uint64_t grad_sum = is_first ? 0 : *grad;
    uint64_t hess_sum = is_first ? 0 : *hess;
    uint32_t rows_sum = is_first ? 0 : *rows;
    for (int32_t t = 0; t < n; t++) {
        const int64_t from = task[t].histogram;
        grad_sum += sums[from * 2 * most_slots + slot];
        hess_sum += sums[(from * 2 + 1) * most_slots + slot];
        rows_sum += slot_rows[from * most_slots + slot];
    }
    *grad = grad_sum;
    *hess = hess_sum;
    *rows = rows_sum;
}

/* ---- Host ------------------------------------------------------------------------------------ */

/* Rows of a tile: enough tiles for all multiprocessors, but not so few rows that the block's fold
 * outweighs them, nor more than its words can hold. */
static int64_t tile_rows_of(const gbt_backend *b, int64_t n_rows, int64_t n_per_tile)
{
    const int64_t n_blocks = static_cast<int64_t>(b->device->n_processors) * GBT_CUDA_TILES;
    const int64_t rows = gbt_cuda_parts_of(n_rows * n_per_tile, n_blocks);
    const int64_t least = GBT_CUDA_HISTOGRAM_ROWS;
    const int64_t most = GBT_CUDA_FOLD_ROWS;
    return rows < least ? least : rows > most ? most : rows;
}

static bool counts_rows(const gbt_backend *b)
{
    return b->root_sums.hess_least != b->root_sums.hess_most || b->root_sums.hess_most == 0;
}

gbt_status gbt_cuda_make(gbt_backend *b, const int32_t *node, int32_t n)
{
    if (n == 0 || b->n_columns == 0) {
        return GBT_OK;
    }
    const int32_t n_planes = static_cast<int32_t>(gbt_cuda_parts_of(b->n_columns, GBT_CUDA_LANES));
    const int32_t n_parts = b->quant.is_wide ? 2 : 1;
    const int64_t slot_blocks = gbt_cuda_parts_of(b->n_slots, COPY_THREADS);
    histogram_job *job = NULL;
    histogram_job *device_job = NULL;
    int64_t n_rows = 0;
    int64_t n_tiles = 0;
    int32_t group = 1;
    while (group < b->n_columns && group < GBT_CUDA_LANES) {
        group *= 2;
    }
    for (int32_t i = 0; i < n; i++) {
        n_rows += b->node[node[i]].n;
    }
    const int64_t tile_rows = tile_rows_of(b, n_rows, n_planes * n_parts);
    GBT_TRY(gbt_cuda_mail_of(b, n, &job, &device_job));
    for (int32_t i = 0; i < n; i++) {
        job[i] = {gbt_span_of(b->node[node[i]], tile_rows, &n_tiles), b->node[node[i]].histogram};
    }
    GBT_TRY(gbt_cuda_send_mail(b, job, n * static_cast<int64_t>(sizeof *job)));
    GBT_TRY(GBT_LAUNCH(b->device, clear_slots, n * slot_blocks, COPY_THREADS, 0, device_job,
                       slot_blocks, b->n_slots, b->most_slots, b->sums, b->slot_rows));
    const histogram_rows h = {device_job,
                              n,
                              static_cast<uint32_t>(tile_rows),
                              b->n_columns,
                              n_planes,
                              n_parts,
                              group,
                              counts_rows(b),
                              b->column,
                              b->codes,
                              b->step,
                              {b->packed[0], b->packed[1]},
                              {b->rows[0], b->rows[1]},
                              b->sums,
                              b->slot_rows,
                              b->most_slots};
    const int64_t shared =
        static_cast<int64_t>(b->most_codes) * GBT_CUDA_LANES * 4 * (h.counts_rows ? 3 : 2);
    return GBT_LAUNCH(b->device, add_tiles, n_tiles * n_planes * n_parts, THREADS, shared, h,
                      b->most_codes);
}

gbt_status gbt_cuda_subtract(gbt_backend *b, const int32_t *from, const int32_t *less, int32_t n)
{
    const int64_t slot_blocks = gbt_cuda_parts_of(b->n_slots, COPY_THREADS);
    int32_t *pair = NULL;
    int32_t *device_pair = NULL;
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_cuda_mail_of(b, 2 * static_cast<int64_t>(n), &pair, &device_pair));
    for (int32_t i = 0; i < n; i++) {
        pair[2 * i] = from[i];
        pair[2 * i + 1] = less[i];
    }
    GBT_TRY(gbt_cuda_send_mail(b, pair, 2 * n * static_cast<int64_t>(sizeof *pair)));
    return GBT_LAUNCH(b->device, subtract_slots, n * slot_blocks, COPY_THREADS, 0, device_pair,
                      slot_blocks, b->n_slots, b->most_slots, b->sums, b->slot_rows);
}

gbt_status gbt_cuda_add_up(gbt_backend *b, const gbt_cuda_task *device_task, int32_t n,
                           bool is_first)
{
    return GBT_LAUNCH(b->device, add_up_slots, gbt_cuda_parts_of(b->n_slots, COPY_THREADS),
                      COPY_THREADS, 0, device_task, n, b->n_slots, b->most_slots, b->n_pool,
                      is_first, b->sums, b->slot_rows);
}
