/* Scores and leaf numbers of float32 rows and of sparse ones. Blocks of up to 512 rows go through
 * the mask form of small trees (forest.h); large trees and few rows are walked (predict_walk.c).
 * Blocks of float32 rows are coded here, those of sparse rows in predict_entries.c. Everything
 * needed is on the stack, about 75 KB, but for sparse rows. Whatever the way, a row's score grows
 * by the leaf values in tree order, so the bits are the same. Cost: performance of the loops in
 * predict_kernels.c. */
#include "gbt/tree/forest.h"

#include <stdalign.h>
#include <string.h>

enum {
    CODINGS_OF_A_WALK = 8, /* columns that are coded in the time that a walk takes longer */
    READS_OF_A_WALK = 8,   /* levels of most trees */
    WALK_BYTES = 1 << 18,  /* raw values of a block that is walked: part of the second cache */
    CODE_BYTES = 1 << 20,  /* and of one that is coded segment by segment */
    FLOATS_OF_A_LINE = 16, /* of the cache */
    BLOCK = GBT_MOST_GROUPS * GBT_ROW_GROUP
};

/* ---- Blocks ---------------------------------------------------------------------------------- */

typedef struct block {
    const gbt_forest *forest;
    const gbt_predict_kernels *kernels;
    const float *x;   /* [n x n_features] */
    const float *end; /* of all rows */
    int32_t n;        /* 1 .. groups * GBT_ROW_GROUP */
    int32_t groups;   /* 1, 2, 4 or 8 */
    bool is_coded;    /* the columns hold the segment at hand, so its mask trees need no walk */
    const gbt_sorted_entries *sorted;           /* of sparse rows, which have no x; else NULL */
    int8_t *column;                             /* those of categorical splits first */
    alignas(64) int8_t bytes[GBT_COLUMN_BYTES]; /* the columns of float32 rows */
    alignas(64) uint8_t sets[(GBT_MASK_LEAVES + 1) * GBT_ROW_GROUP];
    alignas(64) uint8_t place[BLOCK];
} block;

/* Does a block of so many groups fit: its columns, and its raw values where they are read more than
 * once, by every walk or every segment? */
static bool fits(const gbt_forest *forest, int32_t groups)
{
    const int64_t rows = (int64_t)groups * GBT_ROW_GROUP;
    const int64_t row_bytes = (int64_t)sizeof(float) * forest->n_features;
    return rows * (forest->float_columns + forest->most_members) <= GBT_COLUMN_BYTES &&
           (!forest->has_walks || rows * row_bytes <= WALK_BYTES) &&
           (forest->n_segments < 2 || rows * row_bytes <= CODE_BYTES);
}

/* Takes rows from row `first` on into the block. */
static void take_rows(block *b, const float *x, int64_t n_rows, int64_t first)
{
    const gbt_forest *forest = b->forest;
    const int64_t rest = n_rows - first;
    int32_t most = GBT_MOST_GROUPS;
    while (most > 1 && !fits(forest, most)) {
        most /= 2;
    }
    b->groups = gbt_block_groups(most, rest);
    const int32_t room = b->groups * GBT_ROW_GROUP;
    b->x = x + first * forest->n_features;
    b->end = x + n_rows * forest->n_features;
    b->n = rest < room ? (int32_t)rest : room;
}

static int8_t *column_of(block *b, int32_t number)
{
    return b->column + (b->forest->most_members + number) * b->groups * GBT_ROW_GROUP;
}

/* Codes of n rows of a group from row `first` on; rows that are not there get code 0. */
static void code_numeric(block *b, const gbt_coding *coding, int32_t first, int32_t n)
{
    const gbt_forest *forest = b->forest;
    const gbt_ladder *ladder = &forest->ladder[coding->feature];
    int8_t unwanted[GBT_ROW_GROUP], *left = unwanted, *right = NULL;
    if (coding->missing_left >= 0) {
        left = column_of(b, coding->missing_left) + first;
    }
    if (coding->missing_right >= 0) {
        right = column_of(b, coding->missing_right) + first;
    }
    b->kernels->code(forest->threshold + ladder->first, ladder->n < GBT_LADDER,
                     b->x + (int64_t)first * forest->n_features + coding->feature,
                     forest->n_features, n, left, right);
    memset(left + n, 0, (size_t)(GBT_ROW_GROUP - n));
    if (right) {
        memset(right + n, 0, (size_t)(GBT_ROW_GROUP - n));
    }
}

static void code_bins(block *b, const gbt_coding *coding, int32_t first, int32_t n)
{
    int8_t *code = column_of(b, coding->bins) + first;
    memset(code, 0, GBT_ROW_GROUP);
    for (int32_t r = 0; r < n; r++) {
        const float value = b->x[(int64_t)(first + r) * b->forest->n_features + coding->feature];
        code[r] = (int8_t)gbt_cuts_bin_of(b->forest->cuts, coding->feature, value);
    }
}

/* Asks for the raw values of the group of rows at x, where there is one. */
static void fetch_group(const block *b, const float *x)
{
    const int64_t group = (int64_t)GBT_ROW_GROUP * b->forest->n_features;
    const int64_t n = b->end - x < group ? b->end - x : group;
    for (int64_t i = 0; i < n; i += FLOATS_OF_A_LINE) {
        __builtin_prefetch(x + i);
    }
}

/* The columns of a segment, unless only a few of its trees are wanted, which are walked then.
 * Group by group, since the raw values of a whole block need not fit into the nearest cache. Rows
 * of which most lines will be read are fetched ahead: no processor foresees reads so far apart. */
static void code_floats(block *b, const gbt_segment *segment, int32_t n_trees)
{
    const int32_t n_features = b->forest->n_features;
    b->is_coded = !segment->is_walked && segment->n_codings <= (int64_t)n_trees * CODINGS_OF_A_WALK;
    const int32_t n_codings = b->is_coded ? segment->n_codings : 0;
    const int64_t reads = n_codings > 0 ? n_codings : (int64_t)n_trees * READS_OF_A_WALK;
    for (int32_t first = 0; first < b->n; first += GBT_ROW_GROUP) {
        const int32_t n = b->n - first < GBT_ROW_GROUP ? b->n - first : GBT_ROW_GROUP;
        if (reads >= n_features / FLOATS_OF_A_LINE) {
            fetch_group(b, b->x + (int64_t)(first + n) * n_features);
        }
        for (int32_t c = 0; c < n_codings; c++) {
            const gbt_coding *coding = &b->forest->coding[segment->first_coding + c];
            (coding->bins >= 0 ? code_bins : code_numeric)(b, coding, first, n);
        }
    }
}

static void code_segment(block *b, const gbt_segment *segment, int32_t n_trees)
{
    if (b->sorted) {
        b->is_coded = true;
        gbt_entries_fill(b->forest, segment, b->sorted);
    } else {
        code_floats(b, segment, n_trees);
    }
}

/* Places of the block's rows in a mask tree. */
static const uint8_t *place_by_masks(block *b, const gbt_forest_tree *tree)
{
    const gbt_forest *forest = b->forest;
    const gbt_member_step *member = forest->member + tree->member;
    for (int32_t m = 0; m < tree->n_members; m++) {
        b->kernels->member(forest->set + (int64_t)member[m].set * GBT_SET_WORDS,
                           column_of(b, member[m].from), b->groups, column_of(b, member[m].to));
    }
    b->kernels->place(forest->step + tree->step, tree->n_leaves, column_of(b, 0), b->groups,
                      b->sets, b->place);
    return b->place;
}

static void add_tree(block *b, const gbt_forest_tree *tree, float sum[BLOCK])
{
    const float *value = b->forest->value + tree->value;
    if (tree->is_mask && b->is_coded) {
        b->kernels->add(value, tree->n_leaves, place_by_masks(b, tree), b->groups, sum);
        return;
    }
    int32_t place[BLOCK];
    gbt_walk_rows(b->forest, tree, b->x, b->n, place);
    for (int32_t r = 0; r < b->n; r++) {
        sum[r] += value[place[r]];
    }
}

/* The sums of one output, 0 for rows that are not there. */
static void take_sums(const block *b, int32_t output, const float *out, float *sum)
{
    const int32_t n_outputs = b->forest->n_outputs;
    for (int32_t r = 0; r < b->n; r++) {
        sum[r] = out[(int64_t)r * n_outputs + output];
    }
    memset(sum + b->n, 0, (size_t)(b->groups * GBT_ROW_GROUP - b->n) * sizeof *sum);
}

static void put_sums(const block *b, int32_t output, const float *sum, float *out)
{
    const int32_t n_outputs = b->forest->n_outputs;
    for (int32_t r = 0; r < b->n; r++) {
        out[(int64_t)r * n_outputs + output] = sum[r];
    }
}

/* Where a block of sparse rows keeps the sums of an output between segments. */
static float *kept_sums(const block *b, int32_t output)
{
    return b->sorted->sum + (int64_t)output * b->groups * GBT_ROW_GROUP;
}

/* Adds trees [first, last) of a segment to out [n x n_outputs], of sparse rows to the kept sums. */
static void add_segment(block *b, const gbt_segment *segment, int32_t first, int32_t last,
                        float *out)
{
    const int32_t n_outputs = b->forest->n_outputs;
    code_segment(b, segment, last - first);
    for (int32_t i = 0; i < n_outputs && first + i < last; i++) {
        const int32_t output = (first + i) % n_outputs;
        float mine[BLOCK], *sum = b->sorted ? kept_sums(b, output) : mine;
        if (!b->sorted) {
            take_sums(b, output, out, sum);
        }
        for (int64_t t = (int64_t)first + i; t < last; t += n_outputs) {
            add_tree(b, &b->forest->tree[t], sum);
        }
        if (!b->sorted) {
            put_sums(b, output, sum, out);
        }
    }
}

/* Adds trees [first_tree, last_tree) to where add_segment does. */
static void add_block(block *b, int32_t first_tree, int32_t last_tree, float *out)
{
    for (int32_t s = 0; s < b->forest->n_segments; s++) {
        const gbt_segment *segment = &b->forest->segment[s];
        const int32_t first = first_tree > segment->first_tree ? first_tree : segment->first_tree;
        const int32_t last = last_tree < segment->last_tree ? last_tree : segment->last_tree;
        if (first < last) {
            add_segment(b, segment, first, last, out);
        }
    }
}

static void open_block(block *b, const gbt_forest *forest, const gbt_predict_kernels *kernels)
{
    b->forest = forest;
    b->kernels = kernels;
    b->sorted = NULL;
    b->column = b->bytes;
}

/* Takes all rows given by entries into the block. */
static void take_entries(block *b, const gbt_entry_block *rows, gbt_sorted_entries *sorted)
{
    gbt_entries_sort(b->forest, b->kernels, rows, sorted);
    b->n = rows->n;
    b->groups = sorted->groups;
    b->sorted = sorted;
    b->column = sorted->column;
}

static void add_blocks(const gbt_forest *forest, const gbt_predict_kernels *kernels, const float *x,
                       int64_t n, int32_t first_tree, int32_t last_tree, float *out)
{
    block b;
    open_block(&b, forest, kernels);
    for (int64_t row = 0; row < n; row += b.n) {
        take_rows(&b, x, n, row);
        add_block(&b, first_tree, last_tree, out + row * forest->n_outputs);
    }
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static void emit_value(const gbt_forest *forest, int32_t tree, int32_t place, void *out)
{
    *(float *)out += forest->value[forest->tree[tree].value + place];
}

static void add_few(const gbt_forest *forest, const float *x, int64_t n, int32_t first_tree,
                    int32_t last_tree, float *out)
{
    for (int64_t row = 0; row < n; row++) {
        for (int32_t k = 0; k < forest->n_outputs; k++) {
            gbt_walk_trees(forest, x + row * forest->n_features, first_tree + k, last_tree,
                           forest->n_outputs, emit_value, out + row * forest->n_outputs + k);
        }
    }
}

void gbt_forest_add_by(const gbt_forest *forest, const gbt_predict_kernels *kernels, const float *x,
                       int64_t n, int32_t first, int32_t last, float *out)
{
    const int32_t first_tree = first * forest->n_outputs, last_tree = last * forest->n_outputs;
    const int64_t few = n % GBT_ROW_GROUP < GBT_FEW_ROWS ? n % GBT_ROW_GROUP : 0;
    const int64_t many = n - few;
    if (many > 0) {
        add_blocks(forest, kernels, x, many, first_tree, last_tree, out);
    }
    add_few(forest, x + many * forest->n_features, few, first_tree, last_tree,
            out + many * forest->n_outputs);
}

void gbt_forest_add(const gbt_forest *forest, const float *x, int64_t n, int32_t first,
                    int32_t last, float *out)
{
    gbt_forest_add_by(forest, gbt_predict_kernels_find(-1), x, n, first, last, out);
}

/* Segments are many: the sums are moved once for all. */
void gbt_forest_add_entries_by(const gbt_forest *forest, const gbt_predict_kernels *kernels,
                               const gbt_entry_block *rows, int32_t first, int32_t last, float *out)
{
    gbt_sorted_entries sorted;
    block b;
    open_block(&b, forest, kernels);
    take_entries(&b, rows, &sorted);
    for (int32_t k = 0; k < forest->n_outputs; k++) {
        take_sums(&b, k, out, kept_sums(&b, k));
    }
    add_block(&b, first * forest->n_outputs, last * forest->n_outputs, out);
    for (int32_t k = 0; k < forest->n_outputs; k++) {
        put_sums(&b, k, kept_sums(&b, k), out);
    }
}

void gbt_forest_add_entries(const gbt_forest *forest, const gbt_entry_block *rows, int32_t first,
                            int32_t last, float *out)
{
    gbt_forest_add_entries_by(forest, gbt_predict_kernels_find(-1), rows, first, last, out);
}

/* ---- Leaf numbers ---------------------------------------------------------------------------- */

/* Where leaf numbers go. */
typedef struct leaf_grid {
    int32_t first_tree, last_tree;
    int64_t row_step, tree_step;
    int32_t *out; /* of the first row at hand and the first tree */
} leaf_grid;

static void emit_leaf(const gbt_forest *forest, int32_t tree, int32_t place, void *out)
{
    const leaf_grid *grid = out;
    grid->out[(tree - grid->first_tree) * grid->tree_step] =
        forest->leaf_number[forest->tree[tree].value + place];
}

static void leaves_of_tree(block *b, const leaf_grid *grid, int32_t t)
{
    const gbt_forest_tree *tree = &b->forest->tree[t];
    const int32_t *number = b->forest->leaf_number + tree->value;
    const uint8_t *small = tree->is_mask && b->is_coded ? place_by_masks(b, tree) : NULL;
    int32_t *out = grid->out + (t - grid->first_tree) * grid->tree_step;
    int32_t place[BLOCK];
    if (!small) {
        gbt_walk_rows(b->forest, tree, b->x, b->n, place);
    }
    for (int32_t r = 0; r < b->n; r++) {
        out[r * grid->row_step] = number[small ? small[r] : place[r]];
    }
}

static void leaves_block(block *b, const leaf_grid *grid)
{
    for (int32_t s = 0; s < b->forest->n_segments; s++) {
        const gbt_segment *segment = &b->forest->segment[s];
        const int32_t first =
            grid->first_tree > segment->first_tree ? grid->first_tree : segment->first_tree;
        const int32_t last =
            grid->last_tree < segment->last_tree ? grid->last_tree : segment->last_tree;
        if (first < last) {
            code_segment(b, segment, last - first);
        }
        for (int32_t t = first; t < last; t++) {
            leaves_of_tree(b, grid, t);
        }
    }
}

void gbt_forest_leaves(const gbt_forest *forest, const float *x, int64_t n, int32_t first,
                       int32_t last, int64_t row_step, int64_t tree_step, int32_t *out)
{
    leaf_grid grid = {.first_tree = first * forest->n_outputs,
                      .last_tree = last * forest->n_outputs,
                      .row_step = row_step,
                      .tree_step = tree_step,
                      .out = out};
    if (n < GBT_FEW_ROWS) {
        for (int64_t row = 0; row < n; row++, grid.out += row_step) {
            gbt_walk_trees(forest, x + row * forest->n_features, grid.first_tree, grid.last_tree, 1,
                           emit_leaf, &grid);
        }
        return;
    }
    block b;
    open_block(&b, forest, gbt_predict_kernels_find(-1));
    for (int64_t row = 0; row < n; row += b.n, grid.out += b.n * row_step) {
        take_rows(&b, x, n, row);
        leaves_block(&b, &grid);
    }
}

void gbt_forest_leaves_entries(const gbt_forest *forest, const gbt_entry_block *rows, int32_t first,
                               int32_t last, int64_t row_step, int64_t tree_step, int32_t *out)
{
    const leaf_grid grid = {.first_tree = first * forest->n_outputs,
                            .last_tree = last * forest->n_outputs,
                            .row_step = row_step,
                            .tree_step = tree_step,
                            .out = out};
    gbt_sorted_entries sorted;
    block b;
    open_block(&b, forest, gbt_predict_kernels_find(-1));
    take_entries(&b, rows, &sorted);
    leaves_block(&b, &grid);
}
