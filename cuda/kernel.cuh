/* The words kernels are written in. Every kernel of this folder is compiled twice: by nvcc for
 * devices, and as C++ for the emulation of tests/cuda/emulate.h, which runs the threads of a block
 * as fibres that switch at barriers and warp operations only.
 *
 *   GBT_KERNEL fill(float *x, int64_t n) { ... }
 *   GBT_TRY(GBT_LAUNCH(device, fill, blocks, threads, shared_bytes, x, n));
 *
 * Rules: blocks have a multiple of 32 threads; barriers and warp operations are reached by all
 * threads of the block or all 32 lanes of the warp; shared memory is dynamic only, and holds
 * garbage at first. Kernels use plain IEEE operations (-fmad=false), gbt/base/maths.h instead of
 * libm, and GBT_HD functions. GBT_UNROLL stands before a loop whose arrays shall be registers. */
#ifndef GBT_CUDA_KERNEL_CUH
#define GBT_CUDA_KERNEL_CUH

#include <stdint.h>
#include <string.h>

#include "cuda/device.cuh"
#include "gbt/base/hd.h"

#if !defined(__CUDACC__)
#include "tests/cuda/emulate.h"
#endif

enum { GBT_WARP = 32 };

#if defined(__CUDACC__)

#define GBT_KERNEL static __global__ void
#define GBT_DEVICE static __device__ __forceinline__
#define GBT_UNROLL _Pragma("unroll")
#define GBT_SHARED(type, name)                                        \
    extern __shared__ __align__(16) unsigned char gbt_shared_bytes[]; \
    type *const name = reinterpret_cast<type *>(gbt_shared_bytes)

GBT_DEVICE uint32_t gbt_thread() /* of the block */
{
    return threadIdx.x;
}

GBT_DEVICE uint32_t gbt_threads()
{
    return blockDim.x;
}

GBT_DEVICE uint32_t gbt_block()
{
    return blockIdx.x;
}

GBT_DEVICE uint32_t gbt_blocks()
{
    return gridDim.x;
}

/* All threads of the block come here; what they wrote to memory is seen by all. */
GBT_DEVICE void gbt_barrier()
{
    __syncthreads();
}

GBT_DEVICE uint32_t gbt_ballot(bool flag)
{
    return __ballot_sync(0xffffffffu, flag);
}

/* 32 or 64 bits of another lane. */
template <class T> GBT_DEVICE T gbt_shuffle(T value, uint32_t lane)
{
    return __shfl_sync(0xffffffffu, value, static_cast<int>(lane));
}

/* Of the lane `by` below; the lowest `by` lanes keep their own. */
template <class T> GBT_DEVICE T gbt_shuffle_up(T value, uint32_t by)
{
    return __shfl_up_sync(0xffffffffu, value, by);
}

template <class T> GBT_DEVICE T gbt_shuffle_xor(T value, uint32_t mask)
{
    return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask));
}

GBT_DEVICE uint32_t gbt_atomic_add(uint32_t *to, uint32_t value) /* returns the old value */
{
    return atomicAdd(to, value);
}

GBT_DEVICE uint64_t gbt_atomic_add(uint64_t *to, uint64_t value)
{
    return atomicAdd(reinterpret_cast<unsigned long long *>(to),
                     static_cast<unsigned long long>(value));
}

GBT_DEVICE void gbt_atomic_max(uint32_t *to, uint32_t value)
{
    atomicMax(to, value);
}

GBT_DEVICE void gbt_atomic_min(uint32_t *to, uint32_t value)
{
    atomicMin(to, value);
}

GBT_DEVICE void gbt_atomic_or(uint32_t *to, uint32_t value)
{
    atomicOr(to, value);
}

GBT_DEVICE uint32_t gbt_count_bits(uint32_t x)
{
    return static_cast<uint32_t>(__popc(x));
}

/* Over the lanes, in every lane. */
GBT_DEVICE uint32_t gbt_warp_max(uint32_t value)
{
    return __reduce_max_sync(0xffffffffu, value);
}

GBT_DEVICE uint32_t gbt_warp_min(uint32_t value)
{
    return __reduce_min_sync(0xffffffffu, value);
}

template <class... P, class... A>
static gbt_status gbt_launch(gbt_device *device, const char *name, void (*kernel)(P...),
                             int64_t blocks, int32_t threads, int64_t shared_bytes, A... arguments)
{
    if (blocks <= 0) {
        return GBT_OK;
    }
    cudaSetDevice(device->number); /* its errors are found by gbt_device_launched */
    if (shared_bytes > 48 * 1024) {
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes));
    }
    kernel<<<static_cast<uint32_t>(blocks), static_cast<uint32_t>(threads),
             static_cast<size_t>(shared_bytes), static_cast<cudaStream_t>(device->stream)>>>(
        static_cast<P>(arguments)...);
    return gbt_device_launched(device, name);
}

#else

#define GBT_KERNEL static void
#define GBT_DEVICE static inline
#define GBT_UNROLL
#define GBT_SHARED(type, name) type *const name = reinterpret_cast<type *>(gbt_emulated.shared)

GBT_DEVICE uint32_t gbt_thread()
{
    return gbt_emulated.thread;
}

GBT_DEVICE uint32_t gbt_threads()
{
    return gbt_emulated.threads;
}

GBT_DEVICE uint32_t gbt_block()
{
    return gbt_emulated.block;
}

GBT_DEVICE uint32_t gbt_blocks()
{
    return gbt_emulated.blocks;
}

GBT_DEVICE void gbt_barrier()
{
    gbt_emulate_barrier();
}

/* Value of another lane, which has given its own. */
template <class T> GBT_DEVICE T gbt_emulated_lane(T value, uint32_t lane)
{
    T other;
    memcpy(&other, gbt_emulate_exchange(&value, sizeof value) + lane * GBT_EMULATED_LANE_BYTES,
           sizeof other);
    return other;
}

GBT_DEVICE uint32_t gbt_ballot(bool flag)
{
    const unsigned char *all = gbt_emulate_exchange(&flag, sizeof flag);
    uint32_t bits = 0;
    for (uint32_t lane = 0; lane < GBT_WARP; lane++) {
        bits |= static_cast<uint32_t>(all[lane * GBT_EMULATED_LANE_BYTES] != 0) << lane;
    }
    return bits;
}

template <class T> GBT_DEVICE T gbt_shuffle(T value, uint32_t lane)
{
    return gbt_emulated_lane(value, lane % GBT_WARP);
}

template <class T> GBT_DEVICE T gbt_shuffle_up(T value, uint32_t by)
{
    const uint32_t own = gbt_emulated.thread % GBT_WARP;
    return gbt_emulated_lane(value, own >= by ? own - by : own);
}

template <class T> GBT_DEVICE T gbt_shuffle_xor(T value, uint32_t mask)
{
    return gbt_emulated_lane(value, (gbt_emulated.thread % GBT_WARP) ^ mask);
}

template <class T> GBT_DEVICE T gbt_atomic_add(T *to, T value)
{
    const T old = *to;
    *to += value;
    return old;
}

GBT_DEVICE void gbt_atomic_max(uint32_t *to, uint32_t value)
{
    *to = *to > value ? *to : value;
}

GBT_DEVICE void gbt_atomic_min(uint32_t *to, uint32_t value)
{
    *to = *to < value ? *to : value;
}

GBT_DEVICE void gbt_atomic_or(uint32_t *to, uint32_t value)
{
    *to |= value;
}

GBT_DEVICE uint32_t gbt_count_bits(uint32_t x)
{
    return static_cast<uint32_t>(__builtin_popcount(x));
}

GBT_DEVICE uint32_t gbt_warp_max(uint32_t value)
{
    const unsigned char *all = gbt_emulate_exchange(&value, sizeof value);
    for (uint32_t lane = 0; lane < GBT_WARP; lane++) {
        uint32_t other;
        memcpy(&other, all + lane * GBT_EMULATED_LANE_BYTES, sizeof other);
        value = other > value ? other : value;
    }
    return value;
}

GBT_DEVICE uint32_t gbt_warp_min(uint32_t value)
{
    return ~gbt_warp_max(~value);
}

template <class... P, class... A>
static gbt_status gbt_launch(gbt_device *device, const char *name, void (*kernel)(P...),
                             int64_t blocks, int32_t threads, int64_t shared_bytes, A... arguments)
{
    (void)device;
    auto body = [=] { kernel(static_cast<P>(arguments)...); };
    return gbt_emulate_run(
        name, blocks, threads, shared_bytes,
        [](void *context) { (*static_cast<decltype(body) *>(context))(); }, &body);
}

#endif

/* A status. No blocks: nothing is done. */
#define GBT_LAUNCH(device, kernel, blocks, threads, shared_bytes, ...) \
    gbt_launch((device), #kernel, kernel, (blocks), (threads), (shared_bytes), __VA_ARGS__)

GBT_DEVICE uint32_t gbt_lane()
{
    return gbt_thread() % GBT_WARP;
}

/* Number of this thread in the whole grid, and the grid's threads. */
GBT_DEVICE int64_t gbt_grid_thread()
{
    return static_cast<int64_t>(gbt_block()) * gbt_threads() + gbt_thread();
}

GBT_DEVICE int64_t gbt_grid_threads()
{
    return static_cast<int64_t>(gbt_blocks()) * gbt_threads();
}

/* Inclusive prefix sum over the lanes of a warp. */
template <class T> GBT_DEVICE T gbt_warp_prefix_by_shuffles(T value)
{
    for (uint32_t by = 1; by < GBT_WARP; by *= 2) {
        const T below = gbt_shuffle_up(value, by);
        if (gbt_lane() >= by) {
            value += below;
        }
    }
    return value;
}

/* The best over the lanes, in every lane; gbt_is_better(a, b) is a total order of the type. */
template <class T> GBT_DEVICE T gbt_warp_best_by_shuffles(T value)
{
    for (uint32_t mask = GBT_WARP / 2; mask > 0; mask /= 2) {
        const T other = gbt_shuffle_xor(value, mask);
        value = gbt_is_better(other, value) ? other : value;
    }
    return value;
}

/* Sum over the lanes, in every lane. */
template <class T> GBT_DEVICE T gbt_warp_sum(T value)
{
    for (uint32_t mask = GBT_WARP / 2; mask > 0; mask /= 2) {
        value += gbt_shuffle_xor(value, mask);
    }
    return value;
}

#if defined(__CUDACC__)

template <class T> GBT_DEVICE T gbt_warp_prefix(T value)
{
    return gbt_warp_prefix_by_shuffles(value);
}

template <class T> GBT_DEVICE T gbt_warp_best(T value)
{
    return gbt_warp_best_by_shuffles(value);
}

#else

/* The emulation's way takes one switch of threads in place of five; test_emulate.cc compares. */
template <class T> GBT_DEVICE T gbt_warp_prefix(T value)
{
    const unsigned char *all = gbt_emulate_exchange(&value, sizeof value);
    T sum = T();
    for (uint32_t lane = 0; lane <= gbt_emulated.thread % GBT_WARP; lane++) {
        T other;
        memcpy(&other, all + lane * GBT_EMULATED_LANE_BYTES, sizeof other);
        sum += other;
    }
    return sum;
}

template <class T> GBT_DEVICE T gbt_warp_best(T value)
{
    const unsigned char *all = gbt_emulate_exchange(&value, sizeof value);
    for (uint32_t lane = 0; lane < GBT_WARP; lane++) {
        T other;
        memcpy(&other, all + lane * GBT_EMULATED_LANE_BYTES, sizeof other);
        value = gbt_is_better(other, value) ? other : value;
    }
    return value;
}

#endif

#endif
