/* Influence of training rows on predictions: the life of the handle, and progress. The questions
 * are in influence_ask.c, the estimators in influence_<name>.c; formulas: gbt/modules/INFLUENCE.md
 * [Brophy23]. */
#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/modules/influence_core.h"

/* ---- Progress -------------------------------------------------------------------------------- */

gbt_influence_progress gbt_influence_start_progress(gbt_progress_fn fn, void *user)
{
    const gbt_influence_progress progress = {
        .fn = fn, .user = user, .start = gbt_clock(), .span = 1.0};
    return progress;
}

gbt_status gbt_influence_report(gbt_influence_progress *progress, double done)
{
    const double now = gbt_clock(), most_often = 0.1;
    if (!progress->fn || now - progress->last < most_often) {
        return GBT_OK;
    }
    progress->last = now;
    return progress->fn(progress->from + progress->span * done, now - progress->start,
                        progress->user) == 0
               ? GBT_OK
               : gbt_fail(GBT_ERR_CANCELLED, "stopped by the progress function");
}

void gbt_influence_set_part(gbt_influence_progress *progress, double from, double to)
{
    progress->from = from;
    progress->span = to - from;
}

gbt_status gbt_influence_end_progress(gbt_influence_progress *progress)
{
    gbt_influence_set_part(progress, 0.0, 1.0);
    progress->last = 0.0;
    return gbt_influence_report(progress, 1.0);
}

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_status gbt_influence_create(const gbt_params *params, const gbt_model *model,
                                const gbt_dataset *train, gbt_progress_fn fn, void *user,
                                gbt_influence **out)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    gbt_influence *of = NULL;
    const gbt_influence_ops *ops = NULL;
    gbt_status status = GBT_OK;
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_create: out is NULL");
    }
    *out = NULL;
    if (!params || !model || !train) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_create: %s is NULL",
                        !params  ? "params"
                        : !model ? "model"
                                 : "train");
    }
    GBT_TRY(gbt_influence_find(params, &ops));
    GBT_TRY(GBT_NEW_ZERO(of, 1));
    of->ops = ops;
    GBT_TRY_OR_DONE(gbt_influence_setup(of, params, model, train));
    if (ops->needs_newton_leaves) {
        const int64_t bytes = of->n_trees * of->n_rows * (int64_t)sizeof *of->leaf;
        if (gbt_influence_has_room(of, bytes)) {
            GBT_TRY_OR_DONE(gbt_influence_keep_leaves(of));
        }
    }
    if (ops->prepare) {
        GBT_TRY_OR_DONE(ops->prepare(of, &progress));
    }
    GBT_TRY_OR_DONE(gbt_influence_end_progress(&progress));
    *out = of;
done:
    if (status != GBT_OK) {
        gbt_influence_free(of);
    }
    return status;
}

void gbt_influence_free(gbt_influence *of)
{
    if (!of) {
        return;
    }
    if (of->ops && of->ops->close) {
        of->ops->close(of);
    }
    gbt_params_free(of->params);
    gbt_model_free(of->model);
    gbt_objective_free(of->objective);
    gbt_dataset_free(of->train);
    gbt_release(of->label);
    gbt_release(of->weight);
    gbt_release(of->base);
    gbt_release(of->n_leaves);
    gbt_release(of->leaf_start);
    gbt_release(of->leaf_value);
    gbt_release(of->leaf);
    gbt_release(of->leaf_sums);
    gbt_release(of->features);
    gbt_release(of);
}

double gbt_influence_cell(const gbt_matrix *matrix, int64_t row, int64_t column)
{
    const int64_t at = row * matrix->row_stride + column * matrix->col_stride;
    switch (matrix->dtype) {
    case GBT_F64:
        return ((const double *)matrix->data)[at];
    case GBT_I32:
        return (double)((const int32_t *)matrix->data)[at];
    case GBT_F32:
        break;
    }
    return (double)((const float *)matrix->data)[at];
}

gbt_status gbt_influence_set_features(gbt_influence *of, const gbt_matrix *train)
{
    float *features = NULL;
    if (!of || !train || !train->data) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_set_features: %s is NULL",
                        !of ? "influence" : "train");
    }
    if (train->n_rows != of->n_rows || train->n_cols != of->n_features ||
        (int)train->dtype < GBT_F32 || (int)train->dtype > GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_influence_set_features: %lld x %lld numbers, the training rows have "
                        "%lld x %d",
                        (long long)train->n_rows, (long long)train->n_cols, (long long)of->n_rows,
                        (int)of->n_features);
    }
    const int64_t bytes = of->n_rows * of->n_features * (int64_t)sizeof *features;
    if (!of->features) {
        GBT_TRY(gbt_influence_reserve(of, bytes, "features"));
    }
    GBT_TRY(GBT_NEW(features, of->n_rows * of->n_features));
    for (int64_t i = 0; i < of->n_rows; i++) {
        for (int32_t f = 0; f < of->n_features; f++) {
            features[i * of->n_features + f] = (float)gbt_influence_cell(train, i, f);
        }
    }
    gbt_release(of->features);
    of->features = features;
    return GBT_OK;
}
