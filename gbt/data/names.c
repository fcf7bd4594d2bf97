/* How the configuration names columns. A number is always an index; that a column may be called
 * like a number is met by an error instead of a guess. Cost: one pass over the names per item. */
#include "gbt/data/names.h"

#include <limits.h>
#include <string.h>

bool gbt_item_is_index(gbt_slice item)
{
    for (size_t i = 0; i < item.size; i++) {
        if (item.data[i] < '0' || item.data[i] > '9') {
            return false;
        }
    }
    return item.size > 0;
}

bool gbt_item_means(gbt_slice item, const char *name, int32_t index)
{
    int64_t number = 0;
    if (gbt_item_is_index(item)) {
        return gbt_parse_int(item, &number) && number == index;
    }
    return gbt_slice_equal(item, name);
}

static gbt_status find_index(const char *key, gbt_slice item, const char *const *name, int32_t n,
                             const char *where, int32_t *out)
{
    int64_t index = 0;
    if (!gbt_parse_int(item, &index) || index >= n) {
        return gbt_fail(GBT_ERR_PARAM, "%s: column %.*s is outside 0 .. %d%s%s", key,
                        (int)item.size, item.data, n - 1, *where ? " of " : "", where);
    }
    for (int32_t i = 0; i < n; i++) {
        if (i != index && gbt_slice_equal(item, name[i])) {
            return gbt_fail(
                GBT_ERR_PARAM,
                "%s: %.*s could be column number %.*s, \"%s\", or the column of that name; "
                "give the number %d for the latter",
                key, (int)item.size, item.data, (int)item.size, item.data, name[index], i);
        }
    }
    *out = (int32_t)index;
    return GBT_OK;
}

const char *gbt_name_nearest(gbt_slice wanted, const char *const *name, int32_t n)
{
    char text[64] = "";
    memcpy(text, wanted.data, wanted.size < sizeof text ? wanted.size : sizeof text - 1);
    const char *nearest = "";
    int distance = INT_MAX;
    for (int32_t i = 0; i < n; i++) {
        const int here = gbt_name_distance(text, name[i]);
        if (here < distance) {
            nearest = name[i];
            distance = here;
        }
    }
    return nearest;
}

gbt_status gbt_item_find(const char *key, gbt_slice item, const char *const *name, int32_t n,
                         const char *where, int32_t *out)
{
    if (gbt_item_is_index(item)) {
        return find_index(key, item, name, n, where, out);
    }
    for (int32_t i = 0; i < n; i++) {
        if (gbt_slice_equal(item, name[i])) {
            *out = i;
            return GBT_OK;
        }
    }
    return gbt_fail(GBT_ERR_PARAM, "%s: no column \"%.*s\"%s%s; the nearest is \"%s\"", key,
                    (int)item.size, item.data, *where ? " in " : "", where,
                    gbt_name_nearest(item, name, n));
}
