/* gbt/base/alloc.c: alignment, checked sizes, the hook. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

TEST_C(Alloc, BlocksAreAlignedTo64Bytes)
{
    const int64_t counts[] = {0, 1, 3, 63, 64, 65, 1000};
    for (int i = 0; i < 7; i++) {
        char *memory = gbt_alloc(counts[i], 1);
        ASSERT_C_TRUE(memory != NULL);
        EXPECT_C_EQ_INT((uintptr_t)memory % 64, 0);
        memset(memory, 1, (size_t)counts[i]);
        gbt_release(memory);
    }
}

TEST_C(Alloc, ZeroedBlocksAreZero)
{
    fail_alloc_install(0); /* fills fresh memory with a pattern */
    unsigned char *memory = gbt_alloc_zero(333, 3);
    int sum = 0;
    for (int i = 0; i < 999; i++) {
        sum += memory[i];
    }
    EXPECT_C_EQ_INT(sum, 0);
    gbt_release(memory);
    fail_alloc_remove();
}

TEST_C(Alloc, ImpossibleSizesAreRefusedWithTheSize)
{
    EXPECT_C_TRUE(gbt_alloc(-1, 8) == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "-1 elements of 8 bytes");
    EXPECT_C_TRUE(gbt_alloc(INT64_MAX, 2) == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "9223372036854775807 elements of 2 bytes");
    EXPECT_C_TRUE(gbt_alloc((int64_t)1 << 32, (size_t)1 << 32) == NULL);
    EXPECT_C_TRUE(gbt_alloc_zero(INT64_MAX, 1) == NULL);
    int64_t *pointer = NULL;
    EXPECT_C_STATUS(GBT_NEW(pointer, INT64_MAX), GBT_ERR_MEMORY);
}

TEST_C(Alloc, GrowKeepsTheContents)
{
    int32_t *values = NULL;
    for (int32_t n = 0; n < 200; n++) {
        int32_t *grown = gbt_grow(values, n, n + 1, sizeof *values);
        ASSERT_C_TRUE(grown != NULL);
        values = grown;
        values[n] = n * n;
    }
    for (int32_t n = 0; n < 200; n++) {
        EXPECT_C_EQ_INT(values[n], n * n);
    }
    gbt_release(values);
}

TEST_C(Alloc, AFailedGrowLeavesTheOldBlock)
{
    fail_alloc_install(2);
    char *old = gbt_alloc(4, 1);
    memcpy(old, "abc", 4);
    EXPECT_C_TRUE(gbt_grow(old, 4, 8, 1) == NULL);
    EXPECT_C_EQ_TEXT(old, "abc");
    EXPECT_C_EQ_INT(fail_alloc_live(), 1);
    gbt_release(old);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
}

TEST_C(Alloc, EverythingGoesThroughTheHook)
{
    fail_alloc_install(0);
    int64_t before = gbt_alloc_calls();
    char *text = gbt_copy_text("copy");
    void *block = gbt_alloc(1, 1);
    void *zeroed = gbt_alloc_zero(1, 1);
    EXPECT_C_EQ_INT(fail_alloc_calls(), 3);
    EXPECT_C_EQ_INT(gbt_alloc_calls() - before, 3);
    EXPECT_C_EQ_TEXT(text, "copy");
    gbt_release(text);
    gbt_release(block);
    gbt_release(zeroed);
    gbt_release(NULL);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
}

TEST_C(Alloc, ARefusalIsNamed)
{
    fail_alloc_install(1);
    EXPECT_C_TRUE(gbt_copy_text("abcd") == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "out of memory: 5 bytes");
    fail_alloc_remove();
}
