/* The table of backends, and what every backend does the same way. */
#include "gbt/backend/backend.h"

#include <string.h>

#include "gbt/backend/device_library.h"
#include "gbt/base/text.h"

static const gbt_backend_ops *const table[] = {&gbt_backend_cpu, &gbt_backend_ref};

static bool is_cuda(const char *name)
{
    return strcmp(name, "cuda") == 0 || strncmp(name, "cuda:", 5) == 0;
}

int32_t gbt_backend_device(const char *name)
{
    int64_t number = 0;
    if (strncmp(name, "cuda:", 5) != 0) {
        return 0;
    }
    const bool is_number = gbt_parse_int(gbt_slice_of(name + 5), &number);
    return is_number && number >= 0 && number <= INT32_MAX ? (int32_t)number : -1;
}

/* The device library, when it has the device. */
static gbt_status find_cuda(const char *name, const gbt_device_library **out)
{
    const gbt_device_library *library = NULL;
    const int32_t device = gbt_backend_device(name);
    int32_t n_devices = 0;
    *out = NULL;
    if (device < 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend '%.64s': behind cuda: stands the number of a device, from 0",
                        name);
    }
    GBT_TRY(gbt_device_library_find(&library));
    GBT_TRY(library->count(&n_devices));
    if (device >= n_devices) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend %.64s: there is no such device, only cuda:%s%d", name,
                        n_devices > 1 ? "0 to cuda:" : "", (int)n_devices - 1);
    }
    *out = library;
    return GBT_OK;
}

gbt_status gbt_backend_library(const char *name, const gbt_device_library **out)
{
    *out = NULL;
    return is_cuda(name) ? find_cuda(name, out) : GBT_OK;
}

gbt_status gbt_backend_find(const char *name, const gbt_backend_ops **out)
{
    *out = NULL;
    if (name == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "backend: the name is NULL; available: cpu, ref");
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(name, table[i]->name) == 0) {
            *out = table[i];
            return GBT_OK;
        }
    }
    if (is_cuda(name)) {
        const gbt_device_library *library = NULL;
        GBT_TRY(find_cuda(name, &library));
        *out = library->ops;
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_UNSUPPORTED, "backend '%.64s' is not known; available: cpu, ref, cuda",
                    name);
}

gbt_status gbt_backend_room(const char *name, int64_t *out)
{
    const gbt_device_library *library = NULL;
    *out = INT64_MAX;
    GBT_TRY(gbt_backend_library(name, &library));
    return library ? library->room(gbt_backend_device(name), out) : GBT_OK;
}

int gbt_backend_available(const char *name)
{
    const gbt_backend_ops *ops = NULL;
    return gbt_backend_find(name, &ops) == GBT_OK ? 1 : 0;
}
