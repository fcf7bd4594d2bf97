/* Settles keys that were left to the library. Every choice goes to the log with its reason and
 * into the parameters that the model keeps, but does not count as set by the user. */
#ifndef GBT_TRAIN_RESOLVE_H
#define GBT_TRAIN_RESOLVE_H

#include "gbt/params/params.h"

/* reason NULL: not worth a line in the log. */
gbt_status gbt_resolve_text(gbt_params *, gbt_param_key, const char *value, const char *reason);
gbt_status gbt_resolve_number(gbt_params *, gbt_param_key, double value, const char *reason);

/* max_depth and max_leaves by growth policy. */
gbt_status gbt_resolve_growth(gbt_params *);

/* early_stopping_rounds by whether there are validation rows. ERR_PARAM: asked for, but there
 * are none. */
gbt_status gbt_resolve_stopping(gbt_params *, bool has_valid);

#endif
