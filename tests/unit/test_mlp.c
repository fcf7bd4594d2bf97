/* The small network against its definition, written out row by row, and its gradient against
 * central differences. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/modules/mlp.h"
#include "gbt/modules/optim.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { MOST_SIZE = 4096 };

/* Random rows, residuals, weights and parameters of a shape. */
typedef struct setup {
    gbt_mlp_shape shape;
    gbt_mlp_layout at;
    gbt_tiles tiles;
    float *residual, *weight;
    double theta[MOST_SIZE];
} setup;

static double uniform(uint64_t stream, int64_t i)
{
    return 2.0 * gbt_rng_unit(stream, (uint64_t)i) - 1.0;
}

/* Every index column has n_slots / n_index slots; a fifth of its rows have none. */
static void setup_open(setup *s, gbt_mlp_shape shape, int64_t n_rows)
{
    s->shape = shape;
    s->at = gbt_mlp_layout_of(&shape);
    EXPECT_C_OK(gbt_tiles_open(&s->tiles, n_rows, shape.n_dense, shape.n_index));
    gbt_tiles_resize(&s->tiles, n_rows);
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t c = 0; c < shape.n_dense; c++) {
            s->tiles.dense[gbt_tile_at(row, c, shape.n_dense)] =
                (float)uniform(1, row * shape.n_dense + c);
        }
        for (int32_t c = 0; c < shape.n_index; c++) {
            const int64_t each = shape.n_slots / shape.n_index;
            const int64_t draw =
                (int64_t)(gbt_rng_u64(2, (uint64_t)(row * shape.n_index + c)) >> 8);
            s->tiles.index[gbt_tile_at(row, c, shape.n_index)] =
                draw % 5 == 0 ? -1 : (int32_t)(c * each + draw / 5 % each);
        }
    }
    s->residual = malloc((size_t)(n_rows * shape.n_outputs) * sizeof *s->residual);
    s->weight = malloc((size_t)n_rows * sizeof *s->weight);
    for (int64_t i = 0; i < n_rows * shape.n_outputs; i++) {
        s->residual[i] = (float)uniform(3, i);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        s->weight[i] = (float)(0.5 + gbt_rng_unit(4, (uint64_t)i));
    }
    for (int64_t i = 0; i < s->at.size && i < MOST_SIZE; i++) {
        s->theta[i] = uniform(5, i);
    }
}

static void setup_close(setup *s)
{
    gbt_tiles_close(&s->tiles);
    free(s->residual);
    free(s->weight);
}

static gbt_mlp *open_mlp(const setup *s, int threads, double penalty, bool weighted)
{
    gbt_mlp *mlp = NULL;
    EXPECT_C_OK(gbt_mlp_open(&s->shape, s->tiles.n_rows, threads, &mlp));
    gbt_mlp_aim(mlp, &s->tiles, s->residual, s->tiles.n_rows, weighted ? s->weight : NULL, penalty);
    return mlp;
}

/* ---- The definition -------------------------------------------------------------------------- */

static double activation_of(gbt_activation kind, double x)
{
    return kind == GBT_UNIT_LOGISTIC ? 1.0 / (1.0 + exp(-x))
           : kind == GBT_UNIT_TANH   ? tanh(x)
           : kind == GBT_UNIT_RELU   ? (x > 0.0 ? x : 0.0)
                                     : x;
}

static double output_of(const setup *s, int64_t row, int32_t k)
{
    const gbt_mlp_shape *m = &s->shape;
    double f = s->theta[s->at.out_bias + k];
    for (int32_t j = 0; j < m->n_units; j++) {
        double sum = s->theta[s->at.bias + j];
        for (int32_t c = 0; c < m->n_dense; c++) {
            sum += s->theta[s->at.dense + (int64_t)j * m->n_dense + c] *
                   (double)s->tiles.dense[gbt_tile_at(row, c, m->n_dense)];
        }
        for (int32_t c = 0; c < m->n_index; c++) {
            const int64_t slot = s->tiles.index[gbt_tile_at(row, c, m->n_index)];
            sum += slot < 0 ? 0.0 : s->theta[s->at.slot + slot * m->n_units + j];
        }
        f += s->theta[s->at.out + (int64_t)k * m->n_units + j] * activation_of(m->activation, sum);
    }
    return f;
}

static double loss_of(const setup *s, double penalty, bool weighted)
{
    const int64_t n = s->tiles.n_rows;
    double sum = 0.0, weights = 0.0, squares = 0.0;
    for (int64_t row = 0; row < n; row++) {
        const double v = weighted ? (double)s->weight[row] : 1.0;
        weights += v;
        for (int32_t k = 0; k < s->shape.n_outputs; k++) {
            const double e = (double)s->residual[k * n + row] - output_of(s, row, k);
            sum += v * e * e;
        }
    }
    for (int64_t i = 0; i < s->at.size; i++) {
        const bool is_bias = (i >= s->at.bias && i < s->at.out_bias) || i >= s->at.out_bias;
        squares += is_bias ? 0.0 : s->theta[i] * s->theta[i];
    }
    return sum / (2.0 * weights * s->shape.n_outputs) + penalty * squares / (2.0 * (double)n);
}

static const gbt_activation every[] = {GBT_UNIT_LOGISTIC, GBT_UNIT_TANH, GBT_UNIT_RELU,
                                       GBT_UNIT_IDENTITY};

/* Shapes of all sorts: many rows and few, one output and three, numbers and slots. */
static const struct {
    int64_t n_rows;
    gbt_mlp_shape shape;
} cases[] = {
    {1, {.n_dense = 3, .n_units = 1, .n_outputs = 1}},
    {7, {.n_dense = 5, .n_units = 2, .n_outputs = 3}},
    {128, {.n_dense = 4, .n_units = 1, .n_outputs = 1}},
    {129, {.n_dense = 9, .n_units = 3, .n_outputs = 3}},
    {700, {.n_dense = 6, .n_index = 2, .n_slots = 8, .n_units = 2, .n_outputs = 3}},
    {300, {.n_index = 3, .n_slots = 30, .n_units = 4, .n_outputs = 1}},
    {50, {.n_units = 2, .n_outputs = 2}}, /* no inputs at all */
};
enum { N_CASES = (int)(sizeof cases / sizeof cases[0]) };

TEST_C(Mlp, OutputsAndErrorAreThoseOfTheDefinition)
{
    for (int i = 0; i < N_CASES * 4; i++) {
        setup s;
        gbt_mlp_shape shape = cases[i / 4].shape;
        const int64_t n = cases[i / 4].n_rows;
        shape.activation = every[i % 4];
        setup_open(&s, shape, n);
        gbt_mlp *mlp = open_mlp(&s, 1, 0.3, i % 2 == 0);
        double grad[MOST_SIZE], *out = malloc((size_t)(n * shape.n_outputs) * sizeof *out);
        EXPECT_C_NEAR(gbt_mlp_loss(mlp, s.theta, grad), loss_of(&s, 0.3, i % 2 == 0), 1e-13);
        gbt_mlp_outputs(mlp, &s.tiles, s.theta, out, n);
        for (int64_t q = 0; q < n * shape.n_outputs; q++) {
            EXPECT_C_NEAR(out[q], output_of(&s, q % n, (int32_t)(q / n)), 1e-13);
        }
        free(out);
        gbt_mlp_close(mlp);
        setup_close(&s);
    }
}

/* Check 9 of the method: central differences, for every activation, one output and three. */
TEST_C(Mlp, TheGradientIsThatOfCentralDifferences)
{
    for (int i = 0; i < N_CASES * 4; i++) {
        setup s;
        gbt_mlp_shape shape = cases[i / 4].shape;
        shape.activation = every[i % 4];
        setup_open(&s, shape, cases[i / 4].n_rows);
        gbt_mlp *mlp = open_mlp(&s, 1, 0.7, i % 2 == 1);
        double grad[MOST_SIZE], ignored[MOST_SIZE];
        (void)gbt_mlp_loss(mlp, s.theta, grad);
        for (int64_t q = 0; q < s.at.size; q++) {
            const double at = s.theta[q], h = 1e-6;
            s.theta[q] = at + h;
            const double above = gbt_mlp_loss(mlp, s.theta, ignored);
            s.theta[q] = at - h;
            const double below = gbt_mlp_loss(mlp, s.theta, ignored);
            s.theta[q] = at;
            EXPECT_C_NEAR(grad[q], (above - below) / (2.0 * h), 1e-7);
        }
        gbt_mlp_close(mlp);
        setup_close(&s);
    }
}

TEST_C(Mlp, TheBitsDoNotDependOnTheNumberOfThreads)
{
    const gbt_mlp_shape shape = {.n_dense = 20,
                                 .n_index = 3,
                                 .n_slots = 60,
                                 .n_units = 3,
                                 .n_outputs = 2,
                                 .activation = GBT_UNIT_TANH};
    enum { ROWS = 9001 };
    setup s;
    setup_open(&s, shape, ROWS);
    double grad[2][MOST_SIZE], value[2];
    double *out[2] = {malloc(sizeof(double) * 2 * ROWS), malloc(sizeof(double) * 2 * ROWS)};
    for (int threads = 2; threads <= 7; threads++) {
        for (int i = 0; i < 2; i++) {
            gbt_mlp *mlp = open_mlp(&s, i == 0 ? 1 : threads, 0.1, true);
            value[i] = gbt_mlp_loss(mlp, s.theta, grad[i]);
            gbt_mlp_outputs(mlp, &s.tiles, s.theta, out[i], ROWS);
            gbt_mlp_close(mlp);
        }
        EXPECT_C_EQ_BYTES(&value[0], &value[1], sizeof(double));
        EXPECT_C_EQ_BYTES(grad[0], grad[1], (size_t)s.at.size * sizeof(double));
        EXPECT_C_EQ_BYTES(out[0], out[1], sizeof(double) * 2 * ROWS);
    }
    free(out[0]);
    free(out[1]);
    setup_close(&s);
}

TEST_C(Mlp, AWeightOfTwoIsTheRowTwice)
{
    const gbt_mlp_shape shape = {.n_dense = 4, .n_units = 2, .n_outputs = 2};
    setup once, twice;
    setup_open(&once, shape, 40);
    setup_open(&twice, shape, 60);
    int64_t rows[60];
    for (int64_t i = 0; i < 60; i++) {
        rows[i] = i < 40 ? i : i - 40;
    }
    gbt_tiles_gather(&once.tiles, rows, 60, &twice.tiles);
    for (int64_t i = 0; i < 60; i++) {
        twice.weight[i] = 1.0f;
        for (int64_t k = 0; k < 2; k++) {
            twice.residual[k * 60 + i] = once.residual[k * 40 + rows[i]];
        }
    }
    for (int64_t i = 0; i < 40; i++) {
        once.weight[i] = i < 20 ? 2.0f : 1.0f;
    }
    double grad[2][MOST_SIZE];
    gbt_mlp *a = open_mlp(&once, 1, 0.0, true), *b = open_mlp(&twice, 1, 0.0, true);
    EXPECT_C_NEAR(gbt_mlp_loss(a, once.theta, grad[0]), gbt_mlp_loss(b, once.theta, grad[1]),
                  1e-14);
    for (int64_t q = 0; q < once.at.size; q++) {
        EXPECT_C_NEAR(grad[0][q], grad[1][q], 1e-14);
    }
    gbt_mlp_close(a);
    gbt_mlp_close(b);
    setup_close(&once);
    setup_close(&twice);
}

/* Check 8: with the mean over outputs in the gradient too, a column twice is the column once. */
TEST_C(Mlp, DuplicatingTheOutputsLeavesTheHiddenGradient)
{
    const gbt_mlp_shape one = {.n_dense = 5, .n_units = 2, .n_outputs = 1};
    gbt_mlp_shape two = one;
    two.n_outputs = 2;
    setup s, t;
    setup_open(&s, one, 90);
    setup_open(&t, two, 90);
    memcpy(t.residual, s.residual, 90 * sizeof(float));
    memcpy(t.residual + 90, s.residual, 90 * sizeof(float));
    for (int64_t i = 0; i < 10; i++) {
        t.theta[t.at.dense + i] = s.theta[s.at.dense + i];
    }
    for (int64_t i = 0; i < 2; i++) {
        t.theta[t.at.bias + i] = s.theta[s.at.bias + i];
        t.theta[t.at.out + i] = t.theta[t.at.out + 2 + i] = s.theta[s.at.out + i];
        t.theta[t.at.out_bias + i] = s.theta[s.at.out_bias];
    }
    double grad_s[MOST_SIZE], grad_t[MOST_SIZE];
    gbt_mlp *a = open_mlp(&s, 1, 0.0, false), *b = open_mlp(&t, 1, 0.0, false);
    EXPECT_C_NEAR(gbt_mlp_loss(a, s.theta, grad_s), gbt_mlp_loss(b, t.theta, grad_t), 1e-15);
    for (int64_t i = 0; i < 10; i++) {
        EXPECT_C_NEAR(grad_s[s.at.dense + i], grad_t[t.at.dense + i], 1e-15);
    }
    gbt_mlp_close(a);
    gbt_mlp_close(b);
    setup_close(&s);
    setup_close(&t);
}

/* Check 11: an identity unit fitted exactly is ordinary least squares, here y = 1 + 2 x0 - 3 x1. */
TEST_C(Mlp, AnIdentityUnitFitsALine)
{
    const gbt_mlp_shape shape = {
        .n_dense = 2, .n_units = 1, .n_outputs = 1, .activation = GBT_UNIT_IDENTITY};
    setup s;
    setup_open(&s, shape, 200);
    for (int64_t row = 0; row < 200; row++) {
        s.residual[row] = 1.0f + 2.0f * s.tiles.dense[gbt_tile_at(row, 0, 2)] -
                          3.0f * s.tiles.dense[gbt_tile_at(row, 1, 2)];
    }
    gbt_mlp *mlp = open_mlp(&s, 1, 0.0, false);
    gbt_lbfgs *lbfgs = NULL;
    gbt_minimise_options options = gbt_minimise_defaults();
    options.relative_decrease = -1.0;
    options.gradient_tolerance = 1e-12;
    EXPECT_C_OK(gbt_lbfgs_open(s.at.size, &lbfgs));
    (void)gbt_lbfgs_minimise(lbfgs, s.at.size, gbt_mlp_loss, mlp, &options, s.theta);
    const double a = s.theta[s.at.out];
    EXPECT_C_NEAR(a * s.theta[s.at.dense], 2.0, 1e-6);
    EXPECT_C_NEAR(a * s.theta[s.at.dense + 1], -3.0, 1e-6);
    EXPECT_C_NEAR(a * s.theta[s.at.bias] + s.theta[s.at.out_bias], 1.0, 1e-6);
    gbt_lbfgs_close(lbfgs);
    gbt_mlp_close(mlp);
    setup_close(&s);
}

/* ---- Activations ----------------------------------------------------------------------------- */

static double relative_error(double got, long double want)
{
    return want == 0.0L ? fabs(got) : (double)fabsl(((long double)got - want) / want);
}

TEST_C(Mlp, ActivationsAreAccurateToAFewUlp)
{
    double worst = 0.0;
    for (int i = -40000; i <= 40000; i++) {
        const double x = i < 0 ? -exp(-20.0 + -i * 6e-4) : exp(-20.0 + i * 6e-4); /* to 54 */
        const long double wide = (long double)x;
        worst = fmax(worst, relative_error(gbt_unit_tanh(x), tanhl(wide)));
        worst = fmax(worst, relative_error(gbt_unit_logistic(x), 1.0L / (1.0L + expl(-wide))));
        worst = fmax(worst, relative_error(gbt_expm1(x), expm1l(wide)));
    }
    EXPECT_C_TRUE(worst < 5.0 * 0x1p-52);
}

TEST_C(Mlp, ActivationsKeepTheirLimits)
{
    EXPECT_C_NEAR(gbt_unit_tanh(0.0), 0.0, 0.0);
    EXPECT_C_NEAR(gbt_unit_logistic(0.0), 0.5, 0.0);
    for (double x = 50.0; x < 1e300; x *= 1e10) {
        EXPECT_C_NEAR(gbt_unit_tanh(x), 1.0, 0.0);
        EXPECT_C_NEAR(gbt_unit_tanh(-x), -1.0, 0.0);
        EXPECT_C_NEAR(gbt_unit_logistic(x), 1.0, 0.0);
        EXPECT_C_TRUE(gbt_unit_logistic(-x) >= 0.0 && gbt_unit_logistic(-x) < 1e-21);
        EXPECT_C_NEAR(gbt_unit_relu(x), x, 0.0);
        EXPECT_C_NEAR(gbt_unit_relu(-x), 0.0, 0.0);
    }
    EXPECT_C_TRUE(isnan(gbt_unit_tanh((double)NAN)) && isnan(gbt_unit_logistic((double)NAN)));
}

/* ---- Tiles and memory ------------------------------------------------------------------------ */

TEST_C(Mlp, GatheringCopiesRowsAndClearsTheRestOfTheTile)
{
    const gbt_mlp_shape shape = {
        .n_dense = 2, .n_index = 1, .n_slots = 4, .n_units = 1, .n_outputs = 1};
    setup s;
    gbt_tiles to;
    const int64_t rows[3] = {250, 3, 250};
    setup_open(&s, shape, 300);
    EXPECT_C_OK(gbt_tiles_open(&to, 200, 2, 1));
    for (int32_t i = 0; i < 2 * GBT_TILE_ROWS * 2; i++) {
        to.dense[i] = 9.0f; /* left over from before */
    }
    gbt_tiles_gather(&s.tiles, rows, 3, &to);
    EXPECT_C_EQ_INT(to.n_rows, 3);
    for (int64_t i = 0; i < GBT_TILE_ROWS; i++) {
        for (int32_t c = 0; c < 2; c++) {
            const float want = i < 3 ? s.tiles.dense[gbt_tile_at(rows[i], c, 2)] : 0.0f;
            EXPECT_C_NEAR((double)to.dense[gbt_tile_at(i, c, 2)], (double)want, 0.0);
        }
        EXPECT_C_EQ_INT(to.index[gbt_tile_at(i, 0, 1)],
                        i < 3 ? s.tiles.index[gbt_tile_at(rows[i], 0, 1)] : -1);
    }
    gbt_tiles_close(&to);
    setup_close(&s);
}

TEST_C(Mlp, RefusedMemoryIsToldAndNothingLeaks)
{
    const gbt_mlp_shape shape = {.n_dense = 2, .n_units = 3, .n_outputs = 2};
    for (int64_t n = 1;; n++) {
        gbt_mlp *mlp = NULL;
        gbt_tiles tiles;
        fail_alloc_install(n);
        gbt_status status = gbt_tiles_open(&tiles, 500, 2, 1);
        status = status == GBT_OK ? gbt_mlp_open(&shape, 500, 2, &mlp) : status;
        const bool refused = fail_alloc_refused();
        gbt_tiles_close(&tiles);
        gbt_mlp_close(mlp);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
}
