/* Device-wide operations that are taken from CUB (collect.cu); the emulation has plain loops
 * (tests/cuda/emulate_device.cc). */
#ifndef GBT_CUDA_COLLECT_CUH
#define GBT_CUDA_COLLECT_CUH

#include "cuda/device.cuh"

/* Bytes of device memory that the functions below need as `scratch` for n elements. */
gbt_status gbt_collect_bytes(gbt_device *, int64_t n, int64_t *out);

/* Pairs ordered by the low `bits` bits of the key; equal keys keep their order. All arrays [n]. */
gbt_status gbt_collect_sort(gbt_device *, void *scratch, int64_t scratch_bytes,
                            const uint64_t *keys, uint64_t *keys_out, const uint32_t *values,
                            uint32_t *values_out, int64_t n, int32_t bits);

/* out[i] = in[0] + .. + in[i], modulo 2^64; in and out may be the same. */
gbt_status gbt_collect_prefix(gbt_device *, void *scratch, int64_t scratch_bytes,
                              const uint64_t *in, uint64_t *out, int64_t n);

#endif
