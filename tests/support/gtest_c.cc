// C++ side of the GoogleTest shim: keeps the list of C tests, registers each one with GoogleTest
// and turns the assertions of gtest_c.h into GoogleTest failures at the caller's file and line.
// Holds the main() of every test executable. The only C++ file of the project.
#include "tests/support/gtest_c.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gbt/gbt.h"

namespace {

struct Registered {
    const char *suite;
    const char *name;
    const char *file;
    int line;
    gtest_c_fn fn;
};

// A function-local list: the registering constructors of the C files run in any order.
std::vector<Registered> &registered()
{
    static std::vector<Registered> list;
    return list;
}

class CTest : public ::testing::Test {
  public:
    explicit CTest(gtest_c_fn fn) : fn_(fn) {}
    void TestBody() override
    {
        fn_();
    }

  private:
    gtest_c_fn fn_;
};

void skip_at(const char *file, int line, const char *message)
{
    GTEST_SKIP() << file << ":" << line << ": " << message;
}

const char *or_null(const char *text)
{
    return text != nullptr ? text : "(null pointer)";
}

} // namespace

extern "C" {

void gtest_c_register(const char *suite, const char *name, const char *file, int line,
                      gtest_c_fn fn)
{
    registered().push_back(Registered{suite, name, file, line, fn});
}

bool gtest_c_true(const char *file, int line, const char *text, bool value)
{
    if (!value) {
        ADD_FAILURE_AT(file, line) << "does not hold: " << text;
    }
    return value;
}

bool gtest_c_eq_int(const char *file, int line, const char *a_text, const char *b_text, int64_t a,
                    int64_t b)
{
    if (a != b) {
        ADD_FAILURE_AT(file, line)
            << a_text << " is " << a << ", expected " << b_text << " = " << b;
    }
    return a == b;
}

bool gtest_c_near(const char *file, int line, const char *a_text, const char *b_text, double a,
                  double b, double tolerance)
{
    // Equal infinities are near; a NaN is near nothing.
    bool held = a == b || std::fabs(a - b) <= tolerance;
    if (!held) {
        ADD_FAILURE_AT(file, line) << a_text << " is " << a << ", expected " << b_text << " = " << b
                                   << " within " << tolerance << ", differs by " << a - b;
    }
    return held;
}

bool gtest_c_eq_text(const char *file, int line, const char *a_text, const char *b_text,
                     const char *a, const char *b)
{
    bool held = a == b || (a != nullptr && b != nullptr && std::strcmp(a, b) == 0);
    if (!held) {
        ADD_FAILURE_AT(file, line) << a_text << " is \"" << or_null(a) << "\", expected " << b_text
                                   << " = \"" << or_null(b) << "\"";
    }
    return held;
}

bool gtest_c_has_text(const char *file, int line, const char *whole, const char *part)
{
    bool held = whole != nullptr && part != nullptr && std::strstr(whole, part) != nullptr;
    if (!held) {
        ADD_FAILURE_AT(file, line)
            << "\"" << or_null(part) << "\" does not occur in \"" << or_null(whole) << "\"";
    }
    return held;
}

bool gtest_c_eq_bytes(const char *file, int line, const char *a_text, const void *a, const void *b,
                      size_t n)
{
    const unsigned char *left = static_cast<const unsigned char *>(a);
    const unsigned char *right = static_cast<const unsigned char *>(b);
    for (size_t i = 0; i < n; i++) {
        if (left[i] != right[i]) {
            ADD_FAILURE_AT(file, line)
                << a_text << " differs first at byte " << i << " of " << n << ": "
                << static_cast<int>(left[i]) << ", expected " << static_cast<int>(right[i]);
            return false;
        }
    }
    return true;
}

bool gtest_c_ok(const char *file, int line, const char *text, int status)
{
    if (status != GBT_OK) {
        ADD_FAILURE_AT(file, line)
            << text << " returned " << gbt_status_name(static_cast<gbt_status>(status)) << ": "
            << gbt_last_error();
    }
    return status == GBT_OK;
}

void gtest_c_fail(const char *file, int line, const char *message)
{
    ADD_FAILURE_AT(file, line) << message;
}

void gtest_c_skip(const char *file, int line, const char *message)
{
    skip_at(file, line, message);
}

} // extern "C"

int main(int argc, char **argv)
{
    ::testing::InitGoogleTest(&argc, argv);
    for (const Registered &test : registered()) {
        gtest_c_fn fn = test.fn;
        ::testing::RegisterTest(test.suite, test.name, nullptr, nullptr, test.file, test.line,
                                [fn]() -> CTest * { return new CTest(fn); });
    }
    return RUN_ALL_TESTS();
}
