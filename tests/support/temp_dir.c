/* See temp_dir.h. */
#define _XOPEN_SOURCE 700
#include "tests/support/temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

bool temp_dir_open(temp_dir *dir)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0') {
        parent = "/tmp";
    }
    int length = snprintf(dir->path, sizeof dir->path, "%s/gbt-test-XXXXXX", parent);
    if (length < 0 || (size_t)length >= sizeof dir->path || mkdtemp(dir->path) == NULL) {
        dir->path[0] = '\0';
        return false;
    }
    return true;
}

void temp_dir_close(temp_dir *dir)
{
    if (dir->path[0] != '\0') {
        nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        dir->path[0] = '\0';
    }
}

void temp_dir_file(const temp_dir *dir, const char *name, char out[TEMP_DIR_PATH])
{
    snprintf(out, TEMP_DIR_PATH, "%s/%s", dir->path, name);
}

bool temp_dir_write(const temp_dir *dir, const char *name, const void *bytes, size_t size,
                    char out[TEMP_DIR_PATH])
{
    temp_dir_file(dir, name, out);
    FILE *file = fopen(out, "wb");
    if (file == NULL) {
        return false;
    }
    bool done = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && done;
}
