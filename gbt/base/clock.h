/* Monotonic time and per-phase totals for `verbosity = debug`. */
#ifndef GBT_BASE_CLOCK_H
#define GBT_BASE_CLOCK_H

double gbt_clock(void); /* seconds, monotonic, arbitrary start */

#endif
