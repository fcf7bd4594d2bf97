/* Status codes with a thread-local message: the first line that knows the cause writes it, every
 * caller only forwards the code. The list of codes is GBT_STATUS_LIST in gbt.h. */
#ifndef GBT_BASE_STATUS_H
#define GBT_BASE_STATUS_H

#include "gbt/gbt.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GBT_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define GBT_PRINTF(format_index, first_argument)
#endif

/* Stores the message for gbt_last_error() and returns `code`. Text beyond 1023 bytes is cut. */
gbt_status gbt_fail(gbt_status code, const char *format, ...) GBT_PRINTF(2, 3);

/* Forwards a failure when the function holds nothing. */
#define GBT_TRY(call)                   \
    do {                                \
        gbt_status try_status = (call); \
        if (try_status != GBT_OK) {     \
            return try_status;          \
        }                               \
    } while (0)

/* Forwards a failure to the `done:` label; needs a local `gbt_status status`. */
#define GBT_TRY_OR_DONE(call)   \
    do {                        \
        status = (call);        \
        if (status != GBT_OK) { \
            goto done;          \
        }                       \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
