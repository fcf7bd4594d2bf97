/* Greedy packing of sparse features: those with the most rows first, each into the first bundle
 * that has none of its rows. A bundle is a bit set of rows, so a try ends at the first row in
 * common; the number of tries per feature is bounded. Finding the fewest bundles is graph
 * colouring; this is the usual first-fit by descending degree.
 *
 * Rare features do not fill the gaps of others' bundles: with min_child_samples at its default they
 * can never be split, and a trainer then leaves out their columns altogether. */
#include "gbt/data/bundle.h"

#include <stdbool.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"

enum {
    MAX_TRIES = 1024,
    MAX_CODES = 255,
    RARE_ROWS = 20 /* features with fewer get bundles of their own */
};

typedef struct bundle {
    uint64_t *rows;  /* bit set */
    int64_t n_rows;  /* set in it */
    int32_t n_codes; /* in use, the default left out */
    int32_t number;
} bundle;

typedef struct packing {
    const gbt_bundle_input *input;
    bundle *open; /* [capacity] bundles that may still take a feature */
    int64_t n_open, capacity;
    int64_t n_words; /* of a bit set */
    int32_t n_bundles;
} packing;

typedef struct ranked {
    int64_t n_rows;
    int32_t feature;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->n_rows != right->n_rows) {
        return left->n_rows > right->n_rows ? -1 : 1;
    }
    return left->feature < right->feature ? -1 : 1;
}

static bool is_disjoint(const bundle *to, const uint32_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if ((to->rows[row[i] >> 6] >> (row[i] & 63)) & 1) {
            return false;
        }
    }
    return true;
}

/* Position of the first open bundle that can take the feature, or n_open. */
static int64_t find_bundle(const packing *p, int32_t feature)
{
    const gbt_bundle_input *in = p->input;
    const uint32_t *row = in->row + in->start[feature];
    const int64_t n = in->start[feature + 1] - in->start[feature];
    int tries = 0;
    for (int64_t at = 0; at < p->n_open && tries < MAX_TRIES; at++) {
        const bundle *to = &p->open[at];
        if (to->n_codes + in->n_codes[feature] > MAX_CODES || to->n_rows + n > in->n_rows) {
            continue;
        }
        tries++;
        if (is_disjoint(to, row, n)) {
            return at;
        }
    }
    return p->n_open;
}

static gbt_status open_bundle(packing *p)
{
    if (p->n_open == p->capacity) {
        const int64_t larger = 2 * p->capacity + 64;
        bundle *open = gbt_grow(p->open, p->n_open, larger, sizeof *open);
        GBT_TRY(open ? GBT_OK : GBT_ERR_MEMORY);
        p->open = open;
        p->capacity = larger;
    }
    bundle *fresh = &p->open[p->n_open];
    *fresh = (bundle){.number = p->n_bundles};
    GBT_TRY(GBT_NEW_ZERO(fresh->rows, p->n_words));
    p->n_open++;
    p->n_bundles++;
    return GBT_OK;
}

/* Full bundles are taken off the list; the others keep their order. */
static void close_bundle(packing *p, int64_t at)
{
    gbt_release(p->open[at].rows);
    for (int64_t i = at; i + 1 < p->n_open; i++) {
        p->open[i] = p->open[i + 1];
    }
    p->n_open--;
}

static void close_all(packing *p)
{
    for (int64_t i = 0; i < p->n_open; i++) {
        gbt_release(p->open[i].rows);
    }
    p->n_open = 0;
}

static gbt_status place_feature(packing *p, int32_t feature, int32_t *bundle_of)
{
    const gbt_bundle_input *in = p->input;
    const int64_t at = find_bundle(p, feature);
    if (at == p->n_open) {
        GBT_TRY(open_bundle(p));
    }
    bundle *to = &p->open[at];
    for (int64_t i = in->start[feature]; i < in->start[feature + 1]; i++) {
        to->rows[in->row[i] >> 6] |= (uint64_t)1 << (in->row[i] & 63);
    }
    to->n_rows += in->start[feature + 1] - in->start[feature];
    to->n_codes += in->n_codes[feature];
    bundle_of[feature] = to->number;
    if (to->n_codes >= MAX_CODES) {
        close_bundle(p, at);
    }
    return GBT_OK;
}

gbt_status gbt_bundle_pack(const gbt_bundle_input *input, int32_t *bundle_of, int32_t *n_bundles)
{
    gbt_status status = GBT_OK;
    packing p = {.input = input, .n_words = input->n_rows / 64 + 1};
    ranked *order = NULL;
    int64_t n = 0;
    GBT_TRY_OR_DONE(GBT_NEW(order, input->n_features));
    for (int32_t f = 0; f < input->n_features; f++) {
        bundle_of[f] = -1;
        if (input->is_candidate[f]) {
            order[n++] = (ranked){input->start[f + 1] - input->start[f], f};
        }
    }
    qsort(order, (size_t)n, sizeof *order, compare_ranked);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0 && order[i].n_rows < RARE_ROWS && order[i - 1].n_rows >= RARE_ROWS) {
            close_all(&p);
        }
        GBT_TRY_OR_DONE(place_feature(&p, order[i].feature, bundle_of));
    }
    *n_bundles = p.n_bundles;
done:
    close_all(&p);
    gbt_release(p.open);
    gbt_release(order);
    return status;
}
