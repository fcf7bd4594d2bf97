/* Launches over the rows of many nodes: each node's rows are cut into tiles, and a block finds its
 * node by the number of its tile. A job is a struct that begins with a gbt_cuda_span. */
#ifndef GBT_CUDA_SPANS_CUH
#define GBT_CUDA_SPANS_CUH

#include "cuda/kernel.cuh"
#include "cuda/training.cuh"

/* The job of a tile: the last one whose first tile is not behind it. */
template <class J> GBT_DEVICE int32_t gbt_job_of_tile(const J *job, int32_t n, uint32_t tile)
{
    int32_t low = 0;
    int32_t high = n; /* the answer is in [low, high) */
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (job[middle].span.first_tile <= tile) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The rows [*first, *last) of the buffer that a tile has. */
GBT_DEVICE void gbt_rows_of_tile(const gbt_cuda_span &span, uint32_t tile, uint32_t tile_rows,
                                 uint32_t *first, uint32_t *last)
{
    const uint32_t before = (tile - span.first_tile) * tile_rows;
    const uint32_t left = span.n - before;
    *first = span.first + before;
    *last = *first + (left < tile_rows ? left : tile_rows);
}

/* The span of a node; moves *n_tiles behind its tiles. */
static inline gbt_cuda_span gbt_span_of(const gbt_cuda_node &node, int64_t tile_rows,
                                        int64_t *n_tiles)
{
    const gbt_cuda_span span = {node.first, node.n, static_cast<uint32_t>(*n_tiles), node.buffer};
    *n_tiles += gbt_cuda_parts_of(node.n, tile_rows);
    return span;
}

#endif
