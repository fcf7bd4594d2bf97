/* Bump allocator: one block sized at setup, handed out in 64-byte steps, reset and never freed in
 * the loop. Not thread-safe: take before a parallel region. */
#ifndef GBT_BASE_ARENA_H
#define GBT_BASE_ARENA_H

#include "gbt/base/status.h"

typedef struct gbt_arena {
    char *block;
    size_t capacity, used; /* bytes */
} gbt_arena;

gbt_status gbt_arena_open(gbt_arena *, size_t capacity);
void gbt_arena_close(gbt_arena *); /* a zeroed arena is closed already */

/* `count * size` bytes, 64-byte aligned, uninitialised. The caller sized the arena for all it
 * takes: running out is our own mistake (assert), so the result is never NULL. */
void *gbt_arena_take(gbt_arena *, int64_t count, size_t size);

/* Bytes that one take of `count * size` uses up; sum these to size an arena. */
size_t gbt_arena_need(int64_t count, size_t size);

void gbt_arena_reset(gbt_arena *);

#endif
