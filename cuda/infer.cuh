/* Prediction on a device; the three functions of device_library.h. */
#ifndef GBT_CUDA_INFER_CUH
#define GBT_CUDA_INFER_CUH

#include "cuda/lent.cuh"

gbt_status gbt_infer_open(int32_t device, const gbt_forest *, gbt_device_forest **out);
gbt_status gbt_infer_run(gbt_device_forest *, const gbt_device_rows *);
void gbt_infer_close(gbt_device_forest *); /* NULL is a no-op */

#endif
