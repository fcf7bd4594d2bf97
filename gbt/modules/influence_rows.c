/* Numbers of every training row in every tree, as a recipe defines them: kept for all rounds when
 * memory allows (6 or 10 bytes a row and tree), else computed again for every call, a few rounds at
 * a time. Both ways give the same bits. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum { CHUNK = 8192, STRETCH_CELLS = 1 << 24 };

/* ---- One round ------------------------------------------------------------------------------- */

typedef struct fill_job {
    const gbt_rows *rows;
    int32_t output, place; /* place of the tree in the buffers */
} fill_job;

static void fill_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const fill_job *job = context;
    const gbt_rows *rows = job->rows;
    const gbt_recipe *recipe = rows->recipe;
    const int64_t n_rows = rows->of->n_rows;
    float *part[GBT_MOST_PARTS] = {NULL};
    double *state[GBT_MOST_STATES] = {NULL};
    (void)thread;
    for (int p = 0; p < recipe->n_parts; p++) {
        part[p] = rows->part[p] + job->place * n_rows;
    }
    for (int s = 0; s < recipe->n_states; s++) {
        state[s] = rows->state[s] + job->output * n_rows;
    }
    recipe->fill(recipe, &rows->forward, job->output, first, last, part, state);
    if (rows->self && recipe->add_self) {
        recipe->add_self(recipe, &rows->forward, job->output, first, last, part, rows->self);
    }
}

/* Computes the next round into place `at` of the buffers. */
static gbt_status fill_round(gbt_rows *rows, int32_t at)
{
    const int64_t n_rows = rows->of->n_rows;
    const int32_t n_outputs = rows->of->n_outputs;
    GBT_TRY(gbt_forward_next(&rows->forward));
    if (rows->leaf_pass.of) {
        GBT_TRY(gbt_leaf_pass_round(&rows->leaf_pass));
    }
    if (rows->leaf_room) {
        memcpy(rows->leaf_room + at * n_outputs * n_rows, rows->forward.leaf,
               (size_t)(n_outputs * n_rows) * sizeof *rows->leaf_room);
    }
    for (int32_t k = 0; k < n_outputs; k++) {
        fill_job job = {rows, k, at * n_outputs + k};
        gbt_for_chunks(rows->of->threads, n_rows, CHUNK, fill_chunk, &job);
    }
    return GBT_OK;
}

/* After the last round. */
static gbt_status finish(gbt_rows *rows)
{
    if (!rows->self || !rows->recipe->finish_self) {
        return GBT_OK;
    }
    GBT_TRY(gbt_forward_next(&rows->forward));
    return rows->recipe->finish_self(&rows->forward, rows->state, rows->self);
}

/* Buffers for the rounds of a stretch; `is_kept` ones last for ever, and so must their leaves. */
static gbt_status open_buffers(gbt_rows *rows, int32_t n_rounds, const float *new_label)
{
    const gbt_influence *of = rows->of;
    const int64_t cells = of->n_outputs * of->n_rows;
    rows->rounds_at_a_time = n_rounds;
    for (int p = 0; p < rows->recipe->n_parts; p++) {
        GBT_TRY(GBT_NEW(rows->part[p], n_rounds * cells));
    }
    for (int s = 0; s < rows->recipe->n_states; s++) {
        GBT_TRY(GBT_NEW_ZERO(rows->state[s], cells));
    }
    if (!of->leaf) {
        GBT_TRY(GBT_NEW(rows->leaf_room, n_rounds * cells));
    }
    return gbt_forward_open(&rows->forward, of, new_label, rows->recipe->has_slopes);
}

/* All that only the computation needs. */
static void drop_scratch(gbt_rows *rows)
{
    gbt_forward_close(&rows->forward);
    gbt_leaf_pass_close(&rows->leaf_pass);
    for (int s = 0; s < GBT_MOST_STATES; s++) {
        gbt_release(rows->state[s]);
        rows->state[s] = NULL;
    }
}

static void drop_buffers(gbt_rows *rows)
{
    for (int p = 0; p < GBT_MOST_PARTS; p++) {
        gbt_release(rows->part[p]);
        rows->part[p] = NULL;
    }
    gbt_release(rows->leaf_room);
    rows->leaf_room = NULL;
}

void gbt_rows_close(gbt_rows *rows)
{
    drop_scratch(rows);
    if (rows->rounds_at_a_time > 0) { /* else the arrays belong to another */
        drop_buffers(rows);
        gbt_release(rows->self);
    }
    memset(rows, 0, sizeof *rows);
}

/* Rounds computed at a time: the more, the fewer passes over the results. */
static int32_t stretch_rounds(const gbt_influence *of)
{
    const int64_t spare = gbt_influence_spare_bytes(of) / 32;
    const int64_t cells = spare < STRETCH_CELLS ? spare : STRETCH_CELLS;
    const int64_t rounds = cells / (of->n_outputs * of->n_rows);
    return rounds < 1 ? 1 : rounds > of->n_rounds ? of->n_rounds : (int32_t)rounds;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

gbt_status gbt_rows_keep(gbt_rows *rows, gbt_influence *of, const gbt_recipe *recipe,
                         gbt_influence_progress *progress)
{
    const int64_t cells = of->n_trees * of->n_rows;
    const int64_t bytes = cells * (recipe->n_parts * (int64_t)sizeof(float));
    gbt_status status = GBT_OK;
    memset(rows, 0, sizeof *rows);
    rows->of = of;
    rows->recipe = recipe;
    rows->n_trees = of->n_trees;
    rows->is_kept = of->leaf && gbt_influence_has_room(of, bytes);
    if (rows->is_kept) {
        GBT_TRY(gbt_influence_reserve(of, bytes, "slopes of the training rows"));
    }
    GBT_TRY_OR_DONE(
        gbt_influence_reserve(of, of->n_rows * (int64_t)sizeof(double), "self-influence"));
    GBT_TRY_OR_DONE(open_buffers(rows, rows->is_kept ? of->n_rounds : 1, NULL));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(rows->self, of->n_rows));
    if (!of->leaf_sums) {
        GBT_TRY_OR_DONE(gbt_leaf_pass_open(&rows->leaf_pass, of, &rows->forward));
    }
    for (int32_t round = 0; round < of->n_rounds; round++) {
        GBT_TRY_OR_DONE(fill_round(rows, rows->is_kept ? round : 0));
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)(round + 1) / of->n_rounds));
    }
    GBT_TRY_OR_DONE(finish(rows));
    rows->leaf = of->leaf;
    if (!rows->is_kept) {
        drop_buffers(rows);
    }
done:
    drop_scratch(rows);
    if (status != GBT_OK) {
        gbt_rows_close(rows);
    }
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

gbt_status gbt_rows_open(gbt_rows *rows, const gbt_influence *of, const gbt_rows *kept,
                         const gbt_recipe *recipe, const float *new_label)
{
    memset(rows, 0, sizeof *rows);
    rows->of = of;
    rows->recipe = recipe;
    if (kept && kept->is_kept) {
        rows->is_kept = true;
        rows->leaf = kept->leaf;
        memcpy(rows->part, kept->part, sizeof rows->part);
        return GBT_OK;
    }
    const gbt_status status = open_buffers(rows, stretch_rounds(of), new_label);
    if (status != GBT_OK) {
        gbt_rows_close(rows);
    }
    return status;
}

gbt_status gbt_rows_next(gbt_rows *rows)
{
    const gbt_influence *of = rows->of;
    rows->first_tree += rows->n_trees;
    rows->n_trees = of->n_trees - rows->first_tree;
    if (rows->is_kept || rows->n_trees == 0) {
        return GBT_OK;
    }
    const int32_t left = rows->n_trees / of->n_outputs;
    const int32_t n_rounds = left < rows->rounds_at_a_time ? left : rows->rounds_at_a_time;
    rows->n_trees = n_rounds * of->n_outputs;
    for (int32_t at = 0; at < n_rounds; at++) {
        GBT_TRY(fill_round(rows, at));
    }
    rows->leaf = of->leaf ? of->leaf + rows->first_tree * of->n_rows : rows->leaf_room;
    return GBT_OK;
}
