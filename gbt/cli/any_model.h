/* A saved model of any kind behind one handle, and what the verbs that look at a saved model
 * share. */
#ifndef GBT_CLI_ANY_MODEL_H
#define GBT_CLI_ANY_MODEL_H

#include "gbt/cli/cli.h"

typedef struct gbt_any_model {
    gbt_file_kind kind;
    gbt_model *trees;         /* one of these three, owned */
    gbt_multitask *multitask; /* */
    gbt_heads *heads;         /* */
    const gbt_model *frame;   /* knows objective, columns, classes; borrowed */
} gbt_any_model;

/* Reads the file once, so that a pipe will do. */
gbt_status gbt_any_open(const char *path, gbt_any_model *out);
void gbt_any_close(gbt_any_model *); /* a zeroed one is closed */

/* "a tree model", "a multi-task model", "a model of neural heads". */
const char *gbt_any_words(const gbt_any_model *);
/* Rounds of trees, steps of heads; 0 for a multi-task model, whose blocks have their own. */
int32_t gbt_any_rounds(const gbt_any_model *);

typedef struct gbt_any_request {
    gbt_predict_kind kind;
    int32_t first_round, n_rounds; /* as gbt_model_predict; heads begin with step 0 and a
                                      multi-task model takes all */
    int threads;
} gbt_any_request;

/* out [rows x outputs], or [rows] for classes, n its size. Rows of tasks that training did not see
 * are counted in `n_unseen`. */
gbt_status gbt_any_predict(const gbt_any_model *, const gbt_table *, const gbt_any_request *,
                           float *out, int64_t n, int64_t *n_unseen);
/* Says on stderr how many rows were of unseen tasks, if any and unless quiet. */
void gbt_any_report_unseen(const gbt_command *, int64_t n_unseen);

/* The tree model that predicts the same for one task of a multi-task model, and its name;
 * gbt_model_free() it. */
gbt_status gbt_any_task(const gbt_any_model *, int32_t index, gbt_model **out, gbt_task_info *);

/* ---- Verbs that look at a saved model -------------------------------------------------------- */

typedef struct gbt_model_job {
    gbt_command command;
    char path[GBT_PATH_CHARS]; /* of the model */
    gbt_any_model model;
    gbt_writer text; /* for stdout */
} gbt_model_job;

/* Opens the command and the model that it names; an exit code. Nothing is held after a failure. */
int gbt_model_job_open(gbt_model_job *, const char *verb, int argc, char **argv);
/* Prints when all went well, releases everything, passes the exit code on. */
int gbt_model_job_close(gbt_model_job *, int code);

/* Moves a tree model to the device of the command. The others predict on the CPU only: an error. An
 * exit code. */
int gbt_any_to_device(const gbt_command *, gbt_any_model *);

/* A task column that was named on the command line needs a multi-task model. An exit code. */
int gbt_check_task_key(const gbt_command *, const gbt_any_model *);

#endif
