/* What the verbs of the command line share: arguments, exit codes, paths, output. */
#ifndef GBT_CLI_CLI_H
#define GBT_CLI_CLI_H

#include <stdbool.h>

#include "gbt/base/bytes.h"
#include "gbt/base/text.h"
#include "gbt/gbt.h"

enum {
    GBT_EXIT_OK = 0,
    GBT_EXIT_FAILED = 1,
    GBT_EXIT_USAGE = 2,
    GBT_EXIT_DATA = 3,
    GBT_EXIT_MEMORY = 4,
    GBT_EXIT_DEVICE = 5,
    GBT_EXIT_STOPPED = 130
};

typedef enum gbt_verbosity { GBT_QUIET = 0, GBT_INFO = 1, GBT_DEBUG = 2 } gbt_verbosity;

/* ---- Arguments (command.c) ------------------------------------------------------------------- */

/* Arguments of one verb. */
typedef struct gbt_command {
    const char *verb;
    const char *config; /* path of the config file or NULL; borrowed */
    gbt_params *params; /* owned */
    gbt_dump_format dump_format;
    bool is_json; /* --json */
    gbt_verbosity verbosity;
    bool *is_typed; /* [parameters] given on the command line; owned */
} gbt_command;

/* Reads `[config.ini] [key=value ...] [--json]`, checks the combination of keys and the device.
 * Prints what is wrong and returns an exit code; nothing is held then. */
int gbt_command_open(gbt_command *, const char *verb, int argc, char **argv);
void gbt_command_close(gbt_command *);

/* Whether the key was given on the command line; one in a config file may be meant for other
 * verbs. */
bool gbt_command_typed(const gbt_command *, const char *key);

/* Whether the verb has a use for a key on its command line. */
bool gbt_verb_reads(const char *verb, const gbt_param_info *);

/* The parameters without those keys of a config file that are meant for other verbs; what the
 * columns are counts for all. An exit code; gbt_params_free() them. */
int gbt_command_own_params(const gbt_command *, gbt_params **out);

/* The value of a key as text. The copy is NULL when there is no memory; gbt_release() it. */
char *gbt_command_copy(const gbt_params *, const char *key);
int gbt_command_text(const gbt_command *, const char *key, char *out, size_t capacity);
int gbt_command_int(const gbt_command *, const char *key);

/* ---- Exit codes and signals (command.c) ------------------------------------------------------ */

/* Prints "gbt: message" to stderr for the library's latest failure; returns its exit code. */
int gbt_exit_of(gbt_status);
/* The same for a file that could not be written, which is no fault of the data. */
int gbt_exit_of_write(gbt_status);
/* The same for a message of the command line itself. */
int gbt_usage_error(const char *format, ...) GBT_PRINTF(1, 2);

/* From the first SIGINT or SIGTERM after gbt_catch_signals() gbt_is_interrupted() is true; the
 * second one ends the process. */
void gbt_catch_signals(void);
bool gbt_is_interrupted(void);

/* ---- Paths (paths.c) ------------------------------------------------------------------------- */

enum { GBT_PATH_CHARS = 4096, GBT_MOST_VALID = 64 };

/* The file named by a key, which must exist when it is read; for a file that will be written its
 * folder must exist and be writable. `out` [GBT_PATH_CHARS] is "" when the key is not set, which
 * only `is_optional` allows. Exit codes. */
int gbt_command_input(const gbt_command *, const char *key, bool is_optional, char *out);
int gbt_command_output(const gbt_command *, const char *key, bool is_optional, char *out);

/* A file of the command: what is written must not be a file that is read, or written twice. */
typedef struct gbt_used_file {
    const char *key, *path; /* path "" or NULL: not used */
    bool is_written;
} gbt_used_file;
int gbt_check_files(const gbt_used_file *, int n);

/* The validation files of the key `valid`: all exist, names differ. */
typedef struct gbt_valid_list {
    int n;
    const char *name[GBT_MOST_VALID], *path[GBT_MOST_VALID];
    char *paths, *names; /* owned; what the pointers above point into */
} gbt_valid_list;
int gbt_valid_open(const gbt_command *, gbt_valid_list *);
void gbt_valid_close(gbt_valid_list *); /* a zeroed list is an empty one */

/* ---- Results as text (output.c) -------------------------------------------------------------- */

/* Writes the text to the file when `path` is not "", else to stdout. An exit code. */
int gbt_put(const char *path, const gbt_writer *);
void gbt_print(gbt_writer *, const char *format, ...) GBT_PRINTF(2, 3);
void gbt_print_json_text(gbt_writer *, const char *text); /* quoted and escaped */
void gbt_print_csv_text(gbt_writer *, const char *text);  /* quoted if need be */
void gbt_print_number(gbt_writer *, double value);        /* shortest; JSON null for nan and inf */
void gbt_print_float(gbt_writer *, float value);
/* metric,value,low,high, a line each, after `prefix`; or an object of objects, {"rmse": {"value":
 * 0.5, "low": 0.4, "high": 0.6}}. */
void gbt_print_metrics(gbt_writer *, const char *prefix, const gbt_metric_result *, int n);
void gbt_print_metrics_json(gbt_writer *, const gbt_metric_result *, int n);
int64_t gbt_model_count(const gbt_model *, gbt_shape_key);
/* Name of the column with predictions of one output: "prediction" or "raw"; of several outputs
 * "p_<class>", "prediction_<label>" or "raw_<either>", with its number where it has no name. */
void gbt_print_output_column(gbt_writer *, const gbt_model *, bool is_raw, int32_t output);

/* ---- The verbs ------------------------------------------------------------------------------- */

int gbt_cmd_train(int argc, char **argv);
int gbt_cmd_predict(int argc, char **argv);
int gbt_cmd_eval(int argc, char **argv);
int gbt_cmd_check(int argc, char **argv);
int gbt_cmd_cv(int argc, char **argv);
int gbt_cmd_info(int argc, char **argv);
int gbt_cmd_dump(int argc, char **argv);
int gbt_cmd_importance(int argc, char **argv);
int gbt_cmd_verify(int argc, char **argv);
int gbt_cmd_params(int argc, char **argv);
int gbt_cmd_influence(int argc, char **argv);
int gbt_cmd_multitask(int argc, char **argv);
int gbt_cmd_heads(int argc, char **argv);

#endif
