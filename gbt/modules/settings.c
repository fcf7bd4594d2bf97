/* Reads keys by their text: slower than a field, and called at setup only. */
#include "gbt/modules/settings.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"

enum { MOST_TEXT = 1 << 28 };

gbt_status gbt_setting_text(const gbt_params *params, const char *key, char **out)
{
    *out = NULL;
    for (size_t capacity = 64; capacity <= MOST_TEXT; capacity *= 2) {
        char *text = NULL;
        GBT_TRY(GBT_NEW(text, (int64_t)capacity));
        const gbt_status status = gbt_params_get(params, key, text, capacity);
        if (status == GBT_OK) {
            *out = text;
            return GBT_OK;
        }
        gbt_release(text);
        if (status != GBT_ERR_ARGUMENT) {
            return status;
        }
    }
    return gbt_fail(GBT_ERR_MEMORY, "%s: the text is longer than %d bytes", key, MOST_TEXT);
}

gbt_status gbt_setting_int(const gbt_params *params, const char *key, int64_t *out)
{
    char text[GBT_NUMBER_CHARS];
    GBT_TRY(gbt_params_get(params, key, text, sizeof text));
    return gbt_parse_int(gbt_slice_of(text), out)
               ? GBT_OK
               : gbt_fail(GBT_ERR_BUG, "%s = %s is not a whole number", key, text);
}

gbt_status gbt_setting_real(const gbt_params *params, const char *key, double *out)
{
    char text[GBT_NUMBER_CHARS];
    GBT_TRY(gbt_params_get(params, key, text, sizeof text));
    return gbt_parse_real(gbt_slice_of(text), out)
               ? GBT_OK
               : gbt_fail(GBT_ERR_BUG, "%s = %s is not a number", key, text);
}

gbt_status gbt_setting_bool(const gbt_params *params, const char *key, bool *out)
{
    static const char *const names[] = {"false", "true"};
    int choice = 0;
    GBT_TRY(gbt_setting_choice(params, key, names, 2, &choice));
    *out = choice == 1;
    return GBT_OK;
}

gbt_status gbt_setting_choice(const gbt_params *params, const char *key, const char *const *names,
                              int n, int *out)
{
    char text[64];
    GBT_TRY(gbt_params_get(params, key, text, sizeof text));
    for (int i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return GBT_OK;
        }
    }
    return gbt_fail(GBT_ERR_BUG, "%s = %s is a choice that this module does not know", key, text);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static bool is_kept(int index, const char *section, gbt_param_info *info)
{
    return gbt_param_describe(index, info) == GBT_OK && strcmp(info->section, section) == 0 &&
           strcmp(info->kind, "path") != 0;
}

void gbt_settings_write(gbt_writer *writer, const gbt_params *params, const char *section)
{
    gbt_param_info info;
    uint64_t n = 0;
    for (int i = 0; i < gbt_param_count(); i++) {
        n += is_kept(i, section, &info);
    }
    gbt_write_u64(writer, n);
    for (int i = 0; i < gbt_param_count(); i++) {
        char *value = NULL;
        if (is_kept(i, section, &info)) {
            gbt_write_text(writer, info.name);
            const gbt_status status = gbt_setting_text(params, info.name, &value);
            gbt_write_text(writer, status == GBT_OK ? value : "");
            writer->status = writer->status == GBT_OK ? status : writer->status;
            gbt_release(value);
        }
    }
}

gbt_status gbt_settings_read(gbt_reader *reader, gbt_params *params)
{
    const int64_t n = gbt_read_count(reader, gbt_param_count(), 8);
    for (int64_t i = 0; i < n && reader->status == GBT_OK; i++) {
        char *name = gbt_read_text(reader), *value = gbt_read_text(reader);
        const gbt_status status = name && value ? gbt_params_set(params, name, value) : GBT_OK;
        if (status == GBT_ERR_MEMORY) {
            reader->status = status;
        } else if (status != GBT_OK) {
            (void)gbt_reader_fail(reader, "the parameter %s = %s is not one of this version", name,
                                  value);
        }
        gbt_release(name);
        gbt_release(value);
    }
    return reader->status;
}
