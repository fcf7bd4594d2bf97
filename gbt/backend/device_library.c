/* Loading of libgbt_cuda.so: where it is looked for, and whether it belongs to this libgbt. Cost:
 * the first time what the system needs to load it, then some microseconds. */
#define _GNU_SOURCE
#include "gbt/backend/device_library.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"

/* From the folder of programs to that of libraries, for a program that holds the static library. */
#ifndef GBT_LIBRARIES_FROM_PROGRAMS
#define GBT_LIBRARIES_FROM_PROGRAMS "../lib"
#endif

static gbt_status forward_failure(gbt_status code, const char *text)
{
    return gbt_fail(code, "%s", text);
}

static void forward_line(gbt_log_level level, const char *text)
{
    gbt_log_line(level, "%s", text);
}

static const gbt_device_host host = {.fail = forward_failure,
                                     .log = forward_line,
                                     .alloc = gbt_alloc,
                                     .alloc_zero = gbt_alloc_zero,
                                     .release = gbt_release};

static gbt_status check_library(const char *path, const gbt_device_library *library)
{
    if (!library) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend cuda: %s is in use by another copy of libgbt in this process",
                        path);
    }
    if (library->abi != GBT_DEVICE_ABI || strcmp(library->version, GBT_DEVICE_VERSION) != 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "backend cuda: %s belongs to gbt %s, this is gbt %s",
                        path, library->abi == GBT_DEVICE_ABI ? library->version : "of another kind",
                        GBT_DEVICE_VERSION);
    }
    const uint64_t sizes[GBT_DEVICE_STRUCTS] = GBT_DEVICE_SIZES;
    if (memcmp(library->sizes, sizes, sizeof sizes) != 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend cuda: %s is from another build of gbt %s; build both together",
                        path, GBT_DEVICE_VERSION);
    }
    return GBT_OK;
}

/* ISO C has no cast from an object to a function, POSIX guarantees this copy. */
static gbt_device_entry entry_of(void *symbol)
{
    gbt_device_entry entry = NULL;
    memcpy(&entry, &symbol, sizeof entry);
    return entry;
}

gbt_status gbt_device_library_open(const char *path, const gbt_device_library **out)
{
    *out = NULL;
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file) {
        const char *why = dlerror();
        return gbt_fail(GBT_ERR_UNSUPPORTED, "backend cuda: %s cannot be loaded: %s", path,
                        why ? why : "unknown reason");
    }
    void *symbol = dlsym(file, GBT_DEVICE_ENTRY);
    if (!symbol) {
        dlclose(file);
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend cuda: %s is not a CUDA library of gbt: it has no %s", path,
                        GBT_DEVICE_ENTRY);
    }
    const gbt_device_library *library = entry_of(symbol)(&host);
    GBT_TRY(check_library(path, library));
    *out = library;
    return GBT_OK;
}

/* The folder of the file that holds this code; "" when the system does not tell. */
static void find_own_folder(char folder[PATH_MAX])
{
    Dl_info info;
    folder[0] = '\0';
    if (dladdr(&host, &info) == 0 || !info.dli_fname) {
        return;
    }
    /* A program started by its bare name was found on the search path. */
    const char *name = strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe";
    if (!realpath(name, folder)) {
        folder[0] = '\0';
    }
    char *end = strrchr(folder, '/');
    if (end) {
        *end = '\0';
    }
}

/* Is there such a file? Then `path` names it. */
static bool is_there(const char *folder, const char *below, char path[PATH_MAX])
{
    const char *part[] = {folder, "/", below, below[0] ? "/" : "", GBT_DEVICE_FILE};
    size_t used = 0;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        const size_t length = strlen(part[i]);
        if (used + length >= PATH_MAX) {
            return false;
        }
        memcpy(path + used, part[i], length + 1);
        used += length;
    }
    return access(path, F_OK) == 0;
}

gbt_status gbt_device_library_find(const gbt_device_library **out)
{
    char folder[PATH_MAX], path[PATH_MAX];
    *out = NULL;
    find_own_folder(folder);
    if (folder[0] &&
        (is_there(folder, "", path) || is_there(folder, GBT_LIBRARIES_FROM_PROGRAMS, path))) {
        return gbt_device_library_open(path, out);
    }
    /* Without a slash the system searches; a file that it finds but cannot load is worth a word. */
    void *file = dlopen(GBT_DEVICE_FILE, RTLD_NOW | RTLD_LOCAL);
    if (file) {
        dlclose(file);
        return gbt_device_library_open(GBT_DEVICE_FILE, out);
    }
    const char *why = dlerror();
    return gbt_fail(GBT_ERR_UNSUPPORTED,
                    "backend cuda: %s is not in %s and could not be loaded from elsewhere (%s); "
                    "available: cpu, ref",
                    GBT_DEVICE_FILE, folder[0] ? folder : "the folder of the program",
                    why ? why : "unknown reason");
}
