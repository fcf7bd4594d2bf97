/* gbt_heads_train(): checks, hold-out, frame, inputs, memory; then the loop of heads.c. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/heads_train.h"
#include "gbt/modules/holdout.h"
#include "gbt/modules/settings.h"

/* What the caller gave. */
typedef struct request {
    const gbt_params *params;
    const gbt_dataset *train, *valid;
    const gbt_matrix *features, *valid_features;
    int64_t *kept, *held; /* rows of `train` that valid_fraction splits; NULL without */
    int64_t n_kept, n_held;
    gbt_dataset *kept_data, *held_data; /* the same as data sets */
} request;

/* ---- Hold-out -------------------------------------------------------------------------------- */

/* Classes of the rows, so that each keeps its share; NULL for regression. */
static gbt_status find_strata(const request *q, int64_t patience, int32_t **out)
{
    gbt_status status = GBT_OK;
    gbt_model *frame = NULL;
    float *label = NULL;
    int64_t n_classes = 0;
    const int64_t n = gbt_dataset_rows(q->train);
    *out = NULL;
    GBT_TRY_OR_DONE(gbt_head_frame(q->params, q->train, NULL, patience, &frame));
    GBT_TRY_OR_DONE(gbt_model_shape(frame, GBT_SHAPE_CLASSES, &n_classes));
    if (n_classes > 0) {
        GBT_TRY_OR_DONE(GBT_NEW(label, n));
        GBT_TRY_OR_DONE(gbt_model_labels(frame, q->train, label, n));
        GBT_TRY_OR_DONE(GBT_NEW(*out, n));
        for (int64_t i = 0; i < n; i++) {
            (*out)[i] = (int32_t)label[i];
        }
    }
done:
    gbt_release(label);
    gbt_model_free(frame);
    return status;
}

static gbt_status hold_out(request *q, const gbt_head_settings *s)
{
    gbt_status status = GBT_OK;
    int32_t *stratum = NULL;
    const int64_t n = gbt_dataset_rows(q->train);
    if (s->valid_fraction <= 0.0) {
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(find_strata(q, s->patience, &stratum));
    GBT_TRY_OR_DONE(GBT_NEW(q->kept, n));
    GBT_TRY_OR_DONE(GBT_NEW(q->held, n));
    GBT_TRY_OR_DONE(gbt_holdout_draw((uint64_t)s->seed, s->valid_fraction, stratum, n, q->kept,
                                     &q->n_kept, q->held, &q->n_held));
    if (q->n_held < 1) {
        status = gbt_fail(GBT_ERR_DATA,
                          "valid_fraction = %g leaves no rows for validation: %lld "
                          "rows in all",
                          s->valid_fraction, (long long)n);
        goto done;
    }
    GBT_TRY_OR_DONE(gbt_dataset_subset(q->train, q->kept, q->n_kept, &q->kept_data));
    GBT_TRY_OR_DONE(gbt_dataset_subset(q->train, q->held, q->n_held, &q->held_data));
    gbt_log_line(GBT_LOG_INFO, "valid_fraction: %lld rows train, %lld validate",
                 (long long)q->n_kept, (long long)q->n_held);
done:
    gbt_release(stratum);
    return status;
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

static gbt_status load_leaf_model(const gbt_params *params, const gbt_head_settings *s,
                                  gbt_model **out)
{
    char *path = NULL;
    gbt_status status = GBT_OK;
    *out = NULL;
    GBT_TRY(gbt_setting_text(params, "leaf_model", &path));
    const bool needs_leaves = s->inputs != GBT_SEES_COLUMNS;
    if (needs_leaves != (path[0] != '\0')) {
        status = gbt_fail(GBT_ERR_PARAM, needs_leaves
                                             ? "these inputs need leaf_model, a tree model file"
                                             : "leaf_model has no effect with inputs = columns");
    } else if (needs_leaves) {
        status = gbt_model_load(path, out);
    }
    gbt_release(path);
    return status;
}

/* Inputs of the network, learned from the training rows; tiles of them for all rows. */
static gbt_status make_inputs(gbt_head_trainer *t, const request *q)
{
    gbt_model *leaf_model = NULL;
    gbt_head_inputs *in = &t->heads->inputs;
    const gbt_matrix *held_features = q->valid ? q->valid_features : q->features;
    const int threads = t->settings.threads;
    GBT_TRY(load_leaf_model(q->params, &t->settings, &leaf_model));
    GBT_TRY(gbt_head_inputs_learn(t->heads->frame, q->features, q->kept, t->train.n_rows,
                                  t->train.weight, t->settings.inputs != GBT_SEES_LEAVES,
                                  leaf_model, threads, in));
    gbt_log_line(GBT_LOG_INFO, "%lld inputs: %d numbers, %lld one-hot columns",
                 (long long)(in->n_dense + in->n_slots), (int)in->n_dense, (long long)in->n_slots);
    GBT_TRY(
        gbt_head_inputs_tiles(in, q->features, q->kept, t->train.n_rows, threads, &t->train.tiles));
    return t->has_valid ? gbt_head_inputs_tiles(in, held_features, q->held, t->valid.n_rows,
                                                threads, &t->valid.tiles)
                        : GBT_OK;
}

/* ---- Trainer --------------------------------------------------------------------------------- */

static void trainer_close(gbt_head_trainer *t)
{
    gbt_heads_free(t->heads);
    gbt_objective_free(t->objective);
    gbt_head_rows_close(&t->train);
    gbt_head_rows_close(&t->valid);
    gbt_release(t->grad);
    gbt_release(t->hess);
    gbt_release(t->residual);
    gbt_head_fitter_close(t->fitter);
    gbt_head_length_close(&t->length);
    gbt_release(t->metric);
    gbt_release(t->data_name);
    gbt_release(t->value);
}

static gbt_status open_metrics(gbt_head_trainer *t, const char *data_name)
{
    const gbt_model *frame = t->heads->frame;
    while (t->has_valid && gbt_model_metric_name(frame, t->n_metrics)) {
        t->n_metrics++;
    }
    GBT_TRY(GBT_NEW(t->metric, t->n_metrics));
    GBT_TRY(GBT_NEW(t->data_name, t->n_metrics));
    GBT_TRY(GBT_NEW_ZERO(t->value, t->n_metrics));
    for (int32_t i = 0; i < t->n_metrics; i++) {
        t->metric[i] = gbt_model_metric_name(frame, i);
        t->data_name[i] = data_name;
    }
    return GBT_OK;
}

/* The empty network on its base scores. */
static gbt_status open_network(gbt_head_trainer *t)
{
    const gbt_head_inputs *in = &t->heads->inputs;
    const gbt_mlp_shape shape = {.n_dense = in->n_dense,
                                 .n_index = in->n_index,
                                 .n_units = (int32_t)t->settings.units_per_step,
                                 .n_outputs = t->n_outputs,
                                 .n_slots = in->n_slots,
                                 .activation = (gbt_activation)t->settings.activation};
    double *base = NULL;
    GBT_TRY(GBT_NEW(base, t->n_outputs));
    gbt_status status = gbt_model_base_score(t->heads->frame, base, t->n_outputs);
    if (status == GBT_OK) {
        status =
            gbt_head_network_open(&shape, (int32_t)t->settings.n_steps, base, &t->heads->network);
    }
    gbt_release(base);
    return status;
}

static gbt_status trainer_open(gbt_head_trainer *t, const request *q)
{
    const gbt_dataset *train = q->kept_data ? q->kept_data : q->train;
    const gbt_dataset *valid = q->held_data ? q->held_data : q->valid;
    t->has_valid = valid != NULL;
    GBT_TRY(GBT_NEW_ZERO(t->heads, 1));
    GBT_TRY(gbt_params_copy(q->params, &t->heads->params));
    GBT_TRY(gbt_head_frame(q->params, train, valid, t->settings.patience, &t->heads->frame));
    GBT_TRY(gbt_objective_of_model(t->heads->frame, &t->objective));
    t->n_outputs = gbt_objective_outputs(t->objective);
    GBT_TRY(gbt_head_rows_open(&t->train, t->heads->frame, train));
    if (valid) {
        GBT_TRY(gbt_head_rows_open(&t->valid, t->heads->frame, valid));
    }
    GBT_TRY(open_metrics(t, q->held_data ? "held_out" : "valid"));
    GBT_TRY(make_inputs(t, q));
    GBT_TRY(open_network(t));
    const int64_t n = t->train.n_rows * t->n_outputs;
    GBT_TRY(GBT_NEW(t->grad, n));
    GBT_TRY(GBT_NEW(t->hess, n));
    GBT_TRY(GBT_NEW(t->residual, n));
    GBT_TRY(gbt_head_fitter_open(&t->settings, &t->heads->network.shape, &t->train.tiles,
                                 t->train.weight, &t->fitter));
    return gbt_head_length_open(&t->length, t->heads->frame, t->objective, &t->train, &t->settings);
}

/* ---- The public call ------------------------------------------------------------------------- */

static gbt_status check_matrix(const gbt_matrix *x, const gbt_dataset *data, const char *what)
{
    const int64_t n_rows = gbt_dataset_rows(data), n_cols = gbt_dataset_features(data);
    if (!x) {
        return gbt_fail(GBT_ERR_ARGUMENT, "the features of the %s rows are missing", what);
    }
    if (x->dtype != GBT_F32 && x->dtype != GBT_F64 && x->dtype != GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT, "dtype %d of the %s features is unknown", (int)x->dtype,
                        what);
    }
    if (x->n_rows != n_rows || x->n_cols != n_cols || (!x->data && n_rows * n_cols > 0)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s features are [%lld x %lld], the data set [%lld x %lld]%s", what,
                        (long long)x->n_rows, (long long)x->n_cols, (long long)n_rows,
                        (long long)n_cols, x->data ? "" : "; data is NULL");
    }
    return GBT_OK;
}

static gbt_status check_request(const request *q, gbt_heads **out)
{
    if (out) {
        *out = NULL;
    }
    if (!q->params || !q->train || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_train: %s is NULL",
                        !q->params  ? "params"
                        : !q->train ? "train"
                                    : "out");
    }
    GBT_TRY(check_matrix(q->features, q->train, "training"));
    return q->valid ? check_matrix(q->valid_features, q->valid, "validation") : GBT_OK;
}

gbt_status gbt_heads_train(const gbt_params *params, const gbt_dataset *train,
                           const gbt_matrix *features, const gbt_dataset *valid,
                           const gbt_matrix *valid_features, gbt_round_fn callback, void *user,
                           gbt_heads **out)
{
    gbt_status status = GBT_OK;
    request q = {.params = params,
                 .train = train,
                 .valid = valid,
                 .features = features,
                 .valid_features = valid_features};
    gbt_head_trainer t = {.callback = callback, .user = user, .start = gbt_clock()};
    GBT_TRY(check_request(&q, out));
    GBT_TRY(gbt_head_settings_read(params, valid != NULL, &t.settings));
    GBT_TRY_OR_DONE(hold_out(&q, &t.settings));
    GBT_TRY_OR_DONE(trainer_open(&t, &q));
    GBT_TRY_OR_DONE(gbt_head_boost(&t));
    *out = t.heads;
    t.heads = NULL;
done:
    trainer_close(&t);
    gbt_release(q.kept);
    gbt_release(q.held);
    gbt_dataset_free(q.kept_data);
    gbt_dataset_free(q.held_data);
    return status;
}
