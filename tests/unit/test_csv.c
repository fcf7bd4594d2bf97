/* The CSV reader: what it accepts, what it refuses and where, and that blocks and threads do not
 * show. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "datasets/csv.h"
#include "datasets/synth.h"
#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

static const char *const usual_missing[] = {"NaN", "NA", "null", "?"};

static gbt_csv_options usual_options(void)
{
    return (gbt_csv_options){.header = -1, .missing = usual_missing, .n_missing = 4, .threads = 2};
}

static gbt_status read_bytes(const char *name, const void *data, size_t size,
                             const gbt_csv_options *options, size_t chunk_bytes, gbt_table **out)
{
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_from_memory(name, data, size, &source));
    gbt_status status = gbt_csv_read_source(source, options, chunk_bytes, out);
    gbt_source_close(source);
    return status;
}

static gbt_table *read_text(const char *text)
{
    gbt_csv_options options = usual_options();
    gbt_table *table = NULL;
    (void)EXPECT_C_OK(read_bytes("t.csv", text, strlen(text), &options, 0, &table));
    return table;
}

static const char *cell_text(const gbt_table *table, int32_t column, int64_t row)
{
    const gbt_table_column *c = &table->column[column];
    return c->code[row] < 0 ? NULL : c->dictionary.text[c->code[row]];
}

/* NaN equals NaN here, and the sign of zero counts. */
static bool same_columns(const gbt_table_column *a, const gbt_table_column *b, int64_t n_rows)
{
    size_t bytes = (size_t)n_rows * 4;
    if (strcmp(a->name, b->name) != 0 || a->is_text != b->is_text || a->n_missing != b->n_missing ||
        a->dictionary.n != b->dictionary.n || (a->number == NULL) != (b->number == NULL) ||
        (a->code == NULL) != (b->code == NULL)) {
        return false;
    }
    for (int32_t i = 0; i < a->dictionary.n; i++) {
        if (strcmp(a->dictionary.text[i], b->dictionary.text[i]) != 0) {
            return false;
        }
    }
    return (a->number == NULL || memcmp(a->number, b->number, bytes) == 0) &&
           (a->code == NULL || memcmp(a->code, b->code, bytes) == 0);
}

static bool same_tables(const gbt_table *a, const gbt_table *b)
{
    bool same = a->n_rows == b->n_rows && a->n_columns == b->n_columns;
    for (int32_t c = 0; same && c < a->n_columns; c++) {
        same = same_columns(&a->column[c], &b->column[c], a->n_rows);
    }
    return same;
}

/* ---- What is read ---------------------------------------------------------------------------- */

TEST_C(Csv, NumbersTextsAndMissingCellsOfASmallFile)
{
    gbt_table *table = read_text("age,job,pay\n31,cook,1.5\n?,,-2e3\n40,baker,NA\n");
    ASSERT_C_TRUE(table != NULL);
    ASSERT_C_EQ_INT(table->n_rows, 3);
    ASSERT_C_EQ_INT(table->n_columns, 3);
    EXPECT_C_EQ_TEXT(table->source, "t.csv");
    EXPECT_C_EQ_TEXT(table->column[2].name, "pay");
    EXPECT_C_FALSE(table->column[0].is_text);
    EXPECT_C_TRUE(table->column[1].is_text);
    EXPECT_C_TRUE(table->column[0].number[0] == 31.0f && table->column[0].number[2] == 40.0f);
    EXPECT_C_TRUE(isnan(table->column[0].number[1]));
    EXPECT_C_TRUE(table->column[2].number[0] == 1.5f && table->column[2].number[1] == -2000.0f);
    EXPECT_C_EQ_TEXT(cell_text(table, 1, 0), "cook");
    EXPECT_C_TRUE(cell_text(table, 1, 1) == NULL);
    EXPECT_C_EQ_TEXT(cell_text(table, 1, 2), "baker");
    EXPECT_C_EQ_TEXT(table->column[1].dictionary.text[0], "baker");
    for (int32_t c = 0; c < 3; c++) {
        EXPECT_C_EQ_INT(table->column[c].n_missing, 1);
    }
    gbt_table_free(table);
}

TEST_C(Csv, LineEndsBlankLinesMarkAndAMissingLastLineEndMakeNoDifference)
{
    const char *forms[] = {"a,b\n1,x\n2,y\n",
                           "a,b\n1,x\n2,y",
                           "a,b\r\n1,x\r\n2,y\r\n",
                           "a,b\r\n1,x\r\n2,y",
                           "\357\273\277a,b\n1,x\n2,y\n",
                           "\n\na,b\n\n1,x\n\n\n2,y\n\n",
                           "\r\n a , b \r\n1 , x\r\n  \r\n 2,\ty \t\r\n\r\n",
                           "a,b\n1,x\n2,y\r",
                           "\"a\",\"b\"\n\"1\",\"x\"\n\"2\" , \"y\"\n",
                           "a,b\n1,\"x\"\n \"2\",y\n \n"};
    gbt_table *want = read_text(forms[0]);
    ASSERT_C_TRUE(want != NULL);
    EXPECT_C_EQ_INT(want->n_rows, 2);
    for (int i = 1; i < 10; i++) {
        gbt_table *table = read_text(forms[i]);
        if (table == NULL || !EXPECT_C_TRUE(same_tables(want, table))) {
            FAIL_C(forms[i]);
        }
        gbt_table_free(table);
    }
    gbt_table_free(want);
}

TEST_C(Csv, QuotedCellsKeepSeparatorsLineEndsBlanksAndQuotes)
{
    gbt_table *table = read_text("a,b\n\"x,y\",1\n\"two\nlines\r\nhere\",2\n\" padded \",3\n"
                                 "\"say \"\"hi\"\"\",4\n\"\"\"\",5\n5\" disk,6\n");
    ASSERT_C_TRUE(table != NULL);
    ASSERT_C_EQ_INT(table->n_rows, 6);
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 0), "x,y");
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 1), "two\nlines\r\nhere");
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 2), " padded ");
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 3), "say \"hi\"");
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 4), "\"");
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 5), "5\" disk");
    EXPECT_C_TRUE(table->column[1].number[5] == 6.0f);
    gbt_table_free(table);
}

TEST_C(Csv, OneTextWithAndWithoutDoubledQuotesIsOneCategory)
{
    gbt_table *table = read_text("a,b\nx\"y,1\n\"x\"\"y\",2\nx\"y,3\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_EQ_INT(table->column[0].dictionary.n, 1);
    EXPECT_C_EQ_TEXT(cell_text(table, 0, 1), "x\"y");
    gbt_table_free(table);
}

TEST_C(Csv, ACellThatIsNoNumberTurnsTheWholeColumnIntoItsOriginalTexts)
{
    static char text[400000];
    size_t n = (size_t)sprintf(text, "a,b\n");
    const int n_rows = 20000;
    for (int i = 0; i < n_rows; i++) { /* The text comes far behind the first block. */
        const char *cell = i % 4 == 0 ? "1.50" : i % 4 == 1 ? "1.5" : i % 4 == 2 ? "" : "+1e0";
        n += (size_t)sprintf(text + n, "%s,%d\n", i == n_rows - 1 ? "text" : cell, i);
    }
    gbt_csv_options options = usual_options();
    for (size_t chunk = 100; chunk <= 1000000; chunk *= 100) {
        gbt_table *table = NULL;
        ASSERT_C_OK(read_bytes("t.csv", text, n, &options, chunk, &table));
        ASSERT_C_EQ_INT(table->n_rows, n_rows);
        ASSERT_C_TRUE(table->column[0].is_text && table->column[0].number == NULL);
        EXPECT_C_EQ_INT(table->column[0].dictionary.n, 4);
        EXPECT_C_EQ_TEXT(cell_text(table, 0, 0), "1.50");
        EXPECT_C_EQ_TEXT(cell_text(table, 0, 1), "1.5");
        EXPECT_C_TRUE(cell_text(table, 0, 2) == NULL);
        EXPECT_C_EQ_TEXT(cell_text(table, 0, 3), "+1e0");
        EXPECT_C_EQ_TEXT(cell_text(table, 0, n_rows - 1), "text");
        EXPECT_C_EQ_INT(table->column[0].n_missing, n_rows / 4);
        EXPECT_C_TRUE(table->column[1].number[n_rows - 1] == (float)(n_rows - 1));
        gbt_table_free(table);
    }
}

TEST_C(Csv, NumbersTakeManyForms)
{
    gbt_table *table = read_text("a\n+1\n-.5\n2.\n1E3\n1e-400\n1e400\n-inf\nInfinity\n0x1\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_TRUE(table->column[0].is_text); /* 0x1 is no number. */
    gbt_table_free(table);
    table =
        read_text("a\n+1\n-.5\n2.\n1E3\n1e-400\n1e400\n-1e39\n-inf\nInfinity\n-0\nnan\n\"7\"\n");
    ASSERT_C_TRUE(table != NULL && !table->column[0].is_text);
    const float want[] = {1,         -0.5f,     2,        1000,  0, INFINITY,
                          -INFINITY, -INFINITY, INFINITY, -0.0f, 0, 7};
    for (int i = 0; i < 12; i++) {
        float found = table->column[0].number[i];
        EXPECT_C_TRUE(i == 10 ? isnan(found) : memcmp(&found, &want[i], 4) == 0);
    }
    EXPECT_C_EQ_INT(table->column[0].n_missing, 1);
    gbt_table_free(table);
}

/* A number in one of the forms that writers use. */
static int print_some_number(char *out, uint64_t draw)
{
    double wide;
    float narrow;
    uint32_t low = (uint32_t)draw;
    memcpy(&wide, &draw, 8);
    memcpy(&narrow, &low, 4);
    double small = (double)(int64_t)draw * 0x1p-60;
    switch (draw >> 7 & 7) {
    case 0:
        return isfinite(wide) ? sprintf(out, "%.17g", wide) : sprintf(out, "1");
    case 1:
        return isfinite(narrow) ? sprintf(out, "%.9g", (double)narrow) : sprintf(out, "2");
    case 2:
        return sprintf(out, "%.6g", small);
    case 3:
        return sprintf(out, "%.18e", small);
    case 4:
        return sprintf(out, "%lld", (long long)draw >> (draw & 63));
    case 5:
        return sprintf(out, "%.*f", (int)(draw >> 10 & 31), small);
    case 6:
        return isfinite(narrow) ? sprintf(out, "%.*e", (int)(draw >> 40 & 31), /* halfway */
                                          (double)narrow * (1 + 0x1p-25))
                                : sprintf(out, "3");
    default:
        return sprintf(out, "%.17g", small);
    }
}

TEST_C(Csv, EveryNumberIsTheDoubleOfStrtodRoundedToFloat)
{
    enum { ROWS = 20000, COLUMNS = 5 };
    char *text = malloc((size_t)ROWS * COLUMNS * 64);
    float *want = malloc(sizeof(float) * ROWS * COLUMNS);
    size_t n = 0;
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
        n += (size_t)print_some_number(text + n, gbt_rng_u64(77, (uint64_t)i));
        text[n] = '\0';
        size_t start = n;
        while (start > 0 && text[start - 1] != ',' && text[start - 1] != '\n') {
            start--;
        }
        want[i] = (float)strtod(text + start, NULL);
        text[n++] = i % COLUMNS == COLUMNS - 1 ? '\n' : ',';
    }
    gbt_csv_options options = usual_options();
    gbt_table *table = NULL;
    int64_t n_wrong = 0;
    if (EXPECT_C_OK(read_bytes("t.csv", text, n, &options, 0, &table)) &&
        EXPECT_C_EQ_INT(table->n_rows, ROWS)) {
        for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
            const gbt_table_column *column = &table->column[i % COLUMNS];
            n_wrong += column->is_text || memcmp(&column->number[i / COLUMNS], &want[i], 4) != 0;
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
        EXPECT_C_EQ_TEXT(table->column[4].name, "c4");
    }
    gbt_table_free(table);
    free(text);
    free(want);
}

TEST_C(Csv, MissingTokensCountAfterTrimmingInNumbersAndTexts)
{
    const char *tokens[] = {"-999", "n/a"};
    gbt_csv_options options = {.header = 1, .missing = tokens, .n_missing = 2, .threads = 1};
    const char *text = "a,b\n-999,x\n -999 ,n/a\n-999.0,\"n/a\"\n7, n/a \n\"\",\"\"\n";
    gbt_table *table = NULL;
    ASSERT_C_OK(read_bytes("t.csv", text, strlen(text), &options, 0, &table));
    EXPECT_C_EQ_INT(table->column[0].n_missing, 3);
    EXPECT_C_TRUE(table->column[0].number[2] == -999.0f); /* Tokens are texts, not values. */
    EXPECT_C_EQ_INT(table->column[1].n_missing, 4);
    EXPECT_C_EQ_INT(table->column[1].dictionary.n, 1);
    gbt_table_free(table);
}

TEST_C(Csv, AColumnWithoutAnyValueIsNumbersThatAreAllMissing)
{
    gbt_table *table = read_text("a,b\n,1\nNA,2\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_FALSE(table->column[0].is_text);
    EXPECT_C_EQ_INT(table->column[0].n_missing, 2);
    gbt_table_free(table);
}

TEST_C(Csv, DictionariesAreSortedBytewiseWithoutRepeats)
{
    gbt_table *table =
        read_text("t\nb\n\xC3\xA9\nabcdefghZ\nabcdefgh\nB\nb\nabcdefghA\na\n\xC3\xA9\n");
    const char *want[] = {"B", "a", "abcdefgh", "abcdefghA", "abcdefghZ", "b", "\xC3\xA9"};
    const int32_t code[] = {5, 6, 4, 2, 0, 5, 3, 1, 6};
    ASSERT_C_TRUE(table != NULL);
    ASSERT_C_EQ_INT(table->column[0].dictionary.n, 7);
    for (int i = 0; i < 7; i++) {
        EXPECT_C_EQ_TEXT(table->column[0].dictionary.text[i], want[i]);
    }
    for (int i = 0; i < 9; i++) {
        EXPECT_C_EQ_INT(table->column[0].code[i], code[i]);
    }
    gbt_table_free(table);
}

TEST_C(Csv, ManyDistinctTextsAllComeBack)
{
    enum { ROWS = 30000 };
    char *text = malloc((size_t)ROWS * 24);
    size_t n = (size_t)sprintf(text, "id,x\n");
    for (uint64_t i = 0; i < ROWS; i++) {
        n += (size_t)sprintf(text + n, "u%u,1\n", gbt_rng_u32(5, (uint32_t)i));
    }
    gbt_csv_options options = usual_options();
    gbt_table *table = NULL;
    if (EXPECT_C_OK(read_bytes("t.csv", text, n, &options, 5000, &table))) {
        int64_t n_wrong = 0;
        const gbt_dictionary *dictionary = &table->column[0].dictionary;
        for (uint32_t i = 0; i < ROWS; i++) {
            char want[24];
            (void)sprintf(want, "u%u", gbt_rng_u32(5, i));
            n_wrong += strcmp(cell_text(table, 0, i), want) != 0;
        }
        for (int32_t i = 1; i < dictionary->n; i++) {
            n_wrong += strcmp(dictionary->text[i - 1], dictionary->text[i]) >= 0;
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
    }
    gbt_table_free(table);
    free(text);
}

/* ---- Header and separator -------------------------------------------------------------------- */

static int32_t names_of(const char *name, const char *text, gbt_csv_options options, char *out)
{
    gbt_table *table = NULL;
    out[0] = '\0';
    if (read_bytes(name, text, strlen(text), &options, 0, &table) != GBT_OK) {
        (void)snprintf(out, 200, "%s", gbt_last_error());
        return -1;
    }
    for (int32_t c = 0; c < table->n_columns; c++) {
        strcat(strcat(out, c > 0 ? "|" : ""), table->column[c].name);
    }
    int32_t n_rows = (int32_t)table->n_rows;
    gbt_table_free(table);
    return n_rows;
}

TEST_C(Csv, AHeaderIsSeenByItsTexts)
{
    gbt_csv_options options = usual_options();
    char names[200];
    EXPECT_C_EQ_INT(names_of("t.csv", "a,b\n1,2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a|b");
    EXPECT_C_EQ_INT(names_of("t.csv", "1,2\n3,4\n", options, names), 2);
    EXPECT_C_EQ_TEXT(names, "c0|c1");
    EXPECT_C_EQ_INT(names_of("t.csv", "1,x\n3,y\n", options, names), 2);
    EXPECT_C_EQ_TEXT(names, "c0|c1");
    EXPECT_C_EQ_INT(names_of("t.csv", "year,2019,2020\n1,2,3\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "year|2019|2020");
    EXPECT_C_EQ_INT(names_of("t.csv", "?,1,2\n1,2,3\n", options, names), 2);
    EXPECT_C_EQ_INT(names_of("t.csv", "x,1,1\n1,2,3\n", options, names),
                    2); /* Names would differ. */
    EXPECT_C_EQ_INT(names_of("t.csv", "x,1,2\n", options, names), 1);
    EXPECT_C_EQ_INT(names_of("t.csv", "\"a \"\"q\"\"\", b\n1,2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a \"q\"|b");
    options.header = 1;
    EXPECT_C_EQ_INT(names_of("t.csv", "1,2\n3,4\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "1|2");
    options.header = 0;
    EXPECT_C_EQ_INT(names_of("t.csv", "a,b\n3,4\n", options, names), 2);
    EXPECT_C_EQ_TEXT(names, "c0|c1");
}

TEST_C(Csv, TheSeparatorComesFromTheOptionTheNameOrTheFirstLine)
{
    gbt_csv_options options = usual_options();
    char names[200];
    EXPECT_C_EQ_INT(names_of("t.tsv", "a,b\tc\n1\t2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a,b|c");
    EXPECT_C_EQ_INT(names_of("t.TSV.gz", "a\tb\n1\t\n\t2\n", options, names), 2);
    EXPECT_C_EQ_INT(names_of("t.csv", "a\tb,c\n1,2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a\tb|c");
    EXPECT_C_EQ_INT(names_of("t.txt", "a\tb\n1\t2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a|b");
    EXPECT_C_EQ_INT(names_of("t.txt", "\"a\tb\t\",c\n1,2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a\tb\t|c");
    EXPECT_C_EQ_INT(names_of("t.csv", "a;b\n1;2\n", options, names), -1);
    EXPECT_C_EQ_TEXT(names, "t.csv:1:1: cells are separated by ';', expected commas");
    options.separator = ';';
    EXPECT_C_EQ_INT(names_of("t.csv", "a;b,\n1;2\n", options, names), 1);
    EXPECT_C_EQ_TEXT(names, "a|b,");
    options.separator = 'e';
    EXPECT_C_EQ_INT(names_of("t.csv", "aeb\n1e2\n", options, names), -1);
    EXPECT_C_HAS_TEXT(names, "byte 101 cannot separate cells");
}

TEST_C(Csv, InTsvALineOfTabsIsARowAndTabsAreNotTrimmed)
{
    gbt_csv_options options = usual_options();
    const char *text = "a\tb\tc\n\t\t\n1\t\t3\n";
    gbt_table *table = NULL;
    ASSERT_C_OK(read_bytes("t.tsv", text, strlen(text), &options, 0, &table));
    EXPECT_C_EQ_INT(table->n_rows, 2);
    EXPECT_C_EQ_INT(table->column[1].n_missing, 2);
    EXPECT_C_TRUE(table->column[2].number[1] == 3.0f);
    gbt_table_free(table);
}

/* ---- What is refused ------------------------------------------------------------------------- */

typedef struct bad_case {
    const char *text, *message;
} bad_case;

/* The message must be the same for any chunk size and number of threads. */
static void expect_refused(const char *text, size_t size, const gbt_csv_options *usual,
                           const char *message)
{
    static const size_t chunks[] = {1, 7, 64, 0};
    for (int i = 0; i < 8; i++) {
        gbt_csv_options options = *usual;
        gbt_table *table = NULL;
        options.threads = 1 + i % 2 * 2;
        if (!EXPECT_C_STATUS(read_bytes("t.csv", text, size, &options, chunks[i / 2], &table),
                             GBT_ERR_FORMAT) ||
            !EXPECT_C_EQ_TEXT(gbt_last_error(), message)) {
            FAIL_C(text);
            gbt_table_free(table);
            return;
        }
    }
}

TEST_C(Csv, MalformedFilesAreRefusedWithTheirPlace)
{
    const bad_case cases[] = {
        {"a,b\n1,2\n3\n", "t.csv:3:2: expected 2 cells, found 1"},
        {"a,b\n1,2\n\n\n3,4,5\n", "t.csv:5:5: expected 2 cells, found 3"},
        {"a,b\r\n1,2\r\n3,4,5,6\r\n", "t.csv:3:5: expected 2 cells, found 4"},
        {"a,b\n1,2\n3,4,\n", "t.csv:3:5: expected 2 cells, found 3"},
        {"a,b\n1,2\nx,y,\"z,\",w", "t.csv:3:5: expected 2 cells, found 4"},
        {"a,b\n\"x\ny\",2\n3\n", "t.csv:4:2: expected 2 cells, found 1"},
        {"a,b\n\"x\n\ny\",2,3\n", "t.csv:4:6: expected 2 cells, found 3"},
        {"a,b\n1,2\n3,\"x\n4,5\n6,7\n", "t.csv:3:3: this quote is never closed"},
        {"a,b\n1,2\n3,\"x\"\"\n", "t.csv:3:3: this quote is never closed"},
        {"a,\"b\n1,2\n", "t.csv:1:3: this quote is never closed"},
        {"a,b\n1,\"x\"y\n",
         "t.csv:2:6: text after a closing quote, expected a separator or the end of the line"},
        {"a,b\n1,\"x\" \"y\"\n",
         "t.csv:2:7: text after a closing quote, expected a separator or the end of the line"},
        {"a,b\n1,2\r3,4\n",
         "t.csv:2:4: carriage return without a line feed, expected LF or CRLF at line ends"},
        {"a\r1\r2\r",
         "t.csv:1:2: carriage return without a line feed, expected LF or CRLF at line ends"},
        {"a,b\n1,x\n2,\xC3(\n", "t.csv:3:3: cell is not valid UTF-8"},
        {"a,b\n1,\"\xFF\"\n", "t.csv:2:4: cell is not valid UTF-8"},
        {"a,\xE9\n1,2\n", "t.csv:1:3: cell is not valid UTF-8"},
        {"a,,c\n1,2,3\n", "t.csv:1:3: the name '' of column 2 is empty; every column needs one"},
        {"a,b,a\n1,2,3\n",
         "t.csv:1:5: the name 'a' of column 3 is taken by an earlier column; names must differ"},
        {"a,\"a\"\n1,2\n",
         "t.csv:1:4: the name 'a' of column 2 is taken by an earlier column; names must differ"},
        {"a,b\n", "t.csv: no rows after the header"},
        {"a,b", "t.csv: no rows after the header"},
        {"\n \n\r\n", "t.csv: no rows"},
        /* Of two faults the first one is told. */
        {"a,b\n1,2,3\n4,\"x\n", "t.csv:2:5: expected 2 cells, found 3"},
        {"a,b\n1,2\nx,\xFF\n4\n", "t.csv:3:3: cell is not valid UTF-8"},
    };
    gbt_csv_options options = usual_options();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_refused(cases[i].text, strlen(cases[i].text), &options, cases[i].message);
    }
}

TEST_C(Csv, NulBytesAreRefusedInNumbersTextsQuotesAndNames)
{
    gbt_csv_options options = usual_options();
    expect_refused("a,b\n1,\0\n", 8, &options, "t.csv:2:3: NUL byte, expected text");
    expect_refused("a,b\n1,2\0\n", 9, &options, "t.csv:2:4: NUL byte, expected text");
    expect_refused("a,b\n1,x\0y\n", 10, &options, "t.csv:2:4: NUL byte, expected text");
    expect_refused("a,b\n1,\"x\0y\"\n", 12, &options, "t.csv:2:5: NUL byte, expected text");
    expect_refused("a,b\n1,2\n\0", 9, &options, "t.csv:3:1: NUL byte, expected text");
    expect_refused("a,\0\n1,2\n", 8, &options, "t.csv:1:3: NUL byte, expected text");
}

static gbt_csv_kind kind_by_name(void *context, const char *name, int32_t index, int32_t n_columns)
{
    int32_t *seen = context;
    *seen += index * n_columns;
    return name[0] == 'n'   ? GBT_CSV_NUMBER
           : name[0] == 't' ? GBT_CSV_TEXT
           : name[0] == 's' ? GBT_CSV_SKIP
                            : GBT_CSV_AUTO;
}

TEST_C(Csv, TheCallerDecidesAboutKinds)
{
    int32_t seen = 0;
    gbt_csv_options options = usual_options();
    options.kind_of = kind_by_name;
    options.context = &seen;
    const char *text = "n,t,s,auto\n1,2,\xFF,4\n?,3.0,y,5\n";
    gbt_table *table = NULL;
    ASSERT_C_OK(read_bytes("t.csv", text, strlen(text), &options, 0, &table));
    EXPECT_C_EQ_INT(seen, (0 + 1 + 2 + 3) * 4);
    EXPECT_C_FALSE(table->column[0].is_text);
    EXPECT_C_EQ_TEXT(cell_text(table, 1, 0), "2");
    EXPECT_C_EQ_TEXT(cell_text(table, 1, 1), "3.0");
    EXPECT_C_EQ_TEXT(table->column[2].name, "s");
    EXPECT_C_TRUE(table->column[2].number == NULL && table->column[2].code == NULL);
    EXPECT_C_TRUE(table->column[3].number[1] == 5.0f);
    gbt_table_free(table);
    text = "n1,n2\n1,2\n3, 4x \n5,6,7\n";
    expect_refused(text, strlen(text), &options,
                   "t.csv:3:4: '4x' is not a number, but column 'n2' is one of numbers");
}

/* ---- Rows, blocks, threads, memory ----------------------------------------------------------- */

TEST_C(Csv, APreviewHasTheFirstRowsAndSeesNothingBeyond)
{
    const char *text = "a,b\n1,x\n\n2,y\n3,z\n4,w,5\n";
    for (int64_t n = 1; n <= 3; n++) {
        for (size_t chunk = 1; chunk < 100; chunk += 7) {
            gbt_csv_options options = usual_options();
            options.max_rows = n;
            gbt_table *table = NULL;
            ASSERT_C_OK(read_bytes("t.csv", text, strlen(text), &options, chunk, &table));
            EXPECT_C_EQ_INT(table->n_rows, n);
            EXPECT_C_EQ_INT(table->column[1].dictionary.n, n);
            EXPECT_C_TRUE(table->column[0].number[n - 1] == (float)n);
            gbt_table_free(table);
        }
    }
}

/* All sorts of cells in a valid file; returns its size. */
static size_t make_mixture(char *out, int n_rows)
{
    static const char *const cells[] = {
        "1.25",       "-7",  "",         "\"a,b\"",    "\"l1\nl2\"", " x ",  "NA",
        "\"q\"\"q\"", "3e5", "inch 5\"", "\"\r\n\n\"", "12345678.9", "\"\"", "\xC3\xA4\xC3\xB6",
        "0.1"};
    size_t n = (size_t)sprintf(out, "w,x,y,z\n");
    for (int i = 0; i < n_rows; i++) {
        uint32_t draw = gbt_rng_u32(9, (uint32_t)i);
        n += (size_t)sprintf(out + n, "%u,%s,%s,%s%s%s", draw % 1000, cells[draw % 15],
                             draw >> 8 & 31 ? "2.5" : "", draw >> 16 & 63 ? "0.5" : "late",
                             draw >> 5 & 1 ? "\n" : "\r\n", draw >> 25 ? "" : " \n");
    }
    return n;
}

TEST_C(Csv, ChunksAndThreadsDoNotShow)
{
    static char text[400000];
    size_t size = make_mixture(text, 6000);
    gbt_csv_options options = usual_options();
    options.threads = 1;
    gbt_table *want = NULL;
    ASSERT_C_OK(read_bytes("t.csv", text, size, &options, 1 << 30, &want));
    EXPECT_C_EQ_INT(want->n_rows, 6000);
    static const size_t chunks[] = {3, 50, 333, 4096, 40000, 0};
    for (int i = 0; i < 12; i++) {
        gbt_table *table = NULL;
        options.threads = 1 + i % 2 * 3;
        if (EXPECT_C_OK(read_bytes("t.csv", text, size, &options, chunks[i / 2], &table))) {
            EXPECT_C_TRUE(same_tables(want, table));
        }
        gbt_table_free(table);
    }
    gbt_table_free(want);
}

TEST_C(Csv, AGzipFileGivesTheSameTableAsThePlainOne)
{
    static char text[400000];
    size_t size = make_mixture(text, 6000);
    temp_dir folder;
    char plain[TEMP_DIR_PATH], packed[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    ASSERT_C_TRUE(temp_dir_write(&folder, "m.csv", text, size, plain));
    temp_dir_file(&folder, "m.csv.gz", packed);
    gzFile file = gzopen(packed, "wb");
    EXPECT_C_EQ_INT(gzwrite(file, text, (unsigned)size), size);
    (void)gzclose(file);
    gbt_csv_options options = usual_options();
    gbt_table *a = NULL, *b = NULL;
    if (EXPECT_C_OK(gbt_csv_read(plain, &options, &a)) &&
        EXPECT_C_OK(gbt_csv_read(packed, &options, &b))) {
        EXPECT_C_TRUE(same_tables(a, b));
        EXPECT_C_EQ_TEXT(b->source, packed);
    }
    gbt_table_free(a);
    gbt_table_free(b);
    temp_dir_close(&folder);
}

TEST_C(Csv, ARecordOfManyBlocksIsReadWhole)
{
    static char text[300000];
    size_t n = (size_t)sprintf(text, "a,b\n1,\"");
    for (int i = 0; i < 20000; i++) {
        n += (size_t)sprintf(text + n, "line %d\n", i % 10);
    }
    n += (size_t)sprintf(text + n, "\"\n2,x\n");
    gbt_csv_options options = usual_options();
    gbt_table *table = NULL;
    ASSERT_C_OK(read_bytes("t.csv", text, n, &options, 100, &table));
    EXPECT_C_EQ_INT(table->n_rows, 2);
    EXPECT_C_EQ_INT(strlen(cell_text(table, 1, 0)), 20000 * 7);
    gbt_table_free(table);
}

TEST_C(Csv, WideFilesKeepTheirColumnsApart)
{
    enum { COLUMNS = 3000, ROWS = 40 };
    char *text = malloc((size_t)COLUMNS * (ROWS + 1) * 12);
    size_t n = 0;
    for (int row = -1; row < ROWS; row++) {
        for (int c = 0; c < COLUMNS; c++) {
            n += (size_t)sprintf(text + n, row < 0 ? "v%d" : "%d.5",
                                 row < 0 ? c : row * COLUMNS + c);
            text[n++] = c == COLUMNS - 1 ? '\n' : ',';
        }
    }
    gbt_csv_options options = usual_options();
    gbt_table *table = NULL;
    if (EXPECT_C_OK(read_bytes("t.csv", text, n, &options, 10000, &table))) {
        int64_t n_wrong = table->n_rows != ROWS || table->n_columns != COLUMNS;
        for (int i = 0; i < ROWS * COLUMNS && n_wrong == 0; i++) {
            n_wrong += table->column[i % COLUMNS].number[i / COLUMNS] != (float)i + 0.5f;
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
        EXPECT_C_EQ_TEXT(table->column[2999].name, "v2999");
    }
    gbt_table_free(table);
    free(text);
}

TEST_C(Csv, RefusedMemoryIsReportedAndNothingLeaks)
{
    static char text[20000];
    size_t size = make_mixture(text, 200);
    gbt_csv_options options = usual_options();
    for (int64_t n = 1; n < 10000; n++) {
        gbt_table *table = NULL;
        fail_alloc_install(n);
        gbt_status status = read_bytes("t.csv", text, size, &options, 500, &table);
        gbt_table_free(table);
        bool refused = fail_alloc_refused();
        bool is_good = EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            EXPECT_C_TRUE(n > 20);
            return;
        }
        if (!EXPECT_C_STATUS(status, GBT_ERR_MEMORY) || !is_good) {
            return;
        }
    }
    FAIL_C("reading never stopped asking for memory");
}
