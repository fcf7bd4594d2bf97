/* From labels as they stand in the data to what the loss is computed on: resolves objective =
 * auto, finds the classes, maps labels to class numbers, and checks the domain of every label. */
#ifndef GBT_TRAIN_CLASSES_H
#define GBT_TRAIN_CLASSES_H

#include "gbt/data/dataset.h"
#include "gbt/loss/objective.h"
#include "gbt/params/params.h"

typedef struct gbt_classes {
    int32_t n;    /* 0: regression */
    float *label; /* [n] label value of each class, ascending */
    char **name;  /* [n] text of the label column, or the number */
} gbt_classes;

void gbt_classes_close(gbt_classes *); /* a zeroed one is closed */

/* Sets objective, num_class and scale_pos_weight of `params` (a copy of the caller's) where they
 * are auto, and finds the classes of a classification. Says every choice in the log. */
gbt_status gbt_classes_resolve(gbt_params *, const gbt_dataset *train, gbt_classes *out);

/* Labels of `data` as the loss wants them: out [gbt_objective_labels() x n_rows]. ERR_DATA: no
 * label, another number of labels, unknown class, or a label outside the loss's domain, with its
 * row. */
gbt_status gbt_classes_target(const gbt_classes *, const gbt_objective *, const gbt_dataset *,
                              float *out);

/* The same from label [n_rows x n_labels]; class_label [n_classes] ascending, or NULL: classes are
 * numbered already, or there are none. `source` names the file in messages. */
gbt_status gbt_labels_to_target(const gbt_objective *, const float *class_label, const float *label,
                                int32_t n_labels, int64_t n_rows, const char *source, float *out);

#endif
