/* Clusters from a matrix of distances: average linkage, number of clusters by the silhouette
 * [Rousseeuw87]. Plain numbers in, plain numbers out. Cost: O(n^2) memory, O(n^2) time a merge at
 * worst and O(n) in the usual case; O(n^2) for each silhouette. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/multitask_internal.h"

void gbt_cluster_distances(const double *error, int32_t n, double *distance)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++) {
            double dot = 0.0, square_i = 0.0, square_j = 0.0;
            for (int64_t k = 0; k < n; k++) {
                const double a = 1.0 / (error[i * n + k] + 1e-8);
                const double b = 1.0 / (error[j * n + k] + 1e-8);
                dot += a * b;
                square_i += a * a;
                square_j += b * b;
            }
            const double gap = 1.0 - dot / sqrt(square_i * square_j);
            distance[i * n + j] = distance[j * n + i] = gap > 0.0 ? gap : 0.0;
        }
        distance[i * n + i] = 0.0;
    }
}

/* ---- Merging --------------------------------------------------------------------------------- */

/* Clusters go by their first member. */
typedef struct linkage {
    int32_t n;
    double *gap;      /* [n x n] between clusters */
    int32_t *size;    /* [n] members; 0: merged into another */
    int32_t *nearest; /* [n] the nearest cluster with a larger number, -1: none */
    int32_t *group;   /* [n] number of each member's cluster */
} linkage;

static double gap_of(const linkage *l, int32_t i, int32_t j)
{
    return l->gap[(int64_t)i * l->n + j];
}

static void find_nearest(linkage *l, int32_t i)
{
    l->nearest[i] = -1;
    for (int32_t j = i + 1; j < l->n; j++) {
        if (l->size[j] > 0 &&
            (l->nearest[i] < 0 || gap_of(l, i, j) < gap_of(l, i, l->nearest[i]))) {
            l->nearest[i] = j;
        }
    }
}

/* The closest pair, the smallest numbers of equals; `*b` is the nearest of `*a`. */
static void find_pair(const linkage *l, int32_t *a, int32_t *b)
{
    *a = -1;
    for (int32_t i = 0; i < l->n; i++) {
        const bool is_open = l->size[i] > 0 && l->nearest[i] >= 0;
        if (is_open && (*a < 0 || gap_of(l, i, l->nearest[i]) < gap_of(l, *a, *b))) {
            *a = i;
            *b = l->nearest[i];
        }
    }
}

/* Cluster b joins a < b. */
static void merge(linkage *l, int32_t a, int32_t b)
{
    const double size_a = l->size[a], size_b = l->size[b];
    for (int32_t c = 0; c < l->n; c++) {
        if (l->size[c] > 0 && c != a && c != b) {
            const double gap =
                (size_a * gap_of(l, a, c) + size_b * gap_of(l, b, c)) / (size_a + size_b);
            l->gap[(int64_t)a * l->n + c] = l->gap[(int64_t)c * l->n + a] = gap;
        }
        l->group[c] = l->group[c] == b ? a : l->group[c];
    }
    l->size[a] += l->size[b];
    l->size[b] = 0;
    for (int32_t i = 0; i < b; i++) {
        if (l->size[i] == 0) {
            continue;
        }
        if (i == a || l->nearest[i] == a || l->nearest[i] == b) {
            find_nearest(l, i);
        } else if (i < a &&
                   (gap_of(l, i, a) < gap_of(l, i, l->nearest[i]) ||
                    (!(gap_of(l, i, a) > gap_of(l, i, l->nearest[i])) && a < l->nearest[i]))) {
            l->nearest[i] = a;
        }
    }
}

/* ---- Silhouette ------------------------------------------------------------------------------ */

double gbt_cluster_silhouette(const double *distance, int32_t n, const int32_t *group)
{
    double total = 0.0;
    for (int32_t i = 0; i < n; i++) {
        double own = 0.0, other = (double)INFINITY;
        int32_t n_own = 0;
        for (int32_t g = 0; g < n; g++) {
            double sum = 0.0;
            int32_t members = 0;
            for (int32_t j = 0; j < n && group[g] == g; j++) {
                sum += group[j] == g && j != i ? distance[(int64_t)i * n + j] : 0.0;
                members += group[j] == g && j != i;
            }
            if (g == group[i]) {
                own = members > 0 ? sum / members : 0.0;
                n_own = members;
            } else if (members > 0) {
                other = sum / members < other ? sum / members : other;
            }
        }
        const double larger = own > other ? own : other;
        total += n_own > 0 && larger > 0.0 ? (other - own) / larger : 0.0;
    }
    return total / n;
}

/* ---- Clusters -------------------------------------------------------------------------------- */

/* Renumbers groups named by their first members to 0, 1, ... in that order. */
static void number_groups(int32_t n, int32_t *group, int32_t *n_groups)
{
    *n_groups = 0;
    for (int32_t i = 0; i < n; i++) {
        group[i] = group[i] == i ? (*n_groups)++ : group[group[i]]; /* the first is renumbered */
    }
}

static gbt_status open_linkage(const double *distance, int32_t n, linkage *l)
{
    *l = (linkage){.n = n};
    GBT_TRY(GBT_NEW(l->gap, (int64_t)n * n));
    GBT_TRY(GBT_NEW(l->size, n));
    GBT_TRY(GBT_NEW(l->nearest, n));
    GBT_TRY(GBT_NEW(l->group, n));
    memcpy(l->gap, distance, (size_t)n * (size_t)n * sizeof *l->gap);
    for (int32_t i = 0; i < n; i++) {
        l->size[i] = 1;
        l->group[i] = i;
    }
    for (int32_t i = 0; i < n; i++) {
        find_nearest(l, i);
    }
    return GBT_OK;
}

gbt_status gbt_cluster_tasks(const double *distance, int32_t n, int32_t most, int32_t *group,
                             int32_t *n_groups)
{
    linkage l = {0};
    gbt_status status = GBT_OK;
    double best = -2.0; /* below every silhouette */
    for (int32_t i = 0; i < n; i++) {
        group[i] = i;
    }
    GBT_TRY_OR_DONE(open_linkage(distance, n, &l));
    for (int32_t k = n; k >= 2 && n > 2; k--) {
        if (k <= most) {
            const double silhouette = gbt_cluster_silhouette(distance, n, l.group);
            if (silhouette >= best) {
                best = silhouette;
                memcpy(group, l.group, (size_t)n * sizeof *group);
            }
        }
        int32_t a = 0, b = 0;
        find_pair(&l, &a, &b);
        merge(&l, a, b);
    }
    number_groups(n, group, n_groups);
done:
    gbt_release(l.gap);
    gbt_release(l.size);
    gbt_release(l.nearest);
    gbt_release(l.group);
    return status;
}
