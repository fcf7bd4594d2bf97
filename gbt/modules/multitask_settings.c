/* Keys of a multi-task run: read, and refused where they would have no effect. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/multitask_internal.h"
#include "gbt/modules/settings.h"

enum { PATIENCE = 50 }; /* as in gbt_train */

static const char *const mode_names[GBT_N_TASK_MODES] = {"robust", "shared",  "single",
                                                         "pooled", "feature", "clustered"};

/* ---- Keys without effect --------------------------------------------------------------------- */

enum {
    ROBUST = 1 << GBT_TASKS_ROBUST,
    SHARED = 1 << GBT_TASKS_SHARED,
    SINGLE = 1 << GBT_TASKS_SINGLE,
    POOLED = 1 << GBT_TASKS_POOLED,
    FEATURE = 1 << GBT_TASKS_FEATURE,
    CLUSTERED = 1 << GBT_TASKS_CLUSTERED
};

/* Keys that only some modes read. */
static const struct {
    const char *key;
    int modes;
} keys_of_modes[] = {
    {"n_trees_shared", ROBUST | SHARED | POOLED | FEATURE | CLUSTERED},
    {"n_trees_robust", ROBUST},
    {"n_trees_task", ROBUST | SHARED | SINGLE | CLUSTERED},
    {"theta_learning_rate", ROBUST},
    {"theta_step", ROBUST},
    {"theta_scale", ROBUST},
    {"theta_l2", ROBUST},
    {"max_clusters", CLUSTERED},
    {"cluster_trees", CLUSTERED},
    {"cluster_folds", CLUSTERED},
};

static const struct {
    const char *key, *instead;
} unused_keys[] = {
    {"n_trees", "set n_trees_shared, n_trees_robust and n_trees_task"},
    {"continue_from", "a multi-task model is trained from its start"},
    {"max_seconds", "set the numbers of trees, or stop it by the callback"},
    {"init_score", "a multi-task model starts from its own base score"},
};

/* With `compare` the same keys serve several modes. */
static gbt_status compares(const gbt_params *params, bool *out)
{
    char *list = NULL;
    GBT_TRY(gbt_setting_text(params, "compare", &list));
    *out = list[0] != '\0';
    gbt_release(list);
    return GBT_OK;
}

static gbt_status refuse_unused(const gbt_params *params, gbt_task_mode mode)
{
    bool is_comparison = false;
    for (size_t i = 0; i < sizeof unused_keys / sizeof unused_keys[0]; i++) {
        if (gbt_params_is_set(params, unused_keys[i].key) == 1) {
            return gbt_fail(GBT_ERR_PARAM, "%s has no effect on multi-task boosting: %s",
                            unused_keys[i].key, unused_keys[i].instead);
        }
    }
    GBT_TRY(compares(params, &is_comparison));
    for (size_t i = 0; i < sizeof keys_of_modes / sizeof keys_of_modes[0] && !is_comparison; i++) {
        if ((keys_of_modes[i].modes & 1 << mode) == 0 &&
            gbt_params_is_set(params, keys_of_modes[i].key) == 1) {
            return gbt_fail(GBT_ERR_PARAM, "%s has no effect with mode = %s", keys_of_modes[i].key,
                            mode_names[mode]);
        }
    }
    return GBT_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static gbt_status read_count(const gbt_params *params, const char *key, int32_t *out)
{
    int64_t value = 0;
    GBT_TRY(gbt_setting_int(params, key, &value));
    *out = (int32_t)value;
    return GBT_OK;
}

static gbt_status read_rounds(const gbt_params *params, gbt_task_settings *set)
{
    static const char *const key[GBT_N_BLOCKS] = {"n_trees_shared", "n_trees_robust",
                                                  "n_trees_task"};
    const bool has_block[GBT_N_BLOCKS] = {set->mode != GBT_TASKS_SINGLE,
                                          gbt_tasks_have_weights(set->mode),
                                          gbt_tasks_have_trees(set->mode)};
    int64_t n_all = 0;
    for (int b = 0; b < GBT_N_BLOCKS; b++) {
        GBT_TRY(read_count(params, key[b], &set->n_rounds[b]));
        set->n_rounds[b] = has_block[b] ? set->n_rounds[b] : 0;
        n_all += set->n_rounds[b];
    }
    if (n_all == 0) {
        return gbt_fail(GBT_ERR_PARAM, "mode = %s: the numbers of trees are all 0",
                        mode_names[set->mode]);
    }
    return n_all <= INT32_MAX ? GBT_OK
                              : gbt_fail(GBT_ERR_PARAM, "more than 2^31 rounds are asked for");
}

static gbt_status read_theta(const gbt_params *params, gbt_task_settings *set)
{
    static const char *const rules[] = {"newton", "mean", "sum"};
    int rule = 0;
    GBT_TRY(gbt_setting_choice(params, "theta_step", rules, 3, &rule));
    set->theta_rule = (gbt_theta_rule)rule;
    GBT_TRY(gbt_setting_real(params, "theta_learning_rate", &set->theta_rate));
    if (set->theta_rate == 0.0 && set->theta_rule == GBT_THETA_NEWTON) {
        set->theta_rate = 1.0; /* a smaller one lags behind the trees, whose signs depend on it */
    } else if (set->theta_rate == 0.0) {
        GBT_TRY(gbt_setting_real(params, "learning_rate", &set->theta_rate));
    }
    GBT_TRY(gbt_setting_real(params, "theta_scale", &set->theta_scale));
    return gbt_setting_real(params, "theta_l2", &set->theta_l2);
}

/* As gbt_train decides it. */
static gbt_status read_stopping(const gbt_params *params, bool has_valid, gbt_task_settings *set)
{
    GBT_TRY(gbt_setting_real(params, "valid_fraction", &set->valid_fraction));
    GBT_TRY(read_count(params, "early_stopping_rounds", &set->patience));
    GBT_TRY(read_count(params, "metric_every", &set->metric_every));
    if (set->valid_fraction > 0.0 && has_valid) {
        return gbt_fail(GBT_ERR_PARAM,
                        "valid_fraction and validation rows exclude each other: keep one");
    }
    has_valid = has_valid || set->valid_fraction > 0.0;
    if (set->patience > 0 && !has_valid) {
        return gbt_fail(
            GBT_ERR_PARAM,
            "early_stopping_rounds = %d needs validation rows: set valid or valid_fraction",
            set->patience);
    }
    set->patience = set->patience >= 0 ? set->patience : has_valid ? PATIENCE : 0;
    return GBT_OK;
}

gbt_status gbt_task_mode_read(const gbt_params *params, gbt_task_mode *out)
{
    int choice = 0;
    GBT_TRY(gbt_setting_choice(params, "mode", mode_names, GBT_N_TASK_MODES, &choice));
    *out = (gbt_task_mode)choice;
    return GBT_OK;
}

gbt_status gbt_task_settings_read(const gbt_params *params, bool has_valid, gbt_task_settings *out)
{
    static const char *const leaves[] = {"newton", "mean"};
    gbt_task_settings set = {0};
    int choice = 0;
    int64_t number = 0;
    GBT_TRY(gbt_task_mode_read(params, &set.mode));
    GBT_TRY(refuse_unused(params, set.mode));
    GBT_TRY(read_rounds(params, &set));
    GBT_TRY(gbt_setting_choice(params, "leaf_estimation", leaves, 2, &choice));
    set.has_mean_leaves = choice == 1;
    GBT_TRY(read_theta(params, &set));
    GBT_TRY(read_count(params, "max_clusters", &set.max_clusters));
    GBT_TRY(read_count(params, "cluster_trees", &set.cluster_trees));
    GBT_TRY(read_count(params, "cluster_folds", &set.cluster_folds));
    GBT_TRY(read_stopping(params, has_valid, &set));
    GBT_TRY(gbt_setting_int(params, "seed", &number));
    set.seed = (uint64_t)number;
    GBT_TRY(gbt_setting_int(params, "threads", &number));
    set.threads = gbt_thread_count((int)number);
    *out = set;
    return GBT_OK;
}
