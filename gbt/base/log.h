/* Messages for the user's log callback (gbt_set_log). Without a callback they go nowhere: the
 * library never prints. */
#ifndef GBT_BASE_LOG_H
#define GBT_BASE_LOG_H

#include "gbt/base/status.h"

/* One line without a newline; cut at 1023 bytes. Cheap when no callback is set. */
void gbt_log_line(gbt_log_level level, const char *format, ...) GBT_PRINTF(2, 3);

/* From now on, lines of the calling thread go nowhere (1), or to the callback again (0): for work
 * on threads that are not the caller's, and for trainings that are only means to an end. */
void gbt_log_hush(int is_hushed);

#endif
