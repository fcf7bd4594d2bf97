/* The multi-task model: its life, the public questions about it, and the ordinary model of one
 * task. Files are multitask_file.c, predictions multitask_predict.c. Cost: constant, but for the
 * copy of trees that gbt_multitask_extract() makes. */
#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/modules/multitask_internal.h"

/* ---- Shape ----------------------------------------------------------------------------------- */

bool gbt_tasks_have_weights(gbt_task_mode mode)
{
    return mode == GBT_TASKS_ROBUST;
}

bool gbt_tasks_have_trees(gbt_task_mode mode)
{
    return mode != GBT_TASKS_POOLED && mode != GBT_TASKS_FEATURE;
}

int32_t gbt_multitask_ordinary(const gbt_multitask *model)
{
    return model->n_groups;
}

int32_t gbt_multitask_first_task(const gbt_multitask *model)
{
    return model->n_groups + (gbt_tasks_have_weights(model->mode) ? 2 : 0);
}

int32_t gbt_model_round_count(const gbt_model *model)
{
    int64_t n = 0;
    return model && gbt_model_shape(model, GBT_SHAPE_ROUNDS, &n) == GBT_OK ? (int32_t)n : 0;
}

gbt_status gbt_multitask_reserve(gbt_multitask *model)
{
    GBT_TRY(GBT_NEW_ZERO(model->number, model->n_tasks));
    GBT_TRY(GBT_NEW_ZERO(model->name, model->n_tasks));
    GBT_TRY(GBT_NEW_ZERO(model->rows, model->n_tasks));
    GBT_TRY(GBT_NEW_ZERO(model->group, model->n_tasks));
    return GBT_NEW_ZERO(model->theta, model->n_tasks);
}

gbt_status gbt_multitask_reserve_parts(gbt_multitask *model)
{
    const int32_t n_parts =
        gbt_multitask_first_task(model) + (gbt_tasks_have_trees(model->mode) ? model->n_tasks : 0);
    GBT_TRY(GBT_NEW_ZERO(model->part, n_parts));
    model->n_parts = n_parts;
    return GBT_OK;
}

void gbt_multitask_free(gbt_multitask *model)
{
    if (!model) {
        return;
    }
    for (int32_t p = 0; p < model->n_parts; p++) {
        gbt_model_free(model->part[p]);
    }
    for (int32_t r = 0; model->name && r < model->n_tasks; r++) {
        gbt_release(model->name[r]);
    }
    gbt_release(model->part);
    gbt_release(model->name);
    gbt_release(model->number);
    gbt_release(model->rows);
    gbt_release(model->group);
    gbt_release(model->theta);
    gbt_model_free(model->frame);
    gbt_params_free(model->params);
    gbt_release(model);
}

/* ---- Weights --------------------------------------------------------------------------------- */

double gbt_sigmoid(double x)
{
    return 1.0 / (1.0 + gbt_exp(-x));
}

void gbt_multitask_weights(const gbt_multitask *model, double *ordinary, double *outlier)
{
    double sum_ordinary = 0.0, sum_outlier = 0.0, n_rows = 0.0;
    for (int32_t r = 0; r < model->n_tasks; r++) {
        ordinary[r] = gbt_sigmoid(-model->theta[r]);
        outlier[r] = gbt_sigmoid(model->theta[r]);
        sum_ordinary += (double)model->rows[r] * ordinary[r];
        sum_outlier += (double)model->rows[r] * outlier[r];
        n_rows += (double)model->rows[r];
    }
    ordinary[model->n_tasks] = sum_ordinary / n_rows;
    outlier[model->n_tasks] = sum_outlier / n_rows;
}

/* ---- Questions ------------------------------------------------------------------------------- */

const gbt_model *gbt_multitask_frame(const gbt_multitask *model)
{
    return model ? model->frame : NULL;
}

int32_t gbt_multitask_tasks(const gbt_multitask *model)
{
    return model ? model->n_tasks : 0;
}

int32_t gbt_multitask_find(const gbt_multitask *model, int32_t number)
{
    int32_t low = 0, high = model->n_tasks;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (model->number[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < model->n_tasks && model->number[low] == number ? low : -1;
}

int32_t gbt_multitask_rounds(const gbt_multitask *model, int block)
{
    int32_t first = 0, last = 0, most = 0;
    if (!model) {
        return 0;
    }
    if (block == GBT_BLOCK_SHARED) {
        last = model->n_groups;
    } else if (block == GBT_BLOCK_ROBUST && gbt_tasks_have_weights(model->mode)) {
        first = gbt_multitask_ordinary(model);
        last = gbt_multitask_first_task(model);
    } else if (block == GBT_BLOCK_TASK) {
        first = gbt_multitask_first_task(model);
        last = model->n_parts;
    }
    for (int32_t p = first; p < last; p++) {
        const int32_t rounds = gbt_model_round_count(model->part[p]);
        most = rounds > most ? rounds : most;
    }
    return most;
}

gbt_status gbt_multitask_task(const gbt_multitask *model, int32_t index, gbt_task_info *out)
{
    if (!model || !out || index < 0 || index >= model->n_tasks) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_multitask_task: a pointer is NULL, or task %d is not one of %d", index,
                        gbt_multitask_tasks(model));
    }
    const bool has_weight = gbt_multitask_rounds(model, GBT_BLOCK_ROBUST) > 0;
    *out = (gbt_task_info){.number = model->number[index],
                           .name = model->name[index],
                           .train_rows = model->rows[index],
                           .cluster = model->group[index],
                           .outlier = has_weight ? gbt_sigmoid(model->theta[index]) : (double)NAN};
    return GBT_OK;
}

/* ---- The model of one task ------------------------------------------------------------------- */

/* Terms of a weighted sum of models. */
typedef struct terms {
    const gbt_model **model;
    double *weight;
    int n;
} terms;

static void add_term(terms *t, const gbt_model *model, double weight)
{
    t->model[t->n] = model;
    t->weight[t->n++] = weight;
}

/* The shared models of an unseen task: those of all groups, by their rows. */
static void add_all_groups(const gbt_multitask *model, terms *t)
{
    double n_rows = 0.0;
    for (int32_t r = 0; r < model->n_tasks; r++) {
        n_rows += (double)model->rows[r];
    }
    for (int32_t g = 0; g < model->n_groups; g++) {
        double rows = 0.0;
        for (int32_t r = 0; r < model->n_tasks; r++) {
            rows += model->group[r] == g ? (double)model->rows[r] : 0.0;
        }
        add_term(t, model->part[g], rows / n_rows);
    }
}

static gbt_status choose_terms(const gbt_multitask *model, int32_t index, terms *t)
{
    gbt_status status = GBT_OK;
    double *ordinary = NULL, *outlier = NULL;
    const int32_t weights_of = index < 0 ? model->n_tasks : index;
    if (index < 0) {
        add_all_groups(model, t);
    } else if (model->mode != GBT_TASKS_SINGLE) {
        add_term(t, model->part[model->group[index]], 1.0);
    }
    if (gbt_tasks_have_weights(model->mode)) {
        const int32_t part = gbt_multitask_ordinary(model);
        GBT_TRY_OR_DONE(GBT_NEW(ordinary, (int64_t)model->n_tasks + 1));
        GBT_TRY_OR_DONE(GBT_NEW(outlier, (int64_t)model->n_tasks + 1));
        gbt_multitask_weights(model, ordinary, outlier);
        add_term(t, model->part[part], ordinary[weights_of]);
        add_term(t, model->part[part + 1], outlier[weights_of]);
    }
    if (index >= 0 && gbt_tasks_have_trees(model->mode)) {
        add_term(t, model->part[gbt_multitask_first_task(model) + index], 1.0);
    }
done:
    gbt_release(ordinary);
    gbt_release(outlier);
    return status;
}

gbt_status gbt_multitask_extract(const gbt_multitask *model, int32_t index, gbt_model **out)
{
    gbt_status status = GBT_OK;
    terms t = {0};
    if (out != NULL) {
        *out = NULL;
    }
    if (!model || !out || index < -1 || index >= model->n_tasks) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_multitask_extract: a pointer is NULL, or task %d is neither one of %d "
                        "nor -1 (an unseen task)",
                        index, gbt_multitask_tasks(model));
    }
    if (model->mode == GBT_TASKS_FEATURE) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "mode = feature: the task is a column of the one model; no task has a "
                        "model of its own");
    }
    GBT_TRY_OR_DONE(GBT_NEW(t.model, (int64_t)model->n_groups + 3));
    GBT_TRY_OR_DONE(GBT_NEW(t.weight, (int64_t)model->n_groups + 3));
    GBT_TRY_OR_DONE(choose_terms(model, index, &t));
    GBT_TRY_OR_DONE(gbt_model_combine(t.model, t.weight, t.n, out));
done:
    gbt_release(t.model);
    gbt_release(t.weight);
    return status;
}
