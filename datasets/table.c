/* Tables and their dictionaries: creation, look-up, release. Filling them is the readers' job. */
#include "datasets/table.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/parallel.h"

/* ---- Dictionaries ---------------------------------------------------------------------------- */

gbt_status gbt_dictionary_open(gbt_dictionary *dictionary, const gbt_slice *sorted, int32_t n)
{
    *dictionary = (gbt_dictionary){0};
    if (n == 0) {
        return GBT_OK;
    }
    int64_t bytes = (int64_t)n * (int64_t)sizeof(char *);
    for (int32_t i = 0; i < n; i++) {
        bytes += (int64_t)sorted[i].size + 1;
    }
    char **text = gbt_alloc(bytes, 1);
    if (text == NULL) {
        return GBT_ERR_MEMORY;
    }
    char *to = (char *)(text + n);
    for (int32_t i = 0; i < n; i++) {
        text[i] = to;
        memcpy(to, sorted[i].data, sorted[i].size);
        to[sorted[i].size] = '\0';
        to += sorted[i].size + 1;
    }
    dictionary->n = n;
    dictionary->text = text;
    return GBT_OK;
}

void gbt_dictionary_close(gbt_dictionary *dictionary)
{
    gbt_release(dictionary->text);
    *dictionary = (gbt_dictionary){0};
}

int32_t gbt_dictionary_find(const gbt_dictionary *dictionary, gbt_slice wanted)
{
    int32_t low = 0, high = dictionary->n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = gbt_slice_compare(gbt_slice_of(dictionary->text[middle]), wanted);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -1;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

gbt_status gbt_table_open(const char *source, gbt_table **out)
{
    *out = NULL;
    gbt_table *table = NULL;
    GBT_TRY(GBT_NEW_ZERO(table, 1));
    table->source = gbt_copy_text(source);
    if (table->source == NULL) {
        gbt_release(table);
        return GBT_ERR_MEMORY;
    }
    *out = table;
    return GBT_OK;
}

static void count_missing(void *context, int64_t first, int64_t last, int thread)
{
    gbt_table *table = context;
    (void)thread;
    for (int64_t c = first; c < last; c++) {
        gbt_table_column *column = &table->column[c];
        int64_t n_missing = 0;
        for (int64_t row = 0; row < table->n_rows && column->number != NULL; row++) {
            n_missing += isnan(column->number[row]) != 0;
        }
        for (int64_t row = 0; row < table->n_rows && column->code != NULL; row++) {
            n_missing += column->code[row] < 0;
        }
        column->n_missing = n_missing;
    }
}

void gbt_table_count_missing(gbt_table *table, int threads)
{
    gbt_for_chunks(threads, table->n_columns, 1, count_missing, table);
}

static void release_sparse(gbt_sparse_rows *sparse)
{
    if (sparse != NULL) {
        gbt_release(sparse->row_start);
        gbt_release(sparse->column);
        gbt_release(sparse->value);
        gbt_release(sparse->label);
        gbt_release(sparse->query);
        gbt_release(sparse);
    }
}

void gbt_table_free(gbt_table *table)
{
    if (table == NULL) {
        return;
    }
    if (table->free_roles != NULL) {
        table->free_roles(table->roles);
    }
    for (int32_t c = 0; table->column != NULL && c < table->n_columns; c++) {
        gbt_table_column *column = &table->column[c];
        gbt_release(column->name);
        gbt_release(column->number);
        gbt_release(column->code);
        gbt_dictionary_close(&column->dictionary);
    }
    gbt_release(table->column);
    release_sparse(table->sparse);
    gbt_release(table->source);
    gbt_release(table);
}
