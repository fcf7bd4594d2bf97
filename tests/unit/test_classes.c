/* From labels to classes: what is found, how it is named, what is refused. */
#include "gbt/train/classes.h"

#include <math.h>
#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 12 };

/* A data set of one feature whose labels repeat the given ones. */
static gbt_dataset *labelled(const float *label, int n)
{
    float x[ROWS], y[ROWS];
    gbt_params *params = toy_params("");
    gbt_dataset *data = NULL;
    for (int i = 0; i < ROWS; i++) {
        x[i] = (float)i;
        y[i] = label[i % n];
    }
    const gbt_matrix matrix = {
        .data = x, .n_rows = ROWS, .n_cols = 1, .row_stride = 1, .col_stride = 1};
    EXPECT_C_OK(gbt_dataset_from_matrix(params, &matrix, NULL, NULL, &data));
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, y, GBT_F32, ROWS));
    gbt_params_free(params);
    return data;
}

/* What resolving gives: the objective's name and the class names, comma-separated, or a status. */
static gbt_status resolve(const char *options, const float *label, int n, char *objective,
                          char *names)
{
    gbt_params *params = toy_params(options);
    gbt_dataset *data = labelled(label, n);
    gbt_classes classes;
    const gbt_status status = gbt_classes_resolve(params, data, &classes);
    names[0] = '\0';
    for (int32_t k = 0; k < classes.n; k++) {
        strcat(names, k > 0 ? "," : "");
        strcat(names, classes.name[k]);
        EXPECT_C_TRUE(k == 0 || classes.label[k] > classes.label[k - 1]);
    }
    EXPECT_C_OK(gbt_params_get(params, "objective", objective, 64));
    EXPECT_C_TRUE(params->objective == GBT_OBJECTIVE_BINARY || status != GBT_OK ||
                  classes.n == params->num_class);
    gbt_classes_close(&classes);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return status;
}

static void expect_classes(const char *options, const float *label, int n,
                           const char *want_objective, const char *want_names)
{
    char objective[64], names[256];
    EXPECT_C_OK(resolve(options, label, n, objective, names));
    EXPECT_C_EQ_TEXT(objective, want_objective);
    EXPECT_C_EQ_TEXT(names, want_names);
}

static void expect_refusal(const char *options, const float *label, int n, gbt_status want,
                           const char *part)
{
    char objective[64], names[256];
    EXPECT_C_STATUS(resolve(options, label, n, objective, names), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
}

TEST_C(Classes, TwoDifferentNumbersAreBinary)
{
    expect_classes("", (float[]){0, 1}, 2, "binary", "0,1");
    expect_classes("", (float[]){1, -1}, 2, "binary", "-1,1");
    expect_classes("", (float[]){2.5f, 1.25f, 2.5f}, 3, "binary", "1.25,2.5");
    expect_classes("", (float[]){0.0f, -0.0f, 3}, 3, "binary",
                   "0,3"); /* both zeros are one class */
}

TEST_C(Classes, OtherNumbersAreAQuantity)
{
    expect_classes("", (float[]){0, 1, 2}, 3, "regression", "");
    expect_classes("", (float[]){7}, 1, "regression", "");
    expect_classes("objective=regression", (float[]){0, 1}, 2, "regression", "");
}

TEST_C(Classes, AskedForClassesAreTheDistinctLabels)
{
    expect_classes("objective=multiclass", (float[]){9, 2, 5, 2}, 4, "multiclass", "2,5,9");
    expect_classes("objective=multiclass", (float[]){-1, 1}, 2, "multiclass", "-1,1");
    expect_classes("objective=multiclassova num_class=3", (float[]){1, 2, 3}, 3, "multiclassova",
                   "1,2,3");
    expect_classes("objective=binary", (float[]){3, 8}, 2, "binary", "3,8");
}

TEST_C(Classes, MoreClassesThanTheLabelShowsAreNumberedFromZero)
{
    expect_classes("objective=multiclass num_class=5", (float[]){3, 1, 0}, 3, "multiclass",
                   "0,1,2,3,4");
    expect_refusal("objective=multiclass num_class=5", (float[]){3, 1.5f, 0}, 3, GBT_ERR_DATA,
                   "1.5");
    expect_refusal("objective=multiclass num_class=5", (float[]){3, -1, 0}, 3, GBT_ERR_DATA, "-1");
    expect_refusal("objective=multiclass num_class=5", (float[]){3, 5, 0}, 3, GBT_ERR_DATA,
                   "0 to 4");
}

TEST_C(Classes, WrongNumbersOfClassesAreRefused)
{
    expect_refusal("objective=binary", (float[]){4}, 1, GBT_ERR_DATA, "one class");
    expect_refusal("objective=multiclass", (float[]){4}, 1, GBT_ERR_DATA, "one class");
    expect_refusal("objective=binary", (float[]){1, 2, 3}, 3, GBT_ERR_DATA, "two values");
    expect_refusal("objective=multiclass num_class=2", (float[]){1, 2, 3}, 3, GBT_ERR_DATA,
                   "num_class = 2");
}

TEST_C(Classes, ADataSetWithoutLabelIsRefused)
{
    gbt_params *params = toy_params("");
    gbt_dataset *data = labelled((float[]){1}, 1);
    gbt_classes classes;
    EXPECT_C_OK(gbt_dataset_set(data, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_C_STATUS(gbt_classes_resolve(params, data, &classes), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no label");
    gbt_dataset_free(data);
    gbt_params_free(params);
}

/* ---- Balanced classes ------------------------------------------------------------------------ */

TEST_C(Classes, IsUnbalanceGivesBothClassesTheSameWeight)
{
    float weight[ROWS];
    for (int weighted = 0; weighted < 2; weighted++) {
        gbt_params *params = toy_params("objective=binary is_unbalance=true");
        gbt_dataset *data = labelled((float[]){-1, -1, 1}, 3); /* 8 rows and 4 */
        gbt_classes classes;
        for (int i = 0; i < ROWS; i++) {
            weight[i] = i % 3 == 2 ? 4.0f : 0.5f;
        }
        EXPECT_C_OK(gbt_dataset_set(data, GBT_WEIGHT, weight, GBT_F32, weighted ? ROWS : 0));
        EXPECT_C_OK(gbt_classes_resolve(params, data, &classes));
        EXPECT_C_TRUE(params->scale_pos_weight == (weighted ? 4.0 / 16.0 : 2.0));
        EXPECT_C_FALSE(params->is_unbalance); /* said once: now it is a weight */
        EXPECT_C_OK(gbt_params_check(params));
        gbt_classes_close(&classes);
        gbt_dataset_free(data);
        gbt_params_free(params);
    }
}

TEST_C(Classes, IsUnbalanceNeedsTwoClassesWithWeight)
{
    float weight[ROWS];
    gbt_params *params = toy_params("objective=binary is_unbalance=true");
    gbt_dataset *data = labelled((float[]){0, 1}, 2);
    gbt_classes classes;
    for (int i = 0; i < ROWS; i++) {
        weight[i] = i % 2 == 0 ? 1.0f : 0.0f;
    }
    EXPECT_C_OK(gbt_dataset_set(data, GBT_WEIGHT, weight, GBT_F32, ROWS));
    EXPECT_C_STATUS(gbt_classes_resolve(params, data, &classes), GBT_ERR_DATA);
    EXPECT_C_EQ_INT(classes.n, 0);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

/* ---- Text ------------------------------------------------------------------------------------ */

static gbt_dataset *from_text(const char *csv, const char *options)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    gbt_dataset *data = NULL;
    gbt_params *params = toy_params(options);
    EXPECT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, "text.csv", csv, strlen(csv), path));
    EXPECT_C_OK(gbt_dataset_from_file(params, path, NULL, &data));
    gbt_params_free(params);
    temp_dir_close(&dir);
    return data;
}

static void expect_text_classes(const char *csv, const char *options, const char *want_objective,
                                int32_t n, const char *const *names)
{
    char objective[64];
    gbt_params *params = toy_params(options);
    gbt_dataset *data = from_text(csv, "label=y");
    gbt_classes classes;
    EXPECT_C_OK(gbt_classes_resolve(params, data, &classes));
    EXPECT_C_OK(gbt_params_get(params, "objective", objective, sizeof objective));
    EXPECT_C_EQ_TEXT(objective, want_objective);
    EXPECT_C_EQ_INT(classes.n, n);
    for (int32_t k = 0; k < n && k < classes.n; k++) {
        EXPECT_C_EQ_TEXT(classes.name[k], names[k]);
    }
    gbt_classes_close(&classes);
    gbt_dataset_free(data);
    gbt_params_free(params);
}

TEST_C(Classes, TextsAreClasses)
{
    static const char two[] = "x,y\n1,yes\n2,no\n3,yes\n";
    static const char three[] = "x,y\n1,pear\n2,fig\n3,apple\n4,fig\n";
    /* The order of a dictionary: that of datasets/table.h. */
    gbt_dataset *data = from_text(three, "label=y");
    const char *names[3];
    ASSERT_C_EQ_INT(data->schema->label.n, 3);
    for (int k = 0; k < 3; k++) {
        names[k] = data->schema->label.text[k];
    }
    expect_text_classes(three, "", "multiclass", 3, names);
    expect_text_classes(three, "objective=multiclassova", "multiclassova", 3, names);
    gbt_dataset_free(data);
    data = from_text(two, "label=y");
    names[0] = data->schema->label.text[0];
    names[1] = data->schema->label.text[1];
    expect_text_classes(two, "", "binary", 2, names);
    gbt_dataset_free(data);
}

TEST_C(Classes, TextIsNoQuantity)
{
    gbt_params *params = toy_params("objective=regression");
    gbt_dataset *data = from_text("x,y\n1,a\n2,b\n3,a\n", "label=y");
    gbt_classes classes;
    EXPECT_C_STATUS(gbt_classes_resolve(params, data, &classes), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "\"y\" is text");
    gbt_dataset_free(data);
    gbt_params_free(params);
}

/* ---- Targets --------------------------------------------------------------------------------- */

TEST_C(Classes, TargetsAreClassNumbers)
{
    float target[ROWS];
    gbt_params *params = toy_params("objective=multiclass");
    gbt_dataset *data = labelled((float[]){9, 2, 5, 2}, 4), *other = labelled((float[]){5, 6}, 2);
    gbt_objective objective;
    gbt_classes classes;
    ASSERT_C_OK(gbt_classes_resolve(params, data, &classes));
    ASSERT_C_OK(gbt_objective_init(params, &objective));
    EXPECT_C_OK(gbt_classes_target(&classes, &objective, data, target));
    for (int i = 0; i < ROWS; i++) {
        static const float want[] = {2, 0, 1, 0};
        EXPECT_C_TRUE(target[i] == want[i % 4]);
    }
    EXPECT_C_STATUS(gbt_classes_target(&classes, &objective, other, target), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "row 2: the label 6 is not a class of the model");
    EXPECT_C_OK(gbt_dataset_set(other, GBT_LABEL, NULL, GBT_F32, 0));
    EXPECT_C_STATUS(gbt_classes_target(&classes, &objective, other, target), GBT_ERR_DATA);
    gbt_classes_close(&classes);
    gbt_classes_close(&classes); /* a zeroed one */
    gbt_dataset_free(data);
    gbt_dataset_free(other);
    gbt_params_free(params);
}

TEST_C(Classes, TargetsOfAQuantityAreTheLabelsInTheDomainOfTheLoss)
{
    float target[ROWS];
    gbt_params *params = toy_params("objective=poisson");
    gbt_dataset *data = labelled((float[]){0.5f, 3}, 2), *bad = labelled((float[]){1, 2, -1}, 3);
    gbt_objective objective;
    gbt_classes classes;
    ASSERT_C_OK(gbt_classes_resolve(params, data, &classes));
    ASSERT_C_OK(gbt_objective_init(params, &objective));
    EXPECT_C_OK(gbt_classes_target(&classes, &objective, data, target));
    EXPECT_C_TRUE(target[0] == 0.5f && target[1] == 3.0f && target[ROWS - 1] == 3.0f);
    EXPECT_C_STATUS(gbt_classes_target(&classes, &objective, bad, target), GBT_ERR_DATA);
    gbt_classes_close(&classes);
    gbt_dataset_free(data);
    gbt_dataset_free(bad);
    gbt_params_free(params);
}
