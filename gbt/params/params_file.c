/* INI file -> parameters: every name must be known, stand in its own section and once; relative
 * paths are taken from the folder of the file. All or nothing: the file is applied to a copy first.
 * */
#include <inttypes.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/params/ini.h"
#include "gbt/params/params.h"

/* Where a key was set. */
typedef struct origin {
    gbt_slice name; /* as typed: canonical or alias */
    int64_t line;   /* 0: not yet */
} origin;

typedef struct loader {
    const char *path;
    size_t folder_size; /* of the leading part of `path` up to the last slash, that included */
    gbt_slice section;  /* empty before the first one */
    gbt_params *params;
    origin seen[GBT_PARAM_COUNT];
} loader;

static gbt_status fail_at(const loader *load, int64_t line, int64_t column, gbt_status code,
                          const char *message)
{
    return gbt_fail(code, "%s:%" PRId64 ":%" PRId64 ": %s", load->path, line, column, message);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static size_t resolved_size(const loader *load, gbt_slice path)
{
    bool is_relative = path.size > 0 && path.data[0] != '/';
    return path.size + (is_relative ? load->folder_size : 0);
}

static char *put_resolved(const loader *load, gbt_slice path, char *at)
{
    if (path.size > 0 && path.data[0] != '/') {
        memcpy(at, load->path, load->folder_size);
        at += load->folder_size;
    }
    if (path.size > 0) {
        memcpy(at, path.data, path.size);
    }
    return at + path.size;
}

/* `name:path` -> the path; a colon behind a slash belongs to the path. */
static gbt_slice path_of_item(gbt_slice item)
{
    for (size_t i = 0; i < item.size && item.data[i] != '/'; i++) {
        if (item.data[i] == ':') {
            return gbt_slice_trim((gbt_slice){item.data + i + 1, item.size - i - 1});
        }
    }
    return item;
}

/* Assigns a comma list of `path` or `name:path` with every path resolved. */
static gbt_status assign_paths(const loader *load, gbt_param_key key, gbt_slice value)
{
    if (value.size > 0 && value.data[value.size - 1] == ',') {
        return gbt_params_assign(load->params, key, value); /* refuses the empty item at the end */
    }
    int64_t bytes = (int64_t)value.size + 1;
    gbt_slice rest = value, item;
    while (gbt_slice_next(&rest, ',', &item)) {
        bytes += (int64_t)load->folder_size;
    }
    char *text;
    GBT_TRY(GBT_NEW(text, bytes));
    char *at = text;
    bool separate = false;
    for (rest = value; gbt_slice_next(&rest, ',', &item); separate = true) {
        if (separate) {
            *at++ = ',';
        }
        item = gbt_slice_trim(item);
        gbt_slice path = path_of_item(item);
        size_t name_size = item.size - path.size;
        if (name_size > 0) {
            memcpy(at, item.data, name_size);
        }
        at = put_resolved(load, path, at + name_size);
    }
    gbt_status status =
        gbt_params_assign(load->params, key, (gbt_slice){text, (size_t)(at - text)});
    gbt_release(text);
    return status;
}

static gbt_status assign_path(const loader *load, gbt_param_key key, gbt_slice value)
{
    char *text;
    GBT_TRY(GBT_NEW(text, (int64_t)resolved_size(load, value) + 1));
    char *end = put_resolved(load, value, text);
    gbt_status status =
        gbt_params_assign(load->params, key, (gbt_slice){text, (size_t)(end - text)});
    gbt_release(text);
    return status;
}

static gbt_status assign(const loader *load, gbt_param_key key, gbt_slice value)
{
    switch (gbt_param_row_of((int)key)->kind) {
    case GBT_KIND_PATH:
        return assign_path(load, key, value);
    case GBT_KIND_PATHS:
        return assign_paths(load, key, value);
    default:
        return gbt_params_assign(load->params, key, value);
    }
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static gbt_status take_section(loader *load, const gbt_ini_item *item)
{
    const char *nearest;
    if (!gbt_param_section_find(item->name, &nearest)) {
        return gbt_fail(GBT_ERR_PARAM,
                        "%s:%" PRId64 ":%" PRId64 ": unknown section [%.*s]; the nearest "
                        "is [%s]",
                        load->path, item->line, item->name_column,
                        (int)(item->name.size < 80 ? item->name.size : 80), item->name.data,
                        nearest);
    }
    load->section = item->name;
    return GBT_OK;
}

/* Refuses a value that differs from the one that another name of the key set before. */
static gbt_status check_same(const loader *load, const gbt_ini_item *item, gbt_param_key key,
                             const char *before)
{
    char *after = gbt_params_print(load->params, key);
    if (!after) {
        return GBT_ERR_MEMORY;
    }
    bool is_same = strcmp(before, after) == 0;
    gbt_release(after);
    if (is_same) {
        return GBT_OK;
    }
    const origin *first = &load->seen[key];
    return gbt_fail(GBT_ERR_PARAM,
                    "%s:%" PRId64 ":%" PRId64 ": %.*s and %.*s of line %" PRId64
                    " are the same key with different values",
                    load->path, item->line, item->name_column, (int)item->name.size,
                    item->name.data, (int)first->name.size, first->name.data, first->line);
}

static gbt_status find_key(const loader *load, const gbt_ini_item *item, gbt_param_key *out)
{
    gbt_status status = gbt_param_lookup(item->name, out);
    if (status != GBT_OK) {
        return fail_at(load, item->line, item->name_column, status, gbt_last_error());
    }
    const gbt_param_row *row = gbt_param_row_of((int)*out);
    if (load->section.size > 0 && !gbt_slice_equal(load->section, row->section)) {
        return gbt_fail(GBT_ERR_PARAM,
                        "%s:%" PRId64 ":%" PRId64 ": %s belongs into section [%s], not "
                        "[%.*s]",
                        load->path, item->line, item->name_column, row->name, row->section,
                        (int)load->section.size, load->section.data);
    }
    const origin *first = &load->seen[*out];
    if (first->line > 0 && first->name.size == item->name.size &&
        gbt_slice_compare(first->name, item->name) == 0) {
        return gbt_fail(GBT_ERR_PARAM,
                        "%s:%" PRId64 ":%" PRId64 ": %.*s was set in line %" PRId64 " already",
                        load->path, item->line, item->name_column, (int)item->name.size,
                        item->name.data, first->line);
    }
    return GBT_OK;
}

static gbt_status take_entry(loader *load, const gbt_ini_item *item)
{
    gbt_param_key key = 0;
    GBT_TRY(find_key(load, item, &key));
    origin *first = &load->seen[key];
    char *before = NULL;
    if (first->line > 0) {
        before = gbt_params_print(load->params, key);
        if (!before) {
            return GBT_ERR_MEMORY;
        }
    }
    gbt_status status = assign(load, key, item->value);
    if (status == GBT_ERR_PARAM) {
        fail_at(load, item->line, item->value_column, status, gbt_last_error());
    } else if (status == GBT_OK && before) {
        status = check_same(load, item, key, before);
    }
    gbt_release(before);
    if (first->line == 0) {
        *first = (origin){item->name, item->line};
    }
    return status;
}

static gbt_status take_lines(loader *load, gbt_slice text)
{
    gbt_ini ini = gbt_ini_open(text, load->path);
    gbt_ini_item item;
    bool found;
    for (;;) {
        GBT_TRY(gbt_ini_next(&ini, &item, &found));
        if (!found) {
            return GBT_OK;
        }
        GBT_TRY(item.is_section ? take_section(load, &item) : take_entry(load, &item));
    }
}

gbt_status gbt_params_load_text(gbt_params *params, gbt_slice text, const char *path)
{
    const char *slash = strrchr(path, '/');
    loader load = {.path = path, .folder_size = slash ? (size_t)(slash - path) + 1 : 0};
    GBT_TRY(gbt_params_copy(params, &load.params));
    gbt_status status = take_lines(&load, text);
    if (status == GBT_OK) {
        gbt_params old = *params;
        *params = *load.params;
        *load.params = old;
    }
    gbt_params_free(load.params);
    return status;
}

gbt_status gbt_params_load_ini(gbt_params *params, const char *path)
{
    if (!params || !path) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_load_ini: a pointer is NULL");
    }
    unsigned char *bytes;
    size_t size;
    GBT_TRY(gbt_file_read(path, &bytes, &size));
    gbt_status status = gbt_params_load_text(params, (gbt_slice){(const char *)bytes, size}, path);
    gbt_release(bytes);
    return status;
}
