/* Numbers whose ends are known, by vectors: for readers that list the stops of some kilobytes of
 * text first, so that no conversion waits for the end of the one before it, and none branches on
 * the length of a number.
 *
 * Up to 15 digits without their point, moved to the front of 16 places and followed by zeros, are
 * an integer below 10^16 that a double holds exactly; one division by a power of ten then rounds as
 * strtod would [Clinger90]. Other forms take a second way of 32 places, and digits.h where the
 * rounding needs more care. Inline and without linkage, as digits.h is. Every function may read up
 * to 64 bytes from its argument on, or behind the end of the text. Cost per number of eight
 * characters, its stop included: 15 cycles with AVX-512, 21 with AVX2. */
#ifndef GBT_DATASETS_DIGITS_WIDE_H
#define GBT_DATASETS_DIGITS_WIDE_H

#include "datasets/digits.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define GBT_WIDE_X86 1
#include <immintrin.h>
#else
#define GBT_WIDE_X86 0
#endif

enum {
    GBT_WIDE_BYTES = 4096, /* of text at a time */
    GBT_WIDE_CELLS = 1024, /* in it at most; what is beyond is left for the next time */
    GBT_WIDE_STEP = 64     /* bytes whose stops are listed at once: at most as many cells */
};

typedef enum gbt_wide_path {
    GBT_WIDE_PLAIN = 0, /* nothing of this file */
    GBT_WIDE_AVX2 = 1,
    GBT_WIDE_AVX512 = 2
} gbt_wide_path;

/* Whether this build has the path and this processor can run it. */
static inline bool gbt_wide_usable(gbt_wide_path path)
{
#if GBT_WIDE_X86
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (path == GBT_WIDE_AVX2) {
        return has_avx2;
    }
    if (path == GBT_WIDE_AVX512) {
        return has_avx2 && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vbmi2");
    }
#endif
    return path == GBT_WIDE_PLAIN;
}

static inline gbt_wide_path gbt_wide_best(void)
{
    return gbt_wide_usable(GBT_WIDE_AVX512) ? GBT_WIDE_AVX512
           : gbt_wide_usable(GBT_WIDE_AVX2) ? GBT_WIDE_AVX2
                                            : GBT_WIDE_PLAIN;
}

#if GBT_WIDE_X86

/* Numbers between the two steps of a conversion. */
typedef struct gbt_wide_parts {
    uint64_t halves[GBT_WIDE_CELLS]; /* first eight of 16 digits in the lower half, then the rest */
    uint8_t form[GBT_WIDE_CELLS];    /* digits before the point; bit 7: negative */
    uint16_t odd[GBT_WIDE_CELLS];    /* numbers of those that have another form */
    int32_t n_odd;
} gbt_wide_parts;

/* Whether [digits . digits] behind an optional '-' is not what the cell holds. Bits 0 to 15 tell
 * about its bytes; `inside` has those of the cell. */
static inline bool gbt_wide_is_odd(uint32_t digits, uint32_t points, uint32_t sign, uint32_t inside,
                                   uint32_t size)
{
    const uint32_t others = (digits | points | sign) ^ inside;
    const uint32_t second_point = points & (points - 1);
    const uint32_t is_none = (digits - 1) >> 31;
    return (others | second_point | is_none | (size & ~15u)) != 0;
}

/* Both steps of a path; where a loop is inlined with them, so are they. */
typedef struct gbt_wide_steps {
    bool (*cut)(const char *p, const char *stop, gbt_wide_parts *, int32_t k);
    void (*join)(const gbt_wide_parts *, int32_t n, float *out);
} gbt_wide_steps;

#define GBT_WIDE_LOOP static inline __attribute__((always_inline))

/* ---- AVX2 ------------------------------------------------------------------------------------ */

#define GBT_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt"))) static inline

/* From place 32 - n on: n bytes with all bits, then zeros. */
static const char gbt_wide_ones[64] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

GBT_AVX2 __m256i gbt_wide_load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

GBT_AVX2 __m128i gbt_wide_load_half(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

GBT_AVX2 uint32_t gbt_wide_bits(__m256i bytes)
{
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

/* Lists where the text has '\n', `a` or `b`; returns how many there are. */
GBT_AVX2 int32_t gbt_wide_stops_avx2(const char *text, uint32_t size, char a, char b,
                                     uint16_t *stop)
{
    const __m256i is_a = _mm256_set1_epi8(a), is_b = _mm256_set1_epi8(b),
                  line_end = _mm256_set1_epi8('\n');
    int32_t n = 0;
    for (uint32_t i = 0; i < size && n <= GBT_WIDE_CELLS - GBT_WIDE_STEP; i += 32) {
        const __m256i bytes = gbt_wide_load(text + i);
        const __m256i is_stop = _mm256_or_si256(
            _mm256_or_si256(_mm256_cmpeq_epi8(bytes, is_a), _mm256_cmpeq_epi8(bytes, is_b)),
            _mm256_cmpeq_epi8(bytes, line_end));
        uint32_t found = gbt_wide_bits(is_stop);
        found = size - i < 32 ? _bzhi_u32(found, size - i) : found;
        const int32_t after = n + (int32_t)_mm_popcnt_u32(found);
        while (n < after) { /* four at a time, whether there are that many or not */
            for (int32_t j = 0; j < 4; j++) {
                stop[n + j] = (uint16_t)(i + _tzcnt_u32(found));
                found &= found - 1;
            }
            n += 4;
        }
        n = after;
    }
    return n;
}

/* Step one: number k of the parts from the cell [p, stop); false: it has another form. */
GBT_AVX2 bool gbt_wide_cut_avx2(const char *p, const char *stop, gbt_wide_parts *parts, int32_t k)
{
    const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9), point = _mm_set1_epi8('.');
    const __m128i tens = _mm_set1_epi16(1 << 8 | 10), hundreds = _mm_set1_epi32(1 << 16 | 100),
                  myriads = _mm_set1_epi32(1 << 16 | 10000);
    const uint32_t size = (uint32_t)(stop - p), sign = *p == '-';
    const __m128i bytes = gbt_wide_load_half(p);
    const __m128i value = _mm_sub_epi8(bytes, zero);
    const uint32_t inside = _bzhi_u32(0xFFFF, size);
    const uint32_t digits =
        inside & (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(value, nine), value));
    const uint32_t points = inside & (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, point));
    const uint32_t whole = (uint32_t)_mm_popcnt_u32(digits & (points - 1));
    const uint32_t n_digits = (uint32_t)_mm_popcnt_u32(digits);
    const __m128i joined =
        _mm_blendv_epi8(gbt_wide_load_half(p + sign + 1), gbt_wide_load_half(p + sign),
                        gbt_wide_load_half(gbt_wide_ones + 32 - whole));
    const __m128i front = _mm_and_si128(_mm_sub_epi8(joined, zero),
                                        gbt_wide_load_half(gbt_wide_ones + 32 - n_digits));
    const __m128i fours = _mm_madd_epi16(_mm_maddubs_epi16(front, tens), hundreds);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), myriads);
    _mm_storel_epi64((__m128i *)(void *)&parts->halves[k], eights);
    parts->form[k] = (uint8_t)(whole | sign << 7);
    return !gbt_wide_is_odd(digits, points, sign, inside, size);
}

/* Step two for the first `n` numbers. */
static inline void gbt_wide_join_avx2(const gbt_wide_parts *parts, int32_t n, float *out)
{
    for (int32_t k = 0; k < n; k++) {
        const uint64_t halves = parts->halves[k];
        const uint64_t mantissa = (halves & UINT32_MAX) * 100000000u + (halves >> 32);
        const double power = gbt_ten_power[16 - (parts->form[k] & 31)];
        gbt_digits_store((float)((double)(int64_t)mantissa / power), parts->form[k] >> 7, &out[k]);
    }
}

static const gbt_wide_steps gbt_wide_steps_avx2 = {gbt_wide_cut_avx2, gbt_wide_join_avx2};

/* The power of ten of [e [+-] digits] behind a mantissa: up to five digits from `p` to `end`. */
static inline bool gbt_wide_take_power(const char *p, const char *end, int64_t *power)
{
    const bool is_down = *p == '-';
    p += *p == '-' || *p == '+';
    int64_t value = 0;
    if (p >= end || end - p > 5) {
        return false;
    }
    for (; p < end; p++) {
        if ((unsigned char)(*p - '0') > 9) {
            return false;
        }
        value = value * 10 + (*p - '0');
    }
    *power = is_down ? -value : value;
    return true;
}

typedef enum gbt_wide_answer {
    GBT_WIDE_OTHER,
    GBT_WIDE_NUMBER,
    GBT_WIDE_ASK /* digits.h */
} gbt_wide_answer;

/* The cell [p, end) of up to 32 bytes as any number that digits.h knows: like a plain one, with
 * twice the width, and 19 digits kept. */
GBT_AVX2 gbt_wide_answer gbt_wide_take_32(const char *p, const char *end, float *out)
{
    const uint32_t negative = *p == '-', sign = negative | (*p == '+');
    const __m256i bytes = gbt_wide_load(p), zero = _mm256_set1_epi8('0');
    const __m256i value = _mm256_sub_epi8(bytes, zero);
    const __m256i small = _mm256_min_epu8(value, _mm256_set1_epi8(9));
    const __m256i lower = _mm256_or_si256(bytes, _mm256_set1_epi8('a' ^ 'A'));
    const uint32_t all = (uint32_t)(((uint64_t)1 << (end - p)) - 1);
    const uint32_t letters = all & gbt_wide_bits(_mm256_cmpeq_epi8(lower, _mm256_set1_epi8('e')));
    const uint32_t inside = all & (letters - 1) & ~letters; /* in front of the first letter */
    const uint32_t digits = inside & gbt_wide_bits(_mm256_cmpeq_epi8(small, value));
    const uint32_t points = inside & gbt_wide_bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('.')));
    int64_t power = 0;
    if ((digits | points | sign) != inside || (points & (points - 1)) != 0 || digits == 0) {
        return GBT_WIDE_OTHER;
    }
    if (letters != 0 && !gbt_wide_take_power(p + _tzcnt_u32(letters) + 1, end, &power)) {
        return GBT_WIDE_ASK;
    }
    const uint32_t whole = (uint32_t)_mm_popcnt_u32(digits & (points - 1));
    const uint32_t n_digits = (uint32_t)_mm_popcnt_u32(digits);
    const __m256i joined = _mm256_blendv_epi8(gbt_wide_load(p + sign + 1), gbt_wide_load(p + sign),
                                              gbt_wide_load(gbt_wide_ones + 32 - whole));
    const __m256i front = _mm256_and_si256(_mm256_sub_epi8(joined, zero),
                                           gbt_wide_load(gbt_wide_ones + 32 - n_digits));
    const __m256i twos = _mm256_maddubs_epi16(front, _mm256_set1_epi16(1 << 8 | 10));
    const __m256i fours = _mm256_madd_epi16(twos, _mm256_set1_epi32(1 << 16 | 100));
    uint32_t part[8]; /* eight digits each: 0, 1, 4, 5 */
    _mm256_storeu_si256(
        (__m256i *)(void *)part,
        _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(1 << 16 | 10000)));
    uint64_t mantissa = part[0] * (uint64_t)100000000 + part[1];
    int32_t n_kept = 16;
    bool is_cut = false;
    if ((part[4] | part[5]) != 0) {
        mantissa = mantissa * 1000 + part[4] / 100000;
        n_kept = 19;
        is_cut = (part[4] % 100000 | part[5]) != 0;
    }
    const bool is_vague = is_cut && mantissa < 100000000000000000u; /* zeros in front */
    float found;
    if (is_vague || !gbt_digits_scale(mantissa, power + (int32_t)whole - n_kept, is_cut, &found)) {
        return GBT_WIDE_ASK;
    }
    gbt_digits_store(found, negative, out);
    return GBT_WIDE_NUMBER;
}

/* The cell [p, end) as any number that digits.h knows. */
GBT_AVX2 bool gbt_wide_take(const char *p, const char *end, float *out)
{
    gbt_wide_answer answer = end > p ? GBT_WIDE_ASK : GBT_WIDE_OTHER;
    if (end > p && end - p <= 32) {
        answer = gbt_wide_take_32(p, end, out);
    }
    return answer == GBT_WIDE_NUMBER ||
           (answer == GBT_WIDE_ASK && gbt_digits_scan_long(p, out) == end);
}

/* ---- AVX-512 --------------------------------------------------------------------------------- */

#define GBT_AVX512  \
    __attribute__(( \
        target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,bmi,bmi2,popcnt"))) static inline

GBT_AVX512 int32_t gbt_wide_stops_avx512(const char *text, uint32_t size, char a, char b,
                                         uint16_t *stop)
{
    const __m512i is_a = _mm512_set1_epi8(a), is_b = _mm512_set1_epi8(b),
                  line_end = _mm512_set1_epi8('\n');
    const __m512i half = _mm512_set1_epi16(32);
    __m512i place = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                     15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    int32_t n = 0;
    for (uint32_t i = 0; i < size && n <= GBT_WIDE_CELLS - GBT_WIDE_STEP; i += 64) {
        const __m512i bytes = _mm512_loadu_si512(text + i);
        uint64_t found = _mm512_cmpeq_epi8_mask(bytes, is_a) | _mm512_cmpeq_epi8_mask(bytes, is_b) |
                         _mm512_cmpeq_epi8_mask(bytes, line_end);
        found = size - i < 64 ? _bzhi_u64(found, size - i) : found;
        const uint32_t low = (uint32_t)found, high = (uint32_t)(found >> 32);
        _mm512_storeu_si512(stop + n, _mm512_maskz_compress_epi16(low, place));
        n += (int32_t)_mm_popcnt_u32(low);
        place = _mm512_add_epi16(place, half);
        _mm512_storeu_si512(stop + n, _mm512_maskz_compress_epi16(high, place));
        n += (int32_t)_mm_popcnt_u32(high);
        place = _mm512_add_epi16(place, half);
    }
    return n;
}

GBT_AVX512 bool gbt_wide_cut_avx512(const char *p, const char *stop, gbt_wide_parts *parts,
                                    int32_t k)
{
    const __m128i zero = _mm_set1_epi8('0'), ten = _mm_set1_epi8(10), point = _mm_set1_epi8('.');
    const __m128i tens = _mm_set1_epi16(1 << 8 | 10), hundreds = _mm_set1_epi32(1 << 16 | 100),
                  myriads = _mm_set1_epi32(1 << 16 | 10000);
    const uint32_t size = (uint32_t)(stop - p), sign = *p == '-';
    const __m128i bytes = gbt_wide_load_half(p);
    const __m128i value = _mm_sub_epi8(bytes, zero);
    const uint32_t inside = _bzhi_u32(0xFFFF, size);
    const uint32_t digits = inside & _mm_cmplt_epu8_mask(value, ten);
    const uint32_t points = inside & _mm_cmpeq_epi8_mask(bytes, point);
    const uint32_t whole = (uint32_t)_mm_popcnt_u32(digits & (points - 1));
    const __m128i front = _mm_maskz_compress_epi8((__mmask16)digits, value);
    const __m128i fours = _mm_madd_epi16(_mm_maddubs_epi16(front, tens), hundreds);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), myriads);
    _mm_storel_epi64((__m128i *)(void *)&parts->halves[k], eights);
    parts->form[k] = (uint8_t)(whole | sign << 7);
    return !gbt_wide_is_odd(digits, points, sign, inside, size);
}

/* Eight numbers at a time. */
GBT_AVX512 void gbt_wide_join_avx512(const gbt_wide_parts *parts, int32_t n, float *out)
{
    const __m512d few = _mm512_set_pd(1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16),
                  many = _mm512_set_pd(1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8);
    for (int32_t k = 0; k < n; k += 8) {
        const __mmask8 wanted = (__mmask8)_bzhi_u32(0xFF, (uint32_t)(n - k < 8 ? n - k : 8));
        const __m512i halves = _mm512_loadu_si512(&parts->halves[k]);
        const __m512i high = _mm512_mul_epu32(halves, _mm512_set1_epi64(100000000));
        const __m512i mantissa = _mm512_add_epi64(high, _mm512_srli_epi64(halves, 32));
        const __m512i form =
            _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)&parts->form[k]));
        const __m512d value =
            _mm512_div_pd(_mm512_cvtepi64_pd(mantissa), _mm512_permutex2var_pd(few, form, many));
        const __m256i sign =
            _mm256_slli_epi32(_mm256_srli_epi32(_mm512_cvtepi64_epi32(form), 7), 31);
        _mm256_mask_storeu_ps(out + k, wanted,
                              _mm256_or_ps(_mm512_cvtpd_ps(value), _mm256_castsi256_ps(sign)));
    }
}

static const gbt_wide_steps gbt_wide_steps_avx512 = {gbt_wide_cut_avx512, gbt_wide_join_avx512};

#endif

#endif
