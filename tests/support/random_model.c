/* Random models: schema, cuts and trees put together by hand from counter-based draws. */
#include "tests/support/random_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"

typedef struct draws {
    uint64_t key, next;
} draws;

static uint64_t draw(draws *d, uint64_t below)
{
    return gbt_rng_u64(d->key, d->next++) % below;
}

static float draw_unit(draws *d)
{
    return (float)gbt_rng_unit(d->key, d->next++);
}

static gbt_status make_schema(const random_model_spec *spec, gbt_schema **out)
{
    GBT_TRY(gbt_schema_create(spec->n_features, out));
    for (int32_t f = 0; f < spec->n_features; f++) {
        char name[40];
        snprintf(name, sizeof name, f == 1 ? "with \"quotes\" & <tags> %d" : "column_%d", f);
        GBT_TRY(((*out)->name[f] = gbt_copy_text(name)) ? GBT_OK : GBT_ERR_MEMORY);
        (*out)->is_categorical[f] = f >= spec->n_features - spec->n_categorical;
    }
    if (spec->n_categorical > 0) { /* the last feature has texts */
        const char *const word[] = {"amber", "blue\n", "cyan", "red \"hot\"", "\xc3\xa9"};
        gbt_slice sorted[5];
        for (int i = 0; i < 5; i++) {
            sorted[i] = gbt_slice_of(word[i]);
        }
        GBT_TRY(gbt_dictionary_open(&(*out)->dictionary[spec->n_features - 1], sorted, 5));
    }
    return gbt_schema_seal(*out);
}

static gbt_status make_cuts(const random_model_spec *spec, draws *d, gbt_cuts **out)
{
    GBT_TRY(gbt_cuts_create(spec->n_features, out));
    gbt_cuts *cuts = *out;
    for (int32_t f = 0; f < spec->n_features; f++) {
        cuts->is_categorical[f] = f >= spec->n_features - spec->n_categorical;
        cuts->n_bins[f] = f == 0 ? spec->max_bins : 1 + (int32_t)draw(d, (uint64_t)spec->max_bins);
        int64_t codes = 0;
        if (cuts->is_categorical[f]) {
            codes = cuts->n_bins[f];
            if (codes == spec->max_bins) {
                codes += 40; /* the last bin collects the rest */
            }
            if (f == spec->n_features - 1) {
                codes = cuts->n_bins[f] = spec->max_bins < 5 ? spec->max_bins : 5;
            }
        }
        cuts->first[f + 1] = cuts->first[f] + (cuts->is_categorical[f] ? 0 : cuts->n_bins[f] - 1);
        cuts->category_first[f + 1] = cuts->category_first[f] + codes;
    }
    GBT_TRY(GBT_NEW(cuts->upper, cuts->first[spec->n_features]));
    GBT_TRY(GBT_NEW(cuts->category_bin, cuts->category_first[spec->n_features]));
    for (int32_t f = 0; f < spec->n_features; f++) {
        float at = -20.0f * draw_unit(d);
        for (int64_t i = cuts->first[f]; i < cuts->first[f + 1]; i++) {
            at += 0.01f + draw_unit(d);
            cuts->upper[i] = i == cuts->first[f] + 3 ? 0.0f : at;
            at = cuts->upper[i] >= at || i == cuts->first[f] + 3 ? cuts->upper[i] : at;
            if (i > cuts->first[f] && cuts->upper[i] <= cuts->upper[i - 1]) {
                at = cuts->upper[i] = cuts->upper[i - 1] + 0.5f;
            }
        }
        for (int64_t i = cuts->category_first[f]; i < cuts->category_first[f + 1]; i++) {
            const int64_t code = i - cuts->category_first[f];
            const int64_t last = cuts->n_bins[f] - 1;
            cuts->category_bin[i] = (uint8_t)(code < last ? code : last);
        }
    }
    return GBT_OK;
}

static void make_split(const gbt_cuts *cuts, draws *d, gbt_tree *tree, int32_t node)
{
    const int32_t f = (int32_t)draw(d, (uint64_t)cuts->n_features);
    tree->feature[node] = f;
    tree->gain[node] = 100.0f * draw_unit(d);
    tree->set[node] = -1;
    if (cuts->is_categorical[f]) {
        tree->flags[node] = GBT_NODE_CATEGORICAL;
        tree->set[node] = tree->n_sets++;
        uint32_t *set = tree->sets + (int64_t)tree->set[node] * GBT_SET_WORDS;
        for (int32_t bin = 0; bin <= cuts->n_bins[f]; bin++) {
            set[bin >> 5] |= (uint32_t)draw(d, 2) << (bin & 31);
        }
        return;
    }
    tree->flags[node] = draw(d, 2) ? GBT_NODE_MISSING_LEFT : 0;
    tree->bin[node] = (uint8_t)draw(d, (uint64_t)cuts->n_bins[f]);
    tree->threshold[node] = gbt_tree_threshold(cuts, f, tree->bin[node]);
}

/* Leaf numbers in random order; rows and covers add up. */
static void finish_nodes(draws *d, gbt_tree *tree)
{
    int32_t n = 0;
    for (int32_t node = tree->n_nodes - 1; node >= 0; node--) {
        tree->value[node] = draw_unit(d) - 0.5f;
        if (tree->feature[node] < 0) {
            tree->left[node] = n++;
            tree->right[node] = -1;
            tree->set[node] = -1;
            tree->rows[node] = 20 + (uint32_t)draw(d, 1000);
            tree->cover[node] = (float)tree->rows[node] * 0.25f;
        } else {
            tree->rows[node] = tree->rows[tree->left[node]] + tree->rows[tree->right[node]];
            tree->cover[node] = tree->cover[tree->left[node]] + tree->cover[tree->right[node]];
        }
    }
    for (int32_t node = 0; node < tree->n_nodes; node++) { /* exchange with a random leaf */
        const int32_t other = (int32_t)draw(d, (uint64_t)tree->n_nodes);
        if (tree->feature[node] < 0 && tree->feature[other] < 0) {
            const int32_t keep = tree->left[node];
            tree->left[node] = tree->left[other];
            tree->left[other] = keep;
        }
    }
}

static gbt_status make_tree(const random_model_spec *spec, const gbt_cuts *cuts, draws *d,
                            gbt_tree **out)
{
    const int32_t spread = spec->max_leaves - spec->min_leaves + 1;
    const int32_t n_leaves = spec->min_leaves + (int32_t)draw(d, (uint64_t)spread);
    const bool has_sets = spec->n_categorical > 0;
    gbt_tree *tree = NULL;
    GBT_TRY(gbt_tree_create(2 * n_leaves - 1, has_sets ? n_leaves - 1 : 0, &tree));
    tree->n_sets = 0;
    for (int32_t node = 0; node < tree->n_nodes; node++) {
        tree->feature[node] = -1;
    }
    for (int32_t end = 1; end < tree->n_nodes; end += 2) {
        int32_t node = end == 1 ? 0 : end - 1 - (int32_t)draw(d, 2);
        while (!spec->is_chain && end > 1) {
            node = (int32_t)draw(d, (uint64_t)end);
            if (tree->feature[node] < 0) {
                break;
            }
        }
        const int32_t swap = (int32_t)draw(d, 2);
        make_split(cuts, d, tree, node);
        tree->left[node] = end + swap;
        tree->right[node] = end + 1 - swap;
    }
    finish_nodes(d, tree);
    *out = tree;
    return GBT_OK;
}

static gbt_status make_classes(gbt_model *model)
{
    const int32_t n = model->objective.n_classes;
    if (n == 0) {
        return GBT_OK;
    }
    GBT_TRY(GBT_NEW_ZERO(model->class_name, n));
    GBT_TRY(GBT_NEW_ZERO(model->class_label, n));
    for (int32_t c = 0; c < n; c++) {
        char name[32];
        snprintf(name, sizeof name, "class %d", c);
        GBT_TRY((model->class_name[c] = gbt_copy_text(name)) ? GBT_OK : GBT_ERR_MEMORY);
        model->class_label[c] = (float)(10 * c);
    }
    return GBT_OK;
}

static gbt_status make_params(const random_model_spec *spec, gbt_params **out)
{
    char classes[16];
    GBT_TRY(gbt_params_create(out));
    GBT_TRY(gbt_params_set(*out, "objective", spec->objective));
    if (strcmp(spec->objective, "multiclass") == 0) {
        snprintf(classes, sizeof classes, "%d", spec->n_classes);
        GBT_TRY(gbt_params_set(*out, "num_class", classes));
    }
    return GBT_OK;
}

static gbt_status fill_model(const random_model_spec *spec, draws *d, gbt_model *model)
{
    for (int32_t k = 0; k < model->objective.n_outputs; k++) {
        model->base_score[k] = (double)draw_unit(d) - 0.3;
    }
    GBT_TRY(make_classes(model));
    model->train_rows = 12345;
    model->best_round = spec->n_rounds;
    model->best_value = 0.125;
    for (int32_t t = 0; t < spec->n_rounds * model->objective.n_outputs; t++) {
        gbt_tree *tree = NULL;
        GBT_TRY(make_tree(spec, model->cuts, d, &tree));
        const gbt_status status = gbt_model_append(model, tree);
        if (status != GBT_OK) {
            gbt_tree_free(tree);
            return status;
        }
    }
    return gbt_model_seal(model);
}

gbt_model *random_model(const random_model_spec *spec)
{
    gbt_status status = GBT_OK;
    draws d = {.key = gbt_rng_key(spec->seed, 0, 0, GBT_RNG_SYNTH)};
    gbt_params *params = NULL;
    gbt_schema *schema = NULL;
    gbt_cuts *cuts = NULL;
    gbt_model *model = NULL;
    gbt_objective objective;
    GBT_TRY_OR_DONE(make_params(spec, &params));
    GBT_TRY_OR_DONE(gbt_objective_init(params, &objective));
    GBT_TRY_OR_DONE(make_schema(spec, &schema));
    GBT_TRY_OR_DONE(make_cuts(spec, &d, &cuts));
    GBT_TRY_OR_DONE(gbt_model_create(params, schema, cuts, &objective, 0, &model));
    GBT_TRY_OR_DONE(fill_model(spec, &d, model));
done:
    gbt_params_free(params);
    gbt_schema_release(schema);
    gbt_cuts_release(cuts);
    if (status != GBT_OK) {
        gbt_model_free(model);
        return NULL;
    }
    return model;
}

static float random_number(const gbt_cuts *cuts, draws *d, int32_t f)
{
    const int64_t n = cuts->first[f + 1] - cuts->first[f];
    const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1e-40f, -3e38f};
    switch (draw(d, 8)) {
    case 0:
        return NAN;
    case 1:
        return special[draw(d, 6)];
    case 2:
    case 3:
    case 4:
        if (n > 0) {
            const float cut = cuts->upper[cuts->first[f] + (int64_t)draw(d, (uint64_t)n)];
            return draw(d, 2) ? cut : nextafterf(cut, draw(d, 2) ? 1e30f : -1e30f);
        }
        return 1.0f;
    default:
        return 160.0f * draw_unit(d) - 20.0f;
    }
}

static float random_category(const gbt_cuts *cuts, draws *d, int32_t f)
{
    const int64_t n = cuts->category_first[f + 1] - cuts->category_first[f];
    const float special[] = {NAN, -1.0f, -0.0f, (float)n, 1e7f, 0.5f, INFINITY};
    return draw(d, 8) == 0 ? special[draw(d, 7)] : (float)draw(d, (uint64_t)n);
}

void random_rows(const gbt_model *model, uint64_t seed, int64_t n, float *out)
{
    const gbt_cuts *cuts = model->cuts;
    draws d = {.key = gbt_rng_key(seed, 1, 0, GBT_RNG_SYNTH)};
    for (int64_t row = 0; row < n; row++) {
        for (int32_t f = 0; f < cuts->n_features; f++) {
            out[row * cuts->n_features + f] =
                cuts->is_categorical[f] ? random_category(cuts, &d, f) : random_number(cuts, &d, f);
        }
    }
}

int32_t plain_leaf(const gbt_tree *tree, const gbt_cuts *cuts, int32_t node, const float *row)
{
    const int32_t f = tree->feature[node];
    if (f < 0) {
        return node;
    }
    bool left = row[f] <= tree->threshold[node];
    if (tree->flags[node] & GBT_NODE_CATEGORICAL) {
        left = gbt_set_has(tree->sets + (int64_t)tree->set[node] * GBT_SET_WORDS,
                           gbt_cuts_bin_of(cuts, f, row[f]));
    } else if (isnan(row[f])) {
        left = (tree->flags[node] & GBT_NODE_MISSING_LEFT) != 0;
    }
    return plain_leaf(tree, cuts, left ? tree->left[node] : tree->right[node], row);
}

void plain_score(const gbt_model *model, const float *row, int32_t first, int32_t last, float *out)
{
    const int32_t n_outputs = model->objective.n_outputs;
    for (int32_t k = 0; k < n_outputs; k++) {
        out[k] = (float)model->base_score[k];
    }
    for (int32_t t = first * n_outputs; t < last * n_outputs; t++) {
        const gbt_tree *tree = model->trees[t];
        out[t % n_outputs] += tree->value[plain_leaf(tree, model->cuts, 0, row)];
    }
}
