/* Doubles of libgbt_cuda.so, to test its loading without a device. FAKE_KIND chooses what is wrong:
 *   0  nothing: two devices, on which backend ref trains and the CPU predicts
 *   1  another version          2  other structs        3  another kind of library altogether
 *   4  no symbol                5  no driver            6  a device with no memory left
 * The double has a libgbt of its own inside, as the functions of a backend are not exported. */
#include <pthread.h>
#include <string.h>

#include "gbt/backend/device_library.h"
#include "gbt/tree/forest.h"

enum { BLOCK = 50, N_DEVICES = 2, NEEDED = 5000000 };

static const gbt_device_host *lender;
static gbt_backend_ops ops;

struct gbt_device_forest {
    const gbt_forest *forest;
};

static int64_t fake_device_bytes(const gbt_backend_config *config, const gbt_dataset *data,
                                 int32_t n_outputs)
{
    (void)config;
    return NEEDED + data->n_rows * n_outputs;
}

static gbt_status fake_open(const gbt_backend_config *config, const gbt_dataset *data,
                            const gbt_objective *objective, const float *target,
                            const float *weight, gbt_backend **out)
{
    if (config->device >= N_DEVICES) {
        return lender->fail(GBT_ERR_BUG, "the loader let a missing device pass");
    }
    return gbt_backend_ref.open(config, data, objective, target, weight, out);
}

static gbt_status fake_count(int32_t *out)
{
    *out = N_DEVICES;
    if (FAKE_KIND == 5) {
        return lender->fail(GBT_ERR_UNSUPPORTED, "backend cuda: no driver (says the double)");
    }
    return GBT_OK;
}

static gbt_status fake_room(int32_t device, int64_t *bytes)
{
    *bytes = FAKE_KIND == 6 ? 4096 + device : (int64_t)1 << 40;
    return GBT_OK;
}

static gbt_status fake_forest_open(int32_t device, const gbt_forest *forest,
                                   gbt_device_forest **out)
{
    *out = NULL;
    if (FAKE_KIND == 6) {
        return lender->fail(GBT_ERR_MEMORY, "the double has no memory");
    }
    gbt_device_forest *handle = lender->alloc_zero(1, sizeof *handle);
    if (!handle) {
        return GBT_ERR_MEMORY;
    }
    handle->forest = forest;
    (void)device;
    *out = handle;
    return GBT_OK;
}

static void fake_forest_close(gbt_device_forest *handle)
{
    if (handle) {
        lender->release(handle);
    }
}

/* Block by block; the second is fetched before the first is stored, as a device may do. */
static gbt_status fake_forest_run(gbt_device_forest *handle, const gbt_device_rows *rows)
{
    const gbt_forest *forest = handle->forest;
    const int64_t n_trees = (int64_t)(rows->last - rows->first) * forest->n_outputs;
    const int64_t width = rows->is_leaf ? n_trees : forest->n_outputs;
    float *x = lender->alloc(2 * BLOCK, (size_t)forest->n_features * sizeof *x + 1);
    float *result = lender->alloc(2 * BLOCK, (size_t)width * sizeof *result + 1);
    for (int64_t row = 0, turn = 0; x && result && row < rows->n_rows + BLOCK; row += BLOCK) {
        const int64_t n = rows->n_rows - row < BLOCK ? rows->n_rows - row : BLOCK;
        float *mine = result + turn * BLOCK * width, *other = result + (1 - turn) * BLOCK * width;
        if (n > 0) {
            float *values = x + turn * BLOCK * forest->n_features;
            rows->fetch(rows->context, row, n, values, rows->is_leaf ? NULL : mine);
            if (rows->is_leaf) {
                gbt_forest_leaves(forest, values, n, rows->first, rows->last, 1, n,
                                  (int32_t *)mine);
            } else {
                gbt_forest_add(forest, values, n, rows->first, rows->last, mine);
            }
        }
        if (row > 0) {
            const int64_t before = row <= rows->n_rows ? BLOCK : rows->n_rows - (row - BLOCK);
            rows->store(rows->context, row - BLOCK, before, rows->is_leaf ? NULL : other,
                        rows->is_leaf ? (int32_t *)other : NULL);
        }
        turn = 1 - turn;
    }
    const gbt_status status = x && result ? GBT_OK : GBT_ERR_MEMORY;
    lender->release(x);
    lender->release(result);
    return status;
}

static gbt_device_library library = {.abi = FAKE_KIND == 3 ? 77 : GBT_DEVICE_ABI,
                                     .version = FAKE_KIND == 1 ? "0.0.1" : GBT_DEVICE_VERSION,
                                     .ops = &ops,
                                     .count = fake_count,
                                     .room = fake_room,
                                     .forest_open = fake_forest_open,
                                     .forest_run = fake_forest_run,
                                     .forest_close = fake_forest_close};

#if FAKE_KIND == 4
#define ENTRY gbt_other_library
#else
#define ENTRY gbt_cuda_library
#endif

__attribute__((visibility("default"))) const gbt_device_library *ENTRY(const gbt_device_host *host);

static void fill(const gbt_device_host *host)
{
    lender = host;
    ops = gbt_backend_ref;
    ops.name = "cuda";
    ops.open = fake_open;
    ops.device_bytes = fake_device_bytes;
    const uint64_t sizes[GBT_DEVICE_STRUCTS] = GBT_DEVICE_SIZES;
    memcpy(library.sizes, sizes, sizeof sizes);
    library.sizes[3] += FAKE_KIND == 2;
}

/* Threads may load the library at the same time. */
const gbt_device_library *ENTRY(const gbt_device_host *host)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!lender) {
        fill(host);
    }
    pthread_mutex_unlock(&lock);
    return &library;
}
