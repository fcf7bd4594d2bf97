/* The INI reader, a line at a time. Does not allocate. */
#include "gbt/params/ini.h"

#include <inttypes.h>
#include <string.h>

gbt_ini gbt_ini_open(gbt_slice text, const char *path)
{
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.size -= 3;
    }
    return (gbt_ini){text, path, 0};
}

static gbt_status fail_at(const gbt_ini *ini, gbt_slice line, const char *at, const char *message)
{
    return gbt_fail(GBT_ERR_PARAM, "%s:%" PRId64 ":%td: %s", ini->path, ini->line,
                    at - line.data + 1, message);
}

static bool opens_comment(char c)
{
    return c == '#' || c == ';';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Whether only blanks and a comment stand in [at, end). */
static bool only_comment(const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    return at == end || opens_comment(*at);
}

static gbt_status read_section(const gbt_ini *ini, gbt_slice line, const char *at,
                               gbt_ini_item *out)
{
    const char *end = line.data + line.size;
    const char *close = memchr(at, ']', (size_t)(end - at));
    if (!close) {
        return fail_at(ini, line, at, "the section has no closing bracket");
    }
    out->name = gbt_slice_trim((gbt_slice){at + 1, (size_t)(close - at - 1)});
    out->is_section = true;
    if (out->name.size == 0) {
        return fail_at(ini, line, at, "the section has no name");
    }
    if (!only_comment(close + 1, end)) {
        return fail_at(ini, line, close + 1, "only a comment may follow a section");
    }
    out->name_column = out->name.data - line.data + 1;
    out->value = (gbt_slice){close, 0};
    out->value_column = out->name_column;
    return GBT_OK;
}

/* The value at `at`, which is behind the equals sign and blanks. */
static gbt_status read_value(const gbt_ini *ini, gbt_slice line, const char *at, gbt_ini_item *out)
{
    const char *end = line.data + line.size;
    out->value_column = at - line.data + 1;
    if (at < end && (*at == '"' || *at == '\'')) {
        const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
        if (!close) {
            return fail_at(ini, line, at, "the quote is not closed on this line");
        }
        if (!only_comment(close + 1, end)) {
            return fail_at(ini, line, close + 1, "only a comment may follow a quoted value");
        }
        out->value = (gbt_slice){at + 1, (size_t)(close - at - 1)};
        return GBT_OK;
    }
    const char *last = at;
    while (last < end && !(opens_comment(*last) && (last == at || is_blank(last[-1])))) {
        last++;
    }
    out->value = gbt_slice_trim((gbt_slice){at, (size_t)(last - at)});
    return GBT_OK;
}

static gbt_status read_entry(const gbt_ini *ini, gbt_slice line, const char *at, gbt_ini_item *out)
{
    const char *end = line.data + line.size;
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (!equals) {
        return fail_at(ini, line, at, "\"key = value\" or \"[section]\" is expected");
    }
    out->name = gbt_slice_trim((gbt_slice){at, (size_t)(equals - at)});
    out->is_section = false;
    out->name_column = at - line.data + 1;
    if (out->name.size == 0) {
        return fail_at(ini, line, at, "a key is expected before the equals sign");
    }
    at = equals + 1;
    while (at < end && is_blank(*at)) {
        at++;
    }
    return read_value(ini, line, at, out);
}

gbt_status gbt_ini_next(gbt_ini *ini, gbt_ini_item *out, bool *found)
{
    gbt_slice line;
    *found = false;
    while (gbt_slice_next(&ini->rest, '\n', &line)) {
        ini->line++;
        const char *zero = memchr(line.data, 0, line.size);
        if (zero) {
            return fail_at(ini, line, zero, "a zero byte: this is not a text file");
        }
        const char *at = line.data, *end = line.data + line.size;
        while (at < end && is_blank(*at)) {
            at++;
        }
        if (only_comment(at, end)) {
            continue;
        }
        out->line = ini->line;
        *found = true;
        return *at == '[' ? read_section(ini, line, at, out) : read_entry(ini, line, at, out);
    }
    return GBT_OK;
}
