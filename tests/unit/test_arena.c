/* gbt/base/arena.c: takes lie one after another, aligned, inside the capacity. */
#include <string.h>

#include "gbt/base/arena.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"

TEST_C(Arena, TakesAreAlignedAndDoNotOverlap)
{
    const int64_t counts[] = {1, 7, 64, 65, 0, 100};
    size_t need = 0;
    for (int i = 0; i < 6; i++) {
        need += gbt_arena_need(counts[i], 3);
    }
    gbt_arena arena;
    ASSERT_C_OK(gbt_arena_open(&arena, need));
    for (int round = 0; round < 3; round++) {
        char *taken[6];
        for (int i = 0; i < 6; i++) {
            taken[i] = gbt_arena_take(&arena, counts[i], 3);
            EXPECT_C_EQ_INT((uintptr_t)taken[i] % 64, 0);
            memset(taken[i], i + 1, (size_t)counts[i] * 3);
        }
        for (int i = 0; i < 6; i++) {
            for (int64_t k = 0; k < counts[i] * 3; k++) {
                EXPECT_C_EQ_INT(taken[i][k], i + 1);
            }
        }
        EXPECT_C_EQ_INT(arena.used, need);
        gbt_arena_reset(&arena);
        EXPECT_C_EQ_INT(arena.used, 0);
    }
    gbt_arena_close(&arena);
    EXPECT_C_TRUE(arena.block == NULL);
    gbt_arena_close(&arena);
}

TEST_C(Arena, NeedIsAWholeNumberOf64ByteSteps)
{
    EXPECT_C_EQ_INT(gbt_arena_need(0, 8), 0);
    EXPECT_C_EQ_INT(gbt_arena_need(1, 1), 64);
    EXPECT_C_EQ_INT(gbt_arena_need(8, 8), 64);
    EXPECT_C_EQ_INT(gbt_arena_need(9, 8), 128);
}

TEST_C(Arena, SumsOfImpossibleNeedsAreRefused)
{
    size_t need = 0;
    for (int i = 0; i < 100; i++) {
        need += gbt_arena_need(INT64_MAX, 1 << 20);
    }
    gbt_arena arena;
    EXPECT_C_STATUS(gbt_arena_open(&arena, need), GBT_ERR_MEMORY);
    gbt_arena_close(&arena);
}

TEST_C(Arena, TakingAllocatesNothing)
{
    fail_alloc_install(0);
    gbt_arena arena;
    ASSERT_C_OK(gbt_arena_open(&arena, 1 << 16));
    for (int i = 0; i < 1000; i++) {
        (void)gbt_arena_take(&arena, 10, 1);
    }
    EXPECT_C_EQ_INT(fail_alloc_calls(), 1);
    gbt_arena_close(&arena);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
}
