/* The functions of cuda/device.cuh and cuda/collect.cuh on the host, for the emulation. New memory
 * is poisoned; a limit on it lets a test run out of device memory. */
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "cuda/collect.cuh"
#include "cuda/device.cuh"
#include "tests/cuda/emulate.h"

static int64_t n_blocks; /* of device memory that are not released */
static int64_t n_bytes;  /* asked for so far */
static int64_t allocations_left = INT64_MAX;
static int32_t n_processors = 4;

void gbt_emulate_processors(int32_t n)
{
    n_processors = n;
}

int64_t gbt_emulate_device_blocks()
{
    return n_blocks;
}

int64_t gbt_emulate_device_bytes()
{
    return n_bytes;
}

gbt_status gbt_device_count(int32_t *out)
{
    *out = 1;
    return GBT_OK;
}

gbt_status gbt_device_room(int32_t, int64_t *out)
{
    *out = static_cast<int64_t>(1) << 34;
    return GBT_OK;
}

void gbt_emulate_device_limit(int64_t allocations)
{
    allocations_left = allocations;
}

gbt_status gbt_device_open(int32_t number, gbt_device **out)
{
    *out = NULL;
    if (number > 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "device %d: the emulation has device 0 only", number);
    }
    *out = static_cast<gbt_device *>(calloc(1, sizeof **out));
    (*out)->n_processors = n_processors;
    (*out)->most_shared_bytes = 227 * 1024;
    return GBT_OK;
}

void gbt_device_close(gbt_device *device)
{
    free(device);
}

gbt_status gbt_device_free_bytes(gbt_device *device, int64_t *out)
{
    return gbt_device_room(device->number, out);
}

gbt_status gbt_device_new(gbt_device *, int64_t bytes, void **out)
{
    *out = NULL;
    if (allocations_left <= 0) {
        return gbt_fail(GBT_ERR_MEMORY, "device memory: %lld bytes cannot be had",
                        static_cast<long long>(bytes));
    }
    allocations_left--;
    n_bytes += bytes;
    *out = malloc(static_cast<size_t>(bytes));
    memset(*out, 0xa5, static_cast<size_t>(bytes));
    n_blocks++;
    return GBT_OK;
}

void gbt_device_release(gbt_device *, void *memory)
{
    n_blocks -= memory != NULL;
    free(memory);
}

gbt_status gbt_device_new_pinned(gbt_device *device, int64_t bytes, void **out)
{
    const int64_t before = n_bytes;
    const gbt_status status = gbt_device_new(device, bytes, out);
    n_bytes = before;
    return status;
}

void gbt_device_release_pinned(gbt_device *device, void *memory)
{
    gbt_device_release(device, memory);
}

gbt_status gbt_device_copy(gbt_device *, void *to, const void *from, int64_t bytes)
{
    if (bytes > 0) {
        memcpy(to, from, static_cast<size_t>(bytes));
    }
    return GBT_OK;
}

gbt_status gbt_device_send(gbt_device *device, void *to_device, const void *from, int64_t bytes)
{
    return gbt_device_copy(device, to_device, from, bytes);
}

gbt_status gbt_device_fetch(gbt_device *device, void *to_host, const void *from, int64_t bytes)
{
    return gbt_device_copy(device, to_host, from, bytes);
}

gbt_status gbt_device_clear(gbt_device *, void *memory, int64_t bytes)
{
    memset(memory, 0, static_cast<size_t>(bytes));
    return GBT_OK;
}

gbt_status gbt_device_wait(gbt_device *)
{
    return GBT_OK;
}

gbt_status gbt_device_launched(gbt_device *, const char *)
{
    return GBT_OK;
}

gbt_status gbt_collect_bytes(gbt_device *, int64_t, int64_t *out)
{
    *out = 1;
    return GBT_OK;
}

gbt_status gbt_collect_sort(gbt_device *, void *, int64_t, const uint64_t *keys, uint64_t *keys_out,
                            const uint32_t *values, uint32_t *values_out, int64_t n, int32_t bits)
{
    const uint64_t mask = bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [=](int64_t a, int64_t b) { return (keys[a] & mask) < (keys[b] & mask); });
    for (int64_t i = 0; i < n; i++) {
        keys_out[i] = keys[order[static_cast<size_t>(i)]];
        values_out[i] = values[order[static_cast<size_t>(i)]];
    }
    return GBT_OK;
}

gbt_status gbt_collect_prefix(gbt_device *, void *, int64_t, const uint64_t *in, uint64_t *out,
                              int64_t n)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += in[i];
        out[i] = sum;
    }
    return GBT_OK;
}
