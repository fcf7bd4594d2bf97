/* Influence from models on random shares of the rows [Feldman20]: M models, each trained on
 * retrain_fraction of the rows drawn without replacement;
 *
 *   I(i, s) = mean loss of s in the models without row i - mean loss in those with it,
 *
 * 0 for a row that all or none of the models saw. A draw that cannot be trained on, because a
 * binary model would lack a class, is drawn again. Cost: M trainings for every call, whatever the
 * number of targets, and an addition for each model, row and target. Holds one number for each row
 * and target, and the losses of the models that are trained side by side. */
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/modules/influence_retrain.h"
#include "gbt/modules/settings.h"

enum { MOST_DRAWS = 1000, ROWS = 1024 /* at a time */ };

typedef struct subsample {
    const gbt_influence *of;
    const gbt_loss_rows *targets; /* all training rows when every row is asked about itself */
    uint64_t seed;
    int64_t n_drawn; /* rows of a model */
    bool is_total;   /* one column, the sum over the targets */
    bool is_self;    /* one column: row i has the loss of target i */
    int64_t n;       /* columns */
    int64_t first, n_batch;
    uint8_t *drawn;  /* [models at a time x n_rows] 1: was trained on */
    double *loss;    /* [models at a time x targets] */
    int64_t *n_seen; /* [n_rows] models that saw the row */
    double *seen;    /* [n x n_rows] losses of the models that saw the row */
    double *total;   /* [n] of all models; [n_rows] when is_self */
} subsample;

/* Takes `n_drawn` rows, each set with the same probability, in ascending order. */
static void draw_rows(const subsample *s, uint64_t key, uint8_t *drawn, int64_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->of->n_rows; i++) {
        const double left = (double)(s->of->n_rows - i);
        drawn[i] = gbt_rng_unit(key, (uint64_t)i) * left < (double)(s->n_drawn - n);
        if (drawn[i]) {
            rows[n++] = i;
        }
    }
}

/* Draws until the rows can be trained on. */
static gbt_status draw_trainable(const subsample *s, int64_t model, uint8_t *drawn, int64_t *rows)
{
    for (uint64_t attempt = 0; attempt < MOST_DRAWS; attempt++) {
        draw_rows(s, gbt_rng_key(s->seed, (uint64_t)model, attempt, GBT_RNG_INFLUENCE), drawn,
                  rows);
        if (gbt_retrainer_can(s->of->state, rows, s->n_drawn)) {
            return GBT_OK;
        }
    }
    return gbt_fail(GBT_ERR_DATA,
                    "method = subsample: %d draws of %lld of the %lld rows all lacked a class or "
                    "weight; take a larger retrain_fraction",
                    MOST_DRAWS, (long long)s->n_drawn, (long long)s->of->n_rows);
}

static gbt_status train_sample(void *context, int64_t number)
{
    subsample *s = context;
    const int64_t slot = number - s->first;
    gbt_status status = GBT_OK;
    int64_t *rows = NULL;
    gbt_model *model = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(rows, s->n_drawn));
    GBT_TRY_OR_DONE(draw_trainable(s, number, s->drawn + slot * s->of->n_rows, rows));
    GBT_TRY_OR_DONE(gbt_retrain(s->of->state, rows, s->n_drawn, &model));
    GBT_TRY_OR_DONE(
        gbt_retrainer_losses(s->of->state, model, s->targets, s->loss + slot * s->targets->n));
done:
    gbt_release(rows);
    gbt_model_free(model);
    return status;
}

/* Adds the batch to rows [first, last) of all columns, model by model. */
static void add_batch(void *context, int64_t first, int64_t last, int thread)
{
    subsample *s = context;
    const int64_t n_rows = s->of->n_rows;
    (void)thread;
    for (int64_t b = 0; b < s->n_batch; b++) {
        const uint8_t *drawn = s->drawn + b * n_rows;
        const double *loss = s->loss + b * s->targets->n;
        for (int64_t i = first; i < last; i++) {
            s->n_seen[i] += drawn[i];
        }
        for (int64_t c = 0; c < s->n; c++) {
            double *seen = s->seen + c * n_rows;
            for (int64_t i = first; i < last; i++) {
                const double own = s->is_self ? loss[i] : loss[c];
                seen[i] += drawn[i] ? own : 0.0;
            }
        }
    }
}

/* Sums over the targets where only these are wanted; then the losses of all models. */
static void reduce_batch(subsample *s)
{
    for (int64_t b = 0; b < s->n_batch; b++) {
        double *loss = s->loss + b * s->targets->n;
        if (s->is_total) {
            double sum = 0.0;
            for (int64_t j = 0; j < s->targets->n; j++) {
                sum += loss[j];
            }
            loss[0] = sum;
        }
        for (int64_t c = 0; c < (s->is_self ? s->of->n_rows : s->n); c++) {
            s->total[c] += loss[c];
        }
    }
}

static double sample_influence(const subsample *s, int64_t n_models, int64_t column, int64_t row)
{
    const double inside = (double)s->n_seen[row], outside = (double)n_models - inside;
    const double seen = s->seen[column * s->of->n_rows + row];
    const double total = s->total[s->is_self ? row : column];
    return inside > 0.0 && outside > 0.0 ? (total - seen) / outside - seen / inside : 0.0;
}

static gbt_status subsample_open(subsample *s)
{
    const int64_t n_rows = s->of->n_rows, batch = gbt_retrain_batch(s->of);
    double fraction = 0.0;
    int64_t seed = 0;
    GBT_TRY(gbt_setting_int(s->of->params, "seed", &seed));
    GBT_TRY(gbt_setting_real(s->of->params, "retrain_fraction", &fraction));
    s->seed = (uint64_t)seed;
    s->n_drawn = (int64_t)(fraction * (double)n_rows + 0.5);
    s->n_drawn = s->n_drawn >= n_rows ? n_rows - 1 : s->n_drawn < 1 ? 1 : s->n_drawn;
    s->n = s->is_total || s->is_self ? 1 : s->targets->n;
    GBT_TRY(GBT_NEW(s->drawn, batch * n_rows));
    GBT_TRY(GBT_NEW(s->loss, batch * s->targets->n));
    GBT_TRY(GBT_NEW_ZERO(s->n_seen, n_rows));
    GBT_TRY(GBT_NEW_ZERO(s->seen, s->n * n_rows));
    return GBT_NEW_ZERO(s->total, s->is_self ? n_rows : s->n);
}

/* All models: fills seen, n_seen and total. */
static gbt_status run_models(subsample *s, int64_t n_models, gbt_influence_progress *progress)
{
    const gbt_influence *of = s->of;
    const int64_t batch = gbt_retrain_batch(of);
    for (; s->first < n_models; s->first += s->n_batch) {
        s->n_batch = n_models - s->first < batch ? n_models - s->first : batch;
        GBT_TRY(gbt_retrain_jobs(of, s->first, s->first + s->n_batch, train_sample, s));
        reduce_batch(s);
        gbt_for_chunks(of->threads, of->n_rows, ROWS, add_batch, s);
        GBT_TRY(gbt_influence_report(progress, (double)(s->first + s->n_batch) / (double)n_models));
    }
    return GBT_OK;
}

gbt_status gbt_subsample_run(const gbt_influence *of, const gbt_loss_rows *targets, float *dense,
                             double *sums, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    int64_t n_models = 0;
    gbt_loss_rows all = {0};
    subsample s = {.of = of,
                   .targets = targets ? targets : &all,
                   .is_self = targets == NULL,
                   .is_total = targets != NULL && dense == NULL};
    if (of->n_rows < 2) {
        return gbt_fail(GBT_ERR_DATA, "method = subsample needs two training rows at least");
    }
    if (s.is_self) {
        GBT_TRY(gbt_loss_rows_open(&all, of, of->train, of->label, of->n_rows, 0, of->n_rows));
    }
    GBT_TRY_OR_DONE(gbt_setting_int(of->params, "retrainings", &n_models));
    GBT_TRY_OR_DONE(subsample_open(&s));
    GBT_TRY_OR_DONE(run_models(&s, n_models, progress));
    for (int64_t c = 0; c < s.n; c++) {
        for (int64_t i = 0; i < of->n_rows; i++) {
            const double influence = sample_influence(&s, n_models, c, i);
            if (dense) {
                dense[c * of->n_rows + i] = (float)influence;
            } else {
                sums[i] += influence;
            }
        }
    }
done:
    gbt_loss_rows_close(&all);
    gbt_release(s.drawn);
    gbt_release(s.loss);
    gbt_release(s.n_seen);
    gbt_release(s.seen);
    gbt_release(s.total);
    return status;
}
