/* Small training problems. */
#define _POSIX_C_SOURCE 200809L
#include "tests/support/toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "toy: %s\n", gbt_last_error());
        exit(1);
    }
    return memory;
}

static void make_row(float *x, uint64_t key, int64_t row)
{
    for (int f = 0; f < TOY_FEATURES; f++) {
        const double u = gbt_rng_unit(key, (uint64_t)row * TOY_FEATURES + (uint64_t)f);
        x[f] = f == 2   ? (float)(int)(u * 6.0)
               : f == 6 ? (float)(int)(u * u * 40.0)
               : f == 7 ? 3.5f
                        : (float)(u * 2.0 - 1.0);
    }
    if (gbt_rng_unit(key ^ 1, (uint64_t)row) < 0.1) {
        x[1] = NAN;
    }
}

static double signal_of(const float *x)
{
    const double missing = isnan(x[1]) ? 0.7 : (double)x[1];
    return 2.0 * (double)x[0] + missing * (double)x[3] + ((int)x[6] % 3 == 0 ? 1.0 : -0.5) +
           0.3 * (double)x[2] + ((double)x[4] > 0.2 ? (double)x[5] : 0.0);
}

static float label_of(toy_label kind, double signal, double noise)
{
    switch (kind) {
    case TOY_POSITIVE:
        return (float)(0.25 + fabs(signal + noise));
    case TOY_BINARY:
        return signal + 2.0 * noise > 0.5 ? 1.0f : 0.0f;
    case TOY_CLASSES:
        return (float)(signal + noise < -0.5 ? 0 : signal + noise < 1.0 ? 1 : 2);
    case TOY_SHARE:
        return (float)(0.5 + 0.5 * (signal + noise) / (1.0 + fabs(signal + noise)));
    case TOY_DYADIC:
        return (float)(floor((signal + noise) * 4.0) / 4.0);
    case TOY_QUANTITY:
    default:
        return (float)(signal + noise);
    }
}

void toy_make(toy *t, int64_t n_rows, toy_label kind, uint64_t seed)
{
    const uint64_t key = gbt_rng_key(seed, 0, 0, GBT_RNG_SYNTH);
    t->n_rows = n_rows;
    t->x = must(malloc((size_t)n_rows * TOY_FEATURES * sizeof *t->x));
    t->label = must(malloc((size_t)n_rows * sizeof *t->label));
    t->weight = must(malloc((size_t)n_rows * sizeof *t->weight));
    for (int64_t i = 0; i < n_rows; i++) {
        float *x = t->x + i * TOY_FEATURES;
        make_row(x, key, i);
        t->label[i] = label_of(kind, signal_of(x), gbt_rng_unit(key ^ 2, (uint64_t)i) - 0.5);
        t->weight[i] = (float)(1 << (gbt_rng_u64(key ^ 3, (uint64_t)i) % 3)) * 0.5f;
    }
}

void toy_free(toy *t)
{
    free(t->x);
    free(t->label);
    free(t->weight);
    memset(t, 0, sizeof *t);
}

gbt_matrix toy_matrix(const toy *t)
{
    const gbt_matrix matrix = {.data = t->x,
                               .dtype = GBT_F32,
                               .n_rows = t->n_rows,
                               .n_cols = TOY_FEATURES,
                               .row_stride = TOY_FEATURES,
                               .col_stride = 1};
    return matrix;
}

gbt_params *toy_params(const char *assignments)
{
    gbt_params *params = NULL;
    char text[2048];
    if (gbt_params_create(&params) != GBT_OK || strlen(assignments) >= sizeof text) {
        must(NULL);
    }
    memcpy(text, assignments, strlen(assignments) + 1);
    char *rest = NULL;
    for (char *item = strtok_r(text, " ", &rest); item; item = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        if (gbt_params_set(params, item, equals + 1) != GBT_OK) {
            must(NULL);
        }
    }
    return params;
}

gbt_dataset *toy_dataset(const toy *t, const gbt_params *params, const gbt_dataset *same_cuts,
                         bool weighted)
{
    gbt_params *own = NULL;
    gbt_dataset *data = NULL;
    const gbt_matrix matrix = toy_matrix(t);
    if ((params ? gbt_params_copy(params, &own) : gbt_params_create(&own)) != GBT_OK ||
        gbt_params_set(own, "categorical", "6") != GBT_OK ||
        gbt_dataset_from_matrix(own, &matrix, NULL, same_cuts, &data) != GBT_OK ||
        gbt_dataset_set(data, GBT_LABEL, t->label, GBT_F32, t->n_rows) != GBT_OK ||
        (weighted && gbt_dataset_set(data, GBT_WEIGHT, t->weight, GBT_F32, t->n_rows) != GBT_OK)) {
        must(NULL);
    }
    gbt_params_free(own);
    return data;
}

gbt_model *toy_train(const gbt_params *params, const gbt_dataset *data)
{
    gbt_model *model = NULL;
    return gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model) == GBT_OK ? model : NULL;
}

void *toy_bytes(const gbt_model *model, size_t *size)
{
    void *bytes = NULL;
    return gbt_model_to_bytes(model, &bytes, size) == GBT_OK ? bytes : must(NULL);
}
