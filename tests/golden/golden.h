/* The golden cases: how their rows are read and predicted. Shared by the test and by
 * make_golden.c, so that both ask the same questions. */
#ifndef GBT_TESTS_GOLDEN_H
#define GBT_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "gbt/gbt.h"

enum { N_GOLDEN_CASES = 4 };

typedef struct golden_case {
    const char *name, *extension;
    const char *reading; /* keys for reading its files: key=value, separated by blanks */
} golden_case;

extern const golden_case golden_cases[N_GOLDEN_CASES];

/* Parameters from the keys for reading and more of them; NULL with gbt_last_error(). */
gbt_params *golden_params(const golden_case *, const char *more);

/* Raw scores, responses and, with classes, the class of every row of a file. */
typedef struct golden_answer {
    int64_t n_rows, n_columns;
    float *value; /* [n_rows x n_columns] */
} golden_answer;

/* False with gbt_last_error(). */
bool golden_predict(const golden_case *, const char *path, const gbt_model *, golden_answer *out);
void golden_answer_close(golden_answer *);

#endif
