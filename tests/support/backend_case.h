/* Random training cases for backends, made by hand from the structs of the data layer: no code that
 * learns cuts or bundles takes part. Everything follows from a seed; a fuzzer's bytes, if given,
 * replace the first random choices. */
#ifndef GBT_TESTS_BACKEND_CASE_H
#define GBT_TESTS_BACKEND_CASE_H

#include <stdbool.h>
#include <stddef.h>

#include "gbt/backend/backend.h"

/* A stream of choices: bytes first, then a counter-based generator. */
typedef struct dice {
    uint64_t seed, at;
    const uint8_t *bytes; /* borrowed; may be NULL */
    size_t n_bytes;
} dice;

int64_t dice_below(dice *, int64_t n); /* 0 .. n - 1, n >= 1 */
bool dice_chance(dice *, double p);
double dice_unit(dice *);   /* [0, 1) */
double dice_normal(dice *); /* about a standard normal */

typedef struct case_limits {
    int64_t max_rows, max_features, max_cells; /* cells = rows x features */
    bool is_sparse; /* all features in shared columns, most rows at their defaults */
} case_limits;

typedef struct backend_case {
    uint64_t seed;
    gbt_dataset data; /* schema NULL; arrays owned by the case */
    gbt_cuts cuts;
    gbt_backend_config config;
    gbt_objective objective;
    float *target;            /* [n_rows] */
    float *weight;            /* [n_rows] or NULL */
    float *scores;            /* [n_outputs x n_rows] to begin with */
    bool sets_gradients;      /* by set_gradients, else from the objective */
    float *grad, *hess;       /* [n_outputs x n_rows] when sets_gradients */
    bool is_common;           /* symmetric trees */
    double row_rate;          /* share of rows in a tree's sample; >= 1: all, rows = NULL */
    double feature_rate;      /* the same for features of a tree */
    double node_feature_rate; /* and for features of a node */
} backend_case;

/* Makes a case. `bytes` may be NULL. False when memory is short. */
bool backend_case_open(backend_case *, uint64_t seed, const uint8_t *bytes, size_t n_bytes,
                       const case_limits *);
void backend_case_close(backend_case *);

/* Is the data set what bins.h and cuts.h promise? NULL, or what is wrong. */
const char *backend_case_fault(const backend_case *);

/* One line about the case, for messages. */
void backend_case_describe(const backend_case *, char *out, size_t capacity);

#endif
