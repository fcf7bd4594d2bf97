/* Prediction on a device: the host gathers blocks of rows with all threads and makes responses of
 * raw scores, the device walks the trees of another block meanwhile. Scores have the bits of the
 * CPU: the same leaf values are added in the same order, the link is the same code. Cost: on top of
 * the device's work one copy of the rows. */
#include <string.h>

#include "gbt/backend/device_library.h"
#include "gbt/backend/infer_job.h"
#include "gbt/base/parallel.h"

enum { CHUNK_FLOATS = 1 << 15 }; /* gathered by a thread at a time */

/* A block in the hands of the host. */
typedef struct block {
    gbt_infer_job *job;
    int threads;
    int64_t first, n;    /* rows of the data */
    float *x;            /* [n x n_features] */
    float *raw;          /* [n x n_outputs] */
    const int32_t *leaf; /* [trees x n] */
} block;

static int64_t chunk_rows(const gbt_infer_job *job)
{
    const int64_t rows = CHUNK_FLOATS / (job->n_features > 0 ? job->n_features : 1);
    return rows > 0 ? rows : 1;
}

static void fetch_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const block *b = context;
    gbt_infer_job *j = b->job;
    const int64_t n = last - first, n_floats = n * j->n_features;
    float *x = b->x + first * j->n_features;
    (void)thread;
    if (gbt_rows_are_plain(&j->source)) {
        const float *from = gbt_rows_fetch(&j->source, j->n_features, b->first + first, n, NULL);
        memcpy(x, from, (size_t)n_floats * sizeof *x);
    } else {
        if (j->source.csr || j->source.binned) {
            memset(x, 0, (size_t)n_floats * sizeof *x);
        }
        (void)gbt_rows_fetch(&j->source, j->n_features, b->first + first, n, x);
    }
    if (b->raw) {
        gbt_infer_start(j, b->first + first, n, b->raw + first * j->n_outputs);
    }
}

static void fetch(void *context, int64_t first, int64_t n, float *x, float *raw)
{
    block b = *(const block *)context;
    b.first = first;
    b.n = n;
    b.x = x;
    b.raw = raw;
    gbt_for_chunks(b.threads, n, chunk_rows(b.job), fetch_chunk, &b);
}

static void store_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const block *b = context;
    const gbt_infer_job *j = b->job;
    const int64_t n_trees = (int64_t)(j->last - j->first) * j->n_outputs;
    (void)thread;
    if (!b->leaf) {
        gbt_infer_finish(j, b->first + first, last - first, b->raw + first * j->n_outputs);
        return;
    }
    for (int64_t row = first; row < last; row++) {
        int32_t *out = j->leaf + (b->first + row) * j->leaf_row_step;
        for (int64_t t = 0; t < n_trees; t++) {
            out[t * j->leaf_tree_step] = b->leaf[t * b->n + row];
        }
    }
}

static void store(void *context, int64_t first, int64_t n, float *raw, const int32_t *leaf)
{
    block b = *(const block *)context;
    b.first = first;
    b.n = n;
    b.raw = raw;
    b.leaf = leaf;
    gbt_for_chunks(b.threads, n, chunk_rows(b.job), store_chunk, &b);
}

gbt_status gbt_infer_on_device(gbt_infer_job *job, int threads)
{
    block context = {.job = job, .threads = gbt_thread_count(threads)};
    const gbt_device_rows rows = {.context = &context,
                                  .n_rows = job->source.n_rows,
                                  .first = job->first,
                                  .last = job->last,
                                  .is_leaf = job->leaf != NULL,
                                  .fetch = fetch,
                                  .store = store};
    return job->model->device->forest_run(job->model->device_forest, &rows);
}

gbt_status gbt_model_to_device(const gbt_model *model, const char *device, gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!model || !device || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_to_device: a pointer is NULL");
    }
    const gbt_backend_ops *ops = NULL;
    const gbt_device_library *library = NULL;
    gbt_model *copy = NULL;
    GBT_TRY(gbt_backend_find(device, &ops));
    GBT_TRY(gbt_backend_library(device, &library));
    GBT_TRY(gbt_model_slice(model, 0, gbt_model_rounds(model), NULL, &copy));
    if (library) {
        const gbt_status status =
            library->forest_open(gbt_backend_device(device), copy->forest, &copy->device_forest);
        if (status != GBT_OK) {
            gbt_model_free(copy);
            return status;
        }
        copy->device = library;
        copy->close_device = library->forest_close;
    }
    *out = copy;
    return GBT_OK;
}
