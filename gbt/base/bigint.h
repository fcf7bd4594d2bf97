/* Unsigned integers of up to 3072 bits on the stack: enough for the exact decimal value of every
 * double and of every text that parse_real.c looks at. No allocation; overflow is our own mistake.
 * */
#ifndef GBT_BASE_BIGINT_H
#define GBT_BASE_BIGINT_H

#include <stdint.h>

enum { GBT_BIGINT_WORDS = 96 };

typedef struct gbt_bigint {
    int32_t n_words;                 /* without leading zero words; 0 for zero */
    uint32_t word[GBT_BIGINT_WORDS]; /* least significant first; only n_words of them are set */
} gbt_bigint;

void gbt_bigint_set(gbt_bigint *, uint64_t value);
void gbt_bigint_multiply_add(gbt_bigint *, uint32_t factor, uint32_t term); /* x * factor + term */
void gbt_bigint_multiply_power5(gbt_bigint *, int32_t exponent);            /* x * 5^exponent */
void gbt_bigint_shift_left(gbt_bigint *, int32_t bits);
void gbt_bigint_subtract(gbt_bigint *, const gbt_bigint *smaller);
void gbt_bigint_add(gbt_bigint *, const gbt_bigint *);
int gbt_bigint_compare(const gbt_bigint *, const gbt_bigint *); /* negative, 0, positive */
int32_t gbt_bigint_bits(
    const gbt_bigint *); /* position of the highest one bit, from 1; 0 for zero */

#endif
