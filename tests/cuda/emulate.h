/* Runs kernels on the host. Every thread of a block is a fibre; fibres switch only at barriers and
 * warp operations, in an order shuffled from a seed, and blocks come in a shuffled order too.
 * Shared memory is poisoned before each block. A barrier or warp operation that some threads never
 * reach is reported as GBT_ERR_DEVICE. A thread that never waits costs no switch.
 *
 * Does not show: races between blocks or between two barriers that no order of whole stretches
 * brings out, memory models, time. */
#ifndef GBT_TESTS_EMULATE_H
#define GBT_TESTS_EMULATE_H

#include <stddef.h>
#include <stdint.h>

#include "gbt/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { GBT_EMULATED_LANE_BYTES = 32 };

/* Where the running thread is. */
typedef struct gbt_emulated_place {
    uint32_t thread, threads, block, blocks;
    unsigned char *shared;
} gbt_emulated_place;

extern gbt_emulated_place gbt_emulated;

gbt_status gbt_emulate_run(const char *kernel, int64_t blocks, int32_t threads,
                           int64_t shared_bytes, void (*body)(void *), void *context);

void gbt_emulate_barrier(void);

/* Waits for all lanes of the warp; returns what each of them gave, GBT_EMULATED_LANE_BYTES apart,
 * valid until the next operation of the warp. */
const unsigned char *gbt_emulate_exchange(const void *value, size_t size);

void gbt_emulate_seed(uint64_t seed); /* of the order of threads and blocks */

/* Switches of fibres so far, for tests of the emulation itself. */
uint64_t gbt_emulate_switches(void);

/* Device memory: blocks that are not released, page-locked ones included; bytes asked for so far;
 * how many more blocks may be had (all others fail). */
int64_t gbt_emulate_device_blocks(void);
int64_t gbt_emulate_device_bytes(void);
void gbt_emulate_device_limit(int64_t allocations);

/* Multiprocessors of devices that are opened from now on; 4 at first. */
void gbt_emulate_processors(int32_t n);

#ifdef __cplusplus
}
#endif

#endif
