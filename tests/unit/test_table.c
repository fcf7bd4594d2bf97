/* Dictionaries and tables: look-up and release. */
#include <string.h>

#include "datasets/table.h"
#include "gbt/base/alloc.h"
#include "tests/support/gtest_c.h"

static gbt_status open_dictionary(gbt_dictionary *dictionary, const char *const *text, int32_t n)
{
    gbt_slice slices[8];
    for (int32_t i = 0; i < n; i++) {
        slices[i] = gbt_slice_of(text[i]);
    }
    return gbt_dictionary_open(dictionary, slices, n);
}

TEST_C(Dictionary, EveryTextIsFoundAtItsPosition)
{
    const char *text[] = {"", "a", "ab", "b", "z", "\xC3\xA9"};
    gbt_dictionary dictionary;
    ASSERT_C_OK(open_dictionary(&dictionary, text, 6));
    EXPECT_C_EQ_INT(dictionary.n, 6);
    for (int32_t i = 0; i < 6; i++) {
        EXPECT_C_EQ_TEXT(dictionary.text[i], text[i]);
        EXPECT_C_EQ_INT(gbt_dictionary_find(&dictionary, gbt_slice_of(text[i])), i);
    }
    gbt_dictionary_close(&dictionary);
}

TEST_C(Dictionary, TextsThatAreNotInItHaveNoCode)
{
    const char *text[] = {"abc", "abd", "b"};
    const char *other[] = {"", "ab", "abca", "abe", "c", "\xFF", "B"};
    gbt_dictionary dictionary;
    ASSERT_C_OK(open_dictionary(&dictionary, text, 3));
    for (int i = 0; i < 7; i++) {
        EXPECT_C_EQ_INT(gbt_dictionary_find(&dictionary, gbt_slice_of(other[i])), -1);
    }
    gbt_dictionary_close(&dictionary);
    EXPECT_C_EQ_INT(gbt_dictionary_find(&dictionary, gbt_slice_of("abc")), -1);
}

TEST_C(Dictionary, AnEmptyOneFindsNothingAndCanBeClosedTwice)
{
    gbt_dictionary dictionary;
    ASSERT_C_OK(gbt_dictionary_open(&dictionary, NULL, 0));
    EXPECT_C_EQ_INT(gbt_dictionary_find(&dictionary, gbt_slice_of("a")), -1);
    gbt_dictionary_close(&dictionary);
    gbt_dictionary_close(&dictionary);
}

static int n_roles_freed;

static void free_roles(void *roles)
{
    n_roles_freed += *(int *)roles;
}

TEST_C(Table, FreeReleasesTheRolesOfTheirOwner)
{
    int roles = 7;
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_open("some.csv", &table));
    table->roles = &roles;
    table->free_roles = free_roles;
    n_roles_freed = 0;
    gbt_table_free(table);
    EXPECT_C_EQ_INT(n_roles_freed, 7);
    gbt_table_free(NULL);
    EXPECT_C_EQ_INT(n_roles_freed, 7);
}
