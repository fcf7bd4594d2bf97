/* Results as text: gathered in memory, then written whole to a file or to standard output. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

/* A printed text that does not fit the line buffer. */
static void print_long(gbt_writer *writer, size_t length, const char *format, va_list arguments)
{
    char *whole = gbt_alloc((int64_t)length + 1, 1);
    if (!whole) {
        writer->status = GBT_ERR_MEMORY;
        return;
    }
    vsnprintf(whole, length + 1, format, arguments);
    gbt_write_bytes(writer, whole, length);
    gbt_release(whole);
}

void gbt_print(gbt_writer *writer, const char *format, ...)
{
    char text[1024];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    if (length >= (int)sizeof text) {
        print_long(writer, (size_t)length, format, again);
    } else if (length > 0) {
        gbt_write_bytes(writer, text, (size_t)length);
    }
    va_end(again);
    va_end(arguments);
}

/* Bytes that are no UTF-8 (paths may hold any) stand for the character of that number. */
void gbt_print_json_text(gbt_writer *writer, const char *text)
{
    const bool is_utf8 = gbt_is_utf8(gbt_slice_of(text));
    gbt_write_u8(writer, '"');
    for (const char *at = text; *at; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            gbt_write_u8(writer, '\\');
            gbt_write_u8(writer, c);
        } else if (c < 0x20 || (c >= 0x80 && !is_utf8)) {
            gbt_print(writer, "\\u%04x", c);
        } else {
            gbt_write_u8(writer, c);
        }
    }
    gbt_write_u8(writer, '"');
}

static bool needs_quotes(const char *text)
{
    const size_t size = strlen(text);
    return strpbrk(text, ",\"\r\n\t") || text[0] == ' ' || (size > 0 && text[size - 1] == ' ');
}

void gbt_print_csv_text(gbt_writer *writer, const char *text)
{
    if (!needs_quotes(text)) {
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

void gbt_print_metrics(gbt_writer *writer, const char *prefix, const gbt_metric_result *metrics,
                       int n)
{
    for (int m = 0; m < n; m++) {
        gbt_print(writer, "%s%s,%.8g,%.6g,%.6g\n", prefix, metrics[m].name, metrics[m].value,
                  metrics[m].low, metrics[m].high);
    }
}

void gbt_print_metrics_json(gbt_writer *writer, const gbt_metric_result *metrics, int n)
{
    gbt_print(writer, "{");
    for (int m = 0; m < n; m++) {
        gbt_print(writer, "%s\"%s\": {\"value\": ", m > 0 ? ", " : "", metrics[m].name);
        gbt_print_number(writer, metrics[m].value);
        gbt_print(writer, ", \"low\": ");
        gbt_print_number(writer, metrics[m].low);
        gbt_print(writer, ", \"high\": ");
        gbt_print_number(writer, metrics[m].high);
        gbt_print(writer, "}");
    }
    gbt_print(writer, "}");
}

int64_t gbt_model_count(const gbt_model *model, gbt_shape_key key)
{
    int64_t n = 0;
    (void)gbt_model_shape(model, key, &n);
    return n;
}

void gbt_print_output_column(gbt_writer *writer, const gbt_model *model, bool is_raw,
                             int32_t output)
{
    gbt_writer name = {0};
    const bool has_classes = gbt_model_count(model, GBT_SHAPE_CLASSES) > 0;
    const char *target = gbt_model_output_name(model, output);
    if (gbt_model_count(model, GBT_SHAPE_OUTPUTS) == 1) {
        gbt_print(writer, "%s", is_raw ? "raw" : "prediction");
        return;
    }
    gbt_print(&name, "%s_", is_raw ? "raw" : has_classes ? "p" : "prediction");
    if (target[0]) {
        gbt_print(&name, "%s", target);
    } else {
        gbt_print(&name, "%d", (int)output);
    }
    gbt_write_u8(&name, 0);
    if (name.status == GBT_OK) {
        gbt_print_csv_text(writer, (const char *)name.data);
    } else {
        writer->status = name.status;
    }
    gbt_writer_close(&name);
}

int gbt_put(const char *path, const gbt_writer *writer)
{
    if (writer->status != GBT_OK) {
        return gbt_exit_of(writer->status);
    }
    if (path[0]) {
        return gbt_exit_of_write(gbt_file_write(path, writer->data, writer->size));
    }
    const bool is_written =
        writer->size == 0 || fwrite(writer->data, 1, writer->size, stdout) == writer->size;
    if (!is_written || fflush(stdout) != 0) {
        fputs("gbt: standard output could not be written\n", stderr);
        return GBT_EXIT_FAILED;
    }
    return GBT_EXIT_OK;
}
