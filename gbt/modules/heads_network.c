/* The network that all steps together are: kept in blocks of units side by side, so that a block is
 * a few vectors. Sums of a hidden unit run in the order of training (mlp.c), outputs block by
 * block. Cost of a row: units x (dense + index + outputs) multiply-adds, an exponential a unit. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clones.h"
#include "gbt/modules/heads_internal.h"

enum { LANES = GBT_UNIT_LANES };

static int32_t blocks_of(int32_t n_units)
{
    return (n_units + LANES - 1) / LANES;
}

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_status gbt_head_network_open(const gbt_mlp_shape *shape, int32_t n_steps, const double *base,
                                 gbt_head_network *out)
{
    gbt_status status = GBT_OK;
    const int32_t n_outputs = shape->n_outputs;
    *out = (gbt_head_network){.shape = *shape, .capacity = blocks_of(n_steps * shape->n_units)};
    const int64_t lanes = (int64_t)out->capacity * LANES, blocks = (int64_t)out->capacity + 1;
    out->dense = gbt_alloc_zero(lanes, (size_t)shape->n_dense * sizeof(float));
    GBT_TRY_OR_DONE(out->dense ? GBT_OK : GBT_ERR_MEMORY);
    out->slot = gbt_alloc_zero(lanes, (size_t)shape->n_slots * sizeof(float));
    GBT_TRY_OR_DONE(out->slot ? GBT_OK : GBT_ERR_MEMORY);
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->bias, lanes));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->out, lanes * n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->out_bias, ((int64_t)n_steps + 1) * n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->low, blocks * n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->high, blocks * n_outputs));
    memcpy(out->out_bias, base, (size_t)n_outputs * sizeof *base);
done:
    if (status != GBT_OK) {
        gbt_head_network_close(out);
    }
    return status;
}

void gbt_head_network_close(gbt_head_network *net)
{
    gbt_release(net->dense);
    gbt_release(net->slot);
    gbt_release(net->bias);
    gbt_release(net->out);
    gbt_release(net->out_bias);
    gbt_release(net->low);
    gbt_release(net->high);
    *net = (gbt_head_network){0};
}

void gbt_head_network_append(gbt_head_network *net, const double *theta, double length)
{
    const gbt_mlp_shape *s = &net->shape;
    const gbt_mlp_layout at = gbt_mlp_layout_of(s);
    for (int32_t j = 0; j < s->n_units; j++) {
        const int32_t unit = net->n_units + j;
        for (int64_t i = 0; i < s->n_dense; i++) {
            *gbt_head_network_place(net, unit, i) =
                (float)theta[at.dense + j * (int64_t)s->n_dense + i];
        }
        for (int64_t i = 0; i < s->n_slots; i++) {
            *gbt_head_network_place(net, unit, s->n_dense + i) =
                (float)theta[at.slot + i * s->n_units + j];
        }
        net->bias[unit] = (float)theta[at.bias + j];
        for (int64_t k = 0; k < s->n_outputs; k++) {
            *gbt_head_network_out(net, unit, k) = length * theta[at.out + k * s->n_units + j];
        }
    }
    const double *before = net->out_bias + (int64_t)net->n_steps * s->n_outputs;
    double *after = net->out_bias + ((int64_t)net->n_steps + 1) * s->n_outputs;
    for (int32_t k = 0; k < s->n_outputs; k++) {
        after[k] = before[k] + length * theta[at.out_bias + k];
    }
    net->n_steps++;
    net->n_units += s->n_units;
    net->n_blocks = blocks_of(net->n_units);
}

void gbt_head_network_truncate(gbt_head_network *net, int32_t n_steps)
{
    const gbt_mlp_shape *s = &net->shape;
    net->n_steps = n_steps;
    net->n_units = n_steps * s->n_units;
    net->n_blocks = blocks_of(net->n_units);
    for (int32_t unit = net->n_units; unit < net->n_blocks * LANES; unit++) {
        for (int64_t k = 0; k < s->n_outputs; k++) {
            *gbt_head_network_out(net, unit, k) = 0.0;
        }
    }
}

void gbt_head_network_bound(gbt_head_network *net)
{
    const int64_t n_outputs = net->shape.n_outputs;
    const gbt_activation kind = net->shape.activation;
    const bool is_bounded = kind == GBT_UNIT_LOGISTIC || kind == GBT_UNIT_TANH;
    const double least = kind == GBT_UNIT_TANH ? -1.0 : 0.0;
    for (int64_t k = 0; k < n_outputs; k++) {
        net->low[net->n_blocks * n_outputs + k] = net->high[net->n_blocks * n_outputs + k] = 0.0;
    }
    for (int64_t at = (net->n_blocks - 1) * n_outputs; at >= 0; at -= n_outputs) {
        for (int64_t k = at; k < at + n_outputs; k++) {
            double low = net->low[k + n_outputs], high = net->high[k + n_outputs];
            for (int lane = 0; lane < LANES; lane++) {
                const double a = net->out[k * LANES + lane];
                low += a < 0.0 ? a : least * a;
                high += a > 0.0 ? a : least * a;
            }
            net->low[k] = is_bounded ? low : -(double)INFINITY;
            net->high[k] = is_bounded ? high : (double)INFINITY;
        }
    }
}

float *gbt_head_network_place(const gbt_head_network *net, int32_t unit, int64_t input)
{
    const int64_t block = unit / LANES, lane = unit % LANES, slot = input - net->shape.n_dense;
    return slot < 0 ? &net->dense[(block * net->shape.n_dense + input) * LANES + lane]
                    : &net->slot[(block * net->shape.n_slots + slot) * LANES + lane];
}

double *gbt_head_network_out(const gbt_head_network *net, int32_t unit, int64_t output)
{
    const int64_t block = unit / LANES, lane = unit % LANES;
    return &net->out[(block * net->shape.n_outputs + output) * LANES + lane];
}

/* ---- Scratch --------------------------------------------------------------------------------- */

gbt_status gbt_head_desk_open(const gbt_head_inputs *in, int32_t n_outputs, int64_t n_rows,
                              gbt_head_desk *out)
{
    const int64_t rows = n_rows < GBT_TILE_ROWS ? n_rows : GBT_TILE_ROWS;
    const int64_t n_dense = rows * in->n_dense, n_index = rows * in->n_index;
    *out = (gbt_head_desk){0};
    GBT_TRY(GBT_NEW(out->memory, rows * (LANES + 2 * n_outputs) + n_dense + in->n_features +
                                     in->n_dense + n_index));
    out->unit = out->memory; /* on the border of a vector */
    out->sum = out->unit + rows * LANES;
    out->dense = out->sum + rows * n_outputs;
    out->cells = out->dense + n_dense;
    out->number = (float *)(out->cells + in->n_features);
    out->index = (int32_t *)(out->cells + in->n_features + in->n_dense);
    out->raw = (float *)(out->cells + in->n_features + in->n_dense + n_index);
    return GBT_OK;
}

void gbt_head_desk_close(gbt_head_desk *desk)
{
    gbt_release(desk->memory);
    *desk = (gbt_head_desk){0};
}

/* ---- One block of units ---------------------------------------------------------------------- */

typedef double half_lanes __attribute__((vector_size(32), may_alias));
typedef float half_floats __attribute__((vector_size(16), may_alias));

/* unit [rows x lanes] = bias + weights of the slots that are 1 */
GBT_CLONES static void start_units(const float *bias, const float *slot, const int32_t *index,
                                   int32_t n_index, int64_t n_rows, double *unit)
{
    const half_floats *b = (const half_floats *)bias;
    for (int64_t r = 0; r < n_rows; r++, index += n_index, unit += LANES) {
        half_lanes low = __builtin_convertvector(b[0], half_lanes);
        half_lanes high = __builtin_convertvector(b[1], half_lanes);
        for (int32_t c = 0; c < n_index; c++) {
            if (index[c] >= 0) {
                const half_floats *w = (const half_floats *)(slot + (int64_t)index[c] * LANES);
                low += __builtin_convertvector(w[0], half_lanes);
                high += __builtin_convertvector(w[1], half_lanes);
            }
        }
        ((half_lanes *)unit)[0] = low;
        ((half_lanes *)unit)[1] = high;
    }
}

/* unit [rows x lanes] += x [rows x n] w [n x lanes]; four rows share the weights that were read. */
GBT_CLONES static void add_dense(const double *x, const float *weight, int32_t n, int64_t n_rows,
                                 double *unit)
{
    int64_t r = 0;
    for (; r + 4 <= n_rows; r += 4, x += 4 * (int64_t)n) {
        const double *x0 = x, *x1 = x0 + n, *x2 = x1 + n, *x3 = x2 + n;
        const half_floats *w = (const half_floats *)weight;
        half_lanes *u = (half_lanes *)(unit + r * LANES);
        half_lanes a0 = u[0], b0 = u[1], a1 = u[2], b1 = u[3];
        half_lanes a2 = u[4], b2 = u[5], a3 = u[6], b3 = u[7];
        for (int32_t i = 0; i < n; i++, w += 2) {
            const half_lanes low = __builtin_convertvector(w[0], half_lanes);
            const half_lanes high = __builtin_convertvector(w[1], half_lanes);
            a0 += x0[i] * low;
            b0 += x0[i] * high;
            a1 += x1[i] * low;
            b1 += x1[i] * high;
            a2 += x2[i] * low;
            b2 += x2[i] * high;
            a3 += x3[i] * low;
            b3 += x3[i] * high;
        }
        u[0] = a0, u[1] = b0, u[2] = a1, u[3] = b1;
        u[4] = a2, u[5] = b2, u[6] = a3, u[7] = b3;
    }
    for (; r < n_rows; r++, x += n) {
        const half_floats *w = (const half_floats *)weight;
        half_lanes *u = (half_lanes *)(unit + r * LANES);
        for (int32_t i = 0; i < n; i++, w += 2) {
            u[0] += x[i] * __builtin_convertvector(w[0], half_lanes);
            u[1] += x[i] * __builtin_convertvector(w[1], half_lanes);
        }
    }
}

/* sum [rows x outputs] += unit [rows x lanes] a [outputs x lanes] */
GBT_CLONES static void add_outputs(const double *unit, const double *a, int32_t n_outputs,
                                   int64_t n_rows, double *sum)
{
    for (int64_t r = 0; r < n_rows; r++, unit += LANES, sum += n_outputs) {
        const half_lanes *u = (const half_lanes *)unit;
        for (int32_t k = 0; k < n_outputs; k++) {
            const half_lanes *v = (const half_lanes *)(a + (int64_t)k * LANES);
            const half_lanes both = u[0] * v[0] + u[1] * v[1];
            sum[k] += (both[0] + both[2]) + (both[1] + both[3]);
        }
    }
}

/* The same for the first `part` units of the block. */
static void add_part(const double *unit, const double *a, int32_t n_outputs, int64_t n_rows,
                     int32_t part, double *sum)
{
    _Alignas(64) double kept[LANES];
    for (int32_t k = 0; k < n_outputs; k++) {
        for (int32_t lane = 0; lane < LANES; lane++) {
            kept[lane] = lane < part ? a[(int64_t)k * LANES + lane] : 0.0;
        }
        for (int64_t r = 0; r < n_rows; r++) {
            add_outputs(unit + r * LANES, kept, 1, 1, sum + r * n_outputs + k);
        }
    }
}

void gbt_head_network_add(const gbt_head_network *net, int32_t block, int32_t part, int64_t n_rows,
                          gbt_head_desk *desk)
{
    const gbt_mlp_shape *s = &net->shape;
    const int64_t b = block;
    const double *a = net->out + b * s->n_outputs * LANES;
    start_units(net->bias + b * LANES, net->slot + b * s->n_slots * LANES, desk->index, s->n_index,
                n_rows, desk->unit);
    add_dense(desk->dense, net->dense + b * s->n_dense * LANES, s->n_dense, n_rows, desk->unit);
    gbt_mlp_activate(s->activation, n_rows * LANES, desk->unit);
    if (part == LANES) {
        add_outputs(desk->unit, a, s->n_outputs, n_rows, desk->sum);
    } else {
        add_part(desk->unit, a, s->n_outputs, n_rows, part, desk->sum);
    }
}
