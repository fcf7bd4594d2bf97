/* The model: its parts, its life, and the public questions about it. Files are model_io.c, text is
 * model_text.c, predictions are predict.c. Cost: constant but for freeing and sealing. */
#include "gbt/tree/model.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/dataset.h"
#include "gbt/tree/predict.h"

/* ---- Life ------------------------------------------------------------------------------------ */

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
    if (model->close_device) {
        model->close_device(model->device_forest);
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

/* ---- Questions ------------------------------------------------------------------------------- */

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

int32_t gbt_model_feature_categories(const gbt_model *model, int32_t feature)
{
    if (!has_feature(model, feature)) {
        return 0;
    }
    const int64_t *first = model->cuts->category_first + feature;
    const int32_t n_texts = model->schema->dictionary[feature].n; /* the last may be unseen */
    return first[1] - first[0] > n_texts ? (int32_t)(first[1] - first[0]) : n_texts;
}

const char *gbt_model_task_name(const gbt_model *model, int32_t task)
{
    return model && task >= 0 && task < model->schema->task.n ? model->schema->task.text[task]
                                                              : NULL;
}

const char *gbt_model_class_name(const gbt_model *model, int32_t class_index)
{
    if (!model || !model->class_name || class_index < 0 ||
        class_index >= model->objective.n_classes) {
        return NULL;
    }
    return model->class_name[class_index];
}

const char *gbt_model_output_name(const gbt_model *model, int32_t output)
{
    if (!model || output < 0 || output >= model->objective.n_outputs) {
        return "";
    }
    if (model->objective.n_classes > 0) {
        const char *name =
            gbt_model_class_name(model, model->objective.n_outputs == 1 ? 1 : output);
        return name ? name : "";
    }
    if (model->objective.n_outputs == 1) {
        return gbt_model_column(model, GBT_ROLE_LABEL);
    }
    const gbt_schema *schema = model->schema;
    return schema->n_labels == model->objective.n_outputs ? schema->label_name[output] : "";
}

gbt_status gbt_objective_of_model(const gbt_model *model, gbt_objective **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    GBT_TRY(check_model(model, out));
    gbt_objective *objective = NULL;
    GBT_TRY(GBT_NEW(objective, 1));
    *objective = model->objective;
    *out = objective;
    return GBT_OK;
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

gbt_status gbt_dataset_like_model(const gbt_model *model, gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    GBT_TRY(check_model(model, out));
    return gbt_dataset_create_empty(model->schema, model->cuts, out);
}
