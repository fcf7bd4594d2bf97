/* loss.h against its own definitions: every loss is written again here in double with the C
 * library's exp and log, and gradients and Hessians must be its numerical derivatives. */
#include <float.h>
#include <math.h>

#include "gbt/loss/loss.h"
#include "tests/support/gtest_c.h"

static const float scores[] = {-6.0f, -2.5f, -1.0f, -0.3f, 0.2f, 0.9f, 1.7f, 3.1f, 5.5f};
static const float real_labels[] = {-4.0f, -0.5f, 0.1f, 2.2f, 7.0f};
static const float positive_labels[] = {0.25f, 1.0f, 3.0f, 40.0f};
static const float unit_labels[] = {0.0f, 0.2f, 0.75f, 1.0f};
static const float class_labels[] = {0.0f, 1.0f};

enum { N_SCORES = (int)(sizeof scores / sizeof scores[0]) };

typedef struct loss_case {
    gbt_loss loss;
    const float *labels;
    int n_labels;
    bool is_newton; /* h is the second derivative */
} loss_case;

#define LABELS(list) (list), (int)(sizeof(list) / sizeof((list)[0]))

static const loss_case cases[] = {
    {{GBT_LOSS_SQUARED, 0.0f, 1.0f}, LABELS(real_labels), true},
    {{GBT_LOSS_ABSOLUTE, 0.0f, 1.0f}, LABELS(real_labels), false},
    {{GBT_LOSS_HUBER, 1.0f, 1.0f}, LABELS(real_labels), false},
    {{GBT_LOSS_HUBER, 3.0f, 1.0f}, LABELS(real_labels), false},
    {{GBT_LOSS_FAIR, 1.0f, 1.0f}, LABELS(real_labels), true},
    {{GBT_LOSS_FAIR, 2.5f, 1.0f}, LABELS(real_labels), true},
    {{GBT_LOSS_QUANTILE, 0.9f, 1.0f}, LABELS(real_labels), false},
    {{GBT_LOSS_MAPE, 0.0f, 1.0f}, LABELS(real_labels), false},
    {{GBT_LOSS_POISSON, 0.7f, 1.0f}, LABELS(positive_labels), false},
    {{GBT_LOSS_GAMMA, 0.0f, 1.0f}, LABELS(positive_labels), true},
    {{GBT_LOSS_TWEEDIE, 1.1f, 1.0f}, LABELS(positive_labels), true},
    {{GBT_LOSS_TWEEDIE, 1.5f, 1.0f}, LABELS(positive_labels), true},
    {{GBT_LOSS_LOGISTIC, 0.0f, 1.0f}, LABELS(class_labels), true},
    {{GBT_LOSS_LOGISTIC, 0.0f, 3.5f}, LABELS(class_labels), true},
    {{GBT_LOSS_CROSS_ENTROPY, 0.0f, 1.0f}, LABELS(unit_labels), true},
    {{GBT_LOSS_ONE_VS_ALL, 0.0f, 2.0f}, LABELS(class_labels), true},
};

enum { N_CASES = (int)(sizeof cases / sizeof cases[0]) };

/* The definition. */
static double reference(const gbt_loss *loss, double s, double y)
{
    double d = s - y;
    double shape = (double)loss->shape;
    double log_p = s < 0.0 ? s - log1p(exp(s)) : -log1p(exp(-s));
    double log_rest = log_p - s;
    double weight = y == 1.0 ? (double)loss->positive_weight : 1.0;
    switch (loss->kind) {
    case GBT_LOSS_SQUARED:
        return d * d / 2.0;
    case GBT_LOSS_ABSOLUTE:
        return fabs(d);
    case GBT_LOSS_HUBER:
        return fabs(d) <= shape ? d * d / 2.0 : shape * (fabs(d) - shape / 2.0);
    case GBT_LOSS_FAIR:
        return shape * shape * (fabs(d) / shape - log1p(fabs(d) / shape));
    case GBT_LOSS_QUANTILE:
        return fmax(shape * -d, (1.0 - shape) * d);
    case GBT_LOSS_MAPE:
        return fabs(d) / fmax(1.0, fabs(y));
    case GBT_LOSS_POISSON:
        return exp(s) - y * s;
    case GBT_LOSS_GAMMA:
        return y * exp(-s) + s;
    case GBT_LOSS_TWEEDIE:
        return -y * exp((1.0 - shape) * s) / (1.0 - shape) + exp((2.0 - shape) * s) / (2.0 - shape);
    case GBT_LOSS_CROSS_ENTROPY:
        return -y * log_p - (1.0 - y) * log_rest;
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_ONE_VS_ALL:
        return weight * (-y * log_p - (1.0 - y) * log_rest);
    case GBT_LOSS_SOFTMAX:
        break;
    }
    return (double)NAN;
}

static double first_derivative(const gbt_loss *loss, double s, double y)
{
    const double step = 1e-5;
    return (reference(loss, s + step, y) - reference(loss, s - step, y)) / (2.0 * step);
}

static double second_derivative(const gbt_loss *loss, double s, double y)
{
    const double step = 1e-3;
    double around = reference(loss, s + step, y) + reference(loss, s - step, y);
    return (around - 2.0 * reference(loss, s, y)) / (step * step);
}

static double within(double share, double value)
{
    return share * fmax(1.0, fabs(value));
}

TEST_C(Loss, PointIsTheDefinition)
{
    for (int c = 0; c < N_CASES; c++) {
        for (int i = 0; i < N_SCORES * cases[c].n_labels; i++) {
            float s = scores[i % N_SCORES];
            float y = cases[c].labels[i / N_SCORES];
            double want = reference(&cases[c].loss, (double)s, (double)y);
            EXPECT_C_NEAR(gbt_loss_point(&cases[c].loss, s, y), want, within(1e-6, want));
        }
    }
}

TEST_C(Loss, GradientIsTheSlopeOfTheDefinition)
{
    for (int c = 0; c < N_CASES; c++) {
        for (int i = 0; i < N_SCORES * cases[c].n_labels; i++) {
            float s = scores[i % N_SCORES];
            float y = cases[c].labels[i / N_SCORES];
            double want = first_derivative(&cases[c].loss, (double)s, (double)y);
            EXPECT_C_NEAR((double)gbt_loss_gpair(&cases[c].loss, s, y).grad, want,
                          within(2e-6, want));
        }
    }
}

TEST_C(Loss, HessianIsTheCurvatureOfTheDefinitionWhereItCanBe)
{
    int n_newton = 0;
    for (int c = 0; c < N_CASES; c++) {
        for (int i = 0; cases[c].is_newton && i < N_SCORES * cases[c].n_labels; i++) {
            float s = scores[i % N_SCORES];
            float y = cases[c].labels[i / N_SCORES];
            double want = second_derivative(&cases[c].loss, (double)s, (double)y);
            EXPECT_C_NEAR((double)gbt_loss_gpair(&cases[c].loss, s, y).hess, want,
                          within(2e-3, want) * (cases[c].loss.kind == GBT_LOSS_FAIR ? 1.0 : 0.01));
            n_newton++;
        }
    }
    EXPECT_C_TRUE(n_newton > 300);
}

TEST_C(Loss, HessianIsOneWhereTheCurvatureIsNoHelp)
{
    static const gbt_loss_kind kinds[] = {GBT_LOSS_ABSOLUTE, GBT_LOSS_HUBER, GBT_LOSS_QUANTILE,
                                          GBT_LOSS_MAPE};
    for (int k = 0; k < 4; k++) {
        gbt_loss loss = {kinds[k], 0.5f, 1.0f};
        for (int i = 0; i < N_SCORES; i++) {
            EXPECT_C_TRUE(gbt_loss_gpair(&loss, scores[i], 4.0f).hess == 1.0f);
        }
    }
}

TEST_C(Loss, PoissonHessianIsTheMeanTimesTheSafeguard)
{
    gbt_loss loss = {GBT_LOSS_POISSON, 0.7f, 1.0f};
    for (int i = 0; i < N_SCORES; i++) {
        double want = exp((double)scores[i]) * exp(0.7);
        EXPECT_C_NEAR((double)gbt_loss_gpair(&loss, scores[i], 3.0f).hess, want, 1e-6 * want);
    }
}

TEST_C(Loss, SubgradientsAtZeroErrorAreZeroOrTheRightSlope)
{
    gbt_loss absolute = {GBT_LOSS_ABSOLUTE, 0.0f, 1.0f};
    gbt_loss mape = {GBT_LOSS_MAPE, 0.0f, 1.0f};
    gbt_loss quantile = {GBT_LOSS_QUANTILE, 0.75f, 1.0f};
    EXPECT_C_TRUE(gbt_loss_gpair(&absolute, 2.0f, 2.0f).grad == 0.0f);
    EXPECT_C_TRUE(gbt_loss_gpair(&mape, 2.0f, 2.0f).grad == 0.0f);
    EXPECT_C_TRUE(gbt_loss_gpair(&quantile, 2.0f, 2.0f).grad == 0.25f);
}

TEST_C(Loss, GradientIsZeroWhereTheResponseIsTheLabel)
{
    static const gbt_loss_kind kinds[] = {GBT_LOSS_POISSON, GBT_LOSS_GAMMA, GBT_LOSS_TWEEDIE,
                                          GBT_LOSS_CROSS_ENTROPY};
    for (int k = 0; k < 4; k++) {
        gbt_loss loss = {kinds[k], 1.5f, 1.0f};
        for (int i = 0; i < N_SCORES; i++) {
            float response = gbt_loss_link(kinds[k], scores[i]);
            gbt_gpair pair = gbt_loss_gpair(&loss, scores[i], response);
            EXPECT_C_NEAR((double)pair.grad, 0.0, 1e-5 * fmax(1.0, (double)pair.hess));
        }
    }
}

TEST_C(Loss, LinkOfIdentityLossesIsTheScore)
{
    for (int kind = GBT_LOSS_SQUARED; kind <= GBT_LOSS_MAPE; kind++) {
        EXPECT_C_TRUE(gbt_loss_link((gbt_loss_kind)kind, -3.25f) == -3.25f);
    }
}

TEST_C(Loss, BothProbabilitiesKeepTheirRelativePrecision)
{
    for (int s = -80; s <= 80; s++) {
        gbt_odds odds = gbt_loss_odds((float)s);
        double p = 1.0 / (1.0 + exp(-s));
        double rest = 1.0 / (1.0 + exp(s));
        EXPECT_C_NEAR((double)odds.p / p, 1.0, 1e-6);
        EXPECT_C_NEAR((double)odds.rest / rest, 1.0, 1e-6);
    }
}

TEST_C(Loss, LogisticGradientOfAConfidentRowDoesNotCancel)
{
    gbt_gpair pair = gbt_logistic_gpair(25.0f, 1.0f, 1.0f);
    EXPECT_C_NEAR((double)pair.grad / -exp(-25.0), 1.0, 1e-6);
    EXPECT_C_NEAR((double)pair.hess / exp(-25.0), 1.0, 1e-6);
    EXPECT_C_NEAR(gbt_cross_entropy_point(25.0f, 1.0f) / exp(-25.0), 1.0, 1e-6);
}

TEST_C(Loss, LogisticEqualsCrossEntropyOnHardLabelsBitByBit)
{
    for (int i = 0; i < N_SCORES; i++) {
        for (int y = 0; y < 2; y++) {
            gbt_gpair a = gbt_logistic_gpair(scores[i], (float)y, 1.0f);
            gbt_gpair b = gbt_cross_entropy_gpair(scores[i], (float)y);
            EXPECT_C_EQ_BYTES(&a, &b, sizeof a);
        }
    }
}

TEST_C(Loss, FlatHessiansStopAtTheFloor)
{
    const float floor = GBT_LOSS_MIN_HESS;
    EXPECT_C_TRUE(gbt_logistic_gpair(80.0f, 1.0f, 1.0f).hess == floor);
    EXPECT_C_TRUE(gbt_cross_entropy_gpair(-80.0f, 0.0f).hess == floor);
    EXPECT_C_TRUE(gbt_fair_gpair(1e30f, 0.0f, 1.0f).hess == floor);
    EXPECT_C_TRUE(gbt_poisson_gpair(-80.0f, 0.0f, 1.0f).hess == floor);
    EXPECT_C_TRUE(gbt_gamma_gpair(80.0f, 1.0f).hess == floor);
    EXPECT_C_TRUE(gbt_tweedie_gpair(-1e30f, 0.0f, 1.5f).hess == floor);
    EXPECT_C_TRUE(gbt_softmax_gpair(1.0f, 1.0f, 1.0f, 1.5f).hess == floor);
}

TEST_C(Loss, ExtremeScoresGiveFiniteNumbers)
{
    static const float extremes[] = {-1e30f, -1e4f, -200.0f, -0.0f, 0.0f, 200.0f, 1e4f, 1e30f};
    for (int c = 0; c < N_CASES; c++) {
        for (int i = 0; i < 8 * cases[c].n_labels; i++) {
            float s = extremes[i % 8];
            float y = cases[c].labels[i / 8];
            gbt_gpair pair = gbt_loss_gpair(&cases[c].loss, s, y);
            EXPECT_C_TRUE(fabsf(pair.grad) <= FLT_MAX);
            EXPECT_C_TRUE(pair.hess > 0.0f && pair.hess <= FLT_MAX);
            EXPECT_C_TRUE(fabs(gbt_loss_point(&cases[c].loss, s, y)) <= DBL_MAX);
            EXPECT_C_TRUE(fabsf(gbt_loss_link(cases[c].loss.kind, s)) <= FLT_MAX);
        }
    }
}

TEST_C(Loss, ABrokenScoreStaysVisibleInTheGradient)
{
    static const gbt_loss_kind kinds[] = {
        GBT_LOSS_SQUARED, GBT_LOSS_HUBER,   GBT_LOSS_FAIR,     GBT_LOSS_POISSON,
        GBT_LOSS_GAMMA,   GBT_LOSS_TWEEDIE, GBT_LOSS_LOGISTIC, GBT_LOSS_CROSS_ENTROPY};
    for (int k = 0; k < 8; k++) {
        gbt_loss loss = {kinds[k], 1.5f, 1.0f};
        EXPECT_C_TRUE(isnan(gbt_loss_gpair(&loss, NAN, 1.0f).grad));
    }
}

/* ---- Softmax --------------------------------------------------------------------------------- */

static double softmax_reference(const double *s, int n, int label)
{
    double sum = 0.0;
    for (int k = 0; k < n; k++) {
        sum += exp(s[k] - s[label]);
    }
    return log(sum);
}

TEST_C(Loss, SoftmaxPairsAreTheSlopeAndTheScaledCurvature)
{
    enum { K = 5 };
    const float s[K] = {0.3f, -1.2f, 2.1f, 0.0f, 1.4f};
    const double step = 1e-4;
    for (int label = 0; label < K; label++) {
        float grad[K];
        float hess[K];
        gbt_softmax_row_gpairs(s, 1, K, (float)label, 1.0f, grad, hess);
        for (int k = 0; k < K; k++) {
            double at[K];
            double value[3];
            for (int j = 0; j < 3; j++) {
                for (int m = 0; m < K; m++) {
                    at[m] = (double)s[m] + (m == k ? (j - 1) * step : 0.0);
                }
                value[j] = softmax_reference(at, K, label);
            }
            double slope = (value[2] - value[0]) / (2.0 * step);
            double curvature = (value[2] - 2.0 * value[1] + value[0]) / (step * step);
            EXPECT_C_NEAR((double)grad[k], slope, 1e-6);
            EXPECT_C_NEAR((double)hess[k], curvature * K / (K - 1.0), 1e-6);
            EXPECT_C_NEAR(gbt_softmax_point(s, 1, K, (float)label), value[1], 1e-6);
        }
    }
}

TEST_C(Loss, SoftmaxGradientsOfARowSumToZeroAndLinkToOne)
{
    const float s[4] = {1.0f, -3.0f, 0.5f, 7.0f};
    float grad[4];
    float hess[4];
    float p[4];
    gbt_softmax_row_gpairs(s, 1, 4, 2.0f, 1.0f, grad, hess);
    gbt_softmax_link(s, 1, 4, p, 1);
    EXPECT_C_NEAR((double)(grad[0] + grad[1] + grad[2] + grad[3]), 0.0, 1e-6);
    EXPECT_C_NEAR((double)(p[0] + p[1] + p[2] + p[3]), 1.0, 1e-6);
    EXPECT_C_TRUE(p[0] == grad[0] && p[2] - 1.0f == grad[2]);
}

TEST_C(Loss, SoftmaxLinkWorksInPlaceAndWithAStride)
{
    const float rows[6] = {1.0f, 9.0f, -3.0f, 9.0f, 0.5f, 9.0f};
    float plain[3] = {1.0f, -3.0f, 0.5f};
    float strided[3];
    gbt_softmax_link(rows, 2, 3, strided, 1);
    gbt_softmax_link(plain, 1, 3, plain, 1);
    EXPECT_C_EQ_BYTES(plain, strided, sizeof plain);
}

TEST_C(Loss, SoftmaxOfTwoClassesIsLogisticOfTheDifference)
{
    for (int i = 0; i < N_SCORES; i++) {
        const float s[2] = {0.5f, 0.5f + scores[i]};
        float grad[2];
        float hess[2];
        gbt_softmax_row_gpairs(s, 1, 2, 1.0f, 1.0f, grad, hess);
        gbt_gpair pair = gbt_logistic_gpair(s[1] - s[0], 1.0f, 1.0f);
        EXPECT_C_NEAR((double)grad[1], (double)pair.grad, 1e-6);
        EXPECT_C_NEAR((double)hess[1], 2.0 * (double)pair.hess, 1e-6);
    }
}

TEST_C(Loss, SoftmaxOfExtremeScoresIsFinite)
{
    const float s[4] = {-1e30f, 1e30f, 1e4f, -1e4f};
    for (int label = 0; label < 4; label++) {
        float grad[4];
        float hess[4];
        gbt_softmax_row_gpairs(s, 1, 4, (float)label, 2.0f, grad, hess);
        for (int k = 0; k < 4; k++) {
            EXPECT_C_TRUE(fabsf(grad[k]) <= 2.0f && hess[k] > 0.0f && hess[k] <= 2.0f);
        }
        EXPECT_C_TRUE(fabs(gbt_softmax_point(s, 1, 4, (float)label)) <= DBL_MAX);
    }
}
