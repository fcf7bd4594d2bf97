/* Thread-independent sums over rows. Cost: one pass; parallel over chunks of GBT_SUM_CHUNK rows. */
#include "gbt/loss/row_sums.h"

#include "gbt/base/parallel.h"

typedef struct sum_job {
    gbt_row_sum_fn fn;
    const void *context;
    gbt_row_sum *partial;
} sum_job;

int64_t gbt_row_sum_partials(int64_t n)
{
    return n > GBT_SUM_CHUNK ? gbt_chunk_count(n, GBT_SUM_CHUNK) : 1;
}

static void sum_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const sum_job *job = context;
    (void)thread;
    job->partial[first / GBT_SUM_CHUNK] = job->fn(job->context, first, last);
}

gbt_row_sum gbt_sum_rows(gbt_row_sum_fn fn, const void *context, int64_t n, int threads,
                         gbt_row_sum *partial)
{
    sum_job job = {fn, context, partial};
    gbt_for_chunks(threads, n, GBT_SUM_CHUNK, sum_chunk, &job);
    gbt_row_sum sum = {0.0, 0.0};
    int64_t n_chunks = gbt_chunk_count(n, GBT_SUM_CHUNK);
    for (int64_t i = 0; i < n_chunks; i++) {
        sum.value += partial[i].value;
        sum.weight += partial[i].weight;
    }
    return sum;
}

enum { LANES = 8 };

static double add_lanes(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

gbt_row_sum gbt_sum_values(const double *value, const float *weight, int64_t n)
{
    double sum[LANES] = {0.0};
    double total[LANES] = {0.0};
    int64_t whole = n - n % LANES;
    if (weight == NULL) {
        for (int64_t i = 0; i < whole; i += LANES) {
            for (int j = 0; j < LANES; j++) {
                sum[j] += value[i + j];
            }
        }
        for (int64_t i = whole; i < n; i++) {
            sum[i - whole] += value[i];
        }
        gbt_row_sum plain = {add_lanes(sum), (double)n};
        return plain;
    }
    for (int64_t i = 0; i < whole; i += LANES) {
        for (int j = 0; j < LANES; j++) {
            double w = (double)weight[i + j];
            sum[j] += w * value[i + j];
            total[j] += w;
        }
    }
    for (int64_t i = whole; i < n; i++) {
        double w = (double)weight[i];
        sum[i - whole] += w * value[i];
        total[i - whole] += w;
    }
    gbt_row_sum weighted = {add_lanes(sum), add_lanes(total)};
    return weighted;
}
