/* Names, kinds and dictionaries of the columns: life, look-up, binary form. Does not decide which
 * column has which role; that is columns.c. Look-up by name costs a binary search once sealed. */
#include "gbt/data/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/alloc.h"

enum { MAX_FEATURES = 1 << 24, MAX_TEXTS = 1 << 30 };

gbt_status gbt_schema_create(int32_t n_features, gbt_schema **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_schema *schema = NULL;
    GBT_TRY(GBT_NEW_ZERO(schema, 1));
    schema->references = 1;
    schema->n_features = n_features;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(schema->name, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(schema->is_categorical, n_features));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(schema->dictionary, n_features));
    for (int role = 0; role < GBT_N_ROLES; role++) {
        schema->role[role] = gbt_copy_text("");
        GBT_TRY_OR_DONE(schema->role[role] ? GBT_OK : GBT_ERR_MEMORY);
    }
    *out = schema;
    return GBT_OK;
done:
    gbt_schema_release(schema);
    return status;
}

gbt_schema *gbt_schema_retain(gbt_schema *schema)
{
    __atomic_add_fetch(&schema->references, 1, __ATOMIC_RELAXED);
    return schema;
}

static void close_labels(gbt_schema *schema)
{
    for (int32_t i = 0; schema->label_name != NULL && i < schema->n_labels; i++) {
        gbt_release(schema->label_name[i]);
    }
    gbt_release(schema->label_name);
    schema->label_name = NULL;
    schema->n_labels = 0;
}

void gbt_schema_release(gbt_schema *schema)
{
    if (schema == NULL || __atomic_sub_fetch(&schema->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (int32_t f = 0; f < schema->n_features; f++) {
        if (schema->name != NULL) {
            gbt_release(schema->name[f]);
        }
        if (schema->dictionary != NULL) {
            gbt_dictionary_close(&schema->dictionary[f]);
        }
    }
    for (int role = 0; role < GBT_N_ROLES; role++) {
        gbt_release(schema->role[role]);
    }
    gbt_dictionary_close(&schema->label);
    gbt_dictionary_close(&schema->task);
    close_labels(schema);
    gbt_release(schema->name);
    gbt_release(schema->is_categorical);
    gbt_release(schema->dictionary);
    gbt_release(schema->by_name);
    gbt_release(schema);
}

/* ---- Names ----------------------------------------------------------------------------------- */

typedef struct named {
    const char *name;
    int32_t feature;
} named;

static int compare_named(const void *a, const void *b)
{
    const named *left = a, *right = b;
    const int order = strcmp(left->name, right->name);
    return order != 0 ? order : left->feature < right->feature ? -1 : 1;
}

/* The names in role[LABEL] when there are several. */
static gbt_status name_labels(gbt_schema *schema)
{
    const char *list = schema->role[GBT_ROLE_LABEL];
    int32_t n = 1;
    for (const char *at = strchr(list, ','); at != NULL; at = strchr(at + 1, ',')) {
        n++;
    }
    close_labels(schema);
    if (n == 1) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW_ZERO(schema->label_name, n));
    schema->n_labels = n;
    for (int32_t i = 0; i < n; i++) {
        const size_t length = strcspn(list, ",");
        char *name = gbt_alloc((int64_t)length + 1, 1);
        GBT_TRY(name ? GBT_OK : GBT_ERR_MEMORY);
        memcpy(name, list, length);
        name[length] = '\0';
        schema->label_name[i] = name;
        list += length + 1;
    }
    return GBT_OK;
}

gbt_status gbt_schema_seal(gbt_schema *schema)
{
    GBT_TRY(name_labels(schema));
    gbt_status status = GBT_OK;
    const int32_t n = schema->n_features;
    named *sorted = NULL;
    int32_t *by_name = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(sorted, n));
    GBT_TRY_OR_DONE(GBT_NEW(by_name, n));
    for (int32_t f = 0; f < n; f++) {
        if (schema->name[f] == NULL || schema->name[f][0] == '\0') {
            status = gbt_fail(GBT_ERR_ARGUMENT, "feature %d has no name", f);
            goto done;
        }
        sorted[f] = (named){schema->name[f], f};
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_named);
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(sorted[i].name, sorted[i - 1].name) == 0) {
            status = gbt_fail(GBT_ERR_ARGUMENT,
                              "features %d and %d are both called \"%s\"; names must differ",
                              sorted[i - 1].feature, sorted[i].feature, sorted[i].name);
            goto done;
        }
        by_name[i] = sorted[i].feature;
    }
    gbt_release(schema->by_name);
    schema->by_name = by_name;
    by_name = NULL;
done:
    gbt_release(sorted);
    gbt_release(by_name);
    return status;
}

int32_t gbt_schema_find(const gbt_schema *schema, gbt_slice name)
{
    if (schema->by_name == NULL) {
        for (int32_t f = 0; f < schema->n_features; f++) {
            if (schema->name[f] != NULL && gbt_slice_equal(name, schema->name[f])) {
                return f;
            }
        }
        return -1;
    }
    int32_t low = 0, high = schema->n_features;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        const int32_t feature = schema->by_name[middle];
        const int order = gbt_slice_compare(gbt_slice_of(schema->name[feature]), name);
        if (order == 0) {
            return feature;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -1;
}

/* ---- Dictionaries and size ------------------------------------------------------------------- */

gbt_status gbt_dictionary_copy(const gbt_dictionary *from, gbt_dictionary *out)
{
    *out = (gbt_dictionary){0};
    gbt_slice *text = NULL;
    GBT_TRY(GBT_NEW(text, from->n));
    for (int32_t i = 0; i < from->n; i++) {
        text[i] = gbt_slice_of(from->text[i]);
    }
    const gbt_status status = gbt_dictionary_open(out, text, from->n);
    gbt_release(text);
    return status;
}

static int64_t dictionary_bytes(const gbt_dictionary *dictionary)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < dictionary->n; i++) {
        bytes += (int64_t)(sizeof(char *) + strlen(dictionary->text[i]) + 1);
    }
    return bytes;
}

int64_t gbt_schema_bytes(const gbt_schema *schema)
{
    int64_t bytes = (int64_t)sizeof *schema + dictionary_bytes(&schema->label) +
                    dictionary_bytes(&schema->task);
    for (int32_t f = 0; f < schema->n_features; f++) {
        bytes += (int64_t)(sizeof(char *) + sizeof(gbt_dictionary) + sizeof(int32_t) + 1);
        bytes += (int64_t)strlen(schema->name[f]) + 1 + dictionary_bytes(&schema->dictionary[f]);
    }
    return bytes;
}

/* ---- Binary form ----------------------------------------------------------------------------- */

static void write_dictionary(gbt_writer *writer, const gbt_dictionary *dictionary)
{
    gbt_write_u64(writer, (uint64_t)dictionary->n);
    for (int32_t i = 0; i < dictionary->n; i++) {
        gbt_write_text(writer, dictionary->text[i]);
    }
}

void gbt_schema_write(gbt_writer *writer, const gbt_schema *schema)
{
    gbt_write_u64(writer, (uint64_t)schema->n_features);
    gbt_write_u8(writer, schema->is_sparse ? 1 : 0);
    gbt_write_i32(writer, schema->index_base);
    for (int role = 0; role < GBT_N_ROLES; role++) {
        gbt_write_text(writer, schema->role[role]);
    }
    write_dictionary(writer, &schema->label);
    write_dictionary(writer, &schema->task);
    for (int32_t f = 0; f < schema->n_features; f++) {
        gbt_write_text(writer, schema->name[f]);
        gbt_write_u8(writer, schema->is_categorical[f]);
        write_dictionary(writer, &schema->dictionary[f]);
    }
}

static gbt_status read_dictionary(gbt_reader *reader, gbt_dictionary *out)
{
    gbt_status status = GBT_OK;
    const int32_t n = (int32_t)gbt_read_count(reader, MAX_TEXTS, 4);
    GBT_TRY(reader->status);
    char **text = NULL;
    gbt_slice *slice = NULL;
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(text, n));
    GBT_TRY_OR_DONE(GBT_NEW(slice, n));
    for (int32_t i = 0; i < n; i++) {
        text[i] = gbt_read_text(reader);
        GBT_TRY_OR_DONE(reader->status);
        slice[i] = gbt_slice_of(text[i]);
        if (i > 0 && gbt_slice_compare(slice[i - 1], slice[i]) >= 0) {
            status = gbt_reader_fail(reader, "texts of a dictionary are not in order");
            goto done;
        }
    }
    GBT_TRY_OR_DONE(gbt_dictionary_open(out, slice, n));
done:
    for (int32_t i = 0; text != NULL && i < n; i++) {
        gbt_release(text[i]);
    }
    gbt_release(text);
    gbt_release(slice);
    return status;
}

static gbt_status read_feature(gbt_reader *reader, gbt_schema *schema, int32_t feature)
{
    schema->name[feature] = gbt_read_text(reader);
    GBT_TRY(reader->status);
    const uint8_t kind = gbt_read_u8(reader);
    GBT_TRY(reader->status);
    if (kind > 1) {
        return gbt_reader_fail(reader, "feature %d has the unknown kind %d", feature, kind);
    }
    schema->is_categorical[feature] = kind;
    GBT_TRY(read_dictionary(reader, &schema->dictionary[feature]));
    if (kind == 0 && schema->dictionary[feature].n > 0) {
        return gbt_reader_fail(reader, "feature %d is numeric but has texts", feature);
    }
    return GBT_OK;
}

gbt_status gbt_schema_read(gbt_reader *reader, gbt_schema **out)
{
    *out = NULL;
    gbt_status status = GBT_OK;
    gbt_schema *schema = NULL;
    const int32_t n = (int32_t)gbt_read_count(reader, MAX_FEATURES, 13);
    GBT_TRY(reader->status);
    GBT_TRY_OR_DONE(gbt_schema_create(n, &schema));
    const uint8_t sparse = gbt_read_u8(reader);
    schema->is_sparse = sparse == 1;
    schema->index_base = gbt_read_i32(reader);
    GBT_TRY_OR_DONE(reader->status);
    if (sparse > 1 || schema->index_base < 0 || schema->index_base > 1) {
        status = gbt_reader_fail(reader, "the form of the training file is unknown");
        goto done;
    }
    for (int role = 0; role < GBT_N_ROLES; role++) {
        gbt_release(schema->role[role]);
        schema->role[role] = gbt_read_text(reader);
        GBT_TRY_OR_DONE(reader->status);
    }
    GBT_TRY_OR_DONE(read_dictionary(reader, &schema->label));
    GBT_TRY_OR_DONE(read_dictionary(reader, &schema->task));
    for (int32_t f = 0; f < n; f++) {
        GBT_TRY_OR_DONE(read_feature(reader, schema, f));
    }
    status = gbt_schema_seal(schema);
    if (status == GBT_ERR_ARGUMENT) {
        status = gbt_reader_fail(reader, "two features have the same name, or one has none");
    }
    GBT_TRY_OR_DONE(status);
    *out = schema;
    schema = NULL;
done:
    gbt_schema_release(schema);
    return status;
}
