/* Weighted quantile by selection: base scores and renewed leaves of absolute, quantile and mape.
 *
 * Quickselect with three parts (below, equal, above the pivot), which is linear in ties too and
 * ends whatever the values are, NaN included. Weights become whole numbers first, so that sums are
 * exact and the result is a function of the set of rows, not of their order. Reference: [Hoare61];
 * the three parts: [Dijkstra76 ch. 14]. */
#include <math.h>

#include "gbt/base/rng.h"
#include "gbt/loss/objective.h"

/* Rows with whole weights; `scale` is a power of two. */
typedef struct sample {
    float *value;  /* [n] */
    float *weight; /* [n] or NULL: all 1 */
    double scale;
} sample;

/* Rows [first, below) are smaller than the pivot, [below, above) equal, [above, last) larger. */
typedef struct parts {
    int64_t below, above;
    int64_t weight_below, weight_equal;
    float pivot;
} parts;

static int64_t whole_weight(const sample *s, int64_t i)
{
    return s->weight == NULL ? 1 : (int64_t)((double)s->weight[i] * s->scale);
}

static void swap_rows(const sample *s, int64_t i, int64_t j)
{
    float value = s->value[i];
    s->value[i] = s->value[j];
    s->value[j] = value;
    if (s->weight != NULL) {
        float weight = s->weight[i];
        s->weight[i] = s->weight[j];
        s->weight[j] = weight;
    }
}

static float median_of_three(float a, float b, float c)
{
    float low = a < b ? a : b;
    float high = a < b ? b : a;
    return c < low ? low : (c > high ? high : c);
}

/* Pivots are drawn, so that no order of the rows is a bad one; the draws never change the
 * result. */
static int64_t draw_row(int64_t n, uint64_t position, int64_t first, int64_t last)
{
    return first + (int64_t)(gbt_rng_u64((uint64_t)n, position) % (uint64_t)(last - first));
}

static parts split_rows(const sample *s, int64_t first, int64_t last, float pivot)
{
    parts p = {first, last, 0, 0, pivot};
    int64_t i = first;
    while (i < p.above) {
        float value = s->value[i];
        if (value < pivot) {
            p.weight_below += whole_weight(s, i);
            swap_rows(s, i, p.below);
            p.below++;
            i++;
        } else if (value > pivot) {
            p.above--;
            swap_rows(s, i, p.above);
        } else {
            p.weight_equal += whole_weight(s, i);
            i++;
        }
    }
    return p;
}

/* The smallest value of rows [first, n) that has a weight; `fallback` when there is none. */
static float smallest_from(const sample *s, int64_t first, int64_t n, float fallback)
{
    float smallest = fallback;
    bool found = false;
    for (int64_t i = first; i < n; i++) {
        if (whole_weight(s, i) > 0 && (!found || s->value[i] < smallest)) {
            smallest = s->value[i];
            found = true;
        }
    }
    return smallest;
}

/* `exact` says that `target` is level * total without rounding up to a whole number. */
static double select_value(const sample *s, int64_t n, int64_t target, bool exact)
{
    int64_t first = 0;
    int64_t last = n;
    int64_t before = 0; /* weight of the rows in front of `first`, all smaller */
    for (uint64_t step = 0; last - first > 1; step++) {
        float pivot = median_of_three(s->value[draw_row(n, 3 * step, first, last)],
                                      s->value[draw_row(n, 3 * step + 1, first, last)],
                                      s->value[draw_row(n, 3 * step + 2, first, last)]);
        parts p = split_rows(s, first, last, pivot);
        if (before + p.weight_below >= target) {
            last = p.below;
        } else if (before + p.weight_below + p.weight_equal >= target) {
            before += p.weight_below;
            first = p.below;
            last = p.above;
            break;
        } else {
            before += p.weight_below + p.weight_equal;
            first = p.above;
        }
    }
    /* Rows [first, last) are equal; those behind are larger. */
    double value = (double)s->value[first];
    for (int64_t i = first; i < last; i++) {
        before += whole_weight(s, i);
    }
    if (exact && before == target) {
        value = 0.5 * (value + (double)smallest_from(s, last, n, s->value[first]));
    }
    return value;
}

double gbt_weighted_quantile(float *value, float *weight, int64_t n, double level)
{
    if (n <= 0) {
        return 0.0;
    }
    sample s = {value, weight, 1.0};
    int64_t total = n;
    if (weight != NULL) {
        float largest = 0.0f;
        for (int64_t i = 0; i < n; i++) {
            largest = weight[i] > largest ? weight[i] : largest;
        }
        int size_bits = 0;
        int weight_bits = 0;
        (void)frexp((double)n, &size_bits);
        (void)frexp((double)largest, &weight_bits);
        s.scale = ldexp(1.0, 62 - size_bits - weight_bits);
        total = 0;
        for (int64_t i = 0; i < n; i++) {
            total += whole_weight(&s, i);
        }
    }
    if (total == 0) {
        s.weight = NULL;
        total = n;
    }
    double reach = level * (double)total;
    int64_t target = (int64_t)ceil(reach);
    target = target < 1 ? 1 : (target > total ? total : target);
    return select_value(&s, n, target, (double)target == reach);
}
