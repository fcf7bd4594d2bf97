/* Forward and backward through a small network in one pass over tiles of rows. Inside a tile the
 * loops run over rows, which lie side by side; each keeps the order of its sums, so vectors do not
 * change a bit. Cost of a call: 4 rows x units x (dense + index + outputs) multiply-adds and one
 * exponential a row and unit. */
#include "gbt/modules/mlp.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clones.h"
#include "gbt/base/parallel.h"

enum { TILE = GBT_TILE_ROWS, LANES = 8, MOST_PIECES = 64, PIECE_WORK = 1 << 15 };

/* Scratch of one thread. */
typedef struct bench {
    double *unit;  /* s of the hidden units [units x TILE] */
    double *delta; /* dE / d(sum) of the units [units x TILE] */
    double *error; /* dE / df [outputs x TILE] */
} bench;

struct gbt_mlp {
    gbt_mlp_shape shape;
    gbt_mlp_layout layout;
    int threads;
    double *scratch; /* the benches */
    bench *bench;    /* [threads] */
    double *piece;   /* gradient, then error, of each piece [pieces x (size + 1)] */
    int64_t most_pieces;

    const gbt_tiles *tiles; /* what gbt_mlp_aim was told */
    const float *residual, *weight;
    int64_t stride;
    double penalty, total_weight;
};

/* What the threads of one call see. */
typedef struct pass {
    gbt_mlp *mlp;
    const gbt_tiles *tiles;
    const double *theta;
    int64_t piece_rows;
    double scale; /* 1 / (K sum of weights) */
    double *out;  /* [outputs x stride] */
    int64_t stride;
} pass;

gbt_mlp_layout gbt_mlp_layout_of(const gbt_mlp_shape *s)
{
    gbt_mlp_layout at = {0};
    at.slot = at.dense + (int64_t)s->n_units * s->n_dense;
    at.out = at.slot + s->n_slots * s->n_units;
    at.bias = at.out + (int64_t)s->n_outputs * s->n_units;
    at.out_bias = at.bias + s->n_units;
    at.size = at.out_bias + s->n_outputs;
    return at;
}

/* Rows of a piece: whole tiles, enough work for a thread, not too many pieces. A function of the
 * shape and the number of rows alone. */
static int64_t piece_rows_of(const gbt_mlp_shape *s, int64_t n_rows)
{
    const int64_t work = ((int64_t)s->n_dense + s->n_index + s->n_outputs + LANES) * s->n_units;
    int64_t rows = PIECE_WORK / work;
    const int64_t least = n_rows / MOST_PIECES + 1;
    rows = rows > least ? rows : least;
    return (rows + TILE - 1) / TILE * TILE;
}

/* ---- Loops over the rows of a tile ----------------------------------------------------------- */

/* sum[r] += sum over columns c of w[c] x[c][r], columns in order */
GBT_CLONES static void add_columns(const float *x, int32_t n, const double *w, int64_t width,
                                   double *sum)
{
    int32_t c = 0;
    for (; c + 4 <= n; c += 4, x += 4 * TILE) {
        const double w0 = w[c], w1 = w[c + 1], w2 = w[c + 2], w3 = w[c + 3];
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            sum[r] = (((sum[r] + w0 * (double)x[r]) + w1 * (double)x[r + TILE]) +
                      w2 * (double)x[r + 2 * TILE]) +
                     w3 * (double)x[r + 3 * TILE];
        }
    }
    for (; c < n; c++, x += TILE) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            sum[r] += w[c] * (double)x[r];
        }
    }
}

GBT_CLONES static void activate(gbt_activation kind, int64_t width, double *sum)
{
    if (kind == GBT_UNIT_LOGISTIC) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            sum[r] = gbt_unit_logistic(sum[r]);
        }
    } else if (kind == GBT_UNIT_TANH) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            sum[r] = gbt_unit_tanh(sum[r]);
        }
    } else if (kind == GBT_UNIT_RELU) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            sum[r] = gbt_unit_relu(sum[r]);
        }
    }
}

void gbt_mlp_activate(gbt_activation kind, int64_t width, double *sum)
{
    activate(kind, width, sum);
}

/* delta *= derivative of the activation, from its value. */
GBT_CLONES static void multiply_slope(gbt_activation kind, int64_t width, const double *unit,
                                      double *delta)
{
    if (kind == GBT_UNIT_LOGISTIC) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            delta[r] *= unit[r] * (1.0 - unit[r]);
        }
    } else if (kind == GBT_UNIT_TANH) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            delta[r] *= 1.0 - unit[r] * unit[r];
        }
    } else if (kind == GBT_UNIT_RELU) {
        GBT_VECTOR_LOOP
        for (int64_t r = 0; r < width; r++) {
            delta[r] = gbt_f64_select(unit[r] > 0.0, delta[r], 0.0);
        }
    }
}

/* y += factor * x */
GBT_CLONES static void add_multiple(double factor, const double *x, int64_t width, double *y)
{
    GBT_VECTOR_LOOP
    for (int64_t r = 0; r < width; r++) {
        y[r] += factor * x[r];
    }
}

/* Eight interleaved sums, added up pairwise: the order does not depend on the vectors used. */
typedef double half_lanes __attribute__((vector_size(32), may_alias));
typedef float half_floats __attribute__((vector_size(16), may_alias));

static inline double sum_of_lanes(const half_lanes *low, const half_lanes *high)
{
    const half_lanes both = *low + *high;
    return (both[0] + both[2]) + (both[1] + both[3]);
}

/* out[c] += sum over r of x[c][r] d[r] */
GBT_CLONES static void add_dots(const float *x, int32_t n, const double *d, int64_t width,
                                double *out)
{
    for (int32_t c = 0; c < n; c++, x += TILE) {
        half_lanes low = {0.0}, high = {0.0};
        for (int64_t r = 0; r < width; r += LANES) {
            const half_floats *f = (const half_floats *)(x + r);
            const half_lanes *v = (const half_lanes *)(d + r);
            low += __builtin_convertvector(f[0], half_lanes) * v[0];
            high += __builtin_convertvector(f[1], half_lanes) * v[1];
        }
        out[c] += sum_of_lanes(&low, &high);
    }
}

GBT_CLONES static double dot_of(const double *a, const double *b, int64_t width)
{
    half_lanes low = {0.0}, high = {0.0};
    for (int64_t r = 0; r < width; r += LANES) {
        const half_lanes *x = (const half_lanes *)(a + r), *y = (const half_lanes *)(b + r);
        low += x[0] * y[0];
        high += x[1] * y[1];
    }
    return sum_of_lanes(&low, &high);
}

GBT_CLONES static double sum_of(const double *a, int64_t width)
{
    half_lanes low = {0.0}, high = {0.0};
    for (int64_t r = 0; r < width; r += LANES) {
        const half_lanes *x = (const half_lanes *)(a + r);
        low += x[0];
        high += x[1];
    }
    return sum_of_lanes(&low, &high);
}

/* ---- One tile -------------------------------------------------------------------------------- */

/* Values of the hidden units: unit [units x TILE]. */
static void forward(const gbt_mlp *m, const gbt_tiles *tiles, int64_t first, int64_t count,
                    const double *theta, double *unit)
{
    const gbt_mlp_shape *s = &m->shape;
    const int64_t width = (count + LANES - 1) / LANES * LANES;
    const float *x = tiles->dense + first * s->n_dense;
    const int32_t *index = tiles->index + first * s->n_index;
    for (int32_t j = 0; j < s->n_units; j++) {
        for (int64_t r = 0; r < width; r++) {
            unit[j * TILE + r] = theta[m->layout.bias + j];
        }
    }
    for (int32_t c = 0; c < s->n_index; c++, index += TILE) {
        for (int64_t r = 0; r < count; r++) {
            if (index[r] < 0) {
                continue;
            }
            const double *w = theta + m->layout.slot + (int64_t)index[r] * s->n_units;
            for (int32_t j = 0; j < s->n_units; j++) {
                unit[j * TILE + r] += w[j];
            }
        }
    }
    for (int32_t j = 0; j < s->n_units; j++) {
        add_columns(x, s->n_dense, theta + m->layout.dense + (int64_t)j * s->n_dense, width,
                    unit + j * TILE);
        gbt_mlp_activate(s->activation, width, unit + j * TILE);
    }
}

/* error [outputs x TILE] = dE/df, 0 beyond the last row; returns the rows' part of E. */
static double measure(const pass *p, int64_t first, int64_t count, const bench *b)
{
    const gbt_mlp *m = p->mlp;
    const gbt_mlp_shape *s = &m->shape;
    const int64_t width = (count + LANES - 1) / LANES * LANES;
    double squares = 0.0;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        double *error = b->error + k * TILE;
        const float *target = m->residual + k * m->stride + first;
        const double *a = p->theta + m->layout.out + (int64_t)k * s->n_units;
        for (int64_t r = 0; r < width; r++) {
            error[r] = r < count ? p->theta[m->layout.out_bias + k] - (double)target[r] : 0.0;
        }
        for (int32_t j = 0; j < s->n_units; j++) {
            add_multiple(a[j], b->unit + j * TILE, width, error);
        }
        double *weighted = b->delta; /* free until the backward pass */
        for (int64_t r = 0; r < width; r++) {
            const double v = r >= count ? 0.0 : m->weight ? (double)m->weight[first + r] : 1.0;
            weighted[r] = error[r] * (v * p->scale);
        }
        squares += dot_of(error, weighted, width);
        memcpy(error, weighted, (size_t)width * sizeof *error);
    }
    return 0.5 * squares;
}

/* Adds the tile's part of dE/dtheta. */
static void backward(const pass *p, int64_t first, int64_t count, const bench *b, double *grad)
{
    const gbt_mlp *m = p->mlp;
    const gbt_mlp_shape *s = &m->shape;
    const int64_t width = (count + LANES - 1) / LANES * LANES;
    const float *x = p->tiles->dense + first * s->n_dense;
    const int32_t *index = p->tiles->index + first * s->n_index;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        const double *error = b->error + k * TILE;
        grad[m->layout.out_bias + k] += sum_of(error, width);
        for (int32_t j = 0; j < s->n_units; j++) {
            grad[m->layout.out + (int64_t)k * s->n_units + j] +=
                dot_of(error, b->unit + j * TILE, width);
        }
    }
    for (int32_t j = 0; j < s->n_units; j++) {
        double *delta = b->delta + j * TILE;
        memset(delta, 0, (size_t)width * sizeof *delta);
        for (int32_t k = 0; k < s->n_outputs; k++) {
            add_multiple(p->theta[m->layout.out + (int64_t)k * s->n_units + j], b->error + k * TILE,
                         width, delta);
        }
        multiply_slope(s->activation, width, b->unit + j * TILE, delta);
        grad[m->layout.bias + j] += sum_of(delta, width);
        add_dots(x, s->n_dense, delta, width, grad + m->layout.dense + (int64_t)j * s->n_dense);
    }
    for (int32_t c = 0; c < s->n_index; c++, index += TILE) {
        for (int64_t r = 0; r < count; r++) {
            if (index[r] < 0) {
                continue;
            }
            double *g = grad + m->layout.slot + (int64_t)index[r] * s->n_units;
            for (int32_t j = 0; j < s->n_units; j++) {
                g[j] += b->delta[j * TILE + r];
            }
        }
    }
}

/* ---- All rows -------------------------------------------------------------------------------- */

static void loss_piece(void *context, int64_t first, int64_t last, int thread)
{
    const pass *p = context;
    gbt_mlp *m = p->mlp;
    const bench *b = &m->bench[thread];
    double *grad = m->piece + first / p->piece_rows * (m->layout.size + 1);
    double *error = grad + m->layout.size;
    memset(grad, 0, (size_t)(m->layout.size + 1) * sizeof *grad);
    for (int64_t at = first; at < last; at += TILE) {
        const int64_t count = last - at < TILE ? last - at : TILE;
        forward(m, p->tiles, at, count, p->theta, b->unit);
        *error += measure(p, at, count, b);
        backward(p, at, count, b, grad);
    }
}

double gbt_mlp_loss(void *mlp, const double *theta, double *grad)
{
    gbt_mlp *m = mlp;
    const int64_t n_rows = m->tiles->n_rows, size = m->layout.size;
    pass p = {.mlp = m,
              .tiles = m->tiles,
              .theta = theta,
              .piece_rows = piece_rows_of(&m->shape, n_rows),
              .scale = 1.0 / (m->total_weight * (double)m->shape.n_outputs)};
    gbt_for_chunks(m->threads, n_rows, p.piece_rows, loss_piece, &p);
    double error = 0.0, squares = 0.0;
    memset(grad, 0, (size_t)size * sizeof *grad);
    for (int64_t i = 0; i < gbt_chunk_count(n_rows, p.piece_rows); i++) {
        const double *part = m->piece + i * (size + 1);
        for (int64_t q = 0; q < size; q++) {
            grad[q] += part[q];
        }
        error += part[size];
    }
    const double decay = m->penalty / (double)n_rows;
    for (int64_t q = 0; q < m->layout.bias; q++) { /* w and a */
        grad[q] += decay * theta[q];
        squares += theta[q] * theta[q];
    }
    return error + 0.5 * decay * squares;
}

static void output_piece(void *context, int64_t first, int64_t last, int thread)
{
    const pass *p = context;
    const gbt_mlp *m = p->mlp;
    const bench *b = &m->bench[thread];
    for (int64_t at = first; at < last; at += TILE) {
        const int64_t count = last - at < TILE ? last - at : TILE;
        forward(m, p->tiles, at, count, p->theta, b->unit);
        for (int32_t k = 0; k < m->shape.n_outputs; k++) {
            double *out = p->out + k * p->stride + at;
            const double *a = p->theta + m->layout.out + (int64_t)k * m->shape.n_units;
            for (int64_t r = 0; r < count; r++) {
                out[r] = p->theta[m->layout.out_bias + k];
            }
            for (int32_t j = 0; j < m->shape.n_units; j++) {
                add_multiple(a[j], b->unit + j * TILE, count, out);
            }
        }
    }
}

void gbt_mlp_outputs(gbt_mlp *m, const gbt_tiles *tiles, const double *theta, double *out,
                     int64_t stride)
{
    pass p = {.mlp = m, .tiles = tiles, .theta = theta, .out = out, .stride = stride};
    p.piece_rows = piece_rows_of(&m->shape, tiles->n_rows);
    gbt_for_chunks(m->threads, tiles->n_rows, p.piece_rows, output_piece, &p);
}

void gbt_mlp_aim(gbt_mlp *m, const gbt_tiles *tiles, const float *residual, int64_t stride,
                 const float *weight, double penalty)
{
    m->tiles = tiles;
    m->residual = residual;
    m->stride = stride;
    m->weight = weight;
    m->penalty = penalty;
    m->total_weight = weight ? 0.0 : (double)tiles->n_rows;
    for (int64_t i = 0; weight && i < tiles->n_rows; i++) {
        m->total_weight += (double)weight[i];
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_status gbt_mlp_open(const gbt_mlp_shape *shape, int64_t n_rows_most, int threads, gbt_mlp **out)
{
    gbt_status status = GBT_OK;
    gbt_mlp *m = NULL;
    *out = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(m, 1));
    m->shape = *shape;
    m->layout = gbt_mlp_layout_of(shape);
    m->threads = threads;
    m->most_pieces = gbt_chunk_count(n_rows_most, piece_rows_of(shape, 0)); /* the shortest */
    m->most_pieces = m->most_pieces < MOST_PIECES ? m->most_pieces : MOST_PIECES;
    const int64_t per_thread = (2 * (int64_t)shape->n_units + shape->n_outputs) * TILE;
    GBT_TRY_OR_DONE(GBT_NEW(m->bench, threads));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(m->scratch, per_thread * threads));
    m->piece = gbt_alloc(m->most_pieces + 1, (size_t)(m->layout.size + 1) * sizeof *m->piece);
    GBT_TRY_OR_DONE(m->piece ? GBT_OK : GBT_ERR_MEMORY);
    for (int i = 0; i < threads; i++) {
        double *at = m->scratch + i * per_thread;
        m->bench[i] = (bench){at, at + (int64_t)shape->n_units * TILE,
                              at + 2 * (int64_t)shape->n_units * TILE};
    }
    *out = m;
    m = NULL;
done:
    gbt_mlp_close(m);
    return status;
}

void gbt_mlp_close(gbt_mlp *m)
{
    if (m != NULL) {
        gbt_release(m->scratch);
        gbt_release(m->bench);
        gbt_release(m->piece);
        gbt_release(m);
    }
}
