/* Text: slices, locale-free numbers, names. Parsing never allocates; the parsers are correctly
 * rounded and do not depend on the locale. */
#ifndef GBT_BASE_TEXT_H
#define GBT_BASE_TEXT_H

#include <stdbool.h>

#include "gbt/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gbt_slice {
    const char *data; /* borrowed, not zero-terminated */
    size_t size;
} gbt_slice;

gbt_slice gbt_slice_of(const char *text);
gbt_slice gbt_slice_trim(gbt_slice); /* spaces, tabs, CR at both ends */
bool gbt_slice_equal(gbt_slice, const char *text);
bool gbt_slice_equal_folded(gbt_slice, const char *text); /* ASCII letters without case */
int gbt_slice_compare(gbt_slice, gbt_slice);              /* bytewise, shorter first */

/* Splits at `separator`: takes the part before it off `*rest`. False when nothing is left: an empty
 * slice has no parts, and a separator at the very end adds none. */
bool gbt_slice_next(gbt_slice *rest, char separator, gbt_slice *part);

/* The whole slice as a number: [+-] digits [. digits] [e [+-] digits] with digits on at least one
 * side of the point, inf, infinity, nan (any case). Correctly rounded: beyond the largest double it
 * is infinite, near zero it is zero. False (and no change) for anything else, the empty slice
 * included. */
bool gbt_parse_real(gbt_slice, double *out);
bool gbt_parse_int(gbt_slice, int64_t *out);   /* decimal; false on overflow */
bool gbt_parse_bool(gbt_slice, bool *out);     /* true/false, yes/no, on/off, 1/0 */
bool gbt_parse_bytes(gbt_slice, int64_t *out); /* 123, 64K, 512M, 8G, 1T (powers of 1024) */

/* Shortest decimal text that parses back to the same number, the closest of these; returns its
 * length. The float one also survives a parse as double that is then rounded to float, whatever a
 * parser does in the middle between two floats. `nan`, `inf`, `-inf`, `-0`. */
enum { GBT_NUMBER_CHARS = 32 };
int gbt_print_f32(char out[GBT_NUMBER_CHARS], float value);
int gbt_print_f64(char out[GBT_NUMBER_CHARS], double value);

/* Valid UTF-8 without NUL. */
bool gbt_is_utf8(gbt_slice);

/* Edits (insert, delete, change, swap of neighbours) between two names of at most 63 bytes; longer
 * names: 64. */
int gbt_name_distance(const char *a, const char *b);

#ifdef __cplusplus
}
#endif

#endif
