/* Objectives: the table of names, construction from parameters, label checks, links and the public
 * gbt_objective_* functions. Losses are in loss.h, the loops over rows in loss_loops.c, constants
 * in base_score.c. */
#include "gbt/loss/objective.h"

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/loss/row_sums.h"

/* What labels may be. */
typedef enum label_domain {
    DOMAIN_REAL,
    DOMAIN_NONNEGATIVE,
    DOMAIN_POSITIVE,
    DOMAIN_UNIT,
    DOMAIN_CLASS
} label_domain;

typedef struct objective_row {
    int number; /* GBT_OBJECTIVE_... */
    const char *name;
    gbt_loss_kind kind;
    label_domain domain;
    bool renews_leaves;
    const char *default_metric;
} objective_row;

/* clang-format off */
#define ROW(number, name, kind, domain, renews, metric) \
    {GBT_OBJECTIVE_##number, name, GBT_LOSS_##kind, DOMAIN_##domain, renews, metric},
static const objective_row rows[] = {
    /*  parameter      name             loss           labels       renews metric */
    ROW(REGRESSION,    "regression",    SQUARED,       REAL,        false, "rmse")
    ROW(MAE,           "mae",           ABSOLUTE,      REAL,        true,  "mae")
    ROW(HUBER,         "huber",         HUBER,         REAL,        false, "huber")
    ROW(FAIR,          "fair",          FAIR,          REAL,        false, "fair")
    ROW(QUANTILE,      "quantile",      QUANTILE,      REAL,        true,  "quantile")
    ROW(MAPE,          "mape",          MAPE,          REAL,        true,  "mape")
    ROW(POISSON,       "poisson",       POISSON,       NONNEGATIVE, false, "poisson")
    ROW(GAMMA,         "gamma",         GAMMA,         POSITIVE,    false, "gamma")
    ROW(TWEEDIE,       "tweedie",       TWEEDIE,       NONNEGATIVE, false, "tweedie")
    ROW(BINARY,        "binary",        LOGISTIC,      CLASS,       false, "logloss")
    ROW(CROSS_ENTROPY, "cross_entropy", CROSS_ENTROPY, UNIT,        false, "cross_entropy")
    ROW(MULTICLASS,    "multiclass",    SOFTMAX,       CLASS,       false, "multi_logloss")
    ROW(MULTICLASSOVA, "multiclassova", ONE_VS_ALL,    CLASS,       false, "multi_logloss")
};
#undef ROW
/* clang-format on */

enum { N_ROWS = (int)(sizeof rows / sizeof rows[0]) };

static const objective_row *row_of_number(int number)
{
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].number == number) {
            return &rows[i];
        }
    }
    return NULL;
}

static label_domain domain_of(const gbt_objective *o)
{
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].kind == o->loss.kind) {
            return rows[i].domain;
        }
    }
    return DOMAIN_REAL;
}

static float shape_of(gbt_loss_kind kind, const gbt_params *params)
{
    switch (kind) {
    case GBT_LOSS_HUBER:
        return (float)params->huber_delta;
    case GBT_LOSS_FAIR:
        return (float)params->fair_c;
    case GBT_LOSS_QUANTILE:
        return (float)params->quantile;
    case GBT_LOSS_TWEEDIE:
        return (float)params->tweedie_power;
    case GBT_LOSS_POISSON:
        return (float)params->poisson_max_delta;
    default:
        return 0.0f;
    }
}

/* 0 for regression. */
static gbt_status count_classes(const objective_row *row, const gbt_params *params,
                                int32_t *n_classes)
{
    int32_t given = params->num_class;
    bool is_multiclass = row->kind == GBT_LOSS_SOFTMAX || row->kind == GBT_LOSS_ONE_VS_ALL;
    int32_t fixed = row->kind == GBT_LOSS_LOGISTIC ? 2 : 0;
    if (is_multiclass && given < 2) {
        return gbt_fail(GBT_ERR_PARAM, "objective %s needs num_class of at least 2, found %d",
                        row->name, (int)given);
    }
    if (!is_multiclass && given != 0 && given != fixed) {
        return gbt_fail(GBT_ERR_PARAM,
                        "num_class = %d does not fit objective %s; leave it out or take multiclass",
                        (int)given, row->name);
    }
    *n_classes = is_multiclass ? given : fixed;
    return GBT_OK;
}

gbt_status gbt_objective_init(const gbt_params *params, gbt_objective *out)
{
    const objective_row *row = row_of_number(params->objective);
    if (row == NULL) {
        return gbt_fail(GBT_ERR_PARAM,
                        "objective is auto: name one, as regression, binary, multiclass");
    }
    int32_t n_classes = 0;
    GBT_TRY(count_classes(row, params, &n_classes));
    gbt_objective made = {
        .name = row->name,
        .loss = {row->kind, shape_of(row->kind, params), 1.0f},
        .n_outputs =
            n_classes > 2 || row->kind == GBT_LOSS_SOFTMAX || row->kind == GBT_LOSS_ONE_VS_ALL
                ? n_classes
                : 1,
        .n_classes = n_classes,
        .renews_leaves = row->renews_leaves,
        .renew_level = row->kind == GBT_LOSS_QUANTILE ? params->quantile : 0.5,
        .default_metric = row->default_metric,
        .quantile = (float)params->quantile,
        .huber_delta = (float)params->huber_delta,
        .fair_c = (float)params->fair_c,
        .tweedie_power = (float)params->tweedie_power,
    };
    if (row->kind == GBT_LOSS_LOGISTIC || row->kind == GBT_LOSS_ONE_VS_ALL) {
        made.loss.positive_weight = (float)params->scale_pos_weight;
    }
    *out = made;
    return GBT_OK;
}

gbt_status gbt_objective_set_labels(gbt_objective *o, int32_t n_labels)
{
    if (n_labels < 1 || n_labels > GBT_MAX_LABELS) {
        return gbt_fail(GBT_ERR_PARAM, "%d labels; 1 to %d are possible", (int)n_labels,
                        GBT_MAX_LABELS);
    }
    if (o->n_classes > 0 && n_labels > 1) {
        return gbt_fail(GBT_ERR_PARAM,
                        "objective %s takes one label, found %d; several labels need a regression "
                        "or cross_entropy",
                        o->name, (int)n_labels);
    }
    if (o->n_classes == 0) {
        o->n_outputs = n_labels;
    }
    return GBT_OK;
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static bool is_in_domain(label_domain domain, float label, int32_t n_classes)
{
    if (!(fabsf(label) <= 3.402823466e38f)) {
        return false;
    }
    switch (domain) {
    case DOMAIN_NONNEGATIVE:
        return label >= 0.0f;
    case DOMAIN_POSITIVE:
        return label > 0.0f;
    case DOMAIN_UNIT:
        return label >= 0.0f && label <= 1.0f;
    case DOMAIN_CLASS:
        return label >= 0.0f && label < (float)n_classes && label == (float)(int32_t)label;
    case DOMAIN_REAL:
        break;
    }
    return true;
}

static gbt_status fail_label(const gbt_objective *o, label_domain domain, float label, int64_t row)
{
    char number[GBT_NUMBER_CHARS];
    gbt_print_f32(number, label);
    if (domain == DOMAIN_CLASS) {
        return gbt_fail(GBT_ERR_DATA,
                        "the label of row %lld is %s; objective %s needs class numbers 0 to %d",
                        (long long)row, number, o->name, (int)o->n_classes - 1);
    }
    static const char *const wanted[] = {"finite labels", "labels of 0 or more", "labels above 0",
                                         "labels from 0 to 1"};
    return gbt_fail(GBT_ERR_DATA, "the label of row %lld is %s; objective %s needs %s",
                    (long long)row, number, o->name, wanted[domain]);
}

gbt_status gbt_objective_check_labels(const gbt_objective *o, const float *label, int64_t n)
{
    label_domain domain = domain_of(o);
    for (int64_t i = 0; i < n * gbt_objective_labels(o); i++) {
        if (!is_in_domain(domain, label[i], o->n_classes)) {
            return fail_label(o, domain, label[i], i % n);
        }
    }
    return GBT_OK;
}

/* ---- One row --------------------------------------------------------------------------------- */

void gbt_objective_link(const gbt_objective *o, const float *raw, float *out)
{
    if (o->loss.kind == GBT_LOSS_SOFTMAX) {
        gbt_softmax_link(raw, 1, o->n_outputs, out, 1);
        return;
    }
    for (int32_t k = 0; k < o->n_outputs; k++) {
        out[k] = gbt_loss_link(o->loss.kind, raw[k]);
    }
}

float gbt_objective_renew_weight(const gbt_objective *o, float label)
{
    return o->loss.kind == GBT_LOSS_MAPE ? gbt_mape_scale(label) : 1.0f;
}

/* ---- Public functions ------------------------------------------------------------------------ */

/* The number of labels that the key `label` names; 1 when it is empty. */
static int32_t count_labels(const gbt_params *params)
{
    gbt_slice rest = gbt_slice_of(params->label), item;
    int32_t n = 0;
    while (gbt_slice_next(&rest, ',', &item)) {
        n++;
    }
    return n > 1 ? n : 1;
}

gbt_status gbt_objective_create(const gbt_params *params, gbt_objective **out)
{
    if (out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_objective_create: out is NULL");
    }
    *out = NULL;
    if (params == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_objective_create: params is NULL");
    }
    gbt_objective made;
    GBT_TRY(gbt_objective_init(params, &made));
    GBT_TRY(gbt_objective_set_labels(&made, count_labels(params)));
    gbt_objective *objective = NULL;
    GBT_TRY(GBT_NEW(objective, 1));
    *objective = made;
    *out = objective;
    return GBT_OK;
}

void gbt_objective_free(gbt_objective *objective)
{
    gbt_release(objective);
}

int32_t gbt_objective_outputs(const gbt_objective *objective)
{
    return objective == NULL ? 0 : objective->n_outputs;
}

static gbt_status check_rows(const char *function, const gbt_objective *o, const float *scores,
                             const float *label, int64_t n)
{
    if (o == NULL || scores == NULL || label == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: %s is NULL", function,
                        o == NULL ? "objective" : (scores == NULL ? "scores" : "label"));
    }
    if (n < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: n is %lld, must be 0 or more", function,
                        (long long)n);
    }
    return gbt_objective_check_labels(o, label, n);
}

gbt_status gbt_objective_gradients(const gbt_objective *o, const float *scores, const float *label,
                                   const float *weight, int64_t n, float *grad, float *hess)
{
    GBT_TRY(check_rows("gbt_objective_gradients", o, scores, label, n));
    if (grad == NULL || hess == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_objective_gradients: %s is NULL",
                        grad == NULL ? "grad" : "hess");
    }
    gbt_objective_gpairs(o, scores, label, weight, n, 0, n, grad, hess);
    return GBT_OK;
}

typedef struct value_job {
    const gbt_objective *objective;
    const float *scores, *label, *weight;
    int64_t n;
} value_job;

static double loss_of_row(const value_job *job, int64_t i)
{
    const gbt_objective *o = job->objective;
    if (o->loss.kind == GBT_LOSS_SOFTMAX) {
        return gbt_softmax_point(job->scores + i, job->n, o->n_outputs, job->label[i]);
    }
    const bool is_class = o->loss.kind == GBT_LOSS_ONE_VS_ALL;
    double sum = 0.0;
    for (int32_t k = 0; k < o->n_outputs; k++) {
        const float label = gbt_objective_labels_of(o, job->label, job->n, k)[i];
        sum += gbt_loss_point(&o->loss, job->scores[k * job->n + i],
                              is_class ? (float)(label == (float)k) : label);
    }
    return sum;
}

static gbt_row_sum value_of_rows(const void *context, int64_t first, int64_t last)
{
    const value_job *job = context;
    gbt_row_sum sum = {0.0, 0.0};
    for (int64_t i = first; i < last; i++) {
        double w = job->weight == NULL ? 1.0 : (double)job->weight[i];
        sum.value += w * loss_of_row(job, i);
        sum.weight += w;
    }
    return sum;
}

gbt_status gbt_objective_value(const gbt_objective *o, const float *scores, const float *label,
                               const float *weight, int64_t n, double *out)
{
    GBT_TRY(check_rows("gbt_objective_value", o, scores, label, n));
    if (out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_objective_value: out is NULL");
    }
    gbt_row_sum *partial = NULL;
    GBT_TRY(GBT_NEW(partial, gbt_row_sum_partials(n)));
    value_job job = {o, scores, label, weight, n};
    gbt_row_sum sum = gbt_sum_rows(value_of_rows, &job, n, 1, partial);
    gbt_release(partial);
    if (!(sum.weight > 0.0)) {
        return gbt_fail(GBT_ERR_DATA, "gbt_objective_value: the weights of the %lld rows sum to 0",
                        (long long)n);
    }
    *out = sum.value / sum.weight;
    return GBT_OK;
}
