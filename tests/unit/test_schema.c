/* Schemas: look-up, binary form, and every way in which the binary form can be wrong. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/data/schema.h"
#include "tests/support/gtest_c.h"

/* Features "b", "a", "colour" (red, green); label texts no, yes; task texts t. */
static gbt_schema *sample_schema(void)
{
    static const char *const names[3] = {"b", "a", "colour"};
    const gbt_slice colours[2] = {gbt_slice_of("green"), gbt_slice_of("red")};
    const gbt_slice labels[2] = {gbt_slice_of("no"), gbt_slice_of("yes")};
    const gbt_slice tasks[1] = {gbt_slice_of("t")};
    gbt_schema *schema = NULL;
    bool is_made = gbt_schema_create(3, &schema) == GBT_OK;
    for (int f = 0; is_made && f < 3; f++) {
        schema->name[f] = gbt_copy_text(names[f]);
    }
    is_made = is_made && gbt_dictionary_open(&schema->dictionary[2], colours, 2) == GBT_OK &&
              gbt_dictionary_open(&schema->label, labels, 2) == GBT_OK &&
              gbt_dictionary_open(&schema->task, tasks, 1) == GBT_OK;
    if (is_made) {
        schema->is_categorical[2] = 1;
        schema->index_base = 1;
        schema->is_sparse = true;
        gbt_release(schema->role[GBT_ROLE_LABEL]);
        schema->role[GBT_ROLE_LABEL] = gbt_copy_text("sold");
        is_made = gbt_schema_seal(schema) == GBT_OK;
    }
    EXPECT_C_TRUE(is_made);
    return schema;
}

TEST_C(Schema, FeaturesAreFoundByNameBeforeAndAfterSealing)
{
    gbt_schema *schema = sample_schema();
    for (int sealed = 1; sealed >= 0; sealed--) {
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("b")), 0);
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("a")), 1);
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("colour")), 2);
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("colou")), -1);
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("")), -1);
        EXPECT_C_EQ_INT(gbt_schema_find(schema, gbt_slice_of("z")), -1);
        gbt_release(schema->by_name);
        schema->by_name = NULL;
    }
    gbt_schema_release(schema);
}

TEST_C(Schema, RepeatedAndEmptyNamesAreRefused)
{
    gbt_schema *schema = sample_schema();
    gbt_release(schema->name[1]);
    schema->name[1] = gbt_copy_text("b");
    EXPECT_C_STATUS(gbt_schema_seal(schema), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "features 0 and 1 are both called \"b\"");
    schema->name[1][0] = '\0';
    EXPECT_C_STATUS(gbt_schema_seal(schema), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "feature 1 has no name");
    gbt_schema_release(schema);
}

TEST_C(Schema, TheLastReferenceFrees)
{
    gbt_schema *schema = sample_schema();
    EXPECT_C_TRUE(gbt_schema_retain(schema) == schema);
    gbt_schema_release(schema);
    EXPECT_C_EQ_TEXT(schema->name[0], "b");
    gbt_schema_release(schema);
    gbt_schema_release(NULL);
}

TEST_C(Schema, TheBinaryFormHoldsAllOfIt)
{
    gbt_schema *schema = sample_schema(), *copy = NULL;
    gbt_writer writer = {0}, again = {0};
    gbt_schema_write(&writer, schema);
    ASSERT_C_OK(writer.status);
    gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "test"};
    ASSERT_C_OK(gbt_schema_read(&reader, &copy));
    EXPECT_C_EQ_INT(reader.at, writer.size);
    EXPECT_C_EQ_INT(copy->n_features, 3);
    EXPECT_C_EQ_TEXT(copy->name[2], "colour");
    EXPECT_C_EQ_INT(copy->is_categorical[2], 1);
    EXPECT_C_EQ_INT(copy->dictionary[2].n, 2);
    EXPECT_C_EQ_TEXT(copy->dictionary[2].text[1], "red");
    EXPECT_C_EQ_TEXT(copy->label.text[0], "no");
    EXPECT_C_EQ_TEXT(copy->task.text[0], "t");
    EXPECT_C_EQ_TEXT(copy->role[GBT_ROLE_LABEL], "sold");
    EXPECT_C_EQ_TEXT(copy->role[GBT_ROLE_ID], "");
    EXPECT_C_TRUE(copy->is_sparse);
    EXPECT_C_EQ_INT(copy->index_base, 1);
    EXPECT_C_EQ_INT(gbt_schema_find(copy, gbt_slice_of("a")), 1);
    gbt_schema_write(&again, copy);
    EXPECT_C_EQ_INT(again.size, writer.size);
    EXPECT_C_EQ_BYTES(again.data, writer.data, writer.size);
    gbt_writer_close(&writer);
    gbt_writer_close(&again);
    gbt_schema_release(schema);
    gbt_schema_release(copy);
}

TEST_C(Schema, EveryTruncationIsAFormatError)
{
    gbt_schema *schema = sample_schema();
    gbt_writer writer = {0};
    gbt_schema_write(&writer, schema);
    for (size_t size = 0; size < writer.size; size++) {
        gbt_schema *copy = NULL;
        gbt_reader reader = {.data = writer.data, .size = size, .where = "test"};
        EXPECT_C_STATUS(gbt_schema_read(&reader, &copy), GBT_ERR_FORMAT);
        EXPECT_C_TRUE(copy == NULL);
    }
    gbt_writer_close(&writer);
    gbt_schema_release(schema);
}

/* Any byte may be wrong: the result is an error or a schema, never a crash (run under
 * sanitizers). */
TEST_C(Schema, DamagedBytesNeverCrash)
{
    gbt_schema *schema = sample_schema();
    gbt_writer writer = {0};
    gbt_schema_write(&writer, schema);
    int n_refused = 0;
    for (size_t at = 0; at < writer.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            gbt_schema *copy = NULL;
            writer.data[at] ^= (unsigned char)(1 << bit);
            gbt_reader reader = {.data = writer.data, .size = writer.size, .where = "test"};
            n_refused += gbt_schema_read(&reader, &copy) != GBT_OK;
            gbt_schema_release(copy);
            writer.data[at] ^= (unsigned char)(1 << bit);
        }
    }
    EXPECT_C_TRUE(n_refused > (int)writer.size);
    gbt_writer_close(&writer);
    gbt_schema_release(schema);
}
