/* Which column of a table has which role: by the keys of [data] or by the schema of a model, and
 * how a reader has to read it. Cost: a comparison of names for each column and key. */
#include "gbt/data/roles.h"

#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/names.h"

enum { MAX_SPARSE = 1 << 24, NAME_BYTES = 12 };

/* ---- What the keys ask for ------------------------------------------------------------------- */

/* One column of one role, as the configuration names it. */
typedef struct gbt_role_wish {
    gbt_slice item;
    const char *key;
    gbt_column_role role;
    bool is_required;
    bool is_name; /* as the schema remembers it: digits are a name too */
} wish;

static const char *const default_labels[] = {"label", "target", "y"};
enum { N_DEFAULT_LABELS = 3 };

static gbt_status add_wish(gbt_role_plan *plan, wish added)
{
    if (plan->n == plan->capacity) {
        const int32_t larger = 2 * plan->capacity + 16;
        wish *grown = gbt_grow(plan->wish, plan->n, larger, sizeof *grown);
        GBT_TRY(grown ? GBT_OK : GBT_ERR_MEMORY);
        plan->wish = grown;
        plan->capacity = larger;
    }
    plan->wish[plan->n++] = added;
    return GBT_OK;
}

/* One wish for the whole value, or for each part of a list; `like` has the rest. */
static gbt_status add_wishes(gbt_role_plan *plan, const char *value, bool is_list, wish like)
{
    gbt_slice rest = gbt_slice_of(value);
    while (rest.size > 0) {
        like.item = rest;
        if (is_list && !gbt_slice_next(&rest, ',', &like.item)) {
            break;
        }
        like.item = gbt_slice_trim(like.item);
        GBT_TRY(add_wish(plan, like));
        rest.size = is_list ? rest.size : 0;
    }
    return GBT_OK;
}

/* The key if it is set, else what the schema remembers. */
static gbt_status plan_role(gbt_role_plan *plan, const char *value, const char *key,
                            gbt_column_role role, bool is_needed_with_schema)
{
    const bool is_list =
        role == GBT_ROLE_LABEL || role == GBT_ROLE_INIT_SCORE || role == GBT_ROLE_IGNORED;
    wish like = {
        .key = key, .role = role, .is_required = plan->schema == NULL || is_needed_with_schema};
    if (value[0] == '\0' && plan->schema != NULL) {
        like.is_required = false;
        like.is_name = true;
        value = plan->schema->role[role];
    }
    return add_wishes(plan, value, is_list, like);
}

static bool is_meant(const wish *wish_, const char *name, int32_t index)
{
    return wish_->is_name ? gbt_slice_equal(wish_->item, name)
                          : gbt_item_means(wish_->item, name, index);
}

gbt_status gbt_role_plan_open(const gbt_params *params, const gbt_schema *schema,
                              gbt_role_plan *plan)
{
    *plan = (gbt_role_plan){.params = params, .schema = schema};
    GBT_TRY(plan_role(plan, params->label, "label", GBT_ROLE_LABEL, false));
    GBT_TRY(plan_role(plan, params->weight, "weight", GBT_ROLE_WEIGHT, false));
    GBT_TRY(plan_role(plan, params->group, "group", GBT_ROLE_GROUP, false));
    GBT_TRY(plan_role(plan, params->task, "task", GBT_ROLE_TASK, false));
    GBT_TRY(plan_role(plan, params->init_score, "init_score", GBT_ROLE_INIT_SCORE, true));
    GBT_TRY(plan_role(plan, params->id, "id", GBT_ROLE_ID, true));
    GBT_TRY(plan_role(plan, params->ignore, "ignore", GBT_ROLE_IGNORED, false));
    return plan_role(plan, params->fold, "fold", GBT_ROLE_IGNORED, false);
}

void gbt_role_plan_close(gbt_role_plan *plan)
{
    gbt_release(plan->wish);
    *plan = (gbt_role_plan){0};
}

static gbt_column_role wished_role(const gbt_role_plan *plan, const char *name, int32_t index)
{
    for (int32_t i = 0; i < plan->n; i++) {
        if (is_meant(&plan->wish[i], name, index)) {
            return plan->wish[i].role;
        }
    }
    return GBT_ROLE_FEATURE;
}

static bool wishes_label(const gbt_role_plan *plan)
{
    return plan->n > 0 && plan->wish[0].role == GBT_ROLE_LABEL;
}

static bool is_default_label(const char *name)
{
    for (int i = 0; i < N_DEFAULT_LABELS; i++) {
        if (strcmp(name, default_labels[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const char *list, const char *name, int32_t index)
{
    gbt_slice rest = gbt_slice_of(list), item;
    while (gbt_slice_next(&rest, ',', &item)) {
        if (gbt_item_means(gbt_slice_trim(item), name, index)) {
            return true;
        }
    }
    return false;
}

/* ---- Kinds for the readers ------------------------------------------------------------------- */

static gbt_csv_kind kind_of_feature(const gbt_role_plan *plan, const char *name, int32_t index)
{
    if (plan->schema == NULL) {
        return is_listed(plan->params->categorical, name, index) ? GBT_CSV_TEXT : GBT_CSV_AUTO;
    }
    const int32_t feature = gbt_schema_find(plan->schema, gbt_slice_of(name));
    if (feature < 0) {
        return !wishes_label(plan) && is_default_label(name) ? GBT_CSV_AUTO : GBT_CSV_SKIP;
    }
    if (!plan->schema->is_categorical[feature]) {
        return GBT_CSV_NUMBER;
    }
    return plan->schema->dictionary[feature].n > 0 ? GBT_CSV_TEXT : GBT_CSV_AUTO;
}

gbt_csv_kind gbt_role_plan_kind(const gbt_role_plan *plan, const char *name, int32_t index)
{
    const gbt_schema *schema = plan->schema;
    switch (wished_role(plan, name, index)) {
    case GBT_ROLE_LABEL:
        return schema == NULL ? GBT_CSV_AUTO : schema->label.n > 0 ? GBT_CSV_TEXT : GBT_CSV_NUMBER;
    case GBT_ROLE_TASK:
        return schema == NULL ? GBT_CSV_AUTO : schema->task.n > 0 ? GBT_CSV_TEXT : GBT_CSV_NUMBER;
    case GBT_ROLE_WEIGHT:
    case GBT_ROLE_INIT_SCORE:
        return GBT_CSV_NUMBER;
    case GBT_ROLE_GROUP: /* as text: numbers of any length stay apart */
    case GBT_ROLE_ID:
        return GBT_CSV_TEXT;
    case GBT_ROLE_IGNORED:
        return GBT_CSV_SKIP;
    case GBT_ROLE_FEATURE:
    default:
        return kind_of_feature(plan, name, index);
    }
}

bool gbt_role_plan_is_category(const gbt_role_plan *plan, const char *name, int32_t index)
{
    const bool may_be_label = !wishes_label(plan) && is_default_label(name);
    return plan->schema == NULL && !may_be_label &&
           wished_role(plan, name, index) == GBT_ROLE_FEATURE;
}

/* ---- Roles of the columns that were read ----------------------------------------------------- */

static void free_roles(void *memory)
{
    gbt_roles *roles = memory;
    if (roles != NULL) {
        gbt_release(roles->role);
        gbt_release(roles->is_categorical);
        gbt_release(roles->label);
        gbt_release(roles->init_score);
        gbt_release(roles->name);
        gbt_release(roles->name_text);
        gbt_release(roles->id_text);
        gbt_release(roles);
    }
}

const gbt_roles *gbt_table_roles(const gbt_table *table)
{
    return table->roles;
}

int32_t gbt_roles_count(const gbt_roles *roles, gbt_column_role role)
{
    return role == GBT_ROLE_LABEL        ? roles->n_label
           : role == GBT_ROLE_INIT_SCORE ? roles->n_init_score
                                         : roles->column[role] >= 0;
}

int32_t gbt_roles_column(const gbt_roles *roles, gbt_column_role role, int32_t i)
{
    return role == GBT_ROLE_LABEL        ? roles->label[i]
           : role == GBT_ROLE_INIT_SCORE ? roles->init_score[i]
                                         : roles->column[role];
}

/* Names of the columns "label", f<index>, "qid". */
static gbt_status name_sparse(gbt_roles *roles, const gbt_sparse_rows *sparse)
{
    GBT_TRY(GBT_NEW(roles->name_text, (int64_t)sparse->n_columns * NAME_BYTES));
    roles->name[0] = "label";
    for (int32_t c = 0; c < sparse->n_columns; c++) {
        char *name = roles->name_text + (int64_t)c * NAME_BYTES;
        (void)snprintf(name, NAME_BYTES, "f%d", c + sparse->index_base);
        roles->name[c + 1] = name;
    }
    if (sparse->query != NULL) {
        roles->name[sparse->n_columns + 1] = "qid";
    }
    return GBT_OK;
}

/* Roles attached to the table, every column a feature so far. */
static gbt_status open_roles(gbt_table *table, int32_t n_wishes)
{
    const gbt_sparse_rows *sparse = table->sparse;
    gbt_roles *roles = NULL;
    GBT_TRY(GBT_NEW_ZERO(roles, 1));
    table->roles = roles;
    table->free_roles = free_roles;
    roles->n_columns =
        sparse != NULL ? 1 + sparse->n_columns + (sparse->query != NULL ? 1 : 0) : table->n_columns;
    for (int role = 0; role < GBT_N_ROLES; role++) {
        roles->column[role] = -1;
    }
    GBT_TRY(GBT_NEW_ZERO(roles->role, roles->n_columns));
    GBT_TRY(GBT_NEW_ZERO(roles->is_categorical, roles->n_columns));
    GBT_TRY(GBT_NEW(roles->name, roles->n_columns));
    GBT_TRY(GBT_NEW(roles->label, (int64_t)n_wishes + 1));
    GBT_TRY(GBT_NEW(roles->init_score, n_wishes));
    if (sparse != NULL) {
        return name_sparse(roles, sparse);
    }
    for (int32_t c = 0; c < table->n_columns; c++) {
        roles->name[c] = table->column[c].name;
        roles->is_categorical[c] = table->column[c].is_text;
    }
    return GBT_OK;
}

static const char *const role_name[GBT_N_ROLES] = {"a feature", "the label", "the weight",
                                                   "the group", "the task",  "an init score",
                                                   "the id",    "ignored"};

static gbt_status give_role(gbt_roles *roles, int32_t column, gbt_column_role role, const char *key)
{
    const gbt_column_role had = (gbt_column_role)roles->role[column];
    if (had != GBT_ROLE_FEATURE && !(had == GBT_ROLE_IGNORED && role == had)) {
        return gbt_fail(GBT_ERR_PARAM, "%s: column \"%s\" is %s already", key, roles->name[column],
                        role_name[had]);
    }
    roles->role[column] = (uint8_t)role;
    if (role == GBT_ROLE_LABEL) {
        roles->label[roles->n_label++] = column;
    } else if (role == GBT_ROLE_INIT_SCORE) {
        roles->init_score[roles->n_init_score++] = column;
    } else if (role != GBT_ROLE_IGNORED && roles->column[role] >= 0) {
        return gbt_fail(GBT_ERR_PARAM,
                        "%s: both \"%s\" and \"%s\" were named, one column is possible", key,
                        roles->name[roles->column[role]], roles->name[column]);
    }
    if (roles->column[role] < 0) {
        roles->column[role] = column;
    }
    return GBT_OK;
}

static gbt_status grant_wish(gbt_roles *roles, const wish *wish_, const char *path)
{
    int32_t column = -1;
    if (wish_->is_required) {
        GBT_TRY(
            gbt_item_find(wish_->key, wish_->item, roles->name, roles->n_columns, path, &column));
    } else {
        for (int32_t c = 0; c < roles->n_columns && column < 0; c++) {
            column = is_meant(wish_, roles->name[c], c) ? c : -1;
        }
    }
    return column < 0 ? GBT_OK : give_role(roles, column, wish_->role, wish_->key);
}

/* Without the key: the first of the usual names that is a column and nothing else. */
static gbt_status find_default_label(gbt_roles *roles, const gbt_schema *schema)
{
    for (int i = 0; i < N_DEFAULT_LABELS; i++) {
        const gbt_slice name = gbt_slice_of(default_labels[i]);
        for (int32_t c = 0; c < roles->n_columns; c++) {
            if (roles->role[c] == GBT_ROLE_FEATURE && gbt_slice_equal(name, roles->name[c]) &&
                (schema == NULL || gbt_schema_find(schema, name) < 0)) {
                return give_role(roles, c, GBT_ROLE_LABEL, "label");
            }
        }
    }
    return GBT_OK;
}

/* With a schema: what it does not know is ignored, what it needs must not have another role.
 * Without: the columns of the key `categorical` are features. */
static gbt_status settle_features(const gbt_role_plan *plan, gbt_roles *roles, const char *path)
{
    const gbt_schema *schema = plan->schema;
    for (int32_t c = 0; schema != NULL && c < roles->n_columns; c++) {
        const bool is_known = gbt_schema_find(schema, gbt_slice_of(roles->name[c])) >= 0;
        if (roles->role[c] == GBT_ROLE_FEATURE && !is_known) {
            roles->role[c] = GBT_ROLE_IGNORED;
        } else if (roles->role[c] != GBT_ROLE_FEATURE && is_known) {
            return gbt_fail(GBT_ERR_PARAM,
                            "column \"%s\" of %s cannot be %s: the model uses it as a feature",
                            roles->name[c], path, role_name[roles->role[c]]);
        }
    }
    gbt_slice rest = gbt_slice_of(schema == NULL ? plan->params->categorical : ""), item;
    while (gbt_slice_next(&rest, ',', &item)) {
        int32_t column = 0;
        GBT_TRY(gbt_item_find("categorical", gbt_slice_trim(item), roles->name, roles->n_columns,
                              path, &column));
        if (roles->role[column] != GBT_ROLE_FEATURE) {
            return gbt_fail(GBT_ERR_PARAM, "categorical: column \"%s\" is %s, not a feature",
                            roles->name[column], role_name[roles->role[column]]);
        }
        roles->is_categorical[column] = 1;
    }
    return GBT_OK;
}

/* Models remember the columns of a list by their names, with commas between. */
static gbt_status check_label_names(const gbt_roles *roles)
{
    for (int32_t i = 0; roles->n_label > 1 && i < roles->n_label; i++) {
        const char *name = roles->name[roles->label[i]];
        if (strchr(name, ',') != NULL) {
            return gbt_fail(GBT_ERR_PARAM,
                            "label: the name \"%s\" has a comma; one of several labels cannot",
                            name);
        }
    }
    return GBT_OK;
}

/* The texts of the id column; an empty one for a missing cell. */
static gbt_status collect_ids(gbt_table *table, gbt_roles *roles)
{
    static char nothing[] = "";
    const int32_t c = roles->column[GBT_ROLE_ID];
    if (c < 0) {
        return GBT_OK;
    }
    const gbt_table_column *column = &table->column[c];
    GBT_TRY(GBT_NEW(roles->id_text, table->n_rows));
    for (int64_t row = 0; row < table->n_rows; row++) {
        roles->id_text[row] =
            column->code[row] >= 0 ? column->dictionary.text[column->code[row]] : nothing;
    }
    return GBT_OK;
}

/* A libsvm file has its label and query numbers in fixed places, and no other role. */
static gbt_status assign_sparse(const gbt_role_plan *plan, gbt_roles *roles, const gbt_table *table)
{
    GBT_TRY(give_role(roles, 0, GBT_ROLE_LABEL, "label"));
    if (table->sparse->query != NULL) {
        GBT_TRY(give_role(roles, roles->n_columns - 1, GBT_ROLE_GROUP, "group"));
    }
    for (int32_t i = 0; i < plan->n; i++) {
        const wish *wish_ = &plan->wish[i];
        int32_t column = -1;
        if (wish_->role == GBT_ROLE_IGNORED) {
            GBT_TRY(grant_wish(roles, wish_, table->source));
        } else if (wish_->is_required) {
            GBT_TRY(gbt_item_find(wish_->key, wish_->item, roles->name, roles->n_columns,
                                  table->source, &column));
            if (column != roles->column[wish_->role]) {
                return gbt_fail(
                    GBT_ERR_PARAM,
                    "%s: \"%.*s\" of %s cannot be %s; libsvm files have a label and qid: only",
                    wish_->key, (int)wish_->item.size, wish_->item.data, table->source,
                    role_name[wish_->role]);
            }
        }
    }
    return settle_features(plan, roles, table->source);
}

gbt_status gbt_role_plan_assign(const gbt_role_plan *plan, gbt_table *table)
{
    if (table->sparse != NULL && table->sparse->n_columns >= MAX_SPARSE) {
        return gbt_fail(GBT_ERR_DATA, "%s: index %d is too large; 2^24 features are possible",
                        table->source, table->sparse->n_columns - 1 + table->sparse->index_base);
    }
    GBT_TRY(open_roles(table, plan->n));
    gbt_roles *roles = table->roles;
    if (table->sparse != NULL) {
        return assign_sparse(plan, roles, table);
    }
    for (int32_t i = 0; i < plan->n; i++) {
        GBT_TRY(grant_wish(roles, &plan->wish[i], table->source));
    }
    if (!wishes_label(plan)) {
        GBT_TRY(find_default_label(roles, plan->schema));
    }
    GBT_TRY(check_label_names(roles));
    GBT_TRY(settle_features(plan, roles, table->source));
    return collect_ids(table, roles);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

gbt_status gbt_missing_tokens_open(const char *list, gbt_missing_tokens *tokens)
{
    *tokens = (gbt_missing_tokens){.text = gbt_copy_text(list)};
    GBT_TRY(tokens->text ? GBT_OK : GBT_ERR_MEMORY);
    GBT_TRY(GBT_NEW(tokens->token, (int64_t)strlen(list) + 1));
    for (char *at = tokens->text; at != NULL && *at != '\0';) {
        tokens->token[tokens->n++] = at;
        at = strchr(at, ',');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    return GBT_OK;
}

void gbt_missing_tokens_close(gbt_missing_tokens *tokens)
{
    gbt_release(tokens->text);
    gbt_release(tokens->token);
    *tokens = (gbt_missing_tokens){0};
}
