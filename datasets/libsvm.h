/* Our reader of the libsvm format: `label[,label...] [qid:n] index:value ... [# comment]`, one row
 * a line, indices ascending. Zero-based when index 0 occurs, else one-based; said in the log. A
 * line may lack its label; blank lines and lines of comment are skipped; CRLF is accepted. Refused
 * with file:line:column: indices that do not ascend or lie beyond 2^31 - 2, what is no number,
 * `qid:` in some rows only. A value `nan` is missing. The table never depends on threads or block
 * sizes. */
#ifndef GBT_DATASETS_LIBSVM_H
#define GBT_DATASETS_LIBSVM_H

#include "datasets/source.h"
#include "datasets/table.h"

typedef struct gbt_libsvm_options {
    int64_t max_rows;   /* 0: all */
    int threads;        /* 0: all */
    int32_t index_base; /* -1: detect; 0 or 1: as the model was trained */
} gbt_libsvm_options;

/* GBT_ERR_IO, GBT_ERR_FORMAT with file:line:column, GBT_ERR_MEMORY. Columns in a message count
 * bytes from 1. */
gbt_status gbt_libsvm_read(const char *path, const gbt_libsvm_options *, gbt_table **out);

/* The same from an open source, with threads taking about `chunk_bytes` each (0: the usual). */
gbt_status gbt_libsvm_read_source(gbt_source *, const gbt_libsvm_options *, size_t chunk_bytes,
                                  gbt_table **out);

#endif
