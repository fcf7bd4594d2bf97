/* See golden.h. Through gbt.h alone: what a user of a released version did. */
#include "tests/golden/golden.h"

#include <stdlib.h>
#include <string.h>

const golden_case golden_cases[N_GOLDEN_CASES] = {
    {"multiclass", "csv", "label=class weight=w id=name categorical=grade"},
    {"binary", "csv", "label=late categorical=month"},
    {"init_score", "csv", "header=false label=0 init_score=4 missing=NA,-0,-1,-2,-3,-4"},
    {"sparse", "svm", ""},
};

static gbt_status set_keys(gbt_params *params, const char *keys)
{
    char text[1024];
    strncpy(text, keys, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (char *item = strtok(text, " "); item; item = strtok(NULL, " ")) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        const gbt_status status = gbt_params_set(params, item, equals + 1);
        if (status != GBT_OK) {
            return status;
        }
    }
    return GBT_OK;
}

gbt_params *golden_params(const golden_case *c, const char *more)
{
    gbt_params *params = NULL;
    if (gbt_params_create(&params) != GBT_OK || set_keys(params, c->reading) != GBT_OK ||
        set_keys(params, more) != GBT_OK) {
        gbt_params_free(params);
        return NULL;
    }
    return params;
}

/* Predictions of one kind into columns [at, at + width) of the answer. */
static bool add_kind(const gbt_model *model, const gbt_table *table, gbt_predict_kind kind,
                     int64_t at, int64_t width, golden_answer *out)
{
    float *block = malloc((size_t)(out->n_rows * width) * sizeof *block);
    const bool is_good = block && gbt_model_predict_table(model, table, kind, 0, 0, 1, block,
                                                          out->n_rows * width) == GBT_OK;
    for (int64_t i = 0; is_good && i < out->n_rows; i++) {
        memcpy(out->value + i * out->n_columns + at, block + i * width,
               (size_t)width * sizeof *block);
    }
    free(block);
    return is_good;
}

bool golden_predict(const golden_case *c, const char *path, const gbt_model *model,
                    golden_answer *out)
{
    gbt_params *params = golden_params(c, "");
    gbt_table *table = NULL;
    int64_t n_outputs = 0, n_classes = 0;
    bool is_good = params && gbt_table_read(params, path, model, &table) == GBT_OK &&
                   gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs) == GBT_OK &&
                   gbt_model_shape(model, GBT_SHAPE_CLASSES, &n_classes) == GBT_OK;
    memset(out, 0, sizeof *out);
    if (is_good) {
        out->n_rows = gbt_table_rows(table);
        out->n_columns = 2 * n_outputs + (n_classes > 0);
        out->value = calloc((size_t)(out->n_rows * out->n_columns), sizeof *out->value);
        is_good =
            out->value && add_kind(model, table, GBT_PREDICT_RAW, 0, n_outputs, out) &&
            add_kind(model, table, GBT_PREDICT_RESPONSE, n_outputs, n_outputs, out) &&
            (n_classes == 0 || add_kind(model, table, GBT_PREDICT_CLASS, 2 * n_outputs, 1, out));
    }
    gbt_table_free(table);
    gbt_params_free(params);
    return is_good;
}

void golden_answer_close(golden_answer *answer)
{
    free(answer->value);
    memset(answer, 0, sizeof *answer);
}
