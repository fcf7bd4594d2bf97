/* Cells and records of a CSV chunk. The fast path is a run of numbers, each ended by its separator;
 * all else (blanks, quotes, missing cells, text, faults) goes through gbt_csv_take_cell().
 * Allocates nothing, so that threads can run it. Cost: about five cycles a byte on numbers. */
#include "datasets/csv_cells.h"

#include <math.h>
#include <string.h>

#include "datasets/digits.h"
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

int64_t gbt_csv_count_rows(const gbt_csv_layout *layout, const char *p, const char *end)
{
    bool may_have_blank = false;
    int64_t n_rows = gbt_count_lines(p, (size_t)(end - p), &may_have_blank);
    if (!may_have_blank) {
        return n_rows + (end > p && end[-1] != '\n');
    }
    n_rows = 0;
    while (p < end) {
        if (!gbt_csv_blank_line(layout, p, end, &p)) {
            n_rows++;
            p = gbt_next_line(p, end);
        }
    }
    return n_rows;
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

/* ---- Rows ------------------------------------------------------------------------------------ */

typedef struct row_state {
    const gbt_csv_layout *layout;
    gbt_csv_chunk *chunk;
    uint8_t *flipped;
    int64_t row;
} row_state;

static const char *fail(const row_state *state, gbt_csv_fault_kind kind, const char *at,
                        int32_t column)
{
    state->chunk->fault = (gbt_csv_fault){.kind = kind, .at = at, .column = column};
    return NULL;
}

static const char *fail_text(const row_state *state, gbt_slice text, int32_t column)
{
    const char *nul = memchr(text.data, '\0', text.size);
    return nul != NULL ? fail(state, GBT_CSV_NUL, nul, column)
                       : fail(state, GBT_CSV_NOT_UTF8, text.data, column);
}

/* A cell of a number column; false: a fault was recorded. */
static bool store_number(const row_state *state, int32_t column, const gbt_csv_cell *cell)
{
    const gbt_csv_layout *layout = state->layout;
    float *to = &layout->target[column].number[state->row];
    *to = NAN;
    if (gbt_csv_is_missing(layout, cell->text)) {
        return true;
    }
    float value;
    if (gbt_digits_scan(cell->text.data, &value) == cell->text.data + cell->text.size) {
        *to = value;
        return true;
    }
    double exact;
    if (gbt_parse_real(cell->text, &exact)) {
        *to = (float)exact;
        return true;
    }
    if (layout->target[column].is_strict) {
        (void)fail(state, GBT_CSV_NOT_NUMBER, cell->text.data, column);
        state->chunk->fault.cell = cell->text;
        return false;
    }
    if (!gbt_is_utf8(cell->text)) {
        (void)fail_text(state, cell->text, column);
        return false;
    }
    state->flipped[column] = 1;
    return true;
}

static bool store_text(const row_state *state, int32_t column, const gbt_csv_cell *cell)
{
    const gbt_csv_layout *layout = state->layout;
    const gbt_csv_target *target = &layout->target[column];
    bool is_missing = gbt_csv_is_missing(layout, cell->text);
    if (!is_missing && !gbt_is_utf8(cell->text)) {
        (void)fail_text(state, cell->text, column);
        return false;
    }
    if (target->mode == GBT_CSV_MODE_TEXT) {
        gbt_csv_span *span = &target->span[state->row - layout->block_row];
        span->start = (uint32_t)(cell->text.data - layout->block);
        span->size = is_missing
                         ? GBT_CSV_MISSING
                         : (uint32_t)cell->text.size | (cell->is_doubled ? GBT_CSV_DOUBLED : 0);
    }
    return true;
}

/* Too many or too few cells: counts what the record has. `next` stands at the stop of cell
 * `column`. */
static const char *fail_count(const row_state *state, int32_t column, const char *next)
{
    const gbt_csv_layout *layout = state->layout;
    const char *at = *next == layout->separator ? next + 1 : next;
    const char *fault_at;
    gbt_csv_cell cell = {.next = next};
    int64_t found = (int64_t)column + 1;
    while (cell.next < state->chunk->end && *cell.next == layout->separator) {
        found++;
        if (gbt_csv_take_cell(layout, cell.next + 1, state->chunk->end, &cell, &fault_at)) {
            break;
        }
    }
    (void)fail(state, GBT_CSV_WRONG_COUNT, at, column);
    state->chunk->fault.found = found;
    return NULL;
}

/* Any cell; returns where the next one or the next line begins, NULL after a fault. */
static const char *parse_cell(const row_state *state, int32_t column, const char *p)
{
    const gbt_csv_layout *layout = state->layout;
    const char *end = state->chunk->end;
    gbt_csv_cell cell;
    const char *fault_at;
    gbt_csv_fault_kind kind = gbt_csv_take_cell(layout, p, end, &cell, &fault_at);
    if (kind != GBT_CSV_FINE) {
        return fail(state, kind, fault_at, column);
    }
    uint8_t mode = layout->target[column].mode;
    if (mode == GBT_CSV_MODE_NUMBER) {
        if (!store_number(state, column, &cell)) {
            return NULL;
        }
    } else if (mode != GBT_CSV_MODE_SKIP && !store_text(state, column, &cell)) {
        return NULL;
    }
    bool is_last = column == layout->n_columns - 1;
    bool at_separator = cell.next < end && *cell.next == layout->separator;
    if (is_last == at_separator) {
        return fail_count(state, column, cell.next);
    }
    return at_separator ? cell.next + 1 : gbt_csv_after_line(cell.next, end);
}

static const char *parse_row(const row_state *state, const char *p)
{
    const gbt_csv_layout *layout = state->layout;
    const gbt_csv_target *target = layout->target;
    const int32_t n_columns = layout->n_columns;
    const char separator = layout->separator;
    const bool is_plain = !layout->has_numeric_missing;
    for (int32_t c = 0; c < n_columns; c++) {
        float value;
        if (target[c].mode == GBT_CSV_MODE_NUMBER && is_plain) {
            const char *next = gbt_digits_scan(p, &value);
            char stop = c == n_columns - 1 ? '\n' : separator;
            if (next != NULL && *next == stop) {
                target[c].number[state->row] = value;
                p = next + 1;
                continue;
            }
            if (*p == separator && c < n_columns - 1) {
                target[c].number[state->row] = NAN;
                p++;
                continue;
            }
        }
        p = parse_cell(state, c, p);
        if (p == NULL) {
            return NULL;
        }
    }
    return p;
}

void gbt_csv_parse_chunk(const gbt_csv_layout *layout, gbt_csv_chunk *chunk, uint8_t *flipped)
{
    row_state state = {
        .layout = layout, .chunk = chunk, .flipped = flipped, .row = chunk->first_row};
    const int64_t last = chunk->first_row + chunk->n_rows;
    const char *p = chunk->data;
    for (; state.row < last && p != NULL && p < chunk->end; state.row++) {
        while ((unsigned char)*p <= ' ' && p < chunk->end &&
               gbt_csv_blank_line(layout, p, chunk->end, &p)) {}
        p = parse_row(&state, p);
    }
}
