/* The first line of the input is a key, the second a value, the rest the bytes of a parameter
 * section of a model file. A value that is taken prints a text that is taken again and prints the
 * same; a section that is read is written with the bytes that read back to the same settings. */
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/params/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool value)
{
    if (!value) {
        abort();
    }
}

static char *text_of(gbt_slice slice)
{
    char *text = gbt_alloc((int64_t)slice.size + 1, 1);
    demand(text != NULL);
    memcpy(text, slice.data, slice.size);
    text[slice.size] = '\0';
    return text;
}

static void set_and_print(gbt_params *params, const char *key, const char *value)
{
    if (gbt_params_set(params, key, value) != GBT_OK) {
        return;
    }
    int index = -1;
    demand(gbt_param_find(key, &index) == GBT_OK);
    char *first = gbt_params_print(params, (gbt_param_key)index);
    demand(first && gbt_params_set(params, key, first) == GBT_OK);
    char *second = gbt_params_print(params, (gbt_param_key)index);
    demand(second && strcmp(first, second) == 0);
    (void)gbt_params_check(params);
    gbt_release(first);
    gbt_release(second);
}

static void read_section(gbt_slice bytes)
{
    gbt_reader reader = {(const unsigned char *)bytes.data, bytes.size, 0, "fuzz", GBT_OK};
    gbt_params *params = NULL, *again = NULL;
    if (gbt_params_read(&reader, &params) != GBT_OK) {
        demand(params == NULL);
        return;
    }
    gbt_writer one = {0}, two = {0};
    demand(gbt_params_write(&one, params) == GBT_OK);
    reader = (gbt_reader){one.data, one.size, 0, "fuzz", GBT_OK};
    demand(gbt_params_read(&reader, &again) == GBT_OK);
    demand(gbt_params_write(&two, again) == GBT_OK);
    demand(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    gbt_writer_close(&one);
    gbt_writer_close(&two);
    gbt_params_free(params);
    gbt_params_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gbt_slice rest = {(const char *)data, size}, key, value;
    if (!gbt_slice_next(&rest, '\n', &key) || !gbt_slice_next(&rest, '\n', &value)) {
        return 0;
    }
    gbt_params *params = NULL;
    demand(gbt_params_create(&params) == GBT_OK);
    char *key_text = text_of(key), *value_text = text_of(value);
    set_and_print(params, key_text, value_text);
    read_section(rest);
    gbt_release(key_text);
    gbt_release(value_text);
    gbt_params_free(params);
    return 0;
}
