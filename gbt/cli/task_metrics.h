/* Rows of a table by the tasks of a multi-task model, and metrics of each part of them. */
#ifndef GBT_CLI_TASK_METRICS_H
#define GBT_CLI_TASK_METRICS_H

#include "gbt/cli/cli.h"

/* Part 0 is all rows; each further part holds those of one task, in the order of task numbers.
 * Rows of tasks that training did not see are one part, the first of these. */
typedef struct gbt_task_metrics {
    const gbt_multitask *model; /* borrowed */
    int64_t n_rows, n_outputs, n_labels;
    int32_t n_parts;
    int32_t *task;      /* [n_parts] index of the task in the model, -1: unseen; [0] unused */
    int64_t *first;     /* [n_parts + 1] where the part begins in `row`; [0] unused */
    int64_t *row;       /* [n_rows] by task */
    float *label;       /* [n_labels x n_rows] */
    float *weight;      /* [n_rows] */
    float *part_score;  /* [n_outputs x rows of a part] */
    float *part_label;  /* [n_labels x rows of a part] */
    float *part_weight; /* [rows of a part] */
} gbt_task_metrics;

/* ERR_DATA: no label, an unknown class, or no task column. */
gbt_status gbt_task_metrics_open(gbt_task_metrics *, const gbt_multitask *, const gbt_table *);
void gbt_task_metrics_close(gbt_task_metrics *); /* a zeroed struct is an empty one */

/* Measures raw scores [n_rows x n_outputs]: value [n_parts x n_metrics]. NaN where a metric is not
 * defined on the rows of a task, as auc for one class. */
gbt_status gbt_task_metrics_measure(gbt_task_metrics *, const char *const *metric, int n_metrics,
                                    const float *score, int threads, double *value);

int64_t gbt_task_metrics_rows(const gbt_task_metrics *, int32_t part);
/* The task of a part > 0; "(unseen)" without rows of training. */
gbt_status gbt_task_metrics_task(const gbt_task_metrics *, int32_t part, gbt_task_info *out);

#endif
