/* What libgbt lends to the functions of this folder. */
#ifndef GBT_CUDA_LENT_CUH
#define GBT_CUDA_LENT_CUH

#include "cuda/host.cuh"

extern "C" {
#include "gbt/backend/device_library.h"
}

/* Remembers the host for the life of the process. False: there is another one already. */
bool gbt_lend(const gbt_device_host *);

#endif
