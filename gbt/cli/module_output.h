/* What the verbs of the side modules write besides tables of text: NumPy arrays (format 1.0,
 * little-endian float32, row-major), archives of them, and lines of progress. */
#ifndef GBT_CLI_MODULE_OUTPUT_H
#define GBT_CLI_MODULE_OUTPUT_H

#include <stdio.h>

#include "gbt/cli/cli.h"

/* ---- One array, written row by row ----------------------------------------------------------- */

/* The rows go to a temporary name beside `path`, which is renamed when it is kept: the file appears
 * whole or not at all, and no more than a block of it is in memory. Zeroed: nothing open. */
typedef struct gbt_npy_file {
    FILE *file;
    const char *path;                    /* borrowed */
    char temporary[GBT_PATH_CHARS + 64]; /* "": a pipe or device, written in place */
    int64_t n_left;                      /* values still to come */
} gbt_npy_file;

gbt_status gbt_npy_open(gbt_npy_file *, const char *path, int64_t n_rows, int64_t n_cols);
gbt_status gbt_npy_append(gbt_npy_file *, const float *value, int64_t n);
gbt_status gbt_npy_finish(gbt_npy_file *); /* all values were appended: now they are on disk */
gbt_status gbt_npy_keep(gbt_npy_file *);   /* gives the finished file its name */
void gbt_npy_close(gbt_npy_file *); /* removes what was not kept; no-op when nothing is open */

/* ---- Several arrays in one file -------------------------------------------------------------- */

typedef struct gbt_array {
    const char *name;
    int64_t n_rows, n_cols; /* n_cols 0: one axis */
    const float *value;     /* borrowed */
} gbt_array;

/* Appends the file that numpy.load reads as an archive: stored, not compressed. ERR_MEMORY beyond
 * the 4 GiB of the format. */
gbt_status gbt_print_npz(gbt_writer *, const gbt_array *, int n);

/* ---- Progress -------------------------------------------------------------------------------- */

/* One job in `n_parts` equal parts, of which `part` are done. */
typedef struct gbt_progress {
    const char *what; /* begins every line; borrowed */
    bool is_quiet, is_terminal;
    double start, last_seconds; /* of the job, of the last line */
    int last_quarter;           /* of the last line on a pipe */
    int64_t part, n_parts;
} gbt_progress;

void gbt_progress_open(gbt_progress *, const gbt_command *, const char *what);
/* A new job of so many parts; its time begins now. */
void gbt_progress_begin(gbt_progress *, const char *what, int64_t n_parts);
/* A gbt_progress_fn about the part that runs; `user` is the progress. At most one line a second on
 * a terminal, one a quarter of the job on a pipe, none for jobs under a second. Asks to stop after
 * an interrupt. */
int gbt_progress_report(double done, double seconds, void *user);

#endif
