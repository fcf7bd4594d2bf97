/* Tables from a stream of record batches of the Arrow C data interface. Reads the types that
 * become numbers, texts or categories and refuses the others by name; checks what the interface
 * lets one check (numbers of children and buffers, lengths, offsets, missing buffers, positions in
 * dictionaries and in text buffers), but sizes of buffers are not part of it. */
#ifndef GBT_DATASETS_ARROW_H
#define GBT_DATASETS_ARROW_H

#include "datasets/arrow_abi.h"
#include "datasets/frame.h"

/* Reads the stream to its end. Releases it in every case. ERR_ARGUMENT: not as the interface says;
 * ERR_DATA: a type that cannot be read, and what gbt_frame_add() refuses; ERR_IO: the stream
 * failed; ERR_MEMORY, also when the stream says so. */
gbt_status gbt_arrow_read(struct ArrowArrayStream *, const gbt_frame_options *, gbt_table **out);

/* Releases the stream unless it is NULL or was released. */
void gbt_arrow_release(struct ArrowArrayStream *);

#endif
