/* Format strings of the Arrow C data interface: which cells they stand for, and what they are
 * called when they cannot be read. */
#ifndef GBT_DATASETS_ARROW_TYPES_H
#define GBT_DATASETS_ARROW_TYPES_H

#include "datasets/cells.h"

typedef struct gbt_arrow_type {
    int type;               /* as in gbt_cells */
    gbt_text_layout layout; /* of texts */
} gbt_arrow_type;

/* False: cannot be read. */
bool gbt_arrow_type_find(const char *format, gbt_arrow_type *out);

/* For a message: what the format is called, and what to do about it. Static text. */
void gbt_arrow_type_explain(const char *format, const char **name, const char **advice);

#endif
