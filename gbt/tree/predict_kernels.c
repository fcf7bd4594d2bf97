/* The inner loops of prediction over blocks of rows: plain C and AVX2, and the choice at run time
 * among them and AVX-512 (predict_avx512.c). All give the same bits: compares and adds of bytes are
 * exact, and a row's sum grows by one float32 addition per tree whatever the width of the vector.
 * forest.h says what the loops compute. */
#include "gbt/tree/forest.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define USE_X86 1
#include <immintrin.h>
#else
#define USE_X86 0
#endif

/* So few groups would not fill the bytes of sets: they are placed one at a time, with all bits of a
 * byte the same. */
enum { FEW_GROUPS = 2 };

enum { PLANES = 8 }; /* bits of a leaf */

static inline uint8_t *set_of(uint8_t *sets, int32_t k)
{
    return sets + k * GBT_ROW_GROUP;
}

/* ---- Plain C --------------------------------------------------------------------------------- */

static int32_t count_below(const float *threshold, float x)
{
    int32_t n = 0;
    for (int i = 0; i < GBT_LADDER; i++) {
        n += x > threshold[i];
    }
    return n;
}

static inline void put_code(int32_t count, float value, int8_t *left, int8_t *right)
{
    *left = (int8_t)(GBT_LEAST_CODE + count);
    if (right) {
        *right = value != value ? GBT_MOST_CODE : *left;
    }
}

static void code_plain(const float *ladder, bool is_single, const float *x, int64_t row_step,
                       int32_t n, int8_t *left, int8_t *right)
{
    for (int32_t r = 0; r < n; r++) {
        const float value = x[r * row_step];
        const int32_t group = GBT_LADDER * count_below(ladder, value);
        const int32_t rest = is_single ? 0 : count_below(ladder + GBT_LADDER + group, value);
        put_code(group + rest, value, left + r, right ? right + r : NULL);
    }
}

static void member_plain(const uint32_t *set, const int8_t *bin, int32_t groups, int8_t *out)
{
    for (int32_t r = 0; r < groups * GBT_ROW_GROUP; r++) {
        out[r] = !gbt_set_has(set, (uint8_t)bin[r]);
    }
}

/* A register of any machine with vectors. */
typedef uint8_t lanes __attribute__((vector_size(16)));
typedef int8_t signed_lanes __attribute__((vector_size(16)));

static inline lanes load(const void *from)
{
    lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void store(void *to, lanes v)
{
    memcpy(to, &v, sizeof v);
}

/* Ones where the code is above the bin. */
static inline lanes above(const int8_t *code, int8_t bin)
{
    return (lanes)((signed_lanes)load(code) > bin);
}

/* The leaves of some rows of every group from the sets of these rows. */
static void count_sets_plain(const uint8_t *sets, int32_t n_leaves, int32_t groups, uint8_t *place)
{
    lanes number[GBT_MOST_GROUPS] = {{0}};
    lanes plane = {0};
    for (int bit = PLANES - 1; bit >= 0; bit--) {
        for (int32_t k = 1 << bit; k < n_leaves; k += 2 << bit) {
            plane ^= load(sets + k * GBT_ROW_GROUP);
        }
        for (int32_t g = 0; g < groups; g++) {
            number[g] |= (lanes)((plane & (uint8_t)(1 << g)) != 0) & (uint8_t)(1 << bit);
        }
    }
    for (int32_t g = 0; g < groups; g++) {
        store(place + g * GBT_ROW_GROUP, number[g]);
    }
}

static void place_block_plain(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                              int32_t groups, uint8_t *sets, uint8_t *place)
{
    for (int32_t s = 0; s < n_leaves - 1; s++) {
        const int8_t *code = column + step[s].column * groups;
        lanes right = {0};
        for (int32_t g = groups - 1; g >= 0; g--) {
            right = right + right - above(code + g * GBT_ROW_GROUP, step[s].bin);
        }
        store(set_of(sets, step[s].place),
              load(set_of(sets, step[s].last)) | (load(set_of(sets, step[s].first)) & right));
    }
    count_sets_plain(sets, n_leaves, groups, place);
}

/* One group of a block of `groups`, its sets as bytes of ones. */
static void place_group_plain(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                              int32_t groups, uint8_t *sets, uint8_t *place)
{
    lanes number = {0};
    for (int32_t s = 0; s < n_leaves - 1; s++) {
        const lanes right = above(column + step[s].column * groups, step[s].bin);
        const lanes set =
            load(set_of(sets, step[s].last)) | (load(set_of(sets, step[s].first)) & right);
        store(set_of(sets, step[s].place), set);
        number -= set;
    }
    store(place, number);
}

static void place_plain(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                        int32_t groups, uint8_t *sets, uint8_t *place)
{
    const int32_t width = (int32_t)sizeof(lanes);
    store(sets, ~(lanes){0});
    store(set_of(sets, n_leaves), (lanes){0});
    for (int32_t at = 0; at < groups * GBT_ROW_GROUP && groups <= FEW_GROUPS; at += width) {
        place_group_plain(step, n_leaves, column + at, groups, sets, place + at);
    }
    for (int32_t at = 0; at < GBT_ROW_GROUP && groups > FEW_GROUPS; at += width) {
        place_block_plain(step, n_leaves, column + at, groups, sets, place + at);
    }
}

static void add_plain(const float *value, int32_t n_leaves, const uint8_t *place, int32_t groups,
                      float *sum)
{
    (void)n_leaves;
    for (int32_t r = 0; r < groups * GBT_ROW_GROUP; r++) {
        sum[r] += value[place[r]];
    }
}

static const gbt_predict_kernels plain = {"plain", code_plain, member_plain, place_plain,
                                          add_plain};

#if USE_X86

/* ---- AVX2: 32 rows of a group a vector ------------------------------------------------------- */

#define AVX2 __attribute__((target("avx2,popcnt")))

AVX2 static inline __m256i load_avx2(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

AVX2 static inline void store_avx2(void *to, __m256i v)
{
    _mm256_storeu_si256((__m256i *)to, v);
}

AVX2 static int32_t count_below_avx2(const float *threshold, __m256 x)
{
    const __m256 low = _mm256_cmp_ps(x, _mm256_loadu_ps(threshold), _CMP_GT_OQ);
    const __m256 high = _mm256_cmp_ps(x, _mm256_loadu_ps(threshold + 8), _CMP_GT_OQ);
    const unsigned bits = (unsigned)_mm256_movemask_ps(low) | (unsigned)_mm256_movemask_ps(high)
                                                                  << 8;
    return __builtin_popcount(bits);
}

AVX2 static void code_avx2(const float *ladder, bool is_single, const float *x, int64_t row_step,
                           int32_t n, int8_t *left, int8_t *right)
{
    for (int32_t r = 0; r < n; r++) {
        const float single = x[r * row_step];
        const __m256 value = _mm256_set1_ps(single);
        const int32_t group = GBT_LADDER * count_below_avx2(ladder, value);
        const int32_t rest = is_single ? 0 : count_below_avx2(ladder + GBT_LADDER + group, value);
        put_code(group + rest, single, left + r, right ? right + r : NULL);
    }
}

/* Byte b / 8 of the set by two table look-ups, then bit b % 8 of it by a third. */
AVX2 static void member_avx2(const uint32_t *set, const int8_t *bin, int32_t groups, int8_t *out)
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)set));
    const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(set + 4)));
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    for (int32_t r = 0; r < groups * GBT_ROW_GROUP; r += 32) {
        const __m256i b = load_avx2(bin + r);
        const __m256i at = _mm256_and_si256(_mm256_srli_epi16(b, 3), _mm256_set1_epi8(15));
        const __m256i byte =
            _mm256_blendv_epi8(_mm256_shuffle_epi8(low, at), _mm256_shuffle_epi8(high, at), b);
        const __m256i bit = _mm256_shuffle_epi8(bit_of, _mm256_and_si256(b, _mm256_set1_epi8(7)));
        const __m256i absent =
            _mm256_cmpeq_epi8(_mm256_and_si256(byte, bit), _mm256_setzero_si256());
        store_avx2(out + r, _mm256_and_si256(absent, _mm256_set1_epi8(1)));
    }
}

AVX2 static void count_sets_avx2(const uint8_t *sets, int32_t n_leaves, int32_t groups,
                                 uint8_t *place)
{
    __m256i plane[PLANES], all = _mm256_setzero_si256();
    for (int bit = PLANES - 1; bit >= 0; bit--) {
        for (int32_t k = 1 << bit; k < n_leaves; k += 2 << bit) {
            all = _mm256_xor_si256(all, load_avx2(sets + k * GBT_ROW_GROUP));
        }
        plane[bit] = all;
    }
    for (int32_t g = 0; g < groups; g++) {
        const __m256i group = _mm256_set1_epi8((char)(1 << g));
        __m256i number = _mm256_setzero_si256();
        for (int bit = 0; bit < PLANES; bit++) {
            const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(plane[bit], group), group);
            number = _mm256_or_si256(number,
                                     _mm256_and_si256(is_set, _mm256_set1_epi8((char)(1 << bit))));
        }
        store_avx2(place + g * GBT_ROW_GROUP, number);
    }
}

/* Bits to the left of those of group g and the ones behind it. */
AVX2 static inline __m256i push_avx2(__m256i right, const int8_t *code, __m256i bin, int g)
{
    const __m256i above = _mm256_cmpgt_epi8(load_avx2(code + g * GBT_ROW_GROUP), bin);
    return _mm256_sub_epi8(_mm256_add_epi8(right, right), above);
}

AVX2 static inline __m256i above_avx2(const int8_t *code, __m256i bin, int32_t groups)
{
    __m256i right = _mm256_setzero_si256();
    if (groups == 8) {
        right = push_avx2(right, code, bin, 7);
        right = push_avx2(right, code, bin, 6);
        right = push_avx2(right, code, bin, 5);
        right = push_avx2(right, code, bin, 4);
    }
    right = push_avx2(right, code, bin, 3);
    right = push_avx2(right, code, bin, 2);
    right = push_avx2(right, code, bin, 1);
    return push_avx2(right, code, bin, 0);
}

AVX2 static inline __m256i next_set_avx2(const gbt_mask_step *step, uint8_t *sets, __m256i right)
{
    const __m256i first = load_avx2(set_of(sets, step->first));
    const __m256i last = load_avx2(set_of(sets, step->last));
    return _mm256_or_si256(last, _mm256_and_si256(first, right));
}

/* One group of a block of `groups`, its sets as bytes of ones. */
AVX2 static void place_group_avx2(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                                  int32_t groups, uint8_t *sets, uint8_t *place)
{
    __m256i number = _mm256_setzero_si256();
    for (int32_t s = 0; s < n_leaves - 1; s++) {
        const __m256i code = load_avx2(column + step[s].column * groups);
        const __m256i right = _mm256_cmpgt_epi8(code, _mm256_set1_epi8(step[s].bin));
        const __m256i set = next_set_avx2(&step[s], sets, right);
        store_avx2(set_of(sets, step[s].place), set);
        number = _mm256_sub_epi8(number, set);
    }
    store_avx2(place, number);
}

AVX2 static void place_avx2(const gbt_mask_step *step, int32_t n_leaves, const int8_t *column,
                            int32_t groups, uint8_t *sets, uint8_t *place)
{
    store_avx2(sets, _mm256_set1_epi8(-1));
    store_avx2(set_of(sets, n_leaves), _mm256_setzero_si256());
    for (int32_t at = 0; at < groups * GBT_ROW_GROUP && groups <= FEW_GROUPS; at += 32) {
        place_group_avx2(step, n_leaves, column + at, groups, sets, place + at);
    }
    for (int32_t half = 0; half < GBT_ROW_GROUP && groups > FEW_GROUPS; half += 32) {
        for (int32_t s = 0; s < n_leaves - 1; s++) {
            const __m256i right = above_avx2(column + step[s].column * groups + half,
                                             _mm256_set1_epi8(step[s].bin), groups);
            store_avx2(set_of(sets, step[s].place), next_set_avx2(&step[s], sets, right));
        }
        count_sets_avx2(sets, n_leaves, groups, place + half);
    }
}

static const gbt_predict_kernels avx2 = {"avx2", code_avx2, member_avx2, place_avx2, add_plain};

#endif

/* ---- Choice ---------------------------------------------------------------------------------- */

const gbt_predict_kernels *gbt_predict_kernels_find(int which)
{
    const gbt_predict_kernels *found[3] = {&plain};
    int n = 1;
#if USE_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
        found[n++] = &avx2;
    }
#endif
    if (gbt_predict_kernels_avx512()) {
        found[n++] = gbt_predict_kernels_avx512();
    }
    return which < 0 ? found[n - 1] : which < n ? found[which] : NULL;
}
