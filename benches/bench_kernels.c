/* Time of every step of a tree on one core, beside its target: bench_kernels [rows=1000000]
 * [features=28] [repeats=5] [csv=FILE] [svm=FILE]. Drives the cpu backend level by level on
 * generated rows (255 bins, binary logistic, depth 8). Processor time; the least of the repeats
 * counts, since whatever else runs on the machine only adds. Files, if given, are read for the
 * speed of the readers. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "datasets/synth.h"
#include "gbt/backend/backend.h"
#include "gbt/base/alloc.h"
#include "gbt/gbt.h"

enum { DEPTH = 8, MOST_NODES = 2 << DEPTH, BINS = 255, TREES = 50 };

/* Least seconds over the repeats. */
typedef struct timing {
    double gradients, begin, end, build[DEPTH + 1], search[DEPTH + 1], split[DEPTH];
    int64_t built_rows[DEPTH + 1], searched_bins[DEPTH + 1];
    double bin;
} timing;

typedef struct bench {
    int64_t n_rows;
    int32_t n_features;
    int repeats;
    const char *csv, *svm;
    gbt_params *params;
    gbt_synth_dense data;
    gbt_dataset *dataset;
    double ns_a_cycle; /* 0: not known on this processor */
    timing best;
} bench;

static double least(double a, double b)
{
    return a == 0.0 || b < a ? b : a;
}

/* Processor time: other programs do not count. */
static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A chain of additions, one a cycle. */
static double measure_cycle(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    double best = 0.0;
    for (int repeat = 0; repeat < 5; repeat++) {
        uint64_t x = 1;
        const double start = now();
        for (int i = 0; i < 10000000; i++) {
            __asm__ volatile("add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\t"
                             "add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0"
                             : "+r"(x));
        }
        best = least(best, now() - start);
    }
    return best / 8e7 * 1e9;
#else
    return 0.0;
#endif
}

static void line(const char *step, double value, const char *unit, const char *target)
{
    printf("| %s | %.2f %s | %s |\n", step, value, unit, target);
}

/* ---- One tree, level by level ---------------------------------------------------------------- */

typedef struct level_node {
    int32_t number;
    gbt_sum sum;
    int64_t n_rows;
} level_node;

typedef struct tree_run {
    const gbt_backend_ops *ops;
    gbt_backend *backend;
    level_node node[MOST_NODES];
    gbt_split split[MOST_NODES];
    gbt_search search[MOST_NODES];
    gbt_build build[MOST_NODES];
    gbt_apply apply[MOST_NODES];
    int64_t left_rows[MOST_NODES];
    int32_t n_nodes, n_numbers;
} tree_run;

static gbt_status search_level(tree_run *run, timing *t, int level, int64_t bins)
{
    for (int32_t i = 0; i < run->n_nodes; i++) {
        run->search[i] = (gbt_search){
            .node = run->node[i].number, .sum = run->node[i].sum, .n_rows = run->node[i].n_rows};
    }
    const double start = now();
    GBT_TRY(run->ops->search(run->backend, run->search, run->n_nodes, false, run->split));
    t->search[level] = least(t->search[level], now() - start);
    t->searched_bins[level] = run->n_nodes * bins;
    return GBT_OK;
}

/* Splits what can be split; the children are the next level. */
static gbt_status split_level(tree_run *run, timing *t, int level)
{
    static level_node next[MOST_NODES];
    int32_t n = 0, n_next = 0;
    for (int32_t i = 0; i < run->n_nodes; i++) {
        if (run->split[i].feature >= 0) {
            run->node[n] = run->node[i];
            run->split[n] = run->split[i];
            run->apply[n] = (gbt_apply){run->node[n].number, run->n_numbers, run->n_numbers + 1,
                                        &run->split[n]};
            run->n_numbers += 2;
            n++;
        }
    }
    double start = now();
    GBT_TRY(run->ops->split_rows(run->backend, run->apply, n, run->left_rows));
    t->split[level] = least(t->split[level], now() - start);
    t->built_rows[level + 1] = 0;
    for (int32_t i = 0; i < n; i++) {
        const int64_t left = run->left_rows[i], right = run->node[i].n_rows - left;
        const int32_t a = run->apply[i].left, b = run->apply[i].right;
        next[n_next++] = (level_node){a, run->split[i].left, left};
        next[n_next++] = (level_node){b, run->split[i].right, right};
        run->build[i] =
            (gbt_build){run->node[i].number, left < right ? a : b, left < right ? b : a};
        t->built_rows[level + 1] += left < right ? left : right;
    }
    start = now();
    GBT_TRY(run->ops->build(run->backend, run->build, n));
    t->build[level + 1] = least(t->build[level + 1], now() - start);
    memcpy(run->node, next, (size_t)n_next * sizeof *next);
    run->n_nodes = n_next;
    return GBT_OK;
}

/* A tree of one leaf, so that end_tree updates every score. */
static gbt_status end_tree(tree_run *run, timing *t)
{
    static int32_t place[MOST_NODES];
    gbt_tree *tree = NULL;
    GBT_TRY(gbt_tree_create(1, 0, &tree));
    const double start = now();
    const gbt_status status = run->ops->end_tree(run->backend, 0, tree, place);
    t->end = least(t->end, now() - start);
    gbt_tree_free(tree);
    return status;
}

static gbt_status grow(bench *b, tree_run *run, int32_t round)
{
    timing *t = &b->best;
    const gbt_sample all = {.n_rows = b->n_rows};
    const gbt_build root = {-1, 0, -1};
    gbt_root sum;
    int64_t bins = 0;
    for (int32_t f = 0; f < b->n_features; f++) {
        bins += gbt_dataset_bins(b->dataset, f);
    }
    double start = now();
    GBT_TRY(run->ops->gradients(run->backend));
    t->gradients = least(t->gradients, now() - start);
    start = now();
    GBT_TRY(run->ops->begin_tree(run->backend, round, 0, &all, &sum));
    t->begin = least(t->begin, now() - start);
    start = now();
    GBT_TRY(run->ops->build(run->backend, &root, 1));
    t->build[0] = least(t->build[0], now() - start);
    t->built_rows[0] = b->n_rows;
    run->node[0] = (level_node){0, sum.sum, b->n_rows};
    run->n_nodes = run->n_numbers = 1;
    for (int level = 0; level < DEPTH; level++) {
        GBT_TRY(search_level(run, t, level, bins));
        GBT_TRY(split_level(run, t, level));
    }
    GBT_TRY(search_level(run, t, DEPTH, bins));
    return end_tree(run, t);
}

static gbt_status run_trees(bench *b)
{
    const gbt_backend_config config = {.threads = 1,
                                       .max_nodes = MOST_NODES,
                                       .histogram_bytes = (int64_t)1 << 30,
                                       .regular = {.lambda = 1.0},
                                       .min_child_weight = 1e-3,
                                       .min_child_samples = 20,
                                       .max_cat_to_onehot = 4,
                                       .max_cat_threshold = 64};
    tree_run *run = NULL;
    gbt_objective *objective = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY(GBT_NEW_ZERO(run, 1));
    GBT_TRY_OR_DONE(gbt_backend_find("cpu", &run->ops));
    GBT_TRY_OR_DONE(gbt_objective_create(b->params, &objective));
    GBT_TRY_OR_DONE(
        run->ops->open(&config, b->dataset, objective, b->data.label, NULL, &run->backend));
    for (int32_t round = 0; round < b->repeats; round++) {
        GBT_TRY_OR_DONE(grow(b, run, round));
    }
done:
    if (run->backend) {
        run->ops->close(run->backend);
    }
    gbt_objective_free(objective);
    gbt_release(run);
    return status;
}

static void report_trees(const bench *b)
{
    const timing *t = &b->best;
    double build = 0.0, search = 0.0, split = 0.0, updates = 0.0, bins = 0.0;
    for (int level = 0; level <= DEPTH; level++) {
        build += t->build[level];
        search += t->search[level];
        split += level < DEPTH ? t->split[level] : 0.0;
        updates += (double)t->built_rows[level] * b->n_features;
        bins += (double)t->searched_bins[level];
    }
    const double rows = (double)b->n_rows, cycle = b->ns_a_cycle;
    if (cycle > 0.0) {
        line("histogram, root, per row and feature",
             1e9 * t->build[0] / rows / b->n_features / cycle, "cycles", "1.25");
        line("histogram, all levels", 1e9 * build / updates / cycle, "cycles", "1.25");
    }
    line("histogram, all levels", 1e9 * build / updates, "ns", "");
    line("partition, per row and level", 1e9 * split / rows / DEPTH, "ns", "1.2");
    line("split search, per bin", 1e9 * search / bins, "ns", "0.75");
    line("gradients, fixed point, copy, scores, per row",
         1e9 * (t->gradients + t->begin + t->end) / rows, "ns", "4");
    line("binning, per value", 1e9 * t->bin / rows / b->n_features, "ns", "1.3");
}

/* ---- Whole models, files --------------------------------------------------------------------- */

static gbt_status predict(bench *b, int leaves, const char *target)
{
    char text[32];
    gbt_model *model = NULL;
    float *out = NULL;
    double best = 0.0;
    gbt_status status = GBT_OK;
    const gbt_matrix matrix = {b->data.feature, GBT_F32,       b->n_rows,
                               b->n_features,   b->n_features, 1};
    (void)snprintf(text, sizeof text, "%d", leaves);
    GBT_TRY(gbt_params_set(b->params, "max_leaves", text));
    GBT_TRY_OR_DONE(gbt_train(b->params, b->dataset, NULL, NULL, 0, NULL, NULL, &model));
    GBT_TRY_OR_DONE(GBT_NEW(out, b->n_rows));
    for (int repeat = 0; repeat < b->repeats; repeat++) {
        const double start = now();
        GBT_TRY_OR_DONE(
            gbt_model_predict(model, &matrix, GBT_PREDICT_RAW, 0, 0, 1, out, b->n_rows));
        best = least(best, now() - start);
    }
    (void)snprintf(text, sizeof text, "prediction, %d leaves", leaves);
    line(text, 1e9 * best / (double)b->n_rows / TREES, "ns a row and tree", target);
done:
    gbt_release(out);
    gbt_model_free(model);
    return status;
}

static gbt_status read_file(bench *b, const char *path, const char *target)
{
    struct stat file;
    double best = 0.0;
    if (!path) {
        return GBT_OK;
    }
    if (stat(path, &file) != 0) {
        return gbt_fail(GBT_ERR_IO, "%s: no such file", path);
    }
    for (int repeat = 0; repeat < b->repeats; repeat++) {
        gbt_table *table = NULL;
        const double start = now();
        GBT_TRY(gbt_table_read(b->params, path, NULL, &table));
        best = least(best, now() - start);
        gbt_table_free(table);
    }
    line(path, (double)file.st_size / best / 1e6, "MB/s", target);
    return GBT_OK;
}

static gbt_status make_data(bench *b)
{
    gbt_synth_spec spec = {
        .kind = GBT_SYNTH_HIGGS, .seed = 1, .n_features = b->n_features == 28 ? 0 : b->n_features};
    GBT_TRY(gbt_synth_fill(&spec, b->n_rows, 0, &b->data));
    const gbt_matrix matrix = {b->data.feature, GBT_F32,       b->n_rows,
                               b->n_features,   b->n_features, 1};
    GBT_TRY(gbt_dataset_from_matrix(b->params, &matrix, NULL, NULL, &b->dataset));
    for (int repeat = 0; repeat < b->repeats; repeat++) {
        gbt_dataset *copy = NULL;
        const double start = now();
        GBT_TRY(gbt_dataset_from_matrix(b->params, &matrix, NULL, b->dataset, &copy));
        b->best.bin = least(b->best.bin, now() - start);
        gbt_dataset_free(copy);
    }
    return gbt_dataset_set(b->dataset, GBT_LABEL, b->data.label, GBT_F32, b->n_rows);
}

static gbt_status set_params(bench *b)
{
    static const char *const pair[][2] = {
        {"objective", "binary"}, {"threads", "1"}, {"n_trees", "50"}, {"max_bin", "255"}};
    GBT_TRY(gbt_params_create(&b->params));
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        GBT_TRY(gbt_params_set(b->params, pair[i][0], pair[i][1]));
    }
    return GBT_OK;
}

static gbt_status run(bench *b)
{
    GBT_TRY(set_params(b));
    GBT_TRY(make_data(b));
    b->ns_a_cycle = measure_cycle();
    printf("%lld rows x %d features, %d bins, one thread, least of %d; %.2f GHz\n\n",
           (long long)b->n_rows, (int)b->n_features, BINS, b->repeats,
           b->ns_a_cycle > 0.0 ? 1.0 / b->ns_a_cycle : 0.0);
    printf("| step | measured | target |\n| --- | --- | --- |\n");
    GBT_TRY(run_trees(b));
    report_trees(b);
    GBT_TRY(predict(b, 255, "5"));
    GBT_TRY(predict(b, 64, "1.7"));
    GBT_TRY(read_file(b, b->csv, "800"));
    return read_file(b, b->svm, "600");
}

int main(int argc, char **argv)
{
    static bench b = {.n_rows = 1000000, .n_features = 28, .repeats = 5};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "rows=", 5) == 0) {
            b.n_rows = atoll(argv[i] + 5);
        } else if (strncmp(argv[i], "features=", 9) == 0) {
            b.n_features = atoi(argv[i] + 9);
        } else if (strncmp(argv[i], "repeats=", 8) == 0) {
            b.repeats = atoi(argv[i] + 8);
        } else if (strncmp(argv[i], "csv=", 4) == 0) {
            b.csv = argv[i] + 4;
        } else if (strncmp(argv[i], "svm=", 4) == 0) {
            b.svm = argv[i] + 4;
        } else {
            fprintf(stderr, "bench_kernels: unknown argument '%s'\n", argv[i]);
            return 2;
        }
    }
    const gbt_status status = run(&b);
    if (status != GBT_OK) {
        fprintf(stderr, "bench_kernels: %s\n", gbt_last_error());
    }
    gbt_dataset_free(b.dataset);
    gbt_synth_dense_close(&b.data);
    gbt_params_free(b.params);
    return status == GBT_OK ? 0 : 1;
}
