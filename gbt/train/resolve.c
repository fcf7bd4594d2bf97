/* Keys left to the library. */
#include "gbt/train/resolve.h"

#include "gbt/base/log.h"

enum { SYMMETRIC_DEPTH = 6, MOST_DEPTH = 16, PATIENCE = 50 };

gbt_status gbt_resolve_text(gbt_params *params, gbt_param_key key, const char *value,
                            const char *reason)
{
    const bool was_set = params->is_set[key];
    GBT_TRY(gbt_params_assign(params, key, gbt_slice_of(value)));
    params->is_set[key] = was_set;
    if (reason) {
        gbt_log_line(GBT_LOG_INFO, "%s = %s (%s)", gbt_param_row_of(key)->name, value, reason);
    }
    return GBT_OK;
}

gbt_status gbt_resolve_number(gbt_params *params, gbt_param_key key, double value,
                              const char *reason)
{
    char text[GBT_NUMBER_CHARS];
    gbt_print_f64(text, value);
    return gbt_resolve_text(params, key, text, reason);
}

gbt_status gbt_resolve_growth(gbt_params *params)
{
    if (params->grow_policy == GBT_GROW_POLICY_SYMMETRIC) {
        if (params->max_depth == 0) {
            GBT_TRY(gbt_resolve_number(params, GBT_KEY_max_depth, SYMMETRIC_DEPTH,
                                       "symmetric trees need a depth"));
        }
        return gbt_resolve_number(params, GBT_KEY_max_leaves,
                                  (double)((int64_t)1 << params->max_depth), NULL);
    }
    if (params->grow_policy == GBT_GROW_POLICY_DEPTHWISE && params->max_depth > 0 &&
        !params->is_set[GBT_KEY_max_leaves]) {
        const int depth = params->max_depth < MOST_DEPTH ? params->max_depth : MOST_DEPTH;
        return gbt_resolve_number(params, GBT_KEY_max_leaves, (double)((int64_t)1 << depth),
                                  "depthwise with a max_depth: 2^max_depth");
    }
    return GBT_OK;
}

gbt_status gbt_resolve_stopping(gbt_params *params, bool has_valid)
{
    if (params->early_stopping_rounds > 0 && !has_valid) {
        return gbt_fail(
            GBT_ERR_PARAM,
            "early_stopping_rounds = %d needs validation rows: set valid or valid_fraction",
            (int)params->early_stopping_rounds);
    }
    if (params->early_stopping_rounds >= 0) {
        return GBT_OK;
    }
    return gbt_resolve_number(params, GBT_KEY_early_stopping_rounds, has_valid ? PATIENCE : 0,
                              has_valid ? "there are validation rows" : NULL);
}
