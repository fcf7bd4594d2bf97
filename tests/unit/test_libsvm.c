/* The libsvm reader: what it accepts, what it refuses and where, and that blocks and threads do not
 * show. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "datasets/libsvm.h"
#include "datasets/synth.h"
#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

static const gbt_libsvm_options usual = {.threads = 2, .index_base = -1};

static gbt_status read_bytes(const void *data, size_t size, const gbt_libsvm_options *options,
                             size_t chunk_bytes, gbt_table **out)
{
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_from_memory("t.svm", data, size, &source));
    gbt_status status = gbt_libsvm_read_source(source, options, chunk_bytes, out);
    gbt_source_close(source);
    return status;
}

static gbt_table *read_text(const char *text)
{
    gbt_table *table = NULL;
    (void)EXPECT_C_OK(read_bytes(text, strlen(text), &usual, 0, &table));
    return table;
}

static bool same_tables(const gbt_table *a, const gbt_table *b)
{
    const gbt_sparse_rows *x = a->sparse, *y = b->sparse;
    if (a->n_rows != b->n_rows || x->n_columns != y->n_columns || x->index_base != y->index_base ||
        x->n_labels != y->n_labels || (x->query == NULL) != (y->query == NULL)) {
        return false;
    }
    size_t n = (size_t)a->n_rows, n_entries = (size_t)x->row_start[n];
    return memcmp(x->row_start, y->row_start, (n + 1) * 8) == 0 &&
           memcmp(x->column, y->column, n_entries * 4) == 0 &&
           memcmp(x->value, y->value, n_entries * 4) == 0 &&
           memcmp(x->label, y->label, n * (size_t)x->n_labels * 4) == 0 &&
           (x->query == NULL || memcmp(x->query, y->query, n * 4) == 0);
}

/* ---- What is read ---------------------------------------------------------------------------- */

TEST_C(Libsvm, RowsOfASmallFile)
{
    gbt_table *table = read_text("+1 1:0.5 3:-2\n-1 2:1e3\n0.25\n");
    ASSERT_C_TRUE(table != NULL);
    const gbt_sparse_rows *rows = table->sparse;
    ASSERT_C_EQ_INT(table->n_rows, 3);
    EXPECT_C_EQ_INT(table->n_columns, 0);
    EXPECT_C_EQ_INT(rows->n_columns, 3);
    EXPECT_C_EQ_INT(rows->index_base, 1);
    EXPECT_C_EQ_INT(rows->n_labels, 1);
    EXPECT_C_TRUE(rows->query == NULL);
    const int64_t start[] = {0, 2, 3, 3};
    const int32_t column[] = {0, 2, 1};
    const float value[] = {0.5f, -2, 1000}, label[] = {1, -1, 0.25f};
    EXPECT_C_EQ_BYTES(rows->row_start, start, sizeof start);
    EXPECT_C_EQ_BYTES(rows->column, column, sizeof column);
    EXPECT_C_EQ_BYTES(rows->value, value, sizeof value);
    EXPECT_C_EQ_BYTES(rows->label, label, sizeof label);
    gbt_table_free(table);
}

TEST_C(Libsvm, CommentsBlankLinesBlanksAndLineEndsMakeNoDifference)
{
    const char *forms[] = {
        "1 1:2 5:3\n0 2:1\n",
        "1 1:2 5:3\r\n0 2:1\r\n",
        "1 1:2 5:3\n0 2:1",
        "\357\273\2771 1:2 5:3\n0 2:1\n",
        "# a file\n\n1 1:2 5:3 # doc = 7\n  \n\t\n0 2:1# 9:9\n#end",
        "  1\t1:2   5:3\t\n 0  2:1 \r\n\r\n",
        "1.0 1:2.0 5:30e-1\n0 2:+1\n",
        "1 00000000001:2 0005:3\n0 2:1\n",
    };
    gbt_table *want = read_text(forms[0]);
    ASSERT_C_TRUE(want != NULL);
    EXPECT_C_EQ_INT(want->n_rows, 2);
    for (size_t i = 1; i < sizeof forms / sizeof *forms; i++) {
        gbt_table *table = read_text(forms[i]);
        if (table == NULL || !EXPECT_C_TRUE(same_tables(want, table))) {
            FAIL_C(forms[i]);
        }
        gbt_table_free(table);
    }
    gbt_table_free(want);
}

TEST_C(Libsvm, IndexZeroMakesTheFileZeroBased)
{
    gbt_table *table = read_text("1 1:2 5:3\n0 0:7\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_EQ_INT(table->sparse->index_base, 0);
    EXPECT_C_EQ_INT(table->sparse->n_columns, 6);
    EXPECT_C_EQ_INT(table->sparse->column[0], 1);
    EXPECT_C_EQ_INT(table->sparse->column[2], 0);
    gbt_table_free(table);
}

TEST_C(Libsvm, AGivenBaseIsObeyed)
{
    gbt_libsvm_options options = usual;
    const char *text = "1 1:2 5:3\n";
    gbt_table *table = NULL;
    options.index_base = 0;
    ASSERT_C_OK(read_bytes(text, strlen(text), &options, 0, &table));
    EXPECT_C_EQ_INT(table->sparse->n_columns, 6);
    EXPECT_C_EQ_INT(table->sparse->column[0], 1);
    gbt_table_free(table);
    options.index_base = 1;
    ASSERT_C_OK(read_bytes(text, strlen(text), &options, 0, &table));
    EXPECT_C_EQ_INT(table->sparse->n_columns, 5);
    EXPECT_C_EQ_INT(table->sparse->column[1], 4);
    gbt_table_free(table);
}

static char logged[256];

static void keep_line(gbt_log_level level, const char *line, void *user)
{
    (void)user;
    (void)snprintf(logged, sizeof logged, "%d %s", (int)level, line);
}

TEST_C(Libsvm, TheLogSaysWhichBaseWasFound)
{
    gbt_set_log(keep_line, NULL);
    gbt_table_free(read_text("1 1:2\n"));
    EXPECT_C_EQ_TEXT(logged, "1 t.svm: indices begin at 1 (index 0 does not occur)");
    gbt_table_free(read_text("1 0:2\n"));
    EXPECT_C_EQ_TEXT(logged, "1 t.svm: indices begin at 0 (index 0 occurs)");
    gbt_set_log(NULL, NULL);
}

TEST_C(Libsvm, SeveralLabelsAreSpreadAndAbsentOnesAreNaN)
{
    gbt_table *table = read_text("1,2.5,-3 1:1\n4 1:1\n1:1\n5,6\n");
    ASSERT_C_TRUE(table != NULL);
    const gbt_sparse_rows *rows = table->sparse;
    const float want[] = {1, 2.5f, -3, 4, NAN, NAN, NAN, NAN, NAN, 5, 6, NAN};
    ASSERT_C_EQ_INT(rows->n_labels, 3);
    for (int i = 0; i < 12; i++) {
        EXPECT_C_TRUE(isnan(want[i]) ? isnan(rows->label[i]) : rows->label[i] == want[i]);
    }
    gbt_table_free(table);
}

TEST_C(Libsvm, RowsWithoutAnyLabelHaveOneThatIsAbsent)
{
    gbt_table *table = read_text("1:1 2:2\n 2:1\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_EQ_INT(table->n_rows, 2);
    EXPECT_C_EQ_INT(table->sparse->n_labels, 1);
    EXPECT_C_TRUE(isnan(table->sparse->label[0]) && isnan(table->sparse->label[1]));
    gbt_table_free(table);
}

TEST_C(Libsvm, QueriesAreKept)
{
    gbt_table *table = read_text("2 qid:10032 1:1\n0 qid:-7\n1 qid:2147483647 3:4 # x\n");
    ASSERT_C_TRUE(table != NULL && table->sparse->query != NULL);
    EXPECT_C_EQ_INT(table->sparse->query[0], 10032);
    EXPECT_C_EQ_INT(table->sparse->query[1], -7);
    EXPECT_C_EQ_INT(table->sparse->query[2], INT32_MAX);
    gbt_table_free(table);
}

TEST_C(Libsvm, ValuesMayBeMissingInfiniteOrOutsideFloat)
{
    gbt_table *table = read_text("1 1:nan 2:inf 3:-INF 4:1e60 5:NaN 6:-0\n");
    ASSERT_C_TRUE(table != NULL);
    const float *value = table->sparse->value;
    EXPECT_C_TRUE(isnan(value[0]) && isnan(value[4]));
    EXPECT_C_TRUE(value[1] == INFINITY && value[2] == -INFINITY && value[3] == INFINITY);
    EXPECT_C_TRUE(value[5] == 0 && signbit(value[5]));
    gbt_table_free(table);
}

TEST_C(Libsvm, TheLargestIndexFits)
{
    gbt_table *table = read_text("1 0:1 2147483646:2\n");
    ASSERT_C_TRUE(table != NULL);
    EXPECT_C_EQ_INT(table->sparse->n_columns, INT32_MAX);
    EXPECT_C_EQ_INT(table->sparse->column[1], INT32_MAX - 1);
    gbt_table_free(table);
}

TEST_C(Libsvm, EveryNumberIsTheDoubleOfStrtodRoundedToFloat)
{
    enum { N = 40000 };
    char *text = malloc((size_t)N * 48);
    float *want = malloc(sizeof(float) * N);
    size_t n = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t draw = gbt_rng_u64(3, i);
        if (i % 10 == 0) {
            n += (size_t)sprintf(text + n, "%s1", i > 0 ? "\n" : "");
        }
        n += (size_t)sprintf(text + n, " %d:", (int)(i % 10) + 1);
        size_t start = n;
        n += (size_t)sprintf(text + n, draw & 1 ? "%.*g" : "%.*f", (int)(draw >> 8 & 15) + 1,
                             (double)(int64_t)draw * 0x1p-58);
        want[i] = (float)strtod(text + start, NULL);
    }
    gbt_table *table = NULL;
    if (EXPECT_C_OK(read_bytes(text, n, &usual, 0, &table)) &&
        EXPECT_C_EQ_INT(table->sparse->row_start[table->n_rows], N)) {
        EXPECT_C_EQ_BYTES(table->sparse->value, want, sizeof(float) * N);
    }
    gbt_table_free(table);
    free(text);
    free(want);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void expect_refused(const char *text, size_t size, int32_t base, const char *message)
{
    static const size_t chunks[] = {1, 9, 70, 0};
    for (int i = 0; i < 8; i++) {
        gbt_libsvm_options options = {.threads = 1 + i % 2 * 2, .index_base = base};
        gbt_table *table = NULL;
        if (!EXPECT_C_STATUS(read_bytes(text, size, &options, chunks[i / 2], &table),
                             GBT_ERR_FORMAT) ||
            !EXPECT_C_EQ_TEXT(gbt_last_error(), message)) {
            FAIL_C(text);
            gbt_table_free(table);
            return;
        }
    }
}

TEST_C(Libsvm, MalformedFilesAreRefusedWithTheirPlace)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"1 1:2\nx 1:2\n", "t.svm:2:1: 'x' is not a label, expected a number"},
        {"1 1:2\n1,,2 1:2\n", "t.svm:2:3: ',2' is not a label, expected a number"},
        {"1, 1:2\n", "t.svm:1:3: '' is not a label, expected a number"},
        {"1 1:2 2\n", "t.svm:1:7: '2' lacks its value, expected index:value"},
        {"1 1:2\n0 3 4:5\n", "t.svm:2:3: '3' lacks its value, expected index:value"},
        {"1 1:\n", "t.svm:1:5: '' is not a value, expected a number"},
        {"1 1:2x 2:3\n", "t.svm:1:5: '2x' is not a value, expected a number"},
        {"1 1:2:3\n", "t.svm:1:5: '2:3' is not a value, expected a number"},
        {"1 1:0x10\n", "t.svm:1:5: '0x10' is not a value, expected a number"},
        {"1 1:2,3\n", "t.svm:1:5: '2,3' is not a value, expected a number"},
        {"1 a:2\n", "t.svm:1:3: 'a:2' is not an entry, expected index:value"},
        {"1 1.5:2\n", "t.svm:1:3: '1.5:2' is not an entry, expected index:value"},
        {"1 :2\n", "t.svm:1:3: ':2' is not an entry, expected index:value"},
        {"1 1 :2\n", "t.svm:1:3: '1' lacks its value, expected index:value"},
        {"1 1:1 -2:2\n", "t.svm:1:7: '-2:2' has a negative index, expected 0 or more"},
        {"1 1:1 2147483647:2\n", "t.svm:1:7: '2147483647:2' has an index beyond 2147483646"},
        {"1 99999999999999999999999999:2\n",
         "t.svm:1:3: '99999999999999999999999999:2' has an index beyond 2147483646"},
        {"1 1:1\n\n# c\n1 3:1 2:2\n",
         "t.svm:4:7: '2:2' has an index that is not larger than the one before it"},
        {"1 3:1 3:2\r\n",
         "t.svm:1:7: '3:2' has an index that is not larger than the one before it"},
        {"1 0:1 0:2\n", "t.svm:1:7: '0:2' has an index that is not larger than the one before it"},
        {"1 qid:x 1:1\n", "t.svm:1:7: 'x' is not a query number, expected an integer of 32 bits"},
        {"1 qid:2147483648 1:1\n",
         "t.svm:1:7: '2147483648' is not a query number, expected an integer of 32 bits"},
        {"1 1:1 qid:3\n", "t.svm:1:7: 'qid:3' is not an entry, expected index:value"},
        {"1 qid:1 1:1\n 0 1:1\n",
         "t.svm:2:2: '0' begins a row unlike the first one: expected qid: in every row or in none"},
        {"1 1:1\n0 qid:1 1:1\n",
         "t.svm:2:1: '0' begins a row unlike the first one: expected qid: in every row or in none"},
        {"# nothing\n\n", "t.svm: no rows"},
        /* Of two faults the first one is told. */
        {"1 1:1\n0 qid:1 1:1\nx\n",
         "t.svm:2:1: '0' begins a row unlike the first one: expected qid: in every row or in none"},
        {"1 1:1\nx\n0 qid:1 1:1\n", "t.svm:2:1: 'x' is not a label, expected a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_refused(cases[i].text, strlen(cases[i].text), -1, cases[i].message);
    }
}

TEST_C(Libsvm, IndexZeroUnderBaseOneIsRefused)
{
    const char *text = "1 1:1\n0 0:1 4:2\n";
    expect_refused(text, strlen(text), 1,
                   "t.svm:2:3: '0:1' has index 0, but indices begin at 1 here");
}

TEST_C(Libsvm, NulBytesAreRefused)
{
    expect_refused("1 1:1\n\0\n", 8, -1, "t.svm:2:1: '?' is not a label, expected a number");
    expect_refused("1 1:1\0\n", 7, -1, "t.svm:1:6: '?' is not an entry, expected index:value");
    expect_refused("1 1:\0001\n", 7, -1, "t.svm:1:5: '?1' is not a value, expected a number");
}

/* ---- Rows, blocks, threads, memory ----------------------------------------------------------- */

TEST_C(Libsvm, APreviewHasTheFirstRowsAndSeesNothingBeyond)
{
    const char *text = "1 1:1 2:2\n# c\n2,7 1:2\n3 9:9\nx\n";
    for (int64_t n = 1; n <= 3; n++) {
        for (size_t chunk = 1; chunk < 60; chunk += 7) {
            gbt_libsvm_options options = {.max_rows = n, .threads = 3, .index_base = -1};
            gbt_table *table = NULL;
            ASSERT_C_OK(read_bytes(text, strlen(text), &options, chunk, &table));
            EXPECT_C_EQ_INT(table->n_rows, n);
            EXPECT_C_EQ_INT(table->sparse->row_start[n], n + 1);
            EXPECT_C_EQ_INT(table->sparse->n_columns, n == 3 ? 9 : 2);
            EXPECT_C_EQ_INT(table->sparse->n_labels, n == 1 ? 1 : 2);
            gbt_table_free(table);
        }
    }
}

/* The sparse rows of synth.h as text, with queries; returns its size. */
static size_t make_rows(char *out, int64_t n_rows)
{
    gbt_synth_spec spec = {.kind = GBT_SYNTH_SPARSE, .seed = 4};
    size_t n = 0;
    (void)gbt_synth_complete(&spec);
    for (int64_t row = 0; row < n_rows; row++) {
        int32_t column[GBT_SYNTH_MOST_ENTRIES];
        float value[GBT_SYNTH_MOST_ENTRIES], label;
        int32_t n_entries = gbt_synth_sparse_row(&spec, row, column, value, &label);
        n += (size_t)sprintf(out + n, "%g%s qid:%d", (double)label, row % 13 == 0 ? ",2" : "",
                             (int)row / 5);
        for (int32_t k = 0; k < n_entries; k++) {
            n += (size_t)sprintf(out + n, " %d:%g", column[k], (double)value[k]);
        }
        n += (size_t)sprintf(out + n, row % 7 == 0 ? " # %d\r\n\n" : "\n", (int)row);
    }
    return n;
}

TEST_C(Libsvm, ChunksThreadsAndGzipDoNotShow)
{
    enum { ROWS = 1500 };
    char *text = malloc((size_t)ROWS * GBT_SYNTH_MOST_ENTRIES * 14);
    size_t size = make_rows(text, ROWS);
    gbt_libsvm_options options = {.threads = 1, .index_base = -1};
    gbt_table *want = NULL;
    if (EXPECT_C_OK(read_bytes(text, size, &options, 1 << 30, &want))) {
        EXPECT_C_EQ_INT(want->n_rows, ROWS);
        EXPECT_C_EQ_INT(want->sparse->index_base, 0);
        EXPECT_C_EQ_INT(want->sparse->query[ROWS - 1], (ROWS - 1) / 5);
        static const size_t chunks[] = {3, 500, 4096, 40000, 0};
        for (int i = 0; i < 10; i++) {
            gbt_table *table = NULL;
            options.threads = 1 + i % 2 * 3;
            if (EXPECT_C_OK(read_bytes(text, size, &options, chunks[i / 2], &table))) {
                EXPECT_C_TRUE(same_tables(want, table));
            }
            gbt_table_free(table);
        }
        temp_dir folder;
        char path[TEMP_DIR_PATH];
        gbt_table *table = NULL;
        EXPECT_C_TRUE(temp_dir_open(&folder));
        temp_dir_file(&folder, "rows.svm.gz", path);
        gzFile file = gzopen(path, "wb");
        EXPECT_C_EQ_INT(gzwrite(file, text, (unsigned)size), size);
        (void)gzclose(file);
        EXPECT_C_TRUE(gbt_libsvm_read(path, &usual, &table) == GBT_OK && same_tables(want, table));
        gbt_table_free(table);
        temp_dir_close(&folder);
    }
    gbt_table_free(want);
    free(text);
}

TEST_C(Libsvm, RefusedMemoryIsReportedAndNothingLeaks)
{
    static char text[30 * GBT_SYNTH_MOST_ENTRIES * 14];
    size_t size = make_rows(text, 30);
    for (int64_t n = 1; n < 10000; n++) {
        gbt_table *table = NULL;
        fail_alloc_install(n);
        gbt_status status = read_bytes(text, size, &usual, 100, &table);
        gbt_table_free(table);
        bool refused = fail_alloc_refused();
        bool is_good = EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            EXPECT_C_TRUE(n > 15);
            return;
        }
        if (!EXPECT_C_STATUS(status, GBT_ERR_MEMORY) || !is_good) {
            return;
        }
    }
    FAIL_C("reading never stopped asking for memory");
}
