/* The inner part of the libsvm reader: parses a chunk of whole lines into room that the caller
 * sized. */
#ifndef GBT_DATASETS_LIBSVM_ROWS_H
#define GBT_DATASETS_LIBSVM_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum gbt_libsvm_fault {
    GBT_LIBSVM_FINE = 0,
    GBT_LIBSVM_BAD_LABEL,
    GBT_LIBSVM_BAD_QUERY,
    GBT_LIBSVM_SOME_QUERIES, /* qid: in some rows only */
    GBT_LIBSVM_BAD_INDEX,
    GBT_LIBSVM_NEGATIVE_INDEX,
    GBT_LIBSVM_LARGE_INDEX,
    GBT_LIBSVM_ZERO_INDEX, /* under base 1 */
    GBT_LIBSVM_NOT_ASCENDING,
    GBT_LIBSVM_NO_COLON,
    GBT_LIBSVM_BAD_VALUE
} gbt_libsvm_fault;

typedef struct gbt_libsvm_row {
    int64_t n_entries;
    int32_t n_labels;
    int32_t query; /* where has_query */
    bool has_query;
    const char *start; /* for a message about the whole row */
} gbt_libsvm_row;

typedef struct gbt_libsvm_chunk {
    const char *data, *end;              /* whole lines */
    int64_t row_limit;                   /* rows wanted at most */
    int64_t n_lines, n_colons, n_commas; /* bounds of what it holds */
    int32_t least_index;                 /* 0, or 1 when index 0 is a fault */

    gbt_libsvm_row *row;                 /* [n_lines] */
    int32_t *index;                      /* [n_colons] as they stand in the file */
    float *value;                        /* [n_colons] */
    float *label;                        /* [n_lines + n_commas] */
    int64_t n_rows, n_entries, n_labels; /* what it held */
    gbt_libsvm_fault fault;              /* the first one; rows before it are there */
    const char *fault_at;
    int64_t first_entry, first_label; /* their places in the table */
} gbt_libsvm_chunk;

/* Fills the three bounds. */
void gbt_libsvm_count(gbt_libsvm_chunk *);

void gbt_libsvm_parse(gbt_libsvm_chunk *);

#endif
