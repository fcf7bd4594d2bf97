/* Trees, cuts, schema, objective and parameters: all that prediction needs. Immutable once
 * finished. */
#ifndef GBT_TREE_MODEL_H
#define GBT_TREE_MODEL_H

#include "gbt/data/cuts.h"
#include "gbt/data/schema.h"
#include "gbt/loss/objective.h"
#include "gbt/params/params.h"
#include "gbt/tree/tree.h"

typedef struct gbt_forest gbt_forest; /* predict.h: the trees in the form that prediction walks */

struct gbt_model {
    gbt_params *params; /* resolved */
    gbt_schema *schema; /* shared */
    gbt_cuts *cuts;     /* shared */
    gbt_objective objective;
    double *base_score; /* [n_outputs] */
    gbt_tree **trees;   /* [n_trees] owned; round r, output k at r * n_outputs + k */
    int32_t n_trees, capacity;
    char **class_name;  /* [n_classes] or NULL: texts or numbers, "0", "1" by default */
    float *class_label; /* [n_classes] or NULL: label value of the class in the training data */
    int64_t train_rows;
    int32_t best_round; /* 0: no early stopping */
    double best_value;  /* of the first metric, at best_round */
    bool uses_init_score;
    gbt_forest *forest; /* built by gbt_model_seal */
    /* A model made for a device (backend/infer_device.c); NULL: predictions are the CPU's. */
    const struct gbt_device_library *device;
    struct gbt_device_forest *device_forest;
    void (*close_device)(struct gbt_device_forest *);
};

/* Empty model: retains schema and cuts, copies params and objective. Room for `capacity` trees. */
gbt_status gbt_model_create(const gbt_params *, gbt_schema *, gbt_cuts *, const gbt_objective *,
                            int32_t capacity, gbt_model **out);
/* Takes the tree over. Never allocates below `capacity`. */
gbt_status gbt_model_append(gbt_model *, gbt_tree *);
void gbt_model_truncate(gbt_model *, int32_t n_rounds);
/* Builds what prediction needs; call once after the last tree. */
gbt_status gbt_model_seal(gbt_model *);
int32_t gbt_model_rounds(const gbt_model *);

#endif
