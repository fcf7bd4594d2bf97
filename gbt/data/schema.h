/* What the columns are: names, kinds, dictionaries of text categories, class texts of the label,
 * and which column of the file had which role. Shared by datasets and models; immutable once
 * built. */
#ifndef GBT_DATA_SCHEMA_H
#define GBT_DATA_SCHEMA_H

#include "datasets/table.h"
#include "gbt/base/bytes.h"
#include "gbt/base/status.h"

enum { GBT_N_ROLES = 8 };

typedef struct gbt_schema {
    int32_t n_features;
    char **name;             /* [n_features] distinct */
    uint8_t *is_categorical; /* [n_features] */
    gbt_dictionary
        *dictionary;      /* [n_features] texts of a text column (code = position), else n = 0 */
    gbt_dictionary label; /* texts of a text label: code = label value; n = 0: label is a number */
    gbt_dictionary task;  /* texts of a text task column: code = task number; n = 0: numbers */
    char *role
        [GBT_N_ROLES];  /* column names by gbt_column_role (several: joined by commas), "" none */
    bool is_sparse;     /* read from libsvm; names are f<index in the file> */
    int32_t index_base; /* of that file: 0 or 1 */
    int32_t *by_name;   /* [n_features] features by name, made by gbt_schema_seal, or NULL */
    char **label_name;  /* [n_labels] of several labels, made by gbt_schema_seal, or NULL */
    int32_t n_labels;
    int32_t references; /* atomic */
} gbt_schema;

/* All arrays zeroed, names NULL, one reference. */
gbt_status gbt_schema_create(int32_t n_features, gbt_schema **out);
/* Every name and role is set: sorts the names for gbt_schema_find and takes those of several labels
 * apart. ERR_ARGUMENT names an empty or repeated one. */
gbt_status gbt_schema_seal(gbt_schema *);
gbt_schema *gbt_schema_retain(gbt_schema *);
void gbt_schema_release(gbt_schema *);                       /* NULL is a no-op */
int32_t gbt_schema_find(const gbt_schema *, gbt_slice name); /* feature or -1 */
int64_t gbt_schema_bytes(const gbt_schema *);
void gbt_schema_write(gbt_writer *, const gbt_schema *);
gbt_status gbt_schema_read(gbt_reader *, gbt_schema **out); /* sealed */

/* A copy of another dictionary. */
gbt_status gbt_dictionary_copy(const gbt_dictionary *, gbt_dictionary *out);

#endif
