/* The functions of libgbt that this folder calls, forwarded to the libgbt that loaded the library:
 * so messages reach its gbt_last_error() and memory comes from its allocator hook. The pointer is
 * the one piece of global state; it is set once. */
#include "cuda/lent.cuh"

#include <atomic>
#include <stdarg.h>

enum { TEXT_BYTES = 1024 };

static std::atomic<const gbt_device_host *> lender{NULL};

bool gbt_lend(const gbt_device_host *host)
{
    const gbt_device_host *none = NULL;
    return lender.compare_exchange_strong(none, host) || none == host;
}

gbt_status gbt_fail(gbt_status code, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return lender.load()->fail(code, text);
}

void gbt_log_line(gbt_log_level level, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    lender.load()->log(level, text);
}

void *gbt_alloc(int64_t count, size_t size)
{
    return lender.load()->alloc(count, size);
}

void *gbt_alloc_zero(int64_t count, size_t size)
{
    return lender.load()->alloc_zero(count, size);
}

void gbt_release(void *memory)
{
    lender.load()->release(memory);
}
