/* A small trained model with its training rows and some targets, for tests of influence estimators;
 * and the vectors of tree kernels written out. */
#ifndef GBT_TESTS_INFLUENCE_TOY_H
#define GBT_TESTS_INFLUENCE_TOY_H

#include "tests/support/toy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct influence_toy {
    toy train_rows, target_rows;
    gbt_dataset *train, *targets;
    gbt_model *model;
    int64_t n, n_targets;
} influence_toy;

/* Trains with "key=value ..."; the targets are other rows. Ends the process when it cannot. */
void influence_toy_make(influence_toy *, toy_label, int64_t n_train, int64_t n_targets,
                        const char *training, bool weighted);
void influence_toy_free(influence_toy *);

/* An estimator from "key=value ...", with raw features; NULL with gbt_last_error(). */
gbt_influence *influence_toy_open(const influence_toy *, const char *keys);

/* [n_targets x n], malloc; NULL with gbt_last_error(). */
float *influence_toy_dense(const influence_toy *, const gbt_influence *);

/* The kernel vectors of `rows` [n_rows x *n_coordinates], malloc: one coordinate for every leaf,
 * node or tree, as `kernel` ("lpw", ...) says. */
double *influence_toy_vectors(const influence_toy *, const gbt_dataset *rows, const char *kernel,
                              int64_t *n_coordinates);

/* Raw scores [n_outputs x rows] in double: base score, init scores and leaf values; malloc. */
double *influence_toy_scores(const gbt_model *, const gbt_dataset *rows);

/* Losses [rows] of a model from scores cut as the retraining methods do; malloc. */
double *influence_toy_losses(const gbt_model *, const gbt_dataset *rows);

/* What a test asks of an estimator; the arrays are on its own. */
typedef gbt_status (*influence_toy_use)(const gbt_influence *, const gbt_targets *);

/* Makes data, estimator and answers again and again, each time with another allocation refused,
 * until none is: NULL when every run failed with ERR_MEMORY and left nothing behind, else what went
 * wrong. The handle must not be in use. */
const char *influence_toy_refusals(influence_toy *, const char *keys, influence_toy_use);

#ifdef __cplusplus
}
#endif

#endif
