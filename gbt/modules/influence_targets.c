/* What estimators ask about target rows: labels, leaves, gradients before every tree, final scores.
 * Cost: a prediction and a derivative a round; 12 bytes a target and tree, so that many targets are
 * handled in batches. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum { BATCH_SHARE = 8, LEAST_BATCH = 64, CHUNK = 8192 };

gbt_status gbt_influence_base(const gbt_influence *of, const gbt_dataset *data, double *out)
{
    const int64_t n = gbt_dataset_rows(data), cells = of->n_outputs * n;
    double *base = NULL;
    float *init = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(base, of->n_outputs));
    GBT_TRY_OR_DONE(gbt_model_base_score(of->model, base, of->n_outputs));
    for (int32_t k = 0; k < of->n_outputs; k++) {
        for (int64_t i = 0; i < n; i++) {
            out[k * n + i] = base[k];
        }
    }
    if (gbt_dataset_field_size(data, GBT_INIT_SCORE) > 0) {
        GBT_TRY_OR_DONE(GBT_NEW(init, cells));
        GBT_TRY_OR_DONE(gbt_dataset_get(data, GBT_INIT_SCORE, init, GBT_F32, cells));
        for (int64_t i = 0; i < n; i++) {
            for (int32_t k = 0; k < of->n_outputs; k++) {
                out[k * n + i] += (double)init[i * of->n_outputs + k];
            }
        }
    }
done:
    gbt_release(base);
    gbt_release(init);
    return status;
}

typedef struct add_job {
    const gbt_influence *of;
    gbt_target_set *set;
    int32_t round;
} add_job;

static void add_round(void *context, int64_t first, int64_t last, int thread)
{
    const add_job *job = context;
    const int64_t n = job->set->n;
    (void)thread;
    for (int32_t k = 0; k < job->of->n_outputs; k++) {
        const int32_t tree = job->round * job->of->n_outputs + k;
        const double *value = job->of->leaf_value + job->of->leaf_start[tree];
        for (int64_t s = first; s < last; s++) {
            job->set->score[k * n + s] += value[job->set->leaf[tree * n + s]];
        }
    }
}

static gbt_status follow(const gbt_influence *of, gbt_target_set *set)
{
    const int64_t cells = of->n_outputs * set->n;
    GBT_TRY(gbt_influence_base(of, set->rows, set->score));
    for (int32_t round = 0; round < of->n_rounds; round++) {
        const gbt_derivatives wanted = {.grad = set->grad ? set->grad + round * cells : NULL};
        add_job job = {of, set, round};
        if (set->grad) {
            GBT_TRY(gbt_influence_derive(of, set->score, set->label, set->n, &wanted));
        }
        gbt_for_chunks(of->threads, set->n, CHUNK, add_round, &job);
    }
    return GBT_OK;
}

/* Targets [first, first + n) as a data set of their own, unless they are all of them. */
static gbt_status take_rows(gbt_target_batch *batch, const gbt_targets *targets, int64_t first,
                            int64_t n)
{
    int64_t *row = NULL;
    gbt_status status = GBT_OK;
    batch->set.rows = targets->rows;
    if (n < gbt_dataset_rows(targets->rows)) {
        GBT_TRY_OR_DONE(GBT_NEW(row, n));
        for (int64_t i = 0; i < n; i++) {
            row[i] = first + i;
        }
        GBT_TRY_OR_DONE(gbt_dataset_subset(targets->rows, row, n, &batch->owned));
        batch->set.rows = batch->owned;
    }
    if (targets->features) {
        static const size_t sizes[] = {sizeof(float), sizeof(double), sizeof(int32_t)};
        const gbt_matrix *all = targets->features;
        batch->features = *all;
        batch->features.n_rows = n;
        batch->features.data =
            (const char *)all->data + first * all->row_stride * (int64_t)sizes[all->dtype];
        batch->set.features = &batch->features;
    }
done:
    gbt_release(row);
    return status;
}

gbt_status gbt_target_batch_open(gbt_target_batch *batch, const gbt_influence *of,
                                 const gbt_targets *targets, int64_t first, int64_t n,
                                 bool is_labelled)
{
    gbt_target_set *set = &batch->set;
    const int64_t n_labels = of->n_labels / of->n_rows * n;
    gbt_status status = GBT_OK;
    memset(batch, 0, sizeof *batch);
    set->n = n;
    GBT_TRY_OR_DONE(take_rows(batch, targets, first, n));
    if (is_labelled) {
        GBT_TRY_OR_DONE(GBT_NEW(set->label, n_labels));
        GBT_TRY_OR_DONE(GBT_NEW(set->grad, of->n_trees * n));
        GBT_TRY_OR_DONE(gbt_model_labels(of->model, set->rows, set->label, n_labels));
    }
    GBT_TRY_OR_DONE(GBT_NEW(set->leaf, of->n_trees * n));
    GBT_TRY_OR_DONE(GBT_NEW(set->score, of->n_outputs * n));
    GBT_TRY_OR_DONE(gbt_model_leaves_dataset(of->model, set->rows, 0, 0, of->threads, set->leaf,
                                             of->n_trees * n));
    GBT_TRY_OR_DONE(follow(of, set));
done:
    if (status != GBT_OK) {
        gbt_target_batch_close(batch);
    }
    return status;
}

void gbt_target_batch_close(gbt_target_batch *batch)
{
    gbt_release(batch->set.label);
    gbt_release(batch->set.leaf);
    gbt_release(batch->set.grad);
    gbt_release(batch->set.score);
    gbt_dataset_free(batch->owned);
    memset(batch, 0, sizeof *batch);
}

int64_t gbt_target_batch_size(const gbt_influence *of, int64_t n_targets)
{
    const int64_t bytes = 12 * (int64_t)of->n_trees + 24 * (int64_t)of->n_outputs + 16;
    const int64_t n = gbt_influence_spare_bytes(of) / BATCH_SHARE / bytes;
    return n >= n_targets ? n_targets : n < LEAST_BATCH ? LEAST_BATCH : n;
}
