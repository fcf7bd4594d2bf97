/* The first record of a CSV file: separator, number of columns, names, and whether it is a header.
 * Also the texts of all messages about malformed CSV, because the first record has the same
 * faults. */
#ifndef GBT_DATASETS_CSV_HEADER_H
#define GBT_DATASETS_CSV_HEADER_H

#include "datasets/csv.h"
#include "datasets/csv_cells.h"

typedef struct gbt_csv_header {
    int32_t n_columns;
    char **name; /* [n_columns] owned */
    bool is_present;
    size_t size; /* bytes before the first record of data, blank lines in front included */
} gbt_csv_header;

/* Reads it from a rewound source and makes the layout ready except for its targets. */
gbt_status gbt_csv_header_read(gbt_source *, const gbt_csv_options *, gbt_csv_layout *,
                               gbt_csv_header *out);
void gbt_csv_header_close(gbt_csv_header *);

/* GBT_ERR_FORMAT with file:line:column of a fault in data that begins with line `first_line`.
 * `name`: of the fault's column, or NULL. */
gbt_status gbt_csv_report(const char *file, const gbt_csv_fault *, const char *data,
                          int64_t first_line, int32_t n_columns, const char *name);

/* The text of a cell with doubled quotes made single; returns its size. `out` has room for the
 * cell. */
size_t gbt_csv_undouble(gbt_slice cell, char *out);

#endif
