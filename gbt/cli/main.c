/* gbt: dispatch of the verbs, help, version. */
#include <stdio.h>
#include <string.h>

#include "gbt/cli/cli.h"

typedef struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *doc, *more;
} verb;

static const verb verbs[] = {
    {"train", gbt_cmd_train, "gbt train config.ini [key=value ...] [--json]",
     "train, stop early, evaluate, save the model",
     "Needs train= and model=. Writes the model, and importance= and log_json= when they are\n"
     "named. The first interrupt ends training after the current report and saves the model\n"
     "(exit code 130), the second one stops at once."},
    {"predict", gbt_cmd_predict,
     "gbt predict [config.ini] model=FILE data=FILE [predictions=FILE] [key=value ...]",
     "predictions for a data file",
     "output=response|raw|class|leaf; trees_from and trees_to choose rounds. CSV with a header\n"
     "line to predictions=, or to standard output. Columns are matched by name."},
    {"eval", gbt_cmd_eval, "gbt eval [config.ini] model=FILE data=FILE [metric=...] [--json]",
     "metrics of a saved model on labelled data",
     "CSV: metric, value, and the bounds of its 95 % bootstrap interval."},
    {"check", gbt_cmd_check, "gbt check config.ini [key=value ...] [--json]",
     "parse the config and a sample of the data; train nothing",
     "Prints column types, the resolved configuration, and a memory and time estimate."},
    {"info", gbt_cmd_info, "gbt info model=FILE [--json]", "what a model file holds", ""},
    {"dump", gbt_cmd_dump, "gbt dump model=FILE [format=text|json|dot]",
     "the trees in readable form", ""},
    {"importance", gbt_cmd_importance, "gbt importance model=FILE [--json]",
     "gain, split count and cover of every feature", ""},
    {"verify", gbt_cmd_verify, "gbt verify model=FILE [--json]",
     "checksums and structure of a model file", ""},
    {"params", gbt_cmd_params, "gbt params [--ini | --markdown | NAME]", "the parameter table", ""},
};

enum { N_VERBS = (int)(sizeof verbs / sizeof verbs[0]) };

/* Verbs of the plan that this version does not have yet. */
static const char *const later[] = {"cv", "explain", "influence", "multitask", "heads", "convert"};

static int print_help(FILE *out)
{
    fprintf(out, "gbt %s: gradient-boosted decision trees\n\n", gbt_version());
    for (int i = 0; i < N_VERBS; i++) {
        fprintf(out, "  gbt %-11s %s\n", verbs[i].name, verbs[i].doc);
    }
    fprintf(out, "\n  gbt help VERB    more about one of them\n"
                 "  gbt params       every key of a config file\n"
                 "  gbt --version\n\n"
                 "Exit codes: 0 good, 1 failed, 2 bad arguments or config, 3 data problem,\n"
                 "4 out of memory or over a limit, 5 device problem, 130 stopped by a signal.\n");
    return GBT_EXIT_OK;
}

static const verb *find_verb(const char *name)
{
    for (int i = 0; i < N_VERBS; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int refuse_verb(const char *name)
{
    int best = 0;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(later[i], name) == 0) {
            return gbt_usage_error("gbt %s is not in this version; see gbt --help", name);
        }
    }
    for (int i = 1; i < N_VERBS; i++) {
        if (gbt_name_distance(name, verbs[i].name) < gbt_name_distance(name, verbs[best].name)) {
            best = i;
        }
    }
    return gbt_usage_error("unknown verb \"%s\"; did you mean \"gbt %s\"? See gbt --help", name,
                           verbs[best].name);
}

/* The keys that the verb reads, in lines of at most 80 characters. */
static void print_keys(const char *name)
{
    gbt_param_info info;
    size_t used = 0;
    for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
        if (gbt_verb_reads(name, &info)) {
            const size_t size = strlen(info.name) + 1;
            const bool breaks = used == 0 || used + size > 78;
            printf("%s %s", used == 0 ? "\nKeys:\n " : breaks ? "\n " : "", info.name);
            used = breaks ? 1 + size : used + size;
        }
    }
    printf("%s", used > 0 ? "\n" : "");
}

static int help_verb(const char *name)
{
    const verb *found = find_verb(name);
    if (!found) {
        return refuse_verb(name);
    }
    printf("%s\n  %s\n", found->usage, found->doc);
    printf("%s%s%s", found->more[0] ? "\n" : "", found->more, found->more[0] ? "\n" : "");
    print_keys(name);
    return GBT_EXIT_OK;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)print_help(stderr);
        return GBT_EXIT_USAGE;
    }
    const char *name = argv[1];
    const bool is_version = is_one_of(name, "--version", "-V", "version");
    const bool is_help = is_one_of(name, "--help", "-h", "help");
    if (argc > (is_help ? 3 : 2) && (is_version || is_help)) {
        return gbt_usage_error("gbt %s: \"%s\" is one argument too many", name, argv[argc - 1]);
    }
    if (is_version) {
        printf("gbt %s\n", gbt_version());
        return GBT_EXIT_OK;
    }
    if (is_help) {
        return argc > 2 ? help_verb(argv[2]) : print_help(stdout);
    }
    if (argc > 2 && is_one_of(argv[2], "--help", "-h", "help")) {
        return help_verb(name);
    }
    const verb *found = find_verb(name);
    return found ? found->run(argc - 2, argv + 2) : refuse_verb(name);
}
