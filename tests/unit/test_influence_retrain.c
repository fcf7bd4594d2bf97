/* loo, subsample and shapley against plain trainings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/modules/influence_retrainer.h"
#include "tests/support/gtest_c.h"
#include "tests/support/influence_toy.h"
#include "tests/support/temp_dir.h"

static const struct {
    toy_label kind;
    const char *training;
} cases[] = {
    {TOY_QUANTITY, "objective=regression n_trees=6 max_leaves=5 min_child_samples=4 subsample=0.8"},
    {TOY_BINARY, "objective=binary n_trees=6 max_leaves=5 min_child_samples=4 learning_rate=1"},
    {TOY_CLASSES, "objective=multiclass n_trees=4 max_leaves=4 min_child_samples=4"},
    {TOY_QUANTITY, "objective=regression n_trees=4 grow_policy=symmetric max_depth=2"},
};
enum { N_CASES = 4, N_ROWS = 48, N_TARGETS = 5 };

/* A model trained with the parameters of the case on some of the rows, in that order. */
static gbt_model *train_on(const influence_toy *it, int which, const int64_t *rows, int64_t n)
{
    gbt_params *params = toy_params(cases[which].training);
    gbt_dataset *subset = NULL;
    EXPECT_C_OK(gbt_params_set(params, "threads", "1"));
    if (cases[which].kind == TOY_CLASSES) {
        EXPECT_C_OK(gbt_params_set(params, "num_class", "3"));
    }
    EXPECT_C_OK(gbt_dataset_subset(it->train, rows, n, &subset));
    gbt_model *model = toy_train(params, subset);
    EXPECT_C_TRUE(model != NULL);
    gbt_params_free(params);
    gbt_dataset_free(subset);
    return model;
}

static void check_loo(int which)
{
    influence_toy it;
    influence_toy_make(&it, cases[which].kind, N_ROWS, N_TARGETS, cases[which].training, false);
    gbt_influence *of = influence_toy_open(&it, "method=loo");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    ASSERT_C_TRUE(found != NULL);
    double *before = influence_toy_losses(it.model, it.targets);
    int n_moved = 0;
    for (int64_t i = 0; i < it.n; i++) {
        int64_t rows[N_ROWS], n = 0;
        for (int64_t r = 0; r < it.n; r++) {
            rows[n] = r;
            n += r != i;
        }
        gbt_model *model = train_on(&it, which, rows, n);
        double *after = influence_toy_losses(model, it.targets);
        for (int64_t j = 0; j < it.n_targets; j++) {
            const double want = after[j] - before[j];
            EXPECT_C_NEAR((double)found[j * it.n + i], want,
                          1e-5 * (fabs(want) + before[j]) + 1e-7);
            n_moved += fabs(want) > 1e-4;
        }
        free(after);
        gbt_model_free(model);
    }
    EXPECT_C_TRUE(n_moved > N_ROWS / 2);
    free(found);
    free(before);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceRetrain, LooIsAPlainTrainingWithoutTheRow)
{
    for (int which = 0; which < N_CASES; which++) {
        check_loo(which);
    }
}

TEST_C(InfluenceRetrain, LooRelabelsByAPlainTrainingWithTheOtherLabel)
{
    influence_toy it;
    const int which = 1;
    float new_label[N_ROWS], found[N_ROWS * N_TARGETS];
    influence_toy_make(&it, TOY_BINARY, N_ROWS, N_TARGETS, cases[which].training, false);
    gbt_influence *of = influence_toy_open(&it, "method=loo");
    ASSERT_C_TRUE(of != NULL);
    for (int64_t i = 0; i < N_ROWS; i++) { /* every third row keeps its label */
        new_label[i] = i % 3 == 0 ? it.train_rows.label[i] : 1.0f - it.train_rows.label[i];
    }
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(
        gbt_influence_relabel(of, &targets, new_label, NULL, NULL, found, N_ROWS * N_TARGETS));
    double *before = influence_toy_losses(it.model, it.targets);
    gbt_params *params = toy_params(cases[which].training);
    for (int64_t i = 0; i < N_ROWS; i++) {
        float label[N_ROWS];
        memcpy(label, it.train_rows.label, sizeof label);
        label[i] = new_label[i];
        gbt_dataset *changed = toy_dataset(&it.train_rows, params, it.train, false);
        ASSERT_C_OK(gbt_dataset_set(changed, GBT_LABEL, label, GBT_F32, N_ROWS));
        gbt_model *model = toy_train(params, changed);
        ASSERT_C_TRUE(model != NULL);
        double *after = influence_toy_losses(model, it.targets);
        for (int64_t j = 0; j < N_TARGETS; j++) {
            const double want = after[j] - before[j];
            EXPECT_C_NEAR((double)found[j * N_ROWS + i], want,
                          1e-5 * (fabs(want) + before[j]) + 1e-7);
            if (i % 3 == 0) {
                EXPECT_C_TRUE(found[j * N_ROWS + i] == 0.0f);
            }
        }
        free(after);
        gbt_model_free(model);
        gbt_dataset_free(changed);
    }
    free(before);
    gbt_params_free(params);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceRetrain, LooNamesTheOnlyRowOfAClass)
{
    influence_toy it;
    influence_toy_make(&it, TOY_BINARY, N_ROWS, 1, "objective=binary n_trees=2", false);
    for (int64_t i = 0; i < N_ROWS; i++) {
        it.train_rows.label[i] = i == 17 ? 1.0f : 0.0f;
    }
    gbt_params *params = toy_params("objective=binary n_trees=2");
    gbt_model_free(it.model);
    gbt_dataset_free(it.train);
    it.train = toy_dataset(&it.train_rows, params, it.targets, false);
    it.model = toy_train(params, it.train);
    gbt_influence *of = influence_toy_open(&it, "method=loo");
    ASSERT_C_TRUE(of != NULL);
    EXPECT_C_TRUE(influence_toy_dense(&it, of) == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "row 17");
    gbt_params_free(params);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

/* Classes as texts, one of them in a single row; the model from its file form. */
TEST_C(InfluenceRetrain, LooTrainsWithoutTheOnlyRowOfOneOfManyTextClasses)
{
    char path[TEMP_DIR_PATH];
    temp_dir folder;
    gbt_params *params = toy_params("objective=multiclass n_trees=3 grow_policy=symmetric "
                                    "max_depth=2 min_child_samples=3 label=kind threads=1");
    gbt_dataset *train = NULL;
    gbt_model *model = NULL, *loaded = NULL;
    gbt_influence *of = NULL;
    void *bytes = NULL;
    size_t size = 0;
    float out[31];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    temp_dir_file(&folder, "train.csv", path);
    FILE *file = fopen(path, "w");
    ASSERT_C_TRUE(file != NULL);
    fprintf(file, "x,kind\n");
    for (int i = 0; i < 31; i++) {
        fprintf(file, "%d,%s\n", i * 7 % 31, i == 20 ? "ash" : i % 3 == 0 ? "oak" : "elm");
    }
    fclose(file);
    ASSERT_C_OK(gbt_dataset_from_file(params, path, NULL, &train));
    ASSERT_C_OK(gbt_train(params, train, NULL, NULL, 0, NULL, NULL, &model));
    ASSERT_C_OK(gbt_model_to_bytes(model, &bytes, &size));
    ASSERT_C_OK(gbt_model_from_bytes(bytes, size, &loaded));
    gbt_params *keys = toy_params("method=loo");
    ASSERT_C_OK(gbt_influence_create(keys, loaded, train, NULL, NULL, &of));
    const gbt_targets itself = {train, NULL};
    float *square = malloc(31 * 31 * sizeof *square);
    ASSERT_C_OK(gbt_influence_dense(of, &itself, NULL, NULL, square, 31 * 31));
    memcpy(out, square + 20 * 31, sizeof out);
    for (int i = 0; i < 31; i++) { /* nothing helps the class as much as its only row */
        EXPECT_C_TRUE(i == 20 || out[i] < out[20]);
    }
    free(square);
    gbt_memory_free(bytes);
    gbt_params_free(keys);
    gbt_params_free(params);
    gbt_influence_free(of);
    gbt_model_free(model);
    gbt_model_free(loaded);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

/* ---- subsample ------------------------------------------------------------------------------- */

/* The rows of model m, drawn one by one: row i with the share of those still wanted among those
 * still left. */
static int64_t draw(uint64_t seed, int64_t model, int64_t n, int64_t wanted, int64_t *rows)
{
    const uint64_t key = gbt_rng_key(seed, (uint64_t)model, 0, GBT_RNG_INFLUENCE);
    int64_t n_taken = 0;
    for (int64_t i = 0; i < n; i++) {
        const double share = (double)(wanted - n_taken) / (double)(n - i);
        if (gbt_rng_unit(key, (uint64_t)i) < share) {
            rows[n_taken++] = i;
        }
    }
    return n_taken;
}

static void check_subsample(int which)
{
    enum { N_MODELS = 11 };
    const int64_t wanted = 34; /* 0.7 * 48 = 33.6 */
    influence_toy it;
    double inside[N_TARGETS][N_ROWS] = {{0.0}}, outside[N_TARGETS][N_ROWS] = {{0.0}};
    int n_inside[N_ROWS] = {0};
    influence_toy_make(&it, cases[which].kind, N_ROWS, N_TARGETS, cases[which].training, false);
    gbt_influence *of = influence_toy_open(&it, "method=subsample retrainings=11 threads=2");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    ASSERT_C_TRUE(found != NULL);
    for (int64_t m = 0; m < N_MODELS; m++) {
        int64_t rows[N_ROWS];
        bool is_in[N_ROWS] = {false};
        ASSERT_C_EQ_INT(draw(0, m, N_ROWS, wanted, rows), wanted);
        gbt_model *model = train_on(&it, which, rows, wanted);
        double *loss = influence_toy_losses(model, it.targets);
        for (int64_t r = 0; r < wanted; r++) {
            is_in[rows[r]] = true;
            n_inside[rows[r]]++;
        }
        for (int64_t i = 0; i < N_ROWS; i++) {
            for (int64_t j = 0; j < N_TARGETS; j++) {
                (is_in[i] ? inside : outside)[j][i] += loss[j];
            }
        }
        free(loss);
        gbt_model_free(model);
    }
    for (int64_t i = 0; i < N_ROWS; i++) {
        for (int64_t j = 0; j < N_TARGETS; j++) {
            const double want =
                n_inside[i] == 0 || n_inside[i] == N_MODELS
                    ? 0.0
                    : outside[j][i] / (N_MODELS - n_inside[i]) - inside[j][i] / n_inside[i];
            EXPECT_C_NEAR((double)found[j * N_ROWS + i], want, 1e-5);
        }
    }
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceRetrain, SubsampleComparesModelsWithAndWithoutTheRow)
{
    for (int which = 0; which < N_CASES; which++) {
        check_subsample(which);
    }
}

/* ---- shapley --------------------------------------------------------------------------------- */

/* The definition, transcribed: passes over random orders, a quarter of the rows of each. */
static void check_shapley(int which)
{
    enum { N_PASSES = 7 };
    influence_toy it;
    double total[N_TARGETS][N_ROWS] = {{0.0}};
    influence_toy_make(&it, cases[which].kind, N_ROWS, N_TARGETS, cases[which].training, false);
    gbt_influence *of = influence_toy_open(&it, "method=shapley retrainings=7 threads=2");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    ASSERT_C_TRUE(found != NULL);
    for (int64_t pass = 0; pass < N_PASSES; pass++) {
        const uint64_t key = gbt_rng_key(0, (uint64_t)pass, 0, GBT_RNG_INFLUENCE);
        int64_t order[N_ROWS];
        double old[N_TARGETS];
        for (int64_t i = 0; i < N_ROWS; i++) {
            order[i] = i;
        }
        for (int j = 0; j < N_TARGETS; j++) {
            old[j] = cases[which].kind == TOY_BINARY    ? log(2.0)
                     : cases[which].kind == TOY_CLASSES ? log(3.0)
                                                        : 0.0;
        }
        for (int64_t i = 0; i < N_ROWS / 4; i++) {
            const int64_t other =
                i + (int64_t)(gbt_rng_u64(key, (uint64_t)i) % (uint64_t)(N_ROWS - i));
            const int64_t row = order[other];
            order[other] = order[i];
            order[i] = row;
        }
        int n_seen[3] = {0, 0, 0};
        for (int64_t i = 0; i < N_ROWS / 4; i++) {
            bool is_ready = i > 0;
            if (cases[which].kind != TOY_QUANTITY) {
                n_seen[(int)it.train_rows.label[order[i]]]++;
                is_ready = n_seen[0] > 0 && n_seen[1] > 0 &&
                           (cases[which].kind == TOY_BINARY || n_seen[2] > 0);
            }
            if (!is_ready) {
                continue;
            }
            gbt_model *model = train_on(&it, which, order, i + 1);
            double *loss = influence_toy_losses(model, it.targets);
            for (int j = 0; j < N_TARGETS; j++) {
                total[j][order[i]] += old[j] - loss[j];
                old[j] = loss[j];
            }
            free(loss);
            gbt_model_free(model);
        }
    }
    int n_moved = 0;
    for (int64_t i = 0; i < N_ROWS; i++) {
        for (int j = 0; j < N_TARGETS; j++) {
            const double want = total[j][i] / N_PASSES;
            EXPECT_C_NEAR((double)found[j * N_ROWS + i], want, 1e-5 * (1.0 + fabs(want)));
            n_moved += fabs(want) > 1e-4;
        }
    }
    EXPECT_C_TRUE(n_moved > N_ROWS);
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

TEST_C(InfluenceRetrain, ShapleyIsTheMeanDropWhenTheRowJoins)
{
    for (int which = 0; which < N_CASES; which++) {
        check_shapley(which);
    }
}

/* The drops of a pass add up to the loss at its start less that at its end, so the influences do
 * to the mean over the passes: for regression the start is 0 and influences sum to -(mean loss of
 * the last models). Here all rows are alike, so every model predicts their label: loss 0.5 (y -
 * label)^2 whatever the rows. */
TEST_C(InfluenceRetrain, ShapleyValuesAddUpToTheWholeDrop)
{
    influence_toy it;
    double out[N_ROWS], sum = 0.0;
    influence_toy_make(&it, TOY_QUANTITY, N_ROWS, 1, "objective=regression n_trees=1", false);
    for (int64_t i = 0; i < N_ROWS; i++) {
        it.train_rows.label[i] = 2.0f;
    }
    gbt_params *params = toy_params("objective=regression n_trees=1");
    gbt_model_free(it.model);
    gbt_dataset_free(it.train);
    it.train = toy_dataset(&it.train_rows, params, it.targets, false);
    it.model = toy_train(params, it.train);
    gbt_influence *of = influence_toy_open(&it, "method=shapley retrainings=50");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_sum(of, &targets, NULL, NULL, out, N_ROWS));
    for (int64_t i = 0; i < N_ROWS; i++) {
        sum += out[i];
    }
    const double d = (double)it.target_rows.label[0] - 2.0;
    EXPECT_C_NEAR(sum, -0.5 * d * d, 1e-9 + 1e-6 * d * d);
    gbt_params_free(params);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

static int count_calls(double done, double seconds, void *user)
{
    (void)seconds;
    ((double *)user)[0] += 1.0;
    ((double *)user)[1] = done;
    return 0;
}

/* With all rows alike the mean of each row settles at once; 100000 passes would take minutes. */
TEST_C(InfluenceRetrain, ShapleyStopsWhenTheMeansHaveSettled)
{
    influence_toy it;
    double out[8], calls[2] = {0.0, 0.0};
    influence_toy_make(&it, TOY_QUANTITY, 8, 1, "objective=regression n_trees=1", false);
    gbt_influence *of = influence_toy_open(&it, "method=shapley retrainings=10000000");
    ASSERT_C_TRUE(of != NULL);
    const gbt_targets targets = {it.targets, NULL};
    ASSERT_C_OK(gbt_influence_sum(of, &targets, count_calls, calls, out, 8));
    EXPECT_C_TRUE(calls[1] == 1.0);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

/* ---- Entry points ---------------------------------------------------------------------------- */

static const char *const methods[] = {"method=loo", "method=subsample retrainings=9",
                                      "method=shapley retrainings=5"};
enum { N_METHODS = 3 };

TEST_C(InfluenceRetrain, SelfIsTheDiagonalAndSumTheSumOfRows)
{
    for (int which = 0; which < N_CASES; which++) {
        influence_toy it;
        influence_toy_make(&it, cases[which].kind, N_ROWS, N_TARGETS, cases[which].training, true);
        for (int m = 0; m < N_METHODS; m++) {
            float square[N_ROWS * N_ROWS];
            double self[N_ROWS], sum[N_ROWS];
            gbt_influence *of = influence_toy_open(&it, methods[m]);
            ASSERT_C_TRUE(of != NULL);
            const gbt_targets rows = {it.train, NULL}, targets = {it.targets, NULL};
            ASSERT_C_OK(gbt_influence_dense(of, &rows, NULL, NULL, square, N_ROWS * N_ROWS));
            ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, self, N_ROWS));
            ASSERT_C_OK(gbt_influence_sum(of, &targets, NULL, NULL, sum, N_ROWS));
            float *dense = influence_toy_dense(&it, of);
            for (int64_t i = 0; i < N_ROWS; i++) {
                double want = 0.0;
                for (int64_t j = 0; j < N_TARGETS; j++) {
                    want += (double)dense[j * N_ROWS + i];
                }
                EXPECT_C_NEAR(sum[i], want, 1e-5);
                EXPECT_C_NEAR(self[i], (double)square[i * N_ROWS + i], 1e-6 + 1e-6 * fabs(self[i]));
            }
            free(dense);
            gbt_influence_free(of);
        }
        influence_toy_free(&it);
    }
}

TEST_C(InfluenceRetrain, ResultsDoNotDependOnThreads)
{
    influence_toy it;
    influence_toy_make(&it, TOY_CLASSES, N_ROWS, N_TARGETS, cases[2].training, true);
    for (int m = 0; m < N_METHODS; m++) {
        float *dense[2];
        double self[2][N_ROWS];
        for (int run = 0; run < 2; run++) {
            char keys[96];
            (void)snprintf(keys, sizeof keys, "%s threads=%d", methods[m], run == 0 ? 1 : 3);
            gbt_influence *of = influence_toy_open(&it, keys);
            ASSERT_C_TRUE(of != NULL);
            dense[run] = influence_toy_dense(&it, of);
            ASSERT_C_OK(gbt_influence_self(of, NULL, NULL, self[run], N_ROWS));
            gbt_influence_free(of);
        }
        EXPECT_C_EQ_BYTES(dense[0], dense[1], N_ROWS * N_TARGETS * sizeof(float));
        EXPECT_C_EQ_BYTES(self[0], self[1], sizeof self[0]);
        free(dense[0]);
        free(dense[1]);
    }
    influence_toy_free(&it);
}

TEST_C(InfluenceRetrain, AModelThatTrainingDoesNotGiveIsRefused)
{
    influence_toy it;
    gbt_booster *booster = NULL;
    int stopped = 0;
    influence_toy_make(&it, TOY_QUANTITY, N_ROWS, 1, cases[0].training, false);
    gbt_params *params = toy_params(cases[0].training);
    ASSERT_C_OK(gbt_booster_create(params, it.train, &booster));
    float grad[N_ROWS], hess[N_ROWS];
    for (int i = 0; i < N_ROWS; i++) {
        grad[i] = (float)(i % 5) - 2.0f;
        hess[i] = 1.0f;
    }
    ASSERT_C_OK(gbt_booster_step_custom(booster, grad, hess, N_ROWS, &stopped));
    gbt_model_free(it.model);
    it.model = NULL;
    ASSERT_C_OK(gbt_booster_finish(booster, 0, &it.model));
    gbt_booster_free(booster);
    EXPECT_C_TRUE(influence_toy_open(&it, "method=loo") == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "gives another one");
    gbt_params_free(params);
    influence_toy_free(&it);
}

static void count_lines(gbt_log_level level, const char *line, void *user)
{
    (void)level;
    (void)line;
    (*(int *)user)++;
}

TEST_C(InfluenceRetrain, RetrainingIsSilent)
{
    influence_toy it;
    int n_lines = 0;
    influence_toy_make(&it, TOY_QUANTITY, N_ROWS, 1, "objective=regression n_trees=40", false);
    gbt_set_log(count_lines, &n_lines);
    gbt_influence *of = influence_toy_open(&it, "method=loo threads=2");
    ASSERT_C_TRUE(of != NULL);
    float *found = influence_toy_dense(&it, of);
    EXPECT_C_EQ_INT(n_lines, 0);
    gbt_set_log(NULL, NULL);
    free(found);
    gbt_influence_free(of);
    influence_toy_free(&it);
}

static int stop_in_the_answer(double done, double seconds, void *user)
{
    (void)done;
    (void)seconds;
    (*(int *)user)++;
    return 1;
}

TEST_C(InfluenceRetrain, TheProgressFunctionStopsEveryMethod)
{
    influence_toy it;
    influence_toy_make(&it, TOY_QUANTITY, N_ROWS, 1, cases[0].training, false);
    for (int m = 0; m < N_METHODS; m++) {
        int n_calls = 0;
        float out[N_ROWS];
        gbt_influence *of = influence_toy_open(&it, methods[m]);
        ASSERT_C_TRUE(of != NULL);
        const gbt_targets targets = {it.targets, NULL};
        EXPECT_C_STATUS(
            gbt_influence_dense(of, &targets, stop_in_the_answer, &n_calls, out, N_ROWS),
            GBT_ERR_CANCELLED);
        EXPECT_C_EQ_INT(n_calls, 1);
        gbt_influence_free(of);
    }
    influence_toy_free(&it);
}

static gbt_status ask(const gbt_influence *of, const gbt_targets *targets)
{
    float out[16];
    double self[8];
    const gbt_status status = gbt_influence_dense(of, targets, NULL, NULL, out, 2 * of->n_rows);
    return status == GBT_OK ? gbt_influence_self(of, NULL, NULL, self, of->n_rows) : status;
}

TEST_C(InfluenceRetrain, RefusedAllocationsLeakNothing)
{
    static const struct {
        const char *keys;
        int64_t n_rows;
    } runs[] = {{"method=loo threads=1", 3},
                {"method=subsample retrainings=2 threads=1", 3},
                {"method=shapley retrainings=2 threads=1", 8}};
    for (int m = 0; m < N_METHODS; m++) {
        influence_toy it;
        influence_toy_make(&it, TOY_QUANTITY, runs[m].n_rows, 2,
                           "objective=regression n_trees=1 max_leaves=2 min_child_samples=1",
                           false);
        EXPECT_C_EQ_TEXT(influence_toy_refusals(&it, runs[m].keys, ask), NULL);
        influence_toy_free(&it);
    }
}
