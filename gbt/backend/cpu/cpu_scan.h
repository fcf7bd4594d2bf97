/* Formats of histogram slots, and the scan of one numeric feature's bins for the best plain
 * split. The scan has variants for vector units; all give the same bits.
 *
 * Slots of a node (narrow gradients; wide gradients always have the wide format):
 *   counted  up to 1,023 rows     grad << 36 + hess << 10 + rows
 *   packed   up to 65,535 rows    grad << 32 + hess
 *   wide     more                 gbt_sum
 * The fields of a packed word never disturb each other within these bounds, so sums, differences
 * and prefix sums of whole words are those of the fields. */
#ifndef GBT_BACKEND_CPU_CPU_SCAN_H
#define GBT_BACKEND_CPU_CPU_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "gbt/backend/backend.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GBT_NO_SIMD)
#define GBT_CPU_SCAN_X86 1
#endif

typedef enum gbt_cpu_format {
    GBT_CPU_NONE = 0,
    GBT_CPU_COUNTED,
    GBT_CPU_PACKED,
    GBT_CPU_WIDE
} gbt_cpu_format;

/* Arithmetic shift of a negative number: what every compiler we build with does. */
static inline int64_t gbt_cpu_counted_grad(uint64_t slot)
{
    return (int64_t)slot >> 36;
}

static inline int64_t gbt_cpu_counted_hess(uint64_t slot)
{
    return (int64_t)(slot >> 10 & 0x3ffffff);
}

static inline int64_t gbt_cpu_counted_rows(uint64_t slot)
{
    return (int64_t)(slot & 1023);
}

static inline int64_t gbt_cpu_packed_grad(uint64_t slot)
{
    return (int64_t)slot >> 32;
}

static inline int64_t gbt_cpu_packed_hess(uint64_t slot)
{
    return (int64_t)(slot & 0xffffffffu);
}

static inline uint64_t gbt_cpu_pack(int64_t grad, int64_t hess)
{
    return ((uint64_t)grad << 32) + (uint64_t)hess;
}

static inline uint64_t gbt_cpu_pack_counted(int64_t grad, int64_t hess, int64_t rows)
{
    return ((uint64_t)grad << 36) + ((uint64_t)hess << 10) + (uint64_t)rows;
}

/* What the scans of all features of a node share. */
typedef struct gbt_cpu_scan_node {
    gbt_sum sum;
    int64_t least_hess;         /* each side must have at least this, in units */
    int64_t n_rows, least_rows; /* counted only: of the node, of a side */
    double grad_unit, hess_unit, lambda;
    double lambda_units; /* lambda in units of hessian */
    double unit;         /* gain that is 1 when sums are in units: grad_unit^2 / hess_unit */
    double per_unit;     /* 1 / unit, exactly, as these are powers of two */
} gbt_cpu_scan_node;

/* One feature of one node. Slots are in order of bins; those up to the next multiple of 8 are
 * readable. */
typedef struct gbt_cpu_scan {
    const gbt_cpu_scan_node *node;
    const void *slots; /* [n_bins] values, then missing */
    bool lacks_first;  /* slots[0] is something else: bin 0 holds the node's sums less all others */
    int32_t n_bins;    /* value bins */
    bool has_missing;  /* sums of `missing` are not both zero: both directions count */
    gbt_sum missing;
    int64_t missing_rows; /* counted only */
    double floor;         /* the gains of both sides must exceed this */
} gbt_cpu_scan;

/* The best candidate; sides = floor: none. */
typedef struct gbt_cpu_scanned {
    double sides;
    int32_t bin;
    bool missing_left; /* only with has_missing */
} gbt_cpu_scanned;

typedef gbt_cpu_scanned (*gbt_cpu_scan_fn)(const gbt_cpu_scan *);

typedef struct gbt_cpu_scans {
    const char *name;
    gbt_cpu_scan_fn scan[4]; /* by gbt_cpu_format */
} gbt_cpu_scans;

#if defined(GBT_CPU_SCAN_X86)
extern const gbt_cpu_scans gbt_cpu_scans_avx512; /* needs AVX-512 F, BW, DQ and VL */
#endif

/* Fills in what follows from grad_unit, hess_unit and lambda. */
static inline void gbt_cpu_scan_node_finish(gbt_cpu_scan_node *node)
{
    node->lambda_units = node->lambda / node->hess_unit;
    node->unit = node->grad_unit * node->grad_unit / node->hess_unit;
    node->per_unit = 1.0 / node->unit;
}

/* The word that stands for all of a node. */
static inline uint64_t gbt_cpu_scan_node_word(const gbt_cpu_scan_node *node, gbt_cpu_format format)
{
    return format == GBT_CPU_COUNTED
               ? gbt_cpu_pack_counted(node->sum.grad, node->sum.hess, node->n_rows)
               : gbt_cpu_pack(node->sum.grad, node->sum.hess);
}

/* Bin 0 of a scan that lacks it, wide. */
static inline gbt_sum gbt_cpu_scan_first(const gbt_cpu_scan *s)
{
    const gbt_sum *slot = s->slots;
    gbt_sum first = s->node->sum;
    for (int32_t bin = 1; bin < s->n_bins + (s->has_missing ? 1 : 0); bin++) {
        first.grad -= slot[bin].grad;
        first.hess -= slot[bin].hess;
    }
    return first;
}

/* The same in words. */
static inline uint64_t gbt_cpu_scan_first_word(const gbt_cpu_scan *s, gbt_cpu_format format)
{
    const uint64_t *slot = s->slots;
    uint64_t first = gbt_cpu_scan_node_word(s->node, format);
    for (int32_t bin = 1; bin < s->n_bins + (s->has_missing ? 1 : 0); bin++) {
        first -= slot[bin];
    }
    return first;
}

/* For the vector variants: the largest gain of all lanes, in units, and the lowest bins that have
 * it with missing values on the right and on the left (INT64_MAX: none). */
static inline gbt_cpu_scanned gbt_cpu_scan_choose(const gbt_cpu_scan *s, double top,
                                                  int64_t right_bin, int64_t left_bin)
{
    const bool missing_left = left_bin < right_bin;
    return (gbt_cpu_scanned){top * s->node->unit, (int32_t)(missing_left ? left_bin : right_bin),
                             missing_left};
}

static inline gbt_cpu_scanned gbt_cpu_scan_nothing(const gbt_cpu_scan *s)
{
    return (gbt_cpu_scanned){s->floor, 0, false};
}

/* The fastest variant of this machine. */
gbt_cpu_scans gbt_cpu_scans_find(void);

/* One variant by name, "plain", "avx2", "avx512"; false when this machine or build lacks it. */
bool gbt_cpu_scans_named(const char *name, gbt_cpu_scans *out);

#endif
