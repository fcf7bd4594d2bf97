/* Rounds: gradients, sample, a tree per output, validation scores. */
#ifndef GBT_TRAIN_BOOSTER_H
#define GBT_TRAIN_BOOSTER_H

#include "gbt/backend/backend.h"
#include "gbt/backend/binned_tree.h"
#include "gbt/loss/metric.h"
#include "gbt/train/classes.h"
#include "gbt/train/grower.h"
#include "gbt/train/sampler.h"
#include "gbt/tree/model.h"

enum { GBT_MAX_METRICS = 16 };

/* A validation set, or the training set itself (its scores are fetched from the backend). */
typedef struct gbt_watched {
    const gbt_dataset *data; /* retained */
    char *name;
    float *target; /* [gbt_objective_labels() x n_rows] */
    float *scores; /* [n_outputs x n_rows] */
} gbt_watched;

struct gbt_booster {
    gbt_params *params;       /* resolved */
    const gbt_dataset *train; /* retained */
    int32_t threads;
    gbt_classes classes;
    gbt_objective objective;
    float *target; /* [gbt_objective_labels() x n_rows] */
    const gbt_backend_ops *ops;
    gbt_backend *backend;
    gbt_sampler sampler;
    gbt_grower grower;
    gbt_model *model;
    int32_t round;      /* rounds done, those of a continued model included */
    gbt_watched *valid; /* [n_valid] */
    int32_t n_valid;
    gbt_metric_config metrics[GBT_MAX_METRICS];
    int32_t n_metrics;
    float *train_scores; /* [n_outputs x n_rows] fetched for metrics of the training set, or NULL */
    void *metric_scratch;
    size_t metric_scratch_bytes;
    gbt_tree **fresh;       /* [n_outputs] trees of the round under way */
    gbt_binned_tree binned; /* one of them for a validation set */
    bool is_finished;
    bool is_broken; /* a round failed half-way: the scores hold trees that the model lacks */
};

/* Estimated bytes that training takes beyond the data sets. */
int64_t gbt_booster_bytes(const gbt_params *, const gbt_dataset *train, int32_t n_outputs);

/* Of the device's memory; 0 when training runs on the CPU. */
int64_t gbt_booster_device_bytes(const gbt_params *, const gbt_dataset *train, int32_t n_outputs);

/* What these parameters draw for each round. */
gbt_sampler_config gbt_booster_sampling(const gbt_params *);

/* ---- Shared by the three files of the booster ------------------------------------------------ */

/* Scores before the first tree: base score plus init score, [n_outputs x n_rows]. */
void gbt_booster_fill_scores(const gbt_booster *, const gbt_dataset *, float *scores);

/* ERR_DATA: init scores of another width, or in only one of training and this data. */
gbt_status gbt_booster_check_init_score(const gbt_booster *, const gbt_dataset *);

/* Scratch for every metric on `n_rows` rows. */
gbt_status gbt_booster_reserve_scratch(gbt_booster *, int64_t n_rows);

/* Room for trees of so many nodes on their way to scores. */
gbt_status gbt_booster_reserve_binned(gbt_booster *, int32_t n_nodes);

/* Adds the fresh trees to the scores of all validation sets, or the whole model to those of a data
 * set. There is room for each tree. */
void gbt_booster_add_fresh(gbt_booster *);
void gbt_booster_add_model(gbt_booster *, const gbt_dataset *, float *scores);

#endif
