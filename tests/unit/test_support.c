/* The helpers of tests/support: an out-of-memory test is worth nothing if its allocator does not
 * fail. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

TEST_C(FailAlloc, RefusesExactlyTheRequestItWasToldTo)
{
    fail_alloc_install(2);
    void *first = gbt_alloc(1, 8);
    bool refused_early = fail_alloc_refused();
    void *second = gbt_alloc(1, 8);
    void *third = gbt_alloc(1, 8);
    EXPECT_C_TRUE(first != NULL);
    EXPECT_C_FALSE(refused_early);
    EXPECT_C_TRUE(second == NULL);
    EXPECT_C_TRUE(third != NULL);
    EXPECT_C_TRUE(fail_alloc_refused());
    EXPECT_C_EQ_INT(fail_alloc_calls(), 3);
    gbt_release(first);
    gbt_release(third);
    fail_alloc_remove();
}

TEST_C(FailAlloc, CountsTheBlocksThatAreAlive)
{
    fail_alloc_install(0);
    void *first = gbt_alloc(10, 8);
    void *second = gbt_alloc(0, 8);
    EXPECT_C_EQ_INT(fail_alloc_live(), 2);
    gbt_release(first);
    EXPECT_C_EQ_INT(fail_alloc_live(), 1);
    gbt_release(second);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    EXPECT_C_FALSE(fail_alloc_refused());
    fail_alloc_remove();
}

TEST_C(TempDir, KeepsAFileUntilItIsClosed)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    char text[16] = {0};
    ASSERT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, "a.txt", "abc", 3, path));
    FILE *file = fopen(path, "rb");
    EXPECT_C_TRUE(file != NULL);
    if (file != NULL) {
        EXPECT_C_EQ_INT(fread(text, 1, sizeof text, file), 3);
        fclose(file);
    }
    EXPECT_C_EQ_TEXT(text, "abc");
    temp_dir_close(&dir);
    file = fopen(path, "rb");
    EXPECT_C_TRUE(file == NULL);
    if (file != NULL) {
        fclose(file);
    }
}
