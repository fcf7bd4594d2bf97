/* Drives one backend through the training of a backend_case with a random order of calls, and
 * writes down everything that it answers. The order follows from the case and the answers alone, so
 * two backends that agree get the same calls. */
#ifndef GBT_TESTS_BACKEND_DRIVE_H
#define GBT_TESTS_BACKEND_DRIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/support/backend_case.h"

typedef enum drive_kind {
    DRIVE_ROOT,
    DRIVE_SPLIT,
    DRIVE_ROWS,
    DRIVE_RENEWED,
    DRIVE_SCORES
} drive_kind;

typedef struct drive_event {
    drive_kind kind;
    int32_t round, output, node;
    gbt_root root;    /* DRIVE_ROOT */
    gbt_split split;  /* DRIVE_SPLIT */
    int64_t rows;     /* DRIVE_ROWS: rows sent left */
    int64_t first, n; /* DRIVE_RENEWED, DRIVE_SCORES: values[first .. first + n) */
} drive_event;

typedef struct drive_trace {
    drive_event *event; /* [n_events] */
    int64_t n_events, event_room;
    float *value; /* [n_values] */
    int64_t n_values, value_room;
} drive_trace;

enum { DRIVE_MESSAGE = 2048 };

/* Two rounds. False, and a message, when a call of the backend fails or memory is short. Close the
 * trace in either case. */
bool drive_backend(const gbt_backend_ops *, const backend_case *, int32_t threads,
                   int64_t histogram_bytes, drive_trace *out, char message[DRIVE_MESSAGE]);
void drive_trace_close(drive_trace *);

/* Are both the same bit by bit? Else the message tells the first difference. */
bool drive_trace_equal(const drive_trace *want, const drive_trace *got,
                       char message[DRIVE_MESSAGE]);

/* Runs `ops` and ref on the case with several thread counts and pool sizes. False, and a message
 * with the case and the first difference, when they disagree. */
bool drive_against_ref(const gbt_backend_ops *, const backend_case *, char message[DRIVE_MESSAGE]);

#endif
