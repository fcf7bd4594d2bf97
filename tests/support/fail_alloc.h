/* An allocator for gbt_set_allocator() that refuses the n-th request and counts the blocks that
 * are alive. Fresh memory is filled with a pattern, so a read of uninitialised bytes shows. The
 * loop of an out-of-memory test (SQLite's method):
 *
 *     for (int64_t n = 1;; n++) {
 *         fail_alloc_install(n);
 *         gbt_status status = everything_under_test();
 *         bool refused = fail_alloc_refused();
 *         EXPECT_C_EQ_INT(fail_alloc_live(), 0);
 *         fail_alloc_remove();
 *         if (!refused) { EXPECT_C_OK(status); break; }
 *         EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
 *     }
 * / */
#ifndef GBT_TESTS_FAIL_ALLOC_H
#define GBT_TESTS_FAIL_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the allocator and sets its counters to zero. Request number `nth` (from 1) fails, the
 * others are served; 0: none fails. No handle may be alive. */
void fail_alloc_install(int64_t nth);

/* Gives the library malloc and free back. No handle may be alive. */
void fail_alloc_remove(void);

int64_t fail_alloc_calls(void); /* requests since the installation, the refused one included */
int64_t fail_alloc_live(void);  /* blocks handed out and not given back yet */
bool fail_alloc_refused(void);  /* whether request `nth` has come */

#endif
