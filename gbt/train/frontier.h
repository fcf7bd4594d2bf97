/* Open leaves of a growing tree as a heap: largest gain first, ties by age. Holds no tree. */
#ifndef GBT_TRAIN_FRONTIER_H
#define GBT_TRAIN_FRONTIER_H

#include <stdbool.h>

#include "gbt/base/status.h"

typedef struct gbt_open_leaf {
    double gain;
    int32_t age; /* number of the push */
    int32_t node;
} gbt_open_leaf;

typedef struct gbt_frontier {
    gbt_open_leaf *heap; /* [capacity] */
    int32_t n, capacity, pushes;
} gbt_frontier;

gbt_status gbt_frontier_open(gbt_frontier *, int32_t capacity);
void gbt_frontier_close(gbt_frontier *); /* a zeroed one is closed */
void gbt_frontier_clear(gbt_frontier *);
void gbt_frontier_push(gbt_frontier *, int32_t node, double gain);
/* The best leaf, or -1 when none is open. */
int32_t gbt_frontier_pop(gbt_frontier *);
/* Nodes of the `k` best leaves without taking them off, best first; returns how many there are. */
int32_t gbt_frontier_best(gbt_frontier *, int32_t k, int32_t *nodes);

#endif
