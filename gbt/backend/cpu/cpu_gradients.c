/* Gradient pairs of all outputs, and their largest values and sums of squares, chunk by chunk
 * while the chunk is in the cache; the choice of a tree's fixed-point unit from these. Does not
 * quantise: see cpu_working_set.c. Cost: the loss's, and one read of 8 bytes a row and output. */
#include <math.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_internal.h"
#include "gbt/base/clones.h"

#if defined(_OPENMP)
#define VECTOR_MAXIMA \
    _Pragma("omp simd reduction(max : grad_most, hess_most) reduction(+ : n_negative)")
#else
#define VECTOR_MAXIMA
#endif

static gbt_cpu_measure *measure_of(const gbt_backend *b, int32_t output, int64_t first)
{
    return b->measure + output * b->n_chunks + first / GBT_QUANT_CHUNK;
}

/* Bits of |x|; those of infinities and NaN are at least 0x7f800000. */
static inline int32_t magnitude(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffff;
}

GBT_CLONES static void measure(const float *grad, const float *hess, int32_t n, bool needs_squares,
                               gbt_cpu_measure *out)
{
    int32_t grad_most = 0;
    int32_t hess_most = 0;
    int32_t n_negative = 0;
    VECTOR_MAXIMA
    for (int32_t i = 0; i < n; i++) {
        const int32_t g = magnitude(grad[i]);
        const int32_t h = magnitude(hess[i]);
        grad_most = g > grad_most ? g : grad_most;
        hess_most = h > hess_most ? h : hess_most;
        n_negative += hess[i] < 0.0f;
    }
    out->is_bad = grad_most >= 0x7f800000 || hess_most >= 0x7f800000 || n_negative > 0;
    memcpy(&out->grad_most, &grad_most, sizeof grad_most);
    memcpy(&out->hess_most, &hess_most, sizeof hess_most);
    out->grad_squares = needs_squares ? gbt_quant_squares(grad, n) : 0.0;
    out->hess_squares = needs_squares ? gbt_quant_squares(hess, n) : 0.0;
}

/* Rows [first, last) of one chunk in every output. */
static void measure_rows(gbt_backend *b, int64_t first, int64_t last)
{
    for (int32_t output = 0; output < b->n_outputs; output++) {
        const int64_t at = output * b->n_rows + first;
        measure(b->grad + at, b->hess + at, (int32_t)(last - first), b->config.gradient_bits == 0,
                measure_of(b, output, first));
    }
}

static void gradients_of_stripe(void *context, int64_t first, int64_t last, int thread)
{
    gbt_backend *b = context;
    (void)thread;
    for (int64_t row = first; row < last; row += GBT_QUANT_CHUNK) {
        const int64_t end = last - row < GBT_QUANT_CHUNK ? last : row + GBT_QUANT_CHUNK;
        gbt_objective_gpairs(b->objective, b->scores, b->target, b->weight, b->n_rows, row, end,
                             b->grad, b->hess);
        measure_rows(b, row, end);
    }
}

gbt_status gbt_cpu_gradients(gbt_backend *b)
{
    gbt_for_own_chunks(b->config.threads, b->n_rows, b->stripe, gradients_of_stripe, b);
    return GBT_OK;
}

typedef struct given_pairs {
    gbt_backend *backend;
    const float *grad, *hess; /* [n_outputs x n_rows] */
} given_pairs;

static void copy_stripe(void *context, int64_t first, int64_t last, int thread)
{
    const given_pairs *given = context;
    gbt_backend *b = given->backend;
    (void)thread;
    for (int32_t output = 0; output < b->n_outputs; output++) {
        const int64_t at = output * b->n_rows + first;
        const size_t bytes = (size_t)(last - first) * sizeof(float);
        memcpy(b->grad + at, given->grad + at, bytes);
        memcpy(b->hess + at, given->hess + at, bytes);
    }
    for (int64_t row = first; row < last; row += GBT_QUANT_CHUNK) {
        measure_rows(b, row, last - row < GBT_QUANT_CHUNK ? last : row + GBT_QUANT_CHUNK);
    }
}

gbt_status gbt_cpu_set_gradients(gbt_backend *b, const float *grad, const float *hess)
{
    given_pairs given = {b, grad, hess};
    gbt_for_own_chunks(b->config.threads, b->n_rows, b->stripe, copy_stripe, &given);
    return GBT_OK;
}

/* Names the first bad row of a bad chunk. */
static gbt_status refuse(const gbt_backend *b, int32_t round, int32_t output, int64_t chunk)
{
    const float *grad = b->grad + output * b->n_rows;
    const float *hess = b->hess + output * b->n_rows;
    int64_t row = chunk * GBT_QUANT_CHUNK;
    while (isfinite(grad[row]) && isfinite(hess[row]) && !(hess[row] < 0.0f)) {
        row++;
    }
    return gbt_fail(
        GBT_ERR_NUMERIC,
        "round %d, output %d, row %lld: gradient %g, hessian %g; both must be finite and "
        "the hessian not negative",
        (int)round, (int)output, (long long)row, (double)grad[row], (double)hess[row]);
}

gbt_status gbt_cpu_choose_quant(gbt_backend *b, int32_t round, int32_t output)
{
    gbt_cpu_measure all = {0.0, 0.0, 0.0f, 0.0f, false};
    for (int64_t chunk = 0; chunk < b->n_chunks; chunk++) {
        const gbt_cpu_measure *m = measure_of(b, output, chunk * GBT_QUANT_CHUNK);
        if (m->is_bad) {
            return refuse(b, round, output, chunk);
        }
        all.grad_squares += m->grad_squares;
        all.hess_squares += m->hess_squares;
        all.grad_most = m->grad_most > all.grad_most ? m->grad_most : all.grad_most;
        all.hess_most = m->hess_most > all.hess_most ? m->hess_most : all.hess_most;
    }
    const uint64_t key =
        gbt_rng_key(b->config.seed, (uint64_t)round, (uint64_t)output, GBT_RNG_ROUNDING);
    const int32_t bits = gbt_quant_bits(b->config.gradient_bits, all.grad_most, all.grad_squares,
                                        all.hess_most, all.hess_squares, b->n_rows);
    b->quant = gbt_quant_make(all.grad_most, all.hess_most, bits, b->config.rounds_to_nearest,
                              (uint32_t)key);
    return GBT_OK;
}
