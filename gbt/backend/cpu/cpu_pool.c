/* The pool of histograms: one per live node, at most as many as the bound on bytes allows. When
 * all are taken, the one unused for longest is dropped; its node's is made from rows again when
 * it is needed. */
#include <assert.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/alloc.h"

/* All columns, and the waste bin of cpu_entries.c. */
static int32_t most_slots(const gbt_bins *bins)
{
    int32_t n = gbt_cpu_slots_of(GBT_CPU_MAX_CODES);
    for (int32_t c = 0; c < bins->n_columns; c++) {
        n += gbt_cpu_slots_of(bins->n_codes[c]);
    }
    return n;
}

/* Bytes of one histogram: sums, then rows, then rows away; whole cache lines. */
static int64_t histogram_bytes(int32_t n_slots, int32_t n_away)
{
    return ((int64_t)n_slots * (int64_t)(sizeof(gbt_sum) + sizeof(uint32_t)) +
            (int64_t)n_away * (int64_t)sizeof(uint32_t) + 63) /
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
    const int64_t each = histogram_bytes(n_slots, gbt_cpu_n_away(&data->bins));
    return (pool_size(config, each) + config->threads) * each +
           config->threads * packed_bytes(n_slots);
}

static gbt_cpu_histogram place_histogram(char **at, int32_t n_slots, int32_t n_away)
{
    uint32_t *rows = (uint32_t *)(void *)(*at + (int64_t)n_slots * (int64_t)sizeof(gbt_sum));
    const gbt_cpu_histogram histogram = {
        .slots = *at, .rows = rows, .away = rows + n_slots, .node = -1};
    *at += histogram_bytes(n_slots, n_away);
    return histogram;
}

gbt_status gbt_cpu_pool_open(gbt_backend *b)
{
    b->most_slots = most_slots(&b->data->bins);
    b->n_away = gbt_cpu_n_away(&b->data->bins);
    b->n_pool = pool_size(&b->config, histogram_bytes(b->most_slots, b->n_away));
    GBT_TRY(GBT_NEW_ZERO(b->pool, b->n_pool));
    GBT_TRY(GBT_NEW(b->unused, b->n_pool));
    GBT_TRY(GBT_NEW_ZERO(b->scratch, b->config.threads));
    GBT_TRY(GBT_NEW_ZERO(b->packed, b->config.threads));
    GBT_TRY(GBT_NEW(b->slots, gbt_cpu_pool_bytes(&b->config, b->data)));
    char *at = b->slots;
    for (int32_t i = 0; i < b->n_pool; i++) {
        b->pool[i] = place_histogram(&at, b->most_slots, b->n_away);
    }
    for (int32_t t = 0; t < b->config.threads; t++) {
        b->scratch[t] = place_histogram(&at, b->most_slots, b->n_away);
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

bool gbt_cpu_pool_take(gbt_backend *b, int32_t node)
{
    assert(b->node[node].histogram < 0);
    if (b->n_unused == 0 && !drop_oldest(b)) {
        return false;
    }
    const int32_t at = b->unused[--b->n_unused];
    b->pool[at].node = node;
    b->pool[at].stamp = b->stamp;
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
    b->pool[at].stamp = b->stamp;
}
