/* Tree kernels [Brophy23]: entries of nodes, pairs of rows, and the two maps of a linear model.
 * Nothing here is a matrix: a row is known by its leaf numbers. Cost: n_rows x trees for counting
 * rows, and for every target. */
#include "gbt/modules/influence_kernel.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/settings.h"

enum {
    MOST_TARGETS = 16,    /* targets at a time */
    TABLE_BYTES = 8 << 20 /* for the tables of targets at a time, if more than one */
};

gbt_status gbt_kernel_kind_of(const gbt_params *params, gbt_kernel_kind *out)
{
    static const char *const names[] = {"lpw", "lp", "lo", "low", "fp", "fpw", "fo", "fow", "to"};
    static const gbt_kernel_kind kinds[] = {
        {GBT_KERNEL_LEAVES, false, true},  {GBT_KERNEL_LEAVES, false, false},
        {GBT_KERNEL_LEAVES, true, false},  {GBT_KERNEL_LEAVES, true, true},
        {GBT_KERNEL_PATHS, false, false},  {GBT_KERNEL_PATHS, false, true},
        {GBT_KERNEL_PATHS, true, false},   {GBT_KERNEL_PATHS, true, true},
        {GBT_KERNEL_OUTPUTS, true, false},
    };
    int choice = 0;
    GBT_TRY(gbt_setting_choice(params, "tree_kernel", names, (int)(sizeof names / sizeof names[0]),
                               &choice));
    *out = kinds[choice];
    return GBT_OK;
}

void gbt_kernel_close(gbt_tree_kernel *kernel)
{
    gbt_release(kernel->first_node);
    gbt_release(kernel->parent);
    gbt_release(kernel->node_of_leaf);
    gbt_release(kernel->entry);
    gbt_release(kernel->square);
    memset(kernel, 0, sizeof *kernel);
}

int64_t gbt_kernel_coordinates(const gbt_tree_kernel *kernel)
{
    return kernel->form == GBT_KERNEL_OUTPUTS ? kernel->of->n_trees
                                              : kernel->first_node[kernel->of->n_trees];
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Numbers the nodes of all trees. */
static gbt_status count_nodes(gbt_tree_kernel *kernel)
{
    const gbt_influence *of = kernel->of;
    kernel->first_node[0] = 0;
    for (int32_t t = 0; t < of->n_trees; t++) {
        int32_t n = of->n_leaves[t];
        if (kernel->form == GBT_KERNEL_PATHS) {
            GBT_TRY(gbt_model_tree_nodes(of->model, t, &n));
        }
        kernel->first_node[t + 1] = kernel->first_node[t] + n;
        kernel->most_nodes = n > kernel->most_nodes ? n : kernel->most_nodes;
    }
    return GBT_OK;
}

/* Parents, and which node is which leaf. */
static gbt_status link_nodes(gbt_tree_kernel *kernel)
{
    const gbt_influence *of = kernel->of;
    gbt_status status = GBT_OK;
    gbt_node *nodes = NULL;
    GBT_TRY(GBT_NEW(nodes, kernel->most_nodes));
    for (int32_t t = 0; t < of->n_trees; t++) {
        int32_t *parent = kernel->parent + kernel->first_node[t];
        int32_t *node_of_leaf = kernel->node_of_leaf + of->leaf_start[t];
        const int32_t n = (int32_t)(kernel->first_node[t + 1] - kernel->first_node[t]);
        if (kernel->form == GBT_KERNEL_PATHS) {
            GBT_TRY_OR_DONE(gbt_model_nodes(of->model, t, nodes, n));
        }
        for (int32_t i = 0; i < n; i++) {
            const bool has_path = kernel->form == GBT_KERNEL_PATHS;
            const int32_t leaf = has_path ? nodes[i].leaf : i;
            parent[i] = has_path ? nodes[i].parent : -1;
            if (leaf >= 0) {
                node_of_leaf[leaf] = i;
            }
        }
    }
done:
    gbt_release(nodes);
    return status;
}

/* Into `entry`: how many training rows reach each node, drawn in the bag of a round or not. */
static void count_rows(void *context, int64_t first, int64_t last, int thread)
{
    gbt_tree_kernel *kernel = context;
    const gbt_influence *of = kernel->of;
    (void)thread;
    for (int64_t t = first; t < last; t++) {
        const int64_t start = kernel->first_node[t], n = kernel->first_node[t + 1] - start;
        const int32_t *node_of_leaf = kernel->node_of_leaf + of->leaf_start[t];
        const uint16_t *leaf = of->leaf + t * of->n_rows;
        double *count = kernel->entry + start;
        memset(count, 0, (size_t)n * sizeof *count);
        for (int64_t i = 0; i < of->n_rows; i++) {
            count[node_of_leaf[leaf[i]]] += 1.0;
        }
        for (int64_t i = n - 1; i >= 0; i--) {
            const int32_t parent = kernel->parent[start + i];
            if (parent >= 0) {
                count[parent] += count[i];
            }
        }
    }
}

/* Turns the counts into entries. A node that no training row reaches has none: no pair of a row
 * and a target meets there, so any value would do. */
static void fill_entries(gbt_tree_kernel *kernel, gbt_kernel_kind kind)
{
    const gbt_influence *of = kernel->of;
    for (int32_t t = 0; t < of->n_trees; t++) {
        const int64_t start = kernel->first_node[t], end = kernel->first_node[t + 1];
        for (int64_t i = start; i < end; i++) {
            const double count = kernel->entry[i];
            kernel->entry[i] = !kind.is_divided ? 1.0 : count > 0.0 ? 1.0 / count : 0.0;
        }
        for (int32_t l = 0; kind.has_values && l < of->n_leaves[t]; l++) {
            const int64_t leaf = of->leaf_start[t] + l;
            kernel->entry[start + kernel->node_of_leaf[leaf]] *= of->leaf_value[leaf];
        }
        for (int64_t i = start; i < end; i++) {
            const int32_t parent = kernel->parent[i];
            kernel->square[i] = (parent >= 0 ? kernel->square[start + parent] : 0.0) +
                                kernel->entry[i] * kernel->entry[i];
        }
    }
}

gbt_status gbt_kernel_open(gbt_tree_kernel *kernel, gbt_influence *of, gbt_kernel_kind kind)
{
    gbt_status status = GBT_OK;
    memset(kernel, 0, sizeof *kernel);
    kernel->of = of;
    kernel->form = kind.form;
    GBT_TRY_OR_DONE(GBT_NEW(kernel->first_node, (int64_t)of->n_trees + 1));
    GBT_TRY_OR_DONE(count_nodes(kernel));
    const int64_t n_nodes = kernel->first_node[of->n_trees];
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    GBT_TRY_OR_DONE(gbt_influence_reserve(of, 20 * n_nodes + 4 * n_leaves, "nodes of the trees"));
    GBT_TRY_OR_DONE(GBT_NEW(kernel->parent, n_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(kernel->node_of_leaf, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(kernel->entry, n_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(kernel->square, n_nodes));
    GBT_TRY_OR_DONE(link_nodes(kernel));
    GBT_TRY_OR_DONE(gbt_influence_keep_leaves(of));
    gbt_for_chunks(of->threads, of->n_trees, 1, count_rows, kernel);
    fill_entries(kernel, kind);
done:
    if (status != GBT_OK) {
        gbt_kernel_close(kernel);
    }
    return status;
}

/* ---- Lengths --------------------------------------------------------------------------------- */

static double leaf_square(const gbt_tree_kernel *kernel, int32_t tree, int32_t leaf)
{
    const int32_t node = kernel->node_of_leaf[kernel->of->leaf_start[tree] + leaf];
    return kernel->square[kernel->first_node[tree] + node];
}

typedef struct lengths {
    const gbt_tree_kernel *kernel;
    double *out;
} lengths;

static void add_lengths(void *context, int64_t first, int64_t last, int thread)
{
    const lengths *l = context;
    const gbt_influence *of = l->kernel->of;
    (void)thread;
    memset(l->out + first, 0, (size_t)(last - first) * sizeof *l->out);
    for (int32_t t = 0; t < of->n_trees; t++) {
        const uint16_t *leaf = of->leaf + t * of->n_rows;
        for (int64_t i = first; i < last; i++) {
            l->out[i] += leaf_square(l->kernel, t, leaf[i]);
        }
    }
}

void gbt_kernel_lengths(const gbt_tree_kernel *kernel, double *out)
{
    lengths l = {kernel, out};
    gbt_for_chunks(kernel->of->threads, kernel->of->n_rows, GBT_PAIR_ROWS, add_lengths, &l);
}

double gbt_kernel_target_length(const gbt_tree_kernel *kernel, const gbt_target_set *targets,
                                int64_t target)
{
    double sum = 0.0;
    for (int32_t t = 0; t < kernel->of->n_trees; t++) {
        sum += leaf_square(kernel, t, targets->leaf[t * targets->n + target]);
    }
    return sum;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

/* A few targets with what each of them has in common with every leaf. */
typedef struct pairing {
    const gbt_tree_kernel *kernel;
    gbt_pair_measure measure;
    const gbt_target_set *targets;
    int64_t first, n; /* targets at a time */
    double *table;    /* [leaves of all trees x n] what a row of the leaf adds */
    double *shared;   /* [threads x most_nodes] */
    double *room;     /* [threads x (MOST_TARGETS + 1) x GBT_PAIR_ROWS] */
    gbt_pair_fn fn;
    void *context;
} pairing;

static double distance_of(double a, double b, double shared)
{
    const double square = a + b - 2.0 * shared;
    return square > 0.0 ? square : 0.0;
}

/* Paths: two rows share the nodes above their ways' parting. shared [nodes]: squared length of
 * what a row at the node has in common with the target. */
static void tabulate_paths(const pairing *p, int32_t tree, int32_t own, double *shared,
                           double *table)
{
    const gbt_tree_kernel *kernel = p->kernel;
    const int64_t start = kernel->first_node[tree];
    const int32_t n = (int32_t)(kernel->first_node[tree + 1] - start);
    const int32_t *parent = kernel->parent + start;
    const double *square = kernel->square + start;
    const int32_t *node_of_leaf = kernel->node_of_leaf + kernel->of->leaf_start[tree];
    for (int32_t i = 0; i < n; i++) {
        shared[i] = -1.0;
    }
    for (int32_t i = node_of_leaf[own]; i >= 0; i = parent[i]) {
        shared[i] = square[i];
    }
    for (int32_t i = 0; i < n; i++) {
        shared[i] = shared[i] < 0.0 ? shared[parent[i]] : shared[i];
    }
    for (int32_t l = 0; l < kernel->of->n_leaves[tree]; l++) {
        const double common = shared[node_of_leaf[l]];
        table[l * p->n] =
            p->measure == GBT_PAIR_DOT
                ? common
                : distance_of(square[node_of_leaf[l]], square[node_of_leaf[own]], common);
    }
}

static void tabulate_leaves(const pairing *p, int32_t tree, int32_t own, double *table)
{
    const gbt_tree_kernel *kernel = p->kernel;
    const int64_t start = kernel->first_node[tree];
    const double *entry = kernel->entry + start, *square = kernel->square + start;
    for (int32_t l = 0; l < kernel->of->n_leaves[tree]; l++) {
        double value = 0.0;
        if (kernel->form == GBT_KERNEL_OUTPUTS) {
            const double step = entry[l] - entry[own];
            value = p->measure == GBT_PAIR_DOT ? entry[l] * entry[own] : step * step;
        } else if (p->measure == GBT_PAIR_DOT) {
            value = l == own ? square[own] : 0.0;
        } else {
            value = l == own ? 0.0 : square[l] + square[own];
        }
        table[l * p->n] = value;
    }
}

static void fill_tables(void *context, int64_t first, int64_t last, int thread)
{
    pairing *p = context;
    const gbt_influence *of = p->kernel->of;
    for (int64_t t = first; t < last; t++) {
        for (int64_t j = 0; j < p->n; j++) {
            double *table = p->table + of->leaf_start[t] * p->n + j;
            const int32_t own = p->targets->leaf[t * p->targets->n + p->first + j];
            if (p->kernel->form == GBT_KERNEL_PATHS) {
                tabulate_paths(p, (int32_t)t, own,
                               p->shared + (int64_t)thread * p->kernel->most_nodes, table);
            } else {
                tabulate_leaves(p, (int32_t)t, own, table);
            }
        }
    }
}

/* sum [rows x n] += what the leaf of each row adds. */
static void add_table(const uint16_t *leaf, int64_t n_rows, const double *table, int64_t n,
                      double *sum)
{
    for (int64_t i = 0; i < n_rows; i++) {
        const double *own = table + leaf[i] * n;
        for (int64_t j = 0; j < n; j++) {
            sum[i * n + j] += own[j];
        }
    }
}

/* The same for n = MOST_TARGETS, which vectorises. */
static void add_wide_table(const uint16_t *leaf, int64_t n_rows, const double *restrict table,
                           double *restrict sum)
{
    for (int64_t i = 0; i < n_rows; i++) {
        const double *own = table + leaf[i] * (int64_t)MOST_TARGETS;
        double *to = sum + i * MOST_TARGETS;
        for (int j = 0; j < MOST_TARGETS; j++) {
            to[j] += own[j];
        }
    }
}

static void run_rows(void *context, int64_t first, int64_t last, int thread)
{
    pairing *p = context;
    const gbt_influence *of = p->kernel->of;
    const int64_t n = last - first;
    double *sum = p->room + (int64_t)thread * (MOST_TARGETS + 1) * GBT_PAIR_ROWS;
    double *value = sum + MOST_TARGETS * GBT_PAIR_ROWS;
    memset(sum, 0, (size_t)(n * p->n) * sizeof *sum);
    for (int32_t t = 0; t < of->n_trees; t++) {
        const uint16_t *leaf = of->leaf + t * of->n_rows + first;
        const double *table = p->table + of->leaf_start[t] * p->n;
        if (p->n == MOST_TARGETS) {
            add_wide_table(leaf, n, table, sum);
        } else {
            add_table(leaf, n, table, p->n, sum);
        }
    }
    for (int64_t j = 0; j < p->n; j++) {
        for (int64_t i = 0; i < n; i++) {
            value[i] = sum[i * p->n + j];
        }
        p->fn(p->context, p->first + j, first, last, value, thread);
    }
}

gbt_status gbt_kernel_pairs(const gbt_tree_kernel *kernel, gbt_pair_measure measure,
                            const gbt_target_set *targets, int64_t first, int64_t n, gbt_pair_fn fn,
                            void *context, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    const gbt_influence *of = kernel->of;
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    int64_t at_a_time = TABLE_BYTES / (8 * (n_leaves + 1)) + 1;
    at_a_time = at_a_time > MOST_TARGETS ? MOST_TARGETS : at_a_time;
    at_a_time = at_a_time > n ? n : at_a_time;
    pairing p = {
        .kernel = kernel, .measure = measure, .targets = targets, .fn = fn, .context = context};
    GBT_TRY_OR_DONE(GBT_NEW(p.table, at_a_time * n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(p.shared, (int64_t)of->threads * kernel->most_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(p.room, (int64_t)of->threads * (MOST_TARGETS + 1) * GBT_PAIR_ROWS));
    for (int64_t done = 0; done < n; done += p.n) {
        p.first = first + done;
        p.n = n - done < at_a_time ? n - done : at_a_time;
        gbt_for_chunks(of->threads, of->n_trees, 1, fill_tables, &p);
        gbt_for_chunks(of->threads, of->n_rows, GBT_PAIR_ROWS, run_rows, &p);
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)(done + p.n) / (double)n));
    }
done:
    gbt_release(p.table);
    gbt_release(p.shared);
    gbt_release(p.room);
    return status;
}

/* ---- A linear model -------------------------------------------------------------------------- */

/* Weight of the coordinate that node i of the tree belongs to. */
static int64_t coordinate_of(const gbt_tree_kernel *kernel, int32_t tree, int64_t node)
{
    return kernel->form == GBT_KERNEL_OUTPUTS ? tree : kernel->first_node[tree] + node;
}

void gbt_kernel_leaf_scores(const gbt_tree_kernel *kernel, const double *weight, double *node_room,
                            double *out)
{
    const gbt_influence *of = kernel->of;
    for (int32_t t = 0; t < of->n_trees; t++) {
        const int64_t start = kernel->first_node[t], n = kernel->first_node[t + 1] - start;
        for (int64_t i = 0; i < n; i++) {
            const int32_t parent = kernel->parent[start + i];
            node_room[i] = (parent >= 0 ? node_room[parent] : 0.0) +
                           kernel->entry[start + i] * weight[coordinate_of(kernel, t, i)];
        }
        for (int32_t l = 0; l < of->n_leaves[t]; l++) {
            const int64_t leaf = of->leaf_start[t] + l;
            out[leaf] = node_room[kernel->node_of_leaf[leaf]];
        }
    }
}

void gbt_kernel_add_pull(const gbt_tree_kernel *kernel, int32_t tree, const double *pull,
                         double *node_room, double *out)
{
    const gbt_influence *of = kernel->of;
    const int64_t start = kernel->first_node[tree], n = kernel->first_node[tree + 1] - start;
    const int32_t *node_of_leaf = kernel->node_of_leaf + of->leaf_start[tree];
    const uint16_t *leaf = of->leaf + tree * of->n_rows;
    memset(node_room, 0, (size_t)n * sizeof *node_room);
    for (int64_t i = 0; i < of->n_rows; i++) {
        node_room[node_of_leaf[leaf[i]]] += pull[i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        const int32_t parent = kernel->parent[start + i];
        if (parent >= 0) {
            node_room[parent] += node_room[i];
        }
        out[coordinate_of(kernel, tree, i)] += kernel->entry[start + i] * node_room[i];
    }
}
