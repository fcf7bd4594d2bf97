/* The C example of gbt/modules/HEADS.md, run. A test of the command line compares the two texts. */
#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

/* ---- Example: begin ---- */

/* Trains 60 units, four a step, on x [n_rows x n_cols] and y in {0, 1}; then tells the probability
 * of class 1 by the first five steps, and the class by all steps with those that each row took. */
static gbt_status probabilities(const float *x, const float *y, int64_t n_rows, int32_t n_cols,
                                float *probability, float *class_of, int32_t *steps)
{
    const gbt_matrix rows = {x, GBT_F32, n_rows, n_cols, n_cols, 1};
    gbt_params *params = NULL;
    gbt_dataset *data = NULL;
    gbt_heads *heads = NULL;
    gbt_status s = gbt_params_create(&params);
    s = s ? s : gbt_params_set(params, "objective", "binary");
    s = s ? s : gbt_params_set(params, "units", "60");
    s = s ? s : gbt_params_set(params, "units_per_step", "4");
    s = s ? s : gbt_params_set(params, "subsample", "0.5");
    s = s ? s : gbt_dataset_from_matrix(params, &rows, NULL, NULL, &data);
    s = s ? s : gbt_dataset_set(data, GBT_LABEL, y, GBT_F32, n_rows);
    s = s ? s : gbt_heads_train(params, data, &rows, NULL, NULL, NULL, NULL, &heads);
    s = s ? s : gbt_heads_predict(heads, &rows, GBT_PREDICT_RESPONSE, 5, 0, probability, n_rows);
    s = s ? s : gbt_heads_predict_early(heads, &rows, 0.0, 0, class_of, steps, n_rows);
    gbt_heads_free(heads);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return s;
}

/* ---- Example: end ---- */

TEST_C(HeadsExample, TheExampleLearns)
{
    enum { ROWS = 400 };
    toy data;
    float probability[ROWS], class_of[ROWS];
    int32_t steps[ROWS];
    int n_right[2] = {0, 0};
    toy_make(&data, ROWS, TOY_BINARY, 1);
    ASSERT_C_OK(
        probabilities(data.x, data.label, ROWS, TOY_FEATURES, probability, class_of, steps));
    for (int i = 0; i < ROWS; i++) {
        n_right[0] += (probability[i] > 0.5f) == (data.label[i] > 0.5f);
        n_right[1] += class_of[i] == data.label[i];
        EXPECT_C_TRUE(steps[i] >= 2 && steps[i] <= 15);
    }
    EXPECT_C_TRUE(n_right[0] > 300 && n_right[1] >= n_right[0] - 8);
    toy_free(&data);
}
