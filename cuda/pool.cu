/* Which nodes have histograms: one per live node, at most as many as the bound on bytes allows.
 * When all places are taken, the histogram unused for longest is dropped; its node's is made from
 * rows again when it is searched. Host code only. */
#include "cuda/training.cuh"

void gbt_cuda_pool_reset(gbt_backend *b)
{
    for (int32_t i = 0; i < b->n_pool; i++) {
        b->owner[i] = -1;
        b->stamp[i] = 0;
    }
    b->now = 0;
}

void gbt_cuda_discard(gbt_backend *b, int32_t node)
{
    const int32_t at = b->node[node].histogram;
    if (at >= 0) {
        b->owner[at] = -1;
        b->stamp[at] = 0;
        b->node[node].histogram = -1;
    }
}

/* A place for the node: a free one or the one unused for longest. False: all were used by this
 * call. */
static bool take(gbt_backend *b, int32_t node)
{
    int32_t best = -1;
    gbt_cuda_discard(b, node);
    for (int32_t i = 0; i < b->n_pool && (best < 0 || b->stamp[best] > 0); i++) {
        if (b->stamp[i] < b->now && (best < 0 || b->stamp[i] < b->stamp[best])) {
            best = i;
        }
    }
    if (best < 0) {
        return false;
    }
    if (b->owner[best] >= 0) {
        b->node[b->owner[best]].histogram = -1;
    }
    b->owner[best] = node;
    b->stamp[best] = b->now;
    b->node[node].histogram = best;
    return true;
}

static void pass(gbt_backend *b, int32_t from, int32_t to)
{
    const int32_t at = b->node[from].histogram;
    gbt_cuda_discard(b, to);
    b->node[from].histogram = -1;
    b->node[to].histogram = at;
    b->owner[at] = to;
    b->stamp[at] = b->now;
}

gbt_status gbt_cuda_build(gbt_backend *b, const gbt_build *build, int32_t n)
{
    int32_t *made = b->list;
    int32_t *from = b->list + b->config.max_nodes;
    int32_t *less = b->list + 2 * static_cast<int64_t>(b->config.max_nodes);
    int32_t n_made = 0;
    int32_t n_subtracted = 0;
    b->now++;
    /* Parents of this batch are not dropped in favour of its first nodes. */
    for (int32_t i = 0; i < n; i++) {
        if (build[i].parent >= 0 && b->node[build[i].parent].histogram >= 0) {
            b->stamp[b->node[build[i].parent].histogram] = b->now;
        }
    }
    for (int32_t i = 0; i < n; i++) {
        const gbt_build *task = &build[i];
        assert(b->node[task->small].is_open);
        if (task->parent >= 0 && task->large >= 0 && b->node[task->parent].histogram >= 0) {
            pass(b, task->parent, task->large);
            if (take(b, task->small)) {
                made[n_made++] = task->small;
                from[n_subtracted] = b->node[task->large].histogram;
                less[n_subtracted++] = b->node[task->small].histogram;
            } else {
                gbt_cuda_discard(b, task->large); /* both are made when they are searched */
            }
            continue;
        }
        if (task->parent >= 0) {
            gbt_cuda_discard(b, task->parent);
        }
        if (take(b, task->small)) {
            made[n_made++] = task->small;
        }
        if (task->large >= 0 && take(b, task->large)) {
            made[n_made++] = task->large;
        }
    }
    GBT_TRY(gbt_cuda_make(b, made, n_made));
    return gbt_cuda_subtract(b, from, less, n_subtracted);
}

gbt_status gbt_cuda_ready(gbt_backend *b, const gbt_search *task, int32_t n, int32_t *n_ready)
{
    int32_t *made = b->list;
    int32_t n_made = 0;
    int32_t i = 0;
    b->now++;
    for (; i < n; i++) {
        const int32_t at = b->node[task[i].node].histogram;
        if (at >= 0) {
            b->stamp[at] = b->now;
        } else if (take(b, task[i].node)) {
            made[n_made++] = task[i].node;
        } else {
            break;
        }
    }
    *n_ready = i;
    return gbt_cuda_make(b, made, n_made);
}
