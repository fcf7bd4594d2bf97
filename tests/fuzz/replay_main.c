/* Replays a fuzz target over the files of folders or over single files: the corpus as an ordinary
 * test. Fails when it finds no file, so an empty corpus cannot pass unnoticed. */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 when the file was read and replayed. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0;
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 0;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0) {
        size = (size_t)ftell(file);
    }
    rewind(file);
    data = malloc(size > 0 ? size : 1);
    int done = data != NULL && fread(data, 1, size, file) == size;
    fclose(file);
    if (done) {
        printf("%s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return done;
}

static int replay_folder(const char *path, int64_t *n_files)
{
    char name[4096];
    struct dirent *entry = NULL;
    int done = 1;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 0;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            done &= replay_file(name);
            *n_files += 1;
        }
    }
    closedir(folder);
    return done;
}

int main(int argc, char **argv)
{
    int64_t n_files = 0;
    int done = 1;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode)) {
            done &= replay_folder(argv[i], &n_files);
        } else {
            done &= replay_file(argv[i]);
            n_files += 1;
        }
    }
    printf("replayed %lld files\n", (long long)n_files);
    return done && n_files > 0 ? 0 : 1;
}
