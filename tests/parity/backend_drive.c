/* Drives a backend through a training case; see backend_drive.h. Does not judge the answers: that
 * is done by comparing two traces. Cost: that of the backend. */
#include "tests/parity/backend_drive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"

typedef struct drive_node {
    int32_t parent, left, right; /* -1: none */
    gbt_sum sum;
    int64_t n_rows;
    double weight;
    gbt_split split;
    bool has_histogram, is_searched, is_refused;
} drive_node;

typedef struct drive {
    const gbt_backend_ops *ops;
    gbt_backend *backend;
    const backend_case *c;
    drive_trace *trace;
    dice d;
    int32_t round, output;
    gbt_root root;
    drive_node *node; /* [max_nodes] */
    int32_t n_nodes;
    int32_t *chosen;       /* [max_nodes] nodes of a batch */
    gbt_build *build;      /* [max_nodes] */
    gbt_search *search;    /* [max_nodes] */
    gbt_split *best;       /* [max_nodes] */
    gbt_apply *apply;      /* [max_nodes] */
    int64_t *left_rows;    /* [max_nodes] */
    uint32_t *node_set;    /* [max_nodes x n_words] */
    int32_t *place;        /* [max_nodes] tree node */
    int32_t *leaf_of_node; /* [max_nodes] */
    float *renewed;        /* [max_nodes] */
    uint32_t *tree_set;    /* [n_words] */
    uint32_t *rows;        /* [n_rows] */
    int32_t n_words;
    bool is_short; /* of memory */
} drive;

/* ---- Trace ----------------------------------------------------------------------------------- */

static drive_event *record(drive *r, drive_kind kind, int32_t node)
{
    drive_trace *t = r->trace;
    if (t->n_events == t->event_room) {
        const int64_t room = 2 * t->event_room + 256;
        drive_event *event = realloc(t->event, (size_t)room * sizeof *event);
        if (event == NULL) {
            r->is_short = true;
            return NULL;
        }
        t->event = event;
        t->event_room = room;
    }
    drive_event *e = &t->event[t->n_events++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->round = r->round;
    e->output = r->output;
    e->node = node;
    return e;
}

/* Room for n values behind an event of this kind; NULL when memory is short. */
static float *record_values(drive *r, drive_kind kind, int64_t n)
{
    drive_trace *t = r->trace;
    drive_event *e = record(r, kind, -1);
    if (t->n_values + n > t->value_room) {
        const int64_t room = 2 * t->value_room + n;
        float *value = realloc(t->value, (size_t)room * sizeof *value);
        if (value == NULL) {
            r->is_short = true;
            return NULL;
        }
        t->value = value;
        t->value_room = room;
    }
    if (e == NULL) {
        return NULL;
    }
    e->first = t->n_values;
    e->n = n;
    t->n_values += n;
    return t->value + e->first;
}

void drive_trace_close(drive_trace *t)
{
    free(t->event);
    free(t->value);
    memset(t, 0, sizeof *t);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static gbt_status short_of_memory(void)
{
    return gbt_fail(GBT_ERR_MEMORY, "the test is out of memory");
}

static double weight_of(const drive *r, gbt_sum sum, int64_t n_rows, double parent_weight)
{
    const gbt_side side = {(double)sum.grad * r->root.quant.grad_unit,
                           (double)sum.hess * r->root.quant.hess_unit, (double)n_rows};
    return gbt_leaf_weight(side, &r->c->config.regular, parent_weight);
}

static int32_t add_node(drive *r, int32_t parent, gbt_sum sum, int64_t n_rows)
{
    drive_node *node = &r->node[r->n_nodes];
    memset(node, 0, sizeof *node);
    node->parent = parent;
    node->left = node->right = -1;
    node->sum = sum;
    node->n_rows = n_rows;
    node->weight = weight_of(r, sum, n_rows, parent >= 0 ? r->node[parent].weight : 0.0);
    node->split.feature = -1;
    return r->n_nodes++;
}

/* At least one feature; a set with none of the tree's features is fine too. */
static void draw_features(drive *r, uint32_t *set, double rate)
{
    memset(set, 0, (size_t)r->n_words * sizeof *set);
    for (int32_t f = 0; f < r->c->cuts.n_features; f++) {
        if (dice_chance(&r->d, rate)) {
            set[f >> 5] |= 1u << (f & 31);
        }
    }
    const int64_t one = dice_below(&r->d, r->c->cuts.n_features);
    set[one >> 5] |= 1u << (one & 31);
}

static gbt_status begin_tree(drive *r)
{
    const backend_case *c = r->c;
    gbt_sample sample = {0};
    if (c->row_rate < 1.0) {
        sample.rows = r->rows;
        for (int64_t row = 0; row < c->data.n_rows; row++) {
            if (dice_chance(&r->d, c->row_rate) ||
                (row == c->data.n_rows - 1 && sample.n_rows == 0)) {
                r->rows[sample.n_rows++] = (uint32_t)row;
            }
        }
    } else {
        sample.n_rows = c->data.n_rows;
    }
    if (c->feature_rate < 1.0) {
        draw_features(r, r->tree_set, c->feature_rate);
        sample.features = r->tree_set;
    }
    memset(&r->root, 0, sizeof r->root);
    GBT_TRY(r->ops->begin_tree(r->backend, r->round, r->output, &sample, &r->root));
    drive_event *e = record(r, DRIVE_ROOT, 0);
    if (e == NULL) {
        return short_of_memory();
    }
    e->root = r->root;
    r->n_nodes = 0;
    add_node(r, -1, r->root.sum, r->root.n_rows);
    return GBT_OK;
}

/* Searches chosen[0 .. n). */
static gbt_status search_chosen(drive *r, int32_t n, bool is_common)
{
    const bool has_sets = r->c->node_feature_rate < 1.0;
    for (int32_t i = 0; i < n; i++) {
        const drive_node *node = &r->node[r->chosen[i]];
        uint32_t *set = r->node_set + (int64_t)(is_common ? 0 : i) * r->n_words;
        if (has_sets && (i == 0 || !is_common)) {
            draw_features(r, set, r->c->node_feature_rate);
        }
        r->search[i] = (gbt_search){.node = r->chosen[i],
                                    .features = has_sets ? set : NULL,
                                    .sum = node->sum,
                                    .n_rows = node->n_rows,
                                    .weight = node->weight};
        memset(&r->best[i], 0xab, sizeof r->best[i]);
    }
    GBT_TRY(r->ops->search(r->backend, r->search, n, is_common, r->best));
    for (int32_t i = 0; i < n; i++) {
        drive_event *e = record(r, DRIVE_SPLIT, r->chosen[i]);
        if (e == NULL) {
            return short_of_memory();
        }
        e->split = r->best[i];
        r->node[r->chosen[i]].split = r->best[i];
        r->node[r->chosen[i]].is_searched = true;
    }
    return GBT_OK;
}

/* Splits the rows of chosen[0 .. n), which have splits, and adds their children. */
static gbt_status split_chosen(drive *r, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        r->apply[i] = (gbt_apply){.node = r->chosen[i],
                                  .left = r->n_nodes + 2 * i,
                                  .right = r->n_nodes + 2 * i + 1,
                                  .split = &r->node[r->chosen[i]].split};
        r->left_rows[i] = -1;
    }
    GBT_TRY(r->ops->split_rows(r->backend, r->apply, n, r->left_rows));
    for (int32_t i = 0; i < n; i++) {
        const int32_t parent = r->chosen[i];
        drive_event *e = record(r, DRIVE_ROWS, parent);
        if (e == NULL) {
            return short_of_memory();
        }
        e->rows = r->left_rows[i];
        r->node[parent].left = add_node(r, parent, r->node[parent].split.left, r->left_rows[i]);
        r->node[parent].right = add_node(r, parent, r->node[parent].split.right,
                                         r->node[parent].n_rows - r->left_rows[i]);
    }
    return GBT_OK;
}

static void discard(drive *r, int32_t node)
{
    r->ops->discard(r->backend, node);
    r->node[node].has_histogram = false;
}

/* Builds the children of chosen[0 .. n): mostly both from the parent, now and then otherwise. */
static gbt_status build_children(drive *r, int32_t n, bool is_plain)
{
    int32_t n_builds = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t parent = r->chosen[i];
        const int32_t left = r->node[parent].left;
        const int32_t right = r->node[parent].right;
        const bool left_is_small = r->node[left].n_rows <= r->node[right].n_rows;
        gbt_build build = {parent, left_is_small ? left : right, left_is_small ? right : left};
        const double way = is_plain ? 1.0 : dice_unit(&r->d);
        if (way < 0.1) {
            discard(r, parent);
        }
        if (way < 0.05) {
            r->node[left].is_refused = r->node[right].is_refused = true;
            continue;
        }
        if (!r->node[parent].has_histogram) {
            build.parent = -1;
        }
        if (way > 0.1 && way < 0.15) {
            r->node[build.large].is_refused = true;
            build.large = -1;
        }
        r->node[parent].has_histogram = false;
        r->node[build.small].has_histogram = true;
        if (build.large >= 0) {
            r->node[build.large].has_histogram = true;
        }
        r->build[n_builds++] = build;
    }
    const int32_t half = is_plain || dice_chance(&r->d, 0.7) ? n_builds : n_builds / 2;
    GBT_TRY(r->ops->build(r->backend, r->build, half));
    return half < n_builds ? r->ops->build(r->backend, r->build + half, n_builds - half) : GBT_OK;
}

static void shuffle_chosen(drive *r, int32_t n)
{
    for (int32_t i = n - 1; i > 0; i--) {
        const int32_t j = (int32_t)dice_below(&r->d, i + 1);
        const int32_t node = r->chosen[i];
        r->chosen[i] = r->chosen[j];
        r->chosen[j] = node;
    }
}

/* Fills `chosen` with the nodes that wait for a search, or that can be split. */
static int32_t choose(drive *r, bool for_search)
{
    int32_t n = 0;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const drive_node *node = &r->node[i];
        if (node->is_refused || node->left >= 0) {
            continue;
        }
        if (for_search ? node->has_histogram && !node->is_searched : node->split.feature >= 0) {
            r->chosen[n++] = i;
        }
    }
    shuffle_chosen(r, n);
    return n;
}

static gbt_status grow_randomly(drive *r)
{
    for (;;) {
        int32_t n_open = choose(r, false);
        if (n_open == 0 || dice_chance(&r->d, 0.7)) {
            const int32_t n = choose(r, true);
            if (n > 0) {
                GBT_TRY(search_chosen(r, n, false));
            }
            n_open = choose(r, false);
        }
        int32_t room = (r->c->config.max_nodes - r->n_nodes) / 2;
        if (n_open == 0 || room == 0) {
            return GBT_OK;
        }
        if (dice_chance(&r->d, 0.1)) {
            discard(r, r->chosen[0]);
        } else if (dice_chance(&r->d, 0.1) && r->node[r->chosen[0]].has_histogram) {
            GBT_TRY(search_chosen(r, 1, false)); /* again; its features are drawn again too */
            continue;
        }
        const int32_t most = 1 + (int32_t)dice_below(&r->d, 6);
        room = room < most ? room : most;
        const int32_t n = n_open < room ? n_open : room;
        GBT_TRY(split_chosen(r, n));
        GBT_TRY(build_children(r, n, false));
    }
}

/* Levels of common splits. */
static gbt_status grow_symmetric(drive *r)
{
    int32_t first = 0; /* nodes of the level: first .. n_nodes - 1 */
    for (int32_t depth = 0; depth < 6; depth++) {
        int32_t n = 0;
        const int32_t last = r->n_nodes;
        for (int32_t i = first; i < last; i++) {
            r->chosen[n++] = i;
        }
        if (n == 0) {
            return GBT_OK;
        }
        GBT_TRY(search_chosen(r, n, true));
        n = 0;
        for (int32_t i = first; i < last; i++) {
            if (r->node[i].split.feature >= 0) {
                r->chosen[n++] = i;
            } else {
                discard(r, i);
            }
        }
        if (n == 0 || r->n_nodes + 2 * n > r->c->config.max_nodes) {
            return GBT_OK;
        }
        GBT_TRY(split_chosen(r, n));
        GBT_TRY(build_children(r, n, true));
        first = last;
    }
    return GBT_OK;
}

/* ---- The finished tree ----------------------------------------------------------------------- */

static void put_split(gbt_tree *tree, int32_t at, const gbt_split *split, int32_t *n_sets)
{
    tree->feature[at] = split->feature;
    tree->bin[at] = split->bin;
    tree->set[at] = -1;
    if (split->categorical) {
        tree->flags[at] = GBT_NODE_CATEGORICAL;
        tree->set[at] = *n_sets;
        memcpy(tree->sets + (int64_t)*n_sets * GBT_SET_WORDS, split->left_set,
               sizeof split->left_set);
        *n_sets += 1;
    } else if (split->missing_left) {
        tree->flags[at] = GBT_NODE_MISSING_LEFT;
    }
}

/* Decides which nodes the tree keeps (now and then not all that were split) and fills place and
 * leaf_of_node. Returns the number of tree nodes. */
static int32_t place_nodes(drive *r, bool *is_inner, int32_t *n_leaves, int32_t *n_sets)
{
    int32_t n = 1;
    *n_leaves = 0;
    *n_sets = 0;
    r->place[0] = 0;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const drive_node *node = &r->node[i];
        const bool is_kept = node->parent < 0 || is_inner[node->parent];
        is_inner[i] = is_kept && node->left >= 0 && !dice_chance(&r->d, 0.05);
        r->leaf_of_node[i] = -1;
        if (!is_kept) {
            r->place[i] = r->place[node->parent];
            r->leaf_of_node[i] = r->leaf_of_node[node->parent];
        } else if (is_inner[i]) {
            r->place[node->left] = n++;
            r->place[node->right] = n++;
            *n_sets += node->split.categorical != 0;
        } else {
            r->leaf_of_node[i] = (*n_leaves)++;
        }
    }
    return n;
}

static gbt_status renew_leaves(drive *r, gbt_tree *tree, int32_t n_leaves)
{
    GBT_TRY(r->ops->renew(r->backend, r->output, r->leaf_of_node, n_leaves, r->renewed));
    float *values = record_values(r, DRIVE_RENEWED, n_leaves);
    if (values == NULL) {
        return short_of_memory();
    }
    memcpy(values, r->renewed, (size_t)n_leaves * sizeof *values);
    for (int32_t at = 0; at < tree->n_nodes; at++) {
        if (tree->feature[at] < 0) {
            tree->value[at] = 0.3f * r->renewed[tree->left[at]];
        }
    }
    return GBT_OK;
}

static gbt_status end_tree(drive *r)
{
    gbt_status status = GBT_OK;
    gbt_tree *tree = NULL;
    int32_t n_leaves = 0;
    int32_t n_sets = 0;
    const int64_t n_scores = r->c->data.n_rows * r->c->objective.n_outputs;
    float *scores = NULL;
    bool *is_inner = calloc((size_t)r->n_nodes, sizeof *is_inner);
    if (is_inner == NULL) {
        return short_of_memory();
    }
    const int32_t n_nodes = place_nodes(r, is_inner, &n_leaves, &n_sets);
    GBT_TRY_OR_DONE(gbt_tree_create(n_nodes, n_sets, &tree));
    n_sets = 0;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const int32_t at = r->place[i];
        if (is_inner[i]) {
            put_split(tree, at, &r->node[i].split, &n_sets);
            tree->left[at] = r->place[r->node[i].left];
            tree->right[at] = r->place[r->node[i].right];
        } else if (r->node[i].parent < 0 || is_inner[r->node[i].parent]) {
            tree->feature[at] = tree->right[at] = tree->set[at] = -1;
            tree->left[at] = r->leaf_of_node[i];
            tree->value[at] = (float)(0.3 * r->node[i].weight);
        }
    }
    if (r->c->objective.renews_leaves) {
        GBT_TRY_OR_DONE(renew_leaves(r, tree, n_leaves));
    }
    GBT_TRY_OR_DONE(r->ops->end_tree(r->backend, r->output, tree, r->place));
    scores = record_values(r, DRIVE_SCORES, n_scores);
    GBT_TRY_OR_DONE(scores != NULL ? r->ops->scores(r->backend, scores) : short_of_memory());
done:
    gbt_tree_free(tree);
    free(is_inner);
    return status;
}

/* ---- The whole case -------------------------------------------------------------------------- */

static gbt_status drive_rounds(drive *r, const gbt_backend_config *config)
{
    const backend_case *c = r->c;
    GBT_TRY(r->ops->open(config, &c->data, &c->objective, c->target, c->weight, &r->backend));
    GBT_TRY(r->ops->set_scores(r->backend, c->scores));
    for (r->round = 0; r->round < 2; r->round++) {
        if (c->sets_gradients) {
            GBT_TRY(r->ops->set_gradients(r->backend, c->grad, c->hess));
        } else {
            GBT_TRY(r->ops->gradients(r->backend));
        }
        for (r->output = 0; r->output < c->objective.n_outputs; r->output++) {
            const gbt_build root = {-1, 0, -1};
            GBT_TRY(begin_tree(r));
            GBT_TRY(r->ops->build(r->backend, &root, 1));
            r->node[0].has_histogram = true;
            GBT_TRY(c->is_common ? grow_symmetric(r) : grow_randomly(r));
            GBT_TRY(end_tree(r));
        }
    }
    return GBT_OK;
}

static bool open_drive(drive *r)
{
    const size_t n = (size_t)r->c->config.max_nodes;
    r->n_words = (r->c->cuts.n_features + 31) / 32;
    r->node = calloc(n, sizeof *r->node);
    r->chosen = calloc(n, sizeof *r->chosen);
    r->build = calloc(n, sizeof *r->build);
    r->search = calloc(n, sizeof *r->search);
    r->best = calloc(n, sizeof *r->best);
    r->apply = calloc(n, sizeof *r->apply);
    r->left_rows = calloc(n, sizeof *r->left_rows);
    r->node_set = calloc(n * (size_t)r->n_words, sizeof *r->node_set);
    r->place = calloc(n, sizeof *r->place);
    r->leaf_of_node = calloc(n, sizeof *r->leaf_of_node);
    r->renewed = calloc(n, sizeof *r->renewed);
    r->tree_set = calloc((size_t)r->n_words, sizeof *r->tree_set);
    r->rows = calloc((size_t)r->c->data.n_rows, sizeof *r->rows);
    return r->node && r->chosen && r->build && r->search && r->best && r->apply && r->left_rows &&
           r->node_set && r->place && r->leaf_of_node && r->renewed && r->tree_set && r->rows;
}

static void close_drive(drive *r)
{
    if (r->backend != NULL) {
        r->ops->close(r->backend);
    }
    free(r->node);
    free(r->chosen);
    free(r->build);
    free(r->search);
    free(r->best);
    free(r->apply);
    free(r->left_rows);
    free(r->node_set);
    free(r->place);
    free(r->leaf_of_node);
    free(r->renewed);
    free(r->tree_set);
    free(r->rows);
}

bool drive_backend(const gbt_backend_ops *ops, const backend_case *c, int32_t threads,
                   int64_t histogram_bytes, drive_trace *out, char message[DRIVE_MESSAGE])
{
    drive r = {.ops = ops, .c = c, .trace = out, .d = {.seed = gbt_rng_mix(c->seed + 77)}};
    gbt_backend_config config = c->config;
    memset(out, 0, sizeof *out);
    config.threads = threads;
    config.histogram_bytes = histogram_bytes;
    const gbt_status status = open_drive(&r) ? drive_rounds(&r, &config) : short_of_memory();
    if (status != GBT_OK) {
        snprintf(message, DRIVE_MESSAGE, "%s fails in round %d, output %d: %s", ops->name,
                 (int)r.round, (int)r.output, gbt_last_error());
    }
    close_drive(&r);
    return status == GBT_OK;
}

/* ---- Comparison ------------------------------------------------------------------------------ */

static bool same_bits(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static bool split_equal(const gbt_split *a, const gbt_split *b)
{
    return a->feature == b->feature && a->bin == b->bin && a->categorical == b->categorical &&
           a->missing_left == b->missing_left &&
           same_bits(a->left_set, b->left_set, sizeof a->left_set) &&
           same_bits(&a->gain, &b->gain, sizeof a->gain) &&
           same_bits(&a->left, &b->left, sizeof a->left) &&
           same_bits(&a->right, &b->right, sizeof a->right);
}

static bool root_equal(const gbt_root *a, const gbt_root *b)
{
    const gbt_quant *p = &a->quant;
    const gbt_quant *q = &b->quant;
    return same_bits(&a->sum, &b->sum, sizeof a->sum) && a->n_rows == b->n_rows &&
           p->grad_unit == q->grad_unit && p->hess_unit == q->hess_unit &&
           p->grad_scale == q->grad_scale && p->hess_scale == q->hess_scale &&
           p->grad_most == q->grad_most && p->hess_most == q->hess_most && p->key == q->key &&
           p->is_wide == q->is_wide && p->rounds_to_nearest == q->rounds_to_nearest;
}

static int print_split(char *out, size_t room, const char *who, const gbt_split *s)
{
    return snprintf(
        out, room,
        "\n  %s: feature %d bin %d categorical %d missing_left %d set %08x %08x %08x %08x "
        "%08x %08x %08x %08x gain %.17g left %" PRId64 " %" PRId64 " right %" PRId64 " %" PRId64,
        who, (int)s->feature, s->bin, s->categorical, s->missing_left, s->left_set[7],
        s->left_set[6], s->left_set[5], s->left_set[4], s->left_set[3], s->left_set[2],
        s->left_set[1], s->left_set[0], s->gain, s->left.grad, s->left.hess, s->right.grad,
        s->right.hess);
}

static int print_root(char *out, size_t room, const char *who, const gbt_root *root)
{
    return snprintf(out, room,
                    "\n  %s: sum %" PRId64 " %" PRId64 " rows %" PRId64
                    " units %g %g key %u wide %d",
                    who, root->sum.grad, root->sum.hess, root->n_rows, root->quant.grad_unit,
                    root->quant.hess_unit, (unsigned)root->quant.key, (int)root->quant.is_wide);
}

/* Describes how the values of two events differ, if they do. */
static bool values_equal(const drive_trace *want, const drive_trace *got, const drive_event *a,
                         const drive_event *b, char *out, size_t room)
{
    if (a->n != b->n) {
        snprintf(out, room, "%" PRId64 " values, wanted %" PRId64, b->n, a->n);
        return false;
    }
    for (int64_t i = 0; i < a->n; i++) {
        const float *x = &want->value[a->first + i];
        const float *y = &got->value[b->first + i];
        if (!same_bits(x, y, sizeof *x)) {
            snprintf(out, room, "value %" PRId64 " is %.9g, wanted %.9g", i, (double)*y,
                     (double)*x);
            return false;
        }
    }
    return true;
}

static bool event_equal(const drive_trace *want, const drive_trace *got, int64_t i, char *out,
                        size_t room)
{
    static const char *const names[] = {"root", "split", "rows", "renewed leaves", "scores"};
    const drive_event *a = &want->event[i];
    const drive_event *b = &got->event[i];
    int at = snprintf(out, room, "round %d, output %d, node %d, %s: ", (int)a->round,
                      (int)a->output, (int)a->node, names[a->kind]);
    out += at;
    room -= (size_t)at;
    if (a->kind != b->kind || a->round != b->round || a->output != b->output ||
        a->node != b->node) {
        snprintf(out, room, "comes to node %d, %s instead", (int)b->node, names[b->kind]);
        return false;
    }
    switch (a->kind) {
    case DRIVE_ROOT:
        at = print_root(out, room, "want", &a->root);
        print_root(out + at, room - (size_t)at, "got ", &b->root);
        return root_equal(&a->root, &b->root);
    case DRIVE_SPLIT:
        at = print_split(out, room, "want", &a->split);
        print_split(out + at, room - (size_t)at, "got ", &b->split);
        return split_equal(&a->split, &b->split);
    case DRIVE_ROWS:
        snprintf(out, room, "%" PRId64 " rows to the left, wanted %" PRId64, b->rows, a->rows);
        return a->rows == b->rows;
    case DRIVE_RENEWED:
    case DRIVE_SCORES:
        break;
    }
    return values_equal(want, got, a, b, out, room);
}

bool drive_trace_equal(const drive_trace *want, const drive_trace *got, char message[DRIVE_MESSAGE])
{
    const int64_t n = want->n_events < got->n_events ? want->n_events : got->n_events;
    for (int64_t i = 0; i < n; i++) {
        if (!event_equal(want, got, i, message, DRIVE_MESSAGE)) {
            return false;
        }
    }
    if (want->n_events != got->n_events) {
        snprintf(message, DRIVE_MESSAGE, "%" PRId64 " answers, wanted %" PRId64, got->n_events,
                 want->n_events);
        return false;
    }
    return true;
}

bool drive_against_ref(const gbt_backend_ops *ops, const backend_case *c,
                       char message[DRIVE_MESSAGE])
{
    static const struct {
        int32_t threads;
        int64_t histogram_bytes;
    } ways[] = {{1, (int64_t)1 << 30}, {2, 1}, {3, 1 << 16}, {8, (int64_t)1 << 30}};
    drive_trace want, got;
    char why[DRIVE_MESSAGE / 2];
    char what[DRIVE_MESSAGE];
    const char *fault = backend_case_fault(c);
    backend_case_describe(c, why, sizeof why);
    if (fault != NULL) {
        snprintf(message, DRIVE_MESSAGE, "%s: the case is wrong: %s", why, fault);
        return false;
    }
    bool is_equal = drive_backend(&gbt_backend_ref, c, 1, 1, &want, what);
    if (!is_equal) {
        snprintf(message, DRIVE_MESSAGE, "%s: %.900s", why, what);
    }
    for (size_t i = 0; is_equal && i < sizeof ways / sizeof ways[0]; i++) {
        is_equal = drive_backend(ops, c, ways[i].threads, ways[i].histogram_bytes, &got, what) &&
                   drive_trace_equal(&want, &got, what);
        if (!is_equal) {
            snprintf(message, DRIVE_MESSAGE, "%s: %s, %d threads, %lld histogram bytes: %.900s",
                     why, ops->name, (int)ways[i].threads, (long long)ways[i].histogram_bytes,
                     what);
        }
        drive_trace_close(&got);
    }
    drive_trace_close(&want);
    return is_equal;
}
