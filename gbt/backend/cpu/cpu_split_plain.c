/* The usual search of a numeric feature, regularised by lambda alone: its slots, in order of bins,
 * go to the scan of cpu_scan.c. */
#include "gbt/backend/cpu/cpu_split.h"

/* Slots of a shared column's feature in order of bins, the default bin put in. */
typedef union ordered_slots {
    uint64_t word[GBT_CPU_MAX_CODES + 8];
    gbt_sum pair[GBT_CPU_MAX_CODES + 8];
} ordered_slots;

/* NULL: too little is away from the default for a side of its own, as with most sparse features in
 * most nodes. */
static const void *order_slots(const gbt_cpu_view *view, const gbt_cpu_feature *feature,
                               ordered_slots *out)
{
    const gbt_backend *b = view->backend;
    const gbt_cpu_format format = view->histogram->format;
    const int32_t first = feature->slot + feature->place.first;
    const int32_t at = feature->place.default_bin;
    const int32_t n = feature->place.n_codes;
    const gbt_sum sum = view->task->sum;
    if (format == GBT_CPU_WIDE) {
        const gbt_sum *slot = (const gbt_sum *)view->histogram->slots + first;
        gbt_sum away = {0, 0};
        for (int32_t i = 0; i < n; i++) {
            out->pair[i < at ? i : i + 1] = slot[i];
            away.grad += slot[i].grad;
            away.hess += slot[i].hess;
        }
        out->pair[at] = (gbt_sum){sum.grad - away.grad, sum.hess - away.hess};
        return away.hess >= b->least_hess ? out->pair : NULL;
    }
    const uint64_t *slot = (const uint64_t *)view->histogram->slots + first;
    uint64_t away = 0;
    for (int32_t i = 0; i < n; i++) {
        away += slot[i];
    }
    const bool is_counted = format == GBT_CPU_COUNTED;
    if (is_counted ? gbt_cpu_counted_rows(away) < b->config.min_child_samples
                   : gbt_cpu_packed_hess(away) < b->least_hess) {
        return NULL;
    }
    for (int32_t i = 0; i < n; i++) {
        out->word[i < at ? i : i + 1] = slot[i];
    }
    out->word[at] = (is_counted ? gbt_cpu_pack_counted(sum.grad, sum.hess, view->task->n_rows)
                                : gbt_cpu_pack(sum.grad, sum.hess)) -
                    away;
    return out->word;
}

/* Sums and rows (counted format only) of the missing bin. */
static void read_missing(const void *slots, int32_t n_bins, gbt_cpu_format format,
                         gbt_cpu_scan *scan)
{
    if (format == GBT_CPU_WIDE) {
        scan->missing = ((const gbt_sum *)slots)[n_bins];
        return;
    }
    const uint64_t word = ((const uint64_t *)slots)[n_bins];
    if (format == GBT_CPU_PACKED) {
        scan->missing = (gbt_sum){gbt_cpu_packed_grad(word), gbt_cpu_packed_hess(word)};
    } else {
        scan->missing = (gbt_sum){gbt_cpu_counted_grad(word), gbt_cpu_counted_hess(word)};
        scan->missing_rows = gbt_cpu_counted_rows(word);
    }
}

gbt_cpu_found gbt_cpu_search_plain(const gbt_cpu_view *view, const gbt_cpu_feature *feature)
{
    const gbt_backend *b = view->backend;
    const gbt_cpu_format format = view->histogram->format;
    ordered_slots ordered;
    const void *slots =
        feature->place.default_bin >= 0 ? order_slots(view, feature, &ordered)
        : format == GBT_CPU_WIDE
            ? (const void *)((const gbt_sum *)view->histogram->slots + feature->slot)
            : (const void *)((const uint64_t *)view->histogram->slots + feature->slot);
    if (slots == NULL) {
        return (gbt_cpu_found){view->floor, 0, false, true};
    }
    gbt_cpu_scan scan = {
        .slots = slots,
        .n_bins = feature->n_bins,
        .sum = view->task->sum,
        .least_hess = b->least_hess,
        .n_rows = view->task->n_rows,
        .least_rows = b->config.min_child_samples,
        .grad_unit = b->quant.grad_unit,
        .hess_unit = b->quant.hess_unit,
        .lambda = b->config.regular.lambda,
        .floor = view->floor,
    };
    if (feature->has_missing) {
        read_missing(scan.slots, feature->n_bins, format, &scan);
        scan.has_missing = scan.missing.grad != 0 || scan.missing.hess != 0;
        if (!scan.has_missing && scan.missing_rows > 0) {
            return gbt_cpu_search_exactly(view, feature,
                                          true); /* rows that weigh nothing but count */
        }
    }
    const gbt_cpu_scanned best = b->scans.scan[format](&scan);
    return (gbt_cpu_found){best.sides, best.bin, best.missing_left, format == GBT_CPU_COUNTED};
}
