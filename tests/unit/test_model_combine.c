/* Weighted sums of models against the sums by hand; a copy is the original to the byte. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/tree/model.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

enum { ROWS = 300, FEATURES = 6, CLASSES = 3, ROUNDS = 8 };

static gbt_model *some_model(uint64_t seed, const char *objective)
{
    return random_model(&(random_model_spec){.seed = seed,
                                             .objective = objective,
                                             .n_classes = CLASSES,
                                             .n_features = FEATURES,
                                             .n_categorical = 2,
                                             .max_bins = 30,
                                             .n_rounds = ROUNDS,
                                             .min_leaves = 1,
                                             .max_leaves = 40});
}

/* Rounds [first, last) of a model; base scores are kept or 0. */
static gbt_model *slice_of(const gbt_model *model, int32_t first, int32_t last, bool has_base)
{
    const int32_t n_outputs = model->objective.n_outputs;
    gbt_model *slice = NULL;
    EXPECT_C_OK(
        gbt_model_create(model->params, model->schema, model->cuts, &model->objective, 0, &slice));
    for (int32_t k = 0; has_base && k < n_outputs; k++) {
        slice->base_score[k] = model->base_score[k];
    }
    for (int32_t t = first * n_outputs; t < last * n_outputs; t++) {
        gbt_tree *tree = NULL;
        EXPECT_C_OK(gbt_tree_copy(model->trees[t], &tree));
        EXPECT_C_OK(gbt_model_append(slice, tree));
    }
    EXPECT_C_OK(gbt_model_seal(slice));
    return slice;
}

static void expect_same_bytes(const gbt_model *a, const gbt_model *b)
{
    void *a_data = NULL, *b_data = NULL;
    size_t a_size = 0, b_size = 0;
    EXPECT_C_OK(gbt_model_to_bytes(a, &a_data, &a_size));
    EXPECT_C_OK(gbt_model_to_bytes(b, &b_data, &b_size));
    EXPECT_C_EQ_INT(a_size, b_size);
    if (a_size == b_size) {
        EXPECT_C_EQ_BYTES(a_data, b_data, a_size);
    }
    gbt_memory_free(a_data);
    gbt_memory_free(b_data);
}

static void predict(const gbt_model *model, const float *x, float *out)
{
    const gbt_matrix matrix = {x, GBT_F32, ROWS, FEATURES, FEATURES, 1};
    EXPECT_C_OK(gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, out,
                                  (int64_t)ROWS * model->objective.n_outputs));
}

TEST_C(ModelCombine, OneModelWithWeightOneIsACopyToTheByte)
{
    static const char *const objectives[] = {"regression", "binary", "multiclass"};
    const double one = 1.0;
    for (uint64_t i = 0; i < 3; i++) {
        gbt_model *model = some_model(i, objectives[i]), *copy = NULL;
        ASSERT_C_TRUE(model != NULL);
        model->base_score[0] = -0.0;
        model->uses_init_score = i == 1;
        ASSERT_C_OK(gbt_model_combine((const gbt_model *const *)&model, &one, 1, &copy));
        expect_same_bytes(model, copy);
        gbt_model_free(model);
        gbt_model_free(copy);
    }
}

TEST_C(ModelCombine, SlicesMakeUpTheOriginal)
{
    const double ones[] = {1.0, 1.0, 1.0};
    gbt_model *model = some_model(11, "multiclass"), *whole = NULL;
    ASSERT_C_TRUE(model != NULL);
    gbt_model *slices[] = {slice_of(model, 0, 3, true), slice_of(model, 3, 3, false),
                           slice_of(model, 3, ROUNDS, false)};
    ASSERT_C_OK(gbt_model_combine((const gbt_model *const *)slices, ones, 3, &whole));
    float x[ROWS * FEATURES], want[ROWS * CLASSES], got[ROWS * CLASSES];
    random_rows(model, 3, ROWS, x);
    predict(model, x, want);
    predict(whole, x, got);
    EXPECT_C_EQ_BYTES(got, want, sizeof got);
    EXPECT_C_EQ_INT(gbt_model_rounds(whole), ROUNDS);
    for (int32_t t = 0; t < model->n_trees; t++) {
        const gbt_tree *a = model->trees[t], *b = whole->trees[t];
        ASSERT_C_EQ_INT(a->n_nodes, b->n_nodes);
        EXPECT_C_EQ_BYTES(a->value, b->value, (size_t)a->n_nodes * sizeof *a->value);
        EXPECT_C_EQ_BYTES(a->feature, b->feature, (size_t)a->n_nodes * sizeof *a->feature);
    }
    for (int i = 0; i < 3; i++) {
        gbt_model_free(slices[i]);
    }
    gbt_model_free(model);
    gbt_model_free(whole);
}

TEST_C(ModelCombine, ScoresAreTheWeightedSums)
{
    static const double weights[] = {0.5, -2.0, 0.3};
    gbt_model *model = some_model(12, "multiclass"), *sum = NULL;
    ASSERT_C_TRUE(model != NULL);
    gbt_model *parts[] = {slice_of(model, 0, 5, true), slice_of(model, 2, ROUNDS, true),
                          slice_of(model, 1, 2, false)};
    ASSERT_C_OK(gbt_model_combine((const gbt_model *const *)parts, weights, 3, &sum));
    float x[ROWS * FEATURES], want[CLASSES], got[ROWS * CLASSES];
    random_rows(model, 4, ROWS, x);
    predict(sum, x, got);
    for (int32_t k = 0; k < CLASSES; k++) {
        const double base =
            weights[0] * parts[0]->base_score[k] + weights[1] * parts[1]->base_score[k] + 0.3 * 0.0;
        EXPECT_C_NEAR(sum->base_score[k], base, 0.0);
    }
    for (int row = 0; row < ROWS; row++) { /* the definition, in the order of the models */
        for (int32_t k = 0; k < CLASSES; k++) {
            want[k] = (float)sum->base_score[k];
        }
        for (int m = 0; m < 3; m++) {
            for (int32_t t = 0; t < parts[m]->n_trees; t++) {
                const gbt_tree *tree = parts[m]->trees[t];
                const int32_t leaf = plain_leaf(tree, model->cuts, 0, x + row * FEATURES);
                want[t % CLASSES] += (float)(weights[m] * (double)tree->value[leaf]);
            }
        }
        EXPECT_C_EQ_BYTES(got + row * CLASSES, want, sizeof want);
    }
    for (int i = 0; i < 3; i++) {
        gbt_model_free(parts[i]);
    }
    gbt_model_free(model);
    gbt_model_free(sum);
}

TEST_C(ModelCombine, TheSumIsAModelOfItsOwn)
{
    const double weights[] = {2.0, 0.0};
    gbt_model *model = some_model(13, "binary"), *sum = NULL, *read = NULL;
    ASSERT_C_TRUE(model != NULL);
    const gbt_model *const pair[] = {model, model};
    ASSERT_C_OK(gbt_model_combine(pair, weights, 2, &sum));
    gbt_model_free(model);
    EXPECT_C_OK(gbt_model_verify(sum));
    EXPECT_C_EQ_INT(sum->n_trees, 2 * ROUNDS);
    EXPECT_C_EQ_TEXT(gbt_model_class_name(sum, 1), "class 1");
    void *data = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_to_bytes(sum, &data, &size));
    ASSERT_C_OK(gbt_model_from_bytes(data, size, &read));
    expect_same_bytes(sum, read);
    gbt_memory_free(data);
    gbt_model_free(read);
    gbt_model_free(sum);
}

TEST_C(ModelCombine, AModelReadFromAFileFitsItsOrigin)
{
    const double weights[] = {1.0, 1.0};
    gbt_model *model = some_model(14, "regression"), *read = NULL, *sum = NULL;
    ASSERT_C_TRUE(model != NULL);
    void *data = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_to_bytes(model, &data, &size));
    ASSERT_C_OK(gbt_model_from_bytes(data, size, &read));
    const gbt_model *const pair[] = {model, read};
    EXPECT_C_OK(gbt_model_combine(pair, weights, 2, &sum));
    gbt_memory_free(data);
    gbt_model_free(model);
    gbt_model_free(read);
    gbt_model_free(sum);
}

/* Combines a model with one that differs and expects the refusal to say how. */
static void expect_refused(const gbt_model *first, const gbt_model *second, const char *text)
{
    const gbt_model *const pair[] = {first, second};
    const double weights[] = {1.0, 1.0};
    gbt_model *sum = (gbt_model *)first;
    EXPECT_C_STATUS(gbt_model_combine(pair, weights, 2, &sum), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(sum == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), text);
}

TEST_C(ModelCombine, ModelsThatDifferAreRefused)
{
    gbt_model *model = some_model(15, "regression"), *other = some_model(16, "regression");
    gbt_model *classes = some_model(15, "multiclass");
    gbt_model *narrow = random_model(&(random_model_spec){.seed = 15,
                                                          .objective = "regression",
                                                          .n_features = FEATURES - 1,
                                                          .max_bins = 30,
                                                          .n_rounds = 1,
                                                          .min_leaves = 2,
                                                          .max_leaves = 4});
    gbt_model *renamed = some_model(15, "regression"), *texts = some_model(15, "regression");
    ASSERT_C_TRUE(model && other && classes && narrow && renamed && texts);
    renamed->schema->name[3][0] = 'X';
    texts->schema->dictionary[FEATURES - 1].text[1][0] = 'B';
    expect_refused(model, other, "models[1] has other cuts");
    expect_refused(model, classes, "models[1] has 3 outputs, the first model 1");
    expect_refused(model, narrow, "models[1] has 5 features, the first model 6");
    expect_refused(model, renamed, "feature 3 (Xolumn_3)");
    expect_refused(model, texts, "feature 5");
    expect_refused(model, NULL, "models[1] is NULL");
    gbt_model_free(model);
    gbt_model_free(other);
    gbt_model_free(classes);
    gbt_model_free(narrow);
    gbt_model_free(renamed);
    gbt_model_free(texts);
}

TEST_C(ModelCombine, WrongArgumentsAreRefused)
{
    gbt_model *model = some_model(17, "regression"), *sum = NULL;
    ASSERT_C_TRUE(model != NULL);
    const gbt_model *const one[] = {model};
    const double weight = 1.0;
    static const double bad[] = {(double)INFINITY, (double)NAN, 1e300};
    EXPECT_C_STATUS(gbt_model_combine(NULL, &weight, 1, &sum), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_combine(one, NULL, 1, &sum), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_combine(one, &weight, 1, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_combine(one, &weight, 0, &sum), GBT_ERR_ARGUMENT);
    for (int i = 0; i < 3; i++) {
        EXPECT_C_STATUS(gbt_model_combine(one, &bad[i], 1, &sum), GBT_ERR_ARGUMENT);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "weights[0]");
    }
    EXPECT_C_TRUE(sum == NULL);
    gbt_model_free(model);
}

TEST_C(ModelCombine, AFailedAllocationLeavesNothingBehind)
{
    const double weights[] = {1.0, 3.0};
    gbt_model *model = some_model(18, "multiclass");
    ASSERT_C_TRUE(model != NULL);
    void *data = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_to_bytes(model, &data, &size));
    gbt_model_free(model);
    static unsigned char bytes[1 << 20];
    ASSERT_C_TRUE(size <= sizeof bytes);
    memcpy(bytes, data, size);
    gbt_memory_free(data);
    for (int64_t n = 1;; n++) {
        gbt_model *sum = NULL;
        fail_alloc_install(0);
        model = NULL;
        ASSERT_C_OK(gbt_model_from_bytes(bytes, size, &model));
        const gbt_model *const pair[] = {model, model};
        fail_alloc_install(n);
        const gbt_status status = gbt_model_combine(pair, weights, 2, &sum);
        const bool refused = fail_alloc_refused();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        gbt_model_free(sum);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        gbt_model_free(model);
        fail_alloc_remove();
        if (!refused) {
            break;
        }
    }
}
