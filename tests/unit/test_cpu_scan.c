/* Scans of histogram slots: every variant against the definition, one cut after the other, bit
 * by bit. */
#include <stdio.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_scan.h"
#include "gbt/base/rng.h"
#include "tests/support/gtest_c.h"

enum { MAX_SLOTS = 264 };

/* One random feature: what each bin holds, the missing one last, and the slots that say the
 * same. */
typedef struct scan_case {
    gbt_sum bin[MAX_SLOTS];
    int64_t rows[MAX_SLOTS];
    _Alignas(64) uint64_t word[MAX_SLOTS];
    _Alignas(64) gbt_sum pair[MAX_SLOTS];
    gbt_cpu_format format;
    gbt_cpu_scan_node node;
    gbt_cpu_scan scan;
} scan_case;

typedef struct draws {
    uint64_t key, at;
} draws;

static int64_t draw(draws *d, int64_t n)
{
    return (int64_t)(gbt_rng_u64(d->key, d->at++) % (uint64_t)n);
}

/* Values of one row: few different ones make equal gains; wide ones use the room of the format. */
static void fill_bin(scan_case *c, draws *d, int32_t bin, int64_t most_rows, bool has_ties)
{
    const int64_t rows = draw(d, 4) == 0 ? 0 : draw(d, most_rows);
    const int64_t most = has_ties ? 2 : c->format == GBT_CPU_WIDE ? (int64_t)1 << 50 : 32767;
    for (int64_t i = 0; i < rows; i++) {
        c->bin[bin].grad += draw(d, 2 * most + 1) - most;
        c->bin[bin].hess += draw(d, 2 * most + 1);
    }
    c->rows[bin] = rows;
}

/* What the slots are read as; sometimes the place of the first one holds something else. */
static void set_slots(scan_case *c, draws *d)
{
    const bool is_wide = c->format == GBT_CPU_WIDE;
    for (int32_t bin = 0; bin < MAX_SLOTS; bin++) {
        const gbt_sum sum = c->bin[bin];
        c->pair[bin] = sum;
        c->word[bin] = c->format == GBT_CPU_COUNTED
                           ? gbt_cpu_pack_counted(sum.grad, sum.hess, c->rows[bin])
                           : gbt_cpu_pack(sum.grad, sum.hess);
    }
    c->scan.slots = is_wide ? (const void *)c->pair : (const void *)c->word;
    if (draw(d, 2) == 1) {
        c->word[0] = 0x123456789abcdef0u;
        c->pair[0] = (gbt_sum){-12345, 67890};
        c->scan.lacks_first = true;
    }
}

static void make_case(scan_case *c, uint64_t seed, gbt_cpu_format format)
{
    static const double lambdas[] = {0.5, 1.0, 10.0, 1e-3, 1e-12, 1e12};
    draws d = {seed, 0};
    memset(c, 0, sizeof *c);
    c->format = format;
    const int32_t n_bins = 1 + (int32_t)draw(&d, draw(&d, 4) == 0 ? 20 : 255);
    const bool has_missing = draw(&d, 2) == 1;
    const bool has_ties = draw(&d, 2) == 1;
    const bool is_flat = draw(&d, 3) == 0; /* all weight in the first bin: gains are close */
    gbt_cpu_scan *s = &c->scan;
    gbt_cpu_scan_node *node = &c->node;
    for (int32_t bin = 0; bin < n_bins + (has_missing ? 1 : 0); bin++) {
        fill_bin(c, &d, bin, format == GBT_CPU_COUNTED ? 4 : 40, has_ties || (is_flat && bin > 0));
        if (is_flat && bin == 0) {
            c->rows[0] += 20;
            c->bin[0].grad += 400000 + draw(&d, 200000);
            c->bin[0].hess += 300000 + draw(&d, 200000);
        }
        node->sum.grad += c->bin[bin].grad;
        node->sum.hess += c->bin[bin].hess;
        node->n_rows += c->rows[bin];
    }
    set_slots(c, &d);
    s->node = node;
    s->n_bins = n_bins;
    s->missing = c->bin[n_bins];
    s->missing_rows = c->rows[n_bins];
    s->has_missing = s->missing.grad != 0 || s->missing.hess != 0;
    node->least_hess = draw(&d, 4) == 0 ? 0
                       : is_flat        ? draw(&d, 3)
                                        : 1 + draw(&d, node->sum.hess / 8 + 1);
    node->least_rows = 1 + draw(&d, 10);
    node->grad_unit = draw(&d, 2) ? 0x1p-15 : 0x1p-3;
    node->hess_unit = draw(&d, 2) ? 0x1p-17 : 0x1p4;
    node->lambda = lambdas[draw(&d, 6)];
    s->floor = (double)draw(&d, 3) * 0.25;
    gbt_cpu_scan_node_finish(node);
}

static void try_cut(const scan_case *c, gbt_sum left, int64_t rows, int32_t bin, bool missing_left,
                    gbt_cpu_scanned *best)
{
    const gbt_cpu_scan_node *s = &c->node;
    const gbt_sum right = {s->sum.grad - left.grad, s->sum.hess - left.hess};
    const bool has_rows = rows >= s->least_rows && s->n_rows - rows >= s->least_rows;
    if (left.hess < s->least_hess || right.hess < s->least_hess ||
        (c->format == GBT_CPU_COUNTED && !has_rows)) {
        return;
    }
    const double sides = gbt_pair_gain(
        (double)left.grad * s->grad_unit, (double)left.hess * s->hess_unit + s->lambda,
        (double)right.grad * s->grad_unit, (double)right.hess * s->hess_unit + s->lambda);
    if (sides > best->sides) {
        *best = (gbt_cpu_scanned){sides, bin, missing_left};
    }
}

static gbt_cpu_scanned by_definition(const scan_case *c)
{
    const gbt_cpu_scan *s = &c->scan;
    gbt_cpu_scanned best = {s->floor, 0, false};
    gbt_sum left = {0, 0};
    int64_t rows = 0;
    for (int32_t bin = 0; bin < s->n_bins; bin++) {
        left.grad += c->bin[bin].grad;
        left.hess += c->bin[bin].hess;
        rows += c->rows[bin];
        if (s->has_missing || bin < s->n_bins - 1) {
            try_cut(c, left, rows, bin, false, &best);
        }
        if (s->has_missing && bin < s->n_bins - 1) {
            const gbt_sum with = {left.grad + s->missing.grad, left.hess + s->missing.hess};
            try_cut(c, with, rows + s->missing_rows, bin, true, &best);
        }
    }
    return best;
}

static void compare_variant(const char *name)
{
    gbt_cpu_scans scans;
    int32_t n_found = 0;
    if (!gbt_cpu_scans_named(name, &scans)) {
        printf("NOT COMPARED: this machine or build has no %s scans\n", name);
        return;
    }
    EXPECT_C_EQ_TEXT(scans.name, name);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        for (int32_t format = GBT_CPU_COUNTED; format <= GBT_CPU_WIDE; format++) {
            scan_case c;
            make_case(&c, seed, (gbt_cpu_format)format);
            const gbt_cpu_scanned want = by_definition(&c);
            const gbt_cpu_scanned got = scans.scan[format](&c.scan);
            n_found += want.sides > c.scan.floor;
            if (!EXPECT_C_EQ_BYTES(&got.sides, &want.sides, sizeof want.sides) ||
                !EXPECT_C_EQ_INT(got.bin, want.bin) ||
                !EXPECT_C_EQ_INT(got.missing_left, want.missing_left)) {
                printf("seed %d, format %d\n", (int)seed, (int)format);
                return;
            }
        }
    }
    EXPECT_C_TRUE(n_found > 3000); /* the cases are not all without a cut */
}

TEST_C(CpuScan, PlainScansFindWhatTheDefinitionFinds)
{
    compare_variant("plain");
}

TEST_C(CpuScan, Avx2ScansFindWhatTheDefinitionFinds)
{
    compare_variant("avx2");
}

TEST_C(CpuScan, Avx512ScansFindWhatTheDefinitionFinds)
{
    compare_variant("avx512");
}

TEST_C(CpuScan, UnknownVariantsAreRefused)
{
    gbt_cpu_scans scans;
    EXPECT_C_FALSE(gbt_cpu_scans_named("avx1024", &scans));
}
