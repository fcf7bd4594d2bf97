/* How a booster comes to be: keys into the plain configurations of each layer, labels, the empty
 * model, the backend, start scores; and what training will cost. Nothing here runs in a round. */
#include "gbt/train/booster.h"

#include <string.h>

#include "gbt/backend/timed.h"
#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/train/resolve.h"

static gbt_growth growth_of(const gbt_params *params)
{
    return params->grow_policy == GBT_GROW_POLICY_DEPTHWISE   ? GBT_GROW_DEPTHWISE
           : params->grow_policy == GBT_GROW_POLICY_SYMMETRIC ? GBT_GROW_SYMMETRIC
                                                              : GBT_GROW_LEAFWISE;
}

/* Room for max_leaves leaves in a data set that cannot have them would only cost memory. */
static void bound_leaves(gbt_grower_config *config, int64_t n_rows)
{
    const int64_t most = n_rows / config->min_child_samples;
    if (config->growth != GBT_GROW_SYMMETRIC && most < config->max_leaves) {
        config->max_leaves = most > 1 ? (int32_t)most : 2;
    }
}

static gbt_grower_config grower_config_of(const gbt_params *params, int64_t n_rows, int32_t batch)
{
    gbt_grower_config config = {.growth = growth_of(params),
                                .max_leaves = params->max_leaves,
                                .max_depth = params->max_depth,
                                .batch = batch,
                                .min_child_samples =
                                    params->min_child_samples > 1 ? params->min_child_samples : 1,
                                .learning_rate = params->learning_rate,
                                .regular = {.lambda = params->reg_lambda,
                                            .alpha = params->reg_alpha,
                                            .max_delta_step = params->max_delta_step,
                                            .path_smooth = params->path_smooth},
                                .cat_l2 = params->cat_l2};
    bound_leaves(&config, n_rows);
    return config;
}

/* The threads asked for; when the choice is ours, no more than the data keep busy: to hand out less
 * than some 40 microseconds of work a tree takes longer than to do it. */
static int32_t threads_for(const gbt_params *params, const gbt_dataset *train, double n_rows)
{
    enum { CELLS = 131072 };
    const int32_t threads = gbt_thread_count(params->threads);
    const double worth = n_rows * train->bins.n_columns / CELLS;
    return params->threads > 0 || worth >= threads ? threads : worth > 1.0 ? (int32_t)worth : 1;
}

static gbt_backend_config backend_config_of(const gbt_params *params, int32_t threads,
                                            const gbt_grower_config *grower)
{
    const gbt_backend_config config = {.device = gbt_backend_device(params->device),
                                       .threads = threads,
                                       .max_nodes = gbt_grower_max_nodes(grower),
                                       .histogram_bytes = (int64_t)256 << 20,
                                       .seed = (uint64_t)params->seed,
                                       .gradient_bits = params->gradient_bits,
                                       .rounds_to_nearest = params->gradient_rounding ==
                                                            GBT_GRADIENT_ROUNDING_NEAREST,
                                       .regular = grower->regular,
                                       .min_child_weight = params->min_child_weight,
                                       .min_split_gain = params->min_split_gain,
                                       .min_child_samples = grower->min_child_samples,
                                       .max_cat_to_onehot = params->max_cat_to_onehot,
                                       .max_cat_threshold = params->max_cat_threshold,
                                       .cat_smooth = params->cat_smooth,
                                       .cat_l2 = params->cat_l2,
                                       .min_data_per_group = params->min_data_per_group};
    return config;
}

gbt_sampler_config gbt_booster_sampling(const gbt_params *params)
{
    const gbt_sampler_config config = {.seed = (uint64_t)params->seed,
                                       .subsample = params->subsample,
                                       .subsample_freq = params->subsample_freq,
                                       .by_tree = params->colsample_bytree,
                                       .by_level = params->colsample_bylevel,
                                       .by_node = params->colsample_bynode};
    return config;
}

/* Scores before the first tree: base score plus init score, [n_outputs x n_rows]. */
void gbt_booster_fill_scores(const gbt_booster *booster, const gbt_dataset *data, float *scores)
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

gbt_status gbt_booster_check_init_score(const gbt_booster *booster, const gbt_dataset *data)
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
    gbt_booster_fill_scores(booster, booster->train, scores);
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
    GBT_TRY(gbt_booster_check_init_score(booster, train));
    if (booster->params->boost_from_average && !train->init_score) {
        GBT_TRY(gbt_objective_base_score(&booster->objective, booster->target, train->weight,
                                         train->n_rows, booster->threads,
                                         booster->model->base_score));
    }
    return GBT_OK;
}

gbt_status gbt_booster_reserve_scratch(gbt_booster *booster, int64_t n_rows)
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

/* What training takes on the device must be free there now. */
static gbt_status check_device_memory(const gbt_booster *booster)
{
    int64_t room = 0;
    const int64_t need =
        gbt_booster_device_bytes(booster->params, booster->train, booster->objective.n_outputs);
    if (need == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_backend_room(booster->params->device, &room));
    gbt_log_line(GBT_LOG_DEBUG, "memory of device %s: about %lld MiB for training, %lld MiB free",
                 booster->params->device, (long long)(need >> 20), (long long)(room >> 20));
    if (need > room) {
        return gbt_fail(GBT_ERR_MEMORY,
                        "training needs about %lld bytes on device %s, %lld are free there",
                        (long long)need, booster->params->device, (long long)room);
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
    return check_device_memory(booster);
}

static gbt_status open_backend(gbt_booster *booster)
{
    const gbt_dataset *train = booster->train;
    const gbt_sampler_config sampler = gbt_booster_sampling(booster->params);
    const gbt_grower_config grower =
        grower_config_of(booster->params, train->n_rows, booster->ops->batch(booster->threads));
    const gbt_backend_config backend =
        backend_config_of(booster->params, booster->threads, &grower);
    GBT_TRY(gbt_sampler_open(&booster->sampler, &sampler, train->n_rows, train->cuts->n_features));
    GBT_TRY(booster->ops->open(&backend, train, &booster->objective, booster->target, train->weight,
                               &booster->backend));
    if (booster->params->verbosity == GBT_VERBOSITY_DEBUG) {
        GBT_TRY(gbt_backend_time(&booster->ops, &booster->backend));
    }
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

/* The configuration that `ops` would be opened with. */
static gbt_backend_config config_for(const gbt_backend_ops *ops, const gbt_params *params,
                                     const gbt_dataset *train)
{
    const int32_t threads = threads_for(params, train, (double)train->n_rows);
    const gbt_grower_config grower = grower_config_of(params, train->n_rows, ops->batch(threads));
    return backend_config_of(params, threads, &grower);
}

int64_t gbt_booster_bytes(const gbt_params *params, const gbt_dataset *train, int32_t n_outputs)
{
    const gbt_backend_ops *ops = NULL;
    if (gbt_backend_find(params->device, &ops) != GBT_OK) {
        ops = &gbt_backend_cpu;
    }
    const gbt_backend_config config = config_for(ops, params, train);
    return ops->bytes(&config, train, n_outputs) + 4 * train->n_rows * train->n_labels;
}

int64_t gbt_booster_device_bytes(const gbt_params *params, const gbt_dataset *train,
                                 int32_t n_outputs)
{
    const gbt_backend_ops *ops = NULL;
    if (gbt_backend_find(params->device, &ops) != GBT_OK || !ops->device_bytes) {
        return 0;
    }
    const gbt_backend_config config = config_for(ops, params, train);
    return ops->device_bytes(&config, train, n_outputs);
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
    GBT_TRY(gbt_objective_set_labels(&objective, sample->n_labels));
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
    return 1e-9 * tree * params->n_trees / threads_for(params, sample, n_rows);
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

gbt_status gbt_train_estimate_device(const gbt_params *params, const gbt_dataset *sample,
                                     int64_t n_rows, int64_t *bytes, int64_t *room)
{
    if (!params || !sample || !bytes || !room || n_rows < 0 || sample->n_rows < 1) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_train_estimate_device: a pointer is NULL or there are no rows");
    }
    int64_t n_outputs = 0;
    gbt_params *resolved = NULL;
    gbt_dataset whole = *sample; /* only counted, never read */
    whole.n_rows = n_rows;
    whole.bins.n_rows = n_rows;
    GBT_TRY(gbt_params_copy(params, &resolved));
    gbt_status status = resolve_for_estimate(resolved, sample, &n_outputs);
    if (status == GBT_OK) {
        *bytes = gbt_booster_device_bytes(resolved, &whole, (int32_t)n_outputs);
        status = gbt_backend_room(resolved->device, room);
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
    booster->threads = threads_for(params, train, (double)train->n_rows);
    GBT_TRY_OR_DONE(gbt_resolve_growth(booster->params));
    GBT_TRY_OR_DONE(gbt_classes_resolve(booster->params, train, &booster->classes));
    GBT_TRY_OR_DONE(gbt_params_check(booster->params));
    GBT_TRY_OR_DONE(gbt_objective_init(booster->params, &booster->objective));
    GBT_TRY_OR_DONE(gbt_objective_set_labels(&booster->objective, train->n_labels));
    GBT_TRY_OR_DONE(
        GBT_NEW(booster->target, train->n_rows * gbt_objective_labels(&booster->objective)));
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
    gbt_binned_tree_close(&booster->binned);
    gbt_params_free(booster->params);
    gbt_dataset_unpin(booster->train);
    gbt_release(booster);
}
