/* Validation sets, and the scores and metrics of whatever is watched. */
#include "gbt/train/booster.h"

#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

enum { SCORE_CHUNK = 16384 };

typedef struct add_context {
    const gbt_binned_tree *tree;
    const gbt_bins *bins;
    float *scores; /* [n_rows] of the tree's output */
} add_context;

static void add_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const add_context *add = context;
    (void)thread;
    gbt_binned_tree_add(add->tree, add->bins, first, last, add->scores);
}

gbt_status gbt_booster_reserve_binned(gbt_booster *booster, int32_t n_nodes)
{
    gbt_binned_tree larger;
    if (n_nodes <= booster->binned.capacity) {
        return GBT_OK;
    }
    GBT_TRY(gbt_binned_tree_open(n_nodes, &larger));
    gbt_binned_tree_close(&booster->binned);
    booster->binned = larger;
    return GBT_OK;
}

/* Adds one round's trees [n_outputs] to the scores of a data set. */
static void add_round(gbt_booster *booster, gbt_tree *const *trees, const gbt_dataset *data,
                      float *scores)
{
    for (int32_t k = 0; k < booster->objective.n_outputs; k++) {
        add_context add = {&booster->binned, &data->bins, scores + k * data->n_rows};
        gbt_binned_tree_set(&booster->binned, trees[k], data);
        gbt_for_chunks(booster->threads, data->n_rows, SCORE_CHUNK, add_chunk, &add);
    }
}

void gbt_booster_add_fresh(gbt_booster *booster)
{
    for (int32_t v = 0; v < booster->n_valid; v++) {
        add_round(booster, booster->fresh, booster->valid[v].data, booster->valid[v].scores);
    }
}

void gbt_booster_add_model(gbt_booster *booster, const gbt_dataset *data, float *scores)
{
    for (int32_t t = 0; t < booster->model->n_trees; t += booster->objective.n_outputs) {
        add_round(booster, booster->model->trees + t, data, scores);
    }
}

gbt_status gbt_booster_add_valid(gbt_booster *booster, const gbt_dataset *data, const char *name)
{
    gbt_status status = GBT_OK;
    if (!booster || !data || booster->is_finished) {
        return gbt_fail(booster && booster->is_finished ? GBT_ERR_STATE : GBT_ERR_ARGUMENT,
                        "gbt_booster_add_valid: %s",
                        booster ? "no data, or the booster is finished" : "no booster");
    }
    if (data->n_rows < 1) {
        return gbt_fail(GBT_ERR_DATA, "validation set %s has no rows", name ? name : "");
    }
    if (data->cuts != booster->train->cuts && !gbt_cuts_equal(data->cuts, booster->train->cuts)) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "validation set %s was not binned with same_cuts = training set",
                        name ? name : "");
    }
    GBT_TRY(gbt_booster_check_init_score(booster, data));
    GBT_TRY(gbt_booster_reserve_scratch(booster, data->n_rows));
    GBT_TRY(gbt_booster_reserve_binned(booster, booster->grower.max_nodes));
    gbt_watched *grown =
        gbt_grow(booster->valid, booster->n_valid, (int64_t)booster->n_valid + 1, sizeof *grown);
    if (!grown) {
        return GBT_ERR_MEMORY;
    }
    booster->valid = grown;
    gbt_watched *valid = &booster->valid[booster->n_valid];
    memset(valid, 0, sizeof *valid);
    valid->name = gbt_copy_text(name ? name : "valid");
    GBT_TRY_OR_DONE(valid->name ? GBT_OK : GBT_ERR_MEMORY);
    GBT_TRY_OR_DONE(
        GBT_NEW(valid->target, data->n_rows * gbt_objective_labels(&booster->objective)));
    GBT_TRY_OR_DONE(GBT_NEW(valid->scores, data->n_rows * booster->objective.n_outputs));
    GBT_TRY_OR_DONE(
        gbt_classes_target(&booster->classes, &booster->objective, data, valid->target));
    gbt_booster_fill_scores(booster, data, valid->scores);
    gbt_booster_add_model(booster, data, valid->scores);
    valid->data = gbt_dataset_retain(data);
    gbt_dataset_pin(data);
    booster->n_valid++;
done:
    if (status != GBT_OK) {
        gbt_release(valid->name);
        gbt_release(valid->target);
        gbt_release(valid->scores);
    }
    return status;
}

/* ---- Scores and metrics ---------------------------------------------------------------------- */

static gbt_status check_data(const gbt_booster *booster, int data)
{
    return booster && data >= -1 && data < booster->n_valid
               ? GBT_OK
               : gbt_fail(GBT_ERR_ARGUMENT,
                          "data = %d: -1 is the training set, 0 .. %d are validation sets", data,
                          booster ? (int)booster->n_valid - 1 : -1);
}

gbt_status gbt_booster_scores(const gbt_booster *booster, int data, float *out, int64_t n)
{
    GBT_TRY(check_data(booster, data));
    const int64_t rows = data < 0 ? booster->train->n_rows : booster->valid[data].data->n_rows;
    if (!out || n != rows * booster->objective.n_outputs) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_booster_scores: n is %lld, rows x outputs is %lld",
                        (long long)n, (long long)(rows * booster->objective.n_outputs));
    }
    if (data < 0) {
        return booster->ops->scores(booster->backend, out);
    }
    memcpy(out, booster->valid[data].scores, (size_t)n * sizeof *out);
    return GBT_OK;
}

/* The training set's scores live in the backend; the first request makes room for a copy. */
static gbt_status fetch_train_scores(gbt_booster *booster)
{
    if (!booster->train_scores) {
        GBT_TRY(gbt_booster_reserve_scratch(booster, booster->train->n_rows));
        GBT_TRY(
            GBT_NEW(booster->train_scores, booster->train->n_rows * booster->objective.n_outputs));
    }
    return booster->ops->scores(booster->backend, booster->train_scores);
}

gbt_status gbt_booster_metric(const gbt_booster *booster, int data, int metric, double *out)
{
    GBT_TRY(check_data(booster, data));
    if (metric < 0 || metric >= booster->n_metrics || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "metric = %d: the configuration has %d metrics", metric,
                        (int)booster->n_metrics);
    }
    if (data < 0) {
        GBT_TRY(fetch_train_scores((gbt_booster *)booster)); /* fills a cache, changes no result */
    }
    const gbt_dataset *rows = data < 0 ? booster->train : booster->valid[data].data;
    *out = gbt_metric_eval(&booster->metrics[metric],
                           data < 0 ? booster->train_scores : booster->valid[data].scores,
                           data < 0 ? booster->target : booster->valid[data].target, rows->weight,
                           rows->n_rows, booster->threads, booster->metric_scratch);
    return GBT_OK;
}
