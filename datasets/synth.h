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
    /* Regression [Emami25, scenario 4]: row i is of task i mod n_groups; y = 0.9 f_c + 0.1 f_r, f_c
     * the function of the ordinary tasks or that of the last n_outliers tasks, f_r the task's own;
     * all are sums of 500 random waves of x in [-1, 1]^d. */
    GBT_SYNTH_MULTITASK,
    GBT_SYNTH_MULTITASK_CLASSES, /* the same with the label y > 0; no class rare in any task */
    GBT_SYNTH_KINDS
} gbt_synth_kind;

typedef struct gbt_synth_spec {
    gbt_synth_kind kind;
    uint64_t seed;
    int32_t n_features; /* 0: the usual number */
    int32_t n_groups;   /* classes of blobs, tasks of multitask; 0: the usual number */
    int32_t n_outliers; /* tasks of multitask with a function of their own; 0: the usual number,
                           -1: none */
    int32_t attempt; /* of the functions of multitask_classification, set by gbt_synth_complete */
    const double *waves; /* from gbt_synth_waves, or NULL: drawn anew for every row, slowly */
} gbt_synth_spec;

enum { GBT_SYNTH_MOST_ENTRIES = 40 };

const char *gbt_synth_name(gbt_synth_kind); /* "friedman1" */
const char *gbt_synth_doc(gbt_synth_kind);  /* one line */
bool gbt_synth_find(const char *name, gbt_synth_kind *out);

/* Fills in the usual numbers. GBT_ERR_ARGUMENT: fewer features than the formula has, groups out of
 * range. GBT_ERR_MEMORY. */
gbt_status gbt_synth_complete(gbt_synth_spec *);

/* Kinds with tasks: all draws of their functions, for `waves` of a completed spec; NULL for other
 * kinds. gbt_release() it after the last row. GBT_ERR_MEMORY. */
gbt_status gbt_synth_waves(const gbt_synth_spec *, double **out);

bool gbt_synth_has_tasks(gbt_synth_kind);
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
