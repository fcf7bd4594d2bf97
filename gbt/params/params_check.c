/* Combinations of keys: what excludes each other and what would have no effect. A key counts only
 * when the caller or a file set it to something that asks for an effect; defaults never offend.
 * What depends on the data (labels, column names) is checked where the data is read. */
#include <string.h>

#include "gbt/params/params.h"

static bool metric_is(const gbt_params *params, const char *name)
{
    gbt_slice rest = gbt_slice_of(params->metric), part;
    while (gbt_slice_next(&rest, ',', &part)) {
        if (gbt_slice_equal_folded(part, name)) {
            return true;
        }
    }
    return false;
}

static bool quantile_unused(const gbt_params *p)
{
    return p->objective != GBT_OBJECTIVE_QUANTILE && !metric_is(p, "quantile");
}

static bool huber_delta_unused(const gbt_params *p)
{
    return p->objective != GBT_OBJECTIVE_HUBER && !metric_is(p, "huber");
}

static bool fair_c_unused(const gbt_params *p)
{
    return p->objective != GBT_OBJECTIVE_FAIR && !metric_is(p, "fair");
}

static bool tweedie_power_unused(const gbt_params *p)
{
    return p->objective != GBT_OBJECTIVE_TWEEDIE && !metric_is(p, "tweedie");
}

static bool poisson_max_delta_unused(const gbt_params *p)
{
    return p->objective != GBT_OBJECTIVE_POISSON;
}

/* `auto` may turn out to be any of the objectives for classes. */
static bool num_class_unused(const gbt_params *p)
{
    return p->num_class != 0 && p->objective != GBT_OBJECTIVE_AUTO &&
           p->objective != GBT_OBJECTIVE_MULTICLASS && p->objective != GBT_OBJECTIVE_MULTICLASSOVA;
}

static bool has_positive_rows(const gbt_params *p)
{
    return p->objective == GBT_OBJECTIVE_AUTO || p->objective == GBT_OBJECTIVE_BINARY ||
           p->objective == GBT_OBJECTIVE_MULTICLASSOVA;
}

static bool scale_pos_weight_unused(const gbt_params *p)
{
    return p->scale_pos_weight != 1.0 && !has_positive_rows(p);
}

static bool is_unbalance_unused(const gbt_params *p)
{
    return p->is_unbalance && p->objective != GBT_OBJECTIVE_AUTO &&
           p->objective != GBT_OBJECTIVE_BINARY;
}

static bool both_class_weights(const gbt_params *p)
{
    return p->is_unbalance && p->scale_pos_weight != 1.0;
}

static bool max_leaves_unused(const gbt_params *p)
{
    return p->grow_policy == GBT_GROW_POLICY_SYMMETRIC;
}

static bool symmetric_too_deep(const gbt_params *p)
{
    return p->grow_policy == GBT_GROW_POLICY_SYMMETRIC && p->max_depth > 16;
}

/* Gradients of 32 bits are always rounded to the nearest. */
static bool stochastic_unused(const gbt_params *p)
{
    return p->gradient_bits == 32 && p->gradient_rounding == GBT_GRADIENT_ROUNDING_STOCHASTIC;
}

static bool subsample_freq_unused(const gbt_params *p)
{
    return p->subsample_freq != 1 && p->subsample == 1.0;
}

static bool trees_empty(const gbt_params *p)
{
    return p->trees_to != 0 && p->trees_from >= p->trees_to;
}

/* Only when the training rows come from a file; gbt_train counts the sets it is given itself. */
static bool nothing_to_stop_on(const gbt_params *p)
{
    return p->early_stopping_rounds > 0 && p->train[0] && !p->valid[0] && p->valid_fraction == 0.0;
}

static bool both_hold_outs(const gbt_params *p)
{
    return p->valid_fraction > 0.0 && p->valid[0];
}

static bool column_has_folds(const gbt_params *p)
{
    return p->fold[0] != '\0';
}

static bool header_unused(const gbt_params *p)
{
    return p->format == GBT_FORMAT_LIBSVM && p->header != GBT_HEADER_AUTO;
}

static bool device_unknown(const gbt_params *p)
{
    gbt_slice device = gbt_slice_of(p->device);
    if (gbt_slice_equal(device, "cpu") || gbt_slice_equal(device, "ref") ||
        gbt_slice_equal(device, "cuda")) {
        return false;
    }
    int64_t number;
    bool numbered = strncmp(p->device, "cuda:", 5) == 0 &&
                    gbt_parse_int(gbt_slice_of(p->device + 5), &number) && number >= 0;
    return !numbered;
}

/* `key` must have been set for the rule to apply. */
static const struct {
    gbt_param_key key;
    bool (*offends)(const gbt_params *);
    const char *message;
} rules[] = {
    {GBT_KEY_quantile, quantile_unused,
     "quantile has no effect: it needs objective = quantile or the metric quantile"},
    {GBT_KEY_huber_delta, huber_delta_unused,
     "huber_delta has no effect: it needs objective = huber or the metric huber"},
    {GBT_KEY_fair_c, fair_c_unused,
     "fair_c has no effect: it needs objective = fair or the metric fair"},
    {GBT_KEY_tweedie_power, tweedie_power_unused,
     "tweedie_power has no effect: it needs objective = tweedie or the metric tweedie"},
    {GBT_KEY_poisson_max_delta, poisson_max_delta_unused,
     "poisson_max_delta has no effect: it needs objective = poisson"},
    {GBT_KEY_num_class, num_class_unused,
     "num_class has no effect: it needs objective = multiclass or multiclassova"},
    {GBT_KEY_scale_pos_weight, scale_pos_weight_unused,
     "scale_pos_weight has no effect: it needs objective = binary or multiclassova"},
    {GBT_KEY_is_unbalance, is_unbalance_unused,
     "is_unbalance has no effect: it needs objective = binary"},
    {GBT_KEY_is_unbalance, both_class_weights,
     "is_unbalance and scale_pos_weight exclude each other: keep one"},
    {GBT_KEY_max_leaves, max_leaves_unused,
     "max_leaves has no effect with grow_policy = symmetric: set max_depth"},
    {GBT_KEY_max_depth, symmetric_too_deep,
     "max_depth is too large: trees with grow_policy = symmetric have at most 16 levels"},
    {GBT_KEY_gradient_rounding, stochastic_unused,
     "gradient_rounding = stochastic has no effect: 32-bit gradients are rounded to the nearest"},
    {GBT_KEY_subsample_freq, subsample_freq_unused,
     "subsample_freq has no effect: it needs subsample below 1"},
    {GBT_KEY_trees_to, trees_empty, "trees_from must be below trees_to: no tree would be used"},
    {GBT_KEY_early_stopping_rounds, nothing_to_stop_on,
     "early_stopping_rounds has no effect: it needs valid or valid_fraction"},
    {GBT_KEY_valid_fraction, both_hold_outs,
     "valid_fraction and valid exclude each other: keep one"},
    {GBT_KEY_folds, column_has_folds, "folds has no effect: the column of the key fold has them"},
    {GBT_KEY_stratified, column_has_folds,
     "stratified has no effect: the column of the key fold has the folds"},
    {GBT_KEY_repeats, column_has_folds,
     "repeats has no effect: the column of the key fold has the folds"},
    {GBT_KEY_header, header_unused, "header has no effect: libsvm files have none"},
    {GBT_KEY_device, device_unknown, "device is unknown: allowed is cpu, ref, cuda, cuda:N"},
};

gbt_status gbt_params_check(const gbt_params *params)
{
    if (!params) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_check: a pointer is NULL");
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (params->is_set[rules[i].key] && rules[i].offends(params)) {
            return gbt_fail(GBT_ERR_PARAM, "%s", rules[i].message);
        }
    }
    return GBT_OK;
}
