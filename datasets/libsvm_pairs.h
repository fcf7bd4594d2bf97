/* Pairs index:value of libsvm text, many at a time: the colons, blanks and line ends of the next
 * kilobytes are listed, then the values between them converted by digits_wide.h. Takes what is
 * written the usual way and leaves all else, faults above all, to its caller. Cost: that of
 * digits_wide.h and 6 cycles for an index; without vectors nothing is taken. */
#ifndef GBT_DATASETS_LIBSVM_PAIRS_H
#define GBT_DATASETS_LIBSVM_PAIRS_H

#include "datasets/digits_wide.h"

typedef struct gbt_pairs {
    gbt_wide_path path;
    const char *text;              /* what is listed begins here */
    int32_t n;                     /* stops */
    int32_t at;                    /* the next one */
    uint16_t stop[GBT_WIDE_CELLS]; /* of ':', ' ' and line end, counted from `text` */
    float odd_value[GBT_WIDE_CELLS];
} gbt_pairs;

/* Where the token begins that the next stop ends. */
static inline const char *gbt_pairs_next(const gbt_pairs *pairs)
{
    return pairs->text + (pairs->at > 0 ? pairs->stop[pairs->at - 1] + 1 : 0);
}

/* Up to seven digits that are more than `previous`. */
static inline bool gbt_pairs_index(const char *p, const char *colon, int64_t previous,
                                   int32_t *index)
{
    const uint64_t word = gbt_digits_load(p);
    const size_t n_digits = (size_t)(colon - p);
    if (*colon != ':' || n_digits - 1 >= 7 || gbt_digits_count(word) != n_digits) {
        return false;
    }
    *index = (int32_t)gbt_digits_value_of(word, (uint32_t)n_digits);
    return *index > previous;
}

#if GBT_WIDE_X86

/* Takes pairs from `pairs` on, up to the last one of the line or to the first that needs more care;
 * returns how many. Indices must ascend from `previous` on. */
GBT_WIDE_LOOP int32_t gbt_pairs_take_wide(gbt_pairs *pairs, int64_t previous, int32_t *index,
                                          float *value, gbt_wide_steps steps)
{
    gbt_wide_parts parts;
    const char *p = gbt_pairs_next(pairs);
    int32_t m = 0, n_odd = 0, at = pairs->at;
    bool is_end = false;
    for (; at + 1 < pairs->n && m < GBT_WIDE_CELLS / 2 && !is_end; at += 2, m++) {
        const char *colon = pairs->text + pairs->stop[at],
                   *stop = pairs->text + pairs->stop[at + 1];
        if (!gbt_pairs_index(p, colon, previous, &index[m]) || *stop == ':') {
            break;
        }
        parts.odd[n_odd] = (uint16_t)m;
        if (!steps.cut(colon + 1, stop, &parts, m)) {
            if (!gbt_wide_take(colon + 1, stop, &pairs->odd_value[n_odd])) {
                break;
            }
            n_odd++;
        }
        previous = index[m];
        is_end = *stop == '\n';
        p = stop + 1;
    }
    steps.join(&parts, m, value);
    for (int32_t i = 0; i < n_odd; i++) {
        value[parts.odd[i]] = pairs->odd_value[i];
    }
    pairs->at = at;
    return m;
}

GBT_AVX2 int32_t gbt_pairs_take_avx2(gbt_pairs *pairs, int64_t previous, int32_t *index,
                                     float *value)
{
    return gbt_pairs_take_wide(pairs, previous, index, value, gbt_wide_steps_avx2);
}

GBT_AVX512 int32_t gbt_pairs_take_avx512(gbt_pairs *pairs, int64_t previous, int32_t *index,
                                         float *value)
{
    return gbt_pairs_take_wide(pairs, previous, index, value, gbt_wide_steps_avx512);
}

/* Makes the token at `p` the next one; false: there is nothing listed for it. */
static inline bool gbt_pairs_move(gbt_pairs *pairs, const char *p, const char *end)
{
    while (pairs->at < pairs->n && pairs->text + pairs->stop[pairs->at] < p) {
        pairs->at++;
    }
    if (pairs->n - pairs->at < 2 && pairs->text != p) {
        const size_t size = end - p < GBT_WIDE_BYTES ? (size_t)(end - p) : GBT_WIDE_BYTES;
        pairs->text = p;
        pairs->at = 0;
        pairs->n = pairs->path == GBT_WIDE_AVX512
                       ? gbt_wide_stops_avx512(p, (uint32_t)size, ':', ' ', pairs->stop)
                       : gbt_wide_stops_avx2(p, (uint32_t)size, ':', ' ', pairs->stop);
    }
    return pairs->n - pairs->at >= 2 && gbt_pairs_next(pairs) == p;
}

#endif

/* Takes the pairs at *p up to the end of the line, as far as they are written the usual way, and
 * moves *p to the stop of the last one. Returns how many. 64 bytes behind `end` are readable. */
static inline int32_t gbt_pairs_take(gbt_pairs *pairs, const char **p, const char *end,
                                     int64_t previous, int32_t *index, float *value)
{
#if GBT_WIDE_X86
    if (pairs->path != GBT_WIDE_PLAIN && gbt_pairs_move(pairs, *p, end)) {
        const int32_t n = pairs->path == GBT_WIDE_AVX512
                              ? gbt_pairs_take_avx512(pairs, previous, index, value)
                              : gbt_pairs_take_avx2(pairs, previous, index, value);
        *p = n > 0 ? gbt_pairs_next(pairs) - 1 : *p;
        return n;
    }
#endif
    (void)pairs, (void)p, (void)end, (void)previous, (void)index, (void)value;
    return 0;
}

#endif
