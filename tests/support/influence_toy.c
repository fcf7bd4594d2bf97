/* See influence_toy.h. Everything by its definition, through gbt.h. */
#define _POSIX_C_SOURCE 200809L
#include "tests/support/influence_toy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fail_alloc.h"

static void must(gbt_status status)
{
    if (status != GBT_OK) {
        fprintf(stderr, "influence_toy: %s\n", gbt_last_error());
        exit(1);
    }
}

static void *room(int64_t n, size_t size)
{
    void *memory = calloc((size_t)(n > 0 ? n : 1), size);
    if (memory == NULL) {
        fprintf(stderr, "influence_toy: out of memory\n");
        exit(1);
    }
    return memory;
}

void influence_toy_make(influence_toy *it, toy_label kind, int64_t n_train, int64_t n_targets,
                        const char *training, bool weighted)
{
    gbt_params *params = toy_params(training);
    it->n = n_train;
    it->n_targets = n_targets;
    toy_make(&it->train_rows, n_train, kind, 5);
    toy_make(&it->target_rows, n_targets, kind, 77);
    it->train = toy_dataset(&it->train_rows, params, NULL, weighted);
    it->targets = toy_dataset(&it->target_rows, params, it->train, false);
    it->model = toy_train(params, it->train);
    must(it->model ? GBT_OK : GBT_ERR_BUG);
    gbt_params_free(params);
}

void influence_toy_free(influence_toy *it)
{
    gbt_model_free(it->model);
    gbt_dataset_free(it->train);
    gbt_dataset_free(it->targets);
    toy_free(&it->train_rows);
    toy_free(&it->target_rows);
}

gbt_influence *influence_toy_open(const influence_toy *it, const char *keys)
{
    gbt_params *params = toy_params(keys);
    gbt_influence *made = NULL;
    const gbt_matrix features = toy_matrix(&it->train_rows);
    if (gbt_influence_create(params, it->model, it->train, NULL, NULL, &made) == GBT_OK &&
        gbt_influence_set_features(made, &features) != GBT_OK) {
        gbt_influence_free(made);
        made = NULL;
    }
    gbt_params_free(params);
    return made;
}

float *influence_toy_dense(const influence_toy *it, const gbt_influence *of)
{
    const int64_t n = it->n * it->n_targets;
    const gbt_matrix features = toy_matrix(&it->target_rows);
    const gbt_targets targets = {it->targets, &features};
    float *out = room(n, sizeof *out);
    if (gbt_influence_dense(of, &targets, NULL, NULL, out, n) != GBT_OK) {
        free(out);
        return NULL;
    }
    return out;
}

/* Leaves [trees x rows]. */
static int32_t *leaves_of(const gbt_model *model, const gbt_dataset *rows, int64_t *n_trees)
{
    must(gbt_model_shape(model, GBT_SHAPE_TREES, n_trees));
    const int64_t n = *n_trees * gbt_dataset_rows(rows);
    int32_t *leaf = room(n, sizeof *leaf);
    must(gbt_model_leaves_dataset(model, rows, 0, 0, 1, leaf, n));
    return leaf;
}

static int32_t node_of_leaf(const gbt_node *nodes, int32_t n_nodes, int32_t leaf)
{
    int32_t i = 0;
    while (i < n_nodes && nodes[i].leaf != leaf) {
        i++;
    }
    return i;
}

double *influence_toy_vectors(const influence_toy *it, const gbt_dataset *rows, const char *kernel,
                              int64_t *n_coordinates)
{
    enum { MOST_NODES = 4096 };
    const bool is_path = kernel[0] == 'f', is_output = kernel[0] == 't';
    const bool has_values = kernel[1] == 'o', is_divided = strchr(kernel, 'w') != NULL;
    const int64_t n = gbt_dataset_rows(rows);
    int64_t n_trees = 0, at = 0;
    int32_t *train_leaf = leaves_of(it->model, it->train, &n_trees);
    int32_t *leaf = leaves_of(it->model, rows, &n_trees);
    gbt_node *nodes = room(MOST_NODES, sizeof *nodes);
    double *count = room(MOST_NODES, sizeof *count);
    *n_coordinates = 0;
    for (int32_t t = 0; t < n_trees; t++) {
        int32_t n_nodes = 0;
        must(gbt_model_tree_nodes(it->model, t, &n_nodes));
        *n_coordinates += is_output ? 1 : n_nodes;
    }
    double *out = room(n * *n_coordinates, sizeof *out);
    for (int32_t t = 0; t < n_trees; t++) {
        int32_t n_nodes = 0;
        must(gbt_model_tree_nodes(it->model, t, &n_nodes));
        must(gbt_model_nodes(it->model, t, nodes, n_nodes));
        memset(count, 0, MOST_NODES * sizeof *count);
        for (int64_t i = 0; i < it->n; i++) {
            int32_t node = node_of_leaf(nodes, n_nodes, train_leaf[t * it->n + i]);
            for (; node >= 0; node = nodes[node].parent) {
                count[node] += 1.0;
            }
        }
        for (int64_t i = 0; i < n; i++) {
            int32_t node = node_of_leaf(nodes, n_nodes, leaf[t * n + i]);
            for (bool is_leaf = true; node >= 0; node = nodes[node].parent, is_leaf = false) {
                double entry = is_leaf && has_values ? (double)nodes[node].value : 1.0;
                entry = is_divided ? (count[node] > 0.0 ? entry / count[node] : 0.0) : entry;
                if (is_leaf || is_path) {
                    out[i * *n_coordinates + at + (is_output ? 0 : node)] = entry;
                }
            }
        }
        at += is_output ? 1 : n_nodes;
    }
    free(train_leaf);
    free(leaf);
    free(nodes);
    free(count);
    return out;
}

double *influence_toy_scores(const gbt_model *model, const gbt_dataset *rows)
{
    enum { MOST_OUTPUTS = 64, MOST_LEAVES = 4096 };
    const int64_t n = gbt_dataset_rows(rows);
    double base[MOST_OUTPUTS];
    float *value = room(MOST_LEAVES, sizeof *value);
    int64_t n_trees = 0, n_outputs = 0;
    must(gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs));
    must(gbt_model_base_score(model, base, n_outputs));
    int32_t *leaf = leaves_of(model, rows, &n_trees);
    double *score = room(n * n_outputs, sizeof *score);
    for (int64_t cell = 0; cell < n * n_outputs; cell++) {
        score[cell] = base[cell / n];
    }
    for (int32_t t = 0; t < n_trees; t++) {
        int32_t n_leaves = 0;
        must(gbt_model_tree_leaves(model, t, &n_leaves));
        must(gbt_model_leaf_values(model, t, value, n_leaves));
        for (int64_t i = 0; i < n; i++) {
            score[t % n_outputs * n + i] += (double)value[leaf[t * n + i]];
        }
    }
    free(leaf);
    free(value);
    return score;
}

double *influence_toy_losses(const gbt_model *model, const gbt_dataset *rows)
{
    const int64_t n = gbt_dataset_rows(rows);
    int64_t n_outputs = 0, n_classes = 0;
    must(gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs));
    must(gbt_model_shape(model, GBT_SHAPE_CLASSES, &n_classes));
    float *response = room(n * n_outputs, sizeof *response), *label = room(n, sizeof *label);
    double *loss = room(n, sizeof *loss);
    must(gbt_model_predict_dataset(model, rows, GBT_PREDICT_RESPONSE, 0, 0, 1, response,
                                   n * n_outputs));
    must(gbt_model_labels(model, rows, label, n));
    for (int64_t i = 0; i < n; i++) {
        const double y = (double)label[i];
        if (n_classes == 0) {
            loss[i] = 0.5 * (y - (double)response[i]) * (y - (double)response[i]);
            continue;
        }
        double p = n_outputs > 1 ? (double)response[i * n_outputs + (int64_t)y]
                   : y > 0.5     ? (double)response[i]
                                 : 1.0 - (double)response[i];
        p = fmin(fmax(p, 1e-5), 1.0 - 1e-5);
        loss[i] = -log(p);
    }
    free(response);
    free(label);
    return loss;
}

/* ---- Refused allocations --------------------------------------------------------------------- */

static gbt_status set_keys(gbt_params *params, const char *keys)
{
    char text[256];
    gbt_status status = GBT_OK;
    (void)snprintf(text, sizeof text, "%s", keys);
    for (char *rest = NULL, *item = strtok_r(text, " ", &rest); item && status == GBT_OK;
         item = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        status = gbt_params_set(params, item, equals + 1);
    }
    return status;
}

static gbt_status make_rows(const gbt_params *params, const toy *rows, const gbt_dataset *same_cuts,
                            gbt_dataset **out)
{
    const gbt_matrix matrix = toy_matrix(rows);
    gbt_status status = gbt_dataset_from_matrix(params, &matrix, NULL, same_cuts, out);
    return status == GBT_OK ? gbt_dataset_set(*out, GBT_LABEL, rows->label, GBT_F32, rows->n_rows)
                            : status;
}

static gbt_status use_once(const influence_toy *it, const void *bytes, size_t size,
                           const char *keys, influence_toy_use use)
{
    gbt_influence *of = NULL;
    gbt_model *model = NULL;
    gbt_params *params = NULL, *binning = NULL;
    gbt_dataset *train = NULL, *targets = NULL;
    const gbt_matrix a = toy_matrix(&it->train_rows), b = toy_matrix(&it->target_rows);
    gbt_status status = gbt_params_create(&params);
    status = status == GBT_OK ? set_keys(params, keys) : status;
    status = status == GBT_OK ? gbt_params_create(&binning) : status;
    status = status == GBT_OK ? set_keys(binning, "threads=1 categorical=6") : status;
    status = status == GBT_OK ? make_rows(binning, &it->train_rows, NULL, &train) : status;
    status = status == GBT_OK ? make_rows(binning, &it->target_rows, train, &targets) : status;
    status = status == GBT_OK ? gbt_model_from_bytes(bytes, size, &model) : status;
    status =
        status == GBT_OK ? gbt_influence_create(params, model, train, NULL, NULL, &of) : status;
    status = status == GBT_OK ? gbt_influence_set_features(of, &a) : status;
    const gbt_targets asked = {targets, &b};
    status = status == GBT_OK ? use(of, &asked) : status;
    gbt_influence_free(of);
    gbt_model_free(model);
    gbt_params_free(params);
    gbt_params_free(binning);
    gbt_dataset_free(train);
    gbt_dataset_free(targets);
    return status;
}

const char *influence_toy_refusals(influence_toy *it, const char *keys, influence_toy_use use)
{
    static char message[256];
    size_t size = 0;
    void *bytes = toy_bytes(it->model, &size), *copy = room((int64_t)size, 1);
    memcpy(copy, bytes, size); /* outlives the change of allocators */
    gbt_memory_free(bytes);
    gbt_model_free(it->model);
    gbt_dataset_free(it->train);
    gbt_dataset_free(it->targets);
    it->model = NULL;
    it->train = it->targets = NULL;
    message[0] = '\0';
    for (int64_t n = 1; message[0] == '\0'; n++) {
        fail_alloc_install(n);
        const gbt_status status = use_once(it, copy, size, keys, use);
        const bool refused = fail_alloc_refused();
        const int64_t live = fail_alloc_live();
        fail_alloc_remove();
        if (live != 0 || status != (refused ? GBT_ERR_MEMORY : GBT_OK)) {
            (void)snprintf(message, sizeof message, "request %lld: status %d, %lld blocks left",
                           (long long)n, (int)status, (long long)live);
        }
        if (!refused) {
            break;
        }
    }
    free(copy);
    return message[0] ? message : NULL;
}
