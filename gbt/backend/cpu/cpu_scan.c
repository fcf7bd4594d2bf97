/* Scans of one numeric feature: prefix sums over its bins and the gain of every cut, regularised
 * by lambda alone. Variants for plain C and AVX2, and the choice among these and the one of
 * cpu_scan_avx512.c; all give the same bits because sums are integers, the gain is computed by the
 * operations of gbt_pair_gain in their order, and ties go to the lowest bin and to missing values
 * on the right. Other regularisation: cpu_split.c.
 *
 * The vector variants leave sums in units, as powers of two change no rounding: with lambda in
 * units of hessian, gains are in units of grad_unit^2 / hess_unit. Cost: 5 cycles a bin with AVX2,
 * 11 plain. GBT_NO_SIMD leaves plain C alone. */
#include "gbt/backend/cpu/cpu_scan.h"

#include <string.h>

#include "gbt/backend/gain.h"

#if defined(GBT_CPU_SCAN_X86)
#include <immintrin.h>
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef struct prefix {
    int64_t grad, hess, rows;
} prefix;

static ALWAYS_INLINE void add_slot(prefix *sum, const gbt_cpu_scan *s, int32_t bin,
                                   gbt_cpu_format format)
{
    const bool is_lacking = bin == 0 && s->lacks_first;
    if (format == GBT_CPU_WIDE) {
        const gbt_sum slot = is_lacking ? gbt_cpu_scan_first(s) : ((const gbt_sum *)s->slots)[bin];
        sum->grad += slot.grad;
        sum->hess += slot.hess;
        return;
    }
    const uint64_t slot =
        is_lacking ? gbt_cpu_scan_first_word(s, format) : ((const uint64_t *)s->slots)[bin];
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
    const gbt_cpu_scan_node *node = s->node;
    const int64_t right_hess = node->sum.hess - left.hess;
    if (left.hess < node->least_hess || right_hess < node->least_hess) {
        return;
    }
    if (format == GBT_CPU_COUNTED &&
        (left.rows < node->least_rows || node->n_rows - left.rows < node->least_rows)) {
        return;
    }
    const double sides = gbt_pair_gain((double)left.grad * node->grad_unit,
                                       (double)left.hess * node->hess_unit + node->lambda,
                                       (double)(node->sum.grad - left.grad) * node->grad_unit,
                                       (double)right_hess * node->hess_unit + node->lambda);
    if (sides > best->sides) {
        *best = (gbt_cpu_scanned){sides, bin, missing_left};
    }
}

static ALWAYS_INLINE gbt_cpu_scanned scan_plain(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    gbt_cpu_scanned best = {s->floor, 0, false};
    prefix left = {0, 0, 0};
    for (int32_t bin = 0; bin < s->n_bins - (s->has_missing ? 0 : 1); bin++) {
        add_slot(&left, s, bin, format);
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

#if defined(GBT_CPU_SCAN_X86)

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
    return top > s->floor * s->node->per_unit ? gbt_cpu_scan_choose(s, top, right_bin, left_bin)
                                              : gbt_cpu_scan_nothing(s);
}

static AVX2_INLINE gbt_cpu_scanned scan256(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    const node256 node = {
        .grad = _mm256_set1_pd((double)s->node->sum.grad),
        .hess = _mm256_set1_pd((double)s->node->sum.hess),
        .lambda = _mm256_set1_pd(s->node->lambda_units),
        .least = _mm256_set1_pd((double)s->node->least_hess),
        .least_rows = _mm256_set1_epi64x(s->node->least_rows),
        .most_rows = _mm256_set1_epi64x(s->node->n_rows - s->node->least_rows),
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
    lanes256 right = {_mm256_set1_pd(s->floor * s->node->per_unit), _mm256_setzero_si256()};
    lanes256 left = right;
    for (int32_t bin = 0; bin < n_right; bin += 4) {
        __m256i slots =
            _mm256_loadu_si256((const __m256i *)(const void *)((const uint64_t *)s->slots + bin));
        if (bin == 0 && s->lacks_first) {
            const __m256i first = _mm256_set1_epi64x((int64_t)gbt_cpu_scan_first_word(s, format));
            slots = _mm256_blend_epi32(slots, first, 3);
        }
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
#if defined(GBT_CPU_SCAN_X86)
    if (strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) {
        found = &avx2_scans;
    }
    if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found = &gbt_cpu_scans_avx512;
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
