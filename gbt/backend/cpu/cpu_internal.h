/* What the files of the cpu backend share: buffers, the working set, histograms, the steps of a
 * tree. README.md in this folder tells the idea. Nothing outside this folder includes this file. */
#ifndef GBT_BACKEND_CPU_CPU_INTERNAL_H
#define GBT_BACKEND_CPU_CPU_INTERNAL_H

#include <string.h>

#include "gbt/backend/backend.h"
#include "gbt/backend/binned_tree.h"
#include "gbt/backend/cpu/cpu_pick.h"
#include "gbt/backend/cpu/cpu_scan.h"
#include "gbt/base/parallel.h"

/* Sizes that a test build may shrink to reach every path with few rows. */
#ifndef GBT_CPU_BLOCK_ROWS
#define GBT_CPU_BLOCK_ROWS GBT_QUANT_CHUNK /* sampled rows that a thread copies at a time */
#endif
#ifndef GBT_CPU_SHARED_UPDATES
#define GBT_CPU_SHARED_UPDATES 131072 /* from which all threads share a node with listed columns */
#endif
#ifndef GBT_CPU_SHARED_HISTOGRAMS
#define GBT_CPU_SHARED_HISTOGRAMS 2 /* and one without, if its records are larger than this many */
#endif
#ifndef GBT_CPU_REGION_WORK
#define GBT_CPU_REGION_WORK 2048 /* slots or rows from which a parallel region pays */
#endif
#ifndef GBT_CPU_COUNTED_ROWS
#define GBT_CPU_COUNTED_ROWS 1023 /* at most: the row count has 10 bits */
#endif
#ifndef GBT_CPU_PACKED_ROWS
#define GBT_CPU_PACKED_ROWS 65535 /* at most: 65535 * 65535 < 2^32, 65535 * 32767 < 2^31 */
#endif

enum {
    GBT_CPU_MAX_CODES = 256,
    GBT_CPU_LEAST_HISTOGRAMS = 4, /* in the pool, whatever its bound */
    GBT_CPU_COPY_SLACK = 64       /* bytes readable behind the bin matrix */
};

/* Largest values and sums of squares of one chunk of GBT_QUANT_CHUNK rows of one output. */
typedef struct gbt_cpu_measure {
    double grad_squares, hess_squares;
    float grad_most, hess_most;
    bool is_bad; /* some value is not finite or some hessian negative */
} gbt_cpu_measure;

/* One column that a tree uses. */
typedef struct gbt_cpu_column {
    int32_t source; /* column of the bin matrix */
    int32_t n_codes;
    int32_t slot;    /* its first slot in a histogram */
    int32_t at;      /* byte of a record; -1: a listed column, see cpu_entries.c */
    bool is_counted; /* histograms count its rows beside the sums */
} gbt_cpu_column;

/* One feature that the tree may split on, with what a search needs of it. */
typedef struct gbt_cpu_feature {
    int32_t feature;
    int32_t column; /* of the working set */
    int32_t slot;   /* of the column */
    int32_t n_bins; /* value bins */
    bool is_categorical, has_missing;
    bool is_listed; /* as its column is */
    gbt_bin_place place;
} gbt_cpu_feature;

/* Columns, slots, features or parts [first, last). */
typedef struct gbt_cpu_range {
    int32_t first, last;
} gbt_cpu_range;

/* Histogram of one node: slots side by side for all columns. Format by rows, see cpu_scan.h. */
typedef struct gbt_cpu_histogram {
    void *slots;    /* [n_slots] uint64_t, or gbt_sum when wide */
    uint32_t *rows; /* [n_slots] rows of each code, of the counted columns only; not when counted */
    uint64_t *away; /* [n_away] rows off a listed feature's default: how many, in the low half, and
                       a bound of their hessians, in the high one; see cpu_entries.c */
    int32_t *entry_slot; /* [n_away] first slot for a feature's entries; waste_slot: closed */
    uint8_t *open;       /* [n_features] 0, closed: nothing to find here or in any node below */
    bool is_narrowed;    /* only listed features that were open in the parent have their slots */
    int32_t node;        /* -1: free */
    gbt_cpu_format format;
    int64_t stamp; /* of the call that used it last */
} gbt_cpu_histogram;

typedef struct gbt_cpu_node {
    int64_t n_rows;
    int32_t histogram; /* -1: none */
    bool is_open;      /* has rows of its own: used and not split */
    uint16_t leaf;     /* number of an open node's rows, at the end of a tree */
} gbt_cpu_node;

/* Rows [first, last) of a node in the part of one thread. */
typedef struct gbt_cpu_run {
    uint32_t first, last;
} gbt_cpu_run;

/* A histogram to make from rows; then, perhaps, the sibling's from the parent's. */
typedef struct gbt_cpu_job {
    int32_t node;
    int32_t large; /* node that takes the parent's histogram less this one; -1: none */
} gbt_cpu_job;

/* What the search found for one feature of one node. */
typedef struct gbt_cpu_found {
    double sides;                  /* gains of both sides; not above the node's floor: nothing */
    int32_t candidate;             /* numeric: bin; categorical: number in the plan */
    bool missing_left, is_certain; /* is_certain: both sides are known to have enough rows */
} gbt_cpu_found;

struct gbt_backend {
    gbt_backend_config config;
    const gbt_dataset *data; /* borrowed, like the next three */
    const gbt_objective *objective;
    const float *target; /* [gbt_objective_labels() x n_rows] */
    const float *weight; /* [n_rows] or NULL */
    gbt_cpu_scans scans;
    gbt_cpu_scans few_scans; /* of features with few bins */
    uint8_t *is_usable;      /* [n_features] some candidate may have enough rows on both sides */
    int64_t n_rows;
    int32_t n_outputs;

    float *scores, *grad, *hess; /* [n_outputs x n_rows] */
    gbt_cpu_measure *measure;    /* [n_outputs x n_chunks] */
    int64_t n_chunks;

    /* The tree under way. */
    gbt_sample sample;
    gbt_quant quant;
    int32_t hess_least, hess_most; /* units of a row's hessian */
    int64_t least_hess;            /* units that each side of a numeric split needs */
    gbt_cpu_column *column;        /* [n_columns] those in the records first */
    int32_t *column_of;            /* [columns of the bin matrix] among these or -1 */
    gbt_cpu_feature *feature;      /* [n_features] */
    int32_t n_columns, n_recorded, n_features, n_slots;
    bool counts_all;         /* a common search came: count all columns */
    _Atomic int64_t *looked; /* [columns of the bin matrix] rows that a tree looked at in vain for
                                want of counts; INT64_MAX: too many, so that it is counted */

    /* Columns that most rows leave at code 0, as lists of the other codes by row. */
    uint8_t *is_listed;   /* [columns of the bin matrix] */
    int64_t *entry_start; /* [n_rows + 1]; NULL: no column is listed */
    uint32_t *entry;      /* feature << 8 | code, counted from the feature's first */
    int32_t *entry_slot;  /* [features of the data] first slot; waste_slot: not in use */
    int32_t waste_slot;   /* first one of a bin that nobody reads */
    int32_t n_away;       /* features of the data; 0: no column is listed */
    int32_t away_shift;   /* a unit of the hessians in `away` is 1 << away_shift */
    bool counts_entries;  /* some listed column is counted */

    /* The working set: a record has a code for every other column, then the gradient. */
    uint8_t *record;        /* [n_rows x step] */
    uint32_t *row;          /* [n_rows] row of the data set */
    int64_t step;           /* bytes, a multiple of 16 */
    int32_t grad_at;        /* byte of the gradient */
    gbt_picker picker;      /* the records' columns of a row of the bin matrix */
    int32_t n_parts;        /* parts of the working set in this tree, one thread each */
    int64_t stripe;         /* rows that go to the parts in turn, whole chunks of gradients */
    int32_t n_shares;       /* shares of the columns, one thread each */
    bool searches_by_share; /* features are in the order of columns */
    int32_t share_column[GBT_MAX_THREADS + 1];  /* first column of each share, then n_columns */
    int32_t share_feature[GBT_MAX_THREADS + 1]; /* likewise features: those columns', about */
    gbt_cpu_node *node;                         /* [max_nodes] */
    gbt_cpu_run *run;                           /* [max_nodes x threads] */

    gbt_cpu_histogram *pool;    /* [n_pool] */
    gbt_cpu_histogram *scratch; /* [threads] share of a node that all threads build */
    uint64_t **packed;          /* [threads] of [most_slots]: words to be folded, else zero */
    char *slots;                /* block behind pool, scratch and packed */
    uint8_t *noted_open;        /* [n_features] `open` of the parent of those taken next */
    int32_t *noted_slot;        /* [n_away] likewise entry_slot */
    bool noted_narrow;          /* so few are open that only these get their slots */
    int32_t *unused;            /* [n_pool] free ones, the last taken first: still in cache */
    int32_t n_pool, n_unused, most_slots;
    int64_t stamp;

    gbt_cpu_job *job;     /* [2 x max_nodes] */
    gbt_cpu_found *found; /* [group_nodes x n_features] of a group of searches */
    int32_t group_nodes;
    uint16_t *leaf;                    /* [n_rows] number of the row's leaf, by row */
    float *leaf_value;                 /* [max_nodes + 1] the last one of rows without a leaf */
    gbt_binned_tree outside;           /* the tree for rows outside the sample */
    float *residual, *residual_weight; /* [n_rows], only when leaves are renewed */
    int64_t *leaf_first;               /* [max_nodes + 1], likewise */
    uint32_t *sampled;                 /* bit set over rows: in the sample */
};

static inline gbt_cpu_run *gbt_cpu_runs(const gbt_backend *b, int32_t node)
{
    return b->run + (int64_t)node * b->config.threads;
}

/* Slots of one column with n codes: whole cache lines, and never a multiple of 64 slots, so that
 * equal codes of different columns do not meet in one set of the cache. */
static inline int32_t gbt_cpu_slots_of(int32_t n_codes)
{
    const int32_t n = (n_codes + 7) & ~7;
    return n % 64 == 0 ? n + 8 : n;
}

/* Slots of the columns; behind the last column is the waste bin of cpu_entries.c. */
static inline gbt_cpu_range gbt_cpu_slots(const gbt_backend *b, gbt_cpu_range columns)
{
    return (gbt_cpu_range){columns.first < b->n_columns ? b->column[columns.first].slot
                                                        : b->n_slots,
                           columns.last < b->n_columns ? b->column[columns.last].slot : b->n_slots};
}

/* Entries come with the last of the columns. */
static inline bool gbt_cpu_has_entries(const gbt_backend *b, gbt_cpu_range columns)
{
    return columns.last == b->n_columns && b->n_columns > b->n_recorded;
}

/* The slots of these columns, without listed ones if the histogram is narrowed: of these it has
 * those of open features only. */
static inline gbt_cpu_range gbt_cpu_whole_slots(const gbt_backend *b, gbt_cpu_range columns,
                                                const gbt_cpu_histogram *histogram)
{
    if (histogram->is_narrowed && columns.last > b->n_recorded) {
        columns.last = columns.first > b->n_recorded ? columns.first : b->n_recorded;
    }
    return gbt_cpu_slots(b, columns);
}

/* The first of n bytes from `at` on that is not 0, or n. */
static inline int32_t gbt_cpu_next_set(const uint8_t *byte, int32_t at, int32_t n)
{
    uint64_t eight = 0;
    for (; at + 8 <= n && eight == 0; at += eight ? 0 : 8) {
        memcpy(&eight, byte + at, sizeof eight);
    }
    while (at < n && byte[at] == 0) {
        at++;
    }
    return at;
}

/* cpu_gradients.c */
gbt_status gbt_cpu_gradients(gbt_backend *);
gbt_status gbt_cpu_set_gradients(gbt_backend *, const float *grad, const float *hess);
/* Unit of this tree; ERR_NUMERIC names the first bad row. */
gbt_status gbt_cpu_choose_quant(gbt_backend *, int32_t round, int32_t output);

/* Code of the record at a position of the working set. */
static inline uint8_t gbt_cpu_code(const gbt_backend *b, const gbt_cpu_column *column,
                                   int64_t position)
{
    return column->at >= 0
               ? b->record[position * b->step + column->at]
               : b->data->bins.base[b->row[position] * b->data->bins.row_step + column->source];
}

/* cpu_entries.c */
/* Sets is_usable and lists the sparse columns. Cost: about one histogram. */
gbt_status gbt_cpu_list_entries(gbt_backend *);
int64_t gbt_cpu_entry_bytes(const gbt_dataset *); /* that the lists take, about */
/* Adds n records from `first` on to the listed columns: sums to `slots`, which may be words that
 * are folded later, rows to those of the histogram. */
void gbt_cpu_add_entries(const gbt_backend *, int64_t first, int64_t n, void *slots,
                         const gbt_cpu_histogram *);
/* Features that may be listed. */
int32_t gbt_cpu_n_away(const gbt_bins *);
/* Sets away_shift of the tree. */
void gbt_cpu_measure_away(gbt_backend *);
/* Are the rows off the default of a listed feature too few, or too light, for one side? */
bool gbt_cpu_has_few_away(const gbt_backend *, const gbt_cpu_feature *, uint64_t away);

/* cpu_layout.c */
/* Features, columns, record and parts of a tree, from its sample and quant. */
void gbt_cpu_lay_out(gbt_backend *);
/* Which columns are counted, from the hessians of the records, and each thread's share of them. */
void gbt_cpu_share_columns(gbt_backend *);

/* cpu_working_set.c */
gbt_status gbt_cpu_begin_tree(gbt_backend *, int32_t round, int32_t output, const gbt_sample *,
                              gbt_root *);

/* cpu_pool.c: histograms of the pool. */
int64_t gbt_cpu_pool_bytes(const gbt_backend_config *, const gbt_dataset *);
gbt_status gbt_cpu_pool_open(gbt_backend *);
void gbt_cpu_pool_reset(gbt_backend *);
/* Histograms taken next, and those passed on, are of children of `parent` (-1: of none): all
 * features are open in them that are so in its histogram, if it has one. */
void gbt_cpu_pool_note_open(gbt_backend *, int32_t parent);
/* Takes a free histogram, or the one unused for longest, for `node`; false when all were used by
 * this call (stamp). */
bool gbt_cpu_pool_take(gbt_backend *, int32_t node);
void gbt_cpu_pool_give(gbt_backend *, int32_t node); /* back, if the node has one */
void gbt_cpu_pool_pass(gbt_backend *, int32_t from, int32_t to);

/* cpu_histogram.c: rows to slots. */
/* Rows of the node in these parts to the slots of these columns, which are cleared before; the
 * histogram has its format. */
void gbt_cpu_add_rows(const gbt_backend *, gbt_cpu_range columns, gbt_cpu_range parts, int32_t node,
                      int thread, gbt_cpu_histogram *);
gbt_cpu_format gbt_cpu_format_of(const gbt_backend *, int64_t n_rows);
/* rows, sums [GBT_CPU_MAX_CODES]: one column of the node's rows, without a histogram; sums may
 * be NULL. */
void gbt_cpu_count_column(const gbt_backend *, int32_t node, int32_t column, uint32_t *rows,
                          gbt_sum *sums);
/* is_left [GBT_CPU_MAX_CODES]: which codes of the feature's column the split sends left. */
void gbt_cpu_list_left(const gbt_backend *, const gbt_split *, uint8_t *is_left);
/* Do at least `least` rows of the node go to either side? Looks at no more rows than it must. */
bool gbt_cpu_has_rows(const gbt_backend *, int32_t node, const gbt_split *, int64_t least);

/* cpu_build.c: which histograms, by whom. */
gbt_status gbt_cpu_build(gbt_backend *, const gbt_build *, int32_t n);
/* Makes the histogram of `node` from its rows if it has none; false as in gbt_cpu_pool_take. */
bool gbt_cpu_build_missing(gbt_backend *, int32_t node);

/* cpu_split.c */
int32_t gbt_cpu_group_nodes(int32_t n_features);
/* Sets least_hess of the tree. */
void gbt_cpu_search_begin(gbt_backend *);
gbt_status gbt_cpu_search(gbt_backend *, const gbt_search *, int32_t n, bool is_common,
                          gbt_split *best);

/* cpu_partition.c */
gbt_status gbt_cpu_split_rows(gbt_backend *, const gbt_apply *, int32_t n, int64_t *left_rows);

/* cpu_scores.c */
gbt_status gbt_cpu_renew(gbt_backend *, int32_t output, const int32_t *leaf_of_node,
                         int32_t n_leaves, float *out);
gbt_status gbt_cpu_end_tree(gbt_backend *, int32_t output, const gbt_tree *,
                            const int32_t *leaf_node_of_node);

#endif
