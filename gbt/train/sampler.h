/* What each tree may see: rows of a round, features of a tree, a level, a node. Every draw is a
 * function of (seed, round, output, path in the tree, position): threads and batches do not
 * matter. */
#ifndef GBT_TRAIN_SAMPLER_H
#define GBT_TRAIN_SAMPLER_H

#include <stdbool.h>

#include "gbt/base/status.h"

typedef struct gbt_sampler_config {
    uint64_t seed;
    double subsample;                  /* probability of a row, (0, 1] */
    int32_t subsample_freq;            /* rounds that share one draw of rows */
    double by_tree, by_level, by_node; /* shares of the features, (0, 1] */
} gbt_sampler_config;

typedef struct gbt_sampler {
    gbt_sampler_config config;
    int64_t n_rows;
    int32_t n_features, n_words;
    uint32_t *rows; /* [n_rows] drawn rows ascending; NULL when every row is used */
    int64_t n_drawn;
    int64_t drawn_round; /* round the rows were drawn for, -1: none yet */
    uint32_t *tree_set;  /* [n_words] bit set of features of the tree; NULL: all */
    uint64_t *order;     /* [n_features] scratch: (draw, feature) keys */
} gbt_sampler;

gbt_status gbt_sampler_open(gbt_sampler *, const gbt_sampler_config *, int64_t n_rows,
                            int32_t n_features);
void gbt_sampler_close(gbt_sampler *); /* a zeroed one is closed */

/* Rows of the round: sets rows and n_drawn (at least one row). */
void gbt_sampler_draw_rows(gbt_sampler *, int32_t round);
/* Features of the tree: sets tree_set. */
void gbt_sampler_draw_tree(gbt_sampler *, int32_t round, int32_t output);
/* True when nodes have feature sets of their own. */
bool gbt_sampler_has_node_sets(const gbt_sampler *);
/* Features of one node out of those of its tree, written to set [n_words]. `path` names the
 * node. */
void gbt_sampler_draw_node(const gbt_sampler *, int32_t round, int32_t output, int32_t depth,
                           uint64_t path, uint32_t *set);
bool gbt_sampler_is_idle(const gbt_sampler *); /* every tree sees everything */

#endif
