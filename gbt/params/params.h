/* Parameters inside the library: the struct made from params.def, one field per key, and what the
 * files of params/ and the model file need. Users see gbt_params_* and gbt_param_* of gbt.h.
 *
 * Code reads fields (`params->learning_rate`) and writes by gbt_params_set on a copy. Only the
 * constructors of data/, loss/, tree/ and train/ see this struct. */
#ifndef GBT_PARAMS_PARAMS_H
#define GBT_PARAMS_PARAMS_H

#include <stdbool.h>

#include "gbt/base/bytes.h"
#include "gbt/base/status.h"
#include "gbt/base/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Values of ENUM keys: GBT_OBJECTIVE_BINARY, GBT_GROW_POLICY_LEAFWISE, ... */
enum gbt_param_values {
#define GBT_PARAM(...)
#define GBT_VALUE(key, constant, number, name, aliases) GBT_##constant = (number),
#include "gbt/params/params.def"
    GBT_PARAM_VALUES_END = 0x7fffffff
};

/* Index of a key in the table: GBT_KEY_learning_rate, ... */
typedef enum gbt_param_key {
#define GBT_PARAM(kind, section, name, ...) GBT_KEY_##name,
#define GBT_VALUE(...)
#include "gbt/params/params.def"
    GBT_PARAM_COUNT
} gbt_param_key;

typedef enum gbt_param_kind {
    GBT_KIND_INT,
    GBT_KIND_INT64,
    GBT_KIND_BYTES,
    GBT_KIND_REAL,
    GBT_KIND_BOOL,
    GBT_KIND_ENUM,
    GBT_KIND_TEXT,
    GBT_KIND_PATH,
    GBT_KIND_LIST,
    GBT_KIND_PATHS /* texts come last */
} gbt_param_kind;

typedef int32_t gbt_field_INT;
typedef int64_t gbt_field_INT64;
typedef int64_t gbt_field_BYTES;
typedef double gbt_field_REAL;
typedef bool gbt_field_BOOL;
typedef int gbt_field_ENUM;
typedef char *gbt_field_TEXT; /* owned, never NULL, "" when unset; so are the other three */
typedef char *gbt_field_PATH;
typedef char *gbt_field_LIST; /* items separated by one comma, without spaces around them */
typedef char *gbt_field_PATHS;

struct gbt_params {
#define GBT_PARAM(kind, section, name, ...) gbt_field_##kind name;
#define GBT_VALUE(...)
#include "gbt/params/params.def"
    bool is_set[GBT_PARAM_COUNT]; /* by the caller or a file; false while the default stands */
};

/* One row of the table; static. */
typedef struct gbt_param_row {
    const char *section, *name;
    gbt_param_kind kind;
    const char *fallback, *range, *aliases, *doc;
    bool in_model;
    size_t offset; /* of the field in gbt_params */
} gbt_param_row;

const gbt_param_row *gbt_param_row_of(int key);

/* One value of an ENUM key; static. NULL when the key has no such value. */
typedef struct gbt_param_value {
    int key, number;
    const char *name, *aliases;
} gbt_param_value;

const gbt_param_value *gbt_param_value_of(int key, int number);
const gbt_param_value *gbt_param_value_find(int key, gbt_slice text); /* name or alias, any case */

/* Name, alias or "section.name" -> key. GBT_ERR_PARAM names the nearest key, or says why a bare
 * name is ambiguous or not in this version. */
gbt_status gbt_param_lookup(gbt_slice name, gbt_param_key *out);

/* True when `name` is a section; else `*nearest` is the most similar one. */
bool gbt_param_section_find(gbt_slice name, const char **nearest);

/* Whether the number satisfies the range column ("(0, 1]", "0|[3, 16]|32"). */
bool gbt_param_in_range(const char *range, double value);

/* gbt_params_set with the key looked up and the value as a slice. */
gbt_status gbt_params_assign(gbt_params *, gbt_param_key key, gbt_slice value);

/* gbt_params_load_ini for a text in memory; `path` names it in messages and gives the folder. */
gbt_status gbt_params_load_text(gbt_params *, gbt_slice text, const char *path);

/* The canonical text of a value as a new zero-terminated text; NULL when memory runs out. */
char *gbt_params_print(const gbt_params *, gbt_param_key key);

/* The keys that shape a model as a count and (name, canonical text) pairs in the order of the
 * table: equal settings give equal bytes. Reading starts from the defaults, so `*out` is complete
 * even if an older version wrote fewer keys; an unknown key or a bad value is GBT_ERR_FORMAT. Keys
 * read count as not set. */
gbt_status gbt_params_write(gbt_writer *, const gbt_params *);
gbt_status gbt_params_read(gbt_reader *, gbt_params **out);

#ifdef __cplusplus
}
#endif

#endif
