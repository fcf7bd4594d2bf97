/* Rows of every source as float32 rows of all features, a block at a time, and the entries of
 * sparse ones; for infer_job.c and infer_device.c. */
#ifndef GBT_BACKEND_INFER_ROWS_H
#define GBT_BACKEND_INFER_ROWS_H

#include "gbt/data/columns.h"
#include "gbt/data/dataset.h"
#include "gbt/tree/model.h"

/* A feature of a data set that the trees read, and where the values of its bins begin. */
typedef struct gbt_bin_values {
    int32_t feature;
    int64_t first; /* in value: [n_bins + 1], the last one NaN */
} gbt_bin_values;

/* Binned rows as values: any value of the bin will do, as trees ask for bins only. */
typedef struct gbt_binned_rows {
    const gbt_dataset *data;
    gbt_bin_values *used; /* [n_used] the others stay 0 */
    int32_t n_used;
    float *value;
} gbt_binned_rows;

/* Where rows come from: one of the four is set. */
typedef struct gbt_row_source {
    const gbt_matrix *matrix;
    const gbt_csr *csr;
    const gbt_view *view;
    const gbt_binned_rows *binned;
    int64_t n_rows;
} gbt_row_source;

/* Finds the features of the trees [first, last) and a value of each of their bins. The data set has
 * the model's cuts. ERR_MEMORY. */
gbt_status gbt_binned_rows_open(const gbt_model *, const gbt_dataset *, int32_t first, int32_t last,
                                gbt_binned_rows *out);
void gbt_binned_rows_close(gbt_binned_rows *); /* a zeroed one is closed */

/* Is the source float32 rows one behind the other, which need no copy? */
bool gbt_rows_are_plain(const gbt_row_source *);

/* The entries of a sparse source: column c of `out` is feature (*feature_of)[c], none if that is
 * -1, feature c when *feature_of is NULL. False: the source is not sparse. */
bool gbt_rows_entries(const gbt_row_source *, gbt_csr *out, const int32_t **feature_of);

/* Rows [first, first + n): copied to `scratch` [n x n_features], or in place when it is NULL. The
 * scratch of a csr or binned source is zero before its first use; gbt_rows_clear before its next
 * one. Nothing fallible. */
const float *gbt_rows_fetch(const gbt_row_source *, int32_t n_features, int64_t first, int64_t n,
                            float *scratch);
void gbt_rows_clear(const gbt_row_source *, int64_t first, int64_t n, float *scratch);

#endif
