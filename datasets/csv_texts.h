/* The distinct texts of one column while it is being read: text -> code in order of arrival, and at
 * the end the sorted dictionary. Looking up and adding never allocates, so threads can work on
 * different columns side by side; room is made before and texts are copied after. */
#ifndef GBT_DATASETS_CSV_TEXTS_H
#define GBT_DATASETS_CSV_TEXTS_H

#include "datasets/table.h"

typedef struct gbt_csv_pool gbt_csv_pool;

typedef struct gbt_csv_texts { /* a zeroed one is empty */
    gbt_slice *text;           /* [capacity] */
    uint32_t *hash;            /* [capacity] */
    int32_t n, n_kept;         /* texts, and how many of them are copied */
    int64_t capacity;
    int32_t *slot;      /* [n_slots] code or -1; open addressing */
    int64_t n_slots;    /* a power of two, at least twice the capacity */
    gbt_csv_pool *pool; /* the copies */
} gbt_csv_texts;

/* Room for `n_more` texts. GBT_ERR_FORMAT beyond 2^31 - 1 texts. */
gbt_status gbt_csv_texts_reserve(gbt_csv_texts *, int64_t n_more);

/* The code of a text, which is added when new and then borrowed until gbt_csv_texts_keep(). */
int32_t gbt_csv_texts_code(gbt_csv_texts *, gbt_slice);

/* Copies the texts that are still borrowed. */
gbt_status gbt_csv_texts_keep(gbt_csv_texts *);

/* The dictionary and rank[code] = position in it, [n], owned by the caller. */
gbt_status gbt_csv_texts_finish(const gbt_csv_texts *, gbt_dictionary *out, int32_t **rank);

/* The end of a column: its dictionary, and the codes of its rows as positions in it. Closes the
 * texts. */
gbt_status gbt_csv_texts_settle(gbt_csv_texts *, int threads, int64_t n_rows, gbt_table_column *);

void gbt_csv_texts_close(gbt_csv_texts *);

#endif
