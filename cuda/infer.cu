/* Prediction on a device: float32 rows through the trees of a model, with the bits of the CPU. A
 * thread takes a row and walks the trees in order, so a score grows by the same leaf values in the
 * same order as on the CPU. Rows lie in shared memory with a column for each thread, which then
 * always reads its own bank; whole trees are copied beside them, as many as fit. Rows too wide and
 * trees too large are read where they are.
 *
 * Two lanes, each a stream with buffers of its own, take blocks of rows in turn: while one
 * computes, the other is filled and emptied. Cost: bound by the copy of the rows, 4 bytes a
 * feature; a walk is about 12 instructions a level. Not for a handful of rows: the CPU has them
 * done before a kernel starts. */
#include "cuda/infer.cuh"

#include <mutex>
#include <new>

#include "cuda/kernel.cuh"

extern "C" {
#include "gbt/tree/forest.h"
}

#ifndef GBT_CUDA_INFER_ROWS /* tests have fewer */
#define GBT_CUDA_INFER_ROWS (1 << 18)
#endif

enum {
    N_LANES = 2,
    MOST_THREADS = 512,
    LEAST_THREADS = 128,
    BLOCKS_PER_PROCESSOR = 2,        /* that share its memory */
    LEAST_NODE_BYTES = 16 << 10,     /* of shared memory for trees; rows must leave them room */
    LANE_BYTES = 64 << 20,           /* of rows and results in a block of rows */
    MOST_ROWS = GBT_CUDA_INFER_ROWS, /* in a block of rows */
    NODE_LEAF = 1 << 26              /* in node.feature beside the bits of GBT_WALK_... */
};

/* A node of a tree, its number within the tree. A leaf: its value as threshold, its leaf number as
 * extra. */
struct alignas(16) tree_node {
    float threshold;
    uint32_t feature;
    int32_t left;  /* right = left + 1 */
    int32_t extra; /* categorical: its set */
};

/* On the device. */
struct forest_view {
    const tree_node *node;         /* [all nodes] tree by tree */
    const int32_t *first_node;     /* [n_trees + 1] */
    const uint32_t *set;           /* [sets x GBT_SET_WORDS] */
    const int64_t *category_first; /* [n_features + 1] */
    const uint8_t *category_bin;
    const int32_t *n_bins; /* [n_features] */
    int32_t n_features, n_outputs;
};

/* One launch. */
struct walk_plan {
    const float *x; /* [n x n_features] */
    int64_t n;
    int32_t first_tree, last_tree;
    int32_t node_room; /* nodes that fit into shared memory */
    float *raw;        /* [n x n_outputs], NULL: leaf numbers are wanted */
    int32_t *leaf;     /* [trees x n] */
};

/* ---- Kernels --------------------------------------------------------------------------------- */

GBT_DEVICE bool goes_right(const forest_view &forest, const tree_node &node, float value)
{
    if (node.feature & GBT_WALK_CATEGORICAL) {
        const int32_t feature = static_cast<int32_t>(node.feature & GBT_WALK_FEATURE);
        const int64_t first = forest.category_first[feature];
        const int32_t bin = gbt_category_bin_of(forest.category_bin + first,
                                                forest.category_first[feature + 1] - first,
                                                forest.n_bins[feature], value);
        return !gbt_set_has(forest.set + static_cast<int64_t>(node.extra) * GBT_SET_WORDS, bin);
    }
    /* Without branches: lanes of a warp go different ways. */
    const int32_t is_missing = value != value;
    const int32_t stays_right = (node.feature & GBT_WALK_MISSING_LEFT) == 0;
    return ((value > node.threshold) | (is_missing & stays_right)) != 0;
}

/* From the root of a tree to a leaf. Feature f of the row is at row[f * step]. */
GBT_DEVICE tree_node walk_tree(const forest_view &forest, const tree_node *tree, const float *row,
                               int32_t step)
{
    tree_node node = tree[0];
    while ((node.feature & NODE_LEAF) == 0) {
        const float value = row[static_cast<int64_t>(node.feature & GBT_WALK_FEATURE) * step];
        node = tree[node.left + (goes_right(forest, node, value) ? 1 : 0)];
    }
    return node;
}

/* The value or number of a leaf to where it goes; `sum` is the score of a model with one output. */
GBT_DEVICE void take_leaf(const forest_view &forest, const walk_plan &plan, int64_t row,
                          int32_t tree, const tree_node &node, float *sum)
{
    if (!plan.raw) {
        plan.leaf[static_cast<int64_t>(tree - plan.first_tree) * plan.n + row] = node.extra;
    } else if (forest.n_outputs == 1) {
        *sum += node.threshold;
    } else {
        plan.raw[row * forest.n_outputs + tree % forest.n_outputs] += node.threshold;
    }
}

/* Trees from `tree` on that fit into the shared memory for nodes; none: it is too large itself. */
GBT_DEVICE int32_t end_of_tile(const forest_view &forest, const walk_plan &plan, int32_t tree)
{
    int32_t end = tree;
    while (end < plan.last_tree &&
           forest.first_node[end + 1] - forest.first_node[tree] <= plan.node_room) {
        end++;
    }
    return end;
}

GBT_DEVICE void copy_nodes(const forest_view &forest, int32_t tree, int32_t end, tree_node *tile)
{
    const tree_node *from = forest.node + forest.first_node[tree];
    const int32_t n = forest.first_node[end] - forest.first_node[tree];
    gbt_barrier();
    for (int32_t i = static_cast<int32_t>(gbt_thread()); i < n;
         i += static_cast<int32_t>(gbt_threads())) {
        tile[i] = from[i];
    }
    gbt_barrier();
}

/* All trees of the plan for the row of this thread; threads beyond the last row help to copy. */
GBT_DEVICE void walk_row(const forest_view &forest, const walk_plan &plan, int64_t row,
                         const float *values, int32_t step, tree_node *tile)
{
    const bool is_row = row < plan.n;
    float sum = is_row && plan.raw && forest.n_outputs == 1 ? plan.raw[row] : 0.0f;
    for (int32_t t = plan.first_tree; t < plan.last_tree;) {
        const int32_t end = end_of_tile(forest, plan, t);
        if (end == t) {
            if (is_row) {
                const tree_node *tree = forest.node + forest.first_node[t];
                take_leaf(forest, plan, row, t, walk_tree(forest, tree, values, step), &sum);
            }
            t++;
            continue;
        }
        copy_nodes(forest, t, end, tile);
        const int32_t first = forest.first_node[t];
        for (; t < end; t++) {
            if (is_row) {
                const tree_node *tree = tile + (forest.first_node[t] - first);
                take_leaf(forest, plan, row, t, walk_tree(forest, tree, values, step), &sum);
            }
        }
    }
    if (is_row && plan.raw && forest.n_outputs == 1) {
        plan.raw[row] = sum;
    }
}

/* Rows in shared memory. */
GBT_KERNEL infer_narrow(forest_view forest, walk_plan plan)
{
    GBT_SHARED(float, column); /* [n_features x threads], then nodes */
    const int64_t row = gbt_grid_thread();
    const int32_t step = static_cast<int32_t>(gbt_threads());
    float *const own = column + gbt_thread();
    if (row < plan.n) {
        const float *x = plan.x + row * forest.n_features;
        for (int32_t f = 0; f < forest.n_features; f++) {
            own[f * step] = x[f];
        }
    }
    walk_row(forest, plan, row, own, step,
             reinterpret_cast<tree_node *>(column + forest.n_features * step));
}

/* Rows where they are. */
GBT_KERNEL infer_wide(forest_view forest, walk_plan plan)
{
    GBT_SHARED(tree_node, tile);
    const int64_t row = gbt_grid_thread();
    const float *x = plan.x + (row < plan.n ? row : 0) * forest.n_features;
    walk_row(forest, plan, row, x, 1, tile);
}

/* ---- The forest on the device ---------------------------------------------------------------- */

struct lane {
    gbt_device *device;
    float *x, *host_x;          /* [x_bytes] device, page-locked host */
    void *result, *host_result; /* [result_bytes] scores or leaf numbers */
    int64_t x_bytes, result_bytes;
    int64_t first, n; /* rows under way; n = 0: none */
};

struct gbt_device_forest {
    std::mutex mutex;
    lane lanes[N_LANES];
    forest_view view;
    void *block; /* device memory of the view */
};

/* Offsets in the block, each aligned to 256 bytes. */
struct layout {
    int64_t node, first_node, set, category_first, category_bin, n_bins, total;
};

static int64_t take(layout *at, int64_t bytes)
{
    const int64_t offset = at->total;
    at->total += (bytes + 255) / 256 * 256;
    return offset;
}

static int32_t nodes_before(const gbt_forest *forest, int32_t tree, int32_t n_nodes)
{
    return tree < forest->n_trees ? forest->tree[tree].root : n_nodes;
}

/* Nodes of all trees: the last tree's have no end in the forest but their leaves' number. */
static int32_t count_nodes(const gbt_forest *forest)
{
    if (forest->n_trees == 0) {
        return 0;
    }
    const gbt_forest_tree *last = &forest->tree[forest->n_trees - 1];
    return last->root + 2 * last->n_leaves - 1;
}

static int64_t count_sets(const gbt_forest *forest, int32_t n_nodes)
{
    int64_t n = 0;
    for (int32_t i = 0; i < n_nodes; i++) {
        const gbt_walk_node *node = &forest->node[i];
        if ((node->feature & GBT_WALK_CATEGORICAL) && node->extra + 1 > n) {
            n = node->extra + 1;
        }
    }
    return n;
}

static void fill_nodes(const gbt_forest *forest, int32_t n_nodes, tree_node *node,
                       int32_t *first_node)
{
    for (int32_t t = 0; t <= forest->n_trees; t++) {
        first_node[t] = nodes_before(forest, t, n_nodes);
    }
    for (int32_t t = 0; t < forest->n_trees; t++) {
        const int64_t values = forest->tree[t].value;
        for (int32_t i = first_node[t]; i < first_node[t + 1]; i++) {
            const gbt_walk_node *from = &forest->node[i];
            if (from->left == i) { /* a leaf leads to itself */
                node[i].threshold = forest->value[values + from->extra];
                node[i].feature = NODE_LEAF;
                node[i].left = 0;
                node[i].extra = forest->leaf_number[values + from->extra];
            } else {
                node[i].threshold = from->threshold;
                node[i].feature = from->feature;
                node[i].left = from->left - first_node[t];
                node[i].extra = from->extra;
            }
        }
    }
}

static void point_into(const layout &at, const unsigned char *block, forest_view *view)
{
    view->node = reinterpret_cast<const tree_node *>(block + at.node);
    view->first_node = reinterpret_cast<const int32_t *>(block + at.first_node);
    view->set = reinterpret_cast<const uint32_t *>(block + at.set);
    view->category_first = reinterpret_cast<const int64_t *>(block + at.category_first);
    view->category_bin = block + at.category_bin;
    view->n_bins = reinterpret_cast<const int32_t *>(block + at.n_bins);
}

static void copy_array(unsigned char *to, const void *from, int64_t bytes)
{
    if (bytes > 0) {
        memcpy(to, from, static_cast<size_t>(bytes));
    }
}

/* Puts the forest together on the host and sends it as one block. */
static gbt_status send_forest(const gbt_forest *forest, gbt_device_forest *out)
{
    const gbt_cuts *cuts = forest->cuts;
    const int32_t n_nodes = count_nodes(forest), n_features = forest->n_features;
    const int64_t set_bytes =
        count_sets(forest, n_nodes) * GBT_SET_WORDS * static_cast<int64_t>(sizeof(uint32_t));
    const int64_t first_bytes = (static_cast<int64_t>(n_features) + 1) * 8;
    const int64_t n_codes = cuts->category_first[n_features];
    layout at = {};
    unsigned char *host = NULL;
    at.node = take(&at, static_cast<int64_t>(n_nodes) * static_cast<int64_t>(sizeof(tree_node)));
    at.first_node = take(&at, (static_cast<int64_t>(forest->n_trees) + 1) * 4);
    at.set = take(&at, set_bytes);
    at.category_first = take(&at, first_bytes);
    at.category_bin = take(&at, n_codes);
    at.n_bins = take(&at, static_cast<int64_t>(n_features) * 4);
    GBT_TRY(gbt_host_new(&host, at.total));
    fill_nodes(forest, n_nodes, reinterpret_cast<tree_node *>(host + at.node),
               reinterpret_cast<int32_t *>(host + at.first_node));
    copy_array(host + at.set, forest->set, set_bytes);
    copy_array(host + at.category_first, cuts->category_first, first_bytes);
    copy_array(host + at.category_bin, cuts->category_bin, n_codes);
    copy_array(host + at.n_bins, cuts->n_bins, static_cast<int64_t>(n_features) * 4);
    out->view.n_features = n_features;
    out->view.n_outputs = forest->n_outputs;
    gbt_status status = gbt_device_new(out->lanes[0].device, at.total, &out->block);
    if (status == GBT_OK) {
        point_into(at, static_cast<const unsigned char *>(out->block), &out->view);
        status = gbt_device_send(out->lanes[0].device, out->block, host, at.total);
    }
    status = status == GBT_OK ? gbt_device_wait(out->lanes[0].device) : status;
    gbt_release(host);
    return status;
}

gbt_status gbt_infer_open(int32_t device, const gbt_forest *forest, gbt_device_forest **out)
{
    *out = NULL;
    void *memory = gbt_alloc_zero(1, sizeof(gbt_device_forest));
    if (!memory) {
        return GBT_ERR_MEMORY;
    }
    gbt_device_forest *handle = new (memory) gbt_device_forest();
    gbt_status status = GBT_OK;
    for (int i = 0; i < N_LANES && status == GBT_OK; i++) {
        status = gbt_device_open(device, &handle->lanes[i].device);
    }
    status = status == GBT_OK ? send_forest(forest, handle) : status;
    if (status != GBT_OK) {
        gbt_infer_close(handle);
        return status;
    }
    *out = handle;
    return GBT_OK;
}

static void close_lane(lane *l)
{
    if (l->device) {
        gbt_device_release(l->device, l->x);
        gbt_device_release(l->device, l->result);
        gbt_device_release_pinned(l->device, l->host_x);
        gbt_device_release_pinned(l->device, l->host_result);
        gbt_device_close(l->device);
    }
}

void gbt_infer_close(gbt_device_forest *forest)
{
    if (!forest) {
        return;
    }
    if (forest->lanes[0].device) {
        gbt_device_release(forest->lanes[0].device, forest->block);
    }
    for (int i = 0; i < N_LANES; i++) {
        close_lane(&forest->lanes[i]);
    }
    forest->~gbt_device_forest();
    gbt_release(forest);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Makes room on both sides; what was there is not kept. */
static gbt_status reserve(gbt_device *device, int64_t bytes, int64_t *held, void **on_device,
                          void **on_host)
{
    if (bytes <= *held) {
        return GBT_OK;
    }
    gbt_device_release(device, *on_device);
    gbt_device_release_pinned(device, *on_host);
    *on_device = *on_host = NULL;
    *held = 0;
    GBT_TRY(gbt_device_new(device, bytes, on_device));
    GBT_TRY(gbt_device_new_pinned(device, bytes, on_host));
    *held = bytes;
    return GBT_OK;
}

static gbt_status reserve_lane(lane *l, int64_t x_bytes, int64_t result_bytes)
{
    void *x = l->x, *host_x = l->host_x;
    const gbt_status status = reserve(l->device, x_bytes, &l->x_bytes, &x, &host_x);
    l->x = static_cast<float *>(x);
    l->host_x = static_cast<float *>(host_x);
    GBT_TRY(status);
    return reserve(l->device, result_bytes, &l->result_bytes, &l->result, &l->host_result);
}

/* Rows of a block: what memory allows, no more than there are. */
static int64_t rows_of_block(int64_t row_bytes, int64_t n_rows)
{
    int64_t rows = LANE_BYTES / (row_bytes > 0 ? row_bytes : 1);
    if (rows > MOST_ROWS) {
        rows = MOST_ROWS;
    }
    if (rows < GBT_WARP) {
        rows = GBT_WARP;
    }
    return rows < n_rows ? rows : n_rows;
}

/* Threads of a block: many rows share a copy of the trees, but every processor gets a block. */
static int32_t threads_of_block(const gbt_device *device, int64_t n, int64_t most_bytes,
                                int32_t n_features)
{
    int32_t threads = MOST_THREADS;
    while (threads > LEAST_THREADS &&
           (n < static_cast<int64_t>(threads) * device->n_processors ||
            4 * static_cast<int64_t>(n_features) * threads + LEAST_NODE_BYTES > most_bytes)) {
        threads /= 2;
    }
    return threads;
}

static gbt_status launch(lane *l, const forest_view &view, walk_plan plan)
{
    const int64_t most = l->device->most_shared_bytes / BLOCKS_PER_PROCESSOR / 1024 * 1024 - 1024;
    const int32_t threads = threads_of_block(l->device, plan.n, most, view.n_features);
    const int64_t column_bytes = 4 * static_cast<int64_t>(view.n_features) * threads;
    const bool is_narrow = column_bytes + LEAST_NODE_BYTES <= most;
    const int64_t node_bytes = (is_narrow ? most - column_bytes : most) /
                               static_cast<int64_t>(sizeof(tree_node)) *
                               static_cast<int64_t>(sizeof(tree_node));
    const int64_t blocks = (plan.n + threads - 1) / threads;
    plan.node_room = static_cast<int32_t>(node_bytes / static_cast<int64_t>(sizeof(tree_node)));
    if (is_narrow) {
        return GBT_LAUNCH(l->device, infer_narrow, blocks, threads, column_bytes + node_bytes, view,
                          plan);
    }
    return GBT_LAUNCH(l->device, infer_wide, blocks, threads, node_bytes, view, plan);
}

/* Rows to the device, trees, results to the host; all of it under way when this returns. */
static gbt_status start_block(const gbt_device_forest *forest, lane *l, const gbt_device_rows *rows,
                              int64_t x_bytes, int64_t result_bytes)
{
    const int32_t n_outputs = forest->view.n_outputs;
    walk_plan plan = {};
    plan.x = l->x;
    plan.n = l->n;
    plan.first_tree = rows->first * n_outputs;
    plan.last_tree = rows->last * n_outputs;
    plan.raw = rows->is_leaf ? NULL : static_cast<float *>(l->result);
    plan.leaf = rows->is_leaf ? static_cast<int32_t *>(l->result) : NULL;
    GBT_TRY(gbt_device_send(l->device, l->x, l->host_x, l->n * x_bytes));
    if (!rows->is_leaf) {
        GBT_TRY(gbt_device_send(l->device, l->result, l->host_result, l->n * result_bytes));
    }
    GBT_TRY(launch(l, forest->view, plan));
    return gbt_device_fetch(l->device, l->host_result, l->result, l->n * result_bytes);
}

/* Waits for the lane's block, if it has one, and hands its results over. */
static gbt_status end_block(lane *l, const gbt_device_rows *rows)
{
    if (l->n == 0) {
        return GBT_OK;
    }
    const int64_t n = l->n;
    l->n = 0;
    GBT_TRY(gbt_device_wait(l->device));
    rows->store(rows->context, l->first, n,
                rows->is_leaf ? NULL : static_cast<float *>(l->host_result),
                rows->is_leaf ? static_cast<const int32_t *>(l->host_result) : NULL);
    return GBT_OK;
}

static gbt_status run_blocks(gbt_device_forest *forest, const gbt_device_rows *rows)
{
    const int64_t width =
        rows->is_leaf ? static_cast<int64_t>(rows->last - rows->first) * forest->view.n_outputs
                      : forest->view.n_outputs;
    const int64_t x_bytes = 4 * static_cast<int64_t>(forest->view.n_features);
    const int64_t result_bytes = 4 * width;
    const int64_t block = rows_of_block(x_bytes + result_bytes, rows->n_rows);
    int turn = 0;
    for (int64_t row = 0; row < rows->n_rows; row += block, turn = (turn + 1) % N_LANES) {
        lane *l = &forest->lanes[turn];
        GBT_TRY(end_block(l, rows));
        GBT_TRY(reserve_lane(l, block * x_bytes, block * result_bytes));
        const int64_t n = rows->n_rows - row < block ? rows->n_rows - row : block;
        rows->fetch(rows->context, row, n, l->host_x,
                    rows->is_leaf ? NULL : static_cast<float *>(l->host_result));
        l->first = row;
        l->n = n;
        GBT_TRY(start_block(forest, l, rows, x_bytes, result_bytes));
    }
    for (int i = 0; i < N_LANES; i++) {
        GBT_TRY(end_block(&forest->lanes[(turn + i) % N_LANES], rows));
    }
    return GBT_OK;
}

/* After a failure no block stays under way: its rows and results are the caller's no more. */
gbt_status gbt_infer_run(gbt_device_forest *forest, const gbt_device_rows *rows)
{
    const std::lock_guard<std::mutex> guard(forest->mutex);
    const gbt_status status = run_blocks(forest, rows);
    for (int i = 0; i < N_LANES && status != GBT_OK; i++) {
        forest->lanes[i].n = 0;
    }
    return status;
}
