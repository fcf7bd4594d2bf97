/* The seam between the trainer and the kernels. The grain is one batch of nodes: per batch only
 * splits come out and row counts come back; bins, gradients, rows, histograms and scores stay where
 * the backend keeps them. `ref` is normative: every backend returns its splits, counts and sums bit
 * by bit.
 *
 * What a split search considers, in this order; a later candidate must be strictly better, that is,
 * have a larger sum of its two sides' gains (common search: a larger total):
 *   features ascending (of the sample and of the node's set);
 *   numeric: bins b = 0 .. n_bins - 2 (n_bins - 1 too when the node has rows that miss the
 *     feature): left = values with bin <= b; missing rows right; then, if the node has any, missing
 *     rows left. "Has missing rows" means that the missing bin's sums are not both zero. A node
 *     without them sends missing values to the side with the larger hessian sum (equal: left);
 *   categorical, at most max_cat_to_onehot bins with rows in the node: left = one bin, ascending;
 *   categorical, more: bins with rows (the missing bin is a category like any other), those with at
 *     least cat_smooth rows, sorted by grad / (hess + cat_smooth), ties by bin; left = prefixes
 *     from the low end, then prefixes from the high end, at most max_cat_threshold bins and never
 *     all of them; a prefix counts only if min_data_per_group rows came together since the last one
 *     that counted (the right side must have as many); lambda + cat_l2 instead of lambda on both
 *     sides (not in the node's own gain). Bins not in the set, also those without rows, go right.
 * A candidate is admissible when both sides have rows, at least min_child_samples rows (exact) and
 * a hessian sum of at least min_child_weight (and H + lambda > 0), and the gains of its sides
 * exceed gbt_gain_floor() of the node. gain of the split = sides' gains - node's gain.
 *
 * A common search (symmetric trees) looks for the one candidate with the largest sum over the
 * nodes, in order of the tasks, of max(0, gain) of each node in which it is admissible. Which
 * candidates there are follows from the sums and row counts over all nodes: whether rows are
 * missing and where missing values go, which categories have rows, their order, their groups. A
 * node in which the best one is not admissible gets no split. All tasks have the same features. The
 * nodes of a tree are searched in common or one by one, not both.
 *
 * What fixes the last bit:
 *   - Real units are (double)grad * grad_unit and (double)hess * hess_unit; right = node - left in
 *     integers; gbt_side.rows = (double)rows. Node's gain: gbt_node_gain(node, regular,
 *     task->weight); sides' gains: gbt_split_gain(left, right, regular, task->weight), cat_l2 added
 *     to regular.lambda as said above (also in H + lambda > 0).
 *   - Rows of a side are those that split_rows will send there: also rows whose missing bin sums to
 *     zero.
 *   - "Sorted" compares in double; the quotient is 0 when hess + cat_smooth is not > 0. From the
 *     high end means: the last of the sorted bins first. "All of them" are all sorted ones. Each
 *     end starts a new group. Whether a prefix counts depends on rows alone, not on its being
 *     admissible.
 *   - No split: feature = -1, all other fields 0. Numeric: left_set 0. Categorical: bin and
 *     missing_left 0.
 *   - Largest values and the rule of gradient_bits = 0 are taken over all rows of the output,
 *     sampled or not, by gbt_quant_squares and gbt_quant_bits; key = (uint32_t)gbt_rng_key(seed,
 *     round, output, GBT_RNG_ROUNDING); `row` of gbt_quant_row is the row's number in the data
 *     set. */
#ifndef GBT_BACKEND_BACKEND_H
#define GBT_BACKEND_BACKEND_H

#include "gbt/backend/gain.h"
#include "gbt/backend/quantise.h"
#include "gbt/base/status.h"
#include "gbt/data/dataset.h"
#include "gbt/loss/objective.h"
#include "gbt/tree/tree.h"

typedef struct gbt_backend gbt_backend;

typedef struct gbt_sum {
    int64_t grad, hess; /* exact, in units of the tree's gbt_quant */
} gbt_sum;

typedef struct gbt_split {
    int32_t feature; /* -1: no admissible split */
    uint8_t bin;
    uint8_t categorical; /* 0: numeric; 1: one category against the rest; 2: sorted categories */
    uint8_t missing_left;
    uint32_t left_set[GBT_SET_WORDS]; /* categorical: bins going left, missing bin included */
    double gain;
    gbt_sum left, right;
} gbt_split;

typedef struct gbt_backend_config {
    int32_t device;    /* cuda: its number, from 0 */
    int32_t threads;   /* > 0 */
    int32_t max_nodes; /* node numbers used in a tree: 0 .. max_nodes - 1 */
    /* Bound of the histogram pool, raised to what one call needs. What was dropped for it, a parent
     * or a node to be searched, is built again. */
    int64_t histogram_bytes;
    uint64_t seed;
    int32_t gradient_bits; /* 0: by rule; 3 .. 16, 32 */
    bool rounds_to_nearest;
    gbt_regular regular;
    double min_child_weight, min_split_gain;
    int64_t min_child_samples; /* >= 1 */
    int32_t max_cat_to_onehot, max_cat_threshold;
    double cat_smooth, cat_l2;
    int64_t min_data_per_group;
} gbt_backend_config;

/* What a tree may see; drawn by train/. Borrowed until end_tree. */
typedef struct gbt_sample {
    const uint32_t *rows; /* [n_rows] ascending, or NULL: all */
    int64_t n_rows;
    const uint32_t *features; /* bit set over features, or NULL: all */
} gbt_sample;

typedef struct gbt_root {
    gbt_sum sum;
    int64_t n_rows;
    gbt_quant quant; /* size of one unit of gradient and hessian in this tree */
} gbt_root;

/* Histograms for `small` from its rows and for `large` as parent - small. large = -1: not needed.
 * parent = -1: no parent to subtract from (root: {-1, 0, -1}), `large`, if any, is built from its
 * rows too. The parent's histogram is given up. A node is searched after its build, as often as the
 * caller likes, until its rows are split or its histogram is given up or discarded. */
typedef struct gbt_build {
    int32_t parent, small, large;
} gbt_build;

typedef struct gbt_search {
    int32_t node;
    const uint32_t *features; /* bit set of allowed features, or NULL: all of the sample */
    gbt_sum sum;
    int64_t n_rows;
    double weight; /* unshrunk leaf weight of the node */
} gbt_search;

/* Sends the rows of `node` to `left` and `right`, numbers not used in this tree before. */
typedef struct gbt_apply {
    int32_t node, left, right;
    const gbt_split *split;
} gbt_apply;

typedef struct gbt_backend_ops {
    const char *name; /* "ref", "cpu", "cuda" */
    /* Leaves worth expanding at once, beyond the one that best-first needs next; 1: none. */
    int32_t (*batch)(int32_t threads);

    /* Bytes of the host's memory that open will take, for estimates; and of the device's, NULL for
     * a backend without one. */
    int64_t (*bytes)(const gbt_backend_config *, const gbt_dataset *, int32_t n_outputs);
    int64_t (*device_bytes)(const gbt_backend_config *, const gbt_dataset *, int32_t n_outputs);

    /* target [gbt_objective_labels() x n_rows] (class indices for classes) and weight [n_rows] or
     * NULL are borrowed until close. */
    gbt_status (*open)(const gbt_backend_config *, const gbt_dataset *, const gbt_objective *,
                       const float *target, const float *weight, gbt_backend **out);
    void (*close)(gbt_backend *);

    gbt_status (*set_scores)(gbt_backend *, const float *scores); /* [n_outputs x n_rows] */
    gbt_status (*scores)(gbt_backend *, float *out);              /* [n_outputs x n_rows] */
    gbt_status (*gradients)(gbt_backend *);                       /* from resident scores */
    /* The same shape. */
    gbt_status (*set_gradients)(gbt_backend *, const float *grad, const float *hess);

    /* Quantises output's gradients (ERR_NUMERIC: some row's are not finite or its hessian is
     * negative) and makes all sampled rows node 0. */
    gbt_status (*begin_tree)(gbt_backend *, int32_t round, int32_t output, const gbt_sample *,
                             gbt_root *);
    gbt_status (*build)(gbt_backend *, const gbt_build *, int32_t n);
    gbt_status (*search)(gbt_backend *, const gbt_search *, int32_t n, bool is_common,
                         gbt_split *best);
    void (*discard)(gbt_backend *, int32_t node); /* its histogram, if any, is not needed */
    gbt_status (*split_rows)(gbt_backend *, const gbt_apply *, int32_t n, int64_t *left_rows);

    /* leaf_of_node [max_nodes]: leaf that the rows of an unsplit node belong to. out [n_leaves]:
     * weighted quantile (objective->renew_level) of target - score (float32) of each leaf's sampled
     * rows, weight = gbt_objective_renew_weight() * the row's weight (float32); 0 for a leaf
     * without rows. */
    gbt_status (*renew)(gbt_backend *, int32_t output, const int32_t *leaf_of_node,
                        int32_t n_leaves, float *out);
    /* Scores of sampled rows += tree->value of their leaf's node (leaf_node_of_node [max_nodes]:
     * tree node that an unsplit node's rows end in), of all other rows by walking the tree. */
    gbt_status (*end_tree)(gbt_backend *, int32_t output, const gbt_tree *,
                           const int32_t *leaf_node_of_node);
} gbt_backend_ops;

/* "cpu", "ref", "cuda", "cuda:N"; ERR_UNSUPPORTED says what is missing. */
gbt_status gbt_backend_find(const char *name, const gbt_backend_ops **out);
/* N of "cuda:N", else 0; -1: "cuda:" with anything else behind it. */
int32_t gbt_backend_device(const char *name);
/* Bytes free on the device of a backend that has one, else INT64_MAX. */
gbt_status gbt_backend_room(const char *name, int64_t *out);

extern const gbt_backend_ops gbt_backend_ref;
extern const gbt_backend_ops gbt_backend_cpu;

/* Does a row with this bin of the split's feature go left? */
GBT_HD bool gbt_split_goes_left(const gbt_split *split, int32_t bin, int32_t n_bins)
{
    if (split->categorical) {
        return gbt_set_has(split->left_set, bin);
    }
    return bin == n_bins ? split->missing_left != 0 : bin <= split->bin;
}

#endif
