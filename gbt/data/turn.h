/* Rows to columns and back, in small blocks that live in registers; written with the vectors that
 * gcc and clang share, so that every processor gets its own. Cost: one shuffle a value for floats,
 * a fifth of one for bytes. */
#ifndef GBT_DATA_TURN_H
#define GBT_DATA_TURN_H

#include <stdint.h>
#include <string.h>

typedef float gbt_four_floats __attribute__((vector_size(16)));
typedef uint8_t gbt_sixteen_bytes __attribute__((vector_size(16)));

/* The elements of `a` and `b`, those of `b` numbered on, in the order given. */
#if defined(__clang__)
#define GBT_PICK_FLOATS(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define GBT_PICK_BYTES(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t gbt_four_places __attribute__((vector_size(16)));
#define GBT_PICK_FLOATS(a, b, ...) __builtin_shuffle(a, b, (gbt_four_places){__VA_ARGS__})
#define GBT_PICK_BYTES(a, b, ...) __builtin_shuffle(a, b, (gbt_sixteen_bytes){__VA_ARGS__})
#endif

/* Four rows of four adjacent floats to four columns of four adjacent ones. */
static inline void gbt_turn_floats(const float *from, int64_t row_step, float *to,
                                   int64_t column_step)
{
    gbt_four_floats row[4], half[4], column[4];
    for (int i = 0; i < 4; i++) {
        memcpy(&row[i], from + i * row_step, sizeof row[i]);
    }
    for (int i = 0; i < 2; i++) {
        half[i] = GBT_PICK_FLOATS(row[2 * i], row[2 * i + 1], 0, 4, 1, 5);
        half[2 + i] = GBT_PICK_FLOATS(row[2 * i], row[2 * i + 1], 2, 6, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        column[2 * i] = GBT_PICK_FLOATS(half[2 * i], half[2 * i + 1], 0, 1, 4, 5);
        column[2 * i + 1] = GBT_PICK_FLOATS(half[2 * i], half[2 * i + 1], 2, 3, 6, 7);
    }
    for (int i = 0; i < 4; i++) {
        memcpy(to + i * column_step, &column[i], sizeof column[i]);
    }
}

/* Eight columns of sixteen adjacent bytes to sixteen rows of eight adjacent ones. */
static inline void gbt_turn_bytes(const uint8_t *from, int64_t column_step, uint8_t *to,
                                  int64_t row_step)
{
    gbt_sixteen_bytes column[8], pair[8], four[8], row[8];
    for (int i = 0; i < 8; i++) {
        memcpy(&column[i], from + i * column_step, sizeof column[i]);
    }
    for (int i = 0; i < 4; i++) { /* columns 2i and 2i + 1: rows 0 to 7, then 8 to 15 */
        const gbt_sixteen_bytes a = column[2 * i], b = column[2 * i + 1];
        pair[i] = GBT_PICK_BYTES(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        pair[4 + i] =
            GBT_PICK_BYTES(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 4; i++) { /* four columns of four rows each */
        const gbt_sixteen_bytes a = pair[2 * i], b = pair[2 * i + 1];
        four[2 * i] = GBT_PICK_BYTES(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
        four[2 * i + 1] =
            GBT_PICK_BYTES(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
    }
    for (int i = 0; i < 4; i++) { /* all columns of two rows each */
        const int at = 4 * (i / 2) + i % 2;
        const gbt_sixteen_bytes a = four[at], b = four[at + 2];
        row[2 * i] = GBT_PICK_BYTES(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        row[2 * i + 1] =
            GBT_PICK_BYTES(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    for (int i = 0; i < 8; i++) {
        uint8_t two[16];
        memcpy(two, &row[i], sizeof two);
        memcpy(to + 2 * i * row_step, two, 8);
        memcpy(to + (2 * i + 1) * row_step, two + 8, 8);
    }
}

enum { GBT_TURNED_ROWS = 16 };

/* Eight adjacent bytes of sixteen rows, from byte `first` of each on, to eight columns. Each of
 * four rounds interleaves the bytes of vectors that are `apart`: that brings one bit of the
 * vectors' numbers to the low end of the bytes' numbers and takes one from the high end, so that
 * the bits of rows and columns change places. */
static inline void gbt_turn_rows(const uint8_t *const *row, int64_t first,
                                 gbt_sixteen_bytes column[8])
{
    gbt_sixteen_bytes now[8], next[8];
    for (int i = 0; i < 8; i++) {
        uint8_t two[16];
        memcpy(two, row[2 * i] + first, 8);
        memcpy(two + 8, row[2 * i + 1] + first, 8);
        memcpy(&now[i], two, sizeof now[i]);
    }
    for (int round = 0; round < 4; round++) {
        const int apart = 4 >> (round % 3);
        for (int i = 0; i < 8; i++) {
            const gbt_sixteen_bytes a = now[i & ~apart], b = now[i | apart];
            next[i] = i & apart ? GBT_PICK_BYTES(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
                                                 14, 30, 15, 31)
                                : GBT_PICK_BYTES(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                                 22, 7, 23);
        }
        memcpy(now, next, sizeof now);
    }
    for (int i = 0; i < 8; i++) { /* bits 2, 1, 0 of i are bits 0, 2, 1 of the column */
        column[(i & 2) << 1 | (i & 1) << 1 | i >> 2] = now[i];
    }
}

#endif
