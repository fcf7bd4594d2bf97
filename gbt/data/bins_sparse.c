/* The bin matrix of sparse rows. Every entry is binned once (one byte kept per entry); features
 * that are often at the bin of zero are packed into shared columns (bundle.c), the others get a
 * column each; then every row starts as a copy of the default row and its entries are written
 * in. Rows are never expanded to floats. Cost: two passes over the entries by rows, two more by
 * features. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/data/bins_fill.h"
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
    int32_t *zero_bin;     /* [n_features] bin of an absent cell */
    uint8_t *entry_bin;    /* [entries] */
    uint8_t *default_row;  /* [n_columns] */
    int64_t *n_others;     /* [n_features] entries away from zero_bin */
    int64_t *start;        /* [n_features + 1] of the candidates' rows */
    uint32_t *row;         /* [start[n_features]] */
    int32_t *n_codes;      /* [n_features] bins in use without zero_bin */
    uint8_t *is_candidate; /* [n_features] */
    int32_t *bundle_of;    /* [n_features] */
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
            c->n_others[f] += bin != c->zero_bin[f];
            c->bins->has_missing[f] |= bin == c->cuts->n_bins[f];
        }
    }
    for (int32_t f = 0; f < c->cuts->n_features; f++) {
        c->bins->has_missing[f] |= c->zero_bin[f] == c->cuts->n_bins[f];
        c->n_codes[f] = c->cuts->n_bins[f] - 1 + (c->bins->has_missing[f] ? 1 : 0);
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
                c->entry_bin[at - csr->row_start[0]] != c->zero_bin[f]) {
                c->row[c->start[f]++] = (uint32_t)row;
            }
        }
    }
    for (int32_t f = c->cuts->n_features; f > 0; f--) {
        c->start[f] = c->start[f - 1];
    }
    c->start[0] = 0;
}

/* Columns: one for each plain feature, in order, then the bundles. A feature alone in its bundle is
 * plain unless most rows are at its default. */
static gbt_status assign_columns(sparse_filling *c, int32_t n_bundles)
{
    gbt_status status = GBT_OK;
    gbt_bins *bins = c->bins;
    int32_t *n_members = NULL, *column_of = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(n_members, n_bundles + 1));
    GBT_TRY_OR_DONE(GBT_NEW(column_of, n_bundles));
    for (int32_t f = 0; f < bins->n_features; f++) {
        if (c->bundle_of[f] >= 0) {
            n_members[c->bundle_of[f]]++;
        }
    }
    for (int32_t f = 0; f < bins->n_features; f++) {
        const int32_t b = c->bundle_of[f];
        const bool is_sparse = c->n_others[f] <= c->features->n_rows / 2;
        if (b < 0 || (n_members[b] == 1 && !is_sparse)) {
            n_members[b < 0 ? n_bundles : b] = 0;
            bins->place[f] = (gbt_bin_place){
                .column = bins->n_columns++, .n_codes = c->n_codes[f] + 1, .default_bin = -1};
            c->bundle_of[f] = -1;
        }
    }
    for (int32_t b = 0; b < n_bundles; b++) {
        column_of[b] = n_members[b] > 0 ? bins->n_columns++ : -1;
    }
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(bins->n_codes, bins->n_columns));
    for (int32_t f = 0; f < bins->n_features; f++) {
        gbt_bin_place *place = &bins->place[f];
        if (c->bundle_of[f] < 0) {
            bins->n_codes[place->column] = place->n_codes;
            continue;
        }
        const int32_t column = column_of[c->bundle_of[f]];
        const int32_t used = bins->n_codes[column] > 0 ? bins->n_codes[column] : 1;
        *place = (gbt_bin_place){column, used, c->n_codes[f], c->zero_bin[f]};
        bins->n_codes[column] = used + c->n_codes[f];
    }
done:
    gbt_release(n_members);
    gbt_release(column_of);
    return status;
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
    GBT_TRY(GBT_NEW(c->zero_bin, n));
    GBT_TRY(GBT_NEW(c->entry_bin, csr->row_start[csr->n_rows] - csr->row_start[0]));
    GBT_TRY(GBT_NEW_ZERO(c->n_others, n));
    GBT_TRY(GBT_NEW_ZERO(c->start, (int64_t)n + 1));
    GBT_TRY(GBT_NEW(c->n_codes, n));
    GBT_TRY(GBT_NEW(c->is_candidate, n));
    GBT_TRY(GBT_NEW(c->bundle_of, n));
    for (int32_t f = 0; f < n; f++) {
        c->zero_bin[f] = gbt_cuts_bin_of(c->cuts, f, 0.0f);
    }
    return GBT_OK;
}

static void close_filling(sparse_filling *c)
{
    gbt_release(c->zero_bin);
    gbt_release(c->entry_bin);
    gbt_release(c->default_row);
    gbt_release(c->n_others);
    gbt_release(c->start);
    gbt_release(c->row);
    gbt_release(c->n_codes);
    gbt_release(c->is_candidate);
    gbt_release(c->bundle_of);
}

/* Which features share a column; `c->bundle_of` is filled. */
static gbt_status pack(sparse_filling *c, int32_t *n_bundles)
{
    GBT_TRY(GBT_NEW(c->row, c->start[c->cuts->n_features]));
    list_rows(c);
    const gbt_bundle_input input = {.n_rows = c->features->n_rows,
                                    .n_features = c->cuts->n_features,
                                    .n_codes = c->n_codes,
                                    .start = c->start,
                                    .row = c->row,
                                    .is_candidate = c->is_candidate};
    return gbt_bundle_pack(&input, c->bundle_of, n_bundles);
}

gbt_status gbt_bins_fill_sparse(const gbt_features *features, const gbt_cuts *cuts, int threads,
                                gbt_bins *out)
{
    gbt_status status = GBT_OK;
    int32_t n_bundles = 0;
    sparse_filling c = {.features = features, .cuts = cuts, .bins = out};
    GBT_TRY_OR_DONE(gbt_bins_open(cuts->n_features, out));
    GBT_TRY_OR_DONE(open_filling(&c));
    gbt_for_chunks(threads, features->n_rows, CHUNK_ROWS, bin_entries, &c);
    survey(&c);
    GBT_TRY_OR_DONE(pack(&c, &n_bundles));
    GBT_TRY_OR_DONE(assign_columns(&c, n_bundles));
    out->n_rows = features->n_rows;
    GBT_TRY_OR_DONE(gbt_bins_allocate(out));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(c.default_row, out->n_columns));
    for (int32_t f = 0; f < out->n_features; f++) {
        if (out->place[f].default_bin < 0) {
            c.default_row[out->place[f].column] = (uint8_t)c.zero_bin[f];
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
