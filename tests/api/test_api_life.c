/* Life cycles: handles are made, freed in any order, NULL is free, failures leave NULL behind, a
 * data set is read-only while a booster uses it. Run under the address and leak sanitizers this
 * proves ownership. */
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 300 };

static const char options[] = "objective=binary n_trees=3 threads=1";

typedef struct handles {
    gbt_params *params;
    gbt_dataset *train, *valid;
    gbt_booster *booster;
    gbt_model *model; /* from another booster over the same data */
} handles;

enum { N_HANDLES = 5 };

static void open_handles(handles *h)
{
    toy data;
    int stopped = 0;
    memset(h, 0, sizeof *h);
    toy_make(&data, ROWS, TOY_BINARY, 1);
    h->params = toy_params(options);
    h->train = toy_dataset(&data, h->params, NULL, true);
    h->valid = toy_dataset(&data, h->params, h->train, false);
    h->model = toy_train(h->params, h->train);
    EXPECT_C_TRUE(h->model != NULL);
    EXPECT_C_OK(gbt_booster_create(h->params, h->train, &h->booster));
    EXPECT_C_OK(gbt_booster_add_valid(h->booster, h->valid, "v"));
    EXPECT_C_OK(gbt_booster_step(h->booster, &stopped));
    toy_free(&data);
}

static void free_handle(handles *h, int which)
{
    switch (which) {
    case 0:
        gbt_params_free(h->params);
        break;
    case 1:
        gbt_dataset_free(h->train);
        break;
    case 2:
        gbt_dataset_free(h->valid);
        break;
    case 3:
        gbt_booster_free(h->booster);
        break;
    default:
        gbt_model_free(h->model);
        break;
    }
}

/* The `which`-th permutation of 0 .. 4. */
static void permutation(int which, int order[N_HANDLES])
{
    int left[N_HANDLES] = {0, 1, 2, 3, 4};
    for (int n = N_HANDLES; n > 0; n--) {
        const int pick = which % n;
        which /= n;
        order[N_HANDLES - n] = left[pick];
        memmove(left + pick, left + pick + 1, (size_t)(N_HANDLES - pick - 1) * sizeof *left);
    }
}

TEST_C(Life, HandlesAreFreedInAnyOrder)
{
    for (int which = 0; which < 120; which++) {
        int order[N_HANDLES];
        handles h;
        fail_alloc_install(0);
        open_handles(&h);
        permutation(which, order);
        for (int i = 0; i < N_HANDLES; i++) {
            free_handle(&h, order[i]);
        }
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
    }
}

/* What stays must work without what has gone. */
TEST_C(Life, ABoosterGoesOnAfterItsDataAndParametersAreFreed)
{
    handles h;
    int stopped = 0;
    double loss = 0.0;
    gbt_model *model = NULL;
    float scores[ROWS];
    open_handles(&h);
    gbt_params_free(h.params);
    gbt_dataset_free(h.train);
    gbt_dataset_free(h.valid);
    EXPECT_C_OK(gbt_booster_step(h.booster, &stopped));
    EXPECT_C_OK(gbt_booster_metric(h.booster, 0, 0, &loss));
    EXPECT_C_OK(gbt_booster_scores(h.booster, -1, scores, ROWS));
    EXPECT_C_OK(gbt_booster_finish(h.booster, 0, &model));
    gbt_booster_free(h.booster);
    toy data;
    float predicted[ROWS];
    toy_make(&data, ROWS, TOY_BINARY, 1);
    const gbt_matrix matrix = toy_matrix(&data);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, predicted, ROWS));
    EXPECT_C_EQ_BYTES(predicted, scores, sizeof scores);
    EXPECT_C_OK(gbt_model_verify(model));
    gbt_model_free(model);
    gbt_model_free(h.model);
    toy_free(&data);
}

TEST_C(Life, SubsetsAndCutsOutliveTheirParent)
{
    toy data;
    int64_t rows[] = {5, 5, 0, 299};
    float labels[4];
    gbt_dataset *subset = NULL;
    toy_make(&data, ROWS, TOY_QUANTITY, 2);
    gbt_dataset *parent = toy_dataset(&data, NULL, NULL, false);
    EXPECT_C_OK(gbt_dataset_subset(parent, rows, 4, &subset));
    gbt_dataset_free(parent);
    EXPECT_C_EQ_INT(gbt_dataset_rows(subset), 4);
    EXPECT_C_OK(gbt_dataset_get(subset, GBT_LABEL, labels, GBT_F32, 4));
    EXPECT_C_TRUE(labels[0] == data.label[5] && labels[1] == data.label[5] &&
                  labels[2] == data.label[0] && labels[3] == data.label[299]);
    gbt_dataset *same = toy_dataset(&data, NULL, subset, false);
    gbt_dataset_free(subset);
    EXPECT_C_EQ_INT(gbt_dataset_rows(same), ROWS);
    gbt_dataset_free(same);
    toy_free(&data);
}

TEST_C(Life, ObjectivesAndCopiesOutliveTheirParameters)
{
    gbt_params *params = toy_params("objective=multiclass num_class=3"), *copy = NULL;
    gbt_objective *objective = NULL;
    char text[16];
    EXPECT_C_OK(gbt_params_copy(params, &copy));
    EXPECT_C_OK(gbt_objective_create(params, &objective));
    EXPECT_C_OK(gbt_params_set(params, "num_class", "4"));
    gbt_params_free(params);
    EXPECT_C_EQ_INT(gbt_objective_outputs(objective), 3);
    EXPECT_C_OK(gbt_params_get(copy, "num_class", text, sizeof text));
    EXPECT_C_EQ_TEXT(text, "3");
    gbt_params_free(copy);
    gbt_objective_free(objective);
}

TEST_C(Life, FreeingNullIsNoOp)
{
    fail_alloc_install(0);
    gbt_params_free(NULL);
    gbt_table_free(NULL);
    gbt_dataset_free(NULL);
    gbt_booster_free(NULL);
    gbt_model_free(NULL);
    gbt_objective_free(NULL);
    gbt_memory_free(NULL);
    EXPECT_C_EQ_INT(fail_alloc_calls(), 0);
    fail_alloc_remove();
}

TEST_C(Life, ADataSetIsReadOnlyWhileABoosterUsesIt)
{
    handles h;
    float label[ROWS] = {0.0f};
    open_handles(&h);
    gbt_dataset *const sets[] = {h.train, h.valid};
    for (int s = 0; s < 2; s++) {
        EXPECT_C_STATUS(gbt_dataset_set(sets[s], GBT_LABEL, label, GBT_F32, ROWS), GBT_ERR_STATE);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "booster");
        EXPECT_C_STATUS(gbt_dataset_set(sets[s], GBT_WEIGHT, NULL, GBT_F32, 0), GBT_ERR_STATE);
        EXPECT_C_OK(gbt_dataset_get(sets[s], GBT_LABEL, label, GBT_F32, ROWS));
    }
    gbt_booster_free(h.booster);
    h.booster = NULL;
    for (int s = 0; s < 2; s++) {
        EXPECT_C_OK(gbt_dataset_set(sets[s], GBT_LABEL, label, GBT_F32, ROWS));
    }
    for (int i = 0; i < N_HANDLES; i++) {
        free_handle(&h, i);
    }
}

TEST_C(Life, AFailedBoosterLeavesItsDataWritable)
{
    toy data;
    gbt_booster *booster = NULL;
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    gbt_params *params = toy_params("objective=binary"); /* the label has many values */
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    EXPECT_C_STATUS(gbt_booster_create(params, train, &booster), GBT_ERR_DATA);
    EXPECT_C_TRUE(booster == NULL);
    EXPECT_C_OK(gbt_dataset_set(train, GBT_LABEL, data.label, GBT_F32, ROWS));
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Life, AFinishedBoosterCanOnlyBeFreed)
{
    handles h;
    int stopped = 0;
    gbt_model *model = NULL, *second = (gbt_model *)&h;
    float grad[ROWS] = {0.0f}, hess[ROWS] = {0.0f};
    open_handles(&h);
    EXPECT_C_OK(gbt_booster_finish(h.booster, 0, &model));
    EXPECT_C_STATUS(gbt_booster_finish(h.booster, 0, &second), GBT_ERR_STATE);
    EXPECT_C_TRUE(second == NULL);
    EXPECT_C_STATUS(gbt_booster_step(h.booster, &stopped), GBT_ERR_STATE);
    EXPECT_C_STATUS(gbt_booster_step_custom(h.booster, grad, hess, ROWS, &stopped), GBT_ERR_STATE);
    EXPECT_C_STATUS(gbt_booster_add_valid(h.booster, h.valid, "late"), GBT_ERR_STATE);
    EXPECT_C_STATUS(gbt_booster_continue(h.booster, h.model), GBT_ERR_STATE);
    gbt_model_free(model);
    for (int i = 0; i < N_HANDLES; i++) {
        free_handle(&h, i);
    }
}

/* Two boosters over one data set: the first to go does not make it writable. */
TEST_C(Life, EveryBoosterPinsItsData)
{
    handles h;
    gbt_booster *second = NULL;
    float label[ROWS];
    open_handles(&h);
    EXPECT_C_OK(gbt_booster_create(h.params, h.train, &second));
    EXPECT_C_OK(gbt_dataset_get(h.train, GBT_LABEL, label, GBT_F32, ROWS));
    gbt_booster_free(h.booster);
    h.booster = NULL;
    EXPECT_C_STATUS(gbt_dataset_set(h.train, GBT_LABEL, label, GBT_F32, ROWS), GBT_ERR_STATE);
    gbt_booster_free(second);
    EXPECT_C_OK(gbt_dataset_set(h.train, GBT_LABEL, label, GBT_F32, ROWS));
    for (int i = 0; i < N_HANDLES; i++) {
        free_handle(&h, i);
    }
}
