/* Robust multi-task boosting against its definition: the worked example, the special cases in which
 * it is plain boosting, the symmetry of its two sides, and the gradient of the task weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/synth.h"
#include "gbt/modules/multitask_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/task_toy.h"
#include "tests/support/toy.h"

/* Keys of the published program; 32-bit gradients so that nothing is rounded. */
#define PAPER_TREES                                                                             \
    " max_leaves=2 leaf_estimation=mean boost_from_average=false reg_lambda=0 gradient_bits=32" \
    " min_child_samples=1 min_child_weight=0 "
#define PAPER PAPER_TREES "theta_step=sum theta_l2=0 "

/* ---- The worked example ---------------------------------------------------------------------- */

static const float example_x[8] = {1, 2, 3, 4, 1, 2, 3, 4};
static const float example_y[8] = {1, 2, 3, 5, 5, 3, 1, 0};
static const int32_t example_task[8] = {7, 7, 7, 7, 9, 9, 9, 9};

static gbt_multitask *train_example(const char *rounds)
{
    char options[512] = "min_data_in_bin=1 objective=regression learning_rate=0.5" PAPER;
    const gbt_matrix matrix = {example_x, GBT_F32, 8, 1, 1, 1};
    const double theta[2] = {0.1, -0.1};
    gbt_dataset *data = NULL;
    gbt_multitask *model = NULL;
    strcat(options, rounds);
    gbt_params *params = toy_params(options);
    const gbt_task_input input = {.params = params, .theta_start = theta};
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &data));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, example_y, GBT_F32, 8));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_TASK, example_task, GBT_I32, 8));
    gbt_task_input with_data = input;
    with_data.train = data;
    EXPECT_C_OK(gbt_multitask_boost(&with_data, NULL, NULL, &model));
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

static void expect_scores(const gbt_multitask *model, const double *want)
{
    float out[8];
    const gbt_matrix matrix = {example_x, GBT_F32, 8, 1, 1, 1};
    EXPECT_C_OK(
        gbt_multitask_predict(model, &matrix, example_task, GBT_PREDICT_RAW, 1, out, 8, NULL));
    for (int i = 0; i < 8; i++) {
        EXPECT_C_NEAR((double)out[i], want[i], 1e-6);
    }
}

/* The two leaves of the last tree, before the learning rate. */
static void expect_stump(const gbt_model *part, double threshold, double left, double right)
{
    gbt_node node[3];
    const int32_t tree = gbt_model_round_count(part) - 1;
    EXPECT_C_OK(gbt_model_nodes(part, tree, node, 3));
    EXPECT_C_NEAR((double)node[0].threshold, threshold, 1e-6);
    EXPECT_C_NEAR((double)node[1].value, 0.5 * left, 1e-6);
    EXPECT_C_NEAR((double)node[2].value, 0.5 * right, 1e-6);
}

TEST_C(Multitask, WorkedExampleAfterTheFirstRobustRound)
{
    static const double want[8] = {1.8327844779, 1.4994511445, 1.4420676259, 1.4763207115,
                                   1.8363049397, 1.5029716063, 1.4395530104, 1.4705464838};
    gbt_multitask *model = train_example("n_trees_shared=1 n_trees_robust=1 n_trees_task=0");
    ASSERT_C_TRUE(model != NULL);
    expect_scores(model, want);
    expect_stump(model->part[0], 1.5, 3.0, 2.3333333333);
    expect_stump(model->part[1], 2.5, 0.7395573177, 0.4979530886);
    expect_stump(model->part[2], 3.5, 0.5986215174, 0.7291146354);
    EXPECT_C_NEAR(model->theta[0], 0.1, 0.0);
    EXPECT_C_NEAR(model->theta[1], -0.1, 0.0);
    gbt_multitask_free(model);
}

TEST_C(Multitask, WorkedExampleOfTheSpecification)
{
    static const double want[8] = {1.8745448370, 1.5412115037, 2.8037175999, 2.8752943643,
                                   3.1301095296, 2.7967761962, 1.0525510293, 1.1132861071};
    gbt_task_info info;
    gbt_multitask *model = train_example("n_trees_shared=1 n_trees_robust=2 n_trees_task=1");
    ASSERT_C_TRUE(model != NULL);
    expect_scores(model, want);
    expect_stump(model->part[1], 2.5, 0.5722409942, 0.3527772051);
    expect_stump(model->part[2], 3.5, 0.4414348498, 0.5756590521);
    expect_stump(model->part[3], 2.5, -0.4157563407, 2.3209880359);
    expect_stump(model->part[4], 2.5, 2.0731142742, -1.1658371365);
    EXPECT_C_NEAR(model->theta[0], 0.1634785247, 1e-6);
    EXPECT_C_NEAR(model->theta[1], -0.1649029636, 1e-6);
    EXPECT_C_OK(gbt_multitask_task(model, 0, &info));
    EXPECT_C_EQ_INT(info.number, 7);
    EXPECT_C_EQ_TEXT(info.name, "7");
    EXPECT_C_EQ_INT(info.train_rows, 4);
    EXPECT_C_NEAR(info.outlier, 0.5407788529, 1e-6);
    EXPECT_C_OK(gbt_multitask_task(model, 1, &info));
    EXPECT_C_NEAR(info.outlier, 0.4588674267, 1e-6);
    gbt_multitask_free(model);
}

/* ---- Symmetries and special cases ------------------------------------------------------------ */

enum { ROWS = 400, TASKS = 5 };

static gbt_multitask *train_from(const task_toy *t, const char *options, const double *theta)
{
    gbt_multitask *model = NULL;
    gbt_params *params = toy_params(options);
    gbt_dataset *data = task_toy_dataset(t, NULL, false);
    const gbt_task_input input = {.params = params, .train = data, .theta_start = theta};
    EXPECT_C_OK(gbt_multitask_boost(&input, NULL, NULL, &model));
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

/* Largest difference of two models' raw scores on the toy. */
static double largest_gap(const gbt_multitask *a, const gbt_multitask *b, const task_toy *t)
{
    float *x = task_toy_raw(a, t), *y = task_toy_raw(b, t);
    double most = 0.0;
    for (int64_t i = 0; i < t->n_rows * a->n_outputs; i++) {
        const double gap = fabs((double)x[i] - (double)y[i]);
        most = gap > most ? gap : most;
    }
    free(x);
    free(y);
    return most;
}

TEST_C(Multitask, SharedAndTaskRoundsOfASingleTaskAreInterchangeable)
{
    task_toy t;
    task_toy_make(&t, ROWS, 1, TASK_TOY_QUANTITY, 3);
    gbt_multitask *split =
        task_toy_train(&t, "mode=shared n_trees_shared=4 n_trees_task=5" PAPER_TREES, false);
    gbt_multitask *whole =
        task_toy_train(&t, "mode=shared n_trees_shared=9 n_trees_task=0" PAPER_TREES, false);
    ASSERT_C_TRUE(split && whole);
    EXPECT_C_NEAR(largest_gap(split, whole, &t), 0.0, 1e-5);
    gbt_multitask_free(split);
    gbt_multitask_free(whole);
    task_toy_free(&t);
}

/* With one task and w fixed an iteration of block 2 at rate eta is a plain one at rate
 * eta (w^2 + (1 - w)^2); w does not move in the first. */
TEST_C(Multitask, ARobustRoundOfOneTaskIsAPlainRoundAtASmallerRate)
{
    task_toy t;
    task_toy_make(&t, ROWS, 1, TASK_TOY_QUANTITY, 3);
    const double theta[1] = {-1.0};
    const double w = 1.0 / (1.0 + exp(1.0)), rate = 0.5 * (w * w + (1 - w) * (1 - w));
    char plain[400];
    (void)snprintf(plain, sizeof plain,
                   "mode=pooled n_trees_shared=1 learning_rate=%.17g" PAPER_TREES, rate);
    gbt_multitask *robust = train_from(
        &t, "learning_rate=0.5 n_trees_shared=0 n_trees_robust=1 n_trees_task=0" PAPER, theta);
    gbt_multitask *pooled = task_toy_train(&t, plain, false);
    ASSERT_C_TRUE(robust && pooled);
    EXPECT_C_NEAR(robust->theta[0], -1.0, 0.0);
    EXPECT_C_NEAR(largest_gap(robust, pooled, &t), 0.0, 1e-5);
    gbt_multitask_free(robust);
    gbt_multitask_free(pooled);
    task_toy_free(&t);
}

TEST_C(Multitask, ThetasOfZeroStayZeroAndBlockTwoIsBoostingAtHalfTheRate)
{
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 4);
    const double theta[TASKS] = {0};
    gbt_multitask *robust = train_from(
        &t, "learning_rate=0.5 n_trees_shared=0 n_trees_robust=6 n_trees_task=0" PAPER, theta);
    gbt_multitask *pooled =
        task_toy_train(&t, "mode=pooled n_trees_shared=6 learning_rate=0.25" PAPER_TREES, false);
    ASSERT_C_TRUE(robust && pooled);
    for (int r = 0; r < TASKS; r++) {
        EXPECT_C_TRUE(robust->theta[r] == 0.0);
    }
    EXPECT_C_NEAR(largest_gap(robust, pooled, &t), 0.0, 1e-5);
    gbt_multitask_free(robust);
    gbt_multitask_free(pooled);
    task_toy_free(&t);
}

static void expect_same_trees(const gbt_model *a, const gbt_model *b)
{
    size_t a_size = 0, b_size = 0;
    void *x = toy_bytes(a, &a_size), *y = toy_bytes(b, &b_size);
    EXPECT_C_EQ_INT(a_size, b_size);
    if (a_size == b_size) {
        EXPECT_C_EQ_BYTES(x, y, a_size);
    }
    gbt_memory_free(x);
    gbt_memory_free(y);
}

TEST_C(Multitask, TheSidesAreNamedByTheMajorityWhateverTheStart)
{
    static const char options[] = "learning_rate=0.3 n_trees_shared=2 n_trees_robust=12 "
                                  "n_trees_task=2 min_child_samples=5";
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 4);
    const double theta[TASKS] = {0.1, -0.05, 0.07, 0.02, -0.2};
    double mirrored[TASKS];
    for (int r = 0; r < TASKS; r++) {
        mirrored[r] = -theta[r];
    }
    gbt_multitask *a = train_from(&t, options, theta), *b = train_from(&t, options, mirrored);
    ASSERT_C_TRUE(a && b);
    EXPECT_C_TRUE(largest_gap(a, b, &t) == 0.0);
    for (int r = 0; r < TASKS; r++) {
        EXPECT_C_TRUE(a->theta[r] == b->theta[r]);
    }
    for (int32_t p = 0; p < a->n_parts; p++) {
        expect_same_trees(a->part[p], b->part[p]);
    }
    for (int r = 0; r < TASKS - 1; r++) { /* four tasks agree, the last does not */
        EXPECT_C_TRUE(a->theta[r] < 0.0);
    }
    EXPECT_C_TRUE(a->theta[TASKS - 1] > 0.0);
    gbt_multitask_free(a);
    gbt_multitask_free(b);
    task_toy_free(&t);
}

TEST_C(Multitask, RenamingTasksPermutesTheirWeightsAndLeavesPredictionsAlone)
{
    static const char options[] = "learning_rate=0.3 n_trees_shared=3 n_trees_robust=8 "
                                  "n_trees_task=3 min_child_samples=5 subsample=0.8";
    task_toy t, renamed;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 4);
    task_toy_make(&renamed, ROWS, TASKS, TASK_TOY_QUANTITY, 4);
    for (int64_t i = 0; i < ROWS; i++) { /* 10, 13, ... in the opposite order */
        renamed.task[i] = 100 - t.task[i];
    }
    const double theta[TASKS] = {0.1, -0.05, 0.07, 0.02, -0.2};
    const double reversed[TASKS] = {-0.2, 0.02, 0.07, -0.05, 0.1};
    gbt_multitask *a = train_from(&t, options, theta), *b = train_from(&renamed, options, reversed);
    ASSERT_C_TRUE(a && b);
    float *x = task_toy_raw(a, &t), *y = task_toy_raw(b, &renamed);
    EXPECT_C_EQ_BYTES(x, y, ROWS * sizeof *x);
    for (int r = 0; r < TASKS; r++) {
        EXPECT_C_TRUE(a->theta[r] == b->theta[TASKS - 1 - r]);
    }
    free(x);
    free(y);
    gbt_multitask_free(a);
    gbt_multitask_free(b);
    task_toy_free(&t);
    task_toy_free(&renamed);
}

/* ---- The gradient of the task weights -------------------------------------------------------- */

/* Two tasks, two outputs, scores of the blocks and labels at hand. */
typedef struct theta_case {
    gbt_task_rows rows;
    gbt_multitask model;
    float block[GBT_N_SCORES][24], score[24], label[24], weight[12];
    double theta[2];
    int32_t task[12];
    int64_t order[12], first[3];
} theta_case;

static void fill_case(theta_case *c)
{
    *c = (theta_case){.model = {.n_tasks = 2, .n_outputs = 2}, .theta = {0.4, -1.1}};
    for (int i = 0; i < 24; i++) {
        for (int b = 0; b < GBT_N_SCORES; b++) {
            c->block[b][i] = (float)sin(1.0 + 3.0 * i + 7.0 * b);
        }
        c->label[i] = (float)cos(5.0 * i);
    }
    for (int i = 0; i < 12; i++) {
        c->task[i] = i >= 7;
        c->order[i] = i;
        c->weight[i] = 0.5f + 0.25f * (float)(i % 3);
    }
    c->first[1] = 7;
    c->first[2] = 12;
    c->rows = (gbt_task_rows){.n_rows = 12,
                              .label = c->label,
                              .weight = c->weight,
                              .task = c->task,
                              .order = c->order,
                              .first = c->first,
                              .block = {c->block[0], c->block[1], c->block[2], c->block[3]},
                              .score = c->score};
    c->model.theta = c->theta;
}

/* Weighted squared error of the rows of a task at its theta, in double. */
static double loss_of_task(const theta_case *c, int task, double theta)
{
    const double w = 1.0 / (1.0 + exp(-theta));
    double sum = 0.0;
    for (int row = 0; row < 12; row++) {
        for (int k = 0; k < 2 && c->task[row] == task; k++) {
            const int i = 12 * k + row;
            const double f = (double)c->block[GBT_SCORE_SHARED][i] +
                             (1.0 - w) * (double)c->block[GBT_SCORE_ORDINARY][i] +
                             w * (double)c->block[GBT_SCORE_OUTLIER][i] +
                             (double)c->block[GBT_SCORE_TASK][i];
            const double gap = (double)c->label[i] - f;
            sum += 0.5 * (double)c->weight[row] * gap * gap;
        }
    }
    return sum;
}

TEST_C(Multitask, ThetaMovesAlongTheDifferenceQuotientOfTheLoss)
{
    theta_case c;
    float grad[24], hess[24];
    double ordinary[3], outlier[3];
    fill_case(&c);
    for (int r = 0; r < 2; r++) {
        ordinary[r] = 1.0 / (1.0 + exp(c.theta[r]));
        outlier[r] = 1.0 / (1.0 + exp(-c.theta[r]));
    }
    gbt_task_blend(&c.rows, &c.model, ordinary, outlier, 1);
    for (int i = 0; i < 24; i++) {
        hess[i] = c.weight[i % 12];
        grad[i] = c.weight[i % 12] * (c.score[i] - c.label[i]);
    }
    for (int r = 0; r < 2; r++) {
        const gbt_theta_sums sums = gbt_theta_sum(&c.rows, 2, r, grad, hess);
        const double h = 1e-4, w = outlier[r], slope = w * (1.0 - w);
        const double up = loss_of_task(&c, r, c.theta[r] + h),
                     down = loss_of_task(&c, r, c.theta[r] - h);
        EXPECT_C_NEAR(slope * sums.along, -(up - down) / (2 * h), 1e-6);

        gbt_task_settings set = {.theta_rule = GBT_THETA_SUM, .theta_rate = 0.1};
        const double along = slope * sums.along;
        EXPECT_C_NEAR(gbt_theta_step(&set, sums, c.theta[r]), c.theta[r] + 0.1 * along, 1e-12);
        set.theta_rule = GBT_THETA_MEAN;
        set.theta_l2 = 0.3;
        EXPECT_C_NEAR(gbt_theta_step(&set, sums, c.theta[r]),
                      c.theta[r] + 0.1 * (along / sums.weight - 0.3 * c.theta[r]), 1e-12);
        set.theta_rule = GBT_THETA_NEWTON;
        set.theta_l2 = 2.0;
        const double newton = (along - 2.0 * c.theta[r]) / (slope * slope * sums.curvature + 2.0);
        const double capped = newton > 0.5 ? 0.5 : newton < -0.5 ? -0.5 : newton;
        EXPECT_C_NEAR(gbt_theta_step(&set, sums, c.theta[r]), c.theta[r] + 0.1 * capped, 1e-12);
    }
}

TEST_C(Multitask, ThetaStaysFiniteWhateverTheRule)
{
    const gbt_theta_sums wild = {1e30, 1e-30, 1.0}, none = {0.0, 0.0, 0.0};
    for (int rule = GBT_THETA_NEWTON; rule <= GBT_THETA_SUM; rule++) {
        const gbt_task_settings set = {.theta_rule = (gbt_theta_rule)rule, .theta_rate = 1.0};
        EXPECT_C_TRUE(fabs(gbt_theta_step(&set, wild, 0.0)) <= 30.0);
        EXPECT_C_TRUE(gbt_theta_step(&set, none, 0.7) == 0.7);
    }
}

TEST_C(Multitask, TheRateOfTheTaskWeightsIsOneForNewtonStepsElseTheLearningRate)
{
    static const struct {
        const char *options;
        double rate;
    } cases[] = {{"learning_rate=0.25", 1.0},
                 {"learning_rate=0.25 theta_step=mean", 0.25},
                 {"learning_rate=0.25 theta_step=sum", 0.25},
                 {"learning_rate=0.25 theta_learning_rate=0.5", 0.5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gbt_task_settings set;
        gbt_params *params = toy_params(cases[i].options);
        EXPECT_C_OK(gbt_task_settings_read(params, false, &set));
        EXPECT_C_TRUE(set.theta_rate == cases[i].rate);
        EXPECT_C_TRUE(set.theta_l2 == 1.0);
        gbt_params_free(params);
    }
}

/* The penalty counts in units of the loss: with labels four times as large (an exact change of
 * scale) trees are four times as large and the weights are the same. */
TEST_C(Multitask, TaskWeightsDoNotDependOnTheScaleOfTheLabel)
{
    static const char options[] = "n_trees_shared=2 n_trees_robust=10 n_trees_task=0 "
                                  "gradient_bits=32 reg_lambda=0 min_child_weight=0 theta_l2=2";
    task_toy t;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 5);
    gbt_multitask *small = task_toy_train(&t, options, true);
    for (int i = 0; i < ROWS; i++) {
        t.label[i] *= 4.0f;
    }
    gbt_multitask *large = task_toy_train(&t, options, true);
    ASSERT_C_TRUE(small && large);
    for (int r = 0; r < TASKS; r++) {
        EXPECT_C_NEAR(large->theta[r], small->theta[r], 1e-4);
    }
    gbt_multitask_free(small);
    gbt_multitask_free(large);
    task_toy_free(&t);
}

/* Towards 1/2, where no task has a side: the weights lie the closer the larger the penalty. */
TEST_C(Multitask, ThePenaltyDrawsTheWeightsTowardsOneHalf)
{
    static const char *const penalty[] = {"0", "1", "10", "1e9"};
    task_toy t;
    double last = (double)INFINITY;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_BINARY, 5);
    for (int i = 0; i < 4; i++) {
        char options[200];
        double most = 0.0;
        (void)snprintf(options, sizeof options,
                       "n_trees_shared=0 n_trees_robust=20 n_trees_task=0 theta_l2=%s", penalty[i]);
        gbt_multitask *model = task_toy_train(&t, options, false);
        ASSERT_C_TRUE(model != NULL);
        for (int r = 0; r < TASKS; r++) {
            most = fabs(model->theta[r]) > most ? fabs(model->theta[r]) : most;
        }
        EXPECT_C_TRUE(most < last);
        last = most;
        gbt_multitask_free(model);
    }
    EXPECT_C_NEAR(last, 0.0, 1e-6);
    task_toy_free(&t);
}

/* ---- Descent --------------------------------------------------------------------------------- */

static double squared_error(const gbt_multitask *model, const task_toy *t)
{
    float *raw = task_toy_raw(model, t);
    double sum = 0.0;
    for (int64_t i = 0; i < t->n_rows; i++) {
        const double gap = (double)raw[i] - (double)t->label[i];
        sum += gap * gap;
    }
    free(raw);
    return sum;
}

TEST_C(Multitask, TheSquaredErrorNeverRisesInSharedAndTaskBlocks)
{
    task_toy t;
    double last = (double)INFINITY;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 8);
    for (int n = 1; n <= 12; n++) {
        char options[400];
        (void)snprintf(
            options, sizeof options,
            "mode=shared learning_rate=0.9 n_trees_shared=%d n_trees_task=%d" PAPER_TREES,
            n < 6 ? n : 6, n < 6 ? 0 : n - 6);
        gbt_multitask *model = task_toy_train(&t, options, false);
        ASSERT_C_TRUE(model != NULL);
        const double error = squared_error(model, &t);
        EXPECT_C_TRUE(error <= last);
        last = error;
        gbt_multitask_free(model);
    }
    task_toy_free(&t);
}

/* With mean leaves and theta at rest a round of block 2 lowers half the squared error by at least
 * eta (1 - eta / 2) times the squared norms of both trees. */
TEST_C(Multitask, ARobustRoundLowersTheSquaredErrorByWhatItsTreesExplain)
{
    enum { RATE_PERCENT = 70 };
    static const char before[] = "learning_rate=0.7 n_trees_shared=3 n_trees_robust=0 "
                                 "n_trees_task=0" PAPER;
    static const char after[] = "learning_rate=0.7 n_trees_shared=3 n_trees_robust=1 "
                                "n_trees_task=0" PAPER;
    task_toy t;
    float out[ROWS];
    double squares = 0.0;
    const double theta[TASKS] = {0.7, -0.5, 0.2, -1.2, -2.0}, eta = 0.01 * RATE_PERCENT;
    task_toy_make(&t, ROWS, TASKS, TASK_TOY_QUANTITY, 8);
    const gbt_matrix matrix = task_toy_matrix(&t);
    gbt_multitask *a = train_from(&t, before, theta), *b = train_from(&t, after, theta);
    ASSERT_C_TRUE(a && b);
    for (int32_t p = 1; p <= 2; p++) {
        EXPECT_C_OK(gbt_model_predict(b->part[p], &matrix, GBT_PREDICT_RAW, 0, 0, 1, out, ROWS));
        for (int i = 0; i < ROWS; i++) {
            squares += (double)out[i] * (double)out[i] / (eta * eta);
        }
    }
    const double change = 0.5 * (squared_error(b, &t) - squared_error(a, &t));
    EXPECT_C_TRUE(squares > 1.0);
    EXPECT_C_TRUE(change <= -eta * (1.0 - eta / 2.0) * squares * (1.0 - 1e-5));
    gbt_multitask_free(a);
    gbt_multitask_free(b);
    task_toy_free(&t);
}

/* ---- Scenario 4 of the paper ----------------------------------------------------------------- */

/* Trains robust boosting with the paper's settings and a mode to compare; returns the test RMSE. */
static double scenario_error(const gbt_synth_dense *d, const char *options, double *weight)
{
    enum { TRAIN = 3000, TEST = 4000, D = 5 };
    float out[TEST];
    gbt_dataset *data = NULL;
    gbt_multitask *model = NULL;
    gbt_params *params = toy_params(options);
    const gbt_matrix train = {d->feature, GBT_F32, TRAIN, D, D, 1};
    const gbt_matrix test = {d->feature + TRAIN * D, GBT_F32, TEST, D, D, 1};
    double sum = 0.0;
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &train, NULL, NULL, &data));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, d->label, GBT_F32, TRAIN));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_TASK, d->task, GBT_I32, TRAIN));
    EXPECT_C_OK(gbt_multitask_train(params, data, NULL, NULL, NULL, NULL, NULL, &model));
    EXPECT_C_OK(
        gbt_multitask_predict(model, &test, d->task + TRAIN, GBT_PREDICT_RAW, 0, out, TEST, NULL));
    for (int i = 0; i < TEST; i++) {
        const double gap = (double)out[i] - (double)d->label[TRAIN + i];
        sum += gap * gap;
    }
    for (int32_t r = 0; weight && r < gbt_multitask_tasks(model); r++) {
        gbt_task_info info;
        EXPECT_C_OK(gbt_multitask_task(model, r, &info));
        weight[r] = info.outlier;
    }
    gbt_multitask_free(model);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return sqrt(sum / TEST);
}

TEST_C(Multitask, ScenarioFourSeparatesTheOutliersAndBeatsSharingAndSingleTasks)
{
    static const char common[] = " learning_rate=1 max_leaves=2 leaf_estimation=mean "
                                 "boost_from_average=false reg_lambda=0 min_child_samples=1 "
                                 "min_child_weight=0 ";
    char robust[400], shared[400], single[400];
    (void)snprintf(robust, sizeof robust,
                   "theta_step=sum theta_l2=0 n_trees_shared=0 n_trees_robust=50 n_trees_task=0%s",
                   common);
    (void)snprintf(shared, sizeof shared, "mode=shared n_trees_shared=30 n_trees_task=30%s",
                   common);
    (void)snprintf(single, sizeof single, "mode=single n_trees_task=50%s", common);
    for (uint64_t seed = 0; seed < 3; seed++) {
        const gbt_synth_spec spec = {.kind = GBT_SYNTH_MULTITASK, .seed = seed};
        gbt_synth_dense data;
        double weight[10];
        ASSERT_C_OK(gbt_synth_fill(&spec, 7000, 0, &data));
        const double error = scenario_error(&data, robust, weight);
        EXPECT_C_TRUE(error < 0.55 && error < scenario_error(&data, shared, NULL) &&
                      error < scenario_error(&data, single, NULL));
        for (int r = 0; r < 8; r++) {
            for (int o = 8; o < 10; o++) {
                EXPECT_C_TRUE(weight[o] > 0.5 && weight[r] < 0.5 && weight[o] - weight[r] > 0.5);
            }
        }
        gbt_synth_dense_close(&data);
    }
}
