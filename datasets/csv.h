/* CSV and TSV (RFC 4180 with the liberties real files take): quotes with doubled quotes and line
 * ends inside, CRLF, byte order mark, blank lines anywhere, blanks around cells, header or none. A
 * column is numbers when every cell that is not missing parses as one, else text. Refused with
 * file:line:column: rows with too few or too many cells, a quote that is never closed, text after a
 * closing quote, NUL bytes, invalid UTF-8, a carriage return that ends no line, empty or repeated
 * names. A quote inside an unquoted cell is an ordinary character. The table never depends on
 * threads or block sizes. */
#ifndef GBT_DATASETS_CSV_H
#define GBT_DATASETS_CSV_H

#include "datasets/source.h"
#include "datasets/table.h"

typedef enum gbt_csv_kind {
    GBT_CSV_AUTO = 0,
    GBT_CSV_NUMBER = 1,
    GBT_CSV_TEXT = 2,
    GBT_CSV_SKIP = 3
} gbt_csv_kind;

typedef struct gbt_csv_options {
    char separator; /* ',' or '\t'; 0: by the file name, else the one that the first line has */
    /* 1 yes, 0 no, -1 auto: the first record is a header when no cell of it is a number, or when
     * its cells differ and one that is a text stands over a number (names may look like 2019). */
    int header;
    /* [n_missing] tokens, compared after trimming; the empty cell is always missing. */
    const char *const *missing;
    int32_t n_missing;
    int64_t max_rows; /* 0: all */
    int threads;      /* 0: all */
    /* How column `name` (number `index`) is to be read; NULL: AUTO for all. NUMBER: a cell that is
     * no number is an error at its file:line:column. SKIP columns keep their place and name in the
     * table but have no values. Without a header the names are c0, c1, ... */
    gbt_csv_kind (*kind_of)(void *context, const char *name, int32_t index, int32_t n_columns);
    void *context;
} gbt_csv_options;

/* GBT_ERR_IO, GBT_ERR_FORMAT with file:line:column, GBT_ERR_MEMORY. Columns in a message count
 * bytes from 1. */
gbt_status gbt_csv_read(const char *path, const gbt_csv_options *, gbt_table **out);

/* The same from an open source, with threads taking about `chunk_bytes` each (0: the usual). */
gbt_status gbt_csv_read_source(gbt_source *, const gbt_csv_options *, size_t chunk_bytes,
                               gbt_table **out);

#endif
