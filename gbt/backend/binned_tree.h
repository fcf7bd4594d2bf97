/* Rows of a bin matrix down one tree: those that training does not sort into leaves itself, of
 * validation sets and outside the sample. Trees of up to 256 leaves take the mask form of
 * prediction (tree/forest.h) with the codes of the bin matrix, larger ones are walked. */
#ifndef GBT_BACKEND_BINNED_TREE_H
#define GBT_BACKEND_BINNED_TREE_H

#include "gbt/data/dataset.h"
#include "gbt/tree/forest.h"

enum { GBT_OCTET = 8 };

/* Eight adjacent columns of the bin matrix, of which the tree reads some. */
typedef struct gbt_octet {
    int32_t first;           /* column, a multiple of eight */
    int16_t slot[GBT_OCTET]; /* column of a block of rows, or -1 */
} gbt_octet;

/* A node to be walked: siblings lie side by side, a leaf leads to itself. */
typedef struct gbt_binned_node {
    int32_t column; /* of the bin matrix */
    int32_t left;   /* the right child is the next node */
} gbt_binned_node;

/* A tree for the columns and codes of one data set. */
typedef struct gbt_binned_tree {
    int32_t capacity, n_leaves;
    float *value;  /* [capacity] of leaves: in the mask form by place from the left, else by node */
    uint32_t *set; /* [capacity x GBT_SET_WORDS] codes that a node sends left */
    int32_t *order; /* [2 x capacity] scratch */

    /* Up to GBT_MASK_LEAVES leaves. */
    gbt_mask_step step[GBT_MASK_LEAVES];
    gbt_member_step member[GBT_MASK_LEAVES]; /* of nodes that are no single compare */
    gbt_octet octet[GBT_MASK_LEAVES];
    int32_t n_members, n_octets, n_slots;

    gbt_binned_node *node; /* more leaves: [capacity] the root first */
} gbt_binned_tree;

/* Room for trees of `capacity` nodes; ERR_MEMORY. A zeroed one has room for none. */
gbt_status gbt_binned_tree_open(int32_t capacity, gbt_binned_tree *out);
int64_t gbt_binned_tree_bytes(int32_t capacity);
void gbt_binned_tree_close(gbt_binned_tree *); /* a zeroed one is closed */

/* The tree, whose nodes fit, for this data set. Cost: about 20 ns a node. */
void gbt_binned_tree_set(gbt_binned_tree *, const gbt_tree *, const gbt_dataset *);

/* scores[row] += value of the leaf that the row reaches, for rows [first, last) or for the rows
 * `row` [n]. Cost: up to 256 leaves about 1 ns a row, 0.4 ns a column read and 0.01 ns a leaf;
 * more: 1 ns a level. */
void gbt_binned_tree_add(const gbt_binned_tree *, const gbt_bins *, int64_t first, int64_t last,
                         float *scores);
void gbt_binned_tree_add_rows(const gbt_binned_tree *, const gbt_bins *, const uint32_t *row,
                              int32_t n, float *scores);

#endif
