/* Walks of raw float32 rows from the roots to the leaves: of large trees with eight rows in flight,
 * of few rows with eight trees. Cost: about 1 ns a level and row. */
#include "gbt/tree/forest.h"

enum { LANES = 8 }; /* walks in flight: more would not fit into the registers */

/* ---- Walking --------------------------------------------------------------------------------- */

static inline int32_t step_numeric(const gbt_walk_node *node, const float *row)
{
    const float x = row[node->feature & GBT_WALK_FEATURE];
    const int is_missing = x != x;
    const int stays_right = (node->feature & GBT_WALK_MISSING_LEFT) == 0;
    return node->left + ((x > node->threshold) | (is_missing & stays_right));
}

static inline int32_t step_any(const gbt_forest *forest, const gbt_walk_node *node,
                               const float *row)
{
    if (!(node->feature & GBT_WALK_CATEGORICAL)) {
        return step_numeric(node, row);
    }
    const int32_t feature = (int32_t)(node->feature & GBT_WALK_FEATURE);
    const int32_t bin = gbt_cuts_bin_of(forest->cuts, feature, row[feature]);
    return node->left + !gbt_set_has(forest->set + (int64_t)node->extra * GBT_SET_WORDS, bin);
}

/* From the nodes `at` to the leaves; lane i reads row[i]. A leaf leads to itself. */
static void walk_numeric(const gbt_forest *forest, const float *const row[LANES], int32_t at[LANES])
{
    const gbt_walk_node *node = forest->node;
    int32_t a = at[0], b = at[1], c = at[2], d = at[3], e = at[4], f = at[5], g = at[6], h = at[7];
    int32_t moved;
    do {
        const int32_t a1 = step_numeric(node + a, row[0]), b1 = step_numeric(node + b, row[1]);
        const int32_t c1 = step_numeric(node + c, row[2]), d1 = step_numeric(node + d, row[3]);
        const int32_t e1 = step_numeric(node + e, row[4]), f1 = step_numeric(node + f, row[5]);
        const int32_t g1 = step_numeric(node + g, row[6]), h1 = step_numeric(node + h, row[7]);
        moved =
            (a ^ a1) | (b ^ b1) | (c ^ c1) | (d ^ d1) | (e ^ e1) | (f ^ f1) | (g ^ g1) | (h ^ h1);
        a = a1, b = b1, c = c1, d = d1, e = e1, f = f1, g = g1, h = h1;
    } while (moved != 0);
    at[0] = a, at[1] = b, at[2] = c, at[3] = d, at[4] = e, at[5] = f, at[6] = g, at[7] = h;
}

static void walk_any(const gbt_forest *forest, const float *const row[LANES], int32_t at[LANES])
{
    int32_t moved;
    do {
        moved = 0;
        for (int i = 0; i < LANES; i++) {
            const int32_t next = step_any(forest, forest->node + at[i], row[i]);
            moved |= next ^ at[i];
            at[i] = next;
        }
    } while (moved != 0);
}

void gbt_walk_rows(const gbt_forest *forest, const gbt_forest_tree *tree, const float *x, int32_t n,
                   int32_t *place)
{
    for (int32_t r = 0; r < n; r += LANES) {
        const float *row[LANES];
        int32_t at[LANES];
        for (int i = 0; i < LANES; i++) {
            row[i] = x + (int64_t)(r + i < n ? r + i : n - 1) * forest->n_features;
            at[i] = tree->root;
        }
        (tree->has_categorical ? walk_any : walk_numeric)(forest, row, at);
        for (int i = 0; i < LANES && r + i < n; i++) {
            place[r + i] = forest->node[at[i]].extra;
        }
    }
}

/* ---- One row, several trees ------------------------------------------------------------------ */

void gbt_walk_trees(const gbt_forest *forest, const float *x, int32_t first, int32_t last,
                    int32_t step, gbt_place_fn *emit, void *out)
{
    const float *const row[LANES] = {x, x, x, x, x, x, x, x};
    for (int64_t t = first; t < last; t += (int64_t)LANES * step) {
        int32_t at[LANES];
        bool has_categorical = false;
        for (int i = 0; i < LANES; i++) {
            const int64_t mine = t + (int64_t)i * step;
            const gbt_forest_tree *tree = &forest->tree[mine < last ? mine : t];
            at[i] = tree->root;
            has_categorical |= tree->has_categorical;
        }
        (has_categorical ? walk_any : walk_numeric)(forest, row, at);
        for (int i = 0; i < LANES && t + (int64_t)i * step < last; i++) {
            emit(forest, (int32_t)(t + (int64_t)i * step), forest->node[at[i]].extra, out);
        }
    }
}
