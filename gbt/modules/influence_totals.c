/* Influence summed over targets, without pairs: what depends on a target is first added up in the
 * leaves that it reaches, target after target; then every training row takes the total of its leaf
 * in each tree. Cost: one addition a target and tree, one product a row and tree, whatever the
 * number of targets. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum { CHUNK = 8192 };

/* ---- Targets --------------------------------------------------------------------------------- */

typedef struct add_job {
    const gbt_influence *of;
    const gbt_target_set *targets;
    const double *factor;
    bool is_final;
    double sign;
    double *totals;
} add_job;

static void add_trees(void *context, int64_t first, int64_t last, int thread)
{
    const add_job *job = context;
    const int64_t n = job->targets->n;
    (void)thread;
    for (int64_t tree = first; tree < last; tree++) {
        const int64_t line = job->is_final ? tree % job->of->n_outputs : tree;
        const int32_t *leaf = job->targets->leaf + tree * n;
        const double *factor = job->factor + line * n;
        double *totals = job->totals + job->of->leaf_start[tree];
        for (int64_t s = 0; s < n; s++) {
            totals[leaf[s]] += job->sign * factor[s];
        }
    }
}

void gbt_totals_add(const gbt_influence *of, const gbt_target_set *targets, const double *factor,
                    bool is_final, double sign, double *totals)
{
    add_job job = {of, targets, factor, is_final, sign, totals};
    gbt_for_chunks(of->threads, of->n_trees, 1, add_trees, &job);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

typedef struct share_job {
    const gbt_rows *rows;
    int32_t place; /* tree of the stretch */
    int n_parts;
    const double *total[GBT_MOST_PARTS]; /* [n_leaves] */
    double *out;                         /* [n_rows] */
} share_job;

static void share_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const share_job *job = context;
    const int64_t n_rows = job->rows->of->n_rows;
    const uint16_t *leaf = job->rows->leaf + job->place * n_rows;
    (void)thread;
    for (int p = 0; p < job->n_parts; p++) {
        const float *part = job->rows->part[p] + job->place * n_rows;
        for (int64_t i = first; i < last; i++) {
            job->out[i] += (double)part[i] * job->total[p][leaf[i]];
        }
    }
}

/* The trees of one stretch. room [GBT_MOST_PARTS x width] */
static void share_stretch(const gbt_rows *rows, gbt_totals_fn share, const double *totals,
                          double *room, int64_t width, double *out)
{
    const gbt_influence *of = rows->of;
    for (int32_t t = 0; t < rows->n_trees; t++) {
        const int32_t tree = rows->first_tree + t;
        const double *own = totals + of->leaf_start[tree];
        share_job job = {.rows = rows, .place = t, .n_parts = 1, .total = {own}, .out = out};
        if (share) {
            double *const parts[GBT_MOST_PARTS] = {room, room + width};
            share(of, tree, own, parts);
            job.n_parts = GBT_MOST_PARTS;
            job.total[0] = parts[0];
            job.total[1] = parts[1];
        }
        gbt_for_chunks(of->threads, of->n_rows, CHUNK, share_chunk, &job);
    }
}

gbt_status gbt_totals_sum(const gbt_influence *of, const gbt_rows *kept, const gbt_recipe *recipe,
                          gbt_totals_fn share, const double *totals, double *out,
                          gbt_influence_progress *progress)
{
    gbt_rows rows;
    double *room = NULL;
    const int64_t width = of->most_leaves;
    gbt_status status = GBT_OK;
    GBT_TRY(gbt_rows_open(&rows, of, kept, recipe, NULL));
    GBT_TRY_OR_DONE(GBT_NEW(room, GBT_MOST_PARTS * width));
    GBT_TRY_OR_DONE(gbt_rows_next(&rows));
    while (rows.n_trees > 0) {
        share_stretch(&rows, share, totals, room, width, out);
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)(rows.first_tree + rows.n_trees) /
                                                           (double)of->n_trees));
        GBT_TRY_OR_DONE(gbt_rows_next(&rows));
    }
done:
    gbt_release(room);
    gbt_rows_close(&rows);
    return status;
}
