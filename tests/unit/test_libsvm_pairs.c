/* Pairs of libsvm text taken many at a time: against strtod, path by path, and the reader that
 * mixes them with pairs taken one by one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/libsvm.h"
#include "datasets/libsvm_pairs.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { MOST_PAIRS = 40000, TEXT_BYTES = 1000000 };

static const gbt_wide_path vector_paths[] = {GBT_WIDE_AVX2, GBT_WIDE_AVX512};

static char text[TEXT_BYTES + 64];
static int32_t want_index[MOST_PAIRS], index_of[MOST_PAIRS];
static float want_value[MOST_PAIRS], value_of[MOST_PAIRS + 8];

static size_t put_value(uint32_t key, bool any_form, char *out)
{
    const double value =
        (gbt_rng_u32(5, key) / 4294967296.0 - 0.3) * pow(10, (int)(gbt_rng_u32(6, key) % 9) - 4);
    const int digits = (int)(gbt_rng_u32(7, key) % 18);
    switch (gbt_rng_u32(8, key) % 6) {
    case 0:
        return (size_t)sprintf(out, "%.*e", digits, value);
    case 1:
        return (size_t)sprintf(out, "%.*f", digits, value);
    case 2:
        return (size_t)sprintf(out, "1");
    case 3:
        return (size_t)sprintf(out, any_form && digits < 2 ? "+12" : "-.5");
    default:
        return (size_t)sprintf(out, "%.*g", 1 + digits % 8, value);
    }
}

/* Rows without labels; the pairs as strtol and strtod read them. */
static size_t make_rows(int32_t *n_pairs)
{
    size_t size = 0;
    int32_t n = 0;
    for (uint32_t row = 0; n < MOST_PAIRS - 300; row++) {
        const uint32_t length = 1 + gbt_rng_u32(1, row) % (row % 100 == 7 ? 290 : 20);
        int32_t index = 0;
        for (uint32_t i = 0; i < length; i++, n++) {
            index += 1 + (int32_t)(gbt_rng_u32(2, (uint32_t)n) % (row % 9 == 0 ? 90000 : 20));
            index = index > 9999000 ? 9999000 + (int32_t)i : index;
            size += (size_t)sprintf(text + size, "%d:", (int)index);
            const size_t at = size;
            size += put_value((uint32_t)n, false, text + size);
            want_index[n] = index;
            want_value[n] = (float)strtod(text + at, NULL);
            text[size++] = i + 1 < length ? ' ' : '\n';
        }
    }
    memset(text + size, 0, 64);
    *n_pairs = n;
    return size;
}

TEST_C(LibsvmPairs, EveryPathTakesThePairsAsStrtodReadsThem)
{
    int32_t n_pairs = 0;
    const size_t size = make_rows(&n_pairs);
    for (int k = 0; k < 2; k++) {
        gbt_pairs pairs = {.path = vector_paths[k]};
        const char *p = text;
        int32_t n = 0, n_left = 0;
        if (!gbt_wide_usable(pairs.path)) {
            continue;
        }
        memset(index_of, 0, sizeof index_of);
        memset(value_of, 0, sizeof value_of);
        while (n < n_pairs) {
            const bool is_first = p == text || p[-1] == '\n';
            const int32_t n_taken =
                gbt_pairs_take(&pairs, &p, text + size, is_first ? 0 : index_of[n - 1],
                               index_of + n, value_of + n);
            n += n_taken;
            if (n_taken == 0) { /* its rounding needs more care */
                index_of[n] = want_index[n];
                value_of[n] = want_value[n];
                n++;
                n_left++;
                p += strcspn(p, " \n");
            }
            p++; /* behind the blank or the line end */
        }
        EXPECT_C_TRUE(p == text + size);
        EXPECT_C_TRUE(100 * n_left < n_pairs);
        EXPECT_C_EQ_INT(n, n_pairs);
        EXPECT_C_TRUE(memcmp(index_of, want_index, (size_t)n * sizeof *index_of) == 0);
        EXPECT_C_TRUE(memcmp(value_of, want_value, (size_t)n * sizeof *value_of) == 0);
        EXPECT_C_TRUE(value_of[n] == 0.0f); /* nothing is written behind them */
    }
}

TEST_C(LibsvmPairs, WhatNeedsMoreCareIsLeft)
{
    static const struct {
        const char *line;
        int32_t n; /* pairs that are taken */
    } cases[] = {
        {"1:2 3:4 \n", 2},    {"1:2  3:4\n", 1},     {"1:2 1:3\n", 1},   {"1:2 x:3\n", 1},
        {"1:2 3\n4:5 \n", 1}, {"1:2 3:\n", 1},       {"1:2 3:nan\n", 1}, {"1:2 12345678:1\n", 1},
        {"1:2 3:4:5\n", 1},   {"0:1 1:2\n", 0},      {"qid:3 1:2\n", 0}, {"1:2 3:4#c\n", 1},
        {"1:2 -3:4\n", 1},    {"1:2\t3:4 5:6\n", 0}, {"1:2 3:4\r\n", 1}, {"1:2 :4 5:6\n", 1},
    };
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            gbt_pairs pairs = {.path = vector_paths[k]};
            char line[200] = {0};
            const char *p = line;
            if (!gbt_wide_usable(pairs.path)) {
                continue;
            }
            (void)snprintf(line, 100, "%s", cases[i].line);
            EXPECT_C_EQ_INT(gbt_pairs_take(&pairs, &p, line + strlen(line), 0, index_of, value_of),
                            cases[i].n);
            EXPECT_C_TRUE(cases[i].n == 0 ? p == line : *p == ' ' || *p == '\n');
        }
    }
}

/* Blanks, tabs, comments, CR LF and long indices between usual pairs. */
TEST_C(LibsvmPairs, TheReaderMixesBothWays)
{
    static const char *const between[] = {" ", " ", " ", "  ", "\t", " \t "};
    static const char *const after[] = {"\n", "\n", " \n", "\r\n", " # 7:1 8:2\n", "\n\n"};
    size_t size = 0;
    int32_t n = 0, n_rows = 0;
    for (; n < MOST_PAIRS - 100; n_rows++) {
        const uint32_t row = (uint32_t)n_rows, length = gbt_rng_u32(11, row) % 40;
        size += (size_t)sprintf(text + size, "%d", n_rows % 3);
        int32_t index = 0;
        for (uint32_t i = 0; i < length; i++, n++) {
            index += 1 + (int32_t)(gbt_rng_u32(12, (uint32_t)n) % (row % 5 == 0 ? 9000000 : 9));
            size += (size_t)sprintf(text + size, "%s%d:", between[gbt_rng_u32(13, (uint32_t)n) % 6],
                                    (int)index);
            const size_t at = size;
            size += put_value((uint32_t)n, true, text + size);
            want_index[n] = index - 1;
            want_value[n] = (float)strtod(text + at, NULL);
        }
        size += (size_t)sprintf(text + size, "%s", after[gbt_rng_u32(14, row) % 6]);
    }
    for (int i = 0; i < 4; i++) {
        const gbt_libsvm_options options = {.index_base = 1, .threads = 1 + i % 2};
        gbt_source *source = NULL;
        gbt_table *table = NULL;
        ASSERT_C_OK(gbt_source_from_memory("t.svm", text, size, &source));
        (void)EXPECT_C_OK(gbt_libsvm_read_source(source, &options, i < 2 ? 0 : 3000, &table));
        gbt_source_close(source);
        ASSERT_C_TRUE(table != NULL);
        ASSERT_C_EQ_INT(table->n_rows, n_rows);
        ASSERT_C_EQ_INT(table->sparse->row_start[n_rows], n);
        EXPECT_C_TRUE(memcmp(table->sparse->column, want_index, (size_t)n * 4) == 0);
        EXPECT_C_TRUE(memcmp(table->sparse->value, want_value, (size_t)n * 4) == 0);
        gbt_table_free(table);
    }
}
