/* One split for all nodes of a symmetric tree's level: the candidate with the largest total gain.
 * The histograms are summed over the nodes, which says what candidates there are; then a block for
 * each feature weighs them node after node, so that totals are added in the order of the nodes;
 * then the winner is weighed once more in each node.
 *
 * When the pool cannot hold all nodes at the same time they come in groups, each pass over all of
 * them. Cost: nodes x features x bins gains. */
#include "cuda/search.cuh"

enum { CHOOSE_THREADS = 256 };

/* Totals over the nodes of the search, and what it may split on. */
struct common_nodes {
    gbt_sum sum;
    int64_t n_rows;
    int32_t histogram;
    const uint32_t *set; /* device, or NULL */
};

/* ---- Kernels --------------------------------------------------------------------------------- */

/* Blocks: features [first_feature, ..). totals [blocks x 2 GBT_CUDA_CODES] go from group to group;
 * after the last one best_of [n_features] has the best candidate of each. */
GBT_KERNEL weigh_nodes(gbt_cuda_view view, common_nodes all, const gbt_cuda_task *tasks, int32_t n,
                       int32_t first_feature, bool is_first, bool is_last, double *totals,
                       gbt_cuda_best *best_of)
{
    GBT_SHARED(search_room, room);
    const int32_t f = first_feature + static_cast<int32_t>(gbt_block());
    const gbt_cuda_feature feature = view.feature[f];
    const int32_t i = static_cast<int32_t>(gbt_thread());
    double *stored = totals + static_cast<int64_t>(gbt_block()) * 2 * GBT_CUDA_CODES + i;
    gbt_cuda_best own = {0.0, INT32_MAX, f};
    if (!is_allowed(all.set, feature.feature)) {
        if (i == 0) {
            best_of[f] = own;
        }
        return;
    }
    load_bins(view, feature, all.histogram, all.sum, all.n_rows, room);
    const search_plan plan = make_plan(view, feature, all.sum.hess, all.n_rows, room);
    gbt_barrier(); /* the bins of all nodes have been read */
    double total[2] = {is_first ? 0.0 : stored[0], is_first ? 0.0 : stored[GBT_CUDA_CODES]};
    for (int32_t t = 0; t < n; t++) {
        const gbt_cuda_task task = tasks[t];
        const search_node node = node_of(view, task);
        gbt_cuda_cell left[2];
        load_bins(view, feature, task.histogram, task.sum, task.n_rows, room);
        left_sides(feature, plan, false, room, left);
        GBT_UNROLL
        for (int32_t d = 0; d < 2; d++) {
            double sides = 0.0;
            if (plan.is_open[d] && weigh(view, node, plan.kind, left[d], &sides)) {
                total[d] += sides - node.gain;
            }
        }
        gbt_barrier();
    }
    GBT_UNROLL
    for (int32_t d = 0; d < 2; d++) {
        const gbt_cuda_best candidate = {total[d], order_of_candidate(plan.kind, i, d), f};
        stored[d * GBT_CUDA_CODES] = total[d];
        own = total[d] > 0.0 && gbt_is_better(candidate, own) ? candidate : own;
    }
    own = block_best(room->warp_best, own);
    if (is_last && i == 0) {
        best_of[f] = own;
    }
}

/* best_of [n_features]: the best of them; ties by feature. */
GBT_KERNEL choose_common(const gbt_cuda_best *best_of, int32_t n_features, gbt_cuda_best *winner)
{
    GBT_SHARED(gbt_cuda_best, warp_best);
    gbt_cuda_best own = {0.0, INT32_MAX, 0};
    for (int32_t f = static_cast<int32_t>(gbt_thread()); f < n_features;
         f += static_cast<int32_t>(gbt_threads())) {
        if (best_of[f].at != INT32_MAX) {
            const gbt_cuda_best candidate = {best_of[f].value, f, f};
            own = gbt_is_better(candidate, own) ? candidate : own;
        }
    }
    own = block_best(warp_best, own);
    if (gbt_thread() == 0) {
        winner->value = own.value;
        winner->feature = own.feature;
        winner->at = own.at == INT32_MAX ? INT32_MAX : best_of[own.feature].at;
    }
}

/* Blocks: one for each task. */
GBT_KERNEL write_common(gbt_cuda_view view, common_nodes all, const gbt_cuda_task *tasks,
                        const gbt_cuda_best *winner, gbt_split *best)
{
    GBT_SHARED(search_room, room);
    const gbt_cuda_task task = tasks[gbt_block()];
    const gbt_cuda_best chosen = *winner;
    gbt_split *out = &best[gbt_block()];
    if (gbt_thread() == 0) {
        write_no_split(out);
    }
    if (chosen.at == INT32_MAX) {
        return;
    }
    const gbt_cuda_feature feature = view.feature[chosen.feature];
    const search_node node = node_of(view, task);
    gbt_cuda_cell left[2];
    load_bins(view, feature, all.histogram, all.sum, all.n_rows, room);
    const search_plan plan = make_plan(view, feature, all.sum.hess, all.n_rows, room);
    gbt_barrier();
    load_bins(view, feature, task.histogram, task.sum, task.n_rows, room);
    left_sides(feature, plan, false, room, left);
    GBT_UNROLL
    for (int32_t d = 0; d < 2; d++) {
        double sides = 0.0;
        const int32_t i = static_cast<int32_t>(gbt_thread());
        if (order_of_candidate(plan.kind, i, d) == chosen.at && plan.is_open[d] &&
            weigh(view, node, plan.kind, left[d], &sides)) {
            write_split(feature, plan, d, node, left[d], sides - node.gain, room, out);
        }
    }
}

/* ---- Host ------------------------------------------------------------------------------------ */

/* What is done with a group of nodes whose histograms are there. */
typedef struct common_pass {
    gbt_backend *backend;
    common_nodes all;
    enum { ADD_UP, WEIGH, WRITE } step;
    int32_t first_feature; /* weigh: this and those behind it */
    gbt_split *best;       /* write */
} common_pass;

static gbt_status pass_group(const common_pass *pass, const gbt_search *task, int32_t n,
                             bool is_first, bool is_last)
{
    gbt_backend *b = pass->backend;
    const gbt_cuda_view view = gbt_cuda_view_of(b);
    gbt_cuda_task *device_task = NULL;
    uint32_t *device_sets = NULL;
    const void *answer = NULL;
    common_nodes all = pass->all;
    GBT_TRY(gbt_cuda_send_tasks(b, task, n, &device_task, &device_sets));
    all.set = device_sets; /* all tasks have the same */
    switch (pass->step) {
    case common_pass::ADD_UP:
        return gbt_cuda_add_up(b, device_task, n, is_first);
    case common_pass::WEIGH: {
        const int32_t rest = b->n_features - pass->first_feature;
        return GBT_LAUNCH(b->device, weigh_nodes,
                          rest < GBT_CUDA_COMMON_FEATURES ? rest : GBT_CUDA_COMMON_FEATURES,
                          b->search_threads, sizeof(search_room), view, all, device_task, n,
                          pass->first_feature, is_first, is_last, b->totals, b->best_of);
    }
    case common_pass::WRITE:
        break;
    }
    GBT_TRY(GBT_LAUNCH(b->device, write_common, n, b->search_threads, sizeof(search_room), view,
                       all, device_task, b->best_of + b->n_features, b->best));
    GBT_TRY(gbt_cuda_answer(b, b->best, n * static_cast<int64_t>(sizeof *pass->best), &answer));
    memcpy(pass->best, answer, static_cast<size_t>(n) * sizeof *pass->best);
    return GBT_OK;
}

/* All nodes, as many at a time as can have their histograms. */
static gbt_status pass_all(common_pass pass, const gbt_search *task, int32_t n)
{
    gbt_backend *b = pass.backend;
    for (int32_t first = 0; first < n;) {
        int32_t n_ready = n - first < b->most_tasks ? n - first : b->most_tasks;
        GBT_TRY(gbt_cuda_ready(b, task + first, n_ready, &n_ready));
        GBT_TRY(pass_group(&pass, task + first, n_ready, first == 0, first + n_ready == n));
        first += n_ready;
        if (pass.best != NULL) {
            pass.best += n_ready;
        }
    }
    return GBT_OK;
}

gbt_status gbt_cuda_search_common(gbt_backend *b, const gbt_search *task, int32_t n,
                                  gbt_split *best)
{
    common_pass pass = {b, {{0, 0}, 0, b->n_pool, NULL}, common_pass::ADD_UP, 0, NULL};
    for (int32_t t = 0; t < n; t++) {
        pass.all.sum.grad += task[t].sum.grad;
        pass.all.sum.hess += task[t].sum.hess;
        pass.all.n_rows += task[t].n_rows;
    }
    GBT_TRY(pass_all(pass, task, n));
    pass.step = common_pass::WEIGH;
    for (; pass.first_feature < b->n_features; pass.first_feature += GBT_CUDA_COMMON_FEATURES) {
        GBT_TRY(pass_all(pass, task, n));
    }
    GBT_TRY(GBT_LAUNCH(b->device, choose_common, 1, CHOOSE_THREADS,
                       CHOOSE_THREADS / GBT_WARP * sizeof(gbt_cuda_best), b->best_of, b->n_features,
                       b->best_of + b->n_features));
    pass.step = common_pass::WRITE;
    pass.best = best;
    return pass_all(pass, task, n);
}
