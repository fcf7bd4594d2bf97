// The device library without a file and without a device: its kernels run as fibres in the test
// program itself. Replaces gbt/backend/device_library.c and cuda/lent.cu.
#include "cuda/lent.cuh"

extern "C" {
const gbt_device_library *gbt_cuda_library(const gbt_device_host *host);
}

bool gbt_lend(const gbt_device_host *)
{
    return true;
}

gbt_status gbt_device_library_find(const gbt_device_library **out)
{
    *out = gbt_cuda_library(nullptr);
    return GBT_OK;
}
