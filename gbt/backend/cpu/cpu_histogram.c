/* Histograms from rows: eight columns at a time over blocks of records that stay in the cache,
 * one add to memory for each row and column. Decides nothing: which nodes, by which thread, is
 * in cpu_build.c.
 *
 * The narrow kernel adds one 64-bit word, the wide one a pair of 64-bit integers; either way it
 * is one store, and one store a cycle is what bounds it. Measured: 1.1 cycles for each row and
 * column. Narrow sums of nodes with more rows than a packed word holds are folded into pairs in
 * time. */
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

enum { GROUP = 8, BLOCK_BYTES = 262144, AHEAD_BYTES = 3072 };

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The records of the next groups come from the second cache: ask for them in time. */
#define PREFETCH(at) __builtin_prefetch((const char *)((uintptr_t)(at) + AHEAD_BYTES))

/* Makes the value one register: else clang adds its parts to every slot one by one. */
#define ONE_VALUE(word) __asm__("" : "+r"(word))

/* Two int64 added at once, where the compiler has vectors for it. */
typedef int64_t pair64 __attribute__((vector_size(16), may_alias));

/* Rows of one block and the slots of up to eight columns side by side in its records. */
typedef struct group {
    const uint8_t *record; /* of the first row, at the group's first column */
    int64_t n, step;
    int64_t grad_at; /* from `record` */
    void *slots[GROUP];
} group;

#define SLOTS_OF(type, g)                                                                    \
    type *s0 = (g)->slots[0], *s1 = (g)->slots[1], *s2 = (g)->slots[2], *s3 = (g)->slots[3]; \
    type *s4 = (g)->slots[4], *s5 = (g)->slots[5], *s6 = (g)->slots[6], *s7 = (g)->slots[7]

/* Column k of the group, if it has that many; its code is the lowest byte left in `codes`. */
#define ADD(k, value)               \
    if (n_columns > (k)) {          \
        s##k[codes & 255] += value; \
        codes >>= 8;                \
    }

/* Adds to the first `n_columns` columns; it and the format are constants where this is inlined. */
static ALWAYS_INLINE void add_words(const group *g, gbt_cpu_format format, int n_columns)
{
    const int64_t step = g->step, grad_at = g->grad_at; /* read once: slots might alias them */
    const uint8_t *at = g->record;
    const uint8_t *end = at + g->n * step;
    SLOTS_OF(uint64_t, g);
    for (; at < end; at += step) {
        uint32_t gradient;
        uint64_t codes;
        PREFETCH(at);
        memcpy(&gradient, at + grad_at, sizeof gradient);
        memcpy(&codes, at, sizeof codes);
        const int64_t grad = (int32_t)gradient >> 16;
        const int64_t hess = gradient & 0xffff;
        uint64_t word = format == GBT_CPU_COUNTED ? gbt_cpu_pack_counted(grad, hess, 1)
                                                  : gbt_cpu_pack(grad, hess);
        ONE_VALUE(word);
        ADD(0, word)
        ADD(1, word)
        ADD(2, word)
        ADD(3, word)
        ADD(4, word)
        ADD(5, word)
        ADD(6, word)
        ADD(7, word)
    }
}

static ALWAYS_INLINE void add_pairs(const group *g, int n_columns)
{
    const int64_t step = g->step, grad_at = g->grad_at; /* read once: slots might alias them */
    const uint8_t *at = g->record;
    const uint8_t *end = at + g->n * step;
    SLOTS_OF(pair64, g);
    for (; at < end; at += step) {
        int32_t gradient[2];
        uint64_t codes;
        PREFETCH(at);
        memcpy(gradient, at + grad_at, sizeof gradient);
        memcpy(&codes, at, sizeof codes);
        const pair64 pair = {gradient[0], gradient[1]};
        ADD(0, pair)
        ADD(1, pair)
        ADD(2, pair)
        ADD(3, pair)
        ADD(4, pair)
        ADD(5, pair)
        ADD(6, pair)
        ADD(7, pair)
    }
}

/* One loop for each number of columns. */
#define CHOOSE(n_columns, CALL) \
    switch (n_columns) {        \
    case 1:                     \
        CALL(1);                \
        break;                  \
    case 2:                     \
        CALL(2);                \
        break;                  \
    case 3:                     \
        CALL(3);                \
        break;                  \
    case 4:                     \
        CALL(4);                \
        break;                  \
    case 5:                     \
        CALL(5);                \
        break;                  \
    case 6:                     \
        CALL(6);                \
        break;                  \
    case 7:                     \
        CALL(7);                \
        break;                  \
    default:                    \
        CALL(8);                \
        break;                  \
    }

#define CALL_PACKED(n) add_words(g, GBT_CPU_PACKED, n)
#define CALL_COUNTED(n) add_words(g, GBT_CPU_COUNTED, n)
#define CALL_WIDE(n) add_pairs(g, n)

static void add_packed(const group *g, int n_columns)
{
    CHOOSE(n_columns, CALL_PACKED)
}

static void add_counted(const group *g, int n_columns)
{
    CHOOSE(n_columns, CALL_COUNTED)
}

static void add_wide(const group *g, int n_columns)
{
    CHOOSE(n_columns, CALL_WIDE)
}

/* Adds the rows of each of n codes that are `step` bytes apart. Four tables: neighbours often have
 * the same code, and an add to memory waits for the last one to the same place. */
static void count_codes(const uint8_t *code, int64_t step, int64_t n, int32_t n_codes,
                        uint32_t *rows)
{
    enum { TABLES = 4, FEW_ROWS = 256 };
    uint32_t table[TABLES][GBT_CPU_MAX_CODES];
    int64_t i = 0;
    if (n >= FEW_ROWS) {
        memset(table, 0, sizeof table);
        for (; i + TABLES <= n; i += TABLES, code += TABLES * step) {
            table[0][code[0]]++;
            table[1][code[step]]++;
            table[2][code[2 * step]]++;
            table[3][code[3 * step]]++;
        }
        for (int32_t k = 0; k < n_codes; k++) {
            rows[k] += table[0][k] + table[1][k] + table[2][k] + table[3][k];
        }
    }
    for (; i < n; i++, code += step) {
        rows[*code]++;
    }
}

/* Adds the rows of each code in the counted columns of the records. */
static void count_block(const gbt_backend *b, gbt_cpu_range columns, const uint8_t *record,
                        int64_t n, uint32_t *rows)
{
    for (int32_t k = columns.first; k < columns.last && k < b->n_recorded; k++) {
        const gbt_cpu_column *column = &b->column[k];
        if (column->is_counted) {
            count_codes(record + column->at, b->step, n, column->n_codes, rows + column->slot);
        }
    }
}

/* Adds n records to the columns. Sums go to `slots`: words, to be folded later if the histogram is
 * wide, or pairs when the gradients are. Where the format holds no counts, rows of the counted
 * columns are counted beside them. */
static void add_records(const gbt_backend *b, gbt_cpu_range columns, int64_t first, int64_t n,
                        void *slots, const gbt_cpu_histogram *histogram)
{
    const int32_t end = columns.last < b->n_recorded ? columns.last : b->n_recorded;
    const int64_t slot_bytes =
        b->quant.is_wide ? (int64_t)sizeof(gbt_sum) : (int64_t)sizeof(uint64_t);
    const int64_t block_rows = BLOCK_BYTES / b->step > 16 ? BLOCK_BYTES / b->step : 16;
    for (int64_t row = 0; row < n; row += block_rows) {
        const uint8_t *record = b->record + (first + row) * b->step;
        const int64_t n_block = n - row < block_rows ? n - row : block_rows;
        for (int32_t k = columns.first; k < end; k += GROUP) {
            const int32_t n_columns = end - k < GROUP ? end - k : GROUP;
            group g = {record + k, n_block, b->step, b->grad_at - k, {0}};
            for (int32_t i = 0; i < GROUP; i++) {
                const int32_t column = k + (i < n_columns ? i : 0);
                g.slots[i] = (char *)slots + b->column[column].slot * slot_bytes;
            }
            if (b->quant.is_wide) {
                add_wide(&g, n_columns);
            } else if (histogram->format == GBT_CPU_COUNTED) {
                add_counted(&g, n_columns);
            } else {
                add_packed(&g, n_columns);
            }
        }
        if (histogram->format != GBT_CPU_COUNTED) {
            count_block(b, columns, record, n_block, histogram->rows);
        }
    }
    if (gbt_cpu_has_entries(b, columns)) {
        gbt_cpu_add_entries(b, first, n, slots, histogram);
    }
}

/* Moves packed words into pairs and clears them. */
GBT_CLONES static void fold(uint64_t *restrict packed, gbt_sum *restrict wide, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        wide[i].grad += gbt_cpu_packed_grad(packed[i]);
        wide[i].hess += gbt_cpu_packed_hess(packed[i]);
        packed[i] = 0;
    }
}

/* The slots of the listed features that a narrowed histogram keeps, and the waste bin. */
static void clear_open(const gbt_backend *b, gbt_cpu_histogram *histogram, size_t slot_bytes)
{
    const int32_t n = b->n_features;
    char *slots = histogram->slots;
    for (int32_t i = 0; (i = gbt_cpu_next_set(histogram->open, i, n)) < n; i++) {
        const gbt_cpu_feature *feature = &b->feature[i];
        if (feature->is_listed) {
            const int32_t first = feature->slot + feature->place.first;
            memset(slots + (size_t)first * slot_bytes, 0,
                   (size_t)feature->place.n_codes * slot_bytes);
        }
    }
    memset(slots + (size_t)b->waste_slot * slot_bytes, 0, GBT_CPU_MAX_CODES * slot_bytes);
}

static void clear(const gbt_backend *b, gbt_cpu_range columns, gbt_cpu_histogram *histogram)
{
    const size_t slot_bytes =
        histogram->format == GBT_CPU_WIDE ? sizeof(gbt_sum) : sizeof(uint64_t);
    const gbt_cpu_range slots = gbt_cpu_whole_slots(b, columns, histogram);
    memset((char *)histogram->slots + (size_t)slots.first * slot_bytes, 0,
           (size_t)(slots.last - slots.first) * slot_bytes);
    if (gbt_cpu_has_entries(b, columns)) {
        memset(histogram->away, 0, (size_t)b->n_away * sizeof *histogram->away);
    }
    if (histogram->is_narrowed && gbt_cpu_has_entries(b, columns)) {
        clear_open(b, histogram, slot_bytes);
    }
    for (int32_t k = columns.first; k < columns.last; k++) {
        const gbt_cpu_column *column = &b->column[k];
        if (column->is_counted && histogram->format != GBT_CPU_COUNTED) {
            memset(histogram->rows + column->slot, 0, (size_t)column->n_codes * sizeof(uint32_t));
        }
    }
}

/* Narrow gradients, more rows than packed words hold: in pieces, folded one by one. */
static void add_folded(const gbt_backend *b, gbt_cpu_range columns, int64_t first, int64_t n,
                       const gbt_cpu_histogram *histogram, uint64_t *packed)
{
    const gbt_cpu_range slots = gbt_cpu_slots(b, columns);
    for (int64_t row = 0; row < n; row += GBT_CPU_PACKED_ROWS) {
        const int64_t piece = n - row < GBT_CPU_PACKED_ROWS ? n - row : GBT_CPU_PACKED_ROWS;
        add_records(b, columns, first + row, piece, packed, histogram);
        fold(packed + slots.first, (gbt_sum *)histogram->slots + slots.first,
             slots.last - slots.first);
    }
}

gbt_cpu_format gbt_cpu_format_of(const gbt_backend *b, int64_t n_rows)
{
    if (b->quant.is_wide || n_rows > GBT_CPU_PACKED_ROWS) {
        return GBT_CPU_WIDE;
    }
    return n_rows > GBT_CPU_COUNTED_ROWS ? GBT_CPU_PACKED : GBT_CPU_COUNTED;
}

void gbt_cpu_add_rows(const gbt_backend *b, gbt_cpu_range columns, gbt_cpu_range parts,
                      int32_t node, int thread, gbt_cpu_histogram *histogram)
{
    const bool folds = histogram->format == GBT_CPU_WIDE && !b->quant.is_wide;
    clear(b, columns, histogram);
    for (int32_t part = parts.first; part < parts.last; part++) {
        const gbt_cpu_run run = gbt_cpu_runs(b, node)[part];
        const int64_t n = (int64_t)run.last - run.first;
        if (folds) {
            add_folded(b, columns, run.first, n, histogram, b->packed[thread]);
        } else {
            add_records(b, columns, run.first, n, histogram->slots, histogram);
        }
    }
}

/* Sums of the codes of one column over records [first, last). */
static void sum_codes(const gbt_backend *b, int64_t first, int64_t last,
                      const gbt_cpu_column *column, gbt_sum *sums)
{
    for (int64_t at = first; at < last; at++) {
        const uint8_t *gradient = b->record + at * b->step + b->grad_at;
        gbt_sum *sum = &sums[gbt_cpu_code(b, column, at)];
        if (b->quant.is_wide) {
            int32_t pair[2];
            memcpy(pair, gradient, sizeof pair);
            sum->grad += pair[0];
            sum->hess += pair[1];
        } else {
            uint32_t pair;
            memcpy(&pair, gradient, sizeof pair);
            sum->grad += (int32_t)pair >> 16;
            sum->hess += pair & 0xffff;
        }
    }
}

void gbt_cpu_count_column(const gbt_backend *b, int32_t node, int32_t column_number, uint32_t *rows,
                          gbt_sum *sums)
{
    const gbt_cpu_column *column = &b->column[column_number];
    memset(rows, 0, GBT_CPU_MAX_CODES * sizeof *rows);
    if (sums) {
        memset(sums, 0, GBT_CPU_MAX_CODES * sizeof *sums);
    }
    for (int32_t part = 0; part < b->n_parts; part++) {
        const gbt_cpu_run run = gbt_cpu_runs(b, node)[part];
        if (column->at >= 0) {
            count_codes(b->record + run.first * b->step + column->at, b->step,
                        (int64_t)run.last - run.first, column->n_codes, rows);
        } else {
            for (int64_t at = run.first; at < run.last; at++) {
                rows[gbt_cpu_code(b, column, at)]++;
            }
        }
        if (sums) {
            sum_codes(b, run.first, run.last, column, sums);
        }
    }
}

void gbt_cpu_list_left(const gbt_backend *b, const gbt_split *split, uint8_t *is_left)
{
    const gbt_bin_place *place = &b->data->bins.place[split->feature];
    const int32_t n_bins = b->data->cuts->n_bins[split->feature];
    const int32_t n_codes = b->data->bins.n_codes[place->column];
    if (!split->categorical && place->default_bin < 0) {
        memset(is_left, 1, (size_t)split->bin + 1);
        memset(is_left + split->bin + 1, 0, GBT_CPU_MAX_CODES - 1 - (size_t)split->bin);
        is_left[n_bins] = split->missing_left;
        return;
    }
    for (int32_t code = 0; code < n_codes; code++) {
        is_left[code] = gbt_split_goes_left(split, gbt_bin_of_code(place, code), n_bins);
    }
}

bool gbt_cpu_has_rows(const gbt_backend *b, int32_t node, const gbt_split *split, int64_t least)
{
    enum { ROWS = 256 }; /* between two looks at the counts */
    uint8_t is_left[GBT_CPU_MAX_CODES];
    const gbt_cpu_column *column =
        &b->column[b->column_of[b->data->bins.place[split->feature].column]];
    int64_t n_left = 0, n_seen = 0;
    gbt_cpu_list_left(b, split, is_left);
    for (int32_t part = 0; part < b->n_parts; part++) {
        const gbt_cpu_run run = gbt_cpu_runs(b, node)[part];
        for (int64_t first = run.first; first < run.last; first += ROWS) {
            const int64_t last = run.last - first < ROWS ? run.last : first + ROWS;
            for (int64_t at = first; at < last; at++) {
                n_left += is_left[gbt_cpu_code(b, column, at)];
            }
            n_seen += last - first;
            if (n_left >= least && n_seen - n_left >= least) {
                return true;
            }
        }
    }
    return false;
}
