/* GBT_HD marks an inline function that is compiled unchanged as C11, C++ and CUDA device code.
 * Such functions use plain IEEE operations only: no libm, no fused multiply-add, no globals. */
#ifndef GBT_BASE_HD_H
#define GBT_BASE_HD_H

#if defined(__CUDACC__)
#define GBT_HD static __host__ __device__ __forceinline__
#else
#define GBT_HD static inline
#endif

#endif
