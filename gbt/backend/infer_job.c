/* One prediction call on the CPU: blocks of rows over threads, then link or class. Sparse rows go
 * to the trees as their entries where that pays; the rows of every other source become float32 rows
 * of all features (infer_rows.c). The trees are in tree/predict.c. Up to 64 rows of a matrix that
 * are few enough for the stack need no allocation and no thread. Cost: that of the trees and of
 * gathering the rows. */
#include "gbt/backend/infer_job.h"

#include <stdalign.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/tree/predict.h"

enum {
    BLOCK_ROWS = 512,        /* rows gathered at a time */
    LEAST_ROWS = 64,         /* no fewer where memory allows */
    BLOCK_FLOATS = 1 << 22,  /* fewer rows when they are wider than this allows */
    BLOCK_ENTRIES = 1 << 20, /* the same for rows that go to the trees as entries */
    CELLS_OF_AN_ENTRY = 3,   /* float32 cells that cost as much as an entry */
    CHUNK_BLOCKS = 2,        /* blocks a thread takes at a time */
    FEW_ROWS = 64,           /* up to here one thread does it */
    STACK_BYTES = 1 << 14
};

typedef gbt_infer_job job;

/* ---- Scores ---------------------------------------------------------------------------------- */

void gbt_infer_start(const job *j, int64_t first, int64_t n, float *raw)
{
    for (int64_t row = 0; row < n; row++) {
        for (int32_t k = 0; k < j->n_outputs; k++) {
            const float base = (float)j->model->base_score[k];
            const int64_t at = row * j->n_outputs + k;
            raw[at] = j->init_score ? base + j->init_score[first * j->n_outputs + at] : base;
        }
    }
}

void gbt_infer_finish(const job *j, int64_t first, int64_t n, float *raw)
{
    const int32_t n_outputs = j->n_outputs;
    if (j->kind == GBT_PREDICT_CLASS) {
        for (int64_t row = 0; row < n; row++) {
            j->out[first + row] = gbt_objective_class(&j->model->objective, raw + row * n_outputs);
        }
        return;
    }
    float *out = j->out + first * n_outputs;
    if (j->kind == GBT_PREDICT_RAW) {
        if (out != raw) {
            memcpy(out, raw, (size_t)(n * n_outputs) * sizeof *out);
        }
        return;
    }
    for (int64_t row = 0; row < n; row++) {
        gbt_objective_link(&j->model->objective, raw + row * n_outputs, out + row * n_outputs);
    }
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* Trees of rows [first, first + n), to raw or to the job's leaf numbers. */
static void do_entries(const job *j, int64_t first, int64_t n, void *scratch, float *raw)
{
    const gbt_entry_block rows = {.csr = &j->entries,
                                  .feature_of = j->feature_of,
                                  .first = first,
                                  .n = (int32_t)n,
                                  .scratch = scratch};
    if (j->leaf) {
        gbt_forest_leaves_entries(j->model->forest, &rows, j->first, j->last, j->leaf_row_step,
                                  j->leaf_tree_step, j->leaf + first * j->leaf_row_step);
    } else {
        gbt_forest_add_entries(j->model->forest, &rows, j->first, j->last, raw);
    }
}

static void do_floats(const job *j, int64_t first, int64_t n, float *scratch, float *raw)
{
    const float *x = gbt_rows_fetch(&j->source, j->n_features, first, n, scratch);
    if (j->leaf) {
        gbt_forest_leaves(j->model->forest, x, n, j->first, j->last, j->leaf_row_step,
                          j->leaf_tree_step, j->leaf + first * j->leaf_row_step);
    } else {
        gbt_forest_add(j->model->forest, x, n, j->first, j->last, raw);
    }
    gbt_rows_clear(&j->source, first, n, scratch);
}

static void do_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const job *j = context;
    void *scratch = j->row_bytes > 0 ? j->scratch + thread * j->row_bytes : NULL;
    float *classes = j->raw ? j->raw + thread * j->block_rows * j->n_outputs : NULL;
    for (int64_t row = first; row < last; row += j->block_rows) {
        const int64_t n = last - row < j->block_rows ? last - row : j->block_rows;
        float *raw = classes ? classes : j->out + row * j->n_outputs;
        if (!j->leaf) {
            gbt_infer_start(j, row, n, raw);
        }
        if (j->by_entries) {
            do_entries(j, row, n, scratch, raw);
        } else {
            do_floats(j, row, n, scratch, raw);
        }
        if (!j->leaf) {
            gbt_infer_finish(j, row, n, raw);
        }
    }
}

/* ---- Room ------------------------------------------------------------------------------------ */

/* Rows of a block: whole batches of 64 where memory allows. */
static int64_t float_rows(int32_t n_features, int64_t n_rows)
{
    int64_t rows = BLOCK_FLOATS / (n_features > 0 ? n_features : 1);
    rows = rows >= BLOCK_ROWS   ? BLOCK_ROWS
           : rows >= LEAST_ROWS ? rows / LEAST_ROWS * LEAST_ROWS
           : rows > 0           ? rows
                                : 1;
    return rows < n_rows ? rows : n_rows > 0 ? n_rows : 1;
}

static int64_t most_entries(const gbt_csr *csr, int64_t block_rows)
{
    int64_t most = 0;
    for (int64_t first = 0; first < csr->n_rows; first += block_rows) {
        const int64_t last = first + block_rows < csr->n_rows ? first + block_rows : csr->n_rows;
        const int64_t n = csr->row_start[last] - csr->row_start[first];
        most = n > most ? n : most;
    }
    return most;
}

/* Do the rows go to the trees as entries? If they are sparse enough and blocks hold few enough. */
static void choose_entries(job *j)
{
    if (!gbt_rows_entries(&j->source, &j->entries, &j->feature_of)) {
        return;
    }
    const gbt_csr *csr = &j->entries;
    const int64_t n = csr->row_start[csr->n_rows] - csr->row_start[0];
    int32_t rows = gbt_forest_entry_rows(j->model->forest, csr->n_rows);
    if (rows == 0 || n * CELLS_OF_AN_ENTRY >= csr->n_rows * j->n_features) {
        return;
    }
    while (rows > LEAST_ROWS && most_entries(csr, rows) > BLOCK_ENTRIES) {
        rows /= 2;
    }
    const int64_t most = most_entries(csr, rows);
    if (most <= BLOCK_ENTRIES) {
        j->by_entries = true;
        j->block_rows = rows;
        j->row_bytes = gbt_forest_entry_bytes(
            j->model->forest, csr->n_rows < rows ? (int32_t)csr->n_rows : rows, most);
    }
}

/* Rows of a block, and the scratch that a thread needs for them. */
static void choose_blocks(job *j)
{
    choose_entries(j);
    if (!j->by_entries) {
        j->block_rows = float_rows(j->n_features, j->source.n_rows);
        j->row_bytes = gbt_rows_are_plain(&j->source)
                           ? 0
                           : j->block_rows * j->n_features * (int64_t)sizeof(float);
    }
}

gbt_status gbt_infer_job_run(job *j, int threads)
{
    gbt_status status = GBT_OK;
    alignas(64) char stack[STACK_BYTES];
    char *held = NULL;
    const int64_t n_rows = j->source.n_rows;
    j->n_features = j->model->schema->n_features;
    j->n_outputs = j->model->objective.n_outputs;
    if (j->model->device) {
        return gbt_infer_on_device(j, threads);
    }
    choose_blocks(j);
    const int64_t chunk_rows = CHUNK_BLOCKS * j->block_rows;
    const int64_t most = gbt_chunk_count(n_rows, chunk_rows);
    int64_t n_threads = n_rows <= FEW_ROWS ? 1 : gbt_thread_count(threads);
    n_threads = n_threads < most ? n_threads : most > 0 ? most : 1;
    const int64_t raw_floats =
        j->kind == GBT_PREDICT_CLASS && !j->leaf ? j->block_rows * j->n_outputs : 0;
    const int64_t bytes = n_threads * (j->row_bytes + raw_floats * (int64_t)sizeof(float));
    j->scratch = stack;
    if (bytes > STACK_BYTES) {
        GBT_TRY_OR_DONE(GBT_NEW(held, bytes));
        j->scratch = held;
    }
    if ((j->source.csr || j->source.binned) && !j->by_entries) {
        memset(j->scratch, 0, (size_t)(n_threads * j->row_bytes));
    }
    j->raw = raw_floats > 0 ? (float *)(void *)(j->scratch + n_threads * j->row_bytes) : NULL;
    gbt_for_chunks((int)n_threads, n_rows, chunk_rows, do_chunk, j);
done:
    gbt_release(held);
    return status;
}
