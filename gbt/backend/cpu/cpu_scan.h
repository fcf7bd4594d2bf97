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

/* One feature of one node. Slots are in order of bins; those up to the next multiple of 8 are
 * readable. */
typedef struct gbt_cpu_scan {
    const void *slots; /* [n_bins] values, then missing */
    int32_t n_bins;    /* value bins */
    bool has_missing;  /* sums of `missing` are not both zero: both directions count */
    gbt_sum missing;
    gbt_sum sum;                              /* of the node */
    int64_t least_hess;                       /* each side must have at least this, in units */
    int64_t n_rows, missing_rows, least_rows; /* counted only: of the node, missing, of a side */
    double grad_unit, hess_unit, lambda;
    double floor; /* the gains of both sides must exceed this */
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

/* The fastest variant of this machine. */
gbt_cpu_scans gbt_cpu_scans_find(void);

/* One variant by name, "plain", "avx2", "avx512"; false when this machine or build lacks it. */
bool gbt_cpu_scans_named(const char *name, gbt_cpu_scans *out);

#endif
