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

int64_t gbt_count_lines(const char *data, size_t size, bool *may_have_blank)
{
    byte_lanes line_end, blank, blank_starts = {0};
    memset(&line_end, '\n', sizeof line_end);
    memset(&blank, ' ', sizeof blank);
    int64_t count = 0;
    bool has_blank = size > 0 && (unsigned char)data[0] <= ' ';
    size_t i = 0;
    while (i + LANES <= size) {
        byte_lanes counts = {0};
        for (int step = 0; step < MOST_STEPS && i + LANES <= size; step++, i += LANES) {
            byte_lanes is_end = (byte_lanes)(load_lanes(data + i) == line_end);
            counts -= is_end;
            blank_starts |= is_end & (byte_lanes)(load_lanes(data + i + 1) <= blank);
        }
        count += sum_lanes(counts);
    }
    for (; i < size; i++) {
        bool is_end = data[i] == '\n';
        count += is_end;
        has_blank |= is_end && (unsigned char)data[i + 1] <= ' ';
    }
    *may_have_blank = has_blank || sum_lanes(blank_starts) > 0;
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
