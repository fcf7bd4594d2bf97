/* The state of training heads: what heads.c (the loop) and heads_setup.c share. */
#ifndef GBT_MODULES_HEADS_TRAIN_H
#define GBT_MODULES_HEADS_TRAIN_H

#include "gbt/modules/heads_internal.h"

typedef struct gbt_head_trainer {
    gbt_head_settings settings;
    gbt_heads *heads; /* what is being made */
    gbt_objective *objective;
    int32_t n_outputs;
    gbt_head_rows train, valid;
    bool has_valid;
    float *grad, *hess, *residual; /* [outputs x training rows] */
    gbt_head_fitter *fitter;
    gbt_head_length length;
    double loss;         /* of the training rows */
    double first_spread; /* root mean square of the first residuals */

    int32_t n_metrics;      /* 0 without validation rows */
    const char **metric;    /* [n_metrics] */
    const char **data_name; /* [n_metrics] */
    double *value;          /* [n_metrics] */
    int32_t best_step;      /* 0: nothing measured yet */
    double best_value, start;
    gbt_round_fn callback;
    void *user;
} gbt_head_trainer;

/* The loop over steps, from open rows and an empty network to a finished one. */
gbt_status gbt_head_boost(gbt_head_trainer *);

#endif
