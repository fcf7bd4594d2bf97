/* C side of the GoogleTest shim: tests are C functions, GoogleTest runs and reports them.
 *
 *     TEST_C(Cuts, TiedValuesShareOneBin)
 *     {
 *         EXPECT_C_EQ_INT(gbt_cuts_bins(cuts, 0), 2);
 *     }
 *
 * EXPECT_C_* record a failure and go on; ASSERT_C_* also return from the (void) function. */
#ifndef GBT_TESTS_GTEST_C_H
#define GBT_TESTS_GTEST_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*gtest_c_fn)(void);
void gtest_c_register(const char *suite, const char *name, const char *file, int line,
                      gtest_c_fn fn);

/* Each returns whether it held; a failure is recorded at file:line. */
bool gtest_c_true(const char *file, int line, const char *text, bool value);
bool gtest_c_eq_int(const char *file, int line, const char *a_text, const char *b_text, int64_t a,
                    int64_t b);
bool gtest_c_near(const char *file, int line, const char *a_text, const char *b_text, double a,
                  double b, double tolerance);
bool gtest_c_eq_text(const char *file, int line, const char *a_text, const char *b_text,
                     const char *a, const char *b);
bool gtest_c_has_text(const char *file, int line, const char *whole, const char *part);
bool gtest_c_eq_bytes(const char *file, int line, const char *a_text, const void *a, const void *b,
                      size_t n);
bool gtest_c_ok(const char *file, int line, const char *text,
                int status); /* shows gbt_last_error() */
void gtest_c_fail(const char *file, int line, const char *message);
void gtest_c_skip(const char *file, int line, const char *message); /* then return from the test */

#define TEST_C(suite, name)                                                  \
    static void suite##_##name(void);                                        \
    __attribute__((constructor)) static void suite##_##name##_register(void) \
    {                                                                        \
        gtest_c_register(#suite, #name, __FILE__, __LINE__, suite##_##name); \
    }                                                                        \
    static void suite##_##name(void)

#define EXPECT_C_TRUE(x) gtest_c_true(__FILE__, __LINE__, #x, (x))
#define EXPECT_C_FALSE(x) gtest_c_true(__FILE__, __LINE__, "!(" #x ")", !(x))
#define EXPECT_C_EQ_INT(a, b) gtest_c_eq_int(__FILE__, __LINE__, #a, #b, (int64_t)(a), (int64_t)(b))
#define EXPECT_C_NEAR(a, b, tol) gtest_c_near(__FILE__, __LINE__, #a, #b, (a), (b), (tol))
#define EXPECT_C_EQ_TEXT(a, b) gtest_c_eq_text(__FILE__, __LINE__, #a, #b, (a), (b))
#define EXPECT_C_HAS_TEXT(whole, part) gtest_c_has_text(__FILE__, __LINE__, (whole), (part))
#define EXPECT_C_EQ_BYTES(a, b, n) gtest_c_eq_bytes(__FILE__, __LINE__, #a, (a), (b), (n))
#define EXPECT_C_OK(call) gtest_c_ok(__FILE__, __LINE__, #call, (int)(call))
#define EXPECT_C_STATUS(call, want) \
    gtest_c_eq_int(__FILE__, __LINE__, #call, #want, (int64_t)(call), (int64_t)(want))

#define ASSERT_C_TRUE(x)         \
    do {                         \
        if (!EXPECT_C_TRUE(x)) { \
            return;              \
        }                        \
    } while (0)
#define ASSERT_C_OK(call)         \
    do {                          \
        if (!EXPECT_C_OK(call)) { \
            return;               \
        }                         \
    } while (0)
#define ASSERT_C_EQ_INT(a, b)         \
    do {                              \
        if (!EXPECT_C_EQ_INT(a, b)) { \
            return;                   \
        }                             \
    } while (0)

#define FAIL_C(message) gtest_c_fail(__FILE__, __LINE__, (message))
#define SKIP_C(message)                              \
    do {                                             \
        gtest_c_skip(__FILE__, __LINE__, (message)); \
        return;                                      \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
