/* Sizes and memory of a training backend: device memory, taken in open and counted for estimates
 * by the same lines; page-locked memory for lists that go to the device and for what comes back. */
#include "cuda/collect.cuh"
#include "cuda/training.cuh"

enum { MAIL_BYTES_PER_NODE = 64, ALIGNMENT = 256 };

/* ---- Sizes ----------------------------------------------------------------------------------- */

/* Whole numbers of 4, 8 or 16 bytes, or of sectors of 32. */
static int64_t step_of(int64_t n_columns)
{
    for (int64_t step = 4; step < 32; step *= 2) {
        if (n_columns <= step) {
            return step;
        }
    }
    return (n_columns + 31) / 32 * 32;
}

int64_t gbt_cuda_most_slots(const gbt_dataset *data)
{
    int64_t n = 0;
    for (int32_t c = 0; c < data->bins.n_columns; c++) {
        n += data->bins.n_codes[c];
    }
    return n;
}

/* More than one a leaf is never of use. */
static int64_t pool_size(const gbt_backend_config *config, int64_t n_slots)
{
    const int64_t bytes = n_slots * static_cast<int64_t>(2 * sizeof(uint64_t) + sizeof(uint32_t));
    const int64_t most = config->max_nodes / 2 + 2;
    int64_t n = config->histogram_bytes / (bytes + 1);
    n = n > most ? most : n;
    const int64_t least = GBT_CUDA_LEAST_HISTOGRAMS;
    return n < least ? least : n;
}

static int64_t most_tasks_of(const gbt_backend_config *config, int64_t n_features)
{
    const int64_t n = GBT_CUDA_SEARCHES / (n_features > 0 ? n_features : 1);
    return n < 1 ? 1 : n > config->max_nodes ? config->max_nodes : n;
}

static int64_t mail_bytes_of(const gbt_backend_config *config, const gbt_dataset *data)
{
    const int64_t n_features = data->cuts->n_features;
    const int64_t n_tasks = most_tasks_of(config, n_features);
    return GBT_CUDA_MAIL_BYTES + static_cast<int64_t>(config->max_nodes) * MAIL_BYTES_PER_NODE +
           n_tasks * (n_features / 8 + static_cast<int64_t>(sizeof(gbt_cuda_task)) + 8);
}

static int64_t answer_bytes_of(const gbt_backend *b)
{
    const int64_t of_measure = b->n_chunks * static_cast<int64_t>(sizeof(gbt_cuda_measure));
    const int64_t of_splits = b->most_tasks * static_cast<int64_t>(sizeof(gbt_split));
    const int64_t of_nodes = static_cast<int64_t>(b->config.max_nodes) * 8;
    const int64_t most = of_measure > of_splits ? of_measure : of_splits;
    return (most > of_nodes ? most : of_nodes) + static_cast<int64_t>(sizeof(gbt_cuda_root));
}

void gbt_cuda_size_up(gbt_backend *b, const gbt_backend_config *config, const gbt_dataset *data,
                      int32_t n_outputs)
{
    const int64_t n_slots = gbt_cuda_most_slots(data);
    b->config = *config;
    b->data = data;
    b->n_rows = data->n_rows;
    b->n_chunks = gbt_cuda_parts_of(data->n_rows, GBT_QUANT_CHUNK);
    b->n_outputs = n_outputs;
    b->step = step_of(data->bins.n_columns);
    b->most_slots = static_cast<int32_t>(n_slots);
    b->n_pool = static_cast<int32_t>(pool_size(config, n_slots));
    b->most_tasks = static_cast<int32_t>(most_tasks_of(config, data->cuts->n_features));
    b->mail.bytes = mail_bytes_of(config, data);
    b->answer_bytes = answer_bytes_of(b);
}

/* ---- Device memory --------------------------------------------------------------------------- */

/* Memory for n elements; without a device only counts the bytes. */
template <class T> static gbt_status take(gbt_backend *b, int64_t *bytes, T **out, int64_t n)
{
    void *at = NULL;
    *bytes += (n * static_cast<int64_t>(sizeof(T)) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b->device == NULL) {
        return GBT_OK;
    }
    assert(b->n_blocks < GBT_CUDA_BLOCKS);
    GBT_TRY(gbt_device_new(b->device, n * static_cast<int64_t>(sizeof(T)), &at));
    b->block[b->n_blocks++] = at;
    *out = static_cast<T *>(at);
    return GBT_OK;
}

/* Everything with a size in rows. n_labels: labels a row. */
static gbt_status take_rows(gbt_backend *b, int32_t n_labels, int64_t *bytes)
{
    const int64_t n = b->n_rows;
    GBT_TRY(take(b, bytes, &b->codes, n * b->step));
    GBT_TRY(take(b, bytes, &b->columns, n * b->data->bins.n_columns));
    GBT_TRY(take(b, bytes, &b->target, n * n_labels));
    if (b->has_weight) {
        GBT_TRY(take(b, bytes, &b->weight, n));
    }
    GBT_TRY(take(b, bytes, &b->scores, n * b->n_outputs));
    GBT_TRY(take(b, bytes, &b->grad, n * b->n_outputs));
    GBT_TRY(take(b, bytes, &b->hess, n * b->n_outputs));
    GBT_TRY(take(b, bytes, &b->measure, b->n_chunks));
    for (int i = 0; i < 2; i++) {
        GBT_TRY(take(b, bytes, &b->packed[i], n));
        GBT_TRY(take(b, bytes, &b->rows[i], n));
    }
    return take(b, bytes, &b->sampled, n / 32 + 1);
}

/* Everything with a size in columns, features or nodes. */
static gbt_status take_nodes(gbt_backend *b, int64_t *bytes)
{
    const int64_t n_columns = b->data->bins.n_columns;
    const int64_t n_features = b->data->cuts->n_features;
    const int64_t n_common =
        n_features < GBT_CUDA_COMMON_FEATURES ? n_features : GBT_CUDA_COMMON_FEATURES;
    const int64_t n_histograms = static_cast<int64_t>(b->n_pool) + 1;
    GBT_TRY(take(b, bytes, &b->place, n_features));
    GBT_TRY(take(b, bytes, &b->n_bins, n_features));
    GBT_TRY(take(b, bytes, &b->root, 1));
    GBT_TRY(take(b, bytes, &b->column, n_columns));
    GBT_TRY(take(b, bytes, &b->feature, n_features));
    GBT_TRY(take(b, bytes, &b->sums, n_histograms * 2 * b->most_slots));
    GBT_TRY(take(b, bytes, &b->slot_rows, n_histograms * b->most_slots));
    GBT_TRY(take(b, bytes, &b->found, b->most_tasks * n_features));
    GBT_TRY(take(b, bytes, &b->best, b->most_tasks));
    GBT_TRY(take(b, bytes, &b->totals, n_common * 2 * GBT_CUDA_CODES));
    GBT_TRY(take(b, bytes, &b->best_of, n_features + 1));
    GBT_TRY(take(b, bytes, &b->counters, 2 * static_cast<int64_t>(b->config.max_nodes)));
    return take(b, bytes, &b->mail.device, b->mail.bytes);
}

/* What renewed leaves need beside. */
static gbt_status take_renewal(gbt_backend *b, int64_t *bytes)
{
    char *scratch = NULL;
    for (int i = 0; i < 2; i++) {
        GBT_TRY(take(b, bytes, &b->keys[i], b->n_rows));
        GBT_TRY(take(b, bytes, &b->payload[i], b->n_rows));
    }
    GBT_TRY(take(b, bytes, &b->whole, b->n_rows));
    GBT_TRY(take(b, bytes, &b->leaf_most, b->config.max_nodes));
    GBT_TRY(take(b, bytes, &b->leaf_value, b->config.max_nodes));
    GBT_TRY(gbt_collect_bytes(b->device, b->n_rows, &b->scratch_bytes));
    GBT_TRY(take(b, bytes, &scratch, b->scratch_bytes));
    b->scratch = scratch;
    return GBT_OK;
}

gbt_status gbt_cuda_take_memory(gbt_backend *b)
{
    int64_t bytes = 0;
    void *mail = NULL;
    void *answers = NULL;
    GBT_TRY(take_rows(b, gbt_objective_labels(b->objective), &bytes));
    GBT_TRY(take_nodes(b, &bytes));
    if (b->renews) {
        GBT_TRY(take_renewal(b, &bytes));
    }
    GBT_TRY(gbt_device_new_pinned(b->device, b->mail.bytes, &mail));
    b->mail.host = static_cast<char *>(mail);
    GBT_TRY(gbt_device_new_pinned(b->device, b->answer_bytes, &answers));
    b->answers = static_cast<char *>(answers);
    GBT_TRY(gbt_host_new(&b->host_column, b->data->bins.n_columns));
    GBT_TRY(gbt_host_new(&b->column_of, b->data->bins.n_columns));
    GBT_TRY(gbt_host_new(&b->host_feature, b->data->cuts->n_features));
    GBT_TRY(gbt_host_new(&b->node, b->config.max_nodes));
    GBT_TRY(gbt_host_new(&b->owner, b->n_pool));
    GBT_TRY(gbt_host_new(&b->stamp, b->n_pool));
    return gbt_host_new(&b->list, 3 * static_cast<int64_t>(b->config.max_nodes));
}

void gbt_cuda_release_memory(gbt_backend *b)
{
    for (int32_t i = 0; i < b->n_blocks; i++) {
        gbt_device_release(b->device, b->block[i]);
    }
    if (b->device != NULL) {
        gbt_device_release_pinned(b->device, b->mail.host);
        gbt_device_release_pinned(b->device, b->answers);
    }
    gbt_release(b->host_column);
    gbt_release(b->column_of);
    gbt_release(b->host_feature);
    gbt_release(b->node);
    gbt_release(b->owner);
    gbt_release(b->stamp);
    gbt_release(b->list);
}

/* Every label and weight that there may be is counted; renewed leaves are not. */
int64_t gbt_cuda_device_bytes(const gbt_backend_config *config, const gbt_dataset *data,
                              int32_t n_outputs)
{
    int64_t bytes = 0;
    gbt_backend sizes;
    memset(&sizes, 0, sizeof sizes);
    gbt_cuda_size_up(&sizes, config, data, n_outputs);
    sizes.has_weight = true;
    (void)take_rows(&sizes, n_outputs, &bytes); /* without a device they only count */
    (void)take_nodes(&sizes, &bytes);
    return bytes;
}

int64_t gbt_cuda_bytes(const gbt_backend_config *config, const gbt_dataset *data, int32_t n_outputs)
{
    gbt_backend sizes;
    memset(&sizes, 0, sizeof sizes);
    gbt_cuda_size_up(&sizes, config, data, n_outputs);
    return static_cast<int64_t>(sizeof sizes) + sizes.mail.bytes + sizes.answer_bytes +
           config->max_nodes * static_cast<int64_t>(sizeof(gbt_cuda_node) + 3 * sizeof(int32_t)) +
           data->bins.n_columns * static_cast<int64_t>(sizeof(gbt_cuda_column) + sizeof(int32_t)) +
           data->cuts->n_features * static_cast<int64_t>(sizeof(gbt_cuda_feature)) +
           sizes.n_pool * static_cast<int64_t>(sizeof(int64_t) + sizeof(int32_t));
}

/* ---- Mail ------------------------------------------------------------------------------------ */

gbt_status gbt_cuda_wait(gbt_backend *b)
{
    GBT_TRY(gbt_device_wait(b->device));
    b->mail.used = 0;
    return GBT_OK;
}

gbt_status gbt_cuda_take_mail(gbt_backend *b, int64_t bytes, void **host, void **device)
{
    const int64_t size = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b->mail.used + size > b->mail.bytes) {
        GBT_TRY(gbt_cuda_wait(b));
    }
    if (size > b->mail.bytes) {
        return gbt_fail(GBT_ERR_MEMORY, "cuda backend: a list of %lld bytes, room is for %lld",
                        static_cast<long long>(bytes), static_cast<long long>(b->mail.bytes));
    }
    *host = b->mail.host + b->mail.used;
    *device = b->mail.device + b->mail.used;
    b->mail.used += size;
    return GBT_OK;
}

gbt_status gbt_cuda_send_mail(gbt_backend *b, const void *host, int64_t bytes)
{
    const int64_t at = static_cast<const char *>(host) - b->mail.host;
    return gbt_device_send(b->device, b->mail.device + at, host, bytes);
}

gbt_status gbt_cuda_answer(gbt_backend *b, const void *device, int64_t bytes, const void **out)
{
    assert(bytes <= b->answer_bytes);
    GBT_TRY(gbt_device_fetch(b->device, b->answers, device, bytes));
    *out = b->answers;
    return gbt_cuda_wait(b);
}
