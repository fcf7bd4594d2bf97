/* One tree, from named steps: begin, search the root, then pick leaves, split their rows, build
 * and search the children, until the growth policy has nothing left to split. Cost beyond the
 * backend: O(log leaves) a split. Allocates the finished tree only. */
#include "gbt/train/grower.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"

int32_t gbt_grower_max_nodes(const gbt_grower_config *config)
{
    const int64_t exact = 2 * (int64_t)config->max_leaves - 1;
    const int64_t room = config->batch > 1 && config->growth == GBT_GROW_LEAFWISE
                             ? 2 * exact + 2 * (int64_t)config->batch
                             : exact;
    return (int32_t)room;
}

gbt_status gbt_grower_open(gbt_grower *grower, const gbt_grower_config *config,
                           const gbt_backend_ops *ops, gbt_backend *backend,
                           const gbt_sampler *sampler, const gbt_cuts *cuts)
{
    memset(grower, 0, sizeof *grower);
    grower->config = *config;
    grower->ops = ops;
    grower->backend = backend;
    grower->sampler = sampler;
    grower->cuts = cuts;
    grower->max_nodes = gbt_grower_max_nodes(config);
    const int64_t n_leaves = config->max_leaves;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_frontier_open(&grower->frontier, grower->max_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(grower->nodes, grower->max_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(grower->place_of_node, grower->max_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(grower->batch, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->kept, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->applies, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->left_rows, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->builds, 2 * n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->searches, 2 * n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->found, 2 * n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(grower->leaf_value, n_leaves));
    if (gbt_sampler_has_node_sets(sampler)) {
        GBT_TRY_OR_DONE(GBT_NEW(grower->feature_sets, 2 * n_leaves * sampler->n_words));
    }
done:
    if (status != GBT_OK) {
        gbt_grower_close(grower);
    }
    return status;
}

void gbt_grower_close(gbt_grower *grower)
{
    gbt_frontier_close(&grower->frontier);
    gbt_release(grower->nodes);
    gbt_release(grower->place_of_node);
    gbt_release(grower->batch);
    gbt_release(grower->kept);
    gbt_release(grower->applies);
    gbt_release(grower->left_rows);
    gbt_release(grower->builds);
    gbt_release(grower->searches);
    gbt_release(grower->found);
    gbt_release(grower->leaf_value);
    gbt_release(grower->feature_sets);
    memset(grower, 0, sizeof *grower);
}

static gbt_side side_of(const gbt_grower *grower, gbt_sum sum, int64_t n_rows)
{
    const gbt_side side = {.grad = (double)sum.grad * grower->quant.grad_unit,
                           .hess = (double)sum.hess * grower->quant.hess_unit,
                           .rows = (double)n_rows};
    return side;
}

/* Sets up a node that holds `n_rows` rows with gradient sums `sum`. */
static int32_t add_node(gbt_grower *grower, int32_t parent, int32_t side, gbt_sum sum,
                        int64_t n_rows)
{
    const int32_t number = grower->n_nodes++;
    gbt_grow_node *node = &grower->nodes[number];
    gbt_regular regular = grower->config.regular;
    double parent_weight = 0.0;
    memset(node, 0, sizeof *node);
    node->parent = parent;
    node->left = node->right = node->tree_node = -1;
    node->path = 1;
    if (parent >= 0) {
        const gbt_grow_node *above = &grower->nodes[parent];
        node->depth = above->depth + 1;
        node->path = gbt_rng_mix(above->path * 2 + (uint64_t)side);
        parent_weight = above->weight;
        regular.lambda += above->split.categorical == 2 ? grower->config.cat_l2 : 0.0;
    } else {
        regular.path_smooth = 0.0;
    }
    node->sum = sum;
    node->n_rows = n_rows;
    node->weight = gbt_leaf_weight(side_of(grower, sum, n_rows), &regular, parent_weight);
    node->split.feature = -1;
    return number;
}

/* Could the node be split at all? */
static bool is_open(const gbt_grower *grower, int32_t node)
{
    const gbt_grow_node *n = &grower->nodes[node];
    return (grower->config.max_depth == 0 || n->depth < grower->config.max_depth) &&
           n->n_rows >= 2 * grower->config.min_child_samples;
}

/* Searches `n` nodes whose histograms are built and stores what was found. */
static gbt_status search_nodes(gbt_grower *grower, const int32_t *nodes, int32_t n, bool is_common)
{
    for (int32_t i = 0; i < n; i++) {
        gbt_grow_node *node = &grower->nodes[nodes[i]];
        uint32_t *set = NULL;
        if (grower->feature_sets) {
            set = grower->feature_sets + (int64_t)i * grower->sampler->n_words;
            gbt_sampler_draw_node(grower->sampler, grower->round, grower->output, node->depth,
                                  is_common ? (uint64_t)node->depth : node->path, set);
        }
        const gbt_search search = {.node = nodes[i],
                                   .features = set,
                                   .sum = node->sum,
                                   .n_rows = node->n_rows,
                                   .weight = node->weight};
        grower->searches[i] = search;
    }
    GBT_TRY(grower->ops->search(grower->backend, grower->searches, n, is_common, grower->found));
    for (int32_t i = 0; i < n; i++) {
        grower->nodes[nodes[i]].split = grower->found[i];
        if (grower->found[i].feature < 0 && !is_common) {
            grower->ops->discard(grower->backend, nodes[i]);
        }
    }
    return GBT_OK;
}

/* Splits the rows of the batch's nodes and adds their children. */
static gbt_status split_nodes(gbt_grower *grower, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const gbt_apply apply = {.node = grower->batch[i],
                                 .left = grower->n_nodes + 2 * i,
                                 .right = grower->n_nodes + 2 * i + 1,
                                 .split = &grower->nodes[grower->batch[i]].split};
        grower->applies[i] = apply;
    }
    GBT_TRY(grower->ops->split_rows(grower->backend, grower->applies, n, grower->left_rows));
    for (int32_t i = 0; i < n; i++) {
        gbt_grow_node *node = &grower->nodes[grower->batch[i]];
        const int64_t left_rows = grower->left_rows[i];
        node->left = add_node(grower, grower->batch[i], 0, node->split.left, left_rows);
        node->right =
            add_node(grower, grower->batch[i], 1, node->split.right, node->n_rows - left_rows);
    }
    return GBT_OK;
}

/* Builds the histograms of the batch's open children; `children` receives their numbers. */
static gbt_status build_children(gbt_grower *grower, int32_t n, int32_t *children,
                                 int32_t *n_children)
{
    int32_t n_builds = 0;
    *n_children = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t parent = grower->batch[i];
        const gbt_grow_node *node = &grower->nodes[parent];
        const bool left_is_small =
            grower->nodes[node->left].n_rows <= grower->nodes[node->right].n_rows;
        const int32_t small = left_is_small ? node->left : node->right;
        const int32_t large = left_is_small ? node->right : node->left;
        if (is_open(grower, large)) { /* the small child is open only if the large one is */
            const gbt_build build = {.parent = parent, .small = small, .large = large};
            grower->builds[n_builds++] = build;
        } else {
            grower->ops->discard(grower->backend, parent);
        }
        for (int32_t side = 0; side < 2; side++) {
            const int32_t child = side == 0 ? node->left : node->right;
            if (is_open(grower, child)) {
                children[(*n_children)++] = child;
            }
        }
    }
    GBT_TRY(grower->ops->build(grower->backend, grower->builds, n_builds));
    for (int32_t i = 0; i < n_builds; i++) {
        if (!is_open(grower, grower->builds[i].small)) {
            grower->ops->discard(grower->backend, grower->builds[i].small);
        }
    }
    return GBT_OK;
}

/* Splits the batch's nodes and finds the best splits of their children. */
static gbt_status expand(gbt_grower *grower, int32_t n, bool searches_children)
{
    GBT_TRY(split_nodes(grower, n));
    if (!searches_children) {
        for (int32_t i = 0; i < n; i++) {
            grower->ops->discard(grower->backend, grower->batch[i]);
        }
        return GBT_OK;
    }
    int32_t *children = grower->place_of_node; /* free until the tree is finished */
    int32_t n_children;
    GBT_TRY(build_children(grower, n, children, &n_children));
    return n_children > 0 ? search_nodes(grower, children, n_children, false) : GBT_OK;
}

static void keep(gbt_grower *grower, int32_t node)
{
    grower->nodes[node].is_kept = true;
    grower->kept[grower->n_kept++] = node;
}

static void offer(gbt_grower *grower, int32_t node)
{
    if (grower->nodes[node].split.feature >= 0) {
        gbt_frontier_push(&grower->frontier, node, grower->nodes[node].split.gain);
    }
}

/* The nodes to expand now: `needed`, and where large batches pay the next best ones. */
static int32_t choose_batch(gbt_grower *grower, int32_t needed)
{
    int32_t n = 0;
    grower->batch[n++] = needed;
    const int32_t still_kept = grower->config.max_leaves - 1 - grower->n_kept - 1;
    const int32_t room = (grower->max_nodes - grower->n_nodes) / 2 - still_kept - 1;
    int32_t most = grower->config.batch - 1;
    most = most < still_kept ? most : still_kept;
    most = most < room ? most : room;
    if (most > 0) {
        int32_t *best = grower->place_of_node; /* free until the tree is finished */
        const int32_t n_best = gbt_frontier_best(&grower->frontier, most, best);
        for (int32_t i = 0; i < n_best; i++) {
            if (grower->nodes[best[i]].left < 0) {
                grower->batch[n++] = best[i];
            }
        }
    }
    return n;
}

/* Strict best-first. A node expanded early waits in the frontier like any other. */
static gbt_status grow_leafwise(gbt_grower *grower)
{
    offer(grower, 0);
    while (grower->n_kept < grower->config.max_leaves - 1) {
        const int32_t node = gbt_frontier_pop(&grower->frontier);
        if (node < 0) {
            break;
        }
        if (grower->nodes[node].left < 0) {
            const bool is_last = grower->n_kept + 1 == grower->config.max_leaves - 1;
            GBT_TRY(expand(grower, choose_batch(grower, node), !is_last));
        }
        keep(grower, node);
        offer(grower, grower->nodes[node].left);
        offer(grower, grower->nodes[node].right);
    }
    return GBT_OK;
}

/* A level at a time, its nodes in order of gain while leaves last. */
static gbt_status grow_depthwise(gbt_grower *grower)
{
    offer(grower, 0);
    for (;;) {
        const int32_t first = grower->n_kept;
        int32_t node, n = 0;
        while (grower->n_kept < grower->config.max_leaves - 1 &&
               (node = gbt_frontier_pop(&grower->frontier)) >= 0) {
            grower->batch[n++] = node;
            keep(grower, node);
        }
        if (n == 0) {
            return GBT_OK;
        }
        gbt_frontier_clear(&grower->frontier);
        GBT_TRY(expand(grower, n, grower->n_kept < grower->config.max_leaves - 1));
        for (int32_t i = first; i < grower->n_kept; i++) {
            offer(grower, grower->nodes[grower->kept[i]].left);
            offer(grower, grower->nodes[grower->kept[i]].right);
        }
    }
}

/* One split for every node of a level; a node in which it is not admissible stays whole and may
 * take the split of a later level. */
static gbt_status grow_symmetric(gbt_grower *grower)
{
    int32_t *level = grower->place_of_node; /* free until the tree is finished */
    int32_t n_level = 1;
    level[0] = 0;
    for (int32_t depth = 1;; depth++) {
        int32_t n = 0, n_next = 0, n_children = 0;
        for (int32_t i = 0; i < n_level; i++) {
            if (grower->nodes[level[i]].split.feature >= 0) {
                grower->batch[n++] = level[i];
                keep(grower, level[i]);
            } else {
                level[n_next++] = level[i];
            }
        }
        if (n == 0) {
            return GBT_OK;
        }
        GBT_TRY(split_nodes(grower, n));
        if (depth == grower->config.max_depth) {
            return GBT_OK;
        }
        GBT_TRY(build_children(grower, n, level + n_next, &n_children));
        n_level = n_next + n_children;
        for (int32_t i = 0; i < n_level; i++) {
            grower->nodes[level[i]].depth = depth;
        }
        if (n_level > 0) {
            GBT_TRY(search_nodes(grower, level, n_level, true));
        }
    }
}

static gbt_status grow_by_policy(gbt_grower *grower)
{
    switch (grower->config.growth) {
    case GBT_GROW_DEPTHWISE:
        return grow_depthwise(grower);
    case GBT_GROW_SYMMETRIC:
        return grow_symmetric(grower);
    case GBT_GROW_LEAFWISE:
    default:
        return grow_leafwise(grower);
    }
}

/* Fills node `at` of the finished tree. */
static gbt_status write_node(const gbt_grower *grower, const gbt_grow_node *node, gbt_tree *tree,
                             int32_t at)
{
    tree->value[at] = (float)(grower->config.learning_rate * node->weight);
    tree->cover[at] = (float)((double)node->sum.hess * grower->quant.hess_unit);
    tree->rows[at] = (uint32_t)node->n_rows;
    tree->set[at] = -1;
    if (!isfinite(tree->value[at])) {
        return gbt_fail(
            GBT_ERR_NUMERIC,
            "round %d: a leaf value is not finite; raise reg_lambda or min_child_weight, "
            "or set max_delta_step",
            (int)grower->round);
    }
    if (!node->is_kept) {
        tree->feature[at] = tree->right[at] = -1;
        tree->left[at] = tree->n_leaves++;
        return GBT_OK;
    }
    const gbt_split *split = &node->split;
    tree->feature[at] = split->feature;
    tree->left[at] = grower->nodes[node->left].tree_node;
    tree->right[at] = grower->nodes[node->right].tree_node;
    tree->gain[at] = (float)split->gain;
    tree->flags[at] = (uint8_t)(split->missing_left ? GBT_NODE_MISSING_LEFT : 0);
    if (split->categorical) {
        tree->flags[at] |= GBT_NODE_CATEGORICAL;
        tree->set[at] = tree->n_sets;
        memcpy(tree->sets + (int64_t)tree->n_sets++ * GBT_SET_WORDS, split->left_set,
               sizeof split->left_set);
        return GBT_OK;
    }
    tree->bin[at] = split->bin;
    tree->threshold[at] = gbt_tree_threshold(grower->cuts, split->feature, split->bin);
    return GBT_OK;
}

/* Numbers the kept nodes and their children in the order of the splits, and writes the tree. */
static gbt_status write_tree(gbt_grower *grower, gbt_tree **out)
{
    int32_t n_sets = 0, n_nodes = 1;
    grower->nodes[0].tree_node = 0;
    for (int32_t i = 0; i < grower->n_kept; i++) {
        const gbt_grow_node *node = &grower->nodes[grower->kept[i]];
        grower->nodes[node->left].tree_node = n_nodes++;
        grower->nodes[node->right].tree_node = n_nodes++;
        n_sets += node->split.categorical != 0;
    }
    gbt_tree *tree = NULL;
    GBT_TRY(gbt_tree_create(n_nodes, n_sets, &tree));
    tree->n_leaves = 0;
    tree->n_sets = 0;
    int32_t at = 0; /* tree nodes ascend with the order in which they were numbered */
    gbt_status status = write_node(grower, &grower->nodes[0], tree, at++);
    for (int32_t i = 0; i < grower->n_kept && status == GBT_OK; i++) {
        const gbt_grow_node *node = &grower->nodes[grower->kept[i]];
        status = write_node(grower, &grower->nodes[node->left], tree, at++);
        if (status == GBT_OK) {
            status = write_node(grower, &grower->nodes[node->right], tree, at++);
        }
    }
    if (status != GBT_OK) {
        gbt_tree_free(tree);
        return status;
    }
    *out = tree;
    return GBT_OK;
}

/* place_of_node: the tree node in which the rows of each node end (those below a leaf that were
 * split in advance included). */
static void map_nodes(gbt_grower *grower)
{
    for (int32_t i = 0; i < grower->n_nodes; i++) {
        const gbt_grow_node *node = &grower->nodes[i];
        grower->place_of_node[i] =
            node->tree_node >= 0 ? node->tree_node : grower->place_of_node[node->parent];
    }
}

/* Replaces the leaf values by the loss's own order statistic of the residuals. */
static gbt_status renew_leaves(gbt_grower *grower, int32_t output, gbt_tree *tree)
{
    for (int32_t i = 0; i < grower->n_nodes; i++) {
        const int32_t place = grower->place_of_node[i];
        grower->place_of_node[i] = tree->feature[place] < 0 ? tree->left[place] : -1;
    }
    GBT_TRY(grower->ops->renew(grower->backend, output, grower->place_of_node, tree->n_leaves,
                               grower->leaf_value));
    for (int32_t i = 0; i < tree->n_nodes; i++) {
        if (tree->feature[i] < 0) {
            tree->value[i] =
                (float)(grower->config.learning_rate * (double)grower->leaf_value[tree->left[i]]);
        }
    }
    map_nodes(grower);
    return GBT_OK;
}

gbt_status gbt_grower_grow(gbt_grower *grower, int32_t round, int32_t output,
                           const gbt_sample *sample, bool renews_leaves, gbt_tree **out)
{
    gbt_root root;
    gbt_tree *tree = NULL;
    grower->round = round;
    grower->output = output;
    grower->n_nodes = grower->n_kept = 0;
    gbt_frontier_clear(&grower->frontier);
    GBT_TRY(grower->ops->begin_tree(grower->backend, round, output, sample, &root));
    grower->quant = root.quant;
    const int32_t first = add_node(grower, -1, 0, root.sum, root.n_rows);
    if (is_open(grower, first)) {
        const gbt_build build = {.parent = -1, .small = first, .large = -1};
        GBT_TRY(grower->ops->build(grower->backend, &build, 1));
        GBT_TRY(search_nodes(grower, &first, 1, grower->config.growth == GBT_GROW_SYMMETRIC));
        GBT_TRY(grow_by_policy(grower));
    }
    GBT_TRY(write_tree(grower, &tree));
    map_nodes(grower);
    gbt_status status = GBT_OK;
    if (renews_leaves) {
        GBT_TRY_OR_DONE(renew_leaves(grower, output, tree));
    }
    GBT_TRY_OR_DONE(grower->ops->end_tree(grower->backend, output, tree, grower->place_of_node));
    *out = tree;
done:
    if (status != GBT_OK) {
        gbt_tree_free(tree);
    }
    return status;
}
