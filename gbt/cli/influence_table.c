/* Picks and prints the rows of the table of influences. A row is helpful only when its influence is
 * above zero and harmful only below, so fewer than k lines of a kind are possible. Cost: a pass
 * over the rows and log k for those that enter a heap of k; a sort when all rows are printed. */
#include "gbt/cli/influence_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"

/* ---- Cells ----------------------------------------------------------------------------------- */

/* The id of a row, or its number. */
static void print_row_name(gbt_writer *text, const gbt_table *table, int64_t row)
{
    const char *id = gbt_table_id(table, row);
    if (id) {
        gbt_print_csv_text(text, id);
    } else {
        gbt_print(text, "%lld", (long long)row);
    }
}

static void print_cell(gbt_writer *text, const gbt_table *table, int32_t column, int64_t row)
{
    enum { MOST_CELL = 1 << 28 };
    char small[256];
    if (gbt_table_text(table, column, row, small, sizeof small) == GBT_OK) {
        gbt_print_csv_text(text, small);
        return;
    }
    gbt_status status = GBT_ERR_ARGUMENT;
    for (size_t size = 4096; size <= MOST_CELL && status == GBT_ERR_ARGUMENT; size *= 8) {
        char *large = gbt_alloc((int64_t)size, 1);
        status = large ? gbt_table_text(table, column, row, large, size) : GBT_ERR_MEMORY;
        if (status == GBT_OK) {
            gbt_print_csv_text(text, large);
        }
        gbt_release(large);
    }
    text->status = text->status == GBT_OK ? status : text->status;
}

static bool is_label(const gbt_table *table, int32_t column, gbt_column_info *info)
{
    return gbt_table_describe(table, column, info) == GBT_OK && info->role == GBT_ROLE_LABEL;
}

static void print_labels(gbt_writer *text, const gbt_table *table, int64_t row)
{
    gbt_column_info info;
    for (int32_t c = 0; c < gbt_table_columns(table); c++) {
        if (is_label(table, c, &info)) {
            gbt_write_u8(text, ',');
            print_cell(text, table, c, row);
        }
    }
}

static void print_label_names(gbt_writer *text, const gbt_table *table)
{
    gbt_column_info info;
    int n = 0;
    for (int32_t c = 0; c < gbt_table_columns(table); c++) {
        n += is_label(table, c, &info);
    }
    for (int32_t c = 0; c < gbt_table_columns(table); c++) {
        if (!is_label(table, c, &info)) {
            continue;
        }
        gbt_writer name = {0};
        gbt_print(&name, n == 1 ? "label" : "label_%s", info.name);
        gbt_write_u8(&name, 0);
        gbt_write_u8(text, ',');
        if (name.status == GBT_OK) {
            gbt_print_csv_text(text, (const char *)name.data);
        } else {
            text->status = name.status;
        }
        gbt_writer_close(&name);
    }
}

/* ---- Lines ----------------------------------------------------------------------------------- */

gbt_status gbt_influence_table_open(gbt_influence_table *table, const gbt_table *train,
                                    const gbt_table *targets, int64_t k)
{
    memset(table, 0, sizeof *table);
    table->train = train;
    table->targets = targets;
    table->n_rows = gbt_table_rows(train);
    table->k = k;
    GBT_TRY(GBT_NEW(table->room, k > 0 ? 2 * k : table->n_rows));
    gbt_print(&table->text, "%srank,row,influence,kind", targets ? "target," : "");
    print_label_names(&table->text, train);
    gbt_print(&table->text, "\n");
    return table->text.status;
}

void gbt_influence_table_close(gbt_influence_table *table)
{
    gbt_writer_close(&table->text);
    gbt_release(table->room);
    memset(table, 0, sizeof *table);
}

static void print_line(gbt_influence_table *table, int64_t target, int64_t rank,
                       const gbt_ranked *line)
{
    gbt_writer *text = &table->text;
    if (table->targets) {
        print_row_name(text, table->targets, target);
        gbt_write_u8(text, ',');
    }
    gbt_print(text, "%lld,", (long long)rank);
    print_row_name(text, table->train, line->row);
    gbt_write_u8(text, ',');
    gbt_print_float(text, (float)line->value);
    gbt_print(text, ",%s", line->value > 0.0 ? "helpful" : line->value < 0.0 ? "harmful" : "none");
    print_labels(text, table->train, line->row);
    gbt_write_u8(text, '\n');
}

void gbt_print_intervals(gbt_writer *text, const gbt_table *targets, const double *location,
                         const double *scale)
{
    gbt_print(text, "target,location,scale\n");
    for (int64_t i = 0; i < gbt_table_rows(targets); i++) {
        print_row_name(text, targets, i);
        gbt_write_u8(text, ',');
        gbt_print_float(text, (float)location[i]);
        gbt_write_u8(text, ',');
        gbt_print_float(text, (float)scale[i]);
        gbt_write_u8(text, '\n');
    }
}

/* ---- Picking --------------------------------------------------------------------------------- */

/* Most helpful first, most harmful last; equal values: lower row first. No number counts as 0. */
static int compare_ranked(const void *a, const void *b)
{
    const gbt_ranked *x = a, *y = b;
    const double u = isnan(x->value) ? 0.0 : x->value, v = isnan(y->value) ? 0.0 : y->value;
    return u > v ? -1 : u < v ? 1 : (x->row > y->row) - (x->row < y->row);
}

static bool is_weaker(const gbt_ranked *a, const gbt_ranked *b)
{
    const double u = fabs(a->value), v = fabs(b->value);
    return u < v || (u == v && a->row > b->row);
}

/* Puts `item` where the heap's root is gone; the root is the weakest of all. */
static void sink(gbt_ranked *heap, int64_t n, gbt_ranked item)
{
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && is_weaker(&heap[child + 1], &heap[child]);
        if (!is_weaker(&heap[child], &item)) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void rise(gbt_ranked *heap, int64_t at, gbt_ranked item)
{
    for (int64_t parent; at > 0 && is_weaker(&item, &heap[parent = (at - 1) / 2]); at = parent) {
        heap[at] = heap[parent];
    }
    heap[at] = item;
}

/* Keeps the k strongest of all items that were offered. */
static void offer(gbt_ranked *heap, int64_t k, int64_t *n, gbt_ranked item)
{
    if (*n < k) {
        rise(heap, (*n)++, item);
    } else if (is_weaker(&heap[0], &item)) {
        sink(heap, k, item);
    }
}

/* The strongest first: the weakest goes to the end again and again. */
static void sort_heap(gbt_ranked *heap, int64_t n)
{
    while (n > 1) {
        const gbt_ranked weakest = heap[0], last = heap[--n];
        sink(heap, n, last);
        heap[n] = weakest;
    }
}

static void print_kind(gbt_influence_table *table, int64_t target, gbt_ranked *heap, int64_t n)
{
    sort_heap(heap, n);
    for (int64_t i = 0; i < n; i++) {
        print_line(table, target, i + 1, &heap[i]);
    }
}

/* The value of a row comes from one of the two arrays. */
static void add_rows(gbt_influence_table *table, int64_t target, const float *narrow,
                     const double *wide)
{
    gbt_ranked *helpful = table->room, *harmful = table->room + table->k;
    int64_t n_helpful = 0, n_harmful = 0;
    for (int64_t row = 0; row < table->n_rows; row++) {
        const gbt_ranked item = {wide ? wide[row] : (double)narrow[row], row};
        if (table->k == 0) {
            table->room[row] = item;
        } else if (item.value > 0.0) {
            offer(helpful, table->k, &n_helpful, item);
        } else if (item.value < 0.0) {
            offer(harmful, table->k, &n_harmful, item);
        }
    }
    if (table->k == 0) {
        qsort(table->room, (size_t)table->n_rows, sizeof *table->room, compare_ranked);
        for (int64_t i = 0; i < table->n_rows; i++) {
            print_line(table, target, i + 1, &table->room[i]);
        }
        return;
    }
    print_kind(table, target, helpful, n_helpful);
    print_kind(table, target, harmful, n_harmful);
}

void gbt_influence_table_add(gbt_influence_table *table, int64_t target, const float *value)
{
    add_rows(table, target, value, NULL);
}

void gbt_influence_table_add_sums(gbt_influence_table *table, const double *value)
{
    add_rows(table, -1, NULL, value);
}

void gbt_influence_table_add_top(gbt_influence_table *table, int64_t target, const int64_t *row,
                                 const float *value)
{
    for (int64_t i = 0; i < 2 * table->k; i++) {
        const gbt_ranked item = {(double)value[i], row[i]};
        const bool is_meant = i < table->k ? item.value > 0.0 : item.value < 0.0;
        if (is_meant) {
            print_line(table, target, i % table->k + 1, &item);
        }
    }
}
