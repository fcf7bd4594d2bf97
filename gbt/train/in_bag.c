/* Which training rows a round was grown on: the sampler's draw, made again. Nothing is stored for
 * it. Rounds are counted from the start of a continued model, as the booster counts them. Cost: one
 * hash a row. */
#include <string.h>

#include "gbt/train/booster.h"

static gbt_status check(const gbt_model *model, int32_t round, const uint8_t *out, int64_t n)
{
    if (!model || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", model ? "out" : "model");
    }
    if (round < 0 || round >= gbt_model_rounds(model)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "no round %d, the model has %d", round,
                        gbt_model_rounds(model));
    }
    if (n != model->train_rows || n > (int64_t)UINT32_MAX) {
        return gbt_fail(GBT_ERR_ARGUMENT, "room for %lld rows, the model was trained on %lld",
                        (long long)n, (long long)model->train_rows);
    }
    return GBT_OK;
}

gbt_status gbt_model_in_bag(const gbt_model *model, int32_t round, uint8_t *out, int64_t n)
{
    GBT_TRY(check(model, round, out, n));
    gbt_sampler_config config = gbt_booster_sampling(model->params);
    gbt_sampler sampler;
    config.by_tree = config.by_level = config.by_node = 1.0; /* rows only */
    GBT_TRY(gbt_sampler_open(&sampler, &config, n, 0));
    memset(out, sampler.rows == NULL, (size_t)n);
    if (sampler.rows != NULL && n > 0) {
        gbt_sampler_draw_rows(&sampler, round);
        for (int64_t i = 0; i < sampler.n_drawn; i++) {
            out[sampler.rows[i]] = 1;
        }
    }
    gbt_sampler_close(&sampler);
    return GBT_OK;
}
