/* The parts of a split search, for a block of threads on one feature: its bins of one histogram,
 * the candidates that there are (the plan), the left side of each, its gain. Thread i has the
 * candidates (i, 0) and (i, 1):
 *   numeric: bins up to i left, missing values right or left;
 *   one category against the rest: (i, 0) is bin i;
 *   sorted categories: the first i + 1 from the low end, or from the high end.
 * All threads of the block call each function together; the block has more threads than the feature
 * has value bins. What a candidate is and which wins: gbt/backend/backend.h. */
#ifndef GBT_CUDA_SEARCH_CUH
#define GBT_CUDA_SEARCH_CUH

#include "cuda/kernel.cuh"
#include "cuda/training.cuh"

typedef enum search_kind { SEARCH_NUMERIC, SEARCH_ONE_HOT, SEARCH_SORTED } search_kind;

/* Shared memory of the block. */
struct search_room {
    gbt_cuda_cell bin[GBT_CUDA_CODES];    /* value bins, then the missing one */
    gbt_cuda_cell prefix[GBT_CUDA_CODES]; /* of the sorted categories */
    double key[GBT_CUDA_CODES];
    gbt_cuda_cell warp_total[GBT_CUDA_CODES / GBT_WARP];
    gbt_cuda_best warp_best[GBT_CUDA_CODES / GBT_WARP];
    uint32_t warp_count[GBT_CUDA_CODES / GBT_WARP];
    uint8_t order[GBT_CUDA_CODES];     /* sorted categories */
    uint8_t is_kept[GBT_CUDA_CODES];   /* bin takes part in the order */
    uint8_t counts[2][GBT_CUDA_CODES]; /* the prefix of this length less one is a candidate */
};

/* One thread's share. */
struct search_plan {
    search_kind kind;
    int32_t n;          /* sorted categories */
    bool is_open[2];    /* candidate (i, d) exists */
    gbt_cuda_cell left; /* numeric: sums up to bin i where the plan was made */
};

/* One node under search. */
struct search_node {
    gbt_sum sum;
    int64_t n_rows;
    double weight;
    double gain, floor;
};

GBT_DEVICE void operator+=(gbt_cuda_cell &to, const gbt_cuda_cell &from)
{
    to.grad += from.grad;
    to.hess += from.hess;
    to.rows += from.rows;
}

GBT_DEVICE gbt_cuda_cell cell_minus(const gbt_cuda_cell &a, const gbt_cuda_cell &b)
{
    const gbt_cuda_cell less = {a.grad - b.grad, a.hess - b.hess, a.rows - b.rows};
    return less;
}

GBT_DEVICE bool gbt_is_better(const gbt_cuda_best &a, const gbt_cuda_best &b)
{
    return a.value > b.value || (a.value == b.value && a.at < b.at);
}

GBT_DEVICE double minus_infinity()
{
    return -gbt_f64_of_bits(0x7ff0000000000000ull);
}

#if defined(__CUDACC__)
GBT_DEVICE gbt_cuda_cell gbt_shuffle_up(const gbt_cuda_cell &own, uint32_t by)
{
    const gbt_cuda_cell other = {gbt_shuffle_up(own.grad, by), gbt_shuffle_up(own.hess, by),
                                 gbt_shuffle_up(own.rows, by)};
    return other;
}

GBT_DEVICE gbt_cuda_best gbt_shuffle_xor(const gbt_cuda_best &own, uint32_t mask)
{
    const gbt_cuda_best other = {gbt_shuffle_xor(own.value, mask), gbt_shuffle_xor(own.at, mask),
                                 gbt_shuffle_xor(own.feature, mask)};
    return other;
}
#endif

/* ---- Whole blocks ---------------------------------------------------------------------------- */

/* Inclusive prefix sum over the threads. */
GBT_DEVICE gbt_cuda_cell block_prefix(search_room *room, gbt_cuda_cell own)
{
    gbt_cuda_cell sum = gbt_warp_prefix(own);
    if (gbt_lane() == GBT_WARP - 1) {
        room->warp_total[gbt_thread() / GBT_WARP] = sum;
    }
    gbt_barrier();
    for (uint32_t warp = 0; warp < gbt_thread() / GBT_WARP; warp++) {
        sum += room->warp_total[warp];
    }
    gbt_barrier();
    return sum;
}

/* Number of threads with the flag. */
GBT_DEVICE int32_t block_count(search_room *room, bool flag)
{
    const uint32_t bits = gbt_ballot(flag);
    uint32_t n = 0;
    if (gbt_lane() == 0) {
        room->warp_count[gbt_thread() / GBT_WARP] = gbt_count_bits(bits);
    }
    gbt_barrier();
    for (uint32_t warp = 0; warp < gbt_threads() / GBT_WARP; warp++) {
        n += room->warp_count[warp];
    }
    gbt_barrier();
    return static_cast<int32_t>(n);
}

/* warp_best: one for each warp of the block, in shared memory. */
GBT_DEVICE gbt_cuda_best block_best(gbt_cuda_best *warp_best, gbt_cuda_best own)
{
    gbt_cuda_best best = gbt_warp_best(own);
    if (gbt_lane() == 0) {
        warp_best[gbt_thread() / GBT_WARP] = best;
    }
    gbt_barrier();
    for (uint32_t warp = 0; warp < gbt_threads() / GBT_WARP; warp++) {
        best = gbt_is_better(warp_best[warp], best) ? warp_best[warp] : best;
    }
    gbt_barrier();
    return best;
}

/* ---- Bins ------------------------------------------------------------------------------------ */

/* Code of a bin in its column; -1: it has none, being absent or the default of a shared column. */
GBT_DEVICE int32_t code_of_bin(const gbt_bin_place &place, int32_t bin)
{
    if (place.default_bin < 0) {
        return bin < place.n_codes ? bin : -1;
    }
    const int32_t at = bin < place.default_bin ? bin : bin - 1;
    return bin == place.default_bin || at >= place.n_codes ? -1 : place.first + at;
}

/* Fills room->bin from a histogram of which `sum` and n_rows are the totals. */
GBT_DEVICE void load_bins(const gbt_cuda_view &view, const gbt_cuda_feature &feature,
                          int32_t histogram, gbt_sum sum, int64_t n_rows, search_room *room)
{
    const int32_t bin = static_cast<int32_t>(gbt_thread());
    const int32_t code = bin <= feature.n_bins ? code_of_bin(feature.place, bin) : -1;
    gbt_cuda_cell own = {0, 0, 0};
    if (code >= 0) {
        const int64_t slot = static_cast<int64_t>(feature.slot) + code;
        const int64_t base = static_cast<int64_t>(histogram) * view.most_slots;
        own.grad = static_cast<int64_t>(view.sums[2 * base + slot]);
        own.hess = static_cast<int64_t>(view.sums[2 * base + view.most_slots + slot]);
        own.rows = view.equal_hess > 0 ? own.hess / view.equal_hess
                                       : static_cast<int64_t>(view.rows[base + slot]);
    }
    if (feature.place.default_bin >= 0) { /* the default bin is what all others leave */
        const gbt_cuda_cell others = block_prefix(room, own);
        if (gbt_thread() == gbt_threads() - 1) {
            room->prefix[0] = others;
        }
        gbt_barrier();
        if (bin == feature.place.default_bin) {
            const gbt_cuda_cell all = {sum.grad, sum.hess, n_rows};
            own = cell_minus(all, room->prefix[0]);
        }
    }
    room->bin[bin] = own;
    gbt_barrier();
}

/* ---- Plan ------------------------------------------------------------------------------------ */

GBT_DEVICE void plan_numeric(const gbt_cuda_feature &feature, int64_t all_hess, search_room *room,
                             search_plan *plan)
{
    const int32_t bin = static_cast<int32_t>(gbt_thread());
    const gbt_cuda_cell none = {0, 0, 0};
    const gbt_cuda_cell missing = room->bin[feature.n_bins];
    const bool has_missing = missing.grad != 0 || missing.hess != 0;
    plan->left = block_prefix(room, bin < feature.n_bins ? room->bin[bin] : none);
    const bool is_left_heavy = plan->left.hess >= all_hess - plan->left.hess;
    const bool exists = bin < feature.n_bins - (has_missing ? 0 : 1);
    plan->is_open[0] = exists && (has_missing || !is_left_heavy);
    plan->is_open[1] = exists && (has_missing || is_left_heavy);
}

/* What categories are sorted by. */
GBT_DEVICE double order_of(const gbt_cuda_view &view, const gbt_cuda_cell &cell)
{
    const double den = static_cast<double>(cell.hess) * view.hess_unit + view.cat_smooth;
    return den > 0.0 ? static_cast<double>(cell.grad) * view.grad_unit / den : 0.0;
}

/* Marks the prefixes from one end that are candidates: groups begin anew after each. One thread. */
GBT_DEVICE void mark_prefixes(const gbt_cuda_view &view, int64_t all_rows, int32_t n, int32_t end,
                              search_room *room)
{
    int64_t left = 0;
    int64_t group = 0;
    for (int32_t i = 0; i < n - 1 && i < view.max_cat_threshold; i++) {
        const int64_t rows = room->bin[room->order[end == 0 ? i : n - 1 - i]].rows;
        left += rows;
        group += rows;
        if (group >= view.min_data_per_group && all_rows - left >= view.min_data_per_group) {
            room->counts[end][i] = 1;
            group = 0;
        }
    }
}

GBT_DEVICE void plan_categorical(const gbt_cuda_view &view, const gbt_cuda_feature &feature,
                                 int64_t all_rows, search_room *room, search_plan *plan)
{
    const int32_t bin = static_cast<int32_t>(gbt_thread());
    const int64_t rows = bin <= feature.n_bins ? room->bin[bin].rows : 0;
    plan->is_open[0] = rows > 0;
    plan->is_open[1] = false;
    plan->kind = SEARCH_ONE_HOT;
    if (block_count(room, rows > 0) <= view.max_cat_to_onehot) {
        return;
    }
    const bool is_kept = rows > 0 && static_cast<double>(rows) >= view.cat_smooth;
    const double key = order_of(view, room->bin[bin]);
    plan->kind = SEARCH_SORTED;
    room->is_kept[bin] = is_kept;
    room->key[bin] = key;
    room->counts[0][bin] = room->counts[1][bin] = 0;
    plan->n = block_count(room, is_kept);
    if (is_kept) { /* place in the order: kept bins before this one */
        int32_t at = 0;
        for (int32_t other = 0; other <= feature.n_bins; other++) {
            at += room->is_kept[other] &&
                  (room->key[other] < key || (room->key[other] == key && other < bin));
        }
        room->order[at] = static_cast<uint8_t>(bin);
    }
    gbt_barrier();
    if (bin == 0 || bin == 1) {
        mark_prefixes(view, all_rows, plan->n, bin, room);
    }
    gbt_barrier();
    plan->is_open[0] = bin < plan->n - 1 && room->counts[0][bin];
    plan->is_open[1] = bin < plan->n - 1 && room->counts[1][bin];
}

/* From room->bin, the sums over all nodes of the search. */
GBT_DEVICE search_plan make_plan(const gbt_cuda_view &view, const gbt_cuda_feature &feature,
                                 int64_t all_hess, int64_t all_rows, search_room *room)
{
    search_plan plan = {SEARCH_NUMERIC, 0, {false, false}, {0, 0, 0}};
    if (feature.is_categorical) {
        plan_categorical(view, feature, all_rows, room, &plan);
    } else {
        plan_numeric(feature, all_hess, room, &plan);
    }
    return plan;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

/* Left sides of both candidates, from room->bin of a node; is_own: those that the plan was made
 * of. */
GBT_DEVICE void left_sides(const gbt_cuda_feature &feature, const search_plan &plan, bool is_own,
                           search_room *room, gbt_cuda_cell left[2])
{
    const int32_t i = static_cast<int32_t>(gbt_thread());
    const gbt_cuda_cell none = {0, 0, 0};
    if (plan.kind == SEARCH_NUMERIC) {
        left[0] = is_own ? plan.left : block_prefix(room, i < feature.n_bins ? room->bin[i] : none);
        left[1] = left[0];
        left[1] += room->bin[feature.n_bins];
    } else if (plan.kind == SEARCH_ONE_HOT) {
        left[0] = room->bin[i];
        left[1] = none;
    } else {
        left[0] = block_prefix(room, i < plan.n ? room->bin[room->order[i]] : none);
        room->prefix[i] = left[0];
        gbt_barrier();
        left[1] = i < plan.n - 1
                      ? cell_minus(room->prefix[plan.n - 1], room->prefix[plan.n - 2 - i])
                      : none;
        gbt_barrier();
    }
}

GBT_DEVICE gbt_side side_of(const gbt_cuda_view &view, int64_t grad, int64_t hess, int64_t rows)
{
    const gbt_side side = {static_cast<double>(grad) * view.grad_unit,
                           static_cast<double>(hess) * view.hess_unit, static_cast<double>(rows)};
    return side;
}

GBT_DEVICE search_node node_of(const gbt_cuda_view &view, const gbt_cuda_task &task)
{
    search_node node = {task.sum, task.n_rows, task.weight, 0.0, 0.0};
    node.gain = gbt_node_gain(side_of(view, task.sum.grad, task.sum.hess, task.n_rows),
                              &view.regular, task.weight);
    node.floor = gbt_gain_floor(node.gain, view.min_split_gain);
    return node;
}

/* Is a split that sends `left` to the left admissible? Then *sides is the gain of both sides. */
GBT_DEVICE bool weigh(const gbt_cuda_view &view, const search_node &node, search_kind kind,
                      const gbt_cuda_cell &left, double *sides)
{
    const int64_t right_rows = node.n_rows - left.rows;
    if (left.rows < view.min_child_samples || right_rows < view.min_child_samples) {
        return false;
    }
    const gbt_side l = side_of(view, left.grad, left.hess, left.rows);
    const gbt_side r =
        side_of(view, node.sum.grad - left.grad, node.sum.hess - left.hess, right_rows);
    gbt_regular regular = view.regular;
    regular.lambda += kind == SEARCH_SORTED ? view.cat_l2 : 0.0;
    if (!(l.hess >= view.min_child_weight && r.hess >= view.min_child_weight) ||
        !(l.hess + regular.lambda > 0.0 && r.hess + regular.lambda > 0.0)) {
        return false;
    }
    *sides = gbt_split_gain(l, r, &regular, node.weight);
    return *sides > node.floor;
}

/* Place of candidate (i, d) in the order of candidates. */
GBT_DEVICE int32_t order_of_candidate(search_kind kind, int32_t i, int32_t d)
{
    return kind == SEARCH_NUMERIC ? 2 * i + d : d * GBT_CUDA_CODES + i;
}

GBT_DEVICE void write_no_split(gbt_split *out)
{
    memset(out, 0, sizeof *out);
    out->feature = -1;
}

/* Candidate (i, d), this thread's. */
GBT_DEVICE void write_split(const gbt_cuda_feature &feature, const search_plan &plan, int32_t d,
                            const search_node &node, const gbt_cuda_cell &left, double gain,
                            const search_room *room, gbt_split *out)
{
    const int32_t i = static_cast<int32_t>(gbt_thread());
    memset(out, 0, sizeof *out);
    out->feature = feature.feature;
    out->gain = gain;
    out->left.grad = left.grad;
    out->left.hess = left.hess;
    out->right.grad = node.sum.grad - left.grad;
    out->right.hess = node.sum.hess - left.hess;
    if (plan.kind == SEARCH_NUMERIC) {
        out->bin = static_cast<uint8_t>(i);
        out->missing_left = static_cast<uint8_t>(d);
    } else if (plan.kind == SEARCH_ONE_HOT) {
        out->categorical = 1;
        out->left_set[i / 32] = 1u << (i % 32);
    } else {
        out->categorical = 2;
        for (int32_t k = 0; k <= i; k++) {
            const uint32_t bin = room->order[d == 0 ? k : plan.n - 1 - k];
            out->left_set[bin / 32] |= 1u << (bin % 32);
        }
    }
}

GBT_DEVICE bool is_allowed(const uint32_t *set, int32_t feature)
{
    return set == NULL || gbt_set_has(set, feature);
}

#endif
