/* Models of boosted heads after training: rows that stop early, inputs from trees, imputation,
 * files that are damaged, memory that is refused, arguments that are wrong. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/bytes.h"
#include "gbt/base/sections.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/heads_case.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 300, MOST_CALLS = 20000 };

/* ---- Rows that stop early -------------------------------------------------------------------- */

/* Classes of all rows: those of whole sums, and those of rows that stop early. */
static void both_classes(const heads_case *c, double margin, float *whole, float *early,
                         int32_t *steps)
{
    EXPECT_C_OK(
        gbt_heads_predict(c->heads, &c->features, GBT_PREDICT_CLASS, 0, 2, whole, c->data.n_rows));
    EXPECT_C_OK(
        gbt_heads_predict_early(c->heads, &c->features, margin, 2, early, steps, c->data.n_rows));
}

TEST_C(HeadsEarly, RowsThatStopHaveTheClassOfTheWholeSum)
{
    static const struct {
        toy_label kind;
        const char *keys;
        bool is_bounded;
    } cases[] = {
        {TOY_BINARY, "objective=binary units=64 learning_rate=0.3", true},
        {TOY_BINARY, "objective=binary units=63 units_per_step=3 activation=tanh", true},
        {TOY_CLASSES, "objective=multiclass units=80 units_per_step=2 learning_rate=0.3", true},
        {TOY_CLASSES, "objective=multiclassova units=40 activation=tanh learning_rate=0.3", true},
        {TOY_CLASSES, "objective=multiclass units=40 activation=relu learning_rate=0.3", false},
        {TOY_BINARY, "objective=binary units=40 activation=identity", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heads_case c;
        float whole[ROWS], early[ROWS];
        int32_t steps[ROWS];
        int n_early = 0;
        heads_case_open(&c, ROWS, cases[i].kind, 3, cases[i].keys);
        ASSERT_C_OK(c.status);
        both_classes(&c, 0.0, whole, early, steps);
        EXPECT_C_EQ_BYTES(whole, early, sizeof whole);
        for (int r = 0; r < ROWS; r++) {
            EXPECT_C_TRUE(steps[r] >= 1 && steps[r] <= c.n_steps);
            n_early += steps[r] < c.n_steps;
        }
        /* Units without bounds promise nothing, so no row may stop. */
        EXPECT_C_TRUE(cases[i].is_bounded ? n_early > ROWS / 20 : n_early == 0);
        heads_case_close(&c);
    }
}

/* With a margin a row answers with the class of the steps that it computed. */
TEST_C(HeadsEarly, AMarginStopsSoonerWithTheClassOfTheStepsSoFar)
{
    heads_case c;
    float whole[ROWS], early[ROWS], at[ROWS];
    int32_t certain[ROWS], steps[ROWS];
    heads_case_open(&c, ROWS, TOY_BINARY, 3, "objective=binary units=64 learning_rate=0.3");
    ASSERT_C_OK(c.status);
    both_classes(&c, 0.0, whole, early, certain);
    both_classes(&c, 0.5, whole, early, steps);
    int64_t sum = 0, sum_certain = 0;
    for (int32_t t = 8; t <= 64; t += 8) { /* wherever a block of eight units ends */
        EXPECT_C_OK(gbt_heads_predict(c.heads, &c.features, GBT_PREDICT_CLASS, t, 1, at, ROWS));
        float *raw = heads_case_raw(&c, t);
        for (int r = 0; r < ROWS; r++) {
            const bool is_wide = fabs((double)raw[r]) >= 0.5;
            if (steps[r] == t && t < certain[r]) {
                EXPECT_C_TRUE(is_wide);
                EXPECT_C_EQ_INT((int)at[r], (int)early[r]);
            }
            EXPECT_C_TRUE(!is_wide || steps[r] <= t);
        }
        free(raw);
    }
    for (int r = 0; r < ROWS; r++) {
        EXPECT_C_TRUE(steps[r] <= certain[r]);
        sum += steps[r];
        sum_certain += certain[r];
    }
    EXPECT_C_TRUE(sum < sum_certain);
    heads_case_close(&c);
}

TEST_C(HeadsEarly, RegressionAndMarginsBelowZeroAreRefused)
{
    heads_case c;
    float out[ROWS];
    heads_case_open(&c, ROWS, TOY_QUANTITY, 3, "objective=regression units=4");
    ASSERT_C_OK(c.status);
    EXPECT_C_STATUS(gbt_heads_predict_early(c.heads, &c.features, 0.0, 1, out, NULL, ROWS),
                    GBT_ERR_UNSUPPORTED);
    heads_case_close(&c);
    heads_case_open(&c, ROWS, TOY_BINARY, 3, "objective=binary units=4");
    ASSERT_C_OK(c.status);
    EXPECT_C_OK(gbt_heads_predict_early(c.heads, &c.features, 0.0, 1, out, NULL, ROWS));
    EXPECT_C_STATUS(gbt_heads_predict_early(c.heads, &c.features, -0.5, 1, out, NULL, ROWS),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_heads_predict_early(c.heads, &c.features, (double)NAN, 1, out, NULL, ROWS),
                    GBT_ERR_ARGUMENT);
    heads_case_close(&c);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

/* A tree model of the data in the file `path`. */
static bool write_trees(const char *path)
{
    toy data;
    toy_make(&data, ROWS, TOY_QUANTITY, 4);
    gbt_params *params = toy_params("objective=regression n_trees=5 max_leaves=7");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_model *trees = toy_train(params, train);
    const bool is_written = trees && gbt_model_save(trees, path) == GBT_OK;
    gbt_model_free(trees);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    return is_written;
}

/* "keys leaf_model=path"; free() it. */
static char *with_leaves(const char *keys, const char *path)
{
    static const char name[] = " leaf_model=";
    const size_t n = strlen(keys), m = sizeof name - 1, end = strlen(path) + 1;
    char *text = malloc(n + m + end);
    memcpy(text, keys, n);
    memcpy(text + n, name, m);
    memcpy(text + n + m, path, end);
    return text;
}

TEST_C(HeadsInputs, LeavesAreOneHotColumnsOfTheMergedNetwork)
{
    static const char *const kinds[] = {
        "objective=regression units=12 units_per_step=2 inputs=leaves",
        "objective=regression units=12 units_per_step=2 inputs=both"};
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    temp_dir_file(&folder, "trees.gbt", path);
    ASSERT_C_TRUE(write_trees(path));
    for (int i = 0; i < 2; i++) {
        heads_case c;
        char *keys = with_leaves(kinds[i], path);
        heads_case_open(&c, ROWS, TOY_QUANTITY, 5, keys);
        free(keys);
        ASSERT_C_OK(c.status);
        float *z = malloc((size_t)(ROWS * c.n_inputs) * sizeof *z), *raw = heads_case_raw(&c, 0);
        double *want = heads_case_defined(&c);
        EXPECT_C_OK(gbt_heads_inputs(c.heads, &c.features, z, ROWS * c.n_inputs));
        for (int r = 0; r < ROWS; r++) {
            int n_ones = 0;
            for (int64_t q = c.n_inputs - 5 * 7; q < c.n_inputs; q++) {
                n_ones += z[r * c.n_inputs + q] == 1.0f;
            }
            EXPECT_C_EQ_INT(n_ones, 5); /* one leaf in each of the five trees of seven */
            EXPECT_C_NEAR((double)raw[r], want[r], 2e-5 * (1.0 + fabs(want[r])));
        }
        free(z);
        free(raw);
        free(want);
        heads_case_close(&c);
    }
    temp_dir_close(&folder);
}

/* Numbers are standardised with the weighted moments of training; gaps, infinities and categories
 * that training did not see have a place. */
TEST_C(HeadsInputs, EveryCellHasItsInput)
{
    heads_case c;
    toy data;
    toy_make(&data, ROWS, TOY_QUANTITY, 6);
    heads_case_train(&c, data, "objective=regression units=2", true);
    ASSERT_C_OK(c.status);
    double weight = 0.0, mean = 0.0, square = 0.0;
    float highest = -INFINITY;
    for (int r = 0; r < ROWS; r++) {
        const double w = (double)c.data.weight[r], x = (double)c.data.x[r * TOY_FEATURES];
        weight += w;
        mean += w * x;
        highest = fmaxf(highest, c.data.x[r * TOY_FEATURES]);
    }
    mean /= weight;
    for (int r = 0; r < ROWS; r++) {
        const double x = (double)c.data.x[r * TOY_FEATURES] - mean;
        square += (double)c.data.weight[r] * x * x;
    }
    const double scale = sqrt(square / weight);
    float cells[4][TOY_FEATURES], *z = malloc((size_t)(4 * c.n_inputs) * sizeof *z);
    for (int i = 0; i < 4; i++) {
        memcpy(cells[i], c.data.x + 4 * TOY_FEATURES, sizeof cells[i]);
        cells[i][1] = 0.25f;
    }
    cells[1][1] = NAN;      /* column 1 had gaps in training */
    cells[2][0] = INFINITY; /* counts as the largest number of training */
    cells[3][6] = 12345.0f; /* a category without a place: training had no gaps there */
    const gbt_matrix x = {cells, GBT_F32, 4, TOY_FEATURES, TOY_FEATURES, 1};
    ASSERT_C_OK(gbt_heads_inputs(c.heads, &x, z, 4 * c.n_inputs));
    const float *first = z, *gap = z + c.n_inputs, *far = gap + c.n_inputs, *odd = far + c.n_inputs;
    const int n_numbers = 6; /* columns 0 to 5; column 7 is constant and no input */
    EXPECT_C_NEAR((double)first[0], ((double)cells[0][0] - mean) / scale, 1e-5);
    EXPECT_C_NEAR((double)gap[1], 0.0, 0.0);
    EXPECT_C_NEAR((double)gap[n_numbers], 1.0, 0.0);
    EXPECT_C_NEAR((double)first[n_numbers], 0.0, 0.0);
    EXPECT_C_NEAR((double)far[0], ((double)highest - mean) / scale, 1e-5);
    double ones = 0.0, none = 0.0;
    for (int64_t q = n_numbers + 1; q < c.n_inputs; q++) {
        ones += (double)first[q];
        none += (double)odd[q];
    }
    EXPECT_C_NEAR(ones, 1.0, 0.0);
    EXPECT_C_NEAR(none, 0.0, 0.0);
    free(z);
    heads_case_close(&c);
}

TEST_C(HeadsInputs, TheLayoutOfTheMatrixDoesNotMatter)
{
    heads_case c;
    double turned[TOY_FEATURES * ROWS];
    float out[ROWS];
    heads_case_open(&c, ROWS, TOY_QUANTITY, 7, "objective=regression units=10");
    ASSERT_C_OK(c.status);
    for (int i = 0; i < ROWS * TOY_FEATURES; i++) {
        turned[i % TOY_FEATURES * ROWS + i / TOY_FEATURES] = (double)c.data.x[i];
    }
    const gbt_matrix x = {turned, GBT_F64, ROWS, TOY_FEATURES, 1, ROWS};
    float *raw = heads_case_raw(&c, 0);
    EXPECT_C_OK(gbt_heads_predict(c.heads, &x, GBT_PREDICT_RAW, 0, 1, out, ROWS));
    EXPECT_C_EQ_BYTES(out, raw, sizeof out);
    free(raw);
    heads_case_close(&c);
}

/* ---- Files ----------------------------------------------------------------------------------- */

enum { N_SECTIONS = 5 };
static const gbt_section sections[N_SECTIONS] = {{.tag = "FRAM", .name = "frame"},
                                                 {.tag = "PARA", .name = "parameters"},
                                                 {.tag = "INPU", .name = "inputs"},
                                                 {.tag = "NETW", .name = "network"},
                                                 {.tag = "LEAF", .name = "leaf model"}};

TEST_C(HeadsFile, ALoadedModelPredictsTheSameBytes)
{
    heads_case c;
    gbt_heads *again = NULL;
    void *data = NULL, *twice = NULL;
    size_t size = 0, size_twice = 0;
    float out[3 * ROWS];
    heads_case_open(&c, ROWS, TOY_CLASSES, 8, "objective=multiclass units=9 units_per_step=3");
    ASSERT_C_OK(c.status);
    ASSERT_C_OK(gbt_heads_to_bytes(c.heads, &data, &size));
    ASSERT_C_OK(gbt_heads_from_bytes(data, size, &again));
    ASSERT_C_OK(gbt_heads_to_bytes(again, &twice, &size_twice));
    EXPECT_C_EQ_INT(size, size_twice);
    EXPECT_C_EQ_BYTES(data, twice, size);
    float *raw = heads_case_raw(&c, 2);
    EXPECT_C_OK(gbt_heads_predict(again, &c.features, GBT_PREDICT_RAW, 2, 1, out, 3 * ROWS));
    EXPECT_C_EQ_BYTES(out, raw, sizeof out);
    free(raw);
    gbt_memory_free(data);
    gbt_memory_free(twice);
    gbt_heads_free(again);
    heads_case_close(&c);
}

/* Loads the bytes: a model that works, or a refusal. */
static void try_bytes(const void *data, size_t size, const gbt_matrix *x)
{
    gbt_heads *heads = NULL;
    float out[8];
    const gbt_status status = gbt_heads_from_bytes(data, size, &heads);
    EXPECT_C_TRUE((heads != NULL) == (status == GBT_OK));
    EXPECT_C_TRUE(status == GBT_OK || status == GBT_ERR_FORMAT || status == GBT_ERR_PARAM);
    if (heads) {
        EXPECT_C_OK(gbt_heads_predict(heads, x, GBT_PREDICT_RAW, 0, 1, out, 8));
    }
    gbt_heads_free(heads);
}

/* Damage that the checksums do not see: every byte of the module's own sections, three ways. */
TEST_C(HeadsFile, NoByteMakesTheReaderFail)
{
    heads_case c;
    gbt_section part[N_SECTIONS];
    void *data = NULL;
    size_t size = 0;
    heads_case_open(&c, 60, TOY_BINARY, 8, "objective=binary units=4 units_per_step=2");
    ASSERT_C_OK(c.status);
    ASSERT_C_OK(gbt_heads_to_bytes(c.heads, &data, &size));
    memcpy(part, sections, sizeof part);
    ASSERT_C_OK(gbt_sections_read(data, size, "m", GBT_KIND_HEADS, 1, part, N_SECTIONS));
    gbt_matrix few = c.features;
    few.n_rows = 8;
    for (int s = 1; s <= 3; s++) {
        const gbt_section whole = part[s];
        unsigned char *copy = malloc(whole.size + 1);
        part[s].data = copy;
        for (size_t at = 0; at <= whole.size; at++) {
            static const unsigned char change[] = {0x01, 0x80, 0xff};
            for (int i = 0; i < 3; i++) {
                gbt_writer file = {0};
                memcpy(copy, whole.data, whole.size);
                copy[whole.size] = 0;
                part[s].size = at < whole.size ? whole.size : i == 0 ? at + 1 : at / 2;
                copy[at] ^= at < whole.size ? change[i] : 0;
                EXPECT_C_OK(gbt_sections_write(&file, GBT_KIND_HEADS, 1, part, N_SECTIONS));
                try_bytes(file.data, file.size, &few);
                gbt_writer_close(&file);
            }
        }
        free(copy);
        part[s] = whole;
    }
    gbt_memory_free(data);
    heads_case_close(&c);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static char trees_path[TEMP_DIR_PATH];

/* Training with leaves and validation rows, a file, and every kind of prediction. */
static gbt_status session(const toy *data)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *train = NULL;
    gbt_heads *heads = NULL, *again = NULL;
    void *bytes = NULL;
    size_t size = 0;
    float out[40], *wide = NULL;
    int64_t n_inputs = 0;
    const gbt_matrix x = toy_matrix(data);
    static const char *const keys[][2] = {
        {"objective", "binary"}, {"categorical", "6"},      {"units", "4"},
        {"threads", "1"},        {"valid_fraction", "0.3"}, {"inputs", "both"}};
    GBT_TRY_OR_DONE(gbt_params_create(&params));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        GBT_TRY_OR_DONE(gbt_params_set(params, keys[i][0], keys[i][1]));
    }
    GBT_TRY_OR_DONE(gbt_params_set(params, "leaf_model", trees_path));
    GBT_TRY_OR_DONE(gbt_dataset_from_matrix(params, &x, NULL, NULL, &train));
    GBT_TRY_OR_DONE(gbt_dataset_set(train, GBT_LABEL, data->label, GBT_F32, 40));
    GBT_TRY_OR_DONE(gbt_dataset_set(train, GBT_WEIGHT, data->weight, GBT_F32, 40));
    GBT_TRY_OR_DONE(gbt_heads_train(params, train, &x, NULL, NULL, NULL, NULL, &heads));
    GBT_TRY_OR_DONE(gbt_heads_to_bytes(heads, &bytes, &size));
    GBT_TRY_OR_DONE(gbt_heads_from_bytes(bytes, size, &again));
    GBT_TRY_OR_DONE(gbt_heads_predict(again, &x, GBT_PREDICT_RESPONSE, 0, 2, out, 40));
    GBT_TRY_OR_DONE(gbt_heads_predict_early(again, &x, 0.0, 2, out, NULL, 40));
    GBT_TRY_OR_DONE(gbt_heads_shape(again, GBT_HEADS_INPUTS, &n_inputs));
    wide = malloc((size_t)(40 * n_inputs) * sizeof *wide);
    GBT_TRY_OR_DONE(gbt_heads_inputs(again, &x, wide, 40 * n_inputs));
done:
    EXPECT_C_TRUE((heads != NULL) || (bytes == NULL && again == NULL));
    free(wide);
    gbt_memory_free(bytes);
    gbt_heads_free(heads);
    gbt_heads_free(again);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return status;
}

TEST_C(HeadsMemory, EveryRefusalIsToldAndNothingLeaks)
{
    toy data;
    temp_dir folder;
    int64_t n = 1;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    temp_dir_file(&folder, "trees.gbt", trees_path);
    ASSERT_C_TRUE(write_trees(trees_path));
    toy_make(&data, 40, TOY_BINARY, 1);
    for (; n < MOST_CALLS; n++) {
        fail_alloc_install(n);
        const gbt_status status = session(&data);
        const bool was_refused = fail_alloc_refused();
        const int64_t n_live = fail_alloc_live();
        fail_alloc_remove();
        if (!EXPECT_C_EQ_INT(status, was_refused ? GBT_ERR_MEMORY : GBT_OK) ||
            !EXPECT_C_EQ_INT(n_live, 0) || !was_refused) {
            break;
        }
    }
    EXPECT_C_TRUE(n > 50 && n < MOST_CALLS);
    toy_free(&data);
    temp_dir_close(&folder);
}

/* ---- Arguments ------------------------------------------------------------------------------- */

TEST_C(HeadsArguments, WhatIsMissingIsNamed)
{
    heads_case c;
    gbt_heads *none = NULL;
    void *data = NULL;
    size_t size = 0;
    int64_t n = 0;
    float out[ROWS];
    heads_case_open(&c, ROWS, TOY_BINARY, 9, "objective=binary units=4");
    ASSERT_C_OK(c.status);
    const gbt_matrix *x = &c.features;
    const gbt_status calls[] = {
        gbt_heads_train(NULL, c.train, x, NULL, NULL, NULL, NULL, &none),
        gbt_heads_train(c.params, NULL, x, NULL, NULL, NULL, NULL, &none),
        gbt_heads_train(c.params, c.train, NULL, NULL, NULL, NULL, NULL, &none),
        gbt_heads_train(c.params, c.train, x, c.train, NULL, NULL, NULL, &none),
        gbt_heads_train(c.params, c.train, x, NULL, NULL, NULL, NULL, NULL),
        gbt_heads_load(NULL, &none),
        gbt_heads_load("m.gbt", NULL),
        gbt_heads_save(NULL, "m.gbt"),
        gbt_heads_save(c.heads, NULL),
        gbt_heads_from_bytes(NULL, 1, &none),
        gbt_heads_from_bytes("", 1, NULL),
        gbt_heads_to_bytes(NULL, &data, &size),
        gbt_heads_to_bytes(c.heads, NULL, &size),
        gbt_heads_to_bytes(c.heads, &data, NULL),
        gbt_heads_shape(NULL, GBT_HEADS_STEPS, &n),
        gbt_heads_shape(c.heads, GBT_HEADS_STEPS, NULL),
        gbt_heads_shape(c.heads, (gbt_heads_key)99, &n),
        gbt_heads_predict(NULL, x, GBT_PREDICT_RAW, 0, 1, out, ROWS),
        gbt_heads_predict(c.heads, NULL, GBT_PREDICT_RAW, 0, 1, out, ROWS),
        gbt_heads_predict(c.heads, x, GBT_PREDICT_RAW, 0, 1, NULL, ROWS),
        gbt_heads_predict(c.heads, x, (gbt_predict_kind)99, 0, 1, out, ROWS),
        gbt_heads_predict(c.heads, x, GBT_PREDICT_RAW, 5, 1, out, ROWS),
        gbt_heads_predict(c.heads, x, GBT_PREDICT_RAW, -1, 1, out, ROWS),
        gbt_heads_predict(c.heads, x, GBT_PREDICT_RAW, 0, 1, out, ROWS - 1),
        gbt_heads_predict_early(NULL, x, 0.0, 1, out, NULL, ROWS),
        gbt_heads_predict_early(c.heads, x, 0.0, 1, out, NULL, ROWS + 1),
        gbt_heads_predict_table(NULL, NULL, GBT_PREDICT_RAW, 0, 1, out, ROWS),
        gbt_heads_predict_table(c.heads, NULL, GBT_PREDICT_RAW, 0, 1, out, ROWS),
        gbt_heads_weights(NULL, out, NULL, NULL, NULL),
        gbt_heads_inputs(NULL, x, out, ROWS),
        gbt_heads_inputs(c.heads, x, NULL, ROWS),
        gbt_heads_inputs(c.heads, x, out, ROWS)};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        EXPECT_C_EQ_INT(calls[i], GBT_ERR_ARGUMENT);
    }
    EXPECT_C_TRUE(none == NULL && data == NULL);
    EXPECT_C_OK(gbt_heads_weights(c.heads, NULL, NULL, NULL, NULL));
    EXPECT_C_TRUE(gbt_heads_frame(NULL) == NULL);
    gbt_heads_free(NULL);
    heads_case_close(&c);
}

/* Rows that were binned with other cuts have other categories: they are refused, and rows with more
 * columns with them. */
TEST_C(HeadsArguments, ValidationRowsOfOtherColumnsAreRefused)
{
    toy data, strange;
    gbt_heads *heads = NULL;
    gbt_dataset *wide = NULL;
    float cells[60 * 20] = {0.0f}, label[60];
    toy_make(&data, 60, TOY_QUANTITY, 1);
    toy_make(&strange, 60, TOY_QUANTITY, 2);
    gbt_params *params = toy_params("objective=regression units=3");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_dataset *other = toy_dataset(&strange, params, NULL, false);
    const gbt_matrix x = toy_matrix(&data), y = toy_matrix(&strange);
    const gbt_matrix w = {cells, GBT_F32, 60, 20, 20, 1};
    memcpy(label, data.label, sizeof label);
    ASSERT_C_OK(gbt_dataset_from_matrix(params, &w, NULL, NULL, &wide));
    ASSERT_C_OK(gbt_dataset_set(wide, GBT_LABEL, label, GBT_F32, 60));
    EXPECT_C_STATUS(gbt_heads_train(params, train, &x, wide, &w, NULL, NULL, &heads),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_heads_train(params, train, &x, other, &y, NULL, NULL, &heads),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(heads == NULL);
    gbt_dataset_free(wide);
    gbt_dataset_free(other);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&strange);
}

/* Without a column that varies there are no inputs; the units are constants. */
TEST_C(HeadsArguments, DataWithoutInputsAreTheirMean)
{
    toy data;
    heads_case c;
    float out[1];
    toy_make(&data, 50, TOY_QUANTITY, 1);
    for (int i = 0; i < 50 * TOY_FEATURES; i++) {
        data.x[i] = 1.0f;
    }
    heads_case_train(&c, data, "objective=regression units=5", false);
    ASSERT_C_OK(c.status);
    EXPECT_C_EQ_INT(c.n_inputs, 0);
    double mean = 0.0;
    for (int i = 0; i < 50; i++) {
        mean += (double)c.data.label[i] / 50.0;
    }
    float *raw = heads_case_raw(&c, 0);
    EXPECT_C_NEAR((double)raw[0], mean, 1e-4);
    EXPECT_C_OK(gbt_heads_inputs(c.heads, &c.features, out, 0));
    EXPECT_C_STATUS(gbt_heads_inputs(c.heads, &c.features, out, 50), GBT_ERR_ARGUMENT);
    free(raw);
    heads_case_close(&c);
}
