/* Models as users see them: files and bytes, kinds and round ranges of predictions, every view
 * of the same rows, leaves, importances, dumps. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 1500, ROUNDS = 6 };

static const struct {
    toy_label label;
    const char *options;
} kinds[] = {
    {TOY_QUANTITY, "objective=regression"},
    {TOY_BINARY, "objective=binary"},
    {TOY_CLASSES, "objective=multiclass"},
    {TOY_CLASSES, "objective=multiclassova grow_policy=symmetric"},
    {TOY_POSITIVE, "objective=poisson"},
};

enum { N_KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

static gbt_model *model_of(int kind, toy *data)
{
    char options[256];
    snprintf(options, sizeof options, "n_trees=%d threads=2 %s", ROUNDS, kinds[kind].options);
    toy_make(data, ROWS, kinds[kind].label, 5);
    gbt_params *params = toy_params(options);
    gbt_dataset *train = toy_dataset(data, params, NULL, true);
    gbt_model *model = toy_train(params, train);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return model;
}

static int64_t shape(const gbt_model *model, gbt_shape_key key)
{
    int64_t value = -1;
    EXPECT_C_OK(gbt_model_shape(model, key, &value));
    return value;
}

/* Predictions of all rows: [rows x outputs], to be freed. */
static float *predict(const gbt_model *model, const gbt_matrix *matrix, gbt_predict_kind kind,
                      int32_t first, int32_t n_rounds, int threads)
{
    const int64_t n =
        matrix->n_rows * (kind == GBT_PREDICT_CLASS ? 1 : shape(model, GBT_SHAPE_OUTPUTS));
    float *out = calloc((size_t)n, sizeof *out);
    EXPECT_C_OK(gbt_model_predict(model, matrix, kind, first, n_rounds, threads, out, n));
    return out;
}

/* Frees both. */
static void expect_equal(float *a, float *b, int64_t n)
{
    EXPECT_C_EQ_BYTES(a, b, (size_t)n * sizeof *a);
    free(a);
    free(b);
}

/* ---- Files and bytes ------------------------------------------------------------------------- */

TEST_C(Model, FilesAndBytesBringTheWholeModelBack)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "m.gbt", path);
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        gbt_model *model = model_of(k, &data), *loaded = NULL, *copied = NULL;
        size_t n = 0, m = 0;
        void *bytes = toy_bytes(model, &n);
        EXPECT_C_OK(gbt_model_save(model, path));
        EXPECT_C_OK(gbt_model_load(path, &loaded));
        EXPECT_C_OK(gbt_model_from_bytes(bytes, n, &copied));
        const gbt_model *const others[] = {loaded, copied};
        const gbt_matrix matrix = toy_matrix(&data);
        const int64_t size = ROWS * shape(model, GBT_SHAPE_OUTPUTS);
        for (int i = 0; i < 2; i++) {
            void *again = toy_bytes(others[i], &m);
            EXPECT_C_TRUE(n == m && memcmp(bytes, again, n) == 0);
            gbt_memory_free(again);
            EXPECT_C_OK(gbt_model_verify(others[i]));
            expect_equal(predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 1),
                         predict(others[i], &matrix, GBT_PREDICT_RESPONSE, 0, 0, 2), size);
            for (int key = GBT_SHAPE_ROUNDS; key <= GBT_SHAPE_SPARSE; key++) {
                EXPECT_C_EQ_INT(shape(model, (gbt_shape_key)key),
                                shape(others[i], (gbt_shape_key)key));
            }
            EXPECT_C_EQ_TEXT(gbt_model_objective(others[i]), gbt_model_objective(model));
            EXPECT_C_EQ_TEXT(gbt_model_feature_name(others[i], 3), "f3");
        }
        gbt_memory_free(bytes);
        gbt_model_free(model);
        gbt_model_free(loaded);
        gbt_model_free(copied);
        toy_free(&data);
    }
    temp_dir_close(&dir);
}

TEST_C(Model, TheShapeIsThatOfTheTraining)
{
    toy data;
    gbt_model *model = model_of(2, &data);
    gbt_params *params = NULL;
    char text[32];
    int64_t leaves = 0;
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_ROUNDS), ROUNDS);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_TREES), 3 * ROUNDS);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_OUTPUTS), 3);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_CLASSES), 3);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_FEATURES), TOY_FEATURES);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_TRAIN_ROWS), ROWS);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_BEST_ROUND), 0);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_SPARSE), 0);
    EXPECT_C_EQ_TEXT(gbt_model_class_name(model, 2), "2");
    EXPECT_C_TRUE(gbt_model_class_name(model, 3) == NULL);
    EXPECT_C_OK(gbt_model_params(model, &params));
    EXPECT_C_OK(
        gbt_params_get(params, "num_class", text, sizeof text)); /* resolved, not asked for */
    EXPECT_C_EQ_TEXT(text, "3");
    for (int32_t t = 0; t < 3 * ROUNDS; t++) {
        int32_t n = 0;
        EXPECT_C_OK(gbt_model_tree_leaves(model, t, &n));
        EXPECT_C_TRUE(n >= 2 && n <= 31);
        leaves += n;
    }
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_LEAVES), leaves);
    gbt_params_free(params);
    gbt_model_free(model);
    toy_free(&data);
}

/* ---- Predictions ----------------------------------------------------------------------------- */

/* Base score and leaf values, added in order in float32, are the raw prediction: its definition. */
TEST_C(Predictions, RawScoresAreTheLeafValuesOfTheRoundsInOrder)
{
    static const int32_t ranges[][2] = {{0, 0}, {0, ROUNDS}, {0, 1}, {2, 3}, {4, 0}, {ROUNDS, 0}};
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        gbt_model *model = model_of(k, &data);
        const int32_t outputs = (int32_t)shape(model, GBT_SHAPE_OUTPUTS), trees = ROUNDS * outputs;
        const gbt_matrix matrix = toy_matrix(&data);
        int32_t *leaf = malloc((size_t)ROWS * (size_t)trees * sizeof *leaf);
        float value[3 * ROUNDS][64];
        double base[3];
        EXPECT_C_OK(gbt_model_base_score(model, base, outputs));
        EXPECT_C_OK(gbt_model_leaves(model, &matrix, 2, leaf, (int64_t)ROWS * trees));
        for (int32_t t = 0; t < trees; t++) {
            int32_t n = 0;
            EXPECT_C_OK(gbt_model_tree_leaves(model, t, &n));
            EXPECT_C_OK(gbt_model_leaf_values(model, t, value[t], n));
        }
        for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
            const int32_t first = ranges[r][0],
                          last = ranges[r][1] == 0 ? ROUNDS : first + ranges[r][1];
            float *raw = predict(model, &matrix, GBT_PREDICT_RAW, first, ranges[r][1], 2);
            int64_t n_different = 0;
            for (int64_t i = 0; i < (int64_t)ROWS * outputs; i++) {
                float sum = (float)base[i % outputs];
                for (int32_t round = first; round < last; round++) {
                    const int32_t t = round * outputs + (int32_t)(i % outputs);
                    sum += value[t][leaf[i / outputs * trees + t]];
                }
                n_different += memcmp(&sum, &raw[i], sizeof sum) != 0;
            }
            EXPECT_C_EQ_INT(n_different, 0);
            free(raw);
        }
        free(leaf);
        gbt_model_free(model);
        toy_free(&data);
    }
}

/* The links by their definitions, to float32 accuracy. */
TEST_C(Predictions, TheResponseIsTheLinkOfTheRawScore)
{
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        gbt_model *model = model_of(k, &data);
        const int64_t outputs = shape(model, GBT_SHAPE_OUTPUTS);
        const gbt_matrix matrix = toy_matrix(&data);
        float *raw = predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1);
        float *response = predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 1);
        double worst = 0.0;
        for (int64_t i = 0; i < ROWS * outputs; i++) {
            double want = (double)raw[i];
            double sum = 0.0;
            for (int64_t c = 0; c < outputs; c++) {
                sum += exp((double)raw[i / outputs * outputs + c]);
            }
            want = k == 1 || k == 3 ? 1.0 / (1.0 + exp(-want))
                   : k == 2         ? exp(want) / sum
                   : k == 4         ? exp(want)
                                    : want;
            worst = fmax(worst, fabs(want - (double)response[i]) / fmax(1.0, fabs(want)));
        }
        EXPECT_C_TRUE(worst < 1e-6);
        free(raw);
        free(response);
        gbt_model_free(model);
        toy_free(&data);
    }
}

TEST_C(Predictions, TheClassIsTheMostProbableOne)
{
    for (int k = 1; k < 4; k++) {
        toy data;
        gbt_model *model = model_of(k, &data);
        const int64_t outputs = shape(model, GBT_SHAPE_OUTPUTS);
        const gbt_matrix matrix = toy_matrix(&data);
        float *response = predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 2);
        float *class_index = predict(model, &matrix, GBT_PREDICT_CLASS, 0, 0, 2);
        int n_wrong = 0, n_right = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            int best = outputs == 1 ? response[i] > 0.5f : 0;
            for (int c = 1; c < outputs; c++) {
                best = response[i * outputs + c] > response[i * outputs + best] ? c : best;
            }
            n_wrong += class_index[i] != (float)best;
            n_right += class_index[i] == data.label[i];
        }
        EXPECT_C_EQ_INT(n_wrong, 0);
        EXPECT_C_TRUE(n_right > ROWS * 6 / 10);
        free(response);
        free(class_index);
        gbt_model_free(model);
        toy_free(&data);
    }
}

TEST_C(Predictions, OneRowAtATimeEqualsTheBatch)
{
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        gbt_model *model = model_of(k, &data);
        const int64_t outputs = shape(model, GBT_SHAPE_OUTPUTS);
        const gbt_matrix matrix = toy_matrix(&data);
        float *one = malloc((size_t)(ROWS * outputs) * sizeof *one);
        for (int64_t i = 0; i < ROWS; i++) {
            gbt_matrix row = matrix;
            row.data = data.x + i * TOY_FEATURES;
            row.n_rows = 1;
            EXPECT_C_OK(gbt_model_predict(model, &row, GBT_PREDICT_RESPONSE, 0, 0, 0,
                                          one + i * outputs, outputs));
        }
        expect_equal(one, predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 3), ROWS * outputs);
        gbt_model_free(model);
        toy_free(&data);
    }
}

TEST_C(Predictions, AFewRowsAllocateNothing)
{
    fail_alloc_install(0);
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        gbt_model *model = model_of(k, &data);
        const int64_t outputs = shape(model, GBT_SHAPE_OUTPUTS);
        gbt_matrix rows = toy_matrix(&data);
        float out[8 * 3];
        int32_t leaf[8 * 3 * ROUNDS];
        const int64_t before = fail_alloc_calls();
        for (int64_t n = 1; n <= 8; n++) {
            rows.n_rows = n;
            EXPECT_C_OK(
                gbt_model_predict(model, &rows, GBT_PREDICT_RAW, 0, 0, 0, out, n * outputs));
            EXPECT_C_OK(
                gbt_model_predict(model, &rows, GBT_PREDICT_RESPONSE, 0, 0, 0, out, n * outputs));
            if (shape(model, GBT_SHAPE_CLASSES) > 0) {
                EXPECT_C_OK(gbt_model_predict(model, &rows, GBT_PREDICT_CLASS, 0, 0, 0, out, n));
            }
            EXPECT_C_OK(gbt_model_leaves(model, &rows, 0, leaf, n * outputs * ROUNDS));
        }
        EXPECT_C_EQ_INT(fail_alloc_calls() - before, 0);
        gbt_model_free(model);
        toy_free(&data);
    }
    fail_alloc_remove();
}

TEST_C(Predictions, ThreadsChangeNothing)
{
    toy data;
    gbt_model *model = model_of(2, &data);
    const gbt_matrix matrix = toy_matrix(&data);
    for (int threads = 0; threads <= 8; threads++) {
        expect_equal(predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, threads),
                     predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1), 3 * ROWS);
    }
    gbt_model_free(model);
    toy_free(&data);
}

TEST_C(Predictions, NoRowsAreAnEmptyPrediction)
{
    toy data;
    gbt_model *model = model_of(0, &data);
    gbt_matrix matrix = toy_matrix(&data);
    float out = 7.0f;
    matrix.n_rows = 0;
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 0, &out, 0));
    EXPECT_C_TRUE(out == 7.0f);
    gbt_model_free(model);
    toy_free(&data);
}

/* ---- Every view of the same numbers ---------------------------------------------------------- */

/* Whole numbers, so that every element type holds them. */
static void round_cells(toy *data)
{
    for (int64_t i = 0; i < data->n_rows * TOY_FEATURES; i++) {
        data->x[i] = isnan(data->x[i]) ? 0.0f : floorf(data->x[i] * 16.0f);
        data->x[i] = i % TOY_FEATURES == 6 ? fabsf(data->x[i]) : data->x[i];
    }
}

enum { N_VIEWS = 6 };

/* The rows as float32, as float64 and int32, column-major, in the middle of wider rows,
 * backwards. */
static gbt_matrix view_of(const toy *data, int which, void *buffer)
{
    const int64_t n = data->n_rows, m = TOY_FEATURES;
    gbt_matrix view = toy_matrix(data);
    view.data = which == 0 ? (const void *)data->x : buffer;
    view.dtype = which == 1 || which == 3 ? GBT_F64 : which == 2 ? GBT_I32 : GBT_F32;
    view.row_stride = which == 3 ? 1 : which == 4 ? 2 * m + 1 : which == 5 ? -m : m;
    view.col_stride = which == 3 ? n : which == 4 ? 2 : 1;
    if (which == 5) {
        view.data = (float *)buffer + (n - 1) * m;
    }
    for (int64_t i = 0; which > 0 && i < n; i++) {
        for (int64_t f = 0; f < m; f++) {
            const float value = data->x[i * m + f];
            const int64_t at =
                i * view.row_stride + f * view.col_stride + (which == 5 ? (n - 1) * m : 0);
            if (view.dtype == GBT_F64) {
                ((double *)buffer)[at] = (double)value;
            } else if (view.dtype == GBT_I32) {
                ((int32_t *)buffer)[at] = (int32_t)value;
            } else {
                ((float *)buffer)[at] = value;
            }
        }
    }
    return view;
}

/* All rows as CSR: zeros are left out in every other row and stand there in the others. */
typedef struct sparse_rows {
    int64_t start[ROWS + 1];
    int32_t column[ROWS * TOY_FEATURES];
    double value[ROWS * TOY_FEATURES];
} sparse_rows;

static gbt_csr sparse_of(const toy *data, sparse_rows *rows)
{
    int64_t n = 0;
    rows->start[0] = 0;
    for (int64_t i = 0; i < data->n_rows; i++) {
        for (int32_t f = 0; f < TOY_FEATURES; f++) {
            const float cell = data->x[i * TOY_FEATURES + f];
            if (cell != 0.0f || i % 2 == 0) {
                rows->column[n] = f;
                rows->value[n++] = (double)cell;
            }
        }
        rows->start[i + 1] = n;
    }
    const gbt_csr csr = {.row_start = rows->start,
                         .column = rows->column,
                         .value = rows->value,
                         .dtype = GBT_F64,
                         .n_rows = data->n_rows,
                         .n_cols = TOY_FEATURES};
    return csr;
}

static gbt_model *train_on(const gbt_params *params, gbt_dataset *data, const toy *labels)
{
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, labels->label, GBT_F32, labels->n_rows));
    gbt_model *model = toy_train(params, data);
    gbt_dataset_free(data);
    return model;
}

TEST_C(Views, TypesStridesAndOrderOfTheMatrixChangeNothing)
{
    toy data;
    toy_make(&data, ROWS, TOY_BINARY, 9);
    round_cells(&data);
    gbt_params *params = toy_params("objective=binary n_trees=4 categorical=f6 threads=2");
    void *buffer = calloc(ROWS * (2 * TOY_FEATURES + 1), sizeof(double)), *first_bytes = NULL;
    gbt_model *first = NULL;
    size_t n = 0, m = 0;
    for (int which = 0; which < N_VIEWS; which++) {
        const gbt_matrix view = view_of(&data, which, buffer), plain = toy_matrix(&data);
        gbt_dataset *train = NULL;
        ASSERT_C_OK(gbt_dataset_from_matrix(params, &view, NULL, NULL, &train));
        gbt_model *model = train_on(params, train, &data);
        if (which == 0) {
            first = model;
            first_bytes = toy_bytes(model, &n);
            continue;
        }
        void *bytes = toy_bytes(model, &m);
        EXPECT_C_TRUE(n == m && memcmp(first_bytes, bytes, n) == 0);
        gbt_memory_free(bytes);
        gbt_model_free(model);
        expect_equal(predict(first, &view, GBT_PREDICT_RAW, 0, 0, 2),
                     predict(first, &plain, GBT_PREDICT_RAW, 0, 0, 2), ROWS);
        gbt_matrix one = view, plain_one = plain;
        one.n_rows = plain_one.n_rows = 1;
        expect_equal(predict(first, &one, GBT_PREDICT_RAW, 0, 0, 1),
                     predict(first, &plain_one, GBT_PREDICT_RAW, 0, 0, 1), 1);
    }
    gbt_memory_free(first_bytes);
    gbt_model_free(first);
    gbt_params_free(params);
    free(buffer);
    toy_free(&data);
}

TEST_C(Views, SparseRowsPredictLikeDenseRows)
{
    for (int k = 0; k < N_KINDS; k++) {
        toy data;
        sparse_rows *rows = calloc(1, sizeof *rows);
        gbt_model *model = model_of(k, &data);
        const int64_t outputs = shape(model, GBT_SHAPE_OUTPUTS);
        const gbt_matrix matrix = toy_matrix(&data);
        for (int64_t i = 0; i < ROWS * TOY_FEATURES; i += 3) {
            data.x[i] = 0.0f;
        }
        const gbt_csr csr = sparse_of(&data, rows);
        float *out = calloc((size_t)(ROWS * outputs), sizeof *out);
        EXPECT_C_OK(
            gbt_model_predict_csr(model, &csr, GBT_PREDICT_RAW, 0, 0, 2, out, ROWS * outputs));
        expect_equal(out, predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1), ROWS * outputs);
        gbt_csr one = csr;
        one.n_rows = 1;
        gbt_matrix first = matrix;
        first.n_rows = 1;
        out = calloc((size_t)outputs, sizeof *out);
        EXPECT_C_OK(gbt_model_predict_csr(model, &one, GBT_PREDICT_RAW, 0, 0, 0, out, outputs));
        expect_equal(out, predict(model, &first, GBT_PREDICT_RAW, 0, 0, 1), outputs);
        gbt_model_free(model);
        toy_free(&data);
        free(rows);
    }
}

/* The cuts of sparse rows are those of the same dense rows, so the trees are. */
TEST_C(Views, SparseRowsTrainLikeDenseRows)
{
    toy data;
    sparse_rows *rows = calloc(1, sizeof *rows);
    gbt_dataset *dense = NULL, *sparse = NULL;
    toy_make(&data, ROWS, TOY_QUANTITY, 9);
    for (int64_t i = 0; i < ROWS * TOY_FEATURES; i++) {
        data.x[i] = i % 3 == 0 ? 0.0f : data.x[i];
    }
    gbt_params *params = toy_params("objective=regression n_trees=5 threads=2");
    const gbt_matrix matrix = toy_matrix(&data);
    const gbt_csr csr = sparse_of(&data, rows);
    ASSERT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &dense));
    ASSERT_C_OK(gbt_dataset_from_csr(params, &csr, NULL, NULL, &sparse));
    for (int32_t f = 0; f < TOY_FEATURES; f++) {
        EXPECT_C_EQ_INT(gbt_dataset_bins(dense, f), gbt_dataset_bins(sparse, f));
    }
    gbt_model *a = train_on(params, dense, &data), *b = train_on(params, sparse, &data);
    EXPECT_C_EQ_INT(shape(b, GBT_SHAPE_SPARSE), 1);
    expect_equal(predict(a, &matrix, GBT_PREDICT_RAW, 0, 0, 1),
                 predict(b, &matrix, GBT_PREDICT_RAW, 0, 0, 1), ROWS);
    gbt_model_free(a);
    gbt_model_free(b);
    gbt_params_free(params);
    toy_free(&data);
    free(rows);
}

TEST_C(Views, ASubsetIsADataSetOfTheseRows)
{
    toy data, part;
    int64_t rows[ROWS];
    const int64_t n = 900;
    gbt_dataset *subset = NULL;
    size_t size_a = 0, size_b = 0;
    toy_make(&data, ROWS, TOY_BINARY, 9);
    toy_make(&part, n, TOY_BINARY, 9);
    for (int64_t i = 0; i < n; i++) { /* neither ascending nor distinct */
        rows[i] = i * 7 % 1021;
        memcpy(part.x + i * TOY_FEATURES, data.x + rows[i] * TOY_FEATURES,
               TOY_FEATURES * sizeof *part.x);
        part.label[i] = data.label[rows[i]];
        part.weight[i] = data.weight[rows[i]];
    }
    gbt_params *params = toy_params("objective=binary n_trees=5 threads=2");
    gbt_dataset *whole = toy_dataset(&data, params, NULL, true),
                *same = toy_dataset(&part, params, whole, true);
    EXPECT_C_OK(gbt_dataset_subset(whole, rows, n, &subset));
    gbt_model *a = toy_train(params, subset), *b = toy_train(params, same);
    void *x = toy_bytes(a, &size_a), *y = toy_bytes(b, &size_b);
    EXPECT_C_TRUE(size_a == size_b && memcmp(x, y, size_a) == 0);
    gbt_memory_free(x);
    gbt_memory_free(y);
    gbt_model_free(a);
    gbt_model_free(b);
    gbt_dataset_free(whole);
    gbt_dataset_free(same);
    gbt_dataset_free(subset);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&part);
}

TEST_C(Views, FieldsComeBackInEveryTypeThatHoldsThem)
{
    toy data;
    double wide[ROWS];
    int32_t whole[ROWS], group[ROWS];
    float narrow[ROWS];
    toy_make(&data, ROWS, TOY_CLASSES, 9);
    gbt_dataset *set = toy_dataset(&data, NULL, NULL, false);
    for (int i = 0; i < ROWS; i++) {
        group[i] = i / 10 - 3;
    }
    EXPECT_C_OK(gbt_dataset_set(set, GBT_GROUP, group, GBT_I32, ROWS));
    EXPECT_C_OK(gbt_dataset_get(set, GBT_LABEL, wide, GBT_F64, ROWS));
    EXPECT_C_OK(gbt_dataset_get(set, GBT_LABEL, whole, GBT_I32, ROWS));
    EXPECT_C_OK(gbt_dataset_get(set, GBT_GROUP, narrow, GBT_F32, ROWS));
    int n_wrong = 0;
    for (int i = 0; i < ROWS; i++) {
        n_wrong += wide[i] != (double)data.label[i] || whole[i] != (int32_t)data.label[i] ||
                   narrow[i] != (float)group[i];
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    EXPECT_C_EQ_INT(gbt_dataset_field_size(set, GBT_GROUP), ROWS);
    EXPECT_C_OK(gbt_dataset_set(set, GBT_GROUP, NULL, GBT_I32, 0));
    EXPECT_C_EQ_INT(gbt_dataset_field_size(set, GBT_GROUP), 0);
    EXPECT_C_EQ_INT(gbt_dataset_bins(set, 7), 1); /* constant */
    EXPECT_C_EQ_INT(gbt_dataset_bins(set, 2), 6);
    EXPECT_C_TRUE(gbt_dataset_bytes(set) > ROWS * 4);
    gbt_dataset_free(set);
    toy_free(&data);
}

/* ---- Importances and dumps ------------------------------------------------------------------- */

TEST_C(Model, ImportancesCountTheSplits)
{
    toy data;
    gbt_model *model = model_of(0, &data);
    double gain[TOY_FEATURES], split[TOY_FEATURES], cover[TOY_FEATURES], n_splits = 0.0;
    EXPECT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, gain, TOY_FEATURES));
    EXPECT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_SPLIT, split, TOY_FEATURES));
    EXPECT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_COVER, cover, TOY_FEATURES));
    for (int f = 0; f < TOY_FEATURES; f++) {
        n_splits += split[f];
        EXPECT_C_TRUE((gain[f] > 0.0) == (split[f] > 0.0) && (cover[f] > 0.0) == (split[f] > 0.0));
        EXPECT_C_TRUE(gain[f] <= gain[0]); /* the strongest term of the signal */
    }
    EXPECT_C_TRUE(split[7] == 0.0); /* constant */
    EXPECT_C_EQ_INT(n_splits, shape(model, GBT_SHAPE_LEAVES) - shape(model, GBT_SHAPE_TREES));
    gbt_model_free(model);
    toy_free(&data);
}

TEST_C(Model, DumpsEndWithAZeroAndNameTheFeatures)
{
    toy data;
    gbt_model *model = model_of(2, &data);
    for (int format = GBT_DUMP_TEXT; format <= GBT_DUMP_DOT; format++) {
        char *text = NULL;
        size_t size = 0;
        EXPECT_C_OK(gbt_model_dump(model, (gbt_dump_format)format, &text, &size));
        EXPECT_C_TRUE(strlen(text) == size || strlen(text) + 1 == size);
        EXPECT_C_HAS_TEXT(text, "f0");
        gbt_memory_free(text);
    }
    gbt_model_free(model);
    toy_free(&data);
}
