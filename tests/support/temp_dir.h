/* A folder of its own for a test that writes files; removed with all that is in it. */
#ifndef GBT_TESTS_TEMP_DIR_H
#define GBT_TESTS_TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMP_DIR_PATH = 1024 };

typedef struct temp_dir {
    char path[TEMP_DIR_PATH / 2];
} temp_dir;

/* Makes a fresh folder below $TMPDIR or /tmp. False, and an empty path, when that fails. */
bool temp_dir_open(temp_dir *);

/* Removes the folder and everything below it. A folder that was never opened is left alone. */
void temp_dir_close(temp_dir *);

/* Path of the file `name` in the folder, which need not exist. */
void temp_dir_file(const temp_dir *, const char *name, char out[TEMP_DIR_PATH]);

/* Writes `size` bytes to the file `name`; `out` becomes its path. */
bool temp_dir_write(const temp_dir *, const char *name, const void *bytes, size_t size,
                    char out[TEMP_DIR_PATH]);

#endif
