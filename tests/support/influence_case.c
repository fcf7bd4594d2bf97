/* Cases and definitions for tests of influence. Nothing here calls the influence module but
 * influence_of and influence_dense_of. */
#include "tests/support/influence_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/tree/model.h"

static void must(gbt_status status)
{
    if (status != GBT_OK) {
        fprintf(stderr, "influence_case: %s\n", gbt_last_error());
        exit(1);
    }
}

static void *room(int64_t count, size_t size)
{
    void *memory = calloc(count > 0 ? (size_t)count : 1, size);
    if (!memory) {
        fprintf(stderr, "influence_case: out of memory\n");
        exit(1);
    }
    return memory;
}

static double number(const gbt_params *params, const char *key)
{
    char text[64];
    must(gbt_params_get(params, key, text, sizeof text));
    return strtod(text, NULL);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

void influence_case_fill(influence_case *c)
{
    gbt_params *params = NULL;
    int64_t value = 0;
    float *weight = NULL;
    c->n_rows = gbt_dataset_rows(c->train);
    c->n_targets = gbt_dataset_rows(c->targets);
    must(gbt_model_shape(c->model, GBT_SHAPE_OUTPUTS, &value));
    c->n_outputs = (int32_t)value;
    must(gbt_model_shape(c->model, GBT_SHAPE_TREES, &value));
    c->n_trees = (int32_t)value;
    must(gbt_model_params(c->model, &params));
    c->rate = number(params, "learning_rate");
    c->lambda = number(params, "reg_lambda");
    gbt_params_free(params);
    must(gbt_objective_of_model(c->model, &c->objective));
    c->label = room(c->n_rows, sizeof *c->label);
    c->target_label = room(c->n_targets, sizeof *c->target_label);
    must(gbt_model_labels(c->model, c->train, c->label, c->n_rows));
    must(gbt_model_labels(c->model, c->targets, c->target_label, c->n_targets));
    c->weight = room(c->n_rows, sizeof *c->weight);
    weight = room(c->n_rows, sizeof *weight);
    const bool weighted = gbt_dataset_field_size(c->train, GBT_WEIGHT) > 0;
    if (weighted) {
        must(gbt_dataset_get(c->train, GBT_WEIGHT, weight, GBT_F32, c->n_rows));
    }
    for (int64_t i = 0; i < c->n_rows; i++) {
        c->weight[i] = weighted ? (double)weight[i] : 1.0;
    }
    free(weight);
    c->bag = room(c->n_trees * c->n_rows, 1);
    c->leaf = room(c->n_trees * c->n_rows, sizeof *c->leaf);
    c->target_leaf = room(c->n_trees * c->n_targets, sizeof *c->target_leaf);
    must(gbt_model_leaves_dataset(c->model, c->train, 0, 0, 1, c->leaf, c->n_trees * c->n_rows));
    must(gbt_model_leaves_dataset(c->model, c->targets, 0, 0, 1, c->target_leaf,
                                  c->n_trees * c->n_targets));
    for (int32_t tree = 0; tree < c->n_trees; tree++) {
        must(gbt_model_in_bag(c->model, tree / c->n_outputs, c->bag + tree * c->n_rows, c->n_rows));
    }
}

void influence_case_open(influence_case *c, const char *options, toy_label label, int64_t n_rows,
                         int64_t n_targets, bool weighted)
{
    toy rows, others;
    memset(c, 0, sizeof *c);
    c->params = toy_params(options);
    toy_make(&rows, n_rows, label, 7);
    toy_make(&others, n_targets, label, 8);
    c->train = toy_dataset(&rows, c->params, NULL, weighted);
    c->targets = toy_dataset(&others, c->params, c->train, false);
    c->model = toy_train(c->params, c->train);
    if (!c->model) {
        must(GBT_ERR_BUG);
    }
    toy_free(&rows);
    toy_free(&others);
    influence_case_fill(c);
}

/* The model again with tree `at` split at `last_left` and the given leaf values. */
static gbt_model *resplit(const gbt_model *model, int32_t at, int last_left, int64_t n_rows,
                          const double *value)
{
    gbt_model *out = NULL;
    void *bytes = NULL;
    size_t size = 0;
    gbt_tree *tree = model->trees[at];
    if (tree->n_nodes != 3) {
        fprintf(stderr, "influence_case: tree %d is no stump\n", (int)at);
        exit(1);
    }
    tree->bin[0] = (uint8_t)(last_left - 1);
    tree->threshold[0] = gbt_tree_threshold(model->cuts, 0, tree->bin[0]);
    for (int side = 0; side < 2; side++) {
        tree->value[1 + side] = (float)value[tree->left[1 + side]];
        tree->rows[1 + side] = (uint32_t)(side == 0 ? last_left : n_rows - last_left);
    }
    must(gbt_model_to_bytes(model, &bytes, &size));
    must(gbt_model_from_bytes(bytes, size, &out));
    gbt_memory_free(bytes);
    return out;
}

/* Splits stumps anew and gives them Newton values, one tree after the other. */
static void place_stumps(influence_case *c, const float *label, int64_t n, const int *last_left)
{
    double *score = room(n, sizeof *score), *grad = room(n, sizeof *grad),
           *hess = room(n, sizeof *hess), base = 0.0;
    gbt_objective *objective = NULL;
    must(gbt_model_base_score(c->model, &base, 1));
    must(gbt_objective_of_model(c->model, &objective));
    for (int64_t i = 0; i < n; i++) {
        score[i] = base;
    }
    int64_t n_trees = 0;
    must(gbt_model_shape(c->model, GBT_SHAPE_TREES, &n_trees));
    for (int32_t t = 0; t < n_trees; t++) {
        double sum[2][2] = {{0.0, 0.0}, {0.0, 0.0}}, value[2];
        must(gbt_objective_derivatives(objective, score, label, n, NULL, grad, hess, NULL, NULL));
        for (int64_t i = 0; i < n; i++) {
            sum[i >= last_left[t]][0] += grad[i];
            sum[i >= last_left[t]][1] += hess[i];
        }
        for (int side = 0; side < 2; side++) {
            value[side] = -0.5 * sum[side][0] / (sum[side][1] + 1.0);
        }
        gbt_model *placed = resplit(c->model, t, last_left[t], n, value);
        gbt_model_free(c->model);
        c->model = placed;
        for (int64_t i = 0; i < n; i++) {
            score[i] += (double)(float)value[i >= last_left[t]];
        }
    }
    gbt_objective_free(objective);
    free(score);
    free(grad);
    free(hess);
}

void influence_case_stumps(influence_case *c, const char *options, const float *label,
                           int64_t n_rows, const int *last_left, int32_t n_trees, float target_x,
                           float target_label)
{
    char text[256];
    float *x = room(n_rows, sizeof *x);
    memset(c, 0, sizeof *c);
    snprintf(text, sizeof text,
             "%s n_trees=%d learning_rate=0.5 reg_lambda=1 max_leaves=2 min_child_samples=1 "
             "min_child_weight=0 min_data_in_bin=1 gradient_bits=32",
             options, (int)n_trees);
    c->params = toy_params(text);
    for (int64_t i = 0; i < n_rows; i++) {
        x[i] = (float)(i + 1);
    }
    const gbt_matrix rows = {x, GBT_F32, n_rows, 1, 1, 1},
                     target = {&target_x, GBT_F32, 1, 1, 1, 1};
    must(gbt_dataset_from_matrix(c->params, &rows, NULL, NULL, &c->train));
    must(gbt_dataset_set(c->train, GBT_LABEL, label, GBT_F32, n_rows));
    must(gbt_dataset_from_matrix(c->params, &target, NULL, c->train, &c->targets));
    must(gbt_dataset_set(c->targets, GBT_LABEL, &target_label, GBT_F32, 1));
    must(gbt_train(c->params, c->train, NULL, NULL, 0, NULL, NULL, &c->model));
    place_stumps(c, label, n_rows, last_left);
    free(x);
    influence_case_fill(c);
}

void influence_case_close(influence_case *c)
{
    gbt_params_free(c->params);
    gbt_dataset_free(c->train);
    gbt_dataset_free(c->targets);
    gbt_model_free(c->model);
    gbt_objective_free(c->objective);
    free(c->label);
    free(c->target_label);
    free(c->weight);
    free(c->bag);
    free(c->leaf);
    free(c->target_leaf);
    memset(c, 0, sizeof *c);
}

gbt_influence *influence_of(const influence_case *c, const char *options)
{
    gbt_params *params = toy_params(options);
    gbt_influence *influence = NULL;
    must(gbt_influence_create(params, c->model, c->train, NULL, NULL, &influence));
    gbt_params_free(params);
    return influence;
}

float *influence_dense_of(const influence_case *c, const char *options)
{
    gbt_influence *influence = influence_of(c, options);
    const gbt_targets targets = {c->targets, NULL};
    float *out = room(c->n_targets * c->n_rows, sizeof *out);
    must(gbt_influence_dense(influence, &targets, NULL, NULL, out, c->n_targets * c->n_rows));
    gbt_influence_free(influence);
    return out;
}

/* ---- Definitions ----------------------------------------------------------------------------- */

static void start(const influence_case *c, const gbt_dataset *data, double *score)
{
    const int64_t n = gbt_dataset_rows(data);
    double *base = room(c->n_outputs, sizeof *base);
    float *init = room(n * c->n_outputs, sizeof *init);
    must(gbt_model_base_score(c->model, base, c->n_outputs));
    if (gbt_dataset_field_size(data, GBT_INIT_SCORE) > 0) {
        must(gbt_dataset_get(data, GBT_INIT_SCORE, init, GBT_F32, n * c->n_outputs));
    }
    for (int32_t k = 0; k < c->n_outputs; k++) {
        for (int64_t i = 0; i < n; i++) {
            score[k * n + i] = base[k] + (double)init[i * c->n_outputs + k];
        }
    }
    free(base);
    free(init);
}

static float *values_of(const influence_case *c, int32_t tree, int32_t *n_leaves)
{
    must(gbt_model_tree_leaves(c->model, tree, n_leaves));
    float *value = room(*n_leaves, sizeof *value);
    must(gbt_model_leaf_values(c->model, tree, value, *n_leaves));
    return value;
}

/* -G / D per leaf of a tree with the given weights; D may be NULL. */
static void newton_leaves(const influence_case *c, int32_t tree, int32_t n_leaves,
                          const double *weight, const double *grad, const double *hess,
                          double *theta, double *divisor)
{
    double *sum = room(2 * (int64_t)n_leaves, sizeof *sum);
    for (int64_t i = 0; i < c->n_rows; i++) {
        if (c->bag[tree * c->n_rows + i]) {
            const int32_t leaf = c->leaf[tree * c->n_rows + i];
            sum[2 * leaf] += weight[i] * grad[i];
            sum[2 * leaf + 1] += weight[i] * hess[i];
        }
    }
    for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
        const double below = sum[2 * leaf + 1] + c->lambda;
        theta[leaf] = below > 0.0 ? -sum[2 * leaf] / below : 0.0;
        if (divisor) {
            divisor[leaf] = below;
        }
    }
    free(sum);
}

typedef struct derived {
    double *grad, *hess, *grad_slope, *hess_slope; /* [n_outputs x n] */
} derived;

static derived derive(const influence_case *c, const double *score, const float *label, int64_t n)
{
    const int64_t cells = c->n_outputs * n;
    derived d = {room(cells, 8), room(cells, 8), room(cells, 8), room(cells, 8)};
    must(gbt_objective_derivatives(c->objective, score, label, n, NULL, d.grad, d.hess,
                                   d.grad_slope, d.hess_slope));
    return d;
}

static void drop(derived d)
{
    free(d.grad);
    free(d.hess);
    free(d.grad_slope);
    free(d.hess_slope);
}

void plain_refit(const influence_case *c, const double *weight, double *score)
{
    const int64_t n = c->n_rows, m = c->n_targets;
    double *old_score = room(c->n_outputs * n, 8), *new_score = room(c->n_outputs * n, 8);
    start(c, c->train, old_score);
    start(c, c->train, new_score);
    start(c, c->targets, score);
    for (int32_t round = 0; round < c->n_trees / c->n_outputs; round++) {
        const derived old = derive(c, old_score, c->label, n),
                      now = derive(c, new_score, c->label, n);
        for (int32_t k = 0; k < c->n_outputs; k++) {
            const int32_t tree = round * c->n_outputs + k;
            int32_t n_leaves = 0;
            float *value = values_of(c, tree, &n_leaves);
            double *was = room(n_leaves, 8), *is = room(n_leaves, 8);
            newton_leaves(c, tree, n_leaves, c->weight, old.grad + k * n, old.hess + k * n, was,
                          NULL);
            newton_leaves(c, tree, n_leaves, weight, now.grad + k * n, now.hess + k * n, is, NULL);
            for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
                is[leaf] = (double)value[leaf] + c->rate * (is[leaf] - was[leaf]);
            }
            for (int64_t i = 0; i < n; i++) {
                old_score[k * n + i] += (double)value[c->leaf[tree * n + i]];
                new_score[k * n + i] += is[c->leaf[tree * n + i]];
            }
            for (int64_t s = 0; s < m; s++) {
                score[k * m + s] += is[c->target_leaf[tree * m + s]];
            }
            free(value);
            free(was);
            free(is);
        }
        drop(old);
        drop(now);
    }
    free(old_score);
    free(new_score);
}

void plain_losses(const influence_case *c, const double *score, double *loss, double *grad)
{
    must(gbt_objective_derivatives(c->objective, score, c->target_label, c->n_targets, loss, grad,
                                   NULL, NULL, NULL));
}

static double *copy(const double *from, int64_t n)
{
    double *to = room(n, sizeof *to);
    memcpy(to, from, (size_t)n * sizeof *to);
    return to;
}

plain_tree *plain_trees(const influence_case *c)
{
    const int64_t n = c->n_rows, m = c->n_targets;
    double *score = room(c->n_outputs * n, 8), *target = room(c->n_outputs * m, 8);
    plain_tree *trees = room(c->n_trees, sizeof *trees);
    start(c, c->train, score);
    start(c, c->targets, target);
    for (int32_t round = 0; round < c->n_trees / c->n_outputs; round++) {
        const derived own = derive(c, score, c->label, n),
                      other = derive(c, target, c->target_label, m);
        for (int32_t k = 0; k < c->n_outputs; k++) {
            const int32_t number = round * c->n_outputs + k;
            plain_tree *tree = &trees[number];
            int32_t n_leaves = 0;
            float *value = values_of(c, number, &n_leaves);
            tree->grad = copy(own.grad + k * n, n);
            tree->hess = copy(own.hess + k * n, n);
            tree->grad_slope = copy(own.grad_slope + k * n, n);
            tree->hess_slope = copy(own.hess_slope + k * n, n);
            tree->target_grad = copy(other.grad + k * m, m);
            tree->theta = room(n_leaves, 8);
            tree->divisor = room(n_leaves, 8);
            tree->rows = room(n_leaves, 8);
            newton_leaves(c, number, n_leaves, c->weight, tree->grad, tree->hess, tree->theta,
                          tree->divisor);
            for (int64_t i = 0; i < n; i++) {
                tree->rows[c->leaf[number * n + i]] += c->bag[number * n + i];
                score[k * n + i] += (double)value[c->leaf[number * n + i]];
            }
            for (int64_t s = 0; s < m; s++) {
                target[k * m + s] += (double)value[c->target_leaf[number * m + s]];
            }
            free(value);
        }
        drop(own);
        drop(other);
    }
    free(score);
    free(target);
    return trees;
}

void plain_trees_free(plain_tree *trees, int32_t n_trees)
{
    for (int32_t t = 0; t < n_trees; t++) {
        free(trees[t].grad);
        free(trees[t].hess);
        free(trees[t].grad_slope);
        free(trees[t].hess_slope);
        free(trees[t].target_grad);
        free(trees[t].theta);
        free(trees[t].divisor);
        free(trees[t].rows);
    }
    free(trees);
}
