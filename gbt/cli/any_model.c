/* Dispatches by the kind of a model. Knows the three kinds and nothing of what they compute. */
#include "gbt/cli/any_model.h"

#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/sections.h"

/* ---- Opening --------------------------------------------------------------------------------- */

/* A message about bytes in memory is one about the file that they came from. */
static gbt_status name_file(gbt_status status, const char *path)
{
    static const char memory[] = "memory:";
    const size_t size = sizeof memory - 1;
    const char *message = gbt_last_error();
    return status != GBT_OK && strncmp(message, memory, size) == 0
               ? gbt_fail(status, "%s:%s", path, message + size)
               : status;
}

gbt_status gbt_any_open(const char *path, gbt_any_model *out)
{
    unsigned char *data = NULL;
    size_t size = 0;
    memset(out, 0, sizeof *out);
    GBT_TRY(gbt_file_read(path, &data, &size));
    gbt_status status = gbt_sections_kind(data, size, path, &out->kind);
    if (status == GBT_OK && out->kind == GBT_FILE_TREES) {
        status = gbt_model_from_bytes(data, size, &out->trees);
        out->frame = out->trees;
    } else if (status == GBT_OK && out->kind == GBT_FILE_MULTITASK) {
        status = gbt_multitask_from_bytes(data, size, &out->multitask);
        out->frame = status == GBT_OK ? gbt_multitask_frame(out->multitask) : NULL;
    } else if (status == GBT_OK) {
        status = gbt_heads_from_bytes(data, size, &out->heads);
        out->frame = status == GBT_OK ? gbt_heads_frame(out->heads) : NULL;
    }
    gbt_release(data);
    return name_file(status, path);
}

void gbt_any_close(gbt_any_model *model)
{
    gbt_model_free(model->trees);
    gbt_multitask_free(model->multitask);
    gbt_heads_free(model->heads);
    memset(model, 0, sizeof *model);
}

/* ---- Questions ------------------------------------------------------------------------------- */

const char *gbt_any_words(const gbt_any_model *model)
{
    return model->kind == GBT_FILE_TREES       ? "a tree model"
           : model->kind == GBT_FILE_MULTITASK ? "a multi-task model"
                                               : "a model of neural heads";
}

int32_t gbt_any_rounds(const gbt_any_model *model)
{
    int64_t n = 0;
    if (model->kind == GBT_FILE_TREES) {
        n = gbt_model_count(model->trees, GBT_SHAPE_ROUNDS);
    } else if (model->kind == GBT_FILE_HEADS) {
        (void)gbt_heads_shape(model->heads, GBT_HEADS_STEPS, &n);
    }
    return (int32_t)n;
}

gbt_status gbt_any_predict(const gbt_any_model *model, const gbt_table *table,
                           const gbt_any_request *request, float *out, int64_t n, int64_t *n_unseen)
{
    *n_unseen = 0;
    if (model->kind == GBT_FILE_MULTITASK) {
        return gbt_multitask_predict_table(model->multitask, table, request->kind, request->threads,
                                           out, n, n_unseen);
    }
    if (model->kind == GBT_FILE_HEADS) {
        return gbt_heads_predict_table(model->heads, table, request->kind, request->n_rounds,
                                       request->threads, out, n);
    }
    return gbt_model_predict_table(model->trees, table, request->kind, request->first_round,
                                   request->n_rounds, request->threads, out, n);
}

void gbt_any_report_unseen(const gbt_command *command, int64_t n_unseen)
{
    if (n_unseen > 0 && command->verbosity > GBT_QUIET) {
        fprintf(stderr,
                "%lld rows are of tasks that training did not see: predicted by what the tasks "
                "share\n",
                (long long)n_unseen);
    }
}

gbt_status gbt_any_task(const gbt_any_model *model, int32_t index, gbt_model **out,
                        gbt_task_info *info)
{
    *out = NULL;
    GBT_TRY(gbt_multitask_task(model->multitask, index, info));
    return gbt_multitask_extract(model->multitask, index, out);
}

/* ---- Verbs ----------------------------------------------------------------------------------- */

int gbt_model_job_open(gbt_model_job *job, const char *verb, int argc, char **argv)
{
    memset(job, 0, sizeof *job);
    int code = gbt_command_open(&job->command, verb, argc, argv);
    if (code != GBT_EXIT_OK) {
        return code;
    }
    code = gbt_command_input(&job->command, "model", false, job->path);
    code = code == GBT_EXIT_OK ? gbt_exit_of(gbt_any_open(job->path, &job->model)) : code;
    if (code != GBT_EXIT_OK) {
        gbt_any_close(&job->model);
        gbt_command_close(&job->command);
    }
    return code;
}

int gbt_model_job_close(gbt_model_job *job, int code)
{
    code = code == GBT_EXIT_OK ? gbt_put("", &job->text) : code;
    gbt_writer_close(&job->text);
    gbt_any_close(&job->model);
    gbt_command_close(&job->command);
    return code;
}

int gbt_any_to_device(const gbt_command *command, gbt_any_model *model)
{
    char device[64];
    gbt_model *moved = NULL;
    int code = gbt_command_text(command, "device", device, sizeof device);
    if (code != GBT_EXIT_OK || strncmp(device, "cuda", 4) != 0) {
        return code;
    }
    if (model->kind != GBT_FILE_TREES) {
        return gbt_usage_error("device = %s has no effect: only a tree model predicts there, this "
                               "is %s",
                               device, gbt_any_words(model));
    }
    code = gbt_exit_of(gbt_model_to_device(model->trees, device, &moved));
    if (code == GBT_EXIT_OK) {
        gbt_model_free(model->trees);
        model->trees = moved;
        model->frame = moved;
    }
    return code;
}

int gbt_check_task_key(const gbt_command *command, const gbt_any_model *model)
{
    if (model->kind != GBT_FILE_MULTITASK && gbt_command_typed(command, "task")) {
        return gbt_usage_error("task has no effect: the model is %s", gbt_any_words(model));
    }
    return GBT_EXIT_OK;
}
