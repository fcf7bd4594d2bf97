/* Little-endian writer and reader over memory, and CRC-32. The byte order is spelled out by shifts,
 * so the bytes are the same on every machine. Whole files are in file.c. */
#include "gbt/base/bytes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"

/* ---- Writer ---------------------------------------------------------------------------------- */

void gbt_writer_close(gbt_writer *writer)
{
    gbt_release(writer->data);
    *writer = (gbt_writer){NULL, 0, 0, GBT_OK};
}

/* Room for `count` more elements of `size` bytes; NULL when there is none. */
static unsigned char *make_room(gbt_writer *writer, int64_t count, size_t size)
{
    if (writer->status != GBT_OK) {
        return NULL;
    }
    size_t most = (size_t)INT64_MAX / 4;
    if (count < 0 || (uint64_t)count > (most - writer->size) / size) {
        writer->status = gbt_fail(GBT_ERR_MEMORY,
                                  "%" PRId64 " elements of %zu bytes do not fit "
                                  "into memory",
                                  count, size);
        return NULL;
    }
    size_t need = writer->size + (size_t)count * size;
    if (need > writer->capacity) {
        size_t capacity = need < 256 ? 256 : need + need / 2;
        void *grown = gbt_grow(writer->data, (int64_t)writer->size, (int64_t)capacity, 1);
        if (!grown) {
            writer->status = GBT_ERR_MEMORY;
            return NULL;
        }
        writer->data = grown;
        writer->capacity = capacity;
    }
    unsigned char *at = writer->data + writer->size;
    writer->size = need;
    return at;
}

static void put_u32(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
    at[2] = (unsigned char)(value >> 16);
    at[3] = (unsigned char)(value >> 24);
}

static void put_u64(unsigned char *at, uint64_t value)
{
    put_u32(at, (uint32_t)value);
    put_u32(at + 4, (uint32_t)(value >> 32));
}

void gbt_write_bytes(gbt_writer *writer, const void *bytes, size_t size)
{
    unsigned char *at = make_room(writer, size > (size_t)INT64_MAX ? -1 : (int64_t)size, 1);
    if (at && size > 0) {
        memcpy(at, bytes, size);
    }
}

void gbt_write_u8(gbt_writer *writer, uint8_t value)
{
    gbt_write_bytes(writer, &value, 1);
}

void gbt_write_u32s(gbt_writer *writer, const uint32_t *values, int64_t n)
{
    unsigned char *at = make_room(writer, n, 4);
    for (int64_t i = 0; at && i < n; i++) {
        put_u32(at + 4 * i, values[i]);
    }
}

void gbt_write_i32s(gbt_writer *writer, const int32_t *values, int64_t n)
{
    unsigned char *at = make_room(writer, n, 4);
    for (int64_t i = 0; at && i < n; i++) {
        put_u32(at + 4 * i, (uint32_t)values[i]);
    }
}

void gbt_write_f32s(gbt_writer *writer, const float *values, int64_t n)
{
    unsigned char *at = make_room(writer, n, 4);
    for (int64_t i = 0; at && i < n; i++) {
        put_u32(at + 4 * i, gbt_f32_bits(values[i]));
    }
}

void gbt_write_f64s(gbt_writer *writer, const double *values, int64_t n)
{
    unsigned char *at = make_room(writer, n, 8);
    for (int64_t i = 0; at && i < n; i++) {
        put_u64(at + 8 * i, gbt_f64_bits(values[i]));
    }
}

void gbt_write_u32(gbt_writer *writer, uint32_t value)
{
    gbt_write_u32s(writer, &value, 1);
}

void gbt_write_i32(gbt_writer *writer, int32_t value)
{
    gbt_write_i32s(writer, &value, 1);
}

void gbt_write_u64(gbt_writer *writer, uint64_t value)
{
    unsigned char *at = make_room(writer, 1, 8);
    if (at) {
        put_u64(at, value);
    }
}

void gbt_write_f32(gbt_writer *writer, float value)
{
    gbt_write_f32s(writer, &value, 1);
}

void gbt_write_f64(gbt_writer *writer, double value)
{
    gbt_write_f64s(writer, &value, 1);
}

void gbt_write_text(gbt_writer *writer, const char *text)
{
    size_t size = strlen(text);
    if (size > UINT32_MAX) {
        if (writer->status == GBT_OK) {
            writer->status = gbt_fail(GBT_ERR_MEMORY,
                                      "a text of %zu bytes is longer than a file "
                                      "can hold",
                                      size);
        }
        return;
    }
    gbt_write_u32(writer, (uint32_t)size);
    gbt_write_bytes(writer, text, size);
}

/* ---- Reader ---------------------------------------------------------------------------------- */

gbt_status gbt_reader_fail(gbt_reader *reader, const char *format, ...)
{
    if (reader->status != GBT_OK) {
        return reader->status;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reader->status =
        gbt_fail(GBT_ERR_FORMAT, "%s: at byte %zu: %s", reader->where ? reader->where : "data",
                 reader->at, length < 0 ? "malformed" : text);
    return reader->status;
}

/* The next `count` elements of `size` bytes; NULL when they are not all there. */
static const unsigned char *take(gbt_reader *reader, int64_t count, size_t size)
{
    if (reader->status != GBT_OK) {
        return NULL;
    }
    size_t left = reader->size - reader->at;
    if (count < 0 || (uint64_t)count > left / size) {
        gbt_reader_fail(reader,
                        "%" PRId64 " elements of %zu bytes are expected, %zu bytes are left", count,
                        size, left);
        return NULL;
    }
    const unsigned char *at = reader->data + reader->at;
    reader->at += (size_t)count * size;
    return at;
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_u64(const unsigned char *at)
{
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

uint8_t gbt_read_u8(gbt_reader *reader)
{
    const unsigned char *at = take(reader, 1, 1);
    return at ? *at : 0;
}

uint32_t gbt_read_u32(gbt_reader *reader)
{
    const unsigned char *at = take(reader, 1, 4);
    return at ? get_u32(at) : 0;
}

int32_t gbt_read_i32(gbt_reader *reader)
{
    return (int32_t)gbt_read_u32(reader);
}

uint64_t gbt_read_u64(gbt_reader *reader)
{
    const unsigned char *at = take(reader, 1, 8);
    return at ? get_u64(at) : 0;
}

float gbt_read_f32(gbt_reader *reader)
{
    return gbt_f32_of_bits(gbt_read_u32(reader));
}

double gbt_read_f64(gbt_reader *reader)
{
    return gbt_f64_of_bits(gbt_read_u64(reader));
}

void gbt_read_bytes(gbt_reader *reader, void *out, size_t size)
{
    const unsigned char *at = take(reader, size > (size_t)INT64_MAX ? -1 : (int64_t)size, 1);
    if (at && size > 0) {
        memcpy(out, at, size);
    } else if (size > 0) {
        memset(out, 0, size);
    }
}

char *gbt_read_text(gbt_reader *reader)
{
    int64_t size = gbt_read_u32(reader);
    const unsigned char *at = take(reader, size, 1);
    if (!at) {
        return NULL;
    }
    if (memchr(at, 0, (size_t)size)) {
        gbt_reader_fail(reader, "a text contains a zero byte");
        return NULL;
    }
    char *text = gbt_alloc(size + 1, 1);
    if (!text) {
        reader->status = GBT_ERR_MEMORY;
        return NULL;
    }
    memcpy(text, at, (size_t)size);
    text[size] = '\0';
    return text;
}

void gbt_read_u32s(gbt_reader *reader, uint32_t *out, int64_t n)
{
    const unsigned char *at = take(reader, n, 4);
    for (int64_t i = 0; i < n; i++) {
        out[i] = at ? get_u32(at + 4 * i) : 0;
    }
}

void gbt_read_i32s(gbt_reader *reader, int32_t *out, int64_t n)
{
    const unsigned char *at = take(reader, n, 4);
    for (int64_t i = 0; i < n; i++) {
        out[i] = at ? (int32_t)get_u32(at + 4 * i) : 0;
    }
}

void gbt_read_f32s(gbt_reader *reader, float *out, int64_t n)
{
    const unsigned char *at = take(reader, n, 4);
    for (int64_t i = 0; i < n; i++) {
        out[i] = at ? gbt_f32_of_bits(get_u32(at + 4 * i)) : 0.0f;
    }
}

void gbt_read_f64s(gbt_reader *reader, double *out, int64_t n)
{
    const unsigned char *at = take(reader, n, 8);
    for (int64_t i = 0; i < n; i++) {
        out[i] = at ? gbt_f64_of_bits(get_u64(at + 8 * i)) : 0.0;
    }
}

int64_t gbt_read_count(gbt_reader *reader, int64_t most, size_t bytes_each)
{
    uint64_t count = gbt_read_u64(reader);
    if (reader->status != GBT_OK) {
        return 0;
    }
    size_t left = reader->size - reader->at;
    if (most < 0 || count > (uint64_t)most || (bytes_each > 0 && count > left / bytes_each)) {
        gbt_reader_fail(reader,
                        "a count of %" PRIu64 " is too large: at most %" PRId64
                        " are allowed and %zu bytes are left",
                        count, most, left);
        return 0;
    }
    return (int64_t)count;
}

/* ---- Checksum -------------------------------------------------------------------------------- */

uint32_t gbt_crc32(const void *data, size_t size)
{
    const unsigned char *at = data;
    uLong crc = crc32(0, NULL, 0);
    while (size > 0) {
        uInt part = size > 1u << 30 ? 1u << 30 : (uInt)size;
        crc = crc32(crc, at, part);
        at += part;
        size -= part;
    }
    return (uint32_t)crc;
}
