/* What modules ask of a trained model: rows of every round, nodes, leaves of binned rows, sums of
 * models, and all of it for a model without trees. */
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 1500 };

typedef struct trained {
    toy data;
    gbt_params *params;
    gbt_dataset *train;
    gbt_model *model;
} trained;

static void train(trained *out, toy_label label, const char *options)
{
    toy_make(&out->data, ROWS, label, 5);
    out->params = toy_params(options);
    out->train = toy_dataset(&out->data, out->params, NULL, true);
    out->model = toy_train(out->params, out->train);
    EXPECT_C_TRUE(out->model != NULL);
}

static void drop(trained *t)
{
    gbt_model_free(t->model);
    gbt_dataset_free(t->train);
    gbt_params_free(t->params);
    toy_free(&t->data);
}

static int64_t shape(const gbt_model *model, gbt_shape_key key)
{
    int64_t value = -1;
    EXPECT_C_OK(gbt_model_shape(model, key, &value));
    return value;
}

/* `n_steps` rounds after those of `from`, which may be NULL. */
static gbt_model *boost(const trained *t, const gbt_model *from, int n_steps)
{
    gbt_booster *booster = NULL;
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_booster_create(t->params, t->train, &booster));
    if (from != NULL) {
        EXPECT_C_OK(gbt_booster_continue(booster, from));
    }
    for (int i = 0, stopped = 0; i < n_steps; i++) {
        EXPECT_C_OK(gbt_booster_step(booster, &stopped));
    }
    EXPECT_C_OK(gbt_booster_finish(booster, 0, &model));
    gbt_booster_free(booster);
    return model;
}

static void expect_same_bytes(const gbt_model *a, const gbt_model *b)
{
    size_t a_size = 0, b_size = 0;
    void *a_data = toy_bytes(a, &a_size), *b_data = toy_bytes(b, &b_size);
    EXPECT_C_EQ_INT(a_size, b_size);
    EXPECT_C_TRUE(a_size == b_size && memcmp(a_data, b_data, a_size) == 0);
    gbt_memory_free(a_data);
    gbt_memory_free(b_data);
}

/* ---- Rows of a round ------------------------------------------------------------------------- */

/* Rows of the bag in every leaf, counted, against the row counts that the trees hold. Returns the
 * rows in the bag of round 0. */
static int64_t compare_bags(const gbt_model *model, const gbt_dataset *data)
{
    const int32_t n_outputs = (int32_t)shape(model, GBT_SHAPE_OUTPUTS);
    const int32_t n_rounds = (int32_t)shape(model, GBT_SHAPE_ROUNDS);
    uint8_t *bag = malloc(ROWS);
    int32_t *leaf = malloc(ROWS * sizeof *leaf * (size_t)n_outputs);
    int64_t first = 0;
    for (int32_t round = 0; round < n_rounds; round++) {
        int64_t n_bag = 0;
        EXPECT_C_OK(gbt_model_in_bag(model, round, bag, ROWS));
        EXPECT_C_OK(gbt_model_leaves_dataset(model, data, round, 1, 2, leaf, ROWS * n_outputs));
        for (int i = 0; i < ROWS; i++) {
            n_bag += bag[i];
        }
        for (int32_t k = 0; k < n_outputs; k++) {
            const int32_t tree = round * n_outputs + k;
            int64_t count[64] = {0}, in_leaves = 0;
            gbt_node node[128];
            int32_t n = 0;
            EXPECT_C_OK(gbt_model_tree_nodes(model, tree, &n));
            EXPECT_C_OK(gbt_model_nodes(model, tree, node, n));
            for (int i = 0; i < ROWS; i++) {
                count[leaf[k * ROWS + i]] += bag[i];
            }
            for (int32_t i = 0; i < n; i++) {
                if (node[i].leaf >= 0) {
                    EXPECT_C_EQ_INT(node[i].rows, count[node[i].leaf]);
                    in_leaves += node[i].rows;
                }
            }
            EXPECT_C_EQ_INT(in_leaves, n_bag);
        }
        first = round == 0 ? n_bag : first;
    }
    free(bag);
    free(leaf);
    return first;
}

TEST_C(ApiInspect, TheBagsAreTheRowsThatTheTreesCounted)
{
    static const struct {
        toy_label label;
        const char *options;
        int64_t low, high;
    } cases[] = {
        {TOY_QUANTITY, "objective=regression n_trees=7 subsample=0.5 threads=2", 600, 900},
        {TOY_BINARY, "objective=binary n_trees=7 subsample=0.3 subsample_freq=3 seed=9", 350, 550},
        {TOY_CLASSES, "objective=multiclass n_trees=5 subsample=0.7 colsample_bytree=0.5", 950,
         1150},
        {TOY_QUANTITY, "objective=mae n_trees=4 subsample=0.5 grow_policy=symmetric", 600, 900},
        {TOY_QUANTITY, "objective=regression n_trees=3", ROWS, ROWS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trained t;
        train(&t, cases[i].label, cases[i].options);
        const int64_t n = compare_bags(t.model, t.train);
        EXPECT_C_TRUE(n >= cases[i].low && n <= cases[i].high);
        drop(&t);
    }
}

TEST_C(ApiInspect, AContinuedModelDrawsFromItsFirstRoundOn)
{
    trained t;
    train(&t, TOY_QUANTITY, "objective=regression n_trees=4 subsample=0.5 subsample_freq=3");
    gbt_model *read = NULL;
    void *bytes = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_params_set(t.params, "n_trees", "9"));
    gbt_model *longer = boost(&t, t.model, 5);
    EXPECT_C_EQ_INT(shape(longer, GBT_SHAPE_ROUNDS), 9);
    compare_bags(longer, t.train);
    ASSERT_C_OK(gbt_model_to_bytes(longer, &bytes, &size));
    ASSERT_C_OK(gbt_model_from_bytes(bytes, size, &read));
    compare_bags(read, t.train);
    uint8_t *bag = malloc(2 * ROWS);
    ASSERT_C_OK(gbt_model_in_bag(read, 3, bag, ROWS));
    ASSERT_C_OK(gbt_model_in_bag(read, 5, bag + ROWS, ROWS));
    EXPECT_C_EQ_BYTES(bag, bag + ROWS, ROWS); /* one draw for rounds 3, 4, 5 */
    ASSERT_C_OK(gbt_model_in_bag(read, 6, bag + ROWS, ROWS));
    EXPECT_C_TRUE(memcmp(bag, bag + ROWS, ROWS) != 0);
    free(bag);
    gbt_memory_free(bytes);
    gbt_model_free(read);
    gbt_model_free(longer);
    drop(&t);
}

TEST_C(ApiInspect, WrongArgumentsOfBagsAreRefused)
{
    trained t;
    train(&t, TOY_QUANTITY, "objective=regression n_trees=2 subsample=0.5");
    static uint8_t bag[ROWS + 1];
    EXPECT_C_STATUS(gbt_model_in_bag(NULL, 0, bag, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_in_bag(t.model, 0, NULL, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_in_bag(t.model, -1, bag, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_in_bag(t.model, 2, bag, ROWS), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_in_bag(t.model, 0, bag, ROWS + 1), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "room for 1501 rows, the model was trained on 1500");
    drop(&t);
}

/* ---- Binned rows ----------------------------------------------------------------------------- */

TEST_C(ApiInspect, BinnedRowsScoreAsTrainingDid)
{
    trained t;
    train(&t, TOY_CLASSES, "objective=multiclass n_trees=6 subsample=0.8 threads=2");
    const int64_t n_outputs = shape(t.model, GBT_SHAPE_OUTPUTS), n = ROWS * n_outputs;
    float *raw = malloc((size_t)n * sizeof *raw), *binned = malloc((size_t)n * sizeof *binned);
    float *scores = malloc((size_t)n * sizeof *scores);
    const gbt_matrix matrix = toy_matrix(&t.data);
    gbt_booster *booster = NULL;
    int stopped = 0;
    ASSERT_C_OK(gbt_booster_create(t.params, t.train, &booster));
    for (int i = 0; i < 6; i++) {
        ASSERT_C_OK(gbt_booster_step(booster, &stopped));
    }
    ASSERT_C_OK(gbt_booster_scores(booster, -1, scores, n));
    for (int kind = GBT_PREDICT_RESPONSE; kind >= GBT_PREDICT_RAW; kind--) {
        const gbt_predict_kind k = (gbt_predict_kind)kind;
        ASSERT_C_OK(gbt_model_predict(t.model, &matrix, k, 0, 0, 2, raw, n));
        ASSERT_C_OK(gbt_model_predict_dataset(t.model, t.train, k, 0, 0, 2, binned, n));
        EXPECT_C_EQ_BYTES(binned, raw, (size_t)n * sizeof *raw);
    }
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        wrong += memcmp(&binned[i], &scores[i % n_outputs * ROWS + i / n_outputs], 4) != 0;
    }
    EXPECT_C_EQ_INT(wrong, 0);
    free(raw);
    free(binned);
    free(scores);
    gbt_booster_free(booster);
    drop(&t);
}

TEST_C(ApiInspect, ASharedDataSetOutlivesTheFirstHandle)
{
    trained t;
    train(&t, TOY_QUANTITY, "objective=regression n_trees=2");
    static float want[ROWS], got[ROWS];
    gbt_dataset *second = NULL;
    const gbt_predict_kind raw = GBT_PREDICT_RAW;
    ASSERT_C_OK(gbt_dataset_share(t.train, &second));
    ASSERT_C_OK(gbt_model_predict_dataset(t.model, t.train, raw, 0, 0, 1, want, ROWS));
    gbt_dataset_free(t.train);
    t.train = NULL;
    ASSERT_C_OK(gbt_model_predict_dataset(t.model, second, raw, 0, 0, 1, got, ROWS));
    EXPECT_C_EQ_BYTES(got, want, sizeof got);
    gbt_dataset *none = second;
    EXPECT_C_STATUS(gbt_dataset_share(NULL, &none), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(none == NULL);
    EXPECT_C_STATUS(gbt_dataset_share(second, NULL), GBT_ERR_ARGUMENT);
    gbt_dataset_free(second);
    drop(&t);
}

/* ---- Sums ------------------------------------------------------------------------------------ */

TEST_C(ApiInspect, TheMeanOfTwoModelsPredictsTheMean)
{
    trained a, b;
    train(&a, TOY_QUANTITY, "objective=regression n_trees=5 subsample=0.5 seed=1");
    train(&b, TOY_QUANTITY, "objective=regression n_trees=8 subsample=0.5 seed=1 reg_lambda=3");
    const gbt_model *const pair[] = {a.model, b.model};
    const double half[] = {0.5, 0.5};
    static float of_a[ROWS], of_b[ROWS], mean[ROWS];
    const gbt_matrix matrix = toy_matrix(&a.data);
    const gbt_predict_kind raw = GBT_PREDICT_RAW;
    gbt_model *sum = NULL;
    ASSERT_C_OK(gbt_model_combine(pair, half, 2, &sum));
    ASSERT_C_OK(gbt_model_predict(a.model, &matrix, raw, 0, 0, 1, of_a, ROWS));
    ASSERT_C_OK(gbt_model_predict(b.model, &matrix, raw, 0, 0, 1, of_b, ROWS));
    ASSERT_C_OK(gbt_model_predict(sum, &matrix, raw, 0, 0, 1, mean, ROWS));
    for (int i = 0; i < ROWS; i++) {
        EXPECT_C_NEAR((double)mean[i], 0.5 * ((double)of_a[i] + (double)of_b[i]), 1e-5);
    }
    EXPECT_C_EQ_INT(shape(sum, GBT_SHAPE_ROUNDS), 13);
    EXPECT_C_OK(gbt_model_verify(sum));
    gbt_model_free(sum);
    drop(&a);
    drop(&b);
}

/* ---- A model without trees ------------------------------------------------------------------- */

static void expect_base_scores(const gbt_model *model, const trained *t)
{
    const int64_t n_outputs = shape(model, GBT_SHAPE_OUTPUTS), n = ROWS * n_outputs;
    const gbt_matrix matrix = toy_matrix(&t->data),
                     one = {t->data.x, GBT_F32, 1, TOY_FEATURES, TOY_FEATURES, 1};
    float *raw = malloc((size_t)n * sizeof *raw), *binned = malloc((size_t)n * sizeof *binned);
    double base[8];
    EXPECT_C_OK(gbt_model_base_score(model, base, n_outputs));
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 2, raw, n));
    EXPECT_C_OK(gbt_model_predict_dataset(model, t->train, GBT_PREDICT_RAW, 0, 0, 2, binned, n));
    EXPECT_C_EQ_BYTES(raw, binned, (size_t)n * sizeof *raw);
    EXPECT_C_OK(gbt_model_predict(model, &one, GBT_PREDICT_RAW, 0, 0, 2, binned, n_outputs));
    for (int64_t i = 0; i < n; i++) {
        const float want = (float)base[i % n_outputs];
        EXPECT_C_EQ_BYTES(&raw[i], &want, sizeof want);
    }
    for (int64_t k = 0; k < n_outputs; k++) {
        EXPECT_C_EQ_BYTES(&raw[k], &binned[k], sizeof *raw);
    }
    free(raw);
    free(binned);
}

static void expect_no_trees(const gbt_model *model, const trained *t)
{
    int32_t n = 0, leaf = 0;
    float value = 0.0f;
    uint8_t bag[1];
    double gain[TOY_FEATURES];
    gbt_node node;
    const gbt_matrix matrix = toy_matrix(&t->data);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_ROUNDS), 0);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_TREES), 0);
    EXPECT_C_EQ_INT(shape(model, GBT_SHAPE_LEAVES), 0);
    EXPECT_C_OK(gbt_model_verify(model));
    EXPECT_C_OK(gbt_model_importance(model, GBT_IMPORTANCE_GAIN, gain, TOY_FEATURES));
    EXPECT_C_NEAR(gain[0], 0.0, 0.0);
    EXPECT_C_OK(gbt_model_leaves(model, &matrix, 1, &leaf, 0));
    EXPECT_C_OK(gbt_model_leaves_dataset(model, t->train, 0, 0, 1, &leaf, 0));
    EXPECT_C_STATUS(gbt_model_tree_nodes(model, 0, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_nodes(model, 0, &node, 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_tree_leaves(model, 0, &n), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_leaf_values(model, 0, &value, 1), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_in_bag(model, 0, bag, 1), GBT_ERR_ARGUMENT);
    for (int format = GBT_DUMP_TEXT; format <= GBT_DUMP_DOT; format++) {
        char *text = NULL;
        size_t size = 0;
        EXPECT_C_OK(gbt_model_dump(model, (gbt_dump_format)format, &text, &size));
        EXPECT_C_TRUE(text != NULL && strlen(text) == size && size > 0);
        gbt_memory_free(text);
    }
}

TEST_C(ApiInspect, AModelWithoutTreesWorksEverywhere)
{
    static const struct {
        toy_label label;
        const char *options;
    } cases[] = {{TOY_QUANTITY, "objective=regression n_trees=1"},
                 {TOY_BINARY, "objective=binary n_trees=1"},
                 {TOY_CLASSES, "objective=multiclass n_trees=1"}};
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "none.gbt", path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trained t;
        train(&t, cases[i].label, cases[i].options);
        gbt_model *model = boost(&t, NULL, 0), *read = NULL, *sum = NULL;
        const double ones[] = {1.0, 1.0};
        expect_no_trees(model, &t);
        expect_base_scores(model, &t);
        ASSERT_C_OK(gbt_model_save(model, path));
        ASSERT_C_OK(gbt_model_load(path, &read));
        expect_same_bytes(model, read);
        expect_no_trees(read, &t);
        expect_base_scores(read, &t);
        const gbt_model *const parts[] = {read, t.model};
        ASSERT_C_OK(gbt_model_combine(parts, ones, 2, &sum));
        EXPECT_C_EQ_INT(shape(sum, GBT_SHAPE_ROUNDS), 1);
        gbt_model *longer = boost(&t, read, 1), *direct = boost(&t, NULL, 1);
        expect_same_bytes(longer, direct); /* it is continued like any other */
        gbt_model_free(direct);
        gbt_model_free(longer);
        gbt_model_free(sum);
        gbt_model_free(read);
        gbt_model_free(model);
        drop(&t);
    }
    temp_dir_close(&dir);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Everything above once; the first failure ends it. */
static gbt_status session(void)
{
    static uint8_t bag[200];
    static int32_t leaf[200 * 3];
    toy data;
    toy_make(&data, 200, TOY_QUANTITY, 5);
    const gbt_matrix matrix = toy_matrix(&data);
    gbt_params *params = NULL;
    gbt_dataset *train_data = NULL, *second = NULL;
    gbt_model *model = NULL, *copy = NULL;
    const double one = 1.0;
    gbt_status status = gbt_params_create(&params);
    status = status ? status : gbt_params_set(params, "n_trees", "3");
    status = status ? status : gbt_params_set(params, "subsample", "0.5");
    status = status ? status : gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &train_data);
    status = status ? status : gbt_dataset_set(train_data, GBT_LABEL, data.label, GBT_F32, 200);
    status = status ? status : gbt_train(params, train_data, NULL, NULL, 0, NULL, NULL, &model);
    status = status ? status : gbt_dataset_share(train_data, &second);
    status = status ? status : gbt_model_in_bag(model, 1, bag, 200);
    status = status ? status : gbt_model_leaves_dataset(model, second, 0, 0, 2, leaf, 600);
    status = status ? status : gbt_model_combine((const gbt_model *const *)&model, &one, 1, &copy);
    EXPECT_C_TRUE((copy != NULL) == (status == GBT_OK));
    gbt_model_free(copy);
    gbt_model_free(model);
    gbt_dataset_free(second);
    gbt_dataset_free(train_data);
    gbt_params_free(params);
    toy_free(&data);
    return status;
}

TEST_C(ApiInspect, EveryFailedAllocationIsReported)
{
    bool refused = true;
    for (int64_t n = 1; refused && n < 20000; n++) {
        fail_alloc_install(n);
        const gbt_status status = session();
        refused = fail_alloc_refused();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
    }
    EXPECT_C_FALSE(refused);
}
