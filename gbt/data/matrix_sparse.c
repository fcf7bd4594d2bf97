/* Sparse values of any type and order to compressed rows. Entries go to the lines they cross
 * (those of a column to its rows) in one pass, so a line comes out in ascending order whatever it
 * was before: once makes rows of columns, twice sorts rows. Cost: two passes over the entries,
 * counting and placing, and two more for rows that are not in order. */
#include <inttypes.h>
#include <string.h>

#include "datasets/cells.h"
#include "gbt/base/alloc.h"
#include "gbt/data/matrix.h"

enum { MAX_COLUMNS = 1 << 24 };

/* Entries by line with 64-bit starts; the arrays are owned. */
typedef struct lines {
    int64_t n;
    int64_t *start; /* [n + 1] */
    int64_t *index; /* [entries] the crossing line */
    float *value;   /* [entries] */
} lines;

static void close_lines(lines *owned)
{
    gbt_release(owned->start);
    gbt_release(owned->index);
    gbt_release(owned->value);
    *owned = (lines){0};
}

static gbt_status open_lines(lines *owned, int64_t n, int64_t n_entries)
{
    owned->n = n;
    GBT_TRY(GBT_NEW_ZERO(owned->start, n + 1));
    GBT_TRY(GBT_NEW(owned->index, n_entries));
    return GBT_NEW(owned->value, n_entries);
}

static int64_t whole_at(const void *data, gbt_cell type, int64_t at)
{
    int64_t wide;
    int32_t narrow;
    if (type == GBT_CELL_I64) {
        memcpy(&wide, (const char *)data + at * (int64_t)sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, (const char *)data + at * (int64_t)sizeof narrow, sizeof narrow);
    return narrow;
}

/* ---- The caller's view ----------------------------------------------------------------------- */

static gbt_status check_types(const gbt_sparse *sparse)
{
    if (sparse->start_type != GBT_CELL_I32 && sparse->start_type != GBT_CELL_I64) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "sparse.start_type: GBT_CELL_I32 and GBT_CELL_I64 are possible");
    }
    if (sparse->index_type != GBT_CELL_I32 && sparse->index_type != GBT_CELL_I64) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "sparse.index_type: GBT_CELL_I32 and GBT_CELL_I64 are possible");
    }
    if (gbt_cell_size(sparse->value_type) == 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "sparse.value_type: %d is no type of numbers in bytes",
                        (int)sparse->value_type);
    }
    return GBT_OK;
}

static gbt_status check_shape(const gbt_sparse *sparse)
{
    if (sparse->n_rows < 0 || sparse->n_rows > UINT32_MAX) {
        return gbt_fail(GBT_ERR_ARGUMENT, "sparse.n_rows: %" PRId64 " is outside 0 .. 2^32 - 1",
                        sparse->n_rows);
    }
    if (sparse->n_cols < 0 || sparse->n_cols >= MAX_COLUMNS) {
        return gbt_fail(GBT_ERR_ARGUMENT, "sparse.n_cols: %" PRId64 " is outside 0 .. 2^24 - 1",
                        sparse->n_cols);
    }
    return sparse->start == NULL
               ? gbt_fail(GBT_ERR_ARGUMENT, "sparse.start: a null pointer was given")
               : GBT_OK;
}

static gbt_status check_starts(const gbt_sparse *sparse, int64_t n_lines)
{
    int64_t before = 0;
    for (int64_t i = 0; i <= n_lines; i++) {
        const int64_t start = whole_at(sparse->start, sparse->start_type, i);
        if (start < before || (i == 0 && start != 0) || start > INT64_MAX / 64) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "sparse.start[%" PRId64 "]: %" PRId64 " after %" PRId64
                            "; starts begin with 0 and must not fall",
                            i, start, before);
        }
        before = start;
    }
    if (before > 0 && (sparse->index == NULL || sparse->value == NULL)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "sparse.%s: a null pointer was given",
                        sparse->index == NULL ? "index" : "value");
    }
    return GBT_OK;
}

static gbt_status check_indices(const gbt_sparse *sparse, int64_t n_entries, int64_t n_crossing)
{
    for (int64_t at = 0; at < n_entries; at++) {
        const int64_t index = whole_at(sparse->index, sparse->index_type, at);
        if (index < 0 || index >= n_crossing) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "sparse.index[%" PRId64 "]: %" PRId64 " is outside 0 .. %" PRId64, at,
                            index, n_crossing - 1);
        }
    }
    return GBT_OK;
}

static gbt_status copy_lines(const gbt_sparse *sparse, lines *out)
{
    const int64_t n_lines = sparse->is_by_column ? sparse->n_cols : sparse->n_rows;
    GBT_TRY(check_types(sparse));
    GBT_TRY(check_shape(sparse));
    GBT_TRY(check_starts(sparse, n_lines));
    const int64_t n_entries = whole_at(sparse->start, sparse->start_type, n_lines);
    GBT_TRY(
        check_indices(sparse, n_entries, sparse->is_by_column ? sparse->n_rows : sparse->n_cols));
    GBT_TRY(open_lines(out, n_lines, n_entries));
    for (int64_t i = 0; i <= n_lines; i++) {
        out->start[i] = whole_at(sparse->start, sparse->start_type, i);
    }
    for (int64_t at = 0; at < n_entries; at++) {
        out->index[at] = whole_at(sparse->index, sparse->index_type, at);
    }
    const gbt_cells values = {.type = sparse->value_type,
                              .n = n_entries,
                              .data = sparse->value,
                              .stride = gbt_cell_size(sparse->value_type)};
    gbt_cells_numbers(&values, 0, n_entries, out->value);
    return GBT_OK;
}

/* ---- Crossing and checking ------------------------------------------------------------------- */

/* The same entries by their crossing lines, in which they ascend. */
static gbt_status cross(const lines *from, int64_t n_crossing, lines *out)
{
    const int64_t n_entries = from->start[from->n];
    GBT_TRY(open_lines(out, n_crossing, n_entries));
    for (int64_t at = 0; at < n_entries; at++) {
        out->start[from->index[at] + 1]++;
    }
    for (int64_t i = 0; i < n_crossing; i++) {
        out->start[i + 1] += out->start[i];
    }
    for (int64_t i = 0; i < from->n; i++) {
        for (int64_t at = from->start[i]; at < from->start[i + 1]; at++) {
            const int64_t to = out->start[from->index[at]]++;
            out->index[to] = i;
            out->value[to] = from->value[at];
        }
    }
    for (int64_t i = n_crossing; i > 0; i--) {
        out->start[i] = out->start[i - 1];
    }
    out->start[0] = 0;
    return GBT_OK;
}

static bool is_in_order(const lines *rows)
{
    for (int64_t row = 0; row < rows->n; row++) {
        for (int64_t at = rows->start[row] + 1; at < rows->start[row + 1]; at++) {
            if (rows->index[at] <= rows->index[at - 1]) {
                return false;
            }
        }
    }
    return true;
}

/* Entries of a row are in order now; equal neighbours are an error. */
static gbt_status refuse_repeated(const lines *rows)
{
    for (int64_t row = 0; row < rows->n; row++) {
        for (int64_t at = rows->start[row] + 1; at < rows->start[row + 1]; at++) {
            if (rows->index[at] == rows->index[at - 1]) {
                return gbt_fail(GBT_ERR_DATA,
                                "sparse: the cell in row %" PRId64 ", column %" PRId64
                                " (from 0) is there twice; add them up first",
                                row, rows->index[at]);
            }
        }
    }
    return GBT_OK;
}

/* Rows in order, from lines of either kind. */
static gbt_status make_rows(const gbt_sparse *sparse, lines *rows)
{
    gbt_status status = GBT_OK;
    lines other = {0};
    GBT_TRY_OR_DONE(copy_lines(sparse, sparse->is_by_column ? &other : rows));
    if (!sparse->is_by_column) {
        if (is_in_order(rows)) {
            goto done;
        }
        GBT_TRY_OR_DONE(cross(rows, sparse->n_cols, &other));
        close_lines(rows);
    }
    GBT_TRY_OR_DONE(cross(&other, sparse->n_rows, rows));
    status = refuse_repeated(rows);
done:
    close_lines(&other);
    return status;
}

gbt_status gbt_csr_open(const gbt_sparse *sparse, gbt_csr *out)
{
    gbt_status status = GBT_OK;
    lines rows = {0};
    int32_t *column = NULL;
    if (out != NULL) {
        *out = (gbt_csr){0};
    }
    if (sparse == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        sparse == NULL ? "sparse" : "out");
    }
    GBT_TRY_OR_DONE(make_rows(sparse, &rows));
    const int64_t n_entries = rows.start[rows.n];
    GBT_TRY_OR_DONE(GBT_NEW(column, n_entries));
    for (int64_t at = 0; at < n_entries; at++) {
        column[at] = (int32_t)rows.index[at];
    }
    *out = (gbt_csr){.row_start = rows.start,
                     .column = column,
                     .value = rows.value,
                     .dtype = GBT_F32,
                     .n_rows = sparse->n_rows,
                     .n_cols = sparse->n_cols};
    rows.start = NULL;
    rows.value = NULL;
done:
    close_lines(&rows);
    return status;
}

void gbt_csr_close(gbt_csr *csr)
{
    if (csr != NULL) {
        gbt_release((void *)csr->row_start);
        gbt_release((void *)csr->column);
        gbt_release((void *)csr->value);
        *csr = (gbt_csr){0};
    }
}
