/* Stratified hold-out by sorting the rows of each stratum by a draw of their own. */
#include "gbt/modules/holdout.h"

#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"

typedef struct place {
    int32_t stratum;
    uint64_t draw;
    int64_t row;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->stratum != y->stratum) {
        return x->stratum < y->stratum ? -1 : 1;
    }
    if (x->draw != y->draw) {
        return x->draw < y->draw ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows held of a stratum of m rows. */
static int64_t share(double fraction, int64_t m)
{
    const int64_t n = (int64_t)(fraction * (double)m + 0.5);
    return m < 2 ? 0 : n < 1 ? 1 : n > m - 1 ? m - 1 : n;
}

gbt_status gbt_holdout_draw(uint64_t seed, double fraction, const int32_t *stratum, int64_t n_rows,
                            int64_t *kept, int64_t *n_kept, int64_t *held, int64_t *n_held)
{
    gbt_status status = GBT_OK;
    place *order = NULL;
    uint8_t *is_held = NULL;
    const uint64_t key = gbt_rng_key(seed, 0, 0, GBT_RNG_HOLD_OUT);
    *n_kept = *n_held = 0;
    GBT_TRY_OR_DONE(GBT_NEW(order, n_rows));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(is_held, n_rows));
    for (int64_t row = 0; row < n_rows; row++) {
        order[row] = (place){stratum ? stratum[row] : 0, gbt_rng_u64(key, (uint64_t)row), row};
    }
    qsort(order, (size_t)n_rows, sizeof *order, compare_places);
    for (int64_t first = 0, last; first < n_rows; first = last) {
        for (last = first; last < n_rows && order[last].stratum == order[first].stratum; last++) {}
        for (int64_t i = first; i < first + share(fraction, last - first); i++) {
            is_held[order[i].row] = 1;
        }
    }
    for (int64_t row = 0; row < n_rows; row++) {
        if (is_held[row]) {
            held[(*n_held)++] = row;
        } else {
            kept[(*n_kept)++] = row;
        }
    }
done:
    gbt_release(order);
    gbt_release(is_held);
    return status;
}
