/* The library's C headers as C++ sees them. The system headers come first, outside of extern "C".
 *
 * Of libgbt's functions the training kernels' host code calls gbt_fail, gbt_alloc_zero and
 * gbt_release only; everything else it needs is inline. */
#ifndef GBT_CUDA_HOST_CUH
#define GBT_CUDA_HOST_CUH

#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "gbt/backend/backend.h"
#include "gbt/base/alloc.h"
}

/* Host memory as a status, like GBT_NEW of alloc.h. */
template <class T> static inline gbt_status gbt_host_new(T **out, int64_t count)
{
    *out = static_cast<T *>(gbt_alloc_zero(count, sizeof(T)));
    return *out ? GBT_OK : GBT_ERR_MEMORY;
}

#endif
