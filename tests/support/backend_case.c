/* Random training cases for backends; see backend_case.h. Draws the shape of a case from its dice
 * and the cells from a generator keyed by the seed. Cost: one draw a cell. */
#include "tests/support/backend_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/rng.h"

/* ---- Dice ------------------------------------------------------------------------------------ */

static uint64_t roll(dice *d)
{
    if (d->n_bytes > 0) {
        const uint64_t value = (uint64_t)d->bytes[0] * 0x0101010101010101ull;
        d->bytes++;
        d->n_bytes--;
        return value;
    }
    return gbt_rng_u64(d->seed, d->at++);
}

double dice_unit(dice *d)
{
    return (double)(roll(d) >> 11) * 0x1p-53;
}

int64_t dice_below(dice *d, int64_t n)
{
    return (int64_t)(dice_unit(d) * (double)n);
}

bool dice_chance(dice *d, double p)
{
    return dice_unit(d) < p;
}

double dice_normal(dice *d)
{
    double sum = 0.0;
    for (int i = 0; i < 4; i++) {
        sum += dice_unit(d) - 0.5;
    }
    return sum * 1.7320508075688772;
}

static double pick(dice *d, const double *values, int64_t n)
{
    return values[dice_below(d, n)];
}

#define PICK(d, ...)                         \
    pick((d), (const double[]){__VA_ARGS__}, \
         (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))

/* 1 .. most: large ones mostly, else small ones as likely as large ones. */
static int64_t spread(dice *d, int64_t most)
{
    if (dice_chance(d, 0.6)) {
        return most - dice_below(d, most / 2 + 1);
    }
    const double top = log2((double)most + 1.0);
    const int64_t value = (int64_t)exp2(dice_unit(d) * top);
    return value < 1 ? 1 : value > most ? most : value;
}

/* ---- Layout ---------------------------------------------------------------------------------- */

static bool open_cuts(backend_case *c, dice *d, int32_t n_features, bool is_sparse)
{
    enum { SPARSE_BINS = 16 };
    const int32_t most_bins = is_sparse ? SPARSE_BINS : GBT_MAX_BINS;
    gbt_cuts *cuts = &c->cuts;
    const int32_t all_bins = dice_chance(d, 0.3) ? (int32_t)PICK(d, 1, 2, 16, 63, 64, 255) : 0;
    const double categorical = PICK(d, 0, 0, 0, 0.3, 0.5, 1);
    cuts->n_features = n_features;
    cuts->references = 1;
    cuts->n_bins = calloc((size_t)n_features, sizeof *cuts->n_bins);
    cuts->is_categorical = calloc((size_t)n_features, 1);
    cuts->first = calloc((size_t)n_features + 1, sizeof *cuts->first);
    cuts->category_first = calloc((size_t)n_features + 1, sizeof *cuts->category_first);
    cuts->upper = calloc((size_t)n_features * GBT_MAX_BINS, sizeof *cuts->upper);
    cuts->category_bin = calloc((size_t)n_features * GBT_MAX_BINS, 1);
    if (!cuts->n_bins || !cuts->is_categorical || !cuts->first || !cuts->category_first ||
        !cuts->upper || !cuts->category_bin) {
        return false;
    }
    for (int32_t f = 0; f < n_features; f++) {
        const int32_t n_bins = all_bins > 0 ? all_bins : (int32_t)spread(d, most_bins);
        cuts->n_bins[f] = n_bins;
        cuts->is_categorical[f] = dice_chance(d, categorical);
        cuts->first[f + 1] = cuts->first[f];
        cuts->category_first[f + 1] = cuts->category_first[f];
        if (cuts->is_categorical[f]) {
            for (int32_t b = 0; b < n_bins; b++) {
                cuts->category_bin[cuts->category_first[f + 1]++] = (uint8_t)b;
            }
        } else {
            for (int32_t b = 0; b + 1 < n_bins; b++) {
                cuts->upper[cuts->first[f + 1]++] = (float)b + 0.5f;
            }
        }
    }
    return true;
}

/* Gives every feature a place, in plain columns and, when they fit, in shared ones. */
static bool open_places(backend_case *c, dice *d, bool is_sparse)
{
    gbt_bins *bins = &c->data.bins;
    const int32_t n_features = c->cuts.n_features;
    const double some_shared = PICK(d, 0, 0, 0, 0.4, 1);
    const double shared = is_sparse ? 1.0 : some_shared;
    const double missing = PICK(d, 0, 0.3, 1);
    bins->place = calloc((size_t)n_features, sizeof *bins->place);
    bins->has_missing = calloc((size_t)n_features, 1);
    bins->n_codes = calloc((size_t)n_features, sizeof *bins->n_codes);
    if (!bins->place || !bins->has_missing || !bins->n_codes) {
        return false;
    }
    bins->n_features = n_features;
    int32_t column = -1; /* shared column that still has room */
    for (int32_t f = 0; f < n_features; f++) {
        const int32_t n_bins = c->cuts.n_bins[f];
        gbt_bin_place *place = &bins->place[f];
        bins->has_missing[f] = dice_chance(d, missing);
        place->n_codes = n_bins + bins->has_missing[f];
        place->default_bin = -1;
        if (!dice_chance(d, shared)) {
            place->column = bins->n_columns++;
            bins->n_codes[place->column] = place->n_codes;
            continue;
        }
        place->n_codes--;
        place->default_bin = (int32_t)dice_below(d, dice_chance(d, 0.5) ? 1 : place->n_codes + 1);
        if (column < 0 || bins->n_codes[column] + place->n_codes > 256 ||
            dice_chance(d, is_sparse ? 0.5 : 0.1)) {
            column = bins->n_columns++;
            bins->n_codes[column] = 1;
        }
        place->column = column;
        place->first = bins->n_codes[column];
        bins->n_codes[column] += place->n_codes;
    }
    return true;
}

/* Which values a feature takes: the share of the commonest bin and what the rest depends on. */
typedef struct shape {
    double missing, common, away; /* away: of the rows that may leave a shared column's default */
    int32_t kind; /* 0: uniform, 1: low bins more often, 2: follows the latent value, 3: constant */
} shape;

/* Bin of one cell; `latent` in [0, 1). */
static int32_t draw_bin(dice *d, const shape *s, int32_t n_bins, bool has_missing, double latent)
{
    if (has_missing && dice_unit(d) < s->missing) {
        return n_bins;
    }
    if (s->kind == 3) {
        return n_bins / 2;
    }
    double at = dice_unit(d);
    if (at < s->common) {
        return n_bins / 3;
    }
    at = dice_unit(d);
    if (s->kind == 1) {
        at = at * at * at;
    } else if (s->kind == 2) {
        at = 0.8 * latent + 0.2 * at;
    }
    return (int32_t)(at * (double)n_bins);
}

/* Shared columns: at most one feature of a column is away from its default in a row; `owner`
 * [n_columns] is scratch. Puts the codes of one row into `code`. */
static void draw_row(const backend_case *c, dice *cells, const shape *shapes, double latent,
                     uint8_t *code, int32_t *owner)
{
    const gbt_bins *bins = &c->data.bins;
    memset(code, 0, (size_t)bins->n_columns);
    memset(owner, 0, (size_t)bins->n_columns * sizeof *owner);
    for (int32_t f = 0; f < bins->n_features; f++) {
        const gbt_bin_place *place = &bins->place[f];
        const int32_t bin =
            draw_bin(cells, &shapes[f], c->cuts.n_bins[f], bins->has_missing[f] != 0, latent);
        if (place->default_bin < 0) {
            code[place->column] = (uint8_t)bin;
        } else if (bin != place->default_bin && !owner[place->column] &&
                   dice_unit(cells) < shapes[f].away) {
            owner[place->column] = 1;
            code[place->column] =
                (uint8_t)(place->first + (bin < place->default_bin ? bin : bin - 1));
        }
    }
}

static bool open_cells(backend_case *c, dice *d, dice *cells, double *latent, bool is_sparse)
{
    gbt_bins *bins = &c->data.bins;
    const int64_t n = c->data.n_rows;
    shape *shapes = calloc((size_t)bins->n_features, sizeof *shapes);
    int32_t *owner = calloc((size_t)bins->n_columns, sizeof *owner);
    bins->n_rows = n;
    bins->row_step = bins->n_columns + dice_below(d, 3) * 5;
    bins->base = calloc((size_t)(n * bins->row_step) + 64, 1);
    const bool is_drawn = shapes && owner && bins->base;
    if (is_drawn) {
        for (int32_t f = 0; f < bins->n_features; f++) {
            shapes[f].missing = PICK(cells, 0.001, 0.1, 0.1, 0.5, 0.99, 1);
            shapes[f].common = PICK(cells, 0, 0, 0.5, 0.95);
            shapes[f].away = is_sparse ? PICK(cells, 0.002, 0.01, 0.05, 0.2) : 0.3;
            shapes[f].kind = (int32_t)PICK(cells, 0, 0, 1, 1, 2, 2, 2, 3);
        }
        for (int64_t row = 0; row < n; row++) {
            latent[row] = dice_unit(cells);
            draw_row(c, cells, shapes, latent[row], bins->base + row * bins->row_step, owner);
        }
    }
    free(shapes);
    free(owner);
    return is_drawn;
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static const gbt_objective objectives[] = {
    {.name = "regression", .loss = {GBT_LOSS_SQUARED, 0, 1}, .n_outputs = 1},
    {.name = "binary", .loss = {GBT_LOSS_LOGISTIC, 0, 1}, .n_outputs = 1, .n_classes = 2},
    {.name = "l1",
     .loss = {GBT_LOSS_ABSOLUTE, 0, 1},
     .n_outputs = 1,
     .renews_leaves = true,
     .renew_level = 0.5},
    {.name = "quantile",
     .loss = {GBT_LOSS_QUANTILE, 0.9f, 1},
     .n_outputs = 1,
     .renews_leaves = true,
     .renew_level = 0.9},
    {.name = "mape",
     .loss = {GBT_LOSS_MAPE, 0, 1},
     .n_outputs = 1,
     .renews_leaves = true,
     .renew_level = 0.5},
    {.name = "multiclass", .loss = {GBT_LOSS_SOFTMAX, 0, 1}, .n_outputs = 3, .n_classes = 3},
};

static bool open_labels(backend_case *c, dice *d, dice *cells, const double *latent)
{
    const int64_t n = c->data.n_rows;
    c->objective = objectives[dice_below(d, (int64_t)(sizeof objectives / sizeof objectives[0]))];
    const int64_t n_scores = n * c->objective.n_outputs;
    const int32_t weighting = (int32_t)PICK(d, 0, 0, 0, 1, 2, 3);
    const double outlier = dice_chance(d, 0.1) ? 1e5 : 1.0;
    c->target = calloc((size_t)n, sizeof *c->target);
    c->weight = weighting != 0 ? calloc((size_t)n, sizeof *c->weight) : NULL;
    c->scores = calloc((size_t)n_scores, sizeof *c->scores);
    if (!c->target || !c->scores || (weighting != 0 && !c->weight)) {
        return false;
    }
    for (int64_t row = 0; row < n; row++) {
        const double value = 2.0 * latent[row] + 0.3 * dice_normal(cells);
        if (c->objective.n_classes > 0) {
            const int32_t top = c->objective.n_classes - 1;
            const int32_t class_index = (int32_t)(value * 0.5 * (top + 1));
            c->target[row] = (float)(class_index < 0 ? 0 : class_index > top ? top : class_index);
        } else {
            c->target[row] = (float)(row == n / 2 ? value * outlier : value);
        }
        if (c->weight != NULL) {
            const double unit = dice_unit(cells);
            c->weight[row] = (float)(weighting == 1   ? 0.5 + unit
                                     : weighting == 2 ? (unit < 0.3 ? 0.0 : unit)
                                                      : 1.0 / (1e-3 + unit * unit));
        }
    }
    for (int64_t i = 0; i < n_scores; i++) {
        c->scores[i] = (float)(0.1 * dice_normal(cells));
    }
    return true;
}

/* Gradients that no objective of ours would give: dyadic, tiny, huge, of heavy tails, all zero. */
static bool open_gradients(backend_case *c, dice *d, dice *cells, const double *latent)
{
    const int64_t n = c->data.n_rows;
    const int64_t n_scores = n * c->objective.n_outputs;
    c->sets_gradients = dice_chance(d, 0.4);
    if (!c->sets_gradients) {
        return true;
    }
    const int32_t kind =
        (int32_t)dice_below(d, 5); /* 0, 1: plain, 2: dyadic, 3: heavy tails, 4: zeros */
    const double scale = PICK(d, 1, 1, 1, 1, 1, 1e-20, 1e20, 0);
    const double tail = kind == 3 ? 1e4 : 1.0;
    c->grad = calloc((size_t)n_scores, sizeof *c->grad);
    c->hess = calloc((size_t)n_scores, sizeof *c->hess);
    if (!c->grad || !c->hess) {
        return false;
    }
    for (int64_t i = 0; i < n_scores; i++) {
        double grad = (latent[i % n] - 0.5) * 4.0 + dice_normal(cells);
        double hess = dice_unit(cells);
        if (kind == 2) {
            grad = floor(grad * 4.0) / 4.0;
            hess = 1.0;
        } else if (kind == 4 && hess < 0.5) {
            grad = hess < 0.25 ? 0.0 : grad;
            hess = 0.0;
        }
        grad *= i % 5003 == 7 ? tail : 1.0;
        hess *= i % 4999 == 11 ? tail : 1.0;
        c->grad[i] = (float)(grad * scale);
        c->hess[i] = (float)(hess * scale);
    }
    return true;
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Extreme settings are rare enough that most trees grow, and frequent enough that all meet. */
static void draw_config(backend_case *c, dice *d)
{
    const bool is_long = c->data.n_rows > 1000;
    c->config = (gbt_backend_config){
        .threads = 1,
        .max_nodes = 1 + 2 * (int32_t)dice_below(d, dice_chance(d, 0.3) ? 160 : 30),
        .histogram_bytes = (int64_t)1 << 30,
        .seed = gbt_rng_mix(c->seed),
        .gradient_bits = (int32_t)PICK(d, 0, 0, 0, 0, 16, 12, 8, 4, 3, 32),
        .rounds_to_nearest = dice_chance(d, 0.3),
        .min_child_weight = PICK(d, 0, 0, 1e-3, 1e-3, 1e-3, 1e-3, 1, 1, is_long ? 20 : 3),
        .min_split_gain = PICK(d, 0, 0, 0, 0, 0, 0, 0, 0.5),
        .min_child_samples =
            (int64_t)PICK(d, 1, 1, 1, 2, 3, 5, 7, 20, is_long ? 100 : 10, is_long ? 200 : 1),
        .max_cat_to_onehot = (int32_t)PICK(d, 0, 1, 4, 4, 4, 4, 10, 256),
        .max_cat_threshold = (int32_t)PICK(d, 1, 3, 64, 64, 64, 255),
        .cat_smooth = PICK(d, 0, 0, 1, 1, 2.5, 10, is_long ? 40.5 : 5),
        .cat_l2 = PICK(d, 0, 10, 10),
        .min_data_per_group = (int64_t)PICK(d, 1, 1, 1, 5, is_long ? 100 : 10),
    };
    c->config.regular = (gbt_regular){.lambda = PICK(d, 0, 1e-3, 1, 1, 10)};
    if (dice_chance(d, 0.4)) {
        c->config.regular.alpha = PICK(d, 0, 0, 0.5, 3);
        c->config.regular.max_delta_step = PICK(d, 0, 0.05, 1);
        c->config.regular.path_smooth = PICK(d, 0, 1, 30);
    }
    c->is_common = dice_chance(d, 0.25);
    c->row_rate = PICK(d, 2, 2, 2, 0.9, 0.7, 0.3, is_long ? 0.02 : 0.8);
    c->feature_rate = PICK(d, 2, 2, 2, 0.9, 0.5, 0.1);
    c->node_feature_rate = PICK(d, 2, 2, 2, 0.9, 0.5, 0.1);
}

bool backend_case_open(backend_case *c, uint64_t seed, const uint8_t *bytes, size_t n_bytes,
                       const case_limits *limits)
{
    dice d = {.seed = gbt_rng_mix(seed), .bytes = bytes, .n_bytes = n_bytes};
    dice cells = {.seed = gbt_rng_mix(~seed)};
    memset(c, 0, sizeof *c);
    c->seed = seed;
    const int64_t n_features = spread(&d, limits->max_features);
    const int64_t row_room = limits->max_cells / n_features;
    c->data.n_rows = spread(&d, limits->max_rows < row_room ? limits->max_rows : row_room);
    c->data.references = 1;
    c->data.source = "";
    c->data.cuts = &c->cuts;
    draw_config(c, &d);
    double *latent = calloc((size_t)c->data.n_rows, sizeof *latent);
    const bool is_made =
        latent != NULL && open_cuts(c, &d, (int32_t)n_features, limits->is_sparse) &&
        open_places(c, &d, limits->is_sparse) &&
        open_cells(c, &d, &cells, latent, limits->is_sparse) &&
        open_labels(c, &d, &cells, latent) && open_gradients(c, &d, &cells, latent);
    free(latent);
    c->data.label = c->target;
    c->data.weight = c->weight;
    if (!is_made) {
        backend_case_close(c);
    }
    return is_made;
}

void backend_case_close(backend_case *c)
{
    free(c->cuts.n_bins);
    free(c->cuts.is_categorical);
    free(c->cuts.first);
    free(c->cuts.category_first);
    free(c->cuts.upper);
    free(c->cuts.category_bin);
    free(c->data.bins.place);
    free(c->data.bins.has_missing);
    free(c->data.bins.n_codes);
    free(c->data.bins.base);
    free(c->target);
    free(c->weight);
    free(c->scores);
    free(c->grad);
    free(c->hess);
    memset(c, 0, sizeof *c);
}

const char *backend_case_fault(const backend_case *c)
{
    const gbt_bins *bins = &c->data.bins;
    if (bins->n_rows != c->data.n_rows || bins->n_features != c->cuts.n_features ||
        bins->row_step < bins->n_columns) {
        return "sizes disagree";
    }
    for (int32_t f = 0; f < bins->n_features; f++) {
        const gbt_bin_place *place = &bins->place[f];
        const int32_t n_bins = c->cuts.n_bins[f];
        if (n_bins < 1 || n_bins > GBT_MAX_BINS) {
            return "number of bins out of range";
        }
        if (place->n_codes != n_bins + bins->has_missing[f] - (place->default_bin >= 0)) {
            return "number of codes of a feature is wrong";
        }
        if (place->first + place->n_codes > bins->n_codes[place->column] ||
            bins->n_codes[place->column] > 256) {
            return "codes of a column do not fit";
        }
        for (int64_t row = 0; row < bins->n_rows; row++) {
            if (gbt_bins_at(bins, row, f) >= n_bins + bins->has_missing[f]) {
                return "a bin is out of range";
            }
        }
    }
    for (int64_t row = 0; row < bins->n_rows; row++) {
        for (int32_t k = 0; k < bins->n_columns; k++) {
            if (bins->base[row * bins->row_step + k] >= bins->n_codes[k]) {
                return "a code is out of range";
            }
        }
    }
    return NULL;
}

void backend_case_describe(const backend_case *c, char *out, size_t capacity)
{
    int32_t n_categorical = 0;
    int32_t n_shared = 0;
    for (int32_t f = 0; f < c->cuts.n_features; f++) {
        n_categorical += c->cuts.is_categorical[f] != 0;
        n_shared += c->data.bins.place[f].default_bin >= 0;
    }
    snprintf(
        out, capacity,
        "seed %llu: %lld rows, %d features (%d categorical, %d shared) in %d columns, %s%s%s%s, "
        "bits %d, lambda %g alpha %g step %g smooth %g, min %lld rows %g hessian %g gain, "
        "onehot %d threshold %d cat_smooth %g cat_l2 %g group %lld, rows %g features %g node %g",
        (unsigned long long)c->seed, (long long)c->data.n_rows, (int)c->cuts.n_features,
        (int)n_categorical, (int)n_shared, (int)c->data.bins.n_columns, c->objective.name,
        c->weight != NULL ? " weighted" : "", c->sets_gradients ? " own gradients" : "",
        c->is_common ? " common" : "", (int)c->config.gradient_bits, c->config.regular.lambda,
        c->config.regular.alpha, c->config.regular.max_delta_step, c->config.regular.path_smooth,
        (long long)c->config.min_child_samples, c->config.min_child_weight,
        c->config.min_split_gain, (int)c->config.max_cat_to_onehot,
        (int)c->config.max_cat_threshold, c->config.cat_smooth, c->config.cat_l2,
        (long long)c->config.min_data_per_group, c->row_rate, c->feature_rate,
        c->node_feature_rate);
}
