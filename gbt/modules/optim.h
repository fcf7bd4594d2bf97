/* Minimisers of a smooth function of a flat vector: L-BFGS [LiuNocedal89] and Adam [KingmaBa15].
 * All memory is taken when a minimiser is opened; minimising allocates nothing and, like any sum in
 * a fixed order, gives the same bits on every run. Knows nothing of networks or data. */
#ifndef GBT_MODULES_OPTIM_H
#define GBT_MODULES_OPTIM_H

#include "gbt/base/status.h"

/* The value at x [n], and its gradient [n] into `grad`. A value that is not finite is taken for a
 * point outside the domain. */
typedef double (*gbt_slope_fn)(void *context, const double *x, double *grad);

typedef struct gbt_minimise_options {
    int64_t max_iterations;    /* >= 0 */
    double gradient_tolerance; /* stop when no entry of the gradient is larger */
    double relative_decrease;  /* stop when an iteration (Adam: 25 of them) lowers the value by
                                  no more than this times max(|before|, |after|, value_scale) */
    double value_scale;        /* 0: relative to the value alone */
    double learning_rate;      /* of Adam, > 0 */
} gbt_minimise_options;

/* 2.2e-9 relative decrease, value scale 1: what SciPy's L-BFGS-B takes by default; 200 iterations,
 * gradient tolerance 1e-5, learning rate 0.001. */
gbt_minimise_options gbt_minimise_defaults(void);

typedef enum gbt_minimise_end {
    GBT_MINIMISE_GRADIENT,   /* the gradient is small enough          */
    GBT_MINIMISE_VALUE,      /* the value has settled                 */
    GBT_MINIMISE_ITERATIONS, /* as many iterations as were allowed    */
    GBT_MINIMISE_STUCK,      /* no lower point could be found         */
    GBT_MINIMISE_NOT_FINITE  /* no finite value or slope at the start */
} gbt_minimise_end;

typedef struct gbt_minimise_result {
    double value;
    double gradient; /* its largest entry */
    int64_t iterations, calls;
    gbt_minimise_end end;
} gbt_minimise_result;

/* ---- L-BFGS ---------------------------------------------------------------------------------- */

enum { GBT_LBFGS_MEMORY = 10 };

typedef struct gbt_lbfgs gbt_lbfgs;

/* For vectors of at most `n_most` entries: 24 n_most numbers. ERR_MEMORY. */
gbt_status gbt_lbfgs_open(int64_t n_most, gbt_lbfgs **out);
void gbt_lbfgs_close(gbt_lbfgs *); /* NULL is a no-op */

/* Goes downhill from x [n] and leaves the lowest point found there. Strong Wolfe conditions
 * [NocedalWright06 algorithms 3.5, 3.6, 7.5]; about 1.1 calls and 4 GBT_LBFGS_MEMORY n
 * multiplications an iteration. */
gbt_minimise_result gbt_lbfgs_minimise(gbt_lbfgs *, int64_t n, gbt_slope_fn, void *context,
                                       const gbt_minimise_options *, double *x);

/* ---- Adam ------------------------------------------------------------------------------------ */

typedef struct gbt_adam gbt_adam;

gbt_status gbt_adam_open(int64_t n_most, gbt_adam **out); /* 4 n_most numbers */
void gbt_adam_close(gbt_adam *);

/* The same by Adam with decay rates 0.9 and 0.999: steps of about the learning rate, one call
 * each. */
gbt_minimise_result gbt_adam_minimise(gbt_adam *, int64_t n, gbt_slope_fn, void *context,
                                      const gbt_minimise_options *, double *x);

#endif
