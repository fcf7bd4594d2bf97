/* Tiles of network inputs: memory, padding, copies of rows. */
#include <string.h>

#include "gbt/base/alloc.h"
#include "gbt/modules/mlp.h"

static int64_t tiles_of(int64_t n_rows)
{
    return (n_rows + GBT_TILE_ROWS - 1) / GBT_TILE_ROWS;
}

gbt_status gbt_tiles_open(gbt_tiles *t, int64_t capacity, int32_t n_dense, int32_t n_index)
{
    const int64_t padded = tiles_of(capacity) * GBT_TILE_ROWS;
    *t = (gbt_tiles){.capacity = capacity, .n_dense = n_dense, .n_index = n_index};
    t->dense = gbt_alloc_zero(padded, (size_t)n_dense * sizeof *t->dense);
    t->index = gbt_alloc(padded, (size_t)n_index * sizeof *t->index);
    if (t->dense == NULL || t->index == NULL) {
        return GBT_ERR_MEMORY;
    }
    memset(t->index, 0xff, (size_t)(padded * n_index) * sizeof *t->index); /* -1 */
    return GBT_OK;
}

void gbt_tiles_close(gbt_tiles *t)
{
    gbt_release(t->dense);
    gbt_release(t->index);
    *t = (gbt_tiles){0};
}

void gbt_tiles_resize(gbt_tiles *t, int64_t n_rows)
{
    t->n_rows = n_rows;
    for (int64_t row = n_rows; row < tiles_of(n_rows) * GBT_TILE_ROWS; row++) {
        for (int32_t c = 0; c < t->n_dense; c++) {
            t->dense[gbt_tile_at(row, c, t->n_dense)] = 0.0f;
        }
        for (int32_t c = 0; c < t->n_index; c++) {
            t->index[gbt_tile_at(row, c, t->n_index)] = -1;
        }
    }
}

void gbt_tiles_gather(const gbt_tiles *from, const int64_t *rows, int64_t n, gbt_tiles *to)
{
    for (int64_t first = 0; first < n; first += GBT_TILE_ROWS) {
        const int64_t count = n - first < GBT_TILE_ROWS ? n - first : GBT_TILE_ROWS;
        for (int32_t c = 0; c < from->n_dense; c++) {
            float *column = to->dense + gbt_tile_at(first, c, to->n_dense);
            for (int64_t i = 0; i < count; i++) {
                column[i] = from->dense[gbt_tile_at(rows[first + i], c, from->n_dense)];
            }
        }
        for (int32_t c = 0; c < from->n_index; c++) {
            int32_t *column = to->index + gbt_tile_at(first, c, to->n_index);
            for (int64_t i = 0; i < count; i++) {
                column[i] = from->index[gbt_tile_at(rows[first + i], c, from->n_index)];
            }
        }
    }
    gbt_tiles_resize(to, n);
}
