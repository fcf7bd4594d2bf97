/* Dense data often has features that are mostly at one value: indicators of categories, counts,
 * amounts. A few tiles of rows tell which ones might be, some more which of these are never away
 * from that value in the same row; they are packed as sparse ones are (bundle.h). Cost: binning
 * 1,024 rows, and where there are such features up to 8,192 rows of these. */
#include "gbt/data/bundle_dense.h"

#include <stdbool.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/bundle.h"

enum { TILE = 256, FIRST_TILES = 4, TILES = 32, MOST_BINS = 256 };

typedef struct sampling {
    const gbt_features *features;
    const gbt_cuts *cuts;
    const gbt_search_table *table;
    gbt_search_path path;
    int64_t n_rows; /* of the sample */
    uint8_t bin[TILES * TILE];
    int32_t default_bin, n_away; /* of the feature in `bin` */
    bool has_missing;
} sampling;

/* Bins of a feature in up to `most_tiles` tiles of rows, spread evenly; its default is the most
 * frequent one, the lowest of them if there are several. */
static void bin_sample(sampling *s, int32_t feature, int32_t most_tiles)
{
    const int64_t n = s->features->n_rows;
    const int64_t all_tiles = (n - 1) / TILE + 1;
    const int64_t n_tiles = all_tiles < most_tiles ? all_tiles : most_tiles;
    int32_t rows[MOST_BINS] = {0};
    s->n_rows = 0;
    s->has_missing = false;
    for (int64_t t = 0; t < n_tiles; t++) {
        _Alignas(64) float scratch[TILE];
        const float *x;
        const int64_t first = t * all_tiles / n_tiles * TILE;
        const int64_t n_here = n - first < TILE ? n - first : TILE;
        gbt_features_tile(s->features, feature, 1, first, n_here, scratch, &x);
        s->has_missing |=
            gbt_search_bins(s->path, &s->table[feature], x, n_here, s->bin + s->n_rows);
        s->n_rows += n_here;
    }
    for (int64_t i = 0; i < s->n_rows; i++) {
        rows[s->bin[i]]++;
    }
    s->default_bin = 0;
    for (int32_t bin = 1; bin < MOST_BINS; bin++) {
        s->default_bin = rows[bin] > rows[s->default_bin] ? bin : s->default_bin;
    }
    s->n_away = (int32_t)s->n_rows - rows[s->default_bin];
}

/* Rows away from the defaults of the candidates, as bundle.h wants them. */
typedef struct away_lists {
    uint8_t *is_candidate; /* [n_features] */
    int64_t *start;        /* [n_features + 1] */
    uint32_t *row;         /* [capacity] */
    int64_t capacity;
} away_lists;

/* Features that are in one bin in half of the first rows or more. */
static int32_t find_candidates(sampling *s, away_lists *lists)
{
    int32_t n = 0;
    for (int32_t f = 0; f < s->features->n_features; f++) {
        if (!s->cuts->is_categorical[f]) {
            bin_sample(s, f, FIRST_TILES);
            lists->is_candidate[f] = 2 * s->n_away <= s->n_rows;
            n += lists->is_candidate[f];
        }
    }
    return n;
}

static gbt_status list_away(const sampling *s, int32_t feature, away_lists *lists)
{
    int64_t n = lists->start[feature];
    if (n + s->n_away > lists->capacity) {
        const int64_t larger = 2 * lists->capacity + s->n_away;
        uint32_t *row = gbt_grow(lists->row, n, larger, sizeof *row);
        GBT_TRY(row ? GBT_OK : GBT_ERR_MEMORY);
        lists->row = row;
        lists->capacity = larger;
    }
    for (int64_t i = 0; i < s->n_rows; i++) {
        if (s->bin[i] != s->default_bin) {
            lists->row[n++] = (uint32_t)i;
        }
    }
    lists->start[feature + 1] = n;
    return GBT_OK;
}

/* Looks at the candidates in all rows of the sample. */
static gbt_status list_candidates(sampling *s, away_lists *lists, gbt_bundling *out)
{
    for (int32_t f = 0; f < s->features->n_features; f++) {
        lists->start[f + 1] = lists->start[f];
        if (!lists->is_candidate[f]) {
            continue;
        }
        bin_sample(s, f, TILES);
        lists->is_candidate[f] = 2 * s->n_away <= s->n_rows;
        if (lists->is_candidate[f]) {
            out->default_bin[f] = s->default_bin;
            out->n_codes[f] = s->cuts->n_bins[f] - 1 + (s->has_missing ? 1 : 0);
            GBT_TRY(list_away(s, f, lists));
        }
    }
    return GBT_OK;
}

gbt_status gbt_bundle_dense(const gbt_features *features, const gbt_cuts *cuts,
                            const gbt_search_table *table, gbt_search_path path, gbt_bundling *out)
{
    gbt_status status = GBT_OK;
    const int32_t n = features->n_features;
    sampling *s = NULL;
    away_lists lists = {0};
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(s, 1));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(lists.is_candidate, n));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(lists.start, (int64_t)n + 1));
    *s = (sampling){.features = features, .cuts = cuts, .table = table, .path = path};
    if (find_candidates(s, &lists) > 1) {
        GBT_TRY_OR_DONE(list_candidates(s, &lists, out));
        const gbt_bundle_input input = {.n_rows = s->n_rows,
                                        .n_features = n,
                                        .n_codes = out->n_codes,
                                        .start = lists.start,
                                        .row = lists.row,
                                        .is_candidate = lists.is_candidate};
        GBT_TRY_OR_DONE(gbt_bundle_pack(&input, out->bundle_of, &out->n_bundles));
    }
done:
    gbt_release(s);
    gbt_release(lists.is_candidate);
    gbt_release(lists.start);
    gbt_release(lists.row);
    return status;
}
