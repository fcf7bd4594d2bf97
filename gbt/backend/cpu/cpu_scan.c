/* Scans of one numeric feature: prefix sums over its bins and the gain of every cut, regularised
 * by lambda alone. Variants for AVX-512, AVX2 and plain C, all here; they give the same bits
 * because sums are integers, the gain is computed by the operations of gbt_pair_gain in their
 * order, and ties go to the lowest bin and to missing values on the right. Other regularisation:
 * cpu_split.c.
 *
 * The vector variants leave sums in units, as powers of two change no rounding: with lambda in
 * units of hessian, gains are in units of grad_unit^2 / hess_unit. Dividing only where a product
 * says that a gain may be better was slower: its branch cannot be predicted. Cost: 3.3 cycles a
 * bin with AVX-512, 5 with AVX2, 11 plain. GBT_NO_SIMD leaves plain C alone. */
#include "gbt/backend/cpu/cpu_scan.h"

#include <string.h>

#include "gbt/backend/gain.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define HAS_X86 1
#include <immintrin.h>
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef struct prefix {
    int64_t grad, hess, rows;
} prefix;

static ALWAYS_INLINE void add_slot(prefix *sum, const void *slots, int32_t bin,
                                   gbt_cpu_format format)
{
    if (format == GBT_CPU_WIDE) {
        const gbt_sum *slot = (const gbt_sum *)slots + bin;
        sum->grad += slot->grad;
        sum->hess += slot->hess;
        return;
    }
    const uint64_t slot = ((const uint64_t *)slots)[bin];
    if (format == GBT_CPU_PACKED) {
        sum->grad += gbt_cpu_packed_grad(slot);
        sum->hess += gbt_cpu_packed_hess(slot);
    } else {
        sum->grad += gbt_cpu_counted_grad(slot);
        sum->hess += gbt_cpu_counted_hess(slot);
        sum->rows += gbt_cpu_counted_rows(slot);
    }
}

/* Weighs one cut; `best` keeps the first of equals. */
static ALWAYS_INLINE void weigh(const gbt_cpu_scan *s, prefix left, int32_t bin, bool missing_left,
                                gbt_cpu_format format, gbt_cpu_scanned *best)
{
    const int64_t right_hess = s->sum.hess - left.hess;
    if (left.hess < s->least_hess || right_hess < s->least_hess) {
        return;
    }
    if (format == GBT_CPU_COUNTED &&
        (left.rows < s->least_rows || s->n_rows - left.rows < s->least_rows)) {
        return;
    }
    const double sides = gbt_pair_gain((double)left.grad * s->grad_unit,
                                       (double)left.hess * s->hess_unit + s->lambda,
                                       (double)(s->sum.grad - left.grad) * s->grad_unit,
                                       (double)right_hess * s->hess_unit + s->lambda);
    if (sides > best->sides) {
        *best = (gbt_cpu_scanned){sides, bin, missing_left};
    }
}

static ALWAYS_INLINE gbt_cpu_scanned scan_plain(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    gbt_cpu_scanned best = {s->floor, 0, false};
    prefix left = {0, 0, 0};
    for (int32_t bin = 0; bin < s->n_bins - (s->has_missing ? 0 : 1); bin++) {
        add_slot(&left, s->slots, bin, format);
        weigh(s, left, bin, false, format, &best);
        if (s->has_missing && bin < s->n_bins - 1) {
            const prefix with = {left.grad + s->missing.grad, left.hess + s->missing.hess,
                                 left.rows + s->missing_rows};
            weigh(s, with, bin, true, format, &best);
        }
    }
    return best;
}

static gbt_cpu_scanned scan_counted_plain(const gbt_cpu_scan *s)
{
    return scan_plain(s, GBT_CPU_COUNTED);
}

static gbt_cpu_scanned scan_packed_plain(const gbt_cpu_scan *s)
{
    return scan_plain(s, GBT_CPU_PACKED);
}

static gbt_cpu_scanned scan_wide_plain(const gbt_cpu_scan *s)
{
    return scan_plain(s, GBT_CPU_WIDE);
}

static const gbt_cpu_scans plain_scans = {
    "plain", {NULL, scan_counted_plain, scan_packed_plain, scan_wide_plain}};

#if defined(HAS_X86)

/* Real gain of one in units. */
static inline double gain_unit(const gbt_cpu_scan *s)
{
    return s->grad_unit * s->grad_unit / s->hess_unit;
}

/* The scan's result: the largest gain of all lanes, in units, and the lowest bins that have it with
 * missing values on the right and on the left (INT64_MAX: none). */
static ALWAYS_INLINE gbt_cpu_scanned choose(const gbt_cpu_scan *s, double top, int64_t right_bin,
                                            int64_t left_bin)
{
    if (!(top > s->floor / gain_unit(s))) {
        return (gbt_cpu_scanned){s->floor, 0, false};
    }
    const bool missing_left = left_bin < right_bin;
    return (gbt_cpu_scanned){top * gain_unit(s), (int32_t)(missing_left ? left_bin : right_bin),
                             missing_left};
}

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))
#define AVX512_INLINE inline __attribute__((always_inline, target("avx512f,avx512dq,avx512vl")))

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

static AVX512_INLINE node512 node512_of(const gbt_cpu_scan *s)
{
    return (node512){
        .grad = _mm512_set1_pd((double)s->sum.grad),
        .hess = _mm512_set1_pd((double)s->sum.hess),
        .lambda = _mm512_set1_pd(s->lambda / s->hess_unit),
        .least = _mm512_set1_pd((double)s->least_hess),
        .grad_sum = _mm512_set1_epi64(s->sum.grad),
        .hess_sum = _mm512_set1_epi64(s->sum.hess),
        .least_hess = _mm512_set1_epi64(s->least_hess),
        .least_rows = _mm512_set1_epi64(s->least_rows),
        .most_rows = _mm512_set1_epi64(s->n_rows - s->least_rows),
    };
}

/* Lanes of the 8 cuts from `bin` on that exist when there are n. */
static AVX512_INLINE __mmask8 mask512(int32_t bin, int32_t n)
{
    return n - bin >= 8 ? 0xff : n > bin ? (__mmask8)((1u << (n - bin)) - 1u) : 0;
}

static AVX512_INLINE lanes512 start512(const gbt_cpu_scan *s)
{
    return (lanes512){_mm512_set1_pd(s->floor / gain_unit(s)), _mm512_setzero_si512()};
}

/* The best of the lanes' bests. Without missing rows `left` is as it started. */
static AVX512_INLINE gbt_cpu_scanned best512(const gbt_cpu_scan *s, const lanes512 *right,
                                             const lanes512 *left)
{
    const double top = _mm512_reduce_max_pd(_mm512_max_pd(right->sides, left->sides));
    const __m512d tops = _mm512_set1_pd(top);
    const int64_t right_bin = _mm512_mask_reduce_min_epi64(
        _mm512_cmp_pd_mask(right->sides, tops, _CMP_EQ_OQ), right->bin);
    const int64_t left_bin =
        _mm512_mask_reduce_min_epi64(_mm512_cmp_pd_mask(left->sides, tops, _CMP_EQ_OQ), left->bin);
    _mm256_zeroupper(); /* code without vectors follows: three times slower else */
    return choose(s, top, right_bin, left_bin);
}

static AVX512_INLINE gbt_cpu_scanned scan512(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    const node512 node = node512_of(s);
    const int32_t n_right = s->n_bins - (s->has_missing ? 0 : 1);
    const __m512i last = _mm512_set1_epi64(7);
    const __m512i missing = _mm512_set1_epi64(
        (int64_t)(format == GBT_CPU_COUNTED
                      ? gbt_cpu_pack_counted(s->missing.grad, s->missing.hess, s->missing_rows)
                      : gbt_cpu_pack(s->missing.grad, s->missing.hess)));
    __m512i index = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    __m512i carry = _mm512_setzero_si512();
    lanes512 right = start512(s);
    lanes512 left = right;
    for (int32_t bin = 0; bin < n_right; bin += 8) {
        const __m512i slots = _mm512_loadu_si512((const uint64_t *)s->slots + bin);
        const __m512i sum = _mm512_add_epi64(prefix512(slots), carry);
        carry = _mm512_permutexvar_epi64(last, sum);
        weigh512(&node, &right, sum, mask512(bin, n_right), format, index);
        if (s->has_missing) {
            weigh512(&node, &left, _mm512_add_epi64(sum, missing), mask512(bin, s->n_bins - 1),
                     format, index);
        }
        index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
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

static AVX512 gbt_cpu_scanned scan_wide512(const gbt_cpu_scan *s)
{
    const node512 node = node512_of(s);
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
        const __m512i low = _mm512_loadu_si512((const gbt_sum *)s->slots + bin);
        const __m512i high = _mm512_loadu_si512((const gbt_sum *)s->slots + bin + 4);
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

static const gbt_cpu_scans avx512_scans = {"avx512",
                                           {NULL, scan_counted512, scan_packed512, scan_wide512}};

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE inline __attribute__((always_inline, target("avx2")))

typedef struct lanes256 {
    __m256d sides;
    __m256i bin;
} lanes256;

typedef struct node256 {
    __m256d grad, hess, lambda, least;
    __m256i least_rows, most_rows;
} node256;

static AVX2_INLINE __m256i prefix256(__m256i v)
{
    v = _mm256_add_epi64(v, _mm256_slli_si256(v, 8));
    const __m256i low = _mm256_permute4x64_epi64(v, 0x50); /* elements 0, 0, 1, 1 */
    return _mm256_add_epi64(v, _mm256_blend_epi32(_mm256_setzero_si256(), low, 0xf0));
}

/* Integers below 2^52, in the mantissa of 2^52. */
static AVX2_INLINE __m256d small_to_double(__m256i v)
{
    const __m256d magic = _mm256_set1_pd(0x1p52);
    return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(v), magic), magic);
}

/* Weighs 4 cuts; `ok` has all bits of a lane set when its cut exists. */
static AVX2_INLINE void weigh256(const node256 *node, lanes256 *best, __m256i left, __m256i ok,
                                 gbt_cpu_format format, __m256i bin)
{
    const bool is_counted = format == GBT_CPU_COUNTED;
    const __m256i order = _mm256_setr_epi32(1, 3, 5, 7, 0, 0, 0, 0);
    const __m256i shifted = is_counted ? _mm256_srai_epi32(left, 4) : left;
    const __m128i grad = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(shifted, order));
    const __m256i hess =
        is_counted ? _mm256_and_si256(_mm256_srli_epi64(left, 10), _mm256_set1_epi64x(0x3ffffff))
                   : _mm256_and_si256(left, _mm256_set1_epi64x(0xffffffff));
    const __m256d grad_l = _mm256_cvtepi32_pd(grad);
    const __m256d hess_l = small_to_double(hess);
    const __m256d grad_r = _mm256_sub_pd(node->grad, grad_l);
    const __m256d hess_r = _mm256_sub_pd(node->hess, hess_l);
    __m256d good = _mm256_and_pd(_mm256_castsi256_pd(ok),
                                 _mm256_and_pd(_mm256_cmp_pd(hess_l, node->least, _CMP_GE_OQ),
                                               _mm256_cmp_pd(hess_r, node->least, _CMP_GE_OQ)));
    if (is_counted) {
        const __m256i rows = _mm256_and_si256(left, _mm256_set1_epi64x(1023));
        const __m256i bad = _mm256_or_si256(_mm256_cmpgt_epi64(node->least_rows, rows),
                                            _mm256_cmpgt_epi64(rows, node->most_rows));
        good = _mm256_andnot_pd(_mm256_castsi256_pd(bad), good);
    }
    if (_mm256_movemask_pd(good) == 0) {
        return;
    }
    const __m256d den_l = _mm256_add_pd(hess_l, node->lambda);
    const __m256d den_r = _mm256_add_pd(hess_r, node->lambda);
    const __m256d over = _mm256_add_pd(_mm256_mul_pd(_mm256_mul_pd(grad_l, grad_l), den_r),
                                       _mm256_mul_pd(_mm256_mul_pd(grad_r, grad_r), den_l));
    const __m256d under = _mm256_mul_pd(den_l, den_r);
    const __m256d sides = _mm256_div_pd(over, under);
    good = _mm256_and_pd(good, _mm256_cmp_pd(sides, best->sides, _CMP_GT_OQ));
    best->sides = _mm256_blendv_pd(best->sides, sides, good);
    best->bin = _mm256_castpd_si256(
        _mm256_blendv_pd(_mm256_castsi256_pd(best->bin), _mm256_castsi256_pd(bin), good));
}

/* The lowest bin of the lanes with this gain. */
static AVX2_INLINE int64_t lowest256(const lanes256 *lanes, double top)
{
    double sides[4];
    int64_t bin[4];
    int64_t lowest = INT64_MAX;
    _mm256_storeu_pd(sides, lanes->sides);
    _mm256_storeu_si256((__m256i *)(void *)bin, lanes->bin);
    for (int32_t i = 0; i < 4; i++) {
        lowest = sides[i] == top && bin[i] < lowest ? bin[i] : lowest;
    }
    return lowest;
}

static AVX2_INLINE gbt_cpu_scanned best256(const gbt_cpu_scan *s, const lanes256 *right,
                                           const lanes256 *left)
{
    double sides[4];
    _mm256_storeu_pd(sides, _mm256_max_pd(right->sides, left->sides));
    double top = sides[0];
    for (int32_t i = 1; i < 4; i++) {
        top = sides[i] > top ? sides[i] : top;
    }
    const int64_t right_bin = lowest256(right, top);
    const int64_t left_bin = lowest256(left, top);
    _mm256_zeroupper();
    return choose(s, top, right_bin, left_bin);
}

static AVX2_INLINE gbt_cpu_scanned scan256(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    const node256 node = {
        .grad = _mm256_set1_pd((double)s->sum.grad),
        .hess = _mm256_set1_pd((double)s->sum.hess),
        .lambda = _mm256_set1_pd(s->lambda / s->hess_unit),
        .least = _mm256_set1_pd((double)s->least_hess),
        .least_rows = _mm256_set1_epi64x(s->least_rows),
        .most_rows = _mm256_set1_epi64x(s->n_rows - s->least_rows),
    };
    const int32_t n_right = s->n_bins - (s->has_missing ? 0 : 1);
    const __m256i right_end = _mm256_set1_epi64x(n_right);
    const __m256i left_end = _mm256_set1_epi64x(s->n_bins - 1);
    const __m256i missing = _mm256_set1_epi64x(
        (int64_t)(format == GBT_CPU_COUNTED
                      ? gbt_cpu_pack_counted(s->missing.grad, s->missing.hess, s->missing_rows)
                      : gbt_cpu_pack(s->missing.grad, s->missing.hess)));
    __m256i index = _mm256_set_epi64x(3, 2, 1, 0);
    __m256i carry = _mm256_setzero_si256();
    lanes256 right = {_mm256_set1_pd(s->floor / gain_unit(s)), _mm256_setzero_si256()};
    lanes256 left = right;
    for (int32_t bin = 0; bin < n_right; bin += 4) {
        const __m256i slots =
            _mm256_loadu_si256((const __m256i *)(const void *)((const uint64_t *)s->slots + bin));
        const __m256i sum = _mm256_add_epi64(prefix256(slots), carry);
        carry = _mm256_permute4x64_epi64(sum, 0xff);
        weigh256(&node, &right, sum, _mm256_cmpgt_epi64(right_end, index), format, index);
        if (s->has_missing) {
            weigh256(&node, &left, _mm256_add_epi64(sum, missing),
                     _mm256_cmpgt_epi64(left_end, index), format, index);
        }
        index = _mm256_add_epi64(index, _mm256_set1_epi64x(4));
    }
    return best256(s, &right, &left);
}

static AVX2 gbt_cpu_scanned scan_counted256(const gbt_cpu_scan *s)
{
    return scan256(s, GBT_CPU_COUNTED);
}

static AVX2 gbt_cpu_scanned scan_packed256(const gbt_cpu_scan *s)
{
    return scan256(s, GBT_CPU_PACKED);
}

/* No conversion from int64 to double in AVX2: the rare wide nodes use plain C. */
static const gbt_cpu_scans avx2_scans = {"avx2",
                                         {NULL, scan_counted256, scan_packed256, scan_wide_plain}};

#endif

bool gbt_cpu_scans_named(const char *name, gbt_cpu_scans *out)
{
    const gbt_cpu_scans *found = strcmp(name, "plain") == 0 ? &plain_scans : NULL;
#if defined(HAS_X86)
    if (strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) {
        found = &avx2_scans;
    }
    if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found = &avx512_scans;
    }
#endif
    if (found) {
        *out = *found;
    }
    return found != NULL;
}

gbt_cpu_scans gbt_cpu_scans_find(void)
{
    gbt_cpu_scans scans = plain_scans;
    if (!gbt_cpu_scans_named("avx512", &scans)) {
        (void)gbt_cpu_scans_named("avx2", &scans);
    }
    return scans;
}
