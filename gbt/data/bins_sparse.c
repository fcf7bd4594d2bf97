/* The bin matrix of sparse rows. Every entry is binned once (one byte kept per entry); features
 * that are often at the bin of zero are packed into shared columns (bundle.c), the others get a
 * column each; then every row starts as a copy of the default row and its entries are written
 * in. Rows are never expanded to floats. Cost: two passes over the entries by rows, two more by
 * features. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/bins_place.h"
#include "gbt/data/bundle.h"
#include "gbt/data/matrix.h"

enum {
    CHUNK_ROWS = 4096,
    DEFAULT_SHARE =
        16 /* a feature at its default in less than 1/16 of the rows is not worth packing */
};

typedef struct sparse_filling {
    const gbt_features *features;
    const gbt_cuts *cuts;
    gbt_bins *bins;
    gbt_bundling bundling; /* default: the bin of an absent cell */
    uint8_t *entry_bin;    /* [entries] */
    uint8_t *default_row;  /* [n_columns] */
    int64_t *n_others;     /* [n_features] entries away from the default */
    int64_t *start;        /* [n_features + 1] of the candidates' rows */
    uint32_t *row;         /* [start[n_features]] */
    uint8_t *is_candidate; /* [n_features] */
    uint8_t *is_sparse;    /* [n_features] most rows are at the default */
} sparse_filling;

static void bin_entries(void *context, int64_t first, int64_t last, int thread)
{
    sparse_filling *c = context;
    const gbt_csr *csr = c->features->sparse;
    (void)thread;
    for (int64_t at = csr->row_start[first]; at < csr->row_start[last]; at++) {
        const int32_t f = gbt_features_of(c->features, csr->column[at]);
        if (f >= 0) {
            const float value = gbt_element(csr->value, csr->dtype, at);
            c->entry_bin[at - csr->row_start[0]] = (uint8_t)gbt_cuts_bin_of(c->cuts, f, value);
        }
    }
}

/* Counts the entries away from the default. When an absent cell is a missing one (category 0
 * that training never saw) the missing bin is in use even if no row happens to need it. */
static void survey(sparse_filling *c)
{
    const gbt_csr *csr = c->features->sparse;
    for (int64_t at = csr->row_start[0]; at < csr->row_start[csr->n_rows]; at++) {
        const int32_t f = gbt_features_of(c->features, csr->column[at]);
        if (f >= 0) {
            const int32_t bin = c->entry_bin[at - csr->row_start[0]];
            c->n_others[f] += bin != c->bundling.default_bin[f];
            c->bins->has_missing[f] |= bin == c->cuts->n_bins[f];
        }
    }
    for (int32_t f = 0; f < c->cuts->n_features; f++) {
        c->bins->has_missing[f] |= c->bundling.default_bin[f] == c->cuts->n_bins[f];
        c->bundling.n_codes[f] = c->cuts->n_bins[f] - 1 + (c->bins->has_missing[f] ? 1 : 0);
        c->is_sparse[f] = c->n_others[f] <= csr->n_rows / 2;
        c->is_candidate[f] = c->n_others[f] <= csr->n_rows - csr->n_rows / DEFAULT_SHARE;
        c->start[f + 1] = c->start[f] + (c->is_candidate[f] ? c->n_others[f] : 0);
    }
}

/* Rows of the candidates; leaves `start` as it was. */
static void list_rows(sparse_filling *c)
{
    const gbt_csr *csr = c->features->sparse;
    for (int64_t row = 0; row < csr->n_rows; row++) {
        for (int64_t at = csr->row_start[row]; at < csr->row_start[row + 1]; at++) {
            const int32_t f = gbt_features_of(c->features, csr->column[at]);
            if (f >= 0 && c->is_candidate[f] &&
                c->entry_bin[at - csr->row_start[0]] != c->bundling.default_bin[f]) {
                c->row[c->start[f]++] = (uint32_t)row;
            }
        }
    }
    for (int32_t f = c->cuts->n_features; f > 0; f--) {
        c->start[f] = c->start[f - 1];
    }
    c->start[0] = 0;
}

static void write_rows(void *context, int64_t first, int64_t last, int thread)
{
    sparse_filling *c = context;
    const gbt_csr *csr = c->features->sparse;
    const gbt_bins *bins = c->bins;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        uint8_t *to = bins->base + row * bins->row_step;
        memcpy(to, c->default_row, (size_t)bins->n_columns);
        for (int64_t at = csr->row_start[row]; at < csr->row_start[row + 1]; at++) {
            const int32_t f = gbt_features_of(c->features, csr->column[at]);
            if (f < 0) {
                continue;
            }
            const gbt_bin_place *place = &bins->place[f];
            const int32_t bin = c->entry_bin[at - csr->row_start[0]];
            if (place->default_bin < 0) {
                to[place->column] = (uint8_t)bin;
            } else if (bin != place->default_bin) {
                to[place->column] = (uint8_t)(place->first + bin - (bin > place->default_bin));
            }
        }
    }
}

static gbt_status open_filling(sparse_filling *c)
{
    const int32_t n = c->cuts->n_features;
    const gbt_csr *csr = c->features->sparse;
    GBT_TRY(gbt_bundling_open(n, &c->bundling));
    GBT_TRY(GBT_NEW(c->entry_bin, csr->row_start[csr->n_rows] - csr->row_start[0]));
    GBT_TRY(GBT_NEW_ZERO(c->n_others, n));
    GBT_TRY(GBT_NEW_ZERO(c->start, (int64_t)n + 1));
    GBT_TRY(GBT_NEW(c->is_candidate, n));
    GBT_TRY(GBT_NEW(c->is_sparse, n));
    for (int32_t f = 0; f < n; f++) {
        c->bundling.default_bin[f] = gbt_cuts_bin_of(c->cuts, f, 0.0f);
    }
    return GBT_OK;
}

static void close_filling(sparse_filling *c)
{
    gbt_bundling_close(&c->bundling);
    gbt_release(c->entry_bin);
    gbt_release(c->default_row);
    gbt_release(c->n_others);
    gbt_release(c->start);
    gbt_release(c->row);
    gbt_release(c->is_candidate);
    gbt_release(c->is_sparse);
}

/* Which features share a column. */
static gbt_status pack(sparse_filling *c)
{
    GBT_TRY(GBT_NEW(c->row, c->start[c->cuts->n_features]));
    list_rows(c);
    const gbt_bundle_input input = {.n_rows = c->features->n_rows,
                                    .n_features = c->cuts->n_features,
                                    .n_codes = c->bundling.n_codes,
                                    .start = c->start,
                                    .row = c->row,
                                    .is_candidate = c->is_candidate};
    return gbt_bundle_pack(&input, c->bundling.bundle_of, &c->bundling.n_bundles);
}

gbt_status gbt_bins_fill_sparse(const gbt_features *features, const gbt_cuts *cuts, int threads,
                                gbt_bins *out)
{
    gbt_status status = GBT_OK;
    int32_t n_plain = 0;
    sparse_filling c = {.features = features, .cuts = cuts, .bins = out};
    GBT_TRY_OR_DONE(gbt_bins_open(cuts->n_features, out));
    GBT_TRY_OR_DONE(open_filling(&c));
    gbt_for_chunks(threads, features->n_rows, CHUNK_ROWS, bin_entries, &c);
    survey(&c);
    GBT_TRY_OR_DONE(pack(&c));
    GBT_TRY_OR_DONE(gbt_bins_place(out, &c.bundling, c.is_sparse, &n_plain));
    out->n_rows = features->n_rows;
    GBT_TRY_OR_DONE(gbt_bins_allocate(out));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(c.default_row, out->n_columns));
    for (int32_t f = 0; f < out->n_features; f++) {
        if (out->place[f].default_bin < 0) {
            c.default_row[out->place[f].column] = (uint8_t)c.bundling.default_bin[f];
        }
    }
    gbt_for_chunks(threads, features->n_rows, CHUNK_ROWS, write_rows, &c);
done:
    close_filling(&c);
    if (status != GBT_OK) {
        gbt_bins_close(out);
    }
    return status;
}
