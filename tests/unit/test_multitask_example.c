/* The C example of gbt/modules/MULTITASK.md, word for word, and that it does what it says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gtest_c.h"

/* [example] */
#include "gbt/gbt.h"

/* Trains on one file, prints the carriers by how far they are from the others, and writes the
 * probability of a late arrival for every row of another file to `out` [rows of it]. */
static gbt_status rank_carriers(const char *train_path, const char *test_path, FILE *to,
                                float **out, int64_t *n_rows)
{
    static const char *const keys[][2] = {{"label", "late"},        {"task", "carrier"},
                                          {"objective", "binary"},  {"n_trees_shared", "20"},
                                          {"n_trees_robust", "20"}, {"n_trees_task", "10"}};
    gbt_params *params = NULL;
    gbt_dataset *train = NULL;
    gbt_multitask *model = NULL;
    gbt_table *test = NULL;
    int64_t n_unseen = 0;
    gbt_status status = gbt_params_create(&params);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == GBT_OK; i++) {
        status = gbt_params_set(params, keys[i][0], keys[i][1]);
    }
    if (status == GBT_OK) {
        status = gbt_dataset_from_file(params, train_path, NULL, &train);
    }
    if (status == GBT_OK) {
        status = gbt_multitask_train(params, train, NULL, NULL, NULL, NULL, NULL, &model);
    }
    for (int32_t i = 0; i < gbt_multitask_tasks(model) && status == GBT_OK; i++) {
        gbt_task_info info;
        status = gbt_multitask_task(model, i, &info);
        if (status == GBT_OK) {
            fprintf(to, "%s %lld %.3f\n", info.name, (long long)info.train_rows, info.outlier);
        }
    }
    if (status == GBT_OK) {
        status = gbt_table_read(params, test_path, gbt_multitask_frame(model), &test);
    }
    if (status == GBT_OK) {
        *n_rows = gbt_table_rows(test);
        *out = malloc((size_t)*n_rows * sizeof **out);
        status = *out ? gbt_multitask_predict_table(model, test, GBT_PREDICT_RESPONSE, 0, *out,
                                                    *n_rows, &n_unseen)
                      : GBT_ERR_MEMORY;
    }
    if (status == GBT_OK && n_unseen > 0) {
        fprintf(to, "%lld rows of carriers that training did not see\n", (long long)n_unseen);
    }
    gbt_table_free(test);
    gbt_multitask_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    return status;
}
/* [end of example] */

TEST_C(MultitaskExample, TheExampleOfTheManualRanksTheCarriers)
{
    float *probability = NULL;
    int64_t n_rows = 0, n_lines = 0;
    char line[100];
    double least = 1.0, most = 0.0;
    FILE *to = tmpfile();
    ASSERT_C_TRUE(to != NULL);
    EXPECT_C_OK(rank_carriers("datasets/small/flights_train.csv.gz",
                              "datasets/small/flights_test.csv.gz", to, &probability, &n_rows));
    rewind(to);
    while (fgets(line, sizeof line, to)) {
        const char *weight = strrchr(line, ' ');
        const double w = weight ? strtod(weight, NULL) : -1.0;
        least = w < least ? w : least;
        most = w > most ? w : most;
        n_lines++;
    }
    EXPECT_C_EQ_INT(n_lines, 16);
    EXPECT_C_TRUE(least >= 0.0 && least < 0.5 && most > 0.5 && most <= 1.0);
    ASSERT_C_TRUE(n_rows > 0 && probability != NULL);
    for (int64_t i = 0; i < n_rows; i++) {
        EXPECT_C_TRUE(probability[i] > 0.0f && probability[i] < 1.0f);
    }
    free(probability);
    (void)fclose(to);
}

/* The text between the marks of this file stands in the manual. */
TEST_C(MultitaskExample, TheManualShowsExactlyThisCode)
{
    enum { CAPACITY = 1 << 16 };
    char *source = calloc(CAPACITY, 1), *manual = calloc(CAPACITY, 1);
    FILE *a = fopen("tests/unit/test_multitask_example.c", "r");
    FILE *b = fopen("gbt/modules/MULTITASK.md", "r");
    ASSERT_C_TRUE(source && manual && a && b);
    EXPECT_C_TRUE(fread(source, 1, CAPACITY - 1, a) > 0);
    EXPECT_C_TRUE(fread(manual, 1, CAPACITY - 1, b) > 0);
    char *first = strstr(source, "/* [example] */\n");
    char *last = strstr(source, "/* [end of example] */\n");
    ASSERT_C_TRUE(first && last);
    *last = '\0';
    EXPECT_C_TRUE(strstr(manual, first + strlen("/* [example] */\n")) != NULL);
    (void)fclose(a);
    (void)fclose(b);
    free(source);
    free(manual);
}
