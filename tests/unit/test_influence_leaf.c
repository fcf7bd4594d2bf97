/* leaf_influence against finite differences, leaf_refit against refits by brute force, update sets
 * against plain loops. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/modules/influence_moves.h"
#include "tests/support/gtest_c.h"
#include "tests/support/influence_case.h"

static const struct {
    const char *options;
    toy_label label;
    bool weighted;
} cases[] = {
    {"objective=regression", TOY_QUANTITY, true},
    {"objective=binary gradient_bits=8", TOY_BINARY, false},
    {"objective=binary scale_pos_weight=3 subsample=0.7", TOY_BINARY, true},
    {"objective=poisson", TOY_POSITIVE, false},
    {"objective=gamma", TOY_POSITIVE, true},
    {"objective=tweedie reg_lambda=0 min_child_weight=1", TOY_POSITIVE, false},
    {"objective=cross_entropy", TOY_SHARE, false},
    {"objective=fair", TOY_QUANTITY, false},
    {"objective=multiclassova", TOY_CLASSES, true},
    {"objective=multiclass", TOY_CLASSES, false}, /* the last: not for derivatives */
};
enum { N_CASES = sizeof cases / sizeof cases[0], N_ROWS = 60, N_TARGETS = 9 };

static influence_case open_case(int at)
{
    influence_case c;
    char options[256] = "cat_l2=0 min_child_samples=4 max_leaves=5 n_trees=7 learning_rate=0.3 ";
    strcat(options, cases[at].options);
    influence_case_open(&c, options, cases[at].label, N_ROWS, N_TARGETS, cases[at].weighted);
    return c;
}

static void check(const char *what, const float *found, const double *expected, int64_t n,
                  double tolerance)
{
    double worst = 0.0, largest = 1e-300;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)found[i] - expected[i]));
        largest = fmax(largest, fabs(expected[i]));
    }
    if (!EXPECT_C_TRUE(worst <= tolerance * largest)) {
        FAIL_C(what);
    }
}

/* ---- All rows follow ------------------------------------------------------------------------- */

/* Loss of the targets when row `i` weighs `weight`. */
static void losses_with(const influence_case *c, int64_t i, double weight, double *loss)
{
    double *weights = malloc((size_t)c->n_rows * sizeof *weights);
    double *score = malloc((size_t)(c->n_outputs * c->n_targets) * sizeof *score);
    memcpy(weights, c->weight, (size_t)c->n_rows * sizeof *weights);
    weights[i] = weight;
    plain_refit(c, weights, score);
    plain_losses(c, score, loss, NULL);
    free(weights);
    free(score);
}

TEST_C(InfluenceLeaf, RefitIsARefitByBruteForce)
{
    for (int at = 0; at < N_CASES; at++) {
        influence_case c = open_case(at);
        double expected[N_TARGETS * N_ROWS], before[N_TARGETS], after[N_TARGETS];
        for (int64_t i = 0; i < N_ROWS; i++) {
            losses_with(&c, i, c.weight[i], before);
            losses_with(&c, i, 0.0, after);
            for (int64_t s = 0; s < N_TARGETS; s++) {
                expected[s * N_ROWS + i] = after[s] - before[s];
            }
        }
        float *found = influence_dense_of(&c, "method=leaf_refit threads=2");
        check(cases[at].options, found, expected, N_TARGETS * N_ROWS, 1e-6);
        free(found);
        influence_case_close(&c);
    }
}

TEST_C(InfluenceLeaf, InfluenceIsTheDerivativeByTheRowsWeight)
{
    for (int at = 0; at < N_CASES - 1; at++) {
        influence_case c = open_case(at);
        double expected[N_TARGETS * N_ROWS], low[N_TARGETS], high[N_TARGETS];
        const double step = 1e-4;
        for (int64_t i = 0; i < N_ROWS; i++) {
            losses_with(&c, i, c.weight[i] - step, low);
            losses_with(&c, i, c.weight[i] + step, high);
            for (int64_t s = 0; s < N_TARGETS; s++) {
                expected[s * N_ROWS + i] = (low[s] - high[s]) / (2.0 * step);
            }
        }
        float *found = influence_dense_of(&c, "method=leaf_influence threads=2");
        check(cases[at].options, found, expected, N_TARGETS * N_ROWS, 1e-6);
        free(found);
        influence_case_close(&c);
    }
}

/* T = 1, one leaf a side, squared loss: the leaf moves from the mean residual to that of the
 * others. */
TEST_C(InfluenceLeaf, OneTreesLeafMovesToTheMeanOfTheOthers)
{
    influence_case c;
    influence_case_open(&c,
                        "objective=regression reg_lambda=0 cat_l2=0 n_trees=1 max_leaves=4 "
                        "learning_rate=0.5 gradient_bits=32",
                        TOY_QUANTITY, 120, 5, false);
    plain_tree *trees = plain_trees(&c);
    float *found = influence_dense_of(&c, "method=leaf_refit");
    for (int64_t s = 0; s < c.n_targets; s++) {
        const int32_t leaf = c.target_leaf[s];
        const double n = (double)trees[0].rows[leaf], mean = trees[0].theta[leaf];
        const double residual = -trees[0].target_grad[s] - 0.5 * mean;
        for (int64_t i = 0; i < c.n_rows; i++) {
            const double own = -trees[0].grad[i];
            const double shift = c.leaf[i] == leaf ? 0.5 * (mean - own) / (n - 1.0) : 0.0;
            const double expected =
                0.5 * (residual - shift) * (residual - shift) - 0.5 * residual * residual;
            EXPECT_C_NEAR((double)found[s * c.n_rows + i], expected, 1e-6);
        }
    }
    free(found);
    plain_trees_free(trees, c.n_trees);
    influence_case_close(&c);
}

/* ---- Update sets ----------------------------------------------------------------------------- */

static void expect_same(const influence_case *c, const char *a, const char *b)
{
    float *first = influence_dense_of(c, a), *second = influence_dense_of(c, b);
    EXPECT_C_EQ_BYTES(first, second, (size_t)(c->n_targets * c->n_rows) * sizeof *first);
    free(first);
    free(second);
}

TEST_C(InfluenceLeaf, ASinglePointIsTheEmptyUpdateSet)
{
    for (int at = 0; at < N_CASES; at++) {
        influence_case c = open_case(at);
        expect_same(&c, "method=leaf_influence update_set=0", "method=leaf_influence_sp");
        influence_case_close(&c);
    }
}

TEST_C(InfluenceLeaf, AsManyLeavesAsThereAreLetAllRowsFollow)
{
    for (int at = 0; at < N_CASES; at++) {
        influence_case c = open_case(at);
        expect_same(&c, "method=leaf_influence update_set=5", "method=leaf_influence");
        expect_same(&c, "method=leaf_refit update_set=5", "method=leaf_refit");
        influence_case_close(&c);
    }
}

/* leaf_refit with an empty update set: only the row's own g and h leave. */
TEST_C(InfluenceLeaf, AnEmptyUpdateSetRefitsAtOldScores)
{
    for (int at = 0; at < N_CASES; at++) {
        influence_case c = open_case(at);
        const int64_t m = c.n_targets, cells = c.n_outputs * m;
        plain_tree *trees = plain_trees(&c);
        double *base = malloc((size_t)cells * sizeof *base),
               *moved = malloc((size_t)cells * sizeof *moved);
        double expected[N_TARGETS * N_ROWS], before[N_TARGETS], after[N_TARGETS];
        plain_refit(&c, c.weight, base);
        plain_losses(&c, base, before, NULL);
        for (int64_t i = 0; i < N_ROWS; i++) {
            memcpy(moved, base, (size_t)cells * sizeof *moved);
            for (int32_t t = 0; t < c.n_trees; t++) {
                const int32_t leaf = c.leaf[t * N_ROWS + i];
                const double d = trees[t].divisor[leaf], w = c.weight[i];
                const double without =
                    (trees[t].theta[leaf] * d + w * trees[t].grad[i]) / (d - w * trees[t].hess[i]);
                for (int64_t s = 0; s < m && c.bag[t * N_ROWS + i]; s++) {
                    if (leaf == c.target_leaf[t * m + s]) {
                        moved[t % c.n_outputs * m + s] += c.rate * (without - trees[t].theta[leaf]);
                    }
                }
            }
            plain_losses(&c, moved, after, NULL);
            for (int64_t s = 0; s < m; s++) {
                expected[s * N_ROWS + i] = after[s] - before[s];
            }
        }
        float *found = influence_dense_of(&c, "method=leaf_refit update_set=0");
        check(cases[at].options, found, expected, N_TARGETS * N_ROWS, 2e-6);
        plain_trees_free(trees, c.n_trees);
        free(base);
        free(moved);
        free(found);
        influence_case_close(&c);
    }
}

/* One leaf follows: the definition row by row, one output. `refit` 0: derivative, else the finite
 * change; returns the changes of target scores [n_targets]. */
static void follow_one_leaf(const influence_case *c, const plain_tree *trees, int64_t removed,
                            double *change)
{
    double moved[N_ROWS] = {0.0};
    memset(change, 0, N_TARGETS * sizeof *change);
    for (int32_t t = 0; t < c->n_trees; t++) {
        const int32_t *leaf = c->leaf + t * N_ROWS, own = leaf[removed];
        double size[8] = {0.0}, sum[8] = {0.0}, step[8];
        uint8_t chosen[8];
        for (int j = 0; j < N_ROWS; j++) {
            size[leaf[j]] += fabs(moved[j]);
        }
        gbt_moves_choose(size, 5, own, 1, chosen);
        for (int j = 0; j < N_ROWS; j++) {
            const double theta = trees[t].theta[leaf[j]];
            const bool counts = c->bag[t * N_ROWS + j];
            if (counts && (chosen[leaf[j]] || j == removed)) {
                sum[leaf[j]] += c->weight[j] * moved[j] *
                                (trees[t].grad_slope[j] + theta * trees[t].hess_slope[j]);
            }
            if (counts && j == removed) {
                sum[own] += trees[t].grad[j] + theta * trees[t].hess[j];
            }
        }
        int32_t n_leaves = 0;
        EXPECT_C_OK(gbt_model_tree_leaves(c->model, t, &n_leaves));
        for (int32_t l = 0; l < n_leaves; l++) {
            step[l] = -c->rate * sum[l] / trees[t].divisor[l];
        }
        for (int j = 0; j < N_ROWS; j++) {
            moved[j] += chosen[leaf[j]] || j == removed ? step[leaf[j]] : 0.0;
        }
        for (int s = 0; s < N_TARGETS; s++) {
            change[s] += step[c->target_leaf[t * N_TARGETS + s]];
        }
    }
}

TEST_C(InfluenceLeaf, OnlyTheRowsOfTheMostMovedLeavesFollow)
{
    for (int at = 0; at < 3; at++) {
        influence_case c = open_case(at);
        plain_tree *trees = plain_trees(&c);
        double expected[N_TARGETS * N_ROWS], change[N_TARGETS], score[N_TARGETS], grad[N_TARGETS];
        plain_refit(&c, c.weight, score);
        plain_losses(&c, score, NULL, grad);
        for (int64_t i = 0; i < N_ROWS; i++) {
            follow_one_leaf(&c, trees, i, change);
            for (int64_t s = 0; s < N_TARGETS; s++) {
                expected[s * N_ROWS + i] = -grad[s] * change[s];
            }
        }
        float *found = influence_dense_of(&c, "method=leaf_influence update_set=1"),
              *all = influence_dense_of(&c, "method=leaf_influence");
        check(cases[at].options, found, expected, N_TARGETS * N_ROWS, 1e-6);
        EXPECT_C_TRUE(memcmp(found, all, N_TARGETS * N_ROWS * sizeof *found) != 0);
        plain_trees_free(trees, c.n_trees);
        free(found);
        free(all);
        influence_case_close(&c);
    }
}

/* A tiny weight, so that the finite change is a derivative: leaf_refit with an update set follows
 * the same rows as leaf_influence with it. */
TEST_C(InfluenceLeaf, RefitFollowsTheSameUpdateSetsAsTheDerivative)
{
    static const char *const sets[] = {"1", "2", "3"};
    for (int at = 0; at < 3; at++) {
        influence_case c;
        toy rows, others;
        memset(&c, 0, sizeof c);
        toy_make(&rows, N_ROWS, TOY_BINARY, 21);
        toy_make(&others, N_TARGETS, TOY_BINARY, 22);
        c.params = toy_params("objective=binary cat_l2=0 min_child_samples=4 max_leaves=6 "
                              "n_trees=6 learning_rate=0.3");
        for (int i = 0; i < N_ROWS; i += 3) {
            rows.weight[i] = 1e-4f;
        }
        c.train = toy_dataset(&rows, c.params, NULL, true);
        c.targets = toy_dataset(&others, c.params, c.train, false);
        c.model = toy_train(c.params, c.train);
        influence_case_fill(&c);
        char refit[64] = "method=leaf_refit update_set=",
             slope[64] = "method=leaf_influence update_set=";
        float *finite = influence_dense_of(&c, strcat(refit, sets[at])),
              *derivative = influence_dense_of(&c, strcat(slope, sets[at]));
        double largest = 0.0;
        for (int64_t i = 0; i < N_TARGETS * N_ROWS; i++) {
            largest = fmax(largest, fabs((double)derivative[i]));
        }
        for (int64_t s = 0; s < N_TARGETS; s++) {
            for (int64_t i = 0; i < N_ROWS; i += 3) {
                EXPECT_C_NEAR((double)finite[s * N_ROWS + i] / 1e-4,
                              (double)derivative[s * N_ROWS + i], 2e-3 * largest);
            }
        }
        toy_free(&rows);
        toy_free(&others);
        free(finite);
        free(derivative);
        influence_case_close(&c);
    }
}

TEST_C(InfluenceLeaf, TheChoiceTakesTheLargestThenItsOwnLeafThenTheLowest)
{
    static const double moved[] = {1.0, 3.0, 1.0, 3.0, 0.0};
    static const struct {
        int32_t own, n;
        uint8_t chosen[5];
    } choices[] = {
        {0, 1, {0, 1, 0, 0, 0}}, {3, 1, {0, 0, 0, 1, 0}}, {4, 2, {0, 1, 0, 1, 0}},
        {2, 3, {0, 1, 1, 1, 0}}, {4, 3, {1, 1, 0, 1, 0}}, {4, 9, {1, 1, 1, 1, 1}},
    };
    for (size_t at = 0; at < sizeof choices / sizeof choices[0]; at++) {
        uint8_t chosen[5];
        gbt_moves_choose(moved, 5, choices[at].own, choices[at].n, chosen);
        EXPECT_C_EQ_BYTES(chosen, choices[at].chosen, 5);
    }
}
