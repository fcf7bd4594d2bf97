/* Every operation but the estimate and `open` forwards to the backend inside, between two looks at
 * the clock. Cost: some 50 ns a call. */
#include "gbt/backend/timed.h"

#include "gbt/base/alloc.h"
#include "gbt/base/clock.h"
#include "gbt/base/log.h"

typedef enum phase {
    GRADIENTS,
    BEGIN_TREE,
    BUILD,
    SEARCH,
    SPLIT_ROWS,
    RENEW,
    END_TREE,
    N_PHASES
} phase;

static const char *const phase_name[N_PHASES] = {
    "gradients",  "quantise and copy rows", "build histograms", "search splits",
    "split rows", "renew leaves",           "update scores"};

struct gbt_backend {
    gbt_backend_ops ops; /* with the batch of the backend inside */
    const gbt_backend_ops *inner_ops;
    gbt_backend *inner;
    double opened; /* gbt_clock() */
    double seconds[N_PHASES];
    int64_t calls[N_PHASES];
};

/* Evaluates `call` as part of a phase. */
#define TIMED(backend, phase, call)                   \
    const double start = gbt_clock();                 \
    const gbt_status status = (call);                 \
    (backend)->seconds[phase] += gbt_clock() - start; \
    (backend)->calls[phase]++;                        \
    return status

static gbt_status timed_set_scores(gbt_backend *b, const float *scores)
{
    return b->inner_ops->set_scores(b->inner, scores);
}

static gbt_status timed_scores(gbt_backend *b, float *out)
{
    return b->inner_ops->scores(b->inner, out);
}

static gbt_status timed_gradients(gbt_backend *b)
{
    TIMED(b, GRADIENTS, b->inner_ops->gradients(b->inner));
}

static gbt_status timed_set_gradients(gbt_backend *b, const float *grad, const float *hess)
{
    TIMED(b, GRADIENTS, b->inner_ops->set_gradients(b->inner, grad, hess));
}

static gbt_status timed_begin_tree(gbt_backend *b, int32_t round, int32_t output,
                                   const gbt_sample *sample, gbt_root *root)
{
    TIMED(b, BEGIN_TREE, b->inner_ops->begin_tree(b->inner, round, output, sample, root));
}

static gbt_status timed_build(gbt_backend *b, const gbt_build *builds, int32_t n)
{
    TIMED(b, BUILD, b->inner_ops->build(b->inner, builds, n));
}

static gbt_status timed_search(gbt_backend *b, const gbt_search *searches, int32_t n,
                               bool is_common, gbt_split *best)
{
    TIMED(b, SEARCH, b->inner_ops->search(b->inner, searches, n, is_common, best));
}

static void timed_discard(gbt_backend *b, int32_t node)
{
    b->inner_ops->discard(b->inner, node);
}

static gbt_status timed_split_rows(gbt_backend *b, const gbt_apply *applies, int32_t n,
                                   int64_t *left_rows)
{
    TIMED(b, SPLIT_ROWS, b->inner_ops->split_rows(b->inner, applies, n, left_rows));
}

static gbt_status timed_renew(gbt_backend *b, int32_t output, const int32_t *leaf_of_node,
                              int32_t n_leaves, float *out)
{
    TIMED(b, RENEW, b->inner_ops->renew(b->inner, output, leaf_of_node, n_leaves, out));
}

static gbt_status timed_end_tree(gbt_backend *b, int32_t output, const gbt_tree *tree,
                                 const int32_t *leaf_node_of_node)
{
    TIMED(b, END_TREE, b->inner_ops->end_tree(b->inner, output, tree, leaf_node_of_node));
}

static void log_line(const char *what, double seconds, double total, int64_t calls)
{
    gbt_log_line(GBT_LOG_DEBUG, "%-24s %9.3f s %5.1f %% %9lld calls", what, seconds,
                 total > 0.0 ? 100.0 * seconds / total : 0.0, (long long)calls);
}

static void timed_close(gbt_backend *b)
{
    if (!b) {
        return;
    }
    const double total = gbt_clock() - b->opened;
    double rest = total;
    gbt_log_line(GBT_LOG_DEBUG, "time in backend %s:", b->ops.name);
    for (int p = 0; p < N_PHASES; p++) {
        if (b->calls[p] > 0) {
            log_line(phase_name[p], b->seconds[p], total, b->calls[p]);
            rest -= b->seconds[p];
        }
    }
    gbt_log_line(GBT_LOG_DEBUG, "%-24s %9.3f s %5.1f %%", "metrics, all else", rest,
                 total > 0.0 ? 100.0 * rest / total : 0.0);
    b->inner_ops->close(b->inner);
    gbt_release(b);
}

gbt_status gbt_backend_time(const gbt_backend_ops **ops, gbt_backend **backend)
{
    gbt_backend *b = NULL;
    GBT_TRY(GBT_NEW_ZERO(b, 1));
    b->inner_ops = *ops;
    b->inner = *backend;
    b->opened = gbt_clock();
    b->ops = (gbt_backend_ops){.name = (*ops)->name,
                               .batch = (*ops)->batch,
                               .bytes = (*ops)->bytes,
                               .open = (*ops)->open,
                               .close = timed_close,
                               .set_scores = timed_set_scores,
                               .scores = timed_scores,
                               .gradients = timed_gradients,
                               .set_gradients = timed_set_gradients,
                               .begin_tree = timed_begin_tree,
                               .build = timed_build,
                               .search = timed_search,
                               .discard = timed_discard,
                               .split_rows = timed_split_rows,
                               .renew = timed_renew,
                               .end_tree = timed_end_tree};
    *ops = &b->ops;
    *backend = b;
    return GBT_OK;
}
