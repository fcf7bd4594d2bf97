/* Model files from any bytes. Each input is tried as it is and with its checksums and length
 * mended, so that the search gets behind them. A model that loads must pass what is asked of
 * any model: predictions on zeros and on missing values, dumps, importance, and the same bytes
 * when written again twice. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gbt/base/bytes.h"
#include "gbt/gbt.h"

enum { HEADER = 28, ENTRY = 16, MOST_NUMBERS = 1 << 20 };

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static uint64_t get(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Length, checksum of every section that lies inside, checksum of the header. */
static void mend(uint8_t *data, size_t size)
{
    if (size < HEADER) {
        return;
    }
    const uint64_t n_sections = get(data + 24, 4);
    const uint64_t head = HEADER + ENTRY * n_sections;
    if (n_sections > 64 || head + 4 > size) {
        return;
    }
    put(data + 16, size, 8);
    uint64_t at = head + 4;
    for (uint64_t s = 0; s < n_sections; s++) {
        uint8_t *entry = data + HEADER + ENTRY * s;
        const uint64_t length = get(entry + 8, 8);
        if (length > size - at) {
            break;
        }
        put(entry + 4, gbt_crc32(data + at, (size_t)length), 4);
        at += length;
    }
    put(data + head, gbt_crc32(data, (size_t)head), 4);
}

static void use_rows(const gbt_model *model, int64_t n_features, int64_t n_outputs, int64_t n_trees)
{
    const int64_t n_rows = n_features * 17 + n_outputs * 17 + n_trees * 17 < MOST_NUMBERS ? 17 : 0;
    float *x = calloc((size_t)(n_rows * n_features) + 1, sizeof *x);
    float *out = calloc((size_t)(n_rows * n_outputs) + 1, sizeof *out);
    int32_t *leaf = calloc((size_t)(n_rows * n_trees) + 1, sizeof *leaf);
    require(x && out && leaf);
    for (int64_t i = n_features; i < 2 * n_features && n_rows > 0; i++) {
        x[i] = NAN;
    }
    const gbt_matrix matrix = {x, GBT_F32, n_rows, n_features, n_features, 1};
    require(gbt_model_predict(model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 1, out,
                              n_rows * n_outputs) == GBT_OK);
    require(gbt_model_leaves(model, &matrix, 1, leaf, n_rows * n_trees) == GBT_OK);
    for (int64_t i = 0; i < n_rows * n_trees; i++) {
        int32_t n_leaves = 0;
        require(gbt_model_tree_leaves(model, (int32_t)(i % n_trees), &n_leaves) == GBT_OK);
        require(leaf[i] >= 0 && leaf[i] < n_leaves);
    }
    free(x);
    free(out);
    free(leaf);
}

static void use_model(gbt_model *model)
{
    int64_t n_features = 0, n_outputs = 0, n_trees = 0;
    char *text = NULL;
    size_t size = 0;
    require(gbt_model_shape(model, GBT_SHAPE_FEATURES, &n_features) == GBT_OK);
    require(gbt_model_shape(model, GBT_SHAPE_OUTPUTS, &n_outputs) == GBT_OK);
    require(gbt_model_shape(model, GBT_SHAPE_TREES, &n_trees) == GBT_OK);
    use_rows(model, n_features, n_outputs, n_trees);
    (void)gbt_model_verify(model);
    for (int format = GBT_DUMP_TEXT; format <= GBT_DUMP_DOT; format++) {
        require(gbt_model_dump(model, (gbt_dump_format)format, &text, &size) == GBT_OK);
        gbt_memory_free(text);
    }
    void *once = NULL, *twice = NULL;
    size_t once_size = 0, twice_size = 0;
    gbt_model *back = NULL;
    require(gbt_model_to_bytes(model, &once, &once_size) == GBT_OK);
    require(gbt_model_from_bytes(once, once_size, &back) == GBT_OK);
    require(gbt_model_to_bytes(back, &twice, &twice_size) == GBT_OK);
    require(once_size == twice_size && memcmp(once, twice, once_size) == 0);
    gbt_memory_free(once);
    gbt_memory_free(twice);
    gbt_model_free(back);
}

static void try_bytes(const uint8_t *data, size_t size)
{
    gbt_model *model = NULL;
    const gbt_status status = gbt_model_from_bytes(data, size, &model);
    require((status == GBT_OK) == (model != NULL));
    if (model) {
        use_model(model);
    }
    gbt_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    require(copy != NULL);
    memcpy(copy, data, size);
    try_bytes(copy, size);
    mend(copy, size);
    try_bytes(copy, size);
    free(copy);
    return 0;
}
