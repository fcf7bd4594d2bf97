/* Picks bytes 16 at a time: the chosen ones lie close together, so a few shuffles of 16 adjacent
 * bytes make 16 bytes of the result. */
#include "gbt/backend/cpu/cpu_pick.h"

#include <string.h>

#include "gbt/base/alloc.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define USE_X86 1
#include <immintrin.h>
#else
#define USE_X86 0
#endif

enum { NOWHERE = 255 };

gbt_status gbt_picker_open(int32_t most, gbt_picker *out)
{
    gbt_status status = GBT_OK;
    *out = (gbt_picker){0};
    GBT_TRY_OR_DONE(GBT_NEW(out->source, most));
    GBT_TRY_OR_DONE(GBT_NEW(out->part, most));
    GBT_TRY_OR_DONE(GBT_NEW(out->last_part, most / GBT_PICK_BLOCK + 1));
    return GBT_OK;
done:
    gbt_picker_close(out);
    return status;
}

void gbt_picker_close(gbt_picker *picker)
{
    gbt_release(picker->source);
    gbt_release(picker->part);
    gbt_release(picker->last_part);
    *picker = (gbt_picker){0};
}

void gbt_picker_plan(gbt_picker *picker)
{
    int32_t n_parts = 0;
    for (int32_t i = 0; i < picker->n; i++) {
        const int32_t source = picker->source[i];
        const int32_t at = i % GBT_PICK_BLOCK;
        if (at == 0 || source - picker->part[n_parts - 1].first >= GBT_PICK_BLOCK) {
            gbt_pick_part *next = &picker->part[n_parts++];
            next->first = source;
            memset(next->from, NOWHERE, sizeof next->from);
        }
        gbt_pick_part *part = &picker->part[n_parts - 1];
        part->from[at] = (uint8_t)(source - part->first);
        picker->last_part[i / GBT_PICK_BLOCK] = n_parts;
    }
}

static void pick_plain(const gbt_picker *picker, const uint8_t *base, int64_t row_step,
                       const uint32_t *row, int32_t n, uint8_t *to, int64_t step)
{
    for (int32_t r = 0; r < n; r++, to += step) {
        const uint8_t *from = base + row[r] * row_step;
        for (int32_t i = 0; i < picker->n; i++) {
            to[i] = from[picker->source[i]];
        }
    }
}

#if USE_X86
__attribute__((target("ssse3"))) static void pick_ssse3(const gbt_picker *picker,
                                                        const uint8_t *base, int64_t row_step,
                                                        const uint32_t *row, int32_t n, uint8_t *to,
                                                        int64_t step)
{
    const int32_t n_blocks = (picker->n + GBT_PICK_BLOCK - 1) / GBT_PICK_BLOCK;
    for (int32_t r = 0; r < n; r++, to += step) {
        const uint8_t *from = base + row[r] * row_step;
        const gbt_pick_part *part = picker->part;
        for (int32_t block = 0; block < n_blocks; block++) {
            const gbt_pick_part *end = picker->part + picker->last_part[block];
            __m128i all = _mm_setzero_si128();
            for (; part < end; part++) {
                const __m128i bytes = _mm_loadu_si128((const __m128i *)(from + part->first));
                const __m128i order = _mm_loadu_si128((const __m128i *)part->from);
                all = _mm_or_si128(all, _mm_shuffle_epi8(bytes, order));
            }
            _mm_storeu_si128((__m128i *)(to + block * GBT_PICK_BLOCK), all);
        }
    }
}
#endif

gbt_pick_fn *gbt_pick_find(int which)
{
    gbt_pick_fn *found[2] = {pick_plain};
    int n = 1;
#if USE_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("ssse3")) {
        found[n++] = pick_ssse3;
    }
#endif
    return which < 0 ? found[n - 1] : which < n ? found[which] : NULL;
}
