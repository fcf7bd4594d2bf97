/* Counting and finding lines, and blocks cut into chunks that threads parse side by side. */
#ifndef GBT_DATASETS_LINES_H
#define GBT_DATASETS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Number of bytes equal to `byte` in data[0 .. size). Reads nothing else. */
int64_t gbt_count_byte(const char *data, size_t size, char byte);

/* The same for three bytes at once. */
void gbt_count_three(const char *data, size_t size, const char byte[3], int64_t count[3]);

typedef struct gbt_line_count {
    int64_t n; /* of '\n' */
    /* One of them or the start of the data is followed by a byte up to ' ': only then the data can
     * hold blank lines. */
    bool may_have_blank;
    bool has_quote;
} gbt_line_count;

/* All of it in one look at the data and the byte after its end. */
gbt_line_count gbt_count_lines(const char *data, size_t size);

/* Where the line after the first '\n' at or after `from` begins; `end` when there is none. */
const char *gbt_next_line(const char *from, const char *end);

/* Line and column, both from 1, of the byte at `at` in data that begins with line `first_line`. */
typedef struct gbt_place {
    int64_t line, column;
} gbt_place;

gbt_place gbt_place_of(const char *data, const char *at, int64_t first_line);

/* Copies at most 40 bytes of a text for a message, zero-terminated; what cannot be printed becomes
 * '?'. */
enum { GBT_QUOTE_CHARS = 48 };
void gbt_quote_text(char out[GBT_QUOTE_CHARS], const char *data, size_t size);

#endif
