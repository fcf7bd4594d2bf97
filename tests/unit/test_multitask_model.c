/* The multi-task model as a thing: predictions, the model of one task, files and damaged ones,
 * threads, memory. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"
#include "gbt/base/sections.h"
#include "gbt/modules/multitask_internal.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/task_toy.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 500, TASKS = 4, N_MODES = 6 };

static const char *const modes[N_MODES] = {"robust", "shared",  "single",
                                           "pooled", "feature", "clustered"};

static gbt_multitask *train_mode(const task_toy *t, const char *mode, const char *more)
{
    char options[300];
    (void)snprintf(options, sizeof options,
                   "mode=%s compare=pooled n_trees_shared=5 n_trees_robust=6 n_trees_task=4 "
                   "cluster_trees=5 min_child_samples=5 learning_rate=0.3 %s",
                   mode, more);
    gbt_multitask *model = task_toy_train(t, options, true);
    if (!model) {
        FAIL_C(gbt_last_error());
    }
    return model;
}

/* ---- Predictions ----------------------------------------------------------------------------- */

/* The definition, in double from the parts. */
static double score_by_definition(const gbt_multitask *model, const task_toy *t, int64_t row,
                                  int32_t output, int32_t task)
{
    const gbt_matrix one = {
        t->x + row * TASK_TOY_FEATURES, GBT_F32, 1, TASK_TOY_FEATURES, TASK_TOY_FEATURES, 1};
    double sum = 0.0, n_rows = 0.0, w = 0.0;
    for (int32_t p = 0; p < model->n_parts; p++) {
        float out[3];
        const int32_t first_task = gbt_multitask_first_task(model);
        double weight = p == first_task + task ? 1.0 : 0.0;
        if (p < model->n_groups) {
            weight = task >= 0
                         ? (double)(model->group[task] == p && model->mode != GBT_TASKS_SINGLE)
                         : 0.0;
            n_rows = w = 0.0;
            for (int32_t r = 0; r < model->n_tasks; r++) {
                n_rows += (double)model->rows[r];
                weight += task < 0 && model->group[r] == p ? (double)model->rows[r] : 0.0;
            }
            weight = task < 0 ? weight / n_rows : weight;
        } else if (p < first_task) {
            w = task >= 0 ? 1.0 / (1.0 + exp(-model->theta[task])) : 0.0;
            for (int32_t r = 0; r < model->n_tasks && task < 0; r++) {
                w += (double)model->rows[r] / n_rows / (1.0 + exp(-model->theta[r]));
            }
            weight = p == model->n_groups ? 1.0 - w : w;
        } else if (task < 0) {
            weight = 0.0;
        }
        EXPECT_C_OK(gbt_model_predict(model->part[p], &one, GBT_PREDICT_RAW, 0, 0, 1, out,
                                      model->n_outputs));
        sum += weight * (double)out[output];
    }
    return sum;
}

TEST_C(MultitaskModel, ScoresAreTheWeightedSumOfTheParts)
{
    static const task_toy_label labels[] = {TASK_TOY_QUANTITY, TASK_TOY_CLASSES, TASK_TOY_PAIR};
    for (int l = 0; l < 3; l++) {
        task_toy t;
        task_toy_make(&t, ROWS, TASKS, labels[l], 2);
        for (int m = 0; m < N_MODES; m++) {
            gbt_multitask *model =
                train_mode(&t, modes[m], l == 1 ? "objective=multiclass" : "objective=regression");
            ASSERT_C_TRUE(model != NULL);
            const int32_t k = model->n_outputs;
            float *raw = task_toy_raw(model, &t), out[3];
            for (int64_t i = 0; i < ROWS && model->mode != GBT_TASKS_FEATURE; i += 7) {
                const gbt_matrix one = {t.x + i * TASK_TOY_FEATURES, GBT_F32,           1,
                                        TASK_TOY_FEATURES,           TASK_TOY_FEATURES, 1};
                const int32_t unknown = 11;
                int64_t n_unseen = 0;
                EXPECT_C_OK(gbt_multitask_predict(model, &one, &unknown, GBT_PREDICT_RAW, 1, out, k,
                                                  &n_unseen));
                EXPECT_C_EQ_INT(n_unseen, 1);
                for (int32_t o = 0; o < k; o++) {
                    const int32_t r = gbt_multitask_find(model, t.task[i]);
                    EXPECT_C_NEAR((double)raw[i * k + o], score_by_definition(model, &t, i, o, r),
                                  1e-5);
                    EXPECT_C_NEAR((double)out[o], score_by_definition(model, &t, i, o, -1), 1e-5);
                }
            }
            free(raw);
            gbt_multitask_free(model);
        }
        task_toy_free(&t);
    }
}

TEST_C(MultitaskModel, TheModelOfATaskPredictsTheSame)
{
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_BINARY, 2);
    for (int m = 0; m < N_MODES; m++) {
        gbt_multitask *model = train_mode(&t, modes[m], "objective=binary");
        ASSERT_C_TRUE(model != NULL);
        for (int32_t r = -1; r < TASKS && model->mode != GBT_TASKS_FEATURE; r++) {
            gbt_model *alone = NULL;
            float a[ROWS], b[ROWS];
            int32_t task[ROWS];
            int64_t n_unseen = -1;
            const gbt_matrix matrix = task_toy_matrix(&t);
            for (int i = 0; i < ROWS; i++) {
                task[i] = r < 0 ? 12345 : model->number[r];
            }
            EXPECT_C_OK(gbt_multitask_extract(model, r, &alone));
            EXPECT_C_OK(gbt_model_verify(alone));
            EXPECT_C_OK(gbt_model_predict(alone, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 1, a, ROWS));
            EXPECT_C_OK(gbt_multitask_predict(model, &matrix, task, GBT_PREDICT_RESPONSE, 1, b,
                                              ROWS, &n_unseen));
            EXPECT_C_EQ_INT(n_unseen, r < 0 ? ROWS : 0);
            for (int i = 0; i < ROWS; i++) {
                EXPECT_C_NEAR((double)a[i], (double)b[i], 1e-6);
            }
            gbt_model_free(alone);
        }
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}

/* A row's prediction does not depend on the rows beside it, the threads, or the matrix's layout. */
TEST_C(MultitaskModel, SomeRowsInAnyLayoutAreThoseOfAllRows)
{
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_CLASSES, 2);
    for (int m = 0; m < N_MODES; m++) {
        double by_column[TASK_TOY_FEATURES * ROWS];
        int32_t task[ROWS];
        float some[3 * ROWS];
        int64_t n = 0;
        gbt_multitask *model = train_mode(&t, modes[m], "objective=multiclass");
        ASSERT_C_TRUE(model != NULL);
        float *all = task_toy_raw(model, &t);
        for (int64_t i = 0; i < ROWS; i++) { /* the rows of two tasks, backwards */
            const int64_t row = ROWS - 1 - i;
            if (t.task[row] == 13 || t.task[row] == 19) {
                for (int f = 0; f < TASK_TOY_FEATURES; f++) {
                    by_column[f * ROWS + n] = (double)t.x[row * TASK_TOY_FEATURES + f];
                }
                task[n++] = t.task[row];
            }
        }
        const gbt_matrix matrix = {by_column, GBT_F64, n, TASK_TOY_FEATURES, 1, ROWS};
        EXPECT_C_OK(
            gbt_multitask_predict(model, &matrix, task, GBT_PREDICT_RAW, 3, some, 3 * n, NULL));
        for (int64_t i = 0, at = 0; i < ROWS; i++) {
            const int64_t row = ROWS - 1 - i;
            if (t.task[row] == 13 || t.task[row] == 19) {
                EXPECT_C_EQ_BYTES(some + 3 * at++, all + 3 * row, 3 * sizeof(float));
            }
        }
        free(all);
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}

TEST_C(MultitaskModel, ResponseAndClassFollowFromTheRawScores)
{
    task_toy t;
    float response[3 * ROWS], class[ROWS];
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_CLASSES, 2);
    const gbt_matrix matrix = task_toy_matrix(&t);
    gbt_multitask *model = train_mode(&t, "robust", "objective=multiclass");
    ASSERT_C_TRUE(model != NULL);
    float *raw = task_toy_raw(model, &t);
    EXPECT_C_OK(gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_RESPONSE, 1, response,
                                      3 * ROWS, NULL));
    EXPECT_C_OK(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_CLASS, 1, class, ROWS, NULL));
    for (int64_t i = 0; i < ROWS; i++) {
        double sum = 0.0;
        int best = 0;
        for (int k = 0; k < 3; k++) {
            sum += exp((double)raw[3 * i + k]);
            best = raw[3 * i + k] > raw[3 * i + best] ? k : best;
        }
        for (int k = 0; k < 3; k++) {
            EXPECT_C_NEAR((double)response[3 * i + k], exp((double)raw[3 * i + k]) / sum, 1e-6);
        }
        EXPECT_C_TRUE(class[i] == (float)best);
    }
    free(raw);
    gbt_multitask_free(model);
    task_toy_free(&t);
}

TEST_C(MultitaskModel, WrongRequestsAreRefused)
{
    task_toy t;
    float out[ROWS];
    gbt_model *none = NULL;
    gbt_task_info info;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 2);
    gbt_matrix matrix = task_toy_matrix(&t);
    gbt_multitask *model = train_mode(&t, "robust", "");
    ASSERT_C_TRUE(model != NULL);
    EXPECT_C_STATUS(
        gbt_multitask_predict(NULL, &matrix, t.task, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_predict(model, NULL, t.task, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, NULL, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_RAW, 1, NULL, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_RAW, 1, out, ROWS - 1, NULL),
        GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "room for 499 numbers, the predictions are 500");
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_CLASS, 1, out, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    matrix.n_cols = 3;
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    matrix = task_toy_matrix(&t);
    matrix.dtype = (gbt_dtype)9;
    EXPECT_C_STATUS(
        gbt_multitask_predict(model, &matrix, t.task, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
        GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_predict_table(model, NULL, GBT_PREDICT_RAW, 1, out, ROWS, NULL),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_extract(model, TASKS, &none), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_extract(model, -2, &none), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_task(model, TASKS, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_task(NULL, 0, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_INT(gbt_multitask_rounds(model, 3), 0);
    EXPECT_C_EQ_INT(gbt_multitask_rounds(NULL, 0), 0);
    EXPECT_C_EQ_INT(gbt_multitask_tasks(NULL), 0);
    EXPECT_C_TRUE(gbt_multitask_frame(NULL) == NULL);
    gbt_multitask_free(NULL);
    gbt_multitask_free(model);
    task_toy_free(&t);
}

/* ---- Tables: tasks with names ---------------------------------------------------------------- */

TEST_C(MultitaskModel, TasksOfATableHaveTheirTexts)
{
    enum { N = 240 };
    static const char *const shop[] = {"oak", "ash", "elm"};
    char path[TEMP_DIR_PATH], model_path[TEMP_DIR_PATH];
    temp_dir folder;
    gbt_table *table = NULL;
    gbt_dataset *data = NULL;
    gbt_multitask *model = NULL, *loaded = NULL;
    float out[N], again[N];
    int64_t n_unseen = 0;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    temp_dir_file(&folder, "shops.csv", path);
    temp_dir_file(&folder, "shops.gbt", model_path);
    FILE *file = fopen(path, "w");
    ASSERT_C_TRUE(file != NULL);
    (void)fputs("sales,shop,size,kind\n", file);
    for (int i = 0; i < N; i++) {
        (void)fprintf(file, "%d,%s,%d,%s\n", i % 7 * (i % 3 == 2 ? -1 : 1), shop[i % 3], i % 7,
                      i % 5 < 2 ? "a" : "b");
    }
    (void)fclose(file);
    gbt_params *params = toy_params("label=sales task=shop n_trees_shared=8 n_trees_robust=8 "
                                    "n_trees_task=8 min_child_samples=2 learning_rate=0.5");
    ASSERT_C_OK(gbt_table_read(params, path, NULL, &table));
    ASSERT_C_OK(gbt_dataset_from_table(params, table, NULL, &data));
    ASSERT_C_OK(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model));
    for (int32_t r = 0; r < 3; r++) {
        gbt_task_info info;
        EXPECT_C_OK(gbt_multitask_task(model, r, &info));
        EXPECT_C_EQ_TEXT(info.name, r == 0 ? "ash" : r == 1 ? "elm" : "oak");
        EXPECT_C_EQ_INT(info.train_rows, N / 3);
    }
    EXPECT_C_OK(gbt_multitask_predict_table(model, table, GBT_PREDICT_RAW, 1, out, N, &n_unseen));
    EXPECT_C_EQ_INT(n_unseen, 0);
    for (int i = 0; i < N; i++) {
        EXPECT_C_NEAR((double)out[i], i % 7 * (i % 3 == 2 ? -1.0 : 1.0), 2.5);
    }
    EXPECT_C_OK(gbt_multitask_save(model, model_path));
    EXPECT_C_OK(gbt_multitask_load(model_path, &loaded));
    file = fopen(path, "w"); /* rows of a shop that nobody knows */
    ASSERT_C_TRUE(file != NULL);
    (void)fputs("kind,shop,size\na,fir,3\nb,oak,2\n", file);
    (void)fclose(file);
    gbt_table_free(table);
    ASSERT_C_OK(gbt_table_read(params, path, gbt_multitask_frame(loaded), &table));
    EXPECT_C_OK(
        gbt_multitask_predict_table(loaded, table, GBT_PREDICT_RAW, 1, again, 2, &n_unseen));
    EXPECT_C_EQ_INT(n_unseen, 1);
    EXPECT_C_TRUE(isfinite(again[0]) && isfinite(again[1]));
    gbt_table_free(table);
    gbt_dataset_free(data);
    gbt_multitask_free(model);
    gbt_multitask_free(loaded);
    gbt_params_free(params);
    temp_dir_close(&folder);
}

/* ---- Files ----------------------------------------------------------------------------------- */

TEST_C(MultitaskModel, SavedModelsPredictTheSameAndGiveTheSameBytes)
{
    static const task_toy_label labels[] = {TASK_TOY_QUANTITY, TASK_TOY_BINARY, TASK_TOY_PAIR};
    static const char *const objectives[] = {"objective=regression", "objective=binary",
                                             "objective=regression"};
    for (int l = 0; l < 3; l++) {
        task_toy t;
        task_toy_make(&t, ROWS, TASKS, labels[l], 2);
        for (int m = 0; m < N_MODES; m++) {
            size_t size = 0, again = 0;
            gbt_multitask *loaded = NULL;
            gbt_multitask *model = train_mode(&t, modes[m], objectives[l]);
            ASSERT_C_TRUE(model != NULL);
            void *bytes = task_toy_bytes(model, &size);
            EXPECT_C_OK(gbt_multitask_from_bytes(bytes, size, &loaded));
            void *second = task_toy_bytes(loaded, &again);
            EXPECT_C_EQ_INT(size, again);
            EXPECT_C_EQ_BYTES(bytes, second, size);
            float *x = task_toy_raw(model, &t), *y = task_toy_raw(loaded, &t);
            EXPECT_C_EQ_BYTES(x, y, (size_t)(ROWS * model->n_outputs) * sizeof *x);
            for (int b = 0; b < GBT_N_BLOCKS; b++) {
                EXPECT_C_EQ_INT(gbt_multitask_rounds(model, b), gbt_multitask_rounds(loaded, b));
            }
            for (int32_t r = 0; r < TASKS; r++) {
                gbt_task_info a, b;
                EXPECT_C_OK(gbt_multitask_task(model, r, &a));
                EXPECT_C_OK(gbt_multitask_task(loaded, r, &b));
                EXPECT_C_EQ_TEXT(a.name, b.name);
                EXPECT_C_TRUE(a.number == b.number && a.train_rows == b.train_rows &&
                              a.cluster == b.cluster &&
                              (a.outlier == b.outlier || isnan(a.outlier)));
            }
            free(x);
            free(y);
            gbt_memory_free(bytes);
            gbt_memory_free(second);
            gbt_multitask_free(model);
            gbt_multitask_free(loaded);
        }
        task_toy_free(&t);
    }
}

TEST_C(MultitaskModel, ThreadsDoNotChangeTheBytes)
{
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_CLASSES, 2);
    for (int m = 0; m < N_MODES; m++) {
        void *first = NULL;
        size_t first_size = 0;
        for (int threads = 1; threads <= 7; threads += 3) {
            char more[100];
            size_t size = 0;
            (void)snprintf(more, sizeof more,
                           "objective=multiclass threads=%d subsample=0.8 valid_fraction=0.2 "
                           "early_stopping_rounds=2",
                           threads);
            gbt_multitask *model = train_mode(&t, modes[m], more);
            ASSERT_C_TRUE(model != NULL);
            void *bytes = task_toy_bytes(model, &size);
            if (first) {
                EXPECT_C_EQ_INT(size, first_size);
                EXPECT_C_EQ_BYTES(bytes, first, size);
                gbt_memory_free(bytes);
            } else {
                first = bytes;
                first_size = size;
            }
            gbt_multitask_free(model);
        }
        gbt_memory_free(first);
    }
    task_toy_free(&t);
}

static void *small_file(const char *mode, size_t *size)
{
    task_toy t;
    char options[200];
    (void)snprintf(options, sizeof options,
                   "mode=%s compare=pooled n_trees_shared=1 n_trees_robust=1 n_trees_task=1 "
                   "cluster_trees=2 max_bin=3 max_leaves=3 min_child_samples=2",
                   mode);
    task_toy_make(&t, 40, 3, TASK_TOY_QUANTITY, 3);
    gbt_multitask *model = task_toy_train(&t, options, false);
    void *bytes = task_toy_bytes(model, size);
    gbt_multitask_free(model);
    task_toy_free(&t);
    return bytes;
}

TEST_C(MultitaskModel, EveryDamagedByteAndEveryCutIsNoticed)
{
    size_t size = 0;
    unsigned char *bytes = small_file("robust", &size);
    for (size_t at = 0; at < size; at++) {
        gbt_multitask *model = NULL;
        bytes[at] ^= 1u << at % 8;
        EXPECT_C_STATUS(gbt_multitask_from_bytes(bytes, size, &model), GBT_ERR_FORMAT);
        EXPECT_C_TRUE(model == NULL);
        bytes[at] ^= 1u << at % 8;
    }
    for (size_t cut = 0; cut < size; cut += 1 + cut / 40) {
        gbt_multitask *model = NULL;
        EXPECT_C_STATUS(gbt_multitask_from_bytes(bytes, cut, &model), GBT_ERR_FORMAT);
    }
    gbt_memory_free(bytes);
}

/* Damage behind correct checksums: refused, or a model that predicts and saves. */
TEST_C(MultitaskModel, DamageBehindCorrectChecksumsDoesNoHarm)
{
    enum { N_SECTIONS = 5, DRAWS = 1500 };
    static const char *const tags[N_SECTIONS] = {"FRAM", "KEYS", "TASK", "PART", "TREE"};
    int n_refused = 0, n_accepted = 0;
    task_toy t;
    task_toy_make(&t, 60, 3, TASK_TOY_QUANTITY, 3);
    for (int m = 0; m < N_MODES; m++) {
        size_t size = 0;
        unsigned char *bytes = small_file(modes[m], &size);
        gbt_section section[N_SECTIONS];
        for (int s = 0; s < N_SECTIONS; s++) {
            section[s] = (gbt_section){tags[s], tags[s], NULL, 0};
        }
        ASSERT_C_OK(gbt_sections_read(bytes, size, "m", "MTSK", 1, section, N_SECTIONS));
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            const uint64_t key = gbt_rng_key((uint64_t)m, draw, 0, GBT_RNG_SYNTH);
            const int s = 1 + (int)(gbt_rng_u64(key, 0) % 3); /* models have tests of their own */
            const size_t at = gbt_rng_u64(key, 1) % section[s].size;
            unsigned char *copy = gbt_alloc((int64_t)section[s].size, 1);
            gbt_section changed[N_SECTIONS];
            gbt_writer writer = {0};
            gbt_multitask *model = NULL;
            memcpy(copy, section[s].data, section[s].size);
            copy[at] = gbt_rng_u64(key, 2) % 2 ? (unsigned char)gbt_rng_u64(key, 3)
                                               : (unsigned char)(copy[at] ^ 0x80);
            memcpy(changed, section, sizeof changed);
            changed[s].data = copy;
            EXPECT_C_OK(gbt_sections_write(&writer, "MTSK", 1, changed, N_SECTIONS));
            const gbt_status status = gbt_multitask_from_bytes(writer.data, writer.size, &model);
            if (status == GBT_OK) {
                float *raw = task_toy_raw(model, &t);
                size_t again = 0;
                void *saved = task_toy_bytes(model, &again);
                gbt_memory_free(saved);
                free(raw);
                n_accepted++;
            } else {
                EXPECT_C_STATUS(status, GBT_ERR_FORMAT);
                n_refused++;
            }
            gbt_multitask_free(model);
            gbt_writer_close(&writer);
            gbt_release(copy);
        }
        gbt_memory_free(bytes);
    }
    EXPECT_C_TRUE(n_refused > 1000 && n_accepted > 100);
    task_toy_free(&t);
}

TEST_C(MultitaskModel, FilesOfOtherKindsAreToldApart)
{
    char path[TEMP_DIR_PATH];
    temp_dir folder;
    gbt_multitask *model = NULL;
    gbt_model *plain = NULL;
    gbt_file_kind kind = GBT_FILE_TREES;
    size_t size = 0;
    void *bytes = small_file("shared", &size);
    ASSERT_C_TRUE(temp_dir_open(&folder));
    ASSERT_C_TRUE(temp_dir_write(&folder, "kind.gbt", bytes, size, path));
    EXPECT_C_OK(gbt_model_file_kind(path, &kind));
    EXPECT_C_EQ_INT(kind, GBT_FILE_MULTITASK);
    EXPECT_C_STATUS(gbt_model_load(path, &plain), GBT_ERR_FORMAT);
    EXPECT_C_OK(gbt_multitask_load(path, &model));
    EXPECT_C_OK(gbt_model_save(gbt_multitask_frame(model), path));
    gbt_multitask_free(model);
    EXPECT_C_STATUS(gbt_multitask_load(path, &model), GBT_ERR_FORMAT);
    EXPECT_C_STATUS(gbt_multitask_load("/nowhere/at.all", &model), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_multitask_load(NULL, &model), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_from_bytes(NULL, 3, &model), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_multitask_save(NULL, path), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(model == NULL);
    gbt_memory_free(bytes);
    temp_dir_close(&folder);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static gbt_status whole_life(const task_toy *t, const char *options)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *data = NULL;
    gbt_multitask *model = NULL, *loaded = NULL;
    gbt_model *alone = NULL;
    void *bytes = NULL;
    size_t size = 0;
    float out[200];
    char text[400], *rest = NULL;
    const gbt_matrix matrix = task_toy_matrix(t);
    GBT_TRY_OR_DONE(gbt_params_create(&params));
    (void)snprintf(text, sizeof text, "%s", options);
    for (char *item = strtok_r(text, " ", &rest); item; item = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        GBT_TRY_OR_DONE(gbt_params_set(params, item, equals + 1));
    }
    GBT_TRY_OR_DONE(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &data));
    GBT_TRY_OR_DONE(gbt_dataset_set(data, GBT_LABEL, t->label, GBT_F32, t->n_rows));
    GBT_TRY_OR_DONE(gbt_dataset_set(data, GBT_TASK, t->task, GBT_I32, t->n_rows));
    GBT_TRY_OR_DONE(gbt_dataset_set(data, GBT_WEIGHT, t->weight, GBT_F32, t->n_rows));
    GBT_TRY_OR_DONE(gbt_multitask_train(params, data, &matrix, NULL, NULL, NULL, NULL, &model));
    GBT_TRY_OR_DONE(gbt_multitask_to_bytes(model, &bytes, &size));
    GBT_TRY_OR_DONE(gbt_multitask_from_bytes(bytes, size, &loaded));
    GBT_TRY_OR_DONE(gbt_multitask_predict(loaded, &matrix, t->task, GBT_PREDICT_RESPONSE, 1, out,
                                          t->n_rows, NULL));
    if (model->mode != GBT_TASKS_FEATURE) {
        GBT_TRY_OR_DONE(gbt_multitask_extract(model, 0, &alone));
    }
done:
    gbt_model_free(alone);
    gbt_memory_free(bytes);
    gbt_multitask_free(model);
    gbt_multitask_free(loaded);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return status;
}

TEST_C(MultitaskModel, AnyRefusedAllocationEndsCleanly)
{
    task_toy t;
    task_toy_make(&t, 60, 3, TASK_TOY_BINARY, 3);
    for (int m = 0; m < N_MODES; m++) {
        char options[400];
        int64_t n_calls = 0;
        (void)snprintf(options, sizeof options,
                       "mode=%s compare=pooled objective=binary threads=1 valid_fraction=0.2 "
                       "n_trees_shared=2 n_trees_robust=2 n_trees_task=2 cluster_trees=2 "
                       "cluster_folds=2 early_stopping_rounds=1 max_leaves=3 min_child_samples=2",
                       modes[m]);
        fail_alloc_install(0);
        EXPECT_C_OK(whole_life(&t, options));
        n_calls = fail_alloc_calls();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_TRUE(n_calls > 100);
        for (int64_t n = 1; n <= n_calls; n += 1 + n_calls / 700) {
            fail_alloc_install(n);
            const gbt_status status = whole_life(&t, options);
            EXPECT_C_EQ_INT(fail_alloc_live(), 0);
            fail_alloc_remove();
            EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
        }
    }
    task_toy_free(&t);
}
