/* One device: choice, stream, memory, copies. Every call makes the handle's device the current one
 * of the thread, as handles on several devices may be used in turn. Cost: a microsecond a call. */
#include "cuda/device.cuh"

#include <cuda_runtime.h>

#include "cuda/check.cuh"
#include "cuda/host.cuh"

enum {
    FIRST_MAJOR = 8,               /* compute capability that the kernels are built for */
    LEAST_SHARED_BYTES = 96 * 1024 /* what the largest kernel asks for */
};

static cudaStream_t stream_of(const gbt_device *device)
{
    return static_cast<cudaStream_t>(device->stream);
}

static gbt_status use(const gbt_device *device)
{
    return gbt_cuda_check(cudaSetDevice(device->number), "choose its device");
}

/* ---- Devices --------------------------------------------------------------------------------- */

/* CUDA has one code for a driver that is too old and for none at all. */
static gbt_status refuse_driver()
{
    int held = 0;
    (void)cudaGetLastError();
    if (cudaDriverGetVersion(&held) != cudaSuccess || held == 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend cuda: this machine has no CUDA device: there is no NVIDIA driver");
    }
    return gbt_fail(GBT_ERR_UNSUPPORTED,
                    "backend cuda: the NVIDIA driver knows CUDA %d.%d, CUDA %d.%d is needed",
                    held / 1000, held % 1000 / 10, CUDART_VERSION / 1000,
                    CUDART_VERSION % 1000 / 10);
}

gbt_status gbt_device_count(int32_t *out)
{
    int n = 0;
    *out = 0;
    const cudaError_t code = cudaGetDeviceCount(&n);
    if (code == cudaErrorInsufficientDriver) {
        return refuse_driver();
    }
    GBT_TRY(gbt_cuda_check(code, "count the devices"));
    if (n == 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "backend cuda: this machine has no CUDA device");
    }
    *out = n;
    return GBT_OK;
}

gbt_status gbt_device_room(int32_t number, int64_t *out)
{
    size_t room = 0, total = 0;
    *out = 0;
    GBT_TRY(gbt_cuda_check(cudaSetDevice(number), "choose its device"));
    GBT_TRY(gbt_cuda_check(cudaMemGetInfo(&room, &total), "measure the device's memory"));
    *out = static_cast<int64_t>(room);
    return GBT_OK;
}

static gbt_status ask(const gbt_device *device, cudaDeviceAttr attribute, int *out)
{
    return gbt_cuda_check(cudaDeviceGetAttribute(out, attribute, device->number),
                          "ask what the device can do");
}

static gbt_status open_stream(gbt_device *device)
{
    int major = 0, minor = 0, n_processors = 0, shared_bytes = 0;
    cudaStream_t stream = NULL;
    GBT_TRY(use(device));
    GBT_TRY(ask(device, cudaDevAttrComputeCapabilityMajor, &major));
    GBT_TRY(ask(device, cudaDevAttrComputeCapabilityMinor, &minor));
    if (major < FIRST_MAJOR) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "device cuda:%d has compute capability %d.%d, at least %d.0 is needed",
                        static_cast<int>(device->number), major, minor, FIRST_MAJOR);
    }
    GBT_TRY(ask(device, cudaDevAttrMultiProcessorCount, &n_processors));
    GBT_TRY(ask(device, cudaDevAttrMaxSharedMemoryPerBlockOptin, &shared_bytes));
    if (shared_bytes < LEAST_SHARED_BYTES) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "device cuda:%d has %d bytes of shared memory a block, at least %d are "
                        "needed",
                        static_cast<int>(device->number), shared_bytes,
                        static_cast<int>(LEAST_SHARED_BYTES));
    }
    GBT_TRY(gbt_cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                           "create a stream"));
    device->stream = stream;
    device->n_processors = n_processors;
    device->most_shared_bytes = shared_bytes;
    return GBT_OK;
}

gbt_status gbt_device_open(int32_t number, gbt_device **out)
{
    int32_t n_devices = 0;
    gbt_device *device = NULL;
    *out = NULL;
    GBT_TRY(gbt_device_count(&n_devices));
    if (number >= n_devices) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "there is no device cuda:%d, the last is cuda:%d",
                        static_cast<int>(number), static_cast<int>(n_devices - 1));
    }
    GBT_TRY(gbt_host_new(&device, 1));
    device->number = number < 0 ? 0 : number;
    const gbt_status status = open_stream(device);
    if (status != GBT_OK) {
        gbt_release(device);
        return status;
    }
    *out = device;
    return GBT_OK;
}

void gbt_device_close(gbt_device *device)
{
    if (!device) {
        return;
    }
    if (cudaSetDevice(device->number) == cudaSuccess) {
        (void)cudaStreamSynchronize(stream_of(device));
        (void)cudaStreamDestroy(stream_of(device));
    }
    gbt_release(device);
}

gbt_status gbt_device_free_bytes(gbt_device *device, int64_t *out)
{
    return gbt_device_room(device->number, out);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A failed request, by size: what was asked for and what there is. */
static gbt_status refuse(const gbt_device *device, int64_t bytes)
{
    int64_t room = 0;
    GBT_TRY(gbt_device_room(device->number, &room));
    return gbt_fail(GBT_ERR_MEMORY, "%lld bytes of memory on device cuda:%d, %lld are free there",
                    static_cast<long long>(bytes), static_cast<int>(device->number),
                    static_cast<long long>(room));
}

gbt_status gbt_device_new(gbt_device *device, int64_t bytes, void **out)
{
    *out = NULL;
    GBT_TRY(use(device));
    const cudaError_t code = cudaMalloc(out, static_cast<size_t>(bytes > 0 ? bytes : 1));
    if (code == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        return refuse(device, bytes);
    }
    return gbt_cuda_check(code, "reserve device memory");
}

void gbt_device_release(gbt_device *device, void *memory)
{
    if (memory && cudaSetDevice(device->number) == cudaSuccess) {
        (void)cudaFree(memory);
    }
}

gbt_status gbt_device_new_pinned(gbt_device *device, int64_t bytes, void **out)
{
    *out = NULL;
    GBT_TRY(use(device));
    const cudaError_t code =
        cudaHostAlloc(out, static_cast<size_t>(bytes > 0 ? bytes : 1), cudaHostAllocDefault);
    if (code == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        return gbt_fail(GBT_ERR_MEMORY, "%lld bytes of page-locked host memory",
                        static_cast<long long>(bytes));
    }
    return gbt_cuda_check(code, "reserve page-locked host memory");
}

void gbt_device_release_pinned(gbt_device *device, void *memory)
{
    if (memory && cudaSetDevice(device->number) == cudaSuccess) {
        (void)cudaFreeHost(memory);
    }
}

/* ---- Work ------------------------------------------------------------------------------------ */

static gbt_status transfer(gbt_device *device, void *to, const void *from, int64_t bytes,
                           cudaMemcpyKind kind, const char *what)
{
    if (bytes <= 0) {
        return GBT_OK;
    }
    GBT_TRY(use(device));
    return gbt_cuda_check(
        cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), kind, stream_of(device)), what);
}

gbt_status gbt_device_send(gbt_device *device, void *to_device, const void *from_host,
                           int64_t bytes)
{
    return transfer(device, to_device, from_host, bytes, cudaMemcpyHostToDevice,
                    "copy to the device");
}

gbt_status gbt_device_fetch(gbt_device *device, void *to_host, const void *from_device,
                            int64_t bytes)
{
    return transfer(device, to_host, from_device, bytes, cudaMemcpyDeviceToHost,
                    "copy from the device");
}

gbt_status gbt_device_copy(gbt_device *device, void *to, const void *from, int64_t bytes)
{
    return transfer(device, to, from, bytes, cudaMemcpyDeviceToDevice, "copy on the device");
}

gbt_status gbt_device_clear(gbt_device *device, void *memory, int64_t bytes)
{
    if (bytes <= 0) {
        return GBT_OK;
    }
    GBT_TRY(use(device));
    return gbt_cuda_check(cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream_of(device)),
                          "clear device memory");
}

gbt_status gbt_device_wait(gbt_device *device)
{
    GBT_TRY(use(device));
    return gbt_cuda_check(cudaStreamSynchronize(stream_of(device)), "finish the work given to it");
}

gbt_status gbt_device_launched(gbt_device *device, const char *kernel)
{
    const cudaError_t code = cudaGetLastError();
    if (code != cudaSuccess) {
        return gbt_fail(GBT_ERR_DEVICE, "kernel %s did not start on device cuda:%d: %s (%s)",
                        kernel, static_cast<int>(device->number), cudaGetErrorString(code),
                        cudaGetErrorName(code));
    }
    return GBT_OK;
}
