/* The inner part of the CSV reader: where cells and records end, and the parsing of a chunk of
 * whole records into columns. Knows nothing of files, passes and messages. */
#ifndef GBT_DATASETS_CSV_CELLS_H
#define GBT_DATASETS_CSV_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gbt/base/text.h"

/* What a pass does with a column. */
typedef enum gbt_csv_mode {
    GBT_CSV_MODE_NUMBER, /* parse into `number` */
    GBT_CSV_MODE_TEXT,   /* note where the text stands in `span` */
    GBT_CSV_MODE_CHECK,  /* known to be text, read in a later pass: only refuse what is invalid */
    GBT_CSV_MODE_SKIP
} gbt_csv_mode;

/* A text cell of the block; GBT_CSV_MISSING as size: missing. */
typedef struct gbt_csv_span {
    uint32_t start; /* from the block's first byte */
    uint32_t size;  /* bit 31: holds doubled quotes */
} gbt_csv_span;

#define GBT_CSV_MISSING UINT32_MAX
#define GBT_CSV_DOUBLED 0x80000000u

typedef struct gbt_csv_target {
    uint8_t mode;       /* gbt_csv_mode */
    bool is_strict;     /* a cell that is no number is a fault */
    float *number;      /* [rows of the table] */
    gbt_csv_span *span; /* [rows of the block] */
} gbt_csv_target;

typedef struct gbt_csv_layout {
    int32_t n_columns;
    char separator;
    uint8_t stops[256];         /* 1: separator, line end or NUL */
    const char *const *missing; /* [n_missing] */
    int32_t n_missing;
    bool has_numeric_missing; /* some token is a number: every cell must be compared */
    gbt_csv_target *target;   /* [n_columns] */
    const char *block;        /* spans count from here */
    int64_t block_row;        /* row of the table that the block begins with */
} gbt_csv_layout;

typedef enum gbt_csv_fault_kind {
    GBT_CSV_FINE = 0,
    GBT_CSV_WRONG_COUNT, /* `found` cells in the record */
    GBT_CSV_OPEN_QUOTE,  /* never closed */
    GBT_CSV_AFTER_QUOTE, /* text between a closing quote and the separator */
    GBT_CSV_NUL,
    GBT_CSV_LONE_CR,
    GBT_CSV_NOT_UTF8,
    GBT_CSV_NOT_NUMBER /* `cell` in a strict column */
} gbt_csv_fault_kind;

typedef struct gbt_csv_fault {
    gbt_csv_fault_kind kind;
    const char *at;
    int32_t column;
    int64_t found;
    gbt_slice cell;
} gbt_csv_fault;

typedef struct gbt_csv_cell {
    gbt_slice text;   /* between the quotes, or trimmed */
    bool is_doubled;  /* holds doubled quotes */
    const char *next; /* the separator, the line end or the end of the data */
} gbt_csv_cell;

typedef struct gbt_csv_chunk {
    const char *data, *end; /* whole records */
    int64_t first_row;      /* in the table */
    int64_t n_rows, n_lines;
    bool has_quote;
    gbt_csv_fault fault; /* the first one */
} gbt_csv_chunk;

void gbt_csv_layout_init(gbt_csv_layout *, char separator, const char *const *missing,
                         int32_t n_missing);

/* The cell that begins at `p`. `end` is a line end away from other bytes or the end of the file. */
gbt_csv_fault_kind gbt_csv_take_cell(const gbt_csv_layout *, const char *p, const char *end,
                                     gbt_csv_cell *out, const char **fault_at);

/* Behind the line end at `p` ("\n", "\r\n" or the end of the data). */
const char *gbt_csv_after_line(const char *p, const char *end);

bool gbt_csv_is_missing(const gbt_csv_layout *, gbt_slice cell);

/* End of the record that begins at `p`, its line end included, and whether it is blank: nothing but
 * spaces (and tabs that do not separate). `is_open`: the data ends inside its quotes. */
const char *gbt_csv_record_end(const gbt_csv_layout *, const char *p, const char *end,
                               bool *is_blank, bool *is_open);

/* True when the line at `p` is blank; then `*next` is the line behind it. */
bool gbt_csv_blank_line(const gbt_csv_layout *, const char *p, const char *end, const char **next);

/* Fills `n_lines` and `has_quote`, and without a quote `n_rows`: the chunk is whole lines. */
void gbt_csv_count_rows(const gbt_csv_layout *, gbt_csv_chunk *);

/* Parses the records of the chunk. `flipped` [n_columns]: 1 for columns that turned out to be
 * text. */
void gbt_csv_parse_chunk(const gbt_csv_layout *, gbt_csv_chunk *, uint8_t *flipped);

#endif
