/* One feature of one node out of its histogram, bin by bin: sums in one form whatever the
 * format, and row counts when asked for. For searches that need more than a scan of slots. */
#include <string.h>

#include "gbt/backend/cpu/cpu_split.h"

/* Sums of codes [first, first + n) of the feature's column. */
static void read_sums(const gbt_cpu_view *view, const gbt_cpu_feature *feature, gbt_sum *sum)
{
    const gbt_cpu_histogram *histogram = view->histogram;
    const int32_t first = feature->slot + feature->place.first;
    for (int32_t i = 0; i < feature->place.n_codes; i++) {
        if (histogram->format == GBT_CPU_WIDE) {
            sum[i] = ((const gbt_sum *)histogram->slots)[first + i];
            continue;
        }
        const uint64_t word = ((const uint64_t *)histogram->slots)[first + i];
        sum[i] = histogram->format == GBT_CPU_PACKED
                     ? (gbt_sum){gbt_cpu_packed_grad(word), gbt_cpu_packed_hess(word)}
                     : (gbt_sum){gbt_cpu_counted_grad(word), gbt_cpu_counted_hess(word)};
    }
}

/* Rows of the same codes: from the words, from hessians that are all equal, from the counts
 * beside the sums, or by a pass over the node's rows. */
static void read_rows(const gbt_cpu_view *view, const gbt_cpu_feature *feature, const gbt_sum *sum,
                      uint32_t *rows)
{
    const gbt_backend *b = view->backend;
    const gbt_cpu_histogram *histogram = view->histogram;
    const int32_t first = feature->slot + feature->place.first;
    const int32_t n = feature->place.n_codes;
    if (histogram->format == GBT_CPU_COUNTED) {
        for (int32_t i = 0; i < n; i++) {
            rows[i] =
                (uint32_t)gbt_cpu_counted_rows(((const uint64_t *)histogram->slots)[first + i]);
        }
    } else if (b->hess_least == b->hess_most && b->hess_most > 0) {
        for (int32_t i = 0; i < n; i++) {
            rows[i] = (uint32_t)(sum[i].hess / b->hess_most);
        }
    } else if (b->column[feature->column].is_counted) {
        memcpy(rows, histogram->rows + first, (size_t)n * sizeof *rows);
    } else {
        uint32_t by_code[GBT_CPU_MAX_CODES];
        gbt_cpu_count_column(b, view->task->node, feature->column, by_code, NULL);
        memcpy(rows, by_code + feature->place.first, (size_t)n * sizeof *rows);
    }
}

/* The node has no histogram: sums and rows from its rows. */
static void read_records(const gbt_cpu_view *view, const gbt_cpu_feature *feature, gbt_sum *sum,
                         uint32_t *rows)
{
    uint32_t rows_of_code[GBT_CPU_MAX_CODES];
    gbt_sum sum_of_code[GBT_CPU_MAX_CODES];
    gbt_cpu_count_column(view->backend, view->task->node, feature->column, rows_of_code,
                         sum_of_code);
    memcpy(sum, sum_of_code + feature->place.first, (size_t)feature->place.n_codes * sizeof *sum);
    memcpy(rows, rows_of_code + feature->place.first,
           (size_t)feature->place.n_codes * sizeof *rows);
}

/* Shared column: makes room for the default bin, which holds what the other bins leave of the
 * node. */
static void insert_default(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                           gbt_cpu_unpacked *out)
{
    const int32_t at = feature->place.default_bin;
    const int32_t n = feature->place.n_codes;
    gbt_sum sum = view->task->sum;
    int64_t rows = view->task->n_rows;
    for (int32_t i = 0; i < n; i++) {
        sum.grad -= out->sum[i].grad;
        sum.hess -= out->sum[i].hess;
        rows -= out->rows[i];
    }
    memmove(out->sum + at + 1, out->sum + at, (size_t)(n - at) * sizeof *out->sum);
    memmove(out->rows + at + 1, out->rows + at, (size_t)(n - at) * sizeof *out->rows);
    out->sum[at] = sum;
    out->rows[at] = (uint32_t)rows;
}

void gbt_cpu_unpack(const gbt_cpu_view *view, const gbt_cpu_feature *feature, bool needs_rows,
                    gbt_cpu_unpacked *out)
{
    const bool is_shared = feature->place.default_bin >= 0;
    const int32_t n = feature->place.n_codes + (is_shared ? 1 : 0);
    out->has_rows = needs_rows || view->histogram == NULL;
    if (view->histogram == NULL) {
        read_records(view, feature, out->sum, out->rows);
    } else {
        read_sums(view, feature, out->sum);
        if (needs_rows) {
            read_rows(view, feature, out->sum, out->rows);
        } else {
            memset(out->rows, 0, (size_t)n * sizeof *out->rows);
        }
    }
    if (is_shared) {
        insert_default(view, feature, out);
    }
    for (int32_t bin = n; bin <= feature->n_bins; bin++) {
        out->sum[bin] = (gbt_sum){0, 0};
        out->rows[bin] = 0;
    }
}
