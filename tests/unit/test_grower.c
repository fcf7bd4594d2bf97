/* Which leaf is split next: best first whatever the batch of the backend, level by level, one
 * split a level; and the limits on leaves, depth and rows. */
#include "gbt/train/grower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/toy.h"

enum { ROWS = 3000, MOST_NODES = 2 * 512, ROUNDS = 3 };

typedef struct setup {
    const char *objective; /* of params */
    toy_label label;
    gbt_growth growth;
    int32_t max_leaves, max_depth;
    int64_t min_child_samples;
    double by_node, subsample;
    double min_split_gain;
} setup;

/* A backend over a toy data set, and a grower. */
typedef struct plot {
    toy data;
    gbt_params *params;
    gbt_dataset *train;
    gbt_objective objective;
    gbt_backend_ops ops; /* a copy with a batch of its own */
    gbt_backend *backend;
    gbt_sampler sampler;
    gbt_grower grower;
    int32_t round;
} plot;

static gbt_grower_config grower_config_of(const setup *s, int32_t batch)
{
    const gbt_grower_config config = {.growth = s->growth,
                                      .max_leaves = s->max_leaves,
                                      .max_depth = s->max_depth,
                                      .batch = batch,
                                      .min_child_samples = s->min_child_samples,
                                      .learning_rate = 0.3,
                                      .regular = {.lambda = 1.0},
                                      .cat_l2 = 10.0};
    return config;
}

static gbt_backend_config backend_config_of(const setup *s, int32_t batch, int64_t histogram_bytes)
{
    const gbt_grower_config grower = grower_config_of(s, batch);
    const gbt_backend_config config = {.threads = 2,
                                       .max_nodes = gbt_grower_max_nodes(&grower),
                                       .histogram_bytes = histogram_bytes,
                                       .seed = 3,
                                       .regular = grower.regular,
                                       .min_child_weight = 1e-3,
                                       .min_split_gain = s->min_split_gain,
                                       .min_child_samples = s->min_child_samples,
                                       .max_cat_to_onehot = 4,
                                       .max_cat_threshold = 64,
                                       .cat_smooth = 10.0,
                                       .cat_l2 = 10.0,
                                       .min_data_per_group = 20};
    return config;
}

static void plot_open(plot *p, const setup *s, const gbt_backend_ops *ops, int32_t batch,
                      int64_t histogram_bytes)
{
    memset(p, 0, sizeof *p);
    toy_make(&p->data, ROWS, s->label, 6);
    p->params = toy_params(s->objective);
    p->train = toy_dataset(&p->data, p->params, NULL, false);
    EXPECT_C_OK(gbt_objective_init(p->params, &p->objective));
    p->ops = *ops;
    const gbt_backend_config backend = backend_config_of(s, batch, histogram_bytes);
    const gbt_grower_config grower = grower_config_of(s, batch);
    const gbt_sampler_config sampler = {.seed = 3,
                                        .subsample = s->subsample,
                                        .subsample_freq = 1,
                                        .by_tree = 1.0,
                                        .by_level = 1.0,
                                        .by_node = s->by_node};
    float *scores = calloc((size_t)ROWS * (size_t)p->objective.n_outputs, sizeof *scores);
    EXPECT_C_OK(p->ops.open(&backend, p->train, &p->objective, p->data.label, NULL, &p->backend));
    EXPECT_C_OK(p->ops.set_scores(p->backend, scores));
    EXPECT_C_OK(gbt_sampler_open(&p->sampler, &sampler, ROWS, TOY_FEATURES));
    EXPECT_C_OK(
        gbt_grower_open(&p->grower, &grower, &p->ops, p->backend, &p->sampler, p->train->cuts));
    free(scores);
}

static void plot_close(plot *p)
{
    gbt_grower_close(&p->grower);
    gbt_sampler_close(&p->sampler);
    p->ops.close(p->backend);
    gbt_dataset_free(p->train);
    gbt_params_free(p->params);
    toy_free(&p->data);
}

/* The next round's tree of output k; the first output of a round computes the gradients. */
static gbt_tree *grow(plot *p, int32_t k)
{
    gbt_tree *tree = NULL;
    if (k == 0) {
        EXPECT_C_OK(p->ops.gradients(p->backend));
        gbt_sampler_draw_rows(&p->sampler, p->round);
    }
    gbt_sampler_draw_tree(&p->sampler, p->round, k);
    const gbt_sample sample = {
        .rows = p->sampler.rows, .n_rows = p->sampler.n_drawn, .features = p->sampler.tree_set};
    EXPECT_C_OK(
        gbt_grower_grow(&p->grower, p->round, k, &sample, p->objective.renews_leaves, &tree));
    p->round += k + 1 == p->objective.n_outputs;
    return tree;
}

/* ---- One tree, whatever the batch ------------------------------------------------------------ */

/* Bytes of all trees of some rounds, then of the scores. */
static void write_rounds(const setup *s, const gbt_backend_ops *ops, int32_t batch,
                         int64_t histogram_bytes, gbt_writer *out)
{
    plot p;
    plot_open(&p, s, ops, batch, histogram_bytes);
    for (int r = 0; r < ROUNDS; r++) {
        for (int32_t k = 0; k < p.objective.n_outputs; k++) {
            gbt_tree *tree = grow(&p, k);
            if (tree) {
                EXPECT_C_OK(gbt_tree_check(tree, p.train->cuts, r));
                gbt_tree_write(out, tree);
            }
            gbt_tree_free(tree);
        }
    }
    const int64_t n = (int64_t)ROWS * p.objective.n_outputs;
    float *scores = malloc((size_t)n * sizeof *scores);
    EXPECT_C_OK(p.ops.scores(p.backend, scores));
    gbt_write_bytes(out, scores, (size_t)n * sizeof *scores);
    free(scores);
    plot_close(&p);
}

static const setup leafwise[] = {
    {"objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 31, 0, 20, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_LEAFWISE, 200, 0, 5, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_LEAFWISE, 2, 0, 1, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_LEAFWISE, 3, 0, 1, 1.0, 1.0, 0.0},
    {"objective=multiclass num_class=3", TOY_CLASSES, GBT_GROW_LEAFWISE, 17, 4, 20, 1.0, 0.7, 0.0},
    {"objective=mae", TOY_QUANTITY, GBT_GROW_LEAFWISE, 40, 0, 30, 0.5, 0.5,
     0.0}, /* renewed leaves */
    {"objective=quantile quantile=0.9", TOY_QUANTITY, GBT_GROW_LEAFWISE, 300, 7, 1, 0.7, 1.0, 0.5},
};

enum { N_LEAFWISE = (int)(sizeof leafwise / sizeof leafwise[0]) };

static void expect_batch_does_not_matter(const gbt_backend_ops *ops, int64_t histogram_bytes)
{
    static const int32_t batches[] = {2, 3, 8, 64, 1000};
    for (int i = 0; i < N_LEAFWISE; i++) {
        gbt_writer one = {0};
        write_rounds(&leafwise[i], ops, 1, (int64_t)64 << 20, &one);
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            gbt_writer many = {0};
            write_rounds(&leafwise[i], ops, batches[b], histogram_bytes, &many);
            if (!EXPECT_C_TRUE(one.size == many.size &&
                               memcmp(one.data, many.data, one.size) == 0)) {
                printf("case %d, batch %d\n", i, (int)batches[b]);
            }
            gbt_writer_close(&many);
        }
        gbt_writer_close(&one);
    }
}

TEST_C(Grower, LeavesSplitInAdvanceNeverChangeTheTree)
{
    expect_batch_does_not_matter(&gbt_backend_cpu, (int64_t)64 << 20);
}

TEST_C(Grower, NorDoTheyOnTheReferenceBackend)
{
    expect_batch_does_not_matter(&gbt_backend_ref, (int64_t)64 << 20);
}

/* Histograms that were dropped for want of memory are built again. */
TEST_C(Grower, NorDoTheyWithTheSmallestHistogramPool)
{
    expect_batch_does_not_matter(&gbt_backend_cpu, 1);
}

/* That is not for want of trying: leaves are split that the tree does not keep, within the room
 * for nodes. */
TEST_C(Grower, ALargeBatchSplitsLeavesInAdvance)
{
    int n_with_spare = 0;
    for (int32_t batch = 16; batch <= 64; batch *= 2) {
        plot p;
        plot_open(&p, &leafwise[0], &gbt_backend_cpu, batch, (int64_t)64 << 20);
        for (int r = 0; r < ROUNDS; r++) {
            gbt_tree *tree = grow(&p, 0);
            n_with_spare += p.grower.n_nodes > tree->n_nodes;
            EXPECT_C_TRUE(p.grower.n_nodes <= p.grower.max_nodes);
            gbt_tree_free(tree);
        }
        plot_close(&p);
    }
    EXPECT_C_EQ_INT(n_with_spare, 3 * ROUNDS);
}

/* ---- The shape of the tree ------------------------------------------------------------------- */

typedef struct anatomy {
    int32_t parent[MOST_NODES], depth[MOST_NODES];
    int64_t rows[MOST_NODES]; /* that pass the node, counted by walking */
    int32_t kept[MOST_NODES]; /* inner nodes in the order in which they were split */
    int32_t n_kept;
} anatomy;

/* Children are numbered in the order of the splits, so the left child tells when a node was
 * split. */
static void dissect(const gbt_tree *tree, const plot *p, anatomy *a)
{
    memset(a, 0, sizeof *a);
    a->parent[0] = -1;
    for (int32_t child = 1; child < tree->n_nodes; child += 2) {
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            if (tree->feature[node] >= 0 && tree->left[node] == child) {
                EXPECT_C_EQ_INT(tree->right[node], child + 1);
                a->kept[a->n_kept++] = node;
                a->parent[child] = a->parent[child + 1] = node;
                a->depth[child] = a->depth[child + 1] = a->depth[node] + 1;
            }
        }
    }
    for (int64_t row = 0; row < ROWS; row++) {
        int32_t node = 0;
        a->rows[0]++;
        while (tree->feature[node] >= 0) {
            const int32_t f = tree->feature[node];
            const int32_t bin = gbt_bins_at(&p->train->bins, row, f);
            node = gbt_tree_goes_left(tree, node, bin, p->train->cuts->n_bins[f])
                       ? tree->left[node]
                       : tree->right[node];
            a->rows[node]++;
        }
    }
}

/* Row counts are those of a walk, no leaf is too small, no path too deep, not too many leaves. */
static void expect_limits(const gbt_tree *tree, const setup *s, const anatomy *a)
{
    int32_t n_wrong = 0, deepest = 0;
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        n_wrong += (int64_t)tree->rows[node] != a->rows[node];
        n_wrong += tree->feature[node] < 0 && a->rows[node] < s->min_child_samples;
        deepest = a->depth[node] > deepest ? a->depth[node] : deepest;
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    EXPECT_C_EQ_INT(a->n_kept, tree->n_leaves - 1);
    EXPECT_C_TRUE(s->max_depth == 0 || deepest <= s->max_depth);
    EXPECT_C_TRUE(tree->n_leaves <= s->max_leaves);
}

static const setup shapes[] = {
    {"objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 31, 0, 20, 1.0, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 500, 0, 77, 1.0, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 500, 4, 1, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_LEAFWISE, 64, 0, 1, 0.3, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_DEPTHWISE, 22, 0, 20, 1.0, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_DEPTHWISE, 500, 5, 3, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_DEPTHWISE, 7, 0, 50, 1.0, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_SYMMETRIC, 64, 6, 1, 1.0, 1.0, 0.0},
    {"objective=binary", TOY_BINARY, GBT_GROW_SYMMETRIC, 64, 6, 100, 1.0, 1.0, 0.0},
    {"objective=regression", TOY_QUANTITY, GBT_GROW_SYMMETRIC, 16, 4, 20, 0.5, 1.0, 0.0},
};

enum { N_SHAPES = (int)(sizeof shapes / sizeof shapes[0]) };

typedef void (*tree_check)(const gbt_tree *, const setup *, const anatomy *);

/* Applies the check to some trees of every setup of the growth (-1: of all). */
static void on_trees(int growth, tree_check check)
{
    static anatomy a;
    for (int i = 0; i < N_SHAPES; i++) {
        plot p;
        if (growth >= 0 && (int)shapes[i].growth != growth) {
            continue;
        }
        plot_open(&p, &shapes[i], &gbt_backend_cpu, gbt_backend_cpu.batch(2), (int64_t)64 << 20);
        for (int r = 0; r < ROUNDS; r++) {
            gbt_tree *tree = grow(&p, 0);
            EXPECT_C_TRUE(tree->n_leaves > 1);
            dissect(tree, &p, &a);
            check(tree, &shapes[i], &a);
            gbt_tree_free(tree);
        }
        plot_close(&p);
    }
}

TEST_C(Grower, LimitsOnRowsDepthAndLeavesAreExact)
{
    on_trees(-1, expect_limits);
}

/* A node that was open all the time and split later had no larger gain. */
static void expect_best_first(const gbt_tree *tree, const setup *s, const anatomy *a)
{
    int32_t n_wrong = 0;
    (void)s;
    for (int32_t i = 0; i < a->n_kept; i++) {
        for (int32_t j = i + 1; j < a->n_kept; j++) {
            bool was_open = a->parent[a->kept[j]] < 0;
            for (int32_t before = 0; before < i; before++) {
                was_open = was_open || a->kept[before] == a->parent[a->kept[j]];
            }
            n_wrong += was_open && tree->gain[a->kept[j]] > tree->gain[a->kept[i]];
        }
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
}

TEST_C(Grower, LeafwiseIsBestFirst)
{
    on_trees(GBT_GROW_LEAFWISE, expect_best_first);
}

/* Levels come one after the other, the nodes of a level by gain: the leaves that run out are the
 * worst. */
static void expect_levels(const gbt_tree *tree, const setup *s, const anatomy *a)
{
    int32_t n_wrong = 0;
    for (int32_t i = 1; i < a->n_kept; i++) {
        const int32_t before = a->kept[i - 1], node = a->kept[i];
        n_wrong += a->depth[node] < a->depth[before];
        n_wrong += a->depth[node] == a->depth[before] && tree->gain[node] > tree->gain[before];
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    if (s->max_leaves < 100) {
        EXPECT_C_EQ_INT(tree->n_leaves, s->max_leaves); /* binding, in the middle of a level */
    }
}

TEST_C(Grower, DepthwiseGoesLevelByLevelAndTakesTheBestWhenLeavesRunOut)
{
    on_trees(GBT_GROW_DEPTHWISE, expect_levels);
}

static bool is_same_split(const gbt_tree *tree, int32_t a, int32_t b)
{
    if (tree->feature[a] != tree->feature[b] || tree->flags[a] != tree->flags[b]) {
        return false;
    }
    return tree->flags[a] & GBT_NODE_CATEGORICAL
               ? memcmp(tree->sets + (int64_t)tree->set[a] * GBT_SET_WORDS,
                        tree->sets + (int64_t)tree->set[b] * GBT_SET_WORDS,
                        GBT_SET_WORDS * sizeof *tree->sets) == 0
               : tree->bin[a] == tree->bin[b];
}

/* In order, the splits make at most max_depth runs of equal ones, and every path meets each run
 * once. (A node in which a level's split is not admissible stays whole and may take that of a
 * later level.) */
static void expect_one_split_a_level(const gbt_tree *tree, const setup *s, const anatomy *a)
{
    int32_t level[MOST_NODES] = {0};
    int32_t n_levels = 0, n_wrong = 0;
    for (int32_t i = 0; i < a->n_kept; i++) {
        const int32_t node = a->kept[i], parent = a->parent[node];
        const bool starts = i == 0 || !is_same_split(tree, node, a->kept[i - 1]) ||
                            (parent >= 0 && level[parent] == n_levels);
        n_levels += starts;
        level[node] = n_levels;
        n_wrong += parent >= 0 && level[parent] >= n_levels;
    }
    EXPECT_C_EQ_INT(n_wrong, 0);
    EXPECT_C_TRUE(n_levels > 1 && n_levels <= s->max_depth);
}

TEST_C(Grower, SymmetricTreesHaveOneSplitALevel)
{
    on_trees(GBT_GROW_SYMMETRIC, expect_one_split_a_level);
}

/* ---- Roots that stay leaves ------------------------------------------------------------------ */

TEST_C(Grower, ARootThatCannotBeSplitIsALeafOfTheWholeMean)
{
    static const gbt_growth growths[] = {GBT_GROW_LEAFWISE, GBT_GROW_DEPTHWISE, GBT_GROW_SYMMETRIC};
    for (int g = 0; g < 3; g++) {
        for (int why = 0; why < 2; why++) { /* too few rows, or no gain large enough */
            setup s = {"objective=regression", TOY_QUANTITY, growths[g], 8, 3, 20, 1.0, 1.0, 0.0};
            plot p;
            double sum = 0.0;
            s.min_child_samples = why == 0 ? ROWS / 2 + 1 : 20;
            s.min_split_gain = why == 0 ? 0.0 : 1e12;
            plot_open(&p, &s, &gbt_backend_cpu, 8, (int64_t)64 << 20);
            gbt_tree *tree = grow(&p, 0);
            for (int i = 0; i < ROWS; i++) {
                sum += (double)p.data.label[i];
            }
            EXPECT_C_TRUE(tree->n_nodes == 1 && tree->n_leaves == 1 && tree->feature[0] == -1);
            EXPECT_C_EQ_INT(tree->rows[0], ROWS);
            EXPECT_C_NEAR((double)tree->value[0], 0.3 * sum / (ROWS + 1.0),
                          1e-4); /* lambda = 1, shrunk */
            gbt_tree_free(tree);
            plot_close(&p);
        }
    }
}

TEST_C(Grower, ExactlyTwiceTheSmallestLeafCanBeSplit)
{
    setup s = {
        "objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 8, 0, ROWS / 2, 1.0, 1.0, 0.0};
    plot p;
    plot_open(&p, &s, &gbt_backend_cpu, 1, (int64_t)64 << 20);
    for (int64_t i = 0; i < ROWS; i++) { /* a median cut exists only by accident: make one */
        p.data.x[i * TOY_FEATURES] = i < ROWS / 2 ? -1.0f : 1.0f;
        p.data.label[i] = i < ROWS / 2 ? -1.0f : 1.0f;
    }
    toy made = p.data;
    gbt_dataset *halves = toy_dataset(&made, p.params, NULL, false);
    gbt_backend *backend = NULL;
    gbt_grower grower;
    const gbt_backend_config config = backend_config_of(&s, 1, (int64_t)64 << 20);
    const gbt_grower_config grower_config = grower_config_of(&s, 1);
    float *scores = calloc(ROWS, sizeof *scores);
    gbt_tree *tree = NULL;
    const gbt_sample sample = {.rows = NULL, .n_rows = ROWS, .features = NULL};
    EXPECT_C_OK(gbt_backend_cpu.open(&config, halves, &p.objective, made.label, NULL, &backend));
    EXPECT_C_OK(gbt_grower_open(&grower, &grower_config, &gbt_backend_cpu, backend, &p.sampler,
                                halves->cuts));
    EXPECT_C_OK(gbt_backend_cpu.set_scores(backend, scores));
    EXPECT_C_OK(gbt_backend_cpu.gradients(backend));
    EXPECT_C_OK(gbt_grower_grow(&grower, 0, 0, &sample, p.objective.renews_leaves, &tree));
    EXPECT_C_EQ_INT(tree->n_leaves, 2);
    EXPECT_C_TRUE(tree->rows[1] == ROWS / 2 && tree->rows[2] == ROWS / 2 && tree->feature[0] == 0);
    gbt_tree_free(tree);
    gbt_grower_close(&grower);
    gbt_backend_cpu.close(backend);
    gbt_dataset_free(halves);
    free(scores);
    plot_close(&p);
}

TEST_C(Grower, ANotFiniteLeafIsANumericFailure)
{
    setup s = {"objective=regression", TOY_QUANTITY, GBT_GROW_LEAFWISE, 8, 0, 20, 1.0, 1.0, 0.0};
    plot p;
    gbt_tree *tree = NULL;
    float *grad = malloc(ROWS * sizeof *grad), *hess = malloc(ROWS * sizeof *hess);
    plot_open(&p, &s, &gbt_backend_cpu, 1, (int64_t)64 << 20);
    p.grower.config.regular.lambda = 0.0;
    for (int i = 0; i < ROWS; i++) {
        grad[i] = 3e38f;
        hess[i] = 1e-30f;
    }
    const gbt_sample sample = {.rows = NULL, .n_rows = ROWS, .features = NULL};
    EXPECT_C_OK(p.ops.set_gradients(p.backend, grad, hess));
    EXPECT_C_STATUS(gbt_grower_grow(&p.grower, 4, 0, &sample, p.objective.renews_leaves, &tree),
                    GBT_ERR_NUMERIC);
    EXPECT_C_TRUE(tree == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "round 4");
    free(grad);
    free(hess);
    plot_close(&p);
}
