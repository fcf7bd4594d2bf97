/* Leaves renewed by the weighted quantile of their rows' residuals: the result of
 * gbt_weighted_quantile, from a sort of (leaf, residual) and prefix sums of the whole weights. Sums
 * of integers do not depend on the order of equal residuals.
 *
 * Cost: a radix sort of 12 bytes a row and a prefix sum; then two searches a leaf. */
#include "cuda/collect.cuh"
#include "cuda/spans.cuh"

enum { THREADS = 256, TILE_ROWS = 4 * THREADS };

/* ---- Kernels --------------------------------------------------------------------------------- */

struct residual_job {
    gbt_cuda_span span;
    int32_t leaf;
};

struct residual_rows {
    const residual_job *job;
    int32_t n_jobs;
    bool is_mape;
    const uint32_t *rows[2];
    const float *target, *scores, *weight; /* [n_rows] */
    uint64_t *keys;                        /* leaf, then the residual's bits in order */
    uint32_t *payload;                     /* bits of the weight */
    uint32_t *leaf_most;
};

/* Rows of one leaf among the sorted ones. */
struct leaf_range {
    int64_t first, n;
    double scale; /* makes whole numbers of the weights */
};

GBT_DEVICE uint32_t ordered_bits(float value)
{
    const uint32_t bits = gbt_f32_bits(value);
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

GBT_DEVICE float value_of_key(uint64_t key)
{
    const uint32_t bits = static_cast<uint32_t>(key);
    return gbt_f32_of_bits(bits ^ (bits >> 31 ? 0x80000000u : 0xffffffffu));
}

GBT_KERNEL write_residuals(residual_rows r)
{
    const residual_job job = r.job[gbt_job_of_tile(r.job, r.n_jobs, gbt_block())];
    const uint32_t *rows = job.span.buffer == 0 ? r.rows[0] : r.rows[1];
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t most = 0; /* bits of weights, which are not negative */
    gbt_rows_of_tile(job.span, gbt_block(), TILE_ROWS, &first, &last);
    for (uint32_t at = first + gbt_thread(); at < last; at += THREADS) {
        const uint32_t row = rows[at];
        const float label = r.target[row];
        const float weight =
            (r.is_mape ? gbt_mape_scale(label) : 1.0f) * (r.weight != NULL ? r.weight[row] : 1.0f);
        r.keys[at] = static_cast<uint64_t>(job.leaf) << 32 | ordered_bits(label - r.scores[row]);
        r.payload[at] = gbt_f32_bits(weight);
        most = r.payload[at] > most ? r.payload[at] : most;
    }
    most = gbt_warp_max(most);
    if (gbt_lane() == 0) {
        gbt_atomic_max(&r.leaf_most[job.leaf], most);
    }
}

GBT_KERNEL write_whole_weights(const uint64_t *keys, const uint32_t *payload, int64_t n,
                               const leaf_range *ranges, uint64_t *whole)
{
    const int64_t i = gbt_grid_thread();
    if (i < n) {
        const double weight = static_cast<double>(gbt_f32_of_bits(payload[i]));
        whole[i] =
            static_cast<uint64_t>(static_cast<int64_t>(weight * ranges[keys[i] >> 32].scale));
    }
}

/* The sorted rows of one leaf, with prefix sums of their weights; when these are all 0 each row
 * weighs 1. */
struct leaf_rows {
    const uint64_t *keys, *whole; /* of the leaf's first row */
    uint64_t before;
    bool are_equal;
};

GBT_DEVICE int64_t weight_up_to(const leaf_rows &rows, int64_t i)
{
    return rows.are_equal ? i + 1 : static_cast<int64_t>(rows.whole[i] - rows.before);
}

/* The first row of [first, n) up to which there is at least `weight`; n: none. */
GBT_DEVICE int64_t row_of_weight(const leaf_rows &rows, int64_t first, int64_t n, int64_t weight)
{
    while (first < n) {
        const int64_t middle = first + (n - first) / 2;
        if (weight_up_to(rows, middle) >= weight) {
            n = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* The first row behind `first` with a larger value; n: none. */
GBT_DEVICE int64_t row_above(const leaf_rows &rows, int64_t first, int64_t n)
{
    const float value = value_of_key(rows.keys[first]);
    while (first < n) {
        const int64_t middle = first + (n - first) / 2;
        if (value_of_key(rows.keys[middle]) > value) {
            n = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

GBT_DEVICE double quantile_of(const leaf_rows &rows, int64_t n, double level)
{
    const int64_t total = weight_up_to(rows, n - 1);
    const double reach = level * static_cast<double>(total);
    int64_t target = static_cast<int64_t>(ceil(reach));
    target = target < 1 ? 1 : (target > total ? total : target);
    const int64_t at = row_of_weight(rows, 0, n, target);
    const double value = static_cast<double>(value_of_key(rows.keys[at]));
    const int64_t above = row_above(rows, at, n);
    if (static_cast<double>(target) != reach || weight_up_to(rows, above - 1) != target) {
        return value;
    }
    const int64_t next = row_of_weight(rows, above, n, target + 1);
    return next < n ? 0.5 * (value + static_cast<double>(value_of_key(rows.keys[next])))
                    : 0.5 * (value + value);
}

GBT_KERNEL write_quantiles(const leaf_range *ranges, int32_t n_leaves, const uint64_t *keys,
                           const uint64_t *whole, double level, float *out)
{
    const int64_t leaf = gbt_grid_thread();
    if (leaf >= n_leaves) {
        return;
    }
    const leaf_range range = ranges[leaf];
    if (range.n == 0) {
        out[leaf] = 0.0f;
        return;
    }
    leaf_rows rows = {keys + range.first, whole + range.first,
                      range.first > 0 ? whole[range.first - 1] : 0, false};
    rows.are_equal = rows.whole[range.n - 1] == rows.before;
    out[leaf] = static_cast<float>(quantile_of(rows, range.n, level));
}

/* ---- Host ------------------------------------------------------------------------------------ */

static gbt_status send_residuals(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                                 leaf_range *range)
{
    const bool has_classes = b->objective->n_classes > 0;
    residual_job *job = NULL;
    residual_job *device_job = NULL;
    int64_t n_tiles = 0;
    int32_t n = 0;
    GBT_TRY(gbt_cuda_mail_of(b, b->config.max_nodes, &job, &device_job));
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (b->node[i].is_open && b->node[i].n > 0) {
            job[n++] = {gbt_span_of(b->node[i], TILE_ROWS, &n_tiles), leaf_of_node[i]};
            range[leaf_of_node[i]].n += b->node[i].n;
        }
    }
    GBT_TRY(gbt_cuda_send_mail(b, job, n * static_cast<int64_t>(sizeof *job)));
    const residual_rows r = {device_job,
                             n,
                             b->objective->loss.kind == GBT_LOSS_MAPE,
                             {b->rows[0], b->rows[1]},
                             has_classes ? b->target : b->target + output * b->n_rows,
                             b->scores + output * b->n_rows,
                             b->weight,
                             b->keys[0],
                             b->payload[0],
                             b->leaf_most};
    return GBT_LAUNCH(b->device, write_residuals, n_tiles, THREADS, 0, r);
}

/* As gbt_weighted_quantile scales the weights of n rows. */
static double scale_of(int64_t n, float largest)
{
    int size_bits = 0;
    int weight_bits = 0;
    (void)frexp(static_cast<double>(n), &size_bits);
    (void)frexp(static_cast<double>(largest), &weight_bits);
    return ldexp(1.0, 62 - size_bits - weight_bits);
}

static int32_t bits_of(int32_t n)
{
    int32_t bits = 0;
    while (bits < 31 && (1 << bits) < n) {
        bits++;
    }
    return bits;
}

/* range [n_leaves] zeroed. */
static gbt_status renew(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                        int32_t n_leaves, leaf_range *range, float *out)
{
    const int64_t n = b->sample.n_rows;
    const void *answer = NULL;
    leaf_range *sent = NULL;
    leaf_range *device_range = NULL;
    GBT_TRY(gbt_device_clear(b->device, b->leaf_most, n_leaves * static_cast<int64_t>(4)));
    GBT_TRY(send_residuals(b, output, leaf_of_node, range));
    GBT_TRY(gbt_collect_sort(b->device, b->scratch, b->scratch_bytes, b->keys[0], b->keys[1],
                             b->payload[0], b->payload[1], n, 32 + bits_of(n_leaves)));
    GBT_TRY(gbt_cuda_answer(b, b->leaf_most, n_leaves * static_cast<int64_t>(4), &answer));
    for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
        const float largest = gbt_f32_of_bits(static_cast<const uint32_t *>(answer)[leaf]);
        range[leaf].scale = scale_of(range[leaf].n, largest);
        range[leaf].first = leaf > 0 ? range[leaf - 1].first + range[leaf - 1].n : 0;
    }
    GBT_TRY(gbt_cuda_mail_of(b, n_leaves, &sent, &device_range));
    memcpy(sent, range, static_cast<size_t>(n_leaves) * sizeof *sent);
    GBT_TRY(gbt_cuda_send_mail(b, sent, n_leaves * static_cast<int64_t>(sizeof *sent)));
    GBT_TRY(GBT_LAUNCH(b->device, write_whole_weights, gbt_cuda_parts_of(n, THREADS), THREADS, 0,
                       b->keys[1], b->payload[1], n, device_range, b->whole));
    GBT_TRY(gbt_collect_prefix(b->device, b->scratch, b->scratch_bytes, b->whole, b->whole, n));
    GBT_TRY(GBT_LAUNCH(b->device, write_quantiles, gbt_cuda_parts_of(n_leaves, THREADS), THREADS, 0,
                       device_range, n_leaves, b->keys[1], b->whole, b->objective->renew_level,
                       b->leaf_value));
    GBT_TRY(gbt_cuda_answer(b, b->leaf_value, n_leaves * static_cast<int64_t>(4), &answer));
    memcpy(out, answer, static_cast<size_t>(n_leaves) * sizeof *out);
    return GBT_OK;
}

gbt_status gbt_cuda_renew(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                          int32_t n_leaves, float *out)
{
    leaf_range *range = NULL;
    GBT_TRY(gbt_host_new(&range, n_leaves));
    const gbt_status status = renew(b, output, leaf_of_node, n_leaves, range, out);
    gbt_release(range);
    return status;
}
