/* metric.c, metric_point.c, metric_rank.c against brute-force definitions in double and against
 * numbers of scikit-learn 1.9.1 on the twelve rows below (roc_auc_score, average_precision_score,
 * log_loss, accuracy_score, mean_squared_error, mean_absolute_error, mean_pinball_loss,
 * mean_gamma_deviance, mean_poisson_deviance, mean_tweedie_deviance; each without and with
 * weights). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/loss/metric.h"
#include "tests/support/gtest_c.h"

enum { K = 4 };

static gbt_objective objective_of(const char *name)
{
    gbt_objective made;
    memset(&made, 0, sizeof made);
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    EXPECT_C_OK(gbt_params_set(params, "objective", name));
    if (strncmp(name, "multiclass", 10) == 0) {
        EXPECT_C_OK(gbt_params_set(params, "num_class", "4"));
    }
    EXPECT_C_OK(gbt_params_set(params, "quantile", "0.9"));
    EXPECT_C_OK(gbt_params_set(params, "huber_delta", "1.5"));
    EXPECT_C_OK(gbt_params_set(params, "fair_c", "2"));
    EXPECT_C_OK(gbt_objective_init(params, &made));
    gbt_params_free(params);
    return made;
}

static gbt_metric_config config_of(const gbt_objective *o, const char *name)
{
    gbt_metric_config config = {.objective = o};
    int n = 0;
    EXPECT_C_OK(gbt_metric_parse(name, o, &config, 1, &n));
    EXPECT_C_EQ_INT(n, 1);
    return config;
}

static double eval(const gbt_objective *o, const char *name, const float *scores,
                   const float *label, const float *weight, int64_t n, int threads)
{
    gbt_metric_config config = config_of(o, name);
    void *scratch = malloc(gbt_metric_scratch(config.metric, n));
    double value = gbt_metric_eval(&config, scores, label, weight, n, threads, scratch);
    free(scratch);
    return value;
}

static float draw(uint64_t seed, int64_t i)
{
    return (float)gbt_rng_unit(gbt_rng_mix(seed), (uint64_t)i);
}

/* ---- Names ----------------------------------------------------------------------------------- */

TEST_C(Metric, NamesOfOtherLibrariesAreUnderstood)
{
    static const char *const pairs[][3] = {
        {"regression", "mse", "l2"},
        {"regression", "L1", "mae"},
        {"regression", "RMSE", "rmse"},
        {"regression", "mean_absolute_error", "mae"},
        {"binary", "binary_logloss", "logloss"},
        {"binary", "Logloss", "logloss"},
        {"binary", "binary_error", "error"},
        {"binary", "average_precision", "aucpr"},
        {"binary", "AUC", "auc"},
        {"cross_entropy", "xentropy", "cross_entropy"},
        {"multiclass", "mlogloss", "multi_logloss"},
        {"multiclass", "merror", "multi_error"},
        {"multiclass", "multiclass", "multi_logloss"},
        {"gamma", "gamma-deviance", "gamma_deviance"},
    };
    for (int i = 0; i < (int)(sizeof pairs / sizeof pairs[0]); i++) {
        gbt_objective o = objective_of(pairs[i][0]);
        EXPECT_C_EQ_TEXT(config_of(&o, pairs[i][1]).name, pairs[i][2]);
    }
}

TEST_C(Metric, EveryObjectiveHasADefaultThatFits)
{
    static const char *const names[] = {
        "regression", "mae",     "huber",  "fair",          "quantile",   "mape",         "poisson",
        "gamma",      "tweedie", "binary", "cross_entropy", "multiclass", "multiclassova"};
    for (int i = 0; i < 13; i++) {
        gbt_objective o = objective_of(names[i]);
        EXPECT_C_EQ_TEXT(config_of(&o, NULL).name, o.default_metric);
        EXPECT_C_EQ_TEXT(config_of(&o, "").name, o.default_metric);
        EXPECT_C_EQ_TEXT(config_of(&o, "auto").name, o.default_metric);
    }
}

TEST_C(Metric, AListKeepsItsOrderAndDropsRepeats)
{
    gbt_objective o = objective_of("binary");
    gbt_metric_config list[4];
    int n = 0;
    EXPECT_C_OK(gbt_metric_parse("auc, logloss ,roc_auc,error", &o, list, 4, &n));
    EXPECT_C_EQ_INT(n, 3);
    EXPECT_C_EQ_TEXT(list[0].name, "auc");
    EXPECT_C_EQ_TEXT(list[1].name, "logloss");
    EXPECT_C_EQ_TEXT(list[2].name, "error");
}

TEST_C(Metric, BadListsSayWhatWouldBeRight)
{
    gbt_objective binary = objective_of("binary");
    gbt_objective classes = objective_of("multiclass");
    gbt_metric_config list[2];
    int n = 0;
    EXPECT_C_STATUS(gbt_metric_parse("logless", &binary, list, 2, &n), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "'logless'");
    EXPECT_C_HAS_TEXT(gbt_last_error(), "'logloss'");
    EXPECT_C_STATUS(gbt_metric_parse("multi_logloss", &binary, list, 2, &n), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "multiclass");
    EXPECT_C_STATUS(gbt_metric_parse("auc", &classes, list, 2, &n), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "one output");
    EXPECT_C_STATUS(gbt_metric_parse("auc,error,logloss", &binary, list, 2, &n), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "more than 2 metrics");
    EXPECT_C_STATUS(gbt_metric_parse("auc,,error", &binary, list, 2, &n), GBT_ERR_PARAM);
}

TEST_C(Metric, BetterFollowsTheDirectionAndNanNeverWins)
{
    gbt_objective o = objective_of("binary");
    const gbt_metric *auc = config_of(&o, "auc").metric;
    const gbt_metric *loss = config_of(&o, "logloss").metric;
    EXPECT_C_TRUE(gbt_metric_is_better(auc, 0.9, 0.8));
    EXPECT_C_FALSE(gbt_metric_is_better(auc, 0.8, 0.8));
    EXPECT_C_TRUE(gbt_metric_is_better(loss, 0.1, 0.2));
    EXPECT_C_FALSE(gbt_metric_is_better(loss, 0.2, 0.2));
    EXPECT_C_FALSE(gbt_metric_is_better(loss, (double)NAN, 0.2));
    EXPECT_C_TRUE(gbt_metric_is_better(loss, 0.2, (double)NAN));
    EXPECT_C_TRUE(gbt_metric_is_better(auc, 0.0, gbt_metric_worst(auc)));
    EXPECT_C_TRUE(gbt_metric_is_better(loss, 1e300, gbt_metric_worst(loss)));
}

/* ---- scikit-learn ---------------------------------------------------------------------------- */

static const float twelve_scores[12] = {0.5f, -1.25f, 2.0f,  0.5f, 0.0f, -0.75f,
                                        1.5f, 0.5f,   -2.0f, 1.0f, 0.0f, 3.0f};
static const float twelve_labels[12] = {1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1};
static const float twelve_weights[12] = {1, 2, 0.5f, 1.5f, 1, 3, 0.25f, 2, 1, 1, 0, 4};
static const float twelve_means[12] = {2.0f, 0.5f,  3.5f, 1.0f, 0.25f,  6.0f,
                                       1.5f, 0.75f, 2.5f, 4.0f, 0.125f, 1.25f};
static const float twelve_guesses[12] = {1.5f,  0.75f, 3.0f, 2.0f, 0.5f,  4.0f,
                                         1.25f, 1.0f,  2.0f, 5.0f, 0.25f, 1.0f};

TEST_C(Metric, TwoClassMetricsAgreeWithScikitLearn)
{
    static const struct {
        const char *name;
        double plain, weighted;
    } want[] = {
        {"auc", 0.81944444444444453, 0.93208828522920206},
        {"aucpr", 0.80753968253968245, 0.92513379596038525},
        {"logloss", 0.5220369783567621, 0.36894615769734534},
        {"error", 0.25, 0.15942028985507251},
    };
    gbt_objective o = objective_of("binary");
    for (int i = 0; i < 4; i++) {
        EXPECT_C_NEAR(eval(&o, want[i].name, twelve_scores, twelve_labels, NULL, 12, 1),
                      want[i].plain, 1e-7);
        EXPECT_C_NEAR(eval(&o, want[i].name, twelve_scores, twelve_labels, twelve_weights, 12, 1),
                      want[i].weighted, 1e-7);
    }
}

TEST_C(Metric, RegressionMetricsAgreeWithScikitLearn)
{
    static const struct {
        const char *name;
        double plain, weighted;
    } want[] = {
        {"l2", 0.58984375, 0.91032608695652173},
        {"mae", 0.57291666666666663, 0.69927536231884058},
        {"quantile", 0.3239583333333334, 0.45543478260869569},
        {"gamma_deviance", 0.15608207006851335, 0.13911362102893021},
    };
    gbt_objective o = objective_of("regression");
    for (int i = 0; i < 4; i++) {
        EXPECT_C_NEAR(eval(&o, want[i].name, twelve_guesses, twelve_means, NULL, 12, 1),
                      want[i].plain, 1e-7);
        EXPECT_C_NEAR(eval(&o, want[i].name, twelve_guesses, twelve_means, twelve_weights, 12, 1),
                      want[i].weighted, 1e-7);
    }
}

TEST_C(Metric, PoissonAndTweedieAreHalfADevianceAboveTheirBest)
{
    static const struct {
        const char *name;
        double plain, weighted; /* mean deviance */
    } want[] = {
        {"poisson", 0.21146785644124819, 0.2759857404266608},
        {"tweedie", 0.16072603090521195, 0.18033506997165444},
    };
    gbt_objective o = objective_of("regression");
    for (int i = 0; i < 2; i++) {
        for (int weighted = 0; weighted < 2; weighted++) {
            const float *w = weighted ? twelve_weights : NULL;
            double loss = eval(&o, want[i].name, twelve_guesses, twelve_means, w, 12, 1);
            double best = eval(&o, want[i].name, twelve_means, twelve_means, w, 12, 1);
            EXPECT_C_NEAR(2.0 * (loss - best), weighted ? want[i].weighted : want[i].plain, 1e-6);
        }
    }
}

TEST_C(Metric, ClassMetricsAgreeWithScikitLearn)
{
    const float classes[12] = {0, 1, 2, 2, 1, 0, 1, 2, 0, 1, 2, 0};
    float scores[3 * 12];
    gbt_objective o = objective_of("multiclass");
    o.n_outputs = 3;
    o.n_classes = 3;
    for (int i = 0; i < 12; i++) {
        scores[i] = twelve_scores[i];
        scores[12 + i] = 0.5f * twelve_scores[11 - i];
        scores[24 + i] = twelve_scores[(i + 7) % 12];
    }
    EXPECT_C_NEAR(eval(&o, "multi_logloss", scores, classes, NULL, 12, 1), 1.4653372160843874,
                  1e-7);
    EXPECT_C_NEAR(eval(&o, "multi_logloss", scores, classes, twelve_weights, 12, 1),
                  1.171412561057491, 1e-7);
    EXPECT_C_NEAR(eval(&o, "multi_error", scores, classes, NULL, 12, 1), 0.75, 1e-12);
    EXPECT_C_NEAR(eval(&o, "multi_error", scores, classes, twelve_weights, 12, 1),
                  0.53623188405797095, 1e-12);
}

/* ---- Point metrics by brute force ------------------------------------------------------------ */

static double point_reference(const char *name, double p, double y)
{
    double d = p - y;
    if (strcmp(name, "mape") == 0) {
        return fabs(d) / fmax(1.0, fabs(y));
    }
    if (strcmp(name, "huber") == 0) {
        return fabs(d) <= 1.5 ? d * d / 2.0 : 1.5 * (fabs(d) - 0.75);
    }
    if (strcmp(name, "fair") == 0) {
        return 4.0 * (fabs(d) / 2.0 - log1p(fabs(d) / 2.0));
    }
    if (strcmp(name, "quantile") == 0) {
        return fmax(-0.9 * d, 0.1 * d);
    }
    if (strcmp(name, "mae") == 0) {
        return fabs(d);
    }
    if (strcmp(name, "l2") == 0 || strcmp(name, "rmse") == 0) {
        return d * d;
    }
    if (strcmp(name, "poisson") == 0) {
        return p - y * log(p);
    }
    if (strcmp(name, "gamma") == 0) {
        return y / p + log(p);
    }
    if (strcmp(name, "gamma_deviance") == 0) {
        return 2.0 * (y / p - log(y / p) - 1.0);
    }
    if (strcmp(name, "tweedie") == 0) {
        return -y * pow(p, -0.5) / -0.5 + pow(p, 0.5) / 0.5;
    }
    return (double)NAN;
}

TEST_C(Metric, PointMetricsAreWeightedMeansOfTheirDefinitions)
{
    enum { N = 1000 };
    static const char *const names[] = {"rmse",   "l2",       "mae",     "mape",  "huber",
                                        "fair",   "quantile", "poisson", "gamma", "gamma_deviance",
                                        "tweedie"};
    static const char *const objectives[] = {"regression", "poisson", "binary"};
    float scores[N];
    float label[N];
    float weight[N];
    for (int i = 0; i < N; i++) {
        scores[i] = 0.05f + 4.0f * draw(31, i);
        label[i] = 0.05f + 6.0f * draw(32, i);
        weight[i] = i % 5 == 0 ? 0.0f : draw(33, i);
    }
    for (int c = 0; c < 3 * 11 * 2; c++) {
        const char *name = names[c % 11];
        gbt_objective o = objective_of(objectives[c / 22]);
        const float *w = c / 11 % 2 == 0 ? NULL : weight;
        double sum = 0.0;
        double total = 0.0;
        for (int i = 0; i < N; i++) {
            double s = (double)scores[i];
            double p = c / 22 == 0 ? s : (c / 22 == 1 ? exp(s) : 1.0 / (1.0 + exp(-s)));
            double row_weight = w == NULL ? 1.0 : (double)w[i];
            sum += row_weight * point_reference(name, p, (double)label[i]);
            total += row_weight;
        }
        double want = strcmp(name, "rmse") == 0 ? sqrt(sum / total) : sum / total;
        EXPECT_C_NEAR(eval(&o, name, scores, label, w, N, 1), want, 1e-6 * fmax(1.0, fabs(want)));
    }
}

TEST_C(Metric, CrossEntropyTakesSoftLabels)
{
    enum { N = 700 };
    float scores[N];
    float label[N];
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        scores[i] = 10.0f * draw(41, i) - 5.0f;
        label[i] = draw(42, i);
        double p = 1.0 / (1.0 + exp(-(double)scores[i]));
        sum -= (double)label[i] * log(p) + (1.0 - (double)label[i]) * log(1.0 - p);
    }
    gbt_objective o = objective_of("cross_entropy");
    EXPECT_C_NEAR(eval(&o, "cross_entropy", scores, label, NULL, N, 1), sum / N, 1e-6);
    EXPECT_C_NEAR(eval(&o, "logloss", scores, label, NULL, N, 1), sum / N, 1e-6);
}

TEST_C(Metric, OneAgainstAllLoglossIsThatOfTheOwnSigmoid)
{
    const float scores[K * 2] = {0.5f, -1.0f, 2.0f, 0.0f, -3.0f, 1.0f, 0.25f, 0.75f};
    const float label[2] = {2.0f, 1.0f};
    gbt_objective o = objective_of("multiclassova");
    double want = 0.5 * (log1p(exp(3.0)) + log1p(exp(-0.0)));
    EXPECT_C_NEAR(eval(&o, "multi_logloss", scores, label, NULL, 2, 1), want, 1e-6);
}

TEST_C(Metric, EqualScoresGoToTheFirstClass)
{
    const float scores[K * 2] = {1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f, 0.0f};
    const float first[2] = {0.0f, 0.0f};
    const float second[2] = {1.0f, 1.0f};
    gbt_objective o = objective_of("multiclass");
    EXPECT_C_NEAR(eval(&o, "multi_error", scores, first, NULL, 2, 1), 0.0, 0.0);
    EXPECT_C_NEAR(eval(&o, "multi_error", scores, second, NULL, 2, 1), 1.0, 0.0);
}

TEST_C(Metric, ExtremeScoresGiveFiniteLosses)
{
    const float scores[K] = {-1e30f, 1e30f, 1e4f, -1e4f};
    const float label[K] = {1.0f, 0.0f, 1.0f, 0.0f};
    const float class_label[1] = {3.0f};
    gbt_objective binary = objective_of("binary");
    gbt_objective classes = objective_of("multiclass");
    gbt_objective counts = objective_of("poisson");
    double loss = eval(&binary, "logloss", scores, label, NULL, K, 1);
    EXPECT_C_NEAR(loss / 5e29, 1.0, 1e-6);
    EXPECT_C_TRUE(isfinite(eval(&classes, "multi_logloss", scores, class_label, NULL, 1, 1)));
    EXPECT_C_TRUE(isfinite(eval(&counts, "poisson", scores, label, NULL, K, 1)));
    EXPECT_C_TRUE(isfinite(eval(&counts, "rmse", scores, label, NULL, K, 1)));
}

/* ---- Rank metrics by brute force ------------------------------------------------------------- */

/* Over all pairs of a positive and a negative row. */
static double auc_reference(const float *s, const float *y, const float *w, int n)
{
    double won = 0.0;
    double total = 0.0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            if (y[i] > 0.0f && !(y[j] > 0.0f)) {
                double pair = w == NULL ? 1.0 : (double)w[i] * (double)w[j];
                won += pair * (s[i] > s[j] ? 1.0 : (s[i] == s[j] ? 0.5 : 0.0));
                total += pair;
            }
        }
    }
    return won / total;
}

/* Mean over positive rows of the precision among the rows that score at least as high. */
static double precision_reference(const float *s, const float *y, const float *w, int n)
{
    double sum = 0.0;
    double total = 0.0;
    for (int i = 0; i < n; i++) {
        double row_weight = w == NULL ? 1.0 : (double)w[i];
        double above[2] = {0.0, 0.0};
        for (int j = 0; j < n; j++) {
            above[y[j] > 0.0f] += s[j] >= s[i] ? (w == NULL ? 1.0 : (double)w[j]) : 0.0;
        }
        if (y[i] > 0.0f && row_weight > 0.0) {
            sum += row_weight * above[1] / (above[0] + above[1]);
            total += row_weight;
        }
    }
    return sum / total;
}

TEST_C(Metric, AucAndAveragePrecisionAreTheirDefinitionsWithTiesAndWeights)
{
    gbt_objective o = objective_of("binary");
    for (int round = 0; round < 200; round++) {
        float s[150];
        float y[150];
        float weight[150];
        int n = 3 + round % 148;
        float levels = round % 3 == 0 ? 4.0f : 1e6f;
        for (int i = 0; i < n; i++) {
            s[i] = floorf(draw(51, 150 * round + i) * levels) - levels / 2.0f;
            y[i] = i < 2 ? (float)i : floorf(2.0f * draw(52, 150 * round + i));
            weight[i] = i < 2 ? 1.0f : floorf(3.0f * draw(53, 150 * round + i));
        }
        const float *w = round % 2 == 0 ? NULL : weight;
        EXPECT_C_NEAR(eval(&o, "auc", s, y, w, n, 1), auc_reference(s, y, w, n), 1e-12);
        EXPECT_C_NEAR(eval(&o, "aucpr", s, y, w, n, 1), precision_reference(s, y, w, n), 1e-12);
    }
}

TEST_C(Metric, BothZerosAreOneScore)
{
    const float s[2] = {-0.0f, 0.0f};
    const float y[2] = {0.0f, 1.0f};
    gbt_objective o = objective_of("binary");
    EXPECT_C_NEAR(eval(&o, "auc", s, y, NULL, 2, 1), 0.5, 0.0);
}

TEST_C(Metric, SignAndSizeOfScoresOrderThem)
{
    const float s[8] = {-INFINITY, -1e30f, -1.0f, -1e-40f, 1e-40f, 1.0f, 1e30f, INFINITY};
    float y[8] = {0, 0, 0, 0, 1, 1, 1, 1};
    gbt_objective o = objective_of("regression");
    EXPECT_C_NEAR(eval(&o, "auc", s, y, NULL, 8, 1), 1.0, 0.0);
    for (int i = 0; i < 8; i++) {
        y[i] = 1.0f - y[i];
    }
    EXPECT_C_NEAR(eval(&o, "auc", s, y, NULL, 8, 1), 0.0, 0.0);
}

TEST_C(Metric, RankMetricsOfOneSideAreNotANumber)
{
    const float s[3] = {0.1f, 0.2f, 0.3f};
    const float ones[3] = {1, 1, 1};
    const float zeros[3] = {0, 0, 0};
    gbt_objective o = objective_of("binary");
    gbt_objective classes = objective_of("multiclass");
    const float scores[K * 3] = {0.0f};
    EXPECT_C_TRUE(isnan(eval(&o, "auc", s, ones, NULL, 3, 1)));
    EXPECT_C_TRUE(isnan(eval(&o, "auc", s, zeros, NULL, 3, 1)));
    EXPECT_C_TRUE(isnan(eval(&o, "aucpr", s, zeros, NULL, 3, 1)));
    EXPECT_C_NEAR(eval(&o, "aucpr", s, ones, NULL, 3, 1), 1.0, 0.0);
    EXPECT_C_TRUE(isnan(eval(&classes, "auc_mu", scores, zeros, NULL, 3, 1)));
    EXPECT_C_TRUE(isnan(eval(&o, "auc", s, ones, NULL, 0, 1)));
}

TEST_C(Metric, NanScoresRankLast)
{
    const float s[4] = {NAN, -5.0f, 1.0f, -NAN};
    const float y[4] = {0, 1, 1, 0};
    gbt_objective o = objective_of("binary");
    EXPECT_C_NEAR(eval(&o, "auc", s, y, NULL, 4, 1), 1.0, 0.0);
    EXPECT_C_TRUE(isnan(eval(&o, "logloss", s, y, NULL, 4, 1)));
}

/* Mean over pairs of classes of the auc of p_a - p_b [KleimanPage19]. */
static double auc_mu_reference(const float *scores, const float *y, const float *w, int n)
{
    double sum = 0.0;
    int n_pairs = 0;
    for (int a = 0; a < K; a++) {
        for (int b = a + 1; b < K; b++) {
            float lead[200];
            float is_a[200];
            float weight[200];
            int m = 0;
            int n_of_a = 0;
            for (int i = 0; i < n; i++) {
                float p[K];
                gbt_softmax_link(scores + i, n, K, p, 1);
                if (y[i] == (float)a || y[i] == (float)b) {
                    is_a[m] = y[i] == (float)a ? 1.0f : 0.0f;
                    n_of_a += y[i] == (float)a ? 1 : 0;
                    weight[m] = w == NULL ? 1.0f : w[i];
                    lead[m++] = p[a] - p[b];
                }
            }
            if (n_of_a > 0 && n_of_a < m) {
                sum += auc_reference(lead, is_a, weight, m);
                n_pairs++;
            }
        }
    }
    return sum / n_pairs;
}

TEST_C(Metric, AucMuIsItsDefinition)
{
    gbt_objective o = objective_of("multiclass");
    for (int round = 0; round < 20; round++) {
        float scores[K * 200];
        float y[200];
        float weight[200];
        int n = 20 + 9 * round;
        int n_present = round % 4 == 0 ? 3 : 4; /* class 3 absent every fourth time */
        for (int i = 0; i < n; i++) {
            y[i] = floorf((float)n_present * draw(61, 200 * round + i));
            weight[i] = 1.0f + floorf(3.0f * draw(62, 200 * round + i));
        }
        for (int j = 0; j < K * n; j++) {
            float steps = round % 2 == 0 ? 3.0f : 1000.0f;
            scores[j] = 4.0f * floorf(steps * draw(63, 1000 * round + j)) / steps +
                        (y[j % n] == (float)(j / n) ? 1.0f : 0.0f);
        }
        const float *w = round % 3 == 0 ? NULL : weight;
        EXPECT_C_NEAR(eval(&o, "auc_mu", scores, y, w, n, 1), auc_mu_reference(scores, y, w, n),
                      1e-12);
    }
}

TEST_C(Metric, AucMuOfTwoClassesIsAuc)
{
    enum { N = 120 };
    float scores[2 * N];
    float lead[N];
    float y[N];
    gbt_objective o = objective_of("multiclass");
    gbt_objective binary = objective_of("binary");
    o.n_outputs = 2;
    o.n_classes = 2;
    for (int i = 0; i < N; i++) {
        y[i] = floorf(2.0f * draw(71, i));
        scores[i] = 0.0f;
        scores[N + i] = floorf(8.0f * draw(72, i)) + y[i];
        lead[i] = scores[N + i];
    }
    EXPECT_C_NEAR(eval(&o, "auc_mu", scores, y, NULL, N, 1),
                  eval(&binary, "auc", lead, y, NULL, N, 1), 1e-12);
}

/* ---- Size and threads ------------------------------------------------------------------------ */

TEST_C(Metric, ValuesDoNotDependOnThreads)
{
    enum { N = 70001 };
    static const char *const names[][2] = {
        {"regression", "rmse"},        {"poisson", "poisson"},
        {"binary", "logloss"},         {"binary", "auc"},
        {"binary", "aucpr"},           {"multiclass", "multi_logloss"},
        {"multiclass", "multi_error"}, {"multiclass", "auc_mu"},
    };
    float *memory = malloc((K + 3) * N * sizeof(float));
    float *label = memory + K * N;
    float *weight = label + N;
    for (int i = 0; i < K * N; i++) {
        memory[i] = 6.0f * draw(81, i) - 3.0f;
    }
    for (int i = 0; i < N; i++) {
        label[i] = floorf(2.0f * draw(82, i));
        weight[i] = draw(83, i);
    }
    for (int c = 0; c < 8; c++) {
        gbt_objective o = objective_of(names[c][0]);
        double one = eval(&o, names[c][1], memory, label, weight, N, 1);
        EXPECT_C_TRUE(isfinite(one));
        for (int threads = 2; threads <= 8; threads += 3) {
            double many = eval(&o, names[c][1], memory, label, weight, N, threads);
            EXPECT_C_EQ_BYTES(&one, &many, sizeof one);
        }
    }
    free(memory);
}

TEST_C(Metric, AucOfManyChunksIsCountedExactly)
{
    enum { N = 100000 };
    float *s = malloc(N * sizeof(float));
    float *y = malloc(N * sizeof(float));
    double won = 0.0;
    int64_t below[1001] = {0}; /* negatives with a smaller score */
    int64_t negatives[1001] = {0};
    int64_t n_negative = 0;
    for (int i = 0; i < N; i++) {
        s[i] = floorf(1000.0f * draw(91, i)) - 500.0f;
        y[i] = draw(92, i) < 0.2f ? 1.0f : 0.0f;
        negatives[(int)s[i] + 500] += y[i] == 0.0f ? 1 : 0;
        n_negative += y[i] == 0.0f ? 1 : 0;
    }
    for (int v = 1; v <= 1000; v++) {
        below[v] = below[v - 1] + negatives[v - 1];
    }
    for (int i = 0; i < N; i++) {
        int v = (int)s[i] + 500;
        won += y[i] > 0.0f ? (double)below[v] + 0.5 * (double)negatives[v] : 0.0;
    }
    gbt_objective o = objective_of("binary");
    double want = won / ((double)n_negative * (double)(N - n_negative));
    EXPECT_C_NEAR(eval(&o, "auc", s, y, NULL, N, 2), want, 1e-12);
    free(s);
    free(y);
}
