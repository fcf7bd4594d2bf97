/* Lines of libsvm text to rows of index and value. Allocates nothing, so that threads can run it.
 * Cost: about three cycles a byte with AVX-512, six without vectors. */
#include "datasets/libsvm_rows.h"

#include "datasets/libsvm_pairs.h"
#include "datasets/lines.h"
#include "gbt/base/text.h"

void gbt_libsvm_count(gbt_libsvm_chunk *chunk)
{
    const char byte[3] = {'\n', ':', ','};
    int64_t count[3];
    gbt_count_three(chunk->data, (size_t)(chunk->end - chunk->data), byte, count);
    chunk->n_lines = count[0] + 1;
    chunk->n_colons = count[1];
    chunk->n_commas = count[2];
}

/* Ends a token: blank, comment, end of the line or of the data. */
static bool is_stop(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r' || byte == '#' ||
           byte == '\0';
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\r') {
        p++;
    }
    return p;
}

/* Nothing more of this line is read at these; NUL can only be the end of the file or a fault
 * later. */
static bool is_line_end(const gbt_libsvm_chunk *chunk, const char *p)
{
    return *p == '\n' || *p == '#' || p >= chunk->end;
}

static const char *fail(gbt_libsvm_chunk *chunk, gbt_libsvm_fault fault, const char *at)
{
    chunk->fault = fault;
    chunk->fault_at = at;
    return NULL;
}

/* A number that ends at a stop or at `also`. Returns its end, or NULL. */
static const char *take_number(const char *p, char also, float *out)
{
    const char *end = gbt_digits_scan(p, out);
    if (end != NULL && (is_stop(*end) || *end == also)) {
        return end;
    }
    end = p;
    while (!is_stop(*end) && *end != also) {
        end++;
    }
    double value;
    if (!gbt_parse_real((gbt_slice){p, (size_t)(end - p)}, &value)) {
        return NULL;
    }
    *out = (float)value;
    return end;
}

/* label[,label...]; a token with a colon is none. */
static const char *take_labels(gbt_libsvm_chunk *chunk, gbt_libsvm_row *row, const char *p)
{
    const char *end = p;
    while (!is_stop(*end) && *end != ':') {
        end++;
    }
    if (*end == ':') {
        return p;
    }
    for (;;) {
        const char *next = take_number(p, ',', &chunk->label[chunk->n_labels]);
        if (next == NULL) {
            return fail(chunk, GBT_LIBSVM_BAD_LABEL, p);
        }
        chunk->n_labels++;
        row->n_labels++;
        p = next + 1;
        if (*next != ',') {
            return skip_blanks(next);
        }
    }
}

static const char *take_query(gbt_libsvm_chunk *chunk, gbt_libsvm_row *row, const char *p)
{
    if (p[0] != 'q' || p[1] != 'i' || p[2] != 'd' || p[3] != ':') {
        return p;
    }
    const char *end = p + 4;
    while (!is_stop(*end)) {
        end++;
    }
    int64_t query;
    if (!gbt_parse_int((gbt_slice){p + 4, (size_t)(end - p) - 4}, &query) || query < INT32_MIN ||
        query > INT32_MAX) {
        return fail(chunk, GBT_LIBSVM_BAD_QUERY, p + 4);
    }
    row->query = (int32_t)query;
    row->has_query = true;
    return skip_blanks(end);
}

static gbt_libsvm_fault index_fault(const char *p)
{
    if (*p == '-' && (unsigned char)(p[1] - '0') <= 9) {
        return GBT_LIBSVM_NEGATIVE_INDEX;
    }
    const char *end = p;
    while ((unsigned char)(*end - '0') <= 9) {
        end++;
    }
    return end > p && is_stop(*end) ? GBT_LIBSVM_NO_COLON : GBT_LIBSVM_BAD_INDEX;
}

/* index:value entries up to the end of the line. */
static const char *take_entries(gbt_libsvm_chunk *chunk, gbt_pairs *pairs, gbt_libsvm_row *row,
                                const char *p)
{
    int64_t previous = (int64_t)chunk->least_index - 1, first = chunk->n_entries, n = first;
    while (!is_line_end(chunk, p)) {
        const int32_t n_usual =
            gbt_pairs_take(pairs, &p, chunk->end, previous, chunk->index + n, chunk->value + n);
        if (n_usual > 0) {
            n += n_usual;
            previous = chunk->index[n - 1];
            p = skip_blanks(p);
            continue;
        }
        uint64_t word = gbt_digits_load(p), index;
        uint32_t n_digits = gbt_digits_count(word);
        const char *end = p + n_digits;
        if (n_digits < 8) {
            index = gbt_digits_value_of(word, n_digits);
        } else {
            index = 0;
            end = p;
            if (gbt_digits_take(&end, &index) > 0) {
                return fail(chunk, GBT_LIBSVM_LARGE_INDEX, p);
            }
        }
        if (n_digits == 0 || *end != ':') {
            return fail(chunk, index_fault(p), p);
        }
        if (index > INT32_MAX - 1) {
            return fail(chunk, GBT_LIBSVM_LARGE_INDEX, p);
        }
        if ((int64_t)index <= previous) {
            return fail(chunk, n == first ? GBT_LIBSVM_ZERO_INDEX : GBT_LIBSVM_NOT_ASCENDING, p);
        }
        previous = (int64_t)index;
        chunk->index[n] = (int32_t)index;
        p = take_number(end + 1, '\n', &chunk->value[n]);
        if (p == NULL) {
            return fail(chunk, GBT_LIBSVM_BAD_VALUE, end + 1);
        }
        n++;
        p = skip_blanks(p);
    }
    row->n_entries = n - first;
    chunk->n_entries = n;
    return p;
}

void gbt_libsvm_parse(gbt_libsvm_chunk *chunk)
{
    gbt_pairs pairs;
    pairs.path = gbt_wide_best();
    pairs.text = NULL;
    pairs.n = pairs.at = 0;
    const char *p = chunk->data;
    while (p < chunk->end && chunk->n_rows < chunk->row_limit) {
        const char *start = p = skip_blanks(p);
        if (!is_line_end(chunk, p)) {
            gbt_libsvm_row *row = &chunk->row[chunk->n_rows];
            *row = (gbt_libsvm_row){.start = start};
            p = take_labels(chunk, row, p);
            p = p != NULL ? take_query(chunk, row, p) : NULL;
            p = p != NULL ? take_entries(chunk, &pairs, row, p) : NULL;
            if (p == NULL) {
                return;
            }
            chunk->n_rows++;
        }
        p = *p == '\n' ? p + 1 : gbt_next_line(p, chunk->end);
    }
}
