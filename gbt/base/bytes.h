/* Bounds-checked little-endian reader and writer and CRC-32: the only way bytes enter or leave a
 * binary file. A reader remembers its first failure; later reads return zeros. */
#ifndef GBT_BASE_BYTES_H
#define GBT_BASE_BYTES_H

#include "gbt/base/status.h"

typedef struct gbt_writer {
    unsigned char *data; /* owned; grows */
    size_t size, capacity;
    gbt_status status; /* first failure (memory), else GBT_OK */
} gbt_writer;

void gbt_writer_close(gbt_writer *); /* a zeroed writer is an empty one */
void gbt_write_u8(gbt_writer *, uint8_t);
void gbt_write_u32(gbt_writer *, uint32_t);
void gbt_write_i32(gbt_writer *, int32_t);
void gbt_write_u64(gbt_writer *, uint64_t);
void gbt_write_f32(gbt_writer *, float);
void gbt_write_f64(gbt_writer *, double);
void gbt_write_bytes(gbt_writer *, const void *, size_t);
void gbt_write_text(gbt_writer *, const char *); /* u32 length, bytes */
void gbt_write_i32s(gbt_writer *, const int32_t *, int64_t n);
void gbt_write_u32s(gbt_writer *, const uint32_t *, int64_t n);
void gbt_write_f32s(gbt_writer *, const float *, int64_t n);
void gbt_write_f64s(gbt_writer *, const double *, int64_t n);

typedef struct gbt_reader {
    const unsigned char *data; /* borrowed */
    size_t size, at;
    const char *where; /* for messages: file name and section */
    gbt_status status; /* first failure (GBT_ERR_FORMAT or memory), else GBT_OK */
} gbt_reader;

uint8_t gbt_read_u8(gbt_reader *);
uint32_t gbt_read_u32(gbt_reader *);
int32_t gbt_read_i32(gbt_reader *);
uint64_t gbt_read_u64(gbt_reader *);
float gbt_read_f32(gbt_reader *);
double gbt_read_f64(gbt_reader *);
void gbt_read_bytes(gbt_reader *, void *, size_t);
char *gbt_read_text(gbt_reader *); /* owned by the caller; NULL after a failure; no embedded NUL */
void gbt_read_i32s(gbt_reader *, int32_t *, int64_t n);
void gbt_read_u32s(gbt_reader *, uint32_t *, int64_t n);
void gbt_read_f32s(gbt_reader *, float *, int64_t n);
void gbt_read_f64s(gbt_reader *, double *, int64_t n);

/* A count that is about to size an allocation: at most `most`, and `bytes_each` times it must still
 * fit into the rest of the data. 0 after a failure. */
int64_t gbt_read_count(gbt_reader *, int64_t most, size_t bytes_each);

/* Records a failure with the position; keeps the first one. */
gbt_status gbt_reader_fail(gbt_reader *, const char *format, ...) GBT_PRINTF(2, 3);

uint32_t gbt_crc32(const void *data, size_t size); /* zlib's polynomial */

/* Whole files. The write goes to a temporary name in the same folder, is synced and renamed, so
 * `path` holds the old bytes or the new ones. GBT_ERR_IO with the system's reason. */
gbt_status gbt_file_read(const char *path, unsigned char **data,
                         size_t *size); /* gbt_release() it */
/* The first bytes, fewer than `capacity` only when the file is shorter. */
gbt_status gbt_file_read_start(const char *path, void *out, size_t capacity, size_t *size);
gbt_status gbt_file_write(const char *path, const void *data, size_t size);

#endif
