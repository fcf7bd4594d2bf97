/* The ref backend against the definition of backend.h, written a second time over raw rows: every
 * candidate is a gbt_split, its left side is whatever rows go left, counted one by one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/backend/backend.h"
#include "tests/support/backend_case.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

enum { MOST_ROWS = 120, MOST_NODES = 64, ALL_BINS = 256 };

typedef struct sums {
    int64_t grad, hess, rows;
} sums;

/* A tree that grows in ref and, row by row, here. */
typedef struct world {
    const backend_case *c;
    gbt_backend *ref;
    gbt_root root;
    const uint32_t *features; /* of the tree's sample, or NULL */
    int32_t grad[MOST_ROWS], hess[MOST_ROWS];
    int32_t node_of_row[MOST_ROWS]; /* -1: not in the sample */
    double weight[MOST_NODES];
} world;

static sums add(sums a, sums b)
{
    return (sums){a.grad + b.grad, a.hess + b.hess, a.rows + b.rows};
}

static sums minus(sums a, sums b)
{
    return (sums){a.grad - b.grad, a.hess - b.hess, a.rows - b.rows};
}

static int32_t bin_of(const world *w, int64_t row, int32_t feature)
{
    return gbt_bins_at(&w->c->data.bins, row, feature);
}

/* Rows of a node that go left (split = NULL: all). */
static sums sums_of(const world *w, int32_t node, const gbt_split *split)
{
    sums total = {0, 0, 0};
    for (int64_t row = 0; row < w->c->data.n_rows; row++) {
        if (w->node_of_row[row] != node) {
            continue;
        }
        if (split == NULL || gbt_split_goes_left(split, bin_of(w, row, split->feature),
                                                 w->c->cuts.n_bins[split->feature])) {
            total = add(total, (sums){w->grad[row], w->hess[row], 1});
        }
    }
    return total;
}

/* Rows of some nodes in one bin. */
static sums sums_of_bin(const world *w, const int32_t *nodes, int32_t n, int32_t feature,
                        int32_t bin)
{
    sums total = {0, 0, 0};
    for (int64_t row = 0; row < w->c->data.n_rows; row++) {
        for (int32_t i = 0; i < n; i++) {
            if (w->node_of_row[row] == nodes[i] && bin_of(w, row, feature) == bin) {
                total = add(total, (sums){w->grad[row], w->hess[row], 1});
            }
        }
    }
    return total;
}

static gbt_side side_of(const world *w, sums s)
{
    return (gbt_side){(double)s.grad * w->root.quant.grad_unit,
                      (double)s.hess * w->root.quant.hess_unit, (double)s.rows};
}

/* The contest of candidates of one search. */
typedef struct contest {
    const world *w;
    const int32_t *nodes; /* [n] */
    int32_t n;
    bool is_common, has_best;
    double best_score;
    gbt_split best[MOST_NODES];
} contest;

static void enter(contest *k, const gbt_split *candidate, double cat_l2)
{
    const gbt_backend_config *config = &k->w->c->config;
    gbt_split result[MOST_NODES];
    double score = 0.0;
    bool counts = false;
    for (int32_t i = 0; i < k->n; i++) {
        const sums all = sums_of(k->w, k->nodes[i], NULL);
        const sums left = sums_of(k->w, k->nodes[i], candidate);
        const sums right = minus(all, left);
        gbt_regular regular = config->regular;
        regular.lambda += cat_l2;
        memset(&result[i], 0, sizeof result[i]);
        result[i].feature = -1;
        if (left.rows == 0 || right.rows == 0 || left.rows < config->min_child_samples ||
            right.rows < config->min_child_samples) {
            continue;
        }
        const gbt_side l = side_of(k->w, left);
        const gbt_side r = side_of(k->w, right);
        if (l.hess < config->min_child_weight || r.hess < config->min_child_weight ||
            l.hess + regular.lambda <= 0.0 || r.hess + regular.lambda <= 0.0) {
            continue;
        }
        const double weight = k->w->weight[k->nodes[i]];
        const double node = gbt_node_gain(side_of(k->w, all), &config->regular, weight);
        const double sides = gbt_split_gain(l, r, &regular, weight);
        if (!(sides > gbt_gain_floor(node, config->min_split_gain))) {
            continue;
        }
        result[i] = *candidate;
        result[i].gain = sides - node;
        result[i].left = (gbt_sum){left.grad, left.hess};
        result[i].right = (gbt_sum){right.grad, right.hess};
        counts = true;
        score += k->is_common ? (sides - node > 0.0 ? sides - node : 0.0) : sides;
    }
    if (counts && (!k->has_best || score > k->best_score)) {
        k->has_best = true;
        k->best_score = score;
        memcpy(k->best, result, sizeof result);
    }
}

static void enter_numeric(contest *k, int32_t feature)
{
    const int32_t n_bins = k->w->c->cuts.n_bins[feature];
    const sums missing = sums_of_bin(k->w, k->nodes, k->n, feature, n_bins);
    for (int32_t bin = 0; bin < n_bins; bin++) {
        gbt_split right = {.feature = feature, .bin = (uint8_t)bin};
        gbt_split left = right;
        left.missing_left = 1;
        if (missing.grad != 0 || missing.hess != 0) {
            enter(k, &right, 0.0);
            enter(k, &left, 0.0);
        } else if (bin < n_bins - 1) {
            sums low = {0, 0, 0};
            sums all = {0, 0, 0};
            for (int32_t i = 0; i < k->n; i++) {
                low = add(low, sums_of(k->w, k->nodes[i], &right));
                all = add(all, sums_of(k->w, k->nodes[i], NULL));
            }
            enter(k, low.hess >= all.hess - low.hess ? &left : &right, 0.0);
        }
    }
}

typedef struct ranked {
    double key;
    int32_t bin;
    int64_t rows;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->bin < y->bin ? -1 : 1;
}

static void enter_prefixes(contest *k, int32_t feature, const ranked *order, int32_t n,
                           bool from_low, int64_t all_rows)
{
    const gbt_backend_config *config = &k->w->c->config;
    int64_t counted = 0; /* rows of the last prefix that counted */
    for (int32_t size = 1; size < n && size <= config->max_cat_threshold; size++) {
        gbt_split candidate = {.feature = feature, .categorical = 2};
        int64_t rows = 0;
        for (int32_t i = 0; i < size; i++) {
            const ranked *one = &order[from_low ? i : n - 1 - i];
            candidate.left_set[one->bin / 32] |= 1u << (one->bin % 32);
            rows += one->rows;
        }
        if (rows - counted >= config->min_data_per_group &&
            all_rows - rows >= config->min_data_per_group) {
            enter(k, &candidate, config->cat_l2);
            counted = rows;
        }
    }
}

static void enter_categorical(contest *k, int32_t feature)
{
    const gbt_backend_config *config = &k->w->c->config;
    ranked order[ALL_BINS];
    int32_t n_present = 0;
    int32_t n = 0;
    int64_t all_rows = 0;
    for (int32_t bin = 0; bin <= k->w->c->cuts.n_bins[feature]; bin++) {
        n_present += sums_of_bin(k->w, k->nodes, k->n, feature, bin).rows > 0;
    }
    for (int32_t bin = 0; bin <= k->w->c->cuts.n_bins[feature]; bin++) {
        const sums s = sums_of_bin(k->w, k->nodes, k->n, feature, bin);
        const gbt_side side = side_of(k->w, s);
        all_rows += s.rows;
        if (s.rows == 0) {
            continue;
        }
        if (n_present <= config->max_cat_to_onehot) {
            gbt_split candidate = {.feature = feature, .categorical = 1};
            candidate.left_set[bin / 32] |= 1u << (bin % 32);
            enter(k, &candidate, 0.0);
        } else if ((double)s.rows >= config->cat_smooth) {
            const double den = side.hess + config->cat_smooth;
            order[n++] = (ranked){den > 0.0 ? side.grad / den : 0.0, bin, s.rows};
        }
    }
    qsort(order, (size_t)n, sizeof order[0], compare_ranked);
    enter_prefixes(k, feature, order, n, true, all_rows);
    enter_prefixes(k, feature, order, n, false, all_rows);
}

static void hold_contest(contest *k, const uint32_t *features)
{
    for (int32_t i = 0; i < k->n; i++) {
        memset(&k->best[i], 0, sizeof k->best[i]);
        k->best[i].feature = -1;
    }
    for (int32_t f = 0; f < k->w->c->cuts.n_features; f++) {
        if ((k->w->features != NULL && !gbt_set_has(k->w->features, f)) ||
            (features != NULL && !gbt_set_has(features, f))) {
            continue;
        }
        if (k->w->c->cuts.is_categorical[f]) {
            enter_categorical(k, f);
        } else {
            enter_numeric(k, f);
        }
    }
}

static bool split_equal(const gbt_split *a, const gbt_split *b)
{
    return a->feature == b->feature && a->bin == b->bin && a->categorical == b->categorical &&
           a->missing_left == b->missing_left &&
           memcmp(a->left_set, b->left_set, sizeof a->left_set) == 0 &&
           memcmp(&a->gain, &b->gain, sizeof a->gain) == 0 &&
           memcmp(&a->left, &b->left, sizeof a->left) == 0 &&
           memcmp(&a->right, &b->right, sizeof a->right) == 0;
}

/* What the searches of many cases found, so that a test can see that it saw everything. */
typedef struct tally {
    int none, numeric, one_hot, sorted, missing_left;
} tally;

static void count_split(tally *t, const gbt_split *split)
{
    t->none += split->feature < 0;
    t->numeric += split->feature >= 0 && split->categorical == 0;
    t->one_hot += split->categorical == 1;
    t->sorted += split->categorical == 2;
    t->missing_left += split->missing_left;
}

/* Searches n nodes in ref and here; `found` receives ref's. */
static bool search_agrees(world *w, const int32_t *nodes, int32_t n, bool is_common,
                          const uint32_t *features, gbt_split *found)
{
    static contest k; /* large */
    gbt_search tasks[MOST_NODES];
    for (int32_t i = 0; i < n; i++) {
        const sums s = sums_of(w, nodes[i], NULL);
        const gbt_sum sum = {s.grad, s.hess};
        w->weight[nodes[i]] = nodes[i] == 0
                                  ? gbt_leaf_weight(side_of(w, s), &w->c->config.regular, 0.0)
                                  : w->weight[nodes[i]];
        tasks[i] = (gbt_search){nodes[i], features, sum, s.rows, w->weight[nodes[i]]};
    }
    if (gbt_backend_ref.search(w->ref, tasks, n, is_common, found) != GBT_OK) {
        return false;
    }
    for (int32_t i = 0; i < (is_common ? 1 : n); i++) {
        memset(&k, 0, sizeof k);
        k.w = w;
        k.nodes = nodes + i;
        k.n = is_common ? n : 1;
        k.is_common = is_common;
        hold_contest(&k, features);
        for (int32_t j = 0; j < k.n; j++) {
            if (!split_equal(&k.best[j], &found[i + j])) {
                return false;
            }
        }
    }
    return true;
}

/* Splits the rows of one node in ref and here; the children's weights follow from their sums. */
static bool split_agrees(world *w, int32_t node, int32_t child, const gbt_split *split)
{
    const gbt_apply apply = {node, child, child + 1, split};
    const gbt_build build = {node, child, child + 1};
    const sums left = sums_of(w, node, split);
    const sums right = minus(sums_of(w, node, NULL), left);
    int64_t left_rows = -1;
    if (gbt_backend_ref.split_rows(w->ref, &apply, 1, &left_rows) != GBT_OK ||
        gbt_backend_ref.build(w->ref, &build, 1) != GBT_OK || left_rows != left.rows) {
        return false;
    }
    for (int64_t row = 0; row < w->c->data.n_rows; row++) {
        if (w->node_of_row[row] == node) {
            const int32_t bin = bin_of(w, row, split->feature);
            const bool is_left = gbt_split_goes_left(split, bin, w->c->cuts.n_bins[split->feature]);
            w->node_of_row[row] = is_left ? child : child + 1;
        }
    }
    w->weight[child] = gbt_leaf_weight(side_of(w, left), &w->c->config.regular, w->weight[node]);
    w->weight[child + 1] =
        gbt_leaf_weight(side_of(w, right), &w->c->config.regular, w->weight[node]);
    return true;
}

/* Quantised gradients as quantise.h and backend.h define them. */
static void quantise(world *w, const float *grad, const float *hess, int32_t round, int32_t output)
{
    const gbt_backend_config *config = &w->c->config;
    const int64_t n = w->c->data.n_rows;
    float grad_most = 0.0f;
    float hess_most = 0.0f;
    for (int64_t row = 0; row < n; row++) {
        grad_most = fmaxf(grad_most, fabsf(grad[row]));
        hess_most = fmaxf(hess_most, hess[row]);
    }
    const int32_t bits =
        gbt_quant_bits(config->gradient_bits, grad_most, gbt_quant_squares(grad, (int32_t)n),
                       hess_most, gbt_quant_squares(hess, (int32_t)n), n);
    const uint64_t key =
        gbt_rng_key(config->seed, (uint64_t)round, (uint64_t)output, GBT_RNG_ROUNDING);
    const gbt_quant q =
        gbt_quant_make(grad_most, hess_most, bits, config->rounds_to_nearest, (uint32_t)key);
    for (int64_t row = 0; row < n; row++) {
        gbt_quant_row(&q, grad[row], hess[row], (uint32_t)row, &w->grad[row], &w->hess[row]);
    }
}

/* Opens ref with gradients of the case (from the objective unless it brings its own) and begins a
 * tree over every third row left out. */
static gbt_status begin(world *w, const backend_case *c, gbt_sample *sample, uint32_t *rows,
                        float *grad, float *hess)
{
    const int64_t n = c->data.n_rows;
    const bool is_sampled = c->row_rate < 1.0 && n > 3;
    const gbt_build root = {-1, 0, -1};
    memset(w, 0, sizeof *w);
    w->c = c;
    GBT_TRY(
        gbt_backend_ref.open(&c->config, &c->data, &c->objective, c->target, c->weight, &w->ref));
    GBT_TRY(gbt_backend_ref.set_scores(w->ref, c->scores));
    if (c->sets_gradients) {
        GBT_TRY(gbt_backend_ref.set_gradients(w->ref, c->grad, c->hess));
        memcpy(grad, c->grad, (size_t)n * sizeof *grad);
        memcpy(hess, c->hess, (size_t)n * sizeof *hess);
    } else {
        GBT_TRY(gbt_backend_ref.gradients(w->ref));
        gbt_objective_gpairs(&c->objective, c->scores, c->target, c->weight, n, 0, n, grad, hess);
    }
    quantise(w, grad, hess, 3, 0);
    sample->n_rows = 0;
    for (int64_t row = 0; row < n; row++) {
        w->node_of_row[row] = is_sampled && row % 3 == 1 ? -1 : 0;
        if (w->node_of_row[row] == 0) {
            rows[sample->n_rows++] = (uint32_t)row;
        }
    }
    sample->rows = is_sampled ? rows : NULL;
    GBT_TRY(gbt_backend_ref.begin_tree(w->ref, 3, 0, sample, &w->root));
    return gbt_backend_ref.build(w->ref, &root, 1);
}

/* Grows up to MOST_NODES nodes, level by level, and checks every answer. */
static bool growth_agrees(world *w, const uint32_t *features, tally *seen)
{
    int32_t level[MOST_NODES] = {0};
    gbt_split found[MOST_NODES];
    int32_t n = 1;
    int32_t n_nodes = 1;
    while (n > 0) {
        int32_t next[MOST_NODES];
        int32_t n_next = 0;
        if (!search_agrees(w, level, n, w->c->is_common, features, found)) {
            return false;
        }
        for (int32_t i = 0; i < n; i++) {
            count_split(seen, &found[i]);
            if (found[i].feature >= 0 && n_nodes + 2 <= w->c->config.max_nodes) {
                if (!split_agrees(w, level[i], n_nodes, &found[i])) {
                    return false;
                }
                next[n_next++] = n_nodes;
                next[n_next++] = n_nodes + 1;
                n_nodes += 2;
            }
        }
        memcpy(level, next, sizeof level);
        n = n_next;
    }
    return true;
}

/* Grows one tree of the case; says what disagrees. */
static const char *case_fault(const backend_case *c, tally *seen)
{
    static world w; /* large */
    static float grad[3 * MOST_ROWS], hess[3 * MOST_ROWS];
    uint32_t rows[MOST_ROWS];
    uint32_t features[1] = {(uint32_t)gbt_rng_mix(c->seed)};
    gbt_sample sample = {0};
    const char *fault = NULL;
    if (begin(&w, c, &sample, rows, grad, hess) != GBT_OK) {
        fault = gbt_last_error();
    } else {
        const sums all = sums_of(&w, 0, NULL);
        if (all.grad != w.root.sum.grad || all.hess != w.root.sum.hess ||
            all.rows != w.root.n_rows) {
            fault = "the root's sums";
        } else if (!growth_agrees(&w, c->node_feature_rate < 1.0 ? features : NULL, seen)) {
            fault = "a search or a split";
        }
    }
    gbt_backend_ref.close(w.ref);
    return fault;
}

TEST_C(BackendRef, FindsWhatEnumeratingAllSplitsOfTheRawRowsFinds)
{
    const case_limits limits = {.max_rows = MOST_ROWS, .max_features = 5, .max_cells = 500};
    tally separate = {0};
    tally common = {0};
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        backend_case c;
        char message[1024];
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        c.config.max_nodes = c.config.max_nodes < 24 ? c.config.max_nodes : 24;
        const char *fault = backend_case_fault(&c);
        if (fault == NULL) {
            fault = case_fault(&c, c.is_common ? &common : &separate);
        }
        if (fault != NULL) {
            backend_case_describe(&c, message, sizeof message - 100);
            snprintf(message + strlen(message), 100, ": %s", fault);
            FAIL_C(message);
        }
        backend_case_close(&c);
    }
    EXPECT_C_TRUE(separate.numeric > 100 && common.numeric > 50);
    EXPECT_C_TRUE(separate.one_hot > 10 && common.one_hot > 5);
    EXPECT_C_TRUE(separate.sorted > 10 && common.sorted > 5);
    EXPECT_C_TRUE(separate.none > 100 && common.none > 20);
    EXPECT_C_TRUE(separate.missing_left > 50 && common.missing_left > 20);
}

/* A tree by hand: the root splits feature 0, its right child is leaf 1. */
static gbt_tree *small_tree(const gbt_split *split)
{
    gbt_tree *tree = NULL;
    if (gbt_tree_create(3, split->categorical != 0, &tree) != GBT_OK) {
        return NULL;
    }
    tree->feature[0] = split->feature;
    tree->feature[1] = tree->feature[2] = -1;
    tree->left[0] = 1;
    tree->right[0] = 2;
    tree->left[2] = 1;
    tree->right[1] = tree->right[2] = -1;
    tree->bin[0] = split->bin;
    tree->flags[0] = (uint8_t)((split->categorical ? GBT_NODE_CATEGORICAL : 0) |
                               (split->missing_left ? GBT_NODE_MISSING_LEFT : 0));
    tree->set[0] = split->categorical ? 0 : -1;
    if (split->categorical) {
        memcpy(tree->sets, split->left_set, sizeof split->left_set);
    }
    tree->value[1] = 0.625f;
    tree->value[2] = -3.1f;
    return tree;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Unweighted quantile of a node's residuals by sorting. */
static float quantile_of(const world *w, int32_t node)
{
    float value[MOST_ROWS];
    int64_t n = 0;
    for (int64_t row = 0; row < w->c->data.n_rows; row++) {
        if (w->node_of_row[row] == node) {
            value[n++] = w->c->target[row] - w->c->scores[row];
        }
    }
    qsort(value, (size_t)n, sizeof value[0], compare_floats);
    const double reach = w->c->objective.renew_level * (double)n;
    int64_t k = (int64_t)ceil(reach);
    k = k < 1 ? 1 : k;
    if ((double)k == reach && k < n) {
        return (float)(0.5 * ((double)value[k - 1] + (double)value[k]));
    }
    return value[k - 1];
}

/* One split, then renewed leaves and new scores. 0: no split to test, 1: right, -1: wrong. */
static int finish_agrees(const backend_case *c)
{
    static world w; /* large */
    static float grad[3 * MOST_ROWS], hess[3 * MOST_ROWS], scores[3 * MOST_ROWS];
    uint32_t rows[MOST_ROWS];
    const int32_t root[1] = {0};
    int32_t leaf_of_node[MOST_NODES] = {-1, 0, 1};
    int32_t tree_node[MOST_NODES] = {0, 1, 2};
    float renewed[3] = {0};
    gbt_sample sample = {0};
    gbt_split split;
    gbt_tree *tree = NULL;
    int result = -1;
    if (begin(&w, c, &sample, rows, grad, hess) == GBT_OK &&
        search_agrees(&w, root, 1, false, NULL, &split)) {
        result = split.feature < 0 ? 0 : -1;
        tree = split.feature < 0 ? NULL : small_tree(&split);
        if (tree != NULL && split_agrees(&w, 0, 1, &split) &&
            gbt_backend_ref.renew(w.ref, 0, leaf_of_node, 3, renewed) == GBT_OK &&
            gbt_backend_ref.end_tree(w.ref, 0, tree, tree_node) == GBT_OK &&
            gbt_backend_ref.scores(w.ref, scores) == GBT_OK) {
            result = renewed[2] == 0.0f ? 1 : -1;
            if (c->weight == NULL && c->objective.loss.kind != GBT_LOSS_MAPE) {
                result = renewed[0] == quantile_of(&w, 1) && renewed[1] == quantile_of(&w, 2)
                             ? result
                             : -1;
            }
        }
    }
    for (int64_t row = 0; result == 1 && row < c->data.n_rows * c->objective.n_outputs; row++) {
        float want = c->scores[row];
        if (row < c->data.n_rows) {
            const int32_t bin = bin_of(&w, row, split.feature);
            want +=
                tree->value[gbt_split_goes_left(&split, bin, c->cuts.n_bins[split.feature]) ? 1
                                                                                            : 2];
        }
        result = scores[row] == want ? 1 : -1;
    }
    gbt_tree_free(tree);
    gbt_backend_ref.close(w.ref);
    return result;
}

TEST_C(BackendRef, RenewsLeavesAndMovesTheScoresOfAllRows)
{
    const case_limits limits = {.max_rows = MOST_ROWS, .max_features = 4, .max_cells = 600};
    int n_tested = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        backend_case c;
        ASSERT_C_TRUE(backend_case_open(&c, seed, NULL, 0, &limits));
        c.config.max_nodes = 5;
        c.is_common = false;
        const int result = finish_agrees(&c);
        backend_case_close(&c);
        ASSERT_C_TRUE(result >= 0);
        n_tested += result;
    }
    EXPECT_C_TRUE(n_tested > 60);
}

TEST_C(BackendRef, NoMemoryIsAnErrorAndLeaksNothing)
{
    const case_limits limits = {.max_rows = 50, .max_features = 3, .max_cells = 150};
    backend_case c;
    ASSERT_C_TRUE(backend_case_open(&c, 12, NULL, 0, &limits));
    c.row_rate = 2.0;
    for (int64_t nth = 1;; nth++) {
        static world w; /* large */
        static float grad[3 * MOST_ROWS], hess[3 * MOST_ROWS];
        uint32_t rows[MOST_ROWS];
        int32_t leaf_of_node[ALL_BINS * 2] = {0};
        float renewed[1];
        gbt_sample sample = {0};
        gbt_split split;
        fail_alloc_install(nth);
        gbt_status status = begin(&w, &c, &sample, rows, grad, hess);
        if (status == GBT_OK) {
            const gbt_search task = {.node = 0, .sum = w.root.sum, .n_rows = w.root.n_rows};
            status = gbt_backend_ref.search(w.ref, &task, 1, false, &split);
        }
        if (status == GBT_OK) {
            status = gbt_backend_ref.renew(w.ref, 0, leaf_of_node, 1, renewed);
        }
        gbt_backend_ref.close(w.ref);
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        if (!refused) {
            EXPECT_C_TRUE(nth > 10);
            break;
        }
    }
    backend_case_close(&c);
}
