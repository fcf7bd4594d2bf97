/* Cut points of all features: draws the rows, brings the values of each numeric feature together
 * and has them placed, features in parallel. Works through the features in blocks so that memory
 * stays at a few copies of the sample. Placing is cuts_place.c, categories are cuts_category.c. */
#include "gbt/data/cuts_learn.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"
#include "gbt/data/matrix.h"

enum {
    BLOCK_BYTES = 64 << 20, /* values gathered at a time, dense */
    MAX_BLOCK = 32, /* features at a time, dense: they share cache lines of row-major input */
    SPARSE_BLOCK = 1024,
    GATHER_ROWS = 256,
    MAX_CUTS = GBT_MAX_BINS - 1
};

/* One row out of each of `n` equal stretches: every row equally likely, ascending, no row twice. */
static void draw_rows(int64_t n_rows, int64_t n, uint64_t seed, int64_t *row)
{
    const uint64_t key = gbt_rng_key(seed, 0, 0, GBT_RNG_BIN_SAMPLE);
    for (int64_t i = 0; i < n; i++) {
        const uint64_t low = (uint64_t)i * (uint64_t)n_rows / (uint64_t)n;
        const uint64_t high = ((uint64_t)i + 1) * (uint64_t)n_rows / (uint64_t)n;
        row[i] = (int64_t)(low + ((gbt_rng_u64(key, (uint64_t)i) >> 32) * (high - low) >> 32));
    }
}

/* Everything that the loops over features share. */
typedef struct learner {
    const gbt_features *features;
    const gbt_cuts_config *config;
    gbt_cuts *cuts;
    int64_t capacity; /* of cuts->upper */
    int64_t *row;     /* [n_sample] */
    int64_t n_sample;
    int32_t first, last; /* features of this block */
    float *value;        /* dense: [block x n_sample]; sparse: by column */
    int64_t *start;      /* sparse: [n_features + 1] first value of a feature, one spare each */
    int64_t longest;     /* values of one feature at most */
    uint32_t *scratch;   /* [threads at work x 2 x longest] */
    float *upper;        /* [block x MAX_CUTS] */
    int32_t *n_cuts;     /* [block] */
} learner;

static void gather(void *context, int64_t first, int64_t last, int thread)
{
    learner *l = context;
    (void)thread;
    for (int32_t f = l->first; f < l->last; f++) {
        if (!l->cuts->is_categorical[f]) {
            gbt_features_pick(l->features, f, l->row + first, last - first,
                              l->value + (f - l->first) * l->n_sample + first);
        }
    }
}

/* Tallies and places one feature whose values are in value[0 .. n); `n_zero` rows more hold
 * zero. */
static void place_one(learner *l, int32_t f, float *value, int64_t n, int64_t n_zero, int thread)
{
    uint32_t *count = l->scratch + 2 * l->longest * thread;
    if (n_zero > 0) {
        value[n++] = 0;
    }
    const int64_t n_distinct = gbt_cuts_tally(value, n, count, count + l->longest);
    for (int64_t i = 0; n_zero > 1 && i < n_distinct; i++) {
        if (value[i] == 0) {
            count[i] += (uint32_t)(n_zero - 1);
        }
    }
    l->n_cuts[f - l->first] =
        gbt_cuts_place(value, count, n_distinct, l->config->max_bin, l->config->min_data_in_bin,
                       l->upper + (int64_t)(f - l->first) * MAX_CUTS);
}

static void place(void *context, int64_t first, int64_t last, int thread)
{
    learner *l = context;
    for (int64_t i = first; i < last; i++) {
        const int32_t f = l->first + (int32_t)i;
        l->n_cuts[i] = 0;
        if (l->cuts->is_categorical[f]) {
            continue;
        }
        if (l->start == NULL) {
            place_one(l, f, l->value + i * l->n_sample, l->n_sample, 0, thread);
        } else {
            const int64_t n = l->start[f + 1] - l->start[f] - 1;
            place_one(l, f, l->value + l->start[f], n, l->n_sample - n, thread);
        }
    }
}

/* Appends the cuts of the block to the table. */
static gbt_status append(learner *l)
{
    gbt_cuts *cuts = l->cuts;
    for (int32_t f = l->first; f < l->last; f++) {
        const int32_t n = l->n_cuts[f - l->first];
        const int64_t used = cuts->first[f];
        if (used + n > l->capacity) {
            const int64_t larger = 2 * (used + n);
            float *upper = gbt_grow(cuts->upper, used, larger, sizeof *upper);
            GBT_TRY(upper ? GBT_OK : GBT_ERR_MEMORY);
            cuts->upper = upper;
            l->capacity = larger;
        }
        memcpy(cuts->upper + used, l->upper + (int64_t)(f - l->first) * MAX_CUTS,
               (size_t)n * sizeof(float));
        cuts->first[f + 1] = used + n;
        if (!cuts->is_categorical[f]) {
            cuts->n_bins[f] = n + 1;
        }
    }
    return GBT_OK;
}

/* The sampled entries by feature, with one spare place each for the zeros. */
static gbt_status transpose_sample(learner *l)
{
    gbt_status status = GBT_OK;
    const gbt_csr *csr = l->features->sparse;
    const int32_t n_features = l->features->n_features;
    int64_t *next = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(l->start, (int64_t)n_features + 1));
    GBT_TRY_OR_DONE(GBT_NEW(next, n_features));
    for (int64_t i = 0; i < l->n_sample; i++) {
        for (int64_t at = csr->row_start[l->row[i]]; at < csr->row_start[l->row[i] + 1]; at++) {
            const int32_t f = gbt_features_of(l->features, csr->column[at]);
            if (f >= 0) {
                l->start[f + 1]++;
            }
        }
    }
    for (int32_t f = 0; f < n_features; f++) {
        const int64_t n = l->start[f + 1] + 1;
        l->longest = n > l->longest ? n : l->longest;
        l->start[f + 1] = l->start[f] + n;
        next[f] = l->start[f];
    }
    GBT_TRY_OR_DONE(GBT_NEW(l->value, l->start[n_features]));
    for (int64_t i = 0; i < l->n_sample; i++) {
        for (int64_t at = csr->row_start[l->row[i]]; at < csr->row_start[l->row[i] + 1]; at++) {
            const int32_t f = gbt_features_of(l->features, csr->column[at]);
            if (f >= 0) {
                l->value[next[f]++] = gbt_element(csr->value, csr->dtype, at);
            }
        }
    }
done:
    gbt_release(next);
    return status;
}

static gbt_status learn_numeric(learner *l)
{
    gbt_status status = GBT_OK;
    const bool is_sparse = l->features->sparse != NULL;
    const int32_t n_features = l->features->n_features;
    const int64_t n_rows = l->features->n_rows;
    const int threads = l->config->threads;
    l->n_sample = n_rows < l->config->sample_for_bins ? n_rows : l->config->sample_for_bins;
    GBT_TRY_OR_DONE(GBT_NEW(l->row, l->n_sample));
    draw_rows(n_rows, l->n_sample, l->config->seed, l->row);
    int64_t block = SPARSE_BLOCK;
    if (is_sparse) {
        GBT_TRY_OR_DONE(transpose_sample(l));
    } else {
        block = BLOCK_BYTES / (4 * (l->n_sample + 1));
        block = block < 1 ? 1 : block > MAX_BLOCK ? MAX_BLOCK : block;
        l->longest = l->n_sample;
        GBT_TRY_OR_DONE(GBT_NEW(l->value, block * l->n_sample));
    }
    const int64_t team = threads < block ? threads : block;
    GBT_TRY_OR_DONE(GBT_NEW(l->scratch, 2 * team * l->longest));
    GBT_TRY_OR_DONE(GBT_NEW(l->upper, block * MAX_CUTS));
    GBT_TRY_OR_DONE(GBT_NEW(l->n_cuts, block));
    l->capacity = n_features;
    GBT_TRY_OR_DONE(GBT_NEW(l->cuts->upper, l->capacity));
    for (int32_t f = 0; f < n_features; f = l->last) {
        l->first = f;
        l->last = n_features - f < block ? n_features : f + (int32_t)block;
        if (!is_sparse) {
            gbt_for_chunks(threads, l->n_sample, GATHER_ROWS, gather, l);
        }
        gbt_for_chunks(threads, l->last - l->first, 1, place, l);
        GBT_TRY_OR_DONE(append(l));
    }
done:
    gbt_release(l->row);
    gbt_release(l->value);
    gbt_release(l->start);
    gbt_release(l->scratch);
    gbt_release(l->upper);
    gbt_release(l->n_cuts);
    return status;
}

gbt_status gbt_cuts_learn(const gbt_features *features, const uint8_t *is_categorical,
                          const gbt_cuts_config *config, gbt_cuts **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_cuts *cuts = NULL;
    GBT_TRY_OR_DONE(gbt_cuts_create(features->n_features, &cuts));
    memcpy(cuts->is_categorical, is_categorical, (size_t)features->n_features);
    learner l = {.features = features, .config = config, .cuts = cuts};
    GBT_TRY_OR_DONE(learn_numeric(&l));
    GBT_TRY_OR_DONE(gbt_cuts_learn_categories(features, config, cuts));
    *out = cuts;
    cuts = NULL;
done:
    gbt_cuts_release(cuts);
    return status;
}
