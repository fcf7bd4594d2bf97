/* One training through the C API, with the time of every phase:
 *
 *     bench_train train=FILE test=FILE [rows=N] [key=value ...]
 *
 * Prints one JSON object: seconds to load, bin, train and predict the test file (features in
 * memory, all threads), nanoseconds of single-row predictions (median and 99th percentile of `rows`
 * rows), metrics of the test file, peak memory of the process. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gbt/gbt.h"

static const char *train_path, *test_path;
static int64_t single_rows = 2000;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In MB, of this program: ru_maxrss would count the one that started it. 0: not known. */
static double peak_memory(void)
{
    char line[256];
    double kilobytes = 0.0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kilobytes = atof(line + 6);
        }
    }
    if (file) {
        fclose(file);
    }
    return kilobytes / 1024.0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static gbt_status read_arguments(int argc, char **argv, gbt_params *params)
{
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) {
            fprintf(stderr, "bench_train: '%s' is not key=value\n", argv[i]);
            return GBT_ERR_ARGUMENT;
        }
        *value++ = '\0';
        if (strcmp(argv[i], "train") == 0) {
            train_path = value;
        } else if (strcmp(argv[i], "test") == 0) {
            test_path = value;
        } else if (strcmp(argv[i], "rows") == 0) {
            single_rows = atoll(value);
        } else {
            const gbt_status status = gbt_params_set(params, argv[i], value);
            if (status != GBT_OK) {
                return status;
            }
        }
    }
    return train_path && test_path ? GBT_OK : GBT_ERR_ARGUMENT;
}

/* Times one call for each of the first rows. */
static gbt_status time_single_rows(const gbt_model *model, const float *features, int64_t n_rows,
                                   int64_t n_cols, int32_t n_outputs)
{
    const int64_t n = n_rows < single_rows ? n_rows : single_rows;
    double *seconds = malloc((size_t)(n > 0 ? n : 1) * sizeof *seconds);
    float *out = malloc((size_t)n_outputs * sizeof *out);
    gbt_status status = seconds && out ? GBT_OK : GBT_ERR_MEMORY;
    for (int64_t i = 0; i < n && status == GBT_OK; i++) {
        const gbt_matrix row = {features + i * n_cols, GBT_F32, 1, n_cols, n_cols, 1};
        const double start = now();
        status = gbt_model_predict(model, &row, GBT_PREDICT_RAW, 0, 0, 1, out, n_outputs);
        seconds[i] = now() - start;
    }
    if (n > 0 && status == GBT_OK) {
        qsort(seconds, (size_t)n, sizeof *seconds, by_value);
        printf(", \"single_p50_ns\": %.0f, \"single_p99_ns\": %.0f", 1e9 * seconds[n / 2],
               1e9 * seconds[n * 99 / 100]);
    }
    free(seconds);
    free(out);
    return status;
}

/* Batch and single-row prediction of the test table, and its metrics. */
static gbt_status time_predictions(const gbt_params *params, const gbt_model *model)
{
    gbt_table *table = NULL;
    gbt_metric_result metric[16];
    int64_t n_features = 0, n_outputs = 1;
    int n_metrics = 0;
    float *features = NULL, *out = NULL;
    gbt_status status = gbt_table_read(params, test_path, model, &table);
    if (status == GBT_OK) {
        status = gbt_model_shape(model, GBT_SHAPE_FEATURES, &n_features);
    }
    if (status == GBT_OK) {
        status = gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs);
    }
    const int64_t n_rows = status == GBT_OK ? gbt_table_rows(table) : 0;
    const bool is_sparse = status == GBT_OK && gbt_table_is_sparse(table);
    if (status == GBT_OK && !is_sparse) {
        features = malloc((size_t)(n_rows * n_features) * sizeof *features);
        status = features ? gbt_model_features(model, table, features, n_rows * n_features)
                          : GBT_ERR_MEMORY;
    }
    if (status == GBT_OK) {
        out = malloc((size_t)(n_rows * n_outputs) * sizeof *out);
        status = out ? GBT_OK : GBT_ERR_MEMORY;
    }
    if (status == GBT_OK) {
        const gbt_matrix matrix = {features, GBT_F32, n_rows, n_features, n_features, 1};
        const double start = now();
        status = is_sparse ? gbt_model_predict_table(model, table, GBT_PREDICT_RESPONSE, 0, 0, 0,
                                                     out, n_rows * n_outputs)
                           : gbt_model_predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 0, out,
                                               n_rows * n_outputs);
        printf(", \"predict\": %.6f", now() - start);
    }
    if (status == GBT_OK && !is_sparse) {
        status = time_single_rows(model, features, n_rows, n_features, (int32_t)n_outputs);
    }
    if (status == GBT_OK) {
        status = gbt_model_evaluate(model, table, NULL, 0, 0, metric, 16, &n_metrics);
    }
    for (int m = 0; m < n_metrics && status == GBT_OK; m++) {
        printf(", \"%s\": %.8g", metric[m].name, metric[m].value);
    }
    free(features);
    free(out);
    gbt_table_free(table);
    return status;
}

static gbt_status run(gbt_params *params)
{
    gbt_table *table = NULL;
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    const double start = now();
    gbt_status status = gbt_table_read(params, train_path, NULL, &table);
    const double loaded = now();
    if (status == GBT_OK) {
        status = gbt_dataset_from_table(params, table, NULL, &data);
    }
    gbt_table_free(table);
    const double binned = now();
    if (status == GBT_OK) {
        status = gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model);
    }
    const double trained = now();
    gbt_dataset_free(data);
    if (status == GBT_OK) {
        printf("{\"load\": %.6f, \"bin\": %.6f, \"train\": %.6f, \"peak_mb\": %.1f", loaded - start,
               binned - loaded, trained - binned, peak_memory());
        status = time_predictions(params, model);
        printf("}\n");
    }
    gbt_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    gbt_params *params = NULL;
    gbt_status status = gbt_params_create(&params);
    if (status == GBT_OK) {
        status = read_arguments(argc, argv, params);
    }
    if (status == GBT_OK) {
        status = run(params);
    }
    if (status != GBT_OK) {
        fprintf(stderr, "bench_train: %s: %s\n", gbt_status_name(status), gbt_last_error());
    }
    gbt_params_free(params);
    return status == GBT_OK ? 0 : 1;
}
