/* Slices, whole numbers, switches, sizes, UTF-8 and the likeness of names. Real numbers are parsed
 * in parse_real.c and printed in print_real.c. Nothing here allocates or looks at the locale. */
#include "gbt/base/text.h"

#include <string.h>

gbt_slice gbt_slice_of(const char *text)
{
    return (gbt_slice){text, strlen(text)};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

gbt_slice gbt_slice_trim(gbt_slice slice)
{
    while (slice.size > 0 && is_blank(slice.data[0])) {
        slice.data++;
        slice.size--;
    }
    while (slice.size > 0 && is_blank(slice.data[slice.size - 1])) {
        slice.size--;
    }
    return slice;
}

bool gbt_slice_equal(gbt_slice slice, const char *text)
{
    return strlen(text) == slice.size &&
           (slice.size == 0 || memcmp(slice.data, text, slice.size) == 0);
}

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool gbt_slice_equal_folded(gbt_slice slice, const char *text)
{
    size_t i = 0;
    while (i < slice.size && text[i] != '\0' && folded(slice.data[i]) == folded(text[i])) {
        i++;
    }
    return i == slice.size && text[i] == '\0';
}

int gbt_slice_compare(gbt_slice a, gbt_slice b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order == 0 && a.size != b.size) {
        order = a.size < b.size ? -1 : 1;
    }
    return order;
}

bool gbt_slice_next(gbt_slice *rest, char separator, gbt_slice *part)
{
    if (rest->size == 0) {
        return false;
    }
    const char *found = memchr(rest->data, separator, rest->size);
    part->data = rest->data;
    part->size = found ? (size_t)(found - rest->data) : rest->size;
    size_t taken = part->size + (found ? 1 : 0);
    rest->data += taken;
    rest->size -= taken;
    return true;
}

/* Digits only; false without one or when the value exceeds `most`. */
static bool parse_digits(gbt_slice text, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.data[i] - '0';
        if (digit > 9 || value > (most - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return text.size > 0;
}

bool gbt_parse_int(gbt_slice text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    uint64_t magnitude;
    if (!parse_digits(text, (uint64_t)INT64_MAX + (negative ? 1 : 0), &magnitude)) {
        return false;
    }
    *out = !negative ? (int64_t)magnitude : magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    return true;
}

bool gbt_parse_bool(gbt_slice text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (int i = 0; i < 4; i++) {
        if (gbt_slice_equal_folded(text, yes[i])) {
            *out = true;
            return true;
        }
        if (gbt_slice_equal_folded(text, no[i])) {
            *out = false;
            return true;
        }
    }
    return false;
}

bool gbt_parse_bytes(gbt_slice text, int64_t *out)
{
    static const char unit[] = "kmgt";
    int shift = 0;
    if (text.size > 0) {
        const char *found = memchr(unit, folded(text.data[text.size - 1]), 4);
        if (found) {
            shift = 10 * (int)(found - unit + 1);
            text.size--;
        }
    }
    uint64_t value;
    if (!parse_digits(text, (uint64_t)INT64_MAX >> shift, &value)) {
        return false;
    }
    *out = (int64_t)(value << shift);
    return true;
}

/* Bytes of the well-formed sequence at `at` (Unicode table 3-7), 0 when there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead < 0x80) {
        return lead == 0 ? 0 : 1;
    }
    size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool too_large = lead == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

bool gbt_is_utf8(gbt_slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    while (left > 0) {
        size_t length = utf8_length(at, left);
        if (length == 0) {
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int gbt_name_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > MOST || n_b > MOST) {
        return MOST + 1;
    }
    /* cost[i][j]: edits from the first i letters of a to the first j of b; a swap of neighbours
     * counts once. */
    int cost[MOST + 1][MOST + 1];
    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (int)(i + j);
                continue;
            }
            int change = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            int best = least(change, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = least(best, cost[i - 2][j - 2] + 1);
            }
            cost[i][j] = best;
        }
    }
    return cost[n_a][n_b];
}
