/* The user's log callback. Does not print, allocate or remember anything but the callback. */
#include "gbt/base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 1024 };

static gbt_log_fn receiver;
static void *receiver_user;
static _Thread_local int hushed;

void gbt_set_log(gbt_log_fn fn, void *user)
{
    receiver = fn;
    receiver_user = user;
}

void gbt_log_hush(int is_hushed)
{
    hushed = is_hushed;
}

void gbt_log_line(gbt_log_level level, const char *format, ...)
{
    if (!receiver || hushed) {
        return;
    }
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        receiver(level, line, receiver_user);
    }
}
