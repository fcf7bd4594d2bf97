/* Arguments of a verb -> parameters; failures -> messages and exit codes; signals. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gbt/cli/cli.h"

static volatile sig_atomic_t n_signals;

static void on_signal(int number)
{
    (void)number;
    if (++n_signals > 1) {
        _exit(GBT_EXIT_STOPPED);
    }
}

void gbt_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool gbt_is_interrupted(void)
{
    return n_signals > 0;
}

int gbt_usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("gbt: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return GBT_EXIT_USAGE;
}

int gbt_exit_of(gbt_status status)
{
    if (status == GBT_OK) {
        return GBT_EXIT_OK;
    }
    fprintf(stderr, "gbt: %s\n", gbt_last_error());
    switch (status) {
    case GBT_ERR_ARGUMENT:
    case GBT_ERR_PARAM:
        return GBT_EXIT_USAGE;
    case GBT_ERR_IO:
    case GBT_ERR_FORMAT:
    case GBT_ERR_DATA:
        return GBT_EXIT_DATA;
    case GBT_ERR_MEMORY:
        return GBT_EXIT_MEMORY;
    case GBT_ERR_UNSUPPORTED:
    case GBT_ERR_DEVICE:
        return GBT_EXIT_DEVICE;
    case GBT_ERR_CANCELLED:
        return GBT_EXIT_STOPPED;
    default:
        return GBT_EXIT_FAILED;
    }
}

const char *gbt_command_text(const gbt_command *command, const char *key, char *out, size_t capacity)
{
    if (gbt_params_get(command->params, key, out, capacity) != GBT_OK) {
        out[0] = '\0';
    }
    return out;
}

int gbt_command_int(const gbt_command *command, const char *key)
{
    char text[64];
    return atoi(gbt_command_text(command, key, text, sizeof text));
}

int gbt_command_input(const gbt_command *command, const char *key, char *out)
{
    struct stat info;
    gbt_command_text(command, key, out, GBT_PATH_CHARS);
    if (!out[0]) {
        return gbt_usage_error("gbt %s needs %s=FILE", command->verb, key);
    }
    if (stat(out, &info) != 0) {
        return gbt_usage_error("%s = %s: %s", key, out, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        return gbt_usage_error("%s = %s is a folder, not a file", key, out);
    }
    return GBT_EXIT_OK;
}

int gbt_command_output(const gbt_command *command, const char *key, bool is_optional, char *out)
{
    char folder[GBT_PATH_CHARS];
    struct stat info;
    gbt_command_text(command, key, out, GBT_PATH_CHARS);
    if (!out[0]) {
        return is_optional ? GBT_EXIT_OK : gbt_usage_error("gbt %s needs %s=FILE", command->verb, key);
    }
    if (stat(out, &info) == 0 && S_ISDIR(info.st_mode)) {
        return gbt_usage_error("%s = %s is a folder, not a file", key, out);
    }
    memcpy(folder, out, strlen(out) + 1);
    char *slash = strrchr(folder, '/');
    if (!slash) {
        memcpy(folder, ".", 2);
    } else {
        slash[slash == folder] = '\0';
    }
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode) || access(folder, W_OK) != 0) {
        return gbt_usage_error("%s = %s: the folder %s does not exist or is not writable", key, out, folder);
    }
    return GBT_EXIT_OK;
}

/* ---- Reading the arguments ----------------------------------------------------------------------- */

/* Which keys a verb reads from the command line: sections, then single keys. */
typedef struct verb_keys {
    const char *verb;
    const char *sections; /* space-separated, with a space at both ends */
    const char *keys;     /* the same */
} verb_keys;

static const char input_keys[] =
    " data model format header label weight group task init_score id missing unseen threads device verbosity ";

static const verb_keys known[] = {
    {"train", " features objective train tree sampling device ",
     " train valid format header label weight group task init_score id ignore categorical missing sample_for_bins "
     "memory_limit model log_json verbosity metric_every importance "},
    {"check", " features objective train tree sampling device ",
     " train valid format header label weight group task init_score id ignore categorical missing sample_for_bins "
     "memory_limit model log_json verbosity metric_every importance "},
    {"predict", " ", " predictions output trees_from trees_to "},
    {"eval", " ", " metric "},
    {"info", " ", " "},
    {"dump", " ", " "},
    {"importance", " ", " "},
    {"verify", " ", " "},
};

static bool list_has(const char *list, const char *word)
{
    char spaced[80];
    const int length = snprintf(spaced, sizeof spaced, " %s ", word);
    return length > 0 && (size_t)length < sizeof spaced && strstr(list, spaced) != NULL;
}

static bool reads_key(const char *verb, const gbt_param_info *info)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].verb, verb) != 0) {
            continue;
        }
        const bool is_whole = strcmp(verb, "train") == 0 || strcmp(verb, "check") == 0;
        const bool is_data = strcmp(verb, "predict") == 0 || strcmp(verb, "eval") == 0;
        return list_has(known[i].sections, info->section) || list_has(known[i].keys, info->name) ||
               (is_data && list_has(input_keys, info->name)) ||
               (!is_whole && list_has(" model verbosity ", info->name));
    }
    return false;
}

/* One `key=value`; `seen` [parameters] remembers the values given so far on this command line. */
static int take_assignment(gbt_command *command, char *argument, const char **seen)
{
    char *equals = strchr(argument, '=');
    gbt_param_info info;
    int index;
    *equals = '\0';
    const char *value = equals + 1;
    if (strcmp(command->verb, "dump") == 0 && strcmp(argument, "format") == 0) {
        command->dump_format = value;
        return GBT_EXIT_OK;
    }
    gbt_status status = gbt_param_find(argument, &index);
    if (status == GBT_OK) {
        status = gbt_param_describe(index, &info);
    }
    if (status != GBT_OK) {
        return gbt_exit_of(status);
    }
    if (!reads_key(command->verb, &info)) {
        return gbt_usage_error("%s has no effect in \"gbt %s\"", info.name, command->verb);
    }
    if (seen[index] && strcmp(seen[index], value) != 0) {
        return gbt_usage_error("%s is given twice, as \"%s\" and as \"%s\"", info.name, seen[index], value);
    }
    seen[index] = value;
    return gbt_exit_of(gbt_params_set(command->params, argument, value));
}

static int take_arguments(gbt_command *command, int argc, char **argv, const char **seen)
{
    int first = 0;
    if (argc > 0 && !strchr(argv[0], '=') && strncmp(argv[0], "--", 2) != 0) {
        command->config = argv[0];
        const int code = gbt_exit_of(gbt_params_load_ini(command->params, argv[0]));
        if (code != GBT_EXIT_OK) {
            return code == GBT_EXIT_DATA ? GBT_EXIT_USAGE : code; /* a config that cannot be read */
        }
        first = 1;
    }
    for (int i = first; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            command->is_json = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            return gbt_usage_error("unknown option %s; options are key=value and --json", argv[i]);
        } else if (!strchr(argv[i], '=')) {
            return gbt_usage_error("\"%s\" is not key=value%s", argv[i],
                                   command->config ? "" : "; a config file comes first");
        } else {
            const int code = take_assignment(command, argv[i], seen);
            if (code != GBT_EXIT_OK) {
                return code;
            }
        }
    }
    return GBT_EXIT_OK;
}

static void print_log(gbt_log_level level, const char *line, void *user)
{
    const gbt_command *command = user;
    if ((int)level <= (int)command->verbosity && (level != GBT_LOG_WARN || command->verbosity > GBT_QUIET)) {
        fprintf(stderr, "%s%s\n", level == GBT_LOG_WARN ? "warning: " : "", line);
    }
}

int gbt_command_open(gbt_command *command, const char *verb, int argc, char **argv)
{
    char text[32];
    memset(command, 0, sizeof *command);
    command->verb = verb;
    const char **seen = calloc((size_t)gbt_param_count(), sizeof *seen);
    if (!seen || gbt_params_create(&command->params) != GBT_OK) {
        free(seen);
        fputs("gbt: out of memory\n", stderr);
        return GBT_EXIT_MEMORY;
    }
    const int code = take_arguments(command, argc, argv, seen);
    free(seen);
    if (code != GBT_EXIT_OK) {
        gbt_command_close(command);
        return code;
    }
    gbt_command_text(command, "verbosity", text, sizeof text);
    command->verbosity = strcmp(text, "quiet") == 0 ? GBT_QUIET : strcmp(text, "debug") == 0 ? GBT_DEBUG : GBT_INFO;
    gbt_set_log(print_log, command);
    return GBT_EXIT_OK;
}

void gbt_command_close(gbt_command *command)
{
    gbt_set_log(NULL, NULL);
    gbt_params_free(command->params);
    memset(command, 0, sizeof *command);
}
