/* Fuzz target of the libsvm reader and its source. The first byte picks options; the rest is the
 * file. Any status is fine; rows must be well formed and must not depend on chunks and threads, and
 * neither may the message of a refusal. */
#include <stdlib.h>
#include <string.h>

#include "datasets/libsvm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gbt_status read(const uint8_t *data, size_t size, unsigned choice, bool in_small_chunks,
                       gbt_table **out)
{
    gbt_libsvm_options options = {
        .max_rows = choice & 4 ? 3 : 0,
        .threads = in_small_chunks ? 2 : 1,
        .index_base = (int32_t)(choice & 3) % 3 - 1,
    };
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_from_memory("f.svm", data, size, &source));
    gbt_status status =
        gbt_libsvm_read_source(source, &options, in_small_chunks ? 1 + choice : 0, out);
    gbt_source_close(source);
    return status;
}

static void demand(bool held)
{
    if (!held) {
        abort();
    }
}

static void check_rows(const gbt_sparse_rows *a, const gbt_sparse_rows *b, size_t n_rows)
{
    size_t n_entries = (size_t)a->row_start[n_rows];
    demand(a->row_start[0] == 0 && a->n_labels >= 1);
    for (size_t row = 0; row < n_rows; row++) {
        demand(a->row_start[row] <= a->row_start[row + 1]);
        for (int64_t i = a->row_start[row]; i < a->row_start[row + 1]; i++) {
            demand(a->column[i] >= 0 && a->column[i] < a->n_columns);
            demand(i == a->row_start[row] || a->column[i - 1] < a->column[i]);
        }
    }
    demand(a->n_columns == b->n_columns && a->index_base == b->index_base &&
           a->n_labels == b->n_labels);
    demand(memcmp(a->row_start, b->row_start, (n_rows + 1) * sizeof(int64_t)) == 0);
    demand(memcmp(a->column, b->column, n_entries * sizeof(int32_t)) == 0);
    demand(memcmp(a->value, b->value, n_entries * sizeof(float)) == 0);
    demand(memcmp(a->label, b->label, n_rows * (size_t)a->n_labels * sizeof(float)) == 0);
    demand((a->query == NULL) == (b->query == NULL));
    demand(a->query == NULL || memcmp(a->query, b->query, n_rows * sizeof(int32_t)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[1024];
    gbt_table *whole = NULL, *pieces = NULL;
    if (size == 0) {
        return 0;
    }
    gbt_status status = read(data + 1, size - 1, data[0], false, &whole);
    (void)strncpy(message, gbt_last_error(), sizeof message - 1);
    message[sizeof message - 1] = '\0';
    gbt_status other = read(data + 1, size - 1, data[0], true, &pieces);
    /* How many rows come before the fault of a gzip file depends on how much is inflated at
     * once. */
    bool is_gzip = size > 2 && data[1] == 0x1f && data[2] == 0x8b;
    if (status != GBT_OK || other != GBT_OK) {
        demand(is_gzip || (status == other && strcmp(message, gbt_last_error()) == 0));
        gbt_table_free(whole);
        gbt_table_free(pieces);
        return 0;
    }
    demand(whole->n_rows > 0 && whole->n_rows == pieces->n_rows);
    check_rows(whole->sparse, pieces->sparse, (size_t)whole->n_rows);
    gbt_table_free(whole);
    gbt_table_free(pieces);
    return 0;
}
