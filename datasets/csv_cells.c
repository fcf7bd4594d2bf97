/* Where cells, records and lines of CSV text begin and end; all forms of a cell. Allocates nothing,
 * so that threads can run it. The rows of a chunk are parsed in csv_rows.c. */
#include "datasets/csv_cells.h"

#include <math.h>
#include <string.h>

#include "datasets/lines.h"

void gbt_csv_layout_init(gbt_csv_layout *layout, char separator, const char *const *missing,
                         int32_t n_missing)
{
    *layout = (gbt_csv_layout){.separator = separator, .missing = missing, .n_missing = n_missing};
    layout->stops[(unsigned char)separator] = 1;
    layout->stops['\n'] = 1;
    layout->stops['\r'] = 1;
    layout->stops[0] = 1;
    for (int32_t i = 0; i < n_missing; i++) {
        double value = 0;
        layout->has_numeric_missing |=
            gbt_parse_real(gbt_slice_of(missing[i]), &value) && !isnan(value);
    }
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static bool is_blank(const gbt_csv_layout *layout, char byte)
{
    return (byte == ' ' || byte == '\t') && byte != layout->separator;
}

static const char *skip_blanks(const gbt_csv_layout *layout, const char *p)
{
    while (is_blank(layout, *p)) {
        p++;
    }
    return p;
}

/* The closing quote of the cell whose text begins at `p`, or NULL. */
static const char *closing_quote(const char *p, const char *end, bool *is_doubled)
{
    while (p < end) {
        p = memchr(p, '"', (size_t)(end - p));
        if (p == NULL || p + 1 >= end || p[1] != '"') {
            return p;
        }
        *is_doubled = true;
        p += 2;
    }
    return NULL;
}

/* Checks what ends a cell at `p`: the separator or a line end. */
static gbt_csv_fault_kind check_stop(const char *p, const char *end, const char **fault_at)
{
    *fault_at = p;
    if (*p == '\r' && p + 1 < end && p[1] != '\n') {
        return GBT_CSV_LONE_CR;
    }
    return *p == '\0' && p < end ? GBT_CSV_NUL : GBT_CSV_FINE;
}

static gbt_csv_fault_kind take_quoted(const gbt_csv_layout *layout, const char *open,
                                      const char *end, gbt_csv_cell *out, const char **fault_at)
{
    const char *close = closing_quote(open + 1, end, &out->is_doubled);
    if (close == NULL) {
        *fault_at = open;
        return GBT_CSV_OPEN_QUOTE;
    }
    out->text = (gbt_slice){open + 1, (size_t)(close - open) - 1};
    out->next = skip_blanks(layout, close + 1);
    if (!layout->stops[(unsigned char)*out->next]) {
        *fault_at = out->next;
        return GBT_CSV_AFTER_QUOTE;
    }
    return check_stop(out->next, end, fault_at);
}

gbt_csv_fault_kind gbt_csv_take_cell(const gbt_csv_layout *layout, const char *p, const char *end,
                                     gbt_csv_cell *out, const char **fault_at)
{
    out->is_doubled = false;
    p = skip_blanks(layout, p);
    if (*p == '"' && p < end) {
        return take_quoted(layout, p, end, out, fault_at);
    }
    const char *stop = p;
    while (!layout->stops[(unsigned char)*stop]) {
        stop++;
    }
    out->next = stop;
    const char *last = stop;
    while (last > p && is_blank(layout, last[-1])) {
        last--;
    }
    out->text = (gbt_slice){p, (size_t)(last - p)};
    return check_stop(stop, end, fault_at);
}

const char *gbt_csv_after_line(const char *p, const char *end)
{
    p += p < end && *p == '\r';
    return p + (p < end && *p == '\n');
}

bool gbt_csv_is_missing(const gbt_csv_layout *layout, gbt_slice cell)
{
    if (cell.size == 0) {
        return true;
    }
    for (int32_t i = 0; i < layout->n_missing; i++) {
        if (gbt_slice_equal(cell, layout->missing[i])) {
            return true;
        }
    }
    return false;
}

/* ---- Records --------------------------------------------------------------------------------- */

bool gbt_csv_blank_line(const gbt_csv_layout *layout, const char *p, const char *end,
                        const char **next)
{
    const char *stop = p;
    while (stop < end && is_blank(layout, *stop)) {
        stop++;
    }
    const char *after = gbt_csv_after_line(stop, end);
    if (after == stop && stop < end) {
        return false;
    }
    if (after == stop + 1 && *stop == '\r' && after < end) {
        return false; /* A carriage return that ends no line is the parser's to report. */
    }
    *next = after;
    return true;
}

void gbt_csv_count_rows(const gbt_csv_layout *layout, gbt_csv_chunk *chunk)
{
    const char *p = chunk->data, *end = chunk->end;
    const gbt_line_count lines = gbt_count_lines(p, (size_t)(end - p));
    chunk->n_lines = lines.n;
    chunk->has_quote = lines.has_quote;
    if (lines.has_quote || !lines.may_have_blank) {
        chunk->n_rows = lines.n + (end > p && end[-1] != '\n');
        return;
    }
    chunk->n_rows = 0;
    while (p < end) {
        if (!gbt_csv_blank_line(layout, p, end, &p)) {
            chunk->n_rows++;
            p = gbt_next_line(p, end);
        }
    }
}

/* True when the quote at `quote` is the first character of its cell. */
static bool opens_cell(const gbt_csv_layout *layout, const char *record, const char *quote)
{
    while (quote > record && is_blank(layout, quote[-1])) {
        quote--;
    }
    return quote == record || quote[-1] == layout->separator;
}

const char *gbt_csv_record_end(const gbt_csv_layout *layout, const char *p, const char *end,
                               bool *blank, bool *is_open)
{
    const char *next = p;
    *is_open = false;
    *blank = gbt_csv_blank_line(layout, p, end, &next);
    if (*blank) {
        return next;
    }
    const char *from = p;
    const char *line_end = gbt_next_line(from, end);
    while (from < line_end) {
        const char *quote = memchr(from, '"', (size_t)(line_end - from));
        if (quote == NULL) {
            break;
        }
        from = quote + 1;
        if (opens_cell(layout, p, quote)) {
            bool is_doubled = false;
            const char *close = closing_quote(from, end, &is_doubled);
            if (close == NULL) {
                *is_open = true;
                return end;
            }
            from = close + 1;
            if (from >= line_end) {
                line_end = gbt_next_line(from, end);
            }
        }
    }
    return line_end;
}
