/* Memory: checked sizes, 64-byte alignment, the caller's allocator hook. Blocks carry no header of
 * ours. Cost: that of the allocator behind it. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/base/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static void *system_allocate(size_t bytes, size_t alignment, void *user)
{
    (void)user;
    void *memory = NULL;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static void system_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

static gbt_allocator allocator = {system_allocate, system_release, NULL};
static _Thread_local int64_t n_calls;

void gbt_set_allocator(const gbt_allocator *replacement)
{
    static const gbt_allocator system = {system_allocate, system_release, NULL};
    allocator = replacement ? *replacement : system;
}

int64_t gbt_alloc_calls(void)
{
    return n_calls;
}

void *gbt_alloc(int64_t count, size_t size)
{
    n_calls++;
    const size_t most = (size_t)1 << 47; /* beyond what a process can address */
    if (count < 0 || (size > 0 && (uint64_t)count > most / size)) {
        gbt_fail(GBT_ERR_MEMORY, "%" PRId64 " elements of %zu bytes do not fit into memory", count,
                 size);
        return NULL;
    }
    size_t bytes = (size_t)count * size;
    bytes = bytes == 0 ? 1 : bytes;
    void *memory = allocator.allocate(bytes, ALIGNMENT, allocator.user);
    if (!memory) {
        gbt_fail(GBT_ERR_MEMORY, "out of memory: %zu bytes were refused", bytes);
    }
    return memory;
}

void *gbt_alloc_zero(int64_t count, size_t size)
{
    void *memory = gbt_alloc(count, size);
    if (memory) {
        memset(memory, 0, (size_t)count * size);
    }
    return memory;
}

void *gbt_grow(void *old, int64_t old_count, int64_t new_count, size_t size)
{
    void *memory = gbt_alloc(new_count, size);
    if (memory && old) {
        memcpy(memory, old, (size_t)(old_count < new_count ? old_count : new_count) * size);
        gbt_release(old);
    }
    return memory;
}

void gbt_release(void *memory)
{
    if (memory) {
        allocator.release(memory, allocator.user);
    }
}

char *gbt_copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = gbt_alloc((int64_t)bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}
