/* Seeded random models and rows for tests: numeric and categorical features, missing values,
 * trees of every shape. No training involved. */
#ifndef GBT_TESTS_RANDOM_MODEL_H
#define GBT_TESTS_RANDOM_MODEL_H

#include "gbt/tree/model.h"

typedef struct random_model_spec {
    uint64_t seed;
    const char *objective;             /* "regression", "binary", "multiclass" */
    int32_t n_classes;                 /* multiclass: outputs */
    int32_t n_features, n_categorical; /* the last ones are categorical */
    int32_t max_bins;                  /* features have 1 .. max_bins value bins */
    int32_t n_rounds;
    int32_t min_leaves, max_leaves;
    bool is_chain; /* every tree as deep as it has leaves */
} random_model_spec;

/* NULL on failure, gbt_last_error() says why. Sealed. */
gbt_model *random_model(const random_model_spec *);

/* Rows that hit cut points exactly, lie between them, are missing, infinite, zero of both
 * signs, and categories known, unknown, negative and fractional. out [n x n_features]. */
void random_rows(const gbt_model *, uint64_t seed, int64_t n, float *out);

/* The definition: node by node, by the floats. Returns the leaf's node. */
int32_t plain_leaf(const gbt_tree *, const gbt_cuts *, int32_t node, const float *row);

/* Base score and trees of rounds [first, last) in float32, out [n_outputs]. */
void plain_score(const gbt_model *, const float *row, int32_t first, int32_t last, float *out);

#endif
