/* LeafInfluence [Sharchilev18 sec. 4]: with the splits kept, the exact derivative of every leaf
 * value by the weight of one training row i. J_j is the derivative of the score of row j,
 *     dv_l = -rate ([i in l] (g_i + theta_l h_i) + sum over j in l of w_j J_j (g'_j + theta_l
 * h'_j))
 *            / D_l,       J_j += dv_l for the rows j of leaf l,
 * g', h' the derivatives of g and h by the row's own score; of several outputs each follows its own
 * trees (cross derivatives of softmax are left out).
 *
 * Eight rows i are done at a time, so that the scores of the others are read once for eight sums.
 * One thread does the eight rows from first to last, in the order of rows: results do not depend on
 * the number of threads. Cost: n_rows^2 x trees; 64 bytes a row and thread. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_moves.h"

enum { COLUMNS = 8, CHUNK = 8192 };

/* What the rows of all trees are worth. */
typedef struct slope_job {
    gbt_influence *of;
    int32_t update_set;
    gbt_moves *moves;
    double *pull;       /* [n_trees x n_rows] w (g' + theta h'), 0 out of the bag */
    double *push;       /* [n_trees x n_rows] g + theta h, 0 out of the bag */
    int64_t room_cells; /* of one thread */
    double *room;       /* [threads x room_cells] */
    uint8_t *chosen;    /* [threads x most_leaves x COLUMNS] rows that follow */
    int64_t bytes;      /* of all that, while it is needed */
    int64_t first;      /* row of the chunks' 0 */
    /* While `pull` and `push` are filled: */
    const gbt_forward *forward;
} slope_job;

static void fill_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const slope_job *job = context;
    const gbt_influence *of = job->of;
    const gbt_forward *f = job->forward;
    (void)thread;
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const int32_t tree = f->round * of->n_outputs + k;
        const gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[tree];
        const int64_t from = k * of->n_rows, to = tree * of->n_rows;
        for (int64_t i = first; i < last; i++) {
            const double theta = sums[f->leaf[from + i]].theta;
            const double weight = of->weight ? (double)of->weight[i] : 1.0;
            const bool counts = !f->in_bag || f->in_bag[i];
            job->push[to + i] =
                counts ? f->own.grad[from + i] + theta * f->own.hess[from + i] : 0.0;
            job->pull[to + i] =
                counts
                    ? weight * (f->own.grad_slope[from + i] + theta * f->own.hess_slope[from + i])
                    : 0.0;
        }
    }
}

static gbt_status fill(slope_job *job)
{
    gbt_forward forward;
    gbt_status status = GBT_OK;
    GBT_TRY(gbt_forward_open(&forward, job->of, NULL, true));
    job->forward = &forward;
    for (int32_t round = 0; round < job->of->n_rounds && status == GBT_OK; round++) {
        status = gbt_forward_next(&forward);
        if (status == GBT_OK) {
            gbt_for_chunks(job->of->threads, job->of->n_rows, CHUNK, fill_chunk, job);
        }
    }
    gbt_forward_close(&forward);
    return status;
}

/* ---- Eight rows ------------------------------------------------------------------------------ */

/* Scratch of one thread, and the rows first .. first + n - 1 that it removes. */
typedef struct columns {
    const slope_job *job;
    int64_t first, n;
    double *slope;   /* J [n_rows x COLUMNS] */
    double *move;    /* dv of the latest tree [most_leaves x COLUMNS] */
    double *sum;     /* [most_leaves x COLUMNS] */
    uint8_t *chosen; /* [COLUMNS x most_leaves], or NULL: all rows follow */
} columns;

/* 1 where the rows of the leaf follow in the column. */
static double follows(const columns *c, int32_t column, int32_t leaf)
{
    return c->chosen ? (double)c->chosen[column * c->job->of->most_leaves + leaf] : 1.0;
}

/* Moves all scores by the tree `before` (-1: none), then adds up the sums of tree `now` (-1: none):
 * one reading of the scores for both. Rows that do not follow in a column have `move` 0 there, or
 * are taken out of `sum` again. */
static void pass(const columns *c, int32_t before, int32_t now)
{
    const int64_t n_rows = c->job->of->n_rows;
    const uint16_t *leaf = c->job->of->leaf, *old_leaf = before < 0 ? NULL : leaf + before * n_rows;
    const uint16_t *new_leaf = now < 0 ? NULL : leaf + now * n_rows;
    const double *pull = now < 0 ? NULL : c->job->pull + now * n_rows;
    for (int64_t j = 0; j < n_rows; j++) {
        double *slope = c->slope + j * COLUMNS;
        if (old_leaf) {
            const double *move = c->move + (int64_t)old_leaf[j] * COLUMNS;
            for (int b = 0; b < COLUMNS; b++) {
                slope[b] += move[b];
            }
        }
        if (new_leaf) {
            double *sum = c->sum + (int64_t)new_leaf[j] * COLUMNS;
            for (int b = 0; b < COLUMNS; b++) {
                sum[b] += pull[j] * slope[b];
            }
        }
    }
}

/* Chooses the rows that follow in tree `now`; scores are up to date. */
static void choose(const columns *c, int32_t now)
{
    const gbt_influence *of = c->job->of;
    const uint16_t *leaf = of->leaf + now * of->n_rows;
    const int32_t n_leaves = of->n_leaves[now];
    for (int64_t b = 0; b < c->n; b++) {
        memset(c->sum, 0, (size_t)n_leaves * sizeof *c->sum);
        for (int64_t j = 0; j < of->n_rows; j++) {
            c->sum[leaf[j]] += fabs(c->slope[j * COLUMNS + b]);
        }
        gbt_moves_choose(c->sum, n_leaves, leaf[c->first + b], c->job->update_set,
                         c->chosen + b * c->job->of->most_leaves);
    }
}

/* From sums to moves of tree `now`; and what the rows themselves follow although their leaves do
 * not. */
static void step(const columns *c, int32_t now)
{
    const slope_job *job = c->job;
    const gbt_influence *of = job->of;
    const gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[now];
    const int32_t n_leaves = of->n_leaves[now], k = now % of->n_outputs;
    for (int64_t b = 0; b < c->n; b++) {
        const int64_t i = c->first + b;
        const int32_t own = of->leaf[now * of->n_rows + i];
        float *shift = job->moves->shift + of->leaf_start[now] * of->n_rows + i;
        for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
            double sum = follows(c, (int32_t)b, leaf) * c->sum[leaf * COLUMNS + b];
            if (leaf == own) {
                const double other = 1.0 - follows(c, (int32_t)b, leaf);
                sum += job->push[now * of->n_rows + i] +
                       other * job->pull[now * of->n_rows + i] * c->slope[i * COLUMNS + b];
            }
            const double move =
                sums[leaf].divisor > 0.0 ? -of->rate * sum / sums[leaf].divisor : 0.0;
            shift[leaf * of->n_rows] = (float)move;
            c->move[leaf * COLUMNS + b] = follows(c, (int32_t)b, leaf) * move;
            if (leaf == own) {
                job->moves->own[k * of->n_rows + i] += move;
                c->slope[i * COLUMNS + b] += (1.0 - follows(c, (int32_t)b, leaf)) * move;
            }
        }
    }
}

static void follow_output(const columns *c, int32_t output)
{
    const gbt_influence *of = c->job->of;
    int32_t before = -1;
    memset(c->slope, 0, (size_t)of->n_rows * COLUMNS * sizeof *c->slope);
    memset(c->move, 0, (size_t)c->job->of->most_leaves * COLUMNS * sizeof *c->move);
    for (int32_t now = output; now < of->n_trees; now += of->n_outputs) {
        if (c->chosen) {
            pass(c, before, -1);
            before = -1;
            choose(c, now);
        }
        memset(c->sum, 0, (size_t)of->n_leaves[now] * COLUMNS * sizeof *c->sum);
        pass(c, before, now);
        step(c, now);
        before = now;
    }
}

static void follow_rows(void *context, int64_t first, int64_t last, int thread)
{
    const slope_job *job = context;
    const int64_t leaf_cells = (int64_t)job->of->most_leaves * COLUMNS;
    double *room = job->room + thread * job->room_cells;
    const columns c = {.job = job,
                       .first = job->first + first,
                       .n = last - first,
                       .slope = room,
                       .move = room + job->of->n_rows * COLUMNS,
                       .sum = room + job->of->n_rows * COLUMNS + leaf_cells,
                       .chosen = job->chosen ? job->chosen + thread * leaf_cells : NULL};
    for (int32_t k = 0; k < job->of->n_outputs; k++) {
        follow_output(&c, k);
    }
}

/* ---- All rows -------------------------------------------------------------------------------- */

static gbt_status open_job(slope_job *job)
{
    gbt_influence *of = job->of;
    const int64_t cells = of->n_trees * of->n_rows;
    const int64_t leaf_cells = (int64_t)job->of->most_leaves * COLUMNS;
    job->room_cells = of->n_rows * COLUMNS + 2 * leaf_cells;
    const int64_t bytes = (2 * cells + of->threads * job->room_cells) * (int64_t)sizeof(double);
    GBT_TRY(gbt_influence_reserve(of, bytes, "following the training rows"));
    job->bytes = bytes;
    GBT_TRY(GBT_NEW(job->pull, cells));
    GBT_TRY(GBT_NEW(job->push, cells));
    GBT_TRY(GBT_NEW(job->room, of->threads * job->room_cells));
    if (job->update_set >= 0) {
        GBT_TRY(GBT_NEW_ZERO(job->chosen, of->threads * leaf_cells));
    }
    return GBT_OK;
}

gbt_status gbt_moves_by_slope(gbt_influence *of, int32_t update_set, gbt_moves *moves,
                              gbt_influence_progress *progress)
{
    slope_job job = {.of = of, .update_set = update_set, .moves = moves};
    const int64_t stride = (int64_t)of->threads * COLUMNS;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(open_job(&job));
    GBT_TRY_OR_DONE(fill(&job));
    for (job.first = 0; job.first < of->n_rows; job.first += stride) {
        const int64_t left = of->n_rows - job.first;
        gbt_for_chunks(of->threads, left < stride ? left : stride, COLUMNS, follow_rows, &job);
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)job.first / (double)of->n_rows));
    }
done:
    of->bytes_held -= job.bytes;
    gbt_release(job.pull);
    gbt_release(job.push);
    gbt_release(job.room);
    gbt_release(job.chosen);
    return status;
}
