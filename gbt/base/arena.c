/* Bump allocator over one block of gbt_alloc. Every take starts on a 64-byte boundary, so two takes
 * never share a cache line. Cost of a take: an addition. */
#include "gbt/base/arena.h"

#include <assert.h>

#include "gbt/base/alloc.h"

enum { STEP = 64 };

size_t gbt_arena_need(int64_t count, size_t size)
{
    /* A need that is beyond all memory is answered with a number that gbt_arena_open refuses and
     * that many of may still be summed. */
    const size_t beyond = SIZE_MAX >> 8;
    assert(count >= 0);
    if (size > 0 && (uint64_t)count > (beyond - STEP) / size) {
        return beyond;
    }
    size_t bytes = (size_t)count * size;
    return (bytes + STEP - 1) / STEP * STEP;
}

gbt_status gbt_arena_open(gbt_arena *arena, size_t capacity)
{
    *arena = (gbt_arena){NULL, 0, 0};
    if (capacity > (size_t)INT64_MAX) {
        return gbt_fail(GBT_ERR_MEMORY, "%zu bytes do not fit into memory", capacity);
    }
    GBT_TRY(GBT_NEW(arena->block, (int64_t)capacity));
    arena->capacity = capacity;
    return GBT_OK;
}

void gbt_arena_close(gbt_arena *arena)
{
    gbt_release(arena->block);
    *arena = (gbt_arena){NULL, 0, 0};
}

void *gbt_arena_take(gbt_arena *arena, int64_t count, size_t size)
{
    size_t need = gbt_arena_need(count, size);
    assert(need <= arena->capacity - arena->used);
    void *memory = arena->block + arena->used;
    arena->used += need;
    return memory;
}

void gbt_arena_reset(gbt_arena *arena)
{
    arena->used = 0;
}
