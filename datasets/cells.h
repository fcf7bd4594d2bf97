/* Cells of one column in memory, of any type that data frames have: views of numbers, texts and
 * codes with a mask. Reads them, whatever their alignment; owns nothing and allocates nothing. */
#ifndef GBT_DATASETS_CELLS_H
#define GBT_DATASETS_CELLS_H

#include <stdbool.h>

#include "gbt/base/status.h"
#include "gbt/base/text.h"

enum { GBT_CELLS_NULL = -1 }; /* a type of cells that are all missing */

typedef enum gbt_text_layout {
    GBT_TEXT_STARTS32 = 0,
    GBT_TEXT_STARTS64 = 1,
    GBT_TEXT_VIEWS = 2 /* Arrow's utf8_view */
} gbt_text_layout;

/* Row i, 0 <= i < n, is cell first + i. */
typedef struct gbt_cells {
    int type; /* gbt_cell or GBT_CELLS_NULL */
    int64_t n, first;
    const void *data; /* cells; of texts: [first + n + 1] starts, or [first + n] views */
    int64_t stride;   /* bytes from cell to cell; bits and texts: unused */
    gbt_mask mask_kind;
    const uint8_t *mask;
    gbt_text_layout layout;             /* of texts */
    const char *bytes;                  /* of texts with starts */
    const void *const *buffer;          /* [n_buffers] of text views */
    const void *buffer_size;            /* [n_buffers] int64_t, at any address */
    int64_t n_buffers;                  /* of text views */
    const struct gbt_cells *dictionary; /* the cells are positions in these; or NULL */
} gbt_cells;

/* Bytes of a number; 0 for bits, texts and unknown types. */
int64_t gbt_cell_size(int type);
bool gbt_cell_is_whole(int type); /* the signed and unsigned integers */

/* Rows [first, last) of number cells as float, NaN where missing. Rounded to double before, as a
 * number in a file is. */
void gbt_cells_numbers(const gbt_cells *, int64_t first, int64_t last, float *out);
double gbt_cells_number(const gbt_cells *, int64_t row); /* NaN: missing */

/* Text of a number: whole ones below 2^53 (integers: all) in decimal, others in their shortest
 * form. Returns its length, 0: missing. */
int gbt_cells_print(const gbt_cells *, int64_t row, char out[GBT_NUMBER_CHARS]);

/* Position in the dictionary; -1: missing, -2: past its end. */
int64_t gbt_cells_code(const gbt_cells *, int64_t row);

typedef enum gbt_text_state {
    GBT_TEXT_FOUND = 0,
    GBT_TEXT_MISSING = 1,
    GBT_TEXT_BROKEN = 2 /* starts that fall, or bytes outside of the buffers */
} gbt_text_state;

gbt_text_state gbt_cells_text(const gbt_cells *, int64_t row, gbt_slice *out);

#endif
