/* Influence by training again [Brophy23]:
 *
 *   loo        I(i, s) = L of s without row i - L of s; relabelled: with another label of row i
 *   subsample  influence_subsample.c
 *   shapley    influence_shapley.c
 *
 * Losses of classes come from probabilities cut at 1e-5 and 1 - 1e-5. Models are trained side by
 * side and forgotten at once; what they said is added up in their order. Cost of loo: n_rows
 * trainings for every call, whatever the number of targets. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_retrain.h"

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress)
{
    gbt_retrainer *retrainer = NULL;
    (void)progress;
    GBT_TRY(GBT_NEW_ZERO(retrainer, 1));
    of->state = retrainer;
    return gbt_retrainer_open(retrainer, of);
}

static void close_state(gbt_influence *of)
{
    if (of->state != NULL) {
        gbt_retrainer_close(of->state);
        gbt_release(of->state);
        of->state = NULL;
    }
}

/* ---- loo ------------------------------------------------------------------------------------- */

typedef struct loo {
    const gbt_influence *of;
    const gbt_loss_rows *targets; /* NULL: every row on itself */
    const float *new_label;       /* as gbt_influence.label: relabels; NULL: leaves out */
    const double *before;         /* [n] losses of the model at the targets */
    int64_t n, first;
    double *after; /* [jobs at a time x n] losses without row first, first + 1, ... */
} loo;

static bool keeps_label(const gbt_influence *of, const float *new_label, int64_t row)
{
    for (int64_t k = 0; k < of->n_labels / of->n_rows; k++) {
        if (new_label[k * of->n_rows + row] != of->label[k * of->n_rows + row]) {
            return false;
        }
    }
    return true;
}

static gbt_status train_relabelled(const loo *l, int64_t row, gbt_model **out)
{
    const gbt_influence *of = l->of;
    const int64_t a_row = of->n_labels / of->n_rows;
    float *label = NULL;
    GBT_TRY(GBT_NEW(label, a_row));
    for (int64_t k = 0; k < a_row; k++) {
        label[k] = l->new_label[k * of->n_rows + row];
    }
    const gbt_status status = gbt_retrain_relabelled(of->state, row, label, out);
    gbt_release(label);
    return status;
}

static gbt_status train_without(const loo *l, int64_t row, gbt_model **out)
{
    const gbt_influence *of = l->of;
    int64_t *rows = NULL;
    GBT_TRY(GBT_NEW(rows, of->n_rows));
    for (int64_t i = 0, n = 0; i < of->n_rows; i++) {
        rows[n] = i;
        n += i != row;
    }
    const gbt_status status = gbt_retrain(of->state, rows, of->n_rows - 1, out);
    gbt_release(rows);
    return status;
}

static gbt_status leave_out(void *context, int64_t row)
{
    loo *l = context;
    const gbt_influence *of = l->of;
    double *after = l->after + (row - l->first) * l->n;
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    gbt_loss_rows itself = {0};
    if (l->new_label && keeps_label(of, l->new_label, row)) {
        memcpy(after, l->before, (size_t)l->n * sizeof *after);
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(l->new_label ? train_relabelled(l, row, &model)
                                 : train_without(l, row, &model));
    if (l->targets == NULL) {
        GBT_TRY_OR_DONE(gbt_loss_rows_open(&itself, of, of->train, of->label, of->n_rows, row, 1));
    }
    GBT_TRY_OR_DONE(
        gbt_retrainer_losses(of->state, model, l->targets ? l->targets : &itself, after));
done:
    gbt_model_free(model);
    gbt_loss_rows_close(&itself);
    return status;
}

/* A row that is the only one of its class cannot be left out of a binary model. */
static gbt_status check_classes(const gbt_influence *of)
{
    const gbt_retrainer *retrainer = of->state;
    int64_t count[2] = {0, 0}, last[2] = {0, 0};
    if (retrainer->n_classes != 2 || of->n_outputs > 1) {
        return GBT_OK;
    }
    for (int64_t i = 0; i < of->n_rows; i++) {
        count[of->label[i] > 0.5f]++;
        last[of->label[i] > 0.5f] = i;
    }
    for (int c = 0; c < 2; c++) {
        if (count[c] == 1) {
            return gbt_fail(GBT_ERR_DATA,
                            "method = loo cannot train without row %lld: no other training row has "
                            "its class %s",
                            (long long)last[c], gbt_model_class_name(of->model, c));
        }
    }
    return GBT_OK;
}

/* Where the results of a batch of rows go. */
static void store_loo(const loo *l, int64_t n_batch, float *dense, double *sums)
{
    for (int64_t b = 0; b < n_batch; b++) {
        const int64_t row = l->first + b;
        double sum = 0.0;
        for (int64_t j = 0; j < l->n; j++) {
            const double before = l->before[l->targets ? j : row];
            const double influence = l->after[b * l->n + j] - before;
            sum += influence;
            if (dense) {
                dense[j * l->of->n_rows + row] = (float)influence;
            }
        }
        if (sums) {
            sums[row] += sum;
        }
    }
}

/* dense [n x n_rows] or sums [n_rows]; targets NULL: every row on itself, into sums. */
static gbt_status run_loo(const gbt_influence *of, const gbt_loss_rows *targets,
                          const float *new_label, float *dense, double *sums,
                          gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    gbt_loss_rows all = {0};
    double *before = NULL;
    loo l = {.of = of, .targets = targets, .new_label = new_label, .n = targets ? targets->n : 1};
    const int64_t batch = gbt_retrain_batch(of), n_before = targets ? targets->n : of->n_rows;
    GBT_TRY_OR_DONE(new_label ? GBT_OK : check_classes(of));
    GBT_TRY_OR_DONE(GBT_NEW(l.after, batch * l.n));
    GBT_TRY_OR_DONE(GBT_NEW(before, n_before));
    if (targets == NULL) {
        GBT_TRY_OR_DONE(
            gbt_loss_rows_open(&all, of, of->train, of->label, of->n_rows, 0, of->n_rows));
    }
    GBT_TRY_OR_DONE(gbt_retrainer_losses(of->state, of->model, targets ? targets : &all, before));
    l.before = before;
    while (l.first < of->n_rows) {
        const int64_t left = of->n_rows - l.first, n = left < batch ? left : batch;
        GBT_TRY_OR_DONE(gbt_retrain_jobs(of, l.first, l.first + n, leave_out, &l));
        store_loo(&l, n, dense, sums);
        l.first += n;
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)l.first / (double)of->n_rows));
    }
done:
    gbt_loss_rows_close(&all);
    gbt_release(before);
    gbt_release(l.after);
    return status;
}

/* ---- The estimators -------------------------------------------------------------------------- */

/* dense [n x n_rows] of targets, or sums [n_rows] over them; targets NULL: every row on itself. */
typedef gbt_status (*run_fn)(const gbt_influence *, const gbt_loss_rows *targets, float *dense,
                             double *sums, gbt_influence_progress *);

static gbt_status run_leaving_out(const gbt_influence *of, const gbt_loss_rows *targets,
                                  float *dense, double *sums, gbt_influence_progress *progress)
{
    return run_loo(of, targets, NULL, dense, sums, progress);
}

static run_fn run_of(const gbt_influence *of)
{
    return strcmp(of->ops->name, "loo") == 0         ? run_leaving_out
           : strcmp(of->ops->name, "subsample") == 0 ? gbt_subsample_run
                                                     : gbt_shapley_run;
}

static gbt_status block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                        int64_t n, float *out, gbt_influence_progress *progress)
{
    gbt_loss_rows rows;
    GBT_TRY(gbt_loss_rows_open(&rows, of, targets->rows, targets->label, targets->n, first, n));
    const gbt_status status = run_of(of)(of, &rows, out, NULL, progress);
    gbt_loss_rows_close(&rows);
    return status;
}

static gbt_status sum(const gbt_influence *of, const gbt_target_set *targets, double *out,
                      gbt_influence_progress *progress)
{
    gbt_loss_rows rows;
    GBT_TRY(
        gbt_loss_rows_open(&rows, of, targets->rows, targets->label, targets->n, 0, targets->n));
    const gbt_status status = run_of(of)(of, &rows, NULL, out, progress);
    gbt_loss_rows_close(&rows);
    return status;
}

static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    return run_of(of)(of, NULL, NULL, out, progress);
}

static gbt_status relabel(const gbt_influence *of, const gbt_target_set *targets,
                          const float *new_label, int64_t first, int64_t n, float *out,
                          gbt_influence_progress *progress)
{
    gbt_loss_rows rows;
    GBT_TRY(gbt_loss_rows_open(&rows, of, targets->rows, targets->label, targets->n, first, n));
    const gbt_status status = run_loo(of, &rows, new_label, out, NULL, progress);
    gbt_loss_rows_close(&rows);
    return status;
}

const gbt_influence_ops gbt_influence_retrain_ops[] = {
    {.name = "loo",
     .prepare = prepare,
     .close = close_state,
     .block = block,
     .sum = sum,
     .self = self,
     .relabel = relabel},
    {.name = "subsample",
     .prepare = prepare,
     .close = close_state,
     .block = block,
     .sum = sum,
     .self = self},
    {.name = "shapley",
     .prepare = prepare,
     .close = close_state,
     .block = block,
     .sum = sum,
     .self = self},
};
