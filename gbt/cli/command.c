/* Arguments of a verb -> parameters; failures -> messages and exit codes; signals. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

enum { MOST_VALUE_CHARS = 1 << 28 };

/* ---- Signals --------------------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals;

static void on_signal(int number)
{
    (void)number;
    if (n_signals > 0) {
        _exit(GBT_EXIT_STOPPED);
    }
    n_signals = 1;
}

void gbt_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool gbt_is_interrupted(void)
{
    return n_signals > 0;
}

/* ---- Failures -------------------------------------------------------------------------------- */

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

int gbt_exit_of_write(gbt_status status)
{
    const int code = gbt_exit_of(status);
    return code == GBT_EXIT_DATA ? GBT_EXIT_FAILED : code;
}

/* ---- Values of keys -------------------------------------------------------------------------- */

char *gbt_command_copy(const gbt_params *params, const char *key)
{
    for (size_t capacity = 256; capacity <= MOST_VALUE_CHARS; capacity *= 2) {
        char *text = gbt_alloc((int64_t)capacity, 1);
        if (!text || gbt_params_get(params, key, text, capacity) == GBT_OK) {
            return text;
        }
        gbt_release(text);
    }
    return NULL;
}

int gbt_command_text(const gbt_command *command, const char *key, char *out, size_t capacity)
{
    out[0] = '\0';
    return gbt_exit_of(gbt_params_get(command->params, key, out, capacity));
}

int gbt_command_int(const gbt_command *command, const char *key)
{
    char text[GBT_NUMBER_CHARS];
    int64_t value = 0;
    if (gbt_command_text(command, key, text, sizeof text) == GBT_EXIT_OK) {
        (void)gbt_parse_int(gbt_slice_of(text), &value);
    }
    return (int)value;
}

/* ---- Which verb reads which key -------------------------------------------------------------- */

typedef struct verb_row {
    const char *verb;
    bool is_all_but; /* every key but those listed and those of the sections of other verbs */
    bool uses_device, has_json;
    const char *keys; /* space-separated, with a space at both ends */
} verb_row;

static const char not_for_training[] = " data predictions output trees_from trees_to stages ";
static const char own_sections[] = " cv influence multitask heads "; /* of one verb each */

static const verb_row verb_rows[] = {
    {"train", true, true, true, not_for_training},
    {"check", true, true, true, not_for_training},
    {"cv", true, true, true,
     " data valid continue_from valid_fraction model trees_from trees_to stages importance "},
    {"predict", false, true, false,
     " model data format header missing id task init_score device threads verbosity"
     " predictions output trees_from trees_to early_margin "},
    {"eval", false, true, true,
     " model data format header missing label weight task init_score device threads verbosity"
     " metric stages "},
    {"info", false, false, true, " model verbosity "},
    {"dump", false, false, true, " model verbosity "},
    {"importance", false, false, true, " model verbosity "},
    {"verify", false, false, true, " model verbosity "},
    {"influence", false, false, false,
     " model train data valid format header missing label weight init_score id memory_limit seed"
     " threads predictions verbosity method scope top_k matrix leaf_term update_set similarity"
     " tree_kernel trex_lambda trex_target retrainings retrain_fraction neighbors "},
    {"multitask", false, true, true,
     " train valid data format header label weight task id ignore categorical missing"
     " sample_for_bins memory_limit max_bin min_data_in_bin unseen max_cat_to_onehot"
     " max_cat_threshold cat_smooth cat_l2 min_data_per_group objective num_class"
     " scale_pos_weight is_unbalance quantile huber_delta fair_c tweedie_power poisson_max_delta"
     " boost_from_average metric learning_rate early_stopping_rounds valid_fraction seed"
     " grow_policy max_leaves max_depth min_child_samples min_child_weight min_split_gain"
     " reg_alpha reg_lambda max_delta_step path_smooth gradient_bits gradient_rounding subsample"
     " subsample_freq colsample_bytree colsample_bylevel colsample_bynode device threads model"
     " log_json verbosity metric_every mode compare n_trees_shared n_trees_robust n_trees_task"
     " leaf_estimation theta_learning_rate theta_step theta_scale theta_l2 max_clusters"
     " cluster_trees cluster_folds "},
    {"heads", false, false, true,
     " train valid data format header label weight init_score id ignore categorical missing"
     " memory_limit unseen objective num_class scale_pos_weight is_unbalance quantile huber_delta"
     " fair_c tweedie_power poisson_max_delta boost_from_average metric learning_rate"
     " early_stopping_rounds valid_fraction max_seconds seed subsample threads model log_json"
     " verbosity metric_every units units_per_step activation solver solver_iterations"
     " solver_tolerance weight_decay step_length inputs leaf_model export_weights "},
};

static const verb_row *find_row(const char *verb)
{
    for (size_t i = 0; i < sizeof verb_rows / sizeof verb_rows[0]; i++) {
        if (strcmp(verb_rows[i].verb, verb) == 0) {
            return &verb_rows[i];
        }
    }
    return NULL;
}

static bool list_has(const char *list, const char *word)
{
    char spaced[80];
    const int length = snprintf(spaced, sizeof spaced, " %s ", word);
    return length > 0 && (size_t)length < sizeof spaced && strstr(list, spaced) != NULL;
}

bool gbt_command_typed(const gbt_command *command, const char *key)
{
    int index = 0;
    return gbt_param_find(key, &index) == GBT_OK && command->is_typed[index];
}

bool gbt_verb_reads(const char *verb, const gbt_param_info *info)
{
    const verb_row *row = find_row(verb);
    if (!row) {
        return false;
    }
    const bool is_listed = list_has(row->keys, info->name);
    const bool is_other = list_has(own_sections, info->section) && strcmp(info->section, verb) != 0;
    return row->is_all_but ? !is_listed && !is_other : is_listed;
}

/* Copies one key that the caller set. */
static gbt_status copy_key(const gbt_params *from, const char *name, gbt_params *to)
{
    char *value = gbt_command_copy(from, name);
    const gbt_status status = value ? gbt_params_set(to, name, value) : GBT_ERR_MEMORY;
    gbt_release(value);
    return status;
}

int gbt_command_own_params(const gbt_command *command, gbt_params **out)
{
    gbt_param_info info;
    gbt_status status = gbt_params_create(out);
    for (int i = 0; i < gbt_param_count() && status == GBT_OK; i++) {
        status = gbt_param_describe(i, &info);
        const bool is_own = status == GBT_OK && (strcmp(info.section, "data") == 0 ||
                                                 gbt_verb_reads(command->verb, &info));
        if (is_own && gbt_params_is_set(command->params, info.name) > 0) {
            status = copy_key(command->params, info.name, *out);
        }
    }
    if (status != GBT_OK) {
        gbt_params_free(*out);
        *out = NULL;
    }
    return gbt_exit_of(status);
}

/* ---- Reading the arguments ------------------------------------------------------------------- */

/* What the command line said about a key so far. */
typedef struct given {
    const char *name, *value;
} given;

/* The key of `gbt dump` that is not a parameter. */
static int take_dump_format(gbt_command *command, const char *value, given *before)
{
    static const char *const names[] = {"text", "json", "dot"}; /* by gbt_dump_format */
    if (before->value) {
        return gbt_usage_error("format is given twice, as \"%s\" and as \"%s\"", before->value,
                               value);
    }
    before->value = value;
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            command->dump_format = (gbt_dump_format)i;
            return GBT_EXIT_OK;
        }
    }
    return gbt_usage_error("format = %s is not one of text, json, dot", value);
}

/* One `key=value`. `seen` [parameters + 1] is what was given before; its last place is that of
 * the format of `gbt dump`. */
static int take_assignment(gbt_command *command, char *argument, given *seen)
{
    char *equals = strchr(argument, '=');
    const char *value = equals + 1;
    gbt_param_info info;
    int index;
    *equals = '\0';
    if (strcmp(command->verb, "dump") == 0 && strcmp(argument, "format") == 0) {
        return take_dump_format(command, value, &seen[gbt_param_count()]);
    }
    gbt_status status = gbt_param_find(argument, &index);
    if (status == GBT_OK) {
        status = gbt_param_describe(index, &info);
    }
    if (status != GBT_OK) {
        return gbt_exit_of(status);
    }
    if (!gbt_verb_reads(command->verb, &info)) {
        return gbt_usage_error("%s has no effect in \"gbt %s\"", info.name, command->verb);
    }
    const given *before = &seen[index];
    if (before->name && strcmp(before->name, argument) == 0) {
        return gbt_usage_error("%s is given twice, as \"%s\" and as \"%s\"", argument,
                               before->value, value);
    }
    if (before->name && strcmp(before->value, value) != 0) {
        return gbt_usage_error("%s = %s and %s = %s are the same key with different values",
                               before->name, before->value, argument, value);
    }
    seen[index] = (given){argument, value};
    command->is_typed[index] = true;
    return gbt_exit_of(gbt_params_set(command->params, argument, value));
}

static int take_config(gbt_command *command, const char *path)
{
    command->config = path;
    const int code = gbt_exit_of(gbt_params_load_ini(command->params, path));
    return code == GBT_EXIT_DATA ? GBT_EXIT_USAGE : code; /* a config that cannot be read */
}

static int take_json(gbt_command *command)
{
    if (!find_row(command->verb)->has_json) {
        return gbt_usage_error("--json has no effect in \"gbt %s\"", command->verb);
    }
    command->is_json = true;
    return GBT_EXIT_OK;
}

static int take_arguments(gbt_command *command, int argc, char **argv, given *seen)
{
    int code = GBT_EXIT_OK;
    for (int i = 0; i < argc && code == GBT_EXIT_OK; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            code = take_json(command);
        } else if (argv[i][0] == '-') {
            code = gbt_usage_error("unknown option %s; options are key=value and --json", argv[i]);
        } else if (strchr(argv[i], '=')) {
            code = take_assignment(command, argv[i], seen);
        } else if (i == 0) {
            code = take_config(command, argv[i]);
        } else {
            code = gbt_usage_error("\"%s\" is not key=value%s", argv[i],
                                   command->config ? "" : "; a config file comes first");
        }
    }
    if (code == GBT_EXIT_OK && command->is_json && strcmp(command->verb, "dump") == 0) {
        if (seen[gbt_param_count()].value && command->dump_format != GBT_DUMP_JSON) {
            return gbt_usage_error("--json and format exclude each other: keep one");
        }
        command->dump_format = GBT_DUMP_JSON;
    }
    return code;
}

static void print_log(gbt_log_level level, const char *line, void *user)
{
    const gbt_command *command = user;
    if (command->verbosity > GBT_QUIET && (int)level <= (int)command->verbosity) {
        fprintf(stderr, "%s%s\n", level == GBT_LOG_WARN ? "warning: " : "", line);
    }
}

/* Combinations of keys. gbt cv stops early on held-out rows of the file itself. */
static gbt_status check_keys(const gbt_command *command)
{
    gbt_params *params = NULL;
    GBT_TRY(gbt_params_copy(command->params, &params));
    gbt_status status =
        strcmp(command->verb, "cv") == 0 ? gbt_params_set(params, "train", "") : GBT_OK;
    status = status == GBT_OK ? gbt_params_check(params) : status;
    gbt_params_free(params);
    return status;
}

/* What no single key can tell: combinations, the device, how much to say. */
static int settle(gbt_command *command)
{
    char text[128];
    int code = gbt_exit_of(check_keys(command));
    if (code == GBT_EXIT_OK && find_row(command->verb)->uses_device) {
        code = gbt_command_text(command, "device", text, sizeof text);
        if (code == GBT_EXIT_OK && !gbt_backend_available(text)) {
            return gbt_exit_of(GBT_ERR_DEVICE);
        }
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_command_text(command, "verbosity", text, sizeof text);
        command->verbosity = strcmp(text, "quiet") == 0   ? GBT_QUIET
                             : strcmp(text, "debug") == 0 ? GBT_DEBUG
                                                          : GBT_INFO;
    }
    return code;
}

int gbt_command_open(gbt_command *command, const char *verb, int argc, char **argv)
{
    given *seen = NULL;
    memset(command, 0, sizeof *command);
    command->verb = verb;
    int code = gbt_exit_of(gbt_params_create(&command->params));
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(GBT_NEW_ZERO(seen, (int64_t)gbt_param_count() + 1));
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_exit_of(GBT_NEW_ZERO(command->is_typed, gbt_param_count()));
    }
    if (code == GBT_EXIT_OK) {
        code = take_arguments(command, argc, argv, seen);
    }
    if (code == GBT_EXIT_OK) {
        code = settle(command);
    }
    gbt_release(seen);
    if (code != GBT_EXIT_OK) {
        gbt_command_close(command);
        return code;
    }
    gbt_set_log(print_log, command);
    return GBT_EXIT_OK;
}

void gbt_command_close(gbt_command *command)
{
    gbt_set_log(NULL, NULL);
    gbt_params_free(command->params);
    gbt_release(command->is_typed);
    memset(command, 0, sizeof *command);
}
