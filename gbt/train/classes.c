/* Labels -> classes. Cost: one pass over the labels with a binary search each. */
#include "gbt/train/classes.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/train/resolve.h"
#include "gbt/tree/model.h"

enum { MOST_CLASSES = 65536 };

void gbt_classes_close(gbt_classes *classes)
{
    for (int32_t k = 0; classes->name && k < classes->n; k++) {
        gbt_release(classes->name[k]);
    }
    gbt_release(classes->name);
    gbt_release(classes->label);
    memset(classes, 0, sizeof *classes);
}

/* First position in the ascending list whose value is not below `value`. */
static int32_t lower_bound(const float *values, int32_t n, float value)
{
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t mid = low + (high - low) / 2;
        if (values[mid] < value) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The distinct labels, ascending; stops once there are more than `most`. Returns their number. */
static int32_t distinct_labels(const gbt_dataset *data, float *values, int32_t most)
{
    int32_t n = 0;
    for (int64_t i = 0; i < data->n_rows; i++) {
        const float label = data->label[i];
        const int32_t at = lower_bound(values, n, label);
        if (at < n && values[at] == label) {
            continue;
        }
        if (n == most) {
            return n + 1;
        }
        memmove(values + at + 1, values + at, (size_t)(n - at) * sizeof *values);
        values[at] = label;
        n++;
    }
    return n;
}

/* objective = auto: text labels are classes, two different numbers too, everything else is a
 * quantity; so are several labels. */
static gbt_status choose_objective(gbt_params *params, const gbt_dataset *train)
{
    if (train->n_labels > 1) {
        return gbt_resolve_text(params, GBT_KEY_objective, "regression",
                                "there are several labels");
    }
    float values[2];
    const int32_t n_texts = train->schema->label.n;
    const int32_t n = n_texts > 0 ? n_texts : distinct_labels(train, values, 2);
    const char *name = n == 2 ? "binary" : n_texts > 2 ? "multiclass" : "regression";
    return gbt_resolve_text(params, GBT_KEY_objective, name,
                            n == 2 ? "the label has two different values"
                            : n_texts > 2
                                ? "the label has more than two texts"
                                : "the label is a number; objective=multiclass if it is a class");
}

static bool is_classification(const gbt_params *params)
{
    return params->objective == GBT_OBJECTIVE_BINARY ||
           params->objective == GBT_OBJECTIVE_MULTICLASS ||
           params->objective == GBT_OBJECTIVE_MULTICLASSOVA;
}

/* num_class larger than what the labels show: allowed when they are class numbers already. */
static gbt_status widen_classes(gbt_classes *classes, int32_t n_found, int32_t num_class)
{
    for (int32_t k = 0; k < n_found; k++) {
        const float label = classes->label[k];
        if (label != floorf(label) || label < 0.0f || label >= (float)num_class) {
            char text[GBT_NUMBER_CHARS];
            gbt_print_f32(text, label);
            return gbt_fail(
                GBT_ERR_DATA,
                "num_class = %d but the label has %d classes; labels must then be whole numbers "
                "from 0 to %d, found %s",
                (int)num_class, (int)n_found, (int)num_class - 1, text);
        }
    }
    for (int32_t k = 0; k < num_class; k++) {
        classes->label[k] = (float)k;
    }
    return GBT_OK;
}

static gbt_status check_class_count(const gbt_params *params, int32_t n)
{
    if (n < 2) {
        return gbt_fail(GBT_ERR_DATA, "the label has only one class; %s needs at least two",
                        params->objective == GBT_OBJECTIVE_BINARY ? "objective=binary"
                                                                  : "a classification");
    }
    if (params->objective == GBT_OBJECTIVE_BINARY && n > 2) {
        return gbt_fail(GBT_ERR_DATA,
                        "objective=binary needs a label with two values, this one has more; "
                        "use objective=multiclass, or cross_entropy for probabilities");
    }
    if (n > MOST_CLASSES) {
        return gbt_fail(GBT_ERR_DATA,
                        "the label has more than %d different values: too many classes; "
                        "use objective=regression for a quantity",
                        MOST_CLASSES);
    }
    return GBT_OK;
}

static gbt_status name_classes(gbt_classes *classes, const gbt_dictionary *texts)
{
    GBT_TRY(GBT_NEW_ZERO(classes->name, classes->n));
    for (int32_t k = 0; k < classes->n; k++) {
        char number[GBT_NUMBER_CHARS];
        const int32_t code = (int32_t)classes->label[k];
        gbt_print_f32(number, classes->label[k]);
        classes->name[k] =
            gbt_copy_text(texts->n > 0 && code < texts->n ? texts->text[code] : number);
        if (!classes->name[k]) {
            return GBT_ERR_MEMORY;
        }
    }
    return GBT_OK;
}

static gbt_status find_classes(gbt_params *params, const gbt_dataset *train, gbt_classes *classes)
{
    const int32_t most = params->objective == GBT_OBJECTIVE_BINARY ? 2 : MOST_CLASSES;
    const int32_t asked = params->num_class;
    GBT_TRY(GBT_NEW(classes->label, (int64_t)most + 1));
    const int32_t n = distinct_labels(train, classes->label, most);
    if (asked > n) {
        GBT_TRY(widen_classes(classes, n, asked));
        classes->n = asked;
    } else if (asked > 0 && asked < n) {
        return gbt_fail(GBT_ERR_DATA, "num_class = %d but the label has %s%d different values",
                        (int)asked, n > most ? "more than " : "", (int)(n > most ? most : n));
    } else {
        GBT_TRY(check_class_count(params, n));
        classes->n = n;
    }
    return name_classes(classes, &train->schema->label);
}

/* is_unbalance: both classes get the same total weight. */
static gbt_status balance_classes(gbt_params *params, const gbt_classes *classes,
                                  const gbt_dataset *train)
{
    double weight[2] = {0.0, 0.0};
    if (params->objective != GBT_OBJECTIVE_BINARY) {
        return gbt_fail(GBT_ERR_PARAM,
                        "is_unbalance works with objective=binary; give row weights instead");
    }
    for (int64_t i = 0; i < train->n_rows; i++) {
        weight[train->label[i] == classes->label[1]] +=
            train->weight ? (double)train->weight[i] : 1.0;
    }
    if (!(weight[0] > 0.0 && weight[1] > 0.0)) {
        return gbt_fail(GBT_ERR_DATA, "is_unbalance needs rows with weight in both classes");
    }
    GBT_TRY(gbt_resolve_text(params, GBT_KEY_is_unbalance, "false", NULL));
    return gbt_resolve_number(params, GBT_KEY_scale_pos_weight, weight[0] / weight[1],
                              "is_unbalance");
}

gbt_status gbt_classes_resolve(gbt_params *params, const gbt_dataset *train, gbt_classes *out)
{
    gbt_status status = GBT_OK;
    memset(out, 0, sizeof *out);
    if (!train->label) {
        return gbt_fail(GBT_ERR_DATA,
                        "the training data has no label; name its column with label=");
    }
    if (params->objective == GBT_OBJECTIVE_AUTO) {
        GBT_TRY(choose_objective(params, train));
    }
    if (!is_classification(params)) {
        return train->has_text_label
                   ? gbt_fail(GBT_ERR_DATA,
                              "the label \"%s\" is text; this objective needs numbers",
                              train->schema->role[GBT_ROLE_LABEL])
                   : GBT_OK;
    }
    if (train->n_labels > 1) {
        return gbt_fail(GBT_ERR_PARAM,
                        "objective=%s takes one label, found %d a row; several labels need a "
                        "regression or cross_entropy",
                        gbt_param_value_of(GBT_KEY_objective, params->objective)->name,
                        (int)train->n_labels);
    }
    GBT_TRY_OR_DONE(find_classes(params, train, out));
    if (params->is_unbalance) {
        GBT_TRY_OR_DONE(balance_classes(params, out, train));
    }
    if (params->objective != GBT_OBJECTIVE_BINARY) {
        GBT_TRY_OR_DONE(gbt_resolve_number(params, GBT_KEY_num_class, out->n, NULL));
    }
done:
    if (status != GBT_OK) {
        gbt_classes_close(out);
    }
    return status;
}

gbt_status gbt_labels_to_target(const gbt_objective *objective, const float *class_label,
                                const float *label, int32_t n_labels, int64_t n_rows,
                                const char *source, float *out)
{
    const char *name = source[0] ? source : "the data set";
    const int32_t want = gbt_objective_labels(objective);
    if (n_labels != want) {
        return gbt_fail(GBT_ERR_DATA, "%s has %d label%s a row, the model (%s) has %d", name,
                        (int)n_labels, n_labels == 1 ? "" : "s", objective->name, (int)want);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        for (int32_t k = 0; k < n_labels; k++) {
            out[k * n_rows + i] = label[i * n_labels + k];
        }
    }
    if (class_label == NULL) {
        return gbt_objective_check_labels(objective, out, n_rows);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        const int32_t k = lower_bound(class_label, objective->n_classes, label[i]);
        if (k == objective->n_classes || class_label[k] != label[i]) {
            char text[GBT_NUMBER_CHARS];
            gbt_print_f32(text, label[i]);
            return gbt_fail(GBT_ERR_DATA, "%s: row %lld: the label %s is not a class of the model",
                            name, (long long)i + 1, text);
        }
        out[i] = (float)k;
    }
    return GBT_OK;
}

static gbt_status target_of(const gbt_objective *objective, const float *class_label,
                            const gbt_dataset *data, float *out)
{
    if (!data->label) {
        return gbt_fail(GBT_ERR_DATA, "%s has no label",
                        data->source[0] ? data->source : "the data set");
    }
    return gbt_labels_to_target(objective, class_label, data->label, data->n_labels, data->n_rows,
                                data->source, out);
}

gbt_status gbt_classes_target(const gbt_classes *classes, const gbt_objective *objective,
                              const gbt_dataset *data, float *out)
{
    return target_of(objective, classes->n > 0 ? classes->label : NULL, data, out);
}

gbt_status gbt_model_labels(const gbt_model *model, const gbt_dataset *data, float *out, int64_t n)
{
    if (!model || !data || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_model_labels: %s is NULL",
                        !model  ? "model"
                        : !data ? "data"
                                : "out");
    }
    const int64_t want = data->n_rows * gbt_objective_labels(&model->objective);
    if (n != want) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "gbt_model_labels: room for %lld labels, rows x labels is %lld",
                        (long long)n, (long long)want);
    }
    return target_of(&model->objective, model->class_label, data, out);
}
