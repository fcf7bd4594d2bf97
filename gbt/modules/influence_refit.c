/* LeafRefit [Sharchilev18 sec. 4]: takes out one training row i, keeps splits and base score, and
 * computes all leaf values again, tree after tree, at the scores that follow:
 *     v'_l = v_l + rate (theta'_l - theta_l),    theta'_l = -G'_l / D'_l without row i,
 * G' and H' at the moved scores. v is the stored value: what quantised gradients did to it stays,
 * so a row that changes nothing changes nothing. Gradients of tree t are taken before tree t (the
 * published program takes them after).
 *
 * One thread does one row i, rows in their order: results do not depend on the number of threads.
 * Cost: n_rows^2 x trees evaluations of the loss; 16 bytes a row, output and thread. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_moves.h"

enum { CHUNK_CELLS = 512 };

typedef struct refit_job {
    gbt_influence *of;
    int32_t update_set;
    gbt_moves *moves;
    uint8_t *bag; /* [n_rounds x n_rows], or NULL: all rows */
    int32_t n_label_columns;
    int64_t chunk_rows;
    int64_t room_cells, label_cells; /* of one thread */
    double *room;                    /* [threads x room_cells] */
    float *label_room;               /* [threads x label_cells] */
    uint8_t *chosen;                 /* [threads x n_outputs x most_leaves], or NULL: all follow */
    int64_t first;                   /* row of the chunks' 0 */
    int64_t bytes;                   /* of the rooms, while they are needed */
    gbt_status status[GBT_MAX_THREADS];
} refit_job;

/* Scratch of one thread. */
typedef struct refit {
    const refit_job *job;
    int64_t row;     /* taken out */
    double *score;   /* [n_outputs x n_rows] of the model before the round */
    double *moved;   /* [n_outputs x n_rows] what the row's absence adds */
    double *sums;    /* [n_outputs x most_leaves x 2] G', H' */
    double *at;      /* [n_outputs x chunk_rows] scores of a chunk */
    double *grad;    /* likewise */
    double *hess;    /* likewise */
    float *label;    /* [n_label_columns x chunk_rows] */
    uint8_t *chosen; /* [n_outputs x most_leaves] or NULL */
} refit;

static const uint16_t *leaves_of(const gbt_influence *of, int32_t round, int32_t output)
{
    return of->leaf + (round * of->n_outputs + output) * of->n_rows;
}

/* Chooses the rows that follow in the trees of a round. */
static void choose(const refit *r, int32_t round)
{
    const gbt_influence *of = r->job->of;
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const uint16_t *leaf = leaves_of(of, round, k);
        const int32_t n_leaves = of->n_leaves[round * of->n_outputs + k];
        memset(r->sums, 0, (size_t)n_leaves * sizeof *r->sums);
        for (int64_t j = 0; j < of->n_rows; j++) {
            r->sums[leaf[j]] += fabs(r->moved[k * of->n_rows + j]);
        }
        gbt_moves_choose(r->sums, n_leaves, leaf[r->row], r->job->update_set,
                         r->chosen + k * r->job->of->most_leaves);
    }
}

static bool follows(const refit *r, int32_t output, int32_t leaf, int64_t row)
{
    return !r->chosen || row == r->row || r->chosen[output * r->job->of->most_leaves + leaf];
}

/* Adds rows [first, last) to the sums of their leaves. */
static gbt_status add_chunk(const refit *r, int32_t round, int64_t first, int64_t last)
{
    const refit_job *job = r->job;
    const gbt_influence *of = job->of;
    const int64_t n_rows = of->n_rows, m = last - first;
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const uint16_t *leaf = leaves_of(of, round, k);
        for (int64_t j = first; j < last; j++) {
            const int64_t cell = k * n_rows + j;
            const double moved = follows(r, k, leaf[j], j) ? r->moved[cell] : 0.0;
            r->at[k * m + j - first] = r->score[cell] + moved;
        }
    }
    for (int32_t k = 0; k < job->n_label_columns; k++) {
        memcpy(r->label + k * m, of->label + k * n_rows + first, (size_t)m * sizeof *r->label);
    }
    GBT_TRY(gbt_objective_derivatives(of->objective, r->at, r->label, m, NULL, r->grad, r->hess,
                                      NULL, NULL));
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const uint16_t *leaf = leaves_of(of, round, k);
        double *sums = r->sums + (int64_t)k * job->of->most_leaves * 2;
        for (int64_t j = first; j < last; j++) {
            if (j == r->row || (job->bag && !job->bag[round * n_rows + j])) {
                continue;
            }
            const double weight = of->weight ? (double)of->weight[j] : 1.0;
            sums[2 * leaf[j]] += weight * r->grad[k * m + j - first];
            sums[2 * leaf[j] + 1] += weight * r->hess[k * m + j - first];
        }
    }
    return GBT_OK;
}

/* New leaf values of a round and the scores after it. */
static void step(const refit *r, int32_t round)
{
    const refit_job *job = r->job;
    const gbt_influence *of = job->of;
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const int32_t tree = round * of->n_outputs + k;
        const gbt_leaf_sums *old = of->leaf_sums + of->leaf_start[tree];
        const double *value = of->leaf_value + of->leaf_start[tree];
        const uint16_t *leaf = leaves_of(of, round, k);
        double *sums = r->sums + (int64_t)k * job->of->most_leaves * 2;
        float *shift = job->moves->shift + of->leaf_start[tree] * of->n_rows + r->row;
        for (int32_t l = 0; l < of->n_leaves[tree]; l++) {
            const double divisor = sums[2 * l + 1] + (old[l].divisor - old[l].hess);
            const double theta = divisor > 0.0 ? -sums[2 * l] / divisor : 0.0;
            sums[2 * l] = of->rate * (theta - old[l].theta); /* from here on the move */
            shift[l * of->n_rows] = (float)sums[2 * l];
        }
        job->moves->own[k * of->n_rows + r->row] += sums[2 * leaf[r->row]];
        for (int64_t j = 0; j < of->n_rows; j++) {
            const int64_t cell = k * of->n_rows + j;
            r->score[cell] += value[leaf[j]];
            r->moved[cell] += follows(r, k, leaf[j], j) ? sums[2 * leaf[j]] : 0.0;
        }
    }
}

static gbt_status refit_row(const refit *r)
{
    const refit_job *job = r->job;
    const gbt_influence *of = job->of;
    const int64_t cells = of->n_outputs * of->n_rows;
    memcpy(r->score, of->base, (size_t)cells * sizeof *r->score);
    memset(r->moved, 0, (size_t)cells * sizeof *r->moved);
    for (int32_t round = 0; round < of->n_rounds; round++) {
        if (r->chosen) {
            choose(r, round);
        }
        memset(r->sums, 0,
               (size_t)of->n_outputs * (size_t)job->of->most_leaves * 2 * sizeof *r->sums);
        for (int64_t first = 0; first < of->n_rows; first += job->chunk_rows) {
            const int64_t left = of->n_rows - first;
            GBT_TRY(add_chunk(r, round, first,
                              first + (left < job->chunk_rows ? left : job->chunk_rows)));
        }
        step(r, round);
    }
    return GBT_OK;
}

static void refit_rows(void *context, int64_t first, int64_t last, int thread)
{
    refit_job *job = context;
    const int64_t cells = job->of->n_outputs * job->of->n_rows;
    const int64_t leaf_cells = (int64_t)job->of->n_outputs * job->of->most_leaves;
    const int64_t chunk_cells = job->of->n_outputs * job->chunk_rows;
    double *room = job->room + thread * job->room_cells;
    refit r = {.job = job,
               .score = room,
               .moved = room + cells,
               .sums = room + 2 * cells,
               .at = room + 2 * cells + 2 * leaf_cells,
               .grad = room + 2 * cells + 2 * leaf_cells + chunk_cells,
               .hess = room + 2 * cells + 2 * leaf_cells + 2 * chunk_cells,
               .label = job->label_room + thread * job->label_cells,
               .chosen = job->chosen ? job->chosen + thread * leaf_cells : NULL};
    for (int64_t i = first; i < last; i++) {
        r.row = job->first + i;
        const gbt_status status = refit_row(&r);
        job->status[thread] = status != GBT_OK ? status : job->status[thread];
    }
}

/* ---- All rows -------------------------------------------------------------------------------- */

static gbt_status open_job(refit_job *job)
{
    gbt_influence *of = job->of;
    const int64_t leaf_cells = (int64_t)of->n_outputs * job->of->most_leaves;
    job->n_label_columns = of->n_labels > of->n_rows ? of->n_outputs : 1;
    job->chunk_rows = CHUNK_CELLS / of->n_outputs > 0 ? CHUNK_CELLS / of->n_outputs : 1;
    job->label_cells = job->n_label_columns * job->chunk_rows;
    job->room_cells =
        2 * of->n_outputs * of->n_rows + 2 * leaf_cells + 3 * of->n_outputs * job->chunk_rows;
    const int64_t bytes = of->threads * job->room_cells * (int64_t)sizeof(double);
    GBT_TRY(gbt_influence_reserve(of, bytes, "following the training rows"));
    job->bytes = bytes;
    GBT_TRY(GBT_NEW(job->room, of->threads * job->room_cells));
    GBT_TRY(GBT_NEW(job->label_room, of->threads * job->label_cells));
    if (job->update_set >= 0) {
        GBT_TRY(GBT_NEW(job->chosen, of->threads * leaf_cells));
    }
    if (of->has_bags) {
        GBT_TRY(GBT_NEW(job->bag, of->n_rounds * of->n_rows));
        for (int32_t round = 0; round < of->n_rounds; round++) {
            GBT_TRY(gbt_model_in_bag(of->model, round, job->bag + round * of->n_rows, of->n_rows));
        }
    }
    return GBT_OK;
}

gbt_status gbt_moves_by_refit(gbt_influence *of, int32_t update_set, gbt_moves *moves,
                              gbt_influence_progress *progress)
{
    refit_job job = {.of = of, .update_set = update_set, .moves = moves};
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(open_job(&job));
    for (job.first = 0; job.first < of->n_rows; job.first += of->threads) {
        const int64_t left = of->n_rows - job.first;
        gbt_for_chunks(of->threads, left < of->threads ? left : of->threads, 1, refit_rows, &job);
        for (int t = 0; t < of->threads; t++) {
            GBT_TRY_OR_DONE(job.status[t] == GBT_OK
                                ? GBT_OK
                                : gbt_fail(job.status[t], "the loss refuses labels that were "
                                                          "checked before"));
        }
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)job.first / (double)of->n_rows));
    }
done:
    of->bytes_held -= job.bytes;
    gbt_release(job.bag);
    gbt_release(job.room);
    gbt_release(job.label_room);
    gbt_release(job.chosen);
    return status;
}
