/* A set of parameters: defaults, copies, text in and out, the model file's share. Everything goes
 * by the table; no key is named here. The search for names is in param_table.c, files in
 * params_file.c, combinations of keys in params_check.c. */
#include "gbt/params/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"

enum { SHOWN = 80 }; /* bytes of a user's text repeated in a message */

static void *field_of(gbt_params *params, gbt_param_key key)
{
    return (char *)params + gbt_param_row_of((int)key)->offset;
}

static const void *const_field_of(const gbt_params *params, gbt_param_key key)
{
    return (const char *)params + gbt_param_row_of((int)key)->offset;
}

static bool is_text(gbt_param_key key)
{
    return gbt_param_row_of((int)key)->kind >= GBT_KIND_TEXT;
}

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_status gbt_params_create(gbt_params **out)
{
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_create: a pointer is NULL");
    }
    *out = NULL;
    gbt_params *params;
    GBT_TRY(GBT_NEW_ZERO(params, 1));
    for (int key = 0; key < GBT_PARAM_COUNT; key++) {
        gbt_slice fallback = gbt_slice_of(gbt_param_row_of(key)->fallback);
        gbt_status status = gbt_params_assign(params, (gbt_param_key)key, fallback);
        if (status != GBT_OK) {
            gbt_params_free(params);
            return status;
        }
    }
    memset(params->is_set, 0, sizeof params->is_set);
    *out = params;
    return GBT_OK;
}

gbt_status gbt_params_copy(const gbt_params *params, gbt_params **out)
{
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_copy: a pointer is NULL");
    }
    *out = NULL;
    if (!params) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_copy: a pointer is NULL");
    }
    gbt_params *copy;
    GBT_TRY(GBT_NEW(copy, 1));
    *copy = *params;
    bool complete = true;
    for (gbt_param_key key = 0; key < GBT_PARAM_COUNT; key++) {
        if (is_text(key)) {
            char **text = field_of(copy, key);
            *text = complete ? gbt_copy_text(*text) : NULL;
            complete = complete && *text;
        }
    }
    if (!complete) {
        gbt_params_free(copy);
        return GBT_ERR_MEMORY;
    }
    *out = copy;
    return GBT_OK;
}

void gbt_params_free(gbt_params *params)
{
    if (!params) {
        return;
    }
    for (gbt_param_key key = 0; key < GBT_PARAM_COUNT; key++) {
        if (is_text(key)) {
            gbt_release(*(char **)field_of(params, key));
        }
    }
    gbt_release(params);
}

/* ---- Text in --------------------------------------------------------------------------------- */

static gbt_status refuse(gbt_param_key key, gbt_slice value, const char *expected)
{
    int size = (int)(value.size < SHOWN ? value.size : SHOWN);
    gbt_param_info info;
    GBT_TRY(gbt_param_describe((int)key, &info));
    return gbt_fail(GBT_ERR_PARAM, "%s = %.*s: %s%s%s", info.name, size, size ? value.data : "",
                    expected, info.range[0] ? "; allowed is " : "", info.range);
}

static gbt_status assign_whole(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    const gbt_param_row *row = gbt_param_row_of((int)key);
    int64_t number;
    if (row->kind == GBT_KIND_BYTES) {
        if (!gbt_parse_bytes(value, &number)) {
            return refuse(key, value, "a number of bytes is expected, like 1000000, 512M or 8G");
        }
    } else if (!gbt_parse_int(value, &number)) {
        return refuse(key, value, "a whole number is expected");
    }
    if (!gbt_param_in_range(row->range, (double)number)) {
        return refuse(key, value, "out of range");
    }
    if (row->kind == GBT_KIND_INT) {
        *(int32_t *)field_of(params, key) = (int32_t)number;
    } else {
        *(int64_t *)field_of(params, key) = number;
    }
    return GBT_OK;
}

static gbt_status assign_real(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    double number;
    if (!gbt_parse_real(value, &number)) {
        return refuse(key, value, "a number is expected");
    }
    if (!gbt_param_in_range(gbt_param_row_of((int)key)->range, number)) {
        return refuse(key, value, "out of range");
    }
    *(double *)field_of(params, key) = number + 0.0; /* -0 becomes 0: one text for equal settings */
    return GBT_OK;
}

static gbt_status assign_bool(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    if (!gbt_parse_bool(value, field_of(params, key))) {
        return refuse(key, value, "true or false is expected");
    }
    return GBT_OK;
}

static gbt_status assign_enum(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    const gbt_param_value *found = gbt_param_value_find((int)key, value);
    if (!found) {
        return refuse(key, value, "unknown value");
    }
    *(int *)field_of(params, key) = found->number;
    return GBT_OK;
}

/* Writes the items with one comma between and no blanks around them; `out` has the size of `list`.
 * False when an item is empty. */
static bool join_items(gbt_slice list, char *out)
{
    bool separate = false;
    bool complete = list.size == 0 || list.data[list.size - 1] != ',';
    gbt_slice part;
    while (complete && gbt_slice_next(&list, ',', &part)) {
        part = gbt_slice_trim(part);
        complete = part.size > 0;
        if (separate) {
            *out++ = ',';
        }
        if (part.size > 0) {
            memcpy(out, part.data, part.size);
        }
        out += part.size;
        separate = true;
    }
    *out = '\0';
    return complete;
}

static bool has_control_bytes(gbt_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

static gbt_status assign_text(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    gbt_param_kind kind = gbt_param_row_of((int)key)->kind;
    bool is_path = kind == GBT_KIND_PATH || kind == GBT_KIND_PATHS;
    const char *name = gbt_param_row_of((int)key)->name;
    if (has_control_bytes(value)) {
        return gbt_fail(GBT_ERR_PARAM, "%s: the value contains a control character", name);
    }
    if (!is_path && !gbt_is_utf8(value)) {
        return gbt_fail(GBT_ERR_PARAM, "%s: the value is not UTF-8 text", name);
    }
    char *text;
    GBT_TRY(GBT_NEW(text, (int64_t)value.size + 1));
    if (kind == GBT_KIND_LIST || kind == GBT_KIND_PATHS) {
        if (!join_items(value, text)) {
            gbt_release(text);
            return refuse(key, value, "an item of the list is empty");
        }
    } else {
        if (value.size > 0) {
            memcpy(text, value.data, value.size);
        }
        text[value.size] = '\0';
    }
    char **field = field_of(params, key);
    gbt_release(*field);
    *field = text;
    return GBT_OK;
}

gbt_status gbt_params_assign(gbt_params *params, gbt_param_key key, gbt_slice value)
{
    switch (gbt_param_row_of((int)key)->kind) {
    case GBT_KIND_INT:
    case GBT_KIND_INT64:
    case GBT_KIND_BYTES:
        GBT_TRY(assign_whole(params, key, value));
        break;
    case GBT_KIND_REAL:
        GBT_TRY(assign_real(params, key, value));
        break;
    case GBT_KIND_BOOL:
        GBT_TRY(assign_bool(params, key, value));
        break;
    case GBT_KIND_ENUM:
        GBT_TRY(assign_enum(params, key, value));
        break;
    default:
        GBT_TRY(assign_text(params, key, value));
        break;
    }
    params->is_set[key] = true;
    return GBT_OK;
}

gbt_status gbt_params_set(gbt_params *params, const char *name, const char *value)
{
    if (!params || !name || !value) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_set: a pointer is NULL");
    }
    gbt_param_key key;
    GBT_TRY(gbt_param_lookup(gbt_slice_trim(gbt_slice_of(name)), &key));
    return gbt_params_assign(params, key, gbt_slice_trim(gbt_slice_of(value)));
}

/* ---- Text out -------------------------------------------------------------------------------- */

/* The canonical text: in `scratch`, static, or a field of `params`. */
static const char *text_of(const gbt_params *params, gbt_param_key key,
                           char scratch[GBT_NUMBER_CHARS])
{
    const void *field = const_field_of(params, key);
    switch (gbt_param_row_of((int)key)->kind) {
    case GBT_KIND_INT:
        snprintf(scratch, GBT_NUMBER_CHARS, "%" PRId32, *(const int32_t *)field);
        return scratch;
    case GBT_KIND_INT64:
    case GBT_KIND_BYTES:
        snprintf(scratch, GBT_NUMBER_CHARS, "%" PRId64, *(const int64_t *)field);
        return scratch;
    case GBT_KIND_REAL:
        gbt_print_f64(scratch, *(const double *)field);
        return scratch;
    case GBT_KIND_BOOL:
        return *(const bool *)field ? "true" : "false";
    case GBT_KIND_ENUM:
        return gbt_param_value_of((int)key, *(const int *)field)->name;
    default:
        return *(char *const *)field;
    }
}

char *gbt_params_print(const gbt_params *params, gbt_param_key key)
{
    char scratch[GBT_NUMBER_CHARS];
    return gbt_copy_text(text_of(params, key, scratch));
}

gbt_status gbt_params_get(const gbt_params *params, const char *name, char *out, size_t capacity)
{
    if (!params || !name || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_params_get: a pointer is NULL");
    }
    gbt_param_key key;
    GBT_TRY(gbt_param_lookup(gbt_slice_trim(gbt_slice_of(name)), &key));
    char scratch[GBT_NUMBER_CHARS];
    const char *text = text_of(params, key, scratch);
    size_t bytes = strlen(text) + 1;
    if (bytes > capacity) {
        return gbt_fail(GBT_ERR_ARGUMENT, "the value of %s needs %zu bytes, %zu are offered",
                        gbt_param_row_of((int)key)->name, bytes, capacity);
    }
    memcpy(out, text, bytes);
    return GBT_OK;
}

int gbt_params_is_set(const gbt_params *params, const char *name)
{
    gbt_param_key key;
    if (!params || !name || gbt_param_lookup(gbt_slice_trim(gbt_slice_of(name)), &key) != GBT_OK) {
        return -1;
    }
    return params->is_set[key];
}

/* ---- Model file ------------------------------------------------------------------------------ */

gbt_status gbt_params_write(gbt_writer *writer, const gbt_params *params)
{
    uint32_t count = 0;
    for (int key = 0; key < GBT_PARAM_COUNT; key++) {
        count += gbt_param_row_of(key)->in_model;
    }
    gbt_write_u32(writer, count);
    for (gbt_param_key key = 0; key < GBT_PARAM_COUNT; key++) {
        const gbt_param_row *row = gbt_param_row_of((int)key);
        if (row->in_model) {
            char scratch[GBT_NUMBER_CHARS];
            gbt_write_text(writer, row->name);
            gbt_write_text(writer, text_of(params, key, scratch));
        }
    }
    return writer->status;
}

static gbt_status read_pair(gbt_reader *reader, gbt_params *params)
{
    char *name = gbt_read_text(reader);
    char *value = gbt_read_text(reader);
    if (name && value) {
        gbt_param_key key;
        if (gbt_param_lookup(gbt_slice_of(name), &key) != GBT_OK ||
            strcmp(gbt_param_row_of((int)key)->name, name) != 0 ||
            !gbt_param_row_of((int)key)->in_model) {
            gbt_reader_fail(reader, "\"%.80s\" is not a parameter of a model", name);
        } else {
            gbt_status status = gbt_params_assign(params, key, gbt_slice_of(value));
            if (status == GBT_ERR_PARAM) {
                gbt_reader_fail(reader, "%s", gbt_last_error());
            } else if (status != GBT_OK) {
                reader->status = status;
            }
        }
    }
    gbt_release(name);
    gbt_release(value);
    return reader->status;
}

gbt_status gbt_params_read(gbt_reader *reader, gbt_params **out)
{
    gbt_params *params;
    *out = NULL;
    GBT_TRY(gbt_params_create(&params));
    uint32_t count = gbt_read_u32(reader);
    for (uint32_t i = 0; i < count && reader->status == GBT_OK; i++) {
        (void)read_pair(reader, params);
    }
    if (reader->status != GBT_OK) {
        gbt_params_free(params);
        return reader->status;
    }
    memset(params->is_set, 0, sizeof params->is_set);
    *out = params;
    return GBT_OK;
}
