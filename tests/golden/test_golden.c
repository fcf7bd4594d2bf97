/* Model files of released versions load, hold together and predict the same, bit by bit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/golden/golden.h"
#include "tests/support/gtest_c.h"

enum { PATH_CHARS = 256, LINE_CHARS = 2048 };

/* Compares the rows with the lines of the file. */
static void compare(const char *path, const golden_answer *answer)
{
    char line[LINE_CHARS];
    FILE *file = fopen(path, "r");
    int64_t n_rows = 0, n_different = 0;
    if (!file) {
        FAIL_C(path);
        return;
    }
    while (fgets(line, sizeof line, file)) {
        char *at = line;
        for (int64_t k = 0; n_rows < answer->n_rows && k < answer->n_columns; k++) {
            char *end = NULL;
            const float want = strtof(at, &end);
            n_different +=
                end == at || memcmp(&want, &answer->value[n_rows * answer->n_columns + k], 4) != 0;
            at = end;
        }
        n_different += strcmp(at, "\n") != 0;
        n_rows++;
    }
    fclose(file);
    EXPECT_C_EQ_INT(n_rows, answer->n_rows);
    EXPECT_C_TRUE(n_rows > 50);
    if (!EXPECT_C_EQ_INT(n_different, 0)) {
        printf("%s\n", path);
    }
}

static void check_version(const char *version)
{
    for (int i = 0; i < N_GOLDEN_CASES; i++) {
        const golden_case *c = &golden_cases[i];
        char model_path[PATH_CHARS], rows_path[PATH_CHARS], answer_path[PATH_CHARS];
        gbt_model *model = NULL, *again = NULL;
        void *bytes = NULL;
        size_t size = 0;
        snprintf(model_path, sizeof model_path, "tests/golden/%s_%s.gbt", version, c->name);
        snprintf(rows_path, sizeof rows_path, "tests/golden/%s_%s.%s", version, c->name,
                 c->extension);
        snprintf(answer_path, sizeof answer_path, "tests/golden/%s_%s.txt", version, c->name);
        if (!EXPECT_C_OK(gbt_model_load(model_path, &model))) {
            continue;
        }
        EXPECT_C_OK(gbt_model_verify(model));
        EXPECT_C_OK(gbt_model_to_bytes(model, &bytes, &size)); /* and as this version writes it */
        EXPECT_C_OK(gbt_model_from_bytes(bytes, size, &again));
        const gbt_model *const models[] = {model, again};
        for (int m = 0; m < 2; m++) {
            golden_answer answer;
            EXPECT_C_TRUE(golden_predict(c, rows_path, models[m], &answer));
            compare(answer_path, &answer);
            golden_answer_close(&answer);
        }
        gbt_memory_free(bytes);
        gbt_model_free(model);
        gbt_model_free(again);
    }
}

TEST_C(Golden, ModelsOfFormatOnePredictTheSame)
{
    check_version("v1");
}

/* What the files say beyond predictions. */
TEST_C(Golden, ModelsOfFormatOneKeepTheirFacts)
{
    gbt_model *model = NULL;
    int64_t value = 0;
    ASSERT_C_OK(gbt_model_load("tests/golden/v1_multiclass.gbt", &model));
    EXPECT_C_EQ_TEXT(gbt_model_objective(model), "multiclass");
    EXPECT_C_EQ_TEXT(gbt_model_class_name(model, 0), "apple");
    EXPECT_C_EQ_TEXT(gbt_model_class_name(model, 2), "pear, ripe");
    EXPECT_C_EQ_TEXT(gbt_model_feature_name(model, 1), "city");
    EXPECT_C_EQ_TEXT(gbt_model_column(model, GBT_ROLE_WEIGHT), "w");
    EXPECT_C_TRUE(gbt_model_feature_is_categorical(model, 1) &&
                  gbt_model_feature_is_categorical(model, 2));
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_ROUNDS, &value));
    EXPECT_C_EQ_INT(value, 5);
    gbt_model_free(model);
    ASSERT_C_OK(gbt_model_load("tests/golden/v1_binary.gbt", &model));
    EXPECT_C_EQ_TEXT(gbt_model_class_name(model, 1), "yes");
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_BEST_ROUND, &value));
    EXPECT_C_TRUE(value > 0);
    gbt_model_free(model);
    ASSERT_C_OK(gbt_model_load("tests/golden/v1_init_score.gbt", &model));
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_USES_INIT_SCORE, &value));
    EXPECT_C_EQ_INT(value, 1);
    gbt_model_free(model);
    ASSERT_C_OK(gbt_model_load("tests/golden/v1_sparse.gbt", &model));
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_SPARSE, &value));
    EXPECT_C_EQ_INT(value, 1);
    EXPECT_C_OK(gbt_model_shape(model, GBT_SHAPE_FEATURES, &value));
    EXPECT_C_EQ_INT(value, 60);
    gbt_model_free(model);
}
