/* TREX: representer points on tree features [Brophy23]. A linear model W on the kernel vectors phi
 * of the rows, fitted with the model's own loss,
 *
 *   f(W) = sum_i w_i Phi(W phi_i, y_i) / sum_i w_i + lambda |W|^2,
 *
 * has at its minimum W = sum_i alpha_i phi_i with
 *
 *   alpha_i = -w_i dPhi/df_i / (2 lambda sum_j w_j),
 *
 * so every training row has a part alpha_i <phi_i, phi_s> in the score of s. Influence: how the
 * loss of s changes when that part is taken away. The fit is in influence_trex_fit.c.
 *
 * Base and init scores play no part. Cost: n_rows x trees for every evaluation, some hundreds of
 * them; then the same for every target. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/modules/influence_trex_fit.h"
#include "gbt/modules/settings.h"

enum { ROWS = GBT_PAIR_ROWS };

typedef struct trex_state {
    gbt_tree_kernel kernel;
    double *weight; /* [n_outputs x coordinates] W */
    double *alpha;  /* [n_outputs x n_rows] */
} trex_state;

static void close_trex(gbt_influence *of)
{
    trex_state *state = of->state;
    if (state != NULL) {
        gbt_kernel_close(&state->kernel);
        gbt_release(state->weight);
        gbt_release(state->alpha);
        gbt_release(state);
        of->state = NULL;
    }
}

/* ---- Preparing ------------------------------------------------------------------------------- */

/* trex_target = predicted: predictions as labels, or probabilities as shares of the classes. */
static gbt_status use_predictions(const gbt_influence *of, int64_t n_classes, gbt_trex_aim *aim)
{
    const int64_t n = of->n_rows, n_cells = n * of->n_outputs;
    gbt_status status = GBT_OK;
    float *response = NULL; /* [n_rows x n_outputs] */
    GBT_TRY(GBT_NEW(response, n_cells));
    GBT_TRY_OR_DONE(gbt_model_predict_dataset(of->model, of->train, GBT_PREDICT_RESPONSE, 0, 0,
                                              of->threads, response, n_cells));
    if (n_classes == 0) {
        GBT_TRY_OR_DONE(GBT_NEW(aim->own_label, n_cells));
        for (int64_t i = 0; i < n_cells; i++) {
            aim->own_label[i % of->n_outputs * n + i / of->n_outputs] = response[i];
        }
        aim->label = aim->own_label;
        goto done;
    }
    GBT_TRY_OR_DONE(GBT_NEW(aim->share, n_classes * n));
    aim->n_shares = (int32_t)n_classes;
    for (int64_t i = 0; i < n; i++) {
        const float *p = response + i * of->n_outputs;
        double sum = 0.0;
        for (int64_t c = 0; c < n_classes; c++) {
            const double own = of->n_outputs > 1 ? (double)p[c]
                               : c == 1          ? (double)p[0]
                                                 : 1.0 - (double)p[0];
            aim->share[c * n + i] = own;
            sum += own;
        }
        for (int64_t c = 0; c < n_classes; c++) {
            aim->share[c * n + i] /= sum;
        }
    }
done:
    gbt_release(response);
    return status;
}

static gbt_status check_loss(const gbt_influence *of)
{
    static const char *const jumping[] = {"mae", "quantile", "mape"};
    const char *name = gbt_model_objective(of->model);
    for (size_t i = 0; i < sizeof jumping / sizeof jumping[0]; i++) {
        if (strcmp(name, jumping[i]) == 0) {
            return gbt_fail(GBT_ERR_UNSUPPORTED,
                            "method = trex needs a loss whose slope has no jump; the objective of "
                            "this model is %s",
                            name);
        }
    }
    return GBT_OK;
}

/* W and alpha. */
static gbt_status fit_model(gbt_influence *of, trex_state *state, gbt_influence_progress *progress)
{
    static const char *const targets[] = {"actual", "predicted"};
    gbt_status status = GBT_OK;
    int target = 0;
    int64_t n_classes = 0;
    double lambda = 0.0;
    gbt_trex_aim aim = {.label = of->label};
    GBT_TRY_OR_DONE(gbt_setting_real(of->params, "trex_lambda", &lambda));
    GBT_TRY_OR_DONE(gbt_setting_choice(of->params, "trex_target", targets, 2, &target));
    GBT_TRY_OR_DONE(gbt_model_shape(of->model, GBT_SHAPE_CLASSES, &n_classes));
    if (target == 1) {
        GBT_TRY_OR_DONE(use_predictions(of, n_classes, &aim));
    }
    GBT_TRY_OR_DONE(
        gbt_trex_fit(&state->kernel, lambda, &aim, state->weight, state->alpha, progress));
done:
    gbt_release(aim.own_label);
    gbt_release(aim.share);
    return status;
}

static gbt_status prepare(gbt_influence *of, gbt_influence_progress *progress)
{
    gbt_kernel_kind kind;
    trex_state *state = NULL;
    GBT_TRY(check_loss(of));
    GBT_TRY(gbt_kernel_kind_of(of->params, &kind));
    GBT_TRY(GBT_NEW_ZERO(state, 1));
    of->state = state;
    GBT_TRY(gbt_kernel_open(&state->kernel, of, kind));
    const int64_t n = of->n_outputs * gbt_kernel_coordinates(&state->kernel);
    GBT_TRY(gbt_influence_reserve(of, 8 * (30 * n + 2 * of->n_outputs * of->n_rows),
                                  "the linear model of trex"));
    GBT_TRY(GBT_NEW(state->weight, n));
    GBT_TRY(GBT_NEW(state->alpha, of->n_outputs * of->n_rows));
    return fit_model(of, state, progress);
}

/* ---- Influence ------------------------------------------------------------------------------- */

typedef struct trex_block {
    const gbt_influence *of;
    const gbt_target_set *targets;
    int64_t first;
    float *out; /* [n x n_rows] */
    int32_t n_label_columns;
    double *score, *loss; /* [n_outputs x n], [n] of the linear model at the targets */
    int64_t n;
    double *room; /* [threads x room_size] */
    int64_t room_size;
} trex_block;

/* Rows that share nothing with the target take nothing away and stay at 0. */
static void take_pairs(void *context, int64_t target, int64_t first, int64_t last,
                       const double *value, int thread)
{
    const trex_block *b = context;
    const gbt_influence *of = b->of;
    const trex_state *state = of->state;
    const int64_t own = target - b->first;
    float *out = b->out + own * of->n_rows;
    double *score = b->room + thread * b->room_size, *loss = score + of->n_outputs * ROWS;
    float *label = (float *)(loss + ROWS);
    int32_t met[ROWS];
    int64_t n = 0;
    for (int64_t i = first; i < last; i++) {
        met[n] = (int32_t)(i - first);
        n += value[i - first] != 0.0;
    }
    for (int32_t k = 0; k < of->n_outputs; k++) {
        for (int64_t m = 0; m < n; m++) {
            score[k * n + m] = b->score[k * b->n + own] -
                               state->alpha[k * of->n_rows + first + met[m]] * value[met[m]];
        }
    }
    for (int32_t c = 0; c < b->n_label_columns; c++) {
        for (int64_t m = 0; m < n; m++) {
            label[c * n + m] = b->targets->label[c * b->targets->n + target];
        }
    }
    /* Labels were checked before, so this cannot fail. */
    (void)gbt_objective_derivatives(of->objective, score, label, n, loss, NULL, NULL, NULL, NULL);
    for (int64_t m = 0; m < n; m++) {
        out[first + met[m]] = (float)(loss[m] - b->loss[own]);
    }
}

/* Scores and losses of the linear model at the targets. */
static gbt_status score_targets(trex_block *b)
{
    gbt_status status = GBT_OK;
    const gbt_influence *of = b->of;
    const trex_state *state = of->state;
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    double *leaf_score = NULL, *node_room = NULL;
    float *label = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(leaf_score, n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(node_room, state->kernel.most_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(label, b->n_label_columns * b->n));
    for (int32_t k = 0; k < of->n_outputs; k++) {
        gbt_kernel_leaf_scores(&state->kernel,
                               state->weight + k * gbt_kernel_coordinates(&state->kernel),
                               node_room, leaf_score);
        for (int64_t j = 0; j < b->n; j++) {
            double sum = 0.0;
            for (int32_t t = 0; t < of->n_trees; t++) {
                const int32_t leaf = b->targets->leaf[t * b->targets->n + b->first + j];
                sum += leaf_score[of->leaf_start[t] + leaf];
            }
            b->score[k * b->n + j] = sum;
        }
    }
    for (int32_t c = 0; c < b->n_label_columns; c++) {
        memcpy(label + c * b->n, b->targets->label + c * b->targets->n + b->first,
               (size_t)b->n * sizeof *label);
    }
    status = gbt_objective_derivatives(of->objective, b->score, label, b->n, b->loss, NULL, NULL,
                                       NULL, NULL);
done:
    gbt_release(leaf_score);
    gbt_release(node_room);
    gbt_release(label);
    return status;
}

static gbt_status block(const gbt_influence *of, const gbt_target_set *targets, int64_t first,
                        int64_t n, float *out, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    const trex_state *state = of->state;
    trex_block b = {.of = of,
                    .targets = targets,
                    .first = first,
                    .out = out,
                    .n = n,
                    .n_label_columns = (int32_t)(of->n_labels / of->n_rows)};
    b.room_size = ((int64_t)of->n_outputs + 1 + b.n_label_columns) * ROWS;
    GBT_TRY_OR_DONE(GBT_NEW(b.score, of->n_outputs * n));
    GBT_TRY_OR_DONE(GBT_NEW(b.loss, n));
    GBT_TRY_OR_DONE(GBT_NEW(b.room, of->threads * b.room_size));
    GBT_TRY_OR_DONE(score_targets(&b));
    status =
        gbt_kernel_pairs(&state->kernel, GBT_PAIR_DOT, targets, first, n, take_pairs, &b, progress);
done:
    gbt_release(b.score);
    gbt_release(b.loss);
    gbt_release(b.room);
    return status;
}

/* ---- Rows on themselves ---------------------------------------------------------------------- */

typedef struct trex_self {
    const gbt_influence *of;
    const double *length;     /* [n_rows] <phi_i, phi_i> */
    const double *leaf_score; /* [n_outputs x leaves of all trees] */
    double *room;             /* [threads x room_size] */
    int64_t room_size;
    double *out; /* [n_rows] */
} trex_self;

static void run_self(void *context, int64_t first, int64_t last, int thread)
{
    const trex_self *s = context;
    const gbt_influence *of = s->of;
    const trex_state *state = of->state;
    const int64_t n = last - first, n_leaves = of->leaf_start[of->n_trees];
    const int32_t n_label_columns = (int32_t)(of->n_labels / of->n_rows);
    double *score = s->room + thread * s->room_size, *loss = score + of->n_outputs * ROWS;
    float *label = (float *)(loss + ROWS);
    for (int32_t c = 0; c < n_label_columns; c++) {
        memcpy(label + c * n, of->label + c * of->n_rows + first, (size_t)n * sizeof *label);
    }
    memset(score, 0, (size_t)(of->n_outputs * n) * sizeof *score);
    for (int32_t k = 0; k < of->n_outputs; k++) {
        for (int32_t t = 0; t < of->n_trees; t++) {
            const uint16_t *leaf = of->leaf + t * of->n_rows + first;
            const double *table = s->leaf_score + k * n_leaves + of->leaf_start[t];
            for (int64_t i = 0; i < n; i++) {
                score[k * n + i] += table[leaf[i]];
            }
        }
    }
    /* Labels were checked before, so these cannot fail. */
    (void)gbt_objective_derivatives(of->objective, score, label, n, loss, NULL, NULL, NULL, NULL);
    for (int32_t k = 0; k < of->n_outputs; k++) {
        for (int64_t i = 0; i < n; i++) {
            score[k * n + i] -= state->alpha[k * of->n_rows + first + i] * s->length[first + i];
        }
    }
    (void)gbt_objective_derivatives(of->objective, score, label, n, s->out + first, NULL, NULL,
                                    NULL, NULL);
    for (int64_t i = 0; i < n; i++) {
        s->out[first + i] -= loss[i];
    }
}

static gbt_status self(const gbt_influence *of, double *out, gbt_influence_progress *progress)
{
    gbt_status status = GBT_OK;
    const trex_state *state = of->state;
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    double *length = NULL, *leaf_score = NULL, *node_room = NULL;
    trex_self s = {.of = of, .out = out};
    s.room_size = ((int64_t)of->n_outputs + 1 + of->n_labels / of->n_rows) * ROWS;
    GBT_TRY_OR_DONE(GBT_NEW(length, of->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(leaf_score, of->n_outputs * n_leaves));
    GBT_TRY_OR_DONE(GBT_NEW(node_room, state->kernel.most_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(s.room, of->threads * s.room_size));
    gbt_kernel_lengths(&state->kernel, length);
    for (int32_t k = 0; k < of->n_outputs; k++) {
        gbt_kernel_leaf_scores(&state->kernel,
                               state->weight + k * gbt_kernel_coordinates(&state->kernel),
                               node_room, leaf_score + k * n_leaves);
    }
    s.length = length;
    s.leaf_score = leaf_score;
    gbt_for_chunks(of->threads, of->n_rows, ROWS, run_self, &s);
    status = gbt_influence_report(progress, 1.0);
done:
    gbt_release(length);
    gbt_release(leaf_score);
    gbt_release(node_room);
    gbt_release(s.room);
    return status;
}

const gbt_influence_ops gbt_influence_trex_ops[] = {
    {.name = "trex", .prepare = prepare, .close = close_trex, .block = block, .self = self},
};
