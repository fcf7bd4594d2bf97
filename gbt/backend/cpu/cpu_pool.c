/* The pool of histograms: one per live node, at most as many as the bound on bytes allows. When
 * all are taken, the one unused for longest is dropped; its node's is made from rows again when
 * it is needed. A histogram begins with the features that were open in the parent. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/alloc.h"

/* That are cleared and subtracted in a row in the time of one feature's own. */
enum { SLOTS_OF_A_FEATURE = 128 };

/* All columns, and the waste bin of cpu_entries.c. */
static int32_t most_slots(const gbt_bins *bins)
{
    int32_t n = gbt_cpu_slots_of(GBT_CPU_MAX_CODES);
    for (int32_t c = 0; c < bins->n_columns; c++) {
        n += gbt_cpu_slots_of(bins->n_codes[c]);
    }
    return n;
}

/* Bytes of one histogram: sums, away, rows, slots of entries, open features; whole cache lines. */
static int64_t histogram_bytes(int32_t n_slots, const gbt_bins *bins)
{
    return ((int64_t)n_slots * (int64_t)(sizeof(gbt_sum) + sizeof(uint32_t)) +
            gbt_cpu_n_away(bins) * (int64_t)(sizeof(uint64_t) + sizeof(int32_t)) +
            bins->n_features + 63) /
           64 * 64;
}

static int64_t packed_bytes(int32_t n_slots)
{
    return ((int64_t)n_slots * (int64_t)sizeof(uint64_t) + 63) / 64 * 64;
}

/* More than one a leaf is never of use. */
static int32_t pool_size(const gbt_backend_config *config, int64_t bytes_each)
{
    const int64_t most = config->max_nodes / 2 + 2;
    int64_t n = config->histogram_bytes / (bytes_each + 1);
    n = n > most ? most : n;
    return n < GBT_CPU_LEAST_HISTOGRAMS ? GBT_CPU_LEAST_HISTOGRAMS : (int32_t)n;
}

int64_t gbt_cpu_pool_bytes(const gbt_backend_config *config, const gbt_dataset *data)
{
    const int32_t n_slots = most_slots(&data->bins);
    const int64_t each = histogram_bytes(n_slots, &data->bins);
    return (pool_size(config, each) + config->threads) * each +
           config->threads * packed_bytes(n_slots);
}

static gbt_cpu_histogram place_histogram(const gbt_backend *b, char **at)
{
    uint64_t *away = (uint64_t *)(void *)(*at + b->most_slots * (int64_t)sizeof(gbt_sum));
    uint32_t *rows = (uint32_t *)(void *)(away + b->n_away);
    int32_t *entry_slot = (int32_t *)(void *)(rows + b->most_slots);
    const gbt_cpu_histogram histogram = {.slots = *at,
                                         .rows = rows,
                                         .away = away,
                                         .entry_slot = entry_slot,
                                         .open = (uint8_t *)(entry_slot + b->n_away),
                                         .node = -1};
    *at += histogram_bytes(b->most_slots, &b->data->bins);
    return histogram;
}

gbt_status gbt_cpu_pool_open(gbt_backend *b)
{
    b->most_slots = most_slots(&b->data->bins);
    b->n_away = b->entry ? b->data->bins.n_features : 0;
    b->n_pool = pool_size(&b->config, histogram_bytes(b->most_slots, &b->data->bins));
    GBT_TRY(GBT_NEW(b->noted_open, b->data->bins.n_features));
    GBT_TRY(GBT_NEW(b->noted_slot, b->n_away));
    GBT_TRY(GBT_NEW_ZERO(b->pool, b->n_pool));
    GBT_TRY(GBT_NEW(b->unused, b->n_pool));
    GBT_TRY(GBT_NEW_ZERO(b->scratch, b->config.threads));
    GBT_TRY(GBT_NEW_ZERO(b->packed, b->config.threads));
    GBT_TRY(GBT_NEW(b->slots, gbt_cpu_pool_bytes(&b->config, b->data)));
    char *at = b->slots;
    for (int32_t i = 0; i < b->n_pool; i++) {
        b->pool[i] = place_histogram(b, &at);
    }
    for (int32_t t = 0; t < b->config.threads; t++) {
        b->scratch[t] = place_histogram(b, &at);
    }
    for (int32_t t = 0; t < b->config.threads; t++) {
        b->packed[t] = memset(at, 0, (size_t)packed_bytes(b->most_slots));
        at += packed_bytes(b->most_slots);
    }
    return GBT_OK;
}

void gbt_cpu_pool_reset(gbt_backend *b)
{
    for (int32_t i = 0; i < b->n_pool; i++) {
        b->pool[i].node = -1;
        b->unused[i] = b->n_pool - 1 - i;
    }
    b->n_unused = b->n_pool;
    b->stamp = 0;
}

/* Frees the histogram unused for longest; false when all were used by this call. */
static bool drop_oldest(gbt_backend *b)
{
    int32_t oldest = 0;
    for (int32_t i = 1; i < b->n_pool; i++) {
        if (b->pool[i].stamp < b->pool[oldest].stamp) {
            oldest = i;
        }
    }
    if (b->pool[oldest].stamp >= b->stamp) {
        return false;
    }
    gbt_cpu_pool_give(b, b->pool[oldest].node);
    return true;
}

void gbt_cpu_pool_note_open(gbt_backend *b, int32_t parent)
{
    const int32_t at = parent < 0 ? -1 : b->node[parent].histogram;
    const int32_t *slot = at < 0 ? b->entry_slot : b->pool[at].entry_slot;
    memcpy(b->noted_slot, slot, (size_t)b->n_away * sizeof *slot);
    if (at < 0) {
        memset(b->noted_open, 1, (size_t)b->n_features);
    } else {
        memcpy(b->noted_open, b->pool[at].open, (size_t)b->n_features);
    }
    int32_t n_open = 0;
    for (int32_t i = 0; i < b->n_features; i++) {
        n_open += b->noted_open[i];
    }
    b->noted_narrow = n_open < b->n_features && n_open <= b->n_slots / SLOTS_OF_A_FEATURE;
}

bool gbt_cpu_pool_take(gbt_backend *b, int32_t node)
{
    assert(b->node[node].histogram < 0);
    if (b->n_unused == 0 && !drop_oldest(b)) {
        return false;
    }
    const int32_t at = b->unused[--b->n_unused];
    b->pool[at].node = node;
    b->pool[at].stamp = b->stamp;
    b->pool[at].is_narrowed = b->noted_narrow;
    memcpy(b->pool[at].open, b->noted_open, (size_t)b->n_features);
    memcpy(b->pool[at].entry_slot, b->noted_slot, (size_t)b->n_away * sizeof *b->noted_slot);
    b->node[node].histogram = at;
    return true;
}

void gbt_cpu_pool_give(gbt_backend *b, int32_t node)
{
    const int32_t at = b->node[node].histogram;
    if (at >= 0) {
        b->pool[at].node = -1;
        b->unused[b->n_unused++] = at;
        b->node[node].histogram = -1;
    }
}

void gbt_cpu_pool_pass(gbt_backend *b, int32_t from, int32_t to)
{
    const int32_t at = b->node[from].histogram;
    b->node[from].histogram = -1;
    b->node[to].histogram = at;
    b->pool[at].node = to;
    b->pool[at].is_narrowed = b->noted_narrow;
    b->pool[at].stamp = b->stamp;
}
