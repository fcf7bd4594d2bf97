/* Turns the trees of a model into the forms that prediction walks (forest.h). Cost: linear in
 * the nodes of the model and the size of its cuts; done once, when a model is sealed. */
#include "gbt/tree/forest.h"

#include <math.h>

#include "gbt/base/alloc.h"

typedef struct totals {
    int64_t nodes, leaves, sets, steps, members;
    int32_t most_nodes; /* of one tree */
} totals;

enum { MISSING_LEFT, MISSING_RIGHT, BINS, N_WAYS }; /* the columns that a feature can have */
enum { UNSET = -1, WANTED = -2 };

typedef struct builder {
    gbt_forest *forest;
    const gbt_model *model;
    int8_t *code;    /* [first[n_features] + n_features] by threshold: in use, then its code */
    int16_t *column; /* [n_features x N_WAYS] in this segment: column number, UNSET, WANTED */
    int32_t *order;  /* [most_nodes] nodes breadth first */
    int32_t *leaves; /* [most_nodes] leaves below the node */
    int32_t *place;  /* [most_nodes] number of its first leaf, from the left */
    totals done;     /* of what the forest holds so far */
    int64_t n_codings, coding_capacity;
} builder;

static bool is_mask(const gbt_tree *tree)
{
    return tree->n_leaves <= GBT_MASK_LEAVES;
}

static bool is_categorical(const gbt_tree *tree, int32_t node)
{
    return (tree->flags[node] & GBT_NODE_CATEGORICAL) != 0;
}

static totals count_all(const gbt_model *model)
{
    totals sum = {0};
    for (int32_t t = 0; t < model->n_trees; t++) {
        const gbt_tree *tree = model->trees[t];
        sum.nodes += tree->n_nodes;
        sum.leaves += tree->n_leaves;
        sum.sets += tree->n_sets;
        if (is_mask(tree)) {
            sum.steps += tree->n_leaves - 1;
            for (int32_t node = 0; node < tree->n_nodes; node++) {
                sum.members += tree->feature[node] >= 0 && is_categorical(tree, node);
            }
        }
        if (sum.most_nodes < tree->n_nodes) {
            sum.most_nodes = tree->n_nodes;
        }
    }
    return sum;
}

/* ---- Codes ----------------------------------------------------------------------------------- */

/* Where the flag or code of a threshold is in builder->code: a feature has as many thresholds
 * as bins, the last one +inf. */
static int64_t code_at(const builder *b, int32_t feature, int32_t bin)
{
    return b->model->cuts->first[feature] + feature + bin;
}

static void mark_thresholds(builder *b)
{
    for (int32_t t = 0; t < b->model->n_trees; t++) {
        const gbt_tree *tree = b->model->trees[t];
        for (int32_t node = 0; is_mask(tree) && node < tree->n_nodes; node++) {
            if (tree->feature[node] >= 0 && !is_categorical(tree, node)) {
                b->code[code_at(b, tree->feature[node], tree->bin[node])] = 1;
            }
        }
    }
}

/* Groups of the ladder, the one of pivots left out. The last group ends in +inf. */
static int64_t ladder_groups(int32_t n)
{
    return n / GBT_LADDER + 1;
}

/* Floats of the ladder. */
static int64_t ladder_size(int32_t n)
{
    return n == 0 ? 0 : n < GBT_LADDER ? GBT_LADDER : GBT_LADDER * (1 + ladder_groups(n));
}

static void fill_ladder(builder *b, int32_t feature, float *ladder)
{
    const gbt_cuts *cuts = b->model->cuts;
    const int32_t total = b->forest->ladder[feature].n;
    const bool is_single = total < GBT_LADDER;
    const int64_t groups = ladder_groups(total);
    float *step = is_single ? ladder : ladder + GBT_LADDER;
    int32_t n = 0;
    for (int32_t bin = 0; bin < cuts->n_bins[feature]; bin++) {
        int8_t *code = &b->code[code_at(b, feature, bin)];
        if (*code) {
            *code = (int8_t)(GBT_LEAST_CODE + (is_single ? n * GBT_LADDER : n));
            step[n++] = gbt_tree_threshold(cuts, feature, bin);
        }
    }
    while (n < groups * GBT_LADDER) {
        step[n++] = INFINITY;
    }
    for (int64_t g = 0; !is_single && g < GBT_LADDER; g++) {
        ladder[g] = g < groups ? step[g * GBT_LADDER + GBT_LADDER - 1] : INFINITY;
    }
}

/* Sorted thresholds of every feature, and in builder->code the number of each. */
static gbt_status build_ladders(builder *b)
{
    gbt_forest *forest = b->forest;
    const gbt_cuts *cuts = b->model->cuts;
    int64_t size = 0;
    mark_thresholds(b);
    for (int32_t f = 0; f < forest->n_features; f++) {
        gbt_ladder *ladder = &forest->ladder[f];
        ladder->first = size;
        for (int32_t bin = 0; !cuts->is_categorical[f] && bin < cuts->n_bins[f]; bin++) {
            ladder->n += b->code[code_at(b, f, bin)];
        }
        size += ladder_size(ladder->n);
    }
    GBT_TRY(GBT_NEW_ZERO(forest->threshold, size + (2 * GBT_LADDER + 1) * GBT_LADDER));
    for (int32_t f = 0; f < forest->n_features; f++) {
        if (forest->ladder[f].n > 0) {
            fill_ladder(b, f, forest->threshold + forest->ladder[f].first);
        }
    }
    return GBT_OK;
}

/* ---- Segments -------------------------------------------------------------------------------- */

static int16_t *column_of(builder *b, const gbt_tree *tree, int32_t node)
{
    int way = (tree->flags[node] & GBT_NODE_MISSING_LEFT) ? MISSING_LEFT : MISSING_RIGHT;
    if (is_categorical(tree, node)) {
        way = BINS;
    }
    return &b->column[(int64_t)tree->feature[node] * N_WAYS + way];
}

/* Columns that the tree needs beyond those of the segment. */
static int32_t count_wanted(builder *b, const gbt_tree *tree)
{
    int32_t n = 0;
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] >= 0) {
            int16_t *column = column_of(b, tree, node);
            n += *column == UNSET;
            *column = *column == UNSET ? WANTED : *column;
        }
    }
    return n;
}

/* Do the codes pay? A tree by masks instead of a walk saves the time of about eight codings, a
 * small one of two for each level. */
static bool coding_pays(const gbt_forest *forest, const gbt_segment *segment)
{
    int64_t saved = 0;
    for (int32_t t = segment->first_tree; t < segment->last_tree; t++) {
        const gbt_forest_tree *tree = &forest->tree[t];
        for (int32_t n = tree->n_leaves; tree->is_mask && n > 1 && n > tree->n_leaves / 16;
             n /= 2) {
            saved += 2;
        }
    }
    return segment->n_codings <= saved;
}

static void end_segment(builder *b, int32_t last_tree)
{
    gbt_forest *forest = b->forest;
    gbt_segment *segment = &forest->segment[forest->n_segments - 1];
    segment->last_tree = last_tree;
    segment->n_codings = (int32_t)(b->n_codings - segment->first_coding);
    for (int32_t c = 0; c < segment->n_codings; c++) {
        gbt_coding *coding = &forest->coding[segment->first_coding + c];
        int16_t *column = b->column + (int64_t)coding->feature * N_WAYS;
        coding->missing_left = column[MISSING_LEFT];
        coding->missing_right = column[MISSING_RIGHT];
        coding->bins = column[BINS];
        for (int way = 0; way < N_WAYS; way++) {
            column[way] = UNSET;
        }
    }
    segment->is_walked = !coding_pays(forest, segment);
    if (forest->most_columns < segment->n_columns) {
        forest->most_columns = segment->n_columns;
    }
    if (forest->float_columns < segment->n_columns && !segment->is_walked) {
        forest->float_columns = segment->n_columns;
    }
}

static gbt_status add_coding(builder *b, int32_t feature)
{
    gbt_forest *forest = b->forest;
    if (b->n_codings == b->coding_capacity) {
        const int64_t capacity = 2 * b->coding_capacity + 64;
        gbt_coding *coding = gbt_grow(forest->coding, b->n_codings, capacity, sizeof *coding);
        if (!coding) {
            return GBT_ERR_MEMORY;
        }
        forest->coding = coding;
        b->coding_capacity = capacity;
    }
    if (forest->coded_of[feature] < 0) {
        forest->coded_of[feature] = forest->n_coded++;
    }
    gbt_coding *coding = &forest->coding[b->n_codings++];
    coding->feature = feature;
    coding->coded = forest->coded_of[feature];
    return GBT_OK;
}

static gbt_segment *begin_segment(builder *b, int32_t first_tree)
{
    gbt_segment *segment = &b->forest->segment[b->forest->n_segments++];
    *segment = (gbt_segment){.first_tree = first_tree, .first_coding = b->n_codings};
    return segment;
}

/* Gives every split of a mask tree its column; begins a segment when they do not fit. */
static gbt_status assign_columns(builder *b, const gbt_tree *tree, int32_t number)
{
    gbt_forest *forest = b->forest;
    gbt_segment *segment = &forest->segment[forest->n_segments - 1];
    if (segment->n_columns + count_wanted(b, tree) > GBT_SEGMENT_COLUMNS) {
        end_segment(b, number);
        segment = begin_segment(b, number);
    }
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        int16_t *column = tree->feature[node] >= 0 ? column_of(b, tree, node) : NULL;
        if (column && *column < 0) {
            const int16_t *all = b->column + (int64_t)tree->feature[node] * N_WAYS;
            if (all[MISSING_LEFT] < 0 && all[MISSING_RIGHT] < 0 && all[BINS] < 0) {
                GBT_TRY(add_coding(b, tree->feature[node]));
            }
            *column = (int16_t)segment->n_columns++;
        }
    }
    return GBT_OK;
}

/* ---- One tree -------------------------------------------------------------------------------- */

/* Children follow their parent. */
void gbt_tree_measure(const gbt_tree *tree, int32_t *leaves, int32_t *place)
{
    for (int32_t node = tree->n_nodes - 1; node >= 0; node--) {
        leaves[node] = 1;
        if (tree->feature[node] >= 0) {
            leaves[node] = leaves[tree->left[node]] + leaves[tree->right[node]];
        }
    }
    place[0] = 0;
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] >= 0) {
            place[tree->left[node]] = place[node];
            place[tree->right[node]] = place[node] + leaves[tree->left[node]];
        }
    }
}

static void add_leaf_values(builder *b, const gbt_tree *tree)
{
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] < 0) {
            b->forest->value[b->done.leaves + b->place[node]] = tree->value[node];
            b->forest->leaf_number[b->done.leaves + b->place[node]] = tree->left[node];
        }
    }
}

static void add_walk_nodes(builder *b, const gbt_tree *tree)
{
    gbt_forest *forest = b->forest;
    const int32_t first = (int32_t)b->done.nodes;
    int32_t end = 1;
    b->order[0] = 0;
    for (int32_t i = 0; i < tree->n_nodes; i++) {
        const int32_t node = b->order[i];
        gbt_walk_node *walk = &forest->node[first + i];
        if (tree->feature[node] < 0) {
            *walk = (gbt_walk_node){.threshold = INFINITY,
                                    .feature = GBT_WALK_MISSING_LEFT,
                                    .left = first + i,
                                    .extra = b->place[node]};
            continue;
        }
        *walk = (gbt_walk_node){.feature = (uint32_t)tree->feature[node], .left = first + end};
        if (is_categorical(tree, node)) {
            walk->feature |= GBT_WALK_CATEGORICAL;
            walk->extra = (int32_t)b->done.sets + tree->set[node];
        } else {
            walk->feature |= tree->flags[node] & GBT_NODE_MISSING_LEFT ? GBT_WALK_MISSING_LEFT : 0;
            walk->threshold = tree->threshold[node];
        }
        b->order[end++] = tree->left[node];
        b->order[end++] = tree->right[node];
    }
}

/* Steps in the order of the walk nodes, which has parents first. */
static void add_mask_steps(builder *b, const gbt_tree *tree, gbt_forest_tree *out)
{
    gbt_forest *forest = b->forest;
    int32_t n_steps = 0;
    for (int32_t i = 0; i < tree->n_nodes; i++) {
        const int32_t node = b->order[i];
        if (tree->feature[node] < 0) {
            continue;
        }
        int32_t column = *column_of(b, tree, node);
        int8_t bin = 0;
        if (is_categorical(tree, node)) {
            const int32_t to = -1 - out->n_members;
            forest->member[out->member + out->n_members++] =
                (gbt_member_step){.from = (int16_t)column,
                                  .to = (int16_t)to,
                                  .set = (int32_t)b->done.sets + tree->set[node]};
            column = to;
        } else {
            bin = b->code[code_at(b, tree->feature[node], tree->bin[node])];
        }
        forest->step[out->step + n_steps++] =
            (gbt_mask_step){.column = (int16_t)(column * GBT_ROW_GROUP),
                            .bin = bin,
                            .place = (uint8_t)b->place[tree->right[node]],
                            .first = (uint16_t)b->place[node],
                            .last = (uint16_t)(b->place[node] + b->leaves[node])};
    }
    if (forest->most_members < out->n_members) {
        forest->most_members = out->n_members;
    }
}

static gbt_status add_tree(builder *b, int32_t number)
{
    gbt_forest *forest = b->forest;
    const gbt_tree *tree = b->model->trees[number];
    gbt_forest_tree *out = &forest->tree[number];
    *out = (gbt_forest_tree){.step = b->done.steps,
                             .member = b->done.members,
                             .value = b->done.leaves,
                             .root = (int32_t)b->done.nodes,
                             .n_leaves = tree->n_leaves,
                             .is_mask = is_mask(tree),
                             .has_categorical = tree->n_sets > 0};
    gbt_tree_measure(tree, b->leaves, b->place);
    add_leaf_values(b, tree);
    add_walk_nodes(b, tree);
    if (out->is_mask) {
        GBT_TRY(assign_columns(b, tree, number));
        add_mask_steps(b, tree, out);
    }
    for (int32_t i = 0; i < tree->n_sets * GBT_SET_WORDS; i++) {
        forest->set[b->done.sets * GBT_SET_WORDS + i] = tree->sets[i];
    }
    b->done.nodes += tree->n_nodes;
    b->done.leaves += tree->n_leaves;
    b->done.sets += tree->n_sets;
    b->done.steps += out->is_mask ? tree->n_leaves - 1 : 0;
    b->done.members += out->n_members;
    return GBT_OK;
}

/* ---- The forest ------------------------------------------------------------------------------ */

static gbt_status open_forest(gbt_forest *forest, const gbt_model *model, const totals *sum)
{
    forest->cuts = gbt_cuts_retain(model->cuts);
    forest->n_features = model->cuts->n_features;
    forest->n_outputs = model->objective.n_outputs;
    forest->n_trees = model->n_trees;
    if (sum->nodes > INT32_MAX || sum->sets > INT32_MAX) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "%lld nodes in one model, at most %d can be predicted with",
                        (long long)sum->nodes, INT32_MAX);
    }
    GBT_TRY(GBT_NEW(forest->tree, model->n_trees));
    GBT_TRY(GBT_NEW(forest->segment, (int64_t)model->n_trees + 1));
    GBT_TRY(GBT_NEW(forest->node, sum->nodes));
    GBT_TRY(GBT_NEW(forest->step, sum->steps));
    GBT_TRY(GBT_NEW(forest->member, sum->members));
    GBT_TRY(GBT_NEW_ZERO(forest->ladder, forest->n_features));
    GBT_TRY(GBT_NEW(forest->coded_of, forest->n_features));
    for (int32_t f = 0; f < forest->n_features; f++) {
        forest->coded_of[f] = -1;
    }
    GBT_TRY(GBT_NEW(forest->set, sum->sets * GBT_SET_WORDS));
    GBT_TRY(GBT_NEW_ZERO(forest->value, sum->leaves + GBT_MASK_LEAVES));
    GBT_TRY(GBT_NEW(forest->leaf_number, sum->leaves));
    return GBT_OK;
}

static gbt_status open_builder(builder *b, const totals *sum)
{
    const gbt_cuts *cuts = b->model->cuts;
    const int64_t n_columns = (int64_t)cuts->n_features * N_WAYS;
    GBT_TRY(GBT_NEW_ZERO(b->code, cuts->first[cuts->n_features] + cuts->n_features));
    GBT_TRY(GBT_NEW(b->column, n_columns));
    for (int64_t c = 0; c < n_columns; c++) {
        b->column[c] = UNSET;
    }
    GBT_TRY(GBT_NEW(b->order, sum->most_nodes));
    GBT_TRY(GBT_NEW(b->leaves, sum->most_nodes));
    return GBT_NEW(b->place, sum->most_nodes);
}

static void close_builder(builder *b)
{
    gbt_release(b->code);
    gbt_release(b->column);
    gbt_release(b->order);
    gbt_release(b->leaves);
    gbt_release(b->place);
}

static void find_walks(gbt_forest *forest)
{
    for (int32_t t = 0; t < forest->n_trees; t++) {
        forest->has_large |= !forest->tree[t].is_mask;
    }
    forest->has_walks = forest->has_large;
    for (int32_t s = 0; s < forest->n_segments; s++) {
        const gbt_segment *segment = &forest->segment[s];
        forest->has_walks |= segment->is_walked && segment->first_tree < segment->last_tree;
    }
}

/* The coded features, and what each makes of an absent cell of a sparse row. */
static gbt_status code_zeros(gbt_forest *forest)
{
    const gbt_predict_kernels *kernels = gbt_predict_kernels_find(0);
    const float zero = 0.0f;
    GBT_TRY(GBT_NEW(forest->coded, forest->n_coded));
    for (int32_t f = 0; f < forest->n_features; f++) {
        if (forest->coded_of[f] < 0) {
            continue;
        }
        const gbt_ladder *ladder = &forest->ladder[f];
        int8_t code[GBT_ROW_GROUP];
        if (forest->cuts->is_categorical[f]) {
            code[0] = (int8_t)gbt_cuts_bin_of(forest->cuts, f, zero);
        } else {
            kernels->code(forest->threshold + ladder->first, ladder->n < GBT_LADDER, &zero, 0, 1,
                          code, NULL);
        }
        forest->coded[forest->coded_of[f]] = (gbt_coded){.feature = f, .zero = code[0]};
    }
    return GBT_OK;
}

gbt_status gbt_forest_create(const gbt_model *model, gbt_forest **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    builder b = {.model = model};
    const totals sum = count_all(model);
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(b.forest, 1));
    GBT_TRY_OR_DONE(open_forest(b.forest, model, &sum));
    GBT_TRY_OR_DONE(open_builder(&b, &sum));
    GBT_TRY_OR_DONE(build_ladders(&b));
    begin_segment(&b, 0);
    for (int32_t t = 0; t < model->n_trees; t++) {
        GBT_TRY_OR_DONE(add_tree(&b, t));
    }
    end_segment(&b, model->n_trees);
    find_walks(b.forest);
    GBT_TRY_OR_DONE(code_zeros(b.forest));
    *out = b.forest;
    b.forest = NULL;
done:
    close_builder(&b);
    gbt_forest_free(b.forest);
    return status;
}

void gbt_forest_free(gbt_forest *forest)
{
    if (!forest) {
        return;
    }
    gbt_cuts_release(forest->cuts);
    gbt_release(forest->tree);
    gbt_release(forest->segment);
    gbt_release(forest->node);
    gbt_release(forest->step);
    gbt_release(forest->member);
    gbt_release(forest->coding);
    gbt_release(forest->coded);
    gbt_release(forest->coded_of);
    gbt_release(forest->ladder);
    gbt_release(forest->threshold);
    gbt_release(forest->set);
    gbt_release(forest->value);
    gbt_release(forest->leaf_number);
    gbt_release(forest);
}
