/* The verbs that look into the trees of a saved model: dump, importance, verify. A multi-task model
 * is looked at as the ordinary models of its tasks. */
#include <stdio.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/any_model.h"

enum { N_IMPORTANCE = 3 };

static int refuse_heads(const gbt_model_job *j)
{
    return j->model.kind != GBT_FILE_HEADS
               ? GBT_EXIT_OK
               : gbt_usage_error("gbt %s: %s is %s, which has no trees; gbt heads writes its "
                                 "weights to export_weights=FILE",
                                 j->command.verb, j->path, gbt_any_words(&j->model));
}

/* The ordinary model of one task. An exit code: modes that have none are refused. */
static int open_task(const gbt_model_job *j, int32_t index, gbt_model **out, gbt_task_info *info)
{
    const gbt_status status = gbt_any_task(&j->model, index, out, info);
    return status == GBT_ERR_UNSUPPORTED
               ? gbt_usage_error("gbt %s: %s: %s", j->command.verb, j->path, gbt_last_error())
               : gbt_exit_of(status);
}

/* ---- dump ------------------------------------------------------------------------------------ */

static int dump_model(gbt_model_job *j, const gbt_model *model)
{
    char *dump = NULL;
    size_t size = 0;
    const int code = gbt_exit_of(gbt_model_dump(model, j->command.dump_format, &dump, &size));
    if (code == GBT_EXIT_OK) {
        gbt_write_bytes(&j->text, dump, size);
    }
    gbt_memory_free(dump);
    return code;
}

/* JSON: an array of {"task": name, "model": ...}. Else the dumps one after the other, each behind
 * a line that names its task. */
static int dump_tasks(gbt_model_job *j)
{
    const gbt_dump_format format = j->command.dump_format;
    const int32_t n = gbt_multitask_tasks(j->model.multitask);
    gbt_writer *text = &j->text;
    int code = GBT_EXIT_OK;
    gbt_print(text, "%s", format == GBT_DUMP_JSON ? "[" : "");
    for (int32_t i = 0; i < n && code == GBT_EXIT_OK; i++) {
        gbt_model *model = NULL;
        gbt_task_info info;
        code = open_task(j, i, &model, &info);
        if (code == GBT_EXIT_OK && format == GBT_DUMP_JSON) {
            gbt_print(text, "%s{\"task\": ", i > 0 ? ", " : "");
            gbt_print_json_text(text, info.name);
            gbt_print(text, ", \"model\": ");
        } else if (code == GBT_EXIT_OK) {
            gbt_print(text, "%stask %s\n", format == GBT_DUMP_DOT ? "// " : "", info.name);
        }
        code = code == GBT_EXIT_OK ? dump_model(j, model) : code;
        gbt_print(text, "%s", format == GBT_DUMP_JSON ? "}" : "");
        gbt_model_free(model);
    }
    gbt_print(text, "%s", format == GBT_DUMP_JSON ? "]\n" : "");
    return code;
}

int gbt_cmd_dump(int argc, char **argv)
{
    gbt_model_job j;
    int code = gbt_model_job_open(&j, "dump", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = refuse_heads(&j);
    if (code == GBT_EXIT_OK) {
        code = j.model.trees ? dump_model(&j, j.model.trees) : dump_tasks(&j);
    }
    return gbt_model_job_close(&j, code);
}

/* ---- verify ---------------------------------------------------------------------------------- */

/* Every task's model; a mode that has none was checked as the file was read. */
static gbt_status verify_tasks(const gbt_model_job *j)
{
    const int32_t n = gbt_multitask_tasks(j->model.multitask);
    for (int32_t i = 0; i < n; i++) {
        gbt_model *model = NULL;
        gbt_task_info info;
        gbt_status status = gbt_any_task(&j->model, i, &model, &info);
        if (status == GBT_ERR_UNSUPPORTED) {
            return GBT_OK;
        }
        status = status == GBT_OK ? gbt_model_verify(model) : status;
        gbt_model_free(model);
        if (status != GBT_OK) {
            return gbt_fail(status, "task %s: %s", info.name, gbt_last_error());
        }
    }
    return GBT_OK;
}

int gbt_cmd_verify(int argc, char **argv)
{
    gbt_model_job j;
    int code = gbt_model_job_open(&j, "verify", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const bool is_json = j.command.is_json;
    if (j.model.kind == GBT_FILE_TREES) {
        code = gbt_exit_of(gbt_model_verify(j.model.trees));
        gbt_print(&j.text,
                  is_json ? "{\"good\": true, \"trees\": %lld, \"leaves\": %lld}\n"
                          : "good: checksums, %lld trees, %lld leaves\n",
                  (long long)gbt_model_count(j.model.trees, GBT_SHAPE_TREES),
                  (long long)gbt_model_count(j.model.trees, GBT_SHAPE_LEAVES));
    } else if (j.model.kind == GBT_FILE_MULTITASK) {
        code = gbt_exit_of(verify_tasks(&j));
        gbt_print(&j.text,
                  is_json ? "{\"good\": true, \"tasks\": %d}\n" : "good: checksums, %d tasks\n",
                  (int)gbt_multitask_tasks(j.model.multitask));
    } else { /* reading has checked all there is */
        gbt_print(&j.text,
                  is_json ? "{\"good\": true, \"steps\": %d}\n" : "good: checksums, %d steps\n",
                  (int)gbt_any_rounds(&j.model));
    }
    return gbt_model_job_close(&j, code);
}

/* ---- importance ------------------------------------------------------------------------------ */

typedef struct ranked {
    int32_t feature;
    double value[N_IMPORTANCE]; /* by gbt_importance_kind */
} ranked;

static int by_gain(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const double p = x->value[GBT_IMPORTANCE_GAIN], q = y->value[GBT_IMPORTANCE_GAIN];
    return p != q ? (p < q) - (p > q) : (x->feature > y->feature) - (x->feature < y->feature);
}

static void write_importance(gbt_model_job *j, const ranked *rows, int64_t n)
{
    gbt_writer *text = &j->text;
    const bool is_json = j->command.is_json;
    gbt_print(text, "%s", is_json ? "[" : "feature,gain,split,cover\n");
    for (int64_t i = 0; i < n; i++) {
        const char *name = gbt_model_feature_name(j->model.frame, rows[i].feature);
        const double *value = rows[i].value;
        if (is_json) {
            gbt_print(text, "%s{\"feature\": ", i > 0 ? ", " : "");
            gbt_print_json_text(text, name);
            gbt_print(text, ", \"gain\": %.9g, \"split\": %.9g, \"cover\": %.9g}", value[0],
                      value[1], value[2]);
        } else {
            gbt_print_csv_text(text, name);
            gbt_print(text, ",%.9g,%.9g,%.9g\n", value[0], value[1], value[2]);
        }
    }
    gbt_print(text, "%s", is_json ? "]\n" : "");
}

/* Adds `weight` times the importances of the model to rows [n], by feature. */
static gbt_status add_importance(const gbt_model *model, double weight, int64_t n, ranked *rows)
{
    double *value = NULL; /* [n] */
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(value, n));
    for (int kind = 0; kind < N_IMPORTANCE; kind++) {
        GBT_TRY_OR_DONE(gbt_model_importance(model, (gbt_importance_kind)kind, value, n));
        for (int64_t f = 0; f < n; f++) {
            rows[f].value[kind] += weight * value[f];
        }
    }
done:
    gbt_release(value);
    return status;
}

/* The mean over the tasks, each by its share of the training rows. */
static int add_tasks(const gbt_model_job *j, int64_t n, ranked *rows)
{
    const int32_t n_tasks = gbt_multitask_tasks(j->model.multitask);
    gbt_task_info info;
    double all = 0.0;
    int code = GBT_EXIT_OK;
    for (int32_t i = 0; i < n_tasks && code == GBT_EXIT_OK; i++) {
        code = gbt_exit_of(gbt_multitask_task(j->model.multitask, i, &info));
        all += code == GBT_EXIT_OK ? (double)info.train_rows : 0.0;
    }
    for (int32_t i = 0; i < n_tasks && code == GBT_EXIT_OK; i++) {
        gbt_model *model = NULL;
        code = open_task(j, i, &model, &info);
        if (code == GBT_EXIT_OK) {
            code = gbt_exit_of(add_importance(model, (double)info.train_rows / all, n, rows));
        }
        gbt_model_free(model);
    }
    return code;
}

int gbt_cmd_importance(int argc, char **argv)
{
    gbt_model_job j;
    ranked *rows = NULL; /* [n] */
    int code = gbt_model_job_open(&j, "importance", argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    const int64_t n = gbt_model_count(j.model.frame, GBT_SHAPE_FEATURES);
    code = refuse_heads(&j);
    code = code == GBT_EXIT_OK ? gbt_exit_of(GBT_NEW_ZERO(rows, n)) : code;
    for (int64_t f = 0; f < n && code == GBT_EXIT_OK; f++) {
        rows[f].feature = (int32_t)f;
    }
    if (code == GBT_EXIT_OK) {
        code = j.model.trees ? gbt_exit_of(add_importance(j.model.trees, 1.0, n, rows))
                             : add_tasks(&j, n, rows);
    }
    if (code == GBT_EXIT_OK) {
        qsort(rows, (size_t)n, sizeof *rows, by_gain);
        write_importance(&j, rows, n);
    }
    gbt_release(rows);
    return gbt_model_job_close(&j, code);
}
