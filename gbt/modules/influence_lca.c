/* BoostIn over lowest common ancestors [Choubey25], experimental. Rows need not share the leaf of
 * the target: with a the lowest node above both leaves,
 *     I(i, s) = sum over t of w(depth of a) g_s rate (g_i + theta_a h_i) / D_a
 *     w(d)    = e^d / (e^0 + ... + e^depth of tree)
 * theta_a and D_a from the sums over all rows below a, g_s at the target's score before the tree.
 * This is the formula of the thesis text; its program differs (signs, losses, classes).
 *
 * A row is worth g_i A + h_i B to a target, A and B numbers of the two leaves alone: tables by leaf
 * of the row, filled along the target's path. Cost: twice the pairs of boostin, and a table of all
 * leaves a tree and target. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/modules/influence_core.h"

/* A node as this method sees it. */
typedef struct lca_node {
    int32_t parent;
    int32_t first, last; /* its leaves are leaf_at[first .. last - 1] of the tree */
    int32_t middle;      /* those of the right child begin here; of a leaf: last */
    double scale;        /* w(depth) rate / D */
    double theta;
} lca_node;

typedef struct lca_state {
    gbt_recipe recipe;
    gbt_rows rows;
    int64_t *node_start;   /* [n_trees + 1] */
    lca_node *node;        /* [node_start[n_trees]] */
    int32_t *leaf_at;      /* [leaves of all trees] from left to right, by tree */
    int32_t *node_of_leaf; /* [leaves of all trees] */
} lca_state;

/* ---- Trees ----------------------------------------------------------------------------------- */

static int32_t depth_of(const gbt_node *nodes, int32_t n_nodes)
{
    int32_t depth = 0;
    for (int32_t i = 0; i < n_nodes; i++) {
        depth = nodes[i].depth > depth ? nodes[i].depth : depth;
    }
    return depth;
}

/* Numbers the leaves from left to right: counts below each node first, then places from above. */
static void place_leaves(const gbt_node *nodes, int32_t n_nodes, lca_node *out, int32_t *leaf_at,
                         int32_t *node_of_leaf)
{
    for (int32_t i = n_nodes - 1; i >= 0; i--) {
        out[i].first = 0;
        out[i].last = nodes[i].leaf >= 0 ? 1 : out[nodes[i].left].last + out[nodes[i].right].last;
    }
    for (int32_t i = 0; i < n_nodes; i++) {
        if (nodes[i].leaf >= 0) {
            out[i].middle = out[i].last;
            leaf_at[out[i].first] = nodes[i].leaf;
            node_of_leaf[nodes[i].leaf] = i;
            continue;
        }
        lca_node *left = &out[nodes[i].left], *right = &out[nodes[i].right];
        left->first = out[i].first;
        left->last += left->first;
        right->first = out[i].middle = left->last;
        right->last += right->first;
    }
}

static gbt_status read_tree(const gbt_influence *of, lca_state *state, int32_t tree)
{
    const int64_t start = state->node_start[tree];
    const int32_t n_nodes = (int32_t)(state->node_start[tree + 1] - start);
    gbt_node *nodes = NULL;
    gbt_leaf_sums *sums = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(nodes, n_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(sums, n_nodes));
    GBT_TRY_OR_DONE(gbt_model_nodes(of->model, tree, nodes, n_nodes));
    gbt_influence_sum_nodes(of, tree, nodes, n_nodes, sums);
    const int32_t depth = depth_of(nodes, n_nodes);
    double total = 0.0; /* of e^(d - depth): no overflow in deep trees */
    for (int32_t d = 0; d <= depth; d++) {
        total += gbt_exp((double)(d - depth));
    }
    for (int32_t i = 0; i < n_nodes; i++) {
        lca_node *node = &state->node[start + i];
        const double weight = gbt_exp((double)(nodes[i].depth - depth)) / total;
        node->parent = nodes[i].parent;
        node->theta = sums[i].theta;
        node->scale = sums[i].divisor > 0.0 ? weight * of->rate / sums[i].divisor : 0.0;
    }
    place_leaves(nodes, n_nodes, state->node + start, state->leaf_at + of->leaf_start[tree],
                 state->node_of_leaf + of->leaf_start[tree]);
done:
    gbt_release(nodes);
    gbt_release(sums);
    return status;
}

static gbt_status read_trees(gbt_influence *of, lca_state *state)
{
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    GBT_TRY(GBT_NEW_ZERO(state->node_start, (int64_t)of->n_trees + 1));
    for (int32_t tree = 0; tree < of->n_trees; tree++) {
        int32_t n_nodes = 0;
        GBT_TRY(gbt_model_tree_nodes(of->model, tree, &n_nodes));
        state->node_start[tree + 1] = state->node_start[tree] + n_nodes;
    }
    GBT_TRY(gbt_influence_reserve(
        of, state->node_start[of->n_trees] * (int64_t)sizeof *state->node + n_leaves * 8, "nodes"));
    GBT_TRY(GBT_NEW(state->node, state->node_start[of->n_trees]));
    GBT_TRY(GBT_NEW(state->leaf_at, n_leaves));
    GBT_TRY(GBT_NEW(state->node_of_leaf, n_leaves));
    for (int32_t tree = 0; tree < of->n_trees; tree++) {
        GBT_TRY(read_tree(of, state, tree));
    }
    return GBT_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void fill(const gbt_recipe *recipe, const gbt_forward *f, int32_t output, int64_t first,
                 int64_t last, float *const *part, double *const *state)
{
    const int64_t at = output * f->of->n_rows;
    (void)recipe;
    (void)state;
    for (int64_t i = first; i < last; i++) {
        const bool counts = !f->in_bag || f->in_bag[i];
        part[0][i] = counts ? (float)f->own.grad[at + i] : 0.0f;
        part[1][i] = counts ? (float)f->own.hess[at + i] : 0.0f;
    }
}

static void add_self(const gbt_recipe *recipe, const gbt_forward *f, int32_t output, int64_t first,
                     int64_t last, float *const *part, double *self)
{
    const gbt_influence *of = f->of;
    const lca_state *state = of->state;
    const int32_t tree = f->round * of->n_outputs + output;
    const lca_node *nodes = state->node + state->node_start[tree];
    const int32_t *node_of_leaf = state->node_of_leaf + of->leaf_start[tree];
    const int64_t at = output * of->n_rows;
    (void)recipe;
    for (int64_t i = first; i < last; i++) {
        const lca_node *leaf = &nodes[node_of_leaf[f->leaf[at + i]]];
        self[i] += f->own.grad[at + i] * leaf->scale *
                   ((double)part[0][i] + leaf->theta * (double)part[1][i]);
    }
}

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress)
{
    lca_state *state = NULL;
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    state->recipe.n_parts = 2;
    state->recipe.fill = fill;
    state->recipe.add_self = add_self;
    gbt_influence_set_part(progress, 0.0, 0.4);
    GBT_TRY(gbt_influence_sum_leaves(of, progress));
    GBT_TRY(read_trees(of, state));
    gbt_influence_set_part(progress, 0.4, 1.0);
    return gbt_rows_keep(&state->rows, of, &state->recipe, progress);
}

static void close_state(gbt_influence *of)
{
    lca_state *state = of->state;
    if (state) {
        gbt_rows_close(&state->rows);
        gbt_release(state->node_start);
        gbt_release(state->node);
        gbt_release(state->leaf_at);
        gbt_release(state->node_of_leaf);
        gbt_release(state);
    }
}

/* ---- Targets --------------------------------------------------------------------------------- */

static void write_range(const int32_t *leaf_at, int32_t first, int32_t last, float value,
                        float *table, int64_t stride)
{
    for (int32_t place = first; place < last; place++) {
        table[leaf_at[place] * stride] = value;
    }
}

/* Up from the target's leaf: every ancestor is the lowest one for the leaves on its other side. */
static void tabulate(const gbt_spread *spread, int32_t tree, int part, int64_t first, int64_t n,
                     float *table, int64_t stride)
{
    const gbt_influence *of = spread->rows->of;
    const lca_state *state = of->state;
    const lca_node *nodes = state->node + state->node_start[tree];
    const int32_t *leaf_at = state->leaf_at + of->leaf_start[tree];
    const int32_t *node_of_leaf = state->node_of_leaf + of->leaf_start[tree];
    const int64_t line = tree * spread->targets->n;
    for (int64_t s = 0; s < n; s++) {
        const double grad = spread->targets->grad[line + first + s];
        int32_t from = 0, to = 0;
        for (int32_t a = node_of_leaf[spread->targets->leaf[line + first + s]]; a >= 0;
             a = nodes[a].parent) {
            const double value = grad * nodes[a].scale * (part == 0 ? 1.0 : nodes[a].theta);
            from = to == 0 ? nodes[a].first : from; /* the leaf itself: nothing is done yet */
            to = to == 0 ? nodes[a].first : to;
            write_range(leaf_at, nodes[a].first, from, (float)value, table + s, stride);
            write_range(leaf_at, to, nodes[a].last, (float)value, table + s, stride);
            from = nodes[a].first;
            to = nodes[a].last;
        }
    }
}

static double sum_of(const double *totals, const int32_t *leaf_at, int32_t first, int32_t last)
{
    double sum = 0.0;
    for (int32_t place = first; place < last; place++) {
        sum += totals[leaf_at[place]];
    }
    return sum;
}

/* Adds what node `a` gives to the leaves at places [first, last) for targets that sum to `sum`. */
static void give(const lca_node *a, const int32_t *leaf_at, int32_t first, int32_t last, double sum,
                 double *const *out)
{
    for (int32_t place = first; place < last; place++) {
        out[0][leaf_at[place]] += a->scale * sum;
        out[1][leaf_at[place]] += a->scale * a->theta * sum;
    }
}

/* Each node serves the pairs that it parts: leaves on one side and targets on the other. */
static void share(const gbt_influence *of, int32_t tree, const double *totals, double *const *out)
{
    const lca_state *state = of->state;
    const int32_t *leaf_at = state->leaf_at + of->leaf_start[tree];
    for (int p = 0; p < GBT_MOST_PARTS; p++) {
        memset(out[p], 0, (size_t)of->n_leaves[tree] * sizeof *out[p]);
    }
    for (int64_t i = state->node_start[tree]; i < state->node_start[tree + 1]; i++) {
        const lca_node *a = &state->node[i];
        if (a->middle == a->last) {
            give(a, leaf_at, a->first, a->last, sum_of(totals, leaf_at, a->first, a->last), out);
            continue;
        }
        give(a, leaf_at, a->first, a->middle, sum_of(totals, leaf_at, a->middle, a->last), out);
        give(a, leaf_at, a->middle, a->last, sum_of(totals, leaf_at, a->first, a->middle), out);
    }
}

static gbt_status block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                        int64_t n, float *out, gbt_influence_progress *progress)
{
    const lca_state *state = of->state;
    const gbt_spread job = {
        .targets = targets, .first = first, .n = n, .out = out, .tabulate = tabulate};
    return gbt_spread_all(&job, of, &state->rows, &state->recipe, NULL, progress);
}

static gbt_status add_totals(const gbt_influence *of, const gbt_target_set *targets, double *totals)
{
    gbt_totals_add(of, targets, targets->grad, false, 1.0, totals);
    return GBT_OK;
}

static gbt_status sum_totals(const gbt_influence *of, const double *totals, double *out,
                             gbt_influence_progress *progress)
{
    const lca_state *state = of->state;
    return gbt_totals_sum(of, &state->rows, &state->recipe, share, totals, out, progress);
}

static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    const lca_state *state = of->state;
    (void)progress;
    memcpy(out, state->rows.self, (size_t)of->n_rows * sizeof *out);
    return GBT_OK;
}

const gbt_influence_ops gbt_influence_lca_ops[] = {
    {.name = "boostin_lca",
     .needs_newton_leaves = true,
     .prepare = prepare,
     .close = close_state,
     .block = block,
     .self = self,
     .add_totals = add_totals,
     .sum_totals = sum_totals},
};
