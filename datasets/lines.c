/* Lines of a block: counted 16 bytes at a time with the vector extension that gcc and clang
 * share. */
#include "datasets/lines.h"

#include <string.h>

typedef unsigned char byte_lanes __attribute__((vector_size(16)));

enum { LANES = 16, MOST_STEPS = 255 }; /* steps until a lane of counters could overflow */

static byte_lanes load_lanes(const char *p)
{
    byte_lanes lanes;
    memcpy(&lanes, p, sizeof lanes);
    return lanes;
}

static int64_t sum_lanes(byte_lanes lanes)
{
    int64_t sum = 0;
    for (int i = 0; i < LANES; i++) {
        sum += lanes[i];
    }
    return sum;
}

int64_t gbt_count_byte(const char *data, size_t size, char byte)
{
    byte_lanes wanted;
    memset(&wanted, byte, sizeof wanted);
    int64_t count = 0;
    size_t i = 0;
    while (i + LANES <= size) {
        byte_lanes counts = {0};
        for (int step = 0; step < MOST_STEPS && i + LANES <= size; step++, i += LANES) {
            counts -= (byte_lanes)(load_lanes(data + i) == wanted);
        }
        count += sum_lanes(counts);
    }
    for (; i < size; i++) {
        count += data[i] == byte;
    }
    return count;
}

void gbt_count_three(const char *data, size_t size, const char byte[3], int64_t count[3])
{
    byte_lanes wanted[3];
    for (int k = 0; k < 3; k++) {
        memset(&wanted[k], byte[k], sizeof wanted[k]);
        count[k] = 0;
    }
    size_t i = 0;
    while (i + LANES <= size) {
        byte_lanes counts[3] = {{0}, {0}, {0}};
        for (int step = 0; step < MOST_STEPS && i + LANES <= size; step++, i += LANES) {
            const byte_lanes bytes = load_lanes(data + i);
            counts[0] -= (byte_lanes)(bytes == wanted[0]);
            counts[1] -= (byte_lanes)(bytes == wanted[1]);
            counts[2] -= (byte_lanes)(bytes == wanted[2]);
        }
        for (int k = 0; k < 3; k++) {
            count[k] += sum_lanes(counts[k]);
        }
    }
    for (; i < size; i++) {
        for (int k = 0; k < 3; k++) {
            count[k] += data[i] == byte[k];
        }
    }
}

gbt_line_count gbt_count_lines(const char *data, size_t size)
{
    byte_lanes line_end, blank, quote, blank_starts = {0}, quotes = {0};
    memset(&line_end, '\n', sizeof line_end);
    memset(&blank, ' ', sizeof blank);
    memset(&quote, '"', sizeof quote);
    gbt_line_count count = {.may_have_blank = size > 0 && (unsigned char)data[0] <= ' '};
    size_t i = 0;
    while (i + LANES <= size) {
        byte_lanes counts = {0};
        for (int step = 0; step < MOST_STEPS && i + LANES <= size; step++, i += LANES) {
            const byte_lanes bytes = load_lanes(data + i);
            const byte_lanes is_end = (byte_lanes)(bytes == line_end);
            counts -= is_end;
            blank_starts |= is_end & (byte_lanes)(load_lanes(data + i + 1) <= blank);
            quotes |= (byte_lanes)(bytes == quote);
        }
        count.n += sum_lanes(counts);
    }
    for (; i < size; i++) {
        const bool is_end = data[i] == '\n';
        count.n += is_end;
        count.may_have_blank |= is_end && (unsigned char)data[i + 1] <= ' ';
        count.has_quote |= data[i] == '"';
    }
    count.may_have_blank |= sum_lanes(blank_starts) > 0;
    count.has_quote |= sum_lanes(quotes) > 0;
    return count;
}

const char *gbt_next_line(const char *from, const char *end)
{
    const char *found = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    return found != NULL ? found + 1 : end;
}

gbt_place gbt_place_of(const char *data, const char *at, int64_t first_line)
{
    gbt_place place = {first_line + gbt_count_byte(data, (size_t)(at - data), '\n'), 1};
    while (at > data && at[-1] != '\n') {
        at--;
        place.column++;
    }
    return place;
}

void gbt_quote_text(char out[GBT_QUOTE_CHARS], const char *data, size_t size)
{
    size_t n = size < 40 ? size : 40;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)data[i];
        out[i] = (char)(byte >= ' ' && byte < 127 ? byte : '?');
    }
    memcpy(out + n, size > n ? "..." : "", size > n ? 4 : 1);
}
