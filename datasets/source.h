/* A plain or gzip file as a stream of blocks that end at line ends (the last one at the end of the
 * file). Plain files are mapped, gzip is detected by its first two bytes and inflated with zlib. A
 * UTF-8 byte order mark is left out. A quoted CSV cell may hold line ends: a parser whose block
 * ends inside one gives the begun record back or, when it is the whole block, asks for more. Lines
 * are numbered by the parsers, which count them anyway. */
#ifndef GBT_DATASETS_SOURCE_H
#define GBT_DATASETS_SOURCE_H

#include <stdbool.h>

#include "gbt/base/status.h"

typedef struct gbt_source gbt_source;

enum { GBT_SOURCE_PADDING = 64 };

typedef struct gbt_block {
    const char
        *data;    /* valid until the next call; GBT_SOURCE_PADDING readable bytes follow `size` */
    size_t size;  /* 0: the end of the file */
    bool is_last; /* nothing follows; the padding is zero then */
} gbt_block;

/* GBT_ERR_IO with the system's reason; GBT_ERR_FORMAT for an empty file. The file must not be cut
 * short while it is open. */
gbt_status gbt_source_open(const char *path, gbt_source **out);
/* The same for bytes in memory (plain or gzip), which are copied; `name` stands in messages. */
gbt_status gbt_source_from_memory(const char *name, const void *data, size_t size,
                                  gbt_source **out);

/* The next block of about `bytes`, at least one line. GBT_ERR_FORMAT: gzip data damaged or cut
 * short. */
gbt_status gbt_source_next(gbt_source *, size_t bytes, gbt_block *out);
/* Makes the latest block longer by about `bytes`, at least one line, unless it is the last one. */
gbt_status gbt_source_extend(gbt_source *, size_t bytes, gbt_block *block);
/* Gives the last `bytes` of the latest block back: the next one begins with them. */
void gbt_source_give_back(gbt_source *, size_t bytes);
/* Back to the first byte. */
gbt_status gbt_source_rewind(gbt_source *);

const char *gbt_source_name(const gbt_source *);
int64_t gbt_source_bytes(const gbt_source *);    /* size of the file on disk */
int64_t gbt_source_consumed(const gbt_source *); /* how many of these the blocks so far have used */
/* How many elements to make room for when `needed` are known after the blocks so far: what the file
 * will hold if it goes on like this. */
int64_t gbt_source_expect(const gbt_source *, int64_t needed);
void gbt_source_close(gbt_source *);

#endif
