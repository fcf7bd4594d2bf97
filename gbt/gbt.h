/* gbt: histogram gradient-boosted decision trees. The whole public API; the only installed header.
 *
 * Conventions
 *   - Everything that can fail returns a gbt_status; gbt_last_error() tells what, where and what
 *     would be right. Out-parameters come last and are NULL (handles) or untouched (arrays) on
 *     failure.
 *   - Handles are opaque. `gbt_x_free(NULL)` is a no-op; handles keep what they use alive, so they
 *     may be freed in any order. Arrays are borrowed for the call unless said otherwise.
 *   - Models, tables and parameter sets may be read by several threads at once. A dataset is
 *     read-only while a booster uses it. A booster belongs to one thread at a time.
 *   - The library never prints, exits, reads the environment or touches the locale. Global state:
 *     the log hook, the allocator hook, the thread-local error text.
 *   - [rows x outputs] means row-major: element (i, k) at i * outputs + k. */
#ifndef GBT_H
#define GBT_H

#include <stddef.h>
#include <stdint.h>

#define GBT_VERSION_MAJOR 0
#define GBT_VERSION_MINOR 1
#define GBT_VERSION_PATCH 0

#if defined(GBT_BUILD_SHARED)
#define GBT_API __attribute__((visibility("default")))
#else
#define GBT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status, errors, hooks ------------------------------------------------------------------- */

#define GBT_STATUS_LIST(X)                               \
    X(0, OK, "success")                                  \
    X(1, ERR_ARGUMENT, "argument outside its domain")    \
    X(2, ERR_PARAM, "unknown or invalid parameter")      \
    X(3, ERR_MEMORY, "out of memory or over a limit")    \
    X(4, ERR_IO, "file could not be read or written")    \
    X(5, ERR_FORMAT, "file is malformed")                \
    X(6, ERR_STATE, "call not allowed now")              \
    X(7, ERR_UNSUPPORTED, "not available in this build") \
    X(8, ERR_DEVICE, "device failure")                   \
    X(9, ERR_CANCELLED, "stopped by the callback")       \
    X(10, ERR_BUG, "internal error")                     \
    X(11, ERR_DATA, "data does not fit the request")     \
    X(12, ERR_NUMERIC, "numerical failure in training")

typedef enum gbt_status {
#define GBT_STATUS_MEMBER(code, name, text) GBT_##name = code,
    GBT_STATUS_LIST(GBT_STATUS_MEMBER)
#undef GBT_STATUS_MEMBER
} gbt_status;

GBT_API const char *gbt_version(void);           /* "0.1.0" */
GBT_API const char *gbt_status_name(gbt_status); /* "GBT_ERR_PARAM"; unknown codes: "unknown" */
GBT_API const char *gbt_last_error(void);        /* this thread's latest failure, never NULL */

typedef enum gbt_log_level { GBT_LOG_WARN = 0, GBT_LOG_INFO = 1, GBT_LOG_DEBUG = 2 } gbt_log_level;

/* Called with one line of text without a newline, from the thread that called the library. */
typedef void (*gbt_log_fn)(gbt_log_level level, const char *line, void *user);
GBT_API void gbt_set_log(gbt_log_fn, void *user); /* NULL: silence (the default) */

typedef struct gbt_allocator {
    void *(*allocate)(size_t bytes, size_t alignment, void *user); /* NULL on failure */
    void (*release)(void *memory, void *user);
    void *user;
} gbt_allocator;

/* Replaces malloc/free for everything the library allocates; NULL restores them. Call it while no
 * handle is alive. */
GBT_API void gbt_set_allocator(const gbt_allocator *);

/* 1 when the backend ("ref", "cpu", "cuda", "cuda:N") can train and predict here, else 0 and
 * gbt_last_error() says what is missing. */
GBT_API int gbt_backend_available(const char *name);

/* ---- Data views ------------------------------------------------------------------------------ */

typedef enum gbt_dtype { GBT_F32 = 0, GBT_F64 = 1, GBT_I32 = 2 } gbt_dtype;

/* A view of a dense table, borrowed for the call. NaN means missing. A categorical column holds
 * whole numbers 0 .. 2^24 - 1; a negative number or NaN is missing. */
typedef struct gbt_matrix {
    const void *data;
    gbt_dtype dtype;
    int64_t n_rows, n_cols;
    int64_t row_stride, col_stride; /* in elements */
} gbt_matrix;

/* Compressed sparse rows, borrowed for the call. Absent cells are zero; NaN means missing.
 * Within a row columns ascend strictly. */
typedef struct gbt_csr {
    const int64_t *row_start; /* [n_rows + 1] */
    const int32_t *column;    /* [row_start[n_rows]] */
    const void *value;        /* [row_start[n_rows]] of `dtype` */
    gbt_dtype dtype;
    int64_t n_rows, n_cols;
} gbt_csr;

typedef struct gbt_params gbt_params;
typedef struct gbt_table gbt_table;
typedef struct gbt_dataset gbt_dataset;
typedef struct gbt_booster gbt_booster;
typedef struct gbt_cv gbt_cv;
typedef struct gbt_model gbt_model;
typedef struct gbt_objective gbt_objective;
typedef struct gbt_influence gbt_influence;
typedef struct gbt_multitask gbt_multitask;
typedef struct gbt_heads gbt_heads;

/* ---- Parameters ------------------------------------------------------------------------------ */

typedef struct gbt_param_info {
    const char *section, *name;
    const char *kind;     /* "int", "real", "bool", "enum", "text", "path", "list", "bytes" */
    const char *fallback; /* default value as text; "" when there is none */
    const char *range;    /* "[0, 1]", "leafwise|depthwise|symmetric", "" */
    const char *aliases;  /* comma-separated */
    const char *doc;
} gbt_param_info;

GBT_API gbt_status gbt_params_create(gbt_params **out); /* all defaults */
GBT_API gbt_status gbt_params_copy(const gbt_params *, gbt_params **out);
GBT_API void gbt_params_free(gbt_params *);

/* `key` is a name or alias, also as "section.name". A later set replaces an earlier one.
 * ERR_PARAM: unknown key (the message names the nearest), value out of range, ambiguous bare
 * name. */
GBT_API gbt_status gbt_params_set(gbt_params *, const char *key, const char *value);

/* Writes the value as text, zero-terminated; ERR_ARGUMENT when it needs more than `capacity`
 * bytes. */
GBT_API gbt_status gbt_params_get(const gbt_params *, const char *key, char *out, size_t capacity);

/* 1 when the key was set by the caller or a file, 0 when it still has its default, -1 unknown
 * key. */
GBT_API int gbt_params_is_set(const gbt_params *, const char *key);

/* Reads `[section]`, `key = value` lines. Relative paths in path keys are taken from the folder
 * of the file. Nothing changes on failure. ERR_IO, ERR_PARAM with file:line:column. */
GBT_API gbt_status gbt_params_load_ini(gbt_params *, const char *path);

/* Checks combinations of keys (gbt_train does it too). ERR_PARAM. */
GBT_API gbt_status gbt_params_check(const gbt_params *);

GBT_API int gbt_param_count(void);
GBT_API gbt_status gbt_param_describe(int index, gbt_param_info *out); /* static text */
GBT_API gbt_status gbt_param_find(const char *key, int *index);        /* name or alias -> index */

/* ---- Tables: what a file holds --------------------------------------------------------------- */

/* Reads a CSV, TSV or libsvm file, plain or gzip, as the keys of [data] say: column roles, header,
 * missing tokens. With `model` the columns are read the way the model needs them and only these
 * (a label is optional then). ERR_IO, ERR_FORMAT (file:line:column), ERR_PARAM (no such column). */
GBT_API gbt_status gbt_table_read(const gbt_params *, const char *path, const gbt_model *model,
                                  gbt_table **out);

/* The same, with the columns read as rows binned like `like` need them: for validation rows. */
GBT_API gbt_status gbt_table_read_like(const gbt_params *, const char *path,
                                       const gbt_dataset *like, gbt_table **out);

/* The same from the first `max_rows` rows only: for a preview. */
GBT_API gbt_status gbt_table_preview(const gbt_params *, const char *path, int64_t max_rows,
                                     gbt_table **out);

/* ---- Tables from memory: what a data frame holds --------------------------------------------- */

typedef enum gbt_cell {
    GBT_CELL_F32 = 0, /* the first three as gbt_dtype */
    GBT_CELL_F64 = 1,
    GBT_CELL_I32 = 2,
    GBT_CELL_F16 = 3, /* IEEE half precision */
    GBT_CELL_I8 = 4,
    GBT_CELL_I16 = 5,
    GBT_CELL_I64 = 6,
    GBT_CELL_U8 = 7,
    GBT_CELL_U16 = 8,
    GBT_CELL_U32 = 9,
    GBT_CELL_U64 = 10,
    GBT_CELL_BOOL = 11, /* a byte, zero or not: the number 0 or 1 */
    GBT_CELL_BIT = 12,  /* a bit, the lowest one of a byte first: the number 0 or 1 */
    GBT_CELL_TEXT = 13  /* UTF-8 */
} gbt_cell;

typedef enum gbt_mask {
    GBT_MASK_NONE = 0,
    GBT_MASK_VALID_BITS = 1,   /* 0: missing; the lowest bit of a byte first (Arrow) */
    GBT_MASK_VALID_BYTES = 2,  /* 0: missing */
    GBT_MASK_MISSING_BYTES = 3 /* not 0: missing (pandas, NumPy) */
} gbt_mask;

/* Text i is the bytes [start[i], start[i + 1]), UTF-8 without NUL. */
typedef struct gbt_texts {
    const char *bytes;
    const void *start;   /* [n + 1] not falling */
    gbt_cell start_type; /* GBT_CELL_I32 or GBT_CELL_I64 */
    int64_t n;
} gbt_texts;

/* A view of one named column, borrowed for the call; zeroed fields mean that there is none. The
 * cell of row r is number first + r of `data` and `mask`, or of `text` when the type is TEXT. */
typedef struct gbt_column {
    const char *name; /* UTF-8, not empty, distinct */
    gbt_cell type;
    const void *data;    /* cells; NULL for TEXT */
    int64_t stride;      /* bytes from a cell to the next; 0: side by side. 0 for BIT and TEXT */
    int64_t first;       /* >= 0 */
    gbt_mask mask_kind;  /* NaN and a code below 0 are missing without a mask too */
    const uint8_t *mask; /* [first + n_rows] bits or bytes */
    int is_coded;        /* 1: the cells are whole numbers, positions in the dictionary `text` */
    gbt_texts text;      /* cells of the type TEXT, or the dictionary, in any order */
} gbt_column;

/* The table that gbt_table_read would give for a CSV file with this content: roles by the keys of
 * [data] (format and header, which speak of files, are not looked at), the rest as follows.
 *   - Texts and coded cells are categories, even when all of them look like numbers; numbers are
 *     numbers unless the key `categorical` names them. With `model`: whichever the model needs.
 *   - Numbers are kept as float, rounded as when a file is read (whole numbers above 2^24, values
 *     beyond float to infinity). Group, id and `categorical` columns keep every digit: their cells
 *     become text, whole numbers in decimal, others in their shortest form.
 *   - The tokens of the key `missing` and the empty text are missing; a number is when a token is
 *     a number of the same value. Categories that occur in no row do not count, and their order
 *     has no effect.
 * Everything is copied: 4 bytes a cell and the distinct texts; the views may go afterwards.
 * ERR_ARGUMENT: a faulty view. ERR_PARAM: no such column. ERR_DATA: column and row of a cell that
 * is no number where one is needed, invalid UTF-8, a code past the dictionary; no rows. */
GBT_API gbt_status gbt_table_from_columns(const gbt_params *, const gbt_column *columns,
                                          int32_t n_columns, int64_t n_rows, const gbt_model *model,
                                          gbt_table **out);
/* The same, with the columns read as rows binned like `like` need them: for validation rows. */
GBT_API gbt_status gbt_table_from_columns_like(const gbt_params *, const gbt_column *columns,
                                               int32_t n_columns, int64_t n_rows,
                                               const gbt_dataset *like, gbt_table **out);

/* The same for a stream of record batches of the Arrow C data interface (defined by Apache Arrow;
 * not declared here). The stream is read to its end and released in every case, also on failure.
 *   - Read: null, bool, all integers and floats, utf8, large_utf8, utf8_view, and dictionaries of
 *     these, which may differ from batch to batch. A dictionary is a coded column, for label and
 *     task one of numbers is just numbers.
 *   - Other types (dates, times, decimals, binary, lists, structs, ...): ERR_DATA names column and
 *     type; cast them, or name them in `ignore`. Columns that a model does not use may have any.
 * ERR_ARGUMENT also for batches that do not follow the interface, ERR_IO when the stream fails. */
struct ArrowArrayStream;
GBT_API gbt_status gbt_table_from_arrow(const gbt_params *, struct ArrowArrayStream *stream,
                                        const gbt_model *model, gbt_table **out);
GBT_API gbt_status gbt_table_from_arrow_like(const gbt_params *, struct ArrowArrayStream *stream,
                                             const gbt_dataset *like, gbt_table **out);

typedef enum gbt_column_role {
    GBT_ROLE_FEATURE = 0,
    GBT_ROLE_LABEL = 1,
    GBT_ROLE_WEIGHT = 2,
    GBT_ROLE_GROUP = 3,
    GBT_ROLE_TASK = 4,
    GBT_ROLE_INIT_SCORE = 5,
    GBT_ROLE_ID = 6,
    GBT_ROLE_IGNORED = 7
} gbt_column_role;

typedef struct gbt_column_info {
    const char *name; /* owned by the table */
    gbt_column_role role;
    int is_text; /* 1: text (categories), 0: numbers */
    int64_t n_missing;
    int64_t n_values; /* distinct texts; 0 for numbers */
} gbt_column_info;

GBT_API int64_t gbt_table_rows(const gbt_table *);
GBT_API int32_t gbt_table_columns(const gbt_table *);
GBT_API int gbt_table_is_sparse(
    const gbt_table *); /* 1: libsvm; columns are "label" and features by index */
GBT_API gbt_status gbt_table_describe(const gbt_table *, int32_t column, gbt_column_info *out);

/* Text of a cell; numbers in their shortest form, "" for a missing cell and for an absent cell of a
 * sparse table "0". ERR_ARGUMENT when it needs more than `capacity` bytes. */
GBT_API gbt_status gbt_table_text(const gbt_table *, int32_t column, int64_t row, char *out,
                                  size_t capacity);

/* Text of one cell of the id column as it stands in the file; NULL when there is no id column. */
GBT_API const char *gbt_table_id(const gbt_table *, int64_t row);
GBT_API void gbt_table_free(gbt_table *);

/* ---- Datasets: binned rows with labels ------------------------------------------------------- */

/* Bins the rows with the cuts of `same_cuts`, or learns cuts when that is NULL.
 *   features  [n_rows x n_cols], borrowed for the call      names  [n_cols] or NULL for f0, f1, ...
 *   out       owned by the caller; NULL on failure
 * Parameters used: max_bin, min_data_in_bin, sample_for_bins, categorical, seed, threads. Cost:
 * a sort per sampled column, then one pass. Thread-safe. ERR_ARGUMENT, ERR_PARAM, ERR_MEMORY. */
GBT_API gbt_status gbt_dataset_from_matrix(const gbt_params *, const gbt_matrix *features,
                                           const char *const *names, const gbt_dataset *same_cuts,
                                           gbt_dataset **out);
/* Columns that are never non-zero together share one byte column, so wide sparse data stays
 * small. */
GBT_API gbt_status gbt_dataset_from_csr(const gbt_params *, const gbt_csr *features,
                                        const char *const *names, const gbt_dataset *same_cuts,
                                        gbt_dataset **out);
/* Sparse values by rows or by columns, in any of the usual types; absent cells are zero. Line i
 * (a row, or a column with is_by_column) is the entries [start[i], start[i + 1]). */
typedef struct gbt_sparse {
    const void *start; /* [lines + 1] */
    const void *index; /* [entries] column of the entry, or its row; in any order, once in a line */
    const void *value; /* [entries] */
    gbt_cell start_type, index_type; /* GBT_CELL_I32 or GBT_CELL_I64 */
    gbt_cell value_type;             /* any but BIT and TEXT */
    int is_by_column;                /* 0: CSR, 1: CSC */
    int64_t n_rows, n_cols;
} gbt_sparse;

/* The same values as compressed rows with ascending columns and float values, for the functions
 * that take a gbt_csr; owned by the caller: gbt_csr_close(). Cost: two passes over the entries,
 * four when rows are not in order. ERR_ARGUMENT: a faulty view. ERR_DATA: a repeated cell. */
GBT_API gbt_status gbt_csr_open(const gbt_sparse *, gbt_csr *out);
GBT_API void gbt_csr_close(gbt_csr *); /* of a zeroed one: a no-op */
/* Takes label, weight, group, task and init score from their columns too. */
GBT_API gbt_status gbt_dataset_from_table(const gbt_params *, const gbt_table *,
                                          const gbt_dataset *same_cuts, gbt_dataset **out);
/* gbt_table_read and gbt_dataset_from_table in one. */
GBT_API gbt_status gbt_dataset_from_file(const gbt_params *, const char *path,
                                         const gbt_dataset *same_cuts, gbt_dataset **out);
/* No rows, the model's columns and cuts: for use as `same_cuts` before continuing a model. */
GBT_API gbt_status gbt_dataset_like_model(const gbt_model *, gbt_dataset **out);
/* A copy of some rows (ascending or not, repeats allowed); shares the cuts. */
GBT_API gbt_status gbt_dataset_subset(const gbt_dataset *, const int64_t *rows, int64_t n,
                                      gbt_dataset **out);

/* A second handle of the same data; both are freed. */
GBT_API gbt_status gbt_dataset_share(const gbt_dataset *, gbt_dataset **out);

typedef enum gbt_field {
    GBT_LABEL = 0,     /* F32 [rows], or [rows x outputs] for several; never NaN. Classes may be
                          any distinct numbers                                             */
    GBT_WEIGHT = 1,    /* F32 [rows], finite, >= 0, not all 0                              */
    GBT_GROUP = 2,     /* I32 [rows]: equal numbers, one query                             */
    GBT_TASK = 3,      /* I32 [rows], >= 0                                                 */
    GBT_INIT_SCORE = 4 /* F32 [rows x outputs], finite; added to every raw score           */
} gbt_field;

/* Copies `n` values (any gbt_dtype) into the dataset; n = 0 removes the field. ERR_STATE while a
 * booster uses the dataset. */
GBT_API gbt_status gbt_dataset_set(gbt_dataset *, gbt_field, const void *values, gbt_dtype,
                                   int64_t n);
GBT_API gbt_status gbt_dataset_get(const gbt_dataset *, gbt_field, void *out, gbt_dtype, int64_t n);
GBT_API int64_t gbt_dataset_field_size(const gbt_dataset *,
                                       gbt_field); /* values held; 0: not set */
GBT_API int64_t gbt_dataset_rows(const gbt_dataset *);
GBT_API int32_t gbt_dataset_features(const gbt_dataset *);
GBT_API int32_t gbt_dataset_bins(const gbt_dataset *,
                                 int32_t feature);      /* bins in use, missing included */
GBT_API int64_t gbt_dataset_bytes(const gbt_dataset *); /* memory held */
GBT_API void gbt_dataset_free(gbt_dataset *);

/* ---- Training -------------------------------------------------------------------------------- */

/* Rough cost of gbt_train on `n_rows` rows like those of `sample`: bytes of data and training
 * together, and seconds on the configured threads. Trains nothing. */
GBT_API gbt_status gbt_train_estimate(const gbt_params *, const gbt_dataset *sample, int64_t n_rows,
                                      int64_t *bytes, double *seconds);
/* Bytes of the device's memory that this takes, 0 on the CPU; and how many are free there now. */
GBT_API gbt_status gbt_train_estimate_device(const gbt_params *, const gbt_dataset *sample,
                                             int64_t n_rows, int64_t *bytes, int64_t *room);

typedef struct gbt_round_info {
    const gbt_booster *booster; /* for gbt_booster_metric(booster, -1, ...) on the training set */
    int32_t round,
        n_rounds;     /* rounds done (1-based, those of a continued model included), planned */
    int32_t n_values; /* metrics x validation sets; those of the first set come first */
    const char *const *metric; /* [n_values] */
    const char *const *data;   /* [n_values] name of the validation set */
    const double *value;       /* [n_values] */
    int32_t best_round;        /* 0 while nothing is tracked */
    double best_value;
    double seconds; /* since training began */
} gbt_round_info;

/* Called after every `metric_every` rounds and after the last, on the thread that began training,
 * inside its OpenMP region: the callback's own regions have one thread. A non-zero return stops
 * training, the model so far is kept. */
typedef int (*gbt_round_fn)(const gbt_round_info *, void *user);

/* The whole of training: base score, rounds, validation, early stopping. `valid` sets were
 * binned with `same_cuts = train`. `valid_fraction`, `continue_from` and `early_stopping_rounds`
 * are obeyed here. When the callback stops it: GBT_OK and the model so far. ERR_PARAM, ERR_DATA,
 * ERR_MEMORY, ERR_NUMERIC. */
GBT_API gbt_status gbt_train(const gbt_params *, const gbt_dataset *train,
                             const gbt_dataset *const *valid, const char *const *valid_names,
                             int n_valid, gbt_round_fn, void *user, gbt_model **out);

GBT_API gbt_status gbt_booster_create(const gbt_params *, const gbt_dataset *train,
                                      gbt_booster **out);
/* Starts from the rounds of `model`; before the first step. The dataset must have the model's
 * cuts. */
GBT_API gbt_status gbt_booster_continue(gbt_booster *, const gbt_model *model);
GBT_API gbt_status gbt_booster_add_valid(gbt_booster *, const gbt_dataset *, const char *name);
/* One round: a tree per output. `*stopped` becomes 1 when no tree can be split any more and the
 * scores have settled. */
GBT_API gbt_status gbt_booster_step(gbt_booster *, int *stopped);
/* The same with the caller's gradients: grad, hess [outputs x rows], finite, hess >= 0. n = rows
 * * outputs. */
GBT_API gbt_status gbt_booster_step_custom(gbt_booster *, const float *grad, const float *hess,
                                           int64_t n, int *stopped);
/* learning_rate of the steps to come, in (0, 1]: for schedules. The parameters that the model keeps
 * name the first one. ERR_PARAM. */
GBT_API gbt_status gbt_booster_set_learning_rate(gbt_booster *, double learning_rate);
GBT_API int32_t gbt_booster_rounds(const gbt_booster *);
GBT_API int32_t gbt_booster_outputs(const gbt_booster *);
/* Raw scores [outputs x rows] of the training set (data = -1) or of validation set `data`. */
GBT_API gbt_status gbt_booster_scores(const gbt_booster *, int data, float *out, int64_t n);
/* Value of the `metric`-th metric of the configuration on `data` (as above). */
GBT_API gbt_status gbt_booster_metric(const gbt_booster *, int data, int metric, double *out);
GBT_API int gbt_booster_metric_count(const gbt_booster *);
GBT_API const char *gbt_booster_metric_name(const gbt_booster *, int metric);
/* 1 when `a` is a better value of that metric than `b`, else 0 (as gbt_model_metric_is_better). */
GBT_API int gbt_booster_metric_is_better(const gbt_booster *, int metric, double a, double b);
/* Hands over the model with the first `n_rounds` rounds (0: all). The booster can only be freed
 * then. */
GBT_API gbt_status gbt_booster_finish(gbt_booster *, int32_t n_rounds, gbt_model **out);
GBT_API void gbt_booster_free(gbt_booster *);

/* ---- Models ---------------------------------------------------------------------------------- */

/* ERR_IO, ERR_FORMAT: not a model file, a newer format, damaged or cut short. */
GBT_API gbt_status gbt_model_load(const char *path, gbt_model **out);
GBT_API gbt_status gbt_model_save(const gbt_model *, const char *path); /* whole file or none */
GBT_API void gbt_model_free(gbt_model *);

/* The same in memory. `*data` belongs to the caller: gbt_memory_free(). */
GBT_API gbt_status gbt_model_from_bytes(const void *data, size_t size, gbt_model **out);
GBT_API gbt_status gbt_model_to_bytes(const gbt_model *, void **data, size_t *size);
GBT_API void gbt_memory_free(void *);

typedef enum gbt_shape_key {
    GBT_SHAPE_ROUNDS = 0,
    GBT_SHAPE_TREES = 1,
    GBT_SHAPE_OUTPUTS = 2,
    GBT_SHAPE_FEATURES = 3,
    GBT_SHAPE_CLASSES = 4, /* 0 for regression */
    GBT_SHAPE_LEAVES = 5,  /* all trees together */
    GBT_SHAPE_TRAIN_ROWS = 6,
    GBT_SHAPE_BEST_ROUND = 7, /* 0: no early stopping */
    GBT_SHAPE_USES_INIT_SCORE = 8,
    GBT_SHAPE_SPARSE = 9
} gbt_shape_key;

GBT_API gbt_status gbt_model_shape(const gbt_model *, gbt_shape_key, int64_t *out);
GBT_API gbt_status gbt_model_params(const gbt_model *, gbt_params **out); /* the resolved ones */
/* The weighted sum of models as one model: base score sum w_m base_m, then the trees of all models
 * one model after the other, leaf values times w_m. With n = 1 and weight 1: a copy. The models
 * agree in cuts, columns and outputs (trained on one data set or its subsets); parameters, classes
 * and summary are those of the first. ERR_ARGUMENT: they differ, or a weight is not finite. */
GBT_API gbt_status gbt_model_combine(const gbt_model *const *models, const double *weights, int n,
                                     gbt_model **out);
/* Exactly the rounds [first_round, first_round + n_rounds) of a model as a model of their own.
 * base_score [outputs]: its base score; NULL: the model's. ERR_ARGUMENT. */
GBT_API gbt_status gbt_model_slice(const gbt_model *, int32_t first_round, int32_t n_rounds,
                                   const double *base_score, gbt_model **out);
GBT_API const char *gbt_model_objective(const gbt_model *);
GBT_API const char *gbt_model_feature_name(const gbt_model *,
                                           int32_t feature); /* NULL: no such feature */
GBT_API int gbt_model_feature_is_categorical(const gbt_model *, int32_t feature);
GBT_API int32_t gbt_model_feature_categories(const gbt_model *,
                                             int32_t feature); /* 0: numeric; codes are 0 .. n-1 */
/* Text of a task number of a text task column; NULL: no such task, or tasks are numbers. */
GBT_API const char *gbt_model_task_name(const gbt_model *, int32_t task);
/* Name of the target of one of several outputs: a class, or a label column; "" when unknown. */
GBT_API const char *gbt_model_output_name(const gbt_model *, int32_t output);
GBT_API const char *gbt_model_class_name(const gbt_model *,
                                         int32_t class_index); /* NULL: no such class */
/* "label", "weight", ... column names of the training file; "" when unknown. */
GBT_API const char *gbt_model_column(const gbt_model *, gbt_column_role);
GBT_API gbt_status gbt_model_base_score(const gbt_model *, double *out, int64_t n); /* [outputs] */

typedef enum gbt_predict_kind {
    GBT_PREDICT_RAW = 0,      /* margin: base score + trees (+ init score, if given)      */
    GBT_PREDICT_RESPONSE = 1, /* link applied: probability, mean                          */
    GBT_PREDICT_CLASS = 2     /* index of the most probable class, one number a row       */
} gbt_predict_kind;

/* Predictions with rounds [first_round, first_round + n_rounds); n_rounds = 0: all that follow.
 *   out [rows x outputs] (RAW, RESPONSE) or [rows] (CLASS), n = its size; binary has one output.
 *   threads 0: all. Thread-safe; one row or few: no thread is started and nothing is allocated.
 * ERR_ARGUMENT: n_cols differs from the model's features, n or rounds out of range. */
GBT_API gbt_status gbt_model_predict(const gbt_model *, const gbt_matrix *, gbt_predict_kind,
                                     int32_t first_round, int32_t n_rounds, int threads, float *out,
                                     int64_t n);
GBT_API gbt_status gbt_model_predict_csr(const gbt_model *, const gbt_csr *, gbt_predict_kind,
                                         int32_t first_round, int32_t n_rounds, int threads,
                                         float *out, int64_t n);
/* Columns are matched by name; the table's init score column, if any, is added to raw scores. */
GBT_API gbt_status gbt_model_predict_table(const gbt_model *, const gbt_table *, gbt_predict_kind,
                                           int32_t first_round, int32_t n_rounds, int threads,
                                           float *out, int64_t n);
/* A copy of the model whose predictions, by every call of this section, run on a device: "cuda",
 * "cuda:N" or "cpu". They have the bits of the CPU's. It may be shared by threads; calls wait for
 * each other. ERR_UNSUPPORTED: no such device; ERR_MEMORY, ERR_DEVICE: also from predictions. */
GBT_API gbt_status gbt_model_to_device(const gbt_model *, const char *device, gbt_model **out);
/* What the calls above make of raw scores [rows x outputs] that came from elsewhere, for `kind`:
 * out [rows x outputs], which may be `raw` itself, or [rows] (CLASS). */
GBT_API gbt_status gbt_model_link(const gbt_model *, const float *raw, gbt_predict_kind,
                                  int64_t n_rows, float *out);
/* Leaf number (0 .. leaves - 1 of its tree) of every row in every tree: out [rows x trees]. */
GBT_API gbt_status gbt_model_leaves(const gbt_model *, const gbt_matrix *, int threads,
                                    int32_t *out, int64_t n);
GBT_API gbt_status gbt_model_leaves_table(const gbt_model *, const gbt_table *, int threads,
                                          int32_t *out, int64_t n);
/* The same two for rows binned with the model's cuts. Predictions are equal to those of the raw
 * values bit by bit; init scores of the data set are added to raw scores. Leaves are written tree
 * by tree, for the trees of the given rounds: out [trees x rows]. */
GBT_API gbt_status gbt_model_predict_dataset(const gbt_model *, const gbt_dataset *,
                                             gbt_predict_kind, int32_t first_round,
                                             int32_t n_rounds, int threads, float *out, int64_t n);
GBT_API gbt_status gbt_model_leaves_dataset(const gbt_model *, const gbt_dataset *,
                                            int32_t first_round, int32_t n_rounds, int threads,
                                            int32_t *out, int64_t n);
GBT_API gbt_status gbt_model_tree_leaves(const gbt_model *, int32_t tree, int32_t *n_leaves);
GBT_API gbt_status gbt_model_leaf_values(const gbt_model *, int32_t tree, float *out,
                                         int64_t n); /* [leaves] */

typedef struct gbt_node {
    int32_t parent, left, right; /* nodes; -1: none                                        */
    int32_t depth;               /* of the root: 0                                         */
    int32_t leaf;                /* leaf number, -1 for an inner node                      */
    int32_t feature;             /* -1 for a leaf                                          */
    int is_categorical;          /* 1: a set of categories goes left                       */
    int missing_left;
    float threshold; /* numeric: x <= threshold goes left                      */
    float value;     /* of a leaf; of an inner node: what it would have been   */
    float gain, cover;
    int64_t rows; /* training rows                                          */
} gbt_node;

/* Nodes of a tree; node 0 is the root and children follow their parent. */
GBT_API gbt_status gbt_model_tree_nodes(const gbt_model *, int32_t tree, int32_t *n_nodes);
GBT_API gbt_status gbt_model_nodes(const gbt_model *, int32_t tree, gbt_node *out, int64_t n);

/* Which training rows round `round` (from 0) was grown on: out [train rows], 1 or 0. Drawn again
 * from the stored parameters, so it is not true of rounds that were trained with others: those
 * before a continuation that changed seed or subsample, those of the second model of a sum. */
GBT_API gbt_status gbt_model_in_bag(const gbt_model *, int32_t round, uint8_t *out, int64_t n);

/* What the model reads of other data, in its own terms.
 *   features  [rows x features]: categories as codes, NaN missing (unseen categories as well;
 *             ERR_DATA when the model has unseen = error)
 *   tasks     [rows]: task numbers; -1 a task text that training did not see
 *   labels    [rows], or [outputs x rows] for several: class numbers for classification; ERR_DATA:
 *             none, an unknown class, or outside the domain of the objective */
GBT_API gbt_status gbt_model_features(const gbt_model *, const gbt_table *, float *out, int64_t n);
GBT_API gbt_status gbt_model_tasks(const gbt_model *, const gbt_table *, int32_t *out, int64_t n);
GBT_API gbt_status gbt_model_labels(const gbt_model *, const gbt_dataset *, float *out, int64_t n);
/* The labels of a table, whose rows may be of tasks that training did not see; and its weights
 * [rows], 1 where it has none (may be NULL). */
GBT_API gbt_status gbt_model_labels_table(const gbt_model *, const gbt_table *, float *out,
                                          int64_t n, float *weight);
/* The features of a table as training on `like` sees them (as gbt_model_features). */
GBT_API gbt_status gbt_dataset_features_of(const gbt_dataset *like, const gbt_table *, float *out,
                                           int64_t n);

typedef enum gbt_importance_kind {
    GBT_IMPORTANCE_GAIN = 0,
    GBT_IMPORTANCE_SPLIT = 1,
    GBT_IMPORTANCE_COVER = 2
} gbt_importance_kind;

GBT_API gbt_status gbt_model_importance(const gbt_model *, gbt_importance_kind, double *out,
                                        int64_t n); /* [features] */

typedef enum gbt_dump_format {
    GBT_DUMP_TEXT = 0,
    GBT_DUMP_JSON = 1,
    GBT_DUMP_DOT = 2
} gbt_dump_format;

/* Zero-terminated text, owned by the caller: gbt_memory_free(). */
GBT_API gbt_status gbt_model_dump(const gbt_model *, gbt_dump_format, char **text, size_t *size);

/* Proves the structure: every node reachable once, children and features in range, finite
 * leaves, cuts ascending, leaf row counts at least min_child_samples. ERR_FORMAT names the first
 * fault. */
GBT_API gbt_status gbt_model_verify(const gbt_model *);

typedef struct gbt_metric_result {
    const char *name;        /* static text or owned by the model */
    double value, low, high; /* 95 % bootstrap interval */
} gbt_metric_result;

/* Metrics of the model on a labelled table: those named in `metrics` (comma-separated; NULL or
 * "": the model's own). `resamples` bootstrap draws for the interval (0: none, low = high =
 * value); seeded by the model's seed. Writes at most `capacity` results and their number.
 * ERR_DATA without a label. */
GBT_API gbt_status gbt_model_evaluate(const gbt_model *, const gbt_table *, const char *metrics,
                                      int resamples, int threads, gbt_metric_result *out,
                                      int capacity, int *n_out);

/* The same for raw scores [rows x outputs] that came from elsewhere. */
GBT_API gbt_status gbt_model_evaluate_scores(const gbt_model *, const gbt_table *,
                                             const float *scores, const char *metrics,
                                             int resamples, int threads, gbt_metric_result *out,
                                             int capacity, int *n_out);

/* One metric of raw scores: scores [outputs x rows], label as from gbt_model_labels, weight [rows]
 * or NULL. gbt_model_metric_name: the metrics that the model was trained with, NULL past the last;
 * the first decides early stopping. */
GBT_API gbt_status gbt_model_metric(const gbt_model *, const char *metric, const float *scores,
                                    const float *label, const float *weight, int64_t n_rows,
                                    int threads, double *out);
GBT_API const char *gbt_model_metric_name(const gbt_model *, int index);
GBT_API int gbt_model_metric_is_better(const gbt_model *, const char *metric, double a, double b);

/* ---- Objectives: the losses themselves ------------------------------------------------------- */

/* Regression and cross_entropy: an output for each name in the key `label`, one if it is empty. */
GBT_API gbt_status gbt_objective_create(const gbt_params *, gbt_objective **out);
GBT_API gbt_status gbt_objective_of_model(const gbt_model *, gbt_objective **out);
GBT_API void gbt_objective_free(gbt_objective *);
GBT_API int32_t gbt_objective_outputs(const gbt_objective *);
/* scores [outputs x n]; label [n], class indices for classification, or [outputs x n] for several
 * labels; weight [n] or NULL; grad, hess [outputs x n]. */
GBT_API gbt_status gbt_objective_gradients(const gbt_objective *, const float *scores,
                                           const float *label, const float *weight, int64_t n,
                                           float *grad, float *hess);
/* Weighted mean over rows of the loss, the outputs of a row added up. */
GBT_API gbt_status gbt_objective_value(const gbt_objective *, const float *scores,
                                       const float *label, const float *weight, int64_t n,
                                       double *out);
/* Loss and derivatives of single rows in double precision, without weights; what is NULL is left
 * out.
 *   scores      [outputs x n]      label as above      loss [n], its outputs added up
 *   grad, hess  [outputs x n]: what training uses
 *   grad_slope, hess_slope  [outputs x n]: their derivatives by the output's own score */
GBT_API gbt_status gbt_objective_derivatives(const gbt_objective *, const double *scores,
                                             const float *label, int64_t n, double *loss,
                                             double *grad, double *hess, double *grad_slope,
                                             double *hess_slope);

/* ---- Model files ----------------------------------------------------------------------------- */

typedef enum gbt_file_kind {
    GBT_FILE_TREES = 0,     /* gbt_model     */
    GBT_FILE_MULTITASK = 1, /* gbt_multitask */
    GBT_FILE_HEADS = 2      /* gbt_heads     */
} gbt_file_kind;

/* What kind of model a file holds, from its header. ERR_IO, ERR_FORMAT. */
GBT_API gbt_status gbt_model_file_kind(const char *path, gbt_file_kind *out);

/* ---- Cross-validation ------------------------------------------------------------------------ */

/* Trains one model for every fold of every repeat on the rows outside the fold and measures it on
 * those inside. All models advance together, a round at a time; early stopping watches the mean
 * over the folds of the first metric on the held-out rows, so the best number of rounds is one
 * property of all of them. n_trees is the most rounds; early_stopping_rounds = auto means 50.
 *   data  labelled; borrowed for the call. Its cuts, learned from all rows without their labels,
 *         are those of every model (but see gbt_cv_run_features). Classes and objective = auto are
 *         settled on all rows too.
 *   fold  NULL, or [rows] with n = rows: the fold of each row, any numbers >= 0, which are counted
 *         as folds 0, 1, ... in ascending order; a negative number: the row is in every training
 *         part and never held out. NULL: rows are dealt out as the keys folds, stratified and
 *         repeats of [cv] say, by seed alone.
 *   fn    NULL, or as in gbt_train: `booster` is NULL, the data are "held_out" and, with
 *         train_metric, "train", the values means over the folds. Non-zero stops with GBT_OK.
 * Rows of one group (GBT_GROUP) are always in one fold. Model m of repeat r and fold f is the one
 * that gbt_booster_create and gbt_booster_step make of the subset of its training rows in their
 * order; m = r * n_folds + f. All models are in memory at once, with a copy of their rows each:
 * memory_limit holds for all of them together. The result never depends on threads.
 * ERR_PARAM: a key without effect here (valid_fraction, continue_from, the name of a column in the
 * key fold without `fold`; folds, stratified or repeats with it), stratified = true without classes
 * or with groups. ERR_DATA: fewer rows or groups than folds, a fold that tears a group apart, a
 * training part that lacks a class. And as gbt_train. */
GBT_API gbt_status gbt_cv_run(const gbt_params *, const gbt_dataset *data, const int32_t *fold,
                              int64_t n, gbt_round_fn fn, void *user, gbt_cv **out);
/* The same with cuts of each model's own, learned from its training rows only, as training on them
 * would: `features` [rows x features] are the raw values of `data`, categories as codes
 * (gbt_dataset_features_of). Held-out rows of a category that a model has not seen are missing to
 * it. Costs the binning once more for every model. */
GBT_API gbt_status gbt_cv_run_features(const gbt_params *, const gbt_dataset *data,
                                       const gbt_matrix *features, const int32_t *fold, int64_t n,
                                       gbt_round_fn fn, void *user, gbt_cv **out);
GBT_API void gbt_cv_free(gbt_cv *);

typedef struct gbt_cv_info {
    int64_t n_rows;
    int32_t n_folds;    /* of a repeat                                                     */
    int32_t n_repeats;  /* models: n_folds x n_repeats                                     */
    int32_t n_rounds;   /* done                                                            */
    int32_t best_round; /* of the mean curve: the number of trees to train on all rows with */
    int32_t n_outputs;
    int32_t n_metrics; /* the first decides                                               */
    int is_stratified; /* 1: folds were balanced by class                                 */
    int has_train;     /* 1: curves of the training parts were taken (train_metric)       */
} gbt_cv_info;

GBT_API gbt_status gbt_cv_describe(const gbt_cv *, gbt_cv_info *out);
/* Lives as long as the handle; NULL past the last. */
GBT_API const char *gbt_cv_metric_name(const gbt_cv *, int metric);

typedef enum gbt_cv_part { GBT_CV_HELD_OUT = 0, GBT_CV_TRAIN = 1 } gbt_cv_part;

/* A metric after every round: mean over all models and their standard deviation (divided by the
 * number of models less 1), [rounds] each; either may be NULL, n = rounds. Models for which the
 * metric is undefined, such as auc of rows of one class, are left out; none left: NaN.
 * ERR_STATE: the training parts were not measured. */
GBT_API gbt_status gbt_cv_curve(const gbt_cv *, gbt_cv_part, int metric, double *mean,
                                double *deviation, int64_t n);
/* The same of one model: out [rounds]. */
GBT_API gbt_status gbt_cv_model_curve(const gbt_cv *, gbt_cv_part, int metric, int32_t model,
                                      double *out, int64_t n);
/* Fold of every row in a repeat, from 0; -1: never held out. out [rows]. */
GBT_API gbt_status gbt_cv_fold_of(const gbt_cv *, int32_t repeat, int32_t *out, int64_t n);
/* Predictions of every row by the model that did not see it, at the best round, in the layout of
 * gbt_model_predict: out [rows x outputs], or [rows] (CLASS); NaN for rows never held out. */
GBT_API gbt_status gbt_cv_predict(const gbt_cv *, int32_t repeat, gbt_predict_kind, float *out,
                                  int64_t n);
/* A copy of one model with its rounds up to the best one. */
GBT_API gbt_status gbt_cv_model(const gbt_cv *, int32_t model, gbt_model **out);

/* ---- Influence: which training rows moved which prediction ----------------------------------- */

/* Called now and then from the calling thread; `done` rises from 0 to 1. Non-zero stops:
 * ERR_CANCELLED. */
typedef int (*gbt_progress_fn)(double done, double seconds, void *user);

/* Prepares the estimator `method` of the parameters [influence] for a model and the rows it was
 * trained on, in their order. Keeps what it needs: model and data may be freed. Positive influence
 * is helpful: without the row the loss of the target is estimated to rise. Reads are thread-safe.
 * ERR_DATA: not the training rows (number, or leaf values that do not follow from them; the message
 * names tree and leaf). ERR_UNSUPPORTED: an option of the model that the estimator has no
 * definition for. ERR_MEMORY: over memory_limit. */
GBT_API gbt_status gbt_influence_create(const gbt_params *, const gbt_model *,
                                        const gbt_dataset *train, gbt_progress_fn, void *user,
                                        gbt_influence **out);
GBT_API void gbt_influence_free(gbt_influence *);
/* Raw features of the training rows [rows x features], which only method = input_sim needs. */
GBT_API gbt_status gbt_influence_set_features(gbt_influence *, const gbt_matrix *train);

/* The rows whose predictions are explained: binned with the model's cuts, labelled. `features`:
 * their raw features for method = input_sim, else NULL. Both are borrowed for the call. */
typedef struct gbt_targets {
    const gbt_dataset *rows;
    const gbt_matrix *features;
} gbt_targets;

/* Influence of every training row on every target: out [targets x train rows]. */
GBT_API gbt_status gbt_influence_dense(const gbt_influence *, const gbt_targets *, gbt_progress_fn,
                                       void *user, float *out, int64_t n);
/* The k training rows that help most, most helpful first, then the k that harm most, most harmful
 * first: row and value [targets x 2k]. Equal values: lower row first. Never holds targets x
 * rows. */
GBT_API gbt_status gbt_influence_top(const gbt_influence *, const gbt_targets *, int32_t k,
                                     gbt_progress_fn, void *user, int64_t *row, float *value,
                                     int64_t n);
/* Influence summed over all targets: out [train rows]. One pass whatever the number of targets. */
GBT_API gbt_status gbt_influence_sum(const gbt_influence *, const gbt_targets *, gbt_progress_fn,
                                     void *user, double *out, int64_t n);
/* Influence of every training row on itself: out [train rows]. */
GBT_API gbt_status gbt_influence_self(const gbt_influence *, gbt_progress_fn, void *user,
                                      double *out, int64_t n);
/* Effect of giving training row i the label new_label[i] instead of its own (as gbt_model_labels):
 * out [targets x train rows]. boostin and its variants, leaf_influence_sp, loo. */
GBT_API gbt_status gbt_influence_relabel(const gbt_influence *, const gbt_targets *,
                                         const float *new_label, gbt_progress_fn, void *user,
                                         float *out, int64_t n);
/* Location and scale of a regression target from its nearest training rows by leaf affinity
 * (method = ibug): out [targets] each. `validation`: labelled rows on which the number of
 * neighbours and the calibration are chosen; NULL takes `neighbors` as it is. */
GBT_API gbt_status gbt_influence_interval(const gbt_influence *, const gbt_targets *,
                                          const gbt_dataset *validation, double *location,
                                          double *scale, int64_t n);

/* ---- Robust multi-task boosting -------------------------------------------------------------- */

/* F(x, task) = A(x) + (1 - w_task) B(x) + w_task C(x) + S_task(x): shared, ordinary, outlier and
 * task trees, w the outlier weight of the task; or another `mode` of the parameters [multitask].
 * `train` has GBT_TASK and labels, and `features` [rows x features] are its raw values, which only
 * mode = feature needs (else NULL). `valid`: NULL, or rows for early stopping of every block. */
GBT_API gbt_status gbt_multitask_train(const gbt_params *, const gbt_dataset *train,
                                       const gbt_matrix *features, const gbt_dataset *valid,
                                       const gbt_matrix *valid_features, gbt_round_fn, void *user,
                                       gbt_multitask **out);
GBT_API gbt_status gbt_multitask_load(const char *path, gbt_multitask **out);
GBT_API gbt_status gbt_multitask_save(const gbt_multitask *, const char *path);
GBT_API gbt_status gbt_multitask_from_bytes(const void *data, size_t size, gbt_multitask **out);
GBT_API gbt_status gbt_multitask_to_bytes(const gbt_multitask *, void **data, size_t *size);
GBT_API void gbt_multitask_free(gbt_multitask *);

/* A model without trees that knows objective, columns, classes and parameters; lives as long as
 * the handle. */
GBT_API const gbt_model *gbt_multitask_frame(const gbt_multitask *);
/* The parameters of the frame with the keys of [multitask]. */
GBT_API gbt_status gbt_multitask_params(const gbt_multitask *, gbt_params **out);

typedef struct gbt_task_info {
    int32_t number;     /* as in the task column of the training data             */
    const char *name;   /* its text, or the number as text; owned by the model    */
    int64_t train_rows; /* rows of the task                                       */
    int32_t cluster;    /* mode = clustered: its group, from 0; else 0            */
    double outlier;     /* weight w in (0, 1); NaN when the mode has none         */
} gbt_task_info;

GBT_API int32_t gbt_multitask_tasks(const gbt_multitask *);
GBT_API gbt_status gbt_multitask_task(const gbt_multitask *, int32_t index, gbt_task_info *out);
/* Rounds of a block in the model: 0 shared, 1 robust, 2 those of the task with the most. */
GBT_API int32_t gbt_multitask_rounds(const gbt_multitask *, int block);

/* task [rows]: numbers as in the training data. Rows of a task that training did not see get the
 * shared part, A + (1 - v) B + v C with v the mean weight, and are counted in `n_unseen` (may be
 * NULL). out as gbt_model_predict. */
GBT_API gbt_status gbt_multitask_predict(const gbt_multitask *, const gbt_matrix *,
                                         const int32_t *task, gbt_predict_kind, int threads,
                                         float *out, int64_t n, int64_t *n_unseen);
GBT_API gbt_status gbt_multitask_predict_table(const gbt_multitask *, const gbt_table *,
                                               gbt_predict_kind, int threads, float *out, int64_t n,
                                               int64_t *n_unseen);
/* The ordinary model that predicts the same for one task (index; -1: an unseen task).
 * ERR_UNSUPPORTED in mode = feature. */
GBT_API gbt_status gbt_multitask_extract(const gbt_multitask *, int32_t index, gbt_model **out);

/* ---- Sequentially boosted neural heads ------------------------------------------------------- */

/* One hidden layer, trained a few units a step by gradient boosting, as the keys of [heads] say.
 * `features` [rows x features] are the raw values of `train` (labels, weights, columns). `valid`
 * and its features may be NULL. */
GBT_API gbt_status gbt_heads_train(const gbt_params *, const gbt_dataset *train,
                                   const gbt_matrix *features, const gbt_dataset *valid,
                                   const gbt_matrix *valid_features, gbt_round_fn, void *user,
                                   gbt_heads **out);
GBT_API gbt_status gbt_heads_load(const char *path, gbt_heads **out);
GBT_API gbt_status gbt_heads_save(const gbt_heads *, const char *path);
GBT_API gbt_status gbt_heads_from_bytes(const void *data, size_t size, gbt_heads **out);
GBT_API gbt_status gbt_heads_to_bytes(const gbt_heads *, void **data, size_t *size);
GBT_API void gbt_heads_free(gbt_heads *);
GBT_API const gbt_model *gbt_heads_frame(const gbt_heads *); /* as gbt_multitask_frame */
GBT_API gbt_status gbt_heads_params(const gbt_heads *, gbt_params **out); /* with keys of [heads] */

typedef enum gbt_heads_key {
    GBT_HEADS_STEPS = 0,
    GBT_HEADS_UNITS = 1, /* of the whole network: steps x units a step */
    GBT_HEADS_INPUTS = 2,
    GBT_HEADS_OUTPUTS = 3,
    GBT_HEADS_BEST_STEP = 4 /* 0: no early stopping */
} gbt_heads_key;

GBT_API gbt_status gbt_heads_shape(const gbt_heads *, gbt_heads_key, int64_t *out);
/* With the first n_steps steps (0: all); out as gbt_model_predict. */
GBT_API gbt_status gbt_heads_predict(const gbt_heads *, const gbt_matrix *, gbt_predict_kind,
                                     int32_t n_steps, int threads, float *out, int64_t n);
GBT_API gbt_status gbt_heads_predict_table(const gbt_heads *, const gbt_table *, gbt_predict_kind,
                                           int32_t n_steps, int threads, float *out, int64_t n);
/* Class predictions that stop a row as soon as the later steps cannot change its class any more
 * (margin = 0: exactly gbt_heads_predict's classes), or its margin is at least `margin` > 0.
 * steps [rows]: steps computed, or NULL. ERR_UNSUPPORTED for regression. */
GBT_API gbt_status gbt_heads_predict_early(const gbt_heads *, const gbt_matrix *, double margin,
                                           int threads, float *out, int32_t *steps, int64_t n);
/* The network: raw = out_bias + out_weight s(hidden_bias + hidden_weight z), z the inputs of
 * gbt_heads_inputs, s the activation. hidden_weight [units x inputs], hidden_bias [units],
 * out_weight [outputs x units], out_bias [outputs]; any may be NULL. */
GBT_API gbt_status gbt_heads_weights(const gbt_heads *, float *hidden_weight, float *hidden_bias,
                                     float *out_weight, float *out_bias);
/* Standardised, imputed, one-hot inputs of the network: out [rows x inputs]. */
GBT_API gbt_status gbt_heads_inputs(const gbt_heads *, const gbt_matrix *, float *out, int64_t n);

#ifdef __cplusplus
}
#endif

#endif
