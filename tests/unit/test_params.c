/* gbt/params: the table is consistent, values go in and out as text, files apply whole or not at
 * all, useless combinations are refused. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/params/params.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

static gbt_params *created(void)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    return params;
}

static void expect_value(const gbt_params *params, const char *key, const char *want)
{
    char text[256] = "";
    EXPECT_C_OK(gbt_params_get(params, key, text, sizeof text));
    EXPECT_C_EQ_TEXT(text, want);
}

/* Setting fails, the message holds `part`, and the value stays. */
static void expect_refused(const char *key, const char *value, const char *part)
{
    gbt_params *params = created();
    gbt_params *before = NULL;
    EXPECT_C_OK(gbt_params_copy(params, &before));
    EXPECT_C_STATUS(gbt_params_set(params, key, value), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    for (int i = 0; i < gbt_param_count(); i++) {
        char *a = gbt_params_print(params, (gbt_param_key)i);
        char *b = gbt_params_print(before, (gbt_param_key)i);
        EXPECT_C_EQ_TEXT(a, b);
        EXPECT_C_FALSE(params->is_set[i]);
        gbt_release(a);
        gbt_release(b);
    }
    gbt_params_free(before);
    gbt_params_free(params);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* Calls `fn` for the name and every alias of every key. */
static void for_names(void (*fn)(int key, const char *name, void *context), void *context)
{
    for (int key = 0; key < gbt_param_count(); key++) {
        const gbt_param_row *row = gbt_param_row_of(key);
        fn(key, row->name, context);
        gbt_slice rest = gbt_slice_of(row->aliases), part;
        while (gbt_slice_next(&rest, ',', &part)) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)part.size, part.data);
            fn(key, name, context);
        }
    }
}

static void find_name(int key, const char *name, void *context)
{
    int index = -1, *n_names = context;
    EXPECT_C_OK(gbt_param_find(name, &index));
    EXPECT_C_EQ_INT(index, key); /* a name of two keys would fail for the second */
    EXPECT_C_TRUE(strlen(name) > 0 && strlen(name) < 60);
    ++*n_names;
}

TEST_C(Params, EveryNameBelongsToOneKey)
{
    int n_names = 0;
    for_names(find_name, &n_names);
    EXPECT_C_TRUE(n_names > gbt_param_count());
}

TEST_C(Params, DefaultsAreCanonicalAndInRange)
{
    gbt_params *params = created();
    for (int key = 0; key < gbt_param_count(); key++) {
        gbt_param_info info;
        ASSERT_C_OK(gbt_param_describe(key, &info));
        expect_value(params, info.name, info.fallback);
        EXPECT_C_EQ_INT(gbt_params_is_set(params, info.name), 0);
        EXPECT_C_TRUE(strlen(info.doc) > 10);
        EXPECT_C_TRUE(gbt_is_utf8(gbt_slice_of(info.doc)));
    }
    EXPECT_C_OK(gbt_params_check(params));
    gbt_params_free(params);
    gbt_param_info info;
    EXPECT_C_STATUS(gbt_param_describe(-1, &info), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_param_describe(gbt_param_count(), &info), GBT_ERR_ARGUMENT);
}

TEST_C(Params, RangesOfEnumsAreTheirValuesAndAllCanBeSet)
{
    gbt_params *params = created();
    int n_values = 0;
    for (int key = 0; key < gbt_param_count(); key++) {
        gbt_param_info info;
        ASSERT_C_OK(gbt_param_describe(key, &info));
        EXPECT_C_EQ_INT(strcmp(info.kind, "enum") == 0, gbt_param_value_of(key, 0) != NULL);
        gbt_slice rest = gbt_slice_of(info.range), part;
        for (int number = 0; gbt_param_value_of(key, number); number++, n_values++) {
            const gbt_param_value *value = gbt_param_value_of(key, number);
            ASSERT_C_TRUE(gbt_slice_next(&rest, '|', &part));
            EXPECT_C_TRUE(gbt_slice_equal(part, value->name));
            EXPECT_C_OK(gbt_params_set(params, info.name, value->name));
            expect_value(params, info.name, value->name);
            gbt_slice aliases = gbt_slice_of(value->aliases);
            while (gbt_slice_next(&aliases, ',', &part)) {
                EXPECT_C_TRUE(gbt_param_value_find(key, part) == value);
            }
        }
        EXPECT_C_TRUE(strcmp(info.kind, "enum") != 0 || rest.size == 0);
    }
    EXPECT_C_TRUE(n_values > 30);
    gbt_param_info info;
    EXPECT_C_OK(gbt_param_describe(GBT_KEY_grow_policy, &info));
    EXPECT_C_EQ_TEXT(info.range, "leafwise|depthwise|symmetric");
    gbt_params_free(params);
}

TEST_C(Params, RangesKnowOpenAndClosedBounds)
{
    EXPECT_C_FALSE(gbt_param_in_range("(0, 1]", 0));
    EXPECT_C_TRUE(gbt_param_in_range("(0, 1]", 1));
    EXPECT_C_TRUE(gbt_param_in_range("[0, 1)", 0));
    EXPECT_C_FALSE(gbt_param_in_range("[0, 1)", 1));
    EXPECT_C_TRUE(gbt_param_in_range("[0, inf)", 1e308));
    EXPECT_C_FALSE(gbt_param_in_range("[0, inf)", 1e308 * 10));
    EXPECT_C_FALSE(gbt_param_in_range("[0, inf)", -1e-300));
    static const int good[] = {0, 3, 9, 16, 32}, bad[] = {-1, 1, 2, 17, 31, 33};
    for (int i = 0; i < 5; i++) {
        EXPECT_C_TRUE(gbt_param_in_range("0|[3, 16]|32", good[i]));
    }
    for (int i = 0; i < 6; i++) {
        EXPECT_C_FALSE(gbt_param_in_range("0|[3, 16]|32", bad[i]));
    }
    double nan = 0;
    EXPECT_C_TRUE(gbt_parse_real(gbt_slice_of("nan"), &nan));
    EXPECT_C_FALSE(gbt_param_in_range("[0, inf)", nan));
}

TEST_C(Params, EveryNumericKeyRefusesWhatIsOutsideItsRange)
{
    for (int key = 0; key < gbt_param_count(); key++) {
        const gbt_param_row *row = gbt_param_row_of(key);
        if (row->kind <= GBT_KIND_REAL) {
            EXPECT_C_TRUE(strlen(row->range) > 0);
            expect_refused(row->name, row->kind == GBT_KIND_BYTES ? "9999999T" : "-7", row->name);
            expect_refused(row->name, "abc", row->range);
            expect_refused(row->name, "nan", row->name);
            expect_refused(row->name, "", row->name);
        } else if (row->kind == GBT_KIND_BOOL || row->kind == GBT_KIND_ENUM) {
            expect_refused(row->name, "abc", row->name);
            expect_refused(row->name, "", row->name);
        }
    }
}

/* ---- Setting --------------------------------------------------------------------------------- */

TEST_C(Params, FieldsFollowTheText)
{
    gbt_params *params = created();
    EXPECT_C_OK(gbt_params_set(params, " eta ", " 0.05 "));
    EXPECT_C_OK(gbt_params_set(params, "tree.num_leaves", "63"));
    EXPECT_C_OK(gbt_params_set(params, "random_state", "9223372036854775807"));
    EXPECT_C_OK(gbt_params_set(params, "memory_limit", "8G"));
    EXPECT_C_OK(gbt_params_set(params, "is_unbalance", "Yes"));
    EXPECT_C_OK(gbt_params_set(params, "loss_function", "Logloss"));
    EXPECT_C_OK(gbt_params_set(params, "metric", " auc , logloss "));
    EXPECT_C_OK(gbt_params_set(params, "reg_alpha", "-0"));
    EXPECT_C_TRUE(params->learning_rate == 0.05);
    EXPECT_C_EQ_INT(params->max_leaves, 63);
    EXPECT_C_EQ_INT(params->seed, INT64_MAX);
    EXPECT_C_EQ_INT(params->memory_limit, (int64_t)8 << 30);
    EXPECT_C_TRUE(params->is_unbalance);
    EXPECT_C_EQ_INT(params->objective, GBT_OBJECTIVE_BINARY);
    EXPECT_C_EQ_TEXT(params->metric, "auc,logloss");
    expect_value(params, "memory_limit", "8589934592");
    expect_value(params, "objective", "binary");
    expect_value(params, "reg_alpha", "0");
    expect_value(params, "train.eta", "0.05");
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "shrinkage_rate"), 1);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "n_trees"), 0);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "nonsense"), -1);
    EXPECT_C_OK(gbt_params_set(params, "metric", ""));
    EXPECT_C_EQ_TEXT(params->metric, "");
    gbt_params_free(params);
}

TEST_C(Params, SpellingsOfOtherLibrariesAreUnderstood)
{
    static const struct {
        const char *text;
        int number;
    } cases[] = {
        {"binary:logistic", GBT_OBJECTIVE_BINARY},
        {"squared_error", GBT_OBJECTIVE_REGRESSION},
        {"reg:squarederror", GBT_OBJECTIVE_REGRESSION},
        {"mse", GBT_OBJECTIVE_REGRESSION},
        {"RMSE", GBT_OBJECTIVE_REGRESSION},
        {"l1", GBT_OBJECTIVE_MAE},
        {"mean_absolute_error", GBT_OBJECTIVE_MAE},
        {"multi:softprob", GBT_OBJECTIVE_MULTICLASS},
        {"softmax", GBT_OBJECTIVE_MULTICLASS},
        {"MultiClass", GBT_OBJECTIVE_MULTICLASS},
        {"count:poisson", GBT_OBJECTIVE_POISSON},
        {"gamma", GBT_OBJECTIVE_GAMMA},
    };
    gbt_params *params = created();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT_C_OK(gbt_params_set(params, "objective", cases[i].text));
        EXPECT_C_EQ_INT(params->objective, cases[i].number);
    }
    gbt_params_free(params);
}

TEST_C(Params, UnknownNamesGetTheNearestOne)
{
    expect_refused("learning_rat", "0.1", "nearest is learning_rate");
    expect_refused("colsample_by_tree", "0.1", "nearest is colsample_bytree");
    expect_refused("n_estimator", "3", "nearest is n_estimators (another name of n_trees)");
    expect_refused("", "3", "unknown key \"\"");
    expect_refused("tre.seed", "3", "unknown section \"tre\"; the nearest is tree");
    expect_refused("tree.seed", "3", "seed is a key of section train");
    expect_refused("objective", "binry",
                   "objective = binry: unknown value; allowed is auto|regression|");
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    expect_refused(long_name, "3", "unknown key \"xxx");
    expect_refused("objective", long_name, "unknown value");
}

TEST_C(Params, AmbiguousNamesAreExplained)
{
    expect_refused("alpha", "0.1", "reg_alpha");
    expect_refused("alpha", "0.1", "quantile");
    expect_refused("gamma", "0.1", "min_split_gain");
    expect_refused("lambda", "0.1", "reg_lambda");
    expect_refused("tree.lambda", "0.1", "reg_lambda");
    expect_refused("boosting", "dart", "not in this version");
}

TEST_C(Params, TextsMustBeCleanAndListsFull)
{
    expect_refused("label", "a\nb", "control character");
    expect_refused("label", "\xff", "UTF-8");
    expect_refused("metric", "auc,,rmse", "empty");
    expect_refused("metric", "auc,", "empty");
    expect_refused("valid", ",a.csv", "empty");
    gbt_params *params = created();
    EXPECT_C_OK(gbt_params_set(params, "train", "caf\xe9.csv")); /* file names are bytes */
    char four[4] = "xyz";
    EXPECT_C_STATUS(gbt_params_get(params, "train", four, 4), GBT_ERR_ARGUMENT);
    EXPECT_C_EQ_TEXT(four, "xyz");
    gbt_params_free(params);
}

TEST_C(Params, CopiesAreIndependent)
{
    gbt_params *params = created(), *copy = NULL;
    EXPECT_C_OK(gbt_params_set(params, "label", "y"));
    ASSERT_C_OK(gbt_params_copy(params, &copy));
    EXPECT_C_OK(gbt_params_set(copy, "label", "z"));
    EXPECT_C_OK(gbt_params_set(copy, "seed", "5"));
    expect_value(params, "label", "y");
    EXPECT_C_EQ_INT(params->seed, 0);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "seed"), 0);
    gbt_params_free(params);
    expect_value(copy, "label", "z");
    gbt_params_free(copy);
    gbt_params_free(NULL);
}

/* ---- Combinations ---------------------------------------------------------------------------- */

/* Up to three assignments "key=value"; `part` NULL: fine, else the message holds it. */
static void expect_check(const char *a, const char *b, const char *c, const char *part)
{
    const char *const all[] = {a, b, c};
    gbt_params *params = created();
    for (int i = 0; i < 3; i++) {
        char key[64];
        const char *equals = all[i] ? strchr(all[i], '=') : NULL;
        if (equals) {
            snprintf(key, sizeof key, "%.*s", (int)(equals - all[i]), all[i]);
            EXPECT_C_OK(gbt_params_set(params, key, equals + 1));
        }
    }
    if (part) {
        EXPECT_C_STATUS(gbt_params_check(params), GBT_ERR_PARAM);
        EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    } else {
        EXPECT_C_OK(gbt_params_check(params));
    }
    gbt_params_free(params);
}

TEST_C(Params, OptionsWithoutEffectAreRefused)
{
    expect_check("quantile=0.9", NULL, NULL, "quantile has no effect");
    expect_check("quantile=0.9", "objective=quantile", NULL, NULL);
    expect_check("quantile=0.9", "objective=mae", "metric=mae,quantile", NULL);
    expect_check("huber_delta=2", "objective=mae", NULL, "huber_delta has no effect");
    expect_check("huber_delta=2", "objective=huber", NULL, NULL);
    expect_check("fair_c=2", "objective=mae", NULL, "fair_c has no effect");
    expect_check("fair_c=2", "objective=fair", NULL, NULL);
    expect_check("tweedie_power=1.2", "objective=gamma", NULL, "tweedie_power has no effect");
    expect_check("tweedie_power=1.2", "objective=tweedie", NULL, NULL);
    expect_check("poisson_max_delta=1", "objective=gamma", NULL, "poisson_max_delta has no effect");
    expect_check("poisson_max_delta=1", "objective=poisson", NULL, NULL);
    expect_check("num_class=3", "objective=binary", NULL, "num_class has no effect");
    expect_check("num_class=3", "objective=softmax", NULL, NULL);
    expect_check("num_class=3", NULL, NULL, NULL);
    expect_check("num_class=0", "objective=binary", NULL, NULL);
    expect_check("scale_pos_weight=3", "objective=mae", NULL, "scale_pos_weight has no effect");
    expect_check("scale_pos_weight=1", "objective=mae", NULL, NULL);
    expect_check("scale_pos_weight=3", "objective=binary", NULL, NULL);
    expect_check("is_unbalance=true", "objective=multiclass", NULL, "is_unbalance has no effect");
    expect_check("is_unbalance=true", "objective=ova", NULL, "is_unbalance has no effect");
    expect_check("max_leaves=9", "grow_policy=symmetric", NULL, "max_leaves has no effect");
    expect_check("max_leaves=9", "grow_policy=depthwise", NULL, NULL);
    expect_check("subsample_freq=5", NULL, NULL, "subsample_freq has no effect");
    expect_check("subsample_freq=5", "subsample=0.5", NULL, NULL);
    expect_check("gradient_rounding=stochastic", "gradient_bits=32", NULL, "gradient_rounding");
    expect_check("gradient_rounding=nearest", "gradient_bits=32", NULL, NULL);
    expect_check("gradient_rounding=stochastic", "gradient_bits=8", NULL, NULL);
    expect_check("header=true", "format=libsvm", NULL, "header has no effect");
    expect_check("header=true", "format=csv", NULL, NULL);
}

TEST_C(Params, KeysThatExcludeEachOtherAreRefused)
{
    expect_check("is_unbalance=true", "scale_pos_weight=2", NULL, "exclude each other");
    expect_check("is_unbalance=false", "scale_pos_weight=2", NULL, NULL);
    expect_check("valid=v.csv", "valid_fraction=0.1", NULL, "exclude each other");
    expect_check("trees_from=5", "trees_to=5", NULL, "trees_from must be below trees_to");
    expect_check("trees_from=5", "trees_to=6", NULL, NULL);
    expect_check("trees_from=5", NULL, NULL, NULL);
    expect_check("trees_from=5", "trees_to=0", NULL, NULL);
    expect_check("early_stopping_rounds=9", "train=a.csv", NULL,
                 "early_stopping_rounds has no effect");
    expect_check("early_stopping_rounds=9", "train=a.csv", "valid=b.csv", NULL);
    expect_check("early_stopping_rounds=9", "train=a.csv", "valid_fraction=0.2", NULL);
    expect_check("early_stopping_rounds=0", "train=a.csv", NULL, NULL);
    expect_check("max_depth=17", "grow_policy=symmetric", NULL, "at most 16 levels");
    expect_check("max_depth=17", NULL, NULL, NULL);
}

TEST_C(Params, DevicesAreKnownByName)
{
    expect_check("device=cpu", NULL, NULL, NULL);
    expect_check("device=ref", NULL, NULL, NULL);
    expect_check("device=cuda", NULL, NULL, NULL);
    expect_check("device=cuda:3", NULL, NULL, NULL);
    expect_check("device=cuda:", NULL, NULL, "device is unknown");
    expect_check("device=cuda:x", NULL, NULL, "device is unknown");
    expect_check("device=gpu", NULL, NULL, "device is unknown");
}

/* ---- Files ----------------------------------------------------------------------------------- */

static gbt_status load_text(gbt_params *params, const char *text)
{
    return gbt_params_load_text(params, gbt_slice_of(text), "conf/a.ini");
}

TEST_C(Params, AFileSetsKeysOfItsSections)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH], want[TEMP_DIR_PATH + 16];
    const char *text = "[data]\ntrain = x.csv # rows\n[train]\neta = 0.2\n";
    ASSERT_C_TRUE(temp_dir_open(&dir));
    ASSERT_C_TRUE(temp_dir_write(&dir, "a.ini", text, strlen(text), path));
    gbt_params *params = created();
    EXPECT_C_OK(gbt_params_load_ini(params, path));
    snprintf(want, sizeof want, "%s/x.csv", dir.path);
    EXPECT_C_EQ_TEXT(params->train, want);
    EXPECT_C_TRUE(params->learning_rate == 0.2);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "learning_rate"), 1);
    EXPECT_C_STATUS(gbt_params_load_ini(params, want), GBT_ERR_IO);
    gbt_params_free(params);
    temp_dir_close(&dir);
}

TEST_C(Params, RelativePathsStartAtTheFolderOfTheFile)
{
    gbt_params *params = created();
    EXPECT_C_OK(load_text(params,
                          "[data]\ntrain = ../a.csv\nvalid = b.csv, late:c.csv, /d.csv, e:/f.csv\n"
                          "label = y\n[output]\nmodel = /tmp/m\npredictions =\n"));
    EXPECT_C_EQ_TEXT(params->train, "conf/../a.csv");
    EXPECT_C_EQ_TEXT(params->valid, "conf/b.csv,late:conf/c.csv,/d.csv,e:/f.csv");
    EXPECT_C_EQ_TEXT(params->model, "/tmp/m");
    EXPECT_C_EQ_TEXT(params->predictions, "");
    EXPECT_C_EQ_TEXT(params->label, "y");
    EXPECT_C_OK(gbt_params_load_text(params, gbt_slice_of("train = z.csv"), "plain.ini"));
    EXPECT_C_EQ_TEXT(params->train, "z.csv");
    gbt_params_free(params);
}

/* Loading fails with a message that holds `part`, and nothing changes. */
static void expect_bad_file(const char *text, const char *part)
{
    gbt_params *params = created();
    EXPECT_C_STATUS(load_text(params, text), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    for (int key = 0; key < gbt_param_count(); key++) {
        expect_value(params, gbt_param_row_of(key)->name, gbt_param_row_of(key)->fallback);
        EXPECT_C_FALSE(params->is_set[key]);
    }
    gbt_params_free(params);
}

TEST_C(Params, ErrorsInAFileNameThePlaceAndTheRemedy)
{
    expect_bad_file("[train]\nseed = 1\n\n  lerning_rate = 0.1",
                    "conf/a.ini:4:3: unknown key \"lerning_rate\"; the nearest is learning_rate");
    expect_bad_file("[train]\nseed = 1\neta = 2",
                    "conf/a.ini:3:7: learning_rate = 2: out of range; allowed is (0, 1]");
    expect_bad_file("[trian]\n", "conf/a.ini:1:2: unknown section [trian]; the nearest is [train]");
    expect_bad_file("[tree]\nseed = 1",
                    "conf/a.ini:2:1: seed belongs into section [train], not [tree]");
    expect_bad_file("[train]\nseed = 1\nseed = 1",
                    "conf/a.ini:3:1: seed was set in line 2 already");
    expect_bad_file("[train]\neta = 0.1\nlearning_rate = 0.2",
                    "conf/a.ini:3:1: learning_rate and eta of line 2 are the same key");
    expect_bad_file("[train]\nseed = 1\nalpha = 1", "conf/a.ini:3:1: \"alpha\" is ambiguous");
    expect_bad_file("[train]\nseed = 1\nseed", "conf/a.ini:3:1: ");
    expect_bad_file("[data]\nvalid = a.csv,", "empty");
    expect_bad_file("[data]\nvalid = ,a.csv", "empty");
    expect_bad_file("[data]\nvalid = a.csv,,b.csv", "empty");
}

TEST_C(Params, TwoNamesWithTheSameValueAreFine)
{
    gbt_params *params = created();
    EXPECT_C_OK(
        load_text(params, "[train]\neta = 0.1\nlearning_rate = 1e-1\n[tree]\n[train]\nseed=4"));
    EXPECT_C_TRUE(params->learning_rate == 0.1);
    EXPECT_C_EQ_INT(params->seed, 4);
    EXPECT_C_OK(load_text(params, "seed = 5")); /* a later file replaces an earlier one */
    EXPECT_C_EQ_INT(params->seed, 5);
    gbt_params_free(params);
}

TEST_C(Params, QuotedValuesKeepCommentSigns)
{
    gbt_params *params = created();
    EXPECT_C_OK(load_text(params, "label = \"a # b\"\nid = 'c;d' ; e\n"));
    EXPECT_C_EQ_TEXT(params->label, "a # b");
    EXPECT_C_EQ_TEXT(params->id, "c;d");
    gbt_params_free(params);
}

/* ---- Model file ------------------------------------------------------------------------------ */

TEST_C(Params, EqualSettingsGiveEqualBytes)
{
    gbt_params *a = created(), *b = created();
    EXPECT_C_OK(gbt_params_set(a, "objective", "mse"));
    EXPECT_C_OK(gbt_params_set(a, "learning_rate", "0.10"));
    EXPECT_C_OK(gbt_params_set(a, "metric", "rmse, mae"));
    EXPECT_C_OK(gbt_params_set(a, "threads", "3")); /* shapes no model */
    EXPECT_C_OK(gbt_params_set(b, "objective", "regression"));
    EXPECT_C_OK(gbt_params_set(b, "metric", "rmse,mae"));
    gbt_writer wa = {0}, wb = {0};
    EXPECT_C_OK(gbt_params_write(&wa, a));
    EXPECT_C_OK(gbt_params_write(&wb, b));
    EXPECT_C_EQ_INT(wa.size, wb.size);
    EXPECT_C_EQ_BYTES(wa.data, wb.data, wa.size);
    gbt_writer_close(&wa);
    gbt_writer_close(&wb);
    gbt_params_free(a);
    gbt_params_free(b);
}

TEST_C(Params, ModelKeysComeBackAndOthersDoNot)
{
    gbt_params *params = created(), *back = NULL;
    EXPECT_C_OK(gbt_params_set(params, "max_leaves", "99"));
    EXPECT_C_OK(gbt_params_set(params, "learning_rate", "0.1234567890123"));
    EXPECT_C_OK(gbt_params_set(params, "missing", "-,none"));
    EXPECT_C_OK(gbt_params_set(params, "model", "secret/path"));
    gbt_writer w = {0};
    EXPECT_C_OK(gbt_params_write(&w, params));
    gbt_reader r = {w.data, w.size, 0, "model", GBT_OK};
    ASSERT_C_OK(gbt_params_read(&r, &back));
    EXPECT_C_EQ_INT(r.at, w.size);
    EXPECT_C_EQ_TEXT(back->model, "");
    for (int key = 0; key < gbt_param_count(); key++) {
        EXPECT_C_FALSE(back->is_set[key]);
        if (gbt_param_row_of(key)->in_model) {
            char *want = gbt_params_print(params, (gbt_param_key)key);
            expect_value(back, gbt_param_row_of(key)->name, want);
            gbt_release(want);
        }
    }
    gbt_params_free(back);
    for (size_t size = 0; size < w.size; size++) { /* every cut is noticed */
        r = (gbt_reader){w.data, size, 0, "model", GBT_OK};
        EXPECT_C_STATUS(gbt_params_read(&r, &back), GBT_ERR_FORMAT);
        EXPECT_C_TRUE(back == NULL);
    }
    gbt_writer_close(&w);
    gbt_params_free(params);
}

static void expect_bad_pair(const char *name, const char *value, const char *part)
{
    gbt_params *back = NULL;
    gbt_writer w = {0};
    gbt_write_u32(&w, 1);
    gbt_write_text(&w, name);
    gbt_write_text(&w, value);
    gbt_reader r = {w.data, w.size, 0, "model", GBT_OK};
    EXPECT_C_STATUS(gbt_params_read(&r, &back), GBT_ERR_FORMAT);
    EXPECT_C_TRUE(back == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
    gbt_writer_close(&w);
}

TEST_C(Params, ForeignPairsInAModelAreRefused)
{
    expect_bad_pair("nonsense", "1", "not a parameter of a model");
    expect_bad_pair("eta", "0.1", "not a parameter of a model");
    expect_bad_pair("train.seed", "1", "not a parameter of a model");
    expect_bad_pair("model", "x", "not a parameter of a model");
    expect_bad_pair("max_leaves", "1", "out of range");
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static gbt_status everything(void)
{
    gbt_params *params = NULL, *copy = NULL, *back = NULL;
    gbt_writer w = {0};
    char *text = NULL;
    gbt_reader r;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_params_create(&params));
    GBT_TRY_OR_DONE(gbt_params_set(params, "metric", "auc, logloss"));
    GBT_TRY_OR_DONE(
        load_text(params, "train = a\nvalid = b, c:d\neta = 0.1\nlearning_rate = 0.1\n"));
    GBT_TRY_OR_DONE(gbt_params_copy(params, &copy));
    text = gbt_params_print(copy, GBT_KEY_valid);
    if (!text) {
        status = GBT_ERR_MEMORY;
        goto done;
    }
    GBT_TRY_OR_DONE(gbt_params_write(&w, copy));
    r = (gbt_reader){w.data, w.size, 0, "model", GBT_OK};
    GBT_TRY_OR_DONE(gbt_params_read(&r, &back));
done:
    gbt_release(text);
    gbt_writer_close(&w);
    gbt_params_free(params);
    gbt_params_free(copy);
    gbt_params_free(back);
    return status;
}

TEST_C(Params, SurviveEveryRefusedAllocation)
{
    for (int64_t n = 1;; n++) {
        fail_alloc_install(n);
        gbt_status status = everything();
        bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            EXPECT_C_TRUE(n > 100);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
}
