/* The weighted sum of models as one model: their trees one model after the other with scaled
 * values, the sum of their base scores. No score is computed here. Cost: a copy of the trees. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/tree/model.h"

/* ---- Do the models fit together? ------------------------------------------------------------- */

static bool same_dictionary(const gbt_dictionary *a, const gbt_dictionary *b)
{
    bool is_same = a->n == b->n;
    for (int32_t code = 0; is_same && code < a->n; code++) {
        is_same = strcmp(a->text[code], b->text[code]) == 0;
    }
    return is_same;
}

/* The first feature with another name or other categories, -1: none. Kinds are in the cuts. */
static int32_t first_other_column(const gbt_schema *a, const gbt_schema *b)
{
    for (int32_t f = 0; a != b && f < a->n_features; f++) {
        if (strcmp(a->name[f], b->name[f]) != 0 ||
            !same_dictionary(&a->dictionary[f], &b->dictionary[f])) {
            return f;
        }
    }
    return -1;
}

static gbt_status check_pair(const gbt_model *first, const gbt_model *other, int number)
{
    if (other->objective.n_outputs != first->objective.n_outputs) {
        return gbt_fail(GBT_ERR_ARGUMENT, "models[%d] has %d outputs, the first model %d", number,
                        other->objective.n_outputs, first->objective.n_outputs);
    }
    if (other->schema->n_features != first->schema->n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT, "models[%d] has %d features, the first model %d", number,
                        other->schema->n_features, first->schema->n_features);
    }
    const int32_t feature = first_other_column(first->schema, other->schema);
    if (feature >= 0) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "models[%d]: feature %d (%s) differs in name or categories from the first "
                        "model's (%s)",
                        number, feature, other->schema->name[feature],
                        first->schema->name[feature]);
    }
    if (!gbt_cuts_equal(first->cuts, other->cuts)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "models[%d] has other cuts than the first model; train both on data sets "
                        "with the same cuts",
                        number);
    }
    return GBT_OK;
}

/* Sets the number of trees of all models together. */
static gbt_status check_models(const gbt_model *const *models, const double *weights, int n,
                               int64_t *n_trees)
{
    *n_trees = 0;
    for (int m = 0; m < n; m++) {
        if (!models[m]) {
            return gbt_fail(GBT_ERR_ARGUMENT, "models[%d] is NULL", m);
        }
        if (!isfinite(weights[m])) {
            return gbt_fail(GBT_ERR_ARGUMENT, "weights[%d] is not finite", m);
        }
        GBT_TRY(check_pair(models[0], models[m], m));
        *n_trees += models[m]->n_trees;
    }
    if (*n_trees > INT32_MAX) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%lld trees together, a model holds at most %d",
                        (long long)*n_trees, INT32_MAX);
    }
    return GBT_OK;
}

/* ---- The sum --------------------------------------------------------------------------------- */

static gbt_status refuse_weight(int number, double weight)
{
    return gbt_fail(GBT_ERR_ARGUMENT, "weights[%d]: with %g the values of the model are not finite",
                    number, weight);
}

/* Copies of the trees, the values of all nodes times `weight`; below the capacity of `to`. */
static gbt_status add_trees(gbt_model *to, const gbt_model *from, int number, double weight)
{
    for (int32_t t = 0; t < from->n_trees; t++) {
        gbt_tree *tree = NULL;
        GBT_TRY(gbt_tree_copy(from->trees[t], &tree));
        GBT_TRY(gbt_model_append(to, tree));
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            tree->value[node] = (float)((double)tree->value[node] * weight);
            if (!isfinite(tree->value[node])) {
                return refuse_weight(number, weight);
            }
        }
    }
    return GBT_OK;
}

static gbt_status add_base_score(gbt_model *to, const gbt_model *from, int number, double weight)
{
    for (int32_t k = 0; k < to->objective.n_outputs; k++) {
        const double part = weight * from->base_score[k];
        to->base_score[k] = number == 0 ? part : to->base_score[k] + part;
        if (!isfinite((float)to->base_score[k])) {
            return refuse_weight(number, weight);
        }
    }
    return GBT_OK;
}

/* Classes and summary, which the constructor does not copy. */
static gbt_status copy_summary(gbt_model *to, const gbt_model *from)
{
    const int32_t n_classes = from->objective.n_classes;
    if (from->class_name) {
        GBT_TRY(GBT_NEW_ZERO(to->class_name, n_classes));
        for (int32_t c = 0; c < n_classes; c++) {
            to->class_name[c] = gbt_copy_text(from->class_name[c]);
            GBT_TRY(to->class_name[c] ? GBT_OK : GBT_ERR_MEMORY);
        }
    }
    if (from->class_label) {
        GBT_TRY(GBT_NEW(to->class_label, n_classes));
        memcpy(to->class_label, from->class_label, (size_t)n_classes * sizeof *to->class_label);
    }
    to->train_rows = from->train_rows;
    to->best_round = from->best_round;
    to->best_value = from->best_value;
    to->uses_init_score = from->uses_init_score;
    return GBT_OK;
}

gbt_status gbt_model_combine(const gbt_model *const *models, const double *weights, int n,
                             gbt_model **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!models || !weights || !out || n < 1) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_combine: %s",
                        n < 1 ? "at least one model is needed" : "a pointer is NULL");
    }
    gbt_status status = GBT_OK;
    gbt_model *model = NULL;
    int64_t n_trees = 0;
    GBT_TRY(check_models(models, weights, n, &n_trees));
    const gbt_model *first = models[0];
    GBT_TRY(gbt_model_create(first->params, first->schema, first->cuts, &first->objective,
                             (int32_t)n_trees, &model));
    GBT_TRY_OR_DONE(copy_summary(model, first));
    for (int m = 0; m < n; m++) {
        GBT_TRY_OR_DONE(add_base_score(model, models[m], m, weights[m]));
        GBT_TRY_OR_DONE(add_trees(model, models[m], m, weights[m]));
    }
    GBT_TRY_OR_DONE(gbt_model_seal(model));
    *out = model;
    model = NULL;
done:
    gbt_model_free(model);
    return status;
}
