/* Readable forms of a model; model_text.c writes text and dot, model_json.c writes JSON. */
#ifndef GBT_TREE_MODEL_DUMP_H
#define GBT_TREE_MODEL_DUMP_H

#include "gbt/base/bytes.h"
#include "gbt/tree/model.h"

/* Pieces of text at the end of a writer. No number passes through printf, so the locale cannot
 * matter. */
void gbt_dump_text(gbt_writer *, const char *);
void gbt_dump_int(gbt_writer *, int64_t);
void gbt_dump_real(gbt_writer *, float); /* shortest text that reads back to the same number */

/* Calls `emit(writer, text, code)` for every category that goes left at a categorical node:
 * ascending codes, `text` NULL when the feature has no dictionary. */
typedef void (*gbt_dump_category_fn)(gbt_writer *, const char *text, int64_t code, int64_t index);
void gbt_dump_categories(gbt_writer *, const gbt_model *, const gbt_tree *, int32_t node,
                         gbt_dump_category_fn emit);
/* Do missing values go left? */
bool gbt_dump_missing_left(const gbt_model *, const gbt_tree *, int32_t node);

gbt_status gbt_model_write_text(gbt_writer *, const gbt_model *);
gbt_status gbt_model_write_dot(gbt_writer *, const gbt_model *);
gbt_status gbt_model_write_json(gbt_writer *, const gbt_model *);

#endif
