/* Roles of a table's columns, and a table seen through a schema: the only place where column
 * names of files meet the keys of [data].
 *
 * Columns of a dense table are those of the file, in order. Columns of a sparse one are "label",
 * then f<index in the file> for every index, then "qid" when the file has query numbers. */
#ifndef GBT_DATA_COLUMNS_H
#define GBT_DATA_COLUMNS_H

#include "datasets/table.h"
#include "gbt/data/schema.h"
#include "gbt/params/params.h"

/* Column numbers by role, -1 when there is none; kept in table->roles by gbt_table_read. */
typedef struct gbt_roles {
    int32_t n_columns;
    int32_t column[GBT_N_ROLES]; /* FEATURE and IGNORED unused; of several the first one */
    uint8_t *role;               /* [n_columns] gbt_column_role */
    uint8_t *is_categorical;     /* [n_columns] */
    int32_t *label;              /* [n_label] columns, in the order of the key */
    int32_t *init_score;         /* [n_init_score] the same */
    int32_t n_label, n_init_score;
    const char **name; /* [n_columns] borrowed from the table, or from `name_text` */
    char *name_text;   /* names of sparse columns, or NULL */
    char **id_text;    /* [n_rows] texts of the id column as in the file, or NULL */
} gbt_roles;

/* NULL: the table was not read by the functions here. */
const gbt_roles *gbt_table_roles(const gbt_table *);

/* Number of columns with a role (not FEATURE, not IGNORED): 0 or 1, more only for labels and init
 * scores; and the i-th of them. */
int32_t gbt_roles_count(const gbt_roles *, gbt_column_role);
int32_t gbt_roles_column(const gbt_roles *, gbt_column_role, int32_t i);

/* Reads a file as the keys of [data] say. With `schema` its features are read the way it needs
 * them and the other columns are left out; the roles that it names are optional then. max_rows
 * 0: all. This is gbt_table_read and gbt_table_preview without a model. */
gbt_status gbt_table_read_as(const gbt_params *, const char *path, const gbt_schema *schema,
                             int64_t max_rows, gbt_table **out);

/* How columns in memory are read: as gbt_table_read_as(), with these tokens for missing cells
 * instead of the key's unless NULL. */
typedef struct gbt_frame_request {
    const gbt_params *params;
    const gbt_schema *schema;
    const char *missing;
} gbt_frame_request;

/* These are gbt_table_from_columns and gbt_table_from_arrow without a model; the stream is
 * released in every case. */
gbt_status gbt_table_copy_columns(const gbt_frame_request *, const gbt_column *, int32_t n_columns,
                                  int64_t n_rows, gbt_table **out);
gbt_status gbt_table_copy_arrow(const gbt_frame_request *, struct ArrowArrayStream *,
                                gbt_table **out);

/* Feature values of rows [first, first + n) in the schema's order: matched by name, text through
 * the schema's dictionaries (unseen: NaN and counted), sparse rows scattered. out [n x
 * n_features]. Nothing fallible: gbt_view_open checked that every feature is there and has the
 * right kind. */
typedef struct gbt_view {
    const gbt_table *table;
    const gbt_schema *schema;
    int32_t *column;     /* [n_features] column of the table; dense only */
    int32_t **code_map;  /* [n_features] table code -> schema code (-1 unseen), or NULL: the same */
    int32_t *feature_of; /* sparse: [n_columns of sparse rows] feature or -1 */
    int64_t *unseen;     /* [n_features] cells with a category that the schema does not know */
    int64_t n_unseen;    /* all of them together */
} gbt_view;

/* ERR_DATA names the missing column, or the column of the wrong kind. Warns in the log about
 * categories that the schema does not know: column and number of cells. */
gbt_status gbt_view_open(const gbt_table *, const gbt_schema *, gbt_view *);
void gbt_view_close(gbt_view *);
void gbt_view_rows(const gbt_view *, int64_t first, int64_t n, float *out);

/* For unseen = error: ERR_DATA when n_unseen > 0, names the first such column. */
gbt_status gbt_view_refuse_unseen(const gbt_view *);

/* Labels of the table as the schema codes them: a text label through schema->label. out [n_rows x
 * gbt_view_width()]. ERR_DATA: no label, a missing label (row named), a text that the schema does
 * not know, a text among several labels. */
gbt_status gbt_view_label(const gbt_view *, float *out);
bool gbt_view_has_label(const gbt_view *);

/* Number of columns with the role: 0 or 1, more only for labels and init scores. */
int32_t gbt_view_width(const gbt_view *, gbt_column_role);
/* Number columns by role; false when the table has none. out [n_rows x gbt_view_width()]; NaN
 * stays NaN. For weights and init scores. */
bool gbt_view_numbers(const gbt_view *, gbt_column_role, float *out);
/* Groups and tasks: equal texts or numbers of the file have equal codes, out [n_rows]. Codes of
 * tasks are the file's numbers, or positions in schema->task. ERR_DATA: no such column, or a
 * cell without a code. */
gbt_status gbt_view_codes(const gbt_view *, gbt_column_role, int32_t *out);
/* Tasks, -1 for a text that the schema does not know. For this one a view with table and schema set
 * is open enough. */
gbt_status gbt_view_tasks(const gbt_view *, int32_t *out);

#endif
