/* The parameters that a model of a side module was trained with: those that its frame knows, and
 * the section of the module. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/multitask_internal.h"
#include "gbt/modules/settings.h"

/* Copies the keys of a section. */
static gbt_status copy_section(const gbt_params *from, const char *section, gbt_params *to)
{
    for (int i = 0; i < gbt_param_count(); i++) {
        gbt_param_info info;
        char *value = NULL;
        GBT_TRY(gbt_param_describe(i, &info));
        if (strcmp(info.section, section) != 0 || strcmp(info.kind, "path") == 0) {
            continue;
        }
        GBT_TRY(gbt_setting_text(from, info.name, &value));
        const gbt_status status = gbt_params_set(to, info.name, value);
        gbt_release(value);
        GBT_TRY(status);
    }
    return GBT_OK;
}

static gbt_status join(const gbt_model *frame, const gbt_params *own, const char *section,
                       gbt_params **out)
{
    GBT_TRY(gbt_model_params(frame, out));
    const gbt_status status = copy_section(own, section, *out);
    if (status != GBT_OK) {
        gbt_params_free(*out);
        *out = NULL;
    }
    return status;
}

gbt_status gbt_multitask_params(const gbt_multitask *model, gbt_params **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_multitask_params: %s is NULL",
                        model ? "out" : "model");
    }
    return join(model->frame, model->params, "multitask", out);
}

gbt_status gbt_heads_params(const gbt_heads *model, gbt_params **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_params: %s is NULL", model ? "out" : "model");
    }
    return join(model->frame, model->params, "heads", out);
}
