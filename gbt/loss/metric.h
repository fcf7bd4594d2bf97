/* Metrics: name -> function. Fixed-chunk double sums, so that values do not depend on threads. */
#ifndef GBT_LOSS_METRIC_H
#define GBT_LOSS_METRIC_H

#include "gbt/loss/objective.h"

typedef struct gbt_metric gbt_metric; /* static rows of the table in metric.c */

typedef struct gbt_metric_config {
    const gbt_objective *objective; /* link and shape parameters */
    const gbt_metric *metric;
    char name[24]; /* as reported: "auc", "quantile" */
} gbt_metric_config;

/* A comma-separated list ("" or NULL: the objective's default) -> at most `capacity` configs.
 * ERR_PARAM: unknown name (nearest named), metric that does not fit the objective's outputs. */
gbt_status gbt_metric_parse(const char *list, const gbt_objective *, gbt_metric_config *out,
                            int capacity, int *n_out);
const char *gbt_metric_name(const gbt_metric *);                   /* static */
bool gbt_metric_is_better(const gbt_metric *, double a, double b); /* a better than b */
double gbt_metric_worst(const gbt_metric *);

/* scores: raw [n_outputs x n]; label [gbt_objective_labels() x n], the value is then the mean over
 * rows and labels; weight may be NULL; `scratch` of gbt_metric_scratch(n) bytes
 * (sorting for auc and aucpr), so that evaluation allocates nothing. */
size_t gbt_metric_scratch(const gbt_metric *, int64_t n);
double gbt_metric_eval(const gbt_metric_config *, const float *scores, const float *label,
                       const float *weight, int64_t n, int threads, void *scratch);

#endif
