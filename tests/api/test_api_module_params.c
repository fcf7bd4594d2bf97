/* The parameters that a model of a side module knows, before and after it went through bytes. */
#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { N_ROWS = 60 };

/* x, y = x and two tasks. */
static gbt_status make_data(const gbt_params *params, float *x, gbt_dataset **out)
{
    int32_t task[N_ROWS];
    for (int i = 0; i < N_ROWS; i++) {
        x[i] = (float)(i % 20);
        task[i] = i % 2;
    }
    const gbt_matrix matrix = {x, GBT_F32, N_ROWS, 1, 1, 1};
    gbt_status status = gbt_dataset_from_matrix(params, &matrix, NULL, NULL, out);
    status = status == GBT_OK ? gbt_dataset_set(*out, GBT_LABEL, x, GBT_F32, N_ROWS) : status;
    return status == GBT_OK ? gbt_dataset_set(*out, GBT_TASK, task, GBT_I32, N_ROWS) : status;
}

static void expect_value(const gbt_params *params, const char *key, const char *value)
{
    char text[64] = "";
    EXPECT_C_OK(gbt_params_get(params, key, text, sizeof text));
    EXPECT_C_EQ_TEXT(text, value);
}

TEST_C(ModuleParams, OfAMultitaskModelHoldTheKeysOfItsSectionAndOfTraining)
{
    gbt_params *params = NULL, *known = NULL;
    gbt_dataset *data = NULL;
    gbt_multitask *model = NULL, *again = NULL;
    void *bytes = NULL;
    size_t size = 0;
    float x[N_ROWS];
    ASSERT_C_OK(gbt_params_create(&params));
    EXPECT_C_OK(gbt_params_set(params, "mode", "shared"));
    EXPECT_C_OK(gbt_params_set(params, "n_trees_shared", "3"));
    EXPECT_C_OK(gbt_params_set(params, "n_trees_task", "2"));
    EXPECT_C_OK(gbt_params_set(params, "learning_rate", "0.25"));
    ASSERT_C_OK(make_data(params, x, &data));
    ASSERT_C_OK(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model));
    ASSERT_C_OK(gbt_multitask_to_bytes(model, &bytes, &size));
    ASSERT_C_OK(gbt_multitask_from_bytes(bytes, size, &again));
    const gbt_multitask *const both[] = {model, again};
    for (int i = 0; i < 2; i++) {
        ASSERT_C_OK(gbt_multitask_params(both[i], &known));
        expect_value(known, "mode", "shared");
        expect_value(known, "n_trees_shared", "3");
        expect_value(known, "n_trees_task", "2");
        expect_value(known, "learning_rate", "0.25");
        expect_value(known, "objective", "regression");
        expect_value(known, "compare", "");
        gbt_params_free(known);
    }
    EXPECT_C_STATUS(gbt_multitask_params(NULL, &known), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(known == NULL);
    EXPECT_C_STATUS(gbt_multitask_params(model, NULL), GBT_ERR_ARGUMENT);
    gbt_memory_free(bytes);
    gbt_multitask_free(again);
    gbt_multitask_free(model);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

/* A model of heads, all of whose memory comes from the allocator at hand. */
static gbt_status make_heads(gbt_params **params, gbt_dataset **data, float *x, gbt_heads **model)
{
    gbt_status status = gbt_params_create(params);
    status = status == GBT_OK ? gbt_params_set(*params, "units", "4") : status;
    status = status == GBT_OK ? gbt_params_set(*params, "activation", "tanh") : status;
    status = status == GBT_OK ? gbt_params_set(*params, "solver_iterations", "5") : status;
    status = status == GBT_OK ? make_data(*params, x, data) : status;
    const gbt_matrix matrix = {x, GBT_F32, N_ROWS, 1, 1, 1};
    return status == GBT_OK
               ? gbt_heads_train(*params, *data, &matrix, NULL, NULL, NULL, NULL, model)
               : status;
}

TEST_C(ModuleParams, OfAModelOfHeadsHoldTheKeysOfItsSectionAndOfTraining)
{
    gbt_params *params = NULL, *known = NULL;
    gbt_dataset *data = NULL;
    gbt_heads *model = NULL, *again = NULL;
    void *bytes = NULL;
    size_t size = 0;
    float x[N_ROWS];
    ASSERT_C_OK(make_heads(&params, &data, x, &model));
    ASSERT_C_OK(gbt_heads_to_bytes(model, &bytes, &size));
    ASSERT_C_OK(gbt_heads_from_bytes(bytes, size, &again));
    const gbt_heads *const both[] = {model, again};
    for (int i = 0; i < 2; i++) {
        ASSERT_C_OK(gbt_heads_params(both[i], &known));
        expect_value(known, "units", "4");
        expect_value(known, "activation", "tanh");
        expect_value(known, "solver_iterations", "5");
        expect_value(known, "objective", "regression");
        gbt_params_free(known);
    }
    EXPECT_C_STATUS(gbt_heads_params(NULL, &known), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(known == NULL);
    EXPECT_C_STATUS(gbt_heads_params(model, NULL), GBT_ERR_ARGUMENT);
    gbt_memory_free(bytes);
    gbt_heads_free(again);
    gbt_heads_free(model);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

/* The first refused request of the question itself: those before it are counted first. */
TEST_C(ModuleParams, RefusedAllocationsGiveAStatusAndNoLeak)
{
    int64_t before = 0;
    for (int64_t nth = 0, refusals = 0;; nth++) {
        gbt_params *params = NULL, *known = NULL;
        gbt_dataset *data = NULL;
        gbt_heads *model = NULL;
        float x[N_ROWS];
        fail_alloc_install(nth == 0 ? INT64_MAX : before + nth);
        ASSERT_C_OK(make_heads(&params, &data, x, &model));
        before = fail_alloc_calls();
        const gbt_status status = gbt_heads_params(model, &known);
        const bool refused = fail_alloc_refused();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        EXPECT_C_TRUE((known == NULL) == refused);
        gbt_params_free(known);
        gbt_heads_free(model);
        gbt_dataset_free(data);
        gbt_params_free(params);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        refusals += refused;
        if (nth > 0 && !refused) {
            EXPECT_C_TRUE(refusals > 10);
            break;
        }
    }
}
