/* What gbt multitask prints: metrics of every mode on all test rows and on those of each task, and
 * the tasks with their weights. */
#ifndef GBT_CLI_MULTITASK_TABLE_H
#define GBT_CLI_MULTITASK_TABLE_H

#include "gbt/cli/task_metrics.h"

enum { GBT_MOST_MODES = 8 };

/* Modes measured on the same rows. */
typedef struct gbt_comparison {
    const gbt_table *test; /* borrowed */
    gbt_task_metrics rows;
    int n_modes, n_metrics;
    const char *mode[GBT_MOST_MODES]; /* borrowed */
    const char **metric;              /* [n_metrics] names, owned by the model */
    double *value[GBT_MOST_MODES];    /* [parts x n_metrics] each */
} gbt_comparison;

/* The metrics are those that the chosen model was trained with. */
gbt_status gbt_comparison_open(gbt_comparison *, const gbt_multitask *chosen,
                               const gbt_table *test);
void gbt_comparison_close(gbt_comparison *); /* a zeroed struct is an empty one */
/* Predicts and measures. */
gbt_status gbt_comparison_add(gbt_comparison *, const char *mode, const gbt_multitask *,
                              int threads);

/* "# metrics", "# task metrics" and "# tasks", each a CSV table, a blank line between them; without
 * modes only the last, without a title. */
gbt_status gbt_comparison_print(gbt_writer *, const gbt_comparison *, const gbt_multitask *chosen);
/* The members "metrics" and "tasks" of a JSON object. */
gbt_status gbt_comparison_print_json(gbt_writer *, const gbt_comparison *,
                                     const gbt_multitask *chosen);

#endif
