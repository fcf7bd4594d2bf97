/* gain.h against its formulas, written out anew, and against each other. */
#include <math.h>

#include "gbt/backend/gain.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

static double draw(uint64_t *at, double low, double high)
{
    return low + (high - low) * gbt_rng_unit(99, (*at)++);
}

static gbt_side draw_side(uint64_t *at)
{
    return (gbt_side){draw(at, -50.0, 50.0), draw(at, 0.01, 30.0), floor(draw(at, 1.0, 500.0))};
}

/* Twice the loss reduction of giving a node the weight w: the second-order model of the loss with
 * L2 and L1 terms, -2 (G w + (H + lambda) w^2 / 2 + alpha |w|). */
static double reduction(gbt_side s, const gbt_regular *r, double w)
{
    return -2.0 * (s.grad * w + 0.5 * (s.hess + r->lambda) * w * w + r->alpha * fabs(w));
}

TEST_C(Gain, SoftThresholdShrinksTowardsZero)
{
    EXPECT_C_TRUE(gbt_soft_threshold(3.0, 1.0) == 2.0);
    EXPECT_C_TRUE(gbt_soft_threshold(-3.0, 1.0) == -2.0);
    EXPECT_C_TRUE(gbt_soft_threshold(0.5, 1.0) == 0.0);
    EXPECT_C_TRUE(gbt_soft_threshold(-1.0, 1.0) == 0.0);
    EXPECT_C_TRUE(gbt_soft_threshold(-0.25, 0.0) == -0.25);
}

TEST_C(Gain, WeightMinimisesTheRegularisedLoss)
{
    uint64_t at = 0;
    for (int i = 0; i < 1000; i++) {
        const gbt_side s = draw_side(&at);
        const gbt_regular r = {.lambda = draw(&at, 0.0, 5.0), .alpha = draw(&at, 0.0, 10.0)};
        const double w = gbt_leaf_weight(s, &r, 0.0);
        const double best = reduction(s, &r, w);
        const double step = 1e-4 * (1.0 + fabs(w));
        ASSERT_C_TRUE(best >= reduction(s, &r, w + step));
        ASSERT_C_TRUE(best >= reduction(s, &r, w - step));
        EXPECT_C_NEAR(gbt_node_gain(s, &r, 0.0), best, 1e-9 * (1.0 + fabs(best)));
    }
}

TEST_C(Gain, WeightIsZeroWhenNothingIsKnownOfTheCurvature)
{
    const gbt_regular r = {0};
    const gbt_side s = {.grad = 4.0, .hess = 0.0, .rows = 3.0};
    EXPECT_C_TRUE(gbt_leaf_weight(s, &r, 0.0) == 0.0);
    EXPECT_C_TRUE(gbt_node_gain(s, &r, 0.0) == 0.0);
}

TEST_C(Gain, MaxDeltaStepClipsTheWeight)
{
    const gbt_regular r = {.lambda = 1.0, .max_delta_step = 0.5};
    const gbt_side low = {.grad = 10.0, .hess = 3.0, .rows = 5.0};
    const gbt_side high = {.grad = -10.0, .hess = 3.0, .rows = 5.0};
    const gbt_side inside = {.grad = -1.0, .hess = 3.0, .rows = 5.0};
    EXPECT_C_TRUE(gbt_leaf_weight(low, &r, 0.0) == -0.5);
    EXPECT_C_TRUE(gbt_leaf_weight(high, &r, 0.0) == 0.5);
    EXPECT_C_TRUE(gbt_leaf_weight(inside, &r, 0.0) == 0.25);
    EXPECT_C_NEAR(gbt_node_gain(low, &r, 0.0), 2.0 * 10.0 * 0.5 - 4.0 * 0.25, 1e-12);
}

TEST_C(Gain, PathSmoothingMixesTheParentsWeightByRows)
{
    const gbt_regular r = {.lambda = 1.0, .path_smooth = 10.0};
    const gbt_side s = {.grad = -8.0, .hess = 3.0, .rows = 30.0};
    const double w = 0.75 * 2.0 + 0.25 * -4.0;
    EXPECT_C_NEAR(gbt_leaf_weight(s, &r, -4.0), w, 1e-15);
    EXPECT_C_NEAR(gbt_node_gain(s, &r, -4.0), 2.0 * 8.0 * w - 4.0 * w * w, 1e-12);
}

TEST_C(Gain, SplitGainIsTheSumOfBothSides)
{
    uint64_t at = 5000;
    for (int i = 0; i < 1000; i++) {
        const gbt_side a = draw_side(&at);
        const gbt_side b = draw_side(&at);
        const double parent = draw(&at, -2.0, 2.0);
        gbt_regular r = {.lambda = draw(&at, 0.0, 5.0)};
        if (i % 2 == 1) {
            r.alpha = draw(&at, 0.0, 5.0);
            r.max_delta_step = i % 4 == 1 ? 0.0 : draw(&at, 0.1, 2.0);
            r.path_smooth = i % 8 < 4 ? 0.0 : draw(&at, 0.1, 20.0);
        }
        const double want = gbt_node_gain(a, &r, parent) + gbt_node_gain(b, &r, parent);
        EXPECT_C_NEAR(gbt_split_gain(a, b, &r, parent), want, 1e-12 * (1.0 + fabs(want)));
    }
}

TEST_C(Gain, PlainPathAndGeneralPathAgreeUpToRounding)
{
    uint64_t at = 9000;
    for (int i = 0; i < 1000; i++) {
        const gbt_side a = draw_side(&at);
        const gbt_side b = draw_side(&at);
        const gbt_regular plain = {.lambda = draw(&at, 0.0, 5.0)};
        gbt_regular general = plain;
        general.max_delta_step = 1e300;
        ASSERT_C_TRUE(gbt_regular_is_plain(&plain) && !gbt_regular_is_plain(&general));
        const double want = gbt_split_gain(a, b, &plain, 0.0);
        EXPECT_C_NEAR(gbt_split_gain(a, b, &general, 0.0), want, 1e-12 * (1.0 + want));
        EXPECT_C_NEAR(gbt_node_gain(a, &general, 0.0), gbt_node_gain(a, &plain, 0.0),
                      1e-12 * (1.0 + want));
    }
}

TEST_C(Gain, SidesMayBeExchanged)
{
    uint64_t at = 20000;
    for (int i = 0; i < 1000; i++) {
        const gbt_side a = draw_side(&at);
        const gbt_side b = draw_side(&at);
        const gbt_regular plain = {.lambda = 1.0};
        const gbt_regular general = {.lambda = 1.0, .alpha = 0.5, .path_smooth = 2.0};
        EXPECT_C_TRUE(gbt_split_gain(a, b, &plain, 0.3) == gbt_split_gain(b, a, &plain, 0.3));
        EXPECT_C_TRUE(gbt_split_gain(a, b, &general, 0.3) == gbt_split_gain(b, a, &general, 0.3));
    }
}

TEST_C(Gain, SplittingNeverLosesWithoutRegularisation)
{
    uint64_t at = 30000;
    const gbt_regular r = {0};
    for (int i = 0; i < 1000; i++) {
        const gbt_side a = draw_side(&at);
        const gbt_side b = draw_side(&at);
        const gbt_side both = {a.grad + b.grad, a.hess + b.hess, a.rows + b.rows};
        const double node = gbt_node_gain(both, &r, 0.0);
        EXPECT_C_TRUE(gbt_split_gain(a, b, &r, 0.0) >= node - 1e-10 * node);
    }
}

TEST_C(Gain, FloorIsTheLargerOfMinimumAndNoise)
{
    EXPECT_C_TRUE(gbt_gain_floor(10.0, 2.0) == 12.0);
    EXPECT_C_TRUE(gbt_gain_floor(0.0, 0.0) == 0.0);
    EXPECT_C_TRUE(gbt_gain_floor(1e6, 0.0) > 1e6);
    EXPECT_C_TRUE(gbt_gain_floor(-1e6, 0.0) > -1e6);
    EXPECT_C_NEAR(gbt_gain_floor(1e6, 0.0) - 1e6, 1e-4, 1e-8);
}

/* A node of two equal halves must never be split: rounding alone makes the sides exceed it at
 * times. */
TEST_C(Gain, EqualHalvesStayBelowTheFloor)
{
    uint64_t at = 40000;
    const gbt_regular r = {0};
    int n_above_node = 0;
    for (int i = 0; i < 10000; i++) {
        const gbt_side a = draw_side(&at);
        const double share = draw(&at, 0.01, 0.99);
        const gbt_side left = {a.grad * share, a.hess * share, 1.0};
        const gbt_side right = {a.grad - left.grad, a.hess - left.hess, 1.0};
        const double node = gbt_node_gain(a, &r, 0.0);
        const double sides = gbt_split_gain(left, right, &r, 0.0);
        n_above_node += sides > node;
        EXPECT_C_TRUE(sides <= gbt_gain_floor(node, 0.0));
    }
    EXPECT_C_TRUE(n_above_node > 0);
}
