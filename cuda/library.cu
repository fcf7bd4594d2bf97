/* The one symbol that libgbt_cuda.so exports: a table of what it offers. */
#include "cuda/device.cuh"
#include "cuda/infer.cuh"
#include "cuda/lent.cuh"

extern "C" {
extern const gbt_backend_ops gbt_backend_cuda;
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const gbt_device_library *
gbt_cuda_library(const gbt_device_host *host);
}

static const gbt_device_library library = {GBT_DEVICE_ABI,    GBT_DEVICE_VERSION, GBT_DEVICE_SIZES,
                                           &gbt_backend_cuda, gbt_device_count,   gbt_device_room,
                                           gbt_infer_open,    gbt_infer_run,      gbt_infer_close};

const gbt_device_library *gbt_cuda_library(const gbt_device_host *host)
{
    return gbt_lend(host) ? &library : NULL;
}
