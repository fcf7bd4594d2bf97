/* A backend around another one that adds up the time spent in each of its calls, for any device. */
#ifndef GBT_BACKEND_TIMED_H
#define GBT_BACKEND_TIMED_H

#include "gbt/backend/backend.h"

/* Puts the wrapper in the place of an open backend and its operations. Closing it logs a line for
 * each kind of call (GBT_LOG_DEBUG): seconds, share of the time since now, number of calls; and
 * closes the backend. On failure (ERR_MEMORY) nothing has changed. */
gbt_status gbt_backend_time(const gbt_backend_ops **ops, gbt_backend **backend);

#endif
