/* The C example of gbt/modules/INFLUENCE.md, run: its text stands there between the same lines. */
#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

/* ---- Example: begin ---- */

enum { WORST = 5 };

/* Trains on x [n_rows x n_cols] and y in {0, 1} and names the training rows whose labels are most
 * suspicious, by their influence on themselves [n_rows]; and, of the first row as a target, the
 * WORST rows that help its prediction most, then those that harm it most: helped [2 x WORST]. */
static gbt_status find_suspicious(const float *x, const float *y, int64_t n_rows, int32_t n_cols,
                                  double *self, int64_t *helped, float *by)
{
    const gbt_matrix rows = {x, GBT_F32, n_rows, n_cols, n_cols, 1};
    const gbt_matrix first = {x, GBT_F32, 1, n_cols, n_cols, 1};
    gbt_params *params = NULL;
    gbt_dataset *train = NULL, *target = NULL;
    gbt_model *model = NULL;
    gbt_influence *influence = NULL;
    gbt_targets targets = {NULL, NULL};
    gbt_status s = gbt_params_create(&params);
    s = s ? s : gbt_params_set(params, "objective", "binary");
    s = s ? s : gbt_params_set(params, "method", "boostin");
    s = s ? s : gbt_dataset_from_matrix(params, &rows, NULL, NULL, &train);
    s = s ? s : gbt_dataset_set(train, GBT_LABEL, y, GBT_F32, n_rows);
    s = s ? s : gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model);
    s = s ? s : gbt_influence_create(params, model, train, NULL, NULL, &influence);
    s = s ? s : gbt_influence_self(influence, NULL, NULL, self, n_rows);
    s = s ? s : gbt_dataset_from_matrix(params, &first, NULL, train, &target);
    s = s ? s : gbt_dataset_set(target, GBT_LABEL, y, GBT_F32, 1);
    targets.rows = target;
    s = s ? s : gbt_influence_top(influence, &targets, WORST, NULL, NULL, helped, by, 2 * WORST);
    gbt_influence_free(influence);
    gbt_model_free(model);
    gbt_dataset_free(target);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return s;
}

/* ---- Example: end ---- */

TEST_C(InfluenceExample, FlippedLabelsInfluenceThemselvesMost)
{
    enum { ROWS = 600, FLIP_EVERY = 20 };
    toy data;
    double self[ROWS], flipped = 0.0, others = 0.0;
    int64_t helped[2 * WORST];
    float by[2 * WORST];
    toy_make(&data, ROWS, TOY_BINARY, 1);
    for (int i = 0; i < ROWS; i += FLIP_EVERY) {
        data.label[i] = 1.0f - data.label[i];
    }
    ASSERT_C_OK(find_suspicious(data.x, data.label, ROWS, TOY_FEATURES, self, helped, by));
    for (int i = 0; i < ROWS; i++) {
        *(i % FLIP_EVERY == 0 ? &flipped : &others) += self[i];
    }
    const double n_flipped = ROWS / FLIP_EVERY;
    EXPECT_C_TRUE(flipped / n_flipped > 2.0 * others / (ROWS - n_flipped));
    EXPECT_C_TRUE(by[0] > 0.0f && by[0] >= by[WORST - 1] && by[WORST] < 0.0f);
    EXPECT_C_EQ_INT(helped[0],
                    0); /* no row helps the first as much as itself: its label is flipped */
    toy_free(&data);
}
