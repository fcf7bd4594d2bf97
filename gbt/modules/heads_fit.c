/* One step of boosting: a few new units fitted to the residuals of a random subset of the rows
 * [EmamiMartinez23 eq. 9]. Deviations: residuals are divided by their root mean square before the
 * fit and the output weights multiplied by it after, so that fit and penalty mean the same at every
 * scale of the label; output weights start from 0; all draws, also those of rows, are functions of
 * (seed, step); inputs that do not vary in the subset start with weight 0, as nothing would correct
 * another. */
#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/optim.h"

enum { SOLVER_LBFGS = 0 }; /* of the key `solver` */

struct gbt_head_fitter {
    const gbt_head_settings *settings;
    gbt_mlp_shape shape;
    gbt_mlp_layout layout;
    const gbt_tiles *all; /* every training row */
    const float *weight;  /* [rows] or NULL */
    int64_t n_drawn;      /* rows of a step */
    int64_t *drawn;       /* [n_drawn] */
    gbt_tiles subset;     /* of the drawn rows; empty when all are drawn */
    float *residual;      /* [outputs x n_drawn] */
    float *drawn_weight;  /* [n_drawn] */
    uint8_t *is_live;     /* [n_dense + n_slots] inputs that vary in the subset */
    double *theta;        /* [layout.size] */
    gbt_mlp *mlp;
    gbt_lbfgs *lbfgs; /* one of these two */
    gbt_adam *adam;
};

gbt_status gbt_head_fitter_open(const gbt_head_settings *settings, const gbt_mlp_shape *shape,
                                const gbt_tiles *all, const float *weight, gbt_head_fitter **out)
{
    gbt_status status = GBT_OK;
    gbt_head_fitter *f = NULL;
    *out = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(f, 1));
    f->settings = settings;
    f->shape = *shape;
    f->layout = gbt_mlp_layout_of(shape);
    f->all = all;
    f->weight = weight;
    f->n_drawn = (int64_t)floor(settings->subsample * (double)all->n_rows);
    f->n_drawn = f->n_drawn > 0 ? f->n_drawn : 1;
    GBT_TRY_OR_DONE(GBT_NEW(f->drawn, f->n_drawn));
    if (f->n_drawn < all->n_rows) {
        GBT_TRY_OR_DONE(gbt_tiles_open(&f->subset, f->n_drawn, shape->n_dense, shape->n_index));
    }
    GBT_TRY_OR_DONE(GBT_NEW(f->residual, f->n_drawn * shape->n_outputs));
    if (weight) {
        GBT_TRY_OR_DONE(GBT_NEW(f->drawn_weight, f->n_drawn));
    }
    GBT_TRY_OR_DONE(GBT_NEW(f->is_live, shape->n_dense + shape->n_slots));
    GBT_TRY_OR_DONE(GBT_NEW(f->theta, f->layout.size));
    GBT_TRY_OR_DONE(gbt_mlp_open(shape, all->n_rows, settings->threads, &f->mlp));
    if (settings->solver == SOLVER_LBFGS) {
        GBT_TRY_OR_DONE(gbt_lbfgs_open(f->layout.size, &f->lbfgs));
    } else {
        GBT_TRY_OR_DONE(gbt_adam_open(f->layout.size, &f->adam));
    }
    *out = f;
    f = NULL;
done:
    gbt_head_fitter_close(f);
    return status;
}

void gbt_head_fitter_close(gbt_head_fitter *f)
{
    if (f != NULL) {
        gbt_release(f->drawn);
        gbt_tiles_close(&f->subset);
        gbt_release(f->residual);
        gbt_release(f->drawn_weight);
        gbt_release(f->is_live);
        gbt_release(f->theta);
        gbt_mlp_close(f->mlp);
        gbt_lbfgs_close(f->lbfgs);
        gbt_adam_close(f->adam);
        gbt_release(f);
    }
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* Exactly n_drawn rows, ascending, every subset equally likely [Knuth 3.4.2 algorithm S]. */
static void draw_rows(gbt_head_fitter *f, int32_t step)
{
    const uint64_t key =
        gbt_rng_key((uint64_t)f->settings->seed, (uint64_t)step, 0, GBT_RNG_UNIT_ROWS);
    const int64_t n = f->all->n_rows;
    for (int64_t row = 0, n_taken = 0; n_taken < f->n_drawn; row++) {
        const double left = (double)(n - row), needed = (double)(f->n_drawn - n_taken);
        if (gbt_rng_unit(key, (uint64_t)row) * left < needed) {
            f->drawn[n_taken++] = row;
        }
    }
}

/* The drawn rows with residuals of size 1. */
static const gbt_tiles *take_rows(gbt_head_fitter *f, const float *residual, double spread)
{
    const int64_t n = f->all->n_rows;
    double total = 0.0;
    for (int32_t k = 0; k < f->shape.n_outputs; k++) {
        for (int64_t i = 0; i < f->n_drawn; i++) {
            f->residual[k * f->n_drawn + i] =
                (float)((double)residual[k * n + f->drawn[i]] / spread);
        }
    }
    for (int64_t i = 0; f->weight && i < f->n_drawn; i++) {
        f->drawn_weight[i] = f->weight[f->drawn[i]];
        total += (double)f->drawn_weight[i];
    }
    for (int64_t i = 0; f->weight && !(total > 0.0) && i < f->n_drawn; i++) {
        f->drawn_weight[i] = 1.0f; /* only rows without weight were drawn */
    }
    if (f->n_drawn == n) {
        return f->all;
    }
    gbt_tiles_gather(f->all, f->drawn, f->n_drawn, &f->subset);
    return &f->subset;
}

/* ---- Start ----------------------------------------------------------------------------------- */

/* Is parameter i an output weight or bias? */
static bool is_output(const gbt_mlp_layout *at, int64_t i)
{
    return (i >= at->out && i < at->bias) || i >= at->out_bias;
}

static void find_live(gbt_head_fitter *f, const gbt_tiles *tiles)
{
    for (int64_t i = 0; i < f->shape.n_dense + f->shape.n_slots; i++) {
        f->is_live[i] = 0;
    }
    for (int32_t c = 0; c < tiles->n_dense; c++) {
        const float first = tiles->dense[gbt_tile_at(0, c, tiles->n_dense)];
        for (int64_t row = 1; row < tiles->n_rows && !f->is_live[c]; row++) {
            f->is_live[c] = tiles->dense[gbt_tile_at(row, c, tiles->n_dense)] != first;
        }
    }
    for (int64_t row = 0; row < tiles->n_rows; row++) {
        for (int32_t c = 0; c < tiles->n_index; c++) {
            const int32_t slot = tiles->index[gbt_tile_at(row, c, tiles->n_index)];
            if (slot >= 0) {
                f->is_live[f->shape.n_dense + slot] = 1;
            }
        }
    }
}

/* Hidden units uniform in +-sqrt(q / (inputs + units)), biases included; an index column counts as
 * one input, since one of its slots is 1 at most. Output weights 0: the step starts from f = 0, so
 * the error on the subset never exceeds that of no step, at any scale of the label. */
static void start_weights(gbt_head_fitter *f, int32_t step)
{
    const gbt_mlp_shape *s = &f->shape;
    const gbt_mlp_layout *at = &f->layout;
    const uint64_t key = gbt_rng_key((uint64_t)f->settings->seed, (uint64_t)step, 0, GBT_RNG_UNITS);
    const double q = s->activation == GBT_UNIT_LOGISTIC ? 2.0 : 6.0;
    const double bound = sqrt(q / ((double)s->n_dense + s->n_index + s->n_units));
    for (int64_t i = 0; i < at->size; i++) {
        f->theta[i] = is_output(at, i) ? 0.0 : bound * (2.0 * gbt_rng_unit(key, (uint64_t)i) - 1.0);
    }
    for (int64_t i = 0; i < s->n_dense * (int64_t)s->n_units; i++) {
        f->theta[at->dense + i] *= f->is_live[i % s->n_dense];
    }
    for (int64_t i = 0; i < s->n_slots * s->n_units; i++) {
        const int64_t slot = i / s->n_units;
        f->theta[at->slot + i] *= f->is_live[s->n_dense + slot];
    }
}

/* ---- Fit ------------------------------------------------------------------------------------- */

static void solve(gbt_head_fitter *f)
{
    gbt_minimise_options options = gbt_minimise_defaults();
    options.max_iterations = f->settings->iterations;
    options.gradient_tolerance = f->settings->tolerance;
    options.learning_rate = 0.05; /* of Adam, for residuals and inputs of size 1 */
    if (f->lbfgs) {
        (void)gbt_lbfgs_minimise(f->lbfgs, f->layout.size, gbt_mlp_loss, f->mlp, &options,
                                 f->theta);
    } else {
        (void)gbt_adam_minimise(f->adam, f->layout.size, gbt_mlp_loss, f->mlp, &options, f->theta);
    }
}

const double *gbt_head_fitter_step(gbt_head_fitter *f, int32_t step, const float *residual,
                                   double spread)
{
    const gbt_mlp_layout *at = &f->layout;
    draw_rows(f, step);
    const gbt_tiles *tiles = take_rows(f, residual, spread);
    find_live(f, tiles);
    start_weights(f, step);
    gbt_mlp_aim(f->mlp, tiles, f->residual, f->n_drawn, f->drawn_weight, f->settings->weight_decay);
    solve(f);
    for (int64_t i = 0; i < at->size; i++) {
        f->theta[i] = is_output(at, i) ? f->theta[i] * spread : (double)(float)f->theta[i];
    }
    return f->theta;
}

void gbt_head_fitter_outputs(gbt_head_fitter *f, const gbt_tiles *tiles, const double *theta,
                             double *out, int64_t stride)
{
    gbt_mlp_outputs(f->mlp, tiles, theta, out, stride);
}
