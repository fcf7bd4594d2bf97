/* Seeded data for tests and benches. Every row is a function of (kind, seed, row number), so it is
 * the same whatever the number of rows, threads or machines; no call of the C library's mathematics
 * besides sqrt is involved. Not for claims about the quality of models on real data. */
#ifndef GBT_DATASETS_SYNTH_H
#define GBT_DATASETS_SYNTH_H

#include <stdbool.h>

#include "gbt/base/status.h"

typedef enum gbt_synth_kind {
    /* Regression [Friedman91]: 10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4 + normal noise. */
    GBT_SYNTH_FRIEDMAN1,
    GBT_SYNTH_HIGGS,       /* binary, 21 normal and 7 skewed features with interactions */
    GBT_SYNTH_WIDE,        /* regression, few of many features matter */
    GBT_SYNTH_BLOBS,       /* classes around random centres */
    GBT_SYNTH_CATEGORICAL, /* binary, even features are categories, a tenth of the cells missing */
    GBT_SYNTH_SPARSE,      /* binary, 1 to 40 entries a row, frequent and rare columns */
    GBT_SYNTH_PIECEWISE,   /* regression, features multiples of 1/64, labels of 1/4, no noise */
    GBT_SYNTH_MULTITASK,   /* regression: a shared function, one of each task, outlier tasks */
    GBT_SYNTH_KINDS
} gbt_synth_kind;

typedef struct gbt_synth_spec {
    gbt_synth_kind kind;
    uint64_t seed;
    int32_t n_features; /* 0: the usual number */
    int32_t n_groups;   /* classes of blobs, tasks of multitask; 0: the usual number */
} gbt_synth_spec;

enum { GBT_SYNTH_MOST_ENTRIES = 40 };

const char *gbt_synth_name(gbt_synth_kind); /* "friedman1" */
const char *gbt_synth_doc(gbt_synth_kind);  /* one line */
bool gbt_synth_find(const char *name, gbt_synth_kind *out);

/* Fills in the usual numbers. GBT_ERR_ARGUMENT: fewer features than the formula has, groups out of
 * range. */
gbt_status gbt_synth_complete(gbt_synth_spec *);

bool gbt_synth_is_categorical(const gbt_synth_spec *, int32_t feature);

/* One row of any kind but sparse, of a completed spec. `feature` [n_features], NaN: missing. `task`
 * is 0 for kinds without tasks. */
void gbt_synth_row(const gbt_synth_spec *, int64_t row, float *feature, float *label,
                   int32_t *task);

/* One row of the sparse kind: columns ascend strictly; returns their number,
 * 1..GBT_SYNTH_MOST_ENTRIES. */
int32_t gbt_synth_sparse_row(const gbt_synth_spec *, int64_t row, int32_t *column, float *value,
                             float *label);

typedef struct gbt_synth_dense {
    int64_t n_rows;
    int32_t n_features;
    float *feature; /* [n_rows x n_features] */
    float *label;   /* [n_rows] */
    int32_t *task;  /* [n_rows] */
} gbt_synth_dense;

typedef struct gbt_synth_csr {
    int64_t n_rows;
    int32_t n_features;
    int64_t *row_start; /* [n_rows + 1] */
    int32_t *column;    /* [row_start[n_rows]] */
    float *value;       /* [row_start[n_rows]] */
    float *label;       /* [n_rows] */
} gbt_synth_csr;

/* Rows 0 .. n_rows - 1. GBT_ERR_ARGUMENT, GBT_ERR_MEMORY; a zeroed struct is closed already. */
gbt_status gbt_synth_fill(const gbt_synth_spec *, int64_t n_rows, int threads,
                          gbt_synth_dense *out);
gbt_status gbt_synth_fill_sparse(const gbt_synth_spec *, int64_t n_rows, gbt_synth_csr *out);
void gbt_synth_dense_close(gbt_synth_dense *);
void gbt_synth_csr_close(gbt_synth_csr *);

#endif
