/* Picked bytes, by every version, against the definition. */
#include "gbt/backend/cpu/cpu_pick.h"

#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { MOST = 300, ROWS = 9, SLACK = 15 };

static uint8_t cell(uint32_t row, int32_t column)
{
    return (uint8_t)gbt_rng_u64(row, (uint64_t)column);
}

TEST_C(CpuPick, EveryVersionPicksTheChosenBytesOfItsRows)
{
    const int32_t width[6] = {1, 15, 16, 33, 97, MOST};
    const uint32_t row[ROWS] = {3, 1, 1, 8, 0, 7, 6, 5, 2};
    static uint8_t base[ROWS * MOST + SLACK], to[ROWS * (MOST + GBT_PICK_BLOCK)];
    int n_versions = 0;
    for (int which = 0; gbt_pick_find(which); which++) {
        for (uint64_t trial = 0; trial < 60; trial++) {
            const int32_t n_columns = width[trial % 6];
            const uint64_t share = 1 + trial / 6; /* tenths of the columns */
            gbt_picker picker;
            ASSERT_C_OK(gbt_picker_open(n_columns, &picker));
            for (uint32_t r = 0; r < ROWS; r++) {
                for (int32_t c = 0; c < n_columns; c++) {
                    base[r * (uint32_t)n_columns + (uint32_t)c] = cell(r, c);
                }
            }
            for (int32_t c = 0; c < n_columns; c++) {
                if (gbt_rng_u64(trial, (uint64_t)c) % 10 < share) {
                    picker.source[picker.n++] = c;
                }
            }
            const int64_t step = (picker.n + GBT_PICK_BLOCK - 1) / GBT_PICK_BLOCK * GBT_PICK_BLOCK;
            int wrong = 0;
            gbt_picker_plan(&picker);
            gbt_pick_find(which)(&picker, base, n_columns, row, ROWS, to, step);
            for (int32_t r = 0; r < ROWS; r++) {
                for (int32_t i = 0; i < picker.n; i++) {
                    wrong += to[r * step + i] != cell(row[r], picker.source[i]);
                }
            }
            EXPECT_C_EQ_INT(wrong, 0);
            gbt_picker_close(&picker);
        }
        n_versions++;
    }
    EXPECT_C_TRUE(n_versions >= 1);
    EXPECT_C_TRUE(gbt_pick_find(-1) == gbt_pick_find(n_versions - 1));
}
