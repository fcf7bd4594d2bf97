/* gbt-synth: writes the data of synth.h as CSV or libsvm to standard output. Rows are printed by
 * all threads, in blocks of fixed size, and written in order. A program, not part of the
 * library. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datasets/synth.h"
#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"
#include "gbt/base/text.h"

enum { ROWS_A_CHUNK = 256, CHUNKS_A_BLOCK = 64 };

typedef struct print_job {
    gbt_synth_spec spec;
    int64_t n_rows;
    int threads;
    bool is_libsvm;

    int64_t first_row;   /* of the block */
    int64_t chunk_bytes; /* room for the text of a chunk */
    char *text;          /* [CHUNKS_A_BLOCK x chunk_bytes] */
    int64_t *size;       /* [CHUNKS_A_BLOCK] */
    float *feature;      /* [threads x n_features] */
} print_job;

static void print_usage(FILE *to)
{
    (void)fprintf(to, "usage: gbt-synth KIND rows=N [seed=0] [features=N] [groups=N] [outliers=N] "
                      "[format=csv|libsvm] [threads=N]\n\n"
                      "Writes rows of seeded data to standard output. KIND is one of\n");
    for (int k = 0; k < GBT_SYNTH_KINDS; k++) {
        (void)fprintf(to, "  %-24s %s\n", gbt_synth_name((gbt_synth_kind)k),
                      gbt_synth_doc((gbt_synth_kind)k));
    }
    (void)fprintf(to,
                  "\ngroups: classes of blobs, tasks of multitask; outliers: how many of the last "
                  "tasks follow a\nfunction of their own. sparse is always libsvm.\n");
}

/* ---- Arguments ------------------------------------------------------------------------------- */

static bool take_count(const char *key, gbt_slice value, int64_t low, int64_t high, int64_t *out)
{
    if (gbt_parse_int(value, out) && *out >= low && *out <= high) {
        return true;
    }
    (void)fprintf(stderr,
                  "gbt-synth: %s=%.*s: expected a whole number from %" PRId64 " to %" PRId64 "\n",
                  key, (int)value.size, value.data, low, high);
    return false;
}

static bool take_argument(const char *argument, print_job *job, bool *has_format)
{
    gbt_slice value = gbt_slice_of(argument), key = {argument, 0};
    int64_t number = 0;
    if (!gbt_slice_next(&value, '=', &key) || strchr(argument, '=') == NULL) {
        (void)fprintf(stderr, "gbt-synth: '%s': expected key=value\n", argument);
        return false;
    }
    if (gbt_slice_equal(key, "rows")) {
        return take_count("rows", value, 1, INT64_MAX / 2, &job->n_rows);
    }
    if (gbt_slice_equal(key, "seed")) {
        bool is_good = take_count("seed", value, 0, INT64_MAX, &number);
        job->spec.seed = (uint64_t)number;
        return is_good;
    }
    if (gbt_slice_equal(key, "features")) {
        bool is_good = take_count("features", value, 1, 1 << 30, &number);
        job->spec.n_features = (int32_t)number;
        return is_good;
    }
    if (gbt_slice_equal(key, "groups")) {
        bool is_good = take_count("groups", value, 2, 1000000, &number);
        job->spec.n_groups = (int32_t)number;
        return is_good;
    }
    if (gbt_slice_equal(key, "outliers")) {
        bool is_good = take_count("outliers", value, 0, 1000000, &number);
        job->spec.n_outliers = number == 0 ? -1 : (int32_t)number;
        return is_good;
    }
    if (gbt_slice_equal(key, "threads")) {
        bool is_good = take_count("threads", value, 0, GBT_MAX_THREADS, &number);
        job->threads = (int)number;
        return is_good;
    }
    if (gbt_slice_equal(key, "format")) {
        *has_format = true;
        job->is_libsvm = gbt_slice_equal(value, "libsvm");
        if (job->is_libsvm || gbt_slice_equal(value, "csv")) {
            return true;
        }
        (void)fprintf(stderr, "gbt-synth: %s: expected format=csv or format=libsvm\n", argument);
        return false;
    }
    (void)fprintf(
        stderr,
        "gbt-synth: '%.*s' is not a key; expected rows, seed, features, groups, outliers, "
        "format or threads\n",
        (int)key.size, key.data);
    return false;
}

static bool take_arguments(int argc, char **argv, print_job *job)
{
    bool has_format = false;
    if (!gbt_synth_find(argv[1], &job->spec.kind)) {
        (void)fprintf(stderr, "gbt-synth: no kind of data is called '%s'\n\n", argv[1]);
        print_usage(stderr);
        return false;
    }
    for (int i = 2; i < argc; i++) {
        if (!take_argument(argv[i], job, &has_format)) {
            return false;
        }
    }
    if (job->n_rows == 0) {
        (void)fprintf(stderr, "gbt-synth: rows=N is missing\n");
        return false;
    }
    if (gbt_synth_complete(&job->spec) != GBT_OK) {
        (void)fprintf(stderr, "gbt-synth: %s\n", gbt_last_error());
        return false;
    }
    if (job->spec.kind == GBT_SYNTH_SPARSE) {
        if (has_format && !job->is_libsvm) {
            (void)fprintf(stderr, "gbt-synth: sparse rows are written with format=libsvm only\n");
            return false;
        }
        job->is_libsvm = true;
    }
    return true;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static char *print_number(char *to, float value)
{
    char number[GBT_NUMBER_CHARS];
    int n = gbt_print_f32(number, value);
    memcpy(to, number, (size_t)n);
    return to + n;
}

static char *print_integer(char *to, int64_t value)
{
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0) {
        *to++ = digits[--n];
    }
    return to;
}

static char *print_csv_row(const print_job *job, int64_t row, float *feature, char *to)
{
    float label;
    int32_t task;
    gbt_synth_row(&job->spec, row, feature, &label, &task);
    to = print_number(to, label);
    if (gbt_synth_has_tasks(job->spec.kind)) {
        *to++ = ',';
        to = print_integer(to, task);
    }
    for (int32_t c = 0; c < job->spec.n_features; c++) {
        *to++ = ',';
        if (feature[c] != feature[c]) {
            continue; /* The empty cell is missing. */
        }
        if (gbt_synth_is_categorical(&job->spec, c)) {
            *to++ = 'v';
            to = print_integer(to, (int64_t)feature[c]);
        } else {
            to = print_number(to, feature[c]);
        }
    }
    *to++ = '\n';
    return to;
}

static char *print_entry(char *to, int64_t index, float value)
{
    *to++ = ' ';
    to = print_integer(to, index);
    *to++ = ':';
    return print_number(to, value);
}

/* One-based; zeros are left out of dense kinds, missing values are `nan`; the task is `qid:`. */
static char *print_libsvm_row(const print_job *job, int64_t row, float *feature, char *to)
{
    float label, value[GBT_SYNTH_MOST_ENTRIES];
    int32_t task, column[GBT_SYNTH_MOST_ENTRIES];
    if (job->spec.kind == GBT_SYNTH_SPARSE) {
        int32_t n = gbt_synth_sparse_row(&job->spec, row, column, value, &label);
        to = print_number(to, label);
        for (int32_t k = 0; k < n; k++) {
            to = print_entry(to, (int64_t)column[k] + 1, value[k]);
        }
    } else {
        gbt_synth_row(&job->spec, row, feature, &label, &task);
        to = print_number(to, label);
        if (gbt_synth_has_tasks(job->spec.kind)) {
            memcpy(to, " qid:", 5);
            to = print_integer(to + 5, task);
        }
        for (int32_t c = 0; c < job->spec.n_features; c++) {
            if (feature[c] != 0.0f) {
                to = print_entry(to, (int64_t)c + 1, feature[c]);
            }
        }
    }
    *to++ = '\n';
    return to;
}

static void print_chunk(void *context, int64_t first, int64_t last, int thread)
{
    print_job *job = context;
    int64_t chunk = first / ROWS_A_CHUNK;
    char *text = job->text + chunk * job->chunk_bytes, *to = text;
    bool is_sparse = job->spec.kind == GBT_SYNTH_SPARSE;
    float *feature = is_sparse ? NULL : job->feature + (int64_t)thread * job->spec.n_features;
    for (int64_t row = job->first_row + first; row < job->first_row + last; row++) {
        to = job->is_libsvm ? print_libsvm_row(job, row, feature, to)
                            : print_csv_row(job, row, feature, to);
    }
    job->size[chunk] = to - text;
}

static gbt_status print_header(const print_job *job)
{
    (void)fputs(gbt_synth_has_tasks(job->spec.kind) ? "label,task" : "label", stdout);
    for (int32_t c = 0; c < job->spec.n_features; c++) {
        (void)printf(",f%d", c);
    }
    return putchar('\n') == EOF ? gbt_fail(GBT_ERR_IO, "cannot write to standard output") : GBT_OK;
}

static gbt_status print_rows(print_job *job)
{
    gbt_status status = GBT_OK;
    double *waves = NULL;
    int64_t cells =
        job->spec.kind == GBT_SYNTH_SPARSE ? GBT_SYNTH_MOST_ENTRIES : job->spec.n_features;
    int64_t block_rows = ROWS_A_CHUNK * CHUNKS_A_BLOCK;
    job->threads = gbt_thread_count(job->threads);
    job->chunk_bytes = ROWS_A_CHUNK * (cells + 3) * (GBT_NUMBER_CHARS + 16);
    GBT_TRY_OR_DONE(GBT_NEW(job->text, CHUNKS_A_BLOCK * job->chunk_bytes));
    GBT_TRY_OR_DONE(GBT_NEW(job->size, CHUNKS_A_BLOCK));
    GBT_TRY_OR_DONE(GBT_NEW(job->feature, (int64_t)job->threads * cells));
    GBT_TRY_OR_DONE(gbt_synth_waves(&job->spec, &waves));
    job->spec.waves = waves;
    if (!job->is_libsvm) {
        GBT_TRY_OR_DONE(print_header(job));
    }
    for (; job->first_row < job->n_rows; job->first_row += block_rows) {
        int64_t rest = job->n_rows - job->first_row;
        int64_t n = rest < block_rows ? rest : block_rows;
        gbt_for_chunks(job->threads, n, ROWS_A_CHUNK, print_chunk, job);
        for (int64_t chunk = 0; chunk < gbt_chunk_count(n, ROWS_A_CHUNK); chunk++) {
            size_t size = (size_t)job->size[chunk];
            if (fwrite(job->text + chunk * job->chunk_bytes, 1, size, stdout) != size) {
                status = gbt_fail(GBT_ERR_IO, "cannot write to standard output");
                goto done;
            }
        }
    }
    if (fflush(stdout) != 0) {
        status = gbt_fail(GBT_ERR_IO, "cannot write to standard output");
    }
done:
    gbt_release(waves);
    gbt_release(job->text);
    gbt_release(job->size);
    gbt_release(job->feature);
    return status;
}

int main(int argc, char **argv)
{
    print_job job = {.n_rows = 0};
    bool wants_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || wants_help) {
        print_usage(wants_help ? stdout : stderr);
        return wants_help ? 0 : 2;
    }
    if (!take_arguments(argc, argv, &job)) {
        return 2;
    }
    if (print_rows(&job) != GBT_OK) {
        (void)fprintf(stderr, "gbt-synth: %s\n", gbt_last_error());
        return 1;
    }
    return 0;
}
