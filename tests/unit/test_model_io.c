/* The model file: the same bytes again, and no damage goes unnoticed. */
#include "gbt/tree/model_io.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/random_model.h"
#include "tests/support/temp_dir.h"

enum { HEADER = 28, ENTRY = 16, N_SECTIONS = 5 };

static const random_model_spec small = {.seed = 3,
                                        .objective = "multiclass",
                                        .n_classes = 3,
                                        .n_features = 4,
                                        .n_categorical = 2,
                                        .max_bins = 9,
                                        .n_rounds = 2,
                                        .min_leaves = 1,
                                        .max_leaves = 6};

/* A model file that the test may change. */
typedef struct file_bytes {
    unsigned char *data;
    size_t size;
} file_bytes;

static file_bytes bytes_of(const random_model_spec *spec)
{
    gbt_model *model = random_model(spec);
    void *data = NULL;
    file_bytes bytes = {0};
    if (model && gbt_model_to_bytes(model, &data, &bytes.size) == GBT_OK) {
        bytes.data = malloc(bytes.size + 64);
        memcpy(bytes.data, data, bytes.size);
    }
    gbt_memory_free(data);
    gbt_model_free(model);
    return bytes;
}

static void put_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

/* Makes total length and header checksum agree with the bytes again. */
static void mend_header(file_bytes *bytes, uint32_t n_sections)
{
    const size_t head = HEADER + ENTRY * (size_t)n_sections;
    put_u32(bytes->data + 16, (uint32_t)bytes->size);
    put_u32(bytes->data + 24, n_sections);
    put_u32(bytes->data + head, gbt_crc32(bytes->data, head));
}

static void expect_refused(const file_bytes *bytes, const char *message)
{
    gbt_model *model = (gbt_model *)(uintptr_t)1;
    EXPECT_C_STATUS(gbt_model_from_bytes(bytes->data, bytes->size, &model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), message);
    EXPECT_C_TRUE(model == NULL);
}

TEST_C(ModelIo, ReadAndWrittenAgainTheBytesAreTheSameAndPredictionsToo)
{
    const random_model_spec specs[] = {
        small,
        {.seed = 1,
         .objective = "regression",
         .n_features = 3,
         .max_bins = 255,
         .n_rounds = 4,
         .min_leaves = 2,
         .max_leaves = 300},
        {.seed = 2,
         .objective = "binary",
         .n_features = 5,
         .n_categorical = 5,
         .max_bins = 255,
         .n_rounds = 5,
         .min_leaves = 1,
         .max_leaves = 40},
        {.seed = 4,
         .objective = "regression",
         .n_features = 1,
         .max_bins = 2,
         .n_rounds = 0,
         .min_leaves = 1,
         .max_leaves = 1},
    };
    for (int i = 0; i < 4; i++) {
        gbt_model *model = random_model(&specs[i]), *back = NULL;
        ASSERT_C_TRUE(model != NULL);
        void *first = NULL, *second = NULL;
        size_t first_size = 0, second_size = 0;
        ASSERT_C_OK(gbt_model_to_bytes(model, &first, &first_size));
        ASSERT_C_OK(gbt_model_from_bytes(first, first_size, &back));
        ASSERT_C_OK(gbt_model_to_bytes(back, &second, &second_size));
        ASSERT_C_EQ_INT(first_size, second_size);
        EXPECT_C_EQ_BYTES(first, second, first_size);
        float x[20 * 5], a[3], b[3];
        random_rows(model, 8, 20, x);
        for (int row = 0; row < 20; row++) {
            plain_score(model, x + row * specs[i].n_features, 0, specs[i].n_rounds, a);
            plain_score(back, x + row * specs[i].n_features, 0, specs[i].n_rounds, b);
            EXPECT_C_EQ_BYTES(a, b, 4 * (size_t)model->objective.n_outputs);
        }
        EXPECT_C_EQ_INT(back->train_rows, 12345);
        EXPECT_C_EQ_INT(back->best_round, specs[i].n_rounds);
        EXPECT_C_EQ_INT(back->uses_init_score, false);
        EXPECT_C_OK(gbt_model_verify(back));
        gbt_memory_free(first);
        gbt_memory_free(second);
        gbt_model_free(model);
        gbt_model_free(back);
    }
}

TEST_C(ModelIo, SavedToAFileItLoadsTheSameAndMessagesNameTheFile)
{
    temp_dir folder;
    char path[TEMP_DIR_PATH], again[TEMP_DIR_PATH];
    ASSERT_C_TRUE(temp_dir_open(&folder));
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(temp_dir_write(&folder, "a.gbt", bytes.data, bytes.size, path));
    temp_dir_file(&folder, "b.gbt", again);
    gbt_model *model = NULL;
    ASSERT_C_OK(gbt_model_load(path, &model));
    ASSERT_C_OK(gbt_model_save(model, again));
    gbt_model_free(model);
    unsigned char *data = NULL;
    size_t size = 0;
    ASSERT_C_OK(gbt_file_read(again, &data, &size));
    ASSERT_C_EQ_INT(size, bytes.size);
    EXPECT_C_EQ_BYTES(data, bytes.data, size);
    gbt_memory_free(data);
    bytes.data[bytes.size - 3] ^= 1;
    ASSERT_C_TRUE(temp_dir_write(&folder, "c.gbt", bytes.data, bytes.size, path));
    EXPECT_C_STATUS(gbt_model_load(path, &model), GBT_ERR_FORMAT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "c.gbt: trees: damaged");
    temp_dir_file(&folder, "absent.gbt", path);
    EXPECT_C_STATUS(gbt_model_load(path, &model), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_model_load(NULL, &model), GBT_ERR_ARGUMENT);
    temp_dir_close(&folder);
    free(bytes.data);
}

TEST_C(ModelIo, EveryTruncationIsRefused)
{
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(bytes.data != NULL);
    int64_t accepted = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        gbt_model *model = NULL;
        accepted += gbt_model_from_bytes(bytes.data, size, &model) != GBT_ERR_FORMAT || model;
    }
    EXPECT_C_EQ_INT(accepted, 0);
    bytes.data[bytes.size++] = 0;
    expect_refused(&bytes, "bytes behind the end");
    bytes.size -= 2;
    expect_refused(&bytes, "cut short");
    bytes.size = 10;
    expect_refused(&bytes, "too few");
    free(bytes.data);
}

TEST_C(ModelIo, EveryFlippedBitIsRefused)
{
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(bytes.data != NULL);
    int64_t accepted = 0;
    for (size_t at = 0; at < bytes.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            gbt_model *model = NULL;
            bytes.data[at] ^= (unsigned char)(1 << bit);
            accepted +=
                gbt_model_from_bytes(bytes.data, bytes.size, &model) != GBT_ERR_FORMAT || model;
            bytes.data[at] ^= (unsigned char)(1 << bit);
        }
    }
    EXPECT_C_EQ_INT(accepted, 0);
    free(bytes.data);
}

TEST_C(ModelIo, MessagesSayWhatIsWrong)
{
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(bytes.data != NULL);
    unsigned char *keep = malloc(bytes.size);
    memcpy(keep, bytes.data, bytes.size);
    bytes.data[1] = 'X';
    expect_refused(&bytes, "not a gbt model file");
    memcpy(bytes.data, keep, bytes.size);
    bytes.data[8] = 'H';
    expect_refused(&bytes, "not a model of a known kind, where a tree model is expected");
    memcpy(bytes.data, keep, bytes.size);
    bytes.data[12] = 2;
    expect_refused(&bytes, "format version 2, this library");
    memcpy(bytes.data, keep, bytes.size);
    bytes.data[HEADER + 8] ^= 1;
    expect_refused(&bytes, "header: damaged");
    mend_header(&bytes, N_SECTIONS);
    expect_refused(&bytes, "parameters: damaged");
    memcpy(bytes.data, keep, bytes.size);
    bytes.data[HEADER + ENTRY * N_SECTIONS + 4] ^= 1;
    expect_refused(&bytes, "parameters: damaged");
    memcpy(bytes.data, keep, bytes.size);
    memcpy(bytes.data + HEADER + ENTRY, "NEWS", 4);
    mend_header(&bytes, N_SECTIONS);
    expect_refused(&bytes, "a newer library wrote this file");
    memcpy(bytes.data + HEADER + ENTRY, "news", 4);
    mend_header(&bytes, N_SECTIONS);
    expect_refused(&bytes, "columns: missing");
    memcpy(bytes.data, keep, bytes.size);
    memset(bytes.data + HEADER + 15, 0x7f, 1);
    mend_header(&bytes, N_SECTIONS);
    expect_refused(&bytes, "parameters: longer than the file");
    memcpy(bytes.data, keep, bytes.size);
    free(keep);
    free(bytes.data);
}

TEST_C(ModelIo, AnUnknownOptionalSectionIsSkipped)
{
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(bytes.data != NULL);
    const size_t head = HEADER + ENTRY * N_SECTIONS;
    memmove(bytes.data + head + ENTRY, bytes.data + head, bytes.size - head);
    bytes.size += ENTRY;
    memcpy(bytes.data + head, "note", 4);
    memcpy(bytes.data + bytes.size, "hello", 5);
    put_u32(bytes.data + head + 4, gbt_crc32("hello", 5));
    put_u32(bytes.data + head + 8, 5);
    put_u32(bytes.data + head + 12, 0);
    bytes.size += 5;
    mend_header(&bytes, N_SECTIONS + 1);
    gbt_model *model = NULL;
    EXPECT_C_OK(gbt_model_from_bytes(bytes.data, bytes.size, &model));
    gbt_model_free(model);
    bytes.data[bytes.size - 1] ^= 1;
    expect_refused(&bytes, "an optional section: damaged");
    free(bytes.data);
}

TEST_C(ModelIo, RefusedAllocationsGiveAStatusAndNoLeak)
{
    file_bytes bytes = bytes_of(&small);
    ASSERT_C_TRUE(bytes.data != NULL);
    for (int64_t n = 1;; n++) {
        gbt_model *model = NULL;
        void *data = NULL;
        size_t size = 0;
        fail_alloc_install(n);
        gbt_status status = gbt_model_from_bytes(bytes.data, bytes.size, &model);
        if (status == GBT_OK) {
            status = gbt_model_to_bytes(model, &data, &size);
        }
        gbt_memory_free(data);
        gbt_model_free(model);
        const bool refused = fail_alloc_refused();
        EXPECT_C_EQ_INT(fail_alloc_live(), 0);
        fail_alloc_remove();
        if (!refused) {
            EXPECT_C_OK(status);
            break;
        }
        EXPECT_C_STATUS(status, GBT_ERR_MEMORY);
    }
    free(bytes.data);
}
