/* objective.c, loss_loops.c, base_score.c and weighted_quantile.c against one-row calls, perturbed
 * constants and brute force. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/loss/objective.h"
#include "tests/support/gtest_c.h"

enum { N_CLASSES = 4, N_NAMES = 13 };

static const char *const names[N_NAMES] = {
    "regression", "mae",     "huber",  "fair",          "quantile",   "mape",         "poisson",
    "gamma",      "tweedie", "binary", "cross_entropy", "multiclass", "multiclassova"};

/* An objective by name, with settings like "quantile=0.9" (NULL at the end). */
static gbt_objective objective_of(const char *name, const char *key, const char *value)
{
    gbt_objective made;
    memset(&made, 0, sizeof made);
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    EXPECT_C_OK(gbt_params_set(params, "objective", name));
    if (strncmp(name, "multiclass", 10) == 0) {
        EXPECT_C_OK(gbt_params_set(params, "num_class", "4"));
    }
    if (key != NULL) {
        EXPECT_C_OK(gbt_params_set(params, key, value));
    }
    EXPECT_C_OK(gbt_objective_init(params, &made));
    gbt_params_free(params);
    return made;
}

static float draw(uint64_t seed, int64_t i)
{
    return (float)gbt_rng_unit(gbt_rng_mix(seed), (uint64_t)i);
}

/* A label inside the domain of the objective. */
static float label_of(const gbt_objective *o, int64_t i)
{
    float u = draw(1, i);
    switch (o->loss.kind) {
    case GBT_LOSS_POISSON:
    case GBT_LOSS_TWEEDIE:
        return u < 0.3f ? 0.0f : floorf(10.0f * u);
    case GBT_LOSS_GAMMA:
        return 0.1f + 5.0f * u * u;
    case GBT_LOSS_LOGISTIC:
        return u < 0.3f ? 1.0f : 0.0f;
    case GBT_LOSS_CROSS_ENTROPY:
        return u;
    case GBT_LOSS_SOFTMAX:
    case GBT_LOSS_ONE_VS_ALL:
        return floorf(u * u * (float)N_CLASSES);
    default:
        return 20.0f * u * u - 5.0f;
    }
}

typedef struct rows {
    float *scores; /* [N_CLASSES x n] */
    float *label;  /* [n] */
    float *weight; /* [n] */
    int64_t n;
} rows;

static rows rows_for(const gbt_objective *o, int64_t n)
{
    rows r = {malloc((size_t)(N_CLASSES * n) * sizeof(float)), malloc((size_t)n * sizeof(float)),
              malloc((size_t)n * sizeof(float)), n};
    for (int64_t i = 0; i < N_CLASSES * n; i++) {
        r.scores[i] = 12.0f * draw(2, i) - 6.0f;
    }
    for (int64_t i = 0; i < n; i++) {
        r.label[i] = label_of(o, i);
        r.weight[i] = i % 7 == 0 ? 0.0f : 0.25f + draw(3, i);
    }
    return r;
}

static void rows_free(rows r)
{
    free(r.scores);
    free(r.label);
    free(r.weight);
}

/* ---- Construction ---------------------------------------------------------------------------- */

TEST_C(Objective, EveryNameMakesItsObjective)
{
    for (int i = 0; i < N_NAMES; i++) {
        gbt_objective o = objective_of(names[i], NULL, NULL);
        bool has_classes = i >= 11;
        EXPECT_C_EQ_TEXT(o.name, names[i]);
        EXPECT_C_EQ_INT(o.loss.kind, i);
        EXPECT_C_EQ_INT(o.n_outputs, has_classes ? N_CLASSES : 1);
        EXPECT_C_EQ_INT(o.n_classes, has_classes ? N_CLASSES : (i == 9 ? 2 : 0));
        EXPECT_C_TRUE(o.default_metric != NULL && o.default_metric[0] != '\0');
    }
}

TEST_C(Objective, ParametersReachTheLoss)
{
    EXPECT_C_TRUE(objective_of("quantile", "quantile", "0.9").loss.shape == 0.9f);
    EXPECT_C_TRUE(objective_of("quantile", "quantile", "0.9").renew_level == 0.9);
    EXPECT_C_TRUE(objective_of("huber", "huber_delta", "2.5").loss.shape == 2.5f);
    EXPECT_C_TRUE(objective_of("fair", "fair_c", "3").loss.shape == 3.0f);
    EXPECT_C_TRUE(objective_of("tweedie", "tweedie_power", "1.25").loss.shape == 1.25f);
    EXPECT_C_TRUE(objective_of("poisson", "poisson_max_delta", "0.5").loss.shape == 0.5f);
    EXPECT_C_TRUE(objective_of("binary", "scale_pos_weight", "7").loss.positive_weight == 7.0f);
    EXPECT_C_TRUE(objective_of("mae", "quantile", "0.9").quantile == 0.9f);
    EXPECT_C_TRUE(objective_of("mae", "quantile", "0.9").renew_level == 0.5);
}

TEST_C(Objective, ConstantHessiansAreOneForEveryRow)
{
    static const char *const constant[] = {"regression", "mae", "huber", "quantile", "mape"};
    for (size_t i = 0; i < sizeof constant / sizeof constant[0]; i++) {
        gbt_objective o = objective_of(constant[i], NULL, NULL);
        rows r = rows_for(&o, 100);
        float grad[100];
        float hess[100];
        gbt_objective_gpairs(&o, r.scores, r.label, NULL, 100, 0, 100, grad, hess);
        for (int j = 0; j < 100; j++) {
            EXPECT_C_TRUE(hess[j] == 1.0f);
        }
        rows_free(r);
    }
}

TEST_C(Objective, UnresolvedParametersAreRefused)
{
    gbt_params *params = NULL;
    gbt_objective o;
    ASSERT_C_OK(gbt_params_create(&params));
    EXPECT_C_STATUS(gbt_objective_init(params, &o), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "objective is auto");
    EXPECT_C_OK(gbt_params_set(params, "objective", "multiclass"));
    EXPECT_C_STATUS(gbt_objective_init(params, &o), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "num_class");
    EXPECT_C_OK(gbt_params_set(params, "objective", "binary"));
    EXPECT_C_OK(gbt_params_set(params, "num_class", "3"));
    EXPECT_C_STATUS(gbt_objective_init(params, &o), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "multiclass");
    gbt_params_free(params);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

TEST_C(Objective, LabelsOfItsDomainPassAndOthersAreNamedByRow)
{
    static const struct {
        const char *name;
        float good[3], bad[3];
        const char *says;
    } domain[] = {
        {"regression", {-3e38f, 0.0f, 2.5f}, {NAN, INFINITY, -INFINITY}, "finite labels"},
        {"poisson", {0.0f, 0.5f, 9.0f}, {-1.0f, NAN, INFINITY}, "labels of 0 or more"},
        {"tweedie", {0.0f, 0.5f, 9.0f}, {-0.01f, NAN, INFINITY}, "labels of 0 or more"},
        {"gamma", {1e-30f, 0.5f, 9.0f}, {0.0f, -1.0f, NAN}, "labels above 0"},
        {"cross_entropy", {0.0f, 0.3f, 1.0f}, {-0.1f, 1.1f, NAN}, "labels from 0 to 1"},
        {"binary", {0.0f, 1.0f, 1.0f}, {2.0f, 0.5f, -1.0f}, "class numbers 0 to 1"},
        {"multiclass", {0.0f, 3.0f, 1.0f}, {4.0f, 1.5f, NAN}, "class numbers 0 to 3"},
    };
    for (int i = 0; i < (int)(sizeof domain / sizeof domain[0]); i++) {
        gbt_objective o = objective_of(domain[i].name, NULL, NULL);
        EXPECT_C_OK(gbt_objective_check_labels(&o, domain[i].good, 3));
        for (int j = 0; j < 3; j++) {
            const float label[2] = {domain[i].good[0], domain[i].bad[j]};
            EXPECT_C_STATUS(gbt_objective_check_labels(&o, label, 2), GBT_ERR_DATA);
            EXPECT_C_HAS_TEXT(gbt_last_error(), "row 1 ");
            EXPECT_C_HAS_TEXT(gbt_last_error(), domain[i].says);
            EXPECT_C_HAS_TEXT(gbt_last_error(), domain[i].name);
        }
    }
}

/* ---- Loops over rows ------------------------------------------------------------------------- */

/* What one row must get, by the inline functions of loss.h. */
static void one_row(const gbt_objective *o, const rows *r, const float *weight, int64_t i,
                    float *grad, float *hess)
{
    float w = weight == NULL ? 1.0f : weight[i];
    if (o->loss.kind == GBT_LOSS_SOFTMAX) {
        float g[N_CLASSES];
        float h[N_CLASSES];
        float s[N_CLASSES];
        for (int k = 0; k < N_CLASSES; k++) {
            s[k] = r->scores[k * r->n + i];
        }
        gbt_softmax_row_gpairs(s, 1, N_CLASSES, r->label[i], w, g, h);
        for (int k = 0; k < N_CLASSES; k++) {
            grad[k * r->n + i] = g[k];
            hess[k * r->n + i] = h[k];
        }
        return;
    }
    for (int k = 0; k < o->n_outputs; k++) {
        float y =
            o->loss.kind == GBT_LOSS_ONE_VS_ALL ? (float)(r->label[i] == (float)k) : r->label[i];
        gbt_gpair pair = gbt_loss_gpair(&o->loss, r->scores[k * r->n + i], y);
        grad[k * r->n + i] = pair.grad * w;
        hess[k * r->n + i] = pair.hess * w;
    }
}

TEST_C(Objective, LoopsGiveTheBitsOfScalarCallsAndTouchNoOtherRow)
{
    enum { N = 1003, FIRST = 5, LAST = 998 };
    for (int i = 0; i < 2 * N_NAMES; i++) {
        gbt_objective o = objective_of(names[i / 2], NULL, NULL);
        o.loss.positive_weight = 2.5f;
        rows r = rows_for(&o, N);
        r.scores[FIRST + 1] = 1e30f;
        r.scores[FIRST + 2] = -1e30f;
        size_t bytes = (size_t)(o.n_outputs * N) * sizeof(float);
        float *memory = calloc(4, bytes);
        float *grad = memory;
        float *hess = memory + o.n_outputs * N;
        float *want_grad = memory + 2 * o.n_outputs * N;
        float *want_hess = memory + 3 * o.n_outputs * N;
        const float *weight = i % 2 == 0 ? NULL : r.weight;
        gbt_objective_gpairs(&o, r.scores, r.label, weight, N, FIRST, LAST, grad, hess);
        for (int64_t row = FIRST; row < LAST; row++) {
            one_row(&o, &r, weight, row, want_grad, want_hess);
        }
        EXPECT_C_EQ_BYTES(grad, want_grad, bytes);
        EXPECT_C_EQ_BYTES(hess, want_hess, bytes);
        free(memory);
        rows_free(r);
    }
}

TEST_C(Objective, LinkOfARowIsTheLinkOfItsLoss)
{
    const float raw[N_CLASSES] = {-1.0f, 0.5f, 2.0f, 0.0f};
    for (int i = 0; i < N_NAMES; i++) {
        gbt_objective o = objective_of(names[i], NULL, NULL);
        float want[N_CLASSES];
        float out[N_CLASSES];
        memcpy(out, raw, sizeof raw);
        gbt_objective_link(&o, out, out);
        gbt_softmax_link(raw, 1, N_CLASSES, want, 1);
        for (int k = 0; k < o.n_outputs; k++) {
            if (o.loss.kind != GBT_LOSS_SOFTMAX) {
                want[k] = gbt_loss_link(o.loss.kind, raw[k]);
            }
        }
        EXPECT_C_EQ_BYTES(out, want, (size_t)o.n_outputs * sizeof(float));
    }
}

TEST_C(Objective, OnlyMapeRenewsWithWeights)
{
    gbt_objective mape = objective_of("mape", NULL, NULL);
    gbt_objective mae = objective_of("mae", NULL, NULL);
    EXPECT_C_TRUE(gbt_objective_renew_weight(&mape, -4.0f) == 0.25f);
    EXPECT_C_TRUE(gbt_objective_renew_weight(&mape, 0.5f) == 1.0f);
    EXPECT_C_TRUE(gbt_objective_renew_weight(&mae, -4.0f) == 1.0f);
}

/* ---- Base score ------------------------------------------------------------------------------ */

/* Weighted mean loss of constant scores. */
static double value_at(const gbt_objective *o, const rows *r, const float *weight, const double *at)
{
    float *scores = malloc((size_t)(o->n_outputs * r->n) * sizeof(float));
    for (int k = 0; k < o->n_outputs; k++) {
        for (int64_t i = 0; i < r->n; i++) {
            scores[k * r->n + i] = (float)at[k];
        }
    }
    double value = (double)NAN;
    EXPECT_C_OK(gbt_objective_value(o, scores, r->label, weight, r->n, &value));
    free(scores);
    return value;
}

TEST_C(Objective, NoConstantNearTheBaseScoreIsBetter)
{
    for (int i = 0; i < 2 * N_NAMES; i++) {
        gbt_objective o = objective_of(names[i / 2], NULL, NULL);
        if (o.loss.kind == GBT_LOSS_LOGISTIC || o.loss.kind == GBT_LOSS_ONE_VS_ALL) {
            o.loss.positive_weight = 3.0f;
        }
        rows r = rows_for(&o, 501);
        const float *weight = i % 2 == 0 ? NULL : r.weight;
        double base[N_CLASSES];
        EXPECT_C_OK(gbt_objective_base_score(&o, r.label, weight, r.n, 1, base));
        double best = value_at(&o, &r, weight, base);
        for (int k = 0; k < o.n_outputs; k++) {
            for (int side = -1; side <= 1; side += 2) {
                for (double step = 0.02; step < 2.0; step *= 3.0) {
                    double moved[N_CLASSES];
                    memcpy(moved, base, sizeof base);
                    moved[k] += side * step;
                    EXPECT_C_TRUE(value_at(&o, &r, weight, moved) >=
                                  best - 1e-7 * (1.0 + fabs(best)));
                }
            }
        }
        rows_free(r);
    }
}

TEST_C(Objective, SmoothLossesHaveNoGradientAtTheBaseScore)
{
    static const char *const smooth[] = {
        "regression", "huber",         "fair",       "poisson", "gamma",
        "tweedie",    "cross_entropy", "multiclass", "binary",  "multiclassova"};
    for (int i = 0; i < 10; i++) {
        gbt_objective o = objective_of(smooth[i], NULL, NULL);
        rows r = rows_for(&o, 777);
        double base[N_CLASSES];
        double sum[N_CLASSES] = {0.0};
        double size = 0.0;
        float grad[N_CLASSES * 777];
        float hess[N_CLASSES * 777];
        EXPECT_C_OK(gbt_objective_base_score(&o, r.label, r.weight, r.n, 1, base));
        for (int64_t j = 0; j < o.n_outputs * r.n; j++) {
            r.scores[j] = (float)base[j / r.n];
        }
        gbt_objective_gpairs(&o, r.scores, r.label, r.weight, r.n, 0, r.n, grad, hess);
        for (int64_t j = 0; j < o.n_outputs * r.n; j++) {
            sum[j / r.n] += (double)grad[j];
            size += fabs((double)grad[j]);
        }
        for (int k = 0; k < o.n_outputs; k++) {
            EXPECT_C_NEAR(sum[k], 0.0, 1e-6 * size);
        }
        rows_free(r);
    }
}

TEST_C(Objective, BaseScoresOfSmallSetsAreTheTextbookOnes)
{
    const float label[4] = {1, 2, 3, 10};
    const float weight[4] = {1, 1, 1, 5};
    const float binary[4] = {1, 0, 0, 0};
    const float classes[4] = {0, 1, 1, 3};
    double out[N_CLASSES];
    gbt_objective o = objective_of("regression", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, NULL, 4, 1, out));
    EXPECT_C_NEAR(out[0], 4.0, 0.0);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, weight, 4, 1, out));
    EXPECT_C_NEAR(out[0], 7.0, 0.0);
    o = objective_of("mae", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, NULL, 4, 1, out));
    EXPECT_C_NEAR(out[0], 2.5, 0.0);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, weight, 4, 1, out));
    EXPECT_C_NEAR(out[0], 10.0, 0.0);
    o = objective_of("gamma", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, NULL, 4, 1, out));
    EXPECT_C_NEAR(out[0], log(4.0), 1e-15);
    o = objective_of("binary", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, binary, NULL, 4, 1, out));
    EXPECT_C_NEAR(out[0], log(1.0 / 3.0), 1e-15);
    o = objective_of("multiclass", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, classes, NULL, 4, 1, out));
    EXPECT_C_NEAR(out[0], log(0.25), 1e-15);
    EXPECT_C_NEAR(out[1], log(0.5), 1e-15);
    EXPECT_C_NEAR(out[2], log(1e-15), 1e-13);
}

TEST_C(Objective, OneSidedLabelsStopAtTheClip)
{
    const float zeros[3] = {0, 0, 0};
    const float ones[3] = {1, 1, 1};
    double out[N_CLASSES];
    for (int i = 0; i < 2; i++) {
        gbt_objective o = objective_of(i == 0 ? "binary" : "cross_entropy", NULL, NULL);
        EXPECT_C_OK(gbt_objective_base_score(&o, zeros, NULL, 3, 1, out));
        EXPECT_C_NEAR(out[0], log(1e-15), 1e-6);
        EXPECT_C_OK(gbt_objective_base_score(&o, ones, NULL, 3, 1, out));
        EXPECT_C_NEAR(out[0], -log(1e-15), 0.2);
    }
    gbt_objective counts = objective_of("poisson", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&counts, zeros, NULL, 3, 1, out));
    EXPECT_C_NEAR(out[0], log(1e-15), 1e-6);
}

TEST_C(Objective, HuberConstantSurvivesOutliersAndOneValue)
{
    float label[1000];
    double out = 0.0;
    for (int i = 0; i < 1000; i++) {
        label[i] = i == 0 ? 1e20f : (float)(i % 10);
    }
    gbt_objective o = objective_of("huber", NULL, NULL);
    EXPECT_C_OK(gbt_objective_base_score(&o, label, NULL, 1000, 1, &out));
    EXPECT_C_NEAR(out, 4.5, 0.05);
    for (int i = 0; i < 1000; i++) {
        label[i] = 3.25f;
    }
    EXPECT_C_OK(gbt_objective_base_score(&o, label, NULL, 1000, 1, &out));
    EXPECT_C_TRUE(out == 3.25);
}

TEST_C(Objective, BaseScoreDoesNotDependOnThreads)
{
    for (int i = 0; i < N_NAMES; i++) {
        gbt_objective o = objective_of(names[i], NULL, NULL);
        rows r = rows_for(&o, 50000);
        double one[N_CLASSES] = {0.0};
        double many[N_CLASSES] = {0.0};
        EXPECT_C_OK(gbt_objective_base_score(&o, r.label, r.weight, r.n, 1, one));
        for (int threads = 2; threads <= 8; threads += 3) {
            EXPECT_C_OK(gbt_objective_base_score(&o, r.label, r.weight, r.n, threads, many));
            EXPECT_C_EQ_BYTES(one, many, sizeof one);
        }
        rows_free(r);
    }
}

/* ---- Weighted quantile ----------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The definition; weights are small whole numbers, so the sums are exact. */
static double quantile_reference(const float *value, const float *weight, int n, double level)
{
    float sorted[64];
    double total = 0.0;
    memcpy(sorted, value, (size_t)n * sizeof(float));
    qsort(sorted, (size_t)n, sizeof(float), by_value);
    for (int i = 0; i < n; i++) {
        total += weight == NULL ? 1.0 : (double)weight[i];
    }
    if (total == 0.0) {
        return quantile_reference(value, NULL, n, level);
    }
    for (int i = 0; i < n; i++) {
        double reached = 0.0;
        double next = HUGE_VAL;
        for (int j = 0; j < n; j++) {
            double w = weight == NULL ? 1.0 : (double)weight[j];
            reached += value[j] <= sorted[i] ? w : 0.0;
            next = value[j] > sorted[i] && w > 0.0 ? fmin(next, (double)value[j]) : next;
        }
        if (reached == level * total && next < HUGE_VAL) {
            return 0.5 * ((double)sorted[i] + next);
        }
        if (reached >= level * total) {
            return (double)sorted[i];
        }
    }
    return (double)NAN;
}

TEST_C(WeightedQuantile, IsTheDefinitionOnSmallSetsWithTiesAndZeroWeights)
{
    static const double levels[] = {0.01, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 0.999};
    for (int round = 0; round < 3000; round++) {
        int n = 1 + (int)(gbt_rng_u64(11, (uint64_t)round) % 40);
        int n_values = 1 + (int)(gbt_rng_u64(12, (uint64_t)round) % 50);
        float value[64];
        float weight[64];
        for (int i = 0; i < n; i++) {
            value[i] = floorf(draw(13, 64 * round + i) * (float)n_values) - 7.0f;
            weight[i] = floorf(draw(14, 64 * round + i) * 4.0f);
        }
        double level = levels[round % 8];
        float *used = round % 3 == 0 ? NULL : weight;
        double want = quantile_reference(value, used, n, level);
        double got = gbt_weighted_quantile(value, used, n, level);
        EXPECT_C_TRUE(got == want);
    }
}

TEST_C(WeightedQuantile, KeepsEveryRowWithItsWeight)
{
    float value[500];
    float weight[500];
    bool seen[500] = {false};
    for (int i = 0; i < 500; i++) {
        value[i] = (float)((i * 37) % 500);
        weight[i] = value[i] + 1.0f;
    }
    (void)gbt_weighted_quantile(value, weight, 500, 0.3);
    for (int i = 0; i < 500; i++) {
        EXPECT_C_TRUE(weight[i] == value[i] + 1.0f);
        EXPECT_C_FALSE(seen[(int)value[i]]);
        seen[(int)value[i]] = true;
    }
}

TEST_C(WeightedQuantile, DoesNotDependOnTheOrderOfTheRows)
{
    enum { N = 997 };
    double first = 0.0;
    for (int turn = 0; turn < 50; turn++) {
        float value[N];
        float weight[N];
        for (int i = 0; i < N; i++) {
            int row = (int)(((int64_t)i * (turn + 1) + 31 * turn) % N);
            value[i] = floorf(40.0f * draw(21, row));
            weight[i] = expf(12.0f * draw(22, row) - 6.0f);
        }
        double got = gbt_weighted_quantile(value, weight, N, 0.37);
        first = turn == 0 ? got : first;
        EXPECT_C_TRUE(got == first);
    }
}

TEST_C(WeightedQuantile, IsLinearOnSortedReversedAndEqualRows)
{
    enum { N = 400000 };
    float *value = malloc(N * sizeof(float));
    for (int order = 0; order < 4; order++) {
        for (int i = 0; i < N; i++) {
            int place[4] = {i, N - 1 - i, 7, i < N / 2 ? i : N - 1 - i};
            value[i] = (float)place[order];
        }
        double want[4] = {199999.5, 199999.5, 7.0, 99999.5};
        EXPECT_C_TRUE(gbt_weighted_quantile(value, NULL, N, 0.5) == want[order]);
    }
    free(value);
}

TEST_C(WeightedQuantile, ScalesOfWeightsDoNotMatter)
{
    for (int exponent = -140; exponent <= 120; exponent += 20) {
        float value[5] = {5, 4, 3, 2, 1};
        float weight[5] = {1, 2, 3, 2, 2};
        for (int i = 0; i < 5; i++) {
            weight[i] = ldexpf(weight[i], exponent);
        }
        EXPECT_C_TRUE(gbt_weighted_quantile(value, weight, 5, 0.5) == 3.0);
        EXPECT_C_TRUE(gbt_weighted_quantile(value, weight, 5, 0.4) == 2.5);
    }
}

TEST_C(WeightedQuantile, EndsOnNanAndOnNothing)
{
    float value[6] = {NAN, 1, NAN, 3, 2, NAN};
    float weight[6] = {1, 1, 1, 1, 1, 1};
    (void)gbt_weighted_quantile(value, weight, 6, 0.5);
    int n_nan = 0;
    for (int i = 0; i < 6; i++) {
        n_nan += isnan(value[i]) ? 1 : 0;
    }
    EXPECT_C_EQ_INT(n_nan, 3);
    EXPECT_C_TRUE(gbt_weighted_quantile(value, NULL, 0, 0.5) == 0.0);
}

/* ---- Public functions ------------------------------------------------------------------------ */

TEST_C(Objective, PublicGradientsAreTheDerivativesOfThePublicValue)
{
    for (int i = 0; i < N_NAMES; i++) {
        gbt_params *params = NULL;
        gbt_objective *o = NULL;
        ASSERT_C_OK(gbt_params_create(&params));
        EXPECT_C_OK(gbt_params_set(params, "objective", names[i]));
        if (i >= 11) {
            EXPECT_C_OK(gbt_params_set(params, "num_class", "4"));
        }
        ASSERT_C_OK(gbt_objective_create(params, &o));
        int32_t n_outputs = gbt_objective_outputs(o);
        const int64_t n = 3;
        rows r = rows_for(o, n);
        float grad[N_CLASSES * 3];
        float hess[N_CLASSES * 3];
        double total = (double)(r.weight[0] + r.weight[1] + r.weight[2]);
        EXPECT_C_OK(gbt_objective_gradients(o, r.scores, r.label, r.weight, n, grad, hess));
        for (int64_t j = 0; j < n_outputs * n; j++) {
            const float step = 0x1p-8f;
            float at = r.scores[j];
            double above = 0.0;
            double below = 0.0;
            r.scores[j] = at + step;
            EXPECT_C_OK(gbt_objective_value(o, r.scores, r.label, r.weight, n, &above));
            r.scores[j] = at - step;
            EXPECT_C_OK(gbt_objective_value(o, r.scores, r.label, r.weight, n, &below));
            r.scores[j] = at;
            double slope = total * (above - below) / (2.0 * (double)step);
            EXPECT_C_NEAR((double)grad[j], slope, 2e-3 * (1.0 + fabs(slope)));
        }
        rows_free(r);
        gbt_objective_free(o);
        gbt_params_free(params);
    }
}

TEST_C(Objective, PublicFunctionsRefuseBadArguments)
{
    gbt_params *params = NULL;
    gbt_objective *o = NULL;
    float x[2] = {0.0f, 1.0f};
    float zero[2] = {0.0f, 0.0f};
    double value = 0.0;
    ASSERT_C_OK(gbt_params_create(&params));
    EXPECT_C_STATUS(gbt_objective_create(NULL, &o), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_create(params, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_create(params, &o), GBT_ERR_PARAM);
    EXPECT_C_TRUE(o == NULL);
    EXPECT_C_OK(gbt_params_set(params, "objective", "binary"));
    ASSERT_C_OK(gbt_objective_create(params, &o));
    EXPECT_C_STATUS(gbt_objective_gradients(NULL, x, x, NULL, 2, x, x), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(o, NULL, x, NULL, 2, x, x), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(o, x, x, NULL, 2, x, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_objective_gradients(o, x, x, NULL, -1, x, x), GBT_ERR_ARGUMENT);
    x[1] = 2.0f;
    EXPECT_C_STATUS(gbt_objective_value(o, x, x, NULL, 2, &value), GBT_ERR_DATA);
    x[1] = 1.0f;
    EXPECT_C_STATUS(gbt_objective_value(o, x, x, zero, 2, &value), GBT_ERR_DATA);
    EXPECT_C_STATUS(gbt_objective_value(o, x, x, NULL, 2, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_INT(gbt_objective_outputs(o), 1);
    gbt_objective_free(o);
    gbt_objective_free(NULL);
    gbt_params_free(params);
}
