/* One tree: its single block of memory, the compact coding in a model file, and the check of its
 * structure. Growing a tree is the trainer's job, walking it prediction's.
 *
 * Coding of a tree: counts are LEB128 (seven bits a byte, lowest first, the top bit says that more
 * follow); a numeric threshold is not stored, it is the upper end of its bin. About 18 bytes for an
 * inner node and 12 for a leaf; README.md describes every byte. Cost: linear in the nodes. */
#include "gbt/tree/tree.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"

enum { MOST_NODES = 2 * 65536 - 1, ALIGN = 64, FAULT_CHARS = 160 };

/* ---- Memory ---------------------------------------------------------------------------------- */

static size_t padded(int64_t count, size_t size)
{
    return ((size_t)count * size + ALIGN - 1) / ALIGN * ALIGN;
}

static void *take(char **at, int64_t count, size_t size)
{
    void *here = *at;
    *at += padded(count, size);
    return here;
}

gbt_status gbt_tree_create(int32_t n_nodes, int32_t n_sets, gbt_tree **out)
{
    *out = NULL;
    if (n_nodes < 1 || n_nodes > MOST_NODES || n_nodes % 2 == 0 || n_sets < 0 ||
        n_sets > n_nodes / 2) {
        return gbt_fail(
            GBT_ERR_ARGUMENT,
            "a tree cannot have %d nodes and %d category sets; nodes are odd, 1 to %d, and "
            "sets at most the inner nodes",
            n_nodes, n_sets, MOST_NODES);
    }
    const size_t bytes = padded(1, sizeof(gbt_tree)) + 8 * padded(n_nodes, sizeof(int32_t)) +
                         padded(n_nodes, sizeof(uint32_t)) + 2 * padded(n_nodes, sizeof(uint8_t)) +
                         padded((int64_t)n_sets * GBT_SET_WORDS, sizeof(uint32_t));
    char *at = gbt_alloc_zero((int64_t)bytes, 1);
    if (!at) {
        return GBT_ERR_MEMORY;
    }
    gbt_tree *tree = take(&at, 1, sizeof *tree);
    tree->n_nodes = n_nodes;
    tree->n_leaves = n_nodes / 2 + 1;
    tree->n_sets = n_sets;
    tree->feature = take(&at, n_nodes, sizeof *tree->feature);
    tree->left = take(&at, n_nodes, sizeof *tree->left);
    tree->right = take(&at, n_nodes, sizeof *tree->right);
    tree->set = take(&at, n_nodes, sizeof *tree->set);
    tree->threshold = take(&at, n_nodes, sizeof *tree->threshold);
    tree->value = take(&at, n_nodes, sizeof *tree->value);
    tree->gain = take(&at, n_nodes, sizeof *tree->gain);
    tree->cover = take(&at, n_nodes, sizeof *tree->cover);
    tree->rows = take(&at, n_nodes, sizeof *tree->rows);
    tree->bin = take(&at, n_nodes, sizeof *tree->bin);
    tree->flags = take(&at, n_nodes, sizeof *tree->flags);
    tree->sets = take(&at, (int64_t)n_sets * GBT_SET_WORDS, sizeof *tree->sets);
    *out = tree;
    return GBT_OK;
}

gbt_status gbt_tree_copy(const gbt_tree *tree, gbt_tree **out)
{
    GBT_TRY(gbt_tree_create(tree->n_nodes, tree->n_sets, out));
    /* The arrays lie one behind the other, from the features to the sets. */
    const char *end = (const char *)(tree->sets + (int64_t)tree->n_sets * GBT_SET_WORDS);
    memcpy((*out)->feature, tree->feature, (size_t)(end - (const char *)tree->feature));
    (*out)->n_leaves = tree->n_leaves;
    return GBT_OK;
}

void gbt_tree_free(gbt_tree *tree)
{
    gbt_release(tree);
}

/* ---- Check ----------------------------------------------------------------------------------- */

float gbt_tree_threshold(const gbt_cuts *cuts, int32_t feature, int32_t bin)
{
    return bin < cuts->n_bins[feature] - 1 ? cuts->upper[cuts->first[feature] + bin] : INFINITY;
}

static bool say(char fault[FAULT_CHARS], const char *format, ...) GBT_PRINTF(2, 3);

/* Writes the fault; always false, so that checks end in `return say(...)`. */
static bool say(char fault[FAULT_CHARS], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault, FAULT_CHARS, format, arguments);
    va_end(arguments);
    return false;
}

static bool split_is_sound(const gbt_tree *tree, const gbt_cuts *cuts, int32_t node, char *fault)
{
    const int32_t feature = tree->feature[node];
    if (feature < 0 || feature >= cuts->n_features) {
        return say(fault, "node %d: feature %d is not one of 0 .. %d", node, feature,
                   cuts->n_features - 1);
    }
    const uint8_t flags = tree->flags[node];
    if (flags & ~(GBT_NODE_CATEGORICAL | GBT_NODE_MISSING_LEFT)) {
        return say(fault, "node %d: unknown flags %u", node, (unsigned)flags);
    }
    if (((flags & GBT_NODE_CATEGORICAL) != 0) != (cuts->is_categorical[feature] != 0)) {
        return say(fault, "node %d: feature %d is %scategorical, the split is not", node, feature,
                   cuts->is_categorical[feature] ? "" : "not ");
    }
    if (flags & GBT_NODE_CATEGORICAL) {
        if (tree->set[node] < 0 || tree->set[node] >= tree->n_sets) {
            return say(fault, "node %d: category set %d is not one of 0 .. %d", node,
                       tree->set[node], tree->n_sets - 1);
        }
        return true;
    }
    if (tree->bin[node] >= cuts->n_bins[feature]) {
        return say(fault, "node %d: bin %d, but feature %d has %d bins", node, tree->bin[node],
                   feature, cuts->n_bins[feature]);
    }
    const float want = gbt_tree_threshold(cuts, feature, tree->bin[node]);
    if (!(tree->threshold[node] >= want && tree->threshold[node] <= want)) {
        return say(fault, "node %d: the threshold is not the upper end of bin %d of feature %d",
                   node, tree->bin[node], feature);
    }
    return true;
}

/* Children lie behind their parent and have one parent each. With n_nodes - 1 references from the
 * inner nodes that makes every node reachable exactly once. */
static bool child_is_sound(const gbt_tree *tree, int32_t node, int32_t child, uint8_t *seen,
                           char *fault)
{
    if (child <= node || child >= tree->n_nodes) {
        return say(fault, "node %d: child %d is not one of %d .. %d", node, child, node + 1,
                   tree->n_nodes - 1);
    }
    if (seen[child]) {
        return say(fault, "node %d has two parents", child);
    }
    seen[child] = 1;
    return true;
}

static bool node_is_sound(const gbt_tree *tree, const gbt_cuts *cuts, int32_t node, uint8_t *seen,
                          uint8_t *leaf_seen, char *fault)
{
    if (!isfinite(tree->value[node]) || !isfinite(tree->gain[node]) ||
        !isfinite(tree->cover[node])) {
        return say(fault, "node %d: value, gain or cover is not finite", node);
    }
    if (tree->feature[node] == -1) {
        const int32_t leaf = tree->left[node];
        if (leaf < 0 || leaf >= tree->n_leaves || tree->right[node] != -1) {
            return say(fault, "node %d: leaf number %d is not one of 0 .. %d", node, leaf,
                       tree->n_leaves - 1);
        }
        if (leaf_seen[leaf]) {
            return say(fault, "node %d: leaf number %d occurs twice", node, leaf);
        }
        leaf_seen[leaf] = 1;
        return true;
    }
    return split_is_sound(tree, cuts, node, fault) &&
           child_is_sound(tree, node, tree->left[node], seen, fault) &&
           child_is_sound(tree, node, tree->right[node], seen, fault);
}

/* GBT_ERR_FORMAT with the fault, or GBT_ERR_MEMORY. */
static gbt_status find_fault(const gbt_tree *tree, const gbt_cuts *cuts, char fault[FAULT_CHARS])
{
    if (tree->n_nodes < 1 || tree->n_nodes > MOST_NODES ||
        tree->n_nodes != 2 * tree->n_leaves - 1) {
        say(fault, "%d nodes do not make a tree of %d leaves", tree->n_nodes, tree->n_leaves);
        return GBT_ERR_FORMAT;
    }
    uint8_t *seen = gbt_alloc_zero((int64_t)tree->n_nodes + tree->n_leaves, 1);
    if (!seen) {
        return GBT_ERR_MEMORY;
    }
    bool sound = true;
    int32_t leaves = 0;
    for (int32_t node = 0; sound && node < tree->n_nodes; node++) {
        leaves += tree->feature[node] == -1;
        sound = node_is_sound(tree, cuts, node, seen, seen + tree->n_nodes, fault);
    }
    if (sound && leaves != tree->n_leaves) {
        sound = say(fault, "%d leaves instead of %d", leaves, tree->n_leaves);
    }
    gbt_release(seen);
    return sound ? GBT_OK : GBT_ERR_FORMAT;
}

gbt_status gbt_tree_check(const gbt_tree *tree, const gbt_cuts *cuts, int32_t number)
{
    char fault[FAULT_CHARS];
    const gbt_status status = find_fault(tree, cuts, fault);
    return status == GBT_ERR_FORMAT ? gbt_fail(status, "tree %d: %s", number, fault) : status;
}

/* ---- Coding ---------------------------------------------------------------------------------- */

static void write_count(gbt_writer *writer, uint32_t count)
{
    while (count >= 128) {
        gbt_write_u8(writer, (uint8_t)(count | 128));
        count >>= 7;
    }
    gbt_write_u8(writer, (uint8_t)count);
}

/* At most five bytes and 32 bits; a longer or padded form is refused, so that every count has one
 * coding. */
static uint32_t read_count(gbt_reader *reader)
{
    uint32_t count = 0;
    for (int shift = 0; shift <= 28; shift += 7) {
        const uint8_t byte = gbt_read_u8(reader);
        if ((shift == 28 && byte > 15) || (shift > 0 && byte == 0)) {
            break;
        }
        count |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) {
            return count;
        }
    }
    gbt_reader_fail(reader, "a count is badly coded");
    return 0;
}

void gbt_tree_write(gbt_writer *writer, const gbt_tree *tree)
{
    write_count(writer, (uint32_t)tree->n_nodes);
    write_count(writer, (uint32_t)tree->n_sets);
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        write_count(writer, (uint32_t)(tree->feature[node] + 1));
        if (tree->feature[node] < 0) {
            write_count(writer, (uint32_t)tree->left[node]);
        } else {
            write_count(writer, (uint32_t)(tree->left[node] - node));
            write_count(writer, (uint32_t)(tree->right[node] - node));
            gbt_write_u8(writer, tree->flags[node]);
            if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
                write_count(writer, (uint32_t)tree->set[node]);
            } else {
                gbt_write_u8(writer, tree->bin[node]);
            }
            gbt_write_f32(writer, tree->gain[node]);
        }
        gbt_write_f32(writer, tree->value[node]);
        gbt_write_f32(writer, tree->cover[node]);
        write_count(writer, tree->rows[node]);
    }
    gbt_write_u32s(writer, tree->sets, (int64_t)tree->n_sets * GBT_SET_WORDS);
}

static void read_split(gbt_reader *reader, const gbt_cuts *cuts, gbt_tree *tree, int32_t node)
{
    const uint32_t left = read_count(reader);
    const uint32_t right = read_count(reader);
    if (left > MOST_NODES || right > MOST_NODES) {
        gbt_reader_fail(reader, "node %d: a child lies outside the tree", node);
        return;
    }
    tree->left[node] = node + (int32_t)left;
    tree->right[node] = node + (int32_t)right;
    tree->flags[node] = gbt_read_u8(reader);
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        const uint32_t set = read_count(reader);
        tree->set[node] = set <= INT32_MAX ? (int32_t)set : INT32_MAX;
    } else {
        tree->set[node] = -1;
        tree->bin[node] = gbt_read_u8(reader);
        if (!cuts->is_categorical[tree->feature[node]]) { /* else the check refuses the node */
            tree->threshold[node] = gbt_tree_threshold(cuts, tree->feature[node], tree->bin[node]);
        }
    }
    tree->gain[node] = gbt_read_f32(reader);
}

static void read_node(gbt_reader *reader, const gbt_cuts *cuts, gbt_tree *tree, int32_t node)
{
    const uint32_t feature = read_count(reader);
    if (feature > (uint32_t)cuts->n_features) {
        gbt_reader_fail(reader, "node %d: feature %u, but there are %d", node, feature - 1,
                        cuts->n_features);
        return;
    }
    tree->feature[node] = (int32_t)feature - 1;
    if (feature == 0) {
        const uint32_t leaf = read_count(reader);
        tree->left[node] = leaf <= INT32_MAX ? (int32_t)leaf : INT32_MAX;
        tree->right[node] = -1;
        tree->set[node] = -1;
    } else {
        read_split(reader, cuts, tree, node);
    }
    tree->value[node] = gbt_read_f32(reader);
    tree->cover[node] = gbt_read_f32(reader);
    tree->rows[node] = read_count(reader);
}

gbt_status gbt_tree_read(gbt_reader *reader, const gbt_cuts *cuts, gbt_tree **out)
{
    *out = NULL;
    gbt_tree *tree = NULL;
    gbt_status status = GBT_OK;
    char fault[FAULT_CHARS];
    const uint32_t n_nodes = read_count(reader);
    const uint32_t n_sets = read_count(reader);
    GBT_TRY(reader->status);
    if (n_nodes % 2 == 0 || n_nodes > MOST_NODES || n_sets > n_nodes / 2 ||
        n_nodes > reader->size - reader->at) {
        return gbt_reader_fail(reader, "a tree of %u nodes and %u category sets", n_nodes, n_sets);
    }
    GBT_TRY(gbt_tree_create((int32_t)n_nodes, (int32_t)n_sets, &tree));
    for (int32_t node = 0; node < tree->n_nodes && reader->status == GBT_OK; node++) {
        read_node(reader, cuts, tree, node);
    }
    gbt_read_u32s(reader, tree->sets, (int64_t)tree->n_sets * GBT_SET_WORDS);
    GBT_TRY_OR_DONE(reader->status);
    status = find_fault(tree, cuts, fault);
    if (status == GBT_ERR_FORMAT) {
        gbt_reader_fail(reader, "%s", fault);
    }
    GBT_TRY_OR_DONE(status);
    *out = tree;
    tree = NULL;
done:
    gbt_tree_free(tree);
    return status;
}
