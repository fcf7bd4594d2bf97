/* Results as text: gathered in memory, then written whole to a file or to standard output. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

void gbt_print(gbt_writer *writer, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < (int)sizeof text) {
        gbt_write_bytes(writer, text, length > 0 ? (size_t)length : 0);
        return;
    }
    char *whole = gbt_alloc((int64_t)length + 1, 1);
    if (!whole) {
        writer->status = GBT_ERR_MEMORY;
        return;
    }
    va_start(arguments, format);
    vsnprintf(whole, (size_t)length + 1, format, arguments);
    va_end(arguments);
    gbt_write_bytes(writer, whole, (size_t)length);
    gbt_release(whole);
}

void gbt_print_json_text(gbt_writer *writer, const char *text)
{
    gbt_write_u8(writer, '"');
    for (const char *at = text; *at; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            gbt_write_u8(writer, '\\');
            gbt_write_u8(writer, c);
        } else if (c < 0x20) {
            gbt_print(writer, "\\u%04x", c);
        } else {
            gbt_write_u8(writer, c);
        }
    }
    gbt_write_u8(writer, '"');
}

void gbt_print_csv_text(gbt_writer *writer, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        gbt_write_bytes(writer, text, strlen(text));
        return;
    }
    gbt_write_u8(writer, '"');
    for (const char *at = text; *at; at++) {
        if (*at == '"') {
            gbt_write_u8(writer, '"');
        }
        gbt_write_u8(writer, (uint8_t)*at);
    }
    gbt_write_u8(writer, '"');
}

void gbt_print_number(gbt_writer *writer, double value)
{
    char text[GBT_NUMBER_CHARS];
    if (!isfinite(value)) {
        gbt_write_bytes(writer, "null", 4);
        return;
    }
    gbt_write_bytes(writer, text, (size_t)gbt_print_f64(text, value));
}

void gbt_print_float(gbt_writer *writer, float value)
{
    char text[GBT_NUMBER_CHARS];
    gbt_write_bytes(writer, text, (size_t)gbt_print_f32(text, value));
}

int gbt_put(const char *path, const gbt_writer *writer)
{
    if (writer->status != GBT_OK) {
        return gbt_exit_of(writer->status);
    }
    if (path[0]) {
        const int code = gbt_exit_of(gbt_file_write(path, writer->data, writer->size));
        return code == GBT_EXIT_DATA ? GBT_EXIT_FAILED : code;
    }
    if (fwrite(writer->data, 1, writer->size, stdout) != writer->size || fflush(stdout) != 0) {
        fputs("gbt: standard output could not be written\n", stderr);
        return GBT_EXIT_FAILED;
    }
    return GBT_EXIT_OK;
}
