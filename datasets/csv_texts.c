/* A hash table of texts (open addressing, linear probing) over a pool of copied bytes, and a merge
 * sort of its content bytewise. Cost: one probe a cell; a copy only for a text seen for the first
 * time. */
#include "datasets/csv_texts.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

/* ---- The pool -------------------------------------------------------------------------------- */

struct gbt_csv_pool {
    gbt_csv_pool *older;
    size_t used, capacity;
    char bytes[];
};

static gbt_status pool_copy(gbt_csv_pool **pool, gbt_slice text, gbt_slice *out)
{
    if (*pool == NULL || (*pool)->capacity - (*pool)->used < text.size) {
        size_t capacity = *pool == NULL ? 1024 : 2 * (*pool)->capacity;
        capacity = capacity < (1u << 20) ? capacity : 1u << 20;
        capacity = capacity < text.size ? text.size : capacity;
        gbt_csv_pool *fresh = gbt_alloc((int64_t)(sizeof *fresh + capacity), 1);
        if (fresh == NULL) {
            return GBT_ERR_MEMORY;
        }
        *fresh = (gbt_csv_pool){.older = *pool, .capacity = capacity};
        *pool = fresh;
    }
    char *to = (*pool)->bytes + (*pool)->used;
    memcpy(to, text.data, text.size);
    (*pool)->used += text.size;
    *out = (gbt_slice){to, text.size};
    return GBT_OK;
}

/* ---- The table ------------------------------------------------------------------------------- */

static uint32_t hash_of(gbt_slice text)
{
    uint64_t hash = text.size * 0x9E3779B97F4A7C15ull;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        hash = (hash ^ word) * 0xD1342543DE82EF95ull;
        hash ^= hash >> 32;
    }
    uint64_t word = 0;
    for (size_t k = 0; i + k < text.size; k++) {
        word |= (uint64_t)(unsigned char)text.data[i + k] << (8 * k);
    }
    hash = (hash ^ word) * 0xD1342543DE82EF95ull;
    return (uint32_t)(hash >> 32);
}

static void fill_slots(gbt_csv_texts *texts)
{
    for (int64_t i = 0; i < texts->n_slots; i++) {
        texts->slot[i] = -1;
    }
    int64_t mask = texts->n_slots - 1;
    for (int32_t code = 0; code < texts->n; code++) {
        int64_t at = texts->hash[code] & mask;
        while (texts->slot[at] >= 0) {
            at = (at + 1) & mask;
        }
        texts->slot[at] = code;
    }
}

gbt_status gbt_csv_texts_reserve(gbt_csv_texts *texts, int64_t n_more)
{
    int64_t needed = texts->n + n_more;
    if (needed <= texts->capacity) {
        return GBT_OK;
    }
    if (needed > INT32_MAX) {
        return gbt_fail(GBT_ERR_FORMAT, "a text column has more than %d distinct texts", INT32_MAX);
    }
    int64_t capacity = needed > 2 * (int64_t)texts->n ? needed : 2 * (int64_t)texts->n;
    gbt_slice *text = gbt_grow(texts->text, texts->n, capacity, sizeof *text);
    if (text == NULL) {
        return GBT_ERR_MEMORY;
    }
    texts->text = text;
    uint32_t *hash = gbt_grow(texts->hash, texts->n, capacity, sizeof *hash);
    if (hash == NULL) {
        return GBT_ERR_MEMORY;
    }
    texts->hash = hash;
    int64_t n_slots = texts->n_slots > 0 ? texts->n_slots : 64;
    while (n_slots < 2 * capacity) {
        n_slots *= 2;
    }
    if (n_slots > texts->n_slots) {
        int32_t *slot = NULL;
        GBT_TRY(GBT_NEW(slot, n_slots));
        gbt_release(texts->slot);
        texts->slot = slot;
        texts->n_slots = n_slots;
        fill_slots(texts);
    }
    texts->capacity = capacity;
    return GBT_OK;
}

int32_t gbt_csv_texts_code(gbt_csv_texts *texts, gbt_slice text)
{
    uint32_t hash = hash_of(text);
    int64_t mask = texts->n_slots - 1;
    int64_t at = hash & mask;
    for (int32_t code; (code = texts->slot[at]) >= 0; at = (at + 1) & mask) {
        if (texts->hash[code] == hash && texts->text[code].size == text.size &&
            memcmp(texts->text[code].data, text.data, text.size) == 0) {
            return code;
        }
    }
    texts->slot[at] = texts->n;
    texts->text[texts->n] = text;
    texts->hash[texts->n] = hash;
    return texts->n++;
}

gbt_status gbt_csv_texts_keep(gbt_csv_texts *texts)
{
    for (; texts->n_kept < texts->n; texts->n_kept++) {
        gbt_slice *text = &texts->text[texts->n_kept];
        GBT_TRY(pool_copy(&texts->pool, *text, text));
    }
    return GBT_OK;
}

void gbt_csv_texts_close(gbt_csv_texts *texts)
{
    while (texts->pool != NULL) {
        gbt_csv_pool *older = texts->pool->older;
        gbt_release(texts->pool);
        texts->pool = older;
    }
    gbt_release(texts->text);
    gbt_release(texts->hash);
    gbt_release(texts->slot);
    *texts = (gbt_csv_texts){0};
}

/* ---- Sorting --------------------------------------------------------------------------------- */

typedef struct sort_key {
    uint64_t prefix; /* the first eight bytes, the first one highest; short texts end in zeros */
    int32_t code;
} sort_key;

static uint64_t prefix_of(gbt_slice text)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < text.size ? (unsigned char)text.data[i] : 0);
    }
    return prefix;
}

static bool comes_first(const gbt_csv_texts *texts, const sort_key *a, const sort_key *b)
{
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    return gbt_slice_compare(texts->text[a->code], texts->text[b->code]) < 0;
}

/* Merges runs of doubling length from one array into the other; returns the one that ends up
 * sorted. */
static sort_key *merge_sort(const gbt_csv_texts *texts, sort_key *from, sort_key *to)
{
    int64_t n = texts->n;
    for (int64_t run = 1; run < n; run *= 2) {
        for (int64_t first = 0; first < n; first += 2 * run) {
            int64_t a = first, a_end = first + run < n ? first + run : n;
            int64_t b = a_end, b_end = first + 2 * run < n ? first + 2 * run : n;
            for (int64_t k = first; k < b_end; k++) {
                bool take_b = b < b_end && (a == a_end || comes_first(texts, &from[b], &from[a]));
                to[k] = take_b ? from[b++] : from[a++];
            }
        }
        sort_key *other = from;
        from = to;
        to = other;
    }
    return from;
}

gbt_status gbt_csv_texts_finish(const gbt_csv_texts *texts, gbt_dictionary *out, int32_t **rank)
{
    gbt_status status = GBT_OK;
    sort_key *keys = NULL;
    gbt_slice *sorted = NULL;
    int64_t n = texts->n;
    *out = (gbt_dictionary){0};
    *rank = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(keys, 2 * n));
    GBT_TRY_OR_DONE(GBT_NEW(sorted, n));
    GBT_TRY_OR_DONE(GBT_NEW(*rank, n));
    for (int32_t code = 0; code < n; code++) {
        keys[code] = (sort_key){prefix_of(texts->text[code]), code};
    }
    const sort_key *order = merge_sort(texts, keys, keys + n);
    for (int32_t i = 0; i < n; i++) {
        sorted[i] = texts->text[order[i].code];
        (*rank)[order[i].code] = i;
    }
    status = gbt_dictionary_open(out, sorted, texts->n);
done:
    gbt_release(keys);
    gbt_release(sorted);
    if (status != GBT_OK) {
        gbt_release(*rank);
        *rank = NULL;
    }
    return status;
}

typedef struct rank_job {
    int32_t *code; /* [n_rows] */
    const int32_t *rank;
} rank_job;

static void rank_codes(void *context, int64_t first, int64_t last, int thread)
{
    const rank_job *job = context;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        job->code[row] = job->code[row] < 0 ? -1 : job->rank[job->code[row]];
    }
}

gbt_status gbt_csv_texts_settle(gbt_csv_texts *texts, int threads, int64_t n_rows,
                                gbt_table_column *column)
{
    int32_t *rank = NULL;
    GBT_TRY(gbt_csv_texts_finish(texts, &column->dictionary, &rank));
    rank_job job = {column->code, rank};
    gbt_for_chunks(threads, n_rows, 1 << 16, rank_codes, &job);
    gbt_release(rank);
    gbt_csv_texts_close(texts);
    return GBT_OK;
}
