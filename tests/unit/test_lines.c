/* Counting lines against the obvious loop, places of bytes, numbers of digits.h one by one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "datasets/digits.h"
#include "datasets/lines.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

TEST_C(Lines, CountsAreThoseOfTheObviousLoop)
{
    static char data[9000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = i % 97 == 50 ? '"' : "ab\n\n \r,\0"[gbt_rng_u32(1, (uint32_t)i) % 8];
    }
    for (size_t start = 0; start < 40; start++) {
        for (size_t size = 0; size < 8900; size = size < 100 ? size + 1 : size * 2) {
            const char *p = data + start;
            int64_t n_lines = 0, n_commas = 0, n_quotes = 0, three[3];
            bool has_blank = size > 0 && (unsigned char)p[0] <= ' ';
            for (size_t i = 0; i < size; i++) {
                n_lines += p[i] == '\n';
                n_commas += p[i] == ',';
                n_quotes += p[i] == '"';
                has_blank |= p[i] == '\n' && (unsigned char)p[i + 1] <= ' ';
            }
            const gbt_line_count lines = gbt_count_lines(p, size);
            EXPECT_C_EQ_INT(lines.n, n_lines);
            EXPECT_C_EQ_INT(lines.may_have_blank, has_blank);
            EXPECT_C_EQ_INT(lines.has_quote, n_quotes > 0);
            EXPECT_C_EQ_INT(gbt_count_byte(p, size, ','), n_commas);
            gbt_count_three(p, size, ",\n\"", three);
            EXPECT_C_TRUE(three[0] == n_commas && three[1] == n_lines && three[2] == n_quotes);
        }
    }
}

TEST_C(Lines, CountersOfALaneDoNotOverflow)
{
    static char data[100001];
    int64_t three[3];
    memset(data, '\n', sizeof data);
    const gbt_line_count lines = gbt_count_lines(data, 100000);
    EXPECT_C_EQ_INT(lines.n, 100000);
    EXPECT_C_TRUE(lines.may_have_blank && !lines.has_quote);
    gbt_count_three(data, 100000, "\n\n,", three);
    EXPECT_C_TRUE(three[0] == 100000 && three[1] == 100000 && three[2] == 0);
    EXPECT_C_EQ_INT(gbt_count_byte(data, 100000, '\n'), 100000);
}

TEST_C(Lines, APlaceIsLineAndColumnFromOne)
{
    const char *text = "ab\n\ncd";
    const int line[] = {5, 5, 5, 6, 7, 7}, column[] = {1, 2, 3, 1, 1, 2};
    for (int i = 0; i < 6; i++) {
        gbt_place place = gbt_place_of(text, text + i, 5);
        EXPECT_C_EQ_INT(place.line, line[i]);
        EXPECT_C_EQ_INT(place.column, column[i]);
    }
}

TEST_C(Lines, AQuotedTextIsPrintableAndShort)
{
    char out[GBT_QUOTE_CHARS];
    gbt_quote_text(out, "a\tb\xFF", 4);
    EXPECT_C_EQ_TEXT(out, "a?b?");
    gbt_quote_text(out, "0123456789012345678901234567890123456789", 40);
    EXPECT_C_EQ_TEXT(out, "0123456789012345678901234567890123456789");
    gbt_quote_text(out, "01234567890123456789012345678901234567890", 41);
    EXPECT_C_EQ_TEXT(out, "0123456789012345678901234567890123456789...");
}

/* Length of the number at the start of `text` and its value; -1: none. */
static int scan(const char *text, float *value)
{
    char padded[128] = {0};
    (void)snprintf(padded, sizeof padded - 32, "%s", text);
    const char *end = gbt_digits_scan(padded, value);
    return end != NULL ? (int)(end - padded) : -1;
}

TEST_C(Digits, NumbersEndWhereTheyEnd)
{
    static const struct {
        const char *text;
        int size;
        float value;
    } cases[] = {
        {"1,2", 1, 1},
        {"1.,2", 2, 1},
        {".5,", 2, 0.5f},
        {"-.5", 3, -0.5f},
        {"+12.25x", 6, 12.25f},
        {"1234567;", 7, 1234567},
        {"12345678;", 8, 12345678},
        {"123456789012;", 12, 123456789012.0f},
        {"1.5.2", 3, 1.5f},
        {"0.1234567890123", 15, 0.1234567890123f},
        {"0.12345678901234", 16, 0.12345678901234f},
        {"-1.2345678901234e2", 18, -123.45678901234f},
        {"1e5", 3, 1e5f},
        {"1E-5 ", 4, 1e-5f},
        {"00000000000000000000000000001.5", 31, 1.5f},
        {"0.0000000000000000000000000000001", 33, 1e-31f},
        {"0x10", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float value = NAN;
        EXPECT_C_EQ_INT(scan(cases[i].text, &value), cases[i].size);
        EXPECT_C_TRUE(value == cases[i].value);
    }
}

TEST_C(Digits, WhatIsNoNumberIsRefused)
{
    const char *bad[] = {"",   ".",   "-",    "+",   "-.",  "e5", ".e1",
                         "1e", "1e+", "1e-x", "abc", "inf", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float value;
        EXPECT_C_EQ_INT(scan(bad[i], &value), -1);
    }
}
