/* Plain and gzip files as blocks of whole lines. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "datasets/source.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

enum { MOST = 1 << 18 };

/* The gzip form of `text`; returns its size. */
static size_t pack(const char *text, size_t size, unsigned char *out, size_t capacity)
{
    z_stream stream = {0};
    (void)deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)capacity;
    (void)deflate(&stream, Z_FINISH);
    size_t packed = capacity - stream.avail_out;
    (void)deflateEnd(&stream);
    return packed;
}

/* Lines of different lengths, some empty; returns the size. */
static size_t make_lines(char *out, size_t wanted, bool ends_line)
{
    size_t n = 0;
    for (unsigned i = 0; n < wanted; i++) {
        n += (size_t)sprintf(out + n, "%u", i * 2654435761u % 1000000);
        for (unsigned k = i * 40503u % 37; k > 0 && i % 5 != 0; k--) {
            out[n++] = (char)('a' + k % 26);
        }
        out[n++] = '\n';
        if (i % 7 == 0) {
            out[n++] = '\n';
        }
    }
    return ends_line ? n : n - 2 + (out[n - 2] != '\n');
}

/* Reads all blocks and checks the contract of each; true when they add up to `text`. */
static bool blocks_add_up(gbt_source *source, size_t bytes, const char *text, size_t size)
{
    size_t at = 0;
    gbt_block block;
    do {
        if (!EXPECT_C_OK(gbt_source_next(source, bytes, &block)) || at + block.size > size) {
            return false;
        }
        if (memcmp(block.data, text + at, block.size) != 0) {
            return false;
        }
        at += block.size;
        if (block.size > 0 && block.data[block.size - 1] != '\n' && !block.is_last) {
            return false;
        }
        for (int i = 0; block.is_last && i < GBT_SOURCE_PADDING; i++) {
            if (block.data[block.size + (size_t)i] != 0) {
                return false;
            }
        }
    } while (!block.is_last);
    return at == size;
}

static void check_all_sizes(gbt_source *source, const char *text, size_t size)
{
    static const size_t bytes[] = {1, 5, 64, 1000, 4096, 70000, 1 << 20};
    for (int i = 0; i < 7; i++) {
        EXPECT_C_OK(gbt_source_rewind(source));
        EXPECT_C_TRUE(blocks_add_up(source, bytes[i], text, size));
    }
    EXPECT_C_EQ_INT(gbt_source_consumed(source), gbt_source_bytes(source));
}

TEST_C(Source, BlocksOfAPlainFileAddUpToIt)
{
    static char text[MOST];
    for (int ends_line = 0; ends_line < 2; ends_line++) {
        size_t size = make_lines(text, 100000, ends_line);
        temp_dir folder;
        char path[TEMP_DIR_PATH];
        ASSERT_C_TRUE(temp_dir_open(&folder));
        ASSERT_C_TRUE(temp_dir_write(&folder, "lines.txt", text, size, path));
        gbt_source *source = NULL;
        if (EXPECT_C_OK(gbt_source_open(path, &source))) {
            EXPECT_C_EQ_INT(gbt_source_bytes(source), size);
            EXPECT_C_EQ_TEXT(gbt_source_name(source), path);
            check_all_sizes(source, text, size);
        }
        gbt_source_close(source);
        temp_dir_close(&folder);
    }
}

TEST_C(Source, AFileThatFillsItsLastPageIsFollowedByReadableZeros)
{
    static char text[8192];
    memset(text, 'x', sizeof text);
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    ASSERT_C_TRUE(temp_dir_write(&folder, "page.txt", text, sizeof text, path));
    gbt_source *source = NULL;
    if (EXPECT_C_OK(gbt_source_open(path, &source))) {
        EXPECT_C_TRUE(blocks_add_up(source, 100, text, sizeof text));
    }
    gbt_source_close(source);
    temp_dir_close(&folder);
}

TEST_C(Source, GzipGivesTheBytesOfThePlainFile)
{
    static char text[MOST];
    static unsigned char packed[MOST];
    size_t size = make_lines(text, 150000, true);
    size_t packed_size = pack(text, size, packed, MOST);
    gbt_source *source = NULL;
    ASSERT_C_OK(gbt_source_from_memory("lines.gz", packed, packed_size, &source));
    EXPECT_C_EQ_INT(gbt_source_bytes(source), packed_size);
    check_all_sizes(source, text, size);
    gbt_source_close(source);
}

TEST_C(Source, MembersOfAGzipFileAreJoined)
{
    static char text[MOST];
    static unsigned char packed[MOST];
    size_t size = make_lines(text, 60000, true), packed_size = 0;
    size_t cuts[] = {0, 17, 17, 30000, size};
    for (int i = 0; i < 4; i++) { /* The second member is empty. */
        packed_size +=
            pack(text + cuts[i], cuts[i + 1] - cuts[i], packed + packed_size, MOST - packed_size);
    }
    memset(packed + packed_size, 0, 100); /* Zeros may pad the end. */
    gbt_source *source = NULL;
    ASSERT_C_OK(gbt_source_from_memory("lines.gz", packed, packed_size + 100, &source));
    EXPECT_C_OK(gbt_source_rewind(source));
    EXPECT_C_TRUE(blocks_add_up(source, 1000, text, size));
    EXPECT_C_OK(gbt_source_rewind(source));
    EXPECT_C_TRUE(blocks_add_up(source, 100000, text, size));
    gbt_source_close(source);
}

/* The status of reading everything. */
static gbt_status drain(const void *data, size_t size)
{
    gbt_source *source = NULL;
    gbt_block block = {0};
    gbt_status status = gbt_source_from_memory("lines.gz", data, size, &source);
    while (status == GBT_OK && !block.is_last) {
        status = gbt_source_next(source, 1000, &block);
    }
    gbt_source_close(source);
    return status;
}

TEST_C(Source, GzipThatIsCutShortAnywhereIsRefused)
{
    static char text[MOST];
    static unsigned char packed[MOST];
    size_t packed_size = pack(text, make_lines(text, 3000, true), packed, MOST);
    ASSERT_C_OK(drain(packed, packed_size));
    for (size_t size = 2; size < packed_size; size++) {
        if (!EXPECT_C_STATUS(drain(packed, size), GBT_ERR_FORMAT)) {
            return;
        }
    }
    EXPECT_C_HAS_TEXT(gbt_last_error(), "lines.gz: gzip data is cut short after");
}

TEST_C(Source, DamagedGzipIsRefusedWithTheName)
{
    static char text[MOST];
    static unsigned char packed[MOST];
    size_t size = make_lines(text, 3000, true);
    size_t packed_size = pack(text, size, packed, MOST);
    packed[packed_size - 6] ^= 1; /* The checksum. */
    EXPECT_C_STATUS(drain(packed, packed_size), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "lines.gz: gzip data is damaged near byte");
    packed[packed_size - 6] ^= 1;
    packed[3] = 0xFF; /* Reserved flags. */
    EXPECT_C_STATUS(drain(packed, packed_size), GBT_ERR_FORMAT);
    packed[3] = 0;
    packed[packed_size] = 'x';
    EXPECT_C_STATUS(drain(packed, packed_size + 1), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "after the end of a member");
}

TEST_C(Source, AByteOrderMarkIsLeftOutOnceAndAfterARewind)
{
    static unsigned char packed[200];
    const char text[] = "\xEF\xBB\xBF"
                        "a\n\xEF\xBB\xBF"
                        "b\n";
    size_t packed_size = pack(text, 10, packed, sizeof packed);
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        gbt_source *source = NULL;
        ASSERT_C_OK(is_packed ? gbt_source_from_memory("x", packed, packed_size, &source)
                              : gbt_source_from_memory("x", text, 10, &source));
        EXPECT_C_TRUE(blocks_add_up(source, 1, text + 3, 7));
        EXPECT_C_OK(gbt_source_rewind(source));
        EXPECT_C_TRUE(blocks_add_up(source, 100, text + 3, 7));
        gbt_source_close(source);
    }
}

TEST_C(Source, Utf16IsRefused)
{
    EXPECT_C_STATUS(drain("\xFF\xFE"
                          "a\0",
                          4),
                    GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "the file is UTF-16, expected UTF-8");
    EXPECT_C_STATUS(drain("\xFE\xFF\0a", 4), GBT_ERR_FORMAT);
}

TEST_C(Source, ExtendAddsLinesAndGiveBackReturnsThem)
{
    static char text[MOST];
    static unsigned char packed[MOST];
    size_t size = make_lines(text, 50000, true);
    size_t packed_size = pack(text, size, packed, MOST);
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        gbt_source *source = NULL;
        gbt_block block;
        ASSERT_C_OK(is_packed ? gbt_source_from_memory("x", packed, packed_size, &source)
                              : gbt_source_from_memory("x", text, size, &source));
        ASSERT_C_OK(gbt_source_next(source, 100, &block));
        size_t at = block.size;
        ASSERT_C_OK(gbt_source_next(source, 100, &block));
        for (int i = 0; i < 40; i++) {
            size_t before = block.size;
            ASSERT_C_OK(gbt_source_extend(source, 50, &block));
            EXPECT_C_TRUE(block.size > before);
            EXPECT_C_TRUE(block.data[block.size - 1] == '\n');
        }
        EXPECT_C_EQ_BYTES(block.data, text + at, block.size);
        gbt_source_give_back(source, block.size - 10);
        at += 10;
        ASSERT_C_OK(gbt_source_next(source, 30000, &block));
        EXPECT_C_EQ_BYTES(block.data, text + at, block.size);
        EXPECT_C_TRUE(block.size > 10000);
        while (!block.is_last) {
            ASSERT_C_OK(gbt_source_extend(source, 1 << 20, &block));
        }
        EXPECT_C_EQ_INT(at + block.size, size);
        EXPECT_C_EQ_BYTES(block.data, text + at, block.size);
        gbt_source_close(source);
    }
}

TEST_C(Source, WhatCannotBeReadIsAnIoErrorWithTheReason)
{
    temp_dir folder;
    char path[TEMP_DIR_PATH];
    gbt_source *source = (gbt_source *)&folder;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    temp_dir_file(&folder, "none.csv", path);
    EXPECT_C_STATUS(gbt_source_open(path, &source), GBT_ERR_IO);
    EXPECT_C_TRUE(source == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(),
                      "none.csv: cannot open the file: No such file or directory");
    EXPECT_C_STATUS(gbt_source_open(folder.path, &source), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "is a directory, expected a file");
    EXPECT_C_STATUS(gbt_source_open("/dev/null", &source), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "/dev/null: is not a regular file");
    ASSERT_C_TRUE(temp_dir_write(&folder, "empty.csv", "", 0, path));
    EXPECT_C_STATUS(gbt_source_open(path, &source), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "empty.csv: the file is empty");
    if (geteuid() != 0) {
        ASSERT_C_TRUE(temp_dir_write(&folder, "secret.csv", "a\n", 2, path));
        (void)chmod(path, 0);
        EXPECT_C_STATUS(gbt_source_open(path, &source), GBT_ERR_IO);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "secret.csv: cannot open the file: Permission denied");
    }
    temp_dir_close(&folder);
}
