/* INI text -> sections and entries, with the place of each for messages. Knows no key names.
 *
 *     [section]                # comment to the end of the line; `;` works too
 *     key = value              # a `#` or `;` inside a value opens a comment after a blank only
 *     key = "a value # whole"  # quotes, single or double, keep everything between them
 *
 * UTF-8 byte order mark, CRLF and blanks around everything are fine. Columns count bytes from 1. */
#ifndef GBT_PARAMS_INI_H
#define GBT_PARAMS_INI_H

#include <stdbool.h>

#include "gbt/base/status.h"
#include "gbt/base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gbt_ini {
    gbt_slice rest;   /* what is still to be read; borrowed */
    const char *path; /* for messages */
    int64_t line;     /* of the last line read, from 1; start with 0 */
} gbt_ini;

typedef struct gbt_ini_item {
    bool is_section;
    gbt_slice name;  /* of the section or key */
    gbt_slice value; /* without quotes and comment; empty for a section */
    int64_t line, name_column, value_column;
} gbt_ini_item;

/* `text` and `path` stay the caller's and alive; all slices point into `text`. */
gbt_ini gbt_ini_open(gbt_slice text, const char *path);

/* The next section or entry; `*found` is false at the end. GBT_ERR_PARAM with path:line:column. */
gbt_status gbt_ini_next(gbt_ini *, gbt_ini_item *out, bool *found);

#ifdef __cplusplus
}
#endif

#endif
