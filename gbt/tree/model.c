/* The model: its parts, its life, and the public questions about it. Files are model_io.c, text is
 * model_text.c, predictions are predict.c. Cost: constant but for freeing and sealing. */
#include "gbt/tree/model.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/dataset.h"
#include "gbt/tree/predict.h"

/* ---- Life ----------------------------------------------------------------------------------- */

gbt_status gbt_model_create(const gbt_params *params, gbt_schema *schema, gbt_cuts *cuts,
                            const gbt_objective *objective, int32_t capacity, gbt_model **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    GBT_TRY(GBT_NEW_ZERO(model, 1));
    model->objective = *objective;
    model->schema = gbt_schema_retain(schema);
    model->cuts = gbt_cuts_retain(cuts);
    model->capacity = capacity > 0 ? capacity : 1;
    GBT_TRY_OR_DONE(gbt_params_copy(params, &model->params));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(model->base_score, objective->n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(model->trees, model->capacity));
    *out = model;
    model = NULL;
done:
    gbt_model_free(model);
    return status;
}

void gbt_model_free(gbt_model *model)
{
    if (!model) {
        return;
    }
    gbt_forest_free(model->forest);
    for (int32_t t = 0; t < model->n_trees; t++) {
        gbt_tree_free(model->trees[t]);
    }
    for (int32_t c = 0; model->class_name && c < model->objective.n_classes; c++) {
        gbt_release(model->class_name[c]);
    }
    gbt_release(model->class_name);
    gbt_release(model->class_label);
    gbt_release(model->trees);
    gbt_release(model->base_score);
    gbt_params_free(model->params);
    gbt_cuts_release(model->cuts);
    gbt_schema_release(model->schema);
    gbt_release(model);
}

gbt_status gbt_model_append(gbt_model *model, gbt_tree *tree)
{
    if (model->n_trees == model->capacity) {
        if (model->capacity > INT32_MAX / 2) {
            return gbt_fail(GBT_ERR_MEMORY, "a model holds at most %d trees", INT32_MAX);
        }
        const int32_t capacity = 2 * model->capacity;
        gbt_tree **trees = gbt_grow(model->trees, model->n_trees, capacity, sizeof(gbt_tree *));
        if (!trees) {
            return GBT_ERR_MEMORY;
        }
        model->trees = trees;
        model->capacity = capacity;
    }
    model->trees[model->n_trees++] = tree;
    return GBT_OK;
}

void gbt_model_truncate(gbt_model *model, int32_t n_rounds)
{
    const int64_t keep = (int64_t)n_rounds * model->objective.n_outputs;
    while (model->n_trees > keep) {
        gbt_tree_free(model->trees[--model->n_trees]);
    }
}

gbt_status gbt_model_seal(gbt_model *model)
{
    gbt_forest *forest = NULL;
    GBT_TRY(gbt_forest_create(model, &forest));
    gbt_forest_free(model->forest);
    model->forest = forest;
    return GBT_OK;
}

int32_t gbt_model_rounds(const gbt_model *model)
{
    return model->n_trees / model->objective.n_outputs;
}

/* ---- Questions ------------------------------------------------------------------------------ */

static gbt_status check_model(const gbt_model *model, const void *out)
{
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", model ? "out" : "model");
    }
    return GBT_OK;
}

static int64_t count_leaves(const gbt_model *model)
{
    int64_t n_leaves = 0;
    for (int32_t t = 0; t < model->n_trees; t++) {
        n_leaves += model->trees[t]->n_leaves;
    }
    return n_leaves;
}

gbt_status gbt_model_shape(const gbt_model *model, gbt_shape_key key, int64_t *out)
{
    GBT_TRY(check_model(model, out));
    switch (key) {
    case GBT_SHAPE_ROUNDS:
        *out = gbt_model_rounds(model);
        return GBT_OK;
    case GBT_SHAPE_TREES:
        *out = model->n_trees;
        return GBT_OK;
    case GBT_SHAPE_OUTPUTS:
        *out = model->objective.n_outputs;
        return GBT_OK;
    case GBT_SHAPE_FEATURES:
        *out = model->schema->n_features;
        return GBT_OK;
    case GBT_SHAPE_CLASSES:
        *out = model->objective.n_classes;
        return GBT_OK;
    case GBT_SHAPE_LEAVES:
        *out = count_leaves(model);
        return GBT_OK;
    case GBT_SHAPE_TRAIN_ROWS:
        *out = model->train_rows;
        return GBT_OK;
    case GBT_SHAPE_BEST_ROUND:
        *out = model->best_round;
        return GBT_OK;
    case GBT_SHAPE_USES_INIT_SCORE:
        *out = model->uses_init_score;
        return GBT_OK;
    case GBT_SHAPE_SPARSE:
        *out = model->schema->is_sparse;
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_ARGUMENT, "%d is not a gbt_shape_key", (int)key);
}

gbt_status gbt_model_params(const gbt_model *model, gbt_params **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    GBT_TRY(check_model(model, out));
    return gbt_params_copy(model->params, out);
}

const char *gbt_model_objective(const gbt_model *model)
{
    return model ? model->objective.name : NULL;
}

static bool has_feature(const gbt_model *model, int32_t feature)
{
    return model && feature >= 0 && feature < model->schema->n_features;
}

const char *gbt_model_feature_name(const gbt_model *model, int32_t feature)
{
    return has_feature(model, feature) ? model->schema->name[feature] : NULL;
}

int gbt_model_feature_is_categorical(const gbt_model *model, int32_t feature)
{
    return has_feature(model, feature) && model->schema->is_categorical[feature] != 0;
}

const char *gbt_model_class_name(const gbt_model *model, int32_t class_index)
{
    if (!model || !model->class_name || class_index < 0 ||
        class_index >= model->objective.n_classes) {
        return NULL;
    }
    return model->class_name[class_index];
}

const char *gbt_model_column(const gbt_model *model, gbt_column_role role)
{
    const int r = (int)role;
    return model && r >= 0 && r < GBT_N_ROLES && model->schema->role[r] ? model->schema->role[r]
                                                                        : "";
}

gbt_status gbt_model_base_score(const gbt_model *model, double *out, int64_t n)
{
    GBT_TRY(check_model(model, out));
    if (n != model->objective.n_outputs) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld base scores, the model has %d outputs",
                        (long long)n, model->objective.n_outputs);
    }
    memcpy(out, model->base_score, (size_t)n * sizeof *out);
    return GBT_OK;
}

static gbt_status find_tree(const gbt_model *model, int32_t number, const gbt_tree **out)
{
    if (number < 0 || number >= model->n_trees) {
        return gbt_fail(GBT_ERR_ARGUMENT, "no tree %d, the model has %d", number, model->n_trees);
    }
    *out = model->trees[number];
    return GBT_OK;
}

gbt_status gbt_model_tree_leaves(const gbt_model *model, int32_t number, int32_t *n_leaves)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(check_model(model, n_leaves));
    GBT_TRY(find_tree(model, number, &tree));
    *n_leaves = tree->n_leaves;
    return GBT_OK;
}

gbt_status gbt_model_leaf_values(const gbt_model *model, int32_t number, float *out, int64_t n)
{
    const gbt_tree *tree = NULL;
    GBT_TRY(check_model(model, out));
    GBT_TRY(find_tree(model, number, &tree));
    if (n != tree->n_leaves) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld leaf values, tree %d has %d leaves",
                        (long long)n, number, tree->n_leaves);
    }
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] < 0) {
            out[tree->left[node]] = tree->value[node];
        }
    }
    return GBT_OK;
}

gbt_status gbt_dataset_like_model(const gbt_model *model, gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    GBT_TRY(check_model(model, out));
    return gbt_dataset_create_empty(model->schema, model->cuts, out);
}
