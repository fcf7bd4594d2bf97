/* The round loop's body. From round 2 on a round allocates its trees and nothing else. */
#include "gbt/train/booster.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/train/resolve.h"

enum { SCORE_CHUNK = 16384 };

static gbt_growth growth_of(const gbt_params *params)
{
    return params->grow_policy == GBT_GROW_POLICY_DEPTHWISE   ? GBT_GROW_DEPTHWISE
           : params->grow_policy == GBT_GROW_POLICY_SYMMETRIC ? GBT_GROW_SYMMETRIC
                                                              : GBT_GROW_LEAFWISE;
}

static gbt_grower_config grower_config_of(const gbt_params *params)
{
    const gbt_grower_config config = {
        .growth = growth_of(params),
        .max_leaves = params->max_leaves,
        .max_depth = params->max_depth,
        .min_child_samples = params->min_child_samples > 1 ? params->min_child_samples : 1,
        .learning_rate = params->learning_rate,
        .regular = {.lambda = params->reg_lambda,
                    .alpha = params->reg_alpha,
                    .max_delta_step = params->max_delta_step,
                    .path_smooth = params->path_smooth},
        .cat_l2 = params->cat_l2};
    return config;
}

static gbt_backend_config backend_config_of(const gbt_params *params, int32_t threads,
                                            int32_t batch)
{
    const gbt_grower_config grower = grower_config_of(params);
    const gbt_backend_config config = {.threads = threads,
                                       .max_nodes = gbt_grower_max_nodes(&grower, batch),
                                       .histogram_bytes = (int64_t)256 << 20,
                                       .seed = (uint64_t)params->seed,
                                       .gradient_bits = params->gradient_bits,
                                       .rounds_to_nearest = params->gradient_rounding ==
                                                            GBT_GRADIENT_ROUNDING_NEAREST,
                                       .regular = grower.regular,
                                       .min_child_weight = params->min_child_weight,
                                       .min_split_gain = params->min_split_gain,
                                       .min_child_samples = grower.min_child_samples,
                                       .max_cat_to_onehot = params->max_cat_to_onehot,
                                       .max_cat_threshold = params->max_cat_threshold,
                                       .cat_smooth = params->cat_smooth,
                                       .cat_l2 = params->cat_l2,
                                       .min_data_per_group = params->min_data_per_group};
    return config;
}

static gbt_sampler_config sampler_config_of(const gbt_params *params)
{
    const gbt_sampler_config config = {.seed = (uint64_t)params->seed,
                                       .subsample = params->subsample,
                                       .subsample_freq = params->subsample_freq,
                                       .by_tree = params->colsample_bytree,
                                       .by_level = params->colsample_bylevel,
                                       .by_node = params->colsample_bynode};
    return config;
}

/* Room for max_leaves leaves in a data set that cannot have them would only cost memory. */
static void bound_leaves(gbt_grower_config *config, int64_t n_rows)
{
    const int64_t most = n_rows / config->min_child_samples;
    if (config->growth != GBT_GROW_SYMMETRIC && most < config->max_leaves) {
        config->max_leaves = most > 1 ? (int32_t)most : 2;
    }
}

/* Scores before the first tree: base score plus init score, [n_outputs x n_rows]. */
static void fill_scores(const gbt_booster *booster, const gbt_dataset *data, float *scores)
{
    const int32_t n_outputs = booster->objective.n_outputs;
    for (int32_t k = 0; k < n_outputs; k++) {
        const float base = (float)booster->model->base_score[k];
        for (int64_t i = 0; i < data->n_rows; i++) {
            scores[k * data->n_rows + i] =
                data->init_score ? base + data->init_score[i * n_outputs + k] : base;
        }
    }
}

static gbt_status check_init_score(const gbt_booster *booster, const gbt_dataset *data)
{
    if (data->init_score && data->n_init != booster->objective.n_outputs) {
        return gbt_fail(GBT_ERR_DATA, "init score has %d values a row, the objective %s needs %d",
                        (int)data->n_init, booster->objective.name,
                        (int)booster->objective.n_outputs);
    }
    if ((data->init_score != NULL) != booster->model->uses_init_score) {
        return gbt_fail(GBT_ERR_DATA,
                        "training and validation data must both have an init score or neither");
    }
    return GBT_OK;
}

static gbt_status set_start_scores(gbt_booster *booster)
{
    float *scores = NULL;
    GBT_TRY(GBT_NEW(scores, booster->train->n_rows * booster->objective.n_outputs));
    fill_scores(booster, booster->train, scores);
    const gbt_status status = booster->ops->set_scores(booster->backend, scores);
    gbt_release(scores);
    return status;
}

static gbt_status name_classes(gbt_model *model, const gbt_classes *classes)
{
    if (classes->n == 0) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW(model->class_label, classes->n));
    memcpy(model->class_label, classes->label, (size_t)classes->n * sizeof *classes->label);
    GBT_TRY(GBT_NEW_ZERO(model->class_name, classes->n));
    for (int32_t k = 0; k < classes->n; k++) {
        model->class_name[k] = gbt_copy_text(classes->name[k]);
        if (!model->class_name[k]) {
            return GBT_ERR_MEMORY;
        }
    }
    return GBT_OK;
}

/* The empty model: objective, classes, base score. */
static gbt_status start_model(gbt_booster *booster)
{
    const gbt_dataset *train = booster->train;
    const int64_t n_trees = (int64_t)booster->params->n_trees * booster->objective.n_outputs;
    if (n_trees > INT32_MAX) {
        return gbt_fail(GBT_ERR_PARAM, "n_trees = %d with %d outputs makes more than 2^31 trees",
                        (int)booster->params->n_trees, (int)booster->objective.n_outputs);
    }
    GBT_TRY(gbt_model_create(booster->params, train->schema, train->cuts, &booster->objective,
                             (int32_t)n_trees, &booster->model));
    booster->model->train_rows = train->n_rows;
    booster->model->uses_init_score = train->init_score != NULL;
    GBT_TRY(name_classes(booster->model, &booster->classes));
    GBT_TRY(check_init_score(booster, train));
    if (booster->params->boost_from_average && !train->init_score) {
        GBT_TRY(gbt_objective_base_score(&booster->objective, booster->target, train->weight,
                                         train->n_rows, booster->threads,
                                         booster->model->base_score));
    }
    return GBT_OK;
}

static gbt_status reserve_metric_scratch(gbt_booster *booster, int64_t n_rows)
{
    size_t need = 0;
    for (int32_t m = 0; m < booster->n_metrics; m++) {
        const size_t bytes = gbt_metric_scratch(booster->metrics[m].metric, n_rows);
        need = bytes > need ? bytes : need;
    }
    if (need > booster->metric_scratch_bytes) {
        gbt_release(booster->metric_scratch);
        booster->metric_scratch_bytes = 0;
        booster->metric_scratch = gbt_alloc((int64_t)need, 1);
        if (!booster->metric_scratch) {
            return GBT_ERR_MEMORY;
        }
        booster->metric_scratch_bytes = need;
    }
    return GBT_OK;
}

static gbt_status check_train(const gbt_dataset *train)
{
    if (train->n_rows < 1) {
        return gbt_fail(GBT_ERR_DATA, "the training data has no rows");
    }
    if (train->n_rows > (int64_t)UINT32_MAX) {
        return gbt_fail(GBT_ERR_DATA, "%lld rows; one process trains on at most 2^32 - 1",
                        (long long)train->n_rows);
    }
    return GBT_OK;
}

static gbt_status check_memory(const gbt_booster *booster)
{
    const int64_t limit = booster->params->memory_limit;
    const int64_t need =
        gbt_dataset_bytes(booster->train) +
        gbt_booster_bytes(booster->params, booster->train, booster->objective.n_outputs);
    gbt_log_line(GBT_LOG_DEBUG, "memory: about %lld MiB for data and training",
                 (long long)(need >> 20));
    if (limit > 0 && need > limit) {
        return gbt_fail(GBT_ERR_MEMORY, "training needs about %lld bytes, memory_limit allows %lld",
                        (long long)need, (long long)limit);
    }
    return GBT_OK;
}

static gbt_status open_backend(gbt_booster *booster)
{
    const gbt_dataset *train = booster->train;
    const gbt_sampler_config sampler = sampler_config_of(booster->params);
    gbt_grower_config grower = grower_config_of(booster->params);
    gbt_backend_config backend =
        backend_config_of(booster->params, booster->threads, booster->ops->batch);
    bound_leaves(&grower, train->n_rows);
    backend.max_nodes = gbt_grower_max_nodes(&grower, booster->ops->batch);
    GBT_TRY(gbt_sampler_open(&booster->sampler, &sampler, train->n_rows, train->cuts->n_features));
    GBT_TRY(booster->ops->open(&backend, train, &booster->objective, booster->target, train->weight,
                               &booster->backend));
    return gbt_grower_open(&booster->grower, &grower, booster->ops, booster->backend,
                           &booster->sampler, train->cuts);
}

/* The metrics by their canonical names, which the model keeps. */
static gbt_status choose_metrics(gbt_booster *booster)
{
    char names[GBT_MAX_METRICS * sizeof booster->metrics[0].name];
    size_t used = 0;
    GBT_TRY(gbt_metric_parse(booster->params->metric, &booster->objective, booster->metrics,
                             GBT_MAX_METRICS, &booster->n_metrics));
    names[0] = '\0';
    for (int32_t m = 0; m < booster->n_metrics; m++) {
        const char *name = booster->metrics[m].name;
        const size_t length = strlen(name);
        if (m > 0) {
            names[used++] = ',';
        }
        memcpy(names + used, name, length + 1);
        used += length;
    }
    return gbt_resolve_text(booster->params, GBT_KEY_metric, names, NULL);
}

int64_t gbt_booster_bytes(const gbt_params *params, const gbt_dataset *train, int32_t n_outputs)
{
    const gbt_backend_ops *ops = NULL;
    if (gbt_backend_find(params->device, &ops) != GBT_OK) {
        ops = &gbt_backend_cpu;
    }
    gbt_grower_config grower = grower_config_of(params);
    gbt_backend_config config =
        backend_config_of(params, gbt_thread_count(params->threads), ops->batch);
    bound_leaves(&grower, train->n_rows);
    config.max_nodes = gbt_grower_max_nodes(&grower, ops->batch);
    return ops->bytes(&config, train, n_outputs) + 4 * train->n_rows;
}

/* Settles what the estimate depends on: limits of a tree and trees a round. */
static gbt_status resolve_for_estimate(gbt_params *params, const gbt_dataset *sample,
                                       int64_t *n_outputs)
{
    gbt_classes classes = {0};
    gbt_objective objective;
    GBT_TRY(gbt_resolve_growth(params));
    GBT_TRY(gbt_classes_resolve(params, sample, &classes));
    gbt_classes_close(&classes);
    GBT_TRY(gbt_objective_init(params, &objective));
    *n_outputs = objective.n_outputs;
    return GBT_OK;
}

/* Seconds of n_trees trees: nanoseconds of a core for histogram updates, partition, split
 * search, gradients and scores, shared by the threads. */
static double estimate_seconds(const gbt_params *params, const gbt_dataset *sample, double n_rows)
{
    const double n_leaves = params->max_leaves, n_columns = sample->bins.n_columns;
    const double rows = n_rows * params->subsample;
    const double depth = n_leaves < 16    ? 4.0
                         : n_leaves < 128 ? 6.0
                                          : 9.0; /* levels that a row passes */
    double n_bins = 0.0;
    for (int32_t c = 0; c < sample->bins.n_columns; c++) {
        n_bins += sample->bins.n_codes[c];
    }
    const double tree = 0.4 * n_columns * rows * (1.0 + depth / 4.0) + 1.2 * rows * depth +
                        2.0 * n_leaves * n_bins + 5.0 * n_rows;
    return 1e-9 * tree * params->n_trees / gbt_thread_count(params->threads);
}

gbt_status gbt_train_estimate(const gbt_params *params, const gbt_dataset *sample, int64_t n_rows,
                              int64_t *bytes, double *seconds)
{
    if (!params || !sample || !bytes || !seconds || n_rows < 0 || sample->n_rows < 1) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_train_estimate: a pointer is NULL or there are no rows");
    }
    int64_t n_outputs = 0;
    gbt_params *resolved = NULL;
    GBT_TRY(gbt_params_copy(params, &resolved));
    gbt_status status = resolve_for_estimate(resolved, sample, &n_outputs);
    if (status == GBT_OK) {
        *seconds = estimate_seconds(resolved, sample, (double)n_rows) * (double)n_outputs;
        *bytes = (int64_t)((double)n_rows / (double)sample->n_rows *
                           (double)(gbt_dataset_bytes(sample) +
                                    gbt_booster_bytes(resolved, sample, (int32_t)n_outputs)));
    }
    gbt_params_free(resolved);
    return status;
}

gbt_status gbt_booster_create(const gbt_params *params, const gbt_dataset *train, gbt_booster **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    gbt_status status = GBT_OK;
    gbt_booster *booster = NULL;
    if (!params || !train || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_create: a pointer is NULL");
    }
    GBT_TRY(gbt_params_check(params));
    GBT_TRY(check_train(train));
    GBT_TRY(GBT_NEW_ZERO(booster, 1));
    booster->train = gbt_dataset_retain(train);
    gbt_dataset_pin(train);
    GBT_TRY_OR_DONE(gbt_params_copy(params, &booster->params));
    GBT_TRY_OR_DONE(gbt_backend_find(params->device, &booster->ops));
    booster->threads = gbt_thread_count(params->threads);
    GBT_TRY_OR_DONE(gbt_resolve_growth(booster->params));
    GBT_TRY_OR_DONE(gbt_classes_resolve(booster->params, train, &booster->classes));
    GBT_TRY_OR_DONE(gbt_params_check(booster->params));
    GBT_TRY_OR_DONE(gbt_objective_init(booster->params, &booster->objective));
    GBT_TRY_OR_DONE(GBT_NEW(booster->target, train->n_rows));
    GBT_TRY_OR_DONE(
        gbt_classes_target(&booster->classes, &booster->objective, train, booster->target));
    GBT_TRY_OR_DONE(choose_metrics(booster));
    GBT_TRY_OR_DONE(check_memory(booster));
    GBT_TRY_OR_DONE(start_model(booster));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(booster->fresh, booster->objective.n_outputs));
    GBT_TRY_OR_DONE(open_backend(booster));
    GBT_TRY_OR_DONE(set_start_scores(booster));
    *out = booster;
done:
    if (status != GBT_OK) {
        gbt_booster_free(booster);
    }
    return status;
}

void gbt_booster_free(gbt_booster *booster)
{
    if (!booster) {
        return;
    }
    for (int32_t v = 0; v < booster->n_valid; v++) {
        gbt_release(booster->valid[v].name);
        gbt_release(booster->valid[v].target);
        gbt_release(booster->valid[v].scores);
        gbt_dataset_unpin(booster->valid[v].data);
    }
    gbt_release(booster->valid);
    gbt_grower_close(&booster->grower);
    gbt_sampler_close(&booster->sampler);
    if (booster->backend) {
        booster->ops->close(booster->backend);
    }
    gbt_model_free(booster->model);
    gbt_classes_close(&booster->classes);
    gbt_release(booster->target);
    gbt_release(booster->train_scores);
    gbt_release(booster->metric_scratch);
    gbt_release(booster->fresh);
    gbt_params_free(booster->params);
    gbt_dataset_unpin(booster->train);
    gbt_release(booster);
}

/* ---- Validation sets and continued models --------------------------------------------------- */

typedef struct add_context {
    const gbt_dataset *data;
    gbt_tree *const *trees; /* [n_outputs] */
    int32_t n_outputs;
    float *scores; /* [n_outputs x n_rows] */
} add_context;

static void add_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const add_context *add = context;
    (void)thread;
    for (int32_t k = 0; k < add->n_outputs; k++) {
        gbt_tree_add_binned(add->trees[k], add->data, first, last,
                            add->scores + k * add->data->n_rows);
    }
}

/* Adds one round's trees to the scores of a data set. */
static void add_round(const gbt_booster *booster, gbt_tree *const *trees, const gbt_dataset *data,
                      float *scores)
{
    add_context add = {
        .data = data, .trees = trees, .n_outputs = booster->objective.n_outputs, .scores = scores};
    gbt_for_chunks(booster->threads, data->n_rows, SCORE_CHUNK, add_chunk, &add);
}

static void add_model(const gbt_booster *booster, const gbt_dataset *data, float *scores)
{
    const int32_t n_outputs = booster->objective.n_outputs;
    for (int32_t t = 0; t < booster->model->n_trees; t += n_outputs) {
        add_round(booster, booster->model->trees + t, data, scores);
    }
}

gbt_status gbt_booster_add_valid(gbt_booster *booster, const gbt_dataset *data, const char *name)
{
    gbt_status status = GBT_OK;
    if (!booster || !data || booster->is_finished) {
        return gbt_fail(booster && booster->is_finished ? GBT_ERR_STATE : GBT_ERR_ARGUMENT,
                        "gbt_booster_add_valid: %s",
                        booster ? "no data, or the booster is finished" : "no booster");
    }
    if (data->n_rows < 1) {
        return gbt_fail(GBT_ERR_DATA, "validation set %s has no rows", name ? name : "");
    }
    if (data->cuts != booster->train->cuts && !gbt_cuts_equal(data->cuts, booster->train->cuts)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "validation set %s was not binned with same_cuts = training set",
                        name ? name : "");
    }
    GBT_TRY(check_init_score(booster, data));
    GBT_TRY(reserve_metric_scratch(booster, data->n_rows));
    gbt_watched *grown =
        gbt_grow(booster->valid, booster->n_valid, (int64_t)booster->n_valid + 1, sizeof *grown);
    if (!grown) {
        return GBT_ERR_MEMORY;
    }
    booster->valid = grown;
    gbt_watched *valid = &booster->valid[booster->n_valid];
    memset(valid, 0, sizeof *valid);
    valid->name = gbt_copy_text(name ? name : "valid");
    GBT_TRY_OR_DONE(valid->name ? GBT_OK : GBT_ERR_MEMORY);
    GBT_TRY_OR_DONE(GBT_NEW(valid->target, data->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(valid->scores, data->n_rows * booster->objective.n_outputs));
    GBT_TRY_OR_DONE(
        gbt_classes_target(&booster->classes, &booster->objective, data, valid->target));
    fill_scores(booster, data, valid->scores);
    add_model(booster, data, valid->scores);
    valid->data = gbt_dataset_retain(data);
    gbt_dataset_pin(data);
    booster->n_valid++;
done:
    if (status != GBT_OK) {
        gbt_release(valid->name);
        gbt_release(valid->target);
        gbt_release(valid->scores);
    }
    return status;
}

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
    const int32_t n_outputs = booster->objective.n_outputs;
    GBT_TRY(GBT_NEW(scores, booster->train->n_rows * n_outputs));
    GBT_TRY_OR_DONE(copy_trees(booster->model, model));
    memcpy(booster->model->base_score, model->base_score,
           (size_t)n_outputs * sizeof *model->base_score);
    booster->round = gbt_model_rounds(model);
    fill_scores(booster, booster->train, scores);
    add_model(booster, booster->train, scores);
    GBT_TRY_OR_DONE(booster->ops->set_scores(booster->backend, scores));
    for (int32_t v = 0; v < booster->n_valid; v++) {
        fill_scores(booster, booster->valid[v].data, booster->valid[v].scores);
        add_model(booster, booster->valid[v].data, booster->valid[v].scores);
    }
done:
    if (status != GBT_OK) { /* as if nothing had been asked */
        gbt_model_truncate(booster->model, 0);
        booster->round = 0;
    }
    gbt_release(scores);
    return status;
}

/* ---- A round -------------------------------------------------------------------------------- */

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
    for (int32_t v = 0; v < booster->n_valid; v++) {
        add_round(booster, booster->fresh, booster->valid[v].data, booster->valid[v].scores);
    }
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

gbt_status gbt_booster_step(gbt_booster *booster, int *stopped)
{
    GBT_TRY(begin_step(booster, stopped));
    GBT_TRY(booster->ops->gradients(booster->backend));
    return grow_round(booster, booster->objective.renews_leaves, stopped);
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
    GBT_TRY(booster->ops->set_gradients(booster->backend, grad, hess));
    return grow_round(booster, false, stopped); /* the loss is the caller's own */
}

/* ---- What the booster tells ----------------------------------------------------------------- */

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

static gbt_status check_data(const gbt_booster *booster, int data)
{
    return booster && data >= -1 && data < booster->n_valid
               ? GBT_OK
               : gbt_fail(GBT_ERR_ARGUMENT,
                          "data = %d: -1 is the training set, 0 .. %d are validation sets", data,
                          booster ? (int)booster->n_valid - 1 : -1);
}

gbt_status gbt_booster_scores(const gbt_booster *booster, int data, float *out, int64_t n)
{
    GBT_TRY(check_data(booster, data));
    const int64_t rows = data < 0 ? booster->train->n_rows : booster->valid[data].data->n_rows;
    if (!out || n != rows * booster->objective.n_outputs) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_scores: n is %lld, rows x outputs is %lld",
                        (long long)n, (long long)(rows * booster->objective.n_outputs));
    }
    if (data < 0) {
        return booster->ops->scores(booster->backend, out);
    }
    memcpy(out, booster->valid[data].scores, (size_t)n * sizeof *out);
    return GBT_OK;
}

/* The training set's scores live in the backend; the first request makes room for a copy. */
static gbt_status fetch_train_scores(gbt_booster *booster)
{
    if (!booster->train_scores) {
        GBT_TRY(reserve_metric_scratch(booster, booster->train->n_rows));
        GBT_TRY(
            GBT_NEW(booster->train_scores, booster->train->n_rows * booster->objective.n_outputs));
    }
    return booster->ops->scores(booster->backend, booster->train_scores);
}

gbt_status gbt_booster_metric(const gbt_booster *booster, int data, int metric, double *out)
{
    GBT_TRY(check_data(booster, data));
    if (metric < 0 || metric >= booster->n_metrics || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "metric = %d: the configuration has %d metrics", metric,
                        (int)booster->n_metrics);
    }
    if (data < 0) {
        GBT_TRY(fetch_train_scores((gbt_booster *)booster)); /* fills a cache, changes no result */
    }
    const gbt_dataset *rows = data < 0 ? booster->train : booster->valid[data].data;
    *out = gbt_metric_eval(&booster->metrics[metric],
                           data < 0 ? booster->train_scores : booster->valid[data].scores,
                           data < 0 ? booster->target : booster->valid[data].target, rows->weight,
                           rows->n_rows, booster->threads, booster->metric_scratch);
    return GBT_OK;
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
