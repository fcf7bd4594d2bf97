/* The code columns of sparse rows, straight from their entries. The entries of a block that trees
 * ask for are sorted by feature and coded once; the columns of a segment begin as codes of 0, then
 * the rows that have an entry get its code. Float32 rows of all features are never made. Cost:
 * about 5 ns an entry and block, and for every segment a byte a row and column and 1 ns for each of
 * its entries. */
#include <string.h>

#include "gbt/data/matrix.h"
#include "gbt/tree/forest.h"

enum { LINE = 64 }; /* bytes; what is laid out in the scratch begins with one */

/* ---- Scratch --------------------------------------------------------------------------------- */

/* Entries in the order of the rows, those of features without a code left out. */
typedef struct kept_entries {
    int64_t n;
    int32_t *coded;
    float *value;
    uint16_t *row;
} kept_entries;

/* Where everything lies. */
typedef struct layout {
    kept_entries kept;
    gbt_sorted_entries sorted;
    float *value; /* sorted */
} layout;

/* The next `bytes` bytes at `base + *at`, or nowhere when there is no base yet. */
static void *take(char *base, int64_t *at, int64_t bytes)
{
    void *mine = base ? base + *at : NULL;
    *at += (bytes + LINE - 1) / LINE * LINE;
    return mine;
}

/* Lays everything out and returns the bytes. Coding writes up to a group behind the last code. */
static int64_t lay_out(const gbt_forest *forest, int32_t n_rows, int64_t n, char *base, layout *out)
{
    int64_t at = 0;
    out->kept.n = 0;
    out->sorted.groups = 1;
    while (out->sorted.groups * GBT_ROW_GROUP < n_rows) {
        out->sorted.groups *= 2;
    }
    const int64_t rows = (int64_t)out->sorted.groups * GBT_ROW_GROUP;
    out->sorted.column = take(base, &at, (forest->most_columns + forest->most_members) * rows);
    out->sorted.sum = take(base, &at, forest->n_outputs * rows * (int64_t)sizeof(float));
    out->sorted.start = take(base, &at, ((int64_t)forest->n_coded + 2) * (int64_t)sizeof(int32_t));
    out->sorted.row = take(base, &at, n * (int64_t)sizeof(uint16_t));
    out->sorted.left = take(base, &at, n + GBT_ROW_GROUP);
    out->sorted.right = take(base, &at, n + GBT_ROW_GROUP);
    out->value = take(base, &at, n * (int64_t)sizeof(float));
    out->kept.coded = take(base, &at, n * (int64_t)sizeof(int32_t));
    out->kept.value = take(base, &at, n * (int64_t)sizeof(float));
    out->kept.row = take(base, &at, n * (int64_t)sizeof(uint16_t));
    return at;
}

int32_t gbt_forest_entry_rows(const gbt_forest *forest, int64_t n_rows)
{
    return forest->has_large || n_rows < GBT_FEW_ROWS ? 0 : GBT_MOST_GROUPS * GBT_ROW_GROUP;
}

int64_t gbt_forest_entry_bytes(const gbt_forest *forest, int32_t n_rows, int64_t n_entries)
{
    layout unused;
    return lay_out(forest, n_rows, n_entries, NULL, &unused);
}

/* ---- Sorting and coding ---------------------------------------------------------------------- */

/* `dtype` is a constant where this is inlined. An entry that is left out is overwritten. */
static inline void keep_as(const gbt_forest *forest, const gbt_entry_block *rows, gbt_dtype dtype,
                           kept_entries *kept)
{
    const gbt_csr *csr = rows->csr;
    int64_t n = 0;
    for (int32_t r = 0; r < rows->n; r++) {
        const int64_t last = csr->row_start[rows->first + r + 1];
        for (int64_t at = csr->row_start[rows->first + r]; at < last; at++) {
            const int32_t column = csr->column[at];
            const int32_t feature = rows->feature_of ? rows->feature_of[column] : column;
            const int32_t coded = feature < 0 ? -1 : forest->coded_of[feature];
            kept->coded[n] = coded;
            kept->value[n] = gbt_element(csr->value, dtype, at);
            kept->row[n] = (uint16_t)r;
            n += coded >= 0;
        }
    }
    kept->n = n;
}

static void keep(const gbt_forest *forest, const gbt_entry_block *rows, kept_entries *kept)
{
    switch (rows->csr->dtype) {
    case GBT_F32:
        keep_as(forest, rows, GBT_F32, kept);
        return;
    case GBT_F64:
        keep_as(forest, rows, GBT_F64, kept);
        return;
    case GBT_I32:
        keep_as(forest, rows, GBT_I32, kept);
        return;
    }
}

/* Sorts the kept entries by coded feature; those of a feature stay in order. While entries move,
 * start[c + 1] is where the next one of coded feature c goes. */
static void sort(const gbt_forest *forest, layout *all)
{
    int32_t *start = all->sorted.start;
    memset(start, 0, ((size_t)forest->n_coded + 2) * sizeof *start);
    for (int64_t i = 0; i < all->kept.n; i++) {
        start[all->kept.coded[i] + 2]++;
    }
    for (int32_t c = 0; c < forest->n_coded; c++) {
        start[c + 2] += start[c + 1];
    }
    for (int64_t i = 0; i < all->kept.n; i++) {
        const int32_t to = start[all->kept.coded[i] + 1]++;
        all->value[to] = all->kept.value[i];
        all->sorted.row[to] = all->kept.row[i];
    }
}

/* Codes n sorted entries of a feature from `at` on. */
static void code_feature(const gbt_forest *forest, const gbt_predict_kernels *kernels,
                         int32_t feature, int32_t at, int32_t n, const layout *all)
{
    const gbt_ladder *ladder = &forest->ladder[feature];
    for (int32_t i = at; i < at + n; i += GBT_ROW_GROUP) {
        const int32_t rest = at + n - i;
        kernels->code(forest->threshold + ladder->first, ladder->n < GBT_LADDER, all->value + i, 1,
                      rest < GBT_ROW_GROUP ? rest : GBT_ROW_GROUP, all->sorted.left + i,
                      all->sorted.right + i);
    }
}

/* In ascending order, as the code of one feature may be written behind its last entry. */
static void code(const gbt_forest *forest, const gbt_predict_kernels *kernels, const layout *all)
{
    const int32_t *start = all->sorted.start;
    for (int32_t c = 0; c < forest->n_coded; c++) {
        const int32_t feature = forest->coded[c].feature;
        if (start[c] == start[c + 1]) {
            continue;
        }
        if (!forest->cuts->is_categorical[feature]) {
            code_feature(forest, kernels, feature, start[c], start[c + 1] - start[c], all);
            continue;
        }
        for (int32_t i = start[c]; i < start[c + 1]; i++) {
            all->sorted.left[i] = (int8_t)gbt_cuts_bin_of(forest->cuts, feature, all->value[i]);
        }
    }
}

void gbt_entries_sort(const gbt_forest *forest, const gbt_predict_kernels *kernels,
                      const gbt_entry_block *rows, gbt_sorted_entries *out)
{
    const int64_t *start = rows->csr->row_start;
    layout all;
    (void)lay_out(forest, rows->n, start[rows->first + rows->n] - start[rows->first], rows->scratch,
                  &all);
    keep(forest, rows, &all.kept);
    sort(forest, &all);
    code(forest, kernels, &all);
    *out = all.sorted;
}

/* ---- Columns --------------------------------------------------------------------------------- */

void gbt_entries_fill(const gbt_forest *forest, const gbt_segment *segment,
                      const gbt_sorted_entries *sorted)
{
    const int64_t rows = (int64_t)sorted->groups * GBT_ROW_GROUP;
    for (int32_t i = 0; i < segment->n_codings; i++) {
        const gbt_coding *coding = &forest->coding[segment->first_coding + i];
        const int32_t first = sorted->start[coding->coded], last = sorted->start[coding->coded + 1];
        const int8_t zero = forest->coded[coding->coded].zero;
        const int16_t number[] = {coding->missing_left, coding->bins, coding->missing_right};
        const int8_t *const code[] = {sorted->left, sorted->left, sorted->right};
        for (int way = 0; way < 3; way++) {
            if (number[way] < 0) {
                continue;
            }
            int8_t *column = sorted->column + (forest->most_members + number[way]) * rows;
            memset(column, zero, (size_t)rows);
            for (int32_t e = first; e < last; e++) {
                column[sorted->row[e]] = code[way][e];
            }
        }
    }
}
