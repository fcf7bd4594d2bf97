/* See fail_alloc.h. Counters are atomic: the library may allocate on several threads. */
#define _POSIX_C_SOURCE 200809L
#include "tests/support/fail_alloc.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"

static int64_t refused_call;
static _Atomic int64_t n_calls;
static _Atomic int64_t n_live;

static void *allocate(size_t bytes, size_t alignment, void *user)
{
    (void)user;
    void *memory = NULL;
    if (atomic_fetch_add(&n_calls, 1) + 1 == refused_call) {
        return NULL;
    }
    if (posix_memalign(&memory, alignment, bytes > 0 ? bytes : 1) != 0) {
        return NULL;
    }
    memset(memory, 0xA5, bytes);
    atomic_fetch_add(&n_live, 1);
    return memory;
}

static void release(void *memory, void *user)
{
    (void)user;
    if (memory != NULL) {
        atomic_fetch_sub(&n_live, 1);
        free(memory);
    }
}

void fail_alloc_install(int64_t nth)
{
    static const gbt_allocator allocator = {allocate, release, NULL};
    refused_call = nth;
    atomic_store(&n_calls, 0);
    atomic_store(&n_live, 0);
    gbt_set_allocator(&allocator);
}

void fail_alloc_remove(void)
{
    gbt_set_allocator(NULL);
}

int64_t fail_alloc_calls(void)
{
    return atomic_load(&n_calls);
}

int64_t fail_alloc_live(void)
{
    return atomic_load(&n_live);
}

bool fail_alloc_refused(void)
{
    return refused_call > 0 && atomic_load(&n_calls) >= refused_call;
}
