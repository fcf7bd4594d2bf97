/* What the estimators that follow the training rows through the model share: derivatives of many
 * rows, the pass over the rounds, slopes of rows in their leaves, and the kernel that spreads them
 * over targets. Private to the influence module; see influence_internal.h for the estimators. */
#ifndef GBT_MODULES_INFLUENCE_CORE_H
#define GBT_MODULES_INFLUENCE_CORE_H

#include "gbt/base/parallel.h"
#include "gbt/modules/influence_internal.h"

/* ---- Progress (influence.c) ------------------------------------------------------------------ */

gbt_influence_progress gbt_influence_start_progress(gbt_progress_fn, void *user);
/* Reports that follow go from `from` to `to`. */
void gbt_influence_set_part(gbt_influence_progress *, double from, double to);
gbt_status gbt_influence_end_progress(gbt_influence_progress *);

/* ---- Setup (influence_setup.c) --------------------------------------------------------------- */

/* The estimator that `params` names, and whether every key of [influence] that the caller set has a
 * meaning for it. GBT_ERR_PARAM. */
gbt_status gbt_influence_find(const gbt_params *, const gbt_influence_ops **out);
/* Everything but the estimator's state. */
gbt_status gbt_influence_setup(gbt_influence *, const gbt_params *, const gbt_model *,
                               const gbt_dataset *train);
/* Refuses models whose leaf values are not plain Newton steps. GBT_ERR_UNSUPPORTED. */
gbt_status gbt_influence_check_options(const gbt_influence *);
/* May so much be kept for speed alone? Half of what memory_limit leaves is for the calls. */
bool gbt_influence_has_room(const gbt_influence *, int64_t bytes);
/* Memory for one block of results: half of what memory_limit leaves, at least a megabyte; without a
 * limit half a gigabyte. */
int64_t gbt_influence_spare_bytes(const gbt_influence *);

/* ---- Derivatives of many rows (influence_derive.c) ------------------------------------------- */

/* [n_outputs x n] each; NULL: not wanted. */
typedef struct gbt_derivatives {
    double *loss; /* [n] */
    double *grad, *hess, *grad_slope, *hess_slope;
} gbt_derivatives;

/* gbt_objective_derivatives by threads. Labels were checked before. GBT_ERR_MEMORY. */
gbt_status gbt_influence_derive(const gbt_influence *, const double *score, const float *label,
                                int64_t n, const gbt_derivatives *out);

/* ---- The pass over the rounds (influence_forward.c) ------------------------------------------ */

typedef struct gbt_forward {
    const gbt_influence *of;
    const float *new_label; /* other labels of the training rows, or NULL */
    int32_t round;          /* that the arrays describe; -1 at first */
    const uint16_t *leaf;   /* [n_outputs x n_rows] */
    uint8_t *in_bag;        /* [n_rows], or NULL: every row */
    double *score;          /* [n_outputs x n_rows] before the trees of the round */
    gbt_derivatives own;    /* at these scores, without weights */
    gbt_derivatives other;  /* the same for new_label */
    uint16_t *leaf_room;    /* [n_outputs x n_rows] when the leaves are not kept */
    int32_t *leaf_wide;     /* likewise */
} gbt_forward;

/* `has_slopes`: third derivatives as well. GBT_ERR_MEMORY; GBT_ERR_DATA for a bad new label. */
gbt_status gbt_forward_open(gbt_forward *, const gbt_influence *, const float *new_label,
                            bool has_slopes);
/* Moves to the next round; after the last one `score` holds the final scores and nothing else is
 * computed. */
gbt_status gbt_forward_next(gbt_forward *);
void gbt_forward_close(gbt_forward *); /* a zeroed one is closed */

/* ---- Leaf sums (influence_leaves.c) ---------------------------------------------------------- */

/* Largest absolute values over all rows, weights included. */
typedef struct gbt_leaf_maxima {
    double grad, hess, score;
} gbt_leaf_maxima;

/* Computes leaf_sums beside a pass over the rounds, and checks every leaf value against them. */
typedef struct gbt_leaf_pass {
    gbt_influence *of;
    const gbt_forward *forward;
    int32_t output, tree;
    int64_t chunk_rows;
    gbt_leaf_sums *part;   /* [chunks x n_leaves of the tree] */
    gbt_leaf_maxima *most; /* [chunks] */
    int64_t bits;          /* of the trainer's gradients */
    bool rounds_to_nearest;
} gbt_leaf_pass;

/* Makes room in `of`. GBT_ERR_MEMORY. */
gbt_status gbt_leaf_pass_open(gbt_leaf_pass *, gbt_influence *of, const gbt_forward *);
/* The round that the forward pass is at. GBT_ERR_DATA names tree and leaf. */
gbt_status gbt_leaf_pass_round(gbt_leaf_pass *);
void gbt_leaf_pass_close(gbt_leaf_pass *); /* a zeroed one is closed */

/* All rounds on their own. */
gbt_status gbt_influence_sum_leaves(gbt_influence *, gbt_influence_progress *);

/* Sums of all nodes of a tree from those of its leaves: out [n_nodes]. */
void gbt_influence_sum_nodes(const gbt_influence *, int32_t tree, const gbt_node *nodes,
                             int32_t n_nodes, gbt_leaf_sums *out);

/* ---- Slopes of rows (influence_rows.c) ------------------------------------------------------- */

enum { GBT_MOST_PARTS = 2, GBT_MOST_STATES = 2 };

/* What an estimator wants to know of a training row in each tree: `n_parts` numbers that depend on
 * the row alone, computed round by round. */
typedef struct gbt_recipe gbt_recipe;
struct gbt_recipe {
    int n_parts;     /* numbers a row and tree */
    int n_states;    /* numbers a row and output carried from round to round, 0 at first */
    bool has_slopes; /* needs third derivatives */
    bool relabels;   /* needs a new label */
    int power;       /* boostin_w1, _w2: divide by the rows of the leaf to this power */
    bool is_shrunk;  /* leaf_term = reference */
    /* Rows [first, last) of one output: part[p] and state[s] are [n_rows]. */
    void (*fill)(const gbt_recipe *, const gbt_forward *, int32_t output, int64_t first,
                 int64_t last, float *const *part, double *const *state);
    /* Influence of rows on themselves: what this tree adds, or what follows from the states and the
     * final scores after the last round. One of them; both NULL: not wanted. */
    void (*add_self)(const gbt_recipe *, const gbt_forward *, int32_t output, int64_t first,
                     int64_t last, float *const *part, double *self);
    gbt_status (*finish_self)(const gbt_forward *, double *const *state, double *self);
};

/* Consecutive rounds: trees [first_tree, first_tree + n_trees). */
typedef struct gbt_rows {
    const gbt_influence *of;
    int32_t first_tree, n_trees;
    const uint16_t *leaf;        /* [n_trees x n_rows] */
    float *part[GBT_MOST_PARTS]; /* [n_trees x n_rows] */
    double *self;                /* [n_rows] or NULL: complete after the last round */
    bool is_kept;                /* all rounds stay in memory */
    const gbt_recipe *recipe;    /* the rest serves rounds that are computed for the occasion */
    gbt_forward forward;
    gbt_leaf_pass leaf_pass;        /* in the first pass; else zero */
    double *state[GBT_MOST_STATES]; /* [n_outputs x n_rows] */
    uint16_t *leaf_room;            /* [rounds at a time x n_outputs x n_rows] */
    int32_t rounds_at_a_time;
} gbt_rows;

/* Computes all rounds and keeps them when memory allows; else only `self`, and later passes compute
 * rounds again. Computes leaf_sums on the way unless they are there. Only while preparing.
 * GBT_ERR_MEMORY, GBT_ERR_DATA. */
gbt_status gbt_rows_keep(gbt_rows *, gbt_influence *, const gbt_recipe *, gbt_influence_progress *);
/* One pass for a reader: over `kept`, or over rounds computed again by the recipe. */
gbt_status gbt_rows_open(gbt_rows *, const gbt_influence *, const gbt_rows *kept,
                         const gbt_recipe *, const float *new_label);
/* The next rounds; n_trees = 0 after the last. */
gbt_status gbt_rows_next(gbt_rows *);
void gbt_rows_close(gbt_rows *); /* a zeroed one is closed */

/* ---- Spreading over targets (influence_spread.c) --------------------------------------------- */

/* For every target s of [first, first + n), row i and tree t of `rows`, with l the target's leaf:
 *     out[s][i] += part_p[t][i] * value(t, s, leaf of row i)
 * where value is factor(t, s) if the leaf of row i is l, else 0. */
typedef struct gbt_spread gbt_spread;
struct gbt_spread {
    const gbt_rows *rows;
    const gbt_target_set *targets;
    int64_t first, n;
    const double *factor; /* [n_trees x targets->n] or NULL: 1 */
    bool is_final;        /* factor is [n_outputs x targets->n], the same for all rounds */
    double sign;          /* times factor */
    float *out;           /* [n x n_rows], 0 before the first tree */
    int64_t output_step;  /* 0: all outputs into `out`, else output k into out + k * this */
    /* Another table than the above: writes value(tree, target, leaf) for targets
     * [first, first + n) at table[leaf * stride + target - first], leaves 0 .. n_leaves - 1.
     * NULL: the above. */
    void (*tabulate)(const gbt_spread *, int32_t tree, int part, int64_t first, int64_t n,
                     float *table, int64_t stride);
};

gbt_status gbt_spread_run(const gbt_spread *, gbt_influence_progress *, double from, double to);

/* The same over all rounds: `rows` of the job are those of a pass that the call makes, over `kept`
 * or computed again. */
gbt_status gbt_spread_all(const gbt_spread *, const gbt_influence *, const gbt_rows *kept,
                          const gbt_recipe *, const float *new_label, gbt_influence_progress *);

/* ---- Sums over targets (influence_totals.c) -------------------------------------------------- */

/* totals [leaves of all trees] += sign * factor of every target in the leaves that it reaches;
 * factor as in gbt_spread. */
void gbt_totals_add(const gbt_influence *, const gbt_target_set *, const double *factor,
                    bool is_final, double sign, double *totals);

/* What rows of each leaf of a tree get for either part, from the totals of its leaves:
 * out[p] [n_leaves]. */
typedef void (*gbt_totals_fn)(const gbt_influence *, int32_t tree, const double *totals,
                              double *const *out);

/* out[i] += part_p[t][i] * total_p[leaf of i] over trees; share NULL: part 0 gets the totals
 * themselves. `kept`, `recipe` as in gbt_spread_all. */
gbt_status gbt_totals_sum(const gbt_influence *, const gbt_rows *kept, const gbt_recipe *,
                          gbt_totals_fn share, const double *totals, double *out,
                          gbt_influence_progress *);

/* ---- Targets (influence_targets.c) ----------------------------------------------------------- */

/* Raw scores before the first tree, init scores included: out [n_outputs x rows of `data`]. */
gbt_status gbt_influence_base(const gbt_influence *, const gbt_dataset *data, double *out);

/* Everything about targets [first, first + n) of `targets`; `rows` points into them or into a
 * subset that `owned` holds. */
typedef struct gbt_target_batch {
    gbt_target_set set;
    gbt_dataset *owned;
    gbt_matrix features;
} gbt_target_batch;

/* Rows that are not `is_labelled` get neither labels nor gradients (both NULL). */
gbt_status gbt_target_batch_open(gbt_target_batch *, const gbt_influence *, const gbt_targets *,
                                 int64_t first, int64_t n, bool is_labelled);
void gbt_target_batch_close(gbt_target_batch *); /* a zeroed one is closed */
/* Targets of a batch: all, or as many as a share of the spare memory holds. */
int64_t gbt_target_batch_size(const gbt_influence *, int64_t n_targets);

/* ---- The k largest and smallest (influence_top.c) -------------------------------------------- */

/* Of every row of value [n x n_rows]: the k largest, largest first, then the k smallest, smallest
 * first; equal values in the order of rows. row, top [n x 2k]. k <= n_rows. GBT_ERR_MEMORY. */
gbt_status gbt_influence_select(const float *value, int64_t n, int64_t n_rows, int32_t k,
                                int threads, int64_t *row, float *top);

#endif
