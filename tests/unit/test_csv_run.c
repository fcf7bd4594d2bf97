/* Runs of numbers: all paths against each other, bit by bit, and against strtod. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/csv.h"
#include "datasets/csv_run.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { TEXT_BYTES = 200000, MOST_CELLS = 60000 };

static const gbt_wide_path paths[] = {GBT_WIDE_PLAIN, GBT_WIDE_AVX2, GBT_WIDE_AVX512};

/* A text and its cells as one path sees them. */
typedef struct reading {
    int32_t n;
    int32_t start[MOST_CELLS], stop[MOST_CELLS];
    char mark[MOST_CELLS];
    float value[MOST_CELLS];
} reading;

static reading plain, other;
static char text[TEXT_BYTES + 64];

/* Reads run after run; cells that are too long for one are left out. */
static void read_all(gbt_wide_path path, const char *data, size_t size, char separator,
                     reading *out)
{
    static gbt_csv_run run;
    const char *p = data, *end = data + size;
    out->n = 0;
    while (p < end) {
        gbt_csv_run_fill(&run, path, p, end, separator);
        for (int32_t k = 0; k < run.n && out->n < MOST_CELLS; k++, out->n++) {
            out->start[out->n] = (int32_t)(p - data);
            out->stop[out->n] = (int32_t)(run.text - data) + run.stop[k];
            out->mark[out->n] = run.mark[k];
            out->value[out->n] = run.value[k];
            p = data + out->stop[out->n] + 1;
        }
        if (run.n == 0) {
            while (p < end && *p != separator && *p != '\n') {
                p++;
            }
            p++;
        }
    }
}

static size_t make_cell(uint64_t key, char *out)
{
    static const char *const odd[] = {"",
                                      "NA",
                                      " 1",
                                      "1 ",
                                      "\"1\"",
                                      "1.2.3",
                                      "-",
                                      ".",
                                      "+7",
                                      "--1",
                                      "1e",
                                      "e5",
                                      "nan",
                                      "inf",
                                      "5.",
                                      "-.5",
                                      "1\r",
                                      "\r",
                                      "1-2",
                                      "0x1f",
                                      "1e5x",
                                      "1e-400",
                                      "1E+3",
                                      "\303\251",
                                      "1.5f",
                                      "-0",
                                      "-0.0",
                                      "00012",
                                      "16777217",
                                      "16777219.0000000000000000000000001",
                                      "0.000000000000000000000000000012345678901234567",
                                      "123456789012345678901234567890123456789"};
    const uint32_t kind = gbt_rng_u32(key, 0) % 8;
    const double value =
        (gbt_rng_u32(key, 1) / 4294967296.0 - 0.5) * pow(10, (int)(gbt_rng_u32(key, 2) % 12) - 5);
    const int digits = (int)(gbt_rng_u32(key, 3) % 20);
    if (kind == 0) {
        return (size_t)sprintf(out, "%s", odd[gbt_rng_u32(key, 4) % (sizeof odd / sizeof *odd)]);
    }
    if (kind == 1) {
        return (size_t)sprintf(out, "%.*e", digits, value);
    }
    if (kind == 2) {
        return (size_t)sprintf(out, "%d", (int)gbt_rng_u32(key, 5) >> gbt_rng_u32(key, 6) % 31);
    }
    return kind < 5 ? (size_t)sprintf(out, "%.*f", digits, value)
                    : (size_t)sprintf(out, "%.*g", 1 + digits % 9, value);
}

static size_t make_text(uint64_t seed, char separator)
{
    size_t size = 0;
    for (uint64_t i = 0; size < TEXT_BYTES - 6000; i++) {
        size += make_cell(seed << 32 | i, text + size);
        text[size++] = gbt_rng_u32(seed, (uint32_t)i) % 9 == 0 ? '\n' : separator;
        if (i % 4001 == 4000) { /* now and then more than a run can hold */
            memset(text + size, i % 2 == 0 ? '7' : 'x', 5000);
            size += 5000;
            text[size++] = separator;
        }
    }
    memset(text + size, 0, 64);
    return size;
}

TEST_C(CsvRun, EveryPathGivesTheBytesOfThePlainOne)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const char separator = seed % 2 == 0 ? '\t' : ',';
        const size_t size = make_text(seed, separator) - seed; /* the last cell may be cut */
        read_all(GBT_WIDE_PLAIN, text, size, separator, &plain);
        ASSERT_C_TRUE(plain.n > 10000 && plain.n < MOST_CELLS);
        for (int p = 1; p < 3; p++) {
            if (!gbt_wide_usable(paths[p])) {
                continue;
            }
            read_all(paths[p], text, size, separator, &other);
            ASSERT_C_EQ_INT(other.n, plain.n);
            const size_t n = (size_t)plain.n;
            EXPECT_C_TRUE(memcmp(other.start, plain.start, n * sizeof *plain.start) == 0);
            EXPECT_C_TRUE(memcmp(other.stop, plain.stop, n * sizeof *plain.stop) == 0);
            EXPECT_C_TRUE(memcmp(other.mark, plain.mark, n) == 0);
            EXPECT_C_TRUE(memcmp(other.value, plain.value, n * sizeof *plain.value) == 0);
        }
    }
}

TEST_C(CsvRun, ValuesAreThoseOfStrtod)
{
    const size_t size = make_text(9, ',');
    for (int p = 0; p < 3; p++) {
        if (!gbt_wide_usable(paths[p])) {
            continue;
        }
        int64_t n_numbers = 0, n_wrong = 0;
        read_all(paths[p], text, size, ',', &other);
        for (int32_t k = 0; k < other.n; k++) {
            if (other.mark[k] != 0 && other.stop[k] > other.start[k]) {
                const float want = (float)strtod(text + other.start[k], NULL);
                n_numbers++;
                n_wrong += memcmp(&want, &other.value[k], sizeof want) != 0;
            }
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
        EXPECT_C_TRUE(10 * n_numbers > 8 * (int64_t)other.n);
    }
}

TEST_C(CsvRun, MarksTellNumbersAndEmptyCellsFromAllElse)
{
    static const struct {
        const char *cell;
        bool is_marked;
        float value;
    } cases[] = {
        {"1", true, 1},
        {"-2.5", true, -2.5f},
        {"+7", true, 7},
        {".5", true, 0.5f},
        {"5.", true, 5},
        {"1e3", true, 1000},
        {"", true, NAN},
        {"-", false, 0},
        {".", false, 0},
        {"1.2.3", false, 0},
        {"--1", false, 0},
        {"1e", false, 0},
        {"e5", false, 0},
        {"nan", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"\"1\"", false, 0},
        {"1-2", false, 0},
        {"1e5x", false, 0},
        {"12345\r", false, 0},
        {"abcdefgh", false, 0},
        {"123456789.25", true, 123456789.25f},
        {"0.12345678901234567", true, 0.123456789f},
    };
    for (int p = 0; p < 3; p++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases && gbt_wide_usable(paths[p]); i++) {
            static gbt_csv_run run;
            char line[200] = {0};
            (void)snprintf(line, 100, "%s,8\r\n", cases[i].cell);
            gbt_csv_run_fill(&run, paths[p], line, line + strlen(line), ',');
            ASSERT_C_EQ_INT(run.n, 2);
            EXPECT_C_EQ_INT(run.mark[0], cases[i].is_marked ? ',' : 0);
            EXPECT_C_EQ_INT(run.stop[0], strlen(cases[i].cell));
            EXPECT_C_TRUE(run.mark[1] == '\n' && run.value[1] == 8.0f);
            if (cases[i].is_marked) {
                EXPECT_C_TRUE(isnan(cases[i].value) ? isnan(run.value[0])
                                                    : run.value[0] == cases[i].value);
            }
        }
    }
}

TEST_C(CsvRun, ThePlainPathAndTheBestOneCanBeTaken)
{
    EXPECT_C_TRUE(gbt_wide_usable(GBT_WIDE_PLAIN));
    EXPECT_C_TRUE(gbt_wide_usable(gbt_wide_best()));
}

/* Rows of plain numbers between rows that need care: quotes, tokens, blank lines, CR LF. */
TEST_C(CsvRun, RowsStoredAtOnceAndCellByCellMakeOneTable)
{
    enum { COLUMNS = 5, ROWS = 4000 };
    static const char *const form[] = {"%d.25", " %d.25 ", "\"%d.25\"", "%d.25e0"};
    static float want[COLUMNS][ROWS];
    size_t size = (size_t)sprintf(text, "a,b,c,d,e\n");
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool is_odd = gbt_rng_u32(21, row) % 7 == 0;
        for (uint32_t c = 0; c < COLUMNS; c++) {
            const uint32_t draw = gbt_rng_u32(22 + c, row);
            const int whole = (int)(draw >> 8 & 4095);
            const bool is_missing = draw % 11 == 0;
            want[c][row] = is_missing ? NAN : (float)whole + 0.25f;
            size += is_missing
                        ? (size_t)sprintf(text + size, "%s", is_odd ? "NA" : "")
                        : (size_t)sprintf(text + size, form[is_odd ? draw >> 4 & 3 : 0], whole);
            text[size++] = c + 1 < COLUMNS ? ',' : '\n';
        }
        if (gbt_rng_u32(31, row) % 50 == 0) {
            size += (size_t)sprintf(text + size, "%s", row % 2 == 0 ? "\n" : "  \r\n");
        }
        if (gbt_rng_u32(32, row) % 5 == 0 && text[size - 2] != '\n' && text[size - 2] != '\r') {
            memcpy(text + size - 1, "\r\n", 2);
            size++;
        }
    }
    static const char *const missing[] = {"NA"};
    const size_t chunk_bytes[] = {0, 1000, 100000};
    for (int i = 0; i < 6; i++) {
        const gbt_csv_options options = {
            .header = 1, .missing = missing, .n_missing = 1, .threads = 1 + i % 2};
        gbt_source *source = NULL;
        gbt_table *table = NULL;
        ASSERT_C_OK(gbt_source_from_memory("t.csv", text, size, &source));
        (void)EXPECT_C_OK(gbt_csv_read_source(source, &options, chunk_bytes[i / 2], &table));
        gbt_source_close(source);
        ASSERT_C_TRUE(table != NULL);
        EXPECT_C_EQ_INT(table->n_rows, ROWS);
        for (int c = 0; c < COLUMNS; c++) {
            ASSERT_C_TRUE(table->column[c].number != NULL);
            int64_t n_wrong = 0;
            for (int row = 0; row < ROWS && table->n_rows == ROWS; row++) {
                const float got = table->column[c].number[row];
                n_wrong += isnan(want[c][row]) ? !isnan(got) : got != want[c][row];
            }
            EXPECT_C_EQ_INT(n_wrong, 0);
        }
        gbt_table_free(table);
    }
}
