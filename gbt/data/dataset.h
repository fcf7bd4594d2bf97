/* Bins, labels and side columns of one set of rows. */
#ifndef GBT_DATA_DATASET_H
#define GBT_DATA_DATASET_H

#include "gbt/data/bins.h"
#include "gbt/data/cuts.h"
#include "gbt/data/features.h"
#include "gbt/data/schema.h"

struct gbt_dataset {
    gbt_schema *schema; /* shared */
    gbt_cuts *cuts;     /* shared */
    gbt_bins bins;
    int64_t n_rows;
    float *label;        /* [n_rows x n_labels] or NULL */
    int32_t n_labels;    /* labels a row */
    bool has_text_label; /* the label is the code of a text of the schema */
    float *weight;       /* [n_rows] or NULL: all 1 */
    int32_t *group;      /* [n_rows] or NULL */
    int32_t *task;       /* [n_rows] or NULL */
    float *init_score;   /* [n_rows x n_init] or NULL */
    int32_t n_init;      /* init scores a row */
    char *source;        /* file name for messages, "" when from memory */
    int32_t references;  /* atomic: the caller's and every booster's */
    int32_t boosters;    /* atomic: boosters alive; > 0 makes it read-only */
};

gbt_dataset *gbt_dataset_retain(const gbt_dataset *); /* casts const away: counts only */
void gbt_dataset_pin(const gbt_dataset *);            /* a booster uses it from now on */
void gbt_dataset_unpin(const gbt_dataset *);          /* and this booster no longer does */

/* Empty (0 rows) set over a schema and cuts, both retained. */
gbt_status gbt_dataset_create_empty(gbt_schema *, gbt_cuts *, gbt_dataset **out);

/* Learns the cuts of `features` as the parameters say, or takes `cuts` when it is not NULL, and
 * bins all rows. Retains schema and cuts. No label yet. `source` names the file in messages. */
gbt_status gbt_dataset_build(const gbt_params *, const gbt_features *, gbt_schema *schema,
                             gbt_cuts *cuts, const char *source, gbt_dataset **out);

/* The features of a table as schema and cuts see them: out [rows x features], n its size; missing
 * and every category without a bin of its own or a shared one: NaN. ERR_DATA: a column is absent or
 * of the wrong kind, or `refuses_unseen` and there is an unseen text. */
gbt_status gbt_features_of_table(const gbt_table *, const gbt_schema *, const gbt_cuts *,
                                 bool refuses_unseen, float *out, int64_t n);

#endif
