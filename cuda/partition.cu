/* Rows of a node to its children: row numbers only. A block takes a tile of the node's rows, tests
 * each code against a set of the codes that go left, counts by ballots, reserves room at both ends
 * of the node's range in the other buffer with one atomic addition each, and writes. The order
 * within a child is arbitrary; integer sums do not notice.
 *
 * Cost a row: 4 bytes of row number in and out, and the code: 1 byte while the rows of a node lie
 * close to each other, a sector of 32 bytes later. */
#include "cuda/spans.cuh"

enum { THREADS = GBT_CUDA_CODES, PER_THREAD = GBT_CUDA_TILE_ROWS / THREADS };

static_assert(GBT_CUDA_TILE_ROWS % THREADS == 0, "a block works in whole rounds");

/* ---- Kernels --------------------------------------------------------------------------------- */

struct partition_job {
    gbt_cuda_span span; /* of the node */
    gbt_split split;
    gbt_bin_place place;
    int32_t n_bins;
};

/* Shared memory of a block. */
struct partition_room {
    uint32_t left_codes[GBT_CUDA_CODES / 32];
    uint32_t n_left[THREADS / GBT_WARP], n_right[THREADS / GBT_WARP]; /* then: where they go */
};

/* Turns the warps' counts into places, and reserves them. One thread. */
GBT_DEVICE void reserve(partition_room *room, const gbt_cuda_span &span, uint32_t *counters)
{
    uint32_t n_left = 0;
    uint32_t n_right = 0;
    for (uint32_t warp = 0; warp < THREADS / GBT_WARP; warp++) {
        const uint32_t left = room->n_left[warp];
        const uint32_t right = room->n_right[warp];
        room->n_left[warp] = n_left;
        room->n_right[warp] = n_right;
        n_left += left;
        n_right += right;
    }
    const uint32_t at_left = span.first + gbt_atomic_add(&counters[0], n_left);
    const uint32_t at_right = span.first + span.n - gbt_atomic_add(&counters[1], n_right) - n_right;
    for (uint32_t warp = 0; warp < THREADS / GBT_WARP; warp++) {
        room->n_left[warp] += at_left;
        room->n_right[warp] += at_right;
    }
}

/* counters [2 x n_jobs]: rows that went left and right so far. */
GBT_KERNEL split_tiles(const partition_job *jobs, int32_t n_jobs, const uint8_t *columns,
                       int64_t n_rows, uint32_t *rows_0, uint32_t *rows_1, uint32_t *counters)
{
    GBT_SHARED(partition_room, room);
    const int32_t number = gbt_job_of_tile(jobs, n_jobs, gbt_block());
    const partition_job *job = &jobs[number];
    const uint32_t *from = job->span.buffer == 0 ? rows_0 : rows_1;
    uint32_t *to = job->span.buffer == 0 ? rows_1 : rows_0;
    const uint8_t *codes = columns + job->place.column * n_rows;
    const uint32_t warp = gbt_thread() / GBT_WARP;
    const uint32_t below = (1u << gbt_lane()) - 1; /* lanes below this one */
    const int32_t code = static_cast<int32_t>(gbt_thread());
    const uint32_t goes = gbt_ballot(
        gbt_split_goes_left(&job->split, gbt_bin_of_code(&job->place, code), job->n_bins));
    uint32_t first = 0;
    uint32_t last = 0;
    gbt_rows_of_tile(job->span, gbt_block(), GBT_CUDA_TILE_ROWS, &first, &last);
    if (gbt_lane() == 0) {
        room->left_codes[warp] = goes;
    }
    gbt_barrier();
    uint32_t row[PER_THREAD] = {};
    uint32_t left_lanes[PER_THREAD];
    uint32_t right_lanes[PER_THREAD];
    uint32_t n_left = 0;
    uint32_t n_right = 0;
    GBT_UNROLL
    for (uint32_t k = 0; k < PER_THREAD; k++) {
        const uint32_t at = first + k * THREADS + gbt_thread();
        bool is_left = false;
        if (at < last) {
            row[k] = from[at];
            const uint32_t own = codes[row[k]];
            is_left = (room->left_codes[own / 32] >> (own % 32)) & 1u;
        }
        left_lanes[k] = gbt_ballot(is_left);
        right_lanes[k] = gbt_ballot(at < last && !is_left);
        n_left += gbt_count_bits(left_lanes[k]);
        n_right += gbt_count_bits(right_lanes[k]);
    }
    if (gbt_lane() == 0) {
        room->n_left[warp] = n_left;
        room->n_right[warp] = n_right;
    }
    gbt_barrier();
    if (gbt_thread() == 0) {
        reserve(room, job->span, counters + 2 * number);
    }
    gbt_barrier();
    uint32_t at_left = room->n_left[warp];
    uint32_t at_right = room->n_right[warp];
    GBT_UNROLL
    for (uint32_t k = 0; k < PER_THREAD; k++) {
        const uint32_t own = 1u << gbt_lane();
        if (left_lanes[k] & own) {
            to[at_left + gbt_count_bits(left_lanes[k] & below)] = row[k];
        } else if (right_lanes[k] & own) {
            to[at_right + gbt_count_bits(right_lanes[k] & below)] = row[k];
        }
        at_left += gbt_count_bits(left_lanes[k]);
        at_right += gbt_count_bits(right_lanes[k]);
    }
}

/* ---- Host ------------------------------------------------------------------------------------ */

static partition_job job_of(const gbt_backend *b, const gbt_apply *apply, int64_t *n_tiles)
{
    const int32_t feature = apply->split->feature;
    partition_job job;
    job.span = gbt_span_of(b->node[apply->node], GBT_CUDA_TILE_ROWS, n_tiles);
    job.split = *apply->split;
    job.place = b->data->bins.place[feature];
    job.n_bins = b->data->cuts->n_bins[feature];
    return job;
}

gbt_status gbt_cuda_split_rows(gbt_backend *b, const gbt_apply *apply, int32_t n,
                               int64_t *left_rows)
{
    partition_job *job = NULL;
    partition_job *device_job = NULL;
    const void *answer = NULL;
    int64_t n_tiles = 0;
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_cuda_mail_of(b, n, &job, &device_job));
    for (int32_t i = 0; i < n; i++) {
        job[i] = job_of(b, &apply[i], &n_tiles);
    }
    GBT_TRY(gbt_cuda_send_mail(b, job, n * static_cast<int64_t>(sizeof *job)));
    GBT_TRY(gbt_device_clear(b->device, b->counters, n * static_cast<int64_t>(8)));
    GBT_TRY(GBT_LAUNCH(b->device, split_tiles, n_tiles, THREADS, sizeof(partition_room), device_job,
                       n, b->columns, b->n_rows, b->rows[0], b->rows[1], b->counters));
    GBT_TRY(gbt_cuda_answer(b, b->counters, n * static_cast<int64_t>(8), &answer));
    const uint32_t *counters = static_cast<const uint32_t *>(answer);
    for (int32_t i = 0; i < n; i++) {
        gbt_cuda_node *node = &b->node[apply[i].node];
        const uint32_t n_left = counters[2 * i];
        assert(node->is_open && n_left + counters[2 * i + 1] == node->n);
        b->node[apply[i].left] = {node->first, n_left, 1 - node->buffer, -1, true};
        b->node[apply[i].right] = {node->first + n_left, node->n - n_left, 1 - node->buffer, -1,
                                   true};
        node->is_open = false;
        left_rows[i] = n_left;
    }
    return GBT_OK;
}
