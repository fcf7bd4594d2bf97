/* What every estimator starts from: which one it is, whether the keys that were set mean anything
 * to it, the model and its training rows, and what memory is left. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/modules/influence_core.h"
#include "gbt/modules/settings.h"

enum { DEFAULT_SPARE = 1 << 29, LEAST_SPARE = 1 << 20, LEAF_CHUNK_CELLS = 1 << 22 };

/* ---- Estimators ------------------------------------------------------------------------------ */

static const gbt_influence_ops *find_ops(const char *name)
{
    static const struct {
        const gbt_influence_ops *ops;
        int n;
    } files[] = {
        {gbt_influence_boostin_ops, GBT_N_BOOSTIN_OPS},
        {gbt_influence_lca_ops, GBT_N_LCA_OPS},
        {gbt_influence_leaf_ops, GBT_N_LEAF_OPS},
        {gbt_influence_trex_ops, GBT_N_TREX_OPS},
        {gbt_influence_sim_ops, GBT_N_SIM_OPS},
        {gbt_influence_retrain_ops, GBT_N_RETRAIN_OPS},
        {gbt_influence_baseline_ops, GBT_N_BASELINE_OPS},
        {gbt_influence_ibug_ops, GBT_N_IBUG_OPS},
    };
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        for (int i = 0; i < files[f].n; i++) {
            if (strcmp(files[f].ops[i].name, name) == 0) {
                return &files[f].ops[i];
            }
        }
    }
    return NULL;
}

/* Keys that only some estimators read; the commands' own keys (scope, top_k, matrix) are not
 * here. */
static const struct {
    const char *key, *readers; /* names of estimators, each followed by a comma */
} uses[] = {
    {"leaf_term", "boostin,boostin_w1,boostin_w2,"},
    {"update_set", "leaf_influence,leaf_refit,"},
    {"similarity", "tree_sim,input_sim,"},
    {"tree_kernel", "trex,tree_sim,"},
    {"trex_lambda", "trex,"},
    {"trex_target", "trex,"},
    {"retrainings", "subsample,shapley,"},
    {"retrain_fraction", "subsample,"},
    {"neighbors", "ibug,"},
};

static bool is_read_by(const char *readers, const char *name)
{
    gbt_slice rest = gbt_slice_of(readers), part;
    while (gbt_slice_next(&rest, ',', &part)) {
        if (gbt_slice_equal(part, name)) {
            return true;
        }
    }
    return false;
}

gbt_status gbt_influence_find(const gbt_params *params, const gbt_influence_ops **out)
{
    char *name = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY(gbt_setting_text(params, "method", &name));
    for (size_t i = 0; i < sizeof uses / sizeof uses[0] && status == GBT_OK; i++) {
        if (gbt_params_is_set(params, uses[i].key) == 1 && !is_read_by(uses[i].readers, name)) {
            status =
                gbt_fail(GBT_ERR_PARAM, "%s has no effect with method = %s; it belongs to %.*s",
                         uses[i].key, name, (int)strlen(uses[i].readers) - 1, uses[i].readers);
        }
    }
    *out = find_ops(name);
    if (status == GBT_OK && *out == NULL) {
        status = gbt_fail(GBT_ERR_BUG, "no estimator is called %s", name);
    }
    gbt_release(name);
    return status;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

/* Those of the model, but the keys of [influence], threads and memory_limit of the caller. */
static gbt_status merge_params(gbt_influence *of, const gbt_params *params)
{
    GBT_TRY(gbt_model_params(of->model, &of->params));
    for (int i = 0; i < gbt_param_count(); i++) {
        gbt_param_info info;
        char *value = NULL;
        GBT_TRY(gbt_param_describe(i, &info));
        if (strcmp(info.section, "influence") != 0 && strcmp(info.name, "threads") != 0 &&
            strcmp(info.name, "memory_limit") != 0) {
            continue;
        }
        GBT_TRY(gbt_setting_text(params, info.name, &value));
        const gbt_status status = gbt_params_set(of->params, info.name, value);
        gbt_release(value);
        GBT_TRY(status);
    }
    return GBT_OK;
}

static gbt_status read_params(gbt_influence *of)
{
    int64_t threads = 0;
    double subsample = 1.0;
    GBT_TRY(gbt_setting_int(of->params, "threads", &threads));
    GBT_TRY(gbt_setting_int(of->params, "memory_limit", &of->memory_limit));
    GBT_TRY(gbt_setting_real(of->params, "learning_rate", &of->rate));
    GBT_TRY(gbt_setting_real(of->params, "reg_lambda", &of->reg_lambda));
    GBT_TRY(gbt_setting_real(of->params, "cat_l2", &of->cat_l2));
    GBT_TRY(gbt_setting_real(of->params, "subsample", &subsample));
    of->threads = gbt_thread_count((int)threads);
    of->has_bags = subsample < 1.0;
    return GBT_OK;
}

gbt_status gbt_influence_check_options(const gbt_influence *of)
{
    static const char *const renewed[] = {"mae", "quantile", "mape"};
    static const char *const steps[] = {"reg_alpha", "max_delta_step", "path_smooth"};
    const char *objective = gbt_model_objective(of->model);
    for (size_t i = 0; i < sizeof renewed / sizeof renewed[0]; i++) {
        if (strcmp(objective, renewed[i]) == 0) {
            return gbt_fail(GBT_ERR_UNSUPPORTED,
                            "method = %s needs leaf values that are Newton steps; those of "
                            "objective = %s are quantiles of residuals. Methods that read no leaf "
                            "values: leaf_sim, tree_sim, loo, subsample",
                            of->ops->name, objective);
        }
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        double value = 0.0;
        GBT_TRY(gbt_setting_real(of->params, steps[i], &value));
        if (value > 0.0) {
            char text[GBT_NUMBER_CHARS];
            gbt_print_f64(text, value);
            return gbt_fail(GBT_ERR_UNSUPPORTED,
                            "method = %s needs leaf values -G / (H + reg_lambda); the model was "
                            "trained with %s = %s",
                            of->ops->name, steps[i], text);
        }
    }
    return GBT_OK;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

gbt_status gbt_influence_reserve(gbt_influence *of, int64_t bytes, const char *what)
{
    if (of->memory_limit > 0 && bytes > of->memory_limit - of->bytes_held) {
        return gbt_fail(GBT_ERR_MEMORY,
                        "method = %s needs %lld MiB for %s and holds %lld MiB already; "
                        "memory_limit is %lld MiB",
                        of->ops->name, (long long)(bytes >> 20) + 1, what,
                        (long long)(of->bytes_held >> 20), (long long)(of->memory_limit >> 20));
    }
    of->bytes_held += bytes;
    return GBT_OK;
}

bool gbt_influence_has_room(const gbt_influence *of, int64_t bytes)
{
    return of->memory_limit == 0 || bytes <= (of->memory_limit - of->bytes_held) / 2;
}

int64_t gbt_influence_spare_bytes(const gbt_influence *of)
{
    if (of->memory_limit == 0) {
        return DEFAULT_SPARE;
    }
    const int64_t spare = (of->memory_limit - of->bytes_held) / 2;
    return spare < LEAST_SPARE ? LEAST_SPARE : spare;
}

/* ---- Model and rows -------------------------------------------------------------------------- */

static gbt_status read_shape(gbt_influence *of)
{
    int64_t value = 0;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_OUTPUTS, &value));
    of->n_outputs = (int32_t)value;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_ROUNDS, &value));
    of->n_rounds = (int32_t)value;
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_FEATURES, &value));
    of->n_features = (int32_t)value;
    of->n_trees = of->n_rounds * of->n_outputs;
    of->n_rows = gbt_dataset_rows(of->train);
    GBT_TRY(gbt_model_shape(of->model, GBT_SHAPE_TRAIN_ROWS, &value));
    if (of->n_rows != value) {
        return gbt_fail(GBT_ERR_DATA,
                        "the data has %lld rows, the model was trained on %lld: influence needs "
                        "all of its training rows in their order. With valid_fraction, rows were "
                        "held out: train with a validation file of its own instead",
                        (long long)of->n_rows, (long long)value);
    }
    return of->n_rows > 0 ? GBT_OK : gbt_fail(GBT_ERR_DATA, "there are no training rows");
}

static gbt_status read_leaves(gbt_influence *of)
{
    float *value = NULL;
    of->most_leaves = 1;
    GBT_TRY(GBT_NEW(of->n_leaves, of->n_trees));
    GBT_TRY(GBT_NEW_ZERO(of->leaf_start, (int64_t)of->n_trees + 1));
    for (int32_t tree = 0; tree < of->n_trees; tree++) {
        GBT_TRY(gbt_model_tree_leaves(of->model, tree, &of->n_leaves[tree]));
        of->leaf_start[tree + 1] = of->leaf_start[tree] + of->n_leaves[tree];
        of->most_leaves =
            of->n_leaves[tree] > of->most_leaves ? of->n_leaves[tree] : of->most_leaves;
    }
    GBT_TRY(GBT_NEW(of->leaf_value, of->leaf_start[of->n_trees]));
    for (int32_t tree = 0; tree < of->n_trees; tree++) {
        const int32_t n = of->n_leaves[tree];
        GBT_TRY(GBT_NEW(value, n));
        const gbt_status status = gbt_model_leaf_values(of->model, tree, value, n);
        for (int32_t leaf = 0; leaf < n && status == GBT_OK; leaf++) {
            of->leaf_value[of->leaf_start[tree] + leaf] = (double)value[leaf];
        }
        gbt_release(value);
        GBT_TRY(status);
    }
    return GBT_OK;
}

static gbt_status read_rows(gbt_influence *of)
{
    const int64_t n = of->n_rows, cells = of->n_outputs * n;
    of->n_labels = gbt_dataset_field_size(of->train, GBT_LABEL);
    if (of->n_labels == 0) {
        return gbt_fail(GBT_ERR_DATA, "the training rows have no label");
    }
    GBT_TRY(gbt_influence_reserve(of, of->n_labels * 4 + cells * 8, "labels and scores"));
    GBT_TRY(GBT_NEW(of->label, of->n_labels));
    GBT_TRY(gbt_model_labels(of->model, of->train, of->label, of->n_labels));
    if (gbt_dataset_field_size(of->train, GBT_WEIGHT) > 0) {
        GBT_TRY(GBT_NEW(of->weight, n));
        GBT_TRY(gbt_dataset_get(of->train, GBT_WEIGHT, of->weight, GBT_F32, n));
    }
    GBT_TRY(GBT_NEW(of->base, cells));
    return gbt_influence_base(of, of->train, of->base);
}

gbt_status gbt_influence_setup(gbt_influence *of, const gbt_params *params, const gbt_model *model,
                               const gbt_dataset *train)
{
    const double one = 1.0;
    GBT_TRY(gbt_model_combine(&model, &one, 1, &of->model));
    GBT_TRY(gbt_dataset_share(train, &of->train));
    GBT_TRY(merge_params(of, params));
    GBT_TRY(read_params(of));
    GBT_TRY(read_shape(of));
    if (of->ops->needs_newton_leaves) {
        GBT_TRY(gbt_influence_check_options(of));
    }
    GBT_TRY(gbt_objective_of_model(of->model, &of->objective));
    GBT_TRY(read_rows(of));
    return read_leaves(of);
}

gbt_status gbt_influence_keep_leaves(gbt_influence *of)
{
    const int64_t round_cells = of->n_outputs * of->n_rows, cells = of->n_trees * of->n_rows;
    const int64_t fitting = LEAF_CHUNK_CELLS / round_cells;
    const int32_t step = fitting < 1 ? 1 : fitting > of->n_rounds ? of->n_rounds : (int32_t)fitting;
    int32_t *wide = NULL;
    gbt_status status = GBT_OK;
    if (of->leaf || of->n_rounds == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_influence_reserve(of, cells * (int64_t)sizeof *of->leaf,
                                  "the leaves of the training rows"));
    GBT_TRY_OR_DONE(GBT_NEW(of->leaf, cells));
    GBT_TRY_OR_DONE(GBT_NEW(wide, step * round_cells));
    for (int32_t round = 0; round < of->n_rounds; round += step) {
        const int32_t n = of->n_rounds - round < step ? of->n_rounds - round : step;
        GBT_TRY_OR_DONE(gbt_model_leaves_dataset(of->model, of->train, round, n, of->threads, wide,
                                                 n * round_cells));
        for (int64_t i = 0; i < n * round_cells; i++) {
            of->leaf[round * round_cells + i] = (uint16_t)wide[i];
        }
    }
done:
    gbt_release(wide);
    if (status != GBT_OK) {
        gbt_release(of->leaf);
        of->leaf = NULL;
    }
    return status;
}
