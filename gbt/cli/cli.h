/* What the verbs of the command line share: arguments, exit codes, output. */
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

/* Arguments of one verb. */
typedef struct gbt_command {
    const char *verb;
    gbt_params *params;       /* owned */
    bool is_json;             /* --json */
    const char *config;       /* path of the config file or NULL; borrowed */
    const char *dump_format;  /* of `gbt dump`; borrowed */
    gbt_verbosity verbosity;
} gbt_command;

/* Reads `[config.ini] [key=value ...] [--json]`. Prints what is wrong and returns an exit code. */
int gbt_command_open(gbt_command *, const char *verb, int argc, char **argv);
void gbt_command_close(gbt_command *);

/* Prints "gbt: message" to stderr for the library's latest failure; returns its exit code. */
int gbt_exit_of(gbt_status);
/* The same for a message of the command line itself. */
int gbt_usage_error(const char *format, ...) GBT_PRINTF(1, 2);

/* The text of a key in a static buffer of this call site: "" when unset. */
const char *gbt_command_text(const gbt_command *, const char *key, char *out, size_t capacity);
enum { GBT_PATH_CHARS = 4096 };
/* The same for a path that must be given and, when it is read, exist; an exit code. */
int gbt_command_input(const gbt_command *, const char *key, char *out);
/* For a path that will be written: its folder must exist and be writable. May be "" when optional. */
int gbt_command_output(const gbt_command *, const char *key, bool is_optional, char *out);
int gbt_command_int(const gbt_command *, const char *key);

/* Text results: to the file when `path` is not "", else to stdout. An exit code. */
int gbt_put(const char *path, const gbt_writer *);
void gbt_print(gbt_writer *, const char *format, ...) GBT_PRINTF(2, 3);
void gbt_print_json_text(gbt_writer *, const char *text);   /* quoted and escaped */
void gbt_print_csv_text(gbt_writer *, const char *text);    /* quoted if need be */
void gbt_print_number(gbt_writer *, double value);          /* shortest; JSON null for nan and inf */
void gbt_print_float(gbt_writer *, float value);

/* Set by the first SIGINT or SIGTERM once gbt_catch_signals was called; the second ends the process. */
void gbt_catch_signals(void);
bool gbt_is_interrupted(void);

int gbt_cmd_train(int argc, char **argv);
int gbt_cmd_predict(int argc, char **argv);
int gbt_cmd_eval(int argc, char **argv);
int gbt_cmd_check(int argc, char **argv);
int gbt_cmd_info(int argc, char **argv);
int gbt_cmd_dump(int argc, char **argv);
int gbt_cmd_importance(int argc, char **argv);
int gbt_cmd_verify(int argc, char **argv);
int gbt_cmd_params(int argc, char **argv);

#endif
