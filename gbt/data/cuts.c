/* Cut points: life, look-up of one value, binary form. Learning them is cuts_learn.c, binning many
 * values at once is bins.c. Cost of a look-up: eight compares without a branch. */
#include "gbt/data/cuts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"

enum { MAX_FEATURES = 1 << 24 };

gbt_status gbt_cuts_create(int32_t n_features, gbt_cuts **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_cuts *cuts = NULL;
    GBT_TRY(GBT_NEW_ZERO(cuts, 1));
    cuts->references = 1;
    cuts->n_features = n_features;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(cuts->n_bins, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(cuts->is_categorical, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(cuts->first, (int64_t)n_features + 1));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(cuts->category_first, (int64_t)n_features + 1));
    *out = cuts;
    return GBT_OK;
done:
    gbt_cuts_release(cuts);
    return status;
}

gbt_cuts *gbt_cuts_retain(gbt_cuts *cuts)
{
    __atomic_add_fetch(&cuts->references, 1, __ATOMIC_RELAXED);
    return cuts;
}

void gbt_cuts_release(gbt_cuts *cuts)
{
    if (cuts == NULL || __atomic_sub_fetch(&cuts->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    gbt_release(cuts->n_bins);
    gbt_release(cuts->is_categorical);
    gbt_release(cuts->first);
    gbt_release(cuts->upper);
    gbt_release(cuts->category_first);
    gbt_release(cuts->category_bin);
    gbt_release(cuts);
}

static bool same_bytes(const void *a, const void *b, int64_t count, size_t size)
{
    return count == 0 || memcmp(a, b, (size_t)count * size) == 0;
}

bool gbt_cuts_equal(const gbt_cuts *a, const gbt_cuts *b)
{
    if (a == b) {
        return true;
    }
    const int64_t n = a->n_features;
    return n == b->n_features && same_bytes(a->n_bins, b->n_bins, n, sizeof *a->n_bins) &&
           same_bytes(a->is_categorical, b->is_categorical, n, 1) &&
           same_bytes(a->first, b->first, n + 1, sizeof *a->first) &&
           same_bytes(a->category_first, b->category_first, n + 1, sizeof *a->category_first) &&
           same_bytes(a->upper, b->upper, a->first[n], sizeof *a->upper) &&
           same_bytes(a->category_bin, b->category_bin, a->category_first[n], 1);
}

int64_t gbt_cuts_bytes(const gbt_cuts *cuts)
{
    const int64_t n = cuts->n_features;
    return (int64_t)sizeof *cuts + n * 5 + (n + 1) * 16 + cuts->first[n] * 4 +
           cuts->category_first[n];
}

/* Number of cut points below x: the first bin b with x <= upper[b]. */
static int32_t count_below(const float *upper, int32_t n, float x)
{
    const float *at = upper;
    while (n > 0) {
        const int32_t half = (n + 1) / 2;
        at = x > at[half - 1] ? at + half : at;
        n -= half;
    }
    return (int32_t)(at - upper);
}

int32_t gbt_cuts_bin_of(const gbt_cuts *cuts, int32_t feature, float value)
{
    const int32_t missing = cuts->n_bins[feature];
    if (isnan(value)) {
        return missing;
    }
    if (!cuts->is_categorical[feature]) {
        return count_below(cuts->upper + cuts->first[feature], missing - 1, value);
    }
    const int64_t first = cuts->category_first[feature];
    return gbt_category_bin_of(cuts->category_bin + first,
                               cuts->category_first[feature + 1] - first, missing, value);
}

/* ---- Binary form ----------------------------------------------------------------------------- */

void gbt_cuts_write(gbt_writer *writer, const gbt_cuts *cuts)
{
    const int64_t n = cuts->n_features;
    gbt_write_u64(writer, (uint64_t)n);
    gbt_write_u64(writer, (uint64_t)cuts->category_first[n]);
    gbt_write_bytes(writer, cuts->is_categorical, (size_t)n);
    gbt_write_i32s(writer, cuts->n_bins, n);
    for (int64_t f = 0; f < n; f++) {
        gbt_write_u32(writer, (uint32_t)(cuts->category_first[f + 1] - cuts->category_first[f]));
    }
    gbt_write_f32s(writer, cuts->upper, cuts->first[n]);
    gbt_write_bytes(writer, cuts->category_bin, (size_t)cuts->category_first[n]);
}

/* Kinds and sizes of all features; sets the offsets. */
static gbt_status read_shape(gbt_reader *reader, gbt_cuts *cuts, int64_t n_categories)
{
    const int32_t n = cuts->n_features;
    gbt_read_bytes(reader, cuts->is_categorical, (size_t)n);
    gbt_read_i32s(reader, cuts->n_bins, n);
    for (int32_t f = 0; f < n; f++) {
        const uint32_t codes = gbt_read_u32(reader);
        GBT_TRY(reader->status);
        const int32_t bins = cuts->n_bins[f];
        if (cuts->is_categorical[f] > 1 || bins < 1 || bins > GBT_MAX_BINS) {
            return gbt_reader_fail(reader, "feature %d has the kind %d and %d bins", f,
                                   cuts->is_categorical[f], bins);
        }
        if (codes > GBT_MAX_CATEGORIES || (codes > 0 && !cuts->is_categorical[f])) {
            return gbt_reader_fail(reader, "feature %d has %" PRIu32 " categories", f, codes);
        }
        cuts->first[f + 1] = cuts->first[f] + (cuts->is_categorical[f] ? 0 : bins - 1);
        cuts->category_first[f + 1] = cuts->category_first[f] + codes;
    }
    if (cuts->category_first[n] != n_categories) {
        return gbt_reader_fail(reader, "the numbers of categories do not add up to %" PRId64,
                               n_categories);
    }
    if (cuts->first[n] > (int64_t)((reader->size - reader->at) / 4)) {
        return gbt_reader_fail(
            reader, "%" PRId64 " cut points do not fit into the rest of the data", cuts->first[n]);
    }
    return GBT_OK;
}

static gbt_status check_content(gbt_reader *reader, const gbt_cuts *cuts)
{
    for (int32_t f = 0; f < cuts->n_features; f++) {
        for (int64_t i = cuts->first[f]; i < cuts->first[f + 1]; i++) {
            const bool ascends = i == cuts->first[f] || cuts->upper[i] > cuts->upper[i - 1];
            if (!isfinite(cuts->upper[i]) || !ascends) {
                return gbt_reader_fail(
                    reader, "the cut points of feature %d are not finite and ascending", f);
            }
        }
        for (int64_t i = cuts->category_first[f]; i < cuts->category_first[f + 1]; i++) {
            if (cuts->category_bin[i] > cuts->n_bins[f]) {
                return gbt_reader_fail(reader, "a category of feature %d has bin %d of %d", f,
                                       cuts->category_bin[i], cuts->n_bins[f]);
            }
        }
    }
    return GBT_OK;
}

gbt_status gbt_cuts_read(gbt_reader *reader, gbt_cuts **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_cuts *cuts = NULL;
    const int64_t n = gbt_read_count(reader, MAX_FEATURES, 9);
    const int64_t n_categories = gbt_read_count(reader, INT64_MAX, 1);
    GBT_TRY(reader->status);
    GBT_TRY_OR_DONE(gbt_cuts_create((int32_t)n, &cuts));
    GBT_TRY_OR_DONE(read_shape(reader, cuts, n_categories));
    GBT_TRY_OR_DONE(GBT_NEW(cuts->upper, cuts->first[n]));
    GBT_TRY_OR_DONE(GBT_NEW(cuts->category_bin, n_categories));
    gbt_read_f32s(reader, cuts->upper, cuts->first[n]);
    gbt_read_bytes(reader, cuts->category_bin, (size_t)n_categories);
    GBT_TRY_OR_DONE(reader->status);
    GBT_TRY_OR_DONE(check_content(reader, cuts));
    *out = cuts;
    cuts = NULL;
done:
    gbt_cuts_release(cuts);
    return status;
}
