/* Chosen bytes of rows side by side: the columns of a tree that may not use all of them. */
#ifndef GBT_BACKEND_CPU_CPU_PICK_H
#define GBT_BACKEND_CPU_CPU_PICK_H

#include <stdint.h>

#include "gbt/base/status.h"

enum { GBT_PICK_BLOCK = 16 }; /* bytes that are read and written at a time */

/* What 16 adjacent bytes of a row give to a block of the result. */
typedef struct gbt_pick_part {
    uint8_t from[GBT_PICK_BLOCK]; /* of the 16, for each byte of the block; >= 128: none */
    int32_t first;                /* byte of the row */
} gbt_pick_part;

typedef struct gbt_picker {
    int32_t n;           /* bytes of a result */
    int32_t *source;     /* [n] ascending bytes of a row */
    gbt_pick_part *part; /* [at most n] of the blocks in order */
    int32_t *last_part;  /* [blocks] behind the last part of each */
} gbt_picker;

/* Room for `most` bytes of a row; ERR_MEMORY. */
gbt_status gbt_picker_open(int32_t most, gbt_picker *out);
void gbt_picker_close(gbt_picker *); /* a zeroed one is closed */

/* After `n` and `source` were set. */
void gbt_picker_plan(gbt_picker *);

/* The chosen bytes of rows base + row[i] * row_step to `to` + i * step, i < n, in whole blocks:
 * the bytes behind them, up to a multiple of 16, are undefined. 15 bytes behind a row are readable.
 * Cost: about 1 ns for 16 bytes of the result. */
typedef void gbt_pick_fn(const gbt_picker *, const uint8_t *base, int64_t row_step,
                         const uint32_t *row, int32_t n, uint8_t *to, int64_t step);

/* The best version for this machine; `which` >= 0: the which-th that can run here (0: plain C),
 * NULL when there are fewer. */
gbt_pick_fn *gbt_pick_find(int which);

#endif
