/* A model as JSON [RFC8259]: one object with the header and a list of trees, each a flat list
 * of nodes, so that readers need no recursion however deep a tree is. Texts that are not UTF-8
 * are read as Latin-1, so the result always is valid JSON; numbers that JSON cannot hold (the
 * threshold of a split of present from missing values) are null. Cost: linear in nodes and
 * listed categories. */
#include <math.h>
#include <string.h>

#include "gbt/base/text.h"
#include "gbt/tree/model_dump.h"

/* ---- Values ---------------------------------------------------------------------------------- */

static void write_string(gbt_writer *writer, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    const bool is_utf8 = gbt_is_utf8(gbt_slice_of(text));
    gbt_write_u8(writer, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\') {
            gbt_write_u8(writer, '\\');
            gbt_write_u8(writer, *at);
        } else if (*at < ' ' || *at == 127 || (*at > 127 && !is_utf8)) {
            gbt_dump_text(writer, "\\u00");
            gbt_write_u8(writer, (uint8_t)hex[*at >> 4]);
            gbt_write_u8(writer, (uint8_t)hex[*at & 15]);
        } else {
            gbt_write_u8(writer, *at);
        }
    }
    gbt_write_u8(writer, '"');
}

static void write_real(gbt_writer *writer, float value)
{
    if (isfinite(value)) {
        gbt_dump_real(writer, value);
    } else {
        gbt_dump_text(writer, "null");
    }
}

/* `"key":`; `before` is what separates it from what came before. */
static void write_key(gbt_writer *writer, const char *before, const char *key)
{
    gbt_dump_text(writer, before);
    gbt_write_u8(writer, '"');
    gbt_dump_text(writer, key);
    gbt_dump_text(writer, "\":");
}

static void write_int_field(gbt_writer *writer, const char *before, const char *key, int64_t value)
{
    write_key(writer, before, key);
    gbt_dump_int(writer, value);
}

static void write_real_field(gbt_writer *writer, const char *key, float value)
{
    write_key(writer, ",", key);
    write_real(writer, value);
}

static void write_bool_field(gbt_writer *writer, const char *key, bool value)
{
    write_key(writer, ",", key);
    gbt_dump_text(writer, value ? "true" : "false");
}

/* ---- Trees ----------------------------------------------------------------------------------- */

static void emit_category(gbt_writer *writer, const char *text, int64_t code, int64_t index)
{
    gbt_dump_text(writer, index > 0 ? "," : "");
    if (text) {
        write_string(writer, text);
    } else {
        gbt_dump_int(writer, code);
    }
}

static void write_split(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                        int32_t node)
{
    write_int_field(writer, ",", "feature", tree->feature[node]);
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        write_key(writer, ",", "left_categories");
        gbt_dump_text(writer, "[");
        gbt_dump_categories(writer, model, tree, node, emit_category);
        gbt_dump_text(writer, "]");
    } else {
        write_real_field(writer, "threshold", tree->threshold[node]);
    }
    write_bool_field(writer, "missing_left", gbt_dump_missing_left(model, tree, node));
    write_int_field(writer, ",", "left", tree->left[node]);
    write_int_field(writer, ",", "right", tree->right[node]);
    write_real_field(writer, "gain", tree->gain[node]);
}

static void write_node(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                       int32_t node)
{
    write_int_field(writer, "{", "node", node);
    if (tree->feature[node] < 0) {
        write_int_field(writer, ",", "leaf", tree->left[node]);
    } else {
        write_split(writer, model, tree, node);
    }
    write_real_field(writer, "value", tree->value[node]);
    write_real_field(writer, "cover", tree->cover[node]);
    write_int_field(writer, ",", "rows", tree->rows[node]);
    gbt_dump_text(writer, "}");
}

static void write_trees(gbt_writer *writer, const gbt_model *model)
{
    write_key(writer, ",\n", "trees");
    gbt_dump_text(writer, "[");
    for (int32_t t = 0; t < model->n_trees; t++) {
        const gbt_tree *tree = model->trees[t];
        gbt_dump_text(writer, t > 0 ? ",\n" : "\n");
        write_int_field(writer, "{", "tree", t);
        write_int_field(writer, ",", "round", t / model->objective.n_outputs);
        write_int_field(writer, ",", "output", t % model->objective.n_outputs);
        write_int_field(writer, ",", "leaves", tree->n_leaves);
        write_key(writer, ",", "nodes");
        gbt_dump_text(writer, "[");
        for (int32_t node = 0; node < tree->n_nodes; node++) {
            gbt_dump_text(writer, node > 0 ? ",\n" : "\n");
            write_node(writer, model, tree, node);
        }
        gbt_dump_text(writer, "]}");
    }
    gbt_dump_text(writer, "]");
}

/* ---- Header ---------------------------------------------------------------------------------- */

static void write_features(gbt_writer *writer, const gbt_model *model)
{
    write_key(writer, ",\n", "features");
    gbt_dump_text(writer, "[");
    for (int32_t f = 0; f < model->schema->n_features; f++) {
        gbt_dump_text(writer, f > 0 ? "," : "");
        write_key(writer, "{", "name");
        write_string(writer, model->schema->name[f]);
        write_bool_field(writer, "categorical", model->schema->is_categorical[f] != 0);
        gbt_dump_text(writer, "}");
    }
    gbt_dump_text(writer, "]");
}

static void write_classes(gbt_writer *writer, const gbt_model *model)
{
    write_key(writer, ",\n", "classes");
    gbt_dump_text(writer, "[");
    for (int32_t c = 0; model->class_name && c < model->objective.n_classes; c++) {
        gbt_dump_text(writer, c > 0 ? "," : "");
        write_string(writer, model->class_name[c]);
    }
    gbt_dump_text(writer, "]");
}

/* The names of several labels, one for each output. */
static void write_labels(gbt_writer *writer, const gbt_model *model)
{
    const gbt_schema *schema = model->schema;
    if (schema->n_labels != model->objective.n_outputs) {
        return;
    }
    write_key(writer, ",\n", "labels");
    for (int32_t k = 0; k < schema->n_labels; k++) {
        gbt_dump_text(writer, k > 0 ? "," : "[");
        write_string(writer, schema->label_name[k]);
    }
    gbt_dump_text(writer, "]");
}

gbt_status gbt_model_write_json(gbt_writer *writer, const gbt_model *model)
{
    write_key(writer, "{", "objective");
    write_string(writer, model->objective.name);
    write_int_field(writer, ",\n", "outputs", model->objective.n_outputs);
    write_int_field(writer, ",\n", "rounds", gbt_model_rounds(model));
    write_int_field(writer, ",\n", "best_round", model->best_round);
    write_int_field(writer, ",\n", "train_rows", model->train_rows);
    write_key(writer, ",\n", "base_score");
    for (int32_t k = 0; k < model->objective.n_outputs; k++) {
        gbt_dump_text(writer, k > 0 ? "," : "[");
        write_real(writer, (float)model->base_score[k]);
    }
    gbt_dump_text(writer, "]");
    write_labels(writer, model);
    write_classes(writer, model);
    write_features(writer, model);
    write_trees(writer, model);
    gbt_dump_text(writer, "}\n");
    return writer->status;
}
