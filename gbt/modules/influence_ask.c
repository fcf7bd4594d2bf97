/* What can be asked of an estimator. The calls check what they are given, make target batches and
 * hand blocks of targets to the estimator. What is wanted of whole rows (top) is made a block at a
 * time, so memory is bounded by the block whatever the number of targets. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/influence_core.h"

enum {
    BLOCK_UNIT = 64, /* blocks are whole groups of the spreading kernel */
    NEAR_BYTES = 1 << 24
};

/* ---- Checks ---------------------------------------------------------------------------------- */

/* `n_cells` are wanted a target; 0: n does not depend on the targets and is `n_rows`. */
static gbt_status check_call(const char *function, const gbt_influence *of,
                             const gbt_targets *targets, int64_t n_cells, const void *out,
                             int64_t n)
{
    if (!of || !targets || !targets->rows || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: %s is NULL", function,
                        !of        ? "influence"
                        : !out     ? "out"
                        : !targets ? "targets"
                                   : "targets->rows");
    }
    const int64_t n_targets = gbt_dataset_rows(targets->rows);
    const int64_t want = n_cells == 0 ? of->n_rows : n_targets * n_cells;
    if (n != want) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: n is %lld, must be %lld (%lld targets)", function,
                        (long long)n, (long long)want, (long long)n_targets);
    }
    if (targets->features && targets->features->n_rows != n_targets) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: features of %lld rows for %lld targets", function,
                        (long long)targets->features->n_rows, (long long)n_targets);
    }
    return GBT_OK;
}

static gbt_status need_block(const gbt_influence *of)
{
    return of->ops->block ? GBT_OK
                          : gbt_fail(GBT_ERR_UNSUPPORTED,
                                     "method = %s defines the influence of training rows on "
                                     "themselves only: use scope = self",
                                     of->ops->name);
}

/* ---- Blocks of targets ----------------------------------------------------------------------- */

typedef struct clear_job {
    float *out;
} clear_job;

static void clear_chunk(void *context, int64_t first, int64_t last, int thread)
{
    const clear_job *job = context;
    (void)thread;
    memset(job->out + first, 0, (size_t)(last - first) * sizeof *job->out);
}

static void clear(const gbt_influence *of, float *out, int64_t n)
{
    enum { CHUNK = 1 << 18 };
    clear_job job = {out};
    gbt_for_chunks(of->threads, n, CHUNK, clear_chunk, &job);
}

/* Targets of a block of results. With what is kept of the training rows a block is as good small,
 * and stays near; estimators that do their work once a block get all that memory allows. */
static int64_t block_size(const gbt_influence *of, int64_t n_targets)
{
    const int64_t bytes = of->n_rows * (int64_t)sizeof(float);
    const int64_t most = gbt_influence_spare_bytes(of) / bytes, near = NEAR_BYTES / bytes;
    const bool is_kept = of->ops->needs_newton_leaves && of->leaf;
    const int64_t wanted = is_kept ? (near < BLOCK_UNIT ? BLOCK_UNIT : near) : n_targets;
    int64_t n = most < wanted ? most : wanted;
    n = n >= BLOCK_UNIT ? n - n % BLOCK_UNIT : n < 1 ? 1 : n;
    return n < n_targets ? n : n_targets;
}

/* What a call does with each block of results [n x n_rows] of targets [first, first + n). */
typedef gbt_status (*use_block_fn)(void *context, int64_t first, int64_t n, const float *value);

/* Calls `use` for all targets, block by block. */
static gbt_status for_blocks(const gbt_influence *of, const gbt_targets *targets,
                             gbt_influence_progress *progress, use_block_fn use, void *context)
{
    const int64_t n = gbt_dataset_rows(targets->rows);
    const int64_t batch_size = gbt_target_batch_size(of, n), most = block_size(of, batch_size);
    gbt_target_batch batch = {.owned = NULL};
    float *value = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW(value, most * of->n_rows));
    for (int64_t first = 0; first < n; first += batch_size) {
        const int64_t in_batch = n - first < batch_size ? n - first : batch_size;
        GBT_TRY_OR_DONE(gbt_target_batch_open(&batch, of, targets, first, in_batch, true));
        for (int64_t s = 0; s < in_batch; s += most) {
            const int64_t in_block = in_batch - s < most ? in_batch - s : most;
            gbt_influence_set_part(progress, (double)(first + s) / (double)n,
                                   (double)(first + s + in_block) / (double)n);
            clear(of, value, in_block * of->n_rows);
            GBT_TRY_OR_DONE(of->ops->block(of, &batch.set, s, in_block, value, progress));
            GBT_TRY_OR_DONE(use(context, first + s, in_block, value));
        }
        gbt_target_batch_close(&batch);
    }
done:
    gbt_target_batch_close(&batch);
    gbt_release(value);
    return status;
}

/* ---- Dense ----------------------------------------------------------------------------------- */

/* Writes straight into the caller's array; new_label NULL: influence, else relabelling. */
static gbt_status fill_dense(const gbt_influence *of, const gbt_targets *targets,
                             const float *new_label, gbt_influence_progress *progress, float *out)
{
    const int64_t n = gbt_dataset_rows(targets->rows), batch_size = gbt_target_batch_size(of, n);
    gbt_target_batch batch = {.owned = NULL};
    gbt_status status = GBT_OK;
    clear(of, out, n * of->n_rows);
    for (int64_t first = 0; first < n; first += batch_size) {
        const int64_t in_batch = n - first < batch_size ? n - first : batch_size;
        float *to = out + first * of->n_rows;
        GBT_TRY_OR_DONE(gbt_target_batch_open(&batch, of, targets, first, in_batch, true));
        gbt_influence_set_part(progress, (double)first / (double)n,
                               (double)(first + in_batch) / (double)n);
        GBT_TRY_OR_DONE(new_label
                            ? of->ops->relabel(of, &batch.set, new_label, 0, in_batch, to, progress)
                            : of->ops->block(of, &batch.set, 0, in_batch, to, progress));
        gbt_target_batch_close(&batch);
    }
    GBT_TRY_OR_DONE(gbt_influence_end_progress(progress));
done:
    gbt_target_batch_close(&batch);
    return status;
}

gbt_status gbt_influence_dense(const gbt_influence *of, const gbt_targets *targets,
                               gbt_progress_fn fn, void *user, float *out, int64_t n)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    GBT_TRY(check_call("gbt_influence_dense", of, targets, of ? of->n_rows : 1, out, n));
    GBT_TRY(need_block(of));
    return fill_dense(of, targets, NULL, &progress, out);
}

gbt_status gbt_influence_relabel(const gbt_influence *of, const gbt_targets *targets,
                                 const float *new_label, gbt_progress_fn fn, void *user, float *out,
                                 int64_t n)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    GBT_TRY(check_call("gbt_influence_relabel", of, targets, of ? of->n_rows : 1, out, n));
    if (!new_label) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_relabel: new_label is NULL");
    }
    if (!of->ops->relabel) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "method = %s has no estimate for a changed label; boostin, boostin_w1, "
                        "boostin_w2, leaf_influence_sp and loo have one",
                        of->ops->name);
    }
    return fill_dense(of, targets, new_label, &progress, out);
}

/* ---- The best and the worst ------------------------------------------------------------------ */

typedef struct top_job {
    const gbt_influence *of;
    int32_t k;
    int64_t *row;
    float *value;
} top_job;

static gbt_status select_block(void *context, int64_t first, int64_t n, const float *value)
{
    const top_job *job = context;
    const int64_t at = first * 2 * job->k;
    return gbt_influence_select(value, n, job->of->n_rows, job->k, job->of->threads, job->row + at,
                                job->value + at);
}

gbt_status gbt_influence_top(const gbt_influence *of, const gbt_targets *targets, int32_t k,
                             gbt_progress_fn fn, void *user, int64_t *row, float *value, int64_t n)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    if (of && (k < 1 || k > of->n_rows)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_top: k is %d, must be 1 to %lld", (int)k,
                        (long long)of->n_rows);
    }
    GBT_TRY(check_call("gbt_influence_top", of, targets, 2 * (int64_t)k, row, n));
    if (!value) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_top: value is NULL");
    }
    GBT_TRY(need_block(of));
    top_job job = {of, k, row, value};
    GBT_TRY(for_blocks(of, targets, &progress, select_block, &job));
    return gbt_influence_end_progress(&progress);
}

/* ---- Sums ------------------------------------------------------------------------------------ */

typedef struct add_job {
    const gbt_influence *of;
    const float *value;
    int64_t n;
    double *out;
} add_job;

static void add_rows(void *context, int64_t first, int64_t last, int thread)
{
    const add_job *job = context;
    (void)thread;
    for (int64_t s = 0; s < job->n; s++) {
        const float *value = job->value + s * job->of->n_rows;
        for (int64_t i = first; i < last; i++) {
            job->out[i] += (double)value[i];
        }
    }
}

static gbt_status add_block(void *context, int64_t first, int64_t n, const float *value)
{
    enum { CHUNK = 1024 };
    add_job *job = context;
    (void)first;
    job->value = value;
    job->n = n;
    gbt_for_chunks(job->of->threads, job->of->n_rows, CHUNK, add_rows, job);
    return GBT_OK;
}

/* By what the estimator knows of sums: adds every batch to `totals`, or to `out` when these are
 * NULL. */
static gbt_status add_batches(const gbt_influence *of, const gbt_targets *targets,
                              gbt_influence_progress *progress, double *totals, double *out)
{
    const int64_t n = gbt_dataset_rows(targets->rows), batch_size = gbt_target_batch_size(of, n);
    gbt_target_batch batch = {.owned = NULL};
    gbt_status status = GBT_OK;
    for (int64_t first = 0; first < n; first += batch_size) {
        const int64_t in_batch = n - first < batch_size ? n - first : batch_size;
        GBT_TRY_OR_DONE(gbt_target_batch_open(&batch, of, targets, first, in_batch, true));
        gbt_influence_set_part(progress, 0.8 * (double)first / (double)n,
                               0.8 * (double)(first + in_batch) / (double)n);
        GBT_TRY_OR_DONE(totals ? of->ops->add_totals(of, &batch.set, totals)
                               : of->ops->sum(of, &batch.set, out, progress));
        GBT_TRY_OR_DONE(gbt_influence_report(progress, 1.0));
        gbt_target_batch_close(&batch);
    }
done:
    gbt_target_batch_close(&batch);
    return status;
}

static gbt_status sum_by_totals(const gbt_influence *of, const gbt_targets *targets,
                                gbt_influence_progress *progress, double *out)
{
    double *totals = NULL;
    gbt_status status = GBT_OK;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(totals, of->leaf_start[of->n_trees]));
    GBT_TRY_OR_DONE(add_batches(of, targets, progress, totals, out));
    gbt_influence_set_part(progress, 0.8, 1.0);
    GBT_TRY_OR_DONE(of->ops->sum_totals(of, totals, out, progress));
done:
    gbt_release(totals);
    return status;
}

gbt_status gbt_influence_sum(const gbt_influence *of, const gbt_targets *targets,
                             gbt_progress_fn fn, void *user, double *out, int64_t n)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    GBT_TRY(check_call("gbt_influence_sum", of, targets, 0, out, n));
    GBT_TRY(need_block(of));
    memset(out, 0, (size_t)n * sizeof *out);
    if (of->ops->sum_totals) {
        GBT_TRY(sum_by_totals(of, targets, &progress, out));
    } else if (of->ops->sum) {
        GBT_TRY(add_batches(of, targets, &progress, NULL, out));
    } else {
        add_job job = {.of = of, .out = out};
        GBT_TRY(for_blocks(of, targets, &progress, add_block, &job));
    }
    return gbt_influence_end_progress(&progress);
}

/* ---- Self-influence -------------------------------------------------------------------------- */

typedef struct diagonal_job {
    int64_t n_rows;
    double *out;
} diagonal_job;

static gbt_status take_diagonal(void *context, int64_t first, int64_t n, const float *value)
{
    const diagonal_job *job = context;
    for (int64_t s = 0; s < n; s++) {
        job->out[first + s] = (double)value[s * job->n_rows + first + s];
    }
    return GBT_OK;
}

gbt_status gbt_influence_self(const gbt_influence *of, gbt_progress_fn fn, void *user, double *out,
                              int64_t n)
{
    gbt_influence_progress progress = gbt_influence_start_progress(fn, user);
    if (!of || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_self: %s is NULL",
                        !of ? "influence" : "out");
    }
    if (n != of->n_rows) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_self: n is %lld, must be %lld",
                        (long long)n, (long long)of->n_rows);
    }
    memset(out, 0, (size_t)n * sizeof *out);
    if (of->ops->self) {
        GBT_TRY(of->ops->self(of, out, &progress));
    } else {
        gbt_matrix features = {.data = of->features,
                               .dtype = GBT_F32,
                               .n_rows = n,
                               .n_cols = of->n_features,
                               .row_stride = of->n_features,
                               .col_stride = 1};
        const gbt_targets targets = {of->train, of->features ? &features : NULL};
        diagonal_job job = {n, out};
        GBT_TRY(need_block(of));
        GBT_TRY(for_blocks(of, &targets, &progress, take_diagonal, &job));
    }
    return gbt_influence_end_progress(&progress);
}

/* ---- Intervals ------------------------------------------------------------------------------- */

gbt_status gbt_influence_interval(const gbt_influence *of, const gbt_targets *targets,
                                  const gbt_dataset *validation, double *location, double *scale,
                                  int64_t n)
{
    const gbt_targets valid = {validation, NULL};
    gbt_target_batch batch = {.owned = NULL}, checks = {.owned = NULL};
    gbt_status status = GBT_OK;
    GBT_TRY(check_call("gbt_influence_interval", of, targets, 1, location, n));
    if (!scale) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_influence_interval: scale is NULL");
    }
    if (strcmp(of->ops->name, "ibug") != 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED, "intervals need method = ibug, not %s", of->ops->name);
    }
    GBT_TRY_OR_DONE(gbt_target_batch_open(&batch, of, targets, 0, n, false));
    if (validation) {
        GBT_TRY_OR_DONE(
            gbt_target_batch_open(&checks, of, &valid, 0, gbt_dataset_rows(validation), true));
    }
    GBT_TRY_OR_DONE(gbt_influence_ibug_interval(of, &batch.set, validation ? &checks.set : NULL,
                                                location, scale));
done:
    gbt_target_batch_close(&batch);
    gbt_target_batch_close(&checks);
    return status;
}
