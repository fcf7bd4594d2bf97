/* Arrow streams against a plain reading of the same values: every type, offsets, bitmaps, several
 * batches with dictionaries of their own, types that are refused, arrays that do not follow the
 * interface, streams that fail. The stream is released in every case. */
#include "datasets/arrow.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { MOST_COLUMNS = 8, MOST_BATCHES = 4 };

/* ---- A producer ------------------------------------------------------------------------------ */

/* Everything belongs to the test; releases are counted. */
typedef struct producer {
    struct ArrowSchema root, column[MOST_COLUMNS], value[MOST_COLUMNS];
    struct ArrowSchema *columns[MOST_COLUMNS];
    struct ArrowArray batch[MOST_BATCHES], array[MOST_BATCHES][MOST_COLUMNS],
        entries[MOST_BATCHES][MOST_COLUMNS];
    struct ArrowArray *arrays[MOST_BATCHES][MOST_COLUMNS];
    const void *buffers[MOST_BATCHES][MOST_COLUMNS][6],
        *entry_buffers[MOST_BATCHES][MOST_COLUMNS][6];
    int32_t n_columns, n_batches, next;
    int schema_code, next_code,
        code_at; /* codes that the functions give; next_code in batch code_at */
    int n_schemas, n_arrays, n_streams; /* handed out and not released */
    struct ArrowArrayStream stream;
} producer;

static const void *const root_buffers[1] = {NULL};

static void release_schema(struct ArrowSchema *schema)
{
    ((producer *)schema->private_data)->n_schemas--;
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    ((producer *)array->private_data)->n_arrays--;
    array->release = NULL;
}

static void release_stream(struct ArrowArrayStream *stream)
{
    ((producer *)stream->private_data)->n_streams--;
    stream->release = NULL;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    producer *p = stream->private_data;
    if (p->schema_code == 0) {
        *out = p->root;
        p->n_schemas++;
    }
    return p->schema_code;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    producer *p = stream->private_data;
    if (p->next_code != 0 && p->next == p->code_at) {
        return p->next_code;
    }
    *out = (struct ArrowArray){0};
    if (p->next < p->n_batches) {
        *out = p->batch[p->next++];
        p->n_arrays++;
    }
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "the disk is gone\nat line 5";
}

static producer *open_producer(int32_t n_batches)
{
    producer *p = calloc(1, sizeof *p);
    EXPECT_C_TRUE(p != NULL);
    p->n_batches = n_batches;
    p->root = (struct ArrowSchema){.format = "+s",
                                   .name = "",
                                   .children = p->columns,
                                   .release = release_schema,
                                   .private_data = p};
    for (int b = 0; b < n_batches; b++) {
        p->batch[b] = (struct ArrowArray){.n_buffers = 1,
                                          .buffers = (const void **)root_buffers,
                                          .children = p->arrays[b],
                                          .release = release_array,
                                          .private_data = p};
    }
    p->n_streams = 1;
    p->stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_stream, p};
    return p;
}

/* Adds a column; `value`: the format of its dictionary, or NULL. */
static int32_t add_column(producer *p, const char *name, const char *format, const char *value)
{
    const int32_t c = p->n_columns++;
    p->root.n_children = p->n_columns;
    p->value[c] = (struct ArrowSchema){.format = value, .name = ""};
    p->column[c] = (struct ArrowSchema){
        .format = format, .name = name, .dictionary = value != NULL ? &p->value[c] : NULL};
    p->columns[c] = &p->column[c];
    for (int b = 0; b < p->n_batches; b++) {
        p->batch[b].n_children = p->n_columns;
        p->arrays[b][c] = &p->array[b][c];
    }
    return c;
}

/* An array with buffers `mask`, `cells`, `bytes` (NULL: not there); nulls are not counted. */
static struct ArrowArray array_of(const void **buffers, int64_t length, int64_t offset,
                                  const void *mask, const void *cells, const void *bytes)
{
    buffers[0] = mask;
    buffers[1] = cells;
    buffers[2] = bytes;
    return (struct ArrowArray){.length = length,
                               .null_count = mask != NULL ? -1 : 0,
                               .offset = offset,
                               .n_buffers = bytes != NULL ? 3 : 2,
                               .buffers = buffers};
}

static void set_cells(producer *p, int b, int32_t c, int64_t length, int64_t offset,
                      const void *mask, const void *cells, const void *bytes)
{
    p->array[b][c] = array_of(p->buffers[b][c], length, offset, mask, cells, bytes);
    p->batch[b].length = length;
}

static void set_dictionary(producer *p, int b, int32_t c, int64_t length, int64_t offset,
                           const void *mask, const void *cells, const void *bytes)
{
    p->entries[b][c] = array_of(p->entry_buffers[b][c], length, offset, mask, cells, bytes);
    p->array[b][c].dictionary = &p->entries[b][c];
}

/* Reads the stream; it and all that came from it must be released, whatever happened. */
static gbt_status read_all(producer *p, const gbt_frame_options *options, gbt_table **out)
{
    static const char *const missing[] = {"NA"};
    const gbt_frame_options usual = {
        .source = "frame", .missing = missing, .n_missing = 1, .threads = 2};
    *out = NULL;
    const gbt_status status = gbt_arrow_read(&p->stream, options != NULL ? options : &usual, out);
    EXPECT_C_EQ_INT(p->n_schemas, 0);
    EXPECT_C_EQ_INT(p->n_arrays, 0);
    EXPECT_C_EQ_INT(p->n_streams, 0);
    EXPECT_C_TRUE(p->stream.release == NULL);
    EXPECT_C_TRUE((*out != NULL) == (status == GBT_OK));
    return status;
}

static const char *text_at(const gbt_table_column *column, int64_t row)
{
    const int32_t code = column->code[row];
    return code < 0 ? "" : column->dictionary.text[code];
}

/* ---- Numbers --------------------------------------------------------------------------------- */

enum { CELLS = 12, OFFSET = 3 };

/* The value k - 4 (signed, floats) or k of cell k in the format. */
static void fill_number(const char *format, int k, unsigned char *to)
{
    static const uint16_t halves[] = {0xC400, 0xC200, 0xC000, 0xBC00, 0x0000, 0x3C00,
                                      0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700};
    const int64_t whole = strchr("csil", *format) ? k - 4 : k;
    const float single = (float)(k - 4);
    const double number = k - 4;
    if (*format == 'e') {
        memcpy(to, &halves[k], 2);
    } else if (*format == 'f') {
        memcpy(to, &single, 4);
    } else if (*format == 'g') {
        memcpy(to, &number, 8);
    } else {
        memcpy(to, &whole, 8);
    }
}

TEST_C(Arrow, NumbersOfEveryTypeAreReadWithOffsetAndBitmap)
{
    static const struct {
        const char *format;
        size_t size;
    } types[] = {{"c", 1}, {"C", 1}, {"s", 2}, {"S", 2}, {"i", 4}, {"I", 4},
                 {"l", 8}, {"L", 8}, {"e", 2}, {"f", 4}, {"g", 8}};
    static const uint8_t mask[2] = {0xB7, 0x0D}; /* 1110 1101 1011 */
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (int way = 0; way < 4; way++) { /* the offset in the array, or in the batch; a bitmap */
            unsigned char cells[CELLS * 8];
            for (int k = 0; k < CELLS; k++) {
                unsigned char wide[8] = {0};
                fill_number(types[t].format, k, wide);
                memcpy(cells + (size_t)k * types[t].size, wide, types[t].size);
            }
            producer *p = open_producer(1);
            const int32_t c = add_column(p, "x", types[t].format, NULL);
            const void *bits = way & 2 ? mask : NULL;
            set_cells(p, 0, c, CELLS - (way & 1 ? OFFSET : 0), way & 1 ? OFFSET : 0, bits, cells,
                      NULL);
            if (!(way & 1)) {
                p->batch[0].offset = OFFSET;
                p->batch[0].length = CELLS - OFFSET;
            }
            gbt_table *table = NULL;
            ASSERT_C_OK(read_all(p, NULL, &table));
            ASSERT_C_EQ_INT(table->n_rows, CELLS - OFFSET);
            const bool is_signed = strchr("csilefg", *types[t].format) != NULL;
            for (int k = OFFSET; k < CELLS; k++) {
                const float got = table->column[0].number[k - OFFSET];
                if (bits != NULL && !(mask[k / 8] >> k % 8 & 1)) {
                    EXPECT_C_TRUE(isnan(got));
                } else {
                    EXPECT_C_NEAR((double)got, is_signed ? k - 4 : k, 0);
                }
            }
            gbt_table_free(table);
            free(p);
        }
    }
}

TEST_C(Arrow, BoolsAreBitsAndNullsHaveNoBuffers)
{
    static const uint8_t bits[2] = {0xA6, 0x05}, mask[2] = {0xFB, 0x07};
    producer *p = open_producer(1);
    const int32_t b = add_column(p, "b", "b", NULL), n = add_column(p, "n", "n", NULL);
    set_cells(p, 0, b, 10, 1, mask, bits, NULL);
    p->array[0][n] = (struct ArrowArray){.length = 10, .null_count = 10};
    gbt_table *table = NULL;
    ASSERT_C_OK(read_all(p, NULL, &table));
    for (int i = 0; i < 10; i++) {
        const int at = i + 1;
        const float got = table->column[0].number[i];
        EXPECT_C_TRUE(at == 2 ? isnan(got) : (int)got == (bits[at / 8] >> at % 8 & 1));
        EXPECT_C_TRUE(isnan(table->column[1].number[i]));
    }
    EXPECT_C_EQ_INT(table->column[0].n_missing, 1);
    EXPECT_C_EQ_INT(table->column[1].n_missing, 10);
    gbt_table_free(table);
    free(p);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

enum { N_WORDS = 8 };

/* Word 3 is missing by the bitmap, 5 is empty and 6 is the token NA. */
static const char *const word[N_WORDS] = {
    "pear", "a word of more than twelve bytes", "apple", "masked", "twelve bytes", "", "NA",
    "pear"};
static const uint8_t word_mask[1] = {0xF7};

typedef struct words {
    char bytes[128];
    int32_t narrow[N_WORDS + 1];
    int64_t wide[N_WORDS + 1];
    int32_t view[N_WORDS][4];
    int64_t sizes[2]; /* of the two buffers that the views point into */
} words;

static void fill_words(words *w)
{
    memset(w, 0, sizeof *w);
    for (int i = 0; i < N_WORDS; i++) {
        const size_t size = strlen(word[i]);
        memcpy(w->bytes + w->narrow[i], word[i], size);
        w->narrow[i + 1] = w->narrow[i] + (int32_t)size;
        w->wide[i + 1] = w->narrow[i + 1];
        w->view[i][0] = (int32_t)size;
        memcpy(&w->view[i][1], word[i], size < 12 ? size : 12);
        if (size > 12) {
            w->view[i][2] = 1;
            w->view[i][3] = w->narrow[i];
        }
    }
    w->sizes[0] = 0;
    w->sizes[1] = w->narrow[N_WORDS];
}

/* Makes the arrays of words in one of the three layouts. */
static void set_words(struct ArrowArray *array, const char *format, const words *w)
{
    const void *cells = *format == 'u'   ? (const void *)w->narrow
                        : *format == 'U' ? (const void *)w->wide
                                         : (const void *)w->view;
    *array = array_of(array->buffers, N_WORDS, 0, word_mask, cells, w->bytes);
    if (*format == 'v') {
        array->buffers[2] = "";
        array->buffers[3] = w->bytes;
        array->buffers[4] = w->sizes;
        array->n_buffers = 5;
    }
}

static void expect_words(const gbt_table_column *column, int64_t first)
{
    ASSERT_C_TRUE(column->is_text && column->code != NULL);
    EXPECT_C_EQ_INT(column->dictionary.n, 4);
    for (int i = 0; i < N_WORDS; i++) {
        EXPECT_C_EQ_TEXT(text_at(column, first + i), i == 3 || i == 6 ? "" : word[i]);
    }
}

static const char *const layouts[] = {"u", "U", "vu"};

TEST_C(Arrow, TextsOfAllLayoutsAreTheSame)
{
    words w;
    fill_words(&w);
    for (int l = 0; l < 3; l++) {
        producer *p = open_producer(2);
        const int32_t c = add_column(p, "word", layouts[l], NULL);
        for (int b = 0; b < 2; b++) {
            p->array[b][c].buffers = p->buffers[b][c];
            set_words(&p->array[b][c], layouts[l], &w);
            p->batch[b].length = N_WORDS;
        }
        gbt_table *table = NULL;
        ASSERT_C_OK(read_all(p, NULL, &table));
        ASSERT_C_EQ_INT(table->n_rows, 2 * N_WORDS);
        expect_words(&table->column[0], 0);
        expect_words(&table->column[0], N_WORDS);
        EXPECT_C_EQ_INT(table->column[0].n_missing, 6);
        gbt_table_free(table);
        free(p);
    }
}

TEST_C(Arrow, DictionariesMayDifferFromBatchToBatch)
{
    static const int8_t first_codes[] = {7, 3, 1, -1, 0, 6};
    static const int32_t start[] = {0, 3, 8, 12};
    static const int8_t second_codes[] = {0, 1, 2, 1, 0, 0};
    static const uint8_t second_mask[] = {0x1F};
    static const char *const want[] = {"pear",  "",      "a word of more than twelve bytes",
                                       "",      "pear",  "",
                                       "zoo",   "apple", "pear",
                                       "apple", "zoo",   ""};
    words w;
    fill_words(&w);
    for (int l = 0; l < 3; l++) {
        producer *p = open_producer(2);
        const int32_t c = add_column(p, "word", "c", layouts[l]);
        set_cells(p, 0, c, 6, 0, NULL, first_codes, NULL);
        p->entries[0][c].buffers = p->entry_buffers[0][c];
        set_words(&p->entries[0][c], layouts[l], &w);
        p->array[0][c].dictionary = &p->entries[0][c];
        set_cells(p, 1, c, 6, 0, second_mask, second_codes, NULL);
        if (l == 0) {
            set_dictionary(p, 1, c, 3, 0, NULL, start, "zooapplepear");
        } else if (l == 1) {
            static const int64_t wide[] = {0, 0, 3, 8, 12};
            set_dictionary(p, 1, c, 3, 1, NULL, wide, "zooapplepear");
        } else {
            static int32_t views[3][4] = {{3, 0, 0, 0}, {5, 0, 0, 0}, {4, 0, 0, 0}};
            memcpy(&views[0][1], "zoo", 3);
            memcpy(&views[1][1], "apple", 5);
            memcpy(&views[2][1], "pear", 4);
            set_dictionary(p, 1, c, 3, 0, NULL, views, NULL);
            p->entries[1][c].n_buffers = 3;
        }
        gbt_table *table = NULL;
        ASSERT_C_OK(read_all(p, NULL, &table));
        for (int i = 0; i < 12; i++) {
            EXPECT_C_EQ_TEXT(text_at(&table->column[0], i), want[i]);
        }
        EXPECT_C_EQ_INT(table->column[0].dictionary.n, 4);
        gbt_table_free(table);
        free(p);
    }
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

static gbt_csv_kind kind_by_name(void *context, const gbt_frame_column *column, int32_t index)
{
    (void)context;
    (void)index;
    return column->name[0] == 't'   ? GBT_CSV_TEXT
           : column->name[0] == 'n' ? GBT_CSV_NUMBER
           : column->name[0] == 's' ? GBT_CSV_SKIP
                                    : GBT_CSV_AUTO;
}

TEST_C(Arrow, DictionariesOfNumbersAreNumbersOrTextsAsAskedFor)
{
    static const uint32_t codes[] = {2, 0, 1, 2};
    static const int64_t numbers[] = {70, -5, INT64_C(9007199254740993)};
    static const int32_t start[] = {0, 2, 3, 8};
    const gbt_frame_options options = {.source = "frame", .kind_of = kind_by_name};
    producer *p = open_producer(1);
    const int32_t text = add_column(p, "text", "I", "l"),
                  free_choice = add_column(p, "x", "I", "l");
    const int32_t number = add_column(p, "number", "I", "u");
    const int32_t skipped = add_column(p, "skipped", "+l", NULL);
    (void)skipped;
    set_cells(p, 0, text, 4, 0, NULL, codes, NULL);
    set_dictionary(p, 0, text, 3, 0, NULL, numbers, NULL);
    set_cells(p, 0, free_choice, 4, 0, NULL, codes, NULL);
    set_dictionary(p, 0, free_choice, 3, 0, NULL, numbers, NULL);
    set_cells(p, 0, number, 4, 0, NULL, codes, NULL);
    set_dictionary(p, 0, number, 3, 0, NULL, start, "12 -1e-3");
    gbt_table *table = NULL;
    ASSERT_C_OK(read_all(p, &options, &table));
    EXPECT_C_EQ_TEXT(text_at(&table->column[0], 0), "9007199254740993");
    EXPECT_C_EQ_TEXT(text_at(&table->column[0], 1), "70");
    EXPECT_C_NEAR((double)table->column[1].number[0], 9007199254740992.0, 0);
    EXPECT_C_NEAR((double)table->column[1].number[2], -5, 0);
    EXPECT_C_NEAR((double)table->column[2].number[1], 12, 0);
    EXPECT_C_NEAR((double)table->column[2].number[3], (double)-1e-3f, 0);
    EXPECT_C_TRUE(isnan(table->column[2].number[2]));
    EXPECT_C_TRUE(table->column[3].number == NULL && table->column[3].code == NULL);
    gbt_table_free(table);
    free(p);
}

TEST_C(Arrow, OtherTypesAreRefusedByNameAndFormatWithAdvice)
{
    static const char *const refused[][3] = {{"tdD", "a date", "make numbers"},
                                             {"tdm", "a date", "make numbers"},
                                             {"ttu", "a time of day", "make numbers"},
                                             {"tsn:UTC", "a timestamp", "make numbers"},
                                             {"tDs", "a duration", "make numbers"},
                                             {"tiM", "an interval", "make numbers"},
                                             {"d:10,2", "a decimal", "floating"},
                                             {"d:40,2,256", "a decimal", "floating"},
                                             {"z", "binary", "text"},
                                             {"Z", "binary", "text"},
                                             {"vz", "binary", "text"},
                                             {"w:16", "binary", "text"},
                                             {"+l", "a list", "each part"},
                                             {"+L", "a list", "each part"},
                                             {"+vl", "a list", "each part"},
                                             {"+w:3", "a list", "each part"},
                                             {"+s", "a struct", "each part"},
                                             {"+m", "a map", "each part"},
                                             {"+ud:0", "a union", "each part"},
                                             {"+r", "run-end encoded", "decode"},
                                             {"?", "of an unknown type", "cast"},
                                             {"ix", "of an unknown type", "cast"},
                                             {"", "of an unknown type", "cast"}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        for (int as_value = 0; as_value < 2; as_value++) {
            producer *p = open_producer(1);
            add_column(p, "when", as_value ? "i" : refused[i][0], as_value ? refused[i][0] : NULL);
            gbt_table *table = NULL;
            EXPECT_C_STATUS(read_all(p, NULL, &table), GBT_ERR_DATA);
            char format[32];
            (void)snprintf(format, sizeof format, "(Arrow format \"%s\")", refused[i][0]);
            EXPECT_C_HAS_TEXT(gbt_last_error(), "frame: column \"when\" is ");
            EXPECT_C_HAS_TEXT(gbt_last_error(), format);
            EXPECT_C_HAS_TEXT(gbt_last_error(), refused[i][1]);
            EXPECT_C_HAS_TEXT(gbt_last_error(), refused[i][2]);
            EXPECT_C_HAS_TEXT(gbt_last_error(), "ignore");
            free(p);
        }
    }
    producer *p = open_producer(1);
    add_column(p, "coded", "f", "u");
    gbt_table *table = NULL;
    EXPECT_C_STATUS(read_all(p, NULL, &table), GBT_ERR_DATA);
    free(p);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static const float some_floats[] = {1, 2, 3, 4};
static const int8_t some_codes[] = {0, 1, 2, 0};
static const int32_t some_starts[] = {0, 1, 2, 3, 4};

/* Columns x (float), t (text), v (text views), d (dictionary), all of four rows. */
static producer *sound_producer(void)
{
    static int32_t views[4][4] = {{1, 'a', 0, 0}, {0}, {13, 'a', 0, 0}, {2, 'a', 0, 0}};
    static const int64_t sizes[1] = {13};
    producer *p = open_producer(2);
    for (int c = 0; c < 4; c++) {
        static const char *const name[] = {"x", "t", "v", "d"}, *const format[] = {"f", "u", "vu",
                                                                                   "c"};
        add_column(p, name[c], format[c], c == 3 ? "u" : NULL);
    }
    memcpy(&views[3][1], "ab", 2);
    for (int b = 0; b < 2; b++) {
        set_cells(p, b, 0, 4, 0, NULL, some_floats, NULL);
        set_cells(p, b, 1, 4, 0, NULL, some_starts, "abcd");
        set_cells(p, b, 2, 4, 0, NULL, views, "aaaaaaaaaaaaa");
        p->array[b][2].n_buffers = 4;
        p->buffers[b][2][3] = sizes;
        set_cells(p, b, 3, 4, 0, NULL, some_codes, NULL);
        set_dictionary(p, b, 3, 3, 0, NULL, some_starts, "abc");
    }
    return p;
}

static void expect_fault(producer *p, gbt_status want, const char *message)
{
    gbt_table *table = NULL;
    EXPECT_C_STATUS(read_all(p, NULL, &table), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), message);
    gbt_table_free(table);
    free(p);
}

/* A fault in the second batch of a sound stream. */
#define EXPECT_FAULT(change, want, message) \
    do {                                    \
        producer *p = sound_producer();     \
        change;                             \
        expect_fault(p, (want), (message)); \
    } while (0)

TEST_C(Arrow, TheSoundStreamOfTheFaultTestsIsSound)
{
    producer *p = sound_producer();
    gbt_table *table = NULL;
    ASSERT_C_OK(read_all(p, NULL, &table));
    EXPECT_C_EQ_INT(table->n_rows, 8);
    EXPECT_C_EQ_TEXT(text_at(&table->column[2], 6), "aaaaaaaaaaaaa");
    EXPECT_C_EQ_TEXT(text_at(&table->column[2], 7), "ab");
    EXPECT_C_EQ_TEXT(text_at(&table->column[3], 6), "c");
    gbt_table_free(table);
    free(p);
}

TEST_C(Arrow, ArraysThatDoNotFollowTheInterfaceAreRefused)
{
    static const int32_t falling[] = {0, 1, 3, 2, 4}, negative[] = {-3, -2, -1, 0, 4},
                         past_last[] = {0, 1, 9, 9, 4};
    static const int8_t past_end[] = {0, 1, 3, 0};
    static const int32_t long_view[4][4] = {{14, 0, 0, 0}, {0}, {0}, {0}},
                         other_buffer[4][4] = {{13, 0, 1, 0}, {0}, {0}, {0}},
                         below[4][4] = {{13, 0, -1, 0}, {0}, {0}, {0}},
                         before[4][4] = {{13, 0, 0, -1}, {0}, {0}, {0}},
                         negative_view[4][4] = {{-1, 0, 0, 0}, {0}, {0}, {0}};
    const gbt_status bad = GBT_ERR_ARGUMENT;
    EXPECT_FAULT(p->batch[1].n_children = 3, bad, "has 3 columns, its schema 4");
    EXPECT_FAULT(p->batch[1].children = NULL, bad, "columns");
    EXPECT_FAULT(p->batch[1].length = -1, bad, "length -1");
    EXPECT_FAULT(p->batch[1].offset = -1, bad, "offset -1");
    EXPECT_FAULT(p->batch[1].offset = 1, bad, "too few cells");
    EXPECT_FAULT(p->batch[1].length = 5, bad, "too few cells");
    EXPECT_FAULT(p->batch[1].null_count = 1, bad, "missing as a whole");
    EXPECT_FAULT(p->arrays[1][0] = NULL, bad, "column \"x\"");
    EXPECT_FAULT(p->array[1][0].length = 3, bad, "column \"x\"");
    EXPECT_FAULT(p->array[1][0].offset = -1, bad, "offset");
    EXPECT_FAULT(p->array[1][0].offset = INT64_MAX, bad, "offset");
    EXPECT_FAULT(p->array[1][0].n_buffers = 1, bad, "buffers: 1");
    EXPECT_FAULT(p->array[1][0].n_buffers = 3, bad, "buffers: 3");
    EXPECT_FAULT(p->array[1][0].buffers = NULL, bad, "no cells");
    EXPECT_FAULT(p->buffers[1][0][1] = NULL, bad, "no cells");
    EXPECT_FAULT(p->array[1][0].null_count = 2, bad, "null_count = 2");
    EXPECT_FAULT(p->array[1][0].dictionary = &p->entries[1][3], bad, "dictionaries");
    EXPECT_FAULT(p->array[1][3].dictionary = NULL, bad, "dictionaries");
    EXPECT_FAULT(p->array[1][1].n_buffers = 2, bad, "buffers: 2");
    EXPECT_FAULT(p->buffers[1][1][1] = falling, bad, "column \"t\", data row 7 (from 1)");
    EXPECT_FAULT(p->buffers[1][1][1] = negative, bad, "column \"t\", data row 5");
    EXPECT_FAULT(p->buffers[1][1][1] = past_last, bad, "column \"t\", data row 6");
    EXPECT_FAULT(p->buffers[1][1][2] = NULL, bad, "column \"t\", data row 5");
    EXPECT_FAULT(p->array[1][2].n_buffers = 2, bad, "buffers: 2");
    EXPECT_FAULT(p->buffers[1][2][3] = NULL, bad, "sizes");
    EXPECT_FAULT(p->buffers[1][2][2] = NULL, bad, "column \"v\", data row 7");
    EXPECT_FAULT(p->buffers[1][2][1] = long_view, bad, "column \"v\", data row 5");
    EXPECT_FAULT(p->buffers[1][2][1] = other_buffer, bad, "column \"v\", data row 5");
    EXPECT_FAULT(p->buffers[1][2][1] = below, bad, "column \"v\", data row 5");
    EXPECT_FAULT(p->buffers[1][2][1] = before, bad, "column \"v\", data row 5");
    EXPECT_FAULT(p->buffers[1][2][1] = negative_view, bad, "column \"v\", data row 5");
    EXPECT_FAULT(p->entries[1][3].length = -1, bad, "length: -1");
    EXPECT_FAULT(p->entries[1][3].n_buffers = 2, bad, "buffers: 2");
    EXPECT_FAULT(p->entry_buffers[1][3][1] = falling, bad, "column \"d\", category 1");
    EXPECT_FAULT(p->buffers[1][3][1] = past_end, GBT_ERR_DATA, "column \"d\", data row 7");
    EXPECT_FAULT(p->buffers[1][1][2] = "a\xFFz!", GBT_ERR_DATA, "column \"t\", data row 6");
    EXPECT_FAULT(p->entry_buffers[1][3][2] = "a\xFFz", GBT_ERR_DATA, "column \"d\", category 1");
}

TEST_C(Arrow, SchemasThatAreNoRecordBatchesAreRefused)
{
    EXPECT_FAULT(p->root.format = "i", GBT_ERR_ARGUMENT, "record batches");
    EXPECT_FAULT(p->root.format = NULL, GBT_ERR_ARGUMENT, "record batches");
    EXPECT_FAULT(p->root.n_children = 0, GBT_ERR_ARGUMENT, "0 columns");
    EXPECT_FAULT(p->root.n_children = -1, GBT_ERR_ARGUMENT, "-1 columns");
    EXPECT_FAULT(p->root.children = NULL, GBT_ERR_ARGUMENT, "columns");
    EXPECT_FAULT(p->columns[2] = NULL, GBT_ERR_ARGUMENT, "column 2");
    EXPECT_FAULT(p->column[2].format = NULL, GBT_ERR_ARGUMENT, "column 2");
    EXPECT_FAULT(p->value[3].format = NULL, GBT_ERR_ARGUMENT, "column 3");
    EXPECT_FAULT(p->value[3].dictionary = &p->value[2], GBT_ERR_DATA, "column \"d\"");
    EXPECT_FAULT(p->column[2].name = NULL, GBT_ERR_ARGUMENT, "no name");
    EXPECT_FAULT(p->column[2].name = "x", GBT_ERR_ARGUMENT, "both called \"x\"");
}

TEST_C(Arrow, StreamsThatFailAreToldWithTheirReason)
{
    EXPECT_FAULT(p->schema_code = EIO, GBT_ERR_IO, "the disk is gone");
    EXPECT_C_TRUE(strchr(gbt_last_error(), '\n') == NULL);
    EXPECT_FAULT(p->schema_code = ENOMEM, GBT_ERR_MEMORY, "the disk is gone");
    EXPECT_FAULT((p->next_code = EINVAL, p->code_at = 1), GBT_ERR_IO, "the disk is gone");
    EXPECT_FAULT((p->next_code = EINVAL, p->stream.get_last_error = NULL), GBT_ERR_IO, "code 22");
    EXPECT_FAULT(p->n_batches = 0, GBT_ERR_DATA, "no rows");
    EXPECT_FAULT((p->batch[0].length = 0, p->batch[1].length = 0), GBT_ERR_DATA, "no rows");
    gbt_table *table = NULL;
    const gbt_frame_options options = {.source = "frame"};
    struct ArrowArrayStream released = {0};
    EXPECT_C_STATUS(gbt_arrow_read(&released, &options, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "once only");
    EXPECT_C_STATUS(gbt_arrow_read(NULL, &options, &table), GBT_ERR_ARGUMENT);
}

TEST_C(Arrow, EveryAllocationMayFail)
{
    bool was_refused = true;
    int64_t n = 1;
    for (; was_refused && n < 1000; n++) {
        producer *p = sound_producer();
        gbt_table *table = NULL;
        fail_alloc_install(n);
        const gbt_status status = read_all(p, NULL, &table);
        was_refused = fail_alloc_refused();
        gbt_table_free(table);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_EQ_INT(status, was_refused ? GBT_ERR_MEMORY : GBT_OK);
        free(p);
    }
    EXPECT_C_TRUE(n > 20 && n < 1000);
}

/* ---- The public functions -------------------------------------------------------------------- */

static const float label_y[] = {1, 2, 4, 1};

static producer *labelled_producer(void)
{
    producer *p = sound_producer();
    const int32_t y = add_column(p, "y", "f", NULL);
    set_cells(p, 0, y, 4, 0, NULL, label_y, NULL);
    set_cells(p, 1, y, 4, 0, NULL, label_y, NULL);
    return p;
}

static gbt_table *read_file(const gbt_params *params, const char *text)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_table *table = NULL;
    EXPECT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, "t.csv", text, strlen(text), path));
    EXPECT_C_OK(gbt_table_read(params, path, NULL, &table));
    temp_dir_close(&dir);
    return table;
}

static void expect_same_bytes(const gbt_model *a, const gbt_model *b)
{
    size_t size_a = 0, size_b = 0;
    void *bytes_a = toy_bytes(a, &size_a), *bytes_b = toy_bytes(b, &size_b);
    ASSERT_C_EQ_INT(size_a, size_b);
    EXPECT_C_EQ_BYTES(bytes_a, bytes_b, size_a);
    gbt_memory_free(bytes_a);
    gbt_memory_free(bytes_b);
}

TEST_C(Arrow, AStreamAndItsCsvGiveTheSameModelBytesAndPredictions)
{
    static const char csv[] = "x,t,v,d,y\n1,a,a,a,1\n2,b,,b,2\n3,c,aaaaaaaaaaaaa,c,4\n4,d,ab,a,1\n"
                              "1,a,a,a,1\n2,b,,b,2\n3,c,aaaaaaaaaaaaa,c,4\n4,d,ab,a,1\n";
    gbt_params *params = toy_params("min_child_samples=1 min_data_in_bin=1 n_trees=4");
    producer *train = labelled_producer(), *test = sound_producer(), *valid = labelled_producer();
    gbt_table *table = NULL, *file = read_file(params, csv), *test_table = NULL, *like = NULL;
    ASSERT_C_OK(gbt_table_from_arrow(params, &train->stream, NULL, &table));
    EXPECT_C_EQ_INT(train->n_streams + train->n_arrays + train->n_schemas, 0);
    gbt_dataset *a = NULL, *b = NULL, *c = NULL;
    ASSERT_C_OK(gbt_dataset_from_table(params, table, NULL, &a));
    ASSERT_C_OK(gbt_dataset_from_table(params, file, NULL, &b));
    gbt_model *of_stream = toy_train(params, a), *of_file = toy_train(params, b);
    expect_same_bytes(of_stream, of_file);
    ASSERT_C_OK(gbt_table_from_arrow(params, &test->stream, of_file, &test_table));
    float from_stream[8], from_file[8];
    ASSERT_C_OK(
        gbt_model_predict_table(of_file, test_table, GBT_PREDICT_RAW, 0, 0, 0, from_stream, 8));
    ASSERT_C_OK(gbt_model_predict_table(of_file, file, GBT_PREDICT_RAW, 0, 0, 0, from_file, 8));
    EXPECT_C_EQ_BYTES(from_stream, from_file, sizeof from_file);
    ASSERT_C_OK(gbt_table_from_arrow_like(params, &valid->stream, b, &like));
    ASSERT_C_OK(gbt_dataset_from_table(params, like, b, &c));
    EXPECT_C_EQ_INT(gbt_dataset_rows(c), 8);
    gbt_table_free(table);
    gbt_table_free(file);
    gbt_table_free(test_table);
    gbt_table_free(like);
    gbt_dataset_free(a);
    gbt_dataset_free(b);
    gbt_dataset_free(c);
    gbt_model_free(of_stream);
    gbt_model_free(of_file);
    gbt_params_free(params);
    free(train);
    free(test);
    free(valid);
}

TEST_C(Arrow, CodedNumbersAreCategoriesOnlyAsFeatures)
{
    static const int8_t codes[] = {1, 0, 1, 0};
    static const int32_t numbers[] = {5, 3};
    gbt_params *params = toy_params("");
    producer *p = open_producer(1);
    const int32_t f = add_column(p, "f", "c", "i"), y = add_column(p, "y", "c", "i");
    set_cells(p, 0, f, 4, 0, NULL, codes, NULL);
    set_dictionary(p, 0, f, 2, 0, NULL, numbers, NULL);
    set_cells(p, 0, y, 4, 0, NULL, codes, NULL);
    set_dictionary(p, 0, y, 2, 0, NULL, numbers, NULL);
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_from_arrow(params, &p->stream, NULL, &table));
    EXPECT_C_TRUE(table->column[0].is_text);
    EXPECT_C_EQ_TEXT(text_at(&table->column[0], 0), "3");
    EXPECT_C_FALSE(table->column[1].is_text);
    EXPECT_C_NEAR((double)table->column[1].number[1], 5, 0);
    gbt_table_free(table);
    gbt_params_free(params);
    free(p);
}

TEST_C(Arrow, WrongArgumentsReleaseTheStreamToo)
{
    gbt_params *params = toy_params("");
    gbt_params *wrong = toy_params("weight=heavy");
    for (int way = 0; way < 4; way++) {
        producer *p = labelled_producer();
        gbt_table *table = NULL;
        const gbt_status status = way == 0   ? gbt_table_from_arrow(NULL, &p->stream, NULL, &table)
                                  : way == 1 ? gbt_table_from_arrow(params, &p->stream, NULL, NULL)
                                  : way == 2
                                      ? gbt_table_from_arrow_like(params, &p->stream, NULL, &table)
                                      : gbt_table_from_arrow(wrong, &p->stream, NULL, &table);
        EXPECT_C_STATUS(status, way == 3 ? GBT_ERR_PARAM : GBT_ERR_ARGUMENT);
        EXPECT_C_EQ_INT(p->n_streams + p->n_arrays + p->n_schemas, 0);
        EXPECT_C_TRUE(table == NULL);
        free(p);
    }
    gbt_table *table = NULL;
    EXPECT_C_STATUS(gbt_table_from_arrow(params, NULL, NULL, &table), GBT_ERR_ARGUMENT);
    gbt_params_free(params);
    gbt_params_free(wrong);
}
