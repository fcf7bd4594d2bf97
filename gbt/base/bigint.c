/* Schoolbook arithmetic on 32-bit words. Cost: a pass over the words for every call. */
#include "gbt/base/bigint.h"

#include <assert.h>
#include <string.h>

static void push(gbt_bigint *x, uint64_t carry)
{
    if (carry > 0) {
        assert(x->n_words < GBT_BIGINT_WORDS);
        x->word[x->n_words++] = (uint32_t)carry;
    }
}

static void drop_zeros(gbt_bigint *x)
{
    while (x->n_words > 0 && x->word[x->n_words - 1] == 0) {
        x->n_words--;
    }
}

void gbt_bigint_set(gbt_bigint *x, uint64_t value)
{
    x->n_words = 2;
    x->word[0] = (uint32_t)value;
    x->word[1] = (uint32_t)(value >> 32);
    drop_zeros(x);
}

void gbt_bigint_multiply_add(gbt_bigint *x, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (int32_t i = 0; i < x->n_words; i++) {
        carry += (uint64_t)x->word[i] * factor;
        x->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push(x, carry);
}

void gbt_bigint_multiply_power5(gbt_bigint *x, int32_t exponent)
{
    const uint32_t power13 = 1220703125u; /* 5^13, the largest in one word */
    for (; exponent >= 13; exponent -= 13) {
        gbt_bigint_multiply_add(x, power13, 0);
    }
    uint32_t rest = 1;
    for (; exponent > 0; exponent--) {
        rest *= 5;
    }
    gbt_bigint_multiply_add(x, rest, 0);
}

void gbt_bigint_shift_left(gbt_bigint *x, int32_t bits)
{
    int32_t words = bits / 32;
    if (x->n_words == 0) {
        return;
    }
    if (words > 0) {
        assert(x->n_words + words <= GBT_BIGINT_WORDS);
        memmove(x->word + words, x->word, (size_t)x->n_words * sizeof x->word[0]);
        memset(x->word, 0, (size_t)words * sizeof x->word[0]);
        x->n_words += words;
    }
    gbt_bigint_multiply_add(x, (uint32_t)1 << (bits % 32), 0);
}

void gbt_bigint_subtract(gbt_bigint *x, const gbt_bigint *smaller)
{
    uint64_t borrow = 0;
    for (int32_t i = 0; i < x->n_words; i++) {
        uint64_t word = i < smaller->n_words ? smaller->word[i] : 0;
        uint64_t difference = (uint64_t)x->word[i] - word - borrow;
        x->word[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    assert(borrow == 0);
    drop_zeros(x);
}

void gbt_bigint_add(gbt_bigint *x, const gbt_bigint *y)
{
    uint64_t carry = 0;
    for (int32_t i = 0; i < y->n_words || (carry > 0 && i < x->n_words); i++) {
        if (i == x->n_words) {
            assert(x->n_words < GBT_BIGINT_WORDS);
            x->word[x->n_words++] = 0;
        }
        carry += (uint64_t)x->word[i] + (i < y->n_words ? y->word[i] : 0);
        x->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push(x, carry);
}

int gbt_bigint_compare(const gbt_bigint *x, const gbt_bigint *y)
{
    if (x->n_words != y->n_words) {
        return x->n_words < y->n_words ? -1 : 1;
    }
    for (int32_t i = x->n_words - 1; i >= 0; i--) {
        if (x->word[i] != y->word[i]) {
            return x->word[i] < y->word[i] ? -1 : 1;
        }
    }
    return 0;
}

int32_t gbt_bigint_bits(const gbt_bigint *x)
{
    int32_t bits = 32 * x->n_words;
    if (bits > 0) {
        for (uint32_t top = x->word[x->n_words - 1]; top < 0x80000000u; top <<= 1) {
            bits--;
        }
    }
    return bits;
}
