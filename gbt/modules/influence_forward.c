/* Carries the training rows through the model: before each round their scores in double and the
 * derivatives of the loss there, with each row's leaf and whether the round saw it. The scores are
 * those of the model: stored leaf values, added in double. Cost of a round: the derivatives, and a
 * prediction unless the leaves are kept. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum { CHUNK = 8192 };

static gbt_status open_derivatives(gbt_derivatives *d, int64_t cells, bool has_slopes)
{
    GBT_TRY(GBT_NEW(d->grad, cells));
    GBT_TRY(GBT_NEW(d->hess, cells));
    if (has_slopes) {
        GBT_TRY(GBT_NEW(d->grad_slope, cells));
        GBT_TRY(GBT_NEW(d->hess_slope, cells));
    }
    return GBT_OK;
}

static void close_derivatives(gbt_derivatives *d)
{
    gbt_release(d->grad);
    gbt_release(d->hess);
    gbt_release(d->grad_slope);
    gbt_release(d->hess_slope);
}

gbt_status gbt_forward_open(gbt_forward *f, const gbt_influence *of, const float *new_label,
                            bool has_slopes)
{
    const int64_t cells = of->n_outputs * of->n_rows;
    gbt_status status = GBT_OK;
    memset(f, 0, sizeof *f);
    f->of = of;
    f->new_label = new_label;
    f->round = -1;
    GBT_TRY_OR_DONE(GBT_NEW(f->score, cells));
    memcpy(f->score, of->base, (size_t)cells * sizeof *f->score);
    if (new_label) { /* a label outside the domain of the loss is found here */
        GBT_TRY_OR_DONE(gbt_objective_derivatives(of->objective, f->score, new_label, of->n_rows,
                                                  NULL, NULL, NULL, NULL, NULL));
        GBT_TRY_OR_DONE(open_derivatives(&f->other, cells, has_slopes));
    }
    GBT_TRY_OR_DONE(open_derivatives(&f->own, cells, has_slopes));
    if (of->has_bags) {
        GBT_TRY_OR_DONE(GBT_NEW(f->in_bag, of->n_rows));
    }
    if (!of->leaf) {
        GBT_TRY_OR_DONE(GBT_NEW(f->leaf_room, cells));
        GBT_TRY_OR_DONE(GBT_NEW(f->leaf_wide, cells));
    }
done:
    if (status != GBT_OK) {
        gbt_forward_close(f);
    }
    return status;
}

void gbt_forward_close(gbt_forward *f)
{
    gbt_release(f->score);
    gbt_release(f->in_bag);
    gbt_release(f->leaf_room);
    gbt_release(f->leaf_wide);
    close_derivatives(&f->own);
    close_derivatives(&f->other);
    memset(f, 0, sizeof *f);
}

static void add_values(void *context, int64_t first, int64_t last, int thread)
{
    gbt_forward *f = context;
    (void)thread;
    for (int32_t k = 0; k < f->of->n_outputs; k++) {
        const int32_t tree = f->round * f->of->n_outputs + k;
        const double *value = f->of->leaf_value + f->of->leaf_start[tree];
        const uint16_t *leaf = f->leaf + k * f->of->n_rows;
        double *score = f->score + k * f->of->n_rows;
        for (int64_t i = first; i < last; i++) {
            score[i] += value[leaf[i]];
        }
    }
}

static gbt_status find_leaves(gbt_forward *f)
{
    const int64_t cells = f->of->n_outputs * f->of->n_rows;
    if (f->of->leaf) {
        f->leaf = f->of->leaf + f->round * cells;
        return GBT_OK;
    }
    GBT_TRY(gbt_model_leaves_dataset(f->of->model, f->of->train, f->round, 1, f->of->threads,
                                     f->leaf_wide, cells));
    for (int64_t i = 0; i < cells; i++) {
        f->leaf_room[i] = (uint16_t)f->leaf_wide[i];
    }
    f->leaf = f->leaf_room;
    return GBT_OK;
}

gbt_status gbt_forward_next(gbt_forward *f)
{
    const gbt_influence *of = f->of;
    if (f->round >= 0) {
        gbt_for_chunks(of->threads, of->n_rows, CHUNK, add_values, f);
    }
    f->round++;
    if (f->round == of->n_rounds) {
        return GBT_OK;
    }
    GBT_TRY(find_leaves(f));
    if (f->in_bag) {
        GBT_TRY(gbt_model_in_bag(of->model, f->round, f->in_bag, of->n_rows));
    }
    GBT_TRY(gbt_influence_derive(of, f->score, of->label, of->n_rows, &f->own));
    return f->new_label ? gbt_influence_derive(of, f->score, f->new_label, of->n_rows, &f->other)
                        : GBT_OK;
}

void gbt_influence_final_scores(const gbt_influence *of, double *score)
{
    memcpy(score, of->base, (size_t)(of->n_outputs * of->n_rows) * sizeof *score);
    for (int32_t tree = 0; tree < of->n_trees; tree++) {
        const uint16_t *leaf = of->leaf + tree * of->n_rows;
        const double *value = of->leaf_value + of->leaf_start[tree];
        double *to = score + tree % of->n_outputs * of->n_rows;
        for (int64_t i = 0; i < of->n_rows; i++) {
            to[i] += value[leaf[i]];
        }
    }
}
