/* The constant every model starts from: the minimiser of the weighted loss over constants.
 *
 * Means and frequencies are fixed-chunk sums; medians and quantiles are selected; huber and fair,
 * which have no closed form, take the root of their derivative. Whether to start from zero instead
 * (boost_from_average = false) is the caller's decision. Cost: one pass, about 30 for huber and
 * fair. */
#include "gbt/base/alloc.h"
#include "gbt/loss/objective.h"
#include "gbt/loss/row_sums.h"

/* Keeps means and frequencies inside the domain of log and logit (LightGBM's kEpsilon): a class
 * that never occurs starts at log(1e-15) = -34.5. */
static const double TINY = 1e-15;

typedef struct rows_view {
    const float *label, *weight;
    int64_t n;
    int threads;
    gbt_row_sum *partial; /* [gbt_row_sum_partials(n)] */
} rows_view;

/* ---- Means ----------------------------------------------------------------------------------- */

static double weight_of(const rows_view *rows, int64_t i)
{
    return rows->weight == NULL ? 1.0 : (double)rows->weight[i];
}

static gbt_row_sum label_sum(const void *context, int64_t first, int64_t last)
{
    const rows_view *rows = context;
    gbt_row_sum sum = {0.0, 0.0};
    for (int64_t i = first; i < last; i++) {
        double w = weight_of(rows, i);
        sum.value += w * (double)rows->label[i];
        sum.weight += w;
    }
    return sum;
}

static double mean_of(gbt_row_sum sum)
{
    return sum.weight > 0.0 ? sum.value / sum.weight : 0.0;
}

static double logit(double positive, double negative)
{
    double p = positive + negative > 0.0 ? positive / (positive + negative) : 0.5;
    p = p < TINY ? TINY : (p > 1.0 - TINY ? 1.0 - TINY : p);
    return gbt_log(p) - gbt_log(1.0 - p);
}

/* One pass by one thread: the weights of the classes are added in the order of the rows. */
static void class_scores(const gbt_objective *o, const rows_view *rows, double *out)
{
    double total = 0.0;
    for (int32_t k = 0; k < o->n_outputs; k++) {
        out[k] = 0.0;
    }
    for (int64_t i = 0; i < rows->n; i++) {
        double w = weight_of(rows, i);
        out[(int32_t)rows->label[i]] += w;
        total += w;
    }
    for (int32_t k = 0; k < o->n_outputs; k++) {
        if (o->loss.kind == GBT_LOSS_ONE_VS_ALL) {
            out[k] = logit((double)o->loss.positive_weight * out[k], total - out[k]);
        } else {
            double p = total > 0.0 ? out[k] / total : 1.0;
            out[k] = gbt_log(p < TINY ? TINY : p);
        }
    }
}

/* ---- Quantiles ------------------------------------------------------------------------------- */

static gbt_status quantile_score(const gbt_objective *o, const rows_view *rows, double *out)
{
    gbt_status status = GBT_OK;
    float *value = NULL;  /* [n] */
    float *weight = NULL; /* [n] */
    bool is_weighted = rows->weight != NULL || o->loss.kind == GBT_LOSS_MAPE;
    GBT_TRY_OR_DONE(GBT_NEW(value, rows->n));
    for (int64_t i = 0; i < rows->n; i++) {
        value[i] = rows->label[i];
    }
    if (is_weighted) {
        GBT_TRY_OR_DONE(GBT_NEW(weight, rows->n));
        for (int64_t i = 0; i < rows->n; i++) {
            float w = rows->weight == NULL ? 1.0f : rows->weight[i];
            weight[i] = w * gbt_objective_renew_weight(o, rows->label[i]);
        }
    }
    *out = gbt_weighted_quantile(value, weight, rows->n, o->renew_level);
done:
    gbt_release(value);
    gbt_release(weight);
    return status;
}

/* ---- Roots: huber and fair ------------------------------------------------------------------- */

typedef struct slope_job {
    const rows_view *rows;
    const gbt_loss *loss;
    double at;
} slope_job;

/* Derivative of the loss by the constant, over `shape`, so that it lies in [-1, 1]. */
static gbt_row_sum slope_sum(const void *context, int64_t first, int64_t last)
{
    const slope_job *job = context;
    double shape = (double)job->loss->shape;
    gbt_row_sum sum = {0.0, 0.0};
    for (int64_t i = first; i < last; i++) {
        double x = (job->at - (double)job->rows->label[i]) / shape;
        double w = weight_of(job->rows, i);
        double huber = x < -1.0 ? -1.0 : (x > 1.0 ? 1.0 : x);
        sum.value += w * (job->loss->kind == GBT_LOSS_HUBER ? huber : x / (1.0 + fabs(x)));
        sum.weight += w;
    }
    return sum;
}

static double slope_at(const gbt_loss *loss, const rows_view *rows, double at)
{
    slope_job job = {rows, loss, at};
    return mean_of(gbt_sum_rows(slope_sum, &job, rows->n, rows->threads, rows->partial));
}

/* The slope rises with the constant, so the root lies between the smallest and the largest label:
 * regula falsi with the Illinois halving [DowellJarratt71], and a bisection every third step. */
static double root_score(const gbt_loss *loss, const rows_view *rows)
{
    double low = rows->n > 0 ? (double)rows->label[0] : 0.0;
    double high = low;
    for (int64_t i = 1; i < rows->n; i++) {
        double y = (double)rows->label[i];
        low = y < low ? y : low;
        high = y > high ? y : high;
    }
    double slope_low = slope_at(loss, rows, low);
    double slope_high = slope_at(loss, rows, high);
    for (int step = 1; step <= 200; step++) {
        double middle = 0.5 * low + 0.5 * high;
        if (step % 3 != 0 && slope_high > slope_low) {
            middle = high - (high - low) * (slope_high / (slope_high - slope_low));
        }
        if (!(middle > low && middle < high)) {
            break;
        }
        double slope = slope_at(loss, rows, middle);
        if (fabs(slope) <= 1e-12) {
            return middle;
        }
        if (slope < 0.0) {
            low = middle;
            slope_low = slope;
            slope_high *= 0.5;
        } else {
            high = middle;
            slope_high = slope;
            slope_low *= 0.5;
        }
    }
    return 0.5 * low + 0.5 * high;
}

/* ---- All losses ------------------------------------------------------------------------------ */

static double single_score(const gbt_loss *loss, const rows_view *rows)
{
    if (loss->kind == GBT_LOSS_HUBER || loss->kind == GBT_LOSS_FAIR) {
        return root_score(loss, rows);
    }
    gbt_row_sum sum = gbt_sum_rows(label_sum, rows, rows->n, rows->threads, rows->partial);
    double mean = mean_of(sum);
    switch (loss->kind) {
    case GBT_LOSS_POISSON:
    case GBT_LOSS_GAMMA:
    case GBT_LOSS_TWEEDIE:
        return gbt_log(mean < TINY ? TINY : mean);
    case GBT_LOSS_LOGISTIC:
        return logit((double)loss->positive_weight * sum.value, sum.weight - sum.value);
    case GBT_LOSS_CROSS_ENTROPY:
        return logit(sum.value, sum.weight - sum.value);
    default:
        return mean;
    }
}

/* The constant of one output; label [n]. Not for several classes. */
static gbt_status output_score(const gbt_objective *o, const float *label, const float *weight,
                               int64_t n, int threads, double *out)
{
    rows_view rows = {label, weight, n, threads, NULL};
    switch (o->loss.kind) {
    case GBT_LOSS_ABSOLUTE:
    case GBT_LOSS_QUANTILE:
    case GBT_LOSS_MAPE:
        return quantile_score(o, &rows, out);
    default:
        GBT_TRY(GBT_NEW(rows.partial, gbt_row_sum_partials(n)));
        *out = single_score(&o->loss, &rows);
        gbt_release(rows.partial);
        return GBT_OK;
    }
}

gbt_status gbt_objective_base_score(const gbt_objective *o, const float *label, const float *weight,
                                    int64_t n, int threads, double *out)
{
    if (o->loss.kind == GBT_LOSS_SOFTMAX || o->loss.kind == GBT_LOSS_ONE_VS_ALL) {
        const rows_view rows = {label, weight, n, threads, NULL};
        class_scores(o, &rows, out);
        return GBT_OK;
    }
    for (int32_t k = 0; k < o->n_outputs; k++) {
        const float *own_label = gbt_objective_labels_of(o, label, n, k);
        GBT_TRY(output_score(o, own_label, weight, n, threads, &out[k]));
    }
    return GBT_OK;
}
