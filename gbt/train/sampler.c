/* Bernoulli rows and fixed-size feature subsets from counter-based draws. Cost: one hash a row and
 * round, one partial sort of the features a set. */
#include "gbt/train/sampler.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"

gbt_status gbt_sampler_open(gbt_sampler *sampler, const gbt_sampler_config *config, int64_t n_rows,
                            int32_t n_features)
{
    memset(sampler, 0, sizeof *sampler);
    sampler->config = *config;
    sampler->n_rows = n_rows;
    sampler->n_drawn = n_rows;
    sampler->n_features = n_features;
    sampler->n_words = (n_features + 31) / 32;
    sampler->drawn_round = -1;
    gbt_status status = GBT_OK;
    if (config->subsample < 1.0) {
        GBT_TRY_OR_DONE(GBT_NEW(sampler->rows, n_rows));
    }
    if (config->by_tree < 1.0) {
        GBT_TRY_OR_DONE(GBT_NEW(sampler->tree_set, sampler->n_words));
    }
    if (config->by_tree < 1.0 || gbt_sampler_has_node_sets(sampler)) {
        GBT_TRY_OR_DONE(GBT_NEW(sampler->order, n_features));
    }
done:
    if (status != GBT_OK) {
        gbt_sampler_close(sampler);
    }
    return status;
}

void gbt_sampler_close(gbt_sampler *sampler)
{
    gbt_release(sampler->rows);
    gbt_release(sampler->tree_set);
    gbt_release(sampler->order);
    memset(sampler, 0, sizeof *sampler);
}

void gbt_sampler_draw_rows(gbt_sampler *sampler, int32_t round)
{
    if (!sampler->rows) {
        return;
    }
    const int64_t draw = round - round % sampler->config.subsample_freq;
    if (draw == sampler->drawn_round) {
        return;
    }
    sampler->drawn_round = draw;
    const uint64_t key = gbt_rng_key(sampler->config.seed, (uint64_t)draw, 0, GBT_RNG_ROWS);
    const uint64_t limit = (uint64_t)(sampler->config.subsample * 0x1p63) << 1;
    int64_t n = 0;
    for (int64_t row = 0; row < sampler->n_rows; row++) {
        sampler->rows[n] = (uint32_t)row;
        n += gbt_rng_u64(key, (uint64_t)row) < limit;
    }
    if (n == 0) {
        sampler->rows[n++] =
            (uint32_t)(gbt_rng_u64(key, (uint64_t)sampler->n_rows) % (uint64_t)sampler->n_rows);
    }
    sampler->n_drawn = n;
}

/* Moves the k smallest keys to the front (their order does not matter). */
static void select_smallest(uint64_t *keys, int32_t n, int32_t k)
{
    int32_t low = 0, high = n - 1;
    while (low < high) {
        const uint64_t pivot = keys[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (keys[i] < pivot) {
                i++;
            }
            while (keys[j] > pivot) {
                j--;
            }
            if (i <= j) {
                const uint64_t swap = keys[i];
                keys[i++] = keys[j];
                keys[j--] = swap;
            }
        }
        if (k - 1 <= j) {
            high = j;
        } else if (k - 1 >= i) {
            low = i;
        } else {
            return;
        }
    }
}

/* A random subset of `from` (NULL: all features) with `share` of its members, at least one. */
static void draw_features(const gbt_sampler *sampler, const uint32_t *from, double share,
                          uint64_t key, uint32_t *set)
{
    int32_t n = 0;
    for (int32_t f = 0; f < sampler->n_features; f++) {
        if (!from || (from[f >> 5] >> (f & 31) & 1u)) {
            sampler->order[n++] = (gbt_rng_u64(key, (uint64_t)f) & ~0xffffffull) | (uint64_t)f;
        }
    }
    int32_t k = (int32_t)(share * (double)n + 0.5);
    k = k < 1 ? 1 : k > n ? n : k;
    select_smallest(sampler->order, n, k);
    memset(set, 0, (size_t)sampler->n_words * sizeof *set);
    for (int32_t i = 0; i < k && i < n; i++) {
        const uint32_t f = (uint32_t)(sampler->order[i] & 0xffffffull);
        set[f >> 5] |= 1u << (f & 31);
    }
}

void gbt_sampler_draw_tree(gbt_sampler *sampler, int32_t round, int32_t output)
{
    if (sampler->tree_set) {
        const uint64_t key = gbt_rng_key(sampler->config.seed, (uint64_t)round, (uint64_t)output,
                                         GBT_RNG_FEATURES_TREE);
        draw_features(sampler, NULL, sampler->config.by_tree, key, sampler->tree_set);
    }
}

bool gbt_sampler_has_node_sets(const gbt_sampler *sampler)
{
    return sampler->config.by_level < 1.0 || sampler->config.by_node < 1.0;
}

bool gbt_sampler_is_idle(const gbt_sampler *sampler)
{
    return !sampler->rows && !sampler->tree_set && !gbt_sampler_has_node_sets(sampler);
}

void gbt_sampler_draw_node(const gbt_sampler *sampler, int32_t round, int32_t output, int32_t depth,
                           uint64_t path, uint32_t *set)
{
    const uint32_t *from = sampler->tree_set;
    if (sampler->config.by_level < 1.0) {
        const uint64_t key = gbt_rng_key(sampler->config.seed, (uint64_t)round, (uint64_t)output,
                                         GBT_RNG_FEATURES_LEVEL);
        draw_features(sampler, from, sampler->config.by_level, gbt_rng_u64(key, (uint64_t)depth),
                      set);
        from = set;
    }
    if (sampler->config.by_node < 1.0) {
        const uint64_t key = gbt_rng_key(sampler->config.seed, (uint64_t)round, (uint64_t)output,
                                         GBT_RNG_FEATURES_NODE);
        draw_features(sampler, from, sampler->config.by_node, gbt_rng_u64(key, path), set);
    }
}
