/* Influence through leaf values with the splits kept [Sharchilev18, Brophy23 sec. 3]:
 *   leaf_influence      derivative of the final score, all rows following (influence_slope.c)
 *   leaf_influence_sp   the same when only the row itself follows; so is update_set = 0
 *   leaf_refit          finite change of the loss without the row (influence_refit.c)
 * With d[t][i] the change of the value of row i's own leaf ("single point"),
 *     d = -rate (g_i + theta h_i + w J (g'_i + theta h'_i)) / D,     J = sum of earlier d,
 *     I(i, s) = -sum over outputs of g_s sum over t with leaf(i) = leaf(s) of d[t][i],
 * g_s at the target's final score. For another label y' the same recursion runs with y' and
 * divisor D - w h + w h', and its d is subtracted. leaf_refit with update_set = 0 takes the row's
 * own g and h out of its leaves and lets no score follow; its influence is the change of the loss
 * L(score + change) - L(score).
 *
 * Cost of the single point: that of boostin. leaf_refit adds a loss evaluation a pair. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_moves.h"
#include "gbt/modules/settings.h"

typedef struct leaf_state {
    bool is_refit;
    bool is_alone; /* only the row itself follows */
    gbt_recipe recipe, relabel;
    gbt_rows rows;   /* is_alone */
    gbt_moves moves; /* else */
    double *self;    /* [n_rows] when not is_alone */
} leaf_state;

/* ---- Single rows ----------------------------------------------------------------------------- */

static double move_of(double grad, double hess, double pull, double theta, double divisor)
{
    return divisor > 0.0 ? -(grad + theta * hess + pull) / divisor : 0.0;
}

static void fill_slope(const gbt_recipe *recipe, const gbt_forward *f, int32_t output,
                       int64_t first, int64_t last, float *const *part, double *const *state)
{
    const gbt_influence *of = f->of;
    const int64_t at = output * of->n_rows;
    const gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[f->round * of->n_outputs + output];
    for (int64_t i = first; i < last; i++) {
        if (f->in_bag && !f->in_bag[i]) {
            part[0][i] = 0.0f;
            continue;
        }
        const gbt_leaf_sums *leaf = &sums[f->leaf[at + i]];
        const double weight = of->weight ? (double)of->weight[i] : 1.0, theta = leaf->theta;
        const gbt_derivatives *own = &f->own, *other = &f->other;
        double pull =
            weight * state[0][i] * (own->grad_slope[at + i] + theta * own->hess_slope[at + i]);
        const double move =
            of->rate * move_of(own->grad[at + i], own->hess[at + i], pull, theta, leaf->divisor);
        state[0][i] += move;
        part[0][i] = (float)move;
        if (!recipe->relabels) {
            continue;
        }
        pull =
            weight * state[1][i] * (other->grad_slope[at + i] + theta * other->hess_slope[at + i]);
        const double divisor = leaf->divisor + weight * (other->hess[at + i] - own->hess[at + i]);
        const double new_move =
            of->rate * move_of(other->grad[at + i], other->hess[at + i], pull, theta, divisor);
        state[1][i] += new_move;
        part[0][i] = (float)(move - new_move);
    }
}

static void fill_refit(const gbt_recipe *recipe, const gbt_forward *f, int32_t output,
                       int64_t first, int64_t last, float *const *part, double *const *state)
{
    const gbt_influence *of = f->of;
    const int64_t at = output * of->n_rows;
    const gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[f->round * of->n_outputs + output];
    (void)recipe;
    for (int64_t i = first; i < last; i++) {
        const gbt_leaf_sums *leaf = &sums[f->leaf[at + i]];
        const double weight = of->weight ? (double)of->weight[i] : 1.0;
        const double divisor = leaf->divisor - weight * f->own.hess[at + i];
        const double grad = leaf->grad - weight * f->own.grad[at + i];
        const bool is_empty = leaf->n_rows < 2 || !(divisor > 0.0);
        const double move = of->rate * ((is_empty ? 0.0 : -grad / divisor) - leaf->theta);
        const bool counts = !f->in_bag || f->in_bag[i];
        state[0][i] += counts ? move : 0.0;
        part[0][i] = counts ? (float)move : 0.0f;
    }
}

/* ---- From changes of scores to influence ----------------------------------------------------- */

/* -sum over outputs of the gradient at the final score times the change [n_outputs x n_rows]. */
static gbt_status apply_slopes(const gbt_influence *of, const double *score, const double *change,
                               double *out)
{
    const int64_t n = of->n_rows;
    gbt_derivatives final = {0};
    GBT_TRY(GBT_NEW(final.grad, of->n_outputs * n));
    const gbt_status status = gbt_influence_derive(of, score, of->label, n, &final);
    for (int64_t i = 0; i < n && status == GBT_OK; i++) {
        out[i] = 0.0;
        for (int32_t k = 0; k < of->n_outputs; k++) {
            out[i] -= final.grad[k * n + i] * change[k * n + i];
        }
    }
    gbt_release(final.grad);
    return status;
}

/* Loss of the training rows after the change less that before. */
static gbt_status apply_losses(const gbt_influence *of, const double *score, const double *change,
                               double *out)
{
    const int64_t n = of->n_rows, cells = of->n_outputs * n;
    double *changed = NULL, *before = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(changed, cells));
    GBT_TRY_OR_DONE(GBT_NEW(before, n));
    for (int64_t i = 0; i < cells; i++) {
        changed[i] = score[i] + change[i];
    }
    const gbt_derivatives old = {.loss = before}, now = {.loss = out};
    GBT_TRY_OR_DONE(gbt_influence_derive(of, score, of->label, n, &old));
    GBT_TRY_OR_DONE(gbt_influence_derive(of, changed, of->label, n, &now));
    for (int64_t i = 0; i < n; i++) {
        out[i] -= before[i];
    }
done:
    gbt_release(changed);
    gbt_release(before);
    return status;
}

static gbt_status finish_slopes(const gbt_forward *f, double *const *state, double *self)
{
    return apply_slopes(f->of, f->score, state[0], self);
}

static gbt_status finish_refits(const gbt_forward *f, double *const *state, double *self)
{
    return apply_losses(f->of, f->score, state[0], self);
}

/* ---- Preparation ----------------------------------------------------------------------------- */

static gbt_status prepare_moves(gbt_influence *of, leaf_state *state, int32_t update_set,
                                gbt_influence_progress *progress)
{
    double *score = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_influence_keep_leaves(of));
    gbt_influence_set_part(progress, 0.0, 0.05);
    GBT_TRY_OR_DONE(gbt_influence_sum_leaves(of, progress));
    gbt_influence_set_part(progress, 0.05, 1.0);
    GBT_TRY_OR_DONE(gbt_moves_open(&state->moves, of));
    GBT_TRY_OR_DONE(GBT_NEW(state->self, of->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(score, of->n_outputs * of->n_rows));
    gbt_influence_final_scores(of, score);
    GBT_TRY_OR_DONE(state->is_refit ? gbt_moves_by_refit(of, update_set, &state->moves, progress)
                                    : gbt_moves_by_slope(of, update_set, &state->moves, progress));
    GBT_TRY_OR_DONE(state->is_refit ? apply_losses(of, score, state->moves.own, state->self)
                                    : apply_slopes(of, score, state->moves.own, state->self));
done:
    gbt_release(score);
    return status;
}

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress, bool is_refit,
                          int64_t update_set)
{
    leaf_state *state = NULL;
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    state->is_refit = is_refit;
    state->is_alone = update_set == 0;
    state->recipe.n_parts = 1;
    state->recipe.n_states = 1;
    state->recipe.has_slopes = !is_refit;
    state->recipe.fill = is_refit ? fill_refit : fill_slope;
    state->relabel = state->recipe;
    state->relabel.relabels = true;
    state->relabel.n_states = 2;
    state->recipe.finish_self = is_refit ? finish_refits : finish_slopes;
    return state->is_alone ? gbt_rows_keep(&state->rows, of, &state->recipe, progress)
                           : prepare_moves(of, state, (int32_t)update_set, progress);
}

static gbt_status prepare_sp(gbt_influence *of, gbt_influence_progress *progress)
{
    return prepare(of, progress, false, 0);
}

static gbt_status prepare_influence(gbt_influence *of, gbt_influence_progress *progress)
{
    int64_t update_set = 0;
    GBT_TRY(gbt_setting_int(of->params, "update_set", &update_set));
    return prepare(of, progress, false, update_set);
}

static gbt_status prepare_refit(gbt_influence *of, gbt_influence_progress *progress)
{
    int64_t update_set = 0;
    GBT_TRY(gbt_setting_int(of->params, "update_set", &update_set));
    return prepare(of, progress, true, update_set);
}

static void close_state(gbt_influence *of)
{
    leaf_state *state = of->state;
    if (state) {
        gbt_rows_close(&state->rows);
        gbt_moves_close(&state->moves);
        gbt_release(state->self);
        gbt_release(state);
    }
}

/* ---- Questions ------------------------------------------------------------------------------- */

/* Gradients of the targets at their final scores: [n_outputs x targets->n], gbt_release() them. */
static gbt_status final_gradients(const gbt_influence *of, const gbt_target_set *targets,
                                  double **out)
{
    gbt_derivatives final = {0};
    GBT_TRY(GBT_NEW(final.grad, of->n_outputs * targets->n));
    const gbt_status status =
        gbt_influence_derive(of, targets->score, targets->label, targets->n, &final);
    if (status != GBT_OK) {
        gbt_release(final.grad);
        return status;
    }
    *out = final.grad;
    return GBT_OK;
}

static gbt_status slope_block(const gbt_influence *of, const gbt_target_set *targets,
                              const float *new_label, int64_t first, int64_t n, float *out,
                              gbt_influence_progress *progress)
{
    const leaf_state *state = of->state;
    double *grad = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY(final_gradients(of, targets, &grad));
    if (state->is_alone) {
        const gbt_spread job = {.targets = targets,
                                .first = first,
                                .n = n,
                                .factor = grad,
                                .is_final = true,
                                .sign = -1.0,
                                .out = out};
        status = gbt_spread_all(&job, of, new_label ? NULL : &state->rows,
                                new_label ? &state->relabel : &state->recipe, new_label, progress);
    } else {
        gbt_moves_spread(&state->moves, of, targets, first, n, grad, -1.0, out, 0);
    }
    gbt_release(grad);
    return status;
}

static gbt_status influence_block(const gbt_influence *of, const gbt_target_set *targets,
                                  int64_t first, int64_t n, float *out,
                                  gbt_influence_progress *progress)
{
    return slope_block(of, targets, NULL, first, n, out, progress);
}

static gbt_status relabel(const gbt_influence *of, const gbt_target_set *targets,
                          const float *new_label, int64_t first, int64_t n, float *out,
                          gbt_influence_progress *progress)
{
    return slope_block(of, targets, new_label, first, n, out, progress);
}

static gbt_status add_totals(const gbt_influence *of, const gbt_target_set *targets, double *totals)
{
    double *grad = NULL;
    GBT_TRY(final_gradients(of, targets, &grad));
    gbt_totals_add(of, targets, grad, true, -1.0, totals);
    gbt_release(grad);
    return GBT_OK;
}

static gbt_status sum_totals(const gbt_influence *of, const double *totals, double *out,
                             gbt_influence_progress *progress)
{
    const leaf_state *state = of->state;
    if (state->is_alone) {
        return gbt_totals_sum(of, &state->rows, &state->recipe, NULL, totals, out, progress);
    }
    gbt_moves_sum(&state->moves, of, totals, out);
    return GBT_OK;
}

static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    const leaf_state *state = of->state;
    (void)progress;
    memcpy(out, state->is_alone ? state->rows.self : state->self, (size_t)of->n_rows * sizeof *out);
    return GBT_OK;
}

/* One target: `change` [n_outputs x n_rows] of its score by every row becomes a change of loss. The
 * last element of `score`, `label` and `loss` stands for no change. */
typedef struct loss_room {
    double *score; /* [n_outputs x (n_rows + 1)] */
    float *label;  /* [n_label_columns x (n_rows + 1)] */
    double *loss;  /* [n_rows + 1] */
} loss_room;

static gbt_status lose(const gbt_influence *of, const gbt_target_set *targets, int64_t s,
                       const float *change, int64_t output_step, const loss_room *room, float *out)
{
    const int64_t n = of->n_rows, m = n + 1;
    const gbt_derivatives wanted = {.loss = room->loss};
    for (int32_t k = 0; k < of->n_outputs; k++) {
        const double score = targets->score[k * targets->n + s];
        for (int64_t i = 0; i < n; i++) {
            room->score[k * m + i] = score + (double)change[k * output_step + i];
        }
        room->score[k * m + n] = score;
    }
    for (int64_t c = 0; c < of->n_labels / n; c++) {
        for (int64_t i = 0; i < m; i++) {
            room->label[c * m + i] = targets->label[c * targets->n + s];
        }
    }
    GBT_TRY(gbt_influence_derive(of, room->score, room->label, m, &wanted));
    for (int64_t i = 0; i < n; i++) {
        out[i] = (float)(room->loss[i] - room->loss[n]);
    }
    return GBT_OK;
}

/* Targets whose changes are made at a time: as many as memory allows, one output as many as asked
 * for, since its changes can stand where the influence will. */
static int64_t group_size(const gbt_influence *of, int64_t n)
{
    const int64_t bytes = of->n_outputs * of->n_rows * (int64_t)sizeof(float);
    const int64_t fitting = gbt_influence_spare_bytes(of) / 2 / bytes;
    return of->n_outputs == 1 || fitting > n ? n : fitting < 1 ? 1 : fitting;
}

static gbt_status refit_block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                              int64_t n, float *out, gbt_influence_progress *progress)
{
    const leaf_state *state = of->state;
    const int64_t m = of->n_rows + 1, group = group_size(of, n), step = group * of->n_rows;
    loss_room room = {0};
    float *changes = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(room.score, of->n_outputs * m));
    GBT_TRY_OR_DONE(GBT_NEW(room.label, of->n_labels / of->n_rows * m));
    GBT_TRY_OR_DONE(GBT_NEW(room.loss, m));
    if (of->n_outputs > 1) {
        GBT_TRY_OR_DONE(GBT_NEW(changes, of->n_outputs * step));
    }
    for (int64_t s = 0; s < n; s += group) {
        const int64_t in_group = n - s < group ? n - s : group;
        float *to = changes ? changes : out;
        if (changes) {
            memset(changes, 0, (size_t)(of->n_outputs * step) * sizeof *changes);
        }
        if (state->is_alone) {
            const gbt_spread job = {.targets = targets,
                                    .first = first + s,
                                    .n = in_group,
                                    .sign = 1.0,
                                    .out = to,
                                    .output_step = changes ? step : 0};
            GBT_TRY_OR_DONE(gbt_spread_all(&job, of, &state->rows, &state->recipe, NULL, progress));
        } else {
            gbt_moves_spread(&state->moves, of, targets, first + s, in_group, NULL, 1.0, to,
                             changes ? step : 0);
        }
        for (int64_t i = 0; i < in_group; i++) {
            GBT_TRY_OR_DONE(lose(of, targets, first + s + i, to + i * of->n_rows, step, &room,
                                 out + (s + i) * of->n_rows));
        }
    }
done:
    gbt_release(room.score);
    gbt_release(room.label);
    gbt_release(room.loss);
    gbt_release(changes);
    return status;
}

const gbt_influence_ops gbt_influence_leaf_ops[] = {
    {.name = "leaf_influence",
     .needs_newton_leaves = true,
     .prepare = prepare_influence,
     .close = close_state,
     .block = influence_block,
     .self = self,
     .add_totals = add_totals,
     .sum_totals = sum_totals},
    {.name = "leaf_influence_sp",
     .needs_newton_leaves = true,
     .prepare = prepare_sp,
     .close = close_state,
     .block = influence_block,
     .self = self,
     .relabel = relabel,
     .add_totals = add_totals,
     .sum_totals = sum_totals},
    {.name = "leaf_refit",
     .needs_newton_leaves = true,
     .prepare = prepare_refit,
     .close = close_state,
     .block = refit_block,
     .self = self},
};
