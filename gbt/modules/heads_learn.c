/* Learns from the training rows how columns become inputs: means and scales, which columns have
 * missing cells, which categories there are. Two passes over the rows, in pieces whose sums are
 * added in order; a pass more for each categorical column. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/heads_internal.h"

enum { MOST_PIECES = 64, PIECE_ROWS = 4096, CODES = 1 << 24 };

/* What the first pass knows of a column; infinite cells take part in nothing but `is_missing`. */
typedef struct column_sum {
    double weight, sum, low, high;
    double squares; /* second pass: around the mean */
    bool is_missing, is_there;
} column_sum;

typedef struct learn_job {
    const gbt_matrix *x;
    const int64_t *rows; /* or NULL */
    const float *weight; /* of the i-th row of the list, or NULL */
    int64_t n, piece_rows, n_pieces;
    double *cells;      /* [threads x columns] */
    column_sum *piece;  /* [pieces x columns] */
    column_sum *column; /* [columns] */
    bool is_second;
} learn_job;

static void sum_row(const learn_job *j, int64_t i, const double *cells, column_sum *sums)
{
    const double w = j->weight ? (double)j->weight[i] : 1.0;
    for (int64_t c = 0; c < j->x->n_cols; c++) {
        column_sum *s = &sums[c];
        const double x = cells[c];
        if (isnan(x)) {
            s->is_missing = true;
        } else if (isfinite(x) && j->is_second) {
            const double mean = j->column[c].sum;
            s->squares += w * ((x - mean) * (x - mean));
        } else if (isfinite(x)) {
            s->weight += w;
            s->sum += w * x;
            s->low = !s->is_there || x < s->low ? x : s->low;
            s->high = !s->is_there || x > s->high ? x : s->high;
            s->is_there = true;
        }
    }
}

static void sum_piece(void *context, int64_t first, int64_t last, int thread)
{
    const learn_job *j = context;
    double *cells = j->cells + thread * j->x->n_cols;
    column_sum *sums = j->piece + first / j->piece_rows * j->x->n_cols;
    memset(sums, 0, (size_t)j->x->n_cols * sizeof *sums);
    for (int64_t i = first; i < last; i++) {
        gbt_matrix_row(j->x, j->rows ? j->rows[i] : i, cells);
        sum_row(j, i, cells, sums);
    }
}

static void add_sums(column_sum *to, const column_sum *from)
{
    to->weight += from->weight;
    to->sum += from->sum;
    to->squares += from->squares;
    to->is_missing |= from->is_missing;
    if (from->is_there) {
        to->low = !to->is_there || from->low < to->low ? from->low : to->low;
        to->high = !to->is_there || from->high > to->high ? from->high : to->high;
        to->is_there = true;
    }
}

/* Both passes: then `sum` is the mean and `squares` the variance. */
static void measure_columns(learn_job *j, int threads)
{
    const int64_t n_cols = j->x->n_cols;
    for (int pass = 0; pass < 2; pass++) {
        j->is_second = pass == 1;
        gbt_for_chunks(threads, j->n, j->piece_rows, sum_piece, j);
        for (int64_t i = 0; i < j->n_pieces * n_cols; i++) {
            add_sums(&j->column[i % n_cols], &j->piece[i]);
        }
        for (int64_t c = 0; c < n_cols; c++) {
            column_sum *s = &j->column[c];
            double *moment = pass == 0 ? &s->sum : &s->squares;
            *moment = s->weight > 0.0 ? *moment / s->weight : 0.0;
        }
    }
}

/* ---- Categories ------------------------------------------------------------------------------ */

static gbt_matrix one_column(const gbt_matrix *x, int32_t column)
{
    const int64_t size = x->dtype == GBT_F64 ? 8 : 4;
    gbt_matrix one = *x;
    one.data = (const char *)x->data + column * x->col_stride * size;
    one.n_cols = 1;
    return one;
}

/* Appends the categories of column `column` when there is more than one, missing included. `seen`
 * [CODES] is all 0, before and after. */
static gbt_status learn_categories(const learn_job *j, const gbt_model *frame, int32_t column,
                                   uint8_t *seen, gbt_head_inputs *in)
{
    int64_t n_codes = 0, largest = -1;
    bool has_missing = false;
    const gbt_matrix cells = one_column(j->x, column);
    for (int64_t i = 0; i < j->n; i++) {
        double x = 0.0;
        gbt_matrix_row(&cells, j->rows ? j->rows[i] : i, &x);
        if (!(x >= 0.0)) {
            has_missing = true;
            continue;
        }
        if (x >= CODES || x != floor(x)) {
            return gbt_fail(GBT_ERR_DATA,
                            "row %lld, column %s: %.9g is no category: whole numbers below 2^24",
                            (long long)(j->rows ? j->rows[i] : i) + 1,
                            gbt_model_feature_name(frame, column), x);
        }
        const int64_t code = (int64_t)x;
        n_codes += !seen[code];
        largest = code > largest ? code : largest;
        seen[code] = 1;
    }
    const int64_t start = in->code_start[in->n_categorical];
    int32_t *grown = NULL;
    if (n_codes + has_missing > 1) {
        grown = gbt_grow(in->code, start, start + n_codes, sizeof *grown);
        if (!grown) {
            return GBT_ERR_MEMORY;
        }
        in->code = grown;
        in->categorical_column[in->n_categorical] = column;
        in->has_missing[in->n_categorical] = has_missing;
        in->code_start[++in->n_categorical] = start + n_codes;
    }
    for (int64_t code = 0, at = start; code <= largest; code++) {
        if (grown && seen[code]) {
            grown[at++] = (int32_t)code;
        }
        seen[code] = 0;
    }
    return GBT_OK;
}

static gbt_status learn_all_categories(const learn_job *j, const gbt_model *frame,
                                       gbt_head_inputs *in)
{
    gbt_status status = GBT_OK;
    uint8_t *seen = NULL;
    for (int32_t c = 0; c < in->n_features && status == GBT_OK; c++) {
        if (gbt_model_feature_is_categorical(frame, c)) {
            if (!seen) {
                GBT_TRY_OR_DONE(GBT_NEW_ZERO(seen, CODES));
            }
            status = learn_categories(j, frame, c, seen, in);
        }
    }
done:
    gbt_release(seen);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static gbt_status reserve(gbt_head_inputs *in)
{
    const int64_t n = in->n_features;
    GBT_TRY(GBT_NEW(in->dense_column, n));
    GBT_TRY(GBT_NEW(in->mean, n));
    GBT_TRY(GBT_NEW(in->scale, n));
    GBT_TRY(GBT_NEW(in->low, n));
    GBT_TRY(GBT_NEW(in->high, n));
    GBT_TRY(GBT_NEW(in->flag_column, n));
    GBT_TRY(GBT_NEW(in->categorical_column, n));
    GBT_TRY(GBT_NEW_ZERO(in->code_start, n + 1));
    return GBT_NEW(in->has_missing, n);
}

static void take_numbers(const learn_job *j, const gbt_model *frame, gbt_head_inputs *in)
{
    for (int32_t c = 0; c < in->n_features; c++) {
        const column_sum *s = &j->column[c];
        const double spread = sqrt(s->squares);
        if (gbt_model_feature_is_categorical(frame, c)) {
            continue;
        }
        if (s->is_there && s->low < s->high && spread > 0.0 && isfinite(spread)) {
            const int32_t d = in->n_dense++;
            in->dense_column[d] = c;
            in->mean[d] = s->sum;
            in->scale[d] = spread;
            in->low[d] = s->low;
            in->high[d] = s->high;
        }
        if (s->is_missing && s->is_there) {
            in->flag_column[in->n_flags++] = c;
        }
    }
}

static gbt_status learn_columns(const gbt_model *frame, learn_job *j, int threads,
                                gbt_head_inputs *in)
{
    gbt_status status = GBT_OK;
    j->piece_rows = j->n / MOST_PIECES + 1 > PIECE_ROWS ? j->n / MOST_PIECES + 1 : PIECE_ROWS;
    j->n_pieces = gbt_chunk_count(j->n, j->piece_rows);
    GBT_TRY_OR_DONE(GBT_NEW(j->cells, threads * j->x->n_cols));
    GBT_TRY_OR_DONE(GBT_NEW(j->piece, j->n_pieces * j->x->n_cols));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(j->column, j->x->n_cols));
    measure_columns(j, threads);
    take_numbers(j, frame, in);
    GBT_TRY_OR_DONE(learn_all_categories(j, frame, in));
done:
    gbt_release(j->cells);
    gbt_release(j->piece);
    gbt_release(j->column);
    return status;
}

gbt_status gbt_head_inputs_learn(const gbt_model *frame, const gbt_matrix *x, const int64_t *rows,
                                 int64_t n, const float *weight, bool uses_columns,
                                 gbt_model *leaf_model, int threads, gbt_head_inputs *out)
{
    gbt_status status = GBT_OK;
    learn_job job = {.x = x, .rows = rows, .weight = weight, .n = n};
    *out = (gbt_head_inputs){.n_features = (int32_t)x->n_cols, .leaf_model = leaf_model};
    GBT_TRY_OR_DONE(reserve(out));
    if (uses_columns) {
        GBT_TRY_OR_DONE(learn_columns(frame, &job, threads, out));
    }
    GBT_TRY_OR_DONE(gbt_head_inputs_seal(out, frame));
done:
    if (status != GBT_OK) {
        gbt_head_inputs_close(out);
    }
    return status;
}
