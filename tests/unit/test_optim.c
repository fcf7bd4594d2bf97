/* L-BFGS and Adam on functions with known minima, and against SciPy 1.17.1 (L-BFGS-B), whose
 * numbers stand where they are used. */
#include <math.h>
#include <string.h>

#include "gbt/modules/optim.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { MOST = 64 };

/* A function with its length and a count of calls. */
typedef struct problem {
    int64_t n, calls;
} problem;

static double rosenbrock(void *context, const double *x, double *grad)
{
    problem *p = context;
    double value = 0.0;
    p->calls++;
    memset(grad, 0, (size_t)p->n * sizeof *grad);
    for (int64_t i = 0; i + 1 < p->n; i++) {
        const double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
        value += 100.0 * a * a + b * b;
        grad[i] += -400.0 * a * x[i] - 2.0 * b;
        grad[i + 1] += 200.0 * a;
    }
    return value;
}

static double beale(void *context, const double *x, double *grad)
{
    problem *p = context;
    const double y = x[1], a = 1.5 - x[0] + x[0] * y, b = 2.25 - x[0] + x[0] * y * y,
                 c = 2.625 - x[0] + x[0] * y * y * y;
    p->calls++;
    grad[0] = 2.0 * (a * (y - 1.0) + b * (y * y - 1.0) + c * (y * y * y - 1.0));
    grad[1] = 2.0 * x[0] * (a + 2.0 * b * y + 3.0 * c * y * y);
    return a * a + b * b + c * c;
}

/* sum d_i (x_i - 1)^2 / 2 with d from 1 to 10^4 */
static double ill_conditioned(void *context, const double *x, double *grad)
{
    problem *p = context;
    double value = 0.0;
    p->calls++;
    for (int64_t i = 0; i < p->n; i++) {
        const double d = pow(10.0, 4.0 * (double)i / (double)(p->n - 1));
        grad[i] = d * (x[i] - 1.0);
        value += 0.5 * grad[i] * (x[i] - 1.0);
    }
    return value;
}

/* Penalised logistic regression on 40 rows made of small whole numbers. */
static double logistic(void *context, const double *w, double *grad)
{
    problem *p = context;
    double value = 0.005 * (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
    p->calls++;
    for (int k = 0; k < 3; k++) {
        grad[k] = 0.01 * w[k];
    }
    for (int i = 0; i < 40; i++) {
        const double x[3] = {1.0, (i * 7 % 11) / 5.0 - 1.0, (i * 5 % 13) / 6.0 - 1.0};
        const double y = (i * 3 % 7) > (i * 7 % 11) / 2.0 - 1.0;
        const double z = w[0] * x[0] + w[1] * x[1] + w[2] * x[2];
        value += (log1p(exp(-fabs(z))) + (z > 0.0 ? z : 0.0) - y * z) / 40.0;
        for (int k = 0; k < 3; k++) {
            grad[k] += (1.0 / (1.0 + exp(-z)) - y) * x[k] / 40.0;
        }
    }
    return value;
}

/* log barrier: outside its domain for x <= 0 */
static double barrier(void *context, const double *x, double *grad)
{
    problem *p = context;
    p->calls++;
    grad[0] = 1.0 - 1e-3 / x[0];
    return x[0] > 0.0 ? x[0] - 1e-3 * log(x[0]) : (double)NAN;
}

static double plane(void *context, const double *x, double *grad)
{
    problem *p = context;
    p->calls++;
    grad[0] = -1.0;
    return -x[0];
}

static gbt_minimise_options tight(double gradient)
{
    gbt_minimise_options options = gbt_minimise_defaults();
    options.max_iterations = 2000;
    options.gradient_tolerance = gradient;
    options.relative_decrease = -1.0; /* never */
    return options;
}

static gbt_minimise_result minimise(gbt_slope_fn fn, problem *p,
                                    const gbt_minimise_options *options, double *x)
{
    gbt_minimise_result result = {0};
    gbt_lbfgs *lbfgs = NULL;
    if (EXPECT_C_OK(gbt_lbfgs_open(p->n, &lbfgs))) {
        result = gbt_lbfgs_minimise(lbfgs, p->n, fn, p, options, x);
        EXPECT_C_EQ_INT(result.calls, p->calls);
    }
    gbt_lbfgs_close(lbfgs);
    return result;
}

TEST_C(Optim, LbfgsFindsTheMinimumOfRosenbrocksValley)
{
    problem p = {.n = 2};
    double x[2] = {-1.2, 1.0};
    const gbt_minimise_options options = tight(1e-10);
    const gbt_minimise_result result = minimise(rosenbrock, &p, &options, x);
    EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_GRADIENT);
    EXPECT_C_NEAR(x[0], 1.0, 1e-9);
    EXPECT_C_NEAR(x[1], 1.0, 1e-9);
    EXPECT_C_TRUE(result.value < 1e-18);
    EXPECT_C_TRUE(result.calls <= 2 * 47); /* SciPy: 39 iterations, 47 calls */
}

TEST_C(Optim, LbfgsFindsTheMinimumOfRosenbrocksValleyInTwentyDimensions)
{
    problem p = {.n = 20};
    double x[20];
    for (int i = 0; i < 20; i++) {
        x[i] = i % 2 == 0 ? -1.2 : 1.0;
    }
    const gbt_minimise_options options = tight(1e-8);
    const gbt_minimise_result result = minimise(rosenbrock, &p, &options, x);
    EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_GRADIENT);
    for (int i = 0; i < 20; i++) {
        EXPECT_C_NEAR(x[i], 1.0, 1e-7);
    }
    EXPECT_C_TRUE(result.calls <= 2 * 172); /* SciPy: 140 iterations, 172 calls */
}

TEST_C(Optim, LbfgsFindsTheMinimumOfBealesFunction)
{
    problem p = {.n = 2};
    double x[2] = {1.0, 1.0};
    const gbt_minimise_options options = tight(1e-10);
    const gbt_minimise_result result = minimise(beale, &p, &options, x);
    EXPECT_C_NEAR(x[0], 3.0, 1e-9);
    EXPECT_C_NEAR(x[1], 0.5, 1e-9);
    EXPECT_C_TRUE(result.calls <= 2 * 18); /* SciPy: 17 iterations, 18 calls */
}

TEST_C(Optim, LbfgsSolvesAnIllConditionedSquare)
{
    problem p = {.n = 30};
    double x[30] = {0.0};
    const gbt_minimise_options options = tight(1e-8);
    const gbt_minimise_result result = minimise(ill_conditioned, &p, &options, x);
    EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_GRADIENT);
    for (int i = 0; i < 30; i++) {
        EXPECT_C_NEAR(x[i], 1.0, 1e-7);
    }
    EXPECT_C_TRUE(result.calls <= 2 * 861); /* SciPy: 809 iterations, 861 calls */
}

TEST_C(Optim, LogisticRegressionAgreesWithScipy)
{
    problem p = {.n = 3};
    double x[3] = {0.0};
    const gbt_minimise_options options = tight(1e-12);
    const gbt_minimise_result result = minimise(logistic, &p, &options, x);
    /* SciPy 1.17.1, minimize(method="L-BFGS-B", ftol=0, gtol=1e-13) */
    EXPECT_C_NEAR(x[0], 1.123488, 1e-6);
    EXPECT_C_NEAR(x[1], -1.50188764, 1e-8);
    EXPECT_C_NEAR(x[2], -0.141134, 1e-6);
    EXPECT_C_NEAR(result.value, 0.50096658287231, 1e-13);
}

TEST_C(Optim, TheDefaultsStopAsEarlyAsScipysDo)
{
    problem p = {.n = 3};
    double x[3] = {0.0};
    const gbt_minimise_options options = gbt_minimise_defaults();
    const gbt_minimise_result result = minimise(logistic, &p, &options, x);
    EXPECT_C_TRUE(result.end == GBT_MINIMISE_GRADIENT || result.end == GBT_MINIMISE_VALUE);
    EXPECT_C_TRUE(result.iterations <= 12); /* SciPy: 6 */
    EXPECT_C_NEAR(result.value, 0.50096658287231, 1e-8);
}

TEST_C(Optim, TheGradientToleranceIsObeyed)
{
    problem p = {.n = 20};
    double x[20] = {0.0}, grad[20];
    const gbt_minimise_options options = tight(0.5);
    const gbt_minimise_result result = minimise(rosenbrock, &p, &options, x);
    double largest = 0.0;
    (void)rosenbrock(&p, x, grad);
    for (int i = 0; i < 20; i++) {
        largest = fmax(largest, fabs(grad[i]));
    }
    EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_GRADIENT);
    EXPECT_C_TRUE(largest <= 0.5);
    EXPECT_C_NEAR(result.gradient, largest, 0.0);
}

TEST_C(Optim, NoMoreIterationsThanAllowedAreMade)
{
    for (int64_t most = 0; most < 6; most++) {
        problem p = {.n = 2};
        double x[2] = {-1.2, 1.0};
        gbt_minimise_options options = tight(0.0);
        options.max_iterations = most;
        const gbt_minimise_result result = minimise(rosenbrock, &p, &options, x);
        EXPECT_C_EQ_INT(result.iterations, most);
        EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_ITERATIONS);
        EXPECT_C_TRUE(most > 0 || x[0] == -1.2);
    }
}

TEST_C(Optim, EveryIterationGoesDown)
{
    double before = (double)INFINITY;
    for (int64_t most = 0; most < 40; most++) {
        problem p = {.n = 2};
        double x[2] = {-1.2, 1.0};
        gbt_minimise_options options = tight(0.0);
        options.max_iterations = most;
        const gbt_minimise_result result = minimise(rosenbrock, &p, &options, x);
        EXPECT_C_TRUE(result.value < before || result.iterations < most);
        before = result.value;
    }
}

TEST_C(Optim, ALargerDecreaseStopsSooner)
{
    problem loose = {.n = 20}, strict = {.n = 20};
    double x[20] = {0.0}, y[20] = {0.0};
    gbt_minimise_options options = tight(0.0);
    options.relative_decrease = 1e-2;
    const gbt_minimise_result first = minimise(rosenbrock, &loose, &options, x);
    options.relative_decrease = 1e-12;
    const gbt_minimise_result second = minimise(rosenbrock, &strict, &options, y);
    EXPECT_C_EQ_INT(first.end, GBT_MINIMISE_VALUE);
    EXPECT_C_TRUE(first.iterations < second.iterations);
    EXPECT_C_TRUE(second.value < first.value);
}

TEST_C(Optim, PointsOutsideTheDomainAreAvoided)
{
    problem p = {.n = 1};
    double x[1] = {1.0}; /* the first step lands at 0, outside */
    const gbt_minimise_options options = tight(1e-9);
    const gbt_minimise_result result = minimise(barrier, &p, &options, x);
    EXPECT_C_NEAR(x[0], 1e-3, 1e-9);
    EXPECT_C_TRUE(isfinite(result.value));
}

TEST_C(Optim, AStartOutsideTheDomainIsToldAndLeftAlone)
{
    problem p = {.n = 1};
    double x[1] = {-1.0};
    const gbt_minimise_options options = tight(1e-9);
    EXPECT_C_EQ_INT(minimise(barrier, &p, &options, x).end, GBT_MINIMISE_NOT_FINITE);
    EXPECT_C_NEAR(x[0], -1.0, 0.0);
}

TEST_C(Optim, AFunctionWithoutMinimumEndsFinite)
{
    problem p = {.n = 1};
    double x[1] = {0.0};
    gbt_minimise_options options = tight(0.0);
    options.max_iterations = 10;
    const gbt_minimise_result result = minimise(plane, &p, &options, x);
    EXPECT_C_TRUE(isfinite(x[0]) && x[0] > 0.0);
    EXPECT_C_NEAR(result.value, -x[0], 0.0);
}

TEST_C(Optim, AVectorWithoutEntriesIsAtItsMinimum)
{
    problem p = {.n = 0};
    double x[1] = {7.0};
    const gbt_minimise_options options = tight(0.0);
    EXPECT_C_EQ_INT(minimise(rosenbrock, &p, &options, x).end, GBT_MINIMISE_GRADIENT);
    EXPECT_C_NEAR(x[0], 7.0, 0.0);
}

TEST_C(Optim, OneMinimiserServesManyVectors)
{
    gbt_lbfgs *lbfgs = NULL;
    const gbt_minimise_options options = tight(1e-10);
    ASSERT_C_OK(gbt_lbfgs_open(MOST, &lbfgs));
    double fresh[2] = {-1.2, 1.0}, again[2] = {-1.2, 1.0}, other[20] = {0.0};
    problem p = {.n = 2}, q = {.n = 20};
    (void)gbt_lbfgs_minimise(lbfgs, 2, rosenbrock, &p, &options, fresh);
    (void)gbt_lbfgs_minimise(lbfgs, 20, rosenbrock, &q, &options, other);
    (void)gbt_lbfgs_minimise(lbfgs, 2, rosenbrock, &p, &options, again);
    EXPECT_C_EQ_BYTES(fresh, again, sizeof fresh); /* nothing is left of earlier calls */
    gbt_lbfgs_close(lbfgs);
}

/* ---- Adam ------------------------------------------------------------------------------------ */

static gbt_minimise_result minimise_adam(gbt_slope_fn fn, problem *p,
                                         const gbt_minimise_options *options, double *x)
{
    gbt_minimise_result result = {0};
    gbt_adam *adam = NULL;
    if (EXPECT_C_OK(gbt_adam_open(p->n, &adam))) {
        result = gbt_adam_minimise(adam, p->n, fn, p, options, x);
        EXPECT_C_EQ_INT(result.calls, p->calls);
    }
    gbt_adam_close(adam);
    return result;
}

TEST_C(Optim, AdamsFirstStepsAreThoseOfThePaper)
{
    /* Step 1 of algorithm 1: both corrected moments are g and g^2, so x moves by the rate. Step 2
     * by hand for f = -x, where g is constant: the same. */
    problem p = {.n = 1};
    double x[1] = {0.0};
    gbt_minimise_options options = tight(0.0);
    options.learning_rate = 0.25;
    options.max_iterations = 2;
    (void)minimise_adam(plane, &p, &options, x);
    EXPECT_C_NEAR(x[0], 0.5, 1e-6);
}

TEST_C(Optim, AdamFindsTheMinimumOfLogisticRegression)
{
    problem p = {.n = 3};
    double x[3] = {0.0};
    gbt_minimise_options options = tight(1e-7);
    options.learning_rate = 0.05;
    (void)minimise_adam(logistic, &p, &options, x);
    EXPECT_C_NEAR(x[0], 1.123488, 1e-4);
    EXPECT_C_NEAR(x[1], -1.50188764, 1e-4);
    EXPECT_C_NEAR(x[2], -0.141134, 1e-4);
}

TEST_C(Optim, AdamKeepsTheLowestPointItHasSeen)
{
    double before = (double)INFINITY;
    for (int64_t most = 0; most < 60; most++) {
        problem p = {.n = 30};
        double x[30] = {0.0}, grad[30];
        gbt_minimise_options options = tight(0.0);
        options.learning_rate = 0.5; /* far too long for this function: it overshoots */
        options.max_iterations = most;
        const gbt_minimise_result result = minimise_adam(ill_conditioned, &p, &options, x);
        EXPECT_C_TRUE(result.value <= before);
        EXPECT_C_NEAR(ill_conditioned(&p, x, grad), result.value, 0.0);
        before = result.value;
    }
}

TEST_C(Optim, AdamStopsWhenTheValueHasSettled)
{
    problem p = {.n = 3};
    double x[3] = {0.0};
    gbt_minimise_options options = tight(0.0);
    options.learning_rate = 0.05;
    options.relative_decrease = 1e-9;
    const gbt_minimise_result result = minimise_adam(logistic, &p, &options, x);
    EXPECT_C_EQ_INT(result.end, GBT_MINIMISE_VALUE);
    EXPECT_C_EQ_INT(result.iterations % 25, 0);
    EXPECT_C_NEAR(result.value, 0.50096658287231, 1e-4);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static gbt_status open_both(void)
{
    gbt_lbfgs *lbfgs = NULL;
    gbt_adam *adam = NULL;
    gbt_status status = gbt_lbfgs_open(MOST, &lbfgs);
    status = status == GBT_OK ? gbt_adam_open(MOST, &adam) : status;
    gbt_lbfgs_close(lbfgs);
    gbt_adam_close(adam);
    return status;
}

TEST_C(Optim, RefusedMemoryIsToldAndNothingLeaks)
{
    for (int64_t n = 1;; n++) {
        fail_alloc_install(n);
        const gbt_status status = open_both();
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
}

TEST_C(Optim, MinimisingAllocatesNothing)
{
    gbt_lbfgs *lbfgs = NULL;
    problem p = {.n = 2};
    double x[2] = {-1.2, 1.0};
    const gbt_minimise_options options = tight(1e-10);
    fail_alloc_install(0);
    EXPECT_C_OK(gbt_lbfgs_open(2, &lbfgs));
    const int64_t calls = fail_alloc_calls();
    (void)gbt_lbfgs_minimise(lbfgs, 2, rosenbrock, &p, &options, x);
    EXPECT_C_EQ_INT(fail_alloc_calls(), calls);
    gbt_lbfgs_close(lbfgs);
    fail_alloc_remove();
}

TEST_C(Optim, ANegativeLengthIsRefused)
{
    gbt_lbfgs *lbfgs = NULL;
    gbt_adam *adam = NULL;
    EXPECT_C_STATUS(gbt_lbfgs_open(-1, &lbfgs), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_adam_open(-1, &adam), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(lbfgs == NULL && adam == NULL);
}
