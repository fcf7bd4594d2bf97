/* Several labels: each output is trained as if it were alone, on every backend and with any number
 * of threads; what a model of several outputs does from file to metric; what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 700, OUTPUTS = 3, CELLS = ROWS * OUTPUTS };

/* Rows with three labels each. */
typedef struct problem {
    toy data;
    float label[CELLS];          /* [rows x outputs] */
    float column[OUTPUTS][ROWS]; /* the same, a label after the other */
} problem;

static void open_problem(problem *p, toy_label kind)
{
    toy_make(&p->data, ROWS, kind, 11);
    for (int i = 0; i < ROWS; i++) {
        const float y = p->data.label[i], x = p->data.x[i * TOY_FEATURES + 3];
        p->column[0][i] = y;
        p->column[1][i] = kind == TOY_SHARE ? 1.0f - y : y * (x > 0.5f ? 2.0f : 0.5f);
        p->column[2][i] = kind == TOY_SHARE ? (x > 0.4f ? 1.0f : 0.25f) : 0.5f * y + 1.0f;
        for (int k = 0; k < OUTPUTS; k++) {
            p->label[i * OUTPUTS + k] = p->column[k][i];
        }
    }
}

/* All labels, or only that of one output. */
static gbt_dataset *dataset_of(const problem *p, int output)
{
    gbt_dataset *data = toy_dataset(&p->data, NULL, NULL, true);
    const bool is_one = output >= 0;
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, is_one ? p->column[output] : p->label, GBT_F32,
                                is_one ? ROWS : CELLS));
    return data;
}

static gbt_model *train_keys(const gbt_dataset *data, const char *keys)
{
    gbt_params *params = toy_params(keys);
    gbt_model *model = toy_train(params, data);
    if (!EXPECT_C_TRUE(model != NULL)) {
        FAIL_C(gbt_last_error());
    }
    gbt_params_free(params);
    return model;
}

static void expect_same_bytes(const gbt_model *a, const gbt_model *b)
{
    size_t a_size = 0, b_size = 0;
    void *a_bytes = toy_bytes(a, &a_size), *b_bytes = toy_bytes(b, &b_size);
    if (EXPECT_C_EQ_INT(a_size, b_size)) {
        EXPECT_C_EQ_BYTES(a_bytes, b_bytes, a_size);
    }
    gbt_memory_free(a_bytes);
    gbt_memory_free(b_bytes);
}

static int64_t shape_of(const gbt_model *model, gbt_shape_key key)
{
    int64_t value = -1;
    EXPECT_C_OK(gbt_model_shape(model, key, &value));
    return value;
}

static void predict(const gbt_model *model, const problem *p, gbt_predict_kind kind, float *out,
                    int64_t n)
{
    const gbt_matrix matrix = toy_matrix(&p->data);
    EXPECT_C_OK(gbt_model_predict(model, &matrix, kind, 0, 0, 0, out, n));
}

/* ---- Training -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    toy_label kind;
} objectives[] = {{"regression", TOY_QUANTITY}, {"mae", TOY_QUANTITY},
                  {"huber", TOY_QUANTITY},      {"fair", TOY_QUANTITY},
                  {"quantile", TOY_QUANTITY},   {"mape", TOY_QUANTITY},
                  {"poisson", TOY_POSITIVE},    {"gamma", TOY_POSITIVE},
                  {"tweedie", TOY_POSITIVE},    {"cross_entropy", TOY_SHARE}};

enum { N_OBJECTIVES = (int)(sizeof objectives / sizeof objectives[0]) };

/* Rounding to nearest draws nothing, so an output does not depend on its number. */
TEST_C(SeveralLabels, EachOutputIsTheModelOfItsLabelAlone)
{
    static problem p;
    static float all[CELLS], one[ROWS];
    for (int o = 0; o < N_OBJECTIVES; o++) {
        char keys[200];
        (void)snprintf(keys, sizeof keys, "objective=%s n_trees=12 gradient_rounding=nearest",
                       objectives[o].name);
        open_problem(&p, objectives[o].kind);
        gbt_dataset *data = dataset_of(&p, -1);
        gbt_model *together = train_keys(data, keys);
        double base[OUTPUTS];
        ASSERT_C_TRUE(together != NULL);
        EXPECT_C_EQ_INT(shape_of(together, GBT_SHAPE_OUTPUTS), OUTPUTS);
        EXPECT_C_EQ_INT(shape_of(together, GBT_SHAPE_TREES), 12 * OUTPUTS);
        EXPECT_C_EQ_INT(shape_of(together, GBT_SHAPE_CLASSES), 0);
        EXPECT_C_OK(gbt_model_base_score(together, base, OUTPUTS));
        for (int raw = 0; raw < 2; raw++) {
            const gbt_predict_kind kind = raw ? GBT_PREDICT_RAW : GBT_PREDICT_RESPONSE;
            predict(together, &p, kind, all, CELLS);
            for (int k = 0; k < OUTPUTS; k++) {
                gbt_dataset *own_data = dataset_of(&p, k);
                gbt_model *alone = train_keys(own_data, keys);
                double own_base = 0.0;
                ASSERT_C_TRUE(alone != NULL);
                EXPECT_C_OK(gbt_model_base_score(alone, &own_base, 1));
                EXPECT_C_TRUE(own_base == base[k]);
                EXPECT_C_TRUE(shape_of(alone, GBT_SHAPE_LEAVES) > 24); /* it learns something */
                predict(alone, &p, kind, one, ROWS);
                int n_different = 0;
                for (int i = 0; i < ROWS; i++) {
                    n_different += one[i] != all[i * OUTPUTS + k];
                }
                if (!EXPECT_C_EQ_INT(n_different, 0)) {
                    FAIL_C(keys);
                }
                gbt_model_free(alone);
                gbt_dataset_free(own_data);
            }
        }
        gbt_model_free(together);
        gbt_dataset_free(data);
        toy_free(&p.data);
    }
}

TEST_C(SeveralLabels, ThreadsAndBackendsMakeTheSameBytes)
{
    static problem p;
    for (int o = 0; o < N_OBJECTIVES; o++) {
        open_problem(&p, objectives[o].kind);
        gbt_dataset *data = dataset_of(&p, -1);
        gbt_model *first = NULL;
        for (int variant = 0; variant < 4; variant++) {
            char keys[200];
            (void)snprintf(keys, sizeof keys,
                           "objective=%s n_trees=6 subsample=0.7 colsample_bytree=0.8 device=%s "
                           "threads=%d",
                           objectives[o].name, variant == 0 ? "ref" : "cpu",
                           variant == 0 ? 1 : variant);
            gbt_model *model = train_keys(data, keys);
            ASSERT_C_TRUE(model != NULL);
            if (first) {
                expect_same_bytes(first, model);
                gbt_model_free(model);
            } else {
                first = model;
            }
        }
        gbt_model_free(first);
        gbt_dataset_free(data);
        toy_free(&p.data);
    }
}

TEST_C(SeveralLabels, AutoMeansRegression)
{
    static problem p;
    open_problem(&p, TOY_BINARY); /* labels of two values would be classes if they were alone */
    gbt_dataset *data = dataset_of(&p, -1);
    gbt_model *model = train_keys(data, "n_trees=2");
    EXPECT_C_EQ_TEXT(gbt_model_objective(model), "regression");
    EXPECT_C_EQ_TEXT(gbt_model_metric_name(model, 0), "rmse");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(model, 1), ""); /* rows from memory have no names */
    gbt_model_free(model);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(SeveralLabels, GradientsOfTheCallerTrainLikeTheBuiltInLoss)
{
    static problem p;
    static float scores[CELLS], grad[CELLS], hess[CELLS];
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = toy_dataset(&p.data, NULL, NULL, false);
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, p.label, GBT_F32, CELLS));
    gbt_params *params = toy_params("objective=regression n_trees=5 early_stopping_rounds=0");
    gbt_booster *custom = NULL;
    gbt_model *own = NULL, *built_in = toy_train(params, data);
    ASSERT_C_OK(gbt_booster_create(params, data, &custom));
    EXPECT_C_EQ_INT(gbt_booster_outputs(custom), OUTPUTS);
    for (int round = 0; round < 5; round++) {
        int stopped = 0;
        ASSERT_C_OK(gbt_booster_scores(custom, -1, scores, CELLS));
        for (int k = 0; k < OUTPUTS; k++) {
            for (int i = 0; i < ROWS; i++) {
                grad[k * ROWS + i] = scores[k * ROWS + i] - p.column[k][i];
                hess[k * ROWS + i] = 1.0f;
            }
        }
        EXPECT_C_STATUS(gbt_booster_step_custom(custom, grad, hess, ROWS, &stopped),
                        GBT_ERR_ARGUMENT);
        ASSERT_C_OK(gbt_booster_step_custom(custom, grad, hess, CELLS, &stopped));
    }
    ASSERT_C_OK(gbt_booster_finish(custom, 0, &own));
    expect_same_bytes(own, built_in);
    gbt_booster_free(custom);
    gbt_model_free(own);
    gbt_model_free(built_in);
    gbt_params_free(params);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(SeveralLabels, ContinuingEqualsTrainingThatLong)
{
    static problem p;
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1), *narrow = dataset_of(&p, 1);
    gbt_model *whole = train_keys(data, "objective=mae n_trees=8 early_stopping_rounds=0");
    gbt_model *start = train_keys(data, "objective=mae n_trees=3"), *end = NULL;
    gbt_params *params = toy_params("objective=mae n_trees=8 early_stopping_rounds=0");
    gbt_booster *booster = NULL;
    ASSERT_C_OK(gbt_booster_create(params, data, &booster));
    ASSERT_C_OK(gbt_booster_continue(booster, start));
    for (int round = 3; round < 8; round++) {
        int stopped = 0;
        ASSERT_C_OK(gbt_booster_step(booster, &stopped));
    }
    ASSERT_C_OK(gbt_booster_finish(booster, 0, &end));
    expect_same_bytes(end, whole);
    gbt_booster_free(booster);
    booster = NULL;
    ASSERT_C_OK(gbt_booster_create(params, narrow, &booster));
    EXPECT_C_STATUS(gbt_booster_continue(booster, start), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "3 outputs");
    EXPECT_C_STATUS(gbt_booster_add_valid(booster, data, "wide"), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "3 labels a row, the model (mae) has 1");
    gbt_booster_free(booster);
    gbt_params_free(params);
    gbt_model_free(whole);
    gbt_model_free(start);
    gbt_model_free(end);
    gbt_dataset_free(data);
    gbt_dataset_free(narrow);
    toy_free(&p.data);
}

TEST_C(SeveralLabels, InitScoresHaveOneColumnForEachOutput)
{
    static problem p;
    static float all[CELLS], shifted[CELLS], init[CELLS];
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1);
    const char *keys = "objective=regression n_trees=5 gradient_rounding=nearest";
    for (int i = 0; i < CELLS; i++) {
        init[i] = (float)(i % OUTPUTS) * 2.0f;
    }
    EXPECT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, init, GBT_F32, ROWS));
    gbt_params *params = toy_params(keys);
    gbt_model *model = NULL;
    EXPECT_C_TRUE(toy_train(params, data) == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "init score has 1 values a row");
    EXPECT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, init, GBT_F32, CELLS));
    model = train_keys(data, keys);
    predict(model, &p, GBT_PREDICT_RAW, all, CELLS); /* trees alone: a matrix has no init score */
    gbt_model_free(model);
    /* The squared loss sees only label - init score. */
    EXPECT_C_OK(gbt_dataset_set(data, GBT_INIT_SCORE, NULL, GBT_F32, 0));
    for (int i = 0; i < CELLS; i++) {
        shifted[i] = p.label[i] - init[i];
    }
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, shifted, GBT_F32, CELLS));
    model = train_keys(data, "objective=regression n_trees=5 gradient_rounding=nearest "
                             "boost_from_average=false");
    predict(model, &p, GBT_PREDICT_RAW, shifted, CELLS);
    for (int i = 0; i < CELLS; i++) {
        if (!EXPECT_C_NEAR((double)all[i], (double)shifted[i], 2e-3)) {
            break;
        }
    }
    gbt_model_free(model);
    gbt_params_free(params);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

/* ---- Data ------------------------------------------------------------------------------------ */

TEST_C(SeveralLabels, FieldsAndSubsetsKeepThemTogether)
{
    static problem p;
    static float back[CELLS];
    const int64_t rows[4] = {5, 3, 3, ROWS - 1};
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1), *subset = NULL;
    EXPECT_C_EQ_INT(gbt_dataset_field_size(data, GBT_LABEL), CELLS);
    EXPECT_C_OK(gbt_dataset_get(data, GBT_LABEL, back, GBT_F32, CELLS));
    EXPECT_C_EQ_BYTES(back, p.label, sizeof back);
    EXPECT_C_STATUS(gbt_dataset_get(data, GBT_LABEL, back, GBT_F32, ROWS), GBT_ERR_ARGUMENT);
    ASSERT_C_OK(gbt_dataset_subset(data, rows, 4, &subset));
    ASSERT_C_OK(gbt_dataset_get(subset, GBT_LABEL, back, GBT_F32, 4 * OUTPUTS));
    for (int i = 0; i < 4; i++) {
        EXPECT_C_EQ_BYTES(back + i * OUTPUTS, p.label + rows[i] * OUTPUTS, OUTPUTS * sizeof *back);
    }
    p.label[7 * OUTPUTS + 2] = NAN;
    EXPECT_C_STATUS(gbt_dataset_set(data, GBT_LABEL, p.label, GBT_F32, CELLS), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "label of row 7");
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_C_EQ_INT(gbt_dataset_field_size(data, GBT_LABEL), 0);
    gbt_dataset_free(subset);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(SeveralLabels, LabelsOfTheModelStandOneOutputAfterTheOther)
{
    static problem p;
    static float back[CELLS];
    open_problem(&p, TOY_POSITIVE);
    gbt_dataset *data = dataset_of(&p, -1), *narrow = dataset_of(&p, 0);
    gbt_model *model = train_keys(data, "objective=gamma n_trees=2");
    EXPECT_C_OK(gbt_model_labels(model, data, back, CELLS));
    EXPECT_C_EQ_BYTES(back, p.column, sizeof back);
    EXPECT_C_STATUS(gbt_model_labels(model, data, back, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_labels(model, narrow, back, CELLS), GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_model_labels(NULL, data, back, CELLS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_labels(model, NULL, back, CELLS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_labels(model, data, NULL, CELLS), GBT_ERR_ARGUMENT);
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_C_STATUS(gbt_model_labels(model, data, back, CELLS), GBT_ERR_DATA);
    p.label[OUTPUTS + 1] = -1.0f;
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, p.label, GBT_F32, CELLS));
    EXPECT_C_STATUS(gbt_model_labels(model, data, back, CELLS), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "the label of row 1 is -1");
    gbt_model_free(model);
    gbt_dataset_free(data);
    gbt_dataset_free(narrow);
    toy_free(&p.data);
}

TEST_C(SeveralLabels, ModelFilesKeepOutputsAndNames)
{
    static problem p;
    static float all[CELLS], again[CELLS];
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1);
    gbt_model *model = train_keys(data, "objective=huber n_trees=4"), *back = NULL;
    size_t size = 0;
    uint8_t *bytes = toy_bytes(model, &size);
    ASSERT_C_OK(gbt_model_from_bytes(bytes, size, &back));
    EXPECT_C_OK(gbt_model_verify(back));
    expect_same_bytes(model, back);
    EXPECT_C_EQ_INT(shape_of(back, GBT_SHAPE_OUTPUTS), OUTPUTS);
    predict(model, &p, GBT_PREDICT_RAW, all, CELLS);
    predict(back, &p, GBT_PREDICT_RAW, again, CELLS);
    EXPECT_C_EQ_BYTES(all, again, sizeof all);
    gbt_memory_free(bytes);
    gbt_model_free(model);
    gbt_model_free(back);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

TEST_C(SeveralLabels, ClassificationsAndRankMetricsRefuseThem)
{
    static const struct {
        const char *keys, *says;
    } cases[] = {
        {"objective=binary", "objective=binary takes one label, found 3 a row"},
        {"objective=multiclass", "objective=multiclass takes one label, found 3 a row"},
        {"objective=multiclassova", "objective=multiclassova takes one label, found 3 a row"},
        {"objective=regression metric=auc", "metric auc needs one output, there are 3 labels"},
        {"objective=cross_entropy metric=aucpr", "metric aucpr needs one output"},
        {"objective=regression metric=multi_error",
         "metric multi_error needs objective multiclass"},
        {"objective=regression num_class=3", "num_class has no effect"}};
    static problem p;
    open_problem(&p, TOY_SHARE);
    gbt_dataset *data = dataset_of(&p, -1);
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
        gbt_params *params = toy_params(cases[i].keys);
        gbt_model *model = NULL;
        EXPECT_C_STATUS(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model), GBT_ERR_PARAM);
        EXPECT_C_TRUE(model == NULL);
        EXPECT_C_HAS_TEXT(gbt_last_error(), cases[i].says);
        gbt_params_free(params);
    }
    gbt_dataset_free(data);
    toy_free(&p.data);
}

/* ---- Metrics and evaluation ------------------------------------------------------------------ */

/* Weighted mean over rows and outputs of the squared error. */
static double mean_square(const problem *p, const float *scores, bool weighted)
{
    double sum = 0.0, weights = 0.0;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < OUTPUTS; k++) {
            const double d = (double)scores[k * ROWS + i] - (double)p->column[k][i];
            const double w = weighted ? (double)p->data.weight[i] : 1.0;
            sum += w * d * d;
            weights += w;
        }
    }
    return sum / weights;
}

TEST_C(ModelMetric, IsTheMeanOverRowsAndOutputs)
{
    static problem p;
    static float scores[CELLS];
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1);
    gbt_model *model = train_keys(data, "objective=regression n_trees=3 metric=mae,rmse");
    for (int i = 0; i < CELLS; i++) {
        scores[i] = p.column[0][i % ROWS] + (float)(i % 5);
    }
    for (int weighted = 0; weighted < 2; weighted++) {
        const double want = mean_square(&p, scores, weighted != 0);
        for (int threads = 1; threads < 4; threads++) {
            double value = 0.0;
            ASSERT_C_OK(gbt_model_metric(model, "rmse", scores, p.column[0],
                                         weighted ? p.data.weight : NULL, ROWS, threads, &value));
            EXPECT_C_NEAR(value, sqrt(want), 1e-9 * want);
            ASSERT_C_OK(gbt_model_metric(model, "l2", scores, p.column[0],
                                         weighted ? p.data.weight : NULL, ROWS, threads, &value));
            EXPECT_C_NEAR(value, want, 1e-9 * want);
        }
    }
    EXPECT_C_EQ_TEXT(gbt_model_metric_name(model, 0), "mae");
    EXPECT_C_EQ_TEXT(gbt_model_metric_name(model, 1), "rmse");
    EXPECT_C_TRUE(gbt_model_metric_name(model, 2) == NULL);
    EXPECT_C_TRUE(gbt_model_metric_name(model, -1) == NULL);
    EXPECT_C_TRUE(gbt_model_metric_name(NULL, 0) == NULL);
    gbt_model_free(model);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(ModelMetric, ComparesByTheMetric)
{
    static problem p;
    open_problem(&p, TOY_BINARY);
    gbt_dataset *data = dataset_of(&p, 0);
    gbt_model *model = train_keys(data, "objective=binary n_trees=2");
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "auc", 0.8, 0.7), 1);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "auc", 0.7, 0.8), 0);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "logloss", 0.7, 0.8), 1);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "logloss", 0.7, 0.7), 0);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, NULL, 0.7, 0.8), 1); /* its own: logloss */
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "logloss", 0.7, (double)NAN), 1);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(model, "nonsense", 0.7, 0.8), 0);
    EXPECT_C_EQ_INT(gbt_model_metric_is_better(NULL, "auc", 0.8, 0.7), 0);
    gbt_model_free(model);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(ModelMetric, WrongArgumentsAreRefused)
{
    static problem p;
    static float scores[ROWS];
    open_problem(&p, TOY_BINARY);
    gbt_dataset *data = dataset_of(&p, 0);
    gbt_model *model = train_keys(data, "objective=binary n_trees=2");
    const float *label = p.column[0];
    double out = 7.0;
#define METRIC(m, name, s, l, n, threads, to) gbt_model_metric(m, name, s, l, NULL, n, threads, to)
    EXPECT_C_STATUS(METRIC(NULL, "auc", scores, label, ROWS, 1, &out), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "auc", NULL, label, ROWS, 1, &out), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "auc", scores, NULL, ROWS, 1, &out), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "auc", scores, label, 0, 1, &out), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "auc", scores, label, ROWS, -1, &out), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "auc", scores, label, ROWS, 1, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(METRIC(model, "nonsense", scores, label, ROWS, 1, &out), GBT_ERR_PARAM);
    EXPECT_C_STATUS(METRIC(model, "multi_error", scores, label, ROWS, 1, &out), GBT_ERR_PARAM);
    p.column[0][3] = 0.5f;
    EXPECT_C_STATUS(METRIC(model, "auc", scores, label, ROWS, 1, &out), GBT_ERR_DATA);
    EXPECT_C_TRUE(out == 7.0);
    p.column[0][3] = 1.0f;
    EXPECT_C_OK(METRIC(model, NULL, scores, label, ROWS, 1, &out));
    EXPECT_C_NEAR(out, log(2.0), 1e-6); /* all scores 0 */
#undef METRIC
    gbt_model_free(model);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

TEST_C(ModelObjective, IsThatOfTheModelAndOutlivesIt)
{
    static problem p;
    static float scores[CELLS], grad[CELLS], hess[CELLS];
    open_problem(&p, TOY_QUANTITY);
    gbt_dataset *data = dataset_of(&p, -1);
    gbt_model *model = train_keys(data, "objective=huber huber_delta=2 n_trees=2");
    gbt_objective *objective = NULL;
    EXPECT_C_STATUS(gbt_objective_of_model(NULL, &objective), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_of_model(model, NULL), GBT_ERR_ARGUMENT);
    ASSERT_C_OK(gbt_objective_of_model(model, &objective));
    gbt_model_free(model);
    EXPECT_C_EQ_INT(gbt_objective_outputs(objective), OUTPUTS);
    for (int i = 0; i < CELLS; i++) {
        scores[i] = (float)(i % 9) - 4.0f;
    }
    ASSERT_C_OK(gbt_objective_gradients(objective, scores, p.column[0], NULL, ROWS, grad, hess));
    for (int i = 0; i < CELLS; i++) {
        const float d = scores[i] - p.column[i / ROWS][i % ROWS];
        if (!EXPECT_C_TRUE(grad[i] == (d > 2.0f    ? 2.0f
                                       : d < -2.0f ? -2.0f
                                                   : d) &&
                           hess[i] == 1.0f)) {
            break;
        }
    }
    gbt_objective_free(objective);
    gbt_dataset_free(data);
    toy_free(&p.data);
}

/* ---- Files ----------------------------------------------------------------------------------- */

enum { FILE_ROWS = 60 };

static bool write_table(const temp_dir *folder, char path[TEMP_DIR_PATH])
{
    static char text[FILE_ROWS * 64];
    size_t used = (size_t)snprintf(text, sizeof text, "a,x,b,y,w\n");
    for (int i = 0; i < FILE_ROWS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d,%d,%d,%d\n", i % 7,
                                 i * 13 % 50, (i * 13 % 50) / 5, i % 11, 1 + i % 3);
    }
    return temp_dir_write(folder, "t.csv", text, used, path);
}

TEST_C(EvaluateScores, GivesWhatTheModelsOwnScoresGive)
{
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder) && write_table(&folder, path));
    gbt_params *params = toy_params("label=b,a weight=w n_trees=3 min_child_samples=5");
    gbt_dataset *data = NULL;
    gbt_table *table = NULL, *other = NULL;
    static float scores[FILE_ROWS * 2];
    gbt_metric_result own[3], given[3];
    int n = 0;
    ASSERT_C_OK(gbt_dataset_from_file(params, path, NULL, &data));
    gbt_model *model = toy_train(params, data);
    ASSERT_C_TRUE(model != NULL);
    EXPECT_C_EQ_TEXT(gbt_model_column(model, GBT_ROLE_LABEL), "b,a");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(model, 0), "b");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(model, 1), "a");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(model, 2), "");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(model, -1), "");
    EXPECT_C_EQ_TEXT(gbt_model_output_name(NULL, 0), "");
    gbt_params *bare = toy_params("");
    ASSERT_C_OK(gbt_table_read(bare, path, model, &table)); /* roles as the model remembers */
    ASSERT_C_OK(
        gbt_model_predict_table(model, table, GBT_PREDICT_RAW, 0, 0, 0, scores, FILE_ROWS * 2));
    ASSERT_C_OK(gbt_model_evaluate(model, table, "rmse,mae", 20, 0, own, 3, &n));
    EXPECT_C_EQ_INT(n, 2);
    ASSERT_C_OK(gbt_model_evaluate_scores(model, table, scores, "rmse,mae", 20, 0, given, 3, &n));
    EXPECT_C_EQ_INT(n, 2);
    for (int m = 0; m < 2; m++) {
        EXPECT_C_EQ_TEXT(own[m].name, given[m].name);
        EXPECT_C_TRUE(own[m].value == given[m].value && own[m].low == given[m].low &&
                      own[m].high == given[m].high && own[m].low < own[m].high);
    }
    double sum = 0.0, weights = 0.0;
    for (int i = 0; i < FILE_ROWS; i++) {
        const double w = 1 + i % 3;
        sum += w * (fabs((double)scores[2 * i] - (i * 13 % 50) / 5) +
                    fabs((double)scores[2 * i + 1] - i % 7));
        weights += 2.0 * w;
    }
    EXPECT_C_NEAR(given[1].value, sum / weights, 1e-6);
    EXPECT_C_STATUS(gbt_model_evaluate_scores(model, table, NULL, "rmse", 0, 0, given, 3, &n),
                    GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_evaluate_scores(NULL, table, scores, "rmse", 0, 0, given, 3, &n),
                    GBT_ERR_ARGUMENT);
    gbt_params *narrow = toy_params("label=a");
    ASSERT_C_OK(gbt_table_read(narrow, path, model, &other));
    EXPECT_C_STATUS(gbt_model_evaluate(model, other, NULL, 0, 0, own, 3, &n), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "1 label a row, the model (regression) has 2");
    gbt_params_free(params);
    gbt_params_free(bare);
    gbt_params_free(narrow);
    gbt_table_free(table);
    gbt_table_free(other);
    gbt_dataset_free(data);
    gbt_model_free(model);
    temp_dir_close(&folder);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static char table_path[TEMP_DIR_PATH];

static gbt_status whole_session(void)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *data = NULL;
    gbt_model *model = NULL, *back = NULL;
    gbt_table *table = NULL;
    gbt_objective *objective = NULL;
    void *bytes = NULL;
    size_t size = 0;
    static float scores[FILE_ROWS * 2], label[FILE_ROWS * 2];
    gbt_metric_result result[2];
    int n = 0;
    double value = 0.0;
#define STEP(call)              \
    do {                        \
        status = (call);        \
        if (status != GBT_OK) { \
            goto done;          \
        }                       \
    } while (0)
    STEP(gbt_params_create(&params));
    STEP(gbt_params_set(params, "label", "a,b"));
    STEP(gbt_params_set(params, "objective", "mae"));
    STEP(gbt_params_set(params, "n_trees", "2"));
    STEP(gbt_params_set(params, "threads", "1"));
    STEP(gbt_params_set(params, "min_child_samples", "5"));
    STEP(gbt_dataset_from_file(params, table_path, NULL, &data));
    STEP(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model));
    STEP(gbt_model_to_bytes(model, &bytes, &size));
    STEP(gbt_model_from_bytes(bytes, size, &back));
    STEP(gbt_table_read(params, table_path, back, &table));
    STEP(gbt_model_labels(back, data, label, FILE_ROWS * 2));
    STEP(gbt_model_evaluate_scores(back, table, scores, NULL, 3, 1, result, 2, &n));
    STEP(gbt_model_evaluate(back, table, NULL, 3, 1, result, 2, &n));
    STEP(gbt_model_metric(back, "mae", scores, label, NULL, FILE_ROWS, 1, &value));
    STEP(gbt_objective_of_model(back, &objective));
#undef STEP
done:
    gbt_params_free(params);
    gbt_dataset_free(data);
    gbt_model_free(model);
    gbt_model_free(back);
    gbt_table_free(table);
    gbt_objective_free(objective);
    gbt_memory_free(bytes);
    return status;
}

TEST_C(SeveralLabels, EveryFailedAllocationIsReportedAndLeavesNothingBehind)
{
    temp_dir folder;
    ASSERT_C_TRUE(temp_dir_open(&folder) && write_table(&folder, table_path));
    int64_t n = 1;
    for (; n < 20000; n++) {
        fail_alloc_install(n);
        const gbt_status status = whole_session();
        const bool was_refused = fail_alloc_refused();
        const int64_t n_live = fail_alloc_live();
        fail_alloc_remove();
        if (!EXPECT_C_TRUE(status == (was_refused ? GBT_ERR_MEMORY : GBT_OK)) ||
            !EXPECT_C_EQ_INT(n_live, 0)) {
            printf("allocation %lld: %s\n", (long long)n, gbt_last_error());
            break;
        }
        if (!was_refused) {
            break;
        }
    }
    EXPECT_C_TRUE(n > 100 && n < 20000);
    temp_dir_close(&folder);
}
