/* Predictions of the merged network: tiles of rows on threads, blocks of units inside. With leaves,
 * the tree model goes first, some thousand rows at a time. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/heads_internal.h"

enum { LEAF_BLOCK = 4096 };

typedef struct predict_job {
    const gbt_heads *heads;
    const gbt_matrix *x;
    gbt_predict_kind kind;
    int32_t n_steps;
    gbt_head_desk *desk; /* [n_desks] */
    int n_desks;
    int32_t *leaf;     /* of the rows from first_row [LEAF_BLOCK x trees], or NULL */
    int64_t first_row; /* of the block */
    float *out;
    int32_t *steps; /* early stopping [rows], or NULL */
    double margin;  /* of early stopping */
    bool is_early;
} predict_job;

/* ---- Rows of a tile -------------------------------------------------------------------------- */

/* Inputs of row `row` of the matrix into place r of the desk. */
static void lay_row(const predict_job *j, gbt_head_desk *desk, int64_t row, int64_t r)
{
    const gbt_head_inputs *in = &j->heads->inputs;
    const int32_t *leaf = j->leaf ? j->leaf + (row - j->first_row) * in->n_trees : NULL;
    double *dense = desk->dense + r * in->n_dense;
    gbt_matrix_row(j->x, row, desk->cells);
    gbt_head_inputs_row(in, desk->cells, leaf, 1, desk->number, desk->index + r * in->n_index);
    for (int32_t d = 0; d < in->n_dense; d++) {
        dense[d] = (double)desk->number[d];
    }
}

static void lay_rows(const predict_job *j, gbt_head_desk *desk, int64_t first, int64_t count)
{
    const int32_t n_outputs = j->heads->network.shape.n_outputs;
    for (int64_t r = 0; r < count; r++) {
        lay_row(j, desk, first + r, r);
    }
    memset(desk->sum, 0, (size_t)(count * n_outputs) * sizeof *desk->sum);
}

/* Number of units of block `block` that are among the first n_units. */
static int32_t part_of(int32_t n_units, int32_t block)
{
    const int32_t left = n_units - block * GBT_UNIT_LANES;
    return left < GBT_UNIT_LANES ? left : GBT_UNIT_LANES;
}

static void predict_tile(const predict_job *j, gbt_head_desk *desk, int64_t first, int64_t count)
{
    const gbt_head_network *net = &j->heads->network;
    const int32_t n_outputs = net->shape.n_outputs;
    const int32_t n_units = j->n_steps * net->shape.n_units;
    const double *bias = net->out_bias + (int64_t)j->n_steps * n_outputs;
    const bool is_class = j->kind == GBT_PREDICT_CLASS;
    float *raw = is_class ? desk->raw : j->out + first * n_outputs;
    lay_rows(j, desk, first, count);
    for (int32_t b = 0; b * GBT_UNIT_LANES < n_units; b++) {
        gbt_head_network_add(net, b, part_of(n_units, b), count, desk);
    }
    for (int64_t i = 0; i < count * n_outputs; i++) {
        raw[i] = (float)(bias[i % n_outputs] + desk->sum[i]);
    }
    if (j->kind != GBT_PREDICT_RAW) { /* cannot fail: the kind was checked */
        (void)gbt_model_link(j->heads->frame, raw, j->kind, count, is_class ? j->out + first : raw);
    }
}

/* ---- Early stopping -------------------------------------------------------------------------- */

/* More than rounding can do to the order of two scores: that of the sums, and that to floats. */
static double rounding(const gbt_head_network *net, int32_t a, int32_t b, double x, double y)
{
    const double sizes = (net->high[a] - net->low[a]) + (net->high[b] - net->low[b]);
    return 1e-6 * (fabs(x) + fabs(y)) + 1e-12 * sizes + 1e-30;
}

/* The class that the units from n_units on can no longer change, -1: none yet. sum [outputs]: what
 * the units before them add up to. */
static int32_t certain_class(const gbt_head_network *net, const double *sum, int32_t n_units)
{
    const int32_t n_outputs = net->shape.n_outputs;
    const double *bias = net->out_bias + (int64_t)net->n_steps * n_outputs;
    const double *low = net->low + (int64_t)(n_units / GBT_UNIT_LANES) * n_outputs;
    const double *high = net->high + (int64_t)(n_units / GBT_UNIT_LANES) * n_outputs;
    int32_t best = 0;
    for (int32_t k = 1; k < n_outputs; k++) {
        best = bias[k] + sum[k] + low[k] > bias[best] + sum[best] + low[best] ? k : best;
    }
    const double least = bias[best] + sum[best] + low[best];
    if (n_outputs == 1) {
        const double most = bias[0] + sum[0] + high[0];
        const double slack = rounding(net, 0, 0, least, most);
        return least > slack ? 1 : most < -slack ? 0 : -1;
    }
    for (int32_t k = 0; k < n_outputs; k++) {
        const double most = bias[k] + sum[k] + high[k];
        if (k != best && !(least > most + rounding(net, best, k, least, most))) {
            return -1;
        }
    }
    return best;
}

/* The class by the first n_units units, and by how much its score leads (one output: over 0). */
static int32_t current_class(const gbt_head_network *net, const double *sum, int32_t n_units,
                             double *lead)
{
    const int32_t n_outputs = net->shape.n_outputs;
    const double *bias = net->out_bias + (int64_t)(n_units / net->shape.n_units) * n_outputs;
    int32_t best = 0;
    if (n_outputs == 1) {
        *lead = fabs(bias[0] + sum[0]);
        return (float)(bias[0] + sum[0]) > 0.0f;
    }
    for (int32_t k = 1; k < n_outputs; k++) {
        best = (float)(bias[k] + sum[k]) > (float)(bias[best] + sum[best]) ? k : best;
    }
    *lead = (double)INFINITY;
    for (int32_t k = 0; k < n_outputs; k++) {
        *lead = k == best ? *lead : fmin(*lead, bias[best] + sum[best] - (bias[k] + sum[k]));
    }
    return best;
}

/* The class to answer with after n_units units, -1: go on. */
static int32_t decide(const predict_job *j, const double *sum, int32_t n_units)
{
    const gbt_head_network *net = &j->heads->network;
    double lead = 0.0;
    const int32_t certain = n_units < net->n_units ? certain_class(net, sum, n_units) : -1;
    const int32_t now = current_class(net, sum, n_units, &lead);
    if (certain >= 0) {
        return certain;
    }
    return n_units == net->n_units || (j->margin > 0.0 && lead >= j->margin) ? now : -1;
}

/* Writes the rows on the desk that are decided and puts others in their places; returns how many
 * are left. row [GBT_TILE_ROWS]: the row of each place. */
static int64_t release_rows(const predict_job *j, gbt_head_desk *desk, int32_t n_units, int64_t n,
                            int64_t *row)
{
    const gbt_mlp_shape *s = &j->heads->network.shape;
    for (int64_t r = 0; r < n;) {
        const int32_t decided = decide(j, desk->sum + r * s->n_outputs, n_units);
        if (decided < 0) {
            r++;
            continue;
        }
        j->out[row[r]] = (float)decided;
        if (j->steps) {
            j->steps[row[r]] = n_units / s->n_units;
        }
        n--;
        row[r] = row[n];
        memmove(desk->sum + r * s->n_outputs, desk->sum + n * s->n_outputs,
                (size_t)s->n_outputs * sizeof *desk->sum);
        memmove(desk->dense + r * s->n_dense, desk->dense + n * s->n_dense,
                (size_t)s->n_dense * sizeof *desk->dense);
        memmove(desk->index + r * s->n_index, desk->index + n * s->n_index,
                (size_t)s->n_index * sizeof *desk->index);
    }
    return n;
}

/* Rows are asked wherever a block of units ends with a step. */
static void early_tile(const predict_job *j, gbt_head_desk *desk, int64_t first, int64_t count)
{
    const gbt_head_network *net = &j->heads->network;
    int64_t row[GBT_TILE_ROWS], n = count;
    for (int64_t r = 0; r < count; r++) {
        row[r] = first + r;
    }
    lay_rows(j, desk, first, count);
    for (int32_t b = 0; b < net->n_blocks && n > 0; b++) {
        gbt_head_network_add(net, b, part_of(net->n_units, b), n, desk);
        const int32_t n_units = b * GBT_UNIT_LANES + part_of(net->n_units, b);
        if (n_units % net->shape.n_units == 0) {
            n = release_rows(j, desk, n_units, n, row);
        }
    }
    (void)release_rows(j, desk, net->n_units, n, row); /* a network without units */
}

/* ---- All rows -------------------------------------------------------------------------------- */

static void predict_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const predict_job *j = context;
    for (int64_t row = j->first_row + first; row < j->first_row + last; row += GBT_TILE_ROWS) {
        const int64_t left = j->first_row + last - row;
        const int64_t count = left < GBT_TILE_ROWS ? left : GBT_TILE_ROWS;
        if (j->is_early) {
            early_tile(j, &j->desk[thread], row, count);
        } else {
            predict_tile(j, &j->desk[thread], row, count);
        }
    }
}

static gbt_status open_desks(predict_job *j, int threads)
{
    const int64_t n_tiles = gbt_chunk_count(j->x->n_rows, GBT_TILE_ROWS);
    const gbt_heads *h = j->heads;
    const int64_t n = threads < n_tiles ? threads : n_tiles;
    GBT_TRY(GBT_NEW_ZERO(j->desk, n));
    for (j->n_desks = 0; j->n_desks < n; j->n_desks++) {
        GBT_TRY(gbt_head_desk_open(&h->inputs, h->network.shape.n_outputs, j->x->n_rows,
                                   &j->desk[j->n_desks]));
    }
    return GBT_OK;
}

static gbt_status run(predict_job *j, int requested)
{
    gbt_status status = GBT_OK;
    const gbt_head_inputs *in = &j->heads->inputs;
    const int threads = gbt_thread_count(requested);
    const int64_t n = j->x->n_rows, block = in->leaf_model ? LEAF_BLOCK : n;
    GBT_TRY_OR_DONE(open_desks(j, threads));
    if (in->leaf_model) {
        GBT_TRY_OR_DONE(GBT_NEW(j->leaf, (n < block ? n : block) * in->n_trees));
    }
    for (j->first_row = 0; j->first_row < n; j->first_row += block) {
        const int64_t count = n - j->first_row < block ? n - j->first_row : block;
        if (in->leaf_model) {
            GBT_TRY_OR_DONE(
                gbt_head_inputs_leaves(in, j->x, NULL, j->first_row, count, threads, j->leaf));
        }
        gbt_for_chunks(threads, count, GBT_TILE_ROWS, predict_chunk, j);
    }
done:
    for (int i = 0; j->desk && i < j->n_desks; i++) {
        gbt_head_desk_close(&j->desk[i]);
    }
    gbt_release(j->desk);
    gbt_release(j->leaf);
    return status;
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static gbt_status check_rows(const gbt_heads *heads, const gbt_matrix *x, const void *out)
{
    if (!heads || !x || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL",
                        !heads ? "heads"
                        : !x   ? "the matrix"
                               : "out");
    }
    if (x->n_cols != heads->inputs.n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%lld columns, the model has %d features",
                        (long long)x->n_cols, (int)heads->inputs.n_features);
    }
    if (x->dtype != GBT_F32 && x->dtype != GBT_F64 && x->dtype != GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT, "dtype %d is unknown", (int)x->dtype);
    }
    if (x->n_rows < 0 || (!x->data && x->n_rows > 0)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "a matrix of %lld rows%s", (long long)x->n_rows,
                        x->data ? "" : " without data");
    }
    return GBT_OK;
}

/* out [n] holds `per_row` numbers a row. */
static gbt_status check_size(int64_t n_rows, int64_t per_row, int64_t n)
{
    if (per_row > 0 ? n % per_row != 0 || n / per_row != n_rows : n != 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "n is %lld, expected %lld rows x %lld", (long long)n,
                        (long long)n_rows, (long long)per_row);
    }
    return GBT_OK;
}

/* Numbers a row; checks the kind. */
static gbt_status numbers_of(const gbt_heads *heads, gbt_predict_kind kind, int64_t *out)
{
    float none = 0.0f;
    if (!heads) {
        return gbt_fail(GBT_ERR_ARGUMENT, "heads is NULL");
    }
    *out = kind == GBT_PREDICT_CLASS ? 1 : heads->network.shape.n_outputs;
    return gbt_model_link(heads->frame, &none, kind, 0, &none);
}

/* The number of steps that n_steps asks for. */
static gbt_status steps_of(const gbt_heads *heads, int32_t n_steps, int32_t *out)
{
    if (n_steps < 0 || n_steps > heads->network.n_steps) {
        return gbt_fail(GBT_ERR_ARGUMENT, "n_steps = %d, the model has %d steps", (int)n_steps,
                        (int)heads->network.n_steps);
    }
    *out = n_steps > 0 ? n_steps : heads->network.n_steps;
    return GBT_OK;
}

/* ---- The public calls ------------------------------------------------------------------------ */

gbt_status gbt_heads_predict(const gbt_heads *heads, const gbt_matrix *x, gbt_predict_kind kind,
                             int32_t n_steps, int threads, float *out, int64_t n)
{
    predict_job job = {.heads = heads, .x = x, .kind = kind, .out = out};
    int64_t per_row = 0;
    GBT_TRY(numbers_of(heads, kind, &per_row));
    GBT_TRY(check_rows(heads, x, out));
    GBT_TRY(check_size(x->n_rows, per_row, n));
    GBT_TRY(steps_of(heads, n_steps, &job.n_steps));
    return run(&job, threads);
}

gbt_status gbt_heads_predict_early(const gbt_heads *heads, const gbt_matrix *x, double margin,
                                   int threads, float *out, int32_t *steps, int64_t n)
{
    predict_job job = {.heads = heads,
                       .x = x,
                       .kind = GBT_PREDICT_CLASS,
                       .out = out,
                       .steps = steps,
                       .margin = margin,
                       .is_early = true};
    int64_t n_classes = 0;
    GBT_TRY(check_rows(heads, x, out));
    GBT_TRY(check_size(x->n_rows, 1, n));
    GBT_TRY(gbt_model_shape(heads->frame, GBT_SHAPE_CLASSES, &n_classes));
    if (n_classes == 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "%s has no classes, so no row can stop early",
                        gbt_model_objective(heads->frame));
    }
    if (!(margin >= 0.0)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "margin is %g, must be 0 or more", margin);
    }
    return run(&job, threads);
}

/* Adds the init scores of the table: what the frame predicts beyond its base score. */
static gbt_status add_init_scores(const gbt_heads *heads, const gbt_table *table, int threads,
                                  int64_t n_rows, float *raw)
{
    gbt_status status = GBT_OK;
    const int32_t n_outputs = heads->network.shape.n_outputs;
    const int64_t n = n_rows * n_outputs;
    float *start = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(start, n));
    GBT_TRY_OR_DONE(
        gbt_model_predict_table(heads->frame, table, GBT_PREDICT_RAW, 0, 0, threads, start, n));
    for (int64_t i = 0; i < n; i++) {
        raw[i] += start[i] - (float)heads->network.out_bias[i % n_outputs];
    }
done:
    gbt_release(start);
    return status;
}

gbt_status gbt_heads_predict_table(const gbt_heads *heads, const gbt_table *table,
                                   gbt_predict_kind kind, int32_t n_steps, int threads, float *out,
                                   int64_t n)
{
    gbt_status status = GBT_OK;
    float *cells = NULL, *raw = NULL;
    int64_t per_row = 0, uses_init_score = 0;
    GBT_TRY(numbers_of(heads, kind, &per_row));
    if (!table || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", table ? "out" : "the table");
    }
    const int64_t n_rows = gbt_table_rows(table), n_features = heads->inputs.n_features;
    predict_job job = {.heads = heads, .kind = kind, .out = out};
    gbt_matrix x = {.dtype = GBT_F32,
                    .n_rows = n_rows,
                    .n_cols = n_features,
                    .row_stride = n_features,
                    .col_stride = 1};
    GBT_TRY(check_size(n_rows, per_row, n));
    GBT_TRY(steps_of(heads, n_steps, &job.n_steps));
    GBT_TRY(gbt_model_shape(heads->frame, GBT_SHAPE_USES_INIT_SCORE, &uses_init_score));
    GBT_TRY_OR_DONE(GBT_NEW(cells, n_rows * n_features));
    GBT_TRY_OR_DONE(gbt_model_features(heads->frame, table, cells, n_rows * n_features));
    x.data = cells;
    job.x = &x;
    if (!uses_init_score) {
        GBT_TRY_OR_DONE(run(&job, threads));
    } else {
        GBT_TRY_OR_DONE(GBT_NEW(raw, n_rows * heads->network.shape.n_outputs));
        job.kind = GBT_PREDICT_RAW;
        job.out = raw;
        GBT_TRY_OR_DONE(run(&job, threads));
        GBT_TRY_OR_DONE(add_init_scores(heads, table, threads, n_rows, raw));
        GBT_TRY_OR_DONE(gbt_model_link(heads->frame, raw, kind, n_rows, out));
    }
done:
    gbt_release(cells);
    gbt_release(raw);
    return status;
}

gbt_status gbt_heads_inputs(const gbt_heads *heads, const gbt_matrix *x, float *out, int64_t n)
{
    gbt_status status = GBT_OK;
    gbt_tiles tiles = {0};
    GBT_TRY(check_rows(heads, x, out));
    const gbt_head_inputs *in = &heads->inputs;
    const int64_t n_inputs = in->n_dense + in->n_slots;
    GBT_TRY(check_size(x->n_rows, n_inputs, n));
    GBT_TRY_OR_DONE(gbt_head_inputs_tiles(in, x, NULL, x->n_rows, gbt_thread_count(0), &tiles));
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t row = 0; row < x->n_rows; row++) {
        float *z = out + row * n_inputs;
        for (int32_t c = 0; c < in->n_dense; c++) {
            z[c] = tiles.dense[gbt_tile_at(row, c, in->n_dense)];
        }
        for (int32_t c = 0; c < in->n_index; c++) {
            const int32_t slot = tiles.index[gbt_tile_at(row, c, in->n_index)];
            if (slot >= 0) {
                z[in->n_dense + slot] = 1.0f;
            }
        }
    }
done:
    gbt_tiles_close(&tiles);
    return status;
}
