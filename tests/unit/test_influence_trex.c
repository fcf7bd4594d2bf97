/* TREX: the representer identity, stationarity, and influence by its definition. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_trex_fit.h"
#include "tests/support/gtest_c.h"
#include "tests/support/influence_toy.h"

static const char *const kernels[] = {"lpw", "lp", "lo", "low", "fp", "fpw", "fo", "fow", "to"};
enum { N_KERNELS = 9 };
static const double lambda = 0.003;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Loss of one row with scores f [n_outputs]; slopes into g unless it is NULL. */
static double loss_of(int64_t n_classes, int64_t n_outputs, const double *f, double y, double *g)
{
    if (n_classes == 0) {
        if (g) {
            g[0] = f[0] - y;
        }
        return 0.5 * (f[0] - y) * (f[0] - y);
    }
    if (n_outputs == 1) {
        const double p = 1.0 / (1.0 + exp(-f[0]));
        if (g) {
            g[0] = p - y;
        }
        return -y * log(p) - (1.0 - y) * log(1.0 - p);
    }
    double sum = 0.0;
    for (int64_t k = 0; k < n_outputs; k++) {
        sum += exp(f[k]);
    }
    for (int64_t k = 0; k < n_outputs && g; k++) {
        g[k] = exp(f[k]) / sum - ((int64_t)y == k ? 1.0 : 0.0);
    }
    return log(sum) - f[(int64_t)y];
}

/* A fitted model with the vectors written out. */
typedef struct fitted {
    influence_toy it;
    gbt_influence *of;
    gbt_tree_kernel kernel;
    double *weight, *alpha;  /* as gbt_trex_fit */
    double *train, *targets; /* vectors */
    int64_t n_coordinates, n_outputs, n_classes;
} fitted;

static bool fit(fitted *f, toy_label kind, const char *objective, const char *kernel, bool weighted)
{
    char training[256], keys[128];
    gbt_kernel_kind of_kind;
    gbt_influence_progress silent = {.fn = NULL, .span = 1.0};
    memset(f, 0, sizeof *f);
    (void)snprintf(training, sizeof training,
                   "objective=%s n_trees=5 max_leaves=6 min_child_samples=4 learning_rate=0.3",
                   objective);
    (void)snprintf(keys, sizeof keys, "method=trex tree_kernel=%s", kernel);
    influence_toy_make(&f->it, kind, 90, 7, training, weighted);
    f->of = influence_toy_open(&f->it, keys);
    if (!EXPECT_C_TRUE(f->of != NULL) ||
        !EXPECT_C_OK(gbt_model_shape(f->it.model, GBT_SHAPE_OUTPUTS, &f->n_outputs)) ||
        !EXPECT_C_OK(gbt_model_shape(f->it.model, GBT_SHAPE_CLASSES, &f->n_classes)) ||
        !EXPECT_C_OK(gbt_kernel_kind_of(f->of->params, &of_kind)) ||
        !EXPECT_C_OK(gbt_kernel_open(&f->kernel, f->of, of_kind))) {
        return false;
    }
    const gbt_trex_aim aim = {.label = f->of->label};
    f->weight = calloc((size_t)(f->n_outputs * gbt_kernel_coordinates(&f->kernel)), 8);
    f->alpha = calloc((size_t)(f->n_outputs * f->it.n), 8);
    f->train = influence_toy_vectors(&f->it, f->it.train, kernel, &f->n_coordinates);
    f->targets = influence_toy_vectors(&f->it, f->it.targets, kernel, &f->n_coordinates);
    return EXPECT_C_OK(gbt_trex_fit(&f->kernel, lambda, &aim, f->weight, f->alpha, &silent));
}

static void drop(fitted *f)
{
    gbt_kernel_close(&f->kernel);
    gbt_influence_free(f->of);
    influence_toy_free(&f->it);
    free(f->weight);
    free(f->alpha);
    free(f->train);
    free(f->targets);
}

/* sum_i alpha_i <phi_i, phi> */
static double representer(const fitted *f, int64_t output, const double *phi)
{
    double sum = 0.0;
    for (int64_t i = 0; i < f->it.n; i++) {
        sum += f->alpha[output * f->it.n + i] *
               dot(f->train + i * f->n_coordinates, phi, f->n_coordinates);
    }
    return sum;
}

/* W phi of every target: [n_outputs x n_targets]. */
static double *linear_scores(const fitted *f)
{
    const gbt_influence *of = f->of;
    const int64_t n_targets = f->it.n_targets;
    double *leaf_score = calloc((size_t)of->leaf_start[of->n_trees], 8);
    double *node_room = calloc((size_t)f->kernel.most_nodes, 8);
    double *out = calloc((size_t)(f->n_outputs * n_targets), 8);
    int32_t *leaf = calloc((size_t)(of->n_trees * n_targets), 4);
    EXPECT_C_OK(gbt_model_leaves_dataset(f->it.model, f->it.targets, 0, 0, 1, leaf,
                                         of->n_trees * n_targets));
    for (int64_t k = 0; k < f->n_outputs; k++) {
        gbt_kernel_leaf_scores(&f->kernel, f->weight + k * gbt_kernel_coordinates(&f->kernel),
                               node_room, leaf_score);
        for (int64_t cell = 0; cell < of->n_trees * n_targets; cell++) {
            out[k * n_targets + cell % n_targets] +=
                leaf_score[of->leaf_start[cell / n_targets] + leaf[cell]];
        }
    }
    free(leaf_score);
    free(node_room);
    free(leaf);
    return out;
}

static void check_identity(toy_label kind, const char *objective, const char *kernel, bool weighted)
{
    fitted f;
    if (fit(&f, kind, objective, kernel, weighted)) {
        double *score = linear_scores(&f), worst = 0.0, size = 0.0;
        for (int64_t k = 0; k < f.n_outputs; k++) {
            for (int64_t j = 0; j < f.it.n_targets; j++) {
                const double want = score[k * f.it.n_targets + j];
                worst =
                    fmax(worst, fabs(representer(&f, k, f.targets + j * f.n_coordinates) - want));
                size = fmax(size, fabs(want));
            }
        }
        EXPECT_C_TRUE(size > 0.0);
        if (!EXPECT_C_NEAR(worst / size, 0.0, 1e-7)) {
            FAIL_C(kernel);
        }
        free(score);
    }
    drop(&f);
}

TEST_C(InfluenceTrex, RepresenterValuesSumToTheScoreInEveryKernel)
{
    for (int k = 0; k < N_KERNELS; k++) {
        check_identity(TOY_QUANTITY, "regression", kernels[k], false);
        check_identity(TOY_BINARY, "binary", kernels[k], false);
        check_identity(TOY_CLASSES, "multiclass", kernels[k], false);
    }
}

TEST_C(InfluenceTrex, TheIdentityHoldsWithWeightsAndOtherLosses)
{
    check_identity(TOY_QUANTITY, "regression", "lpw", true);
    check_identity(TOY_BINARY, "binary", "lp", true);
    check_identity(TOY_CLASSES, "multiclassova", "lpw", true);
    check_identity(TOY_POSITIVE, "poisson", "lpw", false);
    check_identity(TOY_POSITIVE, "gamma", "lpw", false);
    check_identity(TOY_SHARE, "cross_entropy", "fp", false);
    check_identity(TOY_QUANTITY, "huber", "lpw", false);
}

/* alpha_i = -w_i dPhi/df_i / (2 lambda sum w), the slope taken where alpha itself puts the row: the
 * condition for a minimum, without W. */
static void check_stationary(toy_label kind, const char *objective, bool weighted)
{
    fitted f;
    if (fit(&f, kind, objective, "lp", weighted)) {
        double total = 0.0;
        for (int64_t i = 0; i < f.it.n; i++) {
            total += weighted ? (double)f.it.train_rows.weight[i] : 1.0;
        }
        for (int64_t i = 0; i < f.it.n; i++) {
            double score[3], slope[3];
            const double weight = weighted ? (double)f.it.train_rows.weight[i] : 1.0;
            for (int64_t k = 0; k < f.n_outputs; k++) {
                score[k] = representer(&f, k, f.train + i * f.n_coordinates);
            }
            (void)loss_of(f.n_classes, f.n_outputs, score, (double)f.it.train_rows.label[i], slope);
            for (int64_t k = 0; k < f.n_outputs; k++) {
                const double want = -weight * slope[k] / (2.0 * lambda * total);
                EXPECT_C_NEAR(f.alpha[k * f.it.n + i], want, 1e-7 * (1.0 + fabs(want)));
            }
        }
    }
    drop(&f);
}

TEST_C(InfluenceTrex, AlphaSatisfiesTheConditionForAMinimum)
{
    check_stationary(TOY_QUANTITY, "regression", false);
    check_stationary(TOY_QUANTITY, "regression", true);
    check_stationary(TOY_BINARY, "binary", true);
    check_stationary(TOY_CLASSES, "multiclass", false);
}

/* I(i, s) = L(f_s - alpha_i K) - L(f_s). */
static void check_influence(toy_label kind, const char *objective, const char *kernel)
{
    fitted f;
    if (fit(&f, kind, objective, kernel, false)) {
        float *found = influence_toy_dense(&f.it, f.of);
        ASSERT_C_TRUE(found != NULL);
        double *score = linear_scores(&f);
        for (int64_t j = 0; j < f.it.n_targets; j++) {
            double at[3], without[3];
            const double y = (double)f.it.target_rows.label[j];
            for (int64_t k = 0; k < f.n_outputs; k++) {
                at[k] = score[k * f.it.n_targets + j];
            }
            const double loss = loss_of(f.n_classes, f.n_outputs, at, y, NULL);
            for (int64_t i = 0; i < f.it.n; i++) {
                const double product = dot(f.train + i * f.n_coordinates,
                                           f.targets + j * f.n_coordinates, f.n_coordinates);
                for (int64_t k = 0; k < f.n_outputs; k++) {
                    without[k] = at[k] - f.alpha[k * f.it.n + i] * product;
                }
                const double want = loss_of(f.n_classes, f.n_outputs, without, y, NULL) - loss;
                EXPECT_C_NEAR((double)found[j * f.it.n + i], want, 1e-6 * fabs(want) + 1e-9);
            }
        }
        free(score);
        free(found);
    }
    drop(&f);
}

TEST_C(InfluenceTrex, InfluenceIsTheChangeOfTheLossWithoutTheRowsPart)
{
    check_influence(TOY_QUANTITY, "regression", "lpw");
    check_influence(TOY_QUANTITY, "regression", "fow");
    check_influence(TOY_BINARY, "binary", "lpw");
    check_influence(TOY_BINARY, "binary", "to");
    check_influence(TOY_CLASSES, "multiclass", "lp");
}

/* Fitted to its own predictions by squared loss, which are labels like any other. */
TEST_C(InfluenceTrex, PredictedLabelsReplaceTheActualOnes)
{
    fitted f;
    if (fit(&f, TOY_QUANTITY, "regression", "lp", false)) {
        gbt_influence *of =
            influence_toy_open(&f.it, "method=trex tree_kernel=lp trex_target=predicted");
        float *prediction = malloc((size_t)f.it.n * sizeof *prediction);
        gbt_influence_progress silent = {.fn = NULL, .span = 1.0};
        ASSERT_C_TRUE(of != NULL);
        ASSERT_C_OK(gbt_model_predict_dataset(f.it.model, f.it.train, GBT_PREDICT_RESPONSE, 0, 0, 1,
                                              prediction, f.it.n));
        const gbt_trex_aim aim = {.label = prediction};
        ASSERT_C_OK(gbt_trex_fit(&f.kernel, lambda, &aim, f.weight, f.alpha, &silent));
        float *found = influence_toy_dense(&f.it, of);
        double *score = linear_scores(&f);
        for (int64_t j = 0; j < f.it.n_targets; j++) {
            for (int64_t i = 0; i < f.it.n; i++) {
                const double y = (double)f.it.target_rows.label[j];
                const double without =
                    score[j] - f.alpha[i] * dot(f.train + i * f.n_coordinates,
                                                f.targets + j * f.n_coordinates, f.n_coordinates);
                const double want =
                    loss_of(0, 1, &without, y, NULL) - loss_of(0, 1, &score[j], y, NULL);
                EXPECT_C_NEAR((double)found[j * f.it.n + i], want, 1e-6 * fabs(want) + 1e-9);
            }
        }
        free(prediction);
        free(found);
        free(score);
        gbt_influence_free(of);
    }
    drop(&f);
}

/* Shares of classes: slopes p - q, so alpha_i = -(sigma(f_i) - q_i) / (2 lambda n). */
TEST_C(InfluenceTrex, PredictedProbabilitiesAreSharesOfClasses)
{
    fitted f;
    if (fit(&f, TOY_BINARY, "binary", "lp", false)) {
        gbt_influence_progress silent = {.fn = NULL, .span = 1.0};
        double *share = malloc((size_t)(2 * f.it.n) * sizeof *share);
        for (int64_t i = 0; i < f.it.n; i++) {
            share[f.it.n + i] = (double)(i % 7) / 6.0;
            share[i] = 1.0 - share[f.it.n + i];
        }
        const gbt_trex_aim aim = {.share = share, .n_shares = 2};
        ASSERT_C_OK(gbt_trex_fit(&f.kernel, lambda, &aim, f.weight, f.alpha, &silent));
        for (int64_t i = 0; i < f.it.n; i++) {
            const double score = representer(&f, 0, f.train + i * f.n_coordinates);
            const double p = 1.0 / (1.0 + exp(-score));
            EXPECT_C_NEAR(f.alpha[i], -(p - share[f.it.n + i]) / (2.0 * lambda * (double)f.it.n),
                          1e-7);
        }
        free(share);
    }
    drop(&f);
}

TEST_C(InfluenceTrex, SelfIsTheDiagonalAndSumTheSumOfRows)
{
    static const struct {
        toy_label kind;
        const char *training, *keys;
    } cases[] = {{TOY_QUANTITY, "objective=regression n_trees=5", "method=trex"},
                 {TOY_BINARY, "objective=binary n_trees=5", "method=trex tree_kernel=fpw"},
                 {TOY_CLASSES, "objective=multiclass n_trees=3",
                  "method=trex tree_kernel=to trex_target=predicted"}};
    for (int c = 0; c < 3; c++) {
        influence_toy it;
        influence_toy_make(&it, cases[c].kind, 110, 6, cases[c].training, false);
        gbt_influence *of = influence_toy_open(&it, cases[c].keys);
        ASSERT_C_TRUE(of != NULL);
        const gbt_targets rows = {it.train, NULL}, targets = {it.targets, NULL};
        float *square = malloc((size_t)(it.n * it.n) * sizeof *square);
        double *self = malloc((size_t)it.n * sizeof *self),
               *sum = malloc((size_t)it.n * sizeof *sum);
        ASSERT_C_OK(gbt_influence_dense(of, &rows, NULL, NULL, square, it.n * it.n));
        ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, self, it.n));
        ASSERT_C_OK(gbt_influence_sum(of, &targets, NULL, NULL, sum, it.n));
        float *dense = influence_toy_dense(&it, of);
        for (int64_t i = 0; i < it.n; i++) {
            double want = 0.0;
            for (int64_t j = 0; j < it.n_targets; j++) {
                want += (double)dense[j * it.n + i];
            }
            EXPECT_C_NEAR(sum[i], want, 1e-6 * fabs(want) + 1e-9);
            EXPECT_C_NEAR(self[i], (double)square[i * it.n + i], 1e-6 * fabs(self[i]) + 1e-9);
        }
        free(square);
        free(self);
        free(sum);
        free(dense);
        gbt_influence_free(of);
        influence_toy_free(&it);
    }
}

TEST_C(InfluenceTrex, ResultsDoNotDependOnThreads)
{
    influence_toy it;
    influence_toy_make(&it, TOY_CLASSES, 3000, 9, "objective=multiclass n_trees=4", true);
    float *dense[2];
    for (int run = 0; run < 2; run++) {
        gbt_influence *of =
            influence_toy_open(&it, run == 0 ? "method=trex threads=1" : "method=trex threads=3");
        ASSERT_C_TRUE(of != NULL);
        dense[run] = influence_toy_dense(&it, of);
        gbt_influence_free(of);
    }
    EXPECT_C_EQ_BYTES(dense[0], dense[1], (size_t)(it.n * it.n_targets) * sizeof(float));
    free(dense[0]);
    free(dense[1]);
    influence_toy_free(&it);
}

TEST_C(InfluenceTrex, LossesWithAJumpInTheSlopeAreRefused)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, 60, 1, "objective=mae n_trees=3", false);
    EXPECT_C_TRUE(influence_toy_open(&it, "method=trex") == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "mae");
    influence_toy_free(&it);
}

static int stop_at_once(double done, double seconds, void *user)
{
    (void)done;
    (void)seconds;
    (*(int *)user)++;
    return 1;
}

TEST_C(InfluenceTrex, TheProgressFunctionStopsTheFit)
{
    influence_toy it;
    int n_calls = 0;
    influence_toy_make(&it, TOY_QUANTITY, 200, 1, "objective=regression n_trees=3", false);
    gbt_params *params = toy_params("method=trex");
    gbt_influence *of = NULL;
    EXPECT_C_STATUS(gbt_influence_create(params, it.model, it.train, stop_at_once, &n_calls, &of),
                    GBT_ERR_CANCELLED);
    EXPECT_C_TRUE(of == NULL);
    EXPECT_C_EQ_INT(n_calls, 1);
    gbt_params_free(params);
    influence_toy_free(&it);
}

static gbt_status ask(const gbt_influence *of, const gbt_targets *targets)
{
    float out[60];
    double self[30];
    const gbt_status status = gbt_influence_dense(of, targets, NULL, NULL, out, 60);
    return status == GBT_OK ? gbt_influence_self(of, NULL, NULL, self, 30) : status;
}

TEST_C(InfluenceTrex, RefusedAllocationsLeakNothing)
{
    static const char *const keys[] = {
        "method=trex threads=1", "method=trex threads=1 tree_kernel=fp trex_target=predicted"};
    for (int k = 0; k < 2; k++) {
        influence_toy it;
        influence_toy_make(&it, TOY_BINARY, 30, 2, "objective=binary n_trees=2 min_child_samples=3",
                           false);
        EXPECT_C_EQ_TEXT(influence_toy_refusals(&it, keys[k], ask), NULL);
        influence_toy_free(&it);
    }
}
