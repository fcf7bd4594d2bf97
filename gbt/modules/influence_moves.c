/* Moves of leaf values: their memory, the choice of update sets, and their use for targets. Cost of
 * a target: one addition a row and tree, along rows that lie side by side. */
#include "gbt/modules/influence_moves.h"

#include <string.h>

#include "gbt/base/alloc.h"

enum { CHUNK = 2048 };

gbt_status gbt_moves_open(gbt_moves *moves, gbt_influence *of)
{
    const int64_t cells = of->leaf_start[of->n_trees] * of->n_rows;
    const int64_t own_cells = of->n_outputs * of->n_rows;
    memset(moves, 0, sizeof *moves);
    GBT_TRY(gbt_influence_reserve(
        of, cells * (int64_t)sizeof *moves->shift + own_cells * (int64_t)sizeof *moves->own,
        "the move of every leaf by every training row (update_set = 0 needs none of it)"));
    GBT_TRY(GBT_NEW(moves->shift, cells));
    return GBT_NEW_ZERO(moves->own, own_cells);
}

void gbt_moves_close(gbt_moves *moves)
{
    gbt_release(moves->shift);
    gbt_release(moves->own);
    memset(moves, 0, sizeof *moves);
}

void gbt_moves_choose(const double *moved, int32_t n_leaves, int32_t own_leaf, int32_t update_set,
                      uint8_t *chosen)
{
    const bool all = update_set >= n_leaves;
    memset(chosen, all, (size_t)n_leaves);
    for (int32_t n = 0; !all && n < update_set; n++) {
        int32_t best = chosen[own_leaf] ? -1 : own_leaf;
        for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
            if (!chosen[leaf] && (best < 0 || moved[leaf] > moved[best])) {
                best = leaf;
            }
        }
        chosen[best] = 1;
    }
}

/* ---- Targets --------------------------------------------------------------------------------- */

typedef struct spread_job {
    const gbt_moves *moves;
    const gbt_influence *of;
    const gbt_target_set *targets;
    int64_t first, n;
    const double *factor;
    double sign;
    float *out;
    int64_t output_step;
} spread_job;

static double factor_of(const double *factor, double sign, int32_t output, int64_t n, int64_t s)
{
    return factor ? sign * factor[output * n + s] : sign;
}

static void spread_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const spread_job *job = context;
    const gbt_influence *of = job->of;
    const gbt_target_set *targets = job->targets;
    (void)thread;
    for (int64_t s = job->first; s < job->first + job->n; s++) {
        for (int32_t tree = 0; tree < of->n_trees; tree++) {
            const int32_t k = tree % of->n_outputs, leaf = targets->leaf[tree * targets->n + s];
            const float factor = (float)factor_of(job->factor, job->sign, k, targets->n, s);
            const float *shift = job->moves->shift + (of->leaf_start[tree] + leaf) * of->n_rows;
            float *out = job->out + k * job->output_step + (s - job->first) * of->n_rows;
            for (int64_t i = first; i < last; i++) {
                out[i] += factor * shift[i];
            }
        }
    }
}

void gbt_moves_spread(const gbt_moves *moves, const gbt_influence *of,
                      const gbt_target_set *targets, int64_t first, int64_t n, const double *factor,
                      double sign, float *out, int64_t output_step)
{
    spread_job job = {moves, of, targets, first, n, factor, sign, out, output_step};
    gbt_for_chunks(of->threads, of->n_rows, CHUNK, spread_chunk, &job);
}

typedef struct sum_job {
    const gbt_moves *moves;
    const gbt_influence *of;
    const double *totals; /* [leaves of all trees] */
    double *out;
} sum_job;

static void sum_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const sum_job *job = context;
    const int64_t n_rows = job->of->n_rows;
    (void)thread;
    for (int64_t leaf = 0; leaf < job->of->leaf_start[job->of->n_trees]; leaf++) {
        const float *shift = job->moves->shift + leaf * n_rows;
        for (int64_t i = first; i < last; i++) {
            job->out[i] += job->totals[leaf] * (double)shift[i];
        }
    }
}

void gbt_moves_sum(const gbt_moves *moves, const gbt_influence *of, const double *totals,
                   double *out)
{
    sum_job job = {moves, of, totals, out};
    gbt_for_chunks(of->threads, of->n_rows, CHUNK, sum_chunk, &job);
}
