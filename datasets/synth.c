/* The generators of synth.h. Column c of row r draws from stream c at position r, so rows are
 * independent of each other. Cost: about 20 ns a normal draw. */
#include "datasets/synth.h"

#include <math.h>
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/base/maths.h"
#include "gbt/base/parallel.h"
#include "gbt/base/rng.h"

/* ---- Draws ----------------------------------------------------------------------------------- */

/* Streams that are not a feature's. */
enum {
    STREAM_LABEL = -1,
    STREAM_GROUP = -2,
    STREAM_WEIGHT = -3,
    STREAM_SIZE = -4,
    STREAM_CENTRE = -5,
    STREAM_WAVE = -6
};

static uint64_t stream(const gbt_synth_spec *spec, int64_t number)
{
    return gbt_rng_mix(gbt_rng_key(spec->seed, (uint64_t)spec->kind, 0, GBT_RNG_SYNTH) +
                       (uint64_t)number * 0x9E3779B97F4A7C15ull);
}

/* Uniform in [0, 1). */
static double unit(const gbt_synth_spec *spec, int64_t number, int64_t position)
{
    return gbt_rng_unit(stream(spec, number), (uint64_t)position);
}

static int64_t below(const gbt_synth_spec *spec, int64_t number, int64_t position, int64_t n)
{
    return (int64_t)(unit(spec, number, position) * (double)n);
}

/* Standard normal by the polar method [MarsagliaBray64]: of 32 points of the square the first one
 * inside the circle. */
static double normal(const gbt_synth_spec *spec, int64_t number, int64_t position)
{
    uint64_t key = stream(spec, number);
    for (uint64_t attempt = 0; attempt < 32; attempt++) {
        uint64_t at = (uint64_t)position * 64 + 2 * attempt;
        double x = 2 * gbt_rng_unit(key, at) - 1;
        double y = 2 * gbt_rng_unit(key, at + 1) - 1;
        double square = x * x + y * y;
        if (square < 1 && square > 0) {
            return x * sqrt(-2 * gbt_log(square) / square);
        }
    }
    return 0;
}

/* sin(pi x) for x in [0, 1] by its Taylor series. */
static double sine_of_half_turns(double x)
{
    double y = 3.14159265358979323846 * (x > 0.5 ? 1 - x : x);
    double sum = 0, term = y;
    for (int k = 1; k <= 21; k += 2) {
        sum += term;
        term *= -y * y / ((k + 1) * (k + 2));
    }
    return sum;
}

static float binary_label(const gbt_synth_spec *spec, int64_t row, double margin)
{
    return unit(spec, STREAM_LABEL, row) < 1 / (1 + gbt_exp(-margin)) ? 1.0f : 0.0f;
}

/* cos(pi x). */
static double cosine_of_half_turns(double x)
{
    const double turned = x + 0.5 - 2 * floor((x + 0.5) / 2); /* sin(pi turned), in [0, 2) */
    return turned < 1 ? sine_of_half_turns(turned) : -sine_of_half_turns(turned - 1);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* Function 0 is that of the ordinary tasks, 1 that of the outliers, 2 + r that of task r:
 *     f(x) = sum_j z_j sqrt(2 / N) cos(w_j x / l + u_j),  l = d / 4
 * with z and w standard normal, u uniform over a turn. A wave is z, u / pi, w / (pi l). */
enum { N_WAVES = 500, WAVE_HEAD = 2 };

static int64_t wave_size(const gbt_synth_spec *spec)
{
    return spec->n_features + WAVE_HEAD;
}

static double wave_number(const gbt_synth_spec *spec, int64_t position)
{
    if (spec->waves) {
        return spec->waves[position];
    }
    const int64_t part = position % wave_size(spec);
    const int64_t at = (int64_t)spec->attempt << 40 | position;
    const double turn = 4.0 / (3.14159265358979323846 * spec->n_features);
    return part == 0   ? normal(spec, STREAM_WAVE, at)
           : part == 1 ? 2 * unit(spec, STREAM_WAVE, at * 64)
                       : normal(spec, STREAM_WAVE, at) * turn;
}

static double wave_sum(const gbt_synth_spec *spec, int64_t function, const float *x)
{
    int64_t at = function * N_WAVES * wave_size(spec);
    double sum = 0;
    for (int j = 0; j < N_WAVES; j++, at += wave_size(spec)) {
        double phase = wave_number(spec, at + 1);
        for (int32_t c = 0; c < spec->n_features; c++) {
            phase += wave_number(spec, at + WAVE_HEAD + c) * (double)x[c];
        }
        sum += wave_number(spec, at) * cosine_of_half_turns(phase);
    }
    return sum * sqrt(2.0 / N_WAVES);
}

static void multitask_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label,
                          int32_t *task)
{
    *task = (int32_t)(row % spec->n_groups);
    const bool is_outlier = spec->n_outliers > 0 && *task >= spec->n_groups - spec->n_outliers;
    for (int32_t c = 0; c < spec->n_features; c++) {
        feature[c] = (float)(2 * unit(spec, c, row) - 1);
    }
    const double y =
        0.9 * wave_sum(spec, is_outlier, feature) + 0.1 * wave_sum(spec, 2 + *task, feature);
    *label = spec->kind == GBT_SYNTH_MULTITASK ? (float)y : y > 0 ? 1.0f : 0.0f;
}

gbt_status gbt_synth_waves(const gbt_synth_spec *spec, double **out)
{
    *out = NULL;
    if (!gbt_synth_has_tasks(spec->kind)) {
        return GBT_OK;
    }
    const int64_t n = (2 + (int64_t)spec->n_groups) * N_WAVES * wave_size(spec);
    gbt_synth_spec drawing = *spec;
    drawing.waves = NULL;
    GBT_TRY(GBT_NEW(*out, n));
    for (int64_t i = 0; i < n; i++) {
        (*out)[i] = wave_number(&drawing, i);
    }
    return GBT_OK;
}

/* Is one of the classes below a tenth of the first rows of some task? */
static bool has_rare_class(const gbt_synth_spec *spec, float *feature)
{
    enum { PROBES = 200 };
    for (int32_t r = 0; r < spec->n_groups; r++) {
        int n_positive = 0;
        for (int64_t i = 0; i < PROBES; i++) {
            float label;
            int32_t task;
            multitask_row(spec, i * spec->n_groups + r, feature, &label, &task);
            n_positive += label > 0;
        }
        if (n_positive * 10 < PROBES || n_positive * 10 > 9 * PROBES) {
            return true;
        }
    }
    return false;
}

/* Redraws the functions until every task has both classes. */
static gbt_status choose_attempt(gbt_synth_spec *spec)
{
    enum { MOST_ATTEMPTS = 1000 };
    gbt_status status = GBT_OK;
    gbt_synth_spec tried = *spec;
    float *feature = NULL;
    double *waves = NULL;
    bool is_good = false;
    GBT_TRY_OR_DONE(GBT_NEW(feature, spec->n_features));
    for (tried.attempt = 0; !is_good && tried.attempt < MOST_ATTEMPTS; tried.attempt++) {
        GBT_TRY_OR_DONE(gbt_synth_waves(&tried, &waves));
        tried.waves = waves;
        is_good = !has_rare_class(&tried, feature);
        spec->attempt = tried.attempt;
        gbt_release(waves);
        tried.waves = waves = NULL;
    }
done:
    gbt_release(feature);
    gbt_release(waves);
    return status;
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

static double friedman(const float *x)
{
    double x0 = (double)x[0], x1 = (double)x[1], x2 = (double)x[2];
    return 10 * sine_of_half_turns(x0 * x1) + 20 * (x2 - 0.5) * (x2 - 0.5) + 10 * (double)x[3] +
           5 * (double)x[4];
}

static void uniform_features(const gbt_synth_spec *spec, int64_t row, float *feature)
{
    for (int32_t c = 0; c < spec->n_features; c++) {
        feature[c] = (float)unit(spec, c, row);
    }
}

static void friedman_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    uniform_features(spec, row, feature);
    *label = (float)(friedman(feature) + normal(spec, STREAM_LABEL, row));
}

static void higgs_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    double x[28];
    for (int32_t c = 0; c < spec->n_features; c++) {
        double draw = normal(spec, c, row);
        double value = c % 28 < 21 ? draw : gbt_exp(0.5 * draw);
        feature[c] = (float)value;
        if (c < 28) {
            x[c] = value;
        }
    }
    double margin = 0.8 * x[0] * x[1] - 0.5 * x[2] * fabs(x[3]) +
                    (x[4] > 0.2 ? x[5] : -0.4 * x[6]) + 0.6 * (x[21] - 1.1) * x[7] +
                    0.5 * (x[22] - x[23]) * (x[22] - x[23]) - 0.4;
    for (int k = 8; k < 20; k++) {
        margin += 0.1 * x[k];
    }
    *label = binary_label(spec, row, 1.2 * margin);
}

static void wide_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    uniform_features(spec, row, feature);
    double sum = friedman(feature);
    for (int32_t k = 5; k < 10; k++) {
        sum += (k % 2 == 0 ? 4 : -4) * (double)feature[(int64_t)k * spec->n_features / 10];
    }
    *label = (float)(sum + normal(spec, STREAM_LABEL, row));
}

static void blobs_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    int64_t class = below(spec, STREAM_GROUP, row, spec->n_groups);
    for (int32_t c = 0; c < spec->n_features; c++) {
        double centre = 4 * unit(spec, STREAM_CENTRE, class * spec->n_features + c) - 2;
        feature[c] = (float)(centre + normal(spec, c, row));
    }
    *label = (float)class;
}

static int64_t levels_of(int32_t feature)
{
    static const int64_t levels[] = {2, 5, 20, 100, 1000};
    return levels[feature / 2 % 5];
}

/* Low levels are frequent, high ones rare; each has an effect of its own. */
static void categorical_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    double margin = 0;
    for (int32_t c = 0; c < spec->n_features; c++) {
        bool is_missing = unit(spec, c, 2 * row) < 0.1;
        double draw = unit(spec, c, 2 * row + 1);
        if (gbt_synth_is_categorical(spec, c)) {
            int64_t level = (int64_t)(draw * draw * (double)levels_of(c));
            feature[c] = (float)level;
            margin += is_missing ? 0.3 : normal(spec, STREAM_WEIGHT, (int64_t)c * 1000 + level);
        } else {
            feature[c] = (float)draw;
            margin += is_missing ? -0.3 : (c % 3 == 0 ? 2 : -2) * (draw - 0.5);
        }
        if (is_missing) {
            feature[c] = NAN;
        }
    }
    *label = binary_label(spec, row, 2 * margin / sqrt((double)spec->n_features));
}

static void piecewise_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label)
{
    for (int32_t c = 0; c < spec->n_features; c++) {
        feature[c] = (float)below(spec, c, row, 64) * (1.0f / 64);
    }
    float sum = feature[0] > 0.5f ? 4.0f : -1.5f;
    sum += feature[1] > 0.25f ? 0.75f : feature[2] > 0.75f ? -2.0f : 0.25f;
    sum += feature[3] > 0.5f && feature[0] <= 0.5f ? 1.0f : 0.0f;
    *label = sum;
}

int32_t gbt_synth_sparse_row(const gbt_synth_spec *spec, int64_t row, int32_t *column, float *value,
                             float *label)
{
    int32_t wanted = 5 + (int32_t)below(spec, STREAM_SIZE, row, GBT_SYNTH_MOST_ENTRIES - 4), n = 0;
    for (int32_t k = 0; k < wanted; k++) {
        double draw = unit(spec, k, row);
        int32_t fresh = (int32_t)(draw * draw * draw * (double)spec->n_features);
        int32_t at = n;
        while (at > 0 && column[at - 1] > fresh) {
            at--;
        }
        if (at > 0 && column[at - 1] == fresh) {
            continue;
        }
        memmove(column + at + 1, column + at, (size_t)(n - at) * sizeof *column);
        column[at] = fresh;
        n++;
    }
    double margin = 0;
    for (int32_t k = 0; k < n; k++) {
        value[k] = (float)(1 + below(spec, GBT_SYNTH_MOST_ENTRIES + k, row, 8)) * 0.25f;
        margin += normal(spec, STREAM_WEIGHT, column[k]) * (double)value[k];
    }
    *label = binary_label(spec, row, margin);
    return n;
}

void gbt_synth_row(const gbt_synth_spec *spec, int64_t row, float *feature, float *label,
                   int32_t *task)
{
    *task = 0;
    switch (spec->kind) {
    case GBT_SYNTH_HIGGS:
        higgs_row(spec, row, feature, label);
        break;
    case GBT_SYNTH_WIDE:
        wide_row(spec, row, feature, label);
        break;
    case GBT_SYNTH_BLOBS:
        blobs_row(spec, row, feature, label);
        break;
    case GBT_SYNTH_CATEGORICAL:
        categorical_row(spec, row, feature, label);
        break;
    case GBT_SYNTH_PIECEWISE:
        piecewise_row(spec, row, feature, label);
        break;
    case GBT_SYNTH_MULTITASK:
    case GBT_SYNTH_MULTITASK_CLASSES:
        multitask_row(spec, row, feature, label, task);
        break;
    default:
        friedman_row(spec, row, feature, label);
        break;
    }
}

/* ---- Specs ----------------------------------------------------------------------------------- */

typedef struct kind_facts {
    const char *name, *doc;
    int32_t least_features, usual_features, most_features;
    int32_t least_groups, usual_groups; /* 0: the kind has no groups */
} kind_facts;

static const kind_facts facts[GBT_SYNTH_KINDS] = {
    {"friedman1", "regression, smooth with interactions, 5 features matter", 5, 10, 1 << 20, 0, 0},
    {"higgs", "binary, 28 features like those of a physics experiment", 28, 28, 1 << 20, 0, 0},
    {"wide", "regression, 10 of many features matter", 10, 500, 1 << 20, 0, 0},
    {"blobs", "classes around random centres", 1, 10, 1 << 20, 2, 5},
    {"categorical", "binary, half of the features are categories, missing cells", 2, 20, 1 << 20, 0,
     0},
    {"sparse", "binary, few entries in many columns", 100, 100000, 1 << 30, 0, 0},
    {"piecewise", "regression, all numbers dyadic, no noise", 4, 8, 1 << 20, 0, 0},
    {"multitask_regression", "regression, related tasks and outlier tasks", 1, 5, 1 << 16, 2, 10},
    {"multitask_classification", "binary, related tasks and outlier tasks", 1, 5, 1 << 16, 2, 10},
};

const char *gbt_synth_name(gbt_synth_kind kind)
{
    return facts[kind].name;
}

const char *gbt_synth_doc(gbt_synth_kind kind)
{
    return facts[kind].doc;
}

bool gbt_synth_find(const char *name, gbt_synth_kind *out)
{
    for (int k = 0; k < GBT_SYNTH_KINDS; k++) {
        if (strcmp(name, facts[k].name) == 0) {
            *out = (gbt_synth_kind)k;
            return true;
        }
    }
    return false;
}

gbt_status gbt_synth_complete(gbt_synth_spec *spec)
{
    const kind_facts *fact = &facts[spec->kind];
    spec->n_features = spec->n_features == 0 ? fact->usual_features : spec->n_features;
    spec->n_groups = spec->n_groups == 0 ? fact->usual_groups : spec->n_groups;
    if (spec->n_features < fact->least_features || spec->n_features > fact->most_features) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s has %d to %d features, not %d", fact->name,
                        fact->least_features, fact->most_features, spec->n_features);
    }
    if (fact->least_groups == 0 && spec->n_groups != 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s has neither classes nor tasks", fact->name);
    }
    if (spec->n_groups < fact->least_groups || spec->n_groups > 1000000) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s has %d to 1000000 classes or tasks, not %d",
                        fact->name, fact->least_groups, spec->n_groups);
    }
    const bool has_tasks = gbt_synth_has_tasks(spec->kind);
    if (spec->n_outliers < -1 || spec->n_outliers >= (has_tasks ? spec->n_groups : 1)) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s has %d tasks, so %d outliers cannot be", fact->name,
                        has_tasks ? spec->n_groups : 0, spec->n_outliers);
    }
    if (has_tasks) {
        const int32_t usual = spec->n_groups >= 5 ? spec->n_groups / 5 : 1;
        spec->n_outliers = spec->n_outliers == 0 ? usual : spec->n_outliers;
    }
    return spec->kind == GBT_SYNTH_MULTITASK_CLASSES && !spec->waves ? choose_attempt(spec)
                                                                     : GBT_OK;
}

bool gbt_synth_has_tasks(gbt_synth_kind kind)
{
    return kind == GBT_SYNTH_MULTITASK || kind == GBT_SYNTH_MULTITASK_CLASSES;
}

bool gbt_synth_is_categorical(const gbt_synth_spec *spec, int32_t feature)
{
    return spec->kind == GBT_SYNTH_CATEGORICAL && feature % 2 == 0;
}

/* ---- Whole sets ------------------------------------------------------------------------------ */

typedef struct fill_job {
    const gbt_synth_spec *spec;
    gbt_synth_dense *out;
} fill_job;

static void fill_rows(void *context, int64_t first, int64_t last, int thread)
{
    const fill_job *job = context;
    gbt_synth_dense *out = job->out;
    (void)thread;
    for (int64_t row = first; row < last; row++) {
        gbt_synth_row(job->spec, row, out->feature + row * out->n_features, &out->label[row],
                      &out->task[row]);
    }
}

gbt_status gbt_synth_fill(const gbt_synth_spec *wanted, int64_t n_rows, int threads,
                          gbt_synth_dense *out)
{
    gbt_status status = GBT_OK;
    gbt_synth_spec spec = *wanted;
    double *waves = NULL;
    *out = (gbt_synth_dense){0};
    if (spec.kind == GBT_SYNTH_SPARSE) {
        return gbt_fail(GBT_ERR_ARGUMENT, "sparse rows do not fit a dense table");
    }
    GBT_TRY(gbt_synth_complete(&spec));
    out->n_rows = n_rows;
    out->n_features = spec.n_features;
    GBT_TRY_OR_DONE(GBT_NEW(out->feature, n_rows * spec.n_features));
    GBT_TRY_OR_DONE(GBT_NEW(out->label, n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(out->task, n_rows));
    GBT_TRY_OR_DONE(gbt_synth_waves(&spec, &waves));
    spec.waves = waves;
    fill_job job = {&spec, out};
    gbt_for_chunks(gbt_thread_count(threads), n_rows, 1024, fill_rows, &job);
done:
    gbt_release(waves);
    if (status != GBT_OK) {
        gbt_synth_dense_close(out);
    }
    return status;
}

gbt_status gbt_synth_fill_sparse(const gbt_synth_spec *wanted, int64_t n_rows, gbt_synth_csr *out)
{
    gbt_status status = GBT_OK;
    gbt_synth_spec spec = *wanted;
    *out = (gbt_synth_csr){0};
    if (spec.kind != GBT_SYNTH_SPARSE) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is not a sparse kind", gbt_synth_name(spec.kind));
    }
    GBT_TRY(gbt_synth_complete(&spec));
    out->n_rows = n_rows;
    out->n_features = spec.n_features;
    GBT_TRY_OR_DONE(GBT_NEW(out->row_start, n_rows + 1));
    GBT_TRY_OR_DONE(GBT_NEW(out->label, n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(out->column, n_rows * GBT_SYNTH_MOST_ENTRIES));
    GBT_TRY_OR_DONE(GBT_NEW(out->value, n_rows * GBT_SYNTH_MOST_ENTRIES));
    out->row_start[0] = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        int64_t at = out->row_start[row];
        out->row_start[row + 1] = at + gbt_synth_sparse_row(&spec, row, out->column + at,
                                                            out->value + at, &out->label[row]);
    }
done:
    if (status != GBT_OK) {
        gbt_synth_csr_close(out);
    }
    return status;
}

void gbt_synth_dense_close(gbt_synth_dense *dense)
{
    gbt_release(dense->feature);
    gbt_release(dense->label);
    gbt_release(dense->task);
    *dense = (gbt_synth_dense){0};
}

void gbt_synth_csr_close(gbt_synth_csr *csr)
{
    gbt_release(csr->row_start);
    gbt_release(csr->column);
    gbt_release(csr->value);
    gbt_release(csr->label);
    *csr = (gbt_synth_csr){0};
}
