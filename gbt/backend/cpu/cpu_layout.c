/* Which features a tree may split on, which columns hold them, and where all of that lies in the
 * working set and in a histogram. */
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"

/* Cuts the working set into parts: part p has the stripes p, p + parts, ... */
static void lay_out_parts(gbt_backend *b)
{
    const int64_t n = b->sample.n_rows;
    const int64_t n_stripes = gbt_chunk_count(n, b->stripe);
    const int64_t short_of = n_stripes * b->stripe - n; /* rows that the last stripe lacks */
    int64_t at = 0;
    b->n_parts = n_stripes < b->config.threads ? (int32_t)n_stripes : b->config.threads;
    b->n_parts = b->n_parts < 1 ? 1 : b->n_parts;
    for (int32_t part = 0; part < b->config.threads; part++) {
        int64_t size = 0;
        if (part < b->n_parts && part < n_stripes) {
            const int64_t stripes = (n_stripes - 1 - part) / b->n_parts + 1;
            const bool has_last = (n_stripes - 1) % b->n_parts == part;
            size = stripes * b->stripe - (has_last ? short_of : 0);
        }
        gbt_cpu_runs(b, 0)[part] = (gbt_cpu_run){(uint32_t)at, (uint32_t)(at + size)};
        at += size;
    }
}

static bool is_sampled(const gbt_backend *b, int32_t feature)
{
    return b->sample.features == NULL || gbt_set_has(b->sample.features, feature);
}

/* Columns in use, listed ones or the others. */
static void add_columns(gbt_backend *b, bool is_listed)
{
    const gbt_bins *bins = &b->data->bins;
    for (int32_t c = 0; c < bins->n_columns; c++) {
        if (b->column_of[c] >= 0 && (b->is_listed[c] != 0) == is_listed) {
            b->column[b->n_columns] = (gbt_cpu_column){.source = c,
                                                       .n_codes = bins->n_codes[c],
                                                       .slot = b->n_slots,
                                                       .at = is_listed ? -1 : b->n_columns};
            b->n_slots += gbt_cpu_slots_of(bins->n_codes[c]);
            b->column_of[c] = b->n_columns++;
        }
    }
}

/* Features that the tree may split on, the columns that hold them, and where these lie. */
static void lay_out_columns(gbt_backend *b)
{
    const gbt_bins *bins = &b->data->bins;
    const gbt_cuts *cuts = b->data->cuts;
    memset(b->column_of, 0xff, (size_t)bins->n_columns * sizeof *b->column_of);
    for (int32_t f = 0; f < cuts->n_features; f++) {
        /* Plain columns stay even if they cannot be split: a whole row is copied faster. */
        if (is_sampled(b, f) && (b->is_usable[f] || bins->place[f].default_bin < 0)) {
            b->column_of[bins->place[f].column] = 0;
        }
    }
    b->n_columns = 0;
    b->n_slots = 0;
    add_columns(b, false);
    b->n_recorded = b->n_columns;
    add_columns(b, true);
    int32_t last_column = 0;
    b->n_features = 0;
    b->searches_by_share = true;
    for (int32_t f = 0; f < cuts->n_features; f++) {
        if (is_sampled(b, f) && b->is_usable[f]) {
            const int32_t column = b->column_of[bins->place[f].column];
            b->feature[b->n_features++] = (gbt_cpu_feature){
                .feature = f,
                .column = column,
                .slot = b->column[column].slot,
                .n_bins = cuts->n_bins[f],
                .is_categorical = cuts->is_categorical[f] != 0,
                .has_missing = bins->has_missing[f] != 0,
                .is_listed = b->column[column].at < 0,
                .place = bins->place[f],
            };
            b->searches_by_share &= column >= last_column;
            last_column = column;
        }
    }
}

/* Entries of features that the tree does not use go to slots that nobody reads. */
static void lay_out_entries(gbt_backend *b)
{
    b->waste_slot = b->n_slots;
    for (int32_t f = 0; f < b->n_away; f++) {
        b->entry_slot[f] = b->waste_slot;
    }
    for (int32_t i = 0; i < b->n_features && b->entry; i++) {
        const gbt_cpu_feature *feature = &b->feature[i];
        if (b->column[feature->column].at < 0) {
            b->entry_slot[feature->feature] = feature->slot + feature->place.first;
        }
    }
    b->n_slots += b->entry ? gbt_cpu_slots_of(GBT_CPU_MAX_CODES) : 0;
}

static void lay_out_record(gbt_backend *b)
{
    for (int32_t k = 0; k < b->n_recorded; k++) {
        b->picker.source[k] = b->column[k].source;
    }
    b->picker.n = b->n_recorded;
    gbt_picker_plan(&b->picker);
    const int32_t grad_bytes = b->quant.is_wide ? 8 : 4;
    b->grad_at = (b->n_recorded + grad_bytes - 1) / grad_bytes * grad_bytes;
    b->step = (b->grad_at + grad_bytes + 15) / 16 * 16;
}

void gbt_cpu_lay_out(gbt_backend *b)
{
    lay_out_columns(b);
    lay_out_entries(b);
    lay_out_record(b);
    lay_out_parts(b);
}

/* Should the column be counted, since the last tree looked at its rows in vain for longer than
 * counting them takes? Then so it stays. */
static bool needs_counts(gbt_backend *b, const gbt_cpu_column *column)
{
    enum { COUNTING = 2 }; /* passes over all rows, about, that counting costs a tree */
    _Atomic int64_t *looked = &b->looked[column->source];
    const bool is_slow = *looked > COUNTING * b->sample.n_rows;
    *looked = is_slow ? INT64_MAX : 0;
    return is_slow;
}

/* Columns whose rows must be counted beside the sums: none when hessians count rows. */
static void choose_counted(gbt_backend *b)
{
    const bool counts_all = b->counts_all || b->config.regular.path_smooth > 0.0;
    b->counts_entries = false;
    if (b->hess_least == b->hess_most && b->hess_most > 0) {
        return;
    }
    for (int32_t k = 0; k < b->n_columns; k++) {
        b->column[k].is_counted =
            counts_all || (k < b->n_recorded && needs_counts(b, &b->column[k]));
    }
    for (int32_t i = 0; i < b->n_features; i++) {
        if (b->feature[i].is_categorical) {
            b->column[b->feature[i].column].is_counted = true;
        }
    }
    for (int32_t k = b->n_recorded; k < b->n_columns; k++) {
        b->counts_entries |= b->column[k].is_counted;
    }
}

/* About the time that a column of a small node takes: some hundred rows, counted ones twice, and
 * its slots. */
static int64_t work_of(const gbt_cpu_column *column)
{
    enum { ROWS = 256 };
    return column->n_codes + (column->is_counted ? 2 * ROWS : ROWS);
}

/* Cuts the columns into one share a thread with about as much work each, and the features likewise.
 * A thread that builds, subtracts and searches the same columns of every small node finds them in
 * its own cache. */
static void lay_out_shares(gbt_backend *b)
{
    enum { LEAST_COLUMNS = 4 }; /* of a share: every share reads all rows */
    const int32_t most = b->n_columns / LEAST_COLUMNS;
    int32_t column = 0, feature = 0;
    int64_t all = 0, work = 0;
    b->n_shares = most < b->config.threads ? most : b->config.threads;
    b->n_shares = b->n_shares < 1 ? 1 : b->n_shares;
    for (int32_t k = 0; k < b->n_columns; k++) {
        all += work_of(&b->column[k]);
    }
    for (int32_t t = 0; t <= b->n_shares; t++) {
        while (column < b->n_columns && work * b->n_shares < all * t) {
            work += work_of(&b->column[column++]);
        }
        while (feature < b->n_features && b->feature[feature].column < column) {
            feature++;
        }
        b->share_column[t] = column;
        b->share_feature[t] = feature;
    }
    b->share_feature[b->n_shares] = b->n_features;
}

void gbt_cpu_share_columns(gbt_backend *b)
{
    choose_counted(b);
    lay_out_shares(b);
}
