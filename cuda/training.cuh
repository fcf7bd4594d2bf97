/* What the files of the training backend share: buffers, histograms, the steps of a tree.
 * README.md in this folder tells the idea. Device pointers are marked so; all else is of the
 * host. */
#ifndef GBT_CUDA_TRAINING_CUH
#define GBT_CUDA_TRAINING_CUH

#include "cuda/device.cuh"
#include "cuda/host.cuh"

/* Sizes that a test build may shrink to reach every path with few rows. */
#ifndef GBT_CUDA_TILE_ROWS
#define GBT_CUDA_TILE_ROWS 2048 /* of a partition, in eighths of which a block works */
#endif
#ifndef GBT_CUDA_HISTOGRAM_ROWS
#define GBT_CUDA_HISTOGRAM_ROWS 2048 /* the least that pays for a block's fold, if there are more */
#endif
#ifndef GBT_CUDA_TILES
#define GBT_CUDA_TILES 6 /* of a histogram launch, for each multiprocessor */
#endif
#ifndef GBT_CUDA_SEARCHES
#define GBT_CUDA_SEARCHES 262144 /* features x nodes that are searched at a time */
#endif
#ifndef GBT_CUDA_COMMON_FEATURES
#define GBT_CUDA_COMMON_FEATURES 16384 /* features that a common search weighs at a time */
#endif

#ifndef GBT_CUDA_MAIL_BYTES
#define GBT_CUDA_MAIL_BYTES 65536 /* for lists, beside what the longest one needs */
#endif

enum {
    GBT_CUDA_CODES = 256,
    GBT_CUDA_LANES = 32,           /* columns of a plane: one lane, one bank each */
    GBT_CUDA_FOLD_ROWS = 65535,    /* most rows that 32-bit sums of 16-bit numbers hold */
    GBT_CUDA_LEAST_HISTOGRAMS = 4, /* in the pool, whatever its bound */
    GBT_CUDA_BATCH = 64,           /* leaves expanded at once */
    GBT_CUDA_BLOCKS = 40           /* device memory blocks of a backend, at most */
};

/* Sums and rows of a bin or of one side of a split. */
struct gbt_cuda_cell {
    int64_t grad, hess, rows;
};

/* One byte column that the tree may use. */
struct gbt_cuda_column {
    int32_t source; /* column of the bin matrix */
    int32_t n_codes;
    int32_t slot; /* its first slot in a histogram */
};

/* One feature that the tree may split on. */
struct gbt_cuda_feature {
    int32_t feature;
    int32_t slot;   /* of the column's code 0 */
    int32_t n_bins; /* value bins */
    int32_t is_categorical;
    gbt_bin_place place;
};

/* Rows of a node, as a job for the tiles [first_tile, the next span's first_tile) of a launch. */
struct gbt_cuda_span {
    uint32_t first, n; /* rows[buffer][first .. first + n) */
    uint32_t first_tile;
    int32_t buffer;
};

/* Largest values and sums of squares of a chunk of GBT_QUANT_CHUNK rows. */
struct gbt_cuda_measure {
    double squares[2]; /* of gradients, of hessians */
    uint32_t most[2];  /* bits of the largest absolute values */
    uint32_t is_bad;   /* not finite, or a negative hessian */
    uint32_t unused;
};

/* Sums of the sampled rows. */
struct gbt_cuda_root {
    uint64_t grad, hess;
    uint32_t hess_least, hess_most; /* units of one row */
};

/* One node of a search. */
struct gbt_cuda_task {
    gbt_sum sum;
    int64_t n_rows;
    double weight;
    int32_t histogram;
    int32_t has_set; /* task i has feature set i */
};

/* A candidate: the larger value is better, equal ones by the smaller number. */
struct gbt_cuda_best {
    double value;
    int32_t at;      /* INT32_MAX: none */
    int32_t feature; /* of the tree; of a common search's winner only */
};

/* What kernels of the search need beside their tasks; passed by value. */
struct gbt_cuda_view {
    const uint64_t *sums;            /* device [n_pool + 1 x 2 x most_slots]: grad, hess */
    const uint32_t *rows;            /* device [n_pool + 1 x most_slots] */
    const gbt_cuda_feature *feature; /* device [n_features] */
    int32_t n_features, most_slots;
    int64_t equal_hess; /* every row's hessian; 0: they differ, and rows are counted */
    double grad_unit, hess_unit;
    gbt_regular regular;
    double min_child_weight, min_split_gain, cat_smooth, cat_l2;
    int64_t min_child_samples, min_data_per_group;
    int32_t max_cat_to_onehot, max_cat_threshold;
};

struct gbt_cuda_node {
    uint32_t first, n; /* rows[buffer][first .. first + n) */
    int32_t buffer;
    int32_t histogram; /* of the pool, -1: none */
    bool is_open;      /* used and not split */
};

/* Page-locked memory with a mirror on the device: lists for kernels are written here and sent. */
struct gbt_cuda_mail {
    char *host;
    char *device; /* device */
    int64_t bytes, used;
};

struct gbt_backend {
    gbt_backend_config config;
    const gbt_dataset *data; /* borrowed, like the objective */
    const gbt_objective *objective;
    gbt_device *device;
    int64_t n_rows, n_chunks;
    int32_t n_outputs;
    bool has_weight, renews;

    void *block[GBT_CUDA_BLOCKS]; /* device: everything below, to be released */
    int32_t n_blocks;

    /* Device, for life. */
    uint8_t *codes; /* [n_rows x step] */
    int64_t step;
    uint8_t *columns;            /* [n_columns x n_rows] */
    gbt_bin_place *place;        /* [n_features] */
    int32_t *n_bins;             /* [n_features] value bins */
    float *target, *weight;      /* [labels x n_rows], [n_rows] or NULL */
    float *scores, *grad, *hess; /* [n_outputs x n_rows] */
    gbt_cuda_measure *measure;   /* [n_chunks] */

    /* Device, of the tree under way. */
    uint32_t *packed[2];       /* [n_rows] gradient and hessian of 16 bits each; wide: low, high */
    uint32_t *rows[2];         /* [n_rows] row numbers, a node's side by side in one of them */
    uint32_t *sampled;         /* bit set over rows */
    gbt_cuda_root *root;       /* [1] */
    gbt_cuda_column *column;   /* [n_columns] */
    gbt_cuda_feature *feature; /* [n_features] */
    uint64_t *sums;            /* the pool, see gbt_cuda_view; the last one: sum over nodes */
    uint32_t *slot_rows;
    gbt_split *found;       /* [searches]: a feature's best, `gain` being that of both sides */
    gbt_split *best;        /* [most_tasks] */
    double *totals;         /* [common_features x 2 GBT_CUDA_CODES] of a common search */
    gbt_cuda_best *best_of; /* [n_features + 1] of a common search; the last: the winner */
    uint32_t *counters;     /* [2 x max_nodes] rows sent left and right */
    uint64_t *keys[2];      /* [n_rows] renewal of leaves only, like all below */
    uint32_t *payload[2];   /* [n_rows] */
    uint64_t *whole;        /* [n_rows] whole weights, then their prefix sums */
    uint32_t *leaf_most;    /* [max_nodes] bits of the largest weight */
    float *leaf_value;      /* [max_nodes] */
    void *scratch;
    int64_t scratch_bytes;

    /* Host. */
    gbt_cuda_mail mail;
    char *answers; /* page-locked [answer_bytes]: what comes back */
    int64_t answer_bytes;
    gbt_sample sample;
    gbt_quant quant;
    gbt_cuda_root root_sums;
    gbt_cuda_column *host_column;   /* [n_columns] */
    int32_t *column_of;             /* [columns of the bin matrix] in the tree, or -1 */
    gbt_cuda_feature *host_feature; /* [n_features] */
    int32_t n_columns, n_features;  /* of the tree */
    int32_t n_slots, most_codes;    /* of the tree; codes of its largest column */
    int32_t search_threads;
    int32_t most_slots, n_pool, most_tasks;
    gbt_cuda_node *node; /* [max_nodes] */
    int32_t *owner;      /* [n_pool] node of the histogram, -1: free */
    int64_t *stamp;      /* [n_pool] of the call that used it last */
    int64_t now;
    int32_t *list; /* [3 x max_nodes] nodes and histograms of a call */
};

static inline int64_t gbt_cuda_parts_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* buffers.cu: everything that open takes; closing gives back what there is. */
void gbt_cuda_size_up(gbt_backend *, const gbt_backend_config *, const gbt_dataset *,
                      int32_t n_outputs);
int64_t gbt_cuda_most_slots(const gbt_dataset *); /* bins of all columns */
gbt_status gbt_cuda_take_memory(gbt_backend *);
void gbt_cuda_release_memory(gbt_backend *);
int64_t gbt_cuda_bytes(const gbt_backend_config *, const gbt_dataset *, int32_t n_outputs);
int64_t gbt_cuda_device_bytes(const gbt_backend_config *, const gbt_dataset *, int32_t n_outputs);

/* `bytes` of page-locked memory and their mirror. Each piece is filled, sent and
 * given to its kernels before the next one is taken: that may wait and use the room again. */
gbt_status gbt_cuda_take_mail(gbt_backend *, int64_t bytes, void **host, void **device);
gbt_status gbt_cuda_send_mail(gbt_backend *, const void *host, int64_t bytes); /* a taken piece */
/* Waits for the device; all mail is free again. */
gbt_status gbt_cuda_wait(gbt_backend *);
/* Bytes from the device in page-locked memory, valid until the next call of this. Waits. */
gbt_status gbt_cuda_answer(gbt_backend *, const void *device, int64_t bytes, const void **out);

/* An array of n elements that is filled before gbt_cuda_send_mail. */
template <class T>
static inline gbt_status gbt_cuda_mail_of(gbt_backend *b, int64_t n, T **host, T **device)
{
    void *at = NULL;
    void *mirror = NULL;
    GBT_TRY(gbt_cuda_take_mail(b, n * static_cast<int64_t>(sizeof(T)), &at, &mirror));
    *host = static_cast<T *>(at);
    *device = static_cast<T *>(mirror);
    return GBT_OK;
}

/* gradients.cu */
gbt_status gbt_cuda_gradients(gbt_backend *);
gbt_status gbt_cuda_begin_tree(gbt_backend *, int32_t round, int32_t output, const gbt_sample *,
                               gbt_root *);

/* histogram.cu: fills the histograms of n nodes, which have places in the pool, from their rows. */
gbt_status gbt_cuda_make(gbt_backend *, const int32_t *node, int32_t n);
/* Histogram from[i] -= histogram less[i] (numbers in the pool). */
gbt_status gbt_cuda_subtract(gbt_backend *, const int32_t *from, const int32_t *less, int32_t n);
/* Histogram n_pool += histograms of the tasks; cleared before when is_first. */
gbt_status gbt_cuda_add_up(gbt_backend *, const gbt_cuda_task *device_task, int32_t n,
                           bool is_first);

/* pool.cu: which histograms there are. */
void gbt_cuda_pool_reset(gbt_backend *);
void gbt_cuda_discard(gbt_backend *, int32_t node);
gbt_status gbt_cuda_build(gbt_backend *, const gbt_build *, int32_t n);
/* Makes sure that task[0 .. *n_ready) have histograms at the same time, at least one of them. */
gbt_status gbt_cuda_ready(gbt_backend *, const gbt_search *task, int32_t n, int32_t *n_ready);

/* split.cu, split_common.cu */
gbt_cuda_view gbt_cuda_view_of(const gbt_backend *);
/* The tasks and their feature sets as mail, sent. */
gbt_status gbt_cuda_send_tasks(gbt_backend *, const gbt_search *task, int32_t n,
                               gbt_cuda_task **device_task, uint32_t **device_sets);
gbt_status gbt_cuda_search(gbt_backend *, const gbt_search *, int32_t n, bool is_common,
                           gbt_split *best);
gbt_status gbt_cuda_search_common(gbt_backend *, const gbt_search *, int32_t n, gbt_split *best);

/* partition.cu */
gbt_status gbt_cuda_split_rows(gbt_backend *, const gbt_apply *, int32_t n, int64_t *left_rows);

/* scores.cu, renew.cu */
gbt_status gbt_cuda_end_tree(gbt_backend *, int32_t output, const gbt_tree *,
                             const int32_t *leaf_node_of_node);
gbt_status gbt_cuda_renew(gbt_backend *, int32_t output, const int32_t *leaf_of_node,
                          int32_t n_leaves, float *out);

#endif
