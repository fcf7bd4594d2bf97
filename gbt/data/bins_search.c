/* Binning of numeric values: a balanced search tree of at most eight levels, walked without
 * branches.
 *
 *   AVX-512  16 values at a time, the whole tree in registers: a level is one permutation, one
 *            compare and one masked add, the lower levels blend two, four or eight permutations.
 *   AVX2     one value at a time: compare with 16 pivots, then with the 16 cuts between two of
 *            them.
 *   plain    eight values at a time, so that their walks overlap.
 *
 * The path is picked at run time; GBT_NO_SIMD builds the plain one only. This is the only file of
 * data/ that knows processors. Cost per value and 254 cuts: 0.85, 2.5 and 6.5 ns (Zen 4,
 * 3.7 GHz). */
#include "gbt/data/bins_search.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define HAS_X86 1
#include <immintrin.h>
#else
#define HAS_X86 0
#endif

enum { TOP_LEVELS = 4, PIVOTS = 16, LANES = 8 };

void gbt_search_prepare(gbt_search_table *table, const float *upper, int32_t n_cuts)
{
    table->n_levels = TOP_LEVELS;
    while ((1 << table->n_levels) - 1 < n_cuts) {
        table->n_levels++;
    }
    table->missing = (uint8_t)(n_cuts + 1);
    for (int32_t i = 0; i < GBT_SEARCH_NODES; i++) {
        table->cut[i] = i < n_cuts ? upper[i] : INFINITY;
        table->node[i] = INFINITY;
    }
    /* Node j of level l parts the stretch of 2^(levels - l) places that begins at j times that. */
    for (int32_t level = 0; level < table->n_levels; level++) {
        const int32_t nodes = 1 << level, stretch = 1 << (table->n_levels - level);
        for (int32_t j = 0; j < nodes; j++) {
            table->node[nodes - 1 + j] = table->cut[j * stretch + stretch / 2 - 1];
        }
    }
}

/* Bins of the first `n` (at most LANES) values of x. */
static bool search_lanes(const gbt_search_table *table, const float *x, int64_t n, uint8_t *out)
{
    float value[LANES] = {0};
    int32_t k[LANES] = {0};
    bool has_missing = false;
    memcpy(value, x, (size_t)n * sizeof *x);
    for (int32_t level = 0; level < table->n_levels; level++) {
        for (int lane = 0; lane < LANES; lane++) {
            k[lane] = 2 * k[lane] + 1 + (value[lane] > table->node[k[lane]]);
        }
    }
    const int32_t first_leaf = (1 << table->n_levels) - 1;
    for (int64_t lane = 0; lane < n; lane++) {
        const bool is_missing = isnan(value[lane]);
        out[lane] = is_missing ? table->missing : (uint8_t)(k[lane] - first_leaf);
        has_missing |= is_missing;
    }
    return has_missing;
}

static bool search_plain(const gbt_search_table *table, const float *x, int64_t n, uint8_t *out)
{
    bool has_missing = false;
    for (int64_t i = 0; i < n; i += LANES) {
        has_missing |= search_lanes(table, x + i, n - i < LANES ? n - i : LANES, out + i);
    }
    return has_missing;
}

#if HAS_X86

#define INLINE_AVX512 __attribute__((target("avx512f"), always_inline)) static inline

/* The nodes of the tree in registers. Level l has its 2^l nodes in order; levels 0 to 3 share
 * one. */
typedef struct tree_registers {
    __m512 level[4];
    __m512 level4, level5[2], level6[4], level7[8];
    __m512i
        one; /* not a constant to the compiler: clang 14 would make four slow steps of adding it */
} tree_registers;

/* One step down: j becomes 2j, or 2j + 1 where x is above the cut. */
INLINE_AVX512 __m512i descend(const tree_registers *tree, __m512i j, __m512 cut, __m512 x,
                              __mmask16 *above)
{
    *above = _mm512_cmp_ps_mask(x, cut, _CMP_GT_OQ);
    const __m512i doubled = _mm512_add_epi32(j, j);
    return _mm512_mask_add_epi32(doubled, *above, doubled, tree->one);
}

/* Entry j (below 32) of a table in two registers. */
INLINE_AVX512 __m512 pick(const __m512 *two, __m512i j)
{
    return _mm512_permutex2var_ps(two[0], j, two[1]);
}

INLINE_AVX512 void load_tree(const gbt_search_table *table, tree_registers *tree)
{
    tree->one = _mm512_set1_epi32(table->n_levels > 0);
    for (int l = 0; l < 4; l++) {
        tree->level[l] = _mm512_loadu_ps(table->node + (1 << l) - 1);
    }
    tree->level4 = _mm512_loadu_ps(table->node + 15);
    for (int i = 0; i < 2; i++) {
        tree->level5[i] = _mm512_loadu_ps(table->node + 31 + 16 * i);
    }
    for (int i = 0; i < 4; i++) {
        tree->level6[i] = _mm512_loadu_ps(table->node + 63 + 16 * i);
    }
    for (int i = 0; i < 8; i++) {
        tree->level7[i] = _mm512_loadu_ps(table->node + 127 + 16 * i);
    }
}

/* Bins of 16 values. The first compares are the top bits of j, so they select among registers. */
INLINE_AVX512 __m512i search_16(const tree_registers *tree, int32_t levels, __m512 x)
{
    __mmask16 above[8];
    __m512i j = _mm512_setzero_si512();
    for (int l = 0; l < 4; l++) {
        j = descend(tree, j, _mm512_permutexvar_ps(j, tree->level[l]), x, &above[l]);
    }
    if (levels > 4) {
        j = descend(tree, j, _mm512_permutexvar_ps(j, tree->level4), x, &above[4]);
    }
    if (levels > 5) {
        j = descend(tree, j, pick(tree->level5, j), x, &above[5]);
    }
    if (levels > 6) {
        const __m512 cut =
            _mm512_mask_blend_ps(above[0], pick(tree->level6, j), pick(tree->level6 + 2, j));
        j = descend(tree, j, cut, x, &above[6]);
    }
    if (levels > 7) {
        const __m512 low =
            _mm512_mask_blend_ps(above[1], pick(tree->level7, j), pick(tree->level7 + 2, j));
        const __m512 high =
            _mm512_mask_blend_ps(above[1], pick(tree->level7 + 4, j), pick(tree->level7 + 6, j));
        j = descend(tree, j, _mm512_mask_blend_ps(above[0], low, high), x, &above[7]);
    }
    return j;
}

/* The same with the bin of missing values; those are added to `any_missing`. */
INLINE_AVX512 __m128i bytes_16(const gbt_search_table *table, const tree_registers *tree, __m512 x,
                               __mmask16 *any_missing)
{
    const __mmask16 is_missing = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i bin = search_16(tree, table->n_levels, x);
    *any_missing |= is_missing;
    return _mm512_cvtepi32_epi8(
        _mm512_mask_mov_epi32(bin, is_missing, _mm512_set1_epi32(table->missing)));
}

__attribute__((target("avx512f"))) static bool search_avx512(const gbt_search_table *table,
                                                             const float *x, int64_t n,
                                                             uint8_t *out)
{
    tree_registers tree;
    load_tree(table, &tree);
    __mmask16 any_missing = 0;
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) { /* two searches hide each other's latency */
        const __m128i low = bytes_16(table, &tree, _mm512_loadu_ps(x + i), &any_missing);
        const __m128i high = bytes_16(table, &tree, _mm512_loadu_ps(x + i + 16), &any_missing);
        const __m256i both = _mm256_insertf128_si256(_mm256_castsi128_si256(low), high, 1);
        _mm256_storeu_si256((__m256i *)(void *)(out + i), both);
    }
    for (; i < n; i += 16) {
        const __mmask16 inside = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1u) : 0xFFFF;
        const __m512 value = _mm512_maskz_loadu_ps(inside, x + i);
        uint8_t byte[16];
        _mm_storeu_si128((__m128i *)(void *)byte, bytes_16(table, &tree, value, &any_missing));
        memcpy(out + i, byte, (size_t)(n - i < 16 ? n - i : 16));
    }
    return any_missing != 0;
}

/* Number of the 16 ascending cuts that are below x. */
__attribute__((target("avx2,popcnt"), always_inline)) static inline int32_t count_16(
    const float *cut, __m256 x)
{
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_loadu_ps(cut), _CMP_GT_OQ));
    const int high = _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_loadu_ps(cut + 8), _CMP_GT_OQ));
    return _mm_popcnt_u32((unsigned)(low | high << 8));
}

__attribute__((target("avx2,popcnt"))) static bool search_avx2(const gbt_search_table *table,
                                                               const float *x, int64_t n,
                                                               uint8_t *out)
{
    float pivot[PIVOTS]; /* the last one is infinite: 255 cuts at most */
    for (int i = 0; i < PIVOTS; i++) {
        pivot[i] = table->cut[PIVOTS * i + PIVOTS - 1];
    }
    bool has_missing = false;
    for (int64_t i = 0; i < n; i++) {
        const __m256 value = _mm256_set1_ps(x[i]);
        const int32_t stretch = count_16(pivot, value);
        const int32_t bin = PIVOTS * stretch + count_16(table->cut + PIVOTS * stretch, value);
        const bool is_missing = isnan(x[i]);
        out[i] = is_missing ? table->missing : (uint8_t)bin;
        has_missing |= is_missing;
    }
    return has_missing;
}

#endif

bool gbt_search_usable(gbt_search_path path)
{
#if HAS_X86
    if (path == GBT_SEARCH_AVX512) {
        return __builtin_cpu_supports("avx512f") != 0;
    }
    if (path == GBT_SEARCH_AVX2) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    }
#endif
    return path == GBT_SEARCH_PLAIN;
}

gbt_search_path gbt_search_best(void)
{
    return gbt_search_usable(GBT_SEARCH_AVX512) ? GBT_SEARCH_AVX512
           : gbt_search_usable(GBT_SEARCH_AVX2) ? GBT_SEARCH_AVX2
                                                : GBT_SEARCH_PLAIN;
}

bool gbt_search_bins(gbt_search_path path, const gbt_search_table *table, const float *x, int64_t n,
                     uint8_t *out)
{
#if HAS_X86
    if (path == GBT_SEARCH_AVX512) {
        return search_avx512(table, x, n, out);
    }
    if (path == GBT_SEARCH_AVX2) {
        return search_avx2(table, x, n, out);
    }
#endif
    (void)path;
    return search_plain(table, x, n, out);
}
