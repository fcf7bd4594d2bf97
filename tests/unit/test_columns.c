/* Files: roles of columns, kinds, schemas of earlier files, views, and the messages of what is
 * wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/data/columns.h"
#include "gbt/data/dataset.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

/* `settings`: "key=value;key=value". */
static gbt_params *params_of(const char *settings)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    gbt_slice rest = gbt_slice_of(settings), item;
    while (gbt_slice_next(&rest, ';', &item)) {
        char key[64], value[256];
        const char *equals = memchr(item.data, '=', item.size);
        (void)snprintf(key, sizeof key, "%.*s", (int)(equals - item.data), item.data);
        (void)snprintf(value, sizeof value, "%.*s", (int)(item.data + item.size - equals - 1),
                       equals + 1);
        EXPECT_C_OK(gbt_params_set(params, key, value));
    }
    return params;
}

static temp_dir folder;

static void write_file(const char *name, const char *text, char path[TEMP_DIR_PATH])
{
    EXPECT_C_TRUE(temp_dir_write(&folder, name, text, strlen(text), path));
}

static gbt_status read_table(const char *settings, const char *path, const gbt_schema *schema,
                             gbt_table **out)
{
    gbt_params *params = params_of(settings);
    const gbt_status status = gbt_table_read_as(params, path, schema, 0, out);
    gbt_params_free(params);
    return status;
}

static gbt_status read_dataset(const char *settings, const char *path, const gbt_dataset *same_cuts,
                               gbt_dataset **out)
{
    gbt_params *params = params_of(settings);
    const gbt_status status = gbt_dataset_from_file(params, path, same_cuts, out);
    gbt_params_free(params);
    return status;
}

static const char *const people = "name,age,town,weight,query,label\n"
                                  "anna,31,Rome,1,123456789012,1\n"
                                  "bert,,Paris,2,123456789013,0\n"
                                  "007,40,Rome,1,123456789012,1\n"
                                  "dora,55,,0.5,123456789012,0\n";

static gbt_column_role role_of(const gbt_table *table, int32_t column)
{
    gbt_column_info info = {0};
    EXPECT_C_OK(gbt_table_describe(table, column, &info));
    return info.role;
}

/* ---- Roles ----------------------------------------------------------------------------------- */

TEST_C(Columns, KeysGiveRolesByNameAndByIndex)
{
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("people.csv", people, path);
    const char *const settings[2] = {"id=name;weight=weight;group=query;label=label",
                                     "id=0;weight=3;group=4;label=5"};
    for (int i = 0; i < 2; i++) {
        gbt_table *table = NULL;
        ASSERT_C_OK(read_table(settings[i], path, NULL, &table));
        EXPECT_C_EQ_INT(gbt_table_rows(table), 4);
        EXPECT_C_EQ_INT(gbt_table_columns(table), 6);
        EXPECT_C_EQ_INT(gbt_table_is_sparse(table), 0);
        const gbt_column_role want[6] = {GBT_ROLE_ID,     GBT_ROLE_FEATURE, GBT_ROLE_FEATURE,
                                         GBT_ROLE_WEIGHT, GBT_ROLE_GROUP,   GBT_ROLE_LABEL};
        for (int32_t c = 0; c < 6; c++) {
            EXPECT_C_EQ_INT(role_of(table, c), want[c]);
        }
        EXPECT_C_EQ_TEXT(gbt_table_id(table, 2), "007");
        EXPECT_C_TRUE(gbt_table_id(table, 4) == NULL);
        gbt_column_info town;
        EXPECT_C_OK(gbt_table_describe(table, 2, &town));
        EXPECT_C_EQ_TEXT(town.name, "town");
        EXPECT_C_TRUE(town.is_text && town.n_missing == 1 && town.n_values == 2);
        EXPECT_C_STATUS(gbt_table_describe(table, 6, &town), GBT_ERR_ARGUMENT);
        gbt_table_free(table);
    }
    temp_dir_close(&folder);
}

TEST_C(Columns, TheLabelIsFoundByItsUsualNames)
{
    static const struct {
        const char *header, *settings;
        int32_t label;
    } cases[] = {{"y,target,label", "", 2},
                 {"y,target,x", "", 1},
                 {"a,y,x", "", 1},
                 {"a,b,x", "", -1},
                 {"y,target,label", "weight=label", 1},
                 {"y,target,label", "ignore=label,target", 0},
                 {"y,target,label", "label=0", 0}};
    ASSERT_C_TRUE(temp_dir_open(&folder));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64], path[TEMP_DIR_PATH];
        gbt_table *table = NULL;
        (void)snprintf(text, sizeof text, "%s\n1,2,3\n4,5,6\n", cases[i].header);
        write_file("t.csv", text, path);
        ASSERT_C_OK(read_table(cases[i].settings, path, NULL, &table));
        EXPECT_C_EQ_INT(gbt_table_roles(table)->column[GBT_ROLE_LABEL], cases[i].label);
        gbt_table_free(table);
    }
    temp_dir_close(&folder);
}

static void expect_refusal(const char *settings, const char *path, gbt_status want,
                           const char *part)
{
    gbt_dataset *dataset = NULL;
    EXPECT_C_STATUS(read_dataset(settings, path, NULL, &dataset), want);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    EXPECT_C_TRUE(dataset == NULL);
    gbt_dataset_free(dataset);
}

TEST_C(Columns, WhatTheKeysGetWrongIsSaid)
{
    char path[TEMP_DIR_PATH], numbered[TEMP_DIR_PATH], odd[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("people.csv", people, path);
    write_file("numbered.csv", "1,0,b\n1,2,x\n3,4,y\n", numbered);
    write_file("people.data", people, odd);
    expect_refusal("label=lable", path, GBT_ERR_PARAM, "the nearest is \"label\"");
    expect_refusal("weight=wieght", path, GBT_ERR_PARAM, "weight: no column \"wieght\"");
    expect_refusal("label=6", path, GBT_ERR_PARAM, "column 6 is outside 0 .. 5");
    expect_refusal("ignore=age,twon", path, GBT_ERR_PARAM, "the nearest is \"town\"");
    expect_refusal("categorical=agee", path, GBT_ERR_PARAM, "categorical: no column \"agee\"");
    expect_refusal("categorical=label", path, GBT_ERR_PARAM, "is the label, not a feature");
    expect_refusal("weight=label;label=label", path, GBT_ERR_PARAM,
                   "\"label\" is the label already");
    expect_refusal("weight=town", path, GBT_ERR_FORMAT, ":2:9: 'Rome' is not a number");
    expect_refusal("weight=age", path, GBT_ERR_DATA, "weight of data row 2 (from 1) is missing");
    expect_refusal("label=age", path, GBT_ERR_DATA, "data row 2 (from 1) has no label");
    expect_refusal("group=town", path, GBT_ERR_DATA, "data row 4 (from 1) has no group");
    expect_refusal("label=0;header=true", numbered, GBT_ERR_PARAM, "could be column number 0");
    expect_refusal("", odd, GBT_ERR_PARAM, "say format =");
    expect_refusal("", "no_such_file.csv", GBT_ERR_IO, "no_such_file.csv");
    gbt_dataset *dataset = NULL;
    EXPECT_C_OK(read_dataset("format=csv;id=name;group=query", odd, NULL, &dataset));
    gbt_dataset_free(dataset);
    temp_dir_close(&folder);
}

/* ---- Data sets of files ---------------------------------------------------------------------- */

TEST_C(Columns, FieldsOfADatasetComeFromTheirColumns)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *dataset = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("people.csv", people, path);
    ASSERT_C_OK(
        read_dataset("id=name;weight=weight;group=query;min_data_in_bin=1", path, NULL, &dataset));
    EXPECT_C_EQ_INT(gbt_dataset_rows(dataset), 4);
    EXPECT_C_EQ_INT(gbt_dataset_features(dataset), 2);
    EXPECT_C_EQ_TEXT(dataset->schema->name[0], "age");
    EXPECT_C_EQ_TEXT(dataset->schema->name[1], "town");
    EXPECT_C_EQ_TEXT(dataset->schema->role[GBT_ROLE_LABEL], "label");
    EXPECT_C_EQ_TEXT(dataset->schema->role[GBT_ROLE_GROUP], "query");
    EXPECT_C_EQ_TEXT(dataset->schema->role[GBT_ROLE_TASK], "");
    EXPECT_C_EQ_INT(dataset->schema->is_categorical[1], 1);
    EXPECT_C_EQ_TEXT(dataset->schema->dictionary[1].text[1], "Rome");
    EXPECT_C_EQ_TEXT(dataset->source, path);
    const float label[4] = {1, 0, 1, 0}, weight[4] = {1, 2, 1, 0.5f};
    EXPECT_C_EQ_BYTES(dataset->label, label, sizeof label);
    EXPECT_C_EQ_BYTES(dataset->weight, weight, sizeof weight);
    /* Numbers that a float cannot tell apart are different groups. */
    EXPECT_C_TRUE(dataset->group[0] == dataset->group[2] && dataset->group[0] == dataset->group[3]);
    EXPECT_C_TRUE(dataset->group[0] != dataset->group[1]);
    /* Rome is the most frequent town: bin 0; Paris 1; missing 2. Ages: 31, 40, 55, missing 3. */
    const int32_t town[4] = {0, 1, 0, 2}, age[4] = {0, 3, 1, 2};
    for (int row = 0; row < 4; row++) {
        EXPECT_C_EQ_INT(gbt_bins_at(&dataset->bins, row, 1), town[row]);
        EXPECT_C_EQ_INT(gbt_bins_at(&dataset->bins, row, 0), age[row]);
    }
    gbt_dataset_free(dataset);
    temp_dir_close(&folder);
}

TEST_C(Columns, CategoricalNumbersAreTexts)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *dataset = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("z.csv", "zip,y\n00100,1\n100,2\n00100,3\n", path);
    ASSERT_C_OK(read_dataset("categorical=zip", path, NULL, &dataset));
    EXPECT_C_EQ_INT(dataset->schema->is_categorical[0], 1);
    EXPECT_C_EQ_INT(dataset->schema->dictionary[0].n, 2);
    EXPECT_C_EQ_TEXT(dataset->schema->dictionary[0].text[0], "00100");
    gbt_dataset_free(dataset);
    temp_dir_close(&folder);
}

TEST_C(Columns, MissingTokensAreTheKeys)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *dataset = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("m.csv", "a,b,y\n1,x,1\nNA,?,2\n-,null,3\n4,NaN,4\n", path);
    ASSERT_C_OK(read_dataset("", path, NULL, &dataset)); /* "-" makes `a` text */
    EXPECT_C_EQ_INT(dataset->schema->is_categorical[0], 1);
    EXPECT_C_EQ_INT(dataset->schema->dictionary[0].n, 3);
    EXPECT_C_EQ_INT(dataset->schema->dictionary[1].n, 1);
    gbt_dataset_free(dataset);
    ASSERT_C_OK(read_dataset("missing=-,NA", path, NULL, &dataset));
    EXPECT_C_EQ_INT(dataset->schema->is_categorical[0], 0);
    EXPECT_C_EQ_INT(dataset->schema->dictionary[1].n, 4);
    gbt_dataset_free(dataset);
    temp_dir_close(&folder);
}

TEST_C(Columns, SeveralInitScoresKeepTheOrderOfTheKey)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *dataset = NULL, *again = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("i.csv", "a,s0,s1,y,t\n1,0.5,2,0,3\n2,1.5,4,1,7\n", path);
    ASSERT_C_OK(read_dataset("init_score=s1,s0;task=t", path, NULL, &dataset));
    EXPECT_C_EQ_INT(dataset->n_init, 2);
    const float want[4] = {2, 0.5f, 4, 1.5f};
    EXPECT_C_EQ_BYTES(dataset->init_score, want, sizeof want);
    EXPECT_C_EQ_TEXT(dataset->schema->role[GBT_ROLE_INIT_SCORE], "s1,s0");
    EXPECT_C_EQ_INT(dataset->task[1], 7);
    ASSERT_C_OK(read_dataset("", path, dataset, &again)); /* roles are remembered */
    EXPECT_C_EQ_BYTES(again->init_score, want, sizeof want);
    EXPECT_C_EQ_INT(again->task[0], 3);
    gbt_dataset_free(dataset);
    gbt_dataset_free(again);
    temp_dir_close(&folder);
}

/* ---- A second file --------------------------------------------------------------------------- */

static int n_warnings;
static char warning[512];

static void remember(gbt_log_level level, const char *line, void *user)
{
    (void)user;
    if (level == GBT_LOG_WARN) {
        n_warnings++;
        (void)snprintf(warning, sizeof warning, "%s", line);
    }
}

TEST_C(Columns, UnseenCategoriesAreMissingCountedAndReported)
{
    char first[TEMP_DIR_PATH], second[TEMP_DIR_PATH];
    gbt_dataset *train = NULL, *valid = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.csv", "town,extra,y\nRome,1,no\nParis,2,yes\nRome,3,no\n", first);
    write_file("b.csv", "y,junk,town,extra\nyes,q,Oslo,9\nno,q,Paris,1\nyes,q,Bonn,1\n", second);
    ASSERT_C_OK(read_dataset("", first, NULL, &train));
    EXPECT_C_EQ_INT(train->schema->label.n, 2);
    n_warnings = 0;
    gbt_set_log(remember, NULL);
    ASSERT_C_OK(read_dataset("", second, train, &valid));
    gbt_set_log(NULL, NULL);
    EXPECT_C_EQ_INT(n_warnings, 1);
    EXPECT_C_HAS_TEXT(warning, "\"town\": 2 cells");
    EXPECT_C_HAS_TEXT(warning, "Bonn");
    const int32_t town[3] = {2, 1, 2};
    const float label[3] = {1, 0, 1};
    for (int row = 0; row < 3; row++) {
        EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, row, 0), town[row]);
        EXPECT_C_TRUE(valid->label[row] == label[row]);
    }
    gbt_dataset_free(valid);
    EXPECT_C_STATUS(read_dataset("unseen=error", second, train, &valid), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "column \"town\": 2 cells");
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

TEST_C(Columns, ASecondFileMustFitTheFirst)
{
    static const struct {
        const char *text;
        gbt_status want;
        const char *part;
    } cases[] = {
        {"town,y\nRome,no\n", GBT_ERR_DATA, "no column \"size\""},
        {"town,sise,y\nRome,1,no\n", GBT_ERR_DATA, "the nearest is \"sise\""},
        {"town,size,y\nRome,big,no\n", GBT_ERR_FORMAT, ":2:6: 'big' is not a number"},
        {"town,size,y\nRome,1,perhaps\n", GBT_ERR_DATA, "the label \"perhaps\""},
        {"town,size,y\nRome,1,no\nRome,1,\n", GBT_ERR_DATA, "data row 2 (from 1) has no label"},
    };
    char path[TEMP_DIR_PATH];
    gbt_dataset *train = NULL, *valid = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.csv", "town,size,y\nRome,1,no\nParis,2,yes\n", path);
    ASSERT_C_OK(read_dataset("", path, NULL, &train));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("b.csv", cases[i].text, path);
        EXPECT_C_STATUS(read_dataset("", path, train, &valid), cases[i].want);
        EXPECT_C_HAS_TEXT(gbt_last_error(), cases[i].part);
        EXPECT_C_TRUE(valid == NULL);
    }
    /* Texts of numbers, a column that is missing throughout, and no label are fine. */
    write_file("c.csv", "size,town\n3,\n4,\n", path);
    ASSERT_C_OK(read_dataset("", path, train, &valid));
    EXPECT_C_TRUE(valid->label == NULL);
    EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, 0, 0), 2);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

TEST_C(Columns, AModelsColumnsCannotHaveAnotherRole)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *train = NULL, *valid = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.csv", "a,b,y\n1,2,3\n4,5,6\n", path);
    ASSERT_C_OK(read_dataset("", path, NULL, &train));
    EXPECT_C_STATUS(read_dataset("id=a", path, train, &valid), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "the model uses it as a feature");
    EXPECT_C_STATUS(read_dataset("id=nobody", path, train, &valid), GBT_ERR_PARAM);
    EXPECT_C_OK(read_dataset("label=nobody", path, train, &valid)); /* a label is optional here */
    EXPECT_C_TRUE(valid->label == NULL);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

/* Headers of numbers and names with commas: what the first file settled is found again by name. */
TEST_C(Columns, RolesAreRememberedByNameEvenIfItIsANumber)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *train = NULL, *valid = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.csv", "x,2,\"a,b\"\n5,6,7\n8,9,10\n", path);
    ASSERT_C_OK(read_dataset("label=1;weight=a,b;header=true", path, NULL, &train));
    EXPECT_C_EQ_TEXT(train->schema->role[GBT_ROLE_LABEL], "2");
    EXPECT_C_TRUE(train->weight[1] == 10);
    write_file("b.csv", "\"a,b\",2,x\n1,3,5\n", path);
    ASSERT_C_OK(read_dataset("header=true", path, train, &valid));
    EXPECT_C_TRUE(valid->label[0] == 3);
    EXPECT_C_TRUE(valid->weight[0] == 1);
    gbt_dataset_free(train);
    gbt_dataset_free(valid);
    temp_dir_close(&folder);
}

/* ---- Sparse files ---------------------------------------------------------------------------- */

TEST_C(Columns, SparseFilesHaveTheirColumnsByIndex)
{
    char path[TEMP_DIR_PATH];
    gbt_table *table = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("s.svm", "1 qid:7 1:2 3:nan\n0 qid:7 2:5\n1 qid:9 3:1\n", path);
    ASSERT_C_OK(read_table("ignore=f2", path, NULL, &table));
    EXPECT_C_EQ_INT(gbt_table_is_sparse(table), 1);
    ASSERT_C_EQ_INT(gbt_table_columns(table), 5);
    static const char *const names[5] = {"label", "f1", "f2", "f3", "qid"};
    const gbt_column_role roles[5] = {GBT_ROLE_LABEL, GBT_ROLE_FEATURE, GBT_ROLE_IGNORED,
                                      GBT_ROLE_FEATURE, GBT_ROLE_GROUP};
    for (int32_t c = 0; c < 5; c++) {
        gbt_column_info info = {0};
        EXPECT_C_OK(gbt_table_describe(table, c, &info));
        EXPECT_C_EQ_TEXT(info.name, names[c]);
        EXPECT_C_EQ_INT(info.role, roles[c]);
        EXPECT_C_EQ_INT(info.n_missing, c == 3);
    }
    gbt_table_free(table);
    expect_refusal("weight=f1", path, GBT_ERR_PARAM, "libsvm files have a label and qid: only");
    expect_refusal("id=f9", path, GBT_ERR_PARAM, "id: no column \"f9\"");
    temp_dir_close(&folder);
}

TEST_C(Columns, ASecondSparseFileMayBeNarrowerOrWider)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *train = NULL, *valid = NULL;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.libsvm", "1 qid:1 1:2 3:4\n0 qid:2 2:5\n1 qid:2 3:1\n", path);
    ASSERT_C_OK(read_dataset("min_data_in_bin=1", path, NULL, &train));
    EXPECT_C_EQ_INT(gbt_dataset_features(train), 3);
    EXPECT_C_EQ_INT(train->group[2], 2);
    EXPECT_C_EQ_INT(train->schema->index_base, 1);
    write_file("b.libsvm", "1 1:2\n0 1:1 5:5\n", path);
    ASSERT_C_OK(read_dataset("", path, train, &valid));
    EXPECT_C_EQ_INT(gbt_dataset_features(valid), 3);
    EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, 0, 0), 1);
    EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, 0, 2), 0);
    EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, 1, 0), 0);
    gbt_dataset_free(valid);
    write_file("c.libsvm", "1 2:3\n", path);
    ASSERT_C_OK(read_dataset("", path, train, &valid));
    EXPECT_C_EQ_INT(gbt_bins_at(&valid->bins, 0, 1), 1);
    gbt_dataset_free(valid);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

/* ---- Views ----------------------------------------------------------------------------------- */

TEST_C(Views, RowsHaveTheOrderAndCodesOfTheSchema)
{
    char first[TEMP_DIR_PATH], second[TEMP_DIR_PATH];
    gbt_dataset *train = NULL;
    gbt_table *table = NULL;
    gbt_view view;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.csv", "town,size,y\nRome,1,0\nParis,2,1\n", first);
    write_file("b.csv", "size,town,y\n0.5,Rome,1\n,Oslo,0\n7,Paris,1\n", second);
    ASSERT_C_OK(read_dataset("", first, NULL, &train));
    ASSERT_C_OK(read_table("", second, train->schema, &table));
    ASSERT_C_OK(gbt_view_open(table, train->schema, &view));
    float out[6], label[3];
    gbt_view_rows(&view, 0, 3, out);
    EXPECT_C_TRUE(out[0] == 1 && out[1] == 0.5f);
    EXPECT_C_TRUE(isnan(out[2]) && isnan(out[3]));
    EXPECT_C_TRUE(out[4] == 0 && out[5] == 7);
    gbt_view_rows(&view, 2, 1, out);
    EXPECT_C_TRUE(out[0] == 0 && out[1] == 7);
    EXPECT_C_EQ_INT(view.n_unseen, 1);
    EXPECT_C_STATUS(gbt_view_refuse_unseen(&view), GBT_ERR_DATA);
    EXPECT_C_TRUE(gbt_view_has_label(&view));
    EXPECT_C_OK(gbt_view_label(&view, label));
    EXPECT_C_TRUE(label[0] == 1 && label[1] == 0 && label[2] == 1);
    EXPECT_C_FALSE(gbt_view_numbers(&view, GBT_ROLE_WEIGHT, out));
    EXPECT_C_EQ_INT(gbt_view_width(&view, GBT_ROLE_WEIGHT), 0);
    gbt_view_close(&view);
    gbt_table_free(table);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

TEST_C(Views, SparseRowsAreSpreadOut)
{
    char path[TEMP_DIR_PATH];
    gbt_dataset *train = NULL;
    gbt_table *table = NULL;
    gbt_view view;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("a.svm", "1 1:2 3:4\n0 2:5\n", path);
    ASSERT_C_OK(read_dataset("", path, NULL, &train));
    ASSERT_C_OK(read_table("", path, train->schema, &table));
    ASSERT_C_OK(gbt_view_open(table, train->schema, &view));
    float out[6];
    const float want[6] = {2, 0, 4, 0, 5, 0};
    gbt_view_rows(&view, 0, 2, out);
    EXPECT_C_EQ_BYTES(out, want, sizeof want);
    gbt_view_close(&view);
    gbt_table_free(table);
    gbt_dataset_free(train);
    temp_dir_close(&folder);
}

TEST_C(Columns, APreviewStopsEarly)
{
    char path[TEMP_DIR_PATH];
    gbt_table *table = NULL;
    gbt_params *params = params_of("");
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("people.csv", people, path);
    ASSERT_C_OK(gbt_table_preview(params, path, 2, &table));
    EXPECT_C_EQ_INT(gbt_table_rows(table), 2);
    EXPECT_C_TRUE(gbt_table_id(table, 0) == NULL);
    gbt_table_free(table);
    EXPECT_C_STATUS(gbt_table_preview(params, path, 0, &table), GBT_ERR_ARGUMENT);
    gbt_params_free(params);
    temp_dir_close(&folder);
}

/* ---- Refused memory -------------------------------------------------------------------------- */

static gbt_status read_both(const char *csv, const char *svm)
{
    gbt_status status = GBT_OK;
    gbt_params *params = NULL;
    gbt_dataset *first = NULL, *second = NULL, *sparse = NULL;
    GBT_TRY_OR_DONE(gbt_params_create(&params));
    GBT_TRY_OR_DONE(gbt_params_set(params, "threads", "1"));
    GBT_TRY_OR_DONE(gbt_dataset_from_file(params, svm, NULL, &sparse));
    GBT_TRY_OR_DONE(gbt_params_set(params, "id", "name"));
    GBT_TRY_OR_DONE(gbt_params_set(params, "group", "query"));
    GBT_TRY_OR_DONE(gbt_dataset_from_file(params, csv, NULL, &first));
    GBT_TRY_OR_DONE(gbt_dataset_from_file(params, csv, first, &second));
done:
    gbt_params_free(params);
    gbt_dataset_free(first);
    gbt_dataset_free(second);
    gbt_dataset_free(sparse);
    return status;
}

TEST_C(Columns, EveryRefusedAllocationIsReportedAndNothingLeaks)
{
    char csv[TEMP_DIR_PATH], svm[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    write_file("people.csv", people, csv);
    write_file("s.svm", "1 qid:7 1:2 3:nan\n0 qid:7 2:5\n1 qid:9 3:1\n", svm);
    bool is_through = false;
    for (int64_t n = 1; n < 3000 && !is_through; n++) {
        fail_alloc_install(n);
        const gbt_status status = read_both(csv, svm);
        is_through = !fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_STATUS(status, is_through ? GBT_OK : GBT_ERR_MEMORY);
    }
    EXPECT_C_TRUE(is_through);
    temp_dir_close(&folder);
}
