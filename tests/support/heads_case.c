/* Boosted heads on toy data, and the network's definition written out. */
#include "tests/support/heads_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void heads_case_train(heads_case *c, toy data, const char *assignments, bool weighted)
{
    memset(c, 0, sizeof *c);
    c->data = data;
    c->params = toy_params(assignments);
    c->train = toy_dataset(&c->data, c->params, NULL, weighted);
    c->features = toy_matrix(&c->data);
    c->status =
        gbt_heads_train(c->params, c->train, &c->features, NULL, NULL, NULL, NULL, &c->heads);
    if (c->heads) {
        (void)gbt_heads_shape(c->heads, GBT_HEADS_OUTPUTS, &c->n_outputs);
        (void)gbt_heads_shape(c->heads, GBT_HEADS_STEPS, &c->n_steps);
        (void)gbt_heads_shape(c->heads, GBT_HEADS_UNITS, &c->n_units);
        (void)gbt_heads_shape(c->heads, GBT_HEADS_INPUTS, &c->n_inputs);
    }
}

void heads_case_open(heads_case *c, int64_t n_rows, toy_label kind, uint64_t seed,
                     const char *assignments)
{
    toy data;
    toy_make(&data, n_rows, kind, seed);
    heads_case_train(c, data, assignments, false);
}

void heads_case_close(heads_case *c)
{
    gbt_heads_free(c->heads);
    gbt_dataset_free(c->train);
    gbt_params_free(c->params);
    toy_free(&c->data);
}

float *heads_case_raw(const heads_case *c, int32_t n_steps)
{
    const int64_t n = c->data.n_rows * c->n_outputs;
    float *raw = malloc((size_t)n * sizeof *raw);
    if (gbt_heads_predict(c->heads, &c->features, GBT_PREDICT_RAW, n_steps, 2, raw, n) != GBT_OK) {
        free(raw);
        return NULL;
    }
    return raw;
}

static double activation_of(const char *name, double x)
{
    return strcmp(name, "logistic") == 0 ? 1.0 / (1.0 + exp(-x))
           : strcmp(name, "tanh") == 0   ? tanh(x)
           : strcmp(name, "relu") == 0   ? (x > 0.0 ? x : 0.0)
                                         : x;
}

double *heads_case_defined(const heads_case *c)
{
    const int64_t n = c->data.n_rows, m = c->n_inputs, N = c->n_units, K = c->n_outputs;
    float *z = malloc((size_t)(n * m + 1) * sizeof *z);
    float *w = malloc((size_t)(N * m + N + K * N + K) * sizeof *w);
    float *b = w + N * m, *a = b + N, *bias = a + K * N;
    double *raw = malloc((size_t)(n * K) * sizeof *raw);
    char name[32] = "";
    (void)gbt_params_get(c->params, "activation", name, sizeof name);
    (void)gbt_heads_inputs(c->heads, &c->features, z, n * m);
    (void)gbt_heads_weights(c->heads, w, b, a, bias);
    for (int64_t i = 0; i < n * K; i++) {
        raw[i] = (double)bias[i % K];
    }
    for (int64_t i = 0; i < n * N; i++) {
        const int64_t row = i / N, unit = i % N;
        double sum = (double)b[unit];
        for (int64_t q = 0; q < m; q++) {
            sum += (double)w[unit * m + q] * (double)z[row * m + q];
        }
        for (int64_t k = 0; k < K; k++) {
            raw[row * K + k] += (double)a[k * N + unit] * activation_of(name, sum);
        }
    }
    free(z);
    free(w);
    return raw;
}

double heads_case_loss(const heads_case *c, const float *raw)
{
    const int64_t n = c->data.n_rows, K = c->n_outputs;
    float *scores = malloc((size_t)(n * K) * sizeof *scores);
    gbt_objective *objective = NULL;
    double loss = (double)NAN;
    for (int64_t i = 0; i < n * K; i++) {
        scores[i % K * n + i / K] = raw[i];
    }
    if (gbt_objective_of_model(gbt_heads_frame(c->heads), &objective) == GBT_OK) {
        (void)gbt_objective_value(objective, scores, c->data.label, NULL, n, &loss);
    }
    gbt_objective_free(objective);
    free(scores);
    return loss;
}
