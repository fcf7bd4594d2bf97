/* Metrics: names as users of this and other libraries type them, which objective they fit, and the
 * weighted mean over rows. What a row costs is in metric_point.c, rank metrics in metric_rank.c.
 * Cost: one pass; nothing is allocated. */
#include "gbt/loss/metric.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "gbt/base/text.h"
#include "gbt/loss/metric_table.h"
#include "gbt/loss/row_sums.h"

static const gbt_metric metrics[] = {
    {GBT_METRIC_RMSE, "rmse", "root_mean_squared_error,l2_root", GBT_FIT_SCORES, false},
    {GBT_METRIC_L2, "l2", "mse,mean_squared_error,squared_error,regression,regression_l2",
     GBT_FIT_SCORES, false},
    {GBT_METRIC_MAE, "mae", "l1,mean_absolute_error,absolute_error,regression_l1", GBT_FIT_SCORES,
     false},
    {GBT_METRIC_MAPE, "mape", "mean_absolute_percentage_error", GBT_FIT_SCORES, false},
    {GBT_METRIC_HUBER, "huber", "", GBT_FIT_SCORES, false},
    {GBT_METRIC_FAIR, "fair", "", GBT_FIT_SCORES, false},
    {GBT_METRIC_QUANTILE, "quantile", "pinball", GBT_FIT_SCORES, false},
    {GBT_METRIC_POISSON, "poisson", "", GBT_FIT_SCORES, false},
    {GBT_METRIC_GAMMA, "gamma", "gamma-nloglik", GBT_FIT_SCORES, false},
    {GBT_METRIC_GAMMA_DEVIANCE, "gamma_deviance", "gamma-deviance", GBT_FIT_SCORES, false},
    {GBT_METRIC_TWEEDIE, "tweedie", "", GBT_FIT_SCORES, false},
    {GBT_METRIC_LOGLOSS, "logloss", "binary_logloss,binary,binary_crossentropy,log_loss",
     GBT_FIT_PROBABILITY, false},
    {GBT_METRIC_LOGLOSS, "cross_entropy", "xentropy,crossentropy", GBT_FIT_PROBABILITY, false},
    {GBT_METRIC_ERROR, "error", "binary_error", GBT_FIT_PROBABILITY, false},
    {GBT_METRIC_AUC, "auc", "roc_auc", GBT_FIT_RANK, true},
    {GBT_METRIC_AUCPR, "aucpr", "average_precision,prauc,pr_auc", GBT_FIT_RANK, true},
    {GBT_METRIC_MULTI_LOGLOSS, "multi_logloss",
     "mlogloss,multiclass,softmax,multiclassova,multiclass_ova,ova,ovr", GBT_FIT_CLASSES, false},
    {GBT_METRIC_MULTI_ERROR, "multi_error", "merror", GBT_FIT_CLASSES, false},
    {GBT_METRIC_AUC_MU, "auc_mu", "aucmu", GBT_FIT_CLASSES, true},
};

enum { N_METRICS = (int)(sizeof metrics / sizeof metrics[0]) };

/* ---- Names ----------------------------------------------------------------------------------- */

static bool is_called(const gbt_metric *metric, gbt_slice name)
{
    if (gbt_slice_equal_folded(name, metric->name)) {
        return true;
    }
    gbt_slice rest = gbt_slice_of(metric->aliases);
    gbt_slice alias;
    while (gbt_slice_next(&rest, ',', &alias)) {
        char text[48];
        if (alias.size < sizeof text) {
            memcpy(text, alias.data, alias.size);
            text[alias.size] = '\0';
            if (gbt_slice_equal_folded(name, text)) {
                return true;
            }
        }
    }
    return false;
}

static const gbt_metric *metric_called(gbt_slice name)
{
    for (int i = 0; i < N_METRICS; i++) {
        if (is_called(&metrics[i], name)) {
            return &metrics[i];
        }
    }
    return NULL;
}

static gbt_status fail_unknown(gbt_slice name)
{
    char text[64];
    size_t size = name.size < sizeof text - 1 ? name.size : sizeof text - 1;
    memcpy(text, name.data, size);
    text[size] = '\0';
    const gbt_metric *nearest = &metrics[0];
    int smallest = INT_MAX;
    for (int i = 0; i < N_METRICS; i++) {
        int distance = gbt_name_distance(text, metrics[i].name);
        if (distance < smallest) {
            smallest = distance;
            nearest = &metrics[i];
        }
    }
    return gbt_fail(GBT_ERR_PARAM, "unknown metric '%s'; the nearest is '%s'", text, nearest->name);
}

static bool fits(const gbt_metric *metric, const gbt_objective *o)
{
    bool has_classes = o->loss.kind == GBT_LOSS_SOFTMAX || o->loss.kind == GBT_LOSS_ONE_VS_ALL;
    switch (metric->fit) {
    case GBT_FIT_PROBABILITY:
        return o->loss.kind == GBT_LOSS_LOGISTIC || o->loss.kind == GBT_LOSS_CROSS_ENTROPY;
    case GBT_FIT_CLASSES:
        return has_classes;
    case GBT_FIT_RANK:
        return o->n_outputs == 1;
    case GBT_FIT_SCORES:
        break;
    }
    return !has_classes;
}

static gbt_status check_fit(const gbt_metric *metric, const gbt_objective *o)
{
    static const char *const wanted[] = {
        "an objective other than multiclass and multiclassova", "objective binary or cross_entropy",
        "an objective with one output", "objective multiclass or multiclassova"};
    if (metric->fit == GBT_FIT_RANK && o->n_classes == 0 && o->n_outputs > 1) {
        return gbt_fail(GBT_ERR_PARAM,
                        "metric %s needs one output, there are %d labels; %s takes all of them",
                        metric->name, (int)o->n_outputs, o->default_metric);
    }
    if (!fits(metric, o)) {
        return gbt_fail(GBT_ERR_PARAM,
                        "metric %s needs %s, found objective %s; its own metric is %s",
                        metric->name, wanted[metric->fit], o->name, o->default_metric);
    }
    return GBT_OK;
}

static bool is_listed(const gbt_metric_config *list, int n, const gbt_metric *metric)
{
    for (int i = 0; i < n; i++) {
        if (list[i].metric == metric) {
            return true;
        }
    }
    return false;
}

gbt_status gbt_metric_parse(const char *list, const gbt_objective *o, gbt_metric_config *out,
                            int capacity, int *n_out)
{
    gbt_slice rest = gbt_slice_trim(gbt_slice_of(list == NULL ? "" : list));
    if (rest.size == 0 || gbt_slice_equal_folded(rest, "auto")) {
        rest = gbt_slice_of(o->default_metric);
    }
    int n = 0;
    gbt_slice part;
    while (gbt_slice_next(&rest, ',', &part)) {
        gbt_slice name = gbt_slice_trim(part);
        const gbt_metric *metric = metric_called(name);
        if (metric == NULL) {
            return fail_unknown(name);
        }
        GBT_TRY(check_fit(metric, o));
        if (is_listed(out, n, metric)) {
            continue;
        }
        if (n == capacity) {
            return gbt_fail(GBT_ERR_PARAM, "more than %d metrics in '%s'", capacity, list);
        }
        gbt_metric_config config = {.objective = o, .metric = metric};
        memcpy(config.name, metric->name, strlen(metric->name) + 1);
        out[n++] = config;
    }
    *n_out = n;
    return GBT_OK;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

const char *gbt_metric_name(const gbt_metric *metric)
{
    return metric->name;
}

bool gbt_metric_is_better(const gbt_metric *metric, double a, double b)
{
    if (a != a || b != b) {
        return a == a && b != b;
    }
    return metric->is_larger_better ? a > b : a < b;
}

double gbt_metric_worst(const gbt_metric *metric)
{
    return metric->is_larger_better ? -HUGE_VAL : HUGE_VAL;
}

/* ---- Evaluation ------------------------------------------------------------------------------ */

typedef struct mean_job {
    const gbt_metric_config *config;
    const float *scores, *label, *weight;
    int64_t n;
} mean_job;

/* The outputs of a class stand together in one loss; those of several labels are a loss each. */
static gbt_row_sum sum_losses(const void *context, int64_t first, int64_t last)
{
    const mean_job *job = context;
    const gbt_objective *o = job->config->objective;
    const int32_t n_labels = gbt_objective_labels(o);
    double loss[GBT_METRIC_BLOCK];
    gbt_row_sum sum = {0.0, 0.0};
    for (int32_t k = 0; k < n_labels; k++) {
        for (int64_t i = first; i < last; i += GBT_METRIC_BLOCK) {
            int size = last - i < GBT_METRIC_BLOCK ? (int)(last - i) : GBT_METRIC_BLOCK;
            int64_t at = k * job->n + i;
            gbt_metric_losses(job->config->metric->id, o, job->scores + at, job->n, job->label + at,
                              size, loss);
            gbt_row_sum block =
                gbt_sum_values(loss, job->weight == NULL ? NULL : job->weight + i, size);
            sum.value += block.value;
            sum.weight += block.weight;
        }
    }
    return sum;
}

size_t gbt_metric_scratch(const gbt_metric *metric, int64_t n)
{
    if (metric->id >= GBT_METRIC_AUC) {
        return gbt_rank_scratch(metric->id, n);
    }
    return (size_t)gbt_row_sum_partials(n) * sizeof(gbt_row_sum);
}

double gbt_metric_eval(const gbt_metric_config *config, const float *scores, const float *label,
                       const float *weight, int64_t n, int threads, void *scratch)
{
    gbt_metric_id id = config->metric->id;
    if (id >= GBT_METRIC_AUC) {
        return gbt_rank_eval(id, config->objective, scores, label, weight, n, threads, scratch);
    }
    mean_job job = {config, scores, label, weight, n};
    gbt_row_sum sum = gbt_sum_rows(sum_losses, &job, n, threads, scratch);
    double mean = sum.value / sum.weight;
    return id == GBT_METRIC_RMSE ? sqrt(mean) : mean;
}
