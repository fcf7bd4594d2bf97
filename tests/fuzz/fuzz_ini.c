/* Any bytes as an INI file: the reader either gives items that lie inside the text, in order, or an
 * error; loading either works or changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/params/ini.h"
#include "gbt/params/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool value)
{
    if (!value) {
        abort();
    }
}

static bool is_inside(gbt_slice part, gbt_slice whole)
{
    return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void read_items(gbt_slice text)
{
    gbt_ini ini = gbt_ini_open(text, "fuzz.ini");
    gbt_ini_item item;
    bool found = true;
    int64_t line = 0;
    while (gbt_ini_next(&ini, &item, &found) == GBT_OK && found) {
        demand(is_inside(item.name, text) && is_inside(item.value, text));
        demand(item.name.size > 0 && item.line > line);
        line = item.line;
    }
}

static void demand_equal(const gbt_params *a, const gbt_params *b)
{
    for (int key = 0; key < gbt_param_count(); key++) {
        char *x = gbt_params_print(a, (gbt_param_key)key),
             *y = gbt_params_print(b, (gbt_param_key)key);
        demand(x && y && strcmp(x, y) == 0 && a->is_set[key] == b->is_set[key]);
        gbt_release(x);
        gbt_release(y);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gbt_slice text = {(const char *)data, size};
    gbt_params *params = NULL, *defaults = NULL;
    read_items(text);
    demand(gbt_params_create(&params) == GBT_OK && gbt_params_create(&defaults) == GBT_OK);
    gbt_status status = gbt_params_load_text(params, text, "folder/fuzz.ini");
    demand(status == GBT_OK || status == GBT_ERR_PARAM);
    if (status != GBT_OK) {
        demand_equal(params, defaults);
    } else {
        (void)gbt_params_check(params);
    }
    gbt_params_free(params);
    gbt_params_free(defaults);
    return 0;
}
