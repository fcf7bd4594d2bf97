/* Boosted heads: what their files share. The order of reading: heads.c (the loop), heads_fit.c and
 * heads_length.c (a step), heads_inputs.c and heads_learn.c (what the network sees),
 * heads_network.c (the merged network), heads_predict.c, heads_io.c. */
#ifndef GBT_MODULES_HEADS_INTERNAL_H
#define GBT_MODULES_HEADS_INTERNAL_H

#include <stdbool.h>

#include "gbt/gbt.h"
#include "gbt/modules/mlp.h"

/* ---- Inputs ---------------------------------------------------------------------------------- */

/* How columns become inputs. The inputs in their order: numbers (standardised), one slot for the
 * missing cells of each column in `flag_column`, the categories of each categorical column with
 * one more slot for missing cells if training had any, the leaves tree by tree. A missing number is
 * 0 after standardising, that is, the mean. A category that training did not see is taken as
 * missing. Columns that never vary in training are no inputs. */
typedef struct gbt_head_inputs {
    int32_t n_features; /* columns of the matrix */

    int32_t n_dense;
    int32_t *dense_column; /* [n_dense] ascending */
    double *mean, *scale;  /* [n_dense] z = (x - mean) / scale */
    double *low, *high;    /* [n_dense] what infinite values count as */

    int32_t n_flags;
    int32_t *flag_column; /* [n_flags] ascending */

    int32_t n_categorical;
    int32_t *categorical_column; /* [n_categorical] ascending */
    int64_t *code_start;         /* [n_categorical + 1] into `code` */
    int32_t *code;               /* ascending within a column */
    uint8_t *has_missing;        /* [n_categorical] */
    int64_t *categorical_slot;   /* [n_categorical] first slot */

    gbt_model *leaf_model; /* owned; NULL: no leaves */
    int32_t n_leaf_features;
    int32_t *leaf_column; /* [n_leaf_features] column of each feature of the leaf model */
    int32_t n_trees;
    int64_t *tree_slot; /* [n_trees] first slot */

    int32_t n_index; /* n_flags + n_categorical + n_trees */
    int64_t n_slots;
} gbt_head_inputs;

void gbt_head_inputs_close(gbt_head_inputs *);

/* Learns the inputs from the given rows (NULL: all) of the matrix. `leaf_model` is taken over, also
 * on failure. ERR_DATA: a category that is no whole number, a leaf model with other columns. */
gbt_status gbt_head_inputs_learn(const gbt_model *frame, const gbt_matrix *, const int64_t *rows,
                                 int64_t n, const float *weight, bool uses_columns,
                                 gbt_model *leaf_model, int threads, gbt_head_inputs *out);
/* Numbers the slots and finds the columns of the leaf model: after learning and reading. */
gbt_status gbt_head_inputs_seal(gbt_head_inputs *, const gbt_model *frame);

/* The cells of one row, for gbt_head_inputs_row. */
void gbt_matrix_row(const gbt_matrix *, int64_t row, double *cells);

/* One row. cells [n_features]; leaf [n_trees] or NULL; dense and index go to every `stride`-th
 * element. */
void gbt_head_inputs_row(const gbt_head_inputs *, const double *cells, const int32_t *leaf,
                         int64_t stride, float *dense, int32_t *index);

/* Leaves of rows [first, first + n) of the list `rows` (NULL: of the matrix): leaf [n x trees]. */
gbt_status gbt_head_inputs_leaves(const gbt_head_inputs *, const gbt_matrix *, const int64_t *rows,
                                  int64_t first, int64_t n, int threads, int32_t *leaf);

/* Tiles of the given rows (NULL: all); opens them. */
gbt_status gbt_head_inputs_tiles(const gbt_head_inputs *, const gbt_matrix *, const int64_t *rows,
                                 int64_t n, int threads, gbt_tiles *out);

/* ---- The merged network ---------------------------------------------------------------------- */

enum { GBT_UNIT_LANES = 8 };

/* Units of all steps in the order of training, in blocks of GBT_UNIT_LANES: lane u of block b is
 * unit 8 b + u. The output weights of a step hold its length. Unused lanes are 0. */
typedef struct gbt_head_network {
    gbt_mlp_shape shape; /* n_units: those of one step */
    int32_t n_steps, n_units, n_blocks;
    int32_t capacity;   /* blocks */
    float *dense;       /* [blocks x n_dense x lanes] w */
    float *slot;        /* [blocks x n_slots x lanes] w */
    float *bias;        /* [blocks x lanes] b */
    double *out;        /* [blocks x outputs x lanes] learning rate x length x a */
    double *out_bias;   /* [steps + 1 x outputs] base score + sum of learning rate x length x c */
    double *low, *high; /* [blocks + 1 x outputs] what the blocks from here on add, at least and at
                           most; infinite when the activation has no bounds */
} gbt_head_network;

/* Room for `n_steps` steps of shape->n_units units; no step yet, out_bias = base. */
gbt_status gbt_head_network_open(const gbt_mlp_shape *, int32_t n_steps, const double *base,
                                 gbt_head_network *out);
void gbt_head_network_close(gbt_head_network *);
/* Appends the step theta (a flat vector of mlp.h, w and b already rounded to float) times
 * `length`. Allocates nothing. */
void gbt_head_network_append(gbt_head_network *, const double *theta, double length);
/* Keeps the first n_steps steps. */
void gbt_head_network_truncate(gbt_head_network *, int32_t n_steps);
/* Fills low and high: after the last step. */
void gbt_head_network_bound(gbt_head_network *);

/* Where a weight stands. Inputs: numbers, then slots. */
float *gbt_head_network_place(const gbt_head_network *, int32_t unit, int64_t input);
double *gbt_head_network_out(const gbt_head_network *, int32_t unit, int64_t output);

/* Scratch of one thread for blocks of rows. */
typedef struct gbt_head_desk {
    double *cells;  /* [n_features] */
    float *number;  /* [n_dense] */
    double *dense;  /* [GBT_TILE_ROWS x n_dense] */
    int32_t *index; /* [GBT_TILE_ROWS x n_index] */
    double *unit;   /* [GBT_TILE_ROWS x lanes] */
    double *sum;    /* [GBT_TILE_ROWS x outputs] */
    float *raw;     /* [GBT_TILE_ROWS x outputs] */
    double *memory; /* owned: all of them */
} gbt_head_desk;

gbt_status gbt_head_desk_open(const gbt_head_inputs *, int32_t n_outputs, int64_t n_rows,
                              gbt_head_desk *out);
void gbt_head_desk_close(gbt_head_desk *);

/* sum [rows x outputs] += output of block `block` for the rows on the desk; `part`: how many of
 * its units take part. */
void gbt_head_network_add(const gbt_head_network *, int32_t block, int32_t part, int64_t n_rows,
                          gbt_head_desk *);

/* ---- The model ------------------------------------------------------------------------------- */

struct gbt_heads {
    gbt_model *frame;   /* no trees */
    gbt_params *params; /* section [heads] */
    gbt_head_inputs inputs;
    gbt_head_network network;
    int32_t best_step; /* 0: no early stopping */
};

/* ---- Training -------------------------------------------------------------------------------- */

typedef enum gbt_step_length {
    GBT_LENGTH_GUARDED = 0,
    GBT_LENGTH_NEWTON = 1,
    GBT_LENGTH_ONE = 2
} gbt_step_length;

typedef enum gbt_head_source {
    GBT_SEES_COLUMNS = 0,
    GBT_SEES_LEAVES = 1,
    GBT_SEES_BOTH = 2
} gbt_head_source;

typedef struct gbt_head_settings {
    int64_t units_per_step, n_steps, iterations;
    int activation, solver, step_length, inputs; /* as numbered in the parameter table */
    double tolerance, weight_decay, learning_rate, subsample, valid_fraction, max_seconds;
    int64_t seed, patience, metric_every; /* patience 0: no early stopping */
    int threads;
} gbt_head_settings;

/* Reads and checks the keys that shape training. ERR_PARAM. */
gbt_status gbt_head_settings_read(const gbt_params *, bool has_valid, gbt_head_settings *out);

/* Rows with what is known of them. */
typedef struct gbt_head_rows {
    int64_t n_rows;
    float *label;    /* as gbt_model_labels tells them */
    float *weight;   /* [n_rows] or NULL */
    gbt_tiles tiles; /* inputs */
    double *score;   /* F [outputs x n_rows] */
    float *shown;    /* F in the precision of losses and metrics [outputs x n_rows] */
    double *step;    /* f of the latest step [outputs x n_rows] */
} gbt_head_rows;

/* Labels, weights and starting scores of a data set. ERR_DATA. */
gbt_status gbt_head_rows_open(gbt_head_rows *, const gbt_model *frame, const gbt_dataset *);
void gbt_head_rows_close(gbt_head_rows *);
/* F += length x f, everywhere. */
void gbt_head_rows_add(gbt_head_rows *, int32_t n_outputs, double length);

/* A model without trees of the data set: objective, classes, columns, base score. `valid` (NULL:
 * none) is refused when its columns or categories are not those of the data. */
gbt_status gbt_head_frame(const gbt_params *, const gbt_dataset *, const gbt_dataset *valid,
                          int64_t patience, gbt_model **out);

/* One step: start weights, subset, fit. */
typedef struct gbt_head_fitter gbt_head_fitter;

gbt_status gbt_head_fitter_open(const gbt_head_settings *, const gbt_mlp_shape *,
                                const gbt_tiles *all, const float *weight, gbt_head_fitter **out);
void gbt_head_fitter_close(gbt_head_fitter *);
/* The units of step `step` (from 0) fitted to residual [outputs x rows] of size `spread` (its
 * root mean square, > 0): the flat vector of mlp.h, with w and b rounded to float. Owned by the
 * fitter, until the next call. Allocates nothing. */
const double *gbt_head_fitter_step(gbt_head_fitter *, int32_t step, const float *residual,
                                   double spread);
/* f of all rows of `tiles`. */
void gbt_head_fitter_outputs(gbt_head_fitter *, const gbt_tiles *, const double *theta, double *out,
                             int64_t stride);

/* The loss along a step, and how far to go. */
typedef struct gbt_head_length {
    const gbt_objective *objective;
    const gbt_head_rows *rows;
    int32_t n_outputs;
    gbt_step_length kind;
    bool is_squared;    /* the step is 1 */
    bool is_flat;       /* scores in units of the label, curvature that tells no length */
    double hess_factor; /* what the objective's Hessian is multiplied by */
    double learning_rate;
    int threads;
    float *trial;    /* [outputs x rows] */
    double *partial; /* [pieces x 2] */
} gbt_head_length;

gbt_status gbt_head_length_open(gbt_head_length *, const gbt_model *frame, const gbt_objective *,
                                const gbt_head_rows *, const gbt_head_settings *);
void gbt_head_length_close(gbt_head_length *);
/* The length of the step rows->step at rows->score, whose derivatives are grad and hess
 * [outputs x rows], without weights. `loss` is the training loss before and after; the scores after
 * it are in `trial`. */
gbt_status gbt_head_length_find(const gbt_head_length *, const float *grad, const float *hess,
                                double *loss, double *out);

/* Numerator and denominator of the Newton step: sum v r f and sum v h f^2 over rows and outputs,
 * r = -grad, in pieces of a fixed size. hess NULL: 1; weight [n] or NULL;
 * partial [2 x pieces of GBT_LENGTH_ROWS rows]. */
enum { GBT_LENGTH_ROWS = 8192 };
void gbt_head_newton_sums(const float *grad, const float *hess, const double *f,
                          const float *weight, int64_t n, int32_t n_outputs, int threads,
                          double *partial, double *numerator, double *denominator);

#endif
