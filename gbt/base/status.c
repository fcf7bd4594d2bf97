/* Status codes and the thread-local text of the latest failure. Does not allocate, so it also
 * serves when memory has run out. */
#include "gbt/base/status.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 1024 };

static _Thread_local char message[MESSAGE_BYTES];

#define TEXT_OF(x) #x
#define DOTTED(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *gbt_version(void)
{
    return DOTTED(GBT_VERSION_MAJOR, GBT_VERSION_MINOR, GBT_VERSION_PATCH);
}

const char *gbt_status_name(gbt_status status)
{
    switch (status) {
#define STATUS_NAME(code, name, text) \
    case GBT_##name:                  \
        return "GBT_" #name;
        GBT_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "unknown";
}

const char *gbt_last_error(void)
{
    return message;
}

gbt_status gbt_fail(gbt_status code, const char *format, ...)
{
    /* An argument may be the old message itself, so the new one is put together elsewhere. */
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 0 : (size_t)length;
    if (size > sizeof text - 1) {
        size = sizeof text - 1;
    }
    for (size_t i = 0; i < size; i++) {
        message[i] = text[i];
    }
    message[size] = '\0';
    return code;
}
