/* gbt/params/ini.c: what a line means, and where an error is. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/rng.h"
#include "gbt/params/ini.h"
#include "tests/support/gtest_c.h"

/* All items as "[section]" and "key=<value>@line:key_column:value_column", one a line. */
static gbt_status list_items(const char *text, size_t size, char *out, size_t capacity)
{
    gbt_ini ini = gbt_ini_open((gbt_slice){text, size}, "a.ini");
    gbt_ini_item item;
    bool found;
    size_t used = 0;
    out[0] = '\0';
    for (;;) {
        GBT_TRY(gbt_ini_next(&ini, &item, &found));
        if (!found) {
            return GBT_OK;
        }
        used += (size_t)snprintf(out + used, capacity - used,
                                 item.is_section ? "[%.*s]@%d:%d" : "%.*s", (int)item.name.size,
                                 item.name.data, (int)item.line, (int)item.name_column);
        if (!item.is_section) {
            used += (size_t)snprintf(out + used, capacity - used, "=<%.*s>@%d:%d:%d",
                                     (int)item.value.size, item.value.data, (int)item.line,
                                     (int)item.name_column, (int)item.value_column);
        }
        used += (size_t)snprintf(out + used, capacity - used, "\n");
    }
}

static void expect_items(const char *text, const char *want)
{
    char got[1000];
    EXPECT_C_OK(list_items(text, strlen(text), got, sizeof got));
    EXPECT_C_EQ_TEXT(got, want);
}

static void expect_failure(const char *text, const char *part)
{
    char got[1000];
    EXPECT_C_STATUS(list_items(text, strlen(text), got, sizeof got), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), part);
}

TEST_C(Ini, SectionsAndEntriesWithTheirPlaces)
{
    expect_items("[data]\ntrain = a.csv\n\n  [ tree ]  # comment\n  seed=3",
                 "[data]@1:2\ntrain=<a.csv>@2:1:9\n[tree]@4:5\nseed=<3>@5:3:8\n");
    expect_items("", "");
    expect_items("\n\n# only\n ; comments\n", "");
    expect_items("key =", "key=<>@1:1:6\n");
    expect_items("a b = c d = e", "a b=<c d = e>@1:1:7\n");
}

TEST_C(Ini, CommentsNeedABlankInsideAValue)
{
    expect_items("a = x # y", "a=<x>@1:1:5\n");
    expect_items("a = x ; y", "a=<x>@1:1:5\n");
    expect_items("a = x#y;z", "a=<x#y;z>@1:1:5\n");
    expect_items("a = # y", "a=<>@1:1:5\n");
    expect_items("a =#y", "a=<>@1:1:4\n");
    expect_items("[s];c", "[s]@1:2\n");
}

TEST_C(Ini, QuotesProtect)
{
    expect_items("a = \" x # y \" ; z", "a=< x # y >@1:1:5\n");
    expect_items("a = 'it is \"so\"'", "a=<it is \"so\">@1:1:5\n");
    expect_items("a = \"\"", "a=<>@1:1:5\n");
    expect_items("a = x \"y # z", "a=<x \"y>@1:1:5\n");
}

TEST_C(Ini, ByteOrderMarkAndCarriageReturnsAreNotSeen)
{
    expect_items("\xef\xbb\xbf[s]\r\na = b\r\n", "[s]@1:2\na=<b>@2:1:5\n");
    expect_items("a = \"b\"\r\n\r\n", "a=<b>@1:1:5\n");
}

TEST_C(Ini, ErrorsNameFileLineAndColumn)
{
    expect_failure("\n seed", "a.ini:2:2: \"key = value\"");
    expect_failure("[tree", "a.ini:1:1: the section has no closing bracket");
    expect_failure("a=1\n\n  []", "a.ini:3:3: the section has no name");
    expect_failure("[tree] x", "a.ini:1:7: only a comment");
    expect_failure(" = 3", "a.ini:1:2: a key is expected");
    expect_failure("a = \"b", "a.ini:1:5: the quote is not closed");
    expect_failure("a = \"b\" c", "a.ini:1:8: only a comment");
    char got[100];
    EXPECT_C_STATUS(list_items("a=1\nb=\0", 7, got, sizeof got), GBT_ERR_PARAM);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "a.ini:2:3: a zero byte");
}

TEST_C(Ini, ValuesInQuotesComeBackByteForByte)
{
    for (uint64_t i = 0; i < 2000; i++) {
        char value[20], text[40];
        size_t size = gbt_rng_u64(1, i) % sizeof value;
        for (size_t k = 0; k < size; k++) {
            value[k] = (char)gbt_rng_u64(2 + k, i);
            if (value[k] == '\n' || value[k] == '"' || value[k] == '\0') {
                value[k] = '#';
            }
        }
        int length = snprintf(text, sizeof text, "k = \"%.*s\" # c\n", (int)size, value);
        gbt_ini ini = gbt_ini_open((gbt_slice){text, (size_t)length}, "a.ini");
        gbt_ini_item item;
        bool found = false;
        ASSERT_C_OK(gbt_ini_next(&ini, &item, &found));
        ASSERT_C_TRUE(found);
        ASSERT_C_EQ_INT(item.value.size, size);
        EXPECT_C_EQ_BYTES(item.value.data, value, size);
    }
}
