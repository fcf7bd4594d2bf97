/* Derivatives of the loss for many rows by many threads: chunks of rows are copied together, since
 * gbt_objective_derivatives takes [outputs x n], and their results are copied back. The copies cost
 * a few bytes a row beside an exponential. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum { CHUNK_CELLS = 2048, MOST_CHUNK_ROWS = 512, N_RESULTS = 4 };

typedef struct derive_job {
    const gbt_influence *of;
    const double *score;
    const float *label;
    int64_t n;
    int32_t n_label_columns;
    gbt_derivatives out;
    int64_t chunk_rows;
    double *room;       /* [threads x room_cells] */
    float *label_room;  /* [threads x n_label_columns x chunk_rows] */
    int64_t room_cells; /* scores, loss and results of a chunk */
    gbt_status status[GBT_MAX_THREADS];
} derive_job;

static void derive_chunk(void *context, int64_t first, int64_t last, int thread)
{
    derive_job *job = context;
    const int32_t n_outputs = job->of->n_outputs;
    const int64_t m = last - first, cells = m * n_outputs;
    double *const wanted[N_RESULTS] = {job->out.grad, job->out.hess, job->out.grad_slope,
                                       job->out.hess_slope};
    double *score = job->room + thread * job->room_cells, *loss = score + cells, *result[N_RESULTS];
    float *label = job->label_room + thread * job->n_label_columns * job->chunk_rows;
    for (int r = 0; r < N_RESULTS; r++) {
        result[r] = wanted[r] ? loss + m + r * cells : NULL;
    }
    for (int32_t k = 0; k < n_outputs; k++) {
        memcpy(score + k * m, job->score + k * job->n + first, (size_t)m * sizeof *score);
    }
    for (int32_t k = 0; k < job->n_label_columns; k++) {
        memcpy(label + k * m, job->label + k * job->n + first, (size_t)m * sizeof *label);
    }
    const gbt_status status =
        gbt_objective_derivatives(job->of->objective, score, label, m, job->out.loss ? loss : NULL,
                                  result[0], result[1], result[2], result[3]);
    if (status != GBT_OK) {
        job->status[thread] = status;
        return;
    }
    if (job->out.loss) {
        memcpy(job->out.loss + first, loss, (size_t)m * sizeof *loss);
    }
    for (int r = 0; r < N_RESULTS; r++) {
        for (int32_t k = 0; wanted[r] && k < n_outputs; k++) {
            memcpy(wanted[r] + k * job->n + first, result[r] + k * m, (size_t)m * sizeof(double));
        }
    }
}

static int64_t chunk_rows_of(int32_t n_outputs)
{
    const int64_t rows = CHUNK_CELLS / n_outputs;
    return rows < 1 ? 1 : rows > MOST_CHUNK_ROWS ? MOST_CHUNK_ROWS : rows;
}

gbt_status gbt_influence_derive(const gbt_influence *of, const double *score, const float *label,
                                int64_t n, const gbt_derivatives *out)
{
    derive_job job = {.of = of,
                      .score = score,
                      .label = label,
                      .n = n,
                      .n_label_columns = of->n_labels > of->n_rows ? of->n_outputs : 1,
                      .out = *out,
                      .chunk_rows = chunk_rows_of(of->n_outputs)};
    gbt_status status = GBT_OK;
    job.room_cells = job.chunk_rows * ((int64_t)of->n_outputs * (1 + N_RESULTS) + 1);
    GBT_TRY_OR_DONE(GBT_NEW(job.room, of->threads * job.room_cells));
    GBT_TRY_OR_DONE(GBT_NEW(job.label_room, of->threads * job.n_label_columns * job.chunk_rows));
    gbt_for_chunks(of->threads, n, job.chunk_rows, derive_chunk, &job);
    for (int t = 0; t < of->threads && status == GBT_OK; t++) {
        if (job.status[t] != GBT_OK) {
            status = gbt_fail(job.status[t], "the loss refuses labels that were checked before");
        }
    }
done:
    gbt_release(job.room);
    gbt_release(job.label_room);
    return status;
}
