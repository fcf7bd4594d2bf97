/* Tables from columns in memory: the same table, data set and model as from a CSV file with the
 * same content; faulty
 * views; allocations that fail. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 400, CSV_BYTES = ROWS * 160 };

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = *state ^ (*state >> 29);
    x *= 0xBF58476D1CE4E5B9u;
    return x ^ (x >> 32);
}

static gbt_params *params_of(const char *const *pairs)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    for (; *pairs != NULL; pairs += 2) {
        EXPECT_C_OK(gbt_params_set(params, pairs[0], pairs[1]));
    }
    return params;
}

/* ---- A frame and its CSV --------------------------------------------------------------------- */

enum { N_COLUMNS = 9, N_COLOURS = 5, N_CITIES = 7 };

/* Numbers with NaN, long integers, a number that is a category, plain texts, coded texts with
 * categories that never occur and in no order, a text label, weights, an id. */
typedef struct frame {
    double x[ROWS];
    int64_t k[ROWS];
    uint8_t month[ROWS];
    char colours[ROWS * 16];
    int32_t colour_start[ROWS + 1];
    uint8_t colour_valid[(ROWS + 7) / 8];
    int16_t city[ROWS];
    int8_t class_code[ROWS];
    float w[ROWS];
    int64_t id[ROWS];
    uint8_t flag[ROWS], flag_missing[ROWS];
    gbt_column column[N_COLUMNS];
    char csv[CSV_BYTES];
} frame;

static const char *const colour_name[N_COLOURS] = {"red", "gr\xC3\xBCn", "dark, blue", "a", "zz"};
static const char city_bytes[] = "TokyoParisNowhereLimaOsloRomeBonn";
static const int64_t city_start[N_CITIES + 1] = {0, 5, 10, 17, 21, 25, 29, 33};
static const char class_bytes[] = "midlowhigh";
static const int32_t class_start[4] = {0, 3, 6, 10};

static void fill_frame(frame *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    for (int i = 0; i < ROWS; i++) {
        const uint64_t r = draw(&seed), s = draw(&seed);
        f->x[i] = r % 9 == 0 ? (double)NAN : ((double)(int64_t)draw(&seed)) * 1.7e-19;
        f->k[i] = (int64_t)draw(&seed) >> (r % 60);
        f->month[i] = (uint8_t)(1 + s % 12);
        const char *colour = colour_name[s / 16 % N_COLOURS];
        const bool has_colour = s / 1024 % 6 != 0;
        const size_t size = has_colour ? strlen(colour) : 0;
        memcpy(f->colours + f->colour_start[i], colour, size);
        f->colour_start[i + 1] = f->colour_start[i] + (int32_t)size;
        f->colour_valid[i / 8] |= (uint8_t)(has_colour << i % 8);
        const int city = (int)(draw(&seed) % (N_CITIES + 1)) - 1;
        f->city[i] = (int16_t)(city == 2 ? 6 : city); /* Nowhere does not occur */
        f->class_code[i] = (int8_t)((f->x[i] > 0) + (f->month[i] > 6 && city > 3));
        f->w[i] = (float)(1 + r / 16 % 4) / 2;
        f->id[i] = INT64_C(9007199254740993) + 2 * i;
        f->flag_missing[i] = r / 256 % 5 == 0;
        f->flag[i] = (uint8_t)(f->flag_missing[i] ? 7 : r / 4096 % 2);
    }
}

static void name_columns(frame *f)
{
    gbt_column *c = f->column;
    c[0] = (gbt_column){.name = "x", .type = GBT_CELL_F64, .data = f->x};
    c[1] = (gbt_column){.name = "k", .type = GBT_CELL_I64, .data = f->k};
    c[2] = (gbt_column){.name = "month", .type = GBT_CELL_U8, .data = f->month};
    c[3] = (gbt_column){.name = "colour",
                        .type = GBT_CELL_TEXT,
                        .mask_kind = GBT_MASK_VALID_BITS,
                        .mask = f->colour_valid,
                        .text = {f->colours, f->colour_start, GBT_CELL_I32, ROWS}};
    c[4] = (gbt_column){.name = "city",
                        .type = GBT_CELL_I16,
                        .data = f->city,
                        .is_coded = 1,
                        .text = {city_bytes, city_start, GBT_CELL_I64, N_CITIES}};
    c[5] = (gbt_column){.name = "class",
                        .type = GBT_CELL_I8,
                        .data = f->class_code,
                        .is_coded = 1,
                        .text = {class_bytes, class_start, GBT_CELL_I32, 3}};
    c[6] = (gbt_column){.name = "w", .type = GBT_CELL_F32, .data = f->w};
    c[7] = (gbt_column){.name = "row", .type = GBT_CELL_I64, .data = f->id};
    c[8] = (gbt_column){.name = "flag",
                        .type = GBT_CELL_BOOL,
                        .data = f->flag,
                        .mask_kind = GBT_MASK_MISSING_BYTES,
                        .mask = f->flag_missing};
}

static size_t append_code(char *to, const char *bytes, int64_t first, int64_t last)
{
    return (size_t)sprintf(to, "%.*s,", (int)(last - first), bytes + first);
}

static void write_csv(frame *f)
{
    size_t used = (size_t)sprintf(f->csv, "x,k,month,colour,city,class,w,row,flag\n");
    for (int i = 0; i < ROWS; i++) {
        char *csv = f->csv;
        if (!isnan(f->x[i])) {
            used += (size_t)sprintf(csv + used, "%.17g", f->x[i]);
        }
        used += (size_t)sprintf(csv + used, ",%lld,%d,", (long long)f->k[i], f->month[i]);
        const int32_t start = f->colour_start[i], end = f->colour_start[i + 1];
        used += (size_t)sprintf(csv + used, end > start ? "\"%.*s\"," : "%.*s,", end - start,
                                f->colours + start);
        const int16_t city = f->city[i];
        used += append_code(csv + used, city_bytes, city < 0 ? 0 : city_start[city],
                            city < 0 ? 0 : city_start[city + 1]);
        const int8_t code = f->class_code[i];
        used += append_code(csv + used, class_bytes, class_start[code], class_start[code + 1]);
        used += (size_t)sprintf(csv + used, "%g,%lld,", (double)f->w[i], (long long)f->id[i]);
        used += (size_t)sprintf(csv + used, f->flag_missing[i] ? "\n" : "%d\n", f->flag[i]);
    }
    EXPECT_C_TRUE(used < CSV_BYTES);
}

static frame *make_frame(uint64_t seed)
{
    frame *f = malloc(sizeof *f);
    EXPECT_C_TRUE(f != NULL);
    fill_frame(f, seed);
    name_columns(f);
    write_csv(f);
    return f;
}

static const char *const frame_keys[] = {"label",
                                         "class",
                                         "weight",
                                         "w",
                                         "id",
                                         "row",
                                         "categorical",
                                         "month",
                                         "n_trees",
                                         "5",
                                         "objective",
                                         "multiclass",
                                         "min_child_samples",
                                         "3",
                                         NULL};

static gbt_table *read_csv(const gbt_params *params, const char *text, const gbt_model *model)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_table *table = NULL;
    EXPECT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, "t.csv", text, strlen(text), path));
    EXPECT_C_OK(gbt_table_read(params, path, model, &table));
    temp_dir_close(&dir);
    return table;
}

/* Cells of the two tables as text, kinds, roles, counts. */
static void expect_same_tables(const gbt_table *a, const gbt_table *b)
{
    ASSERT_C_TRUE(a != NULL && b != NULL);
    ASSERT_C_EQ_INT(gbt_table_rows(a), gbt_table_rows(b));
    ASSERT_C_EQ_INT(gbt_table_columns(a), gbt_table_columns(b));
    for (int32_t c = 0; c < gbt_table_columns(a); c++) {
        gbt_column_info of_a, of_b;
        ASSERT_C_OK(gbt_table_describe(a, c, &of_a));
        ASSERT_C_OK(gbt_table_describe(b, c, &of_b));
        EXPECT_C_EQ_TEXT(of_a.name, of_b.name);
        EXPECT_C_EQ_INT(of_a.role, of_b.role);
        EXPECT_C_EQ_INT(of_a.is_text, of_b.is_text);
        EXPECT_C_EQ_INT(of_a.n_missing, of_b.n_missing);
        EXPECT_C_EQ_INT(of_a.n_values, of_b.n_values);
        for (int64_t row = 0; row < gbt_table_rows(a) && of_a.role != GBT_ROLE_IGNORED; row++) {
            char cell_a[64], cell_b[64];
            ASSERT_C_OK(gbt_table_text(a, c, row, cell_a, sizeof cell_a));
            ASSERT_C_OK(gbt_table_text(b, c, row, cell_b, sizeof cell_b));
            if (!EXPECT_C_EQ_TEXT(cell_a, cell_b)) {
                return;
            }
        }
    }
}

static gbt_model *train_on(const gbt_params *params, const gbt_table *table)
{
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    EXPECT_C_OK(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model));
    gbt_dataset_free(data);
    return model;
}

static void expect_same_models(const gbt_model *a, const gbt_model *b)
{
    void *bytes_a = NULL, *bytes_b = NULL;
    size_t size_a = 0, size_b = 0;
    ASSERT_C_TRUE(a != NULL && b != NULL);
    ASSERT_C_OK(gbt_model_to_bytes(a, &bytes_a, &size_a));
    ASSERT_C_OK(gbt_model_to_bytes(b, &bytes_b, &size_b));
    EXPECT_C_EQ_INT(size_a, size_b);
    EXPECT_C_EQ_BYTES(bytes_a, bytes_b, size_a < size_b ? size_a : size_b);
    gbt_memory_free(bytes_a);
    gbt_memory_free(bytes_b);
}

TEST_C(ApiColumns, AFrameAndItsCsvGiveTheSameTableAndTheSameModelBytes)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        frame *f = make_frame(seed);
        gbt_params *params = params_of(frame_keys);
        gbt_table *from_frame = NULL;
        ASSERT_C_OK(gbt_table_from_columns(params, f->column, N_COLUMNS, ROWS, NULL, &from_frame));
        gbt_table *from_csv = read_csv(params, f->csv, NULL);
        expect_same_tables(from_frame, from_csv);
        EXPECT_C_EQ_TEXT(gbt_table_id(from_frame, 0), "9007199254740993");
        EXPECT_C_EQ_TEXT(gbt_table_id(from_frame, 1), gbt_table_id(from_csv, 1));
        gbt_model *a = train_on(params, from_frame), *b = train_on(params, from_csv);
        expect_same_models(a, b);
        EXPECT_C_EQ_TEXT(gbt_model_class_name(a, 0), "high");
        EXPECT_C_EQ_TEXT(gbt_model_class_name(a, 2), "mid");
        EXPECT_C_EQ_INT(gbt_model_feature_categories(a, 4), N_CITIES - 1);
        gbt_model_free(a);
        gbt_model_free(b);
        gbt_table_free(from_frame);
        gbt_table_free(from_csv);
        gbt_params_free(params);
        free(f);
    }
}

TEST_C(ApiColumns, TheNumberOfThreadsDoesNotShow)
{
    enum { MANY = 100000 };
    float *x = malloc(MANY * sizeof *x);
    int32_t *code = malloc(MANY * sizeof *code), *start = malloc((MANY + 1) * sizeof *start);
    char *bytes = malloc(MANY * 8);
    ASSERT_C_TRUE(x && code && start && bytes);
    uint64_t seed = 5;
    start[0] = 0;
    for (int i = 0; i < MANY; i++) {
        x[i] = (float)(int32_t)draw(&seed);
        code[i] = (int32_t)(draw(&seed) % N_CITIES) - 1;
        start[i + 1] =
            start[i] + sprintf(bytes + start[i], "%d", (int)(draw(&seed) % 3000 * (i > 50000)));
    }
    const gbt_column column[3] = {
        {.name = "x", .type = GBT_CELL_F32, .data = x},
        {.name = "city",
         .type = GBT_CELL_I32,
         .data = code,
         .is_coded = 1,
         .text = {city_bytes, city_start, GBT_CELL_I64, N_CITIES}},
        {.name = "word", .type = GBT_CELL_TEXT, .text = {bytes, start, GBT_CELL_I32, MANY}}};
    gbt_table *one = NULL, *four = NULL;
    gbt_params *params = params_of((const char *const[]){"threads", "1", NULL});
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, MANY, NULL, &one));
    ASSERT_C_OK(gbt_params_set(params, "threads", "4"));
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, MANY, NULL, &four));
    expect_same_tables(one, four);
    gbt_table_free(one);
    gbt_table_free(four);
    gbt_params_free(params);
    free(x);
    free(code);
    free(start);
    free(bytes);
}

/* ---- With a model ---------------------------------------------------------------------------- */

TEST_C(ApiColumns, AModelFromACsvPredictsAFrameAsItPredictsTheCsv)
{
    frame *train = make_frame(11), *test = make_frame(12);
    gbt_params *params = params_of(frame_keys);
    gbt_params *bare = params_of((const char *const[]){NULL});
    gbt_table *csv = read_csv(params, train->csv, NULL);
    gbt_model *model = train_on(params, csv);
    gbt_table *test_csv = read_csv(bare, test->csv, model), *test_frame = NULL;
    gbt_column column[N_COLUMNS]; /* in another order */
    for (int c = 0; c < N_COLUMNS; c++) {
        column[c] = test->column[(c + 4) % N_COLUMNS];
    }
    ASSERT_C_OK(gbt_table_from_columns(bare, column, N_COLUMNS, ROWS, model, &test_frame));
    float *a = malloc(ROWS * 3 * sizeof *a), *b = malloc(ROWS * 3 * sizeof *b);
    ASSERT_C_OK(
        gbt_model_predict_table(model, test_csv, GBT_PREDICT_RESPONSE, 0, 0, 0, a, ROWS * 3));
    ASSERT_C_OK(
        gbt_model_predict_table(model, test_frame, GBT_PREDICT_RESPONSE, 0, 0, 0, b, ROWS * 3));
    EXPECT_C_EQ_BYTES(a, b, ROWS * 3 * sizeof *a);
    free(a);
    free(b);
    gbt_table_free(csv);
    gbt_table_free(test_csv);
    gbt_table_free(test_frame);
    gbt_model_free(model);
    gbt_params_free(params);
    gbt_params_free(bare);
    free(train);
    free(test);
}

TEST_C(ApiColumns, ValidationRowsAreReadLikeTheTrainingRows)
{
    frame *train = make_frame(21), *valid = make_frame(22);
    gbt_params *params = params_of(frame_keys);
    gbt_table *table = NULL, *other = NULL;
    gbt_dataset *data = NULL, *more = NULL;
    ASSERT_C_OK(gbt_table_from_columns(params, train->column, N_COLUMNS, ROWS, NULL, &table));
    ASSERT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    gbt_column column = valid->column[5];
    valid->column[5] = valid->column[0];
    valid->column[0] = column;
    ASSERT_C_OK(gbt_table_from_columns_like(params, valid->column, N_COLUMNS, ROWS, data, &other));
    ASSERT_C_OK(gbt_dataset_from_table(params, other, data, &more));
    float label[ROWS];
    static const float class_of_code[3] = {2, 1, 0}; /* mid, low, high */
    ASSERT_C_OK(gbt_dataset_get(more, GBT_LABEL, label, GBT_F32, ROWS));
    for (int i = 0; i < ROWS; i++) {
        EXPECT_C_NEAR((double)label[i], (double)class_of_code[valid->class_code[i]], 0);
    }
    gbt_table *none = NULL;
    EXPECT_C_STATUS(
        gbt_table_from_columns_like(params, valid->column, N_COLUMNS, ROWS, NULL, &none),
        GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(none == NULL);
    gbt_table_free(table);
    gbt_table_free(other);
    gbt_dataset_free(data);
    gbt_dataset_free(more);
    gbt_params_free(params);
    free(train);
    free(valid);
}

static const char number_csv[] = "n,t,y\n1,4,0.5\n2,5,1\n3,4,2\n4,6,1.5\n";

/* A model with the number n and the category t, whose categories look like numbers. */
static gbt_model *small_model(void)
{
    gbt_params *params =
        params_of((const char *const[]){"categorical", "t", "min_child_samples", "1",
                                        "min_data_in_bin", "1", "n_trees", "3", NULL});
    gbt_table *table = read_csv(params, number_csv, NULL);
    gbt_model *model = train_on(params, table);
    gbt_table_free(table);
    gbt_params_free(params);
    return model;
}

TEST_C(ApiColumns, AModelTurnsTextsToNumbersAndNumbersToTextsAsItNeedsThem)
{
    static const char n_bytes[] = " 3 2.5e0NAx";
    static const int32_t n_start[] = {0, 3, 8, 10, 10};
    static const double t[] = {6, 4, (double)NAN, 5};
    gbt_column column[2] = {
        {.name = "n", .type = GBT_CELL_TEXT, .text = {n_bytes, n_start, GBT_CELL_I32, 4}},
        {.name = "t", .type = GBT_CELL_F64, .data = t}};
    gbt_model *model = small_model();
    gbt_params *params = params_of((const char *const[]){NULL});
    gbt_table *table = NULL;
    float x[8];
    ASSERT_C_OK(gbt_table_from_columns(params, column, 2, 4, model, &table));
    ASSERT_C_OK(gbt_model_features(model, table, x, 8));
    static const float want[8] = {3, 2, 2.5f, 0, NAN, NAN, NAN, 1};
    for (int i = 0; i < 8; i++) {
        EXPECT_C_TRUE(isnan(want[i]) ? isnan(x[i]) : x[i] >= want[i] && x[i] <= want[i]);
    }
    gbt_table_free(table);
    static const int32_t bad_start[] = {0, 3, 8, 10, 11};
    column[0].text.start = bad_start;
    EXPECT_C_STATUS(gbt_table_from_columns(params, column, 2, 4, model, &table), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "column \"n\", data row 4 (from 1): 'x' is no number");
    static const int8_t code[] = {2, 0, -1, 1};
    column[0] = (gbt_column){.name = "n",
                             .type = GBT_CELL_I8,
                             .data = code,
                             .is_coded = 1,
                             .text = {n_bytes, bad_start, GBT_CELL_I32, 4}};
    ASSERT_C_OK(gbt_table_from_columns(params, column, 2, 4, model, &table)); /* x is not used */
    ASSERT_C_OK(gbt_model_features(model, table, x, 8));
    EXPECT_C_TRUE(isnan(x[0]) && isnan(x[4]));
    EXPECT_C_NEAR((double)x[2], 3, 0);
    EXPECT_C_NEAR((double)x[6], 2.5, 0);
    gbt_table_free(table);
    gbt_model_free(model);
    gbt_params_free(params);
}

/* ---- Kinds and missing cells ----------------------------------------------------------------- */

static void expect_column(const gbt_table *table, int32_t column, bool is_text, int64_t n_missing,
                          int64_t n_values)
{
    gbt_column_info info;
    ASSERT_C_OK(gbt_table_describe(table, column, &info));
    EXPECT_C_EQ_INT(info.is_text, is_text);
    EXPECT_C_EQ_INT(info.n_missing, n_missing);
    EXPECT_C_EQ_INT(info.n_values, n_values);
}

TEST_C(ApiColumns, TextsThatLookLikeNumbersStayCategoriesAndEmptyColumnsAreNumbers)
{
    static const char bytes[] = "010210";
    static const int64_t start[] = {0, 2, 4, 6};
    static const int64_t nothing[] = {0, 0, 0, 0};
    static const int32_t y[] = {0, 1, 0};
    const gbt_column column[3] = {
        {.name = "zip", .type = GBT_CELL_TEXT, .text = {bytes, start, GBT_CELL_I64, 3}},
        {.name = "void", .type = GBT_CELL_TEXT, .text = {NULL, nothing, GBT_CELL_I64, 3}},
        {.name = "y", .type = GBT_CELL_I32, .data = y}};
    gbt_params *params = params_of((const char *const[]){NULL});
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, 3, NULL, &table));
    expect_column(table, 0, true, 0, 3);
    expect_column(table, 1, false, 3, 0);
    expect_column(table, 2, false, 0, 0);
    gbt_column_info info;
    ASSERT_C_OK(gbt_table_describe(table, 2, &info));
    EXPECT_C_EQ_INT(info.role, GBT_ROLE_LABEL);
    gbt_table_free(table);
    ASSERT_C_OK(gbt_params_set(params, "categorical", "void"));
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, 3, NULL, &table));
    expect_column(table, 1, true, 3, 0);
    gbt_table_free(table);
    gbt_params_free(params);
}

TEST_C(ApiColumns, MissingTokensHoldForTextsAndForEqualNumbers)
{
    static const char bytes[] = "NANaN-999no";
    static const int32_t start[] = {0, 2, 5, 9, 11, 11};
    static const int16_t i[] = {-999, 1, 2, -999, 3};
    static const double d[] = {-999.0, -999.5, (double)NAN, 0, -998.9999999999999};
    const gbt_column column[3] = {
        {.name = "t", .type = GBT_CELL_TEXT, .text = {bytes, start, GBT_CELL_I32, 5}},
        {.name = "i", .type = GBT_CELL_I16, .data = i},
        {.name = "d", .type = GBT_CELL_F64, .data = d}};
    gbt_params *params = params_of((const char *const[]){NULL});
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, 5, NULL, &table));
    expect_column(table, 0, true, 3, 2); /* NA, NaN... and the empty one */
    expect_column(table, 1, false, 0, 0);
    expect_column(table, 2, false, 1, 0);
    gbt_table_free(table);
    ASSERT_C_OK(gbt_params_set(params, "missing", "-999"));
    ASSERT_C_OK(gbt_params_set(params, "categorical", "i"));
    ASSERT_C_OK(gbt_table_from_columns(params, column, 3, 5, NULL, &table));
    expect_column(table, 0, true, 2, 3);
    expect_column(table, 1, true, 2, 3);
    expect_column(table, 2, false, 2, 0);
    gbt_table_free(table);
    gbt_params_free(params);
}

TEST_C(ApiColumns, NumbersThatBecomeTextHaveTheSameTextInEveryType)
{
    static const int8_t a[] = {-7, 0, 12};
    static const float b[] = {-7, -0.0f, 12};
    static const double c[] = {-7, 0, 12};
    static const uint16_t h[] = {0xC700, 0x0000, 0x4A00};
    static const double r[] = {0.1, 1e300, 9007199254740994.0};
    static const uint64_t u[] = {UINT64_MAX, 0, 1};
    static const int64_t l[] = {INT64_MIN, INT64_MAX, 1};
    const gbt_column column[7] = {{.name = "a", .type = GBT_CELL_I8, .data = a},
                                  {.name = "b", .type = GBT_CELL_F32, .data = b},
                                  {.name = "c", .type = GBT_CELL_F64, .data = c},
                                  {.name = "h", .type = GBT_CELL_F16, .data = h},
                                  {.name = "r", .type = GBT_CELL_F64, .data = r},
                                  {.name = "u", .type = GBT_CELL_U64, .data = u},
                                  {.name = "l", .type = GBT_CELL_I64, .data = l}};
    static const char *const want[7][3] = {{"-7", "0", "12"},
                                           {"-7", "0", "12"},
                                           {"-7", "0", "12"},
                                           {"-7", "0", "12"},
                                           {"0.1", "1e300", "9007199254740994"},
                                           {"18446744073709551615", "0", "1"},
                                           {"-9223372036854775808", "9223372036854775807", "1"}};
    gbt_params *params = params_of((const char *const[]){"categorical", "a,b,c,h,r,u,l", NULL});
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_from_columns(params, column, 7, 3, NULL, &table));
    for (int32_t k = 0; k < 7; k++) {
        for (int row = 0; row < 3; row++) {
            char text[64];
            ASSERT_C_OK(gbt_table_text(table, k, row, text, sizeof text));
            char *end = NULL;
            if (k == 4) { /* the shortest form: whatever it looks like, it is the number */
                EXPECT_C_NEAR(strtod(text, &end), r[row], 0);
                continue;
            }
            EXPECT_C_EQ_TEXT(text, want[k][row]);
        }
    }
    gbt_table_free(table);
    gbt_params_free(params);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static const float fault_x[] = {1, 2, 3};
static const int32_t fault_code[] = {0, 1, 2};
static const int32_t fault_start[] = {0, 1, 2, 3};
static const int32_t falling_start[] = {0, 2, 1, 3};
static const int32_t negative_start[] = {-1, 0, 1, 2};

static gbt_column good_column(int which)
{
    static const gbt_column good[3] = {
        {.name = "c", .type = GBT_CELL_F32, .data = fault_x},
        {.name = "c", .type = GBT_CELL_TEXT, .text = {"abc", fault_start, GBT_CELL_I32, 3}},
        {.name = "c",
         .type = GBT_CELL_I32,
         .data = fault_code,
         .is_coded = 1,
         .text = {"abc", fault_start, GBT_CELL_I32, 3}}};
    return good[which];
}

static void expect_fault(const gbt_column *column, int64_t n_rows, gbt_status want,
                         const char *message)
{
    gbt_params *params = params_of((const char *const[]){NULL});
    gbt_table *table = (gbt_table *)params; /* must become NULL */
    EXPECT_C_STATUS(gbt_table_from_columns(params, column, 1, n_rows, NULL, &table), want);
    EXPECT_C_TRUE(table == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), message);
    gbt_params_free(params);
}

/* The good column number `which` with one field changed. */
#define EXPECT_FAULT(which, field, value, want, message) \
    do {                                                 \
        gbt_column changed = good_column(which);         \
        changed.field = (value);                         \
        expect_fault(&changed, 3, (want), (message));    \
    } while (0)

TEST_C(ApiColumns, FaultyViewsAreRefusedByFieldAndColumn)
{
    static const char latin1[] = "a\xE9"
                                 "b";
    static const char with_nul[] = {'a', '\0', 'b'};
    static const int32_t past_end[] = {0, 3, 1};
    EXPECT_FAULT(0, name, NULL, GBT_ERR_ARGUMENT, "has no name");
    EXPECT_FAULT(0, name, "", GBT_ERR_ARGUMENT, "has no name");
    EXPECT_FAULT(0, name, "\xFF", GBT_ERR_ARGUMENT, "UTF-8");
    EXPECT_FAULT(0, type, (gbt_cell)14, GBT_ERR_ARGUMENT, "column \"c\": type");
    EXPECT_FAULT(0, type, (gbt_cell)-1, GBT_ERR_ARGUMENT, "type");
    EXPECT_FAULT(0, data, NULL, GBT_ERR_ARGUMENT, "data");
    EXPECT_FAULT(0, stride, INT64_MIN, GBT_ERR_ARGUMENT, "stride");
    EXPECT_FAULT(0, stride, INT64_MAX / 2, GBT_ERR_ARGUMENT, "stride");
    EXPECT_FAULT(0, first, -1, GBT_ERR_ARGUMENT, "first");
    EXPECT_FAULT(0, first, INT64_MAX, GBT_ERR_ARGUMENT, "first");
    EXPECT_FAULT(0, mask_kind, GBT_MASK_VALID_BITS, GBT_ERR_ARGUMENT, "mask");
    EXPECT_FAULT(0, mask_kind, (gbt_mask)4, GBT_ERR_ARGUMENT, "mask_kind");
    EXPECT_FAULT(0, mask, (const uint8_t *)"abc", GBT_ERR_ARGUMENT, "mask");
    EXPECT_FAULT(0, is_coded, 1, GBT_ERR_ARGUMENT, "whole numbers");
    EXPECT_FAULT(1, is_coded, 1, GBT_ERR_ARGUMENT, "whole numbers");
    for (int which = 1; which <= 2; which++) {
        EXPECT_FAULT(which, text.start, NULL, GBT_ERR_ARGUMENT, "text.start");
        EXPECT_FAULT(which, text.start, falling_start, GBT_ERR_ARGUMENT, "text.start");
        EXPECT_FAULT(which, text.start, negative_start, GBT_ERR_ARGUMENT, "text.start");
        EXPECT_FAULT(which, text.start_type, GBT_CELL_F32, GBT_ERR_ARGUMENT, "text.start_type");
        EXPECT_FAULT(which, text.bytes, NULL, GBT_ERR_ARGUMENT, "text.bytes");
        EXPECT_FAULT(which, text.n, -1, GBT_ERR_ARGUMENT, "text.n");
    }
    EXPECT_FAULT(1, text.n, 2, GBT_ERR_ARGUMENT, "text.n");
    EXPECT_FAULT(1, text.bytes, latin1, GBT_ERR_DATA, "column \"c\", data row 2 (from 1)");
    EXPECT_FAULT(1, text.bytes, with_nul, GBT_ERR_DATA, "column \"c\", data row 2 (from 1)");
    EXPECT_FAULT(2, text.bytes, latin1, GBT_ERR_DATA, "column \"c\", category 1");
    EXPECT_FAULT(2, data, past_end, GBT_ERR_DATA, "column \"c\", data row 2 (from 1)");
    EXPECT_FAULT(2, text.n, 2, GBT_ERR_DATA, "data row 3");
}

TEST_C(ApiColumns, FaultyTablesAreRefused)
{
    gbt_column pair[2] = {good_column(0), good_column(1)};
    gbt_params *params = params_of((const char *const[]){NULL});
    gbt_table *table = NULL;
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 2, 3, NULL, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "columns 0 and 1 (from 0) are both called \"c\"");
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 0, 3, NULL, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_from_columns(params, NULL, 1, 3, NULL, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 1, -1, NULL, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 1, 0, NULL, &table), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no rows");
    EXPECT_C_STATUS(gbt_table_from_columns(NULL, pair, 1, 3, NULL, &table), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 1, 3, NULL, NULL), GBT_ERR_ARGUMENT);
    ASSERT_C_OK(gbt_params_set(params, "weight", "heavy"));
    EXPECT_C_STATUS(gbt_table_from_columns(params, pair, 1, 3, NULL, &table), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no column \"heavy\" in data frame");
    EXPECT_C_TRUE(table == NULL);
    gbt_params_free(params);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static gbt_status session(const frame *f)
{
    gbt_params *params = NULL;
    gbt_table *table = NULL, *again = NULL;
    gbt_dataset *data = NULL;
    gbt_status status = gbt_params_create(&params);
    for (int i = 0; status == GBT_OK && frame_keys[i] != NULL; i += 2) {
        status = gbt_params_set(params, frame_keys[i], frame_keys[i + 1]);
    }
    if (status == GBT_OK) {
        status = gbt_table_from_columns(params, f->column, N_COLUMNS, ROWS, NULL, &table);
        EXPECT_C_TRUE((table != NULL) == (status == GBT_OK));
    }
    if (status == GBT_OK) {
        status = gbt_dataset_from_table(params, table, NULL, &data);
    }
    if (status == GBT_OK) {
        status = gbt_table_from_columns_like(params, f->column, N_COLUMNS, ROWS, data, &again);
        EXPECT_C_TRUE((again != NULL) == (status == GBT_OK));
    }
    gbt_table_free(table);
    gbt_table_free(again);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return status;
}

TEST_C(ApiColumns, EveryAllocationMayFail)
{
    frame *f = make_frame(7);
    int64_t n = 1;
    for (bool was_refused = true; was_refused && n < 5000; n++) {
        fail_alloc_install(n);
        const gbt_status status = session(f);
        was_refused = fail_alloc_refused();
        const int64_t n_live = fail_alloc_live();
        fail_alloc_remove();
        if (!EXPECT_C_EQ_INT(status, was_refused ? GBT_ERR_MEMORY : GBT_OK) ||
            !EXPECT_C_EQ_INT(n_live, 0)) {
            printf("allocation %d: %s\n", (int)n, gbt_last_error());
            break;
        }
    }
    EXPECT_C_TRUE(n > 50 && n < 5000);
    free(f);
}
