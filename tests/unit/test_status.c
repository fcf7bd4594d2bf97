/* gbt/base/status.c and log.c: codes, the latest message, the log callback. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/log.h"
#include "gbt/base/status.h"
#include "tests/support/gtest_c.h"

TEST_C(Status, NamesEveryCodeOfTheList)
{
#define CHECK_NAME(code, name, text)   \
    EXPECT_C_EQ_INT(GBT_##name, code); \
    EXPECT_C_EQ_TEXT(gbt_status_name(GBT_##name), "GBT_" #name);
    GBT_STATUS_LIST(CHECK_NAME)
#undef CHECK_NAME
    EXPECT_C_EQ_TEXT(gbt_status_name((gbt_status)99), "unknown");
    EXPECT_C_EQ_TEXT(gbt_status_name((gbt_status)-1), "unknown");
}

TEST_C(Status, VersionIsThatOfTheHeader)
{
    char want[32];
    snprintf(want, sizeof want, "%d.%d.%d", GBT_VERSION_MAJOR, GBT_VERSION_MINOR,
             GBT_VERSION_PATCH);
    EXPECT_C_EQ_TEXT(gbt_version(), want);
}

TEST_C(Status, FailReturnsTheCodeAndKeepsTheText)
{
    EXPECT_C_STATUS(gbt_fail(GBT_ERR_DATA, "row %d of %s", 7, "a.csv"), GBT_ERR_DATA);
    EXPECT_C_EQ_TEXT(gbt_last_error(), "row 7 of a.csv");
}

TEST_C(Status, AMessageMayQuoteTheOneBefore)
{
    gbt_fail(GBT_ERR_PARAM, "inner");
    gbt_fail(GBT_ERR_PARAM, "outer: %s", gbt_last_error());
    EXPECT_C_EQ_TEXT(gbt_last_error(), "outer: inner");
}

TEST_C(Status, LongMessagesAreCutAt1023Bytes)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gbt_fail(GBT_ERR_IO, "%s", text);
    EXPECT_C_EQ_INT(strlen(gbt_last_error()), 1023);
    text[1023] = '\0';
    EXPECT_C_EQ_TEXT(gbt_last_error(), text);
}

static gbt_status forward(gbt_status inner, int *after)
{
    GBT_TRY(inner);
    *after = 1;
    return GBT_OK;
}

static gbt_status forward_to_done(gbt_status inner, int *after, int *cleaned)
{
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(inner);
    *after = 1;
done:
    *cleaned = 1;
    return status;
}

TEST_C(Status, TryStopsAtTheFirstFailure)
{
    int after = 0, cleaned = 0;
    EXPECT_C_STATUS(forward(GBT_ERR_IO, &after), GBT_ERR_IO);
    EXPECT_C_STATUS(forward_to_done(GBT_ERR_IO, &after, &cleaned), GBT_ERR_IO);
    EXPECT_C_EQ_INT(after, 0);
    EXPECT_C_EQ_INT(cleaned, 1);
    EXPECT_C_OK(forward(GBT_OK, &after));
    EXPECT_C_EQ_INT(after, 1);
    after = 0;
    EXPECT_C_OK(forward_to_done(GBT_OK, &after, &cleaned));
    EXPECT_C_EQ_INT(after, 1);
}

typedef struct received {
    int n;
    gbt_log_level level;
    char line[2048];
} received;

static void receive(gbt_log_level level, const char *line, void *user)
{
    received *last = user;
    last->n++;
    last->level = level;
    snprintf(last->line, sizeof last->line, "%s", line);
}

TEST_C(Log, LinesGoToTheCallbackAndNowhereWithoutOne)
{
    received last = {0};
    gbt_set_log(receive, &last);
    gbt_log_line(GBT_LOG_WARN, "%d rows", 3);
    gbt_set_log(NULL, NULL);
    gbt_log_line(GBT_LOG_INFO, "unheard");
    EXPECT_C_EQ_INT(last.n, 1);
    EXPECT_C_EQ_INT(last.level, GBT_LOG_WARN);
    EXPECT_C_EQ_TEXT(last.line, "3 rows");
}

TEST_C(Log, LongLinesAreCutAt1023Bytes)
{
    received last = {0};
    char text[3000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gbt_set_log(receive, &last);
    gbt_log_line(GBT_LOG_DEBUG, "%s", text);
    gbt_set_log(NULL, NULL);
    EXPECT_C_EQ_INT(strlen(last.line), 1023);
}
