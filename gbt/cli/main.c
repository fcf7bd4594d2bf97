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
     "The model is of any kind: trees, multi-task (with a task column), neural heads.\n"
     "output=response|raw|class|leaf; trees_from and trees_to choose rounds of trees, trees_to\n"
     "the steps of heads; with early_margin the classes of heads stop at the step that settles\n"
     "them.\n"
     "CSV with a header line to predictions=, or to standard output. Columns are matched by name."},
    {"eval", gbt_cmd_eval,
     "gbt eval [config.ini] model=FILE data=FILE [metric=...] [stages=N] [--json]",
     "metrics of a saved model on labelled data",
     "CSV: metric, value, and the bounds of its 95 % bootstrap interval. A multi-task model has\n"
     "the columns task and rows before these, and lines for each task after those of all rows.\n"
     "stages=N: at N evenly spaced numbers of rounds of trees or steps of heads instead; rounds,\n"
     "metric, value, seconds_per_row (time of the prediction, the reading of columns included)."},
    {"check", gbt_cmd_check, "gbt check config.ini [key=value ...] [--json]",
     "parse the config and a sample of the data; train nothing",
     "Prints column types, the resolved configuration, and a memory and time estimate."},
    {"cv", gbt_cmd_cv, "gbt cv config.ini [key=value ...] [--json]",
     "k-fold cross-validation: mean, deviation, best number of trees",
     "Needs train=. Each of the folds= is held out once; the models of all folds are trained side\n"
     "by side and stop early on the mean of the first metric over the folds. Rows of one group\n"
     "stay together, classes are spread evenly (stratified=); fold= names a column with folds.\n"
     "Cuts between bins are those of the training rows of each fold (of a sparse file: of all).\n"
     "CSV: data (held_out; train with train_metric=true), metric, n_trees (the best number, to\n"
     "train on all rows with), mean, deviation, and the value in each fold. predictions= gets the\n"
     "prediction of every row by the model that did not see it: row (from 0) or id, repeat when\n"
     "there are several, fold, a column for each output; log_json= mean and deviation after every\n"
     "round. No model is saved. The first interrupt ends training; the results are those so far\n"
     "(exit code 130)."},
    {"info", gbt_cmd_info, "gbt info model=FILE [--json]", "what a model file holds", ""},
    {"dump", gbt_cmd_dump, "gbt dump model=FILE [format=text|json|dot]",
     "the trees in readable form",
     "A multi-task model is written task by task, as the tree models that predict the same."},
    {"importance", gbt_cmd_importance, "gbt importance model=FILE [--json]",
     "gain, split count and cover of every feature",
     "Of a multi-task model: the mean over its tasks, each by its share of the training rows."},
    {"verify", gbt_cmd_verify, "gbt verify model=FILE [--json]",
     "checksums and structure of a model file", ""},
    {"influence", gbt_cmd_influence,
     "gbt influence config.ini model=FILE train=FILE data=FILE [key=value ...]",
     "which training rows moved which prediction",
     "train= are the rows that the model was trained on, in their order; data= the labelled rows\n"
     "whose predictions are explained. scope=local looks at every row of data= on its own,\n"
     "scope=global at all of them together, scope=self at training rows themselves (no data=).\n"
     "CSV to predictions=, or to standard output:\n"
     "  target     row of data=, counted from 0, or its id (scope=local)\n"
     "  rank       1 for the strongest of its kind; with top_k=0 all rows, most helpful first\n"
     "  row        row of train=, counted from 0, or its id\n"
     "  influence  above 0: without the row the loss of the target is estimated to rise\n"
     "  kind       helpful, harmful, or none\n"
     "  label      of the training row\n"
     "The top_k most helpful rows come first, then the top_k most harmful ones; rows of influence\n"
     "0 are neither. matrix= gets every influence as a NumPy array, float32 [targets x rows].\n"
     "method=ibug with scope=local prints target, location, scale: the middle and the spread of a\n"
     "prediction; the number of neighbors is then chosen on valid=, when that is given."},
    {"multitask", gbt_cmd_multitask,
     "gbt multitask config.ini train=FILE task=COLUMN model=FILE [key=value ...] [--json]",
     "one model for many related tasks",
     "Writes the model and prints the tasks with the weights by which they are outliers, the\n"
     "largest first: task, train_rows, outlier_weight (0 ordinary, 1 outlier; empty when the mode\n"
     "has none), cluster. With data=, metrics on its rows come first, of all rows and of each\n"
     "task, for the mode and for those of compare=, which are trained too but not saved."},
    {"heads", gbt_cmd_heads, "gbt heads config.ini train=FILE model=FILE [key=value ...] [--json]",
     "a network of one hidden layer, trained by boosting",
     "Writes the model, and its weights to export_weights=: hidden_weight [units x inputs],\n"
     "hidden_bias [units], out_weight [outputs x units], out_bias [outputs], as arrays of an .npz\n"
     "file or as lines array,row,column,value of a .csv file. With data=: metrics on its rows, as\n"
     "CSV: metric, value, and the bounds of its 95 % bootstrap interval."},
    {"params", gbt_cmd_params, "gbt params [--ini | --markdown | NAME]", "the parameter table", ""},
};

enum { N_VERBS = (int)(sizeof verbs / sizeof verbs[0]) };

/* Verbs of the plan that this version does not have yet. */
static const char *const later[] = {"explain", "convert"};

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
