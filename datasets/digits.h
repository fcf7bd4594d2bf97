/* Numbers at the speed of the readers: eight digits at a time by integer arithmetic [Lemire21],
 * results rounded as strtod and then to float would. Inline, because the readers spend their time
 * here. Every function may read up to 24 bytes from its argument on, or 9 behind the end of the
 * number. Does not know `inf`, `nan` or blanks: gbt_parse_real() is the place for what is refused
 * here. */
#ifndef GBT_DATASETS_DIGITS_H
#define GBT_DATASETS_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const double gbt_ten_power[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const uint64_t gbt_ten_integer[9] = {1,      10,      100,      1000,     10000,
                                            100000, 1000000, 10000000, 100000000};

/* Eight characters, the first in the lowest byte, each XOR '0': a digit becomes its value. */
static inline uint64_t gbt_digits_load(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word ^ 0x3030303030303030ull;
}

/* The highest bit of every byte that is no digit. */
static inline uint64_t gbt_digits_mask(uint64_t word)
{
    uint64_t low = word & 0x7F7F7F7F7F7F7F7Full;
    return ((low + 0x7676767676767676ull) | word) & 0x8080808080808080ull;
}

/* How many digits the word begins with, 0..8. */
static inline uint32_t gbt_digits_count(uint64_t word)
{
    uint64_t others = gbt_digits_mask(word);
    return others == 0 ? 8 : (uint32_t)__builtin_ctzll(others) >> 3;
}

/* Value of eight digits: pairs, then fours, then all. */
static inline uint64_t gbt_digits_value(uint64_t word)
{
    word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFull;
    word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFull;
    return (word * 10000 + (word >> 32)) & 0xFFFFFFFFull;
}

/* Value of the first `n` (0..7) of them: moved up behind zeros. */
static inline uint64_t gbt_digits_value_of(uint64_t word, uint32_t n)
{
    return gbt_digits_value((word << 8) << (56 - 8 * n));
}

/* Takes all digits at *p. `mantissa` keeps about 18 of them; the number that did not fit is
 * returned. */
static inline int64_t gbt_digits_take(const char **p, uint64_t *mantissa)
{
    const uint64_t room8 = 100000000000ull, room1 = 1000000000000000000ull;
    int64_t dropped = 0;
    for (;;) {
        uint64_t word = gbt_digits_load(*p);
        uint32_t n = gbt_digits_count(word);
        if (*mantissa < room8) {
            *mantissa = *mantissa * gbt_ten_integer[n] +
                        (n == 8 ? gbt_digits_value(word) : gbt_digits_value_of(word, n));
        } else {
            for (uint32_t i = 0; i < n; i++) {
                if (*mantissa < room1) {
                    *mantissa = *mantissa * 10 + ((word >> (8 * i)) & 15);
                } else {
                    dropped++;
                }
            }
        }
        *p += n;
        if (n < 8) {
            return dropped;
        }
    }
}

/* mantissa * 10^exponent as a float, when that is certain. `is_cut`: digits after the mantissa's
 * were dropped. Few digits and a small exponent: one exact operation [Clinger90]. Otherwise the
 * product of a few roundings is off by less than 2^-50 of itself, so when both ends of that
 * interval round to the same float, the double between them does too. */
static inline bool gbt_digits_scale(uint64_t mantissa, int64_t exponent, bool is_cut, float *out)
{
    if (mantissa <= (1ull << 53) && exponent >= -22 && exponent <= 22 && !is_cut) {
        double value = (double)(int64_t)mantissa;
        value = exponent < 0 ? value / gbt_ten_power[-exponent] : value * gbt_ten_power[exponent];
        *out = (float)value;
        return true;
    }
    if (mantissa == 0 && !is_cut) {
        *out = 0.0f;
        return true;
    }
    if (exponent < -66 || exponent > 44) {
        return false;
    }
    double value = (double)mantissa;
    for (; exponent < -22; exponent += 22) {
        value /= 1e22;
    }
    for (; exponent > 22; exponent -= 22) {
        value *= 1e22;
    }
    value = exponent < 0 ? value / gbt_ten_power[-exponent] : value * gbt_ten_power[exponent];
    float low = (float)(value * (1 - 0x1p-49));
    float high = (float)(value * (1 + 0x1p-49));
    *out = low;
    return low == high;
}

static inline void gbt_digits_store(float value, uint32_t sign, float *out)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign << 31;
    memcpy(out, &bits, sizeof bits);
}

/* gbt_digits_scan() for any number of digits, with or without an exponent. */
static inline const char *gbt_digits_scan_long(const char *p, float *out)
{
    uint64_t mantissa = 0;
    uint32_t sign = *p == '-';
    p += *p == '-' || *p == '+';
    const char *start = p;
    int64_t dropped = gbt_digits_take(&p, &mantissa);
    int64_t n_digits = p - start, exponent = dropped;
    if (*p == '.') {
        start = ++p;
        int64_t dropped_here = gbt_digits_take(&p, &mantissa);
        n_digits += p - start;
        exponent -= (p - start) - dropped_here;
        dropped += dropped_here;
    }
    if (n_digits == 0) {
        return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        bool is_down = *p == '-';
        p += *p == '-' || *p == '+';
        if ((unsigned char)(*p - '0') > 9) {
            return NULL;
        }
        int64_t power = 0;
        for (; (unsigned char)(*p - '0') <= 9; p++) {
            power = power < 100000 ? power * 10 + (*p - '0') : power;
        }
        exponent += is_down ? -power : power;
    }
    float value;
    if (!gbt_digits_scale(mantissa, exponent, dropped > 0, &value)) {
        return NULL;
    }
    gbt_digits_store(value, sign, out);
    return p;
}

/* Bit i tells about character i of the 16 at `p`. */
typedef struct gbt_digits_map {
    uint32_t others; /* no digit */
    uint32_t points; /* '.' */
} gbt_digits_map;

#if defined(__SSE2__)

static inline gbt_digits_map gbt_digits_look(const char *p)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i shifted = _mm_add_epi8(text, _mm_set1_epi8(127 - '9')); /* digits become 118..127 */
    __m128i digits = _mm_cmpgt_epi8(shifted, _mm_set1_epi8(117));
    __m128i points = _mm_cmpeq_epi8(text, _mm_set1_epi8('.'));
    return (gbt_digits_map){(uint32_t)_mm_movemask_epi8(digits) ^ 0xFFFFu,
                            (uint32_t)_mm_movemask_epi8(points)};
}

#else

/* Brings the highest bits of the bytes of both words together. */
static inline uint32_t gbt_digits_gather(uint64_t low, uint64_t high)
{
    const uint64_t to_top = 0x0102040810204080ull; /* bit 8 i to bit 56 + i */
    return (uint32_t)((low >> 7) * to_top >> 56) | (uint32_t)((high >> 7) * to_top >> 56) << 8;
}

static inline gbt_digits_map gbt_digits_look(const char *p)
{
    uint64_t low = gbt_digits_load(p), high = gbt_digits_load(p + 8);
    const uint64_t point = 0x1E1E1E1E1E1E1E1Eull, sevens = 0x7F7F7F7F7F7F7F7Full; /* '.' ^ '0' */
    uint64_t low_point = ~((((low ^ point) & sevens) + sevens) | (low ^ point)) & ~sevens;
    uint64_t high_point = ~((((high ^ point) & sevens) + sevens) | (high ^ point)) & ~sevens;
    return (gbt_digits_map){gbt_digits_gather(gbt_digits_mask(low), gbt_digits_mask(high)),
                            gbt_digits_gather(low_point, high_point)};
}

#endif

/* The number at `start`: [+-] digits [. digits] [e [+-] digits]. Returns its end, or NULL when
 * there is none or its rounding needs more care. The place of the end depends on one load and no
 * branch, so that the next number can begin while this one is still being computed. */
static inline const char *gbt_digits_scan(const char *start, float *out)
{
    const uint32_t sign = *start == '-', n_sign = sign | (*start == '+');
    const gbt_digits_map map = gbt_digits_look(start);
    uint32_t others = (map.others & ~n_sign) | 1u << 16;
    uint32_t first = others & (0u - others), point = first & map.points;
    uint32_t whole = (uint32_t)__builtin_ctz(first) - n_sign;
    uint32_t end = (uint32_t)__builtin_ctz(others ^ point);
    uint32_t n_digits = end - n_sign - (point != 0), fraction = n_digits - whole;
    if (whole > 7 || end == 16 || n_digits == 0 || (start[end] | 32) == 'e') {
        return gbt_digits_scan_long(start, out);
    }
    /* The digits without the point: those before it, and those after it from one byte on. */
    const char *p = start + n_sign;
    uint64_t before = ((uint64_t)1 << (8 * whole)) - 1;
    uint64_t word = (gbt_digits_load(p) & before) | (gbt_digits_load(p + 1) & ~before);
    uint64_t mantissa;
    if (n_digits < 8) {
        mantissa = gbt_digits_value_of(word, n_digits);
    } else {
        mantissa = gbt_digits_value(word) * gbt_ten_integer[n_digits - 8] +
                   gbt_digits_value_of(gbt_digits_load(p + 9), n_digits - 8);
    }
    gbt_digits_store((float)((double)(int64_t)mantissa / gbt_ten_power[fraction]), sign, out);
    return start + end;
}

#endif
