/* The border between libgbt and libgbt_cuda.so: what the one lends, what the other offers. The
 * library is a file of its own, found when a device is asked for; nothing of CUDA is in libgbt.
 *
 * `gbt_cuda_library` is the one symbol that the file exports. Both sides were compiled from the
 * same sources or do not talk to each other: version and layout are compared before anything else
 * is used. */
#ifndef GBT_BACKEND_DEVICE_LIBRARY_H
#define GBT_BACKEND_DEVICE_LIBRARY_H

#include "gbt/backend/backend.h"
#include "gbt/tree/model.h"

#define GBT_DEVICE_ENTRY "gbt_cuda_library"
#define GBT_DEVICE_FILE "libgbt_cuda.so"

#define GBT_DEVICE_TEXT_OF(x) #x
#define GBT_DEVICE_DOTTED(major, minor, patch) \
    GBT_DEVICE_TEXT_OF(major) "." GBT_DEVICE_TEXT_OF(minor) "." GBT_DEVICE_TEXT_OF(patch)
#define GBT_DEVICE_VERSION \
    GBT_DEVICE_DOTTED(GBT_VERSION_MAJOR, GBT_VERSION_MINOR, GBT_VERSION_PATCH)

/* The structs that cross the border: builds that disagree in one of them do not fit together. */
enum { GBT_DEVICE_STRUCTS = 8 };
#define GBT_DEVICE_SIZES                                                                         \
    {                                                                                            \
        sizeof(gbt_backend_ops), sizeof(gbt_backend_config), sizeof(gbt_dataset),                \
            sizeof(gbt_objective), sizeof(gbt_tree), sizeof(gbt_split), sizeof(gbt_device_rows), \
            sizeof(gbt_device_library)                                                           \
    }

enum { GBT_DEVICE_ABI = 1 }; /* of the first two fields of the library, and of the entry point */

/* What libgbt lends: the message of the calling thread and its memory. */
typedef struct gbt_device_host {
    gbt_status (*fail)(gbt_status code, const char *text);
    void (*log)(gbt_log_level level, const char *text);
    void *(*alloc)(int64_t count, size_t size);
    void *(*alloc_zero)(int64_t count, size_t size);
    void (*release)(void *);
} gbt_device_host;

/* The trees of a model on a device, and the buffers of a prediction. */
typedef struct gbt_device_forest gbt_device_forest;

/* One prediction. The device asks for blocks of rows, in order, and hands their results back in
 * order; both in the thread of the call, while the device works on another block. */
typedef struct gbt_device_rows {
    void *context;
    int64_t n_rows;
    int32_t first, last; /* rounds */
    int32_t is_leaf;     /* 1: leaf numbers are wanted, else scores */
    /* Fills x [n x n_features] with rows [first, first + n) and raw [n x n_outputs] (NULL for leaf
     * numbers) with their start scores, to which the trees are added in order. */
    void (*fetch)(void *context, int64_t first, int64_t n, float *x, float *raw);
    /* raw [n x n_outputs], or leaf [trees of the rounds x n]; the other one is NULL. */
    void (*store)(void *context, int64_t first, int64_t n, float *raw, const int32_t *leaf);
} gbt_device_rows;

typedef struct gbt_device_library {
    uint32_t abi;                       /* GBT_DEVICE_ABI */
    const char *version;                /* GBT_DEVICE_VERSION */
    uint64_t sizes[GBT_DEVICE_STRUCTS]; /* GBT_DEVICE_SIZES */
    const gbt_backend_ops *ops;
    /* Devices that can be used. ERR_UNSUPPORTED says what is missing: driver or device. */
    gbt_status (*count)(int32_t *out);
    gbt_status (*room)(int32_t device, int64_t *bytes); /* free now */
    /* The forest is copied. Calls may come from any thread; those on one forest wait for each
     * other. Scores and leaf numbers are those of gbt_forest_add and gbt_forest_leaves. */
    gbt_status (*forest_open)(int32_t device, const gbt_forest *, gbt_device_forest **out);
    gbt_status (*forest_run)(gbt_device_forest *, const gbt_device_rows *);
    void (*forest_close)(gbt_device_forest *);
} gbt_device_library;

/* The entry point. NULL: another copy of libgbt in this process uses the library. */
typedef const gbt_device_library *(*gbt_device_entry)(const gbt_device_host *);

/* The library from `path`. ERR_UNSUPPORTED: it cannot be loaded, is something else, or belongs to
 * another version. The system keeps a loaded file until the process ends; every call finds it
 * again, so there is nothing to remember and nothing to lock here. */
gbt_status gbt_device_library_open(const char *path, const gbt_device_library **out);

/* The file beside this program or library, in the library folder of the installation, or where the
 * system looks for libraries. ERR_UNSUPPORTED says where it was looked for. */
gbt_status gbt_device_library_find(const gbt_device_library **out);

/* The library behind a backend's name, NULL for a backend of the host. ERR_UNSUPPORTED: there is no
 * library, driver or device. */
gbt_status gbt_backend_library(const char *name, const gbt_device_library **out);

#endif
