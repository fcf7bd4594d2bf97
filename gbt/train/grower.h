/* One tree: which leaf is split next, and nothing of how. The tree is the strict best-first one
 * (leafwise), level by level (depthwise), or one split a level (symmetric), whatever the batch size
 * of the backend. */
#ifndef GBT_TRAIN_GROWER_H
#define GBT_TRAIN_GROWER_H

#include "gbt/backend/backend.h"
#include "gbt/train/frontier.h"
#include "gbt/train/sampler.h"

typedef enum gbt_growth { GBT_GROW_LEAFWISE, GBT_GROW_DEPTHWISE, GBT_GROW_SYMMETRIC } gbt_growth;

typedef struct gbt_grower_config {
    gbt_growth growth;
    int32_t max_leaves;
    int32_t max_depth; /* 0: none */
    int32_t batch;     /* most leaves expanded at once */
    int64_t min_child_samples;
    double learning_rate;
    gbt_regular regular;
    double cat_l2; /* added to lambda in leaves below a split on sorted categories */
} gbt_grower_config;

/* A node of the growing tree; numbers are shared with the backend. */
typedef struct gbt_grow_node {
    int32_t parent, left, right; /* node numbers, -1: none */
    int32_t depth;
    int32_t tree_node; /* its number in the finished tree, -1: not part of it */
    uint64_t path;     /* names the node whatever the order of growth */
    gbt_sum sum;
    int64_t n_rows;
    double weight;   /* unshrunk leaf weight */
    bool is_kept;    /* its split is part of the tree */
    gbt_split split; /* feature -1: none */
} gbt_grow_node;

typedef struct gbt_grower {
    gbt_grower_config config;
    const gbt_backend_ops *ops;
    gbt_backend *backend;       /* borrowed */
    const gbt_sampler *sampler; /* borrowed */
    const gbt_cuts *cuts;       /* borrowed */
    gbt_frontier frontier;
    int32_t max_nodes, n_nodes, n_kept;
    gbt_grow_node *nodes; /* [max_nodes] */
    int32_t round, output;
    gbt_quant quant;
    /* One batch: */
    int32_t *batch;         /* [max_leaves] nodes to split */
    int32_t *kept;          /* [max_leaves] nodes in the order their splits were kept */
    gbt_apply *applies;     /* [max_leaves] */
    int64_t *left_rows;     /* [max_leaves] */
    gbt_build *builds;      /* [2 max_leaves] */
    gbt_search *searches;   /* [2 max_leaves] */
    gbt_split *found;       /* [2 max_leaves] */
    uint32_t *feature_sets; /* [2 max_leaves x n_words] or NULL */
    int32_t *place_of_node; /* [max_nodes] where an unsplit node's rows end: tree node, or leaf */
    float *leaf_value;      /* [max_leaves] renewed leaves */
} gbt_grower;

/* Nodes that a tree can need, those expanded early included. */
int32_t gbt_grower_max_nodes(const gbt_grower_config *);

gbt_status gbt_grower_open(gbt_grower *, const gbt_grower_config *, const gbt_backend_ops *,
                           gbt_backend *, const gbt_sampler *, const gbt_cuts *);
void gbt_grower_close(gbt_grower *); /* a zeroed one is closed */

/* Grows one tree on the backend's gradients of `output` and adds it to the backend's scores.
 * `renews_leaves`: the objective's order statistic of the residuals replaces the leaf weights. The
 * caller owns the tree. */
gbt_status gbt_grower_grow(gbt_grower *, int32_t round, int32_t output, const gbt_sample *,
                           bool renews_leaves, gbt_tree **out);

#endif
