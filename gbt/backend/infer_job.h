/* One prediction call as infer.c (checks, CPU) and infer_device.c (a device) see it. */
#ifndef GBT_BACKEND_INFER_JOB_H
#define GBT_BACKEND_INFER_JOB_H

#include "gbt/backend/infer_rows.h"

typedef struct gbt_infer_job {
    const gbt_model *model;
    gbt_row_source source;
    gbt_predict_kind kind;
    int32_t first, last; /* rounds */
    int64_t block_rows;
    int32_t n_features, n_outputs;
    float *gathered; /* [threads x block_rows x n_features], zero at first; NULL: not needed */
    float *raw;      /* [threads x block_rows x n_outputs] for GBT_PREDICT_CLASS */
    const float *init_score; /* [n_rows x n_outputs] or NULL */
    float *out;
    int32_t *leaf; /* leaf numbers instead of scores; the first of row i at i * leaf_row_step */
    int64_t leaf_row_step, leaf_tree_step;
} gbt_infer_job;

/* Rows [first, first + n): their scores before the first tree, to raw [n x n_outputs]; and what the
 * caller wants of their raw scores, to job->out. raw may be the place in job->out where they go. */
void gbt_infer_start(const gbt_infer_job *, int64_t first, int64_t n, float *raw);
void gbt_infer_finish(const gbt_infer_job *, int64_t first, int64_t n, float *raw);

/* The whole job on the model's device. ERR_MEMORY, ERR_DEVICE. */
gbt_status gbt_infer_on_device(gbt_infer_job *, int threads);

#endif
