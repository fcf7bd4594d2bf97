/* The scan of cpu_scan.c for AVX-512. Divisions would take most of its time, so words are scanned
 * twice: first every cut's gain is guessed in float32, 16 cuts at a time, by a reciprocal that is
 * right to 14 bits; then the few cuts that are guessed to be within 1/4096 of the best one are
 * weighed exactly. A guess is off by less than 1/8192, so the best cut is always among these. Nodes
 * with wide sums, which are few, are weighed exactly at once. Dividing only where a product says
 * that a gain may be better was slower: its branch cannot be predicted.
 *
 * Cost: 1.4 cycles a bin of words, 3.3 of wide sums. */
#include "gbt/backend/cpu/cpu_scan.h"

#include "gbt/backend/gain.h"

#if defined(GBT_CPU_SCAN_X86)

#include <immintrin.h>

/* ---- Exact gains ----------------------------------------------------------------------------- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define AVX512_INLINE \
    inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl")))

/* Each lane's best of one direction, and what does not change within a scan. */
typedef struct lanes512 {
    __m512d sides;
    __m512i bin;
} lanes512;

typedef struct node512 {
    __m512d grad, hess, lambda, least;      /* in units */
    __m512i grad_sum, hess_sum, least_hess; /* likewise, wide */
    __m512i least_rows, most_rows;
} node512;

static AVX512_INLINE __m512i prefix512(__m512i v)
{
    const __m512i zero = _mm512_setzero_si512();
    v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 7));
    v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 6));
    return _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 4));
}

/* Keeps the better ones of 8 cuts, given gradient and hessian of both sides. */
static AVX512_INLINE void keep512(lanes512 *best, __mmask8 ok, __m512d grad_l, __m512d hess_l,
                                  __m512d grad_r, __m512d hess_r, __m512d lambda, __m512i bin)
{
    const __m512d den_l = _mm512_add_pd(hess_l, lambda);
    const __m512d den_r = _mm512_add_pd(hess_r, lambda);
    const __m512d left = _mm512_mul_pd(_mm512_mul_pd(grad_l, grad_l), den_r);
    const __m512d right = _mm512_mul_pd(_mm512_mul_pd(grad_r, grad_r), den_l);
    const __m512d over = _mm512_add_pd(left, right);
    const __m512d under = _mm512_mul_pd(den_l, den_r);
    const __m512d sides = _mm512_div_pd(over, under);
    const __mmask8 is_better = _mm512_mask_cmp_pd_mask(ok, sides, best->sides, _CMP_GT_OQ);
    best->sides = _mm512_mask_mov_pd(best->sides, is_better, sides);
    best->bin = _mm512_mask_mov_epi64(best->bin, is_better, bin);
}

/* Weighs 8 cuts whose left sides are `left`, words of the format. */
static AVX512_INLINE void weigh512(const node512 *node, lanes512 *best, __m512i left, __mmask8 ok,
                                   gbt_cpu_format format, __m512i bin)
{
    const bool is_counted = format == GBT_CPU_COUNTED;
    const __m512i grad = is_counted ? _mm512_srai_epi64(left, 36) : _mm512_srai_epi64(left, 32);
    const __m512i hess =
        is_counted ? _mm512_and_si512(_mm512_srli_epi64(left, 10), _mm512_set1_epi64(0x3ffffff))
                   : _mm512_and_si512(left, _mm512_set1_epi64(0xffffffff));
    const __m512d grad_l = _mm512_cvtepi64_pd(grad);
    const __m512d hess_l = _mm512_cvtepi64_pd(hess);
    const __m512d hess_r = _mm512_sub_pd(node->hess, hess_l);
    ok = _mm512_mask_cmp_pd_mask(ok, hess_l, node->least, _CMP_GE_OQ);
    ok = _mm512_mask_cmp_pd_mask(ok, hess_r, node->least, _CMP_GE_OQ);
    if (is_counted) {
        const __m512i rows = _mm512_and_si512(left, _mm512_set1_epi64(1023));
        ok = _mm512_mask_cmp_epi64_mask(ok, rows, node->least_rows, _MM_CMPINT_NLT);
        ok = _mm512_mask_cmp_epi64_mask(ok, rows, node->most_rows, _MM_CMPINT_LE);
    }
    if (ok) {
        keep512(best, ok, grad_l, hess_l, _mm512_sub_pd(node->grad, grad_l), hess_r, node->lambda,
                bin);
    }
}

static AVX512_INLINE void weigh_wide512(const node512 *node, lanes512 *best, __m512i grad,
                                        __m512i hess, __mmask8 ok, __m512i bin)
{
    const __m512i right_grad = _mm512_sub_epi64(node->grad_sum, grad);
    const __m512i right_hess = _mm512_sub_epi64(node->hess_sum, hess);
    ok = _mm512_mask_cmp_epi64_mask(ok, hess, node->least_hess, _MM_CMPINT_NLT);
    ok = _mm512_mask_cmp_epi64_mask(ok, right_hess, node->least_hess, _MM_CMPINT_NLT);
    if (ok) {
        keep512(best, ok, _mm512_cvtepi64_pd(grad), _mm512_cvtepi64_pd(hess),
                _mm512_cvtepi64_pd(right_grad), _mm512_cvtepi64_pd(right_hess), node->lambda, bin);
    }
}

static AVX512_INLINE node512 node512_of(const gbt_cpu_scan_node *node)
{
    return (node512){
        .grad = _mm512_set1_pd((double)node->sum.grad),
        .hess = _mm512_set1_pd((double)node->sum.hess),
        .lambda = _mm512_set1_pd(node->lambda_units),
        .least = _mm512_set1_pd((double)node->least_hess),
        .grad_sum = _mm512_set1_epi64(node->sum.grad),
        .hess_sum = _mm512_set1_epi64(node->sum.hess),
        .least_hess = _mm512_set1_epi64(node->least_hess),
        .least_rows = _mm512_set1_epi64(node->least_rows),
        .most_rows = _mm512_set1_epi64(node->n_rows - node->least_rows),
    };
}

/* Lanes of the 8 cuts from `bin` on that exist when there are n. */
static AVX512_INLINE __mmask8 mask512(int32_t bin, int32_t n)
{
    return n - bin >= 8 ? 0xff : n > bin ? (__mmask8)((1u << (n - bin)) - 1u) : 0;
}

static AVX512_INLINE lanes512 start512(const gbt_cpu_scan *s)
{
    return (lanes512){_mm512_set1_pd(s->floor * s->node->per_unit), _mm512_setzero_si512()};
}

static AVX512_INLINE int64_t lowest512(const lanes512 *lanes, double top)
{
    return _mm512_mask_reduce_min_epi64(
        _mm512_cmp_pd_mask(lanes->sides, _mm512_set1_pd(top), _CMP_EQ_OQ), lanes->bin);
}

/* The best of the lanes' bests. Without missing rows `left` is as it started. */
static AVX512_INLINE gbt_cpu_scanned best512(const gbt_cpu_scan *s, const lanes512 *right,
                                             const lanes512 *left)
{
    const double top = _mm512_reduce_max_pd(_mm512_max_pd(right->sides, left->sides));
    gbt_cpu_scanned best = gbt_cpu_scan_nothing(s);
    if (top > s->floor * s->node->per_unit) {
        best = gbt_cpu_scan_choose(s, top, lowest512(right, top),
                                   s->has_missing ? lowest512(left, top) : INT64_MAX);
    }
    _mm256_zeroupper(); /* code without vectors follows: three times slower else */
    return best;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static AVX512_INLINE __m512i missing512(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    return _mm512_set1_epi64(
        (int64_t)(format == GBT_CPU_COUNTED
                      ? gbt_cpu_pack_counted(s->missing.grad, s->missing.hess, s->missing_rows)
                      : gbt_cpu_pack(s->missing.grad, s->missing.hess)));
}

/* Bin 0 of a scan that lacks it. */
static AVX512_INLINE int64_t first512(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    const uint64_t *slots = s->slots;
    const int32_t n = s->n_bins + (s->has_missing ? 1 : 0);
    __m512i sum = _mm512_setzero_si512();
    for (int32_t bin = 1; bin < n; bin += 8) {
        sum = _mm512_add_epi64(sum, _mm512_maskz_loadu_epi64(mask512(bin, n), slots + bin));
    }
    return (int64_t)gbt_cpu_scan_node_word(s->node, format) - _mm512_reduce_add_epi64(sum);
}

/* The slots of the 8 bins from `bin` on, of which there are n. */
static AVX512_INLINE __m512i slots512(const gbt_cpu_scan *s, int32_t bin, int32_t n,
                                      gbt_cpu_format format)
{
    const uint64_t *slots = (const uint64_t *)s->slots + bin;
    const __m512i all = _mm512_maskz_loadu_epi64(mask512(bin, n), slots);
    return bin == 0 && s->lacks_first ? _mm512_mask_set1_epi64(all, 1, first512(s, format)) : all;
}

/* Weighs every cut of a feature with few bins exactly. */
static AVX512_INLINE gbt_cpu_scanned scan_few512(const gbt_cpu_scan *s, int32_t n_right,
                                                 gbt_cpu_format format)
{
    const node512 node = node512_of(s->node);
    __m512i index = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    __m512i carry = _mm512_setzero_si512();
    lanes512 right = start512(s);
    lanes512 left = right;
    for (int32_t bin = 0; bin < n_right; bin += 8) {
        const __m512i sum = _mm512_add_epi64(prefix512(slots512(s, bin, n_right, format)), carry);
        carry = _mm512_permutexvar_epi64(_mm512_set1_epi64(7), sum);
        weigh512(&node, &right, sum, mask512(bin, n_right), format, index);
        if (s->has_missing) {
            weigh512(&node, &left, _mm512_add_epi64(sum, missing512(s, format)),
                     mask512(bin, s->n_bins - 1), format, index);
        }
        index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
    }
    return best512(s, &right, &left);
}

/* ---- Guesses --------------------------------------------------------------------------------- */

#define GUESS_MARGIN 0x1p-12

enum { MAX_CUTS = 256, FEW_CUTS = 16 };

/* Of one direction: the words left of every cut, and about the gain of both sides, in units; 0
 * where a side is too small. */
typedef struct guesses {
    _Alignas(64) uint64_t left[MAX_CUTS];
    _Alignas(64) float sides[MAX_CUTS];
} guesses;

typedef struct guess_node {
    __m512 lambda; /* in units */
    __m512i grad, hess, least_hess, least_rows, most_rows;
} guess_node;

/* May gains be guessed? Else some product might leave the range of float32. */
static bool can_guess(const gbt_cpu_scan_node *node)
{
    return node->lambda_units <= 0x1p30 && (node->least_hess >= 1 || node->lambda_units >= 0x1p-20);
}

static AVX512_INLINE guess_node guess_node_of(const gbt_cpu_scan_node *node)
{
    return (guess_node){
        .lambda = _mm512_set1_ps((float)node->lambda_units),
        .grad = _mm512_set1_epi32((int32_t)node->sum.grad),
        .hess = _mm512_set1_epi32((int32_t)(uint32_t)node->sum.hess),
        .least_hess = _mm512_set1_epi32((int32_t)(uint32_t)node->least_hess),
        .least_rows = _mm512_set1_epi32((int32_t)node->least_rows),
        .most_rows = _mm512_set1_epi32((int32_t)(node->n_rows - node->least_rows)),
    };
}

/* Lanes of the 16 cuts from `bin` on that exist when there are n. */
static AVX512_INLINE __mmask16 mask16(int32_t bin, int32_t n)
{
    const int32_t rest = n - bin < 16 ? n - bin : 16;
    return (__mmask16)((1u << (rest < 0 ? 0 : rest)) - 1u);
}

/* The gains of 16 cuts with the words `low` and `high` on their left. */
static AVX512_INLINE __m512 guess(const guess_node *node, __m512i low, __m512i high, __mmask16 ok,
                                  gbt_cpu_format format)
{
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    const __m512i lower = _mm512_permutex2var_epi32(low, even, high);
    const __m512i upper = _mm512_permutex2var_epi32(low, odd, high);
    __m512i grad = upper;
    __m512i hess = lower;
    if (format == GBT_CPU_COUNTED) {
        const __m512i rows = _mm512_and_si512(lower, _mm512_set1_epi32(1023));
        ok = _mm512_mask_cmp_epi32_mask(ok, rows, node->least_rows, _MM_CMPINT_NLT);
        ok = _mm512_mask_cmp_epi32_mask(ok, rows, node->most_rows, _MM_CMPINT_LE);
        grad = _mm512_srai_epi32(upper, 4);
        hess = _mm512_or_si512(_mm512_slli_epi32(upper, 22), _mm512_srli_epi32(lower, 10));
        hess = _mm512_and_si512(hess, _mm512_set1_epi32(0x3ffffff));
    }
    const __m512i hess_rest = _mm512_sub_epi32(node->hess, hess);
    ok = _mm512_mask_cmp_epu32_mask(ok, hess, node->least_hess, _MM_CMPINT_NLT);
    ok = _mm512_mask_cmp_epu32_mask(ok, hess_rest, node->least_hess, _MM_CMPINT_NLT);
    const __m512 grad_l = _mm512_cvtepi32_ps(grad);
    const __m512 grad_r = _mm512_cvtepi32_ps(_mm512_sub_epi32(node->grad, grad));
    const __m512 den_l = _mm512_add_ps(_mm512_cvtepu32_ps(hess), node->lambda);
    const __m512 den_r = _mm512_add_ps(_mm512_cvtepu32_ps(hess_rest), node->lambda);
    const __m512 over = _mm512_fmadd_ps(_mm512_mul_ps(grad_r, grad_r), den_l,
                                        _mm512_mul_ps(_mm512_mul_ps(grad_l, grad_l), den_r));
    return _mm512_maskz_mul_ps(ok, over, _mm512_rcp14_ps(_mm512_mul_ps(den_l, den_r)));
}

/* Guesses 16 cuts, notes them, and returns the better ones of `most` and these. */
static AVX512_INLINE __m512 keep_guess(const guess_node *node, guesses *g, int32_t bin, int32_t n,
                                       __m512i low, __m512i high, gbt_cpu_format format,
                                       __m512 most)
{
    const __m512 sides = guess(node, low, high, mask16(bin, n), format);
    _mm512_store_si512(g->left + bin, low);
    _mm512_store_si512(g->left + bin + 8, high);
    _mm512_store_ps(g->sides + bin, sides);
    return _mm512_max_ps(most, sides);
}

/* Guesses all cuts, with missing values on the right, and on the left if there are any; returns the
 * best. */
static AVX512_INLINE float guess_all(const gbt_cpu_scan *s, int32_t n_right, gbt_cpu_format format,
                                     guesses *right, guesses *left)
{
    const guess_node node = guess_node_of(s->node);
    const __m512i last = _mm512_set1_epi64(7);
    const __m512i missing = missing512(s, format);
    __m512i carry = _mm512_setzero_si512();
    __m512 most = _mm512_setzero_ps();
    for (int32_t bin = 0; bin < n_right; bin += 16) {
        const __m512i low = _mm512_add_epi64(prefix512(slots512(s, bin, n_right, format)), carry);
        carry = _mm512_permutexvar_epi64(last, low);
        const __m512i high =
            _mm512_add_epi64(prefix512(slots512(s, bin + 8, n_right, format)), carry);
        carry = _mm512_permutexvar_epi64(last, high);
        most = keep_guess(&node, right, bin, n_right, low, high, format, most);
        if (s->has_missing) {
            most = keep_guess(&node, left, bin, s->n_bins - 1, _mm512_add_epi64(low, missing),
                              _mm512_add_epi64(high, missing), format, most);
        }
    }
    return _mm512_reduce_max_ps(most);
}

/* Weighs the cuts whose guess reaches `bar`. */
static AVX512_INLINE void weigh_guessed(const node512 *node, const guesses *g, int32_t n, float bar,
                                        gbt_cpu_format format, lanes512 *best)
{
    const __m512i first = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    for (int32_t bin = 0; bin < n; bin += 16) {
        unsigned reach =
            _mm512_cmp_ps_mask(_mm512_load_ps(g->sides + bin), _mm512_set1_ps(bar), _CMP_GE_OQ);
        for (int32_t at = bin; reach != 0; at += 8, reach >>= 8) {
            if ((reach & 0xff) != 0) {
                weigh512(node, best, _mm512_load_si512(g->left + at), mask512(at, n), format,
                         _mm512_add_epi64(first, _mm512_set1_epi64(at)));
            }
        }
    }
}

static AVX512_INLINE gbt_cpu_scanned scan512(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    guesses guessed_right, guessed_left;
    const int32_t n_right = s->n_bins - (s->has_missing ? 0 : 1);
    if (n_right <= FEW_CUTS || !can_guess(s->node)) {
        return scan_few512(s, n_right, format);
    }
    if (s->node->least_hess > UINT32_MAX ||
        (format == GBT_CPU_COUNTED && s->node->least_rows > s->node->n_rows)) {
        return gbt_cpu_scan_nothing(s);
    }
    const float top = guess_all(s, n_right, format, &guessed_right, &guessed_left);
    if (!((double)top * (1.0 + GUESS_MARGIN) > s->floor * s->node->per_unit)) {
        _mm256_zeroupper();
        return gbt_cpu_scan_nothing(s);
    }
    const float bar = top * (1.0f - (float)GUESS_MARGIN);
    const node512 node = node512_of(s->node);
    lanes512 right = start512(s);
    lanes512 left = right;
    weigh_guessed(&node, &guessed_right, n_right, bar, format, &right);
    if (s->has_missing) {
        weigh_guessed(&node, &guessed_left, s->n_bins - 1, bar, format, &left);
    }
    return best512(s, &right, &left);
}

static AVX512 gbt_cpu_scanned scan_counted512(const gbt_cpu_scan *s)
{
    return scan512(s, GBT_CPU_COUNTED);
}

static AVX512 gbt_cpu_scanned scan_packed512(const gbt_cpu_scan *s)
{
    return scan512(s, GBT_CPU_PACKED);
}

/* ---- Wide sums ------------------------------------------------------------------------------- */

static AVX512 gbt_cpu_scanned scan_wide512(const gbt_cpu_scan *s)
{
    const node512 node = node512_of(s->node);
    const int32_t n_right = s->n_bins - (s->has_missing ? 0 : 1);
    const __m512i last = _mm512_set1_epi64(7);
    const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    const __m512i missing_grad = _mm512_set1_epi64(s->missing.grad);
    const __m512i missing_hess = _mm512_set1_epi64(s->missing.hess);
    __m512i index = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    __m512i grad_carry = _mm512_setzero_si512();
    __m512i hess_carry = grad_carry;
    lanes512 right = start512(s);
    lanes512 left = right;
    for (int32_t bin = 0; bin < n_right; bin += 8) {
        __m512i low = _mm512_loadu_si512((const gbt_sum *)s->slots + bin);
        const __m512i high = _mm512_loadu_si512((const gbt_sum *)s->slots + bin + 4);
        if (bin == 0 && s->lacks_first) {
            const gbt_sum first = gbt_cpu_scan_first(s);
            low = _mm512_mask_broadcast_i64x2(low, 3, _mm_set_epi64x(first.hess, first.grad));
        }
        const __m512i grad =
            _mm512_add_epi64(prefix512(_mm512_permutex2var_epi64(low, even, high)), grad_carry);
        const __m512i hess =
            _mm512_add_epi64(prefix512(_mm512_permutex2var_epi64(low, odd, high)), hess_carry);
        grad_carry = _mm512_permutexvar_epi64(last, grad);
        hess_carry = _mm512_permutexvar_epi64(last, hess);
        weigh_wide512(&node, &right, grad, hess, mask512(bin, n_right), index);
        if (s->has_missing) {
            weigh_wide512(&node, &left, _mm512_add_epi64(grad, missing_grad),
                          _mm512_add_epi64(hess, missing_hess), mask512(bin, s->n_bins - 1), index);
        }
        index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
    }
    return best512(s, &right, &left);
}

const gbt_cpu_scans gbt_cpu_scans_avx512 = {"avx512",
                                            {NULL, scan_counted512, scan_packed512, scan_wide512}};

#endif
