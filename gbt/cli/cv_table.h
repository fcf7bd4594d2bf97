/* What gbt cv prints. Every function appends to the writer. */
#ifndef GBT_CLI_CV_TABLE_H
#define GBT_CLI_CV_TABLE_H

#include "gbt/cli/cli.h"

typedef struct gbt_cv_times {
    double seconds_read, seconds_train;
    bool is_interrupted;
} gbt_cv_times;

/* data,metric,n_trees,mean,deviation, and a column for each model; all at the best round. */
gbt_status gbt_print_cv_table(gbt_writer *, const gbt_cv *);
gbt_status gbt_print_cv_json(gbt_writer *, const gbt_cv *, const gbt_cv_times *);
/* One JSON object a round. */
gbt_status gbt_print_cv_log(gbt_writer *, const gbt_cv *);
/* row or id, repeat when there are several, fold, then a column for each output. `ids`: a table
 * with an id column, or NULL. */
gbt_status gbt_print_cv_predictions(gbt_writer *, const gbt_cv *, const gbt_table *ids,
                                    bool is_raw);

#endif
