/* Cross-validation: what the run and its result hold. */
#ifndef GBT_TRAIN_CV_H
#define GBT_TRAIN_CV_H

#include "gbt/train/booster.h"
#include "gbt/train/folds.h"

enum { GBT_CV_PARTS = 2 };

/* The result. Model m is that of repeat m / n_folds and fold m % n_folds. */
struct gbt_cv {
    gbt_cv_info info;
    int32_t n_models, most_rounds;
    char metric_name[GBT_MAX_METRICS][24];
    double *value[GBT_CV_PARTS]; /* [most_rounds x n_metrics x n_models], NULL: not measured */
    int32_t *fold;               /* [n_repeats x n_rows] */
    float *raw;                  /* [n_repeats x n_rows x n_outputs], 0 where never held out */
    gbt_model **model;           /* [n_models] up to the best round */
};

/* What only the run needs. */
typedef struct gbt_cv_run_state {
    gbt_params *params;         /* of every booster */
    const gbt_dataset *data;    /* borrowed */
    const gbt_matrix *features; /* borrowed; NULL: the bins of `data` serve */
    gbt_classes classes;        /* of all rows */
    gbt_objective objective;    /* of all rows */
    float *target;              /* [gbt_objective_labels() x n_rows] */
    gbt_booster **booster;      /* [n_models] */
    gbt_dataset **held_out;     /* [n_models] */
    gbt_cv *cv;                 /* owned until it is handed over */
} gbt_cv_run_state;

/* Keys, labels, folds, the estimate of memory: all that is cheap to refuse. `given` [n_rows] or
 * NULL. Sets everything but the boosters and their rows. */
gbt_status gbt_cv_settle(gbt_cv_run_state *, const gbt_params *, const int32_t *given);

/* The boosters with their held-out rows, and room for the curves; more of it when they are full. */
/* Rows of model m: the training part, owned by the caller, and held_out[m]. row [n_rows] is
 * scratch. */
gbt_status gbt_cv_open_rows(gbt_cv_run_state *, int32_t m, int64_t *row, gbt_dataset **train);
gbt_status gbt_cv_open_boosters(gbt_cv_run_state *);
gbt_status gbt_cv_grow_curves(gbt_cv *);

/* The models up to the best round and their predictions; closes the boosters one by one. */
gbt_status gbt_cv_collect(gbt_cv_run_state *);

void gbt_cv_close_run(gbt_cv_run_state *); /* a zeroed one is closed */

/* Place of the value of one model after round `round` (from 1). */
double *gbt_cv_value(const gbt_cv *, int part, int metric, int32_t model, int32_t round);
/* Mean over the models for which the metric is defined, those for which it was after round 1; NaN
 * when there is none. `deviation` may be NULL. */
double gbt_cv_mean(const gbt_cv *, int part, int metric, int32_t round, double *deviation);

#endif
