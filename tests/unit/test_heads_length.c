/* How far a step of boosted heads goes: the worked examples of the paper's notes and the guards. */
#include <math.h>
#include <string.h>

#include "gbt/modules/heads_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

/* A length on four rows; the scores after it are in `score`. */
static double length_of(const char *assignments, const float *label, const double *f, double *score,
                        int32_t n_outputs, double *loss_before, double *loss_after)
{
    enum { ROWS = 4, MOST = 12 };
    double length = (double)NAN;
    float grad[MOST], hess[MOST], shown[MOST], copy[ROWS];
    double step[MOST];
    gbt_params *params = toy_params(assignments);
    gbt_dataset *data = NULL;
    gbt_model *frame = NULL;
    gbt_objective *objective = NULL;
    gbt_head_settings settings;
    gbt_head_length l = {0};
    const float x[ROWS] = {0.0f, 1.0f, 2.0f, 3.0f};
    const gbt_matrix matrix = {x, GBT_F32, ROWS, 1, 1, 1};
    memcpy(copy, label, sizeof copy);
    memcpy(step, f, (size_t)(ROWS * n_outputs) * sizeof *step);
    for (int i = 0; i < ROWS * n_outputs; i++) {
        shown[i] = (float)score[i];
    }
    gbt_head_rows rows = {
        .n_rows = ROWS, .label = copy, .score = score, .shown = shown, .step = step};
    if (EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &data)) &&
        EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, label, GBT_F32, ROWS)) &&
        EXPECT_C_OK(gbt_head_settings_read(params, false, &settings)) &&
        EXPECT_C_OK(gbt_head_frame(params, data, NULL, 0, &frame)) &&
        EXPECT_C_OK(gbt_objective_of_model(frame, &objective)) &&
        EXPECT_C_OK(gbt_head_length_open(&l, frame, objective, &rows, &settings)) &&
        EXPECT_C_OK(gbt_objective_value(objective, shown, copy, NULL, ROWS, loss_before)) &&
        EXPECT_C_OK(gbt_objective_gradients(objective, shown, copy, NULL, ROWS, grad, hess))) {
        *loss_after = *loss_before;
        EXPECT_C_OK(gbt_head_length_find(&l, grad, hess, loss_after, &length));
        for (int i = 0; i < ROWS * n_outputs; i++) {
            score[i] += length * settings.learning_rate * step[i];
        }
    }
    gbt_head_length_close(&l);
    gbt_objective_free(objective);
    gbt_model_free(frame);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return length;
}

/* The paper's F is half our score, its f therefore twice what ours fits, its length a quarter of
 * ours: the scores are the same. */
TEST_C(HeadsLength, TheWorkedExampleOfTheBinaryLoss)
{
    const float label[4] = {1.0f, 1.0f, 0.0f, 1.0f};
    const double half[4] = {0.2, 0.5, -0.3, 0.1};
    const double want[4] = {1.1305027255, 2.0022975973, -0.3224887275, 0.8399044349};
    const double probability[4] = {0.9055956243, 0.9820947741, 0.3441222472, 0.8428792207};
    double f[4], score[4], before = 0.0, after = 0.0;
    for (int i = 0; i < 4; i++) {
        f[i] = half[i] / 2.0;
        score[i] = 2.0 * 0.5493061443340549;
    }
    const double length = length_of("objective=binary step_length=newton learning_rate=1", label, f,
                                    score, 1, &before, &after);
    EXPECT_C_NEAR(length / 4.0, 2.9059829060, 1e-6);
    EXPECT_C_NEAR(before, 0.5623351446, 1e-6);
    EXPECT_C_NEAR(after, 0.1774855829, 1e-6);
    for (int i = 0; i < 4; i++) {
        EXPECT_C_NEAR(score[i] / 2.0, want[i], 1e-6);
        EXPECT_C_NEAR(1.0 / (1.0 + exp(-score[i])), probability[i], 1e-6);
    }
}

TEST_C(HeadsLength, TheWorkedExampleOfTheSoftmaxLoss)
{
    const float label[4] = {0.0f, 1.0f, 2.0f, 1.0f};
    const double rows[4][3] = {
        {0.5, -0.2, -0.3}, {-0.4, 0.6, -0.1}, {-0.2, -0.3, 0.4}, {-0.1, 0.2, -0.2}};
    double f[12], score[12] = {0.0}, before = 0.0, after = 0.0;
    for (int i = 0; i < 12; i++) {
        f[i % 3 * 4 + i / 3] = rows[i / 3][i % 3];
    }
    const double length =
        length_of("objective=multiclass num_class=3 step_length=newton learning_rate=1", label, f,
                  score, 3, &before, &after);
    EXPECT_C_NEAR(length, 6.0465116279, 1e-5);
    EXPECT_C_NEAR(before, 1.0986122887, 1e-6);
    EXPECT_C_NEAR(after, 0.0759968673, 1e-6);
}

/* Check 7: length x f does not depend on the scale of f, and has the sign of sum r f. */
TEST_C(HeadsLength, TheStepDoesNotDependOnTheScaleOfItsUnits)
{
    const float label[4] = {1.0f, 1.0f, 0.0f, 1.0f};
    double length[3];
    for (int i = 0; i < 3; i++) {
        const double scale = i == 0 ? 0.1 : i == 1 ? 0.2 : -0.1;
        const double f[4] = {2.0 * scale, 5.0 * scale, -3.0 * scale, scale};
        double score[4] = {0.3, 0.3, 0.3, 0.3}, before, after;
        length[i] = length_of("objective=binary step_length=newton learning_rate=1", label, f,
                              score, 1, &before, &after);
    }
    EXPECT_C_NEAR(length[1], length[0] / 2.0, 1e-12);
    EXPECT_C_NEAR(length[2], -length[0], 1e-12);
    EXPECT_C_TRUE(length[0] > 0.0);
}

TEST_C(HeadsLength, TheLengthOfASquaredLossIsOne)
{
    const float label[4] = {1.0f, 3.0f, 0.0f, 2.0f};
    const double f[4] = {0.4, 0.9, -0.2, 0.3};
    static const char *const kinds[] = {"objective=regression step_length=newton",
                                        "objective=regression step_length=guarded",
                                        "objective=regression step_length=one"};
    for (int i = 0; i < 3; i++) {
        double score[4] = {0.0}, before, after;
        EXPECT_C_NEAR(length_of(kinds[i], label, f, score, 1, &before, &after), 1.0, 0.0);
        EXPECT_C_TRUE(after < before);
    }
}

TEST_C(HeadsLength, AGuardedStepNeverRaisesTheLossNorMovesAScoreByMoreThanTen)
{
    /* The first row is quite wrong, where the Hessian has vanished: the bare Newton step is about
     * 10^8 long and ruins the second. */
    const float label[4] = {1.0f, 0.0f, 0.0f, 1.0f};
    const double f[4] = {0.1, 0.05, 0.0, 0.0}, start[4] = {-20.0, -12.0, -15.0, 15.0};
    double score[4], before = 0.0, after = 0.0;
    memcpy(score, start, sizeof score);
    const double bare = length_of("objective=binary learning_rate=1 step_length=newton", label, f,
                                  score, 1, &before, &after);
    EXPECT_C_TRUE(bare > 1e6 && after > 100.0 * before);
    memcpy(score, start, sizeof score);
    const double guarded =
        length_of("objective=binary learning_rate=1", label, f, score, 1, &before, &after);
    EXPECT_C_TRUE(after < before);
    EXPECT_C_NEAR(guarded, 10.0 / 0.1, 1e-9);
}

TEST_C(HeadsLength, AStepThatPointsUphillIsTurnedRound)
{
    const float label[4] = {1.0f, 1.0f, 0.0f, 1.0f};
    const double f[4] = {-0.5, -0.5, 0.5, -0.4};
    double score[4] = {0.0}, before = 0.0, after = 0.0;
    EXPECT_C_TRUE(
        length_of("objective=binary learning_rate=1", label, f, score, 1, &before, &after) < 0.0);
    EXPECT_C_TRUE(after < before);
}

TEST_C(HeadsLength, AnUphillStepOfTheSquaredLossIsNotTaken)
{
    const float label[4] = {1.0f, 3.0f, 0.0f, 2.0f};
    const double f[4] = {-0.4, -0.9, 0.2, -0.3};
    double score[4] = {1.0, 1.5, 0.5, 1.5}, before, after;
    EXPECT_C_NEAR(length_of("objective=regression", label, f, score, 1, &before, &after), 0.0, 0.0);
    EXPECT_C_NEAR(after, before, 0.0);
}
