/* The table of backends, and what every backend does the same way. */
#include "gbt/backend/backend.h"

#include <string.h>

static const gbt_backend_ops *const table[] = {&gbt_backend_cpu, &gbt_backend_ref};

gbt_status gbt_backend_find(const char *name, const gbt_backend_ops **out)
{
    *out = NULL;
    if (name == NULL) {
        return gbt_fail(GBT_ERR_ARGUMENT, "backend: the name is NULL; available: cpu, ref");
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(name, table[i]->name) == 0) {
            *out = table[i];
            return GBT_OK;
        }
    }
    if (strcmp(name, "cuda") == 0 || strncmp(name, "cuda:", 5) == 0) {
        return gbt_fail(GBT_ERR_UNSUPPORTED,
                        "backend cuda: this build has no CUDA backend; available: cpu, ref");
    }
    return gbt_fail(GBT_ERR_UNSUPPORTED, "backend '%.64s' is not known; available: cpu, ref", name);
}

int gbt_backend_available(const char *name)
{
    const gbt_backend_ops *ops = NULL;
    return gbt_backend_find(name, &ops) == GBT_OK ? 1 : 0;
}

void gbt_tree_add_binned(const gbt_tree *tree, const gbt_dataset *data, int64_t first, int64_t last,
                         float *scores)
{
    for (int64_t row = first; row < last; row++) {
        int32_t node = 0;
        while (tree->feature[node] >= 0) {
            const int32_t feature = tree->feature[node];
            const int32_t bin = gbt_bins_at(&data->bins, row, feature);
            node = gbt_tree_goes_left(tree, node, bin, data->cuts->n_bins[feature])
                       ? tree->left[node]
                       : tree->right[node];
        }
        scores[row] += tree->value[node];
    }
}
