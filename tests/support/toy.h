/* Small deterministic training problems for tests: features with missing values and categories,
 * labels of every kind. Row i is the same whatever the number of rows. */
#ifndef GBT_TESTS_TOY_H
#define GBT_TESTS_TOY_H

#include <stdbool.h>

#include "gbt/gbt.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TOY_FEATURES = 8
}; /* 0..5 numbers (1 has missing values, 2 few values), 6 categories, 7 constant */

typedef enum toy_label {
    TOY_QUANTITY,
    TOY_POSITIVE,
    TOY_BINARY,
    TOY_CLASSES,
    TOY_SHARE,
    TOY_DYADIC
} toy_label;

typedef struct toy {
    int64_t n_rows;
    float *x;      /* [n_rows x TOY_FEATURES] row-major */
    float *label;  /* [n_rows] */
    float *weight; /* [n_rows] in {0.5, 1, 2} */
} toy;

void toy_make(toy *, int64_t n_rows, toy_label, uint64_t seed);
void toy_free(toy *);
gbt_matrix toy_matrix(const toy *);

/* A data set with categorical=6; NULL params: all defaults. Ends the process when it cannot be
 * made. */
gbt_dataset *toy_dataset(const toy *, const gbt_params *, const gbt_dataset *same_cuts,
                         bool weighted);

/* Parameters from "key=value key=value ..."; ends the process on a bad one. */
gbt_params *toy_params(const char *assignments);

/* Trains without validation rows. The model, or NULL with gbt_last_error(). */
gbt_model *toy_train(const gbt_params *, const gbt_dataset *);

/* Bytes of the model file; release with gbt_memory_free. */
void *toy_bytes(const gbt_model *, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
