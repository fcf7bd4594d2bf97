/* Prediction over rows of any source, for the files of backend/. */
#ifndef GBT_BACKEND_INFER_H
#define GBT_BACKEND_INFER_H

#include "gbt/data/columns.h"
#include "gbt/tree/model.h"

/* Raw scores of a table seen through the model's schema, its init scores added: out
 * [n_rows x n_outputs]. ERR_DATA: init scores missing, of the wrong number or not finite. */
gbt_status gbt_infer_view(const gbt_model *, const gbt_view *, int32_t first, int32_t last,
                          int threads, float *out);

#endif
