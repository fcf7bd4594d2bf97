/* gbt/base/text.c, parse_real.c, print_real.c: against the C library where it is right, against the
 * definition elsewhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/bigint.h"
#include "gbt/base/maths.h"
#include "gbt/base/rng.h"
#include "gbt/base/text.h"
#include "tests/support/gtest_c.h"

static double parsed(const char *text)
{
    double value = -123456;
    EXPECT_C_TRUE(gbt_parse_real(gbt_slice_of(text), &value));
    return value;
}

/* The C library's strtod is correctly rounded (glibc, musl) and runs in the "C" locale here. */
static void expect_like_strtod(const char *text)
{
    double want = strtod(text, NULL), got = -123456;
    bool is_same =
        gbt_parse_real(gbt_slice_of(text), &got) && gbt_f64_bits(got) == gbt_f64_bits(want);
    if (!is_same) {
        FAIL_C(text);
    }
}

TEST_C(ParseReal, AgreesWithTheCorrectlyRoundedValueOnRandomBits)
{
    char text[400];
    for (uint64_t i = 0; i < 60000; i++) {
        double any = gbt_f64_of_bits(gbt_rng_u64(1, i) & 0xffefffffffffffffull);
        snprintf(text, sizeof text, "%.*e", (int)(i % 25), any);
        expect_like_strtod(text);
        double usual = gbt_rng_unit(2, i);
        snprintf(text, sizeof text, "%.*f", (int)(i % 23), usual * 1000);
        expect_like_strtod(text);
        snprintf(text, sizeof text, "-%.*e", (int)(i % 30), ldexp(usual, (int)(i % 161) - 80));
        expect_like_strtod(text);
    }
}

TEST_C(ParseReal, MiddlesBetweenTwoDoublesGoToTheEvenOne)
{
    char text[1600], more[1700];
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t bits = gbt_rng_u64(3, i) % 0x7fe0000000000000ull;
        bits = i % 4 == 0 ? bits & 0xfffffffffffffull : bits; /* subnormal too */
        bits = bits < 0x0360000000000000ull && i % 4 ? bits | 0x3ff0000000000000ull : bits;
        /* The middle has one bit more, which the 64-bit mantissa of x86 long double holds exactly.
         * */
        long double middle =
            ((long double)gbt_f64_of_bits(bits) + (long double)gbt_f64_of_bits(bits + 1)) / 2;
        snprintf(text, sizeof text, "%.1200Le", middle);
        expect_like_strtod(text);
        char *e = strchr(text, 'e');
        snprintf(more, sizeof more, "%.*s1%s", (int)(e - text), text, e); /* a little above */
        expect_like_strtod(more);
    }
}

TEST_C(ParseReal, EdgesOfTheRange)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "0.0e999999999999999",
                                        "1e-400",
                                        "-1e-400",
                                        "1e400",
                                        "4.9e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072014e-308",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "9007199254740993",
                                        "9007199254740992.999999999999999999999999",
                                        "1e22",
                                        "1e23",
                                        "8.5e22",
                                        "123456789012345678901234567890",
                                        "18446744073709551615",
                                        "18446744073709551616e-20",
                                        "0.00000000000000000000000000000000000001e60",
                                        "00000000000000000000000000000000000000000012.5",
                                        "1.0000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_like_strtod(texts[i]);
    }
}

TEST_C(ParseReal, ThousandsOfDigitsCount)
{
    static char text[5000];
    memset(text, '0', sizeof text - 1);
    memcpy(text, "9007199254740993.", 17); /* the middle of two doubles */
    EXPECT_C_TRUE(parsed(text) == 9007199254740992.0);
    text[4900] = '1';
    EXPECT_C_TRUE(parsed(text) == 9007199254740994.0);
    text[1] = '.';
    text[16] = '7';
    expect_like_strtod(text);
}

TEST_C(ParseReal, SpellingsThatAreAccepted)
{
    EXPECT_C_TRUE(parsed("1.5") == 1.5);
    EXPECT_C_TRUE(parsed("+1.5E+1") == 15);
    EXPECT_C_TRUE(parsed("-2e-1") == -0.2);
    EXPECT_C_TRUE(parsed(".5") == 0.5);
    EXPECT_C_TRUE(parsed("5.") == 5);
    EXPECT_C_TRUE(parsed("12345678") == 12345678);
    EXPECT_C_TRUE(parsed("123456789.12345678") == 123456789.12345678);
    EXPECT_C_TRUE(isinf(parsed("Inf")) && parsed("-INFINITY") < 0);
    EXPECT_C_TRUE(isnan(parsed("NaN")) && isnan(parsed("-nan")));
}

TEST_C(ParseReal, EverythingElseIsRefusedAndChangesNothing)
{
    static const char *const texts[] = {"",    "+",    "-",    ".",         "e5",    "1e",
                                        "1e+", "1e-",  "1..2", " 1",        "1 ",    "0x10",
                                        "1,5", "infi", "--1",  "1e5.",      "1e5e5", "1_0",
                                        "n",   "na",   "1.5f", "12345678a", "+-1",   "infinityy"};
    double value = 42;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        EXPECT_C_FALSE(gbt_parse_real(gbt_slice_of(texts[i]), &value));
        EXPECT_C_TRUE(value == 42);
    }
    EXPECT_C_FALSE(gbt_parse_real((gbt_slice){NULL, 0}, &value));
    EXPECT_C_FALSE(gbt_parse_real((gbt_slice){"1\0", 2}, &value));
}

static int digits_in(const char *text)
{
    int n = 0, zeros = 0;
    bool leading = true;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && !(leading && *text == '0')) {
            leading = false;
            zeros = *text == '0' ? zeros + 1 : 0;
            n++;
        }
    }
    return n - zeros;
}

/* Fewest digits that strtod maps back to the number, by trying. */
static int fewest_digits_f64(double value)
{
    char text[64];
    for (int n = 1;; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (n == 17 || strtod(text, NULL) == value) {
            return digits_in(text);
        }
    }
}

/* The same for floats; a text exactly in the middle between two floats does not count. */
static int fewest_digits_f32(float value)
{
    double above = ((double)value + (double)nextafterf(value, INFINITY)) / 2;
    double below = ((double)value + (double)nextafterf(value, -INFINITY)) / 2;
    char text[64];
    for (int n = 1;; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, (double)value);
        double read = strtod(text, NULL);
        if (n == 9 || (read > below && read < above)) {
            return digits_in(text);
        }
    }
}

static void check_f64(double value)
{
    char text[GBT_NUMBER_CHARS];
    int length = gbt_print_f64(text, value);
    bool is_good = length == (int)strlen(text) && length < GBT_NUMBER_CHARS &&
                   gbt_f64_bits(parsed(text)) == gbt_f64_bits(value) &&
                   digits_in(text) <= fewest_digits_f64(value);
    if (!is_good) {
        FAIL_C(text);
    }
}

static void check_f32(float value)
{
    char text[GBT_NUMBER_CHARS];
    int length = gbt_print_f32(text, value);
    bool is_good = length == (int)strlen(text) && length < GBT_NUMBER_CHARS &&
                   gbt_f32_bits((float)parsed(text)) == gbt_f32_bits(value) &&
                   strtof(text, NULL) == value && digits_in(text) <= fewest_digits_f32(value);
    if (!is_good) {
        FAIL_C(text);
    }
}

TEST_C(PrintReal, TextsAreShortestAndParseBack)
{
    for (uint64_t i = 0; i < 30000; i++) {
        check_f64(gbt_f64_of_bits(gbt_rng_u64(5, i) & 0xffefffffffffffffull));
        check_f64((gbt_rng_unit(6, i) - 0.5) * 100);
        check_f64((double)(int64_t)(gbt_rng_u64(7, i) >> (i % 60)));
        check_f32(gbt_f32_of_bits(gbt_rng_u32(8, (uint32_t)i) & 0xff7fffffu));
        check_f32((float)gbt_rng_unit(9, i));
    }
    for (int exponent = -1074; exponent < 1024; exponent++) { /* where the neighbours differ */
        double power = ldexp(1, exponent);
        check_f64(power);
        check_f64(gbt_f64_of_bits(gbt_f64_bits(power) + 1));
        check_f64(gbt_f64_of_bits(gbt_f64_bits(power) - 1));
    }
    for (int exponent = -149; exponent < 128; exponent++) {
        check_f32(ldexpf(1, exponent));
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", exponent);
        check_f64(parsed(text));
    }
}

TEST_C(PrintReal, LooksTheWayPeopleWrite)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {-2.5, "-2.5"},
                 {120, "120"},
                 {0.0001, "0.0001"},
                 {0.00001, "1e-5"},
                 {1.25e-7, "1.25e-7"},
                 {1e15, "1000000000000000"},
                 {1e16, "1e16"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {0.3, "0.3"},
                 {1.0 / 3, "0.3333333333333333"},
                 {123456.789, "123456.789"}};
    char text[GBT_NUMBER_CHARS];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gbt_print_f64(text, cases[i].value);
        EXPECT_C_EQ_TEXT(text, cases[i].text);
    }
    gbt_print_f32(text, 0.1f);
    EXPECT_C_EQ_TEXT(text, "0.1");
    gbt_print_f32(text, 16777216.0f);
    EXPECT_C_EQ_TEXT(text, "16777216");
    gbt_print_f32(text, -3.4028235e38f);
    EXPECT_C_EQ_TEXT(text, "-3.4028235e38");
    gbt_print_f32(text, INFINITY);
    EXPECT_C_EQ_TEXT(text, "inf");
    gbt_print_f64(text, -(double)INFINITY);
    EXPECT_C_EQ_TEXT(text, "-inf");
    gbt_print_f64(text, -(double)NAN);
    EXPECT_C_EQ_TEXT(text, "nan");
}

TEST_C(Bigint, ArithmeticAgreesWith128Bits)
{
    __extension__ typedef unsigned __int128 wide;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t a = gbt_rng_u64(20, i) >> (i % 64), b = gbt_rng_u64(21, i) >> (i % 61);
        uint32_t factor = (uint32_t)gbt_rng_u64(22, i), term = (uint32_t)gbt_rng_u64(23, i);
        int32_t shift = (int32_t)(i % 32);
        gbt_bigint x, y;
        gbt_bigint_set(&x, a);
        gbt_bigint_set(&y, b);
        EXPECT_C_EQ_INT(gbt_bigint_compare(&x, &y), a < b ? -1 : a > b);
        gbt_bigint_add(&x, &y);
        gbt_bigint_multiply_add(&x, 7, term % 7);
        gbt_bigint_subtract(&x, &y);
        gbt_bigint_shift_left(&x, shift);
        wide want = ((((wide)a + b) * 7 + term % 7) - b) << shift;
        wide got = 0;
        for (int32_t k = x.n_words - 1; k >= 0; k--) {
            got = got << 32 | x.word[k];
        }
        int32_t bits = 0;
        for (wide rest = want; rest > 0; rest >>= 1) {
            bits++;
        }
        EXPECT_C_TRUE(got == want);
        EXPECT_C_EQ_INT(gbt_bigint_bits(&x), bits);
        EXPECT_C_TRUE(x.n_words == 0 || x.word[x.n_words - 1] != 0);
        gbt_bigint_set(&x, factor);
        gbt_bigint_multiply_power5(&x, shift);
        gbt_bigint_set(&y, factor);
        for (int32_t k = 0; k < shift; k++) {
            gbt_bigint_multiply_add(&y, 5, 0);
        }
        EXPECT_C_EQ_INT(gbt_bigint_compare(&x, &y), 0);
    }
}

TEST_C(Text, SlicesTrimCompareAndSplit)
{
    gbt_slice trimmed = gbt_slice_trim(gbt_slice_of(" \t a b\r "));
    EXPECT_C_TRUE(gbt_slice_equal(trimmed, "a b"));
    EXPECT_C_FALSE(gbt_slice_equal(trimmed, "a bc"));
    EXPECT_C_FALSE(gbt_slice_equal(trimmed, "a"));
    EXPECT_C_TRUE(gbt_slice_equal_folded(trimmed, "A B"));
    EXPECT_C_FALSE(gbt_slice_equal_folded(trimmed, "A"));
    EXPECT_C_EQ_INT(gbt_slice_trim(gbt_slice_of(" \t ")).size, 0);
    EXPECT_C_TRUE(gbt_slice_compare(gbt_slice_of("ab"), gbt_slice_of("abc")) < 0);
    EXPECT_C_TRUE(gbt_slice_compare(gbt_slice_of("b"), gbt_slice_of("abc")) > 0);
    EXPECT_C_TRUE(gbt_slice_compare(gbt_slice_of("\x7f"), gbt_slice_of("\x80")) < 0);
    EXPECT_C_EQ_INT(gbt_slice_compare(gbt_slice_of("abc"), gbt_slice_of("abc")), 0);
    EXPECT_C_EQ_INT(gbt_slice_compare((gbt_slice){NULL, 0}, (gbt_slice){NULL, 0}), 0);
    gbt_slice rest = gbt_slice_of("a,,bc,"), part;
    EXPECT_C_TRUE(gbt_slice_next(&rest, ',', &part) && gbt_slice_equal(part, "a"));
    EXPECT_C_TRUE(gbt_slice_next(&rest, ',', &part) && part.size == 0);
    EXPECT_C_TRUE(gbt_slice_next(&rest, ',', &part) && gbt_slice_equal(part, "bc"));
    EXPECT_C_FALSE(gbt_slice_next(&rest, ',', &part));
}

TEST_C(Text, WholeNumbersUpToTheLimits)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"+17", true, 17},
                 {"0012", true, 12},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775809", false, 0},
                 {"99999999999999999999999", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {"1.0", false, 0},
                 {"1e3", false, 0},
                 {" 1", false, 0},
                 {"--1", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 42;
        EXPECT_C_EQ_INT(gbt_parse_int(gbt_slice_of(cases[i].text), &value), cases[i].good);
        EXPECT_C_EQ_INT(value, cases[i].good ? cases[i].value : 42);
    }
}

TEST_C(Text, SizesTakeUnits)
{
    int64_t value = 0;
    EXPECT_C_TRUE(gbt_parse_bytes(gbt_slice_of("123"), &value) && value == 123);
    EXPECT_C_TRUE(gbt_parse_bytes(gbt_slice_of("64K"), &value) && value == 65536);
    EXPECT_C_TRUE(gbt_parse_bytes(gbt_slice_of("512m"), &value) && value == (int64_t)512 << 20);
    EXPECT_C_TRUE(gbt_parse_bytes(gbt_slice_of("8G"), &value) && value == (int64_t)8 << 30);
    EXPECT_C_TRUE(gbt_parse_bytes(gbt_slice_of("1T"), &value) && value == (int64_t)1 << 40);
    static const char *const bad[] = {"", "K", "-1", "1.5G", "1GB", "9000000T", "8 G", "1P"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_C_FALSE(gbt_parse_bytes(gbt_slice_of(bad[i]), &value));
    }
}

TEST_C(Text, SwitchesHaveFourSpellings)
{
    static const char *const yes[] = {"true", "YES", "on", "1"}, *const no[] = {"False", "no",
                                                                                "OFF", "0"};
    bool value;
    for (int i = 0; i < 4; i++) {
        EXPECT_C_TRUE(gbt_parse_bool(gbt_slice_of(yes[i]), &value) && value);
        EXPECT_C_TRUE(gbt_parse_bool(gbt_slice_of(no[i]), &value) && !value);
    }
    EXPECT_C_FALSE(gbt_parse_bool(gbt_slice_of("2"), &value));
    EXPECT_C_FALSE(gbt_parse_bool(gbt_slice_of(""), &value));
}

/* Encodes a code point without any check; 4 bytes at most. */
static size_t encode(uint32_t point, size_t length, char out[4])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1;) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(lead[length] | point);
    return length;
}

TEST_C(Text, Utf8IsExactlyTheShortFormOfEveryCodePoint)
{
    char bytes[4];
    int64_t n_wrong = 0;
    for (uint32_t point = 1; point <= 0x10ffff; point++) {
        size_t shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        bool is_surrogate = point >= 0xd800 && point < 0xe000;
        size_t size = encode(point, shortest, bytes);
        n_wrong += gbt_is_utf8((gbt_slice){bytes, size}) == is_surrogate;
        n_wrong += shortest > 1 && gbt_is_utf8((gbt_slice){bytes, size - 1});
        if (shortest < 4) {
            size = encode(point, shortest + 1, bytes);
            n_wrong += gbt_is_utf8((gbt_slice){bytes, size});
        }
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    EXPECT_C_TRUE(gbt_is_utf8((gbt_slice){"", 0}));
    EXPECT_C_FALSE(gbt_is_utf8((gbt_slice){"a\0", 2}));
    EXPECT_C_FALSE(gbt_is_utf8((gbt_slice){"\x80", 1}));
    EXPECT_C_FALSE(gbt_is_utf8((gbt_slice){"\xf4\x90\x80\x80", 4}));
    EXPECT_C_FALSE(gbt_is_utf8((gbt_slice){"\xff", 1}));
}

TEST_C(Text, NameDistanceCountsEdits)
{
    EXPECT_C_EQ_INT(gbt_name_distance("", ""), 0);
    EXPECT_C_EQ_INT(gbt_name_distance("", "abc"), 3);
    EXPECT_C_EQ_INT(gbt_name_distance("kitten", "sitting"), 3);
    EXPECT_C_EQ_INT(gbt_name_distance("ab", "ba"), 1);
    EXPECT_C_EQ_INT(gbt_name_distance("learning_rate", "learnign_rate"), 1);
    EXPECT_C_EQ_INT(gbt_name_distance("seed", "sed"), 1);
    char text[65];
    memset(text, 'a', 64);
    text[64] = '\0';
    EXPECT_C_EQ_INT(gbt_name_distance(text, "a"), 64);
    text[63] = '\0';
    EXPECT_C_EQ_INT(gbt_name_distance(text, text), 0);
    EXPECT_C_EQ_INT(gbt_name_distance(text, "a"), 62);
}
