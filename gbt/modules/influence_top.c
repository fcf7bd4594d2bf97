/* The k largest and k smallest numbers of long rows. Numbers beyond a limit are collected, and when
 * the collection is full it is sorted, its best k stay, and the last of them is the new limit: few
 * numbers are touched more than once. The scan looks at 32 numbers at a time for one beyond the
 * limit. Sorting is by digits and stable, and numbers are collected in the order of rows, so equal
 * ones stay in that order; a number that only equals the limit comes too late.
 *
 * Cost: 0.3 ns a number for k = 100 of 100 000 both ways; at worst, numbers that rise all along, a
 * sort of 4 k numbers for every 3 k. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/modules/influence_core.h"

enum { LANES = 32, DIGITS = 256, SPARE_ENTRIES = 256 };

/* Data sets have fewer than 2^32 rows. */
typedef struct entry {
    uint32_t rank; /* ascends with the number; with its negative when the smallest are wanted */
    uint32_t row;
} entry;

typedef struct select_job {
    const float *value;
    int64_t n_rows;
    int32_t k;
    int64_t capacity; /* entries of one collection */
    entry *room;      /* [threads x 2 x capacity] */
    int64_t *row;
    float *top;
} select_job;

/* Order-preserving bits; both zeros are the same. */
static uint32_t rank_of(float value)
{
    const uint32_t bits = gbt_f32_bits(value + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* Largest first, stable; `other` is scratch. An even number of passes, so the result is in
 * `items`. */
static void sort(entry *items, int64_t n, entry *other)
{
    for (int shift = 0; shift < 32; shift += 8) {
        int64_t place[DIGITS] = {0}, sum = 0;
        for (int64_t i = 0; i < n; i++) {
            place[(items[i].rank >> shift) & (DIGITS - 1)]++;
        }
        for (int digit = DIGITS - 1; digit >= 0; digit--) {
            const int64_t count = place[digit];
            place[digit] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) {
            other[place[(items[i].rank >> shift) & (DIGITS - 1)]++] = items[i];
        }
        entry *swap = items;
        items = other;
        other = swap;
    }
}

/* Is one of LANES numbers beyond the limit? */
static bool has_better(const float *value, float sign, float limit)
{
    int32_t n = 0;
    for (int i = 0; i < LANES; i++) {
        n |= sign * value[i] > limit;
    }
    return n != 0;
}

/* The k best, best first. room [2 x capacity] */
static void select_best(const select_job *job, const float *value, float sign, entry *room,
                        int64_t *row, float *top)
{
    const int64_t n = job->n_rows, capacity = job->capacity, k = job->k;
    float limit = 0.0f;
    bool has_limit = false;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t last = n - i < LANES ? n : i + LANES;
        if (has_limit && last - i == LANES && !has_better(value + i, sign, limit)) {
            continue;
        }
        for (int64_t j = i; j < last; j++) {
            const float x = sign * value[j];
            room[count].rank = rank_of(x);
            room[count].row = (uint32_t)j;
            count += !has_limit || x > limit;
        }
        if (count > capacity - LANES) {
            sort(room, count, room + capacity);
            count = k;
            limit = sign * value[room[k - 1].row];
            has_limit = true;
        }
    }
    sort(room, count, room + capacity);
    for (int64_t at = 0; at < k; at++) {
        row[at] = room[at].row;
        top[at] = value[room[at].row];
    }
}

static void select_rows(void *context, int64_t first, int64_t last, int thread)
{
    const select_job *job = context;
    entry *room = job->room + thread * 2 * job->capacity;
    for (int64_t s = first; s < last; s++) {
        const float *value = job->value + s * job->n_rows;
        int64_t *row = job->row + s * 2 * job->k;
        float *top = job->top + s * 2 * job->k;
        select_best(job, value, 1.0f, room, row, top);
        select_best(job, value, -1.0f, room, row + job->k, top + job->k);
    }
}

gbt_status gbt_influence_select(const float *value, int64_t n, int64_t n_rows, int32_t k,
                                int threads, int64_t *row, float *top)
{
    select_job job = {.value = value, .n_rows = n_rows, .k = k, .row = row, .top = top};
    job.capacity = 4 * (int64_t)k + SPARE_ENTRIES;
    GBT_TRY(GBT_NEW(job.room, threads * 2 * job.capacity));
    gbt_for_chunks(threads, n, 1, select_rows, &job);
    gbt_release(job.room);
    return GBT_OK;
}
