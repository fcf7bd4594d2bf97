/* Training a model again on other rows or labels, many times: what loo, subsample and shapley
 * share. */
#ifndef GBT_MODULES_INFLUENCE_RETRAINER_H
#define GBT_MODULES_INFLUENCE_RETRAINER_H

#include "gbt/modules/influence_internal.h"

/* The recipe of the model. Read-only once open: any number of threads may train by it. */
typedef struct gbt_retrainer {
    const gbt_influence *of;
    gbt_params *params; /* of the model: its number of rounds, one thread, no early stopping */
    gbt_dataset *train; /* all rows; classes by number, so that a row set may lack one */
    int64_t n_classes;  /* 0: regression */
    double most_score;  /* raw scores are cut at +- this: probabilities at 1e-5 and 1 - 1e-5 */
    double least_loss, most_loss; /* for softmax the loss itself is cut likewise */
} gbt_retrainer;

/* Trains once on all rows and refuses when that does not give the model: it was not trained by
 * gbt_train, or continued, or stopped early by rows that it held out. GBT_ERR_DATA. */
gbt_status gbt_retrainer_open(gbt_retrainer *, const gbt_influence *);
void gbt_retrainer_close(gbt_retrainer *); /* a zeroed one is closed */

/* Whether the rows can be trained on: some weight, and for a binary model both classes. */
bool gbt_retrainer_can(const gbt_retrainer *, const int64_t *rows, int64_t n);
/* The same, and rows of every class. */
bool gbt_retrainer_has_classes(const gbt_retrainer *, const int64_t *rows, int64_t n);

/* A model of some rows, in that order. */
gbt_status gbt_retrain(const gbt_retrainer *, const int64_t *rows, int64_t n, gbt_model **out);
/* A model of all rows, row `row` with another label: label [labels a row]. */
gbt_status gbt_retrain_relabelled(const gbt_retrainer *, int64_t row, const float *label,
                                  gbt_model **out);

/* Rows whose losses are asked again and again. */
typedef struct gbt_loss_rows {
    const gbt_dataset *rows;
    gbt_dataset *owned; /* `rows` when it is a subset made for the occasion, else NULL */
    int64_t n;
    float *label; /* [labels a row x n] */
} gbt_loss_rows;

/* Rows [first, first + n) of a set with labels [labels a row x n_all]. */
gbt_status gbt_loss_rows_open(gbt_loss_rows *, const gbt_influence *, const gbt_dataset *all,
                              const float *label, int64_t n_all, int64_t first, int64_t n);
void gbt_loss_rows_close(gbt_loss_rows *);

/* Their losses under a model: out [n]. */
gbt_status gbt_retrainer_losses(const gbt_retrainer *, const gbt_model *, const gbt_loss_rows *,
                                double *out);

/* One training or pass; `job` counts from 0. */
typedef gbt_status (*gbt_retrain_fn)(void *context, int64_t job);

/* Runs jobs [first, last) on the threads of the estimator, one thread each, in any order. Of
 * several failures that of the lowest job is reported. Log lines are dropped. */
gbt_status gbt_retrain_jobs(const gbt_influence *, int64_t first, int64_t last, gbt_retrain_fn,
                            void *context);

/* Jobs between two looks at the progress callback. */
int64_t gbt_retrain_batch(const gbt_influence *);

#endif
