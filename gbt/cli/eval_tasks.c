/* Prints the metrics of each task; task_metrics.c measures them. */
#include "gbt/cli/eval_tasks.h"

#include <math.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/task_metrics.h"

static void write_value(gbt_model_job *job, const gbt_task_info *info, int64_t n,
                        const char *metric, double value)
{
    gbt_print_csv_text(&job->text, info->name);
    gbt_print(&job->text, ",%lld,%s,", (long long)n, metric);
    if (isfinite(value)) {
        gbt_print(&job->text, "%.8g", value);
    }
    gbt_print(&job->text, ",,\n");
}

/* value [n_metrics] of the rows of one part. */
static gbt_status write_part(gbt_model_job *job, const gbt_task_metrics *metrics, int32_t part,
                             const char *const *metric, int n_metrics, const double *value)
{
    gbt_writer *text = &job->text;
    const int64_t n = gbt_task_metrics_rows(metrics, part);
    gbt_task_info info;
    GBT_TRY(gbt_task_metrics_task(metrics, part, &info));
    if (!job->command.is_json) {
        for (int m = 0; m < n_metrics; m++) {
            write_value(job, &info, n, metric[m], value[m]);
        }
        return GBT_OK;
    }
    gbt_print(text, "%s{\"task\": ", part > 1 ? ", " : "");
    gbt_print_json_text(text, info.name);
    gbt_print(text, ", \"rows\": %lld, \"metrics\": {", (long long)n);
    for (int m = 0; m < n_metrics; m++) {
        gbt_print(text, "%s\"%s\": ", m > 0 ? ", " : "", metric[m]);
        gbt_print_number(text, value[m]);
    }
    gbt_print(text, "}}");
    return GBT_OK;
}

gbt_status gbt_eval_tasks(gbt_model_job *job, const gbt_table *table, const float *score,
                          const gbt_metric_result *metric, int n_metrics)
{
    gbt_status status = GBT_OK;
    const bool is_json = job->command.is_json;
    const char *name[GBT_MOST_METRICS];
    gbt_task_metrics metrics = {0};
    double *value = NULL; /* [parts x n_metrics] */
    for (int m = 0; m < n_metrics; m++) {
        name[m] = metric[m].name;
    }
    GBT_TRY_OR_DONE(gbt_task_metrics_open(&metrics, job->model.multitask, table));
    GBT_TRY_OR_DONE(GBT_NEW(value, (int64_t)metrics.n_parts * n_metrics));
    GBT_TRY_OR_DONE(gbt_task_metrics_measure(&metrics, name, n_metrics, score,
                                             gbt_command_int(&job->command, "threads"), value));
    gbt_print(&job->text, "%s", is_json ? ", \"tasks\": [" : "");
    for (int32_t part = 1; part < metrics.n_parts; part++) {
        GBT_TRY_OR_DONE(
            write_part(job, &metrics, part, name, n_metrics, value + (int64_t)part * n_metrics));
    }
    gbt_print(&job->text, "%s", is_json ? "]" : "");
done:
    gbt_task_metrics_close(&metrics);
    gbt_release(value);
    return status;
}
