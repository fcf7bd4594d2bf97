/* Builds a table from columns in memory, batch by batch: numbers to float, texts and coded cells
 * to codes of a sorted dictionary of the texts that occur, as the CSV reader does. Where the cells
 * come from is the caller's business. Everything is copied. */
#ifndef GBT_DATASETS_FRAME_H
#define GBT_DATASETS_FRAME_H

#include "datasets/cells.h"
#include "datasets/csv.h"
#include "datasets/table.h"

typedef struct gbt_frame_column {
    const char *name; /* borrowed */
    bool is_text;     /* its values are texts, directly or in dictionaries */
    bool is_coded;    /* its cells are positions in dictionaries */
} gbt_frame_column;

typedef struct gbt_frame_options {
    const char *source; /* what messages call the table */
    /* [n_missing] texts that mean a missing cell, as the empty one does; one that is a number also
     * means the numbers that are equal to it. Borrowed until the frame is closed. */
    const char *const *missing;
    int32_t n_missing;
    int threads; /* 0: all */
    /* How a column is to be read. AUTO: texts as texts, numbers (and codes of numbers) as numbers.
     * NUMBER: texts are parsed, and one that is no number is an error. TEXT: numbers are printed.
     * */
    gbt_csv_kind (*kind_of)(void *context, const gbt_frame_column *, int32_t index);
    void *context;
} gbt_frame_options;

typedef struct gbt_frame gbt_frame;

/* GBT_ERR_ARGUMENT: a name that is missing, empty, no UTF-8, or there twice. */
gbt_status gbt_frame_open(const gbt_frame_options *, const gbt_frame_column *, int32_t n_columns,
                          gbt_frame **out);
void gbt_frame_close(gbt_frame *); /* NULL is a no-op */

/* Whether the cells of a column are not looked at. */
bool gbt_frame_skips(const gbt_frame *, int32_t column);

/* Appends rows: cells [n_columns], those of skipped columns unused. After a failure the frame can
 * only be closed. ERR_DATA names column and row, ERR_ARGUMENT for texts that leave their buffers.
 * */
gbt_status gbt_frame_add(gbt_frame *, const gbt_cells *cells, int64_t n_rows);

/* The table; the frame can only be closed then. A column of texts that are all missing becomes one
 * of missing numbers, unless it was asked for as TEXT. ERR_DATA: no rows. */
gbt_status gbt_frame_finish(gbt_frame *, gbt_table **out);

#endif
