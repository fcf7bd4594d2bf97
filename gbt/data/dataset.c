/* Data sets from memory: life, binning a matrix or sparse rows, row subsets. Labels and the like
 * are dataset_field.c, files are dataset_table.c. Cost: that of cuts_learn.c and bins.c. */
#include "gbt/data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/data/bins_fill.h"
#include "gbt/data/cuts_learn.h"
#include "gbt/data/matrix.h"
#include "gbt/data/names.h"
#include "gbt/params/params.h"

/* ---- Life ------------------------------------------------------------------------------------ */

gbt_dataset *gbt_dataset_retain(const gbt_dataset *dataset)
{
    gbt_dataset *counted = (gbt_dataset *)dataset;
    __atomic_add_fetch(&counted->references, 1, __ATOMIC_RELAXED);
    return counted;
}

void gbt_dataset_pin(const gbt_dataset *dataset)
{
    __atomic_add_fetch(&((gbt_dataset *)dataset)->boosters, 1, __ATOMIC_RELAXED);
}

void gbt_dataset_unpin(const gbt_dataset *dataset)
{
    if (dataset != NULL) {
        __atomic_sub_fetch(&((gbt_dataset *)dataset)->boosters, 1, __ATOMIC_RELAXED);
        gbt_dataset_free((gbt_dataset *)dataset);
    }
}

void gbt_dataset_free(gbt_dataset *dataset)
{
    if (dataset == NULL || __atomic_sub_fetch(&dataset->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    gbt_bins_close(&dataset->bins);
    gbt_schema_release(dataset->schema);
    gbt_cuts_release(dataset->cuts);
    gbt_release(dataset->label);
    gbt_release(dataset->weight);
    gbt_release(dataset->group);
    gbt_release(dataset->task);
    gbt_release(dataset->init_score);
    gbt_release(dataset->source);
    gbt_release(dataset);
}

gbt_status gbt_dataset_share(const gbt_dataset *dataset, gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (dataset == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        dataset ? "out" : "dataset");
    }
    *out = gbt_dataset_retain(dataset);
    return GBT_OK;
}

/* A set without bins and rows; retains schema and cuts. */
static gbt_status create(gbt_schema *schema, gbt_cuts *cuts, const char *source, gbt_dataset **out)
{
    gbt_status status = GBT_OK;
    gbt_dataset *dataset = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(dataset, 1));
    dataset->references = 1;
    dataset->schema = gbt_schema_retain(schema);
    dataset->cuts = gbt_cuts_retain(cuts);
    dataset->source = gbt_copy_text(source);
    GBT_TRY_OR_DONE(dataset->source ? GBT_OK : GBT_ERR_MEMORY);
    *out = dataset;
    return GBT_OK;
done:
    gbt_dataset_free(dataset);
    return status;
}

gbt_status gbt_dataset_create_empty(gbt_schema *schema, gbt_cuts *cuts, gbt_dataset **out)
{
    *out = NULL;
    gbt_dataset *dataset = NULL;
    GBT_TRY(create(schema, cuts, "", &dataset));
    const gbt_status status = gbt_bins_empty(cuts, &dataset->bins);
    if (status != GBT_OK) {
        gbt_dataset_free(dataset);
        return status;
    }
    *out = dataset;
    return GBT_OK;
}

/* ---- Building -------------------------------------------------------------------------------- */

gbt_status gbt_dataset_build(const gbt_params *params, const gbt_features *features,
                             gbt_schema *schema, gbt_cuts *cuts, const char *source,
                             gbt_dataset **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_dataset *dataset = NULL;
    gbt_cuts *learned = NULL;
    const int threads = gbt_thread_count(params->threads);
    if (features->n_rows == 0 || features->n_features == 0) {
        return gbt_fail(GBT_ERR_DATA, "%s%sthere are no %s to learn from", source,
                        *source ? ": " : "", features->n_rows == 0 ? "rows" : "features");
    }
    if (cuts == NULL) {
        const gbt_cuts_config config = {.max_bin = params->max_bin,
                                        .min_data_in_bin = params->min_data_in_bin,
                                        .sample_for_bins = params->sample_for_bins,
                                        .seed = (uint64_t)params->seed,
                                        .threads = threads};
        GBT_TRY_OR_DONE(gbt_cuts_learn(features, schema->is_categorical, &config, &learned));
        cuts = learned;
    }
    GBT_TRY_OR_DONE(create(schema, cuts, source, &dataset));
    dataset->n_rows = features->n_rows;
    GBT_TRY_OR_DONE(gbt_bins_fill(features, cuts, threads, &dataset->bins));
    *out = dataset;
    dataset = NULL;
done:
    gbt_cuts_release(learned);
    gbt_dataset_free(dataset);
    return status;
}

/* Marks the features of the key `categorical`. */
static gbt_status mark_categorical(const gbt_params *params, gbt_schema *schema)
{
    gbt_slice rest = gbt_slice_of(params->categorical), item;
    while (gbt_slice_next(&rest, ',', &item)) {
        int32_t feature = 0;
        GBT_TRY(gbt_item_find("categorical", gbt_slice_trim(item),
                              (const char *const *)schema->name, schema->n_features, "", &feature));
        schema->is_categorical[feature] = 1;
    }
    return GBT_OK;
}

/* Schema of unlabelled columns: the names given, or f0, f1, ... */
static gbt_status describe(const gbt_params *params, int64_t n_cols, const char *const *names,
                           bool is_sparse, gbt_schema **out)
{
    gbt_status status = GBT_OK;
    gbt_schema *schema = NULL;
    GBT_TRY(gbt_schema_create((int32_t)n_cols, &schema));
    schema->is_sparse = is_sparse;
    for (int32_t f = 0; f < schema->n_features; f++) {
        char fallback[16];
        (void)snprintf(fallback, sizeof fallback, "f%d", f);
        if (names != NULL && names[f] == NULL) {
            status = gbt_fail(GBT_ERR_ARGUMENT, "names[%d]: a null pointer was given", f);
            goto done;
        }
        schema->name[f] = gbt_copy_text(names != NULL ? names[f] : fallback);
        GBT_TRY_OR_DONE(schema->name[f] ? GBT_OK : GBT_ERR_MEMORY);
    }
    GBT_TRY_OR_DONE(gbt_schema_seal(schema));
    GBT_TRY_OR_DONE(mark_categorical(params, schema));
    *out = schema;
    schema = NULL;
done:
    gbt_schema_release(schema);
    return status;
}

/* The schema of `same_cuts`, once the columns agree with it. */
static gbt_status match(const gbt_dataset *same_cuts, int64_t n_cols, const char *const *names,
                        gbt_schema **out)
{
    gbt_schema *schema = same_cuts->schema;
    if (n_cols != schema->n_features) {
        return gbt_fail(GBT_ERR_ARGUMENT,
                        "there are %" PRId64 " columns, but same_cuts has %d features", n_cols,
                        schema->n_features);
    }
    for (int32_t f = 0; names != NULL && f < schema->n_features; f++) {
        if (names[f] == NULL || strcmp(names[f], schema->name[f]) != 0) {
            return gbt_fail(GBT_ERR_ARGUMENT, "column %d is called \"%s\", but \"%s\" in same_cuts",
                            f, names[f] ? names[f] : "", schema->name[f]);
        }
    }
    *out = gbt_schema_retain(schema);
    return GBT_OK;
}

static gbt_status from_memory(const gbt_params *params, const gbt_features *features,
                              const char *const *names, const gbt_dataset *same_cuts,
                              gbt_dataset **out)
{
    gbt_schema *schema = NULL;
    gbt_cuts *cuts = NULL;
    if (same_cuts != NULL) {
        GBT_TRY(match(same_cuts, features->n_features, names, &schema));
        cuts = same_cuts->cuts;
    } else {
        GBT_TRY(describe(params, features->n_features, names, features->sparse != NULL, &schema));
    }
    const gbt_status status = gbt_dataset_build(params, features, schema, cuts, "", out);
    gbt_schema_release(schema);
    return status;
}

gbt_status gbt_dataset_from_matrix(const gbt_params *params, const gbt_matrix *matrix,
                                   const char *const *names, const gbt_dataset *same_cuts,
                                   gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (params == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        params ? "out" : "params");
    }
    GBT_TRY(gbt_matrix_check(matrix));
    const gbt_features features = {
        .n_rows = matrix->n_rows, .n_features = (int32_t)matrix->n_cols, .matrix = matrix};
    return from_memory(params, &features, names, same_cuts, out);
}

gbt_status gbt_dataset_from_csr(const gbt_params *params, const gbt_csr *csr,
                                const char *const *names, const gbt_dataset *same_cuts,
                                gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (params == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        params ? "out" : "params");
    }
    GBT_TRY(gbt_csr_check(csr));
    const gbt_features features = {
        .n_rows = csr->n_rows, .n_features = (int32_t)csr->n_cols, .sparse = csr};
    return from_memory(params, &features, names, same_cuts, out);
}

/* ---- Subsets --------------------------------------------------------------------------------- */

/* Rows of a [n x width] array of 4-byte values; NULL stays NULL. A failure goes to `status`. */
static void *pick_rows(const void *from, int64_t width, const int64_t *row, int64_t n,
                       gbt_status *status)
{
    if (from == NULL) {
        return NULL;
    }
    const size_t bytes = (size_t)width * 4;
    char *to = gbt_alloc(n, bytes);
    if (to == NULL) {
        *status = GBT_ERR_MEMORY;
    }
    for (int64_t i = 0; to != NULL && i < n; i++) {
        memcpy(to + (size_t)i * bytes, (const char *)from + (size_t)row[i] * bytes, bytes);
    }
    return to;
}

static gbt_status check_rows(const gbt_dataset *dataset, const int64_t *row, int64_t n)
{
    if (row == NULL || n <= 0 || n > UINT32_MAX) {
        return gbt_fail(GBT_ERR_ARGUMENT, "a subset needs 1 .. 2^32 - 1 rows, not %" PRId64, n);
    }
    double weight = 0;
    for (int64_t i = 0; i < n; i++) {
        if (row[i] < 0 || row[i] >= dataset->n_rows) {
            return gbt_fail(GBT_ERR_ARGUMENT,
                            "rows[%" PRId64 "]: %" PRId64 " is outside 0 .. %" PRId64, i, row[i],
                            dataset->n_rows - 1);
        }
        weight += dataset->weight != NULL ? (double)dataset->weight[row[i]] : 1;
    }
    return weight > 0 ? GBT_OK : gbt_fail(GBT_ERR_DATA, "all rows of the subset have weight 0");
}

gbt_status gbt_dataset_subset(const gbt_dataset *dataset, const int64_t *rows, int64_t n,
                              gbt_dataset **out)
{
    if (out != NULL) {
        *out = NULL;
    }
    if (dataset == NULL || out == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s: a null pointer was given",
                        dataset ? "out" : "dataset");
    }
    gbt_status status = GBT_OK;
    gbt_dataset *subset = NULL;
    GBT_TRY(check_rows(dataset, rows, n));
    GBT_TRY(create(dataset->schema, dataset->cuts, dataset->source, &subset));
    subset->n_rows = n;
    subset->n_labels = dataset->n_labels;
    subset->has_text_label = dataset->has_text_label;
    subset->n_init = dataset->n_init;
    GBT_TRY_OR_DONE(gbt_bins_subset(&dataset->bins, rows, n, &subset->bins));
    subset->label = pick_rows(dataset->label, dataset->n_labels, rows, n, &status);
    subset->weight = pick_rows(dataset->weight, 1, rows, n, &status);
    subset->group = pick_rows(dataset->group, 1, rows, n, &status);
    subset->task = pick_rows(dataset->task, 1, rows, n, &status);
    subset->init_score = pick_rows(dataset->init_score, dataset->n_init, rows, n, &status);
    GBT_TRY_OR_DONE(status);
    *out = subset;
    subset = NULL;
done:
    gbt_dataset_free(subset);
    return status;
}

/* ---- Facts ----------------------------------------------------------------------------------- */

int64_t gbt_dataset_rows(const gbt_dataset *dataset)
{
    return dataset->n_rows;
}

int32_t gbt_dataset_features(const gbt_dataset *dataset)
{
    return dataset->cuts->n_features;
}

int32_t gbt_dataset_bins(const gbt_dataset *dataset, int32_t feature)
{
    if (feature < 0 || feature >= dataset->cuts->n_features) {
        return 0;
    }
    return dataset->cuts->n_bins[feature] + (dataset->bins.has_missing[feature] ? 1 : 0);
}

int64_t gbt_dataset_bytes(const gbt_dataset *dataset)
{
    const int64_t a_row = (dataset->label ? 4 * (int64_t)dataset->n_labels : 0) +
                          (dataset->weight ? 4 : 0) + (dataset->group ? 4 : 0) +
                          (dataset->task ? 4 : 0) +
                          (dataset->init_score ? 4 * (int64_t)dataset->n_init : 0);
    return (int64_t)sizeof *dataset + dataset->n_rows * a_row + gbt_bins_bytes(&dataset->bins) +
           gbt_cuts_bytes(dataset->cuts) + gbt_schema_bytes(dataset->schema);
}
