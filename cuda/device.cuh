/* One device as host code sees it: a stream, memory, copies. All work goes to the one stream, in
 * order; the host sees results after gbt_device_wait. The functions are in device.cu, and for the
 * emulation in tests/cuda/emulate_device.cc. */
#ifndef GBT_CUDA_DEVICE_CUH
#define GBT_CUDA_DEVICE_CUH

#include <stdint.h>

#include "gbt/base/status.h"

typedef struct gbt_device {
    void *stream;              /* cudaStream_t */
    int32_t number;            /* as the driver counts */
    int32_t n_processors;      /* multiprocessors */
    int64_t most_shared_bytes; /* dynamic shared memory that a block may ask for */
} gbt_device;

/* Devices of this machine. ERR_UNSUPPORTED says what is missing: driver or device. */
gbt_status gbt_device_count(int32_t *out);
/* Bytes that are free on a device now; nothing of it is kept. */
gbt_status gbt_device_room(int32_t number, int64_t *out);

/* number -1: the first device. ERR_DEVICE or ERR_UNSUPPORTED says what is missing. */
gbt_status gbt_device_open(int32_t number, gbt_device **out);
void gbt_device_close(gbt_device *); /* NULL is a no-op */
/* Bytes that are free now. */
gbt_status gbt_device_free_bytes(gbt_device *, int64_t *out);

/* Device memory, aligned to 256 bytes, contents arbitrary; ERR_MEMORY names the size asked for and
 * what is free. 0 bytes give a pointer too. */
gbt_status gbt_device_new(gbt_device *, int64_t bytes, void **out);
void gbt_device_release(gbt_device *, void *); /* NULL is a no-op */

/* Page-locked host memory: copies to and from it run beside the host. */
gbt_status gbt_device_new_pinned(gbt_device *, int64_t bytes, void **out);
void gbt_device_release_pinned(gbt_device *, void *);

/* In the order of the stream. The host side must stay as it is until gbt_device_wait, unless it is
 * pageable memory that is sent: that is copied before the return. */
gbt_status gbt_device_send(gbt_device *, void *to_device, const void *from_host, int64_t bytes);
gbt_status gbt_device_fetch(gbt_device *, void *to_host, const void *from_device, int64_t bytes);
gbt_status gbt_device_copy(gbt_device *, void *to, const void *from, int64_t bytes);
gbt_status gbt_device_clear(gbt_device *, void *memory, int64_t bytes);

/* Until all work is done; ERR_DEVICE when any of it failed. */
gbt_status gbt_device_wait(gbt_device *);

/* Called after each launch: ERR_DEVICE, naming the kernel, when it did not start. */
gbt_status gbt_device_launched(gbt_device *, const char *kernel);

#endif
