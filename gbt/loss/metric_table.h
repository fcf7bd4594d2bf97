/* Inside the metric files only: a row of the table in metric.c and the two ways to compute a
 * metric. */
#ifndef GBT_LOSS_METRIC_TABLE_H
#define GBT_LOSS_METRIC_TABLE_H

#include "gbt/loss/metric.h"

typedef enum gbt_metric_id {
    /* A weighted mean over rows (metric_point.c) of the response ... */
    GBT_METRIC_RMSE,
    GBT_METRIC_L2,
    GBT_METRIC_MAE,
    GBT_METRIC_MAPE,
    GBT_METRIC_HUBER,
    GBT_METRIC_FAIR,
    GBT_METRIC_QUANTILE,
    GBT_METRIC_POISSON,
    GBT_METRIC_GAMMA,
    GBT_METRIC_GAMMA_DEVIANCE,
    GBT_METRIC_TWEEDIE,
    /* ... or of raw scores. */
    GBT_METRIC_LOGLOSS,
    GBT_METRIC_ERROR,
    GBT_METRIC_MULTI_LOGLOSS,
    GBT_METRIC_MULTI_ERROR,
    /* From the order of the scores (metric_rank.c). */
    GBT_METRIC_AUC,
    GBT_METRIC_AUCPR,
    GBT_METRIC_AUC_MU
} gbt_metric_id;

/* Objectives that a metric fits. */
typedef enum gbt_metric_fit {
    GBT_FIT_SCORES,      /* all but multiclass and multiclassova; the mean over all outputs */
    GBT_FIT_PROBABILITY, /* binary, cross_entropy; the same */
    GBT_FIT_RANK,        /* any with one output */
    GBT_FIT_CLASSES      /* multiclass, multiclassova */
} gbt_metric_fit;

struct gbt_metric {
    gbt_metric_id id;
    const char *name;
    const char *aliases; /* comma-separated, any case */
    gbt_metric_fit fit;
    bool is_larger_better;
};

/* Rows per call of gbt_metric_losses, so that its buffers stay in the first-level cache. */
enum { GBT_METRIC_BLOCK = 256 };

/* The metric's loss of each of n <= GBT_METRIC_BLOCK rows; raw scores of output k at k * stride. */
void gbt_metric_losses(gbt_metric_id, const gbt_objective *, const float *score, int64_t stride,
                       const float *label, int n, double *loss /* [n] */);

/* Rank metrics: the value, NaN when it is not defined. `scratch` has gbt_rank_scratch(id, n)
 * bytes. */
size_t gbt_rank_scratch(gbt_metric_id, int64_t n);
double gbt_rank_eval(gbt_metric_id, const gbt_objective *, const float *scores, const float *label,
                     const float *weight, int64_t n, int threads, void *scratch);

#endif
