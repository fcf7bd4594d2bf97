/* What every reader fills: named columns of numbers or of text, or sparse rows of numbers. A table
 * knows no roles but the label of a libsvm file; who uses which column is decided by data/. */
#ifndef GBT_DATASETS_TABLE_H
#define GBT_DATASETS_TABLE_H

#include "gbt/base/status.h"
#include "gbt/base/text.h"

/* Texts of one column, sorted bytewise and distinct: code = position. */
typedef struct gbt_dictionary {
    int32_t n;
    char **text; /* [n], zero-terminated; the pointers and all bytes are one owned block */
} gbt_dictionary;

/* A copy of `n` texts that are sorted and distinct already. A zeroed dictionary is an empty one. */
gbt_status gbt_dictionary_open(gbt_dictionary *, const gbt_slice *sorted, int32_t n);
void gbt_dictionary_close(gbt_dictionary *);
int32_t gbt_dictionary_find(const gbt_dictionary *, gbt_slice); /* code or -1 */

typedef struct gbt_table_column {
    char *name;
    bool is_text;
    float *number;             /* [n_rows] NaN: missing; NULL for text */
    int32_t *code;             /* [n_rows] -1: missing; NULL for numbers */
    gbt_dictionary dictionary; /* of a text column */
    int64_t n_missing;
} gbt_table_column;

typedef struct gbt_sparse_rows { /* libsvm: zero-based feature numbers after `index_base` */
    int64_t *row_start;          /* [n_rows + 1] */
    int32_t *column;             /* [row_start[n_rows]] ascending in a row */
    float *value;                /* [row_start[n_rows]] */
    int32_t n_columns;           /* 1 + largest column number */
    int32_t index_base;          /* 0 or 1: the file's number of column 0 */
    int32_t n_labels;            /* labels a row, the largest number seen, at least 1 */
    float *label;                /* [n_rows x n_labels] NaN: absent */
    int32_t *query;              /* [n_rows] from qid:, or NULL */
} gbt_sparse_rows;

/* A column of a CSV file that the caller skipped keeps its place and name; both arrays are NULL. */
typedef struct gbt_table {
    int64_t n_rows;
    int32_t n_columns;
    gbt_table_column *column; /* [n_columns]; none when sparse */
    gbt_sparse_rows *sparse;  /* or NULL */
    char *source;             /* file name for messages */
    void *roles;              /* owned by data/columns.c, released by `free_roles` */
    void (*free_roles)(void *);
} gbt_table;

/* An empty table that knows its file's name; gbt_table_free() (gbt.h) releases it with all it
 * holds. */
gbt_status gbt_table_open(const char *source, gbt_table **out);

/* Sets n_missing of every column. */
void gbt_table_count_missing(gbt_table *, int threads);

#endif
