/* A prediction call as infer.c (checks), infer_job.c (CPU) and infer_device.c (device) see it. */
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
    bool by_entries; /* the trees take the rows as entries, these: */
    gbt_csr entries;
    const int32_t *feature_of; /* [columns of entries] feature or -1; NULL: the same numbers */
    char *scratch;             /* [threads x row_bytes] for what the trees take */
    int64_t row_bytes;         /* 0: they take the rows from where they are */
    float *raw;                /* [threads x block_rows x n_outputs] for GBT_PREDICT_CLASS */
    const float *init_score;   /* [n_rows x n_outputs] or NULL */
    float *out;
    int32_t *leaf; /* leaf numbers instead of scores; the first of row i at i * leaf_row_step */
    int64_t leaf_row_step, leaf_tree_step;
} gbt_infer_job;

/* Rows [first, first + n): their scores before the first tree, to raw [n x n_outputs]; and what the
 * caller wants of their raw scores, to job->out. raw may be the place in job->out where they go. */
void gbt_infer_start(const gbt_infer_job *, int64_t first, int64_t n, float *raw);
void gbt_infer_finish(const gbt_infer_job *, int64_t first, int64_t n, float *raw);

/* The whole job: source, kind and where the answers go are set, the rest is found here.
 * ERR_MEMORY, ERR_DEVICE. */
gbt_status gbt_infer_job_run(gbt_infer_job *, int threads);

/* The whole job on the model's device. ERR_MEMORY, ERR_DEVICE. */
gbt_status gbt_infer_on_device(gbt_infer_job *, int threads);

#endif
