/* Reading single cells and runs of them. Cells may stand at any address, so they are copied out
 * before they are looked at, which costs nothing where that is not needed. Cost: numbers about a
 * nanosecond each. */
#include "datasets/cells.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VIEW_BYTES = 16, INLINE_BYTES = 12 };

#define MOST_EXACT 9007199254740992.0 /* 2^53 */

int64_t gbt_cell_size(int type)
{
    static const int8_t size[] = {4, 8, 4, 2, 1, 2, 8, 1, 2, 4, 8, 1, 0, 0};
    return type >= 0 && type <= GBT_CELL_TEXT ? size[type] : 0;
}

bool gbt_cell_is_whole(int type)
{
    return type == GBT_CELL_I32 || (type >= GBT_CELL_I8 && type <= GBT_CELL_U64);
}

static bool is_masked(const gbt_cells *cells, int64_t at)
{
    switch (cells->mask_kind) {
    case GBT_MASK_VALID_BITS:
        return (cells->mask[at >> 3] >> (at & 7) & 1) == 0;
    case GBT_MASK_VALID_BYTES:
        return cells->mask[at] == 0;
    case GBT_MASK_MISSING_BYTES:
        return cells->mask[at] != 0;
    case GBT_MASK_NONE:
    default:
        return false;
    }
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static float float_of_half(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    float value = 0;
    if (exponent == 31) {
        value = fraction == 0 ? INFINITY : NAN;
    } else {
        /* 2^-24 and the powers of two above are exact. */
        const int scale = exponent == 0 ? 0 : exponent - 1;
        const int digits = exponent == 0 ? fraction : fraction + 1024;
        value = (float)digits * (float)((int64_t)1 << scale) * 0x1p-24f;
    }
    return half >> 15 ? -value : value;
}

/* Copies a number of the named type out of `from` and gives it as double. */
#define LOAD(type_, convert)                  \
    do {                                      \
        type_ loaded;                         \
        memcpy(&loaded, from, sizeof loaded); \
        return (double)convert(loaded);       \
    } while (0)

static double load(int type, const char *from)
{
    switch (type) {
    case GBT_CELL_F32:
        LOAD(float, );
    case GBT_CELL_F64:
        LOAD(double, );
    case GBT_CELL_I32:
        LOAD(int32_t, );
    case GBT_CELL_F16:
        LOAD(uint16_t, float_of_half);
    case GBT_CELL_I8:
        LOAD(int8_t, );
    case GBT_CELL_I16:
        LOAD(int16_t, );
    case GBT_CELL_I64:
        LOAD(int64_t, );
    case GBT_CELL_U8:
        LOAD(uint8_t, );
    case GBT_CELL_U16:
        LOAD(uint16_t, );
    case GBT_CELL_U32:
        LOAD(uint32_t, );
    case GBT_CELL_U64:
        LOAD(uint64_t, );
    case GBT_CELL_BOOL:
    default:
        return *from != 0;
    }
}

static double bit_at(const gbt_cells *cells, int64_t at)
{
    return ((const uint8_t *)cells->data)[at >> 3] >> (at & 7) & 1;
}

double gbt_cells_number(const gbt_cells *cells, int64_t row)
{
    const int64_t at = cells->first + row;
    if (cells->type == GBT_CELLS_NULL || is_masked(cells, at)) {
        return (double)NAN;
    }
    return cells->type == GBT_CELL_BIT
               ? bit_at(cells, at)
               : load(cells->type, (const char *)cells->data + at * cells->stride);
}

/* A loop over cells side by side or apart; the type is a constant in each copy of it. */
#define RUN(type_)                                          \
    case type_:                                             \
        for (int64_t i = 0; i < n; i++) {                   \
            out[i] = (float)load(type_, from + i * stride); \
        }                                                   \
        break

static void load_run(const gbt_cells *cells, int64_t at, int64_t n, float *out)
{
    const int64_t stride = cells->stride;
    const char *from = (const char *)cells->data + at * stride;
    switch (cells->type) {
        RUN(GBT_CELL_F32);
        RUN(GBT_CELL_F64);
        RUN(GBT_CELL_I32);
        RUN(GBT_CELL_F16);
        RUN(GBT_CELL_I8);
        RUN(GBT_CELL_I16);
        RUN(GBT_CELL_I64);
        RUN(GBT_CELL_U8);
        RUN(GBT_CELL_U16);
        RUN(GBT_CELL_U32);
        RUN(GBT_CELL_U64);
    default:
        RUN(GBT_CELL_BOOL);
    }
}

void gbt_cells_numbers(const gbt_cells *cells, int64_t first, int64_t last, float *out)
{
    const int64_t at = cells->first + first, n = last - first;
    if (cells->type == GBT_CELLS_NULL) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = NAN;
        }
        return;
    }
    if (cells->type == GBT_CELL_BIT) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = (float)bit_at(cells, at + i);
        }
    } else {
        load_run(cells, at, n, out);
    }
    for (int64_t i = 0; cells->mask_kind != GBT_MASK_NONE && i < n; i++) {
        out[i] = is_masked(cells, at + i) ? NAN : out[i];
    }
}

/* A whole number; what is above the largest int64_t becomes that. */
static int64_t load_whole(const gbt_cells *cells, int64_t at)
{
    const char *from = (const char *)cells->data + at * cells->stride;
    if (cells->type == GBT_CELL_I64 || cells->type == GBT_CELL_U64) {
        int64_t value;
        memcpy(&value, from, sizeof value);
        return cells->type == GBT_CELL_U64 && value < 0 ? INT64_MAX : value;
    }
    return (int64_t)load(cells->type, from);
}

int gbt_cells_print(const gbt_cells *cells, int64_t row, char out[GBT_NUMBER_CHARS])
{
    const int64_t at = cells->first + row;
    const double number = gbt_cells_number(cells, row);
    if (isnan(number)) {
        return 0;
    }
    if (cells->type == GBT_CELL_U64) {
        uint64_t value;
        memcpy(&value, (const char *)cells->data + at * cells->stride, sizeof value);
        return snprintf(out, GBT_NUMBER_CHARS, "%" PRIu64, value);
    }
    if (gbt_cell_is_whole(cells->type)) {
        return snprintf(out, GBT_NUMBER_CHARS, "%" PRId64, load_whole(cells, at));
    }
    if (fabs(number) < MOST_EXACT && number == floor(number)) {
        return snprintf(out, GBT_NUMBER_CHARS, "%" PRId64, (int64_t)number);
    }
    return cells->type == GBT_CELL_F64 ? gbt_print_f64(out, number)
                                       : gbt_print_f32(out, (float)number);
}

int64_t gbt_cells_code(const gbt_cells *cells, int64_t row)
{
    const int64_t at = cells->first + row;
    if (is_masked(cells, at)) {
        return -1;
    }
    const int64_t code = load_whole(cells, at);
    return code < 0 ? -1 : code < cells->dictionary->n ? code : -2;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static int64_t start_at(const gbt_cells *cells, int64_t at)
{
    const char *from = cells->data;
    if (cells->layout == GBT_TEXT_STARTS64) {
        int64_t start;
        memcpy(&start, from + at * 8, sizeof start);
        return start;
    }
    int32_t start;
    memcpy(&start, from + at * 4, sizeof start);
    return start;
}

static gbt_text_state viewed_text(const gbt_cells *cells, int64_t at, gbt_slice *out)
{
    const char *view = (const char *)cells->data + at * VIEW_BYTES;
    int32_t part[4]; /* length, first bytes, buffer, offset */
    memcpy(part, view, sizeof part);
    if (part[0] >= 0 && part[0] <= INLINE_BYTES) {
        *out = (gbt_slice){view + sizeof part[0], (size_t)part[0]};
        return GBT_TEXT_FOUND;
    }
    if (part[0] < 0 || part[2] < 0 || part[2] >= cells->n_buffers || part[3] < 0) {
        return GBT_TEXT_BROKEN;
    }
    int64_t size;
    memcpy(&size, (const char *)cells->buffer_size + part[2] * (int64_t)sizeof size, sizeof size);
    if (cells->buffer[part[2]] == NULL || (int64_t)part[3] + part[0] > size) {
        return GBT_TEXT_BROKEN;
    }
    *out = (gbt_slice){(const char *)cells->buffer[part[2]] + part[3], (size_t)part[0]};
    return GBT_TEXT_FOUND;
}

gbt_text_state gbt_cells_text(const gbt_cells *cells, int64_t row, gbt_slice *out)
{
    const int64_t at = cells->first + row;
    if (is_masked(cells, at)) {
        return GBT_TEXT_MISSING;
    }
    if (cells->layout == GBT_TEXT_VIEWS) {
        return viewed_text(cells, at, out);
    }
    const int64_t start = start_at(cells, at), end = start_at(cells, at + 1);
    if (start < 0 || end < start || end > start_at(cells, cells->first + cells->n) ||
        (end > start && cells->bytes == NULL)) {
        return GBT_TEXT_BROKEN;
    }
    *out = (gbt_slice){end > start ? cells->bytes + start : "", (size_t)(end - start)};
    return GBT_TEXT_FOUND;
}
