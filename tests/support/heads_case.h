/* Training of boosted heads on toy data, for the tests of the module. */
#ifndef GBT_TESTS_HEADS_CASE_H
#define GBT_TESTS_HEADS_CASE_H

#include "gbt/gbt.h"
#include "tests/support/toy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heads_case {
    toy data;
    gbt_params *params;
    gbt_dataset *train;
    gbt_matrix features;
    gbt_heads *heads; /* NULL when training failed: gbt_last_error() */
    gbt_status status;
    int64_t n_outputs, n_steps, n_units, n_inputs;
} heads_case;

/* Trains on rows of toy_make with the assignments of toy_params. */
void heads_case_open(heads_case *, int64_t n_rows, toy_label, uint64_t seed,
                     const char *assignments);
/* The same on rows that exist already: `data` is taken over. */
void heads_case_train(heads_case *, toy data, const char *assignments, bool weighted);
void heads_case_close(heads_case *);

/* Raw scores [rows x outputs] with n_steps steps; free() them. NULL after a failure. */
float *heads_case_raw(const heads_case *, int32_t n_steps);

/* Raw scores [rows x outputs] from gbt_heads_weights and gbt_heads_inputs alone, in double
 * precision with the C library's functions; free() them. */
double *heads_case_defined(const heads_case *);

/* Mean training loss of raw scores [rows x outputs]. */
double heads_case_loss(const heads_case *, const float *raw);

#ifdef __cplusplus
}
#endif

#endif
