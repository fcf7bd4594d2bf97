/* Influence by leaf sums: the worked examples, the definitions as plain loops, and the identities
 * that hold exactly. Expected numbers of the worked examples: an independent program in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/maths.h"
#include "gbt/modules/influence_internal.h"
#include "tests/support/gtest_c.h"
#include "tests/support/influence_case.h"

static const char *const small = "cat_l2=0 min_child_samples=5 n_trees=12 ";

static influence_case open_with(const char *more, toy_label label, int64_t n_rows,
                                int64_t n_targets, bool weighted)
{
    influence_case c;
    char options[512];
    strcpy(options, small);
    strcat(options, strstr(more, "symmetric") ? "" : "max_leaves=8 ");
    strcat(options, more);
    influence_case_open(&c, options, label, n_rows, n_targets, weighted);
    return c;
}

/* ---- Worked examples ------------------------------------------------------------------------- */

typedef struct example {
    const char *options;
    double expected[6];
} example;

static void check_examples(const influence_case *c, const example *examples, size_t n)
{
    for (size_t e = 0; e < n; e++) {
        float *found = influence_dense_of(c, examples[e].options);
        for (int i = 0; i < 6; i++) {
            if (!EXPECT_C_NEAR((double)found[i], examples[e].expected[i], 2e-7)) {
                FAIL_C(examples[e].options);
            }
        }
        free(found);
    }
}

TEST_C(Influence, SquaredLossMatchesTheWorkedExample)
{
    static const float label[] = {1, 2, 2, 5, 6, 9};
    static const int last_left[] = {3, 5};
    static const example examples[] = {
        {"method=boostin",
         {0.2185390143, 0.0536084587, 0.0536084587, -0.0104106385, -0.0295078607, 0}},
        {"method=boostin leaf_term=reference",
         {0.3614577305, 0.1965271750, 0.1965271750, -0.0042106723, -0.0233078945, 0}},
        {"method=leaf_influence",
         {-0.0241340041, -0.0072250052, -0.0072250052, 0.0064099473, 0.0123778292, -0.0058849947}},
        {"method=leaf_influence_sp",
         {-0.0267035088, -0.0078052160, -0.0078052160, 0.0053738567, 0.0123363856, 0}},
        {"method=leaf_influence update_set=0",
         {-0.0267035088, -0.0078052160, -0.0078052160, 0.0053738567, 0.0123363856, 0}},
        {"method=leaf_refit",
         {0.0229884621, -0.0045578342, -0.0045578342, 0.0094460720, 0.0268650535, -0.0044702182}},
    };
    influence_case c;
    influence_case_stumps(&c, "objective=regression", label, 6, last_left, 2, 2.0f, 3.0f);
    check_examples(&c, examples, sizeof examples / sizeof examples[0]);
    float *w1 = influence_dense_of(&c, "method=boostin_w1"),
          *w2 = influence_dense_of(&c, "method=boostin_w2");
    EXPECT_C_NEAR((double)w1[0], 0.0688235436, 1e-7);
    EXPECT_C_NEAR((double)w2[0], 0.0221366223, 1e-7);
    free(w1);
    free(w2);
    influence_case_close(&c);
}

TEST_C(Influence, LogisticLossMatchesTheWorkedExample)
{
    static const float label[] = {0, 0, 1, 0, 1, 1};
    static const int last_left[] = {3, 5};
    static const example examples[] = {
        {"method=boostin",
         {-0.0427238679, -0.0427238679, 0.0607565222, -0.1317354325, 0.1146021005, 0.0612244898}},
        {"method=boostin leaf_term=reference",
         {-0.0453873036, -0.0453873036, 0.0580930865, -0.1292968274, 0.1170407056, 0.0663265306}},
        {"method=leaf_influence",
         {-0.0352654353, -0.0352654353, 0.0510226889, -0.1239108830, 0.1096119628, 0.0532673503}},
        {"method=leaf_influence_sp",
         {-0.0418209317, -0.0418209317, 0.0597633509, -0.1284121393, 0.1129879050, 0.0600192347}},
        {"method=leaf_refit",
         {-0.0410571434, -0.0410571434, 0.0631747777, -0.1359014301, 0.1375791533, 0.0641962293}},
    };
    influence_case c;
    influence_case_stumps(&c, "objective=binary boost_from_average=false", label, 6, last_left, 2,
                          5.0f, 1.0f);
    check_examples(&c, examples, sizeof examples / sizeof examples[0]);
    influence_case_close(&c);
}

/* ---- The definition of boostin --------------------------------------------------------------- */

/* Every case is a way of training; all are held against the same plain loop. */
static const struct {
    const char *options;
    toy_label label;
    bool weighted;
} cases[] = {
    {"objective=regression", TOY_QUANTITY, false},
    {"objective=regression reg_lambda=0 min_child_weight=1", TOY_QUANTITY, true},
    {"objective=binary gradient_bits=8", TOY_BINARY, false},
    {"objective=binary scale_pos_weight=3 subsample=0.6 subsample_freq=2", TOY_BINARY, true},
    {"objective=poisson", TOY_POSITIVE, false},
    {"objective=gamma", TOY_POSITIVE, true},
    {"objective=tweedie", TOY_POSITIVE, false},
    {"objective=huber huber_delta=0.5", TOY_QUANTITY, false},
    {"objective=fair", TOY_QUANTITY, false},
    {"objective=cross_entropy", TOY_SHARE, false},
    {"objective=multiclass", TOY_CLASSES, false},
    {"objective=multiclassova subsample=0.7", TOY_CLASSES, true},
    {"objective=binary grow_policy=symmetric max_depth=3", TOY_BINARY, false},
    {"objective=regression grow_policy=depthwise gradient_rounding=nearest", TOY_QUANTITY, false},
    {"objective=regression gradient_bits=3", TOY_QUANTITY, false},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static double plain_slope(const influence_case *c, const plain_tree *tree, int32_t t, int64_t i,
                          int power, double rate)
{
    const int32_t leaf = c->leaf[t * c->n_rows + i];
    double slope =
        c->rate * (tree->grad[i] + rate * tree->theta[leaf] * tree->hess[i]) / tree->divisor[leaf];
    for (int p = 0; p < power; p++) {
        slope /= (double)tree->rows[leaf];
    }
    return c->bag[t * c->n_rows + i] ? slope : 0.0;
}

/* [n_targets x n_rows]; rate 1: exact, the learning rate: reference. */
static double *plain_boostin(const influence_case *c, int power, double rate)
{
    plain_tree *trees = plain_trees(c);
    double *out = calloc((size_t)(c->n_targets * c->n_rows), sizeof *out);
    for (int64_t s = 0; s < c->n_targets; s++) {
        for (int64_t i = 0; i < c->n_rows; i++) {
            for (int32_t t = 0; t < c->n_trees; t++) {
                if (c->leaf[t * c->n_rows + i] == c->target_leaf[t * c->n_targets + s]) {
                    out[s * c->n_rows + i] +=
                        trees[t].target_grad[s] * plain_slope(c, &trees[t], t, i, power, rate);
                }
            }
        }
    }
    plain_trees_free(trees, c->n_trees);
    return out;
}

/* Largest difference over largest magnitude. */
static double distance(const float *found, const double *expected, int64_t n)
{
    double worst = 0.0, largest = 1e-300;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)found[i] - expected[i]));
        largest = fmax(largest, fabs(expected[i]));
    }
    return worst / largest;
}

TEST_C(Influence, BoostinIsItsDefinitionForEveryLoss)
{
    static const char *const methods[] = {"method=boostin", "method=boostin_w1",
                                          "method=boostin_w2"};
    for (int at = 0; at < N_CASES; at++) {
        influence_case c =
            open_with(cases[at].options, cases[at].label, 150, 70, cases[at].weighted);
        for (int power = 0; power < 3; power++) {
            float *found = influence_dense_of(&c, methods[power]);
            double *expected = plain_boostin(&c, power, 1.0);
            if (!EXPECT_C_TRUE(distance(found, expected, c.n_targets * c.n_rows) < 2e-6)) {
                FAIL_C(cases[at].options);
            }
            free(found);
            free(expected);
        }
        influence_case_close(&c);
    }
}

TEST_C(Influence, TheReferenceTermTakesTheShrunkLeafValue)
{
    influence_case c = open_with("objective=binary", TOY_BINARY, 150, 20, false);
    float *found = influence_dense_of(&c, "method=boostin leaf_term=reference");
    double *expected = plain_boostin(&c, 0, c.rate), *exact = plain_boostin(&c, 0, 1.0);
    EXPECT_C_TRUE(distance(found, expected, c.n_targets * c.n_rows) < 2e-6);
    EXPECT_C_TRUE(distance(found, exact, c.n_targets * c.n_rows) > 1e-3);
    free(found);
    free(expected);
    free(exact);
    influence_case_close(&c);
}

/* More targets than a group of 64, more trees than a group of 8, leaves that outnumber targets. */
TEST_C(Influence, ManyLeavesAndManyTargetsChangeNothing)
{
    static const int64_t counts[] = {3, 64, 131};
    for (int at = 0; at < 3; at++) {
        influence_case c;
        influence_case_open(&c,
                            "objective=regression cat_l2=0 max_leaves=400 min_child_samples=1 "
                            "n_trees=19",
                            TOY_QUANTITY, 700, counts[at], false);
        float *found = influence_dense_of(&c, "method=boostin threads=2");
        double *expected = plain_boostin(&c, 0, 1.0);
        EXPECT_C_TRUE(distance(found, expected, c.n_targets * c.n_rows) < 2e-6);
        free(found);
        free(expected);
        influence_case_close(&c);
    }
}

TEST_C(Influence, InitScoresMoveBothRowsAndTargets)
{
    influence_case c;
    toy rows, others;
    float init[150];
    memset(&c, 0, sizeof c);
    toy_make(&rows, 150, TOY_BINARY, 3);
    toy_make(&others, 40, TOY_BINARY, 4);
    c.params = toy_params("objective=binary cat_l2=0 max_leaves=6 n_trees=8 min_child_samples=5");
    c.train = toy_dataset(&rows, c.params, NULL, false);
    c.targets = toy_dataset(&others, c.params, c.train, false);
    for (int i = 0; i < 150; i++) {
        init[i] = (float)(i % 7) * 0.3f - 1.0f;
    }
    EXPECT_C_OK(gbt_dataset_set(c.train, GBT_INIT_SCORE, init, GBT_F32, 150));
    EXPECT_C_OK(gbt_dataset_set(c.targets, GBT_INIT_SCORE, init, GBT_F32, 40));
    c.model = toy_train(c.params, c.train);
    influence_case_fill(&c);
    float *found = influence_dense_of(&c, "method=boostin");
    double *expected = plain_boostin(&c, 0, 1.0);
    EXPECT_C_TRUE(distance(found, expected, c.n_targets * c.n_rows) < 2e-6);
    free(found);
    free(expected);
    toy_free(&rows);
    toy_free(&others);
    influence_case_close(&c);
}

/* ---- Identities ------------------------------------------------------------------------------ */

/* Sum over rows of g + theta h is -lambda theta in every leaf; with the shrunk theta it is
 * (rate H - D) theta. */
static void check_row_sums(const influence_case *c, const char *options, double rate)
{
    float *found = influence_dense_of(c, options);
    plain_tree *trees = plain_trees(c);
    for (int64_t s = 0; s < c->n_targets; s++) {
        double sum = 0.0, expected = 0.0, size = 0.0;
        for (int64_t i = 0; i < c->n_rows; i++) {
            sum += (double)found[s * c->n_rows + i];
            size += fabs((double)found[s * c->n_rows + i]);
        }
        for (int32_t t = 0; t < c->n_trees; t++) {
            const int32_t leaf = c->target_leaf[t * c->n_targets + s];
            const double divisor = trees[t].divisor[leaf];
            expected += trees[t].target_grad[s] * c->rate * trees[t].theta[leaf] *
                        (rate * (divisor - c->lambda) - divisor) / divisor;
        }
        EXPECT_C_NEAR(sum, expected, 1e-5 * size);
    }
    plain_trees_free(trees, c->n_trees);
    free(found);
}

TEST_C(Influence, RowsOfALeafSumToThePenalty)
{
    influence_case c = open_with("objective=binary reg_lambda=3", TOY_BINARY, 200, 10, false);
    check_row_sums(&c, "method=boostin", 1.0);
    check_row_sums(&c, "method=boostin leaf_term=reference", c.rate);
    influence_case_close(&c);
}

TEST_C(Influence, WithoutAPenaltyAllRowsTogetherDoNothing)
{
    influence_case c = open_with("objective=regression reg_lambda=0", TOY_QUANTITY, 200, 10, false);
    float *found = influence_dense_of(&c, "method=boostin");
    for (int64_t s = 0; s < c.n_targets; s++) {
        double sum = 0.0, size = 0.0;
        for (int64_t i = 0; i < c.n_rows; i++) {
            sum += (double)found[s * c.n_rows + i];
            size += fabs((double)found[s * c.n_rows + i]);
        }
        EXPECT_C_NEAR(sum, 0.0, 1e-5 * size);
    }
    free(found);
    influence_case_close(&c);
}

TEST_C(Influence, OfOneTreeBoostinAndSinglePointDifferByTheTargetsGradientAlone)
{
    influence_case c = open_with("objective=binary n_trees=1", TOY_BINARY, 200, 10, false);
    float *boostin = influence_dense_of(&c, "method=boostin"),
          *point = influence_dense_of(&c, "method=leaf_influence_sp");
    plain_tree *trees = plain_trees(&c);
    double score[10], grad[10];
    plain_refit(&c, c.weight, score);
    plain_losses(&c, score, NULL, grad);
    for (int64_t s = 0; s < c.n_targets; s++) {
        for (int64_t i = 0; i < c.n_rows; i++) {
            EXPECT_C_NEAR((double)boostin[s * c.n_rows + i] / trees[0].target_grad[s],
                          (double)point[s * c.n_rows + i] / grad[s], 1e-7);
        }
    }
    plain_trees_free(trees, c.n_trees);
    free(boostin);
    free(point);
    influence_case_close(&c);
}

TEST_C(Influence, RowsThatNeverShareALeafHaveNone)
{
    static const char *const methods[] = {"method=boostin", "method=leaf_influence_sp"};
    influence_case c = open_with("objective=regression n_trees=2", TOY_QUANTITY, 150, 30, false);
    for (int at = 0; at < 2; at++) {
        float *found = influence_dense_of(&c, methods[at]);
        int64_t n_apart = 0;
        for (int64_t s = 0; s < c.n_targets; s++) {
            for (int64_t i = 0; i < c.n_rows; i++) {
                bool shares = false;
                for (int32_t t = 0; t < c.n_trees; t++) {
                    shares |= c.leaf[t * c.n_rows + i] == c.target_leaf[t * c.n_targets + s];
                }
                n_apart += !shares;
                if (!shares) {
                    EXPECT_C_TRUE(found[s * c.n_rows + i] == 0.0f);
                }
            }
        }
        EXPECT_C_TRUE(n_apart > 100);
        free(found);
    }
    influence_case_close(&c);
}

TEST_C(Influence, LeavesOfEqualSizeDivideTheWeightedVariantsAlike)
{
    static const float label[] = {1, 3, 2, 7, 5, 8, 2, 4};
    static const int last_left[] = {4, 4};
    influence_case c;
    influence_case_stumps(&c, "objective=regression", label, 8, last_left, 2, 2.0f, 4.0f);
    float *plain = influence_dense_of(&c, "method=boostin"),
          *w1 = influence_dense_of(&c, "method=boostin_w1"),
          *w2 = influence_dense_of(&c, "method=boostin_w2");
    for (int i = 0; i < 8; i++) {
        EXPECT_C_NEAR((double)w1[i], (double)plain[i] / 4.0, 1e-8);
        EXPECT_C_NEAR((double)w2[i], (double)plain[i] / 16.0, 1e-8);
    }
    free(plain);
    free(w1);
    free(w2);
    influence_case_close(&c);
}

/* g of a binary target falls by exactly 1 from label 0 to label 1. */
TEST_C(Influence, FlippingATargetsLabelTakesTheSlopesOff)
{
    influence_case c = open_with("objective=binary", TOY_BINARY, 200, 12, false);
    float *before = influence_dense_of(&c, "method=boostin"), flipped[12];
    for (int s = 0; s < 12; s++) {
        flipped[s] = 1.0f - c.target_label[s];
    }
    EXPECT_C_OK(gbt_dataset_set(c.targets, GBT_LABEL, flipped, GBT_F32, 12));
    float *after = influence_dense_of(&c, "method=boostin");
    plain_tree *trees = plain_trees(&c);
    for (int64_t s = 0; s < c.n_targets; s++) {
        for (int64_t i = 0; i < c.n_rows; i++) {
            double slopes = 0.0;
            for (int32_t t = 0; t < c.n_trees; t++) {
                if (c.leaf[t * c.n_rows + i] == c.target_leaf[t * c.n_targets + s]) {
                    slopes += plain_slope(&c, &trees[t], t, i, 0, 1.0);
                }
            }
            const double change =
                (double)after[s * c.n_rows + i] - (double)before[s * c.n_rows + i];
            EXPECT_C_NEAR(change, flipped[s] > 0.5f ? -slopes : slopes, 1e-7);
        }
    }
    plain_trees_free(trees, c.n_trees);
    free(before);
    free(after);
    influence_case_close(&c);
}

/* ---- Other labels ---------------------------------------------------------------------------- */

static float *relabel_of(const influence_case *c, const char *options, const float *new_label)
{
    gbt_influence *influence = influence_of(c, options);
    const gbt_targets targets = {c->targets, NULL};
    float *out = calloc((size_t)(c->n_targets * c->n_rows), sizeof *out);
    EXPECT_C_OK(gbt_influence_relabel(influence, &targets, new_label, NULL, NULL, out,
                                      c->n_targets * c->n_rows));
    gbt_influence_free(influence);
    return out;
}

TEST_C(InfluenceRelabel, TheOwnLabelChangesNothing)
{
    static const char *const methods[] = {"method=boostin", "method=boostin_w1",
                                          "method=boostin_w2", "method=leaf_influence_sp"};
    influence_case c = open_with("objective=multiclass subsample=0.8", TOY_CLASSES, 150, 10, true);
    for (int at = 0; at < 4; at++) {
        float *found = relabel_of(&c, methods[at], c.label);
        for (int64_t i = 0; i < c.n_targets * c.n_rows; i++) {
            EXPECT_C_TRUE(found[i] == 0.0f);
        }
        free(found);
    }
    influence_case_close(&c);
}

TEST_C(InfluenceRelabel, SquaredLossSeesTheStepOfTheLabelAlone)
{
    influence_case c = open_with("objective=regression", TOY_QUANTITY, 150, 10, false);
    float label[150];
    for (int i = 0; i < 150; i++) {
        label[i] = c.label[i] + (float)(i % 5) - 1.5f;
    }
    float *found = relabel_of(&c, "method=boostin", label);
    plain_tree *trees = plain_trees(&c);
    for (int64_t s = 0; s < c.n_targets; s++) {
        for (int64_t i = 0; i < c.n_rows; i++) {
            double expected = 0.0;
            for (int32_t t = 0; t < c.n_trees; t++) {
                const int32_t leaf = c.leaf[t * c.n_rows + i];
                if (leaf == c.target_leaf[t * c.n_targets + s]) {
                    expected += c.rate * trees[t].target_grad[s] *
                                ((double)label[i] - (double)c.label[i]) / trees[t].divisor[leaf];
                }
            }
            EXPECT_C_NEAR((double)found[s * c.n_rows + i], expected, 1e-6);
        }
    }
    plain_trees_free(trees, c.n_trees);
    free(found);
    influence_case_close(&c);
}

/* g' and h' by hand: logistic, the label turned over. Weights and the single point included. */
TEST_C(InfluenceRelabel, LogisticLossTakesTheNewHessianIntoTheDivisor)
{
    influence_case c = open_with("objective=binary scale_pos_weight=4", TOY_BINARY, 150, 10, true);
    float label[150];
    for (int i = 0; i < 150; i++) {
        label[i] = 1.0f - c.label[i];
    }
    float *boostin = relabel_of(&c, "method=boostin", label),
          *point = relabel_of(&c, "method=leaf_influence_sp", label);
    plain_tree *trees = plain_trees(&c);
    double score[10], final[10];
    plain_refit(&c, c.weight, score);
    plain_losses(&c, score, NULL, final);
    for (int64_t i = 0; i < c.n_rows; i++) {
        double by_boostin[10] = {0.0}, by_point[10] = {0.0}, old_sum = 0.0, new_sum = 0.0;
        for (int32_t t = 0; t < c.n_trees; t++) {
            const plain_tree *tree = &trees[t];
            const int32_t leaf = c.leaf[t * c.n_rows + i];
            const double own = c.label[i] > 0.5f ? 4.0 : 1.0, other = 5.0 - own;
            const double p = tree->grad[i] / own + (c.label[i] > 0.5f ? 1.0 : 0.0);
            const double g = other * (p - (double)label[i]), h = tree->hess[i] / own * other;
            const double slope = tree->grad_slope[i] / own * other,
                         bend = tree->hess_slope[i] / own * other;
            const double theta = tree->theta[leaf], d = tree->divisor[leaf];
            const double new_d = d + c.weight[i] * (h - tree->hess[i]);
            const double old_move =
                -c.rate / d *
                (tree->grad[i] + theta * tree->hess[i] +
                 c.weight[i] * old_sum * (tree->grad_slope[i] + theta * tree->hess_slope[i]));
            const double new_move =
                -c.rate / new_d * (g + theta * h + c.weight[i] * new_sum * (slope + theta * bend));
            old_sum += old_move;
            new_sum += new_move;
            for (int64_t s = 0; s < c.n_targets; s++) {
                if (leaf == c.target_leaf[t * c.n_targets + s]) {
                    by_boostin[s] +=
                        c.rate * tree->target_grad[s] *
                        ((tree->grad[i] + theta * tree->hess[i]) / d - (g + theta * h) / new_d);
                    by_point[s] -= final[s] * (old_move - new_move);
                }
            }
        }
        for (int64_t s = 0; s < c.n_targets; s++) {
            EXPECT_C_NEAR((double)boostin[s * c.n_rows + i], by_boostin[s], 1e-6);
            EXPECT_C_NEAR((double)point[s * c.n_rows + i], by_point[s], 1e-6);
        }
    }
    plain_trees_free(trees, c.n_trees);
    free(boostin);
    free(point);
    influence_case_close(&c);
}

/* ---- Lowest common ancestors ----------------------------------------------------------------- */

static int32_t common_ancestor(const gbt_node *nodes, int32_t a, int32_t b)
{
    while (a != b) {
        if (nodes[a].depth >= nodes[b].depth) {
            a = nodes[a].parent;
        } else {
            b = nodes[b].parent;
        }
    }
    return a;
}

static bool is_below(const gbt_node *nodes, int32_t node, int32_t above)
{
    while (node > above) {
        node = nodes[node].parent;
    }
    return node == above;
}

/* Influence of the rows on the targets through one tree, added to `out`. */
static void add_plain_lca(const influence_case *c, const plain_tree *tree, int32_t t, double *out)
{
    int32_t n_nodes = 0, depth = 0;
    EXPECT_C_OK(gbt_model_tree_nodes(c->model, t, &n_nodes));
    gbt_node *nodes = calloc((size_t)n_nodes, sizeof *nodes);
    double *grad = calloc((size_t)n_nodes, sizeof *grad), total = 0.0;
    double *hess = calloc((size_t)n_nodes, sizeof *hess);
    int32_t *node_of_leaf = calloc((size_t)n_nodes, sizeof *node_of_leaf);
    EXPECT_C_OK(gbt_model_nodes(c->model, t, nodes, n_nodes));
    for (int32_t a = 0; a < n_nodes; a++) {
        depth = nodes[a].depth > depth ? nodes[a].depth : depth;
        if (nodes[a].leaf >= 0) {
            node_of_leaf[nodes[a].leaf] = a;
        }
    }
    for (int32_t d = 0; d <= depth; d++) {
        total += exp((double)d);
    }
    for (int64_t i = 0; i < c->n_rows; i++) {
        for (int32_t a = 0; a < n_nodes; a++) {
            const bool counts = c->bag[t * c->n_rows + i] &&
                                is_below(nodes, node_of_leaf[c->leaf[t * c->n_rows + i]], a);
            grad[a] += counts ? c->weight[i] * tree->grad[i] : 0.0;
            hess[a] += counts ? c->weight[i] * tree->hess[i] : 0.0;
        }
    }
    for (int64_t s = 0; s < c->n_targets; s++) {
        for (int64_t i = 0; i < c->n_rows; i++) {
            const int32_t a = common_ancestor(nodes, node_of_leaf[c->leaf[t * c->n_rows + i]],
                                              node_of_leaf[c->target_leaf[t * c->n_targets + s]]);
            const double divisor = hess[a] + c->lambda, theta = -grad[a] / divisor;
            if (c->bag[t * c->n_rows + i]) {
                out[s * c->n_rows + i] += exp((double)nodes[a].depth) / total *
                                          tree->target_grad[s] * c->rate *
                                          (tree->grad[i] + theta * tree->hess[i]) / divisor;
            }
        }
    }
    free(nodes);
    free(grad);
    free(hess);
    free(node_of_leaf);
}

TEST_C(InfluenceLca, IsTheFormulaOfTheThesis)
{
    for (int at = 0; at < N_CASES; at++) {
        influence_case c =
            open_with(cases[at].options, cases[at].label, 100, 70, cases[at].weighted);
        double *expected = calloc((size_t)(c.n_targets * c.n_rows), sizeof *expected);
        plain_tree *trees = plain_trees(&c);
        for (int32_t t = 0; t < c.n_trees; t++) {
            add_plain_lca(&c, &trees[t], t, expected);
        }
        float *found = influence_dense_of(&c, "method=boostin_lca");
        if (!EXPECT_C_TRUE(distance(found, expected, c.n_targets * c.n_rows) < 5e-6)) {
            FAIL_C(cases[at].options);
        }
        plain_trees_free(trees, c.n_trees);
        free(found);
        free(expected);
        influence_case_close(&c);
    }
}

/* Stumps: pairs in one leaf have depth 1, the others the root, whose sums are the same for all.
 * With the root's part taken off, boostin times e / (1 + e) is left. */
TEST_C(InfluenceLca, OfStumpsIsBoostinAndARootTerm)
{
    static const float label[] = {1, 3, 2, 7, 5, 8, 2, 4};
    static const int last_left[] = {3};
    influence_case c;
    influence_case_stumps(&c, "objective=regression", label, 8, last_left, 1, 2.0f, 4.0f);
    float *lca = influence_dense_of(&c, "method=boostin_lca"),
          *boostin = influence_dense_of(&c, "method=boostin");
    const double mean = 4.0, e = exp(1.0); /* the base score: the root's gradients sum to 0 */
    for (int i = 0; i < 8; i++) {
        const double root = (mean - 4.0) * 0.5 * (mean - (double)label[i]) / 9.0;
        EXPECT_C_NEAR((double)lca[i], i < 3 ? (double)boostin[i] * e / (1.0 + e) : root / (1.0 + e),
                      1e-7);
    }
    free(lca);
    free(boostin);
    influence_case_close(&c);
}
