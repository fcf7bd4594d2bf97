/* gbt/base/bytes.c and file.c: fixed byte order, bounds, checksums, whole files. */
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/bytes.h"
#include "gbt/base/maths.h"
#include "gbt/base/rng.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

static gbt_reader reader_of(const void *data, size_t size)
{
    return (gbt_reader){data, size, 0, "bytes", GBT_OK};
}

TEST_C(Bytes, NumbersAreLittleEndian)
{
    gbt_writer w = {0};
    gbt_write_u8(&w, 0xab);
    gbt_write_u32(&w, 0x01020304u);
    gbt_write_i32(&w, -2);
    gbt_write_u64(&w, 0x0102030405060708ull);
    gbt_write_f32(&w, 1.0f);
    gbt_write_f64(&w, -2.0);
    gbt_write_text(&w, "hi");
    static const unsigned char want[] = {0xab, 4, 3, 2, 1,    0xfe, 0xff, 0xff, 0xff, 8,   7,  6,
                                         5,    4, 3, 2, 1,    0,    0,    0x80, 0x3f, 0,   0,  0,
                                         0,    0, 0, 0, 0xc0, 2,    0,    0,    0,    'h', 'i'};
    ASSERT_C_EQ_INT(w.size, sizeof want);
    EXPECT_C_EQ_BYTES(w.data, want, sizeof want);
    EXPECT_C_OK(w.status);
    gbt_writer_close(&w);
    EXPECT_C_TRUE(w.data == NULL);
}

TEST_C(Bytes, ArraysOfRandomBitsComeBackTheSame)
{
    enum { N = 1000 };
    uint32_t u[N], u2[N];
    int32_t s[N], s2[N];
    float f[N], f2[N];
    double d[N], d2[N];
    for (uint64_t i = 0; i < N; i++) {
        u[i] = gbt_rng_u32(1, (uint32_t)i);
        s[i] = (int32_t)gbt_rng_u32(2, (uint32_t)i);
        f[i] = gbt_f32_of_bits(gbt_rng_u32(3, (uint32_t)i) &
                               0xff7fffffu); /* no nan: bits may change */
        d[i] = gbt_f64_of_bits(gbt_rng_u64(4, i) & 0xffefffffffffffffull);
    }
    gbt_writer w = {0};
    gbt_write_u32s(&w, u, N);
    gbt_write_f64s(&w, d, N);
    gbt_write_i32s(&w, s, N);
    gbt_write_f32s(&w, f, N);
    gbt_write_bytes(&w, NULL, 0);
    EXPECT_C_OK(w.status);
    EXPECT_C_EQ_INT(w.size, N * 20);
    gbt_reader r = reader_of(w.data, w.size);
    gbt_read_u32s(&r, u2, N);
    gbt_read_f64s(&r, d2, N);
    gbt_read_i32s(&r, s2, N);
    gbt_read_f32s(&r, f2, N);
    EXPECT_C_OK(r.status);
    EXPECT_C_EQ_INT(r.at, r.size);
    EXPECT_C_EQ_BYTES(u, u2, sizeof u);
    EXPECT_C_EQ_BYTES(d, d2, sizeof d);
    EXPECT_C_EQ_BYTES(s, s2, sizeof s);
    EXPECT_C_EQ_BYTES(f, f2, sizeof f);
    gbt_writer_close(&w);
}

TEST_C(Bytes, ReadingBeyondTheEndFailsOnceAndGivesZeros)
{
    static const unsigned char data[] = {1, 0, 0, 0, 7, 7, 7};
    gbt_reader r = reader_of(data, sizeof data);
    EXPECT_C_EQ_INT(gbt_read_u32(&r), 1);
    EXPECT_C_EQ_INT(gbt_read_u32(&r), 0);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "bytes: at byte 4");
    EXPECT_C_EQ_INT(gbt_read_u8(&r), 0); /* although a byte is there */
    int32_t four[4] = {1, 1, 1, 1}, zeros[4] = {0};
    gbt_read_i32s(&r, four, 4);
    EXPECT_C_EQ_BYTES(four, zeros, sizeof zeros);
    EXPECT_C_TRUE(gbt_read_text(&r) == NULL);
    EXPECT_C_EQ_INT(gbt_read_count(&r, 10, 1), 0);
    EXPECT_C_STATUS(gbt_reader_fail(&r, "second"), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "bytes: at byte 4");
}

TEST_C(Bytes, TextsMustFitAndHoldNoZero)
{
    static const unsigned char good[] = {2, 0, 0, 0, 'o', 'k'};
    static const unsigned char longer[] = {0xff, 0xff, 0xff, 0xff, 'o', 'k'};
    static const unsigned char zero[] = {2, 0, 0, 0, 'o', 0};
    gbt_reader r = reader_of(good, sizeof good);
    char *text = gbt_read_text(&r);
    EXPECT_C_EQ_TEXT(text, "ok");
    gbt_release(text);
    r = reader_of(longer, sizeof longer);
    EXPECT_C_TRUE(gbt_read_text(&r) == NULL);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    r = reader_of(zero, sizeof zero);
    EXPECT_C_TRUE(gbt_read_text(&r) == NULL);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "zero byte");
}

TEST_C(Bytes, CountsAreCheckedAgainstTheLimitAndTheRest)
{
    gbt_writer w = {0};
    gbt_write_u64(&w, 3);
    gbt_write_u32s(&w, (const uint32_t[]){1, 2, 3}, 3);
    gbt_reader r = reader_of(w.data, w.size);
    EXPECT_C_EQ_INT(gbt_read_count(&r, 3, 4), 3);
    r = reader_of(w.data, w.size);
    EXPECT_C_EQ_INT(gbt_read_count(&r, 2, 4), 0);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    r = reader_of(w.data, w.size);
    EXPECT_C_EQ_INT(gbt_read_count(&r, 100, 5), 0);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    gbt_writer_close(&w);
    gbt_write_u64(&w, UINT64_MAX);
    r = reader_of(w.data, w.size);
    EXPECT_C_EQ_INT(gbt_read_count(&r, INT64_MAX, 1), 0);
    EXPECT_C_STATUS(r.status, GBT_ERR_FORMAT);
    gbt_writer_close(&w);
}

TEST_C(Bytes, AWriterKeepsItsFirstFailure)
{
    fail_alloc_install(2);
    gbt_writer w = {0};
    for (int i = 0; i < 1000; i++) {
        gbt_write_u32(&w, 1);
    }
    EXPECT_C_STATUS(w.status, GBT_ERR_MEMORY);
    EXPECT_C_EQ_INT(w.size, 256);
    gbt_writer_close(&w);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
    gbt_write_u32s(&w, NULL, -1);
    EXPECT_C_STATUS(w.status, GBT_ERR_MEMORY);
    gbt_writer_close(&w);
}

/* The check value of the CRC catalogue for CRC-32/ISO-HDLC, which zlib computes. */
TEST_C(Bytes, CrcIsThatOfZlib)
{
    EXPECT_C_EQ_INT(gbt_crc32("123456789", 9), 0xcbf43926u);
    EXPECT_C_EQ_INT(gbt_crc32("", 0), 0);
}

TEST_C(Bytes, AFileComesBackAsItWasWritten)
{
    enum { N = 300000 };
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    unsigned char *bytes, *back = NULL;
    size_t size = 0;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "file.bin", path);
    ASSERT_C_OK(GBT_NEW(bytes, N));
    for (uint64_t i = 0; i < N; i++) {
        bytes[i] = (unsigned char)gbt_rng_u64(1, i);
    }
    const size_t sizes[] = {N, 0, 4096, 1};
    for (int i = 0; i < 4; i++) {
        EXPECT_C_OK(gbt_file_write(path, bytes, sizes[i]));
        ASSERT_C_OK(gbt_file_read(path, &back, &size));
        ASSERT_C_EQ_INT(size, sizes[i]);
        EXPECT_C_EQ_BYTES(back, bytes, size);
        gbt_release(back);
    }
    gbt_release(bytes);
    temp_dir_close(&dir);
}

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) {
        fclose(file);
    }
    return file != NULL;
}

TEST_C(Bytes, AFailedWriteLeavesNothingBehind)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "missing/file.bin", path);
    EXPECT_C_STATUS(gbt_file_write(path, "x", 1), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), path);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no such file or folder");
    EXPECT_C_FALSE(exists(path));
    EXPECT_C_STATUS(gbt_file_write(dir.path, "x", 1), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "folder");
    temp_dir_close(&dir);
}

TEST_C(Bytes, ADeviceIsWrittenAndNotReplaced)
{
    EXPECT_C_OK(gbt_file_write("/dev/null", "x", 1));
    unsigned char *bytes;
    size_t size = 1;
    ASSERT_C_OK(gbt_file_read("/dev/null", &bytes, &size));
    EXPECT_C_EQ_INT(size, 0);
    gbt_release(bytes);
    EXPECT_C_STATUS(gbt_file_write("/dev/full", "x", 1), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no space left");
}

TEST_C(Bytes, ReadingWhatIsNoFileSaysWhy)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    unsigned char *bytes = (unsigned char *)path;
    size_t size = 0;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    temp_dir_file(&dir, "absent", path);
    EXPECT_C_STATUS(gbt_file_read(path, &bytes, &size), GBT_ERR_IO);
    EXPECT_C_TRUE(bytes == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "no such file or folder");
    EXPECT_C_STATUS(gbt_file_read(dir.path, &bytes, &size), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "it is a folder");
    temp_dir_close(&dir);
}

TEST_C(Bytes, FilesSurviveEveryRefusedAllocation)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&dir));
    ASSERT_C_TRUE(temp_dir_write(&dir, "old", "old bytes", 9, path));
    for (int64_t n = 1;; n++) {
        unsigned char *bytes = NULL;
        size_t size = 0;
        fail_alloc_install(n);
        gbt_status status = gbt_file_read(path, &bytes, &size);
        if (status == GBT_OK) {
            status = gbt_file_write(path, bytes, size);
        }
        bool refused = fail_alloc_refused();
        gbt_release(bytes);
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            EXPECT_C_EQ_INT(size, 9);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
    temp_dir_close(&dir);
}
