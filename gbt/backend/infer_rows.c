/* Gathers blocks of float32 rows from matrices, compressed sparse rows, tables and binned data, or
 * finds the entries of sparse ones.
 * Cost: about 1 ns a feature and row, for sparse rows a cell, for binned rows a feature that the
 * trees read; nothing when a matrix is float32 and row-major. */
#include "gbt/backend/infer_rows.h"

#include <math.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/data/matrix.h"

/* ---- Matrices -------------------------------------------------------------------------------- */

bool gbt_rows_are_plain(const gbt_row_source *source)
{
    const gbt_matrix *matrix = source->matrix;
    return matrix && matrix->dtype == GBT_F32 && (matrix->col_stride == 1 || matrix->n_cols <= 1) &&
           (matrix->row_stride == matrix->n_cols || matrix->n_rows <= 1);
}

/* Along the shorter stride of the source; `dtype` is a constant where this is inlined. */
static inline void gather_as(const gbt_matrix *matrix, gbt_dtype dtype, int64_t first, int64_t n,
                             float *out)
{
    const int64_t n_cols = matrix->n_cols, row_stride = matrix->row_stride;
    const int64_t col_stride = matrix->col_stride, start = first * row_stride;
    if (llabs(row_stride) < llabs(col_stride)) {
        for (int64_t col = 0; col < n_cols; col++) {
            for (int64_t row = 0; row < n; row++) {
                out[row * n_cols + col] =
                    gbt_element(matrix->data, dtype, start + row * row_stride + col * col_stride);
            }
        }
        return;
    }
    for (int64_t row = 0; row < n; row++) {
        for (int64_t col = 0; col < n_cols; col++) {
            out[row * n_cols + col] =
                gbt_element(matrix->data, dtype, start + row * row_stride + col * col_stride);
        }
    }
}

static void gather_matrix(const gbt_matrix *matrix, int64_t first, int64_t n, float *out)
{
    switch (matrix->dtype) {
    case GBT_F32:
        gather_as(matrix, GBT_F32, first, n, out);
        return;
    case GBT_F64:
        gather_as(matrix, GBT_F64, first, n, out);
        return;
    case GBT_I32:
        gather_as(matrix, GBT_I32, first, n, out);
        return;
    }
}

/* ---- Sparse rows ----------------------------------------------------------------------------- */

bool gbt_rows_entries(const gbt_row_source *source, gbt_csr *out, const int32_t **feature_of)
{
    *feature_of = NULL;
    if (source->csr) {
        *out = *source->csr;
        return true;
    }
    if (!source->view || !source->view->feature_of) {
        return false;
    }
    const gbt_sparse_rows *sparse = source->view->table->sparse;
    *out = (gbt_csr){.row_start = sparse->row_start,
                     .column = sparse->column,
                     .value = sparse->value,
                     .dtype = GBT_F32,
                     .n_rows = source->n_rows,
                     .n_cols = sparse->n_columns};
    *feature_of = source->view->feature_of;
    return true;
}

/* Writes the cells that are there into zeroed rows, or makes these cells zero again. */
static void scatter_csr(const gbt_csr *csr, int64_t first, int64_t n, bool clear, float *out)
{
    for (int64_t row = 0; row < n; row++) {
        for (int64_t at = csr->row_start[first + row]; at < csr->row_start[first + row + 1]; at++) {
            out[row * csr->n_cols + csr->column[at]] =
                clear ? 0.0f : gbt_element(csr->value, csr->dtype, at);
        }
    }
}

/* ---- Binned rows ----------------------------------------------------------------------------- */

static gbt_status find_used(const gbt_model *model, int32_t first, int32_t last,
                            gbt_binned_rows *rows)
{
    uint8_t *is_used = NULL;
    const int32_t n_features = model->cuts->n_features;
    gbt_status status = GBT_OK;
    GBT_TRY(GBT_NEW_ZERO(is_used, n_features));
    for (int32_t t = first; t < last; t++) {
        const gbt_tree *tree = model->trees[t];
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            if (tree->feature[node] >= 0) {
                rows->n_used += !is_used[tree->feature[node]];
                is_used[tree->feature[node]] = 1;
            }
        }
    }
    GBT_TRY_OR_DONE(GBT_NEW(rows->used, rows->n_used));
    int64_t size = 0;
    for (int32_t f = 0, u = 0; f < n_features; f++) {
        if (is_used[f]) {
            rows->used[u++] = (gbt_bin_values){f, size};
            size += (int64_t)model->cuts->n_bins[f] + 1;
        }
    }
    GBT_TRY_OR_DONE(GBT_NEW(rows->value, size));
done:
    gbt_release(is_used);
    return status;
}

/* The upper ends of bins, and the first category of each: what the bins of the trees' splits and
 * of these values say about a row is the same. A bin without a category has no row. */
static void fill_values(const gbt_cuts *cuts, int32_t feature, float *value)
{
    const int32_t n_bins = cuts->n_bins[feature];
    for (int32_t bin = 0; bin <= n_bins; bin++) {
        value[bin] = NAN;
    }
    if (!cuts->is_categorical[feature]) {
        for (int32_t bin = 0; bin < n_bins; bin++) {
            value[bin] = gbt_tree_threshold(cuts, feature, bin);
        }
        return;
    }
    const int64_t first = cuts->category_first[feature];
    for (int64_t code = cuts->category_first[feature + 1] - first; code-- > 0;) {
        const int32_t bin = cuts->category_bin[first + code];
        value[bin] = bin < n_bins ? (float)code : NAN;
    }
}

gbt_status gbt_binned_rows_open(const gbt_model *model, const gbt_dataset *data, int32_t first,
                                int32_t last, gbt_binned_rows *out)
{
    *out = (gbt_binned_rows){.data = data};
    const gbt_status status = find_used(model, first, last, out);
    if (status != GBT_OK) {
        gbt_binned_rows_close(out);
        return status;
    }
    for (int32_t u = 0; u < out->n_used; u++) {
        fill_values(model->cuts, out->used[u].feature, out->value + out->used[u].first);
    }
    return GBT_OK;
}

void gbt_binned_rows_close(gbt_binned_rows *rows)
{
    gbt_release(rows->used);
    gbt_release(rows->value);
    *rows = (gbt_binned_rows){0};
}

static void gather_binned(const gbt_binned_rows *rows, int32_t n_features, int64_t first, int64_t n,
                          float *out)
{
    const gbt_bins *bins = &rows->data->bins;
    for (int64_t row = 0; row < n; row++) {
        const uint8_t *code = bins->base + (first + row) * bins->row_step;
        for (int32_t u = 0; u < rows->n_used; u++) {
            const gbt_bin_place *place = &bins->place[rows->used[u].feature];
            const int32_t bin = gbt_bin_of_code(place, code[place->column]);
            out[row * n_features + rows->used[u].feature] = rows->value[rows->used[u].first + bin];
        }
    }
}

/* ---- Any source ------------------------------------------------------------------------------ */

const float *gbt_rows_fetch(const gbt_row_source *source, int32_t n_features, int64_t first,
                            int64_t n, float *scratch)
{
    if (!scratch) {
        return (const float *)source->matrix->data + first * n_features;
    }
    if (source->matrix) {
        gather_matrix(source->matrix, first, n, scratch);
    } else if (source->csr) {
        scatter_csr(source->csr, first, n, false, scratch);
    } else if (source->binned) {
        gather_binned(source->binned, n_features, first, n, scratch);
    } else {
        gbt_view_rows(source->view, first, n, scratch);
    }
    return scratch;
}

void gbt_rows_clear(const gbt_row_source *source, int64_t first, int64_t n, float *scratch)
{
    if (source->csr) {
        scatter_csr(source->csr, first, n, true, scratch);
    }
}
