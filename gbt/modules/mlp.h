/* A network with one hidden layer of few units on rows of standardised numbers and one-hot columns:
 * its outputs, its penalised squared error and the gradient of that.
 *
 *     f_k(x) = c_k + sum_j a_kj s(b_j + w_j x)
 *     E      = sum_i v_i sum_k (r_ik - f_k(x_i))^2 / (2 K sum_i v_i)
 *              + penalty (|w|^2 + |a|^2) / (2 n)
 *
 * with row weights v, n rows and K outputs: mean over rows and outputs in E and in its gradient.
 * [EmamiMartinez23 eq. 9]. One pass over the rows per call; rows are cut into pieces of a fixed
 * size whose sums are added in order, so the bits do not depend on the number of threads. */
#ifndef GBT_MODULES_MLP_H
#define GBT_MODULES_MLP_H

#include "gbt/base/status.h"
#include "gbt/modules/activation.h"

/* ---- Rows as a network sees them ------------------------------------------------------------- */

enum { GBT_TILE_ROWS = 128 };

/* Tiles of rows, column by column inside a tile; the rest of the last tile is 0 or -1.
 * `dense` holds numbers. An index column stands for many one-hot columns: the number of the slot
 * that is 1, or -1 when none is. Slots of different index columns differ. */
typedef struct gbt_tiles {
    int64_t n_rows, capacity; /* rows */
    int32_t n_dense, n_index; /* columns */
    float *dense;             /* [tiles x n_dense x GBT_TILE_ROWS] */
    int32_t *index;           /* [tiles x n_index x GBT_TILE_ROWS] */
} gbt_tiles;

/* Room for `capacity` rows, set to 0 and -1; n_rows = 0. ERR_MEMORY; close it in any case. */
gbt_status gbt_tiles_open(gbt_tiles *, int64_t capacity, int32_t n_dense, int32_t n_index);
void gbt_tiles_close(gbt_tiles *);
/* Sets the number of rows; clears the rest of the last tile. */
void gbt_tiles_resize(gbt_tiles *, int64_t n_rows);
/* Makes `to` the given rows of `from`, in that order. */
void gbt_tiles_gather(const gbt_tiles *from, const int64_t *rows, int64_t n, gbt_tiles *to);

/* Offset of column `column` of `n_columns` for one row. */
static inline int64_t gbt_tile_at(int64_t row, int32_t column, int32_t n_columns)
{
    return (row / GBT_TILE_ROWS * n_columns + column) * GBT_TILE_ROWS + row % GBT_TILE_ROWS;
}

/* ---- The network ----------------------------------------------------------------------------- */

/* The activation of n sums, in place. */
void gbt_mlp_activate(gbt_activation, int64_t n, double *sum);

typedef struct gbt_mlp_shape {
    int32_t n_dense, n_index, n_units, n_outputs;
    int64_t n_slots; /* one-hot columns */
    gbt_activation activation;
} gbt_mlp_shape;

/* Where the parameters stand in the flat vector. The penalised ones come first. */
typedef struct gbt_mlp_layout {
    int64_t dense;    /* w of dense inputs [units x n_dense] */
    int64_t slot;     /* w of slots [n_slots x units]        */
    int64_t out;      /* a [outputs x units]                 */
    int64_t bias;     /* b [units]                           */
    int64_t out_bias; /* c [outputs]                         */
    int64_t size;
} gbt_mlp_layout;

gbt_mlp_layout gbt_mlp_layout_of(const gbt_mlp_shape *);

typedef struct gbt_mlp gbt_mlp;

/* Memory for at most n_rows_most rows. ERR_MEMORY. */
gbt_status gbt_mlp_open(const gbt_mlp_shape *, int64_t n_rows_most, int threads, gbt_mlp **out);
void gbt_mlp_close(gbt_mlp *);

/* The rows of E, borrowed: residual [outputs x stride], weight [rows] or NULL. */
void gbt_mlp_aim(gbt_mlp *, const gbt_tiles *, const float *residual, int64_t stride,
                 const float *weight, double penalty);

/* E at theta [size] and its gradient; `mlp` is a gbt_mlp (a gbt_slope_fn). */
double gbt_mlp_loss(void *mlp, const double *theta, double *grad);

/* f of all rows: out [outputs x stride]. */
void gbt_mlp_outputs(gbt_mlp *, const gbt_tiles *, const double *theta, double *out,
                     int64_t stride);

#endif
