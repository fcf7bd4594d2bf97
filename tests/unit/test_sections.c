/* The container of model files: what was written is read again, kinds are told apart, and nothing
 * damaged, missing or unknown gets through. */
#include "gbt/base/sections.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"

enum { HEADER = 28, ENTRY = 16, N = 3, FORMAT = 7 };

static const gbt_section known[N] = {{.tag = "AAAA", .name = "first"},
                                     {.tag = "bbbb", .name = "second"},
                                     {.tag = "CCCC", .name = "third"}};
static const unsigned char text[] = "some bytes";

/* A container of the three sections: "some bytes", `second`, and an empty one. */
static gbt_writer container(const char *kind, const char *second)
{
    gbt_writer writer = {0};
    gbt_section section[N];
    memcpy(section, known, sizeof known);
    section[0].data = text;
    section[0].size = 10;
    section[1].data = (const unsigned char *)second;
    section[1].size = second ? strlen(second) : 0;
    EXPECT_C_OK(gbt_sections_write(&writer, kind, FORMAT, section, N));
    return writer;
}

/* Makes length, number of sections and header checksum agree with the bytes again. */
static void mend_header(gbt_writer *file, uint32_t n_sections)
{
    const uint32_t numbers[] = {(uint32_t)file->size, 0, n_sections};
    gbt_writer part = {0};
    gbt_write_u32s(&part, numbers, 3);
    memcpy(file->data + 16, part.data, part.size);
    part.size = 0;
    const size_t head = HEADER + ENTRY * (size_t)n_sections;
    gbt_write_u32(&part, gbt_crc32(file->data, head));
    memcpy(file->data + head, part.data, part.size);
    gbt_writer_close(&part);
}

static gbt_status read_again(const gbt_writer *file, gbt_section *section)
{
    memcpy(section, known, sizeof known);
    return gbt_sections_read(file->data, file->size, "x.gbt", GBT_KIND_TREES, FORMAT, section, N);
}

static void expect_refused(const gbt_writer *file, const char *message)
{
    gbt_section section[N];
    EXPECT_C_STATUS(read_again(file, section), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), message);
}

TEST_C(Sections, WhatWasWrittenIsReadAgain)
{
    gbt_section section[N];
    gbt_writer file = container(GBT_KIND_TREES, "more");
    EXPECT_C_EQ_INT(file.size, HEADER + 3 * ENTRY + 4 + 10 + 4);
    ASSERT_C_OK(read_again(&file, section));
    ASSERT_C_EQ_INT(section[0].size, 10);
    EXPECT_C_EQ_BYTES(section[0].data, text, 10);
    ASSERT_C_EQ_INT(section[1].size, 4);
    EXPECT_C_EQ_BYTES(section[1].data, "more", 4);
    EXPECT_C_EQ_INT(section[2].size, 0);
    EXPECT_C_TRUE(section[2].data != NULL);
    gbt_writer_close(&file);
}

TEST_C(Sections, AWriterThatHoldsBytesKeepsThem)
{
    gbt_writer alone = container(GBT_KIND_HEADS, "more"), writer = {0};
    gbt_section section[N];
    memcpy(section, known, sizeof known);
    section[0] = (gbt_section){.tag = "AAAA", .name = "first", .data = text, .size = 10};
    section[1] = (gbt_section){
        .tag = "bbbb", .name = "second", .data = (const unsigned char *)"more", .size = 4};
    gbt_write_u8(&writer, 5);
    ASSERT_C_OK(gbt_sections_write(&writer, GBT_KIND_HEADS, FORMAT, section, N));
    ASSERT_C_EQ_INT(writer.size, alone.size + 1);
    EXPECT_C_EQ_INT(writer.data[0], 5);
    EXPECT_C_EQ_BYTES(writer.data + 1, alone.data, alone.size);
    gbt_writer_close(&alone);
    gbt_writer_close(&writer);
}

TEST_C(Sections, AnOptionalSectionMayBeAbsentOrUnknown)
{
    gbt_section section[N];
    gbt_writer file = container(GBT_KIND_TREES, NULL);
    EXPECT_C_EQ_INT(file.size, HEADER + 2 * ENTRY + 4 + 10);
    ASSERT_C_OK(read_again(&file, section));
    EXPECT_C_TRUE(section[1].data == NULL);
    EXPECT_C_EQ_INT(section[0].size, 10);
    gbt_writer_close(&file);
    file = container(GBT_KIND_TREES, "more");
    memcpy(file.data + HEADER + ENTRY, "note", 4);
    mend_header(&file, 3);
    ASSERT_C_OK(read_again(&file, section));
    EXPECT_C_TRUE(section[1].data == NULL);
    EXPECT_C_EQ_INT(section[2].size, 0);
    file.data[file.size - 1] ^= 1;
    expect_refused(&file, "x.gbt: an optional section: damaged");
    gbt_writer_close(&file);
}

TEST_C(Sections, EveryTruncationAndEveryFlippedBitIsRefused)
{
    gbt_section section[N];
    gbt_writer file = container(GBT_KIND_TREES, "more");
    const size_t whole = file.size;
    int accepted = 0;
    for (file.size = 0; file.size < whole; file.size++) {
        accepted += read_again(&file, section) != GBT_ERR_FORMAT;
    }
    for (size_t bit = 0; bit < 8 * whole; bit++) {
        file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        accepted += read_again(&file, section) != GBT_ERR_FORMAT;
        file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    EXPECT_C_EQ_INT(accepted, 0);
    gbt_writer_close(&file);
}

TEST_C(Sections, MessagesNameFileSectionAndFault)
{
    gbt_writer file = container(GBT_KIND_TREES, "more");
    file.data[12] = FORMAT + 1;
    expect_refused(&file, "x.gbt: format version 8, this library");
    expect_refused(&file, "reads version 7");
    file.data[12] = FORMAT;
    file.size--;
    expect_refused(&file, "x.gbt: cut short: ");
    file.size++;
    file.data[HEADER + 4] ^= 1;
    expect_refused(&file, "x.gbt: header: damaged");
    mend_header(&file, 3);
    expect_refused(&file, "x.gbt: first: damaged");
    file.data[HEADER + 4] ^= 1;
    memcpy(file.data + HEADER + ENTRY, "AAAA", 4);
    mend_header(&file, 3);
    expect_refused(&file, "x.gbt: first: there twice");
    memcpy(file.data + HEADER + ENTRY, "BBBB", 4);
    mend_header(&file, 3);
    expect_refused(&file, "x.gbt: unknown section; a newer library wrote this file");
    memcpy(file.data + HEADER + ENTRY, "bbbb", 4);
    memcpy(file.data + HEADER + 2 * ENTRY, "cccc", 4);
    mend_header(&file, 3);
    expect_refused(&file, "x.gbt: third: missing");
    memcpy(file.data + HEADER + 2 * ENTRY, "CCCC", 4);
    file.data[HEADER + 15] = 0x7f;
    mend_header(&file, 3);
    expect_refused(&file, "x.gbt: first: longer than the file");
    file.data[HEADER + 15] = 0;
    static const unsigned char room[65 * ENTRY];
    gbt_write_bytes(&file, room, sizeof room);
    mend_header(&file, 65);
    expect_refused(&file, "x.gbt: header: 65 sections");
    gbt_writer_close(&file);
}

TEST_C(Sections, AnotherKindIsNamed)
{
    static const struct {
        const char *kind, *words;
    } rows[] = {
        {GBT_KIND_MULTITASK, "x.gbt: a multi-task model where a tree model is expected"},
        {GBT_KIND_HEADS, "x.gbt: a model of neural heads where a tree model is expected"},
        {"BINS", "x.gbt: a gbt file, but not a model of a known kind, where a tree model is"},
    };
    for (int i = 0; i < 3; i++) {
        gbt_writer file = container(rows[i].kind, "more");
        expect_refused(&file, rows[i].words);
        gbt_writer_close(&file);
    }
    gbt_section section[N];
    memcpy(section, known, sizeof known);
    gbt_writer file = container(GBT_KIND_TREES, "more");
    EXPECT_C_STATUS(
        gbt_sections_read(file.data, file.size, "x.gbt", GBT_KIND_MULTITASK, FORMAT, section, N),
        GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "a tree model where a multi-task model is expected");
    gbt_writer_close(&file);
}

TEST_C(Sections, TheKindOfAFileIsInItsFirstBytes)
{
    static const char *const tags[] = {GBT_KIND_TREES, GBT_KIND_MULTITASK, GBT_KIND_HEADS};
    char path[TEMP_DIR_PATH];
    temp_dir folder;
    gbt_file_kind kind = GBT_FILE_TREES;
    ASSERT_C_TRUE(temp_dir_open(&folder));
    for (int i = 2; i >= 0; i--) {
        gbt_writer file = container(tags[i], "more");
        ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", file.data, file.size, path));
        EXPECT_C_OK(gbt_model_file_kind(path, &kind));
        EXPECT_C_EQ_INT(kind, i);
        ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", file.data, HEADER, path));
        EXPECT_C_OK(gbt_model_file_kind(path, &kind));
        ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", file.data, HEADER - 1, path));
        EXPECT_C_STATUS(gbt_model_file_kind(path, &kind), GBT_ERR_FORMAT);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "a.gbt: 27 bytes are too few for a gbt model file");
        gbt_writer_close(&file);
    }
    gbt_writer file = container("BINS", "more");
    ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", file.data, file.size, path));
    EXPECT_C_STATUS(gbt_model_file_kind(path, &kind), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "a gbt file, but not a model of a kind that this library");
    file.data[1] = 'g';
    ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", file.data, file.size, path));
    EXPECT_C_STATUS(gbt_model_file_kind(path, &kind), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "a.gbt: not a gbt model file");
    gbt_writer_close(&file);
    temp_dir_file(&folder, "absent.gbt", path);
    EXPECT_C_STATUS(gbt_model_file_kind(path, &kind), GBT_ERR_IO);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "absent.gbt: cannot be opened: no such file or folder");
    EXPECT_C_STATUS(gbt_model_file_kind(folder.path, &kind), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_model_file_kind(NULL, &kind), GBT_ERR_ARGUMENT);
    EXPECT_C_STATUS(gbt_model_file_kind(path, NULL), GBT_ERR_ARGUMENT);
    temp_dir_close(&folder);
}

TEST_C(Sections, AReaderNamesItsSectionAndNoticesBytesLeftOver)
{
    char where[GBT_WHERE_CHARS];
    gbt_section section = {.tag = "AAAA", .name = "first", .data = text, .size = 5};
    gbt_reader reader = gbt_section_reader(&section, "x.gbt", where);
    EXPECT_C_EQ_TEXT(where, "x.gbt: first");
    EXPECT_C_EQ_INT(gbt_read_u8(&reader), 's');
    EXPECT_C_STATUS(gbt_section_at_end(&reader), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "x.gbt: first");
    EXPECT_C_HAS_TEXT(gbt_last_error(), "4 bytes are left over");
    reader = gbt_section_reader(&section, "x.gbt", where);
    (void)gbt_read_u8(&reader);
    (void)gbt_read_u32(&reader);
    EXPECT_C_OK(gbt_section_at_end(&reader));
}

TEST_C(Sections, RefusedAllocationsGiveAStatusAndNoLeak)
{
    gbt_section section[N];
    memcpy(section, known, sizeof known);
    section[0].data = text;
    section[0].size = 10;
    for (int64_t nth = 1;; nth++) {
        gbt_writer writer = {0};
        fail_alloc_install(nth);
        const gbt_status status = gbt_sections_write(&writer, GBT_KIND_TREES, FORMAT, section, N);
        gbt_writer_close(&writer);
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        EXPECT_C_STATUS(status, refused ? GBT_ERR_MEMORY : GBT_OK);
        if (!refused) {
            EXPECT_C_TRUE(nth > 2);
            break;
        }
    }
}
