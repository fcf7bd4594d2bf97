/* The bin matrix of dense features: tiles of 256 rows are binned feature by feature, those that
 * share a column laid over each other, then turned to row-major in blocks. Sparse features are
 * bins_sparse.c. Cost: the search of bins_search.c plus about half a nanosecond per value to bring
 * it in and out. */
#include "gbt/data/bins.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clones.h"
#include "gbt/base/parallel.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/bins_place.h"
#include "gbt/data/bundle_dense.h"
#include "gbt/data/turn.h"

enum { TILE = 256, GROUP = 32, CHUNK = 64 * TILE, SPARE_BYTES = 64 };

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_status gbt_bins_open(int32_t n_features, gbt_bins *out)
{
    *out = (gbt_bins){.n_features = n_features};
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->place, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->has_missing, n_features));
    return GBT_OK;
done:
    gbt_bins_close(out);
    return status;
}

gbt_status gbt_bins_allocate(gbt_bins *bins)
{
    bins->row_step = bins->n_columns;
    const int64_t bytes = bins->n_rows * bins->row_step;
    GBT_TRY(GBT_NEW(bins->base, bytes + SPARE_BYTES));
    memset(bins->base + bytes, 0, SPARE_BYTES);
    return GBT_OK;
}

void gbt_bins_close(gbt_bins *bins)
{
    gbt_release(bins->base);
    gbt_release(bins->place);
    gbt_release(bins->has_missing);
    gbt_release(bins->n_codes);
    *bins = (gbt_bins){0};
}

int64_t gbt_bins_bytes(const gbt_bins *bins)
{
    return bins->n_rows * bins->row_step + SPARE_BYTES +
           (int64_t)bins->n_features * (int64_t)(sizeof *bins->place + 1) +
           (int64_t)bins->n_columns * (int64_t)sizeof *bins->n_codes;
}

/* Codes of the plain columns: all bins, and the missing one where it is needed. */
static void count_plain_codes(gbt_bins *bins, const gbt_cuts *cuts)
{
    for (int32_t f = 0; f < bins->n_features; f++) {
        gbt_bin_place *place = &bins->place[f];
        if (place->default_bin < 0) {
            place->n_codes = cuts->n_bins[f] + (bins->has_missing[f] ? 1 : 0);
            bins->n_codes[place->column] = place->n_codes;
        }
    }
}

gbt_status gbt_bins_empty(const gbt_cuts *cuts, gbt_bins *out)
{
    gbt_status status = GBT_OK;
    int32_t n_plain = 0;
    gbt_bundling none = {0};
    GBT_TRY_OR_DONE(gbt_bins_open(cuts->n_features, out));
    GBT_TRY_OR_DONE(gbt_bundling_open(cuts->n_features, &none));
    GBT_TRY_OR_DONE(gbt_bins_place(out, &none, NULL, &n_plain));
    GBT_TRY_OR_DONE(gbt_bins_allocate(out));
    count_plain_codes(out, cuts);
done:
    gbt_bundling_close(&none);
    if (status != GBT_OK) {
        gbt_bins_close(out);
    }
    return status;
}

gbt_status gbt_bins_subset(const gbt_bins *bins, const int64_t *row, int64_t n, gbt_bins *out)
{
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_bins_open(bins->n_features, out));
    out->n_rows = n;
    out->n_columns = bins->n_columns;
    GBT_TRY_OR_DONE(GBT_NEW(out->n_codes, out->n_columns));
    GBT_TRY_OR_DONE(gbt_bins_allocate(out));
    memcpy(out->place, bins->place, (size_t)bins->n_features * sizeof *out->place);
    memcpy(out->has_missing, bins->has_missing, (size_t)bins->n_features);
    memcpy(out->n_codes, bins->n_codes, (size_t)bins->n_columns * sizeof *out->n_codes);
    for (int64_t i = 0; i < n; i++) {
        memcpy(out->base + i * out->row_step, bins->base + row[i] * bins->row_step,
               (size_t)bins->n_columns);
    }
    return GBT_OK;
done:
    gbt_bins_close(out);
    return status;
}

/* ---- Row-major order ------------------------------------------------------------------------- */

/* from [n_columns x TILE] to rows of `row_step` bytes. */
static void transpose_tile(uint8_t (*from)[TILE], int64_t n_rows, int32_t n_columns, uint8_t *to,
                           int64_t row_step)
{
    const int32_t whole_columns = n_columns & ~7;
    const int64_t whole_rows = n_rows & ~(int64_t)15;
    for (int32_t column = 0; column < whole_columns; column += 8) {
        for (int64_t row = 0; row < whole_rows; row += 16) {
            gbt_turn_bytes(&from[column][row], TILE, to + row * row_step + column, row_step);
        }
    }
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t column = row < whole_rows ? whole_columns : 0; column < n_columns; column++) {
            to[row * row_step + column] = from[column][row];
        }
    }
}

/* ---- Filling --------------------------------------------------------------------------------- */

typedef struct filling {
    const gbt_features *features;
    const gbt_cuts *cuts;
    gbt_bins *bins;
    const gbt_search_table *table; /* [n_features] */
    gbt_search_path path;
    int32_t n_plain;      /* columns */
    uint8_t *has_missing; /* [threads x n_features] */
    uint8_t *clashes;     /* [threads x n_features] has no place in its shared column after all */
    uint8_t *shared;      /* [threads x shared columns x TILE] codes of a tile */
} filling;

static bool bin_categories(const gbt_cuts *cuts, int32_t feature, const float *x, int64_t n,
                           uint8_t *out)
{
    const uint8_t *bin_of = cuts->category_bin + cuts->category_first[feature];
    const float n_codes =
        (float)(cuts->category_first[feature + 1] - cuts->category_first[feature]);
    const uint8_t missing = (uint8_t)cuts->n_bins[feature];
    bool has_missing = false;
    for (int64_t i = 0; i < n; i++) {
        const bool is_code = x[i] >= 0 && x[i] < n_codes && x[i] == floorf(x[i]);
        out[i] = is_code ? bin_of[(int64_t)x[i]] : missing;
        has_missing |= out[i] == missing;
    }
    return has_missing;
}

/* While feature f + i of a tile is searched, memory brings a part of what comes next: the next
 * features of the same rows, or the first ones of the next rows. */
static void expect_next(const filling *c, int32_t f, int32_t i, int64_t first, int64_t n)
{
    const int32_t n_features = c->bins->n_features;
    const bool is_last = f + GROUP >= n_features;
    const int32_t next = is_last ? 0 : f + GROUP;
    const int32_t n_next = n_features - next < GROUP ? n_features - next : GROUP;
    if (i < n_next) {
        gbt_features_expect(c->features, next, n_next, is_last ? first + n : first, n, i);
    }
}

/* Lays a feature's bins over the codes of its shared column; true if that cannot be, since another
 * one is away from its default in the same row, or the bin has no code. */
GBT_CLONES static bool lay_over(const gbt_bin_place *place, const uint8_t *bin, int64_t n,
                                uint8_t *code)
{
    const uint8_t usual = (uint8_t)place->default_bin, first = (uint8_t)place->first;
    const uint8_t n_codes = (uint8_t)place->n_codes; /* at most 255, as code 0 is not among them */
    uint8_t clashes = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t number = (uint8_t)(bin[i] - (bin[i] > usual));
        const bool is_away = bin[i] != usual;
        clashes |= (uint8_t)(is_away & ((code[i] != 0) | (number >= n_codes)));
        code[i] = is_away ? (uint8_t)(first + number) : code[i];
    }
    return clashes != 0;
}

/* Bins of feature f in a tile; returns whether some are missing. */
static bool bin_feature(const filling *c, int32_t f, const float *x, int64_t n, uint8_t *bin)
{
    return c->cuts->is_categorical[f] ? bin_categories(c->cuts, f, x, n, bin)
                                      : gbt_search_bins(c->path, &c->table[f], x, n, bin);
}

static void fill_tile(filling *c, int64_t first, int64_t n, int thread)
{
    _Alignas(64) float scratch[GROUP * TILE]; /* whole cache lines for the vectors */
    const float *x[GROUP];
    _Alignas(64) uint8_t code[GROUP][TILE];
    const gbt_bins *bins = c->bins;
    const int32_t n_shared = bins->n_columns - c->n_plain;
    uint8_t(*shared)[TILE] = (uint8_t(*)[TILE])c->shared + (int64_t)thread * n_shared;
    uint8_t *has_missing = c->has_missing + (int64_t)thread * bins->n_features;
    uint8_t *clashes = c->clashes + (int64_t)thread * bins->n_features;
    uint8_t *to = bins->base + first * bins->row_step;
    memset(shared, 0, (size_t)n_shared * TILE);
    for (int32_t f = 0; f < bins->n_features; f += GROUP) {
        const int32_t n_here = bins->n_features - f < GROUP ? bins->n_features - f : GROUP;
        int32_t n_columns = 0;
        gbt_features_tile(c->features, f, n_here, first, n, scratch, x);
        for (int32_t i = 0; i < n_here; i++) {
            const gbt_bin_place *place = &bins->place[f + i];
            expect_next(c, f, i, first, n);
            has_missing[f + i] |= (uint8_t)bin_feature(c, f + i, x[i], n, code[n_columns]);
            if (place->default_bin < 0) {
                n_columns++;
            } else {
                clashes[f + i] |= (uint8_t)lay_over(place, code[n_columns], n,
                                                    shared[place->column - c->n_plain]);
            }
        }
        transpose_tile(code, n, n_columns, to, bins->row_step);
        to += n_columns;
    }
    transpose_tile(shared, n, n_shared, to, bins->row_step);
}

static void fill_chunk(void *context, int64_t first, int64_t last, int thread)
{
    filling *c = context;
    for (int64_t row = first; row < last; row += TILE) {
        fill_tile(c, row, last - row < TILE ? last - row : TILE, thread);
    }
}

/* Joins what the threads found of each feature into the first thread's. */
static void join_threads(uint8_t *found, int threads, int32_t n_features)
{
    for (int64_t i = n_features; i < (int64_t)threads * n_features; i++) {
        found[i % n_features] |= found[i];
    }
}

/* Fills all rows into the columns of the bundling. */
static gbt_status fill_rows(filling *c, gbt_bundling *bundling, int threads)
{
    const int64_t n_found = (int64_t)threads * c->bins->n_features;
    GBT_TRY(gbt_bins_place(c->bins, bundling, NULL, &c->n_plain));
    gbt_release(c->bins->base);
    c->bins->base = NULL;
    GBT_TRY(gbt_bins_allocate(c->bins));
    gbt_release(c->shared);
    GBT_TRY(GBT_NEW(c->shared, (int64_t)threads * (c->bins->n_columns - c->n_plain) * TILE));
    memset(c->has_missing, 0, (size_t)n_found);
    memset(c->clashes, 0, (size_t)n_found);
    gbt_for_chunks(threads, c->bins->n_rows, CHUNK, fill_chunk, c);
    join_threads(c->has_missing, threads, c->bins->n_features);
    join_threads(c->clashes, threads, c->bins->n_features);
    return GBT_OK;
}

/* Takes the features that clash out of their bundles; false: there are none. What is left does
 * not clash: a feature clashes whenever one before it is away in the same row. */
static bool drop_clashing(const uint8_t *clashes, int32_t n_features, gbt_bundling *bundling)
{
    bool some = false;
    for (int32_t f = 0; f < n_features; f++) {
        some |= clashes[f] != 0;
        bundling->bundle_of[f] = clashes[f] ? -1 : bundling->bundle_of[f];
    }
    return some;
}

gbt_status gbt_bins_fill_dense(const gbt_features *features, const gbt_cuts *cuts,
                               gbt_search_path path, int threads, gbt_bins *out)
{
    gbt_status status = GBT_OK;
    const int32_t n_features = cuts->n_features;
    gbt_search_table *table = NULL;
    gbt_bundling bundling = {0};
    filling c = {.features = features, .cuts = cuts, .bins = out, .path = path};
    GBT_TRY_OR_DONE(gbt_bins_open(n_features, out));
    GBT_TRY_OR_DONE(gbt_bundling_open(n_features, &bundling));
    out->n_rows = features->n_rows;
    GBT_TRY_OR_DONE(GBT_NEW(table, n_features));
    GBT_TRY_OR_DONE(GBT_NEW(c.has_missing, (int64_t)threads * n_features));
    GBT_TRY_OR_DONE(GBT_NEW(c.clashes, (int64_t)threads * n_features));
    for (int32_t f = 0; f < n_features; f++) {
        if (!cuts->is_categorical[f]) {
            gbt_search_prepare(&table[f], cuts->upper + cuts->first[f], cuts->n_bins[f] - 1);
        }
    }
    c.table = table;
    GBT_TRY_OR_DONE(gbt_bundle_dense(features, cuts, table, path, &bundling));
    do {
        GBT_TRY_OR_DONE(fill_rows(&c, &bundling, threads));
    } while (drop_clashing(c.clashes, n_features, &bundling));
    memcpy(out->has_missing, c.has_missing, (size_t)n_features);
    count_plain_codes(out, cuts);
done:
    gbt_release(table);
    gbt_release(c.has_missing);
    gbt_release(c.clashes);
    gbt_release(c.shared);
    gbt_bundling_close(&bundling);
    if (status != GBT_OK) {
        gbt_bins_close(out);
    }
    return status;
}

gbt_status gbt_bins_fill(const gbt_features *features, const gbt_cuts *cuts, int threads,
                         gbt_bins *out)
{
    return features->sparse != NULL
               ? gbt_bins_fill_sparse(features, cuts, threads, out)
               : gbt_bins_fill_dense(features, cuts, gbt_search_best(), threads, out);
}
