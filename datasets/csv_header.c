/* First record and messages of the CSV reader. Nothing is guessed beyond two rules: the separator
 * is a tab for .tsv, a comma for .csv, else the more frequent of both in the first line; and the
 * rule of csv.h for what is a header. */
#include "datasets/csv_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datasets/lines.h"
#include "gbt/base/alloc.h"
#include "gbt/base/log.h"

/* ---- Messages -------------------------------------------------------------------------------- */

gbt_status gbt_csv_report(const char *file, const gbt_csv_fault *fault, const char *data,
                          int64_t first_line, int32_t n_columns, const char *name)
{
    gbt_place place = gbt_place_of(data, fault->at, first_line);
    char where[64], cell[GBT_QUOTE_CHARS];
    (void)snprintf(where, sizeof where, "%" PRId64 ":%" PRId64, place.line, place.column);
    switch (fault->kind) {
    case GBT_CSV_WRONG_COUNT:
        return gbt_fail(GBT_ERR_FORMAT, "%s:%s: expected %d cells, found %" PRId64, file, where,
                        n_columns, fault->found);
    case GBT_CSV_OPEN_QUOTE:
        return gbt_fail(GBT_ERR_FORMAT, "%s:%s: this quote is never closed", file, where);
    case GBT_CSV_AFTER_QUOTE:
        return gbt_fail(
            GBT_ERR_FORMAT,
            "%s:%s: text after a closing quote, expected a separator or the end of the line", file,
            where);
    case GBT_CSV_NUL:
        return gbt_fail(GBT_ERR_FORMAT, "%s:%s: NUL byte, expected text", file, where);
    case GBT_CSV_LONE_CR:
        return gbt_fail(
            GBT_ERR_FORMAT,
            "%s:%s: carriage return without a line feed, expected LF or CRLF at line ends", file,
            where);
    case GBT_CSV_NOT_UTF8:
        return gbt_fail(GBT_ERR_FORMAT, "%s:%s: cell is not valid UTF-8", file, where);
    default:
        gbt_quote_text(cell, fault->cell.data, fault->cell.size);
        return gbt_fail(GBT_ERR_FORMAT,
                        "%s:%s: '%s' is not a number, but column '%s' is one of numbers", file,
                        where, cell, name != NULL ? name : "");
    }
}

size_t gbt_csv_undouble(gbt_slice cell, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < cell.size; i++) {
        out[n++] = cell.data[i];
        i += cell.data[i] == '"';
    }
    return n;
}

/* ---- The separator --------------------------------------------------------------------------- */

static bool name_ends(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    if (n >= 3 && strcmp(name + n - 3, ".gz") == 0) {
        n -= 3;
    }
    return n >= m && gbt_slice_equal_folded((gbt_slice){name + n - m, m}, ending);
}

/* How often `byte` stands outside quotes in the first line that is not empty. */
static int64_t count_outside(const char *data, size_t size, char byte)
{
    int64_t count = 0;
    bool is_inside = false, has_begun = false;
    for (size_t i = 0; i < size && (is_inside || data[i] != '\n' || !has_begun); i++) {
        has_begun |= data[i] != '\n' && data[i] != '\r';
        is_inside ^= data[i] == '"';
        count += !is_inside && data[i] == byte;
    }
    return count;
}

static gbt_status choose_separator(const char *file, const gbt_csv_options *options,
                                   const gbt_block *block, char *out)
{
    char separator = options->separator;
    if (separator != 0) {
        bool is_bad = separator == '"' || separator == '\n' || separator == '\r' ||
                      separator == '.' || separator == '+' || separator == '-' ||
                      (separator >= '0' && separator <= '9') ||
                      ((separator | 32) >= 'a' && (separator | 32) <= 'z');
        if (is_bad) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "%s: byte %d cannot separate cells, expected a comma or tab", file,
                            separator);
        }
        *out = separator;
    } else {
        int64_t n_commas = count_outside(block->data, block->size, ',');
        int64_t n_tabs = count_outside(block->data, block->size, '\t');
        bool is_tab = name_ends(file, ".tsv") || (!name_ends(file, ".csv") && n_tabs > n_commas);
        *out = is_tab ? '\t' : ',';
    }
    if (*out != ';' && count_outside(block->data, block->size, *out) == 0 &&
        count_outside(block->data, block->size, ';') > 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s:1:1: cells are separated by ';', expected %s", file,
                        *out == '\t' ? "tabs" : "commas");
    }
    return GBT_OK;
}

/* ---- The first record ------------------------------------------------------------------------ */

typedef struct first_record {
    const char *file;
    const char *data; /* the block, for positions in messages */
    const char *start, *end;
    const char *next, *block_end; /* the second record and what else the block holds */
    gbt_csv_cell *cell;           /* [n] */
    int32_t n;
} first_record;

/* The first record at or after `p` that is not blank. */
static bool next_record(const gbt_csv_layout *layout, const char *p, const char *end,
                        const char **start, const char **after)
{
    bool blank = true, open = false;
    while (p < end && blank) {
        *start = p;
        p = gbt_csv_record_end(layout, p, end, &blank, &open);
    }
    *after = p;
    return !blank;
}

/* The first two records that are not blank; the block grows until it holds more than these. */
static gbt_status find_record(gbt_source *source, const gbt_csv_options *options,
                              gbt_csv_layout *layout, gbt_block *block, first_record *record)
{
    GBT_TRY(gbt_source_next(source, 1 << 16, block));
    for (;;) {
        char separator = 0;
        GBT_TRY(choose_separator(record->file, options, block, &separator));
        gbt_csv_layout_init(layout, separator, options->missing, options->n_missing);
        const char *end = block->data + block->size, *after = end;
        record->data = block->data;
        record->end = block->data;
        record->block_end = end;
        bool has_first = next_record(layout, record->end, end, &record->start, &record->end);
        bool has_second = has_first && next_record(layout, record->end, end, &record->next, &after);
        if (block->is_last && !has_first) {
            return gbt_fail(GBT_ERR_FORMAT, "%s: no rows", record->file);
        }
        if (block->is_last || (has_second && after < end)) {
            record->next = has_second ? record->next : end;
            return GBT_OK;
        }
        GBT_TRY(gbt_source_extend(source, block->size, block));
    }
}

static gbt_status take_cells(const gbt_csv_layout *layout, first_record *record)
{
    int64_t most =
        gbt_count_byte(record->start, (size_t)(record->end - record->start), layout->separator) + 1;
    if (most >= 1 << 24) {
        return gbt_fail(GBT_ERR_FORMAT, "%s:1:1: %" PRId64 " columns, expected fewer than 16777216",
                        record->file, most);
    }
    GBT_TRY(GBT_NEW(record->cell, most));
    const char *p = record->start;
    for (;;) {
        gbt_csv_fault fault = {.column = record->n};
        gbt_csv_cell *cell = &record->cell[record->n++];
        fault.kind = gbt_csv_take_cell(layout, p, record->end, cell, &fault.at);
        if (fault.kind == GBT_CSV_FINE && !gbt_is_utf8(cell->text)) {
            const char *nul = memchr(cell->text.data, '\0', cell->text.size);
            fault.kind = nul != NULL ? GBT_CSV_NUL : GBT_CSV_NOT_UTF8;
            fault.at = nul != NULL ? nul : cell->text.data;
        }
        if (fault.kind != GBT_CSV_FINE) {
            return gbt_csv_report(record->file, &fault, record->data, 1, 0, NULL);
        }
        if (cell->next >= record->end || *cell->next != layout->separator) {
            return GBT_OK;
        }
        p = cell->next + 1;
    }
}

static bool is_number(gbt_slice cell)
{
    double value;
    return gbt_parse_real(cell, &value);
}

/* True when all names are there and differ, as those of a header do and those of data rarely. */
static bool could_be_names(const first_record *record)
{
    for (int32_t c = 0; c < record->n; c++) {
        gbt_slice name = record->cell[c].text;
        for (int32_t other = 0; other < c && other < 64; other++) {
            if (gbt_slice_compare(name, record->cell[other].text) == 0) {
                return false;
            }
        }
        if (name.size == 0) {
            return false;
        }
    }
    return true;
}

/* True when some cell is a text and the one below it a number: a name over its values. */
static bool stands_over_numbers(const gbt_csv_layout *layout, const first_record *record)
{
    const char *p = record->next, *fault_at;
    for (int32_t c = 0; c < record->n && p < record->block_end; c++) {
        gbt_csv_cell below;
        if (gbt_csv_take_cell(layout, p, record->block_end, &below, &fault_at) != GBT_CSV_FINE) {
            return false;
        }
        gbt_slice name = record->cell[c].text;
        if (is_number(below.text) && !is_number(name) && !gbt_csv_is_missing(layout, name)) {
            return true;
        }
        if (below.next >= record->block_end || *below.next != layout->separator) {
            return false;
        }
        p = below.next + 1;
    }
    return false;
}

static bool is_header(const gbt_csv_layout *layout, const first_record *record)
{
    int32_t n_numbers = 0;
    for (int32_t c = 0; c < record->n; c++) {
        n_numbers += is_number(record->cell[c].text);
    }
    return n_numbers == 0 || (could_be_names(record) && stands_over_numbers(layout, record));
}

static gbt_status fail_name(const first_record *record, int32_t c, const char *what)
{
    gbt_place place = gbt_place_of(record->data, record->cell[c].text.data, 1);
    char text[GBT_QUOTE_CHARS];
    gbt_quote_text(text, record->cell[c].text.data, record->cell[c].text.size);
    return gbt_fail(GBT_ERR_FORMAT, "%s:%" PRId64 ":%" PRId64 ": the name '%s' of column %d %s",
                    record->file, place.line, place.column, text, c + 1, what);
}

/* Finds the first column whose name an earlier one has, by a table of hashes. */
static gbt_status check_distinct(const first_record *record, char *const *name)
{
    int64_t n_slots = 16;
    while (n_slots < 2 * (int64_t)record->n) {
        n_slots *= 2;
    }
    int32_t *slot = NULL; /* [n_slots] column + 1 or 0 */
    GBT_TRY(GBT_NEW_ZERO(slot, n_slots));
    gbt_status status = GBT_OK;
    for (int32_t c = 0; c < record->n && status == GBT_OK; c++) {
        uint64_t hash = 0;
        for (const char *p = name[c]; *p != '\0'; p++) {
            hash = (hash ^ (unsigned char)*p) * 0xD1342543DE82EF95ull;
            hash ^= hash >> 32;
        }
        int64_t at = (int64_t)(hash & (uint64_t)(n_slots - 1));
        while (slot[at] != 0 && strcmp(name[slot[at] - 1], name[c]) != 0) {
            at = (at + 1) & (n_slots - 1);
        }
        if (slot[at] != 0) {
            status = fail_name(record, c, "is taken by an earlier column; names must differ");
        }
        slot[at] = c + 1;
    }
    gbt_release(slot);
    return status;
}

static gbt_status take_names(const first_record *record, gbt_csv_header *out)
{
    for (int32_t c = 0; c < record->n; c++) {
        const gbt_csv_cell *cell = &record->cell[c];
        if (cell->text.size == 0) {
            return fail_name(record, c, "is empty; every column needs one");
        }
        char *name = gbt_alloc((int64_t)cell->text.size + 1, 1);
        if (name == NULL) {
            return GBT_ERR_MEMORY;
        }
        out->name[c] = name;
        size_t size = cell->text.size;
        if (cell->is_doubled) {
            size = gbt_csv_undouble(cell->text, name);
        } else {
            memcpy(name, cell->text.data, size);
        }
        name[size] = '\0';
    }
    return check_distinct(record, out->name);
}

static gbt_status number_names(gbt_csv_header *out)
{
    for (int32_t c = 0; c < out->n_columns; c++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%d", c);
        out->name[c] = gbt_copy_text(name);
        if (out->name[c] == NULL) {
            return GBT_ERR_MEMORY;
        }
    }
    return GBT_OK;
}

gbt_status gbt_csv_header_read(gbt_source *source, const gbt_csv_options *options,
                               gbt_csv_layout *layout, gbt_csv_header *out)
{
    gbt_status status = GBT_OK;
    gbt_block block;
    first_record record = {.file = gbt_source_name(source)};
    *out = (gbt_csv_header){0};
    GBT_TRY_OR_DONE(find_record(source, options, layout, &block, &record));
    GBT_TRY_OR_DONE(take_cells(layout, &record));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(out->name, record.n));
    out->n_columns = record.n;
    layout->n_columns = record.n;
    out->is_present = options->header == 1 || (options->header < 0 && is_header(layout, &record));
    if (out->is_present) {
        out->size = (size_t)(record.end - block.data);
        GBT_TRY_OR_DONE(take_names(&record, out));
    } else {
        if (options->header < 0) {
            gbt_log_line(GBT_LOG_INFO, "%s: no header; columns are named c0, c1, ...", record.file);
        }
        GBT_TRY_OR_DONE(number_names(out));
    }
done:
    gbt_release(record.cell);
    if (status != GBT_OK) {
        gbt_csv_header_close(out);
    }
    return status;
}

void gbt_csv_header_close(gbt_csv_header *header)
{
    for (int32_t c = 0; header->name != NULL && c < header->n_columns; c++) {
        gbt_release(header->name[c]);
    }
    gbt_release(header->name);
    *header = (gbt_csv_header){0};
}
