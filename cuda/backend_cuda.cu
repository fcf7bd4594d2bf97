/* The training backend of a device: owns the buffers and wires the files beside it into the vtable
 * of gbt/backend/backend.h. All memory is taken in open. README.md in this folder tells the
 * design. */
#include "cuda/kernel.cuh"
#include "cuda/training.cuh"

enum { COPY_THREADS = 256 };

/* ---- Open and close -------------------------------------------------------------------------- */

/* columns [n_columns x n_rows] from codes [n_rows x step]. */
GBT_KERNEL copy_columns(const uint8_t *codes, int64_t step, int64_t n_rows, int32_t n_columns,
                        uint8_t *columns)
{
    const int64_t row = gbt_grid_thread();
    for (int32_t c = 0; row < n_rows && c < n_columns; c++) {
        columns[c * n_rows + row] = codes[row * step + c];
    }
}

/* The bin matrix in blocks of rows, each put to the device's step first. */
static gbt_status send_codes(gbt_backend *b)
{
    const gbt_bins *bins = &b->data->bins;
    const int64_t block_rows = 1 + (static_cast<int64_t>(4) << 20) / b->step;
    const int64_t most = b->n_rows < block_rows ? b->n_rows : block_rows;
    uint8_t *block = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY(gbt_host_new(&block, most * b->step));
    for (int64_t first = 0; first < b->n_rows && status == GBT_OK; first += most) {
        const int64_t n = b->n_rows - first < most ? b->n_rows - first : most;
        for (int64_t i = 0; i < n; i++) {
            memcpy(block + i * b->step, bins->base + (first + i) * bins->row_step,
                   static_cast<size_t>(bins->n_columns));
        }
        status = gbt_device_send(b->device, b->codes + first * b->step, block, n * b->step);
    }
    gbt_release(block);
    GBT_TRY(status);
    return GBT_LAUNCH(b->device, copy_columns, gbt_cuda_parts_of(b->n_rows, COPY_THREADS),
                      COPY_THREADS, 0, b->codes, b->step, b->n_rows, bins->n_columns, b->columns);
}

static gbt_status send_data(gbt_backend *b, const float *target, const float *weight)
{
    const int64_t n_labels = gbt_objective_labels(b->objective);
    const int64_t n_features = b->data->cuts->n_features;
    const int64_t cells = b->n_rows * b->n_outputs * 4;
    GBT_TRY(send_codes(b));
    GBT_TRY(gbt_device_send(b->device, b->place, b->data->bins.place,
                            n_features * static_cast<int64_t>(sizeof *b->place)));
    GBT_TRY(gbt_device_send(b->device, b->n_bins, b->data->cuts->n_bins, n_features * 4));
    GBT_TRY(gbt_device_send(b->device, b->target, target, b->n_rows * n_labels * 4));
    if (weight != NULL) {
        GBT_TRY(gbt_device_send(b->device, b->weight, weight, b->n_rows * 4));
    }
    GBT_TRY(gbt_device_clear(b->device, b->scores, cells));
    GBT_TRY(gbt_device_clear(b->device, b->grad, cells));
    GBT_TRY(gbt_device_clear(b->device, b->hess, cells));
    return gbt_device_wait(b->device);
}

static void cuda_close(gbt_backend *b)
{
    if (b != NULL) {
        gbt_cuda_release_memory(b);
        gbt_device_close(b->device);
        gbt_release(b);
    }
}

/* What the kernels cannot hold. */
static gbt_status check_shape(const gbt_dataset *data)
{
    if (data->n_rows > static_cast<int64_t>(UINT32_MAX) - GBT_CUDA_TILE_ROWS) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "training set: %lld rows; backend cuda holds at most %lld",
                        static_cast<long long>(data->n_rows),
                        static_cast<long long>(UINT32_MAX) - GBT_CUDA_TILE_ROWS);
    }
    if (gbt_cuda_most_slots(data) > INT32_MAX / 2) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "training set: %lld bins in all columns; backend cuda holds at most %d",
                        static_cast<long long>(gbt_cuda_most_slots(data)), INT32_MAX / 2);
    }
    return GBT_OK;
}

static gbt_status check_device(const gbt_device *device)
{
    const int64_t needed = static_cast<int64_t>(3) * GBT_CUDA_CODES * GBT_CUDA_LANES * 4;
    if (device->most_shared_bytes < needed) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "device %d: %lld bytes of shared memory a block; training needs %lld",
                        static_cast<int>(device->number),
                        static_cast<long long>(device->most_shared_bytes),
                        static_cast<long long>(needed));
    }
    return GBT_OK;
}

static gbt_status open_device(gbt_backend *b, const float *target, const float *weight)
{
    GBT_TRY(gbt_device_open(b->config.device, &b->device));
    GBT_TRY(check_device(b->device));
    GBT_TRY(gbt_cuda_take_memory(b));
    return send_data(b, target, weight);
}

static gbt_status cuda_open(const gbt_backend_config *config, const gbt_dataset *data,
                            const gbt_objective *objective, const float *target,
                            const float *weight, gbt_backend **out)
{
    gbt_backend *b = NULL;
    *out = NULL;
    assert(config->max_nodes >= 1 && config->min_child_samples >= 1);
    GBT_TRY(check_shape(data));
    GBT_TRY(gbt_host_new(&b, 1));
    gbt_cuda_size_up(b, config, data, objective->n_outputs);
    b->objective = objective;
    b->has_weight = weight != NULL;
    b->renews = objective->renews_leaves;
    const gbt_status status = open_device(b, target, weight);
    if (status != GBT_OK) {
        cuda_close(b);
        return status;
    }
    *out = b;
    return GBT_OK;
}

/* ---- Scores and gradients -------------------------------------------------------------------- */

static int64_t cell_bytes(const gbt_backend *b)
{
    return b->n_rows * b->n_outputs * 4;
}

static gbt_status cuda_set_scores(gbt_backend *b, const float *scores)
{
    GBT_TRY(gbt_device_send(b->device, b->scores, scores, cell_bytes(b)));
    return gbt_cuda_wait(b);
}

static gbt_status cuda_scores(gbt_backend *b, float *out)
{
    GBT_TRY(gbt_device_fetch(b->device, out, b->scores, cell_bytes(b)));
    return gbt_cuda_wait(b);
}

static gbt_status cuda_set_gradients(gbt_backend *b, const float *grad, const float *hess)
{
    GBT_TRY(gbt_device_send(b->device, b->grad, grad, cell_bytes(b)));
    GBT_TRY(gbt_device_send(b->device, b->hess, hess, cell_bytes(b)));
    return gbt_cuda_wait(b);
}

static int32_t cuda_batch(int32_t)
{
    return GBT_CUDA_BATCH;
}

/* In the order of gbt_backend_ops. */
extern "C" const gbt_backend_ops gbt_backend_cuda = {
    "cuda",
    cuda_batch,
    gbt_cuda_bytes,
    gbt_cuda_device_bytes,
    cuda_open,
    cuda_close,
    cuda_set_scores,
    cuda_scores,
    gbt_cuda_gradients,
    cuda_set_gradients,
    gbt_cuda_begin_tree,
    gbt_cuda_build,
    gbt_cuda_search,
    gbt_cuda_discard,
    gbt_cuda_split_rows,
    gbt_cuda_renew,
    gbt_cuda_end_tree,
};
