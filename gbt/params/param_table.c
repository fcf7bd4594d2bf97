/* The table of params.def as rows, and the search in it: names, aliases, sections, ranges. Holds no
 * settings. Cost: a search compares every name; nothing here is called in a loop that matters. */
#include <stddef.h>
#include <string.h>

#include "gbt/params/params.h"

enum { SHOWN = 80 }; /* bytes of a user's text repeated in a message */

static const gbt_param_row rows[GBT_PARAM_COUNT] = {
#define GBT_PARAM(kind, section, name, fallback, range, in_model, aliases, doc) \
    {#section, #name,    GBT_KIND_##kind,           fallback, range, aliases,   \
     doc,      in_model, offsetof(gbt_params, name)},
#define GBT_VALUE(...)
#include "gbt/params/params.def"
};

static const gbt_param_value values[] = {
#define GBT_PARAM(...)
#define GBT_VALUE(key, constant, number, name, aliases) {GBT_KEY_##key, number, name, aliases},
#include "gbt/params/params.def"
};

enum { N_VALUES = sizeof values / sizeof values[0] };

/* One text for the ranges of all ENUM keys: every key starts with a zero byte, every value of it
 * follows as "|name". */
static const char value_names[] =
#define GBT_PARAM(...) "\0"
#define GBT_VALUE(key, constant, number, name, aliases) "|" name
#include "gbt/params/params.def"
    ;

/* Words that mean different things in different libraries. */
static const struct {
    const char *name, *explanation;
} ambiguous[] = {
    {"alpha",
     "in XGBoost it is the L1 penalty: write reg_alpha; in LightGBM it is the level of the "
     "quantile loss or the width of the Huber loss: write quantile or huber_delta"},
    {"gamma", "in XGBoost it is the least gain of a split: write min_split_gain; the loss of that "
              "name is objective = gamma"},
    {"lambda", "in XGBoost and LightGBM it is the L2 penalty: write reg_lambda; the L1 penalty is "
               "reg_alpha"},
};

/* Keys of the plan that this version does not have yet. */
static const char later[] =
    "boosting,booster,sampling,data_sample_strategy,sampling_method,bootstrap_type,goss_top,"
    "goss_other,top_rate,other_rate,dart_rate,dart_max,dart_skip,drop_rate,max_drop,skip_drop,"
    "monotone_constraints,monotonic_cst,mc,interaction_constraints,interaction_cst,linear_tree,"
    "ndcg_truncation,lambdarank_truncation_level,checkpoint,checkpoint_every,snapshot_file";

const gbt_param_row *gbt_param_row_of(int key)
{
    return &rows[key];
}

int gbt_param_count(void)
{
    return GBT_PARAM_COUNT;
}

static const char *range_of_enum(int key)
{
    const char *at = value_names + 1;
    for (int i = 0; i < key; i++) {
        at += strlen(at) + 1; /* over the text of key i and the zero byte that opens the next key */
    }
    return at + 1; /* without the first bar */
}

gbt_status gbt_param_describe(int index, gbt_param_info *out)
{
    static const char *const kind_names[] = {"int",  "int",  "bytes", "real", "bool",
                                             "enum", "text", "path",  "list", "list"};
    if (!out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_param_describe: a pointer is NULL");
    }
    if (index < 0 || index >= GBT_PARAM_COUNT) {
        return gbt_fail(GBT_ERR_ARGUMENT, "parameter %d does not exist: there are %d", index,
                        (int)GBT_PARAM_COUNT);
    }
    const gbt_param_row *row = &rows[index];
    *out = (gbt_param_info){
        .section = row->section,
        .name = row->name,
        .kind = kind_names[row->kind],
        .fallback = row->fallback,
        .range = row->kind == GBT_KIND_ENUM ? range_of_enum(index) : row->range,
        .aliases = row->aliases,
        .doc = row->doc,
    };
    return GBT_OK;
}

static bool list_has(const char *list, gbt_slice name, bool fold)
{
    gbt_slice rest = gbt_slice_of(list), part;
    while (gbt_slice_next(&rest, ',', &part)) {
        if (part.size != name.size) {
            continue;
        }
        char item[64];
        memcpy(item, part.data, part.size);
        item[part.size] = '\0';
        if (fold ? gbt_slice_equal_folded(name, item) : gbt_slice_equal(name, item)) {
            return true;
        }
    }
    return false;
}

const gbt_param_value *gbt_param_value_of(int key, int number)
{
    for (int i = 0; i < N_VALUES; i++) {
        if (values[i].key == key && values[i].number == number) {
            return &values[i];
        }
    }
    return NULL;
}

const gbt_param_value *gbt_param_value_find(int key, gbt_slice text)
{
    for (int i = 0; i < N_VALUES; i++) {
        if (values[i].key == key && (gbt_slice_equal_folded(text, values[i].name) ||
                                     list_has(values[i].aliases, text, true))) {
            return &values[i];
        }
    }
    return NULL;
}

/* ---- Nearest names --------------------------------------------------------------------------- */

typedef struct nearest {
    const char *wanted; /* zero-terminated copy of what the user typed */
    char name[64];      /* the most similar name so far */
    const char *owner;  /* canonical name behind it */
    int distance;
} nearest;

static void consider(nearest *best, gbt_slice name, const char *owner)
{
    char candidate[64];
    memcpy(candidate, name.data, name.size);
    candidate[name.size] = '\0';
    int distance = gbt_name_distance(best->wanted, candidate);
    if (!best->owner || distance < best->distance) {
        memcpy(best->name, candidate, name.size + 1);
        best->owner = owner;
        best->distance = distance;
    }
}

static void consider_all(nearest *best, const char *name, const char *aliases)
{
    consider(best, gbt_slice_of(name), name);
    gbt_slice rest = gbt_slice_of(aliases), part;
    while (gbt_slice_next(&rest, ',', &part)) {
        consider(best, part, name);
    }
}

/* A zero-terminated copy, cut to what fits; no name is that long. */
static void copy_name(gbt_slice name, char out[SHOWN])
{
    size_t size = name.size < SHOWN - 1 ? name.size : SHOWN - 1;
    if (size > 0) {
        memcpy(out, name.data, size);
    }
    out[size] = '\0';
}

static gbt_status fail_unknown(gbt_slice name)
{
    char wanted[SHOWN];
    copy_name(name, wanted);
    nearest best = {.wanted = wanted};
    for (int key = 0; key < GBT_PARAM_COUNT; key++) {
        consider_all(&best, rows[key].name, rows[key].aliases);
    }
    if (strcmp(best.name, best.owner) == 0) {
        return gbt_fail(GBT_ERR_PARAM, "unknown key \"%s\"; the nearest is %s", wanted, best.name);
    }
    return gbt_fail(GBT_ERR_PARAM, "unknown key \"%s\"; the nearest is %s (another name of %s)",
                    wanted, best.name, best.owner);
}

bool gbt_param_section_find(gbt_slice name, const char **nearest_section)
{
    char wanted[SHOWN];
    copy_name(name, wanted);
    nearest best = {.wanted = wanted};
    for (int key = 0; key < GBT_PARAM_COUNT; key++) {
        consider_all(&best, rows[key].section, "");
    }
    *nearest_section = best.owner;
    return gbt_slice_equal(name, best.owner);
}

/* ---- Search ---------------------------------------------------------------------------------- */

static int key_of(gbt_slice name)
{
    for (int key = 0; key < GBT_PARAM_COUNT; key++) {
        if (gbt_slice_equal(name, rows[key].name) || list_has(rows[key].aliases, name, false)) {
            return key;
        }
    }
    return -1;
}

static gbt_status lookup_bare(gbt_slice name, gbt_param_key *out)
{
    int key = key_of(name);
    if (key >= 0) {
        *out = (gbt_param_key)key;
        return GBT_OK;
    }
    for (size_t i = 0; i < sizeof ambiguous / sizeof ambiguous[0]; i++) {
        if (gbt_slice_equal(name, ambiguous[i].name)) {
            return gbt_fail(GBT_ERR_PARAM, "\"%s\" is ambiguous: %s", ambiguous[i].name,
                            ambiguous[i].explanation);
        }
    }
    if (list_has(later, name, false)) {
        return gbt_fail(GBT_ERR_PARAM, "\"%.*s\" is not in this version", (int)name.size,
                        name.data);
    }
    return fail_unknown(name);
}

gbt_status gbt_param_lookup(gbt_slice name, gbt_param_key *out)
{
    gbt_slice rest = name, section;
    if (!memchr(name.data ? name.data : "", '.', name.size)) {
        return lookup_bare(name, out);
    }
    gbt_slice_next(&rest, '.', &section);
    const char *suggestion;
    if (!gbt_param_section_find(section, &suggestion)) {
        char wanted[SHOWN];
        copy_name(section, wanted);
        return gbt_fail(GBT_ERR_PARAM, "unknown section \"%s\"; the nearest is %s", wanted,
                        suggestion);
    }
    gbt_param_key key;
    GBT_TRY(lookup_bare(rest, &key));
    if (!gbt_slice_equal(section, rows[key].section)) {
        return gbt_fail(GBT_ERR_PARAM, "%s is a key of section %s, not of %.*s", rows[key].name,
                        rows[key].section, (int)section.size, section.data);
    }
    *out = key;
    return GBT_OK;
}

gbt_status gbt_param_find(const char *key, int *index)
{
    if (!key || !index) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_param_find: a pointer is NULL");
    }
    gbt_param_key found;
    GBT_TRY(gbt_param_lookup(gbt_slice_trim(gbt_slice_of(key)), &found));
    *index = (int)found;
    return GBT_OK;
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

/* One alternative: "32" or "[3, 16]" with "(" and ")" for bounds that do not belong to it. */
static bool in_interval(gbt_slice text, double value)
{
    double low, high;
    if (gbt_parse_real(text, &low)) {
        return value == low;
    }
    bool open_low = text.data[0] == '(', open_high = text.data[text.size - 1] == ')';
    gbt_slice rest = {text.data + 1, text.size - 2}, part;
    gbt_slice_next(&rest, ',', &part);
    if (!gbt_parse_real(gbt_slice_trim(part), &low) ||
        !gbt_parse_real(gbt_slice_trim(rest), &high)) {
        return false;
    }
    return (open_low ? value > low : value >= low) && (open_high ? value < high : value <= high);
}

bool gbt_param_in_range(const char *range, double value)
{
    gbt_slice rest = gbt_slice_of(range), part;
    while (gbt_slice_next(&rest, '|', &part)) {
        if (in_interval(part, value)) {
            return true;
        }
    }
    return false;
}
