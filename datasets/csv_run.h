/* Runs of plain numbers: the next kilobytes of cells, converted before it is known which rows and
 * columns they belong to.
 *
 * The path is picked at run time; GBT_NO_SIMD builds the plain one only, which takes one number
 * after the other with digits.h. All paths give the same bytes. Cost: that of digits_wide.h; plain
 * 33 cycles a number of eight characters. */
#ifndef GBT_DATASETS_CSV_RUN_H
#define GBT_DATASETS_CSV_RUN_H

#include <math.h>

#include "datasets/digits_wide.h"

typedef struct gbt_csv_run {
    const char *text;              /* where the first cell begins */
    int32_t n;                     /* cells; each begins behind the stop of the one before */
    uint16_t stop[GBT_WIDE_CELLS]; /* separator or line end, counted from `text` */
    char mark[GBT_WIDE_CELLS];     /* the byte there; 0: the cell is not a plain number */
    float value[GBT_WIDE_CELLS];   /* of marked cells; NaN: empty */
} gbt_csv_run;

/* ---- One number after the other -------------------------------------------------------------- */

/* Where the cell stops whose number ends at `end`, or NULL. A line may end with CR LF. */
static inline const char *gbt_csv_run_stop(const char *end, char separator)
{
    end += end[0] == '\r' && end[1] == '\n';
    return *end == separator || *end == '\n' ? end : NULL;
}

static inline void gbt_csv_run_plain(gbt_csv_run *run, const char *end, char separator)
{
    const char *p = run->text;
    while (p < end && run->n < GBT_WIDE_CELLS) {
        const int32_t k = run->n;
        const char *number_end = gbt_digits_scan(p, &run->value[k]);
        const char *stop = number_end != NULL ? gbt_csv_run_stop(number_end, separator) : NULL;
        const bool is_number = stop != NULL;
        stop = is_number ? stop : p;
        while (stop < end && *stop != separator && *stop != '\n') {
            stop++;
        }
        if (stop >= end) {
            return;
        }
        run->value[k] = is_number ? run->value[k] : NAN;
        run->mark[k] = is_number || stop == p ? *stop : '\0';
        run->stop[k] = (uint16_t)(stop - run->text);
        run->n++;
        p = stop + 1;
    }
}

#if GBT_WIDE_X86

/* ---- By vectors ------------------------------------------------------------------------------ */

/* Empty cells, numbers of another form, lines that end with CR LF, and what is no number. */
GBT_AVX2 void gbt_csv_take_odd(gbt_csv_run *run, const gbt_wide_parts *parts)
{
    for (int32_t i = 0; i < parts->n_odd; i++) {
        const int32_t k = parts->odd[i];
        const char *p = run->text + (k > 0 ? run->stop[k - 1] + 1 : 0);
        const char *stop = run->text + run->stop[k], *end = stop;
        end -= end > p && *end == '\n' && end[-1] == '\r';
        if (!gbt_wide_take(p, end, &run->value[k])) {
            run->value[k] = NAN;
            run->mark[k] = p == stop ? *stop : '\0';
        }
    }
}

/* Converts the n cells whose stops are listed. */
GBT_WIDE_LOOP void gbt_csv_run_wide(gbt_csv_run *run, int32_t n, gbt_wide_steps steps)
{
    gbt_wide_parts parts;
    const char *p = run->text;
    int32_t n_odd = 0;
    for (int32_t k = 0; k < n; k++) {
        const char *stop = run->text + run->stop[k];
        run->mark[k] = *stop;
        parts.odd[n_odd] = (uint16_t)k;
        n_odd += !steps.cut(p, stop, &parts, k);
        p = stop + 1;
    }
    steps.join(&parts, n, run->value);
    run->n = n;
    parts.n_odd = n_odd;
    gbt_csv_take_odd(run, &parts);
}

GBT_AVX2 void gbt_csv_run_avx2(gbt_csv_run *run, uint32_t size, char separator)
{
    const int32_t n = gbt_wide_stops_avx2(run->text, size, separator, separator, run->stop);
    gbt_csv_run_wide(run, n, gbt_wide_steps_avx2);
}

GBT_AVX512 void gbt_csv_run_avx512(gbt_csv_run *run, uint32_t size, char separator)
{
    const int32_t n = gbt_wide_stops_avx512(run->text, size, separator, separator, run->stop);
    gbt_csv_run_wide(run, n, gbt_wide_steps_avx512);
}

#endif

/* ---- The choice ------------------------------------------------------------------------------ */

/* Takes the cells from `p` on that stop before `end` into the run, as many as fit; none when the
 * first one is too long. 64 bytes behind `end` are readable. */
static inline void gbt_csv_run_fill(gbt_csv_run *run, gbt_wide_path path, const char *p,
                                    const char *end, char separator)
{
    const size_t size = end - p < GBT_WIDE_BYTES ? (size_t)(end - p) : GBT_WIDE_BYTES;
    run->text = p;
    run->n = 0;
#if GBT_WIDE_X86
    if (path == GBT_WIDE_AVX512) {
        gbt_csv_run_avx512(run, (uint32_t)size, separator);
        return;
    }
    if (path == GBT_WIDE_AVX2) {
        gbt_csv_run_avx2(run, (uint32_t)size, separator);
        return;
    }
#endif
    (void)path;
    gbt_csv_run_plain(run, p + size, separator);
}

#endif
