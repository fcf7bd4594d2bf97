/* Data Shapley by truncated Monte Carlo [Ghorbani19], in the form of [Brophy23]. A pass draws a
 * random order of the rows and adds the first quarter of them one by one; the influence of a row on
 * a target is the mean over the passes of the drop of the loss when the row was added. A row that
 * comes too late in a pass, or before the rows can be trained on (every class, or two rows), drops
 * nothing. The loss before the first model is that of the score 0 for classes and shares, ln 2 and
 * ln(classes), and 0 for regression.
 *
 * Every 100 passes, targets are settled whose means have changed by less than a tenth since the
 * last such look: mean_i |v_i - before_i| / (|v_i| + 1e-12) < 0.1.
 *
 * Cost: a quarter of the rows trainings for every pass: for tiny data only. */
#include "gbt/modules/influence_retrain.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/modules/settings.h"

enum { LOOK_EVERY = 100, SHARE = 4 /* a pass adds a SHARE-th of the rows */ };

typedef struct shapley {
    const gbt_influence *of;
    const gbt_loss_rows *targets; /* NULL: every row on itself */
    bool is_total;                /* one column: the sum over the targets */
    uint64_t seed;
    int64_t n, n_added; /* columns, rows that a pass adds */
    int64_t first, n_batch;
    double *start;    /* [n] loss without a model; [n_rows] for rows on themselves */
    int64_t *order;   /* [passes at a time x n_rows] */
    double *drop;     /* [passes at a time x n_added x n] */
    double *total;    /* [n x n_rows] */
    double *before;   /* [n x n_rows] means at the latest look */
    double *mean;     /* [n x n_rows] the result so far */
    bool *is_settled; /* [n] */
} shapley;

/* ---- A pass ---------------------------------------------------------------------------------- */

/* The first n_added of a random order. */
static void draw_order(const shapley *s, int64_t pass, int64_t *order)
{
    const uint64_t key = gbt_rng_key(s->seed, (uint64_t)pass, 0, GBT_RNG_INFLUENCE);
    const int64_t n_rows = s->of->n_rows;
    for (int64_t i = 0; i < n_rows; i++) {
        order[i] = i;
    }
    for (int64_t i = 0; i < s->n_added; i++) {
        const int64_t other = i + (int64_t)(gbt_rng_u64(key, (uint64_t)i) % (uint64_t)(n_rows - i));
        const int64_t row = order[other];
        order[other] = order[i];
        order[i] = row;
    }
}

/* Losses of the columns: room [targets] when they are summed up. */
static gbt_status losses_of(const shapley *s, const gbt_model *model, double *room, double *out)
{
    if (!s->is_total) {
        return gbt_retrainer_losses(s->of->state, model, s->targets, out);
    }
    GBT_TRY(gbt_retrainer_losses(s->of->state, model, s->targets, room));
    *out = 0.0;
    for (int64_t j = 0; j < s->targets->n; j++) {
        *out += room[j];
    }
    return GBT_OK;
}

/* Drop of the loss of `row` itself between two models, the first of which may be missing. */
static gbt_status drop_of_itself(const shapley *s, const gbt_model *old, const gbt_model *model,
                                 int64_t row, double *drop)
{
    const gbt_influence *of = s->of;
    gbt_status status = GBT_OK;
    gbt_loss_rows itself;
    double without = s->start[row], with = 0.0;
    GBT_TRY(gbt_loss_rows_open(&itself, of, of->train, of->label, of->n_rows, row, 1));
    if (old) {
        GBT_TRY_OR_DONE(gbt_retrainer_losses(of->state, old, &itself, &without));
    }
    GBT_TRY_OR_DONE(gbt_retrainer_losses(of->state, model, &itself, &with));
    *drop = without - with;
done:
    gbt_loss_rows_close(&itself);
    return status;
}

static gbt_status run_pass(void *context, int64_t pass)
{
    shapley *s = context;
    const int64_t slot = pass - s->first;
    int64_t *order = s->order + slot * s->of->n_rows;
    double *drop = s->drop + slot * s->n_added * s->n;
    gbt_status status = GBT_OK;
    gbt_model *model = NULL, *old = NULL;
    double *loss = NULL, *room = NULL; /* [n] before the row, [n + targets] */
    GBT_TRY_OR_DONE(GBT_NEW(loss, s->n));
    GBT_TRY_OR_DONE(GBT_NEW(room, s->n + (s->targets ? s->targets->n : 0)));
    memcpy(loss, s->start, (size_t)s->n * sizeof *loss);
    memset(drop, 0, (size_t)(s->n_added * s->n) * sizeof *drop);
    draw_order(s, pass, order);
    for (int64_t i = 0; i < s->n_added; i++) {
        if (i == 0 || !gbt_retrainer_has_classes(s->of->state, order, i + 1)) {
            continue;
        }
        GBT_TRY_OR_DONE(gbt_retrain(s->of->state, order, i + 1, &model));
        if (s->targets) {
            GBT_TRY_OR_DONE(losses_of(s, model, room + s->n, room));
            for (int64_t c = 0; c < s->n; c++) {
                drop[i * s->n + c] = loss[c] - room[c];
                loss[c] = room[c];
            }
        } else {
            GBT_TRY_OR_DONE(drop_of_itself(s, old, model, order[i], &drop[i]));
        }
        gbt_model_free(old);
        old = model;
        model = NULL;
    }
done:
    gbt_model_free(model);
    gbt_model_free(old);
    gbt_release(loss);
    gbt_release(room);
    return status;
}

/* ---- All passes ------------------------------------------------------------------------------ */

/* Adds the drops of the batch, pass by pass, to columns [first, last). */
static void add_passes(void *context, int64_t first, int64_t last, int thread)
{
    shapley *s = context;
    const int64_t n_rows = s->of->n_rows;
    (void)thread;
    for (int64_t b = 0; b < s->n_batch; b++) {
        for (int64_t i = 0; i < s->n_added; i++) {
            const int64_t row = s->order[b * n_rows + i];
            const double *drop = s->drop + (b * s->n_added + i) * s->n;
            for (int64_t c = first; c < last; c++) {
                s->total[c * n_rows + row] += drop[c];
            }
        }
    }
}

/* Takes the means of the columns that have not settled yet, and looks whether they do when
 * `is_look`. Returns how many go on. */
static int64_t take_means(shapley *s, int64_t n_passes, bool is_look)
{
    const int64_t n_rows = s->of->n_rows;
    int64_t n_left = 0;
    for (int64_t c = 0; c < s->n; c++) {
        double *before = s->before + c * n_rows, *mean = s->mean + c * n_rows, change = 0.0;
        if (s->is_settled[c]) {
            continue;
        }
        for (int64_t i = 0; i < n_rows; i++) {
            mean[i] = s->total[c * n_rows + i] / (double)n_passes;
            change += fabs(mean[i] - before[i]) / (fabs(mean[i]) + 1e-12);
        }
        if (is_look) {
            s->is_settled[c] = n_passes > LOOK_EVERY && change / (double)n_rows < 0.1;
            memcpy(before, mean, (size_t)n_rows * sizeof *before);
        }
        n_left += !s->is_settled[c];
    }
    return n_left;
}

/* The loss of a row without a model. */
static gbt_status find_start(shapley *s, const float *label, int64_t n)
{
    const gbt_influence *of = s->of;
    gbt_status status = GBT_OK;
    double *score = NULL, *loss = NULL;
    const bool has_classes = ((const gbt_retrainer *)of->state)->n_classes > 0 ||
                             strcmp(gbt_model_objective(of->model), "cross_entropy") == 0;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(s->start, s->is_total ? 1 : n));
    if (has_classes) {
        GBT_TRY_OR_DONE(GBT_NEW_ZERO(score, n * of->n_outputs));
        GBT_TRY_OR_DONE(GBT_NEW(loss, n));
        GBT_TRY_OR_DONE(gbt_objective_derivatives(of->objective, score, label, n, loss, NULL, NULL,
                                                  NULL, NULL));
        for (int64_t i = 0; i < n; i++) {
            s->start[s->is_total ? 0 : i] += loss[i];
        }
    }
done:
    gbt_release(score);
    gbt_release(loss);
    return status;
}

static gbt_status shapley_open(shapley *s, int64_t batch)
{
    const gbt_influence *of = s->of;
    const int64_t n_cells = s->n * of->n_rows;
    int64_t seed = 0;
    GBT_TRY(gbt_setting_int(of->params, "seed", &seed));
    s->seed = (uint64_t)seed;
    GBT_TRY(find_start(s, s->targets ? s->targets->label : of->label,
                       s->targets ? s->targets->n : of->n_rows));
    GBT_TRY(GBT_NEW(s->order, batch * of->n_rows));
    GBT_TRY(GBT_NEW(s->drop, batch * s->n_added * s->n));
    GBT_TRY(GBT_NEW_ZERO(s->total, n_cells));
    GBT_TRY(GBT_NEW_ZERO(s->before, n_cells));
    GBT_TRY(GBT_NEW_ZERO(s->mean, n_cells));
    return GBT_NEW_ZERO(s->is_settled, s->n);
}

static void shapley_close(shapley *s)
{
    gbt_release(s->start);
    gbt_release(s->order);
    gbt_release(s->drop);
    gbt_release(s->total);
    gbt_release(s->before);
    gbt_release(s->mean);
    gbt_release(s->is_settled);
}

gbt_status gbt_shapley_run(const gbt_influence *of, const gbt_loss_rows *targets, float *dense,
                           double *sums, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    int64_t n_passes = 0, n_left = 1;
    const int64_t batch = gbt_retrain_batch(of);
    shapley s = {.of = of,
                 .targets = targets,
                 .is_total = targets != NULL && dense == NULL,
                 .n = dense ? targets->n : 1,
                 .n_added = of->n_rows / SHARE};
    if (s.n_added < 2) {
        return gbt_fail(GBT_ERR_DATA,
                        "method = shapley needs %d training rows at least, found %lld", 2 * SHARE,
                        (long long)of->n_rows);
    }
    GBT_TRY_OR_DONE(gbt_setting_int(of->params, "retrainings", &n_passes));
    GBT_TRY_OR_DONE(shapley_open(&s, batch));
    while (s.first < n_passes && n_left > 0) {
        const int64_t next_look = (s.first / LOOK_EVERY + 1) * LOOK_EVERY;
        const int64_t end = next_look < n_passes ? next_look : n_passes;
        s.n_batch = end - s.first < batch ? end - s.first : batch;
        GBT_TRY_OR_DONE(gbt_retrain_jobs(of, s.first, s.first + s.n_batch, run_pass, &s));
        gbt_for_chunks(of->threads, s.n, 1, add_passes, &s);
        s.first += s.n_batch;
        if (s.first == end) {
            n_left = take_means(&s, s.first, end == next_look);
        }
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)s.first / (double)n_passes));
    }
    for (int64_t cell = 0; cell < s.n * of->n_rows; cell++) {
        if (dense) {
            dense[cell] = (float)s.mean[cell];
        } else {
            sums[cell] += s.mean[cell];
        }
    }
done:
    shapley_close(&s);
    return status;
}
