/* Keys that the library settles: values, what counts as set, what the log hears. */
#include "gbt/train/resolve.h"

#include <string.h>

#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

typedef struct heard {
    int n;
    char line[512];
} heard;

static void listen(gbt_log_level level, const char *line, void *user)
{
    heard *h = user;
    (void)level;
    h->n++;
    strncpy(h->line, line, sizeof h->line - 1);
}

TEST_C(Resolve, AChoiceIsLoggedAndDoesNotCountAsSet)
{
    heard h = {0};
    gbt_params *params = toy_params("max_leaves=40");
    gbt_set_log(listen, &h);
    EXPECT_C_OK(gbt_resolve_text(params, GBT_KEY_objective, "binary", "two values"));
    EXPECT_C_EQ_INT(h.n, 1);
    EXPECT_C_EQ_TEXT(h.line, "objective = binary (two values)");
    EXPECT_C_OK(gbt_resolve_number(params, GBT_KEY_scale_pos_weight, 0.1, NULL));
    EXPECT_C_EQ_INT(h.n, 1); /* without a reason nothing is said */
    gbt_set_log(NULL, NULL);
    EXPECT_C_TRUE(params->scale_pos_weight == 0.1); /* exactly: the text holds all digits */
    EXPECT_C_EQ_INT(params->objective, GBT_OBJECTIVE_BINARY);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "objective"), 0);
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "scale_pos_weight"), 0);
    EXPECT_C_OK(gbt_resolve_number(params, GBT_KEY_max_leaves, 50, NULL));
    EXPECT_C_EQ_INT(gbt_params_is_set(params, "max_leaves"), 1); /* set it was, set it stays */
    EXPECT_C_STATUS(gbt_resolve_number(params, GBT_KEY_max_leaves, 1, NULL), GBT_ERR_PARAM);
    gbt_params_free(params);
}

static void expect_growth(const char *options, int32_t depth, int32_t leaves)
{
    gbt_params *params = toy_params(options);
    EXPECT_C_OK(gbt_resolve_growth(params));
    EXPECT_C_EQ_INT(params->max_depth, depth);
    EXPECT_C_EQ_INT(params->max_leaves, leaves);
    gbt_params_free(params);
}

TEST_C(Resolve, DepthAndLeavesFollowFromTheGrowth)
{
    expect_growth("", 0, 31);
    expect_growth("max_depth=3", 3, 31);
    expect_growth("grow_policy=symmetric", 6, 64);
    expect_growth("grow_policy=symmetric max_depth=3", 3, 8);
    expect_growth("grow_policy=symmetric max_depth=16", 16, 65536);
    expect_growth("grow_policy=depthwise", 0, 31);
    expect_growth("grow_policy=depthwise max_depth=3", 3, 8);
    expect_growth("grow_policy=depthwise max_depth=3 max_leaves=6", 3, 6);
    expect_growth("grow_policy=depthwise max_depth=40", 40, 65536);
}

TEST_C(Resolve, EarlyStoppingNeedsValidationRows)
{
    static const struct {
        const char *options;
        bool has_valid;
        int32_t rounds; /* -1: refused */
    } cases[] = {{"", true, 50},
                 {"", false, 0},
                 {"early_stopping_rounds=0", true, 0},
                 {"early_stopping_rounds=7", true, 7},
                 {"early_stopping_rounds=0", false, 0},
                 {"early_stopping_rounds=7", false, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gbt_params *params = toy_params(cases[i].options);
        const gbt_status status = gbt_resolve_stopping(params, cases[i].has_valid);
        EXPECT_C_EQ_INT(status, cases[i].rounds < 0 ? GBT_ERR_PARAM : GBT_OK);
        if (cases[i].rounds >= 0) {
            EXPECT_C_EQ_INT(params->early_stopping_rounds, cases[i].rounds);
        }
        gbt_params_free(params);
    }
}
