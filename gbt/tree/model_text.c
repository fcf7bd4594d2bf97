/* A model as indented text and as a Graphviz graph; the pieces that the JSON form shares. For
 * people: no program is meant to read these back. Cost: linear in nodes and listed categories. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/text.h"
#include "gbt/tree/model_dump.h"

enum { MOST_INDENT = 40 }; /* levels: a tree may be as deep as it has leaves */

/* ---- Pieces ---------------------------------------------------------------------------------- */

void gbt_dump_text(gbt_writer *writer, const char *text)
{
    gbt_write_bytes(writer, text, strlen(text));
}

void gbt_dump_int(gbt_writer *writer, int64_t value)
{
    char digits[24];
    int at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    gbt_write_bytes(writer, digits + at, sizeof digits - (size_t)at);
}

void gbt_dump_real(gbt_writer *writer, float value)
{
    char text[GBT_NUMBER_CHARS];
    gbt_write_bytes(writer, text, (size_t)gbt_print_f32(text, value));
}

static const uint32_t *set_of(const gbt_tree *tree, int32_t node)
{
    return tree->sets + (int64_t)tree->set[node] * GBT_SET_WORDS;
}

void gbt_dump_categories(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                         int32_t node, gbt_dump_category_fn emit)
{
    const int32_t feature = tree->feature[node];
    const gbt_dictionary *texts = &model->schema->dictionary[feature];
    const int64_t first = model->cuts->category_first[feature];
    const int64_t n = model->cuts->category_first[feature + 1] - first;
    int64_t index = 0;
    for (int64_t code = 0; code < n; code++) {
        if (gbt_set_has(set_of(tree, node), model->cuts->category_bin[first + code])) {
            emit(writer, code < texts->n ? texts->text[code] : NULL, code, index++);
        }
    }
}

bool gbt_dump_missing_left(const gbt_model *model, const gbt_tree *tree, int32_t node)
{
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        return gbt_set_has(set_of(tree, node), model->cuts->n_bins[tree->feature[node]]);
    }
    return (tree->flags[node] & GBT_NODE_MISSING_LEFT) != 0;
}

static void emit_category(gbt_writer *writer, const char *text, int64_t code, int64_t index)
{
    gbt_dump_text(writer, index > 0 ? ", " : "");
    if (text) {
        gbt_dump_text(writer, text);
    } else {
        gbt_dump_int(writer, code);
    }
}

/* "age <= 3.5", "age is present", "colour in {red, green}" */
static void write_condition(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                            int32_t node)
{
    gbt_dump_text(writer, model->schema->name[tree->feature[node]]);
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        gbt_dump_text(writer, " in {");
        gbt_dump_categories(writer, model, tree, node, emit_category);
        gbt_dump_text(writer, "}");
    } else if (isinf(tree->threshold[node])) {
        gbt_dump_text(writer, " is present");
    } else {
        gbt_dump_text(writer, " <= ");
        gbt_dump_real(writer, tree->threshold[node]);
    }
}

static void write_pair(gbt_writer *writer, const char *key, float value)
{
    gbt_dump_text(writer, key);
    gbt_dump_real(writer, value);
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void write_text_node(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                            int32_t node, int32_t depth)
{
    for (int32_t i = 0; i <= depth && i < MOST_INDENT; i++) {
        gbt_dump_text(writer, "  ");
    }
    gbt_dump_int(writer, node);
    if (tree->feature[node] < 0) {
        gbt_dump_text(writer, ": leaf ");
        gbt_dump_int(writer, tree->left[node]);
        write_pair(writer, " value=", tree->value[node]);
    } else {
        gbt_dump_text(writer, ": ");
        write_condition(writer, model, tree, node);
        gbt_dump_text(writer, " ? ");
        gbt_dump_int(writer, tree->left[node]);
        gbt_dump_text(writer, " : ");
        gbt_dump_int(writer, tree->right[node]);
        const bool left = gbt_dump_missing_left(model, tree, node);
        gbt_dump_text(writer, ", missing ");
        gbt_dump_int(writer, left ? tree->left[node] : tree->right[node]);
        write_pair(writer, ", gain=", tree->gain[node]);
    }
    write_pair(writer, " cover=", tree->cover[node]);
    gbt_dump_text(writer, " rows=");
    gbt_dump_int(writer, tree->rows[node]);
    gbt_dump_text(writer, "\n");
}

/* Depth first, left before right; `open` has room for node and depth of every node. */
static void write_text_tree(gbt_writer *writer, const gbt_model *model, const gbt_tree *tree,
                            int32_t *open)
{
    int32_t n = 1;
    open[0] = 0;
    open[1] = 0;
    while (n > 0) {
        n--;
        const int32_t node = open[2 * n], depth = open[2 * n + 1];
        write_text_node(writer, model, tree, node, depth);
        if (tree->feature[node] >= 0) {
            open[2 * n] = tree->right[node];
            open[2 * n + 2] = tree->left[node];
            open[2 * n + 1] = open[2 * n + 3] = depth + 1;
            n += 2;
        }
    }
}

static void write_tree_title(gbt_writer *writer, const gbt_model *model, int32_t number)
{
    gbt_dump_text(writer, "tree ");
    gbt_dump_int(writer, number);
    gbt_dump_text(writer, " (round ");
    gbt_dump_int(writer, number / model->objective.n_outputs);
    gbt_dump_text(writer, ", output ");
    gbt_dump_int(writer, number % model->objective.n_outputs);
    gbt_dump_text(writer, ", leaves ");
    gbt_dump_int(writer, model->trees[number]->n_leaves);
    gbt_dump_text(writer, ")");
}

static void write_title(gbt_writer *writer, const gbt_model *model)
{
    gbt_dump_text(writer, "objective ");
    gbt_dump_text(writer, model->objective.name);
    gbt_dump_text(writer, ", features ");
    gbt_dump_int(writer, model->schema->n_features);
    gbt_dump_text(writer, ", outputs ");
    gbt_dump_int(writer, model->objective.n_outputs);
    gbt_dump_text(writer, ", rounds ");
    gbt_dump_int(writer, gbt_model_rounds(model));
    gbt_dump_text(writer, ", base score");
    for (int32_t k = 0; k < model->objective.n_outputs; k++) {
        write_pair(writer, " ", (float)model->base_score[k]);
    }
    gbt_dump_text(writer, "\n");
}

gbt_status gbt_model_write_text(gbt_writer *writer, const gbt_model *model)
{
    write_title(writer, model);
    for (int32_t t = 0; t < model->n_trees; t++) {
        int32_t *open = NULL;
        GBT_TRY(GBT_NEW(open, 2 * (int64_t)model->trees[t]->n_nodes + 2));
        write_tree_title(writer, model, t);
        gbt_dump_text(writer, "\n");
        write_text_tree(writer, model, model->trees[t], open);
        gbt_release(open);
    }
    return writer->status;
}

/* ---- Dot ------------------------------------------------------------------------------------- */

/* Appends what `from` holds as the inside of a quoted label. */
static void write_quoted(gbt_writer *writer, const gbt_writer *from)
{
    for (size_t i = 0; i < from->size; i++) {
        const unsigned char c = from->data[i];
        if (c == '"' || c == '\\') {
            gbt_write_u8(writer, '\\');
        }
        gbt_write_u8(writer, c < ' ' ? ' ' : c);
    }
}

static void write_dot_id(gbt_writer *writer, int32_t number, int32_t node)
{
    gbt_dump_text(writer, "t");
    gbt_dump_int(writer, number);
    gbt_dump_text(writer, "_");
    gbt_dump_int(writer, node);
}

static void write_dot_edge(gbt_writer *writer, int32_t number, int32_t from, int32_t to,
                           const char *label)
{
    gbt_dump_text(writer, "    ");
    write_dot_id(writer, number, from);
    gbt_dump_text(writer, " -> ");
    write_dot_id(writer, number, to);
    gbt_dump_text(writer, " [label=\"");
    gbt_dump_text(writer, label);
    gbt_dump_text(writer, "\"];\n");
}

static void write_dot_node(gbt_writer *writer, const gbt_model *model, int32_t number, int32_t node)
{
    const gbt_tree *tree = model->trees[number];
    gbt_dump_text(writer, "    ");
    write_dot_id(writer, number, node);
    if (tree->feature[node] < 0) {
        write_pair(writer, " [shape=box, label=\"", tree->value[node]);
        gbt_dump_text(writer, "\"];\n");
        return;
    }
    gbt_writer label = {0};
    write_condition(&label, model, tree, node);
    gbt_dump_text(writer, " [label=\"");
    write_quoted(writer, &label);
    gbt_dump_text(writer, "\"];\n");
    if (label.status != GBT_OK && writer->status == GBT_OK) {
        writer->status = label.status;
    }
    gbt_writer_close(&label);
    const bool left = gbt_dump_missing_left(model, tree, node);
    write_dot_edge(writer, number, node, tree->left[node], left ? "yes, missing" : "yes");
    write_dot_edge(writer, number, node, tree->right[node], left ? "no" : "no, missing");
}

gbt_status gbt_model_write_dot(gbt_writer *writer, const gbt_model *model)
{
    gbt_dump_text(writer, "digraph model {\n");
    for (int32_t t = 0; t < model->n_trees; t++) {
        gbt_dump_text(writer, "  subgraph cluster_");
        gbt_dump_int(writer, t);
        gbt_dump_text(writer, " {\n    label=\"");
        write_tree_title(writer, model, t);
        gbt_dump_text(writer, "\";\n");
        for (int32_t node = 0; node < model->trees[t]->n_nodes; node++) {
            write_dot_node(writer, model, t, node);
        }
        gbt_dump_text(writer, "  }\n");
    }
    gbt_dump_text(writer, "}\n");
    return writer->status;
}

/* ---- Public ---------------------------------------------------------------------------------- */

gbt_status gbt_model_dump(const gbt_model *model, gbt_dump_format format, char **text, size_t *size)
{
    if (!model || !text || !size) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", !model ? "model" : !text ? "text" : "size");
    }
    *text = NULL;
    gbt_status status = GBT_OK;
    gbt_writer writer = {0};
    switch (format) {
    case GBT_DUMP_TEXT:
        GBT_TRY_OR_DONE(gbt_model_write_text(&writer, model));
        break;
    case GBT_DUMP_JSON:
        GBT_TRY_OR_DONE(gbt_model_write_json(&writer, model));
        break;
    case GBT_DUMP_DOT:
        GBT_TRY_OR_DONE(gbt_model_write_dot(&writer, model));
        break;
    default:
        return gbt_fail(GBT_ERR_ARGUMENT, "%d is not a gbt_dump_format", (int)format);
    }
    gbt_write_u8(&writer, 0);
    GBT_TRY_OR_DONE(writer.status);
    *text = (char *)writer.data;
    *size = writer.size - 1;
    writer = (gbt_writer){0};
done:
    gbt_writer_close(&writer);
    return status;
}
