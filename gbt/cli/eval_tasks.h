/* Metrics of a multi-task model on the rows of each task. */
#ifndef GBT_CLI_EVAL_TASKS_H
#define GBT_CLI_EVAL_TASKS_H

#include "gbt/cli/any_model.h"

enum { GBT_MOST_METRICS = 32 };

/* Appends a line of the CSV table task,rows,metric,value,low,high for each task and metric, the
 * interval left empty, or the member "tasks" of the JSON object. score [rows x outputs] raw;
 * `metric` [n_metrics] names the metrics. Tasks come by number; rows of tasks that training did not
 * see come first, together, as "(unseen)". */
gbt_status gbt_eval_tasks(gbt_model_job *, const gbt_table *, const float *score,
                          const gbt_metric_result *metric, int n_metrics);

#endif
