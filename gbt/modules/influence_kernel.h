/* Tree kernels: a row as a sparse vector made from the nodes it reaches, and dot products and
 * distances of such vectors. Used by trex, leaf_sim, tree_sim and ibug.
 *
 * A row has one entry per tree (leaves), one per node on its way (paths), or the tree outputs
 * themselves as a dense vector with one coordinate per tree (outputs). */
#ifndef GBT_MODULES_INFLUENCE_KERNEL_H
#define GBT_MODULES_INFLUENCE_KERNEL_H

#include "gbt/modules/influence_internal.h"

typedef enum gbt_kernel_form {
    GBT_KERNEL_LEAVES,
    GBT_KERNEL_PATHS,
    GBT_KERNEL_OUTPUTS
} gbt_kernel_form;

/* A value of the key tree_kernel. Entry of an inner node: 1; of a leaf: 1 or, with `has_values`,
 * the leaf value. Both are divided by the training rows there with `is_divided`. */
typedef struct gbt_kernel_kind {
    gbt_kernel_form form;
    bool has_values, is_divided;
} gbt_kernel_kind;

/* Nodes of all trees one tree after the other, parents first; without paths the leaves alone. */
typedef struct gbt_tree_kernel {
    const gbt_influence *of;
    gbt_kernel_form form;
    int64_t *first_node;   /* [n_trees + 1] */
    int32_t *parent;       /* [nodes] number in its tree, -1: none */
    int32_t *node_of_leaf; /* [leaves of all trees] number in its tree */
    double *entry;         /* [nodes] of a row that reaches the node */
    double *square;        /* [nodes] squared length of what a row has up to the node */
    int32_t most_nodes;    /* of a tree */
} gbt_tree_kernel;

/* The kind that the parameters name. */
gbt_status gbt_kernel_kind_of(const gbt_params *, gbt_kernel_kind *out);

/* Only while preparing: keeps the leaves of the training rows. GBT_ERR_MEMORY. */
gbt_status gbt_kernel_open(gbt_tree_kernel *, gbt_influence *, gbt_kernel_kind);
void gbt_kernel_close(gbt_tree_kernel *); /* a zeroed one is closed */

/* Coordinates of the vectors: nodes, or trees for outputs. */
int64_t gbt_kernel_coordinates(const gbt_tree_kernel *);

/* Squared lengths of the training rows: out [n_rows]; of a target from its leaves. */
void gbt_kernel_lengths(const gbt_tree_kernel *, double *out);
double gbt_kernel_target_length(const gbt_tree_kernel *, const gbt_target_set *, int64_t target);

typedef enum gbt_pair_measure {
    GBT_PAIR_DOT,
    GBT_PAIR_DISTANCE /* squared; a sum of squares, so 0 for equal vectors and only then */
} gbt_pair_measure;

enum { GBT_PAIR_ROWS = 256 }; /* most rows of one call of the function below */

/* Takes the measure of one target and training rows [first_row, last_row): value [last - first].
 * Called on several threads at once, for different rows; `thread` selects scratch memory. */
typedef void (*gbt_pair_fn)(void *context, int64_t target, int64_t first_row, int64_t last_row,
                            const double *value, int thread);

/* Hands over all pairs of targets [first, first + n) and training rows. Sums over trees are in the
 * order of trees. Cost: one addition for each pair and tree. GBT_ERR_MEMORY, GBT_ERR_CANCELLED. */
gbt_status gbt_kernel_pairs(const gbt_tree_kernel *, gbt_pair_measure, const gbt_target_set *,
                            int64_t first, int64_t n, gbt_pair_fn, void *context,
                            gbt_influence_progress *);

/* ---- A linear model on the vectors ----------------------------------------------------------- */

/* What a row gets from each leaf: out [leaves of all trees], so that the score of a row is the sum
 * over its leaves. weight [coordinates]; node_room [most_nodes]. */
void gbt_kernel_leaf_scores(const gbt_tree_kernel *, const double *weight, double *node_room,
                            double *out);

/* The transposed map for one tree: adds sum_i pull_i phi_i to its coordinates of out
 * [coordinates], given pull [n_rows]. node_room [most_nodes]. */
void gbt_kernel_add_pull(const gbt_tree_kernel *, int32_t tree, const double *pull,
                         double *node_room, double *out);

#endif
