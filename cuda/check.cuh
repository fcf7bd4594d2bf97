/* Results of CUDA and CUB as a gbt_status. Only for files that nvcc compiles. */
#ifndef GBT_CUDA_CHECK_CUH
#define GBT_CUDA_CHECK_CUH

#include <cuda_runtime.h>

#include "gbt/base/status.h"

/* `what` completes "CUDA could not ...". ERR_MEMORY when device memory ran out, ERR_UNSUPPORTED
 * when driver or device are missing, else ERR_DEVICE. */
static inline gbt_status gbt_cuda_check(cudaError_t code, const char *what)
{
    if (code == cudaSuccess) {
        return GBT_OK;
    }
    (void)cudaGetLastError(); /* so that the next call does not report it again */
    if (code == cudaErrorMemoryAllocation) {
        return gbt_fail(GBT_ERR_MEMORY, "CUDA could not %s: the device's memory is used up", what);
    }
    if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver ||
        code == cudaErrorStubLibrary || code == cudaErrorSystemDriverMismatch) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "backend cuda: no CUDA device can be used: %s",
                        cudaGetErrorString(code));
    }
    return gbt_fail(GBT_ERR_DEVICE, "CUDA could not %s: %s (%s)", what, cudaGetErrorString(code),
                    cudaGetErrorName(code));
}

#endif
