/* Categorical candidates of one feature: one bin against the rest, or prefixes of the bins
 * sorted by gradient over hessian [Fisher58], as backend.h has them. The plan follows from sums
 * and row counts, of one node or over all nodes of a common search; the gains are those of one
 * node. Cost: a sort of at most 256 bins, then one gain a candidate. */
#include <math.h>
#include <string.h>

#include "gbt/backend/cpu/cpu_split.h"

/* What categories are sorted by. */
static double order_of(const gbt_backend *b, const gbt_sum *sum)
{
    const double den = (double)sum->hess * b->quant.hess_unit + b->config.cat_smooth;
    return den > 0.0 ? (double)sum->grad * b->quant.grad_unit / den : 0.0;
}

/* Insertion in ascending order of bins: equal ones keep the order of their bins. */
static void sort_bins(const gbt_backend *b, const gbt_cpu_unpacked *bins, const uint8_t *bin,
                      int32_t n, gbt_cpu_cat_plan *plan)
{
    double key[GBT_CPU_MAX_CODES];
    for (int32_t i = 0; i < n; i++) {
        if ((double)bins->rows[bin[i]] < b->config.cat_smooth) {
            continue;
        }
        const double own = order_of(b, &bins->sum[bin[i]]);
        int32_t at = plan->n_order++;
        for (; at > 0 && key[at - 1] > own; at--) {
            key[at] = key[at - 1];
            plan->order[at] = plan->order[at - 1];
        }
        key[at] = own;
        plan->order[at] = bin[i];
    }
}

/* Bin number i from the low or the high end. */
static int32_t bin_at(const gbt_cpu_cat_plan *plan, int32_t i, bool is_high)
{
    return plan->order[is_high ? plan->n_order - 1 - i : i];
}

/* Lengths of the prefixes that count; returns how many. */
static int32_t find_prefixes(const gbt_backend *b, const gbt_cpu_unpacked *bins, int64_t n_rows,
                             const gbt_cpu_cat_plan *plan, bool is_high, uint8_t *length)
{
    int32_t n = 0;
    int64_t left = 0;
    int64_t group = 0;
    for (int32_t i = 0; i < plan->n_order - 1 && i < b->config.max_cat_threshold; i++) {
        const int64_t rows = bins->rows[bin_at(plan, i, is_high)];
        left += rows;
        group += rows;
        if (group >= b->config.min_data_per_group &&
            n_rows - left >= b->config.min_data_per_group) {
            length[n++] = (uint8_t)(i + 1);
            group = 0;
        }
    }
    return n;
}

void gbt_cpu_cat_plan_make(const gbt_backend *b, const gbt_cpu_feature *feature,
                           const gbt_cpu_unpacked *bins, int64_t n_rows, gbt_cpu_cat_plan *plan)
{
    uint8_t bin[GBT_CPU_MAX_CODES];
    int32_t n = 0;
    for (int32_t i = 0; i <= feature->n_bins; i++) {
        if (bins->rows[i] > 0) {
            bin[n++] = (uint8_t)i;
        }
    }
    plan->n_order = 0;
    plan->n_low = 0;
    plan->n_high = 0;
    plan->is_one_hot = n <= b->config.max_cat_to_onehot;
    if (plan->is_one_hot) {
        memcpy(plan->order, bin, (size_t)n);
        plan->n_order = n;
        return;
    }
    sort_bins(b, bins, bin, n, plan);
    plan->n_low = find_prefixes(b, bins, n_rows, plan, false, plan->low);
    plan->n_high = find_prefixes(b, bins, n_rows, plan, true, plan->high);
}

int32_t gbt_cpu_cat_candidates(const gbt_cpu_cat_plan *plan)
{
    return plan->is_one_hot ? plan->n_order : plan->n_low + plan->n_high;
}

static double weigh_or_none(const gbt_cpu_view *view, gbt_sum left, int64_t rows,
                            double extra_lambda)
{
    double sides = 0.0;
    return gbt_cpu_weigh(view, left, rows, extra_lambda, &sides) ? sides : (double)-INFINITY;
}

/* Gains of the n prefixes from one end. */
static void weigh_prefixes(const gbt_cpu_cat_plan *plan, const gbt_cpu_view *view,
                           const gbt_cpu_unpacked *bins, bool is_high, double *gains)
{
    const int32_t n = is_high ? plan->n_high : plan->n_low;
    const uint8_t *length = is_high ? plan->high : plan->low;
    gbt_sum left = {0, 0};
    int64_t rows = 0;
    int32_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        for (; at < length[i]; at++) {
            const int32_t bin = bin_at(plan, at, is_high);
            left.grad += bins->sum[bin].grad;
            left.hess += bins->sum[bin].hess;
            rows += bins->rows[bin];
        }
        gains[i] = weigh_or_none(view, left, rows, view->backend->config.cat_l2);
    }
}

void gbt_cpu_cat_weigh(const gbt_cpu_cat_plan *plan, const gbt_cpu_view *view,
                       const gbt_cpu_unpacked *bins, double *gains)
{
    if (!plan->is_one_hot) {
        weigh_prefixes(plan, view, bins, false, gains);
        weigh_prefixes(plan, view, bins, true, gains + plan->n_low);
        return;
    }
    for (int32_t i = 0; i < plan->n_order; i++) {
        const int32_t bin = plan->order[i];
        gains[i] = weigh_or_none(view, bins->sum[bin], bins->rows[bin], 0.0);
    }
}

gbt_sum gbt_cpu_cat_choose(const gbt_cpu_cat_plan *plan, int32_t candidate,
                           const gbt_cpu_unpacked *bins, gbt_split *split)
{
    const bool is_high = !plan->is_one_hot && candidate >= plan->n_low;
    const int32_t first = plan->is_one_hot ? candidate : 0;
    const int32_t last = plan->is_one_hot ? candidate + 1
                         : is_high        ? plan->high[candidate - plan->n_low]
                                          : plan->low[candidate];
    gbt_sum left = {0, 0};
    split->categorical = plan->is_one_hot ? 1 : 2;
    for (int32_t i = first; i < last; i++) {
        const int32_t bin = bin_at(plan, i, is_high);
        left.grad += bins->sum[bin].grad;
        left.hess += bins->sum[bin].hess;
        split->left_set[bin >> 5] |= 1u << (bin & 31);
    }
    return left;
}
