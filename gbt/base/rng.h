/* Counter-based random numbers: a draw is a function of (seed, round, tree, purpose, position), so
 * it does not depend on threads, order or device. Mixing: the finaliser of SplitMix64 [Steele14]
 * for keys and 64-bit draws, a three-multiply 32-bit hash for per-row draws in kernels. */
#ifndef GBT_BASE_RNG_H
#define GBT_BASE_RNG_H

#include <stdint.h>

#include "gbt/base/hd.h"

typedef enum gbt_rng_purpose {
    GBT_RNG_ROUNDING = 1,
    GBT_RNG_ROWS = 2,
    GBT_RNG_FEATURES_TREE = 3,
    GBT_RNG_FEATURES_LEVEL = 4,
    GBT_RNG_FEATURES_NODE = 5,
    GBT_RNG_HOLD_OUT = 6,
    GBT_RNG_BIN_SAMPLE = 7,
    GBT_RNG_SYNTH = 8,
    GBT_RNG_BOOTSTRAP = 9,
    GBT_RNG_TASK_WEIGHTS = 10,
    GBT_RNG_FOLDS = 11,
    GBT_RNG_UNITS = 12,
    GBT_RNG_UNIT_ROWS = 13,
    GBT_RNG_INFLUENCE = 14,
    GBT_RNG_CV_FOLDS = 15
} gbt_rng_purpose;

GBT_HD uint64_t gbt_rng_mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

/* The key of one stream. */
GBT_HD uint64_t gbt_rng_key(uint64_t seed, uint64_t round, uint64_t tree, gbt_rng_purpose purpose)
{
    uint64_t key = gbt_rng_mix(seed);
    key = gbt_rng_mix(key ^ round);
    key = gbt_rng_mix(key ^ tree);
    return gbt_rng_mix(key ^ (uint64_t)purpose);
}

/* Draw number `position` of the stream. */
GBT_HD uint64_t gbt_rng_u64(uint64_t key, uint64_t position)
{
    return gbt_rng_mix(key ^ (position * 0xD1342543DE82EF95ull));
}

/* Uniform in [0, 1) with 53 bits. */
GBT_HD double gbt_rng_unit(uint64_t key, uint64_t position)
{
    return (double)(gbt_rng_u64(key, position) >> 11) * 0x1p-53;
}

/* 32 bits for one row, from 32-bit operations only (eight or sixteen rows a vector). */
GBT_HD uint32_t gbt_rng_u32(uint32_t key, uint32_t row)
{
    uint32_t x = row * 0x9E3779B1u + key;
    x = (x ^ (x >> 15)) * 0x85EBCA77u;
    x = (x ^ (x >> 13)) * 0xC2B2AE3Du;
    return x ^ (x >> 16);
}

#endif
