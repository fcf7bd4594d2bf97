/* A binary heap; every operation costs O(log n). */
#include "gbt/train/frontier.h"

#include <assert.h>
#include <string.h>

#include "gbt/base/alloc.h"

gbt_status gbt_frontier_open(gbt_frontier *frontier, int32_t capacity)
{
    memset(frontier, 0, sizeof *frontier);
    frontier->capacity = capacity;
    return GBT_NEW(frontier->heap, capacity);
}

void gbt_frontier_close(gbt_frontier *frontier)
{
    gbt_release(frontier->heap);
    memset(frontier, 0, sizeof *frontier);
}

void gbt_frontier_clear(gbt_frontier *frontier)
{
    frontier->n = 0;
    frontier->pushes = 0;
}

static bool comes_first(const gbt_open_leaf *a, const gbt_open_leaf *b)
{
    return a->gain > b->gain || (a->gain == b->gain && a->age < b->age);
}

static void insert(gbt_frontier *frontier, gbt_open_leaf leaf)
{
    assert(frontier->n < frontier->capacity);
    int32_t at = frontier->n++;
    while (at > 0 && comes_first(&leaf, &frontier->heap[(at - 1) / 2])) {
        frontier->heap[at] = frontier->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    frontier->heap[at] = leaf;
}

void gbt_frontier_push(gbt_frontier *frontier, int32_t node, double gain)
{
    const gbt_open_leaf leaf = {.gain = gain, .age = frontier->pushes++, .node = node};
    insert(frontier, leaf);
}

static gbt_open_leaf take_first(gbt_frontier *frontier)
{
    const gbt_open_leaf first = frontier->heap[0];
    const gbt_open_leaf last = frontier->heap[--frontier->n];
    int32_t at = 0;
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= frontier->n) {
            break;
        }
        if (child + 1 < frontier->n &&
            comes_first(&frontier->heap[child + 1], &frontier->heap[child])) {
            child++;
        }
        if (!comes_first(&frontier->heap[child], &last)) {
            break;
        }
        frontier->heap[at] = frontier->heap[child];
        at = child;
    }
    frontier->heap[at] = last;
    return first;
}

int32_t gbt_frontier_pop(gbt_frontier *frontier)
{
    return frontier->n > 0 ? take_first(frontier).node : -1;
}

int32_t gbt_frontier_best(gbt_frontier *frontier, int32_t k, int32_t *nodes)
{
    /* The leaves taken off leave room behind the heap's end: keep them there, then put them
     * back. */
    const int32_t n_before = frontier->n;
    int32_t n_taken = 0;
    while (n_taken < k && frontier->n > 0) {
        const gbt_open_leaf leaf = take_first(frontier);
        frontier->heap[frontier->n] = leaf;
        nodes[n_taken++] = leaf.node;
    }
    while (frontier->n < n_before) {
        insert(frontier, frontier->heap[frontier->n]);
    }
    return n_taken;
}
