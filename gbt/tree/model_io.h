/* The model file. Equal models give equal bytes: nothing of the time, the machine or a path is
 * inside. README.md describes it byte by byte. */
#ifndef GBT_TREE_MODEL_IO_H
#define GBT_TREE_MODEL_IO_H

#include "gbt/base/bytes.h"
#include "gbt/tree/model.h"

enum { GBT_MODEL_FORMAT = 1 }; /* raised when an older reader would misread the file */

/* Appends the whole file to the writer. */
gbt_status gbt_model_write(gbt_writer *, const gbt_model *);

/* Reads, checks and seals. `name` (file or "memory") begins the messages. */
gbt_status gbt_model_read(const void *data, size_t size, const char *name, gbt_model **out);

#endif
