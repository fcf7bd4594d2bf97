/* The trees of a model in the two forms that prediction walks; private to forest.c, predict.c and
 * predict_kernels.c.
 *
 * Walk form, every tree: nodes of 16 bytes in breadth-first order, siblings side by side, so a
 * step is `left + goes_right`; a leaf is its own child. Rows are raw float32.
 *
 * Mask form, trees of at most 256 leaves: 64 rows at a time, without branches and without
 * walking. Every value of a feature becomes a code: the number of thresholds of the forest
 * below it (at most 255 occur, so a byte holds it). Inner nodes are visited parents first, each
 * once for all rows: one byte compare splits the rows that arrive at the node into those for
 * either child, and the rows that go right get the number of the first leaf on the right,
 * leaves counted from the left. A row's last such number is its leaf. A tree of n leaves costs
 * n - 1 such steps whatever its shape. A missing value gets a code that goes the right way: 0
 * where it goes left, 255 where it goes right; a feature has a column of codes for each way
 * that occurs. Categorical splits become columns of their own, 1 where the row goes right. */
#ifndef GBT_TREE_FOREST_H
#define GBT_TREE_FOREST_H

#include "gbt/tree/predict.h"

enum {
    GBT_BATCH = 64,            /* rows at a time in the mask form */
    GBT_MASK_LEAVES = 256,     /* most leaves of a tree in the mask form */
    GBT_SEGMENT_COLUMNS = 512, /* most code columns of the trees of a segment */
    GBT_LADDER = 16,           /* thresholds compared at a time */
    GBT_CODE_MISSING = 255
};

enum { /* bits of gbt_walk_node.feature above the feature number, which is below 2^24 */
       GBT_WALK_FEATURE = 0x00ffffff,
       GBT_WALK_MISSING_LEFT = 1 << 24,
       GBT_WALK_CATEGORICAL = 1 << 25
};

typedef struct gbt_walk_node {
    float threshold; /* a leaf: +inf, and missing goes left, so every row stays */
    uint32_t feature;
    int32_t left;  /* in forest->node; right = left + 1 */
    int32_t extra; /* categorical: its set in forest->set; a leaf: its place from the left */
} gbt_walk_node;

/* Rows with column > bin go right and get `place`. */
typedef struct gbt_mask_step {
    uint16_t column; /* first byte of the column: its number times GBT_BATCH */
    uint16_t left,
        right; /* steps of the children; a leaf: GBT_MASK_LEAVES - 1, which no tree has */
    uint8_t bin;
    uint8_t place; /* first leaf of the right child, leaves counted from the left */
} gbt_mask_step;

/* A column of its tree: 0 for rows whose bin is in the set, else 1. */
typedef struct gbt_member_step {
    uint16_t from, to; /* columns: bins, result */
    int32_t set;       /* in forest->set */
} gbt_member_step;

/* One feature of a segment and the columns that it fills; -1: not wanted. */
typedef struct gbt_coding {
    int32_t feature;
    int16_t missing_left, missing_right; /* numeric: codes */
    int16_t bins;                        /* categorical */
} gbt_coding;

/* Ascending thresholds of a numeric feature in groups of GBT_LADDER, padded with +inf: at
 * `first` one group of pivots, the last threshold of every group, then the groups. The code of
 * x is the number of thresholds below x; behind the last threshold there is at least one +inf. */
typedef struct gbt_ladder {
    int64_t first; /* in forest->threshold */
    int32_t n;     /* thresholds, +inf included */
} gbt_ladder;

typedef struct gbt_forest_tree {
    int64_t step, member, value; /* begin in forest->step, ->member, ->value */
    int32_t root;                /* in forest->node */
    int32_t n_members;
    int32_t n_leaves;
    bool is_mask;
    bool has_categorical;
} gbt_forest_tree;

/* Consecutive trees that share their columns of codes. */
typedef struct gbt_segment {
    int32_t first_tree, last_tree;
    int64_t first_coding;
    int32_t n_codings;
    int32_t n_columns;
} gbt_segment;

struct gbt_forest {
    gbt_cuts *cuts; /* shared */
    int32_t n_features, n_outputs, n_trees, n_segments;
    gbt_forest_tree *tree; /* [n_trees] */
    gbt_segment *segment;  /* [n_segments] */
    gbt_walk_node *node;   /* [all nodes] */
    gbt_mask_step *step;   /* [inner nodes of mask trees] */
    gbt_member_step *member;
    gbt_coding *coding;
    gbt_ladder *ladder; /* [n_features] n = 0: not used */
    float *threshold;
    uint32_t *set; /* [sets x GBT_SET_WORDS] */
    float *value;  /* [leaves] of a tree from left to right; 256 readable ones behind the end */
    int32_t *leaf_number; /* [leaves] from left to right -> the tree's own number */
};

/* The inner loops over GBT_BATCH rows, in versions for the instructions of the machine; all
 * give the same results. */
typedef struct gbt_predict_kernels {
    const char *name;
    /* out[r] = thresholds below x[r * row_step]; missing: 0 */
    void (*code)(const float *ladder, const float *x, int64_t row_step, int32_t n, uint8_t *out);
    /* out[r] = has(set, bin[r]) ? 0 : 1 */
    void (*member)(const uint32_t *set, const uint8_t *bin, uint8_t *out);
    /* place[r] = leaf of row r, from the left. arrived [GBT_MASK_LEAVES x GBT_BATCH] is scratch */
    void (*place)(const gbt_mask_step *step, int32_t n, const uint8_t *column, uint8_t *arrived,
                  uint8_t *place);
    /* sum[r] += value[place[r]] */
    void (*add)(const float *value, int32_t n_leaves, const uint8_t *place, float *sum);
} gbt_predict_kernels;

/* The best version for this machine; `which` >= 0: the which-th that can run here (0: plain C),
 * NULL when there are fewer. */
const gbt_predict_kernels *gbt_predict_kernels_find(int which);

/* gbt_forest_add with given kernels, for tests. */
void gbt_forest_add_by(const gbt_forest *, const gbt_predict_kernels *, const float *x, int64_t n,
                       int32_t first, int32_t last, float *out);

#endif
