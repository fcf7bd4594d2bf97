/* The rows of one model of a cross-validation: cut out of the caller's bins, or binned anew with
 * cuts that its training part alone decides. Cost: a copy of the rows; binning needs their raw
 * values a second time for as long as it lasts. */
#include "gbt/base/alloc.h"
#include "gbt/data/matrix.h"
#include "gbt/train/cv.h"

/* Labels and the like change owners. */
static void move_fields(gbt_dataset *from, gbt_dataset *to)
{
    to->label = from->label;
    to->n_labels = from->n_labels;
    to->has_text_label = from->has_text_label;
    to->weight = from->weight;
    to->group = from->group;
    to->task = from->task;
    to->init_score = from->init_score;
    to->n_init = from->n_init;
    from->label = from->weight = from->init_score = NULL;
    from->group = from->task = NULL;
}

/* Raw values of some rows: out [n x n_cols]. */
static void gather(const gbt_matrix *features, const int64_t *row, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t f = 0; f < features->n_cols; f++) {
            out[i * features->n_cols + f] = gbt_matrix_at(features, row[i], f);
        }
    }
}

/* cuts NULL: those of these rows. */
static gbt_status bin_rows(const gbt_cv_run_state *run, const int64_t *row, int64_t n,
                           gbt_cuts *cuts, gbt_dataset **out)
{
    const gbt_dataset *data = run->data;
    gbt_status status = GBT_OK;
    gbt_dataset *cut_out = NULL, *binned = NULL;
    float *value = NULL; /* [n x n_cols] */
    GBT_TRY_OR_DONE(gbt_dataset_subset(data, row, n, &cut_out));
    if (run->features) {
        const int64_t width = run->features->n_cols;
        GBT_TRY_OR_DONE(GBT_NEW(value, n * width));
        gather(run->features, row, n, value);
        const gbt_matrix matrix = {value, GBT_F32, n, width, width, 1};
        const gbt_features features = {
            .n_rows = n, .n_features = (int32_t)width, .matrix = &matrix};
        GBT_TRY_OR_DONE(
            gbt_dataset_build(run->params, &features, data->schema, cuts, data->source, &binned));
        move_fields(cut_out, binned);
    } else {
        binned = cut_out;
        cut_out = NULL;
    }
    *out = binned;
done:
    gbt_release(value);
    gbt_dataset_free(cut_out);
    return status;
}

gbt_status gbt_cv_open_rows(gbt_cv_run_state *run, int32_t m, int64_t *row, gbt_dataset **train)
{
    const int32_t n_folds = run->cv->info.n_folds;
    const int64_t n_rows = run->data->n_rows;
    const int64_t n_train =
        gbt_folds_split(run->cv->fold + m / n_folds * n_rows, n_rows, m % n_folds, row);
    GBT_TRY(bin_rows(run, row, n_train, NULL, train));
    return bin_rows(run, row + n_train, n_rows - n_train, (*train)->cuts, &run->held_out[m]);
}
