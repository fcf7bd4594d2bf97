/* Derivatives in double precision: against central differences of the losses as mathematics writes
 * them, in long double with the C library's functions, and against what training uses. */
#include <math.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/loss/objective.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 60, MOST_OUTPUTS = 4, MOST_CELLS = ROWS * MOST_OUTPUTS };

/* What labels may be. */
typedef enum label_kind { REALS, COUNTS, POSITIVES, SHARES, CLASSES } label_kind;

typedef struct scenario {
    const char *keys;
    label_kind labels;
    bool has_kinks;      /* |d| = `kink` is one */
    bool has_true_hess;  /* hess is the second derivative of the loss */
    bool has_slope_hess; /* hess is `factor` times the second derivative, else 1 */
    long double kink, factor;
} scenario;

static const scenario scenarios[] = {
    {"objective=regression", REALS, false, true, true, 0, 1},
    {"objective=mae", REALS, true, false, false, 0, 0},
    {"objective=huber huber_delta=0.7", REALS, true, false, false, 0.7L, 0},
    {"objective=fair fair_c=1.3", REALS, true, true, true, 0, 1},
    {"objective=quantile quantile=0.8", REALS, true, false, false, 0, 0},
    {"objective=mape", REALS, true, false, false, 0, 0},
    {"objective=poisson poisson_max_delta=0.4", COUNTS, false, false, true, 0,
     1.4918246976412703178L},
    {"objective=gamma", POSITIVES, false, true, true, 0, 1},
    {"objective=tweedie tweedie_power=1.3", COUNTS, false, true, true, 0, 1},
    {"objective=cross_entropy", SHARES, false, true, true, 0, 1},
    {"objective=regression label=a,b,c", REALS, false, true, true, 0, 1},
    {"objective=mae label=a,b", REALS, true, false, false, 0, 0},
    {"objective=huber huber_delta=0.7 label=a,b,c,d", REALS, true, false, false, 0.7L, 0},
    {"objective=fair label=a,b", REALS, true, true, true, 0, 1},
    {"objective=quantile label=a,b", REALS, true, false, false, 0, 0},
    {"objective=mape label=a,b", REALS, true, false, false, 0, 0},
    {"objective=poisson poisson_max_delta=0.4 label=a,b", COUNTS, false, false, true, 0,
     1.4918246976412703178L},
    {"objective=gamma label=a,b", POSITIVES, false, true, true, 0, 1},
    {"objective=tweedie label=a,b,c", COUNTS, false, true, true, 0, 1},
    {"objective=cross_entropy label=a,b", SHARES, false, true, true, 0, 1},
    {"objective=binary", CLASSES, false, true, true, 0, 1},
    {"objective=binary scale_pos_weight=2.5", CLASSES, false, true, true, 0, 1},
    {"objective=multiclass num_class=2", CLASSES, false, false, true, 0, 2},
    {"objective=multiclass num_class=4", CLASSES, false, false, true, 0, 4.0L / 3.0L},
    {"objective=multiclassova num_class=3 scale_pos_weight=0.5", CLASSES, false, true, true, 0, 1},
};

enum { N_SCENARIOS = (int)(sizeof scenarios / sizeof scenarios[0]) };

/* An objective with rows to try it on, scores and labels as the public functions want them. */
typedef struct trial {
    const scenario *is;
    gbt_objective *o;
    int32_t n_outputs;
    double score[MOST_CELLS];
    float label[MOST_CELLS];
} trial;

/* In (-3, 3), or positive labels. */
static double draw(uint64_t key, int64_t at)
{
    return 6.0 * gbt_rng_unit(key, (uint64_t)at) - 3.0;
}

static float label_at(const trial *t, int64_t at)
{
    const double x = draw(77, at);
    switch (t->is->labels) {
    case COUNTS:
        return (float)floor(fabs(2.0 * x));
    case POSITIVES:
        return (float)(fabs(x) + 0.1);
    case SHARES:
        return (float)(at % 7 == 0 ? 0.0 : fabs(x) / 3.0);
    case CLASSES:
        return (float)(at % (t->o->n_classes));
    case REALS:
    default:
        return (float)x;
    }
}

/* Scores keep away from kinks, where differences mean nothing. */
static double score_at(const trial *t, int64_t at, float label)
{
    double score = draw(5, at);
    const double off = fabs(fabs(score - (double)label) - (double)t->is->kink);
    return t->is->has_kinks && (off < 0.01 || fabs(score - (double)label) < 0.01) ? score + 0.05
                                                                                  : score;
}

static void open_trial(trial *t, const scenario *is)
{
    memset(t, 0, sizeof *t);
    t->is = is;
    gbt_params *params = toy_params(is->keys);
    EXPECT_C_OK(gbt_objective_create(params, &t->o));
    gbt_params_free(params);
    t->n_outputs = gbt_objective_outputs(t->o);
    for (int64_t i = 0; i < ROWS * gbt_objective_labels(t->o); i++) {
        t->label[i] = label_at(t, i);
    }
    for (int64_t i = 0; i < ROWS * t->n_outputs; i++) {
        t->score[i] = score_at(t, i, is->labels == CLASSES ? 0.0f : t->label[i]);
    }
}

/* ---- The losses by their definitions --------------------------------------------------------- */

static long double log_logistic(long double s, long double y) /* -y log p - (1 - y) log(1 - p) */
{
    return y * log1pl(expl(-s)) + (1.0L - y) * log1pl(expl(s));
}

/* Loss of one output; y its label, for classes 0 or 1. */
static long double defined_loss(const gbt_objective *o, long double s, long double y)
{
    const long double d = s - y, size = fabsl(d), shape = (long double)o->loss.shape;
    switch (o->loss.kind) {
    case GBT_LOSS_ABSOLUTE:
        return size;
    case GBT_LOSS_HUBER:
        return size <= shape ? d * d / 2.0L : shape * (size - shape / 2.0L);
    case GBT_LOSS_FAIR:
        return shape * shape * (size / shape - log1pl(size / shape));
    case GBT_LOSS_QUANTILE:
        return d < 0.0L ? -shape * d : (1.0L - shape) * d;
    case GBT_LOSS_MAPE:
        return size / fmaxl(1.0L, fabsl(y));
    case GBT_LOSS_POISSON:
        return expl(s) - y * s;
    case GBT_LOSS_GAMMA:
        return y * expl(-s) + s;
    case GBT_LOSS_TWEEDIE:
        return -y * expl((1.0L - shape) * s) / (1.0L - shape) +
               expl((2.0L - shape) * s) / (2.0L - shape);
    case GBT_LOSS_CROSS_ENTROPY:
        return log_logistic(s, y);
    case GBT_LOSS_LOGISTIC:
    case GBT_LOSS_ONE_VS_ALL:
        return log_logistic(s, y) * (y > 0.5L ? (long double)o->loss.positive_weight : 1.0L);
    case GBT_LOSS_SQUARED:
    case GBT_LOSS_SOFTMAX:
        break;
    }
    return d * d / 2.0L;
}

/* Loss of a row whose output `moved` is at score + step. */
static long double row_loss(const trial *t, int64_t row, int32_t moved, long double step)
{
    const gbt_objective *o = t->o;
    long double sum = 0.0L, own = 0.0L;
    for (int32_t k = 0; k < t->n_outputs; k++) {
        const long double s = (long double)t->score[k * ROWS + row] + (k == moved ? step : 0.0L);
        const bool is_softmax = o->loss.kind == GBT_LOSS_SOFTMAX;
        const bool is_class = is_softmax || o->loss.kind == GBT_LOSS_ONE_VS_ALL;
        const float label = t->label[gbt_objective_labels(o) > 1 ? k * ROWS + row : row];
        const bool is_own = label == (float)k;
        own = is_own ? s : own;
        sum += is_softmax ? expl(s)
                          : defined_loss(o, s, is_class ? (long double)is_own : (long double)label);
    }
    return o->loss.kind == GBT_LOSS_SOFTMAX ? logl(sum) - own : sum;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static bool is_near(double value, long double want, long double tolerance)
{
    return fabsl((long double)value - want) <= tolerance * (1.0L + fabsl(want));
}

TEST_C(Derivatives, LossAndGradientAreThoseOfTheDefinition)
{
    const long double step = 1e-6L;
    for (int s = 0; s < N_SCENARIOS; s++) {
        trial t;
        double loss[ROWS], grad[MOST_CELLS], slope[MOST_CELLS];
        open_trial(&t, &scenarios[s]);
        ASSERT_C_OK(
            gbt_objective_derivatives(t.o, t.score, t.label, ROWS, loss, grad, NULL, slope, NULL));
        bool is_good = true;
        for (int64_t row = 0; row < ROWS; row++) {
            const long double at = row_loss(&t, row, -1, 0.0L);
            is_good = is_good && is_near(loss[row], at, 1e-14L);
            for (int32_t k = 0; k < t.n_outputs; k++) {
                const long double up = row_loss(&t, row, k, step);
                const long double down = row_loss(&t, row, k, -step);
                const int64_t cell = k * ROWS + row;
                is_good = is_good && is_near(grad[cell], (up - down) / (2.0L * step), 1e-10L) &&
                          is_near(slope[cell], (up - at - at + down) / (step * step), 1e-5L);
            }
        }
        if (!EXPECT_C_TRUE(is_good)) {
            FAIL_C(scenarios[s].keys);
        }
        gbt_objective_free(t.o);
    }
}

TEST_C(Derivatives, SlopesAreTheDifferencesOfGradientAndHessian)
{
    const double step = 0x1p-17;
    for (int s = 0; s < N_SCENARIOS; s++) {
        trial t;
        double grad_slope[MOST_CELLS], hess_slope[MOST_CELLS], grad[2][MOST_CELLS],
            hess[2][MOST_CELLS];
        open_trial(&t, &scenarios[s]);
        ASSERT_C_OK(gbt_objective_derivatives(t.o, t.score, t.label, ROWS, NULL, NULL, NULL,
                                              grad_slope, hess_slope));
        bool is_good = true;
        for (int32_t k = 0; k < t.n_outputs; k++) {
            for (int side = 0; side < 2; side++) {
                double moved[MOST_CELLS];
                memcpy(moved, t.score, sizeof moved);
                for (int64_t row = 0; row < ROWS; row++) {
                    moved[k * ROWS + row] += side == 0 ? -step : step;
                }
                ASSERT_C_OK(gbt_objective_derivatives(t.o, moved, t.label, ROWS, NULL, grad[side],
                                                      hess[side], NULL, NULL));
            }
            for (int64_t at = k * ROWS; at < (k + 1) * ROWS; at++) {
                const double by_grad = (grad[1][at] - grad[0][at]) / (2.0 * step);
                const double by_hess = (hess[1][at] - hess[0][at]) / (2.0 * step);
                is_good = is_good && is_near(grad_slope[at], (long double)by_grad, 1e-8L) &&
                          is_near(hess_slope[at], (long double)by_hess, 1e-8L);
            }
        }
        if (!EXPECT_C_TRUE(is_good)) {
            FAIL_C(scenarios[s].keys);
        }
        gbt_objective_free(t.o);
    }
}

TEST_C(Derivatives, HessianIsTheSlopeOrItsKnownStandIn)
{
    for (int s = 0; s < N_SCENARIOS; s++) {
        trial t;
        double hess[MOST_CELLS], slope[MOST_CELLS];
        open_trial(&t, &scenarios[s]);
        ASSERT_C_OK(
            gbt_objective_derivatives(t.o, t.score, t.label, ROWS, NULL, NULL, hess, slope, NULL));
        for (int64_t i = 0; i < ROWS * t.n_outputs; i++) {
            const long double want =
                t.is->has_slope_hess ? t.is->factor * (long double)slope[i] : 1.0L;
            if (!EXPECT_C_TRUE(is_near(hess[i], want, 1e-7L))) { /* parameters are floats */
                FAIL_C(scenarios[s].keys);
                break;
            }
            EXPECT_C_TRUE(!t.is->has_true_hess || hess[i] == slope[i]);
        }
        gbt_objective_free(t.o);
    }
}

TEST_C(Derivatives, TrainingUsesTheSameInSinglePrecision)
{
    for (int s = 0; s < N_SCENARIOS; s++) {
        trial t;
        float score[MOST_CELLS], grad[MOST_CELLS], hess[MOST_CELLS];
        double exact_grad[MOST_CELLS], exact_hess[MOST_CELLS], loss[ROWS], mean = 0.0, sum = 0.0;
        open_trial(&t, &scenarios[s]);
        for (int64_t i = 0; i < ROWS * t.n_outputs; i++) {
            score[i] = (float)t.score[i];
            t.score[i] = (double)score[i];
        }
        ASSERT_C_OK(gbt_objective_gradients(t.o, score, t.label, NULL, ROWS, grad, hess));
        ASSERT_C_OK(gbt_objective_value(t.o, score, t.label, NULL, ROWS, &mean));
        ASSERT_C_OK(gbt_objective_derivatives(t.o, t.score, t.label, ROWS, loss, exact_grad,
                                              exact_hess, NULL, NULL));
        bool is_good = true;
        for (int64_t i = 0; i < ROWS * t.n_outputs; i++) {
            is_good = is_good && is_near((double)grad[i], (long double)exact_grad[i], 2e-6L) &&
                      is_near((double)hess[i], (long double)exact_hess[i], 2e-6L);
        }
        for (int64_t row = 0; row < ROWS; row++) {
            sum += loss[row];
        }
        if (!EXPECT_C_TRUE(is_good && is_near(mean, (long double)sum / ROWS, 1e-6L))) {
            FAIL_C(scenarios[s].keys);
        }
        gbt_objective_free(t.o);
    }
}

/* One row far out. */
static void far_row(const char *keys, double score, float label, double out[4])
{
    gbt_params *params = toy_params(keys);
    gbt_objective *o = NULL;
    ASSERT_C_OK(gbt_objective_create(params, &o));
    EXPECT_C_OK(
        gbt_objective_derivatives(o, &score, &label, 1, NULL, &out[0], &out[1], &out[2], &out[3]));
    gbt_objective_free(o);
    gbt_params_free(params);
}

TEST_C(Derivatives, CapsAndFloorsAreFlat)
{
    double at[4] = {0};
    far_row("objective=binary", -80.0, 0.0f, at);
    EXPECT_C_NEAR(at[0], exp(-80.0), 1e-48);
    EXPECT_C_TRUE(at[1] == 1e-16 && at[3] == 0.0); /* the floor; the gradient has none */
    EXPECT_C_NEAR(at[2], exp(-80.0), 1e-48);
    far_row("objective=poisson", 100.0, 3.0f, at);
    EXPECT_C_TRUE(at[0] == 1e30 - 3.0 && at[1] == 1e30 && at[2] == 0.0 && at[3] == 0.0);
    far_row("objective=gamma", -300.0, 3.0f, at);
    EXPECT_C_TRUE(at[0] == 1.0 - 1e30 && at[1] == 1e30 && at[2] == 0.0 && at[3] == 0.0);
    far_row("objective=gamma", 60.0, 3.0f, at);
    EXPECT_C_TRUE(at[1] == 1e-16 && at[3] == 0.0 && at[2] > 0.0);
    far_row("objective=tweedie", 200.0, 3.0f, at);
    EXPECT_C_TRUE(at[0] == 1e30 && at[2] > 0.0 && at[2] < 1e-40 && at[3] < 0.0); /* pull's alone */
    far_row("objective=fair fair_c=1", 1e9, 0.0f, at);
    EXPECT_C_TRUE(at[1] == 1e-16 && at[3] == 0.0);
}

TEST_C(Derivatives, KinksBelongToTheSideThatTrainingTakes)
{
    static const struct {
        const char *keys;
        double score;
        float label;
    } kinks[] = {{"objective=mae", 2.0, 2.0f},
                 {"objective=mape", 2.0, 2.0f},
                 {"objective=quantile quantile=0.75", 2.0, 2.0f},
                 {"objective=huber huber_delta=0.5", 2.5, 2.0f},
                 {"objective=huber huber_delta=0.5", 1.5, 2.0f},
                 {"objective=fair", 2.0, 2.0f}};
    for (int i = 0; i < (int)(sizeof kinks / sizeof kinks[0]); i++) {
        double at[4] = {0};
        const float score = (float)kinks[i].score;
        float grad = 9.0f, hess = 9.0f;
        gbt_objective *o = NULL;
        gbt_params *params = toy_params(kinks[i].keys);
        far_row(kinks[i].keys, kinks[i].score, kinks[i].label, at);
        ASSERT_C_OK(gbt_objective_create(params, &o));
        EXPECT_C_OK(gbt_objective_gradients(o, &score, &kinks[i].label, NULL, 1, &grad, &hess));
        EXPECT_C_TRUE(at[0] == (double)grad && at[1] == (double)hess);
        gbt_objective_free(o);
        gbt_params_free(params);
    }
}

TEST_C(Derivatives, WrongArgumentsAreRefused)
{
    gbt_params *params = toy_params("objective=gamma label=a,b");
    gbt_objective *o = NULL;
    ASSERT_C_OK(gbt_objective_create(params, &o));
    EXPECT_C_EQ_INT(gbt_objective_outputs(o), 2);
    const double score[4] = {0};
    float label[4] = {1.0f, 2.0f, 3.0f, -4.0f}; /* row 1 of output 1 is outside the domain */
    double out[4];
#define CALL(objective, scores, labels, n) \
    gbt_objective_derivatives(objective, scores, labels, n, NULL, out, NULL, NULL, NULL)
    EXPECT_C_STATUS(CALL(NULL, score, label, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(CALL(o, NULL, label, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(CALL(o, score, NULL, 2), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(CALL(o, score, label, -1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(CALL(o, score, label, 2), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "the label of row 1 is -4");
    label[3] = 4.0f;
    EXPECT_C_OK(CALL(o, score, label, 2));
    EXPECT_C_OK(CALL(o, score, label, 0));
#undef CALL
    gbt_objective_free(o);
    gbt_params_free(params);
    params = toy_params("objective=binary label=a,b");
    EXPECT_C_STATUS(gbt_objective_create(params, &o), GBT_ERR_PARAM);
    EXPECT_C_TRUE(o == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "objective binary takes one label, found 2");
    gbt_params_free(params);
}
