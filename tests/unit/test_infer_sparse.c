/* Prediction of sparse rows by the public calls has the bits of the same rows made dense, whether
 * the trees take entries or float32 rows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/backend/infer_job.h"
#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 2600, FEATURES = 40, OUTPUTS = 3, ROUNDS = 6 };

typedef struct rows {
    float *x; /* [ROWS x FEATURES] */
    int64_t *start;
    int32_t *column;
    float *value;
    gbt_csr csr;
} rows;

/* One cell in `step` has an entry, as numbers or missing. */
static void open_rows(rows *r, const gbt_model *model, uint64_t step)
{
    int64_t n = 0;
    r->x = gbt_alloc(ROWS * FEATURES, sizeof *r->x);
    r->start = gbt_alloc(ROWS + 1, sizeof *r->start);
    r->column = gbt_alloc(ROWS * FEATURES, sizeof *r->column);
    r->value = gbt_alloc(ROWS * FEATURES, sizeof *r->value);
    random_rows(model, step, ROWS, r->x);
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        r->start[i / FEATURES] = i % FEATURES == 0 ? n : r->start[i / FEATURES];
        if (gbt_rng_mix((uint64_t)i) % step == 0) {
            r->column[n] = (int32_t)(i % FEATURES);
            r->value[n++] = r->x[i];
        } else {
            r->x[i] = 0.0f;
        }
    }
    r->start[ROWS] = n;
    r->csr = (gbt_csr){r->start, r->column, r->value, GBT_F32, ROWS, FEATURES};
}

static void close_rows(rows *r)
{
    gbt_release(r->x);
    gbt_release(r->start);
    gbt_release(r->column);
    gbt_release(r->value);
}

static gbt_model *some_model(const char *objective, int32_t max_leaves)
{
    return random_model(&(random_model_spec){.seed = 8,
                                             .objective = objective,
                                             .n_classes = OUTPUTS,
                                             .n_features = FEATURES,
                                             .n_categorical = 7,
                                             .max_bins = 60,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = max_leaves,
                                             .max_leaves = max_leaves});
}

/* Every kind and several numbers of rows and threads. */
static void compare(const gbt_model *model, const rows *r)
{
    const int64_t sizes[] = {0, 1, 11, 12, 70, 513, ROWS};
    float *want = gbt_alloc(ROWS * OUTPUTS, sizeof *want);
    float *got = gbt_alloc(ROWS * OUTPUTS, sizeof *got);
    for (int kind = GBT_PREDICT_RAW; kind <= GBT_PREDICT_CLASS; kind++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const int64_t n = sizes[s], first = s % 2 ? ROWS - n : 0;
            const int64_t size = kind == GBT_PREDICT_CLASS ? n : n * OUTPUTS;
            const gbt_matrix dense = {r->x + first * FEATURES, GBT_F32, n, FEATURES, FEATURES, 1};
            gbt_csr csr = r->csr;
            csr.row_start += first;
            csr.n_rows = n;
            const gbt_predict_kind k = (gbt_predict_kind)kind;
            ASSERT_C_OK(gbt_model_predict(model, &dense, k, 1, 4, 1, want, size));
            for (int threads = 1; threads <= 3; threads++) {
                memset(got, 0xff, ROWS * OUTPUTS * sizeof *got);
                ASSERT_C_OK(gbt_model_predict_csr(model, &csr, k, 1, 4, threads, got, size));
                EXPECT_C_EQ_BYTES(got, want, (size_t)size * sizeof *got);
            }
        }
    }
    gbt_release(want);
    gbt_release(got);
}

TEST_C(InferSparse, CompressedRowsHaveTheBitsOfTheirDenseForm)
{
    for (int32_t leaves = 60; leaves <= 300; leaves += 240) {
        gbt_model *model = some_model("multiclass", leaves);
        ASSERT_C_TRUE(model != NULL);
        for (uint64_t step = 1; step <= 15; step += 7) {
            rows r;
            open_rows(&r, model, step);
            compare(model, &r);
            close_rows(&r);
        }
        gbt_model_free(model);
    }
}

/* Does a job on the first n rows give the trees entries? */
static bool goes_by_entries(const gbt_model *model, const rows *r, int64_t n)
{
    gbt_csr csr = r->csr;
    csr.n_rows = n;
    float *out = gbt_alloc(n, sizeof *out);
    gbt_infer_job job = {.model = model,
                         .source = {.csr = &csr, .n_rows = n},
                         .kind = GBT_PREDICT_RAW,
                         .last = ROUNDS,
                         .out = out};
    EXPECT_C_OK(gbt_infer_job_run(&job, 1));
    gbt_release(out);
    return job.by_entries;
}

TEST_C(InferSparse, OnlyManySparseRowsAndSmallTreesGoByEntries)
{
    gbt_model *small = some_model("regression", 60), *large = some_model("regression", 300);
    ASSERT_C_TRUE(small != NULL && large != NULL);
    rows sparse, full;
    open_rows(&sparse, small, 8);
    open_rows(&full, small, 2);
    EXPECT_C_TRUE(goes_by_entries(small, &sparse, ROWS));
    EXPECT_C_TRUE(goes_by_entries(small, &sparse, 12));
    EXPECT_C_FALSE(goes_by_entries(small, &sparse, 11));
    EXPECT_C_FALSE(goes_by_entries(small, &full, ROWS));
    EXPECT_C_FALSE(goes_by_entries(large, &sparse, ROWS));
    close_rows(&sparse);
    close_rows(&full);
    gbt_model_free(small);
    gbt_model_free(large);
}

TEST_C(InferSparse, RowsOfManyEntriesGoInSmallerBlocks)
{
    enum { WIDE = 1 << 16, ENTRIES = 5000, LONG_ROWS = 500 };
    gbt_model *model = random_model(&(random_model_spec){.seed = 9,
                                                         .objective = "regression",
                                                         .n_features = WIDE,
                                                         .max_bins = 4,
                                                         .n_rounds = 40,
                                                         .min_leaves = 60,
                                                         .max_leaves = 60});
    ASSERT_C_TRUE(model != NULL);
    int64_t start[LONG_ROWS + 1];
    int32_t *column = gbt_alloc(LONG_ROWS * ENTRIES, sizeof *column);
    float *value = gbt_alloc(LONG_ROWS * ENTRIES, sizeof *value);
    float *x = gbt_alloc_zero(WIDE, sizeof *x), got[LONG_ROWS], want = 0.0f;
    for (int64_t i = 0; i < LONG_ROWS * ENTRIES; i++) {
        column[i] = (int32_t)(i % ENTRIES * 13 + i / ENTRIES % 13);
        value[i] = (float)(gbt_rng_mix((uint64_t)i) % 40) - 20.0f;
    }
    for (int64_t row = 0; row <= LONG_ROWS; row++) {
        start[row] = row * ENTRIES;
    }
    const gbt_csr csr = {start, column, value, GBT_F32, LONG_ROWS, WIDE};
    gbt_infer_job job = {.model = model,
                         .source = {.csr = &csr, .n_rows = LONG_ROWS},
                         .kind = GBT_PREDICT_RAW,
                         .last = 40,
                         .out = got};
    ASSERT_C_OK(gbt_infer_job_run(&job, 1));
    EXPECT_C_TRUE(job.by_entries);
    EXPECT_C_EQ_INT(job.block_rows, 128);
    for (int64_t row = 0; row < LONG_ROWS; row++) {
        for (int64_t i = start[row]; i < start[row + 1]; i++) {
            x[column[i]] = value[i];
        }
        plain_score(model, x, 0, 40, &want);
        EXPECT_C_EQ_BYTES(&got[row], &want, sizeof want);
        memset(x, 0, WIDE * sizeof *x);
    }
    gbt_release(column);
    gbt_release(value);
    gbt_release(x);
    gbt_model_free(model);
}

/* ---- Files ----------------------------------------------------------------------------------- */

enum { FILE_ROWS = 700, FILE_COLUMNS = 90 };

/* A libsvm file with indices 1 .. n_columns; entries of the first 30 decide the label. */
static gbt_table *read_file(const temp_dir *folder, const char *name, const gbt_model *model,
                            int n_columns, uint64_t seed)
{
    enum { MOST = FILE_ROWS * FILE_COLUMNS * 12 };
    char *text = gbt_alloc(MOST, 1), path[TEMP_DIR_PATH];
    gbt_params *params = toy_params("format=libsvm");
    gbt_table *table = NULL;
    int at = 0;
    for (int row = 0; row < FILE_ROWS; row++) {
        int sum = 0, line = 0;
        char cells[FILE_COLUMNS * 12] = "";
        for (int c = 0; c < n_columns; c++) {
            const uint64_t draw = gbt_rng_mix(seed++);
            if (draw % 8 == 0 || (row == 0 && c == n_columns - 1)) {
                const int value = (int)(draw / 8 % 100) - 50;
                sum += c < 30 ? value : 0;
                line += snprintf(cells + line, sizeof cells - (size_t)line, " %d:%d", c + 1, value);
            }
        }
        at += snprintf(text + at, (size_t)(MOST - at), "%d%s\n", sum > 0, cells);
    }
    EXPECT_C_TRUE(temp_dir_write(folder, name, text, (size_t)at, path));
    EXPECT_C_OK(gbt_table_read(params, path, model, &table));
    gbt_params_free(params);
    gbt_release(text);
    return table;
}

static gbt_model *train_on(const gbt_table *table)
{
    gbt_params *params = toy_params("objective=binary n_trees=30 max_leaves=15");
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    model = toy_train(params, data);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

TEST_C(InferSparse, FilesWithMoreAndFewerColumnsHaveTheBitsOfTheirDenseForm)
{
    temp_dir folder;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    gbt_table *train = read_file(&folder, "train.libsvm", NULL, 60, 1);
    ASSERT_C_TRUE(train != NULL);
    gbt_model *model = train_on(train);
    ASSERT_C_TRUE(model != NULL);
    const int64_t n_trees = model->n_trees;
    float x[FILE_ROWS * 60], want[FILE_ROWS], got[FILE_ROWS];
    int32_t *want_leaf = gbt_alloc(FILE_ROWS * n_trees, sizeof *want_leaf);
    int32_t *leaf = gbt_alloc(FILE_ROWS * n_trees, sizeof *leaf);
    for (int columns = 20; columns <= FILE_COLUMNS; columns += 35) {
        gbt_table *table = read_file(&folder, "test.libsvm", model, columns, 100000);
        ASSERT_C_TRUE(table != NULL);
        const gbt_matrix dense = {x, GBT_F32, FILE_ROWS, 60, 60, 1};
        ASSERT_C_OK(gbt_model_features(model, table, x, FILE_ROWS * 60));
        ASSERT_C_OK(
            gbt_model_predict(model, &dense, GBT_PREDICT_RESPONSE, 0, 0, 1, want, FILE_ROWS));
        ASSERT_C_OK(
            gbt_model_predict_table(model, table, GBT_PREDICT_RESPONSE, 0, 0, 2, got, FILE_ROWS));
        EXPECT_C_EQ_BYTES(got, want, sizeof want);
        ASSERT_C_OK(gbt_model_leaves(model, &dense, 1, want_leaf, FILE_ROWS * n_trees));
        ASSERT_C_OK(gbt_model_leaves_table(model, table, 2, leaf, FILE_ROWS * n_trees));
        EXPECT_C_EQ_BYTES(leaf, want_leaf, (size_t)(FILE_ROWS * n_trees) * sizeof *leaf);
        gbt_table_free(table);
    }
    gbt_release(want_leaf);
    gbt_release(leaf);
    gbt_table_free(train);
    gbt_model_free(model);
    temp_dir_close(&folder);
}
