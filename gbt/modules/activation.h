/* What a hidden unit makes of its weighted sum. Straight-line code, so loops over rows vectorise;
 * from base/maths.h, so the bits are the same everywhere. Errors: a few ulp. */
#ifndef GBT_MODULES_ACTIVATION_H
#define GBT_MODULES_ACTIVATION_H

#include <math.h>

#include "gbt/base/maths.h"

/* Numbered as the values of the key `activation`. */
typedef enum gbt_activation {
    GBT_UNIT_LOGISTIC = 0,
    GBT_UNIT_TANH = 1,
    GBT_UNIT_RELU = 2,
    GBT_UNIT_IDENTITY = 3
} gbt_activation;

/* 1 / (1 + exp(-x)), without cancellation on either side. */
GBT_HD double gbt_unit_logistic(double x)
{
    const double e = gbt_exp(-fabs(x));
    const double larger = 1.0 / (1.0 + e);
    return gbt_f64_select(x < 0.0, e * larger, larger);
}

/* (exp(2 |x|) - 1) / (exp(2 |x|) + 1) with the sign of x. */
GBT_HD double gbt_unit_tanh(double x)
{
    const double twice = 2.0 * fabs(x);
    const double e = gbt_expm1(gbt_f64_select(twice > 44.0, 44.0, twice));
    const double size = e / (e + 2.0);
    return gbt_f64_select(x < 0.0, -size, size);
}

GBT_HD double gbt_unit_relu(double x)
{
    return gbt_f64_select(x > 0.0, x, 0.0);
}

#endif
