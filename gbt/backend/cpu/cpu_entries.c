/* Sparse columns: shared ones of which most rows have code 0, where no feature is away from its
 * default. They are not in the records. Every row lists its other codes once for all trees, and a
 * histogram adds up these alone: nobody reads the slot of code 0, as a default's sums are what the
 * feature's other bins leave of the node's. The rows of each feature and their hessians are summed
 * beside the slots: a feature whose rows off default are too few or too light for a side of their
 * own need not be searched in a node, nor in any below. Cost: two adds for each entry. */
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/alloc.h"

enum {
    LEAST_LISTED = 8, /* columns whose codes a histogram adds up as fast as a row's list is found */
    COLUMNS = 64,     /* that a thread surveys at a time: a cache line a row */
    CHUNK_ROWS = 1024, /* rows whose entries a thread lists at a time */
    AHEAD_ROWS = 8,
    MAX_FEATURES = 1 << 24, /* that an entry can tell apart */
    ENTRIES_OF_LINE = 16
};

int32_t gbt_cpu_n_away(const gbt_bins *bins)
{
    if (bins->n_features > MAX_FEATURES) {
        return 0;
    }
    for (int32_t f = 0; f < bins->n_features; f++) {
        if (bins->place[f].default_bin >= 0) {
            return bins->n_features;
        }
    }
    return 0;
}

/* Rows of every code but 0. */
typedef struct survey {
    const gbt_bins *bins;
    int64_t *rows; /* [n_columns x GBT_CPU_MAX_CODES] */
} survey;

static void count_columns(void *context, int64_t first, int64_t last, int thread)
{
    const survey *s = context;
    (void)thread;
    for (int64_t row = 0; row < s->bins->n_rows; row++) {
        const uint8_t *code = s->bins->base + row * s->bins->row_step;
        for (int32_t c = (int32_t)first; (c = gbt_cpu_next_set(code, c, (int32_t)last)) < last;
             c++) {
            s->rows[(int64_t)c * GBT_CPU_MAX_CODES + code[c]]++;
        }
    }
}

/* A feature of a shared column can be split only if enough rows are away from its default: with
 * sparse data that leaves out most features. */
static void find_usable(gbt_backend *b, const int64_t *rows)
{
    for (int32_t f = 0; f < b->data->bins.n_features; f++) {
        const gbt_bin_place *place = &b->data->bins.place[f];
        const int64_t *of_feature =
            rows + (int64_t)place->column * GBT_CPU_MAX_CODES + place->first;
        int64_t n = 0;
        for (int32_t i = 0; i < place->n_codes; i++) {
            n += of_feature[i];
        }
        b->is_usable[f] &= place->default_bin < 0 || n >= b->config.min_child_samples;
    }
}

/* Listed: usable shared columns in which at most 3 of 8 rows are away from the default, unless
 * these are few. */
static void choose_listed(gbt_backend *b, const int64_t *rows)
{
    const gbt_bins *bins = &b->data->bins;
    int32_t n = 0;
    for (int32_t f = 0; f < bins->n_features; f++) {
        const int32_t column = bins->place[f].column;
        int64_t away = 0;
        for (int32_t code = 1; code < bins->n_codes[column]; code++) {
            away += rows[(int64_t)column * GBT_CPU_MAX_CODES + code];
        }
        if (b->is_usable[f] && !b->is_listed[column] && bins->place[f].default_bin >= 0 &&
            away <= bins->n_rows / 8 * 3) {
            b->is_listed[column] = 1;
            n++;
        }
    }
    if (n < LEAST_LISTED) {
        memset(b->is_listed, 0, (size_t)bins->n_columns);
    }
}

/* The lists of all rows, while they are made. */
typedef struct listing {
    gbt_backend *backend;
    int32_t *feature_of; /* [n_columns x GBT_CPU_MAX_CODES] usable feature of a code, or -1 */
} listing;

/* Lists the row's entries from `to` on if there is room for them; returns how many there are. */
static int64_t list_row(const listing *l, int64_t row, uint32_t *to)
{
    const gbt_bins *bins = &l->backend->data->bins;
    const uint8_t *code = bins->base + row * bins->row_step;
    int64_t n = 0;
    for (int32_t c = 0; (c = gbt_cpu_next_set(code, c, bins->n_columns)) < bins->n_columns; c++) {
        const int32_t f = l->feature_of[c * GBT_CPU_MAX_CODES + code[c]];
        if (f < 0) {
            continue;
        }
        if (to) {
            to[n] = (uint32_t)f << 8 | (uint32_t)(code[c] - bins->place[f].first);
        }
        n++;
    }
    return n;
}

static void count_entries(void *context, int64_t first, int64_t last, int thread)
{
    const listing *l = context;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        l->backend->entry_start[row + 1] = list_row(l, row, NULL);
    }
}

static void write_entries(void *context, int64_t first, int64_t last, int thread)
{
    const listing *l = context;
    const gbt_backend *b = l->backend;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        (void)list_row(l, row, b->entry + b->entry_start[row]);
    }
}

static gbt_status map_codes(const gbt_backend *b, int32_t **out)
{
    const gbt_bins *bins = &b->data->bins;
    const int64_t n = (int64_t)bins->n_columns * GBT_CPU_MAX_CODES;
    int32_t *map = NULL;
    GBT_TRY(GBT_NEW(map, n));
    memset(map, 0xff, (size_t)n * sizeof *map);
    for (int32_t f = 0; f < bins->n_features; f++) {
        const gbt_bin_place *place = &bins->place[f];
        for (int32_t i = 0; i < place->n_codes && b->is_listed[place->column]; i++) {
            map[place->column * GBT_CPU_MAX_CODES + place->first + i] = b->is_usable[f] ? f : -1;
        }
    }
    *out = map;
    return GBT_OK;
}

static gbt_status list_rows(gbt_backend *b)
{
    gbt_status status = GBT_OK;
    const int64_t n = b->n_rows;
    listing l = {.backend = b};
    GBT_TRY_OR_DONE(map_codes(b, &l.feature_of));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b->entry_start, n + 1));
    gbt_for_chunks(b->config.threads, n, CHUNK_ROWS, count_entries, &l);
    for (int64_t row = 0; row < n; row++) {
        b->entry_start[row + 1] += b->entry_start[row];
    }
    GBT_TRY_OR_DONE(GBT_NEW(b->entry, b->entry_start[n]));
    gbt_for_chunks(b->config.threads, n, CHUNK_ROWS, write_entries, &l);
done:
    gbt_release(l.feature_of);
    return status;
}

gbt_status gbt_cpu_list_entries(gbt_backend *b)
{
    gbt_status status = GBT_OK;
    const gbt_bins *bins = &b->data->bins;
    int64_t *rows = NULL;
    for (int32_t f = 0; f < bins->n_features; f++) {
        b->is_usable[f] = b->data->cuts->n_bins[f] > 1 || bins->has_missing[f];
    }
    if (gbt_cpu_n_away(bins) == 0) {
        return GBT_OK;
    }
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(rows, (int64_t)bins->n_columns * GBT_CPU_MAX_CODES));
    survey s = {bins, rows};
    gbt_for_chunks(b->config.threads, bins->n_columns, COLUMNS, count_columns, &s);
    find_usable(b, rows);
    choose_listed(b, rows);
    if (memchr(b->is_listed, 1, (size_t)bins->n_columns)) {
        GBT_TRY_OR_DONE(list_rows(b));
    }
done:
    gbt_release(rows);
    return status;
}

int64_t gbt_cpu_entry_bytes(const gbt_dataset *data)
{
    const gbt_bins *bins = &data->bins;
    if (gbt_cpu_n_away(bins) == 0) {
        return 0;
    }
    int64_t n = 0;
    for (int64_t row = 0; row < bins->n_rows; row++) {
        const uint8_t *code = bins->base + row * bins->row_step;
        for (int32_t c = 0; (c = gbt_cpu_next_set(code, c, bins->n_columns)) < bins->n_columns;
             c++) {
            n++;
        }
    }
    return n * (int64_t)sizeof(uint32_t) + (bins->n_rows + 1) * (int64_t)sizeof(int64_t);
}

/* The next rows' lists lie anywhere: ask for them in time. */
static inline void prefetch(const gbt_backend *b, int64_t position, int64_t last)
{
    if (position < last) {
        const uint32_t row = b->row[position];
        for (int64_t at = b->entry_start[row]; at < b->entry_start[row + 1];
             at += ENTRIES_OF_LINE) {
            __builtin_prefetch(b->entry + at);
        }
    }
}

void gbt_cpu_measure_away(gbt_backend *b)
{
    const uint64_t rows = (uint64_t)b->sample.n_rows;
    b->away_shift = 0;
    while (rows * (((uint64_t)b->hess_most >> b->away_shift) + 1) > UINT32_MAX) {
        b->away_shift++;
    }
}

/* What a row adds to `away`: its hessian, rounded up to whole units, in the high half, 1 in the
 * low one. */
static inline uint64_t away_of(const gbt_backend *b, int64_t hess)
{
    const uint64_t up = ((uint64_t)1 << b->away_shift) - 1;
    return (((uint64_t)hess + up) >> b->away_shift << 32) + 1;
}

bool gbt_cpu_has_few_away(const gbt_backend *b, const gbt_cpu_feature *feature, uint64_t away)
{
    if ((int64_t)(away & UINT32_MAX) < b->config.min_child_samples) {
        return true;
    }
    /* with cat_l2, a category may do with less hessian than least_hess */
    return !feature->is_categorical && (int64_t)(away >> 32 << b->away_shift) < b->least_hess;
}

static void add_words(const gbt_backend *b, int64_t first, int64_t last, uint64_t *restrict slots,
                      const gbt_cpu_histogram *histogram)
{
    const bool is_counted = histogram->format == GBT_CPU_COUNTED;
    const int32_t *slot_of = histogram->entry_slot;
    uint64_t *restrict away = histogram->away;
    for (int64_t i = first; i < last; i++) {
        uint32_t gradient;
        prefetch(b, i + AHEAD_ROWS, last);
        memcpy(&gradient, b->record + i * b->step + b->grad_at, sizeof gradient);
        const int64_t grad = (int32_t)gradient >> 16;
        const int64_t hess = gradient & 0xffff;
        const uint64_t word =
            is_counted ? gbt_cpu_pack_counted(grad, hess, 1) : gbt_cpu_pack(grad, hess);
        const uint64_t one_away = away_of(b, hess);
        const uint32_t *end = b->entry + b->entry_start[b->row[i] + 1];
        for (const uint32_t *at = b->entry + b->entry_start[b->row[i]]; at < end; at++) {
            slots[slot_of[*at >> 8] + (int32_t)(*at & 255)] += word;
            away[*at >> 8] += one_away;
        }
    }
}

static void add_pairs(const gbt_backend *b, int64_t first, int64_t last, gbt_sum *restrict slots,
                      const gbt_cpu_histogram *histogram)
{
    const int32_t *slot_of = histogram->entry_slot;
    uint64_t *restrict away = histogram->away;
    for (int64_t i = first; i < last; i++) {
        int32_t pair[2];
        prefetch(b, i + AHEAD_ROWS, last);
        memcpy(pair, b->record + i * b->step + b->grad_at, sizeof pair);
        const uint64_t one_away = away_of(b, pair[1]);
        const uint32_t *end = b->entry + b->entry_start[b->row[i] + 1];
        for (const uint32_t *at = b->entry + b->entry_start[b->row[i]]; at < end; at++) {
            gbt_sum *slot = &slots[slot_of[*at >> 8] + (int32_t)(*at & 255)];
            slot->grad += pair[0];
            slot->hess += pair[1];
            away[*at >> 8] += one_away;
        }
    }
}

static void count_rows(const gbt_backend *b, int64_t first, int64_t last, uint32_t *rows)
{
    for (int64_t i = first; i < last; i++) {
        const uint32_t *end = b->entry + b->entry_start[b->row[i] + 1];
        for (const uint32_t *at = b->entry + b->entry_start[b->row[i]]; at < end; at++) {
            rows[b->entry_slot[*at >> 8] + (int32_t)(*at & 255)]++;
        }
    }
}

void gbt_cpu_add_entries(const gbt_backend *b, int64_t first, int64_t n, void *slots,
                         const gbt_cpu_histogram *histogram)
{
    if (b->quant.is_wide) {
        add_pairs(b, first, first + n, slots, histogram);
    } else {
        add_words(b, first, first + n, slots, histogram);
    }
    if (b->counts_entries && histogram->format != GBT_CPU_COUNTED) {
        count_rows(b, first, first + n, histogram->rows);
    }
}
