/* Text -> double, correctly rounded (to nearest, ties to even), without locale and allocation.
 *
 * Three ways, the first that applies:
 *   - mantissa below 2^53 and a power of ten up to 10^22: one exact multiplication or division of
 *     doubles [Clinger90];
 *   - up to 19 digits and a power of ten up to 10^27: exact integers of 128 bits;
 *   - everything else: big integers, one quotient bit at a time.
 * Digits are taken eight at a time by multiplications inside a 64-bit word [Lemire21]. Cost: about
 * 10 to 20 ns for what data files hold, some microseconds in the third way. */
#include "gbt/base/bigint.h"
#include "gbt/base/maths.h"
#include "gbt/base/text.h"

__extension__ typedef unsigned __int128 wide;

enum {
    SAFE_DIGITS = 19,  /* always below 2^64 */
    KEPT_DIGITS = 770, /* more than any halfway point between doubles has */
    EXPONENT_BOUND = 1000000000
};

typedef struct scan {
    uint64_t mantissa;  /* all digits, when there are at most SAFE_DIGITS significant ones */
    int64_t exponent;   /* of ten, of the last digit */
    const char *digits; /* from the first significant digit to the last, a point inside */
    const char *digits_end;
    int64_t n_significant;
    bool negative;
} scan;

static uint64_t load_eight(const char *at)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) {
        word |= (uint64_t)(unsigned char)at[i] << (8 * i);
    }
    return word;
}

static bool is_eight_digits(uint64_t word)
{
    uint64_t high = word & 0xf0f0f0f0f0f0f0f0ull;
    uint64_t carried = (word + 0x0606060606060606ull) & 0xf0f0f0f0f0f0f0f0ull;
    return (high | carried >> 4) == 0x3333333333333333ull;
}

static uint64_t value_of_eight(uint64_t word)
{
    word = (word & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;     /* pairs: 10 a + b */
    word = (word & 0x00ff00ff00ff00ffull) * 6553601 >> 16; /* fours: 100 a + b */
    return (word & 0x0000ffff0000ffffull) * 42949672960001 >> 32;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at `at` into the mantissa, which may wrap around; returns where they end. */
static const char *take_digits(const char *at, const char *end, uint64_t *mantissa)
{
    while (end - at >= 8) {
        uint64_t word = load_eight(at);
        if (!is_eight_digits(word)) {
            break;
        }
        *mantissa = *mantissa * 100000000u + value_of_eight(word);
        at += 8;
    }
    for (; at < end && is_digit(*at); at++) {
        *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
    }
    return at;
}

/* [+-] digits after the letter e; false without a digit. */
static bool take_exponent(const char **at, const char *end, int64_t *exponent)
{
    const char *p = *at;
    bool negative = false;
    if (p < end && (*p == '+' || *p == '-')) {
        negative = *p++ == '-';
    }
    if (p == end || !is_digit(*p)) {
        return false;
    }
    int64_t value = 0;
    for (; p < end && is_digit(*p); p++) {
        value = value < EXPONENT_BOUND ? value * 10 + (*p - '0') : value;
    }
    *exponent += negative ? -value : value;
    *at = p;
    return true;
}

static bool scan_number(const char *at, const char *end, scan *out)
{
    out->mantissa = 0;
    out->exponent = 0;
    const char *first = at;
    at = take_digits(at, end, &out->mantissa);
    int64_t n_digits = at - first;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = take_digits(fraction, end, &out->mantissa);
        out->exponent = -(at - fraction);
        n_digits += at - fraction;
    }
    if (n_digits == 0) {
        return false;
    }
    out->digits_end = at;
    out->n_significant = n_digits;
    if (n_digits > SAFE_DIGITS) {
        for (; first < at && (*first == '0' || *first == '.'); first++) {
            out->n_significant -= *first == '0';
        }
    }
    out->digits = first;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (!take_exponent(&at, end, &out->exponent)) {
            return false;
        }
    }
    return at == end;
}

/* The double nearest to (top + a little if sticky) * 2^exponent; the highest bit of top is set. */
static double round_to_f64(uint64_t top, int32_t exponent, bool sticky)
{
    int32_t biased = exponent + 63 + 1023;
    if (biased >= 2047) {
        return gbt_f64_of_bits(0x7ffull << 52);
    }
    int32_t drop = 11; /* 64 bits -> 53; more when the result is subnormal */
    if (biased < 1) {
        drop = 12 - biased;
        biased = 0;
    }
    if (drop > 64) {
        return 0.0;
    }
    uint64_t kept = drop == 64 ? 0 : top >> drop;
    uint64_t lost = top << (64 - drop);
    const uint64_t half = 1ull << 63;
    bool up = lost > half || (lost == half && (sticky || (kept & 1)));
    /* A normal number keeps its leading bit, which the addition turns into one exponent step; a
     * carry out of the mantissa does the right thing too, up to infinity. */
    uint64_t bits = biased == 0 ? kept : ((uint64_t)(biased - 1) << 52) + kept;
    return gbt_f64_of_bits(bits + up);
}

static double round_wide(wide value, int32_t exponent, bool sticky)
{
    while (!(uint64_t)(value >> 120)) {
        value <<= 8;
        exponent -= 8;
    }
    while (!(uint64_t)(value >> 127)) {
        value <<= 1;
        exponent -= 1;
    }
    return round_to_f64((uint64_t)(value >> 64), exponent + 64, sticky || (uint64_t)value != 0);
}

/* mantissa * 10^exponent for |exponent| <= 27 by exact 128-bit integers; mantissa > 0. */
static double convert_wide(uint64_t mantissa, int32_t exponent)
{
    uint64_t power = 1; /* 5^27 < 2^63 */
    for (int32_t i = exponent < 0 ? -exponent : exponent; i > 0; i--) {
        power *= 5;
    }
    if (exponent >= 0) {
        return round_wide((wide)mantissa * power, exponent, false);
    }
    /* The quotient has at least 64 bits, so a remainder can only break ties. */
    int32_t shift = 64;
    while (!(mantissa >> 63)) {
        mantissa <<= 1;
        shift++;
    }
    wide dividend = (wide)mantissa << 64;
    wide quotient = dividend / power;
    return round_wide(quotient, exponent - shift, quotient * power != dividend);
}

/* The digits of the text as an integer; `*exponent` grows by the number of digits left out. */
static void collect_digits(const scan *number, gbt_bigint *out, int64_t *exponent)
{
    gbt_bigint_set(out, 0);
    int64_t n = 0;
    bool sticky = false;
    for (const char *at = number->digits; at < number->digits_end; at++) {
        if (*at == '.') {
            continue;
        }
        if (n < KEPT_DIGITS) {
            gbt_bigint_multiply_add(out, 10, (uint32_t)(*at - '0'));
        } else {
            sticky = sticky || *at != '0';
            *exponent += 1;
        }
        n++;
    }
    if (sticky) {
        gbt_bigint_multiply_add(out, 10, 1);
        *exponent -= 1;
    }
}

static double convert_big(const scan *number)
{
    /* value is in [10^(magnitude - 1), 10^magnitude) */
    int64_t magnitude = number->n_significant + number->exponent;
    if (magnitude > 310) {
        return gbt_f64_of_bits(0x7ffull << 52);
    }
    if (magnitude < -330) {
        return 0.0;
    }
    gbt_bigint above, below;
    int64_t exponent = number->exponent;
    if (number->n_significant <= SAFE_DIGITS) {
        gbt_bigint_set(&above, number->mantissa);
    } else {
        collect_digits(number, &above, &exponent);
    }
    gbt_bigint_set(&below, 1);
    gbt_bigint_multiply_power5(exponent < 0 ? &below : &above,
                               (int32_t)(exponent < 0 ? -exponent : exponent));
    /* value = above / below * 2^exponent; scale the quotient into [1, 2) and take 64 bits of it. */
    int32_t shift = gbt_bigint_bits(&below) - gbt_bigint_bits(&above);
    gbt_bigint_shift_left(shift > 0 ? &above : &below, shift > 0 ? shift : -shift);
    if (gbt_bigint_compare(&above, &below) < 0) {
        gbt_bigint_shift_left(&above, 1);
        shift++;
    }
    uint64_t quotient = 0;
    for (int bit = 0; bit < 64; bit++) {
        quotient <<= 1;
        if (gbt_bigint_compare(&above, &below) >= 0) {
            gbt_bigint_subtract(&above, &below);
            quotient |= 1;
        }
        gbt_bigint_shift_left(&above, 1);
    }
    return round_to_f64(quotient, (int32_t)exponent - shift - 63, above.n_words > 0);
}

static double convert(const scan *number)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (number->n_significant <= SAFE_DIGITS) {
        int64_t exponent = number->exponent;
        if (number->mantissa == 0) {
            return 0.0;
        }
        if (number->mantissa <= 1ull << 53 && exponent >= -22 && exponent <= 22) {
            double mantissa = (double)number->mantissa;
            return exponent < 0 ? mantissa / power[-exponent] : mantissa * power[exponent];
        }
        if (exponent >= -27 && exponent <= 27) {
            return convert_wide(number->mantissa, (int32_t)exponent);
        }
    }
    return convert_big(number);
}

static bool parse_special(gbt_slice text, double *out)
{
    if (gbt_slice_equal_folded(text, "inf") || gbt_slice_equal_folded(text, "infinity")) {
        *out = gbt_f64_of_bits(0x7ffull << 52);
        return true;
    }
    if (gbt_slice_equal_folded(text, "nan")) {
        *out = gbt_f64_of_bits(0x7ff8ull << 48);
        return true;
    }
    return false;
}

bool gbt_parse_real(gbt_slice text, double *out)
{
    if (text.size == 0) {
        return false;
    }
    const char *at = text.data, *end = text.data + text.size;
    scan number;
    number.negative = *at == '-';
    if (*at == '+' || *at == '-') {
        at++;
    }
    double value;
    if (scan_number(at, end, &number)) {
        value = convert(&number);
    } else if (!parse_special((gbt_slice){at, (size_t)(end - at)}, &value)) {
        return false;
    }
    *out = number.negative ? -value : value;
    return true;
}
