/* Folds: every row in one of them, sizes and classes even, groups whole, folds of the user. */
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/train/folds.h"
#include "tests/support/gtest_c.h"

enum { MOST_ROWS = 2000, MOST_CLASSES = 8 };

/* Class (skewed) and group (of 1 to many rows) of each row. */
static float class_of[MOST_ROWS];
static int32_t group_of[MOST_ROWS], fold[MOST_ROWS], other[MOST_ROWS];

static void make_rows(int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        const double u = gbt_rng_unit(seed, (uint64_t)i), v = gbt_rng_unit(seed + 1, (uint64_t)i);
        class_of[i] = (float)(int)(u * u * MOST_CLASSES);
        group_of[i] = (int32_t)(v * v * v * 120.0) * 7 - 50; /* scattered over the rows */
    }
}

/* Rows in fold f of class c; c = -1: of any. */
static int64_t count(int64_t n, int32_t f, int c)
{
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        found += fold[i] == f && (c < 0 || (int)class_of[i] == c);
    }
    return found;
}

static void expect_even(int64_t n, int32_t n_folds, int c)
{
    int64_t least = n, most = 0, all = 0;
    for (int32_t f = 0; f < n_folds; f++) {
        const int64_t size = count(n, f, c);
        least = size < least ? size : least;
        most = size > most ? size : most;
        all += size;
    }
    EXPECT_C_TRUE(most - least <= 1);
    if (c < 0) {
        EXPECT_C_EQ_INT(all, n); /* every row is in a fold that exists */
    }
}

TEST_C(Folds, SizesAndClassesAreEvenInEveryDeal)
{
    static const int64_t rows[] = {2, 3, 7, 100, 101, 1999};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        for (int32_t n_folds = 2; n_folds <= 11 && n_folds <= rows[r]; n_folds++) {
            const gbt_fold_deal deal = {(uint64_t)r, n_folds, n_folds, rows[r]};
            make_rows(rows[r], (uint64_t)n_folds);
            ASSERT_C_OK(gbt_folds_deal_rows(&deal, NULL, 0, fold));
            expect_even(rows[r], n_folds, -1);
            ASSERT_C_OK(gbt_folds_deal_rows(&deal, class_of, MOST_CLASSES, fold));
            expect_even(rows[r], n_folds, -1);
            for (int c = 0; c < MOST_CLASSES; c++) {
                expect_even(rows[r], n_folds, c);
            }
        }
    }
}

TEST_C(Folds, WithoutClassesADealDoesNotFollowTheOrderOfRows)
{
    const gbt_fold_deal deal = {5, 0, 4, MOST_ROWS};
    int64_t same = 0;
    ASSERT_C_OK(gbt_folds_deal_rows(&deal, NULL, 0, fold));
    for (int64_t i = 4; i < MOST_ROWS; i++) {
        same += fold[i] == fold[i - 4]; /* always, when rows were dealt in their order */
    }
    EXPECT_C_NEAR((double)same / (MOST_ROWS - 4), 0.25, 0.05);
}

/* Share of the rows with equal folds in both. */
static double agreement(int64_t n)
{
    int64_t same = 0;
    for (int64_t i = 0; i < n; i++) {
        same += fold[i] == other[i];
    }
    return (double)same / (double)n;
}

TEST_C(Folds, SeedAndRepeatGiveOtherDealsAndNothingElseDoes)
{
    gbt_fold_deal deal = {5, 0, 5, MOST_ROWS};
    make_rows(MOST_ROWS, 3);
    for (int kind = 0; kind < 2; kind++) {
        const float *classes = kind ? class_of : NULL;
        deal.seed = 5;
        deal.repeat = 0;
        ASSERT_C_OK(gbt_folds_deal_rows(&deal, classes, MOST_CLASSES, fold));
        ASSERT_C_OK(gbt_folds_deal_rows(&deal, classes, MOST_CLASSES, other));
        EXPECT_C_TRUE(agreement(MOST_ROWS) == 1.0);
        deal.repeat = 1;
        ASSERT_C_OK(gbt_folds_deal_rows(&deal, classes, MOST_CLASSES, other));
        EXPECT_C_NEAR(agreement(MOST_ROWS), 0.2, 0.05);
        deal.repeat = 0;
        deal.seed = 6;
        ASSERT_C_OK(gbt_folds_deal_rows(&deal, classes, MOST_CLASSES, other));
        EXPECT_C_NEAR(agreement(MOST_ROWS), 0.2, 0.05);
    }
    ASSERT_C_OK(gbt_folds_deal_groups(&deal, group_of, fold));
    ASSERT_C_OK(gbt_folds_deal_groups(&deal, group_of, other));
    EXPECT_C_TRUE(agreement(MOST_ROWS) == 1.0);
    deal.seed = 7;
    ASSERT_C_OK(gbt_folds_deal_groups(&deal, group_of, other));
    EXPECT_C_TRUE(agreement(MOST_ROWS) < 0.5);
}

/* The only row of a class is not always held out by the same fold. */
TEST_C(Folds, ARareClassFallsIntoAnyFold)
{
    enum { ROWS = 20, FOLDS = 4 };
    float rare[ROWS] = {0};
    int n_seen = 0, seen[FOLDS] = {0};
    rare[13] = 1.0f;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const gbt_fold_deal deal = {seed, 0, FOLDS, ROWS};
        ASSERT_C_OK(gbt_folds_deal_rows(&deal, rare, 2, fold));
        n_seen += seen[fold[13]]++ == 0;
    }
    EXPECT_C_EQ_INT(n_seen, FOLDS);
}

TEST_C(Folds, GroupsStayWholeAndFoldsDifferByOneGroupAtMost)
{
    for (int32_t n_folds = 2; n_folds <= 9; n_folds++) {
        const gbt_fold_deal deal = {(uint64_t)n_folds, 0, n_folds, MOST_ROWS};
        int64_t largest = 0, least = MOST_ROWS, most = 0, all = 0;
        make_rows(MOST_ROWS, (uint64_t)n_folds);
        ASSERT_C_OK(gbt_folds_deal_groups(&deal, group_of, fold));
        for (int64_t i = 0; i < MOST_ROWS; i++) {
            int64_t size = 0;
            for (int64_t k = 0; k < MOST_ROWS; k++) {
                size += group_of[k] == group_of[i];
                EXPECT_C_TRUE(group_of[k] != group_of[i] || fold[k] == fold[i]);
            }
            largest = size > largest ? size : largest;
        }
        for (int32_t f = 0; f < n_folds; f++) {
            const int64_t size = count(MOST_ROWS, f, -1);
            least = size < least ? size : least;
            most = size > most ? size : most;
            all += size;
        }
        EXPECT_C_EQ_INT(all, MOST_ROWS);
        EXPECT_C_TRUE(most - least <= largest);
    }
}

/* Equal groups are as even as single rows. */
TEST_C(Folds, EqualGroupsAreDealtEvenly)
{
    enum { SIZE = 7, GROUPS = 53, FOLDS = 5 };
    const gbt_fold_deal deal = {1, 0, FOLDS, SIZE * GROUPS};
    for (int64_t i = 0; i < deal.n_rows; i++) {
        group_of[i] = (int32_t)(i % GROUPS);
    }
    ASSERT_C_OK(gbt_folds_deal_groups(&deal, group_of, fold));
    for (int32_t f = 0; f < FOLDS; f++) {
        const int64_t groups = count(deal.n_rows, f, -1) / SIZE;
        EXPECT_C_TRUE(groups == GROUPS / FOLDS || groups == GROUPS / FOLDS + 1);
    }
}

TEST_C(Folds, TooFewRowsOrGroupsAreRefused)
{
    gbt_fold_deal deal = {1, 0, 5, 4};
    EXPECT_C_STATUS(gbt_folds_deal_rows(&deal, NULL, 0, fold), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "4 rows cannot be dealt into 5 folds");
    deal.n_rows = 100;
    for (int i = 0; i < 100; i++) {
        group_of[i] = i % 4;
    }
    EXPECT_C_STATUS(gbt_folds_deal_groups(&deal, group_of, fold), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "4 groups cannot be dealt into 5 folds");
}

TEST_C(Folds, GivenNumbersAreCountedInAscendingOrder)
{
    static const int32_t given[] = {30, 7, -1, 7, 0x7fffffff, -5, 30, 12};
    static const int32_t want[] = {2, 0, -1, 0, 3, -1, 2, 1};
    int32_t n_folds = 0;
    ASSERT_C_OK(gbt_folds_number(given, 8, fold, &n_folds));
    EXPECT_C_EQ_INT(n_folds, 4);
    EXPECT_C_EQ_BYTES(fold, want, sizeof want);
    ASSERT_C_OK(gbt_folds_number((const int32_t[]){3, -1, 3}, 3, fold, &n_folds));
    EXPECT_C_EQ_INT(n_folds, 1); /* one part held out, the rest always trained on */
}

TEST_C(Folds, GivenNumbersThatLeaveNothingToDoAreRefused)
{
    int32_t n_folds = 0;
    for (int32_t i = 0; i < MOST_ROWS; i++) {
        other[i] = i;
    }
    EXPECT_C_STATUS(gbt_folds_number((const int32_t[]){4, 4}, 2, fold, &n_folds), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "nothing is left to train on");
    EXPECT_C_STATUS(gbt_folds_number((const int32_t[]){-1, -1}, 2, fold, &n_folds), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "nothing can be held out");
    EXPECT_C_STATUS(gbt_folds_number(other, GBT_MOST_FOLDS + 1, fold, &n_folds), GBT_ERR_DATA);
    ASSERT_C_OK(gbt_folds_number(other, GBT_MOST_FOLDS, fold, &n_folds));
    EXPECT_C_EQ_INT(n_folds, GBT_MOST_FOLDS);
}

TEST_C(Folds, AGroupTornByGivenFoldsIsNamed)
{
    static const int32_t group[] = {4, 9, 4, 9, 4}, whole[] = {0, -1, 0, -1, 0};
    static const int32_t torn[] = {0, 1, 0, 1, 1}, half_out[] = {0, 1, 0, -1, 0};
    EXPECT_C_OK(gbt_folds_check_groups(whole, group, 5));
    EXPECT_C_STATUS(gbt_folds_check_groups(torn, group, 5), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "rows 2 and 4");
    EXPECT_C_STATUS(gbt_folds_check_groups(half_out, group, 5), GBT_ERR_DATA);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "rows 1 and 3");
}

TEST_C(Folds, ASplitListsTheRowsOutsideAndThenThoseInside)
{
    static const int32_t folds[] = {1, 0, -1, 1, 2, 0};
    static const int64_t want[] = {1, 2, 4, 5, 0, 3};
    int64_t rows[6];
    EXPECT_C_EQ_INT(gbt_folds_split(folds, 6, 1, rows), 4);
    EXPECT_C_EQ_BYTES(rows, want, sizeof want);
}
