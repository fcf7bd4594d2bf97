/* Items of column lists in the configuration: a name, or a number that counts columns from 0. */
#ifndef GBT_DATA_NAMES_H
#define GBT_DATA_NAMES_H

#include "gbt/base/status.h"
#include "gbt/base/text.h"

/* Whether the item consists of digits only: it counts columns. Anything else is a name. */
bool gbt_item_is_index(gbt_slice item);

/* Whether the item means column `index` called `name`. */
bool gbt_item_means(gbt_slice item, const char *name, int32_t index);

/* The name most like the wanted one; "" when there are none. */
const char *gbt_name_nearest(gbt_slice wanted, const char *const *name, int32_t n);

/* Column that the item of the key `key` means. ERR_PARAM: no such name (the nearest is said), a
 * number out of range, or a number that is also the name of another column. `where`: the file,
 * or "". */
gbt_status gbt_item_find(const char *key, gbt_slice item, const char *const *name, int32_t n,
                         const char *where, int32_t *out);

#endif
