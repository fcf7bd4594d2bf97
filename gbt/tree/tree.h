/* One tree as a structure of arrays, in one allocation. Node 0 is the root; children follow their
 * parent. */
#ifndef GBT_TREE_TREE_H
#define GBT_TREE_TREE_H

#include <stdbool.h>

#include "gbt/base/bytes.h"
#include "gbt/base/hd.h"
#include "gbt/base/status.h"
#include "gbt/data/cuts.h"

enum { GBT_NODE_CATEGORICAL = 1, GBT_NODE_MISSING_LEFT = 2 };
enum {
    GBT_SET_WORDS = 8
}; /* 256 bits: bins of categories that go left, the missing bin included */

typedef struct gbt_tree {
    int32_t n_nodes, n_leaves, n_sets;
    int32_t *feature; /* [n_nodes] -1: leaf */
    int32_t *left;    /* [n_nodes] child; of a leaf: its leaf number, 0 .. n_leaves - 1 */
    int32_t *right;   /* [n_nodes] child; of a leaf: -1 */
    float *threshold; /* [n_nodes] numeric: x <= threshold goes left; gbt_tree_threshold of `bin` */
    uint8_t *bin;     /* [n_nodes] numeric: the same in bins, bin <= this goes left */
    uint8_t *flags;   /* [n_nodes] GBT_NODE_... */
    int32_t *set;     /* [n_nodes] categorical: number of its set, else -1 */
    float *value;     /* [n_nodes] leaf: value added to the score; inner: what it would have been */
    float *gain;      /* [n_nodes] of the split, 0 for a leaf */
    float *cover;     /* [n_nodes] sum of hessians */
    uint32_t *rows;   /* [n_nodes] training rows */
    uint32_t *sets;   /* [n_sets x GBT_SET_WORDS] */
} gbt_tree;

/* Room for exactly these; fields as given, contents zero. */
gbt_status gbt_tree_create(int32_t n_nodes, int32_t n_sets, gbt_tree **out);
gbt_status gbt_tree_copy(const gbt_tree *, gbt_tree **out);
void gbt_tree_free(gbt_tree *); /* NULL is a no-op */
void gbt_tree_write(gbt_writer *, const gbt_tree *);
gbt_status gbt_tree_read(gbt_reader *, const gbt_cuts *, gbt_tree **out); /* and checks it */

/* The threshold that goes with a bin of a numeric feature: its upper end; of the last bin (a
 * split of present from missing values) +inf. */
float gbt_tree_threshold(const gbt_cuts *, int32_t feature, int32_t bin);

/* Structure, ranges, finiteness: ERR_FORMAT names the tree (`number`), node and fault. */
gbt_status gbt_tree_check(const gbt_tree *, const gbt_cuts *, int32_t number);

GBT_HD bool gbt_set_has(const uint32_t *set, int32_t bin)
{
    return (set[bin >> 5] >> (bin & 31)) & 1u;
}

/* Does a row with this bin (missing: n_bins) of the node's feature go left? */
GBT_HD bool gbt_tree_goes_left(const gbt_tree *tree, int32_t node, int32_t bin, int32_t n_bins)
{
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        return gbt_set_has(tree->sets + (int64_t)tree->set[node] * GBT_SET_WORDS, bin);
    }
    return bin == n_bins ? (tree->flags[node] & GBT_NODE_MISSING_LEFT) != 0
                         : bin <= tree->bin[node];
}

#endif
