/* Dumps: the JSON form is valid and says what the tree says; the others name every split. */
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/tree/model.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"

/* ---- A JSON checker by the grammar of RFC 8259; returns the end of the value or NULL --------- */

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *check_string(const char *at)
{
    if (*at != '"') {
        return NULL;
    }
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < ' ') {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (*at == 'u') {
                if (strspn(at + 1, "0123456789abcdefABCDEF") < 4) {
                    return NULL;
                }
                at += 4;
            } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
                return NULL;
            }
        }
    }
    return at + 1;
}

static const char *check_digits(const char *at)
{
    const size_t n = strspn(at, "0123456789");
    return n > 0 ? at + n : NULL;
}

static const char *check_number(const char *at)
{
    at += *at == '-';
    at = *at == '0' ? at + 1 : check_digits(at);
    if (at && *at == '.') {
        at = check_digits(at + 1);
    }
    if (at && (*at == 'e' || *at == 'E')) {
        at += 1 + (at[1] == '+' || at[1] == '-');
        at = check_digits(at);
    }
    return at;
}

static const char *check_value(const char *at);

static const char *check_items(const char *at, char end, bool has_keys)
{
    at = skip_space(at);
    if (*at == end) {
        return at + 1;
    }
    for (;;) {
        if (has_keys) {
            at = check_string(skip_space(at));
            at = at ? skip_space(at) : NULL;
            if (!at || *at++ != ':') {
                return NULL;
            }
        }
        at = check_value(at);
        at = at ? skip_space(at) : NULL;
        if (!at || (*at != ',' && *at != end)) {
            return NULL;
        }
        if (*at++ == end) {
            return at;
        }
    }
}

static const char *check_value(const char *at)
{
    static const char *const word[] = {"true", "false", "null"};
    at = skip_space(at);
    for (int i = 0; i < 3; i++) {
        if (strncmp(at, word[i], strlen(word[i])) == 0) {
            return at + strlen(word[i]);
        }
    }
    return *at == '{'   ? check_items(at + 1, '}', true)
           : *at == '[' ? check_items(at + 1, ']', false)
           : *at == '"' ? check_string(at)
                        : check_number(at);
}

static bool is_json(const char *text)
{
    const char *end = check_value(text);
    return end && *skip_space(end) == 0;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static gbt_model *some_model(int32_t n_rounds, int32_t leaves)
{
    return random_model(&(random_model_spec){.seed = 6,
                                             .objective = "binary",
                                             .n_features = 5,
                                             .n_categorical = 2,
                                             .max_bins = 8,
                                             .n_rounds = n_rounds,
                                             .min_leaves = 1,
                                             .max_leaves = leaves});
}

static int64_t count_text(const char *text, const char *part)
{
    int64_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

TEST_C(ModelDump, TheCheckerKnowsJson)
{
    EXPECT_C_TRUE(is_json("{\"a\":[1,-2.5e+3,null,true,\"x\\u00e9\\n\"],\"b\":{}}\n"));
    EXPECT_C_FALSE(is_json("{\"a\":[1,]}"));
    EXPECT_C_FALSE(is_json("{\"a\":inf}"));
    EXPECT_C_FALSE(is_json("{\"a\":01}"));
    EXPECT_C_FALSE(is_json("{\"a\":\"\n\"}"));
    EXPECT_C_FALSE(is_json("{\"a\":.5}"));
    EXPECT_C_FALSE(is_json("{\"a\" 1}"));
}

TEST_C(ModelDump, JsonIsValidAndHasEveryNode)
{
    gbt_model *model = some_model(20, 60);
    ASSERT_C_TRUE(model != NULL);
    char *text = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_dump(model, GBT_DUMP_JSON, &text, &size));
    EXPECT_C_EQ_INT(size, strlen(text));
    EXPECT_C_TRUE(is_json(text));
    int64_t nodes = 0, leaves = 0;
    for (int32_t t = 0; t < model->n_trees; t++) {
        nodes += model->trees[t]->n_nodes;
        leaves += model->trees[t]->n_leaves;
    }
    EXPECT_C_EQ_INT(count_text(text, "{\"node\":"), nodes);
    EXPECT_C_EQ_INT(count_text(text, "\"leaf\":"), leaves);
    EXPECT_C_HAS_TEXT(text, "with \\\"quotes\\\" & <tags> 1");
    EXPECT_C_HAS_TEXT(text, "\"blue\\u000a\"");
    EXPECT_C_HAS_TEXT(text, "\"\xc3\xa9\"");
    EXPECT_C_HAS_TEXT(text, "\"threshold\":null"); /* present or missing */
    gbt_memory_free(text);
    gbt_model_free(model);
}

TEST_C(ModelDump, JsonNumbersReadBackToTheSameFloats)
{
    gbt_model *model = some_model(1, 30);
    ASSERT_C_TRUE(model != NULL);
    const gbt_tree *tree = model->trees[0];
    char *text = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_dump(model, GBT_DUMP_JSON, &text, &size));
    const char *at = strstr(text, "\"nodes\":");
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        double value = 0.0;
        at = strstr(at, "\"value\":") + 8;
        ASSERT_C_TRUE(gbt_parse_real((gbt_slice){at, strcspn(at, ",}")}, &value));
        EXPECT_C_EQ_BYTES(&(float){(float)value}, &tree->value[node], sizeof(float));
    }
    gbt_memory_free(text);
    gbt_model_free(model);
}

TEST_C(ModelDump, NamesThatAreNotUtf8StillGiveAsciiEscapes)
{
    gbt_model *model = some_model(1, 2);
    ASSERT_C_TRUE(model != NULL);
    gbt_release(model->schema->name[2]);
    model->schema->name[2] = gbt_copy_text("caf\xe9");
    char *text = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_dump(model, GBT_DUMP_JSON, &text, &size));
    EXPECT_C_HAS_TEXT(text, "\"caf\\u00e9\"");
    EXPECT_C_TRUE(gbt_is_utf8((gbt_slice){text, size}));
    gbt_memory_free(text);
    gbt_model_free(model);
}

TEST_C(ModelDump, TextHasALineForEveryNodeAndEveryTree)
{
    gbt_model *model = some_model(9, 50);
    ASSERT_C_TRUE(model != NULL);
    int64_t lines = 1 + model->n_trees;
    for (int32_t t = 0; t < model->n_trees; t++) {
        lines += model->trees[t]->n_nodes;
    }
    char *text = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_dump(model, GBT_DUMP_TEXT, &text, &size));
    EXPECT_C_EQ_INT(size, strlen(text));
    EXPECT_C_TRUE(count_text(text, "\n") >= lines); /* a category text has a line end */
    EXPECT_C_HAS_TEXT(text, "tree 8 (round 8, output 0, leaves ");
    EXPECT_C_HAS_TEXT(text, " in {");
    EXPECT_C_HAS_TEXT(text, " <= ");
    EXPECT_C_HAS_TEXT(text, " is present");
    gbt_memory_free(text);
    gbt_model_free(model);
}

TEST_C(ModelDump, DeepTreesAreDumpedWithoutRecursion)
{
    gbt_model *model = random_model(&(random_model_spec){.seed = 6,
                                                         .objective = "regression",
                                                         .n_features = 2,
                                                         .max_bins = 8,
                                                         .n_rounds = 1,
                                                         .min_leaves = 60000,
                                                         .max_leaves = 60000,
                                                         .is_chain = true});
    ASSERT_C_TRUE(model != NULL);
    for (int format = GBT_DUMP_TEXT; format <= GBT_DUMP_DOT; format++) {
        char *text = NULL;
        size_t size = 0;
        ASSERT_C_OK(gbt_model_dump(model, (gbt_dump_format)format, &text, &size));
        EXPECT_C_TRUE(size < 40000000);
        gbt_memory_free(text);
    }
    gbt_model_free(model);
}

TEST_C(ModelDump, DotHasTwoEdgesForEverySplitAndEscapesQuotes)
{
    gbt_model *model = some_model(4, 30);
    ASSERT_C_TRUE(model != NULL);
    int64_t edges = 0;
    for (int32_t t = 0; t < model->n_trees; t++) {
        edges += model->trees[t]->n_nodes - 1;
    }
    char *text = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_model_dump(model, GBT_DUMP_DOT, &text, &size));
    EXPECT_C_EQ_INT(count_text(text, " -> "), edges);
    EXPECT_C_EQ_INT(count_text(text, "{\n"), 1 + model->n_trees);
    EXPECT_C_HAS_TEXT(text, "with \\\"quotes\\\"");
    gbt_memory_free(text);
    gbt_model_free(model);
}

TEST_C(ModelDump, RefusesAnUnknownFormat)
{
    gbt_model *model = some_model(1, 2);
    ASSERT_C_TRUE(model != NULL);
    char *text = NULL;
    size_t size = 0;
    EXPECT_C_STATUS(gbt_model_dump(model, (gbt_dump_format)3, &text, &size), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_dump(NULL, GBT_DUMP_TEXT, &text, &size), GBT_ERR_ARGUMENT);
    EXPECT_C_TRUE(text == NULL);
    gbt_model_free(model);
}
