/* The deals. A shuffle is that of Fisher and Yates [Durstenfeld64] with draws by position, so a
 * deal depends on seed and repeat alone. Cost: a pass over the rows; with groups a sort of them. */
#include "gbt/train/folds.h"

#include <stdlib.h>

#include "gbt/base/alloc.h"
#include "gbt/base/rng.h"

/* Streams of one deal. */
enum { DRAW_ROWS = 0, DRAW_FOLDS = 1, DRAW_GROUPS = 2 };

static uint64_t key_of(const gbt_fold_deal *deal, int stream)
{
    return gbt_rng_key(deal->seed, (uint64_t)deal->repeat, (uint64_t)stream, GBT_RNG_CV_FOLDS);
}

/* Shuffles row[0 .. n); `at` is the position of row[0] in the stream. */
static void shuffle(uint64_t key, int64_t at, int64_t n, int64_t *row)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)(gbt_rng_unit(key, (uint64_t)(at + i)) * (double)(i + 1));
        const int64_t swap = row[i];
        row[i] = row[j];
        row[j] = swap;
    }
}

/* The folds in the order in which they are dealt to: out [n_folds]. */
static void draw_turns(const gbt_fold_deal *deal, int64_t *out)
{
    for (int32_t f = 0; f < deal->n_folds; f++) {
        out[f] = f;
    }
    shuffle(key_of(deal, DRAW_FOLDS), 0, deal->n_folds, out);
}

static gbt_status refuse_few(const gbt_fold_deal *deal, int64_t n, const char *what)
{
    return gbt_fail(GBT_ERR_DATA, "%lld %s cannot be dealt into %d folds: each needs one",
                    (long long)n, what, (int)deal->n_folds);
}

/* ---- Single rows ----------------------------------------------------------------------------- */

/* The rows by class, ascending in each: order [n_rows]; first [n_classes + 1] where each begins. */
static void sort_by_class(const float *class_of, int32_t n_classes, int64_t n_rows, int64_t *first,
                          int64_t *order)
{
    for (int32_t c = 0; c <= n_classes; c++) {
        first[c] = 0;
    }
    for (int64_t i = 0; i < n_rows; i++) {
        first[class_of ? (int32_t)class_of[i] : 0]++;
    }
    int64_t end = 0;
    for (int32_t c = 0; c <= n_classes; c++) {
        const int64_t size = c < n_classes ? first[c] : 0;
        first[c] = end;
        end += size;
    }
    for (int64_t i = 0; i < n_rows; i++) {
        order[first[class_of ? (int32_t)class_of[i] : 0]++] = i;
    }
    for (int32_t c = n_classes; c > 0; c--) { /* each counter stands at the end of its class */
        first[c] = first[c - 1];
    }
    first[0] = 0;
}

gbt_status gbt_folds_deal_rows(const gbt_fold_deal *deal, const float *class_of, int32_t n_classes,
                               int32_t *fold)
{
    gbt_status status = GBT_OK;
    int64_t *order = NULL, *first = NULL, *turn = NULL;
    if (deal->n_rows < deal->n_folds) {
        return refuse_few(deal, deal->n_rows, "rows");
    }
    n_classes = class_of ? n_classes : 1;
    GBT_TRY_OR_DONE(GBT_NEW(order, deal->n_rows));
    GBT_TRY_OR_DONE(GBT_NEW(first, (int64_t)n_classes + 1));
    GBT_TRY_OR_DONE(GBT_NEW(turn, deal->n_folds));
    sort_by_class(class_of, n_classes, deal->n_rows, first, order);
    draw_turns(deal, turn);
    for (int32_t c = 0; c < n_classes; c++) {
        shuffle(key_of(deal, DRAW_ROWS), first[c], first[c + 1] - first[c], order + first[c]);
    }
    for (int64_t at = 0; at < deal->n_rows; at++) { /* a class begins where the last one ended */
        fold[order[at]] = (int32_t)turn[at % deal->n_folds];
    }
done:
    gbt_release(order);
    gbt_release(first);
    gbt_release(turn);
    return status;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

typedef struct member {
    int32_t group;
    int64_t row;
} member;

/* Members [first, first + size) of one group. */
typedef struct stretch {
    int64_t first, size;
    uint64_t draw;
} stretch;

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    return x->group != y->group ? (x->group > y->group) - (x->group < y->group)
                                : (x->row > y->row) - (x->row < y->row);
}

static int compare_stretches(const void *a, const void *b)
{
    const stretch *x = a, *y = b;
    return x->size != y->size   ? (x->size < y->size) - (x->size > y->size)
           : x->draw != y->draw ? (x->draw > y->draw) - (x->draw < y->draw)
                                : (x->first > y->first) - (x->first < y->first);
}

/* The rows by group: out [n_rows], owned by the caller. */
static gbt_status sort_members(const int32_t *group, int64_t n_rows, member **out)
{
    GBT_TRY(GBT_NEW(*out, n_rows));
    for (int64_t i = 0; i < n_rows; i++) {
        (*out)[i] = (member){group[i], i};
    }
    qsort(*out, (size_t)n_rows, sizeof **out, compare_members);
    return GBT_OK;
}

/* The groups as stretches of the sorted members: out [groups], owned by the caller. */
static gbt_status find_groups(const member *members, int64_t n_rows, uint64_t key, stretch **out,
                              int64_t *n_out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        n += i == 0 || members[i].group != members[i - 1].group;
    }
    GBT_TRY(GBT_NEW(*out, n));
    n = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        if (i == 0 || members[i].group != members[i - 1].group) {
            (*out)[n] = (stretch){i, 0, gbt_rng_u64(key, (uint64_t)n)};
            n++;
        }
        (*out)[n - 1].size++;
    }
    *n_out = n;
    return GBT_OK;
}

/* Each group to the fold with the fewest rows, the first in turn of equal ones. */
static void place_groups(const gbt_fold_deal *deal, const member *members, const stretch *groups,
                         int64_t n_groups, const int64_t *turn, int64_t *size, int32_t *fold)
{
    for (int32_t f = 0; f < deal->n_folds; f++) {
        size[f] = 0;
    }
    for (int64_t g = 0; g < n_groups; g++) {
        int32_t least = 0;
        for (int32_t f = 1; f < deal->n_folds; f++) {
            least = size[f] < size[least] ? f : least;
        }
        size[least] += groups[g].size;
        for (int64_t i = 0; i < groups[g].size; i++) {
            fold[members[groups[g].first + i].row] = (int32_t)turn[least];
        }
    }
}

gbt_status gbt_folds_deal_groups(const gbt_fold_deal *deal, const int32_t *group, int32_t *fold)
{
    gbt_status status = GBT_OK;
    member *members = NULL; /* [n_rows] by group */
    stretch *groups = NULL; /* [n_groups] largest first, equal ones in the order of draws */
    int64_t *turn = NULL;   /* [n_folds] */
    int64_t *size = NULL;   /* [n_folds] rows so far, by turn */
    int64_t n_groups = 0;
    GBT_TRY_OR_DONE(sort_members(group, deal->n_rows, &members));
    GBT_TRY_OR_DONE(
        find_groups(members, deal->n_rows, key_of(deal, DRAW_GROUPS), &groups, &n_groups));
    if (n_groups < deal->n_folds) {
        status = refuse_few(deal, n_groups, "groups");
        goto done;
    }
    qsort(groups, (size_t)n_groups, sizeof *groups, compare_stretches);
    GBT_TRY_OR_DONE(GBT_NEW(turn, deal->n_folds));
    GBT_TRY_OR_DONE(GBT_NEW(size, deal->n_folds));
    draw_turns(deal, turn);
    place_groups(deal, members, groups, n_groups, turn, size, fold);
done:
    gbt_release(members);
    gbt_release(groups);
    gbt_release(turn);
    gbt_release(size);
    return status;
}

gbt_status gbt_folds_check_groups(const int32_t *fold, const int32_t *group, int64_t n_rows)
{
    gbt_status status = GBT_OK;
    member *members = NULL;
    GBT_TRY(sort_members(group, n_rows, &members));
    for (int64_t i = 1; i < n_rows && status == GBT_OK; i++) {
        const int64_t a = members[i - 1].row, b = members[i].row;
        if (members[i - 1].group == members[i].group && fold[a] != fold[b]) {
            status =
                gbt_fail(GBT_ERR_DATA,
                         "the folds tear a group apart: rows %lld and %lld (from 0) are of one "
                         "group but not of one fold",
                         (long long)a, (long long)b);
        }
    }
    gbt_release(members);
    return status;
}

/* ---- Folds of the user ----------------------------------------------------------------------- */

/* First position in the ascending list whose number is not below `number`. */
static int32_t lower_bound(const int32_t *numbers, int32_t n, int32_t number)
{
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t mid = low + (high - low) / 2;
        if (numbers[mid] < number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

gbt_status gbt_folds_number(const int32_t *given, int64_t n_rows, int32_t *fold, int32_t *n_folds)
{
    int32_t numbers[GBT_MOST_FOLDS]; /* ascending */
    int32_t n = 0;
    int64_t n_out = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        const int32_t at = lower_bound(numbers, n, given[i]);
        n_out += given[i] < 0;
        if (given[i] < 0 || (at < n && numbers[at] == given[i])) {
            continue;
        }
        if (n == GBT_MOST_FOLDS) {
            return gbt_fail(GBT_ERR_DATA, "there are more than %d different fold numbers",
                            GBT_MOST_FOLDS);
        }
        for (int32_t k = n++; k > at; k--) {
            numbers[k] = numbers[k - 1];
        }
        numbers[at] = given[i];
    }
    if (n == 0 || (n == 1 && n_out == 0)) {
        return gbt_fail(GBT_ERR_DATA, "%s",
                        n == 0 ? "no row has a fold, so nothing can be held out"
                               : "all rows are in one fold, so nothing is left to train on");
    }
    for (int64_t i = 0; i < n_rows; i++) {
        fold[i] = given[i] < 0 ? -1 : lower_bound(numbers, n, given[i]);
    }
    *n_folds = n;
    return GBT_OK;
}

int64_t gbt_folds_split(const int32_t *fold, int64_t n_rows, int32_t which, int64_t *out)
{
    int64_t n_outside = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        n_outside += fold[i] != which;
    }
    for (int64_t i = 0, outside = 0, inside = n_outside; i < n_rows; i++) {
        out[fold[i] != which ? outside++ : inside++] = i;
    }
    return n_outside;
}
