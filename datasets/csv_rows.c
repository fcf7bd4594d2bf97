/* The rows of a CSV chunk into the columns of a table. Plain numbers and empty cells come from the
 * runs of csv_run.h, whole rows of them at once; all else (blanks, quotes, tokens for missing,
 * text, faults) goes through gbt_csv_take_cell(). Allocates nothing, so that threads can run it.
 * Cost: about two cycles a byte on numbers with AVX-512, four without vectors. */
#include <math.h>
#include <string.h>

#include "datasets/csv_cells.h"
#include "datasets/csv_run.h"
#include "datasets/lines.h"

typedef struct row_state {
    const gbt_csv_layout *layout;
    gbt_csv_chunk *chunk;
    uint8_t *flipped;
    int64_t row;
    gbt_wide_path path;
    bool takes_runs, takes_rows;
    int32_t at; /* the cell of the run that is next in the text */
    gbt_csv_run run;
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

/* ---- Runs of numbers ------------------------------------------------------------------------- */

static void fill_run(row_state *state, const char *p)
{
    gbt_csv_run_fill(&state->run, state->path, p, state->chunk->end, state->layout->separator);
    state->at = 0;
}

/* Leaves out what a cell that was parsed by itself has of the run. */
static void follow_run(row_state *state, const char *p)
{
    const gbt_csv_run *run = &state->run;
    while (state->at < run->n && run->text + run->stop[state->at] < p) {
        state->at++;
    }
}

/* How many rows of the run are nothing but plain numbers, the first one at `mark`. */
static int64_t count_plain_rows(const gbt_csv_layout *layout, const char *mark, const float *value,
                                int64_t most)
{
    const int32_t last = layout->n_columns - 1;
    if (last == 0) { /* a line without a number may be blank, which is no row */
        int64_t n_numbers = 0;
        while (n_numbers < most && mark[n_numbers] == '\n' && !isnan(value[n_numbers])) {
            n_numbers++;
        }
        return n_numbers;
    }
    for (int32_t c = 0; c < last && most > 0; c++) {
        if (mark[c] != layout->separator) {
            return 0;
        }
    }
    int64_t n = most > 0 && mark[last] == '\n';
    while (n > 0 && n < most && memcmp(mark, mark + n * (last + 1), (size_t)last + 1) == 0) {
        n++;
    }
    return n;
}

/* Stores the rows that the run holds in full and that need no more care; returns where the next one
 * begins. */
static const char *store_rows(row_state *state, int64_t last_row, const char *p)
{
    const int32_t n_columns = state->layout->n_columns;
    gbt_csv_run *run = &state->run;
    const int32_t left = run->n - state->at;
    if (left == 0 || (left < n_columns && run->n >= 4 * n_columns)) {
        fill_run(state, p);
    }
    const int64_t held = (run->n - state->at) / n_columns, wanted = last_row - state->row;
    const float *from = run->value + state->at;
    const int64_t n =
        count_plain_rows(state->layout, run->mark + state->at, from, held < wanted ? held : wanted);
    if (n == 0) {
        return p;
    }
    for (int32_t c = 0; c < n_columns; c++) {
        float *to = state->layout->target[c].number + state->row;
        for (int64_t row = 0; row < n; row++) {
            to[row] = from[row * n_columns + c];
        }
    }
    state->row += n;
    state->at += (int32_t)n * n_columns;
    return run->text + run->stop[state->at - 1] + 1;
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* Takes cell `column` at *p as a plain number; false: it needs more care. */
static bool take_plain(row_state *state, int32_t column, const char **p)
{
    const gbt_csv_layout *layout = state->layout;
    const gbt_csv_run *run = &state->run;
    const bool is_last = column == layout->n_columns - 1;
    const char stop = is_last ? '\n' : layout->separator;
    float *to = &layout->target[column].number[state->row];
    if (!state->takes_runs) {
        const char *next = gbt_digits_scan(*p, to);
        if (next == NULL || *next != stop) {
            next = *p;
            *to = NAN;
        }
        if (*next != stop || (is_last && next == *p)) {
            return false;
        }
        *p = next + 1;
        return true;
    }
    if (state->at == run->n) {
        fill_run(state, *p);
    }
    if (state->at == run->n || run->mark[state->at] != stop) {
        return false;
    }
    *to = run->value[state->at];
    *p = run->text + run->stop[state->at] + 1;
    state->at++;
    return true;
}

static const char *parse_row(row_state *state, const char *p)
{
    const gbt_csv_layout *layout = state->layout;
    const bool is_plain = !layout->has_numeric_missing;
    for (int32_t c = 0; c < layout->n_columns; c++) {
        if (layout->target[c].mode == GBT_CSV_MODE_NUMBER && is_plain && take_plain(state, c, &p)) {
            continue;
        }
        p = parse_cell(state, c, p);
        if (p == NULL) {
            return NULL;
        }
        follow_run(state, p);
    }
    return p;
}

/* Runs pay where few of their cells are text, and rows of numbers only need no look at each. */
static void choose_way(row_state *state)
{
    const gbt_csv_layout *layout = state->layout;
    int32_t n_numbers = 0;
    for (int32_t c = 0; c < layout->n_columns; c++) {
        n_numbers += layout->target[c].mode == GBT_CSV_MODE_NUMBER;
    }
    const bool is_plain = !layout->has_numeric_missing;
    state->takes_runs = is_plain && n_numbers > layout->n_columns / 4 * 3;
    state->takes_rows = is_plain && n_numbers == layout->n_columns;
    state->path = gbt_wide_best();
    state->at = 0;
    state->run.n = 0;
}

void gbt_csv_parse_chunk(const gbt_csv_layout *layout, gbt_csv_chunk *chunk, uint8_t *flipped)
{
    row_state state;
    state.layout = layout;
    state.chunk = chunk;
    state.flipped = flipped;
    state.row = chunk->first_row;
    choose_way(&state);
    const int64_t last = chunk->first_row + chunk->n_rows;
    const char *p = chunk->data;
    while (state.row < last && p != NULL && p < chunk->end) {
        const char *row = state.takes_rows ? store_rows(&state, last, p) : p;
        if (row > p) {
            p = row;
            continue;
        }
        while ((unsigned char)*p <= ' ' && p < chunk->end &&
               gbt_csv_blank_line(layout, p, chunk->end, &p)) {}
        follow_run(&state, p);
        p = parse_row(&state, p);
        state.row++;
    }
}
