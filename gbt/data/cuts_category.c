/* Bins of categories by frequency. Counts all rows, not a sample: a rare category keeps its code.
 * Cost: two passes over the categorical columns and a sort of the categories. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/data/cuts_learn.h"
#include "gbt/data/matrix.h"

enum { BLOCK = 512 };

/* ---- Ranking --------------------------------------------------------------------------------- */

typedef struct ranked {
    uint32_t rows;
    int32_t code;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->rows != right->rows) {
        return left->rows > right->rows ? -1 : 1;
    }
    return left->code < right->code ? -1 : 1;
}

gbt_status gbt_cuts_rank_categories(const uint32_t *count, int64_t n_codes, int32_t max_bin,
                                    uint8_t *category_bin, int32_t *n_bins)
{
    int64_t n_seen = 0;
    for (int64_t code = 0; code < n_codes; code++) {
        n_seen += count[code] > 0;
    }
    ranked *order = NULL;
    GBT_TRY(GBT_NEW(order, n_seen));
    int64_t at = 0;
    for (int64_t code = 0; code < n_codes; code++) {
        if (count[code] > 0) {
            order[at++] = (ranked){count[code], (int32_t)code};
        }
    }
    qsort(order, (size_t)n_seen, sizeof *order, compare_ranked);
    const int64_t bins = n_seen > max_bin ? max_bin : n_seen > 0 ? n_seen : 1;
    for (int64_t code = 0; code < n_codes; code++) {
        category_bin[code] = (uint8_t)bins; /* never seen: missing */
    }
    for (int64_t i = 0; i < n_seen; i++) {
        category_bin[order[i].code] = (uint8_t)(i < bins ? i : bins - 1);
    }
    gbt_release(order);
    *n_bins = (int32_t)bins;
    return GBT_OK;
}

/* ---- Counting -------------------------------------------------------------------------------- */

typedef struct counting {
    const gbt_features *features;
    const int32_t *feature; /* [n] the categorical ones */
    int64_t *n_codes;       /* [n] largest code + 1 */
    int64_t *bad_row;       /* [n] first row that holds no category, or -1 */
    float *bad_value;       /* [n] */
    const int64_t *first;   /* [n] into count */
    uint32_t *count;
} counting;

static bool is_category(float value)
{
    return value < (float)GBT_MAX_CATEGORIES && value == floorf(value);
}

/* A value present in the data: raises the number of codes, or is remembered as bad. */
static void note_code(counting *c, int64_t i, int64_t row, float value)
{
    if (!(value >= 0)) {
        return;
    }
    if (!is_category(value)) {
        if (c->bad_row[i] < 0) {
            c->bad_row[i] = row;
            c->bad_value[i] = value;
        }
    } else if ((int64_t)value >= c->n_codes[i]) {
        c->n_codes[i] = (int64_t)value + 1;
    }
}

static void measure_dense(void *context, int64_t first, int64_t last, int thread)
{
    counting *c = context;
    (void)thread;
    float scratch[BLOCK];
    for (int64_t i = first; i < last; i++) {
        for (int64_t row = 0; row < c->features->n_rows; row += BLOCK) {
            const int64_t n = c->features->n_rows - row < BLOCK ? c->features->n_rows - row : BLOCK;
            const float *x = NULL;
            gbt_features_tile(c->features, c->feature[i], 1, row, n, scratch, &x);
            for (int64_t k = 0; k < n; k++) {
                note_code(c, i, row + k, x[k]);
            }
        }
    }
}

static void count_dense(void *context, int64_t first, int64_t last, int thread)
{
    counting *c = context;
    (void)thread;
    float scratch[BLOCK];
    for (int64_t i = first; i < last; i++) {
        uint32_t *count = c->count + c->first[i];
        for (int64_t row = 0; row < c->features->n_rows; row += BLOCK) {
            const int64_t n = c->features->n_rows - row < BLOCK ? c->features->n_rows - row : BLOCK;
            const float *x = NULL;
            gbt_features_tile(c->features, c->feature[i], 1, row, n, scratch, &x);
            for (int64_t k = 0; k < n; k++) {
                if (x[k] >= 0) {
                    count[(int64_t)x[k]]++;
                }
            }
        }
    }
}

/* Sparse rows: `slot_of` [n_features] number of the categorical feature or -1. With
 * `is_counting` the codes are counted, else only measured. */
static void visit_sparse(counting *c, const int32_t *slot_of, bool is_counting)
{
    const gbt_csr *csr = c->features->sparse;
    for (int64_t row = 0; row < csr->n_rows; row++) {
        for (int64_t at = csr->row_start[row]; at < csr->row_start[row + 1]; at++) {
            const int32_t feature = gbt_features_of(c->features, csr->column[at]);
            const int32_t i = feature >= 0 ? slot_of[feature] : -1;
            if (i < 0) {
                continue;
            }
            const float value = gbt_element(csr->value, csr->dtype, at);
            if (!is_counting) {
                note_code(c, i, row, value);
                continue;
            }
            c->count[c->first[i]]--; /* this row is not at the default, code 0 */
            if (value >= 0) {
                c->count[c->first[i] + (int64_t)value]++;
            }
        }
    }
}

static gbt_status refuse_bad(const counting *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (c->bad_row[i] >= 0) {
            return gbt_fail(GBT_ERR_DATA,
                            "row %" PRId64
                            ", feature %d: %g is no category; whole numbers below 2^24 "
                            "are (a negative number is missing)",
                            c->bad_row[i], c->feature[i], (double)c->bad_value[i]);
        }
    }
    return GBT_OK;
}

/* Codes and counts of the `n` features in c->feature; fills the rest of `c`. */
static gbt_status count_codes(counting *c, int64_t n, int threads, int64_t **first_out)
{
    gbt_status status = GBT_OK;
    int32_t *slot_of = NULL;
    int64_t *first = NULL;
    const bool is_sparse = c->features->sparse != NULL;
    GBT_TRY_OR_DONE(GBT_NEW(slot_of, c->features->n_features));
    for (int32_t f = 0; f < c->features->n_features; f++) {
        slot_of[f] = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        slot_of[c->feature[i]] = (int32_t)i;
        c->bad_row[i] = -1;
        c->n_codes[i] = is_sparse ? 1 : 0;
    }
    if (is_sparse) {
        visit_sparse(c, slot_of, false);
    } else {
        gbt_for_chunks(threads, n, 1, measure_dense, c);
    }
    GBT_TRY_OR_DONE(refuse_bad(c, n));
    GBT_TRY_OR_DONE(GBT_NEW(first, n + 1));
    first[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        first[i + 1] = first[i] + c->n_codes[i];
    }
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(c->count, first[n]));
    c->first = first;
    if (is_sparse) {
        for (int64_t i = 0; i < n; i++) {
            c->count[first[i]] = (uint32_t)c->features->n_rows;
        }
        visit_sparse(c, slot_of, true);
    } else {
        gbt_for_chunks(threads, n, 1, count_dense, c);
    }
    *first_out = first;
    first = NULL;
done:
    gbt_release(slot_of);
    gbt_release(first);
    return status;
}

gbt_status gbt_cuts_learn_categories(const gbt_features *features, const gbt_cuts_config *config,
                                     gbt_cuts *cuts)
{
    gbt_status status = GBT_OK;
    counting c = {.features = features};
    int32_t *feature = NULL;
    int64_t *first = NULL, n = 0;
    GBT_TRY_OR_DONE(GBT_NEW(feature, features->n_features));
    for (int32_t f = 0; f < features->n_features; f++) {
        if (cuts->is_categorical[f]) {
            feature[n++] = f;
        }
    }
    c.feature = feature;
    GBT_TRY_OR_DONE(GBT_NEW(c.n_codes, n));
    GBT_TRY_OR_DONE(GBT_NEW(c.bad_row, n));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(c.bad_value, n));
    GBT_TRY_OR_DONE(count_codes(&c, n, config->threads, &first));
    GBT_TRY_OR_DONE(GBT_NEW(cuts->category_bin, first[n]));
    for (int32_t f = 0, i = 0; f < features->n_features; f++) {
        cuts->category_first[f + 1] = cuts->category_first[f];
        if (cuts->is_categorical[f]) {
            GBT_TRY_OR_DONE(gbt_cuts_rank_categories(c.count + first[i], c.n_codes[i],
                                                     config->max_bin, cuts->category_bin + first[i],
                                                     &cuts->n_bins[f]));
            cuts->category_first[f + 1] += c.n_codes[i];
            i++;
        }
    }
done:
    gbt_release(feature);
    gbt_release(first);
    gbt_release(c.n_codes);
    gbt_release(c.bad_row);
    gbt_release(c.bad_value);
    gbt_release(c.count);
    return status;
}
