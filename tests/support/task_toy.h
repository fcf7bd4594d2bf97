/* Small multi-task problems for tests. A row is the same whatever the number of rows. */
#ifndef GBT_TESTS_TASK_TOY_H
#define GBT_TESTS_TASK_TOY_H

#include <stdbool.h>

#include "gbt/gbt.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TASK_TOY_FEATURES = 4 }; /* 0..2 numbers (1 has missing values), 3 categories */

typedef enum task_toy_label {
    TASK_TOY_QUANTITY,
    TASK_TOY_BINARY,
    TASK_TOY_CLASSES, /* three */
    TASK_TOY_PAIR,    /* two quantities */
    TASK_TOY_POSITIVE
} task_toy_label;

typedef struct task_toy {
    int64_t n_rows;
    int32_t n_tasks, n_labels;
    float *x;      /* [n_rows x TASK_TOY_FEATURES] */
    float *label;  /* [n_rows x n_labels] */
    float *weight; /* [n_rows] in {0.5, 1, 2} */
    int32_t *task; /* [n_rows] numbers 10, 13, 16, ...; the last task goes its own way */
} task_toy;

void task_toy_make(task_toy *, int64_t n_rows, int32_t n_tasks, task_toy_label, uint64_t seed);
/* Only the rows of one task, in their order. */
void task_toy_only(const task_toy *, int32_t task_number, task_toy *out);
void task_toy_free(task_toy *);
gbt_matrix task_toy_matrix(const task_toy *);

/* A data set with tasks and categorical=3. Ends the process when it cannot be made. */
gbt_dataset *task_toy_dataset(const task_toy *, const gbt_dataset *same_cuts, bool weighted);

/* Trains on the toy with "key=value ..."; NULL with gbt_last_error(). */
gbt_multitask *task_toy_train(const task_toy *, const char *options, bool weighted);

/* Raw scores of the toy's own rows; release with free(). */
float *task_toy_raw(const gbt_multitask *, const task_toy *);

/* Bytes of the model file; release with gbt_memory_free. */
void *task_toy_bytes(const gbt_multitask *, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
