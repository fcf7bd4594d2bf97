/* gbt eval: metrics of a saved model of any kind on labelled data, with bootstrap intervals; those
 * of every task of a multi-task model (eval_tasks.c); or those at several numbers of rounds, with
 * the time that a prediction takes. */
#include <stdio.h>

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/cli/any_model.h"
#include "gbt/cli/eval_tasks.h"

enum { RESAMPLES = 200 };

/* What the metrics are computed from. */
typedef struct evaluation {
    gbt_model_job *job;
    gbt_table *table;
    char *metric_list;         /* owned */
    int64_t n_rows, n_outputs; /* */
    float *score;              /* [n_rows x n_outputs] raw */
    gbt_metric_result metric[GBT_MOST_METRICS];
    int n_metrics;
} evaluation;

/* A column of weights that was asked for must be there. */
static gbt_status check_weight(const gbt_params *params, const gbt_table *table, const char *path)
{
    gbt_column_info info;
    char *name = gbt_command_copy(params, "weight");
    gbt_status status = name ? GBT_OK : GBT_ERR_MEMORY;
    bool is_there = name && !name[0];
    for (int32_t c = 0; status == GBT_OK && !is_there && c < gbt_table_columns(table); c++) {
        status = gbt_table_describe(table, c, &info);
        is_there = status == GBT_OK && info.role == GBT_ROLE_WEIGHT;
    }
    if (status == GBT_OK && !is_there) {
        status = gbt_fail(GBT_ERR_PARAM, "weight: no column \"%s\" in %s", name, path);
    }
    gbt_release(name);
    return status;
}

static gbt_status read_data(evaluation *e, const char *path)
{
    const gbt_command *command = &e->job->command;
    const gbt_model *frame = e->job->model.frame;
    e->metric_list = gbt_command_copy(command->params, "metric");
    GBT_TRY(e->metric_list ? GBT_OK : GBT_ERR_MEMORY);
    GBT_TRY(gbt_table_read(command->params, path, frame, &e->table));
    GBT_TRY(check_weight(command->params, e->table, path));
    e->n_rows = gbt_table_rows(e->table);
    e->n_outputs = gbt_model_count(frame, GBT_SHAPE_OUTPUTS);
    return GBT_NEW(e->score, e->n_rows * e->n_outputs);
}

/* Raw scores of the first `n_rounds` rounds (0: all), and how long they took. */
static gbt_status predict(evaluation *e, int32_t n_rounds, double *seconds)
{
    const gbt_any_request request = {.kind = GBT_PREDICT_RAW,
                                     .n_rounds = n_rounds,
                                     .threads = gbt_command_int(&e->job->command, "threads")};
    int64_t n_unseen = 0;
    const double start = gbt_clock();
    GBT_TRY(gbt_any_predict(&e->job->model, e->table, &request, e->score, e->n_rows * e->n_outputs,
                            &n_unseen));
    *seconds = gbt_clock() - start;
    gbt_any_report_unseen(&e->job->command, n_unseen);
    return GBT_OK;
}

static gbt_status measure(evaluation *e, int resamples)
{
    return gbt_model_evaluate_scores(e->job->model.frame, e->table, e->score, e->metric_list,
                                     resamples, gbt_command_int(&e->job->command, "threads"),
                                     e->metric, GBT_MOST_METRICS, &e->n_metrics);
}

/* ---- All rows -------------------------------------------------------------------------------- */

static gbt_status evaluate_whole(evaluation *e)
{
    gbt_writer *text = &e->job->text;
    const bool is_json = e->job->command.is_json;
    const bool has_tasks = e->job->model.kind == GBT_FILE_MULTITASK;
    double seconds = 0.0;
    GBT_TRY(predict(e, 0, &seconds));
    GBT_TRY(measure(e, RESAMPLES));
    if (is_json) {
        gbt_print(text, "{\"rows\": %lld, \"metrics\": ", (long long)e->n_rows);
        gbt_print_metrics_json(text, e->metric, e->n_metrics);
    } else if (has_tasks) {
        char prefix[64];
        gbt_print(text, "task,rows,metric,value,low,high\n");
        snprintf(prefix, sizeof prefix, "all,%lld,", (long long)e->n_rows);
        gbt_print_metrics(text, prefix, e->metric, e->n_metrics);
    } else {
        gbt_print(text, "metric,value,low,high\n");
        gbt_print_metrics(text, "", e->metric, e->n_metrics);
    }
    if (has_tasks) {
        GBT_TRY(gbt_eval_tasks(e->job, e->table, e->score, e->metric, e->n_metrics));
    }
    gbt_print(text, "%s", is_json ? "}\n" : "");
    return GBT_OK;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static void write_stage(const evaluation *e, int stage, int32_t n_rounds, double row_seconds)
{
    gbt_writer *text = &e->job->text;
    const bool is_json = e->job->command.is_json;
    if (is_json) {
        gbt_print(text, "%s{\"rounds\": %d, \"seconds_per_row\": %.4g, \"metrics\": {",
                  stage > 1 ? ", " : "", (int)n_rounds, row_seconds);
    }
    for (int m = 0; m < e->n_metrics; m++) {
        if (is_json) {
            gbt_print(text, "%s\"%s\": ", m > 0 ? ", " : "", e->metric[m].name);
            gbt_print_number(text, e->metric[m].value);
        } else {
            gbt_print(text, "%d,%s,%.8g,%.4g\n", (int)n_rounds, e->metric[m].name,
                      e->metric[m].value, row_seconds);
        }
    }
    gbt_print(text, "%s", is_json ? "}}" : "");
}

/* Stage s of n ends after the first floor(s * rounds / n) rounds; never more stages than rounds. */
static gbt_status evaluate_stages(evaluation *e, int n_stages)
{
    gbt_writer *text = &e->job->text;
    const bool is_json = e->job->command.is_json;
    const int64_t rounds = gbt_any_rounds(&e->job->model);
    const int64_t n = n_stages < rounds ? n_stages : rounds;
    if (is_json) {
        gbt_print(text, "{\"rows\": %lld, \"stages\": [", (long long)e->n_rows);
    } else {
        gbt_print(text, "rounds,metric,value,seconds_per_row\n");
    }
    double seconds = 0.0;
    if (n > 0) {
        GBT_TRY(predict(e, (int32_t)(rounds / n), &seconds)); /* warms the caches up */
    }
    for (int64_t s = 1; s <= n; s++) {
        const int32_t n_rounds = (int32_t)(s * rounds / n);
        GBT_TRY(predict(e, n_rounds, &seconds));
        GBT_TRY(measure(e, 0));
        write_stage(e, (int)s, n_rounds, e->n_rows > 0 ? seconds / (double)e->n_rows : 0.0);
    }
    gbt_print(text, "%s", is_json ? "]}\n" : "");
    return GBT_OK;
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int check_options(const gbt_model_job *job, int n_stages)
{
    if (n_stages > 0 && job->model.kind == GBT_FILE_MULTITASK) {
        return gbt_usage_error("stages has no effect: %s is always used as a whole",
                               gbt_any_words(&job->model));
    }
    return gbt_check_task_key(&job->command, &job->model);
}

int gbt_cmd_eval(int argc, char **argv)
{
    gbt_model_job job;
    evaluation e = {.job = &job};
    char data[GBT_PATH_CHARS];
    int code = gbt_model_job_open(&job, "eval", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int n_stages = gbt_command_int(&job.command, "stages");
    code = gbt_command_input(&job.command, "data", false, data);
    code = code == GBT_EXIT_OK ? check_options(&job, n_stages) : code;
    code = code == GBT_EXIT_OK ? gbt_any_to_device(&job.command, &job.model) : code;
    code = code == GBT_EXIT_OK ? gbt_exit_of(read_data(&e, data)) : code;
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(n_stages > 0 ? evaluate_stages(&e, n_stages) : evaluate_whole(&e));
    }
    gbt_table_free(e.table);
    gbt_release(e.metric_list);
    gbt_release(e.score);
    return gbt_model_job_close(&job, code);
}
