/* The middle part of the CSV reader: a block of whole records, cut into chunks, goes into the
 * columns of the table. csv.c runs passes over the file with it, csv_rows.c parses each chunk. */
#ifndef GBT_DATASETS_CSV_BLOCKS_H
#define GBT_DATASETS_CSV_BLOCKS_H

#include "datasets/csv.h"
#include "datasets/csv_cells.h"
#include "datasets/csv_header.h"
#include "datasets/csv_texts.h"

typedef struct gbt_csv_reader {
    gbt_source *source;
    const gbt_csv_options *options;
    gbt_table *table;
    gbt_csv_header header;
    gbt_csv_layout layout;
    gbt_csv_target *target; /* [n_columns] */
    gbt_csv_texts *texts;   /* [n_columns] */
    uint8_t *flipped;       /* [threads x n_columns] */
    int threads;
    size_t chunk_bytes;

    gbt_csv_chunk *chunk; /* [chunk_capacity] of the block */
    int64_t n_chunks, chunk_capacity;
    gbt_csv_span *spans; /* [span_capacity] text cells of the block, column by column */
    int64_t span_capacity;

    int64_t n_rows; /* read in this pass */
    int64_t row_limit;
    int64_t row_capacity; /* of every column that is being filled */
    int64_t line;         /* of the block's first byte */
    int64_t block_lines;  /* that the block ends */
} gbt_csv_reader;

/* The next block of whole records, in chunks; size 0: the end. `skip`: bytes of the header in
 * front. */
gbt_status gbt_csv_next_block(gbt_csv_reader *, size_t bytes, size_t skip, gbt_block *);

/* Parses the chunks of the block and adds their rows to the columns of the modes NUMBER and TEXT. A
 * column of numbers in which a text occurs is dropped and gets the mode CHECK. */
gbt_status gbt_csv_read_block(gbt_csv_reader *, const gbt_block *);

#endif
