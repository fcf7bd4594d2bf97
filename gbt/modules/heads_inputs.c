/* From rows of columns to inputs of the network: standardised numbers, slots of missing cells,
 * categories and leaves. Learning is in heads_learn.c. Cost: one pass, and for leaves a prediction
 * of the tree model. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/heads_internal.h"

enum { LEAF_BLOCK = 4096 };

void gbt_head_inputs_close(gbt_head_inputs *in)
{
    gbt_release(in->dense_column);
    gbt_release(in->mean);
    gbt_release(in->scale);
    gbt_release(in->low);
    gbt_release(in->high);
    gbt_release(in->flag_column);
    gbt_release(in->categorical_column);
    gbt_release(in->code_start);
    gbt_release(in->code);
    gbt_release(in->has_missing);
    gbt_release(in->categorical_slot);
    gbt_model_free(in->leaf_model);
    gbt_release(in->leaf_column);
    gbt_release(in->tree_slot);
    *in = (gbt_head_inputs){0};
}

/* ---- Numbering ------------------------------------------------------------------------------- */

static int32_t find_feature(const gbt_model *frame, int32_t n_features, const char *name)
{
    for (int32_t f = 0; f < n_features; f++) {
        if (strcmp(gbt_model_feature_name(frame, f), name) == 0) {
            return f;
        }
    }
    return -1;
}

/* The columns of the leaf model's features, by name. */
static gbt_status match_columns(gbt_head_inputs *in, const gbt_model *frame)
{
    int64_t n = 0;
    GBT_TRY(gbt_model_shape(in->leaf_model, GBT_SHAPE_FEATURES, &n));
    in->n_leaf_features = (int32_t)n;
    GBT_TRY(GBT_NEW(in->leaf_column, n));
    for (int32_t f = 0; f < in->n_leaf_features; f++) {
        const char *name = gbt_model_feature_name(in->leaf_model, f);
        /* Most often both have the same columns in the same order. */
        const char *same = gbt_model_feature_name(frame, f);
        const int32_t column =
            same && strcmp(same, name) == 0 ? f : find_feature(frame, in->n_features, name);
        if (column < 0) {
            return gbt_fail(GBT_ERR_DATA, "the leaf model needs a column %s, which the data lack",
                            name);
        }
        if (gbt_model_feature_is_categorical(in->leaf_model, f) !=
            gbt_model_feature_is_categorical(frame, column)) {
            return gbt_fail(GBT_ERR_DATA,
                            "column %s is categorical in the leaf model or in the data, not in "
                            "both",
                            name);
        }
        in->leaf_column[f] = column;
    }
    return GBT_OK;
}

static gbt_status number_leaves(gbt_head_inputs *in, const gbt_model *frame)
{
    int64_t n_trees = 0;
    GBT_TRY(match_columns(in, frame));
    GBT_TRY(gbt_model_shape(in->leaf_model, GBT_SHAPE_TREES, &n_trees));
    in->n_trees = (int32_t)n_trees;
    GBT_TRY(GBT_NEW(in->tree_slot, n_trees));
    for (int32_t t = 0; t < in->n_trees; t++) {
        int32_t n_leaves = 0;
        GBT_TRY(gbt_model_tree_leaves(in->leaf_model, t, &n_leaves));
        in->tree_slot[t] = in->n_slots;
        in->n_slots += n_leaves;
    }
    return GBT_OK;
}

gbt_status gbt_head_inputs_seal(gbt_head_inputs *in, const gbt_model *frame)
{
    in->n_slots = in->n_flags;
    GBT_TRY(GBT_NEW(in->categorical_slot, in->n_categorical));
    for (int32_t c = 0; c < in->n_categorical; c++) {
        in->categorical_slot[c] = in->n_slots;
        in->n_slots += in->code_start[c + 1] - in->code_start[c] + in->has_missing[c];
    }
    if (in->leaf_model) {
        GBT_TRY(number_leaves(in, frame));
    }
    in->n_index = in->n_flags + in->n_categorical + in->n_trees;
    if (in->n_slots > INT32_MAX - 1) {
        return gbt_fail(GBT_ERR_DATA, "%lld categories and leaves are too many inputs",
                        (long long)in->n_slots);
    }
    return GBT_OK;
}

/* ---- One row --------------------------------------------------------------------------------- */

void gbt_matrix_row(const gbt_matrix *x, int64_t row, double *cells)
{
    const int64_t at = row * x->row_stride, step = x->col_stride, n = x->n_cols;
    if (x->dtype == GBT_F32) {
        const float *value = (const float *)x->data + at;
        for (int64_t c = 0; c < n; c++) {
            cells[c] = (double)value[c * step];
        }
    } else if (x->dtype == GBT_F64) {
        const double *value = (const double *)x->data + at;
        for (int64_t c = 0; c < n; c++) {
            cells[c] = value[c * step];
        }
    } else {
        const int32_t *value = (const int32_t *)x->data + at;
        for (int64_t c = 0; c < n; c++) {
            cells[c] = (double)value[c * step];
        }
    }
}

/* Position of a category of column c, -1 when training did not see it. */
static int64_t find_code(const gbt_head_inputs *in, int32_t c, double value)
{
    int64_t low = in->code_start[c], high = in->code_start[c + 1];
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if ((double)in->code[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const bool is_found = low < in->code_start[c + 1] && (double)in->code[low] == value;
    return is_found ? low - in->code_start[c] : -1;
}

static int32_t slot_of_category(const gbt_head_inputs *in, int32_t c, double value)
{
    const int64_t found = find_code(in, c, value);
    if (found >= 0) {
        return (int32_t)(in->categorical_slot[c] + found);
    }
    const int64_t n_codes = in->code_start[c + 1] - in->code_start[c];
    return in->has_missing[c] ? (int32_t)(in->categorical_slot[c] + n_codes) : -1;
}

/* Kept far inside the range of float: sums of products must not overflow. */
static float standardise(double x, double mean, double scale)
{
    const double z = (x - mean) / scale;
    return (float)(z > 1e15 ? 1e15 : z < -1e15 ? -1e15 : z);
}

void gbt_head_inputs_row(const gbt_head_inputs *in, const double *cells, const int32_t *leaf,
                         int64_t stride, float *dense, int32_t *index)
{
    for (int32_t d = 0; d < in->n_dense; d++) {
        const double x = cells[in->dense_column[d]];
        const double finite = !isinf(x) ? x : x > 0.0 ? in->high[d] : in->low[d];
        dense[d * stride] = isnan(x) ? 0.0f : standardise(finite, in->mean[d], in->scale[d]);
    }
    for (int32_t f = 0; f < in->n_flags; f++, index += stride) {
        *index = isnan(cells[in->flag_column[f]]) ? f : -1;
    }
    for (int32_t c = 0; c < in->n_categorical; c++, index += stride) {
        *index = slot_of_category(in, c, cells[in->categorical_column[c]]);
    }
    for (int32_t t = 0; t < in->n_trees; t++, index += stride) {
        *index = (int32_t)(in->tree_slot[t] + leaf[t]);
    }
}

/* ---- Leaves ---------------------------------------------------------------------------------- */

/* The rows as the leaf model wants them. */
static void gather_cells(const gbt_head_inputs *in, const gbt_matrix *x, const int64_t *rows,
                         int64_t first, int64_t n, double *cells, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        gbt_matrix_row(x, rows ? rows[first + i] : first + i, cells);
        for (int32_t f = 0; f < in->n_leaf_features; f++) {
            out[i * in->n_leaf_features + f] = (float)cells[in->leaf_column[f]];
        }
    }
}

gbt_status gbt_head_inputs_leaves(const gbt_head_inputs *in, const gbt_matrix *x,
                                  const int64_t *rows, int64_t first, int64_t n, int threads,
                                  int32_t *leaf)
{
    gbt_status status = GBT_OK;
    double *cells = NULL;
    float *gathered = NULL;
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(GBT_NEW(cells, in->n_features));
    GBT_TRY_OR_DONE(GBT_NEW(gathered, n * in->n_leaf_features));
    gather_cells(in, x, rows, first, n, cells, gathered);
    const gbt_matrix part = {.data = gathered,
                             .dtype = GBT_F32,
                             .n_rows = n,
                             .n_cols = in->n_leaf_features,
                             .row_stride = in->n_leaf_features,
                             .col_stride = 1};
    GBT_TRY_OR_DONE(gbt_model_leaves(in->leaf_model, &part, threads, leaf, n * in->n_trees));
done:
    gbt_release(cells);
    gbt_release(gathered);
    return status;
}

/* ---- All rows -------------------------------------------------------------------------------- */

typedef struct fill_job {
    const gbt_head_inputs *in;
    const gbt_matrix *x;
    const int64_t *rows; /* or NULL */
    const int32_t *leaf; /* of the rows from first_row, or NULL */
    int64_t first_row;
    double *cells; /* [threads x n_features] */
    gbt_tiles *tiles;
} fill_job;

static void fill_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const fill_job *j = context;
    const gbt_head_inputs *in = j->in;
    double *cells = j->cells + (int64_t)thread * in->n_features;
    for (int64_t i = first; i < last; i++) {
        const int64_t row = j->first_row + i;
        gbt_matrix_row(j->x, j->rows ? j->rows[row] : row, cells);
        gbt_head_inputs_row(in, cells, j->leaf ? j->leaf + i * in->n_trees : NULL, GBT_TILE_ROWS,
                            j->tiles->dense + gbt_tile_at(row, 0, in->n_dense),
                            j->tiles->index + gbt_tile_at(row, 0, in->n_index));
    }
}

gbt_status gbt_head_inputs_tiles(const gbt_head_inputs *in, const gbt_matrix *x,
                                 const int64_t *rows, int64_t n, int threads, gbt_tiles *out)
{
    gbt_status status = GBT_OK;
    double *cells = NULL;
    int32_t *leaf = NULL;
    const int64_t block = in->leaf_model ? LEAF_BLOCK : n;
    GBT_TRY_OR_DONE(gbt_tiles_open(out, n, in->n_dense, in->n_index));
    GBT_TRY_OR_DONE(GBT_NEW(cells, (int64_t)threads * in->n_features));
    if (in->leaf_model) {
        GBT_TRY_OR_DONE(GBT_NEW(leaf, (n < block ? n : block) * in->n_trees));
    }
    for (int64_t first = 0; first < n; first += block) {
        const int64_t count = n - first < block ? n - first : block;
        if (in->leaf_model) {
            GBT_TRY_OR_DONE(gbt_head_inputs_leaves(in, x, rows, first, count, threads, leaf));
        }
        fill_job job = {in, x, rows, leaf, first, cells, out};
        gbt_for_chunks(threads, count, GBT_TILE_ROWS, fill_chunk, &job);
    }
    out->n_rows = n; /* the rest of the last tile is clear already */
done:
    gbt_release(cells);
    gbt_release(leaf);
    return status;
}
