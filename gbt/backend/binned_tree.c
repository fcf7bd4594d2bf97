/* A tree over the codes of a bin matrix. In the mask form most numeric splits are one compare of a
 * code; the others (categories, features that share a column or send missing values left) are a set
 * of codes. Codes are less 128, as vector units compare signed bytes. */
#include "gbt/backend/binned_tree.h"

#include <stdalign.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/turn.h"

enum {
    LANES = 8, /* walks in flight: more would not fit into the registers */
    BLOCK = GBT_MOST_GROUPS * GBT_ROW_GROUP,
    HALF_SET = GBT_SET_WORDS / 2
};

gbt_status gbt_binned_tree_open(int32_t capacity, gbt_binned_tree *out)
{
    gbt_status status = GBT_OK;
    memset(out, 0, sizeof *out);
    out->capacity = capacity;
    GBT_TRY_OR_DONE(GBT_NEW(out->value, capacity));
    GBT_TRY_OR_DONE(GBT_NEW(out->set, (int64_t)capacity * GBT_SET_WORDS));
    GBT_TRY_OR_DONE(GBT_NEW(out->order, 2 * (int64_t)capacity));
    GBT_TRY_OR_DONE(GBT_NEW(out->node, capacity));
    return GBT_OK;
done:
    gbt_binned_tree_close(out);
    return status;
}

int64_t gbt_binned_tree_bytes(int32_t capacity)
{
    return (int64_t)sizeof(gbt_binned_tree) +
           capacity * (int64_t)(sizeof(float) + GBT_SET_WORDS * sizeof(uint32_t) +
                                2 * sizeof(int32_t) + sizeof(gbt_binned_node));
}

void gbt_binned_tree_close(gbt_binned_tree *binned)
{
    gbt_release(binned->value);
    gbt_release(binned->set);
    gbt_release(binned->order);
    gbt_release(binned->node);
    memset(binned, 0, sizeof *binned);
}

/* ---- Sets of codes --------------------------------------------------------------------------- */

static void put(uint32_t *set, int32_t code, bool is_in)
{
    const uint32_t bit = 1u << (code & 31);
    set[code >> 5] = is_in ? set[code >> 5] | bit : set[code >> 5] & ~bit;
}

/* Codes 0 .. last, and no others. */
static void put_first(uint32_t *set, int32_t last)
{
    for (int32_t word = 0; word < GBT_SET_WORDS; word++) {
        const int32_t n = last + 1 - 32 * word; /* of this word and behind it */
        set[word] = n >= 32 ? UINT32_MAX : n > 0 ? (1u << n) - 1 : 0;
    }
}

/* Which codes of its column a node sends left. */
static void list_left(const gbt_tree *tree, int32_t node, const gbt_bin_place *place,
                      int32_t n_bins, uint32_t *set)
{
    if (place->default_bin >= 0) { /* shared: all other codes are the default */
        const bool is_left = gbt_tree_goes_left(tree, node, place->default_bin, n_bins);
        memset(set, is_left ? 0xff : 0, GBT_SET_WORDS * sizeof *set);
        for (int32_t code = place->first; code < place->first + place->n_codes; code++) {
            put(set, code, gbt_tree_goes_left(tree, node, gbt_bin_of_code(place, code), n_bins));
        }
    } else if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        memcpy(set, tree->sets + (int64_t)tree->set[node] * GBT_SET_WORDS,
               GBT_SET_WORDS * sizeof *set);
    } else {
        put_first(set, tree->bin[node]);
        put(set, n_bins, gbt_tree_goes_left(tree, node, n_bins, n_bins));
    }
}

/* ---- The mask form --------------------------------------------------------------------------- */

/* Where a block of rows has the column. */
static int32_t slot_of(gbt_binned_tree *binned, int32_t column)
{
    const int32_t first = column / GBT_OCTET * GBT_OCTET;
    int32_t at = 0;
    while (at < binned->n_octets && binned->octet[at].first != first) {
        at++;
    }
    gbt_octet *octet = &binned->octet[at];
    if (at == binned->n_octets) {
        octet->first = first;
        memset(octet->slot, 0xff, sizeof octet->slot);
        binned->n_octets++;
    }
    int16_t *slot = &octet->slot[column - first];
    if (*slot < 0) {
        *slot = (int16_t)binned->n_slots++;
    }
    return *slot;
}

/* The split's column of a block: its codes, or the result of a look into a set of codes. */
static int32_t column_of(gbt_binned_tree *binned, const gbt_tree *tree, int32_t node,
                         const gbt_dataset *data)
{
    const int32_t feature = tree->feature[node];
    const gbt_bin_place *place = &data->bins.place[feature];
    const int32_t from = slot_of(binned, place->column);
    const bool is_compare =
        place->default_bin < 0 && !(tree->flags[node] & GBT_NODE_CATEGORICAL) &&
        !(data->bins.has_missing[feature] && (tree->flags[node] & GBT_NODE_MISSING_LEFT));
    if (is_compare) {
        return from;
    }
    const int32_t number = binned->n_members++;
    uint32_t left[GBT_SET_WORDS];
    uint32_t *set = binned->set + (int64_t)number * GBT_SET_WORDS;
    list_left(tree, node, place, data->cuts->n_bins[feature], left);
    memcpy(set, left + HALF_SET, HALF_SET * sizeof *set); /* by codes less 128 */
    memcpy(set + HALF_SET, left, HALF_SET * sizeof *set);
    binned->member[number] =
        (gbt_member_step){.from = (int16_t)from, .to = (int16_t)(-1 - number), .set = number};
    return -1 - number;
}

static void set_masks(gbt_binned_tree *binned, const gbt_tree *tree, const gbt_dataset *data)
{
    int32_t *leaves = binned->order, *place = binned->order + binned->capacity;
    int32_t n_steps = 0;
    binned->n_members = binned->n_octets = binned->n_slots = 0;
    gbt_tree_measure(tree, leaves, place);
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        if (tree->feature[node] < 0) {
            binned->value[place[node]] = tree->value[node];
            continue;
        }
        const int32_t column = column_of(binned, tree, node, data);
        binned->step[n_steps++] =
            (gbt_mask_step){.column = (int16_t)(column * GBT_ROW_GROUP),
                            .bin = (int8_t)(column < 0 ? 0 : tree->bin[node] + GBT_LEAST_CODE),
                            .place = (uint8_t)place[tree->right[node]],
                            .first = (uint16_t)place[node],
                            .last = (uint16_t)(place[node] + leaves[node])};
    }
}

typedef struct block {
    const gbt_predict_kernels *kernels;
    int32_t groups;
    const uint8_t *row[BLOCK];                  /* codes of each row */
    alignas(64) int8_t bytes[GBT_COLUMN_BYTES]; /* columns, those of sets first */
    alignas(64) uint8_t sets[(GBT_MASK_LEAVES + 1) * GBT_ROW_GROUP];
    alignas(64) uint8_t place[BLOCK];
} block;

/* Most groups of which all columns fit into a block. */
static int32_t most_groups(const gbt_binned_tree *binned)
{
    int32_t groups = GBT_MOST_GROUPS;
    while (groups > 1 &&
           groups * GBT_ROW_GROUP * (binned->n_slots + binned->n_members) > GBT_COLUMN_BYTES) {
        groups /= 2;
    }
    return groups;
}

/* The columns of an octet, 16 rows at a time. */
static void load_octet(block *b, const gbt_octet *octet, int8_t *columns)
{
    const int32_t n_rows = b->groups * GBT_ROW_GROUP;
    for (int32_t row = 0; row < n_rows; row += GBT_TURNED_ROWS) {
        gbt_sixteen_bytes column[GBT_OCTET];
        gbt_turn_rows(b->row + row, octet->first, column);
        for (int32_t i = 0; i < GBT_OCTET; i++) {
            if (octet->slot[i] >= 0) {
                column[i] ^= (uint8_t)GBT_LEAST_CODE;
                memcpy(columns + octet->slot[i] * n_rows + row, &column[i], sizeof column[i]);
            }
        }
    }
}

/* Places of the block's rows, leaves from the left. */
static void place_rows(const gbt_binned_tree *binned, block *b)
{
    const int32_t n_rows = b->groups * GBT_ROW_GROUP;
    int8_t *columns = b->bytes + binned->n_members * n_rows;
    for (int32_t i = 0; i < binned->n_octets; i++) {
        load_octet(b, &binned->octet[i], columns);
    }
    for (int32_t m = 0; m < binned->n_members; m++) {
        const gbt_member_step *member = &binned->member[m];
        b->kernels->member(binned->set + (int64_t)member->set * GBT_SET_WORDS,
                           columns + member->from * n_rows, b->groups,
                           columns + member->to * n_rows);
    }
    b->kernels->place(binned->step, binned->n_leaves, columns, b->groups, b->sets, b->place);
}

/* ---- Walking --------------------------------------------------------------------------------- */

static void set_walk(gbt_binned_tree *binned, const gbt_tree *tree, const gbt_dataset *data)
{
    int32_t n = 1;
    binned->order[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t from = binned->order[i];
        const int32_t feature = tree->feature[from];
        uint32_t *set = binned->set + (int64_t)i * GBT_SET_WORDS;
        binned->value[i] = tree->value[from];
        if (feature < 0) {
            binned->node[i] = (gbt_binned_node){.column = 0, .left = i};
            memset(set, 0xff, GBT_SET_WORDS * sizeof *set);
            continue;
        }
        const gbt_bin_place *place = &data->bins.place[feature];
        binned->node[i] = (gbt_binned_node){.column = place->column, .left = n};
        list_left(tree, from, place, data->cuts->n_bins[feature], set);
        binned->order[n++] = tree->left[from];
        binned->order[n++] = tree->right[from];
    }
}

static inline int32_t step(const gbt_binned_tree *binned, int32_t at, const uint8_t *row)
{
    const int32_t code = row[binned->node[at].column];
    const uint32_t word = binned->set[(int64_t)at * GBT_SET_WORDS + (code >> 5)];
    return binned->node[at].left + (int32_t)(~(word >> (code & 31)) & 1u);
}

/* Leaves of eight rows: no branch depends on a row. */
static void walk(const gbt_binned_tree *binned, const uint8_t *const row[LANES], int32_t at[LANES])
{
    int32_t moved;
    memset(at, 0, LANES * sizeof *at);
    do {
        moved = 0;
        for (int i = 0; i < LANES; i++) {
            const int32_t next = step(binned, at[i], row[i]);
            moved |= next ^ at[i];
            at[i] = next;
        }
    } while (moved != 0);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

void gbt_binned_tree_set(gbt_binned_tree *binned, const gbt_tree *tree, const gbt_dataset *data)
{
    binned->n_leaves = tree->n_leaves;
    if (tree->n_leaves <= GBT_MASK_LEAVES) {
        set_masks(binned, tree, data);
    } else {
        set_walk(binned, tree, data);
    }
}

/* Rows row[0 .. n - 1], or n rows from `first` on when it is NULL. */
typedef struct row_range {
    const uint32_t *row;
    int64_t first, n;
} row_range;

static inline int64_t row_of(const row_range *rows, int64_t i)
{
    return rows->row ? rows->row[i] : rows->first + i;
}

/* The codes of `room` rows from number `at` on, the first once more where there are fewer; returns
 * how many there are. */
static int32_t find_rows(const gbt_bins *bins, const row_range *rows, int64_t at, int32_t room,
                         const uint8_t **code)
{
    const int32_t n = rows->n - at < room ? (int32_t)(rows->n - at) : room;
    for (int32_t i = 0; i < room; i++) {
        code[i] = bins->base + row_of(rows, at + (i < n ? i : 0)) * bins->row_step;
    }
    return n;
}

static void add_masks(const gbt_binned_tree *binned, const gbt_bins *bins, const row_range *rows,
                      float *scores)
{
    block b;
    const int32_t most = most_groups(binned);
    b.kernels = gbt_predict_kernels_find(-1);
    for (int64_t at = 0; at < rows->n;) {
        b.groups = gbt_block_groups(most, rows->n - at);
        const int32_t n = find_rows(bins, rows, at, b.groups * GBT_ROW_GROUP, b.row);
        place_rows(binned, &b);
        for (int32_t i = 0; i < n; i++) {
            scores[row_of(rows, at + i)] += binned->value[b.place[i]];
        }
        at += n;
    }
}

static void add_walks(const gbt_binned_tree *binned, const gbt_bins *bins, const row_range *rows,
                      float *scores)
{
    for (int64_t at = 0; at < rows->n; at += LANES) {
        const uint8_t *code[LANES];
        int32_t leaf[LANES];
        const int32_t n = find_rows(bins, rows, at, LANES, code);
        walk(binned, code, leaf);
        for (int32_t i = 0; i < n; i++) {
            scores[row_of(rows, at + i)] += binned->value[leaf[i]];
        }
    }
}

static void add_range(const gbt_binned_tree *binned, const gbt_bins *bins, const row_range *rows,
                      float *scores)
{
    if (binned->n_leaves <= GBT_MASK_LEAVES) {
        add_masks(binned, bins, rows, scores);
    } else {
        add_walks(binned, bins, rows, scores);
    }
}

void gbt_binned_tree_add(const gbt_binned_tree *binned, const gbt_bins *bins, int64_t first,
                         int64_t last, float *scores)
{
    add_range(binned, bins, &(row_range){.first = first, .n = last - first}, scores);
}

void gbt_binned_tree_add_rows(const gbt_binned_tree *binned, const gbt_bins *bins,
                              const uint32_t *row, int32_t n, float *scores)
{
    add_range(binned, bins, &(row_range){.row = row, .n = n}, scores);
}
