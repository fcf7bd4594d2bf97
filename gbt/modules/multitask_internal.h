/* Shared by the files of robust multi-task boosting: the model, and the state of one training run.
 * Formulas: gbt/ALGORITHM.md, multi-task boosting [Emami25].
 *
 * Notation: tasks r, rows i, outputs k. A score is
 *     F(i) = A(i) + (o_r B(i) + w_r C(i)) + S_r(i),   w = sigmoid(theta), o = sigmoid(-theta) = 1 -
 * w summed in double in this order and rounded to float, in training and in prediction. */
#ifndef GBT_MODULES_MULTITASK_INTERNAL_H
#define GBT_MODULES_MULTITASK_INTERNAL_H

#include <stdbool.h>

#include "gbt/base/status.h"
#include "gbt/gbt.h"

/* In the order of the key `mode`. */
typedef enum gbt_task_mode {
    GBT_TASKS_ROBUST,
    GBT_TASKS_SHARED,
    GBT_TASKS_SINGLE,
    GBT_TASKS_POOLED,
    GBT_TASKS_FEATURE,
    GBT_TASKS_CLUSTERED,
    GBT_N_TASK_MODES
} gbt_task_mode;

typedef enum gbt_theta_rule { GBT_THETA_NEWTON, GBT_THETA_MEAN, GBT_THETA_SUM } gbt_theta_rule;

typedef enum gbt_task_block {
    GBT_BLOCK_SHARED,
    GBT_BLOCK_ROBUST,
    GBT_BLOCK_TASK,
    GBT_N_BLOCKS
} gbt_task_block;

/* ---- The model ------------------------------------------------------------------------------- */

/* The parts: a shared model of each group of tasks (one, but for `clustered`), then in mode robust
 * the ordinary and the outlier model, then in modes with task trees the models of the tasks.
 * Only shared models have a base score; in mode single the models of the tasks have one, and the
 * shared model, a base score without trees, is for unseen tasks alone. */
struct gbt_multitask {
    gbt_params *params; /* the caller's; keys of [multitask] are written to files */
    gbt_model *frame;   /* columns, classes, parameters, pooled base score; no trees */
    gbt_task_mode mode;
    int32_t n_outputs, n_tasks, n_groups, n_parts;
    int32_t *number;  /* [n_tasks] ascending */
    char **name;      /* [n_tasks] */
    int64_t *rows;    /* [n_tasks] training rows */
    int32_t *group;   /* [n_tasks] */
    double *theta;    /* [n_tasks] 0 in other modes than robust */
    gbt_model **part; /* [n_parts] */
};

bool gbt_tasks_have_weights(gbt_task_mode);
bool gbt_tasks_have_trees(gbt_task_mode);
int32_t gbt_multitask_ordinary(const gbt_multitask *);   /* number of the part; the next: outlier */
int32_t gbt_multitask_first_task(const gbt_multitask *); /* number of the part of task 0 */
/* Arrays of the tasks, zeroed, and of the parts, NULL, once mode, n_tasks and n_groups are set. */
gbt_status gbt_multitask_reserve(gbt_multitask *);
gbt_status gbt_multitask_reserve_parts(gbt_multitask *);
/* Index of a task number, -1: not one of training. */
int32_t gbt_multitask_find(const gbt_multitask *, int32_t number);
int32_t gbt_model_round_count(const gbt_model *); /* NULL: 0 */

double gbt_sigmoid(double);
/* Weights of B and C [n_tasks + 1] each, those of an unseen task last: means over training rows. */
void gbt_multitask_weights(const gbt_multitask *, double *ordinary, double *outlier);

/* ---- mode = feature -------------------------------------------------------------------------- */

/* ERR_ARGUMENT: not the raw values of n_rows rows in the columns of the frame. `name` of the matrix
 * is for the message. */
gbt_status gbt_feature_check(const char *name, const gbt_model *frame, const gbt_matrix *,
                             int64_t n_rows);
/* One more column, the task index (NaN: -1): out [n x (n_cols + 1)] of rows [n] (NULL: all, from
 * `first`). */
void gbt_feature_widen(const gbt_matrix *, const int64_t *rows, int64_t first, int64_t n,
                       const int32_t *task, float *out);

/* ---- Training -------------------------------------------------------------------------------- */

typedef struct gbt_task_settings {
    gbt_task_mode mode;
    int32_t n_rounds[GBT_N_BLOCKS]; /* 0 where the mode has no such block */
    bool has_mean_leaves;
    gbt_theta_rule theta_rule;
    double theta_rate, theta_scale, theta_l2;
    int32_t max_clusters, cluster_trees, cluster_folds;
    int32_t patience; /* rounds without a better metric; 0: no early stopping */
    int32_t metric_every;
    double valid_fraction;
    uint64_t seed;
    int threads;
} gbt_task_settings;

gbt_status gbt_task_mode_read(const gbt_params *, gbt_task_mode *out);
/* Reads the keys and refuses those without effect. `has_valid`: validation rows are given. */
gbt_status gbt_task_settings_read(const gbt_params *, bool has_valid, gbt_task_settings *out);

/* Scores of the blocks. */
enum { GBT_SCORE_SHARED, GBT_SCORE_ORDINARY, GBT_SCORE_OUTLIER, GBT_SCORE_TASK, GBT_N_SCORES };

/* Rows of training or validation. */
typedef struct gbt_task_rows {
    gbt_dataset *data; /* a handle of its own; NULL: no rows */
    int64_t n_rows;
    float *label;               /* as gbt_model_labels */
    float *weight;              /* [n_rows] or NULL */
    int32_t *task;              /* [n_rows] task index */
    int64_t *order;             /* [n_rows] rows by task, ascending within */
    int64_t *first;             /* [n_tasks + 1] where a task begins in `order` */
    float *block[GBT_N_SCORES]; /* [n_outputs x n_rows] */
    float *score;               /* [n_outputs x n_rows] F */
} gbt_task_rows;

/* Takes `data` over. */
gbt_status gbt_task_rows_open(gbt_task_rows *, const gbt_multitask *, gbt_dataset *data);
void gbt_task_rows_close(gbt_task_rows *); /* a zeroed one is closed */
/* Task numbers of a data set [n_rows]. ERR_DATA: it has none. */
gbt_status gbt_task_numbers(const gbt_dataset *, const char *what, int32_t *out);
/* Fills the tasks of the model: numbers, names, rows. The frame may still be NULL: names later. */
gbt_status gbt_tasks_learn(gbt_multitask *, const gbt_dataset *train);
gbt_status gbt_tasks_name(gbt_multitask *);
/* score = F of the blocks. */
void gbt_task_blend(gbt_task_rows *, const gbt_multitask *, const double *ordinary,
                    const double *outlier, int threads);
/* Raw scores of a model on its rows, outputs one after the other: out [n_outputs x rows]. */
gbt_status gbt_task_model_scores(const gbt_model *, const gbt_dataset *, int32_t first_round,
                                 int32_t n_rounds, int threads, float *out);

/* What is measured, reported and compared between rounds. */
typedef struct gbt_task_watch {
    gbt_round_fn callback;
    void *user;
    double start;
    const char **metric, **data_name; /* [n_metrics] */
    double *value;                    /* [n_metrics] */
    int n_metrics;                    /* 0: no validation rows */
    int32_t n_before;                 /* rounds kept of earlier blocks */
    int32_t n_planned;                /* with the block under way and those to come */
    int32_t n_block;                  /* planned for the block under way */
    int32_t best_round;               /* of the block under way; 0: before it */
    double best_value;
    bool has_best;
    bool is_stopped; /* by the callback: no further block */
} gbt_task_watch;

typedef struct gbt_task_run {
    gbt_task_settings set;
    gbt_multitask *model; /* under construction */
    gbt_params *own;      /* resolved parameters of the frame */
    gbt_params *bare;     /* of boosters that get gradients and have no labels of their own */
    gbt_model *zero;      /* the frame with base score 0 */
    gbt_objective *objective;
    gbt_task_rows train, valid;
    double *ordinary, *outlier; /* [n_tasks + 1] weights of B and C */
    float *grad, *hess;         /* [n_outputs x n_rows] of the loss at F */
    gbt_task_watch watch;
    const char *valid_name; /* static */
} gbt_task_run;

/* Everything before the first round, and its release. features: as gbt_multitask_train. */
typedef struct gbt_task_input {
    const gbt_params *params;
    const gbt_dataset *train, *valid;
    const gbt_matrix *features, *valid_features;
    const double *theta_start; /* [tasks] instead of the random start, or NULL */
} gbt_task_input;
gbt_status gbt_task_run_open(gbt_task_run *, const gbt_task_input *);
void gbt_task_run_close(gbt_task_run *); /* frees the model unless it was taken */

/* gbt_multitask_train with the start of theta given, for tests. */
gbt_status gbt_multitask_boost(const gbt_task_input *, gbt_round_fn, void *user,
                               gbt_multitask **out);

/* ---- Watching -------------------------------------------------------------------------------- */

gbt_status gbt_task_watch_open(gbt_task_run *);
void gbt_task_watch_close(gbt_task_watch *);
/* A block of n_rounds begins. */
gbt_status gbt_task_watch_block(gbt_task_run *, int32_t n_rounds);
/* After a round (from 1) of the block: blends and measures the validation rows, whose block scores
 * are up to date, and reports. is_last: no round follows. `*is_over` when the block is to end. */
gbt_status gbt_task_watch_round(gbt_task_run *, int32_t round, bool is_last, bool *is_over);
/* Rounds of the block to keep, of n_done; and the end of the block, for the log. */
int32_t gbt_task_watch_keep(gbt_task_run *, const char *block, int32_t n_done);

/* ---- Task weights ---------------------------------------------------------------------------- */

/* Thetas: given [n_tasks], or theta_scale times a standard normal number each (NULL); and theta_l2
 * of the settings in units of the loss. Rows, frame and objective are there. */
gbt_status gbt_theta_start(gbt_task_run *, const double *given);

/* Sums over the rows of one task, D = C - B: sum -g D, sum h D^2, sum of row weights. */
typedef struct gbt_theta_sums {
    double along, curvature, weight;
} gbt_theta_sums;
gbt_theta_sums gbt_theta_sum(const gbt_task_rows *, int32_t n_outputs, int32_t task,
                             const float *grad, const float *hess);
/* The new theta. */
double gbt_theta_step(const gbt_task_settings *, gbt_theta_sums, double theta);
/* A step for every task. */
void gbt_theta_update(const gbt_task_run *);

/* ---- Models of some rows --------------------------------------------------------------------- */

/* A model boosted on some of the training rows: of a task or a group. `is_alone`: from its own base
 * score, nothing but its own trees in the score; otherwise on top of the other blocks. */
typedef struct gbt_task_unit {
    const int64_t *rows; /* [n_rows] borrowed */
    int64_t n_rows;
    bool is_alone;
    gbt_model *model; /* filled in: owned by the caller */
} gbt_task_unit;

/* Trains all units for at most n_rounds rounds each, units in parallel. */
gbt_status gbt_task_units_train(gbt_task_run *, gbt_task_unit *, int32_t n_units, int32_t n_rounds);
/* Plays the rounds of the trained units again on the validation rows of the tasks that they belong
 * to (unit_of_task [n_tasks]), and cuts them back; their scores go to block `score`. */
gbt_status gbt_task_units_cut(gbt_task_run *, gbt_task_unit *, int32_t n_units,
                              const int32_t *unit_of_task, int score, const char *block,
                              int32_t n_rounds);
void gbt_task_units_close(gbt_task_unit *, int32_t n_units);

/* ---- Clusters -------------------------------------------------------------------------------- */

enum { GBT_MOST_CLUSTERED = 5000 }; /* tasks */

/* Groups the tasks by the errors of their models on each other [Emami26]: model->group and
 * n_groups. */
gbt_status gbt_tasks_cluster(gbt_task_run *);

/* Distances of tasks from errors [n x n] (row i: task i's rows under the model of each task). */
void gbt_cluster_distances(const double *error, int32_t n, double *distance);
/* Average linkage, cut at the number of clusters in 2 .. min(n, most) with the best mean
 * silhouette (the smallest of equals); n <= 2: every task its own. group [n]: clusters in the order
 * of their first task. Returns their number through n_groups. */
gbt_status gbt_cluster_tasks(const double *distance, int32_t n, int32_t most, int32_t *group,
                             int32_t *n_groups);
double gbt_cluster_silhouette(const double *distance, int32_t n, const int32_t *group);

#endif
