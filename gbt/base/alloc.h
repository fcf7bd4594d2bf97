/* Memory: checked sizes, 64-byte alignment, the caller's allocator hook. Every allocation of the
 * library goes through this file, so a test can make any of them fail. */
#ifndef GBT_BASE_ALLOC_H
#define GBT_BASE_ALLOC_H

#include "gbt/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `count * size` bytes, 64-byte aligned; never a null pointer for zero bytes. On overflow or
 * refusal: NULL, and the message names the size. `gbt_alloc_zero` clears the bytes. */
void *gbt_alloc(int64_t count, size_t size);
void *gbt_alloc_zero(int64_t count, size_t size);

/* A larger copy of `old` (or a fresh block when it is NULL) with its first `old_count` elements;
 * `old` is released only on success. NULL on failure, `old` stays valid. */
void *gbt_grow(void *old, int64_t old_count, int64_t new_count, size_t size);

/* NULL is a no-op. */
void gbt_release(void *memory);

/* A copy of the zero-terminated text; NULL on failure. */
char *gbt_copy_text(const char *text);

/* Number of allocations made by this thread so far (for the test that the round loop makes none).
 * */
int64_t gbt_alloc_calls(void);

/* GBT_TRY(GBT_NEW(pointer, count)): typed allocation as a status. */
#define GBT_NEW(pointer, count) \
    (((pointer) = gbt_alloc((count), sizeof *(pointer))) ? GBT_OK : GBT_ERR_MEMORY)
#define GBT_NEW_ZERO(pointer, count) \
    (((pointer) = gbt_alloc_zero((count), sizeof *(pointer))) ? GBT_OK : GBT_ERR_MEMORY)

#ifdef __cplusplus
}
#endif

#endif
