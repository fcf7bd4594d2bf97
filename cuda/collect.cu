/* Sorts and prefix sums over whole arrays, by CUB. It has no state of ours: scratch memory comes
 * from the caller. */
#include "cuda/collect.cuh"

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#include "cuda/check.cuh"

enum { ALL_BITS = 64 };

/* Bytes of scratch as CUB counts them; alignment of the caller's memory is that of cudaMalloc. */
gbt_status gbt_collect_bytes(gbt_device *device, int64_t n, int64_t *out)
{
    size_t sort_bytes = 0, prefix_bytes = 0;
    const uint64_t *keys = NULL;
    const uint32_t *values = NULL;
    uint64_t *keys_out = NULL;
    uint32_t *values_out = NULL;
    cudaStream_t stream = static_cast<cudaStream_t>(device->stream);
    *out = 0;
    GBT_TRY(gbt_cuda_check(cudaSetDevice(device->number), "choose its device"));
    GBT_TRY(gbt_cuda_check(cub::DeviceRadixSort::SortPairs(NULL, sort_bytes, keys, keys_out, values,
                                                           values_out, n, 0, ALL_BITS, stream),
                           "plan a sort"));
    GBT_TRY(
        gbt_cuda_check(cub::DeviceScan::InclusiveSum(NULL, prefix_bytes, keys, keys_out, n, stream),
                       "plan a prefix sum"));
    *out = static_cast<int64_t>(sort_bytes > prefix_bytes ? sort_bytes : prefix_bytes);
    return GBT_OK;
}

gbt_status gbt_collect_sort(gbt_device *device, void *scratch, int64_t scratch_bytes,
                            const uint64_t *keys, uint64_t *keys_out, const uint32_t *values,
                            uint32_t *values_out, int64_t n, int32_t bits)
{
    size_t bytes = static_cast<size_t>(scratch_bytes);
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_cuda_check(cudaSetDevice(device->number), "choose its device"));
    return gbt_cuda_check(
        cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, keys_out, values, values_out, n, 0,
                                        bits, static_cast<cudaStream_t>(device->stream)),
        "sort");
}

gbt_status gbt_collect_prefix(gbt_device *device, void *scratch, int64_t scratch_bytes,
                              const uint64_t *in, uint64_t *out, int64_t n)
{
    size_t bytes = static_cast<size_t>(scratch_bytes);
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_cuda_check(cudaSetDevice(device->number), "choose its device"));
    return gbt_cuda_check(cub::DeviceScan::InclusiveSum(scratch, bytes, in, out, n,
                                                        static_cast<cudaStream_t>(device->stream)),
                          "add up");
}
