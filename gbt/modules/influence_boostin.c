/* BoostIn [Brophy23 sec. 4]: TracIn for boosting, each round a checkpoint. With c the fall of the
 * leaf value by the weight of row i,
 *     c[t][i] = rate (g_i + theta_l h_i) / D_l        for rows that tree t was grown on, else 0
 *     I(i, s) = sum over t with leaf(i) = leaf(s) of g_s c[t][i]
 * g_s at the target's score before the tree. The influence is that of one unit of row weight.
 * boostin_w1 and boostin_w2 divide c by the rows of the leaf and by their square. Another label y'
 * instead of the row's own: (g + theta h) / D - (g' + theta h') / (D - w h + w h') in place of the
 * fraction, w the row's weight.
 *
 * leaf_term = reference takes the shrunk leaf value, rate theta, where theta stands above: so does
 * the published program, though not the paper.
 *
 * Cost: the preparation is one pass over rows and trees; sums over targets and self-influence are
 * another. Pairs: influence_spread.c. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"
#include "gbt/modules/settings.h"

typedef struct boostin_state {
    gbt_recipe recipe, relabel;
    gbt_rows rows;
} boostin_state;

static double fraction(double grad, double hess, double theta, double divisor)
{
    return divisor > 0.0 ? (grad + theta * hess) / divisor : 0.0;
}

static void fill(const gbt_recipe *recipe, const gbt_forward *f, int32_t output, int64_t first,
                 int64_t last, float *const *part, double *const *state)
{
    const gbt_influence *of = f->of;
    const int64_t at = output * of->n_rows;
    const gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[f->round * of->n_outputs + output];
    (void)state;
    for (int64_t i = first; i < last; i++) {
        if (f->in_bag && !f->in_bag[i]) {
            part[0][i] = 0.0f;
            continue;
        }
        const gbt_leaf_sums *leaf = &sums[f->leaf[at + i]];
        const double hess = f->own.hess[at + i];
        const double theta = recipe->is_shrunk ? of->rate * leaf->theta : leaf->theta;
        double slope = fraction(f->own.grad[at + i], hess, theta, leaf->divisor);
        if (recipe->relabels) {
            const double other = f->other.hess[at + i];
            const double weight = of->weight ? (double)of->weight[i] : 1.0;
            slope -= fraction(f->other.grad[at + i], other, theta,
                              leaf->divisor + weight * (other - hess));
        }
        for (int p = 0; p < recipe->power; p++) {
            slope /= (double)leaf->n_rows;
        }
        part[0][i] = (float)(of->rate * slope);
    }
}

static void add_self(const gbt_recipe *recipe, const gbt_forward *f, int32_t output, int64_t first,
                     int64_t last, float *const *part, double *self)
{
    const double *grad = f->own.grad + output * f->of->n_rows;
    (void)recipe;
    for (int64_t i = first; i < last; i++) {
        self[i] += grad[i] * (double)part[0][i];
    }
}

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress, int power)
{
    static const char *const terms[] = {"exact", "reference"};
    boostin_state *state = NULL;
    int term = 0;
    GBT_TRY(gbt_setting_choice(of->params, "leaf_term", terms, 2, &term));
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    state->recipe.n_parts = 1;
    state->recipe.power = power;
    state->recipe.is_shrunk = term == 1;
    state->recipe.fill = fill;
    state->relabel = state->recipe;
    state->relabel.relabels = true;
    state->recipe.add_self = add_self;
    return gbt_rows_keep(&state->rows, of, &state->recipe, progress);
}

static gbt_status prepare_plain(gbt_influence *of, gbt_influence_progress *progress)
{
    return prepare(of, progress, 0);
}

static gbt_status prepare_w1(gbt_influence *of, gbt_influence_progress *progress)
{
    return prepare(of, progress, 1);
}

static gbt_status prepare_w2(gbt_influence *of, gbt_influence_progress *progress)
{
    return prepare(of, progress, 2);
}

static void close_state(gbt_influence *of)
{
    boostin_state *state = of->state;
    if (state) {
        gbt_rows_close(&state->rows);
        gbt_release(state);
    }
}

/* One pass over the rows, those kept or those of a new label, for the targets of a call. */
static gbt_status spread(const gbt_influence *of, const gbt_target_set *targets,
                         const float *new_label, int64_t first, int64_t n, float *out,
                         gbt_influence_progress *progress)
{
    const boostin_state *state = of->state;
    const gbt_recipe *recipe = new_label ? &state->relabel : &state->recipe;
    const gbt_spread job = {.targets = targets,
                            .first = first,
                            .n = n,
                            .factor = targets->grad,
                            .sign = 1.0,
                            .out = out};
    return gbt_spread_all(&job, of, new_label ? NULL : &state->rows, recipe, new_label, progress);
}

static gbt_status block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                        int64_t n, float *out, gbt_influence_progress *progress)
{
    return spread(of, targets, NULL, first, n, out, progress);
}

static gbt_status relabel(const gbt_influence *of, const gbt_target_set *targets,
                          const float *new_label, int64_t first, int64_t n, float *out,
                          gbt_influence_progress *progress)
{
    return spread(of, targets, new_label, first, n, out, progress);
}

static gbt_status add_totals(const gbt_influence *of, const gbt_target_set *targets, double *totals)
{
    gbt_totals_add(of, targets, targets->grad, false, 1.0, totals);
    return GBT_OK;
}

static gbt_status sum_totals(const gbt_influence *of, const double *totals, double *out,
                             gbt_influence_progress *progress)
{
    const boostin_state *state = of->state;
    return gbt_totals_sum(of, &state->rows, &state->recipe, NULL, totals, out, progress);
}

static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    const boostin_state *state = of->state;
    (void)progress;
    memcpy(out, state->rows.self, (size_t)of->n_rows * sizeof *out);
    return GBT_OK;
}

#define ROW(method, prepare_fn)                                                                   \
    {                                                                                             \
        .name = method, .needs_newton_leaves = true, .prepare = prepare_fn, .close = close_state, \
        .block = block, .self = self, .relabel = relabel, .add_totals = add_totals,               \
        .sum_totals = sum_totals,                                                                 \
    }

const gbt_influence_ops gbt_influence_boostin_ops[] = {
    ROW("boostin", prepare_plain),
    ROW("boostin_w1", prepare_w1),
    ROW("boostin_w2", prepare_w2),
};
