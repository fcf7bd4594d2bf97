/* See task_toy.h. Labels are sums of simple functions; draws are hashes of the row. */
#include "tests/support/task_toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "tests/support/toy.h"

static void end(const char *what)
{
    (void)fprintf(stderr, "task_toy: %s: %s\n", what, gbt_last_error());
    abort();
}

static double draw(uint64_t seed, int64_t row, uint64_t column)
{
    return gbt_rng_unit(gbt_rng_key(seed, column, 0, GBT_RNG_SYNTH), (uint64_t)row);
}

static void make_label(task_toy *t, task_toy_label kind, int64_t i, bool is_outlier, double noise)
{
    const float *x = t->x + i * TASK_TOY_FEATURES;
    const double shared = 3.0 * (double)x[0] + ((double)x[3] > 2.0 ? 1.0 : 0.0);
    const double own = 0.3 * ((t->task[i] / 3) % 3) * (double)x[2];
    const double value = (is_outlier ? -shared : shared) + own + 0.2 * (noise - 0.5);
    float *label = t->label + i * t->n_labels;
    switch (kind) {
    case TASK_TOY_BINARY:
        label[0] = value > (is_outlier ? -2.0 : 2.0) ? 1.0f : 0.0f;
        break;
    case TASK_TOY_CLASSES:
        label[0] = fabs(value) < 1.2 ? 0.0f : fabs(value) < 2.6 ? 1.0f : 2.0f;
        break;
    case TASK_TOY_PAIR:
        label[0] = (float)value;
        label[1] = (float)(2.0 * own - shared);
        break;
    case TASK_TOY_POSITIVE:
        label[0] = (float)floor(fabs(2.0 * value));
        break;
    case TASK_TOY_QUANTITY:
    default:
        label[0] = (float)value;
        break;
    }
}

void task_toy_make(task_toy *t, int64_t n_rows, int32_t n_tasks, task_toy_label kind, uint64_t seed)
{
    *t =
        (task_toy){.n_rows = n_rows, .n_tasks = n_tasks, .n_labels = kind == TASK_TOY_PAIR ? 2 : 1};
    t->x = malloc((size_t)n_rows * TASK_TOY_FEATURES * sizeof(float));
    t->label = malloc((size_t)n_rows * (size_t)t->n_labels * sizeof(float));
    t->weight = malloc((size_t)n_rows * sizeof(float));
    t->task = malloc((size_t)n_rows * sizeof(int32_t));
    if (!t->x || !t->label || !t->weight || !t->task) {
        abort();
    }
    for (int64_t i = 0; i < n_rows; i++) {
        float *x = t->x + i * TASK_TOY_FEATURES;
        const int32_t r = (int32_t)(draw(seed, i, 9) * n_tasks);
        for (uint64_t f = 0; f < 3; f++) {
            x[f] = (float)draw(seed, i, f);
        }
        x[1] = draw(seed, i, 5) < 0.1 ? (float)NAN : x[1];
        x[3] = (float)(int)(draw(seed, i, 3) * 6.0);
        t->task[i] = 10 + 3 * r;
        t->weight[i] = i % 3 == 0 ? 0.5f : i % 3 == 1 ? 1.0f : 2.0f;
        make_label(t, kind, i, r == n_tasks - 1, draw(seed, i, 7));
    }
}

void task_toy_only(const task_toy *t, int32_t task_number, task_toy *out)
{
    *out = *t;
    out->n_rows = 0;
    out->x = malloc((size_t)t->n_rows * TASK_TOY_FEATURES * sizeof(float));
    out->label = malloc((size_t)t->n_rows * (size_t)t->n_labels * sizeof(float));
    out->weight = malloc((size_t)t->n_rows * sizeof(float));
    out->task = malloc((size_t)t->n_rows * sizeof(int32_t));
    if (!out->x || !out->label || !out->weight || !out->task) {
        abort();
    }
    for (int64_t i = 0; i < t->n_rows; i++) {
        if (t->task[i] == task_number) {
            memcpy(out->x + out->n_rows * TASK_TOY_FEATURES, t->x + i * TASK_TOY_FEATURES,
                   TASK_TOY_FEATURES * sizeof(float));
            memcpy(out->label + out->n_rows * t->n_labels, t->label + i * t->n_labels,
                   (size_t)t->n_labels * sizeof(float));
            out->weight[out->n_rows] = t->weight[i];
            out->task[out->n_rows++] = task_number;
        }
    }
}

void task_toy_free(task_toy *t)
{
    free(t->x);
    free(t->label);
    free(t->weight);
    free(t->task);
    *t = (task_toy){0};
}

gbt_matrix task_toy_matrix(const task_toy *t)
{
    return (gbt_matrix){t->x, GBT_F32, t->n_rows, TASK_TOY_FEATURES, TASK_TOY_FEATURES, 1};
}

gbt_dataset *task_toy_dataset(const task_toy *t, const gbt_dataset *same_cuts, bool weighted)
{
    gbt_dataset *data = NULL;
    gbt_params *params = toy_params("categorical=3 min_data_in_bin=1");
    const gbt_matrix matrix = task_toy_matrix(t);
    if (gbt_dataset_from_matrix(params, &matrix, NULL, same_cuts, &data) != GBT_OK ||
        gbt_dataset_set(data, GBT_LABEL, t->label, GBT_F32, t->n_rows * t->n_labels) != GBT_OK ||
        gbt_dataset_set(data, GBT_TASK, t->task, GBT_I32, t->n_rows) != GBT_OK) {
        end("data set");
    }
    if (weighted && gbt_dataset_set(data, GBT_WEIGHT, t->weight, GBT_F32, t->n_rows) != GBT_OK) {
        end("weights");
    }
    gbt_params_free(params);
    return data;
}

gbt_multitask *task_toy_train(const task_toy *t, const char *options, bool weighted)
{
    gbt_multitask *model = NULL;
    gbt_params *params = toy_params(options);
    gbt_dataset *data = task_toy_dataset(t, NULL, weighted);
    const gbt_matrix matrix = task_toy_matrix(t);
    (void)gbt_multitask_train(params, data, &matrix, NULL, NULL, NULL, NULL, &model);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

float *task_toy_raw(const gbt_multitask *model, const task_toy *t)
{
    int64_t n_outputs = 0;
    const gbt_matrix matrix = task_toy_matrix(t);
    if (gbt_model_shape(gbt_multitask_frame(model), GBT_SHAPE_OUTPUTS, &n_outputs) != GBT_OK) {
        end("outputs");
    }
    float *out = malloc((size_t)(t->n_rows * n_outputs) * sizeof *out);
    if (!out || gbt_multitask_predict(model, &matrix, t->task, GBT_PREDICT_RAW, 1, out,
                                      t->n_rows * n_outputs, NULL) != GBT_OK) {
        end("predictions");
    }
    return out;
}

void *task_toy_bytes(const gbt_multitask *model, size_t *size)
{
    void *data = NULL;
    if (gbt_multitask_to_bytes(model, &data, size) != GBT_OK) {
        end("bytes");
    }
    return data;
}
