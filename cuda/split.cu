/* Split search of single nodes: a block for each feature of each node finds the feature's best
 * candidate, then a block for each node the best feature. The splits of a batch come back in one
 * copy.
 *
 * Cost: 16 or 20 bytes a bin; one gain for each candidate. */
#include "cuda/search.cuh"

enum { CHOOSE_THREADS = 64 };

/* ---- Kernels --------------------------------------------------------------------------------- */

/* found [tasks x n_features]; gain: of both sides. sets [tasks x n_words]. */
GBT_KERNEL search_features(gbt_cuda_view view, const gbt_cuda_task *tasks, const uint32_t *sets,
                           int32_t n_words, gbt_split *found)
{
    GBT_SHARED(search_room, room);
    const uint32_t n_features = static_cast<uint32_t>(view.n_features);
    const uint32_t t = gbt_block() / n_features;
    const gbt_cuda_task task = tasks[t];
    const gbt_cuda_feature feature = view.feature[gbt_block() % n_features];
    gbt_split *out = &found[gbt_block()];
    if (task.has_set && !is_allowed(sets + static_cast<int64_t>(t) * n_words, feature.feature)) {
        if (gbt_thread() == 0) {
            write_no_split(out);
        }
        return;
    }
    const int32_t i = static_cast<int32_t>(gbt_thread());
    const search_node node = node_of(view, task);
    load_bins(view, feature, task.histogram, task.sum, task.n_rows, room);
    const search_plan plan = make_plan(view, feature, task.sum.hess, task.n_rows, room);
    gbt_cuda_cell left[2];
    left_sides(feature, plan, true, room, left);
    gbt_cuda_best own = {minus_infinity(), INT32_MAX, 0};
    GBT_UNROLL
    for (int32_t d = 0; d < 2; d++) {
        double sides = 0.0;
        if (plan.is_open[d] && weigh(view, node, plan.kind, left[d], &sides)) {
            const gbt_cuda_best candidate = {sides, order_of_candidate(plan.kind, i, d), d};
            own = gbt_is_better(candidate, own) ? candidate : own;
        }
    }
    const gbt_cuda_best best = block_best(room->warp_best, own);
    if (best.at == INT32_MAX) {
        if (gbt_thread() == 0) {
            write_no_split(out);
        }
    } else if (own.at == best.at) {
        GBT_UNROLL
        for (int32_t d = 0; d < 2; d++) {
            if (d == own.feature) {
                write_split(feature, plan, d, node, left[d], best.value, room, out);
            }
        }
    }
}

/* Blocks: one for each task. */
GBT_KERNEL choose_features(gbt_cuda_view view, const gbt_cuda_task *tasks, const gbt_split *found,
                           gbt_split *best)
{
    GBT_SHARED(gbt_cuda_best, warp_best);
    const gbt_split *of_task = found + static_cast<int64_t>(gbt_block()) * view.n_features;
    gbt_cuda_best own = {minus_infinity(), INT32_MAX, 0};
    for (int32_t f = static_cast<int32_t>(gbt_thread()); f < view.n_features;
         f += static_cast<int32_t>(gbt_threads())) {
        if (of_task[f].feature >= 0) {
            const gbt_cuda_best candidate = {of_task[f].gain, f, 0};
            own = gbt_is_better(candidate, own) ? candidate : own;
        }
    }
    const gbt_cuda_best winner = block_best(warp_best, own);
    if (gbt_thread() != 0) {
        return;
    }
    if (winner.at == INT32_MAX) {
        write_no_split(&best[gbt_block()]);
        return;
    }
    gbt_split split = of_task[winner.at];
    split.gain -= node_of(view, tasks[gbt_block()]).gain;
    best[gbt_block()] = split;
}

/* ---- Host ------------------------------------------------------------------------------------ */

gbt_cuda_view gbt_cuda_view_of(const gbt_backend *b)
{
    const gbt_backend_config *c = &b->config;
    const bool is_equal = b->root_sums.hess_least == b->root_sums.hess_most;
    gbt_cuda_view view;
    memset(&view, 0, sizeof view);
    view.sums = b->sums;
    view.rows = b->slot_rows;
    view.feature = b->feature;
    view.n_features = b->n_features;
    view.most_slots = b->most_slots;
    view.equal_hess = is_equal ? b->root_sums.hess_most : 0;
    view.grad_unit = b->quant.grad_unit;
    view.hess_unit = b->quant.hess_unit;
    view.regular = c->regular;
    view.min_child_weight = c->min_child_weight;
    view.min_split_gain = c->min_split_gain;
    view.cat_smooth = c->cat_smooth;
    view.cat_l2 = c->cat_l2;
    view.min_child_samples = c->min_child_samples;
    view.min_data_per_group = c->min_data_per_group;
    view.max_cat_to_onehot = c->max_cat_to_onehot;
    view.max_cat_threshold = c->max_cat_threshold;
    return view;
}

gbt_status gbt_cuda_send_tasks(gbt_backend *b, const gbt_search *task, int32_t n,
                               gbt_cuda_task **device_task, uint32_t **device_sets)
{
    const int64_t n_words = (b->data->cuts->n_features + 31) / 32;
    bool has_sets = false;
    for (int32_t t = 0; t < n; t++) {
        has_sets = has_sets || task[t].features != NULL;
    }
    const int64_t task_bytes = n * static_cast<int64_t>(sizeof(gbt_cuda_task));
    const int64_t bytes = task_bytes + (has_sets ? n * n_words * 4 : 0);
    char *host = NULL;
    char *device = NULL;
    GBT_TRY(gbt_cuda_mail_of(b, bytes, &host, &device));
    gbt_cuda_task *to = reinterpret_cast<gbt_cuda_task *>(host);
    uint32_t *sets = reinterpret_cast<uint32_t *>(host + task_bytes);
    for (int32_t t = 0; t < n; t++) {
        to[t] = {task[t].sum, task[t].n_rows, task[t].weight, b->node[task[t].node].histogram,
                 task[t].features != NULL};
        if (task[t].features != NULL) {
            memcpy(sets + t * n_words, task[t].features, static_cast<size_t>(n_words) * 4);
        }
    }
    *device_task = reinterpret_cast<gbt_cuda_task *>(device);
    *device_sets = has_sets ? reinterpret_cast<uint32_t *>(device + task_bytes) : NULL;
    return gbt_cuda_send_mail(b, host, bytes);
}

/* Nodes that have their histograms at the same time. */
static gbt_status search_group(gbt_backend *b, const gbt_search *task, int32_t n, gbt_split *best)
{
    const gbt_cuda_view view = gbt_cuda_view_of(b);
    gbt_cuda_task *device_task = NULL;
    uint32_t *device_sets = NULL;
    const void *answer = NULL;
    GBT_TRY(gbt_cuda_send_tasks(b, task, n, &device_task, &device_sets));
    GBT_TRY(GBT_LAUNCH(b->device, search_features, static_cast<int64_t>(n) * b->n_features,
                       b->search_threads, sizeof(search_room), view, device_task, device_sets,
                       (b->data->cuts->n_features + 31) / 32, b->found));
    GBT_TRY(GBT_LAUNCH(b->device, choose_features, n, CHOOSE_THREADS,
                       CHOOSE_THREADS / GBT_WARP * sizeof(gbt_cuda_best), view, device_task,
                       b->found, b->best));
    GBT_TRY(gbt_cuda_answer(b, b->best, n * static_cast<int64_t>(sizeof *best), &answer));
    memcpy(best, answer, static_cast<size_t>(n) * sizeof *best);
    return GBT_OK;
}

gbt_status gbt_cuda_search(gbt_backend *b, const gbt_search *task, int32_t n, bool is_common,
                           gbt_split *best)
{
    if (is_common) {
        return n > 0 ? gbt_cuda_search_common(b, task, n, best) : GBT_OK;
    }
    for (int32_t first = 0; first < n;) {
        int32_t n_ready = n - first < b->most_tasks ? n - first : b->most_tasks;
        GBT_TRY(gbt_cuda_ready(b, task + first, n_ready, &n_ready));
        GBT_TRY(search_group(b, task + first, n_ready, best + first));
        first += n_ready;
    }
    return GBT_OK;
}
