/* The usual search of a numeric feature, regularised by lambda alone: its slots, in order of bins,
 * go to the scan of cpu_scan.c. */
#include "gbt/backend/cpu/cpu_split.h"

enum { FEW_BINS = 2 }; /* for which vectors take longer than plain C */

/* Slots of a feature in a shared column whose default bin is among the others. */
typedef union copied_slots {
    uint64_t word[GBT_CPU_MAX_CODES + 8];
    gbt_sum pair[GBT_CPU_MAX_CODES + 8];
} copied_slots;

/* Copies them in order of bins, the default bin, which holds the rest of the node, put in. */
static const void *copy_words(const gbt_cpu_view *view, const gbt_bin_place *place,
                              const uint64_t *slot, copied_slots *out)
{
    const int32_t at = place->default_bin;
    uint64_t rest = gbt_cpu_scan_node_word(&view->scan, view->histogram->format);
    for (int32_t i = 0; i < place->n_codes; i++) {
        out->word[i < at ? i : i + 1] = slot[i];
        rest -= slot[i];
    }
    out->word[at] = rest;
    return out->word;
}

static const void *copy_pairs(const gbt_cpu_view *view, const gbt_bin_place *place,
                              const gbt_sum *slot, copied_slots *out)
{
    const int32_t at = place->default_bin;
    gbt_sum rest = view->task->sum;
    for (int32_t i = 0; i < place->n_codes; i++) {
        out->pair[i < at ? i : i + 1] = slot[i];
        rest.grad -= slot[i].grad;
        rest.hess -= slot[i].hess;
    }
    out->pair[at] = rest;
    return out->pair;
}

/* Sets the slots in order of bins. A default bin 0, as most sparse features have, is left out. */
static void find_slots(const gbt_cpu_view *view, const gbt_cpu_feature *feature, gbt_cpu_scan *scan,
                       copied_slots *copy)
{
    const gbt_bin_place *place = &feature->place;
    const bool is_shared = place->default_bin >= 0;
    const int32_t first = feature->slot + (is_shared ? place->first : 0);
    const uint64_t *word = (const uint64_t *)view->histogram->slots + first;
    const gbt_sum *pair = (const gbt_sum *)view->histogram->slots + first;
    const bool is_wide = view->histogram->format == GBT_CPU_WIDE;
    scan->lacks_first = place->default_bin == 0;
    if (place->default_bin > 0) {
        scan->slots =
            is_wide ? copy_pairs(view, place, pair, copy) : copy_words(view, place, word, copy);
    } else {
        const int32_t back = scan->lacks_first ? 1 : 0;
        scan->slots = is_wide ? (const void *)(pair - back) : (const void *)(word - back);
    }
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
    const gbt_cpu_format format = view->histogram->format;
    copied_slots copy;
    gbt_cpu_scan scan = {.node = &view->scan, .n_bins = feature->n_bins, .floor = view->floor};
    find_slots(view, feature, &scan, &copy);
    if (feature->has_missing) {
        read_missing(scan.slots, feature->n_bins, format, &scan);
        scan.has_missing = scan.missing.grad != 0 || scan.missing.hess != 0;
        if (!scan.has_missing && scan.missing_rows > 0) {
            return gbt_cpu_search_exactly(view, feature,
                                          true); /* rows that weigh nothing but count */
        }
    }
    const gbt_cpu_scans *scans =
        feature->n_bins <= FEW_BINS ? &view->backend->few_scans : &view->backend->scans;
    const gbt_cpu_scanned best = scans->scan[format](&scan);
    return (gbt_cpu_found){best.sides, best.bin, best.missing_left, format == GBT_CPU_COUNTED};
}
