/* Model files of boosted heads: kind HEAD, sections FRAM (the frame, a tree model file without
 * trees), PARA (the keys of [heads]), INPU (how columns become inputs), NETW (the network), LEAF
 * (the tree model of the leaves, empty without). And the calls that only look at a model. */
#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/sections.h"
#include "gbt/modules/heads_internal.h"
#include "gbt/modules/settings.h"

enum { FORMAT = 1, FRAME = 0, SETTINGS = 1, INPUTS = 2, NETWORK = 3, LEAVES = 4, N_SECTIONS = 5 };
enum { MOST_UNITS = 1 << 20, MOST_COLUMNS = 1 << 24 };

static void name_sections(gbt_section *section)
{
    static const gbt_section names[N_SECTIONS] = {{.tag = "FRAM", .name = "frame"},
                                                  {.tag = "PARA", .name = "parameters"},
                                                  {.tag = "INPU", .name = "inputs"},
                                                  {.tag = "NETW", .name = "network"},
                                                  {.tag = "LEAF", .name = "leaf model"}};
    memcpy(section, names, sizeof names);
}

/* ---- Life and looks -------------------------------------------------------------------------- */

void gbt_heads_free(gbt_heads *heads)
{
    if (heads != NULL) {
        gbt_model_free(heads->frame);
        gbt_params_free(heads->params);
        gbt_head_inputs_close(&heads->inputs);
        gbt_head_network_close(&heads->network);
        gbt_release(heads);
    }
}

const gbt_model *gbt_heads_frame(const gbt_heads *heads)
{
    return heads ? heads->frame : NULL;
}

gbt_status gbt_heads_shape(const gbt_heads *heads, gbt_heads_key key, int64_t *out)
{
    if (!heads || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_shape: %s is NULL", heads ? "out" : "heads");
    }
    const gbt_mlp_shape *s = &heads->network.shape;
    switch (key) {
    case GBT_HEADS_STEPS:
        *out = heads->network.n_steps;
        return GBT_OK;
    case GBT_HEADS_UNITS:
        *out = heads->network.n_units;
        return GBT_OK;
    case GBT_HEADS_INPUTS:
        *out = s->n_dense + s->n_slots;
        return GBT_OK;
    case GBT_HEADS_OUTPUTS:
        *out = s->n_outputs;
        return GBT_OK;
    case GBT_HEADS_BEST_STEP:
        *out = heads->best_step;
        return GBT_OK;
    }
    return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_shape: key %d is unknown", (int)key);
}

gbt_status gbt_heads_weights(const gbt_heads *heads, float *hidden_weight, float *hidden_bias,
                             float *out_weight, float *out_bias)
{
    if (!heads) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_weights: heads is NULL");
    }
    const gbt_head_network *net = &heads->network;
    const int64_t n_inputs = net->shape.n_dense + net->shape.n_slots;
    const int64_t n_outputs = net->shape.n_outputs;
    for (int32_t u = 0; u < net->n_units; u++) {
        for (int64_t i = 0; hidden_weight && i < n_inputs; i++) {
            hidden_weight[u * n_inputs + i] = *gbt_head_network_place(net, u, i);
        }
        if (hidden_bias) {
            hidden_bias[u] = net->bias[u];
        }
        for (int64_t k = 0; out_weight && k < n_outputs; k++) {
            out_weight[k * net->n_units + u] = (float)*gbt_head_network_out(net, u, k);
        }
    }
    for (int64_t k = 0; out_bias && k < n_outputs; k++) {
        out_bias[k] = (float)net->out_bias[net->n_steps * n_outputs + k];
    }
    return GBT_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_inputs(gbt_writer *w, const gbt_head_inputs *in)
{
    gbt_write_i32(w, in->n_features);
    gbt_write_u64(w, (uint64_t)in->n_dense);
    gbt_write_i32s(w, in->dense_column, in->n_dense);
    gbt_write_f64s(w, in->mean, in->n_dense);
    gbt_write_f64s(w, in->scale, in->n_dense);
    gbt_write_f64s(w, in->low, in->n_dense);
    gbt_write_f64s(w, in->high, in->n_dense);
    gbt_write_u64(w, (uint64_t)in->n_flags);
    gbt_write_i32s(w, in->flag_column, in->n_flags);
    gbt_write_u64(w, (uint64_t)in->n_categorical);
    for (int32_t c = 0; c < in->n_categorical; c++) {
        const int64_t start = in->code_start[c], n_codes = in->code_start[c + 1] - start;
        gbt_write_i32(w, in->categorical_column[c]);
        gbt_write_u8(w, in->has_missing[c]);
        gbt_write_u64(w, (uint64_t)n_codes);
        gbt_write_i32s(w, in->code + start, n_codes);
    }
}

static void write_network(gbt_writer *w, const gbt_heads *heads)
{
    const gbt_head_network *net = &heads->network;
    const gbt_mlp_shape *s = &net->shape;
    gbt_write_i32(w, (int32_t)s->activation);
    gbt_write_i32(w, s->n_units);
    gbt_write_i32(w, s->n_outputs);
    gbt_write_i32(w, net->n_steps);
    gbt_write_i32(w, heads->best_step);
    gbt_write_u64(w, (uint64_t)(s->n_dense + s->n_slots));
    for (int32_t u = 0; u < net->n_units; u++) {
        gbt_write_f32(w, net->bias[u]);
        for (int64_t i = 0; i < s->n_dense + s->n_slots; i++) {
            gbt_write_f32(w, *gbt_head_network_place(net, u, i));
        }
        for (int32_t k = 0; k < s->n_outputs; k++) {
            gbt_write_f64(w, *gbt_head_network_out(net, u, k));
        }
    }
    gbt_write_f64s(w, net->out_bias, ((int64_t)net->n_steps + 1) * s->n_outputs);
}

gbt_status gbt_heads_to_bytes(const gbt_heads *heads, void **data, size_t *size)
{
    gbt_status status = GBT_OK;
    gbt_writer part[N_SECTIONS] = {{0}}, file = {0};
    gbt_section section[N_SECTIONS];
    void *frame = NULL, *leaves = NULL;
    if (!heads || !data || !size) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_to_bytes: %s is NULL",
                        !heads  ? "heads"
                        : !data ? "data"
                                : "size");
    }
    *data = NULL;
    *size = 0;
    name_sections(section);
    GBT_TRY_OR_DONE(gbt_model_to_bytes(heads->frame, &frame, &section[FRAME].size));
    section[FRAME].data = frame;
    section[LEAVES].data = (const unsigned char *)"";
    if (heads->inputs.leaf_model) {
        GBT_TRY_OR_DONE(
            gbt_model_to_bytes(heads->inputs.leaf_model, &leaves, &section[LEAVES].size));
        section[LEAVES].data = leaves;
    }
    gbt_settings_write(&part[SETTINGS], heads->params, "heads");
    write_inputs(&part[INPUTS], &heads->inputs);
    write_network(&part[NETWORK], heads);
    for (int i = SETTINGS; i <= NETWORK; i++) {
        GBT_TRY_OR_DONE(part[i].status);
        section[i].data = part[i].data;
        section[i].size = part[i].size;
    }
    GBT_TRY_OR_DONE(gbt_sections_write(&file, GBT_KIND_HEADS, FORMAT, section, N_SECTIONS));
    *data = file.data;
    *size = file.size;
    file = (gbt_writer){0};
done:
    for (int i = 0; i < N_SECTIONS; i++) {
        gbt_writer_close(&part[i]);
    }
    gbt_writer_close(&file);
    gbt_memory_free(frame);
    gbt_memory_free(leaves);
    return status;
}

gbt_status gbt_heads_save(const gbt_heads *heads, const char *path)
{
    void *data = NULL;
    size_t size = 0;
    if (!path) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_save: path is NULL");
    }
    GBT_TRY(gbt_heads_to_bytes(heads, &data, &size));
    const gbt_status status = gbt_file_write(path, data, size);
    gbt_memory_free(data);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* `n` ascending columns of the frame, categorical or not as asked for. */
static gbt_status check_columns(gbt_reader *r, const gbt_model *frame, const int32_t *column,
                                int32_t n, int32_t n_features, int is_categorical)
{
    for (int32_t i = 0; i < n && r->status == GBT_OK; i++) {
        const int32_t before = i > 0 ? column[i - 1] : -1;
        if (column[i] <= before || column[i] >= n_features) {
            return gbt_reader_fail(r, "column %d is out of place", (int)column[i]);
        }
        if (gbt_model_feature_is_categorical(frame, column[i]) != is_categorical) {
            return gbt_reader_fail(r, "column %d is of another kind in the frame", (int)column[i]);
        }
    }
    return r->status;
}

static gbt_status read_numbers(gbt_reader *r, const gbt_model *frame, gbt_head_inputs *in)
{
    in->n_dense = (int32_t)gbt_read_count(r, in->n_features, 4 + 4 * 8);
    GBT_TRY(GBT_NEW(in->dense_column, in->n_dense));
    GBT_TRY(GBT_NEW(in->mean, in->n_dense));
    GBT_TRY(GBT_NEW(in->scale, in->n_dense));
    GBT_TRY(GBT_NEW(in->low, in->n_dense));
    GBT_TRY(GBT_NEW(in->high, in->n_dense));
    gbt_read_i32s(r, in->dense_column, in->n_dense);
    gbt_read_f64s(r, in->mean, in->n_dense);
    gbt_read_f64s(r, in->scale, in->n_dense);
    gbt_read_f64s(r, in->low, in->n_dense);
    gbt_read_f64s(r, in->high, in->n_dense);
    GBT_TRY(check_columns(r, frame, in->dense_column, in->n_dense, in->n_features, 0));
    for (int32_t d = 0; d < in->n_dense; d++) {
        if (!isfinite(in->mean[d]) || !isfinite(in->scale[d]) || !(in->scale[d] > 0.0) ||
            !isfinite(in->low[d]) || !isfinite(in->high[d])) {
            return gbt_reader_fail(r, "column %d has no finite mean and scale",
                                   (int)in->dense_column[d]);
        }
    }
    in->n_flags = (int32_t)gbt_read_count(r, in->n_features, 4);
    GBT_TRY(GBT_NEW(in->flag_column, in->n_flags));
    gbt_read_i32s(r, in->flag_column, in->n_flags);
    return check_columns(r, frame, in->flag_column, in->n_flags, in->n_features, 0);
}

/* One categorical column. */
static gbt_status read_codes(gbt_reader *r, int32_t c, gbt_head_inputs *in)
{
    in->categorical_column[c] = gbt_read_i32(r);
    in->has_missing[c] = gbt_read_u8(r);
    const int64_t n_codes = gbt_read_count(r, MOST_COLUMNS, 4), start = in->code_start[c];
    int32_t *grown = gbt_grow(in->code, start, start + n_codes, sizeof *grown);
    if (!grown) {
        return GBT_ERR_MEMORY;
    }
    in->code = grown;
    in->code_start[c + 1] = start + n_codes;
    gbt_read_i32s(r, in->code + start, n_codes);
    for (int64_t i = start; i < start + n_codes && r->status == GBT_OK; i++) {
        if (in->code[i] <= (i > start ? in->code[i - 1] : -1) || in->code[i] >= MOST_COLUMNS) {
            return gbt_reader_fail(r, "category %d is out of place", (int)in->code[i]);
        }
    }
    return in->has_missing[c] > 1 ? gbt_reader_fail(r, "a flag is neither 0 nor 1") : r->status;
}

static gbt_status read_inputs(gbt_reader *r, const gbt_model *frame, gbt_head_inputs *in)
{
    int64_t n_features = 0;
    GBT_TRY(gbt_model_shape(frame, GBT_SHAPE_FEATURES, &n_features));
    in->n_features = gbt_read_i32(r);
    if (r->status == GBT_OK && in->n_features != n_features) {
        return gbt_reader_fail(r, "%d columns, the frame has %lld", (int)in->n_features,
                               (long long)n_features);
    }
    GBT_TRY(read_numbers(r, frame, in));
    const int32_t n = (int32_t)gbt_read_count(r, in->n_features, 13);
    GBT_TRY(GBT_NEW(in->categorical_column, n));
    GBT_TRY(GBT_NEW(in->has_missing, n));
    GBT_TRY(GBT_NEW_ZERO(in->code_start, (int64_t)n + 1));
    for (int32_t c = 0; c < n; c++) {
        GBT_TRY(read_codes(r, c, in));
    }
    in->n_categorical = n;
    return check_columns(r, frame, in->categorical_column, n, in->n_features, 1);
}

static gbt_status check_shape(gbt_reader *r, const gbt_heads *heads, const gbt_mlp_shape *s,
                              int32_t n_steps, uint64_t n_inputs)
{
    int64_t n_outputs = 0;
    GBT_TRY(r->status);
    GBT_TRY(gbt_model_shape(heads->frame, GBT_SHAPE_OUTPUTS, &n_outputs));
    if (s->activation < GBT_UNIT_LOGISTIC || s->activation > GBT_UNIT_IDENTITY) {
        return gbt_reader_fail(r, "activation %d is unknown", (int)s->activation);
    }
    if (s->n_units < 1 || n_steps < 0 || (int64_t)s->n_units * n_steps > MOST_UNITS) {
        return gbt_reader_fail(r, "%d steps of %d units", (int)n_steps, (int)s->n_units);
    }
    if (s->n_outputs != n_outputs || n_inputs != (uint64_t)(s->n_dense + s->n_slots)) {
        return gbt_reader_fail(r, "%d outputs and %llu inputs, expected %lld and %lld",
                               (int)s->n_outputs, (unsigned long long)n_inputs,
                               (long long)n_outputs, (long long)(s->n_dense + s->n_slots));
    }
    if (heads->best_step != 0 && heads->best_step != n_steps) {
        return gbt_reader_fail(r, "best step %d of %d", (int)heads->best_step, (int)n_steps);
    }
    const uint64_t unit = 4 + 4 * n_inputs + 8 * (uint64_t)s->n_outputs;
    const uint64_t left = r->size - r->at;
    if ((uint64_t)s->n_units * (uint64_t)n_steps > left / unit) {
        return gbt_reader_fail(r, "%d steps do not fit into the file", (int)n_steps);
    }
    return GBT_OK;
}

static gbt_status read_units(gbt_reader *r, int32_t n_steps, gbt_head_network *net)
{
    const gbt_mlp_shape *s = &net->shape;
    bool is_finite = true;
    net->n_steps = n_steps;
    net->n_units = n_steps * s->n_units;
    net->n_blocks = (net->n_units + GBT_UNIT_LANES - 1) / GBT_UNIT_LANES;
    for (int32_t u = 0; u < net->n_units; u++) {
        net->bias[u] = gbt_read_f32(r);
        is_finite = is_finite && isfinite(net->bias[u]);
        for (int64_t i = 0; i < s->n_dense + s->n_slots; i++) {
            float *w = gbt_head_network_place(net, u, i);
            *w = gbt_read_f32(r);
            is_finite = is_finite && isfinite(*w);
        }
        for (int32_t k = 0; k < s->n_outputs; k++) {
            double *a = gbt_head_network_out(net, u, k);
            *a = gbt_read_f64(r);
            is_finite = is_finite && isfinite(*a);
        }
    }
    const int64_t n = ((int64_t)n_steps + 1) * s->n_outputs;
    gbt_read_f64s(r, net->out_bias, n);
    for (int64_t i = 0; i < n; i++) {
        is_finite = is_finite && isfinite(net->out_bias[i]);
    }
    GBT_TRY(r->status);
    return is_finite ? GBT_OK : gbt_reader_fail(r, "a weight is not finite");
}

static gbt_status read_network(gbt_reader *r, gbt_heads *heads)
{
    const gbt_head_inputs *in = &heads->inputs;
    gbt_mlp_shape s = {.n_dense = in->n_dense, .n_index = in->n_index, .n_slots = in->n_slots};
    gbt_status status = GBT_OK;
    double *base = NULL;
    s.activation = (gbt_activation)gbt_read_i32(r);
    s.n_units = gbt_read_i32(r);
    s.n_outputs = gbt_read_i32(r);
    const int32_t n_steps = gbt_read_i32(r);
    heads->best_step = gbt_read_i32(r);
    GBT_TRY(check_shape(r, heads, &s, n_steps, gbt_read_u64(r)));
    GBT_TRY(GBT_NEW_ZERO(base, s.n_outputs));
    GBT_TRY_OR_DONE(gbt_head_network_open(&s, n_steps, base, &heads->network));
    GBT_TRY_OR_DONE(read_units(r, n_steps, &heads->network));
    gbt_head_network_bound(&heads->network);
done:
    gbt_release(base);
    return status;
}

static gbt_status read_parts(const gbt_section *section, const char *file, gbt_heads *heads)
{
    char where[GBT_WHERE_CHARS];
    gbt_reader r = gbt_section_reader(&section[SETTINGS], file, where);
    GBT_TRY(gbt_model_from_bytes(section[FRAME].data, section[FRAME].size, &heads->frame));
    GBT_TRY(gbt_params_create(&heads->params));
    GBT_TRY(gbt_settings_read(&r, heads->params));
    GBT_TRY(gbt_section_at_end(&r));
    r = gbt_section_reader(&section[INPUTS], file, where);
    GBT_TRY(read_inputs(&r, heads->frame, &heads->inputs));
    GBT_TRY(gbt_section_at_end(&r));
    if (section[LEAVES].size > 0) {
        GBT_TRY(gbt_model_from_bytes(section[LEAVES].data, section[LEAVES].size,
                                     &heads->inputs.leaf_model));
    }
    const gbt_status sealed = gbt_head_inputs_seal(&heads->inputs, heads->frame);
    if (sealed != GBT_OK) {
        return sealed != GBT_ERR_DATA
                   ? sealed
                   : gbt_fail(GBT_ERR_FORMAT,
                              "%s: leaf model: its columns are not those of the frame", file);
    }
    r = gbt_section_reader(&section[NETWORK], file, where);
    GBT_TRY(read_network(&r, heads));
    return gbt_section_at_end(&r);
}

static gbt_status read_heads(const void *data, size_t size, const char *file, gbt_heads **out)
{
    gbt_status status = GBT_OK;
    gbt_section section[N_SECTIONS];
    gbt_heads *made = NULL;
    name_sections(section);
    GBT_TRY_OR_DONE(
        gbt_sections_read(data, size, file, GBT_KIND_HEADS, FORMAT, section, N_SECTIONS));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(made, 1));
    GBT_TRY_OR_DONE(read_parts(section, file, made));
    *out = made;
    made = NULL;
done:
    gbt_heads_free(made);
    return status;
}

gbt_status gbt_heads_from_bytes(const void *data, size_t size, gbt_heads **out)
{
    if (out) {
        *out = NULL;
    }
    if (!data || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_from_bytes: %s is NULL",
                        data ? "out" : "data");
    }
    return read_heads(data, size, "memory", out);
}

gbt_status gbt_heads_load(const char *path, gbt_heads **out)
{
    unsigned char *data = NULL;
    size_t size = 0;
    if (out) {
        *out = NULL;
    }
    if (!path || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "gbt_heads_load: %s is NULL", path ? "out" : "path");
    }
    GBT_TRY(gbt_file_read(path, &data, &size));
    const gbt_status status = read_heads(data, size, path, out);
    gbt_release(data);
    return status;
}
