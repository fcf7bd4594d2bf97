/* The rows of a cross-validation, and the column that says which fold each is in. */
#ifndef GBT_CLI_CV_DATA_H
#define GBT_CLI_CV_DATA_H

#include "gbt/cli/cli.h"

typedef struct gbt_cv_rows {
    gbt_dataset *data;
    float *value;        /* [rows x features] or NULL */
    gbt_matrix features; /* of `value` */
    int32_t *fold;       /* [rows] or NULL: no column; -1 never held out */
    gbt_table *table;    /* for the ids; NULL: not asked for, or there are none */
} gbt_cv_rows;

/* Reads the training file. Exit codes; close in every case. */
int gbt_cv_rows_read(const gbt_params *, const char *path, bool keeps_ids, gbt_cv_rows *out);
void gbt_cv_rows_close(gbt_cv_rows *); /* a zeroed struct is an empty one */

#endif
