/* Label, weight, group, task and init score of a data set: copied in and out in any element
 * type, every value checked. Does not judge whether an objective can use them. Cost: one pass. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/dataset.h"

enum { MAX_OUTPUTS = 1 << 16 };

typedef struct field_rule {
    const char *name, *rule;
    bool is_real; /* float32, else int32 */
    double low;   /* smallest value */
} field_rule;

static const field_rule rule_of[] = {
    [GBT_LABEL] = {"label", "a label is a finite number", true, -HUGE_VAL},
    [GBT_WEIGHT] = {"weight", "a weight is finite and not negative", true, 0},
    [GBT_GROUP] = {"group", "a group is a whole number of 32 bits", false, INT32_MIN},
    [GBT_TASK] = {"task", "a task is a whole number from 0", false, 0},
    [GBT_INIT_SCORE] = {"init score", "an init score is a finite number", true, -HUGE_VAL},
};

static double number_at(const void *values, gbt_dtype dtype, int64_t at)
{
    switch (dtype) {
    case GBT_F64:
        return ((const double *)values)[at];
    case GBT_I32:
        return ((const int32_t *)values)[at];
    case GBT_F32:
    default:
        return (double)((const float *)values)[at];
    }
}

/* Where a field of reals lives. */
static float **reals_of(gbt_dataset *dataset, gbt_field field)
{
    return field == GBT_LABEL    ? &dataset->label
           : field == GBT_WEIGHT ? &dataset->weight
                                 : &dataset->init_score;
}

/* Where a field of whole numbers lives. */
static int32_t **wholes_of(gbt_dataset *dataset, gbt_field field)
{
    return field == GBT_GROUP ? &dataset->group : &dataset->task;
}

static gbt_status check_field(const gbt_dataset *dataset, gbt_field field, gbt_dtype dtype)
{
    if (dataset == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "dataset: a null pointer was given");
    }
    if ((int)field < GBT_LABEL || field > GBT_INIT_SCORE) {
        return gbt_fail(GBT_ERR_ARGUMENT, "field: %d is none of GBT_LABEL .. GBT_INIT_SCORE",
                        (int)field);
    }
    if (dtype != GBT_F32 && dtype != GBT_F64 && dtype != GBT_I32) {
        return gbt_fail(GBT_ERR_ARGUMENT, "dtype: %d is none of GBT_F32, GBT_F64, GBT_I32",
                        (int)dtype);
    }
    return GBT_OK;
}

static gbt_status refuse_value(const gbt_dataset *dataset, gbt_field field, int64_t row,
                               double value)
{
    const field_rule *rule = &rule_of[field];
    if (dataset->source[0] != '\0') {
        return gbt_fail(GBT_ERR_DATA, "%s: the %s of data row %" PRId64 " (from 1) is %s%g; %s",
                        dataset->source, rule->name, row + 1, isnan(value) ? "missing: " : "",
                        value, rule->rule);
    }
    return gbt_fail(GBT_ERR_DATA, "the %s of row %" PRId64 " (from 0) is %g; %s", rule->name, row,
                    value, rule->rule);
}

static gbt_status check_values(const gbt_dataset *dataset, gbt_field field, const void *values,
                               gbt_dtype dtype, int64_t n)
{
    const field_rule *rule = &rule_of[field];
    bool has_weight = field != GBT_WEIGHT;
    for (int64_t i = 0; i < n; i++) {
        const double value = number_at(values, dtype, i);
        const bool is_good = rule->is_real ? (bool)isfinite((float)value)
                                           : value == floor(value) && value <= INT32_MAX;
        if (!is_good || value < rule->low) {
            return refuse_value(dataset, field, i / (n / dataset->n_rows), value);
        }
        has_weight |= (float)value > 0;
    }
    return has_weight ? GBT_OK : gbt_fail(GBT_ERR_DATA, "all %" PRId64 " weights are 0", n);
}

/* Values a row of a field that may have several; NULL: it has one. */
static int32_t *width_of(gbt_dataset *dataset, gbt_field field)
{
    return field == GBT_LABEL        ? &dataset->n_labels
           : field == GBT_INIT_SCORE ? &dataset->n_init
                                     : NULL;
}

/* n values for n_rows rows: one each, or a multiple for labels and init scores. */
static gbt_status check_count(const gbt_dataset *dataset, gbt_field field, int64_t n)
{
    const int64_t n_rows = dataset->n_rows;
    const bool is_whole = n_rows > 0 && n > 0 && n % n_rows == 0;
    const bool has_width = field == GBT_LABEL || field == GBT_INIT_SCORE;
    if (!is_whole || n / n_rows > (has_width ? MAX_OUTPUTS : 1)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: %" PRId64 " values for %" PRId64 " rows",
                        rule_of[field].name, n, n_rows);
    }
    return GBT_OK;
}

static void drop_field(gbt_dataset *dataset, gbt_field field)
{
    if (rule_of[field].is_real) {
        gbt_release(*reals_of(dataset, field));
        *reals_of(dataset, field) = NULL;
    } else {
        gbt_release(*wholes_of(dataset, field));
        *wholes_of(dataset, field) = NULL;
    }
    if (width_of(dataset, field) != NULL) {
        *width_of(dataset, field) = 0;
    }
    dataset->has_text_label = dataset->has_text_label && field != GBT_LABEL;
}

gbt_status gbt_dataset_set(gbt_dataset *dataset, gbt_field field, const void *values,
                           gbt_dtype dtype, int64_t n)
{
    GBT_TRY(check_field(dataset, field, dtype));
    if (__atomic_load_n(&dataset->boosters, __ATOMIC_ACQUIRE) > 0) {
        return gbt_fail(GBT_ERR_STATE, "the %s cannot change: a booster uses this data set",
                        rule_of[field].name);
    }
    if (n == 0) {
        drop_field(dataset, field);
        return GBT_OK;
    }
    if (values == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "values: a null pointer was given");
    }
    GBT_TRY(check_count(dataset, field, n));
    GBT_TRY(check_values(dataset, field, values, dtype, n));
    if (rule_of[field].is_real) {
        float *real = NULL;
        GBT_TRY(GBT_NEW(real, n));
        for (int64_t i = 0; i < n; i++) {
            real[i] = (float)number_at(values, dtype, i);
        }
        drop_field(dataset, field);
        *reals_of(dataset, field) = real;
    } else {
        int32_t *whole = NULL;
        GBT_TRY(GBT_NEW(whole, n));
        for (int64_t i = 0; i < n; i++) {
            whole[i] = (int32_t)number_at(values, dtype, i);
        }
        drop_field(dataset, field);
        *wholes_of(dataset, field) = whole;
    }
    if (width_of(dataset, field) != NULL) {
        *width_of(dataset, field) = (int32_t)(n / dataset->n_rows);
    }
    return GBT_OK;
}

int64_t gbt_dataset_field_size(const gbt_dataset *dataset, gbt_field field)
{
    if (dataset == NULL) {
        return 0;
    }
    switch (field) {
    case GBT_LABEL:
        return dataset->label ? dataset->n_rows * dataset->n_labels : 0;
    case GBT_WEIGHT:
        return dataset->weight ? dataset->n_rows : 0;
    case GBT_GROUP:
        return dataset->group ? dataset->n_rows : 0;
    case GBT_TASK:
        return dataset->task ? dataset->n_rows : 0;
    case GBT_INIT_SCORE:
        return dataset->init_score ? dataset->n_rows * dataset->n_init : 0;
    default:
        return 0;
    }
}

/* Whether the value survives a stay in `dtype`. */
static bool fits(double value, gbt_dtype dtype)
{
    switch (dtype) {
    case GBT_F64:
        return true;
    case GBT_I32:
        return value == floor(value) && value >= INT32_MIN && value <= INT32_MAX;
    case GBT_F32:
    default:
        return (double)(float)value == value;
    }
}

static void store(void *out, gbt_dtype dtype, int64_t at, double value)
{
    switch (dtype) {
    case GBT_F64:
        ((double *)out)[at] = value;
        break;
    case GBT_I32:
        ((int32_t *)out)[at] = (int32_t)value;
        break;
    case GBT_F32:
    default:
        ((float *)out)[at] = (float)value;
        break;
    }
}

gbt_status gbt_dataset_get(const gbt_dataset *dataset, gbt_field field, void *out, gbt_dtype dtype,
                           int64_t n)
{
    GBT_TRY(check_field(dataset, field, dtype));
    const int64_t size = gbt_dataset_field_size(dataset, field);
    if (size == 0) {
        return gbt_fail(GBT_ERR_STATE, "the data set has no %s", rule_of[field].name);
    }
    if (n != size || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "%s: room for %" PRId64 " values was given, there are %" PRId64,
                        rule_of[field].name, out ? n : 0, size);
    }
    gbt_dataset *readable = (gbt_dataset *)dataset;
    const bool is_real = rule_of[field].is_real;
    const void *values = is_real ? (const void *)*reals_of(readable, field)
                                 : (const void *)*wholes_of(readable, field);
    const gbt_dtype held = is_real ? GBT_F32 : GBT_I32;
    for (int64_t i = 0; i < n; i++) {
        const double value = number_at(values, held, i);
        if (!fits(value, dtype)) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "%s: value %" PRId64 ", %.9g, does not fit the type asked for",
                            rule_of[field].name, i, value);
        }
    }
    for (int64_t i = 0; i < n; i++) {
        store(out, dtype, i, number_at(values, held, i));
    }
    return GBT_OK;
}
