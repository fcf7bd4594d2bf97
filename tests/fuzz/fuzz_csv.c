/* Fuzz target of the CSV reader and its source. The first byte picks options; the rest is the file.
 * Any status is fine; a table must be well formed and must not depend on chunks and threads, and
 * neither may the message of a refusal. */
#include <stdlib.h>
#include <string.h>

#include "datasets/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gbt_csv_kind kind_of(void *context, const char *name, int32_t index, int32_t n_columns)
{
    (void)context;
    (void)n_columns;
    return (gbt_csv_kind)(((unsigned char)name[0] + (unsigned)index) % 4);
}

static gbt_status read(const uint8_t *data, size_t size, unsigned choice, bool in_small_chunks,
                       gbt_table **out)
{
    static const char *const missing[] = {"NaN", "NA", "null", "?", "-999"};
    gbt_csv_options options = {
        .separator = choice & 1 ? '\t' : '\0',
        .header = (int)(choice >> 1 & 3) - 1,
        .missing = missing,
        .n_missing = choice & 8 ? 5 : 4,
        .max_rows = choice & 16 ? 3 : 0,
        .threads = in_small_chunks ? 2 : 1,
        .kind_of = choice & 32 ? kind_of : NULL,
    };
    if (options.header > 1) {
        options.header = 1;
    }
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(gbt_source_from_memory("f.csv", data, size, &source));
    gbt_status status =
        gbt_csv_read_source(source, &options, in_small_chunks ? 1 + choice : 0, out);
    gbt_source_close(source);
    return status;
}

static void demand(bool held)
{
    if (!held) {
        abort();
    }
}

static void check_column(const gbt_table_column *a, const gbt_table_column *b, int64_t n_rows)
{
    demand(strcmp(a->name, b->name) == 0 && a->is_text == b->is_text &&
           a->n_missing == b->n_missing);
    demand(a->dictionary.n == b->dictionary.n);
    for (int32_t i = 0; i < a->dictionary.n; i++) {
        demand(strcmp(a->dictionary.text[i], b->dictionary.text[i]) == 0);
        demand(i == 0 || strcmp(a->dictionary.text[i - 1], a->dictionary.text[i]) < 0);
        demand(gbt_dictionary_find(&a->dictionary, gbt_slice_of(a->dictionary.text[i])) == i);
    }
    demand((a->code != NULL) == a->is_text && (a->number == NULL || !a->is_text));
    for (int64_t row = 0; row < n_rows && a->code != NULL; row++) {
        demand(a->code[row] == b->code[row] && a->code[row] >= -1 &&
               a->code[row] < a->dictionary.n);
    }
    demand(a->number == NULL || memcmp(a->number, b->number, (size_t)n_rows * sizeof(float)) == 0);
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
    demand(whole->n_rows > 0 && whole->n_rows == pieces->n_rows &&
           whole->n_columns == pieces->n_columns);
    for (int32_t c = 0; c < whole->n_columns; c++) {
        check_column(&whole->column[c], &pieces->column[c], whole->n_rows);
    }
    gbt_table_free(whole);
    gbt_table_free(pieces);
    return 0;
}
