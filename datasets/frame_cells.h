/* The inner part of the frame: what it keeps while it is filled, and the cells of a batch on their
 * way into the columns. */
#ifndef GBT_DATASETS_FRAME_CELLS_H
#define GBT_DATASETS_FRAME_CELLS_H

#include "datasets/csv_texts.h"
#include "datasets/frame.h"

enum { GBT_FRAME_BLOCK = 1 << 14 }; /* rows of a text block, and of a chunk */

typedef enum gbt_frame_mode { GBT_FRAME_SKIP, GBT_FRAME_NUMBER, GBT_FRAME_TEXT } gbt_frame_mode;

typedef struct gbt_frame_target {
    gbt_frame_mode mode;
    bool is_auto;        /* nobody asked for text */
    gbt_csv_texts texts; /* of the mode TEXT */
} gbt_frame_target;

/* One block of cells that is being turned into codes. */
typedef struct gbt_frame_coding {
    const gbt_cells *cells;
    const uint8_t *is_used; /* [cells] entries of a dictionary to look at; NULL: all */
    int64_t first, last;
    int32_t *code;                     /* [last - first] */
    int32_t n_before;                  /* texts of the column so far */
    int64_t broken;                    /* the first cell with a faulty text, -1: none */
    char (*printed)[GBT_NUMBER_CHARS]; /* [last - first] texts of numbers */
} gbt_frame_coding;

struct gbt_frame {
    gbt_frame_options options;
    int threads;
    int32_t n_columns;
    gbt_table *table;         /* NULL once it was handed out */
    gbt_frame_target *column; /* [n_columns] */
    int64_t n_rows, capacity;
    uint8_t may_be_missing[256]; /* by the first byte of a text */
    double *missing_number;      /* [n_missing_numbers] tokens that are numbers */
    int32_t n_missing_numbers;
    gbt_frame_coding *coding;          /* [n_columns] */
    char (*printed)[GBT_NUMBER_CHARS]; /* [GBT_FRAME_BLOCK] */
};

/* Rows of one column: numbers, codes, or texts of a column of numbers. There is room for them. */
gbt_status gbt_frame_add_cells(gbt_frame *, int32_t column, const gbt_cells *);

/* Rows of all columns that are texts both here and there. cells [n_columns]. */
gbt_status gbt_frame_add_texts(gbt_frame *, const gbt_cells *cells, int64_t n_rows);

#endif
