/* Out of memory by SQLite's method: the n-th allocation of a whole session fails, for n = 1, 2,
 * ... until one passes. Every failure must be GBT_ERR_MEMORY, leave every out-parameter NULL and
 * no block behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 120, COLUMNS = 3, MOST_CALLS = 20000 };

static char data_path[TEMP_DIR_PATH], svm_path[TEMP_DIR_PATH], ini_path[TEMP_DIR_PATH],
    model_path[TEMP_DIR_PATH];

/* Forwards a failure; a success must have set the out-parameter and a failure must have left it
 * NULL. */
#define STEP(call, out)                                       \
    do {                                                      \
        status = (call);                                      \
        EXPECT_C_TRUE(((out) != NULL) == (status == GBT_OK)); \
        if (status != GBT_OK) {                               \
            goto done;                                        \
        }                                                     \
    } while (0)

#define STEP_OK(call)           \
    do {                        \
        status = (call);        \
        if (status != GBT_OK) { \
            goto done;          \
        }                       \
    } while (0)

/* Runs `session` with every allocation failing in turn. */
static void fail_every_allocation(gbt_status (*session)(void))
{
    int64_t n = 1;
    for (; n < MOST_CALLS; n++) {
        fail_alloc_install(n);
        const gbt_status status = session();
        const bool was_refused = fail_alloc_refused();
        const int64_t n_live = fail_alloc_live();
        fail_alloc_remove();
        const bool is_right = was_refused ? status == GBT_ERR_MEMORY : status == GBT_OK;
        if (!EXPECT_C_TRUE(is_right) || !EXPECT_C_EQ_INT(n_live, 0)) {
            printf("allocation %lld: %s (%s)\n", (long long)n, gbt_status_name(status),
                   gbt_last_error());
            return;
        }
        if (!was_refused) {
            break;
        }
    }
    EXPECT_C_TRUE(n > 10 && n < MOST_CALLS);
}

/* Numbers with missing cells, a text category, a text label of three classes, weights and an id. */
static void write_files(const temp_dir *dir)
{
    static const char *const colour[] = {"red", "green", "blue", "black", "white", "grey"};
    static const char *const class_name[] = {"low", "mid", "high"};
    static char csv[ROWS * 64], svm[ROWS * 64];
    static const char ini[] = "[train]\nn_trees = 3\n[objective]\nobjective = multiclass\n";
    size_t used = 0, used_svm = 0;
    used += (size_t)snprintf(csv, sizeof csv, "size,colour,speed,class,w,name\n");
    for (int i = 0; i < ROWS; i++) {
        const int a = i * 37 % 101, b = i * 53 % 29;
        const char *cell = i % 7 == 0 ? "" : "1";
        used += (size_t)snprintf(csv + used, sizeof csv - used, "%d,%s,%s%d.5,%s,%d,r%d\n", a,
                                 colour[b % 6], cell, b, class_name[(a > 50) + (b % 6 > 3)],
                                 1 + i % 2, i);
        used_svm += (size_t)snprintf(svm + used_svm, sizeof svm - used_svm, "%d 1:%d %d:2 7:0.5\n",
                                     a > 50, a, 2 + b % 5);
    }
    EXPECT_C_TRUE(temp_dir_write(dir, "data.csv", csv, used, data_path));
    EXPECT_C_TRUE(temp_dir_write(dir, "data.svm", svm, used_svm, svm_path));
    EXPECT_C_TRUE(temp_dir_write(dir, "run.ini", ini, sizeof ini - 1, ini_path));
    temp_dir_file(dir, "out.gbt", model_path);
}

/* The files of a test in a folder that goes away; runs `session` over them. */
static void with_files(gbt_status (*session)(void))
{
    temp_dir dir;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    write_files(&dir);
    fail_every_allocation(session);
    temp_dir_close(&dir);
}

static gbt_status make_params(const char *const *pairs, gbt_params **out)
{
    gbt_status status = gbt_params_create(out);
    for (; *pairs && status == GBT_OK; pairs += 2) {
        status = gbt_params_set(*out, pairs[0], pairs[1]);
    }
    if (status != GBT_OK) {
        gbt_params_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

static gbt_status params_session(void)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL, *copy = NULL;
    STEP(gbt_params_create(&params), params);
    STEP_OK(gbt_params_set(params, "objective", "multiclass"));
    STEP_OK(gbt_params_set(params, "metric", "multi_logloss, multi_error"));
    STEP_OK(gbt_params_set(params, "categorical", "colour"));
    STEP_OK(gbt_params_load_ini(params, ini_path));
    STEP(gbt_params_copy(params, &copy), copy);
    STEP_OK(gbt_params_check(copy));
done:
    gbt_params_free(params);
    gbt_params_free(copy);
    return status;
}

TEST_C(OutOfMemory, ParametersFailCleanlyAtEveryAllocation)
{
    with_files(params_session);
}

/* ---- Read, train with a validation set, continue, save, load, predict, evaluate -------------- */

static gbt_status use_model(const gbt_model *model, const gbt_table *table)
{
    gbt_status status = GBT_OK;
    gbt_model *loaded = NULL, *from_bytes = NULL;
    gbt_params *params = NULL;
    void *bytes = NULL;
    char *text = NULL;
    size_t size = 0;
    float out[ROWS * 3];
    int32_t leaf[ROWS * 64];
    int64_t n_trees = 0;
    gbt_metric_result results[4];
    int n_results = 0;
    STEP_OK(gbt_model_save(model, model_path));
    STEP(gbt_model_load(model_path, &loaded), loaded);
    STEP(gbt_model_to_bytes(loaded, &bytes, &size), bytes);
    STEP(gbt_model_from_bytes(bytes, size, &from_bytes), from_bytes);
    STEP(gbt_model_params(from_bytes, &params), params);
    STEP_OK(gbt_model_shape(from_bytes, GBT_SHAPE_TREES, &n_trees));
    STEP_OK(gbt_model_predict_table(from_bytes, table, GBT_PREDICT_CLASS, 0, 0, 2, out, ROWS));
    STEP_OK(gbt_model_leaves_table(from_bytes, table, 2, leaf, ROWS * n_trees));
    STEP_OK(gbt_model_evaluate(loaded, table, "multi_error,multi_logloss", 3, 2, results, 4,
                               &n_results));
    STEP_OK(gbt_model_verify(loaded));
    for (int format = GBT_DUMP_TEXT; format <= GBT_DUMP_DOT; format++) {
        STEP(gbt_model_dump(loaded, (gbt_dump_format)format, &text, &size), text);
        gbt_memory_free(text);
        text = NULL;
    }
done:
    gbt_model_free(loaded);
    gbt_model_free(from_bytes);
    gbt_params_free(params);
    gbt_memory_free(bytes);
    gbt_memory_free(text);
    return status;
}

static gbt_status continue_session(const gbt_params *params, const gbt_table *table,
                                   const gbt_model *model, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_dataset *like = NULL, *data = NULL;
    gbt_booster *booster = NULL;
    int stopped = 0;
    STEP(gbt_dataset_like_model(model, &like), like);
    STEP(gbt_dataset_from_table(params, table, like, &data), data);
    STEP(gbt_booster_create(params, data, &booster), booster);
    STEP_OK(gbt_booster_continue(booster, model));
    STEP_OK(gbt_booster_add_valid(booster, data, "again"));
    STEP_OK(gbt_booster_step(booster, &stopped));
    STEP(gbt_booster_finish(booster, 0, out), *out);
done:
    gbt_booster_free(booster);
    gbt_dataset_free(data);
    gbt_dataset_free(like);
    return status;
}

static gbt_status whole_session(void)
{
    static const char *const pairs[] = {"label",
                                        "class",
                                        "weight",
                                        "w",
                                        "id",
                                        "name",
                                        "n_trees",
                                        "4",
                                        "learning_rate",
                                        "0.5",
                                        "min_child_samples",
                                        "5",
                                        "metric",
                                        "multi_logloss,multi_error",
                                        "objective",
                                        "multiclass",
                                        "min_data_per_group",
                                        "5",
                                        "subsample",
                                        "0.7",
                                        "colsample_bynode",
                                        "0.7",
                                        "threads",
                                        "2",
                                        "early_stopping_rounds",
                                        "2",
                                        NULL};
    gbt_status status = GBT_OK;
    gbt_params *params = NULL, *longer = NULL;
    gbt_table *table = NULL, *read_for_model = NULL;
    gbt_dataset *train = NULL, *valid = NULL, *part = NULL;
    gbt_model *model = NULL, *continued = NULL;
    int64_t rows[ROWS / 2];
    for (int i = 0; i < ROWS / 2; i++) {
        rows[i] = 2 * i;
    }
    STEP(make_params(pairs, &params), params);
    STEP(gbt_table_read(params, data_path, NULL, &table), table);
    STEP(gbt_dataset_from_table(params, table, NULL, &train), train);
    STEP(gbt_dataset_from_file(params, data_path, train, &valid), valid);
    STEP(gbt_dataset_subset(valid, rows, ROWS / 2, &part), part);
    const gbt_dataset *const sets[] = {part};
    const char *const names[] = {"half"};
    STEP(gbt_train(params, train, sets, names, 1, NULL, NULL, &model), model);
    STEP(gbt_table_read(params, data_path, model, &read_for_model), read_for_model);
    STEP_OK(use_model(model, read_for_model));
    STEP(gbt_params_copy(params, &longer), longer);
    STEP_OK(gbt_params_set(longer, "n_trees", "9"));
    STEP(continue_session(longer, table, model, &continued), continued);
done:
    gbt_model_free(model);
    gbt_model_free(continued);
    gbt_dataset_free(train);
    gbt_dataset_free(valid);
    gbt_dataset_free(part);
    gbt_table_free(table);
    gbt_table_free(read_for_model);
    gbt_params_free(params);
    gbt_params_free(longer);
    return status;
}

TEST_C(OutOfMemory, AWholeSessionFailsCleanlyAtEveryAllocation)
{
    with_files(whole_session);
}

/* ---- gbt_train with a hold-out and a model file to continue; sparse data; the other g----- */

static gbt_status sparse_session(void)
{
    static const char *const pairs[] = {"objective",
                                        "binary",
                                        "n_trees",
                                        "3",
                                        "valid_fraction",
                                        "0.3",
                                        "grow_policy",
                                        "symmetric",
                                        "max_depth",
                                        "3",
                                        "min_child_samples",
                                        "5",
                                        "metric",
                                        "auc,logloss",
                                        "threads",
                                        "2",
                                        NULL};
    static const char *const longer[] = {
        "objective",         "binary", "n_trees", "5", "grow_policy", "depthwise",
        "min_child_samples", "5",      "threads", "2", NULL};
    gbt_status status = GBT_OK;
    gbt_params *params = NULL, *again = NULL;
    gbt_dataset *train = NULL, *same = NULL;
    gbt_model *model = NULL, *continued = NULL;
    gbt_table *preview = NULL;
    STEP(make_params(pairs, &params), params);
    STEP(gbt_table_preview(params, svm_path, 7, &preview), preview);
    STEP(gbt_dataset_from_file(params, svm_path, NULL, &train), train);
    STEP(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model), model);
    STEP_OK(gbt_model_save(model, model_path));
    STEP(make_params(longer, &again), again);
    STEP_OK(gbt_params_set(again, "continue_from", model_path));
    STEP(gbt_dataset_from_file(again, svm_path, train, &same), same);
    STEP(gbt_train(again, same, NULL, NULL, 0, NULL, NULL, &continued), continued);
done:
    gbt_params_free(params);
    gbt_params_free(again);
    gbt_table_free(preview);
    gbt_dataset_free(train);
    gbt_dataset_free(same);
    gbt_model_free(model);
    gbt_model_free(continued);
    return status;
}

TEST_C(OutOfMemory, HoldOutAndContinuedSparseTrainingFailCleanly)
{
    with_files(sparse_session);
}

/* ---- Arrays, the reference backend, custom gradients, renewed leaves, CSR -------------------- */

static float cells[ROWS * COLUMNS], label[ROWS], weight[ROWS];

static gbt_status step_by_hand(const gbt_params *params, gbt_dataset *data, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_booster *booster = NULL;
    gbt_objective *objective = NULL;
    float scores[ROWS], grad[ROWS], hess[ROWS];
    double value = 0.0;
    int stopped = 0;
    STEP(gbt_booster_create(params, data, &booster), booster);
    STEP(gbt_objective_create(params, &objective), objective);
    STEP_OK(gbt_booster_step(booster, &stopped));
    STEP_OK(gbt_booster_metric(booster, -1, 0, &value));
    STEP_OK(gbt_booster_scores(booster, -1, scores, ROWS));
    STEP_OK(gbt_objective_gradients(objective, scores, label, weight, ROWS, grad, hess));
    STEP_OK(gbt_objective_value(objective, scores, label, weight, ROWS, &value));
    STEP_OK(gbt_booster_step_custom(booster, grad, hess, ROWS, &stopped));
    STEP(gbt_booster_finish(booster, 1, out), *out);
done:
    gbt_objective_free(objective);
    gbt_booster_free(booster);
    return status;
}

static gbt_status predict_sparse(const gbt_model *model)
{
    static int64_t start[ROWS + 1];
    static int32_t column[ROWS * COLUMNS];
    float out[ROWS];
    int32_t leaf[ROWS];
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        column[i] = i % COLUMNS;
        start[i / COLUMNS + 1] = i / COLUMNS * COLUMNS + COLUMNS;
    }
    const gbt_csr csr = {
        .row_start = start, .column = column, .value = cells, .n_rows = ROWS, .n_cols = COLUMNS};
    const gbt_matrix matrix = {
        .data = cells, .n_rows = ROWS, .n_cols = COLUMNS, .row_stride = COLUMNS, .col_stride = 1};
    const gbt_status status =
        gbt_model_predict_csr(model, &csr, GBT_PREDICT_RAW, 0, 0, 2, out, ROWS);
    return status != GBT_OK ? status : gbt_model_leaves(model, &matrix, 2, leaf, ROWS);
}

static gbt_status array_session(void)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const pairs[] = {
        "objective",        "mae", "device",  "ref", "categorical", "c", "min_child_samples", "5",
        "colsample_bytree", "0.7", "threads", "1",   NULL};
    const gbt_matrix matrix = {
        .data = cells, .n_rows = ROWS, .n_cols = COLUMNS, .row_stride = COLUMNS, .col_stride = 1};
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    for (int i = 0; i < ROWS; i++) {
        cells[i * COLUMNS] = (float)(i * 37 % 101);
        cells[i * COLUMNS + 1] = (float)(i * 53 % 29);
        cells[i * COLUMNS + 2] = (float)(i % 6);
        label[i] = cells[i * COLUMNS] + (float)(i % 6 * 20);
        weight[i] = (float)(1 + i % 2);
    }
    STEP(make_params(pairs, &params), params);
    STEP(gbt_dataset_from_matrix(params, &matrix, names, NULL, &data), data);
    STEP_OK(gbt_dataset_set(data, GBT_LABEL, label, GBT_F32, ROWS));
    STEP_OK(gbt_dataset_set(data, GBT_WEIGHT, weight, GBT_F32, ROWS));
    STEP_OK(gbt_dataset_set(data, GBT_INIT_SCORE, weight, GBT_F32, ROWS));
    STEP(step_by_hand(params, data, &model), model);
    STEP_OK(predict_sparse(model));
done:
    gbt_params_free(params);
    gbt_dataset_free(data);
    gbt_model_free(model);
    return status;
}

TEST_C(OutOfMemory, ArraysAndCustomGradientsFailCleanly)
{
    fail_every_allocation(array_session);
}
