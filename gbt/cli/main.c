/* gbt: dispatch of the verbs, help, version. */
#include <stdio.h>
#include <string.h>

#include "gbt/cli/cli.h"

typedef struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *doc, *keys;
} verb;

static const verb verbs[] = {
    {"train", gbt_cmd_train, "gbt train config.ini [key=value ...] [--json]",
     "train, stop early, evaluate, save the model",
     "Needs train= and model=. Writes the model, and importance= and log_json= when they are named.\n"
     "The first interrupt ends training after the current round and saves the model (exit code 130)."},
    {"predict", gbt_cmd_predict, "gbt predict [config.ini] model=FILE data=FILE [predictions=FILE] [key=value ...]",
     "predictions for a data file",
     "output=response|raw|class|leaf; trees_from and trees_to choose rounds. CSV with a header line to\n"
     "predictions=, or to standard output. Columns are matched by name."},
    {"eval", gbt_cmd_eval, "gbt eval model=FILE data=FILE [metric=...] [--json]",
     "metrics of a saved model on labelled data, with 95 % bootstrap intervals", ""},
    {"check", gbt_cmd_check, "gbt check config.ini [key=value ...] [--json]",
     "parse the config and a sample of the data; train nothing",
     "Prints column types, the resolved configuration, and a memory and time estimate."},
    {"info", gbt_cmd_info, "gbt info model=FILE [--json]", "what a model file holds", ""},
    {"dump", gbt_cmd_dump, "gbt dump model=FILE [format=text|json|dot]", "the trees in readable form", ""},
    {"importance", gbt_cmd_importance, "gbt importance model=FILE [--json]",
     "gain, split count and cover of every feature", ""},
    {"verify", gbt_cmd_verify, "gbt verify model=FILE", "checksums and structure of a model file", ""},
    {"params", gbt_cmd_params, "gbt params [--ini | --markdown | NAME]", "the parameter table", ""},
};

enum { N_VERBS = (int)(sizeof verbs / sizeof verbs[0]) };

static void print_help(FILE *out)
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

static int unknown_verb(const char *name)
{
    int best = 0;
    for (int i = 1; i < N_VERBS; i++) {
        if (gbt_name_distance(name, verbs[i].name) < gbt_name_distance(name, verbs[best].name)) {
            best = i;
        }
    }
    return gbt_usage_error("unknown verb \"%s\"; did you mean \"gbt %s\"? See gbt --help", name, verbs[best].name);
}

static int help_verb(const char *name)
{
    const verb *found = find_verb(name);
    if (!found) {
        return unknown_verb(name);
    }
    printf("%s\n  %s\n", found->usage, found->doc);
    if (found->keys[0]) {
        printf("\n%s\n", found->keys);
    }
    return GBT_EXIT_OK;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        print_help(stderr);
        return GBT_EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("gbt %s\n", gbt_version());
        return GBT_EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (argc > 2) {
            return help_verb(argv[2]);
        }
        print_help(stdout);
        return GBT_EXIT_OK;
    }
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        return help_verb(name);
    }
    const verb *found = find_verb(name);
    return found ? found->run(argc - 2, argv + 2) : unknown_verb(name);
}
