/* Metrics from the order of the scores: auc, aucpr, auc_mu. A row is positive when its label is >
 * 0.
 *
 *   auc     P(s of a positive > s of a negative) + P(equal) / 2, pairs weighted by the product of
 *           their weights: scikit-learn roc_auc_score, LightGBM
 *   aucpr   sum over thresholds of (recall step) * precision, equal scores together, no
 *           interpolation: scikit-learn average_precision_score
 *   auc_mu  mean over pairs of classes a < b of the auc of p_a - p_b among the rows of a (positive)
 *           and b [KleimanPage19 eq. 7], for the argmax partition; responses p, as in the paper
 *           (LightGBM orders raw scores). Pairs without rows on both sides are left out.
 *
 * NaN where nothing is defined: one side has no weight. NaN scores rank below all others.
 *
 * Cost: radix sort of 8-byte records, four stable passes of 8 bits, parallel over chunks; (K - 1)
 * sorts of every row for auc_mu. The order of the additions is that of the sorted records, so
 * values do not depend on threads. */
#include <math.h>
#include <string.h>

#include "gbt/base/parallel.h"
#include "gbt/loss/metric_table.h"

/* `key` sorts as an unsigned number; `load` is what the caller wants to find there. */
typedef struct record {
    uint32_t key, load;
} record;

enum { DIGITS = 256, MOST_CHUNKS = 64, SMALLEST_CHUNK = 16384 };

static const uint32_t SIGN = 0x80000000u;

typedef struct counts {
    uint32_t of[DIGITS];
} counts;

typedef struct rank_memory {
    record *front, *back; /* [n] each */
    counts *count;        /* [chunks of n] */
    uint32_t *order;      /* [n], auc_mu only: rows by class */
    float *largest;       /* [n], auc_mu only: of the row's scores */
    float *inverse;       /* [n], auc_mu only: 1 / sum of exponentials */
    int threads;
} rank_memory;

/* ---- Memory ---------------------------------------------------------------------------------- */

static int64_t chunk_size(int64_t n)
{
    int64_t size = (n + MOST_CHUNKS - 1) / MOST_CHUNKS;
    return size > SMALLEST_CHUNK ? size : SMALLEST_CHUNK;
}

/* `bytes` rounded up to whole cache lines. */
static size_t lines(int64_t n, size_t size)
{
    return ((size_t)n * size + 63) / 64 * 64;
}

size_t gbt_rank_scratch(gbt_metric_id id, int64_t n)
{
    size_t bytes = 2 * lines(n, sizeof(record)) +
                   lines(gbt_chunk_count(n, chunk_size(n)), sizeof(counts)) + 64;
    if (id == GBT_METRIC_AUC_MU) {
        bytes += lines(n, sizeof(uint32_t)) + 2 * lines(n, sizeof(float));
    }
    return bytes;
}

static rank_memory lay_out(gbt_metric_id id, int64_t n, int threads, void *scratch)
{
    char *at = scratch;
    rank_memory m = {.threads = threads};
    m.front = (record *)(void *)at;
    at += lines(n, sizeof(record));
    m.back = (record *)(void *)at;
    at += lines(n, sizeof(record));
    m.count = (counts *)(void *)at;
    at += lines(gbt_chunk_count(n, chunk_size(n)), sizeof(counts));
    if (id == GBT_METRIC_AUC_MU) {
        m.order = (uint32_t *)(void *)at;
        at += lines(n, sizeof(uint32_t));
        m.largest = (float *)(void *)at;
        at += lines(n, sizeof(float));
        m.inverse = (float *)(void *)at;
    }
    return m;
}

/* ---- Records --------------------------------------------------------------------------------- */

/* Order of the numbers as order of unsigned integers; -0 equals 0, NaN comes first. */
static uint32_t key_of(float x)
{
    uint32_t bits = gbt_f32_bits(x + 0.0f);
    uint32_t key = (bits & SIGN) != 0 ? ~bits : bits | SIGN;
    return x != x ? 0 : key;
}

/* The bits of the weight, with the sign set for a negative row. */
static uint32_t load_of(const float *weight, int64_t row, bool is_positive)
{
    uint32_t bits = gbt_f32_bits(weight == NULL ? 1.0f : weight[row]) & ~SIGN;
    return is_positive ? bits : bits | SIGN;
}

static double weight_of(uint32_t load)
{
    return (double)gbt_f32_of_bits(load & ~SIGN);
}

/* ---- Radix sort ------------------------------------------------------------------------------ */

typedef struct sort_job {
    const record *from;
    record *to;
    counts *count; /* [chunks]: sizes, then positions */
    int64_t chunk;
    int shift;
} sort_job;

static uint32_t digit_of(record r, int shift)
{
    return (r.key >> shift) & (DIGITS - 1);
}

static void count_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const sort_job *job = context;
    (void)thread;
    counts *count = &job->count[first / job->chunk];
    memset(count, 0, sizeof *count);
    for (int64_t i = first; i < last; i++) {
        count->of[digit_of(job->from[i], job->shift)]++;
    }
}

static void move_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const sort_job *job = context;
    (void)thread;
    counts *position = &job->count[first / job->chunk];
    for (int64_t i = first; i < last; i++) {
        job->to[position->of[digit_of(job->from[i], job->shift)]++] = job->from[i];
    }
}

/* Sizes -> first positions, digit by digit and chunk by chunk. False when one digit has all
 * rows. */
static bool place_digits(counts *count, int64_t n_chunks, int64_t n)
{
    uint32_t position = 0;
    bool is_spread = true;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint32_t first = position;
        for (int64_t c = 0; c < n_chunks; c++) {
            uint32_t size = count[c].of[digit];
            count[c].of[digit] = position;
            position += size;
        }
        is_spread = is_spread && (int64_t)(position - first) != n;
    }
    return is_spread;
}

/* Sorts m->front by key, stable; m->back is spare. */
static void sort_records(rank_memory *m, int64_t n)
{
    int64_t chunk = chunk_size(n);
    for (int shift = 0; shift < 32; shift += 8) {
        sort_job job = {m->front, m->back, m->count, chunk, shift};
        gbt_for_chunks(m->threads, n, chunk, count_chunk, &job);
        if (place_digits(m->count, gbt_chunk_count(n, chunk), n)) {
            gbt_for_chunks(m->threads, n, chunk, move_chunk, &job);
            record *sorted = m->back;
            m->back = m->front;
            m->front = sorted;
        }
    }
}

/* ---- Areas of sorted records ----------------------------------------------------------------- */

/* Weight on both sides of the records with the same key as r[i], going by `step` up to `end`. */
typedef struct ties {
    double positive, negative;
    int64_t next;
} ties;

static ties ties_at(const record *r, int64_t i, int64_t end, int64_t step)
{
    ties t = {0.0, 0.0, i};
    uint32_t key = r[i].key;
    for (; t.next != end && r[t.next].key == key; t.next += step) {
        double w = weight_of(r[t.next].load);
        bool is_positive = (r[t.next].load & SIGN) == 0;
        t.positive += is_positive ? w : 0.0;
        t.negative += is_positive ? 0.0 : w;
    }
    return t;
}

static double area_under_roc(const record *r, int64_t n)
{
    double positive = 0.0;
    double negative = 0.0;
    double area = 0.0;
    for (int64_t i = 0; i < n;) {
        ties t = ties_at(r, i, n, 1);
        area += t.positive * (negative + 0.5 * t.negative);
        positive += t.positive;
        negative += t.negative;
        i = t.next;
    }
    return positive > 0.0 && negative > 0.0 ? area / positive / negative : (double)NAN;
}

static double average_precision(const record *r, int64_t n)
{
    double positive = 0.0;
    double negative = 0.0;
    double sum = 0.0;
    for (int64_t i = n - 1; i >= 0;) {
        ties t = ties_at(r, i, -1, -1);
        positive += t.positive;
        negative += t.negative;
        if (t.positive > 0.0) {
            sum += t.positive * (positive / (positive + negative));
        }
        i = t.next;
    }
    return positive > 0.0 ? sum / positive : (double)NAN;
}

/* ---- Two classes ----------------------------------------------------------------------------- */

typedef struct fill_job {
    const gbt_objective *objective;
    const float *scores, *label, *weight;
    int64_t n;
    rank_memory *memory;
} fill_job;

static void fill_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const fill_job *job = context;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        record r = {key_of(job->scores[i]), load_of(job->weight, i, job->label[i] > 0.0f)};
        job->memory->front[i] = r;
    }
}

/* ---- Several classes ------------------------------------------------------------------------- */

static void fill_classes(void *context, int64_t first, int64_t last, int thread)
{
    const fill_job *job = context;
    const rank_memory *m = job->memory;
    (void)thread;
    for (int64_t i = first; i < last; i++) {
        record r = {key_of(job->label[i]), (uint32_t)i};
        m->front[i] = r;
        float largest = job->scores[i];
        for (int32_t k = 1; k < job->objective->n_outputs; k++) {
            float s = job->scores[k * job->n + i];
            largest = s > largest ? s : largest;
        }
        float sum = 0.0f;
        for (int32_t k = 0; k < job->objective->n_outputs; k++) {
            sum += gbt_expf(job->scores[k * job->n + i] - largest);
        }
        m->largest[i] = largest;
        m->inverse[i] = 1.0f / sum;
    }
}

static float response_of(const fill_job *job, int64_t row, int32_t k)
{
    float score = job->scores[k * job->n + row];
    if (job->objective->loss.kind != GBT_LOSS_SOFTMAX) {
        return gbt_loss_link(job->objective->loss.kind, score);
    }
    return gbt_expf(score - job->memory->largest[row]) * job->memory->inverse[row];
}

/* Rows order[first .. last) of one class; -1 for a label that is no class of the objective. */
typedef struct class_rows {
    int64_t first, last;
    int32_t class_index;
} class_rows;

static class_rows class_from(const fill_job *job, int64_t first)
{
    const uint32_t *order = job->memory->order;
    float label = job->label[order[first]];
    class_rows rows = {first, first, -1};
    while (rows.last < job->n && key_of(job->label[order[rows.last]]) == key_of(label)) {
        rows.last++;
    }
    if (label >= 0.0f && label < (float)job->objective->n_outputs) {
        rows.class_index = (int32_t)label;
    }
    return rows;
}

static double auc_of_pair(const fill_job *job, class_rows a, class_rows b)
{
    rank_memory *m = job->memory;
    int64_t n = 0;
    for (int side = 0; side < 2; side++) {
        class_rows rows = side == 0 ? a : b;
        for (int64_t i = rows.first; i < rows.last; i++) {
            int64_t row = (int64_t)m->order[i];
            float lead =
                response_of(job, row, a.class_index) - response_of(job, row, b.class_index);
            record r = {key_of(lead), load_of(job->weight, row, side == 0)};
            m->front[n++] = r;
        }
    }
    sort_records(m, n);
    return area_under_roc(m->front, n);
}

static double mean_auc_of_pairs(fill_job *job)
{
    rank_memory *m = job->memory;
    gbt_for_chunks(m->threads, job->n, chunk_size(job->n), fill_classes, job);
    sort_records(m, job->n);
    for (int64_t i = 0; i < job->n; i++) {
        m->order[i] = m->front[i].load;
    }
    double sum = 0.0;
    int64_t n_pairs = 0;
    for (int64_t i = 0; i < job->n;) {
        class_rows a = class_from(job, i);
        for (int64_t j = a.last; j < job->n && a.class_index >= 0;) {
            class_rows b = class_from(job, j);
            double area = b.class_index < 0 ? (double)NAN : auc_of_pair(job, a, b);
            if (area == area) {
                sum += area;
                n_pairs++;
            }
            j = b.last;
        }
        i = a.last;
    }
    return n_pairs > 0 ? sum / (double)n_pairs : (double)NAN;
}

double gbt_rank_eval(gbt_metric_id id, const gbt_objective *o, const float *scores,
                     const float *label, const float *weight, int64_t n, int threads, void *scratch)
{
    rank_memory memory = lay_out(id, n, threads, scratch);
    fill_job job = {o, scores, label, weight, n, &memory};
    if (id == GBT_METRIC_AUC_MU) {
        return mean_auc_of_pairs(&job);
    }
    gbt_for_chunks(threads, n, chunk_size(n), fill_chunk, &job);
    sort_records(&memory, n);
    return id == GBT_METRIC_AUC ? area_under_roc(memory.front, n)
                                : average_precision(memory.front, n);
}
