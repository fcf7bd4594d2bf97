/* Columns of the bin matrix: plain ones first, then those that several features share. */
#include "gbt/data/bins_place.h"

#include <string.h>

#include "gbt/base/alloc.h"

gbt_status gbt_bundling_open(int32_t n_features, gbt_bundling *out)
{
    gbt_status status = GBT_OK;
    *out = (gbt_bundling){0};
    GBT_TRY_OR_DONE(GBT_NEW(out->bundle_of, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->default_bin, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->n_codes, n_features));
    memset(out->bundle_of, 0xff, (size_t)n_features * sizeof *out->bundle_of);
    return GBT_OK;
done:
    gbt_bundling_close(out);
    return status;
}

void gbt_bundling_close(gbt_bundling *bundling)
{
    gbt_release(bundling->bundle_of);
    gbt_release(bundling->default_bin);
    gbt_release(bundling->n_codes);
    *bundling = (gbt_bundling){0};
}

/* Takes features out of bundles that have no other member. */
static void leave_alone(gbt_bundling *bundling, int32_t n_features, const uint8_t *stays,
                        int32_t *n_members)
{
    for (int32_t f = 0; f < n_features; f++) {
        if (bundling->bundle_of[f] >= 0) {
            n_members[bundling->bundle_of[f]]++;
        }
    }
    for (int32_t f = 0; f < n_features; f++) {
        const int32_t b = bundling->bundle_of[f];
        if (b >= 0 && n_members[b] == 1 && !(stays && stays[f])) {
            n_members[b] = 0;
            bundling->bundle_of[f] = -1;
        }
    }
}

gbt_status gbt_bins_place(gbt_bins *bins, gbt_bundling *bundling, const uint8_t *stays,
                          int32_t *n_plain)
{
    gbt_status status = GBT_OK;
    int32_t *column_of = NULL; /* [n_bundles] members, then the column */
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(column_of, (int64_t)bundling->n_bundles + 1));
    leave_alone(bundling, bins->n_features, stays, column_of);
    *n_plain = 0;
    for (int32_t f = 0; f < bins->n_features; f++) {
        *n_plain += bundling->bundle_of[f] < 0;
    }
    bins->n_columns = *n_plain;
    for (int32_t b = 0; b < bundling->n_bundles; b++) {
        column_of[b] = column_of[b] > 0 ? bins->n_columns++ : -1;
    }
    gbt_release(bins->n_codes);
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(bins->n_codes, bins->n_columns));
    int32_t plain = 0;
    for (int32_t f = 0; f < bins->n_features; f++) {
        const int32_t n_codes = bundling->n_codes[f];
        if (bundling->bundle_of[f] < 0) {
            bins->place[f] =
                (gbt_bin_place){.column = plain, .n_codes = n_codes + 1, .default_bin = -1};
            bins->n_codes[plain++] = n_codes + 1;
            continue;
        }
        const int32_t column = column_of[bundling->bundle_of[f]];
        const int32_t used = bins->n_codes[column] > 0 ? bins->n_codes[column] : 1;
        bins->place[f] = (gbt_bin_place){column, used, n_codes, bundling->default_bin[f]};
        bins->n_codes[column] = used + n_codes;
    }
done:
    gbt_release(column_of);
    return status;
}
