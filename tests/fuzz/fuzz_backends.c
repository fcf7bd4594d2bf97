/* Differential target: a training case whose shape, layout and settings follow from the input goes
 * through ref and cpu, which must answer alike bit by bit. The first 8 bytes are the seed of the
 * cells and of all choices that the rest of the input leaves open; each further byte is one choice.
 * */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/parity/backend_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const case_limits limits = {.max_rows = 300, .max_features = 8, .max_cells = 1500};
    const size_t n_seed = size < sizeof(uint64_t) ? size : sizeof(uint64_t);
    uint64_t seed = 0;
    backend_case c;
    char message[DRIVE_MESSAGE];
    for (size_t i = 0; i < n_seed; i++) {
        seed |= (uint64_t)data[i] << (8 * i);
    }
    if (!backend_case_open(&c, seed, data + n_seed, size - n_seed, &limits)) {
        return 0;
    }
    if (!drive_against_ref(&gbt_backend_cpu, &c, message)) {
        fprintf(stderr, "%s\n", message);
        abort();
    }
    backend_case_close(&c);
    return 0;
}
