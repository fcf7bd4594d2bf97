/* Data files of the verbs that run a side module: rows, labels, and raw features where a module
 * asks for them. */
#ifndef GBT_CLI_MODULE_DATA_H
#define GBT_CLI_MODULE_DATA_H

#include "gbt/cli/cli.h"

typedef struct gbt_file_rows {
    const char *path; /* borrowed */
    gbt_table *table;
    gbt_dataset *data;
    float *value;        /* [rows x features] or NULL */
    gbt_matrix features; /* of `value` */
} gbt_file_rows;

/* Reads a file: as `model` needs it, else as rows like `like` are needed, else as the keys of
 * [data] say. The rows are binned with the cuts of the model or of `like`, or with their own.
 * Nothing is held after a failure. */
gbt_status gbt_file_rows_read(const gbt_params *, const char *path, const gbt_model *model,
                              const gbt_dataset *like, gbt_file_rows *out);
/* Fills `value` and `features` from the table. */
gbt_status gbt_file_rows_take_features(gbt_file_rows *);
/* ERR_DATA when the rows have no label; `why` says what it is needed for. */
gbt_status gbt_file_rows_need_label(const gbt_file_rows *, const char *why);
/* Gives back the memory of the table; the data set and the features stay. */
void gbt_file_rows_drop_table(gbt_file_rows *);
void gbt_file_rows_close(gbt_file_rows *); /* a zeroed struct is an empty one */
void gbt_file_rows_print(const gbt_command *, const gbt_file_rows *, double seconds);
/* The matrix of the rows, NULL when there are none: for arguments that may be absent. */
const gbt_matrix *gbt_file_rows_features(const gbt_file_rows *);

/* The one validation file of a module that takes one at most; NULL when none is named. Exit
 * codes. */
int gbt_valid_only(const gbt_command *, const gbt_valid_list *, const char **path);

#endif
