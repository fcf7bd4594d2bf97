/* The trees of a model in the two forms that prediction walks; for forest.c, the files predict*.c
 * and, for trees over bins, backend/binned_tree.c.
 *
 * Walk form, every tree: nodes of 16 bytes in breadth-first order, siblings side by side, so a
 * step is `left + goes_right`; a leaf is its own child. Rows are raw float32.
 *
 * Mask form, trees of at most 256 leaves: blocks of up to 512 rows, without branches and without
 * walking. Every value of a feature becomes a code: the number of thresholds of the forest
 * below it (at most 255 occur), less 128, since vector units compare signed bytes. A set of the
 * rows of a block is one vector: bit g of byte b stands for row 64 g + b.
 * Leaves are counted from the left. Let set k be the rows whose leaf is k or one behind it: set 0
 * has all rows, set n_leaves none, and the inner node whose right child begins with leaf k fills
 * set k. With `first` and `last` the ends of the leaves below the node, it is
 *     set[k] = set[last] | (set[first] & rows whose code is above the node's bin)
 * so a pass over the nodes, parents first, fills all sets by one byte compare a node and row.
 * The number of sets that hold a row is its leaf. Set k being inside set k - 1, bit i of that
 * number is the exclusive or of the sets whose k is a multiple of 2^i. A tree of n leaves costs
 * n - 1 such steps whatever its shape.
 * A missing value gets a code that goes the right way, the least or the greatest; a feature has a
 * column of codes for each way that occurs. Categorical splits become columns of their own, 1
 * where the row goes right. */
#ifndef GBT_TREE_FOREST_H
#define GBT_TREE_FOREST_H

#include "gbt/tree/predict.h"

enum {
    GBT_ROW_GROUP = 64,        /* rows of a group: bytes of a set */
    GBT_MOST_GROUPS = 8,       /* groups of a block: bits of a byte of a set */
    GBT_FEW_ROWS = 12,         /* fewer rows than this are not worth a block */
    GBT_MASK_LEAVES = 256,     /* most leaves of a tree in the mask form */
    GBT_SEGMENT_COLUMNS = 512, /* most code columns of the trees of a segment */
    GBT_COLUMN_BYTES = (GBT_SEGMENT_COLUMNS + GBT_MASK_LEAVES) * GBT_ROW_GROUP, /* of a block */
    GBT_LADDER = 16, /* thresholds compared at a time */
    GBT_LEAST_CODE = -128,
    GBT_MOST_CODE = 127
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

/* Fills set `place`: rows of the node with column > bin go right. */
typedef struct gbt_mask_step {
    int16_t column; /* its number times GBT_ROW_GROUP; below 0: of a categorical split */
    int8_t bin;
    uint8_t place;        /* first leaf of the right child, leaves counted from the left */
    uint16_t first, last; /* leaves [first, last) are below the node */
} gbt_mask_step;

/* Fills a column of its tree: 0 for rows whose bin is in the set, else 1. */
typedef struct gbt_member_step {
    int16_t from, to; /* column numbers: bins, result, which is below 0 */
    int32_t set;      /* in forest->set */
} gbt_member_step;

/* A feature that splits of mask trees ask for. */
typedef struct gbt_coded {
    int32_t feature;
    int8_t zero; /* the code, or the bin, of the value 0 */
} gbt_coded;

/* One feature of a segment and the columns that it fills; -1: not wanted. */
typedef struct gbt_coding {
    int32_t feature;
    int32_t coded;                       /* in forest->coded */
    int16_t missing_left, missing_right; /* numeric: codes */
    int16_t bins;                        /* categorical */
} gbt_coding;

/* Ascending thresholds of a numeric feature, padded with +inf. Fewer than GBT_LADDER: one group of
 * them, and a step on the ladder counts GBT_LADDER. More: a group of pivots, the last threshold
 * of every group, then the groups. Behind the last threshold there is at least one +inf. */
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
    bool is_walked; /* by blocks of float32 rows, which take longer to code than to walk */
} gbt_segment;

struct gbt_forest {
    gbt_cuts *cuts; /* shared */
    int32_t n_features, n_outputs, n_trees, n_segments;
    int32_t n_coded;
    int32_t most_columns;  /* of a segment */
    int32_t float_columns; /* of a segment that blocks of float32 rows do not walk */
    int32_t most_members;  /* of a tree */
    bool has_large;        /* a tree is not in the mask form */
    bool has_walks;        /* blocks of float32 rows walk a tree */
    gbt_forest_tree *tree; /* [n_trees] */
    gbt_segment *segment;  /* [n_segments] */
    gbt_walk_node *node;   /* [all nodes] */
    gbt_mask_step *step;   /* [inner nodes of mask trees] */
    gbt_member_step *member;
    gbt_coding *coding;
    gbt_coded *coded;   /* [n_coded] */
    int32_t *coded_of;  /* [n_features] in `coded`, or -1 */
    gbt_ladder *ladder; /* [n_features] n = 0: not used */
    float *threshold;   /* 2 * GBT_LADDER + 1 readable groups behind the end */
    uint32_t *set;      /* [sets x GBT_SET_WORDS] */
    float *value; /* [leaves] of a tree from left to right; 256 readable ones behind the end */
    int32_t *leaf_number; /* [leaves] from left to right -> the tree's own number */
};

/* At most so many groups for the next block of `rest` rows, few of them empty. */
static inline int32_t gbt_block_groups(int32_t most, int64_t rest)
{
    int32_t groups = most;
    while (groups > 1 && (groups - 1) * GBT_ROW_GROUP >= rest) {
        groups /= 2;
    }
    return groups;
}

/* [n_nodes] each: leaves below every node, and the place from the left of the first of them. */
void gbt_tree_measure(const gbt_tree *, int32_t *leaves, int32_t *place);

/* The inner loops, in versions for the instructions of the machine; all give the same results.
 * A column of a block of `groups` groups (1, 2, 4 or 8) has GBT_ROW_GROUP * groups bytes. */
typedef struct gbt_predict_kernels {
    const char *name;
    /* The codes of x[r * row_step], r < n: left[r] with missing going left and, where it is not
     * NULL, right[r] with missing going right. May write anything for r >= n. */
    void (*code)(const float *ladder, bool is_single, const float *x, int64_t row_step, int32_t n,
                 int8_t *left, int8_t *right);
    /* out[r] = has(set, bin[r]) ? 0 : 1 */
    void (*member)(const uint32_t *set, const int8_t *bin, int32_t groups, int8_t *out);
    /* place[r] = leaf of row r. sets [(GBT_MASK_LEAVES + 1) x GBT_ROW_GROUP] is scratch */
    void (*place)(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column, int32_t groups,
                  uint8_t *sets, uint8_t *place);
    /* sum[r] += value[place[r]] */
    void (*add)(const float *value, int32_t n_leaves, const uint8_t *place, int32_t groups,
                float *sum);
} gbt_predict_kernels;

/* The best version for this machine; `which` >= 0: the which-th that can run here (0: plain C),
 * NULL when there are fewer. */
const gbt_predict_kernels *gbt_predict_kernels_find(int which);

/* NULL where they cannot run. */
const gbt_predict_kernels *gbt_predict_kernels_avx512(void);

/* ---- Walks (predict_walk.c) ------------------------------------------------------------------ */

/* Places (leaves from the left) of rows 0 .. n - 1 in one tree. */
void gbt_walk_rows(const gbt_forest *, const gbt_forest_tree *, const float *x, int32_t n,
                   int32_t *place);

/* Calls out eight trees of one row at a time: trees first, first + step, ... below last. */
typedef void gbt_place_fn(const gbt_forest *, int32_t tree, int32_t place, void *out);
void gbt_walk_trees(const gbt_forest *, const float *x, int32_t first, int32_t last, int32_t step,
                    gbt_place_fn *emit, void *out);

/* ---- Sparse rows (predict_entries.c) --------------------------------------------------------- */

/* The entries of a block of rows that mask trees ask for, by coded features, and their codes. */
typedef struct gbt_sorted_entries {
    int32_t groups; /* of the block: 1, 2, 4 or 8 */
    int32_t *start; /* [n_coded + 2] entries [start[c], start[c + 1]) are of coded feature c */
    uint16_t *row;  /* [entries] of the block */
    int8_t *left;   /* [entries] codes with missing going left; bins of a categorical feature */
    int8_t *right;  /* [entries] codes with missing going right */
    int8_t *column; /* room for the columns of a block, those of categorical splits first */
    float *sum;     /* [n_outputs x rows of the block] room for sums */
} gbt_sorted_entries;

/* Sorts and codes the entries; what it makes lies in the scratch of the block. */
void gbt_entries_sort(const gbt_forest *, const gbt_predict_kernels *, const gbt_entry_block *,
                      gbt_sorted_entries *out);

/* Fills the columns of a segment. */
void gbt_entries_fill(const gbt_forest *, const gbt_segment *, const gbt_sorted_entries *);

/* ---- For tests ------------------------------------------------------------------------------- */

/* gbt_forest_add and gbt_forest_add_entries with given kernels. */
void gbt_forest_add_by(const gbt_forest *, const gbt_predict_kernels *, const float *x, int64_t n,
                       int32_t first, int32_t last, float *out);
void gbt_forest_add_entries_by(const gbt_forest *, const gbt_predict_kernels *,
                               const gbt_entry_block *, int32_t first, int32_t last, float *out);

#endif
