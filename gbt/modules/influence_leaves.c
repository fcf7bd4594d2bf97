/* Sums of gradients and Hessians in every leaf over the training rows that the trainer saw, and the
 * proof that each stored leaf value is the Newton step that follows from them.
 *
 * A stored value differs from the step computed here because the trainer quantises gradients
 * (gradient_bits) and keeps scores in float32. Both have bounds: a leaf of n rows sums n rounding
 * errors, each within a unit u <= 2 max|g| / (2^(bits-1) - 1). Rounded to nearest the sum is within
 * n u / 2. Rounded at random, with mean 0 to 16 bits, it is within 6 u sqrt(n) but with probability
 * 2 exp(-72) [Hoeffding63], and always within n u. So the tolerance follows the data, is sharp for
 * leaves with many rows, and never refuses what the trainer made.
 *
 * Cost: one pass over the rows a round. Sums are made in chunks of rows that do not depend on the
 * number of threads. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/modules/influence_core.h"
#include "gbt/modules/settings.h"

enum { LEAST_CHUNK = 16384, MOST_CHUNKS = 64 };

#define SINGLE_STEP 0x1p-24 /* relative error of a float32 operation */

typedef gbt_leaf_pass sum_job;
typedef gbt_leaf_maxima maxima;

/* ---- Sums ------------------------------------------------------------------------------------ */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void sum_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const sum_job *job = context;
    const gbt_influence *of = job->of;
    const int64_t chunk = first / job->chunk_rows, at = job->output * of->n_rows;
    const int32_t n_leaves = of->n_leaves[job->tree];
    const gbt_forward *f = job->forward;
    gbt_leaf_sums *sums = job->part + chunk * n_leaves;
    maxima most = {0.0, 0.0, 0.0};
    (void)thread;
    memset(sums, 0, (size_t)n_leaves * sizeof *sums);
    for (int64_t i = first; i < last; i++) {
        const double weight = of->weight ? (double)of->weight[i] : 1.0;
        const double grad = weight * f->own.grad[at + i], hess = weight * f->own.hess[at + i];
        most.grad = larger(most.grad, fabs(grad));
        most.hess = larger(most.hess, hess);
        most.score = larger(most.score, fabs(f->score[at + i]));
        if (f->in_bag && !f->in_bag[i]) {
            continue;
        }
        gbt_leaf_sums *leaf = &sums[f->leaf[at + i]];
        leaf->grad += grad;
        leaf->hess += hess;
        leaf->n_rows++;
    }
    job->most[chunk] = most;
}

static maxima sum_tree(sum_job *job)
{
    const gbt_influence *of = job->of;
    const int32_t n_leaves = of->n_leaves[job->tree];
    gbt_leaf_sums *sums = of->leaf_sums + of->leaf_start[job->tree];
    maxima most = {0.0, 0.0, 0.0};
    gbt_for_chunks(of->threads, of->n_rows, job->chunk_rows, sum_chunk, job);
    memset(sums, 0, (size_t)n_leaves * sizeof *sums);
    for (int64_t chunk = 0; chunk < gbt_chunk_count(of->n_rows, job->chunk_rows); chunk++) {
        const gbt_leaf_sums *part = job->part + chunk * n_leaves;
        for (int32_t leaf = 0; leaf < n_leaves; leaf++) {
            sums[leaf].grad += part[leaf].grad;
            sums[leaf].hess += part[leaf].hess;
            sums[leaf].n_rows += part[leaf].n_rows;
        }
        most.grad = larger(most.grad, job->most[chunk].grad);
        most.hess = larger(most.hess, job->most[chunk].hess);
        most.score = larger(most.score, job->most[chunk].score);
    }
    return most;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* -G / D; 0 for a node without curvature, as in the trainer. */
static double newton(const gbt_leaf_sums *sums, double penalty)
{
    const double divisor = sums->hess + penalty;
    return divisor > 0.0 ? -sums->grad / divisor : 0.0;
}

/* What the children of a categorical split add to lambda: cat_l2 if their stored values say that
 * the categories were sorted, 0 if one stood against the rest (gbt.h does not tell which). */
static double extra_penalty(const gbt_influence *of, const gbt_node *nodes, int32_t node,
                            const gbt_leaf_sums *sums)
{
    const int32_t child[2] = {nodes[node].left, nodes[node].right};
    double without = 0.0, with = 0.0;
    for (int side = 0; side < 2; side++) {
        const gbt_leaf_sums *below = &sums[child[side]];
        const double value = (double)nodes[child[side]].value;
        without += fabs(value - of->rate * newton(below, of->reg_lambda));
        with += fabs(value - of->rate * newton(below, of->reg_lambda + of->cat_l2));
    }
    return with < without ? of->cat_l2 : 0.0;
}

void gbt_influence_sum_nodes(const gbt_influence *of, int32_t tree, const gbt_node *nodes,
                             int32_t n_nodes, gbt_leaf_sums *out)
{
    const gbt_leaf_sums *leaf_sums = of->leaf_sums + of->leaf_start[tree];
    for (int32_t i = n_nodes - 1; i >= 0; i--) {
        if (nodes[i].leaf >= 0) {
            out[i] = leaf_sums[nodes[i].leaf];
            continue;
        }
        const gbt_leaf_sums *left = &out[nodes[i].left], *right = &out[nodes[i].right];
        out[i].grad = left->grad + right->grad;
        out[i].hess = left->hess + right->hess;
        out[i].n_rows = left->n_rows + right->n_rows;
    }
    for (int32_t i = 0; i < n_nodes; i++) {
        const int32_t parent = nodes[i].parent;
        const bool is_below_categories = parent >= 0 && nodes[parent].is_categorical;
        const double penalty =
            of->reg_lambda + (is_below_categories ? extra_penalty(of, nodes, parent, out) : 0.0);
        out[i].divisor = out[i].hess + penalty;
        out[i].theta = newton(&out[i], penalty);
    }
}

/* ---- The check ------------------------------------------------------------------------------- */

/* Bound of the trainer's error in a sum of n rows with values up to `most`. */
static double sum_error(const sum_job *job, double n, double most, double limit, double drift)
{
    const double unit = 2.0 * most / limit, root = 6.0 * sqrt(n) + n * 0x1p-16;
    const double count = job->rounds_to_nearest ? 0.5 * n : root < n ? root : n;
    return unit * count + n * most * drift;
}

/* Largest difference that leaves room for nothing but rounding; infinite when the sums themselves
 * say nothing. */
static double tolerance(const sum_job *job, const gbt_leaf_sums *sums, const maxima *most)
{
    const double n = (double)sums->n_rows, round = (double)(job->forward->round + 8);
    const double levels = ldexp(1.0, (int)job->bits);
    const double grad_limit = job->bits > 16 ? 0x1p30 : 0.5 * levels - 1.0;
    const double hess_limit = job->bits > 16 ? 0x1p30 : levels - 1.0;
    /* Scores lose half a unit in the last place a round, derivatives a few. */
    const double score_drift = round * SINGLE_STEP * most->score;
    const double grad =
        sum_error(job, n, most->grad, grad_limit, 8.0 * SINGLE_STEP) + n * most->hess * score_drift;
    const double hess =
        sum_error(job, n, most->hess, hess_limit, 8.0 * SINGLE_STEP + 2.0 * score_drift);
    const double least = sums->divisor - hess;
    if (!(least > 0.0)) {
        return (double)INFINITY;
    }
    return job->of->rate * (grad + fabs(sums->theta) * hess) / least +
           4.0 * SINGLE_STEP * (fabs(job->of->rate * sums->theta) + 1e-30);
}

static gbt_status fail_value(const sum_job *job, int32_t leaf, double stored, double found,
                             double limit)
{
    char stored_text[GBT_NUMBER_CHARS], found_text[GBT_NUMBER_CHARS], limit_text[GBT_NUMBER_CHARS];
    gbt_print_f32(stored_text, (float)stored);
    gbt_print_f32(found_text, (float)found);
    gbt_print_f32(limit_text, (float)limit);
    return gbt_fail(GBT_ERR_DATA,
                    "tree %d (round %d, output %d), leaf %d: the model has the value %s, the "
                    "training rows give %s (%lld rows, tolerance %s): these are not the rows, "
                    "labels and weights that the model was trained on, or not with its parameters",
                    (int)job->tree, (int)job->forward->round, (int)job->output, (int)leaf,
                    stored_text, found_text,
                    (long long)job->of->leaf_sums[job->of->leaf_start[job->tree] + leaf].n_rows,
                    limit_text);
}

static gbt_status check_tree(const sum_job *job, const gbt_node *nodes, int32_t n_nodes,
                             const gbt_leaf_sums *sums, const maxima *most)
{
    for (int32_t i = 0; i < n_nodes; i++) {
        const int32_t leaf = nodes[i].leaf;
        if (leaf < 0) {
            continue;
        }
        if (sums[i].n_rows != nodes[i].rows) {
            return gbt_fail(GBT_ERR_DATA,
                            "tree %d (round %d, output %d), leaf %d: the model had %lld training "
                            "rows there, the data has %lld: these are not its training rows",
                            (int)job->tree, (int)job->forward->round, (int)job->output, (int)leaf,
                            (long long)nodes[i].rows, (long long)sums[i].n_rows);
        }
        const double stored = job->of->leaf_value[job->of->leaf_start[job->tree] + leaf];
        const double found = job->of->rate * sums[i].theta;
        const double limit = tolerance(job, &sums[i], most);
        if (!(fabs(stored - found) <= limit)) {
            return fail_value(job, leaf, stored, found, limit);
        }
    }
    return GBT_OK;
}

/* ---- All trees ------------------------------------------------------------------------------- */

static gbt_status finish_tree(sum_job *job)
{
    const gbt_influence *of = job->of;
    gbt_node *nodes = NULL;
    gbt_leaf_sums *sums = NULL, *leaf_sums = of->leaf_sums + of->leaf_start[job->tree];
    int32_t n_nodes = 0;
    const maxima most = sum_tree(job);
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_model_tree_nodes(of->model, job->tree, &n_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(nodes, n_nodes));
    GBT_TRY_OR_DONE(GBT_NEW(sums, n_nodes));
    GBT_TRY_OR_DONE(gbt_model_nodes(of->model, job->tree, nodes, n_nodes));
    gbt_influence_sum_nodes(of, job->tree, nodes, n_nodes, sums);
    GBT_TRY_OR_DONE(check_tree(job, nodes, n_nodes, sums, &most));
    for (int32_t i = 0; i < n_nodes; i++) {
        if (nodes[i].leaf >= 0) {
            leaf_sums[nodes[i].leaf] = sums[i];
        }
    }
done:
    gbt_release(nodes);
    gbt_release(sums);
    return status;
}

gbt_status gbt_leaf_pass_open(gbt_leaf_pass *job, gbt_influence *of, const gbt_forward *forward)
{
    static const char *const roundings[] = {"stochastic", "nearest"};
    const int64_t share = (of->n_rows - 1) / MOST_CHUNKS + 1;
    const int64_t n_leaves = of->leaf_start[of->n_trees];
    int rounding = 0;
    memset(job, 0, sizeof *job);
    job->of = of;
    job->forward = forward;
    job->chunk_rows = share < LEAST_CHUNK ? LEAST_CHUNK : share;
    const int64_t n_chunks = gbt_chunk_count(of->n_rows, job->chunk_rows);
    GBT_TRY(gbt_setting_int(of->params, "gradient_bits", &job->bits));
    GBT_TRY(gbt_setting_choice(of->params, "gradient_rounding", roundings, 2, &rounding));
    job->bits = job->bits == 0 ? 16 : job->bits; /* the wider of what auto may have taken */
    job->rounds_to_nearest = rounding == 1 || job->bits > 16;
    GBT_TRY(gbt_influence_reserve(of, n_leaves * (int64_t)sizeof *of->leaf_sums, "leaf sums"));
    GBT_TRY(GBT_NEW(of->leaf_sums, n_leaves));
    GBT_TRY(GBT_NEW(job->most, n_chunks));
    return GBT_NEW(job->part, n_chunks * of->most_leaves);
}

gbt_status gbt_leaf_pass_round(gbt_leaf_pass *job)
{
    for (int32_t k = 0; k < job->of->n_outputs; k++) {
        job->output = k;
        job->tree = job->forward->round * job->of->n_outputs + k;
        GBT_TRY(finish_tree(job));
    }
    return GBT_OK;
}

void gbt_leaf_pass_close(gbt_leaf_pass *job)
{
    gbt_release(job->most);
    gbt_release(job->part);
    memset(job, 0, sizeof *job);
}

gbt_status gbt_influence_sum_leaves(gbt_influence *of, gbt_influence_progress *progress)
{
    gbt_forward forward = {.of = of};
    gbt_leaf_pass job = {.of = of};
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(gbt_forward_open(&forward, of, NULL, false));
    GBT_TRY_OR_DONE(gbt_leaf_pass_open(&job, of, &forward));
    for (int32_t round = 0; round < of->n_rounds; round++) {
        GBT_TRY_OR_DONE(gbt_forward_next(&forward));
        GBT_TRY_OR_DONE(gbt_leaf_pass_round(&job));
        GBT_TRY_OR_DONE(gbt_influence_report(progress, (double)(round + 1) / of->n_rounds));
    }
done:
    gbt_leaf_pass_close(&job);
    gbt_forward_close(&forward);
    return status;
}
