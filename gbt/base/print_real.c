/* Number -> the shortest decimal text that parses back to it, and of these the closest, without
 * locale and allocation. Digits are generated until they single out the number, with exact integers
 * [SteeleWhite90]: of 128 bits for magnitudes from about 1e-20 to 1e30, else big ones. Cost: 100 to
 * 300 ns, some microseconds with big integers. */
#include <string.h>

#include "gbt/base/bigint.h"
#include "gbt/base/maths.h"
#include "gbt/base/text.h"

__extension__ typedef unsigned __int128 wide;

enum { MOST_DIGITS = 20, PLAIN_LOW = -4, PLAIN_HIGH = 16 };

/* The number r * 2^exponent; all from (r - low) * 2^exponent to (r + high) * 2^exponent parse to
 * it, the ends themselves only when `inclusive`. */
typedef struct interval {
    uint64_t r, low, high;
    int32_t exponent;
    bool inclusive;
} interval;

/* 0.d1 d2 d3 ... * 10^point */
typedef struct decimal {
    int32_t n, point;
    char digit[MOST_DIGITS]; /* 0 .. 9 */
} decimal;

static interval interval_of_f64(uint64_t bits)
{
    uint64_t fraction = bits & ((1ull << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52);
    uint64_t mantissa = biased > 0 ? fraction | 1ull << 52 : fraction;
    bool is_power = fraction == 0 && biased > 1; /* the number below is only half as far away */
    return (interval){mantissa << 2, is_power ? 1 : 2, 2, (biased > 0 ? biased : 1) - 1077,
                      mantissa % 2 == 0};
}

/* The text is parsed as a double and then rounded to a float. Keeping half a unit of the double
 * away from the middle between two floats makes rounding twice harmless. */
static interval interval_of_f32(uint32_t bits)
{
    const uint64_t double_half_unit = 4;
    uint32_t fraction = bits & ((1u << 23) - 1);
    int32_t biased = (int32_t)(bits >> 23);
    uint64_t mantissa = biased > 0 ? fraction | 1u << 23 : fraction;
    bool is_power = fraction == 0 && biased > 1;
    return (interval){mantissa << 32, (is_power ? 1ull << 30 : 1ull << 31) - double_half_unit,
                      (1ull << 31) - double_half_unit, (biased > 0 ? biased : 1) - 182, false};
}

/* The power of ten above the number, or one less: from the power of two below it. The factor is
 * log10(2) to 7 digits, close enough for exponents up to 1100. */
static int32_t guess_point(const interval *number)
{
    int32_t log2_floor = number->exponent - 1;
    for (uint64_t r = number->r; r > 0; r >>= 1) {
        log2_floor++;
    }
    int64_t product = (int64_t)log2_floor * 1262611;
    int64_t whole = product >= 0 ? product >> 22 : -((-product + (1 << 22) - 1) >> 22);
    return (int32_t)whole + 1;
}

static void add_last_digit(decimal *out, int digit, bool below, bool above, int rest_to_half)
{
    bool up = rest_to_half > 0 || (rest_to_half == 0 && digit % 2 == 1);
    if (above && (!below || up)) {
        digit++;
    }
    out->digit[out->n++] = (char)digit;
}

static void digits_wide(const interval *number, decimal *out)
{
    int32_t up = number->exponent > 0 ? number->exponent : 0;
    int32_t down = number->exponent < 0 ? -number->exponent : 0;
    wide r = (wide)number->r << up, low = (wide)number->low << up;
    wide high = (wide)number->high << up, s = (wide)1 << down;
    out->n = 0;
    out->point = guess_point(number);
    for (int32_t i = 0; i < out->point; i++) {
        s *= 10;
    }
    for (int32_t i = out->point; i < 0; i++) {
        r *= 10;
        low *= 10;
        high *= 10;
    }
    if (r + high > s || (number->inclusive && r + high == s)) {
        s *= 10;
        out->point++;
    }
    for (;;) {
        r *= 10;
        low *= 10;
        high *= 10;
        int digit = (int)(r / s);
        r %= s;
        bool below = r < low || (number->inclusive && r == low);
        bool above = r + high > s || (number->inclusive && r + high == s);
        if (below || above) {
            add_last_digit(out, digit, below, above, 2 * r > s ? 1 : 2 * r == s ? 0 : -1);
            return;
        }
        out->digit[out->n++] = (char)digit;
    }
}

/* Compares x + y with z. */
static int compare_sum(const gbt_bigint *x, const gbt_bigint *y, const gbt_bigint *z)
{
    gbt_bigint sum = *x;
    gbt_bigint_add(&sum, y);
    return gbt_bigint_compare(&sum, z);
}

static void digits_big(const interval *number, decimal *out)
{
    gbt_bigint r, low, high, s;
    gbt_bigint_set(&r, number->r);
    gbt_bigint_set(&low, number->low);
    gbt_bigint_set(&high, number->high);
    gbt_bigint_set(&s, 1);
    out->n = 0;
    out->point = guess_point(number);
    /* 10^point = 5^point * 2^point; the powers of two of both sides are taken together. */
    gbt_bigint *tens[] = {&r, &low, &high};
    int32_t shift = number->exponent - out->point;
    gbt_bigint_multiply_power5(&s, out->point > 0 ? out->point : 0);
    gbt_bigint_shift_left(&s, shift < 0 ? -shift : 0);
    for (int i = 0; i < 3; i++) {
        gbt_bigint_multiply_power5(tens[i], out->point < 0 ? -out->point : 0);
        gbt_bigint_shift_left(tens[i], shift > 0 ? shift : 0);
    }
    if (compare_sum(&r, &high, &s) >= (number->inclusive ? 0 : 1)) {
        gbt_bigint_multiply_add(&s, 10, 0);
        out->point++;
    }
    for (;;) {
        int digit = 0;
        for (int i = 0; i < 3; i++) {
            gbt_bigint_multiply_add(tens[i], 10, 0);
        }
        for (; gbt_bigint_compare(&r, &s) >= 0; digit++) {
            gbt_bigint_subtract(&r, &s);
        }
        bool below = gbt_bigint_compare(&r, &low) <= (number->inclusive ? 0 : -1);
        bool above = compare_sum(&r, &high, &s) >= (number->inclusive ? 0 : 1);
        if (below || above) {
            add_last_digit(out, digit, below, above, compare_sum(&r, &r, &s));
            return;
        }
        out->digit[out->n++] = (char)digit;
    }
}

static char *put_digits(char *at, const decimal *number, int32_t first, int32_t last)
{
    for (int32_t i = first; i < last; i++) {
        *at++ = (char)('0' + (i < number->n ? number->digit[i] : 0));
    }
    return at;
}

static char *put_exponent(char *at, int32_t exponent)
{
    *at++ = 'e';
    if (exponent < 0) {
        *at++ = '-';
        exponent = -exponent;
    }
    if (exponent >= 100) {
        *at++ = (char)('0' + exponent / 100);
    }
    if (exponent >= 10) {
        *at++ = (char)('0' + exponent / 10 % 10);
    }
    *at++ = (char)('0' + exponent % 10);
    return at;
}

static char *put_decimal(char *at, const decimal *number)
{
    int32_t n = number->n, point = number->point;
    if (point > 0 && point <= PLAIN_HIGH) { /* 120, 1.25 */
        at = put_digits(at, number, 0, point);
        if (n > point) {
            *at++ = '.';
            at = put_digits(at, number, point, n);
        }
    } else if (point <= 0 && point > PLAIN_LOW) { /* 0.00125 */
        *at++ = '0';
        *at++ = '.';
        for (int32_t i = point; i < 0; i++) {
            *at++ = '0';
        }
        at = put_digits(at, number, 0, n);
    } else { /* 1.25e-7 */
        at = put_digits(at, number, 0, 1);
        if (n > 1) {
            *at++ = '.';
            at = put_digits(at, number, 1, n);
        }
        at = put_exponent(at, point - 1);
    }
    return at;
}

static int print(char out[GBT_NUMBER_CHARS], bool negative, const interval *number)
{
    char *at = out;
    if (negative) {
        *at++ = '-';
    }
    if (number->r == 0) {
        *at++ = '0';
    } else {
        decimal digits;
        if (number->exponent >= -120 && number->exponent <= 60) {
            digits_wide(number, &digits);
        } else {
            digits_big(number, &digits);
        }
        at = put_decimal(at, &digits);
    }
    *at = '\0';
    return (int)(at - out);
}

static int print_special(char out[GBT_NUMBER_CHARS], const char *text)
{
    strcpy(out, text);
    return (int)strlen(text);
}

int gbt_print_f64(char out[GBT_NUMBER_CHARS], double value)
{
    uint64_t bits = gbt_f64_bits(value);
    uint64_t magnitude = bits & ~(1ull << 63);
    bool negative = bits != magnitude;
    if (magnitude > 0x7ffull << 52) {
        return print_special(out, "nan");
    }
    if (magnitude == 0x7ffull << 52) {
        return print_special(out, negative ? "-inf" : "inf");
    }
    interval number = interval_of_f64(magnitude);
    return print(out, negative, &number);
}

int gbt_print_f32(char out[GBT_NUMBER_CHARS], float value)
{
    uint32_t bits = gbt_f32_bits(value);
    uint32_t magnitude = bits & ~(1u << 31);
    bool negative = bits != magnitude;
    if (magnitude > 0xffu << 23) {
        return print_special(out, "nan");
    }
    if (magnitude == 0xffu << 23) {
        return print_special(out, negative ? "-inf" : "inf");
    }
    interval number = interval_of_f32(magnitude);
    return print(out, negative, &number);
}
