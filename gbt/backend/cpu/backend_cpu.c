/* The cpu backend: owns the buffers and wires the files beside it into the vtable of backend.h. All
 * memory is taken in open; a tree allocates nothing. README.md in this folder tells the design. */
#include "gbt/backend/backend.h"

#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/alloc.h"
#include "gbt/base/log.h"

/* Bytes a row in the working set when all columns are in it and gradients are wide. */
static int64_t most_step(const gbt_dataset *data)
{
    return ((int64_t)data->bins.n_columns + 7 + 8 + 15) / 16 * 16;
}

static int64_t cpu_bytes(const gbt_backend_config *config, const gbt_dataset *data,
                         int32_t n_outputs)
{
    const int64_t n = data->n_rows;
    const int64_t of_rows =
        n * (most_step(data) + (int64_t)sizeof(uint32_t) + (int64_t)sizeof(uint16_t) +
             3 * (int64_t)sizeof(float) * n_outputs) +
        n / 8;
    const int64_t of_nodes =
        (int64_t)config->max_nodes *
        (int64_t)(sizeof(gbt_cpu_node) + 2 * sizeof(gbt_cpu_job) + sizeof(float) + sizeof(int64_t) +
                  (size_t)config->threads * sizeof(gbt_cpu_run));
    return of_rows + of_nodes + gbt_binned_tree_bytes(config->max_nodes) +
           gbt_cpu_pool_bytes(config, data) + gbt_cpu_entry_bytes(data);
}

static void cpu_close(gbt_backend *b)
{
    if (b == NULL) {
        return;
    }
    void *const block[] = {
        b->scores,     b->grad,        b->hess,           b->measure,    b->is_usable,
        b->is_listed,  b->entry_start, b->entry,          b->entry_slot, b->column,
        b->column_of,  b->feature,     (void *)b->looked, b->record,     b->row,
        b->node,       b->run,         b->pool,           b->scratch,    b->packed,
        b->slots,      b->noted_open,  b->noted_slot,     b->unused,     b->job,
        b->found,      b->leaf,        b->leaf_value,     b->residual,   b->residual_weight,
        b->leaf_first, b->sampled};
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) {
        gbt_release(block[i]);
    }
    gbt_binned_tree_close(&b->outside);
    gbt_picker_close(&b->picker);
    gbt_release(b);
}

/* Rows that go to the threads in turn: as many as the fetching ahead of processors likes, fewer
 * where that would leave the threads with unequal shares. */
static int64_t stripe_of(int64_t n_rows, int32_t threads)
{
    enum { MOST_CHUNKS = 8, STRIPES_OF_A_THREAD = 16 };
    const int64_t chunks = n_rows / ((int64_t)threads * STRIPES_OF_A_THREAD * GBT_QUANT_CHUNK);
    return GBT_QUANT_CHUNK * (chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : chunks);
}

/* Everything with a size in rows. */
static gbt_status open_rows(gbt_backend *b)
{
    const int64_t n = b->n_rows;
    const int64_t n_cells = n * b->n_outputs;
    b->n_chunks = gbt_chunk_count(n, GBT_QUANT_CHUNK);
    GBT_TRY(GBT_NEW_ZERO(b->scores, n_cells));
    GBT_TRY(GBT_NEW_ZERO(b->grad, n_cells));
    GBT_TRY(GBT_NEW_ZERO(b->hess, n_cells));
    GBT_TRY(GBT_NEW_ZERO(b->measure, b->n_chunks * b->n_outputs));
    b->record = gbt_alloc(n, (size_t)most_step(b->data));
    if (b->record == NULL) {
        return GBT_ERR_MEMORY;
    }
    GBT_TRY(GBT_NEW(b->row, n));
    GBT_TRY(GBT_NEW_ZERO(b->leaf, n));
    GBT_TRY(GBT_NEW(b->sampled, n / 32 + 1));
    if (b->objective->renews_leaves) {
        GBT_TRY(GBT_NEW(b->residual, n));
        GBT_TRY(GBT_NEW(b->residual_weight, n));
        GBT_TRY(GBT_NEW(b->leaf_first, (int64_t)b->config.max_nodes + 1));
    }
    return GBT_OK;
}

/* Everything with a size in columns, features or nodes. */
static gbt_status open_nodes(gbt_backend *b)
{
    const gbt_bins *bins = &b->data->bins;
    const int32_t n_features = b->data->cuts->n_features;
    const int64_t max_nodes = b->config.max_nodes;
    GBT_TRY(GBT_NEW(b->column, bins->n_columns));
    GBT_TRY(GBT_NEW(b->column_of, bins->n_columns));
    GBT_TRY(GBT_NEW_ZERO(b->looked, bins->n_columns));
    GBT_TRY(gbt_picker_open(bins->n_columns, &b->picker));
    GBT_TRY(GBT_NEW(b->feature, n_features));
    GBT_TRY(GBT_NEW(b->is_usable, n_features));
    GBT_TRY(GBT_NEW_ZERO(b->is_listed, bins->n_columns));
    GBT_TRY(GBT_NEW(b->entry_slot, n_features));
    GBT_TRY(gbt_cpu_list_entries(b));
    GBT_TRY(GBT_NEW_ZERO(b->node, max_nodes));
    GBT_TRY(GBT_NEW(b->run, max_nodes * b->config.threads));
    GBT_TRY(GBT_NEW(b->job, 2 * max_nodes));
    GBT_TRY(GBT_NEW(b->leaf_value, max_nodes + 1));
    GBT_TRY(gbt_binned_tree_open(b->config.max_nodes, &b->outside));
    b->group_nodes = gbt_cpu_group_nodes(n_features);
    GBT_TRY(GBT_NEW(b->found, (int64_t)b->group_nodes * n_features));
    return gbt_cpu_pool_open(b);
}

static gbt_status cpu_open(const gbt_backend_config *config, const gbt_dataset *data,
                           const gbt_objective *objective, const float *target, const float *weight,
                           gbt_backend **out)
{
    gbt_status status = GBT_OK;
    gbt_backend *b = NULL;
    *out = NULL;
    assert(config->max_nodes >= 1 && config->min_child_samples >= 1 && config->threads >= 1);
    if (data->n_rows > UINT32_MAX) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "training set: %lld rows; at most %lld fit one process",
                        (long long)data->n_rows, (long long)UINT32_MAX);
    }
    GBT_TRY(GBT_NEW_ZERO(b, 1));
    b->config = *config;
    b->config.threads = config->threads < GBT_MAX_THREADS ? config->threads : GBT_MAX_THREADS;
    b->data = data;
    b->objective = objective;
    b->target = target;
    b->weight = weight;
    b->n_rows = data->n_rows;
    b->n_outputs = objective->n_outputs;
    b->stripe = stripe_of(b->n_rows, b->config.threads);
    b->scans = gbt_cpu_scans_find();
    (void)gbt_cpu_scans_named("plain", &b->few_scans);
    gbt_log_line(GBT_LOG_DEBUG, "cpu backend: %s, %d threads", b->scans.name,
                 (int)b->config.threads);
    GBT_TRY_OR_DONE(open_rows(b));
    GBT_TRY_OR_DONE(open_nodes(b));
    *out = b;
done:
    if (status != GBT_OK) {
        cpu_close(b);
    }
    return status;
}

static size_t score_bytes(const gbt_backend *b)
{
    return (size_t)b->n_rows * (size_t)b->n_outputs * sizeof(float);
}

static gbt_status cpu_set_scores(gbt_backend *b, const float *scores)
{
    memcpy(b->scores, scores, score_bytes(b));
    return GBT_OK;
}

static gbt_status cpu_scores(gbt_backend *b, float *out)
{
    memcpy(out, b->scores, score_bytes(b));
    return GBT_OK;
}

/* One leaf at a time leaves little to share near the end of a tree. */
static int32_t cpu_batch(int32_t threads)
{
    return threads > 1 ? 8 : 1;
}

const gbt_backend_ops gbt_backend_cpu = {
    .name = "cpu",
    .batch = cpu_batch,
    .bytes = cpu_bytes,
    .open = cpu_open,
    .close = cpu_close,
    .set_scores = cpu_set_scores,
    .scores = cpu_scores,
    .gradients = gbt_cpu_gradients,
    .set_gradients = gbt_cpu_set_gradients,
    .begin_tree = gbt_cpu_begin_tree,
    .build = gbt_cpu_build,
    .search = gbt_cpu_search,
    .discard = gbt_cpu_pool_give,
    .split_rows = gbt_cpu_split_rows,
    .renew = gbt_cpu_renew,
    .end_tree = gbt_cpu_end_tree,
};
