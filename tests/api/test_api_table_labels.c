/* Labels and weights of a table in a model's terms, whatever tasks its rows belong to. */
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

enum { N_ROWS = 6 };

/* A model trained on the text of a CSV file, and the table of another. */
typedef struct world {
    temp_dir folder;
    gbt_params *params;
    gbt_dataset *data;
    gbt_model *model;
    gbt_table *table;
} world;

static bool open_world(world *w, const char *train, const char *test, const char *label,
                       const char *weight)
{
    char path[TEMP_DIR_PATH];
    memset(w, 0, sizeof *w);
    bool is_good = temp_dir_open(&w->folder) &&
                   temp_dir_write(&w->folder, "train.csv", train, strlen(train), path) &&
                   gbt_params_create(&w->params) == GBT_OK &&
                   gbt_params_set(w->params, "label", label) == GBT_OK &&
                   gbt_params_set(w->params, "task", "site") == GBT_OK &&
                   gbt_params_set(w->params, "n_trees", "1") == GBT_OK &&
                   gbt_dataset_from_file(w->params, path, NULL, &w->data) == GBT_OK &&
                   gbt_train(w->params, w->data, NULL, NULL, 0, NULL, NULL, &w->model) == GBT_OK;
    return is_good && temp_dir_write(&w->folder, "test.csv", test, strlen(test), path) &&
           gbt_params_set(w->params, "weight", weight) == GBT_OK &&
           gbt_table_read(w->params, path, w->model, &w->table) == GBT_OK;
}

static void close_world(world *w)
{
    gbt_table_free(w->table);
    gbt_model_free(w->model);
    gbt_dataset_free(w->data);
    gbt_params_free(w->params);
    temp_dir_close(&w->folder);
}

static const char classes[] = "x,site,y\n1,a,no\n2,b,yes\n3,a,maybe\n4,b,no\n5,a,yes\n6,b,maybe\n";

TEST_C(TableLabels, ClassesAreNumberedAsInTheModelAndUnseenTasksDoNotMatter)
{
    world w;
    float label[N_ROWS], weight[N_ROWS];
    const float expected[N_ROWS] = {2, 1, 0, 0, 2, 1}, ones[N_ROWS] = {1, 1, 1, 1, 1, 1};
    ASSERT_C_TRUE(open_world(&w, classes,
                             "x,site,y\n1,moon,yes\n2,a,no\n3,b,maybe\n4,mars,maybe\n5,a,yes\n6,a,"
                             "no\n",
                             "y", ""));
    EXPECT_C_OK(gbt_model_labels_table(w.model, w.table, label, N_ROWS, weight));
    EXPECT_C_EQ_BYTES(label, expected, sizeof expected);
    EXPECT_C_EQ_BYTES(weight, ones, sizeof ones);
    EXPECT_C_OK(gbt_model_labels_table(w.model, w.table, label, N_ROWS, NULL));
    close_world(&w);
}

TEST_C(TableLabels, SeveralLabelsComeOutputByOutputWithTheWeights)
{
    world w;
    float label[4], weight[2];
    const float expected[4] = {10, 30, 0.5f, -1.5f}, heavy[2] = {2, 0.25f};
    ASSERT_C_TRUE(open_world(&w, "x,site,u,v\n1,0,1,2\n2,1,3,4\n3,0,5,6\n",
                             "v,x,w,u,site\n0.5,1,2,10,0\n-1.5,2,0.25,30,7\n", "u,v", "w"));
    EXPECT_C_OK(gbt_model_labels_table(w.model, w.table, label, 4, weight));
    EXPECT_C_EQ_BYTES(label, expected, sizeof expected);
    EXPECT_C_EQ_BYTES(weight, heavy, sizeof heavy);
    EXPECT_C_STATUS(gbt_model_labels_table(w.model, w.table, label, 2, weight), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "room for 2 labels, rows x labels is 4");
    close_world(&w);
}

TEST_C(TableLabels, MissingAndUnknownLabelsAndNullArgumentsAreRefused)
{
    static const struct {
        const char *test, *message;
    } rows[] = {
        {"x,site\n1,a\n", "has no label"},
        {"x,site,y\n1,a,never\n", "never"},
        {"x,site,y\n1,a,\n", "has no label"},
    };
    float label[N_ROWS];
    world w;
    for (int i = 0; i < 3; i++) {
        ASSERT_C_TRUE(open_world(&w, classes, rows[i].test, "y", ""));
        EXPECT_C_STATUS(gbt_model_labels_table(w.model, w.table, label, 1, NULL), GBT_ERR_DATA);
        EXPECT_C_HAS_TEXT(gbt_last_error(), rows[i].message);
        close_world(&w);
    }
    ASSERT_C_TRUE(open_world(&w, classes, "x,site,y\n1,a,no\n", "y", ""));
    EXPECT_C_STATUS(gbt_model_labels_table(NULL, w.table, label, 1, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_labels_table(w.model, NULL, label, 1, NULL), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_labels_table(w.model, w.table, NULL, 1, NULL), GBT_ERR_ARGUMENT);
    close_world(&w);
}
