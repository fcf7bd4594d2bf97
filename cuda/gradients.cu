/* Gradient pairs of all outputs; their largest values and sums of squares; the fixed-point numbers
 * of a tree's rows and what follows from them: root sums, row numbers, the tree's columns.
 *
 * Cost: gradients 4 (2 + 3 outputs) bytes a row; measure 8 bytes; quantise 16 bytes. Bound by
 * memory. */
#include "cuda/kernel.cuh"
#include "cuda/training.cuh"

enum { THREADS = 256, LANES_OF_CHUNK = 2 * GBT_QUANT_LANES };

/* ---- Kernels --------------------------------------------------------------------------------- */

struct gradient_rows {
    gbt_loss loss;
    int64_t n_rows;
    int32_t n_outputs, n_classes;
    const float *scores, *target, *weight;
    float *grad, *hess;
};

GBT_DEVICE void pairs_of_output(const gradient_rows &r, int64_t row, int32_t k)
{
    const int64_t cell = k * r.n_rows + row;
    const float own = r.target[r.n_classes > 0 ? row : cell];
    const float label =
        r.loss.kind == GBT_LOSS_ONE_VS_ALL ? (own == static_cast<float>(k) ? 1.0f : 0.0f) : own;
    gbt_gpair pair = gbt_loss_gpair(&r.loss, r.scores[cell], label);
    if (r.weight != NULL) {
        pair.grad *= r.weight[row];
        pair.hess *= r.weight[row];
    }
    r.grad[cell] = pair.grad;
    r.hess[cell] = pair.hess;
}

GBT_KERNEL gradients_of_rows(gradient_rows r)
{
    const int64_t row = gbt_grid_thread();
    if (row >= r.n_rows) {
        return;
    }
    if (r.loss.kind == GBT_LOSS_SOFTMAX) {
        gbt_softmax_row_gpairs(r.scores + row, r.n_rows, r.n_outputs, r.target[row],
                               r.weight != NULL ? r.weight[row] : 1.0f, r.grad + row, r.hess + row);
        return;
    }
    for (int32_t k = 0; k < r.n_outputs; k++) {
        pairs_of_output(r, row, k);
    }
}

/* Eight lanes add up the gradients of a chunk and eight its hessians, in the order of
 * gbt_quant_squares. */
GBT_KERNEL measure_chunks(const float *grad, const float *hess, int64_t n_rows, int64_t n_chunks,
                          gbt_cuda_measure *out)
{
    const int64_t chunk = gbt_grid_thread() / LANES_OF_CHUNK;
    const uint32_t which = gbt_thread() / GBT_QUANT_LANES % 2;
    const int64_t first = chunk * GBT_QUANT_CHUNK;
    const int64_t last = first + GBT_QUANT_CHUNK < n_rows ? first + GBT_QUANT_CHUNK : n_rows;
    const float *x = which == 0 ? grad : hess;
    double squares = 0.0;
    uint32_t most = 0;
    uint32_t is_bad = 0;
    for (int64_t i = first + gbt_thread() % GBT_QUANT_LANES; i < last; i += GBT_QUANT_LANES) {
        const float value = x[i];
        const uint32_t size = gbt_f32_bits(value) & 0x7fffffffu;
        squares += static_cast<double>(value) * static_cast<double>(value);
        most = size > most ? size : most;
        is_bad |= size >= 0x7f800000u || (which == 1 && value < 0.0f);
    }
    const uint32_t leader = gbt_lane() / GBT_QUANT_LANES * GBT_QUANT_LANES;
    double sum = 0.0;
    for (uint32_t lane = leader; lane < leader + GBT_QUANT_LANES; lane++) {
        const uint32_t other = gbt_shuffle(most, lane);
        sum += gbt_shuffle(squares, lane);
        most = other > most ? other : most;
        is_bad |= gbt_shuffle(is_bad, lane);
    }
    is_bad |= gbt_shuffle_xor(is_bad, GBT_QUANT_LANES);
    if (chunk < n_chunks && gbt_lane() == leader) {
        out[chunk].squares[which] = sum;
        out[chunk].most[which] = most;
        out[chunk].is_bad = is_bad; /* both write the same */
    }
}

struct quantise_rows {
    gbt_quant quant;
    int64_t n;              /* sampled rows */
    const uint32_t *chosen; /* [n] or NULL: all */
    const float *grad, *hess;
    uint32_t *packed[2], *rows, *sampled;
    gbt_cuda_root *root;
};

/* 16-bit halves (gradient low, hessian high) of a wide pair: value = high * 2^16 + low. */
GBT_DEVICE void pack_wide(int32_t grad, int32_t hess, uint32_t *low, uint32_t *high)
{
    const int32_t grad_low = static_cast<int16_t>(static_cast<uint32_t>(grad) & 0xffffu);
    const int32_t grad_high = (grad - grad_low) / 65536;
    *low = (static_cast<uint32_t>(grad_low) & 0xffffu) | static_cast<uint32_t>(hess) << 16;
    *high =
        (static_cast<uint32_t>(grad_high) & 0xffffu) | (static_cast<uint32_t>(hess) & 0xffff0000u);
}

GBT_KERNEL quantise_sampled(quantise_rows q)
{
    int64_t grad_sum = 0;
    int64_t hess_sum = 0;
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (int64_t i = gbt_grid_thread(); i < q.n; i += gbt_grid_threads()) {
        const uint32_t row = q.chosen != NULL ? q.chosen[i] : static_cast<uint32_t>(i);
        int32_t grad = 0;
        int32_t hess = 0;
        gbt_quant_row(&q.quant, q.grad[row], q.hess[row], row, &grad, &hess);
        if (q.quant.is_wide) {
            pack_wide(grad, hess, &q.packed[0][row], &q.packed[1][row]);
        } else {
            q.packed[0][row] = (static_cast<uint32_t>(grad) & 0xffffu) | static_cast<uint32_t>(hess)
                                                                             << 16;
        }
        q.rows[i] = row;
        if (q.chosen != NULL) {
            gbt_atomic_or(&q.sampled[row / 32], 1u << (row % 32));
        }
        grad_sum += grad;
        hess_sum += hess;
        least = static_cast<uint32_t>(hess) < least ? static_cast<uint32_t>(hess) : least;
        most = static_cast<uint32_t>(hess) > most ? static_cast<uint32_t>(hess) : most;
    }
    grad_sum = gbt_warp_sum(grad_sum);
    hess_sum = gbt_warp_sum(hess_sum);
    least = gbt_warp_min(least);
    most = gbt_warp_max(most);
    if (gbt_lane() == 0) {
        gbt_atomic_add(&q.root->grad, static_cast<uint64_t>(grad_sum));
        gbt_atomic_add(&q.root->hess, static_cast<uint64_t>(hess_sum));
        gbt_atomic_min(&q.root->hess_least, least);
        gbt_atomic_max(&q.root->hess_most, most);
    }
}

/* ---- Host ------------------------------------------------------------------------------------ */

gbt_status gbt_cuda_gradients(gbt_backend *b)
{
    const gradient_rows r = {
        b->objective->loss, b->n_rows, b->n_outputs, b->objective->n_classes, b->scores, b->target,
        b->weight,          b->grad,   b->hess};
    return GBT_LAUNCH(b->device, gradients_of_rows, gbt_cuda_parts_of(b->n_rows, THREADS), THREADS,
                      0, r);
}

/* Names the first bad row of a bad chunk. */
static gbt_status refuse(gbt_backend *b, int32_t round, int32_t output, int64_t chunk)
{
    const int64_t first = chunk * GBT_QUANT_CHUNK;
    const int64_t rest = b->n_rows - first;
    const int64_t n = rest < GBT_QUANT_CHUNK ? rest : static_cast<int64_t>(GBT_QUANT_CHUNK);
    const int64_t at = output * b->n_rows + first;
    float grad[GBT_QUANT_CHUNK];
    float hess[GBT_QUANT_CHUNK];
    int64_t i = 0;
    GBT_TRY(gbt_device_fetch(b->device, grad, b->grad + at, n * 4));
    GBT_TRY(gbt_device_fetch(b->device, hess, b->hess + at, n * 4));
    GBT_TRY(gbt_cuda_wait(b));
    while (i < n - 1 && (gbt_f32_bits(grad[i]) & 0x7fffffffu) < 0x7f800000u &&
           (gbt_f32_bits(hess[i]) & 0x7fffffffu) < 0x7f800000u && !(hess[i] < 0.0f)) {
        i++;
    }
    return gbt_fail(
        GBT_ERR_NUMERIC,
        "round %d, output %d, row %lld: gradient %g, hessian %g; both must be finite and "
        "the hessian not negative",
        static_cast<int>(round), static_cast<int>(output), static_cast<long long>(first + i),
        static_cast<double>(grad[i]), static_cast<double>(hess[i]));
}

/* The tree's unit; ERR_NUMERIC names the first bad row. */
static gbt_status choose_quant(gbt_backend *b, int32_t round, int32_t output)
{
    const int64_t at = output * b->n_rows;
    const void *answer = NULL;
    GBT_TRY(GBT_LAUNCH(b->device, measure_chunks,
                       gbt_cuda_parts_of(b->n_chunks * LANES_OF_CHUNK, THREADS), THREADS, 0,
                       b->grad + at, b->hess + at, b->n_rows, b->n_chunks, b->measure));
    GBT_TRY(gbt_cuda_answer(b, b->measure,
                            b->n_chunks * static_cast<int64_t>(sizeof(gbt_cuda_measure)), &answer));
    const gbt_cuda_measure *measure = static_cast<const gbt_cuda_measure *>(answer);
    double squares[2] = {0.0, 0.0};
    uint32_t most[2] = {0, 0};
    for (int64_t chunk = 0; chunk < b->n_chunks; chunk++) {
        if (measure[chunk].is_bad) {
            return refuse(b, round, output, chunk);
        }
        for (int which = 0; which < 2; which++) {
            const uint32_t own = measure[chunk].most[which];
            squares[which] += measure[chunk].squares[which];
            most[which] = own > most[which] ? own : most[which];
        }
    }
    const float grad_most = gbt_f32_of_bits(most[0]);
    const float hess_most = gbt_f32_of_bits(most[1]);
    const uint64_t key = gbt_rng_key(b->config.seed, static_cast<uint64_t>(round),
                                     static_cast<uint64_t>(output), GBT_RNG_ROUNDING);
    const int32_t bits = gbt_quant_bits(b->config.gradient_bits, grad_most, squares[0], hess_most,
                                        squares[1], b->n_rows);
    b->quant = gbt_quant_make(grad_most, hess_most, bits, b->config.rounds_to_nearest,
                              static_cast<uint32_t>(key));
    return GBT_OK;
}

static bool is_sampled_feature(const gbt_sample *sample, int32_t feature)
{
    return sample->features == NULL || gbt_set_has(sample->features, feature);
}

/* Columns and features of the tree, and where their slots are. */
static gbt_status lay_out(gbt_backend *b)
{
    const gbt_dataset *data = b->data;
    int32_t most_bins = 0;
    b->n_columns = b->n_features = b->n_slots = b->most_codes = 0;
    for (int32_t c = 0; c < data->bins.n_columns; c++) {
        b->column_of[c] = -1;
    }
    for (int32_t f = 0; f < data->cuts->n_features; f++) {
        if (!is_sampled_feature(&b->sample, f)) {
            continue;
        }
        const gbt_bin_place place = data->bins.place[f];
        const int32_t n_codes = data->bins.n_codes[place.column];
        const int32_t n_bins = data->cuts->n_bins[f];
        if (b->column_of[place.column] < 0) {
            b->column_of[place.column] = b->n_columns;
            b->host_column[b->n_columns++] = {place.column, n_codes, b->n_slots};
            b->n_slots += n_codes;
            b->most_codes = n_codes > b->most_codes ? n_codes : b->most_codes;
        }
        b->host_feature[b->n_features++] = {f, b->host_column[b->column_of[place.column]].slot,
                                            n_bins, data->cuts->is_categorical[f] != 0, place};
        most_bins = n_bins > most_bins ? n_bins : most_bins;
    }
    b->search_threads = (most_bins + 1 + 31) / 32 * 32;
    GBT_TRY(gbt_device_send(b->device, b->column, b->host_column,
                            b->n_columns * static_cast<int64_t>(sizeof *b->column)));
    return gbt_device_send(b->device, b->feature, b->host_feature,
                           b->n_features * static_cast<int64_t>(sizeof *b->feature));
}

/* Node 0: row numbers, packed gradients, sums. */
static gbt_status quantise(gbt_backend *b, int32_t output)
{
    const gbt_cuda_root start = {0, 0, UINT32_MAX, 0};
    const int64_t at = output * b->n_rows;
    const bool has_rows = b->sample.rows != NULL;
    const quantise_rows q = {b->quant,     b->sample.n_rows, has_rows ? b->rows[1] : NULL,
                             b->grad + at, b->hess + at,     {b->packed[0], b->packed[1]},
                             b->rows[0],   b->sampled,       b->root};
    const int64_t most_blocks = static_cast<int64_t>(b->device->n_processors) * 8;
    const int64_t blocks = gbt_cuda_parts_of(q.n, THREADS);
    const void *answer = NULL;
    GBT_TRY(gbt_device_send(b->device, b->root, &start, sizeof start));
    if (has_rows) {
        GBT_TRY(gbt_device_clear(b->device, b->sampled, (b->n_rows / 32 + 1) * 4));
        GBT_TRY(gbt_device_send(b->device, b->rows[1], b->sample.rows, q.n * 4));
    }
    GBT_TRY(GBT_LAUNCH(b->device, quantise_sampled, blocks < most_blocks ? blocks : most_blocks,
                       THREADS, 0, q));
    GBT_TRY(gbt_cuda_answer(b, b->root, sizeof *b->root, &answer));
    memcpy(&b->root_sums, answer, sizeof b->root_sums);
    return GBT_OK;
}

gbt_status gbt_cuda_begin_tree(gbt_backend *b, int32_t round, int32_t output,
                               const gbt_sample *sample, gbt_root *root)
{
    b->sample = *sample;
    if (sample->rows == NULL) {
        b->sample.n_rows = b->n_rows;
    }
    GBT_TRY(choose_quant(b, round, output));
    GBT_TRY(lay_out(b));
    GBT_TRY(quantise(b, output));
    memset(root, 0, sizeof *root);
    root->sum.grad = static_cast<int64_t>(b->root_sums.grad);
    root->sum.hess = static_cast<int64_t>(b->root_sums.hess);
    root->n_rows = b->sample.n_rows;
    root->quant = b->quant;
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        b->node[i] = {0, 0, 0, -1, false};
    }
    b->node[0] = {0, static_cast<uint32_t>(b->sample.n_rows), 0, -1, true};
    gbt_cuda_pool_reset(b);
    return GBT_OK;
}
