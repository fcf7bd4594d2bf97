/* Scores after a tree: rows of the sample by the node they lie in, all others by walking the tree.
 *
 * Cost a row: 4 bytes of row number and a score; outside of the sample the codes on the path. */
#include "cuda/spans.cuh"

enum { THREADS = 256, TILE_ROWS = 4 * THREADS };

/* ---- Kernels --------------------------------------------------------------------------------- */

struct score_job {
    gbt_cuda_span span;
    float value;
};

GBT_KERNEL add_values(const score_job *jobs, int32_t n_jobs, const uint32_t *rows_0,
                      const uint32_t *rows_1, float *scores)
{
    const score_job job = jobs[gbt_job_of_tile(jobs, n_jobs, gbt_block())];
    const uint32_t *rows = job.span.buffer == 0 ? rows_0 : rows_1;
    uint32_t first = 0;
    uint32_t last = 0;
    gbt_rows_of_tile(job.span, gbt_block(), TILE_ROWS, &first, &last);
    for (uint32_t at = first + gbt_thread(); at < last; at += THREADS) {
        scores[rows[at]] += job.value;
    }
}

/* Rows that are not in the set `sampled`. The tree's arrays are the device's. */
GBT_KERNEL walk_rows(gbt_tree tree, const uint32_t *sampled, int64_t n_rows, const uint8_t *codes,
                     int64_t step, const gbt_bin_place *place, const int32_t *n_bins, float *scores)
{
    const int64_t row = gbt_grid_thread();
    if (row >= n_rows || ((sampled[row / 32] >> (row % 32)) & 1u)) {
        return;
    }
    int32_t node = 0;
    while (tree.feature[node] >= 0) {
        const int32_t feature = tree.feature[node];
        const int32_t bin =
            gbt_bin_of_code(&place[feature], codes[row * step + place[feature].column]);
        node = gbt_tree_goes_left(&tree, node, bin, n_bins[feature]) ? tree.left[node]
                                                                     : tree.right[node];
    }
    scores[row] += tree.value[node];
}

/* ---- Host ------------------------------------------------------------------------------------ */

/* Puts an array behind the others of a piece of mail; returns where it will be on the device. */
template <class T> static T *pack(char *host, char *device, int64_t *at, const T *from, int64_t n)
{
    memcpy(host + *at, from, static_cast<size_t>(n) * sizeof(T));
    T *there = reinterpret_cast<T *>(device + *at);
    *at += (n * static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
    return there;
}

static gbt_status walk(gbt_backend *b, const gbt_tree *tree, float *scores)
{
    const int64_t n = tree->n_nodes;
    const int64_t n_words = static_cast<int64_t>(tree->n_sets) * GBT_SET_WORDS;
    const int64_t bytes = n * (5 * 4 + 2) + n_words * 4 + 8 * 16;
    char *host = NULL;
    char *device = NULL;
    int64_t at = 0;
    gbt_tree there = *tree;
    GBT_TRY(gbt_cuda_mail_of(b, bytes, &host, &device));
    there.feature = pack(host, device, &at, tree->feature, n);
    there.left = pack(host, device, &at, tree->left, n);
    there.right = pack(host, device, &at, tree->right, n);
    there.set = pack(host, device, &at, tree->set, n);
    there.value = pack(host, device, &at, tree->value, n);
    there.bin = pack(host, device, &at, tree->bin, n);
    there.flags = pack(host, device, &at, tree->flags, n);
    there.sets = pack(host, device, &at, tree->sets, n_words);
    there.threshold = there.gain = there.cover = NULL;
    there.rows = NULL;
    GBT_TRY(gbt_cuda_send_mail(b, host, bytes));
    return GBT_LAUNCH(b->device, walk_rows, gbt_cuda_parts_of(b->n_rows, THREADS), THREADS, 0,
                      there, b->sampled, b->n_rows, b->codes, b->step, b->place, b->n_bins, scores);
}

gbt_status gbt_cuda_end_tree(gbt_backend *b, int32_t output, const gbt_tree *tree,
                             const int32_t *leaf_node_of_node)
{
    float *scores = b->scores + output * b->n_rows;
    score_job *job = NULL;
    score_job *device_job = NULL;
    int64_t n_tiles = 0;
    int32_t n = 0;
    GBT_TRY(gbt_cuda_mail_of(b, b->config.max_nodes, &job, &device_job));
    for (int32_t i = 0; i < b->config.max_nodes; i++) {
        if (b->node[i].is_open && b->node[i].n > 0) {
            job[n++] = {gbt_span_of(b->node[i], TILE_ROWS, &n_tiles),
                        tree->value[leaf_node_of_node[i]]};
        }
    }
    GBT_TRY(gbt_cuda_send_mail(b, job, n * static_cast<int64_t>(sizeof *job)));
    GBT_TRY(GBT_LAUNCH(b->device, add_values, n_tiles, THREADS, 0, device_job, n, b->rows[0],
                       b->rows[1], scores));
    return b->sample.rows != NULL ? walk(b, tree, scores) : GBT_OK;
}
