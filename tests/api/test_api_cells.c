/* Cells of every type, stride and mask, read by gbt_table_from_columns, against a plain reading of
 * their bytes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/gbt.h"
#include "tests/support/gtest_c.h"

enum { N_TYPES = 13 };

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = *state ^ (*state >> 29);
    x *= 0xBF58476D1CE4E5B9u;
    return x ^ (x >> 32);
}

static gbt_params *params_of(const char *const *pairs)
{
    gbt_params *params = NULL;
    EXPECT_C_OK(gbt_params_create(&params));
    for (; *pairs != NULL; pairs += 2) {
        EXPECT_C_OK(gbt_params_set(params, pairs[0], pairs[1]));
    }
    return params;
}

static const int type_size[N_TYPES] = {4, 8, 4, 2, 1, 2, 8, 1, 2, 4, 8, 1, 0};

static double half_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = half >> 15 ? -1 : 1;
    if (exponent == 31) {
        return fraction ? (double)NAN : sign * (double)INFINITY;
    }
    return exponent == 0 ? sign * ldexp(fraction, -24)
                         : sign * ldexp(1024 + fraction, exponent - 25);
}

/* The number in the bytes at `p`. */
static double value_at(gbt_cell type, const unsigned char *p)
{
    uint64_t bits = 0;
    float single;
    double number;
    for (int i = type_size[type] - 1; i >= 0; i--) {
        bits = bits << 8 | p[i];
    }
    memcpy(&single, p, type_size[type] >= 4 ? 4 : 0);
    switch (type) {
    case GBT_CELL_F32:
        return (double)single;
    case GBT_CELL_F64:
        memcpy(&number, p, 8);
        return number;
    case GBT_CELL_F16:
        return half_value((uint16_t)bits);
    case GBT_CELL_I8:
        return (int8_t)bits;
    case GBT_CELL_I16:
        return (int16_t)bits;
    case GBT_CELL_I32:
        return (int32_t)bits;
    case GBT_CELL_I64:
        return (double)(int64_t)bits;
    case GBT_CELL_BOOL:
        return bits != 0;
    default:
        return (double)bits;
    }
}

static bool is_masked(const gbt_column *column, int64_t at)
{
    const uint8_t *mask = column->mask;
    switch (column->mask_kind) {
    case GBT_MASK_VALID_BITS:
        return !(mask[at / 8] & 1 << at % 8);
    case GBT_MASK_VALID_BYTES:
        return !mask[at];
    case GBT_MASK_MISSING_BYTES:
        return mask[at];
    default:
        return false;
    }
}

static float expected_cell(const gbt_column *column, int64_t row)
{
    const int64_t at = column->first + row;
    const unsigned char *data = column->data;
    if (is_masked(column, at)) {
        return NAN;
    }
    if (column->type == GBT_CELL_BIT) {
        return data[at / 8] >> at % 8 & 1;
    }
    const int64_t step = column->stride != 0 ? column->stride : type_size[column->type];
    return (float)value_at(column->type, data + at * step);
}

static void expect_cells(const gbt_params *params, const gbt_column *column, int64_t n_rows)
{
    gbt_table *table = NULL;
    ASSERT_C_OK(gbt_table_from_columns(params, column, 1, n_rows, NULL, &table));
    for (int64_t row = 0; row < n_rows; row++) {
        char text[64], *end = NULL;
        const float want = expected_cell(column, row);
        ASSERT_C_OK(gbt_table_text(table, 0, row, text, sizeof text));
        const float got = *text == '\0' ? NAN : strtof(text, &end);
        if (!EXPECT_C_TRUE(isnan(want) ? *text == '\0' : got >= want && got <= want)) {
            printf("type %d stride %d first %d mask %d row %d: %s, not %g\n", column->type,
                   (int)column->stride, (int)column->first, column->mask_kind, (int)row, text,
                   (double)want);
            break;
        }
    }
    gbt_table_free(table);
}

TEST_C(ApiCells, EveryTypeStrideAndMaskIsReadAsItsBytesSay)
{
    enum { CELLS = 120, BYTES = CELLS * 24 + 64 };
    static unsigned char bytes[BYTES], mask[CELLS];
    uint64_t seed = 99;
    gbt_params *params = params_of((const char *const[]){"missing", "", NULL});
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = (unsigned char)draw(&seed);
    }
    for (int i = 0; i < CELLS; i++) {
        mask[i] = (unsigned char)(draw(&seed) % 3);
    }
    for (int type = GBT_CELL_F32; type <= GBT_CELL_BIT; type++) {
        const int size = type_size[type];
        const int64_t strides[] = {0, size, size + 1, 3 * (int64_t)size, -size, -2 * (int64_t)size};
        for (int s = 0; s < (size > 0 ? 6 : 1); s++) {
            for (int kind = GBT_MASK_NONE; kind <= GBT_MASK_MISSING_BYTES; kind++) {
                for (int64_t first = 0; first < 40; first += 13) {
                    const int64_t end = strides[s] < 0 ? -strides[s] * CELLS : 0;
                    const gbt_column column = {.name = "c",
                                               .type = (gbt_cell)type,
                                               .data = bytes + end + (first > 13),
                                               .stride = strides[s],
                                               .first = first,
                                               .mask_kind = (gbt_mask)kind,
                                               .mask = kind != GBT_MASK_NONE ? mask : NULL};
                    expect_cells(params, &column, CELLS - first);
                }
            }
        }
    }
    gbt_params_free(params);
}

TEST_C(ApiCells, EveryHalfIsReadExactly)
{
    static uint16_t half[65536];
    for (int i = 0; i < 65536; i++) {
        half[i] = (uint16_t)i;
    }
    gbt_params *params = params_of((const char *const[]){NULL});
    const gbt_column column = {.name = "h", .type = GBT_CELL_F16, .data = half};
    expect_cells(params, &column, 65536);
    gbt_params_free(params);
}

static const int64_t city_start[8] = {0, 5, 10, 17, 21, 25, 29, 33};

TEST_C(ApiCells, CodesOfEveryWholeTypeMeanTheSameCategories)
{
    static const int value[] = {3, -1, 0, 6, 3, 5};
    for (int type = GBT_CELL_I32; type <= GBT_CELL_U64; type++) {
        unsigned char code[6 * 8];
        uint8_t missing[6];
        if (type == GBT_CELL_F16) {
            continue;
        }
        for (int i = 0; i < 6; i++) {
            const int64_t wide = value[i];
            memcpy(code + i * type_size[type], &wide, (size_t)type_size[type]);
            missing[i] = value[i] < 0;
        }
        const gbt_column column = {
            .name = "city",
            .type = (gbt_cell)type,
            .data = code,
            .mask_kind = GBT_MASK_MISSING_BYTES,
            .mask = missing,
            .is_coded = 1,
            .text = {"TokyoParisNowhereLimaOsloRomeBonn", city_start, GBT_CELL_I64, 7}};
        gbt_params *params = params_of((const char *const[]){NULL});
        gbt_table *table = NULL;
        ASSERT_C_OK(gbt_table_from_columns(params, &column, 1, 6, NULL, &table));
        static const char *const want[] = {"Lima", "", "Tokyo", "Bonn", "Lima", "Rome"};
        for (int i = 0; i < 6; i++) {
            char text[16];
            ASSERT_C_OK(gbt_table_text(table, 0, i, text, sizeof text));
            EXPECT_C_EQ_TEXT(text, want[i]);
        }
        gbt_table_free(table);
        gbt_params_free(params);
    }
}
