/* Which features a tree may split on, which columns hold them, and where all of that lies in the
 * working set and in a histogram. */
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/alloc.h"

/* Codes of the shared columns, counted over rows [first, last) of the data set. */
typedef struct count_task {
    const gbt_backend *backend;
    int64_t *rows; /* [n_columns x GBT_CPU_MAX_CODES] */
} count_task;

static void count_columns(void *context, int64_t first, int64_t last, int thread)
{
    const count_task *task = context;
    const gbt_bins *bins = &task->backend->data->bins;
    (void)thread;
    for (int64_t row = 0; row < bins->n_rows; row++) {
        const uint8_t *code = bins->base + row * bins->row_step;
        for (int64_t c = first; c < last; c++) {
            task->rows[c * GBT_CPU_MAX_CODES + code[c]]++;
        }
    }
}

gbt_status gbt_cpu_find_usable(gbt_backend *b)
{
    enum { COLUMNS = 64 }; /* of one thread: two cache lines a row */
    const gbt_bins *bins = &b->data->bins;
    bool has_shared = false;
    int64_t *rows = NULL;
    for (int32_t f = 0; f < bins->n_features; f++) {
        b->is_usable[f] = b->data->cuts->n_bins[f] > 1 || bins->has_missing[f];
        has_shared |= bins->place[f].default_bin >= 0;
    }
    if (!has_shared) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW_ZERO(rows, (int64_t)bins->n_columns * GBT_CPU_MAX_CODES));
    count_task task = {b, rows};
    gbt_for_chunks(b->config.threads, bins->n_columns, COLUMNS, count_columns, &task);
    for (int32_t f = 0; f < bins->n_features; f++) {
        const gbt_bin_place *place = &bins->place[f];
        const int64_t *of_feature =
            rows + (int64_t)place->column * GBT_CPU_MAX_CODES + place->first;
        int64_t n = 0;
        for (int32_t i = 0; i < place->n_codes; i++) {
            n += of_feature[i];
        }
        b->is_usable[f] &= place->default_bin < 0 || n >= b->config.min_child_samples;
    }
    gbt_release(rows);
    return GBT_OK;
}

/* Cuts the working set into parts: part p has the blocks p, p + parts, ... */
static void lay_out_parts(gbt_backend *b)
{
    const int64_t n = b->sample.n_rows;
    const int64_t n_blocks = gbt_chunk_count(n, GBT_CPU_BLOCK_ROWS);
    const int64_t short_of = n_blocks * GBT_CPU_BLOCK_ROWS - n; /* rows that the last block lacks */
    int64_t at = 0;
    b->n_parts = n_blocks < b->config.threads ? (int32_t)n_blocks : b->config.threads;
    b->n_parts = b->n_parts < 1 ? 1 : b->n_parts;
    for (int32_t part = 0; part < b->config.threads; part++) {
        int64_t size = 0;
        if (part < b->n_parts && part < n_blocks) {
            const int64_t blocks = (n_blocks - 1 - part) / b->n_parts + 1;
            const bool has_last = (n_blocks - 1) % b->n_parts == part;
            size = blocks * GBT_CPU_BLOCK_ROWS - (has_last ? short_of : 0);
        }
        gbt_cpu_runs(b, 0)[part] = (gbt_cpu_run){(uint32_t)at, (uint32_t)(at + size)};
        at += size;
    }
}

static bool may_split(const gbt_backend *b, int32_t feature)
{
    const uint32_t *sampled = b->sample.features;
    return b->is_usable[feature] && (sampled == NULL || gbt_set_has(sampled, feature));
}

/* Features that the tree may split on, the columns that hold them, and where these lie. */
static void lay_out_columns(gbt_backend *b)
{
    const gbt_bins *bins = &b->data->bins;
    const gbt_cuts *cuts = b->data->cuts;
    memset(b->column_of, 0xff, (size_t)bins->n_columns * sizeof *b->column_of);
    for (int32_t f = 0; f < cuts->n_features; f++) {
        if (may_split(b, f)) {
            b->column_of[bins->place[f].column] = 0;
        }
    }
    b->n_columns = 0;
    b->n_slots = 0;
    for (int32_t c = 0; c < bins->n_columns; c++) {
        if (b->column_of[c] >= 0) {
            b->column[b->n_columns] = (gbt_cpu_column){c, bins->n_codes[c], b->n_slots, false};
            b->n_slots += gbt_cpu_slots_of(bins->n_codes[c]);
            b->column_of[c] = b->n_columns++;
        }
    }
    b->n_features = 0;
    for (int32_t f = 0; f < cuts->n_features; f++) {
        if (may_split(b, f)) {
            const int32_t column = b->column_of[bins->place[f].column];
            b->feature[b->n_features++] = (gbt_cpu_feature){
                .feature = f,
                .column = column,
                .slot = b->column[column].slot,
                .n_bins = cuts->n_bins[f],
                .is_categorical = cuts->is_categorical[f] != 0,
                .has_missing = bins->has_missing[f] != 0,
                .place = bins->place[f],
            };
        }
    }
}

static void lay_out_record(gbt_backend *b)
{
    const int32_t grad_bytes = b->quant.is_wide ? 8 : 4;
    b->grad_at = (b->n_columns + grad_bytes - 1) / grad_bytes * grad_bytes;
    b->step = (b->grad_at + grad_bytes + 15) / 16 * 16;
}

void gbt_cpu_lay_out(gbt_backend *b)
{
    lay_out_columns(b);
    lay_out_record(b);
    lay_out_parts(b);
}

/* None when hessians count rows. */
void gbt_cpu_choose_counted(gbt_backend *b)
{
    const bool counts_all = b->counts_all || b->config.regular.path_smooth > 0.0;
    b->n_counted = 0;
    if (b->hess_least == b->hess_most && b->hess_most > 0) {
        return;
    }
    for (int32_t k = 0; k < b->n_columns; k++) {
        b->column[k].is_counted = counts_all;
    }
    for (int32_t i = 0; i < b->n_features; i++) {
        if (b->feature[i].is_categorical) {
            b->column[b->feature[i].column].is_counted = true;
        }
    }
    for (int32_t k = 0; k < b->n_columns; k++) {
        if (b->column[k].is_counted) {
            b->counted[b->n_counted++] = k;
        }
    }
}
