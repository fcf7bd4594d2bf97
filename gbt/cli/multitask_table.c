/* Measures modes and prints the tables. Cost: a prediction of all rows for a mode, and a pass over
 * them for a metric. */
#include "gbt/cli/multitask_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"

/* ---- Measuring ------------------------------------------------------------------------------- */

static gbt_status list_metrics(gbt_comparison *comparison, const gbt_model *frame)
{
    int n = 0;
    while (gbt_model_metric_name(frame, n)) {
        n++;
    }
    GBT_TRY(GBT_NEW(comparison->metric, n));
    for (int m = 0; m < n; m++) {
        comparison->metric[m] = gbt_model_metric_name(frame, m);
    }
    comparison->n_metrics = n;
    return GBT_OK;
}

gbt_status gbt_comparison_open(gbt_comparison *comparison, const gbt_multitask *chosen,
                               const gbt_table *test)
{
    memset(comparison, 0, sizeof *comparison);
    comparison->test = test;
    gbt_status status = gbt_task_metrics_open(&comparison->rows, chosen, test);
    status = status == GBT_OK ? list_metrics(comparison, gbt_multitask_frame(chosen)) : status;
    if (status != GBT_OK) {
        gbt_comparison_close(comparison);
    }
    return status;
}

void gbt_comparison_close(gbt_comparison *comparison)
{
    gbt_task_metrics_close(&comparison->rows);
    gbt_release(comparison->metric);
    for (int mode = 0; mode < comparison->n_modes; mode++) {
        gbt_release(comparison->value[mode]);
    }
    memset(comparison, 0, sizeof *comparison);
}

gbt_status gbt_comparison_add(gbt_comparison *comparison, const char *mode,
                              const gbt_multitask *model, int threads)
{
    gbt_status status = GBT_OK;
    gbt_task_metrics *rows = &comparison->rows;
    const int64_t n = rows->n_rows * rows->n_outputs;
    float *score = NULL; /* [n_rows x n_outputs] */
    double *value = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(score, n));
    GBT_TRY_OR_DONE(GBT_NEW(value, (int64_t)rows->n_parts * comparison->n_metrics));
    GBT_TRY_OR_DONE(gbt_multitask_predict_table(model, comparison->test, GBT_PREDICT_RAW, threads,
                                                score, n, NULL));
    GBT_TRY_OR_DONE(gbt_task_metrics_measure(rows, comparison->metric, comparison->n_metrics, score,
                                             threads, value));
    comparison->mode[comparison->n_modes] = mode;
    comparison->value[comparison->n_modes++] = value;
    value = NULL;
done:
    gbt_release(score);
    gbt_release(value);
    return status;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* A task, and the part of the test rows that belongs to it; 0: no rows. */
typedef struct task_line {
    gbt_task_info info;
    int32_t part;
} task_line;

/* The largest weight first; without weights by number. Unseen tasks come last. */
static int compare_lines(const void *a, const void *b)
{
    const task_line *x = a, *y = b;
    const double u = isnan(x->info.outlier) ? -1.0 : x->info.outlier;
    const double v = isnan(y->info.outlier) ? -1.0 : y->info.outlier;
    const uint32_t m = (uint32_t)x->info.number, n = (uint32_t)y->info.number;
    return u != v ? (u < v) - (u > v) : (m > n) - (m < n);
}

/* The tasks of training, and one line for the rows of others if there are any. */
static gbt_status list_lines(const gbt_comparison *comparison, const gbt_multitask *model,
                             task_line **out, int32_t *n)
{
    const gbt_task_metrics *rows = &comparison->rows;
    const int32_t n_tasks = gbt_multitask_tasks(model);
    *n = n_tasks;
    GBT_TRY(GBT_NEW_ZERO(*out, (int64_t)n_tasks + 1));
    for (int32_t i = 0; i < n_tasks; i++) {
        GBT_TRY(gbt_multitask_task(model, i, &(*out)[i].info));
    }
    for (int32_t part = 1; part < rows->n_parts; part++) {
        const int32_t line = rows->task[part] >= 0 ? rows->task[part] : (*n)++;
        (*out)[line].part = part;
        GBT_TRY(gbt_task_metrics_task(rows, part, &(*out)[line].info));
    }
    qsort(*out, (size_t)*n, sizeof **out, compare_lines);
    return GBT_OK;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

/* Empty when there is no such number. */
static void print_cell(gbt_writer *text, double value)
{
    gbt_write_u8(text, ',');
    if (!isnan(value)) {
        gbt_print(text, "%.8g", value);
    }
}

static void print_modes(gbt_writer *text, const gbt_comparison *comparison)
{
    for (int mode = 0; mode < comparison->n_modes; mode++) {
        gbt_print(text, ",%s", comparison->mode[mode]);
    }
    gbt_print(text, "\n");
}

static void print_metric(gbt_writer *text, const gbt_comparison *comparison, int32_t part, int m)
{
    gbt_print_csv_text(text, comparison->metric[m]);
    for (int mode = 0; mode < comparison->n_modes; mode++) {
        print_cell(text, comparison->value[mode][part * comparison->n_metrics + m]);
    }
    gbt_print(text, "\n");
}

static void print_metrics(gbt_writer *text, const gbt_comparison *comparison, const task_line *line,
                          int32_t n_lines)
{
    gbt_print(text, "# metrics\nmetric");
    print_modes(text, comparison);
    for (int m = 0; m < comparison->n_metrics; m++) {
        print_metric(text, comparison, 0, m);
    }
    gbt_print(text, "\n# task metrics\ntask,rows,metric");
    print_modes(text, comparison);
    for (int32_t i = 0; i < n_lines; i++) {
        for (int m = 0; m < comparison->n_metrics && line[i].part > 0; m++) {
            gbt_print_csv_text(text, line[i].info.name);
            gbt_print(text, ",%lld,",
                      (long long)gbt_task_metrics_rows(&comparison->rows, line[i].part));
            print_metric(text, comparison, line[i].part, m);
        }
    }
    gbt_print(text, "\n# tasks\n");
}

gbt_status gbt_comparison_print(gbt_writer *text, const gbt_comparison *comparison,
                                const gbt_multitask *chosen)
{
    task_line *line = NULL;
    int32_t n = 0;
    const gbt_status status = list_lines(comparison, chosen, &line, &n);
    if (status == GBT_OK && comparison->n_modes > 0) {
        print_metrics(text, comparison, line, n);
    }
    gbt_print(text, "task,train_rows,outlier_weight,cluster\n");
    for (int32_t i = 0; i < n && status == GBT_OK; i++) {
        const gbt_task_info *info = &line[i].info;
        if (info->train_rows > 0) {
            gbt_print_csv_text(text, info->name);
            gbt_print(text, ",%lld", (long long)info->train_rows);
            print_cell(text, info->outlier);
            gbt_print(text, ",%d\n", (int)info->cluster);
        }
    }
    gbt_release(line);
    return status != GBT_OK ? status : text->status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* {"robust": {"rmse": 0.5}, "pooled": {"rmse": 0.6}} */
static void print_values_json(gbt_writer *text, const gbt_comparison *comparison, int32_t part)
{
    gbt_print(text, "{");
    for (int mode = 0; mode < comparison->n_modes; mode++) {
        gbt_print(text, "%s\"%s\": {", mode > 0 ? ", " : "", comparison->mode[mode]);
        for (int m = 0; m < comparison->n_metrics; m++) {
            gbt_print(text, "%s", m > 0 ? ", " : "");
            gbt_print_json_text(text, comparison->metric[m]);
            gbt_print(text, ": ");
            gbt_print_number(text, comparison->value[mode][part * comparison->n_metrics + m]);
        }
        gbt_print(text, "}");
    }
    gbt_print(text, "}");
}

static void print_task_json(gbt_writer *text, const gbt_comparison *comparison,
                            const task_line *line)
{
    const gbt_task_info *info = &line->info;
    gbt_print(text, "{\"task\": ");
    gbt_print_json_text(text, info->name);
    gbt_print(text, ", \"train_rows\": %lld", (long long)info->train_rows);
    if (info->train_rows > 0) {
        gbt_print(text, ", \"outlier_weight\": ");
        gbt_print_number(text, info->outlier);
        gbt_print(text, ", \"cluster\": %d", (int)info->cluster);
    }
    if (line->part > 0) {
        gbt_print(text, ", \"rows\": %lld, \"metrics\": ",
                  (long long)gbt_task_metrics_rows(&comparison->rows, line->part));
        print_values_json(text, comparison, line->part);
    }
    gbt_print(text, "}");
}

gbt_status gbt_comparison_print_json(gbt_writer *text, const gbt_comparison *comparison,
                                     const gbt_multitask *chosen)
{
    task_line *line = NULL;
    int32_t n = 0;
    const gbt_status status = list_lines(comparison, chosen, &line, &n);
    if (comparison->n_modes > 0) {
        gbt_print(text, "\"metrics\": ");
        print_values_json(text, comparison, 0);
        gbt_print(text, ", ");
    }
    gbt_print(text, "\"tasks\": [");
    for (int32_t i = 0; i < n && status == GBT_OK; i++) {
        gbt_print(text, "%s", i > 0 ? ", " : "");
        print_task_json(text, comparison, &line[i]);
    }
    gbt_print(text, "]");
    gbt_release(line);
    return status != GBT_OK ? status : text->status;
}
