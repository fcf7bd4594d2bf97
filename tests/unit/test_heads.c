/* Boosted heads: what the method promises, on toy data. Numbers of checks are those of the list of
 * checks in the paper's notes: merging, cutting, scaling, the two worked examples. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/modules/heads_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/heads_case.h"

static const char *const activations[] = {"logistic", "tanh", "relu", "identity"};

static void join(char *out, size_t size, const char *a, const char *b)
{
    const size_t n = strlen(a);
    if (n + strlen(b) + 2 <= size) {
        memcpy(out, a, n);
        out[n] = ' ';
        memcpy(out + n + 1, b, strlen(b) + 1);
    }
}

/* ---- The merged network ---------------------------------------------------------------------- */

TEST_C(Heads, PredictionsAreThoseOfTheExportedNetwork)
{
    static const toy_label kinds[] = {TOY_QUANTITY, TOY_BINARY, TOY_CLASSES};
    static const char *const objectives[] = {"objective=regression", "objective=binary",
                                             "objective=multiclass"};
    for (int i = 0; i < 3 * 4; i++) {
        heads_case c;
        char keys[200] = "units=21 units_per_step=3 subsample=0.7 activation=", all[300] = "";
        memcpy(keys + strlen(keys), activations[i % 4], strlen(activations[i % 4]) + 1);
        join(all, sizeof all, keys, objectives[i / 4]);
        heads_case_open(&c, 300, kinds[i / 4], 1, all);
        ASSERT_C_OK(c.status);
        EXPECT_C_EQ_INT(c.n_steps, 7);
        float *raw = heads_case_raw(&c, 0);
        double *want = heads_case_defined(&c);
        for (int64_t q = 0; q < c.data.n_rows * c.n_outputs; q++) {
            EXPECT_C_NEAR((double)raw[q], want[q], 2e-5 * (1.0 + fabs(want[q])));
        }
        free(raw);
        free(want);
        heads_case_close(&c);
    }
}

/* What the callback saw last. */
typedef struct seen {
    int32_t calls, last_round, best_round;
    double value;
    const char *data;
} seen;

static int look(const gbt_round_info *info, void *user)
{
    seen *s = user;
    s->calls++;
    s->last_round = info->round;
    s->best_round = info->best_round;
    s->value = info->n_values > 0 ? info->value[0] : (double)NAN;
    s->data = info->n_values > 0 ? info->data[0] : "";
    return 0;
}

/* Check 1: the metric in training is computed from the additive model, that of the predictions from
 * the merged network. */
TEST_C(Heads, TheMergedNetworkIsTheAdditiveModel)
{
    toy data, other;
    seen s = {0};
    gbt_heads *heads = NULL;
    toy_make(&data, 400, TOY_CLASSES, 1);
    toy_make(&other, 200, TOY_CLASSES, 2);
    gbt_params *params = toy_params("objective=multiclass units=40 units_per_step=2 subsample=0.5 "
                                    "early_stopping_rounds=0");
    gbt_dataset *train = toy_dataset(&data, params, NULL, true);
    gbt_dataset *valid = toy_dataset(&other, params, train, true);
    const gbt_matrix x = toy_matrix(&data), v = toy_matrix(&other);
    ASSERT_C_OK(gbt_heads_train(params, train, &x, valid, &v, look, &s, &heads));
    EXPECT_C_EQ_INT(s.calls, 20);
    EXPECT_C_EQ_INT(s.last_round, 20);
    EXPECT_C_EQ_TEXT(s.data, "valid");
    float raw[600], scores[600];
    double merged = 0.0;
    const gbt_model *frame = gbt_heads_frame(heads);
    EXPECT_C_OK(gbt_heads_predict(heads, &v, GBT_PREDICT_RAW, 0, 1, raw, 600));
    for (int i = 0; i < 600; i++) {
        scores[i % 3 * 200 + i / 3] = raw[i];
    }
    EXPECT_C_OK(gbt_model_metric(frame, gbt_model_metric_name(frame, 0), scores, other.label,
                                 other.weight, 200, 1, &merged));
    EXPECT_C_NEAR(merged, s.value, 1e-6);
    gbt_heads_free(heads);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&other);
}

/* Check 2: the first steps of a long model are the short model. */
TEST_C(Heads, AModelCutToItsFirstStepsIsTheModelTrainedSoLong)
{
    static const struct {
        const char *all, *part;
        int32_t steps;
    } cases[] = {{"objective=regression units=30 subsample=0.5",
                  "objective=regression units=13 subsample=0.5", 13},
                 {"objective=binary units=30 units_per_step=3 activation=tanh",
                  "objective=binary units=12 units_per_step=3 activation=tanh", 4},
                 {"objective=multiclass units=20 units_per_step=2",
                  "objective=multiclass units=18 "
                  "units_per_step=2",
                  9}};
    static const toy_label kinds[] = {TOY_QUANTITY, TOY_BINARY, TOY_CLASSES};
    for (int i = 0; i < 3; i++) {
        heads_case full, part;
        heads_case_open(&full, 260, kinds[i], 3, cases[i].all);
        heads_case_open(&part, 260, kinds[i], 3, cases[i].part);
        ASSERT_C_OK(full.status);
        ASSERT_C_OK(part.status);
        float *cut = heads_case_raw(&full, cases[i].steps), *whole = heads_case_raw(&part, 0);
        EXPECT_C_EQ_BYTES(cut, whole, (size_t)(260 * full.n_outputs) * sizeof *cut);
        free(cut);
        free(whole);
        heads_case_close(&full);
        heads_case_close(&part);
    }
}

/* Check 4: the order of steps does not matter, nor the sign of a tanh unit. */
TEST_C(Heads, StepsMayChangePlacesAndTanhUnitsTheirSign)
{
    enum { STEPS = 7, DENSE = 3, UNITS = 2, OUTPUTS = 2 };
    const gbt_mlp_shape shape = {
        .n_dense = DENSE, .n_units = UNITS, .n_outputs = OUTPUTS, .activation = GBT_UNIT_TANH};
    const gbt_mlp_layout at = gbt_mlp_layout_of(&shape);
    const gbt_head_inputs in = {.n_features = DENSE, .n_dense = DENSE};
    const double base[OUTPUTS] = {0.5, -1.0};
    double sum[2][5 * OUTPUTS], theta[STEPS][32];
    for (int i = 0; i < STEPS * 32; i++) {
        theta[i / 32][i % 32] = (double)(float)sin(i * 1.7);
    }
    for (int turned = 0; turned < 2; turned++) {
        gbt_head_network net;
        gbt_head_desk desk;
        ASSERT_C_OK(gbt_head_network_open(&shape, STEPS, base, &net));
        ASSERT_C_OK(gbt_head_desk_open(&in, OUTPUTS, 5, &desk));
        for (int t = 0; t < STEPS; t++) {
            double step[32];
            memcpy(step, theta[turned ? STEPS - 1 - t : t], sizeof step);
            for (int64_t i = 0; turned && i < at.out_bias; i++) {
                step[i] = -step[i]; /* w, b and a, not c */
            }
            gbt_head_network_append(&net, step, 0.5);
        }
        for (int i = 0; i < 5 * DENSE; i++) {
            desk.dense[i] = cos(i * 2.3);
        }
        memset(desk.sum, 0, sizeof sum[0]);
        for (int32_t b = 0; b < net.n_blocks; b++) {
            gbt_head_network_add(&net, b, b == 1 ? 6 : 8, 5, &desk);
        }
        for (int i = 0; i < 5 * OUTPUTS; i++) {
            sum[turned][i] = desk.sum[i] + net.out_bias[STEPS * OUTPUTS + i % OUTPUTS];
        }
        gbt_head_desk_close(&desk);
        gbt_head_network_close(&net);
    }
    for (int i = 0; i < 5 * OUTPUTS; i++) {
        EXPECT_C_NEAR(sum[0][i], sum[1][i], 1e-14);
    }
}

/* ---- Starts and constants -------------------------------------------------------------------- */

/* Check 3, with residuals that vanish at the start. */
TEST_C(Heads, AConstantLabelMakesNoSteps)
{
    toy data;
    heads_case c;
    toy_make(&data, 40, TOY_QUANTITY, 1);
    for (int i = 0; i < 40; i++) {
        data.label[i] = 2.75f;
    }
    heads_case_train(&c, data, "objective=regression units=20", false);
    ASSERT_C_OK(c.status);
    EXPECT_C_EQ_INT(c.n_steps, 0);
    float *raw = heads_case_raw(&c, 0);
    for (int i = 0; i < 40; i++) {
        EXPECT_C_NEAR((double)raw[i], 2.75, 0.0);
    }
    free(raw);
    heads_case_close(&c);
}

TEST_C(Heads, TheStartIsTheBestConstant)
{
    heads_case c;
    double base[1], mean = 0.0;
    heads_case_open(&c, 200, TOY_BINARY, 1, "objective=binary units=1");
    ASSERT_C_OK(c.status);
    for (int i = 0; i < 200; i++) {
        mean += (double)c.data.label[i] / 200.0;
    }
    EXPECT_C_OK(gbt_model_base_score(gbt_heads_frame(c.heads), base, 1));
    EXPECT_C_NEAR(base[0], log(mean / (1.0 - mean)), 1e-12); /* twice the paper's F0 */
    heads_case_close(&c);
}

/* Check 5: a label 8 times as large makes a score 8 times as large, bit by bit. */
TEST_C(Heads, ScoresScaleWithTheLabel)
{
    heads_case one, eight;
    toy data;
    heads_case_open(&one, 300, TOY_QUANTITY, 1, "objective=regression units=25 subsample=0.5");
    toy_make(&data, 300, TOY_QUANTITY, 1);
    for (int i = 0; i < 300; i++) {
        data.label[i] *= 8.0f;
    }
    heads_case_train(&eight, data, "objective=regression units=25 subsample=0.5", false);
    ASSERT_C_OK(one.status);
    ASSERT_C_OK(eight.status);
    float *a = heads_case_raw(&one, 0), *b = heads_case_raw(&eight, 0);
    for (int i = 0; i < 300; i++) {
        a[i] *= 8.0f;
    }
    EXPECT_C_EQ_BYTES(a, b, 300 * sizeof *a);
    free(a);
    free(b);
    heads_case_close(&one);
    heads_case_close(&eight);
}

/* Check 6: the mean square falls by eta (2 - eta) mean f^2 when f is the best in its outputs. */
TEST_C(Heads, ASquaredLossFallsByWhatTheStepExplains)
{
    heads_case c;
    heads_case_open(&c, 300, TOY_QUANTITY, 4,
                    "objective=regression units=12 learning_rate=0.4 weight_decay=0 "
                    "solver_iterations=2000");
    ASSERT_C_OK(c.status);
    ASSERT_C_EQ_INT(c.n_steps, 12);
    double before = 0.0;
    float *earlier = NULL;
    for (int32_t t = 1; t <= 12; t++) {
        float *raw = heads_case_raw(&c, t);
        const double loss = 2.0 * heads_case_loss(&c, raw); /* the loss has a half */
        double squares = 0.0;
        for (int i = 0; earlier && i < 300; i++) {
            const double f = ((double)raw[i] - (double)earlier[i]) / 0.4;
            squares += f * f / 300.0;
        }
        EXPECT_C_TRUE(t == 1 || loss <= before);
        if (t > 1) {
            EXPECT_C_NEAR(before - loss, 0.4 * 1.6 * squares, 1e-3 * squares);
        }
        before = loss;
        free(earlier);
        earlier = raw;
    }
    free(earlier);
    heads_case_close(&c);
}

/* Check 11: with identity units the model is the least squares line. */
TEST_C(Heads, IdentityUnitsAreLeastSquares)
{
    toy data;
    heads_case c;
    toy_make(&data, 250, TOY_QUANTITY, 5);
    for (int i = 0; i < 250; i++) { /* only two columns that vary; no others say anything */
        float *x = data.x + (int64_t)i * TOY_FEATURES;
        x[1] = x[2] = x[4] = x[5] = x[6] = 1.0f;
    }
    heads_case_train(&c, data,
                     "objective=regression activation=identity units=30 learning_rate=1 "
                     "weight_decay=0",
                     false);
    ASSERT_C_OK(c.status);
    EXPECT_C_EQ_INT(c.n_inputs, 2);
    /* Normal equations of y on (1, x0, x3), solved by elimination. */
    double m[3][4] = {{0.0}};
    for (int i = 0; i < 250; i++) {
        const float *x = c.data.x + (int64_t)i * TOY_FEATURES;
        const double v[4] = {1.0, (double)x[0], (double)x[3], (double)c.data.label[i]};
        for (int q = 0; q < 12; q++) {
            m[q / 4][q % 4] += v[q / 4] * v[q % 4];
        }
    }
    for (int p = 0; p < 3; p++) {
        for (int r = 0; r < 3; r++) {
            const double factor = r == p ? 0.0 : m[r][p] / m[p][p];
            for (int q = 0; q < 4; q++) {
                m[r][q] -= factor * m[p][q];
            }
        }
    }
    float *raw = heads_case_raw(&c, 0);
    for (int i = 0; i < 250; i++) {
        const float *x = c.data.x + (int64_t)i * TOY_FEATURES;
        const double line = m[0][3] / m[0][0] + (double)x[0] * (m[1][3] / m[1][1]) +
                            (double)x[3] * (m[2][3] / m[2][2]);
        EXPECT_C_NEAR((double)raw[i], line, 1e-4);
    }
    free(raw);
    heads_case_close(&c);
}

/* ---- Several outputs ------------------------------------------------------------------------- */

/* Check 8: equal label columns get equal output weights. */
TEST_C(Heads, EqualLabelsGetEqualOutputs)
{
    enum { ROWS = 150 };
    toy data;
    gbt_heads *heads = NULL;
    float label[2 * ROWS], raw[2 * ROWS];
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    for (int i = 0; i < ROWS; i++) {
        label[2 * i] = label[2 * i + 1] = data.label[i];
    }
    gbt_params *params = toy_params("objective=regression units=20 units_per_step=2");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    const gbt_matrix x = toy_matrix(&data);
    ASSERT_C_OK(gbt_dataset_set(train, GBT_LABEL, label, GBT_F32, 2 * ROWS));
    ASSERT_C_OK(gbt_heads_train(params, train, &x, NULL, NULL, NULL, NULL, &heads));
    EXPECT_C_OK(gbt_heads_predict(heads, &x, GBT_PREDICT_RAW, 0, 1, raw, 2 * ROWS));
    double error = 0.0, spread = 0.0, mean = 0.0;
    for (int i = 0; i < ROWS; i++) {
        mean += (double)data.label[i] / ROWS;
    }
    for (int i = 0; i < ROWS; i++) {
        EXPECT_C_NEAR((double)raw[2 * i], (double)raw[2 * i + 1], 0.0);
        error += pow((double)raw[2 * i] - (double)data.label[i], 2.0);
        spread += pow((double)data.label[i] - mean, 2.0);
    }
    EXPECT_C_TRUE(error < 0.2 * spread);
    gbt_heads_free(heads);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Heads, EveryOutputStartsFromItsOwnMean)
{
    enum { ROWS = 60 };
    toy data;
    gbt_heads *heads = NULL;
    float label[2 * ROWS];
    double base[2], mean[2] = {0.0, 0.0};
    toy_make(&data, ROWS, TOY_QUANTITY, 1);
    for (int i = 0; i < 2 * ROWS; i++) {
        label[i] = i % 2 == 0 ? data.label[i / 2] : 1000.0f + (float)(i % 7);
        mean[i % 2] += (double)label[i] / ROWS;
    }
    gbt_params *params = toy_params("objective=regression units=2");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    const gbt_matrix x = toy_matrix(&data);
    ASSERT_C_OK(gbt_dataset_set(train, GBT_LABEL, label, GBT_F32, 2 * ROWS));
    ASSERT_C_OK(gbt_heads_train(params, train, &x, NULL, NULL, NULL, NULL, &heads));
    EXPECT_C_OK(gbt_model_base_score(gbt_heads_frame(heads), base, 2));
    EXPECT_C_NEAR(base[0], mean[0], 1e-6);
    EXPECT_C_NEAR(base[1], mean[1], 1e-6);
    gbt_heads_free(heads);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

/* ---- Losses ---------------------------------------------------------------------------------- */

TEST_C(Heads, EveryLossFallsAndNeverRises)
{
    static const struct {
        const char *keys;
        toy_label kind;
        double scale; /* of the label */
    } cases[] = {{"objective=mae", TOY_QUANTITY, 100.0},
                 {"objective=huber", TOY_QUANTITY, 100.0},
                 {"objective=fair", TOY_QUANTITY, 100.0},
                 {"objective=quantile quantile=0.8", TOY_QUANTITY, 0.01},
                 {"objective=mape", TOY_POSITIVE, 10.0},
                 {"objective=poisson", TOY_POSITIVE, 1.0},
                 {"objective=gamma", TOY_POSITIVE, 1.0},
                 {"objective=tweedie", TOY_POSITIVE, 1.0},
                 {"objective=binary", TOY_BINARY, 1.0},
                 {"objective=cross_entropy", TOY_SHARE, 1.0},
                 {"objective=multiclass", TOY_CLASSES, 1.0},
                 {"objective=multiclassova", TOY_CLASSES, 1.0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        toy data;
        heads_case c;
        char keys[200] = "";
        join(keys, sizeof keys, cases[i].keys, "units=30 learning_rate=0.3 subsample=0.5");
        toy_make(&data, 300, cases[i].kind, 6);
        for (int r = 0; r < 300; r++) {
            data.label[r] *= (float)cases[i].scale;
        }
        heads_case_train(&c, data, keys, false);
        if (!EXPECT_C_OK(c.status)) {
            heads_case_close(&c);
            continue;
        }
        double first = 0.0, before = 0.0;
        for (int32_t t = 1; t <= c.n_steps; t++) {
            float *raw = heads_case_raw(&c, t);
            const double loss = heads_case_loss(&c, raw);
            EXPECT_C_TRUE(t == 1 || loss <= before + 1e-6 * fabs(before));
            first = t == 1 ? loss : first;
            before = loss;
            free(raw);
        }
        EXPECT_C_TRUE(before < first - 0.02 * fabs(first));
        heads_case_close(&c);
    }
}

TEST_C(Heads, AdamLearnsAsWell)
{
    heads_case c;
    heads_case_open(&c, 300, TOY_QUANTITY, 1, "objective=regression units=60 solver=adam");
    ASSERT_C_OK(c.status);
    float *one = heads_case_raw(&c, 1), *all = heads_case_raw(&c, 0);
    EXPECT_C_TRUE(heads_case_loss(&c, all) < 0.5 * heads_case_loss(&c, one));
    free(one);
    free(all);
    heads_case_close(&c);
}

/* ---- Rows and weights ------------------------------------------------------------------------ */

TEST_C(Heads, RowsWithoutWeightDoNotMatter)
{
    heads_case c[2];
    for (int i = 0; i < 2; i++) {
        toy data;
        toy_make(&data, 200, TOY_QUANTITY, 1);
        for (int r = 0; r < 50; r++) {
            data.weight[r] = 0.0f;
            data.label[r] = i == 0 ? 5.0f : -77.0f;
        }
        heads_case_train(&c[i], data, "objective=regression units=20 subsample=0.5", true);
        ASSERT_C_OK(c[i].status);
    }
    float *a = heads_case_raw(&c[0], 0), *b = heads_case_raw(&c[1], 0);
    EXPECT_C_EQ_BYTES(a, b, 200 * sizeof *a);
    free(a);
    free(b);
    heads_case_close(&c[0]);
    heads_case_close(&c[1]);
}

/* Check 10, and: seeds differ. */
TEST_C(Heads, TheModelDependsOnTheSeedAndNotOnTheThreads)
{
    static const char *const keys[] = {
        "objective=multiclass units=12 units_per_step=2 subsample=0.8 threads=1",
        "objective=multiclass units=12 units_per_step=2 subsample=0.8 threads=2",
        "objective=multiclass units=12 units_per_step=2 subsample=0.8 threads=5",
        "objective=multiclass units=12 units_per_step=2 subsample=0.8 threads=1 seed=9"};
    void *bytes[4] = {NULL};
    size_t size[4] = {0};
    for (int i = 0; i < 4; i++) {
        heads_case c;
        heads_case_open(&c, 10000, TOY_CLASSES, 1, keys[i]);
        ASSERT_C_OK(c.status);
        EXPECT_C_OK(gbt_heads_to_bytes(c.heads, &bytes[i], &size[i]));
        heads_case_close(&c);
    }
    for (int i = 1; i < 4; i++) {
        EXPECT_C_EQ_INT(size[0], size[i]);
    }
    EXPECT_C_EQ_BYTES(bytes[0], bytes[1], size[0]);
    EXPECT_C_EQ_BYTES(bytes[0], bytes[2], size[0]);
    EXPECT_C_TRUE(memcmp(bytes[0], bytes[3], size[0]) != 0);
    for (int i = 0; i < 4; i++) {
        gbt_memory_free(bytes[i]);
    }
}

TEST_C(Heads, EveryStepDrawsExactlyItsShareOfRowsAndAnotherOne)
{
    /* Labels of rows that are not drawn cannot matter: with one step, changing the label of row i
     * changes the model when i was drawn. The base score is switched off. */
    enum { ROWS = 24 };
    int n_drawn[2] = {0, 0}, n_both = 0;
    bool is_drawn[2][ROWS];
    for (int seed = 0; seed < 2; seed++) {
        float *first = NULL;
        for (int i = -1; i < ROWS; i++) {
            toy data;
            heads_case c;
            toy_make(&data, ROWS, TOY_QUANTITY, 1);
            if (i >= 0) { /* two rows change so that the spread of all residuals stays the same */
                data.label[i] = -data.label[i];
            }
            heads_case_train(&c, data,
                             seed == 0 ? "objective=regression units=1 boost_from_average=false "
                                         "subsample=0.3 step_length=one"
                                       : "objective=regression units=1 boost_from_average=false "
                                         "subsample=0.3 step_length=one seed=5",
                             false);
            ASSERT_C_OK(c.status);
            float *raw = heads_case_raw(&c, 0);
            if (i < 0) {
                first = raw;
            } else {
                is_drawn[seed][i] = memcmp(first, raw, ROWS * sizeof *raw) != 0;
                n_drawn[seed] += is_drawn[seed][i];
                free(raw);
            }
            heads_case_close(&c);
        }
        free(first);
        EXPECT_C_EQ_INT(n_drawn[seed], 7); /* floor(0.3 x 24) */
    }
    for (int i = 0; i < ROWS; i++) {
        n_both += is_drawn[0][i] && is_drawn[1][i];
    }
    EXPECT_C_TRUE(n_both < 7);
}

/* ---- Validation ------------------------------------------------------------------------------ */

TEST_C(Heads, EarlyStoppingKeepsTheBestSteps)
{
    toy data, other;
    seen s = {0};
    gbt_heads *heads = NULL;
    int64_t n_steps = 0, best = 0;
    toy_make(&data, 60, TOY_QUANTITY, 1);
    toy_make(&other, 200, TOY_QUANTITY, 2);
    gbt_params *params =
        toy_params("objective=regression units=400 learning_rate=0.5 early_stopping_rounds=8");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_dataset *valid = toy_dataset(&other, params, train, false);
    const gbt_matrix x = toy_matrix(&data), v = toy_matrix(&other);
    ASSERT_C_OK(gbt_heads_train(params, train, &x, valid, &v, look, &s, &heads));
    EXPECT_C_OK(gbt_heads_shape(heads, GBT_HEADS_STEPS, &n_steps));
    EXPECT_C_OK(gbt_heads_shape(heads, GBT_HEADS_BEST_STEP, &best));
    EXPECT_C_TRUE(s.last_round < 400); /* this small data set is overfitted soon */
    EXPECT_C_EQ_INT(s.last_round, s.best_round + 8);
    EXPECT_C_EQ_INT(best, s.best_round);
    EXPECT_C_EQ_INT(n_steps, best);
    gbt_heads_free(heads);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    toy_free(&other);
}

TEST_C(Heads, ValidFractionHoldsRowsOut)
{
    toy data;
    seen s = {0};
    gbt_heads *heads = NULL;
    toy_make(&data, 200, TOY_BINARY, 1);
    gbt_params *params = toy_params("objective=binary units=10 valid_fraction=0.25");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    const gbt_matrix x = toy_matrix(&data);
    int64_t rows = 0;
    ASSERT_C_OK(gbt_heads_train(params, train, &x, NULL, NULL, look, &s, &heads));
    EXPECT_C_EQ_TEXT(s.data, "held_out");
    EXPECT_C_TRUE(isfinite(s.value));
    EXPECT_C_OK(gbt_model_shape(gbt_heads_frame(heads), GBT_SHAPE_TRAIN_ROWS, &rows));
    EXPECT_C_EQ_INT(rows, 150);
    gbt_heads_free(heads);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

static int stop_at_three(const gbt_round_info *info, void *user)
{
    (void)user;
    return info->round == 3;
}

TEST_C(Heads, TheCallbackStopsAndTheModelSoFarIsKept)
{
    toy data;
    gbt_heads *heads = NULL;
    int64_t n = 0;
    toy_make(&data, 100, TOY_QUANTITY, 1);
    gbt_params *params = toy_params("objective=regression units=50");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    const gbt_matrix x = toy_matrix(&data);
    ASSERT_C_OK(gbt_heads_train(params, train, &x, NULL, NULL, stop_at_three, NULL, &heads));
    EXPECT_C_OK(gbt_heads_shape(heads, GBT_HEADS_STEPS, &n));
    EXPECT_C_EQ_INT(n, 3);
    gbt_heads_free(heads);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}
