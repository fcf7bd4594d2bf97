/* Cut points of one numeric feature from its values: sort, count ties, place the cuts. Does not
 * know where the values come from. Cost: three passes of a radix sort, then one pass over the
 * distinct values. Reference: equal-frequency bins with heavy values apart, as in [Ke17
 * LightGBM]. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "gbt/data/cuts_learn.h"

enum { DIGIT_BITS = 11, N_DIGITS = 3, DIGIT_VALUES = 1 << DIGIT_BITS };

/* Unsigned numbers in the order of the floats; one for both zeros. */
static uint32_t key_of(float value)
{
    const float plain = value + 0.0f; /* -0 becomes +0 */
    uint32_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits ^ (bits >> 31 ? 0xFFFFFFFFu : 0x80000000u);
}

static float value_of(uint32_t key)
{
    const uint32_t bits = key ^ (key >> 31 ? 0x80000000u : 0xFFFFFFFFu);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Least significant digit first; a digit that all keys share costs no pass. The result is in the
 * returned one of the two arrays. */
static uint32_t *sort_keys(uint32_t *key, int64_t n, uint32_t *scratch)
{
    uint32_t start[N_DIGITS][DIGIT_VALUES];
    memset(start, 0, sizeof start);
    for (int64_t i = 0; i < n; i++) {
        start[0][key[i] & (DIGIT_VALUES - 1)]++;
        start[1][(key[i] >> DIGIT_BITS) & (DIGIT_VALUES - 1)]++;
        start[2][key[i] >> (2 * DIGIT_BITS)]++;
    }
    for (int digit = 0; digit < N_DIGITS; digit++) {
        const int shift = digit * DIGIT_BITS;
        uint32_t *next = start[digit];
        if (n == 0 || next[(key[0] >> shift) & (DIGIT_VALUES - 1)] == (uint32_t)n) {
            continue;
        }
        uint32_t sum = 0;
        for (int i = 0; i < DIGIT_VALUES; i++) {
            const uint32_t here = next[i];
            next[i] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < n; i++) {
            scratch[next[(key[i] >> shift) & (DIGIT_VALUES - 1)]++] = key[i];
        }
        uint32_t *swap = key;
        key = scratch;
        scratch = swap;
    }
    return key;
}

int64_t gbt_cuts_tally(float *value, int64_t n, uint32_t *count, uint32_t *scratch)
{
    int64_t n_present = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isnan(value[i])) {
            count[n_present++] = key_of(value[i]);
        }
    }
    const uint32_t *sorted = sort_keys(count, n_present, scratch);
    int64_t n_distinct = 0, first = 0;
    for (int64_t i = 0; i < n_present; i++) {
        /* `sorted` may be `count` itself: no entry is written before it was read. No branches: they
         * would depend on chance. */
        const uint32_t key = sorted[i];
        const bool ends = i + 1 == n_present || sorted[i + 1] != key;
        value[n_distinct] = value_of(key);
        count[n_distinct] = (uint32_t)(i + 1 - first);
        n_distinct += ends;
        first = ends ? i + 1 : first;
    }
    return n_distinct;
}

float gbt_cuts_between(float lower, float upper)
{
    if (isinf(lower)) { /* only minus infinity has something above it */
        return upper > -FLT_MAX ? -FLT_MAX : lower;
    }
    if (isinf(upper)) {
        return FLT_MAX;
    }
    const float cut = (float)(0.5 * (double)lower + 0.5 * (double)upper) + 0.0f;
    return cut < upper ? cut : lower;
}

/* What is left to share out while the bins are filled from below. */
typedef struct plan {
    int64_t rows; /* of values that are not heavy and not in a closed bin */
    int64_t bins; /* for them */
} plan;

/* Rows that the next bin should hold; without bins left: more than there are. */
static int64_t share_of(const plan *left, int64_t min_rows)
{
    if (left->bins <= 0) {
        return INT64_MAX / 4;
    }
    const int64_t mean = (left->rows + left->bins - 1) / left->bins;
    return mean > min_rows ? mean : min_rows;
}

/* The smallest number of rows that makes a value heavy: at least its share of what is left after
 * the other heavy values took a bin each. `left` becomes the plan for the rest. */
static int64_t find_heavy(const uint32_t *count, int64_t n, int64_t min_rows, plan *left)
{
    const plan all = *left;
    int64_t limit = share_of(left, min_rows);
    for (;;) {
        *left = all;
        for (int64_t i = 0; i < n; i++) {
            if (count[i] >= limit) {
                left->rows -= count[i];
                left->bins--;
            }
        }
        const int64_t next_limit = share_of(left, min_rows);
        if (next_limit >= limit) {
            return limit;
        }
        limit = next_limit;
    }
}

/* Whether the bin that holds `rows` ends before a value with `next` rows. */
static bool ends_here(int64_t rows, int64_t next, bool last_is_heavy, bool next_is_heavy,
                      int64_t target)
{
    if (last_is_heavy || rows >= target) {
        return true;
    }
    return next_is_heavy ? 2 * rows >= target : 2 * rows + next > 2 * target;
}

int32_t gbt_cuts_place(const float *value, const uint32_t *count, int64_t n, int32_t max_bin,
                       int32_t min_rows, float *upper)
{
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        total += count[i];
    }
    int64_t most = total / min_rows;
    most = most > max_bin ? max_bin : most;
    plan left = {.rows = total, .bins = most};
    /* Few values: a bin closes as soon as it may. */
    const bool is_few = n <= most;
    const int64_t heavy = is_few ? 0 : find_heavy(count, n, min_rows, &left);
    int64_t target = is_few ? min_rows : share_of(&left, min_rows);
    int64_t in_bin = 0, light_in_bin = 0, not_closed = total;
    int32_t n_cuts = 0;
    for (int64_t i = 0; i + 1 < n && n_cuts + 1 < most; i++) {
        const bool is_heavy = !is_few && count[i] >= heavy;
        in_bin += count[i];
        light_in_bin += is_heavy ? 0 : count[i];
        const bool next_is_heavy = !is_few && count[i + 1] >= heavy;
        if (in_bin < min_rows || not_closed - in_bin < min_rows ||
            !(is_few ? in_bin >= target
                     : ends_here(in_bin, count[i + 1], is_heavy, next_is_heavy, target))) {
            continue;
        }
        const float cut = gbt_cuts_between(value[i], value[i + 1]);
        if (isinf(cut)) {
            continue; /* minus infinity and the lowest number share a bin: cuts are finite */
        }
        upper[n_cuts++] = cut;
        not_closed -= in_bin;
        if (!is_few) {
            left.rows -= light_in_bin;
            left.bins -= is_heavy ? 0 : 1;
            target = share_of(&left, min_rows);
        }
        in_bin = 0;
        light_in_bin = 0;
    }
    return n_cuts;
}
