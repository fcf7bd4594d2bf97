/* The plan of roles: what the keys of [data] and the schema of a model want of the columns, before
 * and after a reader has read them. */
#ifndef GBT_DATA_ROLES_H
#define GBT_DATA_ROLES_H

#include "datasets/csv.h"
#include "gbt/data/columns.h"

typedef struct gbt_role_plan {
    const gbt_params *params;
    const gbt_schema *schema;   /* or NULL */
    struct gbt_role_wish *wish; /* [n] */
    int32_t n, capacity;
} gbt_role_plan;

/* Both arguments are borrowed until the plan is closed, which is due after a failure too. */
gbt_status gbt_role_plan_open(const gbt_params *, const gbt_schema *, gbt_role_plan *);
void gbt_role_plan_close(gbt_role_plan *);

/* How the column is to be read. */
gbt_csv_kind gbt_role_plan_kind(const gbt_role_plan *, const char *name, int32_t index);

/* Whether a column of codes that was not asked for otherwise is a feature that becomes text. */
bool gbt_role_plan_is_category(const gbt_role_plan *, const char *name, int32_t index);

/* Attaches the roles to a table that was read. ERR_PARAM: no such column, or two roles of one. */
gbt_status gbt_role_plan_assign(const gbt_role_plan *, gbt_table *);

/* The tokens of the key `missing`, taken apart. */
typedef struct gbt_missing_tokens {
    char *text;         /* owned */
    const char **token; /* [n] into `text` */
    int32_t n;
} gbt_missing_tokens;

/* Due to be closed after a failure too. */
gbt_status gbt_missing_tokens_open(const char *list, gbt_missing_tokens *);
void gbt_missing_tokens_close(gbt_missing_tokens *);

#endif
