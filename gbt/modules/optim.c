/* L-BFGS with a strong Wolfe line search, and Adam. */
#include "gbt/modules/optim.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "gbt/base/alloc.h"

gbt_minimise_options gbt_minimise_defaults(void)
{
    return (gbt_minimise_options){
        .max_iterations = 200,
        .gradient_tolerance = 1e-5,
        .relative_decrease = 2.220446049250313e-9,
        .value_scale = 1.0,
        .learning_rate = 0.001,
    };
}

/* Four running sums: the order is fixed and short enough a chain for one core. */
static double dot(const double *a, const double *b, int64_t n)
{
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        sum[0] += a[i] * b[i];
        sum[1] += a[i + 1] * b[i + 1];
        sum[2] += a[i + 2] * b[i + 2];
        sum[3] += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        sum[0] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* y += factor * x */
static void add_scaled(double *y, double factor, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        y[i] += factor * x[i];
    }
}

static double largest_of(const double *x, int64_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double size = fabs(x[i]);
        largest = size <= largest ? largest : size; /* a NaN is kept */
    }
    return largest;
}

static bool has_settled(double before, double after, const gbt_minimise_options *options)
{
    const double larger = fmax(fabs(before), fabs(after));
    return before - after <= options->relative_decrease * fmax(larger, options->value_scale);
}

/* ---- Line search ----------------------------------------------------------------------------- */

/* The function along a line: phi(step) = f(origin + step * direction). */
typedef struct line {
    gbt_slope_fn fn;
    void *context;
    int64_t n;
    int64_t probes, calls;            /* of this search, of all */
    const double *origin, *direction; /* [n] */
    double *x, *grad;                 /* [n] of the latest probe */
    double latest;                    /* its step */
} line;

typedef struct probe {
    double step, value, slope; /* phi(step), phi'(step) */
} probe;

static const double sufficient_decrease = 1e-4, curvature = 0.9; /* c1, c2 of the conditions */
enum { MOST_PROBES = 20 };

static probe look(line *l, double step)
{
    for (int64_t i = 0; i < l->n; i++) {
        l->x[i] = l->origin[i] + step * l->direction[i];
    }
    probe p = {step, l->fn(l->context, l->x, l->grad), 0.0};
    p.slope = dot(l->grad, l->direction, l->n);
    l->latest = step;
    l->probes++;
    l->calls++;
    if (!isfinite(p.value) || !isfinite(p.slope)) {
        p = (probe){step, (double)INFINITY, (double)INFINITY}; /* too far */
    }
    return p;
}

static bool falls_enough(const probe *start, const probe *p)
{
    return p->value <= start->value + sufficient_decrease * p->step * start->slope;
}

static bool is_flat_enough(const probe *start, const probe *p)
{
    return fabs(p->slope) <= -curvature * start->slope;
}

/* Minimiser of the cubic through two probes [NocedalWright06 eq. 3.59], kept a tenth of the way
 * from both; the middle when there is none. */
static double interpolate(const probe *a, const probe *b)
{
    const double width = b->step - a->step;
    const double d1 = a->slope + b->slope - 3.0 * (a->value - b->value) / (a->step - b->step);
    const double square = d1 * d1 - a->slope * b->slope;
    const double d2 = square > 0.0 ? copysign(sqrt(square), width) : 0.0;
    const double part =
        1.0 - (b->slope + d2 - d1) / (b->slope - a->slope + 2.0 * d2); /* of the way to b */
    if (!(square > 0.0) || !isfinite(part)) {
        return a->step + 0.5 * width;
    }
    return a->step + fmin(fmax(part, 0.1), 0.9) * width;
}

/* Narrows a bracket down [NocedalWright06 algorithm 3.6]. `low` is the lower end and satisfies the
 * decrease condition (or is the start). */
static probe zoom(line *l, const probe *start, probe low, probe high)
{
    while (l->probes < MOST_PROBES && low.step != high.step) {
        const probe p = look(l, interpolate(&low, &high));
        if (!falls_enough(start, &p) || p.value >= low.value) {
            high = p;
            continue;
        }
        if (is_flat_enough(start, &p)) {
            return p;
        }
        if (p.slope * (high.step - low.step) >= 0.0) {
            high = low;
        }
        low = p;
    }
    return low;
}

/* A step along the line [NocedalWright06 algorithm 3.5]; its x and grad are in the line. Step 0:
 * none was found. */
static probe search(line *l, double value, double slope, double first_step)
{
    const probe start = {0.0, value, slope};
    probe before = start, p = start;
    l->probes = 0;
    for (double step = first_step; l->probes < MOST_PROBES; step *= 4.0) {
        p = look(l, step);
        if (!falls_enough(&start, &p) || (l->probes > 1 && p.value >= before.value)) {
            p = zoom(l, &start, before, p);
            break;
        }
        if (is_flat_enough(&start, &p)) {
            break;
        }
        if (p.slope >= 0.0) {
            p = zoom(l, &start, p, before);
            break;
        }
        before = p;
    }
    return p.step > 0.0 && l->latest != p.step ? look(l, p.step) : p;
}

/* ---- L-BFGS ---------------------------------------------------------------------------------- */

struct gbt_lbfgs {
    int64_t n_most;
    double *memory;                                      /* everything below */
    double *x, *grad, *direction, *probe_x, *probe_grad; /* [n_most] */
    double *moved[GBT_LBFGS_MEMORY];                     /* s_k = x_{k+1} - x_k, [n_most] */
    double *turned[GBT_LBFGS_MEMORY];                    /* y_k = grad_{k+1} - grad_k */
    double product[GBT_LBFGS_MEMORY];                    /* s_k y_k > 0 */
    int n_pairs, newest;
};

gbt_status gbt_lbfgs_open(int64_t n_most, gbt_lbfgs **out)
{
    gbt_status status = GBT_OK;
    gbt_lbfgs *made = NULL;
    *out = NULL;
    if (n_most < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "a vector of %lld entries", (long long)n_most);
    }
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(made, 1));
    made->n_most = n_most;
    const size_t row = (size_t)n_most * sizeof(double);
    made->memory = gbt_alloc(5 + 2 * GBT_LBFGS_MEMORY, row);
    if (made->memory == NULL) {
        status = GBT_ERR_MEMORY;
        goto done;
    }
    double *next = made->memory;
    double **const single[] = {&made->x, &made->grad, &made->direction, &made->probe_x,
                               &made->probe_grad};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++, next += n_most) {
        *single[i] = next;
    }
    for (int i = 0; i < GBT_LBFGS_MEMORY; i++, next += 2 * n_most) {
        made->moved[i] = next;
        made->turned[i] = next + n_most;
    }
    *out = made;
    made = NULL;
done:
    gbt_lbfgs_close(made);
    return status;
}

void gbt_lbfgs_close(gbt_lbfgs *m)
{
    if (m != NULL) {
        gbt_release(m->memory);
        gbt_release(m);
    }
}

/* The pair that is `age` iterations old. */
static int pair_of(const gbt_lbfgs *m, int age)
{
    return (m->newest - age + GBT_LBFGS_MEMORY) % GBT_LBFGS_MEMORY;
}

/* direction = -H grad by the two loops [NocedalWright06 algorithm 7.4]. */
static void find_direction(gbt_lbfgs *m, int64_t n)
{
    double share[GBT_LBFGS_MEMORY];
    for (int64_t i = 0; i < n; i++) {
        m->direction[i] = -m->grad[i];
    }
    for (int age = 0; age < m->n_pairs; age++) {
        const int k = pair_of(m, age);
        share[k] = dot(m->moved[k], m->direction, n) / m->product[k];
        add_scaled(m->direction, -share[k], m->turned[k], n);
    }
    if (m->n_pairs > 0) {
        const double *y = m->turned[m->newest];
        const double scale = m->product[m->newest] / dot(y, y, n);
        for (int64_t i = 0; i < n; i++) {
            m->direction[i] *= scale;
        }
    }
    for (int age = m->n_pairs - 1; age >= 0; age--) {
        const int k = pair_of(m, age);
        const double back = dot(m->turned[k], m->direction, n) / m->product[k];
        add_scaled(m->direction, share[k] - back, m->moved[k], n);
    }
}

/* Remembers the step from (x, grad) to the latest probe, unless the slope did not rise along it. */
static void remember_pair(gbt_lbfgs *m, int64_t n)
{
    const int k = m->n_pairs == 0 ? 0 : (m->newest + 1) % GBT_LBFGS_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        m->moved[k][i] = m->probe_x[i] - m->x[i];
        m->turned[k][i] = m->probe_grad[i] - m->grad[i];
    }
    const double product = dot(m->moved[k], m->turned[k], n);
    if (product > 0x1p-52 * dot(m->turned[k], m->turned[k], n)) {
        m->product[k] = product;
        m->newest = k;
        m->n_pairs += m->n_pairs < GBT_LBFGS_MEMORY;
    }
}

/* One line search; the steepest descent is tried when the remembered pairs lead nowhere. */
static probe descend(gbt_lbfgs *m, line *l, double value)
{
    probe p = {0.0, value, 0.0};
    for (;;) {
        find_direction(m, l->n);
        const double slope = dot(m->grad, m->direction, l->n);
        const double first = m->n_pairs > 0 ? 1.0 : fmin(1.0, 1.0 / sqrt(-slope));
        if (slope < 0.0 && isfinite(first) && first > 0.0) {
            p = search(l, value, slope, first);
        }
        if (p.step > 0.0 || m->n_pairs == 0) {
            return p;
        }
        m->n_pairs = 0;
    }
}

gbt_minimise_result gbt_lbfgs_minimise(gbt_lbfgs *m, int64_t n, gbt_slope_fn fn, void *context,
                                       const gbt_minimise_options *options, double *x)
{
    const size_t bytes = (size_t)n * sizeof *x;
    line l = {.fn = fn,
              .context = context,
              .n = n,
              .origin = m->x,
              .direction = m->direction,
              .x = m->probe_x,
              .grad = m->probe_grad};
    gbt_minimise_result result = {.calls = 1, .end = GBT_MINIMISE_ITERATIONS};
    memcpy(m->x, x, bytes);
    m->n_pairs = 0;
    result.value = fn(context, m->x, m->grad);
    result.gradient = largest_of(m->grad, n);
    if (!isfinite(result.value) || !isfinite(result.gradient)) {
        result.end = GBT_MINIMISE_NOT_FINITE;
        return result;
    }
    while (result.iterations < options->max_iterations) {
        if (result.gradient <= options->gradient_tolerance) {
            result.end = GBT_MINIMISE_GRADIENT;
            break;
        }
        const double before = result.value;
        const probe p = descend(m, &l, before);
        result.calls = 1 + l.calls;
        if (!(p.step > 0.0)) {
            result.end = GBT_MINIMISE_STUCK;
            break;
        }
        remember_pair(m, n);
        memcpy(m->x, m->probe_x, bytes);
        memcpy(m->grad, m->probe_grad, bytes);
        result.iterations++;
        result.value = p.value;
        result.gradient = largest_of(m->grad, n);
        if (has_settled(before, result.value, options)) {
            result.end = GBT_MINIMISE_VALUE;
            break;
        }
    }
    memcpy(x, m->x, bytes);
    return result;
}

/* ---- Adam ------------------------------------------------------------------------------------ */

struct gbt_adam {
    double *memory;
    double *grad, *mean, *square, *best; /* [n_most] */
};

gbt_status gbt_adam_open(int64_t n_most, gbt_adam **out)
{
    gbt_adam *made = NULL;
    *out = NULL;
    if (n_most < 0) {
        return gbt_fail(GBT_ERR_ARGUMENT, "a vector of %lld entries", (long long)n_most);
    }
    GBT_TRY(GBT_NEW_ZERO(made, 1));
    made->memory = gbt_alloc(4, (size_t)n_most * sizeof(double));
    if (made->memory == NULL) {
        gbt_release(made);
        return GBT_ERR_MEMORY;
    }
    made->grad = made->memory;
    made->mean = made->grad + n_most;
    made->square = made->mean + n_most;
    made->best = made->square + n_most;
    *out = made;
    return GBT_OK;
}

void gbt_adam_close(gbt_adam *a)
{
    if (a != NULL) {
        gbt_release(a->memory);
        gbt_release(a);
    }
}

/* One step [KingmaBa15 algorithm 1]; decay: the powers of the decay rates. */
static void adam_step(gbt_adam *a, int64_t n, double rate, const double decay[2], double *x)
{
    const double length = rate * sqrt(1.0 - decay[1]) / (1.0 - decay[0]);
    for (int64_t i = 0; i < n; i++) {
        const double g = a->grad[i];
        a->mean[i] = 0.9 * a->mean[i] + 0.1 * g;
        a->square[i] = 0.999 * a->square[i] + 0.001 * g * g;
        x[i] -= length * a->mean[i] / (sqrt(a->square[i]) + 1e-8);
    }
}

gbt_minimise_result gbt_adam_minimise(gbt_adam *a, int64_t n, gbt_slope_fn fn, void *context,
                                      const gbt_minimise_options *options, double *x)
{
    enum { PATIENCE = 25 }; /* longer than momentum swings */
    const size_t bytes = (size_t)n * sizeof *x;
    gbt_minimise_result result = {.calls = 1, .end = GBT_MINIMISE_ITERATIONS};
    double decay[2] = {1.0, 1.0};
    double mark = 0.0; /* the best value PATIENCE iterations ago */
    memset(a->mean, 0, bytes);
    memset(a->square, 0, bytes);
    memcpy(a->best, x, bytes);
    double value = fn(context, x, a->grad);
    result.gradient = largest_of(a->grad, n);
    result.value = mark = value;
    if (!isfinite(value) || !isfinite(result.gradient)) {
        result.end = GBT_MINIMISE_NOT_FINITE;
        return result;
    }
    while (result.iterations < options->max_iterations) {
        if (largest_of(a->grad, n) <= options->gradient_tolerance) {
            result.end = GBT_MINIMISE_GRADIENT;
            break;
        }
        decay[0] *= 0.9;
        decay[1] *= 0.999;
        adam_step(a, n, options->learning_rate, decay, x);
        value = fn(context, x, a->grad);
        result.calls++;
        result.iterations++;
        if (!isfinite(value) || !isfinite(largest_of(a->grad, n))) {
            result.end = GBT_MINIMISE_STUCK;
            break;
        }
        if (value < result.value) {
            result.value = value;
            result.gradient = largest_of(a->grad, n);
            memcpy(a->best, x, bytes);
        }
        if (result.iterations % PATIENCE == 0) {
            if (has_settled(mark, result.value, options)) {
                result.end = GBT_MINIMISE_VALUE;
                break;
            }
            mark = result.value;
        }
    }
    memcpy(x, a->best, bytes);
    return result;
}
