/* Groups of tasks [Emami26]: a small model of every task is asked about the rows of every other,
 * and tasks that see the same models err alike belong together. A task's own error is that on rows
 * its model did not see (cluster_folds), since a training error near 0 would outweigh all others.
 * Cost: tasks x (folds + 1) small models, each other task's rows (at most 200) under each. */
#include <math.h>
#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/log.h"
#include "gbt/base/rng.h"
#include "gbt/modules/multitask_internal.h"

enum { PROBE_ROWS = 200 }; /* of a task, when there are folds */

/* A row's place in a random order of its task's rows. */
typedef struct place {
    uint64_t draw;
    int64_t row;
} place;

typedef struct clustering {
    gbt_task_run *run;
    int32_t n_tasks;
    bool has_classes;
    place *place;      /* [n_rows] rows of every task in a random order, tasks as in `first` */
    double *error;     /* [n_tasks x n_tasks] sums, then means: row i: rows of task i */
    double *weight;    /* [n_tasks x n_tasks] weights behind the sums */
    int64_t *rows;     /* [n_rows] scratch */
    float *prediction; /* [n_rows x n_outputs] scratch */
} clustering;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->draw != y->draw) {
        return x->draw < y->draw ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

static gbt_status open_clustering(gbt_task_run *run, clustering *c)
{
    const int64_t n_tasks = run->model->n_tasks, n_rows = run->train.n_rows;
    int64_t n_classes = 0;
    *c = (clustering){.run = run, .n_tasks = run->model->n_tasks};
    GBT_TRY(gbt_model_shape(run->model->frame, GBT_SHAPE_CLASSES, &n_classes));
    c->has_classes = n_classes > 0;
    GBT_TRY(GBT_NEW(c->place, n_rows));
    GBT_TRY(GBT_NEW_ZERO(c->error, n_tasks * n_tasks));
    GBT_TRY(GBT_NEW_ZERO(c->weight, n_tasks * n_tasks));
    GBT_TRY(GBT_NEW(c->rows, n_rows));
    GBT_TRY(GBT_NEW(c->prediction, n_rows * run->model->n_outputs));
    for (int32_t r = 0; r < c->n_tasks; r++) {
        const uint64_t key = gbt_rng_key(run->set.seed, 0, (uint64_t)r, GBT_RNG_FOLDS);
        const int64_t first = run->train.first[r], last = run->train.first[r + 1];
        for (int64_t at = first; at < last; at++) {
            c->place[at] = (place){gbt_rng_u64(key, (uint64_t)(at - first)), run->train.order[at]};
        }
        qsort(c->place + first, (size_t)(last - first), sizeof *c->place, compare_places);
    }
    return GBT_OK;
}

static void close_clustering(clustering *c)
{
    gbt_release(c->place);
    gbt_release(c->error);
    gbt_release(c->weight);
    gbt_release(c->rows);
    gbt_release(c->prediction);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* Adds the errors of a model on training rows [n], `data`, to column `column` of the rows'
 * tasks. */
static gbt_status add_errors(clustering *c, const gbt_model *model, const gbt_dataset *data,
                             const int64_t *rows, int64_t n, int32_t column)
{
    const gbt_task_rows *train = &c->run->train;
    const int32_t n_outputs = c->has_classes ? 1 : c->run->model->n_outputs;
    const gbt_predict_kind kind = c->has_classes ? GBT_PREDICT_CLASS : GBT_PREDICT_RESPONSE;
    GBT_TRY(gbt_model_predict_dataset(model, data, kind, 0, 0, c->run->set.threads, c->prediction,
                                      n * n_outputs));
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = (int64_t)train->task[rows[i]] * c->n_tasks + column;
        const double weight = train->weight ? (double)train->weight[rows[i]] : 1.0;
        double error = 0.0;
        for (int32_t k = 0; k < n_outputs; k++) {
            const double gap = (double)c->prediction[i * n_outputs + k] -
                               (double)train->label[k * train->n_rows + rows[i]];
            error += c->has_classes ? (double)(gap != 0.0) : gap * gap;
        }
        c->error[at] += weight * error;
        c->weight[at] += weight;
    }
    return GBT_OK;
}

/* Small models of all tasks on rows of all tasks; with folds not on the own ones. */
static gbt_status cross_errors(clustering *c)
{
    gbt_status status = GBT_OK;
    gbt_task_run *run = c->run;
    gbt_dataset *probe = NULL;
    gbt_task_unit *unit = NULL;
    int64_t n = 0;
    const bool has_folds = run->set.cluster_folds > 0;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(unit, c->n_tasks));
    for (int32_t r = 0; r < c->n_tasks; r++) {
        const int64_t first = run->train.first[r], n_own = run->train.first[r + 1] - first;
        unit[r] = (gbt_task_unit){run->train.order + first, n_own, true, NULL};
        for (int64_t i = 0; i < n_own && (i < PROBE_ROWS || !has_folds); i++) {
            c->rows[n++] = c->place[first + i].row;
        }
    }
    GBT_TRY_OR_DONE(gbt_task_units_train(run, unit, c->n_tasks, run->set.cluster_trees));
    GBT_TRY_OR_DONE(gbt_dataset_subset(run->train.data, c->rows, n, &probe));
    for (int32_t r = 0; r < c->n_tasks; r++) {
        GBT_TRY_OR_DONE(add_errors(c, unit[r].model, probe, c->rows, n, r));
        if (has_folds) {
            c->error[(int64_t)r * c->n_tasks + r] = 0.0;
            c->weight[(int64_t)r * c->n_tasks + r] = 0.0;
        }
    }
done:
    gbt_dataset_free(probe);
    gbt_task_units_close(unit, c->n_tasks);
    return status;
}

static int compare_rows(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Writes the rows of a task inside or outside a fold, ascending; returns their number. */
static int64_t fold_rows(const clustering *c, int32_t task, int32_t fold, bool is_inside,
                         int64_t *out)
{
    const gbt_task_rows *train = &c->run->train;
    int64_t n = 0;
    for (int64_t at = train->first[task]; at < train->first[task + 1]; at++) {
        if (((at - train->first[task]) % c->run->set.cluster_folds == fold) == is_inside) {
            out[n++] = c->place[at].row;
        }
    }
    qsort(out, (size_t)n, sizeof *out, compare_rows);
    return n;
}

/* Every task's model without the rows of one fold, on these rows. */
static gbt_status fold_errors(clustering *c, int32_t fold)
{
    gbt_status status = GBT_OK;
    gbt_task_run *run = c->run;
    gbt_task_unit *unit = NULL;
    gbt_dataset *data = NULL;
    int64_t *kept = c->rows, *held = NULL;
    int32_t *task = NULL, n_units = 0;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(unit, c->n_tasks));
    GBT_TRY_OR_DONE(GBT_NEW(task, c->n_tasks));
    GBT_TRY_OR_DONE(GBT_NEW(held, run->train.n_rows));
    for (int32_t r = 0; r < c->n_tasks; r++) {
        const int64_t n_own = run->train.first[r + 1] - run->train.first[r];
        const int64_t n_kept = fold_rows(c, r, fold, false, kept);
        if (n_kept > 0 && n_kept < n_own) {
            unit[n_units] = (gbt_task_unit){kept, n_kept, true, NULL};
            task[n_units++] = r;
            kept += n_kept;
        }
    }
    GBT_TRY_OR_DONE(gbt_task_units_train(run, unit, n_units, run->set.cluster_trees));
    for (int32_t u = 0; u < n_units; u++) {
        const int64_t n = fold_rows(c, task[u], fold, true, held);
        bool has_weight = false;
        for (int64_t i = 0; i < n; i++) {
            has_weight |= !run->train.weight || run->train.weight[held[i]] > 0.0f;
        }
        if (has_weight) {
            GBT_TRY_OR_DONE(gbt_dataset_subset(run->train.data, held, n, &data));
            GBT_TRY_OR_DONE(add_errors(c, unit[u].model, data, held, n, task[u]));
            gbt_dataset_free(data);
            data = NULL;
        }
    }
done:
    gbt_dataset_free(data);
    gbt_task_units_close(unit, c->n_tasks);
    gbt_release(task);
    gbt_release(held);
    return status;
}

/* Sums to means. With folds a share of wrong classes is drawn towards one half by one row, so that
 * none is 0. A task without an error of its own (one row) takes the least of its row; rows without
 * weight err alike under all models. */
static void average_errors(clustering *c)
{
    const bool is_smoothed = c->has_classes && c->run->set.cluster_folds > 0;
    for (int64_t i = 0; i < c->n_tasks; i++) {
        double *error = c->error + i * c->n_tasks, least = (double)INFINITY;
        const double *weight = c->weight + i * c->n_tasks;
        for (int64_t j = 0; j < c->n_tasks; j++) {
            if (weight[j] > 0.0) {
                error[j] =
                    is_smoothed ? (error[j] + 0.5) / (weight[j] + 1.0) : error[j] / weight[j];
                least = error[j] < least ? error[j] : least;
            }
        }
        for (int64_t j = 0; j < c->n_tasks; j++) {
            error[j] = weight[j] > 0.0 ? error[j] : least < (double)INFINITY ? least : 1.0;
        }
    }
}

gbt_status gbt_tasks_cluster(gbt_task_run *run)
{
    gbt_status status = GBT_OK;
    gbt_multitask *model = run->model;
    clustering c = {0};
    double *distance = NULL;
    if (model->n_tasks > GBT_MOST_CLUSTERED) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "mode = clustered: %d tasks, distances are computed for at most %d",
                        model->n_tasks, GBT_MOST_CLUSTERED);
    }
    GBT_TRY_OR_DONE(open_clustering(run, &c));
    GBT_TRY_OR_DONE(GBT_NEW(distance, (int64_t)c.n_tasks * c.n_tasks));
    GBT_TRY_OR_DONE(cross_errors(&c));
    for (int32_t fold = 0; fold < run->set.cluster_folds; fold++) {
        GBT_TRY_OR_DONE(fold_errors(&c, fold));
    }
    average_errors(&c);
    gbt_cluster_distances(c.error, c.n_tasks, distance);
    GBT_TRY_OR_DONE(gbt_cluster_tasks(distance, c.n_tasks, run->set.max_clusters, model->group,
                                      &model->n_groups));
    gbt_log_line(GBT_LOG_INFO, "%d tasks in %d groups", model->n_tasks, model->n_groups);
done:
    close_clustering(&c);
    gbt_release(distance);
    return status;
}
