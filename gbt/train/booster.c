/* The rounds. From round 2 on a round allocates its trees and nothing else. */
#include "gbt/train/booster.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

/* ---- A round --------------------------------------------------------------------------------- */

static void drop_fresh(gbt_booster *booster)
{
    for (int32_t k = 0; k < booster->objective.n_outputs; k++) {
        gbt_tree_free(booster->fresh[k]);
        booster->fresh[k] = NULL;
    }
}

/* Does the tree, split or not, still change the scores by more than rounding? A single leaf that
 * does may make splits possible: all gradients of mae or huber are equal until the scores come
 * near the labels. */
static bool moves_scores(const gbt_grower *grower, const gbt_tree *tree)
{
    const gbt_grow_node *root = &grower->nodes[0];
    const int64_t units = root->sum.grad < 0 ? -root->sum.grad : root->sum.grad;
    return tree->n_leaves > 1 || (units > root->n_rows && tree->value[0] != 0.0f);
}

/* One tree per output on the backend's current gradients. */
static gbt_status grow_round(gbt_booster *booster, bool renews_leaves, int *stopped)
{
    gbt_sampler *sampler = &booster->sampler;
    const int32_t n_outputs = booster->objective.n_outputs;
    gbt_status status = GBT_OK;
    int32_t n_moving = 0, k = 0;
    gbt_sampler_draw_rows(sampler, booster->round);
    for (; k < n_outputs; k++) {
        gbt_sampler_draw_tree(sampler, booster->round, k);
        const gbt_sample sample = {
            .rows = sampler->rows, .n_rows = sampler->n_drawn, .features = sampler->tree_set};
        GBT_TRY_OR_DONE(gbt_grower_grow(&booster->grower, booster->round, k, &sample, renews_leaves,
                                        &booster->fresh[k]));
        n_moving += moves_scores(&booster->grower, booster->fresh[k]);
    }
    gbt_booster_add_fresh(booster);
    for (int32_t i = 0; i < n_outputs; i++) {
        GBT_TRY_OR_DONE(gbt_model_append(booster->model, booster->fresh[i]));
        booster->fresh[i] = NULL;
    }
    booster->round++;
    *stopped = n_moving == 0 && gbt_sampler_is_idle(sampler);
done:
    if (status != GBT_OK) {
        booster->is_broken = k > 0;
        drop_fresh(booster);
    }
    return status;
}

static gbt_status check_step(const gbt_booster *booster, const int *stopped)
{
    if (!booster || !stopped) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_step: a pointer is NULL");
    }
    return booster->is_finished
               ? gbt_fail(GBT_ERR_STATE, "the booster is finished; its model was handed over")
               : GBT_OK;
}

/* Beyond that, a step needs scores that are those of the model. */
static gbt_status begin_step(const gbt_booster *booster, int *stopped)
{
    GBT_TRY(check_step(booster, stopped));
    *stopped = 0;
    return booster->is_broken
               ? gbt_fail(GBT_ERR_STATE, "a round failed half-way; the booster can only be "
                                         "finished, with the rounds before it, or freed")
               : GBT_OK;
}

/* A step as one job for the threads of the booster. */
typedef struct step {
    gbt_booster *booster;
    const float *grad, *hess; /* of the caller, or NULL: those of the loss */
    int *stopped;
} step;

static gbt_status take_step(void *context)
{
    const step *s = context;
    gbt_booster *b = s->booster;
    if (s->grad) {
        GBT_TRY(b->ops->set_gradients(b->backend, s->grad, s->hess));
        return grow_round(b, false, s->stopped); /* the loss is the caller's own */
    }
    GBT_TRY(b->ops->gradients(b->backend));
    return grow_round(b, b->objective.renews_leaves, s->stopped);
}

gbt_status gbt_booster_step(gbt_booster *booster, int *stopped)
{
    GBT_TRY(begin_step(booster, stopped));
    step s = {.booster = booster, .stopped = stopped};
    return gbt_with_threads(booster->threads, take_step, &s);
}

gbt_status gbt_booster_step_custom(gbt_booster *booster, const float *grad, const float *hess,
                                   int64_t n, int *stopped)
{
    GBT_TRY(begin_step(booster, stopped));
    const int64_t want = booster->train->n_rows * booster->objective.n_outputs;
    if (!grad || !hess || n != want) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_booster_step_custom: n is %lld, rows x outputs is %lld", (long long)n,
                        (long long)want);
    }
    step s = {booster, grad, hess, stopped};
    return gbt_with_threads(booster->threads, take_step, &s);
}

gbt_status gbt_booster_set_learning_rate(gbt_booster *booster, double learning_rate)
{
    if (!booster) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_set_learning_rate: booster is NULL");
    }
    if (!(learning_rate > 0.0 && learning_rate <= 1.0)) {
        return gbt_fail(GBT_ERR_PARAM, "learning_rate = %g: out of range; allowed is (0, 1]",
                        learning_rate);
    }
    booster->grower.config.learning_rate = learning_rate;
    return GBT_OK;
}

/* ---- Starting from a model ------------------------------------------------------------------- */

static gbt_status check_continued(const gbt_booster *booster, const gbt_model *model)
{
    if (strcmp(model->objective.name, booster->objective.name) != 0 ||
        model->objective.n_outputs != booster->objective.n_outputs) {
        return gbt_fail(
            GBT_ERR_PARAM,
            "continue_from: the model has objective %s with %d outputs, this run %s with %d",
            model->objective.name, (int)model->objective.n_outputs, booster->objective.name,
            (int)booster->objective.n_outputs);
    }
    if (!gbt_cuts_equal(model->cuts, booster->train->cuts)) {
        return gbt_fail(GBT_ERR_DATA,
                        "continue_from: the data was not binned with the cuts of the model");
    }
    if (model->uses_init_score != booster->model->uses_init_score) {
        return gbt_fail(GBT_ERR_DATA,
                        "continue_from: the model was trained %s init score, this data has %s",
                        model->uses_init_score ? "with an" : "without",
                        model->uses_init_score ? "none" : "one");
    }
    if (gbt_model_rounds(model) >= booster->params->n_trees) {
        return gbt_fail(GBT_ERR_PARAM,
                        "continue_from: the model has %d rounds already; n_trees = %d counts them",
                        (int)gbt_model_rounds(model), (int)booster->params->n_trees);
    }
    for (int32_t k = 0; k < booster->classes.n; k++) {
        if (model->class_label[k] != booster->classes.label[k]) {
            return gbt_fail(GBT_ERR_DATA,
                            "continue_from: class %d is %s in the model and %s in the data", (int)k,
                            model->class_name[k], booster->classes.name[k]);
        }
    }
    return GBT_OK;
}

static gbt_status copy_trees(gbt_model *to, const gbt_model *from)
{
    for (int32_t t = 0; t < from->n_trees; t++) {
        gbt_tree *copy = NULL;
        GBT_TRY(gbt_tree_copy(from->trees[t], &copy));
        const gbt_status status = gbt_model_append(to, copy);
        if (status != GBT_OK) {
            gbt_tree_free(copy);
            return status;
        }
    }
    return GBT_OK;
}

gbt_status gbt_booster_continue(gbt_booster *booster, const gbt_model *model)
{
    gbt_status status = GBT_OK;
    float *scores = NULL;
    if (!booster || !model) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_continue: a pointer is NULL");
    }
    if (booster->is_finished || booster->round > 0) {
        return gbt_fail(GBT_ERR_STATE, "gbt_booster_continue comes before the first step");
    }
    GBT_TRY(check_continued(booster, model));
    for (int32_t t = 0; t < model->n_trees; t++) {
        GBT_TRY(gbt_booster_reserve_binned(booster, model->trees[t]->n_nodes));
    }
    const int32_t n_outputs = booster->objective.n_outputs;
    GBT_TRY(GBT_NEW(scores, booster->train->n_rows * n_outputs));
    GBT_TRY_OR_DONE(copy_trees(booster->model, model));
    memcpy(booster->model->base_score, model->base_score,
           (size_t)n_outputs * sizeof *model->base_score);
    booster->round = gbt_model_rounds(model);
    gbt_booster_fill_scores(booster, booster->train, scores);
    gbt_booster_add_model(booster, booster->train, scores);
    GBT_TRY_OR_DONE(booster->ops->set_scores(booster->backend, scores));
    for (int32_t v = 0; v < booster->n_valid; v++) {
        gbt_booster_fill_scores(booster, booster->valid[v].data, booster->valid[v].scores);
        gbt_booster_add_model(booster, booster->valid[v].data, booster->valid[v].scores);
    }
done:
    if (status != GBT_OK) { /* as if nothing had been asked */
        gbt_model_truncate(booster->model, 0);
        booster->round = 0;
    }
    gbt_release(scores);
    return status;
}

/* ---- The end, and what the booster tells ----------------------------------------------------- */

int32_t gbt_booster_rounds(const gbt_booster *booster)
{
    return booster->round;
}

int32_t gbt_booster_outputs(const gbt_booster *booster)
{
    return booster->objective.n_outputs;
}

int gbt_booster_metric_count(const gbt_booster *booster)
{
    return booster->n_metrics;
}

const char *gbt_booster_metric_name(const gbt_booster *booster, int metric)
{
    return metric >= 0 && metric < booster->n_metrics ? booster->metrics[metric].name : NULL;
}

int gbt_booster_metric_is_better(const gbt_booster *booster, int metric, double a, double b)
{
    return metric >= 0 && metric < booster->n_metrics &&
           gbt_metric_is_better(booster->metrics[metric].metric, a, b);
}

gbt_status gbt_booster_finish(gbt_booster *booster, int32_t n_rounds, gbt_model **out)
{
    int stopped = 0;
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_finish: out is NULL");
    }
    *out = NULL;
    GBT_TRY(check_step(booster, &stopped));
    if (n_rounds < 0 || n_rounds > booster->round) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_finish: n_rounds = %d, the booster has %d",
                        (int)n_rounds, (int)booster->round);
    }
    if (n_rounds > 0) {
        gbt_model_truncate(booster->model, n_rounds);
    }
    GBT_TRY(gbt_model_seal(booster->model));
    *out = booster->model;
    booster->model = NULL;
    booster->is_finished = true;
    return GBT_OK;
}
