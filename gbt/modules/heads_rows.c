/* What training needs besides inputs: settings, the frame, labels, weights and scores of rows. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/parallel.h"
#include "gbt/base/text.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/settings.h"

enum { DEFAULT_PATIENCE = 50 };

/* ---- Settings -------------------------------------------------------------------------------- */

static gbt_status read_choices(const gbt_params *params, gbt_head_settings *s)
{
    static const char *const activations[] = {"logistic", "tanh", "relu", "identity"};
    static const char *const solvers[] = {"lbfgs", "adam"};
    static const char *const lengths[] = {"guarded", "newton", "one"};
    static const char *const sources[] = {"columns", "leaves", "both"};
    GBT_TRY(gbt_setting_choice(params, "activation", activations, 4, &s->activation));
    GBT_TRY(gbt_setting_choice(params, "solver", solvers, 2, &s->solver));
    GBT_TRY(gbt_setting_choice(params, "step_length", lengths, 3, &s->step_length));
    return gbt_setting_choice(params, "inputs", sources, 3, &s->inputs);
}

static gbt_status read_numbers(const gbt_params *params, gbt_head_settings *s)
{
    int64_t threads = 0;
    GBT_TRY(gbt_setting_int(params, "units_per_step", &s->units_per_step));
    GBT_TRY(gbt_setting_int(params, "solver_iterations", &s->iterations));
    GBT_TRY(gbt_setting_real(params, "solver_tolerance", &s->tolerance));
    GBT_TRY(gbt_setting_real(params, "weight_decay", &s->weight_decay));
    GBT_TRY(gbt_setting_real(params, "learning_rate", &s->learning_rate));
    GBT_TRY(gbt_setting_real(params, "subsample", &s->subsample));
    GBT_TRY(gbt_setting_real(params, "valid_fraction", &s->valid_fraction));
    GBT_TRY(gbt_setting_real(params, "max_seconds", &s->max_seconds));
    GBT_TRY(gbt_setting_int(params, "seed", &s->seed));
    GBT_TRY(gbt_setting_int(params, "metric_every", &s->metric_every));
    GBT_TRY(gbt_setting_int(params, "early_stopping_rounds", &s->patience));
    GBT_TRY(gbt_setting_int(params, "threads", &threads));
    s->threads = gbt_thread_count((int)threads);
    return GBT_OK;
}

/* Keys of tree boosting that would be silently ignored here. */
static gbt_status refuse_keys(const gbt_params *params)
{
    if (gbt_params_is_set(params, "n_trees") == 1) {
        return gbt_fail(GBT_ERR_PARAM, "n_trees has no effect on heads: set units, the size of the "
                                       "whole network");
    }
    if (gbt_params_is_set(params, "continue_from") == 1) {
        return gbt_fail(GBT_ERR_PARAM, "continue_from has no effect on heads");
    }
    return GBT_OK;
}

gbt_status gbt_head_settings_read(const gbt_params *params, bool has_valid, gbt_head_settings *out)
{
    int64_t n_units = 0;
    *out = (gbt_head_settings){0};
    GBT_TRY(refuse_keys(params));
    GBT_TRY(read_choices(params, out));
    GBT_TRY(read_numbers(params, out));
    GBT_TRY(gbt_setting_int(params, "units", &n_units));
    out->n_steps = n_units / out->units_per_step;
    if (out->n_steps < 1) {
        return gbt_fail(GBT_ERR_PARAM, "units = %lld is less than units_per_step = %lld",
                        (long long)n_units, (long long)out->units_per_step);
    }
    if (n_units % out->units_per_step != 0) {
        gbt_log_line(GBT_LOG_WARN,
                     "units = %lld is no multiple of units_per_step: %lld are trained",
                     (long long)n_units, (long long)(out->n_steps * out->units_per_step));
    }
    if (has_valid && out->valid_fraction > 0.0) {
        return gbt_fail(GBT_ERR_PARAM,
                        "valid_fraction and validation rows were given: one of them is enough");
    }
    has_valid = has_valid || out->valid_fraction > 0.0;
    if (out->patience < 0) {
        out->patience = has_valid ? DEFAULT_PATIENCE : 0;
    }
    if (out->patience > 0 && !has_valid) {
        return gbt_fail(GBT_ERR_PARAM, "early_stopping_rounds needs validation rows: give some or "
                                       "set valid_fraction");
    }
    return GBT_OK;
}

/* ---- Frame ----------------------------------------------------------------------------------- */

gbt_status gbt_head_frame(const gbt_params *params, const gbt_dataset *data,
                          const gbt_dataset *valid, int64_t patience, gbt_model **out)
{
    gbt_status status = GBT_OK;
    gbt_params *own = NULL;
    gbt_booster *booster = NULL;
    char text[GBT_NUMBER_CHARS];
    *out = NULL;
    (void)snprintf(text, sizeof text, "%lld", (long long)patience);
    GBT_TRY_OR_DONE(gbt_params_copy(params, &own));
    GBT_TRY_OR_DONE(gbt_params_set(own, "early_stopping_rounds", text));
    GBT_TRY_OR_DONE(gbt_booster_create(own, data, &booster));
    if (valid) {
        GBT_TRY_OR_DONE(gbt_booster_add_valid(booster, valid, "valid"));
    }
    GBT_TRY_OR_DONE(gbt_booster_finish(booster, 0, out));
done:
    gbt_booster_free(booster);
    gbt_params_free(own);
    return status;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void show(gbt_head_rows *rows, int32_t n_outputs)
{
    for (int64_t i = 0; i < rows->n_rows * n_outputs; i++) {
        rows->shown[i] = (float)rows->score[i];
    }
}

static gbt_status start_scores(gbt_head_rows *rows, const gbt_model *frame, const gbt_dataset *data,
                               int32_t n_outputs)
{
    gbt_status status = GBT_OK;
    double *base = NULL;
    float *start = NULL; /* [rows x outputs] */
    const int64_t n = rows->n_rows, n_start = gbt_dataset_field_size(data, GBT_INIT_SCORE);
    GBT_TRY_OR_DONE(GBT_NEW(base, n_outputs));
    GBT_TRY_OR_DONE(gbt_model_base_score(frame, base, n_outputs));
    if (n_start > 0 && n_start != n * n_outputs) {
        status = gbt_fail(GBT_ERR_DATA, "%lld init scores, expected rows x outputs = %lld",
                          (long long)n_start, (long long)(n * n_outputs));
        goto done;
    }
    if (n_start > 0) {
        GBT_TRY_OR_DONE(GBT_NEW(start, n_start));
        GBT_TRY_OR_DONE(gbt_dataset_get(data, GBT_INIT_SCORE, start, GBT_F32, n_start));
    }
    for (int64_t i = 0; i < n * n_outputs; i++) {
        const int64_t k = i / n, row = i % n;
        rows->score[i] = base[k] + (start ? (double)start[row * n_outputs + k] : 0.0);
    }
    show(rows, n_outputs);
done:
    gbt_release(base);
    gbt_release(start);
    return status;
}

gbt_status gbt_head_rows_open(gbt_head_rows *rows, const gbt_model *frame, const gbt_dataset *data)
{
    gbt_status status = GBT_OK;
    int64_t n_outputs = 0;
    const int64_t n = gbt_dataset_rows(data), n_labels = gbt_dataset_field_size(data, GBT_LABEL);
    *rows = (gbt_head_rows){.n_rows = n};
    if (n < 1 || n_labels < 1) {
        return gbt_fail(GBT_ERR_DATA, "the data have no %s", n < 1 ? "rows" : "label");
    }
    GBT_TRY_OR_DONE(gbt_model_shape(frame, GBT_SHAPE_OUTPUTS, &n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW(rows->label, n_labels));
    GBT_TRY_OR_DONE(gbt_model_labels(frame, data, rows->label, n_labels));
    if (gbt_dataset_field_size(data, GBT_WEIGHT) > 0) {
        GBT_TRY_OR_DONE(GBT_NEW(rows->weight, n));
        GBT_TRY_OR_DONE(gbt_dataset_get(data, GBT_WEIGHT, rows->weight, GBT_F32, n));
    }
    GBT_TRY_OR_DONE(GBT_NEW(rows->score, n * n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW(rows->shown, n * n_outputs));
    GBT_TRY_OR_DONE(GBT_NEW(rows->step, n * n_outputs));
    GBT_TRY_OR_DONE(start_scores(rows, frame, data, (int32_t)n_outputs));
done:
    if (status != GBT_OK) {
        gbt_head_rows_close(rows);
    }
    return status;
}

void gbt_head_rows_close(gbt_head_rows *rows)
{
    gbt_release(rows->label);
    gbt_release(rows->weight);
    gbt_tiles_close(&rows->tiles);
    gbt_release(rows->score);
    gbt_release(rows->shown);
    gbt_release(rows->step);
    *rows = (gbt_head_rows){0};
}

void gbt_head_rows_add(gbt_head_rows *rows, int32_t n_outputs, double length)
{
    for (int64_t i = 0; i < rows->n_rows * n_outputs; i++) {
        rows->score[i] += length * rows->step[i];
    }
    show(rows, n_outputs);
}
