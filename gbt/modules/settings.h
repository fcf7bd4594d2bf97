/* Keys of a parameter set as numbers and choices, for modules, which see parameters through gbt.h
 * only; and a section of them as bytes of a model file. */
#ifndef GBT_MODULES_SETTINGS_H
#define GBT_MODULES_SETTINGS_H

#include <stdbool.h>

#include "gbt/base/bytes.h"
#include "gbt/gbt.h"

/* Each fails only for a key that does not exist or has another kind. */
gbt_status gbt_setting_int(const gbt_params *, const char *key, int64_t *out);
gbt_status gbt_setting_real(const gbt_params *, const char *key, double *out);
gbt_status gbt_setting_bool(const gbt_params *, const char *key, bool *out);
/* Position of the value in `names` [n], which lists the values of the key in some order. */
gbt_status gbt_setting_choice(const gbt_params *, const char *key, const char *const *names, int n,
                              int *out);
/* Text of any length; gbt_release() it. */
gbt_status gbt_setting_text(const gbt_params *, const char *key, char **out);

/* The keys of one section as a count and (name, value) pairs in the order of the table, paths left
 * out. Reading sets them in `params`; an unknown key or a bad value is GBT_ERR_FORMAT. */
void gbt_settings_write(gbt_writer *, const gbt_params *, const char *section);
gbt_status gbt_settings_read(gbt_reader *, gbt_params *);

#endif
